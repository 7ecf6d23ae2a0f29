/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What forward and backward attention share: q [b, hq, t, d], k [b, hk, s, d], v [b, hk, s, e]; query head h reads key
 * head h / (hq / hk); x_ij = scale q_i . k_j + bias_ij, and -inf where query i does not see key j. T: dtype of q, k
 * and v. Work goes by blocks of queries and keys, so nothing is as large as t times s.
 */
typedef struct {
    long b, hq, hk, t, s, d, e;
    ulong scale_bits;                    /* of the scale as a double */
    float scale;
    int causal, biased, started;
} attention;

/* Keys that query i sees are those before this. */
HAL_FUNCTION long keys_seen(const attention *p, HAL_GLOBAL const char *start, long i) {
    if (!p->causal) return p->s;
    const long seen = (p->started ? load_I32(start, 0) : p->s - p->t) + i + 1;
    return seen < 0 ? 0 : seen < p->s ? seen : p->s;
}

/* The first query that sees key j, or t. */
HAL_FUNCTION long first_query(const attention *p, HAL_GLOBAL const char *start, long j) {
    if (!p->causal) return 0;
    const long first = j - (p->started ? load_I32(start, 0) : p->s - p->t);
    return first < 0 ? 0 : first < p->t ? first : p->t;
}

/* Element (b, h, i, 0) of an operand. */
HAL_FUNCTION long row_of(const hal_strides *by, long b, long h, long i) {
    return b * by->of[0] + h * by->of[1] + i * by->of[2];
}

#if defined(ATTENTION_PLAIN)
/* x_ij in double. */
HAL_FUNCTION double score(const attention *p, HAL_GLOBAL const char *q, long q_at, long q_by, HAL_GLOBAL const char *k,
    long k_at, long k_by, HAL_GLOBAL const char *bias, long bias_at) {
    double sum = 0;
    for (long c = 0; c < p->d; c++) sum += load_F64(q, q_at + c * q_by) * load_F64(k, k_at + c * k_by);
    sum *= as_double(p->scale_bits);
    return p->biased ? sum + HAL_PASTE(hal_d_load_, BIAS)(bias, bias_at) : sum;
}

#elif defined(HAL_WIDE) && !defined(HAL_CUDA)
#define BLOCK 64                         /* rows of the left operand of a product */
#define PAD(n) ((((n) + 15) & ~15L) + 16)
#define FOR_LANES HAL_VECTOR_LOOP for (int x = 0; x < HAL_TILE; x++)

HAL_FUNCTION void clear(hal_floats panel, long rows) {
    for (long i = 0; i < rows * HAL_TILE; i += 16) vstore16((float16)(0.0f), 0, panel + i);
}

/* scores = scale scores + bias, for n rows from j0; lane x adds its bias from bias_at[x] + row bias_by. */
HAL_FUNCTION void scale_scores(const attention *p, hal_floats scores, long j0, long n, HAL_GLOBAL const char *bias,
    const long *bias_at, long bias_by) {
    for (long j = 0; j < n; j++) {
        const hal_floats row = scores + j * HAL_TILE;
        FOR_LANES row[x] *= p->scale;
        if (p->biased)
            for (int x = 0; x < HAL_TILE; x++) row[x] += LOAD(BIAS)(bias, bias_at[x] + (j0 + j) * bias_by);
    }
}

/* A panel whose lanes are the rows first, first + 1, ... of the query heads that share key head `kv` of batch b; their
   queries lie one head after the other. `n` lanes are there, the rest repeats the last one. */
typedef struct { long b, kv, first; int n; } lanes;
HAL_FUNCTION lanes lanes_of(const attention *p, long task) {
    const long rows = p->hq / p->hk * p->t, panels = (rows + HAL_TILE - 1) / HAL_TILE, pair = task / panels;
    lanes l = {pair / p->hk, pair % p->hk, task % panels * HAL_TILE, HAL_TILE};
    if (rows - l.first < HAL_TILE) l.n = (int)(rows - l.first);
    return l;
}
HAL_FUNCTION long lanes_tasks(const attention *p) {
    return p->b * p->hk * ((p->hq / p->hk * p->t + HAL_TILE - 1) / HAL_TILE);
}
/* Head and query of lane x. */
HAL_FUNCTION long lane_head(const attention *p, const lanes *l, int x, long *i) {
    const long r = l->first + (x < l->n ? x : l->n - 1), head = hal_div(r, p->t);
    *i = r - head * p->t;
    return l->kv * (p->hq / p->hk) + head;
}
/* Where the row of each lane begins. */
HAL_FUNCTION void lane_rows(const attention *p, const lanes *l, const hal_strides *by, long *at) {
    for (int x = 0; x < HAL_TILE; x++) {
        long i;
        const long h = lane_head(p, l, x, &i);
        at[x] = row_of(by, l->b, h, i);
    }
}
/* Keys each lane sees, none where there is no row; returns the most. */
HAL_FUNCTION long lane_limits(const attention *p, const lanes *l, HAL_GLOBAL const char *start, int *limit) {
    long most = 0;
    for (int x = 0; x < HAL_TILE; x++) {
        long i;
        lane_head(p, l, x, &i);
        const long seen = x < l->n ? keys_seen(p, start, i) : 0;
        limit[x] = (int)seen;
        most = seen > most ? seen : most;
    }
    return most;
}

/* The rows of the lanes as columns of a panel, a head at a time. */
#define LANES_STAGE(T, operand, by, width, panel) \
    for (int x_ = 0, n_; x_ < l.n; x_ += n_) { \
        long i_; \
        const long h_ = lane_head(&p, &l, x_, &i_); \
        n_ = (int)min((long)(l.n - x_), p.t - i_); \
        STAGE(T)(AT(operand), row_of(&(by), l.b, h_, i_), (by).of[3], (by).of[2], width, n_, (panel) + x_, HAL_TILE); \
    } \
    hal_panel_fill(panel, width, l.n);
/* And back: element c of lane x is panel[c][x] times factor[x]. */
#define LANES_STORE(T, operand, by, width, panel, factor) \
    for (int x_ = 0; x_ < l.n; x_++) { \
        long i_; \
        const long h_ = lane_head(&p, &l, x_, &i_), at_ = row_of(&(by), l.b, h_, i_); \
        for (long c_ = 0; c_ < (width); c_++) \
            STORE(T)(AT(operand), at_ + c_ * (by).of[3], (panel)[c_ * HAL_TILE + x_] * factor[x_]); \
    }

#else
/* A block of TILE x TILE scores in registers: rows of head `h` of `left` from i0, of head `g` of `right` from j0. */
#define SCORES(TL, left_operand, left_by, h, i0, rows, TR, right_operand, right_by, g, j0, columns, width, to) \
    FOR_4X4 to[r][c] = 0.0f; \
    for (long l0 = 0; l0 < (width); l0 += STEP) { \
        TILE_LOAD(TL, left_operand, row_of(&(left_by), b, h, i0), (left_by).of[2], (left_by).of[3], (rows) - (i0), l0, \
            width, left) \
        TILE_LOAD(TR, right_operand, row_of(&(right_by), b, g, j0), (right_by).of[2], (right_by).of[3], \
            (columns) - (j0), l0, width, right) \
        TILE_MULTIPLY(left, right, to) \
    }
/* sum += block (in local memory, [TILE][TILE + 1]) times rows j0 ... of `x`, of which the columns from c0 are read. */
#define BLOCK_MULTIPLY(block, TX, operand, by, h, j0, rows, c0, width, sum) \
    for (int l0 = 0; l0 < TILE; l0 += STEP) { \
        TILE_LOAD(TX, operand, row_of(&(by), b, h, j0) + (c0) * (by).of[3], (by).of[3], (by).of[2], (width) - (c0), \
            l0, (rows) - (j0), right) \
        HAL_BARRIER(); \
        for (int l_ = 0; l_ < STEP; l_++) \
            FOR_4X4 sum[r][c] = fma(block[y + r * SIDE][l0 + l_], right[l_][x + c * SIDE], sum[r][c]); \
        HAL_BARRIER(); \
    }
#endif
