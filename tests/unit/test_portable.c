/* SPDX-License-Identifier: Apache-2.0 */
/* Planners of portable kernels: what is a program and what an argument, how work is cut, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

#include "ops/portable/expr.h"
#include "ops/portable/planners.h"
#include "ops/portable/plan_case.h"

static const hal_portable_traits wide = {.wide = true, .fp64 = true, .group = 4096, .units = 2, .lanes = 16};
static const hal_portable_traits group = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152};
static const hal_portable_traits plain = {.group = 64, .units = 8, .lanes = 32, .local_bytes = 32768};

static hal_portable_operand dense(hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_portable_operand o;
    hal_shape shape = {.dtype = dtype, .rank = rank};
    for (uint32_t d = 0; d < rank; d++) shape.size[d] = hal_dim_constant(size[d]);
    plan_operand(&shape, &o);
    return o;
}

static hal_pointwise_attrs expression(const char *text)
{
    hal_pointwise_attrs attrs = {.expr.n_outputs = 1};
    assert_int_equal(hal_expr_parse(text, HAL_F32, &attrs.expr), HAL_OK);
    return attrs;
}

/* The source of the only program of that expression over n inputs and an output of [4, 8]. */
static char *source_of(const char *text, const hal_portable_traits *traits, uint32_t n)
{
    const int64_t size[] = {4, 8};
    hal_pointwise_attrs attrs = expression(text);
    hal_portable_operand operand[4];
    for (uint32_t i = 0; i <= n; i++) operand[i] = dense(HAL_F32, 2, size);
    hal_portable_call call = {.traits = traits, .op = HAL_OP_POINTWISE, .n_in = n, .n_out = 1, .attrs = &attrs,
                              .operand = operand};
    assert_true(hal_portable_plan(&call));
    assert_int_equal(call.n_programs, 1);
    char *source = hal_portable_source(&call.programs[0]);
    hal_portable_call_clear(&call);
    assert_non_null(source);
    return source;
}

static void assert_same_program(const char *one, const char *other, uint32_t n, bool same)
{
    char *a = source_of(one, &group, n), *b = source_of(other, &group, n);
    assert_int_equal(strcmp(a, b) == 0, same);
    free(a);
    free(b);
}

static void numbers_are_arguments(void **state)
{
    (void)state;
    assert_same_program("mul(x0, 0.5)", "mul(x0, 3)", 1, true);
    assert_same_program("mul(x0, 0.5)", "add(x0, 0.5)", 1, false);
}

static void single_steps_share_a_program(void **state)
{
    (void)state;
    assert_same_program("add(x0, x1)", "mul(x1, x0)", 2, true);
    assert_same_program("exp(x0)", "gelu(x0)", 1, true);
    assert_same_program("exp(x0)", "neg(x0)", 1, false);
}

/* Plans a copy of one shape to another's and tells the launches. */
static uint32_t launches_of(hal_portable_operand *operand, uint32_t n_in, const char *text)
{
    hal_pointwise_attrs attrs = expression(text);
    hal_portable_call call = {.traits = &wide, .op = HAL_OP_POINTWISE, .n_in = n_in, .n_out = 1, .attrs = &attrs,
                              .operand = operand};
    assert_true(hal_portable_plan(&call));
    const uint32_t n = call.n_launches;
    hal_portable_call_clear(&call);
    return n;
}

static void axes_that_do_not_merge_are_launches(void **state)
{
    (void)state;
    const int64_t size[] = {2, 3, 2, 2, 2, 2}, row[] = {2, 1, 2, 1, 2, 1};
    hal_portable_operand operand[3] = {dense(HAL_F32, 6, size), dense(HAL_F32, 6, size), dense(HAL_F32, 6, size)};
    assert_int_equal(launches_of(operand, 2, "add(x0, x1)"), 1);
    operand[1] = dense(HAL_F32, 6, row);
    assert_int_equal(launches_of(operand, 2, "add(x0, x1)"), 6);
    operand[0] = operand[2] = dense(HAL_F32, 6, (const int64_t[]){2, 3, 0, 2, 2, 2});
    operand[1] = operand[0];
    assert_int_equal(launches_of(operand, 2, "add(x0, x1)"), 0);
}

static void devices_without_doubles_refuse_what_needs_them(void **state)
{
    (void)state;
    const uint32_t floats[] = {HAL_F32, HAL_F32}, integers[] = {HAL_I32, HAL_I32};
    hal_expr e = expression("add(x0, x1)").expr;
    assert_null(hal_portable_expr_refuse(&plain, &e, floats));
    assert_non_null(hal_portable_expr_refuse(&plain, &e, integers));
    e.step[0].dtype = HAL_I32;
    assert_null(hal_portable_expr_refuse(&plain, &e, integers));
    e.step[0].op = HAL_EXPR_DIV;
    assert_non_null(hal_portable_expr_refuse(&plain, &e, integers));
    assert_null(hal_portable_expr_refuse(&group, &e, integers));
    e.step[0].dtype = HAL_F8E4M3;
    assert_non_null(hal_portable_expr_refuse(&group, &e, floats));
}

/* Pieces, and so the order of a sum, come from the sizes; work-items from the device. */
static void sums_are_cut_by_sizes_alone(void **state)
{
    (void)state;
    hal_portable_operand operand[2] = {dense(HAL_F32, 1, (const int64_t[]){100003}), dense(HAL_F32, 0, NULL)};
    hal_reduce_attrs attrs = {.kind = 0};
    hal_portable_traits many = wide;
    uint64_t scratch[2];
    for (uint32_t i = 0; i < 2; i++) {
        many.units = i ? 64 : 1;
        hal_portable_call call = {.traits = &many, .op = HAL_OP_REDUCE, .n_in = 1, .n_out = 1, .attrs = &attrs,
                                  .operand = operand};
        assert_true(hal_portable_plan(&call));
        assert_int_equal(call.n_launches, 2);
        scratch[i] = call.scratch_bytes;
        hal_portable_call_clear(&call);
    }
    assert_int_equal(scratch[0], scratch[1]);
}

/* ------------------------------------------------------------------------- each case of the quick list -- */

/* An argument stands on something that is there. */
static bool argument_is_sound(const hal_portable_call *call, const hal_portable_argument *a)
{
    switch (a->kind) {
    case HAL_PORTABLE_OPERAND: return a->index < call->n_in + call->n_out && call->operand[a->index].dtype != HAL_NO_DTYPE;
    case HAL_PORTABLE_SCRATCH: return a->at < call->scratch_bytes;
    case HAL_PORTABLE_VALUE: return a->bytes > 0 && a->at + a->bytes <= call->n_values;
    default: return false;
    }
}

/* Groups fill the work-items and are none that the device cannot have. */
static bool groups_are_sound(const hal_portable_launch *l, uint32_t most)
{
    uint64_t size = 1, items = 1;
    for (int i = 0; i < 3; i++) {
        if (l->group[i] > 0 && l->global[i] % l->group[i] != 0) return false;
        if (l->group[i] > 0) size *= l->group[i];
        items *= l->global[i];
    }
    return items > 0 && size <= most;
}

/* The text of its program has the kernel. */
static bool entry_is_there(const hal_portable_call *call, const hal_portable_launch *l)
{
    char *source = hal_portable_source(&call->programs[l->program]);
    const bool there = source != NULL && strstr(source, l->entry) != NULL;
    free(source);
    return there;
}

static void assert_sound(const hal_portable_call *call, const char *op, const char *name)
{
    for (uint32_t i = 0; i < call->n_launches; i++) {
        const hal_portable_launch *l = &call->launches[i];
        bool sound = l->program < call->n_programs && l->first + l->n_arguments <= call->n_arguments &&
                     groups_are_sound(l, call->traits->group) && entry_is_there(call, l);
        for (uint32_t k = 0; sound && k < l->n_arguments; k++) sound = argument_is_sound(call, &call->arguments[l->first + k]);
        if (!sound) fail_msg("%s %s, group %u: launch %u, of %s", op, name, call->traits->group, i, l->entry);
    }
}

static void plan_one(const hal_portable_traits *traits, const hal_case *c, const char *op)
{
    hal_portable_operand operand[PLAN_OPERANDS];
    hal_portable_call call;
    assert_true(plan_case(traits, c, operand, &call));
    assert_sound(&call, op, c->name);
    hal_portable_call_clear(&call);
}

static uint32_t plan_cases(const hal_portable_traits *traits, const hal_op_info *op, hal_dtype dtype)
{
    hal_case *cases = NULL;
    uint32_t n = 0, planned = 0;
    assert_int_equal(hal_op_cases(op->number, dtype, &cases, &n), HAL_OK);
    for (uint32_t i = 0; i < n; i++) {
        if (cases[i].full_only || !plan_computes(traits, &cases[i])) continue;
        plan_one(traits, &cases[i], op->name);
        planned++;
    }
    hal_op_cases_release(cases, n);
    return planned;
}

static void each_case_has_sound_launches(void **state)
{
    (void)state;
    static const hal_dtype dtypes[] = {HAL_F32, HAL_BF16, HAL_I32};
    static const hal_portable_traits *const devices[] = {&wide, &group};
    for (uint32_t number = 1; number < HAL_OP_LIMIT; number++) {
        const hal_op_info *op = hal_op_describe(number);
        if (op == NULL || hal_portable_rows[number].planner == NULL) continue;
        uint32_t planned = 0;
        for (size_t d = 0; d < sizeof devices / sizeof devices[0]; d++)
            for (size_t t = 0; t < sizeof dtypes / sizeof dtypes[0]; t++) planned += plan_cases(devices[d], op, dtypes[t]);
        assert_true(planned > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_arguments),
        cmocka_unit_test(single_steps_share_a_program),
        cmocka_unit_test(axes_that_do_not_merge_are_launches),
        cmocka_unit_test(devices_without_doubles_refuse_what_needs_them),
        cmocka_unit_test(sums_are_cut_by_sizes_alone),
        cmocka_unit_test(each_case_has_sound_launches),
    };
    return cmocka_run_group_tests_name("portable", tests, NULL, NULL);
}
