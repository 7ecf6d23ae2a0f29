/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/checkpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/file.h"

struct checkpoint {
    char target[PATH_MAX]; /* absolute, symbolic links resolved: the swap must not replace a link */
    char parent[PATH_MAX];
    char fresh[PATH_MAX]; /* DIR.tmp-PID */
};

/* --- directories as flat lists of entries --- */

typedef int (*entry_fn)(void *context, int dir_fd, const char *name, tool_error *err);

static bool is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static int each_entry(const char *path, entry_fn visit, void *context, tool_error *err)
{
    DIR *dir = opendir(path);
    if (!dir) {
        return tool_fail_errno(err, errno, "cannot open", path);
    }
    int code = 0;
    for (const struct dirent *entry = readdir(dir); entry && code == 0; entry = readdir(dir)) {
        if (!is_dot(entry->d_name)) {
            code = visit(context, dirfd(dir), entry->d_name, err);
        }
    }
    closedir(dir);
    return code;
}

static int remove_entry(void *context, int dir_fd, const char *name, tool_error *err)
{
    (void)context;
    return unlinkat(dir_fd, name, 0) == 0 ? 0 : tool_fail_errno(err, errno, "cannot remove", name);
}

static int count_entry(void *context, int dir_fd, const char *name, tool_error *err)
{
    (void)dir_fd;
    (void)name;
    (void)err;
    ++*(size_t *)context;
    return 0;
}

static int sync_descriptor(int fd, const char *path, tool_error *err)
{
    if (fd < 0) {
        return tool_fail_errno(err, errno, "cannot open", path);
    }
    int code = fsync(fd) == 0 ? 0 : tool_fail_errno(err, errno, "cannot sync", path);
    close(fd);
    return code;
}

static int sync_entry(void *context, int dir_fd, const char *name, tool_error *err)
{
    (void)context;
    return sync_descriptor(openat(dir_fd, name, O_RDONLY | O_CLOEXEC), name, err);
}

static int sync_directory(const char *path, tool_error *err)
{
    return sync_descriptor(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), path, err);
}

static void remove_flat(const char *path)
{
    each_entry(path, remove_entry, NULL, NULL);
    rmdir(path);
}

/* --- begin --- */

/* Resolve dir; where it does not exist yet, its parent. */
static int resolve(checkpoint *object, const char *dir, tool_error *err)
{
    if (realpath(dir, object->target)) {
        return 0;
    }
    if (errno != ENOENT) {
        return tool_fail_errno(err, errno, "cannot resolve", dir);
    }
    char first[PATH_MAX];
    char second[PATH_MAX];
    char parent[PATH_MAX];
    if (!*dir || strlen(dir) >= sizeof first) {
        return tool_fail(err, TOOL_BAD_INPUT, "\"%.200s\" cannot name a checkpoint directory", dir);
    }
    strcpy(first, dir);
    strcpy(second, dir);
    const char *above = dirname(first);
    if (!realpath(above, parent)) {
        return tool_fail_errno(err, errno, "the directory above is needed first:", above);
    }
    return file_join(strcmp(parent, "/") == 0 ? "" : parent, basename(second), object->target,
                     sizeof object->target, err);
}

/* The swap would leave the shell and every relative path of the run in a directory that is gone. */
static int check_not_current(const checkpoint *object, tool_error *err)
{
    char current[PATH_MAX];
    size_t length = strlen(object->target);
    if (!getcwd(current, sizeof current)) {
        return 0;
    }
    bool above = strncmp(current, object->target, length) == 0 &&
                 (current[length] == '/' || current[length] == 0 || length == 1);
    if (above) {
        return tool_fail(err, TOOL_BAD_INPUT,
                         "%s is or contains the working directory; name a directory of its own",
                         object->target);
    }
    return 0;
}

static int check_target(const checkpoint *object, tool_error *err)
{
    struct stat info;
    char config[PATH_MAX];
    size_t entries = 0;
    if (stat(object->target, &info) != 0) {
        return errno == ENOENT ? 0 : tool_fail_errno(err, errno, "cannot inspect", object->target);
    }
    if (!S_ISDIR(info.st_mode)) {
        return tool_fail(err, TOOL_BAD_INPUT, "%s is not a directory", object->target);
    }
    int code = check_not_current(object, err);
    code = code ? code : file_join(object->target, "config.json", config, sizeof config, err);
    code = code ? code : each_entry(object->target, count_entry, &entries, err);
    if (code == 0 && entries > 0 && access(config, F_OK) != 0) {
        code = tool_fail(
            err, TOOL_BAD_INPUT,
            "%s is not empty and has no config.json, so it is no checkpoint; name another directory",
            object->target);
    }
    return code;
}

static int name_siblings(checkpoint *object, tool_error *err)
{
    int length = snprintf(object->fresh, sizeof object->fresh, "%s.tmp-%ld", object->target, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof object->fresh) {
        return tool_fail(err, TOOL_BAD_INPUT, "%.200s...: the path is too long", object->target);
    }
    char copy[PATH_MAX];
    strcpy(copy, object->target);
    strcpy(object->parent, dirname(copy));
    return 0;
}

static int make_fresh(const checkpoint *object, tool_error *err)
{
    if (mkdir(object->fresh, 0777) == 0) {
        return 0;
    }
    if (errno == EEXIST) {
        /* A crashed run had the same process number. */
        remove_flat(object->fresh);
        if (mkdir(object->fresh, 0777) == 0) {
            return 0;
        }
    }
    return tool_fail_errno(err, errno, "cannot create", object->fresh);
}

int checkpoint_begin(const char *dir, checkpoint **out, tool_error *err)
{
    checkpoint *object = calloc(1, sizeof *object);
    if (!object) {
        return tool_fail(err, TOOL_INTERNAL, "%s: no memory to save there", dir);
    }
    int code = resolve(object, dir, err);
    code = code ? code : check_target(object, err);
    code = code ? code : name_siblings(object, err);
    code = code ? code : make_fresh(object, err);
    if (code) {
        free(object);
        return tool_fail_within(err, code, "cannot save a checkpoint");
    }
    *out = object;
    return 0;
}

int checkpoint_try(const char *dir, tool_error *err)
{
    checkpoint *object;
    int code = checkpoint_begin(dir, &object, err);
    if (code == 0) {
        checkpoint_abort(object);
    }
    return code;
}

/* --- contents --- */

const char *checkpoint_directory(const checkpoint *object)
{
    return object->fresh;
}

int checkpoint_file(const checkpoint *object, const char *name, char *out, size_t out_size, tool_error *err)
{
    return file_join(object->fresh, name, out, out_size, err);
}

int checkpoint_write(checkpoint *object, const char *name, const void *data, size_t bytes, tool_error *err)
{
    char path[PATH_MAX];
    int code = checkpoint_file(object, name, path, sizeof path, err);
    return code ? code : file_write_whole(path, data, bytes, err);
}

/* --- commit --- */

static bool has_suffix(const char *name, const char *suffix)
{
    size_t length = strlen(name);
    size_t tail = strlen(suffix);
    return length >= tail && strcmp(name + length - tail, suffix) == 0;
}

/* Files that belong to the checkpoint that was replaced; anything else is the user's. */
static bool is_checkpoint_file(const char *name)
{
    static const char *const names[] = {"config.json", "generation_config.json", "tokenizer.json",
                                        "tokenizer_config.json", "special_tokens_map.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(name, names[i]) == 0) {
            return true;
        }
    }
    return has_suffix(name, ".safetensors") || has_suffix(name, ".safetensors.index.json");
}

/* Move what is the user's into the new directory, remove the rest; context is the new directory's descriptor.
 */
static int retire_entry(void *context, int old_fd, const char *name, tool_error *err)
{
    int new_fd = *(const int *)context;
    bool replaced = faccessat(new_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (!replaced && !is_checkpoint_file(name)) {
        if (renameat(old_fd, name, new_fd, name) != 0) {
            return tool_fail_errno(err, errno, "cannot keep", name);
        }
        return 0;
    }
    return remove_entry(NULL, old_fd, name, err);
}

static int retire(const char *old, const char *target, tool_error *err)
{
    int new_fd = open(target, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (new_fd < 0) {
        return tool_fail_errno(err, errno, "cannot open", target);
    }
    int code = each_entry(old, retire_entry, &new_fd, err);
    close(new_fd);
    if (code == 0 && rmdir(old) != 0) {
        code = tool_fail_errno(err, errno, "cannot remove", old);
    }
    return code;
}

/* For file systems that cannot exchange. */
static int swap_by_two_renames(const checkpoint *object, tool_error *err)
{
    char old[PATH_MAX];
    int length = snprintf(old, sizeof old, "%s.old-%ld", object->target, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof old) {
        return tool_fail(err, TOOL_BAD_INPUT, "%.200s...: the path is too long", object->target);
    }
    if (rename(object->target, old) != 0) {
        return tool_fail_errno(err, errno, "cannot move aside", object->target);
    }
    if (rename(object->fresh, object->target) != 0) {
        int cause = errno;
        rename(old, object->target);
        return tool_fail_errno(err, cause, "cannot move into place", object->target);
    }
    return rename(old, object->fresh) == 0 ? 0 : tool_fail_errno(err, errno, "cannot rename", old);
}

/* Afterwards the new files are the target, and fresh is gone or holds the old ones (*out_replaced). */
static int swap(const checkpoint *object, bool *out_replaced, tool_error *err)
{
    *out_replaced = false;
    if (renameat2(AT_FDCWD, object->fresh, AT_FDCWD, object->target, RENAME_EXCHANGE) == 0) {
        *out_replaced = true;
        return 0;
    }
    if (errno == ENOENT) {
        return rename(object->fresh, object->target) == 0
                   ? 0
                   : tool_fail_errno(err, errno, "cannot move into place", object->target);
    }
    if (errno != EINVAL && errno != ENOSYS) {
        return tool_fail_errno(err, errno, "cannot swap in", object->target);
    }
    if (access(object->target, F_OK) != 0) {
        return rename(object->fresh, object->target) == 0
                   ? 0
                   : tool_fail_errno(err, errno, "cannot move into place", object->target);
    }
    *out_replaced = true;
    return swap_by_two_renames(object, err);
}

int checkpoint_commit(checkpoint **owner, tool_error *err)
{
    checkpoint *object = *owner;
    *owner = NULL;
    bool replaced;
    int code = each_entry(object->fresh, sync_entry, NULL, err);
    code = code ? code : sync_directory(object->fresh, err);
    code = code ? code : swap(object, &replaced, err);
    if (code) {
        checkpoint_abort(object);
        return tool_fail_within(err, code, "cannot save a checkpoint; the previous one is whole");
    }
    code = sync_directory(object->parent, err);
    if (code == 0 && replaced) {
        code = retire(object->fresh, object->target, err);
    }
    if (code) {
        code = tool_fail_within(err, TOOL_DEGRADED, "the checkpoint %s is saved, but tidying failed",
                                object->target);
    }
    free(object);
    return code;
}

void checkpoint_abort(checkpoint *object)
{
    if (object) {
        remove_flat(object->fresh);
        free(object);
    }
}
