/* SPDX-License-Identifier: Apache-2.0 */
/* What the eager cache keeps of one kind of call: a program, or a session where the device runs the op only
 * in parts. */
#ifndef HAL_SCHEDULER_RUN_ENTRY_H
#define HAL_SCHEDULER_RUN_ENTRY_H

#include <hal/plan.h>
#include <pthread.h>
#include <stdatomic.h>

#include "run_key.h"

typedef struct hal_run_entry {
    atomic_uint references;
    const hal_allocator *allocator;
    uint64_t hash, *words;
    uint32_t n_words;     /* the key */
    hal_program *program; /* NULL: the session */
    pthread_mutex_t lock; /* one thread at a time in the session */
    hal_session *session;
    uint64_t bytes; /* of device memory that the session holds */
    const hal_graph *graph;               /* names the graph the session was planned from */
    uint32_t value[HAL_RUN_MAX_TENSORS];  /* of that graph, by tensor; 0: absent */
    uint64_t before[HAL_RUN_MAX_TENSORS]; /* bytes below the first element that negative strides reach */
} hal_run_entry;

/* Checks the call, asks the device and compiles. */
hal_status hal_run_entry_create(const hal_run_call *call, const hal_run_key *key, hal_run_entry **entry);
void hal_run_entry_release(hal_run_entry *entry);

#endif
