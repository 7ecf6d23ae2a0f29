/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normalisation over the innermost axis of d elements.
 *   layer_norm: mean = sum x / d, rstd = 1 / sqrt(sum (x - mean)^2 / d + eps), y = (x - mean) rstd w + b
 *   rms_norm:   rstd = 1 / sqrt(sum x^2 / d + eps), y = x rstd w
 * With h the normalised x and g = dy w:
 *   layer_norm_grad: dx = rstd (g - mean g - h mean(g h)), dweight = sum dy h, dbias = sum dy over rows
 *   rms_norm_grad:   dx = rstd (g - h mean(g h)), dweight = sum dy h
 * Magnitudes: with a = sum |x| / d, rounding the mean moves x - mean by a, so rstd by rstd (1 + a rstd)
 * relative to a unit.
 */
#include "array.h"

typedef struct row { double mean, rstd, spread; } row;   /* spread: 1 + a rstd, 1 without a mean */

static row row_of(const double *x, int64_t d, double eps, bool centred) {
    double sum = 0.0, absolute = 0.0, square = 0.0, n = (double)d;
    for (int64_t i = 0; i < d; i++) {
        sum += x[i];
        absolute += fabs(x[i]);
    }
    row r = {.mean = centred ? sum / n : 0.0};
    for (int64_t i = 0; i < d; i++) square += (x[i] - r.mean) * (x[i] - r.mean);
    r.rstd = 1.0 / sqrt(square / n + eps);
    r.spread = centred ? 1.0 + absolute / n * r.rstd : 1.0;
    return r;
}

static void normalise_row(const hal_reference_call *call, int64_t r, const row *stat, int64_t d) {
    const double *x = call->in[0].data + r * d, *w = call->in[1].data;
    const hal_array *y = call->out;
    bool biased = hal_array_present(call, 2);
    for (int64_t i = 0; i < d; i++) {
        double h = (x[i] - stat->mean) * stat->rstd, b = biased ? call->in[2].data[i] : 0.0;
        y->data[r * d + i] = h * w[i] + b;
        if (y->scale)
            y->scale[r * d + i] = hal_grown(
                (fabs(x[i]) * stat->rstd + (fabs(h) + 1.0) * stat->spread) * fabs(w[i]) + fabs(b), d);
    }
}

hal_status hal_op_reference_layer_norm(const hal_reference_call *call) {
    const hal_layer_norm_attrs *a = call->attrs;
    const hal_array *x = call->in, *mean = &call->out[1], *rstd = &call->out[2];
    int64_t d = hal_array_inner(x);
    for (int64_t r = 0; r < hal_array_rows(x); r++) {
        row stat = row_of(x->data + r * d, d, a->eps, true);
        normalise_row(call, r, &stat, d);
        mean->data[r] = stat.mean;
        rstd->data[r] = stat.rstd;
        if (mean->scale) mean->scale[r] = hal_grown((stat.spread - 1.0) / stat.rstd, d);
        if (rstd->scale) rstd->scale[r] = hal_grown(stat.rstd * stat.spread, d);
    }
    return HAL_OK;
}

hal_status hal_op_reference_rms_norm(const hal_reference_call *call) {
    const hal_rms_norm_attrs *a = call->attrs;
    const hal_array *x = call->in, *rstd = &call->out[1];
    int64_t d = hal_array_inner(x);
    for (int64_t r = 0; r < hal_array_rows(x); r++) {
        row stat = row_of(x->data + r * d, d, a->eps, false);
        normalise_row(call, r, &stat, d);
        rstd->data[r] = stat.rstd;
        if (rstd->scale) rstd->scale[r] = hal_grown(stat.rstd, d);
    }
    return HAL_OK;
}

/* dx of one row; `centred` adds the mean terms. */
static void grad_row(const double *dy, const double *x, const double *w, row stat, bool centred, int64_t d,
                     double *dx, double *scale) {
    double g_sum = 0.0, gh_sum = 0.0, g_abs = 0.0, gh_abs = 0.0, n = (double)d;
    for (int64_t i = 0; i < d; i++) {
        double g = dy[i] * w[i], h = (x[i] - stat.mean) * stat.rstd;
        g_sum += g;
        gh_sum += g * h;
        g_abs += fabs(g);
        gh_abs += fabs(g) * (fabs(x[i]) + fabs(stat.mean)) * fabs(stat.rstd);
    }
    for (int64_t i = 0; i < d; i++) {
        double g = dy[i] * w[i], h = (x[i] - stat.mean) * stat.rstd;
        double wide = (fabs(x[i]) + fabs(stat.mean)) * fabs(stat.rstd);
        dx[i] = stat.rstd * (g - (centred ? g_sum / n : 0.0) - h * gh_sum / n);
        if (scale)
            scale[i] = hal_grown(
                fabs(stat.rstd) * (fabs(g) + (centred ? g_abs / n : 0.0) + wide * gh_abs / n), d);
    }
}

/* dweight (and dbias) over all rows. */
static void grad_parameters(const hal_reference_call *call, const double *mean, const double *rstd) {
    const double *dy = call->in[0].data, *x = call->in[1].data;
    const hal_array *dw = &call->out[1], *db = call->n_out > 2 ? &call->out[2] : NULL;
    int64_t d = hal_array_inner(call->in), rows = hal_array_rows(call->in);
    for (int64_t i = 0; i < d; i++) {
        double w_sum = 0.0, w_abs = 0.0, b_sum = 0.0, b_abs = 0.0;
        for (int64_t r = 0; r < rows; r++) {
            double m = mean ? mean[r] : 0.0, g = dy[r * d + i];
            w_sum += g * (x[r * d + i] - m) * rstd[r];
            w_abs += fabs(g * rstd[r]) * (fabs(x[r * d + i]) + fabs(m));
            b_sum += g;
            b_abs += fabs(g);
        }
        dw->data[i] = w_sum;
        if (dw->scale) dw->scale[i] = hal_grown(w_abs, rows);
        if (db) db->data[i] = b_sum;
        if (db && db->scale) db->scale[i] = hal_grown(b_abs, rows);
    }
}

static hal_status norm_grad(const hal_reference_call *call, const double *mean, const double *rstd) {
    int64_t d = hal_array_inner(call->in);
    const hal_array *dx = call->out;
    for (int64_t r = 0; r < hal_array_rows(call->in); r++) {
        row stat = {.mean = mean ? mean[r] : 0.0, .rstd = rstd[r]};
        grad_row(call->in[0].data + r * d, call->in[1].data + r * d, call->in[2].data, stat, mean != NULL, d,
                 dx->data + r * d, dx->scale ? dx->scale + r * d : NULL);
    }
    grad_parameters(call, mean, rstd);
    return HAL_OK;
}

hal_status hal_op_reference_layer_norm_grad(const hal_reference_call *call) {
    return norm_grad(call, call->in[3].data, call->in[4].data);
}

hal_status hal_op_reference_rms_norm_grad(const hal_reference_call *call) {
    return norm_grad(call, NULL, call->in[3].data);
}
