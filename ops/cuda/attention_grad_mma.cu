/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gradient of attention by products of a warp: p_ij = e^(x_ij - lse_i), dv_j = sum_i p_ij dy_i,
 * ds_ij = scale p_ij (dy_i . v_j - delta_i) with delta_i = dy_i . y_i, dq_i = sum_j ds_ij k_j, dk_j = sum_i ds_ij q_i; key
 * heads sum over their query heads. dy, q and y [b, hq, t, D], k and v [b, hk, s, D] of T (BF16; slopes would leave the range
 * of F16), D 64 or 128, lse [b, hq, t] f32, bias of any float. Reference: hal_op_reference_attention_grad;
 * attention_grad.cl is the same for any size.
 *
 * Three launches as there: delta; dq, by queries; dk and dv, by keys. The last two compute the scores anew, so nobody adds
 * to what another group adds to, and the order of sums is fixed.
 *
 *   attention_delta_mma   a warp a query
 *   attention_dq_mma      a group 64 rows of queries that share a key head, as in attention_mma.cu; blocks of keys pass
 *   attention_dkv_mma     a group 64 keys of a key head; blocks of queries pass, head after head. Scores are computed
 *                         transposed, so that each warp has 16 keys and sums for them alone
 *
 * Weights and slopes enter their second product in two parts (tiles.cuh).
 */
#define QUERIES (2048 / D)
#define INPUTS HAL_TENSOR(dy), hal_strides dy_by, HAL_TENSOR(q), hal_strides q_by, HAL_TENSOR(k), hal_strides k_by, \
    HAL_TENSOR(v), hal_strides v_by, HAL_TENSOR(lse), hal_strides lse_by, HAL_TENSOR(bias), hal_strides bias_by, \
    HAL_TENSOR(start), HAL_TENSOR(delta)
#define DELTA(b, h, i) (((b) * p.hq + (h)) * p.t + (i))

HAL_KERNEL void attention_delta_mma(HAL_TENSOR(dy), hal_strides dy_by, HAL_TENSOR(y), hal_strides y_by, HAL_TENSOR(delta),
    attention p)
{
    const long row = (long)get_group_id(0) * (THREADS / 32) + WARP, head = hal_div(row, p.t), b = hal_div(head, p.hq);
    const int there = b < p.b;
    const long dy_at = row_of(&dy_by, b, head - b * p.hq, row - head * p.t);
    const long y_at = row_of(&y_by, b, head - b * p.hq, row - head * p.t);
    float sum = 0.0f;
    for (int c = LANE; c < D && there; c += 32)
        sum = fma(LOAD(T)(AT(dy), dy_at + c * dy_by.of[3]), LOAD(T)(AT(y), y_at + c * y_by.of[3]), sum);
    for (int mask = 16; mask > 0; mask >>= 1) sum += hal_exchange(sum, mask);
    if (there && LANE == 0) store_F32(AT(delta), row, sum);
}

/* p_ij of a score, which is -inf where it is not seen. log_sum is in powers of two, as scaled scores are. */
HAL_FUNCTION float weight_of(float x, float scale, float log_sum) { return hal_exp2(fma(x, scale, -log_sum)); }
HAL_FUNCTION float slope_of(float weight, float product, float own, float scale) {
    return weight == 0.0f ? 0.0f : weight * (product - own) * scale;
}
/* Of a query that sees no key 0, so that its weights are 0. */
HAL_FUNCTION float log_sum_of(HAL_GLOBAL const char *lse, long at) {
    const float v = load_F32(lse, at);
    return v == -INFINITY ? 0.0f : v * HAL_LOG2_E;
}

/* ------------------------------------------------------------------------------------------------- by queries */

/* What a lane keeps of its two rows. */
typedef struct { int seen[2]; float log_sum[2], own[2]; long bias_at[2]; } rows_state;

/* Products dy . v become slopes, by the scores x. */
HAL_FUNCTION void slope_block(float (*slope)[4], const float (*x)[4], const rows_state *rows, const attention *p) {
    const float scale = BIASED ? 1.0f : p->scale * HAL_LOG2_E;
    HAL_UNROLL for (int n = 0; n < KEYS / 8; n++)
        HAL_UNROLL for (int e = 0; e < 4; e++)
            slope[n][e] = slope_of(weight_of(x[n][e], scale, rows->log_sum[e >> 1]), slope[n][e], rows->own[e >> 1],
                p->scale);
}

HAL_KERNEL void HAL_BOUNDS(THREADS, 2) attention_dq_mma(INPUTS, HAL_TENSOR(dq), hal_strides dq_by, attention p)
{
    HAL_LOCAL HAL_ALIGNED(128) ushort keys[2 * KEYS * D], values[2 * KEYS * D];
    const long group = (long)get_group_id(0), each = p.hq / p.hk, count = each * p.t, down = (count + ROWS - 1) / ROWS;
    const long pair = group / down, b = pair / p.hk, g = pair - b * p.hk, h0 = g * each;
    const long r0 = (down - 1 - (group - pair * down)) * ROWS;
    const int most = (int)most_seen(&p, AT(start), r0, r0 + ROWS < count ? r0 + ROWS : count);
    rows_state rows;
    uint query[D / 16][4], slopes[D / 16][4];
    float sum[D / 8][4];
    const float one[2] = {1.0f, 1.0f};
    HAL_UNROLL for (int half_ = 0; half_ < 2; half_++) {
        const long r = r0 + ROW(half_), head = r < count ? hal_div(r, p.t) : 0, i = r < count ? r - head * p.t : 0;
        rows.seen[half_] = r < count ? (int)keys_seen(&p, AT(start), i) : 0;
        rows.log_sum[half_] = log_sum_of(AT(lse), row_of(&lse_by, b, h0 + head, i));
        rows.own[half_] = load_F32(AT(delta), DELTA(b, h0 + head, i));
        rows.bias_at[half_] = row_of(&bias_by, b, h0 + head, i);
    }
    clear(sum, D / 8);
    load_rows(keys, ROWS, AT(q), &q_by, b, h0, p.t, r0, count);
    load_rows(values, ROWS, AT(dy), &dy_by, b, h0, p.t, r0, count);
    hal_copies_end();
    HAL_BARRIER();
    fragments_left(query, keys);
    fragments_left(slopes, values);
    HAL_BARRIER();
    HAL_GLOBAL const char *k_at = AT(k) + 2 * row_of(&k_by, b, g, 0), *v_at = AT(v) + 2 * row_of(&v_by, b, g, 0);
    const int k_chunked = is_chunked(AT(k), &k_by), v_chunked = is_chunked(AT(v), &v_by);
    load_tile(keys, KEYS, k_at, &k_by, k_chunked, most);
    load_tile(values, KEYS, v_at, &v_by, v_chunked, most);
    for (int j0 = 0, turn = 0; j0 < most; j0 += KEYS, turn ^= KEYS * D) {
        float x[KEYS / 8][4], slope[KEYS / 8][4];
        hal_copies_end();
        HAL_BARRIER();
        if (j0 + KEYS < most) {
            const int next = j0 + KEYS, other = turn ^ (KEYS * D);
            load_tile(keys + other, KEYS, k_at + 2 * next * k_by.of[2], &k_by, k_chunked, most - next);
            load_tile(values + other, KEYS, v_at + 2 * next * v_by.of[2], &v_by, v_chunked, most - next);
        }
        clear(x, KEYS / 8);
        clear(slope, KEYS / 8);
        by_rows(x, query, keys + turn, KEYS);
        by_rows(slope, slopes, values + turn, KEYS);
        mask_block(x, &p, rows.seen, j0, AT(bias), rows.bias_at, bias_by.of[3]);
        slope_block(slope, x, &rows, &p);
        by_columns(sum, slope, keys + turn, KEYS);
    }
    hal_copies_end();
    store_rows(keys, sum, one, AT(dq), &dq_by, b, h0, p.t, r0, count);
}

/* ---------------------------------------------------------------------------------------------------- by keys */

/* Of the queries in a lane's columns: log sum and delta. */
typedef struct { float log_sum[QUERIES / 4], own[QUERIES / 4]; } columns_state;

HAL_FUNCTION void load_columns(columns_state *columns, HAL_GLOBAL const char *log_sums, long by,
    HAL_GLOBAL const char *own, int i0, int t)
{
    HAL_UNROLL for (int c = 0; c < QUERIES / 4; c++) {
        const int i = i0 + COLUMN(c >> 1, c & 1);
        columns->log_sum[c] = i < t ? log_sum_of(log_sums, i * by) : 0.0f;
        columns->own[c] = i < t ? load_F32(own, i) : 0.0f;
    }
}

/* The last key that query 0 sees; one beyond any where nothing is masked. */
HAL_FUNCTION int last_seen(const attention *p, HAL_GLOBAL const char *start) {
    const long last = p->started ? load_I32(start, 0) : p->s - p->t;
    return p->causal && last < 1 << 30 ? (int)last : 1 << 30;
}

/* As mask_block, where queries are columns: key j0 + ROW, before `keys`, is seen by query i where j <= offset + i. */
HAL_FUNCTION void mask_columns(float (*x)[4], const attention *p, int j0, int i0, int offset, int keys, int queries,
    HAL_GLOBAL const char *bias, const hal_strides *bias_by, long bias_at)
{
    if (!BIASED && j0 + ROWS - 1 <= offset + i0 && j0 + ROWS <= keys && i0 + QUERIES <= queries) return;
    HAL_UNROLL for (int n = 0; n < QUERIES / 8; n++)
        HAL_UNROLL for (int e = 0; e < 4; e++) {
            const int i = i0 + COLUMN(n, e), j = j0 + ROW(e >> 1);
            if (i >= queries || j >= keys || j > offset + i) x[n][e] = -INFINITY;
            else if (BIASED)
                x[n][e] = biased(x[n][e], p->scale, bias, bias_at + i * bias_by->of[2] + j * bias_by->of[3]);
        }
}

/* Scores become weights, products v . dy slopes. */
HAL_FUNCTION void weigh_columns(float (*x)[4], float (*slope)[4], const columns_state *columns, const attention *p) {
    const float scale = BIASED ? 1.0f : p->scale * HAL_LOG2_E;
    HAL_UNROLL for (int n = 0; n < QUERIES / 8; n++)
        HAL_UNROLL for (int e = 0; e < 4; e++) {
            const int c = 2 * n + (e & 1);
            x[n][e] = weight_of(x[n][e], scale, columns->log_sum[c]);
            slope[n][e] = slope_of(x[n][e], slope[n][e], columns->own[c], p->scale);
        }
}

HAL_KERNEL void HAL_BOUNDS(THREADS, 2) attention_dkv_mma(INPUTS, HAL_TENSOR(dk), hal_strides dk_by, HAL_TENSOR(dv),
    hal_strides dv_by, attention p)
{
    HAL_LOCAL HAL_ALIGNED(128) ushort keys[ROWS * D], values[ROWS * D], queries[2 * QUERIES * D], slopes[2 * QUERIES * D];
    const long group = (long)get_group_id(0), each = p.hq / p.hk, across = (p.s + ROWS - 1) / ROWS, pair = group / across;
    const long j0 = (group - pair * across) * ROWS, b = pair / p.hk, g = pair - b * p.hk;
    const int offset = last_seen(&p, AT(start));
    const int begin = (int)first_query(&p, AT(start), j0) / QUERIES * QUERIES, t = (int)p.t;
    const int steps = begin < t ? (t - begin + QUERIES - 1) / QUERIES : 0;
    const int q_chunked = is_chunked(AT(q), &q_by), dy_chunked = is_chunked(AT(dy), &dy_by);
    const float one[2] = {1.0f, 1.0f};
    float dk_sum[D / 8][4], dv_sum[D / 8][4];
    clear(dk_sum, D / 8);
    clear(dv_sum, D / 8);
    load_rows(keys, ROWS, AT(k), &k_by, b, g, p.s, j0, p.s);
    load_rows(values, ROWS, AT(v), &v_by, b, g, p.s, j0, p.s);
    load_tile(queries, QUERIES, AT(q) + 2 * row_of(&q_by, b, g * each, begin), &q_by, q_chunked, t - begin);
    load_tile(slopes, QUERIES, AT(dy) + 2 * row_of(&dy_by, b, g * each, begin), &dy_by, dy_chunked, t - begin);
    long h = g * each;
    int i0 = begin, turn = 0;
    for (long step = each * steps; step > 0; step--, turn ^= QUERIES * D) {
        const int next_i = i0 + QUERIES < t ? i0 + QUERIES : begin, other = turn ^ (QUERIES * D);
        const long next_h = i0 + QUERIES < t ? h : h + 1;
        float x[QUERIES / 8][4], slope[QUERIES / 8][4];
        columns_state columns;
        load_columns(&columns, AT(lse) + 4 * row_of(&lse_by, b, h, 0), lse_by.of[2], AT(delta) + 4 * DELTA(b, h, 0), i0, t);
        hal_copies_end();
        HAL_BARRIER();
        if (step > 1) {
            load_tile(queries + other, QUERIES, AT(q) + 2 * row_of(&q_by, b, next_h, next_i), &q_by, q_chunked, t - next_i);
            load_tile(slopes + other, QUERIES, AT(dy) + 2 * row_of(&dy_by, b, next_h, next_i), &dy_by, dy_chunked,
                t - next_i);
        }
        clear(x, QUERIES / 8);
        clear(slope, QUERIES / 8);
        by_rows_tile(x, keys, queries + turn, QUERIES);
        by_rows_tile(slope, values, slopes + turn, QUERIES);
        mask_columns(x, &p, (int)j0, i0, offset, (int)p.s, t, AT(bias), &bias_by, row_of(&bias_by, b, h, 0));
        weigh_columns(x, slope, &columns, &p);
        by_columns(dv_sum, x, slopes + turn, QUERIES);
        by_columns(dk_sum, slope, queries + turn, QUERIES);
        i0 = next_i;
        h = next_h;
    }
    hal_copies_end();
    store_rows(keys, dk_sum, one, AT(dk), &dk_by, b, g, p.s, j0, p.s);
    store_rows(values, dv_sum, one, AT(dv), &dv_by, b, g, p.s, j0, p.s);
}
