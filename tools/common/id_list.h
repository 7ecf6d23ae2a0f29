/* SPDX-License-Identifier: Apache-2.0 */
/* A growing list of token ids. Zero-initialised it is empty; the owner frees `ids`. */
#ifndef TOOLS_COMMON_ID_LIST_H
#define TOOLS_COMMON_ID_LIST_H

#include <stddef.h>
#include <stdint.h>

typedef struct id_list {
    uint32_t *ids;
    size_t count;
    size_t capacity;
} id_list;

/* Room for `more` ids; returns 0, or -1 when memory is out (the list is unchanged). */
int id_list_reserve(id_list *list, size_t more);

/* Append one id; returns 0, or -1 when memory is out. */
int id_list_append(id_list *list, uint32_t id);

#endif
