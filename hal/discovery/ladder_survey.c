/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with the machine as a whole: parts of a stack without their device, and what touches all
 * devices. Models of processors that have an NPU: the kernel's arch/x86/include/asm/intel-family.h (6/170
 * Meteor Lake, 6/181, 6/197 and 6/198 Arrow Lake, 6/189 Lunar Lake, 6/204 Panther Lake). Bits of "tainted":
 * Documentation/admin-guide/tainted-kernels.
 */
#include "hal/discovery/ladder.h"
#include "hal/discovery/files_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TAINT_FORCED = 1 << 1, TAINT_MACHINE_CHECK = 1 << 4 };

static bool family_is_here(const hal_ladder *ladder, const char *name)
{
    for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++)
        if (hal_ladder_is_of(ladder, i, name))
            return true;
    return false;
}

/* True when a row with a device here names this driver or library too: then it says nothing on a row without
 * one. */
static bool is_shared(const hal_ladder *ladder, const hal_family *family, const char *word)
{
    const hal_family *other;
    for (uint32_t i = 0; (other = hal_family_at(i)) != NULL; i++)
        if (other != family && family_is_here(ladder, other->name) &&
            (hal_word_listed(other->drivers, word) || hal_word_listed(other->libraries, word)))
            return true;
    return false;
}

static void survey_module(hal_ladder *ladder, const hal_family *family)
{
    char name[128];
    for (const char *rest = family->drivers; hal_word_next(&rest, ' ', name, sizeof name);)
        if (strcmp(name, "vfio-pci") != 0 && hal_ladder_module_loaded(ladder, name) &&
            !is_shared(ladder, family, name)) {
            hal_ladder_report(ladder, 110, "/sys/module has %s, and no device of %s is here", name,
                              family->title);
            return;
        }
}

/* A loader library serves several vendors, so that it says nothing on any of them. */
static void survey_library(hal_ladder *ladder, const hal_family *family)
{
    char names[256];
    hal_found found;
    const char *rest = family->libraries;
    if ((family->flags & HAL_FAMILY_LEVEL_ZERO) != 0 && hal_word_next(&rest, ' ', names, sizeof names))
        rest += strspn(rest, " ");
    if (!hal_word_next(&rest, ' ', names, sizeof names))
        return;
    if (hal_search_glance(ladder->search, names, &found) && !is_shared(ladder, family, found.name))
        hal_ladder_report(ladder, 112, "%s (%s), and no device of %s is here", found.path, found.where,
                          family->title);
}

/* Nodes whose names only this family has, without any driver of it. */
static void survey_node(hal_ladder *ladder, const hal_family *family)
{
    char names[256], path[256], name[128];
    for (const char *rest = family->drivers; hal_word_next(&rest, ' ', name, sizeof name);)
        if (hal_ladder_module_loaded(ladder, name))
            return;
    for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++)
        if (hal_ladder_is_of(ladder, i, family->name) &&
            hal_draft_device(ladder->draft, i)->driver[0] != '\0')
            return;
    for (const char *rest = family->shared_nodes; hal_word_next(&rest, ' ', names, sizeof names);)
        for (const char *choices = names; hal_word_next(&choices, '|', path, sizeof path);)
            if (hal_files_exist(ladder->files, path)) {
                hal_ladder_report(ladder, 304, "%s is there, and no driver of %s is loaded", path,
                                  family->title);
                return;
            }
}

static bool holds_anything(hal_ladder *ladder, const char *directory)
{
    hal_names names;
    if (!hal_ladder_list(ladder, directory, &names))
        return false;
    const bool any = names.count != 0;
    hal_files_names_free(ladder->files, &names);
    return any;
}

/* Where nothing can be seen, an empty list is no answer. */
static void survey_tree(hal_ladder *ladder)
{
    static const char *const directories[] = {"/sys/devices", "/sys/class", "/sys/bus"};
    for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++)
        if (holds_anything(ladder, directories[i]))
            return;
    hal_ladder_report(ladder, 113, "/sys: %s",
                      hal_files_exist(ladder->files, "/sys") ? "no devices can be seen in it"
                      : hal_files_live(ladder->files)        ? "it is not there"
                                                             : "not recorded");
}

static void survey_families(hal_ladder *ladder)
{
    const hal_family *family;
    for (uint32_t i = 0; (family = hal_family_at(i)) != NULL; i++) {
        if (family->kind != HAL_DEVICE_GPU && family->kind != HAL_DEVICE_NPU)
            continue;
        survey_node(ladder, family);
        if (family_is_here(ladder, family->name))
            continue;
        survey_module(ladder, family);
        survey_library(ladder, family);
    }
}

static long field(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    const char *colon = at != NULL ? strchr(at, ':') : NULL;
    return colon != NULL ? strtol(colon + 1, NULL, 10) : -1;
}

static void survey_processor(hal_ladder *ladder)
{
    static const long models[] = {170, 181, 189, 197, 198, 204};
    char text[1024];
    if (family_is_here(ladder, "intel-npu") ||
        hal_files_read(ladder->files, "/proc/cpuinfo", text, sizeof text) < 0 ||
        strstr(text, "GenuineIntel") == NULL || field(text, "cpu family") != 6)
        return;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
        if (field(text, "model\t") == models[i])
            hal_ladder_report(ladder, 111, "/proc/cpuinfo: family 6 model %ld; no Intel NPU on the bus",
                              models[i]);
}

/* Peer copies are what translation harms, so one device alone is not spoken of. */
static void survey_translation(hal_ladder *ladder)
{
    uint32_t translated = 0;
    char path[512], type[64], first[256] = "", kind[64] = "";
    for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++) {
        const hal_topology_device *device = hal_draft_device(ladder->draft, i);
        if ((device->kind != HAL_DEVICE_GPU && device->kind != HAL_DEVICE_NPU) ||
            device->parent != HAL_NOWHERE)
            continue;
        snprintf(path, sizeof path, "/sys/bus/pci/devices/%.128s/iommu_group/type", device->address);
        if (hal_files_read(ladder->files, path, type, sizeof type) < 0 || strncmp(type, "DMA", 3) != 0)
            continue;
        if (translated++ == 0) {
            snprintf(first, sizeof first, "%.200s", path);
            snprintf(kind, sizeof kind, "%s", type);
        }
    }
    if (translated > 1)
        hal_ladder_report(ladder, 108, "%s says %s, as for %u devices", first, kind, translated);
}

static void survey_taint(hal_ladder *ladder)
{
    int64_t taint;
    if (hal_files_number(ladder->files, "/proc/sys/kernel/tainted", &taint) &&
        (taint & (TAINT_FORCED | TAINT_MACHINE_CHECK)) != 0)
        hal_ladder_report(ladder, 212, "/proc/sys/kernel/tainted is %lld:%s%s", (long long)taint,
                          (taint & TAINT_FORCED) != 0 ? " a module was loaded by force" : "",
                          (taint & TAINT_MACHINE_CHECK) != 0 ? " the processor has reported a hardware error"
                                                             : "");
}

void hal_ladder_survey(hal_ladder *ladder)
{
    survey_tree(ladder);
    survey_families(ladder);
    survey_processor(ladder);
    survey_translation(ladder);
    survey_taint(ladder);
}
