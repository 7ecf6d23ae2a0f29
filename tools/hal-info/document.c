/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/document.h"

#include <stdlib.h>
#include <string.h>

static int memory_out(tool_error *err)
{
    return tool_fail(err, TOOL_INTERNAL, "out of memory for the description");
}

int document_create(const info *i, json_t **root, tool_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return memory_out(err);
    const hal_status status = hal_topology_print_json(
        i->topology, HAL_PRINT_COMPACT | (i->options->redact ? HAL_PRINT_REDACTED : 0), stream);
    const bool closed = fclose(stream) == 0;
    json_error_t where;
    json_t *read = status == HAL_OK && closed ? json_loadb(text, bytes, 0, &where) : NULL;
    free(text);
    if (status != HAL_OK)
        return machine_fail(status, err);
    if (!closed)
        return memory_out(err);
    if (!read)
        return tool_fail(err, TOOL_INTERNAL, "the library's own JSON cannot be read back: %s at %d",
                         where.text, where.position);
    *root = read;
    return TOOL_OK;
}

static bool text_is(const json_t *object, const char *key, const char *text)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value && strcmp(value, text) == 0;
}

/* Keeps the links that end at the device. */
static json_t *filter(const json_t *links, const char *id)
{
    json_t *kept = json_array();
    size_t k;
    json_t *one;
    json_array_foreach(links, k, one) if (text_is(one, "from", id) || text_is(one, "to", id))
        json_array_append(kept, one);
    return kept;
}

int document_members(const info *i, const char *name, const char *only, json_t **root, tool_error *err)
{
    const hal_topology_device *d = NULL;
    json_t *whole;
    int code = only ? machine_device(i->topology, only, &d, err) : TOOL_OK;
    if (!code)
        code = document_create(i, &whole, err);
    if (code)
        return code;
    json_t *rows = json_object_get(whole, name);
    rows = d ? filter(rows, d->id) : json_incref(rows);
    *root = json_pack("{s:O,s:o}", "schema", json_object_get(whole, "schema"), name, rows);
    json_decref(whole);
    return *root ? TOOL_OK : memory_out(err);
}

int document_device(const info *i, const hal_topology_device *d, json_t **root, tool_error *err)
{
    json_t *whole, *one;
    size_t k;
    int code = document_create(i, &whole, err);
    if (code)
        return code;
    json_t *found = NULL;
    json_array_foreach(json_object_get(whole, "devices"), k, one) if (text_is(one, "id", d->id)) found =
        json_incref(one);
    json_decref(whole);
    *root = found;
    return found ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "%s is not in the library's JSON", d->id);
}

static int print_lines(const json_t *rows, FILE *out)
{
    size_t k;
    json_t *one;
    json_array_foreach(rows, k, one)
    {
        if (json_dumpf(one, out, JSON_COMPACT | JSON_REAL_PRECISION(15)))
            return -1;
        fputc('\n', out);
    }
    return 0;
}

/* A figure is an object, and its value is what is asked for. */
static void print_value(const json_t *value, FILE *out)
{
    const json_t *inner = json_object_get(value, "value");
    if (inner && json_object_get(value, "unit"))
        value = inner;
    if (json_is_string(value))
        fprintf(out, "%s\n", json_string_value(value));
    else if (json_is_real(value))
        fprintf(out, "%.15g\n", json_real_value(value));
    else {
        json_dumpf(value, out, JSON_ENCODE_ANY | JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', out);
    }
}

static int print_path(const json_t *root, const char *path, FILE *out, tool_error *err)
{
    const json_t *value = NULL;
    json_int_t count = 0;
    int code = path_find(root, path, &value, &count, err);
    if (code)
        return code;
    if (value)
        print_value(value, out);
    else
        fprintf(out, "%" JSON_INTEGER_FORMAT "\n", count);
    return TOOL_OK;
}

int document_print(const json_t *root, const info_options *o, const char *rows, FILE *out, tool_error *err)
{
    const json_t *array = rows ? json_object_get(root, rows) : NULL;
    json_t *single = array ? json_incref((json_t *)array) : json_pack("[O]", root);
    int code = single ? TOOL_OK : memory_out(err);
    int failed = 0;
    switch (code ? FORM_TEXT : o->form) {
    case FORM_JSON_LINES: failed = print_lines(single, out); break;
    case FORM_CSV: code = csv_print(single, out, err); break;
    case FORM_GET: code = print_path(root, o->get, out, err); break;
    case FORM_JSON:
        failed = json_dumpf(root, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        fputc('\n', out);
        break;
    default: break;
    }
    json_decref(single);
    return failed && !ferror(out) ? memory_out(err) : code; /* main tells of a stream that failed */
}
