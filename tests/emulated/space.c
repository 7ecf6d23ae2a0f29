/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Device addresses. They lie in a range that nothing may be read from, so a host that uses one faults where it does; the
 * bytes lie as far from the begin of a second range, which only workers look at. Addresses are used again late, and a page
 * behind each block is never there, so that what was freed, or lies beyond, is noticed.
 */
#include "emulated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, FENCE = 512, NEW_BYTE = 0xa5, FENCE_BYTE = 0x5a, KEPT = 1024 };
static const size_t share = (size_t)16 << 30; /* addresses of a device */
static const size_t dirty = (size_t)64 << 10; /* of new memory so much is not zero: a GPU's holds what was there before */

static char *addresses, *bytes_at;
static CUdeviceptr next_at[EMU_DEVICES];
static emu_block **blocks;                     /* by address: live ones and the last that were freed */
static size_t n_blocks, room_blocks, n_freed;

static char *reserve(size_t bytes) {
    char *at = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static bool open_space(void) {
    if (!addresses) addresses = reserve(EMU_DEVICES * share);
    if (!bytes_at) bytes_at = reserve(EMU_DEVICES * share);
    return addresses && bytes_at;
}

static char *bytes_of(CUdeviceptr at) { return bytes_at + (at - (CUdeviceptr)(uintptr_t)addresses); }
static CUdeviceptr first_of(const emu_device *d) { return (CUdeviceptr)(uintptr_t)addresses + (size_t)d->number * share; }

bool emu_is_device_address(const void *address) {
    const char *at = address;
    return addresses && at >= addresses && at < addresses + EMU_DEVICES * share;
}

/* The first block that begins behind `at`. */
static size_t behind(CUdeviceptr at) {
    size_t low = 0, high = n_blocks;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (blocks[middle]->at <= at) low = middle + 1;
        else high = middle;
    }
    return low;
}

emu_block *emu_block_at(CUdeviceptr at) {
    const size_t i = behind(at);
    return i > 0 && at < blocks[i - 1]->at + blocks[i - 1]->span ? blocks[i - 1] : NULL;
}

/* ------------------------------------------------------------------------------------------- addresses -- */

static void forget_freed(void) {
    size_t n = 0;
    for (size_t i = 0; i < n_blocks; i++) {
        if (blocks[i]->state == EMU_FREED && blocks[i]->users == 0 && blocks[i]->commands == 0) free(blocks[i]);
        else blocks[n++] = blocks[i];
    }
    n_blocks = n;
    n_freed = 0;
}

/* From `at` on, before the end of the device's share; 0: nowhere. */
static CUdeviceptr fit(const emu_device *d, CUdeviceptr at, size_t span) {
    const CUdeviceptr end = first_of(d) + share;
    for (size_t i = behind(at); i < n_blocks && blocks[i]->at < at + span; i++) at = blocks[i]->at + blocks[i]->span;
    return at + span <= end ? at : 0;
}

static CUdeviceptr choose(const emu_device *d, size_t span) {
    CUdeviceptr *next = &next_at[d->number];
    if (!*next) *next = first_of(d) + EMU_ALIGN * PAGE;
    CUdeviceptr at = fit(d, *next, span);
    if (!at) {
        forget_freed();
        at = fit(d, first_of(d) + EMU_ALIGN * PAGE, span);
    }
    if (at) *next = at + span;
    return at;
}

static bool insert(emu_block *block) {
    if (n_blocks == room_blocks) {
        emu_block **more = realloc(blocks, (room_blocks * 2 + 64) * sizeof *more);
        if (!more) return false;
        blocks = more;
        room_blocks = room_blocks * 2 + 64;
    }
    const size_t i = behind(block->at);
    memmove(&blocks[i + 1], &blocks[i], (n_blocks - i) * sizeof *blocks);
    blocks[i] = block;
    n_blocks++;
    return true;
}

static size_t counted(size_t bytes) { return (bytes + EMU_ALIGN - 1) / EMU_ALIGN * EMU_ALIGN; }

static bool take_share(CUcontext context, CUmemoryPool pool, size_t bytes) {
    emu_device *d = context->device;
    if (bytes > share / 4) return false;
    if (pool) return emu_pool_take(pool, counted(bytes));
    if (counted(bytes) + d->used > emu_device_total(d)) return false;
    d->used += counted(bytes);
    return true;
}

static void give_share(emu_device *d, CUmemoryPool pool, size_t bytes) {
    if (pool) emu_pool_give(pool, counted(bytes));
    else d->used -= counted(bytes);
}

/* What pools of the other kind hold is not given back here: that is the business of who asks. */
CUresult emu_block_make(CUcontext context, CUmemoryPool pool, size_t bytes, emu_state state, emu_block **made) {
    emu_device *d = pool ? pool->device : context->device;
    const size_t span = (bytes + FENCE + PAGE - 1) / PAGE * PAGE + PAGE;
    if (!open_space() || !take_share(context, pool, bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
    emu_block *block = calloc(1, sizeof *block);
    if (block) *block = (emu_block){.at = choose(d, span), .bytes = bytes, .span = span, .state = EMU_RESERVED,
        .context = context, .pool = pool};
    if (!block || !block->at || !insert(block)) {
        give_share(d, pool, bytes);
        free(block);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    if (state == EMU_LIVE) emu_block_begin(block);
    *made = block;
    return CUDA_SUCCESS;
}

/* ------------------------------------------------------------------------------------------------ bytes -- */

void emu_block_begin(emu_block *block) {
    char *at = bytes_of(block->at);
    if (mprotect(at, block->span - PAGE, PROT_READ | PROT_WRITE) != 0)
        emu_wrong(CUDA_ERROR_OUT_OF_MEMORY, "the host has no memory for a block of %zu bytes", block->bytes);
    memset(at, NEW_BYTE, block->bytes < dirty ? block->bytes : dirty);
    memset(at + block->bytes, FENCE_BYTE, FENCE);
    block->state = EMU_LIVE;
}

static void check_fence(const emu_block *block) {
    const char *fence = bytes_of(block->at) + block->bytes;
    for (int i = 0; i < FENCE; i++)
        if (fence[i] != FENCE_BYTE) {
            emu_wrong(CUDA_ERROR_ILLEGAL_ADDRESS, "something wrote %d bytes beyond the %zu bytes at 0x%llx", i + 1,
                block->bytes,
                (unsigned long long)block->at);
            return;
        }
}

void emu_block_end(emu_block *block, const char *by) {
    char *at = bytes_of(block->at);
    if (block->state == EMU_LIVE) check_fence(block);
    if (block->users > 0) {
        emu_context_fail(block->context, emu_wrong(CUDA_ERROR_ILLEGAL_ADDRESS,
            "%s frees 0x%llx, which another stream uses now", by,
            (unsigned long long)block->at));
    } else mmap(at, block->span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    give_share(block->pool ? block->pool->device : block->context->device, block->pool, block->bytes);
    block->state = EMU_FREED;
    snprintf(block->freed_by, sizeof block->freed_by, "%s", by);
    if (++n_freed > KEPT) forget_freed();
}

unsigned emu_blocks_drop(CUcontext context, CUmemoryPool pool) {
    const size_t kept = n_freed;
    unsigned n = 0;
    for (size_t i = 0; i < n_blocks; i++) {
        emu_block *b = blocks[i];
        if (b->state == EMU_FREED || (context && b->context != context) || (pool && b->pool != pool)) continue;
        n_freed = 0; /* so that the list stays as it is */
        emu_block_end(b, context ? "the end of its context" : "the end of its pool");
        n++;
    }
    n_freed = kept;
    forget_freed();
    return n;
}

unsigned emu_blocks_live(uint64_t *bytes) {
    unsigned n = 0;
    *bytes = 0;
    for (size_t i = 0; i < n_blocks; i++) {
        if (blocks[i]->state == EMU_FREED) continue;
        n++;
        *bytes += blocks[i]->bytes;
    }
    return n;
}

/* ------------------------------------------------------------------------------------------------- reach -- */

static bool may(CUcontext context, const emu_block *block) {
    if (!context) return true;
    if (block->pool) return block->pool->device == context->device || (block->pool->reaches >> context->device->number & 1);
    return block->context == context || (context->reaches >> block->context->device->number & 1);
}

static const char *objection(CUcontext context, const emu_block *block, CUdeviceptr at, size_t bytes) {
    if (!block) return "is in no allocation";
    if (block->state == EMU_RESERVED) return "is not yet there: the stream that allocates it has not come to that";
    if (block->state == EMU_FREED) return "was freed";
    if (at - block->at > block->bytes || bytes > block->bytes - (at - block->at)) return "goes beyond its allocation";
    if (!may(context, block)) return "belongs to another device or context, whose memory this one was not given access to";
    return NULL;
}

char *emu_reach(CUcontext context, CUdeviceptr at, size_t bytes, const char *what, emu_block **found) {
    void *host = (void *)(uintptr_t)at;
    *found = NULL;
    if (!emu_is_device_address(host) && emu_is_pinned(host, bytes)) return host;
    emu_block *block = emu_is_device_address(host) ? emu_block_at(at) : NULL;
    const char *why = objection(context, block, at, bytes);
    if (!why) {
        *found = block;
        return bytes_of(at);
    }
    emu_wrong(CUDA_ERROR_ILLEGAL_ADDRESS, "%s: %zu bytes at 0x%llx: the address %s%s%s (block of %zu bytes at 0x%llx)", what,
        bytes, (unsigned long long)at, why, block && block->state == EMU_FREED ? " by " : "",
        block && block->state == EMU_FREED ? block->freed_by : "", block ? block->bytes : 0,
        (unsigned long long)(block ? block->at : 0));
    return NULL;
}
