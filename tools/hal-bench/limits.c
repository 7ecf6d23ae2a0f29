/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/common/json_input.h"
#include "tools/common/markup.h"
#include "tools/hal-bench/memory.h"
#include "tools/hal-bench/op.h"
#include "tools/hal-run/model.h"

/* Products grow until one takes so long that nothing else counts beside it. */
enum { SMALLEST = 512, LARGEST = 8192 };
static const double LONG_ENOUGH = 0.03;

void limits_want(limits *l, const char *dtype) {
    for (uint32_t i = 0; i < l->n_peaks; i++)
        if (strcmp(l->peaks[i].dtype, dtype) == 0) return;
    if (l->n_peaks == LIMITS_MOST_DTYPES) return;
    limit *peak = &l->peaks[l->n_peaks++];
    *peak = (limit){.value = 0};
    snprintf(peak->dtype, sizeof peak->dtype, "%s", dtype);
    snprintf(peak->how, sizeof peak->how, "not measured");
}

const limit *limits_peak(const limits *l, const char *dtype) {
    for (uint32_t i = 0; i < l->n_peaks; i++)
        if (strcmp(l->peaks[i].dtype, dtype) == 0 && l->peaks[i].value > 0) return &l->peaks[i];
    return NULL;
}

/* --- measuring --- */

static void measured(limit *l, double work, const bench_summary *s) {
    l->value = work / s->median;
    l->ci95 = l->value * s->ci95 / s->median;
    l->runs = s->runs;
    l->when = (int64_t)time(NULL);
}

static void why_not(limit *l, const char *text) { snprintf(l->how, sizeof l->how, "not measured: %.180s", text); }

static void measure_copy(limit *l, const bench_options *o, hal_instance *instance, hal_device *device) {
    const bench_effort effort = measure_effort(o);
    measurement m = {.kind = "copy", .bytes = measure_bytes(o) / 64 * 64};
    const double block = (double)m.bytes / (1 << 20);
    if (memory_copy(instance, device, &effort, &m)) return why_not(l, hal_status_last()->text);
    if (m.failure[0]) return why_not(l, m.failure);
    measured(l, (double)m.bytes, &m.rate);
    snprintf(l->how, sizeof l->how, "a copy of %.4g MiB within its memory, read and written", block);
}

static void measure_peak(limit *l, const bench_options *o, hal_device *device) {
    const bench_effort effort = {.least_runs = 5, .least_seconds = o->quick ? 0.02 : 0.2, .most_seconds = o->quick ? 0.2 : 2};
    const hal_dtype dtype = hal_dtype_find(l->dtype);
    double took = 0;
    for (int64_t n = SMALLEST; n <= LARGEST && took < LONG_ENOUGH; n *= 2) {
        bench_summary s;
        if (op_square(device, dtype, n, &effort, &s)) {
            if (l->value <= 0) why_not(l, hal_status_last()->text);
            return;
        }
        took = s.median;
        const double work = 2.0 * (double)n * (double)n * (double)n;
        if (work / took <= l->value) continue;
        measured(l, work, &s);
        snprintf(l->how, sizeof l->how, "a product of two %lldx%lld matrices", (long long)n, (long long)n);
    }
}

int limits_measure(limits *l, const bench_options *options, hal_instance *instance, tool_error *err) {
    hal_device *device;
    hal_device_info info;
    int code = model_fail(err, hal_device_find(instance, l->device, &device), "finding the device of the trace");
    if (code) return code;
    hal_device_describe(device, &info);
    snprintf(l->name, sizeof l->name, "%s", info.name);
    markup_clean(l->name);
    l->emulated = info.emulated;
    measure_copy(&l->copy, options, instance, device);
    for (uint32_t i = 0; i < l->n_peaks; i++) measure_peak(&l->peaks[i], options, device);
    hal_device_release(device);
    return TOOL_OK;
}

/* --- as lines --- */

static void print_limit(const limits *l, const limit *x, FILE *out) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:b, s:s, s:o, s:o, s:s, s:s, s:o, s:I, s:f, s:s}", "event", "limit", "device", l->device, "name", l->name,
                          "emulated", l->emulated, "kind", x->dtype[0] ? "matmul" : "copy", "dtype", x->dtype[0] ? json_string(x->dtype) : json_null(),
                          "value", x->value > 0 ? json_real(x->value) : json_null(), "unit", x->dtype[0] ? "op/s" : "bytes/s", "source",
                          x->value > 0 ? "measured" : "unknown", "when", x->when ? json_integer(x->when) : json_null(), "n", (json_int_t)x->runs, "ci95",
                          x->ci95, "how", x->how);
    if (!o) return;
    json_dumpf(o, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
    fputc('\n', out);
    json_decref(o);
}

void limits_print(const limits *l, FILE *out) {
    print_limit(l, &l->copy, out);
    for (uint32_t i = 0; i < l->n_peaks; i++) print_limit(l, &l->peaks[i], out);
}

static bool says(const json_t *row, const char *key, const char *text) {
    const char *value = json_string_value(json_object_get(row, key));
    return value && strcmp(value, text) == 0;
}

static int read_figure(limit *x, const json_t *row, const char *path, tool_error *err) {
    int64_t runs = 0;
    int code = json_input_number(row, "value", path, 0, 1e30, &x->value, err);
    if (!code) code = json_input_number(row, "ci95", path, 0, 1e30, &x->ci95, err);
    if (!code) code = json_input_integer(row, "when", path, 0, INT64_MAX, &x->when, err);
    if (!code) code = json_input_integer(row, "n", path, 0, INT64_MAX, &runs, err);
    x->runs = (uint64_t)runs;
    return code;
}

/* "" where there is none. */
static int read_text(char *text, size_t size, const json_t *row, const char *key, const char *path, tool_error *err) {
    const char *value = NULL;
    int code = json_input_string(row, key, path, &value, err);
    if (!code) snprintf(text, size, "%s", value ? value : "");
    if (!code) markup_clean(text);
    return code;
}

static void take(limits *l, const limit *x) {
    if (!x->dtype[0]) l->copy = *x;
    for (uint32_t i = 0; i < l->n_peaks && x->dtype[0]; i++)
        if (strcmp(l->peaks[i].dtype, x->dtype) == 0) l->peaks[i] = *x;
}

static int read_limit(limits *l, const json_t *row, const char *path, tool_error *err) {
    limit x = {.value = 0};
    int code = read_figure(&x, row, path, err);
    if (!code) code = read_text(x.dtype, sizeof x.dtype, row, "dtype", path, err);
    if (!code) code = read_text(x.how, sizeof x.how, row, "how", path, err);
    if (!code) code = read_text(l->name, sizeof l->name, row, "name", path, err);
    if (!code) code = json_input_bool(row, "emulated", path, &l->emulated, err);
    if (!code) take(l, &x);
    return code;
}

static int read_lines(limits *l, FILE *in, const char *path, uint32_t *found, tool_error *err) {
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    int code = TOOL_OK;
    for (unsigned k = 1; !code && (n = getline(&line, &room, in)) > 0; k++) {
        json_t *row;
        code = json_input_parse(line, (size_t)n, path, &row, err);
        if (code) return free(line), tool_fail_within(err, code, "line %u", k);
        const bool mine = says(row, "event", "limit") && says(row, "device", l->device);
        *found += mine;
        if (mine) code = read_limit(l, row, path, err);
        json_decref(row);
    }
    free(line);
    return code;
}

int limits_read(limits *l, const char *path, tool_error *err) {
    uint32_t found = 0;
    FILE *in = fopen(path, "re");
    if (!in) return tool_fail_errno(err, errno, "opening", path);
    int code = read_lines(l, in, path, &found, err);
    if (!code && ferror(in)) code = tool_fail_errno(err, errno, "reading", path);
    fclose(in);
    if (!code && !found)
        code = tool_fail(err, TOOL_NOT_FOUND, "%s: no limit of %s, which the trace is of; hal-bench roofline --json tells them where that device is", path,
                         l->device);
    return code;
}
