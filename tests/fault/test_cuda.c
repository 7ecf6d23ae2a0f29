/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cuda backend does when its driver fails: the emulated driver fails at each call in turn, loses a device, has too
 * little memory, hangs. Each time the right status comes back, nothing hangs, nothing is leaked, other devices go on, and
 * what failed once works the next time.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>
#include <pthread.h>

#include "tests/fault/emulated.h"
#include "tests/opencl/work.h"

static emulated_driver driver;
static const char *lacking; /* of this machine; NULL: nothing */

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    lacking = getenv("HAL_PROBE") == NULL ? "not started by make check" : NULL;
    if (lacking == NULL && !emulated_open(&driver))
        lacking = "the emulated CUDA driver is not built (it needs cuda.h and the headers of OpenCL)";
    if (lacking != NULL)
        return 0;
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    return work_ask() == HAL_OK ? 0 : -1;
}

/* Never one that a test has left behind: equal options would give the same again. */
static hal_instance *instance_new(void)
{
    static int n;
    char unread[24];
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu,cuda", .fault_script = unread};
    hal_instance *instance = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

/* ---------------------------------------------------------------------------------------------- judging -- */

static unsigned left; /* by a test that failed, or a call that did not give back */
static uint64_t wrong;

static hal_instance *begin(const char *script)
{
    char text[400];
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    hal_instance *instance = instance_new();
    left = driver.live(text, sizeof text);
    wrong = driver.wrong();
    driver.script(script);
    return instance;
}

static void assert_nothing_lives(const char *failed)
{
    char text[400] = "";
    const unsigned n = driver.live(text, sizeof text);
    if (n > left && !emulated_gives_back(failed))
        fail_msg("%u objects are left after %s: %s", n - left, failed, text);
    if (driver.wrong() != wrong && !emulated_gives_back(failed))
        fail_msg("after %s: the driver was used as a real one may not be", failed);
}

static hal_status work(hal_instance *instance, const char *alias)
{
    return work_on(instance, alias, hal_deadline_ms(60000));
}

static bool is_lost(hal_instance *instance, const char *alias)
{
    hal_device *device = NULL;
    hal_device_info info;
    assert_ok(hal_device_find(instance, alias, &device));
    hal_device_describe(device, &info);
    hal_device_release(device);
    return info.state == HAL_DEVICE_LOST;
}

/* ------------------------------------------------------------------------------------------------ sweeps -- */

/* What a try may end in: it works, or one of these. */
typedef struct expectation { const char *code; hal_code codes[5]; } expectation;

static bool is_allowed(const expectation *e, hal_status status)
{
    bool allowed = status == HAL_OK;
    for (size_t i = 0; i < sizeof e->codes / sizeof e->codes[0]; i++)
        allowed |= e->codes[i] != HAL_CODE_OK && hal_status_code(status) == e->codes[i];
    return allowed;
}

/* After the failure: the cpu and the other device work, and this one, unless it is lost for good. */
static void assert_recovers(hal_instance *instance, const expectation *e, hal_status was, int k, const char *failed)
{
    driver.script("");
    assert_ok(work_session(instance, "cpu0", SOON));
    const bool gone = is_lost(instance, "gpu0");
    if (gone && was == HAL_OK)
        fail_msg("call %d, %s, %s: the device is lost, and nobody was told", k, failed, e->code);
    const hal_status status = work(instance, "gpu0");
    if (hal_status_code(status) != (gone ? HAL_CODE_DEVICE_LOST : HAL_CODE_OK))
        fail_msg("after call %d, %s, %s, once %s: %s: %s", k, failed, e->code, hal_status_name(was), hal_status_name(status),
                 hal_status_last()->text);
    if (gone && work(instance, "gpu1") != HAL_OK)
        fail_msg("after call %d, %s, %s: the other device: %s", k, failed, e->code, hal_status_last()->text);
}

/* Whether the work gets as far as its k-th call. */
static bool fails_at(const expectation *e, int k, int *failures)
{
    char script[100], failed[64];
    snprintf(script, sizeof script, "fail-all %d %s", k, e->code);
    hal_instance *instance = begin(script);
    const hal_status status = work(instance, "gpu0");
    snprintf(failed, sizeof failed, "%s", driver.failed());
    const bool reached = driver.calls() >= (uint64_t)k;
    if (!is_allowed(e, status) || (status != HAL_OK && strstr(hal_status_last()->text, "cuda") == NULL))
        fail_msg("call %d, %s, %s: %s: %s", k, failed, e->code, hal_status_name(status), hal_status_last()->text);
    assert_recovers(instance, e, status, k, failed);
    hal_instance_release(instance);
    assert_nothing_lives(failed);
    *failures += status != HAL_OK;
    return reached;
}

static void sweep(const expectation *e)
{
    int k = 1, failures = 0;
    while (fails_at(e, k, &failures))
        k++;
    print_message("%s: %d calls, %d of which matter\n", e->code, k - 1, failures);
    assert_true(k > 50 && failures > 20);
}

static void each_call_finds_no_memory(void **state)
{
    (void)state;
    sweep(&(expectation){"CUDA_ERROR_OUT_OF_MEMORY", {HAL_CODE_OUT_OF_MEMORY, HAL_CODE_NOT_FOUND, HAL_CODE_UNAVAILABLE}});
}

static void each_call_is_invalid(void **state)
{
    (void)state;
    sweep(&(expectation){"CUDA_ERROR_INVALID_VALUE", {HAL_CODE_INTERNAL, HAL_CODE_NOT_FOUND, HAL_CODE_UNAVAILABLE}});
}

static void the_device_is_lost_at_each_call(void **state)
{
    (void)state;
    sweep(&(expectation){"CUDA_ERROR_LAUNCH_FAILED", {HAL_CODE_DEVICE_LOST, HAL_CODE_NOT_FOUND, HAL_CODE_UNAVAILABLE}});
}

typedef struct attempt { hal_instance *instance; hal_status status; char text[600]; } attempt;

static void *try_apart(void *opaque)
{
    attempt *a = opaque;
    a->status = work(a->instance, "gpu0");
    snprintf(a->text, sizeof a->text, "%s", hal_status_last()->text);
    return NULL;
}

/* A driver that fails for good takes nothing back, and need not say whether work is over: what that may still use is not
   used again. It leaves its context to the thread, too, which therefore is one of its own. */
static bool fails_from(const expectation *e, int k)
{
    char script[100];
    pthread_t thread;
    snprintf(script, sizeof script, "fail-from %d %s", k, e->code);
    attempt a = {.instance = begin(script)};
    hal_instance *instance = a.instance;
    assert_int_equal(pthread_create(&thread, NULL, try_apart, &a), 0);
    pthread_join(thread, NULL);
    const bool reached = driver.calls() >= (uint64_t)k;
    if (!is_allowed(e, a.status))
        fail_msg("from call %d, %s: %s: %s", k, e->code, hal_status_name(a.status), a.text);
    assert_recovers(instance, e, a.status, k, "all later ones");
    assert_int_equal(driver.wrong(), wrong);
    hal_instance_release(instance);
    return reached;
}

static void each_call_and_all_later_fail(void **state)
{
    (void)state;
    static const expectation e = {"CUDA_ERROR_INVALID_VALUE", {HAL_CODE_INTERNAL, HAL_CODE_NOT_FOUND, HAL_CODE_UNAVAILABLE,
                                                               HAL_CODE_DEVICE_LOST}};
    int k = 1;
    while (fails_from(&e, k))
        k += 3;
    assert_true(k > 50);
}

/* -------------------------------------------------------------------------------------------- one by one -- */

static void end(hal_instance *instance)
{
    hal_instance_release(instance);
    assert_nothing_lives("a script");
}

static void works_on_both_devices(void **state)
{
    (void)state;
    hal_instance *instance = begin("");
    assert_ok(work(instance, "gpu0"));
    assert_ok(work(instance, "gpu1"));
    end(instance);
}

/* The first cause is what every later call tells; the other device and the cpu go on. */
static void assert_loses(const char *script, const char *cause)
{
    hal_instance *instance = begin(script);
    assert_code(work(instance, "gpu0"), DEVICE_LOST);
    assert_non_null(strstr(hal_status_last()->text, cause));
    assert_code(work(instance, "gpu0"), DEVICE_LOST);
    assert_non_null(strstr(hal_status_last()->text, cause));
    assert_true(is_lost(instance, "gpu0"));
    assert_ok(work(instance, "gpu1"));
    assert_ok(work_session(instance, "cpu0", SOON));
    hal_instance_release(instance);
    assert_int_equal(driver.wrong(), wrong);
}

static void an_illegal_address_loses_the_device(void **state)
{
    (void)state;
    assert_loses("lost 0 after 1", "CUDA_ERROR_ILLEGAL_ADDRESS");
}

static void an_assertion_loses_the_device(void **state)
{
    (void)state;
    assert_loses("assert 0 after 1", "CUDA_ERROR_ASSERT");
}

/* The thread that waits fails before it waits: the copy is under way still, and is over before its buffers are freed. */
static void a_wait_that_fails_is_no_end(void **state)
{
    (void)state;
    hal_instance *instance = begin("delay 100000; fail cuCtxSetCurrent 1 CUDA_ERROR_LAUNCH_FAILED");
    assert_code(work(instance, "gpu0"), DEVICE_LOST);
    assert_ok(work(instance, "gpu1"));
    end(instance);
}

/* Neither try to wait succeeds while the streams dawdle: the buffers of the copy are still written, and stay. */
static void an_end_that_is_not_told_keeps_what_is_used(void **state)
{
    (void)state;
    hal_instance *instance = begin("delay 100000; fail cuEventSynchronize 1 CUDA_ERROR_INVALID_VALUE; "
                                   "fail cuEventSynchronize 2 CUDA_ERROR_INVALID_VALUE");
    assert_code(work(instance, "gpu0"), DEVICE_LOST);
    driver.script("");
    assert_code(work(instance, "gpu0"), DEVICE_LOST);
    assert_non_null(strstr(hal_status_last()->text, "a copy failed while it ran"));
    assert_ok(work(instance, "gpu1"));
    hal_instance_release(instance);
    assert_int_equal(driver.wrong(), wrong);
}

/* The text says what was asked and what there is; what is smaller works. */
static void memory_runs_out(void **state)
{
    (void)state;
    hal_instance *instance = begin("memory 0 1000000");
    hal_device *device = NULL;
    hal_buffer *buffer = NULL;
    assert_ok(hal_device_find(instance, "gpu0", &device));
    assert_code(hal_buffer_create(device, 2000000, &buffer), OUT_OF_MEMORY);
    assert_non_null(strstr(hal_status_last()->text, "2000000"));
    assert_ok(hal_buffer_create(device, 100000, &buffer));
    hal_buffer_release(buffer);
    hal_device_release(device);
    end(instance);
}

/* What was given back is kept by the pool, and is what is trimmed. */
static void what_is_kept_is_given_back_when_memory_runs_out(void **state)
{
    (void)state;
    hal_instance *instance = begin("fail cuMemAllocFromPoolAsync 2 CUDA_ERROR_OUT_OF_MEMORY");
    if (work(instance, "gpu0") != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    end(instance);
}

/* What a driver need not have, and may refuse: the work goes another way. */
static void assert_works(const char *script)
{
    hal_instance *instance = begin(script);
    if (work(instance, "gpu0") != HAL_OK)
        fail_msg("%s: %s", script, hal_status_last()->text);
    if (driver.failed()[0] == '\0')
        fail_msg("%s: nothing failed", script);
    driver.script("");
    end(instance);
}

static void drivers_without_pools_or_graphs_do(void **state)
{
    (void)state;
    assert_works("fail cuMemPoolCreate 1 CUDA_ERROR_NOT_SUPPORTED");
    assert_works("fail cuGraphInstantiateWithFlags 1 CUDA_ERROR_NOT_SUPPORTED");
    assert_works("fail cuGraphLaunch 1 CUDA_ERROR_OUT_OF_MEMORY");
    assert_works("fail cuLaunchKernel 1 CUDA_ERROR_OUT_OF_MEMORY");
    assert_works("fail cuMemHostAlloc 1 CUDA_ERROR_OUT_OF_MEMORY");
    assert_works("fail cuCtxPopCurrent 1 CUDA_ERROR_INVALID_CONTEXT");
}

/* A driver older than the toolkit hal was built with, and a device that its code is not for: NVRTC compiles for them. */
static void modules_that_the_driver_refuses_are_compiled_again(void **state)
{
    (void)state;
    assert_works("fail cuModuleLoadDataEx 1 CUDA_ERROR_UNSUPPORTED_PTX_VERSION");
    assert_works("fail cuModuleLoadDataEx 1 CUDA_ERROR_NO_BINARY_FOR_GPU");
}

/* The text says which driver refused what; then it works. */
static void assert_fails(const char *script, hal_code code, const char *words)
{
    hal_instance *instance = begin(script);
    const hal_status status = work(instance, "gpu0");
    if (hal_status_code(status) != code || strstr(hal_status_last()->text, words) == NULL)
        fail_msg("%s: %s: %s", script, hal_status_name(status), hal_status_last()->text);
    driver.script("");
    assert_ok(work(instance, "gpu0"));
    end(instance);
}

/* Those of NVRTC, too. Kept ones stand between the two. */
static void drivers_older_than_their_compiler_are_told(void **state)
{
    (void)state;
    assert_fails("fail cuModuleLoadDataEx 1 CUDA_ERROR_UNSUPPORTED_PTX_VERSION; "
                 "fail cuModuleLoadDataEx 2 CUDA_ERROR_UNSUPPORTED_PTX_VERSION; "
                 "fail cuModuleLoadDataEx 3 CUDA_ERROR_UNSUPPORTED_PTX_VERSION", HAL_CODE_UNSUPPORTED, "update the driver");
    assert_fails("fail cuModuleLoadDataEx 1 CUDA_ERROR_NO_BINARY_FOR_GPU; "
                 "fail cuModuleLoadDataEx 2 CUDA_ERROR_NO_BINARY_FOR_GPU; "
                 "fail cuModuleLoadDataEx 3 CUDA_ERROR_NO_BINARY_FOR_GPU", HAL_CODE_UNSUPPORTED, "update the driver");
}

/* In the middle of a step, once what is kept was given back, too. */
static void launches_that_find_no_memory_say_how_much(void **state)
{
    (void)state;
    assert_fails("fail cuLaunchKernel 2 CUDA_ERROR_OUT_OF_MEMORY; fail cuLaunchKernel 3 CUDA_ERROR_OUT_OF_MEMORY",
                 HAL_CODE_OUT_OF_MEMORY, "the program needs");
}

/* ---------------------------------------------------------------------------------------------- copies -- */

enum { LARGE = 9 << 20, SHIFT = 1000 };

static unsigned char out[LARGE], back[LARGE], again[LARGE];

/* There in pieces, over itself, back, and from host to host, each after the one before it in the queue. */
static hal_status travel(hal_queue *queue, hal_buffer *buffer, hal_timeline *timeline)
{
    const hal_binding there = {.buffer = buffer}, shifted = {.buffer = buffer, .offset = SHIFT};
    const hal_binding home = {.host = back}, last = {.host = again};
    const hal_point end_point = {timeline, 1};
    HAL_TRY(hal_queue_copy(queue, there, (hal_binding){.host = out}, LARGE, NULL, 0, NULL, 0));
    HAL_TRY(hal_queue_copy(queue, shifted, there, LARGE - SHIFT, NULL, 0, NULL, 0));
    HAL_TRY(hal_queue_copy(queue, home, there, LARGE, NULL, 0, NULL, 0));
    HAL_TRY(hal_queue_copy(queue, there, home, 100, NULL, 0, NULL, 0));
    HAL_TRY(hal_queue_copy(queue, last, home, LARGE, NULL, 0, NULL, 0));
    HAL_TRY(hal_queue_copy(queue, last, there, 0, NULL, 0, &end_point, 1));
    return hal_timeline_wait(timeline, 1, hal_deadline_ms(60000));
}

static void copies_keep_their_order(void **state)
{
    (void)state;
    hal_instance *instance = begin("delay 2000");
    hal_device *device = NULL;
    hal_buffer *buffer = NULL;
    hal_queue *queue = NULL;
    hal_timeline *timeline = NULL;
    for (int i = 0; i < LARGE; i++)
        out[i] = (unsigned char)(i * 31 + (i >> 8) * 7);
    assert_ok(hal_device_find(instance, "gpu0", &device));
    assert_ok(hal_buffer_create(device, LARGE, &buffer));
    assert_ok(hal_queue_create(device, &queue));
    assert_ok(hal_timeline_create(instance, &timeline));
    assert_ok(travel(queue, buffer, timeline));
    assert_memory_equal(back, out, SHIFT);
    assert_memory_equal(back + SHIFT, out, LARGE - SHIFT);
    assert_memory_equal(again, back, LARGE);
    hal_timeline_release(timeline);
    assert_ok(hal_queue_release(queue, SOON));
    hal_buffer_release(buffer);
    hal_device_release(device);
    end(instance);
}

/* ---------------------------------------------------------------------------------------------- hanging -- */

/* The last test: what hangs stays with the process. */
static void work_that_never_ends_is_left_behind(void **state)
{
    (void)state;
    hal_instance *instance = begin("hang 0 after 1");
    assert_code(work_session(instance, "gpu0", hal_deadline_ms(1000)), DEADLINE_EXCEEDED);
    assert_ok(work(instance, "gpu1"));
    assert_ok(work_session(instance, "cpu0", SOON));
    hal_instance_release(instance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_on_both_devices),
        cmocka_unit_test(an_illegal_address_loses_the_device),
        cmocka_unit_test(an_assertion_loses_the_device),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(what_is_kept_is_given_back_when_memory_runs_out),
        cmocka_unit_test(drivers_without_pools_or_graphs_do),
        cmocka_unit_test(modules_that_the_driver_refuses_are_compiled_again),
        cmocka_unit_test(drivers_older_than_their_compiler_are_told),
        cmocka_unit_test(launches_that_find_no_memory_say_how_much),
        cmocka_unit_test(copies_keep_their_order),
        cmocka_unit_test(each_call_finds_no_memory),
        cmocka_unit_test(each_call_is_invalid),
        cmocka_unit_test(the_device_is_lost_at_each_call),
        cmocka_unit_test(each_call_and_all_later_fail),
        cmocka_unit_test(a_wait_that_fails_is_no_end),
        cmocka_unit_test(an_end_that_is_not_told_keeps_what_is_used),
        cmocka_unit_test(work_that_never_ends_is_left_behind),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
