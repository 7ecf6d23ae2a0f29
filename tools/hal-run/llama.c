/* SPDX-License-Identifier: Apache-2.0 */
/* Llama (Touvron et al., arXiv 2302.13971): RMS norm, rotary positions, grouped-query attention, gated silu. */
#include "tools/hal-run/model.h"

static hal_value linear(model_graph *model, hal_value x, uint32_t layer, const char *name, bool biased, hal_dtype out) {
    hal_value bias = biased ? model_weight(model, "model.layers.%u.%s.bias", layer, name) : HAL_NO_VALUE;
    return model_linear(model, x, model_weight(model, "model.layers.%u.%s.weight", layer, name), true, bias, out);
}

static hal_value norm(model_graph *model, hal_value x, uint32_t layer, const char *name) {
    return hal_graph_rms_norm(model->graph, x, model_weight(model, "model.layers.%u.%s.weight", layer, name),
                              model->config->norm_epsilon);
}

/* [B, T, n E] -> [B, n, T, E] */
static hal_value heads(model_graph *model, hal_value x, uint32_t n) {
    x = hal_graph_reshape(model->graph, x, 4, (const int64_t[]){0, 0, n, model->config->head_dim});
    return hal_graph_transpose(model->graph, x, 4, (const int64_t[]){0, 2, 1, 3});
}

static hal_value attention(model_graph *model, hal_value x, uint32_t layer) {
    const model_config *c = model->config;
    hal_graph *g = model->graph;
    hal_value h = norm(model, x, layer, "input_layernorm");
    hal_value q = heads(model, linear(model, h, layer, "self_attn.q_proj", c->attention_bias, model->dtype), c->heads);
    hal_value k = heads(model, linear(model, h, layer, "self_attn.k_proj", c->attention_bias, model->dtype), c->kv_heads);
    hal_value v = heads(model, linear(model, h, layer, "self_attn.v_proj", c->attention_bias, model->dtype), c->kv_heads);
    q = hal_graph_rotary(g, q, model->positions, c->rope_theta);
    k = hal_graph_rotary(g, k, model->positions, c->rope_theta);
    hal_value y = linear(model, model_attend(model, layer, q, k, v), layer, "self_attn.o_proj", c->attention_bias, HAL_F32);
    return hal_graph_add(g, x, model_dropout(model, y));
}

static hal_value mlp(model_graph *model, hal_value x, uint32_t layer) {
    const bool bias = model->config->mlp_bias;
    hal_value h = norm(model, x, layer, "post_attention_layernorm");
    hal_value gate = linear(model, h, layer, "mlp.gate_proj", bias, HAL_F32);
    hal_value up = linear(model, h, layer, "mlp.up_proj", bias, HAL_F32);
    h = hal_graph_gated(model->graph, gate, up, model->config->activation == MODEL_SILU ? "silu" : "gelu_tanh");
    return hal_graph_add(model->graph, x, model_dropout(model, linear(model, h, layer, "mlp.down_proj", bias, HAL_F32)));
}

hal_value model_llama_hidden(model_graph *model) {
    hal_graph *g = model->graph;
    hal_value x = model_embedding(model, model_weight(model, "model.embed_tokens.weight"), model->tokens);
    for (uint32_t layer = 0; layer < model->config->layers; layer++) {
        hal_graph_push(g, "block.%u", layer);
        x = mlp(model, attention(model, x, layer), layer);
        hal_graph_pop(g);
    }
    return hal_graph_rms_norm(g, x, model_weight(model, "model.norm.weight"), model->config->norm_epsilon);
}
