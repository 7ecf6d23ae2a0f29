/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary embedding, gated units, embeddings, dropout, optimisers and sampling out of primitives. */
#include "builder.h"

static hal_dtype wide_of(hal_value x) { return hal_dtype_accumulate(hal_build_shape(x).dtype); }

/* ---------------------------------------------------------------------------------------------- rotary -- */

static hal_value half_of(hal_graph *g, hal_value x, bool second, bool interleaved, int64_t half) {
    hal_slice_attrs a = {HAL_HEAD(hal_slice_attrs), .axis = -1, .size = half, .step = interleaved ? 2 : 1};
    a.start = second ? (interleaved ? 1 : half) : 0;
    return hal_build_node(g, HAL_OP_SLICE, &a, &x, 1);
}

/* position * base^(-2 i / d) as [t, d / 2]. */
static hal_value angles(hal_graph *g, const hal_rotary_attrs *a, hal_value positions, int64_t half,
                        hal_dtype wide) {
    hal_value in[2] = {hal_build_append_one(g, positions), hal_build_iota(g, half, 0, wide)};
    double power = -log(a->base) / (double)half;
    return hal_build_pointwise(g, wide, in, 2, "mul(mul(x0, exp(mul(x1, %.17g))), %d)", power,
                               a->inverse ? -1 : 1);
}

hal_status hal_op_decompose_rotary(const hal_decompose_call *call) {
    const hal_rotary_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    hal_value x = call->in[0];
    hal_shape shape = hal_build_shape(x);
    hal_dim d = shape.size[shape.rank - 1];
    if (d.symbol >= 0)
        return HAL_FAIL(UNSUPPORTED, "rotary: the innermost size is a symbol; make it constant");
    int64_t half = d.base / 2;
    hal_dtype wide = wide_of(x);
    hal_value in[3] = {half_of(g, x, false, a->interleaved, half), half_of(g, x, true, a->interleaved, half),
                       angles(g, a, call->in[1], half, wide)}, out[2];
    out[0] = hal_build_pointwise(g, wide, in, 3, "sub(mul(x0, cos(x2)), mul(x1, sin(x2))):%s",
                                 hal_build_dtype_name(x));
    out[1] = hal_build_pointwise(g, wide, in, 3, "add(mul(x1, cos(x2)), mul(x0, sin(x2))):%s",
                                 hal_build_dtype_name(x));
    for (uint32_t i = 0; a->interleaved && i < 2; i++) out[i] = hal_build_append_one(g, out[i]);
    call->out[0] = hal_build_reshape(g, hal_graph_concat(g, out, 2, -1), shape.rank, shape.size);
    return hal_graph_status(g);
}

hal_status hal_op_decompose_gated(const hal_decompose_call *call) {
    static const char *const name[] = {"silu", "gelu", "gelu_tanh", "relu", "sigmoid"};
    const hal_gated_attrs *a = call->attrs;
    call->out[0] = hal_build_pointwise(call->graph, wide_of(call->in[0]), call->in, 2, "mul(%s(x0), x1):%s",
                                       name[a->activation], hal_build_dtype_name(call->in[0]));
    return hal_graph_status(call->graph);
}

/* ------------------------------------------------------------------------------------------- embedding -- */

hal_status hal_op_decompose_embedding(const hal_decompose_call *call) {
    call->out[0] = hal_graph_gather(call->graph, call->in[0], call->in[1], 0);
    return hal_graph_status(call->graph);
}

hal_status hal_op_decompose_embedding_grad(const hal_decompose_call *call) {
    const hal_embedding_grad_attrs *a = call->attrs;
    hal_shape dy = hal_build_shape(call->in[0]);
    hal_dim d = dy.size[dy.rank - 1];
    if (d.symbol >= 0)
        return HAL_FAIL(UNSUPPORTED, "embedding_grad: the innermost size is a symbol; make it constant");
    int64_t size[2] = {a->rows, d.base};
    hal_value in[3] = {hal_graph_fill(call->graph, 0.0, dy.dtype, 2, size), call->in[1], call->in[0]};
    call->out[0] = hal_build_node(call->graph, HAL_OP_SCATTER_ADD, NULL, in, 3);
    return hal_graph_status(call->graph);
}

hal_status hal_op_decompose_dropout(const hal_decompose_call *call) {
    const hal_dropout_attrs *a = call->attrs;
    hal_shape x = hal_build_shape(call->in[0]);
    if (!hal_shape_constant(&x))
        return HAL_FAIL(UNSUPPORTED, "dropout: the input has a symbolic size; make it constant");
    hal_random_attrs random = {HAL_HEAD(hal_random_attrs), .seed = a->seed, .dtype = HAL_F32,
                               .shape.n = x.rank};
    for (uint32_t d = 0; d < x.rank; d++) random.shape.v[d] = x.size[d].base;
    hal_value in[2] = {call->in[0], hal_build_node(call->graph, HAL_OP_RANDOM, &random, &call->in[1], 1)};
    call->out[0] = hal_build_pointwise(
        call->graph, hal_dtype_accumulate(x.dtype), in, 2, "select(le(%.17g, x1), div(x0, %.17g), 0):%s",
        hal_round_to(HAL_F32, a->p), 1.0 - a->p, hal_build_dtype_name(call->in[0]));
    return hal_graph_status(call->graph);
}

/* ------------------------------------------------------------------------------------------ optimisers -- */

/* An expression whose outputs have the given dtypes. */
static hal_status outputs_build(const hal_decompose_call *call, const char *text, hal_dtype steps,
                                const hal_value *in, uint32_t n_in, const hal_dtype *dtype, hal_value *out,
                                uint32_t n_out) {
    hal_pointwise_attrs a = {HAL_HEAD(hal_pointwise_attrs)};
    hal_status status = hal_expr_parse(text, steps, &a.expr);
    if (status != HAL_OK) return hal_graph_fail(call->graph, status, "%s", hal_status_last()->text);
    a.expr.n_inputs = n_in;
    for (uint32_t o = 0; o < n_out; o++) a.expr.output_dtype[o] = (uint8_t)dtype[o];
    return hal_graph_node(call->graph, HAL_OP_POINTWISE, &a, in, n_in, out, n_out);
}

/* f64 when one of the first n inputs has it. */
static hal_dtype widest(const hal_decompose_call *call, uint32_t n) {
    for (uint32_t i = 0; i < n; i++)
        if (hal_build_shape(call->in[i]).dtype == HAL_F64) return HAL_F64;
    return HAL_F32;
}

hal_status hal_op_decompose_adamw(const hal_decompose_call *call) {
    const hal_adamw_attrs *a = call->attrs;
    const hal_value *in = call->in;
    hal_dtype wide = widest(call, 4), three[3] = {wide, wide, wide}, dtype[3];
    char text[512];
    hal_value factor[3];
    /* 1 - beta^step cancels in f32: the scalars are computed in f64. */
    snprintf(text, sizeof text,
             "div(x0, sub(1, pow(%.17g, x1))), recip(sub(1, pow(%.17g, x1))), sub(1, mul(x0, %.17g))",
             a->beta1, a->beta2, a->decay);
    HAL_TRY(outputs_build(call, text, HAL_F64, (hal_value[]){in[4], in[5]}, 2, three, factor, 3));
    snprintf(
        text, sizeof text,
        "g = mul(x1, x4); m = add(mul(x2, %.17g), mul(g, %.17g));"
             " v = add(mul(x3, %.17g), mul(mul(g, g), %.17g));"
        "p = sub(mul(x0, x7), div(mul(x5, m), add(sqrt(mul(v, x6)), %.17g))); p, m, v",
        a->beta1, 1.0 - a->beta1, a->beta2, 1.0 - a->beta2, a->eps);
    hal_value all[8] = {in[0], in[1], in[2], in[3], in[6], factor[0], factor[1], factor[2]};
    dtype[0] = hal_build_shape(in[0]).dtype;
    dtype[1] = hal_build_shape(in[2]).dtype;
    dtype[2] = hal_build_shape(in[3]).dtype;
    return outputs_build(call, text, wide, all, 8, dtype, call->out, 3);
}

hal_status hal_op_decompose_sgd(const hal_decompose_call *call) {
    const hal_sgd_attrs *a = call->attrs;
    char text[320], move[64] = "m";
    if (a->nesterov) snprintf(move, sizeof move, "add(g, mul(m, %.17g))", a->momentum);
    snprintf(
        text, sizeof text,
        "g = add(mul(x1, x4), mul(x0, %.17g)); m = add(mul(x2, %.17g), g); p = sub(x0, mul(x3, %s)); p, m",
        a->decay, a->momentum, move);
    hal_dtype dtype[2] = {hal_build_shape(call->in[0]).dtype, hal_build_shape(call->in[2]).dtype};
    return outputs_build(call, text, widest(call, 3), call->in, 5, dtype, call->out, 2);
}

hal_status hal_op_decompose_square_sum(const hal_decompose_call *call) {
    hal_value x = hal_build_cast(call->graph, call->in[0], wide_of(call->in[0]));
    x = hal_build_reduce(call->graph, x, HAL_REDUCE_SUM_SQUARE, 0, NULL, false);
    call->out[0] = hal_build_cast(call->graph, x, HAL_F32);
    return hal_graph_status(call->graph);
}

/* -------------------------------------------------------------------------------------------- sampling -- */

/* The k largest logits in descending order, and their indices. */
static hal_status candidates(const hal_decompose_call *call, const hal_sample_attrs *a, hal_value *out) {
    hal_sort_attrs sort = {HAL_HEAD(hal_sort_attrs), .descending = 1};
    hal_top_k_attrs top = {HAL_HEAD(hal_top_k_attrs), .k = a->top_k};
    if (a->top_k) return hal_graph_node(call->graph, HAL_OP_TOP_K, &top, call->in, 1, out, 2);
    return hal_graph_node(call->graph, HAL_OP_SORT, &sort, call->in, 1, out, 2);
}

static hal_value scan(hal_graph *g, hal_value x, bool exclusive) {
    hal_scan_attrs a = {HAL_HEAD(hal_scan_attrs), .exclusive = exclusive};
    return hal_build_node(g, HAL_OP_SCAN, &a, &x, 1);
}

/* Position of the answer among the candidates: the number of kept ones whose inclusive mass is <= u times the
   kept mass. */
static hal_value chosen(const hal_decompose_call *call, hal_value p, hal_value number, hal_dtype wide) {
    hal_graph *g = call->graph;
    hal_value u = hal_build_append_one(g, call->in[1]);
    hal_value keep = hal_build_pointwise(g, wide, (hal_value[]){scan(g, p, true), call->in[3], number}, 3,
                                         "max(lt(x0, x1), eq(x2, 0))");
    hal_value mass = hal_build_pointwise(g, wide, (hal_value[]){p, keep}, 2, "mul(x0, x1)");
    mass = hal_build_reduce_last(g, mass, HAL_REDUCE_SUM);
    hal_value passed = hal_build_pointwise(g, wide, (hal_value[]){scan(g, p, false), u, mass, keep}, 4,
                                           "mul(x3, le(x0, mul(x1, x2)))");
    hal_value in[3] = {hal_build_reduce_last(g, passed, HAL_REDUCE_SUM),
                       hal_build_reduce_last(g, keep, HAL_REDUCE_SUM), call->in[2]};
    return hal_build_pointwise(g, wide, in, 3, "select(le(x2, 0), 0, min(x0, sub(x1, 1)))");
}

hal_status hal_op_decompose_sample(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value top[2];
    hal_dtype wide = wide_of(call->in[0]);
    HAL_TRY(candidates(call, call->attrs, top));
    hal_value first = hal_graph_slice(g, top[0], -1, 0, 1);
    hal_value e = hal_build_pointwise(g, wide, (hal_value[]){top[0], first, call->in[2]}, 3,
                                      "exp(div(sub(x0, x1), select(le(x2, 0), 1, x2)))");
    hal_value sum = hal_build_reduce_last(g, e, HAL_REDUCE_SUM);
    hal_value p = hal_build_pointwise(g, wide, (hal_value[]){e, sum}, 2, "div(x0, x1)");
    hal_value number = hal_build_positions(g, top[0], hal_build_shape(top[0]).rank - 1, wide);
    hal_value in[3] = {top[1], number, chosen(call, p, number, wide)};
    hal_value id = hal_build_pointwise(g, HAL_I32, in, 3, "select(eq(x1, x2), x0, 0)");
    call->out[0] = hal_build_drop_last(g, hal_build_reduce_last(g, id, HAL_REDUCE_SUM));
    return hal_graph_status(g);
}
