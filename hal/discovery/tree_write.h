/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a recorded tree, collected in any order and printed by path. */
#ifndef HAL_DISCOVERY_TREE_WRITE_H
#define HAL_DISCOVERY_TREE_WRITE_H

#include "hal/discovery/files_source.h"

typedef struct hal_tree_entry {
    char *path;
    char *text;    /* its lines */
    uint32_t rank; /* of two for one path the larger is printed */
} hal_tree_entry;

typedef struct hal_tree_writer {
    const hal_files *files; /* what is written down */
    hal_tree_entry *entries;
    uint32_t n_entries, capacity;
    bool starved;
} hal_tree_writer;

void hal_tree_writer_close(hal_tree_writer *writer);
/* What `path` is, with the links that lead there; of its content at most `bytes`. With `list` also the names in it. */
void hal_tree_write_path(hal_tree_writer *writer, const char *path, size_t bytes, bool list);
/* A file of the tree that is none of the machine's. */
void hal_tree_write_text(hal_tree_writer *writer, const char *path, const char *text, size_t bytes);
/* Entries in the order of their paths, each path once. Errors: OUT_OF_MEMORY, IO. */
hal_status hal_tree_writer_print(hal_tree_writer *writer, FILE *stream);

#endif
