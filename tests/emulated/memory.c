/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of devices that is had at once, and what is known of an address. */
#include "emulated.h"

#include <string.h>

CUresult CUDAAPI cuMemGetInfo_v2(size_t *free, size_t *total) {
    ENTER(EMU_CONTEXT);
    const emu_device *d = turn.context->device;
    if (!free || !total) return CUDA_ERROR_INVALID_VALUE;
    *total = emu_device_total(d);
    *free = *total > d->used ? *total - d->used : 0;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr *dptr, size_t bytesize) {
    ENTER(EMU_CONTEXT);
    emu_block *block = NULL;
    if (!dptr || bytesize == 0) return CUDA_ERROR_INVALID_VALUE;
    if (emu_is_captured(turn.context)) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream is being captured");
    TRY(emu_block_make(turn.context, NULL, bytesize, EMU_LIVE, &block));
    *dptr = block->at;
    return CUDA_SUCCESS;
}

CUresult emu_block_free(CUdeviceptr at) {
    const char *by = emu_call();
    emu_block *block = emu_block_at(at);
    if (!block || block->at != at) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "no allocation begins at 0x%llx",
        (unsigned long long)at);
    if (block->state == EMU_FREED)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "0x%llx was freed already, by %s", (unsigned long long)at, block->freed_by);
    TRY(emu_context_finish(block->context));
    emu_block_end(block, by);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuMemFree_v2(CUdeviceptr dptr) {
    ENTER(EMU_CONTEXT);
    if (dptr == 0) return CUDA_SUCCESS;
    if (emu_is_captured(turn.context)) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream is being captured");
    return emu_block_free(dptr);
}

CUresult CUDAAPI cuMemGetAddressRange_v2(CUdeviceptr *pbase, size_t *psize, CUdeviceptr dptr) {
    ENTER(EMU_CONTEXT);
    const emu_block *block = emu_block_at(dptr);
    if (!block || block->state == EMU_FREED) return CUDA_ERROR_NOT_FOUND;
    if (pbase) *pbase = block->at;
    if (psize) *psize = block->bytes;
    return CUDA_SUCCESS;
}

/* What pointers of a device tell; those of host memory are told apart by failing. */
static CUresult describe(const emu_block *block, CUdeviceptr at, CUpointer_attribute attribute, void *data) {
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: memcpy(data, &block->context, sizeof block->context); break;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: memcpy(data, &(unsigned){CU_MEMORYTYPE_DEVICE}, sizeof(unsigned)); break;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: memcpy(data, &at, sizeof at); break;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: memcpy(data, &(int){emu_device_handle(block->context->device)},
        sizeof(int)); break;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: memcpy(data, &block->at, sizeof block->at); break;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: memcpy(data, &block->bytes, sizeof block->bytes); break;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: memcpy(data, &block->pool, sizeof block->pool); break;
    default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuPointerGetAttribute(void *data, CUpointer_attribute attribute, CUdeviceptr ptr) {
    ENTER(EMU_CONTEXT);
    const emu_block *block = emu_block_at(ptr);
    if (!data) return CUDA_ERROR_INVALID_VALUE;
    if (block && block->state != EMU_FREED) return describe(block, ptr, attribute, data);
    if (attribute != CU_POINTER_ATTRIBUTE_MEMORY_TYPE || !emu_is_pinned((void *)(uintptr_t)ptr,
        1)) return CUDA_ERROR_INVALID_VALUE;
    memcpy(data, &(unsigned){CU_MEMORYTYPE_HOST}, sizeof(unsigned));
    return CUDA_SUCCESS;
}
