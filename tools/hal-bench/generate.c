/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a model of random weights reads and makes tokens, and what the host does for a step: the very programs of hal-run
 * generate. */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-run/decoder.h"
#include "tools/hal-run/initialise.h"

enum { READS = 5, WARM = 4, TOKENS = 64, MOST_TOKENS = 4096, DEADLINE_MS = 60000 };

typedef struct work {
    run_options options;
    model_config config;
    decoder decoder;
    int32_t *ids;
    int64_t prompt;
    uint64_t tokens;
    double samples[MOST_TOKENS];
    double read, next, launch; /* seconds */
} work;

static int setup(const bench_options *o, work *w, hal_dtype *dtype, tool_error *err) {
    train_options train;
    int code = model_config_named(o->model, &w->config, &train, err);
    w->options = (run_options){.plugin_dir = o->plugin_dir, .devices = {o->device}, .n_devices = 1,
                               .deadline_ms = o->deadline_ms, .seed = 1, .top_p = 1};
    if (!code) code = bench_model_dtype(o, dtype, err);
    if (code) return code;
    if (w->config.vocabulary == 0) w->config.vocabulary = 65;
    w->tokens = o->steps ? o->steps : TOKENS;
    if (w->tokens > MOST_TOKENS) return tool_fail(err, TOOL_BAD_INPUT, "--steps %llu: at most %d tokens", (unsigned long long)w->tokens, MOST_TOKENS);
    w->prompt = o->context ? (int64_t)o->context : w->config.positions / 2;
    const int64_t whole = w->prompt + WARM + (int64_t)w->tokens;
    if (whole > w->config.positions) w->config.positions = (uint32_t)whole;
    return model_config_check(&w->config, o->model, err);
}

/* Ids that differ from each other, and from text to text: nothing of them is known. */
static int make_prompt(work *w, tool_error *err) {
    const int64_t room = decoder_bucket(&w->decoder, w->prompt);
    w->ids = calloc((size_t)room, sizeof *w->ids);
    if (!w->ids) return tool_fail(err, TOOL_INTERNAL, "out of memory for a prompt of %lld tokens", (long long)w->prompt);
    for (int64_t i = 0; i < w->prompt; i++) w->ids[i] = (int32_t)(i * 7919 % w->config.vocabulary);
    return TOOL_OK;
}

static int time_reading(work *w, tool_error *err) {
    int code = decoder_read(&w->decoder, w->ids, w->prompt, 1, err);
    for (int i = 0; !code && i < READS; i++) {
        const double begin = bench_now();
        code = decoder_read(&w->decoder, w->ids, w->prompt, 1, err);
        w->samples[i] = bench_now() - begin;
    }
    w->read = bench_median(w->samples, READS);
    return code;
}

/* Each token is the one that the step before made. */
static int time_tokens(work *w, tool_error *err) {
    int code = TOOL_OK;
    for (uint64_t i = 0; !code && i < WARM + w->tokens; i++) {
        const int32_t id = w->decoder.next;
        const double begin = bench_now();
        code = decoder_next(&w->decoder, &id, 2 + i, err);
        if (i >= WARM) w->samples[i - WARM] = bench_now() - begin;
    }
    w->next = bench_median(w->samples, w->tokens);
    return code;
}

/* --- the launch alone: what is fed lies on the device, nothing is fetched, and nothing is under way --- */

static hal_status put_on_device(hal_device *device, hal_feed *feed, hal_buffer **buffer) {
    const hal_tensor host = feed->tensor;
    uint64_t bytes;
    HAL_TRY(hal_tensor_bytes(host.dtype, host.rank, host.size, &bytes));
    HAL_TRY(hal_buffer_create(device, bytes, buffer));
    feed->tensor = hal_tensor_buffer(*buffer, 0, host.dtype, host.rank, host.size);
    return hal_buffer_write(*buffer, 0, host.host, bytes);
}

static hal_status launch(work *w, const hal_feed *feeds, hal_timeline *end) {
    for (uint64_t i = 0; i < WARM + w->tokens; i++) {
        const hal_point point = {end, i + 1};
        const double begin = bench_now();
        HAL_TRY(hal_session_submit(w->decoder.decode.step.session, feeds, DECODER_FEEDS, NULL, 0, NULL, 0, &point, 1));
        if (i >= WARM) w->samples[i - WARM] = bench_now() - begin;
        HAL_TRY(hal_timeline_wait(end, point.value, hal_deadline_ms(DEADLINE_MS)));
    }
    w->launch = bench_median(w->samples, w->tokens);
    return HAL_OK;
}

static hal_status time_launch(work *w, hal_device *device) {
    hal_feed feeds[DECODER_FEEDS];
    hal_buffer *buffers[DECODER_FEEDS] = {0};
    hal_timeline *end = NULL;
    hal_status status = hal_timeline_create(w->decoder.engine.instance, &end);
    w->decoder.cached--; /* the last place again: the caches are full */
    decoder_feed(&w->decoder, &w->decoder.decode, &w->decoder.next, 1, 1, feeds);
    for (int i = 0; i < DECODER_FEEDS && status == HAL_OK; i++) status = put_on_device(device, &feeds[i], &buffers[i]);
    if (status == HAL_OK) status = launch(w, feeds, end);
    for (int i = 0; i < DECODER_FEEDS; i++) hal_buffer_release(buffers[i]);
    hal_timeline_release(end);
    return status;
}

static void print(const bench_options *o, const work *w, const hal_device *device) {
    hal_device_info info;
    hal_plan_info plan;
    hal_device_describe(device, &info);
    hal_plan_describe(w->decoder.decode.step.plan, &plan);
    const unsigned long long graphs = hal_device_counter(device, "graphs");
    const double read = (double)w->prompt / w->read, next = 1 / w->next;
    if (o->json)
        printf("{\"event\":\"generate\",\"device\":\"%s\",\"emulated\":%s,\"dtype\":\"%s\",\"parameters\":%llu,\"prompt\":%lld,\"tokens\":%llu,"
               "\"prefill_seconds\":%.9g,\"prefill_tokens_per_second\":%.9g,\"decode_seconds\":%.9g,\"decode_tokens_per_second\":%.9g,"
               "\"ops\":%u,\"programs\":%u,\"graphs\":%llu,\"launch_seconds\":%.9g}\n", info.alias, info.emulated ? "true" : "false", o->dtype,
               (unsigned long long)model_config_parameters(&w->config), (long long)w->prompt, (unsigned long long)w->tokens, w->read, read,
               w->next, next, plan.ops, plan.programs, graphs, w->launch);
    else
        printf("%s %s%s: reads %.1f tokens/s (%lld), makes %.1f tokens/s; a step of %u ops is launched in %.1f us%s\n", o->model, o->dtype,
               info.emulated ? " (emulated)" : "", read, (long long)w->prompt, next, plan.ops, w->launch * 1e6,
               graphs ? ", as a graph of the driver" : "");
}

static int measure(const bench_options *o, work *w, hal_dtype dtype, tool_error *err) {
    hal_device *device = NULL;
    int code = decoder_open(&w->options, &w->config, dtype, &w->decoder, err);
    if (!code) code = initialise_weights(&w->decoder.engine, &w->decoder.decode.model, w->options.seed, err);
    if (!code) code = make_prompt(w, err);
    if (!code) code = time_reading(w, err);
    if (!code) code = time_tokens(w, err);
    if (!code) code = model_fail(err, hal_device_find(w->decoder.engine.instance, o->device, &device), "finding the device");
    if (!code) code = model_fail(err, time_launch(w, device), "launching a step");
    if (!code) print(o, w, device);
    hal_device_release(device);
    return code;
}

int bench_generate(const bench_options *options, tool_error *err) {
    static work w; /* static, as a device that missed a deadline may use it to the end of the process */
    hal_dtype dtype;
    int code = setup(options, &w, &dtype, err);
    if (!code) code = measure(options, &w, dtype, err);
    if (code == TOOL_DEADLINE) return code;
    decoder_close(&w.decoder);
    free(w.ids);
    return code;
}
