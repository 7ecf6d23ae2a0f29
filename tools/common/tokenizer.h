/* SPDX-License-Identifier: Apache-2.0 */
/* Text to token ids and back, by a tokenizer.json of Hugging Face `tokenizers`.
 *
 * Two ways to one: tokenizer_from_bytes makes the vocabulary of the sorted set of bytes of a text, one id
 * each; and tokenizer_load reads a tokenizer.json of the byte-level BPE family: GPT-2 (ByteLevel
 * pre-tokenizer) and Llama-3 (Sequence of Split or Digits and ByteLevel; ignore_merges). What
 * tokenizer_from_bytes saves is of that family too: BPE without merges. Ids are those that `tokenizers` gives
 * with add_special_tokens=False.
 *
 * Refused, naming it: every other model (Unigram, WordPiece, WordLevel), byte_fallback, subword prefix or
 * suffix, a dropout, every normalizer, other pre-tokenizers (Metaspace, ...), add_prefix_space, added tokens
 * with lstrip, rstrip or single_word. Regular expressions are run by PCRE2 under a match limit.
 *
 * Threads: a tokenizer is immutable once made; encode and decode may run in any number of threads.
 */
#ifndef TOOLS_COMMON_TOKENIZER_H
#define TOOLS_COMMON_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

typedef struct tokenizer tokenizer;

/* The vocabulary of a text's bytes. An empty text is an error. */
int tokenizer_from_bytes(const void *text, size_t bytes, tokenizer **out, tool_error *err);

/* Read PATH, or PATH/tokenizer.json where PATH is a directory (TOOL_NOT_FOUND when it has none). */
int tokenizer_load(const char *path, tokenizer **out, tool_error *err);

/* Parse the text of a tokenizer.json; `where` names it in errors. */
int tokenizer_parse(const char *text, size_t bytes, const char *where, tokenizer **out, tool_error *err);

/* Free; NULL is allowed. */
void tokenizer_free(tokenizer *object);

/* The text of the tokenizer.json: what was parsed, or what tokenizer_from_bytes made. Owned by the tokenizer.
 */
const char *tokenizer_json(const tokenizer *object, size_t *out_bytes);

/* The text of a tokenizer_config.json that makes transformers' AutoTokenizer open the file beside it. Static.
 */
const char *tokenizer_config_json(void);

/* Highest id + 1, added tokens included. */
uint32_t tokenizer_vocabulary(const tokenizer *object);

/* Id of an added token such as "<|endoftext|>", or -1. */
int64_t tokenizer_added_id(const tokenizer *object, const char *content);

/* Encode bytes. *out_ids is malloc'ed (also for no ids) and the caller's to free. Added tokens in the text
 * become their id. A byte that the vocabulary cannot express is TOOL_BAD_INPUT, with its offset and value. */
int tokenizer_encode(const tokenizer *object, const void *text, size_t bytes, uint32_t **out_ids,
                     size_t *out_count, tool_error *err);

/* The bytes of one id: a piece of UTF-8, not always a whole character. NULL and 0 for an id without token.
 * Owned by the tokenizer. */
const char *tokenizer_piece(const tokenizer *object, uint32_t id, size_t *out_bytes);

/* Decode ids; added tokens appear as their text. *out_text is malloc'ed, NUL-terminated (not counted), the
 * caller's. An id outside the vocabulary is TOOL_BAD_INPUT. */
int tokenizer_decode(const tokenizer *object, const uint32_t *ids, size_t count, char **out_text,
                     size_t *out_bytes, tool_error *err);

#endif
