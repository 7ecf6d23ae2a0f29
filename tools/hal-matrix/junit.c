/* SPDX-License-Identifier: Apache-2.0 */
/* A report as JUnit XML: a suite a device, a test a case. What is unsupported or on record counts as skipped. */
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-matrix/report.h"

static void attribute(FILE *out, const char *name, const char *value) {
    fprintf(out, " %s=\"", name);
    markup_escape(out, value);
    fputc('"', out);
}

static void property(FILE *out, const char *name, const char *value) {
    fputs("  <property", out);
    attribute(out, "name", name);
    attribute(out, "value", value);
    fputs("/>\n", out);
}

static void properties(FILE *out, const matrix_column *c) {
    char why[320];
    fputs(" <properties>\n", out);
    property(out, "backend", c->facts.backend);
    property(out, "name", c->facts.name);
    property(out, "driver", c->facts.driver);
    property(out, "emulated", c->facts.emulated ? "yes" : "no");
    property(out, "list", c->facts.list);
    property(out, "list version", c->facts.version);
    property(out, "level", matrix_level_name(matrix_column_level(c, why, sizeof why)));
    fputs(" </properties>\n", out);
}

/* "op/dtype" is the class, the rest the name: readers group by class. */
static void one_case(FILE *out, const matrix_column *c, const matrix_result *r) {
    char class[MATRIX_ID_SIZE];
    const char *slash = strchr(r->id, '/'), *rest = slash ? strchr(slash + 1, '/') : NULL;
    snprintf(class, sizeof class, "%.*s", rest ? (int)(rest - r->id) : (int)strlen(r->id), r->id);
    if (slash) class[slash - r->id] = '.';
    fputs(" <testcase", out);
    attribute(out, "classname", class);
    attribute(out, "name", rest ? rest + 1 : r->id);
    fprintf(out, " time=\"%.9g\"", r->seconds);
    if (r->verdict == VERDICT_PASSED) {
        fputs("/>\n", out);
        return;
    }
    fprintf(out, ">\n  <%s", r->verdict == VERDICT_FAILED ? "failure" : "skipped");
    char text[MATRIX_REASON_SIZE + 32];
    snprintf(text, sizeof text, "%s: %s", matrix_verdict_name(r->verdict), r->reason);
    attribute(out, "message", text);
    if (r->verdict == VERDICT_FAILED) {
        fputs(">hal-matrix repro &#39;", out);
        markup_escape(out, r->id);
        fprintf(out, "&#39; --device %s --seed %llu</failure>\n </testcase>\n", c->facts.alias,
                (unsigned long long)c->facts.seed);
    } else {
        fputs("/>\n </testcase>\n", out);
    }
}

static void suite(FILE *out, const matrix_column *c) {
    char when[40];
    markup_date(c->facts.when, when, sizeof when);
    memcpy(when + 16, ":00", 4); /* ISO 8601 */
    when[10] = 'T';
    fputs("<testsuite", out);
    attribute(out, "name", c->facts.alias);
    const uint64_t skipped = c->count - c->by_verdict[VERDICT_PASSED] - c->by_verdict[VERDICT_FAILED];
    fprintf(out, " tests=\"%zu\" failures=\"%llu\" errors=\"0\" skipped=\"%llu\" time=\"%.3f\"", c->count,
            (unsigned long long)c->by_verdict[VERDICT_FAILED], (unsigned long long)skipped, c->facts.seconds);
    if (c->facts.when) attribute(out, "timestamp", when);
    fputs(">\n", out);
    properties(out, c);
    for (size_t i = 0; i < c->count; i++) one_case(out, c, &c->results[i]);
    fputs("</testsuite>\n", out);
}

int matrix_junit_print(const matrix_report *report, FILE *out, tool_error *err) {
    (void)err;
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"hal-matrix\">\n", out);
    for (size_t i = 0; i < report->count; i++) suite(out, &report->columns[i]);
    fputs("</testsuites>\n", out);
    return TOOL_OK;
}
