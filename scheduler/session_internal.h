/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a session, shared by session*.c.
 *
 * The steps of a plan run one after the other. What is queued forms a chain over the session's timeline: each
 * link waits for the one before it and signals the next point. Also on one queue, which keeps order by itself
 * but not failures: what follows a failed link must not run.
 */
#ifndef HAL_SCHEDULER_SESSION_INTERNAL_H
#define HAL_SCHEDULER_SESSION_INTERNAL_H

#include "plan_internal.h"

/* Memory of one step in flight. */
typedef struct hal_session_slot {
    hal_buffer **arenas; /* by arena; NULL for the host's */
    void *host;          /* the arena of HAL_MEMORY_HOST */
    hal_binding *where;  /* by storage: where it lies in the present step */
    hal_binding *from;   /* by storage of an input: where its content comes from */
    void **staged;
    uint64_t *staged_bytes; /* by storage: row-major copies of strided feeds, made on first need */
} hal_session_slot;

/* The programs of all steps for one set of symbol values. */
typedef struct hal_variant {
    int64_t *symbols;
    hal_program **programs;
} hal_variant;

/* What still has to be queued in the step under way. */
typedef struct hal_chain {
    uint32_t left; /* links still to come, the present one included */
    const hal_point *waits;
    uint32_t n_waits;
    const hal_point *signals;
    uint32_t n_signals;
} hal_chain;

struct hal_session {
    atomic_uint references;
    hal_plan *plan;
    const hal_allocator *allocator;
    hal_session *parent;    /* whose variables are shared */
    hal_queue **queues;     /* by device of the plan */
    hal_buffer **variables; /* by storage */
    bool *shared;           /* by storage: the variable is the parent's */
    hal_session_slot *slots;
    uint32_t n_slots;
    hal_variant *variants;
    uint32_t n_variants, variants_capacity;
    bool one_variant; /* symbols do not change the programs */
    uint32_t *required;
    uint32_t n_required; /* values of inputs that have to be fed */
    uint64_t *fed;       /* by value: the step that fed it last */
    int64_t *symbols;
    bool *resolved;        /* by symbol */
    hal_binding *bindings; /* room for those of any program */
    hal_point *points;
    uint32_t n_points; /* room for waits and signals */
    hal_timeline *timeline;
    uint64_t point; /* point: of the last link queued */
    uint64_t step;  /* steps begun */
    int64_t convert_ms; /* longest wait for a packed variable to be converted */
};

/* session_bind.c: checks feeds and fetches, gives symbols their values, sets `where`; `copies` is what has to
 * be copied out. */
hal_status hal_session_resolve(hal_session *session, const hal_feed *feeds, uint32_t n);
hal_status hal_session_bind_feeds(hal_session *session, hal_session_slot *slot, const hal_feed *feeds,
                                  uint32_t n, const hal_chain *chain);
hal_status hal_session_bind_fetches(hal_session *session, hal_session_slot *slot, const hal_fetch *fetches,
                                    uint32_t n, uint32_t *copies);
/* Where a feed's or fetch's bytes begin, and the storage of the plan it belongs to (HAL_NONE: not needed). */
hal_binding hal_session_binding(const hal_tensor *tensor);
uint32_t hal_session_storage(const hal_session *session, uint32_t value, bool fetch);
bool hal_session_same(hal_binding a, hal_binding b);
/* Default place of a storage in a slot. */
hal_binding hal_session_place(const hal_session *session, const hal_session_slot *slot, uint32_t storage);
/* Bytes of a storage under the present symbols. */
uint64_t hal_session_bytes(const hal_session *session, uint32_t storage);
/* Device of the plan that has that memory, 0 when none does. */
uint32_t hal_session_device(const hal_session *session, uint32_t memory);
/* session.c: waits for all steps of the session and of those it shares variables with; failures are not
 * reported. */
hal_status hal_session_settle(hal_session *session);
/* session_layout.c: the content of an opaque variable, from and to row-major bytes; bytes > 0. */
hal_status hal_session_pack(hal_session *session, uint32_t storage, const void *host, uint64_t bytes);
hal_status hal_session_unpack(hal_session *session, uint32_t storage, void *host, uint64_t bytes);
/* Programs for the present symbols. */
hal_status hal_session_variant(hal_session *session, hal_program ***programs);

#endif
