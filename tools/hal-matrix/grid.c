/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/grid.h"

#include <stdlib.h>
#include <string.h>

/* Sections of ops.def: the first number of each. */
static const struct { uint32_t first; const char *name; } families[] = {
    {90, "collectives"}, {80, "sampling"}, {70, "optimisers"}, {40, "transformer"}, {20, "arithmetic"}, {1, "movement"}};

static const char *family_of(const char *name) {
    const hal_op_info *op = hal_op_find(name);
    for (size_t i = 0; op && i < sizeof families / sizeof families[0]; i++)
        if (op->number >= families[i].first) return families[i].name;
    return "others";
}

static uint32_t number_of(const char *name) {
    const hal_op_info *op = hal_op_find(name);
    return op ? op->number : UINT32_MAX;
}

/* ------------------------------------------------------------------------------------------ rows and dtypes -- */

typedef struct names { char op[GRID_NAME], dtype[GRID_NAME]; } names;

static bool split(const char *id, names *out) { return sscanf(id, "%31[^/]/%31[^/]/", out->op, out->dtype) == 2; }

/* Results stand in table order, so that the row wanted is the one that was found last, mostly. */
static size_t row_of(const matrix_grid *g, const char *op, size_t hint) {
    if (hint < g->n_rows && strcmp(g->rows[hint].op, op) == 0) return hint;
    for (size_t i = 0; i < g->n_rows; i++)
        if (strcmp(g->rows[i].op, op) == 0) return i;
    return g->n_rows;
}

static size_t dtype_of(const matrix_grid *g, const char *dtype) {
    size_t i = 0;
    while (i < g->n_dtypes && strcmp(g->dtypes[i], dtype)) i++;
    return i;
}

static int add_names(matrix_grid *g, const names *n, size_t *hint, tool_error *err) {
    *hint = row_of(g, n->op, *hint);
    if (*hint == g->n_rows) {
        matrix_row *grown = realloc(g->rows, (g->n_rows + 1) * sizeof *grown);
        if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for the rows of a page");
        g->rows = grown;
        grown[g->n_rows] = (matrix_row){.family = family_of(n->op)};
        strcpy(grown[g->n_rows++].op, n->op);
    }
    const size_t d = dtype_of(g, n->dtype);
    if (d == g->n_dtypes && d < GRID_MAX_DTYPES) strcpy(g->dtypes[g->n_dtypes++], n->dtype);
    return TOOL_OK;
}

static int collect(matrix_grid *g, tool_error *err) {
    int code = TOOL_OK;
    for (size_t c = 0; c < g->report->count; c++) {
        const matrix_column *column = &g->report->columns[c];
        size_t hint = 0;
        names n;
        for (size_t i = 0; i < column->count && !code; i++)
            if (split(column->results[i].id, &n)) code = add_names(g, &n, &hint, err);
    }
    return code;
}

static int by_number(const void *a, const void *b) {
    const uint32_t x = number_of(((const matrix_row *)a)->op), y = number_of(((const matrix_row *)b)->op);
    return (x > y) - (x < y);
}

static int dtype_rank(const char *name) {
    for (uint32_t i = 0; i < matrix_n_dtypes; i++)
        if (strcmp(hal_dtype_describe(matrix_dtypes[i])->name, name) == 0) return (int)i;
    return (int)matrix_n_dtypes;
}

static int by_dtype(const void *a, const void *b) { return dtype_rank(a) - dtype_rank(b); }

/* ---------------------------------------------------------------------------------------------------- cells -- */

static void count(matrix_cell *cell, const matrix_result *r) {
    cell->by[r->verdict]++;
    if (r->verdict == VERDICT_PASSED && (!cell->closest || r->worst > cell->worst)) {
        cell->worst = r->worst;
        cell->closest = r;
    }
    const bool failed = r->verdict == VERDICT_FAILED;
    if (r->verdict != VERDICT_PASSED && (!cell->first || (failed && cell->first->verdict != VERDICT_FAILED)))
        cell->first = r;
    if (r->seconds > 0 && (!cell->timed || r->bytes + r->flops > cell->timed->bytes + cell->timed->flops)) cell->timed = r;
}

static matrix_cell *cell_at(const matrix_grid *g, size_t row, size_t column, size_t dtype) {
    return &g->rows[row].cells[column * g->n_dtypes + dtype];
}

static void fill_column(matrix_grid *g, size_t c) {
    const matrix_column *column = &g->report->columns[c];
    size_t row = 0;
    names n;
    for (size_t i = 0; i < column->count; i++) {
        if (!split(column->results[i].id, &n)) continue;
        row = row_of(g, n.op, row);
        const size_t d = dtype_of(g, n.dtype);
        if (d < g->n_dtypes) count(cell_at(g, row, c, d), &column->results[i]);
    }
}

static int fill(matrix_grid *g, tool_error *err) {
    for (size_t r = 0; r < g->n_rows; r++) {
        g->rows[r].cells = calloc(g->report->count * g->n_dtypes + 1, sizeof *g->rows[r].cells);
        if (!g->rows[r].cells) return tool_fail(err, TOOL_INTERNAL, "out of memory for the cells of a page");
    }
    for (size_t c = 0; c < g->report->count; c++) fill_column(g, c);
    return TOOL_OK;
}

int matrix_grid_create(const matrix_report *report, matrix_grid *out, tool_error *err) {
    matrix_grid g = {.report = report};
    int code = collect(&g, err);
    if (!code && g.n_rows) {
        qsort(g.rows, g.n_rows, sizeof *g.rows, by_number);
        qsort(g.dtypes, g.n_dtypes, sizeof g.dtypes[0], by_dtype);
        code = fill(&g, err);
    }
    if (code) matrix_grid_clear(&g);
    else *out = g;
    return code;
}

void matrix_grid_clear(matrix_grid *g) {
    for (size_t r = 0; r < g->n_rows; r++) free(g->rows[r].cells);
    free(g->rows);
    *g = (matrix_grid){0};
}

const matrix_cell *matrix_grid_cell(const matrix_grid *g, size_t row, size_t column, size_t dtype) {
    return cell_at(g, row, column, dtype);
}

void matrix_cell_add(matrix_cell *sum, const matrix_cell *cell) {
    for (int v = 0; v < VERDICTS; v++) sum->by[v] += cell->by[v];
    if (cell->closest && (!sum->closest || cell->worst > sum->worst)) {
        sum->worst = cell->worst;
        sum->closest = cell->closest;
    }
    const bool failed = cell->first && cell->first->verdict == VERDICT_FAILED;
    if (cell->first && (!sum->first || (failed && sum->first->verdict != VERDICT_FAILED))) sum->first = cell->first;
}

matrix_cell matrix_grid_sum(const matrix_grid *g, size_t row, size_t n_rows, size_t column) {
    matrix_cell sum = {.worst = 0};
    for (size_t r = row; r < row + n_rows; r++)
        for (size_t d = 0; d < g->n_dtypes; d++) matrix_cell_add(&sum, cell_at(g, r, column, d));
    return sum;
}

size_t matrix_grid_family(const matrix_grid *g, size_t row) {
    size_t n = 1;
    while (row + n < g->n_rows && strcmp(g->rows[row + n].family, g->rows[row].family) == 0) n++;
    return n;
}

/* ----------------------------------------------------------------------------------------------------- looks -- */

uint64_t matrix_cell_count(const matrix_cell *cell) {
    uint64_t n = 0;
    for (int v = 0; v < VERDICTS; v++) n += cell->by[v];
    return n;
}

uint64_t matrix_cell_executed(const matrix_cell *cell) {
    return cell->by[VERDICT_PASSED] + cell->by[VERDICT_FAILED] + cell->by[VERDICT_XFAIL];
}

matrix_look matrix_cell_look(const matrix_cell *cell) {
    const uint64_t n = matrix_cell_count(cell), passed = cell->by[VERDICT_PASSED];
    if (!n) return (matrix_look){"none", "–", "not run"};
    if (cell->by[VERDICT_FAILED]) return (matrix_look){"fail", "✖", "failed"};
    if (cell->by[VERDICT_XFAIL]) return (matrix_look){"xfail", "△", "expected failure"};
    if (passed == n) return (matrix_look){"pass", "✔", "passed"};
    if (passed) return (matrix_look){"part", "◐", "in part"};
    if (cell->by[VERDICT_UNSUPPORTED]) return (matrix_look){"no", "○", "unsupported"};
    return (matrix_look){"skip", "‖", "skipped"};
}

void matrix_cell_figures(const matrix_cell *cell, const char *between, char *text, size_t size) {
    const unsigned long long n = matrix_cell_count(cell), passed = cell->by[VERDICT_PASSED];
    char share[16] = "exact";
    text[0] = 0;
    if (!n) return;
    if (!passed) {
        snprintf(text, size, "0/%llu", n);
        return;
    }
    if (cell->worst > 0) snprintf(share, sizeof share, "%.2f", cell->worst);
    if (passed == n) snprintf(text, size, "%s%s%llu", share, between, n);
    else snprintf(text, size, "%s%s%llu/%llu", share, between, passed, n);
}
