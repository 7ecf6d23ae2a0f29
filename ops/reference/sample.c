/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sampling: temperature <= 0 gives the arg_max. Otherwise the k largest logits in descending order (lower
 * index first), p_i = e^((x_i - x_0) / temperature) / sum; members whose preceding mass is < top_p are kept,
 * at least one; the answer is the first kept member whose inclusive mass exceeds u times the kept mass, the
 * last kept one if rounding leaves none.
 */
#include "array.h"

#include <stdlib.h>

typedef struct item { double value, mass; int64_t index; } item;

static int descending(const void *left, const void *right) {
    const item *a = left, *b = right;
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return a->index < b->index ? -1 : a->index > b->index;
}

/* The chosen one of k sorted items. */
static int64_t choose(item *items, int64_t k, double u, double temperature, double top_p) {
    if (temperature <= 0.0) return items[0].index;
    double total = 0.0, before = 0.0;
    for (int64_t i = 0; i < k; i++) {
        items[i].mass = exp((items[i].value - items[0].value) / temperature);
        total += items[i].mass;
    }
    int64_t kept = 0;
    for (; kept < k && (kept == 0 || before < top_p); kept++) before += items[kept].mass / total;
    double inclusive = 0.0;
    for (int64_t i = 0; i < kept; i++) {
        inclusive += items[i].mass / total;
        if (inclusive > u * before) return items[i].index;
    }
    return items[kept - 1].index;
}

hal_status hal_op_reference_sample(const hal_reference_call *call) {
    const hal_sample_attrs *a = call->attrs;
    const hal_array *x = call->in;
    int64_t v = hal_array_inner(x), k = a->top_k > 0 && a->top_k < v ? a->top_k : v;
    item *items = hal_allocate_array(call->allocator, v ? (size_t)v : 1, sizeof *items);
    if (!items) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t r = 0; r < hal_array_rows(x) && v > 0; r++) {
        for (int64_t i = 0; i < v; i++) items[i] = (item){x->data[r * v + i], 0.0, i};
        qsort(items, (size_t)v, sizeof *items, descending);
        call->out[0].data[r] = (double)choose(items, k, call->in[1].data[r], call->in[2].data[0],
                                              call->in[3].data[0]);
    }
    hal_deallocate(call->allocator, items);
    return HAL_OK;
}
