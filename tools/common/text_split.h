/* SPDX-License-Identifier: Apache-2.0 */
/* Cuts text into pieces by regular expressions, stage after stage (the pre-tokenizers of a tokenizer).
 *
 * Each stage isolates the matches of its pattern inside the pieces of the stage before: matches and what is
 * between them become pieces. Without a stage the text is one piece. Patterns see characters of Unicode;
 * bytes that are not UTF-8 match nothing and form pieces of their own. Patterns come from files, so matching
 * is limited: a pattern that backtracks without end is an error.
 *
 * Threads: immutable once all stages are added.
 */
#ifndef TOOLS_COMMON_TEXT_SPLIT_H
#define TOOLS_COMMON_TEXT_SPLIT_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/common/error.h"

enum { TEXT_SPLIT_MAX_STAGES = 8 };

typedef struct text_split text_split;

/* Called for each piece in order; a result other than 0 stops and is returned. */
typedef int (*text_split_fn)(void *context, const char *piece, size_t bytes, tool_error *err);

int text_split_create(text_split **out, tool_error *err);
void text_split_free(text_split *object);

/* Add a stage; literal: the pattern is plain text, not an expression. An expression that does not compile is
 * TOOL_BAD_INPUT with PCRE2's reason. */
int text_split_add(text_split *object, const char *pattern, bool literal, tool_error *err);

int text_split_run(const text_split *object, const char *text, size_t bytes, text_split_fn visit,
                   void *context, tool_error *err);

#endif
