/* SPDX-License-Identifier: Apache-2.0 */
/* HAL_TRACE: what a small training step leaves in the file, and files that cannot be written. */
#include "core_test.h"

#include <jansson.h>

#include "scheduler/plan_internal.h"
#include "tests/fault/tiny.h"

enum { STEPS = 3, DEEPEST = 32 };

static char directory[256], path[300];

static int setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(directory, sizeof directory, "%s/hal-trace-XXXXXX", base && *base ? base : "/tmp");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/trace.json", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(directory);
}

static hal_instance_options traced(const char *backends)
{
    return (hal_instance_options){HAL_HEAD(hal_instance_options), .backends = backends, .trace_path = path};
}

static json_t *load(json_t **events)
{
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    *events = json_object_get(root, "traceEvents");
    assert_true(json_is_array(*events));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(root, "otherData"), "dropped")), 0);
    return root;
}

static const char *text(const json_t *event, const char *key)
{
    const char *value = json_string_value(json_object_get(event, key));
    assert_non_null(value);
    return value;
}

static bool is(const json_t *event, const char *key, const char *value)
{
    const char *have = json_string_value(json_object_get(event, key));
    return have != NULL && strcmp(have, value) == 0;
}

/* Nanoseconds: what is printed has three digits behind the point, which a double of this size keeps. */
static int64_t time_of(const json_t *event, const char *key)
{
    const json_t *value = json_object_get(event, key);
    assert_true(json_is_number(value));
    return (int64_t)(json_number_value(value) * 1000.0 + 0.5);
}

static int64_t end_of(const json_t *event)
{
    return time_of(event, "ts") + time_of(event, "dur");
}

static size_t count(const json_t *events, const char *key, const char *value)
{
    size_t i, n = 0;
    const json_t *event;
    json_array_foreach(events, i, event) n += is(event, "ph", "X") && is(event, key, value);
    return n;
}

/* The name of a track. */
static const char *track(const json_t *events, json_int_t id)
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event) if (is(event, "name", "thread_name") &&
                                             json_integer_value(json_object_get(event, "tid")) == id)
        return text(json_object_get(event, "args"), "name");
    fail_msg("track %d has no name", (int)id);
    return "";
}

/* The spans of a track lie inside or behind each other. */
static void check_track(const json_t *events, json_int_t id)
{
    int64_t ends[DEEPEST];
    size_t i, depth = 0;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        if (!is(event, "ph", "X") || json_integer_value(json_object_get(event, "tid")) != id)
            continue;
        while (depth > 0 && ends[depth - 1] <= time_of(event, "ts"))
            depth--;
        if (depth > 0)
            assert_true(end_of(event) <= ends[depth - 1]);
        assert_true(depth < DEEPEST);
        ends[depth++] = end_of(event);
    }
}

static void check_order(const json_t *events)
{
    int64_t last = 0;
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        if (is(event, "ph", "M"))
            continue;
        assert_true(time_of(event, "ts") >= last);
        last = time_of(event, "ts");
        check_track(events, json_integer_value(json_object_get(event, "tid")));
        assert_non_null(track(events, json_integer_value(json_object_get(event, "tid"))));
    }
}

/* A span of category `outer` contains this one. */
static bool inside(const json_t *events, const json_t *inner, const char *key, const char *outer)
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event) if (is(event, "ph", "X") && is(event, key, outer) &&
                                             time_of(event, "ts") <= time_of(inner, "ts") &&
                                             end_of(event) >= end_of(inner)) return true;
    return false;
}

static void check_enclosed(const json_t *events)
{
    size_t i;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        if (is(event, "cat", "op"))
            assert_true(inside(events, event, "cat", "program"));
        if (is(event, "cat", "op") || is(event, "cat", "program")) {
            assert_true(inside(events, event, "name", "step"));
            assert_string_equal(track(events, json_integer_value(json_object_get(event, "tid"))), "cpu0");
        }
    }
}

/* How often an op of that name stands in the programs of a plan. */
static size_t planned(const hal_plan *plan, const char *name, size_t *ops)
{
    size_t n = 0;
    *ops = 0;
    for (uint32_t s = 0; s < plan->n_steps; s++) {
        const hal_description *d = plan->steps[s].program;
        for (uint32_t i = 0; d != NULL && i < d->n_ops; i++, ++*ops)
            n += strcmp((const char *)d + hal_description_ops(d)[i].names, name) == 0;
    }
    return n;
}

/* An op tells which operator and dtype it is, and what it has to do as its shapes say. */
static void check_work(const json_t *events)
{
    size_t i, matmuls = 0;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        const json_t *of = json_object_get(event, "args");
        if (!is(event, "cat", "op")) {
            assert_true(of == NULL || is(event, "ph", "M"));
            continue;
        }
        assert_non_null(hal_op_find(text(of, "op")));
        assert_true(hal_dtype_find(text(of, "dtype")) != HAL_NO_DTYPE);
        const json_t *flops = json_object_get(of, "flops"), *bytes = json_object_get(of, "bytes");
        assert_true(json_is_integer(flops) && json_is_integer(bytes) && json_integer_value(bytes) > 0);
        matmuls += is(of, "op", "matmul") && json_integer_value(flops) > 0;
    }
    assert_true(matmuls > 0);
}

static void check_names(const json_t *events, const hal_plan *plan)
{
    size_t i, ops;
    const json_t *event;
    planned(plan, "", &ops);
    assert_true(ops > 5);
    assert_int_equal(count(events, "cat", "op"), STEPS * ops);
    json_array_foreach(events, i, event)
    {
        if (!is(event, "cat", "op"))
            continue;
        size_t n = planned(plan, text(event, "name"), &ops);
        assert_true(n > 0);
        assert_int_equal(count(events, "name", text(event, "name")), STEPS * n);
    }
}

static void a_step_shows_its_ops(void **state)
{
    (void)state;
    hal_instance_options options = traced("cpu");
    tiny t = {0};
    float loss;
    json_t *events;
    assert_ok(tiny_create(&options, NULL, "cpu0", &t));
    for (int i = 0; i < STEPS; i++)
        assert_ok(tiny_step(&t, SOON, &loss));
    tiny_free(&t);
    /* A plan keeps its instance, and the file comes when that goes: names are compared with a second, equal plan. */
    options.trace_path = NULL;
    assert_ok(tiny_create(&options, NULL, "cpu0", &t));
    size_t programs = 0;
    for (uint32_t s = 0; s < t.plan->n_steps; s++)
        programs += t.plan->steps[s].program != NULL;
    json_t *root = load(&events);
    check_order(events);
    check_enclosed(events);
    check_names(events, t.plan);
    check_work(events);
    assert_int_equal(count(events, "name", "step"), STEPS);
    assert_int_equal(count(events, "cat", "program"), STEPS * programs);
    assert_true(count(events, "cat", "load") > 0 && count(events, "cat", "compile") > 0);
    json_decref(root);
    tiny_free(&t);
}

static void copies_are_spans(void **state)
{
    (void)state;
    hal_instance_options options = traced("cpu");
    hal_instance *instance;
    hal_device *device;
    hal_queue *queue;
    hal_timeline *timeline;
    float from[64] = {1}, to[64] = {0};
    json_t *events;
    assert_ok(hal_instance_create(&options, &instance));
    assert_ok(hal_device_find(instance, "cpu0", &device));
    assert_ok(hal_queue_create(device, &queue));
    assert_ok(hal_timeline_create(instance, &timeline));
    for (uint64_t i = 1; i <= 4; i++)
        assert_ok(hal_queue_copy(queue, (hal_binding){NULL, to, 0}, (hal_binding){NULL, from, 0}, sizeof to,
                                 NULL, 0, &(hal_point){timeline, i}, 1));
    assert_ok(hal_timeline_wait(timeline, 4, SOON));
    hal_timeline_release(timeline);
    assert_ok(hal_queue_release(queue, SOON));
    hal_device_release(device);
    hal_instance_release(instance);
    json_t *root = load(&events);
    check_order(events);
    assert_int_equal(count(events, "cat", "copy"), 4);
    size_t i, begun = 0, ended = 0;
    const json_t *event;
    json_array_foreach(events, i, event)
    {
        begun += is(event, "ph", "b") && is(event, "name", "queued copy");
        ended += is(event, "ph", "e") && is(event, "name", "queued copy");
    }
    assert_true(begun == 4 && ended == 4);
    json_decref(root);
}

static void any_name_is_json(void **state)
{
    (void)state;
    hal_instance_options options = traced("none");
    hal_instance *instance;
    json_t *events;
    char name[16] = "own";
    options.plugin_path = "/nonexistent/hal-test";
    assert_ok(hal_instance_create(&options, &instance));
    hal_trace_span(instance, "t", "c", name, 10, 20);
    strcpy(name, "gone");
    hal_trace_span(instance, "t", "c", "a \"b\\\n\x01 \xff\xc3\xa9\xed\xa0\x80 \xf0\x9f\x98\x80", 30, 5);
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "op%d", i);
        hal_trace_span(instance, i % 2 ? "t" : "u", "c", name, 100 + i, 101 + i);
    }
    hal_instance_release(instance);
    json_t *root = load(&events);
    check_order(events);
    assert_int_equal(count(events, "name", "own"), 1);
    assert_int_equal(count(events, "name", "a \"b\\?? ?\xc3\xa9??? \xf0\x9f\x98\x80"), 1);
    assert_int_equal(count(events, "name", "op2999"), 1);
    assert_int_equal(count(events, "cat", "c"), 3002);
    json_decref(root);
}

/* The file of the trace before stays whole until the next one is there. */
static void an_old_trace_stays_until_the_new_one(void **state)
{
    (void)state;
    hal_instance_options options = traced("none");
    hal_instance *instance, *other;
    json_t *events;
    options.plugin_path = "/nonexistent/hal-test";
    assert_ok(hal_instance_create(&options, &instance));
    options.cpu_devices = 2; /* makes it another instance */
    assert_ok(hal_instance_create(&options, &other));
    assert_true(instance != other);
    for (int i = 0; i < 100; i++)
        hal_trace_span(instance, "t", "first", "longer", i, i + 1);
    hal_trace_span(other, "t", "second", "short", 1, 2);
    hal_instance_release(instance);
    json_t *root = load(&events);
    assert_int_equal(count(events, "cat", "first"), 100);
    json_decref(root);
    hal_instance_release(other);
    root = load(&events);
    assert_int_equal(count(events, "cat", "first"), 0);
    assert_int_equal(count(events, "cat", "second"), 1);
    json_decref(root);
}

static void a_path_that_cannot_be_written_is_an_error(void **state)
{
    (void)state;
    hal_instance_options options = traced("cpu");
    hal_instance *instance = NULL;
    options.trace_path = "/nonexistent/folder/trace.json";
    assert_code(hal_instance_create(&options, &instance), IO);
    assert_null(instance);
    assert_non_null(strstr(hal_status_last()->text, options.trace_path));
    assert_non_null(strstr(hal_status_last()->text, "HAL_TRACE"));
    /* Nothing stays behind: without the path the same options work. */
    options.trace_path = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    hal_instance_release(instance);
}

/* A backend sees by its table that it has nothing to time. */
static void without_a_trace_there_is_no_hook(void **state)
{
    (void)state;
    hal_instance_options options = traced("cpu");
    hal_instance *instance;
    assert_ok(hal_instance_create(&options, &instance));
    assert_true(instance->n_loaded == 1 && instance->loaded[0]->host.trace_device != NULL);
    hal_instance_release(instance);
    options.trace_path = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    assert_true(instance->n_loaded == 1 && instance->loaded[0]->host.trace_device == NULL);
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_shows_its_ops),
        cmocka_unit_test(copies_are_spans),
        cmocka_unit_test(any_name_is_json),
        cmocka_unit_test(an_old_trace_stays_until_the_new_one),
        cmocka_unit_test(a_path_that_cannot_be_written_is_an_error),
        cmocka_unit_test(without_a_trace_there_is_no_hook),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
