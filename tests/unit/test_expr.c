/* SPDX-License-Identifier: Apache-2.0 */
/* expr.c and expr_text.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

static hal_expr parsed(const char *text, hal_dtype dtype)
{
    hal_expr expr;
    hal_status status = hal_expr_parse(text, dtype, &expr);
    if (status != HAL_OK) print_error("%s: %s\n", text, hal_status_last()->text);
    assert_int_equal(status, HAL_OK);
    return expr;
}

static double evaluated(const char *text, hal_dtype dtype, double x0, double x1)
{
    hal_expr expr = parsed(text, dtype);
    const double in[HAL_EXPR_MAX_INPUTS] = {x0, x1};
    double out[HAL_EXPR_MAX_OUTPUTS];
    hal_expr_evaluate(&expr, in, out);
    return out[0];
}

static void assert_near(double a, double b)
{
    if (!(fabs(a - b) <= 1e-12 * (1 + fabs(b)))) print_error("%.17g is not %.17g\n", a, b);
    assert_true(fabs(a - b) <= 1e-12 * (1 + fabs(b)));
}

static void every_step_computes_its_maths(void **state)
{
    (void)state;
    static const double xs[] = {-2.5, -0.5, 0.0, 0.75, 3.0};
    for (size_t i = 0; i < sizeof xs / sizeof *xs; i++) {
        double a = xs[i], p = a * a + 0.5, b = 1.25;
        assert_near(evaluated("neg(x0)", HAL_F64, a, 0), -a);
        assert_near(evaluated("abs(x0)", HAL_F64, a, 0), fabs(a));
        assert_near(evaluated("sqrt(x0)", HAL_F64, p, 0), sqrt(p));
        assert_near(evaluated("rsqrt(x0)", HAL_F64, p, 0), 1 / sqrt(p));
        assert_near(evaluated("exp(x0)", HAL_F64, a, 0), exp(a));
        assert_near(evaluated("log(x0)", HAL_F64, p, 0), log(p));
        assert_near(evaluated("sin(x0)", HAL_F64, a, 0), sin(a));
        assert_near(evaluated("cos(x0)", HAL_F64, a, 0), cos(a));
        assert_near(evaluated("tanh(x0)", HAL_F64, a, 0), tanh(a));
        assert_near(evaluated("erf(x0)", HAL_F64, a, 0), erf(a));
        assert_near(evaluated("sigmoid(x0)", HAL_F64, a, 0), 1 / (1 + exp(-a)));
        assert_near(evaluated("floor(x0)", HAL_F64, a, 0), floor(a));
        assert_near(evaluated("recip(x0)", HAL_F64, p, 0), 1 / p);
        assert_near(evaluated("relu(x0)", HAL_F64, a, 0), a > 0 ? a : 0);
        assert_near(evaluated("silu(x0)", HAL_F64, a, 0), a / (1 + exp(-a)));
        assert_near(evaluated("gelu(x0)", HAL_F64, a, 0), a / 2 * (1 + erf(a / sqrt(2.0))));
        assert_near(evaluated("gelu_tanh(x0)", HAL_F64, a, 0),
                    a / 2 * (1 + tanh(sqrt(2 / acos(-1.0)) * (a + 0.044715 * a * a * a))));
        assert_near(evaluated("add(x0, x1)", HAL_F64, a, b), a + b);
        assert_near(evaluated("sub(x0, x1)", HAL_F64, a, b), a - b);
        assert_near(evaluated("mul(x0, x1)", HAL_F64, a, b), a * b);
        assert_near(evaluated("div(x0, x1)", HAL_F64, a, b), a / b);
        assert_near(evaluated("min(x0, x1)", HAL_F64, a, b), fmin(a, b));
        assert_near(evaluated("max(x0, x1)", HAL_F64, a, b), fmax(a, b));
        assert_near(evaluated("pow(x0, x1)", HAL_F64, p, b), pow(p, b));
        assert_near(evaluated("lt(x0, x1)", HAL_F64, a, b), a < b);
        assert_near(evaluated("le(x0, x1)", HAL_F64, a, a), 1);
        assert_near(evaluated("eq(x0, x1)", HAL_F64, a, b), 0);
        assert_near(evaluated("relu_grad(x0, x1)", HAL_F64, a, b), a > 0 ? b : 0);
        assert_near(evaluated("select(lt(x0, 0), 3, x1)", HAL_F64, a, b), a < 0 ? 3 : b);
        assert_near(evaluated("fma(x0, x1, 2)", HAL_F64, a, b), fma(a, b, 2));
    }
}

static void gradients_match_differences(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"silu(x0)", "silu_grad(x0, x1)"},
                                           {"gelu(x0)", "gelu_grad(x0, x1)"},
                                           {"gelu_tanh(x0)", "gelu_tanh_grad(x0, x1)"}};
    for (size_t p = 0; p < 3; p++) {
        for (double a = -4; a <= 4; a += 0.37) {
            double h = 1e-5;
            double slope =
                (evaluated(pairs[p][0], HAL_F64, a + h, 0) - evaluated(pairs[p][0], HAL_F64, a - h, 0)) /
                (2 * h);
            assert_true(fabs(evaluated(pairs[p][1], HAL_F64, a, 1.5) - 1.5 * slope) < 1e-8);
        }
    }
}

static void nan_passes_through_min_and_max(void **state)
{
    (void)state;
    double nan = (double)NAN;
    assert_true(isnan(evaluated("min(x0, x1)", HAL_F32, nan, 1)));
    assert_true(isnan(evaluated("min(x0, x1)", HAL_F32, 1, nan)));
    assert_true(isnan(evaluated("max(x0, x1)", HAL_F32, nan, 1)));
    assert_true(isnan(evaluated("max(x0, x1)", HAL_F32, 1, nan)));
    assert_true(isnan(evaluated("relu(x0)", HAL_F32, nan, 1)));
}

static void steps_round_to_their_dtype(void **state)
{
    (void)state;
    assert_true(evaluated("add(x0, x1)", HAL_BF16, 1, 0x1p-10) == 1.0);
    assert_true(evaluated("add:f32(x0, x1)", HAL_BF16, 1, 0x1p-10) == 1 + 0x1p-10);
    assert_true(evaluated("add:f32(x0, x1):bf16", HAL_BF16, 1, 0x1p-10) == 1.0);
    assert_true(evaluated("t = round:i32(x0); mul:f32(t, 2)", HAL_F32, -1.75, 0) == -2.0);
}

static void text_reads_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"x0",
                                        "add(x0, x1)",
                                        "t = add(x0, x1); t, gelu(t)",
                                        "mul(x0, gelu(x1)):bf16",
                                        "a = x3; b = 2; add(a, b), sub(a, 0.1)",
                                        "select(lt(x0, x1), -inf, nan)",
                                        "fma:f64(x0, x1, 1.5e300), x1:i32, 7, x15"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        char first[2048], second[2048];
        hal_expr expr = parsed(texts[i], HAL_F32);
        assert_true(hal_expr_print(&expr, first, sizeof first) < sizeof first);
        hal_expr again = parsed(first, HAL_F16);
        assert_int_equal(hal_expr_print(&again, second, sizeof second), strlen(first));
        assert_string_equal(first, second);
        assert_memory_equal(&expr, &again, sizeof expr);
    }
}

static void unused_inputs_are_counted_again(void **state)
{
    (void)state;
    char text[256];
    hal_expr expr = parsed("x0", HAL_F32);
    expr.n_inputs = 3;
    hal_expr_print(&expr, text, sizeof text);
    assert_int_equal(parsed(text, HAL_F32).n_inputs, 3);
}

static void printing_counts_what_does_not_fit(void **state)
{
    (void)state;
    char text[8];
    hal_expr expr = parsed("add(x0, x1)", HAL_F32);
    size_t length = hal_expr_print(&expr, NULL, 0);
    assert_int_equal(hal_expr_print(&expr, text, sizeof text), length);
    assert_int_equal(strlen(text), 7);
}

static void errors_name_the_column(void **state)
{
    (void)state;
    static const struct { const char *text, *part;
    } bad[] = {{"", "column 1"},
               {"add(x0)", "','"},
               {"add(x0, x1", "')'"},
               {"addd(x0, x1)", "\"addd\""},
               {"x16", "x15"},
               {"add(x0, y)", "\"y\""},
               {"add:f33(x0, x1)", "dtype"},
               {"x0, x0, x0, x0, x0", "4 results"},
               {"t = x0", "';'"},
               {"x0 x1", "the end"},
               {"add = x0; x0", "\"add\""},
               {"1.2.3", "number"},
               {"x0:", "dtype"},
               {"add:q4_0(x0, x0)", "plain dtype"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hal_expr expr = {.n_steps = 77};
        assert_int_equal(hal_status_code(hal_expr_parse(bad[i].text, HAL_F32, &expr)),
                         HAL_CODE_INVALID_ARGUMENT);
        if (!strstr(hal_status_last()->text, bad[i].part))
            print_error("%s: %s\n", bad[i].text, hal_status_last()->text);
        assert_non_null(strstr(hal_status_last()->text, bad[i].part));
        assert_int_equal(expr.n_steps, 77);
    }
}

static void nesting_and_steps_are_limited(void **state)
{
    (void)state;
    enum { DEPTH = 200000 };
    char *text = calloc(1, DEPTH * 4 + 16);
    assert_non_null(text);
    for (int i = 0; i < DEPTH; i++) memcpy(text + 4 * i, "neg(", 4);
    hal_expr expr;
    assert_int_equal(hal_status_code(hal_expr_parse(text, HAL_F32, &expr)), HAL_CODE_INVALID_ARGUMENT);
    free(text);
    char chain[2048] = "";
    for (int i = 0; i < 64; i++) strcat(chain, "t = neg(x0); ");
    strcat(chain, "neg(t)");
    assert_int_equal(hal_status_code(hal_expr_parse(chain, HAL_F32, &expr)), HAL_CODE_INVALID_ARGUMENT);
}

static void validation_refuses_bad_operands(void **state)
{
    (void)state;
    hal_expr good = parsed("t = add(x0, 2); mul(t, x1)", HAL_F32), bad = good;
    assert_int_equal(hal_expr_validate(&good), HAL_OK);
    bad.step[0].a = 1;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
    bad = good;
    bad.step[1].b = HAL_EXPR_INPUT + 2;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
    bad = good;
    bad.step[0].b = HAL_EXPR_CONSTANT + 1;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
    bad = good;
    bad.output[0] = 2;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
    bad = good;
    bad.step[0].op = 255;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
    bad = good;
    bad.n_outputs = 0;
    assert_true(hal_expr_validate(&bad) != HAL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_step_computes_its_maths),
        cmocka_unit_test(gradients_match_differences),
        cmocka_unit_test(nan_passes_through_min_and_max),
        cmocka_unit_test(steps_round_to_their_dtype),
        cmocka_unit_test(text_reads_back),
        cmocka_unit_test(unused_inputs_are_counted_again),
        cmocka_unit_test(printing_counts_what_does_not_fit),
        cmocka_unit_test(errors_name_the_column),
        cmocka_unit_test(nesting_and_steps_are_limited),
        cmocka_unit_test(validation_refuses_bad_operands),
    };
    return cmocka_run_group_tests_name("expr", tests, NULL, NULL);
}
