/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: one command queue each; one that keeps no order has a barrier after each job (job.c). Nothing waits for the
 * device but the destroyer, and he until his deadline: clFinish knows none.
 */
#include <stdlib.h>

#include "bell.h"
#include "clock.h"
#include "job.h"

/* ------------------------------------------------------------------------------------------ releasing -- */

/* A driver may wait for the device while it releases a queue, which takes it as long as the device wants. */
typedef struct release { hal_opencl_bell *bell; cl_int (CL_API_CALL *call)(cl_command_queue); cl_command_queue queue; } release;

static void *release_queue(void *argument) {
    release r = *(release *)argument;
    free(argument);
    r.call(r.queue);
    hal_opencl_bell_ring(r.bell);
    return NULL;
}

static bool start_release(hal_opencl_queue *q, hal_opencl_bell *bell) {
    pthread_t thread;
    release *r = malloc(sizeof *r);
    if (!r) return false;
    *r = (release){bell, q->device->cl.clReleaseCommandQueue, q->queue};
    if (pthread_create(&thread, NULL, release_queue, r) != 0) {
        free(r);
        return false;
    }
    pthread_detach(thread);
    return true;
}

/* False: it was not over at the deadline. Without memory for a thread it is done here. */
static bool release_until(hal_opencl_queue *q, int64_t deadline) {
    hal_opencl_bell *bell = q->queue ? hal_opencl_bell_create() : NULL;
    bool over = true;
    if (bell && start_release(q, bell)) over = hal_opencl_bell_wait(bell, deadline);
    else {
        if (bell) hal_opencl_bell_free(bell);
        if (q->queue) q->device->cl.clReleaseCommandQueue(q->queue);
    }
    q->queue = NULL;
    return over;
}

/* ------------------------------------------------------------------------------------ create and destroy -- */

static void queue_free(hal_opencl_queue *q) {
    hal_opencl_waiter_stop(q);
    if (q->queue) q->device->cl.clReleaseCommandQueue(q->queue);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static hal_opencl_queue *create(hal_opencl_device *device) {
    hal_opencl_queue *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    q->device = device;
    pthread_mutex_init(&q->lock, NULL);
    hal_opencl_condition_init(&q->changed);
    return q;
}

hal_status hal_opencl_queue_create(void *device, void **queue) {
    hal_opencl_device *d = device;
    const cl_command_queue_properties order = d->unordered ? CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0;
    const cl_command_queue_properties profile = d->state->traced ? CL_QUEUE_PROFILING_ENABLE : 0;
    cl_int e = CL_SUCCESS;
    hal_opencl_queue *q = create(d);
    if (!q) return hal_opencl_no_memory(d->host, "a queue");
    q->queue = d->cl.clCreateCommandQueue(d->context, d->id, order | profile, &e);
    hal_status status = q->queue ? HAL_OK : hal_opencl_fail(d, e, "clCreateCommandQueue");
    if (status == HAL_OK && !d->calls_back) status = hal_opencl_waiter_start(q);
    if (status == HAL_OK) *queue = q;
    else queue_free(q);
    return status;
}

hal_status hal_opencl_queue_destroy(void *queue, int64_t deadline) {
    hal_opencl_queue *q = queue;
    const hal_host *host = q->device->host;
    bool late = false;
    pthread_mutex_lock(&q->lock);
    while ((q->first || q->telling) && !late) late = !hal_opencl_condition_wait(&q->changed, &q->lock, deadline);
    const bool busy = q->first || q->telling;
    pthread_mutex_unlock(&q->lock);
    if (busy || !release_until(q, deadline))
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
            "opencl: %s: work still ran at the deadline; its memory stays in use until the process ends", q->device->name);
    queue_free(q);
    return HAL_OK;
}
