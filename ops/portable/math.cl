/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions, the steps of expressions (ops/expr.def) and roundings: for every kernel, after the prelude.
 *
 *   hal_f_exp(x) ...      step `exp` in float; hal_d_exp in double, hal_l_add in long (only what integers have)
 *   hal_f_as_BF16(v)      v rounded to bf16, still a float; likewise _d_ and _l_
 *   hal_f_load_I8(p, i)   an element as a float; hal_f_store_I8(p, i, v) rounds: to nearest even, to integers towards
 *                         zero and saturating
 *
 * The functions themselves, which are the cpu backend's too, are in ops/kernel/functions.h, whose text stands between the
 * prelude and this one. Without doubles the device's own functions stand in where those need them.
 */
/* ------------------------------------------------------------------------ where the vendor's own functions stand in */
#ifdef HAL_DOUBLES
/* Large arguments, and those that are not finite, are the library's: the one call that a loop of vectors does not get. */
HAL_FUNCTION float hal_f_sin(float x) {
    return hal_abs(x) < HAL_SIN_LIMIT ? hal_sin_wide((double)x, 0) : sin(x);
}
HAL_FUNCTION float hal_f_cos(float x) {
    return hal_abs(x) < HAL_SIN_LIMIT ? hal_sin_wide((double)x, 1) : cos(x);
}
HAL_FUNCTION float hal_f_pow(float a, float b) { return (float)pow((double)a, (double)b); }
#else
HAL_FUNCTION float hal_f_erf(float x) { return erf(x); }
HAL_FUNCTION float hal_f_gelu_grad(float x, float g) {
    const float c = x < -40.0f ? -40.0f : x > 40.0f ? 40.0f : x;
    const hal_normal n = hal_normal_at(c);
    const float tail = n.tail * n.h * n.h, density = n.h * n.h * (1.0f - n.low) * 0.398942280f;
    return x != x ? x * g : g * hal_fma(c, density, x < 0.0f ? tail : 1.0f - tail);
}
HAL_FUNCTION float hal_f_silu_grad(float x, float g) {
    const float a = x < -100.0f ? -100.0f : x > 100.0f ? 100.0f : x, s = hal_f_sigmoid(a);
    return x != x ? x * g : g * hal_fma(a * s, 1.0f - s, s);
}
HAL_FUNCTION float hal_f_sin(float x) { return sin(x); }
HAL_FUNCTION float hal_f_cos(float x) { return cos(x); }
HAL_FUNCTION float hal_f_pow(float a, float b) { return pow(a, b); }
#endif

/* ----------------------------------------------------------------------------------------- the plain steps */

/* No integer is a NaN; is_nan is there for text that is both, as compilers warn of one that compares an integer with itself. */
#define HAL_PLAIN_STEPS(k, T) \
    HAL_FUNCTION int hal_##k##_is_nan(T a) { return a != a; } \
    HAL_FUNCTION T hal_##k##_neg(T a) { return -a; } \
    HAL_FUNCTION T hal_##k##_relu(T a) { return a < (T)0 ? (T)0 : a; } \
    HAL_FUNCTION T hal_##k##_round(T a) { return a; } \
    HAL_FUNCTION T hal_##k##_min(T a, T b) { return a != a ? a : b != b ? b : a < b ? a : b; } \
    HAL_FUNCTION T hal_##k##_max(T a, T b) { return a != a ? a : b != b ? b : a > b ? a : b; } \
    HAL_FUNCTION T hal_##k##_lt(T a, T b) { return a < b ? (T)1 : (T)0; } \
    HAL_FUNCTION T hal_##k##_le(T a, T b) { return a <= b ? (T)1 : (T)0; } \
    HAL_FUNCTION T hal_##k##_eq(T a, T b) { return a == b ? (T)1 : (T)0; } \
    HAL_FUNCTION T hal_##k##_relu_grad(T a, T b) { return a > (T)0 ? b : (T)0; } \
    HAL_FUNCTION T hal_##k##_select(T a, T b, T c) { return a != (T)0 ? b : c; }
#define HAL_REAL_STEPS(k, T) \
    HAL_PLAIN_STEPS(k, T) \
    HAL_FUNCTION T hal_##k##_add(T a, T b) { return a + b; } \
    HAL_FUNCTION T hal_##k##_sub(T a, T b) { return a - b; } \
    HAL_FUNCTION T hal_##k##_mul(T a, T b) { return a * b; } \
    HAL_FUNCTION T hal_##k##_div(T a, T b) { return a / b; } \
    HAL_FUNCTION T hal_##k##_abs(T a) { return hal_abs(a); } \
    HAL_FUNCTION T hal_##k##_sqrt(T a) { return hal_sqrt(a); } \
    HAL_FUNCTION T hal_##k##_rsqrt(T a) { return (T)1 / hal_sqrt(a); } \
    HAL_FUNCTION T hal_##k##_recip(T a) { return (T)1 / a; } \
    HAL_FUNCTION T hal_##k##_floor(T a) { return hal_floor(a); } \
    HAL_FUNCTION T hal_##k##_fma(T a, T b, T c) { return hal_fma(a, b, c); }
HAL_REAL_STEPS(f, float)
HAL_PLAIN_STEPS(l, long)

/* Integers where there are no doubles: sums stop at the ends of the range, products fit (planners refuse others). */
#define HAL_LONG_MAX 0x7fffffffffffffffL
#define HAL_LONG_MIN (-HAL_LONG_MAX - 1)
HAL_FUNCTION long hal_l_add(long a, long b) {
    const long sum = (long)((ulong)a + (ulong)b), end = a < 0 ? HAL_LONG_MIN : HAL_LONG_MAX;
    return ((a ^ sum) & (b ^ sum)) < 0 ? end : sum;
}
HAL_FUNCTION long hal_l_sub(long a, long b) {
    const long rest = (long)((ulong)a - (ulong)b), end = a < 0 ? HAL_LONG_MIN : HAL_LONG_MAX;
    return ((a ^ b) & (a ^ rest)) < 0 ? end : rest;
}
HAL_FUNCTION long hal_l_mul(long a, long b) { return (long)((ulong)a * (ulong)b); }
HAL_FUNCTION long hal_l_abs(long a) { return a < 0 ? hal_l_sub(0, a) : a; }

#ifdef HAL_DOUBLES
HAL_REAL_STEPS(d, double)
HAL_FUNCTION double hal_d_exp(double a) { return exp(a); }
HAL_FUNCTION double hal_d_log(double a) { return log(a); }
HAL_FUNCTION double hal_d_sin(double a) { return sin(a); }
HAL_FUNCTION double hal_d_cos(double a) { return cos(a); }
HAL_FUNCTION double hal_d_tanh(double a) { return tanh(a); }
HAL_FUNCTION double hal_d_erf(double a) { return erf(a); }
HAL_FUNCTION double hal_d_pow(double a, double b) { return pow(a, b); }
HAL_FUNCTION double hal_d_sigmoid(double a) { return a < 0 ? exp(a) / (1 + exp(a)) : 1 / (1 + exp(-a)); }
HAL_FUNCTION double hal_d_normal(double a) { return 0.5 * erfc(-a * 0.70710678118654752440); }
HAL_FUNCTION double hal_d_gate(double a) {
    return hal_d_sigmoid(1.5957691216057307117 * (a + 0.044715 * a * a * a));
}
HAL_FUNCTION double hal_d_silu(double a) { return a * hal_d_sigmoid(a); }
HAL_FUNCTION double hal_d_gelu(double a) { return a * hal_d_normal(a); }
HAL_FUNCTION double hal_d_gelu_tanh(double a) { return a * hal_d_gate(a); }
HAL_FUNCTION double hal_d_silu_grad(double a, double b) {
    const double s = hal_d_sigmoid(a);
    return b * (s + a * s * (1 - s));
}
HAL_FUNCTION double hal_d_gelu_grad(double a, double b) {
    return b * (hal_d_normal(a) + a * 0.39894228040143267794 * exp(-0.5 * a * a));
}
HAL_FUNCTION double hal_d_gelu_tanh_grad(double a, double b) {
    const double s = hal_d_gate(a);
    return b * (s + a * 1.5957691216057307117 * (1 + 0.134145 * a * a) * s * (1 - s));
}
#endif

/* -------------------------------------------------------------------------------------------------- roundings */

/* X(name, type, smallest, one past the largest): the last as powers of two, which float has. */
#define HAL_INTEGERS(X) \
    X(I8, signed char, -128, 127, 0x1p7) \
    X(I16, short, -32768, 32767, 0x1p15) \
    X(I32, int, (-2147483647 - 1), 2147483647, 0x1p31) \
    X(I64, long, HAL_LONG_MIN, HAL_LONG_MAX, 0x1p63) \
    X(U8, uchar, 0, 255, 0x1p8) \
    X(U16, ushort, 0, 65535, 0x1p16) \
    X(U32, uint, 0, 4294967295L, 0x1p32)

#define HAL_F_INTEGER(name, type, low, high, past) \
    HAL_FUNCTION long hal_f_to_##name(float v) { \
        return v != v ? 0 : v >= past##f ? (long)high : v < (float)(low) ? (long)(low) : (long)v; \
    } \
    HAL_FUNCTION float hal_f_as_##name(float v) { return (float)hal_f_to_##name(v); } \
    HAL_FUNCTION float hal_f_load_##name(HAL_GLOBAL const char *p, long i) { return (float)load_##name(p, i); } \
    HAL_FUNCTION void hal_f_store_##name(HAL_GLOBAL char *p, long i, float v) { store_##name(p, i, hal_f_to_##name(v)); } \
    HAL_FUNCTION long hal_l_as_##name(long v) { \
        return v > (long)high ? (long)high : v < (long)(low) ? (long)(low) : v; \
    } \
    HAL_FUNCTION long hal_l_load_##name(HAL_GLOBAL const char *p, long i) { return load_##name(p, i); } \
    HAL_FUNCTION void hal_l_store_##name(HAL_GLOBAL char *p, long i, long v) { store_##name(p, i, hal_l_as_##name(v)); }
HAL_INTEGERS(HAL_F_INTEGER)

#define HAL_F_FLOAT(name) \
    HAL_FUNCTION float hal_f_load_##name(HAL_GLOBAL const char *p, long i) { return load_##name(p, i); } \
    HAL_FUNCTION void hal_f_store_##name(HAL_GLOBAL char *p, long i, float v) { store_##name(p, i, v); }
HAL_F_FLOAT(F32)
HAL_F_FLOAT(F16)
HAL_F_FLOAT(BF16)
HAL_FUNCTION float hal_f_as_F32(float v) { return v; }
HAL_FUNCTION float hal_f_as_F16(float v) { return hal_from_f16(hal_to_f16(v)); }
HAL_FUNCTION float hal_f_as_BF16(float v) { return hal_from_bf16(hal_to_bf16(v)); }

#define HAL_BOOLS(k, T) \
    HAL_FUNCTION T hal_##k##_as_BOOL(T v) { return v != (T)0 ? (T)1 : (T)0; } \
    HAL_FUNCTION T hal_##k##_load_BOOL(HAL_GLOBAL const char *p, long i) { return load_BOOL(p, i) ? (T)1 : (T)0; } \
    HAL_FUNCTION void hal_##k##_store_BOOL(HAL_GLOBAL char *p, long i, T v) { store_BOOL(p, i, v != (T)0); }
/* An integer as a float from which one further rounding gives what rounding it directly gives: what its 24 upper bits
   leave over makes the last of them odd. */
HAL_FUNCTION float hal_long_odd(long v) {
    ulong a = v < 0 ? 0 - (ulong)v : (ulong)v, rest = 0;
    uint places = 0;
    for (; a >= (1ul << 24); places++) {
        rest |= a & 1;
        a >>= 1;
    }
    const float f = (float)(uint)(a | rest) * as_float((127 + places) << 23);
    return v < 0 ? -f : f;
}
HAL_FUNCTION void hal_l_store_F32(HAL_GLOBAL char *p, long i, long v) { store_F32(p, i, (float)v); }
HAL_FUNCTION void hal_l_store_F16(HAL_GLOBAL char *p, long i, long v) { store_F16(p, i, hal_long_odd(v)); }
HAL_FUNCTION void hal_l_store_BF16(HAL_GLOBAL char *p, long i, long v) { store_BF16(p, i, hal_long_odd(v)); }
HAL_BOOLS(f, float)
HAL_BOOLS(l, long)

#ifdef HAL_DOUBLES
HAL_BOOLS(d, double)
#define HAL_D_INTEGER(name, type, low, high, past) \
    HAL_FUNCTION long hal_d_to_##name(double v) { \
        return v != v ? 0 : v >= past ? (long)high : v < (double)(low) ? (long)(low) : (long)v; \
    } \
    HAL_FUNCTION double hal_d_as_##name(double v) { return (double)hal_d_to_##name(v); } \
    HAL_FUNCTION double hal_d_load_##name(HAL_GLOBAL const char *p, long i) { return (double)load_##name(p, i); } \
    HAL_FUNCTION void hal_d_store_##name(HAL_GLOBAL char *p, long i, double v) { store_##name(p, i, hal_d_to_##name(v)); }
HAL_INTEGERS(HAL_D_INTEGER)

/* A float from which one further rounding gives what rounding `d` directly gives: towards odd when inexact. */
HAL_FUNCTION float hal_float_odd(double d) {
    const float f = (float)d;
    const uint u = as_uint(f), below = hal_abs((double)f) > hal_abs(d) ? u - 1 : u;
    return (double)f == d || d != d || f - f != 0.0f ? f : as_float(below | 1u);
}
HAL_FUNCTION double hal_d_as_F64(double v) { return v; }
HAL_FUNCTION double hal_d_as_F32(double v) { return (double)(float)v; }
HAL_FUNCTION double hal_d_as_F16(double v) { return (double)hal_f_as_F16(hal_float_odd(v)); }
HAL_FUNCTION double hal_d_as_BF16(double v) { return (double)hal_f_as_BF16(hal_float_odd(v)); }
HAL_FUNCTION double hal_d_load_F64(HAL_GLOBAL const char *p, long i) { return load_F64(p, i); }
HAL_FUNCTION double hal_d_load_F32(HAL_GLOBAL const char *p, long i) { return (double)load_F32(p, i); }
HAL_FUNCTION double hal_d_load_F16(HAL_GLOBAL const char *p, long i) { return (double)load_F16(p, i); }
HAL_FUNCTION double hal_d_load_BF16(HAL_GLOBAL const char *p, long i) { return (double)load_BF16(p, i); }
HAL_FUNCTION void hal_d_store_F64(HAL_GLOBAL char *p, long i, double v) { store_F64(p, i, v); }
HAL_FUNCTION void hal_d_store_F32(HAL_GLOBAL char *p, long i, double v) { store_F32(p, i, (float)v); }
HAL_FUNCTION void hal_d_store_F16(HAL_GLOBAL char *p, long i, double v) { store_F16(p, i, hal_float_odd(v)); }
HAL_FUNCTION void hal_d_store_BF16(HAL_GLOBAL char *p, long i, double v) { store_BF16(p, i, hal_float_odd(v)); }
HAL_FUNCTION void hal_l_store_F64(HAL_GLOBAL char *p, long i, long v) { store_F64(p, i, (double)v); }
HAL_FUNCTION float hal_f_load_F64(HAL_GLOBAL const char *p, long i) { return (float)load_F64(p, i); }
HAL_FUNCTION void hal_f_store_F64(HAL_GLOBAL char *p, long i, float v) { store_F64(p, i, (double)v); }
#endif

/* --------------------------------------------------------------------------- kernels of any compute type */

/* Programs with the option IN = f, d or l: HAL_REAL is the type, HAL_OF(exp) one of the functions above, HAL_LOAD(T) and
   HAL_STORE(T) convert elements of T. */
#define HAL_REAL_f float
#define HAL_REAL_d double
#define HAL_REAL_l long
#define HAL_LOWEST_f (-INFINITY)
#define HAL_LOWEST_d (-INFINITY)
#define HAL_LOWEST_l HAL_LONG_MIN
#define HAL_HIGHEST_f INFINITY
#define HAL_HIGHEST_d INFINITY
#define HAL_HIGHEST_l HAL_LONG_MAX
#define HAL_NOTHING_f NAN              /* the mean of nothing */
#define HAL_NOTHING_d NAN
#define HAL_NOTHING_l 0
#define HAL_IN HAL_PASTE(hal_, IN)
#define HAL_OF(name) HAL_PASTE(HAL_IN, _##name)
#define HAL_REAL HAL_PASTE(HAL_REAL_, IN)
#define HAL_LOWEST HAL_PASTE(HAL_LOWEST_, IN)
#define HAL_HIGHEST HAL_PASTE(HAL_HIGHEST_, IN)
#define HAL_NOTHING HAL_PASTE(HAL_NOTHING_, IN)
#define HAL_LOAD(T) HAL_PASTE(HAL_OF(load_), T)
#define HAL_STORE(T) HAL_PASTE(HAL_OF(store_), T)
#define HAL_AS_T(T) HAL_PASTE(HAL_OF(as_), T)

/* n elements of T at distance `by`, from element `from` on, as numbers; what repeats is read once. */
#define HAL_READ(T, p, from, by, n, to) { \
    const long hal_from = (from), hal_by = (by); \
    if (hal_by == 1) { \
        HAL_VECTOR_LOOP for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = HAL_LOAD(T)(p, hal_from + hal_j); \
    } else if (hal_by == 0) { \
        const HAL_REAL hal_same = HAL_LOAD(T)(p, hal_from); \
        for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = hal_same; \
    } else { \
        for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = HAL_LOAD(T)(p, hal_from + hal_j * hal_by); \
    } \
}
#define HAL_WRITE(T, p, from, by, n, with) { \
    if ((by) == 1) { \
        HAL_VECTOR_LOOP for (long hal_j = 0; hal_j < (n); hal_j++) HAL_STORE(T)(p, (from) + hal_j, (with)[hal_j]); \
    } else { \
        for (long hal_j = 0; hal_j < (n); hal_j++) HAL_STORE(T)(p, (from) + hal_j * (by), (with)[hal_j]); \
    } \
}
