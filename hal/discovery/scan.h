/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The passive stage: what is on the buses and below /sys/class, put into a draft. Each step reads through hal_files only and
 * is called in this order by hal/discovery/discover.c; each tolerates that anything is missing, odd or unreadable.
 */
#ifndef HAL_DISCOVERY_SCAN_H
#define HAL_DISCOVERY_SCAN_H

#include "hal/discovery/files.h"
#include "hal/topology/build.h"

/* Host facts: uname, container, control group, limits. */
void hal_scan_host(const hal_files *files, hal_draft *draft);
/* Processors and NUMA nodes: hwloc on this machine or from /hal/hwloc.*; control group and affinity mask applied. */
hal_status hal_scan_processors(const hal_files *files, int64_t deadline, hal_draft *draft);
/* PCI roots and switches as places; devices of known families, of classes 03 and 12, NICs and fabric switches. */
void hal_scan_pci(const hal_files *files, hal_draft *draft);
/* /sys/class/{drm,accel,kfd,infiniband,...}, platform devices and bare nodes: completes PCI devices, adds what has no PCI. */
void hal_scan_classes(const hal_files *files, hal_draft *draft);
/* /sys/class/kfd/kfd/topology: memories, rates and links of AMD. */
void hal_scan_kfd(const hal_files *files, hal_draft *draft);
/* Links that follow from the structure: PCIe paths between devices, and from devices to memories. */
void hal_scan_links(const hal_files *files, hal_draft *draft);
/* Parts of devices that the kernel's files tell (MIG instances), where no vendor told them. */
void hal_scan_parts(const hal_files *files, hal_draft *draft);
/* Visibility variables: devices that are hidden on purpose. */
void hal_scan_hidden(const hal_files *files, hal_draft *draft);

/* Climbs the ladder for every device: rungs, reason, usability, diagnostics (hal/discovery/ladder.c). OUT_OF_MEMORY. */
hal_status hal_ladder_climb(const hal_files *files, hal_draft *draft);

/* Everything of one input, sealed: what hal_topology_create calls for a machine. */
hal_status hal_discover(const hal_files *files, const hal_topology_options *options, hal_topology **topology);

#endif
