/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include <hwloc.h>
#include <time.h>

/* hwloc can ask vendor libraries and walk PCI; both may wake or hang devices, and neither is needed here. */
static int quiet_topology(hwloc_topology_t *topology)
{
    static const char *const vendor[] = {"cuda", "nvml", "rsmi", "levelzero", "opencl", "gl", "pci", "xml"};
    if (hwloc_topology_init(topology) != 0)
        return -1;
#if HWLOC_API_VERSION >= 0x00020100
    for (size_t i = 0; i < sizeof vendor / sizeof vendor[0]; i++)
        hwloc_topology_set_components(*topology, HWLOC_TOPOLOGY_COMPONENTS_FLAG_BLACKLIST, vendor[i]);
#endif
    hwloc_topology_set_io_types_filter(*topology, HWLOC_TYPE_FILTER_KEEP_NONE);
    hwloc_topology_set_type_filter(*topology, HWLOC_OBJ_MISC, HWLOC_TYPE_FILTER_KEEP_NONE);
    if (hwloc_topology_load(*topology) == 0)
        return 0;
    hwloc_topology_destroy(*topology);
    return -1;
}

static uint32_t count(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    int n = hwloc_get_nbobjs_by_type(topology, type);
    return n > 0 ? (uint32_t)n : 0;
}

static uint64_t cache_bytes(hwloc_topology_t topology, hwloc_obj_type_t type)
{
    hwloc_obj_t o = hwloc_get_obj_by_type(topology, type, 0);
    return o != NULL && o->attr != NULL ? o->attr->cache.size : 0;
}

/* One number from a small kernel file; 0 when it is not there or says "max". */
static uint64_t read_number(const char *path, const char *key)
{
    char line[256];
    unsigned long long value = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (value == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, key, strlen(key)) == 0)
            (void)sscanf(line + strlen(key), " %llu", &value);
    fclose(file);
    return value;
}

/* The limit of this process's own group, in the unified hierarchy or the older one. */
static uint64_t cgroup_limit(uint64_t *used)
{
    char line[512], path[600] = "/sys/fs/cgroup/memory.max", now[600] = "/sys/fs/cgroup/memory.current";
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        if (line[4] != '\0') {
            snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", line + 3);
            snprintf(now, sizeof now, "/sys/fs/cgroup%s/memory.current", line + 3);
        }
    }
    if (file != NULL)
        fclose(file);
    uint64_t limit = read_number(path, "");
    *used = read_number(now, "");
    if (limit != 0)
        return limit;
    limit = read_number("/sys/fs/cgroup/memory/memory.limit_in_bytes", "");
    *used = read_number("/sys/fs/cgroup/memory/memory.usage_in_bytes", "");
    return limit < UINT64_MAX / 4 ? limit : 0; /* the older hierarchy writes a huge number for "none" */
}

/* Memory "numaN" for each node. A cgroup limit bounds them all, so each may have at most what it leaves. */
static hal_status add_nodes(hal_instance *instance, hwloc_topology_t topology)
{
    uint64_t used = 0, limit = cgroup_limit(&used);
    uint64_t left = limit > used ? limit - used : 0;
    uint64_t free_now = read_number("/proc/meminfo", "MemAvailable:") * 1024;
    instance->topology.cgroup_bytes = limit;
    for (uint32_t i = 0; i < instance->topology.nodes; i++) {
        hwloc_obj_t node = hwloc_get_obj_by_type(topology, HWLOC_OBJ_NUMANODE, i);
        char name[32];
        uint32_t index;
        snprintf(name, sizeof name, "numa%u", node->os_index);
        HAL_TRY(hal_memory_add(instance, name, node->attr->numanode.local_memory, true, &index));
        hal_memory *m = instance->memories[index];
        if (free_now != 0 && free_now < m->free_at_start)
            m->free_at_start = free_now;
        if (limit != 0 && left < m->free_at_start)
            m->free_at_start = left;
    }
    return HAL_OK;
}

hal_status hal_topology_load(hal_instance *instance)
{
    hal_topology *t = &instance->topology;
    hwloc_topology_t tree;
    time_t now = time(NULL);
    struct tm utc;
    strftime(t->date, sizeof t->date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));
    /* Without a tree the machine is unknown, not unusable: figures stay 0, which prints as null. */
    if (quiet_topology(&tree) != 0)
        return HAL_OK;
    t->packages = count(tree, HWLOC_OBJ_PACKAGE);
    t->cores = count(tree, HWLOC_OBJ_CORE);
    t->pus = count(tree, HWLOC_OBJ_PU);
    t->nodes = count(tree, HWLOC_OBJ_NUMANODE);
    t->cache_bytes[0] = cache_bytes(tree, HWLOC_OBJ_L1CACHE);
    t->cache_bytes[1] = cache_bytes(tree, HWLOC_OBJ_L2CACHE);
    t->cache_bytes[2] = cache_bytes(tree, HWLOC_OBJ_L3CACHE);
    hal_status s = add_nodes(instance, tree);
    hwloc_topology_destroy(tree);
    return s;
}

/* A JSON string: names come from backends and the kernel. */
static void print_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (*c == '"' || *c == '\\')
            fputc('\\', f);
        if (*c < 0x20)
            fprintf(f, "\\u%04x", *c);
        else
            fputc(*c, f);
    }
    fputc('"', f);
}

/* Every figure carries where it comes from; 0 means unknown and is written as null. */
static void print_figure(FILE *f, const char *name, uint64_t value, const char *unit, const char *source,
                         const char *date)
{
    fprintf(f, "\"%s\": {\"value\": ", name);
    if (value != 0)
        fprintf(f, "%llu", (unsigned long long)value);
    else
        fputs("null", f);
    fprintf(f, ", \"unit\": \"%s\", \"source\": \"%s\", \"date\": \"%s\"}", unit, source, date);
}

static void print_host(FILE *f, const hal_topology *t)
{
    fputs("  \"host\": {", f);
    print_figure(f, "packages", t->packages, "count", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "cores", t->cores, "count", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "hardware_threads", t->pus, "count", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "l1d_cache", t->cache_bytes[0], "bytes", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "l2_cache", t->cache_bytes[1], "bytes", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "l3_cache", t->cache_bytes[2], "bytes", "hwloc", t->date);
    fputs(",\n    ", f);
    print_figure(f, "memory_limit", t->cgroup_bytes, "bytes", "cgroup", t->date);
    fputs("},\n", f);
}

static void print_memory(FILE *f, const hal_instance *instance, uint32_t i)
{
    const char *source = i < instance->topology.nodes ? "hwloc" : "backend";
    hal_memory_info m;
    hal_memory_describe(instance->memories[i], &m);
    fputs("    {\"name\": ", f);
    print_text(f, m.name);
    fprintf(f, ", \"host_access\": %s, \"contention_group\": %u, ", m.host_access ? "true" : "false",
            m.contention_group);
    print_figure(f, "capacity", m.capacity, "bytes", source, instance->topology.date);
    fputs(", ", f);
    print_figure(f, "available", m.available, "bytes", "accounting", instance->topology.date);
    fputs("}", f);
}

static void print_device(FILE *f, const hal_device *device)
{
    hal_device_info d;
    hal_device_describe(device, &d);
    fputs("    {\"alias\": ", f);
    print_text(f, d.alias);
    fputs(", \"name\": ", f);
    print_text(f, d.name);
    fputs(", \"backend\": ", f);
    print_text(f, d.backend);
    fputs(", \"reason\": ", f);
    print_text(f, d.reason);
    fprintf(f, ", \"id\": [%u, %u, %u], \"memory\": %u, \"compute_group\": %u, \"emulated\": %s}", d.id.node,
            d.id.process, d.id.local, d.memory, d.compute_group, d.emulated ? "true" : "false");
}

/* Nothing measures links yet, so that they exist is all that is said of them. */
static void print_link(FILE *f, const hal_instance *instance, uint32_t device)
{
    fprintf(f, "    {\"device\": %u, \"memory\": %u, ", device, instance->devices[device]->memory);
    print_figure(f, "bandwidth", 0, "bytes/s", "not measured", instance->topology.date);
    fputs("}", f);
}

hal_status hal_topology_print_json(const hal_instance *instance, FILE *stream)
{
    HAL_TRY(hal_instance_check(instance));
    fputs("{\n  \"format\": 1,\n", stream);
    print_host(stream, &instance->topology);
    fputs("  \"memories\": [\n", stream);
    for (uint32_t i = 0; i < instance->n_memories; i++) {
        print_memory(stream, instance, i);
        fputs(i + 1 < instance->n_memories ? ",\n" : "\n", stream);
    }
    fputs("  ],\n  \"devices\": [\n", stream);
    for (uint32_t i = 0; i < instance->n_devices; i++) {
        print_device(stream, instance->devices[i]);
        fputs(i + 1 < instance->n_devices ? ",\n" : "\n", stream);
    }
    fputs("  ],\n  \"links\": [\n", stream);
    for (uint32_t i = 0; i < instance->n_devices; i++) {
        print_link(stream, instance, i);
        fputs(i + 1 < instance->n_devices ? ",\n" : "\n", stream);
    }
    fputs("  ]\n}\n", stream);
    if (fflush(stream) != 0 || ferror(stream))
        return hal_status_set(HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_IO), __FILE__, __LINE__,
                              "topology: writing JSON failed: %m");
    return HAL_OK;
}
