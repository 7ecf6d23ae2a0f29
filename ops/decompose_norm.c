/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax and norms out of reduce and pointwise; intermediates have the accumulating dtype. */
#include "builder.h"

static hal_dtype wide_of(hal_value x) { return hal_dtype_accumulate(hal_build_shape(x).dtype); }

/* e^(x - max) and its sum on the innermost axis. */
static hal_value exponentials(hal_graph *g, hal_value x, hal_value *max, hal_value *sum) {
    *max = hal_build_reduce_last(g, x, HAL_REDUCE_MAX);
    hal_value e = hal_build_pointwise(g, wide_of(x), (hal_value[]){x, *max}, 2, "exp(sub(x0, x1))");
    *sum = hal_build_reduce_last(g, e, HAL_REDUCE_SUM);
    return e;
}

hal_status hal_op_decompose_softmax(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value x = call->in[0], max, sum, e = exponentials(g, x, &max, &sum);
    call->out[0] = hal_build_pointwise(g, wide_of(x), (hal_value[]){e, sum}, 2, "div(x0, x1):%s",
                                       hal_build_dtype_name(x));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_log_softmax(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value x = call->in[0], max, sum;
    exponentials(g, x, &max, &sum);
    call->out[0] = hal_build_pointwise(g, wide_of(x), (hal_value[]){x, max, sum}, 3,
                                       "sub(sub(x0, x1), log(x2)):%s", hal_build_dtype_name(x));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_softmax_grad(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value dy = call->in[0], y = call->in[1];
    hal_value sum = hal_build_pointwise(g, wide_of(dy), call->in, 2, "mul(x0, x1)");
    sum = hal_build_reduce_last(g, sum, HAL_REDUCE_SUM);
    call->out[0] = hal_build_pointwise(g, wide_of(dy), (hal_value[]){dy, y, sum}, 3,
                                       "mul(x1, sub(x0, x2)):%s", hal_build_dtype_name(dy));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_log_softmax_grad(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value dy = call->in[0], y = call->in[1];
    hal_value sum = hal_build_reduce_last(g, hal_build_cast(g, dy, wide_of(dy)), HAL_REDUCE_SUM);
    call->out[0] = hal_build_pointwise(g, wide_of(dy), (hal_value[]){dy, y, sum}, 3,
                                       "sub(x0, mul(exp(x1), x2)):%s", hal_build_dtype_name(dy));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_layer_norm(const hal_decompose_call *call) {
    const hal_layer_norm_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    hal_value x = call->in[0];
    hal_dtype wide = wide_of(x);
    hal_value mean = hal_build_reduce_last(g, hal_build_cast(g, x, wide), HAL_REDUCE_MEAN);
    hal_value centred = hal_build_pointwise(g, wide, (hal_value[]){x, mean}, 2, "sub(x0, x1)");
    hal_value var = hal_build_pointwise(g, wide, &centred, 1, "mul(x0, x0)");
    var = hal_build_reduce_last(g, var, HAL_REDUCE_MEAN);
    hal_value rstd = hal_build_pointwise(g, wide, &var, 1, "rsqrt(add(x0, %.17g))", a->eps);
    bool biased = call->n_in > 2 && call->in[2].id;
    hal_value in[4] = {centred, rstd, call->in[1], biased ? call->in[2] : HAL_NO_VALUE};
    call->out[0] = hal_build_pointwise(
        g, wide, in, biased ? 4 : 3, biased ? "add(mul(mul(x0, x1), x2), x3):%s" : "mul(mul(x0, x1), x2):%s",
        hal_build_dtype_name(x));
    call->out[1] = hal_build_drop_last(g, mean);
    call->out[2] = hal_build_drop_last(g, rstd);
    return hal_graph_status(g);
}

hal_status hal_op_decompose_rms_norm(const hal_decompose_call *call) {
    const hal_rms_norm_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    hal_value x = call->in[0];
    hal_dtype wide = wide_of(x);
    hal_value square = hal_build_pointwise(g, wide, &x, 1, "mul(x0, x0)");
    square = hal_build_reduce_last(g, square, HAL_REDUCE_MEAN);
    hal_value rstd = hal_build_pointwise(g, wide, &square, 1, "rsqrt(add(x0, %.17g))", a->eps);
    call->out[0] = hal_build_pointwise(g, wide, (hal_value[]){x, rstd, call->in[1]}, 3,
                                       "mul(mul(x0, x1), x2):%s", hal_build_dtype_name(x));
    call->out[1] = hal_build_drop_last(g, rstd);
    return hal_graph_status(g);
}

/* What both backward passes share: h, g = dy weight, and the sums over rows. */
typedef struct norm_parts { hal_value h, g, rstd, h_mean; hal_dtype wide; } norm_parts;

static norm_parts parts_of(const hal_decompose_call *call, hal_value mean, hal_value rstd) {
    hal_graph *graph = call->graph;
    norm_parts p = {.wide = wide_of(call->in[1]), .rstd = hal_build_append_one(graph, rstd)};
    hal_value in[3] = {call->in[1], p.rstd, mean.id ? hal_build_append_one(graph, mean) : HAL_NO_VALUE};
    p.h = hal_build_pointwise(graph, p.wide, in, mean.id ? 3 : 2,
                              mean.id ? "mul(sub(x0, x2), x1)%s" : "mul(x0, x1)%s", "");
    p.g = hal_build_pointwise(graph, p.wide, (hal_value[]){call->in[0], call->in[2]}, 2, "mul(x0, x1)");
    p.h_mean = hal_build_pointwise(graph, p.wide, (hal_value[]){p.g, p.h}, 2, "mul(x0, x1)");
    p.h_mean = hal_build_reduce_last(graph, p.h_mean, HAL_REDUCE_MEAN);
    return p;
}

/* Sum over all rows, in the weight's dtype. */
static hal_value row_sum(const hal_decompose_call *call, hal_value x) {
    hal_shape weight = hal_build_shape(call->in[2]);
    return hal_build_cast(call->graph, hal_build_reduce_to(call->graph, x, &weight), weight.dtype);
}

static hal_value weight_grad(const hal_decompose_call *call, const norm_parts *p) {
    return row_sum(
        call, hal_build_pointwise(call->graph, p->wide, (hal_value[]){call->in[0], p->h}, 2, "mul(x0, x1)"));
}

hal_status hal_op_decompose_layer_norm_grad(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    norm_parts p = parts_of(call, call->in[3], call->in[4]);
    hal_value in[5] = {p.g, hal_build_reduce_last(g, p.g, HAL_REDUCE_MEAN), p.h, p.h_mean, p.rstd};
    call->out[0] = hal_build_pointwise(g, p.wide, in, 5, "mul(x4, sub(sub(x0, x1), mul(x2, x3))):%s",
                                       hal_build_dtype_name(call->in[1]));
    call->out[1] = weight_grad(call, &p);
    call->out[2] = row_sum(call, hal_build_cast(g, call->in[0], p.wide));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_rms_norm_grad(const hal_decompose_call *call) {
    norm_parts p = parts_of(call, HAL_NO_VALUE, call->in[3]);
    hal_value in[4] = {p.g, p.h, p.h_mean, p.rstd};
    call->out[0] = hal_build_pointwise(call->graph, p.wide, in, 4, "mul(x3, sub(x0, mul(x1, x2))):%s",
                                       hal_build_dtype_name(call->in[1]));
    call->out[1] = weight_grad(call, &p);
    return hal_graph_status(call->graph);
}
