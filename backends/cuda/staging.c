/* SPDX-License-Identifier: Apache-2.0 */
#include "staging.h"

#include <stdlib.h>

/* The least that is left, and large enough. */
static hal_cuda_staging *find(hal_cuda_device *d, uint64_t bytes) {
    hal_cuda_staging *best = NULL;
    for (hal_cuda_staging *s = d->staging; s; s = s->next)
        if (!s->taken && s->bytes >= bytes && (!best || s->bytes < best->bytes)) best = s;
    return best;
}

static hal_cuda_staging *create(hal_cuda_device *d, uint64_t bytes) {
    hal_cuda_staging *s = calloc(1, sizeof *s);
    void *address = NULL;
    if (!s) return NULL;
    s->bytes = HAL_CUDA_STAGING_LEAST;
    while (s->bytes < bytes) s->bytes *= 2;
    if (d->cu.cuMemHostAlloc(&address, s->bytes, CU_MEMHOSTALLOC_PORTABLE) != CUDA_SUCCESS) {
        free(s);
        return NULL;
    }
    s->address = address;
    s->next = d->staging;
    d->staging = s;
    return s;
}

hal_cuda_staging *hal_cuda_staging_take(hal_cuda_device *d, uint64_t bytes) {
    if (bytes > HAL_CUDA_STAGING_MOST) bytes = HAL_CUDA_STAGING_MOST;
    pthread_mutex_lock(&d->lock);
    hal_cuda_staging *s = find(d, bytes);
    if (!s) s = create(d, bytes);
    if (s) s->taken = true;
    pthread_mutex_unlock(&d->lock);
    return s;
}

void hal_cuda_staging_give(hal_cuda_device *d, hal_cuda_staging *s) {
    if (!s) return;
    pthread_mutex_lock(&d->lock);
    s->taken = false;
    pthread_mutex_unlock(&d->lock);
}

void hal_cuda_staging_trim(hal_cuda_device *d) {
    pthread_mutex_lock(&d->lock);
    for (hal_cuda_staging **at = &d->staging; *at;) {
        hal_cuda_staging *s = *at;
        if (s->taken) {
            at = &s->next;
            continue;
        }
        *at = s->next;
        d->cu.cuMemFreeHost(s->address);
        free(s);
    }
    pthread_mutex_unlock(&d->lock);
}
