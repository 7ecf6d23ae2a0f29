/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/id_list.h"

#include <stdlib.h>

int id_list_reserve(id_list *list, size_t more)
{
    size_t needed;
    if (__builtin_add_overflow(list->count, more, &needed)) {
        return -1;
    }
    if (needed <= list->capacity) {
        return 0;
    }
    size_t capacity = list->capacity + list->capacity / 2;
    capacity = capacity < needed ? needed : capacity;
    uint32_t *ids = reallocarray(list->ids, capacity, sizeof *ids);
    if (!ids) {
        return -1;
    }
    list->ids = ids;
    list->capacity = capacity;
    return 0;
}

int id_list_append(id_list *list, uint32_t id)
{
    if (id_list_reserve(list, 1) != 0) {
        return -1;
    }
    list->ids[list->count++] = id;
    return 0;
}
