/* SPDX-License-Identifier: Apache-2.0 */
/* Joins vendors' answers with the devices that the passive stage found: one device, however many interfaces
 * show it. */
#include "hal/discovery/answers.h"

#include <ctype.h>
#include <stdio.h>

typedef struct joining {
    hal_draft *draft;
    const hal_answers *answers;
    uint32_t *device_of;
} joining;

/* --------------------------------------------------------------------------------------------- finding -- */

/* Next hexadecimal digit of an id, without what vendors put around them: "GPU-", "MIG-", hyphens, capitals.
 */
static int next_digit(const char **p)
{
    while (**p != '\0' && !isxdigit((unsigned char)**p))
        (*p)++;
    return **p != '\0' ? tolower((unsigned char)*(*p)++) : 0;
}

/* No letter of "GPU-" or "MIG-" is a hexadecimal digit. */
static bool same_uuid(const char *a, const char *b)
{
    int x, y;
    if (a[0] == '\0' || b[0] == '\0' || (strncmp(a, "MIG-", 4) == 0) != (strncmp(b, "MIG-", 4) == 0))
        return false;
    do {
        x = next_digit(&a);
        y = next_digit(&b);
    } while (x == y && x != 0);
    return x == y;
}

static bool has_index(const hal_topology_device *d, const char *api, uint32_t platform, uint32_t index)
{
    for (uint32_t k = 0; k < d->n_indices; k++)
        if (strcmp(d->indices[k].api, api) == 0 && d->indices[k].platform == platform &&
            d->indices[k].index == index)
            return true;
    return false;
}

static bool is_part(const hal_answer *a)
{
    return a->parent[0] != '\0';
}

static bool tells_of(const hal_answer *a, const hal_topology_device *d)
{
    const hal_vendor *v = hal_vendor_find(a->api);
    if (a->kind != HAL_ANSWER_DEVICE)
        return false;
    if (same_uuid(a->uuid, d->uuid))
        return true;
    if (is_part(a) || d->parent != HAL_NOWHERE || a->address[0] != '\0')
        return !is_part(a) && d->parent == HAL_NOWHERE && strcmp(a->address, d->address) == 0;
    return v != NULL && has_index(d, v->api, a->platform, a->index);
}

bool hal_answers_list(const hal_answers *answers, uint32_t fact, const hal_topology_device *device)
{
    for (uint32_t i = 0; i < answers->n_items; i++)
        if (answers->owners[i] == fact && tells_of(&answers->items[i], device))
            return true;
    return false;
}

static uint32_t find_uuid(const hal_draft *draft, const char *uuid)
{
    union { /* looked at only */
        const hal_draft *in;
        hal_draft *out;
    } d = {draft};
    for (uint32_t i = 0; uuid[0] != '\0' && i < hal_draft_device_count(draft); i++)
        if (same_uuid(hal_draft_device(d.out, i)->uuid, uuid))
            return i;
    return HAL_NOWHERE;
}

static uint32_t find_index(hal_draft *draft, const char *api, uint32_t platform, uint32_t index)
{
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++)
        if (has_index(hal_draft_device(draft, i), api, platform, index))
            return i;
    return HAL_NOWHERE;
}

/* Whether the answer could be of that device, going by the vendor's name. */
static bool of_vendor(const hal_answer *a, const hal_topology_device *d)
{
    return strcmp(a->api, "opencl") != 0 ||
           (d->vendor[0] != '\0' &&
            (strcasestr(a->platform_name, d->vendor) != NULL || strcasestr(a->name, d->vendor) != NULL));
}

/* The only device of the answer's kind, when the draft has one. */
static uint32_t find_only(hal_draft *draft, const hal_answer *a)
{
    uint32_t found = HAL_NOWHERE;
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++) {
        const hal_topology_device *d = hal_draft_device(draft, i);
        if (d->kind != a->type || d->parent != HAL_NOWHERE)
            continue;
        if (found != HAL_NOWHERE || !of_vendor(a, d))
            return HAL_NOWHERE;
        found = i;
    }
    return found;
}

static uint32_t find_first(hal_draft *draft, uint32_t kind)
{
    for (uint32_t i = 0; i < hal_draft_device_count(draft); i++)
        if (hal_draft_device(draft, i)->kind == kind)
            return i;
    return HAL_NOWHERE;
}

/* The device at an address, which its parts have too. */
static uint32_t find_whole(hal_draft *draft, const char *address)
{
    uint32_t found = address[0] != '\0' ? hal_draft_find_device(draft, address) : HAL_NOWHERE;
    const hal_topology_device *d = hal_draft_device(draft, found);
    const hal_topology_device *whole = d != NULL ? hal_draft_device(draft, d->parent) : NULL;
    return whole != NULL && strcmp(whole->address, d->address) == 0 ? d->parent : found;
}

static uint32_t find_parent(hal_draft *draft, const hal_answer *a)
{
    uint32_t found = find_uuid(draft, a->parent);
    if (found == HAL_NOWHERE)
        found = find_whole(draft, a->parent);
    return found != HAL_NOWHERE ? found : find_whole(draft, a->address);
}

/* "gpu:0000:1b:00.0/gi1ci0", or with the UUID where the number is not told. */
static const char *part_id(hal_draft *draft, uint32_t parent, const hal_answer *a)
{
    return hal_draft_format(draft, "%s/%s", hal_draft_device(draft, parent)->id,
                            a->part[0] != '\0' ? a->part : a->uuid);
}

static uint32_t find_part(hal_draft *draft, const hal_answer *a)
{
    uint32_t found = find_uuid(draft, a->uuid), parent = find_parent(draft, a);
    return found != HAL_NOWHERE || parent == HAL_NOWHERE
               ? found
               : hal_draft_find_device(draft, part_id(draft, parent, a));
}

/* Address before UUID: some libraries make UUIDs up. What has neither is the processor, the device with that
   number, or the only one of its kind. */
static uint32_t find_device(hal_draft *draft, const hal_answer *a)
{
    uint32_t found;
    if (is_part(a))
        return find_part(draft, a);
    if (a->type == HAL_DEVICE_CPU)
        return find_first(draft, HAL_DEVICE_CPU);
    found = find_whole(draft, a->address);
    if (found == HAL_NOWHERE)
        found = find_uuid(draft, a->uuid);
    if (found == HAL_NOWHERE && strcmp(a->api, "acl") == 0)
        found = find_index(draft, "ascend", HAL_NOWHERE, a->index);
    if (found == HAL_NOWHERE && a->address[0] == '\0' &&
        (strcmp(a->api, "opencl") == 0 || strcmp(a->api, "ze") == 0))
        found = find_only(draft, a);
    return found;
}

/* ---------------------------------------------------------------------------------------------- adding -- */

static const char *family_of(const hal_answer *a, char *text, size_t size)
{
    const hal_vendor *v = hal_vendor_find(a->api);
    if (strcmp(a->api, "ze") == 0)
        snprintf(text, size, "%s", a->type == HAL_DEVICE_NPU ? "intel-npu" : "intel-gpu");
    else
        snprintf(text, size, "%s", v == NULL || v->families[0] == '*' ? "" : v->families);
    return text;
}

/* Adds a device unless there is one of that id: a vendor that tells the same twice must not spoil the
 * description. */
static uint32_t add_once(hal_draft *draft, const hal_topology_device *d)
{
    uint32_t known = hal_draft_find_device(draft, d->id);
    return known != HAL_NOWHERE ? known : hal_draft_add_device(draft, d);
}

/* A part of a divided card: what it has of its own is told by the vendor only. */
static uint32_t add_part(hal_draft *draft, const hal_answer *a)
{
    uint32_t parent = find_parent(draft, a);
    if (parent == HAL_NOWHERE)
        return HAL_NOWHERE;
    const hal_topology_device *whole = hal_draft_device(draft, parent);
    hal_topology_device d = {.kind = whole->kind,
                             .place = whole->place,
                             .family = whole->family,
                             .vendor = whole->vendor,
                             .driver = whole->driver,
                             .driver_version = whole->driver_version,
                             .pci_vendor = whole->pci_vendor,
                             .pci_device = whole->pci_device,
                             .pci_class = whole->pci_class,
                             .numa = whole->numa,
                             .parent = parent,
                             .id = part_id(draft, parent, a),
                             .address = whole->address};
    return add_once(draft, &d);
}

/* A device that nothing passive shows: behind a hypervisor, in a container without /sys, or no PCI device at
 * all. */
static uint32_t add_device(hal_draft *draft, const hal_answer *a)
{
    static const char *const words[] = {"cpu", "gpu", "npu", "nic", "switch", "other"};
    char address[64], family[64];
    if (is_part(a))
        return add_part(draft, a);
    if (a->type == HAL_DEVICE_CPU)
        return HAL_NOWHERE;
    if (a->address[0] != '\0')
        snprintf(address, sizeof address, "%s", a->address);
    else if (a->platform != HAL_NOWHERE)
        snprintf(address, sizeof address, "%s:%u:%u", a->api, a->platform, a->index);
    else
        snprintf(address, sizeof address, "%s:%u", a->api, a->index);
    hal_topology_device d = {.kind = a->type,
                             .place = 0,
                             .numa = HAL_NOWHERE,
                             .parent = HAL_NOWHERE,
                             .id = hal_draft_format(draft, "%s:%s", words[a->type], address),
                             .address = address,
                             .family = family_of(a, family, sizeof family)};
    return add_once(draft, &d);
}

/* --------------------------------------------------------------------------------------------- filling -- */

static void fill_text(hal_draft *draft, const char **into, const char *text)
{
    if (*into == NULL || (*into)[0] == '\0')
        *into = hal_draft_text(draft, text);
}

static void fill_texts(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    hal_topology_device *d = hal_draft_device(draft, device);
    if (d->kind == HAL_DEVICE_CPU)
        return; /* what drivers call the processors is told among its ways */
    /* Management libraries know the product; the bus knows the chip; OpenCL may know neither. */
    if (a->name[0] != '\0' &&
        (d->name[0] == '\0' || strcmp(a->api, "nvml") == 0 || strcmp(a->api, "dcmi") == 0))
        d->name = hal_draft_text(draft, a->name);
    fill_text(draft, &d->uuid, a->uuid);
    fill_text(draft, &d->serial, a->serial);
    fill_text(draft, &d->firmware, a->firmware);
    fill_text(draft, &d->driver_version, a->driver);
    fill_text(draft, &d->user_version, a->user);
    fill_text(draft, &d->required_version, a->required);
    if (d->cores == 0 && strcmp(a->api, "nvml") != 0)
        d->cores = a->cores;
}

static void fill_features(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    char copy[sizeof a->features], *rest = copy, *word;
    memcpy(copy, a->features, sizeof copy);
    while ((word = strsep(&rest, " ")) != NULL) {
        const hal_topology_device *d = hal_draft_device(draft, device);
        bool known = word[0] == '\0';
        for (uint32_t i = 0; i < d->n_features; i++)
            known = known || strcmp(d->features[i], word) == 0;
        if (!known)
            hal_draft_device_feature(draft, device, word);
    }
}

/* A part has its number within the card only, which is no index of the interface. */
static void fill_index(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    const hal_vendor *v = hal_vendor_find(a->api);
    if (v == NULL || a->index == HAL_NOWHERE || (is_part(a) && strcmp(a->api, "nvml") == 0))
        return;
    if (!has_index(hal_draft_device(draft, device), v->api, a->platform, a->index))
        hal_draft_device_index(draft, device, v->api, a->platform, a->index);
}

/* "opencl: Portable Computing Language, pthread-...": OpenCL is never the vendor's own way. */
static void fill_way(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    if (strcmp(a->api, "opencl") != 0)
        return;
    const char *way =
        hal_draft_format(draft, "opencl: %s%s%s", a->platform_name, a->name[0] != '\0' ? ", " : "", a->name);
    const hal_topology_device *d = hal_draft_device(draft, device);
    for (uint32_t i = 0; i < d->n_ways; i++)
        if (strcmp(d->ways[i], way) == 0)
            return;
    hal_draft_device_way(draft, device, way);
}

static hal_figure told(uint64_t bytes, int64_t when)
{
    hal_figure f = hal_figure_of((double)bytes, HAL_UNIT_BYTES, HAL_SOURCE_VENDOR);
    f.when = when;
    return f;
}

static uint32_t numa_memory(hal_draft *draft, uint32_t numa)
{
    for (uint32_t i = 0; i < hal_draft_memory_count(draft); i++) {
        const hal_topology_memory *m = hal_draft_memory(draft, i);
        if (m->numa != HAL_NOWHERE && (numa == HAL_NOWHERE || m->numa == numa))
            return i;
    }
    return HAL_NOWHERE;
}

/* The memory of a device that has none in the draft. */
static uint32_t add_memory(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    const hal_topology_device *d = hal_draft_device(draft, device);
    uint32_t memory = a->shared ? numa_memory(draft, d->numa) : HAL_NOWHERE;
    if (memory != HAL_NOWHERE) {
        hal_draft_memory(draft, memory)->shared = 1;
    } else {
        hal_topology_memory m = {
            .kind = HAL_MEMORY_OTHER,
            .place = d->place,
            .id = hal_draft_format(draft, "%s/memory", d->id),
            .name = hal_draft_format(draft, "memory of %s", d->name[0] != '\0' ? d->name : d->id),
            .numa = HAL_NOWHERE};
        memory = hal_draft_find_memory(draft, m.id);
        if (memory == HAL_NOWHERE)
            memory = hal_draft_add_memory(draft, &m);
    }
    if (memory != HAL_NOWHERE)
        hal_draft_device_memory(draft, device, memory);
    return memory;
}

/* The first vendor to tell is the one that manages the card; others tell what they leave to programs. */
static void fill_memory(hal_draft *draft, uint32_t device, const hal_answer *a, int64_t when)
{
    const hal_topology_device *d = hal_draft_device(draft, device);
    if (a->memory == 0 || d->kind == HAL_DEVICE_CPU)
        return;
    uint32_t memory = d->n_memories > 0 ? d->memories[0] : add_memory(draft, device, a);
    hal_topology_memory *m = hal_draft_memory(draft, memory);
    if (m == NULL || m->numa != HAL_NOWHERE)
        return; /* the host's: the kernel knows better */
    if (m->capacity.source < HAL_SOURCE_VENDOR)
        m->capacity = told(a->memory, when);
    if (m->free.source < HAL_SOURCE_VENDOR && (a->free > 0 || strcmp(a->api, "nvml") == 0))
        m->free = told(a->free, when);
}

/* Others of the same processors have the way too: the driver runs on all of them. */
static void fill_other_packages(hal_draft *draft, uint32_t device, const hal_answer *a)
{
    for (uint32_t i = 0; a->type == HAL_DEVICE_CPU && i < hal_draft_device_count(draft); i++)
        if (i != device && hal_draft_device(draft, i)->kind == HAL_DEVICE_CPU)
            fill_way(draft, i, a);
}

static void join(joining *j, uint32_t item)
{
    const hal_answer *a = &j->answers->items[item];
    const uint32_t owner = j->answers->owners[item];
    uint32_t device = find_device(j->draft, a);
    if (device == HAL_NOWHERE)
        device = add_device(j->draft, a);
    j->device_of[item] = device;
    if (hal_draft_device(j->draft, device) == NULL)
        return;
    fill_texts(j->draft, device, a);
    fill_features(j->draft, device, a);
    fill_index(j->draft, device, a);
    fill_way(j->draft, device, a);
    fill_memory(j->draft, device, a, owner != HAL_NOWHERE ? j->answers->facts[owner].when : 0);
    fill_other_packages(j->draft, device, a);
}

/* In the order of vendors.def, whatever the order of records: who manages a card is heard before who computes
 * on it. */
static void join_all(joining *j, bool parts)
{
    const hal_vendor *v;
    for (uint32_t k = 0; (v = hal_vendor_at(k)) != NULL; k++)
        for (uint32_t i = 0; i < j->answers->n_items; i++) {
            const hal_answer *a = &j->answers->items[i];
            if (a->kind == HAL_ANSWER_DEVICE && is_part(a) == parts && strcmp(a->api, v->name) == 0)
                join(j, i);
        }
}

hal_status hal_answers_merge(hal_draft *draft, const hal_answers *answers)
{
    joining j = {.draft = draft, .answers = answers};
    hal_draft_refer(draft, answers);
    if (answers->n_items == 0)
        return HAL_OK;
    j.device_of = hal_allocate_array(&answers->allocator, answers->n_items, sizeof *j.device_of);
    if (j.device_of == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (uint32_t i = 0; i < answers->n_items; i++)
        j.device_of[i] = HAL_NOWHERE;
    join_all(&j, false); /* cards before their parts, and both before links */
    join_all(&j, true);
    hal_answers_merge_links(draft, answers, j.device_of);
    hal_deallocate(&answers->allocator, j.device_of);
    return HAL_OK;
}
