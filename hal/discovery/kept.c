/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/kept.h"
#include "hal/object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_LARGE 4096

uint64_t hal_kept_mix(uint64_t hash, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    do
        hash = (hash ^ *p) * 1099511628211u;
    while (*p++ != '\0');
    return hash;
}

uint64_t hal_kept_machine(const hal_files *files)
{
    static const char *const paths[] = {
        "/etc/machine-id",
        "/proc/sys/kernel/osrelease",
        "/proc/sys/kernel/hostname",
        "/sys/class/dmi/id/sys_vendor",
        "/sys/class/dmi/id/product_name",
        "/sys/class/dmi/id/board_name",
        "/sys/class/dmi/id/bios_version",
        "/proc/driver/nvidia/version",
        "/sys/module/nvidia/version",
        "/sys/module/amdgpu/version",
        "/sys/module/amdgpu/srcversion",
        "/sys/module/i915/srcversion",
        "/sys/module/xe/srcversion",
        "/sys/module/intel_vpu/srcversion",
        "/sys/module/amdxdna/srcversion",
        "/sys/module/habanalabs/version",
        "/sys/module/drv_devdrv_host/version",
    };
    uint64_t hash = 14695981039346656037u;
    char text[512];
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        ssize_t n = hal_files_read(files, paths[i], text, sizeof text);
        hash = hal_kept_mix(hash, n < 0 ? "" : text);
    }
    return hash;
}

uint64_t hal_kept_mix_names(uint64_t hash, const hal_files *files, const char *const *directories, size_t n)
{
    hal_names names;
    for (size_t i = 0; i < n; i++) {
        hash = hal_kept_mix(hash, directories[i]);
        if (!hal_files_list(files, directories[i], &names))
            continue;
        for (uint32_t k = 0; k < names.count; k++)
            hash = hal_kept_mix(hash, names.items[k]);
        hal_files_names_free(files, &names);
    }
    return hash;
}

bool hal_kept_path(bool make, const char *prefix, uint64_t hash, char *path, size_t size)
{
    if (!hal_cache_directory(make, path, size))
        return false;
    const size_t used = strlen(path);
    int n = snprintf(path + used, size - used, "/%s%016llx", prefix, (unsigned long long)hash);
    return n > 0 && (size_t)n < size - used;
}

char *hal_kept_read(const hal_allocator *allocator, const char *path, size_t most, size_t *bytes)
{
    struct stat st;
    char *text = NULL;
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    errno = EPERM;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
        (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 && st.st_size > 0 && (uint64_t)st.st_size <= most) {
        text = hal_allocate(allocator, (size_t)st.st_size + 1);
        errno = text == NULL ? ENOMEM : 0;
    }
    const int why = errno;
    *bytes = 0;
    for (ssize_t n = 1; text != NULL && n > 0 && *bytes < (size_t)st.st_size; *bytes += n > 0 ? (size_t)n : 0)
        n = read(fd, text + *bytes, (size_t)st.st_size - *bytes);
    close(fd);
    errno = why;
    return text;
}

bool hal_kept_write(const char *path, bool (*print)(const void *context, FILE *out), const void *context)
{
    char fresh[PATH_LARGE + 16];
    int n = snprintf(fresh, sizeof fresh, "%s.XXXXXX", path);
    if (n < 0 || (size_t)n >= sizeof fresh) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = mkostemp(fresh, O_CLOEXEC); /* mode 0600 */
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (out == NULL) {
        int why = errno;
        if (fd >= 0) {
            close(fd);
            unlink(fresh);
        }
        errno = why;
        return false;
    }
    bool well = print(context, out);
    well = fclose(out) == 0 && well && rename(fresh, path) == 0;
    if (!well) {
        int why = errno;
        unlink(fresh);
        errno = why;
    }
    return well;
}
