/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Backward attention. p = e^(scale q k^T + bias - lse), D = rowsum(dy y), ds = p (dy v^T - D) scale:
 *   dv = p^T dy, dk = ds^T q (summed over the query heads of a key head), dq = ds k.
 * A chunk is one key head; p is computed again block by block, so nothing has t times s entries.
 * Reference: hal_op_reference_attention_grad.
 */
#include "attention.h"
#include "kernels.h"

typedef struct work {
    float *q, *dy, *dq, *kt, *k, *vt, *p, *ds, *dk, *dv, *row;   /* blocks; dk and dv of the whole head */
    float lse[HAL_QUERY_BLOCK], delta[HAL_QUERY_BLOCK];
    int64_t dp, ep;                                               /* widths padded */
} work;

/* Puts the blocks one after the other; with scratch NULL only counts. */
static size_t work_place(const hal_attention *a, float *scratch, work *w) {
    int64_t dp = HAL_PAD(a->d), ep = HAL_PAD(a->e), block = HAL_QUERY_BLOCK, keys = HAL_KEY_BLOCK;
    int64_t padded = hal_cpu_ceil(a->s, keys) * keys;
    int64_t size[11] = {block * dp, block * ep, block * dp, dp * keys, keys * dp, ep * keys, block * keys,
        block * keys,
                        padded * dp, padded * ep, 16 * hal_cpu_max(dp, ep)};
    float **place[11] = {&w->q, &w->dy, &w->dq, &w->kt, &w->k, &w->vt, &w->p, &w->ds, &w->dk, &w->dv,
        &w->row};
    size_t at = 0;
    for (int i = 0; i < 11; i++) {
        *place[i] = scratch ? scratch + at : NULL;
        at += (size_t)size[i];
    }
    w->dp = dp;
    w->ep = ep;
    return at;
}

static void load_rows(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t width, int64_t stride,
    float *to) {
    for (int64_t i = 0; i < n; i++) {
        hal_rows_read(&x->flat, x->data, (first_row + i) * width, width, to + i * stride);
        for (int64_t j = width; j < stride; j++) to[i * stride + j] = 0.0f;
    }
}

static void save_rows(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t width, int64_t stride,
    const float *from) {
    for (int64_t i = 0; i < n; i++) hal_rows_write(&x->flat, x->data, (first_row + i) * width, width,
        from + i * stride);
}

static void load_queries(const hal_cpu_call *call, const hal_attention *a, work *w, int64_t first,
    int64_t nq) {
    const hal_cpu_operand *dy = &call->operand[0], *y = &call->operand[4], *lse = &call->operand[5];
    load_rows(a->q, first, nq, a->d, w->dp, w->q);
    load_rows(dy, first, nq, a->e, w->ep, w->dy);
    hal_rows_read(&lse->flat, lse->data, first, nq, w->lse);
    for (int64_t i = 0; i < nq; i++) {
        w->delta[i] = hal_row_dot(w->dy + i * w->ep, hal_load(y, (first + i) * a->e, a->e, w->row), a->e);
    }
    memset(w->dq, 0, (size_t)(nq * w->dp) * sizeof(float));
}

/* p = e^(p - lse); ds = p (ds - D) scale. */
static void differentiate(const hal_attention *a, work *w, int64_t nq) {
    for (int64_t i = 0; i < nq; i++) {
        float *p = w->p + i * HAL_KEY_BLOCK, *ds = w->ds + i * HAL_KEY_BLOCK, delta = w->delta[i], lse =
            w->lse[i];
        HAL_VECTOR_LOOP
        for (int64_t j = 0; j < HAL_KEY_BLOCK; j++) {
            p[j] = hal_expf(p[j] - lse);
            ds[j] = p[j] * (ds[j] - delta) * a->scale;
        }
    }
}

static void key_block(const hal_cpu_call *call, const hal_attention *a, work *w, int64_t head, int64_t kv,
    int64_t i0, int64_t nq,
                      int64_t j0) {
    int64_t n = hal_cpu_min(HAL_KEY_BLOCK, a->s - j0), row = HAL_KEY_BLOCK;
    hal_attention_transpose(a->k, kv * a->s + j0, n, a->d, w->row, w->kt);
    hal_attention_transpose(a->v, kv * a->s + j0, n, a->e, w->row, w->vt);
    load_rows(a->k, kv * a->s + j0, n, a->d, w->dp, w->k);
    memset(w->p, 0, (size_t)(nq * row) * sizeof(float));
    memset(w->ds, 0, (size_t)(nq * row) * sizeof(float));
    hal_mini_run(&(hal_mini){nq, row, a->d, w->q, w->dp, 1, w->kt, row, w->p, row});
    hal_attention_scores(a, call, head, i0, nq, j0, n, w->p);
    hal_mini_run(&(hal_mini){nq, row, a->e, w->dy, w->ep, 1, w->vt, row, w->ds, row});
    differentiate(a, w, nq);
    hal_mini_run(&(hal_mini){n, a->e, nq, w->p, 1, row, w->dy, w->ep, w->dv + j0 * w->ep, w->ep});
    hal_mini_run(&(hal_mini){n, a->d, nq, w->ds, 1, row, w->q, w->dp, w->dk + j0 * w->dp, w->dp});
    hal_mini_run(&(hal_mini){nq, a->d, n, w->ds, row, 1, w->k, w->dp, w->dq, w->dp});
}

static void run(const hal_cpu_call *call, int64_t kv, void *scratch) {
    const hal_attention *a = call->plan;
    const hal_cpu_operand *dq = hal_cpu_out(call, 0), *dk = hal_cpu_out(call, 1), *dv = hal_cpu_out(call, 2);
    int64_t group = a->hq / a->hk, first_head = kv / a->hk * a->hq + kv % a->hk * group;
    work w;
    work_place(a, scratch, &w);
    memset(w.dk, 0, (size_t)(a->s * w.dp) * sizeof(float));
    memset(w.dv, 0, (size_t)(a->s * w.ep) * sizeof(float));
    for (int64_t head = first_head; head < first_head + group; head++) {
        for (int64_t i0 = 0; i0 < a->t; i0 += HAL_QUERY_BLOCK) {
            int64_t nq = hal_cpu_min(HAL_QUERY_BLOCK, a->t - i0), keys = hal_attention_keys(a, i0 + nq);
            load_queries(call, a, &w, head * a->t + i0, nq);
            for (int64_t j = 0; j < keys; j += HAL_KEY_BLOCK) key_block(call, a, &w, head, kv, i0, nq, j);
            save_rows(dq, head * a->t + i0, nq, a->d, w.dp, w.dq);
        }
    }
    save_rows(dk, kv * a->s, a->s, a->d, w.dp, w.dk);
    save_rows(dv, kv * a->s, a->s, a->e, w.ep, w.dv);
}

bool hal_prepare_attention_grad(hal_cpu_call *call) {
    const hal_attention_grad_attrs *attrs = call->attrs;
    work w;
    hal_attention *a = hal_cpu_plan(call, sizeof *a);
    if (!a) return false;
    hal_attention_setup(call, 1, 6, attrs->causal != 0, attrs->scale, a);
    call->scratch_bytes = work_place(a, NULL, &w) * sizeof(float);
    call->phase[call->n_phases++] = (hal_cpu_phase){run, a->b * a->hk};
    return true;
}
