/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One device, one name. Several backends may reach one board: the one that comes first has the board's alias, "gpu0"; each
 * other is a route to it, "gpu0@opencl".
 */
#include "object.h"

/* The order in which backends claim, and with that the preference among routes: a vendor's own interface before those that
   serve many. "" stands for all others. fault wraps another and comes after it. */
static const char *const order[] = {"cpu", "cuda", "hip", "ze", "", "vulkan", "opencl", "fault"};

uint32_t hal_route_rank(const char *backend)
{
    uint32_t other = 0;
    for (uint32_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (strcmp(order[i], backend) == 0)
            return i;
        other = order[i][0] == '\0' ? i : other;
    }
    return other;
}

/* ------------------------------------------------------------------------------------------- naming -- */

static bool is_taken(const hal_claim *claim, const char *alias)
{
    const hal_list *devices = &claim->instance->devices;
    for (uint32_t i = 0; i < hal_list_count(devices); i++) {
        const hal_device *d = hal_list_at(devices, i);
        if (strcmp(d->alias, alias) == 0 && !hal_device_is_absent(d))
            return true;
    }
    for (uint32_t i = 0; i < claim->count; i++)
        if (strcmp(claim->devices[i]->alias, alias) == 0)
            return true;
    return false;
}

/* The board of the machine at the record's address. */
static const hal_topology_device *board_of(const hal_instance *instance, const hal_device_record *record)
{
    for (uint32_t i = 0; record->address[0] != '\0' && i < hal_topology_device_count(instance->topology); i++) {
        const hal_topology_device *d = hal_topology_device_at(instance->topology, i);
        if (strcmp(d->address, record->address) == 0 && d->parent == HAL_NOWHERE && d->kind != HAL_DEVICE_CPU)
            return d;
    }
    return NULL;
}

/* "gpu0", else "gpu0@opencl", else "gpu0@opencl1", ...: two drivers of one backend may reach it. */
static void name_route(const hal_claim *claim, const char *board, hal_device *device)
{
    const char *backend = device->loaded->table->name;
    snprintf(device->alias, sizeof device->alias, "%s", board);
    if (is_taken(claim, device->alias))
        snprintf(device->alias, sizeof device->alias, "%.40s@%.31s", board, backend);
    for (uint32_t i = 1; is_taken(claim, device->alias); i++)
        snprintf(device->alias, sizeof device->alias, "%.40s@%.31s%u", board, backend, i);
}

/* Equal over backends where the hardware is. */
static uint32_t group_of(const hal_device *device, const hal_topology_device *board)
{
    const uint32_t group = device->record.compute_group;
    if (group == HAL_COMPUTE_GROUP_HOST)
        return UINT32_MAX;
    return board != NULL ? (uint32_t)UINT16_MAX << 16 | (board->compute_group & 0xffffu)
                         : device->loaded->index << 16 | (group & 0xffffu);
}

void hal_route_name(const hal_claim *claim, hal_device *device)
{
    const hal_topology_device *board = board_of(claim->instance, &device->record);
    device->compute_group = group_of(device, board);
    if (board != NULL) {
        name_route(claim, board->alias, device);
        return;
    }
    uint32_t number = 0;
    do
        snprintf(device->alias, sizeof device->alias, "%s%u", device->record.alias, number);
    while (number++ < UINT16_MAX && is_taken(claim, device->alias));
}

/* ------------------------------------------------------------------------------------------ finding -- */

static hal_device *find_alias(const hal_instance *instance, const char *alias)
{
    for (uint32_t i = 0; i < hal_list_count(&instance->devices); i++) {
        hal_device *d = hal_list_at(&instance->devices, i);
        if (strcmp(d->alias, alias) == 0)
            return d;
    }
    return NULL;
}

/* The backend's name may be said of the preferred route too. */
hal_device *hal_route_find(const hal_instance *instance, const char *alias)
{
    char board[64];
    hal_device *d = find_alias(instance, alias);
    const char *at = strrchr(alias, '@');
    if (d != NULL || at == NULL || (size_t)(at - alias) >= sizeof board)
        return d;
    snprintf(board, sizeof board, "%.*s", (int)(at - alias), alias);
    d = find_alias(instance, board);
    return d != NULL && strcmp(d->loaded->table->name, at + 1) == 0 ? d : NULL;
}
