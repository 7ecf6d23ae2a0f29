/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small products of floats, which matmul and attention are made of.
 *
 * Where work-items are turns of a loop (HAL_WIDE): c [rows][HAL_TILE] += a [rows][k] b [k][HAL_TILE]; the sums of a few
 * rows stay in registers over all of k: 8, or 4 (HAL_SMALL_TILES) where registers are fewer or narrower. b is a panel: k rows of HAL_TILE floats, one after the other. a has any
 * strides. Operands that are not floats, or lie unfavourably, are staged first: copied to scratch memory as floats.
 *
 * Elsewhere: macros for groups of work-items that share blocks of both operands in local memory.
 */
#if defined(HAL_WIDE) && !defined(HAL_CUDA)
#define HAL_TILE 32
#define HAL_UNROLL _Pragma("unroll")
/* A function that stays one: where many calls were inlined, compilers would take long and gain nothing. */
#define HAL_CALLED __attribute__((noinline)) static
typedef HAL_GLOBAL float *hal_floats;
typedef HAL_GLOBAL const float *hal_const_floats;

/* ------------------------------------------------------------------------------------------------- products -- */

/* One tile of `rows`, which is a constant where this is inlined; adds to what c holds where `add`. */
#define HAL_TILE_OF(ROWS) \
    HAL_FUNCTION void hal_tile_##ROWS(hal_const_floats a, long a_row, long a_col, hal_const_floats b, long k, \
                                      hal_floats c, long c_row, int add) { \
        float16 low[ROWS], high[ROWS]; \
        HAL_UNROLL for (int r = 0; r < ROWS; r++) low[r] = high[r] = (float16)(0.0f); \
        for (long l = 0; l < k; l++) { \
            const float16 b0 = vload16(0, b), b1 = vload16(1, b); \
            HAL_UNROLL for (int r = 0; r < ROWS; r++) { \
                const float16 v = (float16)(a[r * a_row]); \
                low[r] = fma(v, b0, low[r]); \
                high[r] = fma(v, b1, high[r]); \
            } \
            a += a_col; \
            b += HAL_TILE; \
        } \
        HAL_UNROLL for (int r = 0; r < ROWS; r++) { \
            const float16 c0 = add ? vload16(0, c + r * c_row) : (float16)(0.0f); \
            const float16 c1 = add ? vload16(1, c + r * c_row) : (float16)(0.0f); \
            vstore16(c0 + low[r], 0, c + r * c_row); \
            vstore16(c1 + high[r], 1, c + r * c_row); \
        } \
    }
#ifndef HAL_SMALL_TILES
HAL_TILE_OF(8)
#endif
HAL_TILE_OF(4)
HAL_TILE_OF(1)

/* Any number of rows. The sum over k begins at 0 and is added to c in the end, where `add`. */
HAL_CALLED void hal_tiles(hal_const_floats a, long a_row, long a_col, hal_const_floats b, long rows, long k,
    hal_floats c, long c_row, int add) {
    long i = 0;
#ifndef HAL_SMALL_TILES
    for (; i + 8 <= rows; i += 8) hal_tile_8(a + i * a_row, a_row, a_col, b, k, c + i * c_row, c_row, add);
#endif
    for (; i + 4 <= rows; i += 4) hal_tile_4(a + i * a_row, a_row, a_col, b, k, c + i * c_row, c_row, add);
    for (; i < rows; i++) hal_tile_1(a + i * a_row, a_row, a_col, b, k, c + i * c_row, c_row, add);
}

/* -------------------------------------------------------------------------------------------------- staging -- */

/* 16 elements in a row, from element i of p. */
HAL_FUNCTION float16 hal_wide_F32(HAL_GLOBAL const char *p, long i) { return vload16(0, HAL_AS(const float, p) + i); }
HAL_FUNCTION float16 hal_wide_BF16(HAL_GLOBAL const char *p, long i) {
    return as_float16(convert_uint16(vload16(0, HAL_AS(const ushort, p) + i)) << 16);
}
/* As hal_from_f16 of the prelude. */
HAL_FUNCTION float16 hal_wide_F16(HAL_GLOBAL const char *p, long i) {
    const uint16 v = convert_uint16(vload16(0, HAL_AS(const ushort, p) + i));
    const uint16 magnitude = as_uint16(as_float16((v & 0x7fffu) << 13) * 0x1p112f);
    const uint16 special = as_uint16((v & 0x7c00u) == 0x7c00u) & 0x7f800000u;
    return as_float16(magnitude | special | (v & 0x8000u) << 16);
}
#define WIDE(T) HAL_PASTE(hal_wide_, T)

/* Elements of a and b in turn: the first, or the last, eight of each. */
HAL_FUNCTION float16 hal_zip_low(float16 a, float16 b) {
    return (float16)(a.s0, b.s0, a.s1, b.s1, a.s2, b.s2, a.s3, b.s3, a.s4, b.s4, a.s5, b.s5, a.s6, b.s6, a.s7, b.s7);
}
HAL_FUNCTION float16 hal_zip_high(float16 a, float16 b) {
    return (float16)(a.s8, b.s8, a.s9, b.s9, a.sa, b.sa, a.sb, b.sb, a.sc, b.sc, a.sd, b.sd, a.se, b.se, a.sf, b.sf);
}
/* Four times in turn, rows i and i + 8, and rows are columns. */
HAL_FUNCTION void hal_transpose_16(float16 *r) {
    float16 t[16];
    HAL_UNROLL for (int round = 0; round < 4; round++) {
        HAL_UNROLL for (int i = 0; i < 8; i++) {
            t[2 * i] = hal_zip_low(r[i], r[i + 8]);
            t[2 * i + 1] = hal_zip_high(r[i], r[i + 8]);
        }
        HAL_UNROLL for (int i = 0; i < 16; i++) r[i] = t[i];
    }
}

/* Element (i, j) of p, which lies at i row + j col, to to[i to_row + j]. */
#define HAL_STAGE(T) \
    HAL_CALLED void hal_stage_##T(HAL_GLOBAL const char *p, long at, long row, long col, long rows, long columns, \
                                  hal_floats to, long to_row) { \
        const long wide = col == 1 || row == 1 ? columns & ~15L : 0, tall = col == 1 ? rows : rows & ~15L; \
        if (col == 1) { \
            for (long i = 0; i < rows; i++) \
                for (long j = 0; j < wide; j += 16) \
                    vstore16(hal_wide_##T(p, at + i * row + j), 0, to + i * to_row + j); \
        } else if (row == 1) { \
            for (long j = 0; j < wide; j += 16) \
                for (long i = 0; i < tall; i += 16) { \
                    float16 r[16]; \
                    HAL_UNROLL for (int e = 0; e < 16; e++) r[e] = hal_wide_##T(p, at + i + (j + e) * col); \
                    hal_transpose_16(r); \
                    HAL_UNROLL for (int e = 0; e < 16; e++) vstore16(r[e], 0, to + (i + e) * to_row + j); \
                } \
        } \
        for (long i = 0; i < rows; i++) \
            for (long j = i < tall ? wide : 0; j < columns; j++) \
                to[i * to_row + j] = load_##T(p, at + i * row + j * col); \
    }
HAL_STAGE(F32)
HAL_STAGE(F16)
HAL_STAGE(BF16)
#define STAGE(T) HAL_PASTE(hal_stage_, T)

/* Rows of k floats: where they lie, if that is what they are already, else staged in `buffer`, `room` floats a row. */
#define HAL_ROWS(T, FLOATS) \
    HAL_FUNCTION hal_const_floats hal_rows_##T(HAL_GLOBAL const char *p, long at, long row, long col, long rows, \
                                               long k, hal_floats buffer, long room, long *distance) { \
        if (FLOATS && col == 1) { \
            *distance = row; \
            return HAL_AS(const float, p) + at; \
        } \
        *distance = room; \
        hal_stage_##T(p, at, row, col, rows, k, buffer, room); \
        return buffer; \
    }
HAL_ROWS(F32, 1)
HAL_ROWS(F16, 0)
HAL_ROWS(BF16, 0)
#define ROWS(T) HAL_PASTE(hal_rows_, T)

/* Zeros in the columns of a panel from `columns` on. */
HAL_FUNCTION void hal_panel_fill(hal_floats panel, long rows, long columns) {
    for (long i = 0; columns < HAL_TILE && i < rows; i++)
        for (long j = columns; j < HAL_TILE; j++) panel[i * HAL_TILE + j] = 0.0f;
}

#else
/* ------------------------------------------------------------------------------------- groups of work-items */
/* SIDE x SIDE work-items, `me` each, make a tile of 4 SIDE x 4 SIDE, STEP of k at a time; work-item (x, y) has rows
   y + r SIDE and columns x + c SIDE. */
#define TILE (4 * SIDE)
#define STEP 16
#define FOR_4X4 for (int r = 0; r < 4; r++) for (int c = 0; c < 4; c++)

/* to[l][i] = element (i, from + l) of x for i < n and from + l < depth, else 0. Neighbours read neighbours. */
#define TILE_LOAD(T, x, at, by_i, by_l, n, from, depth, to) \
    for (int e_ = me; e_ < TILE * STEP; e_ += SIDE * SIDE) { \
        const int along_ = (by_l) == 1, i_ = along_ ? e_ / STEP : e_ % TILE, l_ = along_ ? e_ % STEP : e_ / TILE; \
        to[l_][i_] = i_ < (n) && (from) + l_ < (depth) \
            ? LOAD(T)(AT(x), (at) + i_ * (by_i) + ((from) + l_) * (by_l)) : 0.0f; \
    }
/* sum[r][c] += what the steps in local memory give; then they may be overwritten. */
#define TILE_MULTIPLY(left, right, sum) \
    HAL_BARRIER(); \
    for (int l_ = 0; l_ < STEP; l_++) \
        FOR_4X4 sum[r][c] = fma(left[l_][y + r * SIDE], right[l_][x + c * SIDE], sum[r][c]); \
    HAL_BARRIER();
#endif
