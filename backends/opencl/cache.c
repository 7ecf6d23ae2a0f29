/* SPDX-License-Identifier: Apache-2.0 */
#include "cache.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* All that an entry depends on, as one text. */
static char *key_of(const hal_opencl_device *d, const char *what, const char *text, size_t *bytes) {
    char *key = NULL;
    FILE *to = open_memstream(&key, bytes);
    if (!to) return NULL;
    fprintf(to, "%s\n%s\n%s\n%s\n%s\n%s\n%s", what, d->platform, d->name, d->version, d->driver, d->options, text);
    if (fclose(to) == 0) return key;
    free(key);
    return NULL;
}

bool hal_opencl_cache_is_there(const hal_opencl_device *d) {
    return d->host->size >= offsetof(hal_host, cache_store) + sizeof d->host->cache_store;
}

void *hal_opencl_cache_load(const hal_opencl_device *d, const char *what, const char *text, size_t *bytes) {
    const hal_host *host = d->host;
    size_t key_bytes = 0;
    char *key = hal_opencl_cache_is_there(d) ? key_of(d, what, text, &key_bytes) : NULL;
    void *data = key ? host->cache_load(host->context, key, key_bytes, bytes) : NULL;
    free(key);
    return data;
}

void hal_opencl_cache_store(const hal_opencl_device *d, const char *what, const char *text, const void *data, size_t bytes) {
    const hal_host *host = d->host;
    size_t key_bytes = 0;
    char *key = hal_opencl_cache_is_there(d) ? key_of(d, what, text, &key_bytes) : NULL;
    if (key) host->cache_store(host->context, key, key_bytes, data, bytes);
    free(key);
}
