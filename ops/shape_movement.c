/* SPDX-License-Identifier: Apache-2.0 */
/* Shape rules of the movement rows. */
#include <ops/shape.h>

hal_op_shape_fn hal_op_shape_same, hal_op_shape_cast, hal_op_shape_reshape, hal_op_shape_transpose,
    hal_op_shape_slice, hal_op_shape_broadcast, hal_op_shape_split, hal_op_shape_concat, hal_op_shape_gather,
    hal_op_shape_scatter_add, hal_op_shape_set_rows, hal_op_shape_fill, hal_op_shape_iota,
    hal_op_shape_random;

#define RULE(word)                                                                                           \
    hal_status hal_op_shape_##word(const void *attrs, const hal_shape *in, uint32_t n_in, hal_shape *out,    \
                                   uint32_t n_out)
#define UNUSED (void)attrs, (void)in, (void)n_in, (void)n_out

RULE(same)
{
    UNUSED;
    out[0] = in[0];
    return HAL_OK;
}

RULE(cast)
{
    UNUSED;
    out[0] = in[0];
    out[0].dtype = (hal_dtype)((const hal_cast_attrs *)attrs)->dtype;
    if (hal_dtype_describe(out[0].dtype) &&
        hal_dtype_describe(out[0].dtype)->class_ == HAL_DTYPE_CLASS_QUANTISED)
        return HAL_FAIL(UNSUPPORTED,
                        "cast to a block-quantised dtype; quantise when the weights are written instead");
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- reshape -- */

/* A product of sizes: constants multiplied, symbols listed. */
typedef struct product { int64_t constant; uint32_t n; hal_dim symbol[HAL_MAX_RANK]; } product;

static bool product_add(product *p, hal_dim d)
{
    if (d.symbol < 0) return !__builtin_mul_overflow(p->constant, d.base, &p->constant);
    p->symbol[p->n++] = d;
    return true;
}

/* Takes the symbols of `b` out of `a`; false when one is not there. */
static bool symbols_cancel(product *a, const product *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        uint32_t j = 0;
        while (j < a->n && !hal_dim_equal(a->symbol[j], b->symbol[i])) j++;
        if (j == a->n) return false;
        a->symbol[j] = a->symbol[--a->n];
    }
    return true;
}

/* The size of the -1 entry: what is left of x over the sizes named. */
static bool rest_size(const product *x, const product *y, hal_dim *rest)
{
    hal_dim d = hal_dim_constant(x->constant);
    if (x->n > 1 || (x->n && !hal_dim_multiply(x->symbol[0], d, &d))) return false;
    return hal_dim_divide(d, y->constant, rest);
}

static hal_status reshape_entries(const hal_int_list *shape, const hal_shape *x, hal_shape *y, product *known,
                                  int64_t *rest)
{
    for (int64_t d = 0; d < shape->n; d++) {
        int64_t n = shape->v[d];
        if (n < -1 || (n == -1 && *rest >= 0) || (n == 0 && d >= (int64_t)x->rank))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "entry %lld of `shape` is %lld: one may be -1, 0 keeps a size that x has",
                            (long long)d, (long long)n);
        if (n == -1) {
            *rest = d;
            continue;
        }
        y->size[d] = n ? hal_dim_constant(n) : x->size[d];
        if (!product_add(known, y->size[d]))
            return HAL_FAIL(INVALID_ARGUMENT, "the sizes of `shape` overflow 64 bits");
    }
    return HAL_OK;
}

RULE(reshape)
{
    UNUSED;
    const hal_int_list *shape = &((const hal_reshape_attrs *)attrs)->shape;
    product x = {.constant = 1}, y = {.constant = 1};
    int64_t rest = -1;
    out[0] = (hal_shape){.dtype = in[0].dtype, .rank = (uint32_t)shape->n};
    HAL_TRY(reshape_entries(shape, &in[0], &out[0], &y, &rest));
    for (uint32_t d = 0; d < in[0].rank; d++)
        if (!product_add(&x, in[0].size[d]))
            return HAL_FAIL(INVALID_ARGUMENT, "the sizes of x overflow 64 bits");
    bool fits = symbols_cancel(&x, &y);
    if (fits && rest >= 0) fits = rest_size(&x, &y, &out[0].size[rest]);
    else if (fits) fits = !x.n && x.constant == y.constant;
    if (!fits)
        return HAL_FAIL(
            INVALID_ARGUMENT,
            "x and `shape` have different numbers of elements (x's constant sizes make %lld, those of"
            " `shape` %lld); at most one symbol may move into the entry -1",
            (long long)x.constant, (long long)y.constant);
    return HAL_OK;
}

RULE(transpose)
{
    UNUSED;
    const hal_int_list *perm = &((const hal_transpose_attrs *)attrs)->perm;
    uint32_t rank = in[0].rank, seen = 0;
    out[0] = in[0];
    if (perm->n && perm->n != (int64_t)rank)
        return HAL_FAIL(INVALID_ARGUMENT, "`perm` has %lld entries, x has rank %u; name every axis once",
                        (long long)perm->n, rank);
    for (uint32_t d = 0; d < rank; d++) {
        uint32_t axis = rank - 1 - d;
        if (perm->n) HAL_TRY(hal_shape_axis(perm->v[d], rank, &axis));
        if (seen & (1u << axis))
            return HAL_FAIL(INVALID_ARGUMENT, "`perm` names axis %u twice; name every axis once", axis);
        seen |= 1u << axis;
        out[0].size[d] = in[0].size[axis];
    }
    return HAL_OK;
}

RULE(slice)
{
    UNUSED;
    const hal_slice_attrs *a = attrs;
    uint32_t axis;
    int64_t last = a->start;
    HAL_TRY(hal_shape_axis(a->axis, in[0].rank, &axis));
    hal_dim size = in[0].size[axis];
    bool over = a->size > 0 && (__builtin_mul_overflow(a->size - 1, a->step, &last) ||
                                __builtin_add_overflow(last, a->start, &last));
    if (over || (size.symbol < 0 && (a->size > 0 ? last >= size.base : a->start > size.base)))
        return HAL_FAIL(
            INVALID_ARGUMENT, "%lld elements from %lld in steps of %lld pass the end of axis %u of size %lld",
            (long long)a->size, (long long)a->start, (long long)a->step, axis, (long long)size.base);
    out[0] = in[0];
    out[0].size[axis] = hal_dim_constant(a->size);
    return HAL_OK;
}

RULE(broadcast)
{
    UNUSED;
    const hal_int_list *shape = &((const hal_broadcast_attrs *)attrs)->shape;
    if (shape->n < (int64_t)in[0].rank)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "`shape` has %lld entries, x has rank %u; broadcasting adds axes only",
                        (long long)shape->n, in[0].rank);
    out[0] = (hal_shape){.dtype = in[0].dtype, .rank = (uint32_t)shape->n};
    int64_t shift = shape->n - (int64_t)in[0].rank;
    for (int64_t d = 0; d < shape->n; d++) {
        hal_dim to = hal_dim_constant(shape->v[d]);
        bool has = d >= shift;
        if (!shape->v[d] && has) to = in[0].size[d - shift];
        bool fits = to.symbol >= 0 || to.base >= 0;
        if (has)
            fits = fits && (hal_dim_equal(to, in[0].size[d - shift]) || hal_dim_is(in[0].size[d - shift], 1));
        if (!fits)
            return HAL_FAIL(
                INVALID_ARGUMENT,
                "entry %lld of `shape` (%lld) does not fit x; sizes must be equal, 1, or kept by 0",
                (long long)d, (long long)shape->v[d]);
        out[0].size[d] = to;
    }
    return HAL_OK;
}

RULE(split)
{
    UNUSED;
    uint32_t axis;
    hal_shape part = in[0];
    HAL_TRY(hal_shape_axis(((const hal_split_attrs *)attrs)->axis, in[0].rank, &axis));
    if (!hal_dim_divide(in[0].size[axis], n_out, &part.size[axis]))
        return HAL_FAIL(INVALID_ARGUMENT, "axis %u of size %lld does not split into %u equal parts", axis,
                        (long long)in[0].size[axis].base, n_out);
    for (uint32_t i = 0; i < n_out; i++) out[i] = part;
    return HAL_OK;
}

/* Adds the axis `axis` of input `index` to out; every other size must be equal. */
static hal_status concat_add(const hal_shape *in, uint32_t index, uint32_t axis, hal_shape *out)
{
    hal_shape x = in[index];
    hal_dim sum;
    if (x.rank != out->rank || x.dtype != out->dtype)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "input %u has another rank or dtype than input 0; cast or reshape it", index);
    if (!hal_dim_add(out->size[axis], x.size[axis], &sum))
        return HAL_FAIL(INVALID_ARGUMENT, "input %u: the sizes of axis %u do not add up to one symbol", index,
                        axis);
    x.size[axis] = out->size[axis];
    if (!hal_shape_same_sizes(&x, out))
        return HAL_FAIL(INVALID_ARGUMENT, "input %u differs from input 0 on an axis other than %u", index,
                        axis);
    out->size[axis] = sum;
    return HAL_OK;
}

RULE(concat)
{
    UNUSED;
    uint32_t axis;
    HAL_TRY(hal_shape_axis(((const hal_concat_attrs *)attrs)->axis, in[0].rank, &axis));
    out[0] = in[0];
    for (uint32_t i = 1; i < n_in; i++) HAL_TRY(concat_add(in, i, axis, &out[0]));
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- indices -- */

/* x with `axis` replaced by the axes of `index`. */
static hal_status axis_replace(const hal_shape *x, uint32_t axis, const hal_shape *index, hal_shape *out)
{
    if (x->rank - 1 + index->rank > HAL_MAX_RANK)
        return HAL_FAIL(INVALID_ARGUMENT, "the result would have rank %u; at most %d is possible",
                        x->rank - 1 + index->rank, HAL_MAX_RANK);
    hal_shape y = {.dtype = x->dtype};
    for (uint32_t d = 0; d < axis; d++) y.size[y.rank++] = x->size[d];
    for (uint32_t d = 0; d < index->rank; d++) y.size[y.rank++] = index->size[d];
    for (uint32_t d = axis + 1; d < x->rank; d++) y.size[y.rank++] = x->size[d];
    *out = y;
    return HAL_OK;
}

RULE(gather)
{
    UNUSED;
    uint32_t axis;
    HAL_TRY(hal_shape_want_index(in, 1));
    HAL_TRY(hal_shape_axis(((const hal_gather_attrs *)attrs)->axis, in[0].rank, &axis));
    return axis_replace(&in[0], axis, &in[1], &out[0]);
}

RULE(scatter_add)
{
    UNUSED;
    hal_shape updates;
    HAL_TRY(hal_shape_want_min_rank(in, 0, 1));
    HAL_TRY(hal_shape_want_index(in, 1));
    HAL_TRY(axis_replace(&in[0], 0, &in[1], &updates));
    HAL_TRY(hal_shape_want_sizes(in, 2, &updates, "base with axis 0 replaced by the axes of the indices"));
    if (in[2].dtype != in[0].dtype)
        return HAL_FAIL(INVALID_ARGUMENT, "base and updates must have one dtype; cast one");
    out[0] = in[0];
    return HAL_OK;
}

RULE(set_rows)
{
    UNUSED;
    uint32_t axis;
    HAL_TRY(hal_shape_want_index(in, 2));
    HAL_TRY(hal_shape_want_rank(in, 2, 1));
    HAL_TRY(hal_shape_axis(((const hal_set_rows_attrs *)attrs)->axis, in[0].rank, &axis));
    hal_shape rows = in[0];
    rows.size[axis] = in[2].size[0];
    HAL_TRY(hal_shape_want_sizes(in, 1, &rows, "base with the number of indices on the axis"));
    if (in[1].dtype != in[0].dtype)
        return HAL_FAIL(INVALID_ARGUMENT, "base and rows must have one dtype; cast one");
    out[0] = in[0];
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------- sources -- */

static hal_status constant_shape(const hal_int_list *list, int64_t dtype, hal_shape *out)
{
    *out = (hal_shape){.dtype = (hal_dtype)dtype, .rank = (uint32_t)list->n};
    for (int64_t d = 0; d < list->n; d++) {
        if (list->v[d] < 0)
            return HAL_FAIL(INVALID_ARGUMENT, "entry %lld of `shape` is %lld; sizes are not negative",
                            (long long)d, (long long)list->v[d]);
        out->size[d] = hal_dim_constant(list->v[d]);
    }
    return HAL_OK;
}

RULE(fill)
{
    UNUSED;
    const hal_fill_attrs *a = attrs;
    return constant_shape(&a->shape, a->dtype, &out[0]);
}

RULE(iota)
{
    UNUSED;
    const hal_iota_attrs *a = attrs;
    int64_t last;
    if (__builtin_add_overflow(a->start, a->n, &last))
        return HAL_FAIL(INVALID_ARGUMENT, "start + n overflows 64 bits");
    out[0] = (hal_shape){.dtype = (hal_dtype)a->dtype, .rank = 1, .size = {hal_dim_constant(a->n)}};
    return HAL_OK;
}

RULE(random)
{
    UNUSED;
    const hal_random_attrs *a = attrs;
    HAL_TRY(hal_shape_want_rank(in, 0, 0));
    if (in[0].dtype != HAL_I64) return HAL_FAIL(INVALID_ARGUMENT, "input 0 (counter) must be 0-d i64");
    if (!hal_dtype_is_float((hal_dtype)a->dtype))
        return HAL_FAIL(INVALID_ARGUMENT, "`dtype` must be f64, f32, f16 or bf16");
    return constant_shape(&a->shape, a->dtype, &out[0]);
}
