/* SPDX-License-Identifier: Apache-2.0 */
/* c += a b for blocks that lie in the first two caches: rows of b and c are dense and padded to whole
   vectors; a has any strides. */
#ifndef HAL_OPS_CPU_MINI_GEMM_H
#define HAL_OPS_CPU_MINI_GEMM_H

#include "row_math.h"

#define HAL_PAD(n) (((n) + 15) & ~(int64_t)15)

typedef struct hal_mini {
    int64_t m, n, k;                     /* n is rounded up to 16 */
    const float *a;
    int64_t a_row, a_col;
    const float *b;
    int64_t b_row;
    float *c;
    int64_t c_row;
} hal_mini;

/* `rows` x `vectors` sums stay in registers over all of k. Both are constants where this is inlined. */
static inline __attribute__((always_inline)) void hal_mini_tile(const hal_mini *g, int64_t i, int64_t j,
    int rows, int vectors) {
    hal_vec sum[4][2];
    float *c = g->c + i * g->c_row + j;
    const float *a = g->a + i * g->a_row, *b = g->b + j;
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) sum[r][v] = HAL_VEC_AT(c + r * g->c_row + v * HAL_VEC);
    }
    for (int64_t l = 0; l < g->k; l++) {
        for (int v = 0; v < vectors; v++) {
            hal_vec bv = HAL_VEC_AT(b + l * g->b_row + v * HAL_VEC);
            for (int r = 0; r < rows; r++) {
                sum[r][v] = hal_vec_fma(bv, hal_vec_all(a[r * g->a_row + l * g->a_col]), sum[r][v]);
            }
        }
    }
    for (int r = 0; r < rows; r++) {
        for (int v = 0; v < vectors; v++) *(hal_vec *)(void *)(c + r * g->c_row + v * HAL_VEC) = sum[r][v];
    }
}

static inline void hal_mini_rows(const hal_mini *g, int64_t i, int64_t j, int64_t rows, int vectors) {
    if (vectors == 2) {
        if (rows == 4) hal_mini_tile(g, i, j, 4, 2);
        else for (int64_t r = 0; r < rows; r++) hal_mini_tile(g, i + r, j, 1, 2);
    } else {
        if (rows == 4) hal_mini_tile(g, i, j, 4, 1);
        else for (int64_t r = 0; r < rows; r++) hal_mini_tile(g, i + r, j, 1, 1);
    }
}

static inline void hal_mini_run(const hal_mini *g) {
    int64_t n = HAL_PAD(g->n);
    for (int64_t j = 0; j < n;) {
        int vectors = n - j >= 2 * HAL_VEC ? 2 : 1;
        for (int64_t i = 0; i < g->m; i += 4) hal_mini_rows(g, i, j, hal_cpu_min(4, g->m - i), vectors);
        j += vectors * HAL_VEC;
    }
}

#endif
