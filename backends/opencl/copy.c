/* SPDX-License-Identifier: Apache-2.0 */
/* Copies, in the order of their queue. */
#include <string.h>

#include "opencl.h"

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
static cl_int copy_twice(hal_opencl_queue *q, const hal_backend_binding *dst, const hal_backend_binding *src,
                         uint64_t bytes, cl_event *event) {
    const hal_opencl_api *cl = &q->device->cl;
    cl_int e = CL_SUCCESS;
    cl_mem between = cl->clCreateBuffer(q->device->context, CL_MEM_READ_WRITE, bytes, NULL, &e);
    if (!between) return e;
    e = src->memory ? cl->clEnqueueCopyBuffer(q->queue, mem_of(src), between, src->offset, 0, bytes, 0, NULL, NULL)
        : cl->clEnqueueWriteBuffer(q->queue, between, CL_FALSE, 0, bytes, host_of(src), 0, NULL, NULL);
    if (e == CL_SUCCESS)
        e = dst->memory ? cl->clEnqueueCopyBuffer(q->queue, between, mem_of(dst), 0, dst->offset, bytes, 0, NULL, event)
            : cl->clEnqueueReadBuffer(q->queue, between, CL_FALSE, 0, bytes, host_of(dst), 0, NULL, event);
    cl->clReleaseMemObject(between);
    return e;
}

static cl_int enqueue(hal_opencl_queue *q, const hal_backend_binding *dst, const hal_backend_binding *src,
                      uint64_t bytes, cl_event *event) {
    const hal_opencl_api *cl = &q->device->cl;
    if (bytes == 0) return cl->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, event);
    if (dst->memory && src->memory && !overlap(dst, src, bytes))
        return cl->clEnqueueCopyBuffer(q->queue, mem_of(src), mem_of(dst), src->offset, dst->offset, bytes, 0, NULL, event);
    if (!dst->memory == !src->memory) return copy_twice(q, dst, src, bytes, event);
    if (dst->memory)
        return cl->clEnqueueWriteBuffer(q->queue, mem_of(dst), CL_FALSE, dst->offset, bytes, host_of(src), 0, NULL, event);
    return cl->clEnqueueReadBuffer(q->queue, mem_of(src), CL_FALSE, src->offset, bytes, host_of(dst), 0, NULL, event);
}

hal_status hal_opencl_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                           void *completion) {
    hal_opencl_queue *q = queue;
    cl_event event = NULL;
    const cl_int e = enqueue(q, dst, src, bytes, &event);
    if (e != CL_SUCCESS) return hal_opencl_fail(q->device, e, "a copy of %llu bytes", (unsigned long long)bytes);
    hal_opencl_queue_follow(q, event, HAL_OK, "", completion);
    return HAL_OK;
}
