/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise expressions over f64 and integers: one lane at a time through the C library. */
#include <math.h>

#include "expr.h"

static double sigmoid(double a) { return a < 0 ? exp(a) / (1 + exp(a)) : 1 / (1 + exp(-a)); }
static double normal(double a) { return 0.5 * erfc(-a * 0.70710678118654752440); }
static double tanh_gate(double a) { return sigmoid(1.5957691216057307117 * (a + 0.044715 * a * a * a)); }

static double unary(uint8_t op, double a) {
    switch (op) {
    case HAL_EXPR_NEG: return -a;
    case HAL_EXPR_ABS: return fabs(a);
    case HAL_EXPR_SQRT: return sqrt(a);
    case HAL_EXPR_RSQRT: return 1 / sqrt(a);
    case HAL_EXPR_EXP: return exp(a);
    case HAL_EXPR_LOG: return log(a);
    case HAL_EXPR_SIN: return sin(a);
    case HAL_EXPR_COS: return cos(a);
    case HAL_EXPR_TANH: return tanh(a);
    case HAL_EXPR_ERF: return erf(a);
    case HAL_EXPR_SIGMOID: return sigmoid(a);
    case HAL_EXPR_FLOOR: return floor(a);
    case HAL_EXPR_RECIP: return 1 / a;
    case HAL_EXPR_RELU: return a < 0 ? 0 : a;
    case HAL_EXPR_SILU: return a * sigmoid(a);
    case HAL_EXPR_GELU: return a * normal(a);
    case HAL_EXPR_GELU_TANH: return a * tanh_gate(a);
    default: return a;
    }
}

static double gelu_tanh_slope(double a) {
    double s = tanh_gate(a);
    return s + a * 1.5957691216057307117 * (1 + 0.134145 * a * a) * s * (1 - s);
}

static double silu_slope(double a) {
    double s = sigmoid(a);
    return s + a * s * (1 - s);
}

static double binary(uint8_t op, double a, double b) {
    switch (op) {
    case HAL_EXPR_ADD: return a + b;
    case HAL_EXPR_SUB: return a - b;
    case HAL_EXPR_MUL: return a * b;
    case HAL_EXPR_DIV: return a / b;
    case HAL_EXPR_MIN: return a != a ? a : b != b ? b : a < b ? a : b;
    case HAL_EXPR_MAX: return a != a ? a : b != b ? b : a > b ? a : b;
    case HAL_EXPR_POW: return pow(a, b);
    case HAL_EXPR_LT: return a < b;
    case HAL_EXPR_LE: return a <= b;
    case HAL_EXPR_EQ: return a == b;
    case HAL_EXPR_RELU_GRAD: return a > 0 ? b : 0;
    case HAL_EXPR_SILU_GRAD: return b * silu_slope(a);
    case HAL_EXPR_GELU_GRAD: return b * (normal(a) + a * 0.39894228040143267794 * exp(-0.5 * a * a));
    case HAL_EXPR_GELU_TANH_GRAD: return b * gelu_tanh_slope(a);
    default: return a;
    }
}

static double round_lane(uint32_t dtype, double v) {
    char element[8];
    if (dtype == HAL_F64) return v;
    if (dtype == HAL_F32) return (double)(float)v;
    hal_store_double(dtype, element, v);
    return hal_load_double(dtype, element);
}

static const double *lanes_of(const hal_vm *vm, const double *registers, const double *const *in,
    uint8_t code) {
    if (code >= HAL_EXPR_CONSTANT)
        return registers + (size_t)(vm->n_slots + code - HAL_EXPR_CONSTANT) * HAL_LANES;
    if (code >= HAL_EXPR_INPUT) return in[code - HAL_EXPR_INPUT];
    return registers + (size_t)vm->slot[code] * HAL_LANES;
}

static bool has_one_operand(uint8_t op) { return op <= HAL_EXPR_ROUND; }

static void run_step(const hal_expr_step *step, double *d, const double *a, const double *b, const double *c,
    int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        double v;
        if (step->op == HAL_EXPR_SELECT) v = a[i] != 0 ? b[i] : c[i];
        else if (step->op == HAL_EXPR_FMA) v = fma(a[i], b[i], c[i]);
        else if (has_one_operand(step->op)) v = unary(step->op, a[i]);
        else v = binary(step->op, a[i], b[i]);
        d[i] = round_lane(step->dtype, v);
    }
}

void hal_vm_run_double(const hal_vm *vm, void *registers, const double *const *in, int64_t n,
    const double **out) {
    const hal_expr *e = vm->expr;
    double *r = registers;
    for (uint32_t s = 0; s < e->n_steps; s++) {
        const hal_expr_step *step = &e->step[s];
        const double *a = lanes_of(vm, r, in, step->a);
        const double *b = has_one_operand(step->op) ? a : lanes_of(vm, r, in, step->b);
        const double *c = step->op >= HAL_EXPR_SELECT ? lanes_of(vm, r, in, step->c) : a;
        run_step(step, r + (size_t)vm->slot[s] * HAL_LANES, a, b, c, n);
    }
    for (uint32_t o = 0; o < e->n_outputs; o++) out[o] = lanes_of(vm, r, in, e->output[o]);
}
