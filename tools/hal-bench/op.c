/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"
#include "tools/hal-bench/attribute.h"
#include "tools/hal-bench/launch.h"
#include "tools/hal-bench/op.h"
#include "tools/hal-bench/operand.h"
#include "tools/hal-run/model.h"

enum { ROUNDS = 15, DEADLINE_MS = 60000, MOST_QUEUED = 1000 };

/* One timed operator on device buffers. */
typedef struct timed {
    hal_device *device;
    const hal_op_info *op;
    hal_shape in_shape[BENCH_MAX_INPUTS], out_shape[BENCH_MAX_OUTPUTS];
    hal_buffer *buffers[BENCH_MAX_INPUTS + BENCH_MAX_OUTPUTS];
    hal_tensor in[BENCH_MAX_INPUTS], out[BENCH_MAX_OUTPUTS];
    uint32_t n_in, n_out;
    attribute attrs[BENCH_MAX_ATTRS];
    hal_attr pairs[BENCH_MAX_ATTRS];
    uint32_t n_attrs;
    void *fields; /* the operator's attributes as its struct */
    launcher queued; /* no program: calls are timed that wait */
    hal_work work;
    int64_t deadline_ms, began; /* of the last call */
} timed;

static hal_shape plain(hal_dtype dtype, int64_t rows, int64_t columns) {
    return (hal_shape){.dtype = dtype, .rank = 2, .size = {hal_dim_constant(rows), hal_dim_constant(columns)}};
}

/* Without --in: a product of m x k by k x n, or one input over m x n. */
static int inputs(const bench_options *o, timed *t, tool_error *err) {
    const hal_dtype dtype = hal_dtype_find(o->dtype);
    if (dtype == HAL_NO_DTYPE) return tool_fail(err, TOOL_BAD_INPUT, "no dtype \"%s\"", o->dtype);
    const bool matmul = t->op->number == HAL_OP_MATMUL;
    t->n_in = o->n_in ? o->n_in : matmul ? 2 : 1;
    t->in_shape[0] = plain(dtype, o->m, matmul ? o->k : o->n);
    t->in_shape[1] = plain(dtype, o->k, o->n);
    for (uint32_t i = 0; i < o->n_in; i++) {
        int code = bench_operand_parse(o->in[i], &t->in_shape[i], err);
        if (code) return code;
    }
    return TOOL_OK;
}

static int attributes(const bench_options *o, timed *t, tool_error *err) {
    for (uint32_t i = 0; i < o->n_attrs; i++) {
        int code = attribute_parse(t->op, o->attrs[i], &t->attrs[i], err);
        if (code) return code;
        t->pairs[t->n_attrs++] = t->attrs[i].pair;
    }
    return TOOL_OK;
}

/* What the table says of such inputs: the outputs, and the work. */
static hal_status shapes(timed *t) {
    t->fields = malloc(t->op->attrs_size);
    if (!t->fields) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_attrs_default(t->op, t->fields);
    HAL_TRY(hal_attrs_set(t->op, t->pairs, t->n_attrs, t->in_shape[0].dtype, t->fields));
    t->n_out = t->op->min_outputs;
    HAL_TRY(hal_op_shape(t->op->number, t->fields, t->in_shape, t->n_in, t->out_shape, t->n_out));
    return hal_op_work(t->op->number, t->fields, t->in_shape, t->n_in, t->out_shape, t->n_out, NULL, &t->work);
}

static hal_status make(timed *t) {
    for (uint32_t i = 0; i < t->n_in; i++) HAL_TRY(bench_operand_make(t->device, &t->in_shape[i], i, &t->buffers[i], &t->in[i]));
    for (uint32_t i = 0; i < t->n_out; i++)
        HAL_TRY(bench_operand_make(t->device, &t->out_shape[i], i, &t->buffers[t->n_in + i], &t->out[i]));
    return HAL_OK;
}

static hal_status once(timed *t) {
    t->began = hal_time_now();
    return hal_run(t->device, t->op->name, t->pairs, t->n_attrs, t->in, t->n_in, t->out, t->n_out, hal_deadline_ms(t->deadline_ms));
}

/* Launches that are queued, and waited for together. */
static hal_status several(timed *t, uint64_t n) {
    t->began = hal_time_now();
    for (uint64_t i = 0; i < n; i++) HAL_TRY(launch_queue(&t->queued, t->in, t->n_in, t->out, i + 1 == n));
    return launch_wait(&t->queued, hal_deadline_ms(t->deadline_ms));
}

static hal_status calls(timed *t, uint64_t n) {
    if (t->queued.program) return several(t, n);
    for (uint64_t i = 0; i < n; i++) HAL_TRY(once(t));
    return HAL_OK;
}

static hal_status seconds_of(timed *t, uint64_t n, double *seconds) {
    const double begin = bench_now();
    HAL_TRY(calls(t, n));
    *seconds = (bench_now() - begin) / (double)n;
    return HAL_OK;
}

/* So many make a sample: at least 4 ms, and 10 where the end of a queue is waited for. */
static uint64_t repeats(const timed *t, double single) {
    const double least = t->queued.program ? 10e-3 : 4e-3;
    const uint64_t n = single < least ? (uint64_t)(least / (single + 1e-9)) + 1 : 1;
    return t->queued.program && n > MOST_QUEUED ? MOST_QUEUED : n;
}

/* Median seconds of a call. */
static hal_status measure(timed *t, uint64_t rounds, double *seconds) {
    double samples[256], single;
    HAL_TRY(seconds_of(t, 1, &single));
    HAL_TRY(seconds_of(t, 1, &single));
    if (rounds > 256) rounds = 256;
    for (uint64_t r = 0; r < rounds; r++) HAL_TRY(seconds_of(t, repeats(t, single), &samples[r]));
    *seconds = bench_median(samples, rounds);
    return HAL_OK;
}

static hal_status run_once(void *context, double *seconds) {
    const double begin = bench_now();
    HAL_TRY(once(context));
    *seconds = bench_now() - begin;
    return HAL_OK;
}

static void drop(timed *t) {
    launch_close(&t->queued);
    free(t->fields);
    for (uint32_t i = 0; i < t->n_in + t->n_out; i++) hal_buffer_release(t->buffers[i]);
}

hal_status op_square(hal_device *device, hal_dtype dtype, int64_t n, const bench_effort *effort, bench_summary *summary) {
    timed t = {.op = hal_op_describe(HAL_OP_MATMUL), .device = device, .n_in = 2, .deadline_ms = DEADLINE_MS};
    t.in_shape[0] = t.in_shape[1] = plain(dtype, n, n);
    hal_status status = shapes(&t);
    if (status == HAL_OK) status = make(&t);
    if (status == HAL_OK) status = bench_repeat(run_once, &t, effort, summary);
    drop(&t);
    return status;
}

static int report(const timed *t, hal_status status, tool_error *err) {
    if (hal_status_code(status) != HAL_CODE_DEADLINE_EXCEEDED) return model_fail(err, status, t->op->name);
    return deadline_fail(err, t->op->name, (double)(hal_time_now() - t->began) * 1e-9, t->deadline_ms, hal_status_last()->text);
}

static void print_sizes(const bench_options *o) {
    if (!o->n_in) printf("\"m\":%lld,\"n\":%lld,\"k\":%lld,", (long long)o->m, (long long)o->n, (long long)o->k);
    for (uint32_t i = 0; i < o->n_in; i++) printf("%s\"%s\"%s", i ? "," : "\"in\":[", o->in[i], i + 1 == o->n_in ? "]," : "");
}

/* Attributes other than the defaults: "transpose_b=1". */
static void print_attributes(const bench_options *o, const timed *t) {
    char text[1024];
    if (!hal_attrs_print(t->op, t->fields, text, sizeof text)) return;
    if (!o->json) {
        printf(" %s", text);
        return;
    }
    printf("\"attrs\":\"");
    for (const char *at = text; *at; at++) printf(*at == '"' ? "\\%c" : "%c", *at);
    printf("\",");
}

static void print(const bench_options *o, const timed *t, double seconds) {
    const hal_dtype_info *dtype = hal_dtype_describe(t->in_shape[0].dtype);
    const double flops = t->work.flops / seconds, bytes = t->work.bytes / seconds;
    const char *timing = t->queued.program ? "queued" : "call";
    if (o->json) {
        printf("{\"event\":\"op\",\"op\":\"%s\",\"dtype\":\"%s\",", o->op, dtype->name);
        print_sizes(o);
        print_attributes(o, t);
        printf("\"timing\":\"%s\",", timing);
        printf("\"seconds\":%.9g,\"flops_per_second\":%.9g,\"bytes_per_second\":%.9g}\n", seconds, flops, bytes);
        return;
    }
    printf("%s %s", o->op, o->n_in ? "" : dtype->name);
    if (!o->n_in) printf(" %lldx%lldx%lld", (long long)o->m, (long long)o->n, (long long)o->k);
    for (uint32_t i = 0; i < o->n_in; i++) printf("%s%s", i ? " " : "", o->in[i]);
    print_attributes(o, t);
    printf(": %.1f us (%s), %.1f GFLOP/s, %.1f GB/s\n", seconds * 1e6, t->queued.program ? "a launch of many that are queued" : "a call that waits",
           flops * 1e-9, bytes * 1e-9);
}

/* Launches are queued where that was asked for, or the way to the device is one: the host does not address its memory. */
static int choose_timing(const bench_options *o, hal_instance *instance, timed *t, tool_error *err) {
    hal_device_info info;
    hal_memory_info memory;
    hal_shape operands[BENCH_MAX_INPUTS + BENCH_MAX_OUTPUTS];
    hal_device_describe(t->device, &info);
    hal_memory_describe(hal_memory_get(instance, info.memory), &memory);
    if (o->timing ? strcmp(o->timing, "queued") != 0 : memory.host_access) return TOOL_OK;
    memcpy(operands, t->in_shape, t->n_in * sizeof *operands);
    memcpy(operands + t->n_in, t->out_shape, t->n_out * sizeof *operands);
    const hal_status status = launch_open(instance, t->device, t->op, t->fields, operands, t->n_in, t->n_out,
                                          hal_deadline_ms(t->deadline_ms), &t->queued);
    /* One that the device has taken apart is no program by itself. */
    if (hal_status_code(status) == HAL_CODE_UNSUPPORTED && !o->timing) return TOOL_OK;
    return model_fail(err, status, "preparing a queue of launches");
}

int bench_op(const bench_options *options, tool_error *err) {
    hal_instance *instance;
    timed t = {.op = hal_op_find(options->op), .deadline_ms = options->deadline_ms ? options->deadline_ms : DEADLINE_MS};
    double seconds = 0;
    if (!t.op) return tool_fail(err, TOOL_NOT_FOUND, "no operator \"%s\"; did you mean \"%s\"?", options->op, hal_op_nearest(options->op));
    int code = inputs(options, &t, err);
    if (!code) code = attributes(options, &t, err);
    if (!code) code = model_fail(err, shapes(&t), t.op->name);
    if (!code) code = bench_open(options, &instance, err);
    if (code) return drop(&t), code;
    code = model_fail(err, hal_device_find(instance, options->device, &t.device), "finding the device");
    if (!code) code = model_fail(err, make(&t), "making operands");
    if (!code) code = choose_timing(options, instance, &t, err);
    if (!code) code = report(&t, measure(&t, options->steps ? options->steps : ROUNDS, &seconds), err);
    if (!code) print(options, &t, seconds);
    drop(&t);
    hal_device_release(t.device);
    hal_instance_release(instance);
    return code;
}
