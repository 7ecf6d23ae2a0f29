/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the dynamic loader would find a library, found out without loading anything: the directories of
 * LD_LIBRARY_PATH, /etc/ld.so.cache, the loader's own directories and those of /etc/ld.so.conf, and what the
 * first bytes of a file say.
 */
#ifndef HAL_DISCOVERY_SEARCH_H
#define HAL_DISCOVERY_SEARCH_H

#include "hal/discovery/files.h"

/* How a library was found; the smaller is the better. */
typedef enum hal_found_state {
    HAL_FOUND_LOADABLE, /* where the loader looks, for this architecture */
    HAL_FOUND_OUTSIDE,  /* in order, in a directory of the vendor where the loader does not look */
    HAL_FOUND_STUB,     /* in a directory of stubs to link with */
    HAL_FOUND_FOREIGN,  /* of another architecture */
    HAL_FOUND_BROKEN,   /* no ELF file, or empty */
    HAL_FOUND_DANGLING, /* a symbolic link that leads nowhere */
    HAL_FOUND_NOTHING
} hal_found_state;

typedef struct hal_found {
    uint32_t state;
    uint32_t copies;  /* files of different names that the loader could take for it */
    uint32_t decided; /* 1: the loader looks no further */
    char name[128];
    char path[512];   /* what was found */
    char real[512];   /* the file behind every link */
    char where[64];   /* "ld.so.cache" */
    char what[96];    /* "32-bit x86", "empty", where the link leads */
    char version[64]; /* what follows ".so." in the name of that file, when that is more than one number */
} hal_found;

typedef struct hal_search hal_search;

/* NULL when out of memory. `arch` as uname says it; `files` must live longer. */
hal_search *hal_search_create(const hal_files *files, const char *arch);
void hal_search_destroy(hal_search *search);
/* False when nothing of where libraries lie was recorded, so that absence means nothing. */
bool hal_search_possible(const hal_search *search);
/* Looks for `name`, or for the file itself if it is a path. `directories`: those of the vendor, as
 * families.def writes them. */
void hal_search_find(const hal_search *search, const char *name, const char *directories, hal_found *found);
/* Looks for the first of alternatives separated by '|' that is loadable, else for the best of what was found.
 */
void hal_search_choose(const hal_search *search, const char *names, const char *directories,
                       hal_found *found);
/* Whether one of the alternatives is loadable, by the loader's own table alone where there is one: cheap. */
bool hal_search_glance(const hal_search *search, const char *names, hal_found *found);

#endif
