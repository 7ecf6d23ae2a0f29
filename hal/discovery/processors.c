/* SPDX-License-Identifier: Apache-2.0 */
/* Processors and memory of the host: from hwloc where there is a tree of it, else from the kernel's files. */
#include "hal/discovery/processors.h"
#include "hal/discovery/cpulist.h"
#include "hal/discovery/quiet.h"
#include "hal/discovery/steps.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST_SYNTHETIC = 4096,
    MOST_OF_ONE = 512,
    MOST_ATTACHED = 8
}; /* larger than any machine, and read in 0.4 s */

/* ----------------------------------------------------------------------------------------------- hwloc -- */

/* Packages of which the affinity mask or control group leaves nothing. */
static void hide_packages(hwloc_topology_t tree, const hal_files *files, hal_draft *draft)
{
    char text[8192], list[2048], id[32];
    hwloc_bitmap_t allowed = hwloc_bitmap_alloc();
    if (allowed == NULL || !hal_scan_text(files, text, sizeof text, "/proc/self/status") ||
        !hal_scan_field(text, "Cpus_allowed_list", list, sizeof list) ||
        hwloc_bitmap_list_sscanf(allowed, list) != 0) {
        hwloc_bitmap_free(allowed);
        return;
    }
    hwloc_obj_t package = NULL;
    for (uint32_t i = 0; (package = hwloc_get_next_obj_by_type(tree, HWLOC_OBJ_PACKAGE, package)) != NULL;
         i++) {
        snprintf(id, sizeof id, "cpu:package%u", i);
        hal_topology_device *cpu = hal_draft_device(draft, hal_draft_find_device(draft, id));
        if (cpu == NULL || hwloc_bitmap_intersects(package->cpuset, allowed))
            continue;
        cpu->usability = HAL_USABLE_HIDDEN;
        cpu->reason = "D910";
        cpu->reason_text =
            hal_draft_format(draft, "Cpus_allowed_list is %.200s, none of which is in this package", list);
    }
    hwloc_bitmap_free(allowed);
}

static hal_status read_tree(hwloc_topology_t tree, const hal_files *files, hal_draft *draft, const char *what)
{
    hal_status status = HAL_FAIL(INVALID_ARGUMENT, "%s: hwloc cannot make a machine of it", what);
    if (hwloc_topology_load(tree) == 0) {
        status = hal_topology_read_hwloc(tree, draft);
        if (status == HAL_OK)
            hide_packages(tree, files, draft);
    }
    hwloc_topology_destroy(tree);
    return status;
}

/*
 * All processors are described, also those that others may use: what is left to the process is a fact of its
 * own. To ask each processor itself, hwloc moves the calling thread from one to the next, which waits for
 * whoever computes there; only where the kernel does not tell everything: no files of it, or cores of two kinds.
 */
static bool read_this_machine(const hal_files *files, hal_draft *draft)
{
    hwloc_topology_t tree;
    unsigned long flags = HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED;
    if (!hal_quiet_tree(&tree))
        return false;
#if HWLOC_API_VERSION >= 0x00020500
    if (hal_files_exist(files, "/sys/devices/system/cpu/cpu0/cache/index0/shared_cpu_map") &&
        !hal_files_exist(files, "/sys/devices/cpu_atom"))
        flags |= HWLOC_TOPOLOGY_FLAG_DONT_CHANGE_BINDING;
#endif
    hwloc_topology_set_flags(tree, flags);
    return read_tree(tree, files, draft, "this machine") == HAL_OK;
}

char *hal_processors_export(void)
{
    hwloc_topology_t tree;
    char *xml, *copy = NULL;
    int bytes;
    if (!hal_quiet_tree(&tree))
        return NULL;
    hwloc_topology_set_flags(tree, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
    if (hwloc_topology_load(tree) == 0 && hwloc_topology_export_xmlbuffer(tree, &xml, &bytes, 0) == 0) {
        copy = strdup(xml);
        hwloc_free_xmlbuffer(tree, xml);
    }
    hwloc_topology_destroy(tree);
    return copy;
}

/* Counts stand at the beginning of a word or behind its colon. */
static bool begins_count(const char *text, const char *p)
{
    return isdigit((unsigned char)*p) && (p == text || p[-1] == ':' || isspace((unsigned char)p[-1]));
}

/* Multiplies by the count at `*p`, in any base that C knows, and passes over it; false when that is too many. */
static bool multiply(uint64_t *total, const char **p)
{
    char *end;
    errno = 0;
    const unsigned long n = strtoul(*p, &end, 0);
    *p = end;
    if (errno != 0 || n > MOST_OF_ONE)
        return false;
    *total *= n > 0 ? n : 1;
    return *total <= MOST_SYNTHETIC;
}

/*
 * Whether a synthetic description stays within what is sensible: hwloc would build any number of processors,
 * in a time that grows with its square. What stands in parentheses are attributes; signs, which hwloc takes,
 * mean nothing outside of them.
 */
static bool is_modest(const char *text)
{
    uint64_t total = 1;
    int depth = 0, attached = 0;
    for (const char *p = text; *p != '\0' && depth >= 0;) {
        if (depth == 0 && begins_count(text, p)) {
            if (!multiply(&total, &p))
                return false;
            continue;
        }
        if (depth == 0 && (*p == '-' || *p == '+'))
            return false;
        attached += *p == '[';
        depth += (*p == '(') - (*p == ')');
        p++;
    }
    return depth == 0 && attached <= MOST_ATTACHED;
}

static hal_status read_synthetic(const hal_files *files, const char *text, hal_draft *draft)
{
    hwloc_topology_t tree;
    if (!is_modest(text))
        return HAL_FAIL(INVALID_ARGUMENT, "/hal/hwloc.synthetic: \"%.80s\" means more than %d processors",
                        text, MOST_SYNTHETIC);
    if (!hal_quiet_tree(&tree))
        return HAL_FAIL(OUT_OF_MEMORY, "/hal/hwloc.synthetic: hwloc has no memory for it");
    if (hwloc_topology_set_synthetic(tree, text) == 0)
        return read_tree(tree, files, draft, "/hal/hwloc.synthetic");
    hwloc_topology_destroy(tree);
    return HAL_FAIL(INVALID_ARGUMENT, "/hal/hwloc.synthetic: \"%.80s\" is no description that hwloc knows",
                    text);
}

/* The XML reader is a process of its own, which opens what this one holds in memory. */
static hal_status read_xml(const char *text, size_t bytes, int64_t deadline, hal_draft *draft)
{
    char path[64];
    int fd = memfd_create("hwloc.xml", MFD_CLOEXEC);
    size_t written = 0;
    while (fd >= 0 && written < bytes) {
        ssize_t n = write(fd, text + written, bytes - written);
        if (n <= 0 && errno != EINTR)
            break;
        written += n > 0 ? (size_t)n : 0;
    }
    hal_status status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), fd);
    if (fd >= 0 && written == bytes)
        status = hal_topology_read_xml(path, deadline, draft);
    if (fd >= 0)
        close(fd);
    return status;
}

/* What was recorded in hwloc's words. False when nothing was, or nothing can read it here. */
static bool read_recorded(const hal_files *files, int64_t deadline, hal_draft *draft, hal_status *status)
{
    size_t bytes;
    char text[4096];
    *status = HAL_OK;
    char *xml = hal_files_read_all(files, "/hal/hwloc.xml", &bytes);
    if (xml != NULL) {
        *status = read_xml(xml, bytes, deadline, draft);
        hal_files_free(files, xml);
        if (hal_status_code(*status) != HAL_CODE_UNSUPPORTED &&
            hal_status_code(*status) != HAL_CODE_UNAVAILABLE)
            return true;
        *status = HAL_OK;
    }
    if (!hal_scan_text(files, text, sizeof text, "/hal/hwloc.synthetic"))
        return false;
    *status = read_synthetic(files, text, draft);
    return true;
}

/* -------------------------------------------------------------------------- what the kernel tells more -- */

/* "Node 0 MemTotal:  1081794560 kB" */
static double kilobytes(const char *text, const char *key)
{
    const char *found = strstr(text, key);
    return found != NULL ? strtod(found + strlen(key), NULL) * 1024 : 0;
}

static void complete_memory(const hal_files *files, hal_topology_memory *m, int64_t when)
{
    char text[8192];
    if (m->numa == HAL_NOWHERE ||
        !hal_scan_text(files, text, sizeof text, "/sys/devices/system/node/node%u/meminfo", m->numa))
        return;
    double total = kilobytes(text, "MemTotal:"), unused = kilobytes(text, "MemFree:");
    if (total > 0) /* a synthetic description says one size for all nodes; this is the node's own */
        m->capacity = hal_figure_of(total, HAL_UNIT_BYTES, HAL_SOURCE_STRUCTURAL);
    if (total > 0 && unused <= total) {
        m->free = hal_figure_of(unused, HAL_UNIT_BYTES, HAL_SOURCE_MEASURED);
        m->free.when = when;
    }
}

/* Memory behind CXL or on persistent modules, used as a NUMA node: the node says nothing of it, its DAX
 * device does. */
typedef struct dax_scan {
    const hal_files *files;
    hal_draft *draft;
} dax_scan;

static bool each_dax(void *context, const char *entry)
{
    const dax_scan *s = context;
    char path[128], real[PATH_MAX], driver[64], id[32];
    snprintf(path, sizeof path, "/sys/bus/dax/devices/%.80s", entry);
    if (!hal_scan_target(s->files, driver, sizeof driver, "%s/driver", path) || strcmp(driver, "kmem") != 0 ||
        !hal_files_resolve(s->files, path, real, sizeof real))
        return true;
    snprintf(id, sizeof id, "numa%lld", (long long)hal_scan_number(s->files, -1, "%s/target_node", path));
    hal_topology_memory *m = hal_draft_memory(s->draft, hal_draft_find_memory(s->draft, id));
    if (m != NULL && strstr(real, "/ndbus") != NULL)
        m->kind = HAL_MEMORY_PERSISTENT;
    else if (m != NULL &&
             strstr(real, "/region") != NULL) /* ACPI0017:00/root0/decoder0.0/region0/dax_region0 */
        m->kind = HAL_MEMORY_CXL;
    return true;
}

/* Names of Arm's cores: part numbers in its and its licensees' manuals, as lscpu lists them. */
static const char *arm_name(const char *text)
{
    static const struct {
        unsigned long maker, part;
        const char *name;
    } rows[] = {{0x41, 0xd0c, "Neoverse-N1"}, {0x41, 0xd40, "Neoverse-V1"}, {0x41, 0xd49, "Neoverse-N2"},
                {0x41, 0xd4f, "Neoverse-V2"}, {0x41, 0xd0b, "Cortex-A76"},  {0x41, 0xd05, "Cortex-A55"},
                {0x41, 0xd08, "Cortex-A72"},  {0x48, 0xd01, "Kunpeng-920"}, {0x48, 0xd02, "Kunpeng-920B"},
                {0xc0, 0xac3, "Ampere-1"},    {0x46, 0x001, "A64FX"}};
    char maker[32], part[32];
    if (!hal_scan_field(text, "CPU implementer", maker, sizeof maker) ||
        !hal_scan_field(text, "CPU part", part, sizeof part))
        return "";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strtoul(maker, NULL, 16) == rows[i].maker && strtoul(part, NULL, 16) == rows[i].part)
            return rows[i].name;
    return "";
}

static void name_processors(const hal_files *files, hal_draft *draft)
{
    char text[4096], name[160];
    if (!hal_scan_text(files, text, sizeof text, "/proc/cpuinfo"))
        return;
    if (!hal_scan_field(text, "model name", name, sizeof name))
        snprintf(name, sizeof name, "%s", arm_name(text));
    char count[32] = "";
    hal_scan_field(text, "cpu cores", count, sizeof count);
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++) {
        hal_topology_device *d = hal_draft_device(draft, i);
        if (d->kind != HAL_DEVICE_CPU)
            continue;
        if (d->name[0] == '\0')
            d->name = hal_draft_text(draft, name);
        if (d->cores == 0) /* of a package, as the kernel counts them */
            d->cores = hal_scan_suffix(count, "") != HAL_NOWHERE ? hal_scan_suffix(count, "") : 0;
    }
}

hal_status hal_scan_processors(const hal_files *files, int64_t deadline, hal_draft *draft)
{
    hal_status status = HAL_OK;
    bool known = hal_files_live(files) ? read_this_machine(files, draft)
                                       : read_recorded(files, deadline, draft, &status);
    if (status != HAL_OK)
        return status;
    if (!known)
        hal_scan_kernel_processors(files, draft);
    int64_t when = hal_files_live(files) ? (int64_t)time(NULL) : hal_scan_number(files, 0, "/hal/date");
    for (uint32_t i = 0; i < hal_draft_memory_count(draft); i++)
        complete_memory(files, hal_draft_memory(draft, i), when);
    hal_scan_names(files, "/sys/bus/dax/devices", each_dax, &(dax_scan){files, draft});
    name_processors(files, draft);
    return HAL_OK;
}
