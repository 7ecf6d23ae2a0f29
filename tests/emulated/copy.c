/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies and fills. Page-locked host memory is read and written when the stream comes to it. What is pageable is read before
 * the call returns, and written before it returns, as the documentation of the real driver says.
 */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------ ends -- */

static CUresult check_device(CUdeviceptr at, size_t bytes, const char *what) {
    const emu_block *b = emu_block_at(at);
    const void *host = (void *)(uintptr_t)at;
    if (!emu_is_device_address(host) && emu_is_pinned(host, bytes)) return CUDA_SUCCESS;
    if (!b || b->state == EMU_FREED)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "%s: 0x%llx is %s%s", what, (unsigned long long)at,
            b ? "freed memory, by " : "no device address", b ? b->freed_by : "");
    if (at - b->at > b->bytes || bytes > b->bytes - (at - b->at))
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "%s: %zu bytes at 0x%llx go beyond the %zu bytes at 0x%llx", what, bytes,
            (unsigned long long)at, b->bytes, (unsigned long long)b->at);
    return CUDA_SUCCESS;
}

static CUresult check_end(const emu_end *end, size_t bytes, const char *what) {
    if (!end->host) return check_device(end->device, bytes, what);
    if (emu_is_device_address(end->host))
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "%s: %p is a device address, not one of the host", what, (void *)end->host);
    return CUDA_SUCCESS;
}

static emu_end host(const void *at) { return (emu_end){.host = (char *)(uintptr_t)at}; }
static emu_end device(CUdeviceptr at) { return (emu_end){.device = at}; }
/* Unified addressing: an address says of itself where it is. */
static emu_end either(CUdeviceptr at) {
    return emu_is_device_address((void *)(uintptr_t)at) ? device(at) : host((void *)(uintptr_t)at);
}

/* ----------------------------------------------------------------------------------------------- copies -- */

static bool is_pageable(const emu_end *end, size_t bytes) { return end->host && !emu_is_pinned(end->host, bytes); }

static bool stage(emu_command *c) {
    c->copy.staged = malloc(c->copy.bytes);
    if (c->copy.staged) memcpy(c->copy.staged, c->copy.from.host, c->copy.bytes);
    return c->copy.staged;
}

static CUresult copy_in(CUstream s, emu_end to, emu_end from, size_t bytes, bool wait) {
    if (bytes == 0) return CUDA_SUCCESS;
    TRY(check_end(&to, bytes, "the target"));
    TRY(check_end(&from, bytes, "the source"));
    const bool pageable = is_pageable(&to, bytes);
    emu_command *c = emu_command_make(EMU_COPY);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->copy.to = to;
    c->copy.from = from;
    c->copy.bytes = bytes;
    if (!s->capture && is_pageable(&from, bytes) && !stage(c)) {
        free(c);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    TRY(emu_stream_add(s, c));
    return !s->capture && (wait || pageable) ? emu_stream_finish(s) : CUDA_SUCCESS;
}

static CUresult copy(CUcontext context, CUstream handle, emu_end to, emu_end from, size_t bytes) {
    CUstream s;
    TRY(emu_stream_find(context, handle, &s));
    return copy_in(s, to, from, bytes, false);
}

/* Those without a stream use the legacy one, and wait. */
static CUresult copy_now(CUcontext context, emu_end to, emu_end from, size_t bytes) {
    CUstream s;
    if (emu_is_captured(context)) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream is being captured");
    TRY(emu_stream_find(context, NULL, &s));
    return copy_in(s, to, from, bytes, true);
}

CUresult CUDAAPI cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void *srcHost, size_t ByteCount) {
    ENTER(EMU_CONTEXT);
    return srcHost ? copy_now(turn.context, device(dstDevice), host(srcHost), ByteCount) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuMemcpyDtoH_v2(void *dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
    ENTER(EMU_CONTEXT);
    return dstHost ? copy_now(turn.context, host(dstHost), device(srcDevice), ByteCount) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
    ENTER(EMU_CONTEXT);
    return copy_now(turn.context, device(dstDevice), device(srcDevice), ByteCount);
}

CUresult CUDAAPI cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) {
    ENTER(EMU_CONTEXT);
    return copy_now(turn.context, either(dst), either(src), ByteCount);
}

CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void *srcHost, size_t ByteCount, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return srcHost ? copy(turn.context, hStream, device(dstDevice), host(srcHost), ByteCount) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void *dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return dstHost ? copy(turn.context, hStream, host(dstHost), device(srcDevice), ByteCount) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return copy(turn.context, hStream, device(dstDevice), device(srcDevice), ByteCount);
}

CUresult CUDAAPI cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return copy(turn.context, hStream, either(dst), either(src), ByteCount);
}

/* An address has to be of the context it is said to be of. */
static CUresult check_peer(CUdeviceptr at, CUcontext context) {
    const emu_block *b = emu_block_at(at);
    if (!emu_is(context, EMU_CTX)) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT,
        "there is no such context, or it was released");
    if (b && b->context != context)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "0x%llx is of another context than the call says", (unsigned long long)at);
    return context->sticky;
}

CUresult CUDAAPI cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext,
                                   size_t ByteCount, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    TRY(check_peer(dstDevice, dstContext));
    TRY(check_peer(srcDevice, srcContext));
    return copy(turn.context, hStream, device(dstDevice), device(srcDevice), ByteCount);
}

CUresult CUDAAPI cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext,
                              size_t ByteCount) {
    ENTER(EMU_CONTEXT);
    TRY(check_peer(dstDevice, dstContext));
    TRY(check_peer(srcDevice, srcContext));
    return copy_now(turn.context, device(dstDevice), device(srcDevice), ByteCount);
}

/* ------------------------------------------------------------------------------------------------ fills -- */

static CUresult fill_in(CUstream s, CUdeviceptr to, unsigned value, unsigned width, size_t count, bool wait) {
    size_t bytes;
    if (count == 0) return CUDA_SUCCESS;
    if (__builtin_mul_overflow(count, width, &bytes) || to % width != 0) return CUDA_ERROR_INVALID_VALUE;
    TRY(check_device(to, bytes, "the target"));
    emu_command *c = emu_command_make(EMU_FILL);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->fill.to = to;
    c->fill.value = value;
    c->fill.width = width;
    c->fill.count = count;
    TRY(emu_stream_add(s, c));
    return wait && !s->capture ? emu_stream_finish(s) : CUDA_SUCCESS;
}

static CUresult fill(CUcontext context, CUstream handle, CUdeviceptr to, unsigned value, unsigned width, size_t count,
    bool wait) {
    CUstream s;
    if (wait && emu_is_captured(context)) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
        "a stream is being captured");
    TRY(emu_stream_find(context, handle, &s));
    return fill_in(s, to, value, width, count, wait);
}

CUresult CUDAAPI cuMemsetD8_v2(CUdeviceptr dstDevice, unsigned char uc, size_t N) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, NULL, dstDevice, uc, 1, N, true);
}

CUresult CUDAAPI cuMemsetD16_v2(CUdeviceptr dstDevice, unsigned short us, size_t N) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, NULL, dstDevice, us, 2, N, true);
}

CUresult CUDAAPI cuMemsetD32_v2(CUdeviceptr dstDevice, unsigned int ui, size_t N) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, NULL, dstDevice, ui, 4, N, true);
}

CUresult CUDAAPI cuMemsetD8Async(CUdeviceptr dstDevice, unsigned char uc, size_t N, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, hStream, dstDevice, uc, 1, N, false);
}

CUresult CUDAAPI cuMemsetD16Async(CUdeviceptr dstDevice, unsigned short us, size_t N, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, hStream, dstDevice, us, 2, N, false);
}

CUresult CUDAAPI cuMemsetD32Async(CUdeviceptr dstDevice, unsigned int ui, size_t N, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return fill(turn.context, hStream, dstDevice, ui, 4, N, false);
}
