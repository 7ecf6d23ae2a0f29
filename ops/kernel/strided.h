/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strided.h - what kernels of every backend need to know of an operand: element widths, and sizes and strides with
 * neighbouring axes merged, so that most tensors become one run of memory.
 *
 * Compiled into each backend, which links nothing of libhal.
 */
#ifndef HAL_OPS_KERNEL_STRIDED_H
#define HAL_OPS_KERNEL_STRIDED_H

#include <hal/ops.h>

/* Elements in row-major order: strides in bytes, outermost first; rank is at least 1. */
typedef struct hal_strided {
    uint32_t dtype, width, rank;
    bool dense;                          /* one run of memory */
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} hal_strided;

/* Bytes of an element; 0 for types that no kernel reads. */
uint32_t hal_element_width(uint32_t dtype);
/* The view of any sizes and strides. */
void hal_strided_make(uint32_t dtype, uint32_t rank, const int64_t *size, const int64_t *stride, hal_strided *view);
/* A view of those sizes and strides repeated to `to_rank` sizes `to`, aligned at the innermost axis. */
void hal_strided_broadcast(uint32_t dtype, uint32_t rank, const int64_t *size, const int64_t *stride, uint32_t to_rank,
    const int64_t *to, hal_strided *view);

#endif
