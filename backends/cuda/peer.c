/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copies between two devices. What a driver says of them is not enough: bridges and IOMMUs have made such copies report
 * success and damage or drop bytes. So a pair is tried both ways, in small and large, with memory of the pools that later
 * copies use, and what arrived is read by the device that has it. A pair that fails loses its access again.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* Less than a word, more than a page, and as long as a copy in several pieces; begun at an odd address. */
static const size_t sizes[] = {1, 4099, 1 << 20, (4 << 20) + 5};
enum { SHIFT = 3, MOST = (4 << 20) + 5 };

/* ------------------------------------------------------------------------------------------------ access -- */

/* Whether `device` reaches the memory of `owner`'s pool. The primary contexts, which others use too, stay as they are. */
static CUresult set_access(const hal_cuda_device *device, const hal_cuda_device *owner, CUmemAccess_flags flags) {
    const CUmemAccessDesc access = {.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = device->id}, .flags = flags};
    return owner->cu.cuMemPoolSetAccess(owner->pool, &access, 1);
}

static void close_access(const hal_cuda_device *a, const hal_cuda_device *b) {
    set_access(a, b, CU_MEM_ACCESS_FLAGS_PROT_NONE);
    set_access(b, a, CU_MEM_ACCESS_FLAGS_PROT_NONE);
}

__attribute__((format(printf, 3, 4)))
static hal_status refuse(const hal_cuda_device *a, const hal_cuda_device *b, const char *format, ...) {
    char why[160];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    return a->host->fail(a->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
        "%s and %s do not copy directly: %s; copies between them go through host memory", a->name, b->name, why);
}

static hal_status open_access(hal_cuda_device *a, hal_cuda_device *b) {
    int there = 0, back = 0;
    if (!a->pool || !b->pool || !a->cu.cuMemPoolSetAccess) return refuse(a, b, "the driver has no pools of memory");
    CUresult e = a->cu.cuDeviceCanAccessPeer(&there, a->id, b->id);
    if (e == CUDA_SUCCESS) e = a->cu.cuDeviceCanAccessPeer(&back, b->id, a->id);
    if (e != CUDA_SUCCESS) return hal_cuda_fail(a, e, "cuDeviceCanAccessPeer");
    if (!there || !back) return refuse(a, b, "the driver says that they do not reach each other's memory");
    e = set_access(a, b, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    if (e == CUDA_SUCCESS) e = set_access(b, a, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    return e == CUDA_SUCCESS ? HAL_OK : hal_cuda_fail(a, e, "access to the memory of %s", b->name);
}

/* ------------------------------------------------------------------------------------------------ trials -- */

/* The device that asks and the other one, a block of each, and host memory of the same size for what is sent and what arrived. */
typedef struct trial {
    hal_cuda_device *side[2];
    CUdeviceptr at[2];
    unsigned char *sent, *got;
    /* Nobody knows whether the last command is over: what it uses is left alone. */
    bool under_way;
} trial;

/* Waits for one command of the device's memory stream, which was enqueued under its context. */
static hal_status finish(trial *t, hal_cuda_device *d, CUresult e) {
    bool ended = true;
    if (e == CUDA_SUCCESS) e = hal_cuda_finish(d, d->stream, &ended);
    t->under_way = !ended;
    const hal_status status = e == CUDA_SUCCESS ? HAL_OK : hal_cuda_fail(d, e, "trying copies between devices");
    hal_cuda_leave(d);
    return status;
}

static hal_status store(trial *t, int side, size_t n) {
    hal_cuda_device *d = t->side[side];
    HAL_TRY(hal_cuda_enter(d));
    return finish(t, d, d->cu.cuMemcpyHtoDAsync(t->at[side] + SHIFT, t->sent, n, d->stream));
}

static hal_status load(trial *t, int side, size_t n) {
    hal_cuda_device *d = t->side[side];
    HAL_TRY(hal_cuda_enter(d));
    return finish(t, d, d->cu.cuMemcpyDtoHAsync(t->got, t->at[side] + SHIFT, n, d->stream));
}

static hal_status send(trial *t, int from, size_t n) {
    hal_cuda_device *d = t->side[0];
    const int to = 1 - from;
    HAL_TRY(hal_cuda_enter(d));
    const CUresult e = d->cu.cuMemcpyPeerAsync(t->at[to] + SHIFT, t->side[to]->context, t->at[from] + SHIFT,
        t->side[from]->context, n, d->stream);
    if (e == CUDA_SUCCESS) return finish(t, d, e);
    const hal_status status = hal_cuda_fail(hal_cuda_peer_blame(d, t->side[1], e), e, "trying copies between devices");
    hal_cuda_leave(d);
    return status;
}

/* Bytes that no shift or repetition leaves as they are, and none of which is what the target has before. */
static void make_pattern(unsigned char *out, size_t n, int from, bool before) {
    for (size_t i = 0; i < n; i++) {
        uint32_t x = ((uint32_t)i + 1) * 0x9e3779b1u ^ (uint32_t)(from + 1) * 0x85ebca6bu;
        x ^= x >> 15;
        out[i] = (unsigned char)((x * 0x2c1b3c6du) >> 24 ^ (before ? 0xff : 0));
    }
}

static hal_status try_way(trial *t, int from, size_t n) {
    const int to = 1 - from;
    size_t same = 0;
    make_pattern(t->sent, n, from, true);
    HAL_TRY(store(t, to, n));
    make_pattern(t->sent, n, from, false);
    HAL_TRY(store(t, from, n));
    HAL_TRY(send(t, from, n));
    HAL_TRY(load(t, to, n));
    while (same < n && t->sent[same] == t->got[same]) same++;
    if (same == n) return HAL_OK;
    return refuse(t->side[from], t->side[to], "a copy of %zu bytes reported success, but byte %zu did not arrive", n, same);
}

static hal_status try_all(trial *t) {
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int from = 0; from < 2; from++) HAL_TRY(try_way(t, from, sizes[i]));
    return HAL_OK;
}

static hal_status take(trial *t, int side) {
    hal_cuda_device *d = t->side[side];
    HAL_TRY(hal_cuda_enter(d));
    return finish(t, d, hal_cuda_take(d, MOST + SHIFT, d->stream, &t->at[side]));
}

static void give(const trial *t, int side) {
    hal_cuda_device *d = t->side[side];
    if (!t->at[side] || !hal_cuda_return(d)) return;
    hal_cuda_give(d, t->at[side], MOST + SHIFT, d->stream);
    hal_cuda_leave(d);
}

static hal_status try_pair(hal_cuda_device *a, hal_cuda_device *b) {
    trial t = {.side = {a, b}, .sent = malloc(MOST), .got = malloc(MOST)};
    hal_status status = t.sent && t.got ? HAL_OK : hal_cuda_no_memory(a->host, "trying copies between devices");
    for (int side = 0; side < 2 && status == HAL_OK; side++) status = take(&t, side);
    if (status == HAL_OK) status = try_all(&t);
    if (t.under_way) return status;
    for (int side = 0; side < 2; side++) give(&t, side);
    free(t.sent);
    free(t.got);
    return status;
}

hal_status hal_cuda_peer(void *device, void *other) {
    hal_cuda_device *a = device, *b = other;
    HAL_TRY(open_access(a, b));
    const hal_status status = try_pair(a, b);
    if (hal_status_code(status) == HAL_CODE_UNSUPPORTED) close_access(a, b);
    return status;
}

/* ------------------------------------------------------------------------------------- the end of a copy -- */

hal_cuda_device *hal_cuda_peer_blame(hal_cuda_device *d, hal_cuda_device *other, CUresult e) {
    const bool own = !hal_cuda_code_is_sticky(e) || hal_cuda_code_is_sticky(d->cu.cuStreamQuery(d->stream));
    return own ? d : other;
}

/* Nothing of the queue tells whether the other device's memory was still there. */
void hal_cuda_peer_judge(hal_cuda_job *j) {
    hal_cuda_device *other = j->peer;
    CUresult e = CUDA_SUCCESS;
    if (!other || j->failure != HAL_OK) return;
    if (!other->lost && hal_cuda_return(other)) {
        e = other->cu.cuStreamQuery(other->stream);
        hal_cuda_leave(other);
    }
    if (hal_cuda_code_is_sticky(e)) {
        char text[400];
        snprintf(text, sizeof text, "%s: seen after a copy: %s (%d): %s", other->who, hal_cuda_code_name(&other->cu, e), e,
            hal_cuda_code_text(&other->cu, e));
        hal_cuda_device_lose(other, text);
    }
    if (!other->lost) return;
    j->failure = HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST);
    snprintf(j->text, sizeof j->text, "a copy whose other device is lost: %s", other->cause);
}
