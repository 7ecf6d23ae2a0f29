/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenCL: the platforms of one driver, which is named by its .icd file. The installed loader is pointed at
 * that file alone: two drivers in one process disturb each other. Declarations of our own from the OpenCL
 * specification and its registry of extensions (registry.khronos.org/OpenCL: cl_khr_icd, cl_khr_pci_bus_info,
 * cl_khr_device_uuid, cl_nv_device_attribute_query, cl_amd_device_attribute_query); variables from the
 * manuals of both loaders.
 */
#include "hal/probe/child.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>

#define NO_DEVICE      (-1)
#define NO_PLATFORM    (-1001)
#define VERSION        0x0901 /* CL_PLATFORM_... */
#define PLATFORM_NAME  0x0902
#define TYPE           0x1000 /* CL_DEVICE_... */
#define UNITS          0x1002
#define MEMORY         0x101F
#define NAME           0x102B
#define DRIVER_VERSION 0x102D
#define UNIFIED        0x1035
#define SVM            0x1053
#define UUID           0x106A
#define NV_BUS         0x4008
#define NV_SLOT        0x4009
#define NV_DOMAIN      0x400A
#define AMD_TOPOLOGY   0x4037
#define AMD_BOARD      0x4038
#define PCI_BUS        0x410F
#define AMD_IS_PCI     1u
#define SVM_FINE       2u /* CL_DEVICE_SVM_FINE_GRAIN_BUFFER */
#define TYPE_CPU       2u
#define TYPE_GPU       4u
#define TYPE_OTHER     8u
#define ALL            0xFFFFFFFFu
#define PLATFORMS      16u

typedef struct handle *handle;

static struct {
    int (*platforms)(uint32_t, handle *, uint32_t *);
    int (*platform)(handle, uint32_t, size_t, void *, size_t *);
    int (*devices)(handle, uint64_t, uint32_t, handle *, uint32_t *);
    int (*device)(handle, uint32_t, size_t, void *, size_t *);
} cl;

const hal_child_symbol hal_symbols_opencl[] = {
    {"clGetPlatformIDs", &cl.platforms, true},
    {"clGetPlatformInfo", &cl.platform, true},
    {"clGetDeviceIDs", &cl.devices, true},
    {"clGetDeviceInfo", &cl.device, true},
    {NULL, NULL, false},
};

/* ------------------------------------------------------------------------------------------ the driver -- */

/* The library that `subject` stands for: itself, or the first line of an .icd file. */
static bool read_manifest(const char *subject, char *out, size_t size)
{
    const char *dot = strrchr(subject, '.');
    if (dot == NULL || strcmp(dot, ".icd") != 0) {
        snprintf(out, size, "%s", subject);
        return true;
    }
    FILE *f = fopen(subject, "re");
    bool got = f != NULL && fgets(out, (int)size, f) != NULL;
    if (f != NULL)
        fclose(f);
    if (got)
        out[strcspn(out, "\r\n")] = '\0';
    return got && out[0] != '\0';
}

/* Opens it before the loader does, which would not say what is wrong. */
static hal_library_state open_driver(const char *name, hal_answer *library)
{
    struct link_map *map = NULL;
    char path[PATH_MAX];
    hal_child_tell_loaded(name); /* some die while they are opened */
    void *driver = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (driver == NULL) {
        const char *why = dlerror();
        hal_child_copy(library->library, sizeof library->library, name, PATH_MAX);
        snprintf(library->text, sizeof library->text, "%s", why != NULL ? why : "");
        return HAL_LIBRARY_ABSENT;
    }
    if (dlinfo(driver, RTLD_DI_LINKMAP, &map) == 0 && map != NULL && realpath(map->l_name, path) != NULL)
        hal_child_copy(library->library, sizeof library->library, path, sizeof path);
    hal_child_tell_loaded(library->library);
    return HAL_LIBRARY_OK;
}

/* ocl-icd takes a file or a library in the first variable. Khronos' loader wants a directory there, finds
   none, and takes libraries from the second. One that heeds both tells a platform twice. */
static void point_loader_at(const char *subject, const char *driver)
{
    unsetenv("OPENCL_VENDOR_PATH");
    setenv("OCL_ICD_VENDORS", subject, 1);
    setenv("OCL_ICD_FILENAMES", driver, 1);
}

/* ----------------------------------------------------------------------------------------- the devices -- */

static uint64_t number(handle d, uint32_t what, size_t size)
{
    uint64_t value = 0; /* little-endian: the same for 4 and 8 bytes */
    return cl.device(d, what, size, &value, NULL) == 0 ? value : 0;
}

static void text(handle d, uint32_t what, char *out, size_t size)
{
    char value[512] = "";
    if (cl.device(d, what, sizeof value - 1, value, NULL) == 0)
        hal_child_copy(out, size, value, sizeof value);
}

/* Each vendor's own way came before the common one. */
static void read_address(handle d, hal_answer *a)
{
    uint32_t pci[4] = {0}, bus = 0, slot = 0;
    unsigned char amd[24] = {0};
    uint32_t kind = 0;
    if (cl.device(d, PCI_BUS, sizeof pci, pci, NULL) == 0) {
        hal_child_address(a->address, sizeof a->address, pci[0], pci[1], pci[2], pci[3]);
    } else if (cl.device(d, NV_BUS, sizeof bus, &bus, NULL) == 0 &&
               cl.device(d, NV_SLOT, sizeof slot, &slot, NULL) == 0) {
        unsigned domain = (unsigned)number(d, NV_DOMAIN, 4);
        hal_child_address(a->address, sizeof a->address, domain, bus, slot >> 3, slot & 7);
    } else if (cl.device(d, AMD_TOPOLOGY, sizeof amd, amd, NULL) == 0) {
        memcpy(&kind, amd, sizeof kind);
        if (kind == AMD_IS_PCI)
            hal_child_address(a->address, sizeof a->address, 0, amd[21], amd[22], amd[23]);
    }
}

static void tell_device(uint32_t platform, uint32_t index, handle d, const hal_answer *library)
{
    unsigned char uuid[16] = {0};
    hal_answer a;
    hal_answer_init(&a, HAL_ANSWER_DEVICE, "opencl");
    uint64_t type = number(d, TYPE, 8);
    a.type = type & TYPE_CPU     ? HAL_DEVICE_CPU
             : type & TYPE_GPU   ? HAL_DEVICE_GPU
             : type & TYPE_OTHER ? HAL_DEVICE_NPU
                                 : HAL_DEVICE_OTHER;
    a.platform = platform; /* of this driver; libhal numbers them over all drivers */
    a.index = index;
    a.cores = (uint32_t)number(d, UNITS, 4);
    a.memory = number(d, MEMORY, 8);
    a.shared = number(d, UNIFIED, 4) != 0;
    text(d, AMD_BOARD, a.name, sizeof a.name);
    if (a.name[0] == '\0')
        text(d, NAME, a.name, sizeof a.name);
    text(d, DRIVER_VERSION, a.user, sizeof a.user);
    if ((number(d, SVM, 8) & SVM_FINE) != 0) /* devices before OpenCL 2.0 do not know the question */
        snprintf(a.features, sizeof a.features, "svm-fine");
    snprintf(a.platform_name, sizeof a.platform_name, "%s", library->platform_name);
    read_address(d, &a);
    if (cl.device(d, UUID, sizeof uuid, uuid, NULL) == 0)
        hal_child_uuid(a.uuid, sizeof a.uuid, "", uuid);
    hal_child_tell(&a);
}

static hal_library_state tell_platform(handle p, uint32_t index, hal_answer *library)
{
    handle devices[HAL_CHILD_PAIRED];
    char version[128] = "", name[128] = "";
    uint32_t n = 0;
    int major = 0, minor = 0;
    if (cl.platform(p, PLATFORM_NAME, sizeof name - 1, name, NULL) == 0)
        hal_child_copy(library->platform_name, sizeof library->platform_name, name, sizeof name);
    if (cl.platform(p, VERSION, sizeof version - 1, version, NULL) == 0)
        hal_child_copy(library->user, sizeof library->user, version, sizeof version);
    if (sscanf(version, "OpenCL %d.%d", &major, &minor) == 2 && (major < 1 || (major == 1 && minor < 2))) {
        snprintf(library->required, sizeof library->required, "OpenCL 1.2");
        snprintf(library->text, sizeof library->text, "the platform speaks OpenCL %d.%d", major, minor);
        return HAL_LIBRARY_OLD;
    }
    int e = cl.devices(p, ALL, HAL_CHILD_PAIRED, devices, &n);
    if (e == NO_DEVICE)
        return HAL_LIBRARY_OK;
    if (e != 0)
        return hal_child_refused(library, "clGetDeviceIDs", e, NULL);
    if (n > HAL_CHILD_PAIRED)
        return hal_child_absurd(library, "clGetDeviceIDs", n);
    for (uint32_t i = 0; i < n; i++)
        tell_device(index, i, devices[i], library);
    return HAL_LIBRARY_OK;
}

static hal_library_state tell_platforms(hal_answer *library)
{
    handle platforms[PLATFORMS];
    uint32_t n = 0, told = 0;
    hal_library_state worst = HAL_LIBRARY_OK;
    int e = cl.platforms(PLATFORMS, platforms, &n);
    if (e == NO_PLATFORM || (e == 0 && n == 0)) {
        (void)hal_child_refused(library, "clGetPlatformIDs", e, "there is no platform");
        return HAL_LIBRARY_OK;
    }
    if (e != 0)
        return hal_child_refused(library, "clGetPlatformIDs", e, NULL);
    if (n > PLATFORMS)
        return hal_child_absurd(library, "clGetPlatformIDs", n);
    for (uint32_t i = 0; i < n; i++) {
        hal_library_state state = HAL_LIBRARY_OK;
        bool seen = false;
        for (uint32_t k = 0; k < i; k++)
            seen = seen || platforms[k] == platforms[i];
        if (!seen)
            state = tell_platform(platforms[i], told++, library);
        worst = state != HAL_LIBRARY_OK ? state : worst;
    }
    return worst;
}

hal_library_state hal_ask_opencl(const char *subject, hal_answer *library)
{
    char driver[PATH_MAX];
    if (subject[0] == '\0')
        return tell_platforms(library);
    hal_child_copy(library->manifest, sizeof library->manifest, subject, PATH_MAX);
    if (!read_manifest(subject, driver, sizeof driver)) {
        snprintf(library->text, sizeof library->text, "%s: it cannot be read, or names no library", subject);
        return HAL_LIBRARY_ABSENT;
    }
    hal_library_state state = open_driver(driver, library);
    if (state != HAL_LIBRARY_OK)
        return state;
    point_loader_at(subject, driver);
    return tell_platforms(library);
}
