/* SPDX-License-Identifier: Apache-2.0 */
/* /sys/class, platform devices and bare nodes: numbers and nodes for what is on PCI, and devices that are
 * not. */
#include "hal/discovery/steps.h"

#include <limits.h>
#include <sys/stat.h>

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
} scan;

/* Classes whose entries each stand for one device and its node. */
typedef struct class_row {
    const char *class, *beginning; /* /sys/class/CLASS/BEGINNING<number> */
    const char *api;               /* name of its native index, or NULL */
    const char *node;              /* followed by the number; NULL: none */
    const char *other_node;        /* the same where the first is not there */
    const char *family; /* of devices off PCI whose driver is of no family; "" when those are none of ours */
    bool platform;      /* whether devices off PCI have it */
} class_row;

/* Names of entries: the kernel's drivers of those classes; tt-kmd, gasket and habanalabs before 6.5 for
 * theirs. */
static const class_row classes[] = {
    {"drm", "renderD", NULL, "/dev/dri/renderD", NULL, "", true}, /* first: a card alone is a display */
    {"drm", "card", "drm", NULL, NULL, "", false},
    {"accel", "accel", "accel", "/dev/accel/accel", "/dev/accel", "accelerator", true},
    {"habanalabs", "hl", "accel", "/dev/hl", NULL, "gaudi", true},
    {"tenstorrent", "tenstorrent!", "tenstorrent", "/dev/tenstorrent/", NULL, "tenstorrent", true},
    {"apex", "apex_", "apex", "/dev/apex_", NULL, "edgetpu", true},
};

/* The device behind an entry of a class: its canonical directory, and its name there. False when it has none.
 * A virtual card has a device of the virtio bus between it and its entry. */
static bool device_of(const scan *s, const char *class, const char *entry, char *real, size_t size,
                      const char **name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "/sys/class/%s/%s/device", class, entry);
    if (!hal_files_resolve(s->files, path, real, size))
        return false;
    char *slash = strrchr(real, '/');
    if (slash != NULL && slash != real && strncmp(slash, "/virtio", 7) == 0) {
        *slash = '\0';
        slash = strrchr(real, '/');
    }
    *name = slash != NULL ? slash + 1 : real;
    return true;
}

/* Only what a driver of the platform bus serves: virtual drivers have neither. */
static uint32_t enter_platform(const scan *s, const char *real, const char *name, const char *otherwise)
{
    char bus[64], driver[128];
    if (!hal_scan_target(s->files, bus, sizeof bus, "%s/subsystem", real) || strcmp(bus, "platform") != 0)
        return HAL_NOWHERE;
    if (!hal_scan_target(s->files, driver, sizeof driver, "%s/driver", real))
        return strcmp(otherwise, "accelerator") == 0 ? hal_platform_npu(s->draft) : HAL_NOWHERE;
    const hal_family *family = hal_scan_driver_family(driver);
    return hal_platform_enter(s->files, s->draft, family != NULL ? family : hal_family_find(otherwise), name,
                              real);
}

typedef struct class_scan {
    scan s;
    const class_row *row;
} class_scan;

static void enter_node(const scan *s, const class_row *row, uint32_t device, uint32_t number)
{
    char node[64];
    snprintf(node, sizeof node, "%s%u", row->node, number);
    if (row->other_node != NULL && !hal_files_exist(s->files, node)) {
        char other[64];
        snprintf(other, sizeof other, "%s%u", row->other_node, number);
        if (hal_files_exist(s->files, other))
            memcpy(node, other, sizeof node);
    }
    hal_draft_device_node(s->draft, device, node);
}

static bool each_entry(void *context, const char *entry)
{
    const class_scan *c = context;
    char real[PATH_MAX];
    const char *name;
    uint32_t number = hal_scan_suffix(entry, c->row->beginning);
    if (number == HAL_NOWHERE || !device_of(&c->s, c->row->class, entry, real, sizeof real, &name))
        return true;
    uint32_t device = hal_draft_find_device(c->s.draft, name);
    if (device == HAL_NOWHERE && c->row->platform)
        device = enter_platform(&c->s, real, name, c->row->family);
    if (device == HAL_NOWHERE)
        return true;
    if (c->row->api != NULL)
        hal_draft_device_index(c->s.draft, device, c->row->api, HAL_NOWHERE, number);
    if (c->row->node != NULL)
        enter_node(&c->s, c->row, device, number);
    return true;
}

/* Network interfaces and RDMA devices are other names of a card. */
static bool each_interface(void *context, const char *entry)
{
    const class_scan *c = context;
    char real[PATH_MAX], rate[64];
    const char *name;
    const char *class = c->row->class;
    if (!device_of(&c->s, class, entry, real, sizeof real, &name))
        return true;
    uint32_t device = hal_draft_find_device(c->s.draft, name);
    if (device == HAL_NOWHERE)
        return true;
    hal_draft_device_way(c->s.draft, device, hal_draft_format(c->s.draft, "%s: %s", class, entry));
    if (c->row->api != NULL)
        hal_draft_device_feature(c->s.draft, device, c->row->api);
    if (hal_scan_text(c->s.files, rate, sizeof rate, "/sys/class/%s/%s/ports/1/rate", class, entry))
        hal_draft_device_feature(c->s.draft, device, rate);
    return true;
}

/* Hexagon's compute processor has no bus: its message channel is all there is of it. */
static bool each_misc(void *context, const char *entry)
{
    const scan *s = context;
    if (strcmp(entry, "fastrpc-cdsp") != 0)
        return true;
    hal_scan_found found = {.family = hal_family_find("hexagon"),
                            .address = entry,
                            .name = "",
                            .path = "",
                            .numa = HAL_NOWHERE,
                            .memory = HAL_OWN_SHARED};
    uint32_t device =
        hal_scan_enter(s->files, s->draft, &found, &(hal_topology_device){.driver = "qcom,fastrpc"});
    hal_draft_device_node(s->draft, device, "/dev/fastrpc-cdsp");
    return true;
}

/* ------------------------------------------------------------------- what drivers tell of their device -- */

/* Ascend's driver numbers its nodes by itself, and says so in dev_id; VFIO's by IOMMU group. Gaudi's says which
 * place of the board its card has. */
static void complete(const scan *s, uint32_t device)
{
    const hal_topology_device *d = hal_draft_device(s->draft, device);
    char text[128];
    if (d->pci_vendor == 0)
        return;
    char address[32];
    snprintf(address, sizeof address, "%.31s", d->address);
    int64_t number = -1;
    if (strcmp(d->family, "gaudi") == 0 &&
        (number = hal_scan_number(s->files, -1, "/sys/bus/pci/devices/%s/module_id", address)) >= 0)
        hal_draft_device_index(s->draft, device, "module", HAL_NOWHERE, (uint32_t)number);
    number = -1;
    if (strcmp(d->family, "ascend") == 0)
        number = hal_scan_number(s->files, -1, "/sys/bus/pci/devices/%s/dev_id", address);
    if (number >= 0 && number < 1024) {
        hal_draft_device_index(s->draft, device, "ascend", HAL_NOWHERE, (uint32_t)number);
        hal_draft_device_node(s->draft, device,
                              hal_draft_format(s->draft, "/dev/davinci%u", (uint32_t)number));
    }
    if (strcmp(hal_draft_device(s->draft, device)->driver, "vfio-pci") == 0 &&
        hal_scan_target(s->files, text, sizeof text, "/sys/bus/pci/devices/%s/iommu_group", address))
        hal_draft_device_node(s->draft, device, hal_draft_format(s->draft, "/dev/vfio/%s", text));
    if (strcmp(hal_draft_device(s->draft, device)->family, "xdna") == 0 &&
        hal_scan_text(s->files, text, sizeof text, "/sys/bus/pci/devices/%s/fw_version", address))
        hal_draft_device(s->draft, device)->firmware = hal_draft_text(s->draft, text);
}

/* ------------------------------------------------------------------------------------------ bare nodes -- */

/* Nodes of drivers whose devices no bus shows, as in some containers. */
typedef struct bare_row {
    const char *directory, *beginning, *family;
} bare_row;
static const bare_row bare[] = {{"/dev", "davinci", "ascend"},
                                {"/dev", "nvidia", "nvidia"},
                                {"/dev", "cambricon_dev", "cambricon"},
                                {"/dev/accel", "accel", "accelerator"}};

typedef struct bare_scan {
    scan s;
    const bare_row *row;
    uint32_t known; /* devices that were there before */
} bare_scan;

/* A family that a bus shows is not looked for; a node of which no family is known is nobody's when no device
 * has it. */
static bool is_known(const bare_scan *b, const char *node)
{
    for (uint32_t i = 0; i < b->known; i++) {
        const hal_topology_device *d = hal_draft_device(b->s.draft, i);
        if (strcmp(d->family, b->row->family) == 0)
            return true;
        for (uint32_t k = 0; k < d->n_nodes; k++)
            if (strcmp(d->nodes[k], node) == 0)
                return true;
    }
    return false;
}

static bool each_node(void *context, const char *entry)
{
    const bare_scan *b = context;
    char path[PATH_MAX];
    hal_file_facts facts;
    uint32_t number = hal_scan_suffix(entry, b->row->beginning);
    snprintf(path, sizeof path, "%s/%s", b->row->directory, entry);
    if (number == HAL_NOWHERE || is_known(b, path) || !hal_files_stat(b->s.files, path, &facts) ||
        !S_ISCHR(facts.mode))
        return true;
    hal_scan_found found = {.family = hal_family_find(b->row->family),
                            .address = entry,
                            .name = "",
                            .path = "",
                            .numa = HAL_NOWHERE,
                            .memory = HAL_OWN_OTHER};
    uint32_t device =
        hal_scan_enter(b->s.files, b->s.draft, &found, &(hal_topology_device){.parent = HAL_NOWHERE});
    hal_draft_device_node(b->s.draft, device, path);
    return true;
}

void hal_scan_classes(const hal_files *files, hal_draft *draft)
{
    scan s = {files, draft};
    char path[64];
    hal_platform_scan(files, draft);
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        class_scan c = {s, &classes[i]};
        snprintf(path, sizeof path, "/sys/class/%s", classes[i].class);
        hal_scan_names(files, path, each_entry, &c);
    }
    static const class_row interfaces[] = {{"infiniband", "", "rdma", NULL, NULL, "", false},
                                           {"net", "", NULL, NULL, NULL, "", false}};
    for (size_t i = 0; i < sizeof interfaces / sizeof *interfaces; i++) {
        class_scan c = {s, &interfaces[i]};
        snprintf(path, sizeof path, "/sys/class/%s", interfaces[i].class);
        hal_scan_names(files, path, each_interface, &c);
    }
    hal_scan_names(files, "/sys/class/misc", each_misc, &s);
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++)
        complete(&s, i);
    bare_scan b = {.s = s, .known = hal_draft_device_count(draft)};
    for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
        b.row = &bare[i];
        hal_scan_names(files, bare[i].directory, each_node, &b);
    }
}
