/* SPDX-License-Identifier: Apache-2.0 */
/* Rotary embedding: a launch over positions and blocks of what leads them. Kernels: rotary.cl. */
#include "planners.h"
#include "rows.h"
#include "space.h"

#define BLOCK 8                          /* rows that share sines in a group, at least in a work-item that is a loop */
#define LANES 16                         /* of a work-item that is a loop */
#define KEPT_WIDE 128                    /* KEPT of rotary.cl, with HAL_WIDE and without */
#define KEPT 1

/* `o` without its axis before the innermost: what each position has. */
static hal_portable_operand without_time(const hal_portable_operand *o) {
    hal_portable_operand row = *o;
    row.rank--;
    row.size[row.rank - 1] = o->size[o->rank - 1];
    row.stride[row.rank - 1] = o->stride[o->rank - 1];
    return row;
}

static int64_t time_stride(const hal_portable_operand *o) {
    return o->stride[o->rank - 2] / (int64_t)o->width;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* base^(-2i/d) = 2^(i k): k in two parts. */
static void pass_base(hal_portable_call *call, double base, int64_t d) {
    const double k = -2.0 / (double)d * log2(base);
    const float high = (float)k;
    hal_portable_pass_float(call, (double)high);
    hal_portable_pass_float(call, k - (double)high);
}

void hal_portable_plan_rotary(hal_portable_call *call) {
    const hal_rotary_attrs *a = call->attrs;
    const hal_portable_operand *x = &call->operand[0], *positions = x + 1, *y = x + 2;
    const hal_portable_operand from = without_time(x), to = without_time(y), *list[] = {&from, &to};
    hal_portable_row_plan rows;
    hal_portable_rows_make(list, 2, &rows);
    if (x->n == 0) return;
    const bool wide = call->traits->wide;
    const int64_t t = positions->n, half = rows.n / 2, steps = wide ? least((half + LANES - 1) / LANES, KEPT_WIDE) : KEPT;
    const int64_t stretch = wide && steps > 0 ? least(KEPT_WIDE / steps, t) : 1, stretches = (t + stretch - 1) / stretch;
    const int64_t block = least(rows.rows, wide ? hal_portable_run(call->traits, rows.rows * stretches, BLOCK) : BLOCK);
    const int64_t teams = stretches * ((rows.rows + block - 1) / block);
    const int64_t share = hal_portable_rows_grain(&rows) / (block * stretch), grain = share > 1 ? share : 1;
    const uint32_t program = hal_portable_rows_use(call, "rows+rotary", rows.dense, "X=%s", hal_portable_type(x->dtype));
    hal_portable_rows_launch(call, program, "rotary", teams, half, grain);
    for (uint32_t i = 0; i < 3; i++) hal_portable_pass(call, i);
    hal_portable_pass_bytes(call, &rows.grid, sizeof rows.grid);
    const int64_t sizes[] = {rows.rows, half, block, t, stretch, steps, teams, grain, time_stride(x), time_stride(y),
        positions->stride[0] / (int64_t)positions->width};
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) hal_portable_pass_long(call, sizes[i]);
    hal_portable_pass_int(call, (int32_t)positions->width);
    hal_portable_pass_int(call, (int32_t)a->interleaved);
    hal_portable_pass_int(call, (int32_t)a->inverse);
    pass_base(call, a->base, rows.n);
}
