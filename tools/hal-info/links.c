/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info links: bandwidth between devices. */
#include "tools/hal-info/links.h"

#include <stdlib.h>
#include <string.h>

#include "tools/hal-info/document.h"

uint32_t link_device(const hal_topology *t, hal_link_end end)
{
    if (end.kind == HAL_END_DEVICE)
        return end.index;
    if (end.kind != HAL_END_MEMORY)
        return HAL_NOWHERE;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (d->kind != HAL_DEVICE_CPU)
            continue;
        for (uint32_t j = 0; j < d->n_memories; j++)
            if (d->memories[j] == end.index)
                return k;
    }
    return HAL_NOWHERE;
}

/* A known bandwidth is better than none, and a larger one better than a smaller. */
bool link_better(const hal_topology_link *a, const hal_topology_link *b)
{
    if (!b)
        return true;
    if (figure_known(a->bandwidth) != figure_known(b->bandwidth))
        return figure_known(a->bandwidth);
    return figure_known(a->bandwidth) && a->bandwidth.value > b->bandwidth.value;
}

bool link_grid_create(const hal_topology *t, link_grid *out)
{
    const uint32_t n = hal_topology_device_count(t);
    link_grid g = {.n = n, .best = calloc((size_t)n * n + 1, sizeof *g.best)};
    if (!g.best)
        return false;
    for (uint32_t k = 0; k < hal_topology_link_count(t); k++) {
        const hal_topology_link *l = hal_topology_link_at(t, k);
        const uint32_t from = link_device(t, l->from), to = link_device(t, l->to);
        if (from >= n || to >= n || from == to)
            continue;
        const hal_topology_link **at = &g.best[(size_t)from * n + to];
        if (link_better(l, *at))
            *at = l;
    }
    *out = g;
    return true;
}

void link_grid_clear(link_grid *g)
{
    free(g->best);
    *g = (link_grid){0};
}

/* --- the matrix --- */

static void matrix_cell(table *rows, const hal_topology_link *l, bool path, bool self)
{
    char figure[FIGURE_SIZE];
    if (self)
        table_cell(rows, TONE_FAINT, "X");
    else if (!l)
        table_cell(rows, TONE_FAINT, ".");
    else if (l->copy_mode == HAL_COPY_NONE)
        table_cell(rows, TONE_BAD, "none");
    else if (!path)
        table_cell(rows, TONE_PLAIN, "%s", figure_scaled(l->bandwidth, 1e9, figure));
    else if (strcmp(l->path, "NVL") == 0 && l->lanes)
        table_cell(rows, TONE_PLAIN, "NV%u", l->lanes);
    else
        table_cell(rows, TONE_PLAIN, "%s", l->path[0] ? l->path : l->kind);
}

enum { MOST_IN_MATRIX = 64, CELL = 8 };

/* The devices of a matrix; 0 when there is nothing to show. */
static uint32_t choose(const hal_topology *t, const link_grid *g, uint32_t *chosen)
{
    uint32_t n = 0, links = 0;
    for (uint32_t k = 0; k < g->n; k++) {
        if (!device_computes(hal_topology_device_at(t, k)))
            continue;
        if (n == MOST_IN_MATRIX)
            return 0;
        chosen[n++] = k;
    }
    for (uint32_t a = 0; a < n; a++)
        for (uint32_t b = 0; b < n; b++)
            links += link_at(g, chosen[a], chosen[b]) != NULL;
    return links ? n : 0;
}

/* Columns `from` to `to` of the matrix. */
static table *matrix_part(const hal_topology *t, const link_grid *g, const uint32_t *chosen, uint32_t n,
                          bool path, uint32_t from, uint32_t to)
{
    table *rows = table_create();
    table_column(rows, "", 0, 0);
    for (uint32_t k = from; k < to; k++)
        table_column(rows, hal_topology_device_at(t, chosen[k])->alias, TABLE_RIGHT, 0);
    for (uint32_t a = 0; a < n; a++) {
        table_row(rows);
        table_cell(rows, TONE_STRONG, "%s", hal_topology_device_at(t, chosen[a])->alias);
        for (uint32_t b = from; b < to; b++)
            matrix_cell(rows, link_at(g, chosen[a], chosen[b]), path, a == b);
    }
    return rows;
}

table *links_matrix(const hal_topology *t, bool path)
{
    link_grid g;
    uint32_t chosen[MOST_IN_MATRIX];
    if (!link_grid_create(t, &g))
        return NULL;
    const uint32_t n = choose(t, &g, chosen);
    table *rows = n ? matrix_part(t, &g, chosen, n, path, 0, n) : NULL;
    link_grid_clear(&g);
    return rows;
}

/* Whether any devices have a link that a matrix shows. */
static bool is_matrix(const hal_topology *t)
{
    link_grid g;
    uint32_t chosen[MOST_IN_MATRIX];
    if (!link_grid_create(t, &g))
        return false;
    const uint32_t n = choose(t, &g, chosen);
    link_grid_clear(&g);
    return n > 0;
}

int links_matrix_print(info *i, bool path, tool_error *err)
{
    link_grid g;
    uint32_t chosen[MOST_IN_MATRIX];
    if (!link_grid_create(i->topology, &g))
        return tool_fail(err, TOOL_INTERNAL, "out of memory");
    const uint32_t n = choose(i->topology, &g, chosen),
                   fits = i->style.markdown || i->style.width == UINT32_MAX ? n : (i->style.width - 8) / CELL;
    int code = TOOL_OK;
    for (uint32_t from = 0; from < n && !code; from += fits) {
        table *rows = matrix_part(i->topology, &g, chosen, n, path, from, from + fits < n ? from + fits : n);
        fprintf(i->out, "\n%s%s", path ? "path\n" : "GB/s one way\n", i->style.markdown ? "\n" : "");
        code = table_print(rows, &i->style, i->out, err);
        table_free(rows);
    }
    link_grid_clear(&g);
    return code;
}

/* --- rows --- */

const char *link_end_name(const hal_topology *t, hal_link_end end)
{
    const hal_topology_device *d = end.kind == HAL_END_DEVICE ? hal_topology_device_at(t, end.index) : NULL;
    const hal_topology_memory *m = end.kind == HAL_END_MEMORY ? hal_topology_memory_at(t, end.index) : NULL;
    const hal_topology_place *p = end.kind == HAL_END_PLACE ? hal_topology_place_at(t, end.index) : NULL;
    return d ? d->alias : m ? m->id : p ? p->id : "-";
}

/* What was measured beside what is declared, and what share of it that is. */
static void add_bandwidth(table *rows, const hal_topology_link *l)
{
    const bool measured = figure_measured(l->bandwidth);
    char figure[FIGURE_SIZE];
    table_cell(rows, TONE_PLAIN, "%s", measured ? figure_any(l->bandwidth, figure) : "-");
    table_cell(rows, TONE_PLAIN, "%s", figure_any(l->declared, figure));
    table_cell(rows, TONE_PLAIN, "%s", measured ? figure_share(l->bandwidth, l->declared, figure) : "-");
}

static void add_row(table *rows, const hal_topology *t, const hal_topology_link *l)
{
    char figure[FIGURE_SIZE];
    table_row(rows);
    table_cell(rows, TONE_PLAIN, "%s", link_end_name(t, l->from));
    table_cell(rows, TONE_PLAIN, "%s", link_end_name(t, l->to));
    table_cell(rows, TONE_PLAIN, "%s", l->kind);
    table_cell(rows, TONE_PLAIN, "%s", l->path);
    add_bandwidth(rows, l);
    table_cell(rows, TONE_PLAIN, "%s", figure_any(l->latency, figure));
    table_cell(rows, TONE_PLAIN, "%s", figure_date(l->bandwidth, figure));
    table_cell(rows, TONE_PLAIN, "%s%s", hal_copy_mode_name(l->copy_mode), l->verified ? ", verified" : "");
    if (l->lanes)
        table_cell(rows, TONE_PLAIN, "%u", l->lanes);
    else
        table_cell(rows, TONE_PLAIN, "-");
    if (l->hops)
        table_cell(rows, TONE_PLAIN, "%u", l->hops);
    else
        table_cell(rows, TONE_PLAIN, "-");
    table_cell(rows, TONE_PLAIN, "%s", l->via);
}

static table *row_table(void)
{
    table *rows = table_create();
    table_column(rows, "FROM", TABLE_CUT, 0);
    table_column(rows, "TO", TABLE_CUT, 0);
    table_column(rows, "KIND", 0, 0);
    table_column(rows, "PATH", 0, 1);
    table_column(rows, "MEASURED", TABLE_RIGHT, 0);
    table_column(rows, "DECLARED", TABLE_RIGHT, 0);
    table_column(rows, "OF IT", TABLE_RIGHT, 2);
    table_column(rows, "LATENCY", TABLE_RIGHT, 4);
    table_column(rows, "ON", 0, 3);
    table_column(rows, "COPY", 0, 2);
    table_column(rows, "LANES", TABLE_RIGHT, 5);
    table_column(rows, "HOPS", TABLE_RIGHT, 5);
    table_column(rows, "VIA", TABLE_CUT, 6);
    return rows;
}

static int print_rows(info *i, uint32_t device, tool_error *err)
{
    const hal_topology *t = i->topology;
    table *rows = row_table();
    for (uint32_t k = 0; k < hal_topology_link_count(t); k++) {
        const hal_topology_link *l = hal_topology_link_at(t, k);
        const bool from = l->from.kind == HAL_END_DEVICE && l->from.index == device,
                   to = l->to.kind == HAL_END_DEVICE && l->to.index == device;
        if (device == HAL_NOWHERE || from || to)
            add_row(rows, t, l);
    }
    int code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    return code;
}

/* --- the summary: links that are alike in one line --- */

/* The slowest and the fastest; unknown when none is known. */
typedef struct range {
    hal_figure least, most;
} range;

typedef struct alike {
    const char *kind, *path;
    uint32_t count;
    range declared, measured;
} alike;

enum { MOST_ALIKE = 64 };

static void widen(range *r, hal_figure f)
{
    if (!figure_known(f))
        return;
    if (!figure_known(r->least) || f.value < r->least.value)
        r->least = f;
    if (!figure_known(r->most) || f.value > r->most.value)
        r->most = f;
}

static void count_link(alike *groups, uint32_t *n, const hal_topology_link *l)
{
    uint32_t k = 0;
    while (k < *n && (strcmp(groups[k].kind, l->kind) || strcmp(groups[k].path, l->path)))
        k++;
    if (k == MOST_ALIKE)
        return;
    if (k == *n)
        groups[(*n)++] = (alike){.kind = l->kind, .path = l->path};
    groups[k].count++;
    widen(&groups[k].declared, l->declared);
    if (figure_measured(l->bandwidth))
        widen(&groups[k].measured, l->bandwidth);
}

static void range_cell(table *rows, const range *r)
{
    char least[FIGURE_SIZE], most[FIGURE_SIZE];
    if (r->least.value == r->most.value)
        table_cell(rows, TONE_PLAIN, "%s", figure_any(r->most, most));
    else
        table_cell(rows, TONE_PLAIN, "%s .. %s", figure_any(r->least, least), figure_any(r->most, most));
}

int links_summary(info *i, tool_error *err)
{
    alike groups[MOST_ALIKE];
    uint32_t n = 0;
    for (uint32_t k = 0; k < hal_topology_link_count(i->topology); k++)
        count_link(groups, &n, hal_topology_link_at(i->topology, k));
    if (!n)
        return TOOL_OK;
    table *rows = table_create();
    table_column(rows, "LINKS", 0, 0);
    table_column(rows, "PATH", 0, 1);
    table_column(rows, "NUMBER", TABLE_RIGHT, 0);
    table_column(rows, "DECLARED", TABLE_RIGHT, 0);
    table_column(rows, "MEASURED", TABLE_RIGHT, 0);
    for (uint32_t k = 0; k < n; k++) {
        table_row(rows);
        table_cell(rows, TONE_PLAIN, "%s", groups[k].kind);
        table_cell(rows, TONE_PLAIN, "%s", groups[k].path);
        table_cell(rows, TONE_PLAIN, "%u", groups[k].count);
        range_cell(rows, &groups[k].declared);
        range_cell(rows, &groups[k].measured);
    }
    fputc('\n', i->out);
    int code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    return code;
}

/* --- nearest network cards --- */

static bool nearer(const hal_topology_link *a, const hal_topology_link *b)
{
    static const char *const order[] = {"PIX", "PXB", "PXN", "PHB", "SYS"};
    uint32_t x = 9, y = 9;
    for (uint32_t k = 0; k < 5; k++) {
        if (strcmp(a->path, order[k]) == 0)
            x = k;
        if (strcmp(b->path, order[k]) == 0)
            y = k;
    }
    if (x != y)
        return x < y;
    if (a->hops != b->hops && a->hops && b->hops)
        return a->hops < b->hops;
    return link_better(a, b) && figure_known(b->bandwidth) && a->bandwidth.value > b->bandwidth.value;
}

static void print_nearest(info *i, const link_grid *g)
{
    const hal_topology *t = i->topology;
    char text[4096] = "";
    for (uint32_t a = 0; a < g->n; a++) {
        const hal_topology_device *d = hal_topology_device_at(t, a);
        uint32_t best = HAL_NOWHERE;
        if (!device_computes(d) || d->kind == HAL_DEVICE_CPU)
            continue;
        for (uint32_t b = 0; b < g->n; b++)
            if (hal_topology_device_at(t, b)->kind == HAL_DEVICE_NIC && link_at(g, a, b) &&
                (best == HAL_NOWHERE || nearer(link_at(g, a, b), link_at(g, a, best))))
                best = b;
        if (best == HAL_NOWHERE)
            continue;
        const size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%s %s %s",
                 used ? ", " : "nearest network card: ", d->alias, hal_topology_device_at(t, best)->alias,
                 link_at(g, a, best)->path);
    }
    if (!text[0])
        return;
    fputc('\n', i->out);
    style_wrap(&i->style, i->out, 0, text);
}

int links_print(info *i, tool_error *err)
{
    const hal_topology *t = i->topology;
    const hal_topology_device *d;
    link_grid g;
    if (i->options->n_words) {
        int code = machine_device(t, i->options->words[0], &d, err);
        return code ? code : print_rows(i, hal_topology_device_find(t, d->id), err);
    }
    if (!hal_topology_link_count(t))
        return fputs("no source says how devices are linked\n", i->out) < 0;
    int code = links_matrix_print(i, false, err);
    if (!code)
        code = links_matrix_print(i, true, err);
    if (code)
        return code;
    fputs(i->style.markdown ? "\n" : "", i->out);
    style_hint(&i->style, i->out, figure_legend());
    if (is_matrix(t))
        style_hint(&i->style, i->out,
               "X itself  . nothing known; paths as NCCL names them: NV# bonded NVLinks, PIX one PCIe "
               "switch, PXB several, "
               "PHB through the host bridge, NODE across bridges of a NUMA node, SYS across sockets");
    if (link_grid_create(t, &g)) {
        print_nearest(i, &g);
        link_grid_clear(&g);
    }
    code = links_summary(i, err);
    if (code || !i->options->wide)
        return code;
    fputc('\n', i->out);
    return print_rows(i, HAL_NOWHERE, err);
}

int links_data(info *i, json_t **root, tool_error *err)
{
    return document_members(i, "links", i->options->n_words ? i->options->words[0] : NULL, root, err);
}
