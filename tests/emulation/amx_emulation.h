/* SPDX-License-Identifier: Apache-2.0 */
/* The AMX tile instructions that ops/cpu/gemm_amx.c uses, in C, for machines without them. Include after
 * immintrin.h. A use that the hardware would fault on stops the test program. */
#ifndef HAL_TESTS_EMULATION_AMX_EMULATION_H
#define HAL_TESTS_EMULATION_AMX_EMULATION_H

#include <stdint.h>
#include <string.h>

enum { AMX_TILES = 8, AMX_ROWS = 16, AMX_ROW_BYTES = 64 };

/* What the processor keeps: the configuration as loaded (palette 0: none), and the tiles. */
typedef struct amx_state {
    uint8_t config[64];
    uint8_t tile[AMX_TILES][AMX_ROWS][AMX_ROW_BYTES];
} amx_state;

static _Thread_local amx_state amx;

static inline int amx_rows(int tile)
{
    return amx.config[48 + tile];
}

static inline int amx_row_bytes(int tile)
{
    return amx.config[16 + 2 * tile] | amx.config[17 + 2 * tile] << 8;
}

static inline void amx_expect(int condition)
{
    if (!condition) {
        __builtin_trap();
    }
}

static inline void amx_expect_tile(int tile)
{
    amx_expect(amx.config[0] == 1 && tile >= 0 && tile < AMX_TILES);
    amx_expect(amx_rows(tile) > 0 && amx_row_bytes(tile) > 0);
}

static inline void amx_load_config(const void *config)
{
    memset(&amx, 0, sizeof amx);
    memcpy(amx.config, config, sizeof amx.config);
    amx_expect(amx.config[0] == 1);
    for (int tile = 0; tile < AMX_TILES; tile++) {
        amx_expect(amx_rows(tile) <= AMX_ROWS && amx_row_bytes(tile) <= AMX_ROW_BYTES);
    }
}

static inline void amx_release(void)
{
    memset(&amx, 0, sizeof amx);
}

static inline void amx_zero(int tile)
{
    amx_expect_tile(tile);
    memset(amx.tile[tile], 0, sizeof amx.tile[tile]);
}

static inline void amx_load(int tile, const void *base, int64_t stride)
{
    amx_zero(tile);
    for (int row = 0; row < amx_rows(tile); row++) {
        memcpy(amx.tile[tile][row], (const char *)base + row * stride, (size_t)amx_row_bytes(tile));
    }
}

static inline void amx_store(int tile, void *base, int64_t stride)
{
    amx_expect_tile(tile);
    for (int row = 0; row < amx_rows(tile); row++) {
        memcpy((char *)base + row * stride, amx.tile[tile][row], (size_t)amx_row_bytes(tile));
    }
}

static inline float amx_flush(float value)
{
    return __builtin_fabsf(value) < 0x1p-126f ? __builtin_copysignf(0.0f, value) : value;
}

static inline float amx_fma(float x, float y, float sum)
{
    return amx_flush(__builtin_fmaf(x, y, sum));
}

static inline float amx_bf16(int tile, int row, int index)
{
    uint16_t half;
    memcpy(&half, amx.tile[tile][row] + 2 * index, sizeof half);
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return amx_flush(value);
}

/* c[m][n] += sum over the even k of a[m][k] * b[k][n], plus the same over the odd k. */
static inline void amx_dot_bf16(int c, int a, int b)
{
    amx_expect_tile(c);
    amx_expect_tile(a);
    amx_expect_tile(b);
    amx_expect(amx_rows(c) == amx_rows(a) && amx_row_bytes(c) == amx_row_bytes(b));
    amx_expect(amx_row_bytes(a) == 4 * amx_rows(b) && c != a && c != b && a != b);
    for (int m = 0; m < amx_rows(c); m++) {
        for (int n = 0; n < amx_row_bytes(c) / 4; n++) {
            float even = 0.0f, odd = 0.0f, sum;
            for (int pair = 0; pair < amx_rows(b); pair++) {
                even = amx_fma(amx_bf16(a, m, 2 * pair), amx_bf16(b, pair, 2 * n), even);
                odd = amx_fma(amx_bf16(a, m, 2 * pair + 1), amx_bf16(b, pair, 2 * n + 1), odd);
            }
            memcpy(&sum, amx.tile[c][m] + 4 * n, sizeof sum);
            sum = amx_flush(amx_flush(sum) + amx_flush(even + odd));
            memcpy(amx.tile[c][m] + 4 * n, &sum, sizeof sum);
        }
    }
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig amx_load_config
#define _tile_release amx_release
#define _tile_zero amx_zero
#define _tile_loadd amx_load
#define _tile_stored amx_store
#define _tile_dpbf16ps amx_dot_bf16

#endif
