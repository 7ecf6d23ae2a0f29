/* SPDX-License-Identifier: Apache-2.0 */
/* hwloc without what vendors add to it. */
#ifndef HAL_DISCOVERY_QUIET_H
#define HAL_DISCOVERY_QUIET_H

#include <hwloc.h>
#include <stdbool.h>

/* A tree that is not loaded yet, and will ask neither vendor libraries nor buses. */
bool hal_quiet_tree(hwloc_topology_t *tree);

#endif
