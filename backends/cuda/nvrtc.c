/* SPDX-License-Identifier: Apache-2.0 */
#include "nvrtc.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "library.h"

enum { SUCCESS = 0, LOG_SHOWN = 600 };

typedef struct program_ *program;
static struct {
    const char *(*nvrtcGetErrorString)(int code);
    int (*nvrtcCreateProgram)(program *program, const char *text, const char *name, int n, const char *const *headers,
                              const char *const *names);
    int (*nvrtcDestroyProgram)(program *program);
    int (*nvrtcCompileProgram)(program program, int n, const char *const *options);
    int (*nvrtcGetCUBINSize)(program program, size_t *bytes);
    int (*nvrtcGetCUBIN)(program program, char *image);
    int (*nvrtcGetPTXSize)(program program, size_t *bytes);
    int (*nvrtcGetPTX)(program program, char *image);
    int (*nvrtcGetProgramLogSize)(program program, size_t *bytes);
    int (*nvrtcGetProgramLog)(program program, char *log);
} rtc;

/* ------------------------------------------------------------------------------------------- loading -- */

/* Once a process: what is not there is looked for again only by the next one. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool there;
static char reason[400];

static void *function(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (!found) snprintf(reason, sizeof reason, "NVRTC has no %s: it is older than CUDA 11.2", name);
    return found;
}

static void load(void) {
    void *library = hal_cuda_library_open("libnvrtc.so.13 libnvrtc.so.12 libnvrtc.so.11.2", reason, sizeof reason);
    if (!library) return;
#define FUNCTION(name) if (!(*(void **)&rtc.name = function(library, #name))) return;
    FUNCTION(nvrtcGetErrorString) FUNCTION(nvrtcCreateProgram) FUNCTION(nvrtcDestroyProgram)
    FUNCTION(nvrtcCompileProgram) FUNCTION(nvrtcGetCUBINSize) FUNCTION(nvrtcGetCUBIN) FUNCTION(nvrtcGetPTXSize)
    FUNCTION(nvrtcGetPTX) FUNCTION(nvrtcGetProgramLogSize) FUNCTION(nvrtcGetProgramLog)
    there = true;
}

/* ----------------------------------------------------------------------------------------- compiling -- */

/* The first lines of the log name the first error. */
static void explain(program p, int code, char *why, size_t size) {
    size_t bytes = 0;
    char *log = rtc.nvrtcGetProgramLogSize(p, &bytes) == SUCCESS ? calloc(bytes + 1, 1) : NULL;
    if (log && rtc.nvrtcGetProgramLog(p, log) != SUCCESS) log[0] = '\0';
    snprintf(why, size, "NVRTC: %s (%d): %.*s", rtc.nvrtcGetErrorString(code), code, LOG_SHOWN, log ? log : "");
    free(log);
}

static int fetch(program p, int (*ask)(program, size_t *), int (*get)(program, char *), char **image, size_t *bytes) {
    int code = ask(p, bytes);
    if (code != SUCCESS) return code;
    char *made = calloc(*bytes + 1, 1);
    if (!made) return 1; /* NVRTC_ERROR_OUT_OF_MEMORY */
    code = get(p, made);
    if (code == SUCCESS) *image = made;
    else free(made);
    return code;
}

/* Sums stay as they are written: no product is contracted, and divisions and roots are rounded, which is the default. */
static int compile(program p, const char *kind, int capability, char **image, size_t *bytes) {
    char target[48];
    snprintf(target, sizeof target, "--gpu-architecture=%s_%d", kind, capability);
    const char *const options[] = {target, "--fmad=false", "--std=c++17"};
    const int code = rtc.nvrtcCompileProgram(p, 3, options);
    if (code != SUCCESS) return code;
    return kind[0] == 's' ? fetch(p, rtc.nvrtcGetCUBINSize, rtc.nvrtcGetCUBIN, image, bytes)
        : fetch(p, rtc.nvrtcGetPTXSize, rtc.nvrtcGetPTX, image, bytes);
}

/* Code of the device runs also where the driver is older than the compiler. For a device that is newer than the compiler
   there is only PTX. */
bool hal_cuda_nvrtc_compile(const char *text, int capability, char **image, size_t *bytes, bool *missing, char *why,
                            size_t size) {
    program p = NULL;
    pthread_once(&once, load);
    *missing = !there;
    if (!there) {
        snprintf(why, size, "%s", reason);
        return false;
    }
    int code = rtc.nvrtcCreateProgram(&p, text, "hal.cu", 0, NULL, NULL);
    if (code != SUCCESS) {
        snprintf(why, size, "nvrtcCreateProgram: %s (%d)", rtc.nvrtcGetErrorString(code), code);
        return false;
    }
    code = compile(p, "sm", capability, image, bytes);
    if (code == 5 /* NVRTC_ERROR_INVALID_OPTION */) code = compile(p, "compute", 80, image, bytes);
    if (code != SUCCESS) explain(p, code, why, size);
    rtc.nvrtcDestroyProgram(&p);
    return code == SUCCESS;
}
