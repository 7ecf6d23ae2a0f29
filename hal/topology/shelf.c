/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/topology/shelf.h"

#include <stdio.h>

#define MOST_OF_A_MESH 64u

#define N HAL_SOURCE_UNKNOWN
#define E HAL_SOURCE_ESTIMATED
#define S HAL_SOURCE_STRUCTURAL
#define V HAL_SOURCE_VENDOR
static const hal_shelf_device devices[] = {
#define HAL_SHELF_DEVICE(word, kind, name, vendor, memory, gib, g, gbs, b, bf16, h, fp32, f, int8, i,        \
                         source)                                                                             \
    {word,      HAL_DEVICE_##kind, name,      vendor, HAL_MEMORY_##memory, {gib, g}, {gbs, b},               \
     {bf16, h}, {fp32, f},         {int8, i}, source},
#include "hal/topology/shelf.def"
};
static const hal_shelf_link links[] = {
#define HAL_SHELF_LINK(word, kind, path, generation, lanes, shape, gbs, b, source)                           \
    {word, kind, path, generation, lanes, HAL_SHAPE_##shape, {gbs, b}, source},
#include "hal/topology/shelf.def"
};
#undef N
#undef E
#undef S
#undef V

#define COUNT(a) (sizeof(a) / sizeof *(a))

static bool is_word(const char *row, const char *word, size_t length)
{
    return strlen(row) == length && memcmp(row, word, length) == 0;
}

hal_status hal_shelf_find_device(const char *where, const char *word, size_t length,
                                 const hal_shelf_device **row)
{
    char known[1024] = "";
    for (size_t i = 0, n = 0; i < COUNT(devices); i++, n = strlen(known)) {
        if (is_word(devices[i].word, word, length)) {
            *row = &devices[i];
            return HAL_OK;
        }
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", devices[i].word);
    }
    return HAL_FAIL(INVALID_ARGUMENT, "%s: device \"%.*s\" is not on the shelf; there are %s", where,
                    (int)length, word, known);
}

hal_status hal_shelf_find_link(const char *where, const char *word, size_t length, const hal_shelf_link **row)
{
    char known[1024] = "";
    for (size_t i = 0, n = 0; i < COUNT(links); i++, n = strlen(known)) {
        if (is_word(links[i].word, word, length)) {
            *row = &links[i];
            return HAL_OK;
        }
        snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", links[i].word);
    }
    return HAL_FAIL(INVALID_ARGUMENT, "%s: link \"%.*s\" is not on the shelf; there are %s", where,
                    (int)length, word, known);
}

static hal_figure figure_of(hal_shelf_value value, double unit, hal_unit counts)
{
    return value.source == HAL_SOURCE_UNKNOWN ? hal_figure_unknown(counts)
                                              : hal_figure_of(value.value * unit, counts, value.source);
}

static void fill(hal_figure *into, hal_figure figure)
{
    if (into->source == HAL_SOURCE_UNKNOWN)
        *into = figure;
}

/* The processors' memories hold what the file says; only their speed is told here. */
static void apply_memory(hal_draft *draft, uint32_t device, const hal_shelf_device *row)
{
    const hal_figure capacity = figure_of(row->gib, 1073741824.0, HAL_UNIT_BYTES);
    const hal_figure bandwidth = figure_of(row->gb_per_second, 1e9, HAL_UNIT_BYTES_PER_SECOND);
    const hal_topology_device *d = hal_draft_device(draft, device);
    if (d->n_memories == 0 && capacity.source != HAL_SOURCE_UNKNOWN) {
        hal_draft_device_memory(
            draft, device,
            hal_draft_add_memory(draft,
                                 &(hal_topology_memory){.kind = row->memory,
                                                        .place = d->place,
                                                        .id = hal_draft_format(draft, "%s/memory", d->id),
                                                        .numa = HAL_NOWHERE,
                                                        .capacity = capacity,
                                                        .bandwidth = bandwidth}));
        return;
    }
    hal_topology_memory *m = d->n_memories == 1 ? hal_draft_memory(draft, d->memories[0]) : NULL;
    if (m == NULL)
        return;
    if (m->kind == HAL_MEMORY_OTHER)
        m->kind = row->memory;
    fill(&m->capacity, capacity);
    fill(&m->bandwidth, bandwidth);
}

static void apply_rate(hal_draft *draft, uint32_t device, const char *dtype, hal_shelf_value value)
{
    const hal_topology_device *d = hal_draft_device(draft, device);
    if (value.source == HAL_SOURCE_UNKNOWN)
        return;
    for (uint32_t i = 0; i < d->n_rates; i++)
        if (strcmp(d->rates[i].dtype, dtype) == 0 && strcmp(d->rates[i].op_class, "matmul") == 0)
            return;
    hal_draft_device_rate(draft, device, dtype, "matmul",
                          figure_of(value, 1e12, HAL_UNIT_OPERATIONS_PER_SECOND));
}

void hal_shelf_apply(hal_draft *draft, uint32_t device, const hal_shelf_device *row)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d == NULL)
        return;
    if (d->kind == HAL_DEVICE_OTHER && strncmp(d->id, "other:", 6) == 0) {
        d->kind = row->kind;
        d->id = hal_draft_format(draft, "%s:%s", hal_device_kind_name(row->kind), d->id + 6);
        if (strncmp(d->alias, "other", 5) == 0)
            d->alias = "";
    }
    if (d->name[0] == '\0')
        d->name = row->name;
    if (d->vendor[0] == '\0')
        d->vendor = row->vendor;
    apply_memory(draft, device, row);
    apply_rate(draft, device, "bf16", row->bf16);
    apply_rate(draft, device, "f32", row->fp32);
    apply_rate(draft, device, "i8", row->int8);
}

static bool has_switch(const hal_shelf_link *row, uint32_t count)
{
    return row->shape == HAL_SHAPE_SWITCH || (row->shape == HAL_SHAPE_AUTO && count > 4);
}

hal_figure hal_shelf_bandwidth(const hal_shelf_link *row, uint32_t count)
{
    hal_figure f = figure_of(row->gb_per_second, 1e9, HAL_UNIT_BYTES_PER_SECOND);
    if (!has_switch(row, count) && row->shape != HAL_SHAPE_PAIR && row->shape != HAL_SHAPE_HOST && count > 2)
        f.value /= count - 1;
    return f;
}

static hal_topology_link link_of(const hal_shelf_link *row, uint32_t from, uint32_t to, hal_figure bandwidth)
{
    return (hal_topology_link){.from = {HAL_END_DEVICE, from},
                               .to = {HAL_END_DEVICE, to},
                               .kind = row->kind,
                               .path = row->path,
                               .generation = row->generation,
                               .lanes = row->lanes,
                               .hops = 1,
                               .copy_mode = HAL_COPY_DIRECT,
                               .bandwidth = bandwidth};
}

static void add_both(hal_draft *draft, const hal_shelf_link *row, uint32_t a, uint32_t b,
                     hal_figure bandwidth)
{
    const hal_topology_link there = link_of(row, a, b, bandwidth), back = link_of(row, b, a, bandwidth);
    hal_draft_add_link(draft, &there);
    hal_draft_add_link(draft, &back);
}

static bool is_among(const uint32_t *members, uint32_t count, hal_link_end end)
{
    for (uint32_t i = 0; end.kind == HAL_END_DEVICE && i < count; i++)
        if (members[i] == end.index)
            return true;
    return false;
}

/* A file that has such links knows better which pairs they join: they only get figures. */
static bool complete_links(hal_draft *draft, const uint32_t *members, uint32_t count,
                           const hal_shelf_link *row)
{
    bool found = false;
    for (uint32_t i = 0; i < hal_draft_link_count(draft); i++) {
        hal_topology_link *l = hal_draft_link(draft, i);
        if (strcmp(l->kind, row->kind) != 0 || !is_among(members, count, l->from) ||
            !is_among(members, count, l->to))
            continue;
        found = true;
        fill(&l->bandwidth, hal_shelf_bandwidth(row, count));
        if (l->generation == 0)
            l->generation = row->generation;
    }
    return found;
}

static uint32_t parent_of(hal_draft *draft, uint32_t place)
{
    const hal_topology_place *p = hal_draft_place(draft, place);
    return p == NULL ? HAL_NOWHERE : p->parent;
}

/* The innermost place that holds them all. Places around a place have smaller numbers. */
static uint32_t common_place(hal_draft *draft, const uint32_t *members, uint32_t count)
{
    uint32_t common = HAL_NOWHERE;
    for (uint32_t i = 0; i < count; i++) {
        const hal_topology_device *d = hal_draft_device(draft, members[i]);
        uint32_t place = d == NULL ? 0 : d->place;
        common = i == 0 ? place : common;
        while (place != common && place != HAL_NOWHERE && common != HAL_NOWHERE)
            if (place > common)
                place = parent_of(draft, place);
            else
                common = parent_of(draft, common);
    }
    return common;
}

static void add_switch(hal_draft *draft, const uint32_t *members, uint32_t count, const hal_shelf_link *row,
                       const char *id)
{
    uint32_t hub =
        hal_draft_add_device(draft, &(hal_topology_device){.kind = HAL_DEVICE_SWITCH,
                                                           .place = common_place(draft, members, count),
                                                           .id = id,
                                                           .address = id,
                                                           .numa = HAL_NOWHERE,
                                                           .parent = HAL_NOWHERE});
    for (uint32_t i = 0; i < count; i++)
        add_both(draft, row, members[i], hub, hal_shelf_bandwidth(row, count));
}

/* Whether switches are there of which no source tells the links: what the devices are joined through. */
static bool has_bare_switch(hal_draft *draft, const uint32_t *members, uint32_t count, const char *kind)
{
    const uint32_t around = common_place(draft, members, count);
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++) {
        const hal_topology_device *d = hal_draft_device(draft, i);
        uint32_t place = d->kind == HAL_DEVICE_SWITCH ? d->place : HAL_NOWHERE;
        while (place != around && place != HAL_NOWHERE)
            place = parent_of(draft, place);
        bool bare = place != HAL_NOWHERE;
        for (uint32_t k = 0; bare && k < hal_draft_link_count(draft); k++) {
            const hal_topology_link *l = hal_draft_link(draft, k);
            bare = strcmp(l->kind, kind) != 0 || (!is_among(&i, 1, l->from) && !is_among(&i, 1, l->to));
        }
        if (bare)
            return true;
    }
    return false;
}

/* How many links go to which of the switches is not known, so that only the pairs are told. */
static void add_through(hal_draft *draft, const uint32_t *members, uint32_t count, const hal_shelf_link *row)
{
    for (uint32_t i = 0; i < count * count; i++) {
        const uint32_t from = i / count, to = i % count;
        hal_topology_link l = link_of(row, members[from], members[to], hal_shelf_bandwidth(row, count));
        l.via = "switch";
        l.hops = 2;
        if (from != to)
            hal_draft_add_link(draft, &l);
    }
}

hal_status hal_shelf_connect(hal_draft *draft, const uint32_t *members, uint32_t count,
                             const hal_shelf_link *row, const char *id)
{
    if (count < 2 || row->shape == HAL_SHAPE_HOST || complete_links(draft, members, count, row))
        return HAL_OK;
    if (has_switch(row, count) && count <= MOST_OF_A_MESH &&
        has_bare_switch(draft, members, count, row->kind)) {
        add_through(draft, members, count, row);
        return HAL_OK;
    }
    if (has_switch(row, count)) {
        add_switch(draft, members, count, row, id);
        return HAL_OK;
    }
    if (count > MOST_OF_A_MESH)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "link \"%s\" joins each of %u devices with each other; more than %u need a switch",
                        row->word, count, MOST_OF_A_MESH);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t j = i + 1; j < count; j++)
            add_both(draft, row, members[i], members[j], hal_shelf_bandwidth(row, count));
    return HAL_OK;
}
