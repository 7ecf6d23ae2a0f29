/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions in float without branches or tables, so that a loop over them becomes vector code. One text for C and
 * for the portable dialect, so that the cpu's kernels and every device's give the same bits where both have fused products,
 * doubles and correctly rounded division.
 *
 * exp, expm1, log: reduction by powers of two and a power series; tanh and sigmoid through them. Functions that lose digits
 * in float (erf, gelu and their derivatives, sin, cos) work in double inside, or in two floats: erfc(a) = e^(-a^2) t q(t) with
 * t = 3 / (3 + a) and q interpolated at Chebyshev nodes to 6e-10. Special values follow C99 annex F.
 *
 * Who includes it has defined
 *
 *   HAL_FUNCTION            before a function; HAL_DOUBLES where there are doubles
 *   hal_fma, hal_fma_wide   a b + c in float and in double, rounded once where the instruction set can
 *   hal_fma_rest            the same where the product is nearly -c: never loses the product's low digits
 *   hal_abs, hal_copysign   of scalars, by type
 *   as_float, as_uint, as_double, as_ulong    the bits of one type as another (OpenCL 1.2, section 6.2.4.2)
 *
 * Names: hal_f_exp is the step `exp` of ops/expr.def in float.
 */
#ifndef HAL_OPS_KERNEL_FUNCTIONS_H
#define HAL_OPS_KERNEL_FUNCTIONS_H

/* ----------------------------------------------------------------------------------- exponential and logarithm */

#define HAL_LN2_HIGH 0x1.62e4p-1f      /* 15 bits: its product with an exponent is exact */
#define HAL_LN2_LOW 1.428606820e-6f

/* x 2^n for -252 <= n <= 254, in two factors, so that a subnormal result rounds once. */
HAL_FUNCTION float hal_scale(float x, float n) {
    const int i = (int)n, half_ = i >> 1;
    return x * as_float((uint)(half_ + 127) << 23) * as_float((uint)(i - half_ + 127) << 23);
}

/* e^r - 1 for |r| <= ln 2 / 2. */
HAL_FUNCTION float hal_exp_series(float r) {
    float p = 1.98412698e-4f;
    p = hal_fma(p, r, 1.38888889e-3f);
    p = hal_fma(p, r, 8.33333333e-3f);
    p = hal_fma(p, r, 4.16666667e-2f);
    p = hal_fma(p, r, 1.66666667e-1f);
    p = hal_fma(p, r, 0.5f);
    return hal_fma(r * r, p, r);
}

HAL_FUNCTION float hal_f_exp(float x) {
    float c = x > 89.0f ? 89.0f : x;
    c = c < -104.0f ? -104.0f : c;
    const float n = hal_fma(c, 1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    const float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, c));
    const float y = hal_scale(1.0f + hal_exp_series(r), n);
    return x != x ? x : y;
}

HAL_FUNCTION float hal_f_expm1(float x) {
    float c = x > 88.0f ? 88.0f : x;
    c = c < -30.0f ? -30.0f : c;
    const float n = hal_fma(c, 1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    const float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, c));
    const float e = hal_exp_series(r), s = hal_scale(1.0f, n);
    return x != x ? x : hal_fma(s, e, s - 1.0f);
}

/* ln(1 + f) = 2 s + s p with s = f / (2 + f): the odd series of atanh. */
HAL_FUNCTION float hal_f_log(float x) {
    const float up = x < 0x1p-126f ? 0x1p24f : 1.0f, down = x < 0x1p-126f ? 24.0f : 0.0f;
    const uint shifted = as_uint(x * up) - 0x3f3504f3u;
    const float e = (float)((int)shifted >> 23) - down;
    const float f = as_float((shifted & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
    const float s = f / (2.0f + f), z = s * s, h = 0.5f * f * f;
    float p = hal_fma(z, 0.18181818f, 0.22222222f);
    p = hal_fma(p, z, 0.28571429f);
    p = hal_fma(p, z, 0.4f);
    p = z * hal_fma(p, z, 0.66666667f);
    float y = hal_fma(e, HAL_LN2_HIGH, f - (h - hal_fma(s, h + p, e * HAL_LN2_LOW)));
    y = x == 0.0f ? -INFINITY : y;
    y = x < 0.0f ? NAN : y;
    return x < INFINITY ? y : x;
}

/* -------------------------------------------------------------------------------------------------- activations */

HAL_FUNCTION float hal_f_tanh(float x) {
    const float a = hal_abs(x), c = a > 10.0f ? 10.0f : a, e = hal_f_expm1(2.0f * c);
    return x != x ? x : hal_copysign(e / (e + 2.0f), x);
}

HAL_FUNCTION float hal_f_sigmoid(float x) {
    const float e = hal_f_exp(-hal_abs(x));
    return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}

/* e^x in two factors: a subnormal result is rounded once. */
HAL_FUNCTION float hal_f_silu(float x) {
    const float h = hal_f_exp(-0.5f * hal_abs(x)), s = 1.0f / hal_fma(h, h, 1.0f);
    const float y = x < 0.0f ? x * h * (h * s) : x * s;
    return x == -INFINITY ? -0.0f : y;
}

/* e^(a^2) erfc(a) for a >= 0: t q(t) with t = 3 / (3 + a), q interpolated at Chebyshev nodes. */
HAL_FUNCTION float hal_erfcx(float a) {
    const float t = 3.0f / (3.0f + a);
    float q = -0.0145903908f;
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

/* The normal law at |c| <= 40: `h` with h^2 = e^(-c^2 / 2) to all digits but those of `low`, and the smaller tail
   without its factor h^2. Only the exponent needs more digits than float has; a product of two equal factors rounds
   a subnormal result once. */
typedef struct { float h, low, tail; } hal_normal;
HAL_FUNCTION hal_normal hal_normal_at(float c) {
    const float b = 0.5f * c, high = b * c;
    hal_normal n;
    n.low = hal_fma_rest(b, c, -high);
    n.h = hal_f_exp(-0.5f * high);
    n.tail = 0.5f * hal_erfcx(hal_abs(c) * 0.707106781f) * (1.0f - n.low);
    return n;
}

HAL_FUNCTION float hal_f_gelu(float x) {
    const float c = x < -40.0f ? -40.0f : x > 40.0f ? 40.0f : x;
    const hal_normal n = hal_normal_at(c);
    const float y = x < 0.0f ? c * n.tail * n.h * n.h : x * (1.0f - n.tail * n.h * n.h);
    return x != x ? x : y;
}

/* e^-(high + low) for 0 <= high < 130. The scale is 2^64 too large first: a subnormal result is rounded once. */
HAL_FUNCTION float hal_exp_parts(float high, float low) {
    const float n = hal_fma(high, -1.44269504f, 0x1.8p23f) - 0x1.8p23f;
    const float r = hal_fma(-n, HAL_LN2_LOW, hal_fma(-n, HAL_LN2_HIGH, -high)) - low;
    return (1.0f + hal_exp_series(r)) * as_float((uint)((int)n + 191) << 23) * 0x1p-64f;
}

/* tanh-gelu: a/2 (1 + tanh u) = a / (1 + e^-2u) with 2u = a (A + B a^2), A = sqrt(8 / pi), B = 0.044715 A. A is split
   so that its first part has few digits: then all that is subtracted is exact. */
#define HAL_GATE_A 1.59375f
#define HAL_GATE_A_LOW 2.01912161e-3f
#define HAL_GATE_B 7.13548139e-2f
#define HAL_GATE_B_LOW 2.39883240e-9f
#define HAL_GATE_FAR 11.0f             /* beyond, e^-2u a is 0 in float, and 1 + e^-2u is 1 */

/* At c = |x|: e = e^-2u, s = 1 / (1 + e). */
typedef struct { float c, e, s; } hal_gate;
HAL_FUNCTION hal_gate hal_gate_tanh(float x) {
    const float a = hal_abs(x), c = a > HAL_GATE_FAR ? HAL_GATE_FAR : a;
    const float q = c * c, q_low = hal_fma_rest(c, c, -q);
    const float w = hal_fma(HAL_GATE_B, q, HAL_GATE_A);
    float low = hal_fma_rest(HAL_GATE_B, q, HAL_GATE_A - w);
    low = hal_fma(HAL_GATE_B, q_low, hal_fma(HAL_GATE_B_LOW, q, low)) + HAL_GATE_A_LOW;
    const float sum = w + low, rest = (w - sum) + low, z = c * sum;
    hal_gate g;
    g.c = c;
    g.e = hal_exp_parts(z, hal_fma(c, rest, hal_fma_rest(c, sum, -z)));
    g.s = 1.0f / (1.0f + g.e);
    return g;
}

HAL_FUNCTION float hal_f_gelu_tanh(float x) {
    const hal_gate g = hal_gate_tanh(x);
    const float y = x < 0.0f ? -(g.c * g.s) * g.e : x * g.s;
    return x != x ? x : y;
}

/* Near its only zero the derivative is (x - zero) times a polynomial, elsewhere nothing cancels: with S = s(|x|)
   and t = |x| (2u)' S it is S (1 + t e) above 0 and e S (1 - t) below. */
HAL_FUNCTION float hal_f_gelu_tanh_grad(float x, float y) {
    const hal_gate g = hal_gate_tanh(x);
    const float t = g.c * hal_fma(3.0f * HAL_GATE_B * g.c, g.c, 1.59576912f) * g.s;
    float d = x < 0.0f ? g.e * g.s * (1.0f - t) : g.s * hal_fma(t, g.e, 1.0f);
    const float r = (x + 0x1.8142ap-1f) - 1.13396279e-8f;
    float p = 5.16067026e-3f;
    p = hal_fma(p, r, 1.94195583e-2f);
    p = hal_fma(p, r, -1.66162010e-2f);
    p = hal_fma(p, r, -1.13936290e-1f);
    p = hal_fma(p, r, -1.57828778e-2f);
    p = hal_fma(p, r, 3.87518376e-1f);
    p = hal_fma(p, r, 4.30400103e-1f);
    d = hal_abs(r) < 0.25f ? r * p : d;
    return x != x ? x * y : y * d;
}

/* ------------------------------------------------------------- functions that need more digits than float has */
#ifdef HAL_DOUBLES
/* e^x to 2e-10, |x| clamped to 700. */
HAL_FUNCTION double hal_exp_wide(double x) {
    double c = x > 700.0 ? 700.0 : x;
    c = c < -700.0 ? -700.0 : c;
    const double magic = hal_fma_wide(c, 1.4426950408889634, 0x1.8p52), n = magic - 0x1.8p52;
    const double r = hal_fma_wide(-n, 0.69314718055994531, c), scale = as_double((as_ulong(magic) + 1023) << 52);
    double p = 1.0 / 40320;
    p = hal_fma_wide(p, r, 1.0 / 5040);
    p = hal_fma_wide(p, r, 1.0 / 720);
    p = hal_fma_wide(p, r, 1.0 / 120);
    p = hal_fma_wide(p, r, 1.0 / 24);
    p = hal_fma_wide(p, r, 1.0 / 6);
    p = hal_fma_wide(p, r, 0.5);
    p = hal_fma_wide(p, r, 1.0);
    return x != x ? x : hal_fma_wide(p, r, 1.0) * scale;
}

/* e^(a^2) erfc(a) for a >= 0, to 6e-10. */
HAL_FUNCTION double hal_erfcx_wide(double a) {
    const double t = 3.0 / (3.0 + a);
    double q = -0.014590390793184561;
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
HAL_FUNCTION float hal_f_erf(float x) {
    const double a = hal_abs((double)x), c = a > 8.0 ? 8.0 : a, z = c * c;
    double p = 1.0 / 9360;
    p = hal_fma_wide(-p, z, 1.0 / 1320);
    p = hal_fma_wide(-p, z, 1.0 / 216);
    p = hal_fma_wide(-p, z, 1.0 / 42);
    p = hal_fma_wide(-p, z, 1.0 / 10);
    p = hal_fma_wide(-p, z, 1.0 / 3);
    const double near_ = c * hal_fma_wide(-p, z, 1.0) * 1.1283791670955126;
    const double far_ = hal_fma_wide(-hal_erfcx_wide(c), hal_exp_wide(-z), 1.0);
    return x != x ? x : hal_copysign((float)(c < 0.5 ? near_ : far_), x);
}

HAL_FUNCTION float hal_f_gelu_grad(float x, float g) {
    const double a = x < -40.0f ? -40.0 : x > 40.0f ? 40.0 : (double)x;
    const double e = hal_exp_wide(-0.5 * a * a), tail = 0.5 * hal_erfcx_wide(hal_abs(a) * 0.70710678118654752) * e;
    const double normal = a < 0 ? tail : 1.0 - tail, density = e * 0.39894228040143268;
    return (float)((double)g * (normal + a * density));
}

HAL_FUNCTION float hal_f_silu_grad(float x, float g) {
    const double a = x < -200.0f ? -200.0 : x > 200.0f ? 200.0 : (double)x, s = 1.0 / (1.0 + hal_exp_wide(-a));
    return (float)((double)g * (s + a * s * (1.0 - s)));
}

/* sin(x + quarter pi / 2) for |x| < 2^20; larger arguments need more of pi than two doubles hold. */
#define HAL_SIN_LIMIT 0x1p20f
HAL_FUNCTION float hal_sin_wide(double x, ulong quarter) {
    const double magic = x * 0.63661977236758134 + 0x1.8p52, n = magic - 0x1.8p52;
    const double r = hal_fma_wide(-n, 6.123233995736766e-17, hal_fma_wide(-n, 1.5707963267948966, x)), z = r * r;
    const ulong q = as_ulong(magic) + quarter;
    const double s =
        r + r * z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z / 39916800))));
    const double c = 1.0 + z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z / 3628800))));
    const double y = (q & 1) ? c : s;
    return (float)((q & 2) ? -y : y);
}
#endif

#endif
