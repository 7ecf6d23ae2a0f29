/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed topology, as everybody sees it. */
#include "hal/topology/model.h"

void hal_topology_free(hal_topology *t)
{
    hal_allocator allocator = t->allocator;
    hal_lookup_clear(t);
    hal_deallocate(&allocator, t->places);
    hal_deallocate(&allocator, t->memories);
    hal_deallocate(&allocator, t->devices);
    hal_deallocate(&allocator, t->links);
    hal_deallocate(&allocator, t->diagnostics);
    for (hal_block *b = t->blocks, *next; b != NULL; b = next) {
        next = b->next;
        hal_deallocate(&allocator, b);
    }
    hal_deallocate(&allocator, t);
}

hal_topology *hal_topology_retain(hal_topology *topology)
{
    atomic_fetch_add_explicit(&topology->references, 1, memory_order_relaxed);
    return topology;
}

void hal_topology_release(hal_topology *topology)
{
    if (topology != NULL && atomic_fetch_sub_explicit(&topology->references, 1, memory_order_acq_rel) == 1)
        hal_topology_free(topology);
}

const hal_topology_host *hal_topology_host_of(const hal_topology *topology)
{
    return &topology->host;
}
uint32_t hal_topology_place_count(const hal_topology *topology)
{
    return topology->n_places;
}
uint32_t hal_topology_memory_count(const hal_topology *topology)
{
    return topology->n_memories;
}
uint32_t hal_topology_device_count(const hal_topology *topology)
{
    return topology->n_devices;
}
uint32_t hal_topology_link_count(const hal_topology *topology)
{
    return topology->n_links;
}
uint32_t hal_topology_diagnostic_count(const hal_topology *topology)
{
    return topology->n_diagnostics;
}
const hal_topology_place *hal_topology_place_at(const hal_topology *topology, uint32_t index)
{
    return index < topology->n_places ? &topology->places[index] : NULL;
}
const hal_topology_memory *hal_topology_memory_at(const hal_topology *topology, uint32_t index)
{
    return index < topology->n_memories ? &topology->memories[index] : NULL;
}
const hal_topology_device *hal_topology_device_at(const hal_topology *topology, uint32_t index)
{
    return index < topology->n_devices ? &topology->devices[index] : NULL;
}
const hal_topology_link *hal_topology_link_at(const hal_topology *topology, uint32_t index)
{
    return index < topology->n_links ? &topology->links[index] : NULL;
}
const hal_topology_diagnostic *hal_topology_diagnostic_at(const hal_topology *topology, uint32_t index)
{
    return index < topology->n_diagnostics ? &topology->diagnostics[index] : NULL;
}

static bool is_device(const hal_topology *t, uint32_t index, const char *name)
{
    const hal_topology_device *d = hal_topology_device_at(t, index);
    return d != NULL && (strcmp(d->id, name) == 0 || strcmp(d->alias, name) == 0);
}

uint32_t hal_topology_device_find(const hal_topology *topology, const char *name)
{
    return name == NULL ? HAL_NOWHERE : hal_lookup_find(topology, HAL_SPACE_DEVICE, name, is_device);
}
