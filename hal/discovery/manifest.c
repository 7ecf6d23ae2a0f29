/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/manifest.h"
#include "hal/discovery/files_source.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define STANDARD_DIRECTORY "/etc/OpenCL/vendors"

static bool is_text(const char *text, ssize_t bytes)
{
    for (ssize_t i = 0; i < bytes; i++)
        if (iscntrl((unsigned char)text[i]) && strchr("\t\r\n", text[i]) == NULL)
            return false;
    return (size_t)bytes == strlen(text);
}

static uint32_t code_of_library(const hal_found *found)
{
    switch (found->state) {
    case HAL_FOUND_NOTHING:
    case HAL_FOUND_DANGLING:
    case HAL_FOUND_OUTSIDE: return 703;
    case HAL_FOUND_FOREIGN:
    case HAL_FOUND_BROKEN: return 704;
    default: return 0;
    }
}

static void read_manifest(const hal_files *files, const hal_search *search, hal_manifest *manifest)
{
    char text[1024];
    ssize_t bytes = hal_files_read(files, manifest->path, text, sizeof text);
    if (bytes < 0 || !is_text(text, bytes)) {
        manifest->error = bytes < 0 ? errno : 0;
        manifest->code = 705;
        return;
    }
    size_t blank = strspn(text, " \t\r\n"), length = strcspn(text + blank, "\r\n");
    while (length > 0 && isblank((unsigned char)text[blank + length - 1]))
        length--;
    snprintf(manifest->library, sizeof manifest->library, "%.*s", (int)length, text + blank);
    if (manifest->library[0] == '\0') {
        manifest->code = 702;
        return;
    }
    hal_search_find(search, manifest->library, "", &manifest->found);
    if (hal_search_possible(search) || manifest->library[0] == '/')
        manifest->code = code_of_library(&manifest->found);
}

static bool ends_in_icd(const char *name)
{
    size_t length = strlen(name);
    return length > 4 && strcmp(name + length - 4, ".icd") == 0;
}

static void choose_directory(const hal_files *files, hal_manifests *manifests)
{
    static const char *const variables[] = {"OCL_ICD_VENDORS", "OPENCL_VENDOR_PATH"};
    snprintf(manifests->directory, sizeof manifests->directory, STANDARD_DIRECTORY);
    for (size_t i = 0; i < 2; i++) {
        const char *value = hal_files_env(files, variables[i]);
        if (value != NULL && value[0] == '/') {
            snprintf(manifests->directory, sizeof manifests->directory, "%s", value);
            manifests->variable = variables[i];
            return;
        }
    }
}

static bool make_room(const hal_files *files, uint32_t most, hal_manifests *manifests)
{
    manifests->items = most > 0 ? hal_allocate_array(files->allocator, most, sizeof *manifests->items) : NULL;
    return most == 0 || manifests->items != NULL;
}

/* The one of that name in the directory; without a name, the "directory" itself. */
static void add(const hal_files *files, const hal_search *search, const char *name, hal_manifests *manifests)
{
    hal_manifest *manifest = &manifests->items[manifests->count++];
    snprintf(manifest->path, sizeof manifest->path, "%s%s%s", manifests->directory, name != NULL ? "/" : "",
             name != NULL ? name : "");
    read_manifest(files, search, manifest);
}

bool hal_manifests_read(const hal_files *files, const hal_search *search, hal_manifests *manifests)
{
    hal_names names = {0};
    memset(manifests, 0, sizeof *manifests);
    choose_directory(files, manifests);
    if (ends_in_icd(manifests->directory)) {
        const bool room = make_room(files, 1, manifests);
        if (room)
            add(files, search, NULL, manifests);
        return room;
    }
    if (!hal_files_list(files, manifests->directory, &names)) {
        manifests->error = errno;
        return errno != ENOMEM;
    }
    const uint32_t most = names.count < HAL_MANIFESTS_MOST ? names.count : HAL_MANIFESTS_MOST;
    const bool room = make_room(files, most, manifests);
    for (uint32_t i = 0; room && i < most; i++)
        if (ends_in_icd(names.items[i]))
            add(files, search, names.items[i], manifests);
    hal_files_names_free(files, &names);
    return room;
}

void hal_manifests_free(const hal_files *files, hal_manifests *manifests)
{
    hal_deallocate(files->allocator, manifests->items);
    manifests->items = NULL;
    manifests->count = 0;
}
