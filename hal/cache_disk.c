/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file an entry in BASE/hal/programs, which only its owner can write. A file is written beside its place and renamed, so
 * that readers in other processes see the old one, the new one, or none. Nothing in it is believed before its checksum and
 * its whole key were compared.
 */
#include "cache_disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY "/programs"
#define PREFIX    "program-"
#define FRESH     "fresh-" /* one that is being written */
#define LEFT_OVER 3600     /* s after which its writer is taken for dead */
#define MAGIC     0x31474f52504c4148u /* "HALPROG1" */

/* What a file begins with; the parts follow. */
typedef struct head {
    uint64_t magic, owner_bytes, key_bytes, data_bytes;
    uint64_t check; /* of the parts and their lengths */
} head;

enum { OWNER, KEY, DATA, PARTS };

/* An entry on its way to or from the disk. */
typedef struct entry {
    struct iovec parts[PARTS];
    char owner[600];
    char name[64];
} entry;

/* ------------------------------------------------------------------------------------------- naming -- */

/* Eight bytes at a time; folding the high half of each product into the low one lets every bit of the text
   reach every bit of the hash. */
static uint64_t mix_bytes(uint64_t hash, const void *data, size_t bytes)
{
    for (const unsigned char *p = data; bytes > 0;) {
        uint64_t word = 0;
        const size_t n = bytes < sizeof word ? bytes : sizeof word;
        memcpy(&word, p, n);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93u;
        hash ^= hash >> 29;
        p += n;
        bytes -= n;
    }
    return hash;
}

static uint64_t mix_parts(uint64_t hash, const struct iovec *parts, int n)
{
    for (int i = 0; i < n; i++) {
        const uint64_t length = parts[i].iov_len;
        hash = mix_bytes(mix_bytes(hash, &length, sizeof length), parts[i].iov_base, parts[i].iov_len);
    }
    return hash;
}

static struct iovec part(const void *bytes, size_t n)
{
    return (struct iovec){(void *)(uintptr_t)bytes, n};
}

static void name_entry(const hal_cache_owner *owner, const void *key, size_t key_bytes, entry *e)
{
    memset(e, 0, sizeof *e);
    snprintf(e->owner, sizeof e->owner, "%.255s %.255s", owner->name, owner->build_id);
    e->parts[OWNER] = part(e->owner, strlen(e->owner));
    e->parts[KEY] = part(key, key_bytes);
    snprintf(e->name, sizeof e->name, PREFIX "%016llx%016llx",
             (unsigned long long)mix_parts(0x243f6a8885a308d3u, e->parts, DATA),
             (unsigned long long)mix_parts(0x13198a2e03707344u, e->parts, DATA));
}

/* Whether nobody else can have written what `fd` is open on. */
static bool is_ours(int fd, mode_t type, struct stat *st)
{
    return fstat(fd, st) == 0 && (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() &&
           (st->st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

static int open_directory(bool make)
{
    char path[PATH_MAX];
    struct stat st;
    if (!hal_cache_directory(make, path, sizeof path - sizeof DIRECTORY))
        return -1;
    memcpy(path + strlen(path), DIRECTORY, sizeof DIRECTORY);
    if (make)
        mkdir(path, 0700);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && is_ours(fd, S_IFDIR, &st))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* ------------------------------------------------------------------------------------------ loading -- */

static bool read_whole(int fd, char *bytes, size_t size)
{
    size_t at = 0;
    for (ssize_t n = 1; n > 0 && at < size; at += n > 0 ? (size_t)n : 0)
        n = read(fd, bytes + at, size - at);
    return at == size;
}

static bool same_part(const struct iovec *wanted, const char *bytes, uint64_t n)
{
    return wanted->iov_len == n && (n == 0 || memcmp(wanted->iov_base, bytes, n) == 0);
}

/* Where the data of a file that holds the wanted entry begins; NULL for any other file. */
static const char *find_data(const entry *e, const char *file, size_t size, size_t *bytes)
{
    head h;
    struct iovec parts[PARTS];
    uint64_t end;
    memcpy(&h, file, sizeof h);
    if (h.magic != MAGIC || __builtin_add_overflow(h.owner_bytes, h.key_bytes, &end) ||
        __builtin_add_overflow(end, h.data_bytes, &end) || end != size - sizeof h)
        return NULL;
    parts[OWNER] = part(file + sizeof h, h.owner_bytes);
    parts[KEY] = part(file + sizeof h + h.owner_bytes, h.key_bytes);
    parts[DATA] = part(file + sizeof h + h.owner_bytes + h.key_bytes, h.data_bytes);
    for (int i = 0; i < DATA; i++)
        if (!same_part(&e->parts[i], parts[i].iov_base, parts[i].iov_len))
            return NULL;
    *bytes = h.data_bytes;
    return mix_parts(MAGIC, parts, PARTS) == h.check ? parts[DATA].iov_base : NULL;
}

/* The file's data in a block that was allocated for the whole file. *damaged: it holds something else. */
static void *read_entry(const hal_cache_owner *owner, const entry *e, int fd, size_t *bytes, bool *damaged)
{
    struct stat st;
    *damaged = !is_ours(fd, S_IFREG, &st) || (uint64_t)st.st_size < sizeof(head) ||
               (uint64_t)st.st_size > owner->limit;
    if (*damaged)
        return NULL;
    char *file = hal_allocate_raw(owner->allocator, (size_t)st.st_size, 64);
    if (file == NULL)
        return NULL;
    const char *data = read_whole(fd, file, (size_t)st.st_size) ? find_data(e, file, (size_t)st.st_size, bytes) : NULL;
    if (data != NULL)
        return memmove(file, data, *bytes);
    *damaged = true;
    hal_deallocate(owner->allocator, file);
    return NULL;
}

void *hal_cache_disk_load(const hal_cache_owner *owner, const void *key, size_t key_bytes, size_t *bytes)
{
    entry e;
    size_t n = 0;
    bool damaged = false;
    const int directory = owner->limit > 0 ? open_directory(false) : -1;
    if (directory < 0)
        return NULL;
    name_entry(owner, key, key_bytes, &e);
    /* O_NONBLOCK: a FIFO of that name must not hang us before its type is known. */
    const int fd = openat(directory, e.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    void *data = fd >= 0 ? read_entry(owner, &e, fd, &n, &damaged) : NULL;
    if (data != NULL) {
        futimens(fd, NULL); /* entries that are in use leave last */
        *bytes = n;
    }
    if (damaged || (fd < 0 && errno == ELOOP))
        unlinkat(directory, e.name, 0);
    if (fd >= 0)
        close(fd);
    close(directory);
    return data;
}

/* ------------------------------------------------------------------------------------------ bounding -- */

typedef struct file {
    char name[64];
    uint64_t bytes;
    struct timespec used;
} file;

typedef struct listing {
    file *items;
    uint32_t count, room;
    uint64_t bytes;
} listing;

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* Lists entries, and removes what writers left that are no more. False when memory is short. */
static bool list_entries(const hal_cache_owner *owner, int directory, DIR *d, listing *l)
{
    struct stat st;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if ((!begins(e->d_name, PREFIX) && !begins(e->d_name, FRESH)) || strlen(e->d_name) >= sizeof l->items->name ||
            fstatat(directory, e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
            continue;
        if (begins(e->d_name, FRESH)) {
            if (st.st_mtime + LEFT_OVER < time(NULL))
                unlinkat(directory, e->d_name, 0);
            continue;
        }
        if (!hal_array_grow(owner->allocator, (void **)&l->items, l->count, &l->room, sizeof *l->items))
            return false;
        file *f = &l->items[l->count++];
        *f = (file){.bytes = (uint64_t)st.st_size, .used = st.st_mtim};
        memcpy(f->name, e->d_name, strlen(e->d_name) + 1);
        l->bytes += f->bytes;
    }
    return true;
}

static int older_first(const void *x, const void *y)
{
    const struct timespec *a = &((const file *)x)->used, *b = &((const file *)y)->used;
    if (a->tv_sec != b->tv_sec)
        return a->tv_sec < b->tv_sec ? -1 : 1;
    return (a->tv_nsec > b->tv_nsec) - (a->tv_nsec < b->tv_nsec);
}

/* Two processes may remove the same: what is gone is gone. */
static void remove_oldest(const hal_cache_owner *owner, int directory)
{
    listing l = {0};
    const int again = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = again >= 0 ? fdopendir(again) : NULL;
    if (d == NULL) {
        if (again >= 0)
            close(again);
        return;
    }
    if (list_entries(owner, directory, d, &l) && l.bytes > owner->limit) {
        qsort(l.items, l.count, sizeof *l.items, older_first);
        for (uint32_t i = 0; i < l.count && l.bytes > owner->limit; l.bytes -= l.items[i++].bytes)
            unlinkat(directory, l.items[i].name, 0);
    }
    hal_deallocate(owner->allocator, l.items);
    closedir(d);
}

/* ------------------------------------------------------------------------------------------- storing -- */

static bool write_whole(int fd, const void *bytes, size_t size)
{
    const char *p = bytes;
    for (size_t at = 0; at < size;) {
        ssize_t n = write(fd, p + at, size - at);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

static bool write_entry(int fd, const entry *e)
{
    const head h = {.magic = MAGIC,
                    .owner_bytes = e->parts[OWNER].iov_len,
                    .key_bytes = e->parts[KEY].iov_len,
                    .data_bytes = e->parts[DATA].iov_len,
                    .check = mix_parts(MAGIC, e->parts, PARTS)};
    bool well = write_whole(fd, &h, sizeof h);
    for (int i = 0; i < PARTS && well; i++)
        well = write_whole(fd, e->parts[i].iov_base, e->parts[i].iov_len);
    return well;
}

/* Bytes of its file; UINT64_MAX when they are beyond any limit. */
static uint64_t bytes_of(const entry *e)
{
    uint64_t bytes = sizeof(head);
    for (int i = 0; i < PARTS; i++)
        if (__builtin_add_overflow(bytes, e->parts[i].iov_len, &bytes))
            return UINT64_MAX;
    return bytes;
}

/* Not synchronised with the disk: after a crash the checksum tells. */
static bool put_entry(int directory, const entry *e)
{
    static _Atomic uint32_t count;
    char fresh[64];
    snprintf(fresh, sizeof fresh, FRESH "%ld-%llx-%x", (long)getpid(), (unsigned long long)hal_time_now(),
             (unsigned)atomic_fetch_add(&count, 1));
    const int fd = openat(directory, fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    bool well = write_entry(fd, e);
    well = close(fd) == 0 && well && renameat(directory, fresh, directory, e->name) == 0;
    if (!well)
        unlinkat(directory, fresh, 0);
    return well;
}

void hal_cache_disk_store(const hal_cache_owner *owner, const void *key, size_t key_bytes, const void *data, size_t bytes)
{
    entry e;
    name_entry(owner, key, key_bytes, &e);
    e.parts[DATA] = part(data, bytes);
    const int directory = bytes_of(&e) <= owner->limit ? open_directory(true) : -1;
    if (directory < 0)
        return;
    if (put_entry(directory, &e))
        remove_oldest(owner, directory);
    close(directory);
}
