/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: each has a thread that does its commands in order, so that what a program forgets to order is not in order here
 * either. The legacy stream, which handles 0 and 1 stand for, waits for all streams that are not CU_STREAM_NON_BLOCKING, and
 * they for it.
 */
#include "emulated.h"

#include <stdlib.h>
#include <unistd.h>

#include "cl.h"

static uint64_t last_id;
static bool ending;

/* ---------------------------------------------------------------------------------------------- the worker -- */

/* Not more even than it has to be. */
static void dawdle(CUstream s) {
    static uint32_t state = 12345;
    state = state * 1664525u + 1013904223u + (uint32_t)s->id;
    const unsigned time = state >> 8;
    emu_unlock();
    usleep(time % (emu_rules.delay + 1));
    emu_lock();
}

static void work_on(CUstream s, emu_command *c) {
    emu_call_set(c->call);
    if (emu_rules.delay) dawdle(s);
    CUresult e = s->context->sticky;
    if (e == CUDA_SUCCESS && !ending) e = emu_command_run(s, c);
    if (e != CUDA_SUCCESS && !ending) emu_context_fail(s->context, e);
    if (e != CUDA_SUCCESS || ending) emu_command_skip(s, c);
    emu_call_set(NULL);
}

/* With what a capture left that was begun and never ended. */
static void stream_free(CUstream s) {
    if (s) free(s->tips);
    free(s);
}

static void *work(void *argument) {
    CUstream s = argument;
    emu_lock();
    while (s->first || !s->closed) {
        emu_command *c = s->first;
        if (!c) {
            emu_wait_on(&s->wake);
            continue;
        }
        work_on(s, c);
        s->first = c->next;
        if (!s->first) s->last = &s->first;
        s->done = c->number;
        emu_command_clear(c);
        free(c);
        emu_tell();
    }
    s->ended = true;
    emu_tell();
    const bool orphan = s->orphan;
    emu_unlock();
    if (orphan) stream_free(s);
    return NULL;
}

/* Kernels of a process that ends are not begun any more. */
static void stop(void) {
    emu_lock();
    ending = true;
    emu_unlock();
    emu_cl_stop();
}

/* ------------------------------------------------------------------------------------------ begin and end -- */

static bool start(CUstream s) {
    static bool registered;
    pthread_t thread;
    pthread_attr_t attributes;
    if (!registered) registered = atexit(stop) == 0;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    const bool well = pthread_create(&thread, &attributes, work, s) == 0;
    pthread_attr_destroy(&attributes);
    return well;
}

static CUresult make(CUcontext context, unsigned flags, int priority, CUstream *stream) {
    CUstream s = calloc(1, sizeof *s);
    if (!s || !emu_handle_add(s, EMU_STREAM)) {
        stream_free(s);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *s = (struct CUstream_st){.next = context->streams, .context = context, .flags = flags, .priority = priority, .id = ++last_id,
                              .last = &s->first, .wake = PTHREAD_COND_INITIALIZER};
    if (!start(s)) {
        emu_handle_drop(s);
        stream_free(s);
        return CUDA_ERROR_OPERATING_SYSTEM;
    }
    *stream = context->streams = s;
    return CUDA_SUCCESS;
}

static CUresult legacy_of(CUcontext context, CUstream *stream) {
    if (!context->legacy) {
        TRY(make(context, CU_STREAM_DEFAULT, 0, &context->legacy));
        emu_handle_drop(context->legacy);
    }
    *stream = context->legacy;
    return CUDA_SUCCESS;
}

CUresult emu_stream_find(CUcontext context, CUstream handle, CUstream *stream) {
    if (!handle || handle == CU_STREAM_LEGACY) return legacy_of(context, stream);
    if (!emu_is(handle, EMU_STREAM)) return emu_wrong(CUDA_ERROR_INVALID_HANDLE,
        "there is no stream %p, or it was destroyed", (void *)handle);
    if (handle->context != context)
        return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "the stream is of another context (GPU %d) than the current one (GPU %d)",
            handle->context->device->number, context->device->number);
    *stream = handle;
    return CUDA_SUCCESS;
}

static void leave(CUstream s) {
    CUstream *at = &s->context->streams;
    while (*at != s) at = &(*at)->next;
    *at = s->next;
    emu_handle_drop(s);
    s->closed = true;
    pthread_cond_signal(&s->wake);
}

static bool is_done(const struct CUstream_st *s) { return s->ended || s->stuck; }

unsigned emu_streams_of(CUcontext context) {
    unsigned n = 0;
    for (CUstream s = context->streams; s; s = s->next) n += s != context->legacy;
    return n;
}

/* The legacy stream has no handle of its own, so it is not counted. */
bool emu_streams_drop(CUcontext context) {
    bool all = true;
    while (context->streams) {
        CUstream s = context->streams;
        leave(s);
        while (!is_done(s)) emu_wait();
        all = all && !s->stuck;
        if (s->ended) stream_free(s);
    }
    context->legacy = NULL;
    return all;
}

CUresult CUDAAPI cuStreamCreateWithPriority(CUstream *phStream, unsigned int flags, int priority) {
    ENTER(EMU_CONTEXT);
    if (!phStream || flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    return make(turn.context, flags, priority < -5 ? -5 : priority > 0 ? 0 : priority, phStream);
}

CUresult CUDAAPI cuStreamCreate(CUstream *phStream, unsigned int Flags) {
    ENTER(EMU_CONTEXT);
    if (!phStream || Flags > CU_STREAM_NON_BLOCKING) return CUDA_ERROR_INVALID_VALUE;
    return make(turn.context, Flags, 0, phStream);
}

/* What it still has to do is done. */
CUresult CUDAAPI cuStreamDestroy_v2(CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    if (!hStream) return CUDA_ERROR_INVALID_HANDLE;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (s == turn.context->legacy) return CUDA_ERROR_INVALID_HANDLE;
    if (s->capture) emu_capture_spoil(s);
    s->orphan = true;
    leave(s);
    return CUDA_SUCCESS;
}

/* ------------------------------------------------------------------------------------------------- order -- */

static void append(CUstream s, emu_command *c) {
    c->number = ++s->asked;
    c->next = NULL;
    *s->last = c;
    s->last = &c->next;
    pthread_cond_signal(&s->wake);
}

/* What `s` is told next comes after all that `before` was told. */
static CUresult follow(CUstream s, CUstream before) {
    emu_command *record = emu_command_make(EMU_RECORD), *await = emu_command_make(EMU_AWAIT);
    emu_point *point = emu_point_make(before->context);
    if (!record || !await || !point) {
        free(record);
        free(await);
        free(point);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    record->point = point;
    await->point = emu_point_keep(point);
    append(before, record);
    append(s, await);
    return CUDA_SUCCESS;
}

static CUresult obey_legacy(CUstream s) {
    CUstream legacy = s->context->legacy;
    if (s->flags & CU_STREAM_NON_BLOCKING) return CUDA_SUCCESS;
    if (s != legacy) return legacy && legacy->asked > legacy->done ? follow(s, legacy) : CUDA_SUCCESS;
    for (CUstream other = s->context->streams; other; other = other->next) {
        if (other == s || (other->flags & CU_STREAM_NON_BLOCKING)) continue;
        if (other->capture) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
            "the legacy stream would wait for one in capture");
        if (other->asked > other->done) TRY(follow(s, other));
    }
    return CUDA_SUCCESS;
}

CUresult emu_stream_add(CUstream s, emu_command *c) {
    c->call = emu_call();
    const CUresult e = s->capture ? CUDA_SUCCESS : s->context->sticky ? s->context->sticky : obey_legacy(s);
    if (e == CUDA_SUCCESS && s->capture) return emu_capture_add(s, c);
    if (e == CUDA_SUCCESS) append(s, c);
    else {
        emu_command_clear(c);
        free(c);
    }
    return e;
}

CUresult emu_stream_finish(CUstream s) {
    const uint64_t asked = s->asked;
    const CUcontext context = s->context;
    while (s->done < asked && context->sticky == CUDA_SUCCESS) emu_wait();
    emu_pools_trim();
    return context->sticky;
}

/* Waiting gives others a turn, who may end streams: so each time from the beginning. */
CUresult emu_context_finish(CUcontext context) {
    CUstream busy;
    do {
        busy = context->streams;
        while (busy && busy->done == busy->asked) busy = busy->next;
        if (busy && context->sticky == CUDA_SUCCESS) emu_wait();
    } while (busy && context->sticky == CUDA_SUCCESS);
    emu_pools_trim();
    return context->sticky;
}

/* --------------------------------------------------------------------------------------------- questions -- */

CUresult CUDAAPI cuStreamSynchronize(CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (s->capture) return emu_wrong(emu_capture_spoil(s), "the stream is being captured");
    return emu_stream_finish(s);
}

CUresult CUDAAPI cuStreamQuery(CUstream hStream) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (s->capture) return emu_wrong(emu_capture_spoil(s), "the stream is being captured");
    return s->done == s->asked ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY;
}

CUresult CUDAAPI cuStreamGetFlags(CUstream hStream, unsigned int *flags) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (!flags) return CUDA_ERROR_INVALID_VALUE;
    *flags = s->flags;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetPriority(CUstream hStream, int *priority) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (!priority) return CUDA_ERROR_INVALID_VALUE;
    *priority = s->priority;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetCtx(CUstream hStream, CUcontext *pctx) {
    ENTER(EMU_CONTEXT);
    if (!pctx) return CUDA_ERROR_INVALID_VALUE;
    if (hStream && !emu_is(hStream, EMU_STREAM)) return CUDA_ERROR_INVALID_HANDLE;
    *pctx = hStream ? hStream->context : turn.context;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetId(CUstream hStream, unsigned long long *streamId) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (!streamId) return CUDA_ERROR_INVALID_VALUE;
    *streamId = s->id;
    return CUDA_SUCCESS;
}

/* ---------------------------------------------------------------------------------------- host functions -- */

static CUresult add_host(CUcontext context, CUstream handle, CUhostFn function, CUstreamCallback callback, void *data) {
    CUstream s;
    TRY(emu_stream_find(context, handle, &s));
    if (callback && s->capture) return emu_wrong(emu_capture_spoil(s), "a callback cannot be captured");
    emu_command *c = emu_command_make(EMU_HOST);
    if (!c) return CUDA_ERROR_OUT_OF_MEMORY;
    c->host.function = function;
    c->host.callback = callback;
    c->host.data = data;
    return emu_stream_add(s, c);
}

CUresult CUDAAPI cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void *userData) {
    ENTER(EMU_CONTEXT);
    return fn ? add_host(turn.context, hStream, fn, NULL, userData) : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void *userData, unsigned int flags) {
    ENTER(EMU_CONTEXT);
    return callback && flags == 0 ? add_host(turn.context, hStream, NULL, callback, userData) : CUDA_ERROR_INVALID_VALUE;
}
