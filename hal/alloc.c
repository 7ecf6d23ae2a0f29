/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <stdlib.h>

#define ALIGNMENT 64u

void *hal_allocate_raw(const hal_allocator *allocator, size_t bytes, size_t alignment)
{
    size_t asked = bytes ? bytes : 1, rounded;
    if (allocator != NULL && allocator->allocate != NULL)
        return allocator->allocate(allocator->context, asked, alignment);
    if (alignment <= _Alignof(max_align_t))
        return malloc(asked);
    if (__builtin_add_overflow(asked, alignment - 1, &rounded))
        return NULL;
    return aligned_alloc(alignment, rounded & ~(alignment - 1));
}

void *hal_allocate(const hal_allocator *allocator, size_t bytes)
{
    void *p = hal_allocate_raw(allocator, bytes, bytes >= ALIGNMENT ? ALIGNMENT : _Alignof(max_align_t));
    if (p == NULL) {
        (void)HAL_FAIL(OUT_OF_MEMORY,
                       "host memory: %zu bytes asked, the allocator has none; free memory or raise "
                       "the limit",
                       bytes);
        return NULL;
    }
    return memset(p, 0, bytes);
}

void *hal_allocate_array(const hal_allocator *allocator, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        (void)HAL_FAIL(OUT_OF_MEMORY, "host memory: %zu items of %zu bytes overflow the address space", count,
                       size);
        return NULL;
    }
    return hal_allocate(allocator, bytes);
}

void hal_deallocate(const hal_allocator *allocator, void *pointer)
{
    if (allocator != NULL && allocator->allocate != NULL) {
        if (allocator->release != NULL)
            allocator->release(allocator->context, pointer);
        return;
    }
    free(pointer);
}

char *hal_string_copy(const hal_allocator *allocator, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = hal_allocate(allocator, bytes);
    return copy == NULL ? NULL : memcpy(copy, text, bytes);
}

bool hal_array_grow(const hal_allocator *allocator, void **items, uint32_t count, uint32_t *capacity,
                    size_t size)
{
    uint32_t room = *capacity ? *capacity : 4;
    if (count < *capacity)
        return true;
    if (*capacity && __builtin_mul_overflow(*capacity, 2u, &room))
        return false;
    void *grown = hal_allocate_array(allocator, room, size);
    if (grown == NULL)
        return false;
    if (*items != NULL)
        memcpy(grown, *items, count * size);
    hal_deallocate(allocator, *items);
    *items = grown;
    *capacity = room;
    return true;
}
