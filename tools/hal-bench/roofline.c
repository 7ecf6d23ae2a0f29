/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/roofline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "tools/common/file.h"
#include "tools/common/plot.h"
#include "tools/hal-run/model.h"

/* --- the judgement --- */

roofline_point roofline_judge(const profile_device *device, const limits *l, const profile_row *row) {
    roofline_point p = {.share = device->ops.seconds > 0 ? row->seconds / device->ops.seconds : 0};
    const limit *peak = limits_peak(l, row->dtype);
    if (!row->op[0] || row->seconds <= 0) return p;
    p.flop_rate = row->flops / row->seconds;
    p.byte_rate = row->bytes / row->seconds;
    p.intensity = row->bytes > 0 ? row->flops / row->bytes : 0;
    const double computing = peak && row->flops > 0 ? row->flops / peak->value : 0;
    const double moving = l->copy.value > 0 ? row->bytes / l->copy.value : 0;
    const double least = fmax(computing, moving);
    if (least <= 0) return p;
    p.bound = computing > moving ? ROOFLINE_COMPUTE : ROOFLINE_MEMORY;
    p.of_limit = least / row->seconds;
    p.spare = fmax(0, row->seconds - least);
    return p;
}

const char *roofline_bound_name(roofline_bound bound) {
    static const char *const names[] = {"-", "memory", "compute"};
    return names[bound];
}

bool roofline_shows(const roofline *r, uint32_t device) {
    return !r->only || strcmp(r->only, r->profile->devices[device].name) == 0;
}

/* --- as text --- */

static void print_number(double value, double unit) {
    if (value > 0) printf(" %10.4g", value / unit);
    else printf(" %10s", "-");
}

static void print_row(const profile_device *d, const limits *l, const profile_row *row) {
    const roofline_point p = roofline_judge(d, l, row);
    printf("%-20s %-5s %8llu %11.4g %6.1f%%", row->op[0] ? row->op : "(not told)", row->dtype, (unsigned long long)row->calls, row->seconds * 1e3,
           100 * p.share);
    print_number(p.flop_rate, 1e9);
    print_number(p.byte_rate, 1e9);
    print_number(p.intensity, 1);
    if (p.bound) printf(" %7.1f%%  %s\n", 100 * p.of_limit, roofline_bound_name(p.bound));
    else printf(" %8s  -\n", "-");
}

static void print_limit(const char *name, const limit *l) {
    if (l->value > 0)
        printf("  %-12s %8.4g %s  +- %.1f %%, %llu runs; %s\n", name, l->value * 1e-9, l->dtype[0] ? "GFLOP/s" : "GB/s", 100 * l->ci95 / l->value,
               (unsigned long long)l->runs, l->how);
    else
        printf("  %-12s %8s          %s\n", name, "-", l->how);
}

static void print_device(const profile_device *d, const limits *l) {
    printf("%s  %s%s\n", d->name, l->name, l->emulated ? "  (emulated)" : "");
    print_limit("copy", &l->copy);
    for (uint32_t i = 0; i < l->n_peaks; i++) print_limit(l->peaks[i].dtype, &l->peaks[i]);
    printf("  %.6g ms in ops, %.6g ms in %llu copies, of %.6g ms from first to last\n\n", d->ops.seconds * 1e3, d->copies.seconds * 1e3,
           (unsigned long long)d->copies.count, d->span * 1e3);
    printf("%-20s %-5s %8s %11s %7s %10s %10s %10s %8s  %s\n", "operator", "dtype", "calls", "ms", "share", "GFLOP/s", "GB/s", "FLOP/B", "of limit", "limit");
    for (uint32_t i = 0; i < d->n_rows; i++) print_row(d, l, &d->rows[i]);
    putchar('\n');
}

/* --- as JSON --- */

static json_t *known(double value) { return value > 0 ? json_real(value) : json_null(); }

static void print_object(json_t *o) {
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(o);
}

static json_t *text_or_null(const char *text) { return text[0] ? json_string(text) : json_null(); }

static void print_row_json(const profile_device *d, const limits *l, const profile_row *row) {
    const roofline_point x = roofline_judge(d, l, row);
    json_t *o = json_pack("{s:s, s:s, s:o, s:o, s:I, s:f, s:f}", "event", "operator", "device", d->name, "op", text_or_null(row->op), "dtype",
                          text_or_null(row->dtype), "calls", (json_int_t)row->calls, "seconds", row->seconds, "share", x.share);
    json_object_set_new(o, "flops", row->op[0] ? json_real(row->flops) : json_null());
    json_object_set_new(o, "bytes", row->op[0] ? json_real(row->bytes) : json_null());
    json_object_set_new(o, "flops_per_second", known(x.flop_rate));
    json_object_set_new(o, "bytes_per_second", known(x.byte_rate));
    json_object_set_new(o, "intensity", known(x.intensity));
    json_object_set_new(o, "limit", x.bound ? json_string(roofline_bound_name(x.bound)) : json_null());
    json_object_set_new(o, "of_limit", x.bound ? json_real(x.of_limit) : json_null());
    json_object_set_new(o, "spare_seconds", x.bound ? json_real(x.spare) : json_null());
    print_object(o);
}

static void print_device_json(const profile *p, const profile_device *d, const limits *l) {
    limits_print(l, stdout);
    print_object(json_pack("{s:s, s:s, s:f, s:f, s:f, s:I, s:I, s:f, s:I}", "event", "device", "device", d->name, "ops_seconds", d->ops.seconds,
                           "copies_seconds", d->copies.seconds, "programs_seconds", d->programs.seconds, "copies", (json_int_t)d->copies.count,
                           "programs", (json_int_t)d->programs.count, "span_seconds", d->span, "dropped", (json_int_t)p->dropped));
    for (uint32_t i = 0; i < d->n_rows; i++) print_row_json(d, l, &d->rows[i]);
}

/* --- the verb --- */

static int read_traces(const bench_options *o, profile *p, tool_error *err) {
    if (!o->n_paths) return tool_fail(err, TOOL_BAD_INPUT, "roofline: which trace? HAL_TRACE=FILE writes one of whatever hal runs");
    for (int i = 0; i < o->n_paths; i++) {
        int code = profile_add(p, o->paths[i], err);
        if (code) return code;
    }
    profile_sort(p);
    return TOOL_OK;
}

static int check_only(const roofline *r, tool_error *err) {
    for (uint32_t i = 0; i < r->profile->n_devices; i++)
        if (roofline_shows(r, i)) return TOOL_OK;
    return tool_fail(err, TOOL_NOT_FOUND, "--device %s: no op of it in the trace; the first device there is %s", r->only, r->profile->devices[0].name);
}

/* A peak for each dtype in which something is computed. */
static void want(limits *l, const profile_device *d) {
    snprintf(l->device, sizeof l->device, "%s", d->name);
    snprintf(l->copy.how, sizeof l->copy.how, "not measured");
    for (uint32_t i = 0; i < d->n_rows; i++) {
        const hal_dtype_info *dtype = hal_dtype_describe(hal_dtype_find(d->rows[i].dtype));
        if (d->rows[i].flops > 0 && dtype && dtype->class_ == HAL_DTYPE_CLASS_FLOAT) limits_want(l, d->rows[i].dtype);
    }
}

static int measure(const bench_options *o, roofline *r, tool_error *err) {
    hal_instance *instance;
    int code = bench_open(o, &instance, err);
    if (code) return code;
    for (uint32_t i = 0; !code && i < r->profile->n_devices; i++)
        if (roofline_shows(r, i)) code = limits_measure(&r->limits[i], o, instance, err);
    hal_instance_release(instance);
    return code == TOOL_NOT_FOUND ? tool_fail_within(err, code, "a trace of another machine needs --limits FILE") : code;
}

static int find_limits(const bench_options *o, roofline *r, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; i < r->profile->n_devices; i++) want(&r->limits[i], &r->profile->devices[i]);
    if (!o->limits) return measure(o, r, err);
    for (uint32_t i = 0; !code && i < r->profile->n_devices; i++)
        if (roofline_shows(r, i)) code = limits_read(&r->limits[i], o->limits, err);
    return code;
}

static int write_page(const roofline *r, const char *path, tool_error *err) {
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out) return tool_fail(err, TOOL_INTERNAL, "no memory for a page; free some");
    roofline_page_print(r, out);
    const bool failed = ferror(out);
    int code = fclose(out) || failed ? tool_fail(err, TOOL_INTERNAL, "no memory for a page; free some") : file_write_whole(path, text, bytes, err);
    free(text);
    return code;
}

static int report(const bench_options *o, const roofline *r, tool_error *err) {
    for (uint32_t i = 0; i < r->profile->n_devices; i++) {
        if (!roofline_shows(r, i)) continue;
        if (o->json) print_device_json(r->profile, &r->profile->devices[i], &r->limits[i]);
        else print_device(&r->profile->devices[i], &r->limits[i]);
    }
    if (r->profile->dropped)
        fprintf(stderr, "hal-bench: %llu events had no room in the trace: shares are of the rest\n", (unsigned long long)r->profile->dropped);
    return o->html ? write_page(r, o->html, err) : TOOL_OK;
}

int bench_roofline(const bench_options *options, tool_error *err) {
    profile p = {.n_devices = 0};
    roofline r = {.profile = &p, .only = options->device, .paths = options->paths, .n_paths = options->n_paths};
    int code = options->html ? plot_try(options->html, err) : TOOL_OK;
    if (!code) code = read_traces(options, &p, err);
    if (!code) code = check_only(&r, err);
    if (!code) code = find_limits(options, &r, err);
    if (!code) code = report(options, &r, err);
    profile_clear(&p);
    return code;
}
