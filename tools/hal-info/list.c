/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info list: every device in a row. */
#include "tools/hal-info/info.h"

#include <string.h>

enum { LARGEST_MATRIX = 12 };

static void add_row(table *rows, const hal_topology *t, const hal_topology_device *d)
{
    char name[160], state[64], indices[256], a[FIGURE_SIZE], b[FIGURE_SIZE], c[FIGURE_SIZE];
    info_tone tone;
    const hal_topology_memory *memory = device_memory(t, d);
    const char *shown = device_state(d, state, &tone);
    table_row(rows);
    table_cell(rows, TONE_STRONG, "%s", d->alias);
    table_cell(rows, TONE_PLAIN, "%s", device_name(d, name));
    table_cell(rows, TONE_PLAIN, "%s", d->address[0] ? d->address : "-");
    if (d->numa == HAL_NOWHERE)
        table_cell(rows, TONE_FAINT, "-");
    else
        table_cell(rows, TONE_PLAIN, "%u", d->numa);
    table_cell(rows, TONE_PLAIN, "%s", memory ? figure_free_of(memory->free, memory->capacity, a) : "-");
    table_cell(rows, TONE_PLAIN, "%s", figure_scaled(device_rate(d, "bf16"), 1e12, b));
    table_cell(rows, TONE_PLAIN, "%s", memory ? figure_scaled(memory->bandwidth, 1e9, c) : "-");
    table_cell(rows, TONE_PLAIN, "%s", d->link_text[0] ? d->link_text : "-");
    table_cell(rows, tone, "%s", shown);
    table_cell(rows, TONE_FAINT, "%s", device_indices(d, indices, sizeof indices));
}

table *list_table(const hal_topology *t)
{
    table *rows = table_create();
    table_column(rows, "ID", 0, 0);
    table_column(rows, "NAME", TABLE_CUT, 0);
    table_column(rows, "ADDRESS", 0, 2);
    table_column(rows, "NUMA", TABLE_RIGHT, 3);
    table_column(rows, "MEMORY free/total", TABLE_RIGHT, 1);
    table_column(rows, "BF16 TF/s", TABLE_RIGHT, 4);
    table_column(rows, "MEM GB/s", TABLE_RIGHT, 4);
    table_column(rows, "LINK", 0, 5);
    table_column(rows, "STATE", 0, 0);
    table_column(rows, "ELSEWHERE", 0, 6);
    for (uint32_t i = 0; i < hal_topology_device_count(t); i++)
        add_row(rows, t, hal_topology_device_at(t, i));
    return rows;
}

static void print_head(const info *i)
{
    const hal_topology_host *host = hal_topology_host_of(i->topology);
    char text[512], limit[FIGURE_SIZE];
    const char *const parts[][2] = {{"  ", host->name},
                                    {"  ", host->os},
                                    {" ", host->kernel},
                                    {"  ", host->arch},
                                    {"  in ", host->container}};
    snprintf(text, sizeof text, "hal %s", hal_version());
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (parts[k][1][0])
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", parts[k][0], parts[k][1]);
    style_wrap(&i->style, i->out, 0, text);
    if (host->origin[0] && (i->options->input || !i->options->redact)) {
        snprintf(text, sizeof text, "described by %.400s, not this machine", host->origin);
        style_wrap(&i->style, i->out, 0, text);
    }
    if (figure_known(host->cpu_limit) || figure_known(host->memory_limit)) {
        snprintf(text, sizeof text, "limits of this process:");
        if (figure_known(host->cpu_limit))
            snprintf(text + strlen(text), sizeof text - strlen(text), " %g processors",
                     host->cpu_limit.value);
        if (figure_known(host->memory_limit))
            snprintf(text + strlen(text), sizeof text - strlen(text), " %s of memory",
                     figure_bytes(host->memory_limit, limit));
        style_wrap(&i->style, i->out, 0, text);
    }
}

/* What is wrong and belongs to no device would go unseen in a list of devices. */
static void print_machine(const info *i)
{
    char text[400];
    for (uint32_t k = 0; k < hal_topology_diagnostic_count(i->topology); k++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(i->topology, k);
        if (d->device != HAL_NOWHERE || d->severity == HAL_SEVERITY_NOTE)
            continue;
        snprintf(text, sizeof text, "%s: %.200s why: hal-info doctor", d->code, d->summary);
        style_wrap(&i->style, i->out, 0, text);
        return;
    }
}

static void print_count(const info *i)
{
    const hal_topology *t = i->topology;
    const hal_topology_device *first = NULL;
    uint32_t by[8] = {0}, n = hal_topology_device_count(t);
    for (uint32_t k = 0; k < n; k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        by[d->usability == HAL_USABLE_NOT_PROBED && !device_computes(d) ? 6 : d->usability & 7]++;
        if (!first && (d->usability == HAL_USABLE_BROKEN || d->usability == HAL_USABLE_DEGRADED))
            first = d;
    }
    char text[512];
    snprintf(text, sizeof text, "%u device%s", n, n == 1 ? "" : "s");
    static const char *const words[] = {
        "not probed yet", "ready", "degraded", "unusable", "hidden", "without a backend", "not for computing"};
    for (uint32_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if (by[k])
            snprintf(text + strlen(text), sizeof text - strlen(text), ", %u %s", by[k], words[k]);
    if (first)
        snprintf(text + strlen(text), sizeof text - strlen(text), "; why: hal-info doctor %.40s",
                 first->alias);
    style_wrap(&i->style, i->out, 0, text);
    print_machine(i);
    fputc('\n', i->out);
}

static void print_tiers(const info *i)
{
    const hal_topology *t = i->topology;
    double bytes[8] = {0};
    const hal_topology_memory *sample[8] = {0};
    char text[FIGURE_SIZE], line[512] = "Memory tiers";
    uint32_t n = 0;
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++) {
        const hal_topology_memory *m = hal_topology_memory_at(t, k);
        if (m->tier >= 8 || !figure_known(m->capacity))
            continue;
        n += sample[m->tier] == NULL;
        sample[m->tier] = m;
        bytes[m->tier] += m->capacity.value;
    }
    if (!n)
        return;
    for (uint32_t k = 0; k < 8; k++)
        if (sample[k])
            snprintf(
                line + strlen(line), sizeof line - strlen(line), "  T%u %s %s", k,
                hal_memory_kind_name(sample[k]->kind),
                figure_bytes((hal_figure){.value = bytes[k], .source = sample[k]->capacity.source}, text));
    fputc('\n', i->out);
    style_wrap(&i->style, i->out, 0, line);
}

/* A matrix of many devices is left to the verb links. */
static int print_matrix(info *i, tool_error *err)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < hal_topology_device_count(i->topology); k++)
        n += device_computes(hal_topology_device_at(i->topology, k));
    return n < 2 || n > LARGEST_MATRIX ? TOOL_OK : links_matrix_print(i, false, err);
}

int list_print(info *i, tool_error *err)
{
    table *rows = list_table(i->topology);
    print_head(i);
    print_count(i);
    int code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    if (code)
        return code;
    fputs(i->style.markdown ? "\n" : "", i->out);
    style_hint(&i->style, i->out, figure_legend());
    code = print_matrix(i, err);
    if (code)
        return code;
    print_tiers(i);
    if (!i->style.markdown)
        style_hint(&i->style, i->out,
                   "Next: hal-info topo --svg box.svg | hal-info links | hal-info mem | hal-info doctor");
    return TOOL_OK;
}
