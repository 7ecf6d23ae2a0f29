/* SPDX-License-Identifier: Apache-2.0 */
/* Programs kept on disk: what was stored is loaded by whoever may, and nothing else is. */
#include "core_test.h"
#include "scratch_test.h"

#include "hal/cache_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>

static const hal_cache_owner plain = {NULL, "test", "test-1", 1 << 20};

static int start(void **state)
{
    return scratch_setup(state) == 0 ? setenv("XDG_CACHE_HOME", scratch_root, 1) : -1;
}

static void store(const hal_cache_owner *owner, const char *key, const char *text)
{
    hal_cache_disk_store(owner, key, strlen(key), text, strlen(text));
}

/* The text stored under `key`, or "" when there is none. */
static const char *load(const hal_cache_owner *owner, const char *key)
{
    static char text[256];
    size_t bytes = 77;
    char *data = hal_cache_disk_load(owner, key, strlen(key), &bytes);
    if (data == NULL) {
        assert_int_equal(bytes, 77);
        return "";
    }
    assert_int_equal((uintptr_t)data % 64, 0);
    snprintf(text, sizeof text, "%.*s", (int)bytes, data);
    hal_deallocate(owner->allocator, data);
    return text;
}

/* Files in the directory whose names begin so; the path of the last one. */
static unsigned count_files(const char *prefix, char *path, size_t size)
{
    unsigned n = 0;
    DIR *d = opendir(scratch_path("hal/programs"));
    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;)
        if (e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0) {
            n++;
            if (path != NULL)
                snprintf(path, size, "%s/%s", scratch_path("hal/programs"), e->d_name);
        }
    if (d != NULL)
        closedir(d);
    return n;
}

static void empty_cache(void)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s/hal'", scratch_root);
    assert_int_equal(system(command), 0);
}

/* The one file of a cache that was empty before. */
static void store_one(char *path, size_t size)
{
    empty_cache();
    store(&plain, "the key", "the data");
    assert_int_equal(count_files("program-", path, size), 1);
}

static void what_was_stored_is_loaded(void **state)
{
    (void)state;
    struct stat st;
    char path[600];
    assert_string_equal(load(&plain, "the key"), "");
    store_one(path, sizeof path);
    assert_string_equal(load(&plain, "the key"), "the data");
    assert_string_equal(load(&plain, "another"), "");
    store(&plain, "the key", "newer");
    assert_string_equal(load(&plain, "the key"), "newer");
    store(&plain, "empty", "");
    size_t bytes = 1;
    void *data = hal_cache_disk_load(&plain, "empty", 5, &bytes);
    assert_non_null(data);
    assert_int_equal(bytes, 0);
    hal_deallocate(NULL, data);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch_path("hal/programs"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void builds_do_not_meet(void **state)
{
    (void)state;
    const hal_cache_owner other_build = {NULL, "test", "test-2", 1 << 20}, other = {NULL, "tes", "t test-1", 1 << 20};
    empty_cache();
    store(&plain, "the key", "the data");
    assert_string_equal(load(&other_build, "the key"), "");
    assert_string_equal(load(&other, "the key"), "");
    assert_string_equal(load(&plain, "the key"), "the data");
}

static void overwrite(const char *path, long at, const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), size);
    close(fd);
}

/* Each bit of it, and each length. */
static void a_damaged_entry_is_removed(void **state)
{
    (void)state;
    char path[600];
    struct stat st;
    store_one(path, sizeof path);
    assert_int_equal(stat(path, &st), 0);
    for (long at = 0; at < st.st_size; at++) {
        char byte;
        store_one(path, sizeof path);
        int fd = open(path, O_RDONLY);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        close(fd);
        byte = (char)(byte ^ 1 << at % 8);
        overwrite(path, at, &byte, 1);
        assert_string_equal(load(&plain, "the key"), "");
        assert_int_equal(count_files("", NULL, 0), 0);
        store_one(path, sizeof path);
        assert_int_equal(truncate(path, at), 0);
        assert_string_equal(load(&plain, "the key"), "");
        assert_int_equal(count_files("", NULL, 0), 0);
    }
    store_one(path, sizeof path);
    overwrite(path, st.st_size, "x", 1);
    assert_string_equal(load(&plain, "the key"), "");
}

/* A whole file whose sums of lengths overflow, or claim more than is there. */
static void lengths_that_lie_are_refused(void **state)
{
    (void)state;
    static const uint64_t lies[] = {UINT64_MAX, UINT64_MAX - 7, 1ull << 63, 1ull << 40, 0};
    char path[600];
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
        for (long word = 1; word <= 3; word++) {
            store_one(path, sizeof path);
            overwrite(path, word * 8, &lies[i], 8);
            assert_string_equal(load(&plain, "the key"), "");
        }
}

static void what_others_could_write_is_not_read(void **state)
{
    (void)state;
    char path[600], other[620];
    store_one(path, sizeof path);
    assert_int_equal(chmod(path, 0622), 0);
    assert_string_equal(load(&plain, "the key"), "");
    store_one(path, sizeof path);
    snprintf(other, sizeof other, "%s/elsewhere", scratch_root);
    assert_int_equal(rename(path, other), 0);
    assert_int_equal(symlink(other, path), 0);
    assert_string_equal(load(&plain, "the key"), "");
    assert_int_equal(access(other, F_OK), 0);
    store_one(path, sizeof path);
    assert_int_equal(chmod(scratch_path("hal/programs"), 0777), 0);
    assert_string_equal(load(&plain, "the key"), "");
    store(&plain, "a second", "x");
    assert_int_equal(count_files("program-", NULL, 0), 1);
}

static void what_is_no_file_does_not_hang(void **state)
{
    (void)state;
    char path[600];
    store_one(path, sizeof path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_string_equal(load(&plain, "the key"), "");
    store(&plain, "the key", "the data");
    assert_string_equal(load(&plain, "the key"), "the data");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_string_equal(load(&plain, "the key"), "");
    store(&plain, "the key", "the data");
    assert_string_equal(load(&plain, "the key"), "");
    assert_int_equal(count_files("fresh-", NULL, 0), 0);
    assert_int_equal(rmdir(path), 0);
}

static void without_a_directory_nothing_is_kept(void **state)
{
    (void)state;
    const hal_cache_owner off = {NULL, "test", "test-1", 0};
    empty_cache();
    store(&off, "the key", "the data");
    assert_int_equal(access(scratch_path("hal"), F_OK), -1);
    setenv("XDG_CACHE_HOME", "/dev/null", 1);
    store(&plain, "the key", "the data");
    assert_string_equal(load(&plain, "the key"), "");
    setenv("XDG_CACHE_HOME", scratch_root, 1);
    scratch_write("hal", "a file", 6);
    store(&plain, "the key", "the data");
    assert_string_equal(load(&plain, "the key"), "");
    assert_int_equal(unlink(scratch_path("hal")), 0);
}

/* The oldest leave; what was read since is not the oldest. Leftovers of dead writers go too. */
static void it_stays_within_its_bytes(void **state)
{
    (void)state;
    const hal_cache_owner small = {NULL, "test", "test-1", 4000}, smaller = {NULL, "test", "test-1", 3000};
    char key[16], path[600], large[3000];
    memset(large, 'x', sizeof large);
    empty_cache();
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof key, "%d", i);
        hal_cache_disk_store(&small, key, 1, large, 1000);
        usleep(11000); /* the clock of file times is coarse */
    }
    assert_int_equal(load(&small, "0")[0], 'x');
    scratch_write("hal/programs/fresh-1-2-3", "x", 1);
    scratch_write("hal/programs/fresh-new", "x", 1);
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    assert_int_equal(utimensat(AT_FDCWD, scratch_path("hal/programs/fresh-1-2-3"), old, 0), 0);
    usleep(11000);
    hal_cache_disk_store(&small, "3", 1, large, 1000);
    assert_int_equal(count_files("program-", path, sizeof path), 3);
    assert_string_equal(load(&small, "1"), "");
    assert_int_equal(load(&small, "0")[0], 'x');
    assert_int_equal(count_files("fresh-", NULL, 0), 1);
    hal_cache_disk_store(&small, "large", 5, large, sizeof large);
    assert_true(count_files("program-", NULL, 0) <= 2);
    hal_cache_disk_store(&smaller, "larger", 6, large, sizeof large); /* with its head beyond the bound */
    assert_string_equal(load(&small, "larger"), "");
    assert_int_equal(load(&small, "large")[0], 'x');
}

/* Each of several processes stores and loads the same keys; what is loaded is whole. */
static void processes_fill_it_at_once(void **state)
{
    (void)state;
    enum { PROCESSES = 4, ROUNDS = 60, KEYS = 5 };
    const hal_cache_owner small = {NULL, "test", "test-1", 200000};
    pid_t children[PROCESSES];
    empty_cache();
    for (int c = 0; c < PROCESSES; c++)
        if ((children[c] = fork()) == 0) {
            char *data = malloc(60000);
            int wrong = data == NULL;
            for (int i = 0; i < ROUNDS && !wrong; i++) {
                const unsigned key = (unsigned)(i % KEYS);
                size_t bytes = 0;
                memset(data, c + 'a', 60000);
                hal_cache_disk_store(&small, &key, sizeof key, data, 50000 + key);
                char *found = hal_cache_disk_load(&small, &key, sizeof key, &bytes);
                wrong = found != NULL && (bytes != 50000 + key || memcmp(found, found + 1, bytes - 1) != 0);
                free(found);
            }
            _exit(wrong);
        }
    for (int c = 0; c < PROCESSES; c++) {
        int status = -1;
        assert_int_equal(waitpid(children[c], &status, 0), children[c]);
        assert_int_equal(status, 0);
    }
    assert_true(count_files("program-", NULL, 0) <= KEYS);
    assert_int_equal(count_files("fresh-", NULL, 0), 0);
}

/* An allocator that fails from its nth call on. */
static int left;
static void *fail_some(void *context, size_t bytes, size_t alignment)
{
    (void)context;
    return left-- > 0 ? aligned_alloc(alignment < 64 ? 64 : alignment, (bytes + 63) / 64 * 64) : NULL;
}
static void release(void *context, void *pointer)
{
    (void)context;
    free(pointer);
}

static void without_memory_it_misses(void **state)
{
    (void)state;
    const hal_allocator allocator = {.allocate = fail_some, .release = release};
    const hal_cache_owner owner = {&allocator, "test", "test-1", 400};
    empty_cache();
    for (int i = 0; i < 6; i++) {
        char key = (char)('a' + i);
        left = i % 3;
        hal_cache_disk_store(&owner, &key, 1, "the data of some length, to fill what is kept", 45);
    }
    left = 0;
    assert_string_equal(load(&owner, "f"), "");
    left = 1;
    assert_string_equal(load(&owner, "f"), "the data of some length, to fill what is kept");
}

/* Through the table a backend gets, in an instance and the next. */
static void a_backend_finds_it_again(void **state)
{
    (void)state;
    size_t bytes = 0;
    empty_cache();
    hal_device *device = fake_device(false);
    const hal_host *host = fake.host;
    host->cache_store(host->context, "k", 1, "kept", 4);
    hal_device_release(device);
    device = fake_device(false);
    host = fake.host;
    char *data = host->cache_load(host->context, "k", 1, &bytes);
    assert_non_null(data);
    assert_int_equal(bytes, 4);
    assert_memory_equal(data, "kept", 4);
    host->release(host->context, data);
    hal_device_release(device);
    setenv("HAL_CACHE_BYTES", "0", 1);
    device = fake_device(false);
    host = fake.host;
    assert_null(host->cache_load(host->context, "k", 1, &bytes));
    hal_device_release(device);
    unsetenv("HAL_CACHE_BYTES");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_stored_is_loaded),
        cmocka_unit_test(builds_do_not_meet),
        cmocka_unit_test(a_damaged_entry_is_removed),
        cmocka_unit_test(lengths_that_lie_are_refused),
        cmocka_unit_test(what_others_could_write_is_not_read),
        cmocka_unit_test(what_is_no_file_does_not_hang),
        cmocka_unit_test(without_a_directory_nothing_is_kept),
        cmocka_unit_test(it_stays_within_its_bytes),
        cmocka_unit_test(processes_fill_it_at_once),
        cmocka_unit_test(without_memory_it_misses),
        cmocka_unit_test(a_backend_finds_it_again),
    };
    return cmocka_run_group_tests(tests, start, scratch_teardown);
}
