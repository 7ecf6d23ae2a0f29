/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index arithmetic over dense row-major arrays, shared by the reference files.
 */
#ifndef HAL_OPS_REFERENCE_ARRAY_H
#define HAL_OPS_REFERENCE_ARRAY_H

#include <hal/core.h>
#include <math.h>

#include "../row.h"

/* Magnitude with the growth of an accumulation of k terms. */
static inline double hal_grown(double magnitude, int64_t k) {
    return magnitude * sqrt(k > 1 ? (double)k : 1.0);
}

/* Adds v to sum; what the rounding lost goes to *lost, to be added at the end (Neumaier). Equal terms round
   alike: without this a long sum of them is further from the truth than the bound of f64 allows. */
static inline double hal_reference_add(double sum, double v, double *lost) {
    double next = sum + v;
    double error = fabs(sum) >= fabs(v) ? (sum - next) + v : (v - next) + sum;
    if (isfinite(error)) *lost += error;
    return next;
}

static inline bool hal_array_present(const hal_reference_call *call, uint32_t i) {
    return i < call->n_in && call->in[i].dtype != HAL_NO_DTYPE;
}

static inline uint32_t hal_axis_of(int64_t axis, uint32_t rank) {
    return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
}

/* Product of sizes [from, to). */
static inline int64_t hal_array_span(const hal_array *a, uint32_t from, uint32_t to) {
    int64_t n = 1;
    for (uint32_t d = from; d < to; d++) n *= a->size[d];
    return n;
}

/* Size of the innermost axis; 1 for rank 0. */
static inline int64_t hal_array_inner(const hal_array *a) { return a->rank ? a->size[a->rank - 1] : 1; }

/* Number of innermost rows. */
static inline int64_t hal_array_rows(const hal_array *a) {
    return a->rank ? hal_array_span(a, 0, a->rank - 1) : 1;
}

/* Strides in elements. */
static inline void hal_array_strides(const hal_array *a, int64_t *stride) {
    int64_t s = 1;
    for (uint32_t d = a->rank; d-- > 0;) {
        stride[d] = s;
        s *= a->size[d];
    }
}

/* Index of element `linear` on every axis. */
static inline void hal_array_unravel(const hal_array *a, int64_t linear, int64_t *index) {
    for (uint32_t d = a->rank; d-- > 0;) {
        index[d] = linear % a->size[d];
        linear /= a->size[d];
    }
}

/* Element of `a` that lies under index `index` of an array of `rank` axes `a` is broadcast to. */
static inline int64_t hal_array_broadcast_index(const hal_array *a, const int64_t *index, uint32_t rank) {
    int64_t linear = 0;
    for (uint32_t d = 0; d < a->rank; d++) {
        int64_t i = index[rank - a->rank + d];
        linear = linear * a->size[d] + (a->size[d] == 1 ? 0 : i);
    }
    return linear;
}

/* Expression over numbers with known errors; errors in units of the accumulating dtype's roundoff.
   reference/pointwise.c. */
void hal_reference_expr(const hal_expr *expr, const double *in, const double *in_error, double *out,
                        double *out_error);
/* Bound of a row of the table for a dtype, to bring errors into units of it. reference/pointwise.c. */
double hal_reference_bound(uint32_t op, hal_dtype dtype);
/* Block `block` of Philox4x32-10 under `seed` and `counter`. reference/random.c. */
void hal_reference_philox(int64_t seed, int64_t counter, uint64_t block, uint32_t word[4]);

#endif
