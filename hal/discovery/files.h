/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where facts about a machine are read from: /sys, /proc and /dev of this machine, of a directory that is laid out like a
 * root file system, or of a recorded tree. Everything passive goes through here, so that a recorded machine is described
 * by the code that describes this one. Paths are absolute, as on the described machine. Nothing here opens a device.
 *
 * A recorded tree is one text file. `hal-info gather` writes it; tests/machines holds many. Its first line is
 *
 *     hal-tree 1
 *
 * then one line an entry; a line that begins with # is a comment. Parents are implied. PATH has no blanks: a blank in a
 * name is written \040, as in /proc/mounts.
 *
 *     = PATH VALUE                      a file of one line, mode 0444, root:root; VALUE is the rest of the line
 *     < PATH                            a file of many lines: the lines that follow and begin with a tab, without it
 *     x PATH HEX                        a file of any bytes, two hexadecimal digits each
 *     @ PATH TARGET                     a symbolic link; TARGET as readlink tells it
 *     / PATH                            a directory, where it holds nothing
 *     c PATH MAJOR:MINOR MODE UID:GID   a character device; MODE octal; UID and GID are numbers
 *     m PATH MODE UID:GID               mode and owner of an entry above
 *     ! PATH ERROR                      what open(2) answered there: EPERM, EACCES, ENODEV, EIO, ...; read-only for files
 *
 * and, as its last line, the end mark:
 *
 *     . N                               N lines above begin with one of these characters: a tree that lost some is refused
 *
 * What is no file of the machine stands below /hal: /hal/env (NAME=VALUE a line), /hal/id ("uid=1000 gid=1000
 * groups=44(video),109(render)"), /hal/uname (sysname, nodename, release, machine: a line each), /hal/date (seconds since
 * 1970), /hal/hwloc.xml or /hal/hwloc.synthetic (processors, caches and NUMA nodes, in hwloc's words), /hal/answers/NAME
 * (what a vendor's library answered: hal/discovery/answer.h), /hal/measurements (hal/discovery/measurements.h).
 */
#ifndef HAL_DISCOVERY_FILES_H
#define HAL_DISCOVERY_FILES_H

#include "hal/core.h"

#include <sys/types.h>

/* An open source of facts. Immutable; any thread. */
typedef struct hal_files hal_files;

/* NULL: this machine. Else a directory or a recorded tree. Errors: NOT_FOUND, IO, INVALID_ARGUMENT with line and cause. */
hal_status hal_files_open(const hal_allocator *allocator, const char *input, hal_files **files);
/* The same from text in memory that need not end in NUL; `origin` is what errors call it. */
hal_status hal_files_parse(const hal_allocator *allocator, const char *origin, const char *text, size_t bytes, hal_files **files);
void hal_files_close(hal_files *files);
/* False for what was recorded: nothing of it can be run on, and its answers are kept ones. */
bool hal_files_live(const hal_files *files);

/* The first `size` - 1 bytes of a file, with an end, without the newlines at its end. -1 with errno when it cannot be
   read; else the length. */
ssize_t hal_files_read(const hal_files *files, const char *path, char *text, size_t size);
/* The whole of it, NUL-terminated, from the allocator; NULL with errno (EFBIG above 16 MiB). */
char *hal_files_read_all(const hal_files *files, const char *path, size_t *bytes);
/* Gives back what hal_files_read_all returned; accepts NULL. */
void hal_files_free(const hal_files *files, char *text);
/* A number, decimal or 0x...; false when the file cannot be read or holds something else. */
bool hal_files_number(const hal_files *files, const char *path, int64_t *value);
/* Names in a directory in the order of strverscmp, without . and ..; at most 65536 (`truncated` tells). The array is freed
   by hal_files_names_free. False with errno when it cannot be read. */
typedef struct hal_names { char **items; uint32_t count; bool truncated; } hal_names;
bool hal_files_list(const hal_files *files, const char *path, hal_names *names);
void hal_files_names_free(const hal_files *files, hal_names *names);
/* What a symbolic link says; its last component is what sysfs means by `driver` and `subsystem`. False with errno. */
bool hal_files_link(const hal_files *files, const char *path, char *target, size_t size);
/* The canonical path behind every link in `path`; at most 40 of them (ELOOP). False with errno. */
bool hal_files_resolve(const hal_files *files, const char *path, char *real, size_t size);

/* What stat tells. */
typedef struct hal_file_facts {
    uint32_t mode; /* type and permission bits */
    uint32_t uid, gid, major, minor;
    uint64_t size;
} hal_file_facts;
/* Follows links. False with errno. */
bool hal_files_stat(const hal_files *files, const char *path, hal_file_facts *facts);
static inline bool hal_files_exist(const hal_files *files, const char *path)
{
    hal_file_facts facts;
    return hal_files_stat(files, path, &facts);
}
/* 0, or the errno with which opening for `write` (or reading) is refused. A live device is never opened: permission bits and
   groups are looked at, and what a control group forbids stays unseen. */
int hal_files_access(const hal_files *files, const char *path, bool write);

/* An environment variable of the described process, read through secure_getenv when live; NULL when unset. */
const char *hal_files_env(const hal_files *files, const char *name);
/* Name of a group or user of the described machine; "" when not known. `text` is returned. */
const char *hal_files_group_name(const hal_files *files, uint32_t gid, char *text, size_t size);
/* The caller: user, group, and whether it is in group `gid`. */
uint32_t hal_files_uid(const hal_files *files);
bool hal_files_in_group(const hal_files *files, uint32_t gid);

#endif
