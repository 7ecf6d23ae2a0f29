/* SPDX-License-Identifier: Apache-2.0 */
#include "sched_test.h"

static void same(const float *a, const float *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        assert_float_equal(a[i], b[i], 1e-6);
}

/* w' = w + x; y = w x, read before the assignment takes effect. */
static hal_session *counter(hal_instance *i, const char *device, hal_value *x, hal_value *y)
{
    hal_graph *g = sched_graph();
    *x = sched_input(g, "x", 4, 0);
    hal_value w = hal_graph_variable(g, "w", HAL_F32, 1, (const int64_t[]){4});
    OK(hal_graph_assign(g, w, hal_graph_add(g, w, *x)));
    *y = hal_graph_mul(g, w, *x);
    OK(hal_graph_output(g, *y));
    hal_session *s = sched_session(i, g, device);
    hal_graph_release(g);
    return s;
}

static void variables_change_after_their_readers(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, y;
    hal_session *s = counter(i, sched_device(), &x, &y);
    float data[4] = {1, 2, 3, 4}, out[4], w[4];
    hal_feed feed = {x, sched_tensor(data, 4, 0)};
    hal_fetch fetch = {y, sched_tensor(out, 4, 0)};
    for (uint32_t step = 0; step < 3; step++) {
        OK(hal_session_run(s, &feed, 1, &fetch, 1, SOON));
        for (uint32_t k = 0; k < 4; k++)
            assert_float_equal(out[k], (float)step * data[k] * data[k], 1e-6);
    }
    OK(hal_session_read(s, "w", w, sizeof w));
    same(w, (const float[]){3, 6, 9, 12}, 4);
    OK(hal_session_write(s, "w", data, sizeof data));
    OK(hal_session_run(s, &feed, 1, NULL, 0, SOON));
    OK(hal_session_read(s, "w", w, sizeof w));
    same(w, (const float[]){2, 4, 6, 8}, 4);
    hal_session_release(s);
    hal_instance_release(i);
}

/* Each takes the old content of the other. */
static void variables_can_be_exchanged(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    const int64_t size[] = {3};
    hal_value a = hal_graph_variable(g, "a", HAL_F32, 1, size),
              b = hal_graph_variable(g, "b", HAL_F32, 1, size);
    OK(hal_graph_assign(g, a, b));
    OK(hal_graph_assign(g, b, a));
    OK(hal_graph_output(g, a));
    hal_session *s = sched_session(i, g, sched_device());
    float one[3] = {1, 2, 3}, two[3] = {4, 5, 6}, got[3];
    OK(hal_session_write(s, "a", one, sizeof one));
    OK(hal_session_write(s, "b", two, sizeof two));
    hal_fetch fetch = {a, sched_tensor(got, 3, 0)};
    OK(hal_session_run(s, NULL, 0, &fetch, 1, SOON));
    same(got, one, 3);
    OK(hal_session_read(s, "a", got, sizeof got));
    same(got, two, 3);
    OK(hal_session_read(s, "b", got, sizeof got));
    same(got, one, 3);
    hal_session_release(s);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void strided_feeds_and_views_as_outputs(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 2, 3), t = hal_graph_transpose(g, x, 2, (const int64_t[]){1, 0});
    OK(hal_graph_output(g, t));
    hal_session *s = sched_session(i, g, sched_device());
    float data[6] = {1, 2, 3, 4, 5, 6}, out[6];
    hal_feed feed = {x, sched_tensor(data, 2, 3)};
    hal_fetch fetch = {t, sched_tensor(out, 3, 2)};
    OK(hal_session_run(s, &feed, 1, &fetch, 1, SOON));
    same(out, (const float[]){1, 4, 2, 5, 3, 6}, 6);
    feed.tensor.stride[0] = 4;
    feed.tensor.stride[1] = 8;
    OK(hal_session_run(s, &feed, 1, &fetch, 1, SOON));
    same(out, (const float[]){1, 2, 3, 4, 5, 6}, 6);
    hal_session_release(s);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void feeds_are_checked(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, y;
    hal_session *s = counter(i, sched_device(), &x, &y);
    float data[8] = {0}, out[4];
    int64_t four[] = {4};
    hal_feed feed = {x, sched_tensor(data, 4, 0)}, bad = feed;
    hal_fetch fetch = {y, sched_tensor(out, 4, 0)};
    FAILS(hal_session_run(s, NULL, 0, &fetch, 1, SOON), INVALID_ARGUMENT, "\"x\"");
    bad.tensor = hal_tensor_host(data, HAL_F64, 1, four);
    FAILS(hal_session_run(s, &bad, 1, &fetch, 1, SOON), INVALID_ARGUMENT, "dtype");
    bad.tensor = sched_tensor(data, 5, 0);
    FAILS(hal_session_run(s, &bad, 1, &fetch, 1, SOON), INVALID_ARGUMENT, "size 5");
    bad.tensor = sched_tensor(data, 2, 2);
    FAILS(hal_session_run(s, &bad, 1, &fetch, 1, SOON), INVALID_ARGUMENT, "2 sizes");
    bad = (hal_feed){y, sched_tensor(data, 4, 0)};
    FAILS(hal_session_run(s, (const hal_feed[]){feed, bad}, 2, &fetch, 1, SOON), INVALID_ARGUMENT,
          "no input");
    bad = (hal_feed){{NULL, 1}, sched_tensor(data, 4, 0)};
    FAILS(hal_session_run(s, &bad, 1, &fetch, 1, SOON), INVALID_ARGUMENT, "feed 0");
    FAILS(hal_session_run(s, &feed, 1, &(hal_fetch){x, sched_tensor(out, 4, 0)}, 1, SOON), INVALID_ARGUMENT,
          "hal_graph_output");
    FAILS(hal_session_read(s, "nothing", data, 16), NOT_FOUND, "nothing");
    FAILS(hal_session_write(s, "w", data, 12), INVALID_ARGUMENT, "16 bytes");
    OK(hal_session_run(s, &feed, 1, &fetch, 1, SOON));
    hal_session_release(s);
    hal_instance_release(i);
}

static void symbols_come_from_feeds(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_dim size[2] = {hal_graph_symbol(g, "rows", 2, 8, 2), hal_dim_constant(2)};
    hal_value x = hal_graph_input(g, "x", HAL_F32, 2, size);
    hal_value y = hal_graph_reshape(g, hal_graph_pointwise(g, "add(x0, 1)", &x, 1), 1, (const int64_t[]){-1});
    OK(hal_graph_output(g, y));
    hal_session *s = sched_session(i, g, sched_device());
    float data[20] = {0}, out[16];
    for (int64_t rows = 2; rows <= 8; rows += 2) {
        data[2 * rows - 1] = 5;
        OK(hal_session_run(s, &(hal_feed){x, sched_tensor(data, rows, 2)}, 1,
                           &(hal_fetch){y, sched_tensor(out, 2 * rows, 0)}, 1, SOON));
        assert_float_equal(out[2 * rows - 1], 6, 0);
    }
    hal_fetch fetch = {y, sched_tensor(out, 6, 0)};
    FAILS(hal_session_run(s, &(hal_feed){x, sched_tensor(data, 10, 2)}, 1, &fetch, 1, SOON), INVALID_ARGUMENT,
          "\"rows\" 10");
    FAILS(hal_session_run(s, &(hal_feed){x, sched_tensor(data, 5, 2)}, 1, &fetch, 1, SOON), INVALID_ARGUMENT,
          "multiple of 2");
    hal_session_release(s);
    hal_graph_release(g);
    hal_instance_release(i);
}

/* A chain over two devices gives the bits that one device gives. */
static void run_pinned(hal_instance *i, const char *first, const char *second, float *out)
{
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 3, 5),
              w = hal_graph_variable(g, "w", HAL_F32, 2, (const int64_t[]){5, 5});
    hal_value y = hal_graph_matmul(g, x, w, false, false);
    hal_value s = hal_graph_softmax(g, y), back;
    hal_graph_set_name(g, s, "middle");
    back = hal_graph_matmul(g, s, w, false, true);
    OK(hal_graph_output(g, back));
    OK(hal_graph_assign(g, w, hal_graph_pointwise(g, "mul(x0, 2)", &w, 1)));
    OK(hal_graph_status(g));
    const char *devices[] = {first, second};
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices,
                                .n_devices = first == second ? 1 : 2, .pins = &(hal_pin){"middle", second},
                                .n_pins = 1};
    hal_plan *plan;
    hal_session *session;
    OK(hal_plan_create(i, g, &options, &plan));
    OK(hal_session_create(plan, NULL, &session));
    float data[15], weights[25];
    for (uint32_t k = 0; k < 25; k++)
        weights[k] = 0.1f * (float)(k % 7);
    for (uint32_t k = 0; k < 15; k++)
        data[k] = 0.3f * (float)k;
    OK(hal_session_write(session, "w", weights, sizeof weights));
    for (uint32_t step = 0; step < 3; step++)
        OK(hal_session_run(session, &(hal_feed){x, sched_tensor(data, 3, 5)}, 1,
                           &(hal_fetch){back, sched_tensor(out, 3, 5)}, 1, SOON));
    hal_session_release(session);
    hal_plan_release(plan);
    hal_graph_release(g);
}

static void two_devices_give_equal_bits(void **state)
{
    (void)state;
    hal_instance *i = sched_instance("cpu1");
    float one[15], two[15];
    run_pinned(i, "cpu0", "cpu0", one);
    run_pinned(i, "cpu0", "cpu1", two);
    assert_memory_equal(one, two, sizeof one);
    hal_instance_release(i);
}

static void memories_are_bridged(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_other());
    float one[15], two[15];
    run_pinned(i, sched_device(), sched_device(), one);
    run_pinned(i, sched_device(), sched_other(), two);
    for (uint32_t k = 0; k < 15; k++)
        assert_float_equal(one[k], two[k], 1e-4);
    run_pinned(i, sched_other(), sched_device(), two);
    for (uint32_t k = 0; k < 15; k++)
        assert_float_equal(one[k], two[k], 1e-4);
    hal_instance_release(i);
}

/* Member a computes on `first`, member b on `second`, the collective where `third` says. */
static void run_group(hal_instance *i, const char *op, uint32_t members, const char *first, const char *second,
                      const char *third, float *out)
{
    hal_graph *g = sched_graph();
    const hal_value in[2] = {sched_input(g, "a", 4, 6), sched_input(g, "b", 4, 6)};
    hal_value each[2], got[2] = {0}, end[2];
    static const char *const names[2][2] = {{"member_a", "end_a"}, {"member_b", "end_b"}};
    for (int k = 0; k < 2; k++) {
        each[k] = hal_graph_pointwise(g, k ? "mul(x0, 3)" : "add(x0, 1)", &in[k], 1);
        hal_graph_set_name(g, each[k], names[k][0]);
    }
    const bool one = strcmp(op, "broadcast_from") == 0 || strcmp(op, "send_receive") == 0;
    OK(hal_graph_op(g, op, NULL, 0, each, one ? 1 : 2, got, members));
    for (uint32_t k = 0; k < 2; k++) {
        end[k] = hal_graph_pointwise(g, "mul(x0, 2)", &got[k < members ? k : 0], 1);
        hal_graph_set_name(g, end[k], names[k][1]);
        OK(hal_graph_output(g, end[k]));
    }
    OK(hal_graph_output(g, each[1])); /* without a reader in a group of one sender */
    OK(hal_graph_status(g));
    const char *devices[] = {first, second};
    const hal_pin pins[] = {{".*_a", first}, {".*_b", second}, {op, third}};
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices,
                                      .n_devices = first == second ? 1 : 2, .pins = pins, .n_pins = 3};
    hal_plan *plan;
    hal_session *session;
    OK(hal_plan_create(i, g, &options, &plan));
    OK(hal_session_create(plan, NULL, &session));
    float a[24], b[24];
    for (uint32_t k = 0; k < 24; k++) {
        a[k] = 0.25f * (float)k;
        b[k] = 7 - 0.5f * (float)k;
    }
    const int64_t rows = strcmp(op, "all_gather") == 0 ? 8 : strcmp(op, "reduce_scatter") == 0 ? 2 : 4;
    const hal_feed feeds[] = {{in[0], sched_tensor(a, 4, 6)}, {in[1], sched_tensor(b, 4, 6)}};
    const hal_fetch fetches[] = {{end[0], sched_tensor(out, rows, 6)}, {end[1], sched_tensor(out + 48, rows, 6)}};
    memset(out, 0, 96 * sizeof *out);
    for (uint32_t step = 0; step < 2; step++)
        OK(hal_session_run(session, feeds, 2, fetches, 2, SOON));
    hal_session_release(session);
    hal_plan_release(plan);
    hal_graph_release(g);
}

/* Collectives give the same bits whatever memories their members lie in. */
static void collectives_cross_memories(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        uint32_t members;
    } rows[] = {{"all_reduce", 2}, {"all_gather", 2}, {"reduce_scatter", 2}, {"broadcast_from", 2}, {"send_receive", 1}};
    const char *here = sched_device(), *there = sched_other();
    hal_instance *i = sched_instance(there);
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
        float one[96], two[96];
        run_group(i, rows[k].op, rows[k].members, here, here, here, one);
        const char *const ways[][3] = {{here, there, here}, {here, there, there}, {there, here, here}, {there, here, there}};
        for (size_t w = 0; w < 4; w++) {
            run_group(i, rows[k].op, rows[k].members, ways[w][0], ways[w][1], ways[w][2], two);
            assert_memory_equal(one, two, sizeof one);
        }
    }
    hal_instance_release(i);
}

static void sessions_share_variables(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, y;
    hal_session *train = counter(i, sched_device(), &x, &y), *evaluate;
    hal_graph *g = sched_graph();
    hal_value w = hal_graph_variable(g, "w", HAL_F32, 1, (const int64_t[]){4}),
              twice = hal_graph_pointwise(g, "mul(x0, 2)", &w, 1);
    OK(hal_graph_output(g, twice));
    hal_plan *plan = sched_plan(i, g, sched_device());
    OK(hal_session_create(plan, &(hal_session_options){HAL_HEAD(hal_session_options), .variables_of = train},
                          &evaluate));
    float data[4] = {1, 2, 3, 4}, out[4];
    OK(hal_session_run(train, &(hal_feed){x, sched_tensor(data, 4, 0)}, 1, NULL, 0, SOON));
    hal_session_release(train);
    OK(hal_session_run(evaluate, NULL, 0, &(hal_fetch){twice, sched_tensor(out, 4, 0)}, 1, SOON));
    same(out, (const float[]){2, 4, 6, 8}, 4);
    hal_session_release(evaluate);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

static void several_steps_in_flight(void **state)
{
    (void)state;
    enum { STEPS = 20 };
    hal_instance *i = sched_instance(sched_device());
    hal_graph *g = sched_graph();
    hal_value x = sched_input(g, "x", 4, 0), w = hal_graph_variable(g, "w", HAL_F32, 1, (const int64_t[]){4});
    hal_value next = hal_graph_add(g, w, x);
    OK(hal_graph_assign(g, w, next));
    OK(hal_graph_output(g, next));
    hal_plan *plan = sched_plan(i, g, sched_device());
    hal_session *s;
    hal_timeline *begin, *end;
    OK(hal_session_create(plan, &(hal_session_options){HAL_HEAD(hal_session_options), .in_flight = 3}, &s));
    OK(hal_timeline_create(i, &begin));
    OK(hal_timeline_create(i, &end));
    float data[4] = {1, 2, 3, 4}, out[STEPS][4];
    for (uint32_t k = 0; k < STEPS; k++)
        OK(hal_session_submit(s, &(hal_feed){x, sched_tensor(data, 4, 0)}, 1,
                              &(hal_fetch){next, sched_tensor(out[k], 4, 0)}, 1, &(hal_point){begin, 1}, 1,
                              &(hal_point){end, k + 1}, 1));
    assert_int_equal(hal_timeline_value(end), 0);
    OK(hal_timeline_signal(begin, 1));
    OK(hal_timeline_wait(end, STEPS, SOON));
    for (uint32_t k = 0; k < STEPS; k++)
        assert_float_equal(out[k][3], 4 * (float)(k + 1), 0);
    hal_session_release(s);
    hal_timeline_release(begin);
    hal_timeline_release(end);
    hal_plan_release(plan);
    hal_graph_release(g);
    hal_instance_release(i);
}

/* A failed step passes its cause on, and the next one runs. */
static void a_session_survives_a_failed_step(void **state)
{
    (void)state;
    hal_instance *i = sched_instance(sched_device());
    hal_value x, y;
    hal_session *s = counter(i, sched_device(), &x, &y);
    hal_timeline *begin, *end;
    OK(hal_timeline_create(i, &begin));
    OK(hal_timeline_create(i, &end));
    float data[4] = {1, 1, 1, 1}, w[4];
    hal_feed feed = {x, sched_tensor(data, 4, 0)};
    hal_timeline_fail(begin, 1, HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_CANCELLED), "the first cause");
    OK(hal_session_submit(s, &feed, 1, NULL, 0, &(hal_point){begin, 1}, 1, &(hal_point){end, 1}, 1));
    FAILS(hal_timeline_wait(end, 1, SOON), CANCELLED, "the first cause");
    OK(hal_session_run(s, &feed, 1, NULL, 0, SOON));
    OK(hal_session_read(s, "w", w, sizeof w));
    same(w, data, 4);
    hal_session_release(s);
    hal_timeline_release(begin);
    hal_timeline_release(end);
    hal_instance_release(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_change_after_their_readers),
        cmocka_unit_test(variables_can_be_exchanged),
        cmocka_unit_test(strided_feeds_and_views_as_outputs),
        cmocka_unit_test(feeds_are_checked),
        cmocka_unit_test(symbols_come_from_feeds),
        cmocka_unit_test(two_devices_give_equal_bits),
        cmocka_unit_test(memories_are_bridged),
        cmocka_unit_test(collectives_cross_memories),
        cmocka_unit_test(sessions_share_variables),
        cmocka_unit_test(several_steps_in_flight),
        cmocka_unit_test(a_session_survives_a_failed_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
