/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/join.h"

#include <string.h>

static const char by_operator[] = "--op ";

static bool is_part(const matrix_column *c) {
    const matrix_facts *f = &c->facts;
    return strncmp(f->selection, by_operator, sizeof by_operator - 1) == 0 && !strstr(f->selection, " --dtype") &&
           !f->incomplete[0] && !c->unexpected && !c->beyond_baseline;
}

bool matrix_join_fits(const matrix_column *there, const matrix_column *part) {
    const matrix_facts *a = &there->facts, *b = &part->facts;
    return is_part(there) && is_part(part) && strcmp(a->version, b->version) == 0 && strcmp(a->tool, b->tool) == 0 &&
           strcmp(a->baseline, b->baseline) == 0 && a->seed == b->seed && a->perf == b->perf &&
           !(a->loosen < b->loosen) && !(b->loosen < a->loosen);
}

static matrix_result *find(const matrix_column *c, const char *id) {
    for (size_t i = 0; i < c->count; i++)
        if (strcmp(c->results[i].id, id) == 0) return &c->results[i];
    return NULL;
}

static int add_result(matrix_column *there, size_t before, const matrix_result *result, bool later, tool_error *err) {
    const matrix_column earlier = {.results = there->results, .count = before};
    matrix_result *known = find(&earlier, result->id);
    if (!known) return matrix_column_add(there, result, err);
    if (!later) return TOOL_OK;
    there->by_verdict[known->verdict]--;
    there->by_verdict[result->verdict]++;
    *known = *result;
    return TOOL_OK;
}

/* "--op copy" and "--op cast" are "--op copy cast". */
static void add_selection(matrix_facts *there, const matrix_facts *part) {
    const char *more = part->selection + sizeof by_operator - 1;
    const size_t used = strlen(there->selection);
    if (!strstr(there->selection, more)) snprintf(there->selection + used, sizeof there->selection - used, " %s", more);
}

static int declare_whole(matrix_column *c, tool_error *err) {
    const matrix_filter whole = {.list = matrix_list_find(c->facts.list)};
    matrix_selection list;
    if (whole.list == LISTS) return TOOL_OK;
    int code = matrix_select(&whole, &list, err);
    if (code) return code;
    if (strcmp(list.version, c->facts.version) == 0 && list.n == c->count) c->facts.selection[0] = 0;
    matrix_selection_clear(&list);
    return TOOL_OK;
}

int matrix_join(matrix_column *there, const matrix_column *part, tool_error *err) {
    matrix_facts *f = &there->facts;
    const bool later = part->facts.when >= f->when;
    const size_t before = there->count;
    int code = TOOL_OK;
    for (size_t i = 0; i < part->count && !code; i++) code = add_result(there, before, &part->results[i], later, err);
    add_selection(f, &part->facts);
    f->declared = there->count;
    f->seconds += part->facts.seconds;
    f->programs += part->facts.programs;
    /* Parts share kernels, whose names no report has: the most of one part are certainly distinct. */
    if (part->facts.kernels > f->kernels) f->kernels = part->facts.kernels;
    if (part->facts.compiled > f->compiled) f->compiled = part->facts.compiled;
    if (later) f->when = part->facts.when;
    if (part->facts.floor > f->floor) f->floor = part->facts.floor;
    return code ? code : declare_whole(there, err);
}
