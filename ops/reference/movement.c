/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Movement of elements. Nothing is computed, so every result is exact:
 *   copy, cast, reshape, pack, send: y[i] = x[i]; rounding to the output's dtype happens outside
 *   transpose: y[i_perm[0], ...] = x[i_0, ...]       slice: y[.., i, ..] = x[.., start + i step, ..]
 *   broadcast: y[i] = x[i, aligned innermost]        split, concat: parts along one axis
 */
#include "array.h"

hal_status hal_op_reference_copy(const hal_reference_call *call) {
    for (int64_t i = 0; i < call->out[0].n; i++) call->out[0].data[i] = call->in[0].data[i];
    return HAL_OK;
}

hal_status hal_op_reference_cast(const hal_reference_call *call) { return hal_op_reference_copy(call); }

hal_status hal_op_reference_transpose(const hal_reference_call *call) {
    const hal_transpose_attrs *a = call->attrs;
    const hal_array *x = call->in, *y = call->out;
    int64_t stride[HAL_MAX_RANK], index[HAL_MAX_RANK];
    hal_array_strides(x, stride);
    for (int64_t i = 0; i < y->n; i++) {
        hal_array_unravel(y, i, index);
        int64_t from = 0;
        for (uint32_t d = 0; d < y->rank; d++)
            from += index[d] * stride[a->perm.n ? hal_axis_of(a->perm.v[d], x->rank) : x->rank - 1 - d];
        y->data[i] = x->data[from];
    }
    return HAL_OK;
}

hal_status hal_op_reference_slice(const hal_reference_call *call) {
    const hal_slice_attrs *a = call->attrs;
    const hal_array *x = call->in, *y = call->out;
    uint32_t axis = hal_axis_of(a->axis, x->rank);
    int64_t stride[HAL_MAX_RANK], index[HAL_MAX_RANK];
    hal_array_strides(x, stride);
    for (int64_t i = 0; i < y->n; i++) {
        hal_array_unravel(y, i, index);
        index[axis] = a->start + index[axis] * a->step;
        int64_t from = 0;
        for (uint32_t d = 0; d < x->rank; d++) from += index[d] * stride[d];
        y->data[i] = x->data[from];
    }
    return HAL_OK;
}

hal_status hal_op_reference_broadcast(const hal_reference_call *call) {
    const hal_array *x = call->in, *y = call->out;
    int64_t index[HAL_MAX_RANK];
    for (int64_t i = 0; i < y->n; i++) {
        hal_array_unravel(y, i, index);
        y->data[i] = x->data[hal_array_broadcast_index(x, index, y->rank)];
    }
    return HAL_OK;
}

/* Copies `part`, which begins at `start` on `axis` of `whole`, out of it or into it. */
static void part_copy(const hal_array *whole, const hal_array *part, uint32_t axis, int64_t start,
                      bool into) {
    int64_t outer = hal_array_span(whole, 0, axis), inner = hal_array_span(whole, axis + 1, whole->rank);
    int64_t length = part->size[axis] * inner, pitch = whole->size[axis] * inner;
    for (int64_t o = 0; o < outer; o++) {
        double *w = whole->data + o * pitch + start * inner, *p = part->data + o * length;
        for (int64_t i = 0; i < length; i++) {
            if (into) w[i] = p[i];
            else p[i] = w[i];
        }
    }
}

hal_status hal_op_reference_split(const hal_reference_call *call) {
    const hal_split_attrs *a = call->attrs;
    uint32_t axis = hal_axis_of(a->axis, call->in[0].rank);
    for (uint32_t o = 0; o < call->n_out; o++)
        part_copy(call->in, &call->out[o], axis, o * call->out[o].size[axis], false);
    return HAL_OK;
}

hal_status hal_op_reference_concat(const hal_reference_call *call) {
    const hal_concat_attrs *a = call->attrs;
    uint32_t axis = hal_axis_of(a->axis, call->out[0].rank);
    int64_t start = 0;
    for (uint32_t i = 0; i < call->n_in; i++) {
        part_copy(call->out, &call->in[i], axis, start, true);
        start += call->in[i].size[axis];
    }
    return HAL_OK;
}

hal_status hal_op_reference_fill(const hal_reference_call *call) {
    const hal_fill_attrs *a = call->attrs;
    for (int64_t i = 0; i < call->out[0].n; i++) call->out[0].data[i] = a->value;
    return HAL_OK;
}

hal_status hal_op_reference_iota(const hal_reference_call *call) {
    const hal_iota_attrs *a = call->attrs;
    for (int64_t i = 0; i < call->out[0].n; i++) call->out[0].data[i] = (double)(a->start + i);
    return HAL_OK;
}
