/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention: y = softmax(scale q k^T + bias) v for q [b, hq, t, d], k [b, hk, s, d], v [b, hk, s, e]; lse = m
 * + ln l.
 * A chunk is a block of queries of one head. Keys come in blocks; a running maximum m, sum l and unnormalised
 * y are rescaled
 * when m rises (Dao, arXiv 2307.08691), so no buffer has t times s entries. Reference:
 * hal_op_reference_attention.
 * Variants: blocks of queries through small products; few queries (decoding) row by row, reading k and v in
 * place.
 */
#include "attention.h"

#include "kernels.h"

void hal_attention_setup(const hal_cpu_call *call, uint32_t first, uint32_t bias, bool causal, double scale,
    hal_attention *a) {
    const hal_cpu_operand *q = &call->operand[first], *k = q + 1, *v = q + 2;
    int64_t size[4] = {q->size[0], q->size[1], q->size[2], k->size[2]};
    *a = (hal_attention){.q = q, .k = k, .v = v, .bias = hal_cpu_in(call, bias), .start = hal_cpu_in(call,
        bias + 1)};
    a->b = q->size[0], a->hq = q->size[1], a->t = q->size[2], a->d = q->size[3];
    a->hk = k->size[1], a->s = k->size[2], a->e = v->size[3];
    a->causal = causal;
    a->scale = (float)(scale > 0 ? scale : 1.0 / sqrt((double)a->d));
    if (a->bias) hal_cpu_view_broadcast(a->bias, 4, size, &a->bias_view);
}

void hal_attention_transpose(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t width,
    float *buffer, float *to) {
    const float *row[16];
    for (int64_t j = 0; j < HAL_KEY_BLOCK; j += 16) {
        int64_t have = hal_cpu_max(0, hal_cpu_min(16, n - j));
        for (int64_t r = 0; r < have; r++) row[r] = hal_load(x, (first_row + j + r) * width, width,
            buffer + r * width);
        for (int64_t c = 0; c < width; c++) {
            float *column = to + c * HAL_KEY_BLOCK + j;
            for (int64_t r = 0; r < have; r++) column[r] = row[r][c];
            for (int64_t r = have; r < 16; r++) column[r] = 0.0f;
        }
    }
}

void hal_attention_scores(const hal_attention *a, const hal_cpu_call *call, int64_t head, int64_t i0,
    int64_t n_q, int64_t j0,
                          int64_t n_k, float *scores) {
    int64_t start = hal_attention_start(a);
    (void)call;
    for (int64_t i = 0; i < n_q; i++) {
        float *row = scores + i * HAL_KEY_BLOCK, buffer[HAL_KEY_BLOCK];
        int64_t seen = a->causal ? hal_cpu_max(0, hal_cpu_min(n_k, start + i0 + i + 1 - j0)) : n_k;
        for (int64_t j = 0; j < HAL_KEY_BLOCK; j++) row[j] *= a->scale;
        if (a->bias) {
            int64_t at = ((head * a->t) + i0 + i) * a->s + j0;
            const float *bias = hal_rows_load(&a->bias_view, a->bias->data, at, n_k, buffer);
            for (int64_t j = 0; j < n_k; j++) row[j] += bias[j];
        }
        for (int64_t j = seen; j < HAL_KEY_BLOCK; j++) row[j] = -INFINITY;
    }
}

/* The scratch of a chunk. */
typedef struct work {
    float *q, *kt, *v, *scores, *acc, *row;
    float m[HAL_QUERY_BLOCK], l[HAL_QUERY_BLOCK];
    int64_t ep;
} work;

static size_t work_floats(const hal_attention *a) {
    int64_t ep = HAL_PAD(a->e), widest = hal_cpu_max(hal_cpu_max(a->d, ep), HAL_KEY_BLOCK);
    int64_t queries = a->d + HAL_KEY_BLOCK + ep, keys = a->d + ep;
    return (size_t)(HAL_QUERY_BLOCK * queries + HAL_KEY_BLOCK * keys + 16 * widest);
}

static void work_place(const hal_attention *a, float *scratch, work *w) {
    w->ep = HAL_PAD(a->e);
    w->kt = scratch;
    w->v = w->kt + a->d * HAL_KEY_BLOCK;
    w->scores = w->v + HAL_KEY_BLOCK * w->ep;
    w->acc = w->scores + HAL_QUERY_BLOCK * HAL_KEY_BLOCK;
    w->q = w->acc + HAL_QUERY_BLOCK * w->ep;
    w->row = w->q + HAL_QUERY_BLOCK * a->d;
}

static void load_rows(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t width, int64_t stride,
    float *to) {
    for (int64_t i = 0; i < n; i++) {
        hal_rows_read(&x->flat, x->data, (first_row + i) * width, width, to + i * stride);
        for (int64_t j = width; j < stride; j++) to[i * stride + j] = 0.0f;
    }
}

/* scores = q k^T for the keys [j0, j0 + n). */
static void products(const hal_attention *a, work *w, int64_t kv, int64_t nq, int64_t j0, int64_t n) {
    if (nq < 4) {
        for (int64_t j = 0; j < n; j++) {
            const float *k = hal_load(a->k, (kv * a->s + j0 + j) * a->d, a->d, w->row);
            for (int64_t i = 0; i < nq; i++) w->scores[i * HAL_KEY_BLOCK + j] = hal_row_dot(w->q + i * a->d,
                k, a->d);
        }
        return;
    }
    hal_attention_transpose(a->k, kv * a->s + j0, n, a->d, w->row, w->kt);
    memset(w->scores, 0, (size_t)(nq * HAL_KEY_BLOCK) * sizeof(float));
    hal_mini_run(&(hal_mini){nq, HAL_KEY_BLOCK, a->d, w->q, a->d, 1, w->kt, HAL_KEY_BLOCK, w->scores,
        HAL_KEY_BLOCK});
}

/* Scores become exponentials under the new maximum; what was summed before is rescaled. */
static void rescale(work *w, int64_t nq) {
    for (int64_t i = 0; i < nq; i++) {
        float *row = w->scores + i * HAL_KEY_BLOCK, *acc = w->acc + i * w->ep;
        float m = hal_row_max(row, HAL_KEY_BLOCK);
        m = m > w->m[i] ? m : w->m[i];
        if (m == -INFINITY) {
            memset(row, 0, HAL_KEY_BLOCK * sizeof(float));
            continue;
        }
        float f = hal_expf(w->m[i] - m);
        hal_row_exp(row, m, row, HAL_KEY_BLOCK);
        w->l[i] = hal_fma(w->l[i], f, hal_row_sum(row, HAL_KEY_BLOCK));
        if (f != 1.0f) for (int64_t j = 0; j < w->ep; j++) acc[j] *= f;
        w->m[i] = m;
    }
}

/* acc += p v */
static void values(const hal_attention *a, work *w, int64_t kv, int64_t nq, int64_t j0, int64_t n) {
    if (nq >= 4) {
        load_rows(a->v, kv * a->s + j0, n, a->e, w->ep, w->v);
        hal_mini_run(&(hal_mini){nq, a->e, n, w->scores, HAL_KEY_BLOCK, 1, w->v, w->ep, w->acc, w->ep});
        return;
    }
    for (int64_t j = 0; j < n; j++) {
        const float *v = hal_load(a->v, (kv * a->s + j0 + j) * a->e, a->e, w->row);
        for (int64_t i = 0; i < nq; i++) {
            float p = w->scores[i * HAL_KEY_BLOCK + j], *acc = w->acc + i * w->ep;
            HAL_VECTOR_LOOP
            for (int64_t c = 0; c < a->e; c++) acc[c] = hal_fma(p, v[c], acc[c]);
        }
    }
}

static void finish(const hal_attention *a, const hal_cpu_call *call, work *w, int64_t first, int64_t nq) {
    const hal_cpu_operand *y = hal_cpu_out(call, 0), *lse = hal_cpu_out(call, 1);
    for (int64_t i = 0; i < nq; i++) {
        float *acc = w->acc + i * w->ep, inverse = 1.0f / w->l[i], value = w->m[i] + hal_logf(w->l[i]);
        for (int64_t c = 0; c < a->e; c++) acc[c] *= inverse;
        hal_rows_write(&y->flat, y->data, (first + i) * a->e, a->e, acc);
        hal_rows_write(&lse->flat, lse->data, first + i, 1, &value);
    }
}

static void run(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_attention *a = call->plan;
    work w;
    int64_t blocks = hal_cpu_ceil(a->t, HAL_QUERY_BLOCK), head = chunk / blocks, i0 =
        (blocks - 1 - chunk % blocks) * HAL_QUERY_BLOCK;
    int64_t nq = hal_cpu_min(HAL_QUERY_BLOCK, a->t - i0), kv =
        head / a->hq * a->hk + head % a->hq / (a->hq / a->hk);
    int64_t keys = hal_attention_keys(a, i0 + nq);
    work_place(a, scratch, &w);
    load_rows(a->q, head * a->t + i0, nq, a->d, a->d, w.q);
    memset(w.acc, 0, (size_t)(nq * w.ep) * sizeof(float));
    for (int64_t i = 0; i < nq; i++) w.m[i] = -INFINITY, w.l[i] = 0.0f;
    for (int64_t j = 0; j < keys; j += HAL_KEY_BLOCK) {
        int64_t n = hal_cpu_min(HAL_KEY_BLOCK, a->s - j);
        products(a, &w, kv, nq, j, n);
        hal_attention_scores(a, call, head, i0, nq, j, n, w.scores);
        rescale(&w, nq);
        values(a, &w, kv, nq, j, n);
    }
    finish(a, call, &w, head * a->t + i0, nq);
}

bool hal_prepare_attention(hal_cpu_call *call) {
    const hal_attention_attrs *attrs = call->attrs;
    hal_attention *a = hal_cpu_plan(call, sizeof *a);
    if (!a) return false;
    hal_attention_setup(call, 0, 3, attrs->causal != 0, attrs->scale, a);
    call->scratch_bytes = work_floats(a) * sizeof(float);
    call->phase[call->n_phases++] = (hal_cpu_phase){run, a->b * a->hq * hal_cpu_ceil(a->t, HAL_QUERY_BLOCK)};
    return true;
}
