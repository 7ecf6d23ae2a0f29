/* SPDX-License-Identifier: Apache-2.0 */
/* Processors, caches and NUMA nodes of a loaded hwloc tree. Each package is one device: hal runs one program
   on all of its cores, and an operating system that hides packages (some ARM firmware) gets one for the whole
   machine. */
#include "hal/topology/hwloc_tree.h"

#include <hwloc/distances.h>
#include <stdio.h>

#define MOST_CPU_LINKS 4096u

static void describe_host(const hal_tree *t)
{
    hal_topology_host *host = hal_draft_host(t->draft);
    hwloc_obj_t root = hwloc_get_root_obj(t->tree);
    struct {
        const char **into, *info;
    } rows[] = {{&host->name, "HostName"},
                {&host->os, "OSName"},
                {&host->kernel, "OSRelease"},
                {&host->arch, "Architecture"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = hal_tree_info(root, rows[i].info);
#if HWLOC_API_VERSION >= 0x00030000
        if (text[0] == '\0') {
            const char *of_tree = hwloc_get_info_by_name(hwloc_topology_get_infos(t->tree), rows[i].info);
            text = of_tree != NULL ? of_tree : "";
        }
#endif
        if (*rows[i].into == NULL || (*rows[i].into)[0] == '\0')
            *rows[i].into = hal_draft_text(t->draft, text);
    }
}

/* Objects of a type below a set of processors. */
static uint32_t count_inside(const hal_tree *t, hwloc_obj_t object, hwloc_obj_type_t type)
{
    const int n = hwloc_get_nbobjs_inside_cpuset_by_type(t->tree, object->cpuset, type);
    return n > 0 ? (uint32_t)n : 0;
}

/* Number of package `i`; the machine itself stands in for packages that are not there. */
static hwloc_obj_t package_at(const hal_tree *t, uint32_t i)
{
    hwloc_obj_t object = hwloc_get_obj_by_type(t->tree, HWLOC_OBJ_PACKAGE, i);
    return object != NULL ? object : hwloc_get_root_obj(t->tree);
}

static void add_package(const hal_tree *t, uint32_t i)
{
    char id[32];
    hwloc_obj_t object = package_at(t, i);
    snprintf(id, sizeof id, "package%u", i);
    hal_draft_add_place(t->draft, &(hal_topology_place){.kind = HAL_PLACE_PACKAGE,
                                                        .parent = 0,
                                                        .id = id,
                                                        .name = hal_tree_info(object, "CPUModel"),
                                                        .number = i,
                                                        .threads = count_inside(t, object, HWLOC_OBJ_PU),
                                                        .cores = count_inside(t, object, HWLOC_OBJ_CORE)});
}

static uint32_t package_of(const hal_tree *t, hwloc_const_cpuset_t set)
{
    for (uint32_t i = 0; set != NULL && !hwloc_bitmap_iszero(set) && i < t->n_packages; i++)
        if (hwloc_bitmap_isincluded(set, package_at(t, i)->cpuset))
            return i;
    return HAL_NOWHERE;
}

static uint32_t place_of_package(const hal_tree *t, uint32_t package)
{
    char id[32];
    snprintf(id, sizeof id, "package%u", package);
    uint32_t place = package == HAL_NOWHERE ? HAL_NOWHERE : hal_draft_find_place(t->draft, id);
    return place == HAL_NOWHERE ? 0 : place;
}

static uint32_t place_of_node(const hal_tree *t, hwloc_obj_t node)
{
    char id[32];
    snprintf(id, sizeof id, "numa%u", node->os_index);
    return hal_draft_find_place(t->draft, id);
}

/* Subtypes as hwloc's documentation of NUMA nodes lists them. */
static hal_memory_kind kind_of_node(hwloc_obj_t node)
{
    static const struct {
        const char *subtype;
        hal_memory_kind kind;
    } rows[] = {{"HBM", HAL_MEMORY_HBM},        {"MCDRAM", HAL_MEMORY_HBM}, {"GPUMemory", HAL_MEMORY_HBM},
                {"NVM", HAL_MEMORY_PERSISTENT}, {"CXL", HAL_MEMORY_CXL},    {"DRAM", HAL_MEMORY_DRAM}};
    for (size_t i = 0; node->subtype != NULL && i < sizeof rows / sizeof *rows; i++)
        if (strncmp(node->subtype, rows[i].subtype, strlen(rows[i].subtype)) == 0)
            return rows[i].kind;
    if (hal_tree_info(node, "CXLDevice")[0] != '\0')
        return HAL_MEMORY_CXL;
    if (strcmp(hal_tree_info(node, "DAXType"), "NVM") == 0)
        return HAL_MEMORY_PERSISTENT;
    return node->subtype == NULL && hal_tree_info(node, "DAXDevice")[0] == '\0' ? HAL_MEMORY_DRAM
                                                                                : HAL_MEMORY_OTHER;
}

/* A number that the firmware keeps for memory to come (GPU instances, CXL): without memory, and near to all
   processors alike, as hwloc says of nodes that have none. */
static bool is_reserve(const hal_tree *t, hwloc_obj_t node)
{
    return node->attr->numanode.local_memory == 0 &&
           hwloc_get_nbobjs_by_type(t->tree, HWLOC_OBJ_NUMANODE) > 1 &&
           (node->cpuset == NULL || hwloc_bitmap_isequal(node->cpuset, hwloc_get_root_obj(t->tree)->cpuset));
}

static void add_node(const hal_tree *t, hwloc_obj_t node)
{
    char id[32];
    if (is_reserve(t, node))
        return;
    const double bytes = (double)node->attr->numanode.local_memory;
    const uint32_t package = package_of(t, node->cpuset);
    snprintf(id, sizeof id, "numa%u", node->os_index);
    uint32_t place =
        hal_draft_add_place(t->draft, &(hal_topology_place){.kind = HAL_PLACE_NUMA,
                                                            .parent = place_of_package(t, package),
                                                            .id = id,
                                                            .name = node->subtype,
                                                            .number = node->os_index,
                                                            .threads = count_inside(t, node, HWLOC_OBJ_PU),
                                                            .cores = count_inside(t, node, HWLOC_OBJ_CORE)});
    hal_draft_add_memory(t->draft,
                         &(hal_topology_memory){.kind = kind_of_node(node),
                                                .place = place,
                                                .id = id,
                                                .name = node->subtype,
                                                .numa = node->os_index,
                                                .host_access = 1,
                                                .capacity = bytes > 0 ? hal_figure_of(bytes, HAL_UNIT_BYTES,
                                                                                      HAL_SOURCE_STRUCTURAL)
                                                                      : hal_figure_unknown(HAL_UNIT_BYTES)});
}

static const char *vendor_name(const char *vendor)
{
    static const char *const rows[][2] = {{"GenuineIntel", "Intel"},
                                          {"AuthenticAMD", "AMD"},
                                          {"HygonGenuine", "Hygon"},
                                          {"CentaurHauls", "Zhaoxin"},
                                          {"  Shanghai  ", "Zhaoxin"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i][0], vendor) == 0)
            return rows[i][1];
    return vendor;
}

/* "l2=2048KiB*56": the size of one and how many there are. */
static void describe_caches(const hal_tree *t, uint32_t device, hwloc_obj_t package)
{
    static const struct {
        hwloc_obj_type_t type;
        const char *name;
    } rows[] = {{HWLOC_OBJ_L1CACHE, "l1d"},
                {HWLOC_OBJ_L1ICACHE, "l1i"},
                {HWLOC_OBJ_L2CACHE, "l2"},
                {HWLOC_OBJ_L3CACHE, "l3"},
                {HWLOC_OBJ_L4CACHE, "l4"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        hwloc_obj_t first =
            hwloc_get_next_obj_inside_cpuset_by_type(t->tree, package->cpuset, rows[i].type, NULL);
        if (first == NULL || first->attr->cache.size == 0)
            continue;
        snprintf(text, sizeof text, "%s=%lluKiB*%u", rows[i].name,
                 (unsigned long long)first->attr->cache.size / 1024, count_inside(t, package, rows[i].type));
        hal_draft_device_feature(t->draft, device, text);
    }
}

static const char *kind_name(unsigned n_infos, const struct hwloc_info_s *infos)
{
    for (unsigned i = 0; i < n_infos; i++)
        if (strcmp(infos[i].name, "CoreType") == 0)
            return infos[i].value;
    return "cores";
}

/* "IntelAtom*8@0": processors of that kind in the package and the kind's rank, the largest being the fastest.
 */
static void describe_kind(const hal_tree *t, uint32_t device, hwloc_obj_t package, unsigned kind,
                          hwloc_bitmap_t set)
{
    char text[96];
    int efficiency = -1;
#if HWLOC_API_VERSION >= 0x00030000
    struct hwloc_infos_s *infos = NULL;
    if (hwloc_cpukinds_get_info(t->tree, kind, set, &efficiency, &infos, 0) != 0)
        return;
    const char *name = infos == NULL ? "cores" : kind_name(infos->count, infos->array);
#else
    unsigned n_infos = 0;
    struct hwloc_info_s *infos = NULL;
    if (hwloc_cpukinds_get_info(t->tree, kind, set, &efficiency, &n_infos, &infos, 0) != 0)
        return;
    const char *name = kind_name(n_infos, infos);
#endif
    hwloc_bitmap_and(set, set, package->cpuset);
    if (hwloc_bitmap_iszero(set))
        return;
    snprintf(text, sizeof text, "%.48s*%d@%d", name, hwloc_bitmap_weight(set), efficiency);
    hal_draft_device_feature(t->draft, device, text);
}

/* Only where there is more than one kind. */
static void describe_kinds(const hal_tree *t, uint32_t device, hwloc_obj_t package)
{
    hwloc_bitmap_t set = hwloc_bitmap_alloc();
    const int kinds = hwloc_cpukinds_get_nr(t->tree, 0);
    for (int i = 0; set != NULL && kinds > 1 && i < kinds; i++)
        describe_kind(t, device, package, (unsigned)i, set);
    hwloc_bitmap_free(set);
}

static bool is_local(const hal_tree *t, hwloc_obj_t node, uint32_t package)
{
    return !hwloc_bitmap_iszero(node->cpuset) &&
           hwloc_bitmap_isincluded(node->cpuset, package_at(t, package)->cpuset);
}

/* Memories of its own package; of all that its processors are near to where packages share them. */
static void add_memories(const hal_tree *t, uint32_t device, uint32_t package)
{
    uint32_t found = 0;
    for (int pass = 0; pass < 2 && found == 0; pass++)
        for (hwloc_obj_t n = NULL;
             (n = hwloc_get_next_obj_by_type(t->tree, HWLOC_OBJ_NUMANODE, n)) != NULL;) {
            char id[32];
            if (pass == 0 ? !is_local(t, n, package)
                          : !hwloc_bitmap_intersects(n->cpuset, package_at(t, package)->cpuset))
                continue;
            snprintf(id, sizeof id, "numa%u", n->os_index);
            if (found++ == 0 && hal_draft_device(t->draft, device) != NULL)
                hal_draft_device(t->draft, device)->numa = n->os_index;
            hal_draft_device_memory(t->draft, device, hal_draft_find_memory(t->draft, id));
        }
}

static void add_cpu(const hal_tree *t, uint32_t package)
{
    char id[40], address[40];
    hwloc_obj_t object = package_at(t, package);
    snprintf(id, sizeof id, "cpu:package%u", package);
    snprintf(address, sizeof address, "package %u", package);
    uint32_t cpu = hal_draft_add_device(
        t->draft, &(hal_topology_device){.kind = HAL_DEVICE_CPU,
                                         .place = place_of_package(t, package),
                                         .id = id,
                                         .address = address,
                                         .name = hal_tree_info(object, "CPUModel"),
                                         .family = "cpu",
                                         .vendor = vendor_name(hal_tree_info(object, "CPUVendor")),
                                         .numa = HAL_NOWHERE,
                                         .parent = HAL_NOWHERE,
                                         .cores = count_inside(t, object, HWLOC_OBJ_CORE),
                                         .threads = count_inside(t, object, HWLOC_OBJ_PU)});
    t->cpus[package] = cpu;
    describe_caches(t, cpu, object);
    describe_kinds(t, cpu, object);
    add_memories(t, cpu, package);
}

/* Steps from package to node: those that the firmware's latencies tell, else over one link. */
static uint32_t hops_to(const hal_tree *t, const struct hwloc_distances_s *latencies, uint32_t package,
                        hwloc_obj_t node)
{
    const hal_topology_device *cpu = hal_draft_device(t->draft, t->cpus[package]);
    hwloc_obj_t own = cpu != NULL && cpu->numa != HAL_NOWHERE
                          ? hwloc_get_numanode_obj_by_os_index(t->tree, cpu->numa)
                          : NULL;
    const uint32_t hops = latencies != NULL && own != NULL ? hal_tree_hops(latencies, own, node) : 0;
    return hops > 2 ? hops : 2;
}

static void add_link(const hal_tree *t, const struct hwloc_distances_s *latencies, uint32_t package,
                     hwloc_obj_t node)
{
    char id[32];
    const bool local =
        t->n_packages == 1 || hwloc_bitmap_intersects(node->cpuset, package_at(t, package)->cpuset);
    snprintf(id, sizeof id, "numa%u", node->os_index);
    hal_draft_add_link(t->draft,
                       &(hal_topology_link){.from = {HAL_END_DEVICE, t->cpus[package]},
                                            .to = {HAL_END_MEMORY, hal_draft_find_memory(t->draft, id)},
                                            .kind = local ? "memory" : "socket",
                                            .hops = local ? 1 : hops_to(t, latencies, package, node),
                                            .copy_mode = HAL_COPY_NATIVE});
}

/* From each processor to each memory of the host: its own, or over the links between packages. */
static void add_links(const hal_tree *t)
{
    struct hwloc_distances_s *latencies = hal_tree_latencies(t);
    for (uint32_t i = 0; i < t->n_packages; i++)
        for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(t->tree, HWLOC_OBJ_NUMANODE, n)) != NULL;)
            if (!is_reserve(t, n) && hal_draft_link_count(t->draft) < MOST_CPU_LINKS)
                add_link(t, latencies, i, n);
    if (latencies != NULL)
        hwloc_distances_release(t->tree, latencies);
}

uint32_t hal_tree_numa(hwloc_obj_t object)
{
    while (object != NULL && object->cpuset == NULL)
        object = object->parent;
    return object == NULL || hwloc_bitmap_weight(object->nodeset) != 1
               ? HAL_NOWHERE
               : (uint32_t)hwloc_bitmap_first(object->nodeset);
}

uint32_t hal_tree_place(const hal_tree *t, hwloc_obj_t object)
{
    while (object != NULL && object->cpuset == NULL)
        object = object->parent;
    hwloc_obj_t node =
        object == NULL ? NULL : hwloc_get_numanode_obj_by_os_index(t->tree, hal_tree_numa(object));
    uint32_t place = node == NULL ? HAL_NOWHERE : place_of_node(t, node);
    return place != HAL_NOWHERE
               ? place
               : place_of_package(t, object == NULL ? HAL_NOWHERE : package_of(t, object->cpuset));
}

static void read_processors(hal_tree *t)
{
    describe_host(t);
    for (uint32_t i = 0; i < t->n_packages; i++)
        add_package(t, i);
    for (hwloc_obj_t n = NULL; (n = hwloc_get_next_obj_by_type(t->tree, HWLOC_OBJ_NUMANODE, n)) != NULL;)
        add_node(t, n);
    for (uint32_t i = 0; i < t->n_packages; i++)
        add_cpu(t, i);
    add_links(t);
    hal_tree_read_attributes(t);
}

hal_status hal_topology_read_hwloc(struct hwloc_topology *tree, hal_draft *draft)
{
    hal_tree t = {.tree = tree, .draft = draft};
    const int packages = hwloc_get_nbobjs_by_type(tree, HWLOC_OBJ_PACKAGE);
    t.n_packages = packages > 0 ? (uint32_t)packages : 1;
    t.cpus = hal_allocate_array(NULL, t.n_packages, sizeof *t.cpus);
    if (t.cpus == NULL)
        return HAL_FAIL(OUT_OF_MEMORY, "%u packages do not fit into memory; free some", t.n_packages);
    if (hal_draft_place_count(draft) == 0)
        hal_draft_add_place(
            draft, &(hal_topology_place){.kind = HAL_PLACE_MACHINE,
                                         .parent = HAL_NOWHERE,
                                         .id = "machine",
                                         .name = hal_tree_info(hwloc_get_root_obj(tree), "DMIProductName"),
                                         .number = HAL_NOWHERE});
    read_processors(&t);
    hal_tree_read_devices(&t);
    hal_deallocate(NULL, t.cpus);
    return HAL_OK;
}
