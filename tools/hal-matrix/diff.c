/* SPDX-License-Identifier: Apache-2.0 */
/* hal-matrix diff: what became of each case between two reports. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hal-matrix/report.h"
#include "tools/hal-matrix/verbs.h"

/* A share below LEAST is far from the bound wherever it was before; times are told apart from SLOWER on. */
static const double GREW = 1.25, LEAST = 0.05, SLOWER = 1.25;

typedef enum change { CHANGE_WORSE, CHANGE_BETTER, CHANGE_CLOSER, CHANGE_SLOWER, CHANGE_FASTER, CHANGE_GONE, CHANGE_NEW, CHANGES } change;
static const char *const change_names[] = {"worse", "better", "closer", "slower", "faster", "gone", "new"};

typedef struct tally { uint64_t by[CHANGES]; } tally;

static int by_id(const void *a, const void *b) {
    return strcmp((*(const matrix_result *const *)a)->id, (*(const matrix_result *const *)b)->id);
}

/* Pointers to the results, in the order of their names. NULL without memory. */
static const matrix_result **sorted(const matrix_column *c) {
    const matrix_result **list = malloc((c->count + 1) * sizeof *list);
    for (size_t i = 0; list && i < c->count; i++) list[i] = &c->results[i];
    if (list) qsort(list, c->count, sizeof *list, by_id);
    return list;
}

static const matrix_result *find(const matrix_result **list, size_t n, const matrix_result *key) {
    const matrix_result **hit = bsearch(&key, list, n, sizeof *list, by_id);
    return hit ? *hit : NULL;
}

/* The less the better; what was not run is neither. */
static int rank(matrix_verdict v) {
    return v == VERDICT_PASSED ? 0 : v == VERDICT_UNSUPPORTED || v == VERDICT_SKIPPED ? 1 : v == VERDICT_XFAIL ? 2 : 3;
}

static void say(tally *t, change what, const char *device, const char *id, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void say(tally *t, change what, const char *device, const char *id, const char *format, ...) {
    va_list args;
    t->by[what]++;
    printf("%-7s %s %s: ", change_names[what], device, id);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void compare_times(tally *t, const char *device, const matrix_result *a, const matrix_result *b) {
    if (a->seconds <= 0 || b->seconds <= 0) return;
    if (b->seconds > SLOWER * a->seconds)
        say(t, CHANGE_SLOWER, device, a->id, "%.3g s -> %.3g s", a->seconds, b->seconds);
    else if (a->seconds > SLOWER * b->seconds)
        say(t, CHANGE_FASTER, device, a->id, "%.3g s -> %.3g s", a->seconds, b->seconds);
}

static void compare_cases(tally *t, const char *device, const matrix_result *a, const matrix_result *b) {
    if (a->verdict != b->verdict) {
        const change what = rank(b->verdict) > rank(a->verdict) ? CHANGE_WORSE : CHANGE_BETTER;
        say(t, what, device, a->id, "%s -> %s%s%s", matrix_verdict_name(a->verdict), matrix_verdict_name(b->verdict),
            b->reason[0] ? ": " : "", b->reason);
        return;
    }
    if (a->verdict != VERDICT_PASSED) return;
    if (b->worst > fmax(GREW * a->worst, LEAST))
        say(t, CHANGE_CLOSER, device, a->id, "%.3f -> %.3f of its bound", a->worst, b->worst);
    compare_times(t, device, a, b);
}

/* Cases of one report that the other lacks: counted, and named where a pass is lost. */
static void compare_columns(tally *t, const matrix_column *a, const matrix_column *b, const matrix_result **old,
                            const matrix_result **new) {
    for (size_t i = 0; i < a->count; i++) {
        const matrix_result *other = find(new, b->count, &a->results[i]);
        if (other) compare_cases(t, a->facts.alias, &a->results[i], other);
        else t->by[CHANGE_GONE]++;
    }
    for (size_t i = 0; i < b->count; i++) t->by[CHANGE_NEW] += !find(old, a->count, &b->results[i]);
}

static int compare(tally *t, const matrix_column *a, const matrix_column *b, tool_error *err) {
    const matrix_result **old = sorted(a), **new = sorted(b);
    int code = old && new ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory for %zu cases", a->count + b->count);
    if (strcmp(a->facts.list, b->facts.list) || strcmp(a->facts.version, b->facts.version))
        printf("%s: the %s list of version %s against the %s list of version %s: only cases of both are compared\n",
               a->facts.alias, a->facts.list, a->facts.version, b->facts.list, b->facts.version);
    if (!code) compare_columns(t, a, b, old, new);
    free(old);
    free(new);
    return code;
}

/* The same device, or the only one of each report. */
static const matrix_column *partner(const matrix_report *other, const matrix_column *c, bool single) {
    for (size_t i = 0; i < other->count; i++)
        if (strcmp(other->columns[i].facts.alias, c->facts.alias) == 0) return &other->columns[i];
    return single ? &other->columns[0] : NULL;
}

static int compare_reports(tally *t, const matrix_report *a, const matrix_report *b, tool_error *err) {
    const bool single = a->count == 1 && b->count == 1;
    int code = TOOL_OK;
    for (size_t i = 0; i < a->count && !code; i++) {
        const matrix_column *c = &a->columns[i], *d = partner(b, c, single);
        if (d) code = compare(t, c, d, err);
        else say(t, CHANGE_GONE, c->facts.alias, "", "the device is not in the new report");
    }
    for (size_t i = 0; i < b->count; i++)
        if (!partner(a, &b->columns[i], single))
            say(t, CHANGE_NEW, b->columns[i].facts.alias, "", "the device is not in the old report");
    return code;
}

static int conclude(const tally *t, tool_error *err) {
    for (int i = 0; i < CHANGES; i++) printf("%llu %s%s", (unsigned long long)t->by[i], change_names[i], i + 1 < CHANGES ? ", " : "\n");
    const uint64_t bad = t->by[CHANGE_WORSE] + t->by[CHANGE_CLOSER] + t->by[CHANGE_GONE];
    if (!bad) return TOOL_OK;
    return tool_fail(err, TOOL_DEGRADED, "%llu cases are worse than before, %llu are gone",
                     (unsigned long long)(t->by[CHANGE_WORSE] + t->by[CHANGE_CLOSER]), (unsigned long long)t->by[CHANGE_GONE]);
}

int matrix_verb_diff(const matrix_options *o, tool_error *err) {
    matrix_report a = {0}, b = {0};
    tally t = {0};
    int code = matrix_report_read(o->words[0], &a, err);
    if (!code) code = matrix_report_read(o->words[1], &b, err);
    if (!code) code = compare_reports(&t, &a, &b, err);
    if (!code) code = conclude(&t, err);
    matrix_report_clear(&a);
    matrix_report_clear(&b);
    return code;
}
