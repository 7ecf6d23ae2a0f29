/* SPDX-License-Identifier: Apache-2.0 */
/* GPT-2 (Radford et al., 2019): x += proj(attention(qkv(ln_1 x))); x += down(gelu(up(ln_2 x))). */
#include "tools/hal-run/model.h"

/* [B, T, H E] -> [B, H, T, E] */
static hal_value heads(model_graph *model, hal_value x) {
    const model_config *c = model->config;
    x = hal_graph_reshape(model->graph, x, 4, (const int64_t[]){0, 0, c->heads, c->head_dim});
    return hal_graph_transpose(model->graph, x, 4, (const int64_t[]){0, 2, 1, 3});
}

static hal_value norm(model_graph *model, hal_value x, uint32_t layer, const char *name) {
    return hal_graph_layer_norm(model->graph, x, model_weight(model, "transformer.h.%u.%s.weight", layer, name),
                                model_weight(model, "transformer.h.%u.%s.bias", layer, name), model->config->norm_epsilon);
}

/* Conv1D of GPT-2: W is [in, out]. */
static hal_value conv(model_graph *model, hal_value x, uint32_t layer, const char *name, hal_dtype out) {
    return model_linear(model, x, model_weight(model, "transformer.h.%u.%s.weight", layer, name), false,
                        model_weight(model, "transformer.h.%u.%s.bias", layer, name), out);
}

static hal_value attention(model_graph *model, hal_value x, uint32_t layer) {
    hal_value part[3];
    hal_value qkv = conv(model, norm(model, x, layer, "ln_1"), layer, "attn.c_attn", model->dtype);
    hal_graph_split(model->graph, qkv, 2, 3, part);
    for (int i = 0; i < 3; i++) part[i] = heads(model, part[i]);
    hal_value y = model_attend(model, layer, part[0], part[1], part[2]);
    return hal_graph_add(model->graph, x, model_dropout(model, conv(model, y, layer, "attn.c_proj", HAL_F32)));
}

static hal_value mlp(model_graph *model, hal_value x, uint32_t layer) {
    hal_value h = conv(model, norm(model, x, layer, "ln_2"), layer, "mlp.c_fc", HAL_F32);
    h = hal_graph_pointwise(model->graph, "gelu_tanh(x0)", &h, 1);
    return hal_graph_add(model->graph, x, model_dropout(model, conv(model, h, layer, "mlp.c_proj", HAL_F32)));
}

hal_value model_gpt2_hidden(model_graph *model) {
    hal_graph *g = model->graph;
    hal_value x = model_embedding(model, model_weight(model, "transformer.wte.weight"), model->tokens);
    x = hal_graph_add(g, x, model_embedding(model, model_weight(model, "transformer.wpe.weight"), model->positions));
    x = model_dropout(model, x);
    for (uint32_t layer = 0; layer < model->config->layers; layer++) {
        hal_graph_push(g, "block.%u", layer);
        x = mlp(model, attention(model, x, layer), layer);
        hal_graph_pop(g);
    }
    return hal_graph_layer_norm(g, x, model_weight(model, "transformer.ln_f.weight"), model_weight(model, "transformer.ln_f.bias"),
                                model->config->norm_epsilon);
}
