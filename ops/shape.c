/* SPDX-License-Identifier: Apache-2.0 */
/* The road into the shape rules, and what they share. */
#include <ops/shape.h>

bool hal_shape_same_sizes(const hal_shape *a, const hal_shape *b)
{
    if (a->rank != b->rank) return false;
    for (uint32_t d = 0; d < a->rank; d++)
        if (!hal_dim_equal(a->size[d], b->size[d])) return false;
    return true;
}

bool hal_shape_equal(const hal_shape *a, const hal_shape *b)
{
    return a->dtype == b->dtype && hal_shape_same_sizes(a, b);
}

/* --------------------------------------------------------------------------------------------- sizes -- */

/* A size whose factor vanished is a constant. */
static hal_dim normal(hal_dim d)
{
    return d.factor ? d : hal_dim_constant(d.base);
}

bool hal_dim_add(hal_dim a, hal_dim b, hal_dim *sum)
{
    hal_dim d = a.symbol < 0 ? b : a;
    if (a.symbol >= 0 && b.symbol >= 0 && a.symbol != b.symbol) return false;
    if (__builtin_add_overflow(a.base, b.base, &d.base) ||
        __builtin_add_overflow(a.factor, b.factor, &d.factor))
        return false;
    *sum = normal(d);
    return true;
}

bool hal_dim_multiply(hal_dim a, hal_dim b, hal_dim *product)
{
    if (a.symbol >= 0 && b.symbol >= 0) return false;
    hal_dim d = a.symbol < 0 ? b : a;
    int64_t n = a.symbol < 0 ? a.base : b.base;
    if (__builtin_mul_overflow(d.base, n, &d.base) || __builtin_mul_overflow(d.factor, n, &d.factor))
        return false;
    *product = normal(d);
    return true;
}

bool hal_dim_divide(hal_dim a, int64_t divisor, hal_dim *quotient)
{
    if (divisor <= 0 || a.base % divisor || a.factor % divisor) return false;
    a.base /= divisor;
    a.factor /= divisor;
    *quotient = a;
    return true;
}

/* -------------------------------------------------------------------------------------------- dtypes -- */

bool hal_dtype_is_float(hal_dtype dtype)
{
    return dtype == HAL_F64 || dtype == HAL_F32 || dtype == HAL_F16 || dtype == HAL_BF16;
}

bool hal_dtype_is_index(hal_dtype dtype)
{
    return dtype == HAL_I32 || dtype == HAL_I64;
}

hal_dtype hal_dtype_accumulate(hal_dtype dtype)
{
    return dtype == HAL_F64 ? HAL_F64 : HAL_F32;
}

static const char *dtype_name(hal_dtype dtype)
{
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    return info ? info->name : "none";
}

/* ------------------------------------------------------------------------------------------- demands -- */

hal_status hal_shape_axis(int64_t axis, uint32_t rank, uint32_t *position)
{
    int64_t a = axis < 0 ? axis + (int64_t)rank : axis;
    if (a < 0 || a >= (int64_t)rank)
        return HAL_FAIL(INVALID_ARGUMENT, "axis %lld is outside rank %u; choose %d to %d", (long long)axis,
                        rank, -(int)rank, (int)rank - 1);
    *position = (uint32_t)a;
    return HAL_OK;
}

hal_status hal_shape_broadcast(hal_shape *shape, const hal_shape *x, uint32_t index)
{
    hal_shape out = x->rank > shape->rank ? *x : *shape;
    const hal_shape *small = x->rank > shape->rank ? shape : x;
    uint32_t shift = out.rank - small->rank;
    for (uint32_t d = 0; d < small->rank; d++) {
        hal_dim a = out.size[d + shift], b = small->size[d];
        if (hal_dim_is(a, 1)) out.size[d + shift] = b;
        else if (!hal_dim_is(b, 1) && !hal_dim_equal(a, b))
            return HAL_FAIL(
                INVALID_ARGUMENT,
                "input %u: size %u does not broadcast to the other inputs'; sizes must be equal or 1", index,
                d);
    }
    out.dtype = shape->dtype;
    *shape = out;
    return HAL_OK;
}

hal_shape hal_shape_rows(const hal_shape *x, hal_dtype dtype)
{
    hal_shape rows = *x;
    rows.dtype = dtype;
    rows.rank--;
    return rows;
}

hal_status hal_shape_want_rank(const hal_shape *in, uint32_t index, uint32_t rank)
{
    if (in[index].rank == rank) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u has rank %u; rank %u is needed", index, in[index].rank, rank);
}

hal_status hal_shape_want_min_rank(const hal_shape *in, uint32_t index, uint32_t rank)
{
    if (in[index].rank >= rank) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u has rank %u; at least rank %u is needed", index,
                    in[index].rank, rank);
}

hal_status hal_shape_want_float(const hal_shape *in, uint32_t index)
{
    if (hal_dtype_is_float(in[index].dtype)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u is %s; f64, f32, f16 or bf16 is needed: cast it", index,
                    dtype_name(in[index].dtype));
}

hal_status hal_shape_want_index(const hal_shape *in, uint32_t index)
{
    if (hal_dtype_is_index(in[index].dtype)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT, "input %u is %s; indices are i32 or i64: cast it", index,
                    dtype_name(in[index].dtype));
}

hal_status hal_shape_want_sizes(const hal_shape *in, uint32_t index, const hal_shape *like, const char *what)
{
    if (hal_shape_same_sizes(&in[index], like)) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "input %u has rank %u or sizes that differ from %s (rank %u); make them equal", index,
                    in[index].rank, what, like->rank);
}

hal_status hal_shape_want_equal(const hal_shape *in, uint32_t index, uint32_t other)
{
    if (hal_shape_equal(&in[index], &in[other])) return HAL_OK;
    return HAL_FAIL(INVALID_ARGUMENT,
                    "inputs %u (%s, rank %u) and %u (%s, rank %u) must have equal dtype and sizes", index,
                    dtype_name(in[index].dtype), in[index].rank, other, dtype_name(in[other].dtype),
                    in[other].rank);
}

/* ----------------------------------------------------------------------------------------------- the -- */

static bool may_be_absent(const hal_op_info *op, uint32_t index)
{
    bool optional = op->number == HAL_OP_LAYER_NORM || op->number == HAL_OP_ATTENTION ||
                    op->number == HAL_OP_ATTENTION_GRAD;
    return optional && index >= op->min_inputs;
}

static hal_status inputs_check(const hal_op_info *op, const hal_shape *in, uint32_t n_in)
{
    for (uint32_t i = 0; i < n_in; i++) {
        if (in[i].dtype == HAL_NO_DTYPE && may_be_absent(op, i)) continue;
        if (!hal_dtype_describe(in[i].dtype))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "input %u is missing or of unknown dtype; only optional inputs may be absent", i);
        if (in[i].rank > HAL_MAX_RANK)
            return HAL_FAIL(INVALID_ARGUMENT, "input %u has rank %u; at most %d is possible", i, in[i].rank,
                            HAL_MAX_RANK);
        for (uint32_t d = 0; d < in[i].rank; d++)
            if (in[i].size[d].symbol < 0 && (in[i].size[d].base < 0 || in[i].size[d].factor))
                return HAL_FAIL(INVALID_ARGUMENT,
                                "input %u: size %u is negative or has a factor without symbol", i, d);
    }
    return HAL_OK;
}

static hal_status positions_check(const hal_shape *in)
{
    HAL_TRY(hal_shape_want_float(in, 0));
    HAL_TRY(hal_shape_want_min_rank(in, 0, 2));
    HAL_TRY(hal_shape_want_index(in, 1));
    HAL_TRY(hal_shape_want_rank(in, 1, 1));
    hal_dim t = in[0].size[in[0].rank - 2], d = in[0].size[in[0].rank - 1];
    if (!hal_dim_equal(in[1].size[0], t))
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "input 1 (positions) must have as many entries as input 0 has on its last axis but one");
    if (d.symbol >= 0 || d.base % 2)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "the last axis of input 0 must have an even constant size; it is turned in pairs");
    return HAL_OK;
}

static hal_status counter_check(const hal_shape *in)
{
    HAL_TRY(hal_shape_want_float(in, 0));
    HAL_TRY(hal_shape_want_rank(in, 1, 0));
    if (in[1].dtype != HAL_I64) return HAL_FAIL(INVALID_ARGUMENT, "input 1 (counter) must be 0-d i64");
    return HAL_OK;
}

/* What rows of the shape rule `same` demand beyond it; the rule itself does not know its row. */
static hal_status same_check(const hal_op_info *op, const hal_shape *in)
{
    switch (op->number) {
    case HAL_OP_SCAN: return hal_shape_want_min_rank(in, 0, 1);
    case HAL_OP_SOFTMAX:
    case HAL_OP_LOG_SOFTMAX:
        HAL_TRY(hal_shape_want_float(in, 0));
        return hal_shape_want_min_rank(in, 0, 1);
    case HAL_OP_SOFTMAX_GRAD:
    case HAL_OP_LOG_SOFTMAX_GRAD:
        HAL_TRY(hal_shape_want_float(in, 0));
        HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
        return hal_shape_want_equal(in, 1, 0);
    case HAL_OP_GATED:
        HAL_TRY(hal_shape_want_float(in, 0));
        return hal_shape_want_equal(in, 1, 0);
    case HAL_OP_ROTARY: return positions_check(in);
    case HAL_OP_DROPOUT: return counter_check(in);
    default: return HAL_OK;
    }
}

static hal_status outputs_check(const hal_shape *out, uint32_t n_out)
{
    for (uint32_t i = 0; i < n_out; i++) {
        if (!hal_dtype_describe(out[i].dtype))
            return HAL_FAIL(INVALID_ARGUMENT, "output %u has no known dtype; name one", i);
        for (uint32_t d = 0; d < out[i].rank; d++)
            if (out[i].size[d].symbol < 0 && out[i].size[d].base < 0)
                return HAL_FAIL(INVALID_ARGUMENT, "output %u: size %u would be negative", i, d);
    }
    return HAL_OK;
}

hal_status hal_op_shape(uint32_t number, const void *attrs, const hal_shape *in, uint32_t n_in,
                        hal_shape *out, uint32_t n_out)
{
    const hal_op_row *row = hal_op_row_get(number);
    if (!row) return HAL_FAIL(NOT_FOUND, "operator %u is not in the table", number);
    const hal_op_info *op = &row->info;
    if (n_in < op->min_inputs || n_in > op->max_inputs)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: %u inputs were given, %u to %u are needed", op->name, n_in,
                        op->min_inputs, op->max_inputs);
    if (n_out < op->min_outputs || n_out > op->max_outputs)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: %u outputs were asked, it has %u to %u", op->name, n_out,
                        op->min_outputs, op->max_outputs);
    hal_shape result[16];
    memset(result, 0, sizeof result);
    HAL_TRY(inputs_check(op, in, n_in));
    HAL_TRY(same_check(op, in));
    HAL_TRY(row->shape(attrs, in, n_in, result, n_out));
    HAL_TRY(outputs_check(result, n_out));
    memcpy(out, result, n_out * sizeof *out);
    return HAL_OK;
}
