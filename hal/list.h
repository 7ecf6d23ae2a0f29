/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of pointers that only grows. One thread at a time writes it, under a lock of its owner's; any thread reads it, and
 * takes no lock. Arrays that were outgrown stay until the end, because somebody may still read them.
 */
#ifndef HAL_LIST_H
#define HAL_LIST_H

#include <hal/core.h>
#include <stdatomic.h>

typedef struct hal_list_block {
    struct hal_list_block *outgrown;
    void *_Atomic items[];
} hal_list_block;

/* All zeros: empty. */
typedef struct hal_list {
    hal_list_block *_Atomic block;
    _Atomic uint32_t count;
    uint32_t room;
} hal_list;

/* Makes room for `n` more; false, with the detail, when out of memory. */
bool hal_list_reserve(const hal_allocator *allocator, hal_list *list, uint32_t n);
/* Adds an item where there is room; replaces one. */
void hal_list_add(hal_list *list, void *item);
void hal_list_put(hal_list *list, uint32_t index, void *item);
/* Frees the list, not its items. */
void hal_list_free(const hal_allocator *allocator, hal_list *list);

static inline uint32_t hal_list_count(const hal_list *list)
{
    return atomic_load_explicit(&list->count, memory_order_acquire);
}

/* Item `index`, below a count that this thread has read. */
static inline void *hal_list_at(const hal_list *list, uint32_t index)
{
    hal_list_block *block = atomic_load_explicit(&list->block, memory_order_acquire);
    return atomic_load_explicit(&block->items[index], memory_order_acquire);
}

#endif
