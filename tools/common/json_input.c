/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/json_input.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "tools/common/file.h"

static int fail_parse(const json_error_t *problem, const char *where, tool_error *err)
{
    const enum json_error_code code = json_error_code(problem);
    if (code == json_error_stack_overflow) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: JSON nested deeper than %d levels", where,
                         JSON_INPUT_MAX_DEPTH);
    }
    return tool_fail(err, code == json_error_out_of_memory ? TOOL_INTERNAL : TOOL_BAD_INPUT,
                     "%s: line %d, column %d: %s", where, problem->line, problem->column, problem->text);
}

int json_input_parse(const char *text, size_t bytes, const char *where, json_t **out_root, tool_error *err)
{
    json_error_t problem;
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &problem);
    if (!root) {
        return fail_parse(&problem, where, err);
    }
    if (!json_is_object(root)) {
        json_decref(root);
        return tool_fail(err, TOOL_BAD_INPUT, "%s: the JSON value is not an object", where);
    }
    *out_root = root;
    return 0;
}

int json_input_load(const char *path, uint64_t limit, json_t **out_root, tool_error *err)
{
    char *text;
    size_t bytes;
    int code = file_read_whole(path, limit, &text, &bytes, err);
    if (code) {
        return code;
    }
    code = json_input_parse(text, bytes, path, out_root, err);
    free(text);
    return code;
}

/* The member, or NULL where it is absent or null: both leave a default in place. */
static const json_t *member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "an array";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a real number";
    case JSON_TRUE: return "true";
    case JSON_FALSE: return "false";
    default: return "null";
    }
}

static int fail_type(const json_t *value, const char *key, const char *where, const char *wanted,
                     tool_error *err)
{
    return tool_fail(err, TOOL_BAD_INPUT, "%s: \"%s\" is %s; %s is expected", where, key, type_name(value),
                     wanted);
}

int json_input_whole(const json_t *value, const char *key, const char *where, int64_t low, int64_t high,
                     int64_t *out, tool_error *err)
{
    if (!json_is_integer(value)) {
        return fail_type(value, key, where, "an integer", err);
    }
    int64_t number = json_integer_value(value);
    if (number < low || number > high) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "%s: \"%s\" is %" PRId64 "; %" PRId64 " to %" PRId64 " is accepted", where, key,
                         number, low, high);
    }
    *out = number;
    return 0;
}

int json_input_integer(const json_t *object, const char *key, const char *where, int64_t low, int64_t high,
                       int64_t *inout, tool_error *err)
{
    const json_t *value = member(object, key);
    return value ? json_input_whole(value, key, where, low, high, inout, err) : 0;
}

int json_input_number(const json_t *object, const char *key, const char *where, double low, double high,
                      double *inout, tool_error *err)
{
    const json_t *value = member(object, key);
    if (!value) {
        return 0;
    }
    if (!json_is_number(value)) {
        return fail_type(value, key, where, "a number", err);
    }
    double number = json_number_value(value);
    if (!isfinite(number) || number < low || number > high) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: \"%s\" is %g; %g to %g is accepted", where, key, number,
                         low, high);
    }
    *inout = number;
    return 0;
}

int json_input_bool(const json_t *object, const char *key, const char *where, bool *inout, tool_error *err)
{
    const json_t *value = member(object, key);
    if (!value) {
        return 0;
    }
    if (!json_is_boolean(value)) {
        return fail_type(value, key, where, "true or false", err);
    }
    *inout = json_is_true(value);
    return 0;
}

int json_input_string(const json_t *object, const char *key, const char *where, const char **out,
                      tool_error *err)
{
    const json_t *value = member(object, key);
    if (value && !json_is_string(value)) {
        return fail_type(value, key, where, "a string", err);
    }
    *out = value ? json_string_value(value) : NULL;
    return 0;
}
