/* SPDX-License-Identifier: Apache-2.0 */
/* What is under way in a queue, and how its end is noticed and told. */
#ifndef HAL_BACKENDS_OPENCL_JOB_H
#define HAL_BACKENDS_OPENCL_JOB_H

#include "opencl.h"

/* A program or a copy. The queue's list has them in the order of submission, and they are told in that order. */
typedef struct hal_opencl_job {
    struct hal_opencl_job *next;
    hal_opencl_queue *queue;
    void *completion;
    /* Its last event, and how that ended. */
    cl_event event;
    cl_int fate;
    bool over;
    /* Fate of work that could not be enqueued whole; HAL_OK otherwise. */
    hal_status failure;
    char text[400];
    /* NULL for a copy. Bytes that it needs, for people who run out of them. */
    const hal_opencl_program *program;
    uint64_t bytes;
    /* What is left to do before the end is told: a copy out of pinned memory to `target`. */
    void (*after)(struct hal_opencl_job *job);
    void *target;
    hal_opencl_staging *staging;
    /* Of each launch, and which op it is of, where somebody traces or the queue keeps no order; else NULL. `waits` is room
       for a list of as many. */
    cl_event *events, *waits;
    uint32_t *ops, n_events;
    /* What the program was submitted with, where somebody traces; else NULL. */
    int64_t *symbols;
    /* Buffers that stand for memory of others, and live as long as the job. */
    cl_mem *guests;
    uint32_t n_guests;
    /* A guest stays mapped, and so for ever. */
    bool held;
    /* The driver took work of it and does not tell its end: it is over when so many guests are gone. */
    bool forsaken;
    _Atomic uint32_t ties;
    /* It entered the gate, and as what. */
    bool entered, first;
} hal_opencl_job;

/* NULL when out of memory. `n_events`, `n_guests`: room for so many. */
hal_opencl_job *hal_opencl_job_create(hal_opencl_queue *queue, uint32_t n_events, uint32_t n_guests);
/* Frees a job that was never started; accepts NULL. */
void hal_opencl_job_free(hal_opencl_job *job);
/* Tells the host once job->event is over, or, where none could be had, once the guests are gone. */
void hal_opencl_job_start(hal_opencl_job *job);

/* For drivers that do not call back: a thread that waits. */
hal_status hal_opencl_waiter_start(hal_opencl_queue *queue);
void hal_opencl_waiter_stop(hal_opencl_queue *queue);

/* --- trace.c: spans of a job that is over. */
void hal_opencl_trace(const hal_opencl_job *job);

#endif
