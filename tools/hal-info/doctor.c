/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info doctor: the first broken rung of each device, with what was seen and what to try. */
#include "tools/hal-info/document.h"
#include "tools/hal-info/info.h"

#include <stdlib.h>
#include <string.h>

enum { INDENT = 2, STATUS = 5, TEXT = INDENT + STATUS + 6, LABEL = 13 };

/* What each rung looks at; 1 to 10. */
static const char *const rung_names[] = {
    "",         "hardware on the bus", "kernel driver",       "device node", "permission",    "user library",
    "versions", "registration",        "vendor's own answer", "not hidden",  "backend of hal"};

static const struct {
    const char *word;
    info_tone tone;
} statuses[] = {[HAL_RUNG_OK] = {"ok", TONE_GOOD},
                [HAL_RUNG_WARN] = {"warn", TONE_WARN},
                [HAL_RUNG_FAIL] = {"FAIL", TONE_BAD},
                [HAL_RUNG_SKIP] = {"skip", TONE_FAINT},
                [HAL_RUNG_DENIED] = {"?", TONE_WARN}};

/* "D402" and "D4" are of rung 4, "D1001" and "D10" of rung 10. */
static uint32_t rung_of(const char *code)
{
    if (code[0] != 'D')
        return 0;
    const unsigned long number = strtoul(code + 1, NULL, 10), rung = number > 99 ? number / 100 : number;
    return rung <= 10 ? (uint32_t)rung : 0;
}

static void labelled(const info *i, uint32_t indent, const char *label, const char *text)
{
    if (!text[0])
        return;
    fprintf(i->out, "%*s%s%-*s%s", (int)indent, "", style_on(&i->style, TONE_FAINT), LABEL, label,
            style_off(&i->style, TONE_FAINT));
    style_wrap(&i->style, i->out, indent + LABEL, text);
}

static void print_advice(const info *i, uint32_t indent, const hal_topology_diagnostic *d)
{
    labelled(i, indent, "seen:", d->evidence);
    labelled(i, indent, "usual cause:", d->cause);
    labelled(i, indent, "try:", d->remedy);
}

static const hal_topology_diagnostic *diagnostic_of(const hal_topology *t, uint32_t device, const char *code)
{
    for (uint32_t k = 0; k < hal_topology_diagnostic_count(t); k++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(t, k);
        if (d->device == device && strcmp(d->code, code) == 0)
            return d;
    }
    return NULL;
}

static void print_rung(const info *i, uint32_t device, const hal_rung *rung)
{
    const uint32_t status =
        rung->status < sizeof statuses / sizeof statuses[0] ? rung->status : HAL_RUNG_DENIED;
    const hal_topology_diagnostic *d = diagnostic_of(i->topology, device, rung->code);
    const char *text = d ? d->summary : rung->evidence[0] ? rung->evidence : rung_names[rung_of(rung->code)];
    fprintf(i->out, "%*s%s%-*s%s%-6s", INDENT, "", style_on(&i->style, statuses[status].tone), STATUS,
            statuses[status].word, style_off(&i->style, statuses[status].tone), rung->code);
    style_wrap(&i->style, i->out, TEXT, text);
    if (d)
        print_advice(i, TEXT, d);
}

/* Rungs that were skipped for one reason are one line. Returns how many were taken. */
static uint32_t print_skipped(const info *i, const hal_topology_device *d, uint32_t from)
{
    const hal_rung *first = &d->rungs[from];
    uint32_t n = 0;
    while (from + n < d->n_rungs && first[n].status == HAL_RUNG_SKIP &&
           strcmp(first[n].evidence, first->evidence) == 0)
        n++;
    if (n < 2)
        return 0;
    const int used =
        fprintf(i->out, "%*s%s%-*s%s%s-%s  ", INDENT, "", style_on(&i->style, TONE_FAINT), STATUS, "skip",
                style_off(&i->style, TONE_FAINT), first->code, first[n - 1].code);
    style_wrap(&i->style, i->out, used > TEXT ? TEXT : (uint32_t)used,
               first->evidence[0] ? first->evidence : "not reached");
    return n;
}

static void print_versions(const info *i, const hal_topology_device *d)
{
    char text[1024];
    if (!d->driver[0] && !d->user_version[0] && !d->firmware[0])
        return;
    const char *const parts[][2] = {{" ", d->driver_version},
                                    {", library ", d->user_version},
                                    {", which asks for driver ", d->required_version},
                                    {", firmware ", d->firmware}};
    snprintf(text, sizeof text, "driver %s", d->driver[0] ? d->driver : "-");
    for (size_t k = 0; k < sizeof parts / sizeof parts[0]; k++)
        if (parts[k][1][0])
            snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", parts[k][0], parts[k][1]);
    labelled(i, INDENT, "versions:", text);
}

/* Columns of the longest alias. */
static uint32_t alias_width(const hal_topology *t)
{
    size_t most = 6;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const size_t length = strlen(hal_topology_device_at(t, k)->alias);
        most = length > most && length < 24 ? length : most;
    }
    return (uint32_t)most;
}

static void verdict_of(const hal_topology_device *d, char *text, size_t size, info_tone *tone)
{
    char state[64];
    snprintf(text, size, "%s", device_state(d, state, tone));
    if (d->usability == HAL_USABLE_BROKEN)
        snprintf(text, size, "FAIL at D%u %s", rung_of(d->reason), rung_names[rung_of(d->reason)]);
}

/* Alias, address, name and verdict in columns; the verdict has a line of its own where it finds no room. */
static void print_headline(const info *i, const hal_topology_device *d)
{
    char name[160], verdict[128], address[96], text[400];
    info_tone tone;
    verdict_of(d, verdict, sizeof verdict, &tone);
    const uint32_t alias = alias_width(i->topology), width = i->style.width;
    style_clean(&i->style, d->address, address, sizeof address);
    address[style_fit(&i->style, address, width - alias - 2)] = 0;
    style_clean(&i->style, device_name(d, name), text, sizeof text);
    const uint32_t length = style_columns(&i->style, address), after = 2 + (uint32_t)strlen(verdict);
    const uint32_t before = alias + 2 + (length > 14 ? length : 14);
    const bool apart = before + 8 + after > width;
    const uint32_t taken = apart ? before : before + after, left = width > taken ? width - taken : 0;
    const uint32_t room = left < 60 ? left : 60;
    text[style_fit(&i->style, text, room)] = 0;
    const uint32_t columns = style_columns(&i->style, text), wide = apart ? 0 : room < 32 ? room : 32;
    fprintf(i->out, "%s%-*s%s %-14s %s%*s%s%s%s%s\n", style_on(&i->style, TONE_STRONG), (int)alias, d->alias,
            style_off(&i->style, TONE_STRONG), address, text, columns < wide ? (int)(wide - columns) : 0, "",
            apart ? "\n  " : "  ", style_on(&i->style, tone), verdict, style_off(&i->style, tone));
}

static bool is_healthy(const hal_topology_device *d)
{
    for (uint32_t k = 0; k < d->n_rungs; k++)
        if (d->rungs[k].status == HAL_RUNG_FAIL || d->rungs[k].status == HAL_RUNG_WARN)
            return false;
    return d->usability == HAL_USABLE_READY || d->usability == HAL_USABLE_NOT_PROBED ||
           d->usability == HAL_USABLE_NO_BACKEND;
}

/* Findings about the device that no rung has shown. */
static void print_rest(const info *i, const hal_topology_device *d, uint32_t index)
{
    for (uint32_t k = 0; k < hal_topology_diagnostic_count(i->topology); k++) {
        const hal_topology_diagnostic *x = hal_topology_diagnostic_at(i->topology, k);
        bool shown = x->device != index;
        for (uint32_t j = 0; j < d->n_rungs && !shown; j++)
            shown = strcmp(d->rungs[j].code, x->code) == 0;
        if (shown)
            continue;
        fprintf(i->out, "%*s%-*s%-6s", INDENT, "", STATUS, x->severity == HAL_SEVERITY_NOTE ? "note" : "warn",
                x->code);
        style_wrap(&i->style, i->out, TEXT, x->summary);
        print_advice(i, TEXT, x);
    }
}

static void print_device(const info *i, uint32_t index, bool all)
{
    const hal_topology_device *d = hal_topology_device_at(i->topology, index);
    print_headline(i, d);
    if (!all && is_healthy(d))
        return;
    for (uint32_t k = 0; k < d->n_rungs;) {
        const uint32_t skipped = print_skipped(i, d, k);
        if (!skipped)
            print_rung(i, index, &d->rungs[k]);
        k += skipped ? skipped : 1;
    }
    if (!d->n_rungs && d->reason_text[0])
        labelled(i, INDENT, "reason:", d->reason_text);
    print_rest(i, d, index);
    print_versions(i, d);
}

static void print_machine(const info *i)
{
    static const char *const words[] = {"note", "warn", "FAIL"};
    static const info_tone tones[] = {TONE_FAINT, TONE_WARN, TONE_BAD};
    bool any = false;
    for (uint32_t k = 0; k < hal_topology_diagnostic_count(i->topology); k++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(i->topology, k);
        if (d->device != HAL_NOWHERE)
            continue;
        const uint32_t s = d->severity <= HAL_SEVERITY_FAILURE ? d->severity : HAL_SEVERITY_WARNING;
        fprintf(i->out, "%s%*s%s%-*s%s%-6s", any ? "" : "\nof the machine as a whole\n", INDENT, "",
                style_on(&i->style, tones[s]), STATUS, words[s], style_off(&i->style, tones[s]), d->code);
        style_wrap(&i->style, i->out, TEXT, d->summary);
        print_advice(i, TEXT, d);
        any = true;
    }
}

/* --- codes --- */

static int explain_all(const info *i)
{
    const hal_code_row *row;
    for (uint32_t k = 0; (row = hal_code_at(k)) != NULL; k++) {
        fprintf(i->out, "%-6s ", row->code);
        style_wrap(&i->style, i->out, 7, row->summary);
    }
    return TOOL_OK;
}

static int explain(const info *i, const char *code, tool_error *err)
{
    if (strcmp(code, "all") == 0)
        return explain_all(i);
    const hal_code_row *row = hal_code_explain(code);
    if (!row)
        return tool_fail(err, TOOL_NOT_FOUND, "no code \"%s\"; hal-info doctor --explain all lists them",
                         code);
    fprintf(i->out, "%s%s%s  ", style_on(&i->style, TONE_STRONG), row->code,
            style_off(&i->style, TONE_STRONG));
    style_wrap(&i->style, i->out, (uint32_t)strlen(row->code) + 2, row->summary);
    fprintf(i->out, "%-*sD%u, %s; usually a %s\n", LABEL, "rung:", row->rung,
            row->rung <= 10 ? rung_names[row->rung] : "", hal_severity_name(row->severity));
    labelled(i, 0, "looked at:", row->evidence);
    labelled(i, 0, "usual cause:", row->cause);
    labelled(i, 0, "try:", row->remedy);
    return TOOL_OK;
}

/* --- the verb --- */

/* Index of the device that is named; HAL_NOWHERE when none is. */
static int chosen(const info *i, uint32_t *index, tool_error *err)
{
    const hal_topology_device *d;
    *index = HAL_NOWHERE;
    if (!i->options->n_words)
        return TOOL_OK;
    int code = machine_device(i->topology, i->options->words[0], &d, err);
    if (!code)
        *index = hal_topology_device_find(i->topology, d->id);
    return code;
}

static void print_end(const info *i, uint32_t index)
{
    const hal_topology *t = i->topology;
    uint32_t others = 0;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        others += k != index && !is_healthy(hal_topology_device_at(t, k));
    char text[160] = "";
    if (index != HAL_NOWHERE && !others)
        snprintf(text, sizeof text, "Other devices unaffected. ");
    if (index != HAL_NOWHERE && others)
        snprintf(text, sizeof text, "%u other device%s: hal-info doctor. ", others,
                 others == 1 ? " has findings too" : "s have findings too");
    snprintf(text + strlen(text), sizeof text - strlen(text), "For a report: hal-info bundle");
    style_wrap(&i->style, i->out, 0, text);
}

int doctor_print(info *i, tool_error *err)
{
    uint32_t index;
    if (i->options->explain)
        return explain(i, i->options->explain, err);
    int code = chosen(i, &index, err);
    if (code)
        return code;
    const uint32_t n = hal_topology_device_count(i->topology);
    for (uint32_t k = 0; k < n; k++)
        if (index == HAL_NOWHERE || k == index)
            print_device(i, k, k == index);
    if (!n)
        fputs("no device is seen\n", i->out);
    if (index == HAL_NOWHERE)
        print_machine(i);
    print_end(i, index);
    return TOOL_OK;
}

static json_t *code_json(const hal_code_row *row)
{
    return json_pack("{s:s,s:s,s:I,s:s,s:s,s:s,s:s}", "code", row->code, "severity",
                     hal_severity_name(row->severity), "rung", (json_int_t)row->rung, "summary", row->summary,
                     "evidence", row->evidence, "cause", row->cause, "remedy", row->remedy);
}

static int explain_data(const char *code, json_t **root, tool_error *err)
{
    json_t *rows = json_array();
    const hal_code_row *row;
    for (uint32_t k = 0; (row = hal_code_at(k)) != NULL; k++)
        if (strcmp(code, "all") == 0 || row == hal_code_explain(code))
            json_array_append_new(rows, code_json(row));
    if (!json_array_size(rows)) {
        json_decref(rows);
        return tool_fail(err, TOOL_NOT_FOUND, "no code \"%s\"; hal-info doctor --explain all lists them",
                         code);
    }
    *root = json_pack("{s:s,s:o}", "schema", "hal.codes/1", "diagnostics", rows);
    return *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

/* Devices with their rungs and diagnostics; of one device when one is named. */
int doctor_data(info *i, json_t **root, tool_error *err)
{
    uint32_t index;
    if (i->options->explain)
        return explain_data(i->options->explain, root, err);
    int code = chosen(i, &index, err);
    if (!code)
        code = document_create(i, root, err);
    if (code || index == HAL_NOWHERE)
        return code;
    static const char *const arrays[] = {"devices", "diagnostics"}, *const keys[] = {"id", "device"};
    const char *id = hal_topology_device_at(i->topology, index)->id;
    for (int a = 0; a < 2; a++) {
        json_t *rows = json_object_get(*root, arrays[a]);
        for (size_t k = json_array_size(rows); k-- > 0;) {
            const char *value = json_string_value(json_object_get(json_array_get(rows, k), keys[a]));
            if (!value || strcmp(value, id))
                json_array_remove(rows, k);
        }
    }
    return TOOL_OK;
}

int doctor_verdict(info *i, tool_error *err)
{
    uint32_t index, failed = 0, warned = 0;
    const hal_topology *t = i->topology;
    if (i->options->explain || chosen(i, &index, err))
        return TOOL_OK;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (index != HAL_NOWHERE && index != k)
            continue;
        failed += d->usability == HAL_USABLE_BROKEN;
        warned += d->usability == HAL_USABLE_DEGRADED;
    }
    for (uint32_t k = 0; k < hal_topology_diagnostic_count(t); k++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(t, k);
        if (d->device != HAL_NOWHERE || index != HAL_NOWHERE)
            continue;
        failed += d->severity == HAL_SEVERITY_FAILURE;
        warned += d->severity == HAL_SEVERITY_WARNING;
    }
    if (failed)
        return tool_fail(err, INFO_FAILURE, "%u failure%s found", failed, failed == 1 ? "" : "s");
    return warned ? tool_fail(err, TOOL_DEGRADED, "%u warning%s", warned, warned == 1 ? "" : "s") : TOOL_OK;
}
