/* SPDX-License-Identifier: Apache-2.0 */
/* Cross entropy out of reduce and pointwise; the target is picked by comparing it with the numbers of the
   classes. */
#include "builder.h"

/* Targets as [..., 1] and the class numbers. Indices are compared as integers. */
typedef struct classes { hal_value target, number, valid, counted; hal_dtype wide; } classes;

static classes classes_of(hal_graph *g, hal_value logits, hal_value targets) {
    hal_shape x = hal_build_shape(logits);
    uint32_t last = x.rank - 1;
    classes c = {.wide = hal_dtype_accumulate(x.dtype), .target = hal_build_append_one(g, targets)};
    c.number = hal_build_positions(g, logits, last, HAL_I32);
    hal_value in[2] = {c.target, hal_build_size(g, logits, last, HAL_I64)};
    c.valid = hal_build_pointwise(g, c.wide, in, 2, "mul(le:i64(0, x0), lt:i64(x0, x1))");
    c.counted = hal_build_reduce(g, c.valid, HAL_REDUCE_SUM, 0, NULL, false);
    return c;
}

hal_status hal_op_decompose_cross_entropy(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value x = call->in[0];
    classes c = classes_of(g, x, call->in[1]);
    hal_value max = hal_build_reduce_last(g, x, HAL_REDUCE_MAX);
    hal_value sum = hal_build_pointwise(g, c.wide, (hal_value[]){x, max}, 2, "exp(sub(x0, x1))");
    sum = hal_build_reduce_last(g, sum, HAL_REDUCE_SUM);
    hal_value lse = hal_build_pointwise(g, c.wide, (hal_value[]){max, sum}, 2, "add(x0, log(x1))");
    hal_value picked = hal_build_pointwise(g, c.wide, (hal_value[]){x, c.number, c.target}, 3,
                                           "select(eq:i64(x1, x2), x0, 0)");
    picked = hal_build_reduce_last(g, picked, HAL_REDUCE_SUM);
    hal_value loss = hal_build_pointwise(g, c.wide, (hal_value[]){lse, picked, c.valid}, 3,
                                         "select(x2, sub(x0, x1), 0)");
    loss = hal_build_reduce(g, loss, HAL_REDUCE_SUM, 0, NULL, false);
    call->out[0] = hal_build_pointwise(g, c.wide, (hal_value[]){loss, c.counted}, 2,
                                       "select(x1, div(x0, x1), 0)");
    call->out[1] = hal_build_drop_last(g, lse);
    return hal_graph_status(g);
}

hal_status hal_op_decompose_cross_entropy_grad(const hal_decompose_call *call) {
    hal_graph *g = call->graph;
    hal_value x = call->in[1];
    classes c = classes_of(g, x, call->in[2]);
    hal_value factor = hal_build_pointwise(g, c.wide, (hal_value[]){call->in[0], c.counted}, 2,
                                           "select(x1, div(x0, x1), 0)");
    hal_value in[6] = {x, hal_build_append_one(g, call->in[3]), c.number, c.target, c.valid, factor};
    call->out[0] = hal_build_pointwise(g, c.wide, in, 6,
                                       "select(x4, mul(x5, sub(exp(sub(x0, x1)), eq:i64(x2, x3))), 0):%s",
                                       hal_build_dtype_name(x));
    return hal_graph_status(g);
}
