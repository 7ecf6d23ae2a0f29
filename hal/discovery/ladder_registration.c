/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D7: what loads drivers by a list finds this one's. Of the machine: .icd files that are of no use,
 * which OpenCL loaders pass over in silence. Variables: OCL_ICD_VENDORS (ocl-icd), OPENCL_VENDOR_PATH (both
 * loaders), ZE_ENABLE_ALT_DRIVERS.
 */
#include "hal/discovery/ladder.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* True when an .icd file of one of these names is in order. */
static bool is_registered(hal_climb *climb)
{
    const hal_manifests *manifests = &climb->ladder->manifests;
    for (uint32_t i = 0; i < manifests->count; i++) {
        const hal_manifest *manifest = &manifests->items[i];
        if (manifest->code == 0 && hal_word_listed(climb->family->icd, base_name(manifest->path))) {
            hal_climb_note(climb, "%s names %s", manifest->path, manifest->library);
            return true;
        }
    }
    return false;
}

static void check_opencl(hal_climb *climb)
{
    const hal_manifests *manifests = &climb->ladder->manifests;
    char standard[512], name[128];
    if (is_registered(climb))
        return;
    for (const char *rest = climb->family->icd;
         manifests->variable != NULL && hal_word_next(&rest, '|', name, sizeof name);) {
        snprintf(standard, sizeof standard, "/etc/OpenCL/vendors/%s", name);
        if (hal_files_exist(climb->ladder->files, standard)) {
            hal_climb_find(climb, 706, "%s=%s leaves out %s", manifests->variable, manifests->directory,
                           standard);
            return;
        }
    }
    hal_climb_find(climb, 701, "no usable %s in %s", climb->family->icd, manifests->directory);
}

static void check_level_zero(hal_climb *climb)
{
    const char *drivers = hal_files_env(climb->ladder->files, "ZE_ENABLE_ALT_DRIVERS");
    if (drivers != NULL && drivers[0] != '\0')
        hal_climb_find(climb, 709, "ZE_ENABLE_ALT_DRIVERS=%s", drivers);
    else
        hal_climb_note(climb, "the Level Zero loader knows the driver library by name");
}

void hal_rung_registration(hal_climb *climb)
{
    uint32_t flags = climb->family->flags;
    if ((flags & (HAL_FAMILY_OPENCL | HAL_FAMILY_LEVEL_ZERO)) == 0) {
        hal_climb_skip(climb, "its library needs no registration");
        return;
    }
    if (!hal_search_possible(climb->ladder->search)) {
        hal_climb_skip(climb, "directories of libraries were not recorded");
        return;
    }
    if ((flags & HAL_FAMILY_LEVEL_ZERO) != 0)
        check_level_zero(climb);
    if ((flags & HAL_FAMILY_OPENCL) != 0)
        check_opencl(climb);
}

static void report_manifest(hal_ladder *ladder, const hal_manifest *manifest)
{
    const hal_found *found = &manifest->found;
    switch (manifest->code) {
    case 702: hal_ladder_report(ladder, 702, "%s is empty", manifest->path); break;
    case 703:
        if (found->state == HAL_FOUND_NOTHING)
            hal_ladder_report(ladder, 703, "%s names %s, which is nowhere", manifest->path,
                              manifest->library);
        else
            hal_ladder_report(ladder, 703, "%s names %s, which %s %s", manifest->path, manifest->library,
                              found->state == HAL_FOUND_DANGLING ? "is a link to"
                                                                 : "lies where the loader does not look:",
                              found->state == HAL_FOUND_DANGLING ? found->what : found->path);
        break;
    case 704:
        hal_ladder_report(ladder, 704, "%s names %s: %s is %s", manifest->path, manifest->library,
                          found->path, found->what);
        break;
    default:
        hal_ladder_report(ladder, 705, "%s: %s", manifest->path,
                          manifest->error != 0 ? strerror(manifest->error) : "bytes that are no text");
    }
}

static void report_twice(hal_ladder *ladder, const hal_manifests *manifests, uint32_t index)
{
    const hal_manifest *manifest = &manifests->items[index];
    for (uint32_t i = 0; i < index; i++)
        if (manifests->items[i].code == 0 && strcmp(manifests->items[i].library, manifest->library) == 0) {
            hal_ladder_report(ladder, 708, "%s and %s name %s", manifests->items[i].path, manifest->path,
                              manifest->library);
            return;
        }
}

void hal_ladder_survey_manifests(hal_ladder *ladder)
{
    const hal_manifests *manifests = &ladder->manifests;
    hal_found loader;
    uint32_t good = 0;
    if (manifests->error != 0 && (manifests->error != ENOENT || manifests->variable != NULL))
        hal_ladder_report(ladder, 710, "%s%s%s: %s", manifests->variable != NULL ? manifests->variable : "",
                          manifests->variable != NULL ? "=" : "", manifests->directory,
                          strerror(manifests->error));
    for (uint32_t i = 0; i < manifests->count; i++) {
        good += manifests->items[i].code == 0;
        if (manifests->items[i].code != 0)
            report_manifest(ladder, &manifests->items[i]);
        else
            report_twice(ladder, manifests, i);
    }
    if (good == 0 || !hal_search_possible(ladder->search))
        return;
    hal_search_find(ladder->search, "libOpenCL.so.1", "", &loader);
    if (loader.state != HAL_FOUND_LOADABLE)
        hal_ladder_report(ladder, 707, "libOpenCL.so.1 is not where the loader looks; %u .icd files in %s",
                          good, manifests->directory);
}
