/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NVRTC for the emulated driver: what it makes is the text itself, which OpenCL's compiler has looked at. Declarations of our
 * own from the documentation of NVRTC (docs.nvidia.com/cuda/nvrtc), since its header is in few installations.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cl.h"
#include "image.h"
#include "ops/portable/hash.h"

typedef enum nvrtcResult {
    NVRTC_SUCCESS = 0, NVRTC_ERROR_OUT_OF_MEMORY = 1, NVRTC_ERROR_INVALID_INPUT = 3, NVRTC_ERROR_INVALID_PROGRAM = 4,
    NVRTC_ERROR_INVALID_OPTION = 5, NVRTC_ERROR_COMPILATION = 6
} nvrtcResult;
typedef struct program { char *text, *log, *image; size_t bytes; int arch; } program;
typedef program *nvrtcProgram;

#pragma GCC visibility push(default)
const char *nvrtcGetErrorString(nvrtcResult result);
nvrtcResult nvrtcVersion(int *major, int *minor);
nvrtcResult nvrtcGetNumSupportedArchs(int *n);
nvrtcResult nvrtcGetSupportedArchs(int *archs);
nvrtcResult nvrtcCreateProgram(nvrtcProgram *prog, const char *src, const char *name, int n, const char *const *headers,
                               const char *const *names);
nvrtcResult nvrtcDestroyProgram(nvrtcProgram *prog);
nvrtcResult nvrtcCompileProgram(nvrtcProgram prog, int n, const char *const *options);
nvrtcResult nvrtcGetPTXSize(nvrtcProgram prog, size_t *bytes);
nvrtcResult nvrtcGetPTX(nvrtcProgram prog, char *to);
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram prog, size_t *bytes);
nvrtcResult nvrtcGetCUBIN(nvrtcProgram prog, char *to);
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram prog, size_t *bytes);
nvrtcResult nvrtcGetProgramLog(nvrtcProgram prog, char *to);
#pragma GCC visibility pop

enum { LOG = 4096, OLDEST = 75 };
static const int archs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

const char *nvrtcGetErrorString(nvrtcResult result) {
    switch (result) {
    case NVRTC_SUCCESS: return "NVRTC_SUCCESS";
    case NVRTC_ERROR_OUT_OF_MEMORY: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case NVRTC_ERROR_INVALID_INPUT: return "NVRTC_ERROR_INVALID_INPUT";
    case NVRTC_ERROR_INVALID_PROGRAM: return "NVRTC_ERROR_INVALID_PROGRAM";
    case NVRTC_ERROR_INVALID_OPTION: return "NVRTC_ERROR_INVALID_OPTION";
    case NVRTC_ERROR_COMPILATION: return "NVRTC_ERROR_COMPILATION";
    }
    return "an unknown error of NVRTC";
}

nvrtcResult nvrtcVersion(int *major, int *minor) {
    if (!major || !minor) return NVRTC_ERROR_INVALID_INPUT;
    *major = 13;
    *minor = 0;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetNumSupportedArchs(int *n) {
    if (!n) return NVRTC_ERROR_INVALID_INPUT;
    *n = (int)(sizeof archs / sizeof archs[0]);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetSupportedArchs(int *to) {
    if (!to) return NVRTC_ERROR_INVALID_INPUT;
    memcpy(to, archs, sizeof archs);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram *prog, const char *src, const char *name, int n, const char *const *headers,
                               const char *const *names) {
    (void)name;
    (void)headers;
    (void)names;
    if (!prog || !src || n != 0) return NVRTC_ERROR_INVALID_INPUT;
    program *p = calloc(1, sizeof *p);
    if (p) p->text = strdup(src);
    if (p) p->log = calloc(1, LOG);
    *prog = p;
    return p && p->text && p->log ? NVRTC_SUCCESS : NVRTC_ERROR_OUT_OF_MEMORY;
}

nvrtcResult nvrtcDestroyProgram(nvrtcProgram *prog) {
    if (!prog || !*prog) return NVRTC_ERROR_INVALID_PROGRAM;
    free((*prog)->text);
    free((*prog)->log);
    free((*prog)->image);
    free(*prog);
    *prog = NULL;
    return NVRTC_SUCCESS;
}

/* ---------------------------------------------------------------------------------------------- compiling -- */

static bool takes_arch(program *p, const char *option) {
    char kind[8];
    int arch;
    if (sscanf(option, "--gpu-architecture=%7[a-z]_%d", kind, &arch) != 2) return false;
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++)
        if (archs[i] == arch) p->arch = arch;
    return p->arch == arch && (strcmp(kind, "sm") == 0 || strcmp(kind, "compute") == 0);
}

/* The options that hal gives; a product and a sum may not become one, or the bits of results change. */
static nvrtcResult read_options(program *p, int n, const char *const *options) {
    bool separate = false;
    for (int i = 0; i < n; i++) {
        const bool fmad = strcmp(options[i], "--fmad=false") == 0 || strcmp(options[i], "-fmad=false") == 0;
        separate = separate || fmad;
        if (fmad || strncmp(options[i], "--std=", 6) == 0 || takes_arch(p, options[i])) continue;
        snprintf(p->log, LOG, "nvrtc: error: invalid value or option: %s", options[i]);
        return NVRTC_ERROR_INVALID_OPTION;
    }
    if (separate) return NVRTC_SUCCESS;
    snprintf(p->log, LOG, "the emulated compiler: without --fmad=false results have other bits");
    return NVRTC_ERROR_INVALID_OPTION;
}

/* Without OpenCL nothing is looked at; then no driver takes the image either. */
static bool compiles(program *p) {
    cl_device_id device;
    char name[1][128], *log = NULL;
    emu_cl *cl = emu_cl_devices(&device, name, 1) > 0 ? emu_cl_open(device) : NULL;
    const bool well = !cl || emu_cl_build(cl, p->text, &log);
    if (!well) snprintf(p->log, LOG, "%s", log ? log : "error: OpenCL does not compile the text");
    free(log);
    return well;
}

static nvrtcResult make_image(program *p) {
    const size_t bytes = strlen(p->text);
    const hal_portable_hash h = hal_portable_hash_of(p->text, bytes);
    free(p->image);
    p->image = malloc(bytes + EMU_LINE);
    if (!p->image) return NVRTC_ERROR_OUT_OF_MEMORY;
    const unsigned long long high = h.high, low = h.low;
    const int n = snprintf(p->image, bytes + EMU_LINE, EMU_IMAGE_LINE, p->arch, bytes, high, low);
    memcpy(p->image + n, p->text, bytes + 1);
    p->bytes = (size_t)n + bytes + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram prog, int n, const char *const *options) {
    if (!prog) return NVRTC_ERROR_INVALID_PROGRAM;
    prog->arch = OLDEST;
    const nvrtcResult well = read_options(prog, n, options);
    if (well != NVRTC_SUCCESS) return well;
    const char *why = emu_text_refuse(prog->text);
    if (why) snprintf(prog->log, LOG, "error: the emulated compiler takes portable kernels only: %s", why);
    return why || !compiles(prog) ? NVRTC_ERROR_COMPILATION : make_image(prog);
}

/* ------------------------------------------------------------------------------------------------ answers -- */

static nvrtcResult size_of(const program *p, size_t *bytes) {
    if (!p || !p->image || !bytes) return NVRTC_ERROR_INVALID_PROGRAM;
    *bytes = p->bytes;
    return NVRTC_SUCCESS;
}

static nvrtcResult copy_of(const program *p, char *to) {
    if (!p || !p->image || !to) return NVRTC_ERROR_INVALID_PROGRAM;
    memcpy(to, p->image, p->bytes);
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetPTXSize(nvrtcProgram prog, size_t *bytes) { return size_of(prog, bytes); }
nvrtcResult nvrtcGetPTX(nvrtcProgram prog, char *to) { return copy_of(prog, to); }
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram prog, size_t *bytes) { return size_of(prog, bytes); }
nvrtcResult nvrtcGetCUBIN(nvrtcProgram prog, char *to) { return copy_of(prog, to); }

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram prog, size_t *bytes) {
    if (!prog || !bytes) return NVRTC_ERROR_INVALID_PROGRAM;
    *bytes = strlen(prog->log) + 1;
    return NVRTC_SUCCESS;
}

nvrtcResult nvrtcGetProgramLog(nvrtcProgram prog, char *to) {
    if (!prog || !to) return NVRTC_ERROR_INVALID_PROGRAM;
    memcpy(to, prog->log, strlen(prog->log) + 1);
    return NVRTC_SUCCESS;
}
