/* SPDX-License-Identifier: Apache-2.0 */
/* The hardware threads that this process may use, with their cores and nodes. */
#include <hwloc.h>
#include <sched.h>
#include <stdlib.h>

#include "place.h"

/* The threads of the mask; an object above names the core, the first node next to it the node. */
static void add_units(hwloc_topology_t topology, hwloc_const_bitmap_t mask, hal_cpu_machine *m) {
    for (hwloc_obj_t pu = NULL; (pu = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_PU, pu)) != NULL;) {
        hwloc_obj_t core = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_CORE, pu);
        int node = pu->nodeset ? hwloc_bitmap_first(pu->nodeset) : -1;
        if (!hwloc_bitmap_isset(mask, pu->os_index)) continue;
        m->units[m->n++] = (hal_cpu_unit){(int32_t)pu->os_index, (int32_t)(core ? core : pu)->logical_index, node < 0 ? 0 : node};
    }
}

bool hal_cpu_machine_read(struct hwloc_topology *topology, const struct hwloc_bitmap_s *mask, hal_cpu_machine *machine) {
    int n = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_PU);
    hal_cpu_machine m = {n > 0 ? calloc((size_t)n, sizeof *m.units) : NULL, 0, 0};
    if (!m.units) return false;
    add_units(topology, mask, &m);
    if (m.n == 0) {
        free(m.units);
        return false;
    }
    *machine = m;
    return true;
}

/* Cores and nodes only: nothing that wakes a device. */
static bool load(hwloc_topology_t *topology) {
    static const char *const vendor[] = {"cuda", "nvml", "rsmi", "levelzero", "opencl", "gl", "pci", "xml"};
    if (hwloc_topology_init(topology) != 0) return false;
#if HWLOC_API_VERSION >= 0x00020100
    for (size_t i = 0; i < sizeof vendor / sizeof *vendor; i++)
        hwloc_topology_set_components(*topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, vendor[i]);
#endif
    hwloc_topology_set_io_types_filter(*topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (hwloc_topology_load(*topology) == 0) return true;
    hwloc_topology_destroy(*topology);
    return false;
}

/* Grows the set until the kernel's fits. */
static hwloc_bitmap_t affinity(void) {
    hwloc_bitmap_t mask = hwloc_bitmap_alloc();
    bool read = false;
    for (int n = CPU_SETSIZE; mask && !read && n <= 1 << 18; n *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)n);
        read = set && sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)n), set) == 0;
        for (int i = 0; read && i < n; i++)
            if (CPU_ISSET_S((size_t)i, CPU_ALLOC_SIZE((size_t)n), set)) hwloc_bitmap_set(mask, (unsigned)i);
        CPU_FREE(set);
    }
    return mask;
}

/* Where hwloc sees nothing: each thread of the mask a core, all on one node. */
static bool plain_machine(hwloc_const_bitmap_t mask, hal_cpu_machine *m) {
    int n = hwloc_bitmap_weight(mask);
    if (n <= 0 || !(m->units = calloc((size_t)n, sizeof *m->units))) return false;
    m->n = 0;
    for (int i = hwloc_bitmap_first(mask); i >= 0; i = hwloc_bitmap_next(mask, i)) m->units[m->n++] = (hal_cpu_unit){i, i, 0};
    return true;
}

bool hal_cpu_machine_here(hal_cpu_machine *machine) {
    hwloc_topology_t topology;
    hwloc_bitmap_t mask = affinity();
    hal_cpu_machine m = {0};
    if (!mask) return false;
    bool found = false;
    if (load(&topology)) {
        found = hal_cpu_machine_read(topology, mask, &m);
        hwloc_topology_destroy(topology);
    }
    found = found || plain_machine(mask, &m);
    hwloc_bitmap_free(mask);
    if (!found) return false;
    m.quota = hal_cpu_quota();
    *machine = m;
    return true;
}
