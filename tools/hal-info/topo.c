/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info topo: what is inside what, as a tree. */
#include "tools/hal-info/info.h"

#include <stdlib.h>
#include <string.h>

enum { DEEPEST = 24, INDENT = 3 };

typedef struct branch {
    info *i;
    bool *holds;        /* a place: has a device or memory somewhere inside */
    bool more[DEEPEST]; /* a level: whether something follows below */
    uint32_t depth;
} branch;

/* What a place holds directly, in the order it is printed: memories, devices, places. */
static uint32_t count_inside(const branch *b, uint32_t place)
{
    const hal_topology *t = b->i->topology;
    uint32_t n = 0;
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        n += hal_topology_memory_at(t, k)->place == place;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        n += hal_topology_device_at(t, k)->place == place;
    for (uint32_t k = place + 1; k < hal_topology_place_count(t); k++)
        n += hal_topology_place_at(t, k)->parent == place && b->holds[k];
    return n;
}

static void lead(const branch *b, bool last)
{
    const bool lines = b->i->style.utf8;
    for (uint32_t k = 1; k < b->depth; k++)
        fputs(!b->more[k] ? "   " : lines ? "\u2502  " : "|  ", b->i->out);
    if (b->depth)
        fputs(last ? lines ? "\u2514\u2500 " : "`- " : lines ? "\u251c\u2500 " : "|- ", b->i->out);
}

static void put(const branch *b, bool last, const char *text)
{
    char clean[1024];
    const info_style *s = &b->i->style;
    const uint32_t used = b->depth * INDENT;
    style_clean(s, text, clean, sizeof clean);
    lead(b, last);
    const uint32_t room = s->width == UINT32_MAX ? UINT32_MAX : s->width > used + 20 ? s->width - used : 20;
    fprintf(b->i->out, "%.*s\n", (int)style_fit(s, clean, room), clean);
}

static void add(char *text, size_t size, const char *format, const char *value)
{
    const size_t used = strlen(text);
    if (value[0] && strcmp(value, "-"))
        snprintf(text + used, size - used, format, value);
}

static void put_memory(const branch *b, const hal_topology_memory *m, bool last)
{
    char text[512], figure[FIGURE_SIZE];
    snprintf(text, sizeof text, "%s %s", hal_memory_kind_name(m->kind), m->id);
    add(text, sizeof text, "  %s", figure_free_of(m->free, m->capacity, figure));
    add(text, sizeof text, "  %s", figure_any(m->bandwidth, figure));
    put(b, last, text);
}

static void put_device(const branch *b, const hal_topology_device *d, bool last)
{
    char text[1024], name[160], state[64], figure[FIGURE_SIZE];
    info_tone tone;
    const char *word = device_state(d, state, &tone);
    snprintf(text, sizeof text, "%s  %.150s", d->alias, device_name(d, name));
    if (strcmp(device_name(d, name), "-") == 0)
        snprintf(text, sizeof text, "%s", d->alias);
    add(text, sizeof text, "  %s", d->address);
    add(text, sizeof text, "  %s", d->link_text);
    add(text, sizeof text, "  %s", figure_any(d->link_now, figure));
    if (d->usability != HAL_USABLE_READY && d->usability != HAL_USABLE_NOT_PROBED)
        add(text, sizeof text, "  [%s]", word);
    put(b, last, text);
}

static void put_place(const branch *b, const hal_topology_place *p, bool last)
{
    char text[512], number[64] = "", figure[FIGURE_SIZE];
    snprintf(text, sizeof text, "%s", p->id);
    if (strcmp(p->name, p->id))
        add(text, sizeof text, "  %s", p->name);
    if (p->cores)
        snprintf(number, sizeof number, "%u cores, %u threads", p->cores, p->threads ? p->threads : p->cores);
    add(text, sizeof text, "  %s", number);
    add(text, sizeof text, "  up %s", figure_any(p->uplink, figure));
    put(b, last, text);
}

static void walk(branch *b, uint32_t place)
{
    const hal_topology *t = b->i->topology;
    uint32_t left = count_inside(b, place);
    if (b->depth + 1 >= DEEPEST)
        return;
    b->depth++;
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        if (hal_topology_memory_at(t, k)->place == place)
            put_memory(b, hal_topology_memory_at(t, k), --left == 0);
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        if (hal_topology_device_at(t, k)->place == place)
            put_device(b, hal_topology_device_at(t, k), --left == 0);
    for (uint32_t k = place + 1; k < hal_topology_place_count(t); k++) {
        const hal_topology_place *p = hal_topology_place_at(t, k);
        if (p->parent != place || !b->holds[k])
            continue;
        put_place(b, p, --left == 0);
        b->more[b->depth] = left > 0;
        walk(b, k);
    }
    b->depth--;
}

/* Places that hold nothing that is listed would only make the tree long. */
static void mark(const hal_topology *t, bool *holds)
{
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        if (hal_topology_memory_at(t, k)->place != HAL_NOWHERE)
            holds[hal_topology_memory_at(t, k)->place] = true;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        if (hal_topology_device_at(t, k)->place != HAL_NOWHERE)
            holds[hal_topology_device_at(t, k)->place] = true;
    for (uint32_t k = hal_topology_place_count(t); k-- > 1;)
        if (holds[k] && hal_topology_place_at(t, k)->parent != HAL_NOWHERE)
            holds[hal_topology_place_at(t, k)->parent] = true;
}

int topo_print(info *i, tool_error *err)
{
    const uint32_t n = hal_topology_place_count(i->topology);
    branch b = {.i = i, .holds = calloc((size_t)n + 1, sizeof *b.holds)};
    if (!b.holds)
        return tool_fail(err, TOOL_INTERNAL, "out of memory");
    mark(i->topology, b.holds);
    if (n) {
        put_place(&b, hal_topology_place_at(i->topology, 0), true);
        walk(&b, 0);
    }
    free(b.holds);
    return links_summary(i, err);
}
