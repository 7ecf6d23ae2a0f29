/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/profile.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/json_input.h"
#include "tools/common/markup.h"

/* A trace keeps about a million events of some two hundred bytes. */
#define LARGEST_TRACE ((uint64_t)1 << 30)
#define LARGEST       1e18

enum { MOST_ROWS = 4096 };

/* A track of this trace that is a device's. */
typedef struct track {
    int64_t process, number;
    uint32_t device;
    double begin, end;
} track;

typedef struct reader {
    profile *profile;
    const char *path;
    const json_t *events;
    track tracks[PROFILE_MOST_DEVICES];
    uint32_t n_tracks;
    uint64_t ops;
    tool_error *err;
} reader;

static const char *text(const json_t *event, const char *key) {
    const char *value = json_string_value(json_object_get(event, key));
    return value ? value : "";
}

static bool is(const json_t *event, const char *key, const char *value) { return strcmp(text(event, key), value) == 0; }

static int64_t whole(const json_t *event, const char *key) { return json_integer_value(json_object_get(event, key)); }

/* --- tracks --- */

static const char *name_of(const reader *r, const json_t *event) {
    size_t i;
    const json_t *other;
    json_array_foreach((json_t *)r->events, i, other) {
        if (is(other, "ph", "M") && is(other, "name", "thread_name") && whole(other, "pid") == whole(event, "pid") &&
            whole(other, "tid") == whole(event, "tid")) return text(json_object_get(other, "args"), "name");
    }
    return "";
}

static int find_device(const reader *r, const char *name, uint32_t *index) {
    profile *p = r->profile;
    for (uint32_t i = 0; i < p->n_devices; i++)
        if (strcmp(p->devices[i].name, name) == 0) {
            *index = i;
            return TOOL_OK;
        }
    if (p->n_devices == PROFILE_MOST_DEVICES || strlen(name) >= sizeof p->devices[0].name)
        return tool_fail(r->err, TOOL_BAD_INPUT, "%s: more than %d devices, or one with a name of more than %zu bytes", r->path,
                         PROFILE_MOST_DEVICES, sizeof p->devices[0].name - 1);
    *index = p->n_devices;
    snprintf(p->devices[p->n_devices++].name, sizeof p->devices[0].name, "%s", name);
    return TOOL_OK;
}

static int find_track(reader *r, const json_t *event, track **out) {
    for (uint32_t i = 0; i < r->n_tracks; i++)
        if (r->tracks[i].process == whole(event, "pid") && r->tracks[i].number == whole(event, "tid")) {
            *out = &r->tracks[i];
            return TOOL_OK;
        }
    const char *name = name_of(r, event);
    if (!*name) return tool_fail(r->err, TOOL_BAD_INPUT, "%s: track %lld has an op and no name; HAL_TRACE writes one", r->path, (long long)whole(event, "tid"));
    if (r->n_tracks == PROFILE_MOST_DEVICES) return tool_fail(r->err, TOOL_BAD_INPUT, "%s: ops on more than %d tracks", r->path, PROFILE_MOST_DEVICES);
    track *t = &r->tracks[r->n_tracks];
    *t = (track){.process = whole(event, "pid"), .number = whole(event, "tid"), .begin = INFINITY, .end = -INFINITY};
    int code = find_device(r, name, &t->device);
    r->n_tracks += code == TOOL_OK;
    *out = t;
    return code;
}

/* --- spans --- */

static int find_row(const reader *r, profile_device *d, const char *op, const char *dtype, profile_row **row) {
    for (uint32_t i = 0; i < d->n_rows; i++)
        if (strcmp(d->rows[i].op, op) == 0 && strcmp(d->rows[i].dtype, dtype) == 0) {
            *row = &d->rows[i];
            return TOOL_OK;
        }
    if (d->n_rows == MOST_ROWS) return tool_fail(r->err, TOOL_BAD_INPUT, "%s: more than %d operators on %s; hal has fewer", r->path, MOST_ROWS, d->name);
    profile_row *rows = realloc(d->rows, (d->n_rows + 1) * sizeof *rows);
    if (!rows) return tool_fail(r->err, TOOL_INTERNAL, "%s: no memory for another operator", r->path);
    d->rows = rows;
    *row = &rows[d->n_rows++];
    **row = (profile_row){.calls = 0};
    snprintf((*row)->op, sizeof (*row)->op, "%s", op);
    snprintf((*row)->dtype, sizeof (*row)->dtype, "%s", dtype);
    markup_clean((*row)->op);
    markup_clean((*row)->dtype);
    return TOOL_OK;
}

static int add_op(reader *r, profile_device *d, const json_t *event, double seconds) {
    const json_t *of = json_object_get(event, "args");
    double flops = -1, bytes = -1;
    int code = json_input_number(of, "flops", r->path, 0, LARGEST, &flops, r->err);
    if (!code) code = json_input_number(of, "bytes", r->path, 0, LARGEST, &bytes, r->err);
    const char *op = text(of, "op"), *dtype = text(of, "dtype");
    const bool told = *op && flops >= 0 && bytes >= 0;
    if (told && (strlen(op) >= sizeof d->rows->op || strlen(dtype) >= sizeof d->rows->dtype))
        return tool_fail(r->err, TOOL_BAD_INPUT, "%s: \"%.60s\" is no name of an operator", r->path, op);
    profile_row *row = NULL;
    if (!code) code = find_row(r, d, told ? op : "", told ? dtype : "", &row);
    if (code) return code;
    row->calls++;
    row->seconds += seconds;
    row->flops += told ? flops : 0;
    row->bytes += told ? bytes : 0;
    r->ops++;
    return TOOL_OK;
}

static void count(profile_spans *spans, double seconds) {
    spans->count++;
    spans->seconds += seconds;
}

static int add_span(reader *r, const json_t *event) {
    double begin = NAN, length = NAN;
    track *t = NULL;
    int code = json_input_number(event, "ts", r->path, -LARGEST, LARGEST, &begin, r->err);
    if (!code) code = json_input_number(event, "dur", r->path, 0, LARGEST, &length, r->err);
    if (!code && (isnan(begin) || isnan(length))) code = tool_fail(r->err, TOOL_BAD_INPUT, "%s: \"ts\" or \"dur\" is missing", r->path);
    if (!code) code = find_track(r, event, &t);
    if (code) return code;
    profile_device *d = &r->profile->devices[t->device];
    const double seconds = length * 1e-6;
    t->begin = fmin(t->begin, begin * 1e-6);
    t->end = fmax(t->end, begin * 1e-6 + seconds);
    if (is(event, "cat", "program")) count(&d->programs, seconds);
    if (is(event, "cat", "copy")) count(&d->copies, seconds);
    if (!is(event, "cat", "op")) return TOOL_OK;
    count(&d->ops, seconds);
    return add_op(r, d, event, seconds);
}

static bool is_of_device(const json_t *event) {
    return is(event, "ph", "X") && (is(event, "cat", "op") || is(event, "cat", "program") || is(event, "cat", "copy"));
}

static int add_events(reader *r) {
    size_t i;
    const json_t *event;
    json_array_foreach((json_t *)r->events, i, event) {
        if (!is_of_device(event)) continue;
        int code = add_span(r, event);
        if (code) return tool_fail_within(r->err, code, "event %zu", i + 1);
    }
    for (uint32_t k = 0; k < r->n_tracks; k++) r->profile->devices[r->tracks[k].device].span += r->tracks[k].end - r->tracks[k].begin;
    if (r->ops) return TOOL_OK;
    return tool_fail(r->err, TOOL_BAD_INPUT, "%s: no op in its %zu events; trace something that computes on a backend that reports its ops", r->path,
                     json_array_size(r->events));
}

int profile_add(profile *p, const char *path, tool_error *err) {
    json_t *root;
    int64_t dropped = 0;
    int code = json_input_load(path, LARGEST_TRACE, &root, err);
    if (code) return code;
    reader r = {.profile = p, .path = path, .events = json_object_get(root, "traceEvents"), .err = err};
    if (!json_is_array(r.events)) code = tool_fail(err, TOOL_BAD_INPUT, "%s: no \"traceEvents\"; what HAL_TRACE=FILE writes has them", path);
    if (!code) code = add_events(&r);
    if (!code) code = json_input_integer(json_object_get(root, "otherData"), "dropped", path, 0, INT64_MAX, &dropped, err);
    if (!code) p->dropped += (uint64_t)dropped;
    json_decref(root);
    return code;
}

static int longest_first(const void *a, const void *b) {
    const profile_row *x = a, *y = b;
    if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
    const int by_op = strcmp(x->op, y->op);
    return by_op ? by_op : strcmp(x->dtype, y->dtype);
}

void profile_sort(profile *p) {
    for (uint32_t i = 0; i < p->n_devices; i++)
        if (p->devices[i].n_rows) qsort(p->devices[i].rows, p->devices[i].n_rows, sizeof *p->devices[i].rows, longest_first);
}

void profile_clear(profile *p) {
    for (uint32_t i = 0; i < p->n_devices; i++) free(p->devices[i].rows);
    *p = (profile){.n_devices = 0};
}
