/* SPDX-License-Identifier: Apache-2.0 */
/* Which plugins the helper has opened well before: lines of a file in the caller's cache directory. A plugin
   is another one when its file was written, moved or replaced. Losing the file costs time, nothing else, so
   whatever goes wrong with it here means "not known" and is no error. */
#include "object.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define LARGEST 65536 /* then it begins anew */

typedef struct fingerprint {
    char line[PATH_MAX + 256];
    size_t length;
} fingerprint;

static bool take_fingerprint(int fd, const char *path, const char *build_id, fingerprint *f)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || strchr(path, '\n') != NULL || strpbrk(build_id, "\n ") != NULL)
        return false;
    int n = snprintf(f->line, sizeof f->line, "%llx %llx %lld %lld.%09ld %lld.%09ld %s %s\n",
                     (unsigned long long)st.st_dev, (unsigned long long)st.st_ino, (long long)st.st_size,
                     (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec,
                     st.st_ctim.tv_nsec, build_id, path);
    f->length = n > 0 ? (size_t)n : 0;
    return n > 0 && f->length < sizeof f->line;
}

bool hal_cache_directory(bool make, char *out, size_t size)
{
    const char *base = hal_env_get("XDG_CACHE_HOME"), *home = hal_env_get("HOME");
    struct stat st;
    int n;
    if (base == NULL && (home == NULL || home[0] != '/' || stat(home, &st) != 0 || st.st_uid != geteuid()))
        return false;
    n = base != NULL ? snprintf(out, size, "%s", base) : snprintf(out, size, "%s/.cache", home);
    if (n <= 0 || (size_t)n + 16 >= size || out[0] != '/')
        return false;
    if (make)
        mkdir(out, 0700);
    if (stat(out, &st) != 0 || st.st_uid != geteuid())
        return false;
    snprintf(out + n, size - (size_t)n, "/hal");
    if (make)
        mkdir(out, 0700);
    return true;
}

/* The file when nobody else can have written it, else -1. */
static int open_list(int flags)
{
    char path[PATH_MAX];
    struct stat st;
    if (!hal_cache_directory((flags & O_CREAT) != 0, path, sizeof path - 16))
        return -1;
    snprintf(path + strlen(path), 16, "/opened");
    int fd = open(path, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return -1;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 && (st.st_size <= LARGEST || (flags & O_CREAT) != 0))
        return fd;
    close(fd);
    return -1;
}

bool hal_known_find(int plugin, const char *path, const char *build_id)
{
    fingerprint f;
    char line[sizeof f.line];
    bool found = false;
    int fd = take_fingerprint(plugin, path, build_id, &f) ? open_list(O_RDONLY) : -1;
    FILE *list = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (list == NULL) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    while (!found && fgets(line, (int)sizeof line, list) != NULL)
        found = strcmp(line, f.line) == 0;
    fclose(list);
    return found;
}

void hal_known_add(int plugin, const char *path, const char *build_id)
{
    fingerprint f;
    struct stat st;
    int fd = take_fingerprint(plugin, path, build_id, &f) ? open_list(O_WRONLY | O_APPEND | O_CREAT) : -1;
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && (st.st_size + (off_t)f.length <= LARGEST || ftruncate(fd, 0) == 0)) {
        ssize_t put = write(fd, f.line, f.length); /* one write: other processes append too */
        (void)put;
    }
    close(fd);
}
