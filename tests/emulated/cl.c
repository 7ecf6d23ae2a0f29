/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenCL through its loader, opened at run time. Only processors will do: device memory is memory of the host here, which
 * their kernels reach by its address.
 *
 * One kernel runs at a time in the process: PoCL 3.1 ends the process when two threads launch the same kernel for the first
 * time at the same moment. Streams are no less asynchronous to their host for it.
 */
#include "cl.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS(X) \
    X(clGetPlatformIDs) X(clGetDeviceIDs) X(clGetDeviceInfo) X(clCreateContext) X(clCreateCommandQueue) X(clFinish) \
    X(clCreateProgramWithSource) X(clBuildProgram) X(clGetProgramBuildInfo) X(clReleaseProgram) X(clCreateKernel) \
    X(clReleaseKernel) X(clGetKernelInfo) X(clGetKernelArgInfo) X(clGetKernelWorkGroupInfo) X(clSetKernelArg) \
    X(clSetKernelArgSVMPointer) X(clEnqueueNDRangeKernel) X(clWaitForEvents) X(clGetEventInfo) X(clReleaseEvent)

static struct {
#define MEMBER(name) __typeof__(name) *name;
    CALLS(MEMBER)
} cl_calls;

/* A text that was compiled for a device. */
typedef struct built { struct built *next; emu_cl *cl; cl_program program; char text[]; } built;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t compiling = PTHREAD_MUTEX_INITIALIZER, running = PTHREAD_MUTEX_INITIALIZER;
static bool is_open, stopped;
static emu_cl *opened;
static built *programs;

static void open_loader(void) {
    void *library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
    bool all = library != NULL;
#define LOAD(name) \
    cl_calls.name = library ? (__typeof__(name) *)dlsym(library, #name) : NULL; \
    all = all && cl_calls.name;
    CALLS(LOAD)
    is_open = all;
    if (!all) fprintf(stderr, "emulated CUDA: the loader of OpenCL is not here, or is older than 2.0: %s\n", dlerror());
}

static int add_devices(cl_platform_id platform, cl_device_id *device, char name[][128], int n, int room) {
    cl_device_id each[16];
    cl_uint found = 0;
    if (cl_calls.clGetDeviceIDs(platform, CL_DEVICE_TYPE_CPU, 16, each, &found) != CL_SUCCESS) return n;
    for (cl_uint i = 0; i < found && i < 16 && n < room; i++, n++) {
        device[n] = each[i];
        name[n][0] = '\0';
        cl_calls.clGetDeviceInfo(each[i], CL_DEVICE_NAME, 128, name[n], NULL);
    }
    return n;
}

int emu_cl_devices(cl_device_id *device, char name[][128], int room) {
    cl_platform_id platform[8];
    cl_uint found = 0;
    int n = 0;
    pthread_once(&once, open_loader);
    if (!is_open || cl_calls.clGetPlatformIDs(8, platform, &found) != CL_SUCCESS) return 0;
    for (cl_uint i = 0; i < found && i < 8; i++) n = add_devices(platform[i], device, name, n, room);
    if (n == 0) fprintf(stderr, "emulated CUDA: OpenCL has no device that is a processor (PoCL is one)\n");
    return n;
}

/* ------------------------------------------------------------------------------------------- a device -- */

/* As the opencl backend compiles: nothing that a real CUDA device would not do either. Only the names of types are asked for
   beside it, which makes another program of a text that both have: PoCL keeps its kernels by program, so that what runs for
   the one never stands in the way of the other in the same process. */
static void read_options(emu_cl *cl) {
    cl_device_fp_config config = 0;
    cl_calls.clGetDeviceInfo(cl->id, CL_DEVICE_SINGLE_FP_CONFIG, sizeof config, &config, NULL);
    snprintf(cl->options, sizeof cl->options, "-cl-std=CL1.2 -cl-kernel-arg-info%s",
        config & CL_FP_CORRECTLY_ROUNDED_DIVIDE_SQRT ? " -cl-fp32-correctly-rounded-divide-sqrt" : "");
}

static emu_cl *make(cl_device_id id) {
    emu_cl *cl = calloc(1, sizeof *cl);
    cl_int e = CL_SUCCESS;
    if (!cl) return NULL;
    cl->id = id;
    cl->context = cl_calls.clCreateContext(NULL, 1, &id, NULL, NULL, &e);
    cl->queue = cl->context ? cl_calls.clCreateCommandQueue(cl->context, id, 0, &e) : NULL;
    if (!cl->queue) {
        fprintf(stderr, "emulated CUDA: OpenCL does not open the device: %d\n", e);
        free(cl);
        return NULL;
    }
    read_options(cl);
    cl->next = opened;
    return opened = cl;
}

emu_cl *emu_cl_open(cl_device_id id) {
    pthread_mutex_lock(&compiling);
    emu_cl *cl = opened;
    while (cl && cl->id != id) cl = cl->next;
    if (!cl) cl = make(id);
    pthread_mutex_unlock(&compiling);
    return cl;
}

/* -------------------------------------------------------------------------------------------- a program -- */

static char *read_log(emu_cl *cl, cl_program program) {
    size_t bytes = 0;
    cl_calls.clGetProgramBuildInfo(program, cl->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &bytes);
    char *log = calloc(bytes + 1, 1);
    if (log) cl_calls.clGetProgramBuildInfo(program, cl->id, CL_PROGRAM_BUILD_LOG, bytes, log, NULL);
    return log;
}

static cl_program compile(emu_cl *cl, const char *text, char **log) {
    cl_int e = CL_SUCCESS;
    cl_program program = cl_calls.clCreateProgramWithSource(cl->context, 1, &text, NULL, &e);
    if (!program) return NULL;
    if (cl_calls.clBuildProgram(program, 1, &cl->id, cl->options, NULL, NULL) == CL_SUCCESS) return program;
    *log = read_log(cl, program);
    cl_calls.clReleaseProgram(program);
    return NULL;
}

static cl_program known(const emu_cl *cl, const char *text) {
    for (const built *b = programs; b; b = b->next)
        if (b->cl == cl && strcmp(b->text, text) == 0) return b->program;
    return NULL;
}

cl_program emu_cl_build(emu_cl *cl, const char *text, char **log) {
    const size_t bytes = strlen(text) + 1;
    *log = NULL;
    pthread_mutex_lock(&compiling);
    cl_program program = known(cl, text);
    built *b = program ? NULL : malloc(sizeof *b + bytes);
    if (b && (program = compile(cl, text, log))) {
        *b = (built){.next = programs, .cl = cl, .program = program};
        memcpy(b->text, text, bytes);
        programs = b;
    } else free(b);
    pthread_mutex_unlock(&compiling);
    return program;
}

/* --------------------------------------------------------------------------------------------- a kernel -- */

cl_kernel emu_cl_kernel(cl_program program, const char *name) {
    cl_int e = CL_SUCCESS;
    return cl_calls.clCreateKernel(program, name, &e);
}

void emu_cl_kernel_drop(cl_kernel kernel) { cl_calls.clReleaseKernel(kernel); }

static bool is_pointer(cl_kernel kernel, cl_uint i) {
    cl_kernel_arg_address_qualifier space = CL_KERNEL_ARG_ADDRESS_PRIVATE;
    cl_calls.clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_ADDRESS_QUALIFIER, sizeof space, &space, NULL);
    return space == CL_KERNEL_ARG_ADDRESS_GLOBAL;
}

int emu_cl_parameters(cl_kernel kernel, char type[][64], bool *pointer, int room) {
    cl_uint n = 0;
    if (cl_calls.clGetKernelInfo(kernel, CL_KERNEL_NUM_ARGS, sizeof n, &n, NULL) != CL_SUCCESS || (int)n > room) return -1;
    for (cl_uint i = 0; i < n; i++) {
        pointer[i] = is_pointer(kernel, i);
        if (cl_calls.clGetKernelArgInfo(kernel, i, CL_KERNEL_ARG_TYPE_NAME, 64, type[i], NULL) != CL_SUCCESS) return -1;
    }
    return (int)n;
}

size_t emu_cl_local_bytes(const emu_cl *cl, cl_kernel kernel) {
    cl_ulong bytes = 0;
    cl_calls.clGetKernelWorkGroupInfo(kernel, cl->id, CL_KERNEL_LOCAL_MEM_SIZE, sizeof bytes, &bytes, NULL);
    return (size_t)bytes;
}

static cl_int set(cl_kernel kernel, int n, const void *const *value, const size_t *bytes, const bool *pointer) {
    cl_int e = CL_SUCCESS;
    for (int i = 0; i < n && e == CL_SUCCESS; i++) {
        e = pointer[i] ? cl_calls.clSetKernelArgSVMPointer(kernel, (cl_uint)i, value[i])
                       : cl_calls.clSetKernelArg(kernel, (cl_uint)i, bytes[i], value[i]);
    }
    return e;
}

/* Less than CL_COMPLETE: the driver says that the kernel failed. */
static cl_int finish(cl_event event) {
    cl_int status = CL_COMPLETE;
    cl_int e = cl_calls.clWaitForEvents(1, &event);
    cl_calls.clGetEventInfo(event, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof status, &status, NULL);
    cl_calls.clReleaseEvent(event);
    return status < CL_COMPLETE ? status : e;
}

cl_int emu_cl_run(emu_cl *cl, cl_kernel kernel, int n, const void *const *value, const size_t *bytes, const bool *pointer,
                  const size_t global[3], const size_t group[3]) {
    cl_event event = NULL;
    pthread_mutex_lock(&running);
    cl_int e = set(kernel, n, value, bytes, pointer);
    if (e == CL_SUCCESS && !stopped) e = cl_calls.clEnqueueNDRangeKernel(cl->queue, kernel, 3, NULL, global, group, 0,
        NULL, &event);
    if (event) e = finish(event);
    pthread_mutex_unlock(&running);
    return e;
}

void emu_cl_stop(void) {
    pthread_mutex_lock(&running);
    stopped = true;
    pthread_mutex_unlock(&running);
}
