/* SPDX-License-Identifier: Apache-2.0 */
/* Softmax, its logarithm and their gradients: a launch each. Kernels: softmax.cl. */
#include "planners.h"
#include "rows.h"

static void plan(hal_portable_call *call, const char *entry) {
    const uint32_t count = call->n_in + 1;
    const hal_portable_operand *list[3];
    hal_portable_row_plan rows;
    for (uint32_t i = 0; i < count; i++) list[i] = &call->operand[i];
    hal_portable_rows_make(list, count, &rows);
    if (list[0]->n == 0) return;
    const bool keep = call->traits->wide && list[0]->dtype == HAL_F32;
    const int64_t grain = hal_portable_rows_grain(&rows);
    const uint32_t program = hal_portable_rows_use(call, "rows+softmax", rows.dense, "X=%s%s",
        hal_portable_type(list[0]->dtype), keep ? " KEEP" : "");
    hal_portable_rows_launch(call, program, entry, rows.rows, rows.n, grain);
    for (uint32_t i = 0; i < count; i++) hal_portable_pass(call, i);
    hal_portable_rows_pass(call, &rows, grain);
}

void hal_portable_plan_softmax(hal_portable_call *call) { plan(call, "softmax"); }
void hal_portable_plan_log_softmax(hal_portable_call *call) { plan(call, "log_softmax"); }
void hal_portable_plan_softmax_grad(hal_portable_call *call) { plan(call, "softmax_grad"); }
void hal_portable_plan_log_softmax_grad(hal_portable_call *call) { plan(call, "log_softmax_grad"); }
