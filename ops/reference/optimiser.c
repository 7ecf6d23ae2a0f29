/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Optimiser steps, element by element.
 *   adamw (Loshchilov and Hutter, arXiv 1711.05101), G = g scale:
 *          m' = b1 m + (1 - b1) G, v' = b2 v + (1 - b2) G^2,
 *          p' = p (1 - lr decay) - lr / (1 - b1^step) m' / (sqrt(v' / (1 - b2^step)) + eps)
 *   sgd:   G = g scale + decay p, m' = momentum m + G, p' = p - lr (nesterov ? G + momentum m' : m')
 * Magnitudes: the sum of the terms' absolute values.
 */
#include "array.h"

static void store(hal_array *y, int64_t i, double value, double magnitude) {
    y->data[i] = value;
    if (y->scale) y->scale[i] = magnitude;
}

hal_status hal_op_reference_adamw(const hal_reference_call *call) {
    const hal_adamw_attrs *a = call->attrs;
    const hal_array *in = call->in;
    double lr = in[4].data[0], step = in[5].data[0];
    double c1 = 1.0 - pow(a->beta1, step), c2 = 1.0 - pow(a->beta2, step);
    for (int64_t i = 0; i < in[0].n; i++) {
        double p = in[0].data[i], g = in[1].data[i] * in[6].data[0];
        double m0 = a->beta1 * in[2].data[i], m1 = (1.0 - a->beta1) * g, m = m0 + m1;
        double v = a->beta2 * in[3].data[i] + (1.0 - a->beta2) * g * g;
        double rate = lr / c1 / (sqrt(v / c2) + a->eps);
        store(&call->out[0], i, p * (1.0 - lr * a->decay) - rate * m,
              fabs(p) + fabs(rate) * (fabs(m0) + fabs(m1)));
        store(&call->out[1], i, m, fabs(m0) + fabs(m1));
        store(&call->out[2], i, v, v);
    }
    return HAL_OK;
}

hal_status hal_op_reference_sgd(const hal_reference_call *call) {
    const hal_sgd_attrs *a = call->attrs;
    const hal_array *in = call->in;
    double lr = in[3].data[0];
    for (int64_t i = 0; i < in[0].n; i++) {
        double p = in[0].data[i], g0 = in[1].data[i] * in[4].data[0], g1 = a->decay * p,
               m0 = a->momentum * in[2].data[i];
        double m = m0 + g0 + g1, wide = fabs(m0) + fabs(g0) + fabs(g1);
        double move = a->nesterov ? g0 + g1 + a->momentum * m : m;
        double move_wide = a->nesterov ? fabs(g0) + fabs(g1) + a->momentum * wide : wide;
        store(&call->out[0], i, p - lr * move, fabs(p) + fabs(lr) * move_wide);
        store(&call->out[1], i, m, wide);
    }
    return HAL_OK;
}
