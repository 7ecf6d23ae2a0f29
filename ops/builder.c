/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes as gradients and decompositions need them: shapes with symbols, dtypes said explicitly. */
#include "builder.h"

#include <stdarg.h>

hal_shape hal_build_shape(hal_value x) {
    hal_shape shape = {.dtype = HAL_NO_DTYPE};
    if (x.id) shape = hal_graph_value(x.graph, x.id)->shape;
    return shape;
}

bool hal_shape_constant(const hal_shape *shape) {
    for (uint32_t d = 0; d < shape->rank; d++)
        if (shape->size[d].symbol >= 0) return false;
    return true;
}

hal_value hal_build_node(hal_graph *g, uint32_t op, const void *attrs, const hal_value *in, uint32_t n_in) {
    hal_value out = HAL_NO_VALUE;
    hal_graph_node(g, op, attrs, in, n_in, &out, 1);
    return out;
}

hal_value hal_build_pointwise(hal_graph *g, hal_dtype dtype, const hal_value *in, uint32_t n,
                              const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hal_pointwise_attrs a = {HAL_HEAD(hal_pointwise_attrs)};
    hal_status status =
        length < 0 || (size_t)length >= sizeof text
            ? HAL_FAIL(INTERNAL, "pointwise: the expression has %d characters, more than the builder takes",
                       length)
            : hal_expr_parse(text, dtype, &a.expr);
    if (status != HAL_OK) {
        hal_graph_fail(g, status, "%s", hal_status_last()->text);
        return HAL_NO_VALUE;
    }
    for (uint32_t o = 0; o < a.expr.n_outputs; o++)
        if (a.expr.output_dtype[o] == HAL_NO_DTYPE) a.expr.output_dtype[o] = (uint8_t)dtype;
    a.expr.n_inputs = n;
    return hal_build_node(g, HAL_OP_POINTWISE, &a, in, n);
}

hal_value hal_build_cast(hal_graph *g, hal_value x, hal_dtype dtype) {
    return hal_build_shape(x).dtype == dtype ? x : hal_graph_cast(g, x, dtype);
}

hal_value hal_build_reshape(hal_graph *g, hal_value x, uint32_t rank, const hal_dim *size) {
    hal_shape from = hal_build_shape(x);
    hal_reshape_attrs a = {HAL_HEAD(hal_reshape_attrs), .shape.n = rank};
    bool same = rank == from.rank;
    int moved = 0;
    for (uint32_t d = 0; d < rank; d++) {
        bool kept = d < from.rank && hal_dim_equal(size[d], from.size[d]);
        same = same && kept;
        if (size[d].symbol < 0 && size[d].base != 0) a.shape.v[d] = size[d].base;
        else if (kept) a.shape.v[d] = 0;
        else a.shape.v[d] = -1, moved++;
    }
    if (same || !x.id) return x;
    if (moved > 1) {
        hal_graph_fail(g, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED),
                       "reshape: %d symbolic sizes move at once; make all but one of them constant", moved);
        return HAL_NO_VALUE;
    }
    return hal_build_node(g, HAL_OP_RESHAPE, &a, &x, 1);
}

hal_value hal_build_broadcast(hal_graph *g, hal_value x, hal_value like) {
    hal_shape to = hal_build_shape(like), from = hal_build_shape(x);
    bool plain = hal_shape_constant(&to);
    if (hal_shape_same_sizes(&to, &from) || !x.id || !like.id) return x;
    /* The row reads 0 as "keep the size", so empty results go by the other road too. */
    for (uint32_t d = 0; d < to.rank; d++) plain = plain && to.size[d].base > 0;
    if (!plain) return hal_build_pointwise(g, from.dtype, (hal_value[]){x, like}, 2, "x0");
    hal_broadcast_attrs a = {HAL_HEAD(hal_broadcast_attrs), .shape.n = to.rank};
    for (uint32_t d = 0; d < to.rank; d++) a.shape.v[d] = to.size[d].base;
    return hal_build_node(g, HAL_OP_BROADCAST, &a, &x, 1);
}

hal_value hal_build_fill(hal_graph *g, double value, hal_dtype dtype, hal_value like) {
    hal_shape to = hal_build_shape(like);
    if (!like.id) return like;
    if (!hal_shape_constant(&to)) return hal_build_pointwise(g, dtype, &like, 1, "%.17g", value);
    hal_fill_attrs a = {HAL_HEAD(hal_fill_attrs), .value = value, .dtype = dtype, .shape.n = to.rank};
    for (uint32_t d = 0; d < to.rank; d++) a.shape.v[d] = to.size[d].base;
    return hal_build_node(g, HAL_OP_FILL, &a, NULL, 0);
}

hal_value hal_build_reduce(hal_graph *g, hal_value x, int64_t kind, uint32_t n_axes, const int64_t *axes,
                           bool keep) {
    hal_reduce_attrs a = {HAL_HEAD(hal_reduce_attrs), .kind = kind, .keep = keep, .axes.n = n_axes};
    for (uint32_t i = 0; i < n_axes; i++) a.axes.v[i] = axes[i];
    return hal_build_node(g, HAL_OP_REDUCE, &a, &x, 1);
}

hal_value hal_build_transpose(hal_graph *g, hal_value x, const int64_t *perm) {
    return hal_graph_transpose(g, x, hal_build_shape(x).rank, perm);
}

hal_value hal_build_matmul(hal_graph *g, hal_value a, hal_value b, bool transpose_a, bool transpose_b,
                           hal_dtype dtype) {
    hal_matmul_attrs t = {HAL_HEAD(hal_matmul_attrs), .transpose_a = transpose_a, .transpose_b = transpose_b,
                          .dtype = dtype};
    return hal_build_node(g, HAL_OP_MATMUL, &t, (hal_value[]){a, b}, 2);
}

hal_value hal_build_reduce_to(hal_graph *g, hal_value x, const hal_shape *shape) {
    hal_shape from = hal_build_shape(x);
    int64_t outer[HAL_MAX_RANK], inner[HAL_MAX_RANK];
    uint32_t n_outer = from.rank > shape->rank ? from.rank - shape->rank : 0, n_inner = 0;
    if (!x.id) return x;
    for (uint32_t d = 0; d < n_outer; d++) outer[d] = d;
    for (uint32_t d = 0; d < shape->rank && d + n_outer < from.rank; d++)
        if (!hal_dim_equal(shape->size[d], from.size[d + n_outer])) inner[n_inner++] = d;
    if (n_outer) x = hal_build_reduce(g, x, HAL_REDUCE_SUM, n_outer, outer, false);
    if (n_inner) x = hal_build_reduce(g, x, HAL_REDUCE_SUM, n_inner, inner, true);
    return x;
}

hal_value hal_build_iota(hal_graph *g, int64_t n, int64_t start, hal_dtype dtype) {
    hal_iota_attrs a = {HAL_HEAD(hal_iota_attrs), .n = n, .start = start, .dtype = dtype};
    return hal_build_node(g, HAL_OP_IOTA, &a, NULL, 0);
}

const char *hal_build_dtype_name(hal_value x) {
    const hal_dtype_info *info = hal_dtype_describe(hal_build_shape(x).dtype);
    return info ? info->name : "f32";
}

hal_value hal_build_reduce_last(hal_graph *g, hal_value x, int64_t kind) {
    return hal_build_reduce(g, x, kind, 1, (const int64_t[]){-1}, true);
}

hal_value hal_build_drop_last(hal_graph *g, hal_value x) {
    hal_shape shape = hal_build_shape(x);
    return x.id ? hal_build_reshape(g, x, shape.rank - 1, shape.size) : x;
}

hal_value hal_build_append_one(hal_graph *g, hal_value x) {
    hal_shape shape = hal_build_shape(x);
    if (!x.id || shape.rank == HAL_MAX_RANK) return x;
    shape.size[shape.rank] = hal_dim_constant(1);
    return hal_build_reshape(g, x, shape.rank + 1, shape.size);
}

/* 1 for each index of an axis whose size is a symbol, as a vector. */
static hal_value axis_ones(hal_graph *g, hal_value x, uint32_t axis, hal_dtype dtype) {
    hal_shape shape = hal_build_shape(x);
    for (uint32_t d = 0; d < shape.rank; d++)
        if (d != axis) x = hal_graph_slice(g, x, d, 0, 1);
    x = hal_build_reshape(g, x, 1, &shape.size[axis]);
    return hal_build_pointwise(g, dtype, &x, 1, "1");
}

hal_value hal_build_positions(hal_graph *g, hal_value x, uint32_t axis, hal_dtype dtype) {
    hal_shape shape = hal_build_shape(x);
    if (!x.id) return x;
    if (shape.size[axis].symbol < 0) return hal_build_iota(g, shape.size[axis].base, 0, dtype);
    hal_scan_attrs a = {HAL_HEAD(hal_scan_attrs), .exclusive = 1};
    hal_value ones = axis_ones(g, x, axis, dtype);
    return hal_build_node(g, HAL_OP_SCAN, &a, &ones, 1);
}

hal_value hal_build_size(hal_graph *g, hal_value x, uint32_t axis, hal_dtype dtype) {
    hal_shape shape = hal_build_shape(x);
    if (!x.id) return x;
    if (shape.size[axis].symbol < 0) return hal_graph_fill(g, (double)shape.size[axis].base, dtype, 0, NULL);
    return hal_build_reduce(g, axis_ones(g, x, axis, dtype), HAL_REDUCE_SUM, 0, NULL, false);
}
