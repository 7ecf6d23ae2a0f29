/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/tokenizer_json.h"

#include <stdlib.h>
#include <string.h>

#include "tools/common/byte_alphabet.h"

/* Ids may leave holes, but not so many that a small file asks for much memory. */
enum { MAX_ID_HOLES = 65536, MAX_ID = 1 << 24 };

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static const char *string_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_set(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    bool blank = json_is_string(value) && *json_string_value(value) == 0;
    return value && !json_is_null(value) && !json_is_false(value) && !blank;
}

/* --- pre-tokenizer --- */

static int add_split(const json_t *item, text_split *split, tool_error *err)
{
    const json_t *pattern = json_object_get(item, "pattern");
    const json_t *regex = json_object_get(pattern, "Regex");
    const json_t *plain = json_object_get(pattern, "String");
    if (strcmp(string_of(item, "behavior"), "Isolated") != 0 || is_set(item, "invert")) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "pre-tokenizer Split with behavior \"%s\"%s is not supported; \"Isolated\" is",
                         string_of(item, "behavior"), is_set(item, "invert") ? " inverted" : "");
    }
    if (!json_is_string(regex) && !json_is_string(plain)) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "pre-tokenizer Split: its pattern is neither a Regex nor a String");
    }
    bool literal = !json_is_string(regex);
    return text_split_add(split, json_string_value(literal ? plain : regex), literal, err);
}

static int add_byte_level(const json_t *item, text_split *split, tool_error *err)
{
    if (is_set(item, "add_prefix_space")) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "pre-tokenizer ByteLevel with add_prefix_space is not supported");
    }
    const json_t *use = json_object_get(item, "use_regex");
    return json_is_false(use) ? 0 : text_split_add(split, gpt2_pattern, false, err);
}

/* *out_bytes tells whether the item is the one that turns text into bytes. */
static int add_item(const json_t *item, text_split *split, bool *out_bytes, tool_error *err)
{
    const char *type = string_of(item, "type");
    *out_bytes = false;
    if (strcmp(type, "Split") == 0) {
        return add_split(item, split, err);
    }
    if (strcmp(type, "Digits") == 0) {
        return text_split_add(split, is_set(item, "individual_digits") ? "\\p{N}" : "\\p{N}+", false, err);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        *out_bytes = true;
        return add_byte_level(item, split, err);
    }
    return tool_fail(err, TOOL_BAD_INPUT,
                     "pre-tokenizer \"%s\" is not supported; byte-level BPE (ByteLevel, Split, Digits) is",
                     type);
}

static int read_pre_tokenizer(const json_t *root, text_split *split, tool_error *err)
{
    const json_t *top = json_object_get(root, "pre_tokenizer");
    bool bytes = false;
    if (!json_is_object(top)) {
        return tool_fail(
            err, TOOL_BAD_INPUT,
            "there is no pre-tokenizer, so this is not byte-level BPE; no other kind is supported");
    }
    if (strcmp(string_of(top, "type"), "Sequence") != 0) {
        int code = add_item(top, split, &bytes, err);
        return code || bytes ? code : tool_fail(err, TOOL_BAD_INPUT, "pre-tokenizer ByteLevel is missing");
    }
    const json_t *items = json_object_get(top, "pretokenizers");
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (bytes) {
            return tool_fail(err, TOOL_BAD_INPUT, "a pre-tokenizer after ByteLevel is not supported");
        }
        int code = add_item(json_array_get(items, i), split, &bytes, err);
        if (code) {
            return code;
        }
    }
    return bytes ? 0 : tool_fail(err, TOOL_BAD_INPUT, "pre-tokenizer ByteLevel is missing from the sequence");
}

/* --- kind --- */

static int check_kind(const json_t *root, const json_t *model, tool_error *err)
{
    static const char *const refused[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix",
                                          "byte_fallback"};
    const char *type = string_of(model, "type");
    const json_t *normalizer = json_object_get(root, "normalizer");
    const json_t *decoder = json_object_get(root, "decoder");
    if (!json_is_object(model)) {
        return tool_fail(err, TOOL_BAD_INPUT, "there is no \"model\"");
    }
    if (strcmp(type, "BPE") != 0 && (*type || !json_object_get(model, "merges"))) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "a tokenizer of type \"%s\" is not supported; byte-level BPE is", type);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (is_set(model, refused[i])) {
            return tool_fail(err, TOOL_BAD_INPUT, "a BPE model with \"%s\" is not supported", refused[i]);
        }
    }
    if (normalizer && !json_is_null(normalizer)) {
        return tool_fail(err, TOOL_BAD_INPUT, "normalizer \"%s\" is not supported",
                         string_of(normalizer, "type"));
    }
    if (strcmp(string_of(decoder, "type"), "ByteLevel") != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "decoder \"%s\" is not supported; ByteLevel is",
                         string_of(decoder, "type"));
    }
    return 0;
}

/* --- added tokens --- */

static int by_first_byte(const void *a, const void *b)
{
    const added_token *x = a;
    const added_token *y = b;
    unsigned char first = (unsigned char)x->content[0];
    unsigned char second = (unsigned char)y->content[0];
    if (first != second) {
        return first < second ? -1 : 1;
    }
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static int read_added_token(const json_t *item, added_token *out, tool_error *err)
{
    static const char *const refused[] = {"lstrip", "rstrip", "single_word"};
    const char *content = string_of(item, "content");
    const json_t *id = json_object_get(item, "id");
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (is_set(item, refused[i])) {
            return tool_fail(err, TOOL_BAD_INPUT, "added token \"%s\" with \"%s\" is not supported", content,
                             refused[i]);
        }
    }
    if (!*content || !json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > MAX_ID) {
        return tool_fail(err, TOOL_BAD_INPUT, "added token \"%s\": its content is empty or its id no id",
                         content);
    }
    out->id = (uint32_t)json_integer_value(id);
    out->bytes = strlen(content);
    out->content = strdup(content);
    return out->content ? 0 : tool_fail(err, TOOL_INTERNAL, "no memory for added tokens");
}

static int read_added(const json_t *root, struct tokenizer *out, tool_error *err)
{
    const json_t *list = json_object_get(root, "added_tokens");
    size_t count = json_array_size(list);
    out->added = calloc(count + 1, sizeof *out->added);
    if (!out->added) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for %zu added tokens", count);
    }
    for (size_t i = 0; i < count; i++) {
        int code = read_added_token(json_array_get(list, i), &out->added[i], err);
        if (code) {
            return code;
        }
        out->added_count++;
    }
    qsort(out->added, out->added_count, sizeof *out->added, by_first_byte);
    return 0;
}

/* --- vocabulary and merges --- */

/* The highest id + 1 and the bytes of all tokens, checked, before anything is allocated for them. */
static int measure(const json_t *vocabulary, struct tokenizer *out, size_t *out_bytes, tool_error *err)
{
    json_int_t highest = -1;
    size_t bytes = 0;
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)(uintptr_t)vocabulary, text, id)
    {
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) > MAX_ID) {
            return tool_fail(err, TOOL_BAD_INPUT, "token \"%s\": its id is not a number from 0 to %d", text,
                             MAX_ID);
        }
        highest = json_integer_value(id) > highest ? json_integer_value(id) : highest;
        bytes += strlen(text);
    }
    for (size_t i = 0; i < out->added_count; i++) {
        highest = out->added[i].id > highest ? out->added[i].id : highest;
        bytes += out->added[i].bytes;
    }
    size_t entries = json_object_size(vocabulary) + out->added_count;
    if (highest < 0 || (size_t)highest >= entries + MAX_ID_HOLES) {
        return tool_fail(err, TOOL_BAD_INPUT, "%zu tokens, but the highest id is %lld", entries,
                         (long long)highest);
    }
    out->ids = (uint32_t)highest + 1;
    *out_bytes = bytes;
    return 0;
}

static const added_token *find_added(const struct tokenizer *object, const char *content)
{
    for (size_t i = 0; i < object->added_count; i++) {
        if (strcmp(object->added[i].content, content) == 0) {
            return &object->added[i];
        }
    }
    return NULL;
}

/* An added token may be in the vocabulary too, with the same id; then merges may also lead to it. */
static int add_vocabulary_token(struct tokenizer *out, const char *text, uint32_t id, char *buffer,
                                tool_error *err)
{
    size_t length;
    const added_token *added = find_added(out, text);
    if (added && added->id != id) {
        return tool_fail(err, TOOL_BAD_INPUT, "token \"%s\" has id %u, but %u among the added tokens", text,
                         id, added->id);
    }
    if (byte_alphabet_read(text, strlen(text), buffer, &length) == 0) {
        return bpe_add_token(out->model, id, buffer, length, true, err);
    }
    if (added) {
        return bpe_add_token(out->model, id, text, strlen(text), false, err);
    }
    return tool_fail(err, TOOL_BAD_INPUT,
                     "token \"%s\" is not in the byte alphabet, so this is not byte-level BPE; no other kind "
                     "is supported",
                     text);
}

static int fill_tokens(const json_t *vocabulary, struct tokenizer *out, char *buffer, tool_error *err)
{
    const char *text;
    json_t *id;
    json_object_foreach((json_t *)(uintptr_t)vocabulary, text, id)
    {
        int code = add_vocabulary_token(out, text, (uint32_t)json_integer_value(id), buffer, err);
        if (code) {
            return code;
        }
    }
    for (size_t i = 0; i < out->added_count; i++) {
        const added_token *added = &out->added[i];
        if (json_object_get(vocabulary, added->content)) {
            continue;
        }
        int code = bpe_add_token(out->model, added->id, added->content, added->bytes, false, err);
        if (code) {
            return code;
        }
    }
    return 0;
}

/* "a b" or ["a", "b"]. */
static int merge_sides(const json_t *item, const char **left, size_t *left_length, const char **right)
{
    const char *text = json_string_value(item);
    if (text) {
        const char *space = strchr(text, ' ');
        *left = text;
        *left_length = space ? (size_t)(space - text) : 0;
        *right = space ? space + 1 : "";
        return space && !strchr(*right, ' ') ? 0 : -1;
    }
    *left = json_string_value(json_array_get(item, 0));
    *right = json_string_value(json_array_get(item, 1));
    if (json_array_size(item) != 2 || !*left || !*right) {
        return -1;
    }
    *left_length = strlen(*left);
    return 0;
}

/* left and right are buffers as long as any token of the vocabulary; a longer side cannot be one. */
static int fill_merge(struct tokenizer *out, const json_t *item, size_t index, char *buffer, size_t room,
                      tool_error *err)
{
    const char *left;
    const char *right;
    size_t left_text;
    size_t left_bytes;
    size_t right_bytes;
    if (merge_sides(item, &left, &left_text, &right) != 0 || left_text > room || strlen(right) > room) {
        return tool_fail(err, TOOL_BAD_INPUT, "merge %zu is not a pair of tokens", index);
    }
    char *second = buffer + room;
    if (byte_alphabet_read(left, left_text, buffer, &left_bytes) != 0 ||
        byte_alphabet_read(right, strlen(right), second, &right_bytes) != 0) {
        return tool_fail(err, TOOL_BAD_INPUT, "merge %zu is not in the byte alphabet", index);
    }
    return bpe_add_merge(out->model, buffer, left_bytes, second, right_bytes, err);
}

static int fill_merges(const json_t *merges, struct tokenizer *out, char *buffer, size_t room,
                       tool_error *err)
{
    for (size_t i = 0; i < json_array_size(merges); i++) {
        int code = fill_merge(out, json_array_get(merges, i), i, buffer, room, err);
        if (code) {
            return code;
        }
    }
    return 0;
}

static int read_model(const json_t *model, struct tokenizer *out, tool_error *err)
{
    const json_t *vocabulary = json_object_get(model, "vocab");
    const json_t *merges = json_object_get(model, "merges");
    size_t bytes = 0;
    if (!json_is_object(vocabulary) || !json_is_array(merges)) {
        return tool_fail(err, TOOL_BAD_INPUT, "the model lacks \"vocab\" or \"merges\"");
    }
    out->whole_first = json_is_true(json_object_get(model, "ignore_merges"));
    int code = measure(vocabulary, out, &bytes, err);
    code = code ? code : bpe_create(out->ids, bytes, json_array_size(merges), &out->model, err);
    if (code) {
        return code;
    }
    char *buffer = calloc(2, bytes + 1);
    if (!buffer) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a vocabulary of %zu bytes", bytes);
    }
    code = fill_tokens(vocabulary, out, buffer, err);
    code = code ? code : fill_merges(merges, out, buffer, bytes, err);
    free(buffer);
    return code;
}

int tokenizer_json_read(const json_t *root, struct tokenizer *out, tool_error *err)
{
    const json_t *model = json_object_get(root, "model");
    int code = check_kind(root, model, err);
    code = code ? code : text_split_create(&out->split, err);
    code = code ? code : read_pre_tokenizer(root, out->split, err);
    code = code ? code : read_added(root, out, err);
    return code ? code : read_model(model, out, err);
}

/* --- write --- */

static json_t *byte_vocabulary(const bool marked[256])
{
    json_t *vocabulary = json_object();
    json_int_t next = 0;
    for (unsigned byte = 0; byte < 256; byte++) {
        if (marked[byte]) {
            char name[BYTE_ALPHABET_LONGEST + 1] = "";
            byte_alphabet_write((unsigned char)byte, name);
            if (json_object_set_new(vocabulary, name, json_integer(next++)) != 0) {
                json_decref(vocabulary);
                return NULL;
            }
        }
    }
    return vocabulary;
}

char *tokenizer_json_of_bytes(const bool marked[256])
{
    json_t *model =
        json_pack("{s:s, s:n, s:n, s:n, s:n, s:b, s:b, s:b, s:o, s:[]}", "type", "BPE", "dropout",
                  "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0,
                  "byte_fallback", 0, "ignore_merges", 0, "vocab", byte_vocabulary(marked), "merges");
    json_t *root = json_pack(
        "{s:s, s:n, s:n, s:[], s:n, s:{s:s, s:b, s:b, s:b}, s:n, s:{s:s, s:b, s:b, s:b}, s:o}", "version",
        "1.0", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "type", "ByteLevel",
        "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 0, "post_processor", "decoder", "type",
        "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", 0, "model", model);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    return text;
}
