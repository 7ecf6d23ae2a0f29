/* SPDX-License-Identifier: Apache-2.0 */
#include "attention.h"

#include <math.h>
#include <string.h>

enum { Q, K, V, BIAS, START };
/* Elements of 16 bits in as many bytes as addresses are multiples of. */
enum { STEP = HAL_CUDA_ATTENTION_ALIGNMENT / 2 };

/* An axis of one element has the stride that a dense one would have: whatever stands there is never used. */
static void lay(const hal_portable_operand *o, hal_cuda_axes *axes) {
    for (uint32_t d = 4; d-- > 0;) {
        axes->size[d] = d < o->rank ? o->size[d] : 1;
        axes->stride[d] = d == 3 ? 1 : axes->stride[d + 1] * axes->size[d + 1];
        if (axes->size[d] > 1) axes->stride[d] = o->stride[d] / (int64_t)o->width;
    }
}

static bool has_rows(const hal_cuda_axes *a) {
    bool well = a->stride[3] == 1 && a->size[3] % STEP == 0;
    for (int d = 0; d < 4; d++) {
        well = well && a->size[d] > 0 && a->size[d] <= INT32_MAX;
        well = well && (d == 3 || (a->stride[d] > 0 && a->stride[d] % STEP == 0));
    }
    return well;
}

static bool is_dense(const hal_cuda_axes *a) {
    int64_t n = 1;
    bool well = true;
    for (int d = 3; d >= 0; d--) {
        well = well && (a->size[d] == 1 || a->stride[d] == n);
        n *= a->size[d];
    }
    return well;
}

static bool has_types(const hal_portable_call *call) {
    const uint32_t dtype = call->operand[Q].dtype;
    if (dtype != HAL_F16 && dtype != HAL_BF16) return false;
    return call->operand[K].dtype == dtype && call->operand[V].dtype == dtype &&
        hal_portable_out(call, 0)->dtype == dtype && hal_portable_out(call, 1)->dtype == HAL_F32;
}

/* The last query sees all keys; one query alone is not masked then. */
static bool mask(int64_t causal, hal_cuda_attention *a) {
    const int64_t t = a->q.size[2], s = a->k.size[2];
    a->masked = causal && t > 1;
    a->shift = a->masked ? (int32_t)(s - t) : 0;
    return !causal || s >= t;
}

bool hal_cuda_attention_make(const hal_portable_call *call, hal_cuda_attention *a) {
    const hal_attention_attrs *attrs = call->attrs;
    memset(a, 0, sizeof *a);
    if (!has_types(call) || hal_portable_in(call, BIAS) || hal_portable_in(call, START)) return false;
    lay(&call->operand[Q], &a->q);
    lay(&call->operand[K], &a->k);
    lay(&call->operand[V], &a->v);
    lay(hal_portable_out(call, 0), &a->y);
    lay(hal_portable_out(call, 1), &a->lse);
    a->dtype = call->operand[Q].dtype;
    a->scale = (float)(attrs->scale > 0 ? attrs->scale : 1.0 / sqrt((double)a->q.size[3]));
    return has_rows(&a->q) && has_rows(&a->k) && has_rows(&a->v) && has_rows(&a->y) && is_dense(&a->lse) &&
        mask(attrs->causal, a);
}
