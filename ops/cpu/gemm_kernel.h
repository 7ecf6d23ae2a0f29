/* SPDX-License-Identifier: Apache-2.0 */
/* What one instruction set's GEMM kernel provides to the driver. Internal to ops/cpu/gemm*.c. */
#ifndef HAL_OPS_CPU_GEMM_KERNEL_H
#define HAL_OPS_CPU_GEMM_KERNEL_H

#include "cpu/gemm.h"

/* Sums live in arrays of vectors, which become registers only when every loop over them is unrolled. */
#ifdef __clang__
#define HAL_GEMM_UNROLL(count) _Pragma("clang loop unroll(full)")
#else
#define HAL_GEMM_PRAGMA(text) _Pragma(#text)
#define HAL_GEMM_UNROLL(count) HAL_GEMM_PRAGMA(GCC unroll count)
#endif

/* A strip of an operand to pack: `lanes` rows of A or columns of B, over `k` steps of the sum. */
typedef struct hal_gemm_panel {
    const void *data;
    hal_gemm_dtype dtype;
    int64_t lane_stride, k_stride; /* elements */
    int64_t lanes, k;
} hal_gemm_panel;

/* Writes one panel in the kernel's layout, lanes padded with zeros to mr or nr and k to k_unit. Packing A
 * may write up to 64 bytes beyond the panel's end, so panels are packed in ascending order; packing B does
 * not, and may go in pieces of k. */
typedef void (*hal_gemm_pack)(void *packed, const hal_gemm_panel *panel);

/* One tile of C: c[r*ldc+j] = (accumulate ? c : 0) + sum over k, for r < rows <= mr and all j < cols rounded
 * up to whole vectors. b advances by ldb elements per k step (packed: nr; unpacked: the row stride of B). */
typedef struct hal_gemm_tile {
    int64_t k;
    const void *a, *b;
    int64_t ldb;
    float *c;
    int64_t ldc, rows, cols;
    bool accumulate;
} hal_gemm_tile;

struct hal_gemm_kernel {
    const char *name;
    uint32_t features;
    uint32_t dtypes;         /* bit 1 << dtype: accepted operand types */
    int64_t mr, nr, k_unit;  /* tile of C, and what k is padded to */
    int64_t row_unit;        /* rows below which a tile costs no less; parts are cut between them */
    int64_t mc, kc, nc;      /* largest block: A in the second-level cache, a panel of B in the first */
    int64_t mb;              /* rows whose sums are kept while k is walked in more than one block */
    int64_t k_run;           /* no need to sum fewer steps of k at a time: see run_length */
    int64_t element;         /* packed bytes per element */
    int64_t panel_lanes;     /* columns of a panel of B that lie together for k_unit steps: see hal_gemm_panel_at */
    bool direct_b;           /* the tile function can read f32 rows of B in place */
    hal_gemm_pack pack_a, pack_b;
    void (*multiply)(const hal_gemm_tile *tile);
    /* Around a run of multiply() by one thread; NULL where nothing is to be set up. */
    void (*enter)(void);
    void (*leave)(void);
    /* Few rows: reads B in place, once. NULL where the instruction set has no such path. */
    bool (*skinny_takes)(const hal_gemm_problem *problem);
    size_t skinny_scratch;
    void (*skinny)(const hal_gemm_problem *problem, int64_t j0, int64_t j1, void *scratch);
};

/* One per file; NULL when the build could not compile the instruction set. */
const hal_gemm_kernel *hal_gemm_plain(void);
const hal_gemm_kernel *hal_gemm_avx2(void);
const hal_gemm_kernel *hal_gemm_avx512(void);
const hal_gemm_kernel *hal_gemm_avx512_bf16(void);
const hal_gemm_kernel *hal_gemm_amx(void);

/* Bytes of a panel of B over all of k. */
static inline int64_t hal_gemm_panel_size(const hal_gemm_kernel *kernel, int64_t k)
{
    int64_t steps = (k + kernel->k_unit - 1) / kernel->k_unit * kernel->k_unit;
    return steps * kernel->nr * kernel->element;
}

/* Address of an element; inline, for the innermost loops. */
static inline const void *hal_gemm_address(const void *data, hal_gemm_dtype dtype, int64_t index)
{
    return (const char *)data + index * (dtype == HAL_GEMM_F32 ? 4 : 2);
}

/* Value of an element, exact for every type. */
float hal_gemm_element(const void *data, hal_gemm_dtype dtype, int64_t index);

/* Portable packing to f32, for any strides: packed[k * width + lane]. */
void hal_gemm_pack_f32(float *packed, int64_t width, const hal_gemm_panel *panel);

#endif
