/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order on the innermost axis. Exact; the lower index comes first among equals.
 *   arg_max: lowest i with x[i] = max x      sort: stable, ascending or descending      top_k: first k,
 *            descending
 */
#include "array.h"

#include <stdlib.h>

typedef struct item { double value; int64_t index; } item;

static int by_index(const item *a, const item *b) { return a->index < b->index ? -1 : a->index > b->index; }

static int ascending(const void *left, const void *right) {
    const item *a = left, *b = right;
    if (a->value != b->value) return a->value < b->value ? -1 : 1;
    return by_index(a, b);
}

static int descending(const void *left, const void *right) {
    const item *a = left, *b = right;
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    return by_index(a, b);
}

hal_status hal_op_reference_arg_max(const hal_reference_call *call) {
    const hal_array *x = call->in;
    int64_t n = hal_array_inner(x);
    for (int64_t r = 0; r < hal_array_rows(x); r++) {
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++)
            if (x->data[r * n + i] > x->data[r * n + best]) best = i;
        call->out[0].data[r] = (double)best;
    }
    return HAL_OK;
}

/* Writes the first k of every sorted row. */
static hal_status sorted(const hal_reference_call *call, int (*order)(const void *, const void *),
                         int64_t k) {
    const hal_array *x = call->in;
    int64_t n = hal_array_inner(x);
    item *items = hal_allocate_array(call->allocator, n ? (size_t)n : 1, sizeof *items);
    if (!items) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t r = 0; r < hal_array_rows(x); r++) {
        for (int64_t i = 0; i < n; i++) items[i] = (item){x->data[r * n + i], i};
        qsort(items, (size_t)n, sizeof *items, order);
        for (int64_t i = 0; i < k; i++) {
            call->out[0].data[r * k + i] = items[i].value;
            call->out[1].data[r * k + i] = (double)items[i].index;
        }
    }
    hal_deallocate(call->allocator, items);
    return HAL_OK;
}

hal_status hal_op_reference_sort(const hal_reference_call *call) {
    const hal_sort_attrs *a = call->attrs;
    return sorted(call, a->descending ? descending : ascending, hal_array_inner(call->in));
}

hal_status hal_op_reference_top_k(const hal_reference_call *call) {
    const hal_top_k_attrs *a = call->attrs;
    return sorted(call, descending, a->k);
}
