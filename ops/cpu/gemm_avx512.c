/* SPDX-License-Identifier: Apache-2.0 */
/* GEMM with AVX-512 f32 multiply-adds: a 14x32 tile of C in 28 registers.
 *
 *   c[r][j] (+)= sum_k a[k][r] * b[k][j]      a packed k x 14, b packed k x 32 (or rows of B in place), f32
 *
 * One step of k loads two vectors of b, broadcasts 14 elements of a and issues 28 independent multiply-adds:
 * enough for two units of latency 4, with 16 loads. Operands of 16 bits are widened while packing. The
 * reference is the plain kernel; sums run in ascending k, products are fused. Denormals are kept.
 *
 * Variants: tiles of 1..14 rows by one or two vectors for the edges. Few rows (m <= 16) do not pack B but
 * read it once:
 *   dot:  B contiguous along k; 4 rows x 4 columns of 16-lane partial sums, each reduced once at the end;
 *   axpy: B contiguous along n; rows of sums in the first-level cache, four steps of k per pass over them.
 * The same sums over B kept in panels, also those of the bf16 kernels. */
#include "cpu/gemm_kernel.h"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)

#include "cpu/gemm_avx512.h"

enum {
    MR = 14,
    NR = 32,
    SKINNY_ROWS = 16,
    SKINNY_A = 4096, /* elements of A widened at a time, and of C kept: half of a first-level cache each */
    DOT_COLUMNS = 64,
    AHEAD_A = 16, /* steps of k the packed operands are prefetched ahead */
    AHEAD_B = 8
};

/* ---- packing ---- */

/* Lanes lane..lane+15 of a panel that is contiguous along k, as columns of packed. */
HAL_GEMM_INLINE void pack_transposed(float *packed, int64_t width, const hal_gemm_panel *panel, int64_t lane,
                                     hal_gemm_dtype dtype)
{
    int64_t lanes = panel->lanes - lane;
    for (int64_t k = 0; k < panel->k; k += 16) {
        __mmask16 mask = hal_gemm_mask16(panel->k - k);
        __m512i row[16];
        HAL_GEMM_UNROLL(16)
        for (int r = 0; r < 16; r++) {
            int64_t index = (lane + r) * panel->lane_stride + k;
            const void *at = hal_gemm_address(panel->data, dtype, index);
            __m512 value = r < lanes ? hal_gemm_load16(at, dtype, mask) : _mm512_setzero_ps();
            row[r] = _mm512_castps_si512(value);
        }
        hal_gemm_transpose16(row);
        int64_t steps = panel->k - k;
        HAL_GEMM_UNROLL(16)
        for (int s = 0; s < 16; s++) {
            if (s < steps) {
                _mm512_storeu_si512(packed + (k + s) * width + lane, row[s]);
            }
        }
    }
}

/* A panel that is contiguous along its lanes. */
HAL_GEMM_INLINE void pack_straight(float *packed, int64_t width, const hal_gemm_panel *panel,
                                   hal_gemm_dtype dtype)
{
    __mmask16 low = hal_gemm_mask16(panel->lanes < width ? panel->lanes : width);
    __mmask16 high = hal_gemm_mask16(panel->lanes - 16);
    for (int64_t k = 0; k < panel->k; k++) {
        const char *at = hal_gemm_address(panel->data, dtype, k * panel->k_stride);
        _mm512_storeu_ps(packed + k * width, hal_gemm_load16(at, dtype, low));
        if (width > 16) {
            at = hal_gemm_address(at, dtype, 16);
            _mm512_storeu_ps(packed + k * width + 16, hal_gemm_load16(at, dtype, high));
        }
    }
}

HAL_GEMM_INLINE void pack_dtype(float *packed, int64_t width, const hal_gemm_panel *panel,
                                hal_gemm_dtype dtype)
{
    if (panel->lane_stride == 1) {
        pack_straight(packed, width, panel, dtype);
    } else if (panel->k_stride == 1) {
        for (int64_t lane = 0; lane < width; lane += 16) {
            pack_transposed(packed, width, panel, lane, dtype);
        }
    } else {
        hal_gemm_pack_f32(packed, width, panel);
    }
}

HAL_GEMM_INLINE void pack_width(float *packed, int64_t width, const hal_gemm_panel *panel)
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

HAL_GEMM_INLINE void tile_rows(const hal_gemm_tile *tile, const int rows, const int vectors)
{
    __m512 sum[MR][2];
    const float *a = tile->a, *b = tile->b;
    const int64_t ldb = tile->ldb;
    HAL_GEMM_UNROLL(14)
    for (int r = 0; r < rows; r++) {
        sum[r][0] = sum[r][1] = _mm512_setzero_ps();
        _mm_prefetch((const char *)(tile->c + r * tile->ldc), _MM_HINT_T0);
        _mm_prefetch((const char *)(tile->c + r * tile->ldc + 16), _MM_HINT_T0);
    }
    for (int64_t k = tile->k; k > 0; k--, a += MR, b += ldb) {
        __m512 b0 = _mm512_loadu_ps(b), b1 = vectors > 1 ? _mm512_loadu_ps(b + 16) : b0;
        _mm_prefetch((const char *)(a + AHEAD_A * MR), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + AHEAD_B * ldb), _MM_HINT_T0);
        _mm_prefetch((const char *)(b + AHEAD_B * ldb + 16), _MM_HINT_T0);
        HAL_GEMM_UNROLL(14)
        for (int r = 0; r < rows; r++) {
            __m512 x = _mm512_set1_ps(a[r]);
            sum[r][0] = _mm512_fmadd_ps(x, b0, sum[r][0]);
            if (vectors > 1) {
                sum[r][1] = _mm512_fmadd_ps(x, b1, sum[r][1]);
            }
        }
    }
    float *c = tile->c;
    const bool accumulate = tile->accumulate;
    HAL_GEMM_UNROLL(14)
    for (int r = 0; r < rows; r++, c += tile->ldc) {
        HAL_GEMM_UNROLL(2)
        for (int v = 0; v < vectors; v++) {
            __m512 total = accumulate ? _mm512_add_ps(_mm512_loadu_ps(c + 16 * v), sum[r][v]) : sum[r][v];
            _mm512_storeu_ps(c + 16 * v, total);
        }
    }
}

#define TILE(rows)                                                                                          \
    static void tile_##rows##_1(const hal_gemm_tile *tile)                                                  \
    {                                                                                                       \
        tile_rows(tile, rows, 1);                                                                           \
    }                                                                                                       \
    static void tile_##rows##_2(const hal_gemm_tile *tile)                                                  \
    {                                                                                                       \
        tile_rows(tile, rows, 2);                                                                           \
    }
TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7)
TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#undef TILE

static void multiply(const hal_gemm_tile *tile)
{
#define TILE(rows) {tile_##rows##_1, tile_##rows##_2}
    static void (*const by_size[MR][2])(const hal_gemm_tile *) = {
        TILE(1), TILE(2), TILE(3), TILE(4), TILE(5), TILE(6), TILE(7),
        TILE(8), TILE(9), TILE(10), TILE(11), TILE(12), TILE(13), TILE(14),
    };
#undef TILE
    by_size[tile->rows - 1][tile->cols > 16](tile);
}

/* ---- few rows ---- */

static bool skinny_takes(const hal_gemm_problem *p)
{
    if (p->m < 1 || p->k < 1) {
        return false;
    }
    return (p->b.row_stride == 1 && p->m <= SKINNY_ROWS) || (p->b.col_stride == 1 && p->m <= 4);
}

/* Columns j..j+columns-1 of a few-rows product over k0..k0+steps: x holds the rows of A, ldx apart. */
typedef struct skinny_job {
    const hal_gemm_problem *problem;
    float *x, *tile;
    int64_t ldx, ldt;
    int64_t j, columns, k0, steps;
} skinny_job;

static void widen_rows(const skinny_job *job)
{
    const hal_gemm_operand *a = &job->problem->a;
    for (int64_t i = 0; i < job->problem->m; i++) {
        int64_t first = i * a->row_stride + job->k0 * a->col_stride;
        for (int64_t k = 0; k < job->steps; k += 16) {
            if (a->col_stride == 1) {
                __mmask16 mask = hal_gemm_mask16(job->steps - k);
                const void *at = hal_gemm_address(a->data, a->dtype, first + k);
                _mm512_mask_storeu_ps(job->x + i * job->ldx + k, mask, hal_gemm_load16(at, a->dtype, mask));
                continue;
            }
            for (int64_t s = k; s < k + 16 && s < job->steps; s++) {
                job->x[i * job->ldx + s] = hal_gemm_element(a->data, a->dtype, first + s * a->col_stride);
            }
        }
    }
}

HAL_GEMM_INLINE void dot_step(const float *x, int64_t ldx, const char *const *column, int64_t k,
                              hal_gemm_dtype dtype, __mmask16 mask, const int rows, int64_t ahead,
                              __m512 sum[4][4])
{
    __m512 b[4];
    HAL_GEMM_UNROLL(4)
    for (int j = 0; j < 4; j++) {
        _mm_prefetch(hal_gemm_address(column[j], dtype, k + ahead), _MM_HINT_T0);
        b[j] = hal_gemm_load16(hal_gemm_address(column[j], dtype, k), dtype, mask);
    }
    HAL_GEMM_UNROLL(4)
    for (int r = 0; r < rows; r++) {
        __m512 a = _mm512_maskz_loadu_ps(mask, x + r * ldx + k);
        HAL_GEMM_UNROLL(4)
        for (int j = 0; j < 4; j++) {
            sum[r][j] = _mm512_fmadd_ps(a, b[j], sum[r][j]);
        }
    }
}

/* tile[r][0..3] += sum over k of x[r][k] * column[j][k] for the first `columns` columns. */
HAL_GEMM_INLINE void dot_tile(const skinny_job *job, int64_t i, const char *const *column, int64_t c,
                              int64_t columns, hal_gemm_dtype dtype, const int rows)
{
    __m512 sum[4][4];
    const float *x = job->x + i * job->ldx;
    const int64_t ldx = job->ldx, steps = job->steps;
    /* The first pass over the rows fetches the next four columns, which the processor cannot predict. */
    const int64_t ahead = i == 0 ? 4 * job->problem->b.col_stride : 0;
    int64_t k = 0;
    HAL_GEMM_UNROLL(4)
    for (int r = 0; r < rows; r++) {
        HAL_GEMM_UNROLL(4)
        for (int j = 0; j < 4; j++) {
            sum[r][j] = _mm512_setzero_ps();
        }
    }
    for (; k + 16 <= steps; k += 16) {
        dot_step(x, ldx, column, k, dtype, 0xffff, rows, ahead, sum);
    }
    if (k < steps) {
        dot_step(x, ldx, column, k, dtype, hal_gemm_mask16(steps - k), rows, ahead, sum);
    }
    HAL_GEMM_UNROLL(4)
    for (int r = 0; r < rows; r++) {
        float *tile = job->tile + (i + r) * job->ldt + c;
        HAL_GEMM_UNROLL(4)
        for (int j = 0; j < 4; j++) {
            if (j < columns) {
                tile[j] += _mm512_reduce_add_ps(sum[r][j]);
            }
        }
    }
}

HAL_GEMM_INLINE void dot_dtype(const skinny_job *job, hal_gemm_dtype dtype)
{
    const hal_gemm_operand *b = &job->problem->b;
    const int64_t m = job->problem->m;
    for (int64_t c = 0; c < job->columns; c += 4) {
        int64_t columns = job->columns - c < 4 ? job->columns - c : 4;
        const char *column[4];
        for (int64_t j = 0; j < 4; j++) {
            int64_t last = j < columns ? j : columns - 1;
            column[j] = hal_gemm_address(b->data, dtype, (job->j + c + last) * b->col_stride + job->k0);
        }
        for (int64_t i = 0; i + 4 <= m; i += 4) {
            dot_tile(job, i, column, c, columns, dtype, 4);
        }
        switch (m % 4) {
        case 3:
            dot_tile(job, m - 3, column, c, columns, dtype, 3);
            break;
        case 2:
            dot_tile(job, m - 2, column, c, columns, dtype, 2);
            break;
        case 1:
            dot_tile(job, m - 1, column, c, columns, dtype, 1);
            break;
        default:
            break;
        }
    }
}

/* tile[r][:] += sum of x[r][k+s] * B[k+s][:] over `steps` consecutive k. */
HAL_GEMM_INLINE void axpy_rows(const skinny_job *job, int64_t i, int64_t k, hal_gemm_dtype dtype,
                               const int rows, const int steps)
{
    const hal_gemm_operand *b = &job->problem->b;
    const char *row[4];
    __m512 x[4][4];
    HAL_GEMM_UNROLL(4)
    for (int s = 0; s < steps; s++) {
        row[s] = hal_gemm_address(b->data, dtype, (job->k0 + k + s) * b->row_stride + job->j);
        HAL_GEMM_UNROLL(4)
        for (int r = 0; r < rows; r++) {
            x[r][s] = _mm512_set1_ps(job->x[(i + r) * job->ldx + k + s]);
        }
    }
    for (int64_t j = 0; j < job->columns; j += 16) {
        __mmask16 mask = hal_gemm_mask16(job->columns - j);
        __m512 value[4];
        HAL_GEMM_UNROLL(4)
        for (int s = 0; s < steps; s++) {
            _mm_prefetch(hal_gemm_address(row[s], dtype, j + 4 * b->row_stride), _MM_HINT_T0);
            value[s] = hal_gemm_load16(hal_gemm_address(row[s], dtype, j), dtype, mask);
        }
        HAL_GEMM_UNROLL(4)
        for (int r = 0; r < rows; r++) {
            float *tile = job->tile + (i + r) * job->ldt + j;
            __m512 sum = _mm512_loadu_ps(tile);
            HAL_GEMM_UNROLL(4)
            for (int s = 0; s < steps; s++) {
                sum = _mm512_fmadd_ps(x[r][s], value[s], sum);
            }
            _mm512_storeu_ps(tile, sum);
        }
    }
}

HAL_GEMM_INLINE void axpy_steps(const skinny_job *job, int64_t k, hal_gemm_dtype dtype, const int steps)
{
    const int64_t m = job->problem->m;
    int64_t i = 0;
    for (; i + 4 <= m; i += 4) {
        axpy_rows(job, i, k, dtype, 4, steps);
    }
    for (; i < m; i++) {
        axpy_rows(job, i, k, dtype, 1, steps);
    }
}

HAL_GEMM_INLINE void axpy_dtype(const skinny_job *job, hal_gemm_dtype dtype)
{
    int64_t k = 0;
    for (; k + 4 <= job->steps; k += 4) {
        axpy_steps(job, k, dtype, 4);
    }
    for (; k < job->steps; k++) {
        axpy_steps(job, k, dtype, 1);
    }
}

/* ---- few rows, B kept in panels ----
 *
 * The sums of run_dot and run_axpy, term by term in the same order, over panels of 32 columns. What is 16 lanes of
 * one sum there are 16 vectors of sums here. Steps are taken 16 at a time, from a multiple of 16. */

/* How a panel holds step k: as 32 words of f32; as 32 words of two steps (gemm_bf16.c); as words of two steps in tiles
 * of 16 columns by 32 steps (gemm_amx.c). */
typedef enum panel_form { WIDE, PAIRS, TILES } panel_form;

static panel_form form_of(const hal_gemm_kernel *kernel)
{
    return kernel->element == 4 ? WIDE : kernel->panel_lanes == NR ? PAIRS : TILES;
}

/* Step k, a multiple of 16, of the panel that column c of the job begins. */
HAL_GEMM_INLINE const char *panel_step(const skinny_job *job, int64_t c, int64_t k, const panel_form form)
{
    const hal_gemm_problem *p = job->problem;
    const char *panel = (const char *)p->panels + (job->j + c) / NR * hal_gemm_panel_size(p->panels_of, p->k);
    int64_t row = NR * 4, at = job->k0 + k;
    return panel + (form == WIDE ? at * row : form == PAIRS ? at / 2 * row : at / 32 * 16 * row + at % 32 / 2 * 64);
}

/* Columns 16v..16v+15 of step s behind `at`. */
HAL_GEMM_INLINE __m512 load_step(const char *at, const int s, const int v, const panel_form form)
{
    if (form == WIDE) {
        return _mm512_loadu_ps(at + s * NR * 4 + v * 64);
    }
    __m512i word = _mm512_loadu_si512(form == PAIRS ? at + s / 2 * NR * 4 + v * 64 : at + s / 2 * 64 + v * 1024);
    __m512i wide = s % 2 ? _mm512_and_si512(word, _mm512_set1_epi32((int)0xffff0000)) : _mm512_slli_epi32(word, 16);
    return _mm512_castsi512_ps(wide);
}

/* `steps` <= 16 steps from k on, of all rows and 32 columns. */
HAL_GEMM_INLINE void axpy_steps16(const skinny_job *job, const char *at, int64_t k, const int64_t steps, const int rows,
                                  const panel_form form, __m512 sum[4][2])
{
    HAL_GEMM_UNROLL(16)
    for (int s = 0; s < 16; s++) {
        if (s < steps) {
            __m512 low = load_step(at, s, 0, form), high = load_step(at, s, 1, form);
            HAL_GEMM_UNROLL(4)
            for (int r = 0; r < rows; r++) {
                __m512 x = _mm512_set1_ps(job->x[r * job->ldx + k + s]);
                sum[r][0] = _mm512_fmadd_ps(x, low, sum[r][0]);
                sum[r][1] = _mm512_fmadd_ps(x, high, sum[r][1]);
            }
        }
    }
}

/* tile[r][c..c+31] += sum of x[r][k] * B[k][c..c+31] over the steps of the job. */
HAL_GEMM_INLINE void axpy_panel(const skinny_job *job, int64_t c, const int rows, const panel_form form)
{
    __m512 sum[4][2];
    int64_t k = 0;
    HAL_GEMM_UNROLL(4)
    for (int r = 0; r < rows; r++) {
        sum[r][0] = _mm512_loadu_ps(job->tile + r * job->ldt + c);
        sum[r][1] = _mm512_loadu_ps(job->tile + r * job->ldt + c + 16);
    }
    for (; k + 16 <= job->steps; k += 16) {
        axpy_steps16(job, panel_step(job, c, k, form), k, 16, rows, form, sum);
    }
    axpy_steps16(job, panel_step(job, c, k, form), k, job->steps - k, rows, form, sum);
    HAL_GEMM_UNROLL(4)
    for (int r = 0; r < rows; r++) {
        _mm512_storeu_ps(job->tile + r * job->ldt + c, sum[r][0]);
        _mm512_storeu_ps(job->tile + r * job->ldt + c + 16, sum[r][1]);
    }
}

HAL_GEMM_INLINE void axpy_panels(const skinny_job *job, const panel_form form)
{
    for (int64_t c = 0; c < job->columns; c += NR) {
        switch (job->problem->m) {
        case 1:
            axpy_panel(job, c, 1, form);
            break;
        case 2:
            axpy_panel(job, c, 2, form);
            break;
        case 3:
            axpy_panel(job, c, 3, form);
            break;
        default:
            axpy_panel(job, c, 4, form);
            break;
        }
    }
}

/* Adds sixteen vectors as _mm512_reduce_add_ps adds sixteen lanes. */
HAL_GEMM_INLINE __m512 sum_vectors(__m512 *sum)
{
    HAL_GEMM_UNROLL(4)
    for (int half = 8; half > 0; half /= 2) {
        HAL_GEMM_UNROLL(8)
        for (int s = 0; s < half; s++) {
            sum[s] = _mm512_add_ps(sum[s], sum[s + half]);
        }
    }
    return sum[0];
}

/* As dot_step: beyond the last step a product of zeros is added. */
HAL_GEMM_INLINE void dot_steps16(const float *x, const char *at, const int64_t steps, const int v, const panel_form form,
                                 __m512 sum[16])
{
    HAL_GEMM_UNROLL(16)
    for (int s = 0; s < 16; s++) {
        __m512 a = s < steps ? _mm512_set1_ps(x[s]) : _mm512_setzero_ps();
        __m512 b = s < steps ? load_step(at, s, v, form) : _mm512_setzero_ps();
        sum[s] = _mm512_fmadd_ps(a, b, sum[s]);
    }
}

/* Row r of the tile, columns c+16v..c+16v+15. */
HAL_GEMM_INLINE void dot_panel(const skinny_job *job, int64_t r, int64_t c, const int v, const panel_form form)
{
    const float *x = job->x + r * job->ldx;
    float *tile = job->tile + r * job->ldt + c + 16 * v;
    __m512 sum[16];
    int64_t k = 0;
    HAL_GEMM_UNROLL(16)
    for (int s = 0; s < 16; s++) {
        sum[s] = _mm512_setzero_ps();
    }
    for (; k + 16 <= job->steps; k += 16) {
        dot_steps16(x + k, panel_step(job, c, k, form), 16, v, form, sum);
    }
    if (k < job->steps) {
        dot_steps16(x + k, panel_step(job, c, k, form), job->steps - k, v, form, sum);
    }
    _mm512_storeu_ps(tile, _mm512_add_ps(_mm512_loadu_ps(tile), sum_vectors(sum)));
}

HAL_GEMM_INLINE void dot_panels(const skinny_job *job, const panel_form form)
{
    for (int64_t c = 0; c < job->columns; c += NR) {
        for (int64_t r = 0; r < job->problem->m; r++) {
            dot_panel(job, r, c, 0, form);
            if (job->columns - c > 16) {
                dot_panel(job, r, c, 1, form);
            }
        }
    }
}

HAL_GEMM_INLINE void run_form(const skinny_job *job, bool dot, const panel_form form)
{
    if (dot) {
        dot_panels(job, form);
    } else {
        axpy_panels(job, form);
    }
}

static void run_panels(const skinny_job *job, bool dot)
{
    switch (form_of(job->problem->panels_of)) {
    case WIDE:
        run_form(job, dot, WIDE);
        break;
    case PAIRS:
        run_form(job, dot, PAIRS);
        break;
    case TILES:
        run_form(job, dot, TILES);
        break;
    }
}

static void run_dot(const skinny_job *job)
{
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

static void run_axpy(const skinny_job *job)
{
    switch (job->problem->b.dtype) {
    case HAL_GEMM_F32:
        axpy_dtype(job, HAL_GEMM_F32);
        break;
    case HAL_GEMM_BF16:
        axpy_dtype(job, HAL_GEMM_BF16);
        break;
    case HAL_GEMM_F16:
        axpy_dtype(job, HAL_GEMM_F16);
        break;
    }
}

static void run_skinny(const skinny_job *job, bool dot)
{
    if (job->problem->panels_of) {
        run_panels(job, dot);
    } else if (dot) {
        run_dot(job);
    } else {
        run_axpy(job);
    }
}

/* Whether B is read as columns (dot) or rows (axpy) follows from the strides alone, so the order of a sum
 * does too. */
static void skinny(const hal_gemm_problem *p, int64_t j0, int64_t j1, void *scratch)
{
    const bool dot = p->b.row_stride == 1;
    const int64_t share = SKINNY_A / p->m & ~(int64_t)15;
    const int64_t block = dot ? DOT_COLUMNS : p->panels_of ? share & ~(int64_t)(NR - 1) : share;
    const int64_t steps = p->k < share ? p->k : share;
    skinny_job job = {.problem = p, .x = scratch, .tile = (float *)scratch + SKINNY_A + 16 * SKINNY_ROWS};
    /* The odd line keeps the rows of A out of one cache set. */
    job.ldx = share + 16;
    job.ldt = block;
    for (job.j = j0; job.j < j1; job.j += block) {
        job.columns = j1 - job.j < block ? j1 - job.j : block;
        for (int64_t e = 0; e < p->m * block; e += 16) {
            _mm512_storeu_ps(job.tile + e, _mm512_setzero_ps());
        }
        for (job.k0 = 0; job.k0 < p->k; job.k0 += steps) {
            job.steps = p->k - job.k0 < steps ? p->k - job.k0 : steps;
            if (job.j == j0 || steps < p->k) {
                widen_rows(&job);
            }
            run_skinny(&job, dot);
        }
        p->store(p->store_context, job.tile, job.ldt, 0, p->m, job.j, job.columns);
    }
}

static const hal_gemm_kernel kernel = {
    .name = "avx512",
    .features = HAL_CPU_AVX512,
    .dtypes = 1u << HAL_GEMM_F32 | 1u << HAL_GEMM_BF16 | 1u << HAL_GEMM_F16,
    .mr = MR, .nr = NR, .row_unit = 2, .k_unit = 1,
    .mc = 16 * MR, .kc = 192, .nc = 1024, .mb = 80 * MR,
    .k_run = 64, .element = 4, .panel_lanes = NR,
    .direct_b = true,
    .pack_a = pack_a, .pack_b = pack_b,
    .multiply = multiply,
    .skinny_takes = skinny_takes,
    .skinny_scratch = (2 * SKINNY_A + 16 * SKINNY_ROWS) * sizeof(float),
    .skinny = skinny,
};

const hal_gemm_kernel *hal_gemm_avx512(void)
{
    return &kernel;
}

#else

const hal_gemm_kernel *hal_gemm_avx512(void)
{
    return NULL;
}

#endif
