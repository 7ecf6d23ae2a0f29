/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collectives over the members of a group; input r and output r belong to member r.
 *   all_reduce: y_r = x_0 op x_1 op ... in rank order       reduce_scatter: y_r = part r of the sum along
 *               axis 0
 *   all_gather: y_r = concat(x_0, x_1, ...) along axis 0    broadcast_from: y_r = x
 * Magnitude of sums: sqrt(members) sum |x|, divided by the members for the mean; 0 for max and min.
 */
#include "array.h"

enum { SUM, MEAN, MAX, MIN };

static double combined(const hal_reference_call *call, int64_t kind, int64_t i, double *magnitude) {
    double y = call->in[0].data[i], absolute = fabs(y), members = (double)call->n_in;
    for (uint32_t r = 1; r < call->n_in; r++) {
        double x = call->in[r].data[i];
        absolute += fabs(x);
        y = kind == MAX ? fmax(y, x) : kind == MIN ? fmin(y, x) : y + x;
    }
    *magnitude = kind == MAX || kind == MIN
                     ? 0.0
                     : hal_grown(kind == MEAN ? absolute / members : absolute, call->n_in);
    return kind == MEAN ? y / members : y;
}

/* Output r = the combined elements from r * `pitch` on. */
static void combine_into(const hal_reference_call *call, int64_t kind, int64_t pitch) {
    for (uint32_t r = 0; r < call->n_out; r++) {
        const hal_array *y = &call->out[r];
        for (int64_t i = 0; i < y->n; i++) {
            double magnitude;
            y->data[i] = combined(call, kind, (int64_t)r * pitch + i, &magnitude);
            if (y->scale) y->scale[i] = magnitude;
        }
    }
}

hal_status hal_op_reference_all_reduce(const hal_reference_call *call) {
    const hal_all_reduce_attrs *a = call->attrs;
    combine_into(call, a->kind, 0);
    return HAL_OK;
}

hal_status hal_op_reference_reduce_scatter(const hal_reference_call *call) {
    combine_into(call, SUM, call->out[0].n);
    return HAL_OK;
}

hal_status hal_op_reference_all_gather(const hal_reference_call *call) {
    for (uint32_t r = 0; r < call->n_out; r++) {
        double *y = call->out[r].data;
        for (uint32_t k = 0; k < call->n_in; k++)
            for (int64_t i = 0; i < call->in[k].n; i++) *y++ = call->in[k].data[i];
    }
    return HAL_OK;
}

hal_status hal_op_reference_broadcast_from(const hal_reference_call *call) {
    for (uint32_t r = 0; r < call->n_out; r++)
        for (int64_t i = 0; i < call->out[r].n; i++) call->out[r].data[i] = call->in[0].data[i];
    return HAL_OK;
}
