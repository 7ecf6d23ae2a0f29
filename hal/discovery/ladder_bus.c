/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D1: the device is on its bus and the link is what it should be. Names of attributes and their meaning:
 * the kernel's Documentation/ABI/testing/sysfs-bus-pci; flags of a window: IORESOURCE_UNSET of
 * include/linux/ioport.h; a read that nobody answers gives ones, which the six bits of the width (PCI Express
 * base specification, link status) show as 63.
 */
#include "hal/discovery/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOBODY_ANSWERS = 63, WINDOW_UNSET = 0x20000000, WINDOW_MEMORY = 0x200, WINDOWS = 6 };

/* Of the port above the device: its directory is the one around the device's own. */
static void port_attribute(const hal_climb *climb, const char *name, char *text, size_t size)
{
    char path[1024];
    text[0] = '\0';
    if (!hal_files_resolve(climb->ladder->files, climb->directory, path, 512))
        return;
    char *slash = strrchr(path, '/');
    if (slash == NULL)
        return;
    snprintf(slash, sizeof path - (size_t)(slash - path), "/%s", name);
    if (hal_files_read(climb->ladder->files, path, text, size) < 0)
        text[0] = '\0';
}

/* The smaller of what device and port can do; 0 when neither tells. */
static double both_can(const hal_climb *climb, const char *attribute)
{
    char own[64], port[64];
    hal_climb_attribute(climb, attribute, own, sizeof own);
    port_attribute(climb, attribute, port, sizeof port);
    double a = strtod(own, NULL), b = strtod(port, NULL);
    return a > 0 && b > 0 ? (a < b ? a : b) : a > 0 ? a : b;
}

static void check_link(hal_climb *climb)
{
    char width_text[64], speed_text[64];
    double width =
        strtod(hal_climb_attribute(climb, "current_link_width", width_text, sizeof width_text), NULL);
    double speed =
        strtod(hal_climb_attribute(climb, "current_link_speed", speed_text, sizeof speed_text), NULL);
    double most_width = both_can(climb, "max_link_width"), most_speed = both_can(climb, "max_link_speed");
    if (width <= 0)
        return;
    if (width < most_width && most_width < NOBODY_ANSWERS)
        hal_climb_find(climb, 101, "the link runs with %.0f of %.0f lanes at %s", width, most_width,
                       speed_text);
    else if (speed > 0 && speed < most_speed)
        hal_climb_find(climb, 102, "the link runs at %s and could at %.1f GT/s", speed_text, most_speed);
    else
        hal_climb_note(climb, "link x%.0f at %s, as much as device and slot can", width, speed_text);
}

static void check_windows(hal_climb *climb)
{
    char text[2048], line[128];
    char path[512];
    snprintf(path, sizeof path, "%s/resource", climb->directory);
    if (hal_files_read(climb->ladder->files, path, text, sizeof text) < 0)
        return;
    const char *rest = text;
    for (int window = 0; window < WINDOWS && hal_word_next(&rest, '\n', line, sizeof line); window++) {
        char *end;
        unsigned long long first = strtoull(line, &end, 16), last = strtoull(end, &end, 16),
                           flags = strtoull(end, NULL, 16);
        if ((flags & WINDOW_UNSET) != 0 && (flags & WINDOW_MEMORY) != 0) {
            hal_climb_find(climb, 106, "window %d of %llu MiB has no address (%s/resource)", window,
                           (last - first + 1) >> 20, climb->directory);
            return;
        }
    }
}

static void check_errors(hal_climb *climb)
{
    static const char *const kinds[][2] = {{"aer_dev_fatal", "TOTAL_ERR_FATAL"},
                                           {"aer_dev_nonfatal", "TOTAL_ERR_NONFATAL"}};
    for (size_t i = 0; i < 2; i++) {
        char text[2048], path[512];
        snprintf(path, sizeof path, "%s/%s", climb->directory, kinds[i][0]);
        if (hal_files_read(climb->ladder->files, path, text, sizeof text) < 0)
            continue;
        const char *total = strstr(text, kinds[i][1]);
        unsigned long count = total != NULL ? strtoul(total + strlen(kinds[i][1]), NULL, 10) : 0;
        if (count > 0)
            hal_climb_find(climb, 109, "%s counts %lu since the machine started", kinds[i][0], count);
    }
}

static uint32_t numa_nodes(const hal_ladder *ladder)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hal_draft_place_count(ladder->draft); i++)
        count += hal_draft_place(ladder->draft, i)->kind == HAL_PLACE_NUMA;
    return count;
}

static void check_place(hal_climb *climb)
{
    char text[64];
    hal_climb_attribute(climb, "numa_node", text, sizeof text);
    if (text[0] == '-' && numa_nodes(climb->ladder) > 1)
        hal_climb_find(climb, 105, "numa_node is %s on a machine of %u NUMA nodes", text,
                       numa_nodes(climb->ladder));
    else if (text[0] != '\0' && text[0] != '-')
        hal_climb_note(climb, "NUMA node %s", text);
}

static void check_group(hal_climb *climb)
{
    char path[512], target[256];
    const hal_topology_device *device = hal_climb_device(climb);
    snprintf(path, sizeof path, "%s/iommu_group", climb->directory);
    if (strcmp(device->driver, "vfio-pci") == 0 &&
        !hal_files_link(climb->ladder->files, path, target, sizeof target))
        hal_climb_find(climb, 107, "%s is missing and the driver is vfio-pci", path);
}

static void climb_pci(hal_climb *climb)
{
    char width[64], power[64];
    const hal_topology_device *device = hal_climb_device(climb);
    hal_climb_note(climb, "%04x:%04x class %06x at %s", device->pci_vendor, device->pci_device,
                   device->pci_class, device->address);
    if (strtol(hal_climb_attribute(climb, "current_link_width", width, sizeof width), NULL, 10) ==
        NOBODY_ANSWERS) {
        hal_climb_find(climb, 103, "current_link_width reads %s: all ones", width);
        return;
    }
    check_place(climb);
    if (strncmp(hal_climb_attribute(climb, "power_state", power, sizeof power), "D3", 2) == 0)
        hal_climb_find(climb, 104, "power_state is %s", power);
    else
        check_link(climb);
    check_windows(climb);
    check_errors(climb);
    check_group(climb);
}

/* Something runs programs there, whether or not the kernel tells of it. */
static void climb_processor(hal_climb *climb)
{
    const hal_topology_device *cpu = hal_climb_device(climb);
    if (cpu->cores != 0)
        hal_climb_note(climb, "%s, %u cores", cpu->address, cpu->cores);
    else if (cpu->threads != 0)
        hal_climb_find(climb, 114, "%s, %u threads; nothing tells of cores", cpu->address, cpu->threads);
    else
        hal_climb_find(climb, 114, "%s; nothing tells of cores or threads", cpu->address);
}

void hal_rung_bus(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb), *whole = hal_climb_whole(climb);
    if (whole != NULL) {
        hal_climb_note(climb, "part of %s", whole->id);
        if (whole->usability == HAL_USABLE_BROKEN)
            hal_climb_inherit(climb, whole);
    } else if (device->kind == HAL_DEVICE_CPU)
        climb_processor(climb);
    else if (strncmp(climb->directory, "/sys/bus/pci/", 13) == 0)
        climb_pci(climb);
    else if (climb->directory[0] != '\0')
        hal_climb_note(climb, "%s", climb->directory);
    else
        hal_climb_note(climb, "no entry on a bus; known by %s",
                       device->n_nodes > 0 ? device->nodes[0] : "what its vendor's library says");
}
