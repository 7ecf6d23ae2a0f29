/* SPDX-License-Identifier: Apache-2.0 */
/* For tests that load plugins: a directory of their own with copies of the null backend, which they damage.
 */
#ifndef TESTS_UNIT_PLUGIN_TEST_H
#define TESTS_UNIT_PLUGIN_TEST_H

#include "core_test.h"
#include "scratch_test.h"

#include <fcntl.h>
#include <sys/stat.h>

/* The build tree's plugins; "" when the test runs outside it. */
static inline const char *plugin_source(void)
{
    const char *path = getenv("HAL_PLUGIN_PATH");
    return path != NULL ? path : "";
}

/* The bytes of the null backend; freed by the caller. */
static inline char *null_bytes(size_t *size)
{
    char path[512];
    struct stat st;
    snprintf(path, sizeof path, "%s/libhal_null.so", plugin_source());
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        skip();
    assert_int_equal(fstat(fileno(file), &st), 0);
    char *bytes = malloc((size_t)st.st_size);
    assert_non_null(bytes);
    *size = fread(bytes, 1, (size_t)st.st_size, file);
    fclose(file);
    return bytes;
}

/* A new file each time: writing over one that is loaded takes the pages of the running code away. */
static inline void plugin_write(const char *name, const void *bytes, size_t size)
{
    unlink(scratch_path(name));
    FILE *file = fopen(scratch_path(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    fclose(file);
    assert_int_equal(chmod(scratch_path(name), 0755), 0);
}

/* A whole copy of the null backend under another name. */
static inline void plugin_copy(const char *name)
{
    size_t size;
    char *bytes = null_bytes(&size);
    plugin_write(name, bytes, size);
    free(bytes);
}

/* Where the note begins in `bytes`. */
static inline hal_backend_note *note_in(char *bytes, size_t size)
{
    const uint32_t magic = HAL_BACKEND_NOTE_MAGIC;
    for (size_t at = offsetof(hal_backend_note, magic); at + sizeof(hal_backend_note) < size; at += 4)
        if (memcmp(bytes + at, &magic, 4) == 0 && memcmp(bytes + at - 4, "hal", 4) == 0)
            return (hal_backend_note *)(void *)(bytes + at - offsetof(hal_backend_note, magic));
    fail_msg("no note in the null backend");
    return NULL;
}

/* An instance over `directories`. */
static inline hal_instance *plugin_instance(const char *directories, const char *backends)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .plugin_path = directories,
                                    .backends = backends};
    hal_instance *instance = NULL;
    assert_ok(hal_instance_create(&options, &instance));
    return instance;
}

#endif
