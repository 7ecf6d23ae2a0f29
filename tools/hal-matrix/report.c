/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/report.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/markup.h"

matrix_column *matrix_report_column(matrix_report *report, tool_error *err) {
    matrix_column *grown = realloc(report->columns, (report->count + 1) * sizeof *grown);
    if (!grown) {
        tool_fail(err, TOOL_INTERNAL, "out of memory for a device's results");
        return NULL;
    }
    report->columns = grown;
    grown[report->count] = (matrix_column){.facts.loosen = 1};
    return &grown[report->count++];
}

void matrix_report_clear(matrix_report *report) {
    for (size_t i = 0; i < report->count; i++) free(report->columns[i].results);
    free(report->columns);
    *report = (matrix_report){0};
}

int matrix_column_add(matrix_column *column, const matrix_result *result, tool_error *err) {
    if (column->count == column->capacity) {
        const size_t capacity = column->capacity ? 2 * column->capacity : 256;
        matrix_result *grown = realloc(column->results, capacity * sizeof *grown);
        if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu results", capacity);
        column->results = grown;
        column->capacity = capacity;
    }
    column->by_verdict[result->verdict]++;
    column->results[column->count] = *result;
    markup_clean(column->results[column->count++].reason);
    return TOOL_OK;
}

uint64_t matrix_column_executed(const matrix_column *c) {
    return c->by_verdict[VERDICT_PASSED] + c->by_verdict[VERDICT_FAILED] + c->by_verdict[VERDICT_XFAIL];
}

bool matrix_column_green(const matrix_column *c) {
    const uint64_t executed = matrix_column_executed(c);
    return c->by_verdict[VERDICT_FAILED] == 0 && executed > 0 && executed >= c->facts.floor && c->facts.loosen <= 1 &&
           c->facts.kernels <= MATRIX_MOST_KERNELS && !c->facts.incomplete[0];
}

bool matrix_report_green(const matrix_report *report) {
    for (size_t i = 0; i < report->count; i++)
        if (!matrix_column_green(&report->columns[i])) return false;
    return report->count > 0;
}

/* ---------------------------------------------------------------------------------------------------- levels -- */

const char *matrix_level_name(matrix_level level) {
    static const char *const names[] = {"Experimental", "Conformant-quick", "Conformant-full"};
    return names[level];
}

/* What keeps results of any number from counting; "" when nothing does. */
static void flaw_of(const matrix_column *c, char *why, size_t size) {
    const matrix_facts *f = &c->facts;
    const unsigned long long failed = c->by_verdict[VERDICT_FAILED], xfail = c->by_verdict[VERDICT_XFAIL];
    why[0] = 0;
    if (failed) snprintf(why, size, "%llu case%s failed", failed, failed == 1 ? "" : "s");
    else if (xfail) snprintf(why, size, "%llu failure%s on record", xfail, xfail == 1 ? " is" : "s are");
    else if (f->loosen > 1) snprintf(why, size, "the bounds were multiplied by %g", f->loosen);
    else if (f->kernels > MATRIX_MOST_KERNELS)
        snprintf(why, size, "%llu distinct kernels, and at most %d may be", (unsigned long long)f->kernels, MATRIX_MOST_KERNELS);
    else if (f->incomplete[0]) snprintf(why, size, "%s", f->incomplete);
    else if (f->selection[0]) snprintf(why, size, "only a part was run: %s", f->selection);
    else if (strcmp(f->list, "tiny") == 0) snprintf(why, size, "the tiny list proves no level");
}

static void short_of(uint64_t executed, uint64_t floor, const char *level, char *why, size_t size) {
    snprintf(why, size, "%llu cases executed; %s takes %llu", (unsigned long long)executed, level,
             (unsigned long long)floor);
}

matrix_level matrix_column_level(const matrix_column *c, char *why, size_t size) {
    const uint64_t executed = matrix_column_executed(c);
    flaw_of(c, why, size);
    if (why[0]) return LEVEL_EXPERIMENTAL;
    if (executed < MATRIX_FLOOR_QUICK) {
        short_of(executed, MATRIX_FLOOR_QUICK, "Conformant-quick", why, size);
        return LEVEL_EXPERIMENTAL;
    }
    if (strcmp(c->facts.list, "full")) {
        snprintf(why, size, "the full list was not run");
        return LEVEL_QUICK;
    }
    if (executed >= MATRIX_FLOOR_FULL) return LEVEL_FULL;
    short_of(executed, MATRIX_FLOOR_FULL, "Conformant-full", why, size);
    return LEVEL_QUICK;
}

/* --------------------------------------------------------------------------------------------------- outputs -- */

typedef int printer(const matrix_report *report, FILE *out, tool_error *err);

/* Whether the file, or where it is not there yet its directory, may be written. */
static int check_one(const char *path, tool_error *err) {
    char directory[PATH_MAX];
    const char *slash = path ? strrchr(path, '/') : NULL;
    if (!path || strcmp(path, "-") == 0) return TOOL_OK;
    if (!path[0] || strlen(path) >= sizeof directory)
        return tool_fail(err, TOOL_BAD_INPUT, "\"%.80s\" is no name of a file", path);
    snprintf(directory, sizeof directory, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    struct stat about;
    const bool there = stat(path, &about) == 0;
    if (there && S_ISDIR(about.st_mode)) return tool_fail(err, TOOL_BAD_INPUT, "%s cannot be written: it is a directory", path);
    if (access(there ? path : directory, W_OK) == 0) return TOOL_OK;
    return tool_fail(err, TOOL_BAD_INPUT, "%s cannot be written: %m; is its directory there, and yours?", path);
}

int matrix_outputs_check(const matrix_outputs *o, tool_error *err) {
    const char *const paths[] = {o->json, o->html, o->junit, o->md};
    int code = TOOL_OK;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0] && !code; i++) code = check_one(paths[i], err);
    return code;
}

static int print_to(printer *print, const matrix_report *report, const char *path, tool_error *err) {
    if (!path) return TOOL_OK;
    if (strcmp(path, "-") == 0) return print(report, stdout, err);
    FILE *out = fopen(path, "w");
    if (!out) return tool_fail(err, TOOL_BAD_INPUT, "%s cannot be written: %m", path);
    int code = print(report, out, err);
    const bool failed = ferror(out) != 0;
    if ((fclose(out) != 0 || failed) && !code)
        code = tool_fail(err, TOOL_INTERNAL, "%s could not be written whole: %m; is the disk full?", path);
    return code;
}

int matrix_outputs_write(const matrix_outputs *o, const matrix_report *report, tool_error *err) {
    int code = o->json ? matrix_report_write(report, o->json, err) : TOOL_OK;
    if (!code) code = print_to(matrix_page_print, report, o->html, err);
    if (!code) code = print_to(matrix_junit_print, report, o->junit, err);
    return code ? code : print_to(matrix_markdown_print, report, o->md, err);
}
