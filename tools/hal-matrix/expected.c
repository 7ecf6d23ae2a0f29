/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/expected.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"

enum { FIELDS = 5, FILE_BYTES = 1 << 24 };
static const char *const fields[FIELDS] = {"CASE", "BACKEND", "REASON", "RECORD", "DATE"};

static char *trimmed(char *text) {
    while (isspace((unsigned char)*text)) text++;
    for (size_t n = strlen(text); n && isspace((unsigned char)text[n - 1]);) text[--n] = 0;
    return text;
}

static bool is_date(const char *text) {
    static const char shape[] = "0000-00-00";
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == '0' ? !isdigit((unsigned char)text[i]) : text[i] != shape[i]) return false;
    return true;
}

static int read_line(char *line, const char *where, matrix_record *r, tool_error *err) {
    struct { char *at; size_t size; } to[FIELDS] = {{r->pattern, sizeof r->pattern}, {r->backend, sizeof r->backend},
                                                    {r->reason, sizeof r->reason}, {r->record, sizeof r->record},
                                                    {r->date, sizeof r->date}};
    char *rest = line;
    for (int f = 0; f < FIELDS; f++) {
        char *text = strsep(&rest, "|");
        text = text ? trimmed(text) : NULL;
        if (!text || !*text)
            return tool_fail(err, TOOL_BAD_INPUT, "%s: %s is missing; a line is CASE | BACKEND | REASON | RECORD | DATE",
                             where, fields[f]);
        if (strlen(text) >= to[f].size)
            return tool_fail(err, TOOL_BAD_INPUT, "%s: %s is longer than %zu bytes", where, fields[f], to[f].size - 1);
        strcpy(to[f].at, text);
    }
    if (rest) return tool_fail(err, TOOL_BAD_INPUT, "%s: more than %d fields", where, FIELDS);
    if (!is_date(r->date))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: \"%s\" is no date such as 2026-11-21", where, r->date);
    return TOOL_OK;
}

static int add(matrix_records *records, char *line, unsigned number, tool_error *err) {
    char where[320];
    char *text = trimmed(line);
    if (!*text || *text == '#') return TOOL_OK;
    matrix_record *grown = realloc(records->items, (records->count + 1) * sizeof *grown);
    if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for expected failures");
    records->items = grown;
    snprintf(where, sizeof where, "%.256s: line %u", records->path, number);
    int code = read_line(text, where, &grown[records->count], err);
    if (code) return code;
    grown[records->count++].line = number;
    return TOOL_OK;
}

int matrix_records_read(const char *path, matrix_records *out, tool_error *err) {
    char *text;
    size_t bytes;
    int code = file_read_whole(path, FILE_BYTES, &text, &bytes, err);
    if (code) return code;
    matrix_records records = {.path = path};
    unsigned number = 0;
    char *rest = text;
    if (strlen(text) < bytes) code = tool_fail(err, TOOL_BAD_INPUT, "%s: not text: a zero byte at %zu", path, strlen(text));
    for (char *line; !code && (line = strsep(&rest, "\n"));) code = add(&records, line, ++number, err);
    free(text);
    if (code) matrix_records_clear(&records);
    else *out = records;
    return code;
}

void matrix_records_clear(matrix_records *records) {
    free(records->items);
    *records = (matrix_records){0};
}

/* `*` is the only special character: names of cases have brackets and question marks of their own. */
static bool matches(const char *pattern, const char *text) {
    const char *star = NULL, *from = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            from = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') pattern++;
    return !*pattern;
}

bool matrix_records_apply(const matrix_records *records, const char *backend, matrix_result *result) {
    char text[MATRIX_REASON_SIZE];
    for (size_t i = 0; i < records->count; i++) {
        const matrix_record *r = &records->items[i];
        if (!matches(r->backend, backend) || !matches(r->pattern, result->id)) continue;
        if (result->verdict == VERDICT_FAILED) {
            snprintf(text, sizeof text, "%s (%s, %s)", r->reason, r->record, r->date);
            memcpy(result->reason, text, sizeof text);
            result->verdict = VERDICT_XFAIL;
        } else if (result->verdict == VERDICT_PASSED) {
            snprintf(result->reason, sizeof result->reason, "passed, but %.200s says that it fails: remove line %u",
                     records->path, r->line);
            result->verdict = VERDICT_FAILED;
            return true;
        }
        return false;
    }
    return false;
}
