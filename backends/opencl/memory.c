/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of device memory. */
#include <stdlib.h>

#include "ground.h"

/* Blocks of so many bytes are worth pages of their own. */
#define LARGE ((uint64_t)2 << 20)

static hal_status too_large(const hal_opencl_device *d, uint64_t bytes) {
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "opencl: %s: a block of %llu bytes was asked, the device allows at most %llu in one; split the tensor, or use another "
        "device", d->name, (unsigned long long)bytes, (unsigned long long)d->most_block);
}

hal_status hal_opencl_no_block(hal_opencl_device *d, uint64_t bytes, cl_int e) {
    return hal_opencl_fail(d, e, "a buffer of %llu bytes (the device has given %llu of %llu; release some)",
        (unsigned long long)bytes, (unsigned long long)d->given, (unsigned long long)d->memory_bytes);
}

/* A driver that finds no memory gets a second chance once the caches are gone. `pages`: what it stands on, or NULL. */
static hal_status create(hal_opencl_device *d, uint64_t bytes, void *pages, cl_mem *mem) {
    const cl_mem_flags flags = CL_MEM_READ_WRITE | (pages ? CL_MEM_USE_HOST_PTR : 0);
    cl_int e = CL_SUCCESS;
    if (d->most_block && bytes > d->most_block) return too_large(d, bytes);
    cl_mem made = d->cl.clCreateBuffer(d->context, flags, bytes, pages, &e);
    if (!made && hal_opencl_code_is_memory(e)) {
        hal_opencl_device_trim(d);
        made = d->cl.clCreateBuffer(d->context, flags, bytes, pages, &e);
    }
    if (!made) return hal_opencl_no_block(d, bytes, e);
    d->given += bytes;
    *mem = made;
    return HAL_OK;
}

hal_status hal_opencl_buffer_create(hal_opencl_device *d, uint64_t bytes, cl_mem *mem) {
    return create(d, bytes, NULL, mem);
}

void hal_opencl_buffer_free(hal_opencl_device *d, cl_mem mem, uint64_t bytes) {
    if (!mem) return;
    d->cl.clReleaseMemObject(mem);
    d->given -= bytes;
}

/* Zeroes `mem`. Drivers give memory for good only when it is touched, so this is where most run out of it. */
static hal_status zero(hal_opencl_device *d, cl_mem mem, uint64_t bytes) {
    const uint64_t nothing[2] = {0};
    const uint64_t whole = bytes & ~(uint64_t)15;
    cl_event event = NULL;
    cl_int e = CL_SUCCESS;
    pthread_mutex_lock(&d->lock);
    if (whole) e = d->cl.clEnqueueFillBuffer(d->queue, mem, nothing, sizeof nothing, 0, whole, 0, NULL, NULL);
    if (e == CL_SUCCESS && whole < bytes)
        e = d->cl.clEnqueueFillBuffer(d->queue, mem, nothing, 1, whole, bytes - whole, 0, NULL, NULL);
    if (e == CL_SUCCESS) e = d->cl.clEnqueueMarkerWithWaitList(d->queue, 0, NULL, &event);
    pthread_mutex_unlock(&d->lock);
    if (e == CL_SUCCESS) e = d->cl.clWaitForEvents(1, &event);
    if (event) d->cl.clReleaseEvent(event);
    return e == CL_SUCCESS ? HAL_OK : hal_opencl_fail(d, e, "zeroing a block of %llu bytes", (unsigned long long)bytes);
}

/* --------------------------------------------------------------------------------------------- blocks -- */

/* A driver that says when it is done with the buffer has the ground from here on. */
static hal_status stand(hal_opencl_device *d, hal_opencl_block *block) {
    HAL_TRY(create(d, block->bytes, hal_opencl_ground_address(block->ground), &block->mem));
    if (!d->told_of_ends) return HAL_OK;
    const cl_int e = hal_opencl_ground_leave(block->ground, block->mem);
    if (e != CL_SUCCESS) return hal_opencl_no_block(d, block->bytes, e);
    block->ground = NULL;
    return HAL_OK;
}

/* Fine-grained: the host may touch it at any time, and sees what kernels wrote once their event is over. The buffer is the
   same memory under the name that kernels take. */
static hal_status share(hal_opencl_device *d, hal_opencl_block *block) {
    if (d->most_block && block->bytes > d->most_block) return too_large(d, block->bytes);
    HAL_TRY(hal_opencl_ground_share(d, block->bytes, &block->ground));
    block->host = hal_opencl_ground_address(block->ground);
    return stand(d, block);
}

/* A device that computes on the host's processors is quicker on large pages, which come zeroed. Nobody but the driver touches
   them, so that it never has to be told. */
static hal_status own(hal_opencl_device *d, hal_opencl_block *block) {
    if (d->is_host && d->told_of_ends && block->bytes >= LARGE) block->ground = hal_opencl_ground_map(d, block->bytes);
    if (block->ground) return stand(d, block);
    HAL_TRY(create(d, block->bytes, NULL, &block->mem));
    return zero(d, block->mem, block->bytes);
}

hal_status hal_opencl_alloc(void *device, uint64_t bytes, void **memory, void **host) {
    hal_opencl_device *d = device;
    hal_opencl_block *block = calloc(1, sizeof *block);
    if (!block) return hal_opencl_no_memory(d->host, "a handle of device memory");
    block->bytes = bytes;
    block->serial = ++d->serial;
    const hal_status status = d->host_access ? share(d, block) : own(d, block);
    if (status != HAL_OK) {
        hal_opencl_free(d, block);
        return status;
    }
    *memory = block;
    *host = block->host;
    return HAL_OK;
}

void hal_opencl_free(void *device, void *memory) {
    hal_opencl_block *block = memory;
    if (!block) return;
    hal_opencl_buffer_free(device, block->mem, block->bytes);
    hal_opencl_ground_free(block->ground);
    free(block);
}
