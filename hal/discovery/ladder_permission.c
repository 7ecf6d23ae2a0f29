/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D4: the caller may open the nodes. Live devices are not opened: mode, owner and groups are looked at;
 * of recorded ones the answer of open(2) is known. A control group's device filter answers EPERM, a security
 * module EACCES.
 */
#include "hal/discovery/ladder.h"
#include "hal/discovery/files_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { READ_WRITE = 6, READ = 4 };

typedef struct node {
    const char *path;
    hal_file_facts facts;
    char group[64];
} node;

/* The caller's name in /etc/passwd; "" when it has none. */
static void user_name(hal_ladder *ladder, char *name, size_t size)
{
    char *text = hal_ladder_read(ladder, "/etc/passwd"), line[512];
    name[0] = '\0';
    for (const char *rest = text != NULL ? text : "";
         name[0] == '\0' && hal_word_next(&rest, '\n', line, sizeof line);) {
        char *user = line, *after = line;
        strsep(&after, ":");
        strsep(&after, ":");
        char *number = strsep(&after, ":");
        if (number != NULL && number[0] != '\0' && strtoul(number, NULL, 10) == hal_files_uid(ladder->files))
            hal_words_add(name, size, "%s", user);
    }
    hal_deallocate(ladder->files->allocator, text);
}

/* A line of /etc/group: the number of group `name` (false when there is none), and whether `user` is in it.
 */
static bool group_line(hal_ladder *ladder, const char *name, const char *user, uint32_t *gid, bool *member)
{
    char *text = hal_ladder_read(ladder, "/etc/group"), line[4096], one[128];
    bool found = false;
    for (const char *rest = text != NULL ? text : "";
         !found && hal_word_next(&rest, '\n', line, sizeof line);) {
        char *after = line, *group = strsep(&after, ":");
        strsep(&after, ":");
        char *number = strsep(&after, ":");
        if (number == NULL || strcmp(group, name) != 0)
            continue;
        found = true;
        *gid = (uint32_t)strtoul(number, NULL, 10);
        *member = false;
        for (const char *list = after != NULL ? after : ""; hal_word_next(&list, ',', one, sizeof one);)
            *member |= user[0] != '\0' && strcmp(one, user) == 0;
    }
    hal_deallocate(ladder->files->allocator, text);
    return found;
}

/* The mode would let the group in, and the caller is not of it. */
static void judge_group(hal_climb *climb, const node *n)
{
    const hal_files *files = climb->ladder->files;
    char user[64], advice[256];
    uint32_t usual_gid = 0, gid = 0;
    bool usual_member = false, member = false;
    user_name(climb->ladder, user, sizeof user);
    bool usual = climb->family->group[0] != '\0' &&
                 group_line(climb->ladder, climb->family->group, user, &usual_gid, &usual_member);
    const char *who = user[0] != '\0' ? user : "this user";
    if (n->group[0] == '\0' || (usual && usual_gid != n->facts.gid && strcmp(n->group, "video") != 0)) {
        snprintf(advice, sizeof advice,
                 "start the container with --group-add %u, or give the image's group that number",
                 n->facts.gid);
        hal_climb_advise(climb, 404, advice,
                         "%s belongs to group %u (%s here), mode %04o; %s is group %u here", n->path,
                         n->facts.gid, n->group[0] != '\0' ? n->group : "no name", n->facts.mode & 07777,
                         usual ? climb->family->group : "the usual one", usual_gid);
    } else if (group_line(climb->ladder, n->group, user, &gid, &member) && member) {
        hal_climb_find(climb, 405,
                       "%s belongs to group %s, of which /etc/group says %s is a member; this session is not",
                       n->path, n->group, who);
    } else {
        snprintf(advice, sizeof advice, "usermod -aG %s %s as root, then log in again", n->group,
                 user[0] != '\0' ? user : "USER");
        hal_climb_advise(climb, 401, advice,
                         "%s belongs to root:%s, mode %04o; %s (uid %u) is not in group %s", n->path,
                         n->group, n->facts.mode & 07777, who, hal_files_uid(files), n->group);
    }
}

static void judge_mode(hal_climb *climb, const node *n)
{
    bool group_opens = (n->facts.mode & 060) == 060 && n->facts.gid != 0;
    if (hal_ladder_mode_allows(climb->ladder->files, &n->facts, READ))
        hal_climb_find(climb, 409, "%s has mode %04o, owner %u, group %u", n->path, n->facts.mode & 07777,
                       n->facts.uid, n->facts.gid);
    else if (group_opens && !hal_files_in_group(climb->ladder->files, n->facts.gid))
        judge_group(climb, n);
    else
        hal_climb_find(climb, 403, "%s has mode %04o, owner %u, group %u", n->path, n->facts.mode & 07777,
                       n->facts.uid, n->facts.gid);
}

/* Devices of the family whose nodes may be opened. */
static uint32_t others_open(const hal_climb *climb)
{
    const hal_ladder *ladder = climb->ladder;
    uint32_t count = 0;
    for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++) {
        const hal_topology_device *other = hal_draft_device(ladder->draft, i);
        bool opens = false;
        for (uint32_t k = 0; hal_ladder_is_of(ladder, i, climb->family->name) && k < other->n_nodes; k++)
            opens |= hal_pattern_listed(climb->family->nodes, other->nodes[k]) &&
                     hal_files_access(ladder->files, other->nodes[k], true) == 0;
        count += opens;
    }
    return count;
}

static void refused_by_group(hal_climb *climb, const node *n)
{
    const char *path = hal_draft_host(climb->ladder->draft)->cgroup;
    char group[512] = "";
    if (path[0] != '\0' && strcmp(path, "/") != 0)
        snprintf(group, sizeof group, "; control group %.400s", path);
    hal_climb_find(climb, 402,
                   "open(%s) = EPERM although mode %04o allows it; %u others of its family open%s", n->path,
                   n->facts.mode & 07777, others_open(climb), group);
}

static void judge_refusal(hal_climb *climb, const node *n, int error)
{
    bool allowed = hal_ladder_mode_allows(climb->ladder->files, &n->facts, READ_WRITE);
    if (error == ENODEV || error == ENXIO || error == EIO) {
        hal_climb_find(climb, 406, "open(%s): %s", n->path, strerror(error));
    } else if (error == EBUSY) {
        hal_climb_find(climb, 407, "open(%s): %s", n->path, strerror(error));
    } else if (error == EROFS) {
        hal_climb_find(climb, 409, "open(%s): %s", n->path, strerror(error));
    } else if (!allowed) {
        judge_mode(climb, n);
    } else if (error == EPERM) {
        refused_by_group(climb, n);
    } else {
        hal_climb_find(climb, 408, "open(%s): %s although mode %04o allows it", n->path, strerror(error),
                       n->facts.mode & 07777);
    }
}

static void judge_node(hal_climb *climb, const char *path)
{
    node n = {.path = path};
    const hal_files *files = climb->ladder->files;
    if (!hal_files_stat(files, path, &n.facts))
        return;
    hal_files_group_name(files, n.facts.gid, n.group, sizeof n.group);
    int error = hal_files_access(files, path, strncmp(path, HAL_PART_NODES, sizeof HAL_PART_NODES - 1) != 0);
    if (error != 0)
        judge_refusal(climb, &n, error);
    else
        hal_climb_note(climb, "%s: mode %04o, %u:%s", path, n.facts.mode & 07777, n.facts.uid,
                       n.group[0] != '\0' ? n.group : "?");
}

void hal_rung_permission(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    const hal_family *family = climb->family;
    char names[256], path[256];
    if (device->kind == HAL_DEVICE_CPU || (device->n_nodes == 0 && family->shared_nodes[0] == '\0')) {
        hal_climb_skip(climb, "nothing to open");
        return;
    }
    if (!climb->ladder->nodes_told) {
        hal_climb_skip(climb, "/dev was not recorded");
        return;
    }
    for (uint32_t i = 0; i < device->n_nodes; i++)
        if (hal_ladder_needs(climb, device->nodes[i]))
            judge_node(climb, device->nodes[i]);
    for (const char *rest = family->shared_nodes; hal_word_next(&rest, ' ', names, sizeof names);)
        for (const char *choices = names; hal_word_next(&choices, '|', path, sizeof path);)
            judge_node(climb, path);
    if (climb->code == 0 && hal_files_live(climb->ladder->files))
        hal_climb_note(climb, "not opened: a device filter of the control group shows when it is used");
}
