/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers. Kernels: random.cl. */
#include "planners.h"
#include "space.h"

/* Elements of a work-item: whole blocks of 4. */
static int64_t run_of(const hal_portable_traits *traits, int64_t n) {
    return traits->wide ? (hal_portable_run(traits, n, 2048) + 3) / 4 * 4 : 4;
}

static uint32_t use(hal_portable_call *call) {
    const uint32_t dtype = hal_portable_out(call, 0)->dtype;
    return hal_portable_use(call, "random", NULL, "T=%s IN=%c", hal_portable_type(dtype), dtype == HAL_F64 ? 'd' : 'f');
}

static void pass_flat(hal_portable_call *call, uint32_t operand) {
    hal_portable_pass(call, operand);
    hal_portable_pass_walk(call, &call->operand[operand].flat);
}

static void pass_extent(hal_portable_call *call, int64_t seed, int64_t run, int64_t n) {
    hal_portable_pass_long(call, seed);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, n);
}

void hal_portable_plan_random(hal_portable_call *call) {
    const hal_random_attrs *attrs = call->attrs;
    const int64_t n = hal_portable_out(call, 0)->n, run = run_of(call->traits, n);
    const uint32_t program = use(call);
    if (n == 0) return;
    hal_portable_launch_runs(call, program, "random_numbers", n, run);
    hal_portable_pass(call, 0);
    pass_flat(call, 1);
    hal_portable_pass_int(call, attrs->kind == 1);
    pass_extent(call, attrs->seed, run, n);
}

void hal_portable_plan_dropout(hal_portable_call *call) {
    const hal_dropout_attrs *attrs = call->attrs;
    const int64_t n = hal_portable_out(call, 0)->n, run = run_of(call->traits, n);
    const uint32_t program = use(call);
    const double keep = 1.0 / (1.0 - attrs->p);
    if (n == 0) return;
    hal_portable_launch_runs(call, program, "dropout", n, run);
    pass_flat(call, 0);
    hal_portable_pass(call, 1);
    pass_flat(call, 2);
    hal_portable_pass_float(call, attrs->p);
    if (hal_portable_out(call, 0)->dtype == HAL_F64) hal_portable_pass_bytes(call, &keep, sizeof keep);
    else hal_portable_pass_float(call, keep);
    pass_extent(call, attrs->seed, run, n);
}
