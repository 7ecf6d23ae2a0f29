/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"
#include "tools/hal-bench/op.h"
#include "tools/hal-run/model.h"

enum { ROUNDS = 15, DEADLINE_MS = 60000 };

/* One timed operator on device buffers. */
typedef struct timed {
    hal_device *device;
    const char *op;
    hal_buffer *buffers[3];
    hal_tensor in[2], out;
    uint32_t n_in;
    int64_t deadline_ms, began; /* of the last call */
} timed;

static hal_status operand(timed *t, uint32_t i, hal_dtype dtype, const int64_t *size, hal_tensor *tensor) {
    uint64_t bytes;
    HAL_TRY(hal_tensor_bytes(dtype, 2, size, &bytes));
    HAL_TRY(hal_buffer_create(t->device, bytes, &t->buffers[i]));
    *tensor = hal_tensor_buffer(t->buffers[i], 0, dtype, 2, size);
    void *data = calloc(1, bytes);
    if (!data) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (int64_t e = 0; e < size[0] * size[1]; e++) hal_element_store(dtype, data, e, (double)((e * 7919) % 1024) / 512 - 1);
    hal_status status = hal_buffer_write(t->buffers[i], 0, data, bytes);
    free(data);
    return status;
}

static hal_status make(const bench_options *o, hal_dtype dtype, timed *t) {
    const bool matmul = strcmp(o->op, "matmul") == 0;
    const int64_t a[] = {o->m, matmul ? o->k : o->n}, b[] = {o->k, o->n}, c[] = {o->m, o->n};
    t->n_in = matmul ? 2 : 1;
    HAL_TRY(operand(t, 0, dtype, a, &t->in[0]));
    if (matmul) HAL_TRY(operand(t, 1, dtype, b, &t->in[1]));
    return operand(t, 2, dtype, c, &t->out);
}

static hal_status once(timed *t) {
    t->began = hal_time_now();
    return hal_run(t->device, t->op, NULL, 0, t->in, t->n_in, &t->out, 1, hal_deadline_ms(t->deadline_ms));
}

/* Median seconds of a call; each sample repeats it for at least 4 ms. */
static hal_status measure(timed *t, uint64_t rounds, double *seconds) {
    double samples[256];
    HAL_TRY(once(t));
    double begin = bench_now();
    HAL_TRY(once(t));
    const double single = bench_now() - begin;
    const uint64_t repeat = single < 4e-3 ? (uint64_t)(4e-3 / (single + 1e-9)) + 1 : 1;
    if (rounds > 256) rounds = 256;
    for (uint64_t r = 0; r < rounds; r++) {
        begin = bench_now();
        for (uint64_t i = 0; i < repeat; i++) HAL_TRY(once(t));
        samples[r] = (bench_now() - begin) / (double)repeat;
    }
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
    for (int i = 0; i < 3; i++) hal_buffer_release(t->buffers[i]);
}

hal_status op_square(hal_device *device, hal_dtype dtype, int64_t n, const bench_effort *effort, bench_summary *summary) {
    const bench_options o = {.op = "matmul", .m = n, .n = n, .k = n};
    timed t = {.op = o.op, .device = device, .deadline_ms = DEADLINE_MS};
    hal_status status = make(&o, dtype, &t);
    if (status == HAL_OK) status = bench_repeat(run_once, &t, effort, summary);
    drop(&t);
    return status;
}

static int report(const timed *t, hal_status status, tool_error *err) {
    if (hal_status_code(status) != HAL_CODE_DEADLINE_EXCEEDED) return model_fail(err, status, t->op);
    return deadline_fail(err, t->op, (double)(hal_time_now() - t->began) * 1e-9, t->deadline_ms, hal_status_last()->text);
}

static void print(const bench_options *o, double seconds, double flops) {
    if (o->json)
        printf("{\"event\":\"op\",\"op\":\"%s\",\"dtype\":\"%s\",\"m\":%lld,\"n\":%lld,\"k\":%lld,\"seconds\":%.9g,\"flops_per_second\":%.9g}\n",
               o->op, o->dtype, (long long)o->m, (long long)o->n, (long long)o->k, seconds, flops / seconds);
    else
        printf("%s %s %lldx%lldx%lld: %.1f us, %.1f GFLOP/s\n", o->op, o->dtype, (long long)o->m, (long long)o->n, (long long)o->k,
               seconds * 1e6, flops / seconds * 1e-9);
}

int bench_op(const bench_options *options, tool_error *err) {
    hal_instance *instance;
    const hal_dtype dtype = hal_dtype_find(options->dtype);
    if (!hal_op_find(options->op))
        return tool_fail(err, TOOL_NOT_FOUND, "no operator \"%s\"; did you mean \"%s\"?", options->op, hal_op_nearest(options->op));
    if (dtype == HAL_NO_DTYPE) return tool_fail(err, TOOL_BAD_INPUT, "no dtype \"%s\"", options->dtype);
    int code = bench_open(options, &instance, err);
    if (code) return code;
    timed t = {.op = options->op, .deadline_ms = options->deadline_ms ? options->deadline_ms : DEADLINE_MS};
    double seconds = 0;
    code = model_fail(err, hal_device_find(instance, options->device, &t.device), "finding the device");
    if (!code) code = model_fail(err, make(options, dtype, &t), "making operands");
    if (!code) code = report(&t, measure(&t, options->steps ? options->steps : ROUNDS, &seconds), err);
    if (!code) print(options, seconds, strcmp(options->op, "matmul") == 0 ? 2.0 * (double)options->m * (double)options->n * (double)options->k
                                                                          : (double)options->m * (double)options->n);
    drop(&t);
    hal_device_release(t.device);
    hal_instance_release(instance);
    return code;
}
