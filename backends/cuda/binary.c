/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled texts of a device. */
#include <stdlib.h>

#include "build.h"

struct hal_cuda_binary {
    hal_portable_binary base;
    CUmodule module;
};

CUmodule hal_cuda_binary_module(const hal_cuda_binary *binary) { return binary->module; }

static void binary_free(const hal_cuda_device *d, hal_cuda_binary *b) {
    if (!b) return;
    if (b->module) d->cu.cuModuleUnload(b->module);
    hal_portable_binary_free(&b->base);
}

static hal_status add(hal_cuda_device *d, const hal_portable_program *p, hal_cuda_binary **out) {
    hal_cuda_binary *b = hal_portable_binary_create(sizeof *b, p);
    char *text = b ? hal_portable_source(p) : NULL;
    const hal_status status = text ? hal_cuda_build(d, text, p->file, &b->module)
        : hal_cuda_no_memory(d->host, "the text of kernels");
    free(text);
    if (status != HAL_OK) {
        binary_free(d, b);
        return status;
    }
    b->base.next = d->binaries;
    d->binaries = &b->base;
    *out = b;
    return HAL_OK;
}

/* One text is built at a time, so that two programs never build the same one. */
hal_status hal_cuda_binary_get(hal_cuda_device *d, const hal_portable_program *p, hal_cuda_binary **out) {
    hal_status status = HAL_OK;
    pthread_mutex_lock(&d->build);
    hal_cuda_binary *b = (hal_cuda_binary *)hal_portable_binary_find(d->binaries, p);
    if (!b) status = add(d, p, &b);
    if (status == HAL_OK) {
        b->base.users++;
        *out = b;
    }
    pthread_mutex_unlock(&d->build);
    return status;
}

void hal_cuda_binary_put(hal_cuda_device *d, hal_cuda_binary *binary) {
    if (!binary) return;
    pthread_mutex_lock(&d->build);
    binary->base.users--;
    pthread_mutex_unlock(&d->build);
}

void hal_cuda_binaries_trim(hal_cuda_device *d) {
    pthread_mutex_lock(&d->build);
    for (hal_portable_binary *b; (b = hal_portable_binary_take_unused(&d->binaries));)
        binary_free(d, (hal_cuda_binary *)b);
    pthread_mutex_unlock(&d->build);
}
