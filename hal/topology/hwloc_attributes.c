/* SPDX-License-Identifier: Apache-2.0 */
/* Memory attributes of hwloc: bandwidth in MiB/s and latency in ns, as its memattrs.h says. They come from
   the firmware (ACPI HMAT) or from whoever wrote the file, which counts as the vendor's word. */
#include "hal/topology/hwloc_tree.h"

#include <hwloc/memattrs.h>
#include <stdio.h>

static bool read_value(const hal_tree *t, hwloc_memattr_id_t id, hwloc_obj_t node, hwloc_const_cpuset_t set,
                       double unit, hal_unit counts, hal_figure *figure)
{
    hwloc_uint64_t value = 0;
    struct hwloc_location from = {.type = HWLOC_LOCATION_TYPE_CPUSET};
    from.location.cpuset = (hwloc_cpuset_t)(uintptr_t)set; /* the struct is for writing too */
    if (hwloc_memattr_get_value(t->tree, id, node, &from, 0, &value) != 0 || value == 0)
        return false;
    *figure = hal_figure_of((double)value * unit, counts, HAL_SOURCE_VENDOR);
    return true;
}

/* What the initiators that are part of `set` reach, the best of them. */
static void read_initiators(const hal_tree *t, hwloc_memattr_id_t id, hwloc_obj_t node,
                            hwloc_const_cpuset_t set, double unit, hal_unit counts, hal_figure *figure)
{
    struct hwloc_location from[64];
    hwloc_uint64_t values[64];
    unsigned n = 64;
    if (read_value(t, id, node, set, unit, counts, figure) ||
        hwloc_memattr_get_initiators(t->tree, id, node, 0, &n, from, values) != 0)
        return;
    for (unsigned i = 0; i < n && i < 64; i++)
        if (from[i].type == HWLOC_LOCATION_TYPE_CPUSET &&
            hwloc_bitmap_intersects(from[i].location.cpuset, set) && values[i] > 0 &&
            (figure->source == HAL_SOURCE_UNKNOWN ||
             (counts == HAL_UNIT_SECONDS ? (double)values[i] * unit < figure->value
                                         : (double)values[i] * unit > figure->value)))
            *figure = hal_figure_of((double)values[i] * unit, counts, HAL_SOURCE_VENDOR);
}

static void read_pair(const hal_tree *t, hwloc_obj_t node, hwloc_const_cpuset_t set, hal_figure *bandwidth,
                      hal_figure *latency)
{
    read_initiators(t, HWLOC_MEMATTR_ID_BANDWIDTH, node, set, 1048576.0, HAL_UNIT_BYTES_PER_SECOND,
                    bandwidth);
    read_initiators(t, HWLOC_MEMATTR_ID_LATENCY, node, set, 1e-9, HAL_UNIT_SECONDS, latency);
}

static hwloc_obj_t node_of(const hal_tree *t, uint32_t memory)
{
    const hal_topology_memory *m = hal_draft_memory(t->draft, memory);
    return m == NULL || m->numa == HAL_NOWHERE ? NULL : hwloc_get_numanode_obj_by_os_index(t->tree, m->numa);
}

static void read_link(const hal_tree *t, hal_topology_link *link)
{
    const hal_topology_device *cpu =
        link->from.kind == HAL_END_DEVICE ? hal_draft_device(t->draft, link->from.index) : NULL;
    hwloc_obj_t node = link->to.kind == HAL_END_MEMORY ? node_of(t, link->to.index) : NULL;
    unsigned package;
    if (cpu == NULL || node == NULL || sscanf(cpu->address, "package %u", &package) != 1)
        return;
    hwloc_obj_t object = hwloc_get_obj_by_type(t->tree, HWLOC_OBJ_PACKAGE, package);
    read_pair(t, node, object != NULL ? object->cpuset : hwloc_get_root_obj(t->tree)->cpuset,
              &link->bandwidth, &link->latency);
}

void hal_tree_read_attributes(const hal_tree *t)
{
    for (uint32_t i = 0; i < hal_draft_memory_count(t->draft); i++) {
        hal_topology_memory *m = hal_draft_memory(t->draft, i);
        hwloc_obj_t node = node_of(t, i);
        if (node != NULL)
            read_pair(t, node, node->cpuset, &m->bandwidth, &m->latency);
    }
    for (uint32_t i = 0; i < hal_draft_link_count(t->draft); i++)
        read_link(t, hal_draft_link(t->draft, i));
}
