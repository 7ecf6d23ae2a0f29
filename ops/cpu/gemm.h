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
    /* B in whole panels (see below) of this kernel, or both NULL. b.data is not read then, but the type and the
     * strides of b are those B had before it was packed: the order of a sum follows from them, and so the bits
     * are the same in both forms. */
    const hal_gemm_kernel *panels_of;
    const void *panels;
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

/* ---- B kept packed ----
 *
 * A matrix that is multiplied more often than it changes may be kept in the order the tile function reads: the
 * columns in panels of the kernel's width, one after the other, each over all of k. The layout follows from the
 * kernel and the sizes only; it knows nothing of parts or of the other operand. */

/* The kernel whose panels suit B of this type: the one that multiplies many rows of the same type by it. */
const hal_gemm_kernel *hal_gemm_panel_kernel(uint32_t features, hal_gemm_dtype dtype);

/* Panels of n columns, and bytes of all of them; false when they cannot be counted in 64 bits. */
int64_t hal_gemm_panel_count(const hal_gemm_kernel *kernel, int64_t n);
bool hal_gemm_panel_bytes(const hal_gemm_kernel *kernel, int64_t k, int64_t n, int64_t *bytes);
/* Whether the elements keep their size: some kernels widen 16 bits to 32. */
bool hal_gemm_panel_is_narrow(const hal_gemm_kernel *kernel, hal_gemm_dtype dtype);

/* Packs panel `index` of B, which is k x n; any strides. */
void hal_gemm_panel_pack(const hal_gemm_kernel *kernel, const hal_gemm_operand *b, int64_t k, int64_t n,
                         int64_t index, void *panels);
/* Writes the columns of panel `index` back to `b`, whose data is written; the bits are those that were packed
 * (a signalling NaN of 16 bits may have become quiet). */
void hal_gemm_panel_unpack(const hal_gemm_kernel *kernel, const void *panels, int64_t k, int64_t n, int64_t index,
                           const hal_gemm_operand *b);

/* Scratch bytes one running part needs, 64-byte aligned by the caller; the same for every part. */
size_t hal_gemm_scratch_bytes(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem);

/* Most parts that still get a tile each. */
int64_t hal_gemm_part_limit(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem);

/* Computes part `part` of `parts` (0 <= part < parts) and hands its tiles to the store function. */
void hal_gemm_run(const hal_gemm_kernel *kernel, const hal_gemm_problem *problem, int64_t part, int64_t parts,
                  void *scratch);

#endif
