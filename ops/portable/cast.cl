/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elements from one dtype to another, y[i] = x[i] rounded, and y[i] = start + i. The dtypes are numbers of dtypes.def,
 * chosen when it runs: pairs are many. HAL_CAST_FROM and HAL_CAST_TO list those of this program; what lies between is
 * of type IN and holds every `from` exactly. Reference: hal_op_reference_copy, _iota.
 */
#ifdef HAL_WIDE
#define BLOCK 1024
#define READ(number, T) case number: HAL_READ(T, AT(x), from_at, x_by.of[3], n, block) break;
#define WRITE(number, T) case number: HAL_WRITE(T, AT(y), to_at, y_by.of[3], n, block) break;

HAL_KERNEL void cast(HAL_TENSOR(x), hal_strides x_by, HAL_TENSOR(y), hal_strides y_by, hal_space space, int from, int to,
    long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    HAL_REAL block[BLOCK];
    for (long at = begin, n; at < end; at += n) {
        const long row = hal_div(at, space.size[3]), first = at - row * space.size[3];
        const long from_at = hal_row_at(&space, &x_by, row) + first * x_by.of[3];
        const long to_at = hal_row_at(&space, &y_by, row) + first * y_by.of[3];
        n = space.size[3] - first < end - at ? space.size[3] - first : end - at;
        n = n < BLOCK ? n : BLOCK;
        switch (from) { HAL_CAST_FROM(READ) default: break; }
        switch (to) { HAL_CAST_TO(WRITE) default: break; }
    }
}

#else
#define READ(number, T) case number: v = HAL_LOAD(T)(AT(x), hal_row_at(&space, &x_by, row) + j * x_by.of[3]); break;
#define WRITE(number, T) case number: HAL_STORE(T)(AT(y), hal_row_at(&space, &y_by, row) + j * y_by.of[3], v); break;

HAL_KERNEL void cast(HAL_TENSOR(x), hal_strides x_by, HAL_TENSOR(y), hal_strides y_by, hal_space space, int from, int to,
    long run, long total)
{
    const long i = (long)get_global_id(0);
    if (i < total) {
        const long row = hal_div(i, space.size[3]), j = i - row * space.size[3];
        HAL_REAL v = (HAL_REAL)0;
        switch (from) { HAL_CAST_FROM(READ) default: break; }
        switch (to) { HAL_CAST_TO(WRITE) default: break; }
    }
}
#endif

#define COUNT(number, T) case number: HAL_STORE(T)(AT(y), hal_walk_at(&y_by, i), (HAL_REAL)(start + i)); break;
HAL_KERNEL void iota(HAL_TENSOR(y), hal_walk y_by, long start, int to, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long i = begin; i < end; i++) {
        switch (to) { HAL_CAST_TO(COUNT) default: break; }
    }
}
