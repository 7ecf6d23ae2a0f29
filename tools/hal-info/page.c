/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/page.h"

#include <string.h>
#include <time.h>

#include "tools/hal-info/picture.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width,initial-scale=1\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
    "'unsafe-inline'\">\n"
    "<style>\n"
    ":root{color-scheme:light "
    "dark;--page:#fff;--text:#17202b;--faint:#586575;--rule:#dbe1e8;--good:#1f7a45;--warn:#9a5b00;--bad:#"
    "b3261e}\n"
    "@media "
    "(prefers-color-scheme:dark){:root{--page:#11161d;--text:#e6ecf3;--faint:#9fabba;--rule:#303b48;--good:#"
    "5cc08c;--warn:#ffc266;--bad:#ff8a80}}\n"
    "body{margin:2rem auto;max-width:76rem;padding:0 "
    "1rem;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe UI',"
    "Roboto,'Helvetica Neue',Arial,sans-serif}\n"
    "h1{font-size:1.6rem;margin:0 0 .2rem}h2{font-size:1.15rem;margin:2.2rem 0 .6rem}p{margin:.3rem 0}\n"
    ".faint{color:var(--faint);white-space:pre-wrap}.good{color:var(--good)}.warn{color:var(--warn)}"
    ".bad{color:var(--bad);font-weight:600}.strong{font-weight:600}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-"
    "nums}\n"
    "th,td{padding:.25rem .8rem .25rem 0;text-align:left;white-space:nowrap;border-bottom:1px solid "
    "var(--rule)}\n"
    ".right{text-align:right}figure{margin:1rem 0}figure svg{width:100%;height:auto}\n"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:.4rem 0 "
    "1.2rem}dt{color:var(--faint)}dd{margin:0}\n"
    "@media "
    "print{body{margin:0;max-width:none;font-size:11px}h2{break-after:avoid}figure,table,dl{break-inside:"
    "avoid}}\n"
    "</style>\n<title>";

static void element(FILE *out, const char *tag, const char *class, const char *text)
{
    fprintf(out, "<%s class=\"%s\">", tag, class);
    style_escape(out, text);
    fprintf(out, "</%s>\n", tag);
}

static int section(FILE *out, const char *title, table *rows, tool_error *err)
{
    if (!rows)
        return TOOL_OK;
    element(out, "h2", "", title);
    int code = table_print_html(rows, out, err);
    table_free(rows);
    return code;
}

static void term(FILE *out, const char *name, const char *text)
{
    if (!text[0])
        return;
    element(out, "dt", "", name);
    element(out, "dd", "", text);
}

static void findings(FILE *out, const hal_topology *t)
{
    const uint32_t n = hal_topology_diagnostic_count(t);
    element(out, "h2", "", "Findings");
    if (!n)
        element(out, "p", "good", "Nothing is wrong as far as can be seen.");
    for (uint32_t k = 0; k < n; k++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(t, k);
        const hal_topology_device *device = hal_topology_device_at(t, d->device);
        char text[1024];
        snprintf(text, sizeof text, "%s%s%s: %s", d->code, device ? " " : "", device ? device->alias : "",
                 d->summary);
        element(out, "p",
                d->severity == HAL_SEVERITY_FAILURE   ? "bad"
                : d->severity == HAL_SEVERITY_WARNING ? "warn"
                                                      : "faint",
                text);
        fputs("<dl>", out);
        term(out, "seen", d->evidence);
        term(out, "usual cause", d->cause);
        term(out, "try", d->remedy);
        fputs("</dl>\n", out);
    }
}

static void heading(FILE *out, const hal_topology *t)
{
    const hal_topology_host *host = hal_topology_host_of(t);
    char text[512], stamp[40] = "";
    const time_t when = (time_t)host->when;
    struct tm parts;
    if (when && gmtime_r(&when, &parts))
        strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M UTC", &parts);
    const char *name = host_title(host);
    fputs(head, out);
    style_escape(out, name);
    fputs("</title></head><body>\n", out);
    element(out, "h1", "", name);
    snprintf(text, sizeof text, "%s %s, %s%s%s; hal %s", host->os, host->kernel, host->arch,
             stamp[0] ? "; " : "", stamp, hal_version());
    element(out, "p", "faint", text);
}

int page_print(const hal_topology *t, FILE *out, tool_error *err)
{
    heading(out, t);
    fputs("<figure>\n", out);
    int code = picture_print(t, false, out, err);
    fputs("</figure>\n", out);
    if (!code)
        code = section(out, "Devices", list_table(t), err);
    if (!code)
        code = section(out, "Memory", memory_table(t), err);
    if (!code)
        code = section(out, "GB/s one way", links_matrix(t, false), err);
    if (code)
        return code;
    element(out, "p", "faint", figure_legend());
    findings(out, t);
    fputs("</body></html>\n", out);
    return TOOL_OK;
}
