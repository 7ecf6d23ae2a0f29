/* SPDX-License-Identifier: Apache-2.0 */
#include "bell.h"

#include <pthread.h>
#include <stdlib.h>

#include "clock.h"

struct hal_opencl_bell {
    pthread_mutex_t lock;
    pthread_cond_t rang;
    bool done, left;
};

hal_opencl_bell *hal_opencl_bell_create(void) {
    hal_opencl_bell *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    pthread_mutex_init(&b->lock, NULL);
    hal_opencl_condition_init(&b->rang);
    return b;
}

void hal_opencl_bell_free(hal_opencl_bell *b) {
    pthread_cond_destroy(&b->rang);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void hal_opencl_bell_ring(hal_opencl_bell *b) {
    pthread_mutex_lock(&b->lock);
    const bool left = b->left;
    b->done = true;
    pthread_cond_signal(&b->rang);
    pthread_mutex_unlock(&b->lock);
    if (left) hal_opencl_bell_free(b);
}

bool hal_opencl_bell_wait(hal_opencl_bell *b, int64_t deadline) {
    bool late = false;
    pthread_mutex_lock(&b->lock);
    while (!b->done && !late) late = !hal_opencl_condition_wait(&b->rang, &b->lock, deadline);
    const bool done = b->done;
    b->left = !done;
    pthread_mutex_unlock(&b->lock);
    if (done) hal_opencl_bell_free(b);
    return done;
}
