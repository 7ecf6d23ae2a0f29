/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenCL drivers are registered by files NAME.icd of one line, the library's name or path, in
 * /etc/OpenCL/vendors or where OCL_ICD_VENDORS (a directory or one file) or OPENCL_VENDOR_PATH (a directory)
 * say. Loaders skip what they cannot use without a word; here each file gets a verdict.
 */
#ifndef HAL_DISCOVERY_MANIFEST_H
#define HAL_DISCOVERY_MANIFEST_H

#include "hal/discovery/search.h"

typedef struct hal_manifest {
    char path[1024];
    char library[256]; /* its first line */
    hal_found found;   /* that library */
    uint32_t code;     /* 702 to 705 when it is of no use, else 0 */
    int error;         /* errno of reading it */
} hal_manifest;

/* At most this many are looked at. */
#define HAL_MANIFESTS_MOST 64

typedef struct hal_manifests {
    hal_manifest *items;
    uint32_t count;
    int error;            /* errno of listing the directory, ENOENT included */
    char directory[512];  /* or the one file that a variable names */
    const char *variable; /* that names it, or NULL */
} hal_manifests;

/* False when out of memory. */
bool hal_manifests_read(const hal_files *files, const hal_search *search, hal_manifests *manifests);
void hal_manifests_free(const hal_files *files, hal_manifests *manifests);

#endif
