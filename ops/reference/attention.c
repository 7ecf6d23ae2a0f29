/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention (Dao, arXiv 2307.08691), q [b, hq, t, d], k [b, hk, s, d], v [b, hk, s, e]; query head h reads
 * key head h / (hq / hk). x_ij = scale q_i . k_j + bias_ij, -inf where causal and j > start + i.
 *   forward:  m = max_j x_ij, l = sum_j e^(x_ij - m), y_i = sum_j e^(x_ij - m) / l v_j, lse_i = m + ln l;
 *             a query that sees no key gives y = 0 and lse = -inf
 *   backward: p = e^(x - lse), dv_j = sum_i p_ij dy_i, ds_ij = p_ij (dy_i . v_j - dy_i . y_i),
 *             dq_i = scale sum_j ds_ij k_j, dk_j = scale sum_i ds_ij q_i
 * Magnitudes: an error of e in x is one of e p in p, and e is about X_ij = |scale| sum |q k| + |bias|: every
 * term is weighted with 1 + X + |lse|; growth is that of the longest sum.
 */
#include "array.h"

typedef struct view {
    const hal_array *q, *k, *v, *bias;
    int64_t batch, heads, key_heads, t, s, d, e, start, longest;
    double scale;
    bool causal;
} view;

static view view_of(const hal_reference_call *call, uint32_t first, uint32_t bias, int64_t causal,
                    double scale) {
    const hal_array *q = &call->in[first], *k = q + 1, *v = q + 2;
    view w = {.q = q,
              .k = k,
              .v = v,
              .batch = q->size[0],
              .heads = q->size[1],
              .key_heads = k->size[1],
              .t = q->size[2],
              .s = k->size[2],
              .d = q->size[3],
              .e = v->size[3],
              .causal = causal != 0};
    w.bias = hal_array_present(call, bias) ? &call->in[bias] : NULL;
    w.start = hal_array_present(call, bias + 1) ? (int64_t)call->in[bias + 1].data[0] : w.s - w.t;
    w.scale = scale > 0.0 ? scale : 1.0 / sqrt((double)w.d);
    w.longest = w.d > w.s ? w.d : w.s;
    if (w.t > w.longest) w.longest = w.t;
    return w;
}

static const double *row(const hal_array *x, int64_t b, int64_t h, int64_t i) {
    return x->data + ((b * x->size[1] + h) * x->size[2] + i) * x->size[3];
}

static int64_t key_head(const view *w, int64_t h) { return h / (w->heads / w->key_heads); }

static double dot(const double *a, const double *b, int64_t n, double *absolute) {
    double sum = 0.0;
    *absolute = 0.0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
        *absolute += fabs(a[i] * b[i]);
    }
    return sum;
}

/* x_ij and its magnitude; -inf when query i does not see key j. */
static double score(const view *w, int64_t b, int64_t h, int64_t i, int64_t j, double *magnitude) {
    *magnitude = 0.0;
    if (w->causal && j > w->start + i) return -INFINITY;
    double x = w->scale * dot(row(w->q, b, h, i), row(w->k, b, key_head(w, h), j), w->d, magnitude);
    *magnitude *= w->scale;
    if (w->bias) {
        int64_t index[4] = {b, h, i, j};
        double bias = w->bias->data[hal_array_broadcast_index(w->bias, index, 4)];
        if (bias == -INFINITY) return bias;
        x += bias;
        *magnitude += fabs(bias);
    }
    return x;
}

/* y and lse of one query; x and magnitude hold s numbers each. */
static void query(const view *w, int64_t b, int64_t h, int64_t i, double *x, double *magnitude, hal_array *y,
                  hal_array *lse) {
    double m = -INFINITY, l = 0.0, widest = 0.0;
    for (int64_t j = 0; j < w->s; j++) {
        x[j] = score(w, b, h, i, j, &magnitude[j]);
        m = fmax(m, x[j]);
        widest = fmax(widest, magnitude[j]);
    }
    for (int64_t j = 0; j < w->s && m > -INFINITY; j++) l += exp(x[j] - m);
    int64_t at = (b * w->heads + h) * w->t + i;
    lse->data[at] = m > -INFINITY ? m + log(l) : -INFINITY;
    if (lse->scale) lse->scale[at] = hal_grown(1.0 + widest, w->longest);
    for (int64_t c = 0; c < w->e; c++) {
        double sum = 0.0, absolute = 0.0;
        for (int64_t j = 0; j < w->s && m > -INFINITY; j++) {
            double t = exp(x[j] - m) / l * row(w->v, b, key_head(w, h), j)[c];
            sum += t;
            absolute += fabs(t) * (1.0 + magnitude[j] + fabs(m));
        }
        y->data[at * w->e + c] = sum;
        if (y->scale) y->scale[at * w->e + c] = hal_grown(absolute, w->longest);
    }
}

hal_status hal_op_reference_attention(const hal_reference_call *call) {
    const hal_attention_attrs *a = call->attrs;
    view w = view_of(call, 0, 3, a->causal, a->scale);
    double *x = hal_allocate_array(call->allocator, (size_t)w.s * 2 + 1, sizeof *x);
    if (!x) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t b = 0; b < w.batch; b++)
        for (int64_t h = 0; h < w.heads; h++)
            for (int64_t i = 0; i < w.t; i++) query(&w, b, h, i, x, x + w.s, &call->out[0], &call->out[1]);
    hal_deallocate(call->allocator, x);
    return HAL_OK;
}

/* out[at + c] += factor * term[c], and the same for the magnitudes. */
static void accumulate(hal_array *out, int64_t at, int64_t n, double factor, double weight,
                       const double *term) {
    for (int64_t c = 0; c < n; c++) {
        out->data[at + c] += factor * term[c];
        if (out->scale) out->scale[at + c] += weight * fabs(term[c]);
    }
}

static void pair_grad(const view *w, const hal_reference_call *call, int64_t b, int64_t h, int64_t i,
                      int64_t j) {
    double magnitude, dv_abs, dy_abs, lse = call->in[5].data[(b * w->heads + h) * w->t + i];
    double x = score(w, b, h, i, j, &magnitude);
    if (x == -INFINITY) return;
    int64_t hk = key_head(w, h), q_at = ((b * w->heads + h) * w->t + i),
            k_at = ((b * w->key_heads + hk) * w->s + j);
    const double *dy = row(&call->in[0], b, h, i);
    double p = exp(x - lse), weight = p * (1.0 + magnitude + fabs(lse));
    double ds = p * (dot(dy, row(w->v, b, hk, j), w->e, &dv_abs) -
                     dot(dy, row(&call->in[4], b, h, i), w->e, &dy_abs));
    double ds_weight = weight * (dv_abs + dy_abs) * w->scale;
    accumulate(&call->out[0], q_at * w->d, w->d, ds * w->scale, ds_weight, row(w->k, b, hk, j));
    accumulate(&call->out[1], k_at * w->d, w->d, ds * w->scale, ds_weight, row(w->q, b, h, i));
    accumulate(&call->out[2], k_at * w->e, w->e, p, weight, dy);
}

hal_status hal_op_reference_attention_grad(const hal_reference_call *call) {
    const hal_attention_grad_attrs *a = call->attrs;
    view w = view_of(call, 1, 6, a->causal, a->scale);
    for (uint32_t o = 0; o < 3; o++)
        for (int64_t i = 0; i < call->out[o].n; i++) {
            call->out[o].data[i] = 0.0;
            if (call->out[o].scale) call->out[o].scale[i] = 0.0;
        }
    for (int64_t b = 0; b < w.batch; b++)
        for (int64_t h = 0; h < w.heads; h++)
            for (int64_t i = 0; i < w.t; i++)
                for (int64_t j = 0; j < w.s; j++) pair_grad(&w, call, b, h, i, j);
    for (uint32_t o = 0; o < 3; o++)
        for (int64_t i = 0; call->out[o].scale && i < call->out[o].n; i++)
            call->out[o].scale[i] = hal_grown(call->out[o].scale[i], w.longest);
    return HAL_OK;
}
