/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instances of NVIDIA's MIG, as the driver's files tell:
 * /proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access, where 0 is the minor of the GPU, 1 the GPU
 * instance and 0 the compute instance; and nodes below /dev/nvidia-caps, whose minors are in those files (MIG
 * user guide, "Device nodes and capabilities").
 */
#include "hal/discovery/steps.h"

#include <limits.h>

#define CAPABILITIES "/proc/driver/nvidia/capabilities"

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
    uint32_t gpu, gpu_instance;
    char path[128]; /* of the GPU's, then the GPU instance's directory */
} scan;

static void enter_node(const scan *s, uint32_t device, const char *directory)
{
    char text[256], value[32];
    if (hal_scan_text(s->files, text, sizeof text, "%s/access", directory) &&
        hal_scan_field(text, "DeviceFileMinor", value, sizeof value))
        hal_draft_device_node(s->draft, device,
                              hal_draft_format(s->draft, "/dev/nvidia-caps/nvidia-cap%s", value));
}

static bool each_compute_instance(void *context, const char *entry)
{
    const scan *s = context;
    char id[128], path[PATH_MAX];
    uint32_t number = hal_scan_suffix(entry, "ci");
    const hal_topology_device *gpu = hal_draft_device(s->draft, s->gpu);
    if (number == HAL_NOWHERE || gpu == NULL)
        return true;
    snprintf(id, sizeof id, "%.80s/gi%uci%u", gpu->id, s->gpu_instance, number);
    hal_topology_device part = {.kind = HAL_DEVICE_GPU,
                                .place = gpu->place,
                                .id = id,
                                .name = hal_draft_format(s->draft, "%s MIG", gpu->name),
                                .family = gpu->family,
                                .vendor = gpu->vendor,
                                .address = gpu->address,
                                .driver = gpu->driver,
                                .driver_version = gpu->driver_version,
                                .pci_vendor = gpu->pci_vendor,
                                .pci_device = gpu->pci_device,
                                .pci_class = gpu->pci_class,
                                .numa = gpu->numa,
                                .parent = s->gpu};
    uint32_t device = hal_draft_add_device(s->draft, &part);
    enter_node(s, device, s->path);
    snprintf(path, sizeof path, "%s/%s", s->path, entry);
    enter_node(s, device, path);
    return true;
}

static bool each_gpu_instance(void *context, const char *entry)
{
    scan s = *(const scan *)context;
    size_t length = strlen(s.path);
    s.gpu_instance = hal_scan_suffix(entry, "gi");
    if (s.gpu_instance == HAL_NOWHERE)
        return true;
    snprintf(s.path + length, sizeof s.path - length, "/%.32s", entry);
    hal_scan_names(s.files, s.path, each_compute_instance, &s);
    return true;
}

/* The GPU of a minor; HAL_NOWHERE when it is not here, or somebody told its parts already. */
static uint32_t whole_gpu(hal_draft *draft, uint32_t minor)
{
    uint32_t found = HAL_NOWHERE;
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++) {
        const hal_topology_device *d = hal_draft_device(draft, i);
        for (uint32_t k = 0; k < d->n_indices; k++)
            if (strcmp(d->indices[k].api, "nvidia") == 0 && d->indices[k].index == minor)
                found = i;
    }
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++)
        if (found != HAL_NOWHERE && hal_draft_device(draft, i)->parent == found)
            return HAL_NOWHERE;
    return found;
}

static bool each_gpu(void *context, const char *entry)
{
    scan *s = context;
    uint32_t minor = hal_scan_suffix(entry, "gpu");
    s->gpu = minor != HAL_NOWHERE ? whole_gpu(s->draft, minor) : HAL_NOWHERE;
    if (s->gpu == HAL_NOWHERE)
        return true;
    uint32_t before = hal_draft_device_count(s->draft);
    snprintf(s->path, sizeof s->path, CAPABILITIES "/gpu%u/mig", minor);
    hal_scan_names(s->files, s->path, each_gpu_instance, s);
    if (hal_draft_device_count(s->draft) != before)
        hal_draft_device_feature(s->draft, s->gpu, "mig");
    return true;
}

void hal_scan_parts(const hal_files *files, hal_draft *draft)
{
    scan s = {.files = files, .draft = draft};
    hal_scan_names(files, CAPABILITIES, each_gpu, &s);
}
