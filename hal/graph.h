/* SPDX-License-Identifier: Apache-2.0 */
/**
 * graph.h - operators and values, and the gradient.
 *
 * A graph is built by plain calls that return values. A failed constructor returns a value with id 0, which every later
 * constructor passes on; the first failure stays in the graph (hal_graph_status), so that model code needs one check.
 * One thread at a time.
 */
#ifndef HAL_GRAPH_H
#define HAL_GRAPH_H

#include "ops.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hal_graph hal_graph;

/** One edge of a graph. By value; valid as long as its graph. id 0: no value (an absent optional input, or a failure). */
typedef struct hal_value { hal_graph *graph; uint32_t id; } hal_value;
/** The absent optional input. */
#define HAL_NO_VALUE ((hal_value){NULL, 0})

/** An empty graph; `allocator` NULL means malloc. One reference. */
HAL_API hal_status hal_graph_create(const hal_allocator *allocator, hal_graph **graph);
HAL_API hal_graph *hal_graph_retain(hal_graph *graph);
HAL_API void hal_graph_release(hal_graph *graph);
/** First failure of a constructor, HAL_OK when there was none; sets the thread's detail again. */
HAL_API hal_status hal_graph_status(const hal_graph *graph);

/** Names: values made between push and pop are called "outer.inner.name". */
HAL_API void hal_graph_push(hal_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
HAL_API void hal_graph_pop(hal_graph *graph);
/** Gives `value` a name inside the present scope; a name taken gets ".1", ".2", ... */
HAL_API void hal_graph_set_name(hal_graph *graph, hal_value value, const char *name);
/** Full dotted name; belongs to the graph. "" for no value. */
HAL_API const char *hal_graph_name(const hal_graph *graph, hal_value value);
/** The value of that full name, or HAL_NO_VALUE. */
HAL_API hal_value hal_graph_find(const hal_graph *graph, const char *name);

/** A size that is known only when a step is submitted: min <= value <= max, a multiple of `multiple`. */
HAL_API hal_dim hal_graph_symbol(hal_graph *graph, const char *name, int64_t min, int64_t max, int64_t multiple);
/** A value fed at each step. */
HAL_API hal_value hal_graph_input(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank, const hal_dim *size);
/** A value that outlives steps: parameter, optimiser state, cache. Zero until written. */
HAL_API hal_value hal_graph_variable(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank, const int64_t *size);
/** Makes `value` the next content of `variable`, effective after all readers of this step. Once a variable and graph. */
HAL_API hal_status hal_graph_assign(hal_graph *graph, hal_value variable, hal_value value);
/** Marks `value` as fetchable; what no output or assignment needs is not computed. */
HAL_API hal_status hal_graph_output(hal_graph *graph, hal_value value);
/** Dtype and sizes of a value. */
HAL_API hal_status hal_graph_shape(const hal_graph *graph, hal_value value, hal_shape *shape);

/** The generic constructor: attributes by name, absent inputs as HAL_NO_VALUE. On failure outputs get id 0. */
HAL_API hal_status hal_graph_op(hal_graph *graph, const char *name, const hal_attr *attrs, uint32_t n_attrs,
                                const hal_value *inputs, uint32_t n_inputs, hal_value *outputs, uint32_t n_outputs);
/** As hal_graph_op with an attribute struct (NULL: defaults). The road of the typed constructors, gradients and passes. */
HAL_API hal_status hal_graph_node(hal_graph *graph, uint32_t op, const void *attrs, const hal_value *inputs, uint32_t n_inputs,
                                  hal_value *outputs, uint32_t n_outputs);

/* Typed constructors: first output of the row of that name; see ops.def for shapes. */
HAL_API hal_value hal_graph_copy(hal_graph *graph, hal_value x);
HAL_API hal_value hal_graph_cast(hal_graph *graph, hal_value x, hal_dtype dtype);
/** -1 and 0 as in the row `reshape`. A size that is a symbol is written as 0 or -1. */
HAL_API hal_value hal_graph_reshape(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *size);
HAL_API hal_value hal_graph_transpose(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *perm);
HAL_API hal_value hal_graph_slice(hal_graph *graph, hal_value x, int64_t axis, int64_t start, int64_t size);
HAL_API hal_value hal_graph_concat(hal_graph *graph, const hal_value *x, uint32_t n, int64_t axis);
HAL_API void hal_graph_split(hal_graph *graph, hal_value x, int64_t axis, uint32_t n, hal_value *parts);
HAL_API hal_value hal_graph_gather(hal_graph *graph, hal_value x, hal_value indices, int64_t axis);
HAL_API hal_value hal_graph_set_rows(hal_graph *graph, hal_value base, hal_value rows, hal_value indices, int64_t axis);
HAL_API hal_value hal_graph_fill(hal_graph *graph, double value, hal_dtype dtype, uint32_t rank, const int64_t *size);
/** Expression over n inputs, one output, e.g. hal_graph_pointwise(g, "mul(x0, gelu(x1))", in, 2). Default dtype: input 0's. */
HAL_API hal_value hal_graph_pointwise(hal_graph *graph, const char *expression, const hal_value *x, uint32_t n);
HAL_API hal_value hal_graph_add(hal_graph *graph, hal_value a, hal_value b);
HAL_API hal_value hal_graph_mul(hal_graph *graph, hal_value a, hal_value b);
HAL_API hal_value hal_graph_matmul(hal_graph *graph, hal_value a, hal_value b, bool transpose_a, bool transpose_b);
/** kind: "sum", "mean", ...; n_axes 0: all. */
HAL_API hal_value hal_graph_reduce(hal_graph *graph, hal_value x, const char *kind, uint32_t n_axes, const int64_t *axes, bool keep);
HAL_API hal_value hal_graph_softmax(hal_graph *graph, hal_value x);
HAL_API hal_value hal_graph_layer_norm(hal_graph *graph, hal_value x, hal_value weight, hal_value bias, double eps);
HAL_API hal_value hal_graph_rms_norm(hal_graph *graph, hal_value x, hal_value weight, double eps);
HAL_API hal_value hal_graph_attention(hal_graph *graph, hal_value q, hal_value k, hal_value v, hal_value bias, hal_value start, bool causal);
HAL_API hal_value hal_graph_rotary(hal_graph *graph, hal_value x, hal_value positions, double base);
HAL_API hal_value hal_graph_gated(hal_graph *graph, hal_value gate, hal_value up, const char *activation);
HAL_API hal_value hal_graph_embedding(hal_graph *graph, hal_value table, hal_value ids);
HAL_API hal_value hal_graph_cross_entropy(hal_graph *graph, hal_value logits, hal_value targets);
HAL_API hal_value hal_graph_dropout(hal_graph *graph, hal_value x, hal_value counter, double p, int64_t seed);
HAL_API hal_value hal_graph_sample(hal_graph *graph, hal_value logits, hal_value u, hal_value temperature, hal_value top_p, int64_t top_k);

/**
 * Extends the graph with d loss / d wrt[i] for a 0-d float `loss`; gradients are named "<name>.grad" and have the dtype and
 * shape of wrt[i] (zeros where the loss does not depend on it). Errors: UNSUPPORTED naming a row without gradient.
 */
HAL_API hal_status hal_graph_gradient(hal_graph *graph, hal_value loss, const hal_value *wrt, uint32_t n, hal_value *grads);

/** Options of hal_graph_adamw. Inputs lr and step are 0-d f32 values; clip 0: no clipping. */
typedef struct hal_adamw_options {
    hal_head head;
    double beta1, beta2, eps, decay, clip;
    hal_value lr, step;
    bool decay_all;   /**< false: decay applies to parameters of rank >= 2 only */
} hal_adamw_options;
/**
 * AdamW over parameter variables: creates f32 variables "<name>.m" and "<name>.v", clips by the global gradient norm
 * (scale = min(1, clip / (norm + 1e-6))) and assigns everything. Returns the norm (0-d f32; id 0 without clip) in `norm`
 * unless NULL.
 */
HAL_API hal_status hal_graph_adamw(hal_graph *graph, const hal_value *params, const hal_value *grads, uint32_t n,
                                   const hal_adamw_options *options, hal_value *norm);

/** Writes the text form, one node a line; hal_graph_parse reads it back to an equal graph. */
HAL_API hal_status hal_graph_print(const hal_graph *graph, FILE *stream);
/** Reads the text form. Errors: INVALID_ARGUMENT with line and column. */
HAL_API hal_status hal_graph_parse(const hal_allocator *allocator, const char *text, size_t length, hal_graph **graph);
/** Number of nodes, dead ones included. */
HAL_API uint32_t hal_graph_node_count(const hal_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
