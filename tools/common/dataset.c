/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/dataset.h"

#include <endian.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/file.h"

struct dataset {
    char *origin;
    uint64_t tokens;
    uint64_t train;
    uint32_t vocabulary;
    size_t width; /* bytes of an id: 2 or 4 */
    void *memory; /* ids of a text, in the order of the host; or NULL */
    int fd;       /* else the file, little-endian */
};

/* --- making one --- */

void dataset_free(dataset *object)
{
    if (object) {
        if (object->fd >= 0) {
            close(object->fd);
        }
        free(object->memory);
        free(object->origin);
        free(object);
    }
}

/* The first 9/10 of n; the product of a file's tokens and 9 could leave 64 bits. */
static uint64_t train_part(uint64_t n)
{
    return n / 10 * 9 + n % 10 * 9 / 10;
}

static dataset *create(const char *origin, uint64_t tokens, uint32_t vocabulary, size_t width)
{
    dataset *object = calloc(1, sizeof *object);
    if (object) {
        *object = (dataset){strdup(origin), tokens, train_part(tokens), vocabulary, width, NULL, -1};
        if (!object->origin) {
            free(object);
            object = NULL;
        }
    }
    return object;
}

/* Narrow ids in place to 16 bits where the vocabulary allows it: half the memory while training. */
static void *narrow(uint32_t *ids, size_t count)
{
    uint16_t *small = malloc(count * sizeof *small);
    if (!small) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        small[i] = (uint16_t)ids[i];
    }
    free(ids);
    return small;
}

int dataset_from_text(const void *text, size_t bytes, const char *origin, const tokenizer *codec,
                      dataset **out, tool_error *err)
{
    uint32_t *ids;
    size_t count;
    int code = tokenizer_encode(codec, text, bytes, &ids, &count, err);
    if (code) {
        return tool_fail_within(err, code, "%s", origin);
    }
    uint32_t vocabulary = tokenizer_vocabulary(codec);
    void *small = vocabulary <= UINT16_MAX + 1 && count > 0 ? narrow(ids, count) : NULL;
    dataset *object = create(origin, count, vocabulary, small ? 2 : 4);
    if (!object) {
        free(small ? small : ids);
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory for its ids", origin);
    }
    object->memory = small ? small : ids;
    *out = object;
    return 0;
}

static size_t width_of_name(const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && strcmp(dot, ".u32") == 0) {
        return 4;
    }
    return dot && (strcmp(dot, ".u16") == 0 || strcmp(dot, ".bin") == 0) ? 2 : 0;
}

int dataset_from_tokens(const char *path, uint32_t vocabulary, dataset **out, tool_error *err)
{
    size_t width = width_of_name(path);
    int fd;
    uint64_t bytes;
    if (width == 0) {
        return tool_fail(
            err, TOOL_BAD_INPUT,
            "%s: the name does not tell the width of its ids; call it .u16, .bin (16 bits) or .u32", path);
    }
    int code = file_open_sized(path, &fd, &bytes, err);
    if (code) {
        return code;
    }
    if (bytes == 0 || bytes % width != 0) {
        close(fd);
        return tool_fail(err, TOOL_BAD_INPUT, "%s: %" PRIu64 " bytes are not a number of %zu-byte ids", path,
                         bytes, width);
    }
    dataset *object = create(path, bytes / width, vocabulary, width);
    if (!object) {
        close(fd);
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to open it", path);
    }
    object->fd = fd;
    *out = object;
    return 0;
}

/* --- sizes --- */

uint64_t dataset_train_tokens(const dataset *object)
{
    return object->train;
}

uint64_t dataset_validation_tokens(const dataset *object)
{
    return object->tokens - object->train;
}

int dataset_check(const dataset *object, uint32_t context, tool_error *err)
{
    uint64_t row = (uint64_t)context + 1;
    /* The least n of which the last tenth (n less 9n/10 rounded down) holds a row. */
    uint64_t needed = (uint64_t)context * 10 + 1;
    if (object->train >= row && dataset_validation_tokens(object) >= row) {
        return 0;
    }
    return tool_fail(err, TOOL_BAD_INPUT,
                     "%s: %" PRIu64 " tokens are too few: a context of %u needs %" PRIu64
                     " (its last tenth validates); take a longer text or a shorter context",
                     object->origin, object->tokens, context, needed);
}

/* --- rows --- */

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    return x ^ x >> 31;
}

uint64_t dataset_row_offset(const dataset *object, uint64_t seed, uint64_t step, uint64_t row,
                            uint32_t context)
{
    uint64_t draw = mix(mix(mix(seed) ^ step) ^ row);
    uint64_t places = object->train > context ? object->train - context : 1;
    return (uint64_t)((unsigned __int128)draw * places >> 64);
}

static int fail_id(const dataset *object, uint64_t place, uint32_t id, tool_error *err)
{
    return tool_fail(err, TOOL_BAD_INPUT,
                     "%s: token %" PRIu64
                     " is %u; the model's vocabulary has %u. Is it a file of another tokenizer?",
                     object->origin, place, id, object->vocabulary);
}

static uint32_t id_at(const dataset *object, const void *ids, size_t index)
{
    bool file = object->memory == NULL;
    if (object->width == 2) {
        uint16_t id = ((const uint16_t *)ids)[index];
        return file ? le16toh(id) : id;
    }
    uint32_t id = ((const uint32_t *)ids)[index];
    return file ? le32toh(id) : id;
}

/* Spread count+1 ids from place over a row: ids 0..count-1 are inputs, 1..count targets. */
static int spread(const dataset *object, const void *ids, uint64_t place, uint32_t count, int32_t *inputs,
                  int32_t *targets, tool_error *err)
{
    for (uint32_t i = 0; i <= count; i++) {
        uint32_t id = id_at(object, ids, i);
        if (id >= object->vocabulary) {
            return fail_id(object, place + i, id, err);
        }
        if (i < count) {
            inputs[i] = (int32_t)id;
        }
        if (i > 0) {
            targets[i - 1] = (int32_t)id;
        }
    }
    return 0;
}

static int read_row(const dataset *object, uint64_t place, uint32_t count, int32_t *inputs, int32_t *targets,
                    tool_error *err)
{
    if (object->memory) {
        const char *ids = (const char *)object->memory + place * object->width;
        return spread(object, ids, place, count, inputs, targets, err);
    }
    size_t bytes = ((size_t)count + 1) * object->width;
    void *ids = malloc(bytes);
    if (!ids) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a row of %u tokens", count);
    }
    int code = file_read_at(object->fd, object->origin, place * object->width, ids, bytes, err);
    code = code ? code : spread(object, ids, place, count, inputs, targets, err);
    free(ids);
    return code;
}

int dataset_train_batch(const dataset *object, uint64_t seed, uint64_t step, uint64_t first_row,
                        uint32_t rows, uint32_t context, int32_t *inputs, int32_t *targets, tool_error *err)
{
    if (object->train <= context) {
        return dataset_check(object, context, err);
    }
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t place = dataset_row_offset(object, seed, step, first_row + r, context);
        size_t at = (size_t)r * context;
        int code = read_row(object, place, context, inputs + at, targets + at, err);
        if (code) {
            return code;
        }
    }
    return 0;
}

/* --- validation --- */

static uint64_t validation_targets(const dataset *object)
{
    uint64_t tokens = dataset_validation_tokens(object);
    return tokens > 0 ? tokens - 1 : 0;
}

uint64_t dataset_validation_rows(const dataset *object, uint32_t context)
{
    uint64_t targets = validation_targets(object);
    return targets / context + (targets % context != 0);
}

/* How many targets row has: context, less in the last row, none after it. */
static uint32_t row_targets(const dataset *object, uint64_t row, uint32_t context)
{
    uint64_t targets = validation_targets(object);
    if (row >= dataset_validation_rows(object, context)) {
        return 0;
    }
    uint64_t left = targets - row * context;
    return left < context ? (uint32_t)left : context;
}

int dataset_validation_batch(const dataset *object, uint64_t first_row, uint32_t rows, uint32_t context,
                             int32_t *inputs, int32_t *targets, uint64_t *out_targets, tool_error *err)
{
    uint64_t total = 0;
    for (uint32_t r = 0; r < rows; r++) {
        uint64_t row = first_row + r;
        size_t at = (size_t)r * context;
        uint32_t count = row_targets(object, row, context);
        uint64_t place = object->train + row * context;
        int code = count > 0 ? read_row(object, place, count, inputs + at, targets + at, err) : 0;
        if (code) {
            return code;
        }
        memset(inputs + at + count, 0, (context - count) * sizeof *inputs);
        memset(targets + at + count, 0xff, (context - count) * sizeof *targets);
        total += count;
    }
    *out_targets = total;
    return 0;
}
