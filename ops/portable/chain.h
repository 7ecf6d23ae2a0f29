/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chain.h - a whole description as launches in a row, for a driver.
 *
 * The driver makes a chain of a description, and plans it for values of the symbols; it is asked for a kernel at each launch,
 * and told which of the kernels' arguments hang on bindings. What stays the same between submissions is then set once.
 *
 *   chain = hal_portable_chain_create(&driver, description, &traits);
 *   hal_portable_chain_plan(chain, symbols, deadline);                unless hal_portable_chain_stands
 *   for each step: arguments by value and in scratch memory are set, operands are added with hal_portable_chain_slot
 *   for each submission: bindings are put into the slots; the steps run in order
 *
 * A driver may take an op over, for which it has a library: a step without a launch stands for that, before the launches that
 * the driver planned to follow it.
 *
 * Where a group turns out too large for a kernel (it has only so many registers), traits.group shrinks and all is planned
 * again. One thread at a time.
 */
#ifndef HAL_OPS_PORTABLE_CHAIN_H
#define HAL_OPS_PORTABLE_CHAIN_H

#include "portable.h"

/* hal_portable_step.from of what a driver does itself. */
#define HAL_PORTABLE_TAKEN UINT32_MAX

/* One launch, or what a driver does instead. */
typedef struct hal_portable_step {
    /* The op, and which of its launches; HAL_PORTABLE_TAKEN. */
    uint32_t op, from;
    size_t global[3], group[3];
    /* What it waits for where steps keep no order: chain->waits from there on (hal_portable_chain_order). */
    uint32_t first_wait, n_waits;
} hal_portable_step;

/* Where an operand is an argument: arguments `at` and `at` + 1 of a step get memory and offset of a binding. */
typedef struct hal_portable_slot { uint32_t step, at, binding; uint64_t offset; } hal_portable_slot;

/* Where a binding begins: the number of a block of memory, and bytes from its start. Bindings may share memory, as those of a
   session's arena do. */
typedef struct hal_portable_extent { uint64_t memory, at; } hal_portable_extent;

/* What a chain asks of its driver. */
typedef struct hal_portable_driver {
    const hal_host *host;
    /* Begins each sentence: "opencl: Intel Arc A770". */
    const char *who;
    /* Gets the kernel of the step that was just placed: `entry` of `text`; a step that had one in the last plan may keep it.
       *most: work-items that the device allows in a group of it. */
    hal_status (*prepare)(void *context, uint32_t step, const hal_portable_program *text, const char *entry, size_t *most);
    void *context;
    /* Whether the driver takes over the op whose call this is, as step `step`: a question for each op whenever it is planned.
       The call is empty; scratch memory that the step needs is taken from it, and launches that are to follow are planned
       into it. Where it is not taken, the call is as it was. NULL: none is. */
    hal_status (*take)(void *context, uint32_t step, hal_portable_call *call, bool *taken);
} hal_portable_driver;

typedef struct hal_portable_chain {
    hal_portable_driver driver;
    /* A copy. */
    hal_description *description;
    hal_portable_traits traits;
    /* An op each. */
    hal_portable_call *calls;
    hal_portable_operand *operands;
    hal_portable_step *steps;
    hal_portable_slot *slots;
    /* Indices of steps. */
    uint32_t *waits;
    uint32_t n_steps, room_steps, n_slots, room_slots, n_waits, room_waits;
    /* Arguments of all steps; operands and scratch memory count twice. A step that is taken has its operands and scratch
       memory. */
    uint32_t n_arguments;
    /* What it is planned for. */
    int64_t *symbols;
    bool planned, refit;
    /* A binding each: bytes from its start that are touched with these sizes. */
    uint64_t *touched;
    uint64_t scratch_bytes;
} hal_portable_chain;

/* NULL when out of memory. */
hal_portable_chain *hal_portable_chain_create(const hal_portable_driver *driver, const hal_description *description,
                                              const hal_portable_traits *traits);
void hal_portable_chain_free(hal_portable_chain *chain);
/* Whether it is planned for these values. */
bool hal_portable_chain_stands(const hal_portable_chain *chain, const int64_t *symbols);
/* Makes the steps for these values; slots are gone. After a failure it stands for nothing. */
hal_status hal_portable_chain_plan(hal_portable_chain *chain, const int64_t *symbols, int64_t deadline);
static inline bool hal_portable_chain_is_taken(const hal_portable_chain *chain, uint32_t step) {
    return chain->steps[step].from == HAL_PORTABLE_TAKEN;
}
/* The launch of a step as its planner made it; of one that is not taken. */
static inline const hal_portable_launch *hal_portable_chain_launch(const hal_portable_chain *chain, uint32_t step) {
    return &chain->calls[chain->steps[step].op].launches[chain->steps[step].from];
}
/* Notes that arguments `at` and `at` + 1 of the step are those of `argument`, an operand. */
hal_status hal_portable_chain_slot(hal_portable_chain *chain, uint32_t step, uint32_t at,
                                   const hal_portable_argument *argument);
/*
 * Works out what each step has to wait for where they keep no order: launches of one op follow each other; ops wait for
 * earlier ones that write what they touch, or touch what they write, or use the scratch memory. Bindings that begin elsewhere
 * have other waits; `where` has one each.
 */
hal_status hal_portable_chain_order(hal_portable_chain *chain, const hal_portable_extent *where);

/* Host memory ran out for `what`. */
hal_status hal_portable_no_memory(const hal_portable_driver *driver, const char *what);

/* --- support.c: what a driver of portable kernels answers. `no`: composites are refused. */
void hal_portable_support(const hal_host *host, const hal_portable_traits *traits, bool primitives_only,
                          const hal_description *program, hal_support_answer *answers);
/* HAL_OK, or that op `n` of the program is not supported. */
hal_status hal_portable_check(const hal_portable_driver *driver, const hal_portable_traits *traits, bool primitives_only,
                              const hal_description *program);
/* A guess for want of a measurement, and it says so: bytes at `rate` (bytes a second) and `launch` seconds an op. */
hal_cost hal_portable_cost(const hal_description *program, double rate, double launch);

#endif
