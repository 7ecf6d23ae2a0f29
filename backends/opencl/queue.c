/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: one in-order command queue each. Work ends in a callback of its last event, which completes it; nothing here
 * waits for the device but the destroyer, and he until his deadline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "opencl.h"

/* What is under way: completed by the callback. */
typedef struct job {
    hal_opencl_queue *queue;
    void *completion;
    hal_status failure;
    char text[320];
} job;

/* ------------------------------------------------------------------------------------------- the end -- */

static void finish(hal_opencl_queue *q) {
    pthread_mutex_lock(&q->lock);
    if (--q->pending == 0) pthread_cond_broadcast(&q->idle);
    pthread_mutex_unlock(&q->lock);
}

static void end(job *j, cl_int fate) {
    hal_opencl_device *d = j->queue->device;
    hal_opencl_queue *queue = j->queue;
    if (j->failure == HAL_OK && fate < 0) {
        j->failure = hal_opencl_status(fate, HAL_DAMAGE_GRAPH);
        snprintf(j->text, sizeof j->text, "opencl: %s: the work failed while it ran: %s (%d)", d->name,
            hal_opencl_code_name(fate), fate);
    }
    d->host->complete(d->host->context, j->completion, j->failure, j->text);
    free(j);
    finish(queue);
}

static void CL_CALLBACK over(cl_event event, cl_int fate, void *argument) {
    job *j = argument;
    j->queue->device->cl.clReleaseEvent(event);
    end(j, fate);
}

/* Where a driver refuses callbacks: the work is waited for here. */
static void wait_here(job *j, cl_event event) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    cl_int fate = CL_COMPLETE;
    if (cl->clWaitForEvents(1, &event) != CL_SUCCESS)
        cl->clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof fate, &fate, NULL);
    over(event, fate, j);
}

void hal_opencl_queue_follow(hal_opencl_queue *q, cl_event event, hal_status failure, const char *text, void *completion) {
    const hal_opencl_api *cl = &q->device->cl;
    job *j = calloc(1, sizeof *j);
    *j = (job){.queue = q, .completion = completion, .failure = failure};
    snprintf(j->text, sizeof j->text, "%s", text);
    pthread_mutex_lock(&q->lock);
    q->pending++;
    pthread_mutex_unlock(&q->lock);
    if (cl->clSetEventCallback(event, CL_COMPLETE, over, j) != CL_SUCCESS) wait_here(j, event);
    cl->clFlush(q->queue);
}

/* ----------------------------------------------------------------------------------------- submitting -- */

static cl_int enqueue(hal_opencl_queue *q, hal_opencl_program *p, cl_event *last, uint32_t *done) {
    const hal_opencl_api *cl = &q->device->cl;
    const bool other = p->last && p->last_queue != q;
    cl_int e = CL_SUCCESS;
    for (*done = 0; *done < p->n_launches; ++*done) {
        const hal_opencl_launch *l = &p->launches[*done];
        const bool first = *done == 0 && other, end_of_it = *done + 1 == p->n_launches;
        e = cl->clEnqueueNDRangeKernel(q->queue, l->kernel, 3, NULL, l->global, l->group, first, first ? &p->last : NULL,
            end_of_it ? last : NULL);
        if (e != CL_SUCCESS) return e;
    }
    return p->n_launches ? e : cl->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, last);
}

static hal_status run(hal_opencl_queue *q, hal_opencl_program *p, void *completion) {
    const hal_opencl_api *cl = &q->device->cl;
    cl_event last = NULL;
    uint32_t done = 0;
    char text[320] = "";
    hal_status failure = HAL_OK;
    const cl_int e = enqueue(q, p, &last, &done);
    if (e != CL_SUCCESS) {
        /* what was enqueued before still runs, and what it uses has to live until then */
        if (done == 0 || cl->clEnqueueMarkerWithWaitList(q->queue, 0, NULL, &last) != CL_SUCCESS)
            return hal_opencl_fail(q->device, e, "clEnqueueNDRangeKernel of \"%s\"",
                p->n_launches ? p->launches[done].entry : "");
        failure = hal_opencl_status(e, HAL_DAMAGE_GRAPH);
        snprintf(text, sizeof text, "opencl: %s: clEnqueueNDRangeKernel of \"%s\": %s (%d)", q->device->name,
            p->launches[done].entry, hal_opencl_code_name(e), e);
    }
    if (p->last) cl->clReleaseEvent(p->last);
    p->last = last;
    p->last_queue = q;
    cl->clRetainEvent(last);
    q->device->ops += p->description->n_ops;
    hal_opencl_queue_follow(q, last, failure, text, completion);
    return HAL_OK;
}

hal_status hal_opencl_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                             const int64_t *symbols, void *completion) {
    hal_opencl_queue *q = queue;
    hal_opencl_program *p = compiled;
    const hal_host *host = q->device->host;
    if (n_bindings != p->description->n_bindings)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), 0,
            "opencl: a submission has %u bindings, the program has %u", n_bindings, p->description->n_bindings);
    pthread_mutex_lock(&p->lock);
    hal_status status = hal_opencl_program_plan(p, symbols, INT64_MAX);
    if (status == HAL_OK) status = hal_opencl_program_bind(p, bindings);
    if (status == HAL_OK) status = run(q, p, completion);
    pthread_mutex_unlock(&p->lock);
    return status;
}

/* --------------------------------------------------------------------------------- create and destroy -- */

static void queue_free(hal_opencl_queue *q) {
    if (q->queue) q->device->cl.clReleaseCommandQueue(q->queue);
    pthread_cond_destroy(&q->idle);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

hal_status hal_opencl_queue_create(void *device, void **queue) {
    hal_opencl_device *d = device;
    pthread_condattr_t clock;
    cl_int e = CL_SUCCESS;
    hal_opencl_queue *q = calloc(1, sizeof *q);
    if (!q) return hal_opencl_no_memory(d->host, "a queue");
    q->device = d;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&q->idle, &clock);
    pthread_condattr_destroy(&clock);
    q->queue = d->cl.clCreateCommandQueue(d->context, d->id, 0, &e);
    if (!q->queue) {
        queue_free(q);
        return hal_opencl_fail(d, e, "clCreateCommandQueue");
    }
    *queue = q;
    return HAL_OK;
}

hal_status hal_opencl_queue_destroy(void *queue, int64_t deadline) {
    hal_opencl_queue *q = queue;
    const hal_host *host = q->device->host;
    const struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&q->lock);
    while (q->pending > 0 && rc == 0) rc = pthread_cond_timedwait(&q->idle, &q->lock, &until);
    const bool busy = q->pending > 0;
    pthread_mutex_unlock(&q->lock);
    if (busy)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
            "opencl: %s: work still ran at the deadline; its memory stays in use until the process ends", q->device->name);
    queue_free(q);
    return HAL_OK;
}
