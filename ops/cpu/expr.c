/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise expressions: see expr.h. Each step computes in float (double when wide) and is rounded to its
   dtype. */
#include "expr.h"

#include "vector_math.h"

static uint32_t operands_of(uint8_t op) {
    switch (op) {
#define HAL_EXPR(number, ID, name, operands, maths) case number: return operands;
#include <ops/expr.def>
    default: return 0;
    }
}

static bool needs_double(uint32_t dtype) {
    return dtype == HAL_F64 || dtype == HAL_I64 || dtype == HAL_I32 || dtype == HAL_U32;
}

static bool step_needs_double(uint32_t dtype) {
    return !hal_dtype_is_small_float(dtype) && dtype != HAL_BOOL;
}

static void mark_use(uint8_t *last, uint8_t code, uint32_t step) {
    if (code < HAL_EXPR_INPUT) last[code] = (uint8_t)step;
}

/* last[s]: the last step that reads step s; outputs live to the end. */
static void find_last_uses(const hal_expr *e, uint8_t *last) {
    for (uint32_t s = 0; s < e->n_steps; s++) {
        uint32_t n = operands_of(e->step[s].op);
        last[s] = (uint8_t)s;
        if (n > 0) mark_use(last, e->step[s].a, s);
        if (n > 1) mark_use(last, e->step[s].b, s);
        if (n > 2) mark_use(last, e->step[s].c, s);
    }
    for (uint32_t o = 0; o < e->n_outputs; o++) mark_use(last, e->output[o], HAL_EXPR_MAX_STEPS);
}

static void assign_slots(hal_vm *vm, const uint8_t *last) {
    uint8_t free_from[HAL_EXPR_MAX_STEPS] = {0};
    for (uint32_t s = 0; s < vm->expr->n_steps; s++) {
        uint32_t slot = 0;
        while (free_from[slot] > s) slot++;
        vm->slot[s] = (uint8_t)slot;
        free_from[slot] = last[s] > s ? last[s] : (uint8_t)(s + 1);
        if (slot >= vm->n_slots) vm->n_slots = slot + 1;
    }
}

void hal_vm_prepare(hal_vm *vm, const hal_expr *expr, const uint32_t *dtype) {
    uint8_t last[HAL_EXPR_MAX_STEPS] = {0};
    *vm = (hal_vm){.expr = expr};
    for (uint32_t i = 0; i < expr->n_inputs; i++) vm->wide |= needs_double(dtype[i]);
    for (uint32_t s = 0; s < expr->n_steps; s++) vm->wide |= step_needs_double(expr->step[s].dtype);
    find_last_uses(expr, last);
    assign_slots(vm, last);
    vm->direct = expr->n_steps > 0 && expr->output[0] == expr->n_steps - 1;
    for (uint32_t o = 1; o < expr->n_outputs; o++) vm->direct &= expr->output[o] < HAL_EXPR_INPUT;
}

void hal_vm_begin(const hal_vm *vm, void *registers) {
    for (uint32_t c = 0; c < vm->expr->n_constants; c++) {
        size_t at = (size_t)(vm->n_slots + c) * HAL_LANES;
        for (uint32_t i = 0; i < HAL_LANES; i++) {
            if (vm->wide) ((double *)registers)[at + i] = vm->expr->constant[c];
            else ((float *)registers)[at + i] = (float)vm->expr->constant[c];
        }
    }
}

static float pick_nan(float a, float b, float otherwise) { return a != a ? a : b != b ? b : otherwise; }

/* sin and cos: all lanes at once, then the few that are too large, or not finite, by the C library. */
static void sin_loop(float *d, const float *a, int64_t n, uint64_t quarter) {
    bool large = false;
    float kept[HAL_LANES];
    for (int64_t i = 0; i < n; i++) {
        kept[i] = a[i];
        large |= !(fabsf(a[i]) < HAL_SIN_LIMIT);
    }
    for (int64_t i = 0; i < n; i++) {
        float safe = fabsf(kept[i]) < HAL_SIN_LIMIT ? kept[i] : 0.0f;
        d[i] = hal_sin_wide((double)safe, quarter);
    }
    for (int64_t i = 0; large && i < n; i++) {
        if (!(fabsf(kept[i]) < HAL_SIN_LIMIT)) d[i] = quarter ? cosf(kept[i]) : sinf(kept[i]);
    }
}

#define LOOP(expression) \
    HAL_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { float x = a[i]; d[i] = (expression); } break

static void unary(uint8_t op, float *d, const float *a, int64_t n) {
    switch (op) {
    case HAL_EXPR_NEG: LOOP(-x);
    case HAL_EXPR_ABS: LOOP(fabsf(x));
    case HAL_EXPR_SQRT: LOOP(sqrtf(x));
    case HAL_EXPR_RSQRT: LOOP(1.0f / sqrtf(x));
    case HAL_EXPR_EXP: LOOP(hal_f_exp(x));
    case HAL_EXPR_LOG: LOOP(hal_f_log(x));
    case HAL_EXPR_SIN: sin_loop(d, a, n, 0); break;
    case HAL_EXPR_COS: sin_loop(d, a, n, 1); break;
    case HAL_EXPR_TANH: LOOP(hal_f_tanh(x));
    case HAL_EXPR_ERF: LOOP(hal_f_erf(x));
    case HAL_EXPR_SIGMOID: LOOP(hal_f_sigmoid(x));
    case HAL_EXPR_FLOOR: LOOP(floorf(x));
    case HAL_EXPR_RECIP: LOOP(1.0f / x);
    case HAL_EXPR_RELU: LOOP(x < 0.0f ? 0.0f : x);
    case HAL_EXPR_SILU: LOOP(hal_f_silu(x));
    case HAL_EXPR_GELU: LOOP(hal_f_gelu(x));
    case HAL_EXPR_GELU_TANH: LOOP(hal_f_gelu_tanh(x));
    default: LOOP(x);
    }
}
#undef LOOP

#define LOOP(expression) \
    HAL_VECTOR_LOOP for (int64_t i = 0; i < n; i++) { float x = a[i], y = b[i]; d[i] = (expression); } break

static void binary(uint8_t op, float *d, const float *a, const float *b, int64_t n) {
    switch (op) {
    case HAL_EXPR_ADD: LOOP(x + y);
    case HAL_EXPR_SUB: LOOP(x - y);
    case HAL_EXPR_MUL: LOOP(x * y);
    case HAL_EXPR_DIV: LOOP(x / y);
    case HAL_EXPR_MIN: LOOP(pick_nan(x, y, x < y ? x : y));
    case HAL_EXPR_MAX: LOOP(pick_nan(x, y, x > y ? x : y));
    case HAL_EXPR_POW: for (int64_t i = 0; i < n; i++) d[i] = (float)pow((double)a[i], (double)b[i]); break;
    case HAL_EXPR_LT: LOOP(x < y ? 1.0f : 0.0f);
    case HAL_EXPR_LE: LOOP(x <= y ? 1.0f : 0.0f);
    case HAL_EXPR_EQ: LOOP(x == y ? 1.0f : 0.0f);
    case HAL_EXPR_RELU_GRAD: LOOP(x > 0.0f ? y : 0.0f);
    case HAL_EXPR_SILU_GRAD: LOOP(hal_f_silu_grad(x, y));
    case HAL_EXPR_GELU_GRAD: LOOP(hal_f_gelu_grad(x, y));
    case HAL_EXPR_GELU_TANH_GRAD: LOOP(hal_f_gelu_tanh_grad(x, y));
    default: break;
    }
}
#undef LOOP

static void ternary(uint8_t op, float *d, const float *a, const float *b, const float *c, int64_t n) {
    if (op == HAL_EXPR_SELECT) {
        HAL_VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) d[i] = a[i] != 0.0f ? b[i] : c[i];
    } else {
        HAL_VECTOR_LOOP
        for (int64_t i = 0; i < n; i++) d[i] = hal_fma_rest(a[i], b[i], c[i]);
    }
}

static void round_lanes(uint32_t dtype, float *d, int64_t n) {
    if (dtype == HAL_BF16) {
        for (int64_t i = 0; i < n; i++) d[i] = hal_bf16_load(hal_bf16_round(d[i]));
    } else if (dtype == HAL_F16) {
        for (int64_t i = 0; i < n; i++) d[i] = hal_f16_load(hal_f16_round(d[i]));
    } else if (dtype == HAL_BOOL) {
        for (int64_t i = 0; i < n; i++) d[i] = d[i] != 0.0f ? 1.0f : 0.0f;
    }
}

static const float *lanes_of(const hal_vm *vm, const float *registers, const float *const *in,
    const float *last, uint8_t code) {
    if (code >= HAL_EXPR_CONSTANT)
        return registers + (size_t)(vm->n_slots + code - HAL_EXPR_CONSTANT) * HAL_LANES;
    if (code >= HAL_EXPR_INPUT) return in[code - HAL_EXPR_INPUT];
    if (last && code == vm->expr->n_steps - 1) return last;
    return registers + (size_t)vm->slot[code] * HAL_LANES;
}

void hal_vm_run(const hal_vm *vm, void *registers, const float *const *in, int64_t n, float *target,
    const float **out) {
    const hal_expr *e = vm->expr;
    float *r = registers, *last = vm->direct ? target : NULL;
    for (uint32_t s = 0; s < e->n_steps; s++) {
        const hal_expr_step *step = &e->step[s];
        float *d = last && s == e->n_steps - 1 ? last : r + (size_t)vm->slot[s] * HAL_LANES;
        uint32_t count = operands_of(step->op);
        const float *a = lanes_of(vm, r, in, NULL, step->a);
        if (count == 1) unary(step->op, d, a, n);
        else if (count == 2) binary(step->op, d, a, lanes_of(vm, r, in, NULL, step->b), n);
        else ternary(step->op, d, a, lanes_of(vm, r, in, NULL, step->b), lanes_of(vm, r, in, NULL, step->c),
            n);
        if (step->dtype != HAL_F32) round_lanes(step->dtype, d, n);
    }
    for (uint32_t o = 0; o < e->n_outputs; o++) out[o] = lanes_of(vm, r, in, last, e->output[o]);
}
