/* SPDX-License-Identifier: Apache-2.0 */
/* Products as a library of linear algebra is told of them: what it would compute is what the op says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

#include "backends/cuda/gemm.h"

enum { ROOM = 4096 };

static const hal_portable_traits group = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152};

/* A tensor of f32 with these strides in elements. */
static hal_portable_operand tensor(uint32_t rank, const int64_t *size, const int64_t *stride)
{
    hal_portable_operand o = {.dtype = HAL_F32, .width = 4, .rank = rank, .n = 1};
    for (uint32_t d = 0; d < rank; d++) {
        o.size[d] = size[d];
        o.stride[d] = stride[d] * 4;
        o.n *= size[d];
    }
    hal_strided_make(o.dtype, rank, o.size, o.stride, &o.flat);
    return o;
}

#define T2(rows, columns, down, along) tensor(2, (int64_t[]){rows, columns}, (int64_t[]){down, along})
#define T3(batch, rows, columns, by, down, along) \
    tensor(3, (int64_t[]){batch, rows, columns}, (int64_t[]){by, down, along})

static bool make(const hal_matmul_attrs *attrs, hal_portable_operand a, hal_portable_operand b, hal_portable_operand c,
                 hal_cuda_gemm *g)
{
    hal_portable_operand operand[3] = {a, b, c};
    const hal_portable_call call = {.traits = &group, .op = HAL_OP_MATMUL, .n_in = 2, .n_out = 1, .attrs = attrs,
                                    .operand = operand};
    return hal_cuda_gemm_make(&call, g);
}

/* Element (i, j) of op(matrix), as documented for columns. */
static int64_t at(const hal_cuda_matrix *m, int64_t batch, int64_t i, int64_t j)
{
    assert_true(m->step >= m->rows && m->rows > (m->turned ? j : i) && m->columns > (m->turned ? i : j));
    return batch * m->batch + (m->turned ? j + i * m->step : i + j * m->step);
}

static void multiply(const hal_cuda_gemm *g, const float *a, const float *b, float *d)
{
    const int64_t k = g->a.turned ? g->a.rows : g->a.columns;
    assert_false(g->d.turned);
    for (int64_t batch = 0; batch < g->batches; batch++)
        for (int64_t i = 0; i < g->d.rows; i++)
            for (int64_t j = 0; j < g->d.columns; j++) {
                float sum = 0;
                for (int64_t p = 0; p < k; p++)
                    sum += a[at(&g->a, batch, i, p)] * b[at(&g->b, batch, p, j)];
                d[at(&g->d, batch, i, j)] = sum;
            }
}

static float element(const float *data, const hal_portable_operand *o, int64_t batch, int64_t i, int64_t j)
{
    const uint32_t r = o->rank;
    int64_t at = i * o->stride[r - 2] + j * o->stride[r - 1];
    if (r == 3 && o->size[0] > 1)
        at += batch * o->stride[0];
    assert_true(at >= 0 && at / 4 < ROOM);
    return data[at / 4];
}

static float expected(const hal_matmul_attrs *t, const hal_portable_operand *o, float *const *data, int64_t batch, int64_t i,
                      int64_t j)
{
    const int64_t k = o[0].size[o[0].rank - (t->transpose_a ? 2 : 1)];
    float sum = 0;
    for (int64_t p = 0; p < k; p++)
        sum += element(data[0], &o[0], batch, t->transpose_a ? p : i, t->transpose_a ? i : p) *
               element(data[1], &o[1], batch, t->transpose_b ? j : p, t->transpose_b ? p : j);
    return sum;
}

/* It is taken, and comes out right. */
static hal_cuda_gemm assert_right(const hal_matmul_attrs *t, hal_portable_operand a, hal_portable_operand b,
                                  hal_portable_operand c)
{
    static float room[3][ROOM];
    float *data[3] = {room[0], room[1], room[2]};
    const hal_portable_operand o[3] = {a, b, c};
    const int64_t batches = c.rank == 3 ? c.size[0] : 1;
    hal_cuda_gemm g;
    for (int i = 0; i < ROOM; i++) {
        room[0][i] = (float)(i * 7 % 13 - 6);
        room[1][i] = (float)(i * 5 % 11 - 5);
        room[2][i] = 1e9f;
    }
    assert_true(make(t, a, b, c, &g));
    multiply(&g, data[g.first], data[g.second], data[2]);
    for (int64_t n = 0; n < batches; n++)
        for (int64_t i = 0; i < c.size[c.rank - 2]; i++)
            for (int64_t j = 0; j < c.size[c.rank - 1]; j++)
                assert_true(element(data[2], &c, n, i, j) == expected(t, o, data, n, i, j));
    return g;
}

static const hal_matmul_attrs plain = {HAL_HEAD(hal_matmul_attrs)};
static const hal_matmul_attrs turned_a = {HAL_HEAD(hal_matmul_attrs), .transpose_a = 1};
static const hal_matmul_attrs turned_b = {HAL_HEAD(hal_matmul_attrs), .transpose_b = 1};
static const hal_matmul_attrs turned = {HAL_HEAD(hal_matmul_attrs), .transpose_a = 1, .transpose_b = 1};

static void each_transposition_is_right(void **state)
{
    (void)state;
    assert_right(&plain, T2(3, 5, 5, 1), T2(5, 7, 7, 1), T2(3, 7, 7, 1));
    assert_right(&turned_a, T2(5, 3, 3, 1), T2(5, 7, 7, 1), T2(3, 7, 7, 1));
    assert_right(&turned_b, T2(3, 5, 5, 1), T2(7, 5, 5, 1), T2(3, 7, 7, 1));
    assert_right(&turned, T2(5, 3, 3, 1), T2(7, 5, 5, 1), T2(3, 7, 7, 1));
}

static void strides_are_transpositions_and_steps(void **state)
{
    (void)state;
    assert_right(&plain, T2(3, 5, 9, 1), T2(5, 7, 1, 6), T2(3, 7, 10, 1));
    assert_right(&turned_a, T2(5, 3, 1, 8), T2(5, 7, 8, 1), T2(3, 7, 7, 1));
    assert_right(&turned_b, T2(3, 5, 1, 4), T2(7, 5, 1, 7), T2(3, 7, 9, 1));
    assert_right(&plain, T2(3, 5, 5, 1), T2(5, 7, 7, 1), T2(3, 7, 1, 4)); /* the result in columns */
}

static void rows_and_columns_are_matrices(void **state)
{
    (void)state;
    assert_right(&plain, T2(1, 5, 5, 1), T2(5, 7, 7, 1), T2(1, 7, 7, 1));
    assert_right(&plain, T2(3, 5, 5, 1), T2(5, 1, 1, 1), T2(3, 1, 1, 1));
    assert_right(&plain, T2(3, 1, 4, 9), T2(1, 7, 9, 1), T2(3, 7, 7, 1));
    assert_right(&plain, T2(1, 5, 9, 3), T2(5, 7, 7, 1), T2(1, 7, 9, 1));
    assert_right(&plain, T2(1, 1, 1, 1), T2(1, 1, 1, 1), T2(1, 1, 1, 1));
}

static void batches_have_a_stride_or_none(void **state)
{
    (void)state;
    assert_int_equal(assert_right(&plain, T3(4, 3, 5, 20, 5, 1), T3(4, 5, 7, 35, 7, 1), T3(4, 3, 7, 21, 7, 1)).batches, 4);
    assert_int_equal(assert_right(&plain, T2(3, 5, 5, 1), T3(4, 5, 7, 35, 7, 1), T3(4, 3, 7, 21, 7, 1)).batches, 4);
    assert_int_equal(assert_right(&plain, T3(4, 3, 5, 20, 5, 1), T2(5, 7, 7, 1), T3(4, 3, 7, 21, 7, 1)).batches, 4);
}

/* A weight that all batches share makes one product of them. */
static void rows_of_all_batches_are_one_product(void **state)
{
    (void)state;
    assert_int_equal(assert_right(&plain, T3(4, 3, 5, 15, 5, 1), T2(5, 7, 7, 1), T3(4, 3, 7, 21, 7, 1)).batches, 1);
    assert_int_equal(assert_right(&turned_b, T3(4, 1, 5, 9, 5, 1), T2(7, 5, 5, 1), T3(4, 1, 7, 8, 7, 1)).batches, 1);
    assert_int_equal(assert_right(&turned_a, T3(4, 5, 3, 15, 3, 1), T2(5, 7, 7, 1), T3(4, 3, 7, 21, 7, 1)).batches, 4);
}

static void what_no_library_does_is_left(void **state)
{
    (void)state;
    hal_cuda_gemm g;
    hal_portable_operand whole = T2(5, 7, 7, 1), half = whole, wide = whole;
    half.dtype = HAL_F16;
    wide.dtype = HAL_F64;
    assert_false(make(&plain, T2(3, 5, 10, 2), whole, T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 5, 0, 1), whole, T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 5, -5, 1), whole, T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 5, 5, 1), half, T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 5, 5, 1), wide, T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 0, 1, 1), T2(0, 7, 7, 1), T2(3, 7, 7, 1), &g));
    assert_false(make(&plain, T2(3, 5, 5, 1), whole, T2(3, 7, 14, 2), &g));
}

/* ------------------------------------------------------------------------------------------- expressions -- */

static hal_cuda_gemm with_expression(const char *text, hal_dtype in, hal_dtype out)
{
    hal_matmul_attrs attrs = {HAL_HEAD(hal_matmul_attrs)};
    hal_portable_operand a = T2(3, 5, 5, 1), b = T2(5, 7, 7, 1), c = T2(3, 7, 7, 1);
    hal_cuda_gemm g;
    assert_int_equal(hal_expr_parse(text, HAL_F32, &attrs.expr), HAL_OK);
    a.dtype = b.dtype = in;
    a.width = b.width = 2;
    c.dtype = out;
    c.width = hal_element_width(out);
    for (int i = 0; i < 2; i++) {
        a.stride[i] /= 2;
        b.stride[i] /= 2;
        c.stride[i] = c.stride[i] / 4 * c.width;
    }
    assert_true(make(&attrs, a, b, c, &g));
    return g;
}

static void assert_result(const char *text, hal_dtype out, bool joined, hal_dtype product)
{
    const hal_cuda_gemm g = with_expression(text, HAL_BF16, out);
    assert_int_equal(g.joined, joined);
    assert_int_equal(g.out, product);
}

static void rounding_is_the_librarys(void **state)
{
    (void)state;
    assert_result("round:bf16(x0)", HAL_BF16, false, HAL_BF16);
    assert_result("x0", HAL_BF16, false, HAL_BF16);
    assert_result("x0", HAL_F32, false, HAL_F32);
}

/* Nothing else is: an intermediate keeps the dtype that it declares. */
static void what_is_more_is_joined(void **state)
{
    (void)state;
    assert_result("relu(x0)", HAL_F32, true, HAL_F32);
    assert_result("t = round:bf16(x0); gelu:bf16(t)", HAL_BF16, true, HAL_BF16);
    assert_result("t = round:bf16(x0); add(t, x0)", HAL_F32, true, HAL_F32);
    assert_result("round:f16(x0)", HAL_F16, true, HAL_F32);
    assert_result("round:bf16(x0)", HAL_F32, true, HAL_BF16);
    assert_result("t = round:bf16(x0); t, x0", HAL_BF16, true, HAL_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_transposition_is_right),
        cmocka_unit_test(strides_are_transpositions_and_steps),
        cmocka_unit_test(rows_and_columns_are_matrices),
        cmocka_unit_test(batches_have_a_stride_or_none),
        cmocka_unit_test(rows_of_all_batches_are_one_product),
        cmocka_unit_test(what_no_library_does_is_left),
        cmocka_unit_test(rounding_is_the_librarys),
        cmocka_unit_test(what_is_more_is_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
