/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs are tables of libraries as ldconfig leaves them. Every text that is told must lie in the table, with
 * its end. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "hal/discovery/cache.h"

/* Two libraries; and the same behind an older table. */
static size_t make_table(char *bytes, size_t before)
{
    static const char *const texts[] = {"libcuda.so.1", "/usr/lib/libcuda.so.1", "libz.so.1",
                                        "/usr/lib/libz.so.1"};
    uint32_t count = 2, at = 48 + 2 * 24;
    memset(bytes, 0, 512);
    strcpy(bytes, before > 0 ? "ld.so-1.7.0" : "");
    char *table = bytes + before;
    memcpy(table, "glibc-ld.so.cache1.1", 20);
    memcpy(table + 20, &count, 4);
    for (uint32_t i = 0; i < 4; i++) {
        memcpy(table + 48 + i / 2 * 24 + 4 + i % 2 * 4, &at, 4);
        strcpy(table + at, texts[i]);
        at += (uint32_t)strlen(texts[i]) + 1;
    }
    return before + at;
}

size_t fuzz_seed_count(void)
{
    return 2;
}

const void *fuzz_seed(size_t index, size_t *out_bytes)
{
    static char bytes[512];
    *out_bytes = make_table(bytes, index * 32);
    return bytes;
}

static void check_text(const char *text, const char *bytes, size_t size)
{
    if (text[0] != '\0' &&
        (text < bytes || text >= bytes + size || memchr(text, '\0', size - (size_t)(text - bytes)) == NULL))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    char *copy = malloc(bytes + 1);
    hal_cache cache;
    const char *name, *path;
    if (copy == NULL)
        abort();
    memcpy(copy, data, bytes);
    const bool open = hal_cache_open(copy, bytes, &cache);
    for (uint32_t i = 0; open && hal_cache_at(&cache, i, &name, &path); i++) {
        check_text(name, copy, bytes);
        check_text(path, copy, bytes);
    }
    free(copy);
    return 0;
}
