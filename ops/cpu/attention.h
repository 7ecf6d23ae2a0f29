/* SPDX-License-Identifier: Apache-2.0 */
/* What forward and backward attention share: sizes, masks, blocks of keys and values. */
#ifndef HAL_OPS_CPU_ATTENTION_H
#define HAL_OPS_CPU_ATTENTION_H

#include "mini_gemm.h"

#define HAL_QUERY_BLOCK 64
#define HAL_KEY_BLOCK 64
/* Queries that go together through one block of keys: few, so that a causal mask saves work inside a block. */
#define HAL_QUERY_GROUP 16

typedef struct hal_attention {
    const hal_cpu_operand *q, *k, *v, *bias, *start;
    hal_strided bias_view;              /* of [b, hq, t, s] */
    int64_t b, hq, hk, t, s, d, e;
    float scale;
    bool causal;
} hal_attention;

/* Rows of one head as floats, `stride` floats apart. */
typedef struct hal_attention_rows { float *at; int64_t stride; } hal_attention_rows;

#define hal_attention_setup HAL_CPU_V(attention_setup)
#define hal_attention_scores HAL_CPU_V(attention_scores)
#define hal_attention_transpose HAL_CPU_V(attention_transpose)
#define hal_attention_load HAL_CPU_V(attention_load)
#define hal_attention_target HAL_CPU_V(attention_target)
#define hal_attention_save HAL_CPU_V(attention_save)

/* q, k, v stand at `first` and after; bias and start at `bias`. */
void hal_attention_setup(const hal_cpu_call *call, uint32_t first, uint32_t bias, bool causal, double scale,
    hal_attention *a);
/* Rows [first_row, first_row + n) of a [b, h, rows, width] operand, all of one head: where they lie, if they
   are floats and as wide as `padded`, else copied to `buffer` and padded with zeros. */
hal_attention_rows hal_attention_load(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t padded,
    float *buffer);
/* Zeroed rows of an output to add to, and what stores them if they are in `buffer`. */
hal_attention_rows hal_attention_target(const hal_cpu_operand *x, int64_t first_row, int64_t n,
    int64_t padded, float *buffer);
void hal_attention_save(const hal_cpu_operand *x, int64_t first_row, int64_t n, hal_attention_rows rows,
    const float *buffer);
/* n <= HAL_KEY_BLOCK rows as columns: to[c * HAL_KEY_BLOCK + j], padded with zeros to whole groups of 16. */
void hal_attention_transpose(hal_attention_rows rows, int64_t n, int64_t width, float *to);
/* Multiplies scores by the scale, adds the bias and masks: n_q rows of queries from i0, n_k keys from j0; the
   rest of `columns` is -inf. */
void hal_attention_scores(const hal_attention *a, int64_t head, int64_t i0, int64_t n_q, int64_t j0,
    int64_t n_k, int64_t columns, float *scores);

static inline int64_t hal_attention_start(const hal_attention *a) {
    return a->start ? (int64_t)hal_load_double(a->start->dtype, a->start->data) : a->s - a->t;
}
/* Keys that queries before `end` may see. */
static inline int64_t hal_attention_keys(const hal_attention *a, int64_t end) {
    return a->causal ? hal_cpu_max(0, hal_cpu_min(a->s, hal_attention_start(a) + end)) : a->s;
}

/* Of n_k keys from j0, how many lead those are that some query before `end` may see. */
static inline int64_t hal_attention_seen(const hal_attention *a, int64_t end, int64_t j0, int64_t n_k) {
    return hal_cpu_max(0, hal_cpu_min(n_k, hal_attention_keys(a, end) - j0));
}

#endif
