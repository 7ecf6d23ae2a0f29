/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROCm SMI: management of AMD's cards. Declarations of our own from the ROCm SMI library's API documentation
 * (rocm.docs.amd.com/projects/rocm_smi_lib): functions, bdfid, link types, units of bandwidth.
 */
#include "hal/probe/child.h"

#include <inttypes.h>
#include <stdio.h>

#define VRAM         0 /* rsmi_memory_type_t */
#define DRIVER       0 /* rsmi_sw_component_t */
#define XGMI         2 /* RSMI_IO_LINK_TYPE */
#define OLDEST       4 /* major version with which link types came */
#define ONE_MEGABYTE 1000000u

typedef struct version {
    uint32_t major, minor, patch;
    const char *build;
} version;

static struct {
    int (*init)(uint64_t);
    int (*text)(int, const char **);
    int (*version)(version *), (*component)(int, char *, uint32_t);
    int (*count)(uint32_t *), (*address)(uint32_t, uint64_t *), (*unique)(uint32_t, uint64_t *);
    int (*name)(uint32_t, char *, size_t), (*serial)(uint32_t, char *, uint32_t),
        (*vbios)(uint32_t, char *, uint32_t);
    int (*memory)(uint32_t, int, uint64_t *), (*used)(uint32_t, int, uint64_t *);
    int (*link)(uint32_t, uint32_t, uint64_t *, int *),
        (*bandwidth)(uint32_t, uint32_t, uint64_t *, uint64_t *);
} rsmi;

const hal_child_symbol hal_symbols_rsmi[] = {
    {"rsmi_init", &rsmi.init, true},
    {"rsmi_status_string", &rsmi.text, true},
    {"rsmi_version_get", &rsmi.version, true},
    {"rsmi_num_monitor_devices", &rsmi.count, true},
    {"rsmi_dev_pci_id_get", &rsmi.address, true},
    {"rsmi_dev_memory_total_get", &rsmi.memory, true},
    {"rsmi_dev_memory_usage_get", &rsmi.used, false},
    {"rsmi_version_str_get", &rsmi.component, false},
    {"rsmi_dev_unique_id_get", &rsmi.unique, false},
    {"rsmi_dev_name_get", &rsmi.name, false},
    {"rsmi_dev_serial_number_get", &rsmi.serial, false},
    {"rsmi_dev_vbios_version_get", &rsmi.vbios, false},
    {"rsmi_topo_get_link_type", &rsmi.link, false},
    {"rsmi_minmax_bandwidth_get", &rsmi.bandwidth, false},
    {NULL, NULL, false},
};

static hal_library_state refused(hal_answer *library, const char *call, int code)
{
    const char *text = NULL;
    (void)rsmi.text(code, &text);
    return hal_child_refused(library, call, code, text);
}

/* Domain in the upper half, then bus, device and function as PCI packs them. */
static void read_address(uint32_t i, char *out, size_t size)
{
    uint64_t id;
    if (rsmi.address(i, &id) == 0)
        hal_child_address(out, size, (unsigned)(id >> 32), (unsigned)(id >> 8), (unsigned)(id >> 3),
                          (unsigned)id);
}

static void read_memory(uint32_t i, hal_answer *a)
{
    uint64_t total, used;
    if (rsmi.memory(i, VRAM, &total) != 0)
        return;
    a->memory = total;
    if (rsmi.used != NULL && rsmi.used(i, VRAM, &used) == 0 && used <= total)
        a->free = total - used;
}

static void read_names(uint32_t i, hal_answer *a)
{
    char text[128];
    uint64_t id;
    if (rsmi.name != NULL && rsmi.name(i, text, sizeof text) == 0)
        hal_child_copy(a->name, sizeof a->name, text, sizeof text);
    if (rsmi.serial != NULL && rsmi.serial(i, text, sizeof text) == 0)
        hal_child_copy(a->serial, sizeof a->serial, text, sizeof text);
    if (rsmi.vbios != NULL && rsmi.vbios(i, text, sizeof text) == 0)
        hal_child_copy(a->firmware, sizeof a->firmware, text, sizeof text);
    if (rsmi.unique != NULL && rsmi.unique(i, &id) == 0 && id != 0)
        snprintf(a->uuid, sizeof a->uuid, "GPU-%016" PRIx64, id);
}

static void tell_device(uint32_t i, const hal_answer *library)
{
    hal_answer a;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "rsmi");
    a.type = HAL_DEVICE_GPU;
    a.index = i;
    read_address(i, a.address, sizeof a.address);
    read_memory(i, &a);
    read_names(i, &a);
    snprintf(a.driver, sizeof a.driver, "%s", library->driver);
    hal_child_tell(&a);
}

static void tell_pair(uint32_t from, uint32_t to)
{
    uint64_t hops = 0, least = 0, most = 0;
    int type = 0;
    hal_answer a;
    if (from == to || rsmi.link == NULL || rsmi.link(from, to, &hops, &type) != 0)
        return;
    hal_answer_init(&a, HAL_ANSWER_LINK, "rsmi");
    a.index = from;
    a.peer_index = to;
    read_address(from, a.address, sizeof a.address);
    read_address(to, a.peer, sizeof a.peer);
    snprintf(a.link, sizeof a.link, "%s", type == XGMI ? "xgmi" : "pcie");
    a.hops = (uint32_t)hops;
    if (type == XGMI && rsmi.bandwidth != NULL && rsmi.bandwidth(from, to, &least, &most) == 0)
        a.bandwidth = most * ONE_MEGABYTE;
    hal_child_tell(&a);
}

static void tell_versions(hal_answer *library, const version *v)
{
    char text[128];
    snprintf(library->user, sizeof library->user, "%u.%u.%u", v->major, v->minor, v->patch);
    if (rsmi.component != NULL && rsmi.component(DRIVER, text, sizeof text) == 0)
        hal_child_copy(library->driver, sizeof library->driver, text, sizeof text);
}

hal_library_state hal_ask_rsmi(const char *subject, hal_answer *library)
{
    version v = {0, 0, 0, NULL};
    uint32_t n = 0;
    (void)subject;
    int e = rsmi.init(0);
    if (e != 0)
        return refused(library, "rsmi_init", e);
    if (rsmi.version(&v) == 0)
        tell_versions(library, &v);
    if (v.major < OLDEST) {
        snprintf(library->required, sizeof library->required, "4.0.0");
        snprintf(library->text, sizeof library->text, "it is release %s", library->user);
        return HAL_LIBRARY_OLD;
    }
    e = rsmi.count(&n);
    if (e != 0)
        return refused(library, "rsmi_num_monitor_devices", e);
    if (n > HAL_CHILD_DEVICES)
        return hal_child_absurd(library, "rsmi_num_monitor_devices", n);
    for (uint32_t i = 0; i < n; i++)
        tell_device(i, library);
    for (uint32_t i = 0; i < n && i < HAL_CHILD_PAIRED; i++)
        for (uint32_t k = 0; k < n && k < HAL_CHILD_PAIRED; k++)
            tell_pair(i, k);
    return HAL_LIBRARY_OK;
}
