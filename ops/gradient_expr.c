/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reverse differentiation of a straight-line expression: the steps are kept, the adjoint of each operand is
 * appended behind them, from the last step to the first; what no derivative needs is left out when the result
 * is written.
 */
#include "gradient_expr.h"

#include <hal/core.h>

/* Operands inside the program: steps from 0, inputs and constants far above any step; NONE is an adjoint of
   zero. */
enum { MAX_STEPS = 1024, INPUT = 4096, CONSTANT = 8192, NONE = -1 };

typedef struct program_step { uint8_t op, dtype; int a, b, c; } program_step;

typedef struct program {
    program_step step[MAX_STEPS];
    int n_steps;
    double constant[4 * HAL_EXPR_MAX_CONSTANTS];
    int n_constants;
    int step_adjoint[HAL_EXPR_MAX_STEPS], input_adjoint[HAL_EXPR_MAX_INPUTS];
    hal_dtype dtype;
    bool full;
} program;

static int emit(program *p, hal_expr_op op, int a, int b, int c) {
    if (p->n_steps == MAX_STEPS) {
        p->full = true;
        return 0;
    }
    p->step[p->n_steps] = (program_step){(uint8_t)op, (uint8_t)p->dtype, a, b, c};
    return p->n_steps++;
}

static int number(program *p, double value) {
    for (int i = 0; i < p->n_constants; i++)
        if (p->constant[i] == value) return CONSTANT + i;
    if (p->n_constants == (int)(sizeof p->constant / sizeof *p->constant)) {
        p->full = true;
        return CONSTANT;
    }
    p->constant[p->n_constants] = value;
    return CONSTANT + p->n_constants++;
}

static int unary(program *p, hal_expr_op op, int a) { return emit(p, op, a, 0, 0); }
static int binary(program *p, hal_expr_op op, int a, int b) { return emit(p, op, a, b, 0); }
static int mul(program *p, int a, int b) { return binary(p, HAL_EXPR_MUL, a, b); }
static int select_step(program *p, int a, int b, int c) { return emit(p, HAL_EXPR_SELECT, a, b, c); }

static int operand_read(uint8_t code) {
    if (code >= HAL_EXPR_CONSTANT) return CONSTANT + code - HAL_EXPR_CONSTANT;
    return code >= HAL_EXPR_INPUT ? INPUT + code - HAL_EXPR_INPUT : code;
}

/* Adds `part` to the adjoint of an operand. */
static void flow(program *p, int operand, int part) {
    if (operand >= CONSTANT) return;
    int *adjoint = operand >= INPUT ? &p->input_adjoint[operand - INPUT] : &p->step_adjoint[operand];
    *adjoint = *adjoint == NONE ? part : binary(p, HAL_EXPR_ADD, *adjoint, part);
}

/* e^(-a^2) 2 / sqrt(pi), the derivative of erf, times g. */
static int erf_back(program *p, int a, int g) {
    int bell = unary(p, HAL_EXPR_EXP, unary(p, HAL_EXPR_NEG, mul(p, a, a)));
    return mul(p, mul(p, g, number(p, 1.1283791670955126)), bell);
}

static int one_minus(program *p, int a) { return binary(p, HAL_EXPR_SUB, number(p, 1.0), a); }

/* Adjoint of the operand of a step with one: g times the derivative at a, written with the result r where
   that is shorter. */
static int unary_back(program *p, uint8_t op, int a, int r, int g) {
    switch (op) {
    case HAL_EXPR_NEG: return unary(p, HAL_EXPR_NEG, g);
    case HAL_EXPR_ABS: {
        int zero = number(p, 0.0), above = binary(p, HAL_EXPR_LT, zero, a),
            below = binary(p, HAL_EXPR_LT, a, zero);
        return mul(p, g, binary(p, HAL_EXPR_SUB, above, below));
    }
    case HAL_EXPR_SQRT: return binary(p, HAL_EXPR_DIV, mul(p, g, number(p, 0.5)), r);
    case HAL_EXPR_RSQRT: return mul(p, mul(p, g, number(p, -0.5)), mul(p, r, mul(p, r, r)));
    case HAL_EXPR_EXP: return mul(p, g, r);
    case HAL_EXPR_LOG: return binary(p, HAL_EXPR_DIV, g, a);
    case HAL_EXPR_SIN: return mul(p, g, unary(p, HAL_EXPR_COS, a));
    case HAL_EXPR_COS: return unary(p, HAL_EXPR_NEG, mul(p, g, unary(p, HAL_EXPR_SIN, a)));
    case HAL_EXPR_TANH: return mul(p, g, one_minus(p, mul(p, r, r)));
    case HAL_EXPR_ERF: return erf_back(p, a, g);
    case HAL_EXPR_SIGMOID: return mul(p, g, mul(p, r, one_minus(p, r)));
    case HAL_EXPR_RECIP: return unary(p, HAL_EXPR_NEG, mul(p, g, mul(p, r, r)));
    case HAL_EXPR_RELU: return binary(p, HAL_EXPR_RELU_GRAD, a, g);
    case HAL_EXPR_SILU: return binary(p, HAL_EXPR_SILU_GRAD, a, g);
    case HAL_EXPR_GELU: return binary(p, HAL_EXPR_GELU_GRAD, a, g);
    case HAL_EXPR_GELU_TANH: return binary(p, HAL_EXPR_GELU_TANH_GRAD, a, g);
    case HAL_EXPR_ROUND: return g;
    default: return NONE; /* floor */
    }
}

/* min and max: the gradient goes to the first operand where it is chosen, else to the second. */
static void choose_back(program *p, int first, int a, int b, int g) {
    flow(p, a, select_step(p, first, g, number(p, 0.0)));
    flow(p, b, select_step(p, first, number(p, 0.0), g));
}

static void pow_back(program *p, int a, int b, int r, int g) {
    int less = binary(p, HAL_EXPR_POW, a, binary(p, HAL_EXPR_SUB, b, number(p, 1.0)));
    flow(p, a, mul(p, g, mul(p, b, less)));
    if (b < CONSTANT) flow(p, b, mul(p, g, mul(p, r, unary(p, HAL_EXPR_LOG, a))));
}

/* Steps with two operands; false where the derivative is not known. */
static bool binary_back(program *p, uint8_t op, int a, int b, int r, int g) {
    switch (op) {
    case HAL_EXPR_ADD: flow(p, a, g); flow(p, b, g); return true;
    case HAL_EXPR_SUB: flow(p, a, g); flow(p, b, unary(p, HAL_EXPR_NEG, g)); return true;
    case HAL_EXPR_MUL: flow(p, a, mul(p, g, b)); flow(p, b, mul(p, g, a)); return true;
    case HAL_EXPR_DIV: {
        int share = binary(p, HAL_EXPR_DIV, g, b);
        flow(p, a, share);
        flow(p, b, unary(p, HAL_EXPR_NEG, mul(p, share, r)));
        return true;
    }
    case HAL_EXPR_MIN: choose_back(p, binary(p, HAL_EXPR_LE, a, b), a, b, g); return true;
    case HAL_EXPR_MAX: choose_back(p, binary(p, HAL_EXPR_LE, b, a), a, b, g); return true;
    case HAL_EXPR_POW: pow_back(p, a, b, r, g); return true;
    case HAL_EXPR_LT: case HAL_EXPR_LE: case HAL_EXPR_EQ: return true;
    case HAL_EXPR_RELU_GRAD: flow(p, b, binary(p, HAL_EXPR_RELU_GRAD, a, g)); return true;
    default: return false;
    }
}

/* The derivative of step i, whose adjoint is g. */
static bool step_back(program *p, const hal_expr_step *s, int i, int g) {
    int a = operand_read(s->a), b = operand_read(s->b), c = operand_read(s->c);
    switch (s->op) {
    case HAL_EXPR_FLOOR: return true;
    case HAL_EXPR_SELECT:
        flow(p, b, select_step(p, a, g, number(p, 0.0)));
        flow(p, c, select_step(p, a, number(p, 0.0), g));
        return true;
    case HAL_EXPR_FMA:
        flow(p, a, mul(p, g, b));
        flow(p, b, mul(p, g, a));
        flow(p, c, g);
        return true;
    default: break;
    }
    if (s->op > HAL_EXPR_ROUND) return binary_back(p, s->op, a, b, i, g);
    flow(p, a, unary_back(p, s->op, a, i, g));
    return true;
}

static void program_begin(program *p, const hal_expr *f, uint32_t have, hal_dtype dtype) {
    *p = (program){.dtype = dtype, .n_constants = (int)f->n_constants, .n_steps = (int)f->n_steps};
    for (uint32_t i = 0; i < f->n_constants; i++) p->constant[i] = f->constant[i];
    for (uint32_t i = 0; i < HAL_EXPR_MAX_STEPS; i++) p->step_adjoint[i] = NONE;
    for (uint32_t i = 0; i < HAL_EXPR_MAX_INPUTS; i++) p->input_adjoint[i] = NONE;
    for (uint32_t i = 0; i < f->n_steps; i++) {
        const hal_expr_step *s = &f->step[i];
        p->step[i] = (program_step){s->op, s->dtype, operand_read(s->a), operand_read(s->b),
                                    operand_read(s->c)};
    }
    for (uint32_t o = 0; o < f->n_outputs; o++)
        if (have >> o & 1u) flow(p, operand_read(f->output[o]), INPUT + (int)(f->n_inputs + o));
}

/* --------------------------------------------------------------------------------------------- writing -- */

static uint32_t operands_of(uint8_t op) {
    return op >= HAL_EXPR_SELECT ? 3 : op > HAL_EXPR_ROUND ? 2 : 1;
}

/* Marks the steps that an operand stands on; operands precede their steps. */
static void used_mark(const program *p, bool *used) {
    for (int i = p->n_steps; i-- > 0;) {
        const int operand[3] = {p->step[i].a, p->step[i].b, p->step[i].c};
        for (uint32_t o = 0; used[i] && o < operands_of(p->step[i].op); o++)
            if (operand[o] < INPUT) used[operand[o]] = true;
    }
}

typedef struct writer { const program *p; hal_expr_gradient *out; int place[MAX_STEPS]; bool full; } writer;

static uint8_t input_write(writer *w, int input) {
    hal_expr *e = &w->out->expr;
    for (uint32_t i = 0; i < e->n_inputs; i++)
        if (w->out->source[i] == input) return (uint8_t)(HAL_EXPR_INPUT + i);
    if (e->n_inputs == HAL_EXPR_MAX_INPUTS) return w->full = true, (uint8_t)HAL_EXPR_INPUT;
    w->out->source[e->n_inputs] = (uint8_t)input;
    return (uint8_t)(HAL_EXPR_INPUT + e->n_inputs++);
}

static uint8_t constant_write(writer *w, double value) {
    hal_expr *e = &w->out->expr;
    for (uint32_t i = 0; i < e->n_constants; i++)
        if (e->constant[i] == value) return (uint8_t)(HAL_EXPR_CONSTANT + i);
    if (e->n_constants == HAL_EXPR_MAX_CONSTANTS) return w->full = true, (uint8_t)HAL_EXPR_CONSTANT;
    e->constant[e->n_constants] = value;
    return (uint8_t)(HAL_EXPR_CONSTANT + e->n_constants++);
}

static uint8_t operand_write(writer *w, int operand) {
    if (operand >= CONSTANT) return constant_write(w, w->p->constant[operand - CONSTANT]);
    if (operand >= INPUT) return input_write(w, operand - INPUT);
    return (uint8_t)w->place[operand];
}

static void step_write(writer *w, int i) {
    hal_expr *e = &w->out->expr;
    const program_step *s = &w->p->step[i];
    if (e->n_steps == HAL_EXPR_MAX_STEPS) {
        w->full = true;
        return;
    }
    uint32_t n = operands_of(s->op);
    hal_expr_step step = {.op = s->op, .dtype = s->dtype, .a = operand_write(w, s->a)};
    if (n > 1) step.b = operand_write(w, s->b);
    if (n > 2) step.c = operand_write(w, s->c);
    w->place[i] = (int)e->n_steps;
    e->step[e->n_steps++] = step;
}

/* Writes what the derivatives need; false when an expression cannot hold it. */
static bool program_write(const program *p, const uint8_t *wrt, uint32_t n_wrt, hal_expr_gradient *result) {
    bool used[MAX_STEPS] = {false};
    writer w = {.p = p, .out = result};
    for (uint32_t k = 0; k < n_wrt; k++) {
        int adjoint = p->input_adjoint[wrt[k]];
        result->flows[k] = adjoint != NONE;
        if (adjoint != NONE && adjoint < INPUT) used[adjoint] = true;
    }
    used_mark(p, used);
    for (int i = 0; i < p->n_steps; i++)
        if (used[i]) step_write(&w, i);
    for (uint32_t k = 0; k < n_wrt; k++)
        if (result->flows[k])
            result->expr.output[result->expr.n_outputs++] = operand_write(&w, p->input_adjoint[wrt[k]]);
    return !w.full && !p->full;
}

hal_status hal_expr_differentiate(const hal_expr *f, uint32_t have, const uint8_t *wrt, uint32_t n_wrt,
                                  hal_dtype dtype, hal_expr_gradient *result) {
    if (f->n_inputs + f->n_outputs > HAL_EXPR_MAX_INPUTS + HAL_EXPR_MAX_OUTPUTS)
        return HAL_FAIL(UNSUPPORTED, "gradient of pointwise: %u inputs are too many", f->n_inputs);
    program *p = hal_allocate(NULL, sizeof *p);
    if (!p) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    program_begin(p, f, have, dtype);
    bool known = true;
    for (int i = (int)f->n_steps; known && i-- > 0;)
        if (p->step_adjoint[i] != NONE) known = step_back(p, &f->step[i], i, p->step_adjoint[i]);
    *result = (hal_expr_gradient){.expr = {.n_inputs = 0}};
    bool fits = known && program_write(p, wrt, n_wrt, result);
    hal_deallocate(NULL, p);
    if (!known)
        return HAL_FAIL(UNSUPPORTED,
                        "gradient of pointwise: a *_grad step has no second derivative; write the step out");
    if (!fits)
        return HAL_FAIL(
            UNSUPPORTED,
            "gradient of pointwise: the derivative exceeds %d steps or %d inputs; split the expression",
            HAL_EXPR_MAX_STEPS, HAL_EXPR_MAX_INPUTS);
    return HAL_OK;
}
