/* SPDX-License-Identifier: Apache-2.0 */
/* What forward and backward attention share: sizes, masks, blocks of keys and values. */
#ifndef HAL_OPS_CPU_ATTENTION_H
#define HAL_OPS_CPU_ATTENTION_H

#include "mini_gemm.h"

#define HAL_QUERY_BLOCK 64
#define HAL_KEY_BLOCK 64

typedef struct hal_attention {
    const hal_cpu_operand *q, *k, *v, *bias, *start;
    hal_cpu_view bias_view;              /* of [b, hq, t, s] */
    int64_t b, hq, hk, t, s, d, e;
    float scale;
    bool causal;
} hal_attention;

#define hal_attention_setup HAL_CPU_V(attention_setup)
#define hal_attention_scores HAL_CPU_V(attention_scores)
#define hal_attention_transpose HAL_CPU_V(attention_transpose)

/* q, k, v stand at `first` and after; bias and start at `bias`. */
void hal_attention_setup(const hal_cpu_call *call, uint32_t first, uint32_t bias, bool causal, double scale,
    hal_attention *a);
/* Rows [j0, j0 + n) of a [.., rows, width] operand of head `head` as columns: to[c * HAL_KEY_BLOCK + j], zero
   padded. */
void hal_attention_transpose(const hal_cpu_operand *x, int64_t first_row, int64_t n, int64_t width,
    float *buffer, float *to);
/* Multiplies scores by the scale, adds the bias and masks: n_q rows of queries from i0, n_k keys from j0; the
   rest is -inf. */
void hal_attention_scores(const hal_attention *a, const hal_cpu_call *call, int64_t head, int64_t i0,
    int64_t n_q, int64_t j0,
                          int64_t n_k, float *scores);

static inline int64_t hal_attention_start(const hal_attention *a) {
    return a->start ? (int64_t)hal_load_double(a->start->dtype, a->start->data) : a->s - a->t;
}
/* Keys that queries before `end` may see. */
static inline int64_t hal_attention_keys(const hal_attention *a, int64_t end) {
    return a->causal ? hal_cpu_max(0, hal_cpu_min(a->s, hal_attention_start(a) + end)) : a->s;
}

#endif
