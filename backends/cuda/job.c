/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs of a queue end in the order of their stream, so one thread waits for one event after the other. It sleeps meanwhile:
 * the events are made for that.
 */
#include "job.h"

#include <stdio.h>
#include <stdlib.h>

static hal_cuda_job *create(hal_cuda_queue *q, CUresult *code) {
    const unsigned flags = CU_EVENT_BLOCKING_SYNC | (q->device->state->traced ? 0u : (unsigned)CU_EVENT_DISABLE_TIMING);
    hal_cuda_job *j = calloc(1, sizeof *j);
    *code = CUDA_SUCCESS;
    if (!j) return NULL;
    j->queue = q;
    *code = q->device->cu.cuEventCreate(&j->event, flags);
    if (*code == CUDA_SUCCESS) return j;
    free(j);
    return NULL;
}

hal_cuda_job *hal_cuda_job_take(hal_cuda_queue *q, CUresult *code) {
    pthread_mutex_lock(&q->lock);
    hal_cuda_job *j = q->spare;
    if (j) q->spare = j->next;
    pthread_mutex_unlock(&q->lock);
    if (!j) j = create(q, code);
    if (j) j->next = NULL;
    return j;
}

/* What it used goes back; its event and its marks stay for the next one. */
static void empty(hal_cuda_job *j) {
    hal_cuda_queue *q = j->queue;
    hal_cuda_staging_give(q->device, j->staging);
    hal_cuda_give(q->device, j->between, j->bytes, q->stream);
    if (j->moves != &j->one) free(j->moves);
    free(j->symbols);
    j->symbols = NULL;
    j->staging = NULL;
    j->moves = NULL;
    j->between = 0;
    j->peer = NULL;
    j->program = NULL;
    j->failure = HAL_OK;
    j->text[0] = '\0';
    j->n_marks = 0;
    j->writes_host = false;
}

void hal_cuda_job_give(hal_cuda_job *j) {
    if (!j) return;
    hal_cuda_queue *q = j->queue;
    empty(j);
    pthread_mutex_lock(&q->lock);
    j->next = q->spare;
    q->spare = j;
    pthread_mutex_unlock(&q->lock);
}

void hal_cuda_jobs_free(hal_cuda_queue *q) {
    const hal_cuda_api *cu = &q->device->cu;
    while (q->spare) {
        hal_cuda_job *j = q->spare;
        q->spare = j->next;
        cu->cuEventDestroy(j->event);
        for (uint32_t i = 0; i < j->room_marks; i++) cu->cuEventDestroy(j->marks[i]);
        free(j->marks);
        free(j->ops);
        free(j);
    }
}

/* ------------------------------------------------------------------------------------------- the end -- */

/* A failure while it ran, and an end that the driver does not tell, lose the device. */
static void judge(hal_cuda_job *j, CUresult fate) {
    hal_cuda_device *d = j->queue->device;
    if (fate == CUDA_SUCCESS) return;
    j->failure = HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    snprintf(j->text, sizeof j->text, "%s: %s failed while it ran: %s (%d): %s; it needs %llu bytes, hal has given %llu of %llu",
        d->who, j->program ? "a program" : "a copy", hal_cuda_code_name(&d->cu, fate), fate,
        hal_cuda_code_text(&d->cu, fate), (unsigned long long)j->bytes, (unsigned long long)d->given,
        (unsigned long long)d->memory_bytes);
    hal_cuda_device_lose(d, j->text);
}

/* Under the queue's lock: the job stays the first of the list until the host was told. */
static void end_first(hal_cuda_queue *q, CUresult fate) {
    hal_cuda_job *j = q->first;
    const bool left = q->left;
    q->host_writes -= j->writes_host;
    pthread_mutex_unlock(&q->lock);
    if (!left) {
        judge(j, fate);
        hal_cuda_peer_judge(j);
        if (j->n_marks > 0 && j->failure == HAL_OK) hal_cuda_trace(j);
        q->device->host->complete(q->device->host->context, j->completion, j->failure, j->text);
    }
    empty(j);
    pthread_mutex_lock(&q->lock);
    q->first = j->next;
    if (!q->first) q->last = NULL;
    j->next = q->spare;
    q->spare = j;
    if (!q->first) pthread_cond_broadcast(&q->changed);
}

static CUresult try_to_wait(hal_cuda_queue *q, CUevent event) {
    const hal_cuda_api *cu = &q->device->cu;
    const CUresult e = q->current ? CUDA_SUCCESS : cu->cuCtxSetCurrent(q->device->context);
    q->current = e == CUDA_SUCCESS;
    return e == CUDA_SUCCESS ? cu->cuEventSynchronize(event) : e;
}

/* As hal_cuda_finish: what the work uses may only be used again behind its end, and in a context with an error that stays
   nothing runs. */
static CUresult wait_for(hal_cuda_queue *q, CUevent event, bool *ended) {
    const CUresult e = try_to_wait(q, event), second = e == CUDA_SUCCESS ? e : try_to_wait(q, event);
    *ended = second == CUDA_SUCCESS || hal_cuda_code_is_sticky(second);
    return hal_cuda_code_is_sticky(e) ? e : second;
}

/* Under the queue's lock, as end_first: it stays the first for good. */
static void leave_first(hal_cuda_queue *q, CUresult fate) {
    hal_cuda_job *j = q->first;
    pthread_mutex_unlock(&q->lock);
    judge(j, fate);
    pthread_mutex_lock(&q->lock);
    j->endless = true;
}

void *hal_cuda_job_wait_all(void *queue) {
    hal_cuda_queue *q = queue;
    pthread_mutex_lock(&q->lock);
    while (q->first ? !q->first->endless : !q->stopping) {
        if (!q->first) {
            pthread_cond_wait(&q->changed, &q->lock);
            continue;
        }
        const CUevent event = q->first->event;
        bool ended = false;
        pthread_mutex_unlock(&q->lock);
        const CUresult fate = wait_for(q, event, &ended);
        pthread_mutex_lock(&q->lock);
        if (ended) end_first(q, fate);
        else leave_first(q, fate);
    }
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* ---------------------------------------------------------------------------------------- the beginning -- */

static void append(hal_cuda_job *j) {
    hal_cuda_queue *q = j->queue;
    pthread_mutex_lock(&q->lock);
    if (q->last) q->last->next = j;
    else q->first = j;
    q->last = j;
    q->host_writes += j->writes_host;
    pthread_cond_broadcast(&q->changed);
    pthread_mutex_unlock(&q->lock);
}

CUresult hal_cuda_job_start(hal_cuda_job *j) {
    const CUresult e = j->queue->device->cu.cuEventRecord(j->event, j->queue->stream);
    if (e == CUDA_SUCCESS) append(j);
    return e;
}

bool hal_cuda_job_settle(hal_cuda_job *j) {
    bool ended = false;
    judge(j, hal_cuda_finish(j->queue->device, j->queue->stream, &ended));
    if (ended) return true;
    j->endless = true;
    append(j);
    return false;
}
