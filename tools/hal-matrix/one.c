/* SPDX-License-Identifier: Apache-2.0 */
/* hal-matrix explain and repro: one case. */
#include <math.h>

#include "tools/common/deadline.h"
#include "tools/hal-matrix/devices.h"
#include "tools/hal-matrix/repro.h"
#include "tools/hal-matrix/verbs.h"

static void print_shape(const char *kind, uint32_t i, const hal_shape *s) {
    const hal_dtype_info *d = hal_dtype_describe(s->dtype);
    printf("%s %u: %s [", kind, i, d ? d->name : "absent");
    for (uint32_t k = 0; k < s->rank; k++) printf("%s%lld", k ? ", " : "", (long long)s->size[k].base);
    printf("]\n");
}

static void print_bound(const hal_case *c) {
    const hal_tolerance *t = hal_op_tolerance(c->op);
    printf("tolerance %s: f32 %g u, f16 %g u, bf16 %g u%s\n", t->name, t->f32, t->f16, t->bf16,
           t->grows ? ", growing with sqrt(k)" : "");
    for (uint32_t i = 0; i < c->n_out; i++) {
        const matrix_bound b = matrix_bound_of(t, c->out[i].dtype);
        if (b.exact) printf("output %u: every bit has to be right\n", i);
        else
            printf("output %u: |got - want| <= %g * %.3g |want| + %g * %.3g scale + %.3g\n", i, b.bound, b.u, b.bound, b.u_sum,
                   b.smallest);
    }
}

static void print_work(const hal_case *c) {
    hal_work work;
    if (hal_op_work(c->op, c->attrs, c->in, c->n_in, c->out, c->n_out, NULL, &work) == HAL_OK)
        printf("work: %.4g operations, %.4g bytes at least\n", work.flops, work.bytes);
}

static void print_result(const matrix_result *r) {
    printf("%s%s%s, largest error %.3g of its bound, seed %llu\n", matrix_verdict_name(r->verdict),
           r->reason[0] ? ": " : "", r->reason, r->worst, (unsigned long long)r->seed);
    if (r->seconds > 0)
        printf("measured: %.3g s, %.3g GFLOP/s, %.3g GB/s\n", r->seconds, r->flops / r->seconds * 1e-9,
               r->bytes / r->seconds * 1e-9);
}

static int explain(const matrix_target *target, const matrix_item *item, tool_error *err) {
    const hal_case *c = item->c;
    const hal_op_info *op = hal_op_describe(c->op);
    char attrs[4096];
    matrix_result r;
    hal_attrs_print(op, c->attrs, attrs, sizeof attrs);
    printf("%s: %s\n", op->name, op->doc);
    printf("attributes: %s\n", attrs[0] ? attrs : "(defaults)");
    for (uint32_t i = 0; i < c->n_in; i++) print_shape("input", i, &c->in[i]);
    for (uint32_t i = 0; i < c->n_out; i++) print_shape("output", i, &c->out[i]);
    print_bound(c);
    print_work(c);
    int code = matrix_run_case(target, c, item->dtype, item->layout, &r, err);
    if (code) return code;
    print_result(&r);
    return r.late > 0 ? deadline_fail(err, r.id, r.late, target->deadline_ms, r.reason) : TOOL_OK;
}

static int find(const matrix_options *o, const matrix_selection *s, const matrix_item **item, tool_error *err) {
    char nearest[MATRIX_ID_SIZE];
    *item = matrix_select_find(s, o->words[0], nearest, sizeof nearest);
    if (*item) return TOOL_OK;
    return tool_fail(err, TOOL_NOT_FOUND, "no case \"%s\"; did you mean \"%s\"? All of them: hal-matrix --list full --verbose",
                     o->words[0], nearest);
}

static int on_device(const matrix_options *o, const matrix_devices *d, const matrix_item *item, tool_error *err) {
    hal_device_info info;
    hal_device_describe(d->items[0], &info);
    const matrix_target target = {.instance = d->instance, .device = d->items[0], .deadline_ms = o->deadline_ms,
                                  .loosen = o->loosen, .seed = o->seed, .timed = o->perf};
    return o->verb == VERB_REPRO ? matrix_repro(item->c, item->dtype, item->layout, info.alias, o->seed, err)
                                 : explain(&target, item, err);
}

int matrix_verb_one(const matrix_options *o, tool_error *err) {
    matrix_selection s = {0};
    matrix_devices d = {0};
    const matrix_item *item = NULL;
    int code = matrix_select(&o->filter, &s, err);
    if (!code) code = find(o, &s, &item, err);
    if (!code) code = matrix_devices_open(o, &d, err);
    if (!code) code = on_device(o, &d, item, err);
    if (d.instance) matrix_devices_close(&d);
    matrix_selection_clear(&s);
    return code;
}
