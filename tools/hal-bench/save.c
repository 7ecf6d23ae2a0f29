/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/save.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tools/hal-run/model.h"

int save_begin(bench_save *save, const bench_options *options, hal_instance *instance, tool_error *err) {
    *save = (bench_save){.options = options, .instance = instance};
    const int code = compare_open(options, &save->earlier, err);
    if (code) return code;
    return options->save ? model_fail(err, hal_instance_topology(instance, &save->topology), "describing this machine") : TOOL_OK;
}

static bool describe(hal_instance *instance, uint32_t index, hal_device_info *info) {
    hal_device *device;
    if (hal_device_get(instance, index, &device)) return false;
    hal_device_describe(device, info); /* its texts belong to the instance */
    hal_device_release(device);
    return true;
}

static hal_figure figure(double value, double ci95, hal_unit unit, size_t runs) {
    return (hal_figure){.value = value, .unit = unit, .source = HAL_SOURCE_MEASURED, .when = (int64_t)time(NULL), .samples = (uint32_t)runs, .ci95 = ci95};
}

static hal_measurement row_of(const measurement *m) {
    hal_measurement row = {.bytes = m->bytes, .verified = m->verified, .copy_mode = measure_mode(m)};
    snprintf(row.from, sizeof row.from, "%s", m->from);
    snprintf(row.to, sizeof row.to, "%s", m->to);
    snprintf(row.kind, sizeof row.kind, "%s", m->kind);
    if (m->rate.runs) {
        const double rate = (double)m->bytes / m->rate.median;
        row.bandwidth = figure(rate, rate * m->rate.ci95 / m->rate.median, HAL_UNIT_BYTES_PER_SECOND, m->rate.runs);
    }
    if (m->delay.runs) row.latency = figure(m->delay.median, m->delay.ci95, HAL_UNIT_SECONDS, m->delay.runs);
    if (m->duplex > 0) row.duplex = figure(m->duplex, 0, HAL_UNIT_COUNT, m->rate.runs);
    return row;
}

static void refuse(bench_save *save, const measurement *m, const char *why) {
    save->refused++;
    if (!save->options->json) {
        fprintf(stderr, "hal-bench: not kept: %s\n", why);
        return;
    }
    json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:s}", "event", "refused", "kind", m->kind, "from", m->from, "to", m->to, "reason", why);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

/* Whether a device has only its share of the execution units that the description knows as one device. Another backend's way to
 * them takes nothing of it. */
static bool is_share(const bench_save *save, const char *name) {
    hal_device_info info, other;
    uint32_t same = 0;
    bool found = false;
    for (uint32_t i = 0; i < hal_device_count(save->instance) && !found; i++) found = describe(save->instance, i, &info) && strcmp(info.alias, name) == 0;
    for (uint32_t i = 0; found && i < hal_device_count(save->instance); i++)
        same += describe(save->instance, i, &other) && other.compute_group == info.compute_group && strcmp(other.backend, info.backend) == 0;
    return same > 1;
}

static bool make_room(bench_save *save) {
    if (save->n < save->room) return true;
    const uint32_t room = save->room ? save->room * 2 : 16;
    hal_measurement *rows = realloc(save->rows, room * sizeof *rows);
    if (!rows) return false;
    save->rows = rows;
    save->room = room;
    return true;
}

void save_add(bench_save *save, const measurement *m) {
    if (!save->topology || m->failure[0] || strcmp(m->from, m->to) == 0) return;
    const hal_measurement row = row_of(m);
    if (is_share(save, m->from) || is_share(save, m->to)) {
        char why[256];
        snprintf(why, sizeof why, "%s %s -> %s: a device is here only a share of its hardware (HAL_CPU_DEVICES)", m->kind, m->from, m->to);
        refuse(save, m, why);
        return;
    }
    if (hal_measurement_check(save->topology, &row)) {
        refuse(save, m, hal_status_last()->text);
        return;
    }
    save->starved |= !make_room(save);
    if (!save->starved) save->rows[save->n++] = row;
}

static void tell(const bench_save *save, const char *path) {
    if (!save->options->json) {
        printf("kept %u measurements: %s\n", save->n, path);
        return;
    }
    json_t *o = json_pack("{s:s, s:s, s:I, s:I}", "event", "saved", "path", path, "kept", (json_int_t)save->n, "refused", (json_int_t)save->refused);
    json_dumpf(o, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(o);
}

static int keep(const bench_save *save, tool_error *err) {
    char path[4096];
    if (save->starved) return tool_fail(err, TOOL_INTERNAL, "keeping measurements: out of memory; free some");
    if (save->n == 0) return tool_fail(err, TOOL_DEGRADED, "nothing was kept: no measurement can be, as told above");
    int code = model_fail(err, hal_topology_keep_measurements(save->topology, save->rows, save->n, save->options->save_path), "keeping measurements");
    if (!code && !save->options->save_path) code = model_fail(err, hal_measurement_path(path, sizeof path), "keeping measurements");
    if (code) return code;
    tell(save, save->options->save_path ? save->options->save_path : path);
    return save->refused ? tool_fail(err, TOOL_DEGRADED, "%u measurements were not kept; the lines above say why", save->refused) : TOOL_OK;
}

int save_end(bench_save *save, int code, tool_error *err) {
    if (save->topology && (code == TOOL_OK || code == TOOL_DEGRADED)) {
        tool_error late = {0};
        const int kept = keep(save, &late);
        if (kept != TOOL_OK && (code == TOOL_OK || kept != TOOL_DEGRADED)) {
            code = kept;
            if (err) *err = late;
        }
    }
    hal_topology_release(save->topology);
    json_decref(save->earlier);
    free(save->rows);
    return code;
}
