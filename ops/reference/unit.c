/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rotary embedding and gated units.
 *   rotary: pairs (a, b) = (x[i], x[i + d/2]) or (x[2i], x[2i+1]), angle = position base^(-2i/d), negated for
 *           the inverse: (a cos - b sin, b cos + a sin); magnitude (|a| + |b|) (1 + |angle|): the angle
 *           itself is rounded
 *   gated:  y = act(gate) up; magnitude |gate up|, what act multiplies
 */
#include "array.h"

static void turn(const hal_rotary_attrs *a, const double *x, double *y, double *scale, int64_t d,
                 double position) {
    for (int64_t i = 0; i < d / 2; i++) {
        int64_t p = a->interleaved ? 2 * i : i, q = a->interleaved ? 2 * i + 1 : i + d / 2;
        double angle = position * pow(a->base, -2.0 * (double)i / (double)d) * (a->inverse ? -1.0 : 1.0);
        double c = cos(angle), s = sin(angle);
        y[p] = x[p] * c - x[q] * s;
        y[q] = x[q] * c + x[p] * s;
        if (scale) scale[p] = scale[q] = (fabs(x[p]) + fabs(x[q])) * (1.0 + fabs(angle));
    }
}

hal_status hal_op_reference_rotary(const hal_reference_call *call) {
    const hal_array *x = call->in, *y = call->out;
    int64_t d = hal_array_inner(x), t = x->size[x->rank - 2];
    for (int64_t r = 0; r < hal_array_rows(x); r++)
        turn(call->attrs, x->data + r * d, y->data + r * d, y->scale ? y->scale + r * d : NULL, d,
             call->in[1].data[r % t]);
    return HAL_OK;
}

static double activate(int64_t kind, double x) {
    static const double root = 0.79788456080286535588; /* sqrt(2 / pi) */
    switch (kind) {
    case 0: return x / (1.0 + exp(-x));
    case 1: return 0.5 * x * erfc(-x * M_SQRT1_2);
    case 2: return 0.5 * x * (1.0 + tanh(root * (x + 0.044715 * x * x * x)));
    case 3: return x > 0.0 || isnan(x) ? x : 0.0;
    default: return 1.0 / (1.0 + exp(-x));
    }
}

hal_status hal_op_reference_gated(const hal_reference_call *call) {
    const hal_gated_attrs *a = call->attrs;
    const hal_array *y = call->out;
    for (int64_t i = 0; i < y->n; i++) {
        double gate = call->in[0].data[i], up = call->in[1].data[i];
        y->data[i] = activate(a->activation, gate) * up;
        if (y->scale) y->scale[i] = fabs(a->activation == 4 ? y->data[i] : gate * up);
    }
    return HAL_OK;
}
