/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control group and the affinity mask leave to the process. Files: the kernel's documentation of
 * control groups, version 2 (cpu.max, cpuset.cpus.effective, memory.max, memory.current) and version 1
 * (cpu.cfs_quota_us, memory.limit_in_bytes, memory.usage_in_bytes); proc(5), MemAvailable.
 */
#include "hal/discovery/cgroup.h"
#include "hal/discovery/cpulist.h"
#include "hal/discovery/steps.h"

#include <limits.h>
#include <stdlib.h>

/* The path of the group in the hierarchy of a controller; "" is version 2's. False when there is no such
 * line. */
static bool group_path(const char *lines, const char *controller, char *path, size_t size)
{
    size_t length = strlen(controller);
    for (const char *line = lines; line != NULL && *line != '\0';
         line = strchr(line, '\n'), line += line != NULL) {
        const char *names = strchr(line, ':'), *after = names != NULL ? strchr(names + 1, ':') : NULL;
        if (after == NULL || memchr(line, '\n', (size_t)(after - line)) != NULL)
            continue;
        names++;
        bool same = length == 0 && after == names;
        for (const char *p = names; length != 0 && p < after; p += strcspn(p, ",:") + 1)
            same |= strcspn(p, ",:") == length && strncmp(p, controller, length) == 0;
        if (!same)
            continue;
        snprintf(path, size, "%.*s", (int)strcspn(after + 1, "\n"), after + 1);
        return true;
    }
    return false;
}

/* A file of the group and of each one around it, up to what is mounted: a container may not see its own path.
 */
typedef void (*each_level)(const char *text, hal_limits *limits);
static void climb(const hal_files *files, const char *mount, const char *group, const char *name,
                  each_level each, hal_limits *limits)
{
    char path[PATH_MAX], text[256];
    snprintf(path, sizeof path, "%s", strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
        if (hal_scan_text(files, text, sizeof text, "%s%s/%s", mount, path, name))
            each(text, limits);
        char *slash = strrchr(path, '/');
        if (slash == NULL)
            return;
        *slash = '\0';
    }
}

static void lower(double *limit, double value)
{
    if (value > 0 && (*limit == 0 || value < *limit))
        *limit = value;
}

/* "200000 100000": microseconds in each period; "max 100000" */
static void quota(const char *text, hal_limits *limits)
{
    char *end;
    double time = strtod(text, &end), period = strtod(end, NULL);
    if (end != text && period > 0)
        lower(&limits->processors, time / period);
}

static void bytes(const char *text, hal_limits *limits)
{
    char *end;
    double value = strtod(text, &end);
    if (end != text && value < 4e18) /* the older hierarchy writes a huge number for "none" */
        lower(&limits->memory, value);
}

static void processors(const char *text, hal_limits *limits)
{
    lower(&limits->processors, hal_cpulist_count(text));
}

/* The narrowest list is the one that holds: those around it are not looked at. */
static bool cpuset(const hal_files *files, const char *mount, const char *group, const char *name,
                   hal_limits *limits)
{
    char text[1024];
    if (!hal_scan_text(files, text, sizeof text, "%s%s/%s", mount, strcmp(group, "/") == 0 ? "" : group,
                       name) &&
        !hal_scan_text(files, text, sizeof text, "%s/%s", mount, name))
        return false;
    processors(text, limits);
    return true;
}

static void version_1_cpu(const hal_files *files, const char *lines, hal_limits *limits)
{
    static const char *const mounts[] = {"/sys/fs/cgroup/cpu,cpuacct", "/sys/fs/cgroup/cpu"};
    char group[PATH_MAX];
    if (!group_path(lines, "cpu", group, sizeof group))
        return;
    for (size_t i = 0; i < sizeof mounts / sizeof *mounts; i++) {
        /* the path of the group, then the root of the mount, which is the group itself in a container */
        int64_t time = hal_scan_number(files, -1, "%s%s/cpu.cfs_quota_us", mounts[i], group);
        int64_t period = hal_scan_number(files, 0, "%s%s/cpu.cfs_period_us", mounts[i], group);
        if (time <= 0 || period <= 0) {
            time = hal_scan_number(files, -1, "%s/cpu.cfs_quota_us", mounts[i]);
            period = hal_scan_number(files, 0, "%s/cpu.cfs_period_us", mounts[i]);
        }
        if (time > 0 && period > 0)
            lower(&limits->processors, (double)time / (double)period);
    }
}

/* What the group uses now, or in a container, which sees its own as root, that one. */
static void usage(const hal_files *files, const char *mount, const char *group, const char *name,
                  hal_limits *limits)
{
    int64_t used = hal_scan_number(files, 0, "%s%s/%s", mount, group, name);
    if (used <= 0)
        used = hal_scan_number(files, 0, "%s/%s", mount, name);
    if (used > 0)
        limits->used = (double)used;
}

static void read_groups(const hal_files *files, hal_limits *limits)
{
    char lines[8192], group[PATH_MAX];
    if (!hal_scan_text(files, lines, sizeof lines, "/proc/self/cgroup"))
        return;
    if (group_path(lines, "", group, sizeof group)) {
        snprintf(limits->group, sizeof limits->group, "%.*s", (int)sizeof limits->group - 1, group);
        climb(files, "/sys/fs/cgroup", group, "cpu.max", quota, limits);
        climb(files, "/sys/fs/cgroup", group, "memory.max", bytes, limits);
        usage(files, "/sys/fs/cgroup", group, "memory.current", limits);
        cpuset(files, "/sys/fs/cgroup", group, "cpuset.cpus.effective", limits);
    }
    if (group_path(lines, "memory", group, sizeof group)) {
        snprintf(limits->group, sizeof limits->group, "%.*s", (int)sizeof limits->group - 1, group);
        climb(files, "/sys/fs/cgroup/memory", group, "memory.limit_in_bytes", bytes, limits);
        usage(files, "/sys/fs/cgroup/memory", group, "memory.usage_in_bytes", limits);
    }
    if (group_path(lines, "cpuset", group, sizeof group) &&
        !cpuset(files, "/sys/fs/cgroup/cpuset", group, "cpuset.effective_cpus", limits))
        (void)cpuset(files, "/sys/fs/cgroup/cpuset", group, "cpuset.cpus", limits);
    version_1_cpu(files, lines, limits);
}

/* The lower one of what the group leaves and what the machine has. */
static uint64_t memory_left(const hal_files *files, const hal_limits *limits)
{
    char lines[4096], text[64];
    uint64_t left = UINT64_MAX;
    if (limits->memory > 0)
        left = limits->memory > limits->used ? (uint64_t)(limits->memory - limits->used) : 0;
    if (!hal_scan_text(files, lines, sizeof lines, "/proc/meminfo") ||
        !hal_scan_field(lines, "MemAvailable", text, sizeof text))
        return left;
    const uint64_t available = strtoull(text, NULL, 10);
    return available != 0 && available < left / 1024 ? available * 1024 : left;
}

void hal_limits_read(const hal_files *files, hal_limits *limits)
{
    char status[8192], list[2048];
    *limits = (hal_limits){0};
    if (hal_scan_text(files, status, sizeof status, "/proc/self/status") &&
        hal_scan_field(status, "Cpus_allowed_list", list, sizeof list))
        processors(list, limits);
    read_groups(files, limits);
    limits->left = memory_left(files, limits);
}
