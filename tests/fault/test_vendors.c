/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vendors' libraries that are missing, odd or fatal: each of them in each way, beside all others that work. What is wrong is
 * told, nobody hides another, nobody waits longer than his deadline, and nothing stays behind.
 */
#include "tests/unit/core_test.h"
#include "tests/unit/scratch_test.h"

#include "hal/discovery/answer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

typedef struct vendor {
    const char *name, *stub, *file, *variable;
    const char *lacks; /* a function without which it is of no use */
    const char *old;   /* one without which it is too old; NULL: it says so itself */
} vendor;

static const vendor vendors[] = {
    {"nvml", "libstub_nvml.so", "libnvidia-ml.so.1", "STUB_NVML", "nvmlDeviceGetUUID", NULL},
    {"cuda", "libstub_cuda.so", "libcuda.so.1", "STUB_CUDA", "cuDeviceGetCount", NULL},
    {"rsmi", "libstub_rsmi.so", "librocm_smi64.so.1", "STUB_RSMI", "rsmi_dev_pci_id_get", NULL},
    {"hip", "libstub_hip.so", "libamdhip64.so.6", "STUB_HIP", "hipDeviceTotalMem", NULL},
    {"ze", "libstub_ze.so", "libze_loader.so.1", "STUB_ZE", "zeDriverGetApiVersion", NULL},
    {"dcmi", "libstub_dcmi.so", "libdcmi.so", "STUB_DCMI", "dcmi_get_card_list", "dcmi_get_device_pcie_info_v2"},
    {"acl", "libstub_acl.so", "libascendcl.so", "STUB_ACL", "aclrtGetSocName", NULL},
    {"opencl", "libstub_opencl.so", "libOpenCL.so.1", "STUB_OPENCL", "clGetPlatformIDs", NULL},
};
#define VENDORS (sizeof vendors / sizeof vendors[0])
#define BRIEF   hal_deadline_ms(1500)

static char built[512]; /* where stubs are built */

/* ---------------------------------------------------------------------------------------------------- stage -- */

static void *bytes_of(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return NULL;
    void *bytes = malloc(1 << 21);
    assert_non_null(bytes);
    *size = fread(bytes, 1, 1 << 21, f);
    fclose(f);
    return bytes;
}

/* A copy of a stub, under its real name or `name`, in which the function `without` is called something else. */
static void place(const vendor *v, const char *name, const char *without)
{
    char path[1100];
    size_t size = 0;
    snprintf(path, sizeof path, "%s/%s", built, v->stub);
    char *bytes = bytes_of(path, &size);
    assert_non_null(bytes);
    for (char *p = bytes; without != NULL && (p = memmem(p, size - (size_t)(p - bytes), without, strlen(without) + 1)) != NULL;)
        *p = '_';
    unlink(scratch_path(name));
    FILE *f = fopen(scratch_path(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    free(bytes);
}

static void write_text(const char *name, const char *text)
{
    FILE *f = fopen(scratch_path(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    const char *build = getenv("top_builddir");
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(built, sizeof built, "%s/.libs", build != NULL ? build : ".");
    setenv("LD_LIBRARY_PATH", scratch_root, 1);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    mkdir(scratch_path("vendors"), 0755);
    setenv("OCL_ICD_VENDORS", scratch_path("vendors"), 1);
    write_text("vendors/stub.icd", "libstub_driver.so\n");
    return 0;
}

static void place_all(void)
{
    char path[1100];
    snprintf(path, sizeof path, "%s/%s", built, vendors[0].stub);
    if (access(path, R_OK) != 0 || getenv("HAL_PROBE") == NULL)
        skip(); /* not started by make check */
    for (size_t i = 0; i < VENDORS; i++) {
        unsetenv(vendors[i].variable);
        place(&vendors[i], vendors[i].file, NULL);
    }
    place(&vendors[VENDORS - 1], "libstub_driver.so", NULL);
}

static hal_answers *ask(int64_t deadline)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_ok(hal_answers_ask(NULL, files, deadline, &answers));
    hal_files_close(files);
    return answers;
}

static const hal_vendor_fact *fact_of(const hal_answers *answers, const char *name)
{
    uint32_t n;
    const hal_vendor_fact *facts = hal_answers_facts(answers, &n);
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(facts[i].vendor, name) == 0)
            return &facts[i];
    fail_msg("nothing is said of %s", name);
    return NULL;
}

static uint32_t devices_of(const hal_answers *answers, const char *name)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < hal_answers_count(answers); i++) {
        const hal_answer *a = hal_answers_at(answers, i);
        n += a->kind == HAL_ANSWER_DEVICE && a->parent[0] == '\0' && strcmp(a->api, name) == 0;
    }
    return n;
}

static void expect_fact(const hal_answers *answers, const char *name, uint32_t end, const char *text)
{
    const hal_vendor_fact *f = fact_of(answers, name);
    if (f->end != end)
        fail_msg("%s ended as %u, not %u: %s", name, f->end, end, f->text);
    if (strstr(f->text, text) == NULL)
        fail_msg("\"%s\" is not in: %s", text, f->text);
    assert_int_equal(devices_of(answers, name), end == HAL_FACT_DEVICES ? 2 : 0);
}

static void expect_others_well(const hal_answers *answers, const char *but)
{
    for (size_t i = 0; i < VENDORS; i++)
        if (strcmp(vendors[i].name, but) != 0)
            expect_fact(answers, vendors[i].name, HAL_FACT_DEVICES, "");
}

/* The file that is blamed: of OpenCL the driver. */
static const char *loaded_from(const vendor *v)
{
    return scratch_path(strcmp(v->name, "opencl") == 0 ? "libstub_driver.so" : v->file);
}

/* Each vendor in turn behaves that way; `text` is part of what is then said of it. */
static void each_behaves(const char *word, uint32_t end, const char *text)
{
    place_all();
    for (size_t i = 0; i < VENDORS; i++) {
        setenv(vendors[i].variable, word, 1);
        hal_answers *answers = ask(end == HAL_FACT_LATE ? BRIEF : SOON);
        unsetenv(vendors[i].variable);
        expect_fact(answers, vendors[i].name, end, text);
        assert_string_equal(fact_of(answers, vendors[i].name)->library, loaded_from(&vendors[i]));
        expect_others_well(answers, vendors[i].name);
        hal_answers_free(answers);
    }
}

/* ------------------------------------------------------------------------------------------------------ ways -- */

static void all_answer(void **state)
{
    (void)state;
    place_all();
    hal_answers *answers = ask(SOON);
    expect_others_well(answers, "");
    const hal_vendor_fact *f = fact_of(answers, "nvml");
    assert_string_equal(f->driver, "535.129.03");
    assert_string_equal(f->library, scratch_path("libnvidia-ml.so.1"));
    assert_non_null(strstr(f->hint, "hal-probe ask 'nvml'"));
    assert_true(f->nanoseconds > 0 && f->when > 0);
    f = fact_of(answers, "opencl");
    assert_string_equal(f->manifest, scratch_path("vendors/stub.icd"));
    assert_string_equal(f->library, scratch_path("libstub_driver.so"));
    hal_answers_free(answers);
}

static void they_have_no_device(void **state)
{
    (void)state;
    each_behaves("none", HAL_FACT_NONE, "");
}

static void they_fail(void **state)
{
    (void)state;
    each_behaves("fail", HAL_FACT_FAILED, " answered ");
    place_all();
    setenv("STUB_NVML", "fail", 1);
    setenv("STUB_ACL", "fail", 1);
    hal_answers *answers = ask(SOON);
    unsetenv("STUB_NVML");
    unsetenv("STUB_ACL");
    assert_int_equal(fact_of(answers, "nvml")->code, 9);
    expect_fact(answers, "nvml", HAL_FACT_FAILED, "nvmlInit_v2 answered 9: Driver Not Loaded");
    expect_fact(answers, "acl", HAL_FACT_FAILED, "aclInit answered 507008: E19999: the stub is told to fail?TraceBack");
    hal_answers_free(answers);
}

static void they_abort(void **state)
{
    (void)state;
    each_behaves("abort", HAL_FACT_DIED, "died of signal 6 (Aborted); its last words: stub: the card is on fire");
}

static void they_scribble(void **state)
{
    (void)state;
    each_behaves("scribble", HAL_FACT_GARBAGE, ", line ");
}

static void they_hang(void **state)
{
    (void)state;
    each_behaves("hang", HAL_FACT_LATE, "in a child, which was killed");
}

static void they_are_too_old(void **state)
{
    (void)state;
    place_all();
    for (size_t i = 0; i < VENDORS; i++) {
        setenv(vendors[i].variable, "old", 1);
        place(&vendors[i], vendors[i].file, vendors[i].old);
        hal_answers *answers = ask(SOON);
        unsetenv(vendors[i].variable);
        place(&vendors[i], vendors[i].file, NULL);
        expect_fact(answers, vendors[i].name, HAL_FACT_OLD, "");
        expect_others_well(answers, vendors[i].name);
        hal_answers_free(answers);
    }
}

static void they_lack_a_function(void **state)
{
    (void)state;
    place_all();
    for (size_t i = 0; i < VENDORS; i++) {
        place(&vendors[i], vendors[i].file, vendors[i].lacks);
        hal_answers *answers = ask(SOON);
        place(&vendors[i], vendors[i].file, NULL);
        expect_fact(answers, vendors[i].name, HAL_FACT_LACKS, vendors[i].lacks);
        expect_others_well(answers, vendors[i].name);
        hal_answers_free(answers);
    }
}

static void they_are_no_libraries(void **state)
{
    (void)state;
    static const char words[] = "this is no library, but longer than the header of one, which has 64 bytes\n";
    place_all();
    write_text("libOpenCL.so", words); /* the other name, under which a real one would load the drivers placed here */
    for (size_t i = 0; i < VENDORS; i++) {
        unlink(scratch_path(vendors[i].file));
        write_text(vendors[i].file, words);
        hal_answers *answers = ask(SOON);
        unlink(scratch_path(vendors[i].file));
        place(&vendors[i], vendors[i].file, NULL);
        const hal_vendor_fact *f = fact_of(answers, vendors[i].name);
        if (f->library[0] != '/' || strncmp(f->library, scratch_root, strlen(scratch_root)) == 0)
            expect_fact(answers, vendors[i].name, HAL_FACT_ABSENT, ""); /* else a real one took its place */
        expect_others_well(answers, vendors[i].name);
        hal_answers_free(answers);
    }
    unlink(scratch_path("libOpenCL.so"));
}

/* --------------------------------------------------------------------------------------------------- together -- */

static void everybody_hangs(void **state)
{
    (void)state;
    place_all();
    for (size_t i = 0; i < VENDORS; i++)
        setenv(vendors[i].variable, "hang", 1);
    int64_t begin = hal_time_now();
    hal_answers *answers = ask(hal_deadline_ms(15000));
    int64_t took = hal_time_now() - begin;
    for (size_t i = 0; i < VENDORS; i++) {
        unsetenv(vendors[i].variable);
        expect_fact(answers, vendors[i].name, HAL_FACT_LATE, "");
    }
    hal_answers_free(answers);
    assert_true(took < 10000000000); /* 3 s each, but side by side */
}

static void a_missing_helper_is_told(void **state)
{
    (void)state;
    char helper[512];
    place_all();
    snprintf(helper, sizeof helper, "%s", getenv("HAL_PROBE"));
    setenv("HAL_PROBE", "/nonexistent/hal-probe", 1);
    hal_answers *answers = ask(SOON);
    setenv("HAL_PROBE", helper, 1);
    for (size_t i = 0; i < VENDORS; i++)
        expect_fact(answers, vendors[i].name, HAL_FACT_UNASKED, "cannot be started: No such file");
    hal_answers_free(answers);
}

/* -------------------------------------------------------------------------------------- one of them alone -- */

static hal_answers *ask_some(const char *names)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_ok(hal_answers_ask_some(NULL, files, names, SOON, &answers));
    hal_files_close(files);
    return answers;
}

static hal_answers *recall(void)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_ok(hal_answers_recall(NULL, files, &answers));
    hal_files_close(files);
    return answers;
}

/* Who was not asked again keeps what it said. */
static void one_is_asked_anew(void **state)
{
    (void)state;
    place_all();
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    hal_answers_free(ask(SOON));
    setenv("STUB_OPENCL", "none", 1);
    setenv("STUB_CUDA", "none", 1);
    hal_answers *some = ask_some("opencl"), *all = recall();
    unsetenv("STUB_OPENCL");
    unsetenv("STUB_CUDA");
    uint32_t n;
    hal_answers_facts(some, &n);
    assert_int_equal(n, 1);
    expect_fact(some, "opencl", HAL_FACT_NONE, "");
    expect_fact(all, "opencl", HAL_FACT_NONE, "");
    expect_others_well(all, "opencl");
    hal_answers_free(some);
    hal_answers_free(all);
    hal_answers_free(ask_some("opencl"));
    all = recall();
    expect_others_well(all, "");
    hal_answers_free(all);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
}

static hal_status told_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    hal_vendor_device devices[8];
    (void)state;
    *count = fake.host->vendor_devices(fake.host->context, "opencl", 8, devices);
    for (uint32_t i = 0; i < *count && i < capacity; i++)
        records[i] = (hal_device_record){.alias = "opencl"};
    return HAL_OK;
}

/* An instance over a backend that needs OpenCL; where nothing can be kept, what was answered is still told. */
static void an_instance_asks_when_a_device_is_missing(void **state)
{
    (void)state;
    hal_device *device = NULL, *found = NULL;
    place_all();
    hal_backend table = fake_table;
    table.claim = told_claim;
    table.vendors = "opencl";
    device = fake_device(false);
    hal_instance *instance = hal_device_instance(device);
    instance->loaded[0]->table = &table;
    setenv("STUB_OPENCL", "abort", 1);
    assert_code(hal_device_find(instance, "opencl0", &found), NOT_FOUND);
    assert_non_null(strstr(hal_status_last()->text, "D804"));
    assert_non_null(strstr(hal_status_last()->text, "stub.icd"));
    unsetenv("STUB_OPENCL");
    assert_code(hal_device_find(instance, "opencl0", &found), NOT_FOUND); /* once is enough */
    assert_ok(hal_instance_probe(instance, SOON));
    assert_ok(hal_device_find(instance, "opencl0", &found)); /* the second: the first stands for the fake */
    hal_device_release(found);
    write_text("vendors/stub.icd", "libnowhere.so\n");
    instance->probed = false;
    assert_code(hal_device_find(instance, "opencl7", &found), NOT_FOUND);
    assert_non_null(strstr(hal_status_last()->text, "D703"));
    write_text("vendors/stub.icd", "libstub_driver.so\n");
    hal_device_release(device);
}

/* Where real libraries are: the system's directory, or one that Debian's packages were unpacked to. */
static bool has_real(const char *file, char *directory, size_t size)
{
    const char *given = getenv("HAL_TEST_LIBRARIES");
    char path[600];
    snprintf(directory, size, "%s", given != NULL ? given : "/usr/lib/x86_64-linux-gnu");
    snprintf(path, sizeof path, "%s/%s", directory, file);
    return access(path, R_OK) == 0;
}

/* Where the tests shall run against real libraries, not having one is a failure. */
static void lacks(const char *file, const char *package)
{
    if (getenv("HAL_TEST_REAL") != NULL)
        fail_msg("%s is not installed (Debian: %s)", file, package);
    print_message("%s is not installed (Debian: %s)\n", file, package);
    skip();
}

/* Drivers of OpenCL: one that works, others that are bad in ways that kill or mislead programs that list platforms. The real
   loader is asked where it is installed, else one that is a driver itself. */
static void one_driver_of_opencl_hides_no_other(void **state)
{
    (void)state;
    const vendor *v = &vendors[VENDORS - 1];
    uint32_t n, devices = 0, died = 0, late = 0, absent = 0;
    char directory[400];
    if (!has_real("libOpenCL.so.1", directory, sizeof directory))
        lacks("libOpenCL.so.1", "ocl-icd-libopencl1");
    place_all();
    unlink(scratch_path(v->file));
    place(v, "libstub-abort.so", NULL);
    place(v, "libstub-hang.so", NULL);
    write_text("vendors/a.icd", "libstub-abort.so\n");
    write_text("vendors/b.icd", "libstub-hang.so\n");
    write_text("vendors/c.icd", "libmissing.so");
    write_text("vendors/d.icd", "");
    hal_answers *answers = ask(BRIEF);
    const hal_vendor_fact *facts = hal_answers_facts(answers, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(facts[i].vendor, "opencl") != 0)
            continue;
        devices += facts[i].end == HAL_FACT_DEVICES && strstr(facts[i].manifest, "stub.icd") != NULL ? facts[i].devices : 0;
        died += facts[i].end == HAL_FACT_DIED && strstr(facts[i].manifest, "a.icd") != NULL;
        late += facts[i].end == HAL_FACT_LATE && strstr(facts[i].manifest, "b.icd") != NULL;
        absent += facts[i].end == HAL_FACT_ABSENT;
    }
    for (const char *name = "abcd"; *name != '\0'; name++) {
        char path[32];
        snprintf(path, sizeof path, "vendors/%c.icd", *name);
        unlink(scratch_path(path));
    }
    hal_answers_free(answers);
    assert_int_equal(devices, 2);
    assert_int_equal(died, 1);
    assert_int_equal(late, 1);
    assert_int_equal(absent, 2);
}

static void the_real_loader_of_level_zero_takes_a_driver(void **state)
{
    (void)state;
    char directory[400], library[700];
    if (!has_real("libze_loader.so.1", directory, sizeof directory))
        lacks("libze_loader.so.1", "libze1");
    place_all();
    unlink(scratch_path("libze_loader.so.1"));
    place(&vendors[4], "libstub_ze_driver.so", NULL);
    snprintf(library, sizeof library, "%s:%s", scratch_root, directory);
    setenv("LD_LIBRARY_PATH", library, 1);
    setenv("ZE_ENABLE_ALT_DRIVERS", scratch_path("libstub_ze_driver.so"), 1);
    hal_answers *answers = ask(SOON);
    unsetenv("ZE_ENABLE_ALT_DRIVERS");
    setenv("LD_LIBRARY_PATH", scratch_root, 1);
    expect_fact(answers, "ze", HAL_FACT_DEVICES, "");
    assert_non_null(strstr(fact_of(answers, "ze")->library, directory));
    hal_answers_free(answers);
}

/* Debian's libraries on a machine without their hardware: they say no in their own ways, and none dies of it. */
static void real_libraries_find_nothing(void **state)
{
    (void)state;
    static const char *const files[][3] = {{"ze", "libze_loader.so.1", "libze1"},
                                           {"rsmi", "librocm_smi64.so.1", "librocm-smi64-1"},
                                           {"hip", "libamdhip64.so.5", "libamdhip64-5"}};
    char directory[400], library[700];
    uint32_t seen = 0;
    snprintf(library, sizeof library, "%s", has_real("", directory, sizeof directory) ? directory : "");
    setenv("LD_LIBRARY_PATH", library, 1);
    hal_answers *answers = ask(SOON);
    setenv("LD_LIBRARY_PATH", scratch_root, 1);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        const hal_vendor_fact *f = fact_of(answers, files[i][0]);
        if (f->end == HAL_FACT_ABSENT)
            print_message("%s cannot be opened: %s\n", files[i][1], f->text);
        else
            seen++;
        if (f->end == HAL_FACT_DIED || f->end == HAL_FACT_LATE || f->end == HAL_FACT_LEFT || f->end == HAL_FACT_GARBAGE)
            fail_msg("%s: %s", files[i][1], f->text);
        if (f->end == HAL_FACT_ABSENT && getenv("HAL_TEST_REAL") != NULL)
            lacks(files[i][1], files[i][2]);
    }
    hal_answers_free(answers);
    if (seen == 0)
        skip();
}

/* PoCL, through the real loader: one device, which is the processors. It wants a directory for its cache. */
static void pocl_runs_on_the_processors(void **state)
{
    (void)state;
    char directory[400];
    uint32_t found = 0;
    if (!has_real("libOpenCL.so.1", directory, sizeof directory))
        lacks("libOpenCL.so.1", "ocl-icd-libopencl1");
    if (access("/etc/OpenCL/vendors/pocl.icd", R_OK) != 0)
        lacks("pocl.icd", "pocl-opencl-icd");
    setenv("LD_LIBRARY_PATH", directory, 1);
    setenv("OCL_ICD_VENDORS", "/etc/OpenCL/vendors/pocl.icd", 1);
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    hal_answers *answers = ask(hal_deadline_ms(15000));
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    setenv("OCL_ICD_VENDORS", scratch_path("vendors"), 1);
    setenv("LD_LIBRARY_PATH", scratch_root, 1);
    for (uint32_t i = 0; i < hal_answers_count(answers); i++) {
        const hal_answer *a = hal_answers_at(answers, i);
        found += strcmp(a->api, "opencl") == 0 && a->kind == HAL_ANSWER_DEVICE && a->type == HAL_DEVICE_CPU &&
                 strstr(a->platform_name, "Portable Computing Language") != NULL;
    }
    if (found != 1)
        fail_msg("%u devices; %s", found, fact_of(answers, "opencl")->text);
    assert_non_null(strstr(fact_of(answers, "opencl")->manifest, "pocl.icd"));
    hal_answers_free(answers);
}

static uint32_t open_files(void)
{
    uint32_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        n++;
    closedir(d);
    return n;
}

static void nothing_stays_behind(void **state)
{
    (void)state;
    place_all();
    uint32_t before = open_files();
    setenv("STUB_NVML", "abort", 1);
    setenv("STUB_ZE", "hang", 1);
    hal_answers_free(ask(hal_deadline_ms(400)));
    unsetenv("STUB_NVML");
    unsetenv("STUB_ZE");
    assert_int_equal(open_files(), before);
    errno = 0;
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
}

/* ------------------------------------------------------------------------------------------------ what is kept -- */

static void answers_are_kept(void **state)
{
    (void)state;
    hal_files *files = NULL;
    hal_answers *kept = NULL;
    place_all();
    setenv("XDG_CACHE_HOME", scratch_path("cache"), 1);
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_code(hal_answers_recall(NULL, files, &kept), NOT_FOUND);
    setenv("STUB_CUDA", "fail", 1);
    hal_answers_free(ask(SOON));
    unsetenv("STUB_CUDA");
    hal_files_close(files);

    setenv("HAL_PROBE_WAS", getenv("HAL_PROBE"), 1);
    setenv("HAL_PROBE", "/nonexistent/hal-probe", 1); /* nothing is started */
    assert_ok(hal_files_open(NULL, NULL, &files));
    assert_ok(hal_answers_recall(NULL, files, &kept));
    setenv("HAL_PROBE", getenv("HAL_PROBE_WAS"), 1);
    expect_fact(kept, "cuda", HAL_FACT_FAILED, "cuInit answered 999");
    expect_others_well(kept, "cuda");
    assert_true(hal_answers_when(kept) > 0);
    hal_answers_free(kept);

    /* Another value of a variable is another state; a file that others may write is not believed. */
    setenv("CUDA_VISIBLE_DEVICES", "1", 1);
    assert_code(hal_answers_recall(NULL, files, &kept), NOT_FOUND);
    unsetenv("CUDA_VISIBLE_DEVICES");
    assert_ok(hal_answers_recall(NULL, files, &kept));
    hal_answers_free(kept);
    char command[400];
    snprintf(command, sizeof command, "chmod g+w '%s'/cache/hal/answers-*", scratch_root);
    assert_int_equal(system(command), 0);
    assert_code(hal_answers_recall(NULL, files, &kept), NOT_FOUND);
    snprintf(command, sizeof command, "cd '%s'/cache/hal && chmod 600 answers-* && echo garbage >>\"`ls`\"", scratch_root);
    assert_int_equal(system(command), 0);
    assert_code(hal_answers_recall(NULL, files, &kept), NOT_FOUND);
    hal_files_close(files);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_answer),
        cmocka_unit_test(they_have_no_device),
        cmocka_unit_test(they_fail),
        cmocka_unit_test(they_abort),
        cmocka_unit_test(they_scribble),
        cmocka_unit_test(they_are_too_old),
        cmocka_unit_test(they_lack_a_function),
        cmocka_unit_test(they_are_no_libraries),
        cmocka_unit_test(they_hang),
        cmocka_unit_test(everybody_hangs),
        cmocka_unit_test(a_missing_helper_is_told),
        cmocka_unit_test(one_is_asked_anew),
        cmocka_unit_test(an_instance_asks_when_a_device_is_missing),
        cmocka_unit_test(one_driver_of_opencl_hides_no_other),
        cmocka_unit_test(the_real_loader_of_level_zero_takes_a_driver),
        cmocka_unit_test(real_libraries_find_nothing),
        cmocka_unit_test(pocl_runs_on_the_processors),
        cmocka_unit_test(nothing_stays_behind),
        cmocka_unit_test(answers_are_kept),
    };
    return cmocka_run_group_tests(tests, setup, scratch_teardown);
}
