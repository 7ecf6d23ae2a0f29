/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building nodes inside gradients and decompositions. A failure stays in the graph and later calls pass id 0
 * on, so that one hal_graph_status at the end is enough.
 */
#ifndef HAL_OPS_BUILDER_H
#define HAL_OPS_BUILDER_H

#include <hal/core.h>

#include "graph_internal.h"
#include "row.h"
#include "shape.h"

/* Dtype, sizes of a value; an empty shape of dtype HAL_NO_DTYPE for no value. */
hal_shape hal_build_shape(hal_value x);
/* Whether all sizes are constants. */
bool hal_shape_constant(const hal_shape *shape);

/* First output of a node with one output. */
hal_value hal_build_node(hal_graph *g, uint32_t op, const void *attrs, const hal_value *in, uint32_t n_in);
/* hal_graph_pointwise whose steps and output have `dtype`; the expression is a printf format. */
hal_value hal_build_pointwise(hal_graph *g, hal_dtype dtype, const hal_value *in, uint32_t n,
                              const char *format, ...) __attribute__((format(printf, 5, 6)));
/* x in `dtype`; x itself when it has it. */
hal_value hal_build_cast(hal_graph *g, hal_value x, hal_dtype dtype);
/* x with the given sizes, symbols included; x itself when it has them. At most one symbol may move. */
hal_value hal_build_reshape(hal_graph *g, hal_value x, uint32_t rank, const hal_dim *size);
/* x repeated to the sizes of `like`. */
hal_value hal_build_broadcast(hal_graph *g, hal_value x, hal_value like);
/* The number in every element, with dtype `dtype` and the sizes of `like`. */
hal_value hal_build_fill(hal_graph *g, double value, hal_dtype dtype, hal_value like);
/* The name of the dtype of x, for expressions. */
const char *hal_build_dtype_name(hal_value x);
hal_value hal_build_reduce(hal_graph *g, hal_value x, int64_t kind, uint32_t n_axes, const int64_t *axes,
                           bool keep);
/* The same over the innermost axis, which stays with size 1. */
hal_value hal_build_reduce_last(hal_graph *g, hal_value x, int64_t kind);
hal_value hal_build_transpose(hal_graph *g, hal_value x, const int64_t *perm);
hal_value hal_build_matmul(hal_graph *g, hal_value a, hal_value b, bool transpose_a, bool transpose_b,
                           hal_dtype dtype);
/* Sum of x over what was broadcast from `shape`: the opposite of a broadcast. */
hal_value hal_build_reduce_to(hal_graph *g, hal_value x, const hal_shape *shape);
/* x without its last axis of size 1, and with one more. */
hal_value hal_build_drop_last(hal_graph *g, hal_value x);
hal_value hal_build_append_one(hal_graph *g, hal_value x);
/* 0, 1, ... along `axis` of x, as a vector of `dtype`; counted by a scan where the size is a symbol. */
hal_value hal_build_positions(hal_graph *g, hal_value x, uint32_t axis, hal_dtype dtype);
/* The size of `axis` of x as a 0-d value of `dtype`. */
hal_value hal_build_size(hal_graph *g, hal_value x, uint32_t axis, hal_dtype dtype);
/* start, start + 1, ... of n elements. */
hal_value hal_build_iota(hal_graph *g, int64_t n, int64_t start, hal_dtype dtype);
/* The kinds of reduce, in the order of its enumeration. */
enum {
    HAL_REDUCE_SUM,
    HAL_REDUCE_MEAN,
    HAL_REDUCE_MAX,
    HAL_REDUCE_MIN,
    HAL_REDUCE_PROD,
    HAL_REDUCE_SUM_SQUARE
};

#endif
