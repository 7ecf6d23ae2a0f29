/* SPDX-License-Identifier: Apache-2.0 */
/* The opaque layouts of the cpu: the second matrix of a product in whole panels (gemm.h), as the kernel of its dtype reads
 * them. Which kernel that is follows from the dtype and the features of the processor, which are the same for all devices
 * of a process. 1 is for a matrix [k, n], 2 for [n, k], the one a product transposes. */
#ifndef HAL_OPS_CPU_PACK_H
#define HAL_OPS_CPU_PACK_H

#include "cpu.h"
#include "gemm.h"

enum { HAL_CPU_LAYOUT_KN = 1, HAL_CPU_LAYOUT_NK = 2 };

/* Which of two axes is k; the other is n. */
static inline uint32_t hal_cpu_layout_k(uint32_t layout) { return layout == HAL_CPU_LAYOUT_NK; }

static inline bool hal_cpu_gemm_dtype(uint32_t dtype, hal_gemm_dtype *out) {
    if (dtype != HAL_F32 && dtype != HAL_BF16 && dtype != HAL_F16) return false;
    *out = dtype == HAL_F32 ? HAL_GEMM_F32 : dtype == HAL_BF16 ? HAL_GEMM_BF16 : HAL_GEMM_F16;
    return true;
}

#endif
