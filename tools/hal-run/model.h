/* SPDX-License-Identifier: Apache-2.0 */
/* GPT-2 and Llama as hal graphs.
 *
 * Parameters are graph variables that carry the tensor names of Hugging Face, so a checkpoint is the variables by name.
 * One table of parameters (model_parameters) feeds graph building, initialisation, saving and loading.
 * Shapes: B rows, T positions, D width, V vocabulary, H heads, K key/value heads, E head size.
 */
#ifndef HAL_RUN_MODEL_H
#define HAL_RUN_MODEL_H

#include <hal/graph.h>

#include "tools/common/model_config.h"

enum { MODEL_NAME_SIZE = 96 };

/* One trained tensor. */
typedef struct model_parameter {
    char name[MODEL_NAME_SIZE];
    uint32_t rank;
    int64_t size[2];
    double deviation; /* of its normal initial values; 0: the constant `fill` */
    double fill;
} model_parameter;

/* All parameters of a model in a fixed order. *out is malloc'ed, the caller's. */
int model_parameters(const model_config *config, model_parameter **out, size_t *out_count, tool_error *err);
uint64_t model_parameter_values(const model_parameter *parameter);

/* A graph under construction. Zero-initialise, fill config .. dropout_seed, then call one of the builders. */
typedef struct model_graph {
    const model_config *config;
    hal_dtype dtype; /* of matmul inputs: HAL_F32 or HAL_BF16; everything else is f32 */
    bool rounded;    /* matrices are kept in `dtype` as well, for who does not train them */
    int64_t batch, context;
    double dropout;
    hal_graph *graph;
    hal_value *weights; /* variables, in the order of model_parameters */
    const model_parameter *parameters;
    size_t count;
    hal_value tokens, targets, positions, counter, start; /* inputs; id 0 where a builder has none */
    int64_t dropout_sites;                                /* sites so far: each its own random key */
    bool cached;                                          /* attention through key/value caches of `context` rows */
} model_graph;

/* What a parameter is kept in. */
hal_dtype model_parameter_dtype(const model_parameter *parameter, hal_dtype matrices);
/* Declares every parameter as a variable. */
int model_declare(model_graph *model, tool_error *err);
/* The variable of that name; every name asked for is in the table. */
hal_value model_weight(const model_graph *model, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Rows of the table `weight`, in f32. */
hal_value model_embedding(model_graph *model, hal_value weight, hal_value rows);
/* y = x W (+ bias), x [.., in], W [in, out] or, transposed, [out, in]; inputs rounded to the matmul dtype, f32 sums.
 * The result is rounded to `out`. */
hal_value model_linear(model_graph *model, hal_value x, hal_value weight, bool transposed, hal_value bias, hal_dtype out);
/* Attention over q [B, H, T, E], k and v [B, K, T, E]; with caches k and v are stored first. Result [B, T, H E]. */
hal_value model_attend(model_graph *model, uint32_t layer, hal_value q, hal_value k, hal_value v);
hal_value model_dropout(model_graph *model, hal_value x);

/* Final hidden states [B, T, D] (f32) of the tokens, and logits (f32) of hidden states [.., D]. */
hal_value model_hidden(model_graph *model);
hal_value model_logits(model_graph *model, hal_value hidden);
/* The two families. */
hal_value model_gpt2_hidden(model_graph *model);
hal_value model_llama_hidden(model_graph *model);

/* The failure of the graph as a tool error; 0 when there is none. */
int model_check(const model_graph *model, tool_error *err);
/* A hal status as a tool error with hal's text; 0 for HAL_OK. */
int model_fail(tool_error *err, hal_status status, const char *what);

#endif
