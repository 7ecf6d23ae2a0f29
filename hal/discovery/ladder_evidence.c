/* SPDX-License-Identifier: Apache-2.0 */
/* What several rungs look at: the kernel's log, its modules, libraries of a family, permission bits. */
#include "hal/discovery/ladder.h"
#include "hal/discovery/files_source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>

/* Of klogctl(2): read all that is in the buffer; its size. */
enum { LOG_READ = 3, LOG_SIZE = 10, LOG_LIMIT = 4 << 20 };

char *hal_ladder_read(hal_ladder *ladder, const char *path)
{
    size_t bytes;
    char *text = hal_files_read_all(ladder->files, path, &bytes);
    ladder->starved |= text == NULL && errno == ENOMEM;
    return text;
}

bool hal_ladder_list(hal_ladder *ladder, const char *path, hal_names *names)
{
    bool listed = hal_files_list(ladder->files, path, names);
    ladder->starved |= !listed && errno == ENOMEM;
    return listed;
}

/* The kernel greets once each time it starts: what stands before is of another time. */
static void forget_earlier(char *log)
{
    char *last = NULL;
    for (char *at = log; (at = strstr(at, "Linux version ")) != NULL; at++)
        last = at;
    if (last != NULL)
        memmove(log, last, strlen(last) + 1);
}

/* The kernel's own buffer, which it shows to everybody or to root alone (dmesg_restrict). */
static char *kernel_buffer(const hal_ladder *ladder)
{
    int size = klogctl(LOG_SIZE, NULL, 0);
    char *text =
        size > 0 && size <= LOG_LIMIT ? hal_allocate(ladder->files->allocator, (size_t)size + 1) : NULL;
    if (text != NULL && klogctl(LOG_READ, text, size) < 0) {
        hal_deallocate(ladder->files->allocator, text);
        text = NULL;
    }
    return text;
}

static char *log_file(hal_ladder *ladder)
{
    static const char *const paths[] = {"/hal/dmesg", "/var/log/dmesg", "/var/log/kern.log"};
    char *text = NULL;
    for (size_t i = 0; text == NULL && i < sizeof paths / sizeof paths[0]; i++) {
        hal_file_facts facts;
        if (hal_files_stat(ladder->files, paths[i], &facts) && facts.size <= LOG_LIMIT)
            text = hal_ladder_read(ladder, paths[i]);
    }
    return text;
}

const char *hal_ladder_log(hal_ladder *ladder)
{
    if (!ladder->log_tried) {
        ladder->log_tried = true;
        ladder->log = hal_files_live(ladder->files) ? kernel_buffer(ladder) : NULL;
        if (ladder->log == NULL)
            ladder->log = log_file(ladder);
        if (ladder->log != NULL)
            forget_earlier(ladder->log);
    }
    return ladder->log;
}

const char *hal_ladder_log_lack(hal_ladder *ladder)
{
    if (hal_ladder_log(ladder) != NULL)
        return "";
    return hal_files_live(ladder->files) ? "the kernel log cannot be read without more rights"
                                         : "the kernel log was not recorded";
}

bool hal_ladder_log_line(hal_ladder *ladder, const char *a, const char *b, char *line, size_t size)
{
    bool found = false;
    const char *log = hal_ladder_log(ladder);
    for (const char *at = log; at != NULL && (at = strstr(at, a)) != NULL; at++) {
        const char *begin = at;
        while (begin > log && begin[-1] != '\n')
            begin--;
        size_t length = strcspn(begin, "\n");
        if (b != NULL && memmem(begin, length, b, strlen(b)) == NULL)
            continue;
        snprintf(line, size, "%.*s", (int)(length < size ? length : size), begin);
        found = true;
    }
    return found;
}

/* Modules call themselves with '_' in sysfs, whatever their file is called. */
static void module_name(const char *name, char *text, size_t size)
{
    snprintf(text, size, "%s", name);
    for (char *p = text; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
}

bool hal_ladder_module_loaded(const hal_ladder *ladder, const char *name)
{
    char module[128], path[192];
    module_name(name, module, sizeof module);
    snprintf(path, sizeof path, "/sys/module/%s", module);
    return hal_files_exist(ladder->files, path);
}

static void read_modules(hal_ladder *ladder)
{
    const hal_topology_host *host = hal_draft_host(ladder->draft);
    char path[512];
    ladder->modules_tried = true;
    snprintf(path, sizeof path, "/lib/modules/%.256s/modules.builtin", host->kernel);
    char *builtin = hal_ladder_read(ladder, path);
    snprintf(path, sizeof path, "/lib/modules/%.256s/modules.dep", host->kernel);
    char *loadable = hal_ladder_read(ladder, path);
    size_t bytes = (builtin != NULL ? strlen(builtin) : 0) + (loadable != NULL ? strlen(loadable) : 0) + 2;
    /* Without the list of what can be loaded nothing can be said to be missing. */
    if (loadable != NULL)
        ladder->modules = hal_allocate(ladder->files->allocator, bytes);
    ladder->starved |= loadable != NULL && ladder->modules == NULL;
    if (ladder->modules != NULL)
        snprintf(ladder->modules, bytes, "%s\n%s", builtin != NULL ? builtin : "", loadable);
    hal_deallocate(ladder->files->allocator, builtin);
    hal_deallocate(ladder->files->allocator, loadable);
}

int hal_ladder_module_installed(hal_ladder *ladder, const char *name)
{
    if (!ladder->modules_tried)
        read_modules(ladder);
    if (ladder->modules == NULL)
        return -1;
    char dashed[128], plain[128];
    snprintf(dashed, sizeof dashed, "/%s.ko", name);
    module_name(dashed, plain, sizeof plain);
    for (char *p = dashed; *p != '\0'; p++)
        if (*p == '_')
            *p = '-';
    return strstr(ladder->modules, dashed) != NULL || strstr(ladder->modules, plain) != NULL;
}

const hal_family_libraries *hal_ladder_libraries(hal_ladder *ladder, const hal_family *family)
{
    for (uint32_t i = 0; i < ladder->n_libraries; i++)
        if (ladder->libraries[i].family == family)
            return &ladder->libraries[i];
    if (!hal_array_grow(ladder->files->allocator, (void **)&ladder->libraries, ladder->n_libraries,
                        &ladder->room_libraries, sizeof *ladder->libraries)) {
        ladder->starved = true;
        return NULL;
    }
    hal_family_libraries *libraries = &ladder->libraries[ladder->n_libraries++];
    memset(libraries, 0, sizeof *libraries);
    libraries->family = family;
    char names[512];
    for (const char *rest = family->libraries; hal_word_next(&rest, ' ', names, sizeof names);)
        if (libraries->count < HAL_FAMILY_LIBRARIES)
            hal_search_choose(ladder->search, names, family->directories,
                              &libraries->found[libraries->count++]);
    return libraries;
}

bool hal_ladder_mode_allows(const hal_files *files, const hal_file_facts *facts, uint32_t bits)
{
    uint32_t uid = hal_files_uid(files);
    if (uid == 0)
        return true;
    uint32_t shift = facts->uid == uid ? 6 : hal_files_in_group(files, facts->gid) ? 3 : 0;
    return (facts->mode >> shift & bits) == bits;
}

bool hal_ladder_needs(const hal_climb *climb, const char *node)
{
    if ((climb->family->flags & HAL_FAMILY_NO_COMPUTE) != 0)
        return false;
    /* A family without a pattern has no other nodes than those that it needs. */
    return climb->family->nodes[0] == '\0' || strncmp(node, HAL_PART_NODES, sizeof HAL_PART_NODES - 1) == 0 ||
           hal_pattern_listed(climb->family->nodes, node);
}
