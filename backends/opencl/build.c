/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building: from what an earlier process left in the host's cache, else from source.
 *
 * Binaries are stored when the device is closed, not when they are built: asking a driver for one may make it compile what
 * was put off until then (PoCL: every kernel for groups of any size), which would double the time to the first result. It
 * also holds more by then, such as what was compiled for the groups that were launched. Where asking is found to be dearer
 * than compiling was, a note in the cache says so, and nothing is asked any more (binary.c).
 */
#include "build.h"

#include <stdlib.h>

#include "cache.h"
#include "clock.h"
#include "gate.h"

enum { LOG_SHOWN = 700 };

/* ------------------------------------------------------------------------------------------ from a binary -- */

static cl_program from_bytes(const hal_opencl_device *d, const unsigned char *data, size_t bytes) {
    cl_int fate = CL_SUCCESS, e = CL_SUCCESS;
    cl_program made = d->cl.clCreateProgramWithBinary(d->context, 1, &d->id, &bytes, &data, &fate, &e);
    if (!made) return NULL;
    if (e == CL_SUCCESS && fate == CL_SUCCESS &&
        d->cl.clBuildProgram(made, 1, &d->id, d->options, NULL, NULL) == CL_SUCCESS) return made;
    d->cl.clReleaseProgram(made);
    return NULL;
}

/* NULL: there is none, or the driver would not have it; then it is built anew and replaced. */
static cl_program load(const hal_opencl_device *d, const char *source) {
    size_t bytes = 0;
    void *data = hal_opencl_cache_load(d, "program", source, &bytes);
    cl_program made = data ? from_bytes(d, data, bytes) : NULL;
    d->host->release(d->host->context, data);
    return made;
}

static unsigned char *ask(const hal_opencl_device *d, cl_program program, size_t *bytes) {
    if (d->cl.clGetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, sizeof *bytes, bytes, NULL) != CL_SUCCESS || *bytes == 0)
        return NULL;
    unsigned char *data = malloc(*bytes);
    if (data && d->cl.clGetProgramInfo(program, CL_PROGRAM_BINARIES, sizeof data, &data, NULL) == CL_SUCCESS) return data;
    free(data);
    return NULL;
}

int64_t hal_opencl_build_store(const hal_opencl_device *d, cl_program program, const char *source) {
    size_t bytes = 0;
    if (!hal_opencl_cache_is_there(d)) return 0;
    if (d->gated) hal_opencl_gate_crowd();
    const int64_t begin = hal_opencl_now();
    unsigned char *data = ask(d, program, &bytes);
    const int64_t took = hal_opencl_now() - begin;
    if (data) hal_opencl_cache_store(d, "program", source, data, bytes);
    free(data);
    return took;
}

/* ---------------------------------------------------------------------------------------------- the note -- */

bool hal_opencl_build_is_noted(const hal_opencl_device *d) {
    size_t bytes = 0;
    void *data = hal_opencl_cache_load(d, "binaries are dear", "", &bytes);
    const bool noted = data != NULL;
    d->host->release(d->host->context, data);
    return noted;
}

void hal_opencl_build_note(const hal_opencl_device *d) { hal_opencl_cache_store(d, "binaries are dear", "", "1", 1); }

/* ------------------------------------------------------------------------------------------- from source -- */

/* The first lines of the compiler's log name the first error. */
static hal_status failed(hal_opencl_device *d, cl_program program, cl_int e, const char *file) {
    size_t bytes = 0;
    d->cl.clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    char *log = calloc(bytes + 1, 1);
    if (log) d->cl.clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    const hal_status status = d->host->fail(d->host->context, hal_opencl_status(e, HAL_DAMAGE_CALL), e,
        "opencl: %s: kernels of \"%s\" do not compile: %s (%d): %.*s", d->name, file, hal_opencl_code_name(e), e, LOG_SHOWN,
        log ? log : "");
    free(log);
    return status;
}

static hal_status compile(hal_opencl_device *d, const char *source, const char *file, cl_program *program) {
    cl_int e = CL_SUCCESS;
    cl_program made = d->cl.clCreateProgramWithSource(d->context, 1, &source, NULL, &e);
    if (!made) return hal_opencl_fail(d, e, "clCreateProgramWithSource");
    e = d->cl.clBuildProgram(made, 1, &d->id, d->options, NULL, NULL);
    if (e != CL_SUCCESS) {
        const hal_status status = failed(d, made, e, file);
        d->cl.clReleaseProgram(made);
        return status;
    }
    *program = made;
    return HAL_OK;
}

hal_status hal_opencl_build(hal_opencl_device *d, const char *source, const char *file, cl_program *program, bool *loaded) {
    cl_program made = load(d, source);
    *loaded = made != NULL;
    if (!made) HAL_TRY(compile(d, source, file, &made));
    (*loaded ? &d->loaded : &d->kernels)[0]++;
    *program = made;
    return HAL_OK;
}
