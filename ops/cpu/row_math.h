/* SPDX-License-Identifier: Apache-2.0 */
/* Sums and products over dense rows of floats, with a fixed order of additions: a few vectors of lanes, then
   the lanes in double. */
#ifndef HAL_OPS_CPU_ROW_MATH_H
#define HAL_OPS_CPU_ROW_MATH_H

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

/* `vector` and `scalar` give the term of element i; both must mean the same. */
#define HAL_ROW_SUM(vector, scalar) \
    hal_vec s0 = {0}, s1 = {0}; \
    int64_t i = 0; \
    double total = 0; \
    for (; i + 2 * HAL_VEC <= n; i += HAL_VEC) { \
        s0 += (vector); \
        i += HAL_VEC; \
        s1 += (vector); \
    } \
    s0 += s1; \
    for (int l = 0; l < HAL_VEC; l++) total += (double)s0[l]; \
    for (; i < n; i++) total += (double)(scalar); \
    return (float)total

static inline float hal_row_sum(const float *x, int64_t n) { HAL_ROW_SUM(HAL_VEC_AT(x + i), x[i]); }
static inline float hal_row_dot(const float *x, const float *y, int64_t n) {
    HAL_ROW_SUM(HAL_VEC_AT(x + i) * HAL_VEC_AT(y + i), x[i] * y[i]);
}
static inline float hal_row_dot3(const float *x, const float *y, const float *z, int64_t n) {
    HAL_ROW_SUM(HAL_VEC_AT(x + i) * HAL_VEC_AT(y + i) * HAL_VEC_AT(z + i), x[i] * y[i] * z[i]);
}
/* sum (x - c)^2 */
static inline float hal_row_square_about(const float *x, float c, int64_t n) {
    HAL_ROW_SUM((HAL_VEC_AT(x + i) - c) * (HAL_VEC_AT(x + i) - c), (x[i] - c) * (x[i] - c));
}
/* sum (x - c) y z */
static inline float hal_row_dot3_about(const float *x, float c, const float *y, const float *z, int64_t n) {
    HAL_ROW_SUM((HAL_VEC_AT(x + i) - c) * HAL_VEC_AT(y + i) * HAL_VEC_AT(z + i), (x[i] - c) * y[i] * z[i]);
}

static inline float hal_row_max(const float *x, int64_t n) {
    float lane[HAL_VEC], m = -INFINITY;
    int64_t whole = n - n % HAL_VEC;
    for (int l = 0; l < HAL_VEC; l++) lane[l] = -INFINITY;
    for (int64_t i = 0; i < whole; i += HAL_VEC) {
        for (int l = 0; l < HAL_VEC; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    }
    for (int64_t i = whole; i < n; i++) m = x[i] > m ? x[i] : m;
    for (int l = 0; l < HAL_VEC; l++) m = lane[l] > m ? lane[l] : m;
    return m;
}

/* y = e^(x - c); y may be x. */
static inline void hal_row_exp(const float *x, float c, float *y, int64_t n) {
    HAL_VECTOR_LOOP
    for (int64_t i = 0; i < n; i++) y[i] = hal_expf(x[i] - c);
}

#endif
