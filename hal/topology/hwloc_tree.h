/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that read a loaded hwloc tree share. hwloc 2 and 3 differ in the type of OS devices (a
 * number, a mask) and in where infos of the machine stand; both are hidden here.
 */
#ifndef HAL_TOPOLOGY_HWLOC_TREE_H
#define HAL_TOPOLOGY_HWLOC_TREE_H

#include "hal/topology/build.h"

#include <hwloc.h>
#include <stdlib.h>

/* A tree being read. */
typedef struct hal_tree {
    hwloc_topology_t tree;
    hal_draft *draft;
    uint32_t n_packages;
    uint32_t *cpus; /* device of package i */
} hal_tree;

#if HWLOC_API_VERSION >= 0x00030000
#define HAL_OSDEV_IS(object, kind) (((object)->attr->osdev.types & HWLOC_OBJ_OSDEV_##kind) != 0)
#else
#define HAL_OSDEV_IS(object, kind) ((object)->attr->osdev.type == HWLOC_OBJ_OSDEV_##kind)
#endif

/* An info of an object, or "". */
static inline const char *hal_tree_info(hwloc_obj_t object, const char *name)
{
    const char *value = hwloc_obj_get_info_by_name(object, name);
    return value != NULL ? value : "";
}

/* An info that is a number: of bytes, in KiB as version 2 writes it or with its unit as version 3 does; or a
   plain count. Source VENDOR, or unknown. */
static inline hal_figure hal_tree_figure(hwloc_obj_t object, const char *name, hal_unit counts)
{
    char *end;
    const char *text = hal_tree_info(object, name);
    const double value = (double)strtoull(text, &end, 10);
    const double unit = counts != HAL_UNIT_BYTES || strcmp(end, "B") == 0 ? 1
                        : *end == '\0' || strcmp(end, "KiB") == 0         ? 1024
                        : strcmp(end, "MiB") == 0                         ? 1048576
                        : strcmp(end, "GiB") == 0                         ? 1073741824
                                                                          : 0;
    return text[0] < '0' || text[0] > '9' || value <= 0 || unit <= 0
               ? hal_figure_unknown(counts)
               : hal_figure_of(value * unit, counts, HAL_SOURCE_VENDOR);
}

/* The NUMA node that is nearest to an object outside of the tree of processors, or HAL_NOWHERE when several
 * are. */
uint32_t hal_tree_numa(hwloc_obj_t object);
/* The place of the package or NUMA node around it; place 0 when there is none. */
uint32_t hal_tree_place(const hal_tree *t, hwloc_obj_t object);
/* Bridges, PCI and OS devices, and what their distances say. */
void hal_tree_read_devices(const hal_tree *t);
/* The matrix of latencies between NUMA nodes, for hwloc_distances_release; NULL when there is none. */
struct hwloc_distances_s *hal_tree_latencies(const hal_tree *t);
/* From node to node: 1 to itself, 2 to the nearest other ones, ...; 0 when the matrix does not have them. */
uint32_t hal_tree_hops(const struct hwloc_distances_s *latencies, hwloc_obj_t from, hwloc_obj_t to);
/* Bandwidths and latencies that the firmware or a file gives for memories. */
void hal_tree_read_attributes(const hal_tree *t);

#endif
