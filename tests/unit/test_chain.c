/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of launches: ops that a driver takes over, and what it plans to follow them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/core.h>

#include "ops/portable/chain.h"
#include "ops/portable/product.h"
#include "scheduler/describe.h"

enum { M = 4, N = 6, K = 5 };

static const hal_portable_traits group = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152};

/* What the driver of these tests does: it takes products with `scratch` bytes, and leaves the expression to a kernel. */
typedef struct rig {
    bool takes, follows;
    uint64_t scratch;
    hal_status status;
    uint32_t asked, prepared, at;
    char entry[8][36];
} rig;

static hal_status prepare(void *context, uint32_t step, const hal_portable_program *text, const char *entry, size_t *most)
{
    rig *r = context;
    (void)text;
    assert_true(step < 8);
    strcpy(r->entry[step], entry);
    r->prepared++;
    *most = 1024;
    return HAL_OK;
}

static hal_status take(void *context, uint32_t step, hal_portable_call *call, bool *taken)
{
    rig *r = context;
    r->asked++;
    assert_false(*taken);
    assert_int_equal(call->n_launches, 0);
    assert_int_equal(call->scratch_bytes, 0);
    if (r->status != HAL_OK || call->op != HAL_OP_MATMUL || !r->takes)
        return r->status;
    r->at = step;
    hal_portable_scratch(call, r->scratch);
    if (r->follows)
        hal_portable_plan_epilogue(call, HAL_F32, 0);
    *taken = true;
    return HAL_OK;
}

static hal_status refuse(void *context, hal_status status, int64_t code, const char *format, ...)
{
    (void)context, (void)code, (void)format;
    return status;
}

static void operand(hal_describe *d, uint32_t binding, int64_t rows, int64_t columns)
{
    hal_description_tensor t = {.dtype = HAL_F32, .rank = 2, .binding = binding};
    t.size[0] = hal_dim_constant(rows);
    t.size[1] = hal_dim_constant(columns);
    t.stride[0] = hal_dim_constant(columns * 4);
    t.stride[1] = hal_dim_constant(4);
    hal_describe_operand(d, &t);
}

/* c = relu(a b + x), y = -c */
static hal_description *describe(void)
{
    hal_describe d;
    hal_description *block = NULL;
    hal_matmul_attrs product = {HAL_HEAD(hal_matmul_attrs)};
    hal_pointwise_attrs negative = {HAL_HEAD(hal_pointwise_attrs)};
    assert_int_equal(hal_expr_parse("relu(add(x0, x1))", HAL_F32, &product.expr), HAL_OK);
    assert_int_equal(hal_expr_parse("neg(x0)", HAL_F32, &negative.expr), HAL_OK);
    hal_describe_begin(&d, NULL);
    for (int i = 0; i < 5; i++)
        hal_describe_binding(&d, i < 3 ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT, 1000);
    hal_describe_op(&d, hal_op_describe(HAL_OP_MATMUL), &product, "product", 3, 1);
    operand(&d, 0, M, K);
    operand(&d, 1, K, N);
    operand(&d, 2, M, N);
    operand(&d, 3, M, N);
    hal_describe_op(&d, hal_op_describe(HAL_OP_POINTWISE), &negative, "negative", 1, 1);
    operand(&d, 3, M, N);
    operand(&d, 4, M, N);
    assert_int_equal(hal_describe_finish(&d, &block), HAL_OK);
    return block;
}

static hal_portable_chain *chain_of(rig *r)
{
    static const hal_host host = {.size = sizeof host, .fail = refuse};
    const hal_portable_driver driver = {&host, "test", prepare, r, take};
    hal_description *d = describe();
    hal_portable_chain *c = hal_portable_chain_create(&driver, d, &group);
    assert_non_null(c);
    free(d);
    return c;
}

static void what_is_not_taken_is_launched(void **state)
{
    (void)state;
    rig r = {.takes = false};
    hal_portable_chain *c = chain_of(&r);
    assert_int_equal(hal_portable_chain_plan(c, NULL, INT64_MAX), HAL_OK);
    assert_int_equal(r.asked, 2);
    assert_int_equal(c->n_steps, 2);
    assert_false(hal_portable_chain_is_taken(c, 0) || hal_portable_chain_is_taken(c, 1));
    assert_string_equal(r.entry[0], "matmul_tiled");
    hal_portable_chain_free(c);
}

static void a_step_stands_for_what_is_taken(void **state)
{
    (void)state;
    rig r = {.takes = true, .scratch = 1000};
    hal_portable_chain *c = chain_of(&r);
    assert_int_equal(hal_portable_chain_plan(c, NULL, INT64_MAX), HAL_OK);
    assert_int_equal(c->n_steps, 2);
    assert_int_equal(r.at, 0);
    assert_int_equal(r.prepared, 1);
    assert_true(hal_portable_chain_is_taken(c, 0));
    assert_false(hal_portable_chain_is_taken(c, 1));
    assert_true(c->scratch_bytes >= 1000);
    assert_int_equal(c->touched[3], M * N * 4);
    const hal_portable_argument out = {.kind = HAL_PORTABLE_OPERAND, .index = 3};
    assert_int_equal(hal_portable_chain_slot(c, 0, 6, &out), HAL_OK);
    assert_int_equal(c->slots[0].binding, 3);
    hal_portable_chain_free(c);
}

/* Also when it is planned anew, and what is left of the plan before does not stay. */
static void launches_may_follow(void **state)
{
    (void)state;
    rig r = {.takes = true, .follows = true, .scratch = M * N * 4};
    hal_portable_chain *c = chain_of(&r);
    for (int i = 0; i < 2; i++) {
        c->planned = false;
        assert_int_equal(hal_portable_chain_plan(c, NULL, INT64_MAX), HAL_OK);
        assert_int_equal(c->n_steps, 3);
        assert_true(hal_portable_chain_is_taken(c, 0));
        assert_int_equal(c->steps[1].op, 0);
        assert_string_equal(r.entry[1], "pointwise");
        /* x0, x1, y with strides; space, numbers, 2 lengths */
        assert_int_equal(hal_portable_chain_launch(c, 1)->n_arguments, 10);
        assert_int_equal(c->calls[0].arguments[0].kind, HAL_PORTABLE_SCRATCH);
        assert_int_equal(c->calls[0].arguments[2].index, 2);
    }
    r.takes = false;
    assert_int_equal(hal_portable_chain_plan(c, NULL, INT64_MAX), HAL_OK);
    assert_int_equal(c->n_steps, 2);
    assert_int_equal(c->scratch_bytes, 0);
    hal_portable_chain_free(c);
}

static void a_driver_that_fails_fails_the_plan(void **state)
{
    (void)state;
    rig r = {.status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL)};
    hal_portable_chain *c = chain_of(&r);
    assert_int_equal(hal_portable_chain_plan(c, NULL, INT64_MAX), r.status);
    assert_false(hal_portable_chain_stands(c, NULL));
    hal_portable_chain_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_taken_is_launched),
        cmocka_unit_test(a_step_stands_for_what_is_taken),
        cmocka_unit_test(launches_may_follow),
        cmocka_unit_test(a_driver_that_fails_fails_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
