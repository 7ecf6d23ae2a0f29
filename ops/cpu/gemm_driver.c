/* SPDX-License-Identifier: Apache-2.0 */
/* Blocked matrix multiplication over a kernel's tile function.
 *
 * The rectangle of C that a part owns is walked as: blocks of nb columns, blocks of mb rows, blocks of kb
 * sum steps. In each, B is packed once into panels of nr columns (or read in place, or was kept packed), A in
 * blocks of mc rows into panels of mr rows, and the tile function runs over all pairs of panels with the panel
 * of B staying in the first-level cache and the block of A in the second. Sums stay in a private f32 block of
 * C until k is finished.
 *
 * Only kb and run decide the order of a sum, and they follow from k and the kernel; the other blocks may
 * differ per part. */
#include "cpu/gemm_kernel.h"

typedef struct block_plan {
    int64_t mb, mc, nb, kb; /* kb is a multiple of k_unit, the others of mr and nr */
    int64_t run;            /* steps of k summed at a time, a multiple of k_unit */
    int64_t ldc;
    size_t a_bytes, b_bytes, c_bytes;
} block_plan;

typedef struct rectangle {
    int64_t i0, i1, j0, j1;
} rectangle;

/* One block in work. */
typedef struct block_job {
    const hal_gemm_kernel *kernel;
    const hal_gemm_problem *problem;
    block_plan plan;
    char *a, *b;
    float *c;
    int64_t i0, i1, j0, j1, k0, k1; /* i0..i1: rows of C kept; j0..j1, k0..k1: the packed block of B */
    bool direct_b;
} block_job;

static int64_t ceil_div(int64_t value, int64_t unit)
{
    return value / unit + (value % unit != 0);
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return ceil_div(value, unit) * unit;
}

static int64_t least(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

/* Size of equal blocks, in whole units, none above most (a multiple of unit). */
static int64_t equal_block(int64_t extent, int64_t most, int64_t unit)
{
    int64_t blocks = extent > 0 ? ceil_div(extent, most) : 1;
    return extent > 0 ? round_up(ceil_div(extent, blocks), unit) : unit;
}

static size_t padded_bytes(int64_t elements, int64_t element)
{
    /* 64 bytes beyond the end are the packing functions' to spill into. */
    return (size_t)round_up(elements * element, 64) + 64;
}

/* A run of r equal terms loses up to r/2 roundings of its sum, as they all go the same way; 4 sqrt(k) keeps
 * that within the 2 sqrt(k) a sum of k terms is allowed. */
static int64_t run_length(const hal_gemm_kernel *kernel, int64_t k, int64_t kb)
{
    int64_t run = kernel->k_run;
    while (run < kb && run * run < 16 * k) {
        run += 16;
    }
    return equal_block(kb, round_up(run, kernel->k_unit), kernel->k_unit);
}

/* Blocks for m x n of C; never larger for a smaller rectangle than for the whole product. */
static block_plan plan_blocks(const hal_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k)
{
    block_plan plan;
    plan.kb = equal_block(k, kernel->kc, kernel->k_unit);
    plan.run = run_length(kernel, k, plan.kb);
    plan.nb = equal_block(n, kernel->nc, kernel->nr);
    plan.mb = equal_block(m, k > plan.kb ? kernel->mb : kernel->mc, kernel->mr);
    plan.mc = equal_block(plan.mb, kernel->mc, kernel->mr);
    /* The odd line keeps the rows of a tile out of one cache set. */
    plan.ldc = plan.nb + 16;
    plan.a_bytes = padded_bytes(plan.mc * plan.kb, kernel->element);
    plan.b_bytes = padded_bytes(plan.nb * plan.kb, kernel->element);
    plan.c_bytes = padded_bytes(plan.mb * plan.ldc, (int64_t)sizeof(float));
    return plan;
}

/* A part's blocks may be larger than the equal blocks of the whole, so scratch is sized by the limits. */
static block_plan plan_largest(const hal_gemm_kernel *kernel, const hal_gemm_problem *p)
{
    int64_t kb = equal_block(p->k, kernel->kc, kernel->k_unit);
    int64_t rows = p->k > kb ? kernel->mb : kernel->mc;
    block_plan plan = plan_blocks(kernel, least(p->m, rows), least(p->n, kernel->nc), p->k);
    plan.mc = least(plan.mb, kernel->mc);
    plan.a_bytes = padded_bytes(plan.mc * plan.kb, kernel->element);
    return plan;
}

static bool is_skinny(const hal_gemm_kernel *kernel, const hal_gemm_problem *p)
{
    return kernel->skinny_takes && kernel->skinny_takes(p);
}

size_t hal_gemm_scratch_bytes(const hal_gemm_kernel *kernel, const hal_gemm_problem *p)
{
    if (is_skinny(kernel, p)) {
        return kernel->skinny_scratch;
    }
    block_plan plan = plan_largest(kernel, p);
    return plan.a_bytes + plan.b_bytes + plan.c_bytes;
}

int64_t hal_gemm_part_limit(const hal_gemm_kernel *kernel, const hal_gemm_problem *p)
{
    int64_t rows = is_skinny(kernel, p) ? 1 : ceil_div(p->m, kernel->mr), count;
    if (__builtin_mul_overflow(rows, ceil_div(p->n, kernel->nr), &count)) {
        return INT64_MAX;
    }
    return count > 0 ? count : 1;
}

/* Time of the largest part on a grid, in columns of multiply-adds: the product plus packing both operands. */
static double grid_cost(const hal_gemm_kernel *kernel, int64_t row_units, int64_t column_tiles,
                        int64_t grid_rows, int64_t grid_columns)
{
    double rows = (double)(ceil_div(row_units, grid_rows) * kernel->row_unit);
    double columns = (double)(ceil_div(column_tiles, grid_columns) * kernel->nr);
    return rows * columns + 24.0 * (rows + columns);
}

/* Rows of the grid the parts form; at most `parts`. */
static int64_t choose_grid(const hal_gemm_kernel *kernel, int64_t row_units, int64_t column_tiles,
                           int64_t parts)
{
    int64_t best = 1;
    double best_cost = grid_cost(kernel, row_units, column_tiles, 1, parts);
    for (int64_t rows = 2; rows <= least(parts, row_units); rows++) {
        double cost = grid_cost(kernel, row_units, column_tiles, rows, parts / rows);
        if (cost < best_cost) {
            best_cost = cost;
            best = rows;
        }
    }
    return best;
}

/* First element of slice `index` of `count`, in whole units of `tile`. */
static int64_t slice_start(int64_t tiles, int64_t index, int64_t count, int64_t tile, int64_t extent)
{
    int64_t first = tiles / count * index + least(tiles % count, index);
    return least(first * tile, extent);
}

static rectangle part_rectangle(const hal_gemm_kernel *kernel, const hal_gemm_problem *p, int64_t part,
                                int64_t parts)
{
    int64_t row_unit = is_skinny(kernel, p) ? p->m : kernel->row_unit;
    int64_t row_units = ceil_div(p->m, row_unit), column_tiles = ceil_div(p->n, kernel->nr);
    int64_t grid_rows = choose_grid(kernel, row_units, column_tiles, parts), grid_columns = parts / grid_rows;
    int64_t row = part / grid_columns, column = part % grid_columns;
    if (row >= grid_rows) {
        return (rectangle){0, 0, 0, 0};
    }
    return (rectangle){slice_start(row_units, row, grid_rows, row_unit, p->m),
                       slice_start(row_units, row + 1, grid_rows, row_unit, p->m),
                       slice_start(column_tiles, column, grid_columns, kernel->nr, p->n),
                       slice_start(column_tiles, column + 1, grid_columns, kernel->nr, p->n)};
}

/* Reading B in place costs strided cache lines on every pass over the rows, packing costs one pass: in place
 * pays for one or two passes, or when the whole block lies in the first-level cache anyway. */
static bool reads_b_in_place(const hal_gemm_kernel *kernel, const hal_gemm_problem *p, int64_t rows)
{
    if (p->panels_of || !kernel->direct_b || p->b.dtype != HAL_GEMM_F32 || p->b.col_stride != 1 || p->b.row_stride < 0) {
        return false;
    }
    return rows <= 2 * kernel->mr || (p->b.row_stride <= 128 && p->k <= 64);
}

static const char *b_address(const block_job *job, int64_t j)
{
    const hal_gemm_operand *b = &job->problem->b;
    return hal_gemm_address(b->data, b->dtype, job->k0 * b->row_stride + j * b->col_stride);
}

static int64_t panel_bytes(const block_job *job, int64_t lanes)
{
    return lanes * round_up(job->k1 - job->k0, job->kernel->k_unit) * job->kernel->element;
}

/* A panel of B narrower than nr is packed even when the others are read in place: the tile function reads
 * whole vectors and must not run past the matrix. */
static bool panel_in_place(const block_job *job, int64_t j)
{
    return job->direct_b && job->j1 - j >= job->kernel->nr;
}

/* Steps k0..k1 of all panels of B. */
static void pack_b_steps(const block_job *job, int64_t k0, int64_t k1)
{
    const hal_gemm_kernel *kernel = job->kernel;
    const hal_gemm_operand *b = &job->problem->b;
    char *packed = job->b + (k0 - job->k0) * kernel->nr * kernel->element;
    for (int64_t j = job->j0; j < job->j1; j += kernel->nr, packed += panel_bytes(job, kernel->nr)) {
        if (panel_in_place(job, j)) {
            continue;
        }
        const void *at = hal_gemm_address(b->data, b->dtype, k0 * b->row_stride + j * b->col_stride);
        hal_gemm_panel panel = {at, b->dtype, b->col_stride, b->row_stride, least(kernel->nr, job->j1 - j),
                                k1 - k0};
        kernel->pack_b(packed, &panel);
    }
}

/* Rows of B are read a few at a time over all panels: a panel after the other would come back to every page
 * of the block for a line or two, and what comes from memory takes almost twice as long. */
static void pack_b_block(const block_job *job)
{
    const int64_t rows = job->kernel->k_unit == 1 ? 8 : 32;
    const int64_t step = job->problem->b.col_stride == 1 ? rows : job->k1 - job->k0;
    for (int64_t k = job->k0; k < job->k1; k += step) {
        pack_b_steps(job, k, least(k + step, job->k1));
    }
}

static void pack_a_block(const block_job *job, int64_t i0, int64_t i1)
{
    const hal_gemm_kernel *kernel = job->kernel;
    const hal_gemm_operand *a = &job->problem->a;
    char *packed = job->a;
    for (int64_t i = i0; i < i1; i += kernel->mr, packed += panel_bytes(job, kernel->mr)) {
        const void *at = hal_gemm_address(a->data, a->dtype, i * a->row_stride + job->k0 * a->col_stride);
        hal_gemm_panel panel = {at, a->dtype, a->row_stride, a->col_stride, least(kernel->mr, i1 - i),
                                job->k1 - job->k0};
        kernel->pack_a(packed, &panel);
    }
}

/* Where the tile function reads panel j of the block: in B kept packed, in rows of B, or in what was packed just
 * now. */
static const char *panel_address(const block_job *job, int64_t j)
{
    const hal_gemm_kernel *kernel = job->kernel;
    if (job->problem->panels) {
        return (const char *)job->problem->panels + j / kernel->nr * hal_gemm_panel_size(kernel, job->problem->k) +
               job->k0 * kernel->nr * kernel->element;
    }
    if (panel_in_place(job, j)) {
        return b_address(job, j);
    }
    return job->b + (j - job->j0) / kernel->nr * panel_bytes(job, kernel->nr);
}

/* One tile over all of the packed k, in runs. */
static void multiply_tile(const hal_gemm_kernel *kernel, hal_gemm_tile tile, int64_t k, int64_t run,
                          bool accumulate)
{
    int64_t done = 0;
    do {
        tile.k = least(run, k - done);
        tile.accumulate = accumulate || done > 0;
        kernel->multiply(&tile);
        tile.a = (const char *)tile.a + tile.k * kernel->mr * kernel->element;
        tile.b = (const char *)tile.b + tile.k * tile.ldb * kernel->element;
        done += tile.k;
    } while (done < k);
}

/* All tiles of the packed block of A, rows i0..i1, against the packed block of B. */
static void multiply_block(const block_job *job, int64_t i0, int64_t i1)
{
    const hal_gemm_kernel *kernel = job->kernel;
    const int64_t k = round_up(job->k1 - job->k0, kernel->k_unit);
    hal_gemm_tile tile = {.ldc = job->plan.ldc};
    for (int64_t j = job->j0; j < job->j1; j += kernel->nr) {
        tile.b = panel_address(job, j);
        tile.ldb = panel_in_place(job, j) ? job->problem->b.row_stride : kernel->nr;
        tile.cols = least(kernel->nr, job->j1 - j);
        tile.a = job->a;
        for (int64_t i = i0; i < i1; i += kernel->mr) {
            tile.rows = least(kernel->mr, i1 - i);
            tile.c = job->c + (i - job->i0) * tile.ldc + (j - job->j0);
            multiply_tile(kernel, tile, k, job->plan.run, job->k0 > 0);
            tile.a = (const char *)tile.a + panel_bytes(job, kernel->mr);
        }
    }
}

/* One block of k for all rows of the job; the last one hands the finished rows to the store. */
static void run_k_block(const block_job *job)
{
    const hal_gemm_problem *p = job->problem;
    if (!p->panels) {
        pack_b_block(job);
    }
    for (int64_t i0 = job->i0; i0 < job->i1; i0 += job->plan.mc) {
        int64_t i1 = least(i0 + job->plan.mc, job->i1);
        pack_a_block(job, i0, i1);
        multiply_block(job, i0, i1);
        if (job->k1 == p->k) {
            const float *finished = job->c + (i0 - job->i0) * job->plan.ldc;
            p->store(p->store_context, finished, job->plan.ldc, i0, i1 - i0, job->j0, job->j1 - job->j0);
        }
    }
}

static void run_block(block_job *job)
{
    int64_t k = job->problem->k;
    job->k0 = 0;
    do {
        job->k1 = least(job->k0 + job->plan.kb, k);
        run_k_block(job);
        job->k0 = job->k1;
    } while (job->k1 < k);
}

static void run_rectangle(block_job *job, const rectangle *part)
{
    for (int64_t j = part->j0; j < part->j1; j += job->plan.nb) {
        job->j0 = j;
        job->j1 = least(j + job->plan.nb, part->j1);
        for (int64_t i = part->i0; i < part->i1; i += job->plan.mb) {
            job->i0 = i;
            job->i1 = least(i + job->plan.mb, part->i1);
            run_block(job);
        }
    }
}

void hal_gemm_run(const hal_gemm_kernel *kernel, const hal_gemm_problem *p, int64_t part, int64_t parts,
                  void *scratch)
{
    rectangle own = part_rectangle(kernel, p, part, parts);
    if (own.i0 >= own.i1 || own.j0 >= own.j1) {
        return;
    }
    if (is_skinny(kernel, p)) {
        kernel->skinny(p, own.j0, own.j1, scratch);
        return;
    }
    block_job job = {.kernel = kernel, .problem = p, .a = scratch};
    job.plan = plan_blocks(kernel, own.i1 - own.i0, own.j1 - own.j0, p->k);
    job.b = job.a + job.plan.a_bytes;
    job.c = (float *)(void *)(job.b + job.plan.b_bytes);
    job.direct_b = reads_b_in_place(kernel, p, own.i1 - own.i0);
    if (kernel->enter) {
        kernel->enter();
    }
    run_rectangle(&job, &own);
    if (kernel->leave) {
        kernel->leave();
    }
}

static const hal_gemm_kernel *(*const table[])(void) = {
    hal_gemm_plain, hal_gemm_avx2, hal_gemm_avx512, hal_gemm_avx512_bf16, hal_gemm_amx,
};

size_t hal_gemm_kernel_count(void)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        count += table[i]() != NULL;
    }
    return count;
}

const hal_gemm_kernel *hal_gemm_kernel_at(size_t index)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const hal_gemm_kernel *kernel = table[i]();
        if (kernel && index-- == 0) {
            return kernel;
        }
    }
    return NULL;
}

const char *hal_gemm_kernel_name(const hal_gemm_kernel *kernel)
{
    return kernel->name;
}

uint32_t hal_gemm_kernel_features(const hal_gemm_kernel *kernel)
{
    return kernel->features;
}

bool hal_gemm_kernel_accepts(const hal_gemm_kernel *kernel, const hal_gemm_problem *p)
{
    uint32_t used = 1u << p->a.dtype | 1u << p->b.dtype;
    return (used & ~kernel->dtypes) == 0;
}

/* The few-rows path of an f32 kernel is bound by memory, where a faster multiply gains nothing. */
const hal_gemm_kernel *hal_gemm_kernel_choose(uint32_t features, const hal_gemm_problem *p)
{
    const hal_gemm_kernel *best = hal_gemm_plain(), *skinny = NULL;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const hal_gemm_kernel *kernel = table[i]();
        if (!kernel || (kernel->features & ~features) != 0 || !hal_gemm_kernel_accepts(kernel, p)) {
            continue;
        }
        best = kernel;
        skinny = is_skinny(kernel, p) ? kernel : skinny;
    }
    best = p->panels_of ? p->panels_of : best;
    return skinny ? skinny : best;
}

/* Any number of rows that is not few chooses the same kernel. */
const hal_gemm_kernel *hal_gemm_panel_kernel(uint32_t features, hal_gemm_dtype dtype)
{
    hal_gemm_problem many = {.m = INT64_MAX, .n = 1, .k = 1, .a.dtype = dtype, .b.dtype = dtype};
    return hal_gemm_kernel_choose(features, &many);
}
