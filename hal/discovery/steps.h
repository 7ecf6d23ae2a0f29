/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of the passive stage share: reads at formatted paths, and one way to enter a device. */
#ifndef HAL_DISCOVERY_STEPS_H
#define HAL_DISCOVERY_STEPS_H

#include "hal/discovery/identity.h"
#include "hal/discovery/scan.h"

/* A file of one line; "" and false when it cannot be read or is empty. */
bool hal_scan_text(const hal_files *files, char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A number; `otherwise` when there is none. */
int64_t hal_scan_number(const hal_files *files, int64_t otherwise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The last component of a link's target. */
bool hal_scan_target(const hal_files *files, char *name, size_t size, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Calls `each` with every name in a directory until it answers false. */
typedef bool (*hal_scan_each)(void *context, const char *name);
void hal_scan_names(const hal_files *files, const char *path, hal_scan_each each, void *context);
/* The number that ends a name of exactly this beginning ("card" in "card1", not in "card1-DP-1"); HAL_NOWHERE when none does. */
uint32_t hal_scan_suffix(const char *name, const char *beginning);
/* The value behind "KEY" and a colon in text of such lines, without blanks around it; false when it is not there. */
bool hal_scan_field(const char *text, const char *key, char *value, size_t size);
/* Whether `word` is one of the blank-separated words of a list. */
bool hal_scan_listed(const char *list, const char *word);

/* Something found, on whatever bus. */
typedef struct hal_scan_found {
    const hal_family *family;
    const char *address; /* "0000:1b:00.0", "fdab0000.npu" */
    const char *name;
    const char *path;   /* its directory below /sys; "" when there is none */
    uint32_t place, numa, memory; /* memory: hal_own_memory */
} hal_scan_found;
/* Enters a device with driver, version and memory; its index. */
uint32_t hal_scan_enter(const hal_files *files, hal_draft *draft, const hal_scan_found *found,
                        const hal_topology_device *known);
/* The family whose drivers have that name; NULL. */
const hal_family *hal_scan_driver_family(const char *driver);
/* Enters that the device computes in memory of the host. */
void hal_scan_share_memory(hal_draft *draft, uint32_t device);

/* "32.0 GT/s PCIe": bytes per second of one lane, one way, and the generation; 0 for anything else. */
double hal_pcie_lane(const char *speed, uint32_t *generation);
/* Capacity, one way, of the link of the PCI device at `path` below /sys; `which` is "current" or "max". `text` gets "Gen5 x16". */
hal_figure hal_pcie_link(const hal_files *files, const char *path, const char *which, char *text, size_t size);
/* The place that holds the PCI device whose canonical directory is `path`: its host bridge and switches are entered. */
uint32_t hal_pci_place(const hal_files *files, hal_draft *draft, const char *path, uint32_t numa);

/* Neural processors of the platform bus, which need no class; the cores of one are one device. */
void hal_platform_scan(const hal_files *files, hal_draft *draft);
/* Enters a device of the platform bus; HAL_NOWHERE without family. */
uint32_t hal_platform_enter(const hal_files *files, hal_draft *draft, const hal_family *family, const char *name,
                            const char *path);
/* The first neural processor of the platform bus that has no accel number yet: some drivers hang its node elsewhere. */
uint32_t hal_platform_npu(hal_draft *draft);

#endif
