/* SPDX-License-Identifier: Apache-2.0 */
/* PCI and OS devices of a loaded hwloc tree: files of other machines have them; on this machine hal looks at
   /sys itself. Names of infos: hwloc's documentation, "Object attributes". */
#include "hal/topology/hwloc_tree.h"

#include <hwloc/distances.h>
#include <stdio.h>

#define MOST_MATRIX 4096u

static bool is_bridge(hwloc_obj_t o)
{
    return o != NULL && o->type == HWLOC_OBJ_BRIDGE;
}

static bool has_bridge_below(hwloc_obj_t bridge)
{
    for (hwloc_obj_t o = bridge->io_first_child; o != NULL; o = o->next_sibling)
        if (is_bridge(o))
            return true;
    return false;
}

static uint32_t place_of_bridge(const hal_tree *t, hwloc_obj_t o, char *id, size_t size)
{
    const struct hwloc_bridge_attr_s *b = &o->attr->bridge;
    if (b->upstream_type == HWLOC_OBJ_BRIDGE_HOST)
        snprintf(id, size, "pci:%04x:%02x", b->downstream.pci.domain, b->downstream.pci.secondary_bus);
    else
        snprintf(id, size, "pci:%04x:%02x:%02x.%x", b->upstream.pci.domain, b->upstream.pci.bus,
                 b->upstream.pci.dev, b->upstream.pci.func);
    return hal_draft_find_place(t->draft, id);
}

/* The nearest place above a device. Ports of switches that lead to one device have none of their own. */
static uint32_t place_above(const hal_tree *t, hwloc_obj_t o)
{
    char id[40];
    for (hwloc_obj_t up = o->parent; is_bridge(up); up = up->parent) {
        uint32_t place = place_of_bridge(t, up, id, sizeof id);
        if (place != HAL_NOWHERE)
            return place;
    }
    return hal_tree_place(t, o);
}

static hal_figure speed_of(const struct hwloc_pcidev_attr_s *pci)
{
    return pci->linkspeed > 0
               ? hal_figure_of((double)pci->linkspeed * 1e9, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_STRUCTURAL)
               : hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
}

static void add_bridge(const hal_tree *t, hwloc_obj_t o)
{
    char id[40];
    const struct hwloc_bridge_attr_s *b = &o->attr->bridge;
    const bool host = b->upstream_type == HWLOC_OBJ_BRIDGE_HOST,
               port = is_bridge(o->parent) && o->parent->attr->bridge.upstream_type == HWLOC_OBJ_BRIDGE_HOST;
    if (b->downstream_type != HWLOC_OBJ_BRIDGE_PCI || (!host && !port && !has_bridge_below(o)))
        return;
    if (place_of_bridge(t, o, id, sizeof id) != HAL_NOWHERE)
        return;
    hal_draft_add_place(
        t->draft,
        &(hal_topology_place){
            .kind = host || port ? HAL_PLACE_PCI_ROOT : HAL_PLACE_PCI_SWITCH,
            .parent = place_above(t, o),
            .id = id,
            .name = host ? "" : hal_tree_info(o, "PCIDevice"),
            .number = (uint32_t)b->downstream.pci.domain << 8 | b->downstream.pci.secondary_bus,
            .uplink = host ? hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND) : speed_of(&b->upstream.pci)});
}

static void add_memory(const hal_tree *t, uint32_t device, hal_figure capacity)
{
    char id[96];
    hal_topology_device *d = hal_draft_device(t->draft, device);
    if (d == NULL || capacity.source == HAL_SOURCE_UNKNOWN)
        return;
    if (d->n_memories > 0) {
        hal_topology_memory *m = hal_draft_memory(t->draft, d->memories[0]);
        if (m != NULL && m->capacity.source == HAL_SOURCE_UNKNOWN)
            m->capacity = capacity;
        return;
    }
    snprintf(id, sizeof id, "%.80s/memory", d->id);
    hal_draft_device_memory(t->draft, device,
                            hal_draft_add_memory(t->draft, &(hal_topology_memory){.kind = HAL_MEMORY_OTHER,
                                                                                  .place = d->place,
                                                                                  .id = id,
                                                                                  .numa = HAL_NOWHERE,
                                                                                  .capacity = capacity}));
}

/* Better than the name of the chip, which PCI gives. */
static void name_device(const hal_tree *t, uint32_t device, hwloc_obj_t os)
{
    hal_topology_device *d = hal_draft_device(t->draft, device);
    const char *model = hal_tree_info(os, "GPUModel"), *uuid = hal_tree_info(os, "NVIDIAUUID");
    const char *serial = hal_tree_info(os, "NVIDIASerial");
    if (d == NULL)
        return;
    uuid = uuid[0] != '\0' ? uuid : hal_tree_info(os, "AMDUUID");
    uuid = uuid[0] != '\0' ? uuid : hal_tree_info(os, "LevelZeroUUID");
    serial = serial[0] != '\0' ? serial : hal_tree_info(os, "AMDSerial");
    if (model[0] != '\0')
        d->name = hal_draft_text(t->draft, model);
    if (uuid[0] != '\0')
        d->uuid = hal_draft_text(t->draft, uuid);
    if (serial[0] != '\0')
        d->serial = hal_draft_text(t->draft, serial);
}

/* "cuda0", "nvml3", "rsmi1", "ze0", "renderD128", and "opencl0d1", whose platform comes first. */
static void number_device(const hal_tree *t, uint32_t device, hwloc_obj_t os)
{
    static const char *const apis[][2] = {{"cuda", "cuda"},  {"nvml", "nvml"}, {"rsmi", "rsmi"},
                                          {"ze", "ze"},      {"card", "drm"},  {"renderD", "drm"},
                                          {"accel", "accel"}};
    unsigned platform, number;
    const char *name = os->name != NULL ? os->name : "";
    int end = 0;
    if (sscanf(name, "opencl%8ud%8u%n", &platform, &number, &end) == 2 && name[end] == '\0')
        hal_draft_device_index(t->draft, device, "opencl", platform, number);
    for (size_t i = 0; i < sizeof apis / sizeof *apis; i++) {
        const size_t n = strlen(apis[i][0]);
        end = 0;
        if (strncmp(name, apis[i][0], n) == 0 && sscanf(name + n, "%8u%n", &number, &end) == 1 &&
            name[n + (size_t)end] == '\0')
            hal_draft_device_index(t->draft, device, apis[i][1], HAL_NOWHERE, number);
    }
}

static void read_capacity(const hal_tree *t, uint32_t device, hwloc_obj_t os)
{
    static const char *const infos[] = {"CUDAGlobalMemorySize", "OpenCLGlobalMemorySize", "RSMIVRAMSize",
                                        "LevelZeroHBMSize", "LevelZeroDDRSize"};
    for (size_t i = 0; i < sizeof infos / sizeof *infos; i++)
        add_memory(t, device, hal_tree_figure(os, infos[i], HAL_UNIT_BYTES));
    const hal_figure units = hal_tree_figure(os, "CUDAMultiProcessors", HAL_UNIT_COUNT);
    const hal_figure others = hal_tree_figure(os, "OpenCLComputeUnits", HAL_UNIT_COUNT);
    hal_topology_device *d = hal_draft_device(t->draft, device);
    if (d != NULL && d->cores == 0 && units.value + others.value < 1e6)
        d->cores = (uint32_t)(units.value > 0 ? units.value : others.value);
}

static void read_os_devices(const hal_tree *t, uint32_t device, hwloc_obj_t pci)
{
    for (hwloc_obj_t o = pci->io_first_child; o != NULL; o = o->next_sibling) {
        if (o->type != HWLOC_OBJ_OS_DEVICE)
            continue;
        name_device(t, device, o);
        number_device(t, device, o);
        read_capacity(t, device, o);
        if (HAL_OSDEV_IS(o, OPENFABRICS) || HAL_OSDEV_IS(o, NETWORK))
            hal_draft_device_feature(t->draft, device, o->name != NULL ? o->name : "");
    }
}

static bool computes(hwloc_obj_t pci)
{
    for (hwloc_obj_t o = pci->io_first_child; o != NULL; o = o->next_sibling)
        if (o->type == HWLOC_OBJ_OS_DEVICE && (HAL_OSDEV_IS(o, COPROC) || HAL_OSDEV_IS(o, GPU)))
            return true;
    return false;
}

static void address_of(hwloc_obj_t o, char *address, size_t size)
{
    const struct hwloc_pcidev_attr_s *pci = &o->attr->pcidev;
    snprintf(address, size, "%04x:%02x:%02x.%x", pci->domain, pci->bus, pci->dev, pci->func);
}

static void add_pci_device(const hal_tree *t, hwloc_obj_t o)
{
    char id[40], address[32];
    const struct hwloc_pcidev_attr_s *pci = &o->attr->pcidev;
    hal_topology_device d = {.place = place_above(t, o),
                             .id = id,
                             .address = address,
                             .name = hal_tree_info(o, "PCIDevice"),
                             .vendor = hal_tree_info(o, "PCIVendor"),
                             .pci_vendor = pci->vendor_id,
                             .pci_device = pci->device_id,
                             .pci_subvendor = pci->subvendor_id,
                             .pci_subdevice = pci->subdevice_id,
                             .pci_class = (uint32_t)pci->class_id << 8,
                             .pci_revision = pci->revision,
                             .numa = hal_tree_numa(o),
                             .parent = HAL_NOWHERE,
                             .link_now = speed_of(pci)};
    const bool hub = o->subtype != NULL && strcmp(o->subtype, "NVSwitch") == 0;
    address_of(o, address, sizeof address);
    if ((!hal_pci_describe(&d, computes(o)) && !hub) ||
        hal_draft_find_device(t->draft, address) != HAL_NOWHERE)
        return;
    d.kind = hub ? HAL_DEVICE_SWITCH : d.kind;
    snprintf(id, sizeof id, "%s:%s", hal_device_kind_name(d.kind), address);
    read_os_devices(t, hal_draft_add_device(t->draft, &d), o);
}

/* OpenCL on the processors themselves is another way to them. */
static void read_bare_os_device(const hal_tree *t, hwloc_obj_t o)
{
    char way[160];
    if (o->parent == NULL || o->parent->type == HWLOC_OBJ_PCI_DEVICE ||
        strcmp(hal_tree_info(o, "OpenCLDeviceType"), "CPU") != 0)
        return;
    snprintf(way, sizeof way, "opencl: %.140s", hal_tree_info(o, "OpenCLPlatformName"));
    for (uint32_t i = 0; i < t->n_packages; i++)
        hal_draft_device_way(t->draft, t->cpus[i], way);
}

/* "mem0": memory behind CXL that the kernel gave no NUMA node, or a part of one; its node is not told here.
 */
static void read_cxl_memory(const hal_tree *t, hwloc_obj_t o)
{
    char id[48];
    const hal_figure capacity = hal_tree_figure(o, "CXLRAMSize", HAL_UNIT_BYTES);
    if (o->subtype == NULL || strcmp(o->subtype, "CXLMem") != 0 || o->name == NULL ||
        capacity.source == HAL_SOURCE_UNKNOWN)
        return;
    const bool pci = o->parent != NULL && o->parent->type == HWLOC_OBJ_PCI_DEVICE;
    snprintf(id, sizeof id, "cxl:%.40s", o->name);
    if (hal_draft_find_memory(t->draft, id) == HAL_NOWHERE)
        hal_draft_add_memory(t->draft, &(hal_topology_memory){.kind = HAL_MEMORY_CXL,
                                                              .place = place_above(t, pci ? o->parent : o),
                                                              .id = id,
                                                              .numa = HAL_NOWHERE,
                                                              .capacity = capacity});
}

/* The device of an object of a matrix: itself, or the PCI device above. */
static uint32_t device_of(const hal_tree *t, hwloc_obj_t o)
{
    char address[32];
    while (o != NULL && o->type == HWLOC_OBJ_OS_DEVICE)
        o = o->parent;
    if (o != NULL && o->type == HWLOC_OBJ_PCI_DEVICE) {
        address_of(o, address, sizeof address);
        return hal_draft_find_device(t->draft, address);
    }
    for (uint32_t i = 0;
         o != NULL && o->cpuset != NULL && !hwloc_bitmap_iszero(o->cpuset) && i < t->n_packages; i++) {
        hwloc_obj_t package = hwloc_get_obj_by_type(t->tree, HWLOC_OBJ_PACKAGE, i);
        if (package != NULL && hwloc_bitmap_isequal(o->cpuset, package->cpuset))
            return t->cpus[i];
    }
    return HAL_NOWHERE;
}

/* Values are MB/s; what connects a device to itself means nothing. */
static void read_matrix(const hal_tree *t, const struct hwloc_distances_s *d, const char *kind)
{
    for (unsigned i = 0; i < d->nbobjs && d->nbobjs <= MOST_MATRIX; i++)
        for (unsigned j = 0; j < d->nbobjs; j++) {
            const double value = (double)d->values[i * d->nbobjs + j];
            if (i == j || value <= 0)
                continue;
            uint32_t from = device_of(t, d->objs[i]), to = device_of(t, d->objs[j]);
            if (from == HAL_NOWHERE || to == HAL_NOWHERE || from == to)
                continue;
            hal_draft_add_link(t->draft, &(hal_topology_link){
                                             .from = {HAL_END_DEVICE, from},
                                             .to = {HAL_END_DEVICE, to},
                                             .kind = kind,
                                             .path = strcmp(kind, "nvlink") == 0 ? "NVL" : "",
                                             .hops = 1,
                                             .bandwidth = hal_figure_of(
                                                 value * 1e6, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_VENDOR)});
        }
}

static void read_matrices(const hal_tree *t, const char *name, const char *kind)
{
    struct hwloc_distances_s *found[16];
    unsigned n = 16;
    if (hwloc_distances_get_by_name(t->tree, name, &n, found, 0) != 0)
        return;
    for (unsigned i = 0; i < n && i < 16; i++) {
        read_matrix(t, found[i], kind);
        hwloc_distances_release(t->tree, found[i]);
    }
}

void hal_tree_read_devices(const hal_tree *t)
{
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_bridge(t->tree, o)) != NULL;)
        add_bridge(t, o);
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_pcidev(t->tree, o)) != NULL;)
        add_pci_device(t, o);
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_osdev(t->tree, o)) != NULL;)
        read_bare_os_device(t, o);
    for (hwloc_obj_t o = NULL; (o = hwloc_get_next_osdev(t->tree, o)) != NULL;)
        read_cxl_memory(t, o);
    read_matrices(t, "NVLinkBandwidth", "nvlink");
    read_matrices(t, "XGMIBandwidth", "xgmi");
    read_matrices(t, "XeLinkBandwidth", "xelink");
}
