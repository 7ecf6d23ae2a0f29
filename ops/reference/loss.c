/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cross entropy over rows of v logits; a row counts when its target lies in [0, v).
 *   cross_entropy:      lse = m + ln sum e^(x - m); loss = mean over counted rows of lse - x[target], 0 when
 *                       none counts
 *   cross_entropy_grad: dx = dloss / counted (e^(x - lse) - [i == target]), 0 for rows not counted
 * Magnitudes: lse sqrt(v) (1 + |m| + |ln l|); loss the mean of that plus |x[target]|; dx |dloss| / counted
 * (p (1 + |x| + |lse|) + [i == target]).
 */
#include "array.h"

static double lse_of(const double *x, int64_t v, double *magnitude) {
    double m = -INFINITY, l = 0.0;
    for (int64_t i = 0; i < v; i++) m = fmax(m, x[i]);
    for (int64_t i = 0; i < v; i++) l += exp(x[i] - m);
    *magnitude = hal_grown(1.0 + fabs(m) + fabs(log(l)), v);
    return m + log(l);
}

static bool counts(double target, int64_t v) { return target >= 0.0 && target < (double)v; }

hal_status hal_op_reference_cross_entropy(const hal_reference_call *call) {
    const hal_array *x = call->in, *loss = &call->out[0], *lse = &call->out[1];
    int64_t v = hal_array_inner(x), rows = hal_array_rows(x), counted = 0;
    double sum = 0.0, absolute = 0.0, magnitude;
    for (int64_t r = 0; r < rows; r++) {
        double target = call->in[1].data[r];
        lse->data[r] = lse_of(x->data + r * v, v, &magnitude);
        if (lse->scale) lse->scale[r] = magnitude;
        if (!counts(target, v)) continue;
        double picked = x->data[r * v + (int64_t)target];
        counted++;
        sum += lse->data[r] - picked;
        absolute += magnitude + fabs(picked);
    }
    loss->data[0] = counted ? sum / (double)counted : 0.0;
    if (loss->scale) loss->scale[0] = counted ? hal_grown(absolute / (double)counted, counted) : 0.0;
    return HAL_OK;
}

hal_status hal_op_reference_cross_entropy_grad(const hal_reference_call *call) {
    const hal_array *x = &call->in[1], *dx = call->out;
    const double *target = call->in[2].data, *lse = call->in[3].data;
    int64_t v = hal_array_inner(x), rows = hal_array_rows(x), counted = 0;
    for (int64_t r = 0; r < rows; r++) counted += counts(target[r], v);
    double factor = counted ? call->in[0].data[0] / (double)counted : 0.0;
    for (int64_t i = 0; i < dx->n; i++) {
        int64_t r = i / v;
        double p = exp(x->data[i] - lse[r]), hit = i % v == (int64_t)target[r] ? 1.0 : 0.0;
        bool used = counts(target[r], v);
        dx->data[i] = used ? factor * (p - hit) : 0.0;
        if (dx->scale)
            dx->scale[i] = used ? fabs(factor) * (p * (1.0 + fabs(x->data[i]) + fabs(lse[r])) + hit) : 0.0;
    }
    return HAL_OK;
}
