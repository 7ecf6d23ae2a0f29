/* SPDX-License-Identifier: Apache-2.0 */
/* Devices of /sys/bus/pci. */
#include "hal/discovery/steps.h"

#include <limits.h>

/* Makers of network cards and of others whose family tells no vendor: pci.ids. */
static const struct {
    uint32_t number;
    const char *name;
} makers[] = {{0x15b3, "NVIDIA Mellanox"},
              {0x8086, "Intel"},
              {0x14e4, "Broadcom"},
              {0x1077, "Marvell QLogic"},
              {0x1d0f, "Amazon"},
              {0x19e5, "Huawei"},
              {0x10ec, "Realtek"},
              {0x1af4, "virtio"},
              {0x1ae0, "Google"},
              {0x1dd8, "AMD Pensando"},
              {0x1924, "AMD Solarflare"},
              {0x10df, "Broadcom Emulex"},
              {0x1137, "Cisco"},
              {0x1d6a, "Marvell Aquantia"},
              {0x10de, "NVIDIA"},
              {0x1002, "AMD"},
              {0x1022, "AMD"},
              {0x17cb, "Qualcomm"},
              {0x1425, "Chelsio"},
              {0x17d5, "HPE Cray"},
              {0x17db, "HPE Cray"},
              {0x434e, "Cornelis"},
              {0x1d94, "Hygon"},
              {0x15ad, "VMware"}};

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
} scan;

static const char *maker(uint32_t vendor)
{
    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
        if (makers[i].number == vendor)
            return makers[i].name;
    return "";
}

static uint32_t number(const scan *s, const char *path, const char *name)
{
    int64_t value = hal_scan_number(s->files, 0, "%s/%s", path, name);
    return value > 0 && value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* Compute devices of unknown numbers are of the family whose driver serves them. */
static const hal_family *family_of(const scan *s, const hal_identity *identity, const char *path)
{
    char driver[128];
    const hal_family *family = hal_family_find(identity->family);
    if (family == NULL ||
        (strcmp(identity->family, "accelerator") != 0 && strcmp(identity->family, "display") != 0) ||
        !hal_scan_target(s->files, driver, sizeof driver, "%s/driver", path))
        return family;
    const hal_family *served = hal_scan_driver_family(driver);
    return served != NULL ? served : family;
}

static void read_numbers(const scan *s, const char *path, hal_topology_device *d)
{
    d->pci_subvendor = number(s, path, "subsystem_vendor");
    d->pci_subdevice = number(s, path, "subsystem_device");
    d->pci_revision = number(s, path, "revision");
    d->vendor = maker(d->pci_vendor);
}

/* The NUMA node that is the memory of a coherent GPU: what NVIDIA's driver tells where it made one. */
static uint32_t coherent_node(const scan *s, const char *address)
{
    char text[256], value[32];
    if (!hal_scan_text(s->files, text, sizeof text, "/proc/driver/nvidia/gpus/%s/numa_status", address) ||
        !hal_scan_field(text, "Node", value, sizeof value))
        return HAL_NOWHERE;
    char id[48];
    snprintf(id, sizeof id, "numa%s", value);
    return hal_draft_find_memory(s->draft, id);
}

static void attach_coherent(const scan *s, uint32_t device, uint32_t memory)
{
    hal_topology_memory *m = hal_draft_memory(s->draft, memory);
    if (m == NULL)
        return;
    m->kind = HAL_MEMORY_HBM;
    m->shared = m->host_access = 1;
    hal_draft_device_memory(s->draft, device, memory);
}

/* By its numbers; NULL for what is no device of ours. */
static const hal_identity *identify(const scan *s, const char *path, hal_topology_device *d)
{
    d->pci_class = number(s, path, "class");
    const uint32_t base = d->pci_class >> 16;
    if (base == 0x06 && d->pci_class >> 8 != 0x0680) /* bridges are places, and most of what is on the bus */
        return NULL;
    d->pci_vendor = number(s, path, "vendor");
    d->pci_device = number(s, path, "device");
    return d->pci_vendor != 0 ? hal_identity_find(d->pci_vendor, d->pci_device, d->pci_class) : NULL;
}

static uint32_t own_memory(const hal_identity *identity, const char *address, uint32_t coherent)
{
    if (coherent != HAL_NOWHERE)
        return HAL_OWN_NONE;
    if (identity->memory != HAL_OWN_BY_BUS)
        return identity->memory;
    return strncmp(address, "0000:00:", 8) == 0 ? HAL_OWN_SHARED : HAL_OWN_OTHER;
}

static uint32_t numa_of(const scan *s, const char *path)
{
    const int64_t numa = hal_scan_number(s->files, -1, "%s/numa_node", path);
    return numa >= 0 && numa < HAL_NOWHERE ? (uint32_t)numa : HAL_NOWHERE;
}

static bool each_device(void *context, const char *address)
{
    scan *s = context;
    char path[PATH_MAX], real[PATH_MAX], link[32], most[32];
    hal_topology_device d = {0};
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", address);
    const hal_identity *identity = identify(s, path, &d);
    hal_scan_found found = {.family = identity != NULL ? family_of(s, identity, path) : NULL};
    if (found.family == NULL)
        return true;
    const uint32_t coherent = d.pci_vendor == 0x10de ? coherent_node(s, address) : HAL_NOWHERE;
    found.address = address;
    found.name = identity->name;
    found.memory = own_memory(identity, address, coherent);
    found.path = hal_files_resolve(s->files, path, real, sizeof real) ? real : path;
    found.numa = numa_of(s, found.path);
    found.place = hal_pci_place(s->files, s->draft, found.path, found.numa);
    read_numbers(s, found.path, &d);
    d.link_now = hal_pcie_link(s->files, found.path, "current", link, sizeof link);
    d.link_most = hal_pcie_link(s->files, found.path, "max", most, sizeof most);
    d.link_text = link;
    attach_coherent(s, hal_scan_enter(s->files, s->draft, &found, &d), coherent);
    return true;
}

static bool physical_function(const scan *s, const char *address, char *physical, size_t size)
{
    return hal_scan_target(s->files, physical, size, "/sys/bus/pci/devices/%s/physfn", address);
}

/* Virtual functions are parts of the physical one, which is no part itself. */
static void find_parents(const scan *s)
{
    char address[64], other[64];
    for (uint32_t i = 0; i < hal_draft_device_count(s->draft); i++) {
        const hal_topology_device *d = hal_draft_device(s->draft, i);
        if (d->pci_vendor != 0 && physical_function(s, d->address, address, sizeof address) &&
            !physical_function(s, address, other, sizeof other))
            hal_draft_device(s->draft, i)->parent = hal_draft_find_device(s->draft, address);
    }
}

/* What NVIDIA's driver tells of each device in its files: the names of its fields are those it writes. */
static bool each_nvidia(void *context, const char *address)
{
    scan *s = context;
    char text[2048], value[160];
    uint32_t index = hal_draft_find_device(s->draft, address);
    if (index == HAL_NOWHERE ||
        !hal_scan_text(s->files, text, sizeof text, "/proc/driver/nvidia/gpus/%s/information", address))
        return true;
    hal_topology_device *d = hal_draft_device(s->draft, index);
    if (hal_scan_field(text, "Model", value, sizeof value) && strcmp(value, "Unknown") != 0) {
        const char *name = strncmp(value, "NVIDIA ", 7) == 0 ? value + 7 : value;
        d->name = hal_draft_text(s->draft, name);
    }
    if (hal_scan_field(text, "GPU UUID", value, sizeof value) && strchr(value, '?') == NULL)
        d->uuid = hal_draft_text(s->draft, value);
    if (hal_scan_field(text, "GPU Firmware", value, sizeof value) && strcmp(value, "N/A") != 0)
        d->firmware = hal_draft_text(s->draft, value);
    if (hal_scan_field(text, "Device Minor", value, sizeof value) &&
        hal_scan_suffix(value, "") != HAL_NOWHERE) {
        hal_draft_device_index(s->draft, index, "nvidia", HAL_NOWHERE, hal_scan_suffix(value, ""));
        hal_draft_device_node(s->draft, index, hal_draft_format(s->draft, "/dev/nvidia%s", value));
    }
    return true;
}

void hal_scan_pci(const hal_files *files, hal_draft *draft)
{
    scan s = {files, draft};
    hal_scan_names(files, "/sys/bus/pci/devices", each_device, &s);
    find_parents(&s);
    hal_scan_names(files, "/proc/driver/nvidia/gpus", each_nvidia, &s);
}
