/* SPDX-License-Identifier: Apache-2.0 */
#include "strided.h"

uint32_t hal_element_width(uint32_t dtype) {
    switch (dtype) {
    case HAL_F64: case HAL_I64: return 8;
    case HAL_F32: case HAL_I32: case HAL_U32: return 4;
    case HAL_F16: case HAL_BF16: case HAL_I16: case HAL_U16: return 2;
    case HAL_I8: case HAL_U8: case HAL_BOOL: case HAL_F8E4M3: case HAL_F8E5M2: return 1;
    default: return 0;
    }
}

void hal_strided_make(uint32_t dtype, uint32_t rank, const int64_t *size, const int64_t *stride,
    hal_strided *view) {
    *view = (hal_strided){.dtype = dtype, .width = hal_element_width(dtype), .rank = 0};
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

void hal_strided_broadcast(uint32_t dtype, uint32_t rank, const int64_t *size, const int64_t *stride, uint32_t to_rank,
    const int64_t *to, hal_strided *view) {
    int64_t repeated[HAL_MAX_RANK];
    uint32_t lead = to_rank - (rank < to_rank ? rank : to_rank);
    for (uint32_t d = 0; d < to_rank; d++) {
        bool repeats = d < lead || (size[d - lead] == 1 && to[d] != 1);
        repeated[d] = repeats ? 0 : stride[d - lead];
    }
    hal_strided_make(dtype, to_rank, to, repeated, view);
}
