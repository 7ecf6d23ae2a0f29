/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/cpulist.h"
#include "hal/discovery/processors.h"
#include "hal/discovery/steps.h"

#include <stdlib.h>

enum { MOST_PACKAGES = 256, MOST_PROCESSORS = 8192 };

typedef struct package {
    int64_t number; /* the kernel's, in order of first sight */
    uint32_t threads, cores, place, device;
} package;

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
    package packages[MOST_PACKAGES];
    uint32_t n_packages;
} scan;

#define CPU "/sys/devices/system/cpu/cpu%u/topology/"

static package *package_of(scan *s, uint32_t processor, bool add)
{
    int64_t number = hal_scan_number(s->files, 0, CPU "physical_package_id", processor);
    for (uint32_t i = 0; i < s->n_packages; i++)
        if (s->packages[i].number == number)
            return &s->packages[i];
    if (!add || s->n_packages == MOST_PACKAGES)
        return s->n_packages != 0 ? &s->packages[0] : NULL;
    s->packages[s->n_packages] = (package){.number = number};
    return &s->packages[s->n_packages++];
}

/* Threads, and cores: each is counted at the first of its threads. */
static void count(scan *s)
{
    char list[4096], siblings[1024];
    uint32_t first, last, from, to, seen = 0;
    hal_scan_text(s->files, list, sizeof list, "/sys/devices/system/cpu/online");
    for (const char *p = list; hal_cpulist_next(&p, &first, &last);)
        for (uint32_t i = first; i <= last && seen < MOST_PROCESSORS; i++, seen++) {
            package *at = package_of(s, i, true);
            at->threads++;
            const char *q = siblings;
            if (hal_scan_text(s->files, siblings, sizeof siblings, CPU "thread_siblings_list", i) &&
                hal_cpulist_next(&q, &from, &to) && from == i)
                at->cores++;
        }
}

static void enter_package(scan *s, uint32_t i)
{
    package *p = &s->packages[i];
    char id[32], device[40], address[32];
    snprintf(id, sizeof id, "package%u", i);
    snprintf(device, sizeof device, "cpu:package%u", i);
    snprintf(address, sizeof address, "package %u", i);
    hal_topology_place place = {.kind = HAL_PLACE_PACKAGE,
                                .parent = 0,
                                .id = id,
                                .number = i,
                                .threads = p->threads,
                                .cores = p->cores};
    p->place = hal_draft_add_place(s->draft, &place);
    hal_topology_device cpu = {.kind = HAL_DEVICE_CPU,
                               .place = p->place,
                               .id = device,
                               .address = address,
                               .family = "cpu",
                               .numa = HAL_NOWHERE,
                               .parent = HAL_NOWHERE,
                               .threads = p->threads,
                               .cores = p->cores};
    p->device = hal_draft_add_device(s->draft, &cpu);
}

/* A node that the firmware only keeps a number for. */
static bool is_empty(const scan *s, const char *entry)
{
    char text[4096];
    if (!hal_scan_text(s->files, text, sizeof text, "/sys/devices/system/node/%s/meminfo", entry))
        return false;
    const char *total = strstr(text, "MemTotal:");
    return total != NULL && strtod(total + 9, NULL) <= 0;
}

/* Each package reaches the memory, over the others' sockets where it is theirs. */
static void link_packages(scan *s, const package *home, uint32_t number, uint32_t memory)
{
    for (uint32_t i = 0; i < s->n_packages; i++) {
        const package *p = &s->packages[i];
        const bool local = home == NULL || home == p;
        hal_topology_device *cpu = hal_draft_device(s->draft, p->device);
        if (cpu != NULL && home == p) {
            cpu->numa = cpu->numa == HAL_NOWHERE ? number : cpu->numa;
            hal_draft_device_memory(s->draft, p->device, memory);
        }
        hal_topology_link link = {.from = {HAL_END_DEVICE, p->device},
                                  .to = {HAL_END_MEMORY, memory},
                                  .kind = local ? "memory" : "socket",
                                  .hops = local ? 1 : 2,
                                  .copy_mode = HAL_COPY_NATIVE};
        hal_draft_add_link(s->draft, &link);
    }
}

/* A node without processors belongs to the machine, and to no package more than to another. */
static bool each_node(void *context, const char *entry)
{
    scan *s = context;
    char list[4096];
    uint32_t number = hal_scan_suffix(entry, "node"), first, last;
    if (number == HAL_NOWHERE)
        return true;
    const char *p = list;
    hal_scan_text(s->files, list, sizeof list, "/sys/devices/system/node/%s/cpulist", entry);
    if (list[0] == '\0' && is_empty(s, entry))
        return true;
    const package *home = hal_cpulist_next(&p, &first, &last) ? package_of(s, first, false) : NULL;
    char id[32];
    snprintf(id, sizeof id, "numa%u", number);
    hal_topology_place place = {.kind = HAL_PLACE_NUMA,
                                .parent = home != NULL ? home->place : 0,
                                .id = id,
                                .number = number,
                                .threads = hal_cpulist_count(list)};
    hal_topology_memory memory = {.kind = HAL_MEMORY_DRAM, .id = id, .numa = number, .host_access = 1};
    memory.place = hal_draft_add_place(s->draft, &place);
    link_packages(s, home, number, hal_draft_add_memory(s->draft, &memory));
    return true;
}

/* A kernel without NUMA tells one number for everything. */
static void one_memory(scan *s)
{
    char text[4096], value[64];
    hal_topology_memory memory = {.kind = HAL_MEMORY_DRAM, .id = "numa0", .numa = 0, .host_access = 1};
    if (!hal_scan_text(s->files, text, sizeof text, "/proc/meminfo") ||
        !hal_scan_field(text, "MemTotal", value, sizeof value))
        return;
    double kilobytes = strtod(value, NULL);
    if (kilobytes > 0)
        memory.capacity = hal_figure_of(kilobytes * 1024, HAL_UNIT_BYTES, HAL_SOURCE_STRUCTURAL);
    uint32_t index = hal_draft_add_memory(s->draft, &memory);
    for (uint32_t i = 0; i < s->n_packages; i++)
        hal_draft_device_memory(s->draft, s->packages[i].device, index);
}

void hal_scan_kernel_processors(const hal_files *files, hal_draft *draft)
{
    scan s = {.files = files, .draft = draft};
    hal_topology_place machine = {
        .kind = HAL_PLACE_MACHINE, .parent = HAL_NOWHERE, .id = "machine", .number = HAL_NOWHERE};
    if (hal_draft_place_count(draft) == 0)
        hal_draft_add_place(draft, &machine);
    count(&s);
    if (s.n_packages == 0)
        s.n_packages = 1;
    for (uint32_t i = 0; i < s.n_packages; i++)
        enter_package(&s, i);
    hal_scan_names(files, "/sys/devices/system/node", each_node, &s);
    if (hal_draft_memory_count(draft) == 0)
        one_memory(&s);
}
