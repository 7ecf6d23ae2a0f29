/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a file may be run inside this process: nobody but root and the caller may have written it. */
#include "object.h"

#include <grp.h>
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
    if (getpwuid_r(owner, &user, owner_text, sizeof owner_text, &u) != 0 || u == NULL || u->pw_gid != group)
        return false;
    if (getgrgid_r(group, &entry, group_text, sizeof group_text, &g) != 0 || g == NULL)
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

static hal_status check_one(int fd, const char *path, bool directory, char *hint, size_t size)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return HAL_FAIL(IO, "%s: fstat failed: %m", path);
    if (!directory && !S_ISREG(st.st_mode))
        return HAL_FAIL(PERMISSION_DENIED, "%s: not a regular file (mode %o)", path, (unsigned)st.st_mode);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return refuse(&st, path, "belongs to neither root nor you", "chown root", hint, size);
    if (st.st_mode & S_IWOTH)
        return refuse(&st, path, "anybody can write it", "chmod o-w", hint, size);
    if ((st.st_mode & S_IWGRP) && !private_group(st.st_uid, st.st_gid))
        return refuse(&st, path, "its group can write it, and that is not the owner's private group",
                      "chmod g-w", hint, size);
    return HAL_OK;
}

hal_status hal_trust_check(int directory, const char *directory_path, int file, const char *path, char *hint,
                           size_t size)
{
    HAL_TRY(check_one(directory, directory_path, true, hint, size));
    return check_one(file, path, false, hint, size);
}
