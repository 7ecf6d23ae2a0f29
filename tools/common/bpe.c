/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/bpe.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX

typedef struct token {
    size_t start; /* in the blob */
    uint32_t length;
    bool used;
} token;

typedef struct merge {
    uint64_t pair; /* left id << 32 | right id */
    uint32_t rank;
    uint32_t id;
    bool used;
} merge;

struct bpe {
    uint32_t ids;
    token *tokens;
    char *blob;
    size_t blob_bytes;
    size_t blob_used;
    uint32_t *table; /* of ids, by the hash of their bytes; NONE is free */
    size_t table_mask;
    merge *merges; /* by the hash of their pair */
    size_t merge_mask;
    uint32_t merge_count;
    size_t merge_limit;
    uint32_t of_byte[256];
};

/* --- hashing --- */

static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

static uint64_t hash_bytes(const char *bytes, size_t length)
{
    uint64_t hash = length;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3ull;
    }
    return mix(hash);
}

/* Slots for a table at most half full: a power of two, less one. */
static size_t table_mask(size_t entries)
{
    size_t slots = 16;
    while (slots < 2 * entries) {
        slots *= 2;
    }
    return slots - 1;
}

/* --- vocabulary --- */

static const char *token_bytes(const bpe *object, uint32_t id)
{
    return object->blob + object->tokens[id].start;
}

/* The slot of a token with these bytes, or the free one where it belongs. */
static uint32_t *find_slot(const bpe *object, const char *bytes, size_t length)
{
    size_t slot = (size_t)hash_bytes(bytes, length) & object->table_mask;
    while (object->table[slot] != NONE) {
        uint32_t id = object->table[slot];
        if (object->tokens[id].length == length && memcmp(token_bytes(object, id), bytes, length) == 0) {
            break;
        }
        slot = (slot + 1) & object->table_mask;
    }
    return &object->table[slot];
}

static merge *find_merge(const bpe *object, uint32_t left, uint32_t right)
{
    uint64_t pair = (uint64_t)left << 32 | right;
    size_t slot = (size_t)mix(pair) & object->merge_mask;
    while (object->merges[slot].used && object->merges[slot].pair != pair) {
        slot = (slot + 1) & object->merge_mask;
    }
    return &object->merges[slot];
}

int bpe_create(uint32_t ids, size_t bytes, size_t merges, bpe **out, tool_error *err)
{
    if (merges >= UINT32_MAX || ids >= INT32_MAX || merges > SIZE_MAX / 8) {
        return tool_fail(err, TOOL_BAD_INPUT, "%zu merges and %u tokens are too many", merges, ids);
    }
    bpe *object = calloc(1, sizeof *object);
    if (!object) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a vocabulary");
    }
    object->ids = ids;
    object->blob_bytes = bytes;
    object->merge_limit = merges;
    object->table_mask = table_mask(ids);
    object->merge_mask = table_mask(merges);
    object->tokens = calloc((size_t)ids + 1, sizeof *object->tokens);
    object->blob = malloc(bytes + 1);
    object->table = malloc((object->table_mask + 1) * sizeof *object->table);
    object->merges = calloc(object->merge_mask + 1, sizeof *object->merges);
    if (!object->tokens || !object->blob || !object->table || !object->merges) {
        bpe_free(object);
        return tool_fail(err, TOOL_INTERNAL, "no memory for a vocabulary of %u tokens", ids);
    }
    memset(object->table, 0xff, (object->table_mask + 1) * sizeof *object->table);
    memset(object->of_byte, 0xff, sizeof object->of_byte);
    *out = object;
    return 0;
}

void bpe_free(bpe *object)
{
    if (object) {
        free(object->tokens);
        free(object->blob);
        free(object->table);
        free(object->merges);
        free(object);
    }
}

int bpe_add_token(bpe *object, uint32_t id, const char *bytes, size_t length, bool matched, tool_error *err)
{
    if (id >= object->ids || object->tokens[id].used) {
        return tool_fail(err, TOOL_BAD_INPUT, "token \"%.*s\": its id %u is %s",
                         (int)(length < 64 ? length : 64), bytes, id,
                         id >= object->ids ? "out of range" : "used by another token");
    }
    if (length > object->blob_bytes - object->blob_used) {
        return tool_fail(err, TOOL_INTERNAL, "token %u: no room was made for its bytes", id);
    }
    uint32_t *slot = find_slot(object, bytes, length);
    if (matched && *slot != NONE) {
        return tool_fail(err, TOOL_BAD_INPUT, "tokens %u and %u have the same bytes", *slot, id);
    }
    memcpy(object->blob + object->blob_used, bytes, length);
    object->tokens[id] = (token){object->blob_used, (uint32_t)length, true};
    object->blob_used += length;
    if (matched) {
        *slot = id;
        if (length == 1) {
            object->of_byte[(unsigned char)bytes[0]] = id;
        }
    }
    return 0;
}

const char *bpe_token(const bpe *object, uint32_t id, size_t *out_bytes)
{
    if (id >= object->ids || !object->tokens[id].used) {
        *out_bytes = 0;
        return NULL;
    }
    *out_bytes = object->tokens[id].length;
    return token_bytes(object, id);
}

/* The id of left and right joined, or NONE. */
static uint32_t find_joined(const bpe *object, uint32_t left, uint32_t right)
{
    size_t left_bytes = object->tokens[left].length;
    size_t right_bytes = object->tokens[right].length;
    char *joined = malloc(left_bytes + right_bytes + 1);
    if (!joined) {
        return NONE;
    }
    memcpy(joined, token_bytes(object, left), left_bytes);
    memcpy(joined + left_bytes, token_bytes(object, right), right_bytes);
    uint32_t id = *find_slot(object, joined, left_bytes + right_bytes);
    free(joined);
    return id;
}

int bpe_add_merge(bpe *object, const char *left, size_t left_bytes, const char *right, size_t right_bytes,
                  tool_error *err)
{
    if (object->merge_count >= object->merge_limit) {
        return tool_fail(err, TOOL_INTERNAL, "no room was made for merge %u", object->merge_count);
    }
    uint32_t first = *find_slot(object, left, left_bytes);
    uint32_t second = *find_slot(object, right, right_bytes);
    uint32_t joined = first == NONE || second == NONE ? NONE : find_joined(object, first, second);
    if (joined == NONE) {
        return tool_fail(err, TOOL_BAD_INPUT, "merge %u: its %s not in the vocabulary", object->merge_count,
                         first == NONE    ? "left side is"
                         : second == NONE ? "right side is"
                                          : "two sides joined are");
    }
    merge *entry = find_merge(object, first, second);
    *entry = (merge){(uint64_t)first << 32 | second, object->merge_count++, joined, true};
    return 0;
}

/* --- encoding --- */

/* A token in the making; they form a list in the order of the text. */
typedef struct symbol {
    uint32_t id; /* NONE once it has been merged into the one before it */
    uint32_t previous;
    uint32_t next;
} symbol;

void bpe_scratch_clear(bpe_scratch *scratch)
{
    free(scratch->symbols);
    free(scratch->heap);
    *scratch = (bpe_scratch){0};
}

/* Each merge puts at most two pairs on the heap, beside the n-1 of the start: 3n slots are enough. */
static int scratch_reserve(bpe_scratch *scratch, size_t bytes, tool_error *err)
{
    if (bytes <= scratch->capacity) {
        return 0;
    }
    size_t capacity = bytes + bytes / 2 + 64;
    bpe_scratch_clear(scratch);
    scratch->symbols = reallocarray(NULL, capacity, sizeof(symbol));
    scratch->heap = reallocarray(NULL, capacity, 3 * sizeof *scratch->heap);
    if (!scratch->symbols || !scratch->heap) {
        bpe_scratch_clear(scratch);
        return tool_fail(err, TOOL_INTERNAL, "no memory to encode a piece of %zu bytes", bytes);
    }
    scratch->capacity = capacity;
    return 0;
}

static void heap_push(uint64_t *heap, size_t *count, uint64_t key)
{
    size_t at = (*count)++;
    while (at > 0 && heap[(at - 1) / 2] > key) {
        heap[at] = heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap[at] = key;
}

static uint64_t heap_pop(uint64_t *heap, size_t *count)
{
    uint64_t top = heap[0];
    uint64_t key = heap[--*count];
    size_t at = 0;
    for (size_t child = 1; child < *count; child = 2 * at + 1) {
        child += child + 1 < *count && heap[child + 1] < heap[child];
        if (heap[child] >= key) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = key;
    return top;
}

/* The merge of the symbol at `at` with its next, or NULL. */
static const merge *merge_at(const bpe *object, const symbol *symbols, uint32_t at)
{
    if (at == NONE || symbols[at].id == NONE || symbols[at].next == NONE) {
        return NULL;
    }
    const merge *found = find_merge(object, symbols[at].id, symbols[symbols[at].next].id);
    return found->used ? found : NULL;
}

/* Heap keys are rank << 32 | place: lowest rank first, leftmost of equals. */
static void push_merge(const bpe *object, const symbol *symbols, uint32_t at, uint64_t *heap, size_t *count)
{
    const merge *found = merge_at(object, symbols, at);
    if (found) {
        heap_push(heap, count, (uint64_t)found->rank << 32 | at);
    }
}

static void merge_all(const bpe *object, symbol *symbols, uint32_t count, uint64_t *heap)
{
    size_t pending = 0;
    for (uint32_t i = 0; i < count; i++) {
        push_merge(object, symbols, i, heap, &pending);
    }
    while (pending > 0) {
        uint64_t key = heap_pop(heap, &pending);
        uint32_t at = (uint32_t)key;
        const merge *found = merge_at(object, symbols, at);
        if (!found || found->rank != key >> 32) {
            continue; /* one of the two was merged with another meanwhile */
        }
        uint32_t right = symbols[at].next;
        symbols[at].id = found->id;
        symbols[at].next = symbols[right].next;
        symbols[right].id = NONE;
        if (symbols[at].next != NONE) {
            symbols[symbols[at].next].previous = at;
        }
        push_merge(object, symbols, symbols[at].previous, heap, &pending);
        push_merge(object, symbols, at, heap, &pending);
    }
}

static int fail_byte(const char *piece, size_t at, size_t *out_bad, tool_error *err)
{
    *out_bad = at;
    return tool_fail(err, TOOL_BAD_INPUT, "the vocabulary has no token for byte 0x%02x",
                     (unsigned char)piece[at]);
}

static int encode_bytes(const bpe *object, const char *piece, size_t bytes, id_list *list, size_t *out_bad,
                        tool_error *err)
{
    for (size_t i = 0; i < bytes; i++) {
        uint32_t id = object->of_byte[(unsigned char)piece[i]];
        if (id == NONE) {
            return fail_byte(piece, i, out_bad, err);
        }
        list->ids[list->count++] = id;
    }
    return 0;
}

static int encode_merged(const bpe *object, const char *piece, size_t bytes, bpe_scratch *scratch,
                         id_list *list, size_t *out_bad, tool_error *err)
{
    if (bytes >= NONE) {
        return tool_fail(err, TOOL_BAD_INPUT, "a piece of %zu bytes that nothing splits is too long", bytes);
    }
    int code = scratch_reserve(scratch, bytes, err);
    if (code) {
        return code;
    }
    symbol *symbols = scratch->symbols;
    uint32_t count = (uint32_t)bytes;
    for (uint32_t i = 0; i < count; i++) {
        symbols[i] = (symbol){object->of_byte[(unsigned char)piece[i]], i ? i - 1 : NONE,
                              i + 1 < count ? i + 1 : NONE};
        if (symbols[i].id == NONE) {
            return fail_byte(piece, i, out_bad, err);
        }
    }
    merge_all(object, symbols, count, scratch->heap);
    for (uint32_t i = 0; i != NONE; i = symbols[i].next) {
        list->ids[list->count++] = symbols[i].id;
    }
    return 0;
}

int bpe_encode(const bpe *object, const char *piece, size_t bytes, bool whole_first, bpe_scratch *scratch,
               id_list *list, size_t *out_bad, tool_error *err)
{
    *out_bad = 0;
    if (bytes == 0) {
        return 0;
    }
    if (id_list_reserve(list, bytes) != 0) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for the ids of %zu bytes", bytes);
    }
    uint32_t whole = whole_first ? *find_slot(object, piece, bytes) : NONE;
    if (whole != NONE) {
        list->ids[list->count++] = whole;
        return 0;
    }
    if (object->merge_count == 0 || bytes == 1) {
        return encode_bytes(object, piece, bytes, list, out_bad, err);
    }
    return encode_merged(object, piece, bytes, scratch, list, out_bad, err);
}
