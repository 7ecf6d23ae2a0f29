/* SPDX-License-Identifier: Apache-2.0 */
/* Streams whose commands become nodes of a graph instead of being done; events carry a capture from one stream to another. */
#include "emulated.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------- tips -- */

static bool set_tips(struct CUgraphNode_st ***tips, unsigned *n, struct CUgraphNode_st *const *from, unsigned n_from) {
    struct CUgraphNode_st **copy = malloc((n_from + 1) * sizeof *copy);
    if (!copy) return false;
    if (n_from) memcpy(copy, from, n_from * sizeof *copy);
    free(*tips);
    *tips = copy;
    *n = n_from;
    return true;
}

static bool join_tips(CUstream s, struct CUgraphNode_st *const *from, unsigned n) {
    struct CUgraphNode_st **more = realloc(s->tips, (s->n_tips + n + 1) * sizeof *more);
    if (!more) return false;
    s->tips = more;
    for (unsigned i = 0; i < n; i++) {
        bool known = false;
        for (unsigned k = 0; k < s->n_tips; k++) known = known || s->tips[k] == from[i];
        if (!known) s->tips[s->n_tips++] = from[i];
    }
    return true;
}

static void leave(CUstream s) {
    free(s->tips);
    s->tips = NULL;
    s->n_tips = 0;
    s->capture = NULL;
    s->origin = false;
    s->status = CU_STREAM_CAPTURE_STATUS_NONE;
}

static CUresult enter(CUstream s, CUgraph g, struct CUgraphNode_st *const *tips, unsigned n) {
    if (!set_tips(&s->tips, &s->n_tips, tips, n)) return CUDA_ERROR_OUT_OF_MEMORY;
    s->capture = g;
    s->status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
}

/* All streams that a capture came to. */
static CUresult spoil(CUgraph g, CUcontext context) {
    for (CUstream s = context->streams; s; s = s->next)
        if (s->capture == g) s->status = CU_STREAM_CAPTURE_STATUS_INVALIDATED;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult emu_capture_spoil(CUstream s) { return spoil(s->capture, s->context); }

bool emu_is_captured(CUcontext context) {
    for (CUstream s = context->streams; s; s = s->next)
        if (s->capture && s->mode != CU_STREAM_CAPTURE_MODE_RELAXED) return true;
    return false;
}

/* ------------------------------------------------------------------------------------------------- nodes -- */

CUresult emu_capture_add(CUstream s, emu_command *c) {
    CUgraphNode node = NULL;
    if (s->status == CU_STREAM_CAPTURE_STATUS_INVALIDATED) {
        emu_command_clear(c);
        free(c);
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    TRY(emu_graph_add(s->capture, s->tips, s->n_tips, c, &node));
    return set_tips(&s->tips, &s->n_tips, &node, 1) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult emu_capture_record(CUstream s, CUevent event) {
    if (s->status == CU_STREAM_CAPTURE_STATUS_INVALIDATED) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!set_tips(&event->tips, &event->n_tips, s->tips, s->n_tips)) return CUDA_ERROR_OUT_OF_MEMORY;
    event->capture = s->capture;
    return CUDA_SUCCESS;
}

CUresult emu_capture_wait(CUstream s, CUevent event) {
    if (s->status == CU_STREAM_CAPTURE_STATUS_INVALIDATED) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!event->capture && !event->point) return CUDA_SUCCESS;
    if (!event->capture || !emu_is(event->capture, EMU_GRAPH)) {
        if (s->capture) emu_capture_spoil(s);
        return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
            "the event was recorded outside of the capture that waits for it");
    }
    if (!s->capture) return enter(s, event->capture, event->tips, event->n_tips);
    if (s->capture != event->capture) {
        emu_capture_spoil(s);
        return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_MERGE, "two captures would become one");
    }
    return join_tips(s, event->tips, event->n_tips) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* ----------------------------------------------------------------------------------------- begin and end -- */

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    CUgraph g = NULL;
    if (!hStream) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "the legacy stream cannot be captured");
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (s->capture) return emu_wrong(CUDA_ERROR_ILLEGAL_STATE, "the stream is being captured already");
    TRY(emu_graph_make(&g));
    const CUresult e = enter(s, g, NULL, 0);
    if (e != CUDA_SUCCESS) emu_graph_drop(g);
    s->mode = mode;
    s->origin = e == CUDA_SUCCESS;
    return e;
}

/* Marks what nodes depend on, from last to first: those before stand earlier in the graph. */
static bool reaches_all(CUstream origin, bool *seen) {
    CUgraph g = origin->capture;
    for (unsigned i = 0; i < origin->n_tips; i++) seen[origin->tips[i]->place] = true;
    for (unsigned i = g->n; i-- > 0;) {
        if (!seen[i]) return false;
        for (unsigned k = 0; k < g->node[i]->n_before; k++) seen[g->node[i]->before[k]->place] = true;
    }
    return true;
}

/* Whether nothing that was forked off is left hanging. */
static bool is_joined(CUstream origin) {
    bool *seen = calloc(origin->capture->n + 1, sizeof *seen);
    const bool all = seen && reaches_all(origin, seen);
    free(seen);
    return all;
}

static void end(CUgraph g, CUcontext context) {
    for (CUstream s = context->streams; s; s = s->next)
        if (s->capture == g) leave(s);
}

CUresult CUDAAPI cuStreamEndCapture(CUstream hStream, CUgraph *phGraph) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    if (!phGraph) return CUDA_ERROR_INVALID_VALUE;
    TRY(emu_stream_find(turn.context, hStream, &s));
    if (!s->capture) return emu_wrong(CUDA_ERROR_ILLEGAL_STATE, "the stream is not being captured");
    if (!s->origin) return emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "the capture was begun on another stream");
    CUgraph g = s->capture;
    CUresult e = s->status == CU_STREAM_CAPTURE_STATUS_INVALIDATED ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_SUCCESS;
    if (e == CUDA_SUCCESS && !is_joined(s))
        e = emu_wrong(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "work that was forked off was not joined");
    end(g, turn.context);
    if (e != CUDA_SUCCESS) emu_graph_drop(g);
    *phGraph = e == CUDA_SUCCESS ? g : NULL;
    return e;
}

CUresult CUDAAPI cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus *captureStatus) {
    ENTER(EMU_CONTEXT);
    CUstream s;
    if (!captureStatus) return CUDA_ERROR_INVALID_VALUE;
    TRY(emu_stream_find(turn.context, hStream, &s));
    *captureStatus = s->status;
    return CUDA_SUCCESS;
}

/* Every thread is in the mode of the capture itself here. */
CUresult CUDAAPI cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode) {
    ENTER(EMU_CONTEXT);
    if (!mode) return CUDA_ERROR_INVALID_VALUE;
    *mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
    return CUDA_SUCCESS;
}
