/* SPDX-License-Identifier: Apache-2.0 */
/* Arrays of objects as RFC 4180 has tables. */
#include "tools/hal-info/document.h"

#include <stdlib.h>
#include <string.h>

enum { NAME = 256, DEEPEST = 8 };

static bool is_figure(const json_t *value)
{
    return json_object_get(value, "value") && json_object_get(value, "unit");
}

static void join(char *name, const char *prefix, const char *key)
{
    snprintf(name, NAME, "%s%s%s", prefix, *prefix ? "." : "", key);
}

/* Collects the columns of one row in the order they are first seen; values are arrays of the rows' cells. */
static int collect(json_t *columns, const json_t *object, const char *prefix, int depth)
{
    const char *key;
    json_t *value;
    char name[NAME];
    json_object_foreach((json_t *)object, key, value)
    {
        join(name, prefix, key);
        if (json_is_object(value) && !is_figure(value) && depth < DEEPEST) {
            if (collect(columns, value, name, depth + 1))
                return -1;
        } else if (!json_object_get(columns, name) && json_object_set_new(columns, name, json_true()))
            return -1;
    }
    return 0;
}

/* The member that a dotted column name means. Keys have no dots. */
static const json_t *lookup(const json_t *row, const char *name)
{
    char part[NAME];
    while (row && *name) {
        const size_t n = strcspn(name, ".");
        snprintf(part, sizeof part, "%.*s", (int)n, name);
        row = json_object_get(row, part);
        name += n + (name[n] == '.');
    }
    return row;
}

static void quoted(FILE *out, const char *text)
{
    const bool bare = !strpbrk(text, ",\"\r\n");
    if (bare) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    fputc('"', out);
}

static int dump(FILE *out, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (!text)
        return -1;
    quoted(out, text);
    free(text);
    return 0;
}

/* A list of words is "a;b"; anything deeper is JSON in a cell. */
static int print_list(FILE *out, const json_t *list)
{
    char text[4096] = "";
    size_t k;
    json_t *one;
    json_array_foreach((json_t *)list, k, one)
    {
        const size_t used = strlen(text);
        if (!json_is_string(one) || used + json_string_length(one) + 2 > sizeof text)
            return dump(out, list);
        snprintf(text + used, sizeof text - used, "%s%s", k ? ";" : "", json_string_value(one));
    }
    quoted(out, text);
    return 0;
}

static int print_cell(FILE *out, const json_t *value)
{
    if (is_figure(value))
        value = json_object_get(value, "value");
    if (!value || json_is_null(value))
        return 0;
    if (json_is_string(value)) {
        quoted(out, json_string_value(value));
        return 0;
    }
    if (json_is_real(value))
        return fprintf(out, "%.15g", json_real_value(value)) < 0;
    return json_is_array(value) ? print_list(out, value) : dump(out, value);
}

static int print_all(const json_t *rows, json_t *columns, FILE *out)
{
    const char *name;
    json_t *unused, *row;
    size_t k;
    bool first = true;
    json_object_foreach(columns, name, unused)
    {
        if (!first)
            fputc(',', out);
        quoted(out, name);
        first = false;
    }
    fputs("\r\n", out);
    json_array_foreach((json_t *)rows, k, row)
    {
        first = true;
        json_object_foreach(columns, name, unused)
        {
            if (!first)
                fputc(',', out);
            if (print_cell(out, lookup(row, name)))
                return -1;
            first = false;
        }
        fputs("\r\n", out);
    }
    return 0;
}

int csv_print(const json_t *rows, FILE *out, tool_error *err)
{
    json_t *columns = json_object(), *row;
    size_t k;
    int failed = columns == NULL;
    json_array_foreach((json_t *)rows, k, row) failed = failed || collect(columns, row, "", 0);
    failed = failed || print_all(rows, columns, out);
    json_decref(columns);
    return failed && !ferror(out) ? tool_fail(err, TOOL_INTERNAL, "out of memory for the table") : TOOL_OK;
}
