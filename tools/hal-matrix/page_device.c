/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-matrix/page.h"

static void term(FILE *out, const char *name, const char *text) {
    if (!text[0]) return;
    markup_element(out, "dt", "", name);
    markup_element(out, "dd", "", text);
}

static void badge(FILE *out, const char *class, const char *mark, const char *text) {
    fprintf(out, "<span class=\"badge %s\">%s ", class, mark);
    markup_escape(out, text);
    fputs("</span>", out);
}

/* "2026-11-21 22:14 UTC, today"; a result does not get younger than the page. */
static void age(const matrix_report *report, const matrix_facts *f, bool *stale, char *text, size_t size) {
    char when[40];
    markup_date(f->when, when, sizeof when);
    const int64_t days = f->when && report->when > f->when ? (report->when - f->when) / 86400 : 0;
    *stale = days > PAGE_STALE_DAYS;
    if (!when[0]) snprintf(text, size, "not known when");
    else if (!days) snprintf(text, size, "%s, on the day of this page", when);
    else snprintf(text, size, "%s, %lld day%s before this page", when, (long long)days, days == 1 ? "" : "s");
}

static void badges(const matrix_report *report, const matrix_column *c, FILE *out) {
    const matrix_facts *f = &c->facts;
    char why[320], text[128];
    bool stale;
    const matrix_level level = matrix_column_level(c, why, sizeof why);
    const unsigned long long failed = c->by_verdict[VERDICT_FAILED];
    badge(out, level == LEVEL_FULL ? "pass" : level == LEVEL_QUICK ? "pass" : "part", level ? "✔" : "◐",
          matrix_level_name(level));
    if (failed) {
        snprintf(text, sizeof text, "%llu failed", failed);
        badge(out, "fail", "✖", text);
    }
    if (f->emulated) badge(out, "part", "⚑", "emulated: not run on hardware");
    age(report, f, &stale, text, sizeof text);
    if (stale) badge(out, "part", "◷", "old result");
    if (f->incomplete[0]) badge(out, "fail", "‖", "incomplete");
    if (f->loosen > 1) badge(out, "fail", "✖", "bounds loosened");
    if (why[0]) {
        fprintf(out, "<p class=\"faint\">%s", level ? "to the next level: " : "because: ");
        markup_escape(out, why);
        fputs("</p>", out);
    }
}

/* Shares of all cases, in words below. */
static void bar(const matrix_column *c, FILE *out) {
    static const struct { matrix_verdict v; const char *class, *word; } parts[] = {
        {VERDICT_PASSED, "pass", "passed"}, {VERDICT_FAILED, "fail", "failed"}, {VERDICT_XFAIL, "xfail", "expected failures"},
        {VERDICT_UNSUPPORTED, "no", "unsupported"}, {VERDICT_SKIPPED, "skip", "skipped"}};
    const char *between = "";
    fputs("<div class=\"bar\">", out);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (c->by_verdict[parts[i].v])
            fprintf(out, "<i class=\"%s\" style=\"width:%.2f%%\"></i>", parts[i].class,
                    100.0 * (double)c->by_verdict[parts[i].v] / (double)(c->count ? c->count : 1));
    fprintf(out, "</div><p><b>%llu of %llu</b> cases executed: ", (unsigned long long)matrix_column_executed(c),
            (unsigned long long)c->facts.declared);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (c->by_verdict[parts[i].v]) {
            fprintf(out, "%s%llu <span class=\"%s\">%s</span>", between, (unsigned long long)c->by_verdict[parts[i].v],
                    parts[i].class, parts[i].word);
            between = ", ";
        }
    fputs("</p>", out);
}

/* How much of their bounds the passed cases use: what a mere "passed" hides. */
static void closeness(const matrix_column *c, FILE *out) {
    static const struct { double most; const char *word; } steps[] = {
        {0, "equal bits"}, {0.1, "up to 0.1"}, {0.25, "up to 0.25"}, {0.5, "up to 0.5"}, {0.75, "up to 0.75"}, {INFINITY, "up to 1"}};
    enum { STEPS = sizeof steps / sizeof steps[0] };
    uint64_t n[STEPS] = {0}, largest = 1;
    for (size_t i = 0; i < c->count; i++) {
        size_t s = 0;
        if (c->results[i].verdict != VERDICT_PASSED) continue;
        while (c->results[i].worst > steps[s].most) s++;
        if (++n[s] > largest) largest = n[s];
    }
    if (!c->by_verdict[VERDICT_PASSED]) return;
    fputs("<p class=\"faint\">share of the error bound that passed cases use</p><div class=\"close\">", out);
    for (size_t s = 0; s < STEPS; s++)
        fprintf(out, "<span>%s</span><b style=\"width:%.1f%%\"></b><span>%llu</span>", steps[s].word,
                100.0 * (double)n[s] / (double)largest, (unsigned long long)n[s]);
    fputs("</div>", out);
}

static void how_it_ran(const matrix_facts *f, char *text, size_t size) {
    const int used = snprintf(text, size, "%.1f s on %llu thread%s", f->seconds, (unsigned long long)(f->jobs ? f->jobs : 1),
                              f->jobs > 1 ? "s" : "");
    if (f->seed && used > 0 && (size_t)used < size)
        snprintf(text + used, size - (size_t)used, ", seed %llu", (unsigned long long)f->seed);
}

static void terms(const matrix_report *report, const matrix_column *c, FILE *out) {
    const matrix_facts *f = &c->facts;
    char text[256];
    bool stale;
    fputs("<dl>", out);
    age(report, f, &stale, text, sizeof text);
    term(out, "run", text);
    snprintf(text, sizeof text, "%s, version %s", f->list, f->version);
    term(out, "list", text);
    term(out, "only", f->selection);
    term(out, "backend", f->backend);
    term(out, "driver", f->driver);
    term(out, "features", f->features);
    term(out, "system", f->system);
    term(out, "hal", f->tool);
    how_it_ran(f, text, sizeof text);
    term(out, "took", text);
    snprintf(text, sizeof text, "%llu programs", (unsigned long long)f->programs);
    if (f->kernels)
        snprintf(text, sizeof text, "%llu distinct kernels, %llu of them in this run", (unsigned long long)f->kernels,
                 (unsigned long long)f->compiled);
    if (f->programs || f->kernels) term(out, "compiled", text);
    term(out, "baseline", f->baseline[0] ? f->baseline : "none: held against the contract alone");
    fputs("</dl>", out);
}

void page_device_print(const matrix_report *report, size_t column, FILE *out) {
    const matrix_column *c = &report->columns[column];
    fprintf(out, "<section class=\"card\" id=\"device-%zu\"><h3>", column);
    markup_escape(out, c->facts.alias);
    fputs(" <small>", out);
    markup_escape(out, c->facts.name);
    fputs("</small></h3>\n", out);
    badges(report, c, out);
    bar(c, out);
    closeness(c, out);
    terms(report, c, out);
    fputs("</section>\n", out);
}
