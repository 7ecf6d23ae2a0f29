/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/islands.h"

#include <stdlib.h>
#include <string.h>

typedef struct edge {
    uint32_t to, next; /* of the same node, edges + 1; 0 at the end */
    const hal_topology_link *link;
} edge;

bool islands_draw(const hal_topology_link *l)
{
    return strcmp(l->kind, "pcie") && strcmp(l->kind, "memory");
}

/* --- the links of one kind --- */

static hal_link_end stand_for(const hal_topology *t, hal_link_end end)
{
    const uint32_t device = end.kind == HAL_END_MEMORY ? link_device(t, end) : HAL_NOWHERE;
    return device == HAL_NOWHERE ? end : (hal_link_end){HAL_END_DEVICE, device};
}

static uint32_t node_of(sea *s, hal_link_end end)
{
    end = stand_for(s->topology, end);
    for (uint32_t k = 0; k < s->n; k++)
        if (s->ends[k].kind == end.kind && s->ends[k].index == end.index)
            return k;
    if (s->n == SEA_NODES)
        return HAL_NOWHERE;
    s->ends[s->n] = end;
    s->group[s->n] = s->n;
    s->first[s->n] = 0;
    return s->n++;
}

static uint32_t root_of(const sea *s, uint32_t k)
{
    while (s->group[k] != k)
        k = s->group[k];
    return k;
}

static void unite(sea *s, uint32_t a, uint32_t b)
{
    const uint32_t x = root_of(s, a), y = root_of(s, b);
    if (x < y)
        s->group[y] = x;
    else
        s->group[x] = y;
}

static void add_edge(sea *s, uint32_t from, uint32_t to, const hal_topology_link *l)
{
    s->edges[s->n_edges] = (edge){to, s->first[from], l};
    s->first[from] = ++s->n_edges;
}

static void add_link(sea *s, const hal_topology_link *l)
{
    const uint32_t a = node_of(s, l->from), b = node_of(s, l->to);
    if (a == HAL_NOWHERE || b == HAL_NOWHERE || a == b)
        return;
    unite(s, a, b);
    add_edge(s, a, b, l);
    add_edge(s, b, a, l);
}

bool sea_create(const hal_topology *t, const char *kind, sea *s)
{
    const uint32_t n = hal_topology_link_count(t);
    s->topology = t;
    s->kind = kind;
    s->n = s->n_edges = 0;
    s->edges = calloc(2 * (size_t)n + 1, sizeof *s->edges);
    for (uint32_t k = 0; s->edges && k < n; k++)
        if (strcmp(hal_topology_link_at(t, k)->kind, kind) == 0)
            add_link(s, hal_topology_link_at(t, k));
    return s->edges != NULL;
}

void sea_clear(sea *s)
{
    free(s->edges);
    s->edges = NULL;
}

const hal_topology_link *island_link(const sea *s, uint32_t a, uint32_t b)
{
    const hal_topology_link *best = NULL;
    for (uint32_t e = s->first[a]; e; e = s->edges[e - 1].next)
        if (s->edges[e - 1].to == b && link_better(s->edges[e - 1].link, best))
            best = s->edges[e - 1].link;
    return best;
}

/* --- islands --- */

hal_figure island_to_switches(const sea *s, const island *i, uint32_t node)
{
    hal_figure sum = {.unit = HAL_UNIT_BYTES_PER_SECOND};
    for (uint32_t k = 0; k < i->n_switches; k++) {
        const hal_topology_link *l = island_link(s, node, i->switches[k]);
        if (!l || !figure_known(l->bandwidth))
            continue;
        sum.value += l->bandwidth.value;
        sum.source = l->bandwidth.source;
    }
    return sum;
}

bool island_arc(const sea *s, const island *i, uint32_t a, uint32_t b)
{
    const hal_topology_link *l = island_link(s, i->nodes[a], i->nodes[b]);
    if (!l || !i->band)
        return l != NULL;
    return figure_known(l->bandwidth) && figure_known(i->each) && l->bandwidth.value > 1.01 * i->each.value;
}

/* All reach all: what the slowest pair has. */
static bool is_complete(const sea *s, const island *i, hal_figure *least)
{
    for (uint32_t a = 0; a < i->n_nodes; a++)
        for (uint32_t b = a + 1; b < i->n_nodes; b++) {
            const hal_topology_link *l = island_link(s, i->nodes[a], i->nodes[b]);
            if (!l)
                return false;
            const bool slower = figure_known(l->bandwidth) && l->bandwidth.value < least->value;
            if ((a == 0 && b == 1) || slower)
                *least = l->bandwidth;
        }
    return i->n_nodes > 2;
}

static void judge(const sea *s, island *i)
{
    i->band = is_complete(s, i, &i->each);
    if (!i->band && i->n_switches)
        i->each = island_to_switches(s, i, i->nodes[0]);
    i->band |= i->n_switches > 0;
    for (uint32_t a = 0; a < i->n_nodes; a++)
        for (uint32_t b = a + 1; b < i->n_nodes; b++)
            i->arcs |= island_arc(s, i, a, b);
}

/* What others hang on: a switch, or the network that a place stands for. */
static bool is_switch(const sea *s, uint32_t node)
{
    if (s->ends[node].kind == HAL_END_PLACE && strcmp(s->kind, "network") == 0)
        return true;
    const hal_topology_device *d = s->ends[node].kind == HAL_END_DEVICE
                                       ? hal_topology_device_at(s->topology, s->ends[node].index)
                                       : NULL;
    return d && d->kind == HAL_DEVICE_SWITCH;
}

/* In the order of the devices, as everywhere. */
static void sort(const sea *s, uint32_t *nodes, uint32_t n)
{
    for (uint32_t k = 1; k < n; k++)
        for (uint32_t j = k; j && s->ends[nodes[j]].index < s->ends[nodes[j - 1]].index; j--) {
            const uint32_t swap = nodes[j];
            nodes[j] = nodes[j - 1];
            nodes[j - 1] = swap;
        }
}

/* False when the island has more than can be drawn, or nothing to draw. */
static bool collect(const sea *s, uint32_t root, island *out)
{
    *out = (island){.kind = s->kind, .each = {.unit = HAL_UNIT_BYTES_PER_SECOND}};
    for (uint32_t k = 0; k < s->n; k++) {
        if (root_of(s, k) != root)
            continue;
        uint32_t *n = is_switch(s, k) ? &out->n_switches : &out->n_nodes;
        if (*n == ISLAND_CHIPS)
            return false;
        (is_switch(s, k) ? out->switches : out->nodes)[(*n)++] = k;
    }
    if (out->n_nodes + out->n_switches < 2 || !out->n_nodes)
        return false;
    sort(s, out->nodes, out->n_nodes);
    sort(s, out->switches, out->n_switches);
    judge(s, out);
    return true;
}

static bool looks_like(const island *a, const island *b)
{
    return a->n_nodes == b->n_nodes && a->n_switches == b->n_switches && a->arcs == b->arcs &&
           a->band == b->band && a->each.value == b->each.value && a->each.source == b->each.source;
}

uint32_t islands_find(const sea *s, island *islands)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < s->n && n < ISLANDS; k++) {
        if (root_of(s, k) != k || !collect(s, k, &islands[n]))
            continue;
        uint32_t same = 0;
        while (same < n && !looks_like(&islands[same], &islands[n]))
            same++;
        if (same < n)
            islands[same].alike++;
        else
            n++;
    }
    return n;
}
