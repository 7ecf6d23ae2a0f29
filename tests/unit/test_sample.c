/* SPDX-License-Identifier: Apache-2.0 */
/* Medians, their intervals, and runs that are left out. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tools/hal-bench/sample.h"

static void one_number_is_its_own_median(void **state)
{
    (void)state;
    double x[] = {3};
    bench_summary s = bench_summarise(x, 1);
    assert_true(s.median == 3 && s.ci95 == 0 && s.runs == 1 && s.rejected == 0);
}

static void disturbed_runs_are_left_out_and_counted(void **state)
{
    (void)state;
    double x[20];
    for (int i = 0; i < 20; i++)
        x[i] = 1 + 0.001 * i;
    x[7] = 100;
    x[13] = 1e-9;
    bench_summary s = bench_summarise(x, 20);
    assert_int_equal(s.rejected, 2);
    assert_int_equal(s.runs, 18);
    assert_true(s.median > 1 && s.median < 1.02 && s.ci95 > 0 && s.ci95 < 0.01);
}

static void equal_runs_have_no_interval(void **state)
{
    (void)state;
    double x[100];
    for (int i = 0; i < 100; i++)
        x[i] = 2;
    bench_summary s = bench_summarise(x, 100);
    assert_true(s.median == 2 && s.ci95 == 0 && s.rejected == 0 && s.runs == 100);
}

/* Of 400 series of uniform numbers some 95 % of the intervals hold the true median: the bounds are four deviations wide. */
static void intervals_hold_the_median_as_often_as_they_say(void **state)
{
    (void)state;
    int held = 0;
    srand(7);
    for (int series = 0; series < 400; series++) {
        double x[51];
        for (int i = 0; i < 51; i++)
            x[i] = 1 + rand() / (double)RAND_MAX;
        bench_summary s = bench_summarise(x, 51);
        held += fabs(s.median - 1.5) <= 2 * s.ci95;
        assert_true(s.ci95 > 0.02 && s.ci95 < 0.4);
    }
    assert_true(held >= 362);
}

static hal_status slow(void *context, double *seconds)
{
    ++*(size_t *)context;
    *seconds = 0.5;
    return HAL_OK;
}

static hal_status failing(void *context, double *seconds)
{
    *seconds = 0.5;
    return ++*(size_t *)context == 5 ? HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_IO) : HAL_OK;
}

static void effort_bounds_the_runs(void **state)
{
    (void)state;
    size_t calls = 0;
    bench_summary s;
    assert_int_equal(bench_repeat(slow, &calls, &(bench_effort){10, 1, 100}, &s), HAL_OK);
    assert_int_equal(calls, 11); /* one to warm up */
    calls = 0;
    assert_int_equal(bench_repeat(slow, &calls, &(bench_effort){10, 20, 100}, &s), HAL_OK);
    assert_int_equal(calls, 41);
    calls = 0;
    assert_int_equal(bench_repeat(slow, &calls, &(bench_effort){10, 1, 1}, &s), HAL_OK);
    assert_int_equal(calls, 4);
}

static void the_first_failure_ends_it(void **state)
{
    (void)state;
    size_t calls = 0;
    bench_summary s = {.runs = 77};
    assert_int_equal(hal_status_code(bench_repeat(failing, &calls, &(bench_effort){10, 1, 100}, &s)), HAL_CODE_IO);
    assert_int_equal(calls, 5);
    assert_int_equal(s.runs, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_number_is_its_own_median),
        cmocka_unit_test(disturbed_runs_are_left_out_and_counted),
        cmocka_unit_test(equal_runs_have_no_interval),
        cmocka_unit_test(intervals_hold_the_median_as_often_as_they_say),
        cmocka_unit_test(effort_bounds_the_runs),
        cmocka_unit_test(the_first_failure_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
