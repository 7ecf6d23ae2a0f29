/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way in a queue, and how its end is noticed and told. */
#ifndef HAL_BACKENDS_CUDA_JOB_H
#define HAL_BACKENDS_CUDA_JOB_H

#include "staging.h"

/* A piece of a copy that the host makes, when its turn in the stream has come. */
typedef struct hal_cuda_move { void *to; const void *from; size_t bytes; } hal_cuda_move;

/* A program or a copy. The queue's list has them in the order of submission, and they are told in that order. */
typedef struct hal_cuda_job {
    struct hal_cuda_job *next;
    hal_cuda_queue *queue;
    void *completion;
    /* Recorded behind it; kept from job to job. */
    CUevent event;
    /* Fate of work that could not be enqueued whole; HAL_OK otherwise. */
    hal_status failure;
    char text[700];
    /* NULL for a copy. Bytes that it needs, for people who run out of them. */
    const hal_cuda_program *program;
    uint64_t bytes;
    /* A copy's: pinned memory and what the host moves through it; a block of its own that it went through. */
    hal_cuda_staging *staging;
    hal_cuda_move one, *moves;
    CUdeviceptr between;
    /* The other device that it copies from or to. */
    hal_cuda_device *peer;
    bool writes_host;
    /* The driver does not say whether it is over: it and all that it uses are left alone, and nobody is told. */
    bool endless;
    /* Where somebody traces: before the first launch, and behind each op, whose numbers are `ops`; the submission's. */
    CUevent *marks;
    uint32_t *ops, n_marks, room_marks;
    int64_t *symbols;
} hal_cuda_job;

/* One that is free, or a new one; NULL: `code` says why, CUDA_SUCCESS that memory of the host ran out. Under the context. */
hal_cuda_job *hal_cuda_job_take(hal_cuda_queue *queue, CUresult *code);
/* Back to the queue's spares: it was never started, or it is over. Under the context. */
void hal_cuda_job_give(hal_cuda_job *job);
/* Records the end, and tells the host once it is reached. On failure nothing is told, and the job stays the caller's. */
CUresult hal_cuda_job_start(hal_cuda_job *job);
/*
 * A part of it was enqueued and the rest could not be: waits until nothing of it runs any more. False: the driver does not say
 * so. The device is lost then, and the job was started as one without an end, for the host to keep what it uses.
 */
bool hal_cuda_job_settle(hal_cuda_job *job);
/* The thread that waits. */
void *hal_cuda_job_wait_all(void *queue);
/* Frees the spares. */
void hal_cuda_jobs_free(hal_cuda_queue *queue);

/* --- trace.c */

/* What people call op `op` of a program: its names of origin. */
const char *hal_cuda_trace_name(const hal_cuda_device *device, const hal_description *program, uint32_t op);

/* The program's own may be those of a later submission by the time that this one is over. Without memory the trace says less. */
void hal_cuda_trace_keep(hal_cuda_job *job, const int64_t *symbols, uint32_t n);
/* Room for marks of `n` ops; false when there is no memory. */
bool hal_cuda_trace_prepare(hal_cuda_job *job, uint32_t n);
/* The time at this place of the stream is taken; it ends op `op`, or begins the first (UINT32_MAX). */
CUresult hal_cuda_trace_mark(hal_cuda_job *job, uint32_t op);
/* Spans of a job that is over. */
void hal_cuda_trace(hal_cuda_job *job);

#endif
