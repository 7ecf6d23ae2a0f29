/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows that are expressions: pointwise itself and gated. One step over operands of one dtype takes a program that all
 * such steps share (step.cl); any other expression is generated (pointwise.cl).
 */
#include <stdio.h>
#include <stdlib.h>

#include "expr.h"
#include "planners.h"
#include "space.h"

static const struct { const char *name; uint32_t operands; } steps[HAL_EXPR_OP_COUNT] = {
#define HAL_EXPR(number, ID, name, operands, maths) [number] = {name, operands},
#include <ops/expr.def>
};

/* Cheap steps and the others are programs apart: whoever adds needs no logarithm compiled. */
static bool is_elementary(uint32_t op) {
    switch (op) {
    case HAL_EXPR_EXP: case HAL_EXPR_LOG: case HAL_EXPR_SIN: case HAL_EXPR_COS: case HAL_EXPR_TANH: case HAL_EXPR_ERF:
    case HAL_EXPR_SIGMOID: case HAL_EXPR_SILU: case HAL_EXPR_GELU: case HAL_EXPR_GELU_TANH: case HAL_EXPR_POW:
    case HAL_EXPR_SILU_GRAD: case HAL_EXPR_GELU_GRAD: case HAL_EXPR_GELU_TANH_GRAD: return true;
    default: return false;
    }
}

static bool has_long_form(uint32_t op) {
    switch (op) {
    case HAL_EXPR_SQRT: case HAL_EXPR_RSQRT: case HAL_EXPR_FLOOR: case HAL_EXPR_RECIP: case HAL_EXPR_DIV:
    case HAL_EXPR_FMA: return false;
    default: return !is_elementary(op);
    }
}

/* #define HAL_STEPS_1(X) X(1, hal_f_neg) ...: the steps of a program, by operands. */
static char *step_lists(hal_portable_call *call, bool elementary, char in) {
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    for (uint32_t operands = 1; to && operands <= 3; operands++) {
        fprintf(to, "#define HAL_STEPS_%u(X)", operands);
        for (uint32_t op = 1; op < HAL_EXPR_OP_COUNT; op++) {
            if (steps[op].operands == operands && is_elementary(op) == elementary && (in != 'l' || has_long_form(op)))
                fprintf(to, " X(%u, hal_%c_%s)", op, in, steps[op].name);
        }
        fputs("\n", to);
    }
    if (to && fclose(to) == 0) return text;
    call->failed = true;
    return NULL;
}

/* A single step over inputs, all of the dtype of the step and the result. */
static bool is_plain_step(const hal_expr *e, const uint32_t *dtype) {
    const hal_expr_step *s = &e->step[0];
    const uint8_t operand[3] = {s->a, s->b, s->c};
    if (e->n_steps != 1 || e->n_outputs != 1 || e->output[0] != 0) return false;
    for (uint32_t i = 0; i <= e->n_inputs; i++) {
        if (dtype[i] != s->dtype) return false;
    }
    for (uint32_t o = 0; o < steps[s->op].operands; o++) {
        if (operand[o] < HAL_EXPR_INPUT || operand[o] >= HAL_EXPR_CONSTANT) return false;
    }
    return s->dtype == HAL_F32 || s->dtype == HAL_F16 || s->dtype == HAL_BF16 || s->dtype == HAL_F64 ||
        s->dtype == HAL_I32 || s->dtype == HAL_I64;
}

static void pass_extent(hal_portable_call *call, const hal_portable_space *s) {
    hal_portable_pass_long(call, s->run);
    hal_portable_pass_long(call, s->total);
}

static void plan_step(hal_portable_call *call, const hal_expr_step *step, hal_portable_space *s) {
    const bool narrow = step->dtype == HAL_F32 || step->dtype == HAL_F16 || step->dtype == HAL_BF16;
    const char in = narrow ? 'f' : call->traits->fp64 ? 'd' : 'l';
    const uint8_t code[3] = {step->a, step->b, step->c};
    const uint32_t operands = steps[step->op].operands, program = hal_portable_use(call, "step",
        step_lists(call, is_elementary(step->op), in), "T=%s IN=%c", hal_portable_type(step->dtype), in);
    for (bool more = s->n > 0; more; more = hal_portable_space_next(s)) {
        hal_portable_launch_space(call, program, "one_step", s);
        for (uint32_t o = 0; o < 3; o++)
            hal_portable_pass_space(call, s, (uint32_t)code[o < operands ? o : 0] - HAL_EXPR_INPUT);
        hal_portable_pass_space(call, s, call->n_in);
        hal_portable_pass_bytes(call, s->inner, sizeof s->inner);
        hal_portable_pass_int(call, step->op);
        hal_portable_pass_int(call, (int32_t)operands);
        pass_extent(call, s);
    }
}

static void plan_expression(hal_portable_call *call, const hal_expr *e, const uint32_t *dtype, hal_portable_space *s) {
    const uint32_t program = hal_portable_use(call, "pointwise", hal_portable_expr_text(call, e, dtype), "%s", "");
    for (bool more = s->n > 0; more; more = hal_portable_space_next(s)) {
        hal_portable_launch_space(call, program, "pointwise", s);
        for (uint32_t i = 0; i < call->n_in + call->n_out; i++) hal_portable_pass_space(call, s, i);
        hal_portable_pass_bytes(call, s->inner, sizeof s->inner);
        hal_portable_pass_expr(call, e, dtype);
        pass_extent(call, s);
    }
}

static void plan(hal_portable_call *call, const hal_expr *e) {
    uint32_t dtype[HAL_PORTABLE_OPERANDS];
    hal_portable_space space;
    for (uint32_t i = 0; i < call->n_in + call->n_out; i++) dtype[i] = call->operand[i].dtype;
    hal_portable_space_make(call, hal_portable_out(call, 0), &space);
    if (is_plain_step(e, dtype)) plan_step(call, &e->step[0], &space);
    else plan_expression(call, e, dtype, &space);
}

void hal_portable_plan_pointwise(hal_portable_call *call) {
    plan(call, &((const hal_pointwise_attrs *)call->attrs)->expr);
}

const char *hal_portable_refuse_pointwise(const hal_portable_traits *traits, const hal_description *program,
                                          const hal_description_op *op) {
    uint32_t dtype[HAL_EXPR_MAX_INPUTS] = {0};
    const hal_pointwise_attrs *attrs = hal_description_attrs(program, op);
    for (uint32_t i = 0; i < op->n_in && i < HAL_EXPR_MAX_INPUTS; i++)
        dtype[i] = hal_description_operand(program, op, i)->dtype;
    return hal_portable_expr_refuse(traits, &attrs->expr, dtype);
}

/* act(gate) up, rounded once: steps in the dtype of the accumulation. */
void hal_portable_plan_gated(hal_portable_call *call) {
    static const uint8_t act[] = {HAL_EXPR_SILU, HAL_EXPR_GELU, HAL_EXPR_GELU_TANH, HAL_EXPR_RELU, HAL_EXPR_SIGMOID};
    const hal_gated_attrs *attrs = call->attrs;
    const uint8_t dtype = call->operand[0].dtype == HAL_F64 ? HAL_F64 : HAL_F32;
    hal_expr e = {.n_inputs = 2, .n_steps = 2, .n_outputs = 1, .output = {1}};
    e.step[0] = (hal_expr_step){.op = act[attrs->activation], .dtype = dtype, .a = HAL_EXPR_INPUT};
    e.step[1] = (hal_expr_step){.op = HAL_EXPR_MUL, .dtype = dtype, .a = 0, .b = HAL_EXPR_INPUT + 1};
    plan(call, &e);
}
