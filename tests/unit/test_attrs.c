/* SPDX-License-Identifier: Apache-2.0 */
/* table.c and attrs.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <hal/ops.h>

enum {
    ROWS = 0
#define HAL_OP(...) + 1
#include <ops/ops.def>
};

static const hal_op_info *row(const char *name)
{
    const hal_op_info *op = hal_op_find(name);
    assert_non_null(op);
    return op;
}

static void rows_are_found_by_number_and_name(void **state)
{
    (void)state;
    uint32_t rows = 0;
    for (uint32_t i = 0; i < 2 * HAL_OP_LIMIT; i++) {
        const hal_op_info *op = hal_op_describe(i);
        if (!op) continue;
        rows++;
        assert_int_equal(op->number, i);
        assert_ptr_equal(hal_op_find(op->name), op);
        assert_string_equal(hal_op_tolerance(i)->name, op->tolerance);
        assert_true(op->min_inputs <= op->max_inputs && op->max_inputs <= 16);
        assert_true(op->min_outputs >= 1 && op->min_outputs <= op->max_outputs && op->max_outputs <= 16);
    }
    assert_int_equal(rows, ROWS);
    assert_null(hal_op_find("matmull"));
    assert_null(hal_op_find(NULL));
    assert_null(hal_op_tolerance(HAL_OP_LIMIT));
    assert_true(row("matmul")->has_gradient);
    assert_false(row("softmax_grad")->has_gradient);
}

static void misspelt_names_have_a_nearest(void **state)
{
    (void)state;
    assert_string_equal(hal_op_nearest("mat_mul"), "matmul");
    assert_string_equal(hal_op_nearest("sofmax"), "softmax");
    assert_string_equal(hal_op_nearest("layernorm"), "layer_norm");
    assert_non_null(hal_op_nearest(""));
    assert_non_null(hal_op_nearest(NULL));
}

static void defaults_pass_their_own_checks(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < HAL_OP_LIMIT; i++) {
        const hal_op_info *op = hal_op_describe(i);
        uint64_t attrs[512];
        char text[64];
        if (!op) continue;
        assert_true(op->attrs_size <= sizeof attrs);
        hal_attrs_default(op, attrs);
        assert_int_equal(hal_attrs_check(op, attrs), HAL_OK);
        assert_int_equal(hal_attrs_print(op, attrs, text, sizeof text), 0);
    }
    hal_layer_norm_attrs norm;
    hal_attrs_default(row("layer_norm"), &norm);
    assert_true(norm.eps == 1e-5);
    assert_int_equal(norm.head.size, sizeof norm);
}

static void fields_are_set_by_name(void **state)
{
    (void)state;
    hal_reduce_attrs a;
    hal_attrs_default(row("reduce"), &a);
    const int64_t axes[] = {1, -1};
    const hal_attr pairs[] = {
        {.name = "kind", .s = "mean"}, {.name = "axes", .list = axes, .n = 2}, {.name = "keep", .i = 1}};
    assert_int_equal(hal_attrs_set(row("reduce"), pairs, 3, HAL_F32, &a), HAL_OK);
    assert_int_equal(a.kind, 1);
    assert_int_equal(a.axes.n, 2);
    assert_int_equal(a.axes.v[1], -1);
    assert_int_equal(a.keep, 1);
    hal_cast_attrs cast;
    hal_attrs_default(row("cast"), &cast);
    assert_int_equal(hal_attrs_set(row("cast"), &(hal_attr){.name = "dtype", .s = "bf16"}, 1, HAL_F32, &cast),
                     HAL_OK);
    assert_int_equal(cast.dtype, HAL_BF16);
    hal_pointwise_attrs p;
    hal_attrs_default(row("pointwise"), &p);
    assert_int_equal(
        hal_attrs_set(row("pointwise"), &(hal_attr){.name = "expr", .s = "neg(x0)"}, 1, HAL_F16, &p), HAL_OK);
    assert_int_equal(p.expr.step[0].dtype, HAL_F16);
}

static void refusals_name_field_value_and_range(void **state)
{
    (void)state;
    static const int64_t long_list[9] = {0};
    const struct { const char *op; hal_attr pair; const char *part; } bad[] = {
        {"reduce", {.name = "kind", .s = "avg"}, "sum|mean"},
        {"reduce", {.name = "kind", .i = 6}, "sum|mean"},
        {"reduce", {.name = "kind", .i = -1}, "sum|mean"},
        {"reduce", {.name = "keep", .i = 2}, "0 to 1"},
        {"reduce", {.name = "axis", .i = 2}, "it has kind, axes, keep"},
        {"copy", {.name = "axis", .i = 2}, "it has none"},
        {"reduce", {.name = "axes", .list = long_list, .n = 9}, "at most 8"},
        {"reduce", {.name = "axes", .n = 2}, "no list"},
        {"cast", {.name = "dtype", .s = "float"}, "no dtype"},
        {"cast", {.name = "dtype", .i = 99}, "no dtype"},
        {"dropout", {.name = "p", .f = 1.0}, "0.999999"},
        {"dropout", {.name = "p", .f = (double)NAN}, "outside"},
        {"pointwise", {.name = "expr", .s = "neg("}, "column"},
        {"pointwise", {.name = "expr"}, "text in .s"},
        {"reduce", {.i = 1}, "no attribute"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        uint64_t attrs[512];
        hal_attrs_default(row(bad[i].op), attrs);
        assert_int_equal(hal_status_code(hal_attrs_set(row(bad[i].op), &bad[i].pair, 1, HAL_F32, attrs)),
                         HAL_CODE_INVALID_ARGUMENT);
        const char *text = hal_status_last()->text;
        if (!strstr(text, bad[i].part)) print_error("%s\n", text);
        assert_non_null(strstr(text, bad[i].part));
        assert_non_null(strstr(text, bad[i].op));
    }
}

static void structs_of_another_size_are_refused(void **state)
{
    (void)state;
    hal_slice_attrs a = {HAL_HEAD(hal_slice_attrs), .size = 1, .step = 1};
    assert_int_equal(hal_attrs_check(row("slice"), &a), HAL_OK);
    a.head.size = 8;
    assert_int_equal(hal_status_code(hal_attrs_check(row("slice"), &a)), HAL_CODE_INVALID_ARGUMENT);
}

static void equal_attributes_hash_equally(void **state)
{
    (void)state;
    hal_matmul_attrs a, b;
    const hal_op_info *op = row("matmul");
    memset(&a, 0xaa, sizeof a);
    memset(&b, 0x55, sizeof b);
    hal_attrs_default(op, &a);
    hal_attrs_default(op, &b);
    /* What lies beyond the counts of an expression does not matter. */
    b.expr.constant[7] = 3;
    b.expr.step[9].a = 1;
    assert_true(hal_attrs_equal(op, &a, &b));
    assert_true(hal_attrs_hash(op, &a) == hal_attrs_hash(op, &b));
    b.transpose_b = 1;
    assert_false(hal_attrs_equal(op, &a, &b));
    assert_true(hal_attrs_hash(op, &a) != hal_attrs_hash(op, &b));
    b = a;
    assert_int_equal(hal_expr_parse("add(x0, x1)", HAL_F32, &a.expr), HAL_OK);
    assert_int_equal(hal_expr_parse("add(x1, x0)", HAL_F32, &b.expr), HAL_OK);
    assert_false(hal_attrs_equal(op, &a, &b));
    assert_true(hal_attrs_hash(op, &a) != hal_attrs_hash(op, &b));
}

static void text_names_what_differs_from_the_default(void **state)
{
    (void)state;
    hal_fill_attrs a = {HAL_HEAD(hal_fill_attrs), .value = 0.1, .dtype = HAL_BF16, .shape = {2, {3, 4}}};
    char text[64], small[4];
    size_t n = hal_attrs_print(row("fill"), &a, text, sizeof text);
    assert_string_equal(text, "value=0.1, dtype=bf16, shape=[3,4]");
    assert_int_equal(n, strlen(text));
    assert_int_equal(hal_attrs_print(row("fill"), &a, small, sizeof small), n);
    assert_string_equal(small, "val");
    assert_int_equal(hal_attrs_print(row("fill"), &a, NULL, 0), n);
    a = (hal_fill_attrs){HAL_HEAD(hal_fill_attrs), .value = -HUGE_VAL, .dtype = HAL_F32};
    hal_attrs_print(row("fill"), &a, text, sizeof text);
    assert_string_equal(text, "value=-inf");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_found_by_number_and_name),
        cmocka_unit_test(misspelt_names_have_a_nearest),
        cmocka_unit_test(defaults_pass_their_own_checks),
        cmocka_unit_test(fields_are_set_by_name),
        cmocka_unit_test(refusals_name_field_value_and_range),
        cmocka_unit_test(structs_of_another_size_are_refused),
        cmocka_unit_test(equal_attributes_hash_equally),
        cmocka_unit_test(text_names_what_differs_from_the_default),
    };
    return cmocka_run_group_tests_name("attrs", tests, NULL, NULL);
}
