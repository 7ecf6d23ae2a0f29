/* SPDX-License-Identifier: Apache-2.0 */
/* A GPU that shares the host's memory, and an NPU. Stands in for the loader, and is a driver that the real loader takes
   (ZE_ENABLE_ALT_DRIVERS): tables of functions as in the Level Zero specification, filled as far as they are called. */
#include "tests/vendors/stub.h"

#define ME "STUB_ZE"

static char driver, devices[2];

typedef struct device_properties {
    int tag;
    void *next;
    int type;
    uint32_t vendor, device, flags, subdevice, clock;
    uint64_t largest;
    uint32_t contexts, priorities, threads, width, units, subslices, slices;
    uint64_t timer;
    uint32_t bits[2];
    unsigned char uuid[16];
    char name[256];
} device_properties;

int zeInit(uint32_t flags)
{
    (void)flags;
    stub_begin(ME);
    return stub_is(ME, "fail") ? 0x70000001 : stub_is(ME, "old") ? 0x78000002 : stub_is(ME, "none") ? 0x78000001 : 0;
}

int zeDriverGet(uint32_t *n, char **handles)
{
    *n = 1;
    if (handles != NULL)
        handles[0] = &driver;
    return 0;
}

int zeDriverGetApiVersion(char *h, uint32_t *version)
{
    (void)h;
    *version = 0x10003;
    return 0;
}

int zeDriverGetProperties(char *h, void *properties)
{
    uint32_t version = 1u << 24 | 3u << 16 | 27642;
    (void)h;
    memcpy((char *)properties + 32, &version, sizeof version);
    return 0;
}

int zeDeviceGet(char *h, uint32_t *n, char **handles)
{
    (void)h;
    *n = 2;
    for (int i = 0; handles != NULL && i < 2; i++)
        handles[i] = &devices[i];
    return 0;
}

int zeDeviceGetProperties(char *h, device_properties *p)
{
    const bool gpu = h == devices;
    p->type = gpu ? 1 : 5;
    p->flags = gpu;
    p->slices = 1;
    p->subslices = 8;
    p->uuid[0] = gpu ? 0x86 : 0x87;
    snprintf(p->name, sizeof p->name, "%s", gpu ? "Stub Graphics" : "Stub AI Boost");
    return 0;
}

int zeDeviceGetMemoryProperties(char *h, uint32_t *n, char *properties)
{
    uint64_t bytes = 8ull << 30;
    (void)h;
    if (*n > 0)
        memcpy(properties + 32, &bytes, sizeof bytes);
    *n = 1;
    return 0;
}

int zeDevicePciGetPropertiesExt(char *h, char *properties)
{
    uint32_t address[4] = {0, 0, h == devices ? 2u : 11u, 0};
    memcpy(properties + 16, address, sizeof address);
    return 0;
}

/* The order of functions in the tables. */
enum { DEVICE_GET = 0, DEVICE_PROPERTIES = 2, DEVICE_MEMORY = 6, DEVICE_PCI = 17 };
enum { DRIVER_GET = 0, DRIVER_API = 1, DRIVER_PROPERTIES = 2 };

int zeGetGlobalProcAddrTable(int version, void **table)
{
    (void)version;
    table[0] = (void *)zeInit;
    return 0;
}

int zeGetDriverProcAddrTable(int version, void **table)
{
    (void)version;
    table[DRIVER_GET] = (void *)zeDriverGet;
    table[DRIVER_API] = (void *)zeDriverGetApiVersion;
    table[DRIVER_PROPERTIES] = (void *)zeDriverGetProperties;
    return 0;
}

int zeGetDeviceProcAddrTable(int version, void **table)
{
    (void)version;
    table[DEVICE_GET] = (void *)zeDeviceGet;
    table[DEVICE_PROPERTIES] = (void *)zeDeviceGetProperties;
    table[DEVICE_MEMORY] = (void *)zeDeviceGetMemoryProperties;
    table[DEVICE_PCI] = (void *)zeDevicePciGetPropertiesExt;
    return 0;
}

/* The rest, which the loader asks for and we leave as it is. */
#define EMPTY(name)                                                                                            \
    int name##ProcAddrTable(int version, void **table);                                                        \
    int name##ProcAddrTable(int version, void **table)                                                         \
    {                                                                                                          \
        (void)version;                                                                                         \
        (void)table;                                                                                           \
        return 0;                                                                                              \
    }
EMPTY(zeGetDeviceExp)
EMPTY(zeGetContext)
EMPTY(zeGetCommandQueue)
EMPTY(zeGetCommandList)
EMPTY(zeGetImage)
EMPTY(zeGetImageExp)
EMPTY(zeGetFence)
EMPTY(zeGetEventPool)
EMPTY(zeGetEvent)
EMPTY(zeGetEventExp)
EMPTY(zeGetModule)
EMPTY(zeGetModuleBuildLog)
EMPTY(zeGetKernel)
EMPTY(zeGetKernelExp)
EMPTY(zeGetSampler)
EMPTY(zeGetPhysicalMem)
EMPTY(zeGetMem)
EMPTY(zeGetVirtualMem)
EMPTY(zeGetFabricVertexExp)
EMPTY(zeGetFabricEdgeExp)
EMPTY(zesGetDevice)
EMPTY(zesGetDiagnostics)
EMPTY(zesGetDriver)
EMPTY(zesGetEngine)
EMPTY(zesGetFabricPort)
EMPTY(zesGetFan)
EMPTY(zesGetFirmware)
EMPTY(zesGetFrequency)
EMPTY(zesGetLed)
EMPTY(zesGetMemory)
EMPTY(zesGetPerformanceFactor)
EMPTY(zesGetPower)
EMPTY(zesGetPsu)
EMPTY(zesGetRas)
EMPTY(zesGetScheduler)
EMPTY(zesGetStandby)
EMPTY(zesGetTemperature)
EMPTY(zetGetCommandList)
EMPTY(zetGetContext)
EMPTY(zetGetDebug)
EMPTY(zetGetDevice)
EMPTY(zetGetKernel)
EMPTY(zetGetMetricGroupExp)
EMPTY(zetGetMetricGroup)
EMPTY(zetGetMetric)
EMPTY(zetGetMetricQueryPool)
EMPTY(zetGetMetricQuery)
EMPTY(zetGetMetricStreamer)
EMPTY(zetGetModule)
EMPTY(zetGetTracerExp)
