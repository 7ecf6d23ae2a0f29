/* SPDX-License-Identifier: Apache-2.0 */
/* A device: its context, the traits that kernels are planned by, and how it is lost. */
#include <stdio.h>
#include <stdlib.h>

#include "attend.h"
#include "multiply.h"
#include "staging.h"

/* ------------------------------------------------------------------------------------------ questions -- */

/* 0 where the device does not answer. */
static int number(const hal_cuda_device *d, CUdevice_attribute what) {
    int value = 0;
    return d->cu.cuDeviceGetAttribute(&value, what, d->id) == CUDA_SUCCESS ? value : 0;
}

/* The limits that texts hang on are the same for every device, so that those which were compiled with hal fit them all. */
static void read_all(hal_cuda_device *d) {
    size_t bytes = 0;
    const int units = number(d, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    d->cu.cuDeviceGetName(d->name, sizeof d->name - 1, d->id);
    snprintf(d->who, sizeof d->who, "cuda: %s", d->name);
    if (d->cu.cuDeviceTotalMem(&bytes, d->id) == CUDA_SUCCESS) d->memory_bytes = bytes;
    d->cu.cuDriverGetVersion(&d->driver);
    d->capability = number(d, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) * 10 +
        number(d, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    d->traits = (hal_portable_traits){.fp64 = true, .group = 256, .units = units > 0 ? (uint32_t)units : 1, .lanes = 32,
        .local_bytes = 48 << 10, .warp_products = d->capability >= 80 && !d->cu.emulated};
}

/* -------------------------------------------------------------------------------------------- the context -- */

static hal_status lost(const hal_cuda_device *d) {
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), 0,
        "%s is lost; the first cause: %s", d->who, d->cause);
}

hal_status hal_cuda_enter(hal_cuda_device *d) {
    if (d->lost) return lost(d);
    const CUresult e = d->cu.cuCtxPushCurrent(d->context);
    return e == CUDA_SUCCESS ? HAL_OK : hal_cuda_fail(d, e, "cuCtxPushCurrent");
}

bool hal_cuda_return(hal_cuda_device *d) {
    return d->cu.cuCtxPushCurrent(d->context) == CUDA_SUCCESS || d->cu.cuCtxPushCurrent(d->context) == CUDA_SUCCESS;
}

void hal_cuda_leave(hal_cuda_device *d) {
    CUcontext context;
    if (d->cu.cuCtxPopCurrent(&context) != CUDA_SUCCESS) d->cu.cuCtxPopCurrent(&context);
}

CUresult hal_cuda_finish(const hal_cuda_device *d, CUstream stream, bool *ended) {
    const CUresult e = d->cu.cuStreamSynchronize(stream);
    const CUresult second = e == CUDA_SUCCESS ? e : d->cu.cuStreamSynchronize(stream);
    *ended = second == CUDA_SUCCESS || hal_cuda_code_is_sticky(second);
    return hal_cuda_code_is_sticky(e) ? e : second;
}

void hal_cuda_device_suspect(hal_cuda_device *d, CUresult code, const char *text) {
    if (hal_cuda_code_is_sticky(code)) hal_cuda_device_lose(d, text);
}

void hal_cuda_device_lose(hal_cuda_device *d, const char *text) {
    pthread_mutex_lock(&d->losing);
    const bool first = !d->lost;
    if (first) snprintf(d->cause, sizeof d->cause, "%s", text);
    d->lost = true;
    pthread_mutex_unlock(&d->losing);
    if (first) d->host->device_lost(d->host->context, d->index, d->cause);
}

void hal_cuda_device_trim(hal_cuda_device *d) {
    hal_cuda_binaries_trim(d);
    hal_cuda_staging_trim(d);
    d->cu.cuStreamSynchronize(d->stream);
    if (d->pool) d->cu.cuMemPoolTrimTo(d->pool, 0);
}

/* ------------------------------------------------------------------------------------- open and close -- */

/* What was given back is kept for the next who asks, for as long as there is enough. Without a pool each block is asked of
   the driver, which waits for the device then. */
static void create_pool(hal_cuda_device *d) {
    const CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
        .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = d->id}};
    cuuint64_t keep = UINT64_MAX;
    const hal_cuda_api *cu = &d->cu;
    if (!cu->cuMemPoolCreate || !cu->cuMemPoolDestroy || !cu->cuMemPoolSetAttribute || !cu->cuMemPoolTrimTo ||
        !cu->cuMemAllocFromPoolAsync || !cu->cuMemFreeAsync || !number(d, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED)) return;
    if (cu->cuMemPoolCreate(&d->pool, &props) != CUDA_SUCCESS) {
        d->pool = NULL;
        return;
    }
    cu->cuMemPoolSetAttribute(d->pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &keep);
}

static hal_status create_context(hal_cuda_device *d) {
    CUresult e = d->cu.cuDevicePrimaryCtxRetain(&d->context, d->id);
    if (e != CUDA_SUCCESS) {
        d->context = NULL;
        return hal_cuda_fail(d, e, "cuDevicePrimaryCtxRetain");
    }
    e = d->cu.cuCtxPushCurrent(d->context);
    if (e != CUDA_SUCCESS) return hal_cuda_fail(d, e, "cuCtxPushCurrent");
    e = d->cu.cuStreamCreate(&d->stream, CU_STREAM_NON_BLOCKING);
    if (e == CUDA_SUCCESS) create_pool(d);
    hal_cuda_leave(d);
    if (e == CUDA_SUCCESS) return HAL_OK;
    d->stream = NULL;
    return hal_cuda_fail(d, e, "cuStreamCreate");
}

/* Under the context. */
static void give_back(hal_cuda_device *d) {
    if (d->stream) hal_cuda_device_trim(d);
    if (d->mark) d->cu.cuEventDestroy(d->mark);
    hal_cuda_attend_close(d);
    hal_cuda_multiply_close(d);
    if (d->pool && d->given == 0) d->cu.cuMemPoolDestroy(d->pool); /* a lost device does not take blocks back */
    if (d->stream) d->cu.cuStreamDestroy(d->stream);
}

/* A queue that hangs still uses the device and all its parts: they stay until the process ends. */
void hal_cuda_device_close(void *device) {
    hal_cuda_device *d = device;
    if (d->stuck > 0) return;
    if (d->context && hal_cuda_return(d)) {
        give_back(d);
        hal_cuda_leave(d);
    }
    if (d->context) d->cu.cuDevicePrimaryCtxRelease(d->id);
    pthread_mutex_destroy(&d->losing);
    pthread_mutex_destroy(&d->build);
    pthread_mutex_destroy(&d->lock);
    free(d);
}

hal_status hal_cuda_device_open(void *opaque, uint32_t index, void **device) {
    hal_cuda_state *state = opaque;
    const hal_host *host = state->host;
    hal_vendor_device claim;
    if (!hal_claims_get(&state->claims, index, &claim))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0, "cuda: there is no device %u",
            index);
    hal_cuda_device *d = calloc(1, sizeof *d);
    if (!d) return hal_cuda_no_memory(host, "a device");
    d->state = state;
    d->host = host;
    d->index = index;
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_init(&d->build, NULL);
    pthread_mutex_init(&d->losing, NULL);
    hal_status status = hal_cuda_find(host, &claim, &d->cu, &d->id);
    if (status == HAL_OK) {
        read_all(d);
        status = create_context(d);
    }
    if (status == HAL_OK) *device = d;
    else hal_cuda_device_close(d);
    return status;
}
