/* SPDX-License-Identifier: Apache-2.0 */
/* Whole reads and writes of files, with the failure named.
 *
 * read() and write() may move fewer bytes than asked for; these calls move all of them or fail. Descriptors
 * stay the caller's. `path` is used for the text of errors only, unless the function opens it.
 */
#ifndef TOOLS_COMMON_FILE_H
#define TOOLS_COMMON_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "tools/common/error.h"

/* Read a regular file of at most `limit` bytes. *out_data is malloc'ed, followed by a NUL that *out_bytes
 * does not count, and the caller frees it. A larger file, or anything but a regular file, is an error: a pipe
 * or device has no size that could be checked before allocating. */
int file_read_whole(const char *path, uint64_t limit, char **out_data, size_t *out_bytes, tool_error *err);

/* Open a regular file for reading and tell its size. The caller closes *out_fd. */
int file_open_sized(const char *path, int *out_fd, uint64_t *out_bytes, tool_error *err);

/* Read exactly `bytes` at `offset`. A file that ends early (it was truncated meanwhile) is an error. */
int file_read_at(int fd, const char *path, uint64_t offset, void *out, size_t bytes, tool_error *err);

/* Write exactly `bytes` at `offset`. */
int file_write_at(int fd, const char *path, uint64_t offset, const void *data, size_t bytes, tool_error *err);

/* Create (or truncate) path, write all, fsync, close. On failure an incomplete file may remain. */
int file_write_whole(const char *path, const void *data, size_t bytes, tool_error *err);

/* Join DIR and NAME into out; too long a path is an error. */
int file_join(const char *dir, const char *name, char *out, size_t out_size, tool_error *err);

#endif
