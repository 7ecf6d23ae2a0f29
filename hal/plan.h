/* SPDX-License-Identifier: Apache-2.0 */
/**
 * plan.h - where a graph runs, and running it.
 *
 * A plan is immutable and says where every operator runs, where every value lives, every transfer, the arenas and the reason
 * for each choice. A session is a plan bound to memory.
 */
#ifndef HAL_PLAN_H
#define HAL_PLAN_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hal_plan hal_plan;
typedef struct hal_session hal_session;

/** What a plan tries to make small. */
typedef enum hal_goal { HAL_GOAL_STEP_TIME = 0, HAL_GOAL_MEMORY = 1 } hal_goal;

/** "Everything whose value or op name matches `regex` (POSIX extended, the whole name) runs on `device`." */
typedef struct hal_pin { const char *regex; const char *device; } hal_pin;

/** Options of hal_plan_create; zero means the default everywhere. */
typedef struct hal_plan_options {
    hal_head head;
    hal_goal goal;
    const char *const *devices; uint32_t n_devices;  /**< aliases; the first takes what is not pinned. None: "cpu0" */
    const hal_pin *pins;        uint32_t n_pins;     /**< the first that matches wins */
    hal_fallback fallback;                           /**< for ops the device refuses even decomposed: default forbid */
    bool primitives_only;                            /**< decompose every composite */
    bool no_fusion;
} hal_plan_options;

/**
 * Places, decomposes, fuses and packs. The graph is copied as needed and may be released. Checks memory before anything is
 * allocated. Errors: NOT_FOUND (device; a pin that matches nothing, naming it), INVALID_ARGUMENT (regex), UNSUPPORTED (op,
 * device, reason), OUT_OF_MEMORY naming what needs how much and what is there. Blocking: activates the devices named.
 */
HAL_API hal_status hal_plan_create(hal_instance *instance, hal_graph *graph, const hal_plan_options *options, hal_plan **plan);
HAL_API hal_plan *hal_plan_retain(hal_plan *plan);
HAL_API void hal_plan_release(hal_plan *plan);
/** Human form: devices, ops, transfers, arenas, reasons. */
HAL_API hal_status hal_plan_print(const hal_plan *plan, FILE *stream);
/** JSON with `schema`; predicted_seconds, lower_bound_seconds and reason are null where unknown. */
HAL_API hal_status hal_plan_print_json(const hal_plan *plan, FILE *stream);

/** Figures of a plan. */
typedef struct hal_plan_info { uint32_t ops, programs, transfers, devices; uint64_t arena_bytes, variable_bytes; } hal_plan_info;
HAL_API void hal_plan_describe(const hal_plan *plan, hal_plan_info *info);

/** Options of hal_session_create. */
typedef struct hal_session_options {
    hal_head head;
    hal_session *variables_of;   /**< share variables of equal full name, dtype and shape with that session (kept alive) */
    uint32_t in_flight;          /**< steps that may run at once, each with its arena; 0 = 1 */
} hal_session_options;

/** Allocates arenas and variables and compiles the programs. Errors: OUT_OF_MEMORY, UNSUPPORTED, DEVICE_LOST. */
HAL_API hal_status hal_session_create(hal_plan *plan, const hal_session_options *options, hal_session **session);
HAL_API hal_session *hal_session_retain(hal_session *session);
HAL_API void hal_session_release(hal_session *session);

/** Content of an input for one step; `tensor` is host memory or a buffer, any strides. */
typedef struct hal_feed { hal_value value; hal_tensor tensor; } hal_feed;
/** Where an output goes: `tensor` is contiguous host memory of the value's dtype and shape. */
typedef struct hal_fetch { hal_value value; hal_tensor tensor; } hal_fetch;

/** One step: submit and wait. Symbols take their value from the feeds' sizes. Errors: INVALID_ARGUMENT (feed missing or of
 *  wrong dtype or shape), the first cause of a failed point, DEADLINE_EXCEEDED. After a GRAPH failure the session may go on;
 *  variables then hold either all of the step's assignments or none of them only if nothing had been assigned yet. */
HAL_API hal_status hal_session_run(hal_session *session, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches,
                                   uint32_t n_fetches, int64_t deadline);
/** As hal_session_run without waiting for the end; feeds are read and fetches written until `signals` are reached. */
HAL_API hal_status hal_session_submit(hal_session *session, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches,
                                      uint32_t n_fetches, const hal_point *waits, uint32_t n_waits, const hal_point *signals,
                                      uint32_t n_signals);
/** Copies host memory into the variable of that full name, or out of it; contiguous, the logical layout. Waits for running
 *  steps. Errors: NOT_FOUND, INVALID_ARGUMENT (bytes differ from the variable's). */
HAL_API hal_status hal_session_write(hal_session *session, const char *variable, const void *host, uint64_t bytes);
HAL_API hal_status hal_session_read(hal_session *session, const char *variable, void *host, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
