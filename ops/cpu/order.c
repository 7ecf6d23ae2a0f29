/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order on the innermost axis: arg_max, top_k, sort (stable merge sort) and sample. Ties go to the lower
 * index; NaN counts as
 * larger than every number. sample: see the row in ops.def; probabilities and masses in double.
 * Reference: hal_op_reference_arg_max, _top_k, _sort, _sample.
 */
#include <math.h>

#include "kernels.h"
#include "rows.h"

typedef struct item { double key; int64_t index; } item;

static int compare(double a, double b) {
    bool an = a != a, bn = b != b;
    if (an || bn) return (int)an - (int)bn;
    return (a > b) - (a < b);
}

static bool goes_first(const item *a, const item *b, bool descending) {
    int c = compare(a->key, b->key);
    return descending ? c >= 0 : c <= 0;
}

/* Merges runs of doubling length between two arrays; returns the one that holds the result. */
static item *merge_sort(item *a, item *spare, int64_t n, bool descending) {
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t start = 0; start < n; start += 2 * width) {
            int64_t i = start, middle = hal_cpu_min(n, start + width), j = middle, end = hal_cpu_min(n,
                start + 2 * width);
            for (int64_t to = start; to < end; to++) {
                bool first = j >= end || (i < middle && goes_first(&a[i], &a[j], descending));
                spare[to] = first ? a[i++] : a[j++];
            }
        }
        item *swap = a;
        a = spare;
        spare = swap;
    }
    return a;
}

static void load_items(const hal_cpu_operand *x, int64_t start, int64_t n, double *numbers, item *to) {
    hal_rows_read_double(&x->flat, x->data, start, n, numbers);
    for (int64_t i = 0; i < n; i++) to[i] = (item){numbers[i], i};
}

/* The k largest, descending, by insertion: cheap while k is small. */
static void select_largest(const item *x, int64_t n, int64_t k, item *best) {
    int64_t have = 0;
    for (int64_t i = 0; i < n; i++) {
        if (have == k && goes_first(&best[k - 1], &x[i], true)) continue;
        int64_t at = have < k ? have++ : k - 1;
        while (at > 0 && !goes_first(&best[at - 1], &x[i], true)) {
            best[at] = best[at - 1];
            at--;
        }
        best[at] = x[i];
    }
}

static item *largest(item *x, item *spare, int64_t n, int64_t k) {
    if (k > 64) return merge_sort(x, spare, n, true);
    select_largest(x, n, k, spare);
    return spare;
}

static void save_items(const hal_cpu_call *call, int64_t start, int64_t n, const item *from,
    double *numbers) {
    const hal_cpu_operand *values = hal_cpu_out(call, 0), *indices = hal_cpu_out(call, 1);
    for (int64_t i = 0; i < n; i++) numbers[i] = from[i].key;
    hal_rows_write_double(&values->flat, values->data, start, n, numbers);
    for (int64_t i = 0; i < n; i++) numbers[i] = (double)from[i].index;
    hal_rows_write_double(&indices->flat, indices->data, start, n, numbers);
}

typedef struct space { double *numbers; item *first, *second; } space;

static space space_of(void *scratch, int64_t n) {
    space s = {.first = scratch};
    s.second = s.first + n;
    s.numbers = (double *)(s.second + n);
    return s;
}

static void run_arg_max(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_cpu_operand *x = &call->operand[0], *y = hal_cpu_out(call, 0);
    double *numbers = scratch;
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        int64_t best = 0;
        hal_rows_read_double(&x->flat, x->data, r * call->row, call->row, numbers);
        for (int64_t i = 1; i < call->row; i++) best = compare(numbers[i], numbers[best]) > 0 ? i : best;
        double index = (double)best;
        hal_rows_write_double(&y->flat, y->data, r, 1, &index);
    }
}

static void run_top_k(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    int64_t n = call->row, k = hal_cpu_min(n, ((const hal_top_k_attrs *)call->attrs)->k);
    space s = space_of(scratch, n);
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        load_items(&call->operand[0], r * n, n, s.numbers, s.first);
        save_items(call, r * k, k, largest(s.first, s.second, n, k), s.numbers);
    }
}

static void run_sort(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_sort_attrs *attrs = call->attrs;
    int64_t n = call->row;
    space s = space_of(scratch, n);
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        load_items(&call->operand[0], r * n, n, s.numbers, s.first);
        save_items(call, r * n, n, merge_sort(s.first, s.second, n, attrs->descending != 0), s.numbers);
    }
}

/* How many of k descending candidates stay, and their mass; `p` becomes their probabilities. */
static int64_t nucleus(const item *x, int64_t k, double temperature, double top_p, double *p, double *mass) {
    double total = 0;
    int64_t kept = 0;
    for (int64_t i = 0; i < k; i++) total += p[i] = exp((x[i].key - x[0].key) / temperature);
    *mass = 0;
    while (kept < k && (kept == 0 || *mass < top_p)) {
        p[kept] /= total;
        *mass += p[kept++];
    }
    return kept;
}

static int64_t sample_row(space s, int64_t n, int64_t top_k, double u, double temperature, double top_p) {
    double mass, sum = 0;
    int64_t k = temperature > 0 ? (top_k > 0 && top_k < n ? top_k : n) : 1;
    const item *x = largest(s.first, s.second, n, k);
    if (!(temperature > 0)) return x[0].index;
    int64_t kept = nucleus(x, k, temperature, top_p, s.numbers, &mass);
    for (int64_t i = 0; i < kept; i++) {
        sum += s.numbers[i];
        if (sum > u * mass) return x[i].index;
    }
    return x[kept - 1].index;
}

static void run_sample(const hal_cpu_call *call, int64_t chunk, void *scratch) {
    const hal_sample_attrs *attrs = call->attrs;
    const hal_cpu_operand *o = call->operand, *y = hal_cpu_out(call, 0);
    double temperature = hal_load_double(o[2].dtype, o[2].data), top_p = hal_load_double(o[3].dtype,
        o[3].data), u;
    int64_t n = call->row;
    space s = space_of(scratch, n);
    for (int64_t r = chunk * call->grain; r < hal_cpu_rows_end(call, chunk); r++) {
        hal_rows_read_double(&o[1].flat, o[1].data, r, 1, &u);
        load_items(&o[0], r * n, n, s.numbers, s.first);
        double id = (double)sample_row(s, n, attrs->top_k, u, temperature, top_p);
        hal_rows_write_double(&y->flat, y->data, r, 1, &id);
    }
}

static bool prepare(hal_cpu_call *call, hal_cpu_run_fn *run) {
    const hal_cpu_operand *x = &call->operand[0];
    int64_t n = x->rank ? x->size[x->rank - 1] : 1;
    call->scratch_bytes = (size_t)n * (2 * sizeof(item) + sizeof(double));
    hal_cpu_rows(call, n ? x->n / n : 0, n, run);
    return true;
}

bool hal_prepare_arg_max(hal_cpu_call *call) { return prepare(call, run_arg_max); }
bool hal_prepare_top_k(hal_cpu_call *call) { return prepare(call, run_top_k); }
bool hal_prepare_sort(hal_cpu_call *call) { return prepare(call, run_sort); }
bool hal_prepare_sample(hal_cpu_call *call) { return prepare(call, run_sample); }
