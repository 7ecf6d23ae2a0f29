/* SPDX-License-Identifier: Apache-2.0 */
#include "taken.h"

#include "attend.h"
#include "multiply.h"

hal_status hal_cuda_taken_ask(void *program, uint32_t step, hal_portable_call *call, bool *taken) {
    if (call->op == HAL_OP_MATMUL) return hal_cuda_multiply_take(program, step, call, taken);
    return call->op == HAL_OP_ATTENTION ? hal_cuda_attend_take(program, step, call, taken) : HAL_OK;
}

void hal_cuda_taken_free(hal_cuda_taken *t) {
    if (t) t->by->free(t);
}

uint64_t hal_cuda_taken_address(const hal_cuda_launch *l, uint32_t i) {
    return *(const uint64_t *)l->params[2 * i] + *(const uint64_t *)l->params[2 * i + 1];
}

hal_status hal_cuda_taken_fail(hal_cuda_device *d, CUstream stream, CUresult e, const char *what, const char *name, int code,
                               const char *advice) {
    const CUresult fate = d->cu.cuStreamSynchronize(stream);
    if (hal_cuda_code_is_sticky(fate)) return hal_cuda_fail(d, fate, "%s: %s (%d)", what, name, code);
    return d->host->fail(d->host->context, hal_cuda_status(e, HAL_DAMAGE_CALL), code, "%s: %s: %s (%d)%s; %s", d->who, what,
        name, code, e == CUDA_ERROR_OUT_OF_MEMORY ? "; release buffers or use a smaller batch" : "", advice);
}
