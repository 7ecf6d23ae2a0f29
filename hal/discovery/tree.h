/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded tree in memory: nodes that refer to one copy of its text, and a hash from (parent, name) to node. */
#ifndef HAL_DISCOVERY_TREE_H
#define HAL_DISCOVERY_TREE_H

#include "hal/discovery/files_source.h"

#include <hal/topology.h>

typedef struct hal_tree_node {
    const char *name;
    const char *text; /* content of a file, target of a link; "" */
    size_t bytes;
    uint32_t parent, first, last, next; /* among nodes, HAL_NOWHERE at ends; the root is its own parent */
    uint32_t mode, uid, gid, major, minor;
    uint32_t line; /* that says so; 0 when only implied by what is below it, or refused before it was said what it is */
    int error;     /* what open answers, 0 nothing special */
} hal_tree_node;

typedef struct hal_tree {
    char *text;
    hal_tree_node *nodes; /* 0 is "/" */
    uint32_t *slots;      /* index of a node + 1, 0 empty; a power of two of them, at most half full */
    uint32_t n_nodes, capacity, n_slots;
} hal_tree;

/* The child of that name, HAL_NOWHERE when there is none. */
uint32_t hal_tree_child(const hal_tree *tree, uint32_t parent, const char *name, size_t length);
/* "EPERM": as trees write errors; "EIO" for one they have no name for. */
const char *hal_tree_error_name(int number);

#endif
