/* SPDX-License-Identifier: Apache-2.0 */
/* files.c, files_disk.c, files_tree.c, tree.c: facts from this machine, a directory and a recorded tree. */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"
#include "tests/unit/tree_text.h"

#include <errno.h>
#include <sys/stat.h>

#include "hal/discovery/files.h"

#define HEAD "hal-tree 1\n"

static hal_files *parsed(const char *text)
{
    hal_files *files = NULL;
    hal_status status = tree_parse(NULL, "some.tree", text, strlen(text), &files);
    if (status != HAL_OK)
        fail_msg("%s", hal_status_last()->text);
    return files;
}

static void assert_refused(const char *text, const char *place, const char *words)
{
    hal_files *files = NULL;
    assert_code(hal_files_parse(NULL, "some.tree", text, strlen(text), &files), INVALID_ARGUMENT);
    assert_null(files);
    const char *detail = hal_status_last()->text;
    if (strstr(detail, place) == NULL || strstr(detail, words) == NULL)
        fail_msg("\"%s\" tells neither %s nor %s", detail, place, words);
}

static void assert_reads(const hal_files *files, const char *path, const char *expected)
{
    char text[256];
    ssize_t n = hal_files_read(files, path, text, sizeof text);
    if (n < 0)
        fail_msg("%s: %s", path, strerror(errno));
    assert_string_equal(text, expected);
    assert_int_equal(n, strlen(expected));
}

static void assert_unreadable(const hal_files *files, const char *path, int why)
{
    char text[16];
    assert_int_equal(hal_files_read(files, path, text, sizeof text), -1);
    assert_int_equal(errno, why);
}

static const char machine[] =
    HEAD "# a comment\n"
         "\n"
         "= /sys/devices/pci0000:00/0000:00:01.0/vendor 0x10de\n"
         "= /sys/devices/pci0000:00/0000:00:01.0/numa_node -1\n"
         "< /sys/devices/pci0000:00/0000:00:01.0/uevent\n"
         "\tDRIVER=nvidia\n"
         "\t\n"
         "\tPCI_ID=10DE:2330\n"
         "= /sys/devices/pci0000:00/0000:00:01.0/empty\n"
         "< /sys/devices/pci0000:00/0000:00:01.0/nothing\n"
         "@ /sys/devices/pci0000:00/0000:00:01.0/driver ../../../bus/pci/drivers/nvidia\n"
         "@ /sys/bus/pci/devices/0000:00:01.0 ../../../devices/pci0000:00/0000:00:01.0\n"
         "@ /sys/bus/pci/gone ../nowhere\n"
         "@ /sys/round /sys/about\n"
         "@ /sys/about /sys/round\n"
         "@ /sys/dots ./bus/./pci/../pci/devices/0000:00:01.0/vendor\n"
         "/ /sys/bus/pci/drivers/nvidia\n"
         "= /sys/with\\040blank/a\\134b with  blanks \n"
         "c /dev/nvidia0 195:0 0660 0:44\n"
         "c /dev/nvidia1 195:1 0666 0:0\n"
         "! /dev/nvidia1 EPERM\n"
         "= /sys/secret word\n"
         "m /sys/secret 0400 0:0\n"
         "= /sys/locked/file 1\n"
         "m /sys/locked 0700 0:0\n"
         "! /sys/kernel/debug EACCES\n"
         "= /sys/kernel/debug/rknpu/load NPU load:  0%\n"
         "= /hal/id uid=1000 gid=100 groups=44(video),109(render)\n"
         "< /hal/env\n"
         "\tCUDA_VISIBLE_DEVICES=0,1\n"
         "\tEMPTY=\n"
         "= /etc/group render:x:110:\n"
         "= /sys/last 7";

static void a_tree_reads_as_files(void **state)
{
    (void)state;
    hal_files *files = parsed(machine);
    int64_t number = 5;
    size_t bytes;
    char text[4];
    assert_false(hal_files_live(files));
    assert_reads(files, "/sys/bus/pci/devices/0000:00:01.0/vendor", "0x10de");
    assert_reads(files, "/sys/dots", "0x10de");
    assert_reads(files, "//sys/./bus/pci/devices/../devices/0000:00:01.0/uevent",
                 "DRIVER=nvidia\n\nPCI_ID=10DE:2330");
    assert_reads(files, "/sys/bus/pci/devices/0000:00:01.0/empty", "");
    assert_reads(files, "/sys/bus/pci/devices/0000:00:01.0/nothing", "");
    assert_reads(files, "/sys/with blank/a\\b", "with  blanks ");
    assert_reads(files, "/sys/last", "7");
    assert_int_equal(hal_files_read(files, "/sys/dots", text, sizeof text), 3);
    assert_string_equal(text, "0x1");
    assert_true(hal_files_number(files, "/sys/dots", &number));
    assert_int_equal(number, 0x10de);
    assert_true(hal_files_number(files, "/sys/bus/pci/devices/0000:00:01.0/numa_node", &number));
    assert_int_equal(number, -1);
    assert_false(hal_files_number(files, "/sys/bus/pci/devices/0000:00:01.0/empty", &number));
    assert_false(hal_files_number(files, "/sys/bus/pci/devices/0000:00:01.0/uevent", &number));
    char *all = hal_files_read_all(files, "/sys/bus/pci/devices/0000:00:01.0/uevent", &bytes);
    assert_string_equal(all, "DRIVER=nvidia\n\nPCI_ID=10DE:2330\n");
    assert_int_equal(bytes, strlen(all));
    hal_deallocate(NULL, all);
    hal_files_close(files);
}

static void a_tree_fails_as_files_do(void **state)
{
    (void)state;
    hal_files *files = parsed(machine);
    size_t bytes;
    assert_unreadable(files, "/sys/nowhere", ENOENT);
    assert_unreadable(files, "/sys/bus/pci/gone", ENOENT);
    assert_unreadable(files, "/sys/round", ELOOP);
    assert_unreadable(files, "/sys/dots/below", ENOTDIR);
    assert_unreadable(files, "/sys/bus", EISDIR);
    assert_unreadable(files, "/dev/nvidia0", EPERM); /* it may, but no device is opened */
    assert_unreadable(files, "/dev/nvidia1", EPERM);
    assert_unreadable(files, "/sys/secret", EACCES);
    assert_unreadable(files, "/sys/locked/file", EACCES);
    assert_unreadable(files, "relative", EINVAL);
    assert_null(hal_files_read_all(files, "/sys/nowhere", &bytes));
    hal_names names;
    assert_false(hal_files_list(files, "/sys/kernel/debug", &names));
    assert_int_equal(errno, EACCES);
    assert_false(hal_files_list(files, "/sys/secret", &names));
    assert_int_equal(errno, ENOTDIR);
    hal_files_close(files);
}

static void links_and_listings(void **state)
{
    (void)state;
    hal_files *files = parsed(HEAD "= /d/card10 x\n= /d/card2 x\n@ /d/card1 card2\n/ /d/e\n");
    char text[64];
    hal_names names;
    assert_true(hal_files_list(files, "/d", &names));
    assert_int_equal(names.count, 4);
    assert_false(names.truncated);
    static const char *const expected[] = {"card1", "card2", "card10", "e"};
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(names.items[i], expected[i]);
    hal_files_names_free(files, &names);
    assert_true(hal_files_list(files, "/d/e", &names));
    assert_int_equal(names.count, 0);
    hal_files_names_free(files, &names);
    assert_true(hal_files_link(files, "/d/card1", text, sizeof text));
    assert_string_equal(text, "card2");
    assert_false(hal_files_link(files, "/d/card2", text, sizeof text));
    assert_int_equal(errno, EINVAL);
    assert_false(hal_files_link(files, "/d/card1", text, 5));
    assert_int_equal(errno, ENAMETOOLONG);
    hal_files_close(files);
    files = parsed(machine);
    assert_true(hal_files_resolve(files, "/sys/bus/pci/devices/0000:00:01.0", text, sizeof text));
    assert_string_equal(text, "/sys/devices/pci0000:00/0000:00:01.0");
    assert_true(hal_files_resolve(files, "/sys/..", text, sizeof text));
    assert_string_equal(text, "/");
    assert_false(hal_files_resolve(files, "/sys/bus/pci/devices/0000:00:01.0", text, 8));
    hal_files_close(files);
}

static void who_may_open_a_node(void **state)
{
    (void)state;
    hal_files *files = parsed(machine);
    hal_file_facts facts;
    char name[16];
    assert_true(hal_files_stat(files, "/dev/nvidia0", &facts));
    assert_true(S_ISCHR(facts.mode));
    assert_int_equal(facts.mode & 07777, 0660);
    assert_int_equal(facts.gid, 44);
    assert_int_equal(facts.major, 195);
    assert_int_equal(hal_files_uid(files), 1000);
    assert_true(hal_files_in_group(files, 44));
    assert_true(hal_files_in_group(files, 100));
    assert_false(hal_files_in_group(files, 0));
    assert_int_equal(hal_files_access(files, "/dev/nvidia0", true), 0);
    assert_int_equal(hal_files_access(files, "/dev/nvidia1", true), EPERM);
    assert_int_equal(hal_files_access(files, "/dev/nvidia2", true), ENOENT);
    assert_int_equal(hal_files_access(files, "/sys/secret", false), EACCES);
    assert_int_equal(hal_files_access(files, "/sys/last", false), 0);
    assert_int_equal(hal_files_access(files, "/sys/last", true), EACCES);
    assert_string_equal(hal_files_group_name(files, 110, name, sizeof name), "render");
    assert_string_equal(hal_files_group_name(files, 44, name, sizeof name), "video");
    assert_string_equal(hal_files_group_name(files, 4, name, sizeof name), "");
    assert_string_equal(hal_files_env(files, "CUDA_VISIBLE_DEVICES"), "0,1");
    assert_string_equal(hal_files_env(files, "EMPTY"), "");
    assert_null(hal_files_env(files, "CUDA_VISIBLE"));
    hal_files_close(files);
}

static void malformed_trees_are_refused_with_their_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *place, *words;
    } cases[] = {
        {"", ":1:", "hal-tree 1"},
        {"hal-tree 2\n", ":1:", "hal-tree 1"},
        {HEAD "nonsense\n", ":2:", "no entry"},
        {HEAD "=/sys x\n", ":2:", "no entry"},
        {HEAD "= sys x\n", ":2:", "absolute"},
        {HEAD "= /a/../b x\n", ":2:", "name"},
        {HEAD "= /a\\057b x\n", ":2:", "name"},
        {HEAD "= /a x\n= /a y\n", ":3:", "line 2"},
        {HEAD "= /a x\n= /a/b y\n", ":3:", "line 2"},
        {HEAD "@ /a b\n= /a/b y\n", ":3:", "line 2"},
        {HEAD "= /a/b y\n= /a x\n", ":3:", "directory"},
        {HEAD "= / x\n", ":2:", "directory"},
        {HEAD "@ /a\n", ":2:", "target"},
        {HEAD "c /a 1 0600 0:0\n", ":2:", "MAJOR:MINOR"},
        {HEAD "c /a 1:2 0800 0:0\n", ":2:", "octal"},
        {HEAD "c /a 1:2 0600 0\n", ":2:", "UID:GID"},
        {HEAD "c /a 1:99999999999 0600 0:0\n", ":2:", "MAJOR:MINOR"},
        {HEAD "c /a 1:2 0600 0:0x\n", ":2:", "follows"},
        {HEAD "m /a 0600 0:0\n", ":2:", "above"},
        {HEAD "! /a EWHAT\n", ":2:", "EWHAT"},
        {HEAD "\tloose\n", ":2:", "no entry"},
        {HEAD, ":1:", "no end mark"},
        {HEAD "= /a x\n# end\n", ":3:", "no end mark"},
        {HEAD "= /a x\n. 1", ":3:", "cut short"},
        {HEAD "= /a x\n. 2\n", ":3:", "says 2 and 1 entries are"},
        {HEAD "< /a\n\tx\n\ty\n# z\n\n@ /b a\n. 1\n", ":8:", "says 1 and 2 entries are"},
        {HEAD "= /a x\n. one\n", ":3:", "number of entries"},
        {HEAD "= /a x\n. 1 2\n", ":3:", "number of entries"},
        {HEAD "= /a x\n. 1\n= /b y\n", ":4:", "behind the end mark"},
        {HEAD "= /a x\n. 1\n. 1\n", ":4:", "behind the end mark"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i].text, cases[i].place, cases[i].words);
    hal_files *files = NULL;
    assert_code(hal_files_parse(NULL, "t", HEAD "= /a \0b\n", sizeof HEAD + 8, &files), INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "NUL"));
    char deep[2048] = HEAD "= ";
    for (int i = 0; i < 400; i++)
        strcat(deep, "/a");
    assert_refused(strcat(deep, " x\n"), ":2:", "deeper");
}

/* Wherever a tree was cut, it is told. */
static void no_cut_goes_unnoticed(void **state)
{
    (void)state;
    size_t bytes;
    char *whole = tree_end(machine, sizeof machine - 1, &bytes);
    hal_files *files = NULL;
    for (size_t n = 0; n < bytes; n++) {
        assert_code(hal_files_parse(NULL, "cut.tree", whole, n, &files), INVALID_ARGUMENT);
        assert_non_null(strstr(hal_status_last()->text, "cut.tree:"));
    }
    free(whole);
}

/* Every beginning of a good tree is a tree or is refused; so is one with any byte changed. */
static void cut_and_changed_trees_do_no_harm(void **state)
{
    (void)state;
    static const char odd[] = {'\0', '\n', '\t', ' ', '/', '\\', '\xff', '!'};
    char copy[sizeof machine];
    for (size_t n = 0; n < sizeof machine; n++)
        for (size_t k = 0; k <= sizeof odd; k++) {
            hal_files *files = NULL;
            size_t bytes = k == 0 ? n : sizeof machine - 1;
            char *exact;
            memcpy(copy, machine, sizeof machine);
            if (k != 0 && n < bytes)
                copy[n] = odd[k - 1];
            exact = malloc(bytes ? bytes : 1); /* so that a sanitizer sees a step too far */
            memcpy(exact, copy, bytes);
            if (tree_parse(NULL, "cut", exact, bytes, &files) == HAL_OK) {
                hal_names names;
                char text[64];
                (void)hal_files_read(files, "/sys/bus/pci/devices/0000:00:01.0/uevent", text, sizeof text);
                if (hal_files_list(files, "/sys", &names))
                    hal_files_names_free(files, &names);
                (void)hal_files_group_name(files, 109, text, sizeof text);
                hal_files_close(files);
            }
            free(exact);
        }
}

static void write_file(const char *name, const char *content)
{
    FILE *file = fopen(scratch_path(name), "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void a_directory_reads_as_files_and_nothing_leads_out_of_it(void **state)
{
    (void)state;
    hal_files *files = NULL;
    hal_names names;
    char real[256];
    static const char *const directories[] = {"root", "root/sys", "root/sys/a", "root/hal", "root/dev"};
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++)
        assert_int_equal(mkdir(scratch_path(directories[i]), 0755), 0);
    write_file("outside", "secret\n");
    write_file("root/sys/a/value", "12\n");
    write_file("root/hal/env", "NAME=value\n");
    write_file("root/hal/id", "uid=7 gid=8 groups=9(nine)\n");
    assert_int_equal(symlink("../../../../outside", scratch_path("root/sys/up")), 0);
    assert_int_equal(symlink("/sys/a/value", scratch_path("root/sys/absolute")), 0);
    assert_int_equal(symlink("a", scratch_path("root/sys/b")), 0);
    assert_int_equal(symlink("loop", scratch_path("root/sys/loop")), 0);
    assert_int_equal(mkfifo(scratch_path("root/dev/pipe"), 0600), 0);
    assert_ok(hal_files_open(NULL, scratch_path("root"), &files));
    assert_false(hal_files_live(files));
    assert_reads(files, "/sys/a/value", "12");
    assert_reads(files, "/sys/b/value", "12");
    assert_reads(files, "/sys/b/../absolute", "12");
    assert_unreadable(files, "/sys/up", ENOENT);
    assert_unreadable(files, "/../../outside", ENOENT);
    assert_unreadable(files, "/sys/loop", ELOOP);
    assert_unreadable(files, "/dev/pipe", EPERM);
    assert_true(hal_files_resolve(files, "/sys/b/value", real, sizeof real));
    assert_string_equal(real, "/sys/a/value");
    assert_false(hal_files_resolve(files, "/sys/c", real, sizeof real));
    assert_true(hal_files_link(files, "/sys/b", real, sizeof real));
    assert_string_equal(real, "a");
    assert_true(hal_files_list(files, "/", &names));
    assert_int_equal(names.count, 3);
    hal_files_names_free(files, &names);
    assert_string_equal(hal_files_env(files, "NAME"), "value");
    assert_int_equal(hal_files_uid(files), 7);
    assert_true(hal_files_in_group(files, 9));
    hal_files_close(files);
}

static void this_machine(void **state)
{
    (void)state;
    hal_files *files = NULL;
    char text[4096];
    hal_names names;
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_true(hal_files_live(files));
    assert_true(hal_files_read(files, "/proc/self/status", text, sizeof text) > 100);
    assert_unreadable(files, "/dev/null", EPERM); /* devices are never opened */
    assert_int_equal(hal_files_access(files, "/dev/null", true), 0);
    assert_int_equal(hal_files_access(files, "/dev/nowhere", true), ENOENT);
    assert_true(hal_files_list(files, "/proc/self/fd", &names));
    hal_files_names_free(files, &names);
    setenv("HAL_TEST_NAME", "here", 1);
    assert_string_equal(hal_files_env(files, "HAL_TEST_NAME"), "here");
    assert_int_equal(hal_files_uid(files), geteuid());
    assert_true(hal_files_in_group(files, getegid()));
    assert_string_equal(hal_files_group_name(files, 0, text, sizeof text), "root");
    hal_files_close(files);
}

static void what_cannot_be_a_machine(void **state)
{
    (void)state;
    hal_files *files = NULL;
    assert_code(hal_files_open(NULL, "/nonexistent/tree", &files), NOT_FOUND);
    assert_code(hal_files_open(NULL, "/dev/null", &files), INVALID_ARGUMENT);
    write_file("text", "no tree\n");
    assert_code(hal_files_open(NULL, scratch_path("text"), &files), INVALID_ARGUMENT);
    write_file("tree", HEAD "= /a b\n. 1\n");
    assert_ok(hal_files_open(NULL, scratch_path("tree"), &files));
    assert_reads(files, "/a", "b");
    hal_files_close(files);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_reads_as_files),
        cmocka_unit_test(a_tree_fails_as_files_do),
        cmocka_unit_test(links_and_listings),
        cmocka_unit_test(who_may_open_a_node),
        cmocka_unit_test(malformed_trees_are_refused_with_their_line),
        cmocka_unit_test(no_cut_goes_unnoticed),
        cmocka_unit_test(cut_and_changed_trees_do_no_harm),
        cmocka_unit_test(a_directory_reads_as_files_and_nothing_leads_out_of_it),
        cmocka_unit_test(this_machine),
        cmocka_unit_test(what_cannot_be_a_machine),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
