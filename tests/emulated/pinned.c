/* SPDX-License-Identifier: Apache-2.0 */
/* Page-locked memory of the host: the driver's own, and what programs register. Devices reach it by its own address. */
#include "emulated.h"

#include <stdlib.h>

typedef struct pinned { struct pinned *next; char *at; size_t bytes; unsigned flags; bool own; CUcontext context; } pinned;
static pinned *list;

static pinned *find(const void *at) {
    pinned *p = list;
    while (p && p->at != at) p = p->next;
    return p;
}

bool emu_is_pinned(const void *at, size_t bytes) {
    const uintptr_t a = (uintptr_t)at;
    for (const pinned *p = list; p; p = p->next) {
        const uintptr_t begin = (uintptr_t)p->at;
        if (a >= begin && a - begin <= p->bytes && bytes <= p->bytes - (a - begin)) return true;
    }
    return false;
}

unsigned emu_pinned_live(void) {
    unsigned n = 0;
    for (const pinned *p = list; p; p = p->next) n++;
    return n;
}

static CUresult add(CUcontext context, void *at, size_t bytes, unsigned flags, bool own) {
    pinned *p = malloc(sizeof *p);
    if (!p) return CUDA_ERROR_OUT_OF_MEMORY;
    *p = (pinned){list, at, bytes, flags, own, context};
    list = p;
    return CUDA_SUCCESS;
}

static void drop(pinned *p) {
    pinned **at = &list;
    while (*at != p) at = &(*at)->next;
    *at = p->next;
    if (p->own) free(p->at);
    free(p);
}

unsigned emu_pinned_drop(CUcontext context) {
    unsigned n = 0;
    for (pinned *p = list, *next; p; p = next) {
        next = p->next;
        if (p->context != context) continue;
        drop(p);
        n++;
    }
    return n;
}

CUresult CUDAAPI cuMemHostAlloc(void **pp, size_t bytesize, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    void *at = NULL;
    if (!pp || bytesize == 0 || Flags > 7) return CUDA_ERROR_INVALID_VALUE;
    if (posix_memalign(&at, 4096, bytesize) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
    const CUresult e = add(turn.context, at, bytesize, Flags, true);
    if (e == CUDA_SUCCESS) *pp = at;
    else free(at);
    return e;
}

CUresult CUDAAPI cuMemAllocHost_v2(void **pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

/* Waits for all work, which may be copying from there. */
CUresult CUDAAPI cuMemFreeHost(void *p) {
    ENTER(EMU_CONTEXT);
    pinned *found = find(p);
    if (!p) return CUDA_SUCCESS;
    if (!found || !found->own) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "%p is no memory of cuMemHostAlloc", p);
    TRY(emu_context_finish(found->context));
    drop(found);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostRegister_v2(void *p, size_t bytesize, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    if (!p || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
    if (emu_is_device_address(p)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "%p is a device address", p);
    if (emu_is_pinned(p, 1)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
    return add(turn.context, p, bytesize, Flags, false);
}

CUresult CUDAAPI cuMemHostUnregister(void *p) {
    ENTER(EMU_CONTEXT);
    pinned *found = find(p);
    if (!found || found->own) return emu_wrong(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "%p", p);
    TRY(emu_context_finish(found->context));
    drop(found);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostGetDevicePointer_v2(CUdeviceptr *pdptr, void *p, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    if (!pdptr || Flags != 0 || !emu_is_pinned(p, 1)) return CUDA_ERROR_INVALID_VALUE;
    *pdptr = (CUdeviceptr)(uintptr_t)p;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemHostGetFlags(unsigned int *pFlags, void *p) {
    ENTER(EMU_CONTEXT);
    const pinned *found = find(p);
    if (!pFlags || !found) return CUDA_ERROR_INVALID_VALUE;
    *pFlags = found->flags;
    return CUDA_SUCCESS;
}
