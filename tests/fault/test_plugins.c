/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plugins that are damaged, foreign or fatal, as a person meets them: through `hal-run devices`. It lists the
 * devices that are there, says of each bad file what is wrong and where it stopped, and ends with 0; where
 * nothing else is there it ends with 3. Neither it nor this program dies.
 */
#include "tests/unit/plugin_test.h"

#include <elf.h>
#include <sys/wait.h>

static char output[16384];

/* Runs `hal-run ARGUMENTS` on scratch_root with these backends; what it printed is in `output`. */
static int hal_run_tool(const char *arguments, const char *backends)
{
    char command[1024];
    const char *build = getenv("top_builddir");
    if (build == NULL)
        skip();
    snprintf(command, sizeof command, "HAL_PLUGIN_PATH='%s' HAL_BACKENDS='%s' '%s/hal-run' %s 2>&1", scratch_root,
             backends, build, arguments);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    size_t n = fread(output, 1, sizeof output - 1, f);
    output[n] = '\0';
    int status = pclose(f);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void expect_output(const char *part)
{
    if (strstr(output, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, output);
}

/* libhal_bad.so beside a good backend, then alone, then asked for by name. */
static void expect_refused(const char *stage, const char *text)
{
    char where[600];
    snprintf(where, sizeof where, "not loaded   %s, stopped at %s: ", scratch_path("libhal_bad.so"), stage);
    plugin_copy("libhal_null.so");
    assert_int_equal(hal_run_tool("devices", "bad,null"), 0);
    expect_output("null0");
    expect_output(where);
    expect_output(text);
    assert_int_equal(hal_run_tool("devices", "bad"), 3);
    expect_output("no device");
    assert_int_equal(hal_run_tool("train --devices bad0 --steps 1 --quiet", "bad,null"), 3);
    expect_output("bad0");
    expect_output(text);
}

/* -------------------------------------------------- refused before any of its code runs -- */

static void expect_bytes_refused(const void *bytes, size_t size, const char *text)
{
    plugin_write("libhal_bad.so", bytes, size);
    expect_refused("note", text);
}

static void truncated_ones(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    expect_bytes_refused(bytes, (size_t)((char *)(note_in(bytes, size) + 1) - bytes), "the file is truncated");
    expect_bytes_refused(bytes, 40, "the file is truncated: it has 40 bytes");
    expect_bytes_refused(bytes, 0, "the file is truncated: it has 0 bytes");
    expect_bytes_refused("nonsense that is longer than an ELF header, which has 64 bytes", 62, "truncated");
    free(bytes);
}

static void those_of_another_machine(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    ((Elf64_Ehdr *)(void *)bytes)->e_machine = EM_S390;
    expect_bytes_refused(bytes, size, "built for another machine: ELF class 2, byte order 1, machine 22");
    free(bytes);
}

static void those_without_a_note(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    note_in(bytes, size)->type = 2;
    expect_bytes_refused(bytes, size, "no note .note.hal.backend: this is no hal backend");
    free(bytes);
}

static void those_of_another_abi(void **state)
{
    (void)state;
    size_t size;
    char *bytes = null_bytes(&size);
    hal_backend_note *note = note_in(bytes, size);
    note->abi_min = 7;
    note->abi_max = 9;
    expect_bytes_refused(bytes, size, "built for backend ABI 7 to 9; this hal speaks 0");
    expect_output("rebuild the backend \"null\"");
    free(bytes);
}

/* -------------------------------------------------- those that are bad to open -- */

static void copy_bad(void)
{
    char from[512], command[1200];
    const char *build = getenv("top_builddir");
    snprintf(from, sizeof from, "%s/.libs/libhal_bad.so", build != NULL ? build : ".");
    if (access(from, R_OK) != 0)
        skip();
    snprintf(command, sizeof command, "cp --remove-destination '%s' '%s' && chmod 755 '%s'", from, scratch_path("libhal_bad.so"),
             scratch_path("libhal_bad.so"));
    assert_int_equal(system(command), 0);
}

static void expect_fatal(const char *how, const char *text)
{
    copy_bad();
    setenv("BAD_PLUGIN", how, 1);
    expect_refused("dlopen", text);
    unsetenv("BAD_PLUGIN");
    expect_output("a child that tried it ");
}

static void constructors_abort(void **state)
{
    (void)state;
    expect_fatal("abort", "signal 6 (Aborted); its last words: bad_plugin: the card is on fire");
}

static void constructors_crash(void **state)
{
    (void)state;
    /* Under a sanitizer it is the sanitizer that ends it. */
    expect_fatal("crash", HAL_BACKEND_SANITIZER ? "ended with status" : "died of signal 11");
}

static void constructors_exit(void **state)
{
    (void)state;
    expect_fatal("exit", "ended with status 3");
}

static void constructors_hang(void **state)
{
    (void)state;
    char hint[1200] = "";
    copy_bad();
    setenv("BAD_PLUGIN", "hang", 1);
    int64_t begin = hal_time_now();
    hal_status s = hal_probe_run("dlopen", scratch_path("libhal_bad.so"), hal_deadline_ms(300), hint, sizeof hint);
    int64_t took = hal_time_now() - begin;
    unsetenv("BAD_PLUGIN");
    assert_code(s, DEADLINE_EXCEEDED);
    assert_non_null(strstr(hal_status_last()->text, "in a child, which was killed"));
    assert_true(took >= 300000000 && took < 2000000000);
}

/* A host that ignores the end of its children learns nothing from waitpid. */
static void hosts_may_ignore_their_children(void **state)
{
    (void)state;
    char hint[1200] = "";
    copy_bad();
    signal(SIGCHLD, SIG_IGN);
    setenv("BAD_PLUGIN", "chatter", 1);
    hal_status well =
        hal_probe_run("dlopen", scratch_path("libhal_bad.so"), hal_deadline_ms(20000), hint, sizeof hint);
    setenv("BAD_PLUGIN", "abort", 1);
    hal_status dead =
        hal_probe_run("dlopen", scratch_path("libhal_bad.so"), hal_deadline_ms(20000), hint, sizeof hint);
    unsetenv("BAD_PLUGIN");
    signal(SIGCHLD, SIG_DFL);
    assert_ok(well);
    assert_code(dead, INTERNAL);
    assert_non_null(strstr(hint, "hal-probe dlopen '"));
}

static void changed_bytes_kill_nobody(void **state)
{
    (void)state;
    size_t size;
    char hint[1200];
    int failed = 0;
    copy_bad();
    FILE *f = fopen(scratch_path("libhal_bad.so"), "rb");
    assert_non_null(f);
    char *bytes = malloc(1 << 20), *changed = malloc(1 << 20);
    assert_true(bytes != NULL && changed != NULL);
    size = fread(bytes, 1, 1 << 20, f);
    fclose(f);
    srandom(1);
    for (int i = 0; i < 60; i++) {
        memcpy(changed, bytes, size);
        for (int k = 0; k < 64; k++)
            changed[(size_t)random() % size] = (char)random();
        plugin_write("changed.so", changed, size);
        failed += hal_probe_run("dlopen", scratch_path("changed.so"), hal_deadline_ms(20000), hint, sizeof hint) !=
                  HAL_OK;
    }
    free(changed);
    free(bytes);
    assert_true(failed > 10);
}

/* -------------------------------------------------- what is known is not tried again -- */

/* How far libhal_bad.so came, and the cause. Its table is of no use, so "version" means that it was opened. */
static hal_load_stage stage_of_bad(char *text, size_t size)
{
    hal_instance *instance = plugin_instance(scratch_root, "bad");
    const hal_load_entry *e = hal_instance_report(instance, 0);
    assert_non_null(e);
    hal_load_stage stage = e->stage;
    snprintf(text, size, "%s", e->text);
    hal_instance_release(instance);
    return stage;
}

static void known_ones_are_not_tried_again(void **state)
{
    (void)state;
    char text[1024], helper[512];
    snprintf(helper, sizeof helper, "%s", getenv("HAL_PROBE") != NULL ? getenv("HAL_PROBE") : "");
    copy_bad();
    setenv("XDG_CACHE_HOME", scratch_path("cache"), 1);
    setenv("HAL_PROBE", "/nonexistent/hal-probe", 1);
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_OPEN);
    assert_non_null(strstr(text, "/nonexistent/hal-probe cannot be started: No such file"));
    setenv("HAL_PROBE", "hal-probe", 1);
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_OPEN);
    assert_non_null(strstr(text, "is not absolute"));

    setenv("HAL_PROBE", helper, 1);
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_VERSION);
    setenv("HAL_PROBE", "/nonexistent/hal-probe", 1);
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_VERSION);

    /* A list that others can write is not believed. */
    assert_int_equal(chmod(scratch_path("cache/hal/opened"), 0622), 0);
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_OPEN);
    assert_int_equal(chmod(scratch_path("cache/hal/opened"), 0600), 0);
    copy_bad(); /* the same bytes, but written anew */
    assert_int_equal(stage_of_bad(text, sizeof text), HAL_LOAD_OPEN);
    setenv("HAL_PROBE", helper, 1);
    unsetenv("XDG_CACHE_HOME");
}

static int no_cache_setup(void **state)
{
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    return scratch_setup(state);
}

#define fresh(test) cmocka_unit_test_setup_teardown(test, no_cache_setup, scratch_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        fresh(truncated_ones),
        fresh(those_of_another_machine),
        fresh(those_without_a_note),
        fresh(those_of_another_abi),
        fresh(constructors_abort),
        fresh(constructors_crash),
        fresh(constructors_exit),
        fresh(constructors_hang),
        fresh(hosts_may_ignore_their_children),
        fresh(changed_bytes_kill_nobody),
        fresh(known_ones_are_not_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
