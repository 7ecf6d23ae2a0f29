/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and patterns as rows of hal/discovery/families.def write them. */
#ifndef HAL_DISCOVERY_WORDS_H
#define HAL_DISCOVERY_WORDS_H

#include <hal/topology.h>
#include <stdbool.h>
#include <stddef.h>

/* Cuts the next entry off `*list` at `separator`; false at its end. An entry that does not fit is cut short.
 */
bool hal_word_next(const char **list, char separator, char *word, size_t size);
/* True when `word` is an entry of `list` or an alternative of one. */
bool hal_word_listed(const char *list, const char *word);
/* True when `path` is what `pattern` stands for: {index} is a number, * any run of characters but '/'. */
bool hal_pattern_matches(const char *pattern, const char *path);
/* The same for a list of patterns and their alternatives. */
bool hal_pattern_listed(const char *list, const char *path);
/* Puts numbers of `device` (may be NULL) in place of {device}, {revision}, {vendor}. */
void hal_pattern_fill(const char *pattern, const hal_topology_device *device, char *text, size_t size);
/* Compares versions number by number: "1.17.6" is smaller than "1.17.17". Below, at or above 0 as strcmp. */
int hal_version_compare(const char *a, const char *b);
/* Appends formatted text as far as it fits. */
void hal_words_add(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
