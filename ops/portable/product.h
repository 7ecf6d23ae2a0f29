/* SPDX-License-Identifier: Apache-2.0 */
/*
 * product.h - a matmul as what it multiplies: for its planner, and for drivers that have a library for it.
 *
 *   c[lead, i, j] = sum over k of a[lead, i, k] b[lead, k, j],  i < m, j < n
 *
 * The leading axes are merged where all operands allow it. A driver that multiplies by itself and leaves the expression to
 * portable kernels has the product written into scratch memory, and plans what comes then with hal_portable_plan_epilogue.
 */
#ifndef HAL_OPS_PORTABLE_PRODUCT_H
#define HAL_OPS_PORTABLE_PRODUCT_H

#include "space.h"

typedef struct hal_portable_product {
    /* The axes before the last two, which all operands share; strides in bytes, by operand of the call. */
    hal_portable_space lead;
    int64_t m, n, k;
} hal_portable_product;

/* Of a call of HAL_OP_MATMUL that has elements to compute. */
void hal_portable_product_make(const hal_portable_call *call, hal_portable_product *product);
/* Strides in elements along rows and columns of an operand as the product sees it; 0 along an axis that has one element, or
   where it repeats. */
void hal_portable_product_strides(const hal_portable_call *call, uint32_t operand, int64_t *row, int64_t *column);

/* Appends launches that compute the outputs from x0, the product, which lies in scratch memory from `at` on: in the order of
   the first output's elements, of this dtype. */
void hal_portable_plan_epilogue(hal_portable_call *call, uint32_t dtype, uint64_t at);

#endif
