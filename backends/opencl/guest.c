/* SPDX-License-Identifier: Apache-2.0 */
#include "guest.h"

static bool is_guest(const hal_backend_binding *b) { return !b->memory && b->host; }

uint32_t hal_opencl_guests_count(const hal_backend_binding *bindings, uint32_t n) {
    uint32_t guests = 0;
    for (uint32_t i = 0; i < n; i++) guests += is_guest(&bindings[i]);
    return guests;
}

/* Only what this submission touches: what lies behind may belong to nobody. */
static hal_status invite(hal_opencl_job *j, hal_opencl_program *p, uint32_t index, const hal_backend_binding *b) {
    hal_opencl_device *d = j->queue->device;
    char *at = (char *)b->host + b->offset;
    cl_int e = CL_SUCCESS;
    if (p->chain->touched[index] == 0) {
        hal_opencl_program_place(p, index, (hal_opencl_place){0});
        return HAL_OK;
    }
    cl_mem mem = d->cl.clCreateBuffer(d->context, CL_MEM_READ_WRITE | CL_MEM_USE_HOST_PTR, p->chain->touched[index], at, &e);
    if (!mem) return hal_opencl_fail(d, e, "clCreateBuffer around %llu bytes of the host",
        (unsigned long long)p->chain->touched[index]);
    j->guests[j->n_guests++] = mem;
    hal_opencl_program_place(p, index, (hal_opencl_place){.mem = mem, .guest = (uintptr_t)at});
    return HAL_OK;
}

hal_status hal_opencl_guests_place(hal_opencl_job *j, hal_opencl_program *p, const hal_backend_binding *bindings) {
    for (uint32_t i = 0; i < p->chain->description->n_bindings; i++) {
        const hal_backend_binding *b = &bindings[i];
        const hal_opencl_block *block = b->memory;
        if (is_guest(b)) HAL_TRY(invite(j, p, i, b));
        else hal_opencl_program_place(p, i, block ? (hal_opencl_place){.mem = block->mem, .serial = block->serial, .offset = b->offset}
            : (hal_opencl_place){0});
    }
    return HAL_OK;
}

/* Mapping brings the bytes home; unmapping follows it also in a queue that keeps no order. What stays mapped is never gone, so
   the mapping is then the end of the job. */
static cl_int bring_home(hal_opencl_job *j, cl_mem guest) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    cl_command_queue queue = j->queue->queue;
    cl_event mapped = NULL;
    size_t bytes = 0;
    cl_int e = cl->clGetMemObjectInfo(guest, CL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    if (e != CL_SUCCESS) return e;
    void *at = cl->clEnqueueMapBuffer(queue, guest, CL_FALSE, CL_MAP_READ, 0, bytes, 0, NULL, &mapped, &e);
    if (!at) return e;
    for (int attempt = 0; attempt < 2; attempt++) {
        e = cl->clEnqueueUnmapMemObject(queue, guest, at, 1, &mapped, NULL);
        if (e != CL_SUCCESS) continue;
        cl->clReleaseEvent(mapped);
        return e;
    }
    j->held = true;
    j->event = mapped;
    return e;
}

cl_int hal_opencl_guests_leave(hal_opencl_job *j) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    cl_command_queue queue = j->queue->queue;
    cl_int e = j->queue->device->unordered ? cl->clEnqueueBarrierWithWaitList(queue, 0, NULL, NULL) : CL_SUCCESS;
    for (uint32_t i = 0; i < j->n_guests && e == CL_SUCCESS; i++) e = bring_home(j, j->guests[i]);
    return e == CL_SUCCESS ? cl->clEnqueueMarkerWithWaitList(queue, 0, NULL, &j->event) : e;
}
