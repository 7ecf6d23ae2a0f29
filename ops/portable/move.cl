/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Moving elements: y[i] = x[i], i counting both in row-major order, whatever their strides. W is the width in bytes.
 * Reference: hal_op_reference_copy and its kin.
 */
HAL_KERNEL void move_strided(HAL_TENSOR(x), HAL_TENSOR(y), hal_walk from, hal_walk to, long n)
{
    const long i = (long)get_global_id(0);
    if (i < n)
        HAL_AS(RAW(W), AT(y))[hal_walk_at(&to, i)] = HAL_AS(const RAW(W), AT(x))[hal_walk_at(&from, i)];
}

/* Both dense: each work-item moves a run. */
HAL_KERNEL void move_dense(HAL_TENSOR(x), HAL_TENSOR(y), long run, long n)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < n ? begin + run : n;
    for (long i = begin; i < end; i++)
        HAL_AS(RAW(W), AT(y))[i] = HAL_AS(const RAW(W), AT(x))[i];
}
