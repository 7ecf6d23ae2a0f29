/* SPDX-License-Identifier: Apache-2.0 */
/* Reference GEMM kernel: a 4x8 tile of C in portable C.
 *
 *   c[r][j] (+)= sum_k a[k][r] * b[k][j]      a packed k x 4, b packed k x 8, both f32, summed in ascending k
 *
 * The other kernels compute the same sum with another tile; they differ from this one by the rounding of the
 * product (they fuse multiply and add) and, for the few-rows path, by the order of k. */
#include "cpu/gemm_kernel.h"

enum { MR = 4, NR = 8 };

static void pack_a(void *packed, const hal_gemm_panel *panel)
{
    hal_gemm_pack_f32(packed, MR, panel);
}

static void pack_b(void *packed, const hal_gemm_panel *panel)
{
    hal_gemm_pack_f32(packed, NR, panel);
}

static void multiply(const hal_gemm_tile *tile)
{
    float sum[MR][NR] = {{0}};
    const float *a = tile->a, *b = tile->b;
    for (int64_t k = 0; k < tile->k; k++, a += MR, b += tile->ldb) {
        for (int r = 0; r < MR; r++) {
            for (int j = 0; j < NR; j++) {
                sum[r][j] += a[r] * b[j];
            }
        }
    }
    for (int64_t r = 0; r < tile->rows; r++) {
        float *c = tile->c + r * tile->ldc;
        for (int j = 0; j < NR; j++) {
            c[j] = tile->accumulate ? c[j] + sum[r][j] : sum[r][j];
        }
    }
}

static const hal_gemm_kernel kernel = {
    .name = "plain",
    .dtypes = 1u << HAL_GEMM_F32 | 1u << HAL_GEMM_BF16 | 1u << HAL_GEMM_F16,
    .mr = MR, .nr = NR, .row_unit = 1, .k_unit = 1,
    .mc = 64, .kc = 256, .nc = 512, .mb = 512,
    .k_run = 64, .element = 4, .panel_lanes = NR,
    .direct_b = true,
    .pack_a = pack_a, .pack_b = pack_b,
    .multiply = multiply,
};

const hal_gemm_kernel *hal_gemm_plain(void)
{
    return &kernel;
}
