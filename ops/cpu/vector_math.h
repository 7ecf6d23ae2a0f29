/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions in float without branches or tables, so that a loop over them becomes vector code.
 *
 * exp, expm1, log: reduction by powers of two and a power series; tanh and sigmoid through them. Functions
 * that lose
 * digits in float (erf, gelu and their derivatives, sin, cos) work in double inside, or in two floats: erfc(a) = e^(-a^2) t
 * q(t) with
 * t = 3 / (3 + a) and q interpolated at Chebyshev nodes to 6e-10. Special values follow C99 annex F.
 */
#ifndef HAL_OPS_CPU_VECTOR_MATH_H
#define HAL_OPS_CPU_VECTOR_MATH_H

#include <math.h>

#include "ops/kernel/element.h"

#ifdef __clang__
#define HAL_VECTOR_LOOP _Pragma("clang loop vectorize(assume_safety)")
#else
#define HAL_VECTOR_LOOP _Pragma("GCC ivdep")
#endif

#define HAL_LN2_HIGH 0x1.62e4p-1f      /* 15 bits: its product with an exponent is exact */
#define HAL_LN2_LOW 1.428606820e-6f

/* x 2^n for -252 <= n <= 254, in two factors, so that a subnormal result rounds once. */
static inline float hal_scale(float x, float n) {
    int32_t i = (int32_t)n, half = i >> 1;
    return x * hal_float_of((uint32_t)(half + 127) << 23) * hal_float_of((uint32_t)(i - half + 127) << 23);
}

/* e^r - 1 for |r| <= ln 2 / 2. */
static inline float hal_exp_series(float r) {
    float p = 1.98412698e-4f;
    p = hal_fma(p, r, 1.38888889e-3f);
    p = hal_fma(p, r, 8.33333333e-3f);
    p = hal_fma(p, r, 4.16666667e-2f);
    p = hal_fma(p, r, 1.66666667e-1f);
    p = hal_fma(p, r, 0.5f);
    return hal_fma(r * r, p, r);
}

static inline float hal_expf(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -104.0f ? -104.0f : c;
    float n = hal_fma(c, 1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, c));
    float y = hal_scale(1.0f + hal_exp_series(r), n);
    return x != x ? x : y;
}

static inline float hal_expm1f(float x) {
    float c = x > 88.0f ? 88.0f : x;
    c = c < -30.0f ? -30.0f : c;
    float n = hal_fma(c, 1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, c));
    float e = hal_exp_series(r), s = hal_scale(1.0f, n);
    return x != x ? x : hal_fma(s, e, s - 1.0f);
}

/* ln(1 + f) = 2 s + s p with s = f / (2 + f): the odd series of atanh. */
static inline float hal_logf(float x) {
    float up = x < 0x1p-126f ? 0x1p24f : 1.0f, down = x < 0x1p-126f ? 24.0f : 0.0f;
    uint32_t shifted = hal_bits_of(x * up) - 0x3f3504f3u;
    float e = (float)((int32_t)shifted >> 23) - down;
    float f = hal_float_of((shifted & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    float s = f / (2.0f + f), z = s * s, half = 0.5f * f * f;
    float p = hal_fma(z, 0.18181818f, 0.22222222f);
    p = hal_fma(p, z, 0.28571429f);
    p = hal_fma(p, z, 0.4f);
    p = z * hal_fma(p, z, 0.66666667f);
    float y = hal_fma(e, HAL_LN2_HIGH, f - (half - hal_fma(s, half + p, e * HAL_LN2_LOW)));
    y = x == 0.0f ? -INFINITY : y;
    y = x < 0.0f ? NAN : y;
    return x < INFINITY ? y : x;
}

static inline float hal_tanhf(float x) {
    float a = fabsf(x), c = a > 10.0f ? 10.0f : a;
    float e = hal_expm1f(2.0f * c);
    return x != x ? x : copysignf(e / (e + 2.0f), x);
}

static inline float hal_sigmoidf(float x) {
    float e = hal_expf(-fabsf(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

static inline float hal_siluf(float x) {
    /* e^x in two factors: a subnormal result is rounded once */
    float h = hal_expf(-0.5f * fabsf(x)), s = 1.0f / hal_fma(h, h, 1.0f);
    float y = x < 0.0f ? x * h * (h * s) : x * s;
    return x == -INFINITY ? -0.0f : y;
}

/* e^x to 2e-10, |x| clamped to 700. */
static inline double hal_exp_wide(double x) {
    double c = x > 700.0 ? 700.0 : x;
    c = c < -700.0 ? -700.0 : c;
    double magic = hal_fma_wide(c, 1.4426950408889634, 0x1.8p52), n = magic - 0x1.8p52;
    double r = hal_fma_wide(-n, 0.69314718055994531, c), p = 1.0 / 40320;
    uint64_t bits;
    memcpy(&bits, &magic, 8);
    bits = (bits + 1023) << 52;
    double scale;
    memcpy(&scale, &bits, 8);
    p = hal_fma_wide(p, r, 1.0 / 5040);
    p = hal_fma_wide(p, r, 1.0 / 720);
    p = hal_fma_wide(p, r, 1.0 / 120);
    p = hal_fma_wide(p, r, 1.0 / 24);
    p = hal_fma_wide(p, r, 1.0 / 6);
    p = hal_fma_wide(p, r, 0.5);
    p = hal_fma_wide(p, r, 1.0);
    return x != x ? x : hal_fma_wide(p, r, 1.0) * scale;
}

/* e^(a^2) erfc(a) for a >= 0. */
static inline double hal_erfcx_wide(double a) {
    double t = 3.0 / (3.0 + a), q = -0.014590390793184561;
    q = hal_fma_wide(q, t, 0.07414094821490598);
    q = hal_fma_wide(q, t, -0.13293723656121487);
    q = hal_fma_wide(q, t, 0.091695960120024733);
    q = hal_fma_wide(q, t, -0.041269760580668481);
    q = hal_fma_wide(q, t, 0.036661914291005654);
    q = hal_fma_wide(q, t, 0.056912642046405074);
    q = hal_fma_wide(q, t, 0.091660427996928931);
    q = hal_fma_wide(q, t, 0.12728278290532716);
    q = hal_fma_wide(q, t, 0.15670008426083465);
    q = hal_fma_wide(q, t, 0.17761625831407879);
    q = hal_fma_wide(q, t, 0.18806317491108143);
    q = hal_fma_wide(q, t, 0.18806319457474963);
    return q * t;
}

/* Below 1/2 the series 2 / sqrt pi (x - x^3 / 3 + x^5 / 10 - ...) keeps the relative error small. */
static inline float hal_erff(float x) {
    double a = fabs((double)x), c = a > 8.0 ? 8.0 : a, z = c * c, p = 1.0 / 9360;
    p = hal_fma_wide(-p, z, 1.0 / 1320);
    p = hal_fma_wide(-p, z, 1.0 / 216);
    p = hal_fma_wide(-p, z, 1.0 / 42);
    p = hal_fma_wide(-p, z, 1.0 / 10);
    p = hal_fma_wide(-p, z, 1.0 / 3);
    double near = c * hal_fma_wide(-p, z, 1.0) * 1.1283791670955126;
    double far = hal_fma_wide(-hal_erfcx_wide(c), hal_exp_wide(-z), 1.0);
    return x != x ? x : copysignf((float)(c < 0.5 ? near : far), x);
}

/* The distribution function of the normal law, and its density in *density. */
static inline double hal_normal_wide(double x, double *density) {
    double e = hal_exp_wide(-0.5 * x * x), tail = 0.5 * hal_erfcx_wide(fabs(x) * 0.70710678118654752) * e;
    *density = e * 0.39894228040143268;
    return x < 0 ? tail : 1.0 - tail;
}

/* e^(a^2) erfc(a) for a >= 0 in float. */
static inline float hal_erfcxf(float a) {
    float t = 3.0f / (3.0f + a), q = -0.0145903908f;
    q = hal_fma(q, t, 0.0741409482f);
    q = hal_fma(q, t, -0.132937237f);
    q = hal_fma(q, t, 0.0916959601f);
    q = hal_fma(q, t, -0.0412697606f);
    q = hal_fma(q, t, 0.0366619143f);
    q = hal_fma(q, t, 0.0569126420f);
    q = hal_fma(q, t, 0.0916604280f);
    q = hal_fma(q, t, 0.127282783f);
    q = hal_fma(q, t, 0.156700084f);
    q = hal_fma(q, t, 0.177616258f);
    q = hal_fma(q, t, 0.188063175f);
    q = hal_fma(q, t, 0.188063195f);
    return q * t;
}

/* Only the exponent needs more digits than float has: it is split into `high` and the rest, and e^-z is the
   product of two
   equal factors, so that a subnormal result is rounded once. */
static inline float hal_geluf(float x) {
    float c = x < -40.0f ? -40.0f : x > 40.0f ? 40.0f : x;
    double z = 0.5 * (double)c * (double)c;
    float high = (float)z, low = (float)(z - (double)high), h = hal_expf(-0.5f * high);
    float tail = 0.5f * hal_erfcxf(fabsf(c) * 0.707106781f) * (1.0f - low);
    float y = x < 0.0f ? c * tail * h * h : x * (1.0f - tail * h * h);
    return x != x ? x : y;
}

static inline float hal_gelu_gradf(float x, float g) {
    double density, a = x < -40.0f ? -40.0 : x > 40.0f ? 40.0 : (double)x;
    double normal = hal_normal_wide(a, &density);
    return (float)((double)g * (normal + a * density));
}

/* a b + c where the product is nearly -c, without losing the product's low digits. */
static inline float hal_fma_rest(float a, float b, float c) {
#ifdef __FMA__
    return __builtin_fmaf(a, b, c);
#else
    return (float)((double)a * (double)b + (double)c);
#endif
}

/* e^-(high + low) for 0 <= high < 130. The scale is 2^64 too large first: a subnormal result is rounded once. */
static inline float hal_exp_parts(float high, float low) {
    float n = hal_fma(high, -1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, -high)) - low;
    return (1.0f + hal_exp_series(r)) * hal_float_of((uint32_t)((int32_t)n + 191) << 23) * 0x1p-64f;
}

/* tanh-gelu: a/2 (1 + tanh u) = a / (1 + e^-2u) with 2u = a (A + B a^2), A = sqrt(8 / pi), B = 0.044715 A. Only
 * the exponent needs more digits than float has. A is split so that the first part has few digits: then all
 * that is subtracted below is exact. */
#define HAL_GATE_A 1.59375f
#define HAL_GATE_A_LOW 2.01912161e-3f
#define HAL_GATE_B 7.13548139e-2f
#define HAL_GATE_B_LOW 2.39883240e-9f
#define HAL_GATE_FAR 11.0f             /* beyond, e^-2u a is 0 in float, and 1 + e^-2u is 1 */

/* At c = |x|: e = e^-2u, s = 1 / (1 + e). */
typedef struct hal_gate { float c, e, s; } hal_gate;

static inline hal_gate hal_gate_tanh(float x) {
    float a = fabsf(x), c = a > HAL_GATE_FAR ? HAL_GATE_FAR : a;
    float q = c * c, q_low = hal_fma_rest(c, c, -q);
    float w = hal_fma(HAL_GATE_B, q, HAL_GATE_A), low = hal_fma_rest(HAL_GATE_B, q, HAL_GATE_A - w);
    low = hal_fma(HAL_GATE_B, q_low, hal_fma(HAL_GATE_B_LOW, q, low)) + HAL_GATE_A_LOW;
    float sum = w + low, rest = (w - sum) + low, z = c * sum;
    float e = hal_exp_parts(z, hal_fma(c, rest, hal_fma_rest(c, sum, -z)));
    return (hal_gate){c, e, 1.0f / (1.0f + e)};
}

static inline float hal_gelu_tanhf(float x) {
    hal_gate g = hal_gate_tanh(x);
    float y = x < 0.0f ? -(g.c * g.s) * g.e : x * g.s;
    return x != x ? x : y;
}

/* Near its only zero the derivative is (x - zero) times a polynomial, elsewhere nothing cancels: with S = s(|x|)
 * and t = |x| (2u)' S it is S (1 + t e) above 0 and e S (1 - t) below. */
static inline float hal_gelu_tanh_gradf(float x, float y) {
    hal_gate g = hal_gate_tanh(x);
    float t = g.c * hal_fma(3.0f * HAL_GATE_B * g.c, g.c, 1.59576912f) * g.s;
    float d = x < 0.0f ? g.e * g.s * (1.0f - t) : g.s * hal_fma(t, g.e, 1.0f);
    float r = (x + 0x1.8142ap-1f) - 1.13396279e-8f, p = 5.16067026e-3f;
    p = hal_fma(p, r, 1.94195583e-2f);
    p = hal_fma(p, r, -1.66162010e-2f);
    p = hal_fma(p, r, -1.13936290e-1f);
    p = hal_fma(p, r, -1.57828778e-2f);
    p = hal_fma(p, r, 3.87518376e-1f);
    p = hal_fma(p, r, 4.30400103e-1f);
    d = fabsf(r) < 0.25f ? r * p : d;
    return x != x ? x * y : y * d;
}

static inline float hal_silu_gradf(float x, float g) {
    double a = x < -200.0f ? -200.0 : x > 200.0f ? 200.0 : (double)x, s = 1.0 / (1.0 + hal_exp_wide(-a));
    return (float)((double)g * (s + a * s * (1.0 - s)));
}

/* sin(x + quarter pi / 2) for |x| < 2^20; larger arguments need more of pi than two doubles hold. */
#define HAL_SIN_LIMIT 0x1p20f
static inline float hal_sin_wide(double x, int64_t quarter) {
    double magic = x * 0.63661977236758134 + 0x1.8p52, n = magic - 0x1.8p52;
    double r = hal_fma_wide(-n, 6.123233995736766e-17, hal_fma_wide(-n, 1.5707963267948966, x)), z = r * r;
    int64_t q;
    memcpy(&q, &magic, 8);
    q += quarter;
    double s =
        r + r * z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z / 39916800))));
    double c = 1.0 + z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z / 3628800))));
    double y = (q & 1) ? c : s;
    return (float)((q & 2) ? -y : y);
}

#endif
