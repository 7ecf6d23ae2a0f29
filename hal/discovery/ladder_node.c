/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D3: the nodes of the device, and those that all of its family share, are in /dev, are devices, and are
 * those that the kernel means. What the driver itself says a node is: dev of its entry below /sys/class.
 * Partitions of NVIDIA: the access files of /proc/driver/nvidia/capabilities name minors of /dev/nvidia-caps
 * (multi-instance GPU user guide).
 */
#include "hal/discovery/ladder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* True when another device of the family has a node that exists. */
static bool others_have_nodes(const hal_climb *climb)
{
    const hal_ladder *ladder = climb->ladder;
    for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++) {
        const hal_topology_device *other = hal_draft_device(ladder->draft, i);
        if (i == climb->device || !hal_ladder_is_of(ladder, i, climb->family->name))
            continue;
        for (uint32_t k = 0; k < other->n_nodes; k++)
            if (hal_pattern_listed(climb->family->nodes, other->nodes[k]) &&
                hal_files_exist(ladder->files, other->nodes[k]))
                return true;
    }
    return false;
}

/* Numbers of the node as the kernel tells them; false when it does not. */
static bool told_numbers(const hal_climb *climb, const char *node, uint32_t *major, uint32_t *minor)
{
    static const char *const classes[] = {"drm",  "accel",       "kfd",          "misc",
                                          "apex", "tenstorrent", "devdrv-class", "vfio"};
    const char *name = strrchr(node, '/');
    for (size_t i = 0; name != NULL && i < sizeof classes / sizeof classes[0]; i++) {
        char path[512], text[64];
        snprintf(path, sizeof path, "/sys/class/%s%.256s/dev", classes[i], name);
        if (hal_files_read(climb->ladder->files, path, text, sizeof text) > 0)
            return sscanf(text, "%u:%u", major, minor) == 2;
    }
    return false;
}

static void judge_existing(hal_climb *climb, const char *node, const hal_file_facts *facts)
{
    uint32_t major, minor;
    if (!S_ISCHR(facts->mode))
        hal_climb_find(climb, 306, "%s is a %s", node, S_ISDIR(facts->mode) ? "directory" : "file");
    else if (told_numbers(climb, node, &major, &minor) && (major != facts->major || minor != facts->minor))
        hal_climb_find(climb, 305, "%s is %u:%u, the kernel says %u:%u", node, facts->major, facts->minor,
                       major, minor);
    else
        hal_climb_note(climb, "%s", node);
}

static void judge_missing(hal_climb *climb, const char *node)
{
    const char *container = hal_draft_host(climb->ladder->draft)->container;
    const char *inside = container[0] != '\0' ? "; this is a container: " : "";
    if (strncmp(node, HAL_PART_NODES, sizeof HAL_PART_NODES - 1) == 0)
        hal_climb_find(climb, 307, "%s is missing%s%s", node, inside, container);
    else if (others_have_nodes(climb))
        hal_climb_find(climb, 303, "%s is missing%s%s", node, inside, container);
    else
        hal_climb_find(climb, 301, "%s is missing%s%s", node, inside, container);
}

static void judge_node(hal_climb *climb, const char *node)
{
    hal_file_facts facts;
    if (hal_files_stat(climb->ladder->files, node, &facts)) {
        judge_existing(climb, node, &facts);
    } else if (errno == EACCES || errno == EPERM) {
        hal_climb_note(climb, "%s: cannot be looked at without more rights", node);
        if (climb->code == 0)
            climb->status = HAL_RUNG_DENIED;
    } else {
        judge_missing(climb, node);
    }
}

/* Of nodes that go by any of several names one is enough; names after the first are those in containers. */
static void judge_shared(hal_climb *climb, const char *names)
{
    const char *container = hal_draft_host(climb->ladder->draft)->container;
    char node[256];
    for (const char *rest = names; hal_word_next(&rest, '|', node, sizeof node);) {
        if (hal_files_exist(climb->ladder->files, node)) {
            judge_node(climb, node);
            return;
        }
        if (container[0] == '\0')
            break;
    }
    hal_climb_find(climb, 302, "%s is missing%s%s", names,
                   container[0] != '\0' ? "; this is a container: " : "", container);
}

/* The driver told of no node: either any of the family's is there, or none. */
static void judge_untold(hal_climb *climb)
{
    if (strstr(climb->family->nodes, "/dev/dri/") != NULL ||
        strstr(climb->family->nodes, "/dev/accel/") != NULL)
        hal_climb_find(climb, 308, "no entry of /sys/class leads to %s; expected %s", climb->directory,
                       climb->family->nodes);
    else
        hal_climb_find(climb, 301, "no %s for it", climb->family->nodes);
}

void hal_rung_node(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    const hal_family *family = climb->family;
    bool any = false;
    if (device->kind == HAL_DEVICE_CPU ||
        (family->nodes[0] == '\0' && family->shared_nodes[0] == '\0' && device->n_nodes == 0)) {
        hal_climb_skip(climb, "used without a node of its own");
        return;
    }
    if (hal_climb_is_emulated(climb)) {
        hal_climb_skip(climb, "emulated: its library needs no node");
        return;
    }
    if (!climb->ladder->nodes_told) {
        hal_climb_skip(climb, "/dev was not recorded");
        return;
    }
    for (uint32_t i = 0; i < device->n_nodes; i++) {
        if (!hal_ladder_needs(climb, device->nodes[i]))
            continue;
        any = true;
        judge_node(climb, device->nodes[i]);
    }
    if (!any && family->nodes[0] != '\0' && (family->flags & HAL_FAMILY_NO_COMPUTE) == 0 &&
        device->parent == HAL_NOWHERE)
        judge_untold(climb);
    char names[256];
    for (const char *rest = family->shared_nodes; hal_word_next(&rest, ' ', names, sizeof names);)
        judge_shared(climb, names);
}
