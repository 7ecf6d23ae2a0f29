/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/sample.h"

#include <math.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *numbers, size_t n) {
    qsort(numbers, n, sizeof *numbers, ascending);
    return n ? numbers[n / 2] : 0;
}

/* Of a normal distribution the deviation is 1.4826 times the median absolute one. */
static const double MAD_SCALE = 1.4826, FAR = 5, TICKS = 50e-9;

/* The largest distance from the median that still counts. Equal numbers have no spread, so a share of the median and a few
   ticks of the clock are always allowed. */
static double reach(const double *sorted, size_t n) {
    double away[BENCH_MOST_RUNS];
    const double middle = sorted[n / 2];
    for (size_t i = 0; i < n; i++) away[i] = fabs(sorted[i] - middle);
    return fmax(FAR * MAD_SCALE * bench_median(away, n), fmax(0.02 * middle, TICKS));
}

static double half_width(const double *sorted, size_t n) {
    const double middle = (double)n / 2, spread = 0.98 * sqrt((double)n);
    const double low = floor(middle - spread), high = ceil(middle + spread);
    const size_t first = low > 0 ? (size_t)low : 0, last = high < (double)(n - 1) ? (size_t)high : n - 1;
    return (sorted[last] - sorted[first]) / 2;
}

bench_summary bench_summarise(double *numbers, size_t n) {
    if (n > BENCH_MOST_RUNS) n = BENCH_MOST_RUNS;
    const double middle = bench_median(numbers, n), limit = reach(numbers, n);
    size_t first = 0, end = n;
    while (middle - numbers[first] > limit) first++;
    while (numbers[end - 1] - middle > limit) end--;
    const size_t kept = end - first;
    return (bench_summary){.median = numbers[first + kept / 2], .ci95 = half_width(numbers + first, kept), .runs = kept, .rejected = n - kept};
}

static bool enough(const bench_effort *effort, size_t runs, double seconds) {
    if (runs == BENCH_MOST_RUNS) return true;
    if (runs >= 3 && seconds >= effort->most_seconds) return true;
    return runs >= effort->least_runs && seconds >= effort->least_seconds;
}

hal_status bench_repeat(bench_run run, void *context, const bench_effort *effort, bench_summary *summary) {
    double numbers[BENCH_MOST_RUNS], total = 0, seconds;
    size_t n = 0;
    HAL_TRY(run(context, &seconds));
    while (!enough(effort, n, total)) {
        HAL_TRY(run(context, &seconds));
        numbers[n++] = seconds;
        total += seconds;
    }
    *summary = bench_summarise(numbers, n);
    return HAL_OK;
}
