/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HAL_BACKENDS_OPENCL_MIX_H
#define HAL_BACKENDS_OPENCL_MIX_H

#include <stddef.h>
#include <stdint.h>

/* A number that stands for all that was mixed into it, beginning with HAL_OPENCL_MIX_BEGIN. Source of the two constants:
   FNV-1a for 64 bits, draft-eastlake-fnv. */
#define HAL_OPENCL_MIX_BEGIN UINT64_C(0xcbf29ce484222325)
static inline uint64_t hal_opencl_mix(uint64_t mark, const void *data, size_t bytes) {
    const unsigned char *p = data;
    for (size_t i = 0; i < bytes; i++) mark = (mark ^ p[i]) * UINT64_C(0x100000001b3);
    return mark;
}

#endif
