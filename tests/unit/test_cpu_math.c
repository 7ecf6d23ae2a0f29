/* SPDX-License-Identifier: Apache-2.0 */
/* The elementary functions of the cpu kernels against the C library in double, in units of the last place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define HAL_CPU_VARIANT plain
#include "ops/cpu/vector_math.h"

#define POINTS 200000

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }
static double silu(double x) { return x * sigmoid(x); }
static double gelu(double x) { return 0.5 * x * erfc(-x * 0.70710678118654752440); }
static double gate(double x) { return sigmoid(1.5957691216057307117 * (x + 0.044715 * x * x * x)); }
static double gelu_tanh(double x) { return x * gate(x); }
static double gelu_slope(double x) { return gelu(x) / x + x * 0.39894228040143267794 * exp(-0.5 * x * x); }
static double gelu_tanh_slope(double x) {
    return gate(x) + x * 1.5957691216057307117 * (1 + 0.134145 * x * x) * gate(x) * (1 - gate(x));
}
static double silu_slope(double x) { return sigmoid(x) + x * sigmoid(x) * (1 - sigmoid(x)); }

static float fast_sin(float x) { return hal_sin_wide((double)x, 0); }
static float fast_cos(float x) { return hal_sin_wide((double)x, 1); }
static float gelu_slopef(float x) { return hal_f_gelu_grad(x, 1.0f); }
static float gelu_tanh_slopef(float x) { return hal_f_gelu_tanh_grad(x, 1.0f); }
static float silu_slopef(float x) { return hal_f_silu_grad(x, 1.0f); }

typedef struct function {
    const char *name;
    float (*fast)(float);
    double (*exact)(double);
    float low, high;
    double ulp;
    float floor;                         /* near the zero of a derivative the places of this size count */
} function;

static const function functions[] = {
    {"exp", hal_f_exp, exp, -103, 88.7f, 3, 0},
    {"expm1", hal_f_expm1, expm1, -20, 80, 3, 0},
    {"log", hal_f_log, log, 1e-40f, 1e30f, 3, 0},
    {"log near 1", hal_f_log, log, 0.5f, 2, 3, 0},
    {"tanh", hal_f_tanh, tanh, -12, 12, 8, 0},
    {"tanh near 0", hal_f_tanh, tanh, -1e-3f, 1e-3f, 8, 0},
    {"sigmoid", hal_f_sigmoid, sigmoid, -80, 80, 8, 0},
    {"silu", hal_f_silu, silu, -80, 80, 8, 0},
    {"erf", hal_f_erf, erf, -6, 6, 16, 0},
    {"erf near 0", hal_f_erf, erf, -1e-3f, 1e-3f, 16, 0},
    {"gelu", hal_f_gelu, gelu, -12, 12, 16, 0},
    {"gelu_tanh", hal_f_gelu_tanh, gelu_tanh, -8, 12, 16, 0},
    {"gelu_grad", gelu_slopef, gelu_slope, -12, 12, 16, 1e-4f},
    {"gelu_tanh_grad", gelu_tanh_slopef, gelu_tanh_slope, -8, 12, 16, 1e-4f},
    {"silu_grad", silu_slopef, silu_slope, -80, 80, 16, 1e-4f},
    {"sin", fast_sin, sin, -30, 30, 16, 0},
    {"cos", fast_cos, cos, -1e5f, 1e5f, 16, 0},
};

/* Distance in last places of the exact result rounded to float. */
static double distance(float got, double exact, float least) {
    float size = fmaxf(fabsf((float)exact), least);
    double place = (double)nextafterf(size, INFINITY) - (double)size;
    return fabs((double)got - exact) / place;
}

static void functions_keep_their_bounds(void **state) {
    (void)state;
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        const function *t = &functions[f];
        double worst = 0;
        float at = 0;
        for (int i = 0; i <= POINTS; i++) {
            float x = t->low + (t->high - t->low) * ((float)i / POINTS);
            double d = x == 0.0f ? 0.0 : distance(t->fast(x), t->exact((double)x), t->floor);
            if (d > worst) worst = d, at = x;
        }
        if (worst > t->ulp) fail_msg("%s is %g ULP away at %.9g, allowed are %g", t->name, worst, (double)at,
            t->ulp);
    }
}

static void special_values_follow_the_c_library(void **state) {
    (void)state;
    assert_true(hal_f_exp(-INFINITY) == 0.0f && hal_f_exp(INFINITY) == INFINITY && isnan(hal_f_exp(NAN)));
    assert_true(hal_f_log(0.0f) == -INFINITY && hal_f_log(INFINITY) == INFINITY && isnan(hal_f_log(-1.0f))
        && isnan(hal_f_log(NAN)));
    assert_true(hal_f_tanh(INFINITY) == 1.0f && hal_f_tanh(-INFINITY) == -1.0f && isnan(hal_f_tanh(NAN)));
    assert_true(hal_f_erf(INFINITY) == 1.0f && hal_f_erf(-INFINITY) == -1.0f && isnan(hal_f_erf(NAN)));
    assert_true(hal_f_sigmoid(-INFINITY) == 0.0f && hal_f_sigmoid(INFINITY) == 1.0f
        && isnan(hal_f_sigmoid(NAN)));
    assert_true(isnan(hal_f_gelu(NAN)) && isnan(hal_f_gelu_tanh(NAN)) && isnan(hal_f_silu(NAN)));
}

static void half_formats_round_to_nearest_even(void **state) {
    (void)state;
    for (uint32_t h = 0; h < 0x10000; h++) {
        float f = hal_f16_load((uint16_t)h), b = hal_bf16_load((uint16_t)h);
        assert_true(isnan(f) || hal_f16_round(f) == h);
        assert_true(isnan(b) || hal_bf16_round(b) == h);
        if (!isfinite(f) || !isfinite(hal_f16_load((uint16_t)(h + 1)))) continue;
        float middle = 0.5f * (f + hal_f16_load((uint16_t)(h + 1)));
        if ((h & 0x7fff) != 0x7bff) assert_int_equal(hal_f16_round(middle), h & 1 ? h + 1 : h);
    }
    assert_true(isnan(hal_f16_load(hal_f16_round(NAN))) && isnan(hal_bf16_load(hal_bf16_round(NAN))));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_keep_their_bounds),
        cmocka_unit_test(special_values_follow_the_c_library),
        cmocka_unit_test(half_formats_round_to_nearest_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
