/* SPDX-License-Identifier: Apache-2.0 */
/* What was not given back, for tests and, with HAL_EMULATED_CUDA_STRICT, at the end of the process; functions by name. */
#include "emulated.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned count(char *text, size_t size) {
    const struct { const char *name; unsigned n; } kinds[] = {
        {"contexts", emu_handles(EMU_CTX)}, {"streams", emu_handles(EMU_STREAM)}, {"events", emu_handles(EMU_EVENT)},
        {"modules", emu_handles(EMU_MODULE)}, {"graphs", emu_handles(EMU_GRAPH)}, {"executable graphs", emu_handles(EMU_EXEC)},
        {"pools", emu_handles(EMU_POOL)}, {"blocks of host memory", emu_pinned_live()}};
    uint64_t bytes;
    const unsigned blocks = emu_blocks_live(&bytes);
    unsigned all = blocks;
    size_t at = 0;
    if (size) *text = '\0';
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        all += kinds[i].n;
        if (kinds[i].n && at < size) at += (size_t)snprintf(text + at, size - at, "%u %s, ", kinds[i].n, kinds[i].name);
    }
    if (at < size) snprintf(text + at, size - at, "%u blocks of device memory of %llu bytes", blocks,
        (unsigned long long)bytes);
    return all;
}

unsigned hal_emulated_cuda_live(char *text, size_t size) {
    emu_lock();
    const unsigned n = count(text, size);
    emu_unlock();
    return n;
}

__attribute__((destructor)) static void report(void) {
    char text[512];
    if (getenv("HAL_EMULATED_CUDA_STRICT") && hal_emulated_cuda_live(text, sizeof text) > 0)
        fprintf(stderr, "emulated CUDA: leak: %s\n", text);
}

/* The newest form that there is. */
static void *find(const char *symbol) {
    static const char *const endings[] = {"_v3", "_v2", ""};
    Dl_info self;
    void *library = dladdr((void *)(uintptr_t)count, &self) ? dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD) : NULL;
    void *found = NULL;
    for (size_t i = 0; library && !found && i < sizeof endings / sizeof endings[0]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s%s", symbol, endings[i]);
        found = dlsym(library, name);
    }
    if (library) dlclose(library);
    return found;
}

CUresult CUDAAPI cuGetProcAddress_v2(const char *symbol, void **pfn, int cudaVersion, cuuint64_t flags,
                                     CUdriverProcAddressQueryResult *symbolStatus) {
    ENTER(EMU_ANYTIME);
    (void)cudaVersion;
    (void)flags;
    if (!symbol || !pfn) return CUDA_ERROR_INVALID_VALUE;
    *pfn = find(symbol);
    if (symbolStatus) *symbolStatus = *pfn ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
    return *pfn ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
