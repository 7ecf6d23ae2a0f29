/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of work is noticed in a callback of its last event; a queue of a driver that does not call back has a thread
 * that waits instead. Callbacks may come on several threads at once and out of order, so the one that finds the first job
 * of the list over tells all that are.
 *
 * A driver may take work and then tell nothing of it. Memory of others that it uses must not be given back on a guess: such a
 * job waits until the driver is done with the buffers around it. Memory of ours has its own way (ground.h).
 */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>

#include "gate.h"
#include "staging.h"

hal_opencl_job *hal_opencl_job_create(hal_opencl_queue *queue, uint32_t n_events, uint32_t n_guests) {
    hal_opencl_job *j = calloc(1, sizeof *j);
    if (!j) return NULL;
    j->queue = queue;
    if (n_events) j->events = calloc(n_events, sizeof(cl_event));
    if (n_events) j->waits = calloc(n_events, sizeof(cl_event));
    if (n_events) j->ops = calloc(n_events, sizeof *j->ops);
    if (n_guests) j->guests = calloc(n_guests, sizeof(cl_mem));
    if ((!n_events || (j->events && j->waits && j->ops)) && (!n_guests || j->guests)) return j;
    hal_opencl_job_free(j);
    return NULL;
}

static void release_events(hal_opencl_job *j) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    for (uint32_t i = 0; i < j->n_events; i++) cl->clReleaseEvent(j->events[i]);
    if (j->event) cl->clReleaseEvent(j->event);
    j->n_events = 0;
    j->event = NULL;
}

/* The last may end the job. */
static void release_guests(hal_opencl_job *j) {
    cl_int (CL_API_CALL *release)(cl_mem) = j->queue->device->cl.clReleaseMemObject;
    cl_mem *guests = j->guests;
    const uint32_t n = j->n_guests;
    j->guests = NULL;
    j->n_guests = 0;
    for (uint32_t i = 0; i < n; i++) release(guests[i]);
    free(guests);
}

static void leave_gate(hal_opencl_job *j) {
    if (j->entered) hal_opencl_gate_leave(&j->queue->visitor, j->first);
    j->entered = false;
}

void hal_opencl_job_free(hal_opencl_job *j) {
    if (!j) return;
    release_events(j);
    release_guests(j);
    hal_opencl_staging_give(j);
    leave_gate(j);
    free(j->events);
    free(j->waits);
    free(j->ops);
    free(j->symbols);
    free(j);
}

/* ------------------------------------------------------------------------------------------- the end -- */

static void judge(hal_opencl_job *j) {
    hal_opencl_device *d = j->queue->device;
    if (j->failure != HAL_OK || j->fate >= 0) return;
    j->failure = hal_opencl_status(j->fate, HAL_DAMAGE_GRAPH);
    snprintf(j->text, sizeof j->text, "opencl: %s: %s failed while it ran: %s (%d); it needs %llu bytes, the device has "
        "given %llu of %llu", d->name, j->program ? "a program" : "a copy", hal_opencl_code_name(j->fate), j->fate,
        (unsigned long long)j->bytes, (unsigned long long)d->given, (unsigned long long)d->memory_bytes);
    hal_opencl_device_suspect(d, j->fate, j->text);
}

static void tell(hal_opencl_job *j) {
    hal_opencl_device *d = j->queue->device;
    judge(j);
    if (j->failure == HAL_OK && j->after) j->after(j);
    if (d->state->traced && j->event) hal_opencl_trace(j);
    leave_gate(j);                       /* who is told may submit, and wait there */
    d->host->complete(d->host->context, j->completion, j->failure, j->text);
    hal_opencl_job_free(j);
}

/* Once the lock is given back the queue may be gone, unless this thread still tells. */
static void end(hal_opencl_job *job, cl_int fate) {
    hal_opencl_queue *q = job->queue;
    pthread_mutex_lock(&q->lock);
    job->fate = fate;
    job->over = true;
    if (!q->telling) {
        q->telling = true;
        while (q->first && q->first->over) {
            hal_opencl_job *j = q->first;
            q->first = j->next;
            if (!q->first) q->last = NULL;
            pthread_mutex_unlock(&q->lock);
            tell(j);
            pthread_mutex_lock(&q->lock);
        }
        q->telling = false;
        if (!q->first || q->waits) pthread_cond_broadcast(&q->changed);
    }
    pthread_mutex_unlock(&q->lock);
}

static void CL_CALLBACK over(cl_event event, cl_int fate, void *job) {
    (void)event;
    end(job, fate);
}

/* ---------------------------------------------------------------------------------------- the beginning -- */

static void append(hal_opencl_queue *q, hal_opencl_job *j) {
    pthread_mutex_lock(&q->lock);
    if (q->last) q->last->next = j;
    else q->first = j;
    q->last = j;
    if (q->waits) pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

/* False: the driver does not say whether it is over, but `fate` why. */
static bool wait_for(const hal_opencl_api *cl, cl_event event, cl_int *fate) {
    cl_int status = CL_QUEUED;
    *fate = cl->clWaitForEvents(1, &event);
    if (*fate == CL_SUCCESS) return true;
    if (cl->clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL) != CL_SUCCESS)
        return *fate == CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST;
    if (status < 0) *fate = status;
    return status <= CL_COMPLETE;
}

static void CL_CALLBACK gone(cl_mem guest, void *job) {
    hal_opencl_job *j = job;
    (void)guest;
    if (--j->ties == 0) end(j, j->fate);
}

/* Asks to be told when the driver is done with each guest; how many there are that it will tell of. */
static uint32_t tie(hal_opencl_job *j) {
    const hal_opencl_device *d = j->queue->device;
    if (j->held || !d->told_of_ends) return 0;
    for (uint32_t i = 0; i < j->n_guests; i++)
        if (d->cl.clSetMemObjectDestructorCallback(j->guests[i], gone, j) == CL_SUCCESS) j->ties++;
    return j->ties;
}

/* No guest goes before it is released here. A driver that does not even take the question has lost its device. */
static void forsake(hal_opencl_job *j, cl_int fate) {
    if (tie(j) == 0) {
        end(j, fate);
        return;
    }
    pthread_mutex_lock(&j->queue->lock);
    j->forsaken = true;
    j->fate = fate;
    pthread_mutex_unlock(&j->queue->lock);
    release_events(j);
    release_guests(j);
}

static void settle(hal_opencl_job *j) {
    cl_int fate = CL_COMPLETE;
    if (wait_for(&j->queue->device->cl, j->event, &fate)) end(j, fate);
    else forsake(j, fate);
}

/* Once the callback is accepted, or the waiter sees the job, it may be over and gone at any time. */
void hal_opencl_job_start(hal_opencl_job *j) {
    hal_opencl_queue *q = j->queue;
    const hal_opencl_api *cl = &q->device->cl;
    const bool waits = q->waits, told = j->event != NULL;
    j->forsaken = !told;
    if (q->device->unordered) cl->clEnqueueBarrierWithWaitList(q->queue, 0, NULL, NULL);
    append(q, j);
    const bool awaited = told && (waits || cl->clSetEventCallback(j->event, CL_COMPLETE, over, j) == CL_SUCCESS);
    cl->clFlush(q->queue);
    if (!told) forsake(j, CL_COMPLETE);
    else if (!awaited) settle(j);
}

/* ------------------------------------------------------------------------------------------- the waiter -- */

static void *wait_in_order(void *argument) {
    hal_opencl_queue *q = argument;
    pthread_mutex_lock(&q->lock);
    while (!q->stopping) {
        hal_opencl_job *j = q->first;
        if (!j || j->forsaken) {
            pthread_cond_wait(&q->changed, &q->lock);
            continue;
        }
        pthread_mutex_unlock(&q->lock);
        settle(j);
        pthread_mutex_lock(&q->lock);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

hal_status hal_opencl_waiter_start(hal_opencl_queue *q) {
    const hal_host *host = q->device->host;
    const int rc = pthread_create(&q->waiter, NULL, wait_in_order, q);
    q->waits = rc == 0;
    if (rc == 0) return HAL_OK;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), rc,
        "opencl: no thread for a queue (error %d); raise the limit of threads", rc);
}

/* Nothing is under way any more. */
void hal_opencl_waiter_stop(hal_opencl_queue *q) {
    if (!q->waits) return;
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    pthread_join(q->waiter, NULL);
}
