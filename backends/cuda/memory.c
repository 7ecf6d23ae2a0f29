/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of device memory, from a pool of the device's own where the driver has pools. */
#include <stdio.h>
#include <stdlib.h>

#include "driver.h"

static CUresult take(hal_cuda_device *d, uint64_t bytes, CUstream stream, CUdeviceptr *at) {
    return d->pool ? d->cu.cuMemAllocFromPoolAsync(at, bytes, d->pool, stream) : d->cu.cuMemAlloc(at, bytes);
}

/* A driver that finds no memory gets a second chance once the caches are gone. */
CUresult hal_cuda_take(hal_cuda_device *d, uint64_t bytes, CUstream stream, CUdeviceptr *at) {
    CUdeviceptr made = 0;
    CUresult e = take(d, bytes, stream, &made);
    if (e == CUDA_ERROR_OUT_OF_MEMORY) {
        hal_cuda_device_trim(d);
        e = take(d, bytes, stream, &made);
    }
    if (e != CUDA_SUCCESS) return e;
    d->given += bytes;
    *at = made;
    return CUDA_SUCCESS;
}

void hal_cuda_give(hal_cuda_device *d, CUdeviceptr at, uint64_t bytes, CUstream stream) {
    if (!at) return;
    const CUresult e = d->pool ? d->cu.cuMemFreeAsync(at, stream) : d->cu.cuMemFree(at);
    if (e == CUDA_SUCCESS) d->given -= bytes;
}

/* Who needs how much, and where the rest is: other programs on the device, or this one. */
static hal_status no_memory(hal_cuda_device *d, uint64_t bytes, CUresult e) {
    size_t left = 0, all = 0;
    if (e != CUDA_ERROR_OUT_OF_MEMORY || d->cu.cuMemGetInfo(&left, &all) != CUDA_SUCCESS)
        return hal_cuda_fail(d, e, "a block of %llu bytes", (unsigned long long)bytes);
    return hal_cuda_fail(d, e, "a block of %llu bytes was asked; hal has given %llu, and %llu of %llu are free on the device; "
        "release some, or use a smaller batch", (unsigned long long)bytes, (unsigned long long)d->given,
        (unsigned long long)left, (unsigned long long)all);
}

static hal_status fill(hal_cuda_device *d, hal_cuda_block *block, uint64_t bytes) {
    CUresult e = hal_cuda_take(d, bytes, d->stream, &block->at);
    if (e != CUDA_SUCCESS) return no_memory(d, bytes, e);
    block->device = d;
    block->bytes = bytes;
    e = d->cu.cuMemsetD8Async(block->at, 0, bytes, d->stream);
    if (e == CUDA_SUCCESS) e = d->cu.cuStreamSynchronize(d->stream);
    return e == CUDA_SUCCESS ? HAL_OK : hal_cuda_fail(d, e, "zeroing a block of %llu bytes", (unsigned long long)bytes);
}

hal_status hal_cuda_alloc(void *device, uint64_t bytes, void **memory, void **host) {
    hal_cuda_device *d = device;
    HAL_TRY(hal_cuda_enter(d));
    hal_cuda_block *block = calloc(1, sizeof *block);
    hal_status status = block ? fill(d, block, bytes) : hal_cuda_no_memory(d->host, "a handle of device memory");
    if (status != HAL_OK && block) {
        hal_cuda_give(d, block->at, block->bytes, d->stream);
        free(block);
    }
    hal_cuda_leave(d);
    if (status != HAL_OK) return status;
    *memory = block;
    *host = NULL;
    return HAL_OK;
}

/* Also on a device that is lost, where the driver refuses. */
void hal_cuda_free(void *device, void *memory) {
    hal_cuda_device *d = device;
    hal_cuda_block *block = memory;
    if (!block) return;
    if (hal_cuda_return(d)) {
        hal_cuda_give(d, block->at, block->bytes, d->stream);
        hal_cuda_leave(d);
    }
    free(block);
}
