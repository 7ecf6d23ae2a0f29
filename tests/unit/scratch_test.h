/* SPDX-License-Identifier: Apache-2.0 */
/* A scratch directory for tests of files. */
#ifndef TESTS_UNIT_SCRATCH_TEST_H
#define TESTS_UNIT_SCRATCH_TEST_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory of this test program, removed by scratch_teardown; paths in it are built with scratch_path. Open to
   other users as installed ones are, and to nobody for writing. */
static char scratch_root[256];

static inline int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(scratch_root, sizeof scratch_root, "%s/hal-test-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(scratch_root) != NULL && chmod(scratch_root, 0755) == 0 ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
    char command[320];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", scratch_root);
    return system(command) == 0 ? 0 : -1;
}

/* One of four static buffers, so that a few paths live at once. */
static inline const char *scratch_path(const char *name)
{
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", scratch_root, name);
    return path;
}

/* A file of these bytes; the test ends when it cannot be written. */
static inline void scratch_write(const char *name, const void *bytes, size_t size)
{
    FILE *stream = fopen(scratch_path(name), "wb");
    if (stream == NULL || fwrite(bytes, 1, size, stream) != size || fclose(stream) != 0)
        abort();
}

#endif
