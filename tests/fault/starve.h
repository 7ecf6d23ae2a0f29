/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Failing allocations, and what every entry point is tried on. All memory of libhal comes from one file, which
 * asks either the caller's allocator or malloc: the meter stands behind both. A program that uses this is
 * linked with --wrap=malloc,--wrap=aligned_alloc and -export-dynamic.
 */
#ifndef HAL_TESTS_FAULT_STARVE_H
#define HAL_TESTS_FAULT_STARVE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hal/backend.h>
#include <hal/core.h>
#include <hal/plan.h>

/* Counts while armed, and refuses the `fail_at`-th allocation, or that one and all later ones. Threads of hal
 * may come in. `live`: blocks of the allocator that were not released. */
typedef struct meter {
    _Atomic int64_t asked, live;
    int64_t fail_at;
    bool armed, for_ever;
} meter;
extern meter starve_meter;

/* How a table is run: through the caller's allocator, or malloc; one failure, or every one from there on. */
typedef struct starve_mode {
    const hal_allocator *allocator;
    bool for_ever;
} starve_mode;

/* Objects that an entry point may be given; whatever is set is released after each trial. */
typedef struct world {
    const hal_allocator *allocator;
    hal_instance *instance;
    hal_device *device;
    hal_buffer *buffer;
    hal_queue *queue;
    hal_timeline *timeline;
    hal_program *program;
    hal_graph *graph, *other;
    hal_plan *plan;
    hal_session *session;
    hal_value x, y, z, f, loss; /* of the graph: y = x * x, z holds indices, f = 0.5 */
    const hal_case *c;          /* of the operator that is tried */
    hal_value in[16], out[16];
    uint64_t point;
    char text[4096];
    float numbers[64];
} world;

/* An entry point: what stands before it, and the call. `act` is called while memory fails and once more after:
 * then it must succeed, unless what failed is remembered by the graph (`sticky`). It checks that nothing was
 * written on failure, releases what it made, and returns the status. */
typedef struct entry {
    const char *name;
    hal_status (*prepare)(world *w);
    hal_status (*act)(world *w);
    bool sticky;
} entry;

/* Before the first trial: finds the backend, whose own calls of malloc count too. */
int starve_setup(void **state);
/* Tries `e` with each allocation failing in turn; the number of allocations it makes. */
int64_t starve(const entry *e, const hal_case *c, starve_mode mode);
/* All entries in the four modes; a cmocka test. */
void starve_all(const entry *entries, size_t n);

/* prepare */
hal_status with_nothing(world *w);
hal_status with_instance(world *w);
hal_status with_device(world *w);
hal_status with_buffer(world *w);
hal_status with_queue(world *w);
hal_status with_graph(world *w);
hal_status with_case(world *w);
hal_status with_model(world *w); /* a graph with two variables, its gradient and AdamW */
hal_status with_plan(world *w);
hal_status with_session(world *w);

/* For `act`: calls `call`, which writes `made` on success; then releases it, else checks that it was left. */
#define ACT_MAKES(type, call, release) \
    type *const untouched = (type *)(void *)&starve_meter; \
    type *made = untouched; \
    hal_status status = (call); \
    if (status == HAL_OK) \
        release(made); \
    else \
        assert_ptr_equal(made, untouched); \
    return status

#endif
