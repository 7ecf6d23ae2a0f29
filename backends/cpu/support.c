/* SPDX-License-Identifier: Apache-2.0 */
/* Which ops have a kernel: by row, by dtype, by layout. */
#include <stdio.h>
#include <string.h>

#include "device.h"

enum { FLOATS = 1, WIDE = 2, INTEGERS = 4, BYTES = 8, ANY = 15 };

static uint32_t class_of(uint32_t dtype) {
    switch (dtype) {
    case HAL_F32: case HAL_F16: case HAL_BF16: return FLOATS;
    case HAL_F64: return WIDE;
    case HAL_F8E4M3: case HAL_F8E5M2: return BYTES;
    default: return hal_element_width(dtype) ? INTEGERS : 0;
    }
}

/* Classes of dtypes an operand of a row may have; the last two are for input and output indices. */
static uint32_t classes_of(uint32_t op) {
    switch (op) {
    case HAL_OP_COPY: case HAL_OP_RESHAPE: case HAL_OP_TRANSPOSE: case HAL_OP_SLICE:
    case HAL_OP_BROADCAST: case HAL_OP_SPLIT:
    case HAL_OP_CONCAT: case HAL_OP_GATHER: case HAL_OP_SET_ROWS: case HAL_OP_EMBEDDING: return ANY;
    case HAL_OP_CAST: case HAL_OP_FILL: case HAL_OP_IOTA: case HAL_OP_POINTWISE: case HAL_OP_REDUCE:
    case HAL_OP_SCAN:
    case HAL_OP_ARG_MAX: case HAL_OP_TOP_K: case HAL_OP_SORT: case HAL_OP_SCATTER_ADD:
    case HAL_OP_MATMUL: case HAL_OP_SQUARE_SUM:
    case HAL_OP_EMBEDDING_GRAD: case HAL_OP_RANDOM: return FLOATS | WIDE | INTEGERS;
    default: return FLOATS;
    }
}

/* Inputs that are indices, counters or positions and so may be integers in a row of floats; a bit an input.
   */
static uint32_t integer_inputs(uint32_t op) {
    switch (op) {
    case HAL_OP_RANDOM: return 1;
    case HAL_OP_ROTARY: case HAL_OP_CROSS_ENTROPY: case HAL_OP_DROPOUT: return 2;
    case HAL_OP_ATTENTION: return 1u << 4;
    case HAL_OP_ATTENTION_GRAD: return 1u << 7;
    case HAL_OP_CROSS_ENTROPY_GRAD: return 1u << 2;
    default: return 0;
    }
}

static bool operand_ok(uint32_t op, uint32_t i, uint32_t n_in, uint32_t dtype) {
    uint32_t classes = classes_of(op);
    if (i < n_in && (integer_inputs(op) >> i & 1)) classes |= INTEGERS;
    if (op == HAL_OP_SAMPLE && i >= n_in) classes |= INTEGERS;
    return (class_of(dtype) & classes) != 0;
}

static bool narrow_steps(const hal_expr *expr) {
    for (uint32_t i = 0; i < expr->n_steps; i++) {
        if (class_of(expr->step[i].dtype) != FLOATS && expr->step[i].dtype != HAL_BOOL) return false;
    }
    return true;
}

/* A matmul in f16, bf16 and f32 mixes freely; f64 and integers have a loop of their own, with an epilogue
   only for f64. */
static const char *check_matmul(const hal_description *d, const hal_description_op *op) {
    const hal_matmul_attrs *attrs = hal_description_attrs(d, op);
    uint32_t a = hal_description_operand(d, op, 0)->dtype, b = hal_description_operand(d, op, 1)->dtype;
    bool floats = class_of(a) == FLOATS && class_of(b) == FLOATS;
    if (attrs->expr.n_outputs == 0 || a == HAL_F64 || b == HAL_F64) return NULL;
    if (!floats) return "an epilogue needs f64, f32, f16 or bf16 inputs";
    if (!narrow_steps(&attrs->expr)) return "an epilogue computes in f32, f16 or bf16";
    for (uint32_t i = 2; i < op->n_in + op->n_out; i++) {
        if (class_of(hal_description_operand(d, op,
            i)->dtype) != FLOATS) return "an epilogue reads and writes f32, f16 or bf16";
    }
    return NULL;
}

static void check_op(const hal_cpu_state *state, const hal_description *d, const hal_description_op *op,
    hal_support_answer *answer) {
    const hal_op_info *info = state->host->op_describe(op->number);
    answer->support = HAL_SUPPORT_NO;
    if (op->number >= HAL_OP_LIMIT || !state->table->prepare[op->number]) {
        snprintf(answer->reason, sizeof answer->reason, "no cpu kernel for operator %s", info ? info->name
            : "of this number");
        return;
    }
    if (state->primitives_only && info && info->kind == HAL_OP_KIND_COMPOSITE) {
        snprintf(answer->reason, sizeof answer->reason, "primitives_only is set and %s is composite",
            info->name);
        return;
    }
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(d, op, i);
        if (t && !operand_ok(op->number, i, op->n_in, t->dtype)) {
            snprintf(answer->reason, sizeof answer->reason, "no cpu kernel for dtype %u of operand %u", t->dtype, i);
            return;
        }
        const char *layout = t ? hal_cpu_layout_check(state, d, op, i) : NULL;
        if (layout) {
            snprintf(answer->reason, sizeof answer->reason, "operand %u: %s", i, layout);
            return;
        }
    }
    const char *reason = op->number == HAL_OP_MATMUL ? check_matmul(d, op) : NULL;
    if (reason) snprintf(answer->reason, sizeof answer->reason, "%s", reason);
    else *answer = (hal_support_answer){.support = HAL_SUPPORT_NATIVE};
}

hal_status hal_cpu_support(void *opaque, const hal_description *program, hal_support_answer *answers) {
    const hal_cpu_device *device = opaque;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        answers[i] = (hal_support_answer){0};
        check_op(device->state, program, &hal_description_ops(program)[i], &answers[i]);
    }
    return HAL_OK;
}

static double tensor_bytes(const hal_description *d, const hal_description_tensor *t) {
    const hal_description_symbol *range = hal_description_symbols(d);
    double n = hal_element_width(t->dtype);
    for (uint32_t i = 0; i < t->rank; i++) {
        hal_dim s = t->size[i];
        n *= (double)(s.base + (s.symbol < 0 ? 0 : s.factor * range[s.symbol].max));
    }
    return n;
}

/* Bytes at a plain memory rate, the inner size of products at a plain arithmetic rate: a guess for want of a
   measurement. */
hal_status hal_cpu_cost(void *opaque, const hal_description *program, hal_cost *cost) {
    double bytes = 0, flops = 0;
    (void)opaque;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const hal_description_op *op = &hal_description_ops(program)[i];
        for (uint32_t o = 0; o < op->n_in + op->n_out; o++) {
            const hal_description_tensor *t = hal_description_operand(program, op, o);
            if (t) bytes += tensor_bytes(program, t);
        }
        const hal_description_tensor *a = op->number == HAL_OP_MATMUL ? hal_description_operand(program, op,
            0) : NULL;
        if (!a || a->rank < 1) continue;
        const hal_matmul_attrs *attrs = hal_description_attrs(program, op);
        uint32_t k = a->rank - (attrs->transpose_a && a->rank > 1 ? 2 : 1);
        flops += tensor_bytes(program, hal_description_operand(program, op,
            op->n_in)) / 2 * (double)a->size[k].base;
    }
    *cost = (hal_cost){bytes / 2e10 + flops / 1e11 + 1e-6 * program->n_ops, bytes, 0.1};
    return HAL_OK;
}
