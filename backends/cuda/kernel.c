/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parameters of a launch are pointers to where the values are. Sizes and attributes stay in the plan of their op; a base
 * address and an offset are two words of the program's, so that a binding that moves is two stores a slot.
 */
#include "kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph.h"
#include "taken.h"

hal_cuda_launch *hal_cuda_kernel_at(hal_cuda_program *p, uint32_t step) {
    if (step < p->room_launches) return &p->launches[step];
    const uint32_t wanted = step * 2 + 16;
    hal_cuda_launch *bigger = realloc(p->launches, wanted * sizeof *bigger);
    if (!bigger) return NULL;
    memset(bigger + p->room_launches, 0, (wanted - p->room_launches) * sizeof *bigger);
    p->launches = bigger;
    p->room_launches = wanted;
    return &p->launches[step];
}

void hal_cuda_kernel_become(hal_cuda_device *d, hal_cuda_launch *l, hal_cuda_taken *taken) {
    hal_cuda_binary_put(d, l->binary);
    hal_cuda_taken_free(l->taken);
    l->binary = NULL;
    l->function = NULL;
    l->taken = taken;
    snprintf(l->entry, sizeof l->entry, "%s", taken ? taken->by->name : "");
}

void hal_cuda_kernels_free(hal_cuda_program *p) {
    for (uint32_t i = 0; i < p->room_launches; i++) hal_cuda_kernel_become(p->device, &p->launches[i], NULL);
    free(p->launches);
    free(p->params);
    free(p->words);
}

/* Kernel `entry` of the text, unless the launch has it from the last time. */
static hal_status choose(hal_cuda_device *d, const hal_portable_program *text, const char *entry, hal_cuda_launch *l) {
    hal_cuda_binary *binary = NULL;
    HAL_TRY(hal_cuda_binary_get(d, text, &binary));
    if (l->function && l->binary == binary && strcmp(l->entry, entry) == 0) {
        hal_cuda_binary_put(d, binary);
        return HAL_OK;
    }
    hal_cuda_kernel_become(d, l, NULL);
    l->binary = binary;
    int threads = 0;
    CUfunction function = NULL;
    CUresult e = d->cu.cuModuleGetFunction(&function, hal_cuda_binary_module(binary), entry);
    if (e == CUDA_SUCCESS) e = d->cu.cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function);
    if (e != CUDA_SUCCESS) return hal_cuda_fail(d, e, "function \"%s\" of \"%s\"", entry, text->file);
    l->function = function;
    l->most = (unsigned)threads;
    l->checked = false;
    snprintf(l->entry, sizeof l->entry, "%s", entry);
    return HAL_OK;
}

hal_status hal_cuda_kernel_prepare(void *program, uint32_t step, const hal_portable_program *text, const char *entry,
                                   size_t *most) {
    hal_cuda_program *p = program;
    const hal_portable_step *s = &p->chain->steps[step];
    hal_cuda_launch *l = hal_cuda_kernel_at(p, step);
    if (!l) return hal_cuda_no_memory(p->device->host, "the launches of a program");
    HAL_TRY(choose(p->device, text, entry, l));
    for (int i = 0; i < 3; i++) {
        l->block[i] = (unsigned)s->group[i];
        l->grid[i] = (unsigned)(s->global[i] / s->group[i]);
    }
    *most = l->most;
    return HAL_OK;
}

/* ------------------------------------------------------------------------------------------ parameters -- */

/* Where the next ones go. */
typedef struct cursor { void **param; uint64_t *word; } cursor;

static void pass_pointer(cursor *c, CUdeviceptr base, uint64_t offset) {
    c->word[0] = base;
    c->word[1] = offset;
    *c->param++ = c->word++;
    *c->param++ = c->word++;
}

/* Whether the kernel takes parameter `at` of that many bytes, as far as the driver can tell. */
static hal_status check(hal_cuda_device *d, const hal_cuda_launch *l, size_t at, size_t bytes) {
    size_t offset = 0, wanted = 0;
    if (l->checked || !d->cu.cuFuncGetParamInfo) return HAL_OK;
    const CUresult e = d->cu.cuFuncGetParamInfo(l->function, at, &offset, &wanted);
    if (e == CUDA_SUCCESS && wanted == bytes) return HAL_OK;
    if (e != CUDA_SUCCESS && e != CUDA_ERROR_INVALID_VALUE) /* that is one past the last */
        return hal_cuda_fail(d, e, "parameters of \"%s\"", l->entry);
    return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INTERNAL), e,
        "%s: parameter %zu of kernel \"%s\" has %zu bytes, where %zu are passed: its module was made of another text", d->who,
        at, l->entry, wanted, bytes);
}

static hal_status pass_operand(hal_cuda_program *p, uint32_t step, uint32_t operand, cursor *c) {
    const hal_portable_argument a = {.kind = HAL_PORTABLE_OPERAND, .index = operand};
    const uint32_t at = (uint32_t)(c->param - p->launches[step].params);
    pass_pointer(c, 0, 0);
    return hal_portable_chain_slot(p->chain, step, at, &a);
}

static hal_status set_taken(hal_cuda_program *p, uint32_t step, cursor *c) {
    hal_cuda_launch *l = &p->launches[step];
    l->params = c->param;
    for (uint32_t i = 0; i < l->taken->n_operands; i++) HAL_TRY(pass_operand(p, step, l->taken->operand[i], c));
    pass_pointer(c, p->scratch, 0);
    return HAL_OK;
}

static hal_status set(hal_cuda_program *p, uint32_t step, cursor *c) {
    hal_cuda_launch *l = &p->launches[step];
    if (hal_portable_chain_is_taken(p->chain, step)) return set_taken(p, step, c);
    const hal_portable_launch *from = hal_portable_chain_launch(p->chain, step);
    const hal_portable_call *call = &p->chain->calls[p->chain->steps[step].op];
    l->params = c->param;
    for (uint32_t i = 0; i < from->n_arguments; i++) {
        const hal_portable_argument *a = &call->arguments[from->first + i];
        const uint32_t at = (uint32_t)(c->param - l->params);
        HAL_TRY(check(p->device, l, at, a->kind == HAL_PORTABLE_VALUE ? a->bytes : sizeof(uint64_t)));
        if (a->kind == HAL_PORTABLE_VALUE) *c->param++ = call->values + a->at;
        else if (a->kind == HAL_PORTABLE_SCRATCH) pass_pointer(c, p->scratch, a->at);
        else {
            pass_pointer(c, 0, 0);
            HAL_TRY(hal_portable_chain_slot(p->chain, step, at, a));
        }
    }
    l->checked = true;
    return HAL_OK;
}

hal_status hal_cuda_kernels_set(hal_cuda_program *p) {
    const size_t n = (size_t)p->chain->n_arguments + 1;
    void **params = realloc(p->params, n * sizeof *params);
    if (params) p->params = params;
    uint64_t *words = realloc(p->words, n * sizeof *words);
    if (words) p->words = words;
    if (!params || !words) return hal_cuda_no_memory(p->device->host, "the arguments of a program");
    cursor c = {params, words};
    for (uint32_t i = 0; i < p->chain->n_steps; i++) HAL_TRY(set(p, i, &c));
    for (uint32_t i = 0; i < p->chain->description->n_bindings; i++) p->places[i].stale = true;
    return HAL_OK;
}

/* -------------------------------------------------------------------------------------------- bindings -- */

static bool place(hal_cuda_place *now, const hal_backend_binding *b) {
    const hal_cuda_block *block = b->memory;
    const CUdeviceptr at = block ? block->at : 0;
    now->stale = now->stale || now->at != at || now->offset != b->offset;
    now->at = at;
    now->offset = b->offset;
    return now->stale;
}

/* Slots stand in the order of steps: a step is told to the graph once, behind its last slot. */
CUresult hal_cuda_kernels_bind(hal_cuda_program *p, const hal_backend_binding *bindings) {
    const hal_portable_chain *chain = p->chain;
    const uint32_t n = chain->description->n_bindings;
    bool stale = false, changed = false;
    CUresult e = CUDA_SUCCESS;
    for (uint32_t i = 0; i < n; i++) stale |= place(&p->places[i], &bindings[i]);
    for (uint32_t i = 0; stale && i < chain->n_slots && e == CUDA_SUCCESS; i++) {
        const hal_portable_slot *s = &chain->slots[i];
        const hal_cuda_place *where = &p->places[s->binding];
        void **param = p->launches[s->step].params + s->at;
        if (where->stale) {
            *(uint64_t *)param[0] = where->at;
            *(uint64_t *)param[1] = where->offset + s->offset;
            changed = true;
        }
        if (i + 1 < chain->n_slots && chain->slots[i + 1].step == s->step) continue;
        if (changed && p->graph) e = hal_cuda_graph_update(p, s->step);
        changed = false;
    }
    for (uint32_t i = 0; i < n && e == CUDA_SUCCESS; i++) p->places[i].stale = false;
    return e;
}
