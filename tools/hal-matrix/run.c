/* SPDX-License-Identifier: Apache-2.0 */
/* hal-matrix run: the cases of a list on each device, held against the gates, and the reports. */
#include <string.h>
#include <time.h>

#include "tools/common/deadline.h"
#include "tools/hal-matrix/baseline.h"
#include "tools/hal-matrix/devices.h"
#include "tools/hal-matrix/expected.h"
#include "tools/hal-matrix/facts.h"
#include "tools/hal-matrix/interrupt.h"
#include "tools/hal-matrix/runner.h"
#include "tools/hal-matrix/verbs.h"

/* A run in progress. */
typedef struct run {
    const matrix_options *options;
    matrix_devices devices;
    matrix_selection selection;
    matrix_records records;
    matrix_baseline baseline;
    matrix_report report;
    FILE *talk; /* for people: standard error where a report goes to standard output */
} run;

/* Where results of the device that is running go. */
typedef struct intake {
    run *r;
    matrix_column *column;
} intake;

static bool same_backend(const run *r, const matrix_column *c) {
    return r->options->baseline && strcmp(r->baseline.backend, c->facts.backend) == 0;
}

static bool gated(const run *r, const matrix_column *c) {
    return same_backend(r, c) && matrix_baseline_fits(&r->baseline, &c->facts);
}

static void print_ungated(const run *r, const matrix_column *c) {
    if (same_backend(r, c) && !gated(r, c))
        fprintf(r->talk, "%s: the second gate is open: %s was recorded on \"%s\", and this is \"%s\"\n", c->facts.alias,
                r->options->baseline, r->baseline.machine, c->facts.machine);
}

static void print_case(const run *r, const matrix_column *c, const matrix_result *result) {
    const matrix_verdict v = result->verdict;
    if (!r->options->verbose && v != VERDICT_FAILED) return;
    fprintf(r->talk, "%-12s %s%s%s\n", matrix_verdict_name(v), result->id, result->reason[0] ? ": " : "", result->reason);
    if (v == VERDICT_FAILED)
        fprintf(r->talk, "             hal-matrix repro '%s' --device %s --seed %llu   # seed of input 0: %llu\n", result->id,
                c->facts.alias, (unsigned long long)r->options->seed, (unsigned long long)result->seed);
}

static int take(void *context, const matrix_result *result, tool_error *err) {
    const intake *in = context;
    matrix_column *c = in->column;
    matrix_result kept = *result;
    const bool as_recorded = matrix_records_apply(&in->r->records, c->facts.backend, &kept);
    c->unexpected += as_recorded;
    if (gated(in->r, c)) c->beyond_baseline += matrix_baseline_apply(&in->r->baseline, &kept);
    print_case(in->r, c, &kept);
    return matrix_column_add(c, &kept, err);
}

static void count_programs(const hal_device *device, matrix_facts *f) {
    f->programs = hal_device_counter(device, "programs");
    f->compiled = hal_device_counter(device, "kernels");
    f->kernels = f->compiled + hal_device_counter(device, "binaries");
}

static void print_summary(const run *r, const matrix_column *c) {
    const matrix_facts *f = &c->facts;
    char why[320];
    const matrix_level level = matrix_column_level(c, why, sizeof why);
    const unsigned long long *by = (const unsigned long long *)c->by_verdict;
    fprintf(r->talk, "%s, %s list: %llu declared, %llu executed, %llu passed, %llu failed, %llu unsupported, %llu xfail, "
            "%llu skipped\n", f->alias, f->list, (unsigned long long)f->declared,
            (unsigned long long)matrix_column_executed(c), by[VERDICT_PASSED], by[VERDICT_FAILED],
            by[VERDICT_UNSUPPORTED], by[VERDICT_XFAIL], by[VERDICT_SKIPPED]);
    fprintf(r->talk, "%s: list version %s, %llu programs", f->alias, f->version, (unsigned long long)f->programs);
    if (f->kernels)
        fprintf(r->talk, " by %llu distinct kernels, %llu of them compiled in this run", (unsigned long long)f->kernels,
                (unsigned long long)f->compiled);
    fprintf(r->talk, ", %.1f s%s\n", f->seconds, f->emulated ? "; emulated, not run on hardware" : "");
    fprintf(r->talk, "%s: %s%s%s\n", f->alias, matrix_level_name(level), why[0] ? "; " : "", why);
}

static int run_device(run *r, hal_device *device, tool_error *err) {
    const matrix_options *o = r->options;
    matrix_column *c = matrix_report_column(&r->report, err);
    if (!c) return TOOL_INTERNAL;
    matrix_facts_gather(r->devices.instance, device, o, &r->selection, &c->facts);
    if (gated(r, c)) snprintf(c->facts.baseline, sizeof c->facts.baseline, "%s", o->baseline);
    print_ungated(r, c);
    const matrix_target target = {.instance = r->devices.instance, .device = device, .deadline_ms = o->deadline_ms,
                                  .loosen = o->loosen, .seed = o->seed, .timed = o->perf};
    intake in = {r, c};
    const matrix_sink sink = {take, &in};
    const int64_t begin = hal_time_now();
    double late = 0;
    int code = matrix_run_items(&target, &r->selection, o->jobs, &sink, c->facts.incomplete, sizeof c->facts.incomplete,
                                &late, err);
    c->facts.seconds = (double)(hal_time_now() - begin) * 1e-9;
    count_programs(device, &c->facts);
    print_summary(r, c);
    if (code || late <= 0) return code;
    /* What hangs would hold up every device after it. */
    return deadline_fail(err, strrchr(c->facts.incomplete, ' ') + 1, late, o->deadline_ms, c->facts.incomplete);
}

static int run_devices(run *r, tool_error *err) {
    int code = TOOL_OK;
    r->report.when = (int64_t)time(NULL);
    for (size_t i = 0; i < r->devices.count && !code && !matrix_interrupted(); i++)
        code = run_device(r, r->devices.items[i], err);
    return code;
}

/* --------------------------------------------------------------------------------------------------- the end -- */

/* Why a run is not green, the worst first. */
static int say_red(const run *r, tool_error *err) {
    uint64_t failed = 0, unexpected = 0, beyond = 0;
    for (size_t i = 0; i < r->report.count; i++) {
        failed += r->report.columns[i].by_verdict[VERDICT_FAILED];
        unexpected += r->report.columns[i].unexpected;
        beyond += r->report.columns[i].beyond_baseline;
    }
    if (failed)
        return tool_fail(err, TOOL_INTERNAL, "%llu cases failed, %llu passed against expectation, %llu beyond the baseline",
                         (unsigned long long)(failed - unexpected - beyond), (unsigned long long)unexpected,
                         (unsigned long long)beyond);
    for (size_t i = 0; i < r->report.count; i++) {
        const matrix_column *c = &r->report.columns[i];
        const matrix_facts *f = &c->facts;
        if (matrix_column_green(c)) continue;
        if (f->incomplete[0]) return tool_fail(err, TOOL_DEGRADED, "%s: %s; the report has what was run", f->alias, f->incomplete);
        if (f->loosen > 1)
            return tool_fail(err, TOOL_DEGRADED, "the bounds were multiplied by %g: such a run is never green", f->loosen);
        if (f->kernels > MATRIX_MOST_KERNELS)
            return tool_fail(err, TOOL_DEGRADED, "%s: %llu distinct kernels, and at most %d may be: is one made for each shape?",
                             f->alias, (unsigned long long)f->kernels, MATRIX_MOST_KERNELS);
        return tool_fail(err, TOOL_DEGRADED, "%s: %llu cases executed, the floor is %llu", f->alias,
                         (unsigned long long)matrix_column_executed(c), (unsigned long long)(f->floor ? f->floor : 1));
    }
    return matrix_interrupted() ? tool_fail(err, TOOL_DEGRADED, "interrupted; the report has what was run") : TOOL_OK;
}

static matrix_outputs outputs_of(const matrix_options *o) {
    return (matrix_outputs){.json = o->json, .html = o->html, .junit = o->junit, .md = o->md};
}

static int conclude(run *r, tool_error *err) {
    const matrix_options *o = r->options;
    const matrix_outputs outputs = outputs_of(o);
    int code = matrix_outputs_write(&outputs, &r->report, err);
    for (size_t i = 0; o->write_baseline && i < r->report.count && !code; i++)
        code = matrix_baseline_write(&r->report.columns[i], o->write_baseline, err);
    return code ? code : say_red(r, err);
}

static bool is_stdout(const char *path) { return path && strcmp(path, "-") == 0; }

static FILE *talk_to(const matrix_options *o) {
    return is_stdout(o->json) || is_stdout(o->html) || is_stdout(o->junit) || is_stdout(o->md) ? stderr : stdout;
}

/* Whether the baseline can be held against anything here. */
static int check_baseline(const run *r, tool_error *err) {
    if (!r->options->baseline) return TOOL_OK;
    if (r->options->seed)
        return tool_fail(err, TOOL_BAD_INPUT, "--baseline with --seed: maxima are recorded for the numbers of seed 0");
    for (size_t i = 0; i < r->devices.count; i++) {
        hal_device_info info;
        hal_device_describe(r->devices.items[i], &info);
        if (strcmp(info.backend, r->baseline.backend) == 0) return TOOL_OK;
    }
    return tool_fail(err, TOOL_BAD_INPUT, "%s is the baseline of backend %s, and no device here is one of it",
                     r->options->baseline, r->baseline.backend);
}

static int prepare(run *r, tool_error *err) {
    const matrix_options *o = r->options;
    const matrix_outputs outputs = outputs_of(o);
    int code = matrix_outputs_check(&outputs, err);
    if (!code && o->expect) code = matrix_records_read(o->expect, &r->records, err);
    if (!code && o->baseline) code = matrix_baseline_read(o->baseline, &r->baseline, err);
    if (!code) code = matrix_devices_open(o, &r->devices, err);
    if (!code) code = check_baseline(r, err);
    return code ? code : matrix_select(&o->filter, &r->selection, err);
}

int matrix_verb_run(const matrix_options *o, tool_error *err) {
    run r = {.options = o, .talk = talk_to(o)};
    matrix_interrupt_catch();
    int code = prepare(&r, err);
    if (!code) {
        code = run_devices(&r, err);
        if (!code) code = conclude(&r, err);
        else if (code == TOOL_DEADLINE) conclude(&r, NULL);
    }
    matrix_report_clear(&r.report);
    matrix_records_clear(&r.records);
    matrix_baseline_clear(&r.baseline);
    matrix_selection_clear(&r.selection);
    if (r.devices.instance) matrix_devices_close(&r.devices);
    return code;
}
