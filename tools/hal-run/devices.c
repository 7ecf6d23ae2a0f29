/* SPDX-License-Identifier: Apache-2.0 */
/* hal-run devices: what there is to run on, and why a backend is missing. */
#include <jansson.h>

#include "tools/hal-run/engine.h"
#include "tools/hal-run/verbs.h"

enum { PROBE_MS = 5000 };

static const char *state_name(hal_device_state state) {
    static const char *const names[] = {"absent", "probed", "ready", "degraded", "lost", "gone"};
    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "unknown";
}

static void print_device(const hal_instance *instance, const hal_device_info *info) {
    hal_memory_info memory = {0};
    if (info->memory < hal_memory_count(instance)) hal_memory_describe(hal_memory_get(instance, info->memory), &memory);
    printf("%-12s %-9s %-10s %s", info->alias, state_name(info->state), info->backend[0] ? info->backend : "-", info->name);
    if (memory.capacity) printf(", %.1f GiB in %s", (double)memory.capacity / (1 << 30), memory.name);
    printf("%s%s%s\n", info->emulated ? " (emulated)" : "", info->reason[0] ? ": " : "", info->reason);
}

static void print_report(const hal_instance *instance) {
    for (uint32_t i = 0; i < hal_instance_report_count(instance); i++) {
        const hal_load_entry *e = hal_instance_report(instance, i);
        if (e->status == HAL_OK) continue;
        printf("not loaded   %s, stopped at %s: %s%s%s\n", e->path, hal_load_stage_name(e->stage), e->text,
               e->hint[0] ? "; to mend it: " : "", e->hint);
    }
}

static json_t *device_json(const hal_device_info *info) {
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "alias", info->alias, "name", info->name, "backend", info->backend, "state",
                     state_name(info->state), "reason", info->reason, "emulated", info->emulated);
}

static int print_json(json_t *devices, tool_error *err) {
    json_t *root = json_pack("{s:s,s:o}", "schema", "hal-devices-1", "devices", devices);
    int failed = !root || json_dumpf(root, stdout, JSON_INDENT(2)) != 0;
    json_decref(root);
    putchar('\n');
    return failed ? tool_fail(err, TOOL_INTERNAL, "the device list could not be written to standard output") : TOOL_OK;
}

int verb_devices(const run_options *options, tool_error *err) {
    run_engine engine;
    int code = engine_open(options, &engine, err);
    if (code) return code;
    json_t *list = options->json ? json_array() : NULL;
    uint32_t usable = 0;
    /* Whoever cannot be asked has no device here; what the others have is listed. */
    (void)hal_instance_probe(engine.instance, hal_deadline_ms(PROBE_MS));
    for (uint32_t i = 0; i < hal_device_count(engine.instance); i++) {
        hal_device *device;
        hal_device_info info;
        if (hal_device_get(engine.instance, i, &device) != HAL_OK) continue;
        hal_device_describe(device, &info);
        usable += info.state != HAL_DEVICE_ABSENT;
        if (list) json_array_append_new(list, device_json(&info));
        else print_device(engine.instance, &info);
        hal_device_release(device);
    }
    if (list) code = print_json(list, err);
    else print_report(engine.instance);
    engine_close(&engine);
    if (!code && usable == 0) code = tool_fail(err, TOOL_NOT_FOUND, "no device that can be used; see the lines above");
    return code;
}
