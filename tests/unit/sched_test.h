/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of plan, session and hal_run share: an instance, the devices of a run, and checks that show
 * hal's own text. HAL_TEST_DEVICE and HAL_TEST_OTHER name other devices than cpu0 and mock-npu0.
 */
#ifndef HAL_TESTS_SCHED_TEST_H
#define HAL_TESTS_SCHED_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <hal/plan.h>

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if ((call) != HAL_OK)                                                                                \
            fail_msg("%s: %s", #call, hal_status_last()->text);                                              \
    } while (0)

/* The call fails with that code, and its text contains `part`. */
#define FAILS(call, code, part)                                                                              \
    do {                                                                                                     \
        assert_int_equal(hal_status_code(call), HAL_CODE_##code);                                            \
        if (!strstr(hal_status_last()->text, part))                                                          \
            fail_msg("\"%s\" does not mention \"%s\"", hal_status_last()->text, part);                       \
    } while (0)

#define SOON hal_deadline_ms(20000)

static inline const char *sched_device(void)
{
    const char *name = getenv("HAL_TEST_DEVICE");
    return name ? name : "cpu0";
}

/* A device whose memory is not that of the first. */
static inline const char *sched_other(void)
{
    const char *name = getenv("HAL_TEST_OTHER");
    return name ? name : "mock-npu0";
}

/* An instance whose cpu shows two devices. A missing `device` fails the test; the other one may be missing:
 * then it is skipped. */
static inline hal_instance *sched_instance(const char *device)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_devices = 2};
    hal_instance *instance;
    hal_device *found;
    OK(hal_instance_create(&options, &instance));
    if (hal_device_find(instance, device, &found) != HAL_OK) {
        print_message("%s\n", hal_status_last()->text);
        hal_instance_release(instance);
        if (strcmp(device, sched_other()))
            fail();
        skip();
    }
    hal_device_release(found);
    return instance;
}

static inline hal_graph *sched_graph(void)
{
    hal_graph *graph;
    OK(hal_graph_create(NULL, &graph));
    return graph;
}

/* An f32 input of constant sizes; rank is 1 when m is 0. */
static inline hal_value sched_input(hal_graph *graph, const char *name, int64_t n, int64_t m)
{
    hal_dim size[2] = {hal_dim_constant(n), hal_dim_constant(m)};
    return hal_graph_input(graph, name, HAL_F32, m ? 2 : 1, size);
}

static inline hal_plan *sched_plan(hal_instance *instance, hal_graph *graph, const char *device)
{
    hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &device, .n_devices = 1};
    hal_plan *plan;
    OK(hal_graph_status(graph));
    OK(hal_plan_create(instance, graph, &options, &plan));
    return plan;
}

/* A session on one device; drops the graph. */
static inline hal_session *sched_session(hal_instance *instance, hal_graph *graph, const char *device)
{
    hal_plan *plan = sched_plan(instance, graph, device);
    hal_session *session;
    OK(hal_session_create(plan, NULL, &session));
    hal_plan_release(plan);
    return session;
}

static inline hal_tensor sched_tensor(float *data, int64_t n, int64_t m)
{
    int64_t size[2] = {n, m};
    return hal_tensor_host(data, HAL_F32, m ? 2 : 1, size);
}

#endif
