/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info diff A B: what differs between two machines, or between one before and after. */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-info/document.h"
#include "tools/hal-info/info.h"

enum { PATH = 512 };

/* What is different between two looks at the same machine without meaning anything. */
static bool is_passing(const char *key)
{
    static const char *const keys[] = {"generated", "when", "free", "ms", "origin", "tool"};
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        if (strcmp(key, keys[k]) == 0)
            return true;
    return false;
}

static void note(json_t *changes, const char *path, const json_t *before, const json_t *after)
{
    json_array_append_new(changes, json_pack("{s:s,s:s,s:O?,s:O?}", "what",
                                             !before  ? "added"
                                             : !after ? "removed"
                                                      : "changed",
                                             "path", path, "before", before, "after", after));
}

static void compare(json_t *changes, const char *path, const json_t *a, const json_t *b);

static void compare_objects(json_t *changes, const char *path, const json_t *a, const json_t *b)
{
    const char *key;
    json_t *value;
    char inner[PATH];
    json_object_foreach((json_t *)a, key, value)
    {
        if (is_passing(key))
            continue;
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key);
        compare(changes, inner, value, json_object_get(b, key));
    }
    json_object_foreach((json_t *)b, key, value)
    {
        if (is_passing(key) || json_object_get(a, key))
            continue;
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", key);
        compare(changes, inner, NULL, value);
    }
}

/* Objects of a list are told apart by id, or for links by their ends and kind, for codes by the device too.
 */
static void name_of(const json_t *one, size_t index, char *name, size_t size)
{
    static const char *const keys[] = {"id", "name", "code", "device", "from",
                                       "to", "kind", "path", "dtype",  "op_class"};
    name[0] = 0;
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        const char *value = json_string_value(json_object_get(one, keys[k]));
        const size_t used = strlen(name);
        if (value && *value)
            snprintf(name + used, size - used, "%s%s", used ? " " : "", value);
        if (k == 0 && name[0])
            return;
    }
    if (!name[0])
        snprintf(name, size, "%zu", index);
}

/* The list as an object by name; what has the same name gets a number. */
static json_t *by_name(const json_t *list)
{
    json_t *map = json_object(), *one;
    size_t k;
    char name[PATH / 2], free_name[PATH / 2 + 16];
    json_array_foreach((json_t *)list, k, one)
    {
        name_of(one, k, name, sizeof name);
        snprintf(free_name, sizeof free_name, "%s", name);
        for (unsigned n = 2; json_object_get(map, free_name) && n < 4096; n++)
            snprintf(free_name, sizeof free_name, "%s#%u", name, n);
        json_object_set(map, free_name, one);
    }
    return map;
}

static void compare_lists(json_t *changes, const char *path, const json_t *a, const json_t *b)
{
    json_t *x = by_name(a), *y = by_name(b), *value;
    const char *key;
    char inner[PATH];
    json_object_foreach(x, key, value)
    {
        snprintf(inner, sizeof inner, "%s[%s]", path, key);
        compare(changes, inner, value, json_object_get(y, key));
    }
    json_object_foreach(y, key, value)
    {
        snprintf(inner, sizeof inner, "%s[%s]", path, key);
        if (!json_object_get(x, key))
            note(changes, inner, NULL, value);
    }
    json_decref(x);
    json_decref(y);
}

static bool holds_objects(const json_t *list)
{
    return json_is_object(json_array_get(list, 0));
}

static void compare(json_t *changes, const char *path, const json_t *a, const json_t *b)
{
    if (json_is_object(a) && json_is_object(b))
        compare_objects(changes, path, a, b);
    else if (json_is_array(a) && json_is_array(b) && (holds_objects(a) || holds_objects(b)))
        compare_lists(changes, path, a, b);
    else if (!a != !b || (a && !json_equal(a, b)))
        note(changes, path, a, b);
}

static int open_side(const info *i, const char *input, json_t **root, tool_error *err)
{
    info side = *i;
    int code = machine_open(i->options, input, false, &side.topology, err);
    if (code)
        return code;
    code = document_create(&side, root, err);
    hal_topology_release(side.topology);
    return code;
}

int diff_data(info *i, json_t **root, tool_error *err)
{
    json_t *a, *b;
    if (i->options->n_words != 2)
        return tool_fail(err, TOOL_BAD_INPUT, "diff: name two descriptions, such as before.json after.json");
    int code = open_side(i, i->options->words[0], &a, err);
    if (code)
        return code;
    code = open_side(i, i->options->words[1], &b, err);
    if (!code) {
        json_t *changes = json_array();
        compare(changes, "", a, b);
        *root = json_pack("{s:s,s:s,s:s,s:o}", "schema", "hal.diff/1", "before", i->options->words[0],
                          "after", i->options->words[1], "changes", changes);
        json_decref(b);
    }
    json_decref(a);
    return code || *root ? code : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

/* A value in a line: texts as they are, figures by their value, objects by their size. */
static const char *brief(const json_t *value, char *text, size_t size)
{
    const json_t *inner = json_object_get(value, "value");
    if (inner)
        value = inner;
    if (!value)
        snprintf(text, size, "-");
    else if (json_is_string(value))
        snprintf(text, size, "%s", json_string_value(value));
    else if (json_is_real(value))
        snprintf(text, size, "%.6g", json_real_value(value));
    else if (json_is_object(value))
        snprintf(text, size, "(%s)",
                 json_string_value(json_object_get(value, "name"))
                     ? json_string_value(json_object_get(value, "name"))
                     : "...");
    else {
        char *dump = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        snprintf(text, size, "%s", dump ? dump : "?");
        free(dump);
    }
    return text;
}

static void print_change(const info *i, const json_t *change)
{
    const json_t *before = json_object_get(change, "before"), *after = json_object_get(change, "after");
    const char *path = json_string_value(json_object_get(change, "path")),
               *what = json_string_value(json_object_get(change, "what"));
    const info_tone tone = *what == 'a' ? TONE_GOOD : *what == 'r' ? TONE_BAD : TONE_WARN;
    char a[160], b[160], text[1024];
    fprintf(i->out, "%s%c%s ", style_on(&i->style, tone),
            *what == 'a'   ? '+'
            : *what == 'r' ? '-'
                           : '~',
            style_off(&i->style, tone));
    if (*what == 'c')
        snprintf(text, sizeof text, "%s: %s -> %s", path, brief(before, a, sizeof a),
                 brief(after, b, sizeof b));
    else
        snprintf(text, sizeof text, "%s %s", path, brief(*what == 'a' ? after : before, a, sizeof a));
    style_wrap(&i->style, i->out, 2, text);
}

static int differ(size_t n, tool_error *err)
{
    return n ? tool_fail(err, TOOL_DEGRADED, "%zu difference%s", n, n == 1 ? "" : "s") : TOOL_OK;
}

int diff_print(info *i, tool_error *err)
{
    json_t *root, *one;
    size_t k;
    int code = diff_data(i, &root, err);
    if (code)
        return code;
    const json_t *changes = json_object_get(root, "changes");
    json_array_foreach((json_t *)changes, k, one) print_change(i, one);
    code = differ(json_array_size(changes), err);
    json_decref(root);
    return code;
}

int diff_verdict(const json_t *root, tool_error *err)
{
    return differ(json_array_size(json_object_get(root, "changes")), err);
}
