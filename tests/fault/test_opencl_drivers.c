/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drivers of OpenCL that are missing, stale, empty, garbage or deadly beside PoCL, which stays usable; one without halves; and
 * the cache of compiled programs: damaged, read-only, filled by two processes at once. Each trial is a process of its own,
 * because a loader looks for drivers once in the life of a process.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <errno.h>
#include <hal/core.h>
#include <sys/wait.h>

#include "tests/opencl/halves.h"
#include "tests/opencl/work.h"

#define LATER hal_deadline_ms(60000)

static const char *lacking;    /* of this machine; NULL: nothing */
static char pocl[512];         /* the library that its manifest names */
static char stub[600];         /* a driver that behaves as its file's name says */
static char shim[600];         /* PoCL with less than it has, as HAL_TEST_ICD says */

/* -------------------------------------------------------------------------------------------------- stage -- */

static int setup(void **state)
{
    const char *build = getenv("top_builddir");
    if (scratch_setup(state) != 0)
        return -1;
    lacking = work_lacks();
    if (lacking != NULL)
        return 0;
    work_environment(scratch_root);
    setenv("HAL_OPENCL_BINARIES", "all", 1); /* PoCL takes long to give them */
    snprintf(stub, sizeof stub, "%s/.libs/libstub_opencl.so", build != NULL ? build : ".");
    snprintf(shim, sizeof shim, "%s/.libs/libshim_icd.so", build != NULL ? build : ".");
    FILE *f = fopen("/etc/OpenCL/vendors/pocl.icd", "r");
    if (f == NULL || fgets(pocl, sizeof pocl, f) == NULL || fclose(f) != 0)
        return -1;
    pocl[strcspn(pocl, "\n")] = '\0';
    return access(stub, R_OK) == 0 && access(shim, R_OK) == 0 ? 0 : -1;
}

/* In the scratch directory. */
static void command(const char *what)
{
    char text[1500];
    snprintf(text, sizeof text, "cd '%s' && %s", scratch_root, what);
    if (system(text) != 0)
        fail_msg("%s", text);
}

/* No driver, and nothing remembered. */
static void clear(void)
{
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    command("rm -rf vendors cache *.so && mkdir vendors cache");
}

static void manifest(const char *name, const char *library)
{
    assert_true(work_manifest(scratch_path("vendors"), name, library));
}

/* ------------------------------------------------------------------------------------------------- trials -- */

/* What a trial finds out: exit codes of its process. */
enum { WORKS = 0, WRONG = 1, NO_DEVICE = 2, COMPILED = 3 };

static hal_instance *instance_of_both(void)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu,opencl"};
    hal_instance *instance = NULL;
    return work_ask() == HAL_OK && hal_instance_create(&options, &instance) == HAL_OK ? instance : NULL;
}

static uint64_t kernels_compiled(hal_instance *instance)
{
    hal_device *device = NULL;
    void *opened = NULL;
    uint64_t n = UINT64_MAX;
    if (hal_device_find(instance, "opencl0", &device) != HAL_OK)
        return n;
    if (hal_device_activate(device, &opened) == HAL_OK)
        n = hal_device_backend(device)->counter(opened, "kernels");
    hal_device_release(device);
    return n;
}

static int try(void)
{
    hal_device *device = NULL;
    hal_instance *instance = instance_of_both();
    if (instance == NULL)
        return WRONG;
    hal_status status = work_session(instance, "cpu0", LATER);
    if (status == HAL_OK && hal_device_find(instance, "opencl0", &device) != HAL_OK)
        return NO_DEVICE;
    hal_device_release(device);
    if (status == HAL_OK)
        status = work_on(instance, "opencl0", LATER);
    if (status != HAL_OK)
        print_error("%s: %s\n", hal_status_name(status), hal_status_last()->text);
    const uint64_t compiled = status == HAL_OK ? kernels_compiled(instance) : 0;
    hal_instance_release(instance);
    return status != HAL_OK ? WRONG : compiled > 0 ? COMPILED : WORKS;
}

static pid_t start_trial(int (*trial)(void))
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120); /* a hang is a failure */
        _exit(trial());
    }
    return child;
}

static pid_t start(void)
{
    return start_trial(try);
}

static int end_of(pid_t child)
{
    int how = 0;
    while (waitpid(child, &how, 0) < 0)
        assert_int_equal(errno, EINTR);
    if (!WIFEXITED(how))
        fail_msg("a process ended by signal %d", WTERMSIG(how));
    return WEXITSTATUS(how);
}

static void expect(int expected, const char *what)
{
    const int found = end_of(start());
    if (found != expected && !(expected == WORKS && found == COMPILED))
        fail_msg("%s: %d, not %d (0 and 3 work, 1 is wrong, 2 has no device)", what, found, expected);
}

/* ------------------------------------------------------------------------------------------------ drivers -- */

/* A driver of this test goes where its manifest says. */
static void place(const char *library)
{
    char text[1300];
    if (strstr(library, "/libstub-") == NULL)
        return;
    snprintf(text, sizeof text, "cp '%s' '%s'", stub, library);
    assert_int_equal(system(text), 0);
}

/* Alone it gives no device; before and behind PoCL it takes nothing away. */
static void beside_pocl(const char *what, const char *library)
{
    clear();
    place(library);
    manifest("a.icd", library);
    expect(NO_DEVICE, what);
    manifest("pocl.icd", pocl);
    expect(WORKS, what);
    manifest("z.icd", library);
    expect(WORKS, what);
}

static void missing_drivers(void **state)
{
    (void)state;
    beside_pocl("missing", "libhal-missing.so");
    beside_pocl("stale", "/nonexistent/of/an/older/version/libdriver.so");
}

static void empty_and_garbled_manifests(void **state)
{
    (void)state;
    char text[6000];
    beside_pocl("empty", "");
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    beside_pocl("endless", text);
    beside_pocl("garbage", "\xff\xfe\x01\x02 \t\r\n\n\xc3\x28");
}

static void manifests_that_are_no_files(void **state)
{
    (void)state;
    clear();
    manifest("pocl.icd", pocl);
    command("mkdir vendors/a.icd && ln -s /nonexistent vendors/b.icd");
    expect(WORKS, "a directory and a dangling link");
}

static void files_that_are_no_libraries(void **state)
{
    (void)state;
    clear();
    beside_pocl("a manifest as a library", "/etc/OpenCL/vendors/pocl.icd");
    beside_pocl("a library that is no driver", "libm.so.6");
}

static void deadly_drivers(void **state)
{
    (void)state;
    beside_pocl("aborting", scratch_path("libstub-abort.so"));
    beside_pocl("failing", scratch_path("libstub-fail.so"));
    beside_pocl("without a device", scratch_path("libstub-none.so"));
}

static void hanging_drivers(void **state)
{
    (void)state;
    beside_pocl("hanging", scratch_path("libstub-hang.so"));
}

/* ------------------------------------------------------------------------------------------------- halves -- */

static int try_halves(void)
{
    hal_instance *instance = instance_of_both();
    if (instance == NULL)
        return WRONG;
    const hal_status status = halves_on(instance, "opencl0", LATER);
    if (status != HAL_OK)
        print_error("%s: %s\n", hal_status_name(status), hal_status_last()->text);
    hal_instance_release(instance);
    return status == HAL_OK ? WORKS : WRONG;
}

/* The shim hides what PoCL may have; PoCL's compiler takes no value of the type half on processors. Both sets of kernels, for
   they convert in ways of their own: by arithmetic on the bits, and by vload_half, which every device has. */
static void devices_without_halves_compute_in_floats(void **state)
{
    (void)state;
    static const char *const variants[] = {"wide", "gpu"};
    clear();
    manifest("shim.icd", shim);
    setenv("HAL_TEST_ICD", "fp16=0,fp64=0", 1);
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        setenv("HAL_OPENCL_VARIANT", variants[i], 1);
        const int found = end_of(start_trial(try_halves));
        unsetenv("HAL_OPENCL_VARIANT");
        if (found != WORKS)
            fail_msg("%s: %d", variants[i], found);
    }
    unsetenv("HAL_TEST_ICD");
}

/* -------------------------------------------------------------------------------------------------- cache -- */

static void compiled_programs_are_kept(void **state)
{
    (void)state;
    clear();
    manifest("pocl.icd", pocl);
    assert_int_equal(end_of(start()), COMPILED);
    assert_int_equal(end_of(start()), WORKS);
    command("rm -rf cache && mkdir cache");
    assert_int_equal(end_of(start()), COMPILED);
}

/* All files of the cache at once; what is damaged is compiled anew and kept again. */
static void damaged_caches_are_no_harm(void **state)
{
    (void)state;
    static const char *const damages[] = {": >\"$f\"",
                                          "truncate -s 100 \"$f\"",
                                          "truncate -s -1 \"$f\"",
                                          "echo garbage >>\"$f\"",
                                          "echo garbage >\"$f\"",
                                          "printf '\\377' | dd of=\"$f\" bs=1 seek=150 conv=notrunc 2>/dev/null",
                                          "head -c 5000 /dev/urandom >\"$f\"",
                                          "rm \"$f\" && mkdir \"$f\"",
                                          "rm \"$f\" && ln -s /dev/zero \"$f\""};
    char text[300];
    clear();
    manifest("pocl.icd", pocl);
    assert_int_equal(end_of(start()), COMPILED);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        snprintf(text, sizeof text, "for f in $(find cache -type f ! -name 'answers-*'); do %s; done", damages[i]);
        command(text);
        const int found = end_of(start());
        if (found != COMPILED)
            fail_msg("after %s: %d", damages[i], found);
        command("find cache -mindepth 1 \\( -type l -o -type d -empty \\) -delete");
        end_of(start());
    }
}

static void caches_that_cannot_be_written_are_done_without(void **state)
{
    (void)state;
    clear();
    manifest("pocl.icd", pocl);
    assert_int_equal(end_of(start()), COMPILED);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    const int found = end_of(start());
    setenv("XDG_CACHE_HOME", scratch_path("cache"), 1);
    assert_true(found == COMPILED || found == NO_DEVICE); /* what devices there are is kept there, too */
}

static void two_processes_fill_a_cache_at_once(void **state)
{
    (void)state;
    clear();
    manifest("pocl.icd", pocl);
    for (int i = 0; i < 3; i++) {
        command("rm -rf cache && mkdir cache");
        const pid_t one = start(), other = start();
        assert_int_not_equal(end_of(one), WRONG);
        assert_int_not_equal(end_of(other), WRONG);
        assert_int_equal(end_of(start()), WORKS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_drivers),
        cmocka_unit_test(empty_and_garbled_manifests),
        cmocka_unit_test(manifests_that_are_no_files),
        cmocka_unit_test(files_that_are_no_libraries),
        cmocka_unit_test(deadly_drivers),
        cmocka_unit_test(hanging_drivers),
        cmocka_unit_test(devices_without_halves_compute_in_floats),
        cmocka_unit_test(compiled_programs_are_kept),
        cmocka_unit_test(damaged_caches_are_no_harm),
        cmocka_unit_test(caches_that_cannot_be_written_are_done_without),
        cmocka_unit_test(two_processes_fill_a_cache_at_once),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
