/* SPDX-License-Identifier: Apache-2.0 */
/**
 * plan.h - where a graph runs, and running it.
 *
 * A plan is immutable and says where every operator runs, where every value lives, every transfer, the arenas and the reason
 * for each choice. A session is a plan bound to memory.
 *
 * Threads: a plan may be used from any; a session from one at a time. What blocks says so.
 */
#ifndef HAL_PLAN_H
#define HAL_PLAN_H

#include "graph.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Decisions about a graph: placement, decomposition, fusion, transfers, arenas. Holds no memory of a device. */
typedef struct hal_plan hal_plan;
/** A plan with its variables, arenas, queues and compiled programs. */
typedef struct hal_session hal_session;

/* ---------------------------------------------------------------------------------------------------- plan -- */

/** What a plan tries to make small. */
typedef enum hal_goal {
    /** Seconds a step takes. */
    HAL_GOAL_STEP_TIME = 0,
    /** Bytes a step needs at once. */
    HAL_GOAL_MEMORY = 1
} hal_goal;

/**
 * "Everything whose value or op name matches `regex` runs on `device`." POSIX extended; it has to match the whole name, so
 * ".*h[.]0[.].*" is block 0 of a GPT. `device` is an alias ("cpu1"). Both belong to the caller and are copied.
 */
typedef struct hal_pin { const char *regex; const char *device; } hal_pin;

/** Options of hal_plan_create; zero means the default everywhere. */
typedef struct hal_plan_options {
    hal_head head;
    hal_goal goal;
    /** Aliases of the devices that may be used; the first takes what is not pinned. None: "cpu0". */
    const char *const *devices;
    uint32_t n_devices;
    /** Where the caller wants ops to run; the first pin that matches wins. */
    const hal_pin *pins;
    uint32_t n_pins;
    /** For ops a device refuses even decomposed: fail (default), or take the next of `devices` that accepts; the plan keeps
     *  the reason. */
    hal_fallback fallback;
    /** Decompose every composite, as for a backend that has the primitives only. Slow; for proving decompositions. */
    bool primitives_only;
    /** Keep every node apart. Same bits, more memory traffic; for proving fusion. */
    bool no_fusion;
    /** Keep variables that only products read, and nothing assigns, in the layout their device asks for. Same bits; reads and
     *  writes convert. Sessions that share variables need plans that agree on it. */
    bool pack_variables;
} hal_plan_options;

/**
 * Places, decomposes, fuses and packs, in this order: exact simplification, placement on unfused nodes, decomposition for
 * each device, fusion, arenas. The graph is copied as needed and may be released. Memory is checked before anything is
 * allocated.
 * Ownership: one reference. Blocking: activates the devices named, and asks their backends.
 * Errors: NOT_FOUND (device; a pin that matches nothing, naming it), INVALID_ARGUMENT (regex), UNSUPPORTED (op, device,
 * the backend's reason), OUT_OF_MEMORY naming what needs how much and what is there.
 * Cost: linear in nodes, but for the arena, which sorts lifetimes.
 */
HAL_API hal_status hal_plan_create(hal_instance *instance, hal_graph *graph, const hal_plan_options *options, hal_plan **plan);
/** One more reference; returns its argument. */
HAL_API hal_plan *hal_plan_retain(hal_plan *plan);
/** Drops a reference. Sessions keep the plan they were made from. */
HAL_API void hal_plan_release(hal_plan *plan);
/** Human form: devices, ops, transfers, arenas, and the reason for each placement. Errors: IO from the stream. */
HAL_API hal_status hal_plan_print(const hal_plan *plan, FILE *stream);
/**
 * JSON with `schema`; predicted_seconds, lower_bound_seconds and reason are null where unknown: no figure is made up.
 * Errors: OUT_OF_MEMORY, IO.
 */
HAL_API hal_status hal_plan_print_json(const hal_plan *plan, FILE *stream);

/** Figures of a plan. */
typedef struct hal_plan_info {
    /** Nodes after fusion; programs they are compiled to; copies between memories in a step; devices used. */
    uint32_t ops, programs, transfers, devices;
    /** Bytes of intermediate values at once, and of variables, over all devices. */
    uint64_t arena_bytes, variable_bytes;
} hal_plan_info;
/** Fills `info`. Cost: a few loads. */
HAL_API void hal_plan_describe(const hal_plan *plan, hal_plan_info *info);

/* ------------------------------------------------------------------------------------------------- session -- */

/** Options of hal_session_create; zero means the default everywhere. */
typedef struct hal_session_options {
    hal_head head;
    /** Share variables of equal full name, dtype and shape with that session, which is kept alive: how training, evaluation
     *  and generation use one set of weights. Steps of sessions that share are the caller's to order. */
    hal_session *variables_of;
    /** Steps that may run at once, each with an arena of its own; 0 = 1. */
    uint32_t in_flight;
    /** Longest wait of a read or write of a packed variable (hal_plan_options.pack_variables) for the device that converts
     *  it, in milliseconds; then DEADLINE_EXCEEDED. 0 = ten minutes. */
    int64_t convert_ms;
} hal_session_options;

/**
 * Allocates arenas and variables and compiles the programs; nothing is allocated by a step afterwards.
 * Ownership: one reference; the plan is kept. Blocking: allocation and compilation of the backends.
 * Errors: OUT_OF_MEMORY, UNSUPPORTED, DEVICE_LOST; nothing stays allocated then.
 */
HAL_API hal_status hal_session_create(hal_plan *plan, const hal_session_options *options, hal_session **session);
/** One more reference; returns its argument. */
HAL_API hal_session *hal_session_retain(hal_session *session);
/** Drops a reference. The last one waits for running steps a bounded time; what a hung device still uses is kept from reuse. */
HAL_API void hal_session_release(hal_session *session);

/**
 * Content of an input for one step. `tensor` is host memory or a buffer with any strides, 0 and negative ones included; it
 * is borrowed until the step has ended.
 */
typedef struct hal_feed { hal_value value; hal_tensor tensor; } hal_feed;
/** Where an output goes: `tensor` is contiguous host memory of the value's dtype and shape, written until the step ends. */
typedef struct hal_fetch { hal_value value; hal_tensor tensor; } hal_fetch;

/**
 * One step: submit and wait until `deadline`. Symbols take their value from the feeds' sizes.
 * Errors: INVALID_ARGUMENT (feed missing, or of wrong dtype or shape; nothing ran); the first cause of a failed point;
 * DEADLINE_EXCEEDED, after which the step may still end. After a GRAPH failure the session may go on; variables then hold
 * either all of the step's assignments or none of them only if nothing had been assigned yet.
 * Cost: <= 50 microseconds over the backends for 1,000 ops; no allocation, lock or environment lookup an op.
 */
HAL_API hal_status hal_session_run(hal_session *session, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches,
                                   uint32_t n_fetches, int64_t deadline);
/**
 * As hal_session_run without waiting for the end: feeds are read and fetches written until `signals` are reached. The work
 * starts after `waits`; a failed wait fails the signals with its first cause. Never blocks. Errors: as hal_session_run; a
 * step that could be queued only in part fails its signals.
 */
HAL_API hal_status hal_session_submit(hal_session *session, const hal_feed *feeds, uint32_t n_feeds, const hal_fetch *fetches,
                                      uint32_t n_fetches, const hal_point *waits, uint32_t n_waits, const hal_point *signals,
                                      uint32_t n_signals);
/**
 * Copies `bytes` of host memory into the variable of that full name: contiguous, in the logical layout whatever layout the
 * plan chose. Blocking: waits for running steps and the copy.
 * Errors: NOT_FOUND; INVALID_ARGUMENT (`bytes` differ from the variable's); DEVICE_LOST.
 */
HAL_API hal_status hal_session_write(hal_session *session, const char *variable, const void *host, uint64_t bytes);
/** The other way: the variable's content after all steps submitted so far. Blocking and errors as hal_session_write. */
HAL_API hal_status hal_session_read(hal_session *session, const char *variable, void *host, uint64_t bytes);

#ifdef __cplusplus
}
#endif
#endif
