/* SPDX-License-Identifier: Apache-2.0 */
/* Packages and NUMA nodes by the kernel's own files, where hwloc has nothing to say. */
#ifndef HAL_DISCOVERY_PROCESSORS_H
#define HAL_DISCOVERY_PROCESSORS_H

#include "hal/discovery/scan.h"

/* Adds place 0, packages, NUMA nodes with their memory, and a cpu device for each package: one at least, as something runs
   this. */
void hal_scan_kernel_processors(const hal_files *files, hal_draft *draft);
/* This machine in hwloc's XML, for free(); NULL when hwloc cannot. */
char *hal_processors_export(void);

#endif
