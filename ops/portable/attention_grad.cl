/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p_ij = e^(x_ij - lse_i), dv_j = sum_i p_ij dy_i, ds_ij = scale p_ij (dy_i . v_j - delta_i) with delta_i = dy_i . y_i,
 * dq_i = sum_j ds_ij k_j, dk_j = sum_i ds_ij q_i; key heads sum over their query heads. Reference:
 * hal_op_reference_attention_grad. DY, Y, BIAS: dtypes of dy, y and the bias.
 *
 * Three launches: delta; dq, by queries; dk and dv, by keys. The last two compute the scores anew, so nobody adds to
 * what another work-item adds to, and the order of sums is fixed.
 *
 *   attention_delta          a work-item `run` queries
 *   attention_dq_wide        a task a panel of queries (lanes)
 *   attention_dkv_wide       a task a panel of keys of a key head (lanes)
 *   attention_dq_tiled       a group a tile of queries and a tile of the columns of dq
 *   attention_dkv_tiled      a group a tile of keys and a tile of the columns of dk, or of dv
 *   attention_dq_plain, attention_dkv_plain   a work-item a query or a key, in double (option ATTENTION_PLAIN)
 */
#define INPUTS HAL_TENSOR(dy), hal_strides dy_by, HAL_TENSOR(q), hal_strides q_by, HAL_TENSOR(k), hal_strides k_by, \
    HAL_TENSOR(v), hal_strides v_by, HAL_TENSOR(lse), hal_strides lse_by, HAL_TENSOR(bias), hal_strides bias_by, \
    HAL_TENSOR(start), HAL_TENSOR(delta)
#define DELTA(b, h, i) (((b) * p.hq + (h)) * p.t + (i))

#if defined(ATTENTION_PLAIN)
#define GRAD_IN(verb, T) HAL_PASTE(HAL_PASTE(hal_d_, verb), T)
#define GRAD_REAL double
#define GRAD_STORE store_F64
#else
#define GRAD_IN(verb, T) HAL_PASTE(HAL_PASTE(hal_f_, verb), T)
#define GRAD_REAL float
#define GRAD_STORE store_F32
#endif

HAL_KERNEL void attention_delta(HAL_TENSOR(dy), hal_strides dy_by, HAL_TENSOR(y), hal_strides y_by, HAL_TENSOR(delta),
    attention p, long run)
{
    const long n = p.b * p.hq * p.t, begin = (long)get_global_id(0) * run, end = begin + run < n ? begin + run : n;
    for (long row = begin; row < end; row++) {
        const long head = hal_div(row, p.t), i = row - head * p.t, b = hal_div(head, p.hq), h = head - b * p.hq;
        const long dy_at = row_of(&dy_by, b, h, i), y_at = row_of(&y_by, b, h, i);
        GRAD_REAL sum = 0;
        for (long c = 0; c < p.e; c++)
            sum += GRAD_IN(load_, DY)(AT(dy), dy_at + c * dy_by.of[3]) *
                GRAD_IN(load_, Y)(AT(y), y_at + c * y_by.of[3]);
        GRAD_STORE(AT(delta), row, sum);
    }
}

#if defined(ATTENTION_PLAIN)
/* p_ij, and dy_i . v_j - delta_i. */
#define PAIR(b, h, g, i, j) \
    const double x = score(&p, AT(q), row_of(&q_by, b, h, i), q_by.of[3], AT(k), row_of(&k_by, b, g, j), k_by.of[3], \
        AT(bias), row_of(&bias_by, b, h, i) + (j) * bias_by.of[3]); \
    if (x == -INFINITY) continue; \
    const double weight = exp(x - load_F64(AT(lse), row_of(&lse_by, b, h, i))); \
    double slope = -load_F64(AT(delta), DELTA(b, h, i)); \
    for (long c = 0; c < p.e; c++) \
        slope += GRAD_IN(load_, DY)(AT(dy), row_of(&dy_by, b, h, i) + c * dy_by.of[3]) * \
            load_F64(AT(v), row_of(&v_by, b, g, j) + c * v_by.of[3]); \
    slope *= weight * as_double(p.scale_bits);
/* to[c] += factor value, an expression in c. */
#define GRAD_ADD(to, to_at, factor, value, n) \
    for (long c = 0; c < (n); c++) { \
        const long to_c = (to_at) + c * to##_by.of[3]; \
        store_F64(AT(to), to_c, load_F64(AT(to), to_c) + (factor) * (value)); \
    }
#define GRAD_CLEAR(to, to_at, n) for (long c = 0; c < (n); c++) store_F64(AT(to), (to_at) + c * to##_by.of[3], 0);

HAL_KERNEL void attention_dq_plain(INPUTS, HAL_TENSOR(dq), hal_strides dq_by, attention p)
{
    const long item = (long)get_global_id(0), head = hal_div(item, p.t), i = item - head * p.t;
    const long b = hal_div(head, p.hq), h = head - b * p.hq, g = h / (p.hq / p.hk);
    if (b >= p.b) return;
    const long dq_at = row_of(&dq_by, b, h, i), seen = keys_seen(&p, AT(start), i);
    GRAD_CLEAR(dq, dq_at, p.d)
    for (long j = 0; j < seen; j++) {
        PAIR(b, h, g, i, j)
        GRAD_ADD(dq, dq_at, slope, load_F64(AT(k), row_of(&k_by, b, g, j) + c * k_by.of[3]), p.d)
    }
}

HAL_KERNEL void attention_dkv_plain(INPUTS, HAL_TENSOR(dk), hal_strides dk_by, HAL_TENSOR(dv), hal_strides dv_by,
    attention p)
{
    const long item = (long)get_global_id(0), head = hal_div(item, p.s), j = item - head * p.s;
    const long b = hal_div(head, p.hk), g = head - b * p.hk, each = p.hq / p.hk;
    if (b >= p.b) return;
    const long dk_at = row_of(&dk_by, b, g, j), dv_at = row_of(&dv_by, b, g, j);
    GRAD_CLEAR(dk, dk_at, p.d)
    GRAD_CLEAR(dv, dv_at, p.e)
    for (long h = g * each; h < (g + 1) * each; h++)
        for (long i = first_query(&p, AT(start), j); i < p.t; i++) {
            PAIR(b, h, g, i, j)
            GRAD_ADD(dk, dk_at, slope, load_F64(AT(q), row_of(&q_by, b, h, i) + c * q_by.of[3]), p.d)
            GRAD_ADD(dv, dv_at, weight, GRAD_IN(load_, DY)(AT(dy), row_of(&dy_by, b, h, i) + c * dy_by.of[3]), p.e)
        }
}

#elif defined(HAL_WIDE) && !defined(HAL_CUDA)
HAL_KERNEL void attention_dq_wide(INPUTS, HAL_TENSOR(dq), hal_strides dq_by, HAL_TENSOR(work), attention p)
{
    const long each = HAL_TILE * (2 * p.d + p.e + 2 * BLOCK) + BLOCK * (PAD(p.d) + PAD(p.e)), tasks = lanes_tasks(&p);
    const hal_floats q_panel = HAL_AS(float, AT(work)) + (long)get_global_id(0) * each;
    const hal_floats dy_panel = q_panel + HAL_TILE * p.d, sums = dy_panel + HAL_TILE * p.e;
    const hal_floats scores = sums + HAL_TILE * p.d, slopes = scores + HAL_TILE * BLOCK;
    const hal_floats k_rows = slopes + HAL_TILE * BLOCK, v_rows = k_rows + BLOCK * PAD(p.d);
    for (long task = (long)get_global_id(0); task < tasks; task += (long)get_global_size(0)) {
        const lanes l = lanes_of(&p, task);
        float log_sum[HAL_TILE], own[HAL_TILE], one[HAL_TILE];
        long bias_at[HAL_TILE];
        int limit[HAL_TILE];
        const long keys = lane_limits(&p, &l, AT(start), limit);
        lane_rows(&p, &l, &bias_by, bias_at);
        for (int x = 0; x < HAL_TILE; x++) {
            long i;
            const long h = lane_head(&p, &l, x, &i);
            log_sum[x] = load_F32(AT(lse), row_of(&lse_by, l.b, h, i));
            own[x] = load_F32(AT(delta), DELTA(l.b, h, i));
            one[x] = 1.0f;
        }
        LANES_STAGE(T, q, q_by, p.d, q_panel)
        LANES_STAGE(DY, dy, dy_by, p.e, dy_panel)
        clear(sums, p.d);
        for (long j0 = 0; j0 < keys; j0 += BLOCK) {
            const long n = min((long)BLOCK, keys - j0);
            long k_row, v_row;
            const hal_const_floats k_from = ROWS(T)(AT(k), row_of(&k_by, l.b, l.kv, j0), k_by.of[2], k_by.of[3], n,
                p.d, k_rows, PAD(p.d), &k_row);
            const hal_const_floats v_from = ROWS(T)(AT(v), row_of(&v_by, l.b, l.kv, j0), v_by.of[2], v_by.of[3], n,
                p.e, v_rows, PAD(p.e), &v_row);
            hal_tiles(k_from, k_row, 1, q_panel, n, p.d, scores, HAL_TILE, 0);
            scale_scores(&p, scores, j0, n, AT(bias), bias_at, bias_by.of[3]);
            hal_tiles(v_from, v_row, 1, dy_panel, n, p.e, slopes, HAL_TILE, 0);
            for (long j = 0; j < n; j++) {
                const hal_floats score = scores + j * HAL_TILE, slope = slopes + j * HAL_TILE;
                const int at = (int)(j0 + j);
                FOR_LANES {
                    const float e = hal_f_exp(score[x] - log_sum[x]);
                    const float weight = at < limit[x] && score[x] != -INFINITY ? e : 0.0f;
                    slope[x] = weight == 0.0f ? 0.0f : weight * (slope[x] - own[x]) * p.scale;
                }
            }
            hal_tiles(k_from, 1, k_row, slopes, p.d, n, sums, HAL_TILE, 1);
        }
        LANES_STORE(T, dq, dq_by, p.d, sums, one)
    }
}

/* Scores of n queries from i0 become p, their slopes ds; lane x is key j0 + x, of which `there` are. */
#define KEY_LANES(b, h, i0, n, j0, there) \
    for (long i_ = 0; i_ < (n); i_++) { \
        const hal_floats score = scores + i_ * HAL_TILE, slope = slopes + i_ * HAL_TILE; \
        const long seen_ = keys_seen(&p, AT(start), (i0) + i_) - (j0); \
        const int limit = (int)(seen_ < (there) ? seen_ : (there)); \
        const float log_sum = load_F32(AT(lse), row_of(&lse_by, b, h, (i0) + i_)); \
        const float own = load_F32(AT(delta), DELTA(b, h, (i0) + i_)); \
        FOR_LANES { \
            const float e = hal_f_exp(score[x] - log_sum), weight = x < limit && score[x] != -INFINITY ? e : 0.0f; \
            score[x] = weight; \
            slope[x] = weight == 0.0f ? 0.0f : weight * (slope[x] - own) * p.scale; \
        } \
    }

/* Element c of lane x of a panel to key j0 + x. */
#define KEYS_STORE(operand, by, width, panel) \
    for (long x_ = 0; x_ < there; x_++) \
        for (long c_ = 0; c_ < (width); c_++) \
            STORE(T)(AT(operand), row_of(&(by), b, g, j0 + x_) + c_ * (by).of[3], (panel)[c_ * HAL_TILE + x_]);

HAL_KERNEL void attention_dkv_wide(INPUTS, HAL_TENSOR(dk), hal_strides dk_by, HAL_TENSOR(dv), hal_strides dv_by,
    HAL_TENSOR(work), attention p)
{
    const long each = HAL_TILE * 2 * (p.d + p.e + BLOCK) + BLOCK * (PAD(p.d) + PAD(p.e));
    const long panels = (p.s + HAL_TILE - 1) / HAL_TILE, heads = p.hq / p.hk;
    const hal_floats k_panel = HAL_AS(float, AT(work)) + (long)get_global_id(0) * each;
    const hal_floats v_panel = k_panel + HAL_TILE * p.d, dk_sums = v_panel + HAL_TILE * p.e;
    const hal_floats dv_sums = dk_sums + HAL_TILE * p.d, scores = dv_sums + HAL_TILE * p.e;
    const hal_floats slopes = scores + HAL_TILE * BLOCK, q_rows = slopes + HAL_TILE * BLOCK;
    const hal_floats dy_rows = q_rows + BLOCK * PAD(p.d);
    for (long task = (long)get_global_id(0); task < p.b * p.hk * panels; task += (long)get_global_size(0)) {
        const long b = task / panels / p.hk, g = task / panels % p.hk, j0 = task % panels * HAL_TILE;
        const long there = min((long)HAL_TILE, p.s - j0);
        long bias_lane[HAL_TILE];
        STAGE(T)(AT(k), row_of(&k_by, b, g, j0), k_by.of[3], k_by.of[2], p.d, there, k_panel, HAL_TILE);
        hal_panel_fill(k_panel, p.d, there);
        STAGE(T)(AT(v), row_of(&v_by, b, g, j0), v_by.of[3], v_by.of[2], p.e, there, v_panel, HAL_TILE);
        hal_panel_fill(v_panel, p.e, there);
        clear(dk_sums, p.d);
        clear(dv_sums, p.e);
        for (long h = g * heads; h < (g + 1) * heads; h++)
            for (long i0 = first_query(&p, AT(start), j0) / BLOCK * BLOCK; i0 < p.t; i0 += BLOCK) {
                const long n = min((long)BLOCK, p.t - i0);
                long q_row, dy_row;
                const hal_const_floats q_from = ROWS(T)(AT(q), row_of(&q_by, b, h, i0), q_by.of[2], q_by.of[3], n, p.d,
                    q_rows, PAD(p.d), &q_row);
                const hal_const_floats dy_from = ROWS(DY)(AT(dy), row_of(&dy_by, b, h, i0), dy_by.of[2], dy_by.of[3],
                    n, p.e, dy_rows, PAD(p.e), &dy_row);
                for (int x = 0; x < HAL_TILE; x++)
                    bias_lane[x] = row_of(&bias_by, b, h, i0) + (j0 + (x < there ? x : there - 1)) * bias_by.of[3];
                hal_tiles(q_from, q_row, 1, k_panel, n, p.d, scores, HAL_TILE, 0);
                scale_scores(&p, scores, 0, n, AT(bias), bias_lane, bias_by.of[2]);
                hal_tiles(dy_from, dy_row, 1, v_panel, n, p.e, slopes, HAL_TILE, 0);
                KEY_LANES(b, h, i0, n, j0, there)
                hal_tiles(dy_from, 1, dy_row, scores, p.e, n, dv_sums, HAL_TILE, 1);
                hal_tiles(q_from, 1, q_row, slopes, p.d, n, dk_sums, HAL_TILE, 1);
            }
        KEYS_STORE(dk, dk_by, p.d, dk_sums)
        KEYS_STORE(dv, dv_by, p.e, dv_sums)
    }
}

#else
/* A work-item's element (query i, key j) of a tile: p, from the score. */
#define WEIGHT(score, b, h, i, j) \
    float weight = 0.0f; \
    if ((i) < p.t && (j) < keys_seen(&p, AT(start), i)) { \
        float v = (score) * p.scale; \
        if (p.biased) v += LOAD(BIAS)(AT(bias), row_of(&bias_by, b, h, i) + (j) * bias_by.of[3]); \
        if (v != -INFINITY) weight = hal_f_exp(v - load_F32(AT(lse), row_of(&lse_by, b, h, i))); \
    }
/* And ds, 0 where there is no weight. */
#define SLOPE(product, b, h, i) \
    (weight == 0.0f ? 0.0f : weight * ((product) - load_F32(AT(delta), DELTA(b, h, i))) * p.scale)

HAL_KERNEL void attention_dq_tiled(INPUTS, HAL_TENSOR(dq), hal_strides dq_by, attention p)
{
    HAL_LOCAL float left[STEP][TILE + 1], right[STEP][TILE + 1], block[TILE][TILE + 1];
    const int me = (int)get_local_id(0), x = me % SIDE, y = me / SIDE;
    const long down = (p.t + TILE - 1) / TILE, across = (p.d + TILE - 1) / TILE, group = (long)get_group_id(0);
    const long head = group / (down * across), b = head / p.hq, h = head % p.hq, g = h / (p.hq / p.hk);
    const long i0 = group / across % down * TILE, c0 = group % across * TILE;
    const long last = i0 + TILE < p.t ? i0 + TILE : p.t, keys = keys_seen(&p, AT(start), last - 1);
    float result[4][4], scores[4][4], products[4][4];
    FOR_4X4 result[r][c] = 0.0f;
    for (long j0 = 0; j0 < keys; j0 += TILE) {
        SCORES(T, q, q_by, h, i0, p.t, T, k, k_by, g, j0, p.s, p.d, scores)
        SCORES(DY, dy, dy_by, h, i0, p.t, T, v, v_by, g, j0, p.s, p.e, products)
        FOR_4X4 {
            const long i = i0 + y + r * SIDE, j = j0 + x + c * SIDE;
            WEIGHT(scores[r][c], b, h, i, j)
            block[y + r * SIDE][x + c * SIDE] = SLOPE(products[r][c], b, h, i);
        }
        BLOCK_MULTIPLY(block, T, k, k_by, g, j0, p.s, c0, p.d, result)
    }
    FOR_4X4 {
        const long i = i0 + y + r * SIDE, column = c0 + x + c * SIDE;
        if (i < p.t && column < p.d)
            STORE(T)(AT(dq), row_of(&dq_by, b, h, i) + column * dq_by.of[3], result[r][c]);
    }
}

HAL_KERNEL void attention_dkv_tiled(INPUTS, HAL_TENSOR(dk), hal_strides dk_by, HAL_TENSOR(dv), hal_strides dv_by,
    attention p)
{
    HAL_LOCAL float left[STEP][TILE + 1], right[STEP][TILE + 1], block[TILE][TILE + 1];
    const int me = (int)get_local_id(0), x = me % SIDE, y = me / SIDE;
    const long down = (p.s + TILE - 1) / TILE;
    const long of_dk = (p.d + TILE - 1) / TILE, across = of_dk + (p.e + TILE - 1) / TILE;
    const long group = (long)get_group_id(0), head = group / (down * across), b = head / p.hk, g = head % p.hk;
    const long j0 = group / across % down * TILE, part = group % across, heads = p.hq / p.hk;
    const int is_dk = part < of_dk;
    const long c0 = (is_dk ? part : part - of_dk) * TILE;
    float result[4][4], scores[4][4], products[4][4];
    FOR_4X4 result[r][c] = products[r][c] = 0.0f;
    for (long h = g * heads; h < (g + 1) * heads; h++)
        for (long i0 = first_query(&p, AT(start), j0) / TILE * TILE; i0 < p.t; i0 += TILE) {
            SCORES(T, k, k_by, g, j0, p.s, T, q, q_by, h, i0, p.t, p.d, scores)
            if (is_dk) { SCORES(T, v, v_by, g, j0, p.s, DY, dy, dy_by, h, i0, p.t, p.e, products) }
            FOR_4X4 {
                const long j = j0 + y + r * SIDE, i = i0 + x + c * SIDE;
                WEIGHT(scores[r][c], b, h, i, j)
                block[y + r * SIDE][x + c * SIDE] = is_dk ? SLOPE(products[r][c], b, h, i) : weight;
            }
            if (is_dk) { BLOCK_MULTIPLY(block, T, q, q_by, h, i0, p.t, c0, p.d, result) }
            else { BLOCK_MULTIPLY(block, DY, dy, dy_by, h, i0, p.t, c0, p.e, result) }
        }
    FOR_4X4 {
        const long j = j0 + y + r * SIDE, column = c0 + x + c * SIDE;
        if (j < p.s && is_dk && column < p.d)
            STORE(T)(AT(dk), row_of(&dk_by, b, g, j) + column * dk_by.of[3], result[r][c]);
        if (j < p.s && !is_dk && column < p.e)
            STORE(T)(AT(dv), row_of(&dv_by, b, g, j) + column * dv_by.of[3], result[r][c]);
    }
}
#endif
