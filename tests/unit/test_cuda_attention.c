/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attention by products of a warp (ops/cuda) on emulated lanes: the plan of the row, as a driver would launch it, against
 * the fp64 reference within the contract. Sizes lie around the tiles; heads are grouped, queries masked, biased or alone;
 * operands are dense, by heads, of odd addresses, or strided. What lies between and around them is NaN. Each runs in two orders
 * of warps and lanes and gives the same bits; no read of a matrix meets another in its banks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ops/portable/portable.h"
#include "tests/emulation/lanes.h"
#include "tools/hal-matrix/matrix.h"

enum { GUARD = 64, MOST_OPERANDS = 16 };

static const hal_portable_traits traits = {.fp64 = true, .group = 256, .units = 64, .lanes = 32, .local_bytes = 49152,
                                           .warp_products = true};

static uint32_t random_bits(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

static double random_number(double low, double high) { return low + (high - low) * (double)random_bits() * 0x1p-32; }

/* ---- a plain product, before anything stands on it */

static unsigned short product_left[16 * 16] __attribute__((aligned(16)));
static unsigned short product_right[16 * 16] __attribute__((aligned(16)));
static float product_result[16 * 8];

/* result += left (16 x 16) right^T, where right has 8 rows, or times its first 8 columns. */
static void product_kernel(void *turned)
{
    const int lane = (int)get_local_id(0), g = lane / 4, u = lane % 4;
    unsigned int a[4], b[4];
    float c[4] = {1.0f, 2.0f, 3.0f, 4.0f};
    hal_matrices(a, product_left + (lane % 16) * 16 + lane / 16 * 8);
    if (*(bool *)turned) hal_matrices_turned(b, product_right + (lane % 16) * 16);
    else hal_matrices(b, product_right + (lane % 8) * 16 + lane / 8 % 2 * 8);
    hal_mma_F16(c, a, b);
    for (int i = 0; i < 4; i++) product_result[(g + i / 2 * 8) * 8 + 2 * u + i % 2] = c[i];
}

static void check_product(bool turned)
{
    for (int i = 0; i < 256; i++) {
        hal_element_store(HAL_F16, product_left, i, (double)(random_bits() % 64) - 32);
        hal_element_store(HAL_F16, product_right, i, (double)(random_bits() % 64) - 32);
    }
    lanes_run(&(lanes_job){.kernel = product_kernel, .argument = &turned, .groups = 1, .lanes = 32});
    for (int i = 0; i < 16; i++) {
        for (int j = 0; j < 8; j++) {
            double want = 1 + i / 8 * 2 + j % 2;
            for (int k = 0; k < 16; k++)
                want += hal_element_load(HAL_F16, product_left, i * 16 + k) *
                    hal_element_load(HAL_F16, product_right, turned ? k * 16 + j : j * 16 + k);
            assert_true((double)product_result[i * 8 + j] == want);
        }
    }
}

static void lanes_multiply_matrices(void **state)
{
    (void)state;
    check_product(false);
    check_product(true);
}

/* ---- operands */

/* How the axes of an operand lie: as they are; the second and third exchanged; 2 bytes beyond alignment; every other
   element. */
typedef enum layout { DENSE, BY_HEADS, ODD, STRIDED, LAYOUTS } layout;

typedef struct operand {
    hal_portable_operand o;
    hal_tensor tensor;
    unsigned char *block;
    size_t bytes;
} operand;

static void operand_place(operand *x, layout how)
{
    static const uint32_t orders[2][4] = {{3, 2, 1, 0}, {3, 1, 2, 0}};
    int64_t step = how == STRIDED ? 2 * x->o.width : x->o.width;
    x->o.n = 1;
    for (uint32_t i = 0; i < x->o.rank; i++) {
        const uint32_t d = x->o.rank == 4 ? orders[how == BY_HEADS][i] : x->o.rank - 1 - i;
        x->o.stride[d] = step;
        step *= x->o.size[d];
        x->o.n *= x->o.size[d];
    }
    x->bytes = (size_t)step + 2 * GUARD + 16;
    x->block = aligned_alloc(64, (x->bytes + 63) / 64 * 64);
    assert_non_null(x->block);
    memset(x->block, 0xff, x->bytes);
    x->tensor = (hal_tensor){.host = x->block, .offset = GUARD + (how == ODD ? x->o.width : 0u), .dtype = x->o.dtype,
                             .rank = x->o.rank};
    for (uint32_t d = 0; d < x->o.rank; d++) {
        x->tensor.size[d] = x->o.size[d];
        x->tensor.stride[d] = x->o.stride[d];
    }
}

static void operand_make(operand *x, hal_dtype dtype, layout how, uint32_t rank, const int64_t *size)
{
    *x = (operand){.o = {.dtype = dtype, .width = hal_element_width(dtype), .rank = rank}};
    for (uint32_t d = 0; d < rank; d++) x->o.size[d] = size[d];
    operand_place(x, how);
}

static unsigned char *operand_at(const operand *x, int64_t element)
{
    uint64_t at = x->tensor.offset;
    for (uint32_t d = x->o.rank; d-- > 0; element /= x->o.size[d])
        at += (uint64_t)(element % x->o.size[d] * x->o.stride[d]);
    return x->block + at;
}

static void operand_fill(operand *x, double low, double high)
{
    for (int64_t i = 0; i < x->o.n; i++) hal_element_store(x->o.dtype, operand_at(x, i), 0, random_number(low, high));
}

/* ---- a row, planned and run */

typedef struct row {
    uint32_t op, n_in, n_out;
    const void *attrs;
    operand x[MOST_OPERANDS];
} row;

/* The kernels by entry, T, D and BIASED. */
typedef struct kernel { const char *entry, *options; void (*run)(void *); } kernel;
#define FORWARD(X, name, options) X("attention_mma", lanes_attention_##name, options)
#define GRADIENT(X, name, options) \
    X("attention_delta_mma", lanes_attention_delta_##name, options) \
    X("attention_dq_mma", lanes_attention_dq_##name, options) \
    X("attention_dkv_mma", lanes_attention_dkv_##name, options)
#define KERNELS(X) \
    FORWARD(X, bf16_64, "T=BF16 D=64 BIAS=BF16 BIASED=0") \
    FORWARD(X, bf16_128, "T=BF16 D=128 BIAS=BF16 BIASED=0") \
    FORWARD(X, bf16_biased, "T=BF16 D=64 BIAS=BF16 BIASED=1") \
    FORWARD(X, f16_64, "T=F16 D=64 BIAS=F16 BIASED=0") \
    FORWARD(X, f16_128, "T=F16 D=128 BIAS=F16 BIASED=0") \
    GRADIENT(X, bf16_64, "T=BF16 D=64 BIAS=BF16 BIASED=0") \
    GRADIENT(X, bf16_128, "T=BF16 D=128 BIAS=BF16 BIASED=0") \
    GRADIENT(X, bf16_biased, "T=BF16 D=64 BIAS=BF16 BIASED=1")
#define DECLARE(entry, function, options) void function(void *arguments);
KERNELS(DECLARE)
#define ENTER(entry, function, options) {entry, options, function},
static const kernel all[] = {KERNELS(ENTER)};

static void (*kernel_of(const char *options, const char *entry))(void *)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(entry, all[i].entry) == 0 && strstr(options, all[i].options)) return all[i].run;
    fail_msg("there is no emulated \"%s\" with %s", entry, options);
    return NULL;
}

static void launch(const hal_portable_call *call, const row *r, char *scratch, uint32_t n, bool backwards)
{
    const hal_portable_launch *l = &call->launches[n];
    void *arguments[40], *base[40];
    int64_t offset[40];
    uint32_t at = 0;
    for (uint32_t i = 0; i < l->n_arguments; i++) {
        const hal_portable_argument *a = &call->arguments[l->first + i];
        if (a->kind == HAL_PORTABLE_VALUE) {
            arguments[at++] = call->values + a->at;
            continue;
        }
        const bool is_operand = a->kind == HAL_PORTABLE_OPERAND;
        base[i] = is_operand ? (char *)r->x[a->index].block : scratch;
        offset[i] = (int64_t)(a->at + (is_operand ? r->x[a->index].tensor.offset : 0));
        arguments[at++] = &base[i];
        arguments[at++] = &offset[i];
    }
    assert_int_equal(l->global[1] * l->global[2], 1);
    lanes_run(&(lanes_job){.kernel = kernel_of(call->programs[l->program].options, l->entry), .argument = arguments,
                           .groups = (uint32_t)(l->global[0] / l->group[0]), .lanes = (uint32_t)l->group[0],
                           .backwards = backwards});
}

static void row_run(row *r, bool backwards)
{
    hal_portable_operand operands[MOST_OPERANDS];
    for (uint32_t i = 0; i < r->n_in + r->n_out; i++) operands[i] = r->x[i].o;
    hal_portable_call call = {.traits = &traits, .op = r->op, .n_in = r->n_in, .n_out = r->n_out, .attrs = r->attrs,
                              .operand = operands};
    assert_true(hal_portable_plan(&call));
    char *scratch = malloc(call.scratch_bytes + 1);
    memset(scratch, 0xff, call.scratch_bytes + 1);
    for (uint32_t i = r->n_in; i < r->n_in + r->n_out; i++) memset(r->x[i].block, 0xff, r->x[i].bytes);
    for (uint32_t i = 0; i < call.n_launches; i++) launch(&call, r, scratch, i, backwards);
    free(scratch);
    hal_portable_call_clear(&call);
}

/* The elements of an operand one after the other; what lies around them has to be as it was. */
static void *gather(const operand *x, bool guarded)
{
    unsigned char *dense = malloc((size_t)x->o.n * x->o.width + 1), *block = malloc(x->bytes);
    memcpy(block, x->block, x->bytes);
    for (int64_t i = 0; i < x->o.n; i++) {
        memcpy(dense + i * x->o.width, operand_at(x, i), x->o.width);
        memset(block + (operand_at(x, i) - x->block), 0xff, x->o.width);
    }
    for (size_t i = 0; guarded && i < x->bytes; i++) assert_int_equal(block[i], 0xff);
    free(block);
    return dense;
}

static void reference(const row *r, hal_tensor *out, double **scale)
{
    hal_tensor in[MOST_OPERANDS];
    for (uint32_t i = 0; i < r->n_in; i++) in[i] = r->x[i].tensor;
    for (uint32_t i = 0; i < r->n_out; i++) {
        const operand *x = &r->x[r->n_in + i];
        out[i] = x->tensor;
        out[i].offset = 0;
        out[i].host = malloc((size_t)x->o.n * x->o.width + 1);
        scale[i] = malloc((size_t)x->o.n * sizeof(double) + 1);
        int64_t stride = x->o.width;
        for (uint32_t d = x->o.rank; d-- > 0; stride *= x->o.size[d]) out[i].stride[d] = stride;
    }
    assert_int_equal(hal_op_reference(r->op, r->attrs, in, r->n_in, out, r->n_out, scale), HAL_OK);
}

static void compare(const row *r, const char *name)
{
    hal_tensor want[MOST_OPERANDS];
    double *scale[MOST_OPERANDS], worst = 0;
    reference(r, want, scale);
    for (uint32_t i = 0; i < r->n_out; i++) {
        hal_tensor got = want[i];
        matrix_worst at;
        got.host = gather(&r->x[r->n_in + i], true);
        if (!matrix_compare(hal_op_tolerance(r->op), &got, want[i].host, scale[i], i, &worst, &at))
            fail_msg("%s: output %u: %lld of %lld wrong, element %lld is %.9g, not %.9g (allowed %.3g)", name, i,
                     (long long)at.wrong, (long long)at.of, (long long)at.element, at.got, at.want, at.allowed);
        free(got.host);
        free(want[i].host);
        free(scale[i]);
    }
    if (getenv("HAL_TEST_VERBOSE")) printf("%-60s %.3f of the bound\n", name, worst);
}

/* Runs in both orders, compares bits, and the result with the reference. */
static void check(row *r, const char *name)
{
    void *first[MOST_OPERANDS];
    const uint64_t conflicts = lanes_conflicts();
    row_run(r, false);
    for (uint32_t i = 0; i < r->n_out; i++) first[i] = gather(&r->x[r->n_in + i], true);
    row_run(r, true);
    for (uint32_t i = 0; i < r->n_out; i++) {
        const operand *x = &r->x[r->n_in + i];
        void *second = gather(x, true);
        if (memcmp(first[i], second, (size_t)x->o.n * x->o.width) != 0)
            fail_msg("%s: output %u depends on the order of lanes", name, i);
        free(first[i]);
        free(second);
    }
    assert_int_equal(lanes_conflicts(), conflicts);
    compare(r, name);
    for (uint32_t i = 0; i < r->n_in + r->n_out; i++) free(r->x[i].block);
}

/* ---- attention */

typedef struct shape {
    hal_dtype dtype;
    layout how;
    int64_t b, hq, hk, t, s, d, causal;
    /* None, or of the axes [b, 1, t, s]; absent where negative. */
    bool biased;
    int64_t start;
    /* Of q, k and v, instead of 2. */
    double range;
} shape;

static const shape shapes[] = {
    {HAL_BF16, DENSE, 1, 1, 1, 1, 1, 64, 1, false, -1, 0},
    {HAL_BF16, DENSE, 1, 2, 2, 65, 65, 64, 1, false, -1, 0},
    {HAL_BF16, BY_HEADS, 2, 4, 2, 33, 70, 64, 1, false, -1, 0},
    {HAL_BF16, ODD, 1, 3, 1, 40, 130, 64, 0, false, -1, 0},
    {HAL_BF16, STRIDED, 1, 2, 1, 17, 64, 64, 1, false, 40, 0},
    {HAL_BF16, DENSE, 1, 4, 1, 1, 200, 64, 1, false, 150, 0},
    {HAL_BF16, DENSE, 1, 1, 1, 90, 20, 64, 1, false, -1, 0},
    {HAL_BF16, BY_HEADS, 1, 2, 2, 70, 70, 64, 1, true, -1, 0},
    {HAL_BF16, DENSE, 1, 2, 1, 20, 97, 64, 0, true, -1, 0},
    {HAL_BF16, DENSE, 1, 2, 2, 65, 65, 128, 1, false, -1, 0},
    {HAL_BF16, ODD, 1, 4, 1, 18, 70, 128, 1, false, 50, 0},
    {HAL_BF16, DENSE, 1, 1, 1, 10, 31, 128, 0, false, -1, 0},
    {HAL_BF16, DENSE, 1, 2, 1, 70, 140, 64, 1, false, -1, 8},
    {HAL_BF16, DENSE, 1, 1, 1, 5, 40, 128, 1, false, 2147483647, 0.01},
    {HAL_BF16, DENSE, 1, 1, 1, 70, 5, 64, 1, false, 0, 6},
    {HAL_F16, DENSE, 1, 2, 1, 70, 140, 64, 1, false, -1, 8},
    {HAL_F16, DENSE, 1, 2, 2, 65, 65, 64, 1, false, -1, 0},
    {HAL_F16, BY_HEADS, 1, 2, 1, 40, 129, 64, 0, false, -1, 0},
    {HAL_F16, DENSE, 1, 2, 1, 40, 100, 128, 1, false, -1, 0},
};

static void mask_make(row *r, const shape *s, uint32_t at)
{
    const int64_t bias[4] = {s->b, 1, s->t, s->s};
    if (s->biased) {
        operand_make(&r->x[at], s->dtype, s->how, 4, bias);
        operand_fill(&r->x[at], -2, 2);
        for (int64_t i = 0; i < r->x[at].o.n; i += 7) hal_element_store(s->dtype, operand_at(&r->x[at], i), 0, -INFINITY);
    }
    r->n_in = s->start >= 0 ? at + 2 : s->biased ? at + 1 : at;
    if (s->start < 0) return;
    operand_make(&r->x[at + 1], HAL_I32, DENSE, 0, bias);
    hal_element_store(HAL_I32, operand_at(&r->x[at + 1], 0), 0, (double)s->start);
}

static void operand_random(operand *x, const shape *s, layout how, int64_t heads, int64_t rows)
{
    operand_make(x, s->dtype, how, 4, (int64_t[]){s->b, heads, rows, s->d});
    operand_fill(x, s->range > 0 ? -s->range : -2, s->range > 0 ? s->range : 2);
}

static void name_print(char *name, size_t size, const shape *s)
{
    snprintf(name, size, "dtype %d layout %d b=%d hq=%d hk=%d t=%d s=%d d=%d causal=%d bias=%d start=%d", (int)s->dtype,
             (int)s->how, (int)s->b, (int)s->hq, (int)s->hk, (int)s->t, (int)s->s, (int)s->d, (int)s->causal, s->biased,
             (int)s->start);
}

static void check_forward(const shape *s)
{
    const hal_attention_attrs attrs = {.causal = s->causal};
    row r = {.op = HAL_OP_ATTENTION, .n_out = 2, .attrs = &attrs};
    char name[120];
    name_print(name, sizeof name, s);
    operand_random(&r.x[0], s, s->how, s->hq, s->t);
    operand_random(&r.x[1], s, s->how, s->hk, s->s);
    operand_random(&r.x[2], s, s->how, s->hk, s->s);
    mask_make(&r, s, 3);
    operand_make(&r.x[r.n_in], s->dtype, s->how, 4, r.x[0].o.size);
    operand_make(&r.x[r.n_in + 1], HAL_F32, DENSE, 3, r.x[0].o.size);
    check(&r, name);
}

/* y and lse need not be those of q, k and v: the formulas take any. */
static void check_gradient(const shape *s)
{
    const hal_attention_grad_attrs attrs = {.causal = s->causal};
    row r = {.op = HAL_OP_ATTENTION_GRAD, .n_out = 3, .attrs = &attrs};
    char name[120];
    name_print(name, sizeof name, s);
    operand_random(&r.x[0], s, DENSE, s->hq, s->t);
    operand_random(&r.x[1], s, s->how, s->hq, s->t);
    operand_random(&r.x[2], s, s->how, s->hk, s->s);
    operand_random(&r.x[3], s, s->how, s->hk, s->s);
    operand_random(&r.x[4], s, s->how, s->hq, s->t);
    operand_make(&r.x[5], HAL_F32, DENSE, 3, r.x[0].o.size);
    operand_fill(&r.x[5], log((double)s->s) + 1, log((double)s->s) + 3);
    mask_make(&r, s, 6);
    for (uint32_t i = 0; i < 3; i++) operand_make(&r.x[r.n_in + i], s->dtype, s->how, 4, r.x[1 + i].o.size);
    check(&r, name);
}

static void attention_is_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) check_forward(&shapes[i]);
}

static void gradient_is_the_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].dtype == HAL_BF16) check_gradient(&shapes[i]);
}

/* ---- what is for which kernel */

/* The last launch of a forward plan for these sizes. */
static void assert_entry(const hal_portable_traits *device, hal_dtype dtype, hal_dtype bias, int64_t d, int64_t e,
                         double scale, const char *entry)
{
    const hal_attention_attrs attrs = {.causal = 1, .scale = scale};
    const int64_t q[4] = {1, 2, 5, d}, v[4] = {1, 2, 5, e}, scores[2] = {5, 5};
    operand x[6];
    hal_portable_operand operands[6];
    for (uint32_t i = 0; i < 6; i++)
        operand_make(&x[i], i == 5 ? HAL_F32 : i == 3 ? bias : dtype, DENSE, i == 3 ? 2 : i == 5 ? 3 : 4,
                     i == 3 ? scores : i == 2 || i == 4 ? v : q);
    for (uint32_t i = 0; i < 6; i++) operands[i] = x[i].o;
    hal_portable_call call = {.traits = device, .op = HAL_OP_ATTENTION, .n_in = 4, .n_out = 2, .attrs = &attrs,
                              .operand = operands};
    assert_true(hal_portable_plan(&call));
    assert_string_equal(call.launches[call.n_launches - 1].entry, entry);
    hal_portable_call_clear(&call);
    for (uint32_t i = 0; i < 6; i++) free(x[i].block);
}

static void others_have_the_portable_kernels(void **state)
{
    hal_portable_traits older = traits;
    older.warp_products = false;
    (void)state;
    assert_entry(&traits, HAL_BF16, HAL_BF16, 64, 64, 0, "attention_mma");
    assert_entry(&older, HAL_BF16, HAL_BF16, 64, 64, 0, "attention_tiled");
    assert_entry(&traits, HAL_F32, HAL_F32, 64, 64, 0, "attention_tiled");
    assert_entry(&traits, HAL_F64, HAL_F64, 64, 64, 0, "attention_plain");
    assert_entry(&traits, HAL_F16, HAL_F32, 64, 64, 0, "attention_tiled");
    assert_entry(&traits, HAL_F16, HAL_F16, 80, 80, 0, "attention_tiled");
    assert_entry(&traits, HAL_F16, HAL_F16, 128, 64, 0, "attention_tiled");
    assert_entry(&traits, HAL_F16, HAL_F16, 128, 128, 1e-35, "attention_tiled");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lanes_multiply_matrices),
        cmocka_unit_test(attention_is_the_reference),
        cmocka_unit_test(gradient_is_the_reference),
        cmocka_unit_test(others_have_the_portable_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
