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

#include "scratch_test.h"
#include "tools/common/error.h"

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
