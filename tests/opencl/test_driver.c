/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenCL driver on the OpenCL devices of this machine: what it does when all is well. */
#include "driver_test.h"

#include <sys/stat.h>
#include <unistd.h>

/* --------------------------------------------------------------------------------------------- listing -- */

static void names_of_codes(void **state) {
    (void)state;
    assert_string_equal(hal_opencl_code_name(CL_SUCCESS), "CL_SUCCESS");
    assert_string_equal(hal_opencl_code_name(CL_OUT_OF_RESOURCES), "CL_OUT_OF_RESOURCES");
    assert_string_equal(hal_opencl_code_name(-1001), "CL_PLATFORM_NOT_FOUND_KHR");
    assert_string_equal(hal_opencl_code_name(-9999), "an unknown code");
    assert_code(hal_opencl_status(CL_OUT_OF_HOST_MEMORY, HAL_DAMAGE_CALL), OUT_OF_MEMORY);
    assert_code(hal_opencl_status(CL_DEVICE_NOT_AVAILABLE, HAL_DAMAGE_CALL), DEVICE_LOST);
    assert_code(hal_opencl_status(CL_INVALID_VALUE, HAL_DAMAGE_CALL), INTERNAL);
}

static void tell(uint32_t index, uint32_t kind, const char *name, const char *features) {
    hal_vendor_device *d = &host.device[host.n_devices++];
    *d = (hal_vendor_device){.index = index, .kind = kind, .memory = 1 << 20};
    strcpy(d->name, name);
    strcpy(d->platform_name, "P");
    strcpy(d->features, features);
}

static void lists_what_was_told(void **state) {
    hal_device_record r[4];
    (void)state;
    host.n_devices = 0;
    tell(0, 1, "board", "svm-fine");
    tell(1, 0, "processor", "fp64 svm-fine");
    tell(2, 0, "old processor", "svm-finer");
    strcpy(host.device[0].address, "0000:1b:00.0");
    start();
    assert_int_equal(claim(r, 4), 3);
    assert_string_equal(r[0].alias, "opencl");
    assert_string_equal(r[0].memory, "opencl0");
    assert_string_equal(r[0].address, "0000:1b:00.0");
    assert_int_equal(r[0].host_access, 0);
    assert_int_equal(r[0].compute_group, 0);
    assert_string_equal(r[1].memory, "host");
    assert_int_equal(r[1].host_access, 1);
    assert_int_equal(r[1].compute_group, HAL_COMPUTE_GROUP_HOST);
    assert_string_equal(r[2].memory, "opencl2");
    assert_int_equal(r[2].host_access, 0);
    stop();
}

/* A device that is not told of any more keeps its number; one that is told of again is the same. */
static void numbers_stay(void **state) {
    hal_device_record r[4];
    (void)state;
    host.n_devices = 0;
    tell(0, 1, "a", "");
    tell(1, 1, "b", "");
    start();
    assert_int_equal(claim(r, 1), 2);
    host.n_devices = 0;
    tell(0, 1, "c", "");
    tell(1, 1, "b", "");
    assert_int_equal(claim(r, 4), 3);
    assert_string_equal(r[0].name, "a");
    assert_string_equal(r[1].name, "b");
    assert_string_equal(r[2].name, "c");
    stop();
}

static void old_hosts_have_no_devices(void **state) {
    void *device;
    (void)state;
    host.n_devices = 0;
    tell(0, 1, "a", "");
    start();
    host.table.size = offsetof(hal_host, vendor_devices);
    assert_int_equal(claim(NULL, 0), 0);
    assert_code(host.backend->device_open(host.state, 0, &device), NOT_FOUND);
    assert_says("no device 0");
    stop();
}

/* --------------------------------------------------------------------------------------------- opening -- */

static void expect_changed(void) {
    void *device;
    start();
    claim(NULL, 0);
    assert_code(host.backend->device_open(host.state, 0, &device), NOT_FOUND);
    assert_says("is not there now");
    stop();
}

static void devices_that_changed_are_not_opened(void **state) {
    (void)state;
    tell_devices();
    if (host.n_devices == 0) skip();
    strcpy(host.device[0].name, "another");
    expect_changed();
    tell_devices();
    host.device[0].index = 40;
    expect_changed();
    tell_devices();
    strcpy(host.device[0].platform_name, "another");
    expect_changed();
}

static void reads_what_the_device_is(void **state) {
    hal_opencl_device *d = open_device(false);
    (void)state;
    assert_string_equal(d->name, host.device[0].name);
    assert_true(d->traits.group >= 1 && d->traits.units >= 1 && d->traits.lanes >= 1 && d->most_block > 0);
    assert_int_equal(d->traits.wide, host.device[0].kind == 0);
    assert_true(d->calls_back);
    close_device(d);
}

static void the_variant_is_the_users(void **state) {
    (void)state;
    setenv("HAL_OPENCL_VARIANT", "gpu", 1);
    hal_opencl_device *d = open_device(false);
    assert_false(d->traits.wide);
    assert_true(d->stages);
    close_device(d);
    setenv("HAL_OPENCL_VARIANT", "wide", 1);
    d = open_device(false);
    assert_true(d->traits.wide);
    close_device(d);
    unsetenv("HAL_OPENCL_VARIANT");
}

/* -------------------------------------------------------------------------------------- without loader -- */

/* A directory of .icd files: one of a driver that is known, and `silent`, which told of nothing. */
static const char *make_vendors(const char *library, const char *silent) {
    static char directory[] = "/tmp/hal-icd-XXXXXX";
    char path[256];
    strcpy(directory, "/tmp/hal-icd-XXXXXX");
    assert_non_null(mkdtemp(directory));
    const char *names[] = {"known.icd", silent};
    for (int i = 0; i < 2; i++) {
        if (!names[i]) continue;
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        fprintf(f, "%s\n", i == 0 ? library : "/nonexistent/libkiller.so");
        fclose(f);
    }
    return directory;
}

static void remove_vendors(const char *directory, const char *silent) {
    char path[256];
    snprintf(path, sizeof path, "%s/known.icd", directory);
    unlink(path);
    if (silent) {
        snprintf(path, sizeof path, "%s/%s", directory, silent);
        unlink(path);
    }
    rmdir(directory);
}

static void silent_neighbours_are_noticed(void **state) {
    hal_opencl_state s = {.claims = {.lock = PTHREAD_MUTEX_INITIALIZER, .n = 1}};
    char silent[512];
    (void)state;
    const char *directory = make_vendors("libx.so", "mute.icd");
    snprintf(s.claims.told[0].manifest, sizeof s.claims.told[0].manifest, "%s/known.icd", directory);
    setenv("OCL_ICD_VENDORS", directory, 1);
    assert_false(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    assert_non_null(strstr(silent, "mute.icd"));
    remove_vendors(directory, "mute.icd");
    directory = make_vendors("libx.so", NULL);
    snprintf(s.claims.told[0].manifest, sizeof s.claims.told[0].manifest, "%s/known.icd", directory);
    setenv("OCL_ICD_VENDORS", directory, 1);
    assert_true(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    unsetenv("OCL_ICD_VENDORS");
    setenv("OPENCL_VENDOR_PATH", directory, 1);
    assert_true(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    unsetenv("OPENCL_VENDOR_PATH");
    setenv("OCL_ICD_VENDORS", "libx.so", 1);
    assert_false(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    strcpy(s.claims.told[0].manifest, "libx.so");
    assert_true(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    setenv("OCL_ICD_FILENAMES", "liby.so", 1);
    assert_false(hal_opencl_neighbours_sound(&s, silent, sizeof silent));
    unsetenv("OCL_ICD_FILENAMES");
    unsetenv("OCL_ICD_VENDORS");
    remove_vendors(directory, NULL);
}

/* The library that the installed .icd file of PoCL names. */
static bool pocl_library(char *out, size_t size) {
    FILE *f = fopen("/etc/OpenCL/vendors/pocl.icd", "r");
    const bool got = f && fgets(out, (int)size, f);
    if (f) fclose(f);
    if (got) out[strcspn(out, "\r\n")] = '\0';
    return got;
}

static void a_driver_is_opened_without_the_loader(void **state) {
    char library[256];
    void *device = NULL;
    float x[6] = {0, 1, 2, 3, 4, 5}, y[6] = {0};
    (void)state;
    tell_devices();
    if (host.n_devices == 0 || !pocl_library(library, sizeof library)) skip();
    const char *directory = make_vendors(library, "mute.icd");
    setenv("OCL_ICD_VENDORS", directory, 1);
    for (uint32_t i = 0; i < host.n_devices; i++) {
        snprintf(host.device[i].manifest, sizeof host.device[i].manifest, "%s/known.icd", directory);
        strcpy(host.device[i].library, library);
    }
    start();
    claim(NULL, 0);
    assert_ok(host.backend->device_open(host.state, 0, &device));
    hal_opencl_queue *q = take_queue(device);
    void *block = take_block(device, 24, NULL);
    assert_ok(copy(q, IN_BLOCK(block, 0), IN_HOST(x), 24));
    assert_ok(copy(q, IN_HOST(y), IN_BLOCK(block, 0), 24));
    assert_memory_equal(x, y, 24);
    host.backend->free(device, block);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(device);
    strcpy(host.device[0].library, "/nonexistent/libgone.so");
    start();
    claim(NULL, 0);
    assert_code(host.backend->device_open(host.state, 0, &device), UNAVAILABLE);
    assert_says("mute.icd");
    strcpy(host.device[0].library, "libc.so.6");
    stop();
    start();
    claim(NULL, 0);
    assert_code(host.backend->device_open(host.state, 0, &device), UNAVAILABLE);
    assert_says("clIcdGetPlatformIDsKHR");
    stop();
    unsetenv("OCL_ICD_VENDORS");
    remove_vendors(directory, "mute.icd");
}

/* ---------------------------------------------------------------------------------------------- memory -- */

static void check_memory(bool shared) {
    hal_opencl_device *d = open_device(shared);
    hal_opencl_queue *q = take_queue(d);
    unsigned char x[101], y[101];
    void *address = NULL;
    void *a = take_block(d, 101, &address), *b = take_block(d, 4 << 20, NULL);
    assert_int_equal(address != NULL, shared);
    assert_int_equal(host.backend->counter(d, "ops"), 0);
    memset(y, 1, sizeof y);
    assert_ok(copy(q, IN_HOST(y), IN_BLOCK(a, 0), 101));
    for (size_t i = 0; i < sizeof x; i++) {
        assert_int_equal(y[i], 0);
        x[i] = (unsigned char)i;
    }
    assert_ok(copy(q, IN_BLOCK(a, 0), IN_HOST(x), 101));
    if (shared) assert_memory_equal(address, x, 101);
    assert_ok(copy(q, IN_BLOCK(b, 1000), IN_BLOCK(a, 1), 100));
    assert_ok(copy(q, IN_BLOCK(b, 1003), IN_BLOCK(b, 1000), 100));
    assert_ok(copy(q, IN_HOST(y), IN_BLOCK(b, 1003), 100));
    assert_memory_equal(y, x + 1, 100);
    assert_ok(copy(q, IN_HOST(y), IN_HOST(x), 101));
    assert_memory_equal(y, x, 101);
    assert_ok(copy(q, IN_BLOCK(a, 0), IN_HOST(NULL), 0));
    assert_true(d->given >= 101 + (4 << 20));
    host.backend->free(d, a);
    host.backend->free(d, b);
    host.backend->free(d, NULL);
    assert_int_equal(d->given, 0);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

static void memory_of_its_own(void **state) {
    (void)state;
    check_memory(false);
}

static void memory_of_the_host(void **state) {
    (void)state;
    check_memory(true);
}

static void small_copies_are_staged(void **state) {
    enum { MANY = 12, BYTES = 4096 };
    static unsigned char x[MANY][BYTES], y[MANY][BYTES], large[2 << 20], back[2 << 20];
    ending e[MANY];
    (void)state;
    hal_opencl_device *d = open_device(false);
    d->stages = true;
    hal_opencl_queue *q = take_queue(d);
    void *a = take_block(d, MANY * BYTES, NULL), *b = take_block(d, sizeof large, NULL);
    for (int i = 0; i < MANY; i++) {
        memset(x[i], i + 1, BYTES);
        assert_ok(copy(q, IN_BLOCK(a, (uint64_t)(i * BYTES)), IN_HOST(x[i]), BYTES));
    }
    for (int i = 0; i < MANY; i++) {
        const hal_backend_binding to = IN_HOST(y[i]), from = IN_BLOCK(a, (uint64_t)(i * BYTES));
        e[i] = (ending)ENDING;
        assert_ok(host.backend->copy(q, &to, &from, BYTES, &e[i]));
    }
    for (int i = 0; i < MANY; i++) assert_ok(await(&e[i]));
    assert_memory_equal(x, y, sizeof x);
    memset(large, 7, sizeof large);
    assert_ok(copy(q, IN_BLOCK(b, 0), IN_HOST(large), sizeof large));
    assert_ok(copy(q, IN_HOST(back), IN_BLOCK(b, 0), sizeof large));
    assert_memory_equal(large, back, sizeof large);
    host.backend->free(d, a);
    host.backend->free(d, b);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

/* -------------------------------------------------------------------------------------------- programs -- */

static void check_program(bool shared) {
    enum { ROWS = 33, COLUMNS = 17, BYTES = ROWS * COLUMNS * 4 };
    float x[ROWS * COLUMNS], y[ROWS * COLUMNS], z[ROWS * COLUMNS];
    small s;
    hal_opencl_device *d = open_device(shared);
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, transposes(&s, 2, hal_dim_constant(ROWS), COLUMNS, BYTES));
    void *block[3];
    for (int i = 0; i < ROWS * COLUMNS; i++) x[i] = (float)i;
    for (int i = 0; i < 3; i++) block[i] = take_block(d, BYTES + 64, NULL);
    assert_ok(copy(q, IN_BLOCK(block[0], 4), IN_HOST(x), BYTES));
    const hal_backend_binding bindings[3] = {IN_BLOCK(block[0], 4), IN_BLOCK(block[1], 8), IN_BLOCK(block[2], 0)};
    const hal_backend_binding moved[3] = {IN_BLOCK(block[0], 4), IN_BLOCK(block[2], 16), IN_BLOCK(block[1], 64)};
    for (int i = 0; i < 3; i++) assert_ok(run(q, p, i == 2 ? moved : bindings, 3, 0));
    assert_ok(copy(q, IN_HOST(y), IN_BLOCK(block[2], 16), BYTES));
    assert_ok(copy(q, IN_HOST(z), IN_BLOCK(block[1], 64), BYTES));
    assert_transposed(y, ROWS, COLUMNS);
    assert_memory_equal(x, z, BYTES);
    assert_int_equal(host.backend->counter(d, "ops"), 6);
    assert_int_equal(host.backend->counter(d, "programs"), 1);
    assert_int_equal(host.backend->counter(d, "nothing"), 0);
    assert_code(run(q, p, bindings, 2, 0), INVALID_ARGUMENT);
    if (shared) {
        const hal_backend_binding guests[3] = {IN_HOST(x), IN_HOST(y), IN_BLOCK(block[2], 0)};
        memset(y, 0, sizeof y);
        assert_ok(run(q, p, guests, 3, 0));
        assert_transposed(y, ROWS, COLUMNS);
    }
    host.backend->program_free(d, p);
    for (int i = 0; i < 3; i++) host.backend->free(d, block[i]);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

static void programs_run(void **state) {
    (void)state;
    check_program(false);
}

static void programs_run_in_the_hosts_memory(void **state) {
    (void)state;
    check_program(true);
}

/* Both ops wait for what they touch; barriers keep submissions and copies apart. */
static void queues_that_keep_no_order(void **state) {
    (void)state;
    setenv("HAL_OPENCL_QUEUE", "out-of-order", 1);
    for (int i = 0; i < 4; i++) check_program(false);
    check_memory(false);
    unsetenv("HAL_OPENCL_QUEUE");
}

/* What the second of two transposes of one matrix waits for. */
static uint32_t waits_of_second(hal_opencl_queue *q, hal_opencl_program *p, const hal_backend_binding *bindings) {
    assert_ok(run(q, p, bindings, 3, 0));
    return p->chain->steps[1].n_waits;
}

/* Two bindings may be one block, or the same bytes of the host. */
static void bindings_that_overlap_keep_their_order(void **state) {
    enum { SIDE = 8, BYTES = SIDE * SIDE * 4 };
    static float x[SIDE * SIDE], y[3 * SIDE * SIDE];
    small s;
    (void)state;
    setenv("HAL_OPENCL_QUEUE", "out-of-order", 1);
    hal_opencl_device *d = open_device(true);
    hal_opencl_queue *q = take_queue(d);
    const hal_description *description = transposes(&s, 2, hal_dim_constant(SIDE), SIDE, BYTES);
    s.operands[2] = 0;
    hal_opencl_program *p = compile(d, description);
    void *a = take_block(d, BYTES, NULL), *b = take_block(d, 3 * BYTES, NULL);
    const hal_backend_binding apart[3] = {IN_BLOCK(a, 0), IN_BLOCK(b, 0), IN_BLOCK(b, BYTES)};
    const hal_backend_binding over[3] = {IN_BLOCK(a, 0), IN_BLOCK(b, 0), IN_BLOCK(b, BYTES - 4)};
    const hal_backend_binding guests[3] = {IN_HOST(x), IN_HOST(y), IN_HOST(y + SIDE * SIDE)};
    const hal_backend_binding tight[3] = {IN_HOST(x), IN_HOST(y), IN_HOST(y + SIDE * SIDE - 1)};
    if (d->unordered) {
        assert_int_equal(waits_of_second(q, p, apart), 0);
        assert_int_equal(waits_of_second(q, p, over), 1);
        assert_int_equal(waits_of_second(q, p, guests), 0);
        assert_int_equal(waits_of_second(q, p, tight), 1);
    }
    unsetenv("HAL_OPENCL_QUEUE");
    host.backend->program_free(d, p);
    host.backend->free(d, a);
    host.backend->free(d, b);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

static void queues_that_keep_no_order_share_memory(void **state) {
    (void)state;
    setenv("HAL_OPENCL_QUEUE", "out-of-order", 1);
    check_program(true);
    unsetenv("HAL_OPENCL_QUEUE");
}

static void sizes_may_change(void **state) {
    enum { COLUMNS = 5, BYTES = 64 * COLUMNS * 4 };
    float x[64 * COLUMNS], y[64 * COLUMNS];
    small s;
    (void)state;
    hal_opencl_device *d = open_device(false);
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, transposes(&s, 1, (hal_dim){0, 1, 0, 0}, COLUMNS, BYTES));
    void *a = take_block(d, BYTES, NULL), *b = take_block(d, BYTES, NULL);
    const hal_backend_binding bindings[2] = {IN_BLOCK(a, 0), IN_BLOCK(b, 0)};
    for (int i = 0; i < 64 * COLUMNS; i++) x[i] = (float)i;
    assert_ok(copy(q, IN_BLOCK(a, 0), IN_HOST(x), BYTES));
    for (int64_t rows = 1; rows <= 64; rows *= 4) {
        assert_ok(run(q, p, bindings, 2, rows));
        assert_ok(copy(q, IN_HOST(y), IN_BLOCK(b, 0), (uint64_t)rows * COLUMNS * 4));
        assert_transposed(y, rows, COLUMNS);
    }
    assert_true(host.backend->counter(d, "kernels") + host.backend->counter(d, "binaries") <= 2);
    host.backend->program_free(d, p);
    host.backend->free(d, a);
    host.backend->free(d, b);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

static void nothing_to_do_is_done(void **state) {
    small s;
    (void)state;
    hal_opencl_device *d = open_device(false);
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, transposes(&s, 1, hal_dim_constant(0), 4, 0));
    const hal_backend_binding none[2] = {{0}};
    assert_ok(run(q, p, none, 2, 0));
    host.backend->program_free(d, p);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
}

static void what_is_refused_says_why(void **state) {
    small s;
    void *program;
    hal_support_answer answers[2];
    hal_cost cost = {0};
    (void)state;
    const hal_description *d = transposes(&s, 1, hal_dim_constant(2), 2, 16);
    hal_opencl_device *device = open_device(false);
    assert_ok(host.backend->support(device, d, answers));
    assert_int_equal(answers[0].support, HAL_SUPPORT_NATIVE);
    assert_ok(host.backend->cost(device, d, &cost));
    assert_true(cost.bytes == 32 && cost.confidence < 0.5 && cost.seconds > 0);
    s.op[0].number = 60000;
    assert_code(host.backend->compile(device, d, SOON, &program), UNSUPPORTED);
    assert_says("no operator has this number");
    s.op[0].number = HAL_OP_TRANSPOSE;
    assert_code(host.backend->compile(device, d, hal_opencl_now() - 1, &program), DEADLINE_EXCEEDED);
    assert_says("deadline");
    close_device(device);
    host.primitives = true;
    device = open_device(false);
    s.op[0].number = HAL_OP_SOFTMAX;
    assert_ok(host.backend->support(device, d, answers));
    assert_int_equal(answers[0].support, HAL_SUPPORT_NO);
    assert_non_null(strstr(answers[0].reason, "primitives_only"));
    close_device(device);
    host.primitives = false;
}

/* ----------------------------------------------------------------------------------------------- cache -- */

/* Texts that are compiled, and that come from the cache, by one program in a device of its own. */
static void count_builds(uint64_t *compiled, uint64_t *loaded) {
    small s;
    hal_opencl_device *d = open_device(false);
    hal_opencl_program *p = compile(d, transposes(&s, 1, hal_dim_constant(3), 5, 60));
    hal_opencl_program *same = compile(d, &s.d);
    *compiled = host.backend->counter(d, "kernels");
    *loaded = host.backend->counter(d, "binaries");
    host.backend->program_free(d, p);
    host.backend->program_free(d, same);
    close_device(d);
}

static void a_second_start_compiles_nothing(void **state) {
    uint64_t compiled, loaded;
    (void)state;
    setenv("HAL_OPENCL_BINARIES", "all", 1);
    forget_kept();
    count_builds(&compiled, &loaded);
    assert_int_equal(compiled, 1);
    assert_int_equal(loaded, 0);
    assert_int_equal(host.n_kept, 1);
    count_builds(&compiled, &loaded);
    assert_int_equal(compiled, 0);
    assert_int_equal(loaded, 1);
    host.damage = true;
    count_builds(&compiled, &loaded);
    assert_int_equal(compiled, 1);
    assert_int_equal(loaded, 0);
    host.damage = false;
    count_builds(&compiled, &loaded);
    assert_int_equal(compiled, 0);
    setenv("HAL_OPENCL_BINARIES", "none", 1);
    forget_kept();
    count_builds(&compiled, &loaded);
    assert_int_equal(compiled, 1);
    assert_int_equal(host.n_kept, 0);
    unsetenv("HAL_OPENCL_BINARIES");
}

/* Answers for a driver that takes `wait` nanoseconds to give a binary. */
static struct { int64_t wait; int asked; } giver;

static cl_int CL_API_CALL give_binary(cl_program p, cl_program_info what, size_t n, void *to, size_t *bytes) {
    static const size_t four = 4;
    (void)p;
    (void)n;
    (void)bytes;
    if (what == CL_PROGRAM_BINARY_SIZES) memcpy(to, &four, sizeof four);
    else memcpy(*(char **)to, "abcd", four);
    giver.asked += what == CL_PROGRAM_BINARIES;
    for (const int64_t begin = hal_opencl_now(); hal_opencl_now() < begin + giver.wait;) continue;
    return CL_SUCCESS;
}

/* Builds two texts and closes the device, whose driver takes longer to give a binary than both took, or no time. */
static void build_two(bool slow) {
    small s;
    hal_opencl_binary *other = NULL;
    hal_opencl_device *d = open_device(false);
    const int64_t begin = hal_opencl_now();
    giver.asked = 0;
    d->cl.clGetProgramInfo = give_binary;
    host.backend->program_free(d, compile(d, transposes(&s, 1, hal_dim_constant(3), 5, 60)));
    hal_portable_program another = {.file = "move", .options = "W=8", .body = strdup("/* another text */\n")};
    assert_ok(hal_opencl_binary_get(d, &another, &other));
    hal_opencl_binary_put(d, other);
    free(another.body);
    giver.wait = slow ? hal_opencl_now() - begin + INT64_C(30000000) : 0;
    close_device(d);
}

static void binaries_that_are_dear_are_not_asked_for(void **state) {
    (void)state;
    forget_kept();
    build_two(false);
    assert_int_equal(giver.asked, 2);
    assert_int_equal(host.n_kept, 2);
    forget_kept();
    build_two(true);
    assert_int_equal(giver.asked, 1);
    assert_int_equal(host.n_kept, 2); /* the one, and a note */
    build_two(false);
    assert_int_equal(giver.asked, 0);
    setenv("HAL_OPENCL_BINARIES", "all", 1);
    forget_kept();
    build_two(false);
    assert_int_equal(giver.asked, 2);
    unsetenv("HAL_OPENCL_BINARIES");
    forget_kept();
}

/* ---------------------------------------------------------------------------------------------- tuning -- */

enum { SIDE = 24 };
/* What x x is with the tiles that the device chooses; returns the options of the text. */
static const char *square(const float *x, float *y, int64_t deadline) {
    static char options[160];
    small s;
    void *program = NULL;
    hal_opencl_device *d = open_device(false);
    hal_opencl_queue *q = take_queue(d);
    const uint64_t bytes = SIDE * SIDE * sizeof *x;
    void *blocks[2] = {take_block(d, bytes, NULL), take_block(d, bytes, NULL)};
    const hal_backend_binding bindings[2] = {IN_BLOCK(blocks[0], 0), IN_BLOCK(blocks[1], 0)};
    transposes(&s, 1, hal_dim_constant(SIDE), SIDE, bytes);
    s.op[0].number = HAL_OP_MATMUL;
    s.op[0].attrs_bytes = sizeof(hal_matmul_attrs);
    s.op[0].n_in = 2;
    s.d.n_operands = 3;
    s.operands[1] = 0;
    s.operands[2] = 1;
    assert_ok(host.backend->compile(d, &s.d, deadline, &program));
    snprintf(options, sizeof options, "%s", ((hal_opencl_program *)program)->chain->calls[0].programs[0].options);
    assert_ok(copy(q, bindings[0], IN_HOST(x), bytes));
    assert_ok(run(q, program, bindings, 2, 0));
    assert_ok(copy(q, IN_HOST(y), bindings[1], bytes));
    host.backend->program_free(d, program);
    for (int i = 0; i < 2; i++) host.backend->free(d, blocks[i]);
    assert_int_equal(d->given, 0);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
    return options;
}

/* Both variants: measured once, kept, taken from there, and the same bits with either choice. */
static void tiles_of(const char *variant, const char *small_option) {
    float x[SIDE * SIDE], large[SIDE * SIDE], other[SIDE * SIDE];
    for (int i = 0; i < SIDE * SIDE; i++) x[i] = 1.0f / (float)(i + 3);
    setenv("HAL_OPENCL_VARIANT", variant, 1);
    forget_kept();
    square(x, large, hal_opencl_now() + INT64_C(3000000000)); /* in haste */
    setenv("HAL_OPENCL_TUNE", "off", 1);
    assert_null(strstr(square(x, large, SOON), small_option));
    assert_int_equal(host.n_kept, 0);
    unsetenv("HAL_OPENCL_TUNE");
    square(x, other, SOON);
    assert_int_equal(host.n_kept, 1);
    assert_int_equal(host.kept[0].bytes, 5);
    assert_memory_equal(other, large, sizeof large);
    memcpy(host.kept[0].data, "large", 5);
    assert_null(strstr(square(x, other, SOON), small_option));
    memcpy(host.kept[0].data, "small", 5);
    assert_non_null(strstr(square(x, other, SOON), small_option));
    assert_memory_equal(other, large, sizeof large);
    forget_kept();
    setenv("HAL_OPENCL_TUNE", "small", 1);
    assert_non_null(strstr(square(x, other, SOON), small_option));
    assert_int_equal(host.n_kept, 0);
    unsetenv("HAL_OPENCL_TUNE");
    unsetenv("HAL_OPENCL_VARIANT");
}

static void the_size_of_tiles_is_measured_once(void **state) {
    (void)state;
    setenv("HAL_OPENCL_BINARIES", "none", 1);
    tiles_of("wide", "HAL_SMALL_TILES");
    tiles_of("gpu", "SIDE=8");
    unsetenv("HAL_OPENCL_BINARIES");
}

/* ----------------------------------------------------------------------------------------------- trace -- */

static void spans_follow_each_other(void **state) {
    float x[12] = {0};
    small s;
    (void)state;
    host.table.trace_device = host_span;
    host.table.trace_op = host_op_span;
    host.n_spans = 0;
    hal_opencl_device *d = open_device(false);
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, transposes(&s, 2, hal_dim_constant(3), 4, 48));
    void *block[3];
    for (int i = 0; i < 3; i++) block[i] = take_block(d, 48, NULL);
    assert_ok(copy(q, IN_BLOCK(block[0], 0), IN_HOST(x), 48));
    const hal_backend_binding bindings[3] = {IN_BLOCK(block[0], 0), IN_BLOCK(block[1], 0), IN_BLOCK(block[2], 0)};
    assert_ok(run(q, p, bindings, 3, 0));
    assert_int_equal(host.n_spans, 4);
    assert_string_equal(host.span[0].category, "copy");
    assert_string_equal(host.span[1].category, "program");
    assert_string_equal(host.span[2].category, "op");
    assert_string_equal(host.span[2].name, "swap");
    assert_true(host.span[0].begin <= host.span[0].end && host.span[0].end <= host.span[1].begin);
    assert_true(host.span[1].begin <= host.span[2].begin && host.span[2].end <= host.span[3].begin);
    assert_true(host.span[3].end <= host.span[1].end && host.span[1].end <= hal_opencl_now());
    host.backend->program_free(d, p);
    for (int i = 0; i < 3; i++) host.backend->free(d, block[i]);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
    host.table.trace_device = NULL;
    host.table.trace_op = NULL;
}

/* The program's own sizes may be a later submission's by the time that an earlier one is over. */
static void spans_have_the_sizes_of_their_submission(void **state) {
    enum { COLUMNS = 5, BYTES = 64 * COLUMNS * 4 };
    small s;
    (void)state;
    host.table.trace_device = host_span;
    host.table.trace_op = host_op_span;
    host.n_spans = 0;
    hal_opencl_device *d = open_device(false);
    hal_opencl_queue *q = take_queue(d);
    hal_opencl_program *p = compile(d, transposes(&s, 1, (hal_dim){0, 1, 0, 0}, COLUMNS, BYTES));
    void *a = take_block(d, BYTES, NULL), *b = take_block(d, BYTES, NULL);
    const hal_backend_binding bindings[2] = {IN_BLOCK(a, 0), IN_BLOCK(b, 0)};
    for (int64_t rows = 1; rows <= 64; rows *= 4) assert_ok(run(q, p, bindings, 2, rows));
    assert_int_equal(host.n_spans, 8);
    for (int i = 0; i < 4; i++) assert_int_equal(host.span[2 * i + 1].symbol, 1 << 2 * i);
    host.backend->program_free(d, p);
    host.backend->free(d, a);
    host.backend->free(d, b);
    assert_ok(host.backend->queue_destroy(q, SOON));
    close_device(d);
    host.table.trace_device = NULL;
    host.table.trace_op = NULL;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_codes), cmocka_unit_test(lists_what_was_told), cmocka_unit_test(numbers_stay),
        cmocka_unit_test(old_hosts_have_no_devices), cmocka_unit_test(devices_that_changed_are_not_opened),
        cmocka_unit_test(reads_what_the_device_is), cmocka_unit_test(the_variant_is_the_users),
        cmocka_unit_test(silent_neighbours_are_noticed), cmocka_unit_test(a_driver_is_opened_without_the_loader),
        cmocka_unit_test(memory_of_its_own), cmocka_unit_test(memory_of_the_host),
        cmocka_unit_test(small_copies_are_staged), cmocka_unit_test(programs_run),
        cmocka_unit_test(programs_run_in_the_hosts_memory), cmocka_unit_test(queues_that_keep_no_order),
        cmocka_unit_test(bindings_that_overlap_keep_their_order),
        cmocka_unit_test(queues_that_keep_no_order_share_memory), cmocka_unit_test(sizes_may_change),
        cmocka_unit_test(nothing_to_do_is_done), cmocka_unit_test(what_is_refused_says_why),
        cmocka_unit_test(a_second_start_compiles_nothing),
        cmocka_unit_test(binaries_that_are_dear_are_not_asked_for), cmocka_unit_test(the_size_of_tiles_is_measured_once),
        cmocka_unit_test(spans_follow_each_other),
        cmocka_unit_test(spans_have_the_sizes_of_their_submission)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
