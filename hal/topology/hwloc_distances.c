/* SPDX-License-Identifier: Apache-2.0 */
/* Latencies between NUMA nodes as the firmware tells them (ACPI SLIT): numbers without a unit, 10 for a
   node's own memory. Only their order means something, so they become hops: how many different distances are
   shorter, and one. */
#include "hal/topology/hwloc_tree.h"

#include <hwloc/distances.h>

#define MOST_NODES 256u /* of a matrix that is looked at: ranks are counted anew for each pair */

struct hwloc_distances_s *hal_tree_latencies(const hal_tree *t)
{
    unsigned n = 1;
    struct hwloc_distances_s *found = NULL;
    const unsigned long kind = HWLOC_DISTANCES_KIND_MEANS_LATENCY;
    if (hwloc_distances_get_by_type(t->tree, HWLOC_OBJ_NUMANODE, &n, &found, kind, 0) != 0 || n == 0)
        return NULL;
    if (found->nbobjs <= MOST_NODES)
        return found;
    hwloc_distances_release(t->tree, found);
    return NULL;
}

static uint32_t rank(const hwloc_uint64_t *row, unsigned count, hwloc_uint64_t value)
{
    uint32_t shorter = 0;
    for (unsigned i = 0; i < count; i++) {
        bool first = row[i] < value;
        for (unsigned j = 0; first && j < i; j++)
            first = row[j] != row[i];
        shorter += first;
    }
    return shorter + 1;
}

uint32_t hal_tree_hops(const struct hwloc_distances_s *latencies, hwloc_obj_t from, hwloc_obj_t to)
{
    unsigned i = 0, j = 0;
    while (i < latencies->nbobjs && latencies->objs[i] != from)
        i++;
    while (j < latencies->nbobjs && latencies->objs[j] != to)
        j++;
    if (i == latencies->nbobjs || j == latencies->nbobjs)
        return 0;
    const hwloc_uint64_t *row = latencies->values + (size_t)i * latencies->nbobjs;
    return rank(row, latencies->nbobjs, row[j]);
}
