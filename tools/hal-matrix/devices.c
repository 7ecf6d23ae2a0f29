/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/devices.h"

#include <stdlib.h>
#include <string.h>

#include "tools/common/load_guard.h"

enum { PROBE_MS = 30000 }; /* it is this backend that is wanted, and nothing else can be done meanwhile */

/* Takes over the reference. */
static int keep(matrix_devices *d, hal_device *device, tool_error *err) {
    for (size_t i = 0; i < d->count; i++)
        if (d->items[i] == device) {
            hal_device_release(device);
            return TOOL_OK;
        }
    hal_device **grown = realloc(d->items, (d->count + 1) * sizeof *grown);
    if (!grown) {
        hal_device_release(device);
        return tool_fail(err, TOOL_INTERNAL, "out of memory for a device");
    }
    d->items = grown;
    grown[d->count++] = device;
    return TOOL_OK;
}

static int keep_listed(matrix_devices *d, const char *backend, bool *found, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; i < hal_device_count(d->instance) && !code; i++) {
        hal_device *device;
        hal_device_info info;
        if (hal_device_get(d->instance, i, &device)) continue;
        hal_device_describe(device, &info);
        const bool wanted = strcmp(info.backend, backend) == 0;
        *found |= wanted;
        if (wanted) code = keep(d, device, err);
        else hal_device_release(device);
    }
    return code;
}

/* Where no device of the backend is listed, the drivers have perhaps never been asked on this machine as it is. */
static int keep_backend(matrix_devices *d, const char *backend, tool_error *err) {
    bool found = false;
    int code = keep_listed(d, backend, &found, err);
    if (!code && !found) {
        const hal_status asked = hal_instance_probe(d->instance, hal_deadline_ms(PROBE_MS));
        if (asked) return tool_fail(err, TOOL_NOT_FOUND, "no device of backend \"%s\": %s", backend, hal_status_last()->text);
        code = keep_listed(d, backend, &found, err);
    }
    if (code || found) return code;
    return tool_fail(err, TOOL_NOT_FOUND, "no device of backend \"%s\"; hal-run devices says what was loaded, hal-info doctor what "
                     "drivers answered", backend);
}

static int keep_device(matrix_devices *d, const char *alias, tool_error *err) {
    hal_device *device;
    if (hal_device_find(d->instance, alias, &device)) return tool_fail(err, TOOL_NOT_FOUND, "%s", hal_status_last()->text);
    return keep(d, device, err);
}

static int find_all(const matrix_options *o, matrix_devices *d, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; i < o->n_wanted && !code; i++)
        code = o->wanted[i].is_backend ? keep_backend(d, o->wanted[i].name, err) : keep_device(d, o->wanted[i].name, err);
    return code || o->n_wanted ? code : keep_device(d, "cpu0", err);
}

int matrix_devices_open(const matrix_options *o, matrix_devices *out, tool_error *err) {
    const hal_instance_options io = {HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir};
    matrix_devices d = {.count = 0};
    load_guard_begin("hal-matrix");
    const hal_status status = hal_instance_create(&io, &d.instance);
    load_guard_end();
    if (status) return tool_fail(err, TOOL_INTERNAL, "%s", hal_status_last()->text);
    int code = find_all(o, &d, err);
    if (code) matrix_devices_close(&d);
    else *out = d;
    return code;
}

void matrix_devices_close(matrix_devices *d) {
    for (size_t i = 0; i < d->count; i++) hal_device_release(d->items[i]);
    free(d->items);
    hal_instance_release(d->instance);
    *d = (matrix_devices){0};
}
