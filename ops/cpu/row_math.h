/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and products over dense rows of floats, with a fixed order of additions: a few vectors of lanes, then
   the lanes in double. */
#ifndef HAL_OPS_CPU_ROW_MATH_H
#define HAL_OPS_CPU_ROW_MATH_H

#ifdef __AVX__
#include <immintrin.h>
#endif

#include "rows.h"
#include "vector_math.h"

/* As many floats as a register of the instruction set holds, at any float address. */
#if defined(__AVX512F__)
#define HAL_VEC 16
#elif defined(__AVX__)
#define HAL_VEC 8
#else
#define HAL_VEC 4
#endif
typedef float hal_vec __attribute__((vector_size(4 * HAL_VEC), aligned(4), may_alias));
#define HAL_VEC_AT(p) (*(const hal_vec *)(const void *)(p))

/* a b + c in every lane, as hal_fma. */
static inline hal_vec hal_vec_fma(hal_vec a, hal_vec b, hal_vec c) {
#if defined(__FMA__) && defined(__AVX512F__)
    return (hal_vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__FMA__)
    return (hal_vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
    return a * b + c;
#endif
}

static inline hal_vec hal_vec_all(float a) {
#if defined(__AVX512F__)
    return (hal_vec)_mm512_set1_ps(a);
#elif defined(__AVX__)
    return (hal_vec)_mm256_set1_ps(a);
#else
    return (hal_vec){a, a, a, a};
#endif
}

/* The lanes of s added in double, halves to halves: a chain of as many additions would outlast a short row. */
static inline double hal_vec_total(hal_vec s) {
#if defined(__AVX512F__)
    __m512d t = _mm512_cvtps_pd(_mm512_castps512_ps256((__m512)s))
        + _mm512_cvtps_pd(_mm512_extractf32x8_ps((__m512)s, 1));
    __m256d h = _mm512_castpd512_pd256(t) + _mm512_extractf64x4_pd(t, 1);
    __m128d q = _mm256_castpd256_pd128(h) + _mm256_extractf128_pd(h, 1);
    return q[0] + q[1];
#elif defined(__AVX__)
    __m256d h = _mm256_cvtps_pd(_mm256_castps256_ps128((__m256)s))
        + _mm256_cvtps_pd(_mm256_extractf128_ps((__m256)s, 1));
    __m128d q = _mm256_castpd256_pd128(h) + _mm256_extractf128_pd(h, 1);
    return q[0] + q[1];
#else
    return ((double)s[0] + (double)s[2]) + ((double)s[1] + (double)s[3]);
#endif
}

/* a > b ? a : b in every lane: a NaN in a is passed over. */
static inline hal_vec hal_vec_max(hal_vec a, hal_vec b) {
#if defined(__AVX512F__)
    return (hal_vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif defined(__AVX__)
    return (hal_vec)_mm256_max_ps((__m256)a, (__m256)b);
#else
    for (int l = 0; l < HAL_VEC; l++) b[l] = a[l] > b[l] ? a[l] : b[l];
    return b;
#endif
}

static inline float hal_vec_top(hal_vec v) {
#if defined(__AVX512F__)
    return _mm512_reduce_max_ps((__m512)v);
#else
    float m = v[0];
    for (int l = 1; l < HAL_VEC; l++) m = v[l] > m ? v[l] : m;
    return m;
#endif
}

/* `next` is the partial sum s with the terms of elements i and after; `scalar` the term of element i alone.
 * Four partial sums hide the latency of an addition and keep them short. */
#define HAL_ROW_SUMS 4
#define HAL_ROW_SUM(next, scalar) \
    hal_vec sum[HAL_ROW_SUMS] = {{0}}, s; \
    int64_t i = 0; \
    while (i + HAL_ROW_SUMS * HAL_VEC <= n) { \
        for (int v = 0; v < HAL_ROW_SUMS; v++, i += HAL_VEC) s = sum[v], sum[v] = (next); \
    } \
    for (; i + HAL_VEC <= n; i += HAL_VEC) s = sum[0], sum[0] = (next); \
    s = (sum[0] + sum[1]) + (sum[2] + sum[3]); \
    double total = hal_vec_total(s); \
    for (; i < n; i++) total += (double)(scalar); \
    return (float)total

static inline float hal_row_sum(const float *x, int64_t n) { HAL_ROW_SUM(s + HAL_VEC_AT(x + i), x[i]); }
static inline float hal_row_dot(const float *x, const float *y, int64_t n) {
    HAL_ROW_SUM(hal_vec_fma(HAL_VEC_AT(x + i), HAL_VEC_AT(y + i), s), x[i] * y[i]);
}
/* sum (x - c)^2 */
static inline float hal_row_square_about(const float *x, float c, int64_t n) {
    HAL_ROW_SUM(hal_vec_fma(HAL_VEC_AT(x + i) - c, HAL_VEC_AT(x + i) - c, s), (x[i] - c) * (x[i] - c));
}
/* sum (x - c) y z */
static inline float hal_row_dot3_about(const float *x, float c, const float *y, const float *z, int64_t n) {
    HAL_ROW_SUM(hal_vec_fma((HAL_VEC_AT(x + i) - c) * HAL_VEC_AT(y + i), HAL_VEC_AT(z + i), s),
                (x[i] - c) * y[i] * z[i]);
}

static inline float hal_row_max(const float *x, int64_t n) {
    hal_vec lanes[2] = {hal_vec_all(-INFINITY), hal_vec_all(-INFINITY)};
    int64_t i = 0;
    for (; i + 2 * HAL_VEC <= n; i += 2 * HAL_VEC) {
        lanes[0] = hal_vec_max(HAL_VEC_AT(x + i), lanes[0]);
        lanes[1] = hal_vec_max(HAL_VEC_AT(x + i + HAL_VEC), lanes[1]);
    }
    if (i + HAL_VEC <= n) {
        lanes[0] = hal_vec_max(HAL_VEC_AT(x + i), lanes[0]);
        i += HAL_VEC;
    }
    float m = hal_vec_top(hal_vec_max(lanes[0], lanes[1]));
    for (; i < n; i++) m = x[i] > m ? x[i] : m;
    return m;
}

/* y = e^(x - c); y may be x. */
static inline void hal_row_exp(const float *x, float c, float *y, int64_t n) {
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) y[i] = hal_f_exp(x[i] - c);
}

#endif
