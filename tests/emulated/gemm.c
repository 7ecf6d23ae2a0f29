/* SPDX-License-Identifier: Apache-2.0 */
/* Sums are of floats, in the order of k: a real cuBLASLt has other orders, so results are equal within rounding only. */
#include "gemm.h"

#include <math.h>
#include <stdlib.h>

#include <hal/ops.h>

#include "ops/kernel/element.h"

static int64_t place(const emu_matrix *x, int64_t row, int64_t col) { return x->by_row ? row * x->ld + col
    : col * x->ld + row; }

static const char *element(const emu_matrix *x, const char *base, int64_t batch, int64_t row, int64_t col) {
    return base + (batch * x->stride + place(x, row, col)) * (int64_t)x->width;
}

size_t emu_matrix_bytes(const emu_matrix *x, int64_t batch) {
    if (x->rows == 0 || x->cols == 0) return 0;
    return (size_t)((batch - 1) * x->stride + place(x, x->rows - 1, x->cols - 1) + 1) * x->width;
}

/* op(X) as floats, row by row. */
static void gather(const emu_matrix *x, bool transposed, const char *base, int64_t batch, int64_t rows, int64_t cols,
    float *to) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++) {
            const char *from = transposed ? element(x, base, batch, c, r) : element(x, base, batch, r, c);
            to[r * cols + c] = (float)hal_load_double(x->type, from);
        }
}

static float finish(const emu_gemm *g, float v) {
    if (g->epilogue == EMU_RELU) return v > 0 ? v : 0;
    if (g->epilogue == EMU_GELU) return 0.5f * v * (1 + tanhf(0.7978845608f * (v + 0.044715f * v * v * v)));
    return v;
}

static float bias_of(const emu_gemm *g, const char *bias, int64_t batch, int64_t row) {
    const int64_t width = g->bias_type == HAL_F32 ? 4 : 2;
    return g->bias_type ? (float)hal_load_double(g->bias_type, bias + (batch * g->bias_stride + row) * width) : 0;
}

static void store_row(const emu_gemm *g, char *const at[6], int64_t batch, int64_t row, const float *sum) {
    const float bias = bias_of(g, at[4], batch, row);
    for (int64_t c = 0; c < g->n; c++) {
        float v = g->alpha * sum[c] + bias;
        if (g->beta != 0) v += g->beta * (float)hal_load_double(g->c.type, element(&g->c, at[2], batch, row, c));
        if (g->aux_type) {
            const int64_t width = g->aux_type == HAL_F32 ? 4 : 2;
            hal_store_double(g->aux_type, at[5] + (batch * g->aux_stride + c * g->aux_ld + row) * width, (double)v);
        }
        hal_store_double(g->d.type, (char *)(uintptr_t)element(&g->d, at[3], batch, row, c), (double)finish(g, v));
    }
}

static void add_row(const float *a, const float *b, int64_t n, int64_t k, float *sum) {
    for (int64_t c = 0; c < n; c++) sum[c] = 0;
    for (int64_t p = 0; p < k; p++)
        for (int64_t c = 0; c < n; c++) sum[c] += a[p] * b[p * n + c];
}

static void run_batch(const emu_gemm *g, char *const at[6], int64_t batch, float *a, float *b, float *sum) {
    gather(&g->a, g->transposed_a, at[0], batch, g->m, g->k, a);
    gather(&g->b, g->transposed_b, at[1], batch, g->k, g->n, b);
    for (int64_t r = 0; r < g->m; r++) {
        add_row(a + r * g->k, b, g->n, g->k, sum);
        store_row(g, at, batch, r, sum);
    }
}

bool emu_gemm_run(const emu_gemm *g, char *const at[6]) {
    float *a = malloc(((size_t)(g->m * g->k) + 1) * sizeof *a), *b = malloc(((size_t)(g->k * g->n) + 1) * sizeof *b);
    float *sum = malloc(((size_t)g->n + 1) * sizeof *sum);
    const bool well = a && b && sum;
    for (int64_t i = 0; well && i < g->batch; i++) run_batch(g, at, i, a, b, sum);
    free(a);
    free(b);
    free(sum);
    return well;
}
