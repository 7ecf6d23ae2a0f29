/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows chosen by indices.
 *   gather:      y[.., i.., ..] = x[.., indices[i..], ..], zeros for an index outside
 *   scatter_add: y = base; y[indices[i]] += updates[i]          magnitude: sum of what was added and the base
 *   set_rows:    y = base; y[.., indices[i], ..] = rows[.., i, ..]
 *   embedding:   y[i] = table[ids[i]]          embedding_grad: dtable[ids[i]] += dy[i]
 */
#include "array.h"

/* Whether `index` names one of n rows; NaN does not. */
static bool row_of(double index, int64_t n, int64_t *row) {
    if (!(index >= 0 && index < (double)n)) return false;
    *row = (int64_t)index;
    return true;
}

static void gather(const hal_array *x, const hal_array *indices, const hal_array *y, uint32_t axis) {
    int64_t outer = hal_array_span(x, 0, axis), inner = hal_array_span(x, axis + 1, x->rank),
            n = x->size[axis], row;
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < indices->n; i++)
            for (int64_t e = 0; e < inner; e++)
                y->data[(o * indices->n + i) * inner + e] =
                    row_of(indices->data[i], n, &row) ? x->data[(o * n + row) * inner + e] : 0.0;
}

hal_status hal_op_reference_gather(const hal_reference_call *call) {
    const hal_gather_attrs *a = call->attrs;
    gather(&call->in[0], &call->in[1], call->out, hal_axis_of(a->axis, call->in[0].rank));
    return HAL_OK;
}

hal_status hal_op_reference_embedding(const hal_reference_call *call) {
    gather(&call->in[0], &call->in[1], call->out, 0);
    return HAL_OK;
}

/* Adds row i of `updates` to row indices[i] of `y`, counting terms a row for the growth of the bound. */
static hal_status scatter(const hal_reference_call *call, const hal_array *indices, const hal_array *updates,
                          hal_array *y) {
    int64_t rows = y->size[0], inner = hal_array_span(y, 1, y->rank), row;
    int64_t *terms = hal_allocate_array(call->allocator, rows ? (size_t)rows : 1, sizeof *terms);
    if (!terms) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t i = 0; i < indices->n; i++) {
        if (!row_of(indices->data[i], rows, &row)) continue;
        terms[row]++;
        for (int64_t e = 0; e < inner; e++) {
            y->data[row * inner + e] += updates->data[i * inner + e];
            if (y->scale) y->scale[row * inner + e] += fabs(updates->data[i * inner + e]);
        }
    }
    /* A row nothing was added to is moved, not computed: it stays exact. */
    for (int64_t i = 0; y->scale && i < y->n; i++)
        y->scale[i] = terms[i / inner] ? hal_grown(y->scale[i], terms[i / inner]) : 0.0;
    hal_deallocate(call->allocator, terms);
    return HAL_OK;
}

hal_status hal_op_reference_scatter_add(const hal_reference_call *call) {
    hal_array *y = call->out;
    for (int64_t i = 0; i < y->n; i++) {
        y->data[i] = call->in[0].data[i];
        if (y->scale) y->scale[i] = fabs(y->data[i]);
    }
    return scatter(call, &call->in[1], &call->in[2], y);
}

hal_status hal_op_reference_embedding_grad(const hal_reference_call *call) {
    hal_array *y = call->out;
    for (int64_t i = 0; i < y->n; i++) {
        y->data[i] = 0.0;
        if (y->scale) y->scale[i] = 0.0;
    }
    return scatter(call, &call->in[1], &call->in[0], y);
}

hal_status hal_op_reference_set_rows(const hal_reference_call *call) {
    const hal_set_rows_attrs *a = call->attrs;
    const hal_array *base = call->in, *rows = call->in + 1, *indices = call->in + 2, *y = call->out;
    uint32_t axis = hal_axis_of(a->axis, base->rank);
    int64_t outer = hal_array_span(y, 0, axis), inner = hal_array_span(y, axis + 1, y->rank),
            n = y->size[axis], row;
    for (int64_t i = 0; i < y->n; i++) y->data[i] = base->data[i];
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < indices->n; i++) {
            if (!row_of(indices->data[i], n, &row)) continue;
            for (int64_t e = 0; e < inner; e++)
                y->data[(o * n + row) * inner + e] = rows->data[(o * indices->n + i) * inner + e];
        }
    return HAL_OK;
}
