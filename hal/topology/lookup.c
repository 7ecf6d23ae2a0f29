/* SPDX-License-Identifier: Apache-2.0 */
/* An open hash table of names. Entries are never taken out: an object that was renamed in place leaves one
   behind that no longer agrees with it, and is passed over. */
#include "hal/topology/model.h"

/* FNV-1a, seeded by the space. */
static uint32_t hash_of(hal_name_space space, const char *name)
{
    uint32_t hash = 2166136261u ^ (uint32_t)space;
    for (const unsigned char *p = (const unsigned char *)name; *p != '\0'; p++)
        hash = (hash ^ *p) * 16777619u;
    return hash;
}

static void put(hal_lookup_entry *slots, uint32_t size, hal_lookup_entry entry)
{
    uint32_t at = entry.hash & (size - 1);
    while (slots[at].index != HAL_NOWHERE)
        at = (at + 1) & (size - 1);
    slots[at] = entry;
}

static bool grow(hal_topology *t)
{
    uint32_t size = t->lookup.size ? t->lookup.size * 2 : 64;
    if (size == 0)
        return false;
    hal_lookup_entry *slots = hal_allocate_array(&t->allocator, size, sizeof *slots);
    if (slots == NULL)
        return false;
    for (uint32_t i = 0; i < size; i++)
        slots[i].index = HAL_NOWHERE;
    for (uint32_t i = 0; i < t->lookup.size; i++)
        if (t->lookup.slots[i].index != HAL_NOWHERE)
            put(slots, size, t->lookup.slots[i]);
    hal_deallocate(&t->allocator, t->lookup.slots);
    t->lookup.slots = slots;
    t->lookup.size = size;
    return true;
}

bool hal_lookup_add(hal_topology *t, hal_name_space space, const char *name, uint32_t index)
{
    if (t->lookup.used >= t->lookup.size / 2 && !grow(t))
        return false;
    put(t->lookup.slots, t->lookup.size,
        (hal_lookup_entry){.hash = hash_of(space, name), .space = space, .index = index});
    t->lookup.used++;
    return true;
}

uint32_t hal_lookup_find(const hal_topology *t, hal_name_space space, const char *name,
                         bool (*is)(const hal_topology *t, uint32_t index, const char *name))
{
    if (t->lookup.size == 0)
        return HAL_NOWHERE;
    uint32_t hash = hash_of(space, name), mask = t->lookup.size - 1;
    for (uint32_t at = hash & mask; t->lookup.slots[at].index != HAL_NOWHERE; at = (at + 1) & mask) {
        const hal_lookup_entry *e = &t->lookup.slots[at];
        if (e->hash == hash && e->space == (uint32_t)space && is(t, e->index, name))
            return e->index;
    }
    return HAL_NOWHERE;
}

void hal_lookup_clear(hal_topology *t)
{
    hal_deallocate(&t->allocator, t->lookup.slots);
    t->lookup = (hal_lookup){0};
}
