/* SPDX-License-Identifier: Apache-2.0 */
#include "list.h"

bool hal_list_reserve(const hal_allocator *allocator, hal_list *list, uint32_t n)
{
    const uint32_t count = hal_list_count(list);
    hal_list_block *old = atomic_load_explicit(&list->block, memory_order_relaxed);
    if (list->room - count >= n)
        return true;
    const size_t room = (size_t)count + n > 2 * (size_t)list->room ? (size_t)count + n : 2 * (size_t)list->room;
    hal_list_block *block = hal_allocate(allocator, sizeof *block + room * sizeof block->items[0]);
    if (block == NULL)
        return false;
    for (uint32_t i = 0; i < count; i++)
        atomic_init(&block->items[i], hal_list_at(list, i));
    block->outgrown = old;
    atomic_store_explicit(&list->block, block, memory_order_release);
    list->room = (uint32_t)room;
    return true;
}

void hal_list_add(hal_list *list, void *item)
{
    const uint32_t count = hal_list_count(list);
    hal_list_put(list, count, item);
    atomic_store_explicit(&list->count, count + 1, memory_order_release);
}

void hal_list_put(hal_list *list, uint32_t index, void *item)
{
    hal_list_block *block = atomic_load_explicit(&list->block, memory_order_relaxed);
    atomic_store_explicit(&block->items[index], item, memory_order_release);
}

void hal_list_free(const hal_allocator *allocator, hal_list *list)
{
    hal_list_block *block = atomic_load_explicit(&list->block, memory_order_relaxed), *outgrown;
    for (; block != NULL; block = outgrown) {
        outgrown = block->outgrown;
        hal_deallocate(allocator, block);
    }
}
