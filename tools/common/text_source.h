/* SPDX-License-Identifier: Apache-2.0 */
/* The text to train on: the file the user named, or the best default there is.
 *
 * Default, first found: ${HAL_TEST_DATA}/text/tinyshakespeare.txt; the licence texts that Debian's base-files
 * installs in /usr/share/common-licenses (each once, in the order of their names); a corpus generated from a
 * small grammar, the same on every machine.
 */
#ifndef TOOLS_COMMON_TEXT_SOURCE_H
#define TOOLS_COMMON_TEXT_SOURCE_H

#include <stddef.h>

#include "tools/common/error.h"

typedef struct text_source {
    char *data; /* malloc'ed, NUL after the last byte */
    size_t bytes;
    char origin[512]; /* for the report: a path, or what was generated */
} text_source;

/* Load path, or the default where path is NULL. A missing or empty file is an error that says so. */
int text_source_load(const char *path, text_source *out, tool_error *err);

/* Free the data and empty the struct. */
void text_source_clear(text_source *text);

#endif
