/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

uint32_t hal_memory_count(const hal_instance *instance)
{
    return hal_list_count(&instance->memories);
}

const hal_memory *hal_memory_get(const hal_instance *instance, uint32_t index)
{
    return index < hal_memory_count(instance) ? hal_list_at(&instance->memories, index) : NULL;
}

void hal_memory_describe(const hal_memory *memory, hal_memory_info *info)
{
    uint64_t used = atomic_load_explicit(&memory->used, memory_order_relaxed);
    *info = (hal_memory_info){.name = memory->name,
                              .capacity = memory->capacity,
                              .available = memory->free_at_start > used ? memory->free_at_start - used : 0,
                              .host_access = memory->host_access,
                              .contention_group = memory->contention_group};
}

static hal_status make(hal_instance *instance, const char *name, uint64_t bytes, bool host)
{
    const hal_allocator *a = &instance->config.allocator;
    if (!hal_list_reserve(a, &instance->memories, 1))
        return hal_status_last()->status;
    hal_memory *m = hal_allocate(a, sizeof *m);
    if (m == NULL)
        return hal_status_last()->status;
    *m = (hal_memory){.name = hal_string_copy(a, name),
                      .capacity = bytes,
                      .free_at_start = bytes,
                      .host_access = host,
                      .contention_group = hal_memory_count(instance)};
    if (m->name == NULL) {
        hal_deallocate(a, m);
        return hal_status_last()->status;
    }
    hal_list_add(&instance->memories, m);
    return HAL_OK;
}

hal_status hal_memory_add(hal_instance *instance, const char *name, uint64_t bytes, bool host,
                          uint32_t *index)
{
    const uint32_t n = hal_memory_count(instance);
    uint32_t i = 0;
    while (i < n && strcmp(hal_memory_get(instance, i)->name, name) != 0)
        i++;
    if (i == n)
        HAL_TRY(make(instance, name, bytes, host));
    *index = i;
    return HAL_OK;
}

hal_status hal_memory_charge(hal_memory *memory, uint64_t bytes)
{
    uint64_t used = atomic_load_explicit(&memory->used, memory_order_relaxed), after;
    do {
        bool overflow = __builtin_add_overflow(used, bytes, &after);
        if (overflow || (memory->capacity != 0 && after > memory->free_at_start))
            return HAL_FAIL(
                OUT_OF_MEMORY,
                "memory %s: %llu bytes asked, %llu available of %llu; release buffers or "
                "use a smaller batch",
                memory->name, (unsigned long long)bytes,
                (unsigned long long)(memory->free_at_start > used ? memory->free_at_start - used : 0),
                (unsigned long long)memory->capacity);
    } while (!atomic_compare_exchange_weak_explicit(&memory->used, &used, after, memory_order_relaxed,
                                                    memory_order_relaxed));
    return HAL_OK;
}

void hal_memory_refund(hal_memory *memory, uint64_t bytes)
{
    atomic_fetch_sub_explicit(&memory->used, bytes, memory_order_relaxed);
}
