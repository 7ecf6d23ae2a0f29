/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/files_source.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* -------------------------------------------------------------------------------------- walking a path -- */

bool hal_path_begin(hal_path_walk *walk, const char *path)
{
    size_t length = strlen(path);
    errno = path[0] != '/' ? EINVAL : ENAMETOOLONG;
    if (path[0] != '/' || length >= sizeof walk->text[0])
        return false;
    memcpy(walk->text[0], path, length + 1);
    walk->rest = walk->text[0];
    walk->current = walk->links = 0;
    return true;
}

char *hal_path_next(hal_path_walk *walk)
{
    char *name = walk->rest + strspn(walk->rest, "/");
    size_t length = strcspn(name, "/");
    if (length == 0)
        return NULL;
    walk->rest = name + length + (name[length] == '/');
    name[length] = '\0';
    return name;
}

bool hal_path_last(const hal_path_walk *walk)
{
    return walk->rest[strspn(walk->rest, "/")] == '\0';
}

bool hal_path_follow(hal_path_walk *walk, const char *target)
{
    char *into = walk->text[walk->current ^ 1];
    if (++walk->links > HAL_LINKS_LIMIT) {
        errno = ELOOP;
        return false;
    }
    int n = snprintf(into, sizeof walk->text[0], "%s/%s", target, walk->rest);
    if (n < 0 || (size_t)n >= sizeof walk->text[0]) {
        errno = ENAMETOOLONG;
        return false;
    }
    walk->current ^= 1;
    walk->rest = into;
    return true;
}

/* --------------------------------------------------------------------------------------------- opening -- */

/* Some of what is left; 0 at the end, -1 with errno. */
static ssize_t read_some(int fd, char *text, size_t room)
{
    ssize_t n;
    do
        n = read(fd, text, room);
    while (n < 0 && errno == EINTR);
    return n;
}

/* Twice the room, and one byte for the end; NULL with errno. `text` is let go. */
static char *grow(const hal_allocator *allocator, char *text, size_t *room)
{
    char *larger = hal_allocate(allocator, 2 * *room + 1);
    if (larger != NULL)
        memcpy(larger, text, *room);
    hal_deallocate(allocator, text);
    *room *= 2;
    errno = ENOMEM;
    return larger;
}

/* Grows by doubling: files of /proc do not tell their size. */
char *hal_files_drain(const hal_allocator *allocator, int fd, size_t limit, size_t *bytes)
{
    size_t room = 4096, have = 0;
    ssize_t n = 0;
    char *text = hal_allocate(allocator, room + 1);
    errno = ENOMEM;
    while (text != NULL && (n = read_some(fd, text + have, room - have)) > 0) {
        have += (size_t)n;
        if (have > limit) {
            n = -1;
            errno = EFBIG;
            break;
        }
        if (have == room)
            text = grow(allocator, text, &room);
    }
    if (text == NULL)
        return NULL;
    if (n < 0) {
        const int why = errno;
        hal_deallocate(allocator, text);
        errno = why;
        return NULL;
    }
    text[have] = '\0';
    *bytes = have;
    return text;
}

/* "uid=1000 gid=1000 groups=44(video),109(render)" */
static bool read_identity(hal_files *files)
{
    uint32_t capacity = 0;
    files->identity = hal_files_read_all(files, "/hal/id", &(size_t){0});
    if (files->identity == NULL)
        return errno != ENOMEM;
    const char *user = strstr(files->identity, "uid="), *group = strstr(files->identity, "gid=");
    const char *list = strstr(files->identity, "groups=");
    files->uid = user != NULL ? (uint32_t)strtoul(user + 4, NULL, 10) : 0;
    files->gid = group != NULL ? (uint32_t)strtoul(group + 4, NULL, 10) : 0;
    for (const char *p = list != NULL ? list + 7 : ""; isdigit((unsigned char)*p);) {
        if (!hal_array_grow(files->allocator, (void **)&files->groups, files->n_groups, &capacity,
                            sizeof(uint32_t)))
            return false;
        files->groups[files->n_groups++] = (uint32_t)strtoul(p, NULL, 10);
        p += strcspn(p, ",\n");
        p += *p == ',';
    }
    return true;
}

static bool read_environment(hal_files *files)
{
    size_t bytes;
    char *text = hal_files_read_all(files, "/hal/env", &bytes);
    if (text == NULL)
        return errno != ENOMEM;
    /* Lines become strings; the end of the text is the empty one, for which there is room. */
    files->environment = hal_allocate(files->allocator, bytes + 2);
    if (files->environment != NULL)
        memcpy(files->environment, text, bytes);
    hal_files_free(files, text);
    for (char *p = files->environment; p != NULL && (p = strchr(p, '\n')) != NULL; p++)
        *p = '\0';
    return files->environment != NULL;
}

static hal_files *make(const hal_allocator *allocator, const hal_files_source *source)
{
    hal_files *files = hal_allocate(allocator, sizeof *files);
    if (files == NULL)
        return NULL;
    files->source = source;
    if (allocator != NULL) {
        files->copy = *allocator;
        files->allocator = &files->copy;
    }
    return files;
}

/* The last step of everything recorded: whose view it is. */
static hal_status finish(hal_files *files, hal_status status, hal_files **out)
{
    if (status == HAL_OK && !(read_identity(files) && read_environment(files)))
        status = HAL_FAIL(OUT_OF_MEMORY, "the recorded machine: no memory for its environment");
    if (status == HAL_OK)
        *out = files;
    else
        hal_files_close(files);
    return status;
}

hal_status hal_files_parse(const hal_allocator *allocator, const char *origin, const char *text, size_t bytes,
                           hal_files **out)
{
    hal_files *files = make(allocator, &hal_files_tree);
    if (files == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    return finish(files, hal_tree_parse(files, origin, text, bytes), out);
}

static hal_status open_directory(const hal_allocator *allocator, const char *input, hal_files **out)
{
    char real[PATH_MAX];
    if (realpath(input, real) == NULL)
        return HAL_FAIL(IO, "%s: %s; give a directory that holds sys, proc and dev", input, strerror(errno));
    hal_files *files = make(allocator, &hal_files_disk);
    if (files == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    files->uid = (uint32_t)geteuid();
    files->gid = (uint32_t)getegid();
    files->state = hal_string_copy(allocator, strcmp(real, "/") == 0 ? "" : real);
    return finish(files, files->state != NULL ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY),
                  out);
}

static hal_status open_file(const hal_allocator *allocator, const char *input, hal_files **out)
{
    size_t bytes;
    int fd = open(input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return HAL_FAIL(IO, "%s: cannot be opened: %s", input, strerror(errno));
    char *text = hal_files_drain(allocator, fd, HAL_TREE_LIMIT, &bytes);
    int why = errno;
    close(fd);
    if (text == NULL && why == EFBIG)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: more than %d MiB, which no recorded machine is", input,
                        HAL_TREE_LIMIT >> 20);
    if (text == NULL && why == ENOMEM)
        return HAL_FAIL(OUT_OF_MEMORY, "%s: no memory to read it into; free some", input);
    if (text == NULL)
        return HAL_FAIL(IO, "%s: cannot be read: %s", input, strerror(why));
    hal_status status = hal_files_parse(allocator, input, text, bytes, out);
    hal_deallocate(allocator, text);
    return status;
}

hal_status hal_files_open(const hal_allocator *allocator, const char *input, hal_files **out)
{
    struct stat facts;
    if (input == NULL) {
        hal_files *files = make(allocator, &hal_files_disk);
        if (files == NULL)
            return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
        files->live = true;
        *out = files;
        return HAL_OK;
    }
    if (stat(input, &facts) != 0 && (errno == ENOENT || errno == ENOTDIR))
        return HAL_FAIL(NOT_FOUND, "%s: no such file or directory; give a recorded tree or a directory",
                        input);
    if (stat(input, &facts) != 0)
        return HAL_FAIL(IO, "%s: %s", input, strerror(errno));
    if (S_ISDIR(facts.st_mode))
        return open_directory(allocator, input, out);
    if (!S_ISREG(facts.st_mode) && !S_ISFIFO(facts.st_mode))
        return HAL_FAIL(INVALID_ARGUMENT, "%s: neither a file nor a directory, so no recorded machine",
                        input);
    return open_file(allocator, input, out);
}

void hal_files_close(hal_files *files)
{
    if (files == NULL)
        return;
    hal_allocator copy = files->copy;
    const hal_allocator *allocator = files->allocator != NULL ? &copy : NULL;
    files->source->close(files);
    hal_deallocate(allocator, files->environment);
    hal_deallocate(allocator, files->identity);
    hal_deallocate(allocator, files->groups);
    hal_deallocate(allocator, files);
}

bool hal_files_live(const hal_files *files)
{
    return files->live;
}

/* --------------------------------------------------------------------------------------------- reading -- */

ssize_t hal_files_read(const hal_files *files, const char *path, char *text, size_t size)
{
    if (size == 0) {
        errno = EINVAL;
        return -1;
    }
    ssize_t n = files->source->read(files, path, text, size - 1);
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    if (n >= 0)
        text[n] = '\0';
    return n;
}

char *hal_files_read_all(const hal_files *files, const char *path, size_t *bytes)
{
    return files->source->load(files, path, bytes);
}

void hal_files_free(const hal_files *files, char *text)
{
    hal_deallocate(files->allocator, text);
}

bool hal_files_number(const hal_files *files, const char *path, int64_t *value)
{
    char text[64], *end;
    if (hal_files_read(files, path, text, sizeof text) <= 0)
        return false;
    const char *digits = text + strspn(text, " \t");
    bool hexadecimal = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    errno = 0;
    long long number = strtoll(digits, &end, hexadecimal ? 16 : 10);
    if (errno != 0 || end == digits || end[strspn(end, " \t")] != '\0')
        return false;
    *value = number;
    return true;
}

bool hal_names_add(const hal_allocator *allocator, hal_names *names, uint32_t *capacity, const char *name)
{
    if (names->count >= HAL_NAMES_LIMIT) {
        names->truncated = true;
        return true;
    }
    char *copy = hal_string_copy(allocator, name);
    if (copy == NULL ||
        !hal_array_grow(allocator, (void **)&names->items, names->count, capacity, sizeof(char *))) {
        hal_deallocate(allocator, copy);
        errno = ENOMEM;
        return false;
    }
    names->items[names->count++] = copy;
    return true;
}

static int by_version(const void *a, const void *b)
{
    return strverscmp(*(char *const *)a, *(char *const *)b);
}

bool hal_files_list(const hal_files *files, const char *path, hal_names *names)
{
    hal_names found = {0};
    if (!files->source->list(files, path, &found)) {
        int why = errno;
        hal_files_names_free(files, &found);
        errno = why;
        return false;
    }
    if (found.count > 1)
        qsort(found.items, found.count, sizeof(char *), by_version);
    *names = found;
    return true;
}

void hal_files_names_free(const hal_files *files, hal_names *names)
{
    for (uint32_t i = 0; i < names->count; i++)
        hal_deallocate(files->allocator, names->items[i]);
    hal_deallocate(files->allocator, names->items);
    *names = (hal_names){0};
}

bool hal_files_link(const hal_files *files, const char *path, char *target, size_t size)
{
    return files->source->link(files, path, target, size);
}

bool hal_files_resolve(const hal_files *files, const char *path, char *real, size_t size)
{
    return files->source->resolve(files, path, real, size);
}

bool hal_files_stat(const hal_files *files, const char *path, hal_file_facts *facts)
{
    return files->source->stat(files, path, facts);
}

int hal_files_access(const hal_files *files, const char *path, bool write)
{
    return files->source->access(files, path, write);
}

/* ---------------------------------------------------------------------------------------------- caller -- */

const char *hal_files_env(const hal_files *files, const char *name)
{
    size_t length = strlen(name);
    if (files->source->env != NULL)
        return files->source->env(files, name);
    if (files->live)
        return secure_getenv(name);
    for (const char *p = files->environment; p != NULL && *p != '\0'; p += strlen(p) + 1)
        if (strncmp(p, name, length) == 0 && p[length] == '=')
            return p + length + 1;
    return NULL;
}

/* /etc/group is read instead of asking the C library, whose answer may come over the network. */
static bool group_of_etc(const hal_files *files, uint32_t gid, char *text, size_t size)
{
    size_t bytes;
    bool found = false;
    char *all = hal_files_read_all(files, "/etc/group", &bytes), *next = all;
    for (char *line; !found && (line = strsep(&next, "\n")) != NULL;) {
        char *name = strsep(&line, ":"), *number;
        strsep(&line, ":");
        number = strsep(&line, ":");
        found = number != NULL && isdigit((unsigned char)*number) && strtoul(number, NULL, 10) == gid;
        if (found)
            snprintf(text, size, "%s", name);
    }
    hal_files_free(files, all);
    return found;
}

const char *hal_files_group_name(const hal_files *files, uint32_t gid, char *text, size_t size)
{
    char key[16];
    if (size == 0)
        return text;
    text[0] = '\0';
    if (group_of_etc(files, gid, text, size) || files->identity == NULL)
        return text;
    int length = snprintf(key, sizeof key, "%u(", gid);
    for (const char *p = files->identity; (p = strstr(p, key)) != NULL; p += length)
        if (p == files->identity || !isdigit((unsigned char)p[-1])) {
            snprintf(text, size, "%.*s", (int)strcspn(p + length, ")\n"), p + length);
            break;
        }
    return text;
}

uint32_t hal_files_uid(const hal_files *files)
{
    return files->live ? (uint32_t)geteuid() : files->uid;
}

static bool in_live_group(uint32_t gid)
{
    gid_t groups[256];
    int n = getgroups(256, groups);
    for (int i = 0; i < n; i++)
        if (groups[i] == gid)
            return true;
    return getegid() == gid;
}

bool hal_files_in_group(const hal_files *files, uint32_t gid)
{
    if (files->live)
        return in_live_group(gid);
    for (uint32_t i = 0; i < files->n_groups; i++)
        if (files->groups[i] == gid)
            return true;
    return files->gid == gid;
}
