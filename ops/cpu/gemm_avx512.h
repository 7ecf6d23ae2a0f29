/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces shared by the AVX-512 kernels. Internal to ops/cpu/gemm*.c; only where AVX-512 is compiled. */
#ifndef HAL_OPS_CPU_GEMM_AVX512_H
#define HAL_OPS_CPU_GEMM_AVX512_H

#include <immintrin.h>

#include "cpu/gemm_kernel.h"

#define HAL_GEMM_INLINE static inline __attribute__((always_inline))

/* Mask of the first `count` of 16 lanes; count may be outside 0..16. */
HAL_GEMM_INLINE __mmask16 hal_gemm_mask16(int64_t count)
{
    uint32_t bits = count >= 16 ? 0xffffu : count > 0 ? (1u << count) - 1 : 0;
    return (__mmask16)bits;
}

/* Sixteen consecutive elements as f32, lanes outside the mask zero and not read. */
HAL_GEMM_INLINE __m512 hal_gemm_load16(const void *at, hal_gemm_dtype dtype, __mmask16 mask)
{
    if (dtype == HAL_GEMM_F32) {
        return _mm512_maskz_loadu_ps(mask, at);
    }
    __m256i half = _mm256_maskz_loadu_epi16(mask, at);
    if (dtype == HAL_GEMM_F16) {
        return _mm512_cvtph_ps(half);
    }
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* 4x4 blocks of 32-bit elements inside each 128-bit lane, rows r..r+3. */
HAL_GEMM_INLINE void hal_gemm_transpose4(__m512i *row)
{
    __m512i low01 = _mm512_unpacklo_epi32(row[0], row[1]), high01 = _mm512_unpackhi_epi32(row[0], row[1]);
    __m512i low23 = _mm512_unpacklo_epi32(row[2], row[3]), high23 = _mm512_unpackhi_epi32(row[2], row[3]);
    row[0] = _mm512_unpacklo_epi64(low01, low23);
    row[1] = _mm512_unpackhi_epi64(low01, low23);
    row[2] = _mm512_unpacklo_epi64(high01, high23);
    row[3] = _mm512_unpackhi_epi64(high01, high23);
}

/* Transposes 16x16 elements of 32 bits: first inside 128-bit lanes, then the lanes of rows q, q+4, q+8,
 * q+12, where lane L of the 4x4 step's row q holds column 4L+q of four rows. */
HAL_GEMM_INLINE void hal_gemm_transpose16(__m512i *row)
{
    __m512i out[16];
    HAL_GEMM_UNROLL(4)
    for (int group = 0; group < 16; group += 4) {
        hal_gemm_transpose4(row + group);
    }
    HAL_GEMM_UNROLL(4)
    for (int q = 0; q < 4; q++) {
        __m512i even01 = _mm512_shuffle_i32x4(row[q], row[q + 4], 0x88);
        __m512i odd01 = _mm512_shuffle_i32x4(row[q], row[q + 4], 0xdd);
        __m512i even23 = _mm512_shuffle_i32x4(row[q + 8], row[q + 12], 0x88);
        __m512i odd23 = _mm512_shuffle_i32x4(row[q + 8], row[q + 12], 0xdd);
        out[q] = _mm512_shuffle_i32x4(even01, even23, 0x88);
        out[q + 4] = _mm512_shuffle_i32x4(odd01, odd23, 0x88);
        out[q + 8] = _mm512_shuffle_i32x4(even01, even23, 0xdd);
        out[q + 12] = _mm512_shuffle_i32x4(odd01, odd23, 0xdd);
    }
    HAL_GEMM_UNROLL(16)
    for (int i = 0; i < 16; i++) {
        row[i] = out[i];
    }
}

/* ---- 16-bit operands as pairs of consecutive k, the layout of the bf16 dot products ---- */

typedef enum { HAL_GEMM_BY_LANE, HAL_GEMM_BY_PAIR } hal_gemm_pair_order;

/* Row r: lane r's k..k+31. */
HAL_GEMM_INLINE void hal_gemm_read_lanes(const hal_gemm_panel *panel, int64_t lane, int64_t k, __m512i *row)
{
    int64_t left = panel->k - k;
    __mmask32 mask = left >= 32 ? 0xffffffffu : (1u << left) - 1;
    HAL_GEMM_UNROLL(16)
    for (int r = 0; r < 16; r++) {
        const uint16_t *at = (const uint16_t *)panel->data + (lane + r) * panel->lane_stride + k;
        row[r] = lane + r < panel->lanes ? _mm512_maskz_loadu_epi16(mask, at) : _mm512_setzero_si512();
    }
}

/* Row s: steps k+2s and k+2s+1 of 16 lanes, interleaved. */
HAL_GEMM_INLINE void hal_gemm_read_pairs(const hal_gemm_panel *panel, int64_t lane, int64_t k, __m512i *row)
{
    __mmask16 mask = hal_gemm_mask16(panel->lanes - lane);
    HAL_GEMM_UNROLL(16)
    for (int s = 0; s < 16; s++) {
        int64_t step = k + 2 * s;
        const uint16_t *at = (const uint16_t *)panel->data + lane + step * panel->k_stride;
        __m256i even = _mm256_maskz_loadu_epi16(step < panel->k ? mask : 0, at);
        __m256i odd = _mm256_maskz_loadu_epi16(step + 1 < panel->k ? mask : 0, at + panel->k_stride);
        __m512i high = _mm512_slli_epi32(_mm512_cvtepu16_epi32(odd), 16);
        row[s] = _mm512_or_si512(_mm512_cvtepu16_epi32(even), high);
    }
}

/* As hal_gemm_read_lanes, for any strides. */
HAL_GEMM_INLINE void hal_gemm_read_strided(const hal_gemm_panel *panel, int64_t lane, int64_t k, __m512i *row)
{
    uint16_t value[16][32];
    for (int64_t r = 0; r < 16; r++) {
        const uint16_t *at = (const uint16_t *)panel->data + (lane + r) * panel->lane_stride;
        for (int64_t s = 0; s < 32; s++) {
            bool inside = lane + r < panel->lanes && k + s < panel->k;
            value[r][s] = inside ? at[(k + s) * panel->k_stride] : 0;
        }
    }
    HAL_GEMM_UNROLL(16)
    for (int r = 0; r < 16; r++) {
        row[r] = _mm512_loadu_si512(value[r]);
    }
}

/* Lanes lane..lane+15, steps k..k+31 of a panel of 16-bit elements, zero outside of it: 16 rows of 32
 * elements, one per lane or one per pair of steps. */
HAL_GEMM_INLINE void hal_gemm_read_block(const hal_gemm_panel *panel, int64_t lane, int64_t k,
                                         hal_gemm_pair_order wanted, __m512i *row)
{
    hal_gemm_pair_order order = HAL_GEMM_BY_LANE;
    if (panel->k_stride == 1) {
        hal_gemm_read_lanes(panel, lane, k, row);
    } else if (panel->lane_stride == 1) {
        hal_gemm_read_pairs(panel, lane, k, row);
        order = HAL_GEMM_BY_PAIR;
    } else {
        hal_gemm_read_strided(panel, lane, k, row);
    }
    if (order != wanted) {
        hal_gemm_transpose16(row);
    }
}

#endif
