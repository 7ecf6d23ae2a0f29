/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libraries stay loaded for the life of the process: drivers start threads and register handlers, and do not survive
 * being unloaded.
 */
#include "api.h"

#include <CL/cl_icd.h>
#include <dlfcn.h>
#include <stdio.h>

/* ------------------------------------------------------------------------------------------ the loader -- */

static void *open_loader(char *why, size_t size) {
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) library = dlopen("libOpenCL.so", RTLD_NOW | RTLD_LOCAL);
    if (!library) snprintf(why, size, "the OpenCL loader could not be opened: %s", dlerror());
    return library;
}

bool hal_opencl_api_load(hal_opencl_api *api, char *why, size_t size) {
    void *library = open_loader(why, size);
    if (!library) return false;
#define OPTIONAL(name) *(void **)&api->name = dlsym(library, #name);
#define NEEDED(name) \
    OPTIONAL(name) \
    if (!api->name) { \
        snprintf(why, size, "the OpenCL loader has no %s; it is older than OpenCL 1.2", #name); \
        return false; \
    }
#include "api.def"
    return true;
}

/* --------------------------------------------------------------------------- a driver without the loader -- */

typedef void *(CL_API_CALL *find_function)(const char *name);
typedef cl_int (CL_API_CALL *list_platforms)(cl_uint capacity, cl_platform_id *platforms, cl_uint *n);

/* A driver need not export the function itself. */
static list_platforms find_lister(void *library) {
    const char *const name = "clIcdGetPlatformIDsKHR";
    list_platforms list = NULL;
    find_function find = NULL;
    *(void **)&list = dlsym(library, name);
    if (list) return list;
    *(void **)&find = dlsym(library, "clGetExtensionFunctionAddress");
    if (find) *(void **)&list = find(name);
    return list;
}

/* What every object of such a driver begins with. Source: the extension cl_khr_icd. */
static const cl_icd_dispatch *dispatch_of(list_platforms list) {
    cl_platform_id platform = NULL;
    cl_uint n = 0;
    if (list(1, &platform, &n) != CL_SUCCESS || n == 0 || !platform) return NULL;
    return *(const cl_icd_dispatch *const *)(const void *)platform;
}

bool hal_opencl_api_load_driver(hal_opencl_api *api, const char *path, char *why, size_t size) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(why, size, "the driver could not be opened: %s", dlerror());
        return false;
    }
    const list_platforms list = find_lister(library);
    const cl_icd_dispatch *dispatch = list ? dispatch_of(list) : NULL;
    if (!dispatch) {
        snprintf(why, size, "%s: no platform is found through clIcdGetPlatformIDsKHR", path);
        return false;
    }
#define OPTIONAL(name) api->name = dispatch->name;
#define NEEDED(name) \
    OPTIONAL(name) \
    if (!api->name) { \
        snprintf(why, size, "%s has no %s; it is older than OpenCL 1.2", path, #name); \
        return false; \
    }
#include "api.def"
    api->clGetPlatformIDs = list; /* the table's own lists nothing, as that is a loader's work */
    return true;
}
