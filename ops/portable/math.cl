/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elementary functions, the steps of expressions (ops/expr.def) and roundings: for every kernel, after the prelude.
 *
 *   hal_f_exp(x) ...      step `exp` in float; hal_d_exp in double, hal_l_add in long (only what integers have)
 *   hal_f_as_BF16(v)      v rounded to bf16, still a float; likewise _d_ and _l_
 *   hal_f_load_I8(p, i)   an element as a float; hal_f_store_I8(p, i, v) rounds: to nearest even, to integers towards
 *                         zero and saturating
 *
 * Float functions are the ones of the cpu backend (ops/cpu/vector_math.h), with the same constants and the same fused
 * steps, so that devices with doubles and correctly rounded division give its bits; no branches and no tables, so that
 * loops over them become vector code. Without doubles the device's own functions stand in where those need them.
 * Special values follow C99 annex F.
 */
#if defined(HAL_CUDA) || defined(HAL_FP64)
#define HAL_DOUBLES 1
#endif

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
    n.low = hal_fma(b, c, -high);
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
    const float q = c * c, q_low = hal_fma(c, c, -q);
    const float w = hal_fma(HAL_GATE_B, q, HAL_GATE_A);
    float low = hal_fma(HAL_GATE_B, q, HAL_GATE_A - w);
    low = hal_fma(HAL_GATE_B, q_low, hal_fma(HAL_GATE_B_LOW, q, low)) + HAL_GATE_A_LOW;
    const float sum = w + low, rest = (w - sum) + low, z = c * sum;
    hal_gate g;
    g.c = c;
    g.e = hal_exp_parts(z, hal_fma(c, rest, hal_fma(c, sum, -z)));
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
    const double magic = hal_fma(c, 1.4426950408889634, 0x1.8p52), n = magic - 0x1.8p52;
    const double r = hal_fma(-n, 0.69314718055994531, c), scale = as_double((as_ulong(magic) + 1023) << 52);
    double p = 1.0 / 40320;
    p = hal_fma(p, r, 1.0 / 5040);
    p = hal_fma(p, r, 1.0 / 720);
    p = hal_fma(p, r, 1.0 / 120);
    p = hal_fma(p, r, 1.0 / 24);
    p = hal_fma(p, r, 1.0 / 6);
    p = hal_fma(p, r, 0.5);
    p = hal_fma(p, r, 1.0);
    return x != x ? x : hal_fma(p, r, 1.0) * scale;
}

/* e^(a^2) erfc(a) for a >= 0, to 6e-10. */
HAL_FUNCTION double hal_erfcx_wide(double a) {
    const double t = 3.0 / (3.0 + a);
    double q = -0.014590390793184561;
    q = hal_fma(q, t, 0.07414094821490598);
    q = hal_fma(q, t, -0.13293723656121487);
    q = hal_fma(q, t, 0.091695960120024733);
    q = hal_fma(q, t, -0.041269760580668481);
    q = hal_fma(q, t, 0.036661914291005654);
    q = hal_fma(q, t, 0.056912642046405074);
    q = hal_fma(q, t, 0.091660427996928931);
    q = hal_fma(q, t, 0.12728278290532716);
    q = hal_fma(q, t, 0.15670008426083465);
    q = hal_fma(q, t, 0.17761625831407879);
    q = hal_fma(q, t, 0.18806317491108143);
    q = hal_fma(q, t, 0.18806319457474963);
    return q * t;
}

/* Below 1/2 the series 2 / sqrt pi (x - x^3 / 3 + x^5 / 10 - ...) keeps the relative error small. */
HAL_FUNCTION float hal_f_erf(float x) {
    const double a = hal_abs((double)x), c = a > 8.0 ? 8.0 : a, z = c * c;
    double p = 1.0 / 9360;
    p = hal_fma(-p, z, 1.0 / 1320);
    p = hal_fma(-p, z, 1.0 / 216);
    p = hal_fma(-p, z, 1.0 / 42);
    p = hal_fma(-p, z, 1.0 / 10);
    p = hal_fma(-p, z, 1.0 / 3);
    const double near_ = c * hal_fma(-p, z, 1.0) * 1.1283791670955126;
    const double far_ = hal_fma(-hal_erfcx_wide(c), hal_exp_wide(-z), 1.0);
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
    const double r = hal_fma(-n, 6.123233995736766e-17, hal_fma(-n, 1.5707963267948966, x)), z = r * r;
    const ulong q = as_ulong(magic) + quarter;
    const double s =
        r + r * z * (-1.0 / 6 + z * (1.0 / 120 + z * (-1.0 / 5040 + z * (1.0 / 362880 - z / 39916800))));
    const double c = 1.0 + z * (-0.5 + z * (1.0 / 24 + z * (-1.0 / 720 + z * (1.0 / 40320 - z / 3628800))));
    const double y = (q & 1) ? c : s;
    return (float)((q & 2) ? -y : y);
}
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

#define HAL_PLAIN_STEPS(k, T) \
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
    if ((by) == 1) { \
        HAL_VECTOR_LOOP for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = HAL_LOAD(T)(p, (from) + hal_j); \
    } else if ((by) == 0) { \
        const HAL_REAL hal_same = HAL_LOAD(T)(p, from); \
        for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = hal_same; \
    } else { \
        for (long hal_j = 0; hal_j < (n); hal_j++) (to)[hal_j] = HAL_LOAD(T)(p, (from) + hal_j * (by)); \
    } \
}
#define HAL_WRITE(T, p, from, by, n, with) { \
    if ((by) == 1) { \
        HAL_VECTOR_LOOP for (long hal_j = 0; hal_j < (n); hal_j++) HAL_STORE(T)(p, (from) + hal_j, (with)[hal_j]); \
    } else { \
        for (long hal_j = 0; hal_j < (n); hal_j++) HAL_STORE(T)(p, (from) + hal_j * (by), (with)[hal_j]); \
    } \
}
