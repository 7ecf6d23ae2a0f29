/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"

const char matrix_help[] =
    "usage: hal-matrix [run] [--device ID | --backend NAME]... [--op NAME]... [--dtype T]... [--list tiny|quick|full]\n"
    "                  [--jobs N] [--perf] [--json F] [--html F] [--junit F] [--md F]\n"
    "                               run operators against the fp64 reference; --backend means all its devices\n"
    "       hal-matrix merge A.json B.json... -o F    one report of several; --html, --junit, --md as in a run\n"
    "       hal-matrix diff OLD.json NEW.json         what got better and what got worse\n"
    "       hal-matrix explain CASE     what the case computes, and how the device does on it\n"
    "       hal-matrix repro CASE       a C program that runs the operator of the case\n"
    "       hal-matrix support          what the devices say they run, without running it\n"
    "gates: --floor N                   fewer executed cases are a failure\n"
    "       --expect FILE               failures on record: CASE | BACKEND | REASON | RECORD | DATE, * matches anything\n"
    "       --baseline FILE             recorded maxima of a backend: beyond 1.25 times one of them is a failure\n"
    "       --write-baseline FILE       record the maxima of this run, where they are larger than what is there\n"
    "       --loosen X                  multiply every bound: proves that the gate can fail\n"
    "more:  --deadline SECONDS          longest wait for a case (60)\n"
    "       --seed N                    other numbers for the inputs (0)\n"
    "       --output FILE, -o FILE      what merge writes\n"
    "       --verbose                   every case, not only failures\n"
    "       --plugin-dir DIR[:DIR]      look for backends there first (absolute paths)\n"
    "       --help, --version           this text; the version\n"
    "Without --device or --backend: cpu0. A case is op/dtype/shape/layout.\n"
    "examples: hal-matrix --backend opencl --list quick --html page.html\n"
    "          hal-matrix --device cpu0 --op matmul --dtype bf16 --perf --md -\n"
    "          hal-matrix merge old.json new.json -o all.json --html all.html\n"
    "Exit codes: 0 green, 1 a case failed, 2 usage or a bad file, 3 not found, 4 below the floor, loosened, too many\n"
    "kernels, interrupted, or, for diff, worse than before; 6 a case missed its deadline.\n";

static const struct { const char *name; matrix_verb verb; } verbs[] = {
    {"run", VERB_RUN}, {"explain", VERB_EXPLAIN}, {"repro", VERB_REPRO},
    {"support", VERB_SUPPORT}, {"merge", VERB_MERGE}, {"diff", VERB_DIFF}};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static int parse_verb(int *argc, char ***argv, matrix_options *o, tool_error *err) {
    if (*argc < 2) return tool_fail(err, TOOL_BAD_INPUT, "nothing asked for; hal-matrix run, or see --help");
    if ((*argv)[1][0] == '-') return TOOL_OK;
    for (int i = 0; i < VERBS; i++)
        if (strcmp((*argv)[1], verbs[i].name) == 0) {
            o->verb = verbs[i].verb;
            (*argc)--;
            (*argv)++;
            return TOOL_OK;
        }
    return tool_fail(err, TOOL_BAD_INPUT, "unknown verb \"%s\": run, merge, diff, explain, repro or support; see --help",
                     (*argv)[1]);
}

static int number(const char *name, const char *text, double most, double *out, tool_error *err) {
    char *end;
    const double x = strtod(text, &end);
    if (end == text || *end || !(x >= 0 && x <= most))
        return tool_fail(err, TOOL_BAD_INPUT, "--%s %s: no number from 0 to %g", name, text, most);
    *out = x;
    return TOOL_OK;
}

static int whole(const char *name, const char *text, uint64_t most, uint64_t *out, tool_error *err) {
    double x = 0;
    int code = number(name, text, (double)most, &x, err);
    if (!code && x != (double)(uint64_t)x)
        code = tool_fail(err, TOOL_BAD_INPUT, "--%s %s: no whole number", name, text);
    if (!code) *out = (uint64_t)x;
    return code;
}

static int want(matrix_options *o, const char *name, bool is_backend, tool_error *err) {
    if (o->n_wanted == MATRIX_MAX_WANTED)
        return tool_fail(err, TOOL_BAD_INPUT, "more than %d devices and backends", MATRIX_MAX_WANTED);
    o->wanted[o->n_wanted++] = (matrix_wanted){name, is_backend};
    return TOOL_OK;
}

static int add_op(matrix_filter *f, const char *name, tool_error *err) {
    const hal_op_info *op = hal_op_find(name);
    if (!op)
        return tool_fail(err, TOOL_NOT_FOUND, "no operator \"%s\"; did you mean \"%s\"?", name, hal_op_nearest(name));
    if (f->n_ops == MATRIX_MAX_OPS) return tool_fail(err, TOOL_BAD_INPUT, "more than %d operators", MATRIX_MAX_OPS);
    f->ops[f->n_ops++] = op->number;
    return TOOL_OK;
}

static int add_dtype(matrix_filter *f, const char *name, tool_error *err) {
    const hal_dtype dtype = hal_dtype_find(name);
    for (uint32_t i = 0; i < matrix_n_dtypes; i++)
        if (dtype == matrix_dtypes[i]) {
            if (f->n_dtypes == MATRIX_MAX_DTYPES)
                return tool_fail(err, TOOL_BAD_INPUT, "more than %d dtypes", MATRIX_MAX_DTYPES);
            f->dtypes[f->n_dtypes++] = dtype;
            return TOOL_OK;
        }
    return tool_fail(err, TOOL_NOT_FOUND, "no dtype \"%s\" with cases: f32, bf16, f16, f64, i32 or i64", name);
}

static int set_list(matrix_filter *f, const char *name, tool_error *err) {
    f->list = matrix_list_find(name);
    return f->list == LISTS ? tool_fail(err, TOOL_BAD_INPUT, "--list %s: tiny, quick or full", name) : TOOL_OK;
}

static const struct option table[] = {
    {"device", 1, NULL, 'd'}, {"backend", 1, NULL, 'b'}, {"op", 1, NULL, 'O'}, {"dtype", 1, NULL, 't'},
    {"list", 1, NULL, 'l'}, {"jobs", 1, NULL, 'J'}, {"perf", 0, NULL, 'P'}, {"json", 1, NULL, 'j'},
    {"html", 1, NULL, 'H'}, {"junit", 1, NULL, 'u'}, {"md", 1, NULL, 'm'}, {"output", 1, NULL, 'o'},
    {"plugin-dir", 1, NULL, 'p'}, {"expect", 1, NULL, 'e'}, {"baseline", 1, NULL, 'B'},
    {"write-baseline", 1, NULL, 'W'}, {"floor", 1, NULL, 'f'}, {"loosen", 1, NULL, 'x'}, {"seed", 1, NULL, 's'},
    {"deadline", 1, NULL, 'D'}, {"verbose", 0, NULL, 'v'}, {"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};

/* Options that name a file or a directory. */
static const char **path_of(matrix_options *o, int c) {
    switch (c) {
    case 'j': return &o->json;
    case 'H': return &o->html;
    case 'u': return &o->junit;
    case 'm': return &o->md;
    case 'o': return &o->output;
    case 'p': return &o->plugin_dir;
    case 'e': return &o->expect;
    case 'B': return &o->baseline;
    case 'W': return &o->write_baseline;
    default: return NULL;
    }
}

static int set_number(matrix_options *o, int c, tool_error *err) {
    uint64_t jobs = o->jobs;
    int code = TOOL_OK;
    switch (c) {
    case 'f': return whole("floor", optarg, UINT32_MAX, &o->floor, err);
    case 's': return whole("seed", optarg, UINT32_MAX, &o->seed, err);
    case 'x': return number("loosen", optarg, 1e30, &o->loosen, err);
    case 'D': return deadline_parse(optarg, &o->deadline_ms, err);
    default:
        code = whole("jobs", optarg, MATRIX_MAX_JOBS, &jobs, err);
        if (!code && !jobs) code = tool_fail(err, TOOL_BAD_INPUT, "--jobs 0: at least one");
        o->jobs = (uint32_t)jobs;
        return code;
    }
}

static int set_option(matrix_options *o, int c, tool_error *err) {
    const char **path = path_of(o, c);
    if (path) {
        *path = optarg;
        return TOOL_OK;
    }
    switch (c) {
    case 'd': return want(o, optarg, false, err);
    case 'b': return want(o, optarg, true, err);
    case 'O': return add_op(&o->filter, optarg, err);
    case 't': return add_dtype(&o->filter, optarg, err);
    case 'l': return set_list(&o->filter, optarg, err);
    case 'f': case 's': case 'x': case 'D': case 'J': return set_number(o, c, err);
    case 'P': o->perf = true; return TOOL_OK;
    case 'v': o->verbose = true; return TOOL_OK;
    case 'h': o->help = true; return TOOL_OK;
    case 'V': o->version = true; return TOOL_OK;
    default: return tool_fail(err, TOOL_BAD_INPUT, "unknown option or missing value; see --help");
    }
}

/* How many words each verb takes, and what they are. */
static int check_words(const matrix_options *o, tool_error *err) {
    static const struct { uint32_t least, most; const char *what; } takes[] = {
        [VERB_RUN] = {0, 0, ""},
        [VERB_SUPPORT] = {0, 0, ""},
        [VERB_EXPLAIN] = {1, 1, "name a case: op/dtype/shape/layout"},
        [VERB_REPRO] = {1, 1, "name a case: op/dtype/shape/layout"},
        [VERB_MERGE] = {1, MATRIX_MAX_WORDS, "name reports that hal-matrix run --json wrote"},
        [VERB_DIFF] = {2, 2, "name two reports that hal-matrix run --json wrote: OLD.json NEW.json"},
    };
    if (o->n_words < takes[o->verb].least) return tool_fail(err, TOOL_BAD_INPUT, "%s", takes[o->verb].what);
    if (o->n_words > takes[o->verb].most)
        return tool_fail(err, TOOL_BAD_INPUT, "unexpected \"%s\"; see --help", o->words[takes[o->verb].most]);
    return TOOL_OK;
}

static int check(const matrix_options *o, tool_error *err) {
    if (o->help || o->version) return TOOL_OK;
    int code = check_words(o, err);
    if (code) return code;
    if (o->verb == VERB_MERGE && !o->output)
        return tool_fail(err, TOOL_BAD_INPUT, "merge: where to? name the file with -o");
    if (o->verb != VERB_MERGE && o->output)
        return tool_fail(err, TOOL_BAD_INPUT, "-o belongs to merge; a run takes --json, --html, --junit and --md");
    if (o->perf && o->jobs > 1)
        return tool_fail(err, TOOL_BAD_INPUT, "--perf with --jobs %u: cases would disturb each other's times", o->jobs);
    return TOOL_OK;
}

int matrix_options_parse(int argc, char **argv, matrix_options *o, tool_error *err) {
    *o = (matrix_options){.filter.list = LIST_QUICK, .jobs = 1, .loosen = 1, .deadline_ms = 60000};
    int code = parse_verb(&argc, &argv, o, err);
    opterr = 0;
    for (int c; !code && (c = getopt_long(argc, argv, "o:", table, NULL)) != -1;) code = set_option(o, c, err);
    for (; !code && optind < argc; optind++) {
        if (o->n_words == MATRIX_MAX_WORDS) return tool_fail(err, TOOL_BAD_INPUT, "more than %d files", MATRIX_MAX_WORDS);
        o->words[o->n_words++] = argv[optind];
    }
    if (o->verb == VERB_EXPLAIN || o->verb == VERB_REPRO) o->filter.list = LIST_FULL;
    return code ? code : check(o, err);
}
