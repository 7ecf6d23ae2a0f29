/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients of the transformer rows; most have a row of their own. */
#include "builder.h"

/* Outputs that only the backward pass reads carry no gradient themselves. */
static hal_status saved_check(const hal_gradient_call *call, uint32_t first, const char *row) {
    for (uint32_t o = first; o < call->n_out; o++)
        if (call->dout[o].id)
            return HAL_FAIL(
                UNSUPPORTED,
                "gradient of %s: the loss depends on output %u, which has none; compute it with reduce", row,
                o);
    return HAL_OK;
}

hal_status hal_op_gradient_softmax(const hal_gradient_call *call) {
    call->din[0] = hal_build_node(call->graph, HAL_OP_SOFTMAX_GRAD, NULL,
                                  (hal_value[]){call->dout[0], call->out[0]}, 2);
    return HAL_OK;
}

hal_status hal_op_gradient_log_softmax(const hal_gradient_call *call) {
    call->din[0] = hal_build_node(call->graph, HAL_OP_LOG_SOFTMAX_GRAD, NULL,
                                  (hal_value[]){call->dout[0], call->out[0]}, 2);
    return HAL_OK;
}

hal_status hal_op_gradient_layer_norm(const hal_gradient_call *call) {
    HAL_TRY(saved_check(call, 1, "layer_norm"));
    hal_value in[5] = {call->dout[0], call->in[0], call->in[1], call->out[1], call->out[2]}, out[3];
    HAL_TRY(hal_graph_node(call->graph, HAL_OP_LAYER_NORM_GRAD, NULL, in, 5, out, 3));
    for (uint32_t i = 0; i < call->n_in; i++) call->din[i] = out[i];
    return HAL_OK;
}

hal_status hal_op_gradient_rms_norm(const hal_gradient_call *call) {
    HAL_TRY(saved_check(call, 1, "rms_norm"));
    hal_value in[4] = {call->dout[0], call->in[0], call->in[1], call->out[1]};
    return hal_graph_node(call->graph, HAL_OP_RMS_NORM_GRAD, NULL, in, 4, call->din, 2);
}

hal_status hal_op_gradient_attention(const hal_gradient_call *call) {
    const hal_attention_attrs *f = call->attrs;
    HAL_TRY(saved_check(call, 1, "attention"));
    if (call->n_in > 3 && call->wanted[3])
        return HAL_FAIL(
            UNSUPPORTED,
            "gradient of attention: the bias has none; build it from matmul, pointwise and softmax");
    hal_attention_grad_attrs a = {HAL_HEAD(hal_attention_grad_attrs), .causal = f->causal, .scale = f->scale};
    hal_value in[8] = {call->dout[0], call->in[0], call->in[1], call->in[2], call->out[0], call->out[1]},
              out[3];
    for (uint32_t i = 3; i < call->n_in; i++) in[3 + i] = call->in[i];
    HAL_TRY(hal_graph_node(call->graph, HAL_OP_ATTENTION_GRAD, &a, in, call->n_in + 3, out, 3));
    for (uint32_t i = 0; i < 3; i++) call->din[i] = out[i];
    return HAL_OK;
}

hal_status hal_op_gradient_rotary(const hal_gradient_call *call) {
    hal_rotary_attrs a = *(const hal_rotary_attrs *)call->attrs;
    if (call->wanted[1])
        return HAL_FAIL(UNSUPPORTED, "gradient of rotary: positions have none; leave them out");
    a.inverse = !a.inverse;
    call->din[0] = hal_build_node(call->graph, HAL_OP_ROTARY, &a, (hal_value[]){call->dout[0], call->in[1]},
                                  2);
    return HAL_OK;
}

hal_status hal_op_gradient_gated(const hal_gradient_call *call) {
    static const char *const text[] = {
        "t = mul(x0, x2); a = silu(x1); u = mul(x0, a); g = silu_grad(x1, t); g, u",
        "t = mul(x0, x2); a = gelu(x1); u = mul(x0, a); g = gelu_grad(x1, t); g, u",
        "t = mul(x0, x2); a = gelu_tanh(x1); u = mul(x0, a); g = gelu_tanh_grad(x1, t); g, u",
        "t = mul(x0, x2); a = relu(x1); u = mul(x0, a); g = relu_grad(x1, t); g, u",
        "t = mul(x0, x2); a = sigmoid(x1); u = mul(x0, a); n = sub(1, a); d = mul(a, n); g = mul(t, d); g, u",
    };
    const hal_gated_attrs *f = call->attrs;
    hal_dtype dtype = hal_build_shape(call->in[0]).dtype;
    hal_pointwise_attrs a = {HAL_HEAD(hal_pointwise_attrs)};
    HAL_TRY(hal_expr_parse(text[f->activation], hal_dtype_accumulate(dtype), &a.expr));
    a.expr.output_dtype[0] = a.expr.output_dtype[1] = (uint8_t)dtype;
    hal_value in[3] = {call->dout[0], call->in[0], call->in[1]};
    return hal_graph_node(call->graph, HAL_OP_POINTWISE, &a, in, 3, call->din, 2);
}

hal_status hal_op_gradient_cross_entropy(const hal_gradient_call *call) {
    HAL_TRY(saved_check(call, 1, "cross_entropy"));
    hal_value in[4] = {call->dout[0], call->in[0], call->in[1], call->out[1]};
    call->din[0] = hal_build_node(call->graph, HAL_OP_CROSS_ENTROPY_GRAD, NULL, in, 4);
    return HAL_OK;
}

hal_status hal_op_gradient_dropout(const hal_gradient_call *call) {
    call->din[0] = hal_build_node(call->graph, HAL_OP_DROPOUT, call->attrs,
                                  (hal_value[]){call->dout[0], call->in[1]}, 2);
    return HAL_OK;
}
