/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules of pointwise, reductions, order and matmul. */
#include <ops/shape.h>

hal_op_shape_fn hal_op_shape_pointwise, hal_op_shape_reduce, hal_op_shape_arg_max, hal_op_shape_top_k,
    hal_op_shape_sort, hal_op_shape_matmul, hal_op_shape_square_sum, hal_op_shape_sample;

#define RULE(word)                                                                                           \
    hal_status hal_op_shape_##word(const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out,    \
                                   uint32_t n_out)
#define UNUSED (void)attrs, (void)in, (void)n_in, (void)n_out

static hal_status expr_counts(const hal_expr *expr, uint32_t inputs, uint32_t outputs)
{
    if (expr->n_inputs == inputs && expr->n_outputs == outputs) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "the expression has %u inputs and %u results; the node gives it %u and wants %u",
                    expr->n_inputs, expr->n_outputs, inputs, outputs);
}

static void expr_outputs(const hal_expr *expr, const hal_shape *like, hal_dtype dtype, hal_shape *out)
{
    for (uint32_t i = 0; i < expr->n_outputs; i++) {
        out[i] = *like;
        out[i].dtype = expr->output_dtype[i] ? (hal_dtype)expr->output_dtype[i] : dtype;
    }
}

static hal_status want_plain(const hal_shape *in, uint32_t index)
{
    if (hal_dtype_describe(in[index].dtype)->class_ != HAL_DTYPE_CLASS_QUANTISED) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u is block-quantised; cast it to a plain dtype first", index);
}

RULE(pointwise)
{
    UNUSED;
    const hal_expr *expr = &((const hal_pointwise_attrs *)attrs)->expr;
    hal_shape shape = in[0];
    HAL_TRY(expr_counts(expr, n_in, n_out));
    for (uint32_t i = 0; i < n_in; i++) {
        HAL_TRY(want_plain(in, i));
        HAL_TRY(hal_shape_broadcast(&shape, &in[i], i));
    }
    expr_outputs(expr, &shape, in[0].dtype, out);
    return HAL_OK;
}

RULE(reduce)
{
    UNUSED;
    const hal_reduce_attrs *a = attrs;
    uint32_t gone = 0, axis;
    HAL_TRY(want_plain(in, 0));
    for (int64_t i = 0; i < a->axes.n; i++) {
        HAL_TRY(hal_shape_axis(a->axes.v[i], in[0].rank, &axis));
        if (gone & (1u << axis))
            return HAL_FAIL(INVALID_ARGUMENT, "`axes` names axis %u twice; name it once", axis);
        gone |= 1u << axis;
    }
    if (!a->axes.n) gone = UINT32_MAX;
    out[0] = (hal_shape){.dtype = in[0].dtype};
    for (uint32_t d = 0; d < in[0].rank; d++) {
        bool reduced = gone & (1u << d);
        if (!reduced || a->keep) out[0].size[out[0].rank++] = reduced ? hal_dim_constant(1) : in[0].size[d];
    }
    return HAL_OK;
}

RULE(arg_max)
{
    UNUSED;
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    HAL_TRY(want_plain(in, 0));
    if (hal_dim_is(in[0].size[in[0].rank - 1], 0))
        return HAL_FAIL(INVALID_ARGUMENT, "the last axis is empty; it has no largest element");
    out[0] = hal_shape_rows(&in[0], HAL_I32);
    return HAL_OK;
}

RULE(top_k)
{
    UNUSED;
    int64_t k = ((const hal_top_k_attrs *)attrs)->k;
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    HAL_TRY(want_plain(in, 0));
    hal_dim n = in[0].size[in[0].rank - 1];
    if (n.symbol < 0 && k > n.base)
        return HAL_FAIL(INVALID_ARGUMENT, "k is %lld, the last axis has %lld elements; choose a smaller k",
                        (long long)k, (long long)n.base);
    out[0] = in[0];
    out[0].size[in[0].rank - 1] = hal_dim_constant(k);
    out[1] = out[0];
    out[1].dtype = HAL_I32;
    return HAL_OK;
}

RULE(sort)
{
    UNUSED;
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    HAL_TRY(want_plain(in, 0));
    out[0] = out[1] = in[0];
    out[1].dtype = HAL_I32;
    return HAL_OK;
}

/* -------------------------------------------------------------------------------------------- matmul -- */

static hal_status matmul_dtypes(const hal_shape *in)
{
    bool quantised = hal_dtype_describe(in[1].dtype)->class_ == HAL_DTYPE_CLASS_QUANTISED;
    if (in[0].dtype == in[1].dtype && !quantised) return HAL_OK;
    if (quantised && hal_dtype_is_float(in[0].dtype)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "a is %s and b is %s; they need one dtype, or b a block-quantised one: cast one",
                    hal_dtype_describe(in[0].dtype)->name, hal_dtype_describe(in[1].dtype)->name);
}

/* Sizes of the plain product. */
static hal_status matmul_product(const hal_matmul_attrs *a, const hal_shape *in, hal_shape *c)
{
    HAL_TRY(hal_shape_want_min_rank(in, 0, 2));
    HAL_TRY(hal_shape_want_min_rank(in, 1, 2));
    HAL_TRY(matmul_dtypes(in));
    uint32_t ra = in[0].rank - 2, rb = in[1].rank - 2;
    hal_dim m = in[0].size[ra + (a->transpose_a ? 1 : 0)], k = in[0].size[ra + (a->transpose_a ? 0 : 1)];
    hal_dim k2 = in[1].size[rb + (a->transpose_b ? 1 : 0)], n = in[1].size[rb + (a->transpose_b ? 0 : 1)];
    if (!hal_dim_equal(k, k2))
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "a has %lld columns and b %lld rows after transposition (or other symbols); they must be equal",
            (long long)k.base, (long long)k2.base);
    hal_shape lead = in[0], lead_b = in[1];
    lead.rank = ra;
    lead_b.rank = rb;
    HAL_TRY(hal_shape_broadcast(&lead, &lead_b, 1));
    lead.size[lead.rank] = m;
    lead.size[lead.rank + 1] = n;
    lead.rank += 2;
    *c = lead;
    return HAL_OK;
}

RULE(matmul)
{
    UNUSED;
    const hal_matmul_attrs *a = attrs;
    hal_shape c, wide;
    HAL_TRY(matmul_product(a, in, &c));
    c.dtype = a->dtype ? (hal_dtype)a->dtype : in[0].dtype;
    wide = c;
    if (!a->expr.n_outputs) {
        if (n_in != 2 || n_out != 1)
            return HAL_FAIL(INVALID_ARGUMENT,
                            "%u inputs and %u outputs without an expression; a product has 2 and 1", n_in,
                            n_out);
        out[0] = c;
        return HAL_OK;
    }
    HAL_TRY(expr_counts(&a->expr, n_in - 1, n_out));
    for (uint32_t i = 2; i < n_in; i++) {
        HAL_TRY(want_plain(in, i));
        HAL_TRY(hal_shape_broadcast(&wide, &in[i], i));
        if (!hal_shape_same_sizes(&wide, &c))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "input %u is larger than the product; broadcast the product's inputs", i);
    }
    expr_outputs(&a->expr, &c, c.dtype, out);
    return HAL_OK;
}

/* ----------------------------------------------------------------------------------------------- the -- */

RULE(square_sum)
{
    UNUSED;
    HAL_TRY(hal_shape_want_float(in, 0));
    out[0] = hal_shape_scalar(HAL_F32);
    return HAL_OK;
}

RULE(sample)
{
    UNUSED;
    HAL_TRY(hal_shape_want_float(in, 0));
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    out[0] = hal_shape_rows(&in[0], HAL_I32);
    HAL_TRY(hal_shape_want_sizes(in, 1, &out[0], "the leading sizes of the logits"));
    HAL_TRY(hal_shape_want_rank(in, 2, 0));
    HAL_TRY(hal_shape_want_rank(in, 3, 0));
    for (uint32_t i = 1; i < 4; i++) HAL_TRY(hal_shape_want_float(in, i));
    hal_dim v = in[0].size[in[0].rank - 1];
    int64_t k = ((const hal_sample_attrs *)attrs)->top_k;
    if (v.symbol < 0 && (v.base < 1 || k > v.base))
        return HAL_FAIL(INVALID_ARGUMENT, "top_k is %lld of %lld logits; choose 0 to the number of logits",
                        (long long)k, (long long)v.base);
    return HAL_OK;
}
