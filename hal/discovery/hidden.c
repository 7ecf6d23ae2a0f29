/* SPDX-License-Identifier: Apache-2.0 */
/* Variables that hide devices. What each means: the vendors' documentation of it, as far as it is told below.
 */
#include "hal/discovery/selector.h"
#include "hal/discovery/steps.h"

#include <ctype.h>
#include <stdlib.h>

enum { MOST_DEVICES = 1024, MOST_ENTRIES = 4096 };

/* What an entry that names nothing does to the list. */
typedef enum mistake {
    MISTAKE_ENDS,   /* what follows is dropped (CUDA, HIP) */
    MISTAKE_HIDES,  /* all devices are hidden (Ascend) */
    MISTAKE_IGNORED /* it is left out (Level Zero) */
} mistake;

typedef struct variable {
    const char *name, *family, *code;
    const char *api; /* native index that its numbers are; "" : position among the devices of the family that
                        are left */
    mistake mistake;
} variable;

/*
 * Applied in this order: those of containers first; ROCr's before HIP's, whose numbers count what ROCr left.
 * NVIDIA_VISIBLE_DEVICES: NVIDIA Container Toolkit; it hides what the runtime then gave no node, and nothing by
 * itself (D907); ENFLAME_VISIBLE_DEVICES is the same of Enflame's. HABANA_VISIBLE_MODULES: Habana's "Run Using Containers"; its numbers are module_id's.
 */
static const variable variables[] = {
    {"NVIDIA_VISIBLE_DEVICES", "nvidia", "D907", "", MISTAKE_IGNORED},
    {"CUDA_VISIBLE_DEVICES", "nvidia", "D901", "cuda", MISTAKE_ENDS},
    {"ROCR_VISIBLE_DEVICES", "amdgpu", "D902", "", MISTAKE_ENDS},
    {"HIP_VISIBLE_DEVICES", "amdgpu", "D902", "", MISTAKE_ENDS},
    {"GPU_DEVICE_ORDINAL", "amdgpu", "D902", "", MISTAKE_ENDS},
    {"ASCEND_RT_VISIBLE_DEVICES", "ascend", "D903", "ascend", MISTAKE_HIDES},
    {"ZE_AFFINITY_MASK", "intel-gpu", "D904", "", MISTAKE_IGNORED},
    {"ZE_AFFINITY_MASK", "intel-npu", "D904", "", MISTAKE_IGNORED},
    {"HABANA_VISIBLE_DEVICES", "gaudi", "D905", "accel", MISTAKE_IGNORED},
    {"HABANA_VISIBLE_MODULES", "gaudi", "D905", "module", MISTAKE_IGNORED},
    {"ONEAPI_DEVICE_SELECTOR", "intel-gpu", "D904", "", MISTAKE_IGNORED},
    {"TPU_VISIBLE_CHIPS", "tpu", "D906", "", MISTAKE_IGNORED},
    {"TPU_VISIBLE_DEVICES", "tpu", "D906", "", MISTAKE_IGNORED},
    {"TT_VISIBLE_DEVICES", "tenstorrent", "D906", "tenstorrent", MISTAKE_IGNORED},
    {"MLU_VISIBLE_DEVICES", "cambricon", "D906", "", MISTAKE_ENDS},
    {"MUSA_VISIBLE_DEVICES", "musa", "D906", "", MISTAKE_ENDS},
    {"CUDA_VISIBLE_DEVICES", "iluvatar", "D906", "", MISTAKE_ENDS},
    {"MACA_VISIBLE_DEVICES", "metax", "D906", "", MISTAKE_ENDS},
    {"CUDA_VISIBLE_DEVICES", "metax", "D906", "", MISTAKE_ENDS},
    {"ENFLAME_VISIBLE_DEVICES", "enflame", "D907", "", MISTAKE_IGNORED},
    {"TOPS_VISIBLE_DEVICES", "enflame", "D906", "", MISTAKE_ENDS},
};

typedef struct scan {
    const hal_files *files;
    hal_draft *draft;
    const variable *v;
    const char *value;
    const char *order;              /* CUDA_DEVICE_ORDER, or NULL */
    uint32_t devices[MOST_DEVICES]; /* of the family, in PCI order, that are not hidden yet */
    bool named[MOST_DEVICES];
    uint32_t n_devices;
} scan;

static int by_address(const void *a, const void *b, void *draft)
{
    const hal_topology_device *x = hal_draft_device(draft, *(const uint32_t *)a);
    const hal_topology_device *y = hal_draft_device(draft, *(const uint32_t *)b);
    return strverscmp(x->address, y->address);
}

/* Whole devices only: parts are hidden with what they are a part of. */
static void collect(scan *s)
{
    s->n_devices = 0;
    for (uint32_t i = 0; i < hal_draft_device_count(s->draft) && s->n_devices < MOST_DEVICES; i++) {
        const hal_topology_device *d = hal_draft_device(s->draft, i);
        if (strcmp(d->family, s->v->family) == 0 && d->parent == HAL_NOWHERE &&
            d->usability != HAL_USABLE_HIDDEN) {
            s->named[s->n_devices] = false;
            s->devices[s->n_devices++] = i;
        }
    }
    qsort_r(s->devices, s->n_devices, sizeof s->devices[0], by_address, s->draft);
}

static bool has_index(const hal_topology_device *d, const char *api, uint32_t number)
{
    for (uint32_t i = 0; i < d->n_indices; i++)
        if (strcmp(d->indices[i].api, api) == 0 && d->indices[i].index == number)
            return true;
    return false;
}

/* How many of the devices say their number there; where not all do, their order stands in for it. */
static uint32_t count_numbered(const scan *s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_devices && s->v->api[0] != '\0'; i++) {
        const hal_topology_device *d = hal_draft_device(s->draft, s->devices[i]);
        bool found = false;
        for (uint32_t k = 0; k < d->n_indices; k++)
            found |= strcmp(d->indices[k].api, s->v->api) == 0;
        n += found;
    }
    return n;
}

static bool name_number(scan *s, uint32_t number, bool numbered)
{
    if (!numbered && number < s->n_devices)
        return s->named[number] = true;
    for (uint32_t i = 0; numbered && i < s->n_devices; i++)
        if (has_index(hal_draft_device(s->draft, s->devices[i]), s->v->api, number))
            return s->named[i] = true;
    return false;
}

static bool begins(const char *uuid, const char *name, size_t length)
{
    return length != 0 && uuid[0] != '\0' && strncasecmp(uuid, name, length) == 0;
}

/* "GPU-8f3a": a UUID or its beginning. "MIG-GPU-8f3a.../1/0" and "MIG-8f3a...": a part, which keeps the whole
 * in sight. */
static bool name_uuid(scan *s, const char *name, size_t length)
{
    bool found = false;
    bool part = length > 4 && strncasecmp(name, "MIG-", 4) == 0;
    const char *whole = part && strncasecmp(name + 4, "GPU-", 4) == 0 ? name + 4 : name;
    size_t n = whole == name ? length : strcspn(whole, "/,");
    for (uint32_t i = 0; i < s->n_devices; i++) {
        const hal_topology_device *d = hal_draft_device(s->draft, s->devices[i]);
        if (begins(d->uuid, whole, n))
            found = s->named[i] = true;
        for (uint32_t k = 0; part && k < hal_draft_device_count(s->draft); k++) {
            const hal_topology_device *p = hal_draft_device(s->draft, k);
            if (p->parent == s->devices[i] && begins(p->uuid, name, length))
                found = s->named[i] = true;
        }
    }
    return found;
}

/* "0", "GPU-8f3a", "1.0" (Level Zero: a device and its part), "0000:1b:00.0" */
static bool name_entry(scan *s, const char *entry, size_t length, bool numbered)
{
    char *end;
    if (!isdigit((unsigned char)entry[0]))
        return name_uuid(s, entry, length);
    unsigned long number = strtoul(entry, &end, 10);
    bool partial = *end == '.' && strcmp(s->v->name, "ZE_AFFINITY_MASK") == 0;
    if (end == entry + length || partial)
        return number < HAL_NOWHERE && name_number(s, (uint32_t)number, numbered);
    for (uint32_t i = 0; i < s->n_devices; i++)
        if (strncmp(hal_draft_device(s->draft, s->devices[i])->address, entry, length) == 0)
            return s->named[i] = true;
    return false;
}

static void diagnose(const scan *s, const char *code, const char *entry, size_t length)
{
    hal_topology_diagnostic d = {.code = code,
                                 .severity = HAL_SEVERITY_WARNING,
                                 .device = HAL_NOWHERE,
                                 .evidence = hal_draft_format(s->draft, "%s=%.200s", s->v->name, s->value)};
    const hal_code_row *row = hal_code_explain(code);
    d.summary = hal_draft_format(s->draft, "\"%.*s\" in %s names no device that is here.",
                                 (int)(length < 80 ? length : 80), entry, s->v->name);
    d.cause = row != NULL ? row->cause : "";
    d.remedy = row != NULL ? row->remedy : "";
    hal_draft_add_diagnostic(s->draft, &d);
}

/* CUDA numbers devices from the fastest on unless told otherwise: of unlike ones, only CUDA knows which
 * number is whose. */
static bool is_ambiguous(const scan *s)
{
    bool unlike = false;
    for (uint32_t i = 1; i < s->n_devices; i++)
        unlike |= hal_draft_device(s->draft, s->devices[i])->pci_device !=
                  hal_draft_device(s->draft, s->devices[0])->pci_device;
    return unlike && strcmp(s->v->api, "cuda") == 0 && strpbrk(s->value, "0123456789") == s->value &&
           (s->order == NULL || strcmp(s->order, "PCI_BUS_ID") != 0);
}

/* Nothing is hidden on a guess. */
static bool name_all(scan *s)
{
    hal_draft_report(s->draft, "D912",
                     hal_draft_format(s->draft, "%s=%.200s, CUDA_DEVICE_ORDER is not PCI_BUS_ID", s->v->name,
                                      s->value));
    for (uint32_t i = 0; i < s->n_devices; i++)
        s->named[i] = true;
    return true;
}

/* Each driver counts its own devices: a number that is none of this family's may be another's. */
static bool is_elsewhere(const scan *s, const char *entry)
{
    const uint64_t number = isdigit((unsigned char)entry[0]) ? strtoul(entry, NULL, 10) : UINT64_MAX;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        uint32_t n = 0;
        if (strcmp(variables[i].name, s->v->name) != 0 || strcmp(variables[i].family, s->v->family) == 0)
            continue;
        for (uint32_t k = 0; k < hal_draft_device_count(s->draft); k++) {
            const hal_topology_device *d = hal_draft_device(s->draft, k);
            n += strcmp(d->family, variables[i].family) == 0 && d->parent == HAL_NOWHERE;
        }
        if (number < n)
            return true;
    }
    return false;
}

/* "-1" and words such as NoDevFiles are how people say "none", not mistakes. */
static bool means_none(const char *entry, size_t length)
{
    return length == 0 || entry[0] == '-' || strncmp(entry, "NoDevFiles", length) == 0 ||
           strncmp(entry, "none", length) == 0 || strncmp(entry, "void", length) == 0;
}

/* Marks what the value names; false when a mistake hides everything. */
static bool read_value(scan *s)
{
    bool numbered = s->n_devices != 0 && count_numbered(s) == s->n_devices;
    uint32_t entries = 0;
    if (!numbered && is_ambiguous(s))
        return name_all(s);
    for (const char *p = s->value; *p != '\0' && entries < MOST_ENTRIES; entries++) {
        p += strspn(p, " \t");
        size_t length = strcspn(p, ","), trimmed = length;
        while (trimmed > 0 && isspace((unsigned char)p[trimmed - 1]))
            trimmed--;
        bool none = means_none(p, trimmed);
        if (!name_entry(s, p, trimmed, numbered)) {
            if (!none && !is_elsewhere(s, p))
                diagnose(s, "D911", p, trimmed);
            if (s->v->mistake != MISTAKE_IGNORED)
                return s->v->mistake == MISTAKE_ENDS;
        }
        p += length;
        p += *p == ',';
    }
    return true;
}

static void hide(scan *s, uint32_t device, uint32_t position)
{
    hal_topology_device *d = hal_draft_device(s->draft, device);
    d->usability = HAL_USABLE_HIDDEN;
    d->reason = s->v->code;
    d->reason_text = hal_draft_format(s->draft, "%s=%.200s, and this is number %u in PCI order", s->v->name,
                                      s->value, position);
    for (uint32_t i = 0; i < hal_draft_device_count(s->draft); i++) {
        hal_topology_device *part = hal_draft_device(s->draft, i);
        if (part->parent != device)
            continue;
        part->usability = HAL_USABLE_HIDDEN;
        part->reason = s->v->code;
        part->reason_text = hal_draft_device(s->draft, device)->reason_text;
    }
}

/* Whether the container has a node of the device; it has when nothing tells of nodes. */
static bool has_node(const scan *s, uint32_t device)
{
    const hal_topology_device *d = hal_draft_device(s->draft, device);
    bool any = !hal_files_exist(s->files, "/dev");
    for (uint32_t i = 0; i < d->n_nodes; i++)
        any |= hal_files_exist(s->files, d->nodes[i]);
    return any;
}

/* Variables that do not choose by themselves, or in words of their own; true when the others are meant. */
static bool is_plain(const scan *s)
{
    return strcmp(s->v->code, "D907") != 0 && strcmp(s->v->name, "ONEAPI_DEVICE_SELECTOR") != 0;
}

static bool is_left_out(const scan *s, uint32_t position)
{
    if (strcmp(s->v->code, "D907") == 0)
        return !s->named[position] && !has_node(s, s->devices[position]);
    if (!is_plain(s))
        return hal_selector_hides(s->value, position);
    return !s->named[position];
}

/* MetaX's own name is asked for first; both are about the same list. */
static bool is_overruled(const scan *s)
{
    return strcmp(s->v->family, "metax") == 0 && strcmp(s->v->name, "CUDA_VISIBLE_DEVICES") == 0 &&
           hal_files_env(s->files, "MACA_VISIBLE_DEVICES") != NULL;
}

/* Whether the value can be about these devices at all. */
static bool applies(const scan *s)
{
    if (is_overruled(s))
        return false;
    if (s->n_devices == 0) /* not meant for them, where several vendors share a name or a code */
        return strcmp(s->v->code, "D906") != 0 && is_plain(s);
    if (strcmp(s->v->code, "D907") == 0)
        return hal_draft_host(s->draft)->container[0] != '\0';
    return strcmp(s->v->api, "module") != 0 || count_numbered(s) == s->n_devices;
}

void hal_scan_hidden(const hal_files *files, hal_draft *draft)
{
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
        scan s = {.files = files,
                  .draft = draft,
                  .v = &variables[i],
                  .value = hal_files_env(files, variables[i].name),
                  .order = hal_files_env(files, "CUDA_DEVICE_ORDER")};
        if (s.value == NULL || strcasecmp(s.value, "all") == 0)
            continue;
        /* Level Zero takes an empty mask for none. */
        if (s.value[0] == '\0' && s.v->mistake == MISTAKE_IGNORED)
            continue;
        collect(&s);
        if (!applies(&s))
            continue;
        bool believed = strcmp(s.v->name, "ONEAPI_DEVICE_SELECTOR") == 0 || read_value(&s);
        for (uint32_t k = 0; k < s.n_devices; k++)
            if (!believed || is_left_out(&s, k))
                hide(&s, s.devices[k], k);
    }
}
