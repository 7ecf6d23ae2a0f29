/* SPDX-License-Identifier: Apache-2.0 */
/* A number for a text: what finds the module that was made of it when hal was built. FNV-1a of 128 bits (Fowler, Noll, Vo). */
#ifndef HAL_OPS_PORTABLE_HASH_H
#define HAL_OPS_PORTABLE_HASH_H

#include <stddef.h>
#include <stdint.h>

typedef struct hal_portable_hash { uint64_t high, low; } hal_portable_hash;

static inline hal_portable_hash hal_portable_hash_of(const void *bytes, size_t n) {
    __extension__ typedef unsigned __int128 wide;
    const wide prime = (wide)1 << 88 | 0x13b;
    wide h = (wide)0x6c62272e07bb0142u << 64 | 0x62b821756295c58du;
    for (size_t i = 0; i < n; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * prime;
    return (hal_portable_hash){(uint64_t)(h >> 64), (uint64_t)h};
}

#endif
