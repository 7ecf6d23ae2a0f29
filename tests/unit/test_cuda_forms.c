/* SPDX-License-Identifier: Apache-2.0 */
/* Attention as cuDNN is told of it: strides, masks and scales are what the op says, and what it cannot be told is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

#include "backends/cuda/attention.h"

enum { Q, K, V, BIAS, START, Y, LSE, OPERANDS };

static hal_portable_operand tensor(hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_portable_operand o = {.dtype = dtype, .width = dtype == HAL_F32 || dtype == HAL_I32 ? 4 : 2, .rank = rank, .n = 1};
    for (uint32_t d = rank; d-- > 0;) {
        o.size[d] = size[d];
        o.stride[d] = o.n * (int64_t)o.width;
        o.n *= size[d];
    }
    return o;
}

/* A call and what it consists of. */
typedef struct call { hal_attention_attrs attrs; hal_portable_operand operand[OPERANDS]; } call;

static call make(int64_t queries, int64_t keys, int64_t causal)
{
    const int64_t q[] = {2, 8, queries, 64}, k[] = {2, 4, keys, 64}, v[] = {2, 4, keys, 32}, y[] = {2, 8, queries, 32};
    return (call){.attrs = {HAL_HEAD(hal_attention_attrs), .causal = causal},
                  .operand = {tensor(HAL_BF16, 4, q), tensor(HAL_BF16, 4, k), tensor(HAL_BF16, 4, v), {0}, {0},
                              tensor(HAL_BF16, 4, y), tensor(HAL_F32, 3, q)}};
}

static bool tell(const call *c, hal_cuda_attention *form)
{
    hal_portable_operand operand[OPERANDS];
    memcpy(operand, c->operand, sizeof operand);
    const hal_portable_call of = {.op = HAL_OP_ATTENTION, .n_in = 5, .n_out = 2, .attrs = &c->attrs, .operand = operand};
    return hal_cuda_attention_make(&of, form);
}

static void axes_and_scale_are_those_of_the_op(void **state)
{
    call c = make(5, 7, 0);
    hal_cuda_attention a;
    (void)state;
    c.operand[Q].stride[1] = 128;
    c.operand[Q].stride[2] = 8 * 128;
    for (int i = 0; i < OPERANDS; i++) {
        c.operand[i].size[0] = 1; /* what its stride is does not matter */
        c.operand[i].stride[0] = 0;
    }
    assert_true(tell(&c, &a));
    assert_int_equal(a.q.stride[1], 64);
    assert_int_equal(a.q.stride[2], 8 * 64);
    assert_int_equal(a.k.stride[0], 4 * 7 * 64);
    assert_int_equal(a.y.size[3], 32);
    assert_int_equal(a.lse.size[1], 8);
    assert_int_equal(a.lse.stride[1], 5);
    assert_int_equal(a.dtype, HAL_BF16);
    assert_true(a.scale == 0.125f && !a.masked);
    c.attrs.scale = 0.5;
    assert_true(tell(&c, &a) && a.scale == 0.5f);
}

static void the_last_query_sees_the_last_key(void **state)
{
    hal_cuda_attention a;
    call square = make(5, 5, 1), longer = make(5, 9, 1), one = make(1, 9, 1), shorter = make(9, 5, 1);
    (void)state;
    assert_true(tell(&square, &a) && a.masked && a.shift == 0);
    assert_true(tell(&longer, &a) && a.masked && a.shift == 4);
    assert_true(tell(&one, &a) && !a.masked);
    assert_false(tell(&shorter, &a));
    shorter.attrs.causal = 0;
    assert_true(tell(&shorter, &a) && !a.masked);
}

static void equal_calls_make_equal_bytes(void **state)
{
    hal_cuda_attention a, b;
    const call c = make(5, 9, 1);
    (void)state;
    memset(&a, 1, sizeof a);
    memset(&b, 2, sizeof b);
    assert_true(tell(&c, &a) && tell(&c, &b));
    assert_memory_equal(&a, &b, sizeof a);
}

/* Each differs in one thing from what is told. */
static void what_it_cannot_be_told_is_left(void **state)
{
    static const int64_t bias[] = {5, 9}, nothing[] = {0}, empty[] = {2, 8, 0, 64};
    hal_cuda_attention a;
    call c[12];
    (void)state;
    for (int i = 0; i < 12; i++)
        c[i] = make(5, 9, 1);
    c[0].operand[BIAS] = tensor(HAL_BF16, 2, bias);
    c[1].operand[START] = tensor(HAL_I32, 0, nothing);
    c[2].operand[Q].dtype = HAL_F32;
    c[3].operand[V].dtype = HAL_F16;
    c[4].operand[Y].dtype = HAL_F32;
    c[5].operand[Q].stride[3] = 4;      /* elements of a row are apart */
    c[6].operand[K].stride[2] = 65 * 2; /* rows begin anywhere */
    c[7].operand[V].stride[1] = 0;      /* heads are repeated */
    c[8].operand[V].stride[0] = -4096;
    c[9].operand[LSE].stride[1] = 6 * 4;
    c[10].operand[Q] = tensor(HAL_BF16, 4, empty);
    c[11].operand[V].size[3] = c[11].operand[Y].size[3] = 30;
    for (int i = 0; i < 12; i++)
        if (tell(&c[i], &a))
            fail_msg("call %d is told", i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(axes_and_scale_are_those_of_the_op),
        cmocka_unit_test(the_last_query_sees_the_last_key),
        cmocka_unit_test(equal_calls_make_equal_bytes),
        cmocka_unit_test(what_it_cannot_be_told_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
