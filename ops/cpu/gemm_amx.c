/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM with AMX bf16 tiles: a 32x32 tile of C in four tile registers.
 *
 *   c[r][j] (+)= sum_k a[r][k] * b[k][j]
 *
 * in steps of 32 k. One step loads two tiles of a (16 rows x 32 k) and two of b (16 pairs of k x 16 columns)
 * and issues four products, so every loaded tile is used twice. a is packed k/32 x 32 rows x 32, b k/32 x 2
 * halves x 16 pairs x 16 columns x 2, k padded with zeros. The products are exact; a step sums its even and
 * its odd k separately in f32, then adds both to c. Denormal inputs count as zero and denormal sums are
 * flushed, as with the bf16 dot product. The reference is the plain kernel.
 *
 * Variants: tiles of at most 16 rows or 16 columns use half of the registers. Few rows are bound by memory
 * and left to the f32 kernel. HAL_EMULATE_AMX replaces the tile instructions by C, so that the same code can
 * be tested on any machine with AVX-512. */
#include "cpu/gemm_kernel.h"

#if defined(HAL_EMULATE_AMX) || (defined(__AMX_TILE__) && defined(__AMX_BF16__))
#define HAL_GEMM_TILES 1
#else
#define HAL_GEMM_TILES 0
#endif

#if HAL_GEMM_TILES && defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)

#include "cpu/gemm_avx512.h"
#ifdef HAL_EMULATE_AMX
#include "tests/emulation/amx_emulation.h"
#endif

enum {
    MR = 32,
    NR = 32,
    STEP = 32,              /* k per tile product */
    TILE = 16 * STEP,       /* elements of a packed tile */
    ROW_BYTES = 64
};

/* Tiles 0-3 hold c (row half, column half), 4-5 a, 6-7 b. All are 16 rows of 64 bytes. */
typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config;

static void enter(void)
{
    tile_config config = {.palette = 1};
    for (int t = 0; t < 8; t++) {
        config.row_bytes[t] = ROW_BYTES;
        config.rows[t] = 16;
    }
    _tile_loadconfig(&config);
}

static void leave(void)
{
    _tile_release();
}

HAL_GEMM_INLINE void pack_tiles(uint16_t *packed, const hal_gemm_panel *panel, hal_gemm_pair_order order)
{
    for (int64_t k = 0; k < panel->k; k += STEP) {
        for (int64_t lane = 0; lane < MR; lane += 16, packed += TILE) {
            __m512i row[16];
            hal_gemm_read_block(panel, lane, k, order, row);
            HAL_GEMM_UNROLL(16)
            for (int r = 0; r < 16; r++) {
                _mm512_storeu_si512(packed + r * STEP, row[r]);
            }
        }
    }
}

static void pack_a(void *packed, const hal_gemm_panel *panel)
{
    pack_tiles(packed, panel, HAL_GEMM_BY_LANE);
}

static void pack_b(void *packed, const hal_gemm_panel *panel)
{
    pack_tiles(packed, panel, HAL_GEMM_BY_PAIR);
}

static void load_sums(const hal_gemm_tile *tile, int64_t row_bytes)
{
    const float *low = tile->c, *high = tile->c + 16 * tile->ldc;
    if (!tile->accumulate) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
        return;
    }
    _tile_loadd(0, low, row_bytes);
    if (tile->cols > 16) {
        _tile_loadd(1, low + 16, row_bytes);
    }
    if (tile->rows > 16) {
        _tile_loadd(2, high, row_bytes);
    }
    if (tile->rows > 16 && tile->cols > 16) {
        _tile_loadd(3, high + 16, row_bytes);
    }
}

static void store_sums(const hal_gemm_tile *tile, int64_t row_bytes)
{
    float *low = tile->c, *high = tile->c + 16 * tile->ldc;
    _tile_stored(0, low, row_bytes);
    if (tile->cols > 16) {
        _tile_stored(1, low + 16, row_bytes);
    }
    if (tile->rows > 16) {
        _tile_stored(2, high, row_bytes);
    }
    if (tile->rows > 16 && tile->cols > 16) {
        _tile_stored(3, high + 16, row_bytes);
    }
}

/* Sums over k for one or two halves of the rows and of the columns. */
HAL_GEMM_INLINE void product(const hal_gemm_tile *tile, const bool both_rows, const bool both_columns)
{
    const uint16_t *a = tile->a, *b = tile->b;
    for (int64_t k = 0; k < tile->k; k += STEP, a += 2 * TILE, b += 2 * TILE) {
        _tile_loadd(4, a, ROW_BYTES);
        _tile_loadd(6, b, ROW_BYTES);
        _tile_dpbf16ps(0, 4, 6);
        if (both_columns) {
            _tile_loadd(7, b + TILE, ROW_BYTES);
            _tile_dpbf16ps(1, 4, 7);
        }
        if (both_rows) {
            _tile_loadd(5, a + TILE, ROW_BYTES);
            _tile_dpbf16ps(2, 5, 6);
        }
        if (both_rows && both_columns) {
            _tile_dpbf16ps(3, 5, 7);
        }
    }
}

/* The block of C has whole tiles, so rows and columns beyond the matrix are computed and never stored to the
 * caller. */
static void multiply(const hal_gemm_tile *tile)
{
    const int64_t row_bytes = tile->ldc * (int64_t)sizeof(float);
    load_sums(tile, row_bytes);
    if (tile->rows > 16 && tile->cols > 16) {
        product(tile, true, true);
    } else if (tile->rows > 16) {
        product(tile, true, false);
    } else if (tile->cols > 16) {
        product(tile, false, true);
    } else {
        product(tile, false, false);
    }
    store_sums(tile, row_bytes);
}

static const hal_gemm_kernel kernel = {
    .name = "amx_bf16",
    .features = HAL_CPU_AVX512 | HAL_CPU_AMX_BF16,
    .dtypes = 1u << HAL_GEMM_BF16,
    .mr = MR, .nr = NR, .row_unit = 16, .k_unit = STEP,
    .mc = 8 * MR, .kc = 1024, .nc = 512, .mb = 32 * MR,
    .k_run = 1024, .element = 2, .panel_lanes = 16,
    .pack_a = pack_a, .pack_b = pack_b,
    .multiply = multiply,
    .enter = enter, .leave = leave,
};

const hal_gemm_kernel *hal_gemm_amx(void)
{
    return &kernel;
}

#else

const hal_gemm_kernel *hal_gemm_amx(void)
{
    return NULL;
}

#endif
