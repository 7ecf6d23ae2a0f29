/* SPDX-License-Identifier: Apache-2.0 */
/* Queues: a queue counts what it has running; order comes from the server's single list. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"
#include "wait.h"

typedef struct hal_cpu_queue {
    hal_cpu_device *device;
    pthread_mutex_t lock;
    pthread_cond_t idle;
    uint64_t pending;
    bool abandoned;                      /* its last job frees it */
} hal_cpu_queue;

static void queue_free(hal_cpu_queue *queue) {
    pthread_cond_destroy(&queue->idle);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

hal_status hal_cpu_queue_create(void *device, void **out) {
    hal_cpu_queue *queue = calloc(1, sizeof *queue);
    pthread_condattr_t clock;
    const hal_host *host = ((hal_cpu_device *)device)->state->host;
    if (!queue) {
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                          "cpu: no memory for a queue; free memory and try again");
    }
    queue->device = device;
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->idle, &clock);
    pthread_condattr_destroy(&clock);
    *out = queue;
    return HAL_OK;
}

hal_status hal_cpu_queue_destroy(void *opaque, int64_t deadline) {
    hal_cpu_queue *queue = opaque;
    const hal_host *host = queue->device->state->host;
    struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    pthread_mutex_lock(&queue->lock);
    int late = 0;
    while (queue->pending > 0 && !late) late = pthread_cond_timedwait(&queue->idle, &queue->lock, &until);
    bool busy = queue->pending > 0;
    queue->abandoned = busy;
    pthread_mutex_unlock(&queue->lock);
    if (!busy) {
        queue_free(queue);
        return HAL_OK;
    }
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
                      "cpu: work still ran at the deadline; its memory stays in use until it ends");
}

static void queue_finish(hal_cpu_queue *queue) {
    pthread_mutex_lock(&queue->lock);
    bool last = --queue->pending == 0, abandoned = queue->abandoned;
    if (last) pthread_cond_broadcast(&queue->idle);
    pthread_mutex_unlock(&queue->lock);
    if (last && abandoned) queue_free(queue);
}

/* Text of the failure, or NULL. */
static const char *run_program(hal_cpu_pool *pool, const hal_cpu_job *job, hal_cpu_device *device) {
    hal_cpu_run run;
    const char *failure = hal_cpu_program_place(job->program, job->base, job->symbols, &run);
    if (failure) return failure;
    hal_cpu_pool_run(pool, &run);
    device->ops += hal_cpu_program_ops(job->program);
    if (run.times) hal_cpu_program_trace(job->program, device, &run);
    return NULL;
}

static void run_copy(const hal_cpu_job *job, const hal_cpu_device *device) {
    const hal_host *host = device->state->host;
    int64_t begin = device->state->traced ? hal_wait_now() : 0;
    memmove(job->to, job->from, (size_t)job->bytes);
    if (device->state->traced)
        host->trace_device(host->context, device->index, "copy", "copy", begin, hal_wait_now());
}

void hal_cpu_job_run(hal_cpu_pool *pool, hal_cpu_job *job) {
    hal_cpu_queue *queue = job->queue;
    hal_cpu_device *device = queue->device;
    const hal_host *host = device->state->host;
    const char *failure = NULL;
    if (job->program) failure = run_program(pool, job, device);
    else run_copy(job, device);
    void *completion = job->completion;
    free(job);
    hal_status status = failure ? HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_OUT_OF_MEMORY) : HAL_OK;
    host->complete(host->context, completion, status, failure ? failure : "");
    queue_finish(queue);
}

static char *address_of(const hal_backend_binding *b) {
    char *base = b->memory ? ((hal_cpu_block *)b->memory)->host : b->host;
    return base ? base + b->offset : NULL;
}

static hal_status push(hal_cpu_queue *queue, hal_cpu_job *job) {
    job->queue = queue;
    pthread_mutex_lock(&queue->lock);
    queue->pending++;
    pthread_mutex_unlock(&queue->lock);
    hal_cpu_server_push(queue->device->server, job);
    return HAL_OK;
}

static hal_status refuse(const hal_cpu_queue *queue, hal_code code, const char *text) {
    const hal_host *host = queue->device->state->host;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, code), 0, "%s", text);
}

hal_status hal_cpu_submit(void *opaque, void *compiled, const hal_backend_binding *bindings,
    uint32_t n_bindings,
                          const int64_t *symbols, void *completion) {
    hal_cpu_queue *queue = opaque;
    uint32_t wanted = hal_cpu_program_bindings(compiled), n_symbols = hal_cpu_program_symbols(compiled);
    if (n_bindings != wanted) {
        return refuse(queue, HAL_CODE_INVALID_ARGUMENT,
            "cpu: submission has another number of bindings than the program");
    }
    size_t bytes = sizeof(hal_cpu_job) + wanted * sizeof(char *) + n_symbols * sizeof(int64_t);
    hal_cpu_job *job = malloc(bytes);
    if (!job) return refuse(queue, HAL_CODE_OUT_OF_MEMORY,
        "cpu: no memory for a submission; free memory and try again");
    *job = (hal_cpu_job){.program = compiled, .completion = completion, .n_bindings = wanted, .n_symbols =
        n_symbols};
    job->base = (char **)(void *)(job + 1);
    job->symbols = (int64_t *)(void *)(job->base + wanted);
    for (uint32_t i = 0; i < wanted; i++) job->base[i] = address_of(&bindings[i]);
    if (n_symbols) memcpy(job->symbols, symbols, n_symbols * sizeof(int64_t));
    return push(queue, job);
}

hal_status hal_cpu_copy(void *opaque, const hal_backend_binding *dst, const hal_backend_binding *src,
    uint64_t bytes,
                        void *completion) {
    hal_cpu_queue *queue = opaque;
    hal_cpu_job *job = malloc(sizeof *job);
    if (!job) return refuse(queue, HAL_CODE_OUT_OF_MEMORY,
        "cpu: no memory for a copy; free memory and try again");
    *job = (hal_cpu_job){.completion = completion, .to = address_of(dst), .from = address_of(src), .bytes =
        bytes};
    if (bytes > 0 && (!job->to || !job->from)) {
        free(job);
        return refuse(queue, HAL_CODE_INVALID_ARGUMENT, "cpu: a copy needs an address on both sides");
    }
    return push(queue, job);
}
