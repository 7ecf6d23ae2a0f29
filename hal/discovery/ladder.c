/* SPDX-License-Identifier: Apache-2.0 */
/* The climb: one device after the other, one rung after the other, until one breaks; then what follows for
 * the device. */
#include "hal/discovery/ladder.h"
#include "hal/discovery/files_source.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*const rungs[HAL_RUNGS])(hal_climb *climb) = {
    hal_rung_bus,     hal_rung_driver,       hal_rung_node,   hal_rung_permission, hal_rung_library,
    hal_rung_version, hal_rung_registration, hal_rung_answer, hal_rung_visible,    hal_rung_backend,
};

static const hal_family unknown = {.name = "",
                                   .title = "",
                                   .vendor = "",
                                   .kind = HAL_DEVICE_OTHER,
                                   .drivers = "",
                                   .idle_drivers = "",
                                   .kernel = "",
                                   .firmware = "",
                                   .nodes = "",
                                   .shared_nodes = "",
                                   .group = "",
                                   .libraries = "",
                                   .directories = "",
                                   .symbols = "",
                                   .icd = "",
                                   .variables = "",
                                   .backend = "",
                                   .driver_remedy = "",
                                   .node_remedy = "",
                                   .library_remedy = ""};

static const hal_code_row *row_of(uint32_t code)
{
    char name[16];
    snprintf(name, sizeof name, "D%" PRIu32, code);
    return hal_code_explain(name);
}

void hal_climb_note(hal_climb *climb, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hal_words_add(climb->evidence, sizeof climb->evidence, "%s%s", climb->evidence[0] != '\0' ? "; " : "",
                  text);
}

void hal_climb_skip(hal_climb *climb, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(climb->evidence, sizeof climb->evidence, format, arguments);
    va_end(arguments);
    climb->status = HAL_RUNG_SKIP;
}

bool hal_climb_is_emulated(const hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    for (uint32_t i = 0; i < device->n_features; i++)
        if (strcmp(device->features[i], "emulated") == 0)
            return true;
    return false;
}

/* The sentence without its full stop. */
static int sentence_length(const char *summary)
{
    size_t length = strlen(summary);
    return (int)(length > 0 && summary[length - 1] == '.' ? length - 1 : length);
}

/* What the family's row advises on the rung of `code`; codes that it cannot help with keep their own. */
static const char *family_remedy(const hal_family *family, uint32_t code)
{
    switch (code) {
    case 201:
    case 202:
    case 204:
    case 208: return family->driver_remedy;
    case 301:
    case 302:
    case 303: return family->node_remedy;
    case 501:
    case 507:
    case 509: return family->library_remedy;
    default: return "";
    }
}

static void find(hal_climb *climb, uint32_t code, const char *remedy, const char *seen)
{
    const hal_code_row *row = row_of(code);
    hal_climb_note(climb, "%s", seen);
    hal_topology_diagnostic diagnostic = {.code = row->code,
                                          .severity = row->severity,
                                          .device = climb->device,
                                          .summary = row->summary,
                                          .evidence = seen,
                                          .cause = row->cause,
                                          .remedy = remedy[0] != '\0' ? remedy : row->remedy};
    hal_draft_add_diagnostic(climb->ladder->draft, &diagnostic);
    if (climb->code != 0 && row->severity <= climb->severity)
        return;
    climb->code = code;
    climb->severity = row->severity;
    climb->status = row->severity == HAL_SEVERITY_FAILURE   ? HAL_RUNG_FAIL
                    : row->severity == HAL_SEVERITY_WARNING ? HAL_RUNG_WARN
                                                            : HAL_RUNG_OK;
    snprintf(climb->sentence, sizeof climb->sentence, "%.*s: %s", sentence_length(row->summary), row->summary,
             seen);
}

void hal_climb_find(hal_climb *climb, uint32_t code, const char *format, ...)
{
    char seen[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen, sizeof seen, format, arguments);
    va_end(arguments);
    find(climb, code, family_remedy(climb->family, code), seen);
}

void hal_climb_advise(hal_climb *climb, uint32_t code, const char *remedy, const char *format, ...)
{
    char seen[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen, sizeof seen, format, arguments);
    va_end(arguments);
    find(climb, code, remedy, seen);
}

const hal_topology_device *hal_climb_whole(const hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    const hal_topology_device *whole = hal_draft_device(climb->ladder->draft, device->parent);
    return whole != NULL && strcmp(whole->address, device->address) == 0 ? whole : NULL;
}

void hal_climb_inherit(hal_climb *climb, const hal_topology_device *from)
{
    climb->code = (uint32_t)strtoul(from->reason + 1, NULL, 10);
    climb->severity = HAL_SEVERITY_FAILURE;
    climb->status = HAL_RUNG_FAIL;
    snprintf(climb->sentence, sizeof climb->sentence, "%.1200s", from->reason_text);
}

void hal_ladder_report(hal_ladder *ladder, uint32_t code, const char *format, ...)
{
    char seen[768];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(seen, sizeof seen, format, arguments);
    va_end(arguments);
    const hal_code_row *row = row_of(code);
    hal_topology_diagnostic diagnostic = {.code = row->code,
                                          .severity = row->severity,
                                          .device = HAL_NOWHERE,
                                          .summary = row->summary,
                                          .evidence = seen,
                                          .cause = row->cause,
                                          .remedy = row->remedy};
    hal_draft_add_diagnostic(ladder->draft, &diagnostic);
}

const char *hal_climb_attribute(const hal_climb *climb, const char *name, char *text, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", climb->directory, name);
    if (climb->directory[0] == '\0' || hal_files_read(climb->ladder->files, path, text, size) < 0)
        text[0] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return text;
}

bool hal_ladder_is_of(const hal_ladder *ladder, uint32_t index, const char *family)
{
    const hal_topology_device *device = hal_draft_device(ladder->draft, index);
    return device != NULL && strcmp(device->family, family) == 0;
}

/* Directory of the device, or of the one that it is a part of. */
static void find_directory(hal_climb *climb)
{
    static const char *const buses[] = {"/sys/bus/pci/devices", "/sys/bus/platform/devices",
                                        "/sys/bus/usb/devices"};
    const hal_topology_device *device = hal_climb_device(climb);
    for (int depth = 0; device != NULL && depth < 4; depth++) {
        for (size_t i = 0; i < sizeof buses / sizeof buses[0]; i++) {
            snprintf(climb->directory, sizeof climb->directory, "%s/%.128s", buses[i], device->address);
            if (device->address[0] != '\0' && hal_files_exist(climb->ladder->files, climb->directory))
                return;
        }
        device = hal_draft_device(climb->ladder->draft, device->parent);
    }
    climb->directory[0] = '\0';
}

static void keep_rung(hal_climb *climb, uint32_t number, int64_t begin)
{
    char code[16];
    snprintf(code, sizeof code, "D%" PRIu32, climb->code != 0 ? climb->code : number);
    /* Of a recorded machine the time of reading means nothing, and would make two readings differ. */
    hal_rung rung = {.code = code,
                     .status = climb->status,
                     .evidence = climb->evidence,
                     .nanoseconds = hal_files_live(climb->ladder->files) ? hal_time_now() - begin : 0};
    hal_draft_device_rung(climb->ladder->draft, climb->device, &rung);
}

static void climb_rung(hal_climb *climb, uint32_t number)
{
    int64_t begin = hal_time_now();
    climb->status = HAL_RUNG_OK;
    climb->code = climb->severity = 0;
    climb->evidence[0] = climb->sentence[0] = '\0';
    if (climb->broken != 0)
        hal_climb_skip(climb, "not reached");
    else if (number >= 3 && number <= 8 && strcmp(hal_climb_device(climb)->reason, "D907") == 0)
        hal_climb_skip(climb, "the container was started without it");
    else
        rungs[number - 1](climb);
    keep_rung(climb, number, begin);
    if (climb->status == HAL_RUNG_FAIL) {
        climb->broken = climb->code;
        memcpy(climb->broken_text, climb->sentence, sizeof climb->broken_text);
    } else if (climb->status == HAL_RUNG_WARN && climb->warned == 0) {
        climb->warned = climb->code;
        memcpy(climb->warned_text, climb->sentence, sizeof climb->warned_text);
    }
}

static void conclude(hal_climb *climb, uint32_t answered)
{
    hal_draft *draft = climb->ladder->draft;
    hal_topology_device *device = hal_climb_device(climb);
    uint32_t code = climb->broken, usability = HAL_USABLE_BROKEN;
    const char *text = climb->broken_text;
    bool computes = device->kind != HAL_DEVICE_NIC && device->kind != HAL_DEVICE_SWITCH;
    if (device->usability == HAL_USABLE_HIDDEN && (code == 0 || code / 100 == 9))
        return;
    if (code == 0 && computes && climb->family->backend[0] == '\0') {
        code = 1001;
        usability = HAL_USABLE_NO_BACKEND;
        text = row_of(code)->summary;
    } else if (code == 0 && climb->warned != 0) {
        code = climb->warned;
        usability = HAL_USABLE_DEGRADED;
        text = climb->warned_text;
    } else if (code == 0) {
        usability = answered == HAL_RUNG_OK || device->kind == HAL_DEVICE_CPU ? HAL_USABLE_READY
                                                                              : HAL_USABLE_NOT_PROBED;
        text = "";
    }
    device->usability = usability;
    device->reason = code != 0 ? row_of(code)->code : "";
    device->reason_text = hal_draft_text(draft, text);
}

static void climb_device(hal_ladder *ladder, uint32_t index)
{
    hal_climb climb = {.ladder = ladder, .device = index};
    const hal_topology_device *device = hal_climb_device(&climb);
    climb.family = hal_family_find(device->family);
    if (climb.family == NULL)
        climb.family = device->kind == HAL_DEVICE_CPU ? hal_family_find("cpu") : &unknown;
    find_directory(&climb);
    uint32_t answered = HAL_RUNG_SKIP;
    for (uint32_t number = 1; number <= HAL_RUNGS; number++) {
        climb_rung(&climb, number);
        if (number == 8)
            answered = climb.status;
    }
    conclude(&climb, answered);
}

static bool begin(hal_ladder *ladder)
{
    const hal_topology_host *host = hal_draft_host(ladder->draft);
    ladder->nodes_told = hal_files_exist(ladder->files, "/dev");
    ladder->firmware_told = hal_files_exist(ladder->files, "/lib/firmware");
    ladder->search = hal_search_create(ladder->files, host->arch);
    return ladder->search != NULL && hal_manifests_read(ladder->files, ladder->search, &ladder->manifests);
}

hal_status hal_ladder_climb(const hal_files *files, hal_draft *draft)
{
    hal_ladder ladder = {.files = files, .draft = draft};
    ladder.starved = !begin(&ladder);
    for (uint32_t i = 0; !ladder.starved && i < hal_draft_device_count(draft); i++)
        climb_device(&ladder, i);
    if (!ladder.starved) {
        hal_ladder_survey(&ladder);
        hal_ladder_survey_manifests(&ladder);
        hal_ladder_survey_answers(&ladder);
    }
    hal_manifests_free(files, &ladder.manifests);
    hal_search_destroy(ladder.search);
    hal_deallocate(files->allocator, ladder.libraries);
    hal_deallocate(files->allocator, ladder.log);
    hal_deallocate(files->allocator, ladder.modules);
    /* Whatever ran out has left its words. */
    return ladder.starved ? HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY) : HAL_OK;
}
