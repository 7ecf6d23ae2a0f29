/* SPDX-License-Identifier: Apache-2.0 */
/* Recorded trees that are written down without their end mark, as tests and seeds of fuzzing are. */
#ifndef TESTS_UNIT_TREE_TEXT_H
#define TESTS_UNIT_TREE_TEXT_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hal/discovery/files.h"

/* Lines that are entries. */
static inline unsigned tree_entries(const char *text, size_t bytes)
{
    const char *head = memchr(text, '\n', bytes);
    unsigned n = 0;
    for (const char *at = head, *end = text + bytes; at != NULL && at + 1 < end;
         at = memchr(at + 1, '\n', (size_t)(end - at - 1)))
        n += strchr("#\t\n", at[1]) == NULL;
    return n;
}

/* The text with its end mark, if it has none: NUL-terminated, `*total` bytes, freed by the caller. */
static inline char *tree_end(const char *text, size_t bytes, size_t *total)
{
    char *whole = malloc(bytes + 32);
    if (whole == NULL)
        abort();
    memcpy(whole, text, bytes);
    whole[bytes] = '\0';
    *total = bytes;
    if (memmem(text, bytes, "\n. ", 3) == NULL) {
        const char *newline = bytes != 0 && text[bytes - 1] != '\n' ? "\n" : "";
        *total += (size_t)snprintf(whole + bytes, 32, "%s. %u\n", newline, tree_entries(text, bytes));
    }
    return whole;
}

/* hal_files_parse of it. */
static inline hal_status tree_parse(const hal_allocator *allocator, const char *origin, const char *text,
                                    size_t bytes, hal_files **files)
{
    size_t total;
    char *whole = tree_end(text, bytes, &total);
    hal_status status = hal_files_parse(allocator, origin, whole, total, files);
    free(whole);
    return status;
}

#endif
