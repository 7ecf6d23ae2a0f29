/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = softmax(x) v and lse = ln sum e^x over the keys each query sees, x_ij = scale q_i . k_j + bias_ij, by products of a
 * warp: q [b, hq, t, D], k and v [b, hk, s, D] of T (BF16 or F16, D 64 or 128), y of T, lse [b, hq, t] f32, bias of any
 * float. Query head h reads key head h / (hq / hk). A query that sees no key gives y = 0 and lse = -inf.
 * Reference: hal_op_reference_attention; attention.cl is the same for any size.
 *
 * A group is 64 rows of the queries that share a key head, which lie one head after the other, so that heads of a group
 * read keys once; each of its 4 warps has 16 rows. Keys and values come by blocks: while one is computed with, the next
 * is on its way. Maximum and sum of a row are rescaled where a block raises the maximum (Dao, arXiv 2307.08691), in
 * powers of two: 2^(x log2 e). q stays in registers. Weights enter the second product in two parts (tiles.cuh): rounded
 * to 8 bits they would miss the contract where values cancel.
 *
 * Any element-aligned operand will do; those whose rows are aligned to 16 bytes are copied past the registers.
 */
/* What a lane keeps of its two rows: keys seen, running maximum, its own part of the sum. */
typedef struct { int seen[2]; float top[2], sum[2]; } rows_state;

/* Scores, times scale in powers of two, become weights under the new maxima, which sums and results follow. */
HAL_FUNCTION void weigh_block(float (*x)[4], float scale, rows_state *rows, float (*result)[4]) {
    HAL_UNROLL for (int half_ = 0; half_ < 2; half_++) {
        float most = -INFINITY, part = 0.0f;
        HAL_UNROLL for (int n = 0; n < KEYS / 8; n++)
            HAL_UNROLL for (int e = 2 * half_; e < 2 * half_ + 2; e++) most = fmax(most, x[n][e]);
        most = fmax(rows->top[half_], hal_quad_max(most) * scale);
        const float shift = most == -INFINITY ? 0.0f : most, factor = hal_exp2(rows->top[half_] - shift);
        rows->top[half_] = most;
        HAL_UNROLL for (int n = 0; n < KEYS / 8; n++)
            HAL_UNROLL for (int e = 2 * half_; e < 2 * half_ + 2; e++) {
                x[n][e] = hal_exp2(fma(x[n][e], scale, -shift));
                part += x[n][e];
            }
        rows->sum[half_] = fma(rows->sum[half_], factor, part);
        HAL_UNROLL for (int n = 0; n < D / 8; n++)
            HAL_UNROLL for (int e = 2 * half_; e < 2 * half_ + 2; e++) result[n][e] *= factor;
    }
}

HAL_KERNEL void HAL_BOUNDS(THREADS, BIASED || D == 128 ? 2 : 3) attention_mma(HAL_TENSOR(q), hal_strides q_by,
    HAL_TENSOR(k), hal_strides k_by, HAL_TENSOR(v), hal_strides v_by, HAL_TENSOR(bias), hal_strides bias_by,
    HAL_TENSOR(start), HAL_TENSOR(y), hal_strides y_by, HAL_TENSOR(lse), hal_strides lse_by, attention p)
{
    HAL_LOCAL HAL_ALIGNED(128) ushort keys[2 * KEYS * D], values[2 * KEYS * D];
    const long group = (long)get_group_id(0), each = p.hq / p.hk, count = each * p.t, down = (count + ROWS - 1) / ROWS;
    const long pair = group / down, b = pair / p.hk, g = pair - b * p.hk, h0 = g * each;
    /* the longest rows of causal attention come first */
    const long r0 = (down - 1 - (group - pair * down)) * ROWS;
    const int most = (int)most_seen(&p, AT(start), r0, r0 + ROWS < count ? r0 + ROWS : count);
    const float scale = BIASED ? 1.0f : p.scale * HAL_LOG2_E;
    rows_state rows;
    long bias_at[2];
    uint query[D / 16][4];
    float result[D / 8][4], inverse[2];
    HAL_UNROLL for (int half_ = 0; half_ < 2; half_++) {
        const long r = r0 + ROW(half_), head = r < count ? hal_div(r, p.t) : 0, i = r < count ? r - head * p.t : 0;
        rows.seen[half_] = r < count ? (int)keys_seen(&p, AT(start), i) : 0;
        rows.top[half_] = -INFINITY;
        rows.sum[half_] = 0.0f;
        bias_at[half_] = row_of(&bias_by, b, h0 + head, i);
    }
    clear(result, D / 8);
    load_rows(keys, ROWS, AT(q), &q_by, b, h0, p.t, r0, count);
    hal_copies_end();
    HAL_BARRIER();
    fragments_left(query, keys);
    HAL_BARRIER();
    HAL_GLOBAL const char *k_at = AT(k) + 2 * row_of(&k_by, b, g, 0), *v_at = AT(v) + 2 * row_of(&v_by, b, g, 0);
    const int k_chunked = is_chunked(AT(k), &k_by), v_chunked = is_chunked(AT(v), &v_by);
    load_tile(keys, KEYS, k_at, &k_by, k_chunked, most);
    load_tile(values, KEYS, v_at, &v_by, v_chunked, most);
    for (int j0 = 0, turn = 0; j0 < most; j0 += KEYS, turn ^= KEYS * D) {
        float x[KEYS / 8][4];
        hal_copies_end();
        HAL_BARRIER();
        if (j0 + KEYS < most) {
            const int next = j0 + KEYS, other = turn ^ (KEYS * D);
            load_tile(keys + other, KEYS, k_at + 2 * next * k_by.of[2], &k_by, k_chunked, most - next);
            load_tile(values + other, KEYS, v_at + 2 * next * v_by.of[2], &v_by, v_chunked, most - next);
        }
        clear(x, KEYS / 8);
        by_rows(x, query, keys + turn, KEYS);
        mask_block(x, &p, rows.seen, j0, AT(bias), bias_at, bias_by.of[3]);
        weigh_block(x, scale, &rows, result);
        by_columns(result, x, values + turn, KEYS);
    }
    HAL_UNROLL for (int half_ = 0; half_ < 2; half_++) {
        const long r = r0 + ROW(half_);
        const float sum = hal_quad_sum(rows.sum[half_]);
        inverse[half_] = sum == 0.0f ? 0.0f : 1.0f / sum;
        if ((LANE & 3) == 0 && r < count)
            store_F32(AT(lse), row_at(&lse_by, b, h0, p.t, r), sum == 0.0f ? -INFINITY
                : fma(rows.top[half_], HAL_LN_2, hal_f_log(sum)));
    }
    hal_copies_end();
    store_rows(keys, result, inverse, AT(y), &y_by, b, h0, p.t, r0, count);
}
