/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every matrix multiplication kernel against a plain product in double: those this machine runs as they are,
 * and those written for AVX-512, its bf16 products and AMX also on emulated instructions, so that a machine
 * without them tests the same code. Sizes lie around the tiles; operands are contiguous, transposed, strided
 * and reversed; what lies between and around them is NaN, and the scratch is guarded. B kept in panels gives the
 * bits of B as a matrix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/cpu/features.h"
#include "cpu/gemm_kernel.h"

enum { GUARD = 64, MOST_SIZES = 24, LAYOUTS = 4, DTYPES = 3 };

const hal_gemm_kernel *hal_emulated_avx512(void);
const hal_gemm_kernel *hal_emulated_avx512_bf16(void);
const hal_gemm_kernel *hal_emulated_amx(void);

/* ---- operands ---- */

typedef struct matrix {
    hal_gemm_operand operand;
    unsigned char *block;
    double *value; /* rows x cols, exact */
} matrix;

static uint32_t random_bits(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* A value of the type, and its bits: an eighth of them large or small. */
static double random_element(hal_gemm_dtype dtype, void *at)
{
    float x = (float)((double)random_bits() / 2147483648.0 - 1.0);
    uint32_t kind = random_bits() % 16;
    x = kind == 0 ? 0.0f : kind == 1 ? x * 64.0f : kind == 2 ? x / 64.0f : x;
    uint16_t half;
    uint32_t bits;
    if (dtype == HAL_GEMM_F32) {
        memcpy(at, &x, 4);
        return (double)x;
    }
    memcpy(&bits, &x, 4);
    half = (uint16_t)(bits >> 16);
    if (dtype == HAL_GEMM_F16) /* a sign, exponents around one, any fraction */
        half = (uint16_t)((random_bits() & 0x83ffu) | (uint32_t)(8 + random_bits() % 9) << 10);
    memcpy(at, &half, 2);
    return (double)hal_gemm_element(&half, dtype, 0);
}

/* Strides of layout 0: by rows, 1: by columns, 2: with gaps, 3: backwards. */
static void set_strides(hal_gemm_operand *o, int layout, int64_t rows, int64_t cols)
{
    o->row_stride = layout == 1 ? 1 : layout == 2 ? 2 * cols + 3 : cols;
    o->col_stride = layout == 1 ? rows : layout == 2 ? 2 : 1;
    if (layout == 3) {
        o->row_stride = -cols;
        o->col_stride = -1;
    }
}

static int64_t magnitude(int64_t x)
{
    return x < 0 ? -x : x;
}

static matrix matrix_make(int64_t rows, int64_t cols, int layout, hal_gemm_dtype dtype)
{
    matrix m = {.operand = {.dtype = dtype}};
    int64_t width = dtype == HAL_GEMM_F32 ? 4 : 2;
    set_strides(&m.operand, layout, rows, cols);
    int64_t extent = magnitude(m.operand.row_stride) * (rows - 1) + magnitude(m.operand.col_stride) * (cols - 1) + 1;
    int64_t first = layout == 3 ? extent - 1 : 0;
    m.block = malloc((size_t)(extent * width + 2 * GUARD));
    m.value = malloc((size_t)(rows * cols) * sizeof *m.value);
    assert_true(m.block != NULL && m.value != NULL);
    memset(m.block, 0xff, (size_t)(extent * width + 2 * GUARD)); /* NaN in all three types */
    unsigned char *data = m.block + GUARD + first * width;
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            m.value[r * cols + c] = random_element(
                dtype, data + (r * m.operand.row_stride + c * m.operand.col_stride) * width);
    m.operand.data = data;
    return m;
}

static void matrix_free(matrix *m)
{
    free(m->block);
    free(m->value);
}

/* ---- one product ---- */

/* What the store function receives, and how often each element came. */
typedef struct sink {
    float *c;
    uint8_t *times;
    int64_t m, n;
    bool outside;
} sink;

static void store(void *context, const float *tile, int64_t ld, int64_t i0, int64_t mi, int64_t j0, int64_t nj)
{
    sink *s = context;
    if (i0 < 0 || j0 < 0 || mi < 0 || nj < 0 || i0 + mi > s->m || j0 + nj > s->n) {
        s->outside = true;
        return;
    }
    for (int64_t r = 0; r < mi; r++)
        for (int64_t c = 0; c < nj; c++) {
            s->c[(i0 + r) * s->n + j0 + c] = tile[r * ld + c];
            s->times[(i0 + r) * s->n + j0 + c]++;
        }
}

/* Runs all parts on one guarded scratch; false when a store or the scratch went wrong. */
static bool run(const hal_gemm_kernel *kernel, hal_gemm_problem *p, int64_t parts, float *c)
{
    size_t bytes = hal_gemm_scratch_bytes(kernel, p), room = (bytes + 63) & ~(size_t)63;
    unsigned char *scratch = aligned_alloc(64, room + GUARD);
    sink s = {c, calloc((size_t)(p->m * p->n), 1), p->m, p->n, false};
    assert_true(scratch != NULL && s.times != NULL);
    memset(scratch, 0xff, room + GUARD);
    p->store = store;
    p->store_context = &s;
    for (int64_t part = 0; part < parts; part++)
        hal_gemm_run(kernel, p, part, parts, scratch);
    bool good = !s.outside;
    for (size_t i = bytes; i < room + GUARD; i++)
        good = good && scratch[i] == 0xff;
    for (int64_t i = 0; i < p->m * p->n; i++)
        good = good && s.times[i] == 1;
    free(s.times);
    free(scratch);
    return good;
}

/* The order of a sum of k rounded terms is free: k roundings of at most the sum of magnitudes, and a few more
 * where partial sums meet. bf16 products drop what is below the normal numbers. */
static bool close_enough(const matrix *a, const matrix *b, const hal_gemm_problem *p, const float *c)
{
    for (int64_t i = 0; i < p->m; i++)
        for (int64_t j = 0; j < p->n; j++) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < p->k; k++) {
                double term = a->value[i * p->k + k] * b->value[k * p->n + j];
                sum += term;
                size += fabs(term);
            }
            double bound = (double)(p->k + 4) * (size * 0x1p-24 + 0x1p-126);
            if (!(fabs((double)c[i * p->n + j] - sum) <= bound))
                return false;
        }
    return true;
}

typedef struct shape { int64_t m, n, k; } shape;
typedef struct variety { int a_layout, b_layout; hal_gemm_dtype a, b; int64_t parts; } variety;

/* ---- B kept in panels ---- */

static bool reads_panels_of(const hal_gemm_kernel *kernel, const hal_gemm_kernel *form, const hal_gemm_problem *p)
{
    bool skinny = kernel->skinny_takes != NULL && kernel->skinny_takes(p);
    return form == kernel ||
           (skinny && form != NULL && form->nr == kernel->nr && hal_gemm_kernel_accepts(form, p));
}

/* All panels of B between guards; NULL when a guard was written to. */
static unsigned char *panels_make(const hal_gemm_kernel *form, const hal_gemm_problem *p)
{
    int64_t bytes;
    assert_true(hal_gemm_panel_bytes(form, p->k, p->n, &bytes));
    size_t room = (((size_t)bytes + 63) & ~(size_t)63) + 2 * GUARD;
    unsigned char *block = aligned_alloc(64, room);
    assert_true(block != NULL);
    memset(block, 0xff, room);
    for (int64_t i = hal_gemm_panel_count(form, p->n); i-- > 0;)
        hal_gemm_panel_pack(form, &p->b, p->k, p->n, i, block + GUARD);
    for (size_t i = 0; i < room; i++)
        if ((i < GUARD || i >= GUARD + (size_t)bytes) && block[i] != 0xff) {
            free(block);
            return NULL;
        }
    return block;
}

/* Unpacking gives the bits back, to other strides, and writes nothing else. */
static bool unpacks(const hal_gemm_kernel *form, const hal_gemm_problem *p, const unsigned char *panels)
{
    size_t width = p->b.dtype == HAL_GEMM_F32 ? 4 : 2, cells = (size_t)(p->k * (p->n + 3)) + 1;
    unsigned char *to = malloc(cells * width);
    assert_true(to != NULL);
    memset(to, 0xff, cells * width);
    hal_gemm_operand b = {to, p->b.dtype, p->n + 3, 1};
    for (int64_t i = 0; i < hal_gemm_panel_count(form, p->n); i++)
        hal_gemm_panel_unpack(form, panels, p->k, p->n, i, &b);
    bool good = true;
    for (int64_t k = 0; k < p->k; k++)
        for (int64_t j = 0; j < p->n + 3; j++) {
            const void *is = hal_gemm_address(to, b.dtype, k * b.row_stride + j);
            const void *was = hal_gemm_address(p->b.data, b.dtype, k * p->b.row_stride + j * p->b.col_stride);
            good = good && memcmp(is, j < p->n ? was : "\xff\xff\xff\xff", width) == 0;
        }
    free(to);
    return good;
}

/* The product by panels has the bits `c` of the product by the matrix, in one part and in several. */
static bool panels_are_right(const hal_gemm_kernel *kernel, const hal_gemm_kernel *form, const hal_gemm_problem *problem,
                             int64_t parts, const float *c)
{
    hal_gemm_problem p = *problem;
    if (!reads_panels_of(kernel, form, &p))
        return true;
    unsigned char *panels = panels_make(form, &p);
    size_t bytes = (size_t)(p.m * p.n) * sizeof(float);
    float *other = malloc(bytes);
    assert_true(other != NULL);
    bool good = panels != NULL && unpacks(form, &p, panels + GUARD);
    p.panels_of = form;
    p.panels = panels == NULL ? NULL : panels + GUARD;
    p.b.data = NULL;
    good = good && run(kernel, &p, 1, other) && memcmp(c, other, bytes) == 0;
    good = good && run(kernel, &p, parts, other) && memcmp(c, other, bytes) == 0;
    free(other);
    free(panels);
    return good;
}

/* By the panels of the kernel, and by those of others that it reads where rows are few. */
static bool all_panels_are_right(const hal_gemm_kernel *kernel, const hal_gemm_problem *p, int64_t parts, const float *c)
{
    bool good = panels_are_right(kernel, kernel, p, parts, c);
    if (kernel->skinny == NULL || kernel->nr != 32)
        return good;
#if defined(__x86_64__)
    return good && panels_are_right(kernel, hal_emulated_avx512_bf16(), p, parts, c) &&
           panels_are_right(kernel, hal_emulated_amx(), p, parts, c);
#else
    return good;
#endif
}

/* The product in one part is right; in several parts, and from panels, it has the same bits. */
static bool product_is_right(const hal_gemm_kernel *kernel, shape s, variety v)
{
    matrix a = matrix_make(s.m, s.k > 0 ? s.k : 1, v.a_layout, v.a);
    matrix b = matrix_make(s.k > 0 ? s.k : 1, s.n, v.b_layout, v.b);
    hal_gemm_problem p = {.m = s.m, .n = s.n, .k = s.k, .a = a.operand, .b = b.operand};
    size_t bytes = (size_t)(s.m * s.n) * sizeof(float);
    float *c = malloc(bytes), *split = malloc(bytes);
    assert_true(c != NULL && split != NULL);
    bool good = run(kernel, &p, 1, c) && close_enough(&a, &b, &p, c) && run(kernel, &p, v.parts, split) &&
                memcmp(c, split, bytes) == 0 && all_panels_are_right(kernel, &p, v.parts, c);
    free(c);
    free(split);
    matrix_free(&a);
    matrix_free(&b);
    return good;
}

/* ---- all sizes of a kernel ---- */

/* 1.. around one and two units, without repeats. */
static int list_sizes(int64_t unit, int64_t *list)
{
    const int64_t wanted[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, unit - 1, unit, unit + 1, 2 * unit - 1, 2 * unit, 2 * unit + 1};
    int n = 0;
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        bool known = wanted[i] < 1 || wanted[i] > 2 * unit + 1;
        for (int j = 0; j < n; j++)
            known = known || list[j] == wanted[i];
        if (!known)
            list[n++] = wanted[i];
    }
    return n;
}

static variety next_variety(const hal_gemm_kernel *kernel)
{
    static uint32_t turn;
    variety v;
    do {
        uint32_t t = turn++;
        v = (variety){(int)(t % LAYOUTS), (int)(t / LAYOUTS % LAYOUTS), (hal_gemm_dtype)(t / 16 % DTYPES),
                      (hal_gemm_dtype)(t / 48 % DTYPES), 2 + t % 4};
    } while (((1u << v.a | 1u << v.b) & ~kernel->dtypes) != 0);
    return v;
}

static void check(const hal_gemm_kernel *kernel, int64_t m, int64_t n, int64_t k)
{
    variety v = next_variety(kernel);
    if (!product_is_right(kernel, (shape){m, n, k}, v))
        fail_msg("%s: %lldx%lldx%lld, layouts %d and %d, dtypes %d and %d, %lld parts", kernel->name, (long long)m,
                 (long long)n, (long long)k, v.a_layout, v.b_layout, (int)v.a, (int)v.b, (long long)v.parts);
}

static void check_tails(const hal_gemm_kernel *kernel)
{
    int64_t m[MOST_SIZES], n[MOST_SIZES], k[MOST_SIZES];
    int ms = list_sizes(kernel->mr, m), ns = list_sizes(kernel->nr, n),
        ks = list_sizes(kernel->k_unit > 16 ? kernel->k_unit : 16, k);
    for (int i = 0; i < ms; i++)
        for (int j = 0; j < ns; j++)
            for (int l = 0; l < ks; l++)
                check(kernel, m[i], n[j], k[l]);
}

/* Every pair of layouts and of dtypes on one awkward size, few rows included. */
static void check_varieties(const hal_gemm_kernel *kernel)
{
    for (int i = 0; i < 2 * LAYOUTS * LAYOUTS * DTYPES * DTYPES; i++)
        check(kernel, i % 2 ? 3 : kernel->mr + 1, kernel->nr + 3, kernel->k_unit + 5);
}

/* More than one block in each direction: sums are taken up again, packed blocks replaced. */
static void check_blocks(const hal_gemm_kernel *kernel)
{
    check(kernel, kernel->mr + 1, kernel->nr + 1, kernel->kc + 1);
    check(kernel, 2, kernel->nr + 1, 2 * kernel->kc + 3);
    check(kernel, 2 * kernel->mc + 1, kernel->nr + 1, 9);
    check(kernel, kernel->mb + 1, 3, kernel->kc + 2);
    check(kernel, kernel->mr + 1, kernel->nc + 1, 5);
    check(kernel, kernel->mr + 1, kernel->nr + 1, 0);
}

static void kernel_is_right(void **state)
{
    const hal_gemm_kernel *kernel = *state;
    check_tails(kernel);
    check_varieties(kernel);
    check_blocks(kernel);
}

/* ---- gates ---- */

static const hal_gemm_kernel *honest;

/* Forgets what was summed before. */
static void forgetful(const hal_gemm_tile *tile)
{
    hal_gemm_tile t = *tile;
    t.accumulate = false;
    honest->multiply(&t);
}

/* Leaves out the last step. */
static void hasty(const hal_gemm_tile *tile)
{
    hal_gemm_tile t = *tile;
    t.k -= 1;
    honest->multiply(&t);
}

/* Off by a few units of the last place: more than roundings explain. */
static void sloppy(const hal_gemm_tile *tile)
{
    honest->multiply(tile);
    for (int64_t r = 0; r < tile->rows; r++)
        for (int64_t j = 0; j < tile->cols; j++)
            tile->c[r * tile->ldc + j] *= 1.0f + 0x1p-16f;
}

/* Writes behind its row. */
static void greedy(const hal_gemm_tile *tile)
{
    honest->multiply(tile);
    tile->c[tile->rows * tile->ldc] = 1.0f;
}

static void wrong_kernels_are_found(void **state)
{
    (void)state;
    void (*const wrong[])(const hal_gemm_tile *) = {forgetful, hasty, sloppy};
    const variety plain = {0, 0, HAL_GEMM_F32, HAL_GEMM_F32, 2};
    honest = hal_gemm_plain();
    const shape s = {9, 17, honest->kc + 3};
    assert_true(product_is_right(honest, s, plain));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hal_gemm_kernel mutant = *honest;
        mutant.multiply = wrong[i];
        assert_false(product_is_right(&mutant, s, plain));
    }
    hal_gemm_kernel mutant = *honest;
    mutant.multiply = greedy;
    /* Rows of the block are 40 apart here, and its third tile ends the scratch. */
    assert_false(product_is_right(&mutant, (shape){mutant.mr, 24, 3}, plain));
}

/* ---- emulation ---- */

/* Where both exist, the emulated instructions give the bits of the real ones. */
static void check_bits(const hal_gemm_kernel *real, const hal_gemm_kernel *emulated, shape s)
{
    hal_gemm_dtype dtype = real->dtypes & 1u << HAL_GEMM_F32 ? HAL_GEMM_F32 : HAL_GEMM_BF16;
    matrix a = matrix_make(s.m, s.k, 0, dtype), b = matrix_make(s.k, s.n, 1, dtype);
    hal_gemm_problem p = {.m = s.m, .n = s.n, .k = s.k, .a = a.operand, .b = b.operand};
    size_t bytes = (size_t)(s.m * s.n) * sizeof(float);
    float *x = malloc(bytes), *y = malloc(bytes);
    assert_true(x != NULL && y != NULL);
    assert_true(run(real, &p, 1, x) && run(emulated, &p, 1, y));
    assert_memory_equal(x, y, bytes);
    free(x);
    free(y);
    matrix_free(&a);
    matrix_free(&b);
}

typedef struct twins { const hal_gemm_kernel *real, *emulated; } twins;

static void emulation_has_the_bits_of_the_machine(void **state)
{
    const twins *t = *state;
    check_bits(t->real, t->emulated, (shape){t->real->mr + 3, t->real->nr + 5, 77});
    check_bits(t->real, t->emulated, (shape){3, t->real->nr + 5, 77});
    check_bits(t->real, t->emulated, (shape){2 * t->real->mr, 2 * t->real->nr, t->real->kc + 33});
}

/* ---- which run ---- */

static bool machine_has(const hal_gemm_kernel *kernel)
{
    return (kernel->features & ~hal_cpu_features_here()) == 0;
}

static void lacking(void **state)
{
    print_message("%s", (const char *)*state);
    skip();
}

static struct CMUnitTest tests[16];
static char names[16][96];
static size_t n_tests;

static void add(CMUnitTestFunction function, void *state, const char *format, const char *what)
{
    snprintf(names[n_tests], sizeof names[0], format, what);
    tests[n_tests] = (struct CMUnitTest){names[n_tests], function, NULL, NULL, state};
    n_tests++;
}

/* `kernel` NULL: the compiler could not build it. */
static void add_kernel(const hal_gemm_kernel *kernel, const char *name)
{
    static char reason[] = "not run: this machine, or the compiler, lacks an instruction set; the emulated one runs where there is one\n";
    if (kernel != NULL && machine_has(kernel))
        add(kernel_is_right, (void *)(uintptr_t)kernel, "%s_is_right", name);
    else
        add(lacking, reason, "%s_is_right", name);
}

#if defined(__x86_64__)
static void add_emulated(const hal_gemm_kernel *real, const hal_gemm_kernel *emulated, const char *name, twins *pair)
{
    add(kernel_is_right, (void *)(uintptr_t)emulated, "emulated_%s_is_right", name);
    *pair = (twins){real, emulated};
    if (real != NULL && machine_has(real))
        add(emulation_has_the_bits_of_the_machine, pair, "emulation_has_the_bits_of_%s", name);
}
#endif

int main(void)
{
    add(wrong_kernels_are_found, NULL, "%s", "wrong_kernels_are_found");
    add_kernel(hal_gemm_plain(), "plain");
    add_kernel(hal_gemm_avx2(), "avx2");
    add_kernel(hal_gemm_avx512(), "avx512");
    add_kernel(hal_gemm_avx512_bf16(), "avx512_bf16");
    add_kernel(hal_gemm_amx(), "amx");
#if defined(__x86_64__)
    static twins pairs[2];
    add_emulated(hal_gemm_avx512(), hal_emulated_avx512(), "avx512", &pairs[0]);
    add_emulated(hal_gemm_avx512_bf16(), hal_emulated_avx512_bf16(), "avx512_bf16", &pairs[1]);
    add(kernel_is_right, (void *)(uintptr_t)hal_emulated_amx(), "emulated_%s_is_right", "amx");
#endif
    return _cmocka_run_group_tests("gemm", tests, n_tests, NULL, NULL);
}
