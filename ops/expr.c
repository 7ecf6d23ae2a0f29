/* SPDX-License-Identifier: Apache-2.0 */
/* Expressions: the table of steps, building, checks and evaluation in fp64. */
#include <ops/expr.h>
#include <hal/core.h>

typedef struct op_row { const char *name; uint32_t operands; } op_row;
static const op_row ops[HAL_EXPR_OP_COUNT] = {
#define HAL_EXPR(number, ID, name, operands, maths) [number] = {name, operands},
#include "expr.def"
};

const char *hal_expr_op_name(uint32_t op)
{
    return op < HAL_EXPR_OP_COUNT ? ops[op].name : NULL;
}

uint32_t hal_expr_op_operands(uint32_t op)
{
    return op < HAL_EXPR_OP_COUNT ? ops[op].operands : 0;
}

uint32_t hal_expr_op_find(const char *name)
{
    for (uint32_t i = 1; i < HAL_EXPR_OP_COUNT; i++)
        if (ops[i].name && !strcmp(ops[i].name, name)) return i;
    return HAL_EXPR_NONE;
}

bool hal_expr_add_constant(hal_expr *expr, double value, uint8_t *code)
{
    uint32_t i = 0;
    /* By bits, so that NaN finds itself and 0 is not -0. */
    while (i < expr->n_constants && memcmp(&expr->constant[i], &value, sizeof value) != 0) i++;
    if (i == HAL_EXPR_MAX_CONSTANTS) return false;
    if (i == expr->n_constants) expr->constant[expr->n_constants++] = value;
    *code = (uint8_t)(HAL_EXPR_CONSTANT + i);
    return true;
}

bool hal_expr_add_step(hal_expr *expr, hal_expr_step step, uint8_t *code)
{
    if (expr->n_steps == HAL_EXPR_MAX_STEPS) return false;
    expr->step[expr->n_steps] = step;
    *code = (uint8_t)expr->n_steps++;
    return true;
}

/* -------------------------------------------------------------------------------------------- checks -- */

/* Operand `code` exists before step `step`. */
static bool operand_valid(const hal_expr *e, uint8_t code, uint32_t step)
{
    if (code >= HAL_EXPR_CONSTANT) return code - HAL_EXPR_CONSTANT < (int)e->n_constants;
    if (code >= HAL_EXPR_INPUT) return code - HAL_EXPR_INPUT < (int)e->n_inputs;
    return code < step;
}

static bool dtype_valid(uint8_t dtype)
{
    const hal_dtype_info *info = hal_dtype_describe((hal_dtype)dtype);
    return info && info->class_ != HAL_DTYPE_CLASS_QUANTISED;
}

static hal_status step_check(const hal_expr *e, uint32_t i)
{
    const hal_expr_step *s = &e->step[i];
    const uint8_t operand[3] = {s->a, s->b, s->c};
    if (!hal_expr_op_name(s->op))
        return HAL_FAIL(INVALID_ARGUMENT, "expression step %u: operation %u is not in expr.def", i, s->op);
    if (!dtype_valid(s->dtype))
        return HAL_FAIL(INVALID_ARGUMENT, "expression step %u: dtype %u is no plain dtype", i, s->dtype);
    for (uint32_t o = 0; o < 3; o++) {
        bool used = o < ops[s->op].operands;
        if (used ? !operand_valid(e, operand[o], i) : operand[o] != 0)
            return HAL_FAIL(
                INVALID_ARGUMENT,
                "expression step %u (%s): operand %u is %u, which is no earlier step, input or constant", i,
                ops[s->op].name, o, operand[o]);
    }
    return HAL_OK;
}

hal_status hal_expr_validate(const hal_expr *expr)
{
    if (expr->n_inputs > HAL_EXPR_MAX_INPUTS || expr->n_steps > HAL_EXPR_MAX_STEPS ||
        expr->n_constants > HAL_EXPR_MAX_CONSTANTS || expr->n_outputs < 1 ||
        expr->n_outputs > HAL_EXPR_MAX_OUTPUTS)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "expression: %u inputs, %u steps, %u constants, %u results; at most %d, %d, %d, and 1 to %d",
            expr->n_inputs, expr->n_steps, expr->n_constants, expr->n_outputs, HAL_EXPR_MAX_INPUTS,
            HAL_EXPR_MAX_STEPS, HAL_EXPR_MAX_CONSTANTS, HAL_EXPR_MAX_OUTPUTS);
    for (uint32_t i = 0; i < expr->n_steps; i++) HAL_TRY(step_check(expr, i));
    for (uint32_t i = 0; i < expr->n_outputs; i++) {
        if (!operand_valid(expr, expr->output[i], expr->n_steps))
            return HAL_FAIL(INVALID_ARGUMENT, "expression result %u names operand %u, which does not exist",
                            i, expr->output[i]);
        if (expr->output_dtype[i] && !dtype_valid(expr->output_dtype[i]))
            return HAL_FAIL(INVALID_ARGUMENT, "expression result %u: dtype %u is no plain dtype", i,
                            expr->output_dtype[i]);
    }
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------- evaluation -- */

static const double root_half = 0.70710678118654752440, root_2_over_pi = 0.79788456080286535588;
static const double cubic = 0.044715, one_over_root_2pi = 0.39894228040143267794;

#define UNARY(name, maths) \
    static double name(double a) \
    { \
        return maths; \
    }
#define BINARY(name, maths) \
    static double name(double a, double b) \
    { \
        return maths; \
    }

UNARY(negative, -a)
UNARY(reciprocal, 1.0 / a)
UNARY(root_reciprocal, 1.0 / sqrt(a))
UNARY(sigmoid, 1.0 / (1.0 + exp(-a)))
UNARY(relu, a > 0 || a != a ? a : 0.0)
UNARY(silu, a * sigmoid(a))
/* The normal distribution; erfc keeps digits where 1 + erf would cancel. */
UNARY(normal_cdf, 0.5 * erfc(-a * root_half))
UNARY(gelu, a * normal_cdf(a))
/* (1 + tanh u) / 2 is sigmoid(2 u). */
UNARY(tanh_cdf, sigmoid(2.0 * root_2_over_pi * (a + cubic * a * a * a)))
UNARY(gelu_tanh, a * tanh_cdf(a))
/* The rounding of the step is all that `round` does. */
UNARY(same, a)

static double (*const unary[HAL_EXPR_OP_COUNT])(double) = {
    [HAL_EXPR_NEG] = negative, [HAL_EXPR_ABS] = fabs,
    [HAL_EXPR_SQRT] = sqrt,    [HAL_EXPR_RSQRT] = root_reciprocal,
    [HAL_EXPR_EXP] = exp,      [HAL_EXPR_LOG] = log,
    [HAL_EXPR_SIN] = sin,      [HAL_EXPR_COS] = cos,
    [HAL_EXPR_TANH] = tanh,    [HAL_EXPR_ERF] = erf,
    [HAL_EXPR_FLOOR] = floor,  [HAL_EXPR_SIGMOID] = sigmoid,
    [HAL_EXPR_RELU] = relu,    [HAL_EXPR_RECIP] = reciprocal,
    [HAL_EXPR_SILU] = silu,    [HAL_EXPR_GELU] = gelu,
    [HAL_EXPR_ROUND] = same,   [HAL_EXPR_GELU_TANH] = gelu_tanh,
};

BINARY(sum, a + b)
BINARY(difference, a - b)
BINARY(product, a * b)
BINARY(quotient, a / b)
BINARY(lesser, a != a || a < b ? a : b)
BINARY(greater, a != a || a > b ? a : b)
BINARY(less, a < b)
BINARY(less_equal, a <= b)
BINARY(equal, a == b)
BINARY(relu_grad, a > 0 ? b : 0.0)
BINARY(gelu_grad, b * (normal_cdf(a) + a * one_over_root_2pi * exp(-0.5 * a * a)))

static double silu_grad(double a, double b)
{
    double s = sigmoid(a);
    return b * s * (1.0 + a * (1.0 - s));
}

static double gelu_tanh_grad(double a, double b)
{
    double s = tanh_cdf(a);
    return b * (s + a * 2.0 * s * (1.0 - s) * root_2_over_pi * (1.0 + 3.0 * cubic * a * a));
}

static double (*const binary[HAL_EXPR_OP_COUNT])(double, double) = {
    [HAL_EXPR_ADD] = sum,
    [HAL_EXPR_SUB] = difference,
    [HAL_EXPR_MUL] = product,
    [HAL_EXPR_DIV] = quotient,
    [HAL_EXPR_MIN] = lesser,
    [HAL_EXPR_MAX] = greater,
    [HAL_EXPR_POW] = pow,
    [HAL_EXPR_LT] = less,
    [HAL_EXPR_LE] = less_equal,
    [HAL_EXPR_EQ] = equal,
    [HAL_EXPR_RELU_GRAD] = relu_grad,
    [HAL_EXPR_SILU_GRAD] = silu_grad,
    [HAL_EXPR_GELU_GRAD] = gelu_grad,
    [HAL_EXPR_GELU_TANH_GRAD] = gelu_tanh_grad,
};

static double step_evaluate(const hal_expr_step *s, const double *value)
{
    if (unary[s->op]) return unary[s->op](value[s->a]);
    if (binary[s->op]) return binary[s->op](value[s->a], value[s->b]);
    if (s->op == HAL_EXPR_SELECT) return value[s->a] != 0 ? value[s->b] : value[s->c];
    return fma(value[s->a], value[s->b], value[s->c]);
}

void hal_expr_evaluate(const hal_expr *expr, const double *in, double *out)
{
    double value[256];
    memcpy(value + HAL_EXPR_INPUT, in, expr->n_inputs * sizeof *value);
    memcpy(value + HAL_EXPR_CONSTANT, expr->constant, expr->n_constants * sizeof *value);
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        value[i] = hal_round_to((hal_dtype)expr->step[i].dtype, step_evaluate(&expr->step[i], value));
    }
    for (uint32_t i = 0; i < expr->n_outputs; i++)
        out[i] = hal_round_to((hal_dtype)expr->output_dtype[i], value[expr->output[i]]);
}
