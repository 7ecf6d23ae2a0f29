/* SPDX-License-Identifier: Apache-2.0 */
/* Text in documents: whatever a driver calls itself must neither end a tag nor break the encoding. */
#ifndef TOOLS_COMMON_MARKUP_H
#define TOOLS_COMMON_MARKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Replaces bytes that are no UTF-8, or no character that XML allows, by '?'; a text that was cut within a character too. */
void markup_clean(char *text);
/* Prints a clean text with the characters escaped that HTML and XML give a meaning. */
void markup_escape(FILE *out, const char *text);
/* <tag class="class">text</tag>; no attribute where `class` is "". */
void markup_element(FILE *out, const char *tag, const char *class, const char *text);
/* "2026-11-21 22:14 UTC"; "" for 0. */
void markup_date(int64_t when, char *text, size_t size);

#endif
