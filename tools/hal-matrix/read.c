/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that come from elsewhere: every member is checked before it is used, and what is missing is said. */
#include <math.h>
#include <string.h>

#include "tools/common/json_input.h"
#include "tools/hal-matrix/report.h"

enum { REPORT_BYTES = 1 << 28 };

static const char schema[] = "hal-matrix-2";

static int text(const json_t *o, const char *key, const char *where, char *out, size_t size, tool_error *err) {
    const char *s = NULL;
    int code = json_input_string(o, key, where, &s, err);
    if (!code && s && strlen(s) >= size)
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: \"%s\" is longer than %zu bytes", where, key, size - 1);
    if (!code && s) strcpy(out, s);
    return code;
}

static int count(const json_t *o, const char *key, const char *where, uint64_t *out, tool_error *err) {
    int64_t n = (int64_t)*out;
    int code = json_input_integer(o, key, where, 0, INT64_MAX, &n, err);
    if (!code) *out = (uint64_t)n;
    return code;
}

static int verdict(const json_t *o, const char *where, matrix_verdict *out, tool_error *err) {
    const char *name = NULL;
    int code = json_input_string(o, "verdict", where, &name, err);
    for (int v = 0; !code && name && v < VERDICTS; v++)
        if (strcmp(name, matrix_verdict_name((matrix_verdict)v)) == 0) {
            *out = (matrix_verdict)v;
            return TOOL_OK;
        }
    return code ? code : tool_fail(err, TOOL_BAD_INPUT, "%s: verdict \"%s\" is unknown", where, name ? name : "");
}

static int place(const json_t *o, const char *where, matrix_worst *at, tool_error *err) {
    int64_t output = 0;
    if (!o) return TOOL_OK;
    at->got = at->want = NAN; /* what stands as null */
    int code = json_input_integer(o, "output", where, 0, MATRIX_MAX_TENSORS - 1, &output, err);
    at->output = (uint32_t)output;
    if (!code) code = json_input_integer(o, "element", where, 0, INT64_MAX, &at->element, err);
    if (!code) code = json_input_integer(o, "wrong", where, 0, INT64_MAX, &at->wrong, err);
    if (!code) code = json_input_integer(o, "of", where, 0, INT64_MAX, &at->of, err);
    if (!code) code = json_input_number(o, "got", where, -INFINITY, INFINITY, &at->got, err);
    if (!code) code = json_input_number(o, "want", where, -INFINITY, INFINITY, &at->want, err);
    return code ? code : json_input_number(o, "allowed", where, 0, INFINITY, &at->allowed, err);
}

static int measured(const json_t *o, const char *where, matrix_result *r, tool_error *err) {
    if (!o) return TOOL_OK;
    int code = json_input_number(o, "seconds", where, 0, INFINITY, &r->seconds, err);
    if (!code) code = json_input_number(o, "flops", where, 0, INFINITY, &r->flops, err);
    return code ? code : json_input_number(o, "bytes", where, 0, INFINITY, &r->bytes, err);
}

static int one_case(const json_t *o, const char *where, matrix_result *r, tool_error *err) {
    const json_t *worst = json_object_get(o, "worst");
    *r = (matrix_result){.worst = json_is_null(worst) ? INFINITY : 0};
    int code = text(o, "case", where, r->id, sizeof r->id, err);
    if (!code && !strchr(r->id, '/'))
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: case \"%s\" is no op/dtype/shape/layout", where, r->id);
    if (!code) code = verdict(o, where, &r->verdict, err);
    if (!code) code = text(o, "reason", where, r->reason, sizeof r->reason, err);
    if (!code) code = json_input_number(o, "worst", where, 0, INFINITY, &r->worst, err);
    if (!code) code = count(o, "seed", where, &r->seed, err);
    if (!code) code = place(json_object_get(o, "at"), where, &r->at, err);
    return code ? code : measured(json_object_get(o, "measured"), where, r, err);
}

static int cases(const json_t *list, const char *where, matrix_column *c, tool_error *err) {
    const json_t *one;
    size_t i;
    if (!json_is_array(list)) return tool_fail(err, TOOL_BAD_INPUT, "%s: \"cases\" is no list", where);
    json_array_foreach(list, i, one) {
        char here[320];
        matrix_result r;
        snprintf(here, sizeof here, "%s: case %zu", where, i + 1);
        if (!json_is_object(one)) return tool_fail(err, TOOL_BAD_INPUT, "%s is no object", here);
        int code = one_case(one, here, &r, err);
        if (!code) code = matrix_column_add(c, &r, err);
        if (code) return code;
    }
    return TOOL_OK;
}

static int device_facts(const json_t *o, const char *where, matrix_facts *f, tool_error *err) {
    int code = text(o, "device", where, f->alias, sizeof f->alias, err);
    if (!code && !f->alias[0]) code = tool_fail(err, TOOL_BAD_INPUT, "%s: a device without a name", where);
    if (!code) code = text(o, "backend", where, f->backend, sizeof f->backend, err);
    if (!code) code = text(o, "name", where, f->name, sizeof f->name, err);
    if (!code) code = text(o, "driver", where, f->driver, sizeof f->driver, err);
    if (!code) code = text(o, "features", where, f->features, sizeof f->features, err);
    if (!code) code = text(o, "system", where, f->system, sizeof f->system, err);
    if (!code) code = text(o, "hal", where, f->tool, sizeof f->tool, err);
    if (!code) code = json_input_bool(o, "emulated", where, &f->emulated, err);
    if (!code) code = count(o, "programs", where, &f->programs, err);
    if (!code) code = count(o, "kernels", where, &f->kernels, err);
    return code ? code : count(o, "kernels_compiled", where, &f->compiled, err);
}

static int run_facts(const json_t *o, const char *where, matrix_facts *f, tool_error *err) {
    int code = text(o, "list", where, f->list, sizeof f->list, err);
    if (!code && matrix_list_find(f->list) == LISTS)
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: list \"%s\" is unknown: tiny, quick or full", where, f->list);
    if (!code) code = text(o, "list_version", where, f->version, sizeof f->version, err);
    if (!code) code = text(o, "selection", where, f->selection, sizeof f->selection, err);
    if (!code) code = text(o, "baseline", where, f->baseline, sizeof f->baseline, err);
    if (!code) code = text(o, "incomplete", where, f->incomplete, sizeof f->incomplete, err);
    if (!code) code = json_input_integer(o, "when", where, 0, INT64_MAX / 2, &f->when, err);
    if (!code) code = json_input_number(o, "seconds", where, 0, INFINITY, &f->seconds, err);
    if (!code) code = json_input_number(o, "loosen", where, 0, INFINITY, &f->loosen, err);
    if (!code) code = json_input_bool(o, "perf", where, &f->perf, err);
    if (!code) code = count(o, "seed", where, &f->seed, err);
    if (!code) code = count(o, "jobs", where, &f->jobs, err);
    return code ? code : count(o, "floor", where, &f->floor, err);
}

static int column(const json_t *o, const char *path, size_t index, matrix_report *report, tool_error *err) {
    char where[256];
    snprintf(where, sizeof where, "%.200s: device %zu", path, index + 1);
    if (!json_is_object(o)) return tool_fail(err, TOOL_BAD_INPUT, "%s is no object", where);
    matrix_column *c = matrix_report_column(report, err);
    if (!c) return TOOL_INTERNAL;
    int code = device_facts(o, where, &c->facts, err);
    if (!code) code = run_facts(o, where, &c->facts, err);
    if (!code) code = cases(json_object_get(o, "cases"), where, c, err);
    if (!code) code = count(o, "unexpected_passes", where, &c->unexpected, err);
    if (!code) code = count(o, "beyond_baseline", where, &c->beyond_baseline, err);
    c->facts.declared = c->count;
    return code;
}

static int columns(const json_t *root, const char *path, matrix_report *report, tool_error *err) {
    const json_t *list = json_object_get(root, "devices"), *one;
    const char *name = NULL;
    size_t i;
    int code = TOOL_OK;
    if (json_input_string(root, "schema", path, &name, NULL) || !name || strcmp(name, schema))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: not a report that hal-matrix --json wrote (schema \"%.60s\", wanted \"%s\")",
                         path, name ? name : "none", schema);
    if (!json_is_array(list) || !json_array_size(list))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: the report has no devices", path);
    json_array_foreach(list, i, one) {
        code = column(one, path, i, report, err);
        if (code) break;
    }
    return code ? code : json_input_integer(root, "generated", path, 0, INT64_MAX / 2, &report->when, err);
}

int matrix_report_read(const char *path, matrix_report *out, tool_error *err) {
    json_t *root;
    matrix_report report = {0};
    int code = json_input_load(path, REPORT_BYTES, &root, err);
    if (code) return code;
    code = columns(root, path, &report, err);
    json_decref(root);
    if (code) matrix_report_clear(&report);
    else *out = report;
    return code;
}
