/* SPDX-License-Identifier: Apache-2.0 */
/* Optimisers: one launch over all elements. Kernels: optimizer.cl. */
#include "planners.h"
#include "rows.h"

#define RUN_WIDE 8192                    /* elements of a team */
#define RUN 1024
#define NO_LOG (-1e4)                    /* for ln 0: every power of it is 0, and no product overflows */

/* ln beta in two parts; mirrors the kernel's struct. */
typedef struct factors { float b1, c1, b2, c2, eps, decay, log_b1, log_b1_low, log_b2, log_b2_low; } factors;

/* Launches `entry` over the elements of `count` operands, given by index: p, g, m, v (m again where there is none). */
static void launch(hal_portable_call *call, const char *entry, const uint32_t *order, uint32_t count, uint32_t v) {
    const int64_t run = call->traits->wide ? RUN_WIDE : RUN;
    const hal_portable_operand *list[HAL_PORTABLE_GRID_OPERANDS], *o = call->operand;
    hal_portable_row_plan rows;
    for (uint32_t i = 0; i < count; i++) list[i] = &call->operand[order[i]];
    hal_portable_rows_flat(list, count, &rows);
    const uint32_t program = hal_portable_rows_use(call, "rows+optimizer", rows.dense, "P=%s G=%s M=%s V=%s",
        hal_portable_type(o[0].dtype), hal_portable_type(o[1].dtype), hal_portable_type(o[2].dtype),
        hal_portable_type(o[v].dtype));
    const int64_t teams = rows.rows * ((rows.n + run - 1) / run), grain = hal_portable_rows_grain(&rows);
    hal_portable_rows_launch(call, program, entry, teams, rows.n < run ? rows.n : run, grain);
    for (uint32_t i = 0; i < call->n_in + call->n_out; i++) hal_portable_pass(call, i);
    hal_portable_pass_bytes(call, &rows.grid, sizeof rows.grid);
    hal_portable_pass_long(call, rows.n);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, teams);
    hal_portable_pass_long(call, grain);
}

/* The dtypes of inputs [first, end), 2 bits each. */
static void pass_dtypes(hal_portable_call *call, uint32_t first, uint32_t end) {
    int32_t dtypes = 0;
    for (uint32_t i = first; i < end; i++) dtypes |= hal_portable_narrow(call->operand[i].dtype) << 2 * (i - first);
    hal_portable_pass_int(call, dtypes);
}

static void split_log(double beta, float *high, float *low) {
    const double l = beta > 0 ? log(beta) : NO_LOG;
    *high = (float)l;
    *low = (float)(l - (double)*high);
}

void hal_portable_plan_adamw(hal_portable_call *call) {
    static const uint32_t order[] = {0, 1, 2, 3, 7, 8, 9};
    const hal_adamw_attrs *a = call->attrs;
    factors f = {.b1 = (float)a->beta1, .c1 = (float)(1 - a->beta1), .b2 = (float)a->beta2, .c2 = (float)(1 - a->beta2),
        .eps = (float)a->eps, .decay = (float)a->decay};
    if (call->operand[0].n == 0) return;
    split_log(a->beta1, &f.log_b1, &f.log_b1_low);
    split_log(a->beta2, &f.log_b2, &f.log_b2_low);
    launch(call, "adamw", order, 7, 3);
    pass_dtypes(call, 4, 7);
    hal_portable_pass_bytes(call, &f, sizeof f);
}

void hal_portable_plan_sgd(hal_portable_call *call) {
    static const uint32_t order[] = {0, 1, 2, 5, 6};
    const hal_sgd_attrs *a = call->attrs;
    if (call->operand[0].n == 0) return;
    launch(call, "sgd", order, 5, 2);
    pass_dtypes(call, 3, 5);
    hal_portable_pass_float(call, a->momentum);
    hal_portable_pass_float(call, a->decay);
    hal_portable_pass_int(call, (int32_t)a->nesterov);
}
