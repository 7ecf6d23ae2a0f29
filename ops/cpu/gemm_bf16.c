/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM with AVX-512 bf16 dot products: a 14x32 tile of C in 28 registers.
 *
 *   c[r][j] (+)= sum_p (a[p][r].odd * b[p][j].odd + a[p][r].even * b[p][j].even)
 *
 * over pairs p of consecutive k; a is packed k/2 x 14 pairs, b k/2 x 32 pairs, k padded with zeros to an
 * even count. The products of bf16 are exact in f32, the sums are f32, rounded to nearest after each
 * product. The instruction takes denormal inputs as zero and flushes denormal sums, whatever the thread's
 * rounding control says: below 2^-126 results differ from the reference, the plain kernel, by at most that
 * much per term.
 *
 * The instruction runs at twice the rate of the f32 multiply-add on some cores and at half of it on others,
 * so whether to use this kernel is to be measured, not read from the feature bits.
 *
 * Variants: tiles of 1..14 rows by one or two vectors for the edges. Few rows are bound by memory and left
 * to the f32 kernel. */
#include "cpu/gemm_kernel.h"

#if defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include "cpu/gemm_avx512.h"

enum {
    MR = 14,
    NR = 32,
    AHEAD_A = 16, /* pairs the packed operands are prefetched ahead */
    AHEAD_B = 8
};

HAL_GEMM_INLINE void pack_pairs(uint32_t *packed, int64_t width, const hal_gemm_panel *panel)
{
    for (int64_t k = 0; k < panel->k; k += 32) {
        int64_t pairs = (panel->k - k + 1) / 2;
        for (int64_t lane = 0; lane < width; lane += 16) {
            __m512i row[16];
            hal_gemm_read_block(panel, lane, k, HAL_GEMM_BY_PAIR, row);
            HAL_GEMM_UNROLL(16)
            for (int s = 0; s < 16; s++) {
                if (s < pairs) {
                    _mm512_storeu_si512(packed + (k / 2 + s) * width + lane, row[s]);
                }
            }
        }
    }
}

static void pack_a(void *packed, const hal_gemm_panel *panel)
{
    pack_pairs(packed, MR, panel);
}

static void pack_b(void *packed, const hal_gemm_panel *panel)
{
    pack_pairs(packed, NR, panel);
}

HAL_GEMM_INLINE void tile_rows(const hal_gemm_tile *tile, const int rows, const int vectors)
{
    __m512 sum[MR][2];
    const int32_t *a = tile->a, *b = tile->b;
    HAL_GEMM_UNROLL(14)
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
        _mm_prefetch((const char *)(tile->c + r * tile->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(tile->c + r * tile->ldc + 16), _MM_HINT_T0);
    }
    for (int64_t pair = tile->k / 2; pair > 0; pair--, a += MR, b += NR) {
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(b), b1 = (__m512bh)_mm512_loadu_si512(b + 16);
        _mm_prefetch((const char *)(a + AHEAD_A * MR), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + AHEAD_B * NR), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + AHEAD_B * NR + 16), _MM_HINT_T0);
        HAL_GEMM_UNROLL(14)
        for (int r = 0; r < rows; r++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32(a[r]);
            sum[r][0] = _mm512_dpbf16_ps(sum[r][0], x, b0);
            if (vectors > 1) {
                sum[r][1] = _mm512_dpbf16_ps(sum[r][1], x, b1);
            }
        }
    }
    float *c = tile->c;
    const bool accumulate = tile->accumulate;
    HAL_GEMM_UNROLL(14)
    for (int r = 0; r < rows; r++, c += tile->ldc) {
        HAL_GEMM_UNROLL(2)
        for (int v = 0; v < vectors; v++) {
            __m512 total = accumulate ? _mm512_add_ps(_mm512_loadu_ps(c + 16 * v), sum[r][v]) : sum[r][v];
            _mm512_storeu_ps(c + 16 * v, total);
        }
    }
}

#define TILE(rows)                                                                                          \
    static void tile_##rows##_1(const hal_gemm_tile *tile)                                                  \
    {                                                                                                       \
        tile_rows(tile, rows, 1);                                                                           \
    }                                                                                                       \
    static void tile_##rows##_2(const hal_gemm_tile *tile)                                                  \
    {                                                                                                       \
        tile_rows(tile, rows, 2);                                                                           \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#undef TILE

static void multiply(const hal_gemm_tile *tile)
{
#define TILE(rows) {tile_##rows##_1, tile_##rows##_2}
    static void (*const by_size[MR][2])(const hal_gemm_tile *) = {
        TILE(1), TILE(2), TILE(3), TILE(4), TILE(5), TILE(6), TILE(7),
        TILE(8), TILE(9), TILE(10), TILE(11), TILE(12), TILE(13), TILE(14),
    };
#undef TILE
    by_size[tile->rows - 1][tile->cols > 16](tile);
}

static const hal_gemm_kernel kernel = {
    .name = "avx512_bf16",
    .features = HAL_CPU_AVX512 | HAL_CPU_AVX512_BF16,
    .dtypes = 1u << HAL_GEMM_BF16,
    .mr = MR, .nr = NR, .row_unit = 2, .k_unit = 2,
    .mc = 16 * MR, .kc = 384, .nc = 1024, .mb = 80 * MR,
    .k_run = 384, .element = 2, .panel_lanes = NR,
    .pack_a = pack_a, .pack_b = pack_b,
    .multiply = multiply,
};

const hal_gemm_kernel *hal_gemm_avx512_bf16(void)
{
    return &kernel;
}

#else

const hal_gemm_kernel *hal_gemm_avx512_bf16(void)
{
    return NULL;
}

#endif
