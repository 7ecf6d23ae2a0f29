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
    float *q_buffer, *dy_buffer, *dq_buffer, *kt, *k_buffer, *vt, *v_buffer, *p, *ds;   /* blocks */
    float *dk_buffer, *dv_buffer, *row;                           /* dk and dv of the whole head */
    hal_attention_rows q, dy, dq, k, dk, dv;
    float lse[HAL_QUERY_BLOCK], delta[HAL_QUERY_BLOCK];
    int64_t dp, ep;                                               /* widths padded */
} work;

/* Puts the blocks one after the other; with scratch NULL only counts. */
static size_t work_place(const hal_attention *a, float *scratch, work *w) {
    int64_t dp = HAL_PAD(a->d), ep = HAL_PAD(a->e), queries = HAL_QUERY_BLOCK, keys = HAL_KEY_BLOCK;
    int64_t all = hal_cpu_ceil(a->s, keys) * keys;
    int64_t size[12] = {queries * dp, queries * ep, queries * dp, dp * keys, keys * dp, ep * keys, keys * ep,
                        queries * keys, queries * keys, all * dp, all * ep, ep};
    float **place[12] = {&w->q_buffer, &w->dy_buffer, &w->dq_buffer, &w->kt, &w->k_buffer, &w->vt,
                         &w->v_buffer, &w->p, &w->ds, &w->dk_buffer, &w->dv_buffer, &w->row};
    size_t at = 0;
    for (int i = 0; i < 12; i++) {
        *place[i] = scratch ? scratch + at : NULL;
        at += (size_t)size[i];
    }
    w->dp = dp;
    w->ep = ep;
    return at;
}

static void load_queries(const hal_cpu_call *call, const hal_attention *a, work *w, int64_t first,
    int64_t nq) {
    const hal_cpu_operand *dy = &call->operand[0], *y = &call->operand[4], *lse = &call->operand[5];
    w->q = hal_attention_load(a->q, first, nq, w->dp, w->q_buffer);
    w->dy = hal_attention_load(dy, first, nq, w->ep, w->dy_buffer);
    w->dq = hal_attention_target(hal_cpu_out(call, 0), first, nq, w->dp, w->dq_buffer);
    hal_rows_read(&lse->flat, lse->data, first, nq, w->lse);
    for (int64_t i = 0; i < nq; i++) {
        hal_attention_rows own = hal_attention_load(y, first + i, 1, a->e, w->row);
        w->delta[i] = hal_row_dot(w->dy.at + i * w->dy.stride, own.at, a->e);
    }
}

static void load_keys(const hal_attention *a, work *w, int64_t first, int64_t n) {
    w->k = hal_attention_load(a->k, first, n, w->dp, w->k_buffer);
    hal_attention_transpose(w->k, n, a->d, w->kt);
    hal_attention_transpose(hal_attention_load(a->v, first, n, w->ep, w->v_buffer), n, a->e, w->vt);
}

/* p = e^(p - lse); ds = p (ds - D) scale, for the queries [first, first + nq) of the block. */
static void differentiate(const hal_attention *a, work *w, int64_t first, int64_t nq, int64_t columns) {
    for (int64_t i = first; i < first + nq; i++) {
        float *p = w->p + i * HAL_KEY_BLOCK, *ds = w->ds + i * HAL_KEY_BLOCK, delta = w->delta[i], lse =
            w->lse[i];
        HAL_VECTOR_LOOP
        for (int64_t j = 0; j < columns; j++) {
            p[j] = hal_f_exp(p[j] - lse);
            ds[j] = p[j] * (ds[j] - delta) * a->scale;
        }
    }
}

/* A group of queries, i and after in the block from i0, against the block of n keys at hand. */
static void query_group(const hal_attention *a, work *w, int64_t head, int64_t i0, int64_t i, int64_t nq,
    int64_t j0, int64_t n) {
    int64_t row = HAL_KEY_BLOCK, seen = hal_attention_seen(a, i0 + i + nq, j0, n), columns = HAL_PAD(seen);
    float *p = w->p + i * row, *ds = w->ds + i * row;
    const float *q = w->q.at + i * w->q.stride, *dy = w->dy.at + i * w->dy.stride;
    if (seen == 0) return;
    for (int64_t r = 0; r < nq; r++) {
        memset(p + r * row, 0, (size_t)columns * sizeof(float));
        memset(ds + r * row, 0, (size_t)columns * sizeof(float));
    }
    hal_mini_run(&(hal_mini){nq, columns, a->d, q, w->q.stride, 1, w->kt, row, p, row});
    hal_attention_scores(a, head, i0 + i, nq, j0, seen, columns, p);
    hal_mini_run(&(hal_mini){nq, columns, a->e, dy, w->dy.stride, 1, w->vt, row, ds, row});
    differentiate(a, w, i, nq, columns);
    hal_mini_run(&(hal_mini){seen, a->e, nq, p, 1, row, dy, w->dy.stride, w->dv.at + j0 * w->dv.stride,
        w->dv.stride});
    hal_mini_run(&(hal_mini){seen, a->d, nq, ds, 1, row, q, w->q.stride, w->dk.at + j0 * w->dk.stride,
        w->dk.stride});
    hal_mini_run(&(hal_mini){nq, a->d, seen, ds, row, 1, w->k.at, w->k.stride, w->dq.at + i * w->dq.stride,
        w->dq.stride});
}

/* All keys against the block of queries from i0. */
static void query_block(const hal_cpu_call *call, const hal_attention *a, work *w, int64_t head, int64_t kv,
    int64_t i0) {
    int64_t nq = hal_cpu_min(HAL_QUERY_BLOCK, a->t - i0), keys = hal_attention_keys(a, i0 + nq);
    load_queries(call, a, w, head * a->t + i0, nq);
    for (int64_t j = 0; j < keys; j += HAL_KEY_BLOCK) {
        int64_t n = hal_cpu_min(HAL_KEY_BLOCK, a->s - j);
        load_keys(a, w, kv * a->s + j, n);
        for (int64_t i = 0; i < nq; i += HAL_QUERY_GROUP) {
            query_group(a, w, head, i0, i, hal_cpu_min(HAL_QUERY_GROUP, nq - i), j, n);
        }
    }
    hal_attention_save(hal_cpu_out(call, 0), head * a->t + i0, nq, w->dq, w->dq_buffer);
}

static void run(const hal_cpu_call *call, int64_t kv, void *scratch) {
    const hal_attention *a = call->plan;
    const hal_cpu_operand *dk = hal_cpu_out(call, 1), *dv = hal_cpu_out(call, 2);
    int64_t group = a->hq / a->hk, first_head = kv / a->hk * a->hq + kv % a->hk * group;
    work w;
    work_place(a, scratch, &w);
    w.dk = hal_attention_target(dk, kv * a->s, a->s, w.dp, w.dk_buffer);
    w.dv = hal_attention_target(dv, kv * a->s, a->s, w.ep, w.dv_buffer);
    for (int64_t head = first_head; head < first_head + group; head++) {
        for (int64_t i0 = 0; i0 < a->t; i0 += HAL_QUERY_BLOCK) query_block(call, a, &w, head, kv, i0);
    }
    hal_attention_save(dk, kv * a->s, a->s, w.dk, w.dk_buffer);
    hal_attention_save(dv, kv * a->s, a->s, w.dv, w.dv_buffer);
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
