/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hal-info ops of a machine that is only described: which backend would run each of its devices. Operators are
 * asked of a device itself, since they depend on its instruction set and driver: none is told here.
 */
#include <string.h>

#include "tools/hal-info/info.h"

static bool is_loaded(const hal_instance *instance, const char *backend)
{
    for (uint32_t k = 0; k < hal_instance_report_count(instance); k++) {
        const hal_load_entry *e = hal_instance_report(instance, k);
        if (e->status == HAL_OK && strcmp(e->name, backend) == 0)
            return true;
    }
    return false;
}

static const char *answer_on(const hal_topology_device *d, const char *backend, bool loaded)
{
    if (!d->family[0])
        return "not known: the input does not tell its family";
    if (!backend[0])
        return "none: no backend yet";
    return loaded ? "known on the machine only" : "not known: the backend is not loaded here";
}

static json_t *device_json(const hal_topology_device *d, const hal_instance *instance)
{
    const char *backend = hal_family_backend(d->family);
    const bool loaded = backend[0] && is_loaded(instance, backend);
    return json_pack("{s:s,s:s,s:s,s:s*,s:s*,s:b,s:s,s:s*,s:s}", "device", d->alias, "id", d->id, "kind",
                     hal_device_kind_name(d->kind), "family", d->family[0] ? d->family : NULL, "backend",
                     backend[0] ? backend : NULL, "loaded", loaded, "state",
                     hal_usability_name(d->usability), "reason", d->reason[0] ? d->reason : NULL, "operators",
                     answer_on(d, backend, loaded));
}

/* Those that compute; of one when one is named. */
static int collect(const info *i, const hal_instance *instance, json_t *rows, tool_error *err)
{
    const hal_topology_device *only = NULL, *d;
    if (i->options->device) {
        const int code = machine_device(i->topology, i->options->device, &only, err);
        if (code)
            return code;
    }
    for (uint32_t k = 0; (d = hal_topology_device_at(i->topology, k)) != NULL; k++)
        if (only ? d == only : device_computes(d))
            json_array_append_new(rows, device_json(d, instance));
    return TOOL_OK;
}

int elsewhere_data(info *i, json_t **root, tool_error *err)
{
    hal_instance *instance;
    int code = machine_instance(i->options, &instance, err);
    if (code)
        return code;
    json_t *rows = json_array();
    code = collect(i, instance, rows, err);
    hal_instance_release(instance);
    if (code) {
        json_decref(rows);
        return code;
    }
    *root = json_pack("{s:s,s:s,s:n,s:o}", "schema", "hal.ops/1", "machine",
                      host_title(hal_topology_host_of(i->topology)), "ops", "devices", rows);
    return *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "-";
}

static void add_row(table *rows, const json_t *row)
{
    const bool loaded = json_is_true(json_object_get(row, "loaded"));
    table_row(rows);
    table_cell(rows, TONE_STRONG, "%s", text_of(row, "device"));
    table_cell(rows, TONE_PLAIN, "%s", text_of(row, "family"));
    table_cell(rows, loaded ? TONE_GOOD : TONE_FAINT, "%s", text_of(row, "backend"));
    table_cell(rows, TONE_PLAIN, "%s%s%s", text_of(row, "state"), json_object_get(row, "reason") ? " " : "",
               json_object_get(row, "reason") ? text_of(row, "reason") : "");
    table_cell(rows, TONE_PLAIN, "%s", text_of(row, "operators"));
}

int elsewhere_print(info *i, tool_error *err)
{
    json_t *root, *row;
    size_t k;
    int code = elsewhere_data(i, &root, err);
    if (code)
        return code;
    table *rows = table_create();
    table_column(rows, "DEVICE", 0, 0);
    table_column(rows, "FAMILY", 0, 3);
    table_column(rows, "BACKEND", 0, 0);
    table_column(rows, "STATE", TABLE_CUT, 2);
    table_column(rows, "OPERATORS", TABLE_CUT, 0);
    json_array_foreach(json_object_get(root, "devices"), k, row) add_row(rows, row);
    code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    json_decref(root);
    if (!code)
        style_hint(&i->style, i->out,
                   "a description cannot be asked for operators: run hal-info ops on that machine");
    return code;
}
