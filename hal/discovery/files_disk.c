/* SPDX-License-Identifier: Apache-2.0 */
/* This machine, or a directory that stands for one: there, every link is followed by hand, so that none leads
 * out of it. */
#include "hal/discovery/files_source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* One component more below `root`; the length of `real`, or -1 with errno. */
static ssize_t append(char *real, size_t length, const char *name)
{
    int n = snprintf(real + length, PATH_MAX - length, "/%s", name);
    if (n < 0 || length + (size_t)n >= PATH_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return (ssize_t)length + n;
}

/* The length without the last name, which never goes above the root. */
static size_t cut(char *real, size_t base, size_t length)
{
    while (length > base && real[length] != '/')
        length--;
    real[length] = '\0';
    return length;
}

/* The path on this machine of what the described one calls `path`; `follow` its last link too. */
static bool below(const char *root, const char *path, bool follow, char *real)
{
    hal_path_walk walk;
    char target[PATH_MAX];
    size_t base = strlen(root), length = base;
    if (base >= PATH_MAX || !hal_path_begin(&walk, path))
        return false;
    memcpy(real, root, base + 1);
    for (char *name; (name = hal_path_next(&walk)) != NULL;) {
        if (strcmp(name, ".") == 0)
            continue;
        if (strcmp(name, "..") == 0) {
            length = cut(real, base, length);
            continue;
        }
        const ssize_t longer = append(real, length, name);
        if (longer < 0)
            return false;
        const bool stay = hal_path_last(&walk) && !follow;
        const ssize_t n = stay ? -1 : readlink(real, target, sizeof target - 1);
        if (n < 0) { /* no link, or nothing: whoever uses the path learns it */
            length = (size_t)longer;
            continue;
        }
        target[n] = '\0';
        length = target[0] == '/' ? base : length;
        real[length] = '\0';
        if (!hal_path_follow(&walk, target))
            return false;
    }
    return true;
}

/* `buffer` or `path` itself; NULL with errno. */
static const char *locate(const hal_files *files, const char *path, bool follow, char *buffer)
{
    if (files->live)
        return path;
    if (!below(files->state, path, follow, buffer))
        return NULL;
    return buffer[0] == '\0' ? "/" : buffer;
}

/* Only regular files: opening a device or a pipe may do or wait for something. Those below /sys and /proc are
 * known to be. */
static int open_regular(const hal_files *files, const char *path)
{
    char buffer[PATH_MAX];
    struct stat facts;
    const char *real = locate(files, path, true, buffer);
    if (real == NULL)
        return -1;
    bool known = files->live && (strncmp(path, "/sys/", 5) == 0 || strncmp(path, "/proc/", 6) == 0);
    if (!known && stat(real, &facts) != 0)
        return -1;
    if (!known && !S_ISREG(facts.st_mode)) {
        errno = S_ISDIR(facts.st_mode) ? EISDIR : EPERM;
        return -1;
    }
    return open(real, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
}

static ssize_t disk_read(const hal_files *files, const char *path, char *text, size_t size)
{
    int fd = open_regular(files, path);
    size_t have = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && have < size) {
        n = read(fd, text + have, size - have);
        have += n > 0 ? (size_t)n : 0;
        if (n < 0 && errno == EINTR)
            n = 1;
    }
    int why = errno;
    if (fd >= 0)
        close(fd);
    errno = why;
    return n < 0 ? -1 : (ssize_t)have;
}

static char *disk_load(const hal_files *files, const char *path, size_t *bytes)
{
    int fd = open_regular(files, path);
    if (fd < 0)
        return NULL;
    char *text = hal_files_drain(files->allocator, fd, HAL_FILE_LIMIT, bytes);
    int why = errno;
    close(fd);
    errno = why;
    return text;
}

static bool disk_list(const hal_files *files, const char *path, hal_names *names)
{
    char buffer[PATH_MAX];
    const char *real = locate(files, path, true, buffer);
    DIR *directory = real != NULL ? opendir(real) : NULL;
    uint32_t capacity = 0;
    bool ok = directory != NULL;
    if (!ok)
        return false;
    for (struct dirent *entry; ok && !names->truncated && (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            ok = hal_names_add(files->allocator, names, &capacity, entry->d_name);
    int why = errno;
    closedir(directory);
    errno = why;
    return ok;
}

static bool disk_link(const hal_files *files, const char *path, char *target, size_t size)
{
    char buffer[PATH_MAX];
    const char *real = locate(files, path, false, buffer);
    ssize_t n = real != NULL ? readlink(real, target, size) : -1;
    if (n >= 0 && (size_t)n >= size) {
        errno = ENAMETOOLONG;
        n = -1;
    }
    if (n >= 0)
        target[n] = '\0';
    return n >= 0;
}

static bool disk_resolve(const hal_files *files, const char *path, char *real, size_t size)
{
    char buffer[PATH_MAX];
    const char *found = buffer;
    if (files->live && realpath(path, buffer) == NULL)
        return false;
    if (!files->live) {
        struct stat facts;
        found = locate(files, path, true, buffer);
        if (found == NULL || lstat(found, &facts) != 0)
            return false;
        found += strlen(files->state);
    }
    int n = snprintf(real, size, "%s", *found ? found : "/");
    errno = ENAMETOOLONG;
    return n >= 0 && (size_t)n < size;
}

static bool disk_stat(const hal_files *files, const char *path, hal_file_facts *facts)
{
    char buffer[PATH_MAX];
    struct stat s;
    const char *real = locate(files, path, true, buffer);
    if (real == NULL || (files->live ? stat(real, &s) : lstat(real, &s)) != 0)
        return false;
    *facts = (hal_file_facts){.mode = s.st_mode,
                              .uid = s.st_uid,
                              .gid = s.st_gid,
                              .major = major(s.st_rdev),
                              .minor = minor(s.st_rdev),
                              .size = (uint64_t)s.st_size};
    return true;
}

/* What permission bits, access lists and capabilities say; nothing is opened. */
static int disk_access(const hal_files *files, const char *path, bool write)
{
    char buffer[PATH_MAX];
    const char *real = locate(files, path, true, buffer);
    if (real == NULL || faccessat(AT_FDCWD, real, write ? R_OK | W_OK : R_OK, AT_EACCESS) != 0)
        return errno;
    return 0;
}

static void disk_close(hal_files *files)
{
    hal_deallocate(files->allocator, files->state);
}

const hal_files_source hal_files_disk = {
    .read = disk_read,
    .load = disk_load,
    .list = disk_list,
    .link = disk_link,
    .resolve = disk_resolve,
    .stat = disk_stat,
    .access = disk_access,
    .close = disk_close,
};
