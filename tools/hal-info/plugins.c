/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info plugins: which backends were loaded, and what stopped the others. */
#include <string.h>

#include "tools/hal-info/info.h"

static json_t *entry_json(const hal_load_entry *e)
{
    return json_pack("{s:s,s:s,s:s,s:b,s:s,s:s,s:s,s:f}", "name", e->name, "path", e->path, "stage",
                     hal_load_stage_name(e->stage), "loaded", e->status == HAL_OK, "status",
                     hal_status_name(e->status), "text", e->text, "hint", e->hint, "ms",
                     (double)e->nanoseconds / 1e6);
}

static json_t *devices_of(hal_instance *instance, const char *backend)
{
    json_t *names = json_array();
    for (uint32_t k = 0; k < hal_device_count(instance); k++) {
        hal_device *device;
        hal_device_info about;
        if (hal_device_get(instance, k, &device) != HAL_OK)
            continue;
        hal_device_describe(device, &about);
        if (strcmp(about.backend, backend) == 0)
            json_array_append_new(names, json_string(about.alias));
        hal_device_release(device);
    }
    return names;
}

int plugins_data(info *i, json_t **root, tool_error *err)
{
    hal_instance *instance;
    int code = machine_instance(i->options, &instance, err);
    if (code)
        return code;
    json_t *rows = json_array();
    for (uint32_t k = 0; k < hal_instance_report_count(instance); k++) {
        const hal_load_entry *e = hal_instance_report(instance, k);
        json_t *row = entry_json(e);
        if (row && e->status == HAL_OK)
            json_object_set_new(row, "devices", devices_of(instance, e->name));
        json_array_append_new(rows, row);
    }
    *root = json_pack("{s:s,s:o}", "schema", "hal.plugins/1", "plugins", rows);
    hal_instance_release(instance);
    return *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
}

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static void add_row(table *rows, const json_t *row)
{
    const bool loaded = json_is_true(json_object_get(row, "loaded"));
    char devices[256] = "";
    size_t k;
    json_t *one;
    json_array_foreach(json_object_get(row, "devices"), k, one)
    {
        const size_t used = strlen(devices);
        snprintf(devices + used, sizeof devices - used, "%s%s", k ? " " : "", json_string_value(one));
    }
    table_row(rows);
    table_cell(rows, TONE_STRONG, "%s", text_of(row, "name")[0] ? text_of(row, "name") : "-");
    table_cell(rows, loaded ? TONE_GOOD : TONE_WARN, loaded ? "loaded" : "stopped at %s",
               text_of(row, "stage"));
    table_cell(rows, TONE_PLAIN, "%.2f", json_real_value(json_object_get(row, "ms")));
    table_cell(rows, TONE_PLAIN, "%s", devices[0] ? devices : "-");
    table_cell(rows, TONE_PLAIN, "%s", text_of(row, "path"));
}

static void print_reasons(const info *i, const json_t *entries)
{
    size_t k;
    json_t *row;
    char text[2048];
    json_array_foreach((json_t *)entries, k, row)
    {
        if (json_is_true(json_object_get(row, "loaded")))
            continue;
        snprintf(text, sizeof text, "%s: %s%s%s", text_of(row, "path"), text_of(row, "text"),
                 text_of(row, "hint")[0] ? "; try: " : "", text_of(row, "hint"));
        style_wrap(&i->style, i->out, 0, text);
    }
}

int plugins_print(info *i, tool_error *err)
{
    json_t *root, *row;
    size_t k;
    int code = plugins_data(i, &root, err);
    if (code)
        return code;
    const json_t *entries = json_object_get(root, "plugins");
    table *rows = table_create();
    table_column(rows, "BACKEND", 0, 0);
    table_column(rows, "STATE", 0, 0);
    table_column(rows, "ms", TABLE_RIGHT, 3);
    table_column(rows, "DEVICES", TABLE_CUT, 0);
    table_column(rows, "FILE", TABLE_CUT, 2);
    json_array_foreach((json_t *)entries, k, row) add_row(rows, row);
    code = table_print(rows, &i->style, i->out, err);
    table_free(rows);
    if (!json_array_size(entries))
        fputs("no plugin was found; HAL_PLUGIN_PATH or --plugin-dir names the directories to look in\n",
              i->out);
    print_reasons(i, entries);
    json_decref(root);
    return code;
}
