/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/deadline.h"
#include "tools/common/load_guard.h"
#include "tools/hal-matrix/report.h"
#include "tools/hal-matrix/repro.h"

typedef enum verb { VERB_RUN, VERB_EXPLAIN, VERB_REPRO } verb;

typedef struct options {
    verb verb;
    const char *device, *backend, *op, *dtype, *list, *json, *plugin_dir, *expect, *one;
    uint64_t floor;
    int64_t deadline_ms;
    double loosen;
    bool verbose, help, version;
} options;

/* A run in progress. */
typedef struct run {
    const options *options;
    hal_instance *instance;
    hal_device *device;
    char alias[32];
    matrix_report report;
    bool found; /* explain, repro: the case exists */
} run;

static const char help[] =
    "usage: hal-matrix run [--device ID | --backend NAME] [--op NAME] [--dtype T] [--list quick|full] [--json F]\n"
    "                      [--floor N] [--expect FILE] [--loosen X] [--deadline SECONDS] [--verbose]\n"
    "       hal-matrix explain CASE     what the case computes, and how the device does on it\n"
    "       hal-matrix repro CASE       a C program that runs the operator of the case\n"
    "       --plugin-dir DIR[:DIR]      look for backends there first (absolute paths)\n"
    "       --help, --version           this text; the version\n"
    "A case is op/dtype/shape/layout. Exit codes: 0 green, 1 a case failed, 2 usage, 3 not found, 4 below the floor or loosened,\n"
    "6 a case missed its deadline.\n";

static const hal_dtype dtypes[] = {HAL_F32, HAL_BF16, HAL_F16, HAL_F64, HAL_I32, HAL_I64};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0] };

/* ------------------------------------------------------------------------------------------ command line -- */

static int parse_verb(int *argc, char ***argv, options *o, tool_error *err) {
    static const char *const names[] = {"run", "explain", "repro"};
    if (*argc < 2) return tool_fail(err, TOOL_BAD_INPUT, "no verb given: run, explain or repro; see --help");
    if ((*argv)[1][0] == '-') return TOOL_OK;
    for (int i = 0; i < 3; i++)
        if (strcmp((*argv)[1], names[i]) == 0) {
            o->verb = (verb)i;
            (*argc)--;
            (*argv)++;
            return TOOL_OK;
        }
    return tool_fail(err, TOOL_BAD_INPUT, "unknown verb \"%s\": run, explain or repro", (*argv)[1]);
}

static int number(const char *name, const char *text, double *out, tool_error *err) {
    char *end;
    *out = strtod(text, &end);
    if (end == text || *end || !(*out >= 0)) return tool_fail(err, TOOL_BAD_INPUT, "--%s %s: not a number", name, text);
    return TOOL_OK;
}

static const struct option table[] = {
    {"device", 1, NULL, 'd'}, {"backend", 1, NULL, 'b'}, {"op", 1, NULL, 'o'}, {"dtype", 1, NULL, 't'}, {"list", 1, NULL, 'l'},
    {"json", 1, NULL, 'j'}, {"plugin-dir", 1, NULL, 'p'}, {"expect", 1, NULL, 'e'}, {"floor", 1, NULL, 'f'}, {"loosen", 1, NULL, 'x'},
    {"deadline", 1, NULL, 'D'}, {"verbose", 0, NULL, 'v'}, {"help", 0, NULL, 'h'}, {"version", 0, NULL, 'V'}, {0}};

static int set_option(options *o, int c, tool_error *err) {
    double value = 0;
    int code = TOOL_OK;
    switch (c) {
    case 'd': o->device = optarg; break;
    case 'b': o->backend = optarg; break;
    case 'o': o->op = optarg; break;
    case 't': o->dtype = optarg; break;
    case 'l': o->list = optarg; break;
    case 'j': o->json = optarg; break;
    case 'p': o->plugin_dir = optarg; break;
    case 'e': o->expect = optarg; break;
    case 'f': code = number("floor", optarg, &value, err); o->floor = (uint64_t)value; break;
    case 'x': code = number("loosen", optarg, &o->loosen, err); break;
    case 'D': code = deadline_parse(optarg, &o->deadline_ms, err); break;
    case 'v': o->verbose = true; break;
    case 'h': o->help = true; break;
    case 'V': o->version = true; break;
    default: return tool_fail(err, TOOL_BAD_INPUT, "unknown option or missing value; see --help");
    }
    return code;
}

static int check(const options *o, tool_error *err) {
    if (o->help || o->version) return TOOL_OK;
    if (o->verb != VERB_RUN && !o->one) return tool_fail(err, TOOL_BAD_INPUT, "name a case: op/dtype/shape/layout");
    if (o->op && !hal_op_find(o->op))
        return tool_fail(err, TOOL_NOT_FOUND, "no operator \"%s\"; did you mean \"%s\"?", o->op, hal_op_nearest(o->op));
    if (o->dtype && !hal_dtype_find(o->dtype)) return tool_fail(err, TOOL_NOT_FOUND, "no dtype \"%s\"", o->dtype);
    if (strcmp(o->list, "quick") && strcmp(o->list, "full"))
        return tool_fail(err, TOOL_BAD_INPUT, "--list %s: quick or full", o->list);
    return TOOL_OK;
}

static int parse(int argc, char **argv, options *o, tool_error *err) {
    *o = (options){.list = "quick", .loosen = 1, .deadline_ms = 60000};
    int code = parse_verb(&argc, &argv, o, err);
    opterr = 0;
    for (int c; !code && (c = getopt_long(argc, argv, "", table, NULL)) != -1;) code = set_option(o, c, err);
    if (!code && optind < argc) {
        o->one = argv[optind++];
        if (o->verb == VERB_RUN || optind < argc) return tool_fail(err, TOOL_BAD_INPUT, "unexpected \"%s\"; see --help", argv[optind - 1]);
        o->list = "full";
    }
    return code ? code : check(o, err);
}

/* ------------------------------------------------------------------------------------------------ running -- */

static void explain(const hal_case *c, const matrix_result *r) {
    const hal_op_info *op = hal_op_describe(c->op);
    char attrs[4096];
    hal_attrs_print(op, c->attrs, attrs, sizeof attrs);
    printf("%s: %s\n", op->name, op->doc);
    printf("attributes: %s\n", attrs[0] ? attrs : "(defaults)");
    for (uint32_t i = 0; i < c->n_in + c->n_out; i++) {
        const hal_shape *s = i < c->n_in ? &c->in[i] : &c->out[i - c->n_in];
        const hal_dtype_info *d = hal_dtype_describe(s->dtype);
        printf("%s %u: %s [", i < c->n_in ? "input" : "output", i < c->n_in ? i : i - c->n_in, d ? d->name : "absent");
        for (uint32_t k = 0; k < s->rank; k++) printf("%s%lld", k ? ", " : "", (long long)s->size[k].base);
        printf("]\n");
    }
    const hal_tolerance *t = hal_op_tolerance(c->op);
    printf("tolerance %s: f32 %g u, f16 %g u, bf16 %g u%s\n", t->name, t->f32, t->f16, t->bf16, t->grows ? ", growing with sqrt(k)" : "");
    printf("%s%s%s, largest error %.3g of its bound\n", matrix_verdict_name(r->verdict), r->reason[0] ? ": " : "", r->reason, r->worst);
}

static int run_one(run *r, const hal_case *c, hal_dtype dtype, matrix_layout layout, tool_error *err) {
    const options *o = r->options;
    matrix_result result;
    if (o->one) {
        char id[MATRIX_ID_SIZE];
        matrix_case_id(c, dtype, layout, id, sizeof id);
        if (r->found || strcmp(id, o->one)) return TOOL_OK;
        r->found = true;
    }
    if (o->verb == VERB_REPRO) return matrix_repro(c, dtype, layout, r->alias, err);
    r->report.declared++;
    const matrix_target target = {r->instance, r->device, o->deadline_ms};
    int code = matrix_run_case(&target, c, dtype, layout, o->loosen, &result, err);
    if (code) return code;
    if (o->verb == VERB_EXPLAIN) explain(c, &result);
    if (o->verb == VERB_RUN && (o->verbose || result.verdict == VERDICT_FAILED))
        printf("%-12s %s%s%s\n", matrix_verdict_name(result.verdict), result.id, result.reason[0] ? ": " : "", result.reason);
    code = matrix_report_add(&r->report, result, err);
    if (code || result.late <= 0) return code;
    /* What hangs would hold up every case after it. */
    return deadline_fail(err, result.id, result.late, o->deadline_ms, result.reason);
}

static bool any_input_differs(const hal_case *c, matrix_layout layout) {
    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->in[i].dtype != HAL_NO_DTYPE && matrix_layout_applies(&c->in[i], layout)) return true;
    return layout == LAYOUT_CONTIGUOUS;
}

/* The quick list gives each case two layouts, rotating, and the full list all; both the packed one where there is one. */
static int run_case(run *r, const hal_case *c, uint32_t index, hal_dtype dtype, tool_error *err) {
    const bool full = strcmp(r->options->list, "full") == 0;
    if (c->full_only && !full) return TOOL_OK;
    for (int layout = 0; layout < LAYOUT_COUNT; layout++) {
        if (!full && layout != LAYOUT_CONTIGUOUS && layout != 1 + (int)(index % (LAYOUT_COUNT - 1))) continue;
        if (!any_input_differs(c, (matrix_layout)layout)) continue;
        int code = run_one(r, c, dtype, (matrix_layout)layout, err);
        if (code) return code;
    }
    return matrix_packed_applies(c) ? run_one(r, c, dtype, LAYOUT_PACKED, err) : TOOL_OK;
}

static int run_op(run *r, uint32_t number_, hal_dtype dtype, tool_error *err) {
    hal_case *cases;
    uint32_t n;
    hal_status status = hal_op_cases(number_, dtype, &cases, &n);
    if (status != HAL_OK) return tool_fail(err, TOOL_INTERNAL, "cases of %s: %s", hal_op_describe(number_)->name, hal_status_last()->text);
    int code = TOOL_OK;
    for (uint32_t i = 0; i < n && !code; i++) code = run_case(r, &cases[i], i, dtype, err);
    hal_op_cases_release(cases, n);
    return code;
}

static int run_all(run *r, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t number_ = 1; number_ < HAL_OP_LIMIT && !code; number_++) {
        const hal_op_info *op = hal_op_describe(number_);
        if (!op || (r->options->op && strcmp(op->name, r->options->op))) continue;
        for (int d = 0; d < DTYPES && !code; d++)
            if (!r->options->dtype || hal_dtype_find(r->options->dtype) == dtypes[d]) code = run_op(r, number_, dtypes[d], err);
    }
    if (!code && r->options->one && !r->found)
        code = tool_fail(err, TOOL_NOT_FOUND, "no case \"%s\"; list them with: hal-matrix run --list full --verbose", r->options->one);
    return code;
}

/* --backend NAME means its first device. */
static int find_device(run *r, tool_error *err) {
    const options *o = r->options;
    snprintf(r->alias, sizeof r->alias, "%s", o->device ? o->device : "cpu0");
    for (uint32_t i = 0; o->backend && i < hal_device_count(r->instance); i++) {
        hal_device *device;
        hal_device_info info;
        if (hal_device_get(r->instance, i, &device)) continue;
        hal_device_describe(device, &info);
        if (strcmp(info.backend, o->backend) == 0) {
            snprintf(r->alias, sizeof r->alias, "%s", info.alias);
            r->device = device;
            return TOOL_OK;
        }
        hal_device_release(device);
    }
    if (o->backend) return tool_fail(err, TOOL_NOT_FOUND, "no device of backend \"%s\"; hal-run devices says what was loaded", o->backend);
    if (hal_device_find(r->instance, r->alias, &r->device)) return tool_fail(err, TOOL_NOT_FOUND, "%s", hal_status_last()->text);
    return TOOL_OK;
}

static int conclude(run *r, tool_error *err) {
    const matrix_report *p = &r->report;
    const options *o = r->options;
    if (o->verb != VERB_RUN) return TOOL_OK;
    printf("%s, %s list: %llu declared, %llu executed, %llu passed, %llu failed, %llu unsupported, %llu xfail\n", r->alias, o->list,
           (unsigned long long)p->declared, (unsigned long long)matrix_report_executed(p), (unsigned long long)p->by_verdict[VERDICT_PASSED],
           (unsigned long long)p->by_verdict[VERDICT_FAILED], (unsigned long long)p->by_verdict[VERDICT_UNSUPPORTED],
           (unsigned long long)p->by_verdict[VERDICT_XFAIL]);
    int code = o->json ? matrix_report_write(p, r->alias, o->list, o->floor, o->json, err) : TOOL_OK;
    if (code || matrix_report_green(p, o->floor)) return code;
    if (p->by_verdict[VERDICT_FAILED] || p->unexpected_passes)
        return tool_fail(err, TOOL_INTERNAL, "%llu cases failed, %llu passed against expectation",
                         (unsigned long long)p->by_verdict[VERDICT_FAILED], (unsigned long long)p->unexpected_passes);
    if (p->loosen > 1) return tool_fail(err, TOOL_DEGRADED, "the bounds were multiplied by %g: such a run is never green", p->loosen);
    return tool_fail(err, TOOL_DEGRADED, "%llu cases executed, the floor is %llu", (unsigned long long)matrix_report_executed(p),
                     (unsigned long long)(o->floor ? o->floor : 1));
}

static int run_tool(const options *o, tool_error *err) {
    run r = {.options = o, .report.loosen = o->loosen};
    hal_instance_options io = {HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir};
    load_guard_begin("hal-matrix");
    hal_status status = hal_instance_create(&io, &r.instance);
    load_guard_end();
    if (status) return tool_fail(err, TOOL_INTERNAL, "%s", hal_status_last()->text);
    int code = find_device(&r, err);
    if (!code && o->expect) code = matrix_report_read_expected(&r.report, o->expect, err);
    if (!code) code = run_all(&r, err);
    if (!code) code = conclude(&r, err);
    else if (code == TOOL_DEADLINE) conclude(&r, NULL);
    matrix_report_clear(&r.report);
    hal_device_release(r.device);
    hal_instance_release(r.instance);
    return code;
}

int main(int argc, char **argv) {
    tool_error err = {0};
    options o;
    int code = parse(argc, argv, &o, &err);
    if (!code && o.help) fputs(help, stdout);
    else if (!code && o.version) printf("hal-matrix %s\n", hal_version());
    else if (!code) code = run_tool(&o, &err);
    return tool_finish("hal-matrix", code, &err);
}
