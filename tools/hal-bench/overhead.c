/* SPDX-License-Identifier: Apache-2.0 */
/* What hal itself costs, on the null backend, which computes nothing: every nanosecond is hal's. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-bench/launch.h"
#include "tools/hal-run/model.h"

enum { CHAIN = 1000, SAMPLES = 21, CALLS = 10000 };

typedef struct figures { double start, run, submit, step; } figures;

static hal_instance_options null_only(const bench_options *o) {
    return (hal_instance_options){HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir, .backends = "null"};
}

/* In a process that has loaded no plugin yet; the time goes through the pipe. */
static _Noreturn void start_once(const bench_options *o, int out) {
    const hal_instance_options io = null_only(o);
    hal_instance *instance;
    const double begin = bench_now();
    const bool started = hal_instance_create(&io, &instance) == HAL_OK;
    const double seconds = bench_now() - begin;
    _exit(started && write(out, &seconds, sizeof seconds) == sizeof seconds ? 0 : 1);
}

static bool start_sample(const bench_options *o, double *seconds) {
    int ends[2], status = 1;
    if (pipe(ends)) return false;
    const pid_t child = fork();
    if (child == 0) start_once(o, ends[1]);
    close(ends[1]);
    const bool got = child > 0 && read(ends[0], seconds, sizeof *seconds) == sizeof *seconds;
    close(ends[0]);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 && got;
}

/* A plugin stays loaded, so only the first start of a process loads it: a process a sample. Comes before any
   instance, because children of a process with one cannot use it. */
static int time_start(const bench_options *o, double *seconds, tool_error *err) {
    double samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        if (!start_sample(o, &samples[i])) return tool_fail(err, TOOL_INTERNAL, "a process that starts hal did not say how long that took");
    *seconds = bench_median(samples, SAMPLES);
    return TOOL_OK;
}

/* Submissions that nothing stands before, each signalling a point; the last is waited for. */
static hal_status time_submissions(hal_queue *queue, hal_program *program, hal_timeline *timeline, double *seconds) {
    float x[16] = {0}, y[16];
    const hal_binding bindings[2] = {{NULL, x, 0}, {NULL, y, 0}};
    hal_point point = {timeline, 0};
    const hal_submission s = {HAL_HEAD(hal_submission), .program = program, .bindings = bindings, .n_bindings = 2, .signals = &point,
                              .n_signals = 1};
    double samples[SAMPLES];
    for (int i = 0; i < SAMPLES; i++) {
        const double begin = bench_now();
        for (int n = 0; n < CALLS; n++) {
            point.value++;
            HAL_TRY(hal_queue_submit(queue, &s));
        }
        samples[i] = (bench_now() - begin) / CALLS;
    }
    *seconds = bench_median(samples, SAMPLES);
    return hal_timeline_wait(timeline, point.value, hal_deadline_ms(60000));
}

/* A program of one op, a copy of 16 elements. */
static hal_status time_submit(hal_instance *instance, hal_device *device, double *seconds) {
    const hal_copy_attrs attrs = {HAL_HEAD(hal_copy_attrs)};
    const hal_shape vector = {.dtype = HAL_F32, .rank = 1, .size = {hal_dim_constant(16)}}, operands[] = {vector, vector};
    hal_program *program = NULL;
    hal_queue *queue = NULL;
    hal_timeline *timeline = NULL;
    hal_status status = launch_compile(device, hal_op_describe(HAL_OP_COPY), &attrs, operands, 1, 1, hal_deadline_ms(60000), &program);
    if (status == HAL_OK) status = hal_queue_create(device, &queue);
    if (status == HAL_OK) status = hal_timeline_create(instance, &timeline);
    if (status == HAL_OK) status = time_submissions(queue, program, timeline, seconds);
    hal_timeline_release(timeline);
    if (queue) hal_queue_release(queue, hal_deadline_ms(1000));
    hal_program_release(program);
    return status;
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
        for (int n = 0; n < CALLS; n++) HAL_TRY(hal_run(device, "softmax", NULL, 0, &in, 1, &out, 1, deadline));
        samples[i] = (bench_now() - begin) / CALLS;
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
    const hal_instance_options io = null_only(o);
    hal_instance *instance;
    hal_device *device = NULL;
    hal_graph *graph = NULL;
    HAL_TRY(hal_instance_create(&io, &instance));
    hal_status status = hal_device_find(instance, "null0", &device);
    if (status == HAL_OK) status = time_run(device, &f->run);
    if (status == HAL_OK) status = time_submit(instance, device, &f->submit);
    if (status == HAL_OK) status = hal_graph_create(NULL, &graph);
    if (status == HAL_OK) status = time_step(instance, graph, &f->step);
    hal_graph_release(graph);
    hal_device_release(device);
    hal_instance_release(instance);
    return status;
}

int bench_overhead(const bench_options *options, tool_error *err) {
    figures f = {0};
    int code = time_start(options, &f.start, err);
    if (!code) code = model_fail(err, measure(options, &f), "measuring overhead");
    if (code) return code;
    if (options->json)
        printf("{\"event\":\"overhead\",\"start_seconds\":%.9g,\"run_seconds\":%.9g,\"submit_seconds\":%.9g,\"step_1000_ops_seconds\":%.9g}\n",
               f.start, f.run, f.submit, f.step);
    else
        printf("start %.2f ms, hal_run %.0f ns, submit %.0f ns, session step of %d ops %.1f us\n", f.start * 1e3, f.run * 1e9,
               f.submit * 1e9, CHAIN, f.step * 1e6);
    return TOOL_OK;
}
