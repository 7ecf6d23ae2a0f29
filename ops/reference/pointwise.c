/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pointwise: y_o[i] = expr_o(x_0[i], x_1[i], ...), inputs broadcast together, every step rounded to its
 * dtype.
 *
 * The magnitude follows the error through the steps: a step f(a, b, c) over operands with errors e has the
 * error sum |df/da| e_a plus its own. Steps the machine rounds correctly have none of their own while their
 * operands are exact, and one rounding of their dtype otherwise (the rounding may fall to the other side);
 * the others have the figure of the numeric contract (docs/numerics.md). Derivatives are central differences
 * in fp64.
 */
#include "array.h"

/* Roundoff of a dtype in units of the accumulating dtype's. */
static double relative_roundoff(hal_dtype dtype) {
    switch (dtype) {
    case HAL_F16: return 0x1p13;
    case HAL_BF16: return 0x1p16;
    default: return 1.0;
    }
}

/* Own error of a step in roundoffs of the compute type, as a multiple of |result|; 0: correctly rounded. */
static double own_error(uint8_t op) {
    switch (op) {
    case HAL_EXPR_EXP: case HAL_EXPR_LOG: case HAL_EXPR_RSQRT: return 6.0;
    case HAL_EXPR_SIN: case HAL_EXPR_COS: return 8.0;
    case HAL_EXPR_TANH: return 10.0;
    case HAL_EXPR_SIGMOID: case HAL_EXPR_SILU: case HAL_EXPR_POW: return 16.0;
    case HAL_EXPR_ERF:
    case HAL_EXPR_GELU:
    case HAL_EXPR_GELU_TANH:
    case HAL_EXPR_SILU_GRAD:
    case HAL_EXPR_GELU_GRAD:
    case HAL_EXPR_GELU_TANH_GRAD: return 32.0;
    default: return 0.0;
    }
}

/* Magnitude of the terms that cancel inside a step: a/2 (1 + erf ...) near -inf, b (s + a s (1 - s)) near a
   zero. */
static double inner_magnitude(uint8_t op, const double *operand, double result) {
    switch (op) {
    case HAL_EXPR_GELU: case HAL_EXPR_GELU_TANH: return fabs(operand[0]);
    case HAL_EXPR_SILU_GRAD: case HAL_EXPR_GELU_GRAD: case HAL_EXPR_GELU_TANH_GRAD: return fabs(operand[1]);
    default: return fabs(result);
    }
}

static double apply(hal_expr *one, const double *operand) {
    double result;
    hal_expr_evaluate(one, operand, &result);
    return result;
}

/* |df/d operand[o]| of a single-step expression, in fp64. */
static double slope(hal_expr *one, const double *operand, uint32_t o) {
    double moved[3] = {operand[0], operand[1], operand[2]}, h = 1e-6 * fmax(1e-3, fabs(operand[o]));
    moved[o] = operand[o] + h;
    double above = apply(one, moved);
    moved[o] = operand[o] - h;
    double below = apply(one, moved);
    double result = fabs(above - below) / (2.0 * h);
    return isfinite(result) ? result : 0.0;
}

/* Value and error of an operand code. */
static double operand_of(const hal_expr *expr, uint8_t code, const double *in, const double *in_error,
                         const double *step, const double *step_error, double *error) {
    if (code >= HAL_EXPR_CONSTANT) {
        *error = 0.0;
        return expr->constant[code - HAL_EXPR_CONSTANT];
    }
    if (code >= HAL_EXPR_INPUT) {
        *error = in_error ? in_error[code - HAL_EXPR_INPUT] : 0.0;
        return in[code - HAL_EXPR_INPUT];
    }
    *error = step_error[code];
    return step[code];
}

/* One step: value rounded to its dtype, and its error. */
static double evaluate_step(const hal_expr_step *s, const double *operand, const double *error,
                            double *step_error) {
    hal_expr one = {.n_inputs = 3, .n_steps = 1, .n_outputs = 1};
    one.output_dtype[0] = HAL_F64;
    one.step[0] = (hal_expr_step){.op = s->op,
                                  .dtype = s->dtype,
                                  .a = HAL_EXPR_INPUT,
                                  .b = HAL_EXPR_INPUT + 1,
                                  .c = HAL_EXPR_INPUT + 2};
    double result = apply(&one, operand), inherited = 0.0;
    one.step[0].dtype = HAL_F64;
    for (uint32_t o = 0; o < 3; o++)
        if (error[o] > 0.0) inherited += slope(&one, operand, o) * error[o];
    double own = own_error(s->op) * inner_magnitude(s->op, operand, result);
    /* An operand or a result that is off may round to the neighbour. */
    if (inherited > 0.0 || own > 0.0) own += 2.0 * relative_roundoff((hal_dtype)s->dtype) * fabs(result);
    *step_error = inherited + own;
    return result;
}

void hal_reference_expr(const hal_expr *expr, const double *in, const double *in_error, double *out,
                        double *out_error) {
    double step[HAL_EXPR_MAX_STEPS], step_error[HAL_EXPR_MAX_STEPS];
    if (!out_error) {
        hal_expr_evaluate(expr, in, out);
        return;
    }
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        const hal_expr_step *s = &expr->step[i];
        const uint8_t code[3] = {s->a, s->b, s->c};
        double operand[3] = {0}, error[3] = {0};
        for (uint32_t o = 0; o < 3; o++)
            if (code[o] >= HAL_EXPR_INPUT || code[o] < i)
                operand[o] = operand_of(expr, code[o], in, in_error, step, step_error, &error[o]);
        step[i] = evaluate_step(s, operand, error, &step_error[i]);
    }
    for (uint32_t o = 0; o < expr->n_outputs; o++)
        out[o] = operand_of(expr, expr->output[o], in, in_error, step, step_error, &out_error[o]);
}

double hal_reference_bound(uint32_t op, hal_dtype dtype) {
    const hal_tolerance *t = hal_op_tolerance(op);
    return dtype == HAL_F16 ? t->f16 : dtype == HAL_BF16 ? t->bf16 : t->f32;
}

hal_status hal_op_reference_pointwise(const hal_reference_call *call) {
    const hal_pointwise_attrs *a = call->attrs;
    bool scaled = false;
    for (uint32_t o = 0; o < call->n_out; o++) scaled = scaled || call->out[o].scale;
    for (int64_t i = 0; i < call->out[0].n; i++) {
        double in[HAL_EXPR_MAX_INPUTS] = {0}, out[HAL_EXPR_MAX_OUTPUTS], error[HAL_EXPR_MAX_OUTPUTS];
        int64_t index[HAL_MAX_RANK];
        hal_array_unravel(call->out, i, index);
        for (uint32_t k = 0; k < call->n_in; k++)
            in[k] = call->in[k].data[hal_array_broadcast_index(&call->in[k], index, call->out->rank)];
        hal_reference_expr(&a->expr, in, NULL, out, scaled ? error : NULL);
        for (uint32_t o = 0; o < call->n_out; o++) {
            call->out[o].data[i] = out[o];
            if (call->out[o].scale)
                call->out[o].scale[i] = error[o] / hal_reference_bound(HAL_OP_POINTWISE, call->out[o].dtype);
        }
    }
    return HAL_OK;
}
