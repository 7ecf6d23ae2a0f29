/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Softmax on the innermost axis of n elements, m = max x, l = sum e^(x - m).
 *   softmax:          y = e^(x - m) / l          magnitude sqrt(n) y (1 + |x - m|): rounding x - m moves the
 *                     power
 *   softmax_grad:     dx = y (dy - s), s = sum dy y            magnitude sqrt(n) y (|dy| + sum |dy y|)
 *   log_softmax:      y = x - m - ln l                         magnitude sqrt(n) (|x| + |m| + |ln l| + 1)
 *   log_softmax_grad: dx = dy - e^y s, s = sum dy              magnitude sqrt(n) (|dy| + e^y (1 + |y|) sum
 *                     |dy|)
 */
#include "array.h"

static double max_of(const double *x, int64_t n) {
    double m = -INFINITY;
    for (int64_t i = 0; i < n; i++) m = isnan(x[i]) || isnan(m) ? NAN : fmax(m, x[i]);
    return m;
}

static double exp_sum(const double *x, int64_t n, double m) {
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i] - m);
    return sum;
}

hal_status hal_op_reference_softmax(const hal_reference_call *call) {
    const hal_array *y = call->out;
    int64_t n = hal_array_inner(y);
    for (int64_t r = 0; r < hal_array_rows(y); r++) {
        const double *x = call->in[0].data + r * n;
        double m = max_of(x, n), l = exp_sum(x, n, m);
        for (int64_t i = 0; i < n; i++) {
            double p = exp(x[i] - m) / l;
            y->data[r * n + i] = p;
            if (y->scale) y->scale[r * n + i] = p > 0.0 ? hal_grown(p * (1.0 + fabs(x[i] - m)), n) : 0.0;
        }
    }
    return HAL_OK;
}

hal_status hal_op_reference_softmax_grad(const hal_reference_call *call) {
    const hal_array *dx = call->out;
    int64_t n = hal_array_inner(dx);
    for (int64_t r = 0; r < hal_array_rows(dx); r++) {
        const double *dy = call->in[0].data + r * n, *y = call->in[1].data + r * n;
        double sum = 0.0, absolute = 0.0;
        for (int64_t i = 0; i < n; i++) {
            sum += dy[i] * y[i];
            absolute += fabs(dy[i] * y[i]);
        }
        for (int64_t i = 0; i < n; i++) {
            dx->data[r * n + i] = y[i] * (dy[i] - sum);
            if (dx->scale) dx->scale[r * n + i] = hal_grown(fabs(y[i]) * (fabs(dy[i]) + absolute), n);
        }
    }
    return HAL_OK;
}

hal_status hal_op_reference_log_softmax(const hal_reference_call *call) {
    const hal_array *y = call->out;
    int64_t n = hal_array_inner(y);
    for (int64_t r = 0; r < hal_array_rows(y); r++) {
        const double *x = call->in[0].data + r * n;
        double m = max_of(x, n), log_l = log(exp_sum(x, n, m));
        for (int64_t i = 0; i < n; i++) {
            y->data[r * n + i] = x[i] - m - log_l;
            if (y->scale) y->scale[r * n + i] = hal_grown(fabs(x[i]) + fabs(m) + fabs(log_l) + 1.0, n);
        }
    }
    return HAL_OK;
}

hal_status hal_op_reference_log_softmax_grad(const hal_reference_call *call) {
    const hal_array *dx = call->out;
    int64_t n = hal_array_inner(dx);
    for (int64_t r = 0; r < hal_array_rows(dx); r++) {
        const double *dy = call->in[0].data + r * n, *y = call->in[1].data + r * n;
        double sum = 0.0, absolute = 0.0;
        for (int64_t i = 0; i < n; i++) {
            sum += dy[i];
            absolute += fabs(dy[i]);
        }
        for (int64_t i = 0; i < n; i++) {
            double p = exp(y[i]);
            dx->data[r * n + i] = dy[i] - p * sum;
            if (dx->scale)
                dx->scale[r * n + i] = hal_grown(fabs(dy[i]) + p * (1.0 + fabs(y[i])) * absolute, n);
        }
    }
    return HAL_OK;
}
