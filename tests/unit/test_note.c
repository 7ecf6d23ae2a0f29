/* SPDX-License-Identifier: Apache-2.0 */
/* note.c: the reader meets files that somebody else wrote. */
#include "plugin_test.h"

static hal_status read_file(const char *name, hal_backend_note *note)
{
    int fd = open(scratch_path(name), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    hal_status s = hal_note_read(fd, note);
    close(fd);
    return s;
}

static hal_status read_bytes(const void *bytes, size_t size)
{
    hal_backend_note note;
    plugin_write("candidate", bytes, size);
    return read_file("candidate", &note);
}

static void the_note_of_a_backend_is_read(void **state)
{
    (void)state;
    hal_backend_note note;
    plugin_copy("whole");
    assert_ok(read_file("whole", &note));
    assert_string_equal(note.name, "null");
    assert_int_equal(note.abi_min, HAL_BACKEND_ABI);
    assert_int_equal(note.sanitizer, HAL_BACKEND_SANITIZER);
    assert_true(note.build_id[0] != '\0');
}

static void other_files_are_named_for_what_they_are(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    assert_code(read_bytes("", 0), DATA_LOSS);
    assert_code(
        read_bytes("#!/bin/sh\n# a script that is longer than the header of an ELF file would be\n", 76),
        DATA_LOSS);
    bytes[4] = 1; /* 32 bits */
    assert_code(read_bytes(bytes, size), VERSION_MISMATCH);
    bytes[4] = 2;
    bytes[18] = 0; /* another machine */
    assert_code(read_bytes(bytes, size), VERSION_MISMATCH);
    assert_non_null(strstr(hal_status_last()->text, "another machine"));
    free(bytes);
}

static void notes_without_sense_are_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    hal_backend_note *note = note_in(bytes, size), good = *note;
    note->magic = 1;
    assert_code(read_bytes(bytes, size), DATA_LOSS);
    *note = good;
    memset(note->name, 'x', sizeof note->name);
    assert_code(read_bytes(bytes, size), DATA_LOSS);
    *note = good;
    memcpy(note->name, "a/b", 4);
    assert_code(read_bytes(bytes, size), DATA_LOSS);
    *note = good;
    note->type = 2;
    assert_code(read_bytes(bytes, size), NOT_FOUND);
    *note = good;
    note->desc_bytes = UINT32_MAX;
    assert_code(read_bytes(bytes, size), NOT_FOUND);
    note->name_bytes = UINT32_MAX;
    assert_code(read_bytes(bytes, size), NOT_FOUND);
    free(bytes);
}

static void truncated_files_are_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    size_t end = (size_t)((char *)note_in(bytes, size) - bytes);
    for (size_t n = 0; n < end; n += 7)
        assert_true(read_bytes(bytes, n) != HAL_OK);
    free(bytes);
}

/* Bytes of the headers and the note changed by a small generator with a fixed seed: an answer, never a crash.
 */
static void damaged_files_get_an_answer(void **state)
{
    (void)state;
    size_t size;
    uint32_t random = 12345;
    char *bytes = null_bytes(&size), saved[1024];
    int fd = open(scratch_path("mutant"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    assert_true(fd >= 0 && size > sizeof saved);
    assert_int_equal(write(fd, bytes, size), size);
    memcpy(saved, bytes, sizeof saved);
    for (int round = 0; round < 10000; round++) {
        hal_backend_note note;
        for (int i = 0; i < 1 + round % 4; i++) {
            random = random * 1664525u + 1013904223u;
            saved[(random >> 8) % sizeof saved] = (char)(random >> 24);
        }
        assert_int_equal(pwrite(fd, saved, sizeof saved, 0), sizeof saved);
        hal_status s = hal_note_read(fd, &note);
        assert_true(s == HAL_OK || hal_status_last()->text[0] != '\0');
        if (s == HAL_OK)
            assert_true(strnlen(note.name, sizeof note.name) < sizeof note.name);
        if (round % 4 == 3)
            memcpy(saved, bytes, sizeof saved);
    }
    close(fd);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_note_of_a_backend_is_read),
        cmocka_unit_test(other_files_are_named_for_what_they_are),
        cmocka_unit_test(notes_without_sense_are_refused),
        cmocka_unit_test(truncated_files_are_refused),
        cmocka_unit_test(damaged_files_get_an_answer),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
