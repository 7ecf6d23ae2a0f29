/* SPDX-License-Identifier: Apache-2.0 */
/* Typed constructors: each fills the attribute struct of its row and goes the road of hal_graph_node. */
#include <ops/expr.h>
#include <ops/graph_names.h>
#include <hal/core.h>

#define INVALID HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT)
#define MAX_OUTPUTS 16

/* The first output of a node of `n_out` outputs. */
static hal_value node(hal_graph *g, uint32_t op, const void *attrs, const hal_value *in, uint32_t n_in,
                      uint32_t n_out)
{
    hal_value out[MAX_OUTPUTS];
    return hal_graph_node(g, op, attrs, in, n_in, out, n_out) == HAL_OK ? out[0] : HAL_NO_VALUE;
}

static bool list_set(hal_graph *g, const char *call, uint32_t n, const int64_t *from, hal_int_list *list)
{
    if (n > HAL_MAX_RANK || (n && !from)) {
        if (g)
            hal_graph_fail(g, INVALID, "%s: %u entries given (at most %d), or the list is NULL", call, n,
                           HAL_MAX_RANK);
        return false;
    }
    list->n = n;
    for (uint32_t i = 0; i < n; i++) list->v[i] = from[i];
    return true;
}

hal_value hal_graph_copy(hal_graph *graph, hal_value x)
{
    return node(graph, HAL_OP_COPY, NULL, &x, 1, 1);
}

hal_value hal_graph_cast(hal_graph *graph, hal_value x, hal_dtype dtype)
{
    hal_cast_attrs attrs = {HAL_HEAD(hal_cast_attrs), .dtype = dtype};
    return node(graph, HAL_OP_CAST, &attrs, &x, 1, 1);
}

hal_value hal_graph_reshape(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *size)
{
    hal_reshape_attrs attrs = {HAL_HEAD(hal_reshape_attrs)};
    if (!list_set(graph, "hal_graph_reshape", rank, size, &attrs.shape)) return HAL_NO_VALUE;
    return node(graph, HAL_OP_RESHAPE, &attrs, &x, 1, 1);
}

hal_value hal_graph_transpose(hal_graph *graph, hal_value x, uint32_t rank, const int64_t *perm)
{
    hal_transpose_attrs attrs = {HAL_HEAD(hal_transpose_attrs)};
    if (!list_set(graph, "hal_graph_transpose", rank, perm, &attrs.perm)) return HAL_NO_VALUE;
    return node(graph, HAL_OP_TRANSPOSE, &attrs, &x, 1, 1);
}

hal_value hal_graph_slice(hal_graph *graph, hal_value x, int64_t axis, int64_t start, int64_t size)
{
    hal_slice_attrs attrs = {HAL_HEAD(hal_slice_attrs), .axis = axis, .start = start, .size = size,
                             .step = 1};
    return node(graph, HAL_OP_SLICE, &attrs, &x, 1, 1);
}

hal_value hal_graph_concat(hal_graph *graph, const hal_value *x, uint32_t n, int64_t axis)
{
    hal_concat_attrs attrs = {HAL_HEAD(hal_concat_attrs), .axis = axis};
    return node(graph, HAL_OP_CONCAT, &attrs, x, n, 1);
}

void hal_graph_split(hal_graph *graph, hal_value x, int64_t axis, uint32_t n, hal_value *parts)
{
    hal_split_attrs attrs = {HAL_HEAD(hal_split_attrs), .axis = axis};
    /* The failure stays in the graph and the parts are id 0. */
    (void)hal_graph_node(graph, HAL_OP_SPLIT, &attrs, &x, 1, parts, n);
}

hal_value hal_graph_gather(hal_graph *graph, hal_value x, hal_value indices, int64_t axis)
{
    hal_gather_attrs attrs = {HAL_HEAD(hal_gather_attrs), .axis = axis};
    return node(graph, HAL_OP_GATHER, &attrs, (hal_value[]){x, indices}, 2, 1);
}

hal_value hal_graph_set_rows(hal_graph *graph, hal_value base, hal_value rows, hal_value indices,
                             int64_t axis)
{
    hal_set_rows_attrs attrs = {HAL_HEAD(hal_set_rows_attrs), .axis = axis};
    return node(graph, HAL_OP_SET_ROWS, &attrs, (hal_value[]){base, rows, indices}, 3, 1);
}

hal_value hal_graph_fill(hal_graph *graph, double value, hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_fill_attrs attrs = {HAL_HEAD(hal_fill_attrs), .value = value, .dtype = dtype};
    if (!list_set(graph, "hal_graph_fill", rank, size, &attrs.shape)) return HAL_NO_VALUE;
    return node(graph, HAL_OP_FILL, &attrs, NULL, 0, 1);
}

hal_value hal_graph_pointwise(hal_graph *graph, const char *expression, const hal_value *x, uint32_t n)
{
    hal_value out = HAL_NO_VALUE;
    hal_attr expr = {.name = "expr", .s = expression};
    if (hal_graph_op(graph, "pointwise", &expr, 1, x, n, &out, 1) != HAL_OK) return HAL_NO_VALUE;
    return out;
}

/* Sums and products are common enough to skip the parser. */
static hal_value binary(hal_graph *g, uint8_t op, hal_value a, hal_value b)
{
    hal_shape shape;
    hal_pointwise_attrs attrs = {HAL_HEAD(hal_pointwise_attrs)};
    uint8_t dtype = HAL_F32;
    if (g && a.graph == g && a.id && hal_graph_shape(g, a, &shape) == HAL_OK) dtype = (uint8_t)shape.dtype;
    attrs.expr = (hal_expr){.n_inputs = 2, .n_steps = 1, .n_outputs = 1};
    attrs.expr.step[0] =
        (hal_expr_step){.op = op, .dtype = dtype, .a = HAL_EXPR_INPUT, .b = HAL_EXPR_INPUT + 1};
    return node(g, HAL_OP_POINTWISE, &attrs, (hal_value[]){a, b}, 2, 1);
}

hal_value hal_graph_add(hal_graph *graph, hal_value a, hal_value b)
{
    return binary(graph, HAL_EXPR_ADD, a, b);
}

hal_value hal_graph_mul(hal_graph *graph, hal_value a, hal_value b)
{
    return binary(graph, HAL_EXPR_MUL, a, b);
}

hal_value hal_graph_matmul(hal_graph *graph, hal_value a, hal_value b, bool transpose_a, bool transpose_b)
{
    hal_matmul_attrs attrs = {HAL_HEAD(hal_matmul_attrs), .transpose_a = transpose_a,
                              .transpose_b = transpose_b};
    return node(graph, HAL_OP_MATMUL, &attrs, (hal_value[]){a, b}, 2, 1);
}

hal_value hal_graph_reduce(hal_graph *graph, hal_value x, const char *kind, uint32_t n_axes,
                           const int64_t *axes, bool keep)
{
    hal_value out = HAL_NO_VALUE;
    hal_attr attrs[] = {{.name = "kind", .s = kind},
                        {.name = "axes", .list = axes, .n = n_axes},
                        {.name = "keep", .i = keep}};
    if (hal_graph_op(graph, "reduce", attrs, 3, &x, 1, &out, 1) != HAL_OK) return HAL_NO_VALUE;
    return out;
}

hal_value hal_graph_softmax(hal_graph *graph, hal_value x)
{
    return node(graph, HAL_OP_SOFTMAX, NULL, &x, 1, 1);
}

hal_value hal_graph_layer_norm(hal_graph *graph, hal_value x, hal_value weight, hal_value bias, double eps)
{
    hal_layer_norm_attrs attrs = {HAL_HEAD(hal_layer_norm_attrs), .eps = eps};
    return node(graph, HAL_OP_LAYER_NORM, &attrs, (hal_value[]){x, weight, bias}, bias.id ? 3 : 2, 3);
}

hal_value hal_graph_rms_norm(hal_graph *graph, hal_value x, hal_value weight, double eps)
{
    hal_rms_norm_attrs attrs = {HAL_HEAD(hal_rms_norm_attrs), .eps = eps};
    return node(graph, HAL_OP_RMS_NORM, &attrs, (hal_value[]){x, weight}, 2, 2);
}

hal_value hal_graph_attention(hal_graph *graph, hal_value q, hal_value k, hal_value v, hal_value bias,
                              hal_value start, bool causal)
{
    hal_attention_attrs attrs = {HAL_HEAD(hal_attention_attrs), .causal = causal};
    return node(graph, HAL_OP_ATTENTION, &attrs, (hal_value[]){q, k, v, bias, start},
                start.id  ? 5
                : bias.id ? 4
                          : 3,
                2);
}

hal_value hal_graph_rotary(hal_graph *graph, hal_value x, hal_value positions, double base)
{
    hal_rotary_attrs attrs = {HAL_HEAD(hal_rotary_attrs), .base = base};
    return node(graph, HAL_OP_ROTARY, &attrs, (hal_value[]){x, positions}, 2, 1);
}

hal_value hal_graph_gated(hal_graph *graph, hal_value gate, hal_value up, const char *activation)
{
    hal_value out = HAL_NO_VALUE;
    hal_attr attr = {.name = "activation", .s = activation};
    if (hal_graph_op(graph, "gated", &attr, 1, (hal_value[]){gate, up}, 2, &out, 1) != HAL_OK)
        return HAL_NO_VALUE;
    return out;
}

hal_value hal_graph_embedding(hal_graph *graph, hal_value table, hal_value ids)
{
    return node(graph, HAL_OP_EMBEDDING, NULL, (hal_value[]){table, ids}, 2, 1);
}

hal_value hal_graph_cross_entropy(hal_graph *graph, hal_value logits, hal_value targets)
{
    return node(graph, HAL_OP_CROSS_ENTROPY, NULL, (hal_value[]){logits, targets}, 2, 2);
}

hal_value hal_graph_dropout(hal_graph *graph, hal_value x, hal_value counter, double p, int64_t seed)
{
    hal_dropout_attrs attrs = {HAL_HEAD(hal_dropout_attrs), .p = p, .seed = seed};
    return node(graph, HAL_OP_DROPOUT, &attrs, (hal_value[]){x, counter}, 2, 1);
}

hal_value hal_graph_sample(hal_graph *graph, hal_value logits, hal_value u, hal_value temperature,
                           hal_value top_p, int64_t top_k)
{
    hal_sample_attrs attrs = {HAL_HEAD(hal_sample_attrs), .top_k = top_k};
    return node(graph, HAL_OP_SAMPLE, &attrs, (hal_value[]){logits, u, temperature, top_p}, 4, 1);
}
