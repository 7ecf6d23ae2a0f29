/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a trace holds until it is written: events with texts of their own, because programs and graphs may be
 * gone by then. trace.c records, trace_json.c writes.
 */
#ifndef HAL_TRACE_H
#define HAL_TRACE_H

#include "object.h"

/* HAL_TRACE_SPAN lies on a track, where spans nest or follow each other. HAL_TRACE_BEGIN and HAL_TRACE_END of
   one `id` may overlap with anything. */
enum { HAL_TRACE_SPAN, HAL_TRACE_BEGIN, HAL_TRACE_END };

#define HAL_TRACE_NO_TEXT UINT32_MAX

/* Texts are indices; `id` counts calls. Of an op, which operator and dtype it is, and its work, negative where that is not
   known; of other spans no texts. */
typedef struct hal_trace_event {
    uint32_t track, category, name, id, kind;
    uint32_t op, dtype;
    int64_t begin, end;
    hal_work work;
} hal_trace_event;

struct hal_trace {
    pthread_mutex_t lock;
    FILE *file; /* NULL once written */
    hal_trace_event *events;
    uint32_t count, capacity, calls;
    char **texts;
    uint32_t n_texts, texts_capacity;
    uint32_t *table; /* of text indices + 1 by hash; 0: free */
    uint32_t slots;  /* in the table, a power of two */
    uint64_t dropped;
};

/* An op of a program on the track of a device; `symbols` NULL: not known. */
void hal_trace_op(hal_instance *instance, const char *track, const hal_description *program, uint32_t op,
                  const int64_t *symbols, int64_t begin_ns, int64_t end_ns);

/* Prints everything; under the lock. */
void hal_trace_print(hal_trace *trace);

#endif
