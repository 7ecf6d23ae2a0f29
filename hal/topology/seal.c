/* SPDX-License-Identifier: Apache-2.0 */
/* What sealing a draft puts in order and completes. */
#include "hal/topology/model.h"

#include <stdio.h>
#include <stdlib.h>

/* Domain, bus, device and function as one number; false for what is no PCI address. */
static bool pci_number(const char *address, uint64_t *number)
{
    unsigned domain, bus, device, function;
    char end;
    if (sscanf(address, "%8x:%2x:%2x.%1x%c", &domain, &bus, &device, &function, &end) != 4)
        return false;
    *number = (uint64_t)domain << 16 | bus << 8 | device << 3 | function;
    return true;
}

int hal_address_compare(const char *a, const char *b)
{
    uint64_t x = 0, y = 0;
    const bool pci = pci_number(a, &x), other = pci_number(b, &y);
    if (pci != other)
        return pci ? -1 : 1;
    if (pci && x != y)
        return x < y ? -1 : 1;
    return pci ? 0 : strverscmp(a, b);
}

/* Parents stand before their parts, because a part's address begins like its parent's or is the same. */
static int compare(const void *a, const void *b, void *context)
{
    const hal_topology *t = context;
    const uint32_t i = *(const uint32_t *)a, j = *(const uint32_t *)b;
    const hal_topology_device *x = &t->devices[i], *y = &t->devices[j];
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    int order = hal_address_compare(x->address, y->address);
    if (order == 0)
        order = (x->parent != HAL_NOWHERE) - (y->parent != HAL_NOWHERE);
    if (order == 0)
        order = strverscmp(x->id, y->id);
    return order != 0 ? order : (i > j) - (i < j);
}

static void renumber(uint32_t *index, const uint32_t *now_at, uint32_t count)
{
    if (*index < count)
        *index = now_at[*index];
}

static void renumber_all(hal_topology *t, const uint32_t *now_at)
{
    for (uint32_t i = 0; i < t->n_devices; i++)
        renumber(&t->devices[i].parent, now_at, t->n_devices);
    for (uint32_t i = 0; i < t->n_links; i++) {
        if (t->links[i].from.kind == HAL_END_DEVICE)
            renumber(&t->links[i].from.index, now_at, t->n_devices);
        if (t->links[i].to.kind == HAL_END_DEVICE)
            renumber(&t->links[i].to.index, now_at, t->n_devices);
    }
    for (uint32_t i = 0; i < t->n_diagnostics; i++)
        renumber(&t->diagnostics[i].device, now_at, t->n_devices);
}

/* Names of devices change their index, and a place's or memory's is needed no more. */
static bool name_again(hal_topology *t)
{
    hal_lookup_clear(t);
    for (uint32_t i = 0; i < t->n_devices; i++)
        if (!hal_lookup_add(t, HAL_SPACE_DEVICE, t->devices[i].id, i))
            return false;
    return true;
}

static void apply_order(hal_topology *t, const uint32_t *order, hal_topology_device *sorted, uint32_t *now_at)
{
    for (uint32_t i = 0; i < t->n_devices; i++) {
        sorted[i] = t->devices[order[i]];
        now_at[order[i]] = i;
    }
    for (uint32_t i = 0; i < t->n_devices; i++)
        t->devices[i] = sorted[i];
    renumber_all(t, now_at);
}

hal_status hal_seal_order(hal_topology *t)
{
    const hal_allocator *a = &t->allocator;
    uint32_t *order = hal_allocate_array(a, t->n_devices, sizeof *order);
    uint32_t *now_at = hal_allocate_array(a, t->n_devices, sizeof *now_at);
    hal_topology_device *sorted = hal_allocate_array(a, t->n_devices, sizeof *sorted);
    bool done = order != NULL && now_at != NULL && sorted != NULL;
    if (done) {
        for (uint32_t i = 0; i < t->n_devices; i++)
            order[i] = i;
        qsort_r(order, t->n_devices, sizeof *order, compare, t);
        apply_order(t, order, sorted, now_at);
        done = name_again(t);
    }
    hal_deallocate(a, order);
    hal_deallocate(a, now_at);
    hal_deallocate(a, sorted);
    return done
               ? HAL_OK
               : HAL_FAIL(OUT_OF_MEMORY, "%u devices cannot be put in order; free some memory", t->n_devices);
}

static bool is_named(const hal_topology *t, uint32_t index, const char *name)
{
    const hal_topology_device *d = &t->devices[index];
    return strcmp(d->id, name) == 0 || strcmp(d->alias, name) == 0;
}

/* "gpu0", or "gpu0.1" for a part; a number that somebody gave away already is left out. */
static void make_alias(hal_topology *t, uint32_t index, uint32_t *next)
{
    hal_topology_device *d = &t->devices[index];
    const char *before = hal_words_device.words[d->kind];
    const char *point = "";
    if (d->parent < t->n_devices && t->devices[d->parent].kind == d->kind &&
        t->devices[d->parent].alias[0] != '\0') {
        before = t->devices[d->parent].alias;
        point = ".";
    }
    do {
        d->alias = hal_draft_format((hal_draft *)t, "%s%s%u", before, point, (*next)++);
    } while (d->alias[0] != '\0' && hal_lookup_find(t, HAL_SPACE_DEVICE, d->alias, is_named) != HAL_NOWHERE &&
             hal_lookup_find(t, HAL_SPACE_DEVICE, d->alias, is_named) != index);
}

/* One name for what make_alias gave, so that it is found and not given twice. */
static bool enter_alias(hal_topology *t, uint32_t index)
{
    return hal_lookup_add(t, HAL_SPACE_DEVICE, t->devices[index].alias, index);
}

hal_status hal_seal_aliases(hal_topology *t)
{
    uint32_t next[HAL_DEVICE_OTHER + 1] = {0},
                                     *parts = hal_allocate_array(&t->allocator, t->n_devices, sizeof *parts);
    bool done = parts != NULL;
    for (uint32_t i = 0; done && i < t->n_devices; i++)
        if (t->devices[i].alias[0] != '\0')
            done = enter_alias(t, i);
    for (uint32_t i = 0; done && i < t->n_devices; i++) {
        const hal_topology_device *d = &t->devices[i];
        if (d->alias[0] != '\0' || d->kind > HAL_DEVICE_OTHER)
            continue;
        const bool part = d->parent < i && t->devices[d->parent].kind == d->kind;
        make_alias(t, i, part ? &parts[d->parent] : &next[d->kind]);
        done = enter_alias(t, i);
    }
    hal_deallocate(&t->allocator, parts);
    if (!done || t->starved)
        return HAL_FAIL(OUT_OF_MEMORY, "the short names of %u devices do not fit into memory; free some",
                        t->n_devices);
    return HAL_OK;
}

/* Group 0 stands for a group of its own: it gets a number that nobody else has. */
static void number_groups(hal_topology *t)
{
    uint32_t last = 0;
    for (uint32_t i = 0; i < t->n_memories; i++)
        if (t->memories[i].contention_group != HAL_NOWHERE && t->memories[i].contention_group > last)
            last = t->memories[i].contention_group;
    for (uint32_t i = 0; i < t->n_memories; i++)
        if (t->memories[i].contention_group == 0 || t->memories[i].contention_group == HAL_NOWHERE)
            t->memories[i].contention_group = ++last;
    last = 0;
    for (uint32_t i = 0; i < t->n_devices; i++)
        if (t->devices[i].compute_group != HAL_NOWHERE && t->devices[i].compute_group > last)
            last = t->devices[i].compute_group;
    for (uint32_t i = 0; i < t->n_devices; i++)
        if (t->devices[i].compute_group == 0 || t->devices[i].compute_group == HAL_NOWHERE)
            t->devices[i].compute_group = ++last;
}

/* Smaller is faster: what memories of that make reach, by an order of magnitude. */
static uint32_t rank(const hal_topology_memory *m)
{
    static const uint32_t ranks[] = {
        [HAL_MEMORY_HBM] = 0,   [HAL_MEMORY_GDDR] = 1, [HAL_MEMORY_LPDDR] = 2,      [HAL_MEMORY_DRAM] = 3,
        [HAL_MEMORY_OTHER] = 4, [HAL_MEMORY_CXL] = 5,  [HAL_MEMORY_PERSISTENT] = 6,
    };
    return m->kind < sizeof ranks / sizeof *ranks ? ranks[m->kind] : 4;
}

/* Tiers where nobody named any: the makes that are there, fastest first. */
static void number_tiers(hal_topology *t)
{
    uint32_t seen = 0;
    for (uint32_t i = 0; i < t->n_memories; i++) {
        if (t->memories[i].tier != 0)
            return;
        seen |= 1u << rank(&t->memories[i]);
    }
    for (uint32_t i = 0; i < t->n_memories; i++) {
        hal_topology_memory *m = &t->memories[i];
        m->tier = (uint32_t)__builtin_popcount(seen & ((1u << rank(m)) - 1));
    }
}

static void name_units(void *object, const hal_figure_table *table)
{
    for (uint32_t i = 0; i < table->count; i++) {
        hal_figure *f = hal_figure_at(object, &table->rows[i]);
        if (f->source == HAL_SOURCE_UNKNOWN)
            *f = hal_figure_unknown(table->rows[i].unit);
    }
}

static void name_all_units(hal_topology *t)
{
    name_units(&t->host, &hal_figures_host);
    for (uint32_t i = 0; i < t->n_places; i++)
        name_units(&t->places[i], &hal_figures_place);
    for (uint32_t i = 0; i < t->n_memories; i++)
        name_units(&t->memories[i], &hal_figures_memory);
    for (uint32_t i = 0; i < t->n_devices; i++)
        name_units(&t->devices[i], &hal_figures_device);
    for (uint32_t i = 0; i < t->n_links; i++)
        name_units(&t->links[i], &hal_figures_link);
}

/* What nobody measured is declared. */
static void declare_links(hal_topology *t)
{
    for (uint32_t i = 0; i < t->n_links; i++) {
        hal_topology_link *l = &t->links[i];
        if (l->declared.source == HAL_SOURCE_UNKNOWN && l->bandwidth.source != HAL_SOURCE_MEASURED)
            l->declared = l->bandwidth;
    }
}

hal_status hal_seal_complete(hal_topology *t)
{
    number_groups(t);
    number_tiers(t);
    declare_links(t);
    name_all_units(t);
    return hal_seal_aliases(t);
}
