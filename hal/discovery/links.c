/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that follow from where things stand: between PCI devices, through the nearest place that holds both,
 * and from devices to memories. Names of the classes are NCCL's: PIX one switch, PXB several, PHB the host
 * bridge, NODE the NUMA node, SYS more.
 */
#include "hal/discovery/steps.h"

enum { MOST_LINKS = 16384, MOST_DEPTH = 64 };

/* Numbers of places around a place, itself first; the count. */
static uint32_t chain(hal_draft *draft, uint32_t place, uint32_t *places)
{
    uint32_t n = 0;
    for (const hal_topology_place *p; n < MOST_DEPTH && (p = hal_draft_place(draft, place)) != NULL;
         place = p->parent)
        places[n++] = place;
    return n;
}

typedef struct route {
    uint32_t common, up,
        down; /* the nearest place that holds both, and how many links lead to it from either end */
    hal_figure narrowest; /* uplink of the switches on the way */
} route;

static void narrow(hal_figure *figure, hal_figure other)
{
    if (other.source != HAL_SOURCE_UNKNOWN &&
        (figure->source == HAL_SOURCE_UNKNOWN || other.value < figure->value))
        *figure = other;
}

static route find_route(hal_draft *draft, uint32_t from, uint32_t to)
{
    uint32_t a[MOST_DEPTH], b[MOST_DEPTH], i = chain(draft, from, a), j = chain(draft, to, b);
    route r = {.common = 0, .narrowest = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)};
    while (i > 1 && j > 1 && a[i - 2] == b[j - 2]) {
        i--;
        j--;
    }
    if (i == 0 || j == 0)
        return r;
    r.common = a[i - 1];
    r.up = i;
    r.down = j;
    for (uint32_t k = 0; k + 1 < i; k++)
        narrow(&r.narrowest, hal_draft_place(draft, a[k])->uplink);
    for (uint32_t k = 0; k + 1 < j; k++)
        narrow(&r.narrowest, hal_draft_place(draft, b[k])->uplink);
    return r;
}

static uint32_t numa_count(hal_draft *draft)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < hal_draft_place_count(draft); i++)
        n += hal_draft_place(draft, i)->kind == HAL_PLACE_NUMA;
    return n;
}

static const char *path_class(hal_draft *draft, const route *r)
{
    const hal_topology_place *common = hal_draft_place(draft, r->common);
    switch (common != NULL ? common->kind : HAL_PLACE_MACHINE) {
    case HAL_PLACE_PCI_SWITCH: return r->up == 1 && r->down == 1 ? "PIX" : "PXB";
    case HAL_PLACE_PCI_ROOT: return "PHB";
    case HAL_PLACE_NUMA: return "NODE";
    default: return numa_count(draft) <= 1 ? "NODE" : "SYS";
    }
}

/* As it runs; as it could where that is not told. */
static hal_figure speed(const hal_topology_device *d)
{
    return d->link_now.source != HAL_SOURCE_UNKNOWN ? d->link_now : d->link_most;
}

static bool computes(const hal_topology_device *d)
{
    return d->kind == HAL_DEVICE_GPU || d->kind == HAL_DEVICE_NPU;
}

/* What has ends of its own on PCI: virtual functions share those of the physical one. */
static bool is_end(const hal_topology_device *d)
{
    return (d->pci_vendor | d->pci_class) != 0 && d->parent == HAL_NOWHERE && (computes(d) || d->kind == HAL_DEVICE_NIC);
}

static void add_both(hal_draft *draft, hal_topology_link *link)
{
    hal_link_end from = link->from;
    hal_draft_add_link(draft, link);
    link->from = link->to;
    link->to = from;
    hal_draft_add_link(draft, link);
}

static void link_devices(hal_draft *draft, uint32_t i, uint32_t j)
{
    const hal_topology_device *a = hal_draft_device(draft, i), *b = hal_draft_device(draft, j);
    route r = find_route(draft, a->place, b->place);
    const hal_topology_place *common = hal_draft_place(draft, r.common);
    hal_figure bandwidth = r.narrowest;
    narrow(&bandwidth, speed(a));
    narrow(&bandwidth, speed(b));
    hal_topology_link link = {.from = {HAL_END_DEVICE, i},
                              .to = {HAL_END_DEVICE, j},
                              .kind = "pcie",
                              .path = path_class(draft, &r),
                              .via = common != NULL ? common->id : "",
                              .hops = r.up + r.down,
                              .copy_mode = HAL_COPY_UNKNOWN,
                              .bandwidth = bandwidth,
                              .duplex = hal_figure_of(2, HAL_UNIT_COUNT, HAL_SOURCE_STRUCTURAL)};
    if (strcmp(link.path, "SYS") == 0) /* the link between packages has limits that nothing here knows */
        link.bandwidth.source =
            bandwidth.source == HAL_SOURCE_UNKNOWN ? HAL_SOURCE_UNKNOWN : HAL_SOURCE_ESTIMATED;
    add_both(draft, &link);
}

static bool computes_in(const hal_topology_device *d, uint32_t memory)
{
    for (uint32_t i = 0; i < d->n_memories; i++)
        if (d->memories[i] == memory)
            return true;
    return false;
}

static void link_memory(hal_draft *draft, uint32_t i, uint32_t j)
{
    const hal_topology_device *d = hal_draft_device(draft, i);
    const hal_topology_memory *m = hal_draft_memory(draft, j);
    const hal_topology_memory *own = d->n_memories != 0 ? hal_draft_memory(draft, d->memories[0]) : NULL;
    hal_topology_link link = {.from = {HAL_END_DEVICE, i},
                              .to = {HAL_END_MEMORY, j},
                              .kind = "memory",
                              .path = "",
                              .via = "",
                              .hops = 1,
                              .copy_mode = HAL_COPY_NATIVE,
                              .bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)};
    if (computes_in(d, j)) {
        link.bandwidth = m->bandwidth;
        add_both(draft, &link);
        return;
    }
    if (m->numa == HAL_NOWHERE) /* of another device: reached over the link between the devices */
        return;
    route r = find_route(draft, d->place, m->place);
    link.kind = "pcie";
    link.path = d->numa == m->numa && d->numa != HAL_NOWHERE ? "PHB" : path_class(draft, &r);
    link.hops = r.up + r.down;
    link.copy_mode = HAL_COPY_DIRECT;
    link.bandwidth = speed(d);
    link.duplex = hal_figure_of(2, HAL_UNIT_COUNT, HAL_SOURCE_STRUCTURAL);
    if (own != NULL &&
        own->numa != HAL_NOWHERE) { /* both are memory of one coherent host: what joins them is not PCI */
        link.kind = strcmp(d->family, "nvidia") == 0 ? "c2c" : "memory";
        link.path = "";
        link.copy_mode = HAL_COPY_NATIVE;
        link.bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
    }
    add_both(draft, &link);
}

static bool is_full(hal_draft *draft)
{
    return hal_draft_link_count(draft) >= MOST_LINKS;
}

/* To every memory; false when there is no room for all. */
static bool link_memories(hal_draft *draft, uint32_t i)
{
    const uint32_t n = hal_draft_memory_count(draft);
    if (!computes(hal_draft_device(draft, i)))
        return true;
    for (uint32_t j = 0; j < n; j++) {
        if (is_full(draft))
            return false;
        link_memory(draft, i, j);
    }
    return true;
}

/* To the devices behind it in the list; false when there is no room for all. */
static bool link_others(hal_draft *draft, uint32_t i)
{
    const hal_topology_device *a = hal_draft_device(draft, i);
    const uint32_t n = hal_draft_device_count(draft);
    for (uint32_t j = i + 1; is_end(a) && j < n; j++) {
        const hal_topology_device *b = hal_draft_device(draft, j);
        if (!is_end(b) || !(computes(a) || computes(b)))
            continue;
        if (is_full(draft))
            return false;
        link_devices(draft, i, j);
    }
    return true;
}

void hal_scan_links(const hal_files *files, hal_draft *draft)
{
    (void)files;
    const uint32_t n = hal_draft_device_count(draft);
    bool whole = true;
    for (uint32_t i = 0; whole && i < n; i++)
        whole = link_memories(draft, i) && link_others(draft, i);
    if (!whole)
        hal_draft_report(draft, "D115",
                         hal_draft_format(draft, "%u links, of %u devices; no more are looked at",
                                          hal_draft_link_count(draft), n));
}
