/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/file.h"
#include "tools/hal-info/document.h"
#include "tools/hal-info/page.h"
#include "tools/hal-info/picture.h"

/* What is so of a verb. */
enum {
    MACHINE = 1, /* looks at a machine */
    PROBES = 2,  /* asks vendor libraries too */
    PROSE = 4,   /* its text is no table */
};

/* What a verb does. */
typedef struct verb {
    const char *name;
    int (*print)(info *i, tool_error *err);
    int (*data)(info *i, json_t **root, tool_error *err);
    const char *rows; /* of the document: what JSON lines and CSV have a line for */
    int words;        /* at most so many may stand behind it */
    unsigned is;
} verb;

static int whole_data(info *i, json_t **root, tool_error *err)
{
    return document_create(i, root, err);
}

static const verb verbs[] = {
    {"list", list_print, whole_data, "devices", 0, MACHINE},
    {"show", show_print, show_data, NULL, 1, MACHINE | PROBES | PROSE},
    {"topo", topo_print, whole_data, "places", 0, MACHINE | PROBES | PROSE},
    {"links", links_print, links_data, "links", 1, MACHINE},
    {"mem", memory_print, memory_data, "memories", 0, MACHINE},
    {"ops", ops_print, ops_data, "ops", 0, MACHINE | PROBES},
    {"plugins", plugins_print, plugins_data, "plugins", 0, 0},
    {"config", config_print, config_data, "variables", 0, 0},
    {"doctor", doctor_print, doctor_data, "diagnostics", 1, MACHINE | PROBES | PROSE},
    {"watch", watch_print, NULL, NULL, 0, 0},
    {"diff", diff_print, diff_data, "changes", 2, PROSE},
    {"gather", gather_print, NULL, NULL, 1, 0},
    {"bundle", bundle_print, NULL, NULL, 1, MACHINE | PROBES},
    {"export", export_print, NULL, NULL, 1, MACHINE},
    {"schema", schema_print, NULL, NULL, 0, 0},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static const verb *find(const char *name)
{
    for (int k = 0; k < VERBS; k++)
        if (strcmp(verbs[k].name, name) == 0)
            return &verbs[k];
    return NULL;
}

/* Words behind a verb that takes none are a mistake that should not go unseen. */
static int check_words(const verb *v, const info_options *o, tool_error *err)
{
    return o->n_words > v->words
               ? tool_fail(err, TOOL_BAD_INPUT, "%s: unexpected \"%s\"; see --help", v->name, o->words[v->words])
               : TOOL_OK;
}

static bool is_text(info_form form)
{
    return form == FORM_TEXT || form == FORM_MARKDOWN;
}

static bool has_form(const verb *v, info_form form)
{
    return v->data || form == FORM_TEXT || (v->print == watch_print && form == FORM_JSON_LINES);
}

static int check(const verb *v, const info_options *o, tool_error *err)
{
    if (!has_form(v, o->form))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: has no such form; see hal-info(1)", v->name);
    if ((o->svg || o->html) && !(v->is & MACHINE))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: --svg and --html draw a machine, such as of topo",
                         v->name);
    if (o->explain && v->print != doctor_print)
        return tool_fail(err, TOOL_BAD_INPUT, "--explain belongs to doctor");
    if (o->dtype && v->print != ops_print)
        return tool_fail(err, TOOL_BAD_INPUT, "--dtype belongs to ops");
    return check_words(v, o, err);
}

/* The library prints its own document; a tree that was read back is only needed for parts of it. */
static int print_whole(const info *i, tool_error *err)
{
    const hal_status status =
        hal_topology_print_json(i->topology, i->options->redact ? HAL_PRINT_REDACTED : 0, i->out);
    return status == HAL_OK ? TOOL_OK : machine_fail(status, err);
}

static int print_data(const verb *v, info *i, tool_error *err)
{
    json_t *root;
    if (v->data == whole_data && i->options->form == FORM_JSON)
        return print_whole(i, err);
    int code = v->data(i, &root, err);
    if (code)
        return code;
    const bool elsewhere = v->data == ops_data && i->options->input;
    code = document_print(root, i->options, elsewhere ? "devices" : v->rows, i->out, err);
    if (!code && v->data == diff_data)
        code = diff_verdict(root, err);
    json_decref(root);
    return code;
}

/* Into memory first, so that a file is whole or untouched. "-" is standard output. */
static int write_file(const info *i, const char *path, bool page, tool_error *err)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return tool_fail(err, TOOL_INTERNAL, "out of memory for %s", path);
    int code = page ? page_print(i->topology, out, err) : picture_print(i->topology, true, out, err);
    if (fclose(out) && !code)
        code = tool_fail(err, TOOL_INTERNAL, "out of memory for %s", path);
    if (!code && strcmp(path, "-") == 0)
        code = fwrite(text, 1, bytes, i->out) == bytes ? TOOL_OK : TOOL_INTERNAL;
    else if (!code)
        code = file_write_whole(path, text, bytes, err);
    free(text);
    return code;
}

/* Whether the answer is made of the library's JSON, which is redacted by itself. */
static bool gives_data(const verb *v, const info_options *o)
{
    return v->data && !is_text(o->form) && !o->svg && !o->html;
}

static int write_files(const info *i, tool_error *err)
{
    int code = i->options->svg ? write_file(i, i->options->svg, false, err) : TOOL_OK;
    return !code && i->options->html ? write_file(i, i->options->html, true, err) : code;
}

/* In Markdown, what is no table stays as it is, in a block. */
static int print_text(const verb *v, info *i, tool_error *err)
{
    const bool markdown = i->options->form == FORM_MARKDOWN, fence = markdown && (v->is & PROSE);
    i->style.markdown = markdown && !fence;
    if (fence)
        fputs("```\n", i->out);
    const int code = v->print(i, err);
    if (fence)
        fputs("```\n", i->out);
    return code;
}

static int answer(const verb *v, info *i, tool_error *err)
{
    if (i->options->svg || i->options->html)
        return write_files(i, err);
    const int code = gives_data(v, i->options) ? print_data(v, i, err) : print_text(v, i, err);
    return !code && v->print == doctor_print ? doctor_verdict(i, err) : code;
}

/* Vendors that were cut short by the user's own deadline are in the answer as hanging: said last, it counts. */
static int judge_time(const info_options *o, bool late, int code, tool_error *err)
{
    if (!late || (code != TOOL_OK && code != TOOL_DEGRADED && code != INFO_FAILURE))
        return code;
    return tool_fail(err, TOOL_DEADLINE,
                     "--deadline %g passed before every vendor's library had answered; what is said of them above is "
                     "not their fault",
                     o->deadline);
}

static int open_output(info *i, tool_error *err)
{
    const info_options *o = i->options;
    i->out = o->output ? fopen(o->output, "w") : stdout;
    if (!i->out)
        return tool_fail_errno(err, errno, "create", o->output);
    i->style = style_of(i->out, o->colour, o->wide);
    return TOOL_OK;
}

static int close_output(const info *i, int code, tool_error *err)
{
    const bool whole = i->out == stdout || fclose(i->out) == 0;
    return whole || code ? code : tool_fail_errno(err, errno, "write", i->options->output);
}

/* Describes the machine to a verb that looks at one. `late`: vendors' libraries had no more time. */
static int look(const verb *v, info *i, bool *late, tool_error *err)
{
    const info_options *o = i->options;
    const int64_t until = hal_deadline_ms((int64_t)(o->deadline * 1000));
    if (!(v->is & MACHINE) || o->explain)
        return TOOL_OK;
    const bool probes = v->is & PROBES, asks = (probes || o->probe) && !o->input;
    const int code = machine_open(o, NULL, probes, &i->topology, err);
    *late = asks && o->deadline > 0 && hal_deadline_ms(0) > until;
    if (code || !o->redact || gives_data(v, o))
        return code;
    return machine_redact(&i->topology, err);
}

static int run(const info_options *given, tool_error *err)
{
    const verb *v = find(given->verb);
    if (!v)
        return tool_fail(err, TOOL_BAD_INPUT, "unknown verb \"%s\"; see --help", given->verb);
    info_options options = *given;
    options.redact |= v->print == bundle_print;
    info i = {.options = &options};
    bool late = false;
    int code = check(v, &options, err);
    if (!code)
        code = open_output(&i, err);
    if (code)
        return code;
    code = look(v, &i, &late, err);
    if (!code)
        code = judge_time(&options, late, answer(v, &i, err), err);
    hal_topology_release(i.topology);
    return close_output(&i, code, err);
}

/* hwloc opens its plugins before it can be told which to leave alone, and through some of them vendors'
 * libraries. */
static void keep_vendors_out(void)
{
    setenv("HWLOC_PLUGINS_BLACKLIST",
           "hwloc_opencl.so,hwloc_gl.so,hwloc_cuda.so,hwloc_nvml.so,hwloc_rsmi.so,hwloc_levelzero.so", 0);
}

int main(int argc, char **argv)
{
    tool_error err = {0};
    info_options options;
    setlocale(LC_CTYPE, "");
    keep_vendors_out();
    signal(SIGPIPE, SIG_IGN); /* a reader that went away is told by the failing write */
    int code = info_options_parse(argc, argv, &options, &err);
    if (!code && options.help)
        fputs(info_options_help(), stdout);
    else if (!code && options.version)
        printf("hal-info %s\n", hal_version());
    else if (!code)
        code = run(&options, &err);
    return tool_finish("hal-info", code, &err);
}
