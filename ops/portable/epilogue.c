/* SPDX-License-Identifier: Apache-2.0 */
/* The expression of a matmul whose product is in scratch memory already: the kernel of pointwise expressions. */
#include "expr.h"
#include "product.h"

/* x0, then what the expression reads besides, then the outputs. */
static uint32_t operands_of(const hal_portable_call *call, uint32_t dtype, hal_portable_operand *operand) {
    const hal_portable_operand *shape = hal_portable_out(call, 0);
    uint32_t n = 1;
    operand[0] = (hal_portable_operand){.dtype = dtype, .width = hal_element_width(dtype), .rank = shape->rank, .n = 1};
    for (uint32_t d = shape->rank; d-- > 0;) {
        operand[0].size[d] = shape->size[d];
        operand[0].stride[d] = operand[0].n * (int64_t)operand[0].width;
        operand[0].n *= shape->size[d];
    }
    for (uint32_t i = 2; i < call->n_in + call->n_out; i++) operand[n++] = call->operand[i];
    return n;
}

static void pass_operand(hal_portable_call *call, const hal_portable_space *s, const hal_portable_operand *operand,
                         uint32_t i, uint64_t at) {
    const int64_t from = hal_portable_space_begin(s, i);
    if (i == 0) hal_portable_pass_scratch(call, at + (uint64_t)from);
    else hal_portable_pass_from(call, i + 1, from);
    hal_portable_pass_strides(call, s, i, operand[i].width);
}

void hal_portable_plan_epilogue(hal_portable_call *call, uint32_t product, uint64_t at) {
    const hal_expr *e = &((const hal_matmul_attrs *)call->attrs)->expr;
    hal_portable_operand operand[HAL_PORTABLE_OPERANDS];
    uint32_t dtype[HAL_PORTABLE_OPERANDS];
    const uint32_t n = operands_of(call, product, operand);
    const hal_portable_call joined = {.traits = call->traits, .n_in = n - call->n_out, .n_out = call->n_out,
        .operand = operand};
    hal_portable_space s;
    for (uint32_t i = 0; i < n; i++) dtype[i] = operand[i].dtype;
    hal_portable_space_make(&joined, hal_portable_out(&joined, 0), &s);
    const uint32_t program = hal_portable_use(call, "pointwise", hal_portable_expr_text(call, e, dtype), "%s", "");
    for (bool more = s.n > 0; more; more = hal_portable_space_next(&s)) {
        hal_portable_launch_space(call, program, "pointwise", &s);
        for (uint32_t i = 0; i < n; i++) pass_operand(call, &s, operand, i, at);
        hal_portable_pass_bytes(call, s.inner, sizeof s.inner);
        hal_portable_pass_expr(call, e, dtype);
        hal_portable_pass_long(call, s.run);
        hal_portable_pass_long(call, s.total);
    }
}
