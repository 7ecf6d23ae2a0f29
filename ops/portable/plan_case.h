/* SPDX-License-Identifier: Apache-2.0 */
/* A case of the operator table as a call for a planner: dense operands of the sizes that the case has. */
#ifndef HAL_OPS_PORTABLE_PLAN_CASE_H
#define HAL_OPS_PORTABLE_PLAN_CASE_H

#include <hal/ops.h>

#include "planners.h"

enum { PLAN_OPERANDS = 32 };

static inline void plan_operand(const hal_shape *shape, hal_portable_operand *o) {
    *o = (hal_portable_operand){.dtype = shape->dtype, .width = hal_element_width(shape->dtype), .rank = shape->rank, .n = 1};
    for (uint32_t d = shape->rank; d-- > 0;) {
        o->size[d] = hal_dim_value(shape->size[d], NULL);
        o->stride[d] = o->n * (int64_t)o->width;
        o->n *= o->size[d];
    }
    hal_strided_make(o->dtype, o->rank, o->size, o->stride, &o->flat);
}

/* The call and the operands it stands on; what it holds is the caller's to clear. False: out of memory. */
static inline bool plan_case(const hal_portable_traits *traits, const hal_case *c, hal_portable_operand *operand,
                             hal_portable_call *call) {
    *call = (hal_portable_call){.traits = traits, .op = c->op, .n_in = c->n_in, .n_out = c->n_out, .attrs = c->attrs,
                                .operand = operand};
    for (uint32_t i = 0; i < c->n_in; i++) plan_operand(&c->in[i], &operand[i]);
    for (uint32_t i = 0; i < c->n_out; i++) plan_operand(&c->out[i], &operand[c->n_in + i]);
    return hal_portable_plan(call);
}

/* Whether the case is for kernels of this row: others are decomposed, or refused. */
static inline bool plan_computes(const hal_portable_traits *traits, const hal_case *c) {
    for (uint32_t i = 0; i < c->n_in + c->n_out; i++) {
        const uint32_t dtype = i < c->n_in ? c->in[i].dtype : c->out[i - c->n_in].dtype;
        if (dtype != HAL_NO_DTYPE && !hal_portable_takes(traits, c->op, i, dtype)) return false;
    }
    return true;
}

#endif
