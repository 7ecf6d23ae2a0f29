/* SPDX-License-Identifier: Apache-2.0 */
/* Views: sizes and strides with neighbouring axes merged, so that most tensors become one run of memory. */
#include <stdlib.h>

#include "cpu.h"

uint32_t hal_cpu_width(uint32_t dtype) {
    switch (dtype) {
    case HAL_F64: case HAL_I64: return 8;
    case HAL_F32: case HAL_I32: case HAL_U32: return 4;
    case HAL_F16: case HAL_BF16: case HAL_I16: case HAL_U16: return 2;
    case HAL_I8: case HAL_U8: case HAL_BOOL: case HAL_F8E4M3: case HAL_F8E5M2: return 1;
    default: return 0;
    }
}

void hal_cpu_view_make(uint32_t dtype, uint32_t rank, const int64_t *size, const int64_t *stride,
    hal_cpu_view *view) {
    *view = (hal_cpu_view){.dtype = dtype, .width = hal_cpu_width(dtype), .rank = 0};
    for (uint32_t d = 0; d < rank; d++) {
        if (size[d] == 1) continue;
        uint32_t last = view->rank - 1;
        if (view->rank > 0 && view->stride[last] == stride[d] * size[d]) {
            view->size[last] *= size[d];
            view->stride[last] = stride[d];
        } else {
            view->size[view->rank] = size[d];
            view->stride[view->rank++] = stride[d];
        }
    }
    if (view->rank == 0) {
        view->rank = 1;
        view->size[0] = 1;
        view->stride[0] = view->width;
    }
    view->dense = view->rank == 1 && view->stride[0] == view->width;
}

void hal_cpu_view_broadcast(const hal_cpu_operand *operand, uint32_t rank, const int64_t *size,
    hal_cpu_view *view) {
    int64_t stride[HAL_MAX_RANK];
    uint32_t lead = rank - (operand->rank < rank ? operand->rank : rank);
    for (uint32_t d = 0; d < rank; d++) {
        bool repeats = d < lead || (operand->size[d - lead] == 1 && size[d] != 1);
        stride[d] = repeats ? 0 : operand->stride[d - lead];
    }
    hal_cpu_view_make(operand->dtype, rank, size, stride, view);
}

void *hal_cpu_plan(hal_cpu_call *call, size_t bytes) {
    free(call->plan);
    size_t rounded = (bytes + 63) & ~(size_t)63;
    call->plan = aligned_alloc(64, rounded);
    for (size_t i = 0; call->plan && i < rounded; i++) ((char *)call->plan)[i] = 0;
    return call->plan;
}
