/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of OpenCL, a card and the processor, that also stands in for the loader: a loader calls it through the table that
   its handles begin with (cl_khr_icd). */
#include "tests/vendors/stub.h"

#define ME "STUB_OPENCL"

typedef struct object {
    void *const *table;
} object;

int clGetPlatformIDs(uint32_t room, object **platforms, uint32_t *n);
int clGetPlatformInfo(object *platform, uint32_t what, size_t size, void *value, size_t *length);
int clGetDeviceIDs(object *platform, uint64_t type, uint32_t room, object **list, uint32_t *n);
int clGetDeviceInfo(object *device, uint32_t what, size_t size, void *value, size_t *length);
int clIcdGetPlatformIDsKHR(uint32_t room, object **platforms, uint32_t *n);
void *clGetExtensionFunctionAddress(const char *name);

static void *const table[192] = {(void *)clIcdGetPlatformIDsKHR, (void *)clGetPlatformInfo, (void *)clGetDeviceIDs,
                                 (void *)clGetDeviceInfo};
static object platform = {table}, devices[2] = {{table}, {table}};

int clIcdGetPlatformIDsKHR(uint32_t room, object **platforms, uint32_t *n)
{
    static bool begun;
    if (!begun)
        stub_begin(ME);
    begun = true;
    if (stub_is(ME, "fail"))
        return -6;
    if (n != NULL)
        *n = 1;
    if (room > 0)
        platforms[0] = &platform;
    return 0;
}

int clGetPlatformIDs(uint32_t room, object **platforms, uint32_t *n)
{
    return clIcdGetPlatformIDsKHR(room, platforms, n);
}

void *clGetExtensionFunctionAddress(const char *name)
{
    return strcmp(name, "clIcdGetPlatformIDsKHR") == 0 ? (void *)clIcdGetPlatformIDsKHR : NULL;
}

static int give(const void *bytes, size_t n, size_t size, void *value, size_t *length)
{
    if (length != NULL)
        *length = n;
    if (value != NULL && size < n)
        return -30;
    if (value != NULL)
        memcpy(value, bytes, n);
    return 0;
}

static int give_text(const char *text, size_t size, void *value, size_t *length)
{
    return give(text, strlen(text) + 1, size, value, length);
}

int clGetPlatformInfo(object *p, uint32_t what, size_t size, void *value, size_t *length)
{
    (void)p;
    switch (what) {
    case 0x0900: return give_text("FULL_PROFILE", size, value, length);
    case 0x0901: return give_text(stub_is(ME, "old") ? "OpenCL 1.0 stub" : "OpenCL 3.0 stub", size, value, length);
    case 0x0902: return give_text("Stub Platform", size, value, length);
    case 0x0903: return give_text("Stub", size, value, length);
    case 0x0904: return give_text("cl_khr_icd", size, value, length);
    case 0x0920: return give_text("STUB", size, value, length);
    default: return -30;
    }
}

int clGetDeviceIDs(object *p, uint64_t type, uint32_t room, object **list, uint32_t *n)
{
    (void)p;
    (void)type;
    if (stub_count(ME) == 0)
        return -1;
    if (n != NULL)
        *n = 2;
    for (uint32_t i = 0; list != NULL && i < room && i < 2; i++)
        list[i] = &devices[i];
    return 0;
}

int clGetDeviceInfo(object *d, uint32_t what, size_t size, void *value, size_t *length)
{
    const bool gpu = d == devices;
    const uint32_t units = 132, pci[4] = {0, 0x1b, 0, 0};
    const uint64_t type = gpu ? 4 : 2, memory = 79ull << 30;
    switch (what) {
    case 0x1000: return give(&type, sizeof type, size, value, length);
    case 0x1002: return give(&units, sizeof units, size, value, length);
    case 0x101F: return give(&memory, sizeof memory, size, value, length);
    case 0x102B: return give_text(gpu ? "Stub card 80GB" : "stub-processor", size, value, length);
    case 0x102D: return give_text("535.129.03", size, value, length);
    case 0x410F: return gpu ? give(pci, sizeof pci, size, value, length) : -30;
    default: return -30;
    }
}
