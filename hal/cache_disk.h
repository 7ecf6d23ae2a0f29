/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the program cache that outlives a process. Whatever goes wrong with it means "not there" and is no error. */
#ifndef HAL_CACHE_DISK_H
#define HAL_CACHE_DISK_H

#include "object.h"

#define HAL_CACHE_DISK_BYTES (256ull << 20) /* unless HAL_CACHE_BYTES says otherwise */

/* Whose entries: those of a backend's build. Others never meet them. */
typedef struct hal_cache_owner {
    const hal_allocator *allocator;
    const char *name, *build_id;
    uint64_t limit; /* bytes of all entries of all owners together; 0: nothing is read or kept */
} hal_cache_owner;

/* What was stored last under `key`, a block of the allocator, 64-aligned; NULL when there is none. One that is damaged is removed. */
void *hal_cache_disk_load(const hal_cache_owner *owner, const void *key, size_t key_bytes, size_t *bytes);
/* Keeps `data`; entries that were not read for longest leave when all together pass the limit. */
void hal_cache_disk_store(const hal_cache_owner *owner, const void *key, size_t key_bytes, const void *data, size_t bytes);

#endif
