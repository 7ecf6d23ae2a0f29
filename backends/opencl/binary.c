/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binaries: what is compiled of one text. Programs of a device that need the same text share it, so a whole model needs
 * few of them, and a second process takes them from the host's cache.
 */
#include <stdlib.h>
#include <string.h>

#include "opencl.h"

struct hal_opencl_binary {
    hal_opencl_binary *next;
    /* What it was asked by. */
    const char *file;
    char *options, *body;
    cl_program program;
};

/* Rounding as numerics.md wants it: nothing is contracted, reassociated or flushed. */
#define OPTIONS "-cl-std=CL1.2"

cl_program hal_opencl_binary_program(const hal_opencl_binary *binary) { return binary->program; }

static bool same(const char *a, const char *b) {
    return !a || !b ? a == b : strcmp(a, b) == 0;
}

static hal_opencl_binary *find(const hal_opencl_device *d, const hal_portable_program *p) {
    hal_opencl_binary *b = d->binaries;
    while (b && !(strcmp(b->file, p->file) == 0 && strcmp(b->options, p->options) == 0 && same(b->body, p->body)))
        b = b->next;
    return b;
}

static void binary_free(const hal_opencl_device *d, hal_opencl_binary *b) {
    if (b->program) d->cl.clReleaseProgram(b->program);
    free(b->options);
    free(b->body);
    free(b);
}

void hal_opencl_binaries_free(hal_opencl_device *d) {
    while (d->binaries) {
        hal_opencl_binary *b = d->binaries;
        d->binaries = b->next;
        binary_free(d, b);
    }
}

/* --------------------------------------------------------------------------------------------- building -- */

enum { LOG_SHOWN = 700 };

/* The first lines of the compiler's log, which name the first error. */
static hal_status build_failed(hal_opencl_device *d, cl_program program, cl_int e, const char *file) {
    size_t bytes = 0;
    char *log = NULL;
    d->cl.clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    log = calloc(bytes + 1, 1);
    if (log) d->cl.clGetProgramBuildInfo(program, d->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    hal_status status = d->host->fail(d->host->context, hal_opencl_status(e, HAL_DAMAGE_CALL), e,
        "opencl: %s: kernels of \"%s\" do not compile: %s (%d): %.*s", d->name, file, hal_opencl_code_name(e), e, LOG_SHOWN,
        log ? log : "");
    free(log);
    return status;
}

static hal_status build(hal_opencl_device *d, const char *source, const char *file, cl_program *program) {
    cl_int e = CL_SUCCESS;
    cl_program made = d->cl.clCreateProgramWithSource(d->context, 1, &source, NULL, &e);
    if (!made) return hal_opencl_fail(d, e, "clCreateProgramWithSource");
    e = d->cl.clBuildProgram(made, 1, &d->id, OPTIONS, NULL, NULL);
    if (e != CL_SUCCESS) {
        const hal_status status = build_failed(d, made, e, file);
        d->cl.clReleaseProgram(made);
        return status;
    }
    d->kernels++;
    *program = made;
    return HAL_OK;
}

static hal_opencl_binary *create(const hal_portable_program *p) {
    hal_opencl_binary *b = calloc(1, sizeof *b);
    if (!b) return NULL;
    b->file = p->file;
    b->options = strdup(p->options);
    b->body = p->body ? strdup(p->body) : NULL;
    if (b->options && (b->body || !p->body)) return b;
    free(b->options);
    free(b->body);
    free(b);
    return NULL;
}

static hal_status add(hal_opencl_device *d, const hal_portable_program *p, hal_opencl_binary **out) {
    hal_opencl_binary *b = create(p);
    char *source = b ? hal_portable_source(p) : NULL;
    if (!source) {
        if (b) binary_free(d, b);
        return hal_opencl_no_memory(d->host, "the text of kernels");
    }
    hal_status status = build(d, source, p->file, &b->program);
    free(source);
    if (status != HAL_OK) {
        binary_free(d, b);
        return status;
    }
    b->next = d->binaries;
    d->binaries = b;
    *out = b;
    return HAL_OK;
}

/* One text is built at a time, so that two programs never build the same one. */
hal_status hal_opencl_binary_get(hal_opencl_device *d, const hal_portable_program *p, hal_opencl_binary **out) {
    hal_status status = HAL_OK;
    pthread_mutex_lock(&d->build);
    hal_opencl_binary *b = find(d, p);
    if (!b) status = add(d, p, &b);
    pthread_mutex_unlock(&d->build);
    if (status == HAL_OK) *out = b;
    return status;
}
