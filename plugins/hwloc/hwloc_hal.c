/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A discovery component for hwloc: accelerators that no component of hwloc knows (class accel, Ascend, platform NPUs) become
 * co-processor OS devices below their PCI device, so that plain lstopo shows them:
 *
 *     HWLOC_PLUGINS_PATH=$libdir/hwloc:$libdir/hal/hwloc lstopo
 *
 * It asks libhal for the passive description only: no device is opened, no vendor library is loaded. GPUs are left to hwloc's
 * own components where those show them. With HWLOC_FSROOT the machine below that directory is described, as hwloc's own Linux
 * component does. Source: hwloc's documentation, "Components and plugins"; include/hwloc/plugins.h.
 */
#include <hal/topology.h>
#include <hwloc.h>
#include <hwloc/plugins.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What version 3 of hwloc calls otherwise. */
#if HWLOC_API_VERSION >= 0x00030000
#define find_parent(tree, domain, bus, device, function) \
    hwloc_pci_get_parent_by_busid(tree, domain, bus, device, function)
#define allocate_backend(tree, component) hwloc_backend_alloc(tree, component, 0)
#define set_coprocessor(object)           ((object)->attr->osdev.types = HWLOC_OBJ_OSDEV_COPROC)
#else
#define find_parent(tree, domain, bus, device, function) \
    hwloc_pci_find_parent_by_busid(tree, domain, bus, device, function)
#define allocate_backend(tree, component) hwloc_backend_alloc(tree, component)
#define set_coprocessor(object)           ((object)->attr->osdev.type = HWLOC_OBJ_OSDEV_COPROC)
#endif

/* libhal asks hwloc for processors, and that must not ask us again. */
static _Thread_local bool inside;

static bool wants_devices(hwloc_topology_t tree)
{
    enum hwloc_type_filter_e filter = HWLOC_TYPE_FILTER_KEEP_NONE;
    return hwloc_topology_get_type_filter(tree, HWLOC_OBJ_OS_DEVICE, &filter) == 0 &&
           filter != HWLOC_TYPE_FILTER_KEEP_NONE;
}

/* The object of its PCI function, or what is nearest to that; the machine for what is not on PCI. */
static hwloc_obj_t parent_of(hwloc_topology_t tree, const hal_topology_device *d)
{
    unsigned domain, bus, device, function;
    hwloc_obj_t parent = NULL;
    if (sscanf(d->address, "%x:%x:%x.%x", &domain, &bus, &device, &function) == 4)
        parent = find_parent(tree, domain, bus, device, function);
    return parent != NULL ? parent : hwloc_get_root_obj(tree);
}

/* "accel0" where the kernel numbers it, else hal's alias. */
static void name_of(const hal_topology_device *d, char *name, size_t size)
{
    snprintf(name, size, "%s", d->alias);
    for (uint32_t i = 0; i < d->n_indices; i++)
        if (strcmp(d->indices[i].api, "accel") == 0)
            snprintf(name, size, "accel%u", d->indices[i].index);
}

static void tell(hwloc_obj_t object, const char *name, const char *value)
{
    if (value[0] != '\0')
        hwloc_obj_add_info(object, name, value);
}

static void insert(hwloc_topology_t tree, const hal_topology_device *d)
{
    char name[64];
    hwloc_obj_t object = hwloc_alloc_setup_object(tree, HWLOC_OBJ_OS_DEVICE, HWLOC_UNKNOWN_INDEX);
    if (object == NULL)
        return;
    name_of(d, name, sizeof name);
    object->name = strdup(name);
    object->subtype = strdup("NPU");
    set_coprocessor(object);
    tell(object, "HalId", d->id);
    tell(object, "HalFamily", d->family);
    tell(object, "Vendor", d->vendor);
    tell(object, "Model", d->name);
    tell(object, "Driver", d->driver);
    tell(object, "HalReason", d->reason);
    hwloc_insert_object_by_parent(tree, parent_of(tree, d), object);
}

/* NULL is this machine, which hwloc calls "/" too. */
static const char *root_of(void)
{
    const char *root = getenv("HWLOC_FSROOT");
    return root != NULL && root[0] != '\0' && strcmp(root, "/") != 0 ? root : NULL;
}

static int discover(struct hwloc_backend *backend, struct hwloc_disc_status *status)
{
    const hal_topology_options options = {HAL_HEAD(hal_topology_options), .input = root_of()};
    hal_topology *machine;
    (void)status;
    if (inside || !wants_devices(backend->topology))
        return 0;
    inside = true;
    const hal_status seen = hal_topology_create(&options, &machine);
    inside = false;
    if (seen != HAL_OK)
        return -1;
    for (uint32_t i = 0; i < hal_topology_device_count(machine); i++) {
        const hal_topology_device *d = hal_topology_device_at(machine, i);
        if (d->kind == HAL_DEVICE_NPU)
            insert(backend->topology, d);
    }
    hal_topology_release(machine);
    return 0;
}

static struct hwloc_backend *instantiate(struct hwloc_topology *tree, struct hwloc_disc_component *component,
                                         unsigned excluded_phases, const void *data1, const void *data2, const void *data3)
{
    (void)excluded_phases, (void)data1, (void)data2, (void)data3;
    struct hwloc_backend *backend = allocate_backend(tree, component);
    if (backend != NULL)
        backend->discover = discover;
    return backend;
}

/* In this phase the PCI objects are there. */
static struct hwloc_disc_component devices = {
    .name = "hal",
    .phases = HWLOC_DISC_PHASE_IO,
    .instantiate = instantiate,
    .priority = 10,
    .enabled_by_default = 1,
};

static int start(unsigned long flags)
{
    return flags == 0 && hwloc_plugin_check_namespace("hal", "hwloc_backend_alloc") == 0 ? 0 : -1;
}

/* Found by its name: that of the file and "_component". */
extern HAL_API const struct hwloc_component hwloc_hal_component;
HAL_API const struct hwloc_component hwloc_hal_component = {
    .abi = HWLOC_COMPONENT_ABI,
    .init = start,
    .type = HWLOC_COMPONENT_TYPE_DISC,
    .data = &devices,
};
