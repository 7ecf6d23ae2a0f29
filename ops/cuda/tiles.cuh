/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What attention_mma.cu and attention_grad_mma.cu share. T: BF16 or F16; D: 64 or 128; BIASED: 1 where there is a bias, whose
 * loads take registers that are not to spare otherwise. BIAS: its dtype.
 *
 * Tiles in local memory of n rows by D columns of T (BF16 or F16), and what groups of 4 warps do with them. The 16-byte
 * chunk c of row r lies where chunk c ^ (r % 8) would: eight rows of one chunk are in different banks, read and written.
 *
 * A warp's part of a result is 16 x 8n, held as float x[n][4] in the layout of c in mma.cuh.
 *
 *   sum += left right^T   left: 16 rows as fragments, or in a tile; right: rows of a tile   by_rows, by_rows_tile
 *   sum += x tile         x: 16 x n floats, in two parts of T that make up 16 bits (BF16) or 22 (F16), so that what the
 *                         contract calls the accumulation, f32, is not lost where weights are rounded   by_columns
 */
#define CHUNKS (D / 8)
#define THREADS 128
/* Rows that a group has, and keys that pass by at a time. */
#define ROWS 64
#define KEYS (4096 / D)
#define PACK HAL_PASTE(hal_pack_, T)
#define LOW HAL_PASTE(hal_low_, T)
#define HIGH HAL_PASTE(hal_high_, T)
#define MMA HAL_PASTE(hal_mma_, T)
/* The rows of a warp in a tile for the group, and a lane's rows and columns in it: ROW(1) is eight further. */
#define LANE ((int)get_local_id(0) & 31)
#define WARP ((int)get_local_id(0) >> 5)
#define ROW(half) (WARP * 16 + (LANE >> 2) + 8 * (half))
#define COLUMN(n, e) ((n) * 8 + (LANE & 3) * 2 + ((e) & 1))

HAL_FUNCTION int place(int row, int chunk) { return row * D + ((chunk ^ (row & 7)) << 3); }

/* ------------------------------------------------------------------------------------- to and from memory */

/* Whether rows of an operand of strides `by` are chunks that lie as copies of 16 bytes ask for. */
HAL_FUNCTION int is_chunked(HAL_GLOBAL const char *at, const hal_strides *by) {
    const ulong steps = (ulong)(by->of[0] | by->of[1] | by->of[2]) * 2;
    return by->of[3] == 1 && (((ulong)at | steps) & 15) == 0;
}

/* Row r of `length` rows a head, the heads following `head`: where it begins, in elements. */
HAL_FUNCTION long row_at(const hal_strides *by, long b, long head, long length, long r) {
    const long h = hal_div(r, length);
    return row_of(by, b, head + h, r - h * length);
}

HAL_FUNCTION void load_chunk(ushort *to, HAL_GLOBAL const char *from, long by, int chunked, int there) {
    if (chunked) hal_copy_16(to, from, there ? 16 : 0);
    else
        HAL_ROLLED for (int c = 0; c < 8; c++) to[c] = there ? HAL_AS(const ushort, from)[c * by] : (ushort)0;
}

/* Rows r0 ... of the heads from `head`, those from row `end` on as zeros, into a tile of `rows` rows. */
HAL_FUNCTION void load_rows(ushort *tile, int rows, HAL_GLOBAL const char *at, const hal_strides *by, long b, long head,
    long length, long r0, long end)
{
    const int chunked = is_chunked(at, by), chunk = (int)get_local_id(0) % CHUNKS;
    HAL_UNROLL for (int step = 0; step < rows / (THREADS / CHUNKS); step++) {
        const int row = step * (THREADS / CHUNKS) + (int)get_local_id(0) / CHUNKS;
        const int there = r0 + row < end;
        const long from = there ? row_at(by, b, head, length, r0 + row) + chunk * 8 * by->of[3] : 0;
        load_chunk(tile + place(row, chunk), at + 2 * from, by->of[3], chunked, there);
    }
}

/* The same where all rows are of one head: `at` is the first, `n` are there. */
HAL_FUNCTION void load_tile(ushort *tile, int rows, HAL_GLOBAL const char *at, const hal_strides *by, int chunked, int n) {
    const int chunk = (int)get_local_id(0) % CHUNKS, row = (int)get_local_id(0) / CHUNKS;
    HAL_GLOBAL const char *from = at + 2 * (row * by->of[2] + chunk * 8 * by->of[3]);
    ushort *to = tile + place(row, chunk);
    HAL_UNROLL for (int step = 0; step < rows; step += THREADS / CHUNKS) {
        load_chunk(to + step * D, from, by->of[3], chunked, row + step < n);
        from += 2 * (THREADS / CHUNKS) * by->of[2];
    }
}

/* Sums of the warps, 16 rows each, times factor[half] for both halves of them: rows r0 ... before `end`. The tile has
   64 rows, and the group no more use for it. */
HAL_FUNCTION void store_rows(ushort *tile, const float (*sum)[4], const float *factor, HAL_GLOBAL char *at,
    const hal_strides *by, long b, long head, long length, long r0, long end)
{
    const int chunked = is_chunked(at, by), chunk = (int)get_local_id(0) % CHUNKS;
    HAL_BARRIER();
    HAL_UNROLL for (int n = 0; n < D / 8; n++)
        HAL_UNROLL for (int half_ = 0; half_ < 2; half_++)
            *(uint *)(tile + place(ROW(half_), n) + COLUMN(0, 0)) =
                PACK(sum[n][2 * half_] * factor[half_], sum[n][2 * half_ + 1] * factor[half_]);
    HAL_BARRIER();
    for (int row = (int)get_local_id(0) / CHUNKS; row < 64; row += THREADS / CHUNKS) {
        const ushort *from = tile + place(row, chunk);
        if (r0 + row >= end) break;
        const long to = row_at(by, b, head, length, r0 + row) + chunk * 8 * by->of[3];
        if (chunked) *HAL_AS(hal_chunk, at + 2 * to) = *(const hal_chunk *)from;
        else
            HAL_ROLLED for (int c = 0; c < 8; c++) HAL_AS(ushort, at)[to + c * by->of[3]] = from[c];
    }
}

/* --------------------------------------------------------------------------------------------- fragments */

/* Rows are multiples of 16 and chunks even, so that a lane's place differs from that in the first by a sum and an
   exclusive or: place(row + r, chunk + c) = row D + (place(r, c) ^ 8 chunk). */
#define FRAGMENT(lane_row, lane_chunk) tile + row * D + (place(lane_row, lane_chunk) ^ chunk << 3)

/* 16 x 16 from `row` and `chunk` on as a left operand. */
HAL_FUNCTION void fragment_left(uint *to, const ushort *tile, int row, int chunk) {
    hal_matrices(to, FRAGMENT(LANE & 15, LANE >> 4));
}
/* 16 rows as the columns of two right operands, one after the other. */
HAL_FUNCTION void fragment_rows(uint *to, const ushort *tile, int row, int chunk) {
    hal_matrices(to, FRAGMENT((LANE & 7) + (LANE >> 4 << 3), LANE >> 3 & 1));
}
/* 16 rows and 16 columns as two right operands. */
HAL_FUNCTION void fragment_columns(uint *to, const ushort *tile, int row, int chunk) {
    hal_matrices_turned(to, FRAGMENT(LANE & 15, LANE >> 4));
}
/* The warp's 16 rows of a tile. */
HAL_FUNCTION void fragments_left(uint (*to)[4], const ushort *tile) {
    HAL_UNROLL for (int k = 0; k < D / 16; k++) fragment_left(to[k], tile, WARP * 16, 2 * k);
}

/* -------------------------------------------------------------------------------------------------- products */

HAL_FUNCTION void clear(float (*x)[4], int n) {
    HAL_UNROLL for (int i = 0; i < n; i++)
        HAL_UNROLL for (int e = 0; e < 4; e++) x[i][e] = 0.0f;
}

HAL_FUNCTION void by_row_step(float (*sum)[4], const uint *left, const ushort *right, int rows, int k) {
    HAL_UNROLL for (int n = 0; n < rows / 16; n++) {
        uint both[4];
        fragment_rows(both, right, n * 16, 2 * k);
        MMA(sum[2 * n], left, both);
        MMA(sum[2 * n + 1], left, both + 2);
    }
}
HAL_FUNCTION void by_rows(float (*sum)[4], const uint (*left)[4], const ushort *right, int rows) {
    HAL_UNROLL for (int k = 0; k < D / 16; k++) by_row_step(sum, left[k], right, rows, k);
}
/* The left operand is the warp's rows of a tile. */
HAL_FUNCTION void by_rows_tile(float (*sum)[4], const ushort *left, const ushort *right, int rows) {
    HAL_UNROLL for (int k = 0; k < D / 16; k++) {
        uint a[4];
        fragment_left(a, left, WARP * 16, 2 * k);
        by_row_step(sum, a, right, rows, k);
    }
}

/* x (16 x 16) as a left operand in two parts. */
HAL_FUNCTION void split(uint *high, uint *low, const float (*x)[4]) {
    HAL_UNROLL for (int i = 0; i < 4; i++) {
        const float a = x[i >> 1][(i & 1) * 2], b = x[i >> 1][(i & 1) * 2 + 1];
        high[i] = PACK(a, b);
        low[i] = PACK(a - LOW(high[i]), b - HIGH(high[i]));
    }
}
HAL_FUNCTION void by_columns(float (*sum)[4], const float (*x)[4], const ushort *tile, int rows) {
    HAL_UNROLL for (int k = 0; k < rows / 16; k++) {
        uint high[4], low[4];
        split(high, low, x + 2 * k);
        HAL_UNROLL for (int n = 0; n < D / 16; n++) {
            uint both[4];
            fragment_columns(both, tile, k * 16, 2 * n);
            MMA(sum[2 * n], high, both);
            MMA(sum[2 * n + 1], high, both + 2);
            MMA(sum[2 * n], low, both);
            MMA(sum[2 * n + 1], low, both + 2);
        }
    }
}

/* ---------------------------------------------------------------------------------------------------- scores */

/* Keys that any of the rows from r0 to before `end` sees, which lie one query head after the other. */
HAL_FUNCTION long most_seen(const attention *p, HAL_GLOBAL const char *start, long r0, long end) {
    const long head = hal_div(end - 1, p->t);
    return keys_seen(p, start, head * p->t <= r0 ? end - 1 - head * p->t : p->t - 1);
}

/* A score in powers of two with its bias. */
HAL_FUNCTION float biased(float x, float scale, HAL_GLOBAL const char *bias, long at) {
    return fma(LOAD(BIAS)(bias, at), HAL_LOG2_E, x * scale * HAL_LOG2_E);
}

/* Scores of keys from j0 that are not seen become -inf, and biased ones those in powers of two. */
HAL_FUNCTION void mask_block(float (*x)[4], const attention *p, const int *seen, int j0, HAL_GLOBAL const char *bias,
    const long *bias_at, long bias_by)
{
    if (!BIASED && j0 + KEYS <= (seen[0] < seen[1] ? seen[0] : seen[1])) return;
    HAL_UNROLL for (int n = 0; n < KEYS / 8; n++)
        HAL_UNROLL for (int e = 0; e < 4; e++) {
            const int j = j0 + COLUMN(n, e);
            if (j >= seen[e >> 1]) x[n][e] = -INFINITY;
            else if (BIASED) x[n][e] = biased(x[n][e], p->scale, bias, bias_at[e >> 1] + j * bias_by);
        }
}
