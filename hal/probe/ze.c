/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Level Zero, for Intel's GPUs and NPUs, enumerated without a context. Declarations of our own from the
 * oneAPI Level Zero specification (oneapi-src.github.io/level-zero-spec): functions, structures with their
 * tags, results.
 */
#include "hal/probe/child.h"

#include <stdio.h>

#define UNINITIALIZED       0x78000001 /* zeInit: there is no driver */
#define UNSUPPORTED_VERSION 0x78000002
#define TAG_DRIVER          0x1
#define TAG_DEVICE          0x3
#define TAG_MEMORY          0x7
#define TAG_PCI             0x10008
#define GPU                 1 /* ze_device_type_t */
#define CPU                 2
#define NPU                 5
#define INTEGRATED          1u
#define DRIVERS             16u

typedef struct handle *handle;
typedef struct driver_properties {
    int tag;
    void *next;
    unsigned char uuid[16];
    uint32_t version;
} driver_properties;
typedef struct device_properties {
    int tag;
    void *next;
    int type;
    uint32_t vendor, device, flags, subdevice, clock;
    uint64_t largest;
    uint32_t contexts, priorities, threads_per_unit, width, units_per_subslice, subslices_per_slice, slices;
    uint64_t timer;
    uint32_t timestamp_bits, kernel_bits;
    unsigned char uuid[16];
    char name[256];
} device_properties;
typedef struct memory_properties {
    int tag;
    void *next;
    uint32_t flags, clock, width;
    uint64_t bytes;
    char name[256];
} memory_properties;
typedef struct pci_properties {
    int tag;
    void *next;
    uint32_t domain, bus, device, function;
    int32_t generation, width;
    int64_t bandwidth;
} pci_properties;

static struct {
    int (*init)(uint32_t);
    int (*drivers)(uint32_t *, handle *), (*api)(handle, uint32_t *), (*driver)(handle, driver_properties *);
    int (*devices)(handle, uint32_t *, handle *), (*device)(handle, device_properties *);
    int (*memory)(handle, uint32_t *, memory_properties *), (*pci)(handle, pci_properties *);
} ze;

const hal_child_symbol hal_symbols_ze[] = {
    {"zeInit", &ze.init, true},
    {"zeDriverGet", &ze.drivers, true},
    {"zeDriverGetApiVersion", &ze.api, true},
    {"zeDriverGetProperties", &ze.driver, true},
    {"zeDeviceGet", &ze.devices, true},
    {"zeDeviceGetProperties", &ze.device, true},
    {"zeDeviceGetMemoryProperties", &ze.memory, false},
    {"zeDevicePciGetPropertiesExt", &ze.pci, false},
    {NULL, NULL, false},
};

/* Results are documented in hexadecimal. */
static hal_library_state refused(hal_answer *library, const char *call, int code, const char *meaning)
{
    char text[96];
    snprintf(text, sizeof text, "0x%08x%s%s", (unsigned)code, meaning[0] != '\0' ? ", " : "", meaning);
    return hal_child_refused(library, call, code, text);
}

static void read_memory(handle h, hal_answer *a)
{
    memory_properties m[8];
    uint32_t n = sizeof m / sizeof m[0];
    for (uint32_t i = 0; i < n; i++)
        m[i] = (memory_properties){.tag = TAG_MEMORY};
    if (ze.memory == NULL || ze.memory(h, &n, m) != 0 || n > sizeof m / sizeof m[0])
        return;
    for (uint32_t i = 0; i < n; i++)
        if (m[i].bytes < UINT64_MAX - a->memory)
            a->memory += m[i].bytes;
}

static void tell_device(uint32_t driver, uint32_t index, handle h, const char *version)
{
    device_properties d = {.tag = TAG_DEVICE};
    pci_properties p = {.tag = TAG_PCI};
    hal_answer a;
    if (ze.device(h, &d) != 0)
        return;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "ze");
    a.type = d.type == GPU   ? HAL_DEVICE_GPU
             : d.type == CPU ? HAL_DEVICE_CPU
             : d.type == NPU ? HAL_DEVICE_NPU
                             : HAL_DEVICE_OTHER;
    a.platform = driver;
    a.index = index;
    a.shared = (d.flags & INTEGRATED) != 0;
    if (d.type == GPU && d.slices < 1024 && d.subslices_per_slice < 1024)
        a.cores = d.slices * d.subslices_per_slice;
    hal_child_copy(a.name, sizeof a.name, d.name, sizeof d.name);
    hal_child_uuid(a.uuid, sizeof a.uuid, "", d.uuid);
    snprintf(a.user, sizeof a.user, "%s", version);
    if (ze.pci != NULL && ze.pci(h, &p) == 0)
        hal_child_address(a.address, sizeof a.address, p.domain, p.bus, p.device, p.function);
    read_memory(h, &a);
    hal_child_tell(&a);
}

/* Its number counts fields of eight, eight and sixteen bits in Intel's drivers. */
static hal_library_state tell_driver(uint32_t index, handle h, hal_answer *library)
{
    driver_properties p = {.tag = TAG_DRIVER};
    handle devices[HAL_CHILD_PAIRED];
    uint32_t n = 0;
    char version[64] = "";
    if (ze.driver(h, &p) == 0)
        snprintf(version, sizeof version, "%u.%u.%u", p.version >> 24, p.version >> 16 & 0xff,
                 p.version & 0xffff);
    snprintf(library->user, sizeof library->user, "%s", version);
    int e = ze.devices(h, &n, NULL);
    if (e != 0)
        return refused(library, "zeDeviceGet", e, "");
    if (n > HAL_CHILD_PAIRED)
        return hal_child_absurd(library, "zeDeviceGet", n);
    if (n == 0 || ze.devices(h, &n, devices) != 0)
        return HAL_LIBRARY_OK;
    for (uint32_t i = 0; i < n && i < HAL_CHILD_PAIRED; i++)
        tell_device(index, i, devices[i], version);
    return HAL_LIBRARY_OK;
}

hal_library_state hal_ask_ze(const char *subject, hal_answer *library)
{
    handle drivers[DRIVERS];
    uint32_t n = 0;
    hal_library_state worst = HAL_LIBRARY_OK;
    (void)subject;
    int e = ze.init(0);
    if (e == UNINITIALIZED) {
        (void)refused(library, "zeInit", e, "the loader found no driver");
        return HAL_LIBRARY_OK;
    }
    if (e != 0) {
        (void)refused(library, "zeInit", e, "");
        return e == UNSUPPORTED_VERSION ? HAL_LIBRARY_OLD : HAL_LIBRARY_FAILED;
    }
    e = ze.drivers(&n, NULL);
    if (e != 0)
        return refused(library, "zeDriverGet", e, "");
    if (n > DRIVERS)
        return hal_child_absurd(library, "zeDriverGet", n);
    if (n == 0 || ze.drivers(&n, drivers) != 0)
        return HAL_LIBRARY_OK;
    for (uint32_t i = 0; i < n && i < DRIVERS; i++) {
        hal_library_state state = tell_driver(i, drivers[i], library);
        worst = state != HAL_LIBRARY_OK ? state : worst;
    }
    return worst;
}
