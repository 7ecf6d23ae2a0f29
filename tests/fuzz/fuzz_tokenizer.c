/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are a tokenizer.json, a NUL, and a text. What it encodes must decode to the same bytes. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tools/common/tokenizer.h"

#define MODEL                                                                                                \
    "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,"           \
    "\"\xc4\xa0\":2,"                                                                                        \
    "\"ab\":3,\"1\":4,\"\xc3\xbf\":5,\"\xc4\xa0"                                                             \
    "ab\":6},\"merges\":[\"a b\",[\"\xc4\xa0\",\"ab\"]]}}"

static const char gpt2[] =
    "{\"added_tokens\":[{\"id\":7,\"content\":\"<|e|>\"}],\"normalizer\":null,\"pre_tokenizer\":{\"type\":"
    "\"ByteLevel\",\"add_prefix_space\":false}," MODEL "\0ab ab<|e|>1\xff  ba";
static const char llama[] =
    "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":"
    "\"(?i:'s)| ?\\\\p{L}+|\\\\p{N}{1,3}|\\\\s+(?!\\\\S)\"},\"behavior\":\"Isolated\"},{\"type\":\"Digits\"},"
    "{\"type\":\"ByteLevel\",\"use_regex\":false}]}," MODEL "\0ab ab 111 b\xff";

size_t fuzz_seed_count(void)
{
    return 2;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    *out_bytes = (index == 0 ? sizeof gpt2 : sizeof llama) - 1;
    return index == 0 ? gpt2 : llama;
}

static void encode_and_back(const tokenizer *codec, const void *text, size_t bytes)
{
    tool_error err;
    uint32_t *ids;
    size_t count;
    char *back;
    size_t back_bytes;
    if (tokenizer_encode(codec, text, bytes, &ids, &count, &err) != 0) {
        return;
    }
    if (tokenizer_decode(codec, ids, count, &back, &back_bytes, &err) != 0 || back_bytes != bytes ||
        memcmp(back, text, bytes) != 0) {
        abort();
    }
    free(back);
    free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    tool_error err;
    tokenizer *codec;
    const uint8_t *end = bytes > 0 ? memchr(data, 0, bytes) : NULL;
    size_t json_bytes = end ? (size_t)(end - data) : bytes;
    if (tokenizer_parse((const char *)data, json_bytes, "fuzz", &codec, &err) == 0) {
        if (end) {
            encode_and_back(codec, end + 1, bytes - json_bytes - 1);
        }
        tokenizer_free(codec);
    }
    return 0;
}
