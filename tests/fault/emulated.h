/* SPDX-License-Identifier: Apache-2.0 */
/* The emulated CUDA driver in the process of a test: tests/emulated/control.h, opened before the cuda backend looks for it. */
#ifndef TESTS_FAULT_EMULATED_H
#define TESTS_FAULT_EMULATED_H

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct emulated_driver {
    void (*script)(const char *text);
    uint64_t (*calls)(void);
    uint64_t (*wrong)(void);
    unsigned (*live)(char *text, size_t size);
    const char *(*failed)(void);
} emulated_driver;

static inline void emulated_path(char *path, size_t size, const char *name)
{
    const char *build = getenv("top_builddir");
    snprintf(path, size, "%s/tests/emulated/lib/%s", build != NULL ? build : ".", name);
}

static inline void *emulated_library(const char *name)
{
    char path[600];
    emulated_path(path, sizeof path, name);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

static inline bool emulated_look_up(void *library, const char *name, void *function)
{
    void *found = dlsym(library, name);
    memcpy(function, &found, sizeof found);
    return found != NULL;
}

/* Children of this process find it; hal-probe is one. */
static inline void emulated_lead(void)
{
    char path[600];
    emulated_path(path, sizeof path, "");
    setenv("LD_LIBRARY_PATH", path, 1);
}

/* False: it is not built. Children find it, too. */
static inline bool emulated_open(emulated_driver *driver)
{
    void *library = emulated_library("libcuda.so.1");
    emulated_lead();
    return library != NULL && emulated_library("libnvrtc.so.13") != NULL &&
           emulated_look_up(library, "hal_emulated_cuda_script", &driver->script) &&
           emulated_look_up(library, "hal_emulated_cuda_calls", &driver->calls) &&
           emulated_look_up(library, "hal_emulated_cuda_wrong", &driver->wrong) &&
           emulated_look_up(library, "hal_emulated_cuda_live", &driver->live) &&
           emulated_look_up(library, "hal_emulated_cuda_failed", &driver->failed);
}

/* A call that gives something back, and was told not to, leaves it. */
static inline bool emulated_gives_back(const char *call)
{
    static const char *const words[] = {"Free", "Destroy", "Unload", "Release"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strstr(call, words[i]) != NULL)
            return true;
    return false;
}

#endif
