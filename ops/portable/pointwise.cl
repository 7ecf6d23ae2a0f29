/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions element by element: y_o[i] = expr_o(x_0[i], x_1[i], ...), inputs repeated along axes where their stride
 * is 0. The expression stands before this text (expr.h). Reference: hal_op_reference_pointwise.
 */
#define X_PARAM(i) HAL_TENSOR(x##i), hal_strides x##i##_by,
#define Y_PARAM(i) HAL_TENSOR(y##i), hal_strides y##i##_by,

#ifdef HAL_WIDE
#define BLOCK 256
#define X_BEGIN(i) const long x##i##_at = hal_row_at(&space, &x##i##_by, row) + first * x##i##_by.of[3];
#define Y_BEGIN(i) const long y##i##_at = hal_row_at(&space, &y##i##_by, row) + first * y##i##_by.of[3];
#define X_UNIT(i) && x##i##_by.of[3] == 1
#define Y_UNIT(i) && y##i##_by.of[3] == 1
#define X_LOAD(i) x.v[i] = hal_expr_load_##i(AT(x##i), x##i##_at + j);
#define Y_STORE(i) hal_expr_store_##i(AT(y##i), y##i##_at + j, y.v[i]);
/* Elements at any distance go through a block of private memory first; what repeats is read once. */
#define X_BLOCK(i) \
    hal_expr_real x##i##_block[BLOCK]; \
    { \
        const long by = x##i##_by.of[3], from = x##i##_at + done * by; \
        const hal_expr_real same = hal_expr_load_##i(AT(x##i), from); \
        if (by == 0) \
            for (long j = 0; j < n; j++) x##i##_block[j] = same; \
        else if (by == 1) \
            HAL_VECTOR_LOOP for (long j = 0; j < n; j++) x##i##_block[j] = hal_expr_load_##i(AT(x##i), from + j); \
        else \
            for (long j = 0; j < n; j++) x##i##_block[j] = hal_expr_load_##i(AT(x##i), from + j * by); \
    }
#define X_TAKE(i) x.v[i] = x##i##_block[j];
#define Y_PUT(i) hal_expr_store_##i(AT(y##i), y##i##_at + (done + j) * y##i##_by.of[3], y.v[i]);

/* A work-item computes `run` elements, row piece by row piece. */
HAL_KERNEL void pointwise(HAL_EXPR_INPUTS(X_PARAM) HAL_EXPR_OUTPUTS(Y_PARAM) hal_space space, hal_expr_constants k,
    long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    for (long at = begin; at < end;) {
        const long row = hal_div(at, space.size[3]), first = at - row * space.size[3];
        const long left = space.size[3] - first, count = left < end - at ? left : end - at;
        HAL_EXPR_INPUTS(X_BEGIN)
        HAL_EXPR_OUTPUTS(Y_BEGIN)
        if (1 HAL_EXPR_INPUTS(X_UNIT) HAL_EXPR_OUTPUTS(Y_UNIT)) {
            HAL_VECTOR_LOOP
            for (long j = 0; j < count; j++) {
                hal_expr_in x;
                HAL_EXPR_INPUTS(X_LOAD)
                const hal_expr_out y = hal_expr(x, k);
                HAL_EXPR_OUTPUTS(Y_STORE)
            }
        } else {
            for (long done = 0; done < count; done += BLOCK) {
                const long n = count - done < BLOCK ? count - done : BLOCK;
                HAL_EXPR_INPUTS(X_BLOCK)
                HAL_VECTOR_LOOP
                for (long j = 0; j < n; j++) {
                    hal_expr_in x;
                    HAL_EXPR_INPUTS(X_TAKE)
                    const hal_expr_out y = hal_expr(x, k);
                    HAL_EXPR_OUTPUTS(Y_PUT)
                }
            }
        }
        at += count;
    }
}

#else
#define X_LOAD(i) x.v[i] = hal_expr_load_##i(AT(x##i), hal_row_at(&space, &x##i##_by, row) + j * x##i##_by.of[3]);
#define Y_STORE(i) hal_expr_store_##i(AT(y##i), hal_row_at(&space, &y##i##_by, row) + j * y##i##_by.of[3], y.v[i]);

/* A work-item an element. */
HAL_KERNEL void pointwise(HAL_EXPR_INPUTS(X_PARAM) HAL_EXPR_OUTPUTS(Y_PARAM) hal_space space, hal_expr_constants k,
    long run, long total)
{
    const long i = (long)get_global_id(0);
    if (i < total) {
        const long row = hal_div(i, space.size[3]), j = i - row * space.size[3];
        hal_expr_in x;
        HAL_EXPR_INPUTS(X_LOAD)
        const hal_expr_out y = hal_expr(x, k);
        HAL_EXPR_OUTPUTS(Y_STORE)
    }
}
#endif
