/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reductions and scans.
 *   reduce: y = sum, sum / n, max, min, prod or sum of squares over the axes; magnitude sqrt(n) sum |x|,
 *           sqrt(n) |y| for prod, 0 for max and min
 *   scan:   y[.., i] = sum of x[.., j], j <= i (< i exclusive, >= i reverse); magnitude sqrt(terms) sum |x|
 *   square_sum: y = sum x^2
 */
#include "array.h"

enum { SUM, MEAN, MAX, MIN, PROD, SUM_SQUARE };

static double start_of(int64_t kind) {
    return kind == MAX ? -INFINITY : kind == MIN ? INFINITY : kind == PROD ? 1.0 : 0.0;
}

static double combine(int64_t kind, double y, double x, double *lost) {
    switch (kind) {
    case MAX: return isnan(x) || isnan(y) ? NAN : fmax(x, y);
    case MIN: return isnan(x) || isnan(y) ? NAN : fmin(x, y);
    case PROD: return y * x;
    case SUM_SQUARE: return hal_reference_add(y, x * x, lost);
    default: return hal_reference_add(y, x, lost);
    }
}

/* Where element `index` of x goes in y: its index without the reduced axes. */
static int64_t target_of(const hal_array *x, const int64_t *index, uint32_t reduced) {
    int64_t linear = 0;
    for (uint32_t d = 0; d < x->rank; d++)
        if (!(reduced >> d & 1u)) linear = linear * x->size[d] + index[d];
    return linear;
}

static uint32_t axes_mask(const hal_int_list *axes, uint32_t rank) {
    uint32_t mask = axes->n ? 0 : 0xffffffffu;
    for (int64_t i = 0; i < axes->n; i++) mask |= 1u << hal_axis_of(axes->v[i], rank);
    return mask;
}

static double magnitude_of(int64_t kind, double sum, double y, int64_t terms) {
    if (kind == MAX || kind == MIN) return 0.0;
    if (kind == PROD) return hal_grown(fabs(y), terms);
    return hal_grown(kind == MEAN && terms ? sum / (double)terms : sum, terms);
}

hal_status hal_op_reference_reduce(const hal_reference_call *call) {
    const hal_reduce_attrs *a = call->attrs;
    const hal_array *x = call->in, *y = call->out;
    uint32_t reduced = axes_mask(&a->axes, x->rank);
    int64_t index[HAL_MAX_RANK], terms = 1;
    for (uint32_t d = 0; d < x->rank; d++)
        if (reduced >> d & 1u) terms *= x->size[d];
    double *lost = hal_allocate_array(call->allocator, y->n ? (size_t)y->n : 1, sizeof *lost);
    if (!lost) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t i = 0; i < y->n; i++) y->data[i] = start_of(a->kind);
    for (int64_t i = 0; y->scale && i < y->n; i++) y->scale[i] = 0.0;
    for (int64_t i = 0; i < x->n; i++) {
        hal_array_unravel(x, i, index);
        int64_t to = target_of(x, index, reduced);
        y->data[to] = combine(a->kind, y->data[to], x->data[i], &lost[to]);
        if (y->scale) y->scale[to] += fabs(a->kind == SUM_SQUARE ? x->data[i] * x->data[i] : x->data[i]);
    }
    for (int64_t i = 0; i < y->n; i++) {
        y->data[i] += lost[i];
        if (a->kind == MEAN) y->data[i] /= (double)terms;
        if (y->scale) y->scale[i] = magnitude_of(a->kind, y->scale[i], y->data[i], terms);
    }
    hal_deallocate(call->allocator, lost);
    return HAL_OK;
}

static void scan_row(const hal_scan_attrs *a, const double *x, double *y, double *scale, int64_t n) {
    double sum = 0.0, absolute = 0.0, lost = 0.0;
    for (int64_t k = 0; k < n; k++) {
        int64_t i = a->reverse ? n - 1 - k : k;
        if (a->exclusive) y[i] = sum + lost;
        if (a->exclusive && scale) scale[i] = hal_grown(absolute, k);
        sum = hal_reference_add(sum, x[i], &lost);
        absolute += fabs(x[i]);
        if (!a->exclusive) y[i] = sum + lost;
        if (!a->exclusive && scale) scale[i] = hal_grown(absolute, k + 1);
    }
}

hal_status hal_op_reference_scan(const hal_reference_call *call) {
    const hal_array *x = call->in, *y = call->out;
    int64_t n = hal_array_inner(x);
    for (int64_t r = 0; r < hal_array_rows(x); r++)
        scan_row(call->attrs, x->data + r * n, y->data + r * n, y->scale ? y->scale + r * n : NULL, n);
    return HAL_OK;
}

hal_status hal_op_reference_square_sum(const hal_reference_call *call) {
    double sum = 0.0;
    for (int64_t i = 0; i < call->in[0].n; i++) sum += call->in[0].data[i] * call->in[0].data[i];
    call->out[0].data[0] = sum;
    if (call->out[0].scale) call->out[0].scale[0] = hal_grown(sum, call->in[0].n);
    return HAL_OK;
}
