/* SPDX-License-Identifier: Apache-2.0 */
/* hal-matrix merge: reports of several runs and machines as one. */
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-matrix/join.h"
#include "tools/hal-matrix/verbs.h"
#include "tools/hal-matrix/report.h"

static bool same_device(const matrix_facts *a, const matrix_facts *b) {
    return strcmp(a->backend, b->backend) == 0 && strcmp(a->alias, b->alias) == 0 && strcmp(a->name, b->name) == 0 &&
           strcmp(a->system, b->system) == 0 && strcmp(a->driver, b->driver) == 0 && strcmp(a->list, b->list) == 0;
}

static bool whole(const matrix_facts *f) { return !f->selection[0] && !f->incomplete[0]; }

/* Of two runs of a device the later one counts, unless it was a part and the other was not. */
static bool replaces(const matrix_facts *later, const matrix_facts *earlier) {
    return whole(later) != whole(earlier) ? whole(later) : later->when >= earlier->when;
}

static void say_replaced(const matrix_facts *kept, const matrix_facts *dropped) {
    char a[40], b[40];
    markup_date(kept->when, a, sizeof a);
    markup_date(dropped->when, b, sizeof b);
    printf("%s (%s, %s list): the run of %s is kept, that of %s%s is not\n", kept->alias, kept->name, kept->list, a, b,
           whole(dropped) || !whole(kept) ? "" : ", a part,");
}

/* Lists of one name have to be of one version: else a count says nothing. */
static int check_versions(const matrix_report *all, const matrix_facts *f, const char *path, tool_error *err) {
    for (size_t i = 0; i < all->count; i++) {
        const matrix_facts *g = &all->columns[i].facts;
        if (strcmp(f->list, g->list) || strcmp(f->version, g->version) == 0) continue;
        return tool_fail(err, TOOL_BAD_INPUT, "%s: its %s list is version %s and that of the reports before it %s: the cases "
                         "differ, so that the results do not add up; run the older one again with hal %s", path, f->list,
                         f->version, g->version, f->when > g->when ? f->tool : g->tool);
    }
    return TOOL_OK;
}

static matrix_column *find(matrix_report *all, const matrix_facts *f) {
    for (size_t i = 0; i < all->count; i++)
        if (same_device(&all->columns[i].facts, f)) return &all->columns[i];
    return NULL;
}

/* Moves a column over; what stays behind is freed with its report. */
static int move_column(matrix_report *all, matrix_column *from, tool_error *err) {
    matrix_column *there = find(all, &from->facts);
    if (there && matrix_join_fits(there, from)) return matrix_join(there, from, err);
    if (there && !replaces(&from->facts, &there->facts)) {
        say_replaced(&there->facts, &from->facts);
        return TOOL_OK;
    }
    if (there) say_replaced(&from->facts, &there->facts);
    else if (!(there = matrix_report_column(all, err))) return TOOL_INTERNAL;
    const matrix_column before = *there;
    *there = *from;
    *from = before;
    return TOOL_OK;
}

static int merge_file(matrix_report *all, const char *path, tool_error *err) {
    matrix_report one;
    int code = matrix_report_read(path, &one, err);
    if (code) return code;
    if (one.when > all->when) all->when = one.when;
    for (size_t i = 0; i < one.count && !code; i++) {
        code = check_versions(all, &one.columns[i].facts, path, err);
        if (!code) code = move_column(all, &one.columns[i], err);
    }
    matrix_report_clear(&one);
    return code;
}

int matrix_verb_merge(const matrix_options *o, tool_error *err) {
    const matrix_outputs outputs = {.json = o->output, .html = o->html, .junit = o->junit, .md = o->md};
    matrix_report all = {.count = 0};
    int code = TOOL_OK;
    for (uint32_t i = 0; i < o->n_words && !code; i++) code = merge_file(&all, o->words[i], err);
    if (!code) code = matrix_outputs_check(&outputs, err);
    if (!code) code = matrix_outputs_write(&outputs, &all, err);
    matrix_report_clear(&all);
    return code;
}
