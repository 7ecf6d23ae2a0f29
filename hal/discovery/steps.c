/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/steps.h"

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>

/* The path of a format; false when it is too long to be one. */
#define PATH_OF(path, format)                                                                                \
    va_list list_;                                                                                           \
    char path[PATH_MAX];                                                                                     \
    va_start(list_, format);                                                                                 \
    int length_ = vsnprintf(path, sizeof path, format, list_);                                               \
    va_end(list_);                                                                                           \
    bool fits = length_ > 0 && (size_t)length_ < sizeof path

bool hal_scan_text(const hal_files *files, char *text, size_t size, const char *format, ...)
{
    PATH_OF(path, format);
    text[0] = '\0';
    if (!fits || hal_files_read(files, path, text, size) <= 0)
        return text[0] = '\0', false;
    return true;
}

int64_t hal_scan_number(const hal_files *files, int64_t otherwise, const char *format, ...)
{
    PATH_OF(path, format);
    int64_t value;
    return fits && hal_files_number(files, path, &value) ? value : otherwise;
}

bool hal_scan_target(const hal_files *files, char *name, size_t size, const char *format, ...)
{
    PATH_OF(path, format);
    char target[PATH_MAX];
    name[0] = '\0';
    if (!fits || !hal_files_link(files, path, target, sizeof target))
        return false;
    const char *slash = strrchr(target, '/');
    snprintf(name, size, "%s", slash != NULL ? slash + 1 : target);
    return name[0] != '\0';
}

void hal_scan_names(const hal_files *files, const char *path, hal_scan_each each, void *context)
{
    hal_names names;
    if (!hal_files_list(files, path, &names))
        return;
    for (uint32_t i = 0; i < names.count && each(context, names.items[i]); i++)
        ;
    hal_files_names_free(files, &names);
}

uint32_t hal_scan_suffix(const char *name, const char *beginning)
{
    size_t length = strlen(beginning);
    char *end;
    if (strncmp(name, beginning, length) != 0 || !isdigit((unsigned char)name[length]))
        return HAL_NOWHERE;
    unsigned long number = strtoul(name + length, &end, 10);
    return *end == '\0' && number < HAL_NOWHERE ? (uint32_t)number : HAL_NOWHERE;
}

bool hal_scan_field(const char *text, const char *key, char *value, size_t size)
{
    size_t length = strlen(key);
    for (const char *line = text; line != NULL && *line != '\0';
         line = strchr(line, '\n'), line += line != NULL) {
        line += strspn(line, " \t");
        if (strncmp(line, key, length) != 0)
            continue;
        const char *colon = line + length + strspn(line + length, " \t");
        if (*colon != ':')
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        size_t n = strcspn(colon, "\n");
        while (n > 0 && isspace((unsigned char)colon[n - 1]))
            n--;
        snprintf(value, size, "%.*s", n < INT_MAX ? (int)n : INT_MAX, colon);
        return n > 0;
    }
    return false;
}

bool hal_scan_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *p = list; length != 0 && (p = strstr(p, word)) != NULL; p += length)
        if ((p == list || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0'))
            return true;
    return false;
}

/* --------------------------------------------------------------------------------------------- devices -- */

const hal_family *hal_scan_driver_family(const char *driver)
{
    const hal_family *family;
    for (uint32_t i = 0; (family = hal_family_at(i)) != NULL; i++)
        if (hal_scan_listed(family->drivers, driver))
            return family;
    return NULL;
}

void hal_scan_share_memory(hal_draft *draft, uint32_t device)
{
    const hal_topology_device *d = hal_draft_device(draft, device);
    for (uint32_t i = 0; d != NULL && i < hal_draft_memory_count(draft); i++) {
        hal_topology_memory *m = hal_draft_memory(draft, i);
        if (m->numa == HAL_NOWHERE || (d->numa != HAL_NOWHERE && m->numa != d->numa))
            continue;
        m->shared = 1;
        hal_draft_device_memory(draft, device, i);
        return;
    }
}

/* Memory that only this device has; what it holds is only known where the kernel says so. */
static void own_memory(const hal_files *files, hal_draft *draft, uint32_t device, const hal_scan_found *found)
{
    static const struct {
        hal_memory_kind kind;
        const char *suffix;
    } kinds[] = {[HAL_OWN_OTHER] = {HAL_MEMORY_OTHER, "memory"},
                 [HAL_OWN_HBM] = {HAL_MEMORY_HBM, "hbm"},
                 [HAL_OWN_GDDR] = {HAL_MEMORY_GDDR, "gddr"},
                 [HAL_OWN_LPDDR] = {HAL_MEMORY_LPDDR, "lpddr"}};
    const hal_topology_device *d = hal_draft_device(draft, device);
    char id[128];
    if (d == NULL)
        return;
    snprintf(id, sizeof id, "%.100s/%s", d->id, kinds[found->memory].suffix);
    hal_topology_memory memory = {.kind = kinds[found->memory].kind,
                                  .place = d->place,
                                  .id = id,
                                  .name = "",
                                  .numa = HAL_NOWHERE,
                                  .capacity = hal_figure_unknown(HAL_UNIT_BYTES),
                                  .free = hal_figure_unknown(HAL_UNIT_BYTES)};
    /* amdgpu's, in bytes: the kernel's documentation of its sysfs files */
    int64_t total = hal_scan_number(files, -1, "%s/mem_info_vram_total", found->path);
    int64_t used = hal_scan_number(files, -1, "%s/mem_info_vram_used", found->path);
    if (total > 0)
        memory.capacity = hal_figure_of((double)total, HAL_UNIT_BYTES, HAL_SOURCE_VENDOR);
    if (total > 0 && used >= 0 && used <= total)
        memory.free = hal_figure_of((double)(total - used), HAL_UNIT_BYTES, HAL_SOURCE_VENDOR);
    hal_draft_device_memory(draft, device, hal_draft_add_memory(draft, &memory));
}

/* The driver that is bound and the version of its module, which may have another name. */
static void read_driver(const hal_files *files, const char *path, char *driver, char *version, size_t size)
{
    char module[64];
    version[0] = driver[0] = '\0';
    if (path[0] == '\0' || !hal_scan_target(files, driver, size, "%s/driver", path))
        return;
    if (!hal_scan_target(files, module, sizeof module, "%s/driver/module", path))
        snprintf(module, sizeof module, "%.63s", driver);
    hal_scan_text(files, version, size, "/sys/module/%s/version", module);
}

uint32_t hal_scan_enter(const hal_files *files, hal_draft *draft, const hal_scan_found *found,
                        const hal_topology_device *known)
{
    char id[128], driver[128], version[128];
    const hal_family *family = found->family;
    hal_topology_device device = *known;
    snprintf(id, sizeof id, "%s:%.110s", hal_device_kind_name((hal_device_kind)family->kind), found->address);
    if (hal_draft_find_device(draft, id) != HAL_NOWHERE)
        return hal_draft_find_device(draft, id);
    read_driver(files, found->path, driver, version, sizeof driver);
    device.kind = family->kind;
    device.place = found->place;
    device.parent = HAL_NOWHERE;
    device.numa = found->numa;
    device.id = id;
    device.address = found->address;
    device.family = family->name;
    device.name = found->name;
    device.driver = driver;
    device.driver_version = version;
    if (family->vendor[0] != '\0')
        device.vendor = family->vendor;
    uint32_t index = hal_draft_add_device(draft, &device);
    if (found->memory == HAL_OWN_SHARED)
        hal_scan_share_memory(draft, index);
    else if (found->memory != HAL_OWN_NONE && found->memory != HAL_OWN_BY_BUS)
        own_memory(files, draft, index, found);
    return index;
}
