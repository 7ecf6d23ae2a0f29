/* SPDX-License-Identifier: Apache-2.0 */
/* How fast bytes travel between devices, and between the host and each: every ordered pair, verified. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/hal-bench/bench.h"
#include "tools/hal-bench/compare.h"
#include "tools/hal-bench/measure.h"
#include "tools/hal-bench/save.h"
#include "tools/hal-bench/transfer.h"
#include "tools/hal-run/model.h"

enum { MOST_ENDS = 64, SMALL = 64 };

typedef struct end {
    hal_device *device; /* NULL: the host */
    const char *name;
} end;

/* A failed way is a finding, not the end of the others. */
static void cannot(measurement *m) {
    snprintf(m->failure, sizeof m->failure, "%s", hal_status_last()->text);
}

static hal_status verify(transfer *t, uint32_t seed, measurement *m) {
    uint64_t wrong;
    HAL_TRY(transfer_verify(t, seed, &wrong));
    m->verified = wrong == m->bytes;
    if (!m->verified)
        snprintf(m->failure, sizeof m->failure, "the copy reported success, but byte %llu of %llu did not arrive", (unsigned long long)wrong,
                 (unsigned long long)m->bytes);
    return HAL_OK;
}

/* Time of one copy of `bytes`, verified before and after. */
static hal_status time_way(hal_instance *instance, const end *from, const end *to, const bench_effort *effort, measurement *m,
                           bench_summary *summary) {
    transfer *t;
    const char *why;
    HAL_TRY(transfer_create(instance, from->device, to->device, m->bytes, &t));
    m->paired = transfer_paired(t, &why);
    snprintf(m->staged, sizeof m->staged, "%s", why);
    hal_status status = verify(t, 1, m);
    if (status == HAL_OK && m->verified) status = bench_repeat(transfer_run, t, effort, summary);
    if (status == HAL_OK && m->verified) status = verify(t, 2, m);
    transfer_destroy(t);
    return status;
}

typedef struct both_ways { transfer *there, *back; } both_ways;

static hal_status run_both(void *context, double *seconds) {
    const both_ways *b = context;
    const double begin = bench_now();
    HAL_TRY(transfer_start(b->there));
    HAL_TRY(transfer_start(b->back));
    HAL_TRY(transfer_wait(b->there));
    HAL_TRY(transfer_wait(b->back));
    *seconds = bench_now() - begin;
    return HAL_OK;
}

/* What both directions carry together, relative to this one alone. */
static hal_status time_duplex(hal_instance *instance, const end *from, const end *to, const bench_effort *effort, measurement *m) {
    both_ways b = {NULL, NULL};
    bench_summary together = {0};
    hal_status status = transfer_create(instance, from->device, to->device, m->bytes, &b.there);
    if (status == HAL_OK) status = transfer_create(instance, to->device, from->device, m->bytes, &b.back);
    if (status == HAL_OK) status = bench_repeat(run_both, &b, effort, &together);
    transfer_destroy(b.there);
    transfer_destroy(b.back);
    if (status == HAL_OK) m->duplex = 2 * m->rate.median / together.median;
    return status;
}

static hal_status measure_way(hal_instance *instance, const end *from, const end *to, const bench_effort *effort, measurement *m) {
    const uint64_t bytes = m->bytes;
    HAL_TRY(time_way(instance, from, to, effort, m, &m->rate));
    if (m->verified && from->device && to->device && from->device != to->device) HAL_TRY(time_duplex(instance, from, to, effort, m));
    m->bytes = SMALL;
    if (m->verified) HAL_TRY(time_way(instance, from, to, effort, m, &m->delay));
    m->bytes = bytes;
    return HAL_OK;
}

/* A device that is named and not there is looked for before the list is made. */
static void look_for(hal_instance *instance, const char *name) {
    hal_device *device;
    if (name && strcmp(name, "host") != 0 && hal_device_find(instance, name, &device) == HAL_OK) hal_device_release(device);
}

static int list_ends(hal_instance *instance, end *ends, uint32_t *n, tool_error *err) {
    ends[0] = (end){NULL, "host"};
    *n = 1;
    for (uint32_t i = 0; i < hal_device_count(instance) && *n < MOST_ENDS; i++) {
        hal_device_info info;
        end *e = &ends[*n];
        int code = model_fail(err, hal_device_get(instance, i, &e->device), "listing devices");
        if (code) return code;
        hal_device_describe(e->device, &info);
        e->name = info.alias;
        ++*n;
    }
    return *n > 1 ? TOOL_OK : tool_fail(err, TOOL_NOT_FOUND, "no device here; hal-info doctor says why");
}

/* What stands for other hardware says nothing about this machine, unless somebody asks for it. */
static bool wanted(const char *asked, const end *e) {
    hal_device_info info = {.state = HAL_DEVICE_READY};
    if (e->device) hal_device_describe(e->device, &info);
    return asked ? strcmp(asked, e->name) == 0 : !info.emulated && info.state != HAL_DEVICE_ABSENT;
}

static int unknown_end(const end *ends, uint32_t n, const char *name, tool_error *err) {
    for (uint32_t i = 0; name && i < n; i++)
        if (strcmp(ends[i].name, name) == 0) return TOOL_OK;
    return name ? tool_fail(err, TOOL_NOT_FOUND, "\"%s\": no such device; hal-info lists them, and \"host\" is one end too", name) : TOOL_OK;
}

static int measure_ends(hal_instance *instance, const bench_options *o, const end *ends, uint32_t n, bench_save *save, tool_error *err) {
    const bench_effort effort = measure_effort(o);
    uint32_t failed = 0, done = 0;
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t j = 0; j < n; j++) {
            if ((i == 0 && j == 0) || !wanted(o->from, &ends[i]) || !wanted(o->to, &ends[j])) continue;
            measurement m = {.kind = "link", .from = ends[i].name, .to = ends[j].name, .bytes = measure_bytes(o)};
            measure_progress(o, &m);
            if (measure_way(instance, &ends[i], &ends[j], &effort, &m)) cannot(&m);
            failed += m.failure[0] != '\0';
            done++;
            measure_print(o, &m);
            compare_print(o, save->earlier, &m);
            save_add(save, &m);
        }
    if (done == 0) return tool_fail(err, TOOL_BAD_INPUT, "--from host --to host is no link");
    return failed ? tool_fail(err, TOOL_DEGRADED, "%u of %u ways carry no data; the lines above say why", failed, done) : TOOL_OK;
}

int bench_link(const bench_options *options, tool_error *err) {
    hal_instance *instance;
    end ends[MOST_ENDS] = {{0}};
    bench_save save = {0};
    uint32_t n = 0;
    int code = bench_open(options, &instance, err);
    if (code) return code;
    look_for(instance, options->from);
    look_for(instance, options->to);
    code = list_ends(instance, ends, &n, err);
    if (!code) code = unknown_end(ends, n, options->from, err);
    if (!code) code = unknown_end(ends, n, options->to, err);
    if (!code) code = save_begin(&save, options, instance, err);
    if (!code) code = measure_ends(instance, options, ends, n, &save, err);
    code = save_end(&save, code, err);
    for (uint32_t i = 1; i < n; i++) hal_device_release(ends[i].device);
    hal_instance_release(instance);
    return code;
}
