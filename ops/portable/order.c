/* SPDX-License-Identifier: Apache-2.0 */
/* Order along the innermost axis. Kernels: order.cl. */
#include "planners.h"
#include "space.h"

#define FEW 64                           /* so many first are found by insertion */
#define GROUPS_PER_UNIT 8

static int64_t inner_size(const hal_portable_operand *x) { return x->rank ? x->size[x->rank - 1] : 1; }

static uint32_t use(hal_portable_call *call, const char *more) {
    const uint32_t dtype = call->operand[0].dtype;
    return hal_portable_use(call, "order", NULL, "T=%s IN=%c%s", hal_portable_type(dtype), hal_portable_letter(dtype), more);
}

/* `groups` groups, or work-items that are loops. */
static void launch(hal_portable_call *call, uint32_t program, const char *entry, int64_t groups) {
    const int64_t size = call->traits->wide ? 1 : hal_portable_group_size(call->traits);
    hal_portable_launch_add(call, program, entry, (uint64_t)(groups * size), 1, 1);
    hal_portable_group(call, (uint64_t)size, 1, 1);
}

static void pass_flat(hal_portable_call *call, uint32_t operand) {
    hal_portable_pass(call, operand);
    hal_portable_pass_walk(call, &call->operand[operand].flat);
}

void hal_portable_plan_arg_max(hal_portable_call *call) {
    const hal_portable_operand *x = &call->operand[0];
    const uint32_t program = use(call, "");
    const int64_t n = inner_size(x), rows = n ? x->n / n : 0;
    const int64_t run = hal_portable_run(call->traits, rows, 1 + 4096 / (n + 1));
    if (rows == 0) return;
    launch(call, program, "arg_max", (rows + run - 1) / run);
    pass_flat(call, 0);
    pass_flat(call, 1);
    hal_portable_pass_long(call, n);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, rows);
}

/* Places a group sorts in: two halves of a merge, a short list, or a power of two. */
static int64_t places(const hal_portable_traits *traits, int64_t n, int64_t k) {
    int64_t m = 2;
    if (traits->wide) return k <= FEW && 2 * n > FEW ? FEW : 2 * n;
    while (m < n) m *= 2;
    return m;
}

static int64_t group_count(const hal_portable_traits *traits, int64_t rows) {
    const int64_t most = (int64_t)(traits->units ? traits->units : 1) * GROUPS_PER_UNIT;
    return rows < most ? rows : most;
}

static uint64_t scratch_of(hal_portable_call *call, int64_t groups, int64_t m) {
    const int64_t width = hal_portable_letter(call->operand[0].dtype) == 'f' ? 4 : 8;
    return hal_portable_scratch(call, (uint64_t)(groups * m * (width + 4)));
}

static void plan(hal_portable_call *call, int64_t k, bool descending) {
    const hal_portable_operand *x = &call->operand[0];
    const uint32_t program = use(call, "");
    const int64_t n = inner_size(x), rows = n ? x->n / n : 0;
    if (rows == 0) return;
    const int64_t m = places(call->traits, n, k), groups = group_count(call->traits, rows);
    const uint64_t scratch = scratch_of(call, groups, m);
    launch(call, program, "order_rows", groups);
    pass_flat(call, 0);
    hal_portable_pass_scratch(call, scratch);
    pass_flat(call, 1);
    pass_flat(call, 2);
    hal_portable_pass_int(call, descending);
    hal_portable_pass_long(call, n);
    hal_portable_pass_long(call, m);
    hal_portable_pass_long(call, k);
    hal_portable_pass_long(call, rows);
}

void hal_portable_plan_sort(hal_portable_call *call) {
    plan(call, inner_size(&call->operand[0]), ((const hal_sort_attrs *)call->attrs)->descending != 0);
}

void hal_portable_plan_top_k(hal_portable_call *call) {
    const int64_t k = ((const hal_top_k_attrs *)call->attrs)->k, n = inner_size(&call->operand[0]);
    plan(call, k < n ? k : n, true);
}

void hal_portable_plan_sample(hal_portable_call *call) {
    const hal_portable_operand *x = &call->operand[0];
    const uint32_t program = use(call, " SAMPLE");
    const int64_t n = inner_size(x), rows = n ? x->n / n : 0, top_k = ((const hal_sample_attrs *)call->attrs)->top_k;
    if (rows == 0) return;
    const int64_t k = top_k > 0 && top_k < n ? top_k : n, m = places(call->traits, n, k);
    const int64_t groups = group_count(call->traits, rows);
    const uint64_t scratch = scratch_of(call, groups, m);
    launch(call, program, "sample_rows", groups);
    pass_flat(call, 0);
    pass_flat(call, 1);
    hal_portable_pass(call, 2);
    hal_portable_pass(call, 3);
    hal_portable_pass_scratch(call, scratch);
    pass_flat(call, 4);
    for (uint32_t i = 1; i < 4; i++) hal_portable_pass_int(call, (int32_t)call->operand[i].dtype);
    hal_portable_pass_long(call, n);
    hal_portable_pass_long(call, m);
    hal_portable_pass_long(call, k);
    hal_portable_pass_long(call, rows);
}
