/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pack: the elements of a matrix in panels; unpack: back to strides. A chunk is a panel, so that workers share nothing but
 * the lines where rows of the strided side meet. Bits are moved, or widened and narrowed without rounding. Reference:
 * hal_op_reference_copy, which knows the logical matrix only.
 */
#include "kernels.h"
#include "pack.h"

typedef struct plan {
    const hal_gemm_kernel *kernel;
    hal_gemm_operand matrix;             /* the strided side, without its address */
    int64_t k, n;
} plan;

static hal_gemm_operand at(const plan *p, const hal_cpu_operand *strided) {
    hal_gemm_operand matrix = p->matrix;
    matrix.data = strided->data;
    return matrix;
}

static void run_pack(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    const hal_gemm_operand matrix = at(p, &call->operand[0]);
    (void)scratch;
    hal_gemm_panel_pack(p->kernel, &matrix, p->k, p->n, chunk, call->operand[1].data);
}

static void run_unpack(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const plan *p = call->plan;
    const hal_gemm_operand matrix = at(p, &call->operand[1]);
    (void)scratch;
    hal_gemm_panel_unpack(p->kernel, call->operand[0].data, p->k, p->n, chunk, &matrix);
}

/* hal_cpu_support let only matrices of a known layout pass. */
static bool prepare(hal_cpu_call *call, const hal_cpu_operand *strided, uint32_t layout, hal_cpu_run_fn *run) {
    plan *p = hal_cpu_plan(call, sizeof *p);
    uint32_t k = hal_cpu_layout_k(layout), n = 1 - k;
    if (!p) return false;
    *p = (plan){.k = strided->size[k], .n = strided->size[n]};
    (void)hal_cpu_gemm_dtype(strided->dtype, &p->matrix.dtype);
    p->matrix.row_stride = strided->stride[k] / strided->width;
    p->matrix.col_stride = strided->stride[n] / strided->width;
    p->kernel = hal_gemm_panel_kernel(call->features, p->matrix.dtype);
    if (strided->n == 0) return true;
    call->phase[call->n_phases++] = (hal_cpu_phase){run, hal_gemm_panel_count(p->kernel, p->n)};
    return true;
}

bool hal_prepare_pack(hal_cpu_call *call) {
    return prepare(call, &call->operand[0], call->operand[1].layout, run_pack);
}

bool hal_prepare_unpack(hal_cpu_call *call) {
    return prepare(call, &call->operand[1], call->operand[0].layout, run_unpack);
}
