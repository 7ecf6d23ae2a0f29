/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file may be run inside this process: nobody but root and the caller may have written it or put it
   there, and the directories above may not be open to others. */
#include "object.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Many distributions give each user a group of his own and a umask that lets it write: such a group admits
   nobody else, so writing by it is writing by the owner. */
static bool private_group(uid_t owner, gid_t group)
{
    char owner_text[4096], group_text[16384];
    struct passwd user, *u = NULL;
    struct group entry, *g = NULL;
    if (getpwuid_r(owner, &user, owner_text, sizeof owner_text, &u) != 0 ||
        getgrgid_r(group, &entry, group_text, sizeof group_text, &g) != 0)
        return false;
    if (u == NULL && g == NULL) /* a tree mounted into a container: the numbers alone keep the custom */
        return owner == group;
    if (u == NULL || g == NULL || u->pw_gid != group)
        return false;
    for (char **m = g->gr_mem; *m != NULL; m++)
        if (strcmp(*m, u->pw_name) != 0)
            return false;
    /* Without members a group is private when it carries the owner's name. */
    return strcmp(g->gr_name, u->pw_name) == 0 || g->gr_mem[0] != NULL;
}

static hal_status refuse(const struct stat *st, const char *path, const char *why, const char *mend,
                         char *hint, size_t size)
{
    snprintf(hint, size, "%s '%s'", mend, path);
    return HAL_FAIL(PERMISSION_DENIED, "%s: %s (mode %04o, owner %u, group %u, you are %u)", path, why,
                    (unsigned)st->st_mode & 07777u, (unsigned)st->st_uid, (unsigned)st->st_gid,
                    (unsigned)geteuid());
}

static hal_status check_owner(int fd, const char *path, struct stat *st, char *hint, size_t size)
{
    if (fstat(fd, st) != 0)
        return HAL_FAIL(IO, "%s: fstat failed: %m", path);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return refuse(st, path, "belongs to neither root nor you", "chown root", hint, size);
    return HAL_OK;
}

static hal_status check_writers(const struct stat *st, const char *path, char *hint, size_t size)
{
    if (st->st_mode & S_IWOTH)
        return refuse(st, path, "anybody can write it", "chmod o-w", hint, size);
    if ((st->st_mode & S_IWGRP) && !private_group(st->st_uid, st->st_gid))
        return refuse(st, path, "its group can write it, and that is not the owner's private group",
                      "chmod g-w", hint, size);
    return HAL_OK;
}

/* Whoever writes a directory can put another in the place of one below it, unless it is sticky. New entries
   matter only in the last one, which is searched for plugins. A directory above may belong to a third user, as
   the checkout does in many a container: whoever builds or installs below it relies on its owner anyway. */
static hal_status check_directory(int fd, const char *path, bool last, char *hint, size_t size)
{
    struct stat st;
    if (last)
        HAL_TRY(check_owner(fd, path, &st, hint, size));
    else if (fstat(fd, &st) != 0)
        return HAL_FAIL(IO, "%s: fstat failed: %m", path);
    else if (st.st_mode & S_ISVTX)
        return HAL_OK;
    return check_writers(&st, path, hint, size);
}

/* Replaces the directory *fd by its entry: the last `length` bytes of `path`. */
static hal_status descend(int *fd, const char *path, size_t length)
{
    int next = openat(*fd, path + strlen(path) - length, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0)
        return HAL_FAIL(IO, "%s: open failed: %m", path);
    close(*fd);
    *fd = next;
    return HAL_OK;
}

hal_status hal_trust_directory(const char *path, char *hint, size_t size, int *out)
{
    char part[PATH_MAX];
    hal_status s;
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return HAL_FAIL(IO, "/: open failed: %m");
    s = check_directory(fd, "/", path[strspn(path, "/")] == '\0', hint, size);
    for (const char *p = path + strspn(path, "/"); s == HAL_OK && *p != '\0';) {
        size_t length = strcspn(p, "/");
        snprintf(part, sizeof part, "%.*s", (int)(p + length - path), path);
        p += length;
        p += strspn(p, "/");
        s = descend(&fd, part, length);
        if (s == HAL_OK)
            s = check_directory(fd, part, *p == '\0', hint, size);
    }
    if (s != HAL_OK) {
        close(fd);
        return s;
    }
    *out = fd;
    return HAL_OK;
}

hal_status hal_trust_file(int fd, const char *path, char *hint, size_t size)
{
    struct stat st;
    HAL_TRY(check_owner(fd, path, &st, hint, size));
    if (!S_ISREG(st.st_mode))
        return HAL_FAIL(PERMISSION_DENIED, "%s: not a regular file (mode %o)", path, (unsigned)st.st_mode);
    return check_writers(&st, path, hint, size);
}
