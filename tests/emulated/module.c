/* SPDX-License-Identifier: Apache-2.0 */
/* Modules, and the functions in them. */
#include "emulated.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cl.h"
#include "image.h"

enum { SHARED_BYTES = 49152, THREADS = 1024, REASON = 4600 };

static CUmodule modules;

void emu_function_drop(CUfunction f) {
    if (--f->refs > 0) return;
    emu_cl_kernel_drop(f->kernel);
    free(f);
}

/* ------------------------------------------------------------------------------------------ begin and end -- */

/* The log that was asked for gets the first words of the compiler's. */
static void tell(unsigned n, const CUjit_option *options, void *const *values, const char *log) {
    char *buffer = NULL;
    size_t room = 0;
    for (unsigned i = 0; i < n; i++) {
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER) buffer = values[i];
        if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES) room = (size_t)(uintptr_t)values[i];
    }
    if (buffer && room > 0) snprintf(buffer, room, "%s", log);
}

/* Others get their turn while OpenCL compiles. */
static CUresult compile(CUcontext context, emu_image *image, char **log, void **program) {
    emu_unlock();
    *program = emu_cl_build(context->device->cl, image->text, log);
    emu_lock();
    return *program ? CUDA_SUCCESS : emu_wrong(CUDA_ERROR_INVALID_PTX, "the text does not compile: %.300s", *log ? *log : "");
}

static CUresult load(CUcontext context, const void *bytes, char **log, CUmodule *module) {
    char reason[REASON];
    const char *why;
    void *program = NULL;
    if (!bytes || !module) return CUDA_ERROR_INVALID_VALUE;
    emu_image *image = emu_image_open(bytes, reason, sizeof reason, &why);
    if (!image) return emu_wrong(CUDA_ERROR_INVALID_IMAGE, "the image is refused: %s", why);
    CUresult e = compile(context, image, log, &program);
    CUmodule m = e == CUDA_SUCCESS ? calloc(1, sizeof *m) : NULL;
    if (e == CUDA_SUCCESS && (!m || !emu_handle_add(m, EMU_MODULE))) e = CUDA_ERROR_OUT_OF_MEMORY;
    if (e != CUDA_SUCCESS) {
        emu_image_close(image);
        free(m);
        return e;
    }
    *m = (struct CUmod_st){.next = modules, .context = context, .program = program, .image = image};
    *module = modules = m;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleLoadDataEx(CUmodule *module, const void *image, unsigned int numOptions, CUjit_option *options,
                                    void **optionValues) {
    ENTER(EMU_CONTEXT);
    char *log = NULL;
    const CUresult e = load(turn.context, image, &log, module);
    if (e != CUDA_SUCCESS) tell(numOptions, options, optionValues, log ? log : "the image is refused");
    free(log);
    return e;
}

CUresult CUDAAPI cuModuleLoadData(CUmodule *module, const void *image) {
    ENTER(EMU_CONTEXT);
    char *log = NULL;
    const CUresult e = load(turn.context, image, &log, module);
    free(log);
    return e;
}

CUresult CUDAAPI cuModuleLoadFatBinary(CUmodule *module, const void *fatCubin) {
    ENTER(EMU_CONTEXT);
    char *log = NULL;
    const CUresult e = load(turn.context, fatCubin, &log, module);
    free(log);
    return e;
}

static void unload(CUmodule m) {
    CUmodule *at = &modules;
    while (*at != m) at = &(*at)->next;
    *at = m->next;
    for (CUfunction f = m->functions, next; f; f = next) {
        next = f->next;
        f->module = NULL;
        emu_handle_drop(f);
        emu_function_drop(f);
    }
    emu_handle_drop(m);
    emu_image_close(m->image);
    free(m);
}

unsigned emu_modules_drop(CUcontext context) {
    unsigned n = 0;
    for (CUmodule m = modules, next; m; m = next) {
        next = m->next;
        if (m->context != context) continue;
        unload(m);
        n++;
    }
    return n;
}

/* Kernels that were launched before still run, and say that they should not. */
CUresult CUDAAPI cuModuleUnload(CUmodule hmod) {
    ENTER(EMU_CONTEXT);
    if (!emu_is(hmod, EMU_MODULE)) return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "there is no such module, or it was unloaded");
    if (hmod->context != turn.context) return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "the module is of another context");
    unload(hmod);
    return CUDA_SUCCESS;
}

/* -------------------------------------------------------------------------------------------- functions -- */

static const emu_entry *entry_of(const emu_image *image, const char *name) {
    for (int i = 0; i < image->n_entries; i++)
        if (strcmp(image->entry[i].name, name) == 0) return &image->entry[i];
    return NULL;
}

/* As CUDA lays parameters out: each at its own alignment. */
static bool lay_out(CUfunction f, const char *text) {
    char type[EMU_PARAMETERS][64];
    bool pointer[EMU_PARAMETERS];
    const int n = emu_cl_parameters(f->kernel, type, pointer, EMU_PARAMETERS);
    for (int i = 0; i < n; i++) {
        size_t bytes = sizeof(CUdeviceptr), align = bytes;
        if (!pointer[i] && !emu_type_find(text, type[i], &bytes, &align)) return false;
        f->bytes = (f->bytes + align - 1) / align * align;
        f->parameter[f->n_parameters++] = (emu_parameter){f->bytes, bytes, pointer[i]};
        f->bytes += bytes;
    }
    return n >= 0;
}

/* OpenCL's compiler and nvcc have to agree on what the kernel takes. */
static CUresult check_entry(const emu_image *image, CUfunction f) {
    const emu_entry *e = entry_of(image, f->name);
    if (image->n_entries == 0) return CUDA_SUCCESS;
    if (!e) return CUDA_ERROR_NOT_FOUND;
    bool same = e->n == (int)f->n_parameters;
    for (int i = 0; same && i < e->n; i++) same = e->bytes[i] == f->parameter[i].bytes;
    return same ? CUDA_SUCCESS : emu_wrong(CUDA_ERROR_INVALID_IMAGE,
        "the index says that \"%s\" takes other parameters than its text", f->name);
}

static CUresult describe(CUmodule m, CUfunction f) {
    if (!lay_out(f, m->image->text)) return emu_wrong(CUDA_ERROR_INVALID_IMAGE,
        "it cannot be found out what \"%s\" takes", f->name);
    TRY(check_entry(m->image, f));
    return emu_handle_add(f, EMU_FUNCTION) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult make(CUmodule m, const char *name, CUfunction *function) {
    CUfunction f = calloc(1, sizeof *f);
    if (!f) return CUDA_ERROR_OUT_OF_MEMORY;
    *f = (struct CUfunc_st){.module = m, .context = m->context, .refs = 1};
    snprintf(f->name, sizeof f->name, "%s", name);
    f->kernel = strlen(name) < sizeof f->name ? emu_cl_kernel(m->program, name) : NULL;
    const CUresult e = f->kernel ? describe(m, f) : CUDA_ERROR_NOT_FOUND;
    if (e != CUDA_SUCCESS) {
        if (f->kernel) emu_cl_kernel_drop(f->kernel);
        free(f);
        return e;
    }
    f->local = emu_cl_local_bytes(m->context->device->cl, f->kernel);
    f->next = m->functions;
    *function = m->functions = f;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleGetFunction(CUfunction *hfunc, CUmodule hmod, const char *name) {
    ENTER(EMU_CONTEXT);
    if (!hfunc || !name) return CUDA_ERROR_INVALID_VALUE;
    if (!emu_is(hmod, EMU_MODULE)) return emu_wrong(CUDA_ERROR_INVALID_HANDLE, "there is no such module, or it was unloaded");
    for (CUfunction f = hmod->functions; f; f = f->next) {
        if (strcmp(f->name, name) != 0) continue;
        *hfunc = f;
        return CUDA_SUCCESS;
    }
    return make(hmod, name, hfunc);
}

CUresult CUDAAPI cuModuleGetGlobal_v2(CUdeviceptr *dptr, size_t *bytes, CUmodule hmod, const char *name) {
    ENTER(EMU_CONTEXT);
    (void)dptr;
    (void)bytes;
    if (!name || !emu_is(hmod, EMU_MODULE)) return CUDA_ERROR_INVALID_VALUE;
    return CUDA_ERROR_NOT_FOUND; /* portable texts have no variables */
}

#define FUNCTION(f) \
    if (!emu_is(f, EMU_FUNCTION)) return emu_wrong(CUDA_ERROR_INVALID_HANDLE, \
        "there is no such function, or its module was unloaded")

CUresult CUDAAPI cuFuncGetModule(CUmodule *hmod, CUfunction hfunc) {
    ENTER(EMU_CONTEXT);
    FUNCTION(hfunc);
    if (!hmod) return CUDA_ERROR_INVALID_VALUE;
    *hmod = hfunc->module;
    return CUDA_SUCCESS;
}

/* Headers of CUDA 12.0 lack these two. */
EMU_EXPORT CUresult CUDAAPI cuFuncGetName(const char **name, CUfunction hfunc);
EMU_EXPORT CUresult CUDAAPI cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t *paramOffset, size_t *paramSize);

CUresult CUDAAPI cuFuncGetName(const char **name, CUfunction hfunc) {
    ENTER(EMU_CONTEXT);
    FUNCTION(hfunc);
    if (!name) return CUDA_ERROR_INVALID_VALUE;
    *name = hfunc->name;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t *paramOffset, size_t *paramSize) {
    ENTER(EMU_CONTEXT);
    FUNCTION(func);
    if (!paramOffset || paramIndex >= func->n_parameters) return CUDA_ERROR_INVALID_VALUE;
    *paramOffset = func->parameter[paramIndex].offset;
    if (paramSize) *paramSize = func->parameter[paramIndex].bytes;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncGetAttribute(int *pi, CUfunction_attribute attrib, CUfunction hfunc) {
    ENTER(EMU_CONTEXT);
    FUNCTION(hfunc);
    if (!pi || attrib >= CU_FUNC_ATTRIBUTE_MAX) return CUDA_ERROR_INVALID_VALUE;
    switch (attrib) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *pi = THREADS; break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *pi = (int)hfunc->local; break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *pi = 32; break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *pi = EMU_MAJOR * 10 + EMU_MINOR; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *pi = SHARED_BYTES - (int)hfunc->local; break;
    default: *pi = 0;
    }
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
    ENTER(EMU_CONTEXT);
    FUNCTION(hfunc);
    if (attrib == CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
        return value >= 0 && (size_t)value + hfunc->local <= SHARED_BYTES ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    return attrib == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuOccupancyMaxActiveBlocksPerMultiprocessor(int *numBlocks, CUfunction func, int blockSize,
    size_t dynamicSMemSize) {
    ENTER(EMU_CONTEXT);
    FUNCTION(func);
    if (!numBlocks || blockSize <= 0) return CUDA_ERROR_INVALID_VALUE;
    const size_t shared = func->local + dynamicSMemSize;
    const int by_threads = THREADS / blockSize, by_shared = shared ? (int)(SHARED_BYTES / shared) : by_threads;
    *numBlocks = by_threads < by_shared ? by_threads : by_shared;
    return CUDA_SUCCESS;
}

CUresult CUDAAPI cuOccupancyMaxPotentialBlockSize(int *minGridSize, int *blockSize, CUfunction func,
                                                  CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                                  int blockSizeLimit) {
    ENTER(EMU_CONTEXT);
    FUNCTION(func);
    (void)blockSizeToDynamicSMemSize;
    (void)dynamicSMemSize;
    if (!minGridSize || !blockSize) return CUDA_ERROR_INVALID_VALUE;
    *blockSize = blockSizeLimit > 0 && blockSizeLimit < 256 ? blockSizeLimit : 256;
    *minGridSize = 64 * THREADS / *blockSize;
    return CUDA_SUCCESS;
}
