/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: hal-info [VERB] [options]\n"
    "What this machine, or a recorded one, has: devices, memory, links, and why something is missing.\n"
    "\n"
    "  list               every device in a row (default)        mem           memories and their tiers\n"
    "  show ID            all that is known about one device     links [ID]    bandwidth between devices\n"
    "  topo               what is inside what                    ops           operators a device can run\n"
    "  doctor [ID]        the first broken rung, and the remedy  plugins       which backends were loaded\n"
    "  watch              prints changes as they happen          config        environment variables\n"
    "  diff A B           two machines, or one before and after  schema        JSON Schema of --json\n"
    "  gather             records this machine for a test        bundle        a redacted archive for a "
    "report\n"
    "  export KIND        slurm, k8s, ray or prometheus\n"
    "\n"
    "  --input WHAT       a file, directory or description instead of this machine (\"socket:2 "
    "gpu:4@nvlink\")\n"
    "  --device X         ops: of this device; PATTERN=DEVICE[@LINK]: tell what a file does not know\n"
    "  --dtype T          ops: only this type                    --explain CODE  doctor: what a code means\n"
    "  --probe            ask vendor libraries too, in children  --deadline S    give up after S seconds\n"
    "  --json --jsonl --csv --md     other forms                 --get PATH      one value: "
    "devices.gpu0.name\n"
    "  --svg FILE --html FILE        a picture, a page           --output FILE   instead of standard output\n"
    "  --redact           no host names, serials or UUIDs        --color WHEN    auto, always or never\n"
    "  --wide             lines as long as they need to be       --plugin-dir D  look for backends there "
    "first\n"
    "  --interval S --count N        watch: pause and number of looks\n"
    "  --help --version   this text; the version                 short: -h -V -j (--json) -o -d\n"
    "\n"
    "  hal-info doctor gpu3                    why gpu3 does not work\n"
    "  hal-info topo --svg box.svg             the machine as a picture\n"
    "  hal-info --input 'socket:2 gpu:8@nvlink' links\n"
    "Exit codes: 0 ok, 1 internal, 2 usage or malformed input, 3 not found, 4 degraded or different, 5 "
    "doctor found a failure,\n"
    "6 deadline exceeded.\n";

const char *info_options_help(void)
{
    return help;
}

enum {
    OPTION_CSV = 256,
    OPTION_MD,
    OPTION_JSONL,
    OPTION_GET,
    OPTION_SVG,
    OPTION_HTML,
    OPTION_INPUT,
    OPTION_DTYPE,
    OPTION_PROBE,
    OPTION_WIDE,
    OPTION_REDACT,
    OPTION_COLOUR,
    OPTION_EXPLAIN,
    OPTION_PLUGINS,
    OPTION_INTERVAL,
    OPTION_COUNT,
    OPTION_DEADLINE
};

static const struct option table[] = {{"json", 0, NULL, 'j'},
                                      {"jsonl", 0, NULL, OPTION_JSONL},
                                      {"csv", 0, NULL, OPTION_CSV},
                                      {"md", 0, NULL, OPTION_MD},
                                      {"get", 1, NULL, OPTION_GET},
                                      {"svg", 1, NULL, OPTION_SVG},
                                      {"html", 1, NULL, OPTION_HTML},
                                      {"output", 1, NULL, 'o'},
                                      {"input", 1, NULL, OPTION_INPUT},
                                      {"device", 1, NULL, 'd'},
                                      {"dtype", 1, NULL, OPTION_DTYPE},
                                      {"probe", 0, NULL, OPTION_PROBE},
                                      {"wide", 0, NULL, OPTION_WIDE},
                                      {"redact", 0, NULL, OPTION_REDACT},
                                      {"color", 1, NULL, OPTION_COLOUR},
                                      {"explain", 1, NULL, OPTION_EXPLAIN},
                                      {"plugin-dir", 1, NULL, OPTION_PLUGINS},
                                      {"interval", 1, NULL, OPTION_INTERVAL},
                                      {"count", 1, NULL, OPTION_COUNT},
                                      {"deadline", 1, NULL, OPTION_DEADLINE},
                                      {"help", 0, NULL, 'h'},
                                      {"version", 0, NULL, 'V'},
                                      {0}};

static int number(const char *name, const char *text, double low, double high, double *out, tool_error *err)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end || !(value >= low && value <= high))
        return tool_fail(err, TOOL_BAD_INPUT, "--%s %s: expected a number from %g to %g", name, text, low,
                         high);
    *out = value;
    return TOOL_OK;
}

/* One name serves two needs: a line that supplies something has a '='. */
static int set_device(info_options *o, const char *text, tool_error *err)
{
    if (!strchr(text, '=')) {
        o->device = text;
        return TOOL_OK;
    }
    if (o->n_supplied == INFO_MAX_SUPPLIED)
        return tool_fail(err, TOOL_BAD_INPUT, "--device: more than %d lines", INFO_MAX_SUPPLIED);
    o->supplied[o->n_supplied++] = text;
    return TOOL_OK;
}

static int set_form(info_options *o, info_form form, tool_error *err)
{
    if (o->form != FORM_TEXT && o->form != form)
        return tool_fail(err, TOOL_BAD_INPUT, "--json, --jsonl, --csv, --md and --get exclude each other");
    o->form = form;
    return TOOL_OK;
}

static int set_colour(info_options *o, const char *text, tool_error *err)
{
    if (strcmp(text, "auto") && strcmp(text, "always") && strcmp(text, "never"))
        return tool_fail(err, TOOL_BAD_INPUT, "--color %s: auto, always or never", text);
    o->colour = text;
    return TOOL_OK;
}

/* Options that only keep their text; NULL for the others. */
static const char **plain(info_options *o, int c)
{
    switch (c) {
    case OPTION_SVG: return &o->svg;
    case OPTION_HTML: return &o->html;
    case OPTION_INPUT: return &o->input;
    case OPTION_DTYPE: return &o->dtype;
    case OPTION_EXPLAIN: return &o->explain;
    case OPTION_PLUGINS: return &o->plugin_dir;
    case 'o': return &o->output;
    default: return NULL;
    }
}

static int set_valued(info_options *o, int c, tool_error *err)
{
    double value = 0;
    int code;
    switch (c) {
    case 'd': return set_device(o, optarg, err);
    case OPTION_GET: o->get = optarg; return set_form(o, FORM_GET, err);
    case OPTION_COLOUR: return set_colour(o, optarg, err);
    case OPTION_INTERVAL: return number("interval", optarg, 0.01, 86400, &o->interval, err);
    case OPTION_DEADLINE: return number("deadline", optarg, 0, 86400, &o->deadline, err);
    case OPTION_COUNT:
        code = number("count", optarg, 1, 1e9, &value, err);
        o->count = (uint64_t)value;
        return code;
    default: return TOOL_INTERNAL;
    }
}

static int set_option(info_options *o, int c, tool_error *err)
{
    const char **text = plain(o, c);
    if (text) {
        *text = optarg;
        return TOOL_OK;
    }
    switch (c) {
    case 'j': return set_form(o, FORM_JSON, err);
    case OPTION_JSONL: return set_form(o, FORM_JSON_LINES, err);
    case OPTION_CSV: return set_form(o, FORM_CSV, err);
    case OPTION_MD: return set_form(o, FORM_MARKDOWN, err);
    case OPTION_PROBE: o->probe = true; return TOOL_OK;
    case OPTION_WIDE: o->wide = true; return TOOL_OK;
    case OPTION_REDACT: o->redact = true; return TOOL_OK;
    case 'h': o->help = true; return TOOL_OK;
    case 'V': o->version = true; return TOOL_OK;
    default: return set_valued(o, c, err);
    }
}

int info_options_parse(int argc, char **argv, info_options *out, tool_error *err)
{
    info_options o = {.verb = "list", .colour = "auto", .interval = 2};
    bool named = false;
    opterr = 0;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, ":jo:d:hV", table, NULL)) != -1;) {
        int code = TOOL_OK;
        if (c == '?' || c == ':')
            code = tool_fail(err, TOOL_BAD_INPUT, "%s: %s; see --help", argv[optind - 1],
                             c == ':' ? "needs a value" : "unknown option");
        else
            code = set_option(&o, c, err);
        if (code)
            return code;
    }
    for (; optind < argc; optind++) {
        if (!named)
            o.verb = argv[optind];
        else if (o.n_words < INFO_MAX_WORDS)
            o.words[o.n_words++] = argv[optind];
        else
            return tool_fail(err, TOOL_BAD_INPUT, "unexpected \"%s\"; see --help", argv[optind]);
        named = true;
    }
    *out = o;
    return TOOL_OK;
}
