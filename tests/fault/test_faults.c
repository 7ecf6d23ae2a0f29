/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hal does when drivers and the host's memory fail: every call that a training step makes of a driver
 * fails once, every allocation fails, devices are lost and hang. Each time the right status comes back,
 * nothing is lost and nothing hangs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <hal/core.h>

#include "tiny.h"

static char script_path[64];

static hal_instance_options with_script(const char *text)
{
    FILE *f = fopen(script_path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    return (hal_instance_options){HAL_HEAD(hal_instance_options), .cpu_threads = 1,
                                  .fault_script = script_path};
}

static void assert_status(hal_status status, hal_damage damage, hal_code code)
{
    if (status == HAL_STATUS(damage, code))
        return;
    fail_msg("%s/%s instead of code %d, damage %d: %s", hal_status_name(status),
             hal_damage_name(hal_status_damage(status)), (int)code, (int)damage, hal_status_last()->text);
}

static void assert_works(hal_status status)
{
    assert_status(status, HAL_DAMAGE_NONE, HAL_CODE_OK);
}

static uint64_t counter(const tiny *t, const char *name)
{
    void *opened;
    assert_works(hal_device_activate(t->device, &opened));
    return hal_device_backend(t->device)->counter(opened, name);
}

/* The loss after `steps` steps where nothing fails. */
static float healthy(int steps)
{
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu"};
    float loss = -1;
    assert_works(tiny_train(&o, NULL, "cpu0", steps, &loss));
    return loss;
}

/* -------------------------------------------------- driver calls -- */

/* A training whose n-th call of a kind fails, or that one and all later ones: true when it went through. */
static bool goes_through(const char *rule, hal_damage damage, hal_code code, float expected)
{
    char text[96];
    float loss;
    snprintf(text, sizeof text, "private\n%s\n", rule);
    hal_instance_options o = with_script(text);
    hal_status status = tiny_train(&o, NULL, "fault0", 2, &loss);
    if (status == HAL_OK) {
        assert_float_equal(loss, expected, 1e-5f);
        return true;
    }
    assert_status(status, damage, code);
    assert_non_null(strstr(hal_status_last()->text, "because the script says so"));
    return false;
}

/* Every n until a training goes through, once and for ever; the number of failures seen of each. */
static int sweep(const char *kind, const char *action, hal_damage damage, hal_code code)
{
    char rule[64];
    float expected = healthy(2);
    for (int n = 1; n < 1000; n++) {
        snprintf(rule, sizeof rule, "%s %d %s", kind, n, action);
        bool once = goes_through(rule, damage, code, expected);
        snprintf(rule, sizeof rule, "%s from %d %s", kind, n, action);
        assert_int_equal(goes_through(rule, damage, code, expected), once);
        if (once)
            return n - 1;
    }
    fail_msg("%s never succeeds", kind);
    return 0;
}

static void allocations_fail(void **state)
{
    (void)state;
    assert_true(sweep("alloc", "fail", HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE) >= 4);
    assert_true(sweep("alloc", "oom", HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY) >= 4);
}

static void copies_fail(void **state)
{
    (void)state;
    assert_true(sweep("copy", "fail", HAL_DAMAGE_GRAPH, HAL_CODE_IO) >= 8);
}

static void copies_are_short(void **state)
{
    (void)state;
    assert_true(sweep("copy", "short", HAL_DAMAGE_GRAPH, HAL_CODE_DATA_LOSS) >= 8);
}

static void compilations_fail(void **state)
{
    (void)state;
    assert_true(sweep("compile", "fail", HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED) >= 1);
}

static void submissions_fail(void **state)
{
    (void)state;
    assert_true(sweep("submit", "fail", HAL_DAMAGE_GRAPH, HAL_CODE_UNAVAILABLE) >= 2);
}

/* "every" and "from" rules, and that a session outlives a step that failed. */
static void sessions_go_on(void **state)
{
    (void)state;
    tiny t;
    float loss = -1, first = healthy(1);
    hal_instance_options o =
        with_script("# the first step fails\nprivate\nsubmit every 1000 fail\nsubmit 1 fail\n");
    assert_works(tiny_create(&o, NULL, "fault0", &t));
    assert_status(tiny_step(&t, hal_deadline_ms(5000), &loss), HAL_DAMAGE_GRAPH, HAL_CODE_UNAVAILABLE);
    assert_true(loss < 0);
    t.steps = 0;
    assert_works(tiny_step(&t, hal_deadline_ms(5000), &loss));
    assert_float_equal(loss, first, 1e-5f);
    assert_int_equal(counter(&t, "faults"), 1);
    assert_true(counter(&t, "live") > 0);
    tiny_free(&t);

    o = with_script("private\nsubmit from 2 fail");
    assert_works(tiny_create(&o, NULL, "fault0", &t));
    assert_works(tiny_step(&t, hal_deadline_ms(5000), &loss));
    for (int i = 0; i < 3; i++)
        assert_status(tiny_step(&t, hal_deadline_ms(5000), &loss), HAL_DAMAGE_GRAPH, HAL_CODE_UNAVAILABLE);
    tiny_free(&t);
}

/* -------------------------------------------------- losses -- */

/* Copies and submissions of a training of three steps. */
static uint64_t commands_of_three_steps(void)
{
    tiny t;
    float loss;
    hal_instance_options o = with_script("private\n");
    assert_works(tiny_create(&o, NULL, "fault0", &t));
    for (int i = 0; i < 3; i++)
        assert_works(tiny_step(&t, hal_deadline_ms(5000), &loss));
    uint64_t n = counter(&t, "command");
    tiny_free(&t);
    return n;
}

static void lose_at(uint64_t k, bool late)
{
    char text[64];
    tiny t;
    float loss;
    hal_device_info info;
    snprintf(text, sizeof text, "private\nlost %llu%s\n", (unsigned long long)k, late ? " late" : "");
    hal_instance_options o = with_script(text);
    hal_status status = tiny_create(&o, NULL, "fault0", &t);
    if (status != HAL_OK) {
        assert_status(status, HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
        return;
    }
    for (int i = 0; i < 3 && status == HAL_OK; i++)
        status = tiny_step(&t, hal_deadline_ms(5000), &loss);
    assert_status(status, HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    hal_device_describe(t.device, &info);
    assert_int_equal(info.state, HAL_DEVICE_LOST);
    assert_non_null(strstr(info.reason, "because the script says so"));
    assert_status(tiny_step(&t, hal_deadline_ms(5000), &loss), HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    int64_t begin = hal_time_now();
    tiny_free(&t);
    assert_true(hal_time_now() - begin < 2000000000);
}

static void devices_are_lost(void **state)
{
    (void)state;
    const char *points = getenv("HAL_TEST_LOSSES"), *seed = getenv("HAL_TEST_SEED");
    int n = points != NULL ? atoi(points) : 1000;
    uint64_t commands = commands_of_three_steps();
    srandom(seed != NULL ? (unsigned)atoi(seed) : 1u);
    assert_true(commands >= 12);
    for (int i = 0; i < n; i++) {
        uint64_t k = 1 + (uint64_t)random() % commands;
        lose_at(k, random() % 2 != 0);
    }
}

/* -------------------------------------------------- hangs -- */

static void queues_hang(void **state)
{
    (void)state;
    static char bytes[256];
    hal_instance *instance;
    hal_device *device;
    hal_buffer *buffer;
    hal_queue *queue;
    hal_timeline *timeline;
    hal_instance_options o = with_script("private\ncopy 1 hang\n");
    assert_works(hal_instance_create(&o, &instance));
    assert_works(hal_device_find(instance, "fault0", &device));
    assert_works(hal_buffer_create(device, sizeof bytes, &buffer));
    assert_works(hal_queue_create(device, &queue));
    assert_works(hal_timeline_create(instance, &timeline));
    const hal_point done = {timeline, 1}, behind = {timeline, 2};
    const hal_binding to = {.buffer = buffer}, from = {.host = bytes};
    assert_works(hal_queue_copy(queue, to, from, sizeof bytes, NULL, 0, &done, 1));
    assert_works(hal_queue_copy(queue, to, from, sizeof bytes, NULL, 0, &behind, 1));
    int64_t begin = hal_time_now();
    assert_status(hal_timeline_wait(timeline, 1, hal_deadline_ms(50)), HAL_DAMAGE_CALL,
                  HAL_CODE_DEADLINE_EXCEEDED);
    assert_status(hal_queue_release(queue, hal_deadline_ms(100)), HAL_DAMAGE_QUEUE,
                  HAL_CODE_DEADLINE_EXCEEDED);
    assert_non_null(strstr(hal_status_last()->text, "quarantined until the process ends"));
    int64_t took = hal_time_now() - begin;
    assert_true(took >= 150000000 && took < 2000000000);
    assert_status(hal_timeline_wait(timeline, 2, hal_deadline_ms(1000)), HAL_DAMAGE_QUEUE,
                  HAL_CODE_DEADLINE_EXCEEDED);
    hal_timeline_release(timeline);
    hal_buffer_release(buffer);
    hal_device_release(device);
    hal_instance_release(instance);
}

/* A step hangs and its deadline ends the wait. A later command, on another queue, loses the device, which
 * ends the hang. */
static void sessions_hang(void **state)
{
    (void)state;
    char text[64];
    tiny t;
    hal_buffer *buffer;
    float loss = -1;
    hal_instance_options o = with_script("private\n");
    assert_works(tiny_create(&o, NULL, "fault0", &t));
    assert_works(tiny_step(&t, hal_deadline_ms(5000), &loss));
    uint64_t commands = counter(&t, "command");
    tiny_free(&t);

    snprintf(text, sizeof text, "private\nsubmit 1 hang\nlost %llu\n", (unsigned long long)commands + 1);
    o = with_script(text);
    assert_works(tiny_create(&o, NULL, "fault0", &t));
    int64_t begin = hal_time_now();
    assert_status(tiny_step(&t, hal_deadline_ms(100), &loss), HAL_DAMAGE_CALL, HAL_CODE_DEADLINE_EXCEEDED);
    assert_true(hal_time_now() - begin < 2000000000);
    assert_works(hal_buffer_create(t.device, sizeof loss, &buffer));
    hal_status status = HAL_OK;
    for (int i = 0; i < 8 && status == HAL_OK;
         i++) /* what stands behind the hang may not have reached the driver */
        status = hal_buffer_write(buffer, 0, &loss, sizeof loss);
    assert_status(status, HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    hal_buffer_release(buffer);
    assert_status(tiny_step(&t, hal_deadline_ms(5000), &loss), HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    begin = hal_time_now();
    tiny_free(&t);
    assert_true(hal_time_now() - begin < 2000000000);
}

/* -------------------------------------------------- host memory -- */

/* Counts allocations and refuses the `fail_at`-th, or that one and all later ones. Threads of hal may come
 * in. */
typedef struct meter {
    _Atomic int64_t asked, live;
    int64_t fail_at;
    bool for_ever;
} meter;

static void *meter_allocate(void *context, size_t bytes, size_t alignment)
{
    meter *m = context;
    int64_t n = ++m->asked;
    if (m->fail_at != 0 && (m->for_ever ? n >= m->fail_at : n == m->fail_at))
        return NULL;
    size_t unit = alignment < sizeof(void *) ? sizeof(void *) : alignment;
    void *p = aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
    if (p != NULL) {
        memset(p, 0xa5, bytes);
        m->live++;
    }
    return p;
}

static void meter_release(void *context, void *pointer)
{
    meter *m = context;
    if (pointer != NULL)
        m->live--;
    free(pointer);
}

static hal_status metered(meter *m, const char *backends, const char *device, float *loss)
{
    hal_allocator a = {meter_allocate, meter_release, m};
    hal_instance_options o = with_script("private\n");
    o.allocator = &a;
    o.backends = backends;
    hal_status status = tiny_train(&o, &a, device, 1, loss);
    assert_int_equal(m->live, 0);
    return status;
}

/* A backend that found no memory to start with is reported, and its device then is what cannot be found. */
static void assert_out_of_memory(hal_status status, int64_t n)
{
    hal_code code = hal_status_code(status);
    const char *text = hal_status_last()->text;
    bool unloaded = code == HAL_CODE_NOT_FOUND && strstr(text, "memory") != NULL;
    if (code != HAL_CODE_OUT_OF_MEMORY && !unloaded)
        fail_msg("allocation %lld: %s: %s", (long long)n, hal_status_name(status), text);
}

static void starve(const char *backends, const char *device, bool for_ever)
{
    float loss, expected = healthy(1);
    int64_t n = 1;
    for (;; n++) {
        meter m = {.fail_at = n, .for_ever = for_ever};
        hal_status status = metered(&m, backends, device, &loss);
        if (status == HAL_OK)
            assert_float_equal(loss, expected, 1e-5f); /* what failed was not needed */
        else
            assert_out_of_memory(status, n);
        if (m.asked < n)
            break;
    }
    assert_true(n > 100);
}

static void memory_fails_once(void **state)
{
    (void)state;
    starve("cpu", "cpu0", false);
}

static void memory_fails_for_ever(void **state)
{
    (void)state;
    starve("cpu", "cpu0", true);
}

/* Other drivers: one with a thread and memory of its own, one that stands before another. */
static void memory_of_the_mock_npu_fails(void **state)
{
    (void)state;
    starve("mock-npu", "mock-npu0", false);
    starve("mock-npu", "mock-npu0", true);
}

static void memory_of_a_wrapper_fails(void **state)
{
    (void)state;
    starve("cpu,fault", "fault0", false);
    starve("cpu,fault", "fault0", true);
}

/* -------------------------------------------------- scripts and backends -- */

/* What the load report says of the fault backend under a script. */
static void assert_refused(const char *script, hal_code code, const char *part)
{
    hal_instance_options o = with_script(script);
    hal_instance *instance;
    bool found = false;
    assert_works(hal_instance_create(&o, &instance));
    for (uint32_t i = 0; i < hal_instance_report_count(instance); i++) {
        const hal_load_entry *e = hal_instance_report(instance, i);
        if (strcmp(e->name, "fault") != 0)
            continue;
        found = true;
        if (hal_status_code(e->status) != code || strstr(e->text, part) == NULL)
            fail_msg("script \"%s\": %s: %s", script, hal_status_name(e->status), e->text);
    }
    assert_true(found);
    hal_instance_release(instance);
}

static void scripts_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[] = {"nonsense",
                                        "alloc",
                                        "alloc 1",
                                        "alloc 0 fail",
                                        "alloc -1 fail",
                                        "alloc 1 hang",
                                        "alloc 1 fail now",
                                        "alloc 99999999999999999999999 fail",
                                        "copy 1 oom",
                                        "copy sometimes 2 fail",
                                        "compile 1 short",
                                        "submit x fail",
                                        "lost",
                                        "lost 1 early",
                                        "lost 1 late 2",
                                        "wrap",
                                        "wrap fault",
                                        "wrap a b",
                                        "private 1",
                                        "wrap a-name-that-is-longer-than-any-name-may-be",
                                        "a b c d e f g h"};
    char text[600];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "# comment\n\n  %s # more\n", wrong[i]);
        assert_refused(text, HAL_CODE_INVALID_ARGUMENT, ":3: ");
    }
    memset(text, 'x', 500);
    text[500] = '\0';
    assert_refused(text, HAL_CODE_INVALID_ARGUMENT, ":1: ");
    assert_refused("wrap absent\n", HAL_CODE_UNAVAILABLE, "\"absent\"");
    assert_refused("", HAL_CODE_OK, "");
    assert_refused("\r\n\tprivate\r\nwrap cpu", HAL_CODE_OK, "");
}

/* Static programs, memory of its own and a thread of its own give the same numbers. */
static void mock_npu_trains(void **state)
{
    (void)state;
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .cpu_threads = 1};
    float loss = -1;
    assert_works(tiny_train(&o, NULL, "mock-npu0", 3, &loss));
    assert_float_equal(loss, healthy(3), 1e-4f);
    o = with_script("wrap mock-npu\ncopy 3 short\n");
    assert_status(tiny_train(&o, NULL, "fault0", 1, &loss), HAL_DAMAGE_GRAPH, HAL_CODE_DATA_LOSS);
}

/* What support lets through, compiling may still refuse. */
static void mock_npu_refuses(void **state)
{
    (void)state;
    hal_instance_options o = {HAL_HEAD(hal_instance_options), .backends = NULL};
    hal_instance *instance;
    hal_device *device;
    hal_buffer *buffer;
    assert_works(hal_instance_create(&o, &instance));
    assert_works(hal_device_find(instance, "mock-npu0", &device));
    assert_works(hal_buffer_create(device, 256, &buffer));
    const int64_t size[1] = {8};
    hal_tensor narrow[2] = {hal_tensor_buffer(buffer, 0, HAL_F32, 1, size),
                            hal_tensor_buffer(buffer, 64, HAL_F32, 1, size)};
    hal_tensor wide[2] = {hal_tensor_buffer(buffer, 0, HAL_F64, 1, size),
                          hal_tensor_buffer(buffer, 64, HAL_F64, 1, size)};
    hal_tensor sorted[2] = {narrow[1], hal_tensor_buffer(buffer, 128, HAL_I32, 1, size)};
    assert_works(hal_run(device, "copy", NULL, 0, narrow, 1, narrow + 1, 1, hal_deadline_ms(5000)));
    hal_status status = hal_run(device, "copy", NULL, 0, wide, 1, wide + 1, 1, hal_deadline_ms(5000));
    assert_int_equal(hal_status_code(status), HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "f64"));
    status = hal_run(device, "sort", NULL, 0, narrow, 1, sorted, 2, hal_deadline_ms(5000));
    assert_int_equal(hal_status_code(status), HAL_CODE_UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "orders"));
    hal_buffer_release(buffer);
    hal_device_release(device);
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scripts_are_checked),   cmocka_unit_test(mock_npu_trains),
        cmocka_unit_test(mock_npu_refuses),      cmocka_unit_test(allocations_fail),
        cmocka_unit_test(copies_fail),           cmocka_unit_test(copies_are_short),
        cmocka_unit_test(compilations_fail),     cmocka_unit_test(submissions_fail),
        cmocka_unit_test(sessions_go_on),        cmocka_unit_test(sessions_hang),
        cmocka_unit_test(devices_are_lost),      cmocka_unit_test(memory_fails_once),
        cmocka_unit_test(memory_fails_for_ever), cmocka_unit_test(memory_of_the_mock_npu_fails),
        cmocka_unit_test(memory_of_a_wrapper_fails), cmocka_unit_test(queues_hang),
    };
    snprintf(script_path, sizeof script_path, "%s", "fault-script-XXXXXX");
    int fd = mkstemp(script_path);
    if (fd < 0)
        return 1;
    close(fd);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(script_path);
    return failed;
}
