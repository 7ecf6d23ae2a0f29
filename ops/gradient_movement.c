/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of rows that move elements: the opposite movement, zeros where nothing was taken from. */
#include "builder.h"

hal_status hal_op_gradient_constant(const hal_gradient_call *call) {
    (void)call; /* the result does not move with the inputs: no gradient flows */
    return HAL_OK;
}

hal_status hal_op_gradient_copy(const hal_gradient_call *call) {
    call->din[0] = call->dout[0];
    return HAL_OK;
}

hal_status hal_op_gradient_cast(const hal_gradient_call *call) {
    call->din[0] = hal_build_cast(call->graph, call->dout[0], hal_build_shape(call->in[0]).dtype);
    return HAL_OK;
}

hal_status hal_op_gradient_reshape(const hal_gradient_call *call) {
    hal_shape x = hal_build_shape(call->in[0]);
    call->din[0] = hal_build_reshape(call->graph, call->dout[0], x.rank, x.size);
    return HAL_OK;
}

hal_status hal_op_gradient_transpose(const hal_gradient_call *call) {
    const hal_transpose_attrs *a = call->attrs;
    int64_t inverse[HAL_MAX_RANK], rank = hal_build_shape(call->in[0]).rank;
    for (int64_t d = 0; d < rank; d++) {
        int64_t from = a->perm.n ? a->perm.v[d] : rank - 1 - d;
        inverse[from < 0 ? from + rank : from] = d;
    }
    call->din[0] = hal_build_transpose(call->graph, call->dout[0], inverse);
    return HAL_OK;
}

hal_status hal_op_gradient_broadcast(const hal_gradient_call *call) {
    hal_shape x = hal_build_shape(call->in[0]);
    hal_value wide = hal_build_cast(call->graph, call->dout[0], hal_dtype_accumulate(x.dtype));
    call->din[0] = hal_build_cast(call->graph, hal_build_reduce_to(call->graph, wide, &x), x.dtype);
    return HAL_OK;
}

static uint32_t axis_of(int64_t axis, uint32_t rank) {
    return (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
}

/* Zeros shaped like x with `size` on `axis`. The other sizes may be symbols: a slice of x then gives them. */
static hal_value zeros(hal_graph *g, hal_value x, uint32_t axis, int64_t size, hal_dtype dtype) {
    hal_shape shape = hal_build_shape(x);
    shape.size[axis] = hal_dim_constant(size);
    if (!hal_shape_constant(&shape)) {
        hal_value one = hal_graph_slice(g, x, axis, 0, 1);
        hal_value zero = hal_build_fill(g, 0.0, dtype, one), row = hal_graph_fill(g, 0.0, dtype, 1, &size);
        hal_dim to[HAL_MAX_RANK];
        for (uint32_t d = axis; d < shape.rank; d++) to[d - axis] = hal_dim_constant(d == axis ? size : 1);
        row = hal_build_reshape(g, row, shape.rank - axis, to);
        return hal_build_pointwise(g, dtype, (hal_value[]){zero, row}, 2, "add(x0, x1)");
    }
    int64_t sizes[HAL_MAX_RANK];
    for (uint32_t d = 0; d < shape.rank; d++) sizes[d] = shape.size[d].base;
    return hal_graph_fill(g, 0.0, dtype, shape.rank, sizes);
}

/* Rows of dy back at start, start + step, ... : axis in front, scattered into zeros. */
static hal_value strided_back(const hal_gradient_call *call, const hal_slice_attrs *a, uint32_t axis,
                              hal_shape x) {
    int64_t perm[HAL_MAX_RANK];
    for (uint32_t d = 0; d < x.rank; d++) perm[d] = d;
    perm[0] = axis;
    perm[axis] = 0;
    hal_value index = hal_build_iota(call->graph, a->size, 0, HAL_I64);
    index = hal_build_pointwise(call->graph, HAL_I64, &index, 1, "t = mul(x0, %lld); add(t, %lld)",
                                (long long)a->step, (long long)a->start);
    hal_value base = zeros(call->graph, call->in[0], axis, x.size[axis].base, x.dtype);
    hal_value in[3] = {hal_build_transpose(call->graph, base, perm), index,
                       hal_build_transpose(call->graph, call->dout[0], perm)};
    return hal_build_transpose(call->graph, hal_build_node(call->graph, HAL_OP_SCATTER_ADD, NULL, in, 3),
                               perm);
}

hal_status hal_op_gradient_slice(const hal_gradient_call *call) {
    const hal_slice_attrs *a = call->attrs;
    hal_shape x = hal_build_shape(call->in[0]);
    uint32_t axis = axis_of(a->axis, x.rank), n = 0;
    if (x.size[axis].symbol >= 0)
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of slice: the sliced axis has a symbolic size; make it constant");
    if (a->step > 1 && a->size > 1) {
        call->din[0] = strided_back(call, a, axis, x);
        return HAL_OK;
    }
    hal_value part[3];
    int64_t after = x.size[axis].base - a->start - a->size;
    if (a->start > 0) part[n++] = zeros(call->graph, call->in[0], axis, a->start, x.dtype);
    part[n++] = call->dout[0];
    if (after > 0) part[n++] = zeros(call->graph, call->in[0], axis, after, x.dtype);
    call->din[0] = n == 1 ? part[0] : hal_graph_concat(call->graph, part, n, axis);
    return HAL_OK;
}

hal_status hal_op_gradient_split(const hal_gradient_call *call) {
    const hal_split_attrs *a = call->attrs;
    hal_value part[16];
    for (uint32_t o = 0; o < call->n_out; o++)
        part[o] = call->dout[o].id
                      ? call->dout[o]
                      : hal_build_fill(call->graph, 0.0, hal_build_shape(call->in[0]).dtype, call->out[o]);
    call->din[0] = hal_graph_concat(call->graph, part, call->n_out, a->axis);
    return HAL_OK;
}

hal_status hal_op_gradient_concat(const hal_gradient_call *call) {
    const hal_concat_attrs *a = call->attrs;
    uint32_t axis = axis_of(a->axis, hal_build_shape(call->out[0]).rank);
    int64_t start = 0;
    for (uint32_t i = 0; i < call->n_in; i++) {
        hal_dim size = hal_build_shape(call->in[i]).size[axis];
        if (size.symbol >= 0)
            return HAL_FAIL(UNSUPPORTED,
                            "gradient of concat: input %u has a symbolic size on the axis; make it constant",
                            i);
        if (call->wanted[i])
            call->din[i] = hal_graph_slice(call->graph, call->dout[0], axis, start, size.base);
        start += size.base;
    }
    return HAL_OK;
}
