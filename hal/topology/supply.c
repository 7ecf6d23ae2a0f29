/* SPDX-License-Identifier: Apache-2.0 */
/* "PATTERN=DEVICE[@LINK]": what a person knows and a file does not say. The pattern is an extended regular
   expression that matches a whole id, alias or address. */
#include "hal/topology/model.h"
#include "hal/topology/shelf.h"

#include <regex.h>
#include <stdio.h>

#define MOST_PATTERN 128u

/* What a line says. */
typedef struct order {
    const hal_shelf_device *device;
    const hal_shelf_link *link;
    regex_t pattern;
} order;

static hal_status parse_pattern(const char *line, size_t length, regex_t *pattern)
{
    char text[MOST_PATTERN + 8], problem[128];
    if (length == 0 || length > MOST_PATTERN)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "\"%.60s\": the pattern before \"=\" has %zu characters, not 1 to %u", line, length,
                        MOST_PATTERN);
    snprintf(text, sizeof text, "^(%.*s)$", (int)length, line);
    int e = regcomp(pattern, text, REG_EXTENDED | REG_NOSUB);
    if (e == 0)
        return HAL_OK;
    regerror(e, pattern, problem, sizeof problem);
    return HAL_FAIL(INVALID_ARGUMENT, "\"%.60s\": the pattern before \"=\" cannot be read: %s", line,
                    problem);
}

static hal_status parse(const char *line, order *o)
{
    const char *equals = strchr(line, '=');
    if (equals == NULL)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "\"%.60s\": expected PATTERN=DEVICE[@LINK], such as gpu.*=a100-sxm-80@nvlink3", line);
    const char *device = equals + 1, *at = strchr(device, '@');
    const size_t length = at != NULL ? (size_t)(at - device) : strlen(device);
    if (length == 0 && at == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "\"%.60s\": nothing stands after \"=\"", line);
    if (length > 0)
        HAL_TRY(hal_shelf_find_device(line, device, length, &o->device));
    if (at != NULL)
        HAL_TRY(hal_shelf_find_link(line, at + 1, strlen(at + 1), &o->link));
    return parse_pattern(line, (size_t)(equals - line), &o->pattern);
}

static bool matches(const order *o, const hal_topology_device *d)
{
    return regexec(&o->pattern, d->id, 0, NULL, 0) == 0 || regexec(&o->pattern, d->alias, 0, NULL, 0) == 0 ||
           (d->address[0] != '\0' && regexec(&o->pattern, d->address, 0, NULL, 0) == 0);
}

/* A device that a file does not tell the kind of may be anything. */
static bool may_be(const hal_topology_device *d, const hal_shelf_device *row)
{
    return row == NULL || d->kind == (uint32_t)row->kind || d->kind == HAL_DEVICE_OTHER;
}

/* The machine that a place is in: devices of two machines have no link of their own. */
static uint32_t machine_of(const hal_topology *t, uint32_t place)
{
    while (place < t->n_places && place != 0 && t->places[place].kind != HAL_PLACE_MACHINE)
        place = t->places[place].parent;
    return place;
}

static hal_status connect(hal_topology *t, const order *o, const uint32_t *members, uint32_t count)
{
    uint32_t *group = hal_allocate_array(&t->allocator, count, sizeof *group);
    hal_status s = group == NULL ? HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY) : HAL_OK;
    for (uint32_t i = 0, n = 0; s == HAL_OK && i < count; i++) {
        const uint32_t machine = machine_of(t, t->devices[members[i]].place);
        group[n++] = members[i];
        if (i + 1 < count && machine_of(t, t->devices[members[i + 1]].place) == machine)
            continue;
        s = hal_shelf_connect((hal_draft *)t, group, n, o->link,
                              hal_draft_format((hal_draft *)t, "switch:%s/%u", o->link->kind, t->n_devices));
        n = 0;
    }
    hal_deallocate(&t->allocator, group);
    return s;
}

static hal_status apply(hal_topology *t, const order *o, const char *line)
{
    uint32_t count = 0, *members = hal_allocate_array(&t->allocator, t->n_devices, sizeof *members);
    if (members == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t i = 0; i < t->n_devices; i++)
        if (matches(o, &t->devices[i]) && may_be(&t->devices[i], o->device))
            members[count++] = i;
    hal_status s = HAL_OK;
    if (count == 0 && t->starved)
        s = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    else if (count == 0)
        s = HAL_FAIL(NOT_FOUND, "\"%.60s\": no %s has an id, alias or address that the pattern matches", line,
                     o->device != NULL ? hal_device_kind_name(o->device->kind) : "device");
    for (uint32_t i = 0; s == HAL_OK && o->device != NULL && i < count; i++)
        hal_shelf_apply((hal_draft *)t, members[i], o->device);
    if (s == HAL_OK && o->link != NULL)
        s = connect(t, o, members, count);
    hal_deallocate(&t->allocator, members);
    return s;
}

/* Aliases are given in the order of devices, so that order is needed here already. */
hal_status hal_topology_supply(hal_draft *draft, const char *line)
{
    order o = {0};
    hal_topology *t = &draft->topology;
    HAL_TRY(parse(line, &o));
    hal_status s = hal_seal_order(t);
    s = s != HAL_OK ? s : hal_seal_aliases(t);
    s = s != HAL_OK ? s : apply(t, &o, line);
    regfree(&o.pattern);
    return s;
}

hal_status hal_topology_supply_all(hal_draft *draft, const char *const *lines)
{
    for (; lines != NULL && *lines != NULL; lines++)
        HAL_TRY(hal_topology_supply(draft, *lines));
    return HAL_OK;
}
