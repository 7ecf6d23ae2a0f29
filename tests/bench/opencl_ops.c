/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operators that move more than they compute, on an OpenCL device that shares the processors and on the cpu backend, by
 * turns in one process; a line of JSON each, with cpu time over OpenCL time.
 *
 *   make tests/bench/opencl_ops && HAL_PLUGIN_PATH=$PWD/plugins HAL_PROBE=$PWD/hal-probe tests/bench/opencl_ops [NAME]...
 *
 * Operands are larger than caches. A time is the least of ROUNDS times CALLS calls of hal_run, as what else the machine does
 * only adds. Exit status 1: a ratio below the goal; 3: no OpenCL device.
 */
#include <hal/plan.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 10, CALLS = 4, OPERANDS = 10, DEADLINE_MS = 60000, SECOND = 1000 };
static const double GOAL = 0.6;

/* `operands`: "dtype SIZExSIZE, ... > outputs"; integers in them are indices below ROWS. */
typedef struct work {
    const char *name, *op, *operands;
    hal_attr attr[2];
    uint32_t n_attrs;
} work;

#define ROWS 16384
#define BIG "f32 16384x1024"
#define HALVES "bf16 16384x2048"
static const int64_t heads_apart[] = {0, 2, 1, 3}, along_rows[] = {1}, down_columns[] = {0};
static const work all[] = {
    {"copy", "copy", BIG " > " BIG, {{0}}, 0},
    {"copy_i8", "copy", "i8 16384x4096 > i8 16384x4096", {{0}}, 0},
    {"cast_to_bf16", "cast", BIG " > bf16 16384x1024", {{"dtype", .s = "bf16"}}, 1},
    {"transpose", "transpose", "f32 4096x4096 > f32 4096x4096", {{0}}, 0},
    {"heads_apart", "transpose", "f32 16x1024x16x64 > f32 16x16x1024x64", {{"perm", .list = heads_apart, .n = 4}}, 1},
    {"concat", "concat", "f32 8192x1024, f32 8192x1024 > " BIG, {{0}}, 0},
    {"add", "pointwise", BIG ", " BIG " > " BIG, {{"expr", .s = "add(x0, x1)"}}, 1},
    {"add_bf16", "pointwise", HALVES ", " HALVES " > " HALVES, {{"expr", .s = "add(x0, x1)"}}, 1},
    {"bias_gelu", "pointwise", BIG ", f32 1024 > " BIG, {{"expr", .s = "gelu_tanh(add(x0, x1))"}}, 1},
    {"sum_rows", "reduce", BIG " > f32 16384", {{"axes", .list = along_rows, .n = 1}}, 1},
    {"sum_columns", "reduce", BIG " > f32 1024", {{"axes", .list = down_columns, .n = 1}}, 1},
    {"max_all", "reduce", BIG " > f32", {{"kind", .s = "max"}}, 1},
    {"square_sum", "square_sum", BIG " > f32", {{0}}, 0},
    {"softmax", "softmax", BIG " > " BIG, {{0}}, 0},
    {"softmax_bf16", "softmax", HALVES " > " HALVES, {{0}}, 0},
    {"log_softmax", "log_softmax", BIG " > " BIG, {{0}}, 0},
    {"layer_norm", "layer_norm", BIG ", f32 1024, f32 1024 > " BIG ", f32 16384, f32 16384", {{0}}, 0},
    {"layer_norm_grad", "layer_norm_grad", BIG ", " BIG ", f32 1024, f32 16384, f32 16384 > " BIG ", f32 1024, f32 1024", {{0}}, 0},
    {"rms_norm", "rms_norm", BIG ", f32 1024 > " BIG ", f32 16384", {{0}}, 0},
    {"rms_norm_bf16", "rms_norm", HALVES ", bf16 2048 > " HALVES ", f32 16384", {{0}}, 0},
    {"gated", "gated", BIG ", " BIG " > " BIG, {{0}}, 0},
    {"rotary", "rotary", "f32 16x16x1024x64, i32 1024 > f32 16x16x1024x64", {{0}}, 0},
    {"embedding", "embedding", BIG ", i32 16384 > " BIG, {{0}}, 0},
    {"gather", "gather", BIG ", i32 512 > f32 16384x512", {{"axis", .i = 1}}, 1},
    {"embedding_grad", "embedding_grad", BIG ", i32 16384 > " BIG, {{"rows", .i = ROWS}}, 1},
    {"cross_entropy", "cross_entropy", BIG ", i32 16384 > f32, f32 16384", {{0}}, 0},
    {"dropout", "dropout", BIG ", i64 > " BIG, {{"p", .f = 0.1}}, 1},
    {"adamw", "adamw", BIG ", " BIG ", " BIG ", " BIG ", f32, f32, f32 > " BIG ", " BIG ", " BIG, {{0}}, 0},
    {"sgd", "sgd", BIG ", " BIG ", " BIG ", f32, f32 > " BIG ", " BIG, {{0}}, 0},
};

/* One operator on one device. */
typedef struct side {
    const work *what;
    hal_device *device;
    hal_tensor tensor[OPERANDS];
    uint32_t n, n_in;
} side;

static void must(hal_status status) {
    if (status == HAL_OK) return;
    fprintf(stderr, "opencl_ops: %s\n", hal_status_last()->text);
    exit(hal_status_code(status) == HAL_CODE_NOT_FOUND ? 3 : 1);
}

/* Numbers below 1, again and again; scalars of optimisers too are small, which their time does not mind. */
static void fill(hal_tensor *t) {
    uint64_t bytes;
    must(hal_tensor_bytes(t->dtype, t->rank, t->size, &bytes));
    char *data = malloc(bytes);
    if (!data) exit(1);
    for (int64_t e = 0, n = hal_tensor_elements(t); e < n && e < ROWS; e++) {
        const int64_t mixed = e * 7919 % ROWS;
        const bool index = t->dtype == HAL_I32 || t->dtype == HAL_I64;
        hal_element_store(t->dtype, data, e, index ? (double)(mixed % 1024) : (double)(mixed + 1) / ROWS);
    }
    const uint64_t once = ROWS * (uint64_t)hal_dtype_describe(t->dtype)->bits / 8;
    for (uint64_t at = once; at < bytes; at += once) memcpy(data + at, data, bytes - at < once ? bytes - at : once);
    must(hal_buffer_write(t->buffer, 0, data, bytes));
    free(data);
}

static void make_tensor(hal_device *device, const char *text, hal_tensor *t) {
    char dtype[8] = "";
    int64_t size[HAL_MAX_RANK];
    uint32_t rank = 0;
    uint64_t bytes;
    int used = 0;
    sscanf(text, " %7[a-z0-9]%n", dtype, &used);
    for (text += used; *text == ' ' || *text == 'x'; rank++) size[rank] = strtoll(text + 1, (char **)&text, 10);
    must(hal_tensor_bytes(hal_dtype_find(dtype), rank, size, &bytes));
    hal_buffer *buffer;
    must(hal_buffer_create(device, bytes, &buffer));
    *t = hal_tensor_buffer(buffer, 0, hal_dtype_find(dtype), rank, size);
    fill(t);
}

static void open_side(hal_device *device, const work *what, side *s) {
    char text[512];
    *s = (side){.what = what, .device = device};
    snprintf(text, sizeof text, "%s", what->operands);
    char *outputs = strchr(text, '>');
    *outputs++ = '\0';
    outputs[-2] = '\0';
    for (int part = 0; part < 2; part++) {
        char *rest = NULL;
        for (char *one = strtok_r(part ? outputs : text, ",", &rest); one; one = strtok_r(NULL, ",", &rest))
            make_tensor(device, one + strspn(one, " "), &s->tensor[s->n++]);
        if (part == 0) s->n_in = s->n;
    }
}

static void close_side(side *s) {
    for (uint32_t i = 0; i < s->n; i++) hal_buffer_release(s->tensor[i].buffer);
}

/* Seconds of the fastest of a few calls, or `least`. */
static double sample(const side *s, double least) {
    for (int i = 0; i < CALLS; i++) {
        const int64_t begin = hal_time_now();
        must(hal_run(s->device, s->what->op, s->what->attr, s->what->n_attrs, s->tensor, s->n_in, s->tensor + s->n_in,
            s->n - s->n_in, hal_deadline_ms(DEADLINE_MS)));
        const double took = (double)(hal_time_now() - begin) * 1e-9;
        least = took < least ? took : least;
    }
    return least;
}

static double bytes_moved(const side *s) {
    double sum = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        uint64_t bytes;
        must(hal_tensor_bytes(s->tensor[i].dtype, s->tensor[i].rank, s->tensor[i].size, &bytes));
        sum += (double)bytes;
    }
    return sum;
}

static bool compare(hal_device *const *device, const work *what) {
    double seconds[2] = {SECOND, SECOND};
    side s[2];
    for (int d = 0; d < 2; d++) open_side(device[d], what, &s[d]);
    for (int r = 0; r < ROUNDS; r++)
        for (int d = 0; d < 2; d++) seconds[d] = sample(&s[d], seconds[d]);
    printf("{\"name\": \"%s\", \"cpu_ms\": %.2f, \"opencl_ms\": %.2f, \"cpu_gb_s\": %.1f, \"ratio\": %.2f}\n", what->name,
        seconds[0] * 1e3, seconds[1] * 1e3, bytes_moved(&s[0]) / seconds[0] * 1e-9, seconds[0] / seconds[1]);
    fflush(stdout);
    for (int d = 0; d < 2; d++) close_side(&s[d]);
    return seconds[0] / seconds[1] >= GOAL;
}

static bool is_asked(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return argc == 1;
}

int main(int argc, char **argv) {
    hal_instance *hal;
    hal_device *device[2];
    bool met = true;
    must(hal_instance_create(NULL, &hal));
    must(hal_device_find(hal, "cpu0", &device[0]));
    must(hal_device_find(hal, "opencl0", &device[1]));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (is_asked(all[i].name, argc, argv)) met &= compare(device, &all[i]);
    for (int d = 0; d < 2; d++) hal_device_release(device[d]);
    hal_instance_release(hal);
    return met ? 0 : 1;
}
