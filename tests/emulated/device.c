/* SPDX-License-Identifier: Apache-2.0 */
/* Devices: those of OpenCL in turn, as many as HAL_EMULATED_CUDA_DEVICES says, at addresses no machine is likely to have. */
#include "emulated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cl.h"

enum { PROCESSORS = 64, FIRST_BUS = 0xe1 };
static const size_t memory_bytes = (size_t)4 << 30;

static emu_device machine[EMU_DEVICES];
static int n_machine, shown[EMU_DEVICES], n_shown = -1;

/* ------------------------------------------------------------------------------------------- the machine -- */

/* Fixed, so that a list of visible devices can name them; the last byte tells them apart. */
static void name_uuid(CUuuid *uuid, const char *text, int number) {
    memcpy(uuid->bytes, text, sizeof uuid->bytes - 1);
    uuid->bytes[15] = (char)(number + 1);
}

static void make(emu_device *d, int number, cl_device_id id, const char *name) {
    *d = (emu_device){.number = number, .opencl = id};
    snprintf(d->name, sizeof d->name, "emulated GPU %d (%s)", number, name);
    name_uuid(&d->uuid, "hal emulated GPU", number);
    name_uuid(&d->instance, "hal emulated MIG", number);
}

static int wanted(void) {
    const char *text = getenv("HAL_EMULATED_CUDA_DEVICES");
    const int n = text ? atoi(text) : 2;
    return n < 0 ? 0 : n > EMU_DEVICES ? EMU_DEVICES : n;
}

static void find_machine(void) {
    cl_device_id id[EMU_DEVICES];
    char name[EMU_DEVICES][128];
    const int n = emu_cl_devices(id, name, EMU_DEVICES);
    n_machine = n > 0 ? wanted() : 0;
    for (int i = 0; i < n_machine; i++) make(&machine[i], i, id[i % n], name[i % n]);
}

CUresult emu_devices_open(void) {
    if (n_shown < 0) {
        find_machine();
        n_shown = emu_visible(getenv("CUDA_VISIBLE_DEVICES"), machine, n_machine, shown);
    }
    return n_shown > 0 && !emu_rules.none ? CUDA_SUCCESS : CUDA_ERROR_NO_DEVICE;
}

void emu_devices_recount(void) {
    for (int i = 0; i < n_machine; i++) machine[i].launches = 0;
}

emu_device *emu_device_of(CUdevice device) {
    return device >= 0 && device < n_shown && !emu_rules.none ? &machine[shown[device]] : NULL;
}

CUdevice emu_device_handle(const emu_device *device) {
    for (int i = 0; i < n_shown; i++)
        if (shown[i] == device->number) return i;
    return -1;
}

size_t emu_device_total(const emu_device *device) {
    const int64_t told = emu_rules.memory[device->number];
    return told >= 0 ? (size_t)told : memory_bytes;
}

bool emu_peers(const emu_device *from, const emu_device *to) {
    return from != to && (emu_rules.apart[from->number] >> to->number & 1) == 0;
}

/* ---------------------------------------------------------------------------------------------- questions -- */

#define DEVICE(d, handle) \
    emu_device *d = emu_device_of(handle); \
    if (!d) return CUDA_ERROR_INVALID_DEVICE

CUresult CUDAAPI cuDeviceGetCount(int *count) {
    ENTER(EMU_INIT);
    if (!count) return CUDA_ERROR_INVALID_VALUE;
    *count = n_shown;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGet(CUdevice *device, int ordinal) {
    ENTER(EMU_INIT);
    if (!device) return CUDA_ERROR_INVALID_VALUE;
    if (!emu_device_of(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
    *device = ordinal;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetName(char *name, int len, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!name || len <= 0) return CUDA_ERROR_INVALID_VALUE;
    snprintf(name, (size_t)len, "%s", d->name);
    return CUDA_SUCCESS;
}

/* The first asks for the card, the second for the instance where a card is divided. */
#undef cuDeviceGetUuid
EMU_EXPORT CUresult CUDAAPI cuDeviceGetUuid(CUuuid *uuid, CUdevice dev);
CUresult CUDAAPI cuDeviceGetUuid(CUuuid *uuid, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!uuid) return CUDA_ERROR_INVALID_VALUE;
    *uuid = d->uuid;
    return CUDA_SUCCESS;
}

EMU_EXPORT CUresult CUDAAPI cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice dev);
CUresult CUDAAPI cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!uuid) return CUDA_ERROR_INVALID_VALUE;
    *uuid = emu_rules.mig ? d->instance : d->uuid;
    return CUDA_SUCCESS;
}

static void print_address(const emu_device *d, char *text, size_t room) {
    snprintf(text, room, "0000:%02x:00.0", FIRST_BUS + d->number);
}

CUresult CUDAAPI cuDeviceGetPCIBusId(char *pciBusId, int len, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!pciBusId || len < 13) return CUDA_ERROR_INVALID_VALUE;
    print_address(d, pciBusId, (size_t)len);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetByPCIBusId(CUdevice *dev, const char *pciBusId) {
    ENTER(EMU_INIT);
    if (!dev || !pciBusId) return CUDA_ERROR_INVALID_VALUE;
    for (int i = 0; i < n_shown; i++) {
        char text[16];
        print_address(&machine[shown[i]], text, sizeof text);
        if (strcasecmp(text, pciBusId) != 0) continue;
        *dev = i;
        return CUDA_SUCCESS;
    }
    return CUDA_ERROR_INVALID_DEVICE;
}

CUresult CUDAAPI cuDeviceTotalMem_v2(size_t *bytes, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!bytes) return CUDA_ERROR_INVALID_VALUE;
    *bytes = emu_device_total(d);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceCanAccessPeer(int *canAccessPeer, CUdevice dev, CUdevice peerDev) {
    ENTER(EMU_INIT);
    DEVICE(a, dev);
    DEVICE(b, peerDev);
    if (!canAccessPeer) return CUDA_ERROR_INVALID_VALUE;
    *canAccessPeer = emu_peers(a, b);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetP2PAttribute(int *value, CUdevice_P2PAttribute attrib, CUdevice srcDevice, CUdevice dstDevice) {
    ENTER(EMU_INIT);
    DEVICE(a, srcDevice);
    DEVICE(b, dstDevice);
    if (!value || a == b) return CUDA_ERROR_INVALID_VALUE;
    *value = attrib == CU_DEVICE_P2P_ATTRIBUTE_ACCESS_SUPPORTED && emu_peers(a, b);
    return CUDA_SUCCESS;
}

static const struct { CUdevice_attribute attribute; int value; } attributes[] = {
    {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 1024}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, 1024},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, 1024}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, 64},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, 2147483647}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, 65535},
    {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, 65535}, {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, 49152},
    {CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY, 65536}, {CU_DEVICE_ATTRIBUTE_WARP_SIZE, 32},
    {CU_DEVICE_ATTRIBUTE_MAX_PITCH, 2147483647}, {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK, 65536},
    {CU_DEVICE_ATTRIBUTE_CLOCK_RATE, 1000000}, {CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT, (int)EMU_ALIGN},
    {CU_DEVICE_ATTRIBUTE_GPU_OVERLAP, 1}, {CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, PROCESSORS},
    {CU_DEVICE_ATTRIBUTE_CAN_MAP_HOST_MEMORY, 1}, {CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS, 1},
    {CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE, 1000000}, {CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH, 64},
    {CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, 4 << 20}, {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, 1024},
    {CU_DEVICE_ATTRIBUTE_ASYNC_ENGINE_COUNT, 2}, {CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING, 1},
    {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, EMU_MAJOR}, {CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, EMU_MINOR},
    {CU_DEVICE_ATTRIBUTE_STREAM_PRIORITIES_SUPPORTED, 1}, {CU_DEVICE_ATTRIBUTE_GLOBAL_L1_CACHE_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_LOCAL_L1_CACHE_SUPPORTED, 1}, {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 65536},
    {CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_MULTIPROCESSOR, 65536},
    {CU_DEVICE_ATTRIBUTE_SINGLE_TO_DOUBLE_PRECISION_PERF_RATIO, 2},
    {CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 65536}, {CU_DEVICE_ATTRIBUTE_HOST_REGISTER_SUPPORTED, 1},
    {CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR, 16}, {CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, 1},
};

/* What is not in the table is not there: 0. */
CUresult CUDAAPI cuDeviceGetAttribute(int *pi, CUdevice_attribute attrib, CUdevice dev) {
    ENTER(EMU_INIT);
    DEVICE(d, dev);
    if (!pi || attrib < 1 || attrib >= CU_DEVICE_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
    int value = attrib == CU_DEVICE_ATTRIBUTE_PCI_BUS_ID ? FIRST_BUS + d->number : 0;
    for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++)
        if (attributes[i].attribute == attrib) value = attributes[i].value;
    *pi = value;
    return CUDA_SUCCESS;
}
