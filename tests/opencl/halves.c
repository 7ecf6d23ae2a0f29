/* SPDX-License-Identifier: Apache-2.0 */
#include "halves.h"

#include <math.h>
#include <stdlib.h>

#include "hal/core.h"
#include "ops/kernel/element.h"

enum { ALL = 0x10000, FINITE = 0x7c00, BESIDE = 3 * FINITE, ROWS = 24, K = 70, COLUMNS = 33 };

static uint16_t every[ALL], other[ALL], moved[ALL], sums[ALL], a[ROWS * K], b[K * COLUMNS], products[ROWS * COLUMNS];
static float widened[ALL], beside[BESIDE];
static uint16_t narrowed[BESIDE];

typedef struct field {
    void *data;
    hal_dtype dtype;
    uint32_t rank;
    int64_t size[2];
} field;

enum { EVERY, OTHER, BETWEEN, A, B, INPUTS };
static const field inputs[INPUTS] = {{every, HAL_F16, 1, {ALL}},
                                     {other, HAL_F16, 1, {ALL}},
                                     {beside, HAL_F32, 1, {BESIDE}},
                                     {a, HAL_F16, 2, {ROWS, K}},
                                     {b, HAL_F16, 2, {K, COLUMNS}}};
enum { MOVED, WIDENED, NARROWED, SUMS, PRODUCTS, OUTPUTS };
static const field outputs[OUTPUTS] = {{moved, HAL_F16, 1, {ALL}},
                                       {widened, HAL_F32, 1, {ALL}},
                                       {narrowed, HAL_F16, 1, {BESIDE}},
                                       {sums, HAL_F16, 1, {ALL}},
                                       {products, HAL_F16, 2, {ROWS, COLUMNS}}};

/* ------------------------------------------------------------------------------------------------- numbers -- */

/* The middle between a finite half and the next, where it goes to the even one; a bit less and a bit more. */
static void write_middles(void)
{
    for (uint32_t h = 0; h < FINITE; h++) {
        const float low = hal_f16_load((uint16_t)h), high = h + 1 == FINITE ? 0x1p16f : hal_f16_load((uint16_t)(h + 1));
        const float middle = (h & 4u ? -1.0f : 1.0f) * (0.5f * (low + high));
        beside[3 * h] = middle;
        beside[3 * h + 1] = nextafterf(middle, 0.0f);
        beside[3 * h + 2] = nextafterf(middle, 2.0f * middle);
    }
}

static void write_numbers(void)
{
    uint32_t state = 1;
    for (uint32_t h = 0; h < ALL; h++) {
        every[h] = (uint16_t)h;
        other[h] = (uint16_t)(h * 40503u + 12345u);
    }
    for (uint32_t i = 0; i < ROWS * K + K * COLUMNS; i++) {
        state = state * 1664525u + 1013904223u;
        const uint16_t h = hal_f16_round((float)(int32_t)state * 0x1p-31f);
        if (i < ROWS * K)
            a[i] = h;
        else
            b[i - ROWS * K] = h;
    }
    write_middles();
}

/* ------------------------------------------------------------------------------------------------- judging -- */

static bool is_same(uint16_t found, uint16_t expected)
{
    return found == expected || (isnan(hal_f16_load(found)) && isnan(hal_f16_load(expected)));
}

/* docs/numerics.md: sums are f32, the result is rounded once. */
static bool is_within(uint16_t found, double exact, double magnitude, double bound)
{
    const uint16_t rounded = hal_f16_round(hal_float_odd(exact));
    const double expected = (double)hal_f16_load(rounded), off = fabs((double)hal_f16_load(found) - expected);
    return is_same(found, rounded) || off <= bound * 0x1p-11 * fabs(expected) + bound * 0x1p-24 * magnitude + 0x1p-24;
}

static bool conversion_is_right(uint32_t i)
{
    const float f = hal_f16_load(every[i]);
    return moved[i] == every[i] && (isnan(f) ? isnan(widened[i]) : hal_bits_of(widened[i]) == hal_bits_of(f));
}

static bool product_is_right(uint32_t i)
{
    double sum = 0, magnitude = 0;
    for (uint32_t k = 0; k < K; k++) {
        const double term = (double)hal_f16_load(a[i / COLUMNS * K + k]) * (double)hal_f16_load(b[k * COLUMNS + i % COLUMNS]);
        sum += term;
        magnitude += fabs(term);
    }
    return is_within(products[i], sum, magnitude * sqrt(K), 2);
}

static hal_status judge(void)
{
    for (uint32_t i = 0; i < ALL; i++) {
        const double exact = (double)hal_f16_load(every[i]) + (double)hal_f16_load(other[i]);
        if (!conversion_is_right(i))
            return HAL_FAIL(DATA_LOSS, "half %04x was moved as %04x and widened to %g", i, moved[i], (double)widened[i]);
        if (!is_within(sums[i], exact, 0, 8))
            return HAL_FAIL(DATA_LOSS, "halves %04x and %04x were added to %04x", i, other[i], sums[i]);
    }
    for (uint32_t i = 0; i < BESIDE; i++)
        if (!is_same(narrowed[i], hal_f16_round(beside[i])))
            return HAL_FAIL(DATA_LOSS, "%a was narrowed to %04x", (double)beside[i], narrowed[i]);
    for (uint32_t i = 0; i < ROWS * COLUMNS; i++)
        if (!product_is_right(i))
            return HAL_FAIL(DATA_LOSS, "element %u of a product of halves is %04x", i, products[i]);
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------------ a session -- */

static hal_value input(hal_graph *g, const char *name, const field *f)
{
    return hal_graph_input(g, name, f->dtype, f->rank, (hal_dim[]){hal_dim_constant(f->size[0]), hal_dim_constant(f->size[1])});
}

static hal_status draw(hal_graph *g, hal_value *in, hal_value *out)
{
    static const char *const names[INPUTS] = {"every", "other", "between", "a", "b"};
    for (uint32_t i = 0; i < INPUTS; i++)
        in[i] = input(g, names[i], &inputs[i]);
    out[MOVED] = hal_graph_copy(g, in[EVERY]);
    out[WIDENED] = hal_graph_cast(g, in[EVERY], HAL_F32);
    out[NARROWED] = hal_graph_cast(g, in[BETWEEN], HAL_F16);
    out[SUMS] = hal_graph_add(g, in[EVERY], in[OTHER]);
    out[PRODUCTS] = hal_graph_matmul(g, in[A], in[B], false, false);
    for (uint32_t i = 0; i < OUTPUTS; i++)
        HAL_TRY(hal_graph_output(g, out[i]));
    return hal_graph_status(g);
}

static hal_tensor tensor(const field *f)
{
    return hal_tensor_host(f->data, f->dtype, f->rank, f->size);
}

static hal_status step(hal_session *session, const hal_value *in, const hal_value *out, int64_t deadline)
{
    hal_feed feeds[INPUTS];
    hal_fetch fetches[OUTPUTS];
    for (uint32_t i = 0; i < INPUTS; i++)
        feeds[i] = (hal_feed){in[i], tensor(&inputs[i])};
    for (uint32_t i = 0; i < OUTPUTS; i++)
        fetches[i] = (hal_fetch){out[i], tensor(&outputs[i])};
    return hal_session_run(session, feeds, INPUTS, fetches, OUTPUTS, deadline);
}

static hal_status run(hal_instance *instance, const char *alias, hal_graph *g, int64_t deadline)
{
    const hal_plan_options options = {HAL_HEAD(hal_plan_options), .devices = &alias, .n_devices = 1};
    hal_value in[INPUTS], out[OUTPUTS];
    hal_plan *plan = NULL;
    hal_session *session = NULL;
    HAL_TRY(draw(g, in, out));
    HAL_TRY(hal_plan_create(instance, g, &options, &plan));
    hal_status status = hal_session_create(plan, NULL, &session);
    hal_plan_release(plan);
    if (status == HAL_OK)
        status = step(session, in, out, deadline);
    hal_session_release(session);
    return status;
}

hal_status halves_on(hal_instance *instance, const char *alias, int64_t deadline)
{
    hal_graph *g = NULL;
    HAL_TRY(hal_graph_create(NULL, &g));
    write_numbers();
    const hal_status status = run(instance, alias, g, deadline);
    hal_graph_release(g);
    return status == HAL_OK ? judge() : status;
}
