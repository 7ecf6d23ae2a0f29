/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/attribute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const hal_attr_field *find(const hal_op_info *op, const char *name) {
    for (uint32_t i = 0; i < op->n_fields; i++)
        if (strcmp(op->fields[i].name, name) == 0) return &op->fields[i];
    return NULL;
}

/* The end of the number, or NULL where there is none. */
static const char *whole(const char *text, int64_t *out) {
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return end == text || errno ? NULL : end;
}

static bool read_whole(const char *text, int64_t *out) {
    const char *end = whole(text, out);
    return end && !*end;
}

static bool read_real(const char *text, double *out) {
    char *end;
    *out = strtod(text, &end);
    return end != text && !*end;
}

/* "2,3", or nothing. */
static bool read_list(const char *text, attribute *a) {
    a->pair.list = a->list;
    while (*text) {
        if (a->pair.n == HAL_MAX_RANK || !(text = whole(text, &a->list[a->pair.n]))) return false;
        a->pair.n++;
        if (*text && (*text != ',' || !text[1])) return false;
        text += *text == ',';
    }
    return true;
}

static bool read_value(const hal_attr_field *field, const char *text, attribute *a) {
    switch (field->kind) {
    case HAL_ATTR_KIND_INT: return read_whole(text, &a->pair.i);
    case HAL_ATTR_KIND_REAL: return read_real(text, &a->pair.f);
    case HAL_ATTR_KIND_LIST: return read_list(text, a);
    default: a->pair.s = text; return true;
    }
}

int attribute_parse(const hal_op_info *op, const char *text, attribute *out, tool_error *err) {
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals - text >= (long)sizeof out->name)
        return tool_fail(err, TOOL_BAD_INPUT, "--attr %s: expected NAME=VALUE, such as transpose_b=1", text);
    *out = (attribute){.pair.name = out->name};
    snprintf(out->name, sizeof out->name, "%.*s", (int)(equals - text), text);
    const hal_attr_field *field = find(op, out->name);
    /* One that is not there is refused with the names that are, by whom they are given to. */
    if (!field || read_value(field, equals + 1, out)) return TOOL_OK;
    return tool_fail(err, TOOL_BAD_INPUT, "--attr %s: \"%s\" is %s of %s (%s)", text, out->name,
                     field->kind == HAL_ATTR_KIND_INT ? "a whole number" : field->kind == HAL_ATTR_KIND_REAL ? "a number" :
                     "a list of whole numbers with commas between", op->name, field->doc);
}
