/* SPDX-License-Identifier: Apache-2.0 */
#include "view.h"

#include <string.h>

int64_t hal_dim_largest(hal_dim d, const hal_symbol_record *symbols)
{
    if (d.symbol < 0)
        return d.base;
    const hal_symbol_record *s = &symbols[d.symbol];
    return d.base + d.factor * (d.factor < 0 ? s->min : s->max);
}

bool hal_dim_product(hal_dim a, hal_dim b, hal_dim *product)
{
    if (a.symbol >= 0) {
        hal_dim swap = a;
        a = b;
        b = swap;
    }
    if (a.symbol >= 0)
        return false;
    hal_dim p = b;
    if (__builtin_mul_overflow(b.base, a.base, &p.base) ||
        __builtin_mul_overflow(b.factor, a.base, &p.factor))
        return false;
    if (p.factor == 0)
        p.symbol = -1;
    *product = p;
    return true;
}

/* Size in storage units: elements, or blocks on the innermost axis of a block type. */
static bool units(hal_dim size, uint32_t block, hal_dim *n)
{
    *n = size;
    if (block == 1)
        return true;
    if (size.symbol >= 0 || size.base < 0)
        return false;
    n->base = (size.base + block - 1) / block;
    return true;
}

/* Multiplies, falling back to the largest sizes where a product of two symbols is met. */
static bool accumulate(hal_dim a, hal_dim b, const hal_symbol_record *symbols, hal_dim *product)
{
    int64_t n;
    if (hal_dim_product(a, b, product))
        return true;
    if (__builtin_mul_overflow(hal_dim_largest(a, symbols), hal_dim_largest(b, symbols), &n))
        return false;
    *product = hal_dim_constant(n);
    return true;
}

/* Strides of the row-major layout and the number of bytes it takes. */
static bool layout(const hal_shape *shape, const hal_symbol_record *symbols, hal_dim *stride, hal_dim *bytes)
{
    const hal_dtype_info *dtype = hal_dtype_describe(shape->dtype);
    if (!dtype)
        return false;
    hal_dim all = hal_dim_constant(dtype->block_bytes), n;
    for (uint32_t d = shape->rank; d-- > 0;) {
        if (stride)
            stride[d] = all;
        if (!units(shape->size[d], d + 1 == shape->rank ? dtype->block_elements : 1, &n))
            return false;
        if (!accumulate(all, n, symbols, &all))
            return false;
    }
    *bytes = all;
    return true;
}

bool hal_view_contiguous(const hal_shape *shape, const hal_symbol_record *symbols, hal_dim *stride)
{
    hal_dim bytes;
    return layout(shape, symbols, stride, &bytes);
}

bool hal_view_bytes(const hal_shape *shape, const hal_symbol_record *symbols, uint64_t *bytes)
{
    hal_dim all;
    if (!layout(shape, symbols, NULL, &all))
        return false;
    int64_t n = hal_dim_largest(all, symbols);
    if (n < 0)
        return false;
    *bytes = (uint64_t)n;
    return true;
}

static uint32_t axis_of(int64_t axis, uint32_t rank)
{
    return (uint32_t)(axis < 0 ? axis + rank : axis);
}

static bool derive_transpose(const hal_transpose_attrs *a, uint32_t rank, const hal_view *from,
                             hal_view *view)
{
    for (uint32_t d = 0; d < rank; d++)
        view->stride[d] = from->stride[a->perm.n ? axis_of(a->perm.v[d], rank) : rank - 1 - d];
    return true;
}

static bool derive_broadcast(const hal_shape *in, const hal_shape *out, const hal_view *from, hal_view *view)
{
    uint32_t lead = out->rank - in->rank;
    for (uint32_t d = 0; d < out->rank; d++) {
        bool kept = d >= lead && hal_dim_equal(in->size[d - lead], out->size[d]);
        view->stride[d] = kept ? from->stride[d - lead] : hal_dim_constant(0);
    }
    return true;
}

/* Moves the view by `count` steps of `stride`; a distance with a symbol has no constant offset. */
static bool advance(hal_view *view, int64_t count, hal_dim stride)
{
    int64_t bytes, at;
    if (count == 0)
        return true;
    if (stride.symbol >= 0 || __builtin_mul_overflow(count, stride.base, &bytes))
        return false;
    if (__builtin_add_overflow((int64_t)view->offset, bytes, &at) || at < 0)
        return false;
    view->offset = (uint64_t)at;
    return true;
}

static bool derive_slice(const hal_slice_attrs *a, uint32_t rank, const hal_view *from, hal_view *view)
{
    uint32_t axis = axis_of(a->axis, rank);
    memcpy(view->stride, from->stride, sizeof view->stride);
    return advance(view, a->start, from->stride[axis]) &&
           hal_dim_product(from->stride[axis], hal_dim_constant(a->step), &view->stride[axis]);
}

static bool derive_split(const hal_split_attrs *a, const hal_shape *out, uint32_t index, const hal_view *from,
                         hal_view *view)
{
    uint32_t axis = axis_of(a->axis, out->rank);
    hal_dim part;
    memcpy(view->stride, from->stride, sizeof view->stride);
    return hal_dim_product(out->size[axis], from->stride[axis], &part) && advance(view, index, part);
}

/* The sizes and strides that matter for a reshape: without axes of size 1. */
typedef struct axes {
    uint32_t n;
    hal_dim size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} axes;

static axes significant(const hal_shape *shape, const hal_view *view)
{
    axes a = {0};
    for (uint32_t d = 0; d < shape->rank; d++) {
        if (hal_dim_equal(shape->size[d], hal_dim_constant(1)))
            continue;
        a.size[a.n] = shape->size[d];
        if (view)
            a.stride[a.n] = view->stride[d];
        a.n++;
    }
    return a;
}

/* Extends the two runs that start at *i and *j until their products agree; false when they cannot be
 * compared. */
static bool match(const axes *in, const axes *out, const hal_symbol_record *symbols, uint32_t *i, uint32_t *j)
{
    hal_dim a = in->size[(*i)++], b = out->size[(*j)++];
    while (!hal_dim_equal(a, b)) {
        int64_t largest_a = hal_dim_largest(a, symbols), largest_b = hal_dim_largest(b, symbols);
        if (largest_a == largest_b)
            return false;
        if (largest_a < largest_b) {
            if (*i == in->n || !hal_dim_product(a, in->size[(*i)++], &a))
                return false;
        } else {
            if (*j == out->n || !hal_dim_product(b, out->size[(*j)++], &b))
                return false;
        }
    }
    return true;
}

/* Whether axes [first, end) step through memory as one axis would. */
static bool merges(const axes *a, uint32_t first, uint32_t end)
{
    for (uint32_t k = first; k + 1 < end; k++) {
        hal_dim step;
        if (!hal_dim_product(a->size[k + 1], a->stride[k + 1], &step) || !hal_dim_equal(step, a->stride[k]))
            return false;
    }
    return true;
}

/* Strides of `out` over the elements that `in` steps through; false when no strides do that. */
static bool regroup(const axes *in, axes *out, const hal_symbol_record *symbols)
{
    uint32_t i = 0, j = 0;
    while (i < in->n && j < out->n) {
        uint32_t first_in = i, first_out = j;
        if (!match(in, out, symbols, &i, &j) || !merges(in, first_in, i))
            return false;
        out->stride[j - 1] = in->stride[i - 1];
        for (uint32_t k = j - 1; k > first_out; k--)
            if (!hal_dim_product(out->size[k], out->stride[k], &out->stride[k - 1]))
                return false;
    }
    return i == in->n && j == out->n;
}

static bool derive_reshape(const hal_graph *g, const hal_shape *in, const hal_shape *out,
                           const hal_view *from, hal_view *view)
{
    axes a = significant(in, from), b = significant(out, NULL);
    for (uint32_t d = 0; d < a.n; d++)
        if (a.size[d].symbol < 0 && a.size[d].base == 0)
            return hal_view_contiguous(out, g->symbols, view->stride);
    if (!regroup(&a, &b, g->symbols))
        return false;
    hal_dim next = hal_dim_constant(hal_dtype_describe(out->dtype)->block_bytes);
    for (uint32_t d = out->rank, k = b.n; d-- > 0;) {
        bool one = hal_dim_equal(out->size[d], hal_dim_constant(1));
        view->stride[d] = next = one ? next : b.stride[--k];
    }
    return true;
}

bool hal_view_derive(const hal_graph *g, const hal_node_record *node, uint32_t index, const hal_view *from,
                     hal_view *view)
{
    const hal_shape *in = &hal_graph_value(g, node->in[0])->shape;
    const hal_shape *out = &hal_graph_value(g, node->first_out + index)->shape;
    if (hal_dtype_describe(in->dtype)->block_elements != 1)
        return false;
    hal_view v = {.root = from->root, .offset = from->offset};
    bool ok = false;
    switch (node->op) {
    case HAL_OP_RESHAPE: ok = derive_reshape(g, in, out, from, &v); break;
    case HAL_OP_TRANSPOSE: ok = derive_transpose(node->attrs, in->rank, from, &v); break;
    case HAL_OP_SLICE: ok = derive_slice(node->attrs, in->rank, from, &v); break;
    case HAL_OP_BROADCAST: ok = derive_broadcast(in, out, from, &v); break;
    case HAL_OP_SPLIT: ok = derive_split(node->attrs, out, index, from, &v); break;
    default: break;
    }
    if (ok)
        *view = v;
    return ok;
}
