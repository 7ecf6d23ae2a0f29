/* SPDX-License-Identifier: Apache-2.0 */
/*
 * binary.h - what a device has compiled, by the text it was asked by. Programs that need the same text share it, so that a whole
 * model needs few. A backend's own binary begins with a hal_portable_binary; the list is the backend's to lock.
 */
#ifndef HAL_PORTABLE_BINARY_H
#define HAL_PORTABLE_BINARY_H

#include "portable.h"

typedef struct hal_portable_binary {
    struct hal_portable_binary *next;
    /* The text's parts; the body is a copy. */
    hal_portable_program what;
    /* Launches that stand on it. */
    uint32_t users;
} hal_portable_binary;

/* The one that was asked by the same text; NULL: there is none. */
hal_portable_binary *hal_portable_binary_find(hal_portable_binary *list, const hal_portable_program *what);
/* Zeroed, `bytes` long, with a copy of `what`; of calloc, for hal_portable_binary_free. NULL: out of memory. */
void *hal_portable_binary_create(size_t bytes, const hal_portable_program *what);
/* Unlinks one that nothing stands on; NULL: all are in use. */
hal_portable_binary *hal_portable_binary_take_unused(hal_portable_binary **list);
/* NULL is allowed. */
void hal_portable_binary_free(hal_portable_binary *binary);

#endif
