/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

static bool create(hal_opencl_device *d, hal_opencl_staging *s) {
    const cl_mem_flags flags = CL_MEM_READ_WRITE | CL_MEM_ALLOC_HOST_PTR;
    cl_int e = CL_SUCCESS;
    s->mem = d->cl.clCreateBuffer(d->context, flags, HAL_OPENCL_STAGING_BYTES, NULL, &e);
    if (!s->mem) return false;
    s->address = d->cl.clEnqueueMapBuffer(d->queue, s->mem, CL_TRUE, CL_MAP_READ | CL_MAP_WRITE, 0,
        HAL_OPENCL_STAGING_BYTES, 0, NULL, NULL, &e);
    if (s->address) return true;
    d->cl.clReleaseMemObject(s->mem);
    s->mem = NULL;
    return false;
}

char *hal_opencl_staging_take(hal_opencl_job *j) {
    hal_opencl_device *d = j->queue->device;
    if (!d->stages || j->bytes > HAL_OPENCL_STAGING_BYTES) return NULL;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < HAL_OPENCL_STAGINGS && !j->staging; i++) {
        hal_opencl_staging *s = &d->staging[i];
        if (s->taken || (!s->mem && !create(d, s))) continue;
        s->taken = true;
        j->staging = s;
    }
    pthread_mutex_unlock(&d->lock);
    return j->staging ? j->staging->address : NULL;
}

char *hal_opencl_staging_address(const hal_opencl_job *j) { return j->staging->address; }

void hal_opencl_staging_give(hal_opencl_job *j) {
    hal_opencl_device *d = j->queue->device;
    if (!j->staging) return;
    pthread_mutex_lock(&d->lock);
    j->staging->taken = false;
    pthread_mutex_unlock(&d->lock);
    j->staging = NULL;
}

void hal_opencl_staging_trim(hal_opencl_device *d) {
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < HAL_OPENCL_STAGINGS; i++) {
        hal_opencl_staging *s = &d->staging[i];
        if (!s->mem || s->taken) continue;
        d->cl.clEnqueueUnmapMemObject(d->queue, s->mem, s->address, 0, NULL, NULL);
        d->cl.clReleaseMemObject(s->mem);
        *s = (hal_opencl_staging){0};
    }
    pthread_mutex_unlock(&d->lock);
}
