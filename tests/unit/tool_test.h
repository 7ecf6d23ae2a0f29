/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of tools/common share: a scratch directory, files made from text, and checks of errors.
 * Include before anything else: cmocka wants its own headers first. */
#ifndef TESTS_UNIT_TOOL_TEST_H
#define TESTS_UNIT_TOOL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/common/error.h"

/* A directory of this test program, removed by scratch_teardown; paths in it are built with scratch_path. */
static char scratch_root[256];

static inline int scratch_setup(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(scratch_root, sizeof scratch_root, "%s/hal-test-XXXXXX", base && *base ? base : "/tmp");
    return mkdtemp(scratch_root) ? 0 : -1;
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

static inline const char *scratch_file(const char *name, const void *data, size_t bytes)
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* A failure with this code whose text holds this fragment. */
static inline void assert_failed(int code, const tool_error *err, int expected, const char *fragment)
{
    if (code != expected || err->exit_code != expected || !strstr(err->text, fragment)) {
        fail_msg("expected %d and \"%s\", got %d: %s", expected, fragment, code, err->text);
    }
}

/* Success; otherwise the test shows the error. */
static inline void assert_worked(int code, const tool_error *err)
{
    if (code != 0) {
        fail_msg("unexpected failure %d: %s", code, err->text);
    }
}

#endif
