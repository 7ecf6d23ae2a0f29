/* SPDX-License-Identifier: Apache-2.0 */
/* Events. Each record makes a point of its own, so that who waits for an earlier one is not disturbed by a later one. */
#include "emulated.h"

#include <stdlib.h>

static CUevent events;

static CUresult find(CUevent event) {
    if (!emu_is(event, EMU_EVENT)) return emu_wrong(CUDA_ERROR_INVALID_HANDLE,
        "there is no event %p, or it was destroyed", (void *)event);
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventCreate(CUevent *phEvent, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    if (!phEvent || Flags > 7 || (Flags & CU_EVENT_INTERPROCESS)) return CUDA_ERROR_INVALID_VALUE;
    CUevent e = calloc(1, sizeof *e);
    if (!e || !emu_handle_add(e, EMU_EVENT)) {
        free(e);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *e = (struct CUevent_st){.next = events, .context = turn.context, .flags = Flags};
    *phEvent = events = e;
    return CUDA_SUCCESS;
}

static void drop(CUevent e) {
    CUevent *at = &events;
    while (*at != e) at = &(*at)->next;
    *at = e->next;
    emu_handle_drop(e);
    emu_point_drop(e->point);
    free(e->tips);
    free(e);
}

unsigned emu_events_drop(CUcontext context) {
    unsigned n = 0;
    for (CUevent e = events, next; e; e = next) {
        next = e->next;
        if (e->context != context) continue;
        drop(e);
        n++;
    }
    return n;
}

CUresult CUDAAPI cuEventDestroy_v2(CUevent hEvent) {
    ENTER(EMU_CONTEXT);
    TRY(find(hEvent));
    drop(hEvent);
    return CUDA_SUCCESS;
}

static CUresult order(CUstream s, emu_work work, emu_point *point) {
    emu_command *c = emu_command_make(work);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->point = emu_point_keep(point);
    return emu_stream_add(s, c);
}

static CUresult record(CUcontext context, CUevent event, CUstream handle) {
    CUstream s;
    TRY(find(event));
    TRY(emu_stream_find(context, handle, &s));
    if (event->context != s->context)
        return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "the event is of another context than the stream");
    if (s->capture) return emu_capture_record(s, event);
    emu_point *point = emu_point_make(context);
    if (!point) return CUDA_ERROR_OUT_OF_MEMORY;
    emu_point_drop(event->point);
    event->point = point;
    event->capture = NULL;
    return order(s, EMU_RECORD, point);
}

CUresult CUDAAPI cuEventRecord(CUevent hEvent, CUstream hStream) {
    ENTER(EMU_CONTEXT);
    return record(turn.context, hEvent, hStream);
}

CUresult CUDAAPI cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
    ENTER(EMU_CONTEXT);
    return flags == 0 ? record(turn.context, hEvent, hStream) : CUDA_ERROR_NOT_SUPPORTED;
}

/* The event may be of any context; one that was never recorded holds nobody back. */
CUresult CUDAAPI cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    if (Flags != 0) return CUDA_ERROR_INVALID_VALUE;
    TRY(emu_stream_find(turn.context, hStream, &s));
    TRY(find(hEvent));
    if (s->capture || hEvent->capture) return emu_capture_wait(s, hEvent);
    return hEvent->point ? order(s, EMU_AWAIT, hEvent->point) : CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventQuery(CUevent hEvent) {
    ENTER(EMU_CONTEXT);
    TRY(find(hEvent));
    if (hEvent->capture) return emu_wrong(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture");
    if (hEvent->context->sticky) return hEvent->context->sticky;
    return !hEvent->point || hEvent->point->done ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult CUDAAPI cuEventSynchronize(CUevent hEvent) {
    ENTER(EMU_CONTEXT);
    TRY(find(hEvent));
    if (hEvent->capture) return emu_wrong(CUDA_ERROR_CAPTURED_EVENT, "the event was recorded in a capture");
    const CUcontext context = hEvent->context;
    emu_point *point = emu_point_keep(hEvent->point);
    while (point && !point->done && context->sticky == CUDA_SUCCESS) emu_wait();
    emu_point_drop(point);
    emu_pools_trim();
    return context->sticky;
}

static CUresult elapsed(float *milliseconds, CUevent a, CUevent b) {
    if (!milliseconds) return CUDA_ERROR_INVALID_VALUE;
    if (!emu_is(a, EMU_EVENT) || !emu_is(b, EMU_EVENT) || !a->point || !b->point) return CUDA_ERROR_INVALID_HANDLE;
    if ((a->flags | b->flags) & CU_EVENT_DISABLE_TIMING) return CUDA_ERROR_INVALID_HANDLE;
    if (!a->point->done || !b->point->done) return CUDA_ERROR_NOT_READY;
    *milliseconds = (float)((double)(int64_t)(b->point->time - a->point->time) * 1e-6);
    return CUDA_SUCCESS;
}

/* Under both names: the newer one came with CUDA 12.8. */
#undef cuEventElapsedTime
EMU_EXPORT CUresult CUDAAPI cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd);
CUresult CUDAAPI cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd) {
    ENTER(EMU_CONTEXT);
    return elapsed(pMilliseconds, hStart, hEnd);
}

EMU_EXPORT CUresult CUDAAPI cuEventElapsedTime_v2(float *pMilliseconds, CUevent hStart, CUevent hEnd);
CUresult CUDAAPI cuEventElapsedTime_v2(float *pMilliseconds, CUevent hStart, CUevent hEnd) {
    ENTER(EMU_CONTEXT);
    return elapsed(pMilliseconds, hStart, hEnd);
}
