/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs: a description becomes launches. Sizes that hang on symbols are worked out again when a symbol changes, which
 * compiles nothing as long as the planner chooses the same variants; scratch memory grows then, never during a run.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "kernel.h"
#include "tune.h"

/* ------------------------------------------------------------------------------------------- planning -- */

/* Bytes from the start of its binding to the end of a tensor. */
static uint64_t end_of(const hal_description_tensor *t, const hal_portable_operand *o) {
    uint64_t end = t->offset + o->width;
    for (uint32_t d = 0; d < o->rank; d++)
        if (o->stride[d] > 0) end += (uint64_t)(o->size[d] - 1) * (uint64_t)o->stride[d];
    return o->n > 0 ? end : 0;
}

static void resolve_operand(hal_opencl_program *p, const hal_description_tensor *t, const int64_t *symbols,
                            hal_portable_operand *o) {
    hal_portable_operand_resolve(t, symbols, o);
    const uint64_t end = end_of(t, o);
    if (end > p->touched[t->binding]) p->touched[t->binding] = end;
}

static void resolve(hal_opencl_program *p, uint32_t index, const int64_t *symbols) {
    const hal_description_op *op = &hal_description_ops(p->description)[index];
    hal_portable_call *call = &p->calls[index];
    call->traits = &p->traits;
    call->op = op->number;
    call->n_in = op->n_in;
    call->n_out = op->n_out;
    call->attrs = hal_description_attrs(p->description, op);
    call->operand = p->operands + op->first;
    for (uint32_t i = 0; i < op->n_in + op->n_out; i++) {
        const hal_description_tensor *t = hal_description_operand(p->description, op, i);
        if (t) resolve_operand(p, t, symbols, &call->operand[i]);
        else call->operand[i] = (hal_portable_operand){0};
    }
}

/* The launches of op `index` at the end of the list. */
static hal_status plan_op(hal_opencl_program *p, uint32_t index, const int64_t *symbols, int64_t deadline,
                          uint64_t *scratch) {
    const hal_host *host = p->device->host;
    hal_portable_call *call = &p->calls[index];
    if (hal_opencl_now() > deadline)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DEADLINE_EXCEEDED), 0,
            "opencl: %s: the deadline passed at op %u of %u of a program; allow more time to compile", p->device->name,
            index, p->description->n_ops);
    resolve(p, index, symbols);
    if (!hal_portable_plan(call)) return hal_opencl_no_memory(host, "the plan of an op");
    if (call->scratch_bytes > *scratch) *scratch = call->scratch_bytes;
    return hal_opencl_kernels_add(p, index);
}

/* Kernels keep what they use, so the memory that is replaced may still be in use by work that runs. */
static hal_status grow_scratch(hal_opencl_program *p, uint64_t bytes) {
    cl_mem bigger = NULL;
    if (bytes <= p->scratch_bytes) return HAL_OK;
    HAL_TRY(hal_opencl_buffer_create(p->device, bytes, &bigger));
    hal_opencl_buffer_free(p->device, p->scratch, p->scratch_bytes);
    p->scratch = bigger;
    p->scratch_bytes = bytes;
    return HAL_OK;
}

/* All ops, and again as long as groups turn out too large for what the kernels need. */
static hal_status plan_ops(hal_opencl_program *p, const int64_t *symbols, int64_t deadline, uint64_t *scratch) {
    do {
        *scratch = 0;
        p->refit = false;
        hal_opencl_kernels_begin(p);
        for (uint32_t i = 0; i < p->description->n_ops && !p->refit; i++)
            HAL_TRY(plan_op(p, i, symbols, deadline, scratch));
    } while (p->refit);
    return HAL_OK;
}

hal_status hal_opencl_program_plan(hal_opencl_program *p, const int64_t *symbols, int64_t deadline) {
    const size_t bytes = p->description->n_symbols * sizeof *symbols;
    uint64_t scratch = 0;
    if (p->planned && (bytes == 0 || memcmp(symbols, p->symbols, bytes) == 0)) return HAL_OK;
    p->planned = p->known = false;
    for (uint32_t i = 0; i < p->description->n_bindings; i++) {
        p->places[i].stale = true;
        p->touched[i] = 0;
    }
    HAL_TRY(plan_ops(p, symbols, deadline, &scratch));
    HAL_TRY(grow_scratch(p, scratch));
    HAL_TRY(hal_opencl_kernels_set(p));
    if (bytes) memmove(p->symbols, symbols, bytes);
    p->planned = true;
    return HAL_OK;
}

/* -------------------------------------------------------------------------------------------- compiling -- */

void hal_opencl_program_free(void *device, void *compiled) {
    hal_opencl_program *p = compiled;
    hal_opencl_device *d = device;
    for (uint32_t i = 0; p->calls && i < p->description->n_ops; i++) hal_portable_call_clear(&p->calls[i]);
    hal_opencl_kernels_free(p);
    hal_opencl_buffer_free(d, p->scratch, p->scratch_bytes);
    if (p->last) d->cl.clReleaseEvent(p->last);
    pthread_mutex_destroy(&p->lock);
    free(p->calls);
    free(p->waits);
    free(p->operands);
    free(p->symbols);
    free(p->places);
    free(p->touched);
    free(p->description);
    free(p);
}

static hal_opencl_program *create(hal_opencl_device *device, const hal_description *d) {
    hal_opencl_program *p = calloc(1, sizeof *p);
    if (!p) return NULL;
    p->device = device;
    p->traits = device->traits;
    pthread_mutex_init(&p->lock, NULL);
    p->description = malloc(d->bytes);
    if (p->description) memcpy(p->description, d, d->bytes);
    if (p->description) p->calls = calloc((size_t)d->n_ops + 1, sizeof *p->calls);
    p->operands = calloc((size_t)d->n_operands + 1, sizeof *p->operands);
    p->symbols = calloc((size_t)d->n_symbols + 1, sizeof *p->symbols);
    p->places = calloc((size_t)d->n_bindings + 1, sizeof *p->places);
    p->touched = calloc((size_t)d->n_bindings + 1, sizeof *p->touched);
    if (p->calls && p->operands && p->symbols && p->places && p->touched) return p;
    hal_opencl_program_free(device, p);
    return NULL;
}

static hal_status check_ops(hal_opencl_device *device, const hal_description *d) {
    const hal_host *host = device->host;
    hal_support_answer *answers = calloc((size_t)d->n_ops + 1, sizeof *answers);
    if (!answers) return hal_opencl_no_memory(host, "compiling");
    hal_status status = hal_opencl_support(device, d, answers);
    for (uint32_t i = 0; status == HAL_OK && i < d->n_ops; i++) {
        if (answers[i].support != HAL_SUPPORT_NO) continue;
        status = host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
            "opencl: %s: op %u of the program: %s", device->name, i, answers[i].reason);
    }
    free(answers);
    return status;
}

/* Plans for the largest sizes, so that submissions seldom take memory and seldom meet a text that is not compiled. */
hal_status hal_opencl_program_make(hal_opencl_device *device, const hal_description *d, bool small_tiles, int64_t deadline,
                                   hal_opencl_program **made) {
    hal_opencl_program *p = create(device, d);
    int64_t *largest = p ? calloc((size_t)d->n_symbols + 1, sizeof *largest) : NULL;
    if (!largest) {
        if (p) hal_opencl_program_free(device, p);
        return hal_opencl_no_memory(device->host, "a program");
    }
    p->traits.small_tiles = small_tiles;
    for (uint32_t i = 0; i < d->n_symbols; i++) largest[i] = hal_description_symbols(d)[i].max;
    hal_status status = hal_opencl_program_plan(p, largest, deadline);
    free(largest);
    if (status != HAL_OK) hal_opencl_program_free(device, p);
    else *made = p;
    return status;
}

hal_status hal_opencl_compile(void *opaque, const hal_description *d, int64_t deadline, void **compiled) {
    hal_opencl_device *device = opaque;
    hal_opencl_program *p = NULL;
    HAL_TRY(check_ops(device, d));
    hal_opencl_tune(device, d, deadline);
    HAL_TRY(hal_opencl_program_make(device, d, device->small_tiles, deadline, &p));
    device->programs++;
    *compiled = p;
    return HAL_OK;
}
