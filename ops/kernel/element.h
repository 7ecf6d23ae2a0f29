/* SPDX-License-Identifier: Apache-2.0 */
/* Single elements: exact conversions between the number formats and float or double, without branches so that
   loops over
 * them become vector code. */
#ifndef HAL_OPS_KERNEL_ELEMENT_H
#define HAL_OPS_KERNEL_ELEMENT_H

#include <string.h>

#include "strided.h"

static inline uint32_t hal_bits_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline float hal_float_of(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
static inline double hal_double_of(uint64_t u) {
    double d;
    memcpy(&d, &u, sizeof d);
    return d;
}
static inline uint64_t hal_bits_of_double(double d) {
    uint64_t u;
    memcpy(&u, &d, sizeof u);
    return u;
}

/* a b + c, rounded once where the instruction set of the variant can do that. Kernels are built without
 * contraction and ask for it here, so that a function inlined in two kernels has the same bits in both. */
static inline float hal_fma(float a, float b, float c) {
#ifdef __FMA__
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}
static inline double hal_fma_wide(double a, double b, double c) {
#ifdef __FMA__
    return __builtin_fma(a, b, c);
#else
    return a * b + c;
#endif
}

/* Adds v to sum; what the rounding lost goes to *lost (Neumaier). */
static inline double hal_sum_add(double sum, double v, double *lost) {
    double next = sum + v, part = next - sum;
    double error = (sum - (next - part)) + (v - part);
    *lost += error == error ? error : 0.0;
    return next;
}

static inline float hal_bf16_load(uint16_t h) { return hal_float_of((uint32_t)h << 16); }

static inline uint16_t hal_bf16_round(float f) {
    uint32_t u = hal_bits_of(f);
    uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    uint32_t quiet = (u >> 16) | 0x40u;
    return (uint16_t)((u & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
}

/* The exponent is shifted by a product, which treats subnormal numbers right. */
static inline float hal_f16_load(uint16_t h) {
    uint32_t magnitude = hal_bits_of(hal_float_of(((uint32_t)h & 0x7fffu) << 13) * 0x1p112f);
    uint32_t special = ((uint32_t)h & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
    return hal_float_of(magnitude | special | ((uint32_t)h & 0x8000u) << 16);
}

static inline uint16_t hal_f16_round(float f) {
    uint32_t u = hal_bits_of(f), sign = u & 0x80000000u, a = u ^ sign;
    uint32_t normal = (a + 0xc8000fffu + ((a >> 13) & 1u)) >> 13;
    /* adding 0.5 makes the hardware round a subnormal result at the right bit */
    uint32_t subnormal = hal_bits_of(hal_float_of(a) + 0.5f) - 0x3f000000u;
    uint32_t large = a > 0x7f800000u ? 0x7e00u : 0x7c00u;
    uint32_t finite = a < 0x38800000u ? subnormal : normal;
    return (uint16_t)((a >= 0x477ff000u ? large : finite) | sign >> 16);
}

/* A float from which one further rounding gives what rounding `d` directly gives: towards odd when inexact.
   */
static inline float hal_float_odd(double d) {
    float f = (float)d;
    if (!((double)f != d) || d != d || f - f != 0.0f) return f;
    uint32_t u = hal_bits_of(f);
    double a = d < 0 ? -d : d, b = (double)(f < 0 ? -f : f);
    if (b > a) u--;
    return hal_float_of(u | 1u);
}

static inline double hal_clamp(double v, double low, double high) {
    return v != v ? 0.0 : v < low ? low : v > high ? high : v;
}

static inline double hal_load_double(uint32_t dtype, const char *p) {
    switch (dtype) {
    case HAL_F64: return *(const double *)(const void *)p;
    case HAL_F32: return (double)*(const float *)(const void *)p;
    case HAL_F16: return (double)hal_f16_load(*(const uint16_t *)(const void *)p);
    case HAL_BF16: return (double)hal_bf16_load(*(const uint16_t *)(const void *)p);
    case HAL_I64: return (double)*(const int64_t *)(const void *)p;
    case HAL_I32: return (double)*(const int32_t *)(const void *)p;
    case HAL_U32: return (double)*(const uint32_t *)(const void *)p;
    case HAL_I16: return (double)*(const int16_t *)(const void *)p;
    case HAL_U16: return (double)*(const uint16_t *)(const void *)p;
    case HAL_I8: return (double)*(const int8_t *)p;
    case HAL_BOOL: return *(const uint8_t *)p != 0;
    default: return (double)*(const uint8_t *)p;
    }
}

static inline void hal_store_integer(uint32_t dtype, char *p, double v) {
    switch (dtype) {
    case HAL_I64:
        *(int64_t *)(void *)p = v >= 0x1p63 ? INT64_MAX : (int64_t)hal_clamp(v, -0x1p63, 0x1p63);
        break;
    case HAL_I32: *(int32_t *)(void *)p = (int32_t)hal_clamp(v, -0x1p31, 0x1p31 - 1); break;
    case HAL_U32: *(uint32_t *)(void *)p = (uint32_t)hal_clamp(v, 0, 0x1p32 - 1); break;
    case HAL_I16: *(int16_t *)(void *)p = (int16_t)hal_clamp(v, -0x1p15, 0x1p15 - 1); break;
    case HAL_U16: *(uint16_t *)(void *)p = (uint16_t)hal_clamp(v, 0, 0x1p16 - 1); break;
    case HAL_I8: *(int8_t *)p = (int8_t)hal_clamp(v, -128, 127); break;
    case HAL_BOOL: *(uint8_t *)p = v != 0; break;
    default: *(uint8_t *)p = (uint8_t)hal_clamp(v, 0, 255); break;
    }
}

static inline void hal_store_double(uint32_t dtype, char *p, double v) {
    switch (dtype) {
    case HAL_F64: *(double *)(void *)p = v; break;
    case HAL_F32: *(float *)(void *)p = (float)v; break;
    case HAL_F16: *(uint16_t *)(void *)p = hal_f16_round(hal_float_odd(v)); break;
    case HAL_BF16: *(uint16_t *)(void *)p = hal_bf16_round(hal_float_odd(v)); break;
    default: hal_store_integer(dtype, p, v); break;
    }
}

/* Indices are i32 or i64. */
static inline int64_t hal_load_index(uint32_t dtype, const char *p) {
    return dtype == HAL_I64 ? *(const int64_t *)(const void *)p : (int64_t)*(const int32_t *)(const void *)p;
}

static inline bool hal_dtype_is_small_float(uint32_t dtype) {
    return dtype == HAL_F32 || dtype == HAL_F16 || dtype == HAL_BF16;
}

#endif
