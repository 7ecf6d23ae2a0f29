/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work in a child process: what may crash, hang or lie is done by the helper hal-probe. Its standard output and error are
 * chatter of which the last line is its verdict; what it found out stands on its descriptor 3 and is called the payload.
 */
#ifndef HAL_PROBE_H
#define HAL_PROBE_H

#include "hal/core.h"

/* Descriptor of the child that the payload is written to. */
#define HAL_PROBE_PAYLOAD 3
/* A payload that is longer fails the task. */
#define HAL_PROBE_MOST (64u << 20)

/* How a task ended. */
typedef enum hal_probe_end {
    HAL_PROBE_UNSTARTED, /* the helper cannot be started */
    HAL_PROBE_ANSWERED,  /* well: the payload is whole */
    HAL_PROBE_REFUSED,   /* the helper said why not */
    HAL_PROBE_DIED,      /* of a signal, or without a verdict */
    HAL_PROBE_LATE,      /* killed at its deadline */
    HAL_PROBE_LEFT       /* at its deadline, and it does not even die: it was left */
} hal_probe_end;

/* One run of `hal-probe VERB SUBJECT`. */
typedef struct hal_probe_task {
    const char *verb, *subject;
    int64_t deadline;    /* of this one */
    hal_probe_end end;   /* from here on: results */
    hal_status status;   /* its cause; HAL_OK only when answered */
    char text[320];      /* what went wrong, "" when nothing did */
    int64_t nanoseconds; /* from start to verdict or death */
    char *payload;       /* NULL or ends in NUL; unless answered, what came before the end; freed with hal_deallocate */
    size_t bytes;
} hal_probe_task;

/* Runs all of them side by side until each has ended or passed its deadline, plus some 400 ms for those that must be killed.
   Nothing here fails: see the tasks. */
void hal_probe_all(const hal_allocator *allocator, hal_probe_task *tasks, uint32_t count);
/* Runs one. The payload is freed with hal_deallocate. Errors: UNAVAILABLE, it said why not or cannot be started; INTERNAL, it
   died; DEADLINE_EXCEEDED; OUT_OF_MEMORY, also for a payload that is too long. */
hal_status hal_probe_ask(const hal_allocator *allocator, const char *verb, const char *subject, int64_t deadline,
                         char **payload, size_t *bytes);
/* The helper: HAL_PROBE or the installed one. */
const char *hal_probe_path(void);

#endif
