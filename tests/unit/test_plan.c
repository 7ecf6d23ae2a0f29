/* SPDX-License-Identifier: Apache-2.0 */
#include "sched_test.h"

#include <jansson.h>

#include "../../scheduler/plan_internal.h"

static uint32_t ops_of(const hal_plan *plan)
{
    hal_plan_info info;
    hal_plan_describe(plan, &info);
    return info.ops;
}

/* y = x w, z = softmax(y + 1) as an output. */
static hal_graph *small(hal_value *x, hal_value *w)
{
    hal_graph *g = sched_graph();
    *x = sched_input(g, "x", 4, 8);
    *w = sched_input(g, "w", 8, 8);
    hal_value y = hal_graph_matmul(g, *x, *w, false, false);
    hal_graph_set_name(g, y, "block.y");
    hal_value one = hal_graph_pointwise(g, "add(x0, 1)", &y, 1);
    hal_graph_set_name(g, one, "block.one");
    hal_value z = hal_graph_softmax(g, one);
    hal_graph_set_name(g, z, "head");
    OK(hal_graph_output(g, z));
    return g;
}

static hal_status plan_with(hal_instance *i, hal_graph *g, const hal_pin *pins, uint32_t n,
                            const char *const *devices, uint32_t n_devices, hal_plan **plan)
{
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = n_devices,
                                .pins = pins, .n_pins = n};
    return hal_plan_create(i, g, &options, plan);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, w;
    hal_graph *g = small(&x, &w);
    const char *device = sched_device(), *absent = "nosuch7";
    hal_plan *plan = NULL;
    FAILS(plan_with(i, g, NULL, 0, &absent, 1, &plan), NOT_FOUND, "nosuch7");
    FAILS(plan_with(i, g, &(hal_pin){"nothing.*", device}, 1, &device, 1, &plan), NOT_FOUND, "nothing.*");
    FAILS(plan_with(i, g, &(hal_pin){"hea", device}, 1, &device, 1, &plan), NOT_FOUND, "hea");
    FAILS(plan_with(i, g, &(hal_pin){"(", device}, 1, &device, 1, &plan), INVALID_ARGUMENT, "(");
    FAILS(plan_with(i, g, &(hal_pin){"head", absent}, 1, &device, 1, &plan), NOT_FOUND, "nosuch7");
    FAILS(plan_with(i, g, NULL, 0, (const char *const[]){device, device}, 2, &plan), INVALID_ARGUMENT,
          "twice");
    assert_null(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void an_empty_graph_is_refused(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    sched_input(g, "x", 4, 0);
    const char *device = sched_device();
    hal_plan *plan = NULL;
    FAILS(plan_with(i, g, NULL, 0, &device, 1, &plan), INVALID_ARGUMENT, "output");
    hal_graph_release(g);
    hal_instance_release(i);
}

static void the_first_matching_pin_wins(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_other());
    hal_value x, w;
    hal_graph *g = small(&x, &w);
    const char *devices[] = {sched_device(), sched_other()};
    const hal_pin pins[] = {{"block\\..*", sched_other()}, {"matmul", sched_device()}};
    hal_plan *plan;
    OK(plan_with(i, g, pins, 2, devices, 2, &plan));
    for (uint32_t a = 0; a < plan->n_actions; a++) {
        const hal_action *action = &plan->actions[a];
        if (action->op)
            assert_int_equal(action->device, action->op == HAL_OP_SOFTMAX ? 0 : 1);
    }
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

/* Reshape, transpose, slice, split and broadcast of a contiguous value cost nothing. */
static void views_are_aliases(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 6, 4), parts[2];
    hal_value r = hal_graph_reshape(g, x, 3, (const int64_t[]){2, 3, 4});
    hal_value t = hal_graph_transpose(g, r, 3, (const int64_t[]){2, 0, 1});
    hal_value s = hal_graph_slice(g, t, 0, 1, 2);
    hal_graph_split(g, s, 1, 2, parts);
    hal_value y = hal_graph_add(g, parts[0], parts[1]);
    OK(hal_graph_output(g, y));
    hal_plan *plan = sched_plan(i, g, sched_device());
    assert_int_equal(ops_of(plan), 1);
    const hal_description *d = plan->steps[0].program;
    const hal_description_op *op = hal_description_ops(d);
    const hal_description_tensor *a = hal_description_operand(d, op, 0),
                                 *b = hal_description_operand(d, op, 1);
    assert_int_equal(a->binding, b->binding);
    assert_int_equal(a->offset, 4);
    assert_int_equal(b->offset, 4 + 3 * 16);
    assert_int_equal(a->stride[0].base, 4);
    assert_int_equal(a->stride[2].base, 16);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

/* A transpose cannot be flattened in place: the reshape is computed. */
static void a_reshape_that_is_no_view_is_a_copy(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 6, 4);
    hal_value t = hal_graph_transpose(g, x, 2, (const int64_t[]){1, 0});
    hal_value flat = hal_graph_reshape(g, t, 1, (const int64_t[]){24});
    OK(hal_graph_output(g, flat));
    hal_plan *plan = sched_plan(i, g, sched_device());
    assert_int_equal(ops_of(plan), 1);
    assert_int_equal(plan->actions[0].op, HAL_OP_RESHAPE);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

static hal_storage *home(const hal_plan *plan, hal_value v)
{
    return &plan->storages[plan->home[plan->map[v.id]]];
}

/* The last reader of a variable computes its next content over it; an earlier one must not. */
static void assignments_run_in_place(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    const int64_t size[] = {32};
    hal_value a = hal_graph_variable(g, "a", HAL_F32, 1, size),
              b = hal_graph_variable(g, "b", HAL_F32, 1, size);
    hal_value early = hal_graph_pointwise(g, "mul(x0, 2)", &b, 1),
              late = hal_graph_pointwise(g, "add(x0, 1)", &a, 1);
    hal_value read = hal_graph_softmax(g, b);
    OK(hal_graph_assign(g, a, late));
    OK(hal_graph_assign(g, b, early));
    OK(hal_graph_output(g, read));
    hal_plan *plan = sched_plan(i, g, sched_device());
    assert_ptr_equal(home(plan, late), home(plan, a));
    assert_ptr_not_equal(home(plan, early), home(plan, b));
    assert_int_equal(plan->actions[plan->n_actions - 1].op, HAL_OP_COPY);
    assert_int_equal(ops_of(plan), 4);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

/* Pointwise ops write over an operand that nothing else reads. */
static void dying_operands_are_overwritten(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 64, 0), s = hal_graph_softmax(g, x);
    hal_value y = hal_graph_pointwise(g, "mul(x0, 3)", &s, 1), z = hal_graph_softmax(g, y);
    OK(hal_graph_output(g, z));
    hal_plan *plan = sched_plan(i, g, sched_device());
    assert_ptr_equal(home(plan, y), home(plan, s));
    assert_ptr_not_equal(home(plan, z), home(plan, y));
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void what_does_not_fit_is_named(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value v = hal_graph_variable(g, "giant", HAL_F32, 2, (const int64_t[]){1 << 28, 1 << 28});
    hal_value next = hal_graph_pointwise(g, "add(x0, 1)", &v, 1);
    OK(hal_graph_assign(g, v, next));
    const char *device = sched_device();
    hal_plan *plan = NULL;
    FAILS(plan_with(i, g, NULL, 0, &device, 1, &plan), OUT_OF_MEMORY, "giant");
    hal_graph_release(g);
    hal_instance_release(i);
}

/* A dtype without kernels: the text has op, device and the backend's reason. */
static void refusals_are_explained(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 4, 0), y = hal_graph_cast(g, x, HAL_F8E4M3);
    hal_graph_set_name(g, y, "tiny");
    OK(hal_graph_output(g, y));
    const char *device = sched_device();
    hal_plan *plan = NULL;
    hal_status status = plan_with(i, g, NULL, 0, &device, 1, &plan);
    if (status == HAL_OK) {
        hal_plan_release(plan);
        hal_graph_release(g);
        hal_instance_release(i);
        skip();
    }
    assert_int_equal(hal_status_code(status), HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, device));
    assert_non_null(strstr(hal_status_last()->text, "cast"));
    hal_graph_release(g);
    hal_instance_release(i);
}

static void primitives_only_leaves_no_composite(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, w;
    hal_graph *g = small(&x, &w);
    const char *device = sched_device();
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1,
                                .primitives_only = true};
    hal_plan *plan;
    OK(hal_plan_create(i, g, &options, &plan));
    for (uint32_t a = 0; a < plan->n_actions; a++)
        assert_int_not_equal(hal_op_describe(plan->actions[a].op)->kind, HAL_OP_KIND_COMPOSITE);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void json_names_what_it_holds(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, w;
    hal_graph *g = small(&x, &w);
    hal_plan *plan = sched_plan(i, g, sched_device());
    char *text;
    size_t length;
    FILE *f = open_memstream(&text, &length);
    OK(hal_plan_print_json(plan, f));
    fclose(f);
    json_t *o = json_loads(text, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(o, "schema")), "hal-plan-1");
    assert_true(json_is_null(json_object_get(o, "predicted_seconds")));
    assert_true(json_is_null(json_object_get(o, "lower_bound_seconds")));
    json_t *op = json_array_get(json_object_get(o, "ops"), 0);
    assert_string_equal(json_string_value(json_object_get(op, "device")), sched_device());
    assert_non_null(json_object_get(op, "reason"));
    json_decref(o);
    free(text);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(an_empty_graph_is_refused),
        cmocka_unit_test(the_first_matching_pin_wins),
        cmocka_unit_test(views_are_aliases),
        cmocka_unit_test(a_reshape_that_is_no_view_is_a_copy),
        cmocka_unit_test(assignments_run_in_place),
        cmocka_unit_test(dying_operands_are_overwritten),
        cmocka_unit_test(what_does_not_fit_is_named),
        cmocka_unit_test(refusals_are_explained),
        cmocka_unit_test(primitives_only_leaves_no_composite),
        cmocka_unit_test(json_names_what_it_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
