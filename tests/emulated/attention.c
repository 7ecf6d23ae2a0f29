/* SPDX-License-Identifier: Apache-2.0 */
/* Weights are rounded to the type of v before they multiply it, as on units that multiply matrices of that type; their sum is
   of what they were before. */
#include "attention.h"

#include <math.h>
#include <stdlib.h>

#include <hal/ops.h>

#include "ops/kernel/element.h"

static size_t width_of(const emu_tensor *x) { return x->type == HAL_F32 ? 4 : 2; }

size_t emu_tensor_bytes(const emu_tensor *x) {
    int64_t last = 0;
    for (int d = 0; d < 4; d++) last += (x->size[d] - 1) * x->stride[d];
    return (size_t)(last + 1) * width_of(x);
}

static char *element(const emu_tensor *x, char *base, int64_t b, int64_t h, int64_t row, int64_t column) {
    const int64_t at = b * x->stride[0] + h * x->stride[1] + row * x->stride[2] + column * x->stride[3];
    return base + (size_t)at * width_of(x);
}

static float get(const emu_tensor *x, char *base, int64_t b, int64_t h, int64_t row, int64_t column) {
    return (float)hal_load_double(x->type, element(x, base, b, h, row, column));
}

static float rounded(uint32_t type, float v) {
    char bytes[8];
    hal_store_double(type, bytes, (double)v);
    return (float)hal_load_double(type, bytes);
}

/* Scores of a row, and the largest. */
static float score(const emu_attention *a, char *const at[5], int64_t b, int64_t h, int64_t row, float *x) {
    const int64_t head = h / (a->q.size[1] / a->k.size[1]);
    float most = -INFINITY;
    for (int64_t j = 0; j < a->k.size[2]; j++) {
        float sum = 0;
        for (int64_t c = 0; c < a->q.size[3]; c++)
            sum += get(&a->q, at[0], b, h, row, c) * get(&a->k, at[1], b, head, j, c);
        x[j] = a->masked && row + a->shift < j ? a->hidden : sum * a->scale;
        most = fmaxf(most, x[j]);
    }
    return most;
}

static void attend(const emu_attention *a, char *const at[5], int64_t b, int64_t h, int64_t row, float *x) {
    const int64_t head = h / (a->q.size[1] / a->v.size[1]);
    const float most = score(a, at, b, h, row, x);
    float sum = 0;
    for (int64_t j = 0; j < a->k.size[2]; j++) {
        const float weight = expf(x[j] - most);
        sum += weight;
        x[j] = rounded(a->v.type, weight);
    }
    for (int64_t c = 0; c < a->v.size[3]; c++) {
        float y = 0;
        for (int64_t j = 0; j < a->k.size[2]; j++) y += x[j] * get(&a->v, at[2], b, head, j, c);
        hal_store_double(a->y.type, element(&a->y, at[3], b, h, row, c), (double)(y / sum));
    }
    hal_store_double(a->stats.type, element(&a->stats, at[4], b, h, row, 0), (double)(most + logf(sum)));
}

bool emu_attention_run(const emu_attention *a, char *const at[5]) {
    float *x = malloc((size_t)a->k.size[2] * sizeof *x);
    const int64_t heads = a->q.size[1], rows = a->q.size[2];
    for (int64_t i = 0; x && i < a->q.size[0] * heads * rows; i++)
        attend(a, at, i / rows / heads, i / rows % heads, i % rows, x);
    free(x);
    return x != NULL;
}
