/* SPDX-License-Identifier: Apache-2.0 */
/*
 * y = softmax(x) v and lse = ln sum e^x over the keys each query sees; a running maximum and sum are rescaled where a
 * block of keys raises the maximum (Dao, arXiv 2307.08691). A query that sees no key gives y = 0 and lse = -inf.
 * Reference: hal_op_reference_attention. BIAS: dtype of the bias, which is any operand where p.biased is 0.
 *
 *   attention_wide    a task a panel of queries, which are the lanes: softmax goes lane by lane
 *   attention_tiled   a group a tile of queries of one head and a tile of the columns of y
 *   attention_plain   a work-item a query, in double (option ATTENTION_PLAIN)
 */
#define INPUTS HAL_TENSOR(q), hal_strides q_by, HAL_TENSOR(k), hal_strides k_by, HAL_TENSOR(v), hal_strides v_by, \
    HAL_TENSOR(bias), hal_strides bias_by, HAL_TENSOR(start)
#define OUTPUTS HAL_TENSOR(y), hal_strides y_by, HAL_TENSOR(lse), hal_strides lse_by

#if defined(ATTENTION_PLAIN)
HAL_KERNEL void attention_plain(INPUTS, OUTPUTS, attention p)
{
    const long item = (long)get_global_id(0), head = hal_div(item, p.t), i = item - head * p.t;
    const long b = hal_div(head, p.hq), h = head - b * p.hq, g = h / (p.hq / p.hk);
    if (b >= p.b) return;
    const long q_at = row_of(&q_by, b, h, i), y_at = row_of(&y_by, b, h, i), seen = keys_seen(&p, AT(start), i);
    double top = -INFINITY, sum = 0;
    for (long c = 0; c < p.e; c++) store_F64(AT(y), y_at + c * y_by.of[3], 0);
    for (long j = 0; j < seen; j++) {
        const double x = score(&p, AT(q), q_at, q_by.of[3], AT(k), row_of(&k_by, b, g, j), k_by.of[3], AT(bias),
            row_of(&bias_by, b, h, i) + j * bias_by.of[3]);
        if (x == -INFINITY) continue;
        const double old = x > top ? exp(top - x) : 1, weight = x > top ? 1 : exp(x - top);
        top = x > top ? x : top;
        sum = sum * old + weight;
        for (long c = 0; c < p.e; c++) {
            const double before = load_F64(AT(y), y_at + c * y_by.of[3]);
            store_F64(AT(y), y_at + c * y_by.of[3],
                before * old + weight * load_F64(AT(v), row_of(&v_by, b, g, j) + c * v_by.of[3]));
        }
    }
    for (long c = 0; c < p.e && sum != 0; c++)
        store_F64(AT(y), y_at + c * y_by.of[3], load_F64(AT(y), y_at + c * y_by.of[3]) / sum);
    store_F64(AT(lse), row_of(&lse_by, b, h, i), sum == 0 ? -INFINITY : top + log(sum));
}

#elif defined(HAL_WIDE) && !defined(HAL_CUDA)
/* Scores of n keys from j0 on become exponentials under the new maximum `top`; `sum` and y follow it. */
HAL_FUNCTION void exponentials(hal_floats scores, long n, long j0, const int *limit, float *top, float *sum,
    hal_floats y, long e) {
    float shift[HAL_TILE], factor[HAL_TILE], most[HAL_TILE];
    FOR_LANES most[x] = top[x];
    for (long j = 0; j < n; j++) {
        const hal_floats row = scores + j * HAL_TILE;
        const int at = (int)(j0 + j);
        FOR_LANES {
            const float v = at < limit[x] ? row[x] : -INFINITY;
            row[x] = v;
            most[x] = v > most[x] ? v : most[x];
        }
    }
    FOR_LANES {
        shift[x] = most[x] == -INFINITY ? 0.0f : most[x];
        factor[x] = hal_f_exp(top[x] - shift[x]);
        sum[x] *= factor[x];
        top[x] = most[x];
    }
    for (long j = 0; j < n; j++) {
        const hal_floats row = scores + j * HAL_TILE;
        FOR_LANES {
            const float v = hal_f_exp(row[x] - shift[x]);
            row[x] = v;
            sum[x] += v;
        }
    }
    for (long c = 0; c < e; c++) {
        const hal_floats row = y + c * HAL_TILE;
        FOR_LANES row[x] *= factor[x];
    }
}

HAL_KERNEL void attention_wide(INPUTS, OUTPUTS, HAL_TENSOR(work), attention p)
{
    const long each = HAL_TILE * (p.d + p.e + BLOCK) + BLOCK * (PAD(p.d) + PAD(p.e)), tasks = lanes_tasks(&p);
    const hal_floats panel = HAL_AS(float, AT(work)) + (long)get_global_id(0) * each;
    const hal_floats sums = panel + HAL_TILE * p.d, scores = sums + HAL_TILE * p.e;
    const hal_floats k_rows = scores + HAL_TILE * BLOCK, v_rows = k_rows + BLOCK * PAD(p.d);
    for (long task = (long)get_global_id(0); task < tasks; task += (long)get_global_size(0)) {
        const lanes l = lanes_of(&p, task);
        float top[HAL_TILE], sum[HAL_TILE];
        long bias_at[HAL_TILE], j0;
        int limit[HAL_TILE];
        const long keys = lane_limits(&p, &l, AT(start), limit);
        lane_rows(&p, &l, &bias_by, bias_at);
        LANES_STAGE(T, q, q_by, p.d, panel)
        clear(sums, p.e);
        FOR_LANES {
            top[x] = -INFINITY;
            sum[x] = 0.0f;
        }
        for (j0 = 0; j0 < keys; j0 += BLOCK) {
            const long n = min((long)BLOCK, keys - j0);
            long k_row, v_row;
            const hal_const_floats from = ROWS(T)(AT(k), row_of(&k_by, l.b, l.kv, j0), k_by.of[2], k_by.of[3], n, p.d,
                k_rows, PAD(p.d), &k_row);
            hal_tiles(from, k_row, 1, panel, n, p.d, scores, HAL_TILE, 0);
            scale_scores(&p, scores, j0, n, AT(bias), bias_at, bias_by.of[3]);
            exponentials(scores, n, j0, limit, top, sum, sums, p.e);
            const hal_const_floats with = ROWS(T)(AT(v), row_of(&v_by, l.b, l.kv, j0), v_by.of[2], v_by.of[3], n, p.e,
                v_rows, PAD(p.e), &v_row);
            hal_tiles(with, 1, v_row, scores, p.e, n, sums, HAL_TILE, 1);
        }
        FOR_LANES {
            top[x] = sum[x] == 0.0f ? -INFINITY : top[x] + hal_f_log(sum[x]);
            sum[x] = sum[x] == 0.0f ? 0.0f : 1.0f / sum[x];
        }
        LANES_STORE(T, y, y_by, p.e, sums, sum)
        for (int x = 0; x < l.n; x++) {
            long i;
            const long h = lane_head(&p, &l, x, &i);
            store_F32(AT(lse), row_of(&lse_by, l.b, h, i), top[x]);
        }
    }
}

#else
HAL_KERNEL void attention_tiled(INPUTS, OUTPUTS, attention p)
{
    HAL_LOCAL float left[STEP][TILE + 1], right[STEP][TILE + 1], block[TILE][TILE + 1];
    HAL_LOCAL float top[TILE], sum[TILE], shift[TILE], factor[TILE];
    const int me = (int)get_local_id(0), x = me % SIDE, y = me / SIDE;
    const long down = (p.t + TILE - 1) / TILE, across = p.e > TILE ? (p.e + TILE - 1) / TILE : 1;
    const long group = (long)get_group_id(0), head = group / (down * across), b = head / p.hq, h = head % p.hq;
    const long i0 = group / across % down * TILE, c0 = group % across * TILE, g = h / (p.hq / p.hk);
    const long last = i0 + TILE < p.t ? i0 + TILE : p.t, keys = keys_seen(&p, AT(start), last - 1);
    float result[4][4], scores[4][4];
    FOR_4X4 result[r][c] = 0.0f;
    if (me < TILE) {
        top[me] = -INFINITY;
        sum[me] = 0.0f;
    }
    /* All work-items of a group reach the same barriers: keys hangs on the group and on arguments only. */
    for (long j0 = 0; j0 < keys; j0 += TILE) {
        SCORES(T, q, q_by, h, i0, p.t, T, k, k_by, g, j0, p.s, p.d, scores)
        FOR_4X4 {
            const long i = i0 + y + r * SIDE, j = j0 + x + c * SIDE;
            float v = scores[r][c] * p.scale;
            if (i >= p.t || j >= keys_seen(&p, AT(start), i)) v = -INFINITY;
            else if (p.biased) v += LOAD(BIAS)(AT(bias), row_of(&bias_by, b, h, i) + j * bias_by.of[3]);
            block[y + r * SIDE][x + c * SIDE] = v;
        }
        HAL_BARRIER();
        if (me < TILE) {
            float most = top[me];
            for (int j = 0; j < TILE; j++) most = block[me][j] > most ? block[me][j] : most;
            shift[me] = most == -INFINITY ? 0.0f : most;
            factor[me] = hal_f_exp(top[me] - shift[me]);
            top[me] = most;
        }
        HAL_BARRIER();
        FOR_4X4 {
            const int i = y + r * SIDE, j = x + c * SIDE;
            block[i][j] = hal_f_exp(block[i][j] - shift[i]);
            result[r][c] *= factor[i];
        }
        HAL_BARRIER();
        if (me < TILE) {
            float part = 0.0f;
            for (int j = 0; j < TILE; j++) part += block[me][j];
            sum[me] = fma(sum[me], factor[me], part);
        }
        /* PoCL 3.1 takes a branch that a loop with barriers follows for all work-items, and writes beyond `sum`. */
        HAL_BARRIER();
        BLOCK_MULTIPLY(block, T, v, v_by, g, j0, p.s, c0, p.e, result)
    }
    HAL_BARRIER();
    FOR_4X4 {
        const int row = y + r * SIDE;
        const long i = i0 + row, column = c0 + x + c * SIDE;
        const float whole = sum[row] == 0.0f ? 1.0f : sum[row];
        if (i < p.t && column < p.e)
            STORE(T)(AT(y), row_of(&y_by, b, h, i) + column * y_by.of[3], result[r][c] / whole);
    }
    if (me < TILE && c0 == 0 && i0 + me < p.t)
        store_F32(AT(lse), row_of(&lse_by, b, h, i0 + me), sum[me] == 0.0f ? -INFINITY : top[me] + hal_f_log(sum[me]));
}
#endif
