/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-matrix/page.h"

enum { REASONS = 4 };

/* Dtypes of few devices are shown, those of many folded away at first. */
static bool unfolded(const matrix_report *report) { return report->count <= 2; }

/* A browser that does not know :has() shows all dtypes. */
void page_grid_switches(const matrix_report *report, FILE *out) {
    fputs("<style>", out);
    for (size_t c = 0; c < report->count; c++)
        fprintf(out, ".folds:has(#fold-%zu:not(:checked))~.scroll .g%zu .t{display:none}", c, c);
    fputs("</style><div class=\"folds\">\n", out);
    for (size_t c = 0; c < report->count; c++) {
        fprintf(out, "<label class=\"fold\"><input type=\"checkbox\" id=\"fold-%zu\"%s>", c,
                unfolded(report) ? " checked" : "");
        markup_escape(out, report->columns[c].facts.alias);
        fputs(" by dtype</label>\n", out);
    }
    fputs("</div>\n", out);
}

/* ---------------------------------------------------------------------------------------------------- cells -- */

static size_t index_of(const matrix_column *c, const matrix_result *r) { return (size_t)(r - c->results); }

static void print_cell(const matrix_grid *g, size_t column, const matrix_cell *cell, const char *class, FILE *out) {
    const matrix_look look = matrix_cell_look(cell);
    const matrix_column *c = &g->report->columns[column];
    char figures[64], anchor[48];
    const bool linked = cell->first && cell->first->verdict == VERDICT_FAILED;
    matrix_cell_figures(cell, " · ", figures, sizeof figures);
    fprintf(out, "<span class=\"cell %s %s\"", class, look.class);
    if (cell->closest) {
        fputs(" title=\"closest: ", out);
        markup_escape(out, cell->closest->id);
        fputs("\"", out);
    }
    fputs("><b>", out);
    if (linked) {
        page_cases_anchor(column, index_of(c, cell->first), anchor, sizeof anchor);
        fprintf(out, "<a class=\"fail\" href=\"#%s\">%s %llu %s</a>", anchor, look.mark,
                (unsigned long long)cell->by[VERDICT_FAILED], look.word);
    } else {
        fprintf(out, "%s %s", look.mark, look.word);
    }
    fprintf(out, "</b> <i>%s</i></span>", figures);
}

/* The cells of some rows: first of all dtypes of a device, then of each. */
static void print_cells(const matrix_grid *g, size_t row, size_t n_rows, FILE *out) {
    for (size_t c = 0; c < g->report->count; c++) {
        const matrix_cell all = matrix_grid_sum(g, row, n_rows, c);
        fprintf(out, "<span class=\"group g%zu\">", c);
        print_cell(g, c, &all, "all", out);
        for (size_t d = 0; d < g->n_dtypes; d++) {
            matrix_cell sum = {.worst = 0};
            for (size_t r = row; r < row + n_rows; r++) matrix_cell_add(&sum, matrix_grid_cell(g, r, c, d));
            print_cell(g, c, &sum, "t", out);
        }
        fputs("</span>", out);
    }
}

static void print_head(const matrix_grid *g, FILE *out) {
    fputs("<div class=\"row head\"><span class=\"op\">operator</span>", out);
    for (size_t c = 0; c < g->report->count; c++) {
        const matrix_facts *f = &g->report->columns[c].facts;
        fprintf(out, "<span class=\"group g%zu\"><span class=\"cell all\"><a href=\"#device-%zu\">", c, c);
        markup_escape(out, f->alias);
        fprintf(out, "</a>%s</span>", f->emulated ? " <i>emulated</i>" : "");
        for (size_t d = 0; d < g->n_dtypes; d++) markup_element(out, "span", "cell t", g->dtypes[d]);
        fputs("</span>", out);
    }
    fputs("</div>\n", out);
}

/* ------------------------------------------------------------------------------------- what stands behind a row -- */

static void print_closest(const matrix_grid *g, size_t row, size_t column, FILE *out) {
    const matrix_column *c = &g->report->columns[column];
    const matrix_cell all = matrix_grid_sum(g, row, 1, column);
    if (!all.closest || all.worst <= 0) return;
    fprintf(out, "<li>closest to its bound, %.3f of it: <code>", all.worst);
    markup_escape(out, all.closest->id);
    fputs("</code> · <code>", out);
    page_cases_command(&c->facts, all.closest->id, out);
    fputs("</code></li>\n", out);
}

static bool of_row(const matrix_result *r, const char *op) {
    const size_t n = strlen(op);
    return strncmp(r->id, op, n) == 0 && r->id[n] == '/';
}

/* Why cases did not run: each reason once, as long as there are few. */
static void print_reasons(const matrix_column *c, const char *op, matrix_verdict verdict, FILE *out) {
    const matrix_result *seen[REASONS];
    size_t n = 0;
    uint64_t more = 0;
    for (size_t i = 0; i < c->count; i++) {
        const matrix_result *r = &c->results[i];
        size_t k = 0;
        if (r->verdict != verdict || !of_row(r, op)) continue;
        while (k < n && strcmp(seen[k]->reason, r->reason)) k++;
        if (k < n) continue;
        if (n == REASONS) more++;
        else seen[n++] = r;
    }
    for (size_t k = 0; k < n; k++) {
        fprintf(out, "<li>%s: ", matrix_verdict_name(verdict));
        markup_escape(out, seen[k]->reason);
        fputs("; <code>", out);
        markup_escape(out, seen[k]->id);
        fputs("</code></li>\n", out);
    }
    if (more) fprintf(out, "<li>and %llu %s for other reasons</li>\n", (unsigned long long)more, matrix_verdict_name(verdict));
}

static void print_body(const matrix_grid *g, size_t row, FILE *out) {
    const char *op = g->rows[row].op;
    const hal_op_info *info = hal_op_find(op);
    fputs("<div class=\"body\">", out);
    if (info) {
        const hal_tolerance *t = hal_op_tolerance(info->number);
        markup_element(out, "p", "", info->doc);
        fprintf(out, "<p class=\"faint\">bound %s: f32 %g, f16 %g, bf16 %g roundoffs%s</p>\n", t->name, t->f32, t->f16, t->bf16,
                t->grows ? ", growing with the number of terms" : "");
    }
    for (size_t c = 0; c < g->report->count; c++) {
        const matrix_column *column = &g->report->columns[c];
        const matrix_cell all = matrix_grid_sum(g, row, 1, c);
        fputs("<div><b>", out);
        markup_escape(out, column->facts.alias);
        fprintf(out, "</b>: %llu of %llu cases executed, %llu passed<ul>\n", (unsigned long long)matrix_cell_executed(&all),
                (unsigned long long)matrix_cell_count(&all), (unsigned long long)all.by[VERDICT_PASSED]);
        print_closest(g, row, c, out);
        print_reasons(column, op, VERDICT_FAILED, out);
        print_reasons(column, op, VERDICT_XFAIL, out);
        print_reasons(column, op, VERDICT_UNSUPPORTED, out);
        print_reasons(column, op, VERDICT_SKIPPED, out);
        fputs("</ul></div>\n", out);
    }
    fputs("</div>\n", out);
}

static void print_row(const matrix_grid *g, size_t row, FILE *out) {
    fputs("<details class=\"oprow\"><summary class=\"row\"><span class=\"op\">", out);
    markup_escape(out, g->rows[row].op);
    fputs("</span>", out);
    print_cells(g, row, 1, out);
    fputs("</summary>\n", out);
    print_body(g, row, out);
    fputs("</details>\n", out);
}

void page_grid_print(const matrix_grid *g, FILE *out) {
    fputs("<div class=\"scroll\"><div class=\"grid\">\n", out);
    print_head(g, out);
    for (size_t row = 0, n; row < g->n_rows; row += n) {
        n = matrix_grid_family(g, row);
        fputs("<details class=\"fam\" open><summary class=\"row\"><span class=\"op\">", out);
        markup_escape(out, g->rows[row].family);
        fputs("</span>", out);
        print_cells(g, row, n, out);
        fputs("</summary>\n", out);
        for (size_t r = row; r < row + n; r++) print_row(g, r, out);
        fputs("</details>\n", out);
    }
    fputs("</div></div>\n", out);
}
