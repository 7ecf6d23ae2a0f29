/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /sys/class/kfd/kfd/topology: what AMD's compute driver tells of its nodes, memories and links. Members,
 * types of links and units: the kernel's drivers/gpu/drm/amd/amdkfd (kfd_topology.c, kfd_crat.h).
 */
#include "hal/discovery/steps.h"

#include <limits.h>
#include <stdlib.h>

enum { HEAP_PUBLIC = 1, HEAP_PRIVATE = 2, LINK_PCIE = 2, LINK_XGMI = 11, MAX_NODES = 512 };

#define TOPOLOGY "/sys/class/kfd/kfd/topology/nodes"

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
    uint32_t devices[MAX_NODES]; /* of a node, HAL_NOWHERE for processors */
    uint32_t node;               /* that is being read */
} scan;

/* "name value" lines; `otherwise` when the name is not there. */
static uint64_t property(const char *text, const char *name, uint64_t otherwise)
{
    size_t length = strlen(name);
    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, name, length) == 0 && line[length] == ' ') {
            char *end;
            uint64_t value = strtoull(line + length + 1, &end, 10);
            return end != line + length + 1 ? value : otherwise;
        }
    return otherwise;
}

/* The device of a node, by its PCI address. */
static uint32_t device_of(const scan *s, const char *text)
{
    char address[64];
    uint64_t location = property(text, "location_id", 0);
    snprintf(address, sizeof address, "%04x:%02x:%02x.%x", (unsigned)property(text, "domain", 0),
             (unsigned)(location >> 8 & 0xff), (unsigned)(location >> 3 & 31), (unsigned)(location & 7));
    return hal_draft_find_device(s->draft, address);
}

static bool each_node(void *context, const char *entry)
{
    scan *s = context;
    char text[4096];
    uint32_t node = hal_scan_suffix(entry, "");
    if (node >= MAX_NODES || !hal_scan_text(s->files, text, sizeof text, TOPOLOGY "/%s/properties", entry))
        return true;
    uint64_t simds = property(text, "simd_count", 0), each = property(text, "simd_per_cu", 0);
    uint64_t target = property(text, "gfx_target_version", 0);
    uint32_t device = simds != 0 ? device_of(s, text) : HAL_NOWHERE;
    if (device == HAL_NOWHERE)
        return true;
    s->devices[node] = device;
    hal_topology_device *d = hal_draft_device(s->draft, device);
    if (each != 0 && simds / each <= UINT16_MAX)
        d->cores = (uint32_t)(simds / each);
    hal_draft_device_index(s->draft, device, "kfd", HAL_NOWHERE, node);
    hal_draft_device_node(s->draft, device, "/dev/kfd");
    if (target != 0) /* 90402 is gfx942: two digits a part, the last two parts in hexadecimal */
        hal_draft_device_feature(s->draft, device,
                                 hal_draft_format(s->draft, "gfx%u%x%x", (unsigned)(target / 10000),
                                                  (unsigned)(target / 100 % 100), (unsigned)(target % 100)));
    uint64_t hive = property(text, "hive_id", 0);
    if (hive != 0)
        hal_draft_device_feature(s->draft, device,
                                 hal_draft_format(s->draft, "xgmi-hive:%llx", (unsigned long long)hive));
    return true;
}

/* Memory of a device: banks in its own heap, added up. An APU has none worth the name. */
static void read_banks(const scan *s, uint32_t node)
{
    char text[1024];
    uint64_t bytes = 0, size;
    const hal_topology_device *d = hal_draft_device(s->draft, s->devices[node]);
    for (uint32_t bank = 0; bank < 64; bank++) {
        if (!hal_scan_text(s->files, text, sizeof text, TOPOLOGY "/%u/mem_banks/%u/properties", node, bank))
            break;
        uint64_t heap = property(text, "heap_type", 0);
        size = property(text, "size_in_bytes", 0);
        if ((heap == HEAP_PUBLIC || heap == HEAP_PRIVATE) && __builtin_add_overflow(bytes, size, &bytes))
            return;
    }
    hal_topology_memory *m = d->n_memories != 0 ? hal_draft_memory(s->draft, d->memories[0]) : NULL;
    if (m != NULL && m->numa == HAL_NOWHERE && bytes != 0)
        hal_figure_improve(&m->capacity, hal_figure_of((double)bytes, HAL_UNIT_BYTES, HAL_SOURCE_VENDOR));
}

static bool each_link(void *context, const char *entry, const char *directory)
{
    const scan *s = context;
    char text[1024];
    if (!hal_scan_text(s->files, text, sizeof text, TOPOLOGY "/%u/%s/%s/properties", s->node, directory,
                       entry))
        return true;
    uint64_t to = property(text, "node_to", MAX_NODES), type = property(text, "type", 0);
    uint64_t rate = property(text, "max_bandwidth", 0), least = property(text, "min_bandwidth", 0);
    if (type != LINK_XGMI || to >= MAX_NODES || to == s->node || s->devices[to] == HAL_NOWHERE)
        return true;
    hal_topology_link link = {.from = {HAL_END_DEVICE, s->devices[s->node]},
                              .to = {HAL_END_DEVICE, s->devices[to]},
                              .kind = "xgmi",
                              .path = "XGMI",
                              .via = "",
                              .hops = 1,
                              .copy_mode = HAL_COPY_NATIVE,
                              .bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)};
    /* megabytes a second; the driver writes the same twice unless several links run side by side, then one
     * and all */
    if (rate == 0)
        rate = least;
    if (rate != 0 && rate < UINT32_MAX)
        link.bandwidth = hal_figure_of((double)rate * 1e6, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_VENDOR);
    if (least != 0 && rate > least && rate % least == 0)
        link.lanes = (uint32_t)(rate / least);
    hal_draft_add_link(s->draft, &link);
    return true;
}

static bool each_io_link(void *context, const char *entry)
{
    return each_link(context, entry, "io_links");
}

static bool each_p2p_link(void *context, const char *entry)
{
    return each_link(context, entry, "p2p_links");
}

void hal_scan_kfd(const hal_files *files, hal_draft *draft)
{
    scan s = {.files = files, .draft = draft};
    char path[128];
    for (uint32_t i = 0; i < MAX_NODES; i++)
        s.devices[i] = HAL_NOWHERE;
    hal_scan_names(files, TOPOLOGY, each_node, &s);
    for (s.node = 0; s.node < MAX_NODES; s.node++) {
        if (s.devices[s.node] == HAL_NOWHERE)
            continue;
        read_banks(&s, s.node);
        snprintf(path, sizeof path, TOPOLOGY "/%u/io_links", s.node);
        hal_scan_names(files, path, each_io_link, &s);
        snprintf(path, sizeof path, TOPOLOGY "/%u/p2p_links", s.node);
        hal_scan_names(files, path, each_p2p_link, &s);
    }
}
