/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of a tokenizer.json, read into what the tokenizer runs on; shared by tokenizer*.c only. */
#ifndef TOOLS_COMMON_TOKENIZER_JSON_H
#define TOOLS_COMMON_TOKENIZER_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/common/bpe.h"
#include "tools/common/error.h"
#include "tools/common/text_split.h"

/* A token that is found in the text as it stands, before anything is split. */
typedef struct added_token {
    char *content;
    size_t bytes;
    uint32_t id;
} added_token;

struct tokenizer {
    char *json;
    size_t json_bytes;
    uint32_t ids; /* highest + 1 */
    bool whole_first;
    bpe *model;
    text_split *split;
    added_token *added; /* by first byte, longer ones first */
    size_t added_count;
};

/* Fill model, split, added, ids and whole_first from the tree. On failure the caller frees what was filled.
 */
int tokenizer_json_read(const json_t *root, struct tokenizer *out, tool_error *err);

/* The text of a tokenizer.json whose vocabulary is single bytes: those with a mark, numbered in order.
 * Malloc'ed; NULL when memory is out. */
char *tokenizer_json_of_bytes(const bool marked[256]);

#endif
