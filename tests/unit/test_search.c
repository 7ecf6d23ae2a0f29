/* SPDX-License-Identifier: Apache-2.0 */
/* search.c, cache.c, elf.c, words.c: where the loader would find a library, and the lists that rows of
 * families are made of. */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <elf.h>

#include "hal/discovery/search.h"
#include "hal/discovery/words.h"

/* A table of the loader with one library, as ldconfig writes it; cut to `size` bytes. */
static void write_cache(const char *library, const char *path, size_t size)
{
    char bytes[1024] = "glibc-ld.so.cache1.1";
    uint32_t key = 48 + 24, value = key + (uint32_t)strlen(library) + 1, one = 1;
    memcpy(bytes + 20, &one, 4);
    memcpy(bytes + 48 + 4, &key, 4);
    memcpy(bytes + 48 + 8, &value, 4);
    strcpy(bytes + key, library);
    strcpy(bytes + value, path);
    size_t all = value + strlen(path) + 1;
    scratch_write("etc/ld.so.cache", bytes, size < all ? size : all);
}

static void the_loaders_table_is_read(void **state)
{
    (void)state;
    Elf64_Ehdr head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1}, .e_machine = EM_X86_64};
    hal_files *files = NULL;
    hal_found library;
    assert_int_equal(mkdir(scratch_path("etc"), 0755) | mkdir(scratch_path("opt"), 0755), 0);
    scratch_write("opt/libx.so.1.2.3", &head, sizeof head);
    for (size_t size = 0; size < 120; size++) {
        write_cache("libx.so.1", "/opt/libx.so.1.2.3", size);
        assert_ok(hal_files_open(NULL, scratch_root, &files));
        hal_search *search = hal_search_create(files, "x86_64");
        hal_search_find(search, "libx.so.1", "", &library);
        assert_int_equal(library.state, size < 48 + 24 + 10 + 19 ? HAL_FOUND_NOTHING : HAL_FOUND_LOADABLE);
        hal_search_destroy(search);
        hal_files_close(files);
    }
    assert_string_equal(library.where, "ld.so.cache");
    assert_string_equal(library.version, "1.2.3");
}

/* What a directory of ld.so.conf holds counts once ldconfig has put it into the table. */
static void what_the_table_lacks_lies_outside(void **state)
{
    (void)state;
    hal_files *files = NULL;
    hal_found library;
    assert_int_equal(mkdir(scratch_path("etc"), 0755) | mkdir(scratch_path("opt"), 0755), 0);
    scratch_write("etc/ld.so.conf", "# places\n/opt\n", 14);
    scratch_write("opt/liby.so", "ELF\n", 4);
    for (int table = 0; table < 2; table++) {
        if (table == 1)
            write_cache("libx.so.1", "/opt/libx.so.1", 1024);
        assert_ok(hal_files_open(NULL, scratch_root, &files));
        hal_search *search = hal_search_create(files, "x86_64");
        hal_search_find(search, "liby.so", "", &library);
        assert_int_equal(library.state, table == 1 ? HAL_FOUND_OUTSIDE : HAL_FOUND_LOADABLE);
        assert_string_equal(library.where, "ld.so.conf");
        assert_true(table == 0 || !hal_search_glance(search, "liby.so|libx.so.1", &library));
        hal_search_destroy(search);
        hal_files_close(files);
    }
}

static void files_are_judged_by_their_first_bytes(void **state)
{
    (void)state;
    unsigned char head[HAL_FOUND_NOTHING + 64] = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2MSB, 1};
    hal_files *files = NULL;
    hal_found library;
    head[19] = EM_PPC;
    mkdir(scratch_path("lib"), 0755);
    scratch_write("lib/libbig.so", head, 64);
    scratch_write("lib/libcut.so", head, 10);
    assert_ok(hal_files_open(NULL, scratch_root, &files));
    hal_search *search = hal_search_create(files, "x86_64");
    hal_search_find(search, "libbig.so", "", &library);
    assert_int_equal(library.state, HAL_FOUND_FOREIGN);
    hal_search_find(search, "libcut.so", "", &library);
    assert_int_equal(library.state, HAL_FOUND_BROKEN);
    hal_search_destroy(search);
    hal_files_close(files);
}

static void words_and_patterns(void **state)
{
    (void)state;
    char text[64];
    assert_true(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidia12"));
    assert_false(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidiactl"));
    assert_false(hal_pattern_matches("/dev/nvidia{index}", "/dev/nvidia0x"));
    assert_true(hal_pattern_matches("a*c/*", "abcc/"));
    assert_false(hal_pattern_matches("a*c", "a/c"));
    assert_true(hal_word_listed("a|b c", "b"));
    assert_false(hal_word_listed("a|b c", ""));
    hal_pattern_fill("x/{device}_{revision}",
                     &(hal_topology_device){.pci_device = 0x17f0, .pci_revision = 0x10}, text, sizeof text);
    assert_string_equal(text, "x/17f0_10");
    hal_pattern_fill("0123456789{device}", &(hal_topology_device){.pci_device = 0x17f0}, text, 12);
    assert_string_equal(text, "01234567891");
    assert_true(hal_version_compare("1.17.6", "1.17.17") < 0);
    assert_true(hal_version_compare("7.5.0.1.129", "7.5.99") < 0);
    assert_true(hal_version_compare("6.8.0-57-generic", "6.14") < 0);
    assert_int_equal(hal_version_compare("v1.2", "1.2"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_patterns),
        cmocka_unit_test_setup_teardown(the_loaders_table_is_read, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_the_table_lacks_lies_outside, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(files_are_judged_by_their_first_bytes, scratch_setup,
                                        scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
