/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int tool_fail(tool_error *err, int code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        err->exit_code = code;
    }
    return code;
}

static int errno_code(int errno_value)
{
    switch (errno_value) {
    case ENOENT: return TOOL_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EISDIR:
    case ENOTDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case EEXIST:
    case EROFS: return TOOL_BAD_INPUT;
    default: return TOOL_INTERNAL;
    }
}

int tool_fail_errno(tool_error *err, int errno_value, const char *verb, const char *path)
{
    char reason[128];
    /* The GNU variant: it may return a static text instead of filling the buffer. */
    const char *text = strerror_r(errno_value, reason, sizeof reason);
    return tool_fail(err, errno_code(errno_value), "%s %s: %s", verb, path, text);
}

int tool_fail_within(tool_error *err, int code, const char *format, ...)
{
    if (err) {
        char text[sizeof err->text];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        strncat(text, ": ", sizeof text - strlen(text) - 1);
        strncat(text, err->text, sizeof text - strlen(text) - 1);
        memcpy(err->text, text, sizeof text);
        err->exit_code = code;
    }
    return code;
}

int tool_finish(const char *tool, int code, tool_error *err)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && code == TOOL_OK) {
        code = tool_fail(err, TOOL_INTERNAL, "standard output could not be written whole: a full disk, or a "
                                             "reader that is gone?");
    }
    if (code) {
        fprintf(stderr, "%s: %s\n", tool, err->text);
    }
    return code;
}
