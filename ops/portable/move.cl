/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving elements: y[i] = x[i], i counting both in row-major order, whatever their strides. W is the width in bytes.
 * Reference: hal_op_reference_copy and its kin.
 */
/* A work-item moves `run` elements. Where the innermost axes of both go on for a while it walks there once. */
HAL_KERNEL void move_strided(HAL_TENSOR(x), HAL_TENSOR(y), hal_walk from, hal_walk to, long run, long n)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < n ? begin + run : n;
    const long from_row = from.size[from.rank - 1], to_row = to.size[to.rank - 1];
    const long from_by = from.dense ? 1 : from.stride[from.rank - 1], to_by = to.dense ? 1 : to.stride[to.rank - 1];
    for (long i = begin, m; i < end; i += m) {
        const long x_at = hal_walk_at(&from, i), y_at = hal_walk_at(&to, i);
        const long x_left = from_row - i % from_row, y_left = to_row - i % to_row;
        m = x_left < y_left ? x_left : y_left;
        m = m < end - i ? m : end - i;
        HAL_VECTOR_LOOP
        for (long j = 0; j < m; j++)
            HAL_AS(RAW(W), AT(y))[y_at + j * to_by] = HAL_AS(const RAW(W), AT(x))[x_at + j * from_by];
    }
}

/* Both dense: each work-item moves a run. */
HAL_KERNEL void move_dense(HAL_TENSOR(x), HAL_TENSOR(y), long run, long n)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < n ? begin + run : n;
    HAL_VECTOR_LOOP
    for (long i = begin; i < end; i++)
        HAL_AS(RAW(W), AT(y))[i] = HAL_AS(const RAW(W), AT(x))[i];
}

/* y[i] = the low W bytes of `bits`. */
HAL_KERNEL void fill(HAL_TENSOR(y), hal_walk to, ulong bits, long run, long n)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < n ? begin + run : n;
    for (long i = begin; i < end; i++) HAL_AS(RAW(W), AT(y))[hal_walk_at(&to, i)] = (RAW(W))bits;
}
