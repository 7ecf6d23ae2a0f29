/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D6: the layers are of releases that go together, as far as names of files and version files tell. The
 * whole chain is the evidence. Sources: NVIDIA's library refuses a kernel module of another release;
 * intel/linux-npu-driver on the loader that looks for an old name;
 * /usr/local/Ascend/{driver,firmware}/version.info as its installers write and compare it.
 */
#include "hal/discovery/ladder.h"

#include <stdio.h>
#include <string.h>

#define ASCEND_DRIVER   "/usr/local/Ascend/driver/version.info"
#define ASCEND_FIRMWARE "/usr/local/Ascend/firmware/version.info"

static void check_same(hal_climb *climb, const hal_family_libraries *libraries)
{
    const hal_topology_device *device = hal_climb_device(climb);
    for (uint32_t i = 0; i < libraries->count; i++) {
        const hal_found *found = &libraries->found[i];
        if (found->version[0] == '\0' || device->driver_version[0] == '\0')
            continue;
        if (strcmp(found->version, device->driver_version) != 0) {
            hal_climb_find(climb, 601, "kernel module %s is %s, %s is %s (%s)", device->driver,
                           device->driver_version, found->name, found->version, found->real);
            return;
        }
    }
}

static void check_loader(hal_climb *climb, const hal_family_libraries *libraries)
{
    const hal_found *loader = &libraries->found[0], *driver = &libraries->found[1];
    if (libraries->count >= 2 && loader->version[0] != '\0' &&
        hal_version_compare(loader->version, HAL_LOADER_WITH_NEW_NAME) < 0 &&
        driver->state == HAL_FOUND_LOADABLE && strncmp(driver->name, "libze_intel_npu", 15) == 0)
        hal_climb_find(climb, 602, "%s is %s, below %s; it looks for libze_intel_vpu.so, here is %s",
                       loader->name, loader->version, HAL_LOADER_WITH_NEW_NAME, driver->path);
}

/* The value of "KEY=..." in a file of such lines; false when there is none. */
static bool value_of(const hal_files *files, const char *path, const char *key, char *value, size_t size)
{
    char text[4096], line[512];
    if (hal_files_read(files, path, text, sizeof text) < 0)
        return false;
    size_t length = strlen(key);
    for (const char *rest = text; hal_word_next(&rest, '\n', line, sizeof line);)
        if (strncmp(line, key, length) == 0 && line[length] == '=') {
            snprintf(value, size, "%s", line + length + 1);
            return true;
        }
    return false;
}

/* True when the version lies in one of the ranges "[7.0.0,7.5.99],[8.0.0,8.9.9]". */
static bool in_ranges(const char *version, const char *ranges)
{
    for (const char *at = ranges; (at = strchr(at, '[')) != NULL; at++) {
        char low[64] = "", high[64] = "";
        if (sscanf(at, "[%63[^],],%63[^]]", low, high) == 2 && hal_version_compare(version, low) >= 0 &&
            hal_version_compare(version, high) <= 0)
            return true;
    }
    return false;
}

static void check_ascend(hal_climb *climb)
{
    const hal_files *files = climb->ladder->files;
    char driver[64] = "", firmware[64] = "", ranges[512] = "";
    bool has_driver = value_of(files, ASCEND_DRIVER, "Version", driver, sizeof driver);
    bool has_firmware = value_of(files, ASCEND_FIRMWARE, "Version", firmware, sizeof firmware);
    if (has_driver)
        hal_climb_note(climb, "driver package %s", driver);
    if (has_firmware)
        hal_climb_note(climb, "firmware package %s", firmware);
    if (has_driver && has_firmware &&
        value_of(files, ASCEND_DRIVER, "compatible_version_fw", ranges, sizeof ranges) &&
        !in_ranges(firmware, ranges))
        hal_climb_find(climb, 604, "driver %s takes firmware %s, installed is %s", driver, ranges, firmware);
}

/* CANN writes its release beside itself. */
static void note_toolkit(hal_climb *climb)
{
    static const char *const keys[] = {"toolkit_installed_version", "toolkit_running_version", "Version",
                                       "version"};
    static const char *const files[] = {"version.cfg", "opp/version.info", "compiler/version.info"};
    const char *home = hal_files_env(climb->ladder->files, "ASCEND_HOME_PATH");
    char path[512], version[128];
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
            snprintf(path, sizeof path, "%.400s/%s",
                     home != NULL ? home : "/usr/local/Ascend/ascend-toolkit/latest", files[i]);
            if (value_of(climb->ladder->files, path, keys[k], version, sizeof version)) {
                hal_climb_note(climb, "toolkit %s", version);
                return;
            }
        }
}

static void note_chain(hal_climb *climb, const hal_family_libraries *libraries)
{
    const hal_topology_device *device = hal_climb_device(climb);
    const hal_topology_host *host = hal_draft_host(climb->ladder->draft);
    if (host->kernel[0] != '\0')
        hal_climb_note(climb, "kernel %s", host->kernel);
    if (device->driver[0] != '\0' && device->driver_version[0] != '\0')
        hal_climb_note(climb, "driver %s %s", device->driver, device->driver_version);
    if (device->firmware[0] != '\0')
        hal_climb_note(climb, "firmware %s", device->firmware);
    for (uint32_t i = 0; i < libraries->count; i++)
        if (libraries->found[i].version[0] != '\0')
            hal_climb_note(climb, "%s %s", libraries->found[i].name, libraries->found[i].version);
    if (device->required_version[0] != '\0')
        hal_climb_note(climb, "asks for driver %s", device->required_version);
}

/* The library's version where nobody has said it yet. */
static void tell_version(hal_climb *climb, const hal_family_libraries *libraries)
{
    hal_topology_device *device = hal_climb_device(climb);
    if (device->user_version[0] == '\0' && libraries->count > 0 &&
        libraries->found[0].state <= HAL_FOUND_OUTSIDE)
        device->user_version = hal_draft_text(climb->ladder->draft, libraries->found[0].version);
}

void hal_rung_version(hal_climb *climb)
{
    static const hal_family_libraries none = {0};
    bool told = climb->family->libraries[0] != '\0' && hal_search_possible(climb->ladder->search);
    const hal_family_libraries *libraries = told ? hal_ladder_libraries(climb->ladder, climb->family) : &none;
    if (climb->family->libraries[0] == '\0' || libraries == NULL) {
        hal_climb_skip(climb, "no versions to compare");
        return;
    }
    tell_version(climb, libraries);
    note_chain(climb, libraries);
    if ((climb->family->flags & HAL_FAMILY_SAME_VERSION) != 0)
        check_same(climb, libraries);
    if ((climb->family->flags & HAL_FAMILY_LEVEL_ZERO) != 0)
        check_loader(climb, libraries);
    if (strcmp(climb->family->name, "ascend") == 0) {
        check_ascend(climb);
        note_toolkit(climb);
    }
}
