/* SPDX-License-Identifier: Apache-2.0 */
/* Where hal was built without cublasLt.h: portable kernels multiply. */
#include "multiply.h"

hal_status hal_cuda_multiply_take(void *program, uint32_t step, hal_portable_call *call, bool *taken) {
    hal_cuda_device *d = ((hal_cuda_program *)program)->device;
    (void)step;
    d->products_left += call->op == HAL_OP_MATMUL;
    *taken = false;
    return HAL_OK;
}

void hal_cuda_multiply_free(hal_cuda_multiply *m) { (void)m; }

CUresult hal_cuda_multiply_run(const hal_cuda_launch *l, CUstream stream) {
    (void)l, (void)stream;
    return CUDA_ERROR_NOT_SUPPORTED;
}

bool hal_cuda_multiply_is_whole(const hal_cuda_multiply *m) {
    (void)m;
    return false;
}

hal_status hal_cuda_multiply_fail(hal_cuda_device *d, const hal_cuda_launch *l, CUstream stream, CUresult code) {
    (void)l, (void)stream;
    return hal_cuda_fail(d, code, "cublasLtMatmul");
}

void hal_cuda_multiply_close(hal_cuda_device *d) { (void)d; }
