/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies, in the order of their queue. Small ones between host and device go through pinned memory, which a device reads
 * without the driver pinning pages for each; large ones are left to the driver.
 */
#include <string.h>

#include "job.h"
#include "staging.h"

static cl_mem mem_of(const hal_backend_binding *b) {
    return b->memory ? ((const hal_opencl_block *)b->memory)->mem : NULL;
}

static char *host_of(const hal_backend_binding *b) {
    return (char *)b->host + b->offset;
}

static bool overlap(const hal_backend_binding *a, const hal_backend_binding *b, uint64_t bytes) {
    return a->memory == b->memory && a->offset < b->offset + bytes && b->offset < a->offset + bytes;
}

/* Through a block of its own: what overlaps, and host to host, which keeps its place in the queue that way. */
static cl_int copy_twice(hal_opencl_job *j, const hal_backend_binding *dst, const hal_backend_binding *src) {
    hal_opencl_queue *q = j->queue;
    const hal_opencl_api *cl = &q->device->cl;
    cl_event half = NULL;
    cl_int e = CL_SUCCESS;
    cl_mem between = cl->clCreateBuffer(q->device->context, CL_MEM_READ_WRITE, j->bytes, NULL, &e);
    if (!between) return e;
    e = src->memory ? cl->clEnqueueCopyBuffer(q->queue, mem_of(src), between, src->offset, 0, j->bytes, 0, NULL, &half)
        : cl->clEnqueueWriteBuffer(q->queue, between, CL_FALSE, 0, j->bytes, host_of(src), 0, NULL, &half);
    if (e == CL_SUCCESS)
        e = dst->memory
            ? cl->clEnqueueCopyBuffer(q->queue, between, mem_of(dst), 0, dst->offset, j->bytes, 1, &half, &j->event)
            : cl->clEnqueueReadBuffer(q->queue, between, CL_FALSE, 0, j->bytes, host_of(dst), 1, &half, &j->event);
    if (half) cl->clReleaseEvent(half);
    cl->clReleaseMemObject(between);     /* commands that use it keep it */
    return e;
}

static cl_int write(hal_opencl_job *j, const hal_backend_binding *dst, const char *from) {
    char *pinned = hal_opencl_staging_take(j);
    if (pinned) memcpy(pinned, from, j->bytes);
    return j->queue->device->cl.clEnqueueWriteBuffer(j->queue->queue, mem_of(dst), CL_FALSE, dst->offset, j->bytes,
        pinned ? pinned : from, 0, NULL, &j->event);
}

static void fetch(hal_opencl_job *j) {
    memcpy(j->target, hal_opencl_staging_address(j), j->bytes);
}

static cl_int read(hal_opencl_job *j, const hal_backend_binding *src, char *to) {
    char *pinned = hal_opencl_staging_take(j);
    if (pinned) {
        j->target = to;
        j->after = fetch;
    }
    return j->queue->device->cl.clEnqueueReadBuffer(j->queue->queue, mem_of(src), CL_FALSE, src->offset, j->bytes,
        pinned ? pinned : to, 0, NULL, &j->event);
}

static cl_int enqueue(hal_opencl_job *j, const hal_backend_binding *dst, const hal_backend_binding *src) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    cl_command_queue queue = j->queue->queue;
    if (j->bytes == 0) return cl->clEnqueueMarkerWithWaitList(queue, 0, NULL, &j->event);
    if (dst->memory && src->memory && !overlap(dst, src, j->bytes))
        return cl->clEnqueueCopyBuffer(queue, mem_of(src), mem_of(dst), src->offset, dst->offset, j->bytes, 0, NULL,
            &j->event);
    if (!dst->memory == !src->memory) return copy_twice(j, dst, src);
    return dst->memory ? write(j, dst, host_of(src)) : read(j, src, host_of(dst));
}

hal_status hal_opencl_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                           void *completion) {
    hal_opencl_queue *q = queue;
    hal_opencl_job *j = hal_opencl_job_create(q, 0, 0);
    if (!j) return hal_opencl_no_memory(q->device->host, "a copy");
    j->bytes = bytes;
    j->completion = completion;
    cl_int e = enqueue(j, dst, src);
    if (hal_opencl_code_is_memory(e)) {
        hal_opencl_device_trim(q->device);
        e = enqueue(j, dst, src);
    }
    if (e != CL_SUCCESS) {
        hal_opencl_job_free(j);
        return hal_opencl_fail(q->device, e, "a copy of %llu bytes", (unsigned long long)bytes);
    }
    hal_opencl_job_start(j);
    return HAL_OK;
}
