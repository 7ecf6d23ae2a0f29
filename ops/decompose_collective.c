/* SPDX-License-Identifier: Apache-2.0 */
/* Collectives on one device: what the members exchange is there already, and is combined in rank order. */
#include "builder.h"

/* x0 op x1 op ... in one node, so that each sum is rounded once to the members' dtype. */
static hal_value combine(const hal_decompose_call *call, const char *op, bool mean) {
    const hal_dtype_info *dtype = hal_dtype_describe(hal_build_shape(call->in[0]).dtype);
    bool is_float = dtype && dtype->class_ == HAL_DTYPE_CLASS_FLOAT;
    char text[400] = "a = x0; ";
    size_t used = strlen(text);
    for (uint32_t r = 1; r < call->n_in; r++)
        used += (size_t)snprintf(text + used, sizeof text - used, "a = %s(a, x%u); ", op, r);
    hal_dtype steps = is_float ? hal_dtype_accumulate(hal_build_shape(call->in[0]).dtype)
                               : hal_build_shape(call->in[0]).dtype;
    if (mean)
        return hal_build_pointwise(call->graph, steps, call->in, call->n_in, "%sdiv(a, %u):%s", text,
                                   call->n_in, hal_build_dtype_name(call->in[0]));
    return hal_build_pointwise(call->graph, steps, call->in, call->n_in, "%sa:%s", text,
                               hal_build_dtype_name(call->in[0]));
}

hal_status hal_op_decompose_all_reduce(const hal_decompose_call *call) {
    static const char *const op[] = {"add", "add", "max", "min"};
    const hal_all_reduce_attrs *a = call->attrs;
    hal_value all = combine(call, op[a->kind], a->kind == 1);
    for (uint32_t r = 0; r < call->n_out; r++) call->out[r] = r ? hal_graph_copy(call->graph, all) : all;
    return hal_graph_status(call->graph);
}

hal_status hal_op_decompose_reduce_scatter(const hal_decompose_call *call) {
    hal_value all = combine(call, "add", false);
    hal_split_attrs a = {HAL_HEAD(hal_split_attrs), .axis = 0};
    HAL_TRY(hal_graph_status(call->graph));
    return hal_graph_node(call->graph, HAL_OP_SPLIT, &a, &all, 1, call->out, call->n_out);
}

hal_status hal_op_decompose_all_gather(const hal_decompose_call *call) {
    hal_value all = hal_graph_concat(call->graph, call->in, call->n_in, 0);
    for (uint32_t r = 0; r < call->n_out; r++) call->out[r] = r ? hal_graph_copy(call->graph, all) : all;
    return hal_graph_status(call->graph);
}

hal_status hal_op_decompose_broadcast_from(const hal_decompose_call *call) {
    for (uint32_t r = 0; r < call->n_out; r++) call->out[r] = hal_graph_copy(call->graph, call->in[0]);
    return hal_graph_status(call->graph);
}

hal_status hal_op_decompose_send_receive(const hal_decompose_call *call) {
    call->out[0] = hal_graph_copy(call->graph, call->in[0]);
    return hal_graph_status(call->graph);
}
