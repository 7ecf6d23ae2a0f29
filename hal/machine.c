/* SPDX-License-Identifier: Apache-2.0 */
/* What the instance takes from the description of its machine: the host's memories, and devices that no backend claims. */
#include "object.h"

#include "hal/topology/model.h"

const char *hal_machine_input;

/* Memory "numaN" for each node. What is left bounds them all, so each may have at most that. */
static hal_status add_memories(hal_instance *instance)
{
    const uint64_t left = instance->topology->memory_left;
    for (uint32_t i = 0; i < hal_topology_memory_count(instance->topology); i++) {
        const hal_topology_memory *m = hal_topology_memory_at(instance->topology, i);
        uint32_t index;
        if (!m->host_access || m->numa == HAL_NOWHERE || m->capacity.source == HAL_SOURCE_UNKNOWN)
            continue;
        HAL_TRY(hal_memory_add(instance, m->id, (uint64_t)m->capacity.value, true, &index));
        hal_memory *memory = hal_list_at(&instance->memories, index);
        if (left < memory->free_at_start)
            memory->free_at_start = left;
    }
    return HAL_OK;
}

hal_status hal_machine_look(hal_instance *instance)
{
    const hal_topology_options options = {HAL_HEAD(hal_topology_options),
                                          .allocator = &instance->config.allocator,
                                          .input = hal_machine_input};
    HAL_TRY(hal_topology_create(&options, &instance->topology));
    return add_memories(instance);
}

hal_status hal_instance_topology(hal_instance *instance, hal_topology **topology)
{
    HAL_TRY(hal_instance_check(instance));
    *topology = hal_topology_retain(instance->topology);
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------ absent devices -- */

static void say_why(const hal_topology_device *d, char *text, size_t size)
{
    const char *reason = d->reason_text;
    if (reason[0] == '\0')
        reason = d->usability == HAL_USABLE_NOT_PROBED
                     ? "no backend of hal claims it; its vendor's libraries were not asked: hal-info --probe"
                     : "no backend of hal claims it";
    snprintf(text, size, "%s%s%s", d->reason, d->reason[0] != '\0' ? ": " : "", reason);
}

/* In place of a backend's: nothing is opened. */
static hal_status refuse(void *state, uint32_t index, void **device)
{
    const hal_instance *instance = state;
    const hal_topology_device *d = hal_topology_device_at(instance->topology, index);
    char why[240];
    (void)device;
    say_why(d, why, sizeof why);
    return hal_status_set(HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_UNAVAILABLE), __FILE__, __LINE__,
                          "device %s (%s %s) is absent: %s; hal-info doctor %s says more", d->alias,
                          d->name[0] != '\0' ? d->name : d->family, d->address, why, d->alias);
}

static const hal_backend nobody = {HAL_HEAD(hal_backend), .name = "", .build_id = "", .device_open = refuse};

static bool computes(const hal_topology_device *d)
{
    return d->kind == HAL_DEVICE_GPU || d->kind == HAL_DEVICE_NPU || d->kind == HAL_DEVICE_OTHER;
}

hal_status hal_machine_add_absent(hal_instance *instance)
{
    instance->absent = (hal_loaded){.instance = instance, .table = &nobody, .state = instance, .index = UINT16_MAX};
    for (uint32_t i = 0; i < hal_topology_device_count(instance->topology); i++) {
        const hal_topology_device *d = hal_topology_device_at(instance->topology, i);
        if (!computes(d) || hal_route_find(instance, d->alias) != NULL)
            continue;
        hal_device_record record = {.compute_group = d->compute_group};
        snprintf(record.name, sizeof record.name, "%s", d->name[0] != '\0' ? d->name : d->family);
        char why[240];
        say_why(d, why, sizeof why);
        HAL_TRY(hal_device_add_absent(instance, &record, d->alias, i, why));
    }
    return HAL_OK;
}
