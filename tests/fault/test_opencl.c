/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the opencl backend does when its driver fails: a shim around PoCL fails at each call in turn, says less of the device
 * than there is, hangs and loses it. Each time the right status comes back, nothing hangs, nothing is leaked, other devices go
 * on, and what failed once works the next time.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <dlfcn.h>
#include <pthread.h>
#include <hal/core.h>

#include "tests/opencl/work.h"

/* The functions of tests/opencl/shim.h, as the library has them. */
static struct {
    void (*begin)(const char *script);
    uint64_t (*calls)(const char *name);
    int64_t (*live)(const char *kind);
    const char *(*failed)(void);
    void (*let_go)(void);
} shim;

static const char *lacking; /* of this machine; NULL: nothing */

static bool look_up(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    if (found == NULL)
        print_error("%s\n", dlerror());
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

static bool open_shim(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
        print_error("%s\n", dlerror());
    return library != NULL && look_up(library, "shim_begin", &shim.begin) && look_up(library, "shim_calls", &shim.calls) &&
           look_up(library, "shim_live", &shim.live) && look_up(library, "shim_failed", &shim.failed) &&
           look_up(library, "shim_let_go", &shim.let_go);
}

/* Never one that a test has left behind: equal options would give the same again. */
static hal_instance *instance_of(const char *backends)
{
    static int n;
    char unread[24];
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = backends, .fault_script = unread};
    hal_instance *instance = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

/* ---------------------------------------------------------------------------------------------- judging -- */

static const char *const kinds[] = {"context", "queue", "buffer", "program", "kernel", "event", "shared"};
#define KINDS (sizeof kinds / sizeof kinds[0])
static int64_t left[KINDS]; /* by a test that failed, which is no fault of the next */

static void count_what_is_left(void)
{
    for (size_t i = 0; i < KINDS; i++)
        left[i] = shim.live(kinds[i]);
}

static void assert_nothing_lives(void)
{
    for (size_t i = 0; i < KINDS; i++)
        if (shim.live(kinds[i]) != left[i])
            fail_msg("%lld references to objects of the kind %s are left; the script last did something in %s",
                     (long long)(shim.live(kinds[i]) - left[i]), kinds[i], shim.failed());
}

/* An instance with both devices; what is asked of it begins with the script. What a device of OpenCL 1.2 answers is kept apart:
   a driver that takes back what it said is another matter. */
static hal_instance *begin(const char *script)
{
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    setenv("XDG_CACHE_HOME", scratch_path(strstr(script, "version=12") != NULL ? "cache12" : "cache"), 1);
    hal_instance *instance = instance_of("cpu,opencl");
    count_what_is_left();
    shim.begin(script);
    return instance;
}

static int setup(void **state)
{
    char path[600];
    const char *build = getenv("top_builddir");
    if (scratch_setup(state) != 0)
        return -1;
    lacking = work_lacks();
    if (lacking != NULL)
        return 0;
    work_environment(scratch_root);
    snprintf(path, sizeof path, "%s/.libs/libshim_icd.so", build != NULL ? build : ".");
    if (!work_manifest(scratch_path("vendors"), "shim.icd", path))
        return -1;
    if (!open_shim(path) || work_ask() != HAL_OK)
        return -1;
    mkdir(scratch_path("cache12"), 0755);
    setenv("XDG_CACHE_HOME", scratch_path("cache12"), 1);
    setenv("HAL_TEST_ICD", "version=12", 1);
    const hal_status status = work_ask();
    unsetenv("HAL_TEST_ICD");
    return status == HAL_OK ? 0 : -1;
}

/* Other variants than usual are compiled when a question about the device fails, on machines that do other things, too. */
#define LONG_NS INT64_C(60000000000)
#define LATER   hal_deadline_ms(LONG_NS / 1000000)

/* What a try may end in: it works, or one of these. */
typedef struct expectation {
    const char *limits; /* words of the script that stay */
    int code;
    bool for_ever;
    hal_code codes[4];
} expectation;

static bool is_allowed(const expectation *e, hal_status status)
{
    bool allowed = status == HAL_OK;
    for (size_t i = 0; i < sizeof e->codes / sizeof e->codes[0]; i++)
        allowed |= e->codes[i] != HAL_CODE_OK && hal_status_code(status) == e->codes[i];
    return allowed;
}

/* The status is one of those, quickly, and its text says whom it comes from. */
static hal_status judged(hal_instance *instance, const expectation *e, int k)
{
    const int64_t began = hal_time_now();
    const hal_status status = work_on(instance, "opencl0", LATER);
    const char *text = hal_status_last()->text;
    if (hal_time_now() - began > 2 * LONG_NS)
        fail_msg("call %d, %s: took %lld ms", k, shim.failed(), (long long)((hal_time_now() - began) / 1000000));
    if (!is_allowed(e, status))
        fail_msg("call %d, %s, code %d: %s: %s", k, shim.failed(), e->code, hal_status_name(status), text);
    if (status != HAL_OK && strstr(text, "opencl") == NULL)
        fail_msg("call %d, %s, code %d: nobody knows whom this comes from: %s", k, shim.failed(), e->code, text);
    return status;
}

static bool is_lost(hal_instance *instance)
{
    hal_device *device = NULL;
    hal_device_info info;
    assert_ok(hal_device_find(instance, "opencl0", &device));
    hal_device_describe(device, &info);
    hal_device_release(device);
    return info.state == HAL_DEVICE_LOST;
}

/* After the failure: others work, and it works again unless the device is lost for good. */
static void assert_recovers(hal_instance *instance, const expectation *e, hal_status was, int k)
{
    char failed[64];
    snprintf(failed, sizeof failed, "%s", shim.failed());
    assert_ok(work_session(instance, "cpu0", SOON));
    shim.begin(e->limits);
    const bool gone = is_lost(instance);
    if (gone && hal_status_code(was) == HAL_CODE_OK)
        fail_msg("call %d, %s, code %d: the device is lost, and nobody was told", k, failed, e->code);
    const hal_status status = work_on(instance, "opencl0", LATER);
    if (hal_status_code(status) != (gone ? HAL_CODE_DEVICE_LOST : HAL_CODE_OK))
        fail_msg("after call %d, %s, code %d, once %s: %s: %s", k, failed, e->code, hal_status_name(was),
                 hal_status_name(status), hal_status_last()->text);
}

/* ------------------------------------------------------------------------------------------------ sweeps -- */

/* Whether the work gets as far as its k-th call. */
static bool fails_at(const expectation *e, int k, int *failures)
{
    char script[200];
    snprintf(script, sizeof script, "*@%d%s=%d,%s", k, e->for_ever ? "+" : "", e->code, e->limits);
    hal_instance *instance = begin(script);
    const hal_status status = judged(instance, e, k);
    const bool reached = shim.calls("*") >= (uint64_t)k;
    assert_recovers(instance, e, status, k);
    hal_instance_release(instance);
    assert_nothing_lives();
    *failures += status != HAL_OK;
    return reached;
}

static void sweep(const expectation *e)
{
    int k = 1, failures = 0;
    while (fails_at(e, k, &failures))
        k++;
    print_message("code %d %s: %d calls, %d of which matter\n", e->code, e->for_ever ? "for ever" : "once", k - 1, failures);
    assert_true(k > 50 && failures > 20);
}

static void each_call_finds_no_resources(void **state)
{
    (void)state;
    sweep(&(expectation){.limits = "", .code = -5, .codes = {HAL_CODE_OUT_OF_MEMORY, HAL_CODE_NOT_FOUND}});
}

static void each_call_and_all_later_find_no_resources(void **state)
{
    (void)state;
    sweep(&(expectation){.limits = "",
                         .code = -5,
                         .for_ever = true,
                         .codes = {HAL_CODE_OUT_OF_MEMORY, HAL_CODE_NOT_FOUND, HAL_CODE_DEVICE_LOST}});
}

static void each_call_is_invalid(void **state)
{
    (void)state;
    sweep(&(expectation){.limits = "", .code = -59, .codes = {HAL_CODE_INTERNAL, HAL_CODE_NOT_FOUND}});
}

static void the_device_is_lost_at_each_call(void **state)
{
    (void)state;
    sweep(&(expectation){.limits = "", .code = -2, .for_ever = true, .codes = {HAL_CODE_DEVICE_LOST, HAL_CODE_NOT_FOUND}});
}

static void each_call_fails_on_a_device_of_1_2(void **state)
{
    (void)state;
    sweep(&(expectation){.limits = "version=12", .code = -6, .codes = {HAL_CODE_OUT_OF_MEMORY, HAL_CODE_NOT_FOUND}});
}

/* -------------------------------------------------------------------------------------------- one by one -- */

static void end(hal_instance *instance)
{
    hal_instance_release(instance);
    assert_nothing_lives();
}

static void assert_works(const char *script)
{
    hal_instance *instance = begin(script);
    if (work_on(instance, "opencl0", LATER) != HAL_OK)
        fail_msg("%s: %s", script, hal_status_last()->text);
    end(instance);
}

/* The work fails in that way and says so; it works once the script is over. */
static void assert_fails(const char *script, hal_code code, const char *text)
{
    hal_instance *instance = begin(script);
    const hal_status status = work_on(instance, "opencl0", LATER);
    if (hal_status_code(status) != code || strstr(hal_status_last()->text, text) == NULL)
        fail_msg("%s: not %s with \"%s\", but %s: %s", script, hal_status_name(HAL_STATUS(HAL_DAMAGE_CALL, code)), text,
                 hal_status_name(status), hal_status_last()->text);
    assert_ok(work_session(instance, "cpu0", SOON));
    shim.begin("");
    if (work_on(instance, "opencl0", LATER) != HAL_OK)
        fail_msg("after %s: %s", script, hal_status_last()->text);
    end(instance);
}

static void works_through_the_shim(void **state)
{
    (void)state;
    hal_instance *instance = begin("");
    if (work_on(instance, "opencl0", LATER) != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    assert_true(shim.calls("clEnqueueNDRangeKernel") >= 4);
    assert_int_equal(shim.calls("clCreateContext"), 1);
    end(instance);
}

static void devices_of_1_2_work(void **state)
{
    (void)state;
    assert_works("version=12");
}

static void events_that_never_call_back_are_waited_for(void **state)
{
    (void)state;
    assert_works("callback=never");
    assert_works("clSetEventCallback@1+=-59");
}

static void work_that_fails_while_it_runs_is_told(void **state)
{
    (void)state;
    assert_fails("callback=-5,version=12", HAL_CODE_OUT_OF_MEMORY, "CL_OUT_OF_RESOURCES (-5)");
    assert_fails("callback=-14,version=12", HAL_CODE_INTERNAL, "(-14)");
}

/* What the host keeps of compiled programs. */
static void forget_programs(void)
{
    char command[400];
    snprintf(command, sizeof command, "find '%s'/cache* -type f ! -name 'answers-*' -delete", scratch_root);
    assert_int_equal(system(command), 0);
}

static void what_does_not_compile_shows_the_log(void **state)
{
    (void)state;
    forget_programs();
    assert_fails("broken", HAL_CODE_INTERNAL, "told to be broken");
    forget_programs();
    assert_fails("clBuildProgram@1+=-11", HAL_CODE_INTERNAL, "CL_BUILD_PROGRAM_FAILURE");
}

/* Once: the caches are given back, and the second try goes through. For ever: a sentence with bytes. */
static void memory_runs_out_in_the_middle(void **state)
{
    (void)state;
    assert_works("clEnqueueNDRangeKernel@2=-5");
    assert_works("clCreateBuffer@2=-4");
    assert_works("version=12,clEnqueueWriteBuffer@1=-4");
    assert_fails("clEnqueueNDRangeKernel@2+=-5", HAL_CODE_OUT_OF_MEMORY, "bytes");
    assert_fails("clCreateBuffer@2+=-4", HAL_CODE_OUT_OF_MEMORY, "bytes");
    assert_fails("version=12,clCreateBuffer@2+=-61", HAL_CODE_OUT_OF_MEMORY, "bytes");
}

static void buffers_above_the_limit_are_refused(void **state)
{
    (void)state;
    hal_device *device = NULL;
    hal_buffer *buffer = NULL;
    hal_instance *instance = begin("block=8192");
    assert_ok(hal_device_find(instance, "opencl0", &device));
    assert_code(hal_buffer_create(device, 8193, &buffer), OUT_OF_MEMORY);
    if (strstr(hal_status_last()->text, "8193") == NULL || strstr(hal_status_last()->text, "8192") == NULL)
        fail_msg("%s", hal_status_last()->text);
    assert_ok(hal_buffer_create(device, 8192, &buffer));
    hal_buffer_release(buffer);
    hal_device_release(device);
    assert_ok(work_on(instance, "opencl0", LATER));
    end(instance);
}

/* With the variants for graphics cards, whose groups are large. */
static void small_groups_and_little_local_memory_do(void **state)
{
    (void)state;
    setenv("HAL_OPENCL_VARIANT", "gpu", 1);
    assert_works("group=16");
    assert_works("group=1");
    assert_works("local=0,group=64");
    unsetenv("HAL_OPENCL_VARIANT");
}

static void devices_without_doubles_move_them(void **state)
{
    (void)state;
    hal_device *device = NULL;
    hal_instance *instance = begin("fp64=0,fp16=0");
    double x[4] = {1, 2, 3, 4}, y[4] = {0};
    const hal_tensor in = hal_tensor_host(x, HAL_F64, 1, (int64_t[]){4}), out = hal_tensor_host(y, HAL_F64, 1, (int64_t[]){4});
    assert_ok(hal_device_find(instance, "opencl0", &device));
    const hal_status status = hal_run(device, "copy", NULL, 0, &in, 1, &out, 1, LATER);
    if (hal_status_code(status) == HAL_CODE_OK)
        assert_memory_equal(x, y, sizeof x);
    else /* memory of the host is out of reach of some */
        assert_code(status, INVALID_ARGUMENT);
    hal_device_release(device);
    assert_ok(work_on(instance, "opencl0", LATER));
    end(instance);
}

/* What was told when it was asked no longer holds. */
static void a_driver_takes_back_what_it_said(void **state)
{
    (void)state;
    hal_instance *instance = begin("");
    shim.begin("version=12");
    const hal_status status = work_on(instance, "opencl0", LATER);
    if (status != HAL_OK)
        assert_non_null(strstr(hal_status_last()->text, "opencl"));
    assert_ok(work_session(instance, "cpu0", SOON));
    end(instance);
}

/* -------------------------------------------------------------------------------------- lost in the middle -- */

static bool is_prompt(int64_t began, int64_t ms)
{
    return hal_time_now() - began < ms * 1000000;
}

/* From the second launch of a program on, and what would bring home the work of the first. */
#define GONE "clEnqueueNDRangeKernel@2+=-2,clEnqueueMapBuffer@1+=-2,clEnqueueReadBuffer@1+=-2"

typedef struct neighbour {
    hal_instance *instance;
    _Atomic bool stop;
    _Atomic int steps;
    hal_status status;
} neighbour;

/* The sessions of work.h are for one thread at a time. */
static void *compute_on(void *argument)
{
    neighbour *n = argument;
    hal_device *cpu = NULL;
    n->status = hal_device_find(n->instance, "cpu0", &cpu);
    while (n->status == HAL_OK && !n->stop) {
        float x[6] = {1, 2, 3, 4, 5, 6}, y[6] = {0};
        const hal_tensor in = hal_tensor_host(x, HAL_F32, 1, (int64_t[]){6}), out = hal_tensor_host(y, HAL_F32, 1, (int64_t[]){6});
        n->status = hal_run(cpu, "copy", NULL, 0, &in, 1, &out, 1, LATER);
        if (n->status == HAL_OK && memcmp(x, y, sizeof x) != 0)
            n->status = HAL_FAIL(DATA_LOSS, "numbers of the neighbour came out wrong");
        n->steps++;
    }
    hal_device_release(cpu);
    return NULL;
}

static void wait_for_steps(neighbour *n, int more)
{
    const int64_t until = LATER;
    for (const int first = n->steps; n->steps < first + more && hal_time_now() < until;)
        usleep(100);
}

/* The cpu of the same instance computes all the while. */
static void the_device_is_lost_in_the_middle_of_a_program(void **state)
{
    (void)state;
    pthread_t thread;
    neighbour n = {.instance = begin("")};
    assert_ok(work_on(n.instance, "opencl0", LATER));
    assert_true(shim.calls("clEnqueueNDRangeKernel") >= 4); /* two a step */
    assert_int_equal(pthread_create(&thread, NULL, compute_on, &n), 0);
    wait_for_steps(&n, 1);
    shim.begin(GONE);
    const int64_t began = hal_time_now();
    const hal_status lost = work_session(n.instance, "opencl0", LATER);
    const uint64_t launches = shim.calls("clEnqueueNDRangeKernel");
    const hal_status after = work_session(n.instance, "opencl0", LATER);
    const bool prompt = is_prompt(began, LONG_NS / 1000000);
    wait_for_steps(&n, 3);
    n.stop = true;
    pthread_join(thread, NULL);
    assert_ok(n.status);
    assert_code(lost, DEVICE_LOST);
    assert_int_equal(launches, 2);
    assert_code(after, DEVICE_LOST);
    assert_true(prompt && is_lost(n.instance));
    assert_ok(work_session(n.instance, "cpu0", SOON));
    shim.begin("");
    end(n.instance);
}

/* --------------------------------------------------------------------------------------------------- hangs -- */

/* Kernels that never begin: the wait ends at its deadline, and once they go on, all goes on. */
static void kernels_hang(void **state)
{
    (void)state;
    hal_instance *instance = begin("");
    assert_ok(work_on(instance, "opencl0", LATER));
    shim.begin("clEnqueueNDRangeKernel@1=stuck");
    const int64_t began = hal_time_now();
    assert_code(work_session_then(instance, "opencl0", hal_deadline_ms(300), shim.let_go), DEADLINE_EXCEEDED);
    assert_true(is_prompt(began, 20000));
    assert_ok(work_session(instance, "cpu0", SOON));
    shim.begin("");
    assert_ok(work_on(instance, "opencl0", LATER));
    end(instance);
}

/* ------------------------------------------------------------------------------------- hangs that stay -- */

typedef struct held {
    hal_instance *instance;
    hal_device *device;
    hal_buffer *buffer;
    hal_queue *queue;
    hal_timeline *timeline;
} held;

static held hold(const char *script)
{
    held h = {.instance = begin("version=12")};
    assert_ok(hal_device_find(h.instance, "opencl0", &h.device));
    assert_ok(hal_buffer_create(h.device, 256, &h.buffer));
    assert_ok(hal_queue_create(h.device, &h.queue));
    assert_ok(hal_timeline_create(h.instance, &h.timeline));
    shim.begin(script);
    return h;
}

static void drop(held *h)
{
    hal_timeline_release(h->timeline);
    hal_buffer_release(h->buffer);
    hal_device_release(h->device);
    hal_instance_release(h->instance);
}

/* Work that never ends: its queue is given up at the deadline, and what it uses stays. */
static void queues_with_stuck_work_are_given_up(void **state)
{
    (void)state;
    static char bytes[256];
    held h = hold("version=12,*@1+=stuck");
    const hal_binding to = {.buffer = h.buffer}, from = {.host = bytes};
    const hal_point done = {h.timeline, 1};
    int64_t began = hal_time_now();
    assert_ok(hal_queue_copy(h.queue, to, from, sizeof bytes, NULL, 0, &done, 1));
    assert_code(hal_timeline_wait(h.timeline, 1, hal_deadline_ms(100)), DEADLINE_EXCEEDED);
    assert_code(hal_queue_release(h.queue, hal_deadline_ms(300)), DEADLINE_EXCEEDED);
    assert_true(is_prompt(began, 3000));
    assert_ok(work_session(h.instance, "cpu0", SOON));
    shim.let_go();
    drop(&h);
}

static void *let_go_later(void *stop)
{
    for (int i = 0; i < 500 && !*(_Atomic bool *)stop; i++)
        usleep(10000);
    shim.let_go();
    return NULL;
}

/* A driver that hangs where it should free. */
static void queues_that_hang_in_the_driver_are_given_up(void **state)
{
    (void)state;
    static _Atomic bool stop;
    pthread_t guard;
    held h = hold("version=12,clReleaseCommandQueue@1=hang,clFinish@1=hang");
    assert_int_equal(pthread_create(&guard, NULL, let_go_later, (void *)&stop), 0);
    const int64_t began = hal_time_now();
    const hal_status status = hal_queue_release(h.queue, hal_deadline_ms(300));
    const bool prompt = is_prompt(began, 3000);
    stop = true;
    pthread_join(guard, NULL);
    drop(&h);
    assert_true(prompt);
    assert_int_equal(hal_status_code(status), HAL_CODE_DEADLINE_EXCEEDED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(works_through_the_shim),
        cmocka_unit_test(devices_of_1_2_work),
        cmocka_unit_test(events_that_never_call_back_are_waited_for),
        cmocka_unit_test(work_that_fails_while_it_runs_is_told),
        cmocka_unit_test(what_does_not_compile_shows_the_log),
        cmocka_unit_test(memory_runs_out_in_the_middle),
        cmocka_unit_test(buffers_above_the_limit_are_refused),
        cmocka_unit_test(small_groups_and_little_local_memory_do),
        cmocka_unit_test(devices_without_doubles_move_them),
        cmocka_unit_test(a_driver_takes_back_what_it_said),
        cmocka_unit_test(each_call_finds_no_resources),
        cmocka_unit_test(each_call_and_all_later_find_no_resources),
        cmocka_unit_test(each_call_is_invalid),
        cmocka_unit_test(the_device_is_lost_at_each_call),
        cmocka_unit_test(each_call_fails_on_a_device_of_1_2),
        cmocka_unit_test(the_device_is_lost_in_the_middle_of_a_program),
        cmocka_unit_test(kernels_hang),
        cmocka_unit_test(queues_with_stuck_work_are_given_up),
        cmocka_unit_test(queues_that_hang_in_the_driver_are_given_up),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
