/* SPDX-License-Identifier: Apache-2.0 */
/* Pointwise: y_j = f_j(x_0, x_1, ...) element by element, inputs broadcast to the shape of the outputs.
 * Reference: hal_op_reference_pointwise. */
#include "expr.h"
#include "kernels.h"

typedef struct plan { hal_vm vm; hal_strided in[HAL_EXPR_MAX_INPUTS]; } plan;

static size_t block_bytes(const hal_vm *vm) { return (size_t)HAL_LANES * (vm->wide ? 8 : 4); }

static void block_narrow(const hal_cpu_call *call, const plan *p, int64_t start, int64_t n, void *scratch) {
    const float *in[HAL_EXPR_MAX_INPUTS], *out[HAL_EXPR_MAX_OUTPUTS];
    float *buffers = scratch, *registers = buffers + (size_t)(call->n_in + 1) * HAL_LANES;
    for (uint32_t i = 0; i < call->n_in; i++) {
        in[i] = hal_rows_load(&p->in[i], call->operand[i].data, start, n, buffers + (size_t)i * HAL_LANES);
    }
    const hal_cpu_operand *first = hal_cpu_out(call, 0);
    float *spare = buffers + (size_t)call->n_in * HAL_LANES, *target = hal_target(first, start, n, spare);
    hal_vm_run(&p->vm, registers, in, n, target == spare ? NULL : target, out);
    for (uint32_t o = 0; o < call->n_out; o++) {
        const hal_cpu_operand *y = hal_cpu_out(call, o);
        if (o > 0 || out[o] != target) hal_rows_write(&y->flat, y->data, start, n, out[o]);
    }
}

static void block_wide(const hal_cpu_call *call, const plan *p, int64_t start, int64_t n, void *scratch) {
    const double *in[HAL_EXPR_MAX_INPUTS], *out[HAL_EXPR_MAX_OUTPUTS];
    double *buffers = scratch, *registers = buffers + (size_t)(call->n_in + 1) * HAL_LANES;
    for (uint32_t i = 0; i < call->n_in; i++) {
        double *to = buffers + (size_t)i * HAL_LANES;
        hal_rows_read_double(&p->in[i], call->operand[i].data, start, n, to);
        in[i] = to;
    }
    hal_vm_run_double(&p->vm, registers, in, n, out);
    for (uint32_t o = 0; o < call->n_out; o++) {
        const hal_cpu_operand *y = hal_cpu_out(call, o);
        hal_rows_write_double(&y->flat, y->data, start, n, out[o]);
    }
}

static void run(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    int64_t end = hal_cpu_rows_end(call, chunk);
    char *registers = (char *)scratch + (size_t)(call->n_in + 1) * block_bytes(&p->vm);
    hal_vm_begin(&p->vm, registers);
    for (int64_t at = chunk * call->grain; at < end; at += HAL_LANES) {
        int64_t n = hal_cpu_min(HAL_LANES, end - at);
        if (p->vm.wide) block_wide(call, p, at, n, scratch);
        else block_narrow(call, p, at, n, scratch);
    }
}

bool hal_prepare_pointwise(hal_cpu_call *call) {
    const hal_pointwise_attrs *attrs = call->attrs;
    const hal_cpu_operand *y = hal_cpu_out(call, 0);
    uint32_t dtype[HAL_EXPR_MAX_INPUTS];
    plan *p = hal_cpu_plan(call, sizeof *p);
    if (!p) return false;
    for (uint32_t i = 0; i < call->n_in; i++) {
        dtype[i] = call->operand[i].dtype;
        hal_cpu_broadcast(&call->operand[i], y->rank, y->size, &p->in[i]);
    }
    hal_vm_prepare(&p->vm, &attrs->expr, dtype);
    call->scratch_bytes = (size_t)(call->n_in + 1) * block_bytes(&p->vm) + hal_vm_bytes(&p->vm);
    hal_cpu_rows(call, y->n, 1, run);
    return true;
}
