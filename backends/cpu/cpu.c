/* SPDX-License-Identifier: Apache-2.0 */
/* The cpu backend: the table that the core loads, devices and memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

#define HUGE_PAGE ((uint64_t)2 << 20)

static int64_t option_number(const hal_host *host, const char *name, int64_t otherwise) {
    const char *text = host->option(host->context, name);
    char *end = NULL;
    long long n = text ? strtoll(text, &end, 10) : 0;
    return text && end != text && n > 0 ? n : otherwise;
}

static bool option_set(const hal_host *host, const char *name) {
    const char *text = host->option(host->context, name);
    return text && *text && strcmp(text, "0") != 0;
}

static hal_status cpu_open(const hal_host *host, void **out) {
    hal_cpu_state *state = calloc(1, sizeof *state);
    if (!state) return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
        "cpu: no memory to start");
    state->host = host;
    state->n_devices = (uint32_t)hal_cpu_min(option_number(host, "cpu_devices", 1), 64);
    state->threads = hal_cpu_min(option_number(host, "cpu_threads", 0), HAL_CPU_MOST_WORKERS);
    const char *bind = host->option(host->context, "cpu_bind");
    state->bind = !bind || strcmp(bind, "0") != 0;
    state->primitives_only = option_set(host, "primitives_only");
    const char *isa = host->option(host->context, "cpu_isa");
    state->table = hal_cpu_isa_choose(isa, &state->features);
    if (!state->table) {
        free(state);
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), 0,
            "cpu: HAL_CPU_ISA is \"%s\"; use plain, avx2 or best", isa);
    }
    /* A host older than the hook has a shorter table. */
    state->traced = host->size >= offsetof(hal_host, trace_op) + sizeof host->trace_op && host->trace_op;
    *out = state;
    return HAL_OK;
}

static void cpu_close(void *state) { free(state); }

static void model_name(char *name, size_t size) {
    char line[256];
    snprintf(name, size, "cpu");
    FILE *f = fopen("/proc/cpuinfo", "re");
    while (f && fgets(line, sizeof line, f)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        colon[strcspn(colon, "\n")] = 0;
        snprintf(name, size, "%.90s", colon + 2);
        break;
    }
    if (f) fclose(f);
}

static hal_status cpu_claim(void *opaque, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    const hal_cpu_state *state = opaque;
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    hal_device_record record = {.alias = "cpu", .memory = "host", .host_access = 1,
                                .compute_group = HAL_COMPUTE_GROUP_HOST};
    record.memory_bytes = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 0;
    model_name(record.name, sizeof record.name);
    for (uint32_t i = 0; i < state->n_devices && i < capacity; i++) records[i] = record;
    *count = state->n_devices;
    return HAL_OK;
}

static hal_status cpu_device_open(void *opaque, uint32_t index, void **out) {
    hal_cpu_state *state = opaque;
    const hal_host *host = state->host;
    if (index >= state->n_devices) {
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_NOT_FOUND), 0,
            "cpu: there is no device %u", index);
    }
    hal_cpu_device *device = calloc(1, sizeof *device);
    hal_cpu_server *server = device ? hal_cpu_server_get(state->threads, state->bind) : NULL;
    if (!server) {
        free(device);
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                          "cpu: the worker threads could not be started (%lld asked, 0: one a core); set cpu_threads lower",
                          (long long)state->threads);
    }
    device->state = state;
    device->server = server;
    device->index = index;
    *out = device;
    return HAL_OK;
}

static void cpu_device_close(void *opaque) {
    hal_cpu_device *device = opaque;
    hal_cpu_server_put(device->server);
    free(device);
}

/* Large blocks come from the kernel, zeroed, at a huge page boundary: page size is worth a factor on large
   weights. */
static void *map_pages(uint64_t bytes, uint64_t *mapped) {
    uint64_t whole;
    if (__builtin_add_overflow(bytes, 2 * HUGE_PAGE - 1, &whole)) return NULL;
    whole &= ~(HUGE_PAGE - 1);
    char *p = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return NULL;
    char *aligned = (char *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    uint64_t kept = (bytes + 4095) & ~(uint64_t)4095, before = (uint64_t)(aligned - p), after =
        whole - before - kept;
    if (before) munmap(p, before);
    if (after) munmap(aligned + kept, after);
    madvise(aligned, kept, MADV_HUGEPAGE);
    *mapped = kept;
    return aligned;
}

static void *small_block(uint64_t bytes) {
    size_t rounded = (size_t)(bytes + 63) & ~(size_t)63;
    void *p = aligned_alloc(64, rounded);
    if (p) memset(p, 0, rounded);
    return p;
}

static hal_status cpu_alloc(void *opaque, uint64_t bytes, void **memory, void **host_address) {
    const hal_cpu_device *device = opaque;
    const hal_host *host = device->state->host;
    hal_cpu_block *block = calloc(1, sizeof *block);
    if (block) block->host = bytes >= HUGE_PAGE ? map_pages(bytes, &block->bytes) : small_block(bytes);
    if (block && block->host && block->bytes) hal_cpu_server_pages(device->server, block->host, block->bytes);
    if (!block || !block->host) {
        free(block);
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                          "cpu: the system has no %llu bytes; free memory or use a smaller model",
                              (unsigned long long)bytes);
    }
    *memory = block;
    *host_address = block->host;
    return HAL_OK;
}

static void cpu_free(void *device, void *memory) {
    hal_cpu_block *block = memory;
    (void)device;
    if (!block) return;
    if (block->bytes) munmap(block->host, block->bytes);
    else free(block->host);
    free(block);
}

static uint64_t cpu_counter(void *opaque, const char *name) {
    const hal_cpu_device *device = opaque;
    if (strcmp(name, "ops") == 0) return device->ops;
    return strcmp(name, "programs") == 0 ? device->programs : 0;
}

static const hal_backend cpu_backend = {
    HAL_HEAD(hal_backend), .abi = HAL_BACKEND_ABI, .sanitizer = HAL_BACKEND_SANITIZER,
    .features = HAL_FEATURE_DYNAMIC | HAL_FEATURE_IN_PLACE, .name = "cpu", .description =
        "processor cores of this machine",
    .build_id = "cpu-1", .open = cpu_open, .close = cpu_close, .claim = cpu_claim, .device_open =
        cpu_device_open,
    .device_close = cpu_device_close, .alloc = cpu_alloc, .free = cpu_free, .support = hal_cpu_support,
        .cost = hal_cpu_cost,
    .compile = hal_cpu_compile, .program_free = hal_cpu_program_free, .queue_create = hal_cpu_queue_create,
    .queue_destroy = hal_cpu_queue_destroy, .submit = hal_cpu_submit, .copy = hal_cpu_copy, .counter =
        cpu_counter, .layout = hal_cpu_layout,
};

HAL_BACKEND_EXPORT(cpu_backend, "cpu", "cpu-1")
