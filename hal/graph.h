/* SPDX-License-Identifier: Apache-2.0 */
/**
 * graph.h - operators and values, and the gradient.
 *
 * A graph is built by plain calls that return values. A failed constructor returns a value with id 0, which every later
 * constructor passes on; the first failure stays in the graph (hal_graph_status), so that model code needs one check.
 *
 * Rules that hold for every function here, beside those of hal.h:
 *
 *  - Threads: one at a time for a graph. Different graphs do not know of each other.
 *  - Blocking: never. No device is touched; a graph can be built on a machine without any.
 *  - Memory: nodes, names and attributes come from the graph's allocator and live until its last release. Strings and
 *    arrays given in belong to the caller and are copied.
 *  - Cost: a constructor is a shape rule and a few small allocations, about a microsecond.
 *  - Shapes: outermost size first; [..., n] stands for any leading sizes, x? for an optional input, 0-d for rank 0.
 *  - Rounding: docs/numerics.md. An output has the dtype of input 0 unless its comment says otherwise.
 */
#ifndef HAL_GRAPH_H
#define HAL_GRAPH_H

#include "ops.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Operators and the values between them: a directed graph without cycles, growing at its end only. */
typedef struct hal_graph hal_graph;

/**
 * One edge of a graph, by value; valid as long as its graph. id 0: no value, which is an absent optional input or what a
 * failed constructor returned. Ids count from 1 in the order of creation.
 */
typedef struct hal_value { hal_graph *graph; uint32_t id; } hal_value;
/** The absent optional input. */
#define HAL_NO_VALUE ((hal_value){NULL, 0})

/* ---------------------------------------------------------------------------------------------------- life -- */

/**
 * An empty graph with one reference. `allocator` is copied; NULL means malloc.
 * Errors: OUT_OF_MEMORY.
 */
HAL_API hal_status hal_graph_create(const hal_allocator *allocator, hal_graph **graph);
/** One more reference; returns its argument. */
HAL_API hal_graph *hal_graph_retain(hal_graph *graph);
/** Drops a reference; the last one frees nodes, names and attributes, and voids every hal_value of the graph. */
HAL_API void hal_graph_release(hal_graph *graph);
/**
 * The first failure of a constructor, HAL_OK when there was none. Also makes that failure's detail the thread's newest
 * one, so that hal_status_last tells which operator broke which rule, long after the call.
 */
HAL_API hal_status hal_graph_status(const hal_graph *graph);

/* --------------------------------------------------------------------------------------------------- names -- */

/**
 * Opens a scope: values made until hal_graph_pop are called "outer.inner.name". The format is printf's; a level has at
 * most 255 bytes. Scopes nest. Errors, kept in the graph: OUT_OF_MEMORY.
 */
HAL_API void hal_graph_push(hal_graph *graph, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** Closes the innermost scope; without one it does nothing. */
HAL_API void hal_graph_pop(hal_graph *graph);
/** Gives `value` a name inside the present scope; a name taken gets ".1", ".2", ... Pins and checkpoints use these. */
HAL_API void hal_graph_set_name(hal_graph *graph, hal_value value, const char *name);
/** Full dotted name; belongs to the graph and lives until the value is renamed. "" for no value. */
HAL_API const char *hal_graph_name(const hal_graph *graph, hal_value value);
/** The value of that full name, or HAL_NO_VALUE. Cost: one hash lookup. */
HAL_API hal_value hal_graph_find(const hal_graph *graph, const char *name);

/* ------------------------------------------------------------------------------- sizes, inputs, variables -- */

/**
 * A size that is known only when a step is submitted: min <= value <= max, a multiple of `multiple`. Arenas are packed
 * for the maximum, so a later value never allocates. Errors, kept in the graph: INVALID_ARGUMENT for an empty range, a
 * multiple that divides neither end, or a name that is taken.
 */
HAL_API hal_dim hal_graph_symbol(hal_graph *graph, const char *name, int64_t min, int64_t max, int64_t multiple);
/** A value fed at each step (hal_feed). `size` has `rank` entries, constants (hal_dim_constant) or symbols. */
HAL_API hal_value hal_graph_input(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank, const hal_dim *size);
/**
 * A value that outlives steps: parameter, optimiser state, key/value cache, random counter. Its bytes belong to the
 * session (hal_session_write, hal_session_read) and are zero until written. Sizes are constant.
 */
HAL_API hal_value hal_graph_variable(hal_graph *graph, const char *name, hal_dtype dtype, uint32_t rank, const int64_t *size);
/**
 * Makes `value` the next content of `variable`, effective after all readers of this step: whoever reads the variable in
 * the same step sees the old content. Errors: INVALID_ARGUMENT when `variable` is none, dtype or shape differ, or it is
 * assigned already.
 */
HAL_API hal_status hal_graph_assign(hal_graph *graph, hal_value variable, hal_value value);
/** Marks `value` as fetchable (hal_fetch); what no output or assignment needs is not computed. */
HAL_API hal_status hal_graph_output(hal_graph *graph, hal_value value);
/** Dtype and sizes of a value. Errors: INVALID_ARGUMENT for no value or one of another graph. */
HAL_API hal_status hal_graph_shape(const hal_graph *graph, hal_value value, hal_shape *shape);

/* ---------------------------------------------------------------------------------- the generic operators -- */

/**
 * Any operator of the table by name, attributes as name/value pairs, absent optional inputs as HAL_NO_VALUE. The text
 * form and the shims of other languages use only this one. On failure all outputs get id 0.
 * Errors: NOT_FOUND with the nearest name; INVALID_ARGUMENT naming attribute, input or size.
 */
HAL_API hal_status hal_graph_op(hal_graph *graph, const char *name, const hal_attr *attrs, uint32_t n_attrs,
                                const hal_value *inputs, uint32_t n_inputs, hal_value *outputs, uint32_t n_outputs);
/**
 * As hal_graph_op, by number and with an attribute struct of ops.h (NULL: all defaults). The road of the typed
 * constructors, the gradients and the passes. The struct is copied.
 */
HAL_API hal_status hal_graph_node(hal_graph *graph, uint32_t op, const void *attrs, const hal_value *inputs, uint32_t n_inputs,
                                  hal_value *outputs, uint32_t n_outputs);

/* --------------------------------------------------------------------------------- the typed constructors --
 * Each is the first output of the row of that name with its other attributes at their defaults; ops.def states the maths
 * of every row, docs/numerics.md the error bounds. Errors stay in the graph (hal_graph_status). */

/** x, contiguous. Any dtype and shape. */
HAL_API hal_value hal_graph_copy(hal_graph *graph, hal_value x);
/** x rounded to `dtype`: to nearest even; to integers towards zero, saturating. Source: IEEE 754-2019, 4.3.1 and 5.8. */
HAL_API hal_value hal_graph_cast(hal_graph *graph, hal_value x, hal_dtype dtype);
/**
 * The elements of x in the same order under other sizes. One entry may be -1 (what remains), entry 0 keeps the size of
 * that axis; a size that is a symbol is written as 0 or -1. A view: no bytes move where strides allow.
 */
HAL_API hal_value hal_graph_reshape(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *size);
/** Axes reordered: size d of the result is size perm[d] of x. A view. */
HAL_API hal_value hal_graph_transpose(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *perm);
/** x[start : start + size] on `axis` (negative: from the end). A view. */
HAL_API hal_value hal_graph_slice(hal_graph *graph, hal_value x, int64_t axis, int64_t start, int64_t size);
/** The n values, 1 to 16, one after the other along `axis`; all other sizes are equal. */
HAL_API hal_value hal_graph_concat(hal_graph *graph, const hal_value *x, uint32_t n, int64_t axis);
/** n equal parts of x along `axis`, whose size is a multiple of n; `parts` has room for n, 1 to 16. Views. */
HAL_API void hal_graph_split(hal_graph *graph, hal_value x, int64_t axis, uint32_t n, hal_value *parts);
/**
 * Rows by index: `axis` of x is replaced by the axes of `indices` (i32 or i64). An index outside x gives zeros, never a
 * read outside.
 */
HAL_API hal_value hal_graph_gather(hal_graph *graph, hal_value x, hal_value indices, int64_t axis);
/**
 * base with rows indices[i] on `axis` replaced by row i of `rows`; the later of equal indices wins, one outside base is
 * ignored. In place when assigned to base: how a key/value cache is written.
 */
HAL_API hal_value hal_graph_set_rows(hal_graph *graph, hal_value base, hal_value rows, hal_value indices, int64_t axis);
/** A constant everywhere, rounded to `dtype`; constant sizes. */
HAL_API hal_value hal_graph_fill(hal_graph *graph, double value, hal_dtype dtype, uint32_t rank, const int64_t *size);
/**
 * A small program over n inputs, 1 to 16, broadcast together; one output of input 0's dtype unless the text says another.
 * hal_graph_pointwise(g, "mul(x0, gelu(x1))", in, 2). Grammar: hal_expr_parse. Every step rounds to its declared dtype,
 * so chains fuse without changing a bit.
 */
HAL_API hal_value hal_graph_pointwise(hal_graph *graph, const char *expression, const hal_value *x, uint32_t n);
/** a + b, broadcast. */
HAL_API hal_value hal_graph_add(hal_graph *graph, hal_value a, hal_value b);
/** a * b, broadcast. */
HAL_API hal_value hal_graph_mul(hal_graph *graph, hal_value a, hal_value b);
/**
 * [..., m, k] x [..., k, n] = [..., m, n], leading axes broadcast. transpose_a: a is [..., k, m]; transpose_b: b is
 * [..., n, k]. Products of f16 and bf16 are exact, sums f32 (f64 for f64), the result rounds once. 2 m n k operations.
 */
HAL_API hal_value hal_graph_matmul(hal_graph *graph, hal_value a, hal_value b, bool transpose_a, bool transpose_b);
/** kind: "sum", "mean", "max", "min", "prod" or "sum_square" over `axes` (n_axes 0: all); `keep` leaves them as size 1. */
HAL_API hal_value hal_graph_reduce(hal_graph *graph, hal_value x, const char *kind, uint32_t n_axes, const int64_t *axes, bool keep);
/** e^(x - max) / sum e^(x - max) on the innermost axis. */
HAL_API hal_value hal_graph_softmax(hal_graph *graph, hal_value x);
/** x [..., d], weight [d], bias? [d]: (x - mean) / sqrt(var + eps) weight + bias. Source: Ba et al., arXiv 1607.06450. */
HAL_API hal_value hal_graph_layer_norm(hal_graph *graph, hal_value x, hal_value weight, hal_value bias, double eps);
/** x [..., d], weight [d]: x / sqrt(mean(x^2) + eps) weight. Source: Zhang and Sennrich, arXiv 1910.07467. */
HAL_API hal_value hal_graph_rms_norm(hal_graph *graph, hal_value x, hal_value weight, double eps);
/**
 * q [b, hq, t, d], k [b, hk, s, d], v [b, hk, s, e] -> [b, hq, t, e], scale 1/sqrt(d). hq is a multiple of hk (grouped
 * queries). bias? is added to the scores, broadcast to [b, hq, t, s]. causal: query i sees keys j <= start + i, where
 * start? is a 0-d i32 and s - t when absent: with a cache, the position of the first query. No buffer of t times s.
 * Source: Vaswani et al., arXiv 1706.03762; Ainslie et al., arXiv 2305.13245; Dao, arXiv 2307.08691.
 */
HAL_API hal_value hal_graph_attention(hal_graph *graph, hal_value q, hal_value k, hal_value v, hal_value bias, hal_value start, bool causal);
/** x [..., t, d] turned by positions [t]; pairs lie d/2 apart, as Hugging Face's Llama. Source: Su et al., arXiv 2104.09864. */
HAL_API hal_value hal_graph_rotary(hal_graph *graph, hal_value x, hal_value positions, double base);
/** act(gate) * up; act: "silu", "gelu", "gelu_tanh", "relu" or "sigmoid". Source: Shazeer, arXiv 2002.05202. */
HAL_API hal_value hal_graph_gated(hal_graph *graph, hal_value gate, hal_value up, const char *activation);
/** table [v, d], ids [...] (i32 or i64) -> [..., d]; an id outside the table gives zeros. */
HAL_API hal_value hal_graph_embedding(hal_graph *graph, hal_value table, hal_value ids);
/**
 * logits [..., v], targets [...]: 0-d f32, the mean of -ln softmax(logits)[target] over the targets inside [0, v); those
 * outside (-100, say) are not counted, and none counted gives 0.
 */
HAL_API hal_value hal_graph_cross_entropy(hal_graph *graph, hal_value logits, hal_value targets);
/**
 * x / (1 - p) where a random number is >= p, else 0. `counter` is a 0-d i64 that the caller raises each step; equal
 * (seed, counter) give equal masks on every device. Source: Srivastava et al., JMLR 15 (2014); Salmon et al., SC 2011.
 */
HAL_API hal_value hal_graph_dropout(hal_graph *graph, hal_value x, hal_value counter, double p, int64_t seed);
/**
 * logits [..., v] and u [...] in [0, 1) -> i32 ids [...]. temperature, top_p: 0-d f32. temperature <= 0 takes the largest;
 * otherwise the top_k largest (0: all), then the smallest prefix with mass top_p. Source: Fan et al., arXiv 1805.04833
 * (top-k); Holtzman et al., arXiv 1904.09751 (top-p).
 */
HAL_API hal_value hal_graph_sample(hal_graph *graph, hal_value logits, hal_value u, hal_value temperature, hal_value top_p, int64_t top_k);

/* ------------------------------------------------------------------------------------ gradient, optimiser -- */

/**
 * Extends the graph with d loss / d wrt[i] for a 0-d float `loss`, by reverse accumulation; gradients are named
 * "<name>.grad" and have the dtype and shape of wrt[i] (zeros where the loss does not depend on it). `grads` has room for
 * n. Cost: visits each node on a path from wrt to loss once. Errors: UNSUPPORTED naming a row without gradient;
 * INVALID_ARGUMENT for a loss that is no 0-d float.
 * Source: Griewank and Walther, Evaluating Derivatives, 2nd ed. (2008), chapter 3.
 */
HAL_API hal_status hal_graph_gradient(hal_graph *graph, hal_value loss, const hal_value *wrt, uint32_t n, hal_value *grads);

/** Options of hal_graph_adamw; none has a default: the caller names each. */
typedef struct hal_adamw_options {
    hal_head head;
    /** Decay of the first and second moment in [0, 1); term beside the root; decoupled weight decay; largest gradient norm,
     *  0: no clipping. */
    double beta1, beta2, eps, decay, clip;
    /** 0-d f32 values: learning rate, and the number of this step, counting from 1. Inputs, so that schedules recompile
     *  nothing. */
    hal_value lr, step;
    /** false: decay applies to parameters of rank >= 2 only, which leaves norms and biases alone. */
    bool decay_all;
} hal_adamw_options;
/**
 * AdamW over parameter variables: creates f32 variables "<name>.m" and "<name>.v", clips by the global gradient norm
 * (scale = min(1, clip / (norm + 1e-6))) and assigns everything. Returns the norm before clipping (0-d f32; id 0 without
 * clip) in `norm` unless NULL. Errors: INVALID_ARGUMENT for a parameter that is no variable or is assigned already.
 * Source: Loshchilov and Hutter, arXiv 1711.05101; Pascanu et al., arXiv 1211.5063 (clipping).
 */
HAL_API hal_status hal_graph_adamw(hal_graph *graph, const hal_value *params, const hal_value *grads, uint32_t n,
                                   const hal_adamw_options *options, hal_value *norm);

/* --------------------------------------------------------------------------------------------------- text -- */

/** Writes the text form, one node a line; hal_graph_parse reads it back to an equal graph. Errors: IO from the stream. */
HAL_API hal_status hal_graph_print(const hal_graph *graph, FILE *stream);
/**
 * Reads `length` bytes of the text form into a new graph with one reference. Nothing outside is trusted: sizes, names and
 * counts are checked. Errors: INVALID_ARGUMENT with line and column; OUT_OF_MEMORY.
 */
HAL_API hal_status hal_graph_parse(const hal_allocator *allocator, const char *text, size_t length, hal_graph **graph);
/** Number of nodes, dead ones included. */
HAL_API uint32_t hal_graph_node_count(const hal_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
