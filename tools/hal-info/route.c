/* SPDX-License-Identifier: Apache-2.0 */
/* What hal-info shows of a device that is no device of the description: another way to one, as opencl0 is to the processors. */
#include "tools/hal-info/info.h"

#include <string.h>

/* The first device that computes on the same hardware; "" when there is none. */
static const char *same_hardware(hal_instance *instance, const hal_device_info *d)
{
    for (uint32_t k = 0; k < hal_device_count(instance); k++) {
        hal_device_info other;
        hal_device *device;
        if (hal_device_get(instance, k, &device) != HAL_OK)
            continue;
        hal_device_describe(device, &other); /* its texts live as long as the instance */
        hal_device_release(device);
        if (other.compute_group == d->compute_group && other.id.local != d->id.local)
            return other.alias;
    }
    return "";
}

static json_t *describe(hal_instance *instance, const hal_device_info *d)
{
    hal_memory_info memory = {.name = ""};
    if (d->memory < hal_memory_count(instance))
        hal_memory_describe(hal_memory_get(instance, d->memory), &memory);
    const char *of = same_hardware(instance, d);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s, s:I, s:b, s:b}", "schema", "hal.route/1", "device", d->alias,
                     "name", d->name, "backend", d->backend, "way_to", of[0] ? of : NULL, "memory", memory.name,
                     "capacity", (json_int_t)memory.capacity, "host_access", memory.host_access, "emulated",
                     d->emulated);
}

int route_data(const info *i, const char *alias, json_t **root, tool_error *err)
{
    hal_instance *instance;
    hal_device *device;
    hal_device_info about;
    int code = machine_instance(i->options, &instance, err);
    if (code)
        return code;
    if (hal_device_find(instance, alias, &device) == HAL_OK) {
        hal_device_describe(device, &about);
        *root = describe(instance, &about);
        hal_device_release(device);
        code = *root ? TOOL_OK : tool_fail(err, TOOL_INTERNAL, "out of memory");
    } else {
        code = tool_fail(err, TOOL_NOT_FOUND, "%s", hal_status_last()->text);
    }
    hal_instance_release(instance);
    return code;
}

static void line(const info *i, const char *label, const char *text)
{
    if (text && text[0])
        fprintf(i->out, "%s%-14s%s%s\n", style_on(&i->style, TONE_FAINT), label, style_off(&i->style, TONE_FAINT), text);
}

int route_print(const info *i, const json_t *route)
{
    const char *of = json_string_value(json_object_get(route, "way_to"));
    char size[32], text[200];
    const double bytes = (double)json_integer_value(json_object_get(route, "capacity"));
    snprintf(size, sizeof size, ", %.1f GiB", bytes / (1 << 30));
    snprintf(text, sizeof text, "%.80s%s%s", json_string_value(json_object_get(route, "memory")), bytes > 0 ? size : "",
             json_is_true(json_object_get(route, "host_access")) ? "" : ", which the host cannot address");
    fprintf(i->out, "%s%s%s  %s\n", style_on(&i->style, TONE_STRONG), json_string_value(json_object_get(route, "device")),
            style_off(&i->style, TONE_STRONG), json_string_value(json_object_get(route, "name")));
    line(i, "another way", of);
    line(i, "backend", json_string_value(json_object_get(route, "backend")));
    line(i, "memory", text);
    line(i, "emulated", json_is_true(json_object_get(route, "emulated")) ? "computed by something else" : "");
    return TOOL_OK;
}
