/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of expressions over operands of one dtype T: y[i] = op(a[i], b[i], c[i]). Most expressions that are not fused
 * are that, and share a program: `op` is its number in expr.def. IN is the letter of what it computes in; HAL_STEPS_1,
 * _2 and _3, lists of the steps by operands, stand before this text. Reference: hal_op_reference_pointwise.
 */
#ifdef HAL_WIDE
#define BLOCK 256
#define LOOP(value) HAL_VECTOR_LOOP for (long j = 0; j < n; j++) a[j] = HAL_AS_T(T)(value); break;
#define CASE_1(number, name) case number: LOOP(name(a[j]))
#define CASE_2(number, name) case number: LOOP(name(a[j], b[j]))
#define CASE_3(number, name) case number: LOOP(name(a[j], b[j], c[j]))
HAL_FUNCTION void step_compute(int op, long n, HAL_REAL *a, const HAL_REAL *b, const HAL_REAL *c) {
    switch (op) {
    HAL_STEPS_1(CASE_1)
    HAL_STEPS_2(CASE_2)
    HAL_STEPS_3(CASE_3)
    default: break;
    }
}

HAL_KERNEL void one_step(HAL_TENSOR(a), hal_strides a_by, HAL_TENSOR(b), hal_strides b_by, HAL_TENSOR(c), hal_strides c_by,
    HAL_TENSOR(y), hal_strides y_by, hal_space space, int op, int operands, long run, long total)
{
    const long begin = (long)get_global_id(0) * run, end = begin + run < total ? begin + run : total;
    HAL_REAL a_block[BLOCK], b_block[BLOCK], c_block[BLOCK];
    for (long at = begin, n; at < end; at += n) {
        const long row = hal_div(at, space.size[3]), first = at - row * space.size[3];
        n = space.size[3] - first < end - at ? space.size[3] - first : end - at;
        n = n < BLOCK ? n : BLOCK;
        HAL_READ(T, AT(a), hal_row_at(&space, &a_by, row) + first * a_by.of[3], a_by.of[3], n, a_block)
        if (operands > 1)
            HAL_READ(T, AT(b), hal_row_at(&space, &b_by, row) + first * b_by.of[3], b_by.of[3], n, b_block)
        if (operands > 2)
            HAL_READ(T, AT(c), hal_row_at(&space, &c_by, row) + first * c_by.of[3], c_by.of[3], n, c_block)
        step_compute(op, n, a_block, b_block, c_block);
        const long to = hal_row_at(&space, &y_by, row) + first * y_by.of[3];
        HAL_WRITE(T, AT(y), to, y_by.of[3], n, a_block)
    }
}

#else
#define CASE_1(number, name) case number: return name(a);
#define CASE_2(number, name) case number: return name(a, b);
#define CASE_3(number, name) case number: return name(a, b, c);
HAL_FUNCTION HAL_REAL step_compute(int op, HAL_REAL a, HAL_REAL b, HAL_REAL c) {
    switch (op) {
    HAL_STEPS_1(CASE_1)
    HAL_STEPS_2(CASE_2)
    HAL_STEPS_3(CASE_3)
    default: return a;
    }
}

#define TAKE(x) HAL_LOAD(T)(AT(x), hal_row_at(&space, &x##_by, row) + j * x##_by.of[3])
HAL_KERNEL void one_step(HAL_TENSOR(a), hal_strides a_by, HAL_TENSOR(b), hal_strides b_by, HAL_TENSOR(c), hal_strides c_by,
    HAL_TENSOR(y), hal_strides y_by, hal_space space, int op, int operands, long run, long total)
{
    const long i = (long)get_global_id(0);
    if (i < total) {
        const long row = hal_div(i, space.size[3]), j = i - row * space.size[3];
        const HAL_REAL v0 = TAKE(a), v1 = operands > 1 ? TAKE(b) : v0, v2 = operands > 2 ? TAKE(c) : v0;
        HAL_STORE(T)(AT(y), hal_row_at(&space, &y_by, row) + j * y_by.of[3], step_compute(op, v0, v1, v2));
    }
}
#endif
