/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/tokenizer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/common/file.h"
#include "tools/common/json_input.h"
#include "tools/common/tokenizer_json.h"

enum { MAX_TOKENIZER_BYTES = 128 << 20 };

/* --- making one --- */

void tokenizer_free(tokenizer *object)
{
    if (!object) {
        return;
    }
    for (size_t i = 0; i < object->added_count; i++) {
        free(object->added[i].content);
    }
    free(object->added);
    bpe_free(object->model);
    text_split_free(object->split);
    free(object->json);
    free(object);
}

static int keep_text(tokenizer *object, const char *text, size_t bytes, tool_error *err)
{
    object->json = malloc(bytes + 1);
    if (!object->json) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for %zu bytes", bytes);
    }
    memcpy(object->json, text, bytes);
    object->json[bytes] = 0;
    object->json_bytes = bytes;
    return 0;
}

int tokenizer_parse(const char *text, size_t bytes, const char *where, tokenizer **out, tool_error *err)
{
    json_t *root;
    int code = json_input_parse(text, bytes, where, &root, err);
    if (code) {
        return code;
    }
    tokenizer *object = calloc(1, sizeof *object);
    code = object ? keep_text(object, text, bytes, err) : tool_fail(err, TOOL_INTERNAL, "no memory");
    code = code ? code : tokenizer_json_read(root, object, err);
    json_decref(root);
    if (code) {
        tokenizer_free(object);
        return tool_fail_within(err, code, "%s", where);
    }
    *out = object;
    return 0;
}

int tokenizer_load(const char *path, tokenizer **out, tool_error *err)
{
    char joined[PATH_MAX];
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        int code = file_join(path, "tokenizer.json", joined, sizeof joined, err);
        if (code) {
            return code;
        }
        path = joined;
    }
    char *text;
    size_t bytes;
    int code = file_read_whole(path, MAX_TOKENIZER_BYTES, &text, &bytes, err);
    if (code) {
        return code;
    }
    code = tokenizer_parse(text, bytes, path, out, err);
    free(text);
    return code;
}

int tokenizer_from_bytes(const void *text, size_t bytes, tokenizer **out, tool_error *err)
{
    bool marked[256] = {false};
    const unsigned char *cursor = text;
    if (bytes == 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "an empty text has no vocabulary");
    }
    for (size_t i = 0; i < bytes; i++) {
        marked[cursor[i]] = true;
    }
    char *json = tokenizer_json_of_bytes(marked);
    if (!json) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a vocabulary");
    }
    int code = tokenizer_parse(json, strlen(json), "the vocabulary of the text", out, err);
    free(json);
    return code;
}

/* --- what it is --- */

const char *tokenizer_json(const tokenizer *object, size_t *out_bytes)
{
    *out_bytes = object->json_bytes;
    return object->json;
}

const char *tokenizer_config_json(void)
{
    return "{\n  \"tokenizer_class\": \"PreTrainedTokenizerFast\",\n  \"clean_up_tokenization_spaces\": "
           "false\n}\n";
}

uint32_t tokenizer_vocabulary(const tokenizer *object)
{
    return object->ids;
}

int64_t tokenizer_added_id(const tokenizer *object, const char *content)
{
    for (size_t i = 0; i < object->added_count; i++) {
        if (strcmp(object->added[i].content, content) == 0) {
            return object->added[i].id;
        }
    }
    return -1;
}

/* --- encode --- */

typedef struct encoding {
    const tokenizer *codec;
    const char *text;
    id_list list;
    bpe_scratch scratch;
} encoding;

static int encode_piece(void *context, const char *piece, size_t bytes, tool_error *err)
{
    encoding *work = context;
    size_t bad;
    int code = bpe_encode(work->codec->model, piece, bytes, work->codec->whole_first, &work->scratch,
                          &work->list, &bad, err);
    return code ? tool_fail_within(err, code, "the text at byte %zu", (size_t)(piece - work->text) + bad) : 0;
}

/* Where the added tokens with a first byte begin in the sorted list; [byte + 1] is where they end. */
static void index_added(const tokenizer *codec, size_t starts[257])
{
    size_t at = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        starts[byte] = at;
        while (at < codec->added_count && (unsigned char)codec->added[at].content[0] == byte) {
            at++;
        }
    }
    starts[256] = at;
}

/* The longest added token that begins at text, or NULL. */
static const added_token *match_added(const tokenizer *codec, const size_t starts[257], const char *text,
                                      size_t left)
{
    unsigned byte = (unsigned char)*text;
    for (size_t i = starts[byte]; i < starts[byte + 1]; i++) {
        const added_token *token = &codec->added[i];
        if (token->bytes <= left && memcmp(token->content, text, token->bytes) == 0) {
            return token;
        }
    }
    return NULL;
}

static int encode_segment(encoding *work, const char *text, size_t bytes, tool_error *err)
{
    return bytes > 0 ? text_split_run(work->codec->split, text, bytes, encode_piece, work, err) : 0;
}

static int encode_all(encoding *work, const char *text, size_t bytes, tool_error *err)
{
    size_t starts[257];
    size_t done = 0;
    index_added(work->codec, starts);
    for (size_t at = 0; at < bytes && work->codec->added_count > 0;) {
        const added_token *token = match_added(work->codec, starts, text + at, bytes - at);
        if (!token) {
            at++;
            continue;
        }
        int code = encode_segment(work, text + done, at - done, err);
        if (code) {
            return code;
        }
        if (id_list_append(&work->list, token->id) != 0) {
            return tool_fail(err, TOOL_INTERNAL, "no memory for the ids of a text");
        }
        at += token->bytes;
        done = at;
    }
    return encode_segment(work, text + done, bytes - done, err);
}

int tokenizer_encode(const tokenizer *object, const void *text, size_t bytes, uint32_t **out_ids,
                     size_t *out_count, tool_error *err)
{
    encoding work = {.codec = object, .text = text};
    int code = id_list_reserve(&work.list, 1) == 0 ? 0 : tool_fail(err, TOOL_INTERNAL, "no memory for ids");
    code = code ? code : encode_all(&work, text, bytes, err);
    bpe_scratch_clear(&work.scratch);
    if (code) {
        free(work.list.ids);
        return code;
    }
    *out_ids = work.list.ids;
    *out_count = work.list.count;
    return 0;
}

/* --- decode --- */

const char *tokenizer_piece(const tokenizer *object, uint32_t id, size_t *out_bytes)
{
    return bpe_token(object->model, id, out_bytes);
}

static int measure(const tokenizer *object, const uint32_t *ids, size_t count, size_t *out_bytes,
                   tool_error *err)
{
    size_t total = 1;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        if (!tokenizer_piece(object, ids[i], &bytes)) {
            return tool_fail(err, TOOL_BAD_INPUT, "id %u at place %zu is no token; the vocabulary has %u",
                             ids[i], i, object->ids);
        }
        if (__builtin_add_overflow(total, bytes, &total)) {
            return tool_fail(err, TOOL_BAD_INPUT, "%zu ids make too long a text", count);
        }
    }
    *out_bytes = total;
    return 0;
}

int tokenizer_decode(const tokenizer *object, const uint32_t *ids, size_t count, char **out_text,
                     size_t *out_bytes, tool_error *err)
{
    size_t total = 0;
    int code = measure(object, ids, count, &total, err);
    if (code) {
        return code;
    }
    char *text = malloc(total);
    if (!text) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for %zu bytes of text", total);
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *piece = tokenizer_piece(object, ids[i], &bytes);
        memcpy(text + used, piece, bytes);
        used += bytes;
    }
    text[used] = 0;
    *out_text = text;
    *out_bytes = used;
    return 0;
}
