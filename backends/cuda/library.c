/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vendor's packages for Python put libraries into site-packages/nvidia/NAME/lib, which no loader searches. Python is not
 * asked: a process that runs it has libraries below site-packages loaded, or is told by its path where they are.
 */
#include "library.h"

#include <dlfcn.h>
#include <glob.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST_PATH = 1024, MOST_NAME = 64 };

/* The next of names separated by blanks; false after the last. */
static bool next_name(const char **names, char *name) {
    *names += strspn(*names, " ");
    const size_t n = strcspn(*names, " ");
    if (n == 0 || n >= MOST_NAME) return false;
    memcpy(name, *names, n);
    name[n] = '\0';
    *names += n;
    return true;
}

static void *open_pattern(const char *pattern) {
    glob_t found;
    void *library = NULL;
    if (glob(pattern, 0, NULL, &found) != 0) return NULL;
    for (size_t i = 0; i < found.gl_pathc && !library; i++) library = dlopen(found.gl_pathv[i], RTLD_NOW | RTLD_LOCAL);
    globfree(&found);
    return library;
}

/* Below a folder of packages, which may be a pattern. */
static void *open_below(const char *packages, const char *names) {
    char name[MOST_NAME], pattern[MOST_PATH + MOST_NAME];
    void *library = NULL;
    while (!library && next_name(&names, name)) {
        snprintf(pattern, sizeof pattern, "%s/nvidia/*/lib/%s", packages, name);
        library = open_pattern(pattern);
    }
    return library;
}

/* Of an installation of Python: PREFIX/lib/python3.11/site-packages. */
static void *open_prefix(const char *prefix, const char *names) {
    char packages[MOST_PATH];
    void *library = NULL;
    static const char *const kinds[] = {"site-packages", "dist-packages"};
    for (int i = 0; i < 2 && !library; i++) {
        const int n = snprintf(packages, sizeof packages, "%s/lib/python3*/%s", prefix, kinds[i]);
        if (n > 0 && n < MOST_PATH) library = open_below(packages, names);
    }
    return library;
}

/* --------------------------------------------------------------------------------- the running Python -- */

typedef struct search { const char *names; void *library; char seen[MOST_PATH]; } search;

/* A library of this process below site-packages; those beside it are asked once. */
static int look_at(struct dl_phdr_info *info, size_t size, void *opaque) {
    search *s = opaque;
    const char *end = strstr(info->dlpi_name, "/site-packages/");
    char packages[MOST_PATH];
    (void)size;
    if (!end) return 0;
    snprintf(packages, sizeof packages, "%.*s/site-packages", (int)(end - info->dlpi_name), info->dlpi_name);
    if (strcmp(packages, s->seen) == 0) return 0;
    snprintf(s->seen, sizeof s->seen, "%s", packages);
    return 1;
}

static void *open_beside_loaded(const char *names) {
    search s = {.names = names};
    /* the loader's lock is held while it walks: nothing may be opened before it is done */
    return dl_iterate_phdr(look_at, &s) ? open_below(s.seen, names) : NULL;
}

/* -------------------------------------------------------------------------------------- python3 in PATH -- */

static void *open_in_path(const char *names) {
    char python[MOST_PATH];
    const char *path = secure_getenv("PATH");
    while (path && *path) {
        const size_t n = strcspn(path, ":");
        const int written = snprintf(python, sizeof python, "%.*s/python3", (int)n, path);
        path += n + (path[n] == ':');
        if (written >= MOST_PATH || access(python, X_OK) != 0) continue;
        char *end = strstr(python, "/bin/python3");
        if (!end) return NULL;
        *end = '\0';
        return open_prefix(python, names);
    }
    return NULL;
}

void *hal_cuda_library_open(const char *names, char *why, size_t size) {
    char name[MOST_NAME];
    const char *rest = names, *environment = secure_getenv("VIRTUAL_ENV");
    void *library = NULL;
    while (!library && next_name(&rest, name)) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!library) library = open_beside_loaded(names);
    if (!library && environment && *environment) library = open_prefix(environment, names);
    if (!library) library = open_in_path(names);
    if (!library) snprintf(why, size, "none of \"%s\" can be opened, nor found in nvidia/*/lib of a Python", names);
    return library;
}

void *hal_cuda_library_function(void *library, const char *name, char *why, size_t size) {
    void *found = dlsym(library, name);
    if (!found) snprintf(why, size, "it has no %s", name);
    return found;
}

void hal_cuda_library_note(const hal_host *host, const char *text) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    const int64_t now = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    host->trace(host->context, text, now, now);
}
