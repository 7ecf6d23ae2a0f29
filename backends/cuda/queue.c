/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: a stream each, and a thread that waits for its work. Nobody else waits but the destroyer, until his deadline. */
#include <stdlib.h>
#include <time.h>

#include "job.h"

static hal_cuda_queue *create(hal_cuda_device *device) {
    pthread_condattr_t clock;
    hal_cuda_queue *q = calloc(1, sizeof *q);
    if (!q) return NULL;
    q->device = device;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&q->changed, &clock);
    pthread_condattr_destroy(&clock);
    return q;
}

/* Under the context; its thread is not there (any more). */
static void queue_free(hal_cuda_queue *q) {
    hal_cuda_jobs_free(q);
    if (q->stream) q->device->cu.cuStreamDestroy(q->stream);
    pthread_cond_destroy(&q->changed);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static hal_status start(hal_cuda_queue *q) {
    const hal_host *host = q->device->host;
    const CUresult e = q->device->cu.cuStreamCreate(&q->stream, CU_STREAM_NON_BLOCKING);
    if (e != CUDA_SUCCESS) {
        q->stream = NULL;
        return hal_cuda_fail(q->device, e, "cuStreamCreate");
    }
    const int rc = pthread_create(&q->waiter, NULL, hal_cuda_job_wait_all, q);
    if (rc == 0) return HAL_OK;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), rc,
        "%s: no thread for a queue (error %d); raise the limit of threads", q->device->who, rc);
}

hal_status hal_cuda_queue_create(void *device, void **queue) {
    hal_cuda_device *d = device;
    HAL_TRY(hal_cuda_enter(d));
    hal_cuda_queue *q = create(d);
    const hal_status status = q ? start(q) : hal_cuda_no_memory(d->host, "a queue");
    if (status == HAL_OK) *queue = q;
    else if (q) queue_free(q);
    hal_cuda_leave(d);
    return status;
}

/* Waits for all jobs to be told; false: some were not at the deadline, or never will be, and nothing is told any more. */
static bool drain(hal_cuda_queue *q, int64_t deadline) {
    const struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&q->lock);
    while (q->first && !q->first->endless && rc == 0) rc = pthread_cond_timedwait(&q->changed, &q->lock, &until);
    q->left = q->first != NULL;
    q->stopping = true;
    pthread_cond_broadcast(&q->changed);
    const bool done = !q->left;
    pthread_mutex_unlock(&q->lock);
    return done;
}

hal_status hal_cuda_queue_destroy(void *queue, int64_t deadline) {
    hal_cuda_queue *q = queue;
    hal_cuda_device *d = q->device;
    const hal_host *host = d->host;
    if (!drain(q, deadline)) {
        d->stuck++;
        pthread_detach(q->waiter);
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
            "%s: work still ran at the deadline, or the driver does not say whether it does; its memory stays in use until the process ends", d->who);
    }
    pthread_join(q->waiter, NULL);
    const bool current = hal_cuda_return(d);
    queue_free(q);
    if (current) hal_cuda_leave(d);
    return HAL_OK;
}
