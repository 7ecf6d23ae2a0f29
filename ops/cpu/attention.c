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
    if (a->bias) hal_cpu_broadcast(a->bias, 4, size, &a->bias_view);
}

/* The address of a row of a [b, h, rows, width] operand; rows are counted through all heads. */
static char *row_address(const hal_cpu_operand *x, int64_t row) {
    int64_t head = row / x->size[2];
    return x->data + head / x->size[1] * x->stride[0] + head % x->size[1] * x->stride[1]
        + row % x->size[2] * x->stride[2];
}

static bool usable_in_place(const hal_cpu_operand *x, int64_t padded) {
    return x->dtype == HAL_F32 && x->stride[3] == 4 && x->size[3] == padded;
}

hal_attention_rows hal_attention_load(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t padded,
    float *buffer) {
    char *p = row_address(x, first_row);
    int64_t width = x->size[3];
    if (usable_in_place(x, padded)) return (hal_attention_rows){(float *)(void *)p, x->stride[2] / 4};
    for (int64_t i = 0; i < n; i++) {
        hal_run_read(x->dtype, p + i * x->stride[2], x->stride[3], width, buffer + i * padded);
        for (int64_t c = width; c < padded; c++) buffer[i * padded + c] = 0.0f;
    }
    return (hal_attention_rows){buffer, padded};
}

hal_attention_rows hal_attention_target(const hal_cpu_operand *x, int64_t first_row, int64_t n,
    int64_t padded, float *buffer) {
    hal_attention_rows rows = {buffer, padded};
    if (n > 0 && usable_in_place(x, padded)) {
        rows = (hal_attention_rows){(float *)(void *)row_address(x, first_row), x->stride[2] / 4};
    }
    for (int64_t i = 0; i < n; i++) memset(rows.at + i * rows.stride, 0, (size_t)padded * sizeof(float));
    return rows;
}

void hal_attention_save(const hal_cpu_operand *x, int64_t first_row, int64_t n, hal_attention_rows rows,
    const float *buffer) {
    if (n == 0 || rows.at != buffer) return;
    char *p = row_address(x, first_row);
    for (int64_t i = 0; i < n; i++) {
        hal_run_write(x->dtype, p + i * x->stride[2], x->stride[3], x->size[3], rows.at + i * rows.stride);
    }
}

#ifdef __AVX512F__
#define LANES(a, b, pick) _mm512_shuffle_f32x4(a, b, pick)
#define PAIRS(a, b, half) \
    _mm512_castpd_ps(_mm512_unpack##half##_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))

/* 16 rows of 16: neighbours, then pairs, then quarters of registers change places. */
static void transpose_tile(const float *from, int64_t stride, float *to) {
    __m512 r[16], t[16];
    for (int i = 0; i < 16; i++) r[i] = _mm512_loadu_ps(from + i * stride);
    for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_ps(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        r[i] = PAIRS(t[i], t[i + 2], lo);
        r[i + 1] = PAIRS(t[i], t[i + 2], hi);
        r[i + 2] = PAIRS(t[i + 1], t[i + 3], lo);
        r[i + 3] = PAIRS(t[i + 1], t[i + 3], hi);
    }
    for (int c = 0; c < 4; c++) {
        __m512 even = LANES(r[c], r[4 + c], 0x88), odd = LANES(r[c], r[4 + c], 0xdd);
        __m512 even2 = LANES(r[8 + c], r[12 + c], 0x88), odd2 = LANES(r[8 + c], r[12 + c], 0xdd);
        _mm512_storeu_ps(to + c * HAL_KEY_BLOCK, LANES(even, even2, 0x88));
        _mm512_storeu_ps(to + (4 + c) * HAL_KEY_BLOCK, LANES(odd, odd2, 0x88));
        _mm512_storeu_ps(to + (8 + c) * HAL_KEY_BLOCK, LANES(even, even2, 0xdd));
        _mm512_storeu_ps(to + (12 + c) * HAL_KEY_BLOCK, LANES(odd, odd2, 0xdd));
    }
}
#else
static void transpose_tile(const float *from, int64_t stride, float *to) {
    for (int c = 0; c < 16; c++) {
        for (int r = 0; r < 16; r++) to[c * HAL_KEY_BLOCK + r] = from[r * stride + c];
    }
}
#endif

void hal_attention_transpose(hal_attention_rows rows, int64_t n, int64_t width, float *to) {
    for (int64_t j = 0; j < n; j += 16) {
        int64_t have = hal_cpu_min(16, n - j), whole = have == 16 ? width - width % 16 : 0;
        const float *from = rows.at + j * rows.stride;
        for (int64_t c = 0; c < whole; c += 16) {
            transpose_tile(from + c, rows.stride, to + c * HAL_KEY_BLOCK + j);
        }
        for (int64_t c = whole; c < width; c++) {
            float *column = to + c * HAL_KEY_BLOCK + j;
            for (int64_t r = 0; r < have; r++) column[r] = from[r * rows.stride + c];
            for (int64_t r = have; r < 16; r++) column[r] = 0.0f;
        }
    }
}

void hal_attention_scores(const hal_attention *a, int64_t head, int64_t i0, int64_t n_q, int64_t j0,
    int64_t n_k, int64_t columns, float *scores) {
    int64_t start = hal_attention_start(a);
    for (int64_t i = 0; i < n_q; i++) {
        float *row = scores + i * HAL_KEY_BLOCK, buffer[HAL_KEY_BLOCK];
        int64_t seen = a->causal ? hal_cpu_max(0, hal_cpu_min(n_k, start + i0 + i + 1 - j0)) : n_k;
        for (int64_t j = 0; j < columns; j++) row[j] *= a->scale;
        if (a->bias) {
            int64_t at = ((head * a->t) + i0 + i) * a->s + j0;
            const float *bias = hal_rows_load(&a->bias_view, a->bias->data, at, n_k, buffer);
            for (int64_t j = 0; j < n_k; j++) row[j] += bias[j];
        }
        for (int64_t j = seen; j < columns; j++) row[j] = -INFINITY;
    }
}

/* The scratch of a chunk, and the blocks at hand. */
typedef struct work {
    float *q_buffer, *kt, *k_buffer, *v_buffer, *scores, *acc, *row;
    hal_attention_rows q, v;
    float m[HAL_QUERY_BLOCK], l[HAL_QUERY_BLOCK];
    int64_t ep;
} work;

/* Puts the blocks one after the other; with scratch NULL only counts. */
static size_t work_place(const hal_attention *a, float *scratch, work *w) {
    int64_t ep = HAL_PAD(a->e), widest = hal_cpu_max(hal_cpu_max(a->d, ep), HAL_KEY_BLOCK);
    int64_t size[7] = {HAL_QUERY_BLOCK * a->d, a->d * HAL_KEY_BLOCK, HAL_KEY_BLOCK * a->d, HAL_KEY_BLOCK * ep,
                       HAL_QUERY_BLOCK * HAL_KEY_BLOCK, HAL_QUERY_BLOCK * ep, widest};
    float **place[7] = {&w->q_buffer, &w->kt, &w->k_buffer, &w->v_buffer, &w->scores, &w->acc, &w->row};
    size_t at = 0;
    w->ep = ep;
    for (int i = 0; i < 7; i++) {
        *place[i] = scratch ? scratch + at : NULL;
        at += (size_t)size[i];
    }
    return at;
}

/* scores = q k^T for the queries [i, i + nq) of the block. */
static void products(const hal_attention *a, work *w, int64_t i, int64_t nq, int64_t columns) {
    float *scores = w->scores + i * HAL_KEY_BLOCK;
    for (int64_t r = 0; r < nq; r++) {
        memset(scores + r * HAL_KEY_BLOCK, 0, (size_t)columns * sizeof(float));
    }
    hal_mini_run(&(hal_mini){nq, columns, a->d, w->q.at + i * w->q.stride, w->q.stride, 1, w->kt,
        HAL_KEY_BLOCK, scores, HAL_KEY_BLOCK});
}

/* Scores become exponentials under the new maximum; what was summed before is rescaled. */
static void rescale(work *w, int64_t first, int64_t nq, int64_t columns) {
    for (int64_t i = first; i < first + nq; i++) {
        float *row = w->scores + i * HAL_KEY_BLOCK, *acc = w->acc + i * w->ep;
        float m = hal_row_max(row, columns);
        m = m > w->m[i] ? m : w->m[i];
        if (m == -INFINITY) {
            memset(row, 0, (size_t)columns * sizeof(float));
            continue;
        }
        float f = hal_f_exp(w->m[i] - m);
        hal_row_exp(row, m, row, columns);
        w->l[i] = hal_fma(w->l[i], f, hal_row_sum(row, columns));
        if (f != 1.0f) for (int64_t j = 0; j < w->ep; j++) acc[j] *= f;
        w->m[i] = m;
    }
}

/* One block of n keys from j0 for a block of queries. */
static void block(const hal_attention *a, work *w, int64_t head, int64_t kv, int64_t i0, int64_t nq,
    int64_t j0, int64_t n) {
    int64_t first = kv * a->s + j0;
    hal_attention_transpose(hal_attention_load(a->k, first, n, a->d, w->k_buffer), n, a->d, w->kt);
    w->v = hal_attention_load(a->v, first, n, w->ep, w->v_buffer);
    for (int64_t i = 0; i < nq; i += HAL_QUERY_GROUP) {
        int64_t rows = hal_cpu_min(HAL_QUERY_GROUP, nq - i);
        int64_t seen = hal_attention_seen(a, i0 + i + rows, j0, n), columns = HAL_PAD(seen);
        if (seen == 0) continue;
        products(a, w, i, rows, columns);
        hal_attention_scores(a, head, i0 + i, rows, j0, seen, columns, w->scores + i * HAL_KEY_BLOCK);
        rescale(w, i, rows, columns);
        hal_mini_run(&(hal_mini){rows, a->e, seen, w->scores + i * HAL_KEY_BLOCK, HAL_KEY_BLOCK, 1, w->v.at,
            w->v.stride, w->acc + i * w->ep, w->ep});
    }
}

/* The same for fewer queries than a product is worth: k and v are read in place. */
static void block_of_few(const hal_attention *a, work *w, int64_t head, int64_t kv, int64_t i0, int64_t nq,
    int64_t j0, int64_t n) {
    int64_t first = kv * a->s + j0;
    for (int64_t j = 0; j < n; j++) {
        const float *k = hal_load(a->k, (first + j) * a->d, a->d, w->row);
        for (int64_t i = 0; i < nq; i++) {
            w->scores[i * HAL_KEY_BLOCK + j] = hal_row_dot(w->q.at + i * w->q.stride, k, a->d);
        }
    }
    hal_attention_scores(a, head, i0, nq, j0, n, HAL_KEY_BLOCK, w->scores);
    rescale(w, 0, nq, HAL_KEY_BLOCK);
    for (int64_t j = 0; j < n; j++) {
        const float *v = hal_load(a->v, (first + j) * a->e, a->e, w->row);
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
        float *acc = w->acc + i * w->ep, inverse = 1.0f / w->l[i], value = w->m[i] + hal_f_log(w->l[i]);
        for (int64_t c = 0; c < a->e; c++) acc[c] *= inverse;
        hal_run_write(y->dtype, row_address(y, first + i), y->stride[3], a->e, acc);
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
    w.q = hal_attention_load(a->q, head * a->t + i0, nq, a->d, w.q_buffer);
    memset(w.acc, 0, (size_t)(nq * w.ep) * sizeof(float));
    for (int64_t i = 0; i < nq; i++) w.m[i] = -INFINITY, w.l[i] = 0.0f;
    for (int64_t j = 0; j < keys; j += HAL_KEY_BLOCK) {
        int64_t n = hal_cpu_min(HAL_KEY_BLOCK, a->s - j);
        if (nq < 4) block_of_few(a, &w, head, kv, i0, nq, j, n);
        else block(a, &w, head, kv, i0, nq, j, n);
    }
    finish(a, call, &w, head * a->t + i0, nq);
}

bool hal_prepare_attention(hal_cpu_call *call) {
    const hal_attention_attrs *attrs = call->attrs;
    hal_attention *a = hal_cpu_plan(call, sizeof *a);
    if (!a) return false;
    work w;
    hal_attention_setup(call, 0, 3, attrs->causal != 0, attrs->scale, a);
    call->scratch_bytes = work_place(a, NULL, &w) * sizeof(float);
    call->phase[call->n_phases++] = (hal_cpu_phase){run, a->b * a->hq * hal_cpu_ceil(a->t, HAL_QUERY_BLOCK)};
    return true;
}
