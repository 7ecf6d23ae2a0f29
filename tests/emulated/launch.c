/* SPDX-License-Identifier: Apache-2.0 */
/* Launches: parameters are taken when a kernel is launched; addresses among them are looked up when it runs. */
#include "emulated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cl.h"

enum { THREADS = 1024, SHARED_BYTES = 49152 };

/* ------------------------------------------------------------------------------------------ parameters -- */

static CUresult take_each(CUfunction f, void *const *each, unsigned char *taken) {
    for (unsigned i = 0; i < f->n_parameters; i++) {
        const emu_parameter *p = &f->parameter[i];
        if (!each[i]) return emu_wrong(CUDA_ERROR_INVALID_VALUE, "parameter %u of \"%s\" is NULL", i, f->name);
        memcpy(taken + p->offset, each[i], p->bytes);
    }
    return CUDA_SUCCESS;
}

/* All of them in one piece: here the driver learns how long the caller takes them to be. */
static CUresult take_packed(CUfunction f, void *const *extra, unsigned char *taken) {
    const void *from = NULL;
    size_t bytes = SIZE_MAX;
    for (int i = 0; extra[i] != CU_LAUNCH_PARAM_END; i += 2) {
        if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER) from = extra[i + 1];
        else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE) memcpy(&bytes, extra[i + 1], sizeof bytes);
        else return CUDA_ERROR_INVALID_VALUE;
    }
    if (!from || bytes != f->bytes)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "\"%s\" takes %zu bytes of parameters, the launch gives %zu",
            f->name, f->bytes,
            from ? bytes : 0);
    memcpy(taken, from, bytes);
    return CUDA_SUCCESS;
}

static CUresult take(CUfunction f, void *const *each, void *const *extra, unsigned char **taken) {
    *taken = calloc(1, f->bytes + 1);
    if (!*taken) return CUDA_ERROR_OUT_OF_MEMORY;
    CUresult e = CUDA_SUCCESS;
    if (each && extra) e = emu_wrong(CUDA_ERROR_INVALID_VALUE, "\"%s\": parameters in both forms", f->name);
    else if (extra) e = take_packed(f, extra, *taken);
    else if (each) e = take_each(f, each, *taken);
    else if (f->n_parameters > 0) e = emu_wrong(CUDA_ERROR_INVALID_VALUE, "\"%s\" is launched without parameters", f->name);
    if (e != CUDA_SUCCESS) free(*taken);
    return e;
}

/* ------------------------------------------------------------------------------------------------ shape -- */

static bool fits(const unsigned n[3], unsigned x, unsigned y, unsigned z) {
    return n[0] >= 1 && n[1] >= 1 && n[2] >= 1 && n[0] <= x && n[1] <= y && n[2] <= z;
}

static CUresult check_shape(const CUfunction f, const unsigned grid[3], const unsigned block[3], unsigned shared) {
    const unsigned threads = block[0] * block[1] * block[2];
    if (!fits(grid, 2147483647, 65535, 65535) || !fits(block, 1024, 1024, 64) || threads > THREADS)
        return emu_wrong(CUDA_ERROR_INVALID_VALUE, "\"%s\" in %u x %u x %u blocks of %u x %u x %u threads", f->name, grid[0],
            grid[1], grid[2], block[0], block[1], block[2]);
    return f->local + shared <= SHARED_BYTES ? CUDA_SUCCESS
        : emu_wrong(CUDA_ERROR_INVALID_VALUE, "\"%s\" with %zu bytes of shared memory", f->name, f->local + shared);
}

CUresult emu_launch_make(CUcontext context, const CUDA_KERNEL_NODE_PARAMS *p, emu_command **made) {
    const unsigned grid[3] = {p->gridDimX, p->gridDimY, p->gridDimZ}, block[3] = {p->blockDimX, p->blockDimY, p->blockDimZ};
    unsigned char *parameters = NULL;
    if (!emu_is(p->func, EMU_FUNCTION))
        return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "there is no such function, or its module was unloaded");
    if (p->func->context != context)
        return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "\"%s\" was loaded for another context", p->func->name);
    TRY(check_shape(p->func, grid, block, p->sharedMemBytes));
    TRY(take(p->func, p->kernelParams, p->extra, &parameters));
    emu_command *c = emu_command_make(EMU_KERNEL);
    if (!c) {
        free(parameters);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    c->launch = (emu_launch){.function = p->func, .parameters = parameters};
    memcpy(c->launch.grid, grid, sizeof grid);
    memcpy(c->launch.block, block, sizeof block);
    p->func->refs++;
    *made = c;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ,
                                unsigned int blockDimX, unsigned int blockDimY, unsigned int blockDimZ,
                                unsigned int sharedMemBytes, CUstream hStream, void **kernelParams, void **extra) {
    ENTER(EMU_CONTEXT);
    const CUDA_KERNEL_NODE_PARAMS p = {.func = f, .gridDimX = gridDimX, .gridDimY = gridDimY, .gridDimZ = gridDimZ,
        .blockDimX = blockDimX, .blockDimY = blockDimY, .blockDimZ = blockDimZ, .sharedMemBytes = sharedMemBytes,
        .kernelParams = kernelParams, .extra = extra};
    CUstream s;
    emu_command *c = NULL;
    TRY(emu_stream_find(turn.context, hStream, &s));
    TRY(emu_launch_make(turn.context, &p, &c));
    return emu_stream_add(s, c);
}

/* -------------------------------------------------------------------------------------------------- run -- */

static bool is_due(const int64_t after, uint64_t launches) { return after >= 0 && launches > (uint64_t)after; }

CUresult emu_launch_count(CUstream s) {
    emu_device *d = s->context->device;
    d->launches++;
    if (is_due(emu_rules.lost[d->number], d->launches)) return CUDA_ERROR_ILLEGAL_ADDRESS;
    if (is_due(emu_rules.asserted[d->number], d->launches)) return CUDA_ERROR_ASSERT;
    if (!is_due(emu_rules.hung[d->number], d->launches)) return CUDA_SUCCESS;
    s->stuck = s->context->stuck = true;
    emu_tell();
    for (;;) emu_wait();
}

typedef struct arguments {
    const void *value[EMU_PARAMETERS];
    size_t bytes[EMU_PARAMETERS];
    bool pointer[EMU_PARAMETERS];
    emu_block *block[EMU_PARAMETERS];
} arguments;

/* An absent operand is a null pointer, as in CUDA. */
static CUresult find_pointer(CUcontext context, CUfunction f, unsigned i, const unsigned char *parameters, arguments *a) {
    char what[120];
    CUdeviceptr at;
    memcpy(&at, parameters + f->parameter[i].offset, sizeof at);
    snprintf(what, sizeof what, "parameter %u of \"%s\"", i, f->name);
    a->value[i] = at ? emu_reach(context, at, 0, what, &a->block[i]) : NULL;
    return !at || a->value[i] ? CUDA_SUCCESS : CUDA_ERROR_ILLEGAL_ADDRESS;
}

static CUresult find_arguments(CUcontext context, const emu_launch *l, arguments *a) {
    CUfunction f = l->function;
    for (unsigned i = 0; i < f->n_parameters; i++) {
        a->bytes[i] = f->parameter[i].bytes;
        a->pointer[i] = f->parameter[i].pointer;
        a->value[i] = l->parameters + f->parameter[i].offset;
        if (a->pointer[i]) TRY(find_pointer(context, f, i, l->parameters, a));
    }
    return CUDA_SUCCESS;
}

static void use(const arguments *a, unsigned n, bool begin) {
    for (unsigned i = 0; i < n; i++) {
        if (!a->block[i]) continue;
        if (begin) a->block[i]->users++;
        else a->block[i]->users--;
    }
}

static CUresult compute(CUcontext context, const emu_launch *l, const arguments *a) {
    size_t global[3], group[3];
    for (int i = 0; i < 3; i++) {
        group[i] = l->block[i];
        global[i] = (size_t)l->grid[i] * l->block[i];
    }
    emu_unlock();
    const cl_int e = emu_cl_run(context->device->cl, l->function->kernel, (int)l->function->n_parameters, a->value, a->bytes,
        a->pointer, global, group);
    emu_lock();
    return e == CL_SUCCESS ? CUDA_SUCCESS
        : emu_wrong(CUDA_ERROR_LAUNCH_FAILED, "OpenCL does not run \"%s\": %d", l->function->name, e);
}

CUresult emu_launch_run(CUstream s, const emu_launch *l) {
    arguments a = {0};
    TRY(emu_launch_count(s));
    if (!l->function->module)
        return emu_wrong(CUDA_ERROR_LAUNCH_FAILED, "the module of \"%s\" was unloaded before the kernel ran",
            l->function->name);
    TRY(find_arguments(s->context, l, &a));
    use(&a, l->function->n_parameters, true);
    const CUresult e = compute(s->context, l, &a);
    use(&a, l->function->n_parameters, false);
    return e;
}
