/* SPDX-License-Identifier: Apache-2.0 */
/* A report as one page that works from a disk, without a network and without scripts. */
#include "tools/hal-matrix/page.h"

#include "tools/common/markup.h"

static void print_head(FILE *out) {
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
          "<title>hal portability matrix</title>\n<style>\n", out);
    fputs(page_style, out);
    fputs("</style></head><body>\n", out);
}

/* What a reader in a hurry wants: is it right, and on how much hardware was that seen? */
static void print_verdict(const matrix_report *report, FILE *out) {
    uint64_t executed = 0, failed = 0;
    size_t hardware = 0;
    for (size_t c = 0; c < report->count; c++) {
        executed += matrix_column_executed(&report->columns[c]);
        failed += report->columns[c].by_verdict[VERDICT_FAILED];
        hardware += !report->columns[c].facts.emulated;
    }
    const bool green = matrix_report_green(report);
    fprintf(out, "<p class=\"big\"><b class=\"%s\">%s</b> ", green ? "pass" : "fail", green ? "✔ green:" : "✖ not green:");
    if (failed) fprintf(out, "%llu of %llu executed cases <a href=\"#failed\">failed</a>", (unsigned long long)failed, (unsigned long long)executed);
    else fprintf(out, "none of %llu executed cases failed", (unsigned long long)executed);
    fprintf(out, ", on %zu device%s, %zu of them hardware.</p>\n", report->count, report->count == 1 ? "" : "s", hardware);
}

static void print_intro(const matrix_report *report, FILE *out) {
    char when[40];
    markup_date(report->when, when, sizeof when);
    fputs("<h1>hal portability matrix</h1>\n", out);
    print_verdict(report, out);
    fprintf(out, "<p class=\"faint\">Every operator of hal, with the inputs of small and of real models in several layouts, against an "
            "fp64 reference and inside the error bounds of the contract. Page of %s, hal %s.</p>\n", when, hal_version());
}

static void print_legend(FILE *out) {
    fputs("<div class=\"legend\"><span class=\"pass\">✔ passed</span><span class=\"part\">◐ in part: the rest is unsupported or "
          "skipped</span><span class=\"fail\">✖ failed</span><span class=\"xfail\">△ expected failure: on record, for a time</span>"
          "<span class=\"no\">○ unsupported: the device says so, for good</span><span class=\"skip\">‖ skipped</span>"
          "<span class=\"none\">– not run: no such cases, or not in this run</span></div>\n"
          "<p class=\"faint\">Figures: the largest share of its error bound that a passed case used, and the number of cases. "
          "A row opens to its worst case, the reasons, and the command that reproduces it.</p>\n", out);
}

int matrix_page_print(const matrix_report *report, FILE *out, tool_error *err) {
    matrix_grid grid = {0};
    int code = matrix_grid_create(report, &grid, err);
    if (code) return code;
    print_head(out);
    print_intro(report, out);
    fputs("<div class=\"cards\">\n", out);
    for (size_t c = 0; c < report->count; c++) page_device_print(report, c, out);
    fputs("</div>\n<h2>Operators</h2>\n", out);
    print_legend(out);
    page_grid_switches(report, out);
    page_grid_print(&grid, out);
    page_cases_print(&grid, out);
    fputs("</body></html>\n", out);
    matrix_grid_clear(&grid);
    return TOOL_OK;
}
