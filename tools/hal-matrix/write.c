/* SPDX-License-Identifier: Apache-2.0 */
/* A report as JSON, schema hal-matrix-2: additions keep the number. What is not known is null. */
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "tools/hal-matrix/report.h"

/* The counts of all these columns. */
static json_t *summary(const matrix_column *columns, size_t n) {
    uint64_t by[VERDICTS] = {0}, declared = 0, executed = 0;
    for (size_t i = 0; i < n; i++) {
        declared += columns[i].facts.declared;
        executed += matrix_column_executed(&columns[i]);
        for (int v = 0; v < VERDICTS; v++) by[v] += columns[i].by_verdict[v];
    }
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "declared", (json_int_t)declared, "executed", (json_int_t)executed,
                     "passed", (json_int_t)by[VERDICT_PASSED], "unsupported", (json_int_t)by[VERDICT_UNSUPPORTED],
                     "xfail", (json_int_t)by[VERDICT_XFAIL], "skipped", (json_int_t)by[VERDICT_SKIPPED], "failed",
                     (json_int_t)by[VERDICT_FAILED]);
}

/* JSON has no infinity. */
static json_t *real(double x) { return isfinite(x) ? json_real(x) : json_null(); }

static json_t *text(const char *s) { return s[0] ? json_string(s) : json_null(); }

static json_t *place(const matrix_worst *at) {
    return json_pack("{s:I,s:I,s:o,s:o,s:o,s:I,s:I}", "output", (json_int_t)at->output, "element",
                     (json_int_t)at->element, "got", real(at->got), "want", real(at->want), "allowed", real(at->allowed),
                     "wrong", (json_int_t)at->wrong, "of", (json_int_t)at->of);
}

static json_t *one_case(const matrix_result *r) {
    json_t *o = json_pack("{s:s,s:s,s:o}", "case", r->id, "verdict", matrix_verdict_name(r->verdict), "worst",
                          real(r->worst));
    if (r->reason[0]) json_object_set_new(o, "reason", json_string(r->reason));
    if (r->verdict == VERDICT_FAILED || r->verdict == VERDICT_XFAIL)
        json_object_set_new(o, "seed", json_integer((json_int_t)r->seed));
    if (r->at.wrong) json_object_set_new(o, "at", place(&r->at));
    if (r->seconds > 0)
        json_object_set_new(o, "measured", json_pack("{s:f,s:f,s:f}", "seconds", r->seconds, "flops", r->flops, "bytes",
                                                     r->bytes));
    return o;
}

static json_t *cases(const matrix_column *c) {
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->count; i++) json_array_append_new(list, one_case(&c->results[i]));
    return list;
}

static json_t *count(uint64_t n) { return n ? json_integer((json_int_t)n) : json_null(); }

static void put_list(json_t *o, const matrix_facts *f) {
    json_object_set_new(o, "list", json_string(f->list));
    json_object_set_new(o, "list_version", json_string(f->version));
    json_object_set_new(o, "selection", text(f->selection));
    json_object_set_new(o, "seed", json_integer((json_int_t)f->seed));
    json_object_set_new(o, "floor", json_integer((json_int_t)f->floor));
    json_object_set_new(o, "loosen", json_real(f->loosen));
    json_object_set_new(o, "baseline", text(f->baseline));
    json_object_set_new(o, "complete", json_boolean(!f->incomplete[0]));
    json_object_set_new(o, "incomplete", text(f->incomplete));
}

static json_t *column(const matrix_column *c) {
    const matrix_facts *f = &c->facts;
    char why[320];
    const matrix_level level = matrix_column_level(c, why, sizeof why);
    json_t *o = json_object();
    json_object_set_new(o, "device", json_string(f->alias));
    json_object_set_new(o, "backend", json_string(f->backend));
    json_object_set_new(o, "name", text(f->name));
    json_object_set_new(o, "driver", text(f->driver));
    json_object_set_new(o, "features", text(f->features));
    json_object_set_new(o, "system", text(f->system));
    json_object_set_new(o, "hal", text(f->tool));
    json_object_set_new(o, "emulated", json_boolean(f->emulated));
    json_object_set_new(o, "when", json_integer((json_int_t)f->when));
    json_object_set_new(o, "seconds", json_real(f->seconds));
    json_object_set_new(o, "jobs", count(f->jobs));
    json_object_set_new(o, "perf", json_boolean(f->perf));
    json_object_set_new(o, "programs", count(f->programs));
    json_object_set_new(o, "kernels", count(f->kernels));
    json_object_set_new(o, "kernels_compiled", f->kernels ? json_integer((json_int_t)f->compiled) : json_null());
    put_list(o, f);
    json_object_set_new(o, "green", json_boolean(matrix_column_green(c)));
    json_object_set_new(o, "level", json_string(matrix_level_name(level)));
    json_object_set_new(o, "level_missing", text(why));
    json_object_set_new(o, "unexpected_passes", json_integer((json_int_t)c->unexpected));
    json_object_set_new(o, "beyond_baseline", json_integer((json_int_t)c->beyond_baseline));
    json_object_set_new(o, "summary", summary(c, 1));
    json_object_set_new(o, "cases", cases(c));
    return o;
}

int matrix_report_write(const matrix_report *report, const char *path, tool_error *err) {
    json_t *devices = json_array();
    for (size_t i = 0; devices && i < report->count; i++) json_array_append_new(devices, column(&report->columns[i]));
    json_t *root = json_pack("{s:s,s:I,s:s,s:b,s:o,s:o}", "schema", "hal-matrix-2", "generated", (json_int_t)report->when,
                             "tool", hal_version(), "green", matrix_report_green(report), "summary",
                             summary(report->columns, report->count), "devices", devices);
    const bool to_stdout = strcmp(path, "-") == 0;
    const size_t flags = JSON_INDENT(1) | JSON_REAL_PRECISION(9);
    const int failed = !root || (to_stdout ? json_dumpf(root, stdout, flags) || putchar('\n') == EOF
                                           : json_dump_file(root, path, flags) != 0);
    json_decref(root);
    return failed ? tool_fail(err, TOOL_INTERNAL, "writing %s failed: is its directory there and not full?", path)
                  : TOOL_OK;
}
