/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loader opens every driver that is installed. One that died, hung or talked nonsense when the core's child asked it
 * told of no device; it must not get into this process. Where such a one may be, a driver is opened without the loader.
 * Where loaders look: manuals of ocl-icd and of Khronos' loader.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "opencl.h"

#define STANDARD_DIRECTORY "/etc/OpenCL/vendors"

static bool is_set(const char *value) { return value && *value; }

static bool told_of(hal_opencl_state *state, const char *manifest) {
    hal_vendor_device told;
    bool found = false;
    for (uint32_t i = 0; !found && hal_claims_get(&state->claims, i, &told); i++) found = strcmp(told.manifest, manifest) == 0;
    return found;
}

static bool ends_in_icd(const char *name) {
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".icd") == 0;
}

/* The first .icd file of a directory that told of no device, into `silent`. */
static bool all_told(hal_opencl_state *state, const char *directory, char *silent, size_t size) {
    DIR *d = opendir(directory);
    bool told = true;
    for (struct dirent *e; d && told && (e = readdir(d)) != NULL;) {
        if (!ends_in_icd(e->d_name)) continue;
        snprintf(silent, size, "%s/%s", directory, e->d_name);
        told = told_of(state, silent);
    }
    if (d) closedir(d);
    return told;
}

bool hal_opencl_neighbours_sound(hal_opencl_state *state, char *silent, size_t size) {
    const char *vendors = secure_getenv("OCL_ICD_VENDORS"), *path = secure_getenv("OPENCL_VENDOR_PATH");
    struct stat facts;
    if (is_set(secure_getenv("OCL_ICD_FILENAMES"))) {
        snprintf(silent, size, "OCL_ICD_FILENAMES");
        return false;
    }
    if (!is_set(vendors)) return all_told(state, is_set(path) ? path : STANDARD_DIRECTORY, silent, size);
    if (stat(vendors, &facts) == 0 && S_ISDIR(facts.st_mode)) return all_told(state, vendors, silent, size);
    snprintf(silent, size, "%s", vendors);
    return told_of(state, vendors);
}
