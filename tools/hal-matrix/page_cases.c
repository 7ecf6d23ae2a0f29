/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-matrix/page.h"

/* As many cases as a person reads; the rest is in the JSON. */
enum { MOST_CASES = 300 };

void page_cases_anchor(size_t column, size_t index, char *text, size_t size) {
    snprintf(text, size, "case-%zu-%zu", column, index);
}

void page_cases_command(const matrix_facts *facts, const char *id, FILE *out) {
    fputs("hal-matrix repro &#39;", out);
    markup_escape(out, id);
    fputs("&#39; --device ", out);
    markup_escape(out, facts->alias);
    if (facts->seed) fprintf(out, " --seed %llu", (unsigned long long)facts->seed);
}

static void print_case(const matrix_column *c, size_t column, size_t index, FILE *out) {
    const matrix_result *r = &c->results[index];
    const bool failed = r->verdict == VERDICT_FAILED;
    char anchor[48];
    page_cases_anchor(column, index, anchor, sizeof anchor);
    fprintf(out, "<div class=\"case%s\" id=\"%s\"><b class=\"%s\">%s %s</b> <code>", failed ? "" : " xfail", anchor,
            failed ? "fail" : "xfail", failed ? "✖" : "△", failed ? "failed" : "expected failure");
    markup_escape(out, r->id);
    fputs("</code> on ", out);
    markup_escape(out, c->facts.alias);
    fputs("<br>", out);
    markup_escape(out, r->reason);
    fprintf(out, "<br><span class=\"faint\">numbers of input 0 from seed %llu; a C program that shows it:</span><code class=\"run\">",
            (unsigned long long)r->seed);
    page_cases_command(&c->facts, r->id, out);
    fputs("</code></div>\n", out);
}

/* The cases of a verdict, on all devices. */
static void print_verdict(const matrix_report *report, matrix_verdict verdict, const char *title, FILE *out) {
    uint64_t all = 0, shown = 0;
    for (size_t c = 0; c < report->count; c++) all += report->columns[c].by_verdict[verdict];
    if (!all) return;
    fprintf(out, "<h2 id=\"%s\">%s (%llu)</h2>\n", matrix_verdict_name(verdict), title, (unsigned long long)all);
    for (size_t c = 0; c < report->count; c++)
        for (size_t i = 0; i < report->columns[c].count && shown < MOST_CASES; i++)
            if (report->columns[c].results[i].verdict == verdict) {
                print_case(&report->columns[c], c, i, out);
                shown++;
            }
    if (shown < all)
        fprintf(out, "<p class=\"faint\">The %llu others are in the JSON report.</p>\n", (unsigned long long)(all - shown));
}

/* ------------------------------------------------------------------------------------------------- measured -- */

static void print_time(const matrix_column *c, const matrix_result *r, FILE *out) {
    fputs("<tr><td>", out);
    markup_escape(out, c->facts.alias);
    fputs("</td><td><code>", out);
    markup_escape(out, r->id);
    fprintf(out, "</code></td><td class=\"right\">%.1f</td><td class=\"right\">%.3g</td><td class=\"right\">%.3g</td></tr>\n",
            r->seconds * 1e6, r->bytes / r->seconds * 1e-9, r->flops / r->seconds * 1e-9);
}

/* Of each operator and dtype the case of the most work: small ones measure the launch. */
static void print_times(const matrix_grid *g, FILE *out) {
    bool any = false;
    for (size_t r = 0; r < g->n_rows; r++)
        for (size_t c = 0; c < g->report->count; c++)
            for (size_t d = 0; d < g->n_dtypes; d++) {
                const matrix_result *timed = matrix_grid_cell(g, r, c, d)->timed;
                if (!timed) continue;
                if (!any)
                    fputs("<h2 id=\"measured\">Measured</h2><p class=\"faint\">The case of the most work of each operator and "
                          "dtype: median of a few calls, operands on the device. GB/s and GFLOP/s are computed from the work that "
                          "the operator needs at least.</p>"
                          "<details class=\"more\" open><summary>times</summary><div class=\"plain\"><table><tr><th>device</th>"
                          "<th>case</th><th class=\"right\">µs</th><th class=\"right\">GB/s</th><th class=\"right\">GFLOP/s</th></tr>\n",
                          out);
                any = true;
                print_time(&g->report->columns[c], timed, out);
            }
    if (any) fputs("</table></div></details>\n", out);
}

void page_cases_print(const matrix_grid *g, FILE *out) {
    print_verdict(g->report, VERDICT_FAILED, "Failed", out);
    print_verdict(g->report, VERDICT_XFAIL, "Expected failures, each with its record", out);
    print_times(g, out);
}
