/* SPDX-License-Identifier: Apache-2.0 */
/* Byte-pair encoding: a vocabulary of byte strings and the ranked pairs that merge.
 *
 * A piece of text starts as its single bytes; while there is a pair that merges, the one of the lowest rank
 * (the leftmost of equals) becomes one token. Encoding n bytes takes O(n log n).
 *
 * Build with bpe_create, then all tokens, then all merges; from then on it is immutable.
 */
#ifndef TOOLS_COMMON_BPE_H
#define TOOLS_COMMON_BPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"
#include "tools/common/id_list.h"

typedef struct bpe bpe;

/* Memory of one thread between calls of bpe_encode. Zero-initialise; bpe_scratch_clear frees. */
typedef struct bpe_scratch {
    void *symbols;
    uint64_t *heap;
    size_t capacity;
} bpe_scratch;

void bpe_scratch_clear(bpe_scratch *scratch);

/* Room for ids below `ids`, `token_bytes` of their bytes together, and `merges`. */
int bpe_create(uint32_t ids, size_t token_bytes, size_t merges, bpe **out, tool_error *err);
void bpe_free(bpe *object);

/* Set the bytes of an id (copied). An id used before or out of range is TOOL_BAD_INPUT. `matched` is whether
 * encoding may find it; an added token that is no token of the model is not. */
int bpe_add_token(bpe *object, uint32_t id, const char *bytes, size_t length, bool matched, tool_error *err);

/* Add the next merge (its rank is its place). Left, right and both joined must be tokens. */
int bpe_add_merge(bpe *object, const char *left, size_t left_bytes, const char *right, size_t right_bytes,
                  tool_error *err);

/* The bytes of an id, or NULL. */
const char *bpe_token(const bpe *object, uint32_t id, size_t *out_bytes);

/* Append the ids of a piece. whole_first: a piece that is a token is that token, whatever merges say. On
 * failure *out_bad is the offset of a byte without token. */
int bpe_encode(const bpe *object, const char *piece, size_t bytes, bool whole_first, bpe_scratch *scratch,
               id_list *list, size_t *out_bad, tool_error *err);

#endif
