/* SPDX-License-Identifier: Apache-2.0 */
/* The library stays loaded for the life of the process: the driver starts threads, and does not survive being unloaded. */
#include "api.h"

#include <dlfcn.h>
#include <stdio.h>

static void *open_library(char *why, size_t size) {
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libcuda.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(why, size, "the CUDA driver could not be opened: %s", dlerror());
    return library;
}

static void *find(void *library, const char *symbol, const char *older) {
    void *found = dlsym(library, symbol);
    return found || !older ? found : dlsym(library, older);
}

static bool fill(hal_cuda_api *api, void *library, char *why, size_t size) {
#define OPTIONAL(name, symbol, older) \
    *(void **)&api->name = find(library, symbol, older);
#define NEEDED(name, symbol) \
    *(void **)&api->name = find(library, symbol, NULL); \
    if (!api->name) { \
        snprintf(why, size, "the CUDA driver has no %s: it is older than CUDA 11.0; install a newer driver", symbol); \
        return false; \
    }
#include "api.def"
    api->emulated = dlsym(library, "hal_emulated_cuda");
    return true;
}

/* What to do about a driver that does not start, where its own words do not tell. */
static const char *advice(CUresult code) {
    if (code == CUDA_ERROR_NOT_INITIALIZED)
        return "; a process that was forked by one which uses CUDA cannot: start it anew (exec), or use CUDA in it alone";
    return code == CUDA_ERROR_NO_DEVICE ? "; is CUDA_VISIBLE_DEVICES set?" : "";
}

bool hal_cuda_api_load(hal_cuda_api *api, CUresult *code, char *why, size_t size) {
    void *library = open_library(why, size);
    *code = CUDA_SUCCESS;
    if (!library || !fill(api, library, why, size)) return false;
    *code = api->cuInit(0);
    if (*code != CUDA_SUCCESS) snprintf(why, size, "cuInit: %s (%d): %s%s", hal_cuda_code_name(api, *code), *code,
        hal_cuda_code_text(api, *code), advice(*code));
    return *code == CUDA_SUCCESS;
}

const char *hal_cuda_code_name(const hal_cuda_api *api, CUresult code) {
    const char *name = NULL;
    return api->cuGetErrorName(code, &name) == CUDA_SUCCESS && name ? name : "an unknown code";
}

const char *hal_cuda_code_text(const hal_cuda_api *api, CUresult code) {
    const char *text = NULL;
    return api->cuGetErrorString(code, &text) == CUDA_SUCCESS && text ? text : "the driver knows no such code";
}
