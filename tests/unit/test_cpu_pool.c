/* SPDX-License-Identifier: Apache-2.0 */
/* The pool of the cpu backend: every chunk once, steps in order, whatever the number of workers and whether
   they sleep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* the pool belongs to a plugin, which exports nothing: the test is built with its source */
#include "backends/cpu/pool.c"

#define CHUNKS 257
#define STEPS 200

static _Atomic int ran[STEPS][CHUNKS];
static _Atomic int too_early;
static hal_cpu_call calls[STEPS];
static hal_cpu_step steps[STEPS];

/* Counts itself, and looks whether all chunks of the step before have run. */
static void count_chunk(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    int64_t step = call - calls;
    for (int64_t i = 0; step > 0 && i < steps[step - 1].chunks; i++) too_early += ran[step - 1][i] != 1;
    *(int64_t *)scratch = chunk;
    ran[step][chunk]++;
    too_early += *(int64_t *)scratch != chunk;   /* somebody else used our scratch */
}

static void run_all(hal_cpu_pool *pool) {
    static char scratch[64 * 8];
    for (int64_t s = 0; s < STEPS; s++) {
        steps[s] = (hal_cpu_step){&calls[s], count_chunk, s % 3 == 0 ? 1 : s % 3 == 1 ? 7 : CHUNKS};
        for (int64_t i = 0; i < CHUNKS; i++) ran[s][i] = 0;
    }
    hal_cpu_pool_run(pool, &(hal_cpu_run){steps, STEPS, scratch, 64, NULL});
    for (int64_t s = 0; s < STEPS; s++) {
        for (int64_t i = 0; i < CHUNKS; i++) assert_int_equal(ran[s][i], i < steps[s].chunks);
    }
    assert_int_equal(too_early, 0);
}

static void every_chunk_runs_once_and_in_order(void **state) {
    (void)state;
    for (int64_t workers = 1; workers <= 8; workers = workers * 2) {
        hal_cpu_pool *pool = hal_cpu_pool_create(workers, NULL, NULL);
        assert_non_null(pool);
        assert_int_equal(hal_cpu_pool_workers(pool), workers);
        for (int repeat = 0; repeat < 5; repeat++) run_all(pool);
        hal_cpu_pool_destroy(pool);
    }
}

static void workers_that_sleep_wake_up(void **state) {
    (void)state;
    hal_cpu_pool *pool = hal_cpu_pool_create(3, NULL, NULL);
    assert_non_null(pool);
    for (int repeat = 0; repeat < 10; repeat++) {
        struct timespec pause = {0, 2000000};
        nanosleep(&pause, NULL);
        run_all(pool);
    }
    hal_cpu_pool_destroy(pool);
}

static void an_empty_run_returns(void **state) {
    (void)state;
    hal_cpu_pool *pool = hal_cpu_pool_create(2, NULL, NULL);
    assert_non_null(pool);
    hal_cpu_pool_run(pool, &(hal_cpu_run){steps, 0, NULL, 0, NULL});
    hal_cpu_pool_destroy(pool);
    hal_cpu_pool_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_chunk_runs_once_and_in_order),
        cmocka_unit_test(workers_that_sleep_wake_up),
        cmocka_unit_test(an_empty_run_returns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
