/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opaque layouts: what graphs may do with packed values, which variables a plan packs, and that nobody but the device can
 * tell: results, reads and writes are the same bits as those of a plan that packs nothing.
 */
#include <stdio.h>

#include "sched_test.h"

enum { K = 45, N = 70, MOST = 40 };

static float values[4 * K * N];

static const float *numbers(void)
{
    uint32_t x = 7;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        x = x * 1664525u + 1013904223u;
        values[i] = (float)((double)x / 2147483648.0 - 1.0);
    }
    return values;
}

static hal_value node(hal_graph *g, uint32_t op, const void *attrs, hal_value a, hal_value b)
{
    const hal_value in[] = {a, b};
    hal_value out;
    OK(hal_graph_node(g, op, attrs, in, b.id ? 2 : 1, &out, 1));
    return out;
}

static hal_value pack(hal_graph *g, hal_value x, int64_t layout)
{
    const hal_pack_attrs attrs = {HAL_HEAD(hal_pack_attrs), .layout = layout};
    return node(g, HAL_OP_PACK, &attrs, x, HAL_NO_VALUE);
}

static hal_value variable(hal_graph *g, const char *name, int64_t rows, int64_t columns)
{
    const int64_t size[] = {rows, columns};
    return hal_graph_variable(g, name, HAL_F32, 2, size);
}

static bool plan_says(hal_plan *plan, bool json, const char *part)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    assert_non_null(f);
    OK(json ? hal_plan_print_json(plan, f) : hal_plan_print(plan, f));
    fclose(f);
    bool found = strstr(text, part) != NULL;
    free(text);
    return found;
}

/* ---------------------------------------------------------------------------------------- graphs -- */

/* Fetched, assigned and unpacked by hand, a packed value is what it was. */
static void packed_values_are_read_as_they_were(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", K, N), v = variable(g, "v", K, N);
    hal_value fetched = pack(g, x, 1), by_hand = node(g, HAL_OP_UNPACK, NULL, pack(g, x, 2), HAL_NO_VALUE);
    OK(hal_graph_output(g, fetched));
    OK(hal_graph_output(g, by_hand));
    OK(hal_graph_assign(g, v, pack(g, x, 1)));
    hal_plan *plan = sched_plan(instance, g, sched_device());
    assert_true(plan_says(plan, false, "unpack"));
    hal_session *session;
    OK(hal_session_create(plan, NULL, &session));
    float *in = (float *)(uintptr_t)numbers(), one[K * N], two[K * N], read[K * N];
    const hal_feed feed = {x, sched_tensor(in, K, N)};
    const hal_fetch fetches[] = {{fetched, sched_tensor(one, K, N)}, {by_hand, sched_tensor(two, K, N)}};
    OK(hal_session_run(session, &feed, 1, fetches, 2, SOON));
    OK(hal_session_read(session, "v", read, sizeof read));
    assert_memory_equal(one, in, sizeof one);
    assert_memory_equal(two, in, sizeof two);
    assert_memory_equal(read, in, sizeof read);
    hal_session_release(session);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(instance);
}

static void refuse(hal_instance *instance, hal_graph *g, hal_value output, const char *part)
{
    const char *device = sched_device();
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1};
    hal_plan *plan;
    OK(hal_graph_output(g, output));
    FAILS(hal_plan_create(instance, g, &options, &plan), UNSUPPORTED, part);
    hal_graph_release(g);
}

static void what_only_a_device_can_read_is_refused_to_others(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", K, N);
    refuse(instance, g, hal_graph_add(g, pack(g, x, 1), x), "strided only");
    g = sched_graph();
    const int64_t perm[] = {1, 0};
    refuse(instance, g, hal_graph_transpose(g, pack(g, sched_input(g, "x", K, N), 1), 2, perm), "strided only");
    g = sched_graph();
    refuse(instance, g, node(g, HAL_OP_UNPACK, NULL, sched_input(g, "x", K, N), HAL_NO_VALUE), "not packed");
    g = sched_graph();
    refuse(instance, g, pack(g, sched_input(g, "x", K, N), 3), "no such layout");
    g = sched_graph();
    refuse(instance, g, pack(g, sched_input(g, "x", K, 0), 1), "no such layout");
    g = sched_graph();
    hal_value a = sched_input(g, "a", 3, K), b = sched_input(g, "b", K, N);
    refuse(instance, g, hal_graph_matmul(g, a, pack(g, b, 2), false, false), "another layout");
    hal_instance_release(instance);
}

/* A caller cannot hold packed bytes: hal_run packs and unpacks. */
static void run_by_itself_is_the_identity(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance(sched_device());
    hal_device *device;
    OK(hal_device_find(instance, sched_device(), &device));
    float *in = (float *)(uintptr_t)numbers(), out[K * N];
    const hal_tensor x = sched_tensor(in, K, N), y = sched_tensor(out, K, N);
    OK(hal_run(device, "pack", NULL, 0, &x, 1, &y, 1, SOON));
    assert_memory_equal(out, in, sizeof out);
    hal_device_release(device);
    hal_instance_release(instance);
}

/* -------------------------------------------------------------------------------------- variables -- */

/* Products of x [1..MOST, K] by four variables, two of them also read or written otherwise. */
typedef struct model {
    hal_graph *graph;
    hal_value x, y[5];
    hal_plan *plan;
    hal_session *session;
} model;

static hal_status model_make(hal_instance *instance, bool packed, hal_session *parent, model *m)
{
    static const char *const device[] = {"cpu0"};
    hal_graph *g = m->graph = sched_graph();
    hal_dim rows = hal_graph_symbol(g, "rows", 1, MOST, 1);
    const hal_dim size[] = {rows, hal_dim_constant(K)};
    m->x = hal_graph_input(g, "x", HAL_F32, 2, size);
    hal_value kn = variable(g, "kn", K, N), nk = variable(g, "nk", N, K), mixed = variable(g, "mixed", K, N),
              changed = variable(g, "changed", K, N);
    m->y[0] = hal_graph_matmul(g, m->x, kn, false, false);
    m->y[1] = hal_graph_matmul(g, m->x, nk, false, true);
    m->y[2] = hal_graph_add(g, hal_graph_matmul(g, m->x, kn, false, false), hal_graph_matmul(g, m->x, mixed, false, false));
    m->y[3] = hal_graph_matmul(g, m->x, changed, false, false);
    m->y[4] = hal_graph_add(g, mixed, changed);
    for (int i = 0; i < 5; i++)
        OK(hal_graph_output(g, m->y[i]));
    OK(hal_graph_assign(g, changed, m->y[4]));
    hal_plan_options po = {HAL_HEAD(hal_plan_options), .devices = device, .n_devices = 1, .pack_variables = packed};
    hal_session_options so = {HAL_HEAD(hal_session_options), .variables_of = parent};
    HAL_TRY(hal_plan_create(instance, g, &po, &m->plan));
    return hal_session_create(m->plan, &so, &m->session);
}

static void model_free(model *m)
{
    hal_session_release(m->session);
    hal_plan_release(m->plan);
    hal_graph_release(m->graph);
    *m = (model){0};
}

static const char *const names[] = {"kn", "nk", "mixed", "changed"};

static void model_write(model *m)
{
    for (size_t i = 0; i < 4; i++)
        OK(hal_session_write(m->session, names[i], numbers() + i * K * N, K * N * sizeof(float)));
}

static void model_run(model *m, int64_t rows, float *out)
{
    hal_fetch fetches[5];
    hal_feed feed = {m->x, sched_tensor((float *)(uintptr_t)numbers() + 31, rows, K)};
    for (int i = 0; i < 5; i++)
        fetches[i] = (hal_fetch){m->y[i], sched_tensor(out + i * MOST * N, i < 4 ? rows : K, N)};
    OK(hal_session_run(m->session, &feed, 1, fetches, 4, SOON));
}

/* The first `n` outputs of both. */
static void same_results(model *a, model *b, size_t n)
{
    static float x[5 * MOST * N], y[5 * MOST * N];
    const int64_t rows[] = {1, 2, 4, 5, 16, 17, MOST};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(x, 0, sizeof x);
        memset(y, 0, sizeof y);
        model_run(a, rows[i], x);
        model_run(b, rows[i], y);
        assert_memory_equal(x, y, n * MOST * N * sizeof *x);
    }
}

static void packed_variables_change_no_bit(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance("cpu0");
    model packed, plain;
    OK(model_make(instance, true, NULL, &packed));
    OK(model_make(instance, false, NULL, &plain));
    assert_true(plan_says(packed.plan, false, "kn         layout 1 of cpu0"));
    assert_false(plan_says(packed.plan, false, "nk         layout"));
    assert_false(plan_says(packed.plan, false, "mixed      layout"));
    assert_false(plan_says(packed.plan, false, "changed    layout"));
    assert_true(plan_says(packed.plan, true, "only products read it"));
    assert_false(plan_says(plain.plan, false, "layout"));
    model_write(&packed);
    model_write(&plain);
    same_results(&packed, &plain, 4);
    float read[K * N];
    for (size_t i = 0; i < 2; i++) {
        OK(hal_session_read(packed.session, names[i], read, sizeof read));
        assert_memory_equal(read, numbers() + i * K * N, sizeof read);
    }
    FAILS(hal_session_read(packed.session, "kn", read, 8), INVALID_ARGUMENT, "has 12600 bytes");
    const hal_session_options never = {HAL_HEAD(hal_session_options), .convert_ms = -1};
    hal_session *none;
    FAILS(hal_session_create(packed.plan, &never, &none), INVALID_ARGUMENT, "convert_ms");
    model_free(&packed);
    model_free(&plain);
    hal_instance_release(instance);
}

static void sessions_share_what_they_pack_alike(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance("cpu0");
    model first, second, other;
    OK(model_make(instance, true, NULL, &first));
    OK(model_make(instance, true, first.session, &second));
    model_write(&first);
    same_results(&first, &second, 2); /* each step of either changes a variable that the others read */
    model_free(&second);
    other = (model){0};
    FAILS(model_make(instance, false, first.session, &other), INVALID_ARGUMENT, "cannot be shared");
    model_free(&other);
    model_free(&first);
    hal_instance_release(instance);
}

/* A device that knows strided tensors only packs nothing. */
static void other_devices_stay_strided(void **state)
{
    (void)state;
    hal_instance *instance = sched_instance("null0");
    hal_graph *g = sched_graph();
    OK(hal_graph_output(g, hal_graph_matmul(g, sched_input(g, "x", 3, K), variable(g, "kn", K, N), false, false)));
    const char *device = "null0";
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1, .pack_variables = true};
    hal_plan *plan;
    OK(hal_plan_create(instance, g, &options, &plan));
    assert_false(plan_says(plan, false, "layout"));
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_values_are_read_as_they_were),
        cmocka_unit_test(what_only_a_device_can_read_is_refused_to_others),
        cmocka_unit_test(run_by_itself_is_the_identity),
        cmocka_unit_test(packed_variables_change_no_bit),
        cmocka_unit_test(sessions_share_what_they_pack_alike),
        cmocka_unit_test(other_devices_stay_strided),
    };
    return cmocka_run_group_tests_name("layout", tests, NULL, NULL);
}
