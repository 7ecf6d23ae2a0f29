/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/cache.h"

#include <string.h>

enum { HEAD = 48, ENTRY = 24 };
#define MAGIC "glibc-ld.so.cache1.1"

static uint32_t number_at(const char *bytes)
{
    uint32_t value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

bool hal_cache_open(const char *bytes, size_t size, hal_cache *cache)
{
    const char *begin = memmem(bytes, size, MAGIC, sizeof MAGIC - 1);
    if (begin == NULL || size - (size_t)(begin - bytes) < HEAD)
        return false;
    size_t left = size - (size_t)(begin - bytes), room = (left - HEAD) / ENTRY;
    uint32_t told = number_at(begin + sizeof MAGIC - 1);
    *cache = (hal_cache){begin, left, told < room ? told : (uint32_t)room};
    return true;
}

static const char *text_at(const hal_cache *cache, uint32_t offset)
{
    if (offset >= cache->size || memchr(cache->bytes + offset, '\0', cache->size - offset) == NULL)
        return "";
    return cache->bytes + offset;
}

bool hal_cache_at(const hal_cache *cache, uint32_t index, const char **name, const char **path)
{
    if (index >= cache->count)
        return false;
    const char *entry = cache->bytes + HEAD + (size_t)index * ENTRY;
    *name = text_at(cache, number_at(entry + 4));
    *path = text_at(cache, number_at(entry + 8));
    return true;
}
