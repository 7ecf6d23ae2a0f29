/* SPDX-License-Identifier: Apache-2.0 */
/* dataset.c and text_source.c. */
#include "tests/unit/tool_test.h"

#include <sys/stat.h>

#include "tools/common/dataset.h"
#include "tools/common/text_source.h"

/* A text of n bytes whose byte i is i % 251, and its tokenizer: ids tell places. */
static dataset *counting_text(size_t n)
{
    tool_error err = {0};
    dataset *object;
    tokenizer *codec;
    unsigned char *text = malloc(n);
    assert_non_null(text);
    for (size_t i = 0; i < n; i++) {
        text[i] = (unsigned char)(i % 251);
    }
    assert_worked(tokenizer_from_bytes(text, n, &codec, &err), &err);
    assert_worked(dataset_from_text(text, n, "counting", codec, &object, &err), &err);
    tokenizer_free(codec);
    free(text);
    return object;
}

static void splits_in_order(void **state)
{
    (void)state;
    dataset *object = counting_text(1009);
    assert_int_equal(dataset_train_tokens(object), 908);
    assert_int_equal(dataset_validation_tokens(object), 101);
    dataset_free(object);
}

static void rows_depend_on_their_numbers_only(void **state)
{
    (void)state;
    enum { CONTEXT = 8, ROWS = 6 };
    tool_error err = {0};
    dataset *object = counting_text(5000);
    int32_t inputs[ROWS * CONTEXT];
    int32_t targets[ROWS * CONTEXT];
    int32_t row_inputs[CONTEXT];
    int32_t row_targets[CONTEXT];
    assert_worked(dataset_train_batch(object, 7, 123, 0, ROWS, CONTEXT, inputs, targets, &err), &err);
    for (uint32_t r = 0; r < ROWS; r++) {
        assert_worked(dataset_train_batch(object, 7, 123, r, 1, CONTEXT, row_inputs, row_targets, &err),
                      &err);
        assert_memory_equal(row_inputs, inputs + r * CONTEXT, sizeof row_inputs);
        assert_memory_equal(row_targets, targets + r * CONTEXT, sizeof row_targets);
        uint64_t place = dataset_row_offset(object, 7, 123, r, CONTEXT);
        assert_in_range(place, 0, 4500 - CONTEXT - 1);
        for (uint32_t i = 0; i < CONTEXT; i++) {
            assert_int_equal(row_inputs[i], (place + i) % 251);
            assert_int_equal(row_targets[i], (place + i + 1) % 251);
        }
    }
    assert_int_not_equal(dataset_row_offset(object, 7, 123, 0, 8), dataset_row_offset(object, 7, 124, 0, 8));
    assert_int_not_equal(dataset_row_offset(object, 7, 123, 0, 8), dataset_row_offset(object, 8, 123, 0, 8));
    dataset_free(object);
}

/* Every place is drawn, about equally often. */
static void rows_reach_every_place(void **state)
{
    (void)state;
    dataset *object = counting_text(40);
    unsigned counts[36 - 4] = {0};
    for (uint64_t step = 0; step < 32 * 100; step++) {
        uint64_t place = dataset_row_offset(object, 1, step, 0, 4);
        assert_in_range(place, 0, 31);
        counts[place]++;
    }
    for (size_t i = 0; i < 32; i++) {
        assert_in_range(counts[i], 50, 160);
    }
    dataset_free(object);
}

static void validation_sees_each_target_once(void **state)
{
    (void)state;
    enum { CONTEXT = 16, ROWS = 4 };
    tool_error err = {0};
    dataset *object = counting_text(1009);
    int32_t inputs[ROWS * CONTEXT];
    int32_t targets[ROWS * CONTEXT];
    uint64_t seen = 0;
    assert_int_equal(dataset_validation_rows(object, CONTEXT), 7);
    for (uint64_t row = 0; row < 7; row += ROWS) {
        uint64_t real;
        assert_worked(dataset_validation_batch(object, row, ROWS, CONTEXT, inputs, targets, &real, &err),
                      &err);
        for (uint64_t i = 0; i < ROWS * CONTEXT; i++) {
            assert_int_equal(targets[i], i < real ? (int)((908 + seen + i + 1) % 251) : -1);
            assert_int_equal(inputs[i], i < real ? (int)((908 + seen + i) % 251) : 0);
        }
        seen += real;
    }
    assert_int_equal(seen, 100);
    dataset_free(object);
}

static void says_when_a_text_is_too_short(void **state)
{
    (void)state;
    tool_error err = {0};
    dataset *object = counting_text(650);
    assert_failed(dataset_check(object, 65, &err), &err, TOOL_BAD_INPUT,
                  "650 tokens are too few: a context of 65 needs 651");
    dataset_free(object);
    object = counting_text(651);
    assert_worked(dataset_check(object, 65, &err), &err);
    int32_t ids[8];
    assert_failed(dataset_train_batch(object, 1, 1, 0, 1, 585, ids, ids, &err), &err, TOOL_BAD_INPUT,
                  "too few");
    dataset_free(object);
}

static void reads_token_files(void **state)
{
    (void)state;
    enum { N = 200, CONTEXT = 5 };
    static const char *const names[] = {"ids.u16", "ids.bin", "ids.u32"};
    for (size_t f = 0; f < 3; f++) {
        tool_error err = {0};
        dataset *object;
        uint16_t small[N];
        uint32_t large[N];
        int32_t inputs[CONTEXT];
        int32_t targets[CONTEXT];
        for (unsigned i = 0; i < N; i++) {
            small[i] = (uint16_t)i;
            large[i] = i;
        }
        const void *data = f < 2 ? (const void *)small : large;
        const char *path = scratch_file(names[f], data, f < 2 ? sizeof small : sizeof large);
        assert_worked(dataset_from_tokens(path, N, &object, &err), &err);
        assert_int_equal(dataset_train_tokens(object), 180);
        uint64_t place = dataset_row_offset(object, 3, 4, 5, CONTEXT);
        assert_worked(dataset_train_batch(object, 3, 4, 5, 1, CONTEXT, inputs, targets, &err), &err);
        assert_int_equal(inputs[0], place);
        assert_int_equal(targets[CONTEXT - 1], place + CONTEXT);
        dataset_free(object);
    }
}

static void refuses_bad_token_files(void **state)
{
    (void)state;
    tool_error err = {0};
    dataset *object;
    uint16_t ids[64];
    int32_t row[8];
    uint64_t real;
    memset(ids, 1, sizeof ids);
    assert_failed(dataset_from_tokens(scratch_path("ids.txt"), 9, &object, &err), &err, TOOL_BAD_INPUT,
                  "width");
    assert_failed(dataset_from_tokens(scratch_path("no.u16"), 9, &object, &err), &err, TOOL_NOT_FOUND,
                  "no.u16");
    const char *path = scratch_file("odd.u16", ids, 7);
    assert_failed(dataset_from_tokens(path, 9, &object, &err), &err, TOOL_BAD_INPUT,
                  "7 bytes are not a number");
    path = scratch_file("none.u32", ids, 0);
    assert_failed(dataset_from_tokens(path, 9, &object, &err), &err, TOOL_BAD_INPUT, "0 bytes");
    path = scratch_file("large.u16", ids, sizeof ids);
    assert_worked(dataset_from_tokens(path, 257, &object, &err), &err);
    assert_failed(dataset_train_batch(object, 1, 1, 0, 1, 8, row, row, &err), &err, TOOL_BAD_INPUT,
                  "is 257; the model's vocabulary has 257");
    assert_int_equal(truncate(path, 64), 0);
    assert_failed(dataset_validation_batch(object, 0, 1, 8, row, row, &real, &err), &err, TOOL_BAD_INPUT,
                  "truncated");
    dataset_free(object);
}

static void names_what_the_vocabulary_lacks(void **state)
{
    (void)state;
    tool_error err = {0};
    tokenizer *codec;
    dataset *object;
    assert_worked(tokenizer_from_bytes("ab", 2, &codec, &err), &err);
    assert_failed(dataset_from_text("abc", 3, "my.txt", codec, &object, &err), &err, TOOL_BAD_INPUT,
                  "my.txt: the text at byte 2");
    tokenizer_free(codec);
}

static void loads_texts(void **state)
{
    (void)state;
    tool_error err = {0};
    text_source text;
    assert_worked(text_source_load(scratch_file("a.txt", "words", 5), &text, &err), &err);
    assert_int_equal(text.bytes, 5);
    assert_string_equal(text.data, "words");
    assert_non_null(strstr(text.origin, "a.txt"));
    text_source_clear(&text);
    assert_failed(text_source_load(scratch_file("b.txt", "", 0), &text, &err), &err, TOOL_BAD_INPUT, "empty");
    assert_failed(text_source_load(scratch_path("c.txt"), &text, &err), &err, TOOL_NOT_FOUND, "c.txt");
    assert_failed(text_source_load(scratch_root, &text, &err), &err, TOOL_BAD_INPUT, "not a regular file");
}

static void has_a_default_text(void **state)
{
    (void)state;
    tool_error err = {0};
    text_source text;
    assert_int_equal(setenv("HAL_TEST_DATA", scratch_root, 1), 0);
    assert_worked(text_source_load(NULL, &text, &err), &err);
    assert_true(text.bytes > 100000);
    assert_null(strstr(text.origin, "tinyshakespeare"));
    text_source_clear(&text);
    assert_int_equal(mkdir(scratch_path("text"), 0777), 0);
    scratch_file("text/tinyshakespeare.txt", "First Citizen", 13);
    assert_worked(text_source_load(NULL, &text, &err), &err);
    assert_non_null(strstr(text.origin, "tinyshakespeare"));
    assert_int_equal(text.bytes, 13);
    text_source_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_in_order),
        cmocka_unit_test(rows_depend_on_their_numbers_only),
        cmocka_unit_test(rows_reach_every_place),
        cmocka_unit_test(validation_sees_each_target_once),
        cmocka_unit_test(says_when_a_text_is_too_short),
        cmocka_unit_test(reads_token_files),
        cmocka_unit_test(refuses_bad_token_files),
        cmocka_unit_test(names_what_the_vocabulary_lacks),
        cmocka_unit_test(loads_texts),
        cmocka_unit_test(has_a_default_text),
    };
    return cmocka_run_group_tests_name("dataset", tests, scratch_setup, scratch_teardown);
}
