/* SPDX-License-Identifier: Apache-2.0 */
/* The parameter table of each family: names and shapes as Hugging Face has them. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tools/hal-run/model.h"

typedef struct list {
    model_parameter *items;
    size_t count, capacity;
    bool failed;
} list;

/* Appends a matrix (columns > 0) or a vector. deviation 0: constant `fill`. */
static void add(list *l, int64_t rows, int64_t columns, double deviation, double fill, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
static void add(list *l, int64_t rows, int64_t columns, double deviation, double fill, const char *format, ...) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 64;
        model_parameter *items = realloc(l->items, capacity * sizeof *items);
        if (!items) {
            l->failed = true;
            return;
        }
        l->items = items;
        l->capacity = capacity;
    }
    model_parameter *p = &l->items[l->count++];
    *p = (model_parameter){.rank = columns ? 2 : 1, .size = {rows, columns}, .deviation = deviation, .fill = fill};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->name, sizeof p->name, format, arguments);
    va_end(arguments);
}

static void gpt2_block(list *l, const model_config *c, uint32_t i) {
    const int64_t d = c->width, h = c->hidden;
    const double s = c->init_range, residual = s / sqrt(2.0 * c->layers);
    for (int n = 1; n <= 2; n++) {
        add(l, d, 0, 0, 1, "transformer.h.%u.ln_%d.weight", i, n);
        add(l, d, 0, 0, 0, "transformer.h.%u.ln_%d.bias", i, n);
    }
    add(l, d, 3 * d, s, 0, "transformer.h.%u.attn.c_attn.weight", i);
    add(l, 3 * d, 0, 0, 0, "transformer.h.%u.attn.c_attn.bias", i);
    add(l, d, d, residual, 0, "transformer.h.%u.attn.c_proj.weight", i);
    add(l, d, 0, 0, 0, "transformer.h.%u.attn.c_proj.bias", i);
    add(l, d, h, s, 0, "transformer.h.%u.mlp.c_fc.weight", i);
    add(l, h, 0, 0, 0, "transformer.h.%u.mlp.c_fc.bias", i);
    add(l, h, d, residual, 0, "transformer.h.%u.mlp.c_proj.weight", i);
    add(l, d, 0, 0, 0, "transformer.h.%u.mlp.c_proj.bias", i);
}

static void gpt2(list *l, const model_config *c) {
    add(l, c->vocabulary, c->width, c->init_range, 0, "transformer.wte.weight");
    add(l, c->positions, c->width, c->init_range, 0, "transformer.wpe.weight");
    for (uint32_t i = 0; i < c->layers; i++) gpt2_block(l, c, i);
    add(l, c->width, 0, 0, 1, "transformer.ln_f.weight");
    add(l, c->width, 0, 0, 0, "transformer.ln_f.bias");
    if (!c->tie_embeddings) add(l, c->vocabulary, c->width, c->init_range, 0, "lm_head.weight");
}

/* A Linear of a Llama layer: W [out, in] and, where the config has them, a bias. */
static void linear(list *l, uint32_t i, const char *name, int64_t out, int64_t in, double s, bool bias) {
    add(l, out, in, s, 0, "model.layers.%u.%s.weight", i, name);
    if (bias) add(l, out, 0, 0, 0, "model.layers.%u.%s.bias", i, name);
}

static void llama_block(list *l, const model_config *c, uint32_t i) {
    const int64_t d = c->width, q = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
    const double s = c->init_range;
    add(l, d, 0, 0, 1, "model.layers.%u.input_layernorm.weight", i);
    linear(l, i, "self_attn.q_proj", q, d, s, c->attention_bias);
    linear(l, i, "self_attn.k_proj", kv, d, s, c->attention_bias);
    linear(l, i, "self_attn.v_proj", kv, d, s, c->attention_bias);
    linear(l, i, "self_attn.o_proj", d, q, s, c->attention_bias);
    add(l, d, 0, 0, 1, "model.layers.%u.post_attention_layernorm.weight", i);
    linear(l, i, "mlp.gate_proj", c->hidden, d, s, c->mlp_bias);
    linear(l, i, "mlp.up_proj", c->hidden, d, s, c->mlp_bias);
    linear(l, i, "mlp.down_proj", d, c->hidden, s, c->mlp_bias);
}

static void llama(list *l, const model_config *c) {
    add(l, c->vocabulary, c->width, c->init_range, 0, "model.embed_tokens.weight");
    for (uint32_t i = 0; i < c->layers; i++) llama_block(l, c, i);
    add(l, c->width, 0, 0, 1, "model.norm.weight");
    if (!c->tie_embeddings) add(l, c->vocabulary, c->width, c->init_range, 0, "lm_head.weight");
}

int model_parameters(const model_config *config, model_parameter **out, size_t *out_count, tool_error *err) {
    list l = {0};
    if (config->kind == MODEL_GPT2) gpt2(&l, config);
    else llama(&l, config);
    if (l.failed) {
        free(l.items);
        return tool_fail(err, TOOL_INTERNAL, "out of memory for the parameter table");
    }
    *out = l.items;
    *out_count = l.count;
    return TOOL_OK;
}
