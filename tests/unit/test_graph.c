/* SPDX-License-Identifier: Apache-2.0 */
/* graph.c, graph_names.c, constructors.c and graph_optimiser.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ops/graph_internal.h>

static const hal_dim two_three[] = {{.base = 2, .symbol = -1}, {.base = 3, .symbol = -1}};
static const int64_t sizes_2_3[] = {2, 3};

static hal_graph *created(void)
{
    hal_graph *graph;
    assert_int_equal(hal_graph_create(NULL, &graph), HAL_OK);
    return graph;
}

static hal_value input(hal_graph *g, const char *name)
{
    return hal_graph_input(g, name, HAL_F32, 2, two_three);
}

static void scopes_make_dotted_names(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_value x = input(g, "x");
    hal_graph_push(g, "layer.%d", 3);
    hal_graph_push(g, "mlp");
    hal_value y = hal_graph_add(g, x, x);
    assert_string_equal(hal_graph_name(g, y), "layer.3.mlp.pointwise");
    hal_graph_set_name(g, y, "sum");
    assert_string_equal(hal_graph_name(g, y), "layer.3.mlp.sum");
    hal_graph_pop(g);
    hal_value z = hal_graph_softmax(g, y);
    assert_string_equal(hal_graph_name(g, z), "layer.3.softmax");
    hal_graph_pop(g);
    hal_graph_pop(g);
    assert_string_equal(hal_graph_name(g, hal_graph_copy(g, z)), "copy");
    assert_int_equal(hal_graph_find(g, "layer.3.mlp.sum").id, y.id);
    assert_int_equal(hal_graph_find(g, "layer.3.mlp.pointwise").id, 0);
    assert_string_equal(hal_graph_name(g, HAL_NO_VALUE), "");
    hal_graph_release(g);
}

static void taken_names_get_numbers(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_value x = input(g, "x");
    char name[32];
    for (int i = 0; i < 3000; i++) {
        hal_value y = hal_graph_copy(g, x);
        snprintf(name, sizeof name, i ? "copy.%d" : "copy", i);
        assert_string_equal(hal_graph_name(g, y), name);
        assert_int_equal(hal_graph_find(g, name).id, y.id);
    }
    for (int i = 0; i < 3000; i += 3) {
        snprintf(name, sizeof name, i ? "copy.%d" : "copy", i);
        hal_graph_set_name(g, hal_graph_find(g, name), "other");
    }
    for (int i = 1; i < 3000; i++) {
        snprintf(name, sizeof name, "copy.%d", i);
        assert_int_equal(hal_graph_find(g, name).id != 0, i % 3 != 0);
    }
    assert_int_equal(hal_graph_node_count(g), 3000);
    hal_graph_release(g);
}

static void first_failure_stays(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_value x = input(g, "x");
    hal_graph_push(g, "block");
    hal_value bad = hal_graph_matmul(g, x, x, false, false);
    assert_int_equal(bad.id, 0);
    hal_value later = hal_graph_softmax(g, bad);
    assert_int_equal(later.id, 0);
    assert_int_equal(hal_graph_softmax(g, x).id, 0);
    assert_int_equal(hal_status_code(hal_graph_status(g)), HAL_CODE_INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "block.matmul(x, x)"));
    assert_non_null(strstr(hal_status_last()->text, "must be equal"));
    assert_int_equal(hal_status_code(hal_graph_output(g, x)), HAL_CODE_INVALID_ARGUMENT);
    hal_graph_release(g);
}

static void unknown_operators_are_answered_with_a_guess(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_value x = input(g, "x"), y = x;
    assert_int_equal(hal_status_code(hal_graph_op(g, "sofmax", NULL, 0, &x, 1, &y, 1)), HAL_CODE_NOT_FOUND);
    assert_int_equal(y.id, 0);
    assert_non_null(strstr(hal_status_last()->text, "\"softmax\""));
    hal_graph_release(g);
}

static void values_of_other_graphs_are_refused(void **state)
{
    (void)state;
    hal_graph *g = created(), *other = created();
    hal_value x = input(g, "x"), z = input(other, "z");
    assert_int_equal(hal_graph_add(g, x, z).id, 0);
    assert_non_null(strstr((hal_graph_status(g), hal_status_last()->text), "another graph"));
    hal_shape shape;
    assert_true(hal_graph_shape(other, x, &shape) != HAL_OK);
    hal_graph_release(g);
    hal_graph_release(other);
}

static void assignments_follow_their_rules(void **state)
{
    (void)state;
    for (int rule = 0; rule < 5; rule++) {
        hal_graph *g = created();
        hal_value x = input(g, "x"), w = hal_graph_variable(g, "w", HAL_F32, 2, sizes_2_3);
        hal_value y = hal_graph_add(g, w, x);
        hal_status status = HAL_OK;
        if (rule == 0) status = hal_graph_assign(g, w, y);
        if (rule == 1) status = hal_graph_assign(g, x, y);
        if (rule == 2) status = hal_graph_assign(g, w, hal_graph_cast(g, y, HAL_BF16));
        if (rule == 3) status = hal_graph_assign(g, w, hal_graph_transpose(g, y, 0, NULL));
        if (rule == 4) status = hal_graph_assign(g, w, y) ? HAL_OK : hal_graph_assign(g, w, x);
        assert_int_equal(status == HAL_OK, rule == 0);
        hal_graph_release(g);
    }
}

static void symbols_carry_their_range(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_dim t = hal_graph_symbol(g, "T", 16, 64, 16);
    assert_int_equal(t.factor, 1);
    assert_int_equal(t.symbol, 0);
    hal_value x = hal_graph_input(g, "x", HAL_F32, 2, (hal_dim[]){t, hal_dim_constant(8)});
    assert_int_not_equal(hal_graph_slice(g, x, 0, 8, 8).id, 0);
    assert_int_equal(hal_graph_slice(g, x, 0, 9, 8).id, 0);
    hal_graph_release(g);
    const int64_t bad[][3] = {{-1, 4, 1}, {4, 3, 1}, {0, 4, 0}, {1, 4, 2}, {2, 5, 2}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        g = created();
        hal_graph_symbol(g, "T", bad[i][0], bad[i][1], bad[i][2]);
        assert_true(hal_graph_status(g) != HAL_OK);
        hal_graph_release(g);
    }
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    hal_graph *g = created();
    const int64_t huge[] = {INT64_MAX / 4, 3};
    assert_int_equal(hal_graph_variable(g, "w", HAL_F32, 2, huge).id, 0);
    assert_non_null(strstr((hal_graph_status(g), hal_status_last()->text), "overflows"));
    hal_graph_release(g);
    g = created();
    hal_dim t = hal_graph_symbol(g, "T", 0, INT64_MAX / 2, 1);
    assert_int_equal(hal_graph_input(g, "x", HAL_F32, 1, &t).id, 0);
    hal_graph_release(g);
    g = created();
    assert_int_equal(hal_graph_input(g, "x", HAL_F32, 1, &(hal_dim){.factor = 1, .symbol = 7}).id, 0);
    hal_graph_release(g);
}

static void null_arguments_do_no_harm(void **state)
{
    (void)state;
    hal_graph_release(NULL);
    assert_null(hal_graph_retain(NULL));
    assert_true(hal_graph_status(NULL) != HAL_OK);
    assert_int_equal(hal_graph_softmax(NULL, HAL_NO_VALUE).id, 0);
    assert_int_equal(hal_graph_input(NULL, "x", HAL_F32, 0, NULL).id, 0);
    hal_graph_push(NULL, "x");
    hal_graph_pop(NULL);
    assert_int_equal(hal_graph_node_count(NULL), 0);
    hal_graph *g = created();
    assert_int_equal(hal_graph_input(g, "x", HAL_F32, 9, two_three).id, 0);
    hal_graph_release(g);
}

static void typed_constructors_make_their_rows(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_value x = input(g, "x"), ids = hal_graph_input(g, "ids", HAL_I32, 1, two_three), parts[3];
    hal_value w = hal_graph_input(g, "w", HAL_F32, 1, two_three + 1),
              c = hal_graph_input(g, "c", HAL_I64, 0, NULL);
    const hal_value made[] = {hal_graph_copy(g, x),
                              hal_graph_cast(g, x, HAL_BF16),
                              hal_graph_reshape(g, x, 1, (int64_t[]){-1}),
                              hal_graph_transpose(g, x, 2, (int64_t[]){1, 0}),
                              hal_graph_slice(g, x, 1, 1, 2),
                              hal_graph_concat(g, (hal_value[]){x, x}, 2, 0),
                              hal_graph_gather(g, x, ids, 0),
                              hal_graph_set_rows(g, x, x, ids, 0),
                              hal_graph_fill(g, 2, HAL_F32, 2, sizes_2_3),
                              hal_graph_mul(g, x, x),
                              hal_graph_matmul(g, x, x, false, true),
                              hal_graph_reduce(g, x, "mean", 1, (int64_t[]){-1}, true),
                              hal_graph_layer_norm(g, x, w, w, 1e-5),
                              hal_graph_rms_norm(g, x, w, 1e-5),
                              hal_graph_gated(g, x, x, "silu"),
                              hal_graph_embedding(g, x, ids),
                              hal_graph_cross_entropy(g, x, ids),
                              hal_graph_dropout(g, x, c, 0.1, 7)};
    static const char *const names[] = {"copy",      "cast",          "reshape",    "transpose", "slice",
                                        "concat",    "gather",        "set_rows",   "fill",      "pointwise",
                                        "matmul",    "reduce",        "layer_norm", "rms_norm",  "gated",
                                        "embedding", "cross_entropy", "dropout"};
    hal_graph_split(g, x, 1, 3, parts);
    assert_int_equal(hal_graph_status(g), HAL_OK);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        assert_string_equal(hal_graph_name(g, made[i]), names[i]);
    assert_string_equal(hal_graph_name(g, parts[2]), "split.2");
    hal_graph_release(g);
}

static void adamw_creates_states_and_assigns(void **state)
{
    (void)state;
    hal_graph *g = created();
    hal_graph_push(g, "model");
    hal_value w = hal_graph_variable(g, "w", HAL_F32, 2, sizes_2_3),
              b = hal_graph_variable(g, "b", HAL_F32, 1, sizes_2_3);
    hal_value dw = hal_graph_input(g, "dw", HAL_BF16, 2, two_three),
              db = hal_graph_input(g, "db", HAL_F32, 1, two_three), norm;
    hal_graph_pop(g);
    hal_graph_push(g, "optimiser");
    hal_adamw_options o = {
        HAL_HEAD(hal_adamw_options), .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .decay = 0.1, .clip = 1.0};
    o.lr = hal_graph_input(g, "lr", HAL_F32, 0, NULL);
    o.step = hal_graph_input(g, "step", HAL_F32, 0, NULL);
    assert_int_equal(hal_graph_adamw(g, (hal_value[]){w, b}, (hal_value[]){dw, db}, 2, &o, &norm), HAL_OK);
    hal_shape shape;
    assert_int_equal(hal_graph_shape(g, norm, &shape), HAL_OK);
    assert_int_equal(shape.rank, 0);
    static const char *const variables[] = {"model.w", "model.w.m", "model.w.v",
                                            "model.b", "model.b.m", "model.b.v"};
    for (size_t i = 0; i < 6; i++) {
        hal_value v = hal_graph_find(g, variables[i]);
        assert_int_not_equal(v.id, 0);
        uint32_t value = g->values[v.id].assigned;
        assert_int_not_equal(value, 0);
        const hal_node_record *node = &g->nodes[g->values[value].node];
        assert_int_equal(node->op, HAL_OP_ADAMW);
        assert_int_equal(g->values[value].index, i % 3);
        /* Decay is for matrices. */
        assert_true(((const hal_adamw_attrs *)node->attrs)->decay == (i < 3 ? 0.1 : 0.0));
    }
    assert_int_equal(hal_status_code(hal_graph_adamw(g, &w, &dw, 1, &o, NULL)), HAL_CODE_INVALID_ARGUMENT);
    hal_graph_release(g);
}

/* -------------------------------------------------------------------------------------------- out of -- */

static int allocations_left, allocations_open;

static void *limited_allocate(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    if (allocations_left-- <= 0) return NULL;
    void *pointer = NULL;
    if (posix_memalign(&pointer, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes ? bytes : 1))
        return NULL;
    allocations_open++;
    return pointer;
}

static void limited_release(void *context, void *pointer)
{
    (void)context;
    if (!pointer) return;
    allocations_open--;
    free(pointer);
}

static hal_status build(const hal_allocator *allocator)
{
    hal_graph *g;
    HAL_TRY(hal_graph_create(allocator, &g));
    hal_graph_push(g, "scope");
    hal_value x = input(g, "x"), parts[3];
    hal_graph_symbol(g, "T", 1, 2, 1);
    hal_graph_split(g, hal_graph_add(g, x, x), 1, 3, parts);
    for (int i = 0; i < 40; i++) x = hal_graph_copy(g, x);
    hal_graph_set_name(g, x, "last");
    hal_graph_output(g, x);
    hal_status status = hal_graph_status(g);
    hal_graph_release(g);
    return status;
}

static void every_failed_allocation_is_reported(void **state)
{
    (void)state;
    const hal_allocator allocator = {limited_allocate, limited_release, NULL};
    bool passed = false;
    for (int limit = 0; !passed && limit < 2000; limit++) {
        allocations_left = limit;
        hal_status status = build(&allocator);
        passed = status == HAL_OK;
        if (!passed) assert_int_equal(hal_status_code(status), HAL_CODE_OUT_OF_MEMORY);
        assert_int_equal(allocations_open, 0);
    }
    assert_true(passed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes_make_dotted_names),
        cmocka_unit_test(taken_names_get_numbers),
        cmocka_unit_test(first_failure_stays),
        cmocka_unit_test(unknown_operators_are_answered_with_a_guess),
        cmocka_unit_test(values_of_other_graphs_are_refused),
        cmocka_unit_test(assignments_follow_their_rules),
        cmocka_unit_test(symbols_carry_their_range),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(null_arguments_do_no_harm),
        cmocka_unit_test(typed_constructors_make_their_rows),
        cmocka_unit_test(adamw_creates_states_and_assigns),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("graph", tests, NULL, NULL);
}
