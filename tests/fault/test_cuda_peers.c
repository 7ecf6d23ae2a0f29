/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between two CUDA devices, on the emulated driver: without the host where a pair passes its trial; through the host,
 * with the reason, where it does not; and what fails in between is told, harms nobody else and leaves nothing behind.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>

#include "tests/fault/emulated.h"
#include "tests/opencl/work.h"

enum { BYTES = 300001, SHIFT = 5 };

static emulated_driver driver;
static const char *lacking; /* of this machine; NULL: nothing */
static unsigned char sent[BYTES], got[BYTES];

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    lacking = getenv("HAL_PROBE") == NULL ? "not started by make check" : NULL;
    if (lacking == NULL && !emulated_open(&driver))
        lacking = "the emulated CUDA driver is not built (it needs cuda.h and the headers of OpenCL)";
    for (int i = 0; i < BYTES; i++)
        sent[i] = (unsigned char)(i * 31 + (i >> 8) * 7);
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    return lacking != NULL || work_ask() == HAL_OK ? 0 : -1;
}

/* Two devices, a buffer in each, and a queue of the first. */
typedef struct pair {
    hal_instance *instance;
    hal_device *device[2];
    hal_buffer *buffer[2];
    hal_queue *queue;
    hal_timeline *timeline;
    uint64_t at;
    unsigned left; /* objects of the driver before there was anything */
    uint64_t wrong;
} pair;

static hal_instance *instance_new(const char *backends)
{
    static int n;
    char unread[24]; /* equal options would give the same again */
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = backends, .fault_script = unread};
    hal_instance *instance = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

/* Everything is there when the script begins. */
static pair begin(const char *script)
{
    char text[400];
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    driver.script("");
    pair p = {.instance = instance_new("cpu,cuda"), .left = driver.live(text, sizeof text), .wrong = driver.wrong()};
    for (int i = 0; i < 2; i++) {
        assert_ok(hal_device_find(p.instance, i ? "gpu1" : "gpu0", &p.device[i]));
        assert_ok(hal_buffer_create(p.device[i], BYTES + SHIFT, &p.buffer[i]));
    }
    assert_ok(hal_queue_create(p.device[0], &p.queue));
    assert_ok(hal_timeline_create(p.instance, &p.timeline));
    driver.script(script);
    return p;
}

static void let_go(pair *p)
{
    driver.script("");
    assert_ok(hal_queue_release(p->queue, SOON));
    hal_timeline_release(p->timeline);
    for (int i = 0; i < 2; i++) {
        hal_buffer_release(p->buffer[i]);
        hal_device_release(p->device[i]);
    }
    hal_instance_release(p->instance);
}

/* `failed`: the call that was made to fail; "": none. */
static void end(pair *p, const char *failed)
{
    char text[400] = "";
    let_go(p);
    const unsigned n = driver.live(text, sizeof text);
    if (n > p->left && !emulated_gives_back(failed))
        fail_msg("%u objects are left after %s: %s", n - p->left, failed, text);
    if (driver.wrong() != p->wrong && !emulated_gives_back(failed))
        fail_msg("after %s: the driver was used as a real one may not be", failed);
}

static hal_status copy(pair *p, hal_binding to, hal_binding from)
{
    const hal_point point = {p->timeline, p->at + 1};
    HAL_TRY(hal_queue_copy(p->queue, to, from, BYTES, NULL, 0, &point, 1));
    p->at++;
    return hal_timeline_wait(p->timeline, p->at, hal_deadline_ms(60000));
}

/* A failed timeline stays failed. */
static void renew(pair *p)
{
    hal_timeline_release(p->timeline);
    assert_ok(hal_timeline_create(p->instance, &p->timeline));
    p->at = 0;
}

/* From the host to the first, across and back on its queue, and to the host again. */
static hal_status travel(pair *p)
{
    const hal_binding here = {.buffer = p->buffer[0]}, there = {.buffer = p->buffer[1], .offset = SHIFT};
    const hal_binding back = {.buffer = p->buffer[0], .offset = SHIFT};
    memset(got, 0, BYTES);
    HAL_TRY(copy(p, here, (hal_binding){.host = sent}));
    HAL_TRY(copy(p, there, here));
    HAL_TRY(copy(p, back, there));
    HAL_TRY(copy(p, (hal_binding){.host = got}, back));
    return memcmp(sent, got, BYTES) == 0 ? HAL_OK : HAL_FAIL(DATA_LOSS, "what came back is not what was sent");
}

/* ------------------------------------------------------------------------------------------- good and bad -- */

static void peers_copy_without_the_host(void **state)
{
    (void)state;
    pair p = begin("delay 1000");
    assert_ok(hal_device_peer(p.device[0], p.device[1]));
    assert_ok(travel(&p));
    assert_int_equal(hal_device_counter(p.device[0], "peer bytes"), 2 * BYTES);
    assert_int_equal(hal_device_counter(p.device[0], "host bytes"), 2 * BYTES);
    assert_int_equal(hal_device_counter(p.device[1], "host bytes"), 0);
    const uint64_t calls = driver.calls();
    assert_ok(hal_device_peer(p.device[0], p.device[1]));
    assert_int_equal(driver.calls(), calls); /* asked once */
    end(&p, "");
}

/* The reason is kept, the pair is not tried again, nor used. */
static void assert_refused(const char *script, const char *why)
{
    pair p = begin(script);
    assert_code(travel(&p), UNSUPPORTED);
    if (strstr(hal_status_last()->text, why) == NULL)
        fail_msg("%s: %s", script, hal_status_last()->text);
    driver.script("");
    renew(&p);
    assert_code(travel(&p), UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, why));
    assert_int_equal(hal_device_counter(p.device[0], "peer bytes"), 0);
    end(&p, "");
}

static void pairs_that_damage_what_they_copy_are_refused(void **state)
{
    (void)state;
    assert_refused("peer corrupt 0 1", "did not arrive");
    assert_refused("peer corrupt 1 0", "did not arrive");
    assert_refused("peer corrupt 0 1; peer corrupt 1 0", "did not arrive");
}

static void devices_that_do_not_reach_each_other_are_no_peers(void **state)
{
    (void)state;
    assert_refused("peer none 0 1", "do not reach");
}

static void devices_without_pools_are_no_peers(void **state)
{
    (void)state;
    if (lacking != NULL)
        skip();
    driver.script("fail cuMemPoolCreate 1 CUDA_ERROR_NOT_SUPPORTED");
    hal_instance *instance = instance_new("cpu,cuda");
    hal_device *device[2];
    for (int i = 0; i < 2; i++)
        assert_ok(hal_device_find(instance, i ? "gpu1" : "gpu0", &device[i]));
    assert_code(hal_device_peer(device[0], device[1]), UNSUPPORTED);
    assert_non_null(strstr(hal_status_last()->text, "no pools"));
    for (int i = 0; i < 2; i++)
        hal_device_release(device[i]);
    hal_instance_release(instance);
}

static void devices_of_two_backends_are_no_peers(void **state)
{
    (void)state;
    pair p = begin("");
    hal_device *cpu = NULL;
    assert_ok(hal_device_find(p.instance, "cpu0", &cpu));
    assert_code(hal_device_peer(p.device[0], cpu), UNSUPPORTED);
    assert_ok(hal_device_peer(cpu, cpu));
    hal_device_release(cpu);
    end(&p, "");
}

/* --------------------------------------------------------------------------------------------- sessions -- */

enum { N = 6000 };

static float fed[N], fetched[N];

/* y = 2 x on one device, z = y + 1 on the other. */
static hal_status draw(hal_graph *g, hal_value *x, hal_value *z)
{
    *x = hal_graph_input(g, "x", HAL_F32, 1, (hal_dim[]){hal_dim_constant(N)});
    const hal_value y = hal_graph_pointwise(g, "mul(x0, 2)", x, 1);
    hal_graph_set_name(g, y, "y");
    *z = hal_graph_pointwise(g, "add(x0, 1)", &y, 1);
    hal_graph_set_name(g, *z, "z");
    HAL_TRY(hal_graph_output(g, *z));
    return hal_graph_status(g);
}

static hal_status plan_both(hal_instance *instance, hal_value *x, hal_value *z, hal_plan **plan)
{
    static const char *const devices[] = {"gpu0", "gpu1"};
    static const hal_pin pins[] = {{"y", "gpu0"}, {"z", "gpu1"}};
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = 2, .pins = pins, .n_pins = 2};
    hal_graph *g = NULL;
    HAL_TRY(hal_graph_create(NULL, &g));
    hal_status status = draw(g, x, z);
    if (status == HAL_OK)
        status = hal_plan_create(instance, g, &options, plan);
    hal_graph_release(g);
    return status;
}

static hal_status step(hal_session *session, hal_value x, hal_value z)
{
    const hal_feed feed = {x, hal_tensor_host(fed, HAL_F32, 1, (int64_t[]){N})};
    const hal_fetch fetch = {z, hal_tensor_host(fetched, HAL_F32, 1, (int64_t[]){N})};
    for (int i = 0; i < N; i++) {
        fed[i] = (float)i;
        fetched[i] = -1;
    }
    HAL_TRY(hal_session_run(session, &feed, 1, &fetch, 1, hal_deadline_ms(60000)));
    for (int i = 0; i < N; i++)
        if (fetched[i] != (float)(2 * i + 1))
            return HAL_FAIL(DATA_LOSS, "number %d of a session came out wrong", i);
    return HAL_OK;
}

/* How many copies a step of a session over both devices has. */
static hal_status run_both(hal_instance *instance, uint32_t *transfers)
{
    hal_plan_info info;
    hal_plan *plan = NULL;
    hal_session *session = NULL;
    hal_value x, z;
    HAL_TRY(plan_both(instance, &x, &z, &plan));
    hal_plan_describe(plan, &info);
    *transfers = info.transfers;
    hal_status status = hal_session_create(plan, NULL, &session);
    hal_plan_release(plan);
    for (int i = 0; i < 2 && status == HAL_OK; i++)
        status = step(session, x, z);
    const hal_status_detail kept = *hal_status_last();
    hal_session_release(session);
    return status == HAL_OK ? HAL_OK : hal_status_set(status, __FILE__, __LINE__, "%s", kept.text);
}

/* Of the bytes of y in two steps. */
static void assert_session(const char *script, uint32_t transfers, uint64_t peer, uint64_t host)
{
    pair p = begin(script);
    uint32_t found;
    assert_ok(run_both(p.instance, &found));
    assert_int_equal(found, transfers);
    assert_int_equal(hal_device_counter(p.device[1], "peer bytes"), peer);
    /* x comes from the host, and z goes there, in any case */
    assert_int_equal(hal_device_counter(p.device[0], "host bytes"), 2 * sizeof fed + host);
    assert_int_equal(hal_device_counter(p.device[1], "host bytes"), 2 * sizeof fed + host);
    end(&p, "");
}

static void sessions_copy_as_the_pair_can(void **state)
{
    (void)state;
    assert_session("", 1, 2 * sizeof fed, 0);
    assert_session("delay 1000", 1, 2 * sizeof fed, 0);
    assert_session("peer corrupt 0 1", 2, 0, 2 * sizeof fed);
    assert_session("peer none 0 1", 2, 0, 2 * sizeof fed);
}

/* ------------------------------------------------------------------------------------------------ losses -- */

static bool is_lost(const hal_device *device)
{
    hal_device_info info;
    hal_device_describe(device, &info);
    return info.state == HAL_DEVICE_LOST;
}

/* The device whose queue copied is well; the other is the one that is lost. */
static void the_other_device_is_lost_during_a_copy(void **state)
{
    (void)state;
    pair p = begin("");
    assert_ok(travel(&p));
    driver.script("fail cuStreamQuery 1 CUDA_ERROR_ILLEGAL_ADDRESS");
    assert_code(travel(&p), DEVICE_LOST);
    assert_non_null(strstr(hal_status_last()->text, "CUDA_ERROR_ILLEGAL_ADDRESS"));
    assert_true(is_lost(p.device[1]) && !is_lost(p.device[0]));
    renew(&p);
    assert_code(travel(&p), DEVICE_LOST);
    assert_code(hal_device_peer(p.device[0], p.device[1]), DEVICE_LOST);
    assert_ok(work_on(p.instance, "gpu0", hal_deadline_ms(60000)));
    let_go(&p);
}

/* It was lost before: by a kernel of its own, and nobody has asked it since. */
static void a_device_that_was_lost_is_no_peer(void **state)
{
    (void)state;
    pair p = begin("lost 1 after 0");
    uint32_t transfers;
    assert_code(run_both(p.instance, &transfers), DEVICE_LOST);
    assert_true(is_lost(p.device[1]) && !is_lost(p.device[0]));
    assert_code(travel(&p), DEVICE_LOST);
    assert_ok(work_on(p.instance, "gpu0", hal_deadline_ms(60000)));
    let_go(&p);
}

/* ------------------------------------------------------------------------------------------------ sweeps -- */

static void assert_recovers(pair *p, hal_status was, const char *code, const char *failed)
{
    bool lost = false;
    driver.script("");
    for (int i = 0; i < 2; i++)
        lost |= is_lost(p->device[i]);
    if (lost && was == HAL_OK)
        fail_msg("%s, %s: a device is lost, and nobody was told", failed, code);
    renew(p);
    const hal_status now = travel(p);
    if (hal_status_code(now) != (lost ? HAL_CODE_DEVICE_LOST : HAL_CODE_OK))
        fail_msg("after %s, %s, once %s: %s: %s", failed, code, hal_status_name(was), hal_status_name(now), hal_status_last()->text);
    for (int i = 0; i < 2; i++)
        if (!is_lost(p->device[i]) && work_on(p->instance, i ? "gpu1" : "gpu0", hal_deadline_ms(60000)) != HAL_OK)
            fail_msg("after %s, %s: the device that is left: %s", failed, code, hal_status_last()->text);
    assert_ok(work_session(p->instance, "cpu0", SOON));
}

/* Whether the trial and the copies get as far as their k-th call. */
static bool fails_at(const char *code, hal_code expected, int k, int *failures)
{
    char script[100], failed[64];
    snprintf(script, sizeof script, "fail-all %d %s", k, code);
    pair p = begin(script);
    const hal_status status = travel(&p);
    const bool reached = driver.calls() >= (uint64_t)k;
    snprintf(failed, sizeof failed, "%s", driver.failed());
    if (status != HAL_OK && hal_status_code(status) != expected)
        fail_msg("call %d, %s, %s: %s: %s", k, failed, code, hal_status_name(status), hal_status_last()->text);
    assert_recovers(&p, status, code, failed);
    end(&p, failed);
    *failures += status != HAL_OK;
    return reached;
}

/* Each call of a short pair of copies, and one in seven of the many that are alike in the trial. */
static void sweep(const char *code, hal_code expected)
{
    int k = 1, failures = 0, tries = 0;
    while (fails_at(code, expected, k, &failures)) {
        k += k < 24 ? 1 : 7;
        tries++;
    }
    print_message("%s: %d tries in %d calls, %d of which matter\n", code, tries, k, failures);
    assert_true(tries > 20 && failures > 10);
}

static void calls_of_a_copy_between_devices_find_no_memory(void **state)
{
    (void)state;
    sweep("CUDA_ERROR_OUT_OF_MEMORY", HAL_CODE_OUT_OF_MEMORY);
}

static void calls_of_a_copy_between_devices_are_invalid(void **state)
{
    (void)state;
    sweep("CUDA_ERROR_INVALID_VALUE", HAL_CODE_INTERNAL);
}

static void devices_are_lost_at_calls_of_a_copy_between_them(void **state)
{
    (void)state;
    sweep("CUDA_ERROR_LAUNCH_FAILED", HAL_CODE_DEVICE_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(peers_copy_without_the_host),
        cmocka_unit_test(pairs_that_damage_what_they_copy_are_refused),
        cmocka_unit_test(devices_that_do_not_reach_each_other_are_no_peers),
        cmocka_unit_test(devices_without_pools_are_no_peers),
        cmocka_unit_test(devices_of_two_backends_are_no_peers),
        cmocka_unit_test(sessions_copy_as_the_pair_can),
        cmocka_unit_test(the_other_device_is_lost_during_a_copy),
        cmocka_unit_test(a_device_that_was_lost_is_no_peer),
        cmocka_unit_test(calls_of_a_copy_between_devices_find_no_memory),
        cmocka_unit_test(calls_of_a_copy_between_devices_are_invalid),
        cmocka_unit_test(devices_are_lost_at_calls_of_a_copy_between_them),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
