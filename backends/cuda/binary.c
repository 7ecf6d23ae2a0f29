/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled texts of a device. */
#include <stdlib.h>
#include <string.h>

#include "build.h"

struct hal_cuda_binary {
    struct hal_cuda_binary *next;
    /* The text's parts; the body is a copy. */
    hal_portable_program what;
    CUmodule module;
    /* Launches that stand on it. */
    uint32_t users;
};

CUmodule hal_cuda_binary_module(const hal_cuda_binary *binary) { return binary->module; }

static bool same(const char *a, const char *b) {
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

static hal_cuda_binary *find(const hal_cuda_device *d, const hal_portable_program *p) {
    hal_cuda_binary *b = d->binaries;
    while (b && !(strcmp(b->what.file, p->file) == 0 && strcmp(b->what.options, p->options) == 0 &&
        same(b->what.body, p->body)))
        b = b->next;
    return b;
}

static hal_cuda_binary *create(const hal_portable_program *p) {
    hal_cuda_binary *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->what = *p;
    b->what.body = p->body ? strdup(p->body) : NULL;
    if (b->what.body || !p->body) return b;
    free(b);
    return NULL;
}

static void binary_free(const hal_cuda_device *d, hal_cuda_binary *b) {
    if (!b) return;
    if (b->module) d->cu.cuModuleUnload(b->module);
    free(b->what.body);
    free(b);
}

static hal_status add(hal_cuda_device *d, const hal_portable_program *p, hal_cuda_binary **out) {
    hal_cuda_binary *b = create(p);
    char *text = b ? hal_portable_source(p) : NULL;
    const hal_status status = text ? hal_cuda_build(d, text, p->file, &b->module)
        : hal_cuda_no_memory(d->host, "the text of kernels");
    free(text);
    if (status != HAL_OK) {
        binary_free(d, b);
        return status;
    }
    b->next = d->binaries;
    d->binaries = b;
    *out = b;
    return HAL_OK;
}

/* One text is built at a time, so that two programs never build the same one. */
hal_status hal_cuda_binary_get(hal_cuda_device *d, const hal_portable_program *p, hal_cuda_binary **out) {
    hal_status status = HAL_OK;
    pthread_mutex_lock(&d->build);
    hal_cuda_binary *b = find(d, p);
    if (!b) status = add(d, p, &b);
    if (status == HAL_OK) {
        b->users++;
        *out = b;
    }
    pthread_mutex_unlock(&d->build);
    return status;
}

void hal_cuda_binary_put(hal_cuda_device *d, hal_cuda_binary *binary) {
    if (!binary) return;
    pthread_mutex_lock(&d->build);
    binary->users--;
    pthread_mutex_unlock(&d->build);
}

void hal_cuda_binaries_trim(hal_cuda_device *d) {
    pthread_mutex_lock(&d->build);
    for (hal_cuda_binary **at = &d->binaries; *at;) {
        hal_cuda_binary *b = *at;
        if (b->users > 0) {
            at = &b->next;
            continue;
        }
        *at = b->next;
        binary_free(d, b);
    }
    pthread_mutex_unlock(&d->build);
}
