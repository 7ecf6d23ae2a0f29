/* SPDX-License-Identifier: Apache-2.0 */
/* What the shape rules share: arithmetic on sizes that may be symbols, axes, and broadcasting. */
#ifndef HAL_OPS_SHAPE_H
#define HAL_OPS_SHAPE_H

#include <hal/core.h>
#include <ops/row.h>

/* Equal dtype, rank and sizes; equal rank and sizes. */
bool hal_shape_equal(const hal_shape *a, const hal_shape *b);
bool hal_shape_same_sizes(const hal_shape *a, const hal_shape *b);

/* Arithmetic; false when the result overflows or is not of the form base + factor * symbol. */
bool hal_dim_add(hal_dim a, hal_dim b, hal_dim *sum);
bool hal_dim_multiply(hal_dim a, hal_dim b, hal_dim *product);
bool hal_dim_divide(hal_dim a, int64_t divisor, hal_dim *quotient);
static inline bool hal_dim_is(hal_dim d, int64_t n) { return d.symbol < 0 && d.base == n; }

bool hal_dtype_is_float(hal_dtype dtype);
/* i32 or i64. */
bool hal_dtype_is_index(hal_dtype dtype);
/* What sums and statistics of inputs of `dtype` have: f64 for f64, else f32. */
hal_dtype hal_dtype_accumulate(hal_dtype dtype);

/* The axis counted from the front. Fails with a sentence when it is outside `rank`. */
hal_status hal_shape_axis(int64_t axis, uint32_t rank, uint32_t *position);
/* Widens `shape` (dtype kept) to what it and `x` broadcast to, aligned at the innermost axis. */
hal_status hal_shape_broadcast(hal_shape *shape, const hal_shape *x, uint32_t index);
/* `x` without its last axis, of another dtype. Its rank is at least 1. */
hal_shape hal_shape_rows(const hal_shape *x, hal_dtype dtype);
/* A 0-d shape. */
static inline hal_shape hal_shape_scalar(hal_dtype dtype) { return (hal_shape){.dtype = dtype}; }

/* Sentences for what most rules demand of input `index`. */
hal_status hal_shape_want_rank(const hal_shape *in, uint32_t index, uint32_t rank);
hal_status hal_shape_want_min_rank(const hal_shape *in, uint32_t index, uint32_t rank);
hal_status hal_shape_want_float(const hal_shape *in, uint32_t index);
hal_status hal_shape_want_index(const hal_shape *in, uint32_t index);
/* Input `index` has the sizes of `like`, which is called `what`. */
hal_status hal_shape_want_sizes(const hal_shape *in, uint32_t index, const hal_shape *like, const char *what);
/* Input `index` has dtype and sizes of input `other`. */
hal_status hal_shape_want_equal(const hal_shape *in, uint32_t index, uint32_t other);

#endif
