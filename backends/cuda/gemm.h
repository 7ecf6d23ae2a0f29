/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gemm.h - a product as libraries of linear algebra see it: D = op(A) op(B), matrices in columns.
 *
 * A matrix in rows is its transpose in columns, so c = a b in rows is c^T = b^T a^T: operand 1 is A then, and operand 0 is B.
 * Whichever strides a matrix has, it is one of the two, or none, and then the portable kernels multiply.
 */
#ifndef HAL_BACKENDS_CUDA_GEMM_H
#define HAL_BACKENDS_CUDA_GEMM_H

#include "ops/portable/product.h"

/* Columns of `rows` elements, `step` apart, of a matrix each `batch` elements; `turned`: op transposes it. */
typedef struct hal_cuda_matrix { int64_t rows, columns, step, batch; bool turned; } hal_cuda_matrix;

typedef struct hal_cuda_gemm {
    hal_cuda_matrix a, b, d;
    int64_t batches;
    /* dtypes of A and B, and of D. */
    uint32_t in, out;
    /* The operands of the call that A and B are. */
    uint32_t first, second;
    /* An expression is left to do: D is x0 of it, dense in the order of the call's output, in scratch memory. */
    bool joined;
} hal_cuda_gemm;

/* False where such a library does not serve: dtypes that differ, elements that are apart both ways, several batch axes. Equal
   calls make equal bytes. */
bool hal_cuda_gemm_make(const hal_portable_call *call, hal_cuda_gemm *gemm);
/* Products of two elements in it. */
double hal_cuda_gemm_work(const hal_cuda_gemm *gemm);
/* Bytes of D. */
uint64_t hal_cuda_gemm_bytes(const hal_cuda_gemm *gemm);

#endif
