/* SPDX-License-Identifier: Apache-2.0 */
/* The elementary functions of ops/kernel/functions.h for C kernels, and what a loop over them is told. */
#ifndef HAL_OPS_CPU_VECTOR_MATH_H
#define HAL_OPS_CPU_VECTOR_MATH_H

#include <math.h>
#include <sys/types.h>

#include "ops/kernel/element.h"

#ifdef __clang__
#define HAL_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define HAL_VECTOR_LOOP _Pragma("GCC ivdep")
#endif

/* a b + c where the product is nearly -c, without losing the product's low digits. */
static inline float hal_fma_rest(float a, float b, float c) {
#ifdef __FMA__
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * (double)b + (double)c);
#endif
}

#define HAL_FUNCTION static inline
#define HAL_DOUBLES 1
#define hal_abs(a) _Generic((a), float: fabsf, double: fabs)(a)
#define hal_copysign(a, b) copysignf(a, b)
#define as_float hal_float_of
#define as_uint hal_bits_of
#define as_double hal_double_of
#define as_ulong hal_bits_of_double
#include "ops/kernel/functions.h"

#endif
