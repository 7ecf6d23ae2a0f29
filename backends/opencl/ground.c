/* SPDX-License-Identifier: Apache-2.0 */
#include "ground.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "bell.h"
#include "clock.h"

#define LARGE_PAGE ((uint64_t)2 << 20)

struct hal_opencl_ground {
    hal_opencl_device *device;
    /* One of both. */
    void *shared, *pages;
    uint64_t mapped;
};

void hal_opencl_ground_free(hal_opencl_ground *g) {
    if (!g) return;
    if (g->shared) g->device->cl.clSVMFree(g->device->context, g->shared);
    if (g->pages) munmap(g->pages, g->mapped);
    free(g);
}

void *hal_opencl_ground_address(const hal_opencl_ground *g) { return g->shared ? g->shared : g->pages; }

/* -------------------------------------------------------------------------------------- shared memory -- */

/* Page size is worth a factor where kernels walk through large weights. */
static void ask_for_large_pages(char *block, uint64_t bytes) {
    const uintptr_t page = 4096, begin = ((uintptr_t)block + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)block + bytes) & ~(page - 1);
    if (bytes >= LARGE_PAGE && end > begin) madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

static void *shared_memory(hal_opencl_device *d, uint64_t bytes) {
    const cl_svm_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_SVM_FINE_GRAIN_BUFFER;
    void *memory = d->cl.clSVMAlloc(d->context, flags, bytes, 0);
    if (memory) return memory;
    hal_opencl_device_trim(d);
    return d->cl.clSVMAlloc(d->context, flags, bytes, 0);
}

/* The call tells no reason, but a driver whose device is gone takes no marker either. */
static hal_status none_shared(hal_opencl_device *d, uint64_t bytes) {
    const cl_int e = hal_opencl_device_ask(d);
    return hal_opencl_no_block(d, bytes, e == CL_SUCCESS ? CL_MEM_OBJECT_ALLOCATION_FAILURE : e);
}

hal_status hal_opencl_ground_share(hal_opencl_device *d, uint64_t bytes, hal_opencl_ground **ground) {
    hal_opencl_ground *g = calloc(1, sizeof *g);
    if (!g) return hal_opencl_no_memory(d->host, "a handle of shared memory");
    g->device = d;
    g->shared = shared_memory(d, bytes);
    if (!g->shared) {
        free(g);
        return none_shared(d, bytes);
    }
    ask_for_large_pages(g->shared, bytes);
    memset(g->shared, 0, bytes);
    *ground = g;
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------------- pages -- */

hal_opencl_ground *hal_opencl_ground_map(hal_opencl_device *d, uint64_t bytes) {
    const uint64_t whole = (bytes + LARGE_PAGE - 1) & ~(LARGE_PAGE - 1);
    hal_opencl_ground *g = whole < bytes ? NULL : calloc(1, sizeof *g);
    if (!g) return NULL;
    void *pages = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) {
        free(g);
        return NULL;
    }
    madvise(pages, whole, MADV_HUGEPAGE);
    *g = (hal_opencl_ground){.device = d, .pages = pages, .mapped = whole};
    return g;
}

/* -------------------------------------------------------------------------------- left to the driver -- */

/* Freeing is no call that blocks. Once the lock is given back the device may be gone. */
static void CL_CALLBACK done_with(cl_mem mem, void *ground) {
    hal_opencl_ground *g = ground;
    hal_opencl_device *d = g->device;
    (void)mem;
    hal_opencl_ground_free(g);
    pthread_mutex_lock(&d->grounds);
    if (--d->n_grounds == 0) pthread_cond_broadcast(&d->grounds_gone);
    pthread_mutex_unlock(&d->grounds);
}

static void count(hal_opencl_device *d, int64_t more) {
    pthread_mutex_lock(&d->grounds);
    d->n_grounds += more;
    pthread_mutex_unlock(&d->grounds);
}

cl_int hal_opencl_ground_leave(hal_opencl_ground *g, cl_mem mem) {
    hal_opencl_device *d = g->device;
    count(d, 1);
    const cl_int e = d->cl.clSetMemObjectDestructorCallback(mem, done_with, g);
    if (e != CL_SUCCESS) count(d, -1);
    return e;
}

bool hal_opencl_grounds_wait(hal_opencl_device *d, int64_t deadline) {
    bool late = false;
    pthread_mutex_lock(&d->grounds);
    while (d->n_grounds > 0 && !late) late = !hal_opencl_condition_wait(&d->grounds_gone, &d->grounds, deadline);
    const bool gone = d->n_grounds == 0;
    pthread_mutex_unlock(&d->grounds);
    return gone;
}

static void CL_CALLBACK answer(cl_mem mem, void *bell) {
    (void)mem;
    hal_opencl_bell_ring(bell);
}

bool hal_opencl_grounds_ask(hal_opencl_device *d, int64_t deadline) {
    cl_int e = CL_SUCCESS;
    hal_opencl_bell *bell = hal_opencl_bell_create();
    cl_mem mem = bell ? d->cl.clCreateBuffer(d->context, CL_MEM_READ_WRITE, 64, NULL, &e) : NULL;
    const bool taken = mem && d->cl.clSetMemObjectDestructorCallback(mem, answer, bell) == CL_SUCCESS;
    if (mem) d->cl.clReleaseMemObject(mem);
    if (taken) return hal_opencl_bell_wait(bell, deadline);
    if (bell) hal_opencl_bell_free(bell);
    return false;
}
