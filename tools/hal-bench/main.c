/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"
#include "tools/common/load_guard.h"
#include "tools/hal-bench/bench.h"
#include "tools/hal-run/model.h"

static const char help[] =
    "usage: hal-bench op [--op NAME] [--m N] [--n N] [--k N] [--dtype T | --in T:SIZES]... [--attr NAME=VALUE]...\n"
    "               [--timing call|queued] [--device ID] [--steps N] [--json]\n"
    "       hal-bench train [--model char|small|gpt2|llama|CONFIG.json] [--dtype f32|bf16] [--batch N] [--context N] [--steps N]\n"
    "               [--device ID] [--json]\n"
    "       hal-bench generate [--model NAME] [--dtype f32|bf16] [--context N] [--steps N] [--device ID] [--json]\n"
    "       hal-bench overhead [--steps N] [--json]\n"
    "       hal-bench mem [--device ID] [--bytes N] [--quick] [--save[=FILE]] [--compare FILE] [--json]\n"
    "       hal-bench link [--from ID] [--to ID] [--bytes N] [--quick] [--save[=FILE]] [--compare FILE] [--json]\n"
    "       hal-bench roofline [--html FILE] [--limits FILE] [--device ID] [--bytes N] [--quick] [--json] TRACE...\n"
    "       --deadline SECONDS      longest wait for one call of op, one step of train or generate\n"
    "       --plugin-dir DIR[:DIR]  look for backends there first (absolute paths)\n"
    "       --help, --version       this text; the version\n"
    "Exit codes: 0 ok, 1 internal, 2 usage, 3 not found or does not fit, 4 degraded, 6 deadline.\n";

static const struct option table[] = {
    {"op", 1, NULL, 'o'}, {"device", 1, NULL, 'd'}, {"dtype", 1, NULL, 't'}, {"model", 1, NULL, 'M'}, {"plugin-dir", 1, NULL, 'p'},
    {"m", 1, NULL, 'm'}, {"n", 1, NULL, 'n'}, {"k", 1, NULL, 'k'}, {"steps", 1, NULL, 's'}, {"batch", 1, NULL, 'b'},
    {"context", 1, NULL, 'c'}, {"deadline", 1, NULL, 'D'}, {"bytes", 1, NULL, 'B'}, {"from", 1, NULL, 'F'}, {"to", 1, NULL, 'T'}, {"in", 1, NULL, 'i'}, {"attr", 1, NULL, 'a'}, {"timing", 1, NULL, 'w'}, {"quick", 0, NULL, 'q'}, {"save", 2, NULL, 'S'}, {"compare", 1, NULL, 'C'}, {"html", 1, NULL, 'H'}, {"limits", 1, NULL, 'L'}, {"json", 0, NULL, 'j'}, {"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};

static int whole(const char *text, int64_t *out, tool_error *err) {
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || *end || value < 1 || value > (1LL << 31)) return tool_fail(err, TOOL_BAD_INPUT, "\"%s\": not a whole number from 1", text);
    *out = value;
    return TOOL_OK;
}

static int set_option(bench_options *o, int c, tool_error *err) {
    int64_t value = 0;
    if (strchr("mnksbcB", c)) {
        int code = whole(optarg, &value, err);
        if (code) return code;
    }
    switch (c) {
    case 'i':
        if (o->n_in == sizeof o->in / sizeof o->in[0]) return tool_fail(err, TOOL_BAD_INPUT, "--in: more than %u operands", o->n_in);
        o->in[o->n_in++] = optarg;
        break;
    case 'a':
        if (o->n_attrs == sizeof o->attrs / sizeof o->attrs[0]) return tool_fail(err, TOOL_BAD_INPUT, "--attr: more than %u attributes", o->n_attrs);
        o->attrs[o->n_attrs++] = optarg;
        break;
    case 'w':
        if (strcmp(optarg, "call") && strcmp(optarg, "queued")) return tool_fail(err, TOOL_BAD_INPUT, "--timing %s: call or queued", optarg);
        o->timing = optarg;
        break;
    case 'o': o->op = optarg; break;
    case 'd': o->device = optarg; break;
    case 't': o->dtype = optarg; break;
    case 'M': o->model = optarg; break;
    case 'p': o->plugin_dir = optarg; break;
    case 'm': o->m = value; break;
    case 'n': o->n = value; break;
    case 'k': o->k = value; break;
    case 's': o->steps = (uint64_t)value; break;
    case 'b': o->batch = (uint64_t)value; break;
    case 'c': o->context = (uint64_t)value; break;
    case 'D': return deadline_parse(optarg, &o->deadline_ms, err);
    case 'B': o->bytes = (uint64_t)value; break;
    case 'F': o->from = optarg; break;
    case 'T': o->to = optarg; break;
    case 'q': o->quick = true; break;
    case 'C': o->compare = optarg; break;
    case 'H': o->html = optarg; break;
    case 'L': o->limits = optarg; break;
    case 'S':
        o->save = true;
        o->save_path = optarg;
        break;
    case 'j': o->json = true; break;
    default: return tool_fail(err, TOOL_BAD_INPUT, "unknown option or missing value; see --help");
    }
    return TOOL_OK;
}

typedef struct verb {
    const char *name;
    int (*run)(const bench_options *options, tool_error *err);
    bool measures; /* what can be kept, and compared with what was kept */
    bool reads;    /* files that are named */
} verb;

static const verb verbs[] = {
    {"op", bench_op, false, false}, {"train", bench_train, false, false}, {"generate", bench_generate, false, false},
    {"overhead", bench_overhead, false, false},
    {"mem", bench_mem, true, false}, {"link", bench_link, true, false}, {"roofline", bench_roofline, false, true},
};

static const verb *find(const char *name) {
    for (size_t k = 0; k < sizeof verbs / sizeof verbs[0]; k++)
        if (strcmp(verbs[k].name, name) == 0) return &verbs[k];
    return NULL;
}

static int check_use(const bench_options *o, const verb *v, tool_error *err) {
    if ((o->save || o->compare) && !(v && v->measures))
        return tool_fail(err, TOOL_BAD_INPUT, "--%s belongs to mem and link; see --help", o->save ? "save" : "compare");
    if ((o->html || o->limits) && !(v && v->reads))
        return tool_fail(err, TOOL_BAD_INPUT, "--%s belongs to roofline; see --help", o->html ? "html" : "limits");
    if (!v || (o->n_paths && !v->reads)) return tool_fail(err, TOOL_BAD_INPUT, "one verb is needed: op, train, generate, overhead, mem, link or roofline; see --help");
    return TOOL_OK;
}

static int run(int argc, char **argv, tool_error *err) {
    bench_options o = {.op = "matmul", .dtype = "f32", .model = "char", .m = 512, .n = 768, .k = 768};
    int code = TOOL_OK;
    opterr = 0;
    for (int c; !code && (c = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        if (c == 'h') return fputs(help, stdout) < 0;
        if (c == 'V') return printf("hal-bench %s\n", hal_version()) < 0;
        code = set_option(&o, c, err);
    }
    if (code) return code;
    const verb *v = optind < argc ? find(argv[optind]) : NULL;
    o.paths = argv + optind + 1;
    o.n_paths = optind < argc ? argc - optind - 1 : 0;
    code = check_use(&o, v, err);
    if (code) return code;
    if (!o.device && !v->reads) o.device = "cpu0";
    return v->run(&o, err);
}

int main(int argc, char **argv) {
    tool_error err = {0};
    int code = run(argc, argv, &err);
    return tool_finish("hal-bench", code, &err);
}

double bench_now(void) { return (double)hal_time_now() * 1e-9; }

int bench_open(const bench_options *options, hal_instance **instance, tool_error *err) {
    const hal_instance_options io = {HAL_HEAD(hal_instance_options), .plugin_path = options->plugin_dir};
    load_guard_begin("hal-bench");
    const hal_status status = hal_instance_create(&io, instance);
    load_guard_end();
    return model_fail(err, status, "looking at this machine");
}
