/* SPDX-License-Identifier: Apache-2.0 */
#include "bell.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct hal_opencl_bell {
    pthread_mutex_t lock;
    pthread_cond_t rang;
    bool done, left;
};

hal_opencl_bell *hal_opencl_bell_create(void) {
    pthread_condattr_t clock;
    hal_opencl_bell *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    pthread_mutex_init(&b->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&b->rang, &clock);
    pthread_condattr_destroy(&clock);
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
    const struct timespec until = {deadline / 1000000000, deadline % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&b->lock);
    while (!b->done && rc == 0) rc = pthread_cond_timedwait(&b->rang, &b->lock, &until);
    const bool done = b->done;
    b->left = !done;
    pthread_mutex_unlock(&b->lock);
    if (done) hal_opencl_bell_free(b);
    return done;
}
