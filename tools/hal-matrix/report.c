/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/report.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"

int matrix_report_read_expected(matrix_report *report, const char *path, tool_error *err) {
    char *text;
    size_t bytes;
    int code = file_read_whole(path, 1 << 24, &text, &bytes, err);
    if (code) return code;
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line && !code; line = strtok_r(NULL, "\n", &save)) {
        if (line[0] == '#' || !line[0]) continue;
        char *id = strndup(line, strcspn(line, " \t"));
        char **grown = realloc(report->expected, (report->n_expected + 1) * sizeof *grown);
        if (grown) report->expected = grown;
        if (id && grown) report->expected[report->n_expected++] = id;
        else code = tool_fail(err, TOOL_INTERNAL, "out of memory for expected failures");
    }
    free(text);
    return code;
}

static bool expected(const matrix_report *report, const char *id) {
    for (size_t i = 0; i < report->n_expected; i++)
        if (strcmp(report->expected[i], id) == 0) return true;
    return false;
}

int matrix_report_add(matrix_report *report, matrix_result result, tool_error *err) {
    if (report->count == report->capacity) {
        const size_t capacity = report->capacity ? 2 * report->capacity : 256;
        matrix_result *grown = realloc(report->results, capacity * sizeof *grown);
        if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu results", capacity);
        report->results = grown;
        report->capacity = capacity;
    }
    if (report->n_expected && expected(report, result.id)) {
        if (result.verdict == VERDICT_FAILED) result.verdict = VERDICT_XFAIL;
        else if (result.verdict == VERDICT_PASSED) report->unexpected_passes++;
    }
    report->by_verdict[result.verdict]++;
    report->results[report->count++] = result;
    return TOOL_OK;
}

uint64_t matrix_report_executed(const matrix_report *report) {
    return report->by_verdict[VERDICT_PASSED] + report->by_verdict[VERDICT_FAILED] + report->by_verdict[VERDICT_XFAIL];
}

bool matrix_report_green(const matrix_report *report, uint64_t floor) {
    const uint64_t executed = matrix_report_executed(report);
    return report->by_verdict[VERDICT_FAILED] == 0 && report->unexpected_passes == 0 && executed > 0 && executed >= floor && report->loosen <= 1;
}

static json_t *summary(const matrix_report *r) {
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "declared", (json_int_t)r->declared, "executed",
                     (json_int_t)matrix_report_executed(r), "passed", (json_int_t)r->by_verdict[VERDICT_PASSED], "unsupported",
                     (json_int_t)r->by_verdict[VERDICT_UNSUPPORTED], "xfail", (json_int_t)r->by_verdict[VERDICT_XFAIL], "skipped",
                     (json_int_t)r->by_verdict[VERDICT_SKIPPED], "failed", (json_int_t)r->by_verdict[VERDICT_FAILED]);
}

int matrix_report_write(const matrix_report *report, const char *device, const char *list, uint64_t floor, const char *path,
                        tool_error *err) {
    json_t *cases = json_array();
    for (size_t i = 0; cases && i < report->count; i++) {
        const matrix_result *r = &report->results[i];
        json_array_append_new(cases, json_pack("{s:s,s:s,s:s,s:f}", "case", r->id, "verdict", matrix_verdict_name(r->verdict),
                                               "reason", r->reason, "worst", r->worst));
    }
    json_t *root = json_pack("{s:s,s:s,s:s,s:I,s:f,s:b,s:I,s:o,s:o}", "schema", "hal-matrix-1", "device", device, "list", list, "floor",
                             (json_int_t)floor, "loosen", report->loosen, "green", matrix_report_green(report, floor), "unexpected_passes",
                             (json_int_t)report->unexpected_passes, "summary", summary(report), "cases", cases);
    int failed = !root || json_dump_file(root, path, JSON_INDENT(1)) != 0;
    json_decref(root);
    return failed ? tool_fail(err, TOOL_INTERNAL, "writing %s failed: is its directory there and not full?", path) : TOOL_OK;
}

void matrix_report_clear(matrix_report *report) {
    for (size_t i = 0; i < report->n_expected; i++) free(report->expected[i]);
    free(report->expected);
    free(report->results);
    *report = (matrix_report){0};
}
