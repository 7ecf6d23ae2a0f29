/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* One system call never gets more than this: Linux moves at most 2 GiB at once. */
enum { LARGEST_TRANSFER = 1 << 30 };

static int check_regular(int fd, const char *path, uint64_t *out_bytes, tool_error *err)
{
    struct stat info;
    if (fstat(fd, &info) != 0) {
        return tool_fail_errno(err, errno, "cannot inspect", path);
    }
    if (!S_ISREG(info.st_mode)) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: not a regular file; name a file", path);
    }
    *out_bytes = (uint64_t)info.st_size;
    return 0;
}

int file_open_sized(const char *path, int *out_fd, uint64_t *out_bytes, tool_error *err)
{
    /* O_NONBLOCK: opening a pipe must not wait for a writer before the type is checked. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return tool_fail_errno(err, errno, "cannot open", path);
    }
    int code = check_regular(fd, path, out_bytes, err);
    if (code) {
        close(fd);
        return code;
    }
    *out_fd = fd;
    return 0;
}

int file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t bytes, tool_error *err)
{
    char *cursor = out;
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > INT64_MAX) {
        return tool_fail(err, TOOL_INTERNAL, "%s: offset %" PRIu64 " is beyond any file", path, offset);
    }
    while (bytes > 0) {
        size_t part = bytes < LARGEST_TRANSFER ? bytes : LARGEST_TRANSFER;
        ssize_t got = pread(fd, cursor, part, (off_t)offset);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return tool_fail_errno(err, errno, "cannot read", path);
        }
        if (got == 0) {
            return tool_fail(err, TOOL_BAD_INPUT,
                             "%s: the file ends at byte %" PRIu64 ", %zu bytes early; it was truncated", path,
                             offset, bytes);
        }
        cursor += got;
        offset += (uint64_t)got;
        bytes -= (size_t)got;
    }
    return 0;
}

int file_write_at(int fd, const char *path, uint64_t offset, const void *data, size_t bytes, tool_error *err)
{
    const char *cursor = data;
    uint64_t end;
    if (__builtin_add_overflow(offset, bytes, &end) || end > INT64_MAX) {
        return tool_fail(err, TOOL_INTERNAL, "%s: offset %" PRIu64 " is beyond any file", path, offset);
    }
    while (bytes > 0) {
        size_t part = bytes < LARGEST_TRANSFER ? bytes : LARGEST_TRANSFER;
        ssize_t put = pwrite(fd, cursor, part, (off_t)offset);
        if (put < 0 && errno == EINTR) {
            continue;
        }
        if (put <= 0) {
            return tool_fail_errno(err, put < 0 ? errno : ENOSPC, "cannot write", path);
        }
        cursor += put;
        offset += (uint64_t)put;
        bytes -= (size_t)put;
    }
    return 0;
}

static int read_sized(int fd, const char *path, uint64_t bytes, uint64_t limit, char **out_data,
                      tool_error *err)
{
    if (bytes > limit || bytes >= SIZE_MAX) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s: %" PRIu64 " bytes, at most %" PRIu64 " are accepted", path,
                         bytes, limit);
    }
    char *data = malloc((size_t)bytes + 1);
    if (!data) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory for %" PRIu64 " bytes", path, bytes);
    }
    int code = file_read_at(fd, path, 0, data, (size_t)bytes, err);
    if (code) {
        free(data);
        return code;
    }
    data[bytes] = 0;
    *out_data = data;
    return 0;
}

int file_read_whole(const char *path, uint64_t limit, char **out_data, size_t *out_bytes, tool_error *err)
{
    int fd;
    uint64_t bytes;
    int code = file_open_sized(path, &fd, &bytes, err);
    if (code) {
        return code;
    }
    code = read_sized(fd, path, bytes, limit, out_data, err);
    close(fd);
    if (code == 0) {
        *out_bytes = (size_t)bytes;
    }
    return code;
}

int file_write_whole(const char *path, const void *data, size_t bytes, tool_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0) {
        return tool_fail_errno(err, errno, "cannot create", path);
    }
    int code = file_write_at(fd, path, 0, data, bytes, err);
    if (code == 0 && fsync(fd) != 0) {
        code = tool_fail_errno(err, errno, "cannot sync", path);
    }
    if (close(fd) != 0 && code == 0) {
        code = tool_fail_errno(err, errno, "cannot close", path);
    }
    return code;
}

int file_join(const char *dir, const char *name, char *out, size_t out_size, tool_error *err)
{
    int length = snprintf(out, out_size, "%s/%s", dir, name);
    if (length < 0 || (size_t)length >= out_size) {
        return tool_fail(err, TOOL_BAD_INPUT, "%.200s/%.200s: the path is too long", dir, name);
    }
    return 0;
}
