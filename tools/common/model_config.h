/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a model: read from and written as the config.json of Hugging Face GPT-2 and Llama.
 *
 * Every value is range checked; an error names the key, its value and the range. What hal does not compute is
 * an error that names it, never ignored: another model_type, another activation, rope scaling, quantisation,
 * scores scaled by the layer's index, cross attention.
 */
#ifndef TOOLS_COMMON_MODEL_CONFIG_H
#define TOOLS_COMMON_MODEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

typedef enum model_kind {
    MODEL_GPT2, /* layer norm, learned positions, fused qkv as Conv1D ([in, out]), gelu */
    MODEL_LLAMA /* RMS norm, rotary positions, grouped-query attention, gated silu */
} model_kind;

typedef enum model_activation {
    MODEL_GELU_TANH, /* gelu_new, gelu_pytorch_tanh */
    MODEL_SILU       /* silu, swish */
} model_activation;

/* Plain data; both kinds use the same fields. */
typedef struct model_config {
    model_kind kind;
    model_activation activation;
    uint32_t layers;     /* n_layer, num_hidden_layers */
    uint32_t heads;      /* n_head, num_attention_heads */
    uint32_t kv_heads;   /* num_key_value_heads; = heads for GPT-2; divides heads */
    uint32_t width;      /* n_embd, hidden_size */
    uint32_t head_dim;   /* width / heads, or Llama's head_dim; even for Llama (rotary pairs) */
    uint32_t hidden;     /* n_inner (4 x width when null), intermediate_size */
    uint32_t positions;  /* n_positions, max_position_embeddings */
    uint32_t vocabulary; /* vocab_size; 0 in a preset: take it from the tokenizer */
    double norm_epsilon; /* layer_norm_epsilon, rms_norm_eps */
    double rope_theta;   /* Llama only */
    double init_range;   /* initializer_range: standard deviation of new weights */
    bool tie_embeddings; /* the output matrix is the token embedding */
    bool attention_bias; /* GPT-2: always true */
    bool mlp_bias;       /* GPT-2: always true */
    int64_t bos_token;   /* -1: none */
    int64_t eos_token;   /* -1: none */
} model_config;

/* What a run trains with; a preset fills it, the command line overrides it. */
typedef struct train_options {
    uint32_t batch;
    uint32_t context;
    uint64_t steps;
    uint64_t warmup; /* steps of linear rise from 0 */
    uint64_t eval_every;
    uint32_t accumulate;
    double lr;
    double min_lr; /* end of the cosine */
    double beta1;
    double beta2;
    double epsilon;      /* of AdamW */
    double weight_decay; /* on tensors of rank 2 and more */
    double clip;         /* global gradient norm; 0: off */
    double dropout;
    uint64_t seed;
} train_options;

/* Learning rate of step (0-based): linear warm-up, then a cosine from lr to min_lr at the last step. */
double train_options_rate(const train_options *options, uint64_t step);

/* A preset by name: char, small, gpt2, llama. TOOL_NOT_FOUND lists the names there are. positions = context,
 * except gpt2 (1024). */
int model_config_preset(const char *name, model_config *out_model, train_options *out_train, tool_error *err);

/* Read PATH, or PATH/config.json where PATH is a directory. */
int model_config_load(const char *path, model_config *out, tool_error *err);

/* Parse the text of a config.json; `where` names it in errors. */
int model_config_parse(const char *text, size_t bytes, const char *where, model_config *out, tool_error *err);

/* Training defaults for a model that came from a file: those of `gpt2` or `llama`, context capped by
 * positions. */
void train_options_default(const model_config *model, train_options *out);

/* What people call a model: NAME.json is the configuration in that file, with the defaults of its kind; else a preset. */
int model_config_named(const char *name, model_config *out_model, train_options *out_train, tool_error *err);

/* Check a filled config (after overrides): ranges, kv_heads divides heads, heads divide width... */
int model_config_check(const model_config *model, const char *where, tool_error *err);

/* The text of a config.json that transformers' AutoModelForCausalLM opens. dtype is "float32" or "bfloat16":
 * that of the tensors saved beside it. *out_text is malloc'ed; the caller frees it. */
int model_config_format(const model_config *model, const char *dtype, char **out_text, tool_error *err);

/* Number of trained values, tied ones once. */
uint64_t model_config_parameters(const model_config *model);

/* "gpt2" or "llama". */
const char *model_kind_name(model_kind kind);

#endif
