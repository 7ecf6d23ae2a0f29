/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/search.h"
#include "hal/discovery/cache.h"
#include "hal/discovery/elf.h"
#include "hal/discovery/files_source.h"
#include "hal/discovery/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { PLACES = 96 };

/* A directory where libraries lie. */
typedef struct place {
    const char *directory;
    const char *where; /* who says so */
} place;

struct hal_search {
    const hal_files *files;
    hal_elf_kind host;
    char *cache_file; /* as read */
    hal_cache cache;
    bool cached; /* there is one that can be understood */
    char *texts; /* that directories point into */
    size_t n_texts;
    place places[PLACES];
    uint32_t n_places;
    uint32_t n_configured; /* the last ones: they count through the cache only, where there is one */
    bool possible;
    bool starved; /* something could not be read for want of memory */
};

static void read_cache(hal_search *search)
{
    size_t bytes = 0;
    search->cache_file = hal_files_read_all(search->files, "/etc/ld.so.cache", &bytes);
    search->possible |= search->cache_file != NULL;
    search->starved |= search->cache_file == NULL && errno == ENOMEM;
    search->cached = search->cache_file != NULL && hal_cache_open(search->cache_file, bytes, &search->cache);
}

/* Adds a directory, whose text is copied; full tables ignore more. */
static void add_place(hal_search *search, const char *directory, const char *where)
{
    size_t bytes = strlen(directory) + 1;
    for (uint32_t i = 0; i < search->n_places; i++)
        if (strcmp(search->places[i].directory, directory) == 0)
            return;
    if (directory[0] != '/' || search->n_places == PLACES || search->n_texts + bytes > PLACES * 256)
        return;
    char *copy = memcpy(search->texts + search->n_texts, directory, bytes);
    search->n_texts += bytes;
    search->places[search->n_places++] = (place){copy, where};
}

static void add_variable(hal_search *search)
{
    const char *list = hal_files_env(search->files, "LD_LIBRARY_PATH");
    char directory[512];
    for (const char *rest = list != NULL ? list : ""; hal_word_next(&rest, ':', directory, sizeof directory);)
        add_place(search, directory, "LD_LIBRARY_PATH");
}

static void add_standard(hal_search *search, const char *arch)
{
    static const char *const directories[] = {
        "/lib/%s-linux-gnu", "/usr/lib/%s-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
        char directory[128];
        /* The format has at most one %s, and no other conversion. */
        const char *percent = strstr(directories[i], "%s");
        if (percent != NULL)
            snprintf(directory, sizeof directory, "%.*s%s%s", (int)(percent - directories[i]), directories[i],
                     arch, percent + 2);
        else
            snprintf(directory, sizeof directory, "%s", directories[i]);
        if (!hal_files_exist(search->files, directory))
            continue;
        search->possible = true;
        add_place(search, directory, "directory of the loader");
    }
}

/* Directories that a file of ld.so.conf names, one a line. */
static void add_file(hal_search *search, const char *path)
{
    char text[4096], line[512];
    if (hal_files_read(search->files, path, text, sizeof text) < 0)
        return;
    for (const char *rest = text; hal_word_next(&rest, '\n', line, sizeof line);) {
        char *directory = line + strspn(line, " \t");
        directory[strcspn(directory, "# \t\r")] = '\0';
        if (directory[0] == '/')
            add_place(search, directory, "ld.so.conf");
    }
}

static void add_configured(hal_search *search)
{
    uint32_t before = search->n_places;
    hal_names names;
    add_file(search, "/etc/ld.so.conf");
    bool listed = hal_files_list(search->files, "/etc/ld.so.conf.d", &names);
    search->starved |= !listed && errno == ENOMEM;
    if (listed) {
        for (uint32_t i = 0; i < names.count; i++) {
            char path[512];
            size_t length = strlen(names.items[i]);
            if (length > 5 && strcmp(names.items[i] + length - 5, ".conf") == 0) {
                snprintf(path, sizeof path, "/etc/ld.so.conf.d/%s", names.items[i]);
                add_file(search, path);
            }
        }
        hal_files_names_free(search->files, &names);
    }
    add_place(search, "/usr/local/lib", "ld.so.conf");
    search->n_configured = search->n_places - before;
}

hal_search *hal_search_create(const hal_files *files, const char *arch)
{
    hal_search *search = hal_allocate(files->allocator, sizeof *search);
    if (search == NULL)
        return NULL;
    search->files = files;
    search->texts = hal_allocate(files->allocator, PLACES * 256);
    if (search->texts == NULL) {
        hal_search_destroy(search);
        return NULL;
    }
    search->host = hal_elf_of_arch(arch);
    read_cache(search);
    add_variable(search);
    add_standard(search, arch);
    add_configured(search);
    search->possible |= hal_files_live(files);
    if (search->starved) {
        hal_search_destroy(search);
        return NULL;
    }
    return search;
}

void hal_search_destroy(hal_search *search)
{
    if (search == NULL)
        return;
    const hal_allocator *allocator = search->files->allocator;
    hal_deallocate(allocator, search->cache_file);
    hal_deallocate(allocator, search->texts);
    hal_deallocate(allocator, search);
}

bool hal_search_possible(const hal_search *search)
{
    return search->possible;
}

/* "550.54.14" of "/usr/lib/libcuda.so.550.54.14"; "" where a single number follows, which is the interface's.
 */
static void version_of(const char *real, char *version, size_t size)
{
    const char *name = strrchr(real, '/'), *mark = name != NULL ? strstr(name, ".so.") : NULL;
    version[0] = '\0';
    if (mark != NULL && strchr(mark + 4, '.') != NULL)
        snprintf(version, size, "%s", mark + 4);
}

/* Judges the file at `path`; NOTHING when there is none. */
static void judge(const hal_search *search, const char *path, hal_found *found)
{
    const hal_files *files = search->files;
    hal_file_facts facts;
    char head[HAL_ELF_HEAD + 1];
    memset(head, 0, sizeof head);
    snprintf(found->path, sizeof found->path, "%s", path);
    if (!hal_files_stat(files, path, &facts)) {
        bool link = hal_files_link(files, path, found->what, sizeof found->what);
        found->state = link ? HAL_FOUND_DANGLING : HAL_FOUND_NOTHING;
        return;
    }
    if (!hal_files_resolve(files, path, found->real, sizeof found->real))
        snprintf(found->real, sizeof found->real, "%s", path);
    version_of(found->real, found->version, sizeof found->version);
    ssize_t bytes = hal_files_read(files, path, head, sizeof head);
    hal_elf_kind kind = hal_elf_of_file(head, bytes < 0 ? 0 : (size_t)bytes);
    if (bytes < 0 || kind.bits == 0) {
        found->state = HAL_FOUND_BROKEN;
        snprintf(found->what, sizeof found->what, "%s",
                 bytes < 0                       ? strerror(errno)
                 : facts.size == 0 || bytes == 0 ? "empty"
                                                 : "no ELF file");
    } else if (!hal_elf_fits(kind, search->host)) {
        found->state = HAL_FOUND_FOREIGN;
        snprintf(found->what, sizeof found->what, "%u-bit, machine %u", kind.bits, kind.machine);
    } else {
        found->state = strstr(found->real, "/stubs/") != NULL ? HAL_FOUND_STUB : HAL_FOUND_LOADABLE;
    }
}

/* Looks at one more file; keeps it when it is better than what was found before. */
static void consider(const hal_search *search, const char *path, const char *where, bool outside,
                     hal_found *best)
{
    hal_found found = {.state = HAL_FOUND_NOTHING};
    if (path[0] != '/')
        return;
    judge(search, path, &found);
    if (outside && found.state == HAL_FOUND_LOADABLE)
        found.state = HAL_FOUND_OUTSIDE;
    if (found.state == HAL_FOUND_LOADABLE && best->state == HAL_FOUND_LOADABLE)
        best->copies += strcmp(strrchr(found.real, '/'), strrchr(best->real, '/')) != 0;
    /* The loader goes on after a file of another architecture, and gives up at one that is broken. */
    if (found.state >= best->state || best->decided)
        return;
    found.decided = found.state == HAL_FOUND_BROKEN && !outside;
    memcpy(found.name, best->name, sizeof found.name);
    snprintf(found.where, sizeof found.where, "%s", where);
    found.copies = found.state == HAL_FOUND_LOADABLE;
    *best = found;
}

static void consider_cache(const hal_search *search, const char *name, hal_found *best)
{
    const char *key, *path;
    for (uint32_t i = 0; search->cached && hal_cache_at(&search->cache, i, &key, &path); i++)
        if (strcmp(key, name) == 0)
            consider(search, path, "ld.so.cache", false, best);
}

static void consider_places(const hal_search *search, const char *name, hal_found *best)
{
    for (uint32_t i = 0; i < search->n_places; i++) {
        bool configured = i >= search->n_places - search->n_configured;
        char path[768];
        snprintf(path, sizeof path, "%s/%s", search->places[i].directory, name);
        consider(search, path, search->places[i].where, configured && search->cached, best);
    }
}

/* Directories of the vendor, some of which a variable names: $ASCEND_HOME_PATH/lib64. */
static void consider_vendor(const hal_search *search, const char *name, const char *directories,
                            hal_found *best)
{
    char entry[256], path[1024];
    while (hal_word_next(&directories, ' ', entry, sizeof entry)) {
        const char *value = "", *tail = entry;
        if (entry[0] == '$') {
            tail = strchrnul(entry, '/');
            char variable[128];
            snprintf(variable, sizeof variable, "%.*s", (int)(tail - entry - 1), entry + 1);
            value = hal_files_env(search->files, variable);
            if (value == NULL || value[0] == '\0')
                continue;
        }
        snprintf(path, sizeof path, "%s%s/%s", value, tail, name);
        consider(search, path, "directory of the vendor", true, best);
    }
}

void hal_search_find(const hal_search *search, const char *name, const char *directories, hal_found *found)
{
    hal_found best = {.state = HAL_FOUND_NOTHING};
    snprintf(best.name, sizeof best.name, "%s", name);
    if (name[0] == '/') {
        consider(search, name, "named by path", false, &best);
    } else {
        consider_cache(search, name, &best);
        consider_places(search, name, &best);
        consider_vendor(search, name, directories, &best);
    }
    *found = best;
}

bool hal_search_glance(const hal_search *search, const char *names, hal_found *found)
{
    hal_found best = {.state = HAL_FOUND_NOTHING};
    char name[128];
    if (!search->cached)
        hal_search_choose(search, names, "", &best);
    for (const char *rest = names; search->cached && hal_word_next(&rest, '|', name, sizeof name);) {
        snprintf(best.name, sizeof best.name, "%s", name);
        consider_cache(search, name, &best);
        if (best.state == HAL_FOUND_LOADABLE)
            break;
    }
    *found = best;
    return best.state == HAL_FOUND_LOADABLE;
}

void hal_search_choose(const hal_search *search, const char *names, const char *directories, hal_found *found)
{
    hal_found best = {.state = HAL_FOUND_NOTHING};
    char name[128];
    for (const char *rest = names; hal_word_next(&rest, '|', name, sizeof name);) {
        hal_found next;
        hal_search_find(search, name, directories, &next);
        if (best.name[0] == '\0' || next.state < best.state)
            best = next;
    }
    *found = best;
}
