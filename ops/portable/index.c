/* SPDX-License-Identifier: Apache-2.0 */
/* Rows by index. Kernels: index.cl moves them, scatter.cl adds them up. */
#include "planners.h"
#include "space.h"

#define LEAST 4096                       /* elements that are worth a work-item that is a loop */
#define BLOCK 128                        /* columns that a loop sums at once: BLOCK of scatter.cl */

/* An operand seen as [outer, axis, inner]; mirrors hal_slab of index.cl. */
typedef struct slab { hal_portable_walk outer, inner; int64_t step; } slab;
typedef struct extent { int64_t outer, axis, inner; } extent;

static void walk_make(const hal_portable_operand *x, uint32_t from, uint32_t to, hal_portable_walk *walk) {
    hal_strided view;
    hal_strided_make(x->dtype, to - from, x->size + from, x->stride + from, &view);
    *walk = (hal_portable_walk){.rank = (int32_t)view.rank, .dense = view.dense};
    for (uint32_t d = 0; d < view.rank; d++) {
        walk->size[d] = view.size[d];
        walk->stride[d] = view.stride[d] / (int64_t)x->width;
    }
}

static void pass_slab(hal_portable_call *call, uint32_t operand, uint32_t axis) {
    const hal_portable_operand *x = &call->operand[operand];
    slab s = {.step = x->stride[axis] / (int64_t)x->width};
    walk_make(x, 0, axis, &s.outer);
    walk_make(x, axis + 1, x->rank, &s.inner);
    hal_portable_pass(call, operand);
    hal_portable_pass_bytes(call, &s, sizeof s);
}

static void pass_flat(hal_portable_call *call, uint32_t operand) {
    hal_portable_pass(call, operand);
    hal_portable_pass_walk(call, &call->operand[operand].flat);
}

static extent extent_of(const hal_portable_operand *x, uint32_t axis) {
    extent e = {1, x->size[axis], 1};
    for (uint32_t d = 0; d < axis; d++) e.outer *= x->size[d];
    for (uint32_t d = axis + 1; d < x->rank; d++) e.inner *= x->size[d];
    return e;
}

/* dtype of the indices, sizes, and the extent of the launch. */
static void pass_rows(hal_portable_call *call, uint32_t index, extent e, int64_t run, int64_t total) {
    hal_portable_pass_int(call, call->operand[index].dtype == HAL_I64);
    hal_portable_pass_long(call, e.axis);
    hal_portable_pass_long(call, call->operand[index].n);
    hal_portable_pass_long(call, e.inner);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, total);
}

void hal_portable_plan_gather(hal_portable_call *call) {
    const hal_portable_operand *x = &call->operand[0], *y = hal_portable_out(call, 0);
    const uint32_t axis = call->op == HAL_OP_GATHER ? hal_portable_axis(((const hal_gather_attrs *)call->attrs)->axis, x->rank) : 0;
    const uint32_t program = hal_portable_use(call, "index", NULL, "W=%u", y->width);
    const int64_t run = hal_portable_run(call->traits, y->n, LEAST);
    if (y->n == 0) return;
    hal_portable_launch_runs(call, program, "gather", y->n, run);
    pass_slab(call, 0, axis);
    pass_flat(call, 1);
    pass_flat(call, 2);
    pass_rows(call, 1, extent_of(x, axis), run, y->n);
}

/* ------------------------------------------------------------------------------------------------- set_rows */

static void launch_base(hal_portable_call *call, uint32_t program, uint64_t owner, int64_t rows) {
    const int64_t n = call->operand[0].n, run = hal_portable_run(call->traits, n, LEAST);
    hal_portable_launch_runs(call, program, "set_base", n, run);
    pass_flat(call, 0);
    pass_flat(call, 3);
    hal_portable_pass_scratch(call, owner);
    hal_portable_pass_long(call, rows);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, n);
}

static void launch_owner(hal_portable_call *call, uint32_t program, uint64_t owner, int64_t rows) {
    const int64_t n = call->operand[2].n;
    hal_portable_launch_runs(call, program, "set_owner", n, 1);
    pass_flat(call, 2);
    hal_portable_pass_scratch(call, owner);
    hal_portable_pass_int(call, call->operand[2].dtype == HAL_I64);
    hal_portable_pass_long(call, rows);
    hal_portable_pass_long(call, n);
}

void hal_portable_plan_set_rows(hal_portable_call *call) {
    const hal_portable_operand *y = hal_portable_out(call, 0), *rows = &call->operand[1];
    const uint32_t axis = hal_portable_axis(((const hal_set_rows_attrs *)call->attrs)->axis, y->rank);
    const uint32_t program = hal_portable_use(call, "index", NULL, "W=%u", y->width);
    const extent e = extent_of(y, axis);
    const int64_t run = hal_portable_run(call->traits, rows->n, LEAST);
    if (y->n == 0) return;
    const uint64_t owner = hal_portable_scratch(call, (uint64_t)e.axis * sizeof(int32_t));
    launch_base(call, program, owner, e.axis);
    if (rows->n == 0) return;
    launch_owner(call, program, owner, e.axis);
    hal_portable_launch_runs(call, program, "set_rows", rows->n, run);
    pass_slab(call, 1, axis);
    pass_flat(call, 2);
    pass_slab(call, 3, axis);
    hal_portable_pass_scratch(call, owner);
    pass_rows(call, 2, e, run, rows->n);
}

/* ---------------------------------------------------------------------------------- scatter_add, embedding_grad */

static void launch_lists(hal_portable_call *call, uint32_t program, uint32_t index, uint64_t lists, int64_t rows) {
    const int64_t n = call->operand[index].n;
    if (!call->traits->wide) {
        hal_portable_launch_runs(call, program, "scatter_clear", rows, 1);
        hal_portable_pass_scratch(call, lists);
        hal_portable_pass_long(call, rows);
    }
    if (n == 0 && !call->traits->wide) return;
    hal_portable_launch_runs(call, program, "scatter_lists", call->traits->wide ? 1 : n, 1);
    pass_flat(call, index);
    hal_portable_pass_scratch(call, lists);
    hal_portable_pass_int(call, call->operand[index].dtype == HAL_I64);
    hal_portable_pass_long(call, rows);
    hal_portable_pass_long(call, n);
}

static char letter(const hal_portable_traits *traits, uint32_t dtype) {
    const bool small = dtype == HAL_F32 || dtype == HAL_F16 || dtype == HAL_BF16;
    return traits->fp64 ? 'd' : small ? 'f' : 'l';
}

/* `base`: the operand that y begins as, or `update` and has_base 0. */
static void plan_scatter(hal_portable_call *call, uint32_t base, bool has_base, uint32_t index, uint32_t update) {
    const hal_portable_operand *y = hal_portable_out(call, 0);
    if (y->n == 0) return;
    const int64_t rows = y->size[0], columns = y->n / rows, block = call->traits->wide ? BLOCK : 1;
    const int64_t total = rows * ((columns + block - 1) / block);
    const int64_t run = hal_portable_run(call->traits, total, 1 + LEAST / (columns < block ? columns : block));
    const uint32_t program = hal_portable_use(call, "scatter", NULL, "T=%s IN=%c", hal_portable_type(y->dtype),
        letter(call->traits, y->dtype));
    const uint64_t lists = hal_portable_scratch(call, (uint64_t)(rows + call->operand[index].n) * sizeof(int32_t));
    launch_lists(call, program, index, lists, rows);
    hal_portable_launch_runs(call, program, "scatter_add", total, run);
    pass_flat(call, base);
    hal_portable_pass_int(call, has_base);
    pass_flat(call, update);
    hal_portable_pass_scratch(call, lists);
    pass_flat(call, call->n_in);
    hal_portable_pass_long(call, rows);
    hal_portable_pass_long(call, columns);
    hal_portable_pass_long(call, block);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, total);
}

void hal_portable_plan_scatter_add(hal_portable_call *call) {
    plan_scatter(call, 0, true, 1, 2);
}

void hal_portable_plan_embedding_grad(hal_portable_call *call) {
    plan_scatter(call, 0, false, 1, 0);
}
