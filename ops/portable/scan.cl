/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running sums along rows of n elements: y[i] = sum of x[j], j <= i (j < i exclusive; from the end reverse). What the
 * rounding of a long sum loses is kept and added: its error does not grow with i. Reference: hal_op_reference_scan.
 */
/* Adds v to *sum and what that loses to *lost. */
HAL_FUNCTION void add_to(HAL_REAL *sum, HAL_REAL v, HAL_REAL *lost) {
    const HAL_REAL next = HAL_OF(add)(*sum, v), part = next - *sum, error = (*sum - (next - part)) + (v - part);
    *lost += HAL_OF(is_nan)(error) ? (HAL_REAL)0 : error;
    *sum = next;
}

#ifdef HAL_WIDE
/* A work-item `run` rows, one after the other. */
HAL_KERNEL void scan(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(y), hal_walk y_by, int exclusive, int reverse, long n,
    long run, long rows)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < rows ? begin + run : rows;
    for (long r = begin; r < end; r++) {
        HAL_REAL sum = (HAL_REAL)0, lost = (HAL_REAL)0;
        for (long j = 0; j < n; j++) {
            const long i = r * n + (reverse ? n - 1 - j : j);
            const HAL_REAL v = HAL_LOAD(T)(AT(x), hal_walk_at(&x_by, i)), before = sum + lost;
            add_to(&sum, v, &lost);
            HAL_STORE(T)(AT(y), hal_walk_at(&y_by, i), exclusive ? before : sum + lost);
        }
    }
}

#else
#define TILE 128
/* A group a row: a tile of as many elements as the group has work-items sums up in log steps, then moves on. */
HAL_KERNEL void scan(HAL_TENSOR(x), hal_walk x_by, HAL_TENSOR(y), hal_walk y_by, int exclusive, int reverse, long n,
    long run, long rows)
{
    HAL_LOCAL HAL_REAL tile[TILE];
    const long r = (long)get_group_id(0), items = (long)get_local_size(0), item = (long)get_local_id(0);
    HAL_REAL sum = (HAL_REAL)0, lost = (HAL_REAL)0;
    for (long at = 0; at < n; at += items) {
        const long j = at + item, i = r * n + (reverse ? n - 1 - j : j);
        const HAL_REAL v = j < n ? HAL_LOAD(T)(AT(x), hal_walk_at(&x_by, i)) : (HAL_REAL)0;
        tile[item] = v;
        HAL_BARRIER();
        for (long w = 1; w < items; w *= 2) {
            const HAL_REAL other = item >= w ? tile[item - w] : (HAL_REAL)0, own = tile[item];
            HAL_BARRIER();
            tile[item] = item >= w ? HAL_OF(add)(other, own) : own;
            HAL_BARRIER();
        }
        const HAL_REAL inside = exclusive ? (item > 0 ? tile[item - 1] : (HAL_REAL)0) : tile[item];
        if (j < n) HAL_STORE(T)(AT(y), hal_walk_at(&y_by, i), sum + (inside + lost));
        add_to(&sum, tile[items - 1], &lost);
        HAL_BARRIER();
    }
}
#endif
