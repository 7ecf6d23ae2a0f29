/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention out of matmul, reduce and pointwise. The t times s matrix of scores is built here: rows that
 * avoid it are what the whole operator is for. Heads that several query heads share are repeated, and summed
 * again on the way back.
 */
#include "builder.h"

typedef struct heads {
    hal_graph *graph;
    hal_value q, k, v, bias, start;   /* k and v repeated to the query's heads and widened */
    hal_shape k_shape, v_shape;       /* before that */
    int64_t share;                    /* query heads a key head */
    double scale;
    bool causal;
    hal_dtype wide;
} heads;

/* [b, hk, s, d] -> [b, hk share, s, d]. */
static hal_value repeat(const heads *h, hal_value x) {
    hal_shape shape = hal_build_shape(x), apart = shape;
    if (h->share == 1 || !x.id) return x;
    apart.rank = 5;
    for (uint32_t d = 4; d > 2; d--) apart.size[d] = shape.size[d - 1];
    apart.size[2] = hal_dim_constant(1);
    hal_value split = hal_build_reshape(h->graph, x, 5, apart.size);
    hal_broadcast_attrs a = {HAL_HEAD(hal_broadcast_attrs), .shape = {.n = 5}};
    for (uint32_t d = 0; d < 5; d++) a.shape.v[d] = apart.size[d].symbol < 0 ? apart.size[d].base : 0;
    a.shape.v[2] = h->share;
    split = hal_build_node(h->graph, HAL_OP_BROADCAST, &a, &split, 1);
    shape.size[1] = hal_dim_constant(shape.size[1].base * h->share);
    return hal_build_reshape(h->graph, split, 4, shape.size);
}

/* [b, hk share, s, d] -> [b, hk, s, d], summed. */
static hal_value gather_heads(const heads *h, hal_value x, const hal_shape *shape) {
    hal_dim apart[5] = {shape->size[0], shape->size[1], hal_dim_constant(h->share), shape->size[2],
                        shape->size[3]};
    if (h->share > 1)
        x = hal_build_reduce(h->graph, hal_build_reshape(h->graph, x, 5, apart), HAL_REDUCE_SUM, 1,
                             (const int64_t[]){2}, false);
    return hal_build_cast(h->graph, x, shape->dtype);
}

static heads heads_of(const hal_decompose_call *call, uint32_t first, uint32_t bias, int64_t causal,
                      double scale) {
    const hal_value *in = call->in;
    heads h = {.graph = call->graph, .causal = causal != 0, .k_shape = hal_build_shape(in[first + 1]),
               .v_shape = hal_build_shape(in[first + 2])};
    hal_shape q = hal_build_shape(in[first]);
    h.wide = hal_dtype_accumulate(q.dtype);
    h.share = q.size[1].base / h.k_shape.size[1].base;
    h.scale = scale > 0.0 ? scale : 1.0 / sqrt((double)q.size[3].base);
    h.q = hal_build_cast(h.graph, in[first], h.wide);
    h.k = repeat(&h, hal_build_cast(h.graph, in[first + 1], h.wide));
    h.v = repeat(&h, hal_build_cast(h.graph, in[first + 2], h.wide));
    h.bias = call->n_in > bias ? in[bias] : HAL_NO_VALUE;
    h.start = call->n_in > bias + 1 ? in[bias + 1] : HAL_NO_VALUE;
    return h;
}

/* scale q k^T + bias, -inf where a key is not seen. */
static hal_value scores(const heads *h) {
    hal_graph *g = h->graph;
    hal_value x = hal_build_matmul(g, h->q, h->k, false, true, h->wide);
    if (h->bias.id)
        x = hal_build_pointwise(g, h->wide, (hal_value[]){x, h->bias}, 2, "add(mul(x0, %.17g), x1)",
                                h->scale);
    else x = hal_build_pointwise(g, h->wide, &x, 1, "mul(x0, %.17g)", h->scale);
    if (!h->causal) return x;
    hal_value i = hal_build_append_one(g, hal_build_positions(g, h->q, 2, HAL_I32)),
              j = hal_build_positions(g, h->k, 2, HAL_I32);
    hal_value start = h->start;
    if (!start.id) {
        hal_value sizes[2] = {hal_build_size(g, h->k, 2, HAL_I32), hal_build_size(g, h->q, 2, HAL_I32)};
        start = hal_build_pointwise(g, HAL_I32, sizes, 2, "sub(x0, x1)");
    }
    return hal_build_pointwise(g, h->wide, (hal_value[]){x, j, i, start}, 4,
                               "select(le:i32(x1, add:i32(x2, x3)), x0, neg(inf))");
}

hal_status hal_op_decompose_attention(const hal_decompose_call *call) {
    const hal_attention_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    if (hal_build_shape(call->in[0]).size[3].symbol >= 0)
        return HAL_FAIL(UNSUPPORTED, "attention: the head size is a symbol; make it constant");
    heads h = heads_of(call, 0, 3, a->causal, a->scale);
    hal_value x = scores(&h), max = hal_build_reduce_last(g, x, HAL_REDUCE_MAX);
    /* A query that sees nothing has max -inf; a finite stand-in makes all its powers 0 instead of NaN. */
    hal_value e = hal_build_pointwise(g, h.wide, (hal_value[]){x, max}, 2, "exp(sub(x0, max(x1, -1e38)))");
    hal_value sum = hal_build_reduce_last(g, e, HAL_REDUCE_SUM);
    hal_value p = hal_build_pointwise(g, h.wide, (hal_value[]){e, sum}, 2, "select(x1, div(x0, x1), 0)");
    call->out[0] = hal_build_matmul(g, p, h.v, false, false, h.k_shape.dtype);
    call->out[1] = hal_build_drop_last(
        g, hal_build_pointwise(g, h.wide, (hal_value[]){max, sum}, 2, "add(x0, log(x1))"));
    return hal_graph_status(g);
}

hal_status hal_op_decompose_attention_grad(const hal_decompose_call *call) {
    const hal_attention_grad_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    hal_shape q = hal_build_shape(call->in[1]);
    if (q.size[3].symbol >= 0)
        return HAL_FAIL(UNSUPPORTED, "attention_grad: the head size is a symbol; make it constant");
    heads h = heads_of(call, 1, 6, a->causal, a->scale);
    hal_value dy = hal_build_cast(g, call->in[0], h.wide), lse = hal_build_append_one(g, call->in[5]);
    hal_value p = hal_build_pointwise(g, h.wide, (hal_value[]){scores(&h), lse}, 2,
                                      "select(eq(x0, neg(inf)), 0, exp(sub(x0, x1)))");
    hal_value row = hal_build_pointwise(g, h.wide, (hal_value[]){dy, call->in[4]}, 2, "mul(x0, x1)");
    row = hal_build_reduce_last(g, row, HAL_REDUCE_SUM);
    hal_value dp = hal_build_matmul(g, dy, h.v, false, true, h.wide);
    hal_value ds = hal_build_pointwise(g, h.wide, (hal_value[]){p, dp, row}, 3,
                                       "mul(mul(x0, sub(x1, x2)), %.17g)", h.scale);
    call->out[0] = hal_build_matmul(g, ds, h.k, false, false, q.dtype);
    call->out[1] = gather_heads(&h, hal_build_matmul(g, ds, h.q, true, false, h.wide), &h.k_shape);
    call->out[2] = gather_heads(&h, hal_build_matmul(g, p, dy, true, false, h.wide), &h.v_shape);
    return hal_graph_status(g);
}
