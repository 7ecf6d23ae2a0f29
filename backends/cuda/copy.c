/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies, in the order of their queue, which neither wait nor make the caller wait: the driver would do both with memory
 * that is not pinned. What comes from or goes to the host is moved through pinned memory by functions of the host that
 * have their turn in the stream; the moves are in pieces where the copy is large.
 */
#include <stdlib.h>
#include <string.h>

#include "job.h"

static hal_cuda_device *device_of(const hal_backend_binding *b) {
    return b->memory ? ((const hal_cuda_block *)b->memory)->device : NULL;
}

static CUdeviceptr at(const hal_backend_binding *b) {
    return b->memory ? ((const hal_cuda_block *)b->memory)->at + b->offset : 0;
}

static char *host_of(const hal_backend_binding *b) { return (char *)b->host + b->offset; }

static bool overlap(const hal_backend_binding *a, const hal_backend_binding *b, uint64_t bytes) {
    return a->memory == b->memory && a->offset < b->offset + bytes && b->offset < a->offset + bytes;
}

static void CUDA_CB move(void *data) {
    const hal_cuda_move *m = data;
    memmove(m->to, m->from, m->bytes);
}

/* Pinned memory, and a move for each piece that fits into it; false: without. */
static bool stage(hal_cuda_job *j, size_t *piece) {
    j->staging = hal_cuda_staging_take(j->queue->device, j->bytes);
    if (!j->staging) return false;
    *piece = j->staging->bytes;
    const size_t n = (j->bytes + *piece - 1) / *piece;
    j->moves = n == 1 ? &j->one : calloc(n, sizeof *j->moves);
    return j->moves != NULL;
}

/* Of the piece that begins at `done`. */
static hal_cuda_move *piece_of(hal_cuda_job *j, size_t done, size_t piece, void *to, const void *from) {
    hal_cuda_move *m = &j->moves[done / piece];
    *m = (hal_cuda_move){to, from, j->bytes - done < piece ? j->bytes - done : piece};
    return m;
}

/* What earlier copies of this queue write may be what is read here: then the host moves it when its turn has come. */
static CUresult write(hal_cuda_job *j, CUdeviceptr to, const char *from) {
    hal_cuda_queue *q = j->queue;
    const hal_cuda_api *cu = &q->device->cu;
    size_t piece = 0;
    CUresult e = CUDA_SUCCESS;
    if (!stage(j, &piece)) return cu->cuMemcpyHtoDAsync(to, from, j->bytes, q->stream);
    pthread_mutex_lock(&q->lock);
    const bool now = j->bytes <= piece && q->host_writes == 0;
    pthread_mutex_unlock(&q->lock);
    for (size_t done = 0; done < j->bytes && e == CUDA_SUCCESS; done += piece) {
        hal_cuda_move *m = piece_of(j, done, piece, j->staging->address, from + done);
        if (now) move(m);
        else e = cu->cuLaunchHostFunc(q->stream, move, m);
        if (e == CUDA_SUCCESS) e = cu->cuMemcpyHtoDAsync(to + done, j->staging->address, m->bytes, q->stream);
    }
    return e;
}

static CUresult read(hal_cuda_job *j, char *to, CUdeviceptr from) {
    hal_cuda_queue *q = j->queue;
    const hal_cuda_api *cu = &q->device->cu;
    size_t piece = 0;
    CUresult e = CUDA_SUCCESS;
    j->writes_host = true;
    if (!stage(j, &piece)) return cu->cuMemcpyDtoHAsync(to, from, j->bytes, q->stream);
    for (size_t done = 0; done < j->bytes && e == CUDA_SUCCESS; done += piece) {
        hal_cuda_move *m = piece_of(j, done, piece, to + done, j->staging->address);
        e = cu->cuMemcpyDtoHAsync(j->staging->address, from + done, m->bytes, q->stream);
        if (e == CUDA_SUCCESS) e = cu->cuLaunchHostFunc(q->stream, move, m);
    }
    return e;
}

/* The device is not needed, only its order. */
static CUresult move_in_host(hal_cuda_job *j, char *to, const char *from) {
    j->writes_host = true;
    j->moves = &j->one;
    j->one = (hal_cuda_move){to, from, j->bytes};
    return j->queue->device->cu.cuLaunchHostFunc(j->queue->stream, move, j->moves);
}

/* What overlaps goes through a block of its own. */
static CUresult copy_twice(hal_cuda_job *j, CUdeviceptr to, CUdeviceptr from) {
    hal_cuda_queue *q = j->queue;
    const hal_cuda_api *cu = &q->device->cu;
    CUresult e = hal_cuda_take(q->device, j->bytes, q->stream, &j->between);
    if (e == CUDA_SUCCESS) e = cu->cuMemcpyDtoDAsync(j->between, from, j->bytes, q->stream);
    return e == CUDA_SUCCESS ? cu->cuMemcpyDtoDAsync(to, j->between, j->bytes, q->stream) : e;
}

/* Its end is judged by the other device, too. */
static CUresult copy_peer(hal_cuda_job *j, const hal_backend_binding *dst, const hal_backend_binding *src) {
    hal_cuda_queue *q = j->queue;
    hal_cuda_device *to = device_of(dst), *from = device_of(src);
    j->peer = to == q->device ? from : to;
    return q->device->cu.cuMemcpyPeerAsync(at(dst), to->context, at(src), from->context, j->bytes, q->stream);
}

static CUresult enqueue(hal_cuda_job *j, const hal_backend_binding *dst, const hal_backend_binding *src) {
    hal_cuda_queue *q = j->queue;
    if (j->bytes == 0) return CUDA_SUCCESS;
    if (dst->memory && src->memory && device_of(dst) != device_of(src)) return copy_peer(j, dst, src);
    if (dst->memory && src->memory)
        return overlap(dst, src, j->bytes) ? copy_twice(j, at(dst), at(src))
            : q->device->cu.cuMemcpyDtoDAsync(at(dst), at(src), j->bytes, q->stream);
    if (dst->memory) return write(j, at(dst), host_of(src));
    return src->memory ? read(j, host_of(dst), at(src)) : move_in_host(j, host_of(dst), host_of(src));
}

/* What was enqueued before a failure still runs, and uses what the job holds: it is waited for. Where it does not end, the
   copy counts as taken, by a device that is lost. */
static hal_status give_up(hal_cuda_job *j, CUresult e) {
    hal_cuda_device *d = j->queue->device, *cause = j->peer ? hal_cuda_peer_blame(d, j->peer, e) : d;
    const hal_status status = hal_cuda_fail(cause, e, "a copy of %llu bytes", (unsigned long long)j->bytes);
    if (!hal_cuda_job_settle(j)) return HAL_OK;
    hal_cuda_job_give(j);
    return status;
}

static CUresult run(hal_cuda_job *j, const hal_backend_binding *dst, const hal_backend_binding *src) {
    const bool traced = j->queue->device->state->traced && hal_cuda_trace_prepare(j, 1);
    CUresult e = traced ? hal_cuda_trace_mark(j, UINT32_MAX) : CUDA_SUCCESS;
    if (e == CUDA_SUCCESS) e = enqueue(j, dst, src);
    if (e == CUDA_SUCCESS && traced) e = hal_cuda_trace_mark(j, 0);
    return e == CUDA_SUCCESS ? hal_cuda_job_start(j) : e;
}

static void count(hal_cuda_device *d, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes) {
    if (!dst->memory != !src->memory) d->host_bytes += bytes;
    else if (device_of(dst) != device_of(src)) d->peer_bytes += bytes;
}

hal_status hal_cuda_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes,
                         void *completion) {
    hal_cuda_queue *q = queue;
    hal_cuda_device *d = q->device;
    CUresult e = CUDA_SUCCESS;
    HAL_TRY(hal_cuda_enter(d));
    hal_cuda_job *j = hal_cuda_job_take(q, &e);
    hal_status status = HAL_OK;
    if (j) {
        j->bytes = bytes;
        j->completion = completion;
        e = run(j, dst, src);
        if (e == CUDA_SUCCESS) count(d, dst, src, bytes);
        else status = give_up(j, e);
    } else status = e == CUDA_SUCCESS ? hal_cuda_no_memory(d->host, "a copy") : hal_cuda_fail(d, e, "cuEventCreate");
    hal_cuda_leave(d);
    return status;
}
