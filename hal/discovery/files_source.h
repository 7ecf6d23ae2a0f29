/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two kinds of sources behind hal_files: a disk (this machine, or a directory that stands for one) and a recorded tree;
 * and the walk along a path that both do by themselves where links must not lead out of what is described.
 */
#ifndef HAL_DISCOVERY_FILES_SOURCE_H
#define HAL_DISCOVERY_FILES_SOURCE_H

#include "hal/discovery/files.h"

#include <limits.h>

enum { HAL_FILE_LIMIT = 16 << 20, HAL_TREE_LIMIT = 64 << 20, HAL_NAMES_LIMIT = 65536, HAL_LINKS_LIMIT = 40 };

/* Failures are told by errno, as the functions of files.h do that call these. */
typedef struct hal_files_source {
    /* At most `size` bytes from the beginning. */
    ssize_t (*read)(const hal_files *files, const char *path, char *text, size_t size);
    /* The whole of it, with an end. */
    char *(*load)(const hal_files *files, const char *path, size_t *bytes);
    /* In any order. */
    bool (*list)(const hal_files *files, const char *path, hal_names *names);
    /* NUL-terminated; ENAMETOOLONG when it does not fit. */
    bool (*link)(const hal_files *files, const char *path, char *target, size_t size);
    bool (*resolve)(const hal_files *files, const char *path, char *real, size_t size);
    bool (*stat)(const hal_files *files, const char *path, hal_file_facts *facts);
    int (*access)(const hal_files *files, const char *path, bool write);
    void (*close)(hal_files *files);
    /* NULL: the environment of this process, or `environment` of what was recorded. */
    const char *(*env)(const hal_files *files, const char *name);
} hal_files_source;

struct hal_files {
    const hal_allocator *allocator; /* `copy`, or NULL */
    hal_allocator copy;
    const hal_files_source *source;
    /* Disk: the directory that is "/", or NULL for this machine. Tree: hal_tree. Recorder: hal_recorder. */
    void *state;
    /* Recorded environment: lines that end in NUL, and an empty one. NULL when live. */
    char *environment;
    /* Recorded caller as /hal/id tells. */
    char *identity;
    uint32_t *groups;
    uint32_t uid, gid, n_groups;
    bool live;
};

extern const hal_files_source hal_files_disk, hal_files_tree;

/* Reads an open file to its end; NULL with errno. */
char *hal_files_drain(const hal_allocator *allocator, int fd, size_t limit, size_t *bytes);
/* Adds a name; false with errno. `names->capacity` is what `*capacity` says. */
bool hal_names_add(const hal_allocator *allocator, hal_names *names, uint32_t *capacity, const char *name);
/* Makes the tree from text, which is copied. */
hal_status hal_tree_parse(hal_files *files, const char *origin, const char *text, size_t bytes);

/* A walk along an absolute path. */
typedef struct hal_path_walk {
    char text[2][PATH_MAX];
    char *rest;
    uint32_t current, links;
} hal_path_walk;
bool hal_path_begin(hal_path_walk *walk, const char *path);
/* The next component, with an end; NULL when there is none. */
char *hal_path_next(hal_path_walk *walk);
/* True when nothing follows the component that was given last. */
bool hal_path_last(const hal_path_walk *walk);
/* Goes on along the target of a link, then what was left. False with errno: ELOOP, ENAMETOOLONG. */
bool hal_path_follow(hal_path_walk *walk, const char *target);

#endif
