/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

#include "hal/discovery/quiet.h"

static bool load_quietly(hwloc_topology_t *tree)
{
    if (!hal_quiet_tree(tree))
        return false;
    if (hwloc_topology_load(*tree) == 0)
        return true;
    hwloc_topology_destroy(*tree);
    return false;
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
    instance->machine.cgroup_bytes = limit;
    for (uint32_t i = 0; i < instance->machine.nodes; i++) {
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

hal_status hal_machine_load(hal_instance *instance)
{
    hal_machine *t = &instance->machine;
    hwloc_topology_t tree;
    /* Without a tree the machine is unknown, not unusable: figures stay 0, which prints as null. */
    if (!load_quietly(&tree))
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
