/* SPDX-License-Identifier: Apache-2.0 */
#include "backends/claims.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

void hal_claims_open(hal_claims *c, const char *vendor,
                     bool (*same)(const hal_vendor_device *a, const hal_vendor_device *b)) {
    c->vendor = vendor;
    c->same = same;
    c->n = 0;
    pthread_mutex_init(&c->lock, NULL);
}

void hal_claims_close(hal_claims *c) { pthread_mutex_destroy(&c->lock); }

static void add(hal_claims *c, const hal_vendor_device *told) {
    for (uint32_t i = 0; i < c->n; i++) {
        if (!c->same(&c->told[i], told)) continue;
        c->told[i] = *told;         /* a driver may have been updated meanwhile */
        return;
    }
    if (c->n < HAL_CLAIMS_MOST) c->told[c->n++] = *told;
}

static hal_status refresh(hal_claims *c, const hal_host *host) {
    if (host->size < offsetof(hal_host, vendor_devices) + sizeof host->vendor_devices) return HAL_OK;
    hal_vendor_device *told = calloc(HAL_CLAIMS_MOST, sizeof *told);
    if (!told)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
            "%s: no host memory for the list of devices; free memory and try again", c->vendor);
    const uint32_t n = host->vendor_devices(host->context, c->vendor, HAL_CLAIMS_MOST, told);
    for (uint32_t i = 0; i < n && i < HAL_CLAIMS_MOST; i++) add(c, &told[i]);
    free(told);
    return HAL_OK;
}

hal_status hal_claims_ask(hal_claims *c, const hal_host *host, uint32_t *count) {
    pthread_mutex_lock(&c->lock);
    const hal_status status = refresh(c, host);
    const uint32_t n = c->n;
    pthread_mutex_unlock(&c->lock);
    if (status == HAL_OK) *count = n;
    return status;
}

bool hal_claims_get(hal_claims *c, uint32_t index, hal_vendor_device *told) {
    pthread_mutex_lock(&c->lock);
    const bool there = index < c->n;
    if (there) *told = c->told[index];
    pthread_mutex_unlock(&c->lock);
    return there;
}

bool hal_claims_has(const hal_vendor_device *told, const char *feature) {
    const size_t n = strlen(feature);
    for (const char *p = told->features; (p = strstr(p, feature)) != NULL; p += n)
        if ((p == told->features || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0')) return true;
    return false;
}
