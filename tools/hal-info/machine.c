/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/load_guard.h"
#include "tools/hal-info/info.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int machine_fail(hal_status status, tool_error *err)
{
    static const struct {
        uint32_t code;
        int exit_code;
    } rows[] = {{HAL_CODE_INVALID_ARGUMENT, TOOL_BAD_INPUT},
                {HAL_CODE_UNSUPPORTED, TOOL_BAD_INPUT},
                {HAL_CODE_NOT_FOUND, TOOL_NOT_FOUND},
                {HAL_CODE_DEADLINE_EXCEEDED, TOOL_DEADLINE},
                {HAL_CODE_PERMISSION_DENIED, TOOL_BAD_INPUT}};
    int code = TOOL_INTERNAL;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == (uint32_t)hal_status_code(status))
            code = rows[i].exit_code;
    return tool_fail(err, code, "%s", hal_status_last()->text);
}

/* Written redacted, and read again, so that every verb prints what is left and nothing else. */
int machine_redact(hal_topology **topology, tool_error *err)
{
    char name[64];
    const int fd = memfd_create("hal-info", MFD_CLOEXEC);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (!file)
        return tool_fail_errno(err, errno, "create", "a file in memory");
    hal_topology *read = NULL;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    hal_topology_options options = {HAL_HEAD(hal_topology_options), .input = name};
    hal_status status = hal_topology_print_json(*topology, HAL_PRINT_REDACTED, file);
    if (status == HAL_OK && fflush(file) == 0)
        status = hal_topology_create(&options, &read);
    const bool whole = !ferror(file);
    fclose(file);
    if (!whole)
        return tool_fail(err, TOOL_INTERNAL, "out of memory for the redacted description");
    if (status != HAL_OK)
        return machine_fail(status, err);
    hal_topology_release(*topology);
    *topology = read;
    return TOOL_OK;
}

int machine_open(const info_options *o, const char *input, bool probe, hal_topology **topology,
                 tool_error *err)
{
    hal_topology_options options = {HAL_HEAD(hal_topology_options), .input = input ? input : o->input,
                                    .supplied = o->supplied, .probe = probe || o->probe,
                                    .deadline =
                                        o->deadline > 0 ? hal_deadline_ms((int64_t)(o->deadline * 1000)) : 0};
    const hal_status status = hal_topology_create(&options, topology);
    if (status != HAL_OK)
        return machine_fail(status, err);
    return TOOL_OK;
}

int machine_instance(const info_options *o, hal_instance **instance, tool_error *err)
{
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .plugin_path = o->plugin_dir};
    load_guard_begin("hal-info");
    const hal_status status = hal_instance_create(&options, instance);
    load_guard_end();
    return status == HAL_OK ? TOOL_OK : machine_fail(status, err);
}

int machine_device(const hal_topology *t, const char *name, const hal_topology_device **device,
                   tool_error *err)
{
    const uint32_t index = hal_topology_device_find(t, name);
    char known[400] = "";
    if (index != HAL_NOWHERE) {
        *device = hal_topology_device_at(t, index);
        return TOOL_OK;
    }
    for (uint32_t i = 0; i < hal_topology_device_count(t) && strlen(known) + 40 < sizeof known; i++) {
        strcat(known, i ? ", " : "");
        strncat(known, hal_topology_device_at(t, i)->alias, 30);
    }
    return tool_fail(err, TOOL_NOT_FOUND, "no device \"%s\"; there is %s", name, known[0] ? known : "none");
}

/* "Intel(R) Xeon(R) Platinum 8480+ @ 2.00GHz" without what only lawyers and clocks need. */
const char *name_shorten(const char *name, char *text)
{
    static const char *const noise[] = {"(R)", "(TM)", "(r)", "(tm)", " CPU", " Processor"};
    size_t used = 0;
    for (const char *at = name; *at && strncmp(at, " @ ", 3) && used + 1 < 160;) {
        size_t skip = 0;
        for (size_t k = 0; k < sizeof noise / sizeof noise[0] && !skip; k++)
            if (strncmp(at, noise[k], strlen(noise[k])) == 0)
                skip = strlen(noise[k]);
        if (skip)
            at += skip;
        else
            text[used++] = *at++;
    }
    text[used] = 0;
    return used ? text : name;
}

const char *host_title(const hal_topology_host *host)
{
    const char *slash = strrchr(host->origin, '/');
    if (host->name[0])
        return host->name;
    return slash && slash[1] ? slash + 1 : host->origin[0] ? host->origin : "this machine";
}

const char *device_name(const hal_topology_device *d, char *text)
{
    if (d->name[0])
        return name_shorten(d->name, text);
    if (d->vendor[0])
        snprintf(text, 160, "%.60s %.60s", d->vendor,
                 d->family[0] ? d->family : hal_device_kind_name(d->kind));
    else if (d->pci_vendor)
        snprintf(text, 160, "PCI %04x:%04x", d->pci_vendor, d->pci_device);
    else
        snprintf(text, 160, "-");
    return text;
}

bool device_computes(const hal_topology_device *d)
{
    return d->kind != HAL_DEVICE_NIC && d->kind != HAL_DEVICE_SWITCH;
}

static const struct {
    const char *word;
    info_tone tone;
} states[] = {[HAL_USABLE_NOT_PROBED] = {"not probed yet", TONE_PLAIN},
              [HAL_USABLE_READY] = {"ready", TONE_GOOD},
              [HAL_USABLE_DEGRADED] = {"degraded", TONE_WARN},
              [HAL_USABLE_BROKEN] = {"UNUSABLE", TONE_BAD},
              [HAL_USABLE_HIDDEN] = {"hidden", TONE_FAINT},
              [HAL_USABLE_NO_BACKEND] = {"seen, no backend yet", TONE_FAINT}};

const char *device_state(const hal_topology_device *d, char *text, info_tone *tone)
{
    const bool known = d->usability < sizeof states / sizeof states[0];
    *tone = known ? states[d->usability].tone : TONE_PLAIN;
    const char *word = known ? states[d->usability].word : "?";
    if (d->usability == HAL_USABLE_NOT_PROBED && !device_computes(d)) /* nobody ever will */
        word = "seen";
    snprintf(text, 64, "%s%s%s", word, d->reason[0] ? " " : "", d->reason);
    return text;
}

const char *device_reason(const hal_topology_device *d)
{
    const char *word = d->usability < sizeof states / sizeof states[0] ? states[d->usability].word : "?";
    const size_t length = strlen(word);
    const bool told = strncasecmp(d->reason_text, word, length) == 0 &&
                      strncmp(d->reason_text + length, ": ", 2) == 0;
    return d->reason_text + (told ? length + 2 : 0);
}

const char *device_indices(const hal_topology_device *d, char *text, size_t size)
{
    text[0] = 0;
    for (uint32_t k = 0; k < d->n_indices; k++) {
        const hal_native_index *n = &d->indices[k];
        const size_t used = strlen(text);
        if (n->platform == HAL_NOWHERE)
            snprintf(text + used, size - used, "%s%s %u", k ? ", " : "", n->api, n->index);
        else
            snprintf(text + used, size - used, "%s%s %u:%u", k ? ", " : "", n->api, n->platform, n->index);
    }
    return text;
}

const hal_topology_memory *device_memory(const hal_topology *t, const hal_topology_device *d)
{
    return d->n_memories ? hal_topology_memory_at(t, d->memories[0]) : NULL;
}

hal_figure device_rate(const hal_topology_device *d, const char *dtype)
{
    for (uint32_t i = 0; i < d->n_rates; i++)
        if (strcmp(d->rates[i].dtype, dtype) == 0 && strcmp(d->rates[i].op_class, "matmul") == 0)
            return d->rates[i].rate;
    return (hal_figure){.unit = HAL_UNIT_OPERATIONS_PER_SECOND};
}
