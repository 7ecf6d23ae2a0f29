/* SPDX-License-Identifier: Apache-2.0 */
/* Repeated timing of one thing, and what the repetitions say together.
 *
 * The figure is the median, never the mean: one run that the machine disturbed must not move it. Its 95 % interval is the
 * one between order statistics, which assumes nothing of the distribution: of n sorted runs the true median lies between
 * those of rank n/2 -+ 0.98 sqrt(n) with that probability (Conover, Practical Nonparametric Statistics, 3.2). Runs further
 * from the median than five times the scaled median absolute deviation are left out and counted.
 */
#ifndef HAL_BENCH_SAMPLE_H
#define HAL_BENCH_SAMPLE_H

#include <hal/hal.h>
#include <stddef.h>

/* How long to repeat. */
typedef struct bench_effort {
    size_t least_runs;    /* at least 10 make an interval */
    double least_seconds; /* of all runs together */
    double most_seconds;  /* after which it ends even with fewer runs, but never below 3 */
} bench_effort;

/* What they say. */
typedef struct bench_summary {
    double median, ci95; /* seconds; half the width of the interval */
    size_t runs, rejected;
} bench_summary;

/* One run, timed by itself. */
typedef hal_status (*bench_run)(void *context, double *seconds);

enum { BENCH_MOST_RUNS = 4096 };

/* Median of n numbers, which are sorted in place; 0 of none. */
double bench_median(double *numbers, size_t n);
/* The summary of n > 0 numbers, which are sorted in place. */
bench_summary bench_summarise(double *numbers, size_t n);
/* One run to warm up, then runs as `effort` says. Ends with the first that fails. */
hal_status bench_repeat(bench_run run, void *context, const bench_effort *effort, bench_summary *summary);

#endif
