/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM with AVX2 f32 multiply-adds: a 6x16 tile of C in 12 registers.
 *
 *   c[r][j] (+)= sum_k a[k][r] * b[k][j]      a packed k x 6, b packed k x 16 (or rows of B in place), f32
 *
 * One step of k loads two vectors of b, broadcasts 6 elements of a and issues 12 independent multiply-adds
 * (two units of latency 4-5 need 8-10). Operands of 16 bits are widened while packing. The reference is the
 * plain kernel; sums run in ascending k, products are fused.
 *
 * Variants: tiles of 1..6 rows; the half-precision widening needs F16C, which every processor with AVX2 and
 * FMA has and the feature mask asks for. Few rows (m <= 8) of a B that is contiguous along k do not pack B
 * but read it once: 2 rows x 4 columns of 8-lane partial sums, each reduced once at the end. */
#include "cpu/gemm_kernel.h"

#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)

#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))

enum {
    MR = 6,
    NR = 16,
    SKINNY_ROWS = 8,
    SKINNY_A = 65536, /* elements of A widened at a time */
    DOT_COLUMNS = 64
};

/* Eight consecutive elements as f32. */
INLINE __m256 load8(const void *at, hal_gemm_dtype dtype)
{
    if (dtype == HAL_GEMM_F32) {
        return _mm256_loadu_ps(at);
    }
    __m128i half = _mm_loadu_si128(at);
    if (dtype == HAL_GEMM_F16) {
        return _mm256_cvtph_ps(half);
    }
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(half), 16));
}

/* The first `count` of eight elements, the rest zero and not read; count may be negative. */
INLINE __m256 load_some(const void *at, hal_gemm_dtype dtype, int64_t count)
{
    uint16_t half[8] = {0};
    if (count >= 8) {
        return load8(at, dtype);
    }
    if (dtype == HAL_GEMM_F32) {
        __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        return _mm256_maskload_ps(at, _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), lane));
    }
    for (int64_t i = 0; i < count; i++) {
        memcpy(half + i, (const char *)at + 2 * i, 2);
    }
    return load8(half, dtype);
}

/* ---- packing ---- */

INLINE void transpose8(__m256 *row)
{
    __m256 pair[8], quad[8];
    HAL_GEMM_UNROLL(4)
    for (int i = 0; i < 8; i += 2) {
        pair[i] = _mm256_unpacklo_ps(row[i], row[i + 1]);
        pair[i + 1] = _mm256_unpackhi_ps(row[i], row[i + 1]);
    }
    HAL_GEMM_UNROLL(2)
    for (int i = 0; i < 8; i += 4) {
        quad[i] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0x44);
        quad[i + 1] = _mm256_shuffle_ps(pair[i], pair[i + 2], 0xee);
        quad[i + 2] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0x44);
        quad[i + 3] = _mm256_shuffle_ps(pair[i + 1], pair[i + 3], 0xee);
    }
    HAL_GEMM_UNROLL(4)
    for (int i = 0; i < 4; i++) {
        row[i] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x20);
        row[i + 4] = _mm256_permute2f128_ps(quad[i], quad[i + 4], 0x31);
    }
}

/* Lanes lane..lane+7 of a panel that is contiguous along k, as columns of packed. */
INLINE void pack_transposed(float *packed, int64_t width, const hal_gemm_panel *panel, int64_t lane,
                            hal_gemm_dtype dtype)
{
    int64_t lanes = panel->lanes - lane;
    for (int64_t k = 0; k < panel->k; k += 8) {
        __m256 row[8];
        int64_t steps = panel->k - k;
        HAL_GEMM_UNROLL(8)
        for (int r = 0; r < 8; r++) {
            int64_t index = (lane + r) * panel->lane_stride + k;
            row[r] = r < lanes ? load_some(hal_gemm_address(panel->data, dtype, index), dtype, steps)
                               : _mm256_setzero_ps();
        }
        transpose8(row);
        HAL_GEMM_UNROLL(8)
        for (int s = 0; s < 8; s++) {
            if (s < steps) {
                _mm256_storeu_ps(packed + (k + s) * width + lane, row[s]);
            }
        }
    }
}

/* A panel that is contiguous along its lanes. */
INLINE void pack_straight(float *packed, int64_t width, const hal_gemm_panel *panel, hal_gemm_dtype dtype)
{
    int64_t lanes = panel->lanes < width ? panel->lanes : width;
    for (int64_t k = 0; k < panel->k; k++) {
        const char *at = hal_gemm_address(panel->data, dtype, k * panel->k_stride);
        _mm256_storeu_ps(packed + k * width, load_some(at, dtype, lanes));
        if (width > 8) {
            at = hal_gemm_address(at, dtype, 8);
            _mm256_storeu_ps(packed + k * width + 8, load_some(at, dtype, lanes - 8));
        }
    }
}

INLINE void pack_dtype(float *packed, int64_t width, const hal_gemm_panel *panel, hal_gemm_dtype dtype)
{
    if (panel->lane_stride == 1) {
        pack_straight(packed, width, panel, dtype);
    } else if (panel->k_stride == 1) {
        for (int64_t lane = 0; lane < width; lane += 8) {
            pack_transposed(packed, width, panel, lane, dtype);
        }
    } else {
        hal_gemm_pack_f32(packed, width, panel);
    }
}

INLINE void pack_width(float *packed, int64_t width, const hal_gemm_panel *panel)
{
    switch (panel->dtype) {
    case HAL_GEMM_F32:
        pack_dtype(packed, width, panel, HAL_GEMM_F32);
        break;
    case HAL_GEMM_BF16:
        pack_dtype(packed, width, panel, HAL_GEMM_BF16);
        break;
    case HAL_GEMM_F16:
        pack_dtype(packed, width, panel, HAL_GEMM_F16);
        break;
    }
}

static void pack_a(void *packed, const hal_gemm_panel *panel)
{
    pack_width(packed, MR, panel);
}

static void pack_b(void *packed, const hal_gemm_panel *panel)
{
    pack_width(packed, NR, panel);
}

/* ---- tile ---- */

INLINE void tile_rows(const hal_gemm_tile *tile, const int rows)
{
    __m256 sum[MR][2];
    const float *a = tile->a, *b = tile->b;
    const int64_t ldb = tile->ldb;
    HAL_GEMM_UNROLL(6)
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = _mm256_setzero_ps();
    }
    for (int64_t k = tile->k; k > 0; k--, a += MR, b += ldb) {
        __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
        HAL_GEMM_UNROLL(6)
        for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r);
            sum[r][0] = _mm256_fmadd_ps(x, b0, sum[r][0]);
            sum[r][1] = _mm256_fmadd_ps(x, b1, sum[r][1]);
        }
    }
    float *c = tile->c;
    const bool accumulate = tile->accumulate;
    HAL_GEMM_UNROLL(6)
    for (int r = 0; r < rows; r++, c += tile->ldc) {
        HAL_GEMM_UNROLL(2)
        for (int v = 0; v < 2; v++) {
            __m256 total = accumulate ? _mm256_add_ps(_mm256_loadu_ps(c + 8 * v), sum[r][v]) : sum[r][v];
            _mm256_storeu_ps(c + 8 * v, total);
        }
    }
}

static void multiply(const hal_gemm_tile *tile)
{
    switch (tile->rows) {
    case 1:
        tile_rows(tile, 1);
        break;
    case 2:
        tile_rows(tile, 2);
        break;
    case 3:
        tile_rows(tile, 3);
        break;
    case 4:
        tile_rows(tile, 4);
        break;
    case 5:
        tile_rows(tile, 5);
        break;
    default:
        tile_rows(tile, 6);
        break;
    }
}

/* ---- few rows ---- */

static bool skinny_takes(const hal_gemm_problem *p)
{
    return p->m >= 1 && p->m <= SKINNY_ROWS && p->k >= 1 && p->b.row_stride == 1;
}

/* Columns j..j+columns-1 of a few-rows product over k0..k0+steps: x holds the rows of A, ldx apart. */
typedef struct skinny_job {
    const hal_gemm_problem *problem;
    float *x, *tile;
    int64_t ldx;
    int64_t j, columns, k0, steps;
} skinny_job;

static void widen_rows(const skinny_job *job)
{
    const hal_gemm_operand *a = &job->problem->a;
    for (int64_t i = 0; i < job->problem->m; i++) {
        for (int64_t s = 0; s < job->steps; s++) {
            int64_t index = i * a->row_stride + (job->k0 + s) * a->col_stride;
            job->x[i * job->ldx + s] = hal_gemm_element(a->data, a->dtype, index);
        }
    }
}

/* Fixed tree over the eight lanes. */
INLINE float sum_lanes(__m256 value)
{
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(value), _mm256_extractf128_ps(value, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

INLINE void dot_step(const float *x, int64_t ldx, const char *const *column, int64_t k, hal_gemm_dtype dtype,
                     int64_t count, const int rows, __m256 sum[2][4])
{
    HAL_GEMM_UNROLL(4)
    for (int j = 0; j < 4; j++) {
        __m256 b = load_some(hal_gemm_address(column[j], dtype, k), dtype, count);
        HAL_GEMM_UNROLL(2)
        for (int r = 0; r < rows; r++) {
            __m256 a = load_some(x + r * ldx + k, HAL_GEMM_F32, count);
            sum[r][j] = _mm256_fmadd_ps(a, b, sum[r][j]);
        }
    }
}

/* tile[r][0..columns-1] += sum over k of x[r][k] * column[j][k]. */
INLINE void dot_tile(const skinny_job *job, int64_t i, const char *const *column, int64_t c, int64_t columns,
                     hal_gemm_dtype dtype, const int rows)
{
    __m256 sum[2][4];
    const float *x = job->x + i * job->ldx;
    const int64_t ldx = job->ldx, steps = job->steps;
    int64_t k = 0;
    HAL_GEMM_UNROLL(2)
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = sum[r][2] = sum[r][3] = _mm256_setzero_ps();
    }
    for (; k + 8 <= steps; k += 8) {
        dot_step(x, ldx, column, k, dtype, 8, rows, sum);
    }
    if (k < steps) {
        dot_step(x, ldx, column, k, dtype, steps - k, rows, sum);
    }
    HAL_GEMM_UNROLL(2)
    for (int r = 0; r < rows; r++) {
        float *tile = job->tile + (i + r) * DOT_COLUMNS + c;
        HAL_GEMM_UNROLL(4)
        for (int j = 0; j < 4; j++) {
            if (j < columns) {
                tile[j] += sum_lanes(sum[r][j]);
            }
        }
    }
}

INLINE void dot_dtype(const skinny_job *job, hal_gemm_dtype dtype)
{
    const hal_gemm_operand *b = &job->problem->b;
    for (int64_t c = 0; c < job->columns; c += 4) {
        int64_t columns = job->columns - c < 4 ? job->columns - c : 4, i = 0;
        const char *column[4];
        for (int64_t j = 0; j < 4; j++) {
            int64_t last = j < columns ? j : columns - 1;
            column[j] = hal_gemm_address(b->data, dtype, (job->j + c + last) * b->col_stride + job->k0);
        }
        for (; i + 2 <= job->problem->m; i += 2) {
            dot_tile(job, i, column, c, columns, dtype, 2);
        }
        if (i < job->problem->m) {
            dot_tile(job, i, column, c, columns, dtype, 1);
        }
    }
}

/* ---- few rows, B kept in panels: the sums of dot_tile, with vectors of sums for its lanes ---- */

/* Adds eight vectors as sum_lanes adds eight lanes. */
INLINE __m256 sum_vectors(__m256 *sum)
{
    for (int half = 4; half > 0; half /= 2) {
        HAL_GEMM_UNROLL(4)
        for (int s = 0; s < half; s++) {
            sum[s] = _mm256_add_ps(sum[s], sum[s + half]);
        }
    }
    return sum[0];
}

/* Eight columns of a panel, which begin at `b`, times row x. */
INLINE __m256 dot_vectors(const float *x, const float *b, int64_t steps)
{
    __m256 sum[8];
    HAL_GEMM_UNROLL(8)
    for (int s = 0; s < 8; s++) {
        sum[s] = _mm256_setzero_ps();
    }
    int64_t k = 0;
    for (; k + 8 <= steps; k += 8) {
        HAL_GEMM_UNROLL(8)
        for (int s = 0; s < 8; s++) {
            sum[s] = _mm256_fmadd_ps(_mm256_broadcast_ss(x + k + s), _mm256_loadu_ps(b + (k + s) * NR), sum[s]);
        }
    }
    if (k < steps) {
        HAL_GEMM_UNROLL(8)
        for (int s = 0; s < 8; s++) {
            bool inside = k + s < steps;
            __m256 row = inside ? _mm256_loadu_ps(b + (k + s) * NR) : _mm256_setzero_ps();
            sum[s] = _mm256_fmadd_ps(inside ? _mm256_broadcast_ss(x + k + s) : _mm256_setzero_ps(), row, sum[s]);
        }
    }
    return sum_vectors(sum);
}

static void dot_panels(const skinny_job *job)
{
    const hal_gemm_problem *p = job->problem;
    for (int64_t c = 0; c < job->columns; c += 8) {
        const char *panel = (const char *)p->panels + (job->j + c) / NR * hal_gemm_panel_size(p->panels_of, p->k);
        const float *b = (const float *)(const void *)panel + job->k0 * NR + (job->j + c) % NR;
        for (int64_t i = 0; i < p->m; i++) {
            float *tile = job->tile + i * DOT_COLUMNS + c;
            __m256 sum = dot_vectors(job->x + i * job->ldx, b, job->steps);
            _mm256_storeu_ps(tile, _mm256_add_ps(_mm256_loadu_ps(tile), sum));
        }
    }
}

static void run_dot(const skinny_job *job)
{
    if (job->problem->panels_of) {
        dot_panels(job);
        return;
    }
    switch (job->problem->b.dtype) {
    case HAL_GEMM_F32:
        dot_dtype(job, HAL_GEMM_F32);
        break;
    case HAL_GEMM_BF16:
        dot_dtype(job, HAL_GEMM_BF16);
        break;
    case HAL_GEMM_F16:
        dot_dtype(job, HAL_GEMM_F16);
        break;
    }
}

static void skinny(const hal_gemm_problem *p, int64_t j0, int64_t j1, void *scratch)
{
    const int64_t chunk = SKINNY_A / p->m;
    skinny_job job = {.problem = p, .x = scratch, .tile = (float *)scratch + SKINNY_A};
    job.ldx = p->k < chunk ? p->k : chunk;
    for (job.j = j0; job.j < j1; job.j += DOT_COLUMNS) {
        job.columns = j1 - job.j < DOT_COLUMNS ? j1 - job.j : DOT_COLUMNS;
        memset(job.tile, 0, (size_t)p->m * DOT_COLUMNS * sizeof(float));
        for (job.k0 = 0; job.k0 < p->k; job.k0 += job.ldx) {
            job.steps = p->k - job.k0 < job.ldx ? p->k - job.k0 : job.ldx;
            if (job.j == j0 || job.ldx < p->k) {
                widen_rows(&job);
            }
            run_dot(&job);
        }
        p->store(p->store_context, job.tile, DOT_COLUMNS, 0, p->m, job.j, job.columns);
    }
}

static const hal_gemm_kernel kernel = {
    .name = "avx2",
    .features = HAL_CPU_AVX2_FMA | HAL_CPU_F16C,
    .dtypes = 1u << HAL_GEMM_F32 | 1u << HAL_GEMM_BF16 | 1u << HAL_GEMM_F16,
    .mr = MR, .nr = NR, .row_unit = 2, .k_unit = 1,
    .mc = 24 * MR, .kc = 256, .nc = 1024, .mb = 168 * MR,
    .k_run = 64, .element = 4, .panel_lanes = NR,
    .direct_b = true,
    .pack_a = pack_a, .pack_b = pack_b,
    .multiply = multiply,
    .skinny_takes = skinny_takes,
    .skinny_scratch = (SKINNY_A + SKINNY_ROWS * DOT_COLUMNS) * sizeof(float),
    .skinny = skinny,
};

const hal_gemm_kernel *hal_gemm_avx2(void)
{
    return &kernel;
}

#else

const hal_gemm_kernel *hal_gemm_avx2(void)
{
    return NULL;
}

#endif
