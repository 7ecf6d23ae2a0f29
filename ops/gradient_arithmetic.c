/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of pointwise, reduce, scan and matmul. */
#include "builder.h"
#include "gradient_expr.h"

/* ------------------------------------------------------------------------------------------- pointwise -- */

/* What dx is computed in: wide when it is summed over a broadcast afterwards. */
static hal_dtype part_dtype(const hal_gradient_call *call, uint32_t input) {
    hal_shape x = hal_build_shape(call->in[input]), y = hal_build_shape(call->out[0]);
    bool same = x.rank == y.rank;
    for (uint32_t d = 0; same && d < x.rank; d++) same = hal_dim_equal(x.size[d], y.size[d]);
    return same ? x.dtype : hal_dtype_accumulate(x.dtype);
}

/* One node for the derivatives with respect to up to four inputs. */
static hal_status chunk_build(const hal_gradient_call *call, const hal_expr_gradient *g, const uint8_t *wrt,
                              uint32_t n) {
    hal_pointwise_attrs a = {HAL_HEAD(hal_pointwise_attrs), .expr = g->expr};
    hal_value in[HAL_EXPR_MAX_INPUTS], out[HAL_EXPR_MAX_OUTPUTS] = {HAL_NO_VALUE};
    uint32_t o = 0;
    for (uint32_t i = 0; i < g->expr.n_inputs; i++)
        in[i] = g->source[i] < call->n_in ? call->in[g->source[i]] : call->dout[g->source[i] - call->n_in];
    for (uint32_t k = 0; k < n; k++)
        if (g->flows[k]) a.expr.output_dtype[o++] = (uint8_t)part_dtype(call, wrt[k]);
    if (!o) return HAL_OK;
    bool passed = g->expr.n_steps == 0;
    for (uint32_t i = 0; i < o; i++) passed = passed && g->expr.output[i] < HAL_EXPR_CONSTANT;
    for (uint32_t i = 0; passed && i < o; i++) out[i] = in[g->expr.output[i] - HAL_EXPR_INPUT];
    if (!passed) HAL_TRY(hal_graph_node(call->graph, HAL_OP_POINTWISE, &a, in, g->expr.n_inputs, out, o));
    o = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (!g->flows[k]) continue;
        hal_shape x = hal_build_shape(call->in[wrt[k]]);
        hal_value part = hal_build_cast(call->graph, out[o++], part_dtype(call, wrt[k]));
        call->din[wrt[k]] = hal_build_cast(call->graph, hal_build_reduce_to(call->graph, part, &x), x.dtype);
    }
    return HAL_OK;
}

static hal_dtype step_dtype(const hal_gradient_call *call, const hal_expr *f) {
    for (uint32_t i = 0; i < f->n_steps; i++)
        if (f->step[i].dtype == HAL_F64) return HAL_F64;
    for (uint32_t i = 0; i < call->n_in; i++)
        if (hal_build_shape(call->in[i]).dtype == HAL_F64) return HAL_F64;
    return HAL_F32;
}

/* Differentiates with respect to n inputs at once, or one by one where that does not fit. */
static hal_status chunk(const hal_gradient_call *call, const hal_expr *f, uint32_t have, const uint8_t *wrt,
                        uint32_t n) {
    hal_expr_gradient g;
    hal_status status = hal_expr_differentiate(f, have, wrt, n, step_dtype(call, f), &g);
    if (status == HAL_OK) return chunk_build(call, &g, wrt, n);
    if (n == 1) return status;
    for (uint32_t k = 0; k < n; k++) HAL_TRY(chunk(call, f, have, wrt + k, 1));
    return HAL_OK;
}

hal_status hal_op_gradient_pointwise(const hal_gradient_call *call) {
    const hal_pointwise_attrs *a = call->attrs;
    uint8_t wrt[HAL_EXPR_MAX_OUTPUTS];
    uint32_t n = 0, have = 0;
    hal_expr f = a->expr;
    f.n_inputs = call->n_in;
    for (uint32_t o = 0; o < call->n_out; o++)
        if (call->dout[o].id && hal_dtype_is_float(hal_build_shape(call->out[o]).dtype)) have |= 1u << o;
    for (uint32_t i = 0; i < call->n_in; i++) {
        if (call->wanted[i]) wrt[n++] = (uint8_t)i;
        if (n < HAL_EXPR_MAX_OUTPUTS && i + 1 < call->n_in) continue;
        if (n) HAL_TRY(chunk(call, &f, have, wrt, n));
        n = 0;
    }
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------------- reduce -- */

/* Elements summed into one of the outputs, as a 0-d value or a number. */
static double reduced_count(const hal_shape *x, uint32_t reduced, bool *known) {
    double count = 1.0;
    *known = true;
    for (uint32_t d = 0; d < x->rank; d++) {
        if (!(reduced >> d & 1u)) continue;
        *known = *known && x->size[d].symbol < 0;
        count *= (double)x->size[d].base;
    }
    return count;
}

static uint32_t reduced_axes(const hal_reduce_attrs *a, uint32_t rank) {
    uint32_t mask = a->axes.n ? 0 : (1u << rank) - 1u;
    for (int64_t i = 0; i < a->axes.n; i++)
        mask |= 1u << (a->axes.v[i] < 0 ? a->axes.v[i] + (int64_t)rank : a->axes.v[i]);
    return mask;
}

/* `y` with size 1 on the reduced axes, so that it broadcasts to x. */
static hal_value kept(const hal_gradient_call *call, hal_value y, uint32_t reduced) {
    hal_shape x = hal_build_shape(call->in[0]);
    for (uint32_t d = 0; d < x.rank; d++)
        if (reduced >> d & 1u) x.size[d] = hal_dim_constant(1);
    return hal_build_reshape(call->graph, y, x.rank, x.size);
}

/* max and min: equal elements share the gradient. */
static hal_value extreme_back(const hal_gradient_call *call, const hal_reduce_attrs *a, hal_value dy,
                              hal_value y) {
    hal_graph *g = call->graph;
    hal_dtype dtype = hal_build_shape(call->in[0]).dtype;
    hal_value hit = hal_build_pointwise(g, hal_dtype_accumulate(dtype), (hal_value[]){call->in[0], y}, 2,
                                        "eq(x0, x1)");
    hal_value count = hal_build_reduce(g, hit, HAL_REDUCE_SUM, (uint32_t)a->axes.n, a->axes.v, true);
    hal_value in[4] = {dy, call->in[0], y, count};
    return hal_build_pointwise(g, hal_dtype_accumulate(dtype), in, 4,
                               "e = eq(x1, x2); t = mul(x0, e); div(t, x3)");
}

hal_status hal_op_gradient_reduce(const hal_gradient_call *call) {
    const hal_reduce_attrs *a = call->attrs;
    hal_graph *g = call->graph;
    hal_value x = call->in[0];
    hal_shape shape = hal_build_shape(x);
    uint32_t reduced = reduced_axes(a, shape.rank);
    hal_dtype wide = hal_dtype_accumulate(shape.dtype);
    hal_value dy = kept(call, call->dout[0], reduced), y = HAL_NO_VALUE, dx = dy;
    bool known;
    double count = reduced_count(&shape, reduced, &known);
    if (a->kind == HAL_REDUCE_MAX || a->kind == HAL_REDUCE_MIN || a->kind == HAL_REDUCE_PROD)
        y = kept(call, call->out[0], reduced);
    switch (a->kind) {
    case HAL_REDUCE_MEAN:
        if (!known)
            return HAL_FAIL(UNSUPPORTED,
                            "gradient of a mean over a symbolic size; use a sum and divide by the size");
        dx = hal_build_pointwise(g, wide, &dy, 1, "div(x0, %.17g)", count);
        break;
    case HAL_REDUCE_MAX:
    case HAL_REDUCE_MIN: dx = extreme_back(call, a, dy, y); break;
    case HAL_REDUCE_PROD: /* holds where no factor is 0 */
        dx = hal_build_pointwise(g, wide, (hal_value[]){dy, y, x}, 3, "t = mul(x0, x1); div(t, x2)");
        break;
    case HAL_REDUCE_SUM_SQUARE:
        dx = hal_build_pointwise(g, wide, (hal_value[]){dy, x}, 2, "t = mul(x0, 2); mul(t, x1)");
        break;
    default: break;
    }
    call->din[0] = hal_build_cast(g, hal_build_broadcast(g, dx, x), shape.dtype);
    return HAL_OK;
}

hal_status hal_op_gradient_square_sum(const hal_gradient_call *call) {
    hal_value x = call->in[0];
    hal_dtype dtype = hal_build_shape(x).dtype;
    hal_value dx = hal_build_pointwise(call->graph, hal_dtype_accumulate(dtype),
                                       (hal_value[]){x, call->dout[0]}, 2, "t = mul(x1, 2); mul(x0, t)");
    call->din[0] = hal_build_cast(call->graph, dx, dtype);
    return HAL_OK;
}

hal_status hal_op_gradient_scan(const hal_gradient_call *call) {
    hal_scan_attrs a = *(const hal_scan_attrs *)call->attrs;
    a.reverse = !a.reverse;
    call->din[0] = hal_build_node(call->graph, HAL_OP_SCAN, &a, call->dout, 1);
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------------- matmul -- */

/* x as a matrix [rows, last]; x itself where the last size is a symbol or x is one. */
static hal_value flat(hal_graph *g, hal_value x) {
    hal_shape shape = hal_build_shape(x);
    if (shape.rank <= 2) return x;
    int64_t size[2] = {-1, shape.size[shape.rank - 1].base};
    return hal_graph_reshape(g, x, 2, size);
}

static bool flattens(hal_value x) {
    hal_shape shape = hal_build_shape(x);
    return shape.rank >= 2 && shape.size[shape.rank - 1].symbol < 0 && shape.size[shape.rank - 1].base > 0;
}

/* A product summed over the batches that `like` was broadcast over. */
static hal_value product(hal_graph *g, hal_value a, hal_value b, bool ta, bool tb, hal_value like) {
    hal_shape shape = hal_build_shape(like), sa = hal_build_shape(a), sb = hal_build_shape(b);
    bool broadcast = sa.rank > shape.rank || sb.rank > shape.rank;
    for (uint32_t d = 2; !broadcast && d < shape.rank; d++) {
        hal_dim own = shape.size[shape.rank - 1 - d];
        broadcast = (d < sa.rank && !hal_dim_equal(sa.size[sa.rank - 1 - d], own) &&
                     hal_dim_equal(own, hal_dim_constant(1))) ||
                    (d < sb.rank && !hal_dim_equal(sb.size[sb.rank - 1 - d], own) &&
                     hal_dim_equal(own, hal_dim_constant(1)));
    }
    if (!broadcast) return hal_build_matmul(g, a, b, ta, tb, shape.dtype);
    hal_value wide = hal_build_matmul(g, a, b, ta, tb, hal_dtype_accumulate(shape.dtype));
    return hal_build_cast(g, hal_build_reduce_to(g, wide, &shape), shape.dtype);
}

static hal_value left_back(const hal_gradient_call *call, const hal_matmul_attrs *t, hal_value dc) {
    hal_value b = call->in[1];
    if (t->transpose_a) return product(call->graph, b, dc, t->transpose_b, true, call->in[0]);
    return product(call->graph, dc, b, false, !t->transpose_b, call->in[0]);
}

static hal_value right_back(const hal_gradient_call *call, const hal_matmul_attrs *t, hal_value dc) {
    hal_value a = call->in[0];
    /* One matrix under a batch of rows, as in a linear layer: a single product over all rows. */
    if (!t->transpose_a && hal_build_shape(call->in[1]).rank == 2 && flattens(a) && flattens(dc)) {
        a = flat(call->graph, a);
        dc = flat(call->graph, dc);
    }
    if (t->transpose_b) return product(call->graph, dc, a, true, t->transpose_a, call->in[1]);
    return product(call->graph, a, dc, !t->transpose_a, false, call->in[1]);
}

hal_status hal_op_gradient_matmul(const hal_gradient_call *call) {
    const hal_matmul_attrs *t = call->attrs;
    if (t->expr.n_outputs)
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of a matmul with an epilogue; differentiate the graph before fusing it");
    hal_value dc = hal_build_cast(call->graph, call->dout[0], hal_build_shape(call->in[0]).dtype);
    if (call->wanted[0]) call->din[0] = left_back(call, t, dc);
    if (call->wanted[1]) call->din[1] = right_back(call, t, dc);
    return HAL_OK;
}
