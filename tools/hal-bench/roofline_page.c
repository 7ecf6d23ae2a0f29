/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "tools/common/markup.h"
#include "tools/hal-bench/roofline.h"

static const char style[] =
    ":root{color-scheme:light dark;--page:#fff;--card:#f6f8fa;--text:#17202b;--faint:#586575;--rule:#dbe1e8;--f32:#0072b2;"
    "--bf16:#d55e00;--f16:#007a58;--f64:#a4508b;--else:#586575}\n"
    "@media (prefers-color-scheme:dark){:root{--page:#11161d;--card:#18202a;--text:#e6ecf3;--faint:#9fabba;--rule:#303b48;"
    "--f32:#56b4e9;--bf16:#f08a4b;--f16:#3fc79a;--f64:#e0a3cc;--else:#9fabba}}\n"
    "body{margin:0 auto;max-width:76rem;padding:1.6rem 1.2rem 4rem;background:var(--page);color:var(--text);"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}\n"
    "h1{font-size:1.6rem;margin:0 0 .3rem}h2{font-size:1.2rem;margin:2.2rem 0 .4rem}p{margin:.3rem 0}.faint{color:var(--faint)}\n"
    "figure{margin:1rem 0;padding:.6rem;background:var(--card);border:1px solid var(--rule);border-radius:10px}"
    "figure svg{display:block;width:100%;height:auto}\n"
    "svg text{fill:var(--faint);font-size:12px}svg .tick{font-size:11px}svg .name{fill:var(--text)}svg .roofname{font-weight:600}\n"
    "svg .grid{stroke:var(--rule);stroke-width:1;fill:none}svg .roof{stroke:var(--c,var(--text));stroke-width:2.2;fill:none}"
    "svg .far{stroke:var(--c);stroke-width:1;stroke-dasharray:2 3;fill:none;opacity:.7}"
    "svg .mark{fill:var(--c);fill-opacity:.55;stroke:var(--c);stroke-width:1.2}\n"
    ".c0{--c:var(--f32)}.c1{--c:var(--bf16)}.c2{--c:var(--f16)}.c3{--c:var(--f64)}.c4{--c:var(--else)}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.88rem;font-variant-numeric:tabular-nums}"
    "th,td{padding:.22rem .9rem .22rem 0;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}"
    "th:first-child,td:first-child,.left{text-align:left}.bar{display:inline-block;height:.6rem;background:var(--f32);"
    "border-radius:.15rem;margin-left:.5rem}td.track{text-align:left;min-width:10rem}\n"
    "@media print{body{max-width:none;font-size:11px}figure,table{break-inside:avoid}}\n";

/* --- cells --- */

static void number(FILE *out, double value, double unit) {
    if (value > 0) fprintf(out, "<td>%.4g</td>", value / unit);
    else fputs("<td>-</td>", out);
}

static void percent(FILE *out, bool known, double value) {
    if (known) fprintf(out, "<td>%.1f %%</td>", 100 * value);
    else fputs("<td>-</td>", out);
}

static void print_operator(const profile_device *d, const limits *l, const profile_row *row, FILE *out) {
    const roofline_point p = roofline_judge(d, l, row);
    fputs("<tr>", out);
    markup_element(out, "td", "", row->op[0] ? row->op : "(not told)");
    markup_element(out, "td", "left", row->dtype);
    fprintf(out, "<td>%llu</td><td>%.6g</td><td class=\"track\">%.1f %%<i class=\"bar\" style=\"width:%.2frem\"></i></td>", (unsigned long long)row->calls,
            row->seconds * 1e3, 100 * p.share, 6 * p.share);
    number(out, p.flop_rate, 1e9);
    number(out, p.byte_rate, 1e9);
    number(out, p.intensity, 1);
    percent(out, p.bound != ROOFLINE_UNKNOWN, p.of_limit);
    markup_element(out, "td", "left", roofline_bound_name(p.bound));
    percent(out, p.bound != ROOFLINE_UNKNOWN && d->ops.seconds > 0, p.spare / d->ops.seconds);
    fputs("</tr>\n", out);
}

static void print_operators(const profile_device *d, const limits *l, FILE *out) {
    fputs("<div class=\"scroll\"><table><thead><tr><th>operator</th><th class=\"left\">dtype</th><th>calls</th><th>ms</th>"
          "<th class=\"left\">share of time</th><th>GFLOP/s</th><th>GB/s</th><th>FLOP/B</th><th>of its limit</th>"
          "<th class=\"left\">limit</th><th>to be had</th></tr></thead><tbody>\n", out);
    for (uint32_t i = 0; i < d->n_rows; i++) print_operator(d, l, &d->rows[i], out);
    fputs("</tbody></table></div>\n", out);
}

static void print_limit(const limit *l, FILE *out) {
    char when[40];
    markup_date(l->when, when, sizeof when);
    fputs("<tr>", out);
    markup_element(out, "td", "", l->dtype[0] ? l->dtype : "memory");
    if (l->value > 0)
        fprintf(out, "<td>%.4g %s</td><td>%.1f %%</td><td>%llu</td>", l->value * 1e-9, l->dtype[0] ? "GFLOP/s" : "GB/s", 100 * l->ci95 / l->value,
                (unsigned long long)l->runs);
    else fputs("<td>-</td><td>-</td><td>-</td>", out);
    markup_element(out, "td", "left", when);
    markup_element(out, "td", "left", l->how);
    fputs("</tr>\n", out);
}

static void print_limits(const limits *l, FILE *out) {
    fputs("<div class=\"scroll\"><table><thead><tr><th>limit</th><th>figure</th><th>+-</th><th>runs</th><th class=\"left\">measured</th>"
          "<th class=\"left\">with</th></tr></thead><tbody>\n", out);
    print_limit(&l->copy, out);
    for (uint32_t i = 0; i < l->n_peaks; i++) print_limit(&l->peaks[i], out);
    fputs("</tbody></table></div>\n", out);
}

/* --- parts --- */

static void print_device(const profile_device *d, const limits *l, FILE *out) {
    fputs("<h2>", out);
    markup_escape(out, d->name);
    fputs(" <span class=\"faint\">", out);
    markup_escape(out, l->name);
    fprintf(out, "%s</span></h2>\n", l->emulated ? " (emulated)" : "");
    fprintf(out, "<p>%.6g ms in %llu ops, %.6g ms in %llu copies, of %.6g ms between the first and the last.</p>\n<figure>\n", d->ops.seconds * 1e3,
            (unsigned long long)d->ops.count, d->copies.seconds * 1e3, (unsigned long long)d->copies.count, d->span * 1e3);
    roofline_picture_print(d, l, out);
    fputs("</figure>\n<p class=\"faint\">A circle is an operator in a dtype, its area the share of time, the dotted line the way to its limit. "
          "Diamonds at the left edge compute nothing: they are as far below the slope as their bytes a second are below a copy's.</p>\n", out);
    print_operators(d, l, out);
    print_limits(l, out);
}

static void print_head(const roofline *r, FILE *out) {
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
          "content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n<title>hal roofline</title>\n<style>\n", out);
    fputs(style, out);
    fputs("</style></head><body>\n<h1>Operators and the limits of their device</h1>\n<p class=\"faint\">Times from ", out);
    for (int i = 0; i < r->n_paths; i++) {
        char path[1024];
        snprintf(path, sizeof path, "%s%s", i ? ", " : "", r->paths[i]);
        markup_clean(path);
        markup_escape(out, path);
    }
    fprintf(out, "; operations and bytes from hal's table of operators, each operand counted once; limits as measured by hal-bench %s.</p>\n", hal_version());
    if (r->profile->dropped)
        fprintf(out, "<p>%llu events had no room in the trace: shares are of the rest.</p>\n", (unsigned long long)r->profile->dropped);
}

void roofline_page_print(const roofline *r, FILE *out) {
    print_head(r, out);
    for (uint32_t i = 0; i < r->profile->n_devices; i++)
        if (roofline_shows(r, i)) print_device(&r->profile->devices[i], &r->limits[i], out);
    fputs("<p class=\"faint\">\"of its limit\" is the least time that the operator's operations or bytes take at the device's limits, in the time it took; "
          "\"to be had\" is the rest as a share of the time of all operators. Above 100 % the data were nearer than memory.</p>\n</body></html>\n", out);
}
