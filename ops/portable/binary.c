/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled texts of a device. */
#include "binary.h"

#include <stdlib.h>
#include <string.h>

static bool equal(const char *a, const char *b) {
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

static bool is_same(const hal_portable_program *a, const hal_portable_program *b) {
    return strcmp(a->file, b->file) == 0 && strcmp(a->options, b->options) == 0 && equal(a->body, b->body);
}

hal_portable_binary *hal_portable_binary_find(hal_portable_binary *list, const hal_portable_program *what) {
    while (list && !is_same(&list->what, what)) list = list->next;
    return list;
}

void *hal_portable_binary_create(size_t bytes, const hal_portable_program *what) {
    hal_portable_binary *b = calloc(1, bytes);
    if (!b) return NULL;
    b->what = *what;
    b->what.body = what->body ? strdup(what->body) : NULL;
    if (b->what.body || !what->body) return b;
    free(b);
    return NULL;
}

hal_portable_binary *hal_portable_binary_take_unused(hal_portable_binary **list) {
    while (*list && (*list)->users > 0) list = &(*list)->next;
    hal_portable_binary *unused = *list;
    if (unused) *list = unused->next;
    return unused;
}

void hal_portable_binary_free(hal_portable_binary *binary) {
    if (!binary) return;
    free(binary->what.body);
    free(binary);
}
