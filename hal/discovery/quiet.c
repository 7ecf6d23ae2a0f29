/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/quiet.h"

#include <stdlib.h>
#include <sys/single_threaded.h>

#define PLUGINS "HWLOC_PLUGINS_PATH"

/*
 * hwloc opens all of its plugins before it can be told to use none, and with them the OpenCL loader, X11 and
 * libxml2. Only the environment keeps it from that, which is no thread's own: it is changed, and back, where
 * no other thread can look. Who has set the variable wants the plugins that are there.
 */
static bool init_without_plugins(hwloc_topology_t *tree)
{
    bool alone = __libc_single_threaded && getenv(PLUGINS) == NULL && setenv(PLUGINS, "/dev/null", 1) == 0;
    int result = hwloc_topology_init(tree);
    if (alone)
        unsetenv(PLUGINS);
    return result == 0;
}

/* Where plugins were opened all the same, none of them is asked: they may wake, hang or kill. */
bool hal_quiet_tree(hwloc_topology_t *tree)
{
    static const char *const loud[] = {"cuda", "nvml", "rsmi", "levelzero", "opencl", "gl", "pci", "xml"};
    if (!init_without_plugins(tree))
        return false;
#if HWLOC_API_VERSION >= 0x00020100
    for (size_t i = 0; i < sizeof loud / sizeof loud[0]; i++)
        hwloc_topology_set_components(*tree, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, loud[i]);
#endif
    hwloc_topology_set_icache_types_filter(*tree, HWLOC_TYPE_FILTER_KEEP_ALL);
    hwloc_topology_set_io_types_filter(*tree, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(*tree, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE);
    return true;
}
