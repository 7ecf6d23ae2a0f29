/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int read_lines(FILE *in, const char *path, json_t *rows, tool_error *err) {
    char *line = NULL;
    size_t size = 0;
    int code = TOOL_OK;
    for (unsigned n = 1; !code && getline(&line, &size, in) > 0; n++) {
        json_t *row = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
        if (!json_is_object(row)) code = tool_fail(err, TOOL_BAD_INPUT, "%s: line %u: no JSON object as hal-bench mem --json or link --json writes it", path, n);
        if (!code && json_array_append(rows, row)) code = tool_fail(err, TOOL_INTERNAL, "%s: out of memory; free some", path);
        json_decref(row);
    }
    if (!code && ferror(in)) code = tool_fail_errno(err, errno, "reading", path);
    free(line);
    return code;
}

int compare_open(const bench_options *options, json_t **earlier, tool_error *err) {
    *earlier = NULL;
    if (!options->compare) return TOOL_OK;
    FILE *in = fopen(options->compare, "re");
    if (!in) return tool_fail_errno(err, errno, "opening", options->compare);
    json_t *rows = json_array();
    int code = rows ? read_lines(in, options->compare, rows, err) : tool_fail(err, TOOL_INTERNAL, "out of memory; free some");
    fclose(in);
    if (!code && json_array_size(rows) == 0) code = tool_fail(err, TOOL_BAD_INPUT, "%s: holds no measurement", options->compare);
    if (code)
        json_decref(rows);
    else
        *earlier = rows;
    return code;
}

static bool says(const json_t *row, const char *key, const char *text) {
    const char *value = json_string_value(json_object_get(row, key));
    return value && strcmp(value, text) == 0;
}

/* The figure of the same way with as many bytes, or NULL. */
static const json_t *find_figure(const json_t *earlier, const measurement *m, const char *name) {
    size_t i;
    json_t *row;
    json_array_foreach((json_t *)earlier, i, row) {
        if (!says(row, "event", m->kind) || !says(row, "from", m->from) || !says(row, "to", m->to)) continue;
        const json_t *figure = json_object_get(row, name);
        if (json_integer_value(json_object_get(row, "bytes")) == (json_int_t)m->bytes && json_number_value(json_object_get(figure, "value")) > 0) return figure;
    }
    return NULL;
}

/* Times of one run each, with half of their intervals: a difference counts when these do not meet. */
static const char *verdict(double now, double now_ci, double then, double then_ci) {
    if (now - now_ci > then + then_ci) return "slower";
    return now + now_ci < then - then_ci ? "faster" : "same";
}

void compare_print(const bench_options *options, const json_t *earlier, const measurement *m) {
    const bool rate = m->rate.runs != 0;
    const bench_summary *now = rate ? &m->rate : &m->delay;
    if (!earlier || m->failure[0] || now->runs == 0) return;
    const json_t *figure = find_figure(earlier, m, rate ? "bandwidth" : "latency");
    const double value = json_number_value(json_object_get(figure, "value")), ci95 = json_number_value(json_object_get(figure, "ci95"));
    const double then = rate && figure ? (double)m->bytes / value : value;
    const double ratio = figure ? then / now->median : 0;
    const char *word = figure ? verdict(now->median, now->ci95, then, then * ci95 / value) : "new";
    if (options->json) {
        json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "event", "compared", "kind", m->kind, "from", m->from, "to", m->to, "ratio",
                              figure ? json_real(ratio) : json_null(), "verdict", word);
        json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
        putchar('\n');
        json_decref(o);
    } else if (figure) {
        printf("       %s: x%.3f as fast as before\n", word, ratio);
    } else {
        puts("       new: not measured before with as many bytes");
    }
    fflush(stdout);
}
