/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of rows that choose by index: what was gathered is scattered back, what was scattered is
   gathered. */
#include "builder.h"

static uint32_t axis_of(int64_t axis, uint32_t rank) {
    return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
}

static hal_value scatter_add(hal_graph *g, hal_value base, hal_value indices, hal_value updates) {
    return hal_build_node(g, HAL_OP_SCATTER_ADD, NULL, (hal_value[]){base, indices, updates}, 3);
}

static hal_value gather(hal_graph *g, hal_value x, hal_value indices, uint32_t axis) {
    return hal_graph_gather(g, x, indices, (int64_t)axis);
}

/* y [pre, idx, post] = x [pre, R, post] by idx: bring idx and R in front, scatter, and put R back. */
hal_status hal_op_gradient_gather(const hal_gradient_call *call) {
    const hal_gather_attrs *a = call->attrs;
    hal_shape x = hal_build_shape(call->in[0]), index = hal_build_shape(call->in[1]);
    uint32_t axis = axis_of(a->axis, x.rank), y_rank = x.rank + index.rank - 1;
    int64_t x_front[HAL_MAX_RANK], x_back[HAL_MAX_RANK], y_front[HAL_MAX_RANK];
    if (!call->wanted[0]) return HAL_OK;
    for (uint32_t d = 0; d < x.rank; d++) {
        x_front[d] = d == 0 ? axis : d <= axis ? d - 1 : d;
        x_back[x_front[d]] = d;
    }
    for (uint32_t d = 0; d < y_rank; d++)
        y_front[d] = d < index.rank ? axis + d : d < index.rank + axis ? d - index.rank : d;
    hal_value base = hal_build_fill(call->graph, 0.0, x.dtype, call->in[0]), dy = call->dout[0];
    if (axis) base = hal_build_transpose(call->graph, base, x_front);
    if (axis) dy = hal_build_transpose(call->graph, dy, y_front);
    call->din[0] = scatter_add(call->graph, base, call->in[1], dy);
    if (axis) call->din[0] = hal_build_transpose(call->graph, call->din[0], x_back);
    return HAL_OK;
}

hal_status hal_op_gradient_embedding(const hal_gradient_call *call) {
    hal_shape table = hal_build_shape(call->in[0]);
    if (!call->wanted[0]) return HAL_OK;
    if (table.size[0].symbol >= 0)
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of embedding: the table has a symbolic number of rows; make it constant");
    hal_embedding_grad_attrs a = {HAL_HEAD(hal_embedding_grad_attrs), .rows = table.size[0].base};
    call->din[0] = hal_build_node(call->graph, HAL_OP_EMBEDDING_GRAD, &a,
                                  (hal_value[]){call->dout[0], call->in[1]}, 2);
    return HAL_OK;
}

hal_status hal_op_gradient_scatter_add(const hal_gradient_call *call) {
    if (call->wanted[0]) call->din[0] = call->dout[0];
    if (call->wanted[2]) call->din[2] = gather(call->graph, call->dout[0], call->in[1], 0);
    return HAL_OK;
}

/* 1 for each row that was not overwritten by a later one of the same index, shaped to broadcast on `axis` of
   `rank`. */
static hal_value winners(const hal_gradient_call *call, uint32_t axis, hal_shape base, hal_shape index) {
    hal_graph *g = call->graph;
    hal_value number = hal_build_iota(g, index.size[0].base, 0, HAL_I32);
    hal_value none = hal_graph_fill(g, -1.0, HAL_I32, 1, &base.size[axis].base);
    hal_value last = gather(g, hal_graph_set_rows(g, none, number, call->in[2], 0), call->in[2], 0);
    hal_value won = hal_build_pointwise(g, hal_dtype_accumulate(base.dtype), (hal_value[]){last, number}, 2,
                                        "eq(x0, x1)");
    hal_dim size[HAL_MAX_RANK];
    for (uint32_t d = axis; d < base.rank; d++)
        size[d - axis] = d == axis ? index.size[0] : hal_dim_constant(1);
    return hal_build_reshape(g, won, base.rank - axis, size);
}

hal_status hal_op_gradient_set_rows(const hal_gradient_call *call) {
    const hal_set_rows_attrs *a = call->attrs;
    hal_shape base = hal_build_shape(call->in[0]), index = hal_build_shape(call->in[2]);
    uint32_t axis = axis_of(a->axis, base.rank);
    hal_graph *g = call->graph;
    if (call->wanted[0]) {
        hal_value zero = hal_build_fill(g, 0.0, base.dtype, call->in[1]);
        call->din[0] = hal_graph_set_rows(g, call->dout[0], zero, call->in[2], axis);
    }
    if (!call->wanted[1]) return HAL_OK;
    if (index.size[0].symbol >= 0 || base.size[axis].symbol >= 0)
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of set_rows: the number of rows is symbolic; make it constant");
    hal_value in[2] = {gather(g, call->dout[0], call->in[2], axis), winners(call, axis, base, index)};
    call->din[1] = hal_build_pointwise(g, base.dtype, in, 2, "mul(x0, x1)");
    return HAL_OK;
}

/* Values picked on the innermost axis by the i32 indices of out[1]: every row scatters into its own n
   elements. */
static hal_status picked_back(const hal_gradient_call *call) {
    hal_graph *g = call->graph;
    hal_shape x = hal_build_shape(call->in[0]), y = hal_build_shape(call->out[0]);
    if (!call->dout[0].id) return HAL_OK;
    if (!hal_shape_constant(&x))
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of top_k and sort: the input has a symbolic size; make it constant");
    int64_t n = x.size[x.rank - 1].base, rows = 1, k = y.size[y.rank - 1].base, total;
    for (uint32_t d = 0; d + 1 < x.rank; d++) rows *= x.size[d].base;
    if (__builtin_mul_overflow(rows, n, &total))
        return HAL_FAIL(UNSUPPORTED, "gradient of top_k and sort: the input has too many elements to number");
    hal_dim column[2] = {hal_dim_constant(rows), hal_dim_constant(1)},
            matrix[2] = {hal_dim_constant(rows), hal_dim_constant(k)};
    hal_dim flat = hal_dim_constant(rows * k);
    hal_value row = hal_build_reshape(g, hal_build_iota(g, rows, 0, HAL_I64), 2, column);
    hal_value index = hal_build_reshape(g, call->out[1], 2, matrix);
    index = hal_build_pointwise(g, HAL_I64, (hal_value[]){index, row}, 2, "t = mul(x1, %lld); add(x0, t)",
                                (long long)n);
    hal_value dx = scatter_add(g, hal_graph_fill(g, 0.0, x.dtype, 1, &total),
                               hal_build_reshape(g, index, 1, &flat),
                               hal_build_reshape(g, call->dout[0], 1, &flat));
    call->din[0] = hal_build_reshape(g, dx, x.rank, x.size);
    return HAL_OK;
}

hal_status hal_op_gradient_top_k(const hal_gradient_call *call) { return picked_back(call); }

hal_status hal_op_gradient_sort(const hal_gradient_call *call) { return picked_back(call); }
