/* SPDX-License-Identifier: Apache-2.0 */
/* --get PATH: one value of the document. */
#include "tools/hal-info/document.h"

#include <stdlib.h>
#include <string.h>

enum { PART = 256 };

/* The next part of a path: up to a dot, or inside of brackets. Returns what follows, NULL when it is
 * malformed. */
static const char *next_part(const char *path, char *part)
{
    if (*path == '.')
        path++;
    const bool bracket = *path == '[';
    if (bracket)
        path++;
    const size_t n = strcspn(path, bracket ? "]" : ".[");
    if (n == 0 || n >= PART || (bracket && path[n] != ']'))
        return NULL;
    memcpy(part, path, n);
    part[n] = 0;
    return path + n + bracket;
}

static const json_t *by_name(const json_t *array, const char *name)
{
    size_t k;
    json_t *one;
    json_array_foreach((json_t *)array, k, one)
    {
        static const char *const keys[] = {"id", "alias", "name", "code"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            const char *value = json_string_value(json_object_get(one, keys[i]));
            if (value && strcmp(value, name) == 0)
                return one;
        }
    }
    return NULL;
}

static const json_t *step(const json_t *value, const char *part)
{
    char *end;
    if (json_is_object(value))
        return json_object_get(value, part);
    if (!json_is_array(value))
        return NULL;
    const unsigned long index = strtoul(part, &end, 10);
    return *end == 0 && *part >= '0' && *part <= '9' ? json_array_get(value, index) : by_name(value, part);
}

/* Says which members there would have been. */
static int missing(const json_t *value, const char *path, const char *part, tool_error *err)
{
    char there[400] = "its parts: it has none";
    const char *key;
    json_t *unused;
    if (json_is_array(value))
        snprintf(there, sizeof there, "%zu entries, by number, id or alias", json_array_size(value));
    if (json_is_object(value))
        there[0] = 0;
    json_object_foreach((json_t *)value, key, unused)
    {
        const size_t used = strlen(there);
        if (used + strlen(key) + 3 < sizeof there)
            snprintf(there + used, sizeof there - used, "%s%s", used ? ", " : "", key);
    }
    return tool_fail(err, TOOL_NOT_FOUND, "--get %s: no \"%s\" among %s", path, part, there);
}

int path_find(const json_t *root, const char *path, const json_t **value, json_int_t *count, tool_error *err)
{
    char part[PART];
    const json_t *at = root;
    for (const char *rest = path; *rest;) {
        rest = next_part(rest, part);
        if (!rest)
            return tool_fail(err, TOOL_BAD_INPUT,
                             "--get %s: expected NAME.NAME or NAME[NAME], such as devices.gpu0.name", path);
        if (strcmp(part, "#") == 0 && !*rest && json_is_array(at)) {
            *value = NULL;
            *count = (json_int_t)json_array_size(at);
            return TOOL_OK;
        }
        const json_t *next = step(at, part);
        if (!next)
            return missing(at, path, part, err);
        at = next;
    }
    *value = at;
    return TOOL_OK;
}
