/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-run/model.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int exit_code(hal_status status) {
    switch (hal_status_code(status)) {
    case HAL_CODE_INVALID_ARGUMENT: return TOOL_BAD_INPUT;
    case HAL_CODE_NOT_FOUND:
    case HAL_CODE_UNAVAILABLE:
    case HAL_CODE_UNSUPPORTED:
    case HAL_CODE_OUT_OF_MEMORY: return TOOL_NOT_FOUND;
    case HAL_CODE_DEADLINE_EXCEEDED: return TOOL_DEADLINE;
    default: return TOOL_INTERNAL;
    }
}

int model_fail(tool_error *err, hal_status status, const char *what) {
    if (status == HAL_OK) return TOOL_OK;
    return tool_fail(err, exit_code(status), "%s: %s (%s)", what, hal_status_last()->text, hal_status_name(status));
}

int model_check(const model_graph *model, tool_error *err) {
    return model_fail(err, hal_graph_status(model->graph), "building the graph");
}

uint64_t model_parameter_values(const model_parameter *parameter) {
    uint64_t n = 1;
    for (uint32_t d = 0; d < parameter->rank; d++) n *= (uint64_t)parameter->size[d];
    return n;
}

hal_dtype model_parameter_dtype(const model_parameter *parameter, hal_dtype matrices) { return parameter->rank == 2 ? matrices : HAL_F32; }

int model_declare(model_graph *model, tool_error *err) {
    model->weights = calloc(model->count, sizeof *model->weights);
    if (!model->weights) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu parameters", model->count);
    for (size_t i = 0; i < model->count; i++) {
        const model_parameter *p = &model->parameters[i];
        model->weights[i] = hal_graph_variable(model->graph, p->name, model_parameter_dtype(p, model->rounded ? model->dtype : HAL_F32),
                                               p->rank, p->size);
    }
    return model_check(model, err);
}

hal_value model_weight(const model_graph *model, const char *format, ...) {
    char name[MODEL_NAME_SIZE];
    va_list list;
    va_start(list, format);
    vsnprintf(name, sizeof name, format, list);
    va_end(list);
    for (size_t i = 0; i < model->count; i++)
        if (strcmp(model->parameters[i].name, name) == 0) return model->weights[i];
    return HAL_NO_VALUE;
}

hal_value model_embedding(model_graph *model, hal_value weight, hal_value rows) {
    const hal_value x = hal_graph_embedding(model->graph, weight, rows);
    return model->rounded && model->dtype != HAL_F32 ? hal_graph_cast(model->graph, x, HAL_F32) : x;
}

hal_value model_linear(model_graph *model, hal_value x, hal_value weight, bool transposed, hal_value bias, hal_dtype out) {
    hal_graph *g = model->graph;
    hal_value in[2] = {x, weight}, y = HAL_NO_VALUE;
    if (model->dtype != HAL_F32) in[0] = hal_graph_cast(g, x, model->dtype);
    if (model->dtype != HAL_F32 && !model->rounded) in[1] = hal_graph_cast(g, weight, model->dtype);
    const hal_attr attrs[] = {{.name = "transpose_b", .i = transposed}, {.name = "dtype", .s = "f32"}};
    hal_graph_op(g, "matmul", attrs, 2, in, 2, &y, 1);
    if (bias.id) y = hal_graph_add(g, y, bias);
    return out == HAL_F32 ? y : hal_graph_cast(g, y, out);
}

/* Writes rows [B, K, T, E] into the cache variable at the positions of the step and returns the whole cache. */
static hal_value store(model_graph *model, const char *name, uint32_t layer, hal_value rows) {
    hal_graph *g = model->graph;
    const model_config *c = model->config;
    const int64_t size[] = {model->batch, c->kv_heads, model->context, c->head_dim};
    char full[32];
    snprintf(full, sizeof full, "cache.%u.%s", layer, name);
    hal_value cache = hal_graph_variable(g, full, model->dtype, 4, size);
    hal_value next = hal_graph_set_rows(g, cache, rows, model->positions, 2);
    hal_graph_assign(g, cache, next);
    return next;
}

hal_value model_attend(model_graph *model, uint32_t layer, hal_value q, hal_value k, hal_value v) {
    hal_graph *g = model->graph;
    if (model->cached) {
        k = store(model, "k", layer, k);
        v = store(model, "v", layer, v);
    }
    hal_value y = hal_graph_attention(g, q, k, v, HAL_NO_VALUE, model->start, true);
    y = hal_graph_transpose(g, y, 4, (const int64_t[]){0, 2, 1, 3});
    return hal_graph_reshape(g, y, 3, (const int64_t[]){0, 0, (int64_t)model->config->heads * model->config->head_dim});
}

hal_value model_dropout(model_graph *model, hal_value x) {
    if (model->dropout <= 0 || !model->counter.id) return x;
    return hal_graph_dropout(model->graph, x, model->counter, model->dropout, ++model->dropout_sites);
}

hal_value model_hidden(model_graph *model) {
    return model->config->kind == MODEL_GPT2 ? model_gpt2_hidden(model) : model_llama_hidden(model);
}

hal_value model_logits(model_graph *model, hal_value hidden) {
    const bool gpt2 = model->config->kind == MODEL_GPT2;
    const char *tied = gpt2 ? "transformer.wte.weight" : "model.embed_tokens.weight";
    hal_value head = model_weight(model, "%s", model->config->tie_embeddings ? tied : "lm_head.weight");
    return model_linear(model, hidden, head, true, HAL_NO_VALUE, HAL_F32);
}
