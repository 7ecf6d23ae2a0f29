/* SPDX-License-Identifier: Apache-2.0 */
/* Matrix multiplication kernels of the CPU backend.
 *
 * C[m,n] = A[m,k] B[k,n] with f32 sums. Operands have arbitrary element strides, so a transpose is a stride
 * swap. C is not written here: every finished tile goes to the caller's store function while it is hot in
 * cache, so bias, activation, conversion and accumulation are fused there.
 *
 * Parallel use needs no barrier and no shared memory: the product is cut into `parts` rectangles of C, and
 * any thread may run any part with its own scratch. Parts may outnumber threads (dynamic balance); each part
 * packs what it reads, so a part should not be made smaller than about 128x128. The sum of each element
 * depends on the problem and the kernel only, never on the number of parts: results are bit-identical for
 * every split.
 *
 * Nothing here allocates, locks, prints or fails. */
#ifndef HAL_OPS_CPU_GEMM_H
#define HAL_OPS_CPU_GEMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { HAL_GEMM_F32 = 0, HAL_GEMM_BF16 = 1, HAL_GEMM_F16 = 2 } hal_gemm_dtype;

/* Features a kernel needs; the caller builds the mask from CPUID and what the operating system permits. */
enum {
    HAL_CPU_AVX2_FMA = 1,
    HAL_CPU_AVX512 = 2, /* F, BW, DQ and VL */
    HAL_CPU_AVX512_BF16 = 4,
    HAL_CPU_AMX_BF16 = 8, /* also needs the process's permission to use tile data */
    HAL_CPU_F16C = 16
};

typedef struct hal_gemm_kernel hal_gemm_kernel;

typedef struct hal_gemm_operand {
    const void *data;
    hal_gemm_dtype dtype;
    int64_t row_stride, col_stride; /* in elements, may be 0 or negative */
} hal_gemm_operand;

/* Rows [i0, i0+mi) and columns [j0, j0+nj) of the product, all of k summed: element (i0+r, j0+c) is
 * tile[r*ld+c]. Called once for every element of C, by the thread that runs the part. */
typedef void (*hal_gemm_store)(void *context, const float *tile, int64_t ld, int64_t i0, int64_t mi,
                               int64_t j0, int64_t nj);

typedef struct hal_gemm_problem {
    int64_t m, n, k; /* 0 is allowed; k = 0 stores zeros */
    hal_gemm_operand a, b;
    hal_gemm_store store;
    void *store_context;
} hal_gemm_problem;

/* All kernels of this build, slowest first. */
size_t hal_gemm_kernel_count(void);
const hal_gemm_kernel *hal_gemm_kernel_at(size_t index);
const char *hal_gemm_kernel_name(const hal_gemm_kernel *kernel);
uint32_t hal_gemm_kernel_features(const hal_gemm_kernel *kernel);

/* Whether the kernel multiplies these element types without rounding them. */
bool hal_gemm_kernel_accepts(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem);

/* The kernel expected to be fastest for this problem among those whose features are all in the mask; never
 * NULL. A caller that measured a feature to be slow (bf16 products run at half the f32 rate on some cores)
 * clears its bit. */
const hal_gemm_kernel *hal_gemm_kernel_choose(uint32_t features, const hal_gemm_problem *problem);

/* Scratch bytes one running part needs, 64-byte aligned by the caller; the same for every part. */
size_t hal_gemm_scratch_bytes(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem);

/* Most parts that still get a tile each. */
int64_t hal_gemm_part_limit(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem);

/* Computes part `part` of `parts` (0 <= part < parts) and hands its tiles to the store function. */
void hal_gemm_run(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem, int64_t part, int64_t parts,
                  void *scratch);

#endif
