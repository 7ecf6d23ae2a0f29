/* SPDX-License-Identifier: Apache-2.0 */
/* How the tools report a failure: an exit code for scripts and one text for the person.
 *
 * Every function of this directory that can fail returns an int: 0 (TOOL_OK), or the exit code the tool
 * should end with, and fills the tool_error it was given. The text says what failed, where, the observed
 * cause and what to do; it has no trailing newline. Out-parameters are written on success only. A NULL
 * tool_error is allowed: then only the code is reported. Nothing here exits or aborts, and only tool_finish
 * prints.
 */
#ifndef TOOLS_COMMON_ERROR_H
#define TOOLS_COMMON_ERROR_H

/* The exit codes of all hal tools. */
enum tool_exit {
    TOOL_OK = 0, /* done */
    TOOL_INTERNAL =
        1, /* a failure of the program or the system: out of memory, a full disk, a failing read */
    TOOL_BAD_INPUT = 2, /* usage, or a file or value that is not what it should be */
    TOOL_NOT_FOUND = 3, /* a file, device or name is not there, or something does not fit */
    TOOL_DEGRADED = 4,  /* done, but not in the way asked for */
    TOOL_DEADLINE = 6   /* a deadline passed */
};

/* The last failure. Plain data: copy it freely. Zero-initialise it before the first use. */
typedef struct tool_error {
    int exit_code;
    char text[1024];
} tool_error;

/* Record a failure; err may be NULL. Text beyond the buffer is cut. Returns code, so that a caller writes
 * `return tool_fail(err, TOOL_BAD_INPUT, "...")`. */
int tool_fail(tool_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a failed system call on path: "VERB PATH: strerror(errno_value)". The code is TOOL_NOT_FOUND
 * for a missing file, TOOL_BAD_INPUT for one of a wrong kind or without permission, else TOOL_INTERNAL. */
int tool_fail_errno(tool_error *err, int errno_value, const char *verb, const char *path);

/* Put "PREFIX: " before the text of a failure that is already recorded, and return its code. */
int tool_fail_within(tool_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The end of a tool: prints "TOOL: TEXT" where it failed, and fails it where standard output could not be
 * written whole. Returns the exit code. */
int tool_finish(const char *tool, int code, tool_error *err);

#endif
