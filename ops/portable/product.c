/* SPDX-License-Identifier: Apache-2.0 */
#include "product.h"

static void lead_make(const hal_portable_call *call, hal_portable_space *lead) {
    hal_portable_operand operand[HAL_PORTABLE_OPERANDS];
    hal_portable_call outer = *call;
    outer.operand = operand;
    for (uint32_t i = 0; i < call->n_in + call->n_out; i++) {
        operand[i] = call->operand[i];
        operand[i].rank = operand[i].rank > 2 ? operand[i].rank - 2 : 0;
    }
    operand[call->n_in].n = 1;
    for (uint32_t d = 0; d < operand[call->n_in].rank; d++) operand[call->n_in].n *= operand[call->n_in].size[d];
    hal_portable_space_make(&outer, &operand[call->n_in], lead);
}

/* Stride of axis `from_end` of an operand, 0 where it repeats. */
static int64_t stride_of(const hal_portable_operand *x, uint32_t from_end) {
    if (from_end > x->rank || x->size[x->rank - from_end] == 1) return 0;
    return x->stride[x->rank - from_end] / (int64_t)x->width;
}

static bool is_transposed(const hal_portable_call *call, uint32_t operand) {
    const hal_matmul_attrs *attrs = call->attrs;
    return operand < 2 && (operand == 0 ? attrs->transpose_a : attrs->transpose_b) != 0;
}

void hal_portable_product_make(const hal_portable_call *call, hal_portable_product *p) {
    const hal_portable_operand *a = &call->operand[0], *c = hal_portable_out(call, 0);
    lead_make(call, &p->lead);
    p->m = c->size[c->rank - 2];
    p->n = c->size[c->rank - 1];
    p->k = a->size[a->rank - (is_transposed(call, 0) ? 2 : 1)];
}

void hal_portable_product_strides(const hal_portable_call *call, uint32_t operand, int64_t *row, int64_t *column) {
    const hal_portable_operand *x = &call->operand[operand];
    const bool turned = is_transposed(call, operand);
    *row = stride_of(x, turned ? 1 : 2);
    *column = stride_of(x, turned ? 2 : 1);
}
