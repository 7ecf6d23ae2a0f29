/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools: memory in the order of a stream. What a pool keeps for later is a number here, which counts as used of the device:
 * so a pool that keeps too much makes others run out of memory, until it is trimmed.
 */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

static CUmemoryPool pools[256];
static unsigned n_pools;

static void reserve(CUmemoryPool p, uint64_t bytes) {
    p->device->used = p->device->used - p->reserved + bytes;
    p->reserved = bytes;
    if (p->reserved > p->reserved_high) p->reserved_high = p->reserved;
}

bool emu_pool_take(CUmemoryPool p, size_t bytes) {
    const uint64_t wanted = p->used + bytes;
    const uint64_t more = wanted > p->reserved ? wanted - p->reserved : 0;
    if (p->device->used + more > emu_device_total(p->device) || (p->most && wanted > p->most)) return false;
    if (more) reserve(p, wanted);
    p->used = wanted;
    if (p->used > p->used_high) p->used_high = p->used;
    return true;
}

void emu_pool_give(CUmemoryPool p, size_t bytes) { p->used -= bytes; }

static void trim(CUmemoryPool p, uint64_t keep) {
    const uint64_t bytes = p->used > keep ? p->used : keep;
    if (bytes < p->reserved) reserve(p, bytes);
}

void emu_pools_trim(void) {
    for (unsigned i = 0; i < n_pools; i++) trim(pools[i], pools[i]->threshold);
}

/* ------------------------------------------------------------------------------------------- begin and end -- */

static CUresult make(emu_device *d, bool is_default, CUmemoryPool *pool) {
    CUmemoryPool p = n_pools < sizeof pools / sizeof pools[0] ? calloc(1, sizeof *p) : NULL;
    if (!p || (!is_default && !emu_handle_add(p, EMU_POOL))) {
        free(p);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *p = (struct CUmemPoolHandle_st){.device = d, .is_default = is_default, .follow = 1, .opportunistic = 1, .internal = 1};
    pools[n_pools++] = p;
    *pool = p;
    return CUDA_SUCCESS;
}

static bool is_pool(CUmemoryPool pool) {
    for (unsigned i = 0; i < n_pools; i++)
        if (pools[i] == pool) return true;
    return false;
}

CUresult CUDAAPI cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *poolProps) {
    ENTER(EMU_INIT);
    if (!pool || !poolProps || poolProps->allocType != CU_MEM_ALLOCATION_TYPE_PINNED) return CUDA_ERROR_INVALID_VALUE;
    if (poolProps->location.type != CU_MEM_LOCATION_TYPE_DEVICE || poolProps->handleTypes != CU_MEM_HANDLE_TYPE_NONE)
        return CUDA_ERROR_NOT_SUPPORTED;
    emu_device *d = emu_device_of(poolProps->location.id);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    TRY(make(d, false, pool));
#if CUDA_VERSION >= 12040 /* headers before have no such member */
    (*pool)->most = poolProps->maxSize;
#endif
    return CUDA_SUCCESS;
}

/* Memory that is still in use keeps a real pool alive until it is freed; here it is a mistake, and ends with it. */
CUresult CUDAAPI cuMemPoolDestroy(CUmemoryPool pool) {
    ENTER(EMU_INIT);
    if (!emu_is(pool, EMU_POOL)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "there is no such pool, or it was destroyed");
    if (pool->used > 0) emu_wrong(CUDA_ERROR_INVALID_VALUE, "the pool ends with %llu bytes in use",
        (unsigned long long)pool->used);
    emu_blocks_drop(NULL, pool);
    trim(pool, 0);
    emu_handle_drop(pool);
    for (unsigned i = 0; i < n_pools; i++)
        if (pools[i] == pool) pools[i--] = pools[--n_pools];
    free(pool);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetDefaultMemPool(CUmemoryPool *pool_out, CUdevice dev) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    if (!pool_out) return CUDA_ERROR_INVALID_VALUE;
    if (!d->pool) TRY(make(d, true, &d->pool));
    *pool_out = d->pool;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice dev) { return cuDeviceGetDefaultMemPool(pool, dev); }

CUresult CUDAAPI cuMemPoolTrimTo(CUmemoryPool pool, size_t minBytesToKeep) {
    ENTER(EMU_INIT);
    if (!is_pool(pool)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "there is no such pool, or it was destroyed");
    trim(pool, minBytesToKeep);
    return CUDA_SUCCESS;
}

/* -------------------------------------------------------------------------------------------- attributes -- */

/* Where an attribute is kept, and its size; NULL: there is none such. */
static void *attribute_of(CUmemoryPool p, CUmemPool_attribute attr, size_t *bytes) {
    *bytes = sizeof(int);
    switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: return &p->follow;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: return &p->opportunistic;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: return &p->internal;
    default: *bytes = sizeof(uint64_t);
    }
    switch (attr) {
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: return &p->threshold;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT: return &p->reserved;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH: return &p->reserved_high;
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: return &p->used;
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: return &p->used_high;
    default: return NULL;
    }
}

CUresult CUDAAPI cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value) {
    ENTER(EMU_INIT);
    size_t bytes;
    void *from = is_pool(pool) ? attribute_of(pool, attr, &bytes) : NULL;
    if (!from || !value) return CUDA_ERROR_INVALID_VALUE;
    memcpy(value, from, bytes);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value) {
    ENTER(EMU_INIT);
    size_t bytes;
    void *to = is_pool(pool) ? attribute_of(pool, attr, &bytes) : NULL;
    if (!to || !value || attr == CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT || attr == CU_MEMPOOL_ATTR_USED_MEM_CURRENT)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(to, value, bytes);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc *map, size_t count) {
    ENTER(EMU_INIT);
    if (!is_pool(pool) || (count && !map)) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        const emu_device *d = map[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE ? emu_device_of(map[i].location.id) : NULL;
        if (!d) return CUDA_ERROR_INVALID_DEVICE;
        if (d != pool->device && !emu_peers(d, pool->device)) return CUDA_ERROR_INVALID_DEVICE;
        const uint8_t bit = (uint8_t)(1u << d->number);
        pool->reaches = (uint8_t)(map[i].flags ? pool->reaches | bit : pool->reaches & ~bit);
    }
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemPoolGetAccess(CUmemAccess_flags *flags, CUmemoryPool memPool, CUmemLocation *location) {
    ENTER(EMU_INIT);
    const emu_device *d = location && location->type == CU_MEM_LOCATION_TYPE_DEVICE ? emu_device_of(location->id) : NULL;
    if (!flags || !is_pool(memPool) || !d) return CUDA_ERROR_INVALID_VALUE;
    const bool may = d == memPool->device || (memPool->reaches >> d->number & 1);
    *flags = may ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return CUDA_SUCCESS;
}

/* -------------------------------------------------------------------------------------- in a stream's order -- */

static CUresult order(CUstream stream, emu_work work, emu_block *block) {
    emu_command *c = emu_command_make(work);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->block = block;
    block->commands++;
    return emu_stream_add(stream, c);
}

/* Out of memory, what the stream will have freed by then counts as free. */
static CUresult take(CUcontext context, CUmemoryPool pool, size_t bytes, CUstream stream, CUdeviceptr *at) {
    emu_block *block = NULL;
    CUresult e = emu_block_make(context, pool, bytes, EMU_RESERVED, &block);
    if (e == CUDA_ERROR_OUT_OF_MEMORY) {
        TRY(emu_stream_finish(stream));
        e = emu_block_make(context, pool, bytes, EMU_RESERVED, &block);
    }
    if (e == CUDA_SUCCESS) e = order(stream, EMU_TAKE, block);
    if (e == CUDA_SUCCESS) *at = block->at;
    return e;
}

CUresult CUDAAPI cuMemAllocFromPoolAsync(CUdeviceptr *dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream stream;
    if (!dptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
    if (!is_pool(pool)) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "there is no such pool, or it was destroyed");
    TRY(emu_stream_find(turn.context, hStream, &stream));
    if (stream->capture) return emu_wrong(emu_capture_spoil(stream), "graphs that allocate are not emulated");
    return take(turn.context, pool, bytesize, stream, dptr);
}

CUresult CUDAAPI cuMemAllocAsync(CUdeviceptr *dptr, size_t bytesize, CUstream hStream) {
    CUmemoryPool pool = NULL;
    CUdevice device = 0;
    TRY(cuCtxGetDevice(&device));
    TRY(cuDeviceGetDefaultMemPool(&pool, device));
    return cuMemAllocFromPoolAsync(dptr, bytesize, pool, hStream);
}

CUresult CUDAAPI cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream stream;
    emu_block *block = emu_block_at(dptr);
    TRY(emu_stream_find(turn.context, hStream, &stream));
    if (!block || block->at != dptr)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "no allocation begins at 0x%llx", (unsigned long long)dptr);
    if (!block->pool) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "0x%llx is of no pool", (unsigned long long)dptr);
    if (block->state == EMU_FREED) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "0x%llx was freed already",
        (unsigned long long)dptr);
    if (stream->capture) return emu_wrong(emu_capture_spoil(stream), "graphs that free are not emulated");
    return order(stream, EMU_GIVE, block);
}
