/* SPDX-License-Identifier: Apache-2.0 */
/*
 * claims.h - devices of a vendor's driver, for backends that claim what the core's child processes were told of when that
 * driver was last asked (hal_host.vendor_devices). Nothing of a vendor is loaded for it. The list only grows, so that a number
 * given out once keeps its meaning.
 */
#ifndef HAL_BACKENDS_CLAIMS_H
#define HAL_BACKENDS_CLAIMS_H

#include <hal/backend.h>

#include <pthread.h>

enum { HAL_CLAIMS_MOST = 64 };

typedef struct hal_claims {
    /* As hal_host.vendor_devices takes it: "cuda". */
    const char *vendor;
    /* Whether two descriptions are of one device. */
    bool (*same)(const hal_vendor_device *a, const hal_vendor_device *b);
    pthread_mutex_t lock;
    uint32_t n;
    hal_vendor_device told[HAL_CLAIMS_MOST];
} hal_claims;

void hal_claims_open(hal_claims *claims, const char *vendor,
                     bool (*same)(const hal_vendor_device *a, const hal_vendor_device *b));
void hal_claims_close(hal_claims *claims);
/* Asks the host again; *count is how many devices there are now. A host that is older than the question knows of none. */
hal_status hal_claims_ask(hal_claims *claims, const hal_host *host, uint32_t *count);
/* What was last told of device `index`; false: there is no such device. */
bool hal_claims_get(hal_claims *claims, uint32_t index, hal_vendor_device *told);
/* Whether a word is among the features of a device. */
bool hal_claims_has(const hal_vendor_device *told, const char *feature);

#endif
