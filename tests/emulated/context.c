/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts: one primary each device, others that a program makes, and the stack of each thread. */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

#include "cl.h"

static _Thread_local struct { CUcontext at[EMU_CONTEXTS]; int n; } stack;
static uint64_t last_id;
static CUcontext ended;                   /* their addresses are never given out again */

CUcontext emu_current(void) { return stack.n > 0 ? stack.at[stack.n - 1] : NULL; }

void emu_context_fail(CUcontext context, CUresult code) {
    if (context->sticky == CUDA_SUCCESS) context->sticky = code;
    emu_tell();
}

/* ----------------------------------------------------------------------------------------- begin and end -- */

static CUresult begin(emu_device *d, unsigned flags, bool primary, CUcontext *context) {
    if (!d->cl) d->cl = emu_cl_open(d->opencl);
    CUcontext c = d->cl ? calloc(1, sizeof *c) : NULL;
    if (!c || !emu_handle_add(c, EMU_CTX)) {
        free(c);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *c = (struct CUctx_st){.device = d, .primary = primary, .flags = flags, .id = ++last_id};
    *context = c;
    return CUDA_SUCCESS;
}

/* What belongs to it goes with it; whoever left it there while the context was well forgot to give it back. The bytes of the
   context stay, and the memory of work that never ends. */
static void end(CUcontext c) {
    const unsigned streams = emu_streams_of(c);
    const bool done = emu_streams_drop(c), well = done && c->sticky == CUDA_SUCCESS;
    if (!done) emu_wrong(CUDA_ERROR_UNKNOWN, "a context ends whose work does not; a real driver waits for ever");
    const unsigned blocks = done ? emu_blocks_drop(c, NULL) : 0, pinned = done ? emu_pinned_drop(c) : 0;
    const unsigned events = emu_events_drop(c), modules = emu_modules_drop(c);
    if (well && (streams || blocks || pinned || events || modules))
        emu_wrong(CUDA_ERROR_CONTEXT_IS_DESTROYED,
            "left in it: %u streams, %u events, %u modules, %u blocks of memory, %u of the host's", streams, events, modules,
            blocks, pinned);
    emu_handle_drop(c);
    c->next = ended;
    ended = c;
}

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext *pctx, CUdevice dev) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    if (!pctx) return CUDA_ERROR_INVALID_VALUE;
    if (!d->primary) TRY(begin(d, d->flags, true, &d->primary));
    d->retained++;
    *pctx = d->primary;
    return CUDA_SUCCESS;
}

static CUresult drop_primary(emu_device *d) {
    CUcontext c = d->primary;
    d->primary = NULL;
    end(c);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    if (d->retained == 0) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT, "released more often than it was retained");
    return --d->retained == 0 && d->primary ? drop_primary(d) : CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxReset_v2(CUdevice dev) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    return d->primary ? drop_primary(d) : CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    d->flags = flags;
    if (d->primary) d->primary->flags = flags;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int *flags, int *active) {
    ENTER(EMU_INIT);
    const emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    if (!flags || !active) return CUDA_ERROR_INVALID_VALUE;
    *flags = d->flags;
    *active = d->primary != NULL;
    return CUDA_SUCCESS;
}

/* The form that headers of before and after CUDA 13 share; it becomes current, as there. */
EMU_EXPORT CUresult CUDAAPI cuCtxCreate_v2(CUcontext *pctx, unsigned int flags, CUdevice dev);
CUresult CUDAAPI cuCtxCreate_v2(CUcontext *pctx, unsigned int flags, CUdevice dev) {
    ENTER(EMU_INIT);
    emu_device *d = emu_device_of(dev);
    if (!d) return CUDA_ERROR_INVALID_DEVICE;
    if (!pctx || stack.n == EMU_CONTEXTS) return CUDA_ERROR_INVALID_VALUE;
    TRY(begin(d, flags, false, pctx));
    stack.at[stack.n++] = *pctx;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxDestroy_v2(CUcontext ctx) {
    ENTER(EMU_INIT);
    if (!emu_is(ctx, EMU_CTX) || ctx->primary) return CUDA_ERROR_INVALID_CONTEXT;
    if (emu_current() == ctx) stack.n--;
    end(ctx);
    return CUDA_SUCCESS;
}

/* ---------------------------------------------------------------------------------------------- the stack -- */

CUresult CUDAAPI cuCtxPushCurrent_v2(CUcontext ctx) {
    ENTER(EMU_INIT);
    if (!emu_is(ctx, EMU_CTX)) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT, "there is no such context, or it was released");
    if (stack.n == EMU_CONTEXTS) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT,
        "%d contexts are pushed and none is popped", stack.n);
    stack.at[stack.n++] = ctx;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPopCurrent_v2(CUcontext *pctx) {
    ENTER(EMU_INIT);
    if (stack.n == 0) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT, "no context is current");
    stack.n--;
    if (pctx) *pctx = stack.at[stack.n];
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetCurrent(CUcontext ctx) {
    ENTER(EMU_INIT);
    if (ctx && !emu_is(ctx, EMU_CTX)) return emu_wrong(CUDA_ERROR_INVALID_CONTEXT,
        "there is no such context, or it was released");
    if (!ctx) stack.n = stack.n > 0 ? stack.n - 1 : 0;
    else stack.at[stack.n > 0 ? stack.n - 1 : stack.n++] = ctx;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetCurrent(CUcontext *pctx) {
    ENTER(EMU_INIT);
    if (!pctx) return CUDA_ERROR_INVALID_VALUE;
    *pctx = emu_current();
    return CUDA_SUCCESS;
}

/* --------------------------------------------------------------------------------------------- questions -- */

CUresult CUDAAPI cuCtxGetDevice(CUdevice *device) {
    ENTER(EMU_CONTEXT);
    if (!device) return CUDA_ERROR_INVALID_VALUE;
    *device = emu_device_handle(turn.context->device);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetFlags(unsigned int *flags) {
    ENTER(EMU_CONTEXT);
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = turn.context->flags;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetApiVersion(CUcontext ctx, unsigned int *version) {
    ENTER(EMU_INIT);
    if (!version || !emu_is(ctx, EMU_CTX)) return CUDA_ERROR_INVALID_CONTEXT;
    *version = 3020;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetId(CUcontext ctx, unsigned long long *ctxId) {
    ENTER(EMU_INIT);
    const CUcontext c = ctx ? ctx : emu_current();
    if (!ctxId || !emu_is(c, EMU_CTX)) return CUDA_ERROR_INVALID_CONTEXT;
    *ctxId = c->id;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetStreamPriorityRange(int *leastPriority, int *greatestPriority) {
    ENTER(EMU_CONTEXT);
    if (leastPriority) *leastPriority = 0;
    if (greatestPriority) *greatestPriority = -5;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSynchronize(void) {
    ENTER(EMU_CONTEXT);
    if (emu_is_captured(turn.context))
        return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "a stream of the context is being captured");
    return emu_context_finish(turn.context);
}

/* ------------------------------------------------------------------------------------------------- peers -- */

CUresult CUDAAPI cuCtxEnablePeerAccess(CUcontext peerContext, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    emu_device *d = turn.context->device;
    if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (!emu_is(peerContext, EMU_CTX) || peerContext == turn.context) return CUDA_ERROR_INVALID_CONTEXT;
    if (!emu_peers(d, peerContext->device)) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
    const uint8_t bit = (uint8_t)(1u << peerContext->device->number);
    if (turn.context->reaches & bit) return CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
    turn.context->reaches |= bit;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxDisablePeerAccess(CUcontext peerContext) {
    ENTER(EMU_CONTEXT);
    if (!emu_is(peerContext, EMU_CTX)) return CUDA_ERROR_INVALID_CONTEXT;
    const uint8_t bit = (uint8_t)(1u << peerContext->device->number);
    if (!(turn.context->reaches & bit)) return CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
    turn.context->reaches &= (uint8_t)~bit;
    return CUDA_SUCCESS;
}
