/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rung D10: hal's own part. Whether the backend's plugin would be loaded is read off its file as the loader
 * would, without loading it: where it is, whether it may be trusted, which interface it was built for.
 */
#include "hal/discovery/ladder.h"
#include "hal/object.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reports what the loader would refuse; true when it would load the file. */
static bool is_sound(hal_climb *climb, int fd, const char *path)
{
    const uint32_t abi = HAL_BACKEND_ABI;
    hal_backend_note note;
    char hint[512] = "";
    if (hal_trust_file(fd, path, hint, sizeof hint) != HAL_OK || hal_note_read(fd, &note) != HAL_OK) {
        hal_climb_advise(climb, 1003, hint, "%s: %s", path, hal_status_last()->text);
        return false;
    }
    if (note.abi_min > abi || note.abi_max < abi) {
        hal_climb_find(climb, 1003, "%s is built for backend ABI %u to %u; this hal speaks %u", path,
                       note.abi_min, note.abi_max, abi);
        return false;
    }
    return true;
}

/* Looks into one directory; true when the plugin is there, whatever it is worth. */
static bool look_into(hal_climb *climb, const char *directory)
{
    char canonical[PATH_MAX], path[PATH_MAX + 64], hint[512] = "";
    int inside, fd;
    if (realpath(directory, canonical) == NULL)
        return false;
    snprintf(path, sizeof path, "%s/libhal_%s.so", canonical, climb->family->backend);
    if (access(path, F_OK) != 0)
        return false;
    if (hal_trust_directory(canonical, hint, sizeof hint, &inside) != HAL_OK) {
        hal_climb_advise(climb, 1003, hint, "%s: %s", path, hal_status_last()->text);
        return true;
    }
    fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        hal_climb_find(climb, 1003, "%s: %s", path, strerror(errno));
    else if (is_sound(climb, fd, path))
        hal_climb_note(climb, "%s is in order", path);
    if (fd >= 0)
        close(fd);
    close(inside);
    return true;
}

static void look_for_plugin(hal_climb *climb)
{
    const char *named = hal_files_env(climb->ladder->files, "HAL_PLUGIN_PATH");
    char directory[768];
    for (const char *rest = named != NULL ? named : "";
         hal_word_next(&rest, ':', directory, sizeof directory);)
        if (look_into(climb, directory))
            return;
    if (!look_into(climb, hal_loader_directory))
        hal_climb_find(climb, 1002, "no libhal_%s.so in %s%s%s", climb->family->backend,
                       named != NULL ? named : "", named != NULL ? ", " : "", hal_loader_directory);
}

/* Left out on purpose is not broken. */
static void hide(hal_climb *climb, const char *list)
{
    hal_topology_device *device = hal_climb_device(climb);
    hal_climb_find(climb, 908, "HAL_BACKENDS=%s", list);
    device->usability = HAL_USABLE_HIDDEN;
    device->reason = "D908";
    device->reason_text = hal_draft_text(climb->ladder->draft, climb->sentence);
}

static void climb_live(hal_climb *climb)
{
    const char *list = hal_files_env(climb->ladder->files, "HAL_BACKENDS");
    if (hal_loader_allows(list, climb->family->backend))
        look_for_plugin(climb);
    else
        hide(climb, list);
}

void hal_rung_backend(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    if (device->kind == HAL_DEVICE_NIC || device->kind == HAL_DEVICE_SWITCH) {
        hal_climb_skip(climb, "moves data and computes nothing");
    } else if (climb->family->backend[0] == '\0') {
        hal_climb_find(climb, 1001, "%s",
                       climb->family->title[0] != '\0' ? climb->family->title : "unknown family");
        climb->status = HAL_RUNG_SKIP;
    } else if (!hal_files_live(climb->ladder->files)) {
        hal_climb_note(climb, "backend %s", climb->family->backend);
    } else {
        climb_live(climb);
    }
}
