/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hal-bench/measure.h"

enum { MOST_BLOCKS = 12, DEADLINE_MS = 60000, CHUNK = 1 << 20 };

/* A block of one end: a buffer, or host memory. */
typedef struct block {
    hal_buffer *buffer;
    unsigned char *host;
} block;

struct transfer {
    hal_queue *queue;
    hal_timeline *timeline;
    hal_queue *half; /* copies to `between`, where `queue` copies from; NULL: there are no halves */
    block between;
    bool paired;
    char why[256];
    uint64_t bytes, value;
    unsigned blocks;
    block from[MOST_BLOCKS], to[MOST_BLOCKS];
    unsigned char *pattern; /* a chunk of what is written or read for comparison */
    unsigned turn;
};

static hal_status make_block(hal_device *device, uint64_t bytes, block *b) {
    if (device) return hal_buffer_create(device, bytes, &b->buffer);
    b->host = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
    if (!b->host) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    return HAL_OK;
}

static hal_binding binding(const block *b) { return (hal_binding){b->buffer, b->host, 0}; }

/* A second half waits for the first. */
static hal_status start(transfer *t, hal_queue *queue, const block *to, const block *from) {
    const hal_point before = {t->timeline, t->value}, end = {t->timeline, t->value + 1};
    HAL_TRY(hal_queue_copy(queue, binding(to), binding(from), t->bytes, &before, t->half ? 1 : 0, &end, 1));
    t->value++;
    return HAL_OK;
}

hal_status transfer_start(transfer *t) {
    const unsigned i = t->turn++ % t->blocks;
    if (t->half) HAL_TRY(start(t, t->half, &t->between, &t->from[i]));
    return start(t, t->queue, &t->to[i], t->half ? &t->between : &t->from[i]);
}

bool transfer_paired(const transfer *t, const char **why) {
    *why = t->why;
    return t->paired;
}

hal_status transfer_wait(transfer *t) { return hal_timeline_wait(t->timeline, t->value, hal_deadline_ms(DEADLINE_MS)); }

hal_status transfer_run(void *context, double *seconds) {
    const double begin = bench_now();
    HAL_TRY(transfer_start(context));
    HAL_TRY(transfer_wait(context));
    *seconds = bench_now() - begin;
    return HAL_OK;
}

/* Bytes that no shift, repetition or stale block of another seed equals: a 32-bit mix of place and seed. */
static void make_pattern(unsigned char *out, uint64_t first, uint64_t n, uint32_t seed) {
    for (uint64_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)(first + i) * 0x9e3779b1u ^ seed * 0x85ebca6bu;
        x ^= x >> 15;
        x *= 0x2c1b3c6du;
        out[i] = (unsigned char)(x >> 13);
    }
}

static hal_status store(const block *b, uint64_t offset, const void *bytes, uint64_t n) {
    if (b->buffer) return hal_buffer_write(b->buffer, offset, bytes, n);
    memcpy(b->host + offset, bytes, n);
    return HAL_OK;
}

static hal_status load(const block *b, uint64_t offset, void *bytes, uint64_t n) {
    if (b->buffer) return hal_buffer_read(b->buffer, offset, bytes, n);
    memcpy(bytes, b->host + offset, n);
    return HAL_OK;
}

static uint64_t chunk_at(const transfer *t, uint64_t offset) { return t->bytes - offset < CHUNK ? t->bytes - offset : CHUNK; }

static hal_status write_pattern(transfer *t, const block *b, uint32_t seed) {
    for (uint64_t o = 0; o < t->bytes; o += CHUNK) {
        make_pattern(t->pattern, o, chunk_at(t, o), seed);
        HAL_TRY(store(b, o, t->pattern, chunk_at(t, o)));
    }
    return HAL_OK;
}

/* Index of the first byte of the chunk that is not what it should be, or n. */
static uint64_t first_difference(const transfer *t, const unsigned char *got, uint64_t n) {
    uint64_t i = 0;
    while (i < n && got[i] == t->pattern[i]) i++;
    return i;
}

static hal_status compare(transfer *t, const block *b, uint32_t seed, uint64_t *wrong) {
    unsigned char *got = malloc(CHUNK);
    hal_status status = got ? HAL_OK : HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    *wrong = t->bytes;
    for (uint64_t o = 0; status == HAL_OK && o < t->bytes && *wrong == t->bytes; o += CHUNK) {
        const uint64_t n = chunk_at(t, o);
        make_pattern(t->pattern, o, n, seed);
        status = load(b, o, got, n);
        const uint64_t same = status == HAL_OK ? first_difference(t, got, n) : n;
        if (same < n) *wrong = o + same;
    }
    free(got);
    return status;
}

hal_status transfer_verify(transfer *t, uint32_t seed, uint64_t *wrong) {
    const unsigned i = t->turn % t->blocks;
    double seconds;
    HAL_TRY(write_pattern(t, &t->from[i], seed));
    HAL_TRY(write_pattern(t, &t->to[i], ~seed));
    HAL_TRY(transfer_run(t, &seconds));
    return compare(t, &t->to[i], seed, wrong);
}

/* Pages exist, and are in no state of their own, before they are timed. */
static hal_status touch(transfer *t, const block *b) {
    make_pattern(t->pattern, 0, CHUNK, 0);
    for (uint64_t o = 0; o < t->bytes; o += CHUNK) HAL_TRY(store(b, o, t->pattern, chunk_at(t, o)));
    return HAL_OK;
}

static bool host_reaches(const hal_instance *instance, const hal_device *device) {
    hal_device_info info;
    hal_memory_info memory;
    hal_device_describe(device, &info);
    hal_memory_describe(hal_memory_get(instance, info.memory), &memory);
    return memory.host_access;
}

/* Whose queue copies: the end's that only its own device reaches. */
static hal_device *worker(const hal_instance *instance, hal_device *from, hal_device *to) {
    if (!from || !to) return from ? from : to;
    return !host_reaches(instance, from) && host_reaches(instance, to) ? from : to;
}

/* Two devices that are no peers need host memory between them. */
static hal_status find_way(transfer *t, hal_instance *instance, hal_device *from, hal_device *to) {
    if (!from || !to || from == to || host_reaches(instance, from) || host_reaches(instance, to)) return HAL_OK;
    t->paired = true;
    const hal_status status = hal_device_peer(to, from);
    if (hal_status_code(status) != HAL_CODE_UNSUPPORTED) return status;
    snprintf(t->why, sizeof t->why, "%s", hal_status_last()->text);
    HAL_TRY(make_block(NULL, t->bytes, &t->between));
    return hal_queue_create(from, &t->half);
}

static hal_status fill(transfer *t, hal_instance *instance, hal_device *from, hal_device *to) {
    t->pattern = malloc(CHUNK);
    if (!t->pattern) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    for (unsigned i = 0; i < t->blocks; i++) {
        HAL_TRY(make_block(from, t->bytes, &t->from[i]));
        HAL_TRY(make_block(to, t->bytes, &t->to[i]));
        HAL_TRY(touch(t, &t->from[i]));
        HAL_TRY(touch(t, &t->to[i]));
    }
    HAL_TRY(hal_timeline_create(instance, &t->timeline));
    HAL_TRY(find_way(t, instance, from, to));
    return hal_queue_create(worker(instance, from, to), &t->queue);
}

hal_status transfer_create(hal_instance *instance, hal_device *from, hal_device *to, uint64_t bytes, transfer **out) {
    transfer *t = calloc(1, sizeof *t);
    if (!t) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    t->bytes = bytes;
    t->blocks = measure_blocks(bytes, MOST_BLOCKS);
    const hal_status status = fill(t, instance, from, to);
    if (status == HAL_OK)
        *out = t;
    else
        transfer_destroy(t);
    return status;
}

static void drop_block(block *b) {
    hal_buffer_release(b->buffer);
    free(b->host);
}

void transfer_destroy(transfer *t) {
    if (!t) return;
    if (t->half) hal_queue_release(t->half, hal_deadline_ms(1000));
    if (t->queue) hal_queue_release(t->queue, hal_deadline_ms(1000));
    hal_timeline_release(t->timeline);
    for (unsigned i = 0; i < MOST_BLOCKS; i++) {
        drop_block(&t->from[i]);
        drop_block(&t->to[i]);
    }
    drop_block(&t->between);
    free(t->pattern);
    free(t);
}
