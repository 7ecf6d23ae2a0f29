/* SPDX-License-Identifier: Apache-2.0 */
/* A report in a few tables of Markdown, to paste where work is discussed. */
#include <string.h>

#include "tools/hal-matrix/grid.h"
#include "tools/common/markup.h"

enum { MOST_FAILURES = 20 };

/* A text inside a table: a bar would end the cell, and a line the row. */
static void plain(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '|') fputs("\\|", out);
        else fputc(*text == '\n' ? ' ' : *text, out);
    }
}

static void device_row(FILE *out, const matrix_column *c) {
    const matrix_facts *f = &c->facts;
    const uint64_t *by = c->by_verdict;
    char why[320], when[40];
    const matrix_level level = matrix_column_level(c, why, sizeof why);
    markup_date(f->when, when, sizeof when);
    fprintf(out, "| %s | ", f->alias);
    plain(out, f->name);
    fprintf(out, "%s | %s | %llu of %llu | %llu | %llu | %llu | %llu | %llu | %llu | %s |\n",
            f->emulated ? " (emulated, not run on hardware)" : "", matrix_level_name(level),
            (unsigned long long)matrix_column_executed(c), (unsigned long long)f->declared,
            (unsigned long long)by[VERDICT_PASSED], (unsigned long long)by[VERDICT_FAILED],
            (unsigned long long)by[VERDICT_UNSUPPORTED], (unsigned long long)by[VERDICT_XFAIL],
            (unsigned long long)by[VERDICT_SKIPPED], (unsigned long long)(f->kernels ? f->kernels : f->programs), when);
    if (why[0]) fprintf(out, "| | %s | | | | | | | | | |\n", why);
}

static void grid_header(FILE *out, const matrix_grid *g) {
    fputs("\n| operator |", out);
    for (size_t c = 0; c < g->report->count; c++)
        for (size_t d = 0; d < g->n_dtypes; d++) fprintf(out, " %s %s |", g->report->columns[c].facts.alias, g->dtypes[d]);
    fputs("\n|---|", out);
    for (size_t i = 0; i < g->report->count * g->n_dtypes; i++) fputs("---|", out);
    fputc('\n', out);
}

static void grid_row(FILE *out, const matrix_grid *g, size_t row) {
    char figures[64];
    fprintf(out, "| %s |", g->rows[row].op);
    for (size_t c = 0; c < g->report->count; c++)
        for (size_t d = 0; d < g->n_dtypes; d++) {
            const matrix_cell *cell = matrix_grid_cell(g, row, c, d);
            matrix_cell_figures(cell, ", ", figures, sizeof figures);
            fprintf(out, " %s %s |", matrix_cell_look(cell).mark, figures);
        }
    fputc('\n', out);
}

static void failures(FILE *out, const matrix_column *c) {
    size_t shown = 0;
    if (!c->by_verdict[VERDICT_FAILED]) return;
    fprintf(out, "\nFailures of %s:\n\n", c->facts.alias);
    for (size_t i = 0; i < c->count && shown < MOST_FAILURES; i++) {
        const matrix_result *r = &c->results[i];
        if (r->verdict != VERDICT_FAILED) continue;
        shown++;
        fprintf(out, "- `%s`: ", r->id);
        plain(out, r->reason);
        fprintf(out, "\n  `hal-matrix repro '%s' --device %s --seed %llu`\n", r->id, c->facts.alias,
                (unsigned long long)c->facts.seed);
    }
    if (shown < c->by_verdict[VERDICT_FAILED])
        fprintf(out, "- and %llu more\n", (unsigned long long)(c->by_verdict[VERDICT_FAILED] - shown));
}

int matrix_markdown_print(const matrix_report *report, FILE *out, tool_error *err) {
    matrix_grid g = {0};
    int code = matrix_grid_create(report, &g, err);
    if (code) return code;
    fputs("| device | name | level | executed | passed | failed | unsupported | xfail | skipped | compiled | run |\n"
          "|---|---|---|---|---|---|---|---|---|---|---|\n", out);
    for (size_t i = 0; i < report->count; i++) device_row(out, &report->columns[i]);
    grid_header(out, &g);
    for (size_t r = 0; r < g.n_rows; r++) grid_row(out, &g, r);
    fputs("\n✔ passed, ◐ in part, ✖ failed, △ expected failure, ○ unsupported, ‖ skipped, – not run. The figure is the "
          "largest share of the bound that a passed case used, behind it the number of cases.\n", out);
    for (size_t i = 0; i < report->count; i++) failures(out, &report->columns[i]);
    matrix_grid_clear(&g);
    return TOOL_OK;
}
