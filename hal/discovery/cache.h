/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /etc/ld.so.cache, the table of libraries that ldconfig leaves for the dynamic loader. Its form since
 * glibc 2.2: the magic "glibc-ld.so.cache1.1", the number of libraries and the bytes of texts as 32-bit
 * numbers, 20 further bytes, then 24 bytes a library: flags, offset of its name, offset of its path, ...;
 * offsets count from the magic, which an older table may precede.
 */
#ifndef HAL_DISCOVERY_CACHE_H
#define HAL_DISCOVERY_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct hal_cache {
    const char *bytes; /* from the magic on */
    size_t size;
    uint32_t count;
} hal_cache;

/* False when the table is not of that form. `bytes` must outlive the cache; nothing in them is believed. */
bool hal_cache_open(const char *bytes, size_t size, hal_cache *cache);
/* Name and path of library `index`, "" for texts that do not lie in the table; false past the end. */
bool hal_cache_at(const hal_cache *cache, uint32_t index, const char **name, const char **path);

#endif
