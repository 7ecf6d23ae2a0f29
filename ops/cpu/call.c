/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cpu.h"

void hal_cpu_broadcast(const hal_cpu_operand *operand, uint32_t rank, const int64_t *size, hal_strided *view) {
    hal_strided_broadcast(operand->dtype, operand->rank, operand->size, operand->stride, rank, size, view);
}

void *hal_cpu_plan(hal_cpu_call *call, size_t bytes) {
    free(call->plan);
    size_t rounded = (bytes + 63) & ~(size_t)63;
    call->plan = aligned_alloc(64, rounded);
    for (size_t i = 0; call->plan && i < rounded; i++) ((char *)call->plan)[i] = 0;
    return call->plan;
}
