/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows by index, moved as they are; W is the width of an element. A tensor is seen as [outer, axis, inner]; an index
 * outside the axis reads zeros and writes nothing.
 *
 *   gather       y[o, i, :] = x[o, index[i], :]
 *   set_base     y = base, unless they are one; set_owner: which i is the last that writes a row; set_rows:
 *                y[o, index[i], :] = rows[o, i, :] by that one
 *
 * Reference: hal_op_reference_gather, _set_rows.
 */
#define ELEMENT(p) HAL_AS(RAW(W), p)
#define CONST_ELEMENT(p) HAL_AS(const RAW(W), p)

/* Where an operand's outer and inner elements lie, and how far its rows are apart. */
typedef struct { hal_walk outer, inner; long step; } hal_slab;
HAL_FUNCTION long index_at(HAL_GLOBAL const char *p, const hal_walk *by, int is_long, long i) {
    const long at = hal_walk_at(by, i);
    return is_long ? load_I64(p, at) : load_I32(p, at);
}

/* A work-item moves `run` elements, piece of a row by piece of a row. */
HAL_KERNEL void gather(HAL_TENSOR(x), hal_slab x_by, HAL_TENSOR(index), hal_walk index_by, HAL_TENSOR(y), hal_walk y_by,
    int is_long, long n_axis, long n_index, long n_inner, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long at = begin, m; at < end; at += m) {
        const long r = hal_div(at, n_inner), first = at - r * n_inner, o = hal_div(r, n_index);
        const long row = index_at(AT(index), &index_by, is_long, r - o * n_index);
        m = n_inner - first < end - at ? n_inner - first : end - at;
        if (row < 0 || row >= n_axis) {
            for (long j = 0; j < m; j++) ELEMENT(AT(y))[hal_walk_at(&y_by, at + j)] = 0;
            continue;
        }
        const long from = hal_walk_at(&x_by.outer, o) + row * x_by.step;
        if (x_by.inner.dense && y_by.dense)
            HAL_VECTOR_LOOP for (long j = 0; j < m; j++) ELEMENT(AT(y))[at + j] = CONST_ELEMENT(AT(x))[from + first + j];
        else
            for (long j = 0; j < m; j++)
                ELEMENT(AT(y))[hal_walk_at(&y_by, at + j)] = CONST_ELEMENT(AT(x))[from + hal_walk_at(&x_by.inner, first + j)];
    }
}

HAL_KERNEL void set_base(HAL_TENSOR(base), hal_walk base_by, HAL_TENSOR(y), hal_walk y_by, HAL_TENSOR(owner), long rows,
    long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long i = begin; i < end && i < rows; i++) HAL_AS(int, AT(owner))[i] = -1;
    if (AT(base) == AT(y)) return;
    if (base_by.dense && y_by.dense)
        HAL_VECTOR_LOOP for (long i = begin; i < end; i++) ELEMENT(AT(y))[i] = CONST_ELEMENT(AT(base))[i];
    else
        for (long i = begin; i < end; i++)
            ELEMENT(AT(y))[hal_walk_at(&y_by, i)] = CONST_ELEMENT(AT(base))[hal_walk_at(&base_by, i)];
}

HAL_KERNEL void set_owner(HAL_TENSOR(index), hal_walk index_by, HAL_TENSOR(owner), int is_long, long n_axis, long n_index)
{
    const long i = (long)get_global_id(0);
    if (i < n_index) {
        const long row = index_at(AT(index), &index_by, is_long, i);
        if (row >= 0 && row < n_axis) HAL_ATOMIC_MAX(HAL_AS(int, AT(owner)) + row, (int)i);
    }
}

HAL_KERNEL void set_rows(HAL_TENSOR(rows), hal_slab rows_by, HAL_TENSOR(index), hal_walk index_by, HAL_TENSOR(y),
    hal_slab y_by, HAL_TENSOR(owner), int is_long, long n_axis, long n_index, long n_inner, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long at = begin, m; at < end; at += m) {
        const long r = hal_div(at, n_inner), first = at - r * n_inner, o = hal_div(r, n_index), i = r - o * n_index;
        const long row = index_at(AT(index), &index_by, is_long, i);
        m = n_inner - first < end - at ? n_inner - first : end - at;
        if (row < 0 || row >= n_axis || HAL_AS(const int, AT(owner))[row] != (int)i) continue;
        const long from = hal_walk_at(&rows_by.outer, o) + i * rows_by.step;
        const long to = hal_walk_at(&y_by.outer, o) + row * y_by.step;
        if (rows_by.inner.dense && y_by.inner.dense)
            HAL_VECTOR_LOOP for (long j = 0; j < m; j++)
                ELEMENT(AT(y))[to + first + j] = CONST_ELEMENT(AT(rows))[from + first + j];
        else
            for (long j = 0; j < m; j++)
                ELEMENT(AT(y))[to + hal_walk_at(&y_by.inner, first + j)] =
                    CONST_ELEMENT(AT(rows))[from + hal_walk_at(&rows_by.inner, first + j)];
    }
}
