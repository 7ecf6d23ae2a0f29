/* SPDX-License-Identifier: Apache-2.0 */
/* What hal itself costs, on the null backend, which computes nothing: every nanosecond is hal's. */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-run/model.h"

enum { CHAIN = 1000, SAMPLES = 21 };

typedef struct figures { double start, run, step; } figures;

static hal_status time_start(const bench_options *o, double *seconds) {
    double samples[SAMPLES];
    hal_instance_options io = {HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir, .backends = "null"};
    for (int i = 0; i < SAMPLES; i++) {
        hal_instance *instance;
        const double begin = bench_now();
        HAL_TRY(hal_instance_create(&io, &instance));
        samples[i] = bench_now() - begin;
        hal_instance_release(instance);
    }
    *seconds = bench_median(samples, SAMPLES);
    return HAL_OK;
}

/* hal_run by descriptor with a warm cache. */
static hal_status time_run(hal_device *device, double *seconds) {
    const int64_t size[] = {16};
    float x[16] = {0}, y[16];
    const hal_tensor in = hal_tensor_host(x, HAL_F32, 1, size), out = hal_tensor_host(y, HAL_F32, 1, size);
    const int64_t deadline = hal_deadline_ms(60000);
    double samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        const double begin = bench_now();
        for (int n = 0; n < 10000; n++) HAL_TRY(hal_run(device, "softmax", NULL, 0, &in, 1, &out, 1, deadline));
        samples[i] = (bench_now() - begin) / 10000;
    }
    *seconds = bench_median(samples, SAMPLES);
    return HAL_OK;
}

/* A chain of dependent softmax nodes, which nothing fuses or shortens. */
static hal_status build_chain(hal_graph *graph, hal_value *in, hal_value *out) {
    const hal_dim size[] = {hal_dim_constant(16)};
    hal_value x = *in = hal_graph_input(graph, "x", HAL_F32, 1, size);
    for (int i = 0; i < CHAIN; i++) x = hal_graph_softmax(graph, x);
    *out = x;
    return hal_graph_output(graph, x);
}

static hal_status time_session(hal_session *session, hal_value in, hal_value out, double *seconds) {
    const int64_t size[] = {16};
    float x[16] = {0}, y[16];
    const hal_feed feed = {in, hal_tensor_host(x, HAL_F32, 1, size)};
    const hal_fetch fetch = {out, hal_tensor_host(y, HAL_F32, 1, size)};
    double samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        const double begin = bench_now();
        for (int n = 0; n < 100; n++) HAL_TRY(hal_session_run(session, &feed, 1, &fetch, 1, hal_deadline_ms(60000)));
        samples[i] = (bench_now() - begin) / 100;
    }
    *seconds = bench_median(samples, SAMPLES);
    return HAL_OK;
}

static hal_status time_step(hal_instance *instance, hal_graph *graph, double *seconds) {
    const char *devices[] = {"null0"};
    const hal_plan_options po = {HAL_HEAD(hal_plan_options), .devices = devices, .n_devices = 1};
    hal_value in, out;
    hal_plan *plan = NULL;
    hal_session *session = NULL;
    hal_status status = build_chain(graph, &in, &out);
    if (status == HAL_OK) status = hal_plan_create(instance, graph, &po, &plan);
    if (status == HAL_OK) status = hal_session_create(plan, NULL, &session);
    if (status == HAL_OK) status = time_session(session, in, out, seconds);
    hal_session_release(session);
    hal_plan_release(plan);
    return status;
}

static hal_status measure(const bench_options *o, figures *f) {
    hal_instance_options io = {HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir, .backends = "null"};
    hal_instance *instance;
    hal_device *device = NULL;
    hal_graph *graph = NULL;
    HAL_TRY(time_start(o, &f->start));
    HAL_TRY(hal_instance_create(&io, &instance));
    hal_status status = hal_device_find(instance, "null0", &device);
    if (status == HAL_OK) status = time_run(device, &f->run);
    if (status == HAL_OK) status = hal_graph_create(NULL, &graph);
    if (status == HAL_OK) status = time_step(instance, graph, &f->step);
    hal_graph_release(graph);
    hal_device_release(device);
    hal_instance_release(instance);
    return status;
}

int bench_overhead(const bench_options *options, tool_error *err) {
    figures f = {0};
    int code = model_fail(err, measure(options, &f), "measuring overhead");
    if (code) return code;
    if (options->json)
        printf("{\"event\":\"overhead\",\"start_seconds\":%.9g,\"run_seconds\":%.9g,\"step_1000_ops_seconds\":%.9g}\n", f.start, f.run, f.step);
    else
        printf("start %.2f ms, hal_run %.0f ns, session step of %d ops %.1f us\n", f.start * 1e3, f.run * 1e9, CHAIN, f.step * 1e6);
    return TOOL_OK;
}
