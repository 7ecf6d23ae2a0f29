/* SPDX-License-Identifier: Apache-2.0 */
/* A recorded tree as files: looked up, followed and refused as the kernel of the described machine would. */
#include "hal/discovery/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Whether the recorded caller may: 4 reads, 2 writes, 1 searches. */
static bool allowed(const hal_files *files, const hal_tree_node *node, uint32_t want)
{
    uint32_t shift = files->uid == node->uid ? 6 : hal_files_in_group(files, node->gid) ? 3 : 0;
    return files->uid == 0 || ((node->mode >> shift) & want) == want;
}

/* The node behind `path`, its last link followed when asked for; false with errno. */
static bool walk(const hal_files *files, const char *path, bool follow, uint32_t *out)
{
    const hal_tree *tree = files->state;
    hal_path_walk w;
    uint32_t at = 0;
    if (!hal_path_begin(&w, path))
        return false;
    for (char *name; (name = hal_path_next(&w)) != NULL;) {
        const hal_tree_node *node = &tree->nodes[at];
        errno = !S_ISDIR(node->mode) ? ENOTDIR : !allowed(files, node, 1) ? EACCES : 0;
        if (errno != 0)
            return false;
        if (strcmp(name, ".") == 0)
            continue;
        uint32_t child =
            strcmp(name, "..") == 0 ? node->parent : hal_tree_child(tree, at, name, strlen(name));
        if (child == HAL_NOWHERE) {
            errno = ENOENT;
            return false;
        }
        node = &tree->nodes[child];
        if (!S_ISLNK(node->mode) || (hal_path_last(&w) && !follow)) {
            at = child;
            continue;
        }
        if (!hal_path_follow(&w, node->text))
            return false;
        if (node->text[0] == '/')
            at = 0;
    }
    *out = at;
    return true;
}

static const hal_tree_node *find(const hal_files *files, const char *path, bool follow)
{
    uint32_t index;
    return walk(files, path, follow, &index) ? &((const hal_tree *)files->state)->nodes[index] : NULL;
}

/* 0, or why the content of a node cannot be had. */
static int refusal(const hal_files *files, const hal_tree_node *node, uint32_t want)
{
    if (node->error != 0)
        return node->error;
    return allowed(files, node, want) ? 0 : EACCES;
}

static const hal_tree_node *content(const hal_files *files, const char *path)
{
    const hal_tree_node *node = find(files, path, true);
    if (node == NULL)
        return NULL;
    int why = refusal(files, node, 4);
    if (why == 0 && !S_ISREG(node->mode))
        why = S_ISDIR(node->mode) ? EISDIR : EPERM;
    errno = why;
    return why == 0 ? node : NULL;
}

static ssize_t tree_read(const hal_files *files, const char *path, char *text, size_t size)
{
    const hal_tree_node *node = content(files, path);
    if (node == NULL)
        return -1;
    size_t n = node->bytes < size ? node->bytes : size;
    memcpy(text, node->text, n);
    return (ssize_t)n;
}

static char *tree_load(const hal_files *files, const char *path, size_t *bytes)
{
    const hal_tree_node *node = content(files, path);
    if (node == NULL)
        return NULL;
    if (node->bytes > HAL_FILE_LIMIT) {
        errno = EFBIG;
        return NULL;
    }
    char *copy = hal_allocate(files->allocator, node->bytes + 1);
    if (copy == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memcpy(copy, node->text, node->bytes);
    *bytes = node->bytes;
    return copy;
}

static bool tree_list(const hal_files *files, const char *path, hal_names *names)
{
    const hal_tree *tree = files->state;
    const hal_tree_node *node = find(files, path, true);
    uint32_t capacity = 0;
    if (node == NULL)
        return false;
    errno = !S_ISDIR(node->mode) ? ENOTDIR : refusal(files, node, 4);
    if (errno != 0)
        return false;
    for (uint32_t i = node->first; i != HAL_NOWHERE && !names->truncated; i = tree->nodes[i].next)
        if (!hal_names_add(files->allocator, names, &capacity, tree->nodes[i].name))
            return false;
    return true;
}

static bool tree_link(const hal_files *files, const char *path, char *target, size_t size)
{
    const hal_tree_node *node = find(files, path, false);
    if (node == NULL)
        return false;
    errno = !S_ISLNK(node->mode) ? EINVAL : node->bytes >= size ? ENAMETOOLONG : 0;
    if (errno != 0)
        return false;
    memcpy(target, node->text, node->bytes + 1);
    return true;
}

static bool tree_resolve(const hal_files *files, const char *path, char *real, size_t size)
{
    const hal_tree *tree = files->state;
    char buffer[PATH_MAX];
    size_t at = sizeof buffer - 1;
    uint32_t index;
    if (!walk(files, path, true, &index))
        return false;
    buffer[at] = '\0';
    errno = ENAMETOOLONG;
    for (; index != 0; index = tree->nodes[index].parent) {
        size_t length = strlen(tree->nodes[index].name);
        if (length + 1 > at)
            return false;
        memcpy(&buffer[at -= length], tree->nodes[index].name, length);
        buffer[--at] = '/';
    }
    int n = snprintf(real, size, "%s", buffer[at] ? &buffer[at] : "/");
    return n >= 0 && (size_t)n < size;
}

static bool tree_stat(const hal_files *files, const char *path, hal_file_facts *facts)
{
    const hal_tree_node *node = find(files, path, true);
    if (node == NULL)
        return false;
    *facts = (hal_file_facts){.mode = node->mode,
                              .uid = node->uid,
                              .gid = node->gid,
                              .major = node->major,
                              .minor = node->minor,
                              .size = S_ISCHR(node->mode) ? 0 : node->bytes};
    return true;
}

static int tree_access(const hal_files *files, const char *path, bool write)
{
    const hal_tree_node *node = find(files, path, true);
    return node == NULL ? errno : refusal(files, node, write ? 6 : 4);
}

static void tree_close(hal_files *files)
{
    hal_tree *tree = files->state;
    if (tree == NULL)
        return;
    hal_deallocate(files->allocator, tree->text);
    hal_deallocate(files->allocator, tree->nodes);
    hal_deallocate(files->allocator, tree->slots);
    hal_deallocate(files->allocator, tree);
}

const hal_files_source hal_files_tree = {
    .read = tree_read,
    .load = tree_load,
    .list = tree_list,
    .link = tree_link,
    .resolve = tree_resolve,
    .stat = tree_stat,
    .access = tree_access,
    .close = tree_close,
};
