/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of device memory. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "opencl.h"

#define LARGE_PAGE ((uint64_t)2 << 20)

static hal_status too_large(const hal_opencl_device *d, uint64_t bytes) {
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "opencl: %s: a block of %llu bytes was asked, the device allows at most %llu in one; split the tensor, or use another "
        "device", d->name, (unsigned long long)bytes, (unsigned long long)d->most_block);
}

static hal_status no_memory(hal_opencl_device *d, uint64_t bytes, cl_int e) {
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
    if (!made) return no_memory(d, bytes, e);
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

/* ------------------------------------------------------------------------------- memory of the host -- */

/* Page size is worth a factor where kernels walk through large weights. */
static void ask_for_large_pages(char *block, uint64_t bytes) {
    const uintptr_t page = 4096, begin = ((uintptr_t)block + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)block + bytes) & ~(page - 1);
    if (bytes >= LARGE_PAGE && end > begin) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

/* Fine-grained: the host may touch it at any time, and sees what kernels wrote once their event is over. The buffer is the
   same memory under the name that kernels take. */
static hal_status share(hal_opencl_device *d, uint64_t bytes, hal_opencl_block *block) {
    const cl_svm_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER;
    if (d->most_block && bytes > d->most_block) return too_large(d, bytes);
    block->host = d->cl.clSVMAlloc(d->context, flags, bytes, 0);
    if (!block->host) {
        hal_opencl_device_trim(d);
        block->host = d->cl.clSVMAlloc(d->context, flags, bytes, 0);
    }
    if (!block->host) return no_memory(d, bytes, CL_MEM_OBJECT_ALLOCATION_FAILURE);
    ask_for_large_pages(block->host, bytes);
    memset(block->host, 0, bytes);
    return create(d, bytes, block->host, &block->mem);
}

/* --------------------------------------------------------------------------------------------- blocks -- */

/* Large pages for a device that computes on the host's processors; they come zeroed. NULL: there are none to be had. */
static void *map_pages(uint64_t bytes, uint64_t *mapped) {
    const uint64_t whole = (bytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    if (whole < bytes) return NULL;
    void *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return NULL;
    madvise(pages, whole, MADV_HUGEPAGE);
    *mapped = whole;
    return pages;
}

/* Nobody but the driver touches the pages, so that it never has to be told. */
static hal_status own(hal_opencl_device *d, uint64_t bytes, hal_opencl_block *block) {
    if (d->is_host && bytes >= LARGE_PAGE) block->pages = map_pages(bytes, &block->mapped);
    HAL_TRY(create(d, bytes, block->pages, &block->mem));
    return block->pages ? HAL_OK : zero(d, block->mem, bytes);
}

hal_status hal_opencl_alloc(void *device, uint64_t bytes, void **memory, void **host) {
    hal_opencl_device *d = device;
    hal_opencl_block *block = calloc(1, sizeof *block);
    if (!block) return hal_opencl_no_memory(d->host, "a handle of device memory");
    block->bytes = bytes;
    block->serial = ++d->serial;
    const hal_status status = d->host_access ? share(d, bytes, block) : own(d, bytes, block);
    if (status != HAL_OK) {
        hal_opencl_free(d, block);
        return status;
    }
    *memory = block;
    *host = block->host;
    return HAL_OK;
}

void hal_opencl_free(void *device, void *memory) {
    const hal_opencl_device *d = device;
    hal_opencl_block *block = memory;
    if (!block) return;
    hal_opencl_buffer_free(device, block->mem, block->bytes);
    if (block->host) d->cl.clSVMFree(d->context, block->host);
    if (block->pages) munmap(block->pages, block->mapped);
    free(block);
}
