/* SPDX-License-Identifier: Apache-2.0 */
/* Rows that move elements: every one is a copy between two views, or a few of them. Kernels: move.cl. */
#include <string.h>

#include "ops/kernel/element.h"
#include "planners.h"
#include "space.h"

#define RUN_LEAST 4096                   /* elements that are worth a work-item that is a loop */

/* `n` elements of input `in`, from `from_bytes` on, to output `out`. */
static void move(hal_portable_call *call, uint32_t in, const hal_strided *from, int64_t from_bytes, uint32_t out,
    const hal_strided *to, int64_t to_bytes, int64_t n) {
    const uint32_t program = hal_portable_use(call, "move", NULL, "W=%u", to->width);
    const int64_t run = hal_portable_run(call->traits, n, RUN_LEAST);
    const bool dense = from->dense && to->dense;
    if (n == 0) return;
    hal_portable_launch_runs(call, program, dense ? "move_dense" : "move_strided", n, run);
    hal_portable_pass_from(call, in, from_bytes);
    hal_portable_pass_from(call, call->n_in + out, to_bytes);
    if (!dense) {
        hal_portable_pass_walk(call, from);
        hal_portable_pass_walk(call, to);
    }
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, n);
}

/* The whole of output 0 from input 0 read with these strides. */
static void move_all(hal_portable_call *call, const int64_t *stride, int64_t from_bytes) {
    const hal_portable_operand *y = hal_portable_out(call, 0);
    hal_strided from;
    hal_strided_make(y->dtype, y->rank, y->size, stride, &from);
    move(call, 0, &from, from_bytes, 0, &y->flat, 0, y->n);
}

void hal_portable_plan_copy(hal_portable_call *call) {
    const hal_portable_operand *y = hal_portable_out(call, 0);
    move(call, 0, &call->operand[0].flat, 0, 0, &y->flat, 0, y->n);
}

void hal_portable_plan_transpose(hal_portable_call *call) {
    const hal_transpose_attrs *attrs = call->attrs;
    const hal_portable_operand *x = &call->operand[0];
    int64_t stride[HAL_MAX_RANK];
    for (uint32_t d = 0; d < x->rank; d++) {
        const int64_t from = attrs->perm.n ? attrs->perm.v[d] : (int64_t)(x->rank - 1 - d);
        stride[d] = x->stride[from < 0 ? from + (int64_t)x->rank : from];
    }
    move_all(call, stride, 0);
}

void hal_portable_plan_slice(hal_portable_call *call) {
    const hal_slice_attrs *attrs = call->attrs;
    const hal_portable_operand *x = &call->operand[0];
    const uint32_t axis = hal_portable_axis(attrs->axis, x->rank);
    int64_t stride[HAL_MAX_RANK];
    memcpy(stride, x->stride, sizeof stride);
    stride[axis] *= attrs->step;
    move_all(call, stride, attrs->start * x->stride[axis]);
}

void hal_portable_plan_broadcast(hal_portable_call *call) {
    const hal_portable_operand *x = &call->operand[0], *y = hal_portable_out(call, 0);
    hal_strided from;
    hal_strided_broadcast(x->dtype, x->rank, x->size, x->stride, y->rank, y->size, &from);
    move(call, 0, &from, 0, 0, &y->flat, 0, y->n);
}

void hal_portable_plan_split(hal_portable_call *call) {
    const hal_split_attrs *attrs = call->attrs;
    const hal_portable_operand *x = &call->operand[0];
    const uint32_t axis = hal_portable_axis(attrs->axis, x->rank);
    for (uint32_t i = 0; i < call->n_out; i++) {
        const hal_portable_operand *y = hal_portable_out(call, i);
        hal_strided from;
        hal_strided_make(x->dtype, y->rank, y->size, x->stride, &from);
        move(call, 0, &from, (int64_t)i * y->size[axis] * x->stride[axis], i, &y->flat, 0, y->n);
    }
}

void hal_portable_plan_concat(hal_portable_call *call) {
    const hal_concat_attrs *attrs = call->attrs;
    const hal_portable_operand *y = hal_portable_out(call, 0);
    const uint32_t axis = hal_portable_axis(attrs->axis, y->rank);
    int64_t at = 0;
    for (uint32_t i = 0; i < call->n_in; i++) {
        const hal_portable_operand *x = &call->operand[i];
        hal_strided to;
        hal_strided_make(y->dtype, x->rank, x->size, y->stride, &to);
        move(call, i, &x->flat, 0, 0, &to, at * y->stride[axis], x->n);
        at += x->size[axis];
    }
}

void hal_portable_plan_fill(hal_portable_call *call) {
    const hal_portable_operand *y = hal_portable_out(call, 0);
    const uint32_t program = hal_portable_use(call, "move", NULL, "W=%u", y->width);
    const int64_t run = hal_portable_run(call->traits, y->n, RUN_LEAST);
    uint64_t bits = 0;
    hal_store_double(y->dtype, (char *)&bits, ((const hal_fill_attrs *)call->attrs)->value);
    if (y->n == 0) return;
    hal_portable_launch_runs(call, program, "fill", y->n, run);
    hal_portable_pass(call, 0);
    hal_portable_pass_walk(call, &y->flat);
    hal_portable_pass_long(call, (int64_t)bits);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, y->n);
}
