/* SPDX-License-Identifier: Apache-2.0 */
/* tokenizer.c, bpe.c, text_split.c, byte_alphabet.c. Ids expected here are those of Hugging Face's
 * tokenizers. */
#include "tests/unit/tool_test.h"

#include "tools/common/byte_alphabet.h"
#include "tools/common/tokenizer.h"

static int parse(const char *text, tokenizer **out, tool_error *err)
{
    return tokenizer_parse(text, strlen(text), "tokenizer.json", out, err);
}

static tokenizer *parsed(const char *text)
{
    tool_error err = {0};
    tokenizer *codec;
    assert_worked(parse(text, &codec, &err), &err);
    return codec;
}

/* Encoding gives these ids, and decoding them the text. */
static void assert_ids(const tokenizer *codec, const char *text, size_t count, const uint32_t *expected)
{
    tool_error err = {0};
    uint32_t *ids;
    size_t found;
    char *back;
    size_t bytes;
    assert_worked(tokenizer_encode(codec, text, strlen(text), &ids, &found, &err), &err);
    assert_int_equal(found, count);
    assert_memory_equal(ids, expected, count * sizeof *ids);
    assert_worked(tokenizer_decode(codec, ids, found, &back, &bytes, &err), &err);
    assert_int_equal(bytes, strlen(text));
    assert_string_equal(back, text);
    free(back);
    free(ids);
}

#define COUNT(list) (sizeof list / sizeof *list)
#define ASSERT_IDS(codec, text, ...)                                                                         \
    assert_ids(codec, text, COUNT(((uint32_t[]){__VA_ARGS__})), (uint32_t[]){__VA_ARGS__})

static void alphabet_is_a_bijection(void **state)
{
    (void)state;
    char text[512];
    char bytes[512];
    size_t used = 0;
    size_t length;
    for (unsigned byte = 0; byte < 256; byte++) {
        used += byte_alphabet_write((unsigned char)byte, text + used);
    }
    assert_int_equal(byte_alphabet_read(text, used, bytes, &length), 0);
    assert_int_equal(length, 256);
    for (unsigned byte = 0; byte < 256; byte++) {
        assert_int_equal((unsigned char)bytes[byte], byte);
    }
    assert_int_equal(byte_alphabet_write(' ', text), 2);
    assert_memory_equal(text, "\xc4\xa0", 2);
    assert_int_equal(byte_alphabet_read(" ", 1, bytes, &length), -1);
    assert_int_equal(byte_alphabet_read("\xe2\x96\x81", 3, bytes, &length), -1);
    assert_int_equal(byte_alphabet_read("\xc4", 1, bytes, &length), -1);
}

static void bytes_become_a_vocabulary(void **state)
{
    (void)state;
    tool_error err = {0};
    tokenizer *codec;
    size_t bytes;
    assert_worked(tokenizer_from_bytes("hello\n \xff", 8, &codec, &err), &err);
    assert_int_equal(tokenizer_vocabulary(codec), 7);
    ASSERT_IDS(codec, "\n eh\xff", 0, 1, 2, 3, 6);
    assert_memory_equal(tokenizer_piece(codec, 5, &bytes), "o", 1);
    assert_null(tokenizer_piece(codec, 7, &bytes));
    const char *json = tokenizer_json(codec, &bytes);
    tokenizer *again;
    const char *path = scratch_file("tokenizer.json", json, bytes);
    assert_worked(tokenizer_load(path, &again, &err), &err);
    ASSERT_IDS(again, "hello", 3, 2, 4, 4, 5);
    tokenizer_free(again);
    assert_worked(tokenizer_load(scratch_root, &again, &err), &err);
    tokenizer_free(again);
    tokenizer_free(codec);
    assert_failed(tokenizer_from_bytes("", 0, &codec, &err), &err, TOOL_BAD_INPUT, "empty");
}

static void unknown_bytes_and_ids_are_errors(void **state)
{
    (void)state;
    tool_error err = {0};
    tokenizer *codec;
    uint32_t *ids;
    size_t count;
    char *text;
    assert_worked(tokenizer_from_bytes("abc", 3, &codec, &err), &err);
    assert_failed(tokenizer_encode(codec, "abz", 3, &ids, &count, &err), &err, TOOL_BAD_INPUT,
                  "the text at byte 2: the vocabulary has no token for byte 0x7a");
    assert_failed(tokenizer_decode(codec, (uint32_t[]){0, 3}, 2, &text, &count, &err), &err, TOOL_BAD_INPUT,
                  "id 3 at place 1");
    assert_worked(tokenizer_encode(codec, "", 0, &ids, &count, &err), &err);
    assert_int_equal(count, 0);
    free(ids);
    tokenizer_free(codec);
}

#define BYTE_LEVEL "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false},"
#define DECODER    "\"decoder\":{\"type\":\"ByteLevel\"},"
#define VOCABULARY                                                                                           \
    "\"vocab\":{\"a\":0,\"b\":1,\"c\":2,\"\xc4\xa0\":3,\"ab\":4,\"bc\":5,\"abc\":6,\"\xc4\xa0"               \
    "ab\":7,\"'\":8,\"s\":9,\"'s\":10,\"1\":11,\"11\":12,\"aa\":13,\"aaaa\":14}"
#define MERGES "\"merges\":[\"a b\",\"b c\",\"\xc4\xa0 ab\",\"' s\",\"1 1\",\"a a\",\"aa aa\",\"ab c\"]"
#define MODEL  "\"model\":{\"type\":\"BPE\"," VOCABULARY "," MERGES "}"

static void merges_by_rank_then_from_the_left(void **state)
{
    (void)state;
    tokenizer *codec = parsed("{" BYTE_LEVEL DECODER MODEL "}");
    ASSERT_IDS(codec, "abc", 6);
    ASSERT_IDS(codec, "bcbc", 5, 5);
    ASSERT_IDS(codec, "aaa", 13, 0);
    ASSERT_IDS(codec, "aaaaaaa", 14, 13, 0);
    ASSERT_IDS(codec, "aab", 0, 4);
    ASSERT_IDS(codec, "ab ab", 4, 7);
    ASSERT_IDS(codec, "ab  ab", 4, 3, 7);
    ASSERT_IDS(codec, "ab's", 4, 10);
    ASSERT_IDS(codec, "a11b", 0, 12, 1);
    ASSERT_IDS(codec, "   ", 3, 3, 3);
    tokenizer_free(codec);
}

static void merges_as_pairs_and_without_type(void **state)
{
    (void)state;
    tokenizer *codec = parsed("{" BYTE_LEVEL DECODER "\"model\":{" VOCABULARY
                              ",\"merges\":[[\"a\",\"b\"],[\"\xc4\xa0\",\"ab\"]]}}");
    ASSERT_IDS(codec, "ab ab", 4, 7);
    tokenizer_free(codec);
}

/* ignore_merges: a piece that is a token is that token, though no merge leads to it. */
static void whole_pieces_come_first_when_told(void **state)
{
    (void)state;
    tokenizer *codec =
        parsed("{" BYTE_LEVEL DECODER "\"model\":{\"type\":\"BPE\",\"ignore_merges\":true," VOCABULARY
               ",\"merges\":[\"b c\"]}}");
    ASSERT_IDS(codec, "abc", 6);
    ASSERT_IDS(codec, "abca", 0, 5, 0);
    tokenizer_free(codec);
}

static void sequences_split_in_turn(void **state)
{
    (void)state;
    tokenizer *codec = parsed(
        "{\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":["
        "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"ab+|\\\\s\"},\"behavior\":\"Isolated\"},"
        "{\"type\":\"Split\",\"pattern\":{\"String\":\"c\"},\"behavior\":\"Isolated\","
        "\"invert\":false},"
        "{\"type\":\"Digits\",\"individual_digits\":true},"
        "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}]}," DECODER MODEL "}");
    ASSERT_IDS(codec, "abc11 ab", 4, 2, 11, 11, 3, 4);
    ASSERT_IDS(codec, "bca", 1, 2, 0);
    tokenizer_free(codec);
}

static void added_tokens_are_found_first(void **state)
{
    (void)state;
    tool_error err = {0};
    uint32_t *ids;
    size_t count;
    tokenizer *codec = parsed(
        "{\"added_tokens\":[{\"id\":20,\"content\":\"<|e|>\",\"special\":true},"
        "{\"id\":21,\"content\":\"<|e|>b\"},{\"id\":6,\"content\":\"abc\"}]," BYTE_LEVEL DECODER MODEL "}");
    assert_int_equal(tokenizer_vocabulary(codec), 22);
    assert_int_equal(tokenizer_added_id(codec, "<|e|>"), 20);
    assert_int_equal(tokenizer_added_id(codec, "<|f|>"), -1);
    ASSERT_IDS(codec, "a<|e|>a", 0, 20, 0);
    ASSERT_IDS(codec, "<|e|>b<|e|>", 21, 20);
    ASSERT_IDS(codec, "aabc", 0, 6);
    assert_failed(tokenizer_encode(codec, "a<|e", 4, &ids, &count, &err), &err, TOOL_BAD_INPUT, "byte 0x3c");
    assert_null(tokenizer_piece(codec, 16, &count));
    tokenizer_free(codec);
}

/* Bytes that are no UTF-8 match no pattern and still become ids. */
static void broken_utf8_is_encoded(void **state)
{
    (void)state;
    tool_error err = {0};
    tokenizer *codec =
        parsed("{" BYTE_LEVEL DECODER "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"\xc3\xbf\":1,"
               "\"\xc3\x83\":2,\"\xc3\xa2\":3},\"merges\":[]}}");
    uint32_t *ids;
    size_t count;
    assert_worked(tokenizer_encode(codec,
                                   "a\xff\xff"
                                   "a\xc3",
                                   5, &ids, &count, &err),
                  &err);
    assert_int_equal(count, 5);
    assert_memory_equal(ids, ((uint32_t[]){0, 1, 1, 0, 2}), 5 * sizeof *ids);
    free(ids);
    tokenizer_free(codec);
}

#define BAD(pre, rest)  "{\"pre_tokenizer\":" pre "," rest "}"
#define BAD_MODEL(text) "{" BYTE_LEVEL DECODER "\"model\":{" text "}}"

static const struct {
    const char *text;
    const char *fragment;
} bad_cases[] = {
    {"{}", "no \"model\""},
    {"{\"model\":{\"type\":\"Unigram\"}}", "type \"Unigram\" is not supported"},
    {"{\"model\":{\"type\":\"WordPiece\"}}", "type \"WordPiece\""},
    {"{\"model\":{\"type\":\"WordLevel\"}}", "type \"WordLevel\""},
    {"{\"model\":{\"type\":\"BPE\",\"byte_fallback\":true}}", "\"byte_fallback\""},
    {"{\"model\":{\"type\":\"BPE\",\"dropout\":0.1}}", "\"dropout\""},
    {"{\"model\":{\"type\":\"BPE\",\"end_of_word_suffix\":\"</w>\"}}", "\"end_of_word_suffix\""},
    {"{\"normalizer\":{\"type\":\"NFC\"}," MODEL "}", "normalizer \"NFC\""},
    {"{\"decoder\":{\"type\":\"Metaspace\"}," MODEL "}", "decoder \"Metaspace\""},
    {"{" DECODER MODEL "}", "no pre-tokenizer"},
    {BAD("{\"type\":\"Metaspace\"}", DECODER MODEL), "pre-tokenizer \"Metaspace\" is not supported"},
    {BAD("{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", DECODER MODEL), "add_prefix_space"},
    {BAD("{\"type\":\"Digits\"}", DECODER MODEL), "ByteLevel is missing"},
    {BAD("{\"type\":\"Sequence\",\"pretokenizers\":[]}", DECODER MODEL), "missing from the sequence"},
    {BAD("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"},\"behavior\":\"Isolated\"}", DECODER MODEL),
     "the pattern \"(\" fails at 1"},
    {BAD("{\"type\":\"Split\",\"pattern\":{\"Regex\":\"a\"},\"behavior\":\"Removed\"}", DECODER MODEL),
     "behavior \"Removed\""},
    {BAD("{\"type\":\"Split\",\"pattern\":{},\"behavior\":\"Isolated\"}", DECODER MODEL), "neither a Regex"},
    {BAD_MODEL("\"type\":\"BPE\""), "lacks \"vocab\""},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{},\"merges\":[]"), "0 tokens"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0,\"a\":1},\"merges\":[]"), "duplicate"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":[]"), "used by another token"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":-1},\"merges\":[]"), "not a number from 0"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":99999999},\"merges\":[]"), "not a number from 0"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":16000000},\"merges\":[]"), "the highest id is 16000000"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"\xe2\x96\x81the\":0},\"merges\":[]"), "not byte-level BPE"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]"),
     "merge 0: its right side is not"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"b a\"]"), "merge 0: its left side is not"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a a\"]"), "two sides joined are not"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a\"]"), "not a pair"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[[\"a\"]]"), "not a pair"},
    {BAD_MODEL("\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[3]"), "not a pair"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"\"}]," BYTE_LEVEL DECODER MODEL "}", "content is empty"},
    {"{\"added_tokens\":[{\"id\":0,\"content\":\"x\",\"lstrip\":true}]," BYTE_LEVEL DECODER MODEL "}",
     "\"lstrip\""},
    {"{\"added_tokens\":[{\"id\":3,\"content\":\"x\"}]," BYTE_LEVEL DECODER MODEL "}",
     "used by another token"},
    {"{\"added_tokens\":[{\"id\":30,\"content\":\"ab\"}]," BYTE_LEVEL DECODER MODEL "}",
     "but 30 among the added"},
};

static void refuses_each_other_kind(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad_cases); i++) {
        tool_error err = {0};
        tokenizer *codec;
        assert_failed(parse(bad_cases[i].text, &codec, &err), &err, TOOL_BAD_INPUT, bad_cases[i].fragment);
        assert_non_null(strstr(err.text, "tokenizer.json"));
    }
    tool_error err = {0};
    tokenizer *codec;
    assert_failed(tokenizer_load(scratch_path("absent"), &codec, &err), &err, TOOL_NOT_FOUND, "absent");
}

/* A pattern of nested repeats backtracks without end: an error, not a hang. */
static void limits_backtracking(void **state)
{
    (void)state;
    tool_error err = {0};
    uint32_t *ids;
    size_t count;
    tokenizer *codec =
        parsed(BAD("{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":"
                   "{\"Regex\":\"(a+)+(?=x)y\"},\"behavior\":\"Isolated\"},{\"type\":\"ByteLevel\"}]}",
                   DECODER MODEL));
    char text[4096];
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = 'y';
    int code = tokenizer_encode(codec, text, sizeof text, &ids, &count, &err);
    assert_failed(code, &err, TOOL_BAD_INPUT, "limit");
    tokenizer_free(codec);
}

/* A piece of half a megabyte: quadratic merging would take minutes. */
static void merges_long_pieces(void **state)
{
    (void)state;
    tool_error err = {0};
    uint32_t *ids;
    size_t count;
    size_t bytes = 1 << 19;
    tokenizer *codec = parsed("{" BYTE_LEVEL DECODER MODEL "}");
    char *text = malloc(bytes);
    assert_non_null(text);
    memset(text, 'a', bytes);
    assert_worked(tokenizer_encode(codec, text, bytes, &ids, &count, &err), &err);
    assert_int_equal(count, bytes / 4);
    free(ids);
    free(text);
    tokenizer_free(codec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alphabet_is_a_bijection),
        cmocka_unit_test(bytes_become_a_vocabulary),
        cmocka_unit_test(unknown_bytes_and_ids_are_errors),
        cmocka_unit_test(merges_by_rank_then_from_the_left),
        cmocka_unit_test(merges_as_pairs_and_without_type),
        cmocka_unit_test(whole_pieces_come_first_when_told),
        cmocka_unit_test(sequences_split_in_turn),
        cmocka_unit_test(added_tokens_are_found_first),
        cmocka_unit_test(broken_utf8_is_encoded),
        cmocka_unit_test(refuses_each_other_kind),
        cmocka_unit_test(limits_backtracking),
        cmocka_unit_test(merges_long_pieces),
    };
    return cmocka_run_group_tests_name("tokenizer", tests, scratch_setup, scratch_teardown);
}
