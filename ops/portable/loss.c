/* SPDX-License-Identifier: Apache-2.0 */
/* Cross entropy and its gradient: a launch over the rows, and one of a single team. Kernels: loss.cl. */
#include "planners.h"
#include "rows.h"

/* What both share; targets are operand `targets`. */
typedef struct loss { hal_portable_row_plan rows; uint32_t program, targets; int64_t grain; } loss;

/* Operands of the grid by index; the logits first. */
static loss loss_of(hal_portable_call *call, const uint32_t *grid, uint32_t count) {
    const hal_portable_operand *list[4];
    loss l = {.targets = grid[1]};
    for (uint32_t i = 0; i < count; i++) list[i] = &call->operand[grid[i]];
    hal_portable_rows_make(list, count, &l.rows);
    if (l.rows.n == 0) l.rows.rows = 0;
    l.grain = hal_portable_rows_grain(&l.rows);
    l.program = hal_portable_rows_use(call, "rows+loss", l.rows.dense, "X=%s", hal_portable_type(list[0]->dtype));
    return l;
}

/* A launch of one team. */
static void single(hal_portable_call *call, const loss *l, const char *entry) {
    const uint32_t team = call->traits->wide ? 1 : hal_portable_rows_group(call->traits);
    hal_portable_launch_add(call, l->program, entry, team, 1, 1);
    hal_portable_group(call, team, 1, 1);
}

void hal_portable_plan_cross_entropy(hal_portable_call *call) {
    const uint32_t out = call->n_in, grid[] = {0, 1, out + 1};
    const loss l = loss_of(call, grid, 3);
    const uint64_t parts = hal_portable_scratch(call, (uint64_t)(l.rows.rows + 1) * 2 * sizeof(float));
    if (l.rows.rows > 0) {
        hal_portable_rows_launch(call, l.program, "loss_rows", l.rows.rows, l.rows.n, l.grain);
        for (uint32_t i = 0; i < 3; i++) hal_portable_pass(call, grid[i]);
        hal_portable_pass_scratch(call, parts);
        hal_portable_rows_pass(call, &l.rows, l.grain);
        hal_portable_pass_int(call, (int32_t)call->operand[l.targets].width);
    }
    single(call, &l, "loss_mean");
    hal_portable_pass_scratch(call, parts);
    hal_portable_pass(call, out);
    hal_portable_pass_long(call, l.rows.rows);
}

void hal_portable_plan_cross_entropy_grad(hal_portable_call *call) {
    const uint32_t dx = call->n_in, grid[] = {1, 2, 3, dx}, order[] = {0, 1, 2, 3, dx};
    const loss l = loss_of(call, grid, 4);
    const int32_t index_bytes = (int32_t)call->operand[l.targets].width;
    const uint64_t counted = hal_portable_scratch(call, sizeof(float));
    if (l.rows.rows == 0) return;
    single(call, &l, "loss_count");
    hal_portable_pass(call, l.targets);
    hal_portable_pass_scratch(call, counted);
    hal_portable_rows_pass(call, &l.rows, l.grain);
    hal_portable_pass_int(call, index_bytes);
    hal_portable_rows_launch(call, l.program, "loss_grad", l.rows.rows, l.rows.n, l.grain);
    for (uint32_t i = 0; i < 5; i++) hal_portable_pass(call, order[i]);
    hal_portable_pass_scratch(call, counted);
    hal_portable_rows_pass(call, &l.rows, l.grain);
    hal_portable_pass_int(call, index_bytes);
    hal_portable_pass_int(call, hal_portable_narrow(call->operand[0].dtype));
}
