/* SPDX-License-Identifier: Apache-2.0 */
/* Products of matrices as cuBLASLt describes them: D = epilogue(alpha op(A) op(B) + beta C), on the host. */
#ifndef HAL_TESTS_EMULATED_GEMM_H
#define HAL_TESTS_EMULATED_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* `type` is a hal_dtype; sizes and strides count elements. */
typedef struct emu_matrix { uint32_t type, width; bool by_row; int64_t rows, cols, ld, stride; } emu_matrix;
typedef enum emu_epilogue { EMU_PLAIN, EMU_RELU, EMU_GELU } emu_epilogue;
typedef struct emu_gemm {
    emu_matrix a, b, c, d;
    bool transposed_a, transposed_b;
    int64_t m, n, k, batch, bias_stride, aux_ld, aux_stride;
    uint32_t bias_type, aux_type;         /* 0: there is none */
    emu_epilogue epilogue;
    float alpha, beta;
} emu_gemm;

/* Bytes from the first element of the first matrix to behind the last of the last. */
size_t emu_matrix_bytes(const emu_matrix *matrix, int64_t batch);
/* Host addresses of A, B, C, D, bias and what goes into the epilogue. False when memory runs out. */
bool emu_gemm_run(const emu_gemm *gemm, char *const at[6]);

#endif
