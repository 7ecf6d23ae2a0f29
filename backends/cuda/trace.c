/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans for a trace, from events that take the time. The driver tells the distance of two events in milliseconds, as a float,
 * which is exact for short ones only: so each job is counted from the end of the job before it. What the last mark of a job
 * shows is what the host's clock showed shortly before the job was told; that is what the first is taken for, and a later
 * job that would end in the future, or began before it was known to, moves it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "job.h"

static int64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

void hal_cuda_trace_keep(hal_cuda_job *j, const int64_t *symbols, uint32_t n) {
    const size_t bytes = n * sizeof *symbols;
    j->symbols = bytes ? malloc(bytes) : NULL;
    if (j->symbols) memcpy(j->symbols, symbols, bytes);
}

/* One more than ops: the first mark is the beginning. */
bool hal_cuda_trace_prepare(hal_cuda_job *j, uint32_t n) {
    const uint32_t wanted = n + 1;
    const hal_cuda_api *cu = &j->queue->device->cu;
    if (!cu->cuEventElapsedTime) return false;
    if (wanted <= j->room_marks) return true;
    CUevent *marks = realloc(j->marks, wanted * sizeof *marks);
    if (marks) j->marks = marks;
    uint32_t *ops = realloc(j->ops, wanted * sizeof *ops);
    if (ops) j->ops = ops;
    if (!marks || !ops) return false;
    for (; j->room_marks < wanted; j->room_marks++)
        if (cu->cuEventCreate(&marks[j->room_marks], CU_EVENT_DEFAULT) != CUDA_SUCCESS) return false;
    return true;
}

CUresult hal_cuda_trace_mark(hal_cuda_job *j, uint32_t op) {
    const uint32_t i = j->n_marks;
    const CUresult e = j->queue->device->cu.cuEventRecord(j->marks[i], j->queue->stream);
    if (e != CUDA_SUCCESS) return e;
    j->ops[i] = op;
    j->n_marks++;
    return CUDA_SUCCESS;
}

/* Nanoseconds from one event to another, which both are over. */
static int64_t between(const hal_cuda_device *d, CUevent from, CUevent to) {
    float ms = 0;
    return d->cu.cuEventElapsedTime(&ms, from, to) == CUDA_SUCCESS ? (int64_t)((double)ms * 1e6) : 0;
}

/* When the job's last mark was reached, on the host's clock; the mark is kept for the next job. Under the lock. */
static int64_t end_of(hal_cuda_device *d, hal_cuda_job *j) {
    const int64_t told = now();
    CUevent *last = &j->marks[j->n_marks - 1];
    int64_t end = d->mark ? d->mark_at + between(d, d->mark, *last) : told;
    if (end > told) end = told;
    if (!d->mark && d->cu.cuEventCreate(&d->mark, CU_EVENT_DEFAULT) != CUDA_SUCCESS) d->mark = NULL;
    if (!d->mark) return end;
    const CUevent kept = d->mark;
    d->mark = *last;
    *last = kept;
    d->mark_at = end;
    return end;
}

const char *hal_cuda_trace_name(const hal_cuda_device *d, const hal_description *program, uint32_t op) {
    const hal_description_op *row = &hal_description_ops(program)[op];
    const char *names = (const char *)program + row->names;
    return *names ? names : d->host->op_describe(row->number)->name;
}

/* Times of marks, counted back from the last; none before the one before it. */
void hal_cuda_trace(hal_cuda_job *j) {
    hal_cuda_device *d = j->queue->device;
    const hal_host *host = d->host;
    const char *kind = j->program ? "program" : "copy";
    const uint32_t n = j->n_marks;
    int64_t *at = calloc(n, sizeof *at);
    if (!at) return;
    for (uint32_t i = 0; i < n; i++) at[i] = between(d, j->marks[0], j->marks[i]);
    pthread_mutex_lock(&d->lock);
    const int64_t end = end_of(d, j), begin = end - at[n - 1];
    for (uint32_t i = 0; i < n; i++) {
        at[i] += begin;
        const int64_t least = i > 0 ? at[i - 1] : d->traced_until;
        if (at[i] < least) at[i] = least;
    }
    d->traced_until = at[n - 1];
    pthread_mutex_unlock(&d->lock);
    host->trace_device(host->context, d->index, kind, j->peer ? "peer copy" : kind, at[0], at[n - 1]);
    for (uint32_t i = 1; j->program && i < n; i++)
        host->trace_op(host->context, d->index, j->program->chain->description, j->ops[i], j->symbols, at[i - 1], at[i]);
    free(at);
}
