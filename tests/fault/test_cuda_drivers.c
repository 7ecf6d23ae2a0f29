/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cuda backend finds before it has a device: no driver, or one that is too old, has no device, fails or went away;
 * CUDA_VISIBLE_DEVICES of every form; parts of divided cards; no compiler. And processes: a child of one that uses a device,
 * and two that share one. Each trial is a process of its own, with libraries of its own in LD_LIBRARY_PATH.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include <hal/core.h>
#include <sys/wait.h>

#include "tests/fault/linker.h"
#include "tests/opencl/work.h"

static const char *lacking; /* of this machine; NULL: nothing */
static char built[512];     /* where the emulated libraries are */
static char path_before[4096];

/* ----------------------------------------------------------------------------------- in a process of its own -- */

/* "NAME=VALUE" or "NAME". */
static void change_environment(const char *what)
{
    char name[64];
    const char *equals = strchr(what, '=');
    if (equals == NULL) {
        unsetenv(what);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)(equals - what), what);
    setenv(name, equals + 1, 1);
}

/* Numbers of the emulated cards, in the order of devices. */
static void print_devices(hal_instance *instance)
{
    for (uint32_t i = 0; i < hal_device_count(instance); i++) {
        hal_device *device;
        hal_device_info info;
        int number;
        if (hal_device_get(instance, i, &device) != HAL_OK)
            return;
        hal_device_describe(device, &info);
        if (strcmp(info.backend, "cuda") == 0 && sscanf(info.name, "emulated GPU %d", &number) == 1)
            printf("%d", number);
        hal_device_release(device);
    }
    printf("\n");
}

static int print_status(hal_status status)
{
    printf("%s\n%s\n", hal_status_name(status), status == HAL_OK ? "" : hal_status_last()->text);
    fflush(stdout);
    return 0;
}

static hal_instance *instance_of_both(void)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .cpu_threads = 1, .backends = "cpu,cuda"};
    hal_instance *instance = NULL;
    return hal_instance_create(&options, &instance) == HAL_OK ? instance : NULL;
}

static hal_status work_three_times(hal_instance *instance)
{
    hal_status status = HAL_OK;
    for (int i = 0; i < 3 && status == HAL_OK; i++)
        status = work_on(instance, "gpu0", hal_deadline_ms(60000));
    return status;
}

/* A child that goes on with what its parent has, or begins anew. */
static int try_in_child(hal_instance *instance, bool anew)
{
    int how = 0;
    if (work_three_times(instance) != HAL_OK)
        return 3;
    const pid_t child = fork();
    if (child == 0) {
        alarm(30);
        if (anew)
            instance = instance_of_both();
        _exit(instance == NULL ? 4 : print_status(work_on(instance, "gpu0", hal_deadline_ms(20000))));
    }
    if (waitpid(child, &how, 0) != child || !WIFEXITED(how) || WEXITSTATUS(how) != 0)
        return 5;
    return work_three_times(instance) == HAL_OK ? 0 : 6;
}

/* "work", "fork" or "fork anew", then changes of the environment: before drivers are asked, "--", and before one is opened. */
static int trial(char *const *words)
{
    const char *what = *words++;
    for (; *words && strcmp(*words, "--") != 0; words++)
        change_environment(*words);
    work_ask();
    hal_instance *instance = instance_of_both();
    if (instance == NULL || work_session(instance, "cpu0", SOON) != HAL_OK)
        return 2;
    print_devices(instance);
    for (words += *words != NULL; *words; words++)
        change_environment(*words);
    const int code = strncmp(what, "fork", 4) == 0 ? try_in_child(instance, what[4] != '\0')
                                                   : print_status(work_three_times(instance));
    hal_instance_release(instance);
    return code;
}

/* ---------------------------------------------------------------------------------------------- beginning one -- */

typedef struct outcome { char devices[16], code[32], text[700]; } outcome;

typedef struct running { pid_t child; int from; } running;

static int setup(void **state)
{
    const char *build = getenv("top_builddir");
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(built, sizeof built, "%s/tests/emulated/lib", build != NULL ? build : ".");
    lacking = getenv("HAL_PROBE") == NULL ? "not started by make check"
              : access(built, R_OK) != 0  ? "the emulated CUDA driver is not built (it needs cuda.h and the headers of OpenCL)"
                                          : NULL;
    snprintf(path_before, sizeof path_before, "%s", getenv("PATH"));
    linker_alone();
    return 0;
}

static int teardown(void **state)
{
    setenv("PATH", path_before, 1);
    return scratch_teardown(state);
}

/* A new folder for libraries, and another for what is kept. */
static void clear(void)
{
    static int n;
    char name[32];
    if (lacking != NULL) {
        print_message("%s\n", lacking);
        skip();
    }
    snprintf(name, sizeof name, "trial%d", ++n);
    assert_int_equal(mkdir(scratch_path(name), 0755), 0);
    setenv("XDG_CACHE_HOME", scratch_path(name), 1);
    snprintf(name, sizeof name, "lib%d", n);
    assert_int_equal(mkdir(scratch_path(name), 0755), 0);
    setenv("LD_LIBRARY_PATH", scratch_path(name), 1);
    unsetenv("CUDA_VISIBLE_DEVICES");
    unsetenv("HAL_EMULATED_CUDA_SCRIPT");
}

/* In the folder: a library of that name, which is one of the emulated ones. */
static void put(const char *name, const char *library)
{
    char path[600], target[600];
    snprintf(path, sizeof path, "%s/%s", getenv("LD_LIBRARY_PATH"), name);
    snprintf(target, sizeof target, "%s/%s", built, library);
    assert_int_equal(symlink(target, path), 0);
}

static void put_all(void)
{
    put("libcuda.so.1", "libcuda.so.1");
    put("libnvrtc.so.13", "libnvrtc.so.13");
}

static running start(char *const *words)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        alarm(120); /* a hang is a failure */
        dup2(ends[1], STDOUT_FILENO);
        execv("/proc/self/exe", words);
        _exit(127);
    }
    close(ends[1]);
    return (running){child, ends[0]};
}

static outcome end_of(running r)
{
    outcome o = {.devices = ""};
    int how = 0;
    FILE *from = fdopen(r.from, "r");
    assert_non_null(from);
    if (fgets(o.devices, sizeof o.devices, from) && fgets(o.code, sizeof o.code, from) && fgets(o.text, sizeof o.text, from))
        o.text[strcspn(o.text, "\n")] = '\0';
    o.devices[strcspn(o.devices, "\n")] = o.code[strcspn(o.code, "\n")] = '\0';
    fclose(from);
    assert_int_equal(waitpid(r.child, &how, 0), r.child);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        fail_msg("a trial ended with %x: %s: %s", (unsigned)how, o.code, o.text);
    return o;
}

#define TRY(...) end_of(start((char *const[]){(char *)"trial", __VA_ARGS__, NULL}))

static void assert_outcome(const outcome *o, const char *devices, const char *code, const char *words)
{
    if (strcmp(o->devices, devices) != 0 || strcmp(o->code, code) != 0 || strstr(o->text, words) == NULL)
        fail_msg("devices \"%s\", %s: %s; wanted \"%s\", %s: %s", o->devices, o->code, o->text, devices, code, words);
}

#define EXPECT(devices, code, words, ...) \
    do { \
        const outcome o = TRY(__VA_ARGS__); \
        assert_outcome(&o, devices, code, words); \
    } while (0)

/* ---------------------------------------------------------------------------------------------------- drivers -- */

static void without_a_driver_there_is_no_device(void **state)
{
    (void)state;
    clear();
    EXPECT("", "NOT_FOUND", "gpu0", "work");
}

static char set_path[600];

/* hal-probe finds the driver, and this process none by then. */
static void a_driver_that_went_away_is_missed(void **state)
{
    (void)state;
    clear();
    put_all();
    snprintf(set_path, sizeof set_path, "LD_LIBRARY_PATH=%s", getenv("LD_LIBRARY_PATH"));
    unsetenv("LD_LIBRARY_PATH");
    EXPECT("01", "UNAVAILABLE", "", "work", set_path);
}

static void a_library_that_is_no_driver_is_told_as_old(void **state)
{
    (void)state;
    clear();
    put_all();
    snprintf(set_path, sizeof set_path, "LD_LIBRARY_PATH=%s", getenv("LD_LIBRARY_PATH"));
    clear();
    put("libcuda.so.1", "libnvrtc.so.13");
    EXPECT("", "NOT_FOUND", "gpu0", "work");
    EXPECT("01", "UNAVAILABLE", "has no cuInit: it is older than CUDA 11.0; install a newer driver", "work", set_path);
}

static void drivers_without_a_device_have_none(void **state)
{
    (void)state;
    static const char *const scripts[] = {"no-device", "init CUDA_ERROR_NO_DEVICE", "init CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
                                          "init CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE", "version 10020"};
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        clear();
        put_all();
        setenv("HAL_EMULATED_CUDA_SCRIPT", scripts[i], 1);
        EXPECT("", "NOT_FOUND", "gpu0", "work");
    }
}

/* It worked when it was asked. */
static void drivers_that_fail_later_are_told(void **state)
{
    (void)state;
    clear();
    put_all();
    EXPECT("01", "UNAVAILABLE", "cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "work", "--",
           "HAL_EMULATED_CUDA_SCRIPT=init CUDA_ERROR_SYSTEM_DRIVER_MISMATCH");
    EXPECT("01", "UNAVAILABLE", "cuInit: CUDA_ERROR_NO_DEVICE", "work", "--", "HAL_EMULATED_CUDA_SCRIPT=no-device");
}

/* ------------------------------------------------------------------------------------- which devices are seen -- */

#define FIRST "GPU-68616c20-656d-756c-6174-656420475001"
#define SECOND "GPU-68616c20-656d-756c-6174-656420475002"
#define PART "MIG-68616c20-656d-756c-6174-6564204d4902"

static void visible_devices_of_every_form(void **state)
{
    (void)state;
    static const struct { const char *list, *seen; } forms[] = {
        {"0", "0"}, {"1", "1"}, {"0,1", "01"}, {"1,0", "10"}, {" 1", "1"}, {"", ""}, {"-1", ""}, {"0,-1,1", "0"}, {"1,-1", "1"},
        {"7", ""}, {"1,7,0", "1"}, {"0,0", ""}, {"1,0,1", ""}, {"GPU", ""}, {"none", ""}, {"1,none", "1"}, {",", ""},
        {FIRST, "0"}, {SECOND, "1"}, {SECOND "," FIRST, "10"}, {FIRST "," FIRST, ""}, {"GPU-68", ""},
        {"gpu-68616C20-656d-756c-6174-656420475002", "1"}, {"GPU-ffff", ""}, {FIRST ",GPU-ffff", "0"}, {PART, ""}};
    clear();
    put_all();
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        setenv("CUDA_VISIBLE_DEVICES", forms[i].list, 1);
        const outcome o = TRY("work");
        if (strcmp(o.devices, forms[i].seen) != 0)
            fail_msg("\"%s\": devices \"%s\", not \"%s\"", forms[i].list, o.devices, forms[i].seen);
        assert_string_equal(o.code, forms[i].seen[0] != '\0' ? "OK" : "NOT_FOUND");
    }
}

/* What was told under another list: a device is found by its UUID, or is missed. */
static void visible_devices_that_change_are_found_or_missed(void **state)
{
    (void)state;
    clear();
    put_all();
    EXPECT("01", "OK", "", "work", "--", "CUDA_VISIBLE_DEVICES=1,0");
    EXPECT("01", "OK", "", "work", "--", "CUDA_VISIBLE_DEVICES=" FIRST);
    EXPECT("01", "NOT_FOUND", "CUDA_VISIBLE_DEVICES or the machine has changed", "work", "--", "CUDA_VISIBLE_DEVICES=1");
    EXPECT("01", "UNAVAILABLE", "cuInit: CUDA_ERROR_NO_DEVICE", "work", "--", "CUDA_VISIBLE_DEVICES=");
}

static void parts_of_divided_cards_are_devices(void **state)
{
    (void)state;
    clear();
    put_all();
    setenv("HAL_EMULATED_CUDA_SCRIPT", "mig", 1);
    setenv("CUDA_VISIBLE_DEVICES", PART, 1);
    EXPECT("1", "OK", "", "work");
    EXPECT("1", "NOT_FOUND", "MIG-", "work", "--", "HAL_EMULATED_CUDA_SCRIPT=", "CUDA_VISIBLE_DEVICES=" SECOND);
}

/* -------------------------------------------------------------------------------------------------- compilers -- */

static bool has_modules(void)
{
    char path[600];
    const char *build = getenv("top_builddir");
    snprintf(path, sizeof path, "%s/backends/cuda/modules/index.txt", build != NULL ? build : ".");
    return access(path, R_OK) == 0;
}

#define REFUSED "fail cuModuleLoadDataEx 1 CUDA_ERROR_UNSUPPORTED_PTX_VERSION"

/* A script under which NVRTC is needed: modules that were compiled with hal are refused where there are some. */
static char *needs_nvrtc(void)
{
    return has_modules() ? "HAL_EMULATED_CUDA_SCRIPT=" REFUSED : "HAL_EMULATED_CUDA_SCRIPT=";
}

static void without_nvrtc_there_is_what_was_compiled_with_hal(void **state)
{
    (void)state;
    clear();
    put("libcuda.so.1", "libcuda.so.1");
    EXPECT("01", has_modules() ? "OK" : "UNSUPPORTED", has_modules() ? "" : "install NVRTC", "work");
    EXPECT("01", "UNSUPPORTED", has_modules() ? "is refused by the driver: CUDA_ERROR_UNSUPPORTED_PTX_VERSION" : "NVRTC", "work",
           "--", "HAL_EMULATED_CUDA_SCRIPT=" REFUSED);
    put("libnvrtc.so.13", "libcuda.so.1");
    EXPECT("01", "UNSUPPORTED", "NVRTC has no nvrtcGetErrorString: it is older than CUDA 11.2", "work", "--",
           "HAL_EMULATED_CUDA_SCRIPT=" REFUSED);
}

static void make_folders(const char *path)
{
    char part[600];
    for (const char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", at ? (int)(at - path) : (int)strlen(path), path);
        mkdir(part, 0755);
        if (at == NULL)
            return;
    }
}

/* An installation of Python with NVRTC, below `name`. */
static void install_python(const char *name)
{
    char folder[500], path[600], target[600];
    snprintf(folder, sizeof folder, "%s/%s/lib/python3.11/site-packages/nvidia/cuda_nvrtc/lib", scratch_root, name);
    make_folders(folder);
    snprintf(path, sizeof path, "%s/libnvrtc.so.13", folder);
    snprintf(target, sizeof target, "%s/libnvrtc.so.13", built);
    assert_int_equal(symlink(target, path), 0);
    snprintf(folder, sizeof folder, "%s/%s/bin", scratch_root, name);
    make_folders(folder);
    snprintf(path, sizeof path, "%s/python3", folder);
    assert_int_equal(symlink("/proc/self/exe", path), 0);
}

static void nvrtc_is_found_beside_python(void **state)
{
    (void)state;
    char path[600];
    clear();
    install_python("venv");
    install_python("prefix");
    put("libcuda.so.1", "libcuda.so.1");
    setenv("VIRTUAL_ENV", scratch_path("venv"), 1);
    EXPECT("01", "OK", "", "work", "--", needs_nvrtc());
    unsetenv("VIRTUAL_ENV");
    snprintf(path, sizeof path, "/nonexistent:%s/prefix/bin:%s", scratch_root, getenv("PATH"));
    setenv("PATH", path, 1);
    clear();
    put("libcuda.so.1", "libcuda.so.1");
    EXPECT("01", "OK", "", "work", "--", needs_nvrtc());
    linker_alone();
}

/* -------------------------------------------------------------------------------------------------- processes -- */

static void a_child_has_no_use_for_its_parents_devices(void **state)
{
    (void)state;
    clear();
    put_all();
    EXPECT("01", "FAILED_PRECONDITION", "forked", "fork");
    EXPECT("01", "UNAVAILABLE", "forked", "fork anew");
}

static void two_processes_share_a_device(void **state)
{
    (void)state;
    clear();
    put_all();
    char *const words[] = {(char *)"trial", (char *)"work", NULL};
    const running first = start(words), second = start(words);
    const outcome a = end_of(first), b = end_of(second);
    assert_outcome(&a, "01", "OK", "");
    assert_outcome(&b, "01", "OK", "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_driver_there_is_no_device),
        cmocka_unit_test(a_driver_that_went_away_is_missed),
        cmocka_unit_test(a_library_that_is_no_driver_is_told_as_old),
        cmocka_unit_test(drivers_without_a_device_have_none),
        cmocka_unit_test(drivers_that_fail_later_are_told),
        cmocka_unit_test(visible_devices_of_every_form),
        cmocka_unit_test(visible_devices_that_change_are_found_or_missed),
        cmocka_unit_test(parts_of_divided_cards_are_devices),
        cmocka_unit_test(without_nvrtc_there_is_what_was_compiled_with_hal),
        cmocka_unit_test(nvrtc_is_found_beside_python),
        cmocka_unit_test(a_child_has_no_use_for_its_parents_devices),
        cmocka_unit_test(two_processes_share_a_device),
    };
    if (argc > 1)
        return trial(argv + 1);
    return cmocka_run_group_tests(tests, setup, teardown);
}
