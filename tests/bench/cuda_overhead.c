/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cuda backend costs its caller beside the driver: time of submissions, less what this thread spent in functions of
 * the emulated driver, which counts that itself. A microsecond an operator is the most that it may be.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>

#include "scheduler/describe.h"
#include "tests/fault/emulated.h"
#include "tests/opencl/work.h"

enum { OPS = 200, SAMPLES = 41, ELEMENTS = 16 };
#define MOST 1000.0 /* nanoseconds an operator */

static uint64_t (*nanoseconds)(void);
static const char *lacking; /* of this machine; NULL: nothing */

static int setup(void **state)
{
    if (scratch_setup(state) != 0)
        return -1;
    lacking = getenv("HAL_PROBE") == NULL ? "not started by make check" : NULL;
    emulated_driver driver;
    if (lacking == NULL && !emulated_open(&driver))
        lacking = "the emulated CUDA driver is not built (it needs cuda.h and the headers of OpenCL)";
    if (lacking != NULL)
        return 0;
    emulated_look_up(emulated_library("libcuda.so.1"), "hal_emulated_cuda_nanoseconds", &nanoseconds);
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    return nanoseconds != NULL && work_ask() == HAL_OK ? 0 : -1;
}

/* -------------------------------------------------------------------------------------------- a program -- */

static void operand(hal_describe *d, uint32_t binding)
{
    hal_description_tensor t = {.dtype = HAL_F32, .rank = 1, .binding = binding};
    t.size[0] = hal_dim_constant(ELEMENTS);
    t.stride[0] = hal_dim_constant(4);
    hal_describe_operand(d, &t);
}

/* Each op reads what the one before it wrote. */
static void describe(uint32_t n, hal_description **block)
{
    hal_describe d;
    hal_pointwise_attrs twice = {HAL_HEAD(hal_pointwise_attrs)};
    assert_ok(hal_expr_parse("add(x0, x0)", HAL_F32, &twice.expr));
    hal_describe_begin(&d, NULL);
    hal_describe_binding(&d, HAL_BINDING_INPUT, 4 * ELEMENTS);
    hal_describe_binding(&d, HAL_BINDING_OUTPUT, 4 * ELEMENTS);
    hal_describe_binding(&d, HAL_BINDING_OUTPUT, 4 * ELEMENTS);
    for (uint32_t i = 0; i < n; i++) {
        hal_describe_op(&d, hal_op_describe(HAL_OP_POINTWISE), &twice, "twice", 1, 1);
        operand(&d, i == 0 ? 0 : 1 + i % 2);
        operand(&d, 1 + (i + 1) % 2);
    }
    assert_ok(hal_describe_finish(&d, block));
}

typedef struct rig {
    hal_instance *instance;
    hal_device *device;
    hal_queue *queue;
    hal_timeline *timeline;
    hal_program *program;
    hal_buffer *buffers[2][3];
    uint64_t at;
} rig;

static rig begin(uint32_t n_ops, const char *graphs)
{
    static int n;
    char unread[24]; /* equal options would give the same instance again */
    hal_description *d = NULL;
    rig r = {.at = 0};
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    setenv("HAL_CUDA_GRAPHS", graphs, 1);
    snprintf(unread, sizeof unread, "%d", n++);
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cuda", .fault_script = unread};
    assert_ok(hal_instance_create(&options, &r.instance));
    assert_ok(hal_device_find(r.instance, "gpu0", &r.device));
    assert_ok(hal_queue_create(r.device, &r.queue));
    assert_ok(hal_timeline_create(r.instance, &r.timeline));
    for (int i = 0; i < 6; i++)
        assert_ok(hal_buffer_create(r.device, 4 * ELEMENTS, &r.buffers[i / 3][i % 3]));
    describe(n_ops, &d);
    assert_ok(hal_program_compile(r.device, d, d->bytes, hal_deadline_ms(60000), &r.program));
    free(d);
    return r;
}

static void end(rig *r)
{
    hal_program_release(r->program);
    for (int i = 0; i < 6; i++)
        hal_buffer_release(r->buffers[i / 3][i % 3]);
    hal_timeline_release(r->timeline);
    assert_ok(hal_queue_release(r->queue, hal_deadline_ms(20000)));
    hal_device_release(r->device);
    hal_instance_release(r->instance);
}

/* ------------------------------------------------------------------------------------------------ measuring -- */

typedef struct cost { double outside, inside; } cost;

/* Of `n` submissions that wait for nothing, on buffers of `set`, or in turn. */
static cost submit(rig *r, int n, int sets)
{
    hal_binding bindings[2][3] = {{{0}}};
    for (int i = 0; i < 6; i++)
        bindings[i / 3][i % 3].buffer = r->buffers[i / 3][i % 3];
    const uint64_t inside = nanoseconds();
    const int64_t begin = hal_time_now();
    for (int i = 0; i < n; i++) {
        const hal_point point = {r->timeline, ++r->at};
        const hal_submission s = {HAL_HEAD(hal_submission), .program = r->program, .bindings = bindings[i % sets],
                                  .n_bindings = 3, .signals = &point, .n_signals = 1};
        assert_ok(hal_queue_submit(r->queue, &s));
    }
    const double all = (double)(hal_time_now() - begin), driver = (double)(nanoseconds() - inside);
    assert_ok(hal_timeline_wait(r->timeline, r->at, hal_deadline_ms(60000)));
    return (cost){all - driver, driver};
}

/* The least of many: other programs of the machine only make it more. */
static cost least(rig *r, int submissions, int sets, int ops)
{
    cost best = {1e18, 0};
    for (int i = 0; i < 3; i++)
        submit(r, submissions, sets); /* a graph is made, slots get their arrays */
    for (int i = 0; i < SAMPLES; i++) {
        const cost c = submit(r, submissions, sets);
        if (c.outside < best.outside)
            best = c;
    }
    return (cost){best.outside / ops, best.inside / ops};
}

/* Sanitizers and coverage have costs of their own. */
static void assert_cheap(const char *what, cost c)
{
    print_message("%s: %.0f ns an operator outside the driver, %.0f ns in the emulated one\n", what, c.outside, c.inside);
#if !defined(HAL_COVERAGE) && HAL_BACKEND_SANITIZER == 0
    assert_true(c.outside <= MOST);
#endif
}

static void launches_of_a_program(void **state)
{
    (void)state;
    rig r = begin(OPS, "off");
    assert_cheap("launched one by one", least(&r, 1, 1, OPS));
    assert_cheap("launched one by one, on other buffers each time", least(&r, 2, 2, 2 * OPS));
    end(&r);
}

static void graphs_of_a_program(void **state)
{
    (void)state;
    rig r = begin(OPS, "on");
    assert_cheap("in a graph", least(&r, 1, 1, OPS));
    assert_cheap("in a graph whose bindings move", least(&r, 2, 2, 2 * OPS));
    end(&r);
}

static void submissions_of_one_operator(void **state)
{
    (void)state;
    rig r = begin(1, "off");
    assert_cheap("submitted one by one", least(&r, OPS, 1, OPS));
    assert_cheap("submitted one by one, on other buffers each time", least(&r, OPS, 2, OPS));
    end(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(launches_of_a_program),
        cmocka_unit_test(graphs_of_a_program),
        cmocka_unit_test(submissions_of_one_operator),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
