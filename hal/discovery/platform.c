/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of /sys/bus/platform: what a device tree tells, with or without a driver. */
#include "hal/discovery/steps.h"

#include <limits.h>

/* Words of `compatible` (bindings in the kernel's Documentation/devicetree), as the modalias repeats them. */
static const struct {
    const char *word, *family;
} known[] = {{"-rknn-core", "rocket"}, {"-rknpu", "rknpu"}, {"arm,ethos-u", "ethos"}};

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
} scan;

uint32_t hal_platform_enter(const hal_files *files, hal_draft *draft, const hal_family *family,
                            const char *name, const char *path)
{
    char compatible[128];
    if (family == NULL)
        return HAL_NOWHERE;
    /* the first of its names in the device tree; each ends in NUL */
    hal_scan_text(files, compatible, sizeof compatible, "%s/of_node/compatible", path);
    hal_scan_found found = {.family = family,
                            .address = name,
                            .name = compatible,
                            .path = path,
                            .numa = HAL_NOWHERE,
                            .memory = HAL_OWN_SHARED};
    return hal_scan_enter(files, draft, &found, &(hal_topology_device){.parent = HAL_NOWHERE});
}

static bool is_platform_npu(const hal_topology_device *d)
{
    return d->kind == HAL_DEVICE_NPU && d->pci_vendor == 0 && strstr(d->address, ".npu") != NULL;
}

uint32_t hal_platform_npu(hal_draft *draft)
{
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++) {
        const hal_topology_device *d = hal_draft_device(draft, i);
        bool numbered = false;
        for (uint32_t k = 0; k < d->n_indices; k++)
            numbered |= strcmp(d->indices[k].api, "accel") == 0;
        if (is_platform_npu(d) && !numbered)
            return i;
    }
    return HAL_NOWHERE;
}

static const hal_family *family_of(const scan *s, const char *path)
{
    char text[256];
    const hal_family *family = NULL;
    if (hal_scan_target(s->files, text, sizeof text, "%s/driver", path))
        family = hal_scan_driver_family(text);
    if (family != NULL || !hal_scan_text(s->files, text, sizeof text, "%s/modalias", path))
        return family;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(text, known[i].word) != NULL)
            return hal_family_find(known[i].family);
    return NULL;
}

/* "fdab0000.npu": an address and the name of the node in the device tree. */
static bool each_device(void *context, const char *name)
{
    const scan *s = context;
    char path[PATH_MAX], real[PATH_MAX];
    size_t length = strlen(name);
    if (length < 5 || strcmp(name + length - 4, ".npu") != 0)
        return true;
    snprintf(path, sizeof path, "/sys/bus/platform/devices/%s", name);
    const hal_family *family = family_of(s, path);
    for (uint32_t i = 0; family != NULL && i < hal_draft_device_count(s->draft); i++) {
        hal_topology_device *d = hal_draft_device(s->draft, i);
        if (strcmp(d->family, family->name) != 0 || !is_platform_npu(d))
            continue;
        d->cores++; /* another core of it */
        return true;
    }
    uint32_t device = hal_platform_enter(s->files, s->draft, family, name,
                                         hal_files_resolve(s->files, path, real, sizeof real) ? real : path);
    if (device != HAL_NOWHERE)
        hal_draft_device(s->draft, device)->cores = 1;
    return true;
}

void hal_platform_scan(const hal_files *files, hal_draft *draft)
{
    hal_scan_names(files, "/sys/bus/platform/devices", each_device, &(scan){files, draft});
}
