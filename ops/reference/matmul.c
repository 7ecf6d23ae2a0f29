/* SPDX-License-Identifier: Apache-2.0 */
/*
 * matmul: c[.., i, j] = sum_k a[.., i, k] b[.., k, j]; magnitude sqrt(k) sum |a| |b|. With an expression, x0
 * = that sum rounded to the accumulating dtype, and its error goes through the steps as in pointwise.c.
 */
#include "array.h"

typedef struct product {
    const hal_array *a, *b;
    uint32_t rank;
    int64_t m, n, k, a_i, a_k, b_k, b_j;
} product;

static product product_of(const hal_matmul_attrs *t, const hal_array *a, const hal_array *b,
                          const hal_array *c) {
    uint32_t ra = a->rank - 2, rb = b->rank - 2;
    product p = {.a = a, .b = b, .rank = c->rank};
    p.m = a->size[ra + (t->transpose_a ? 1 : 0)];
    p.k = a->size[ra + (t->transpose_a ? 0 : 1)];
    p.n = b->size[rb + (t->transpose_b ? 0 : 1)];
    p.a_i = t->transpose_a ? 1 : p.k;
    p.a_k = t->transpose_a ? p.m : 1;
    p.b_k = t->transpose_b ? 1 : p.n;
    p.b_j = t->transpose_b ? p.k : 1;
    return p;
}

/* Offset of the matrix of `x` that lies under a batch index; leading axes align innermost and broadcast. */
static int64_t matrix_of(const hal_array *x, const int64_t *index, uint32_t rank) {
    hal_array batch = *x;
    batch.rank = x->rank - 2;
    return hal_array_broadcast_index(&batch, index, rank - 2) * x->size[x->rank - 2] * x->size[x->rank - 1];
}

static double product_at(const product *p, const int64_t *index, double *magnitude) {
    const double *a = p->a->data + matrix_of(p->a, index, p->rank) + index[p->rank - 2] * p->a_i;
    const double *b = p->b->data + matrix_of(p->b, index, p->rank) + index[p->rank - 1] * p->b_j;
    double sum = 0.0, lost = 0.0, absolute = 0.0;
    for (int64_t k = 0; k < p->k; k++) {
        double t = a[k * p->a_k] * b[k * p->b_k];
        sum = hal_reference_add(sum, t, &lost);
        absolute += fabs(t);
    }
    *magnitude = hal_grown(absolute, p->k);
    return sum + lost;
}

static void epilogue(const hal_reference_call *call, const int64_t *index, int64_t i, double sum,
                     double magnitude) {
    const hal_matmul_attrs *t = call->attrs;
    double in[HAL_EXPR_MAX_INPUTS] = {0}, in_error[HAL_EXPR_MAX_INPUTS] = {0};
    double out[HAL_EXPR_MAX_OUTPUTS], error[HAL_EXPR_MAX_OUTPUTS];
    bool wide = call->in[0].dtype == HAL_F64;
    in[0] = wide ? sum : hal_round_to(HAL_F32, sum);
    in_error[0] = hal_reference_bound(HAL_OP_MATMUL, HAL_F32) * magnitude;
    for (uint32_t k = 2; k < call->n_in; k++)
        in[k - 1] = call->in[k].data[hal_array_broadcast_index(&call->in[k], index, call->out->rank)];
    hal_reference_expr(&t->expr, in, in_error, out, call->out[0].scale ? error : NULL);
    for (uint32_t o = 0; o < call->n_out; o++) {
        call->out[o].data[i] = out[o];
        if (call->out[0].scale && call->out[o].scale)
            call->out[o].scale[i] = error[o] / hal_reference_bound(HAL_OP_MATMUL, call->out[o].dtype);
    }
}

hal_status hal_op_reference_matmul(const hal_reference_call *call) {
    const hal_matmul_attrs *t = call->attrs;
    hal_array *c = call->out;
    product p = product_of(t, &call->in[0], &call->in[1], c);
    int64_t index[HAL_MAX_RANK];
    for (int64_t i = 0; i < c->n; i++) {
        double magnitude;
        hal_array_unravel(c, i, index);
        double sum = product_at(&p, index, &magnitude);
        if (t->expr.n_outputs) {
            epilogue(call, index, i, sum, magnitude);
            continue;
        }
        c->data[i] = sum;
        if (c->scale) c->scale[i] = magnitude;
    }
    return HAL_OK;
}
