/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules of the transformer rows and the optimisers. Statistics (rstd, lse, ...) are f32, and f64 for
 * f64 inputs. */
#include <ops/shape.h>

hal_op_shape_fn hal_op_shape_layer_norm, hal_op_shape_layer_norm_grad, hal_op_shape_rms_norm,
    hal_op_shape_rms_norm_grad, hal_op_shape_attention, hal_op_shape_attention_grad, hal_op_shape_embedding,
    hal_op_shape_embedding_grad, hal_op_shape_cross_entropy, hal_op_shape_cross_entropy_grad,
    hal_op_shape_adamw, hal_op_shape_sgd;

#define RULE(word)                                                                                           \
    hal_status hal_op_shape_##word(const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out,    \
                                   uint32_t n_out)
#define UNUSED (void)attrs, (void)in, (void)n_in, (void)n_out

/* --------------------------------------------------------------------------------------------- norms -- */

/* Input `index` is a float vector as long as the last axis of input `x`. */
static hal_status want_vector(const hal_shape *in, uint32_t index, uint32_t x)
{
    hal_shape vector = {.rank = 1, .size = {in[x].size[in[x].rank - 1]}};
    HAL_TRY(hal_shape_want_float(in, index));
    return hal_shape_want_sizes(in, index, &vector, "the last axis of x");
}

/* Input `index` holds a statistic for each row of input `x`. */
static hal_status want_statistic(const hal_shape *in, uint32_t index, uint32_t x)
{
    hal_shape rows = hal_shape_rows(&in[x], hal_dtype_accumulate(in[x].dtype));
    if (hal_shape_equal(&in[index], &rows)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u must hold one f32 (f64 for f64) for each row of input %u",
                    index, x);
}

static hal_status want_rows(const hal_shape *in, uint32_t index)
{
    HAL_TRY(hal_shape_want_float(in, index));
    return hal_shape_want_min_rank(in, index, 1);
}

RULE(layer_norm)
{
    UNUSED;
    HAL_TRY(want_rows(in, 0));
    HAL_TRY(want_vector(in, 1, 0));
    if (n_in > 2 && in[2].dtype != HAL_NO_DTYPE) HAL_TRY(want_vector(in, 2, 0));
    out[0] = in[0];
    out[1] = out[2] = hal_shape_rows(&in[0], hal_dtype_accumulate(in[0].dtype));
    return HAL_OK;
}

RULE(layer_norm_grad)
{
    UNUSED;
    HAL_TRY(want_rows(in, 1));
    HAL_TRY(hal_shape_want_equal(in, 0, 1));
    HAL_TRY(want_vector(in, 2, 1));
    HAL_TRY(want_statistic(in, 3, 1));
    HAL_TRY(want_statistic(in, 4, 1));
    out[0] = in[1];
    out[1] = out[2] = in[2];
    return HAL_OK;
}

RULE(rms_norm)
{
    UNUSED;
    HAL_TRY(want_rows(in, 0));
    HAL_TRY(want_vector(in, 1, 0));
    out[0] = in[0];
    out[1] = hal_shape_rows(&in[0], hal_dtype_accumulate(in[0].dtype));
    return HAL_OK;
}

RULE(rms_norm_grad)
{
    UNUSED;
    HAL_TRY(want_rows(in, 1));
    HAL_TRY(hal_shape_want_equal(in, 0, 1));
    HAL_TRY(want_vector(in, 2, 1));
    HAL_TRY(want_statistic(in, 3, 1));
    out[0] = in[1];
    out[1] = in[2];
    return HAL_OK;
}

/* ----------------------------------------------------------------------------------------- attention -- */

/* Checks q, k, v at in[0..2]. */
static hal_status want_heads(const hal_shape *in)
{
    for (uint32_t i = 0; i < 3; i++) {
        HAL_TRY(hal_shape_want_rank(in, i, 4));
        HAL_TRY(hal_shape_want_float(in, i));
        if (in[i].dtype != in[0].dtype)
            return HAL_FAIL(INVALID_ARGUMENT, "q, k and v must have one dtype; cast them");
    }
    const hal_dim *q = in[0].size, *k = in[1].size, *v = in[2].size;
    if (!hal_dim_equal(q[0], k[0]) || !hal_dim_equal(k[0], v[0]))
        return HAL_FAIL(INVALID_ARGUMENT, "q, k and v must have one batch size");
    if (!hal_dim_equal(k[1], v[1]) || !hal_dim_equal(k[2], v[2]))
        return HAL_FAIL(INVALID_ARGUMENT, "k and v must have the same heads and length");
    if (!hal_dim_equal(q[3], k[3]))
        return HAL_FAIL(INVALID_ARGUMENT, "q and k must have the same head size (last axis)");
    if (q[1].symbol >= 0 || k[1].symbol >= 0 || k[1].base < 1 || q[1].base % k[1].base)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "the %lld query heads must be a constant multiple of the %lld key heads",
                        (long long)q[1].base, (long long)k[1].base);
    return HAL_OK;
}

/* bias broadcasts to [b, hq, t, s]; start is a 0-d i32. Either may be absent. */
static hal_status want_mask(const hal_shape *in, uint32_t n_in, uint32_t bias, const hal_shape *q,
                            const hal_shape *k)
{
    if (n_in > bias && in[bias].dtype != HAL_NO_DTYPE) {
        hal_shape full = *q, wide;
        full.size[3] = k->size[2];
        wide = full;
        HAL_TRY(hal_shape_want_float(in, bias));
        HAL_TRY(hal_shape_broadcast(&wide, &in[bias], bias));
        if (!hal_shape_same_sizes(&wide, &full))
            return HAL_FAIL(INVALID_ARGUMENT, "input %u (bias) must broadcast to [b, hq, t, s]", bias);
    }
    if (n_in <= bias + 1 || in[bias + 1].dtype == HAL_NO_DTYPE) return HAL_OK;
    if (in[bias + 1].dtype != HAL_I32 || in[bias + 1].rank)
        return HAL_FAIL(INVALID_ARGUMENT, "input %u (start) must be 0-d i32", bias + 1);
    return HAL_OK;
}

RULE(attention)
{
    UNUSED;
    HAL_TRY(want_heads(in));
    HAL_TRY(want_mask(in, n_in, 3, &in[0], &in[1]));
    out[0] = in[0];
    out[0].size[3] = in[2].size[3];
    out[1] = hal_shape_rows(&in[0], hal_dtype_accumulate(in[0].dtype));
    return HAL_OK;
}

RULE(attention_grad)
{
    UNUSED;
    HAL_TRY(want_heads(in + 1));
    hal_shape y = in[1];
    y.size[3] = in[3].size[3];
    HAL_TRY(hal_shape_want_sizes(in, 0, &y, "y"));
    HAL_TRY(hal_shape_want_sizes(in, 4, &y, "what attention gives"));
    HAL_TRY(hal_shape_want_float(in, 0));
    HAL_TRY(hal_shape_want_float(in, 4));
    HAL_TRY(want_statistic(in, 5, 1));
    HAL_TRY(want_mask(in, n_in, 6, &in[1], &in[2]));
    for (uint32_t i = 0; i < 3; i++) out[i] = in[i + 1];
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------- tables and -- */

/* [..., d] out of [...]. */
static hal_status rows_append(const hal_shape *index, hal_dtype dtype, hal_dim d, hal_shape *out)
{
    if (index->rank >= HAL_MAX_RANK)
        return HAL_FAIL(INVALID_ARGUMENT, "the ids have rank %u; the result would have one more",
                        index->rank);
    *out = *index;
    out->dtype = dtype;
    out->size[out->rank++] = d;
    return HAL_OK;
}

RULE(embedding)
{
    UNUSED;
    HAL_TRY(hal_shape_want_rank(in, 0, 2));
    HAL_TRY(hal_shape_want_index(in, 1));
    bool quantised = hal_dtype_describe(in[0].dtype)->class_ == HAL_DTYPE_CLASS_QUANTISED;
    return rows_append(&in[1], quantised ? HAL_F32 : in[0].dtype, in[0].size[1], &out[0]);
}

RULE(embedding_grad)
{
    UNUSED;
    hal_shape rows;
    HAL_TRY(want_rows(in, 0));
    HAL_TRY(hal_shape_want_index(in, 1));
    hal_dim d = in[0].size[in[0].rank - 1];
    HAL_TRY(rows_append(&in[1], in[0].dtype, d, &rows));
    HAL_TRY(hal_shape_want_sizes(in, 0, &rows, "the ids with one more axis"));
    int64_t n = ((const hal_embedding_grad_attrs *)attrs)->rows;
    out[0] = (hal_shape){.dtype = in[0].dtype, .rank = 2, .size = {hal_dim_constant(n), d}};
    return HAL_OK;
}

RULE(cross_entropy)
{
    UNUSED;
    HAL_TRY(want_rows(in, 0));
    HAL_TRY(hal_shape_want_index(in, 1));
    hal_shape rows = hal_shape_rows(&in[0], hal_dtype_accumulate(in[0].dtype));
    HAL_TRY(hal_shape_want_sizes(in, 1, &rows, "the leading sizes of the logits"));
    out[0] = hal_shape_scalar(rows.dtype);
    out[1] = rows;
    return HAL_OK;
}

RULE(cross_entropy_grad)
{
    UNUSED;
    HAL_TRY(hal_shape_want_rank(in, 0, 0));
    HAL_TRY(hal_shape_want_float(in, 0));
    HAL_TRY(want_rows(in, 1));
    HAL_TRY(hal_shape_want_index(in, 2));
    hal_shape rows = hal_shape_rows(&in[1], HAL_F32);
    HAL_TRY(hal_shape_want_sizes(in, 2, &rows, "the leading sizes of the logits"));
    HAL_TRY(want_statistic(in, 3, 1));
    out[0] = in[1];
    return HAL_OK;
}

/* ---------------------------------------------------------------------------------------- optimisers -- */

/* Inputs p, g and the states have equal sizes, those from `first_scalar` on are 0-d; outputs are p and the
 * states. */
static hal_status optimiser(const hal_shape *in, uint32_t first_scalar, uint32_t n_in, hal_shape *out)
{
    for (uint32_t i = 0; i < n_in; i++) {
        HAL_TRY(hal_shape_want_float(in, i));
        if (i >= first_scalar) HAL_TRY(hal_shape_want_rank(in, i, 0));
        else HAL_TRY(hal_shape_want_sizes(in, i, &in[0], "the parameter"));
    }
    out[0] = in[0];
    for (uint32_t i = 2; i < first_scalar; i++) out[i - 1] = in[i];
    return HAL_OK;
}

RULE(adamw)
{
    UNUSED;
    return optimiser(in, 4, n_in, out);
}

RULE(sgd)
{
    UNUSED;
    return optimiser(in, 3, n_in, out);
}
