/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tiles of products: large ones read less, and spill where registers are few. A product of two matrices is run with both,
 * of a size that takes a while but no longer; small tiles are taken where they win clearly. What is found is kept under
 * device, driver and variant. The choice stands in the text of the programs (HAL_SMALL_TILES, SIDE), and so in their key. It
 * never changes the order of a sum.
 */
#include "tune.h"

#include <stddef.h>
#include <string.h>

#include "cache.h"
#include "clock.h"
#include "gate.h"

enum { LEAST = 64, MOST = 512, ROUNDS = 8, ENOUGH_NS = 2000000, TOO_LONG_NS = 50000000, ALL_NS = 150000000 };
#define HASTE_NS (INT64_C(5) * 1000000000)

/* ------------------------------------------------------------------------------------------- the product */

/* c = a b, n x n each; n is symbol 0. */
typedef struct product {
    hal_description d;
    hal_description_op op;
    hal_description_tensor tensor[3];
    hal_description_binding binding[3];
    hal_description_symbol symbol;
    uint32_t operands[3];
    char names[8];
    hal_matmul_attrs attrs;
} product;

static void product_make(product *p) {
    const hal_dim n = {0, 1, 0, 0}, row = {0, sizeof(float), 0, 0};
    *p = (product){.d = {.magic = HAL_DESCRIPTION_MAGIC, .version = HAL_DESCRIPTION_VERSION, .bytes = sizeof *p,
        .n_ops = 1, .n_operands = 3, .n_tensors = 3, .n_bindings = 3, .n_symbols = 1, .ops = offsetof(product, op),
        .operands = offsetof(product, operands), .tensors = offsetof(product, tensor),
        .bindings = offsetof(product, binding), .symbols = offsetof(product, symbol), .attrs = offsetof(product, attrs),
        .strings = offsetof(product, names)}, .symbol = {1, MOST, 1}, .operands = {0, 1, 2}, .names = "tune",
        .op = {.number = HAL_OP_MATMUL, .version = 1, .n_in = 2, .n_out = 1, .attrs_bytes = sizeof p->attrs,
            .attrs = offsetof(product, attrs), .names = offsetof(product, names)}};
    for (uint32_t i = 0; i < 3; i++) {
        p->tensor[i] = (hal_description_tensor){.dtype = HAL_F32, .rank = 2, .binding = i, .size = {n, n},
            .stride = {row, hal_dim_constant(sizeof(float))}};
        p->binding[i] = (hal_description_binding){.kind = i < 2 ? HAL_BINDING_INPUT : HAL_BINDING_OUTPUT,
            .bytes = (uint64_t)MOST * MOST * sizeof(float)};
    }
}

/* ---------------------------------------------------------------------------------------------- running */

/* Both programs and what they work on; best time of each. */
typedef struct trial {
    hal_opencl_device *device;
    hal_opencl_program *program[2];
    void *block[3];
    int64_t best[2];
    /* The driver did not come back: what it may still use is left to it. */
    bool stuck;
} trial;

static bool trial_make(trial *t, hal_opencl_device *d, int64_t deadline) {
    product p;
    void *host;
    product_make(&p);
    t->device = d;
    for (int i = 0; i < 3; i++)
        if (hal_opencl_alloc(d, p.binding[i].bytes, &t->block[i], &host) != HAL_OK) return false;
    for (int i = 0; i < 2; i++)
        if (hal_opencl_program_make(d, &p.d, i == 1, deadline, &t->program[i]) != HAL_OK) return false;
    return true;
}

static void trial_free(trial *t) {
    for (int i = 0; i < 2 && !t->stuck; i++)
        if (t->program[i]) hal_opencl_program_free(t->device, t->program[i]);
    for (int i = 0; i < 3 && !t->stuck; i++) hal_opencl_free(t->device, t->block[i]);
}

/* Nanoseconds that a product of n x n takes; -1: it failed. */
static int64_t run(trial *t, int which, int64_t n, int64_t deadline) {
    hal_opencl_program *p = t->program[which];
    hal_opencl_device *d = t->device;
    hal_opencl_visitor visitor = {0};
    bool first = true;
    if (hal_opencl_program_plan(p, &n, deadline) != HAL_OK) return -1;
    for (uint32_t i = 0; i < 3; i++) {
        const hal_opencl_block *block = t->block[i];
        hal_opencl_program_place(p, i, (hal_opencl_place){.mem = block->mem, .serial = block->serial});
    }
    if (hal_opencl_program_bind(p) != HAL_OK) return -1;
    if (d->gated && !hal_opencl_gate_enter(&visitor, &first, deadline)) return -1;
    const int64_t begin = hal_opencl_now();
    cl_int e = CL_SUCCESS;
    for (uint32_t i = 0; i < p->chain->n_steps && e == CL_SUCCESS; i++)
        e = d->cl.clEnqueueNDRangeKernel(d->queue, p->launches[i].kernel, 3, NULL, p->chain->steps[i].global,
            p->chain->steps[i].group, 0, NULL, NULL);
    t->stuck = !hal_opencl_device_drain(d, deadline);
    if (d->gated) hal_opencl_gate_leave(&visitor, first);
    return e == CL_SUCCESS && !t->stuck ? hal_opencl_now() - begin : -1;
}

/* The first run of each is not counted: drivers compile then. Sizes grow until large tiles take long enough. Where even the
   least takes too long, as in an emulator, nothing is learnt, and large ones stay. */
static bool measure(trial *t, int64_t deadline) {
    int64_t n = LEAST, took = 0;
    for (int i = 0; i < 2; i++)
        if (run(t, i, n, deadline) < 0) return false;
    for (;; n *= 2) {
        took = run(t, 0, n, deadline);
        if (took < 0) return false;
        if (took > ENOUGH_NS || n == MOST) break;
    }
    const int64_t until = hal_opencl_now() + ALL_NS;
    t->best[0] = t->best[1] = INT64_MAX;
    for (int round = 0; round < ROUNDS && hal_opencl_now() < until && took < TOO_LONG_NS; round++)
        for (int i = 0; i < 2; i++) {
            took = run(t, i, n, deadline);
            if (took < 0) return false;
            if (took < t->best[i]) t->best[i] = took;
        }
    return true;
}

/* --------------------------------------------------------------------------------------------- choosing */

/* Small ones have to win by a sixth at least, since others may be at work. What failed is not kept. */
static bool find_out(hal_opencl_device *d, const char *variant, int64_t deadline) {
    trial t = {0};
    const bool measured = trial_make(&t, d, deadline) && measure(&t, deadline);
    const bool small = measured && t.best[1] < t.best[0] - t.best[0] / 6;
    trial_free(&t);
    if (measured) hal_opencl_cache_store(d, "tiles", variant, small ? "small" : "large", 5);
    return small;
}

static bool kept_or_found(hal_opencl_device *d, int64_t deadline) {
    const char *variant = d->traits.wide ? "wide" : "gpu";
    size_t bytes = 0;
    char *kept = hal_opencl_cache_load(d, "tiles", variant, &bytes);
    const bool small = kept && bytes == 5 ? memcmp(kept, "small", 5) == 0 : find_out(d, variant, deadline);
    d->host->release(d->host->context, kept);
    return small;
}

static bool has_products(const hal_description *description) {
    const hal_description_op *op = hal_description_ops(description);
    for (uint32_t i = 0; i < description->n_ops; i++)
        if (op[i].number == HAL_OP_MATMUL || op[i].number == HAL_OP_ATTENTION || op[i].number == HAL_OP_ATTENTION_GRAD)
            return true;
    return false;
}

/* Without a cache each start would have to measure, and without callbacks nothing would bound the wait. A caller in haste
   gets large tiles, and the next one has it measured. */
void hal_opencl_tune(hal_opencl_device *d, const hal_description *description, int64_t deadline) {
    const hal_opencl_tuning tuning = d->state->tuning;
    if (!has_products(description) || deadline - hal_opencl_now() < HASTE_NS) return;
    pthread_mutex_lock(&d->tuning);
    if (!d->tuned && tuning == HAL_OPENCL_TUNE_SMALL) d->small_tiles = true;
    else if (!d->tuned && tuning == HAL_OPENCL_TUNE_MEASURE && hal_opencl_cache_is_there(d) && d->calls_back)
        d->small_tiles = kept_or_found(d, deadline);
    d->tuned = true;
    pthread_mutex_unlock(&d->tuning);
}
