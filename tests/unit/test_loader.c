/* SPDX-License-Identifier: Apache-2.0 */
/* loader.c, trust.c and config.c: every candidate leaves a line that says how far it came and why. */
#include "plugin_test.h"

/* Each test has a fresh directory. */
static const hal_load_entry *entry_of(const hal_instance *instance, const char *file)
{
    for (uint32_t i = 0; i < hal_instance_report_count(instance); i++) {
        const hal_load_entry *e = hal_instance_report(instance, i);
        const char *slash = strrchr(e->path, '/');
        if (slash != NULL && strcmp(slash + 1, file) == 0)
            return e;
    }
    fail_msg("no report entry for %s", file);
    return NULL;
}

static void a_good_backend_is_claimed(void **state)
{
    (void)state;
    plugin_copy("libhal_null.so");
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    const hal_load_entry *e = entry_of(instance, "libhal_null.so");
    assert_int_equal(e->stage, HAL_LOAD_CLAIMED);
    assert_int_equal(e->status, HAL_OK);
    assert_string_equal(e->name, "null");
    assert_string_equal(e->text, "");
    assert_true(e->nanoseconds > 0);
    assert_int_equal(hal_device_count(instance), 2);
    assert_null(hal_instance_report(instance, hal_instance_report_count(instance)));
    hal_instance_release(instance);
}

/* They are built and tested with the library, so opening them needs no child and costs none. */
static void our_own_backends_are_not_tried_first(void **state)
{
    (void)state;
    static const char *const names[] = {"libhal_cpu.so", "libhal_fault.so", "libhal_mock_npu.so",
                                        "libhal_null.so"};
    const char *helper = getenv("HAL_PROBE");
    if (plugin_source()[0] == '\0')
        skip();
    char kept[512];
    snprintf(kept, sizeof kept, "%s", helper != NULL ? helper : "");
    setenv("HAL_PROBE", "/nonexistent/hal-probe", 1);
    hal_instance *instance = plugin_instance(plugin_source(), NULL);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_ok(entry_of(instance, names[i])->status);
    hal_instance_release(instance);
    setenv("HAL_PROBE", kept, 1);
}

static void other_names_are_not_looked_at(void **state)
{
    (void)state;
    plugin_copy("null.so");
    plugin_copy("libhal_null.so.1");
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_int_equal(hal_device_count(instance), 0);
    hal_instance_release(instance);
}

static void relative_directories_are_an_error(void **state)
{
    (void)state;
    hal_instance *instance = NULL;
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .plugin_path = "/usr/lib:plugins"};
    assert_code(hal_instance_create(&options, &instance), INVALID_ARGUMENT);
    assert_non_null(strstr(hal_status_last()->text, "\"plugins\" is not absolute"));
    assert_null(instance);
}

static void a_missing_directory_is_reported(void **state)
{
    (void)state;
    hal_instance *instance = plugin_instance(scratch_path("missing"), NULL);
    const hal_load_entry *e = entry_of(instance, "missing");
    assert_int_equal(e->stage, HAL_LOAD_LISTED);
    assert_code(e->status, NOT_FOUND);
    assert_non_null(strstr(e->text, "No such file"));
    hal_instance_release(instance);
}

/* Copies the backend, gives file and directory these modes and expects refusal with the mending command. */
static void expect_untrusted(mode_t file, mode_t directory, const char *hint)
{
    plugin_copy("libhal_null.so");
    assert_int_equal(chmod(scratch_path("libhal_null.so"), file), 0);
    assert_int_equal(chmod(scratch_root, directory), 0);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    const hal_load_entry *e = entry_of(instance, "libhal_null.so");
    assert_int_equal(e->stage, HAL_LOAD_TRUST);
    assert_code(e->status, PERMISSION_DENIED);
    assert_non_null(strstr(e->text, "mode"));
    assert_non_null(strstr(e->text, "owner"));
    assert_non_null(strstr(e->hint, hint));
    assert_non_null(strstr(e->hint, scratch_root));
    hal_instance_release(instance);
}

static void a_file_anybody_can_write_is_refused(void **state)
{
    (void)state;
    expect_untrusted(0757, 0755, "chmod o-w");
}

static void a_directory_anybody_can_write_is_refused(void **state)
{
    (void)state;
    expect_untrusted(0755, 01777, "chmod o-w");
}

static void a_shared_group_that_can_write_is_refused(void **state)
{
    (void)state;
    const gid_t mail = 8; /* some group that is not the caller's own */
    if (geteuid() != 0)
        skip();
    plugin_copy("libhal_null.so");
    assert_int_equal(chown(scratch_path("libhal_null.so"), 0, mail), 0);
    assert_int_equal(chmod(scratch_path("libhal_null.so"), 0775), 0);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_code(entry_of(instance, "libhal_null.so")->status, PERMISSION_DENIED);
    assert_non_null(strstr(entry_of(instance, "libhal_null.so")->hint, "chmod g-w"));
    hal_instance_release(instance);
}

static void the_owners_private_group_may_write(void **state)
{
    (void)state;
    if (geteuid() != 0) /* root's group is private everywhere; a builder's own may be shared */
        skip();
    plugin_copy("libhal_null.so");
    assert_int_equal(chmod(scratch_path("libhal_null.so"), 0775), 0);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_ok(entry_of(instance, "libhal_null.so")->status);
    hal_instance_release(instance);
}

static void a_file_of_another_user_is_refused(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    plugin_copy("libhal_null.so");
    assert_int_equal(chown(scratch_path("libhal_null.so"), 12345, 0), 0);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_code(entry_of(instance, "libhal_null.so")->status, PERMISSION_DENIED);
    assert_non_null(strstr(entry_of(instance, "libhal_null.so")->text, "owner 12345"));
    hal_instance_release(instance);
}

/* What becomes of a backend in an inner directory when the one around it has `mode`, owner and group. */
static hal_instance *nested(const char *name, mode_t mode, uid_t owner, gid_t group)
{
    char inner[512];
    snprintf(inner, sizeof inner, "%s", scratch_path(name));
    plugin_copy("inner/libhal_null.so");
    assert_int_equal(chown(scratch_root, owner, group), 0);
    assert_int_equal(chmod(scratch_root, mode), 0);
    return plugin_instance(inner, NULL);
}

static hal_code nested_code(mode_t mode, uid_t owner, gid_t group)
{
    hal_instance *instance = nested("inner", mode, owner, group);
    const hal_load_entry *e = entry_of(instance, "libhal_null.so");
    hal_code code = hal_status_code(e->status);
    if (code == HAL_CODE_PERMISSION_DENIED) {
        assert_int_equal(e->stage, HAL_LOAD_TRUST);
        assert_non_null(strstr(e->hint, "chmod "));
        assert_null(strstr(e->hint, "inner")); /* it names the directory above */
    }
    hal_instance_release(instance);
    return code;
}

static void directories_above_are_checked(void **state)
{
    (void)state;
    const uid_t me = geteuid(), other = 12345;
    const gid_t same = (gid_t)-1, mail = 8;
    assert_int_equal(mkdir(scratch_path("inner"), 0755), 0);
    assert_int_equal(nested_code(0777, me, same), HAL_CODE_PERMISSION_DENIED);
    assert_int_equal(nested_code(01777, me, same), HAL_CODE_OK); /* nobody moves another's out of a sticky one */
    if (me != 0)
        return;
    assert_int_equal(nested_code(0755, other, mail), HAL_CODE_OK); /* a container's view of a checkout */
    assert_int_equal(nested_code(0775, other, other), HAL_CODE_OK);
    assert_int_equal(nested_code(0775, other, mail), HAL_CODE_PERMISSION_DENIED);
    assert_int_equal(nested_code(0777, other, other), HAL_CODE_PERMISSION_DENIED);
}

static void links_to_directories_are_resolved(void **state)
{
    (void)state;
    assert_int_equal(mkdir(scratch_path("inner"), 0755), 0);
    assert_int_equal(symlink("inner", scratch_path("link")), 0);
    hal_instance *instance = nested("link", 01777, geteuid(), (gid_t)-1);
    assert_ok(entry_of(instance, "libhal_null.so")->status);
    assert_non_null(strstr(entry_of(instance, "libhal_null.so")->path, "/inner/"));
    hal_instance_release(instance);
}

static void links_and_pipes_are_refused(void **state)
{
    (void)state;
    plugin_copy("real.so");
    assert_int_equal(symlink("real.so", scratch_path("libhal_link.so")), 0);
    assert_int_equal(mkfifo(scratch_path("libhal_pipe.so"), 0755), 0);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_int_equal(entry_of(instance, "libhal_link.so")->stage, HAL_LOAD_TRUST);
    assert_int_equal(entry_of(instance, "libhal_pipe.so")->stage, HAL_LOAD_TRUST);
    assert_int_equal(hal_device_count(instance), 0);
    hal_instance_release(instance);
}

static void another_abi_or_sanitizer_is_refused_before_dlopen(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    hal_backend_note *note = note_in(bytes, size);
    note->abi_min = note->abi_max = 99;
    plugin_write("libhal_future.so", bytes, size);
    note->abi_min = note->abi_max = HAL_BACKEND_ABI;
    note->sanitizer = 77;
    plugin_write("libhal_other.so", bytes, size);
    free(bytes);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    const hal_load_entry *future = entry_of(instance, "libhal_future.so"),
                         *other = entry_of(instance, "libhal_other.so");
    assert_int_equal(future->stage, HAL_LOAD_NOTE);
    assert_code(future->status, VERSION_MISMATCH);
    assert_non_null(strstr(future->hint, "rebuild"));
    assert_int_equal(other->stage, HAL_LOAD_NOTE);
    assert_non_null(strstr(other->text, "sanitizer"));
    hal_instance_release(instance);
}

/* Gives the null backend's table another size. It begins with it, the number of the ABI and the sanitizer; debug
 * information may look the same, where a change does no harm. */
static void write_sized(const char *name, uint32_t table_size)
{
    size_t size, found = 0;
    const struct { hal_head head; uint32_t abi, sanitizer; } begin = {HAL_HEAD(hal_backend), HAL_BACKEND_ABI, HAL_BACKEND_SANITIZER};
    char *bytes = null_bytes(&size);
    for (size_t at = 0; at + sizeof begin < size; at += 8)
        if (memcmp(bytes + at, &begin, sizeof begin) == 0) {
            memcpy(bytes + at, &table_size, sizeof table_size);
            found++;
        }
    assert_true(found > 0);
    plugin_write(name, bytes, size);
    free(bytes);
}

/* Members that came later are not looked for in a table that ends before them. */
static void an_older_table_is_taken_and_a_shorter_one_refused(void **state)
{
    (void)state;
    write_sized("libhal_older.so", HAL_BACKEND_LEAST_SIZE);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    hal_device *device;
    hal_layout_answer answer = {.id = 7};
    assert_ok(entry_of(instance, "libhal_older.so")->status);
    assert_ok(hal_device_find(instance, "null0", &device));
    assert_ok(hal_device_layout(device, NULL, 0, 1, &answer));
    assert_int_equal(answer.id, 0);
    hal_device_release(device);
    hal_instance_release(instance);
    assert_int_equal(unlink(scratch_path("libhal_older.so")), 0);
    write_sized("libhal_shorter.so", HAL_BACKEND_LEAST_SIZE - 8);
    instance = plugin_instance(scratch_root, NULL);
    assert_int_equal(entry_of(instance, "libhal_shorter.so")->stage, HAL_LOAD_VERSION);
    assert_code(entry_of(instance, "libhal_shorter.so")->status, VERSION_MISMATCH);
    hal_instance_release(instance);
}

static void a_note_that_lies_about_the_table_is_refused(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    memcpy(note_in(bytes, size)->name, "nil", 4);
    plugin_write("libhal_nil.so", bytes, size);
    free(bytes);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_int_equal(entry_of(instance, "libhal_nil.so")->stage, HAL_LOAD_VERSION);
    assert_int_equal(hal_device_count(instance), 0);
    hal_instance_release(instance);
}

static void a_name_is_loaded_once(void **state)
{
    (void)state;
    plugin_copy("libhal_null.so");
    plugin_copy("libhal_twin.so");
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_ok(entry_of(instance, "libhal_null.so")->status);
    assert_non_null(strstr(entry_of(instance, "libhal_twin.so")->text, "\"null\" is loaded already"));
    assert_int_equal(hal_device_count(instance), 2);
    hal_instance_release(instance);
}

/* The dynamic linker would die of it. */
static void a_truncated_backend_is_refused_before_dlopen(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    plugin_write("libhal_short.so", bytes, (size_t)((char *)(note_in(bytes, size) + 1) - bytes));
    free(bytes);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    const hal_load_entry *e = entry_of(instance, "libhal_short.so");
    assert_int_equal(e->stage, HAL_LOAD_NOTE);
    assert_code(e->status, DATA_LOSS);
    hal_instance_release(instance);
}

static void dlopen_says_why(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size), *needed = memmem(bytes, size, "libc.so", 7);
    assert_non_null(needed);
    memcpy(needed, "libQ.so", 7); /* a library it links is not there */
    plugin_write("libhal_needy.so", bytes, size);
    free(bytes);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    const hal_load_entry *e = entry_of(instance, "libhal_needy.so");
    assert_int_equal(e->stage, HAL_LOAD_OPEN);
    assert_code(e->status, UNAVAILABLE);
    assert_non_null(strstr(e->text, "dlopen: libQ.so"));
    hal_instance_release(instance);
}

static void lists_allow_and_deny(void **state)
{
    (void)state;
    plugin_copy("libhal_null.so");
    hal_instance *instance = plugin_instance(scratch_root, "^null,cuda");
    assert_int_equal(hal_device_count(instance), 0);
    assert_non_null(strstr(entry_of(instance, "libhal_null.so")->text, "left out"));
    hal_instance_release(instance);
    instance = plugin_instance(scratch_root, "cpu,null");
    assert_int_equal(hal_device_count(instance), 2);
    hal_instance_release(instance);
    instance = plugin_instance(scratch_root, "nul");
    assert_int_equal(hal_device_count(instance), 0);
    hal_instance_release(instance);
}

static void lists_take_dash_for_underscore(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        uint32_t devices;
    } cases[] = {{"no-thing", 2}, {"no_thing", 2}, {"^no-thing", 0}, {"no.thing", 0}, {"no-thin", 0}};
    plugin_copy("libhal_no_thing.so");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hal_instance *instance = plugin_instance(scratch_root, cases[i].list);
        assert_int_equal(hal_device_count(instance), cases[i].devices);
        hal_instance_release(instance);
    }
}

/* What the environment chooses makes another instance, and none when it chooses the same. */
static void the_environment_is_read_for_each_instance(void **state)
{
    (void)state;
    static const char *const variables[][2] = {{"HAL_CPU_ISA", "plain"},      {"HAL_CPU_BIND", "0"},
                                               {"HAL_CPU_THREADS", "1"},      {"HAL_CPU_DEVICES", "2"},
                                               {"HAL_CPU_PRIMITIVES", "1"},   {"HAL_FAULT", "/dev/null"},
                                               {"HAL_BACKENDS", "none"},      {"HAL_TRACE", "/dev/null"},
                                               {"HAL_PLUGIN_PATH", "/"}};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        const char *before = getenv(variables[i][0]);
        char kept[512];
        snprintf(kept, sizeof kept, "%s", before != NULL ? before : "");
        hal_instance *plain = NULL, *chosen = NULL, *again = NULL;
        assert_ok(hal_instance_create(NULL, &plain));
        setenv(variables[i][0], variables[i][1], 1);
        assert_ok(hal_instance_create(NULL, &chosen));
        assert_ok(hal_instance_create(NULL, &again));
        setenv(variables[i][0], kept, 1);
        assert_ptr_not_equal(plain, chosen);
        assert_ptr_equal(chosen, again);
        hal_instance_release(again);
        hal_instance_release(chosen);
        hal_instance_release(plain);
    }
}

static void a_missing_device_is_explained(void **state)
{
    (void)state;
    hal_device *device = NULL;
    plugin_copy("libhal_null.so");
    plugin_write("libhal_broken.so", "nonsense", 8);
    hal_instance *instance = plugin_instance(scratch_root, NULL);
    assert_code(hal_device_find(instance, "broken0", &device), NOT_FOUND);
    assert_null(device);
    assert_non_null(strstr(hal_status_last()->text, "null0, null1"));
    assert_non_null(strstr(hal_status_last()->text, "libhal_broken.so at note"));
    hal_instance_release(instance);
}

#define fresh(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fresh(a_good_backend_is_claimed),
        fresh(our_own_backends_are_not_tried_first),
        fresh(other_names_are_not_looked_at),
        fresh(relative_directories_are_an_error),
        fresh(a_missing_directory_is_reported),
        fresh(a_file_anybody_can_write_is_refused),
        fresh(a_directory_anybody_can_write_is_refused),
        fresh(a_shared_group_that_can_write_is_refused),
        fresh(the_owners_private_group_may_write),
        fresh(a_file_of_another_user_is_refused),
        fresh(directories_above_are_checked),
        fresh(links_to_directories_are_resolved),
        fresh(links_and_pipes_are_refused),
        fresh(another_abi_or_sanitizer_is_refused_before_dlopen),
        fresh(an_older_table_is_taken_and_a_shorter_one_refused),
        fresh(a_note_that_lies_about_the_table_is_refused),
        fresh(a_name_is_loaded_once),
        fresh(a_truncated_backend_is_refused_before_dlopen),
        fresh(dlopen_says_why),
        fresh(lists_allow_and_deny),
        fresh(lists_take_dash_for_underscore),
        fresh(the_environment_is_read_for_each_instance),
        fresh(a_missing_device_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
