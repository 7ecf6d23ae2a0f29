/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A driver of OpenCL that is PoCL with a guard at the door: it takes PoCL's table of functions, which each of PoCL's objects
 * begins with (cl_khr_icd), and puts its own functions there. They count calls and references, fail as a script says
 * (script.h), and pass on what is left. Tests in the same process steer it through the functions shim_....
 */
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_icd.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script.h"
#include "shim.h"

static cl_icd_dispatch real;

/* ------------------------------------------------------------------------------------ calls and objects -- */

enum {
#define EACH(name) AT_##name,
#include "each.def"
    CALLS
};
_Static_assert((int)CALLS <= (int)SCRIPT_CALLS, "the script counts fewer calls");

enum { CONTEXT, QUEUE, BUFFER, PROGRAM, KERNEL, EVENT, SHARED, KINDS };
static const char *const kinds[KINDS] = {"context", "queue", "buffer", "program", "kernel", "event", "shared"};
static _Atomic int64_t live[KINDS];

/* The gate that stuck commands wait for; NULL when it is open. */
static cl_event _Atomic gate;

static void close_gate(cl_command_queue queue) {
    cl_context context = NULL;
    cl_int e;
    if (gate || real.clGetCommandQueueInfo(queue, CL_QUEUE_CONTEXT, sizeof context, &context, NULL) != CL_SUCCESS) return;
    gate = real.clCreateUserEvent(context, &e);
}

/* A command that waits for the gate, and everything behind it. */
static void hold(cl_command_queue queue) {
    cl_event closed;
    close_gate(queue);
    closed = gate;
    if (closed) real.clEnqueueBarrierWithWaitList(queue, 1, &closed, NULL);
}

void shim_let_go(void) {
    cl_event closed = atomic_exchange(&gate, NULL);
    script_let_go();
    if (!closed) return;
    real.clSetUserEventStatus(closed, CL_COMPLETE);
    real.clReleaseEvent(closed);
}

/* -------------------------------------------------------------------------------------- functions of it -- */

#define ENTER(name) script_enter(#name, AT_##name)

/* Those with a limit: 0 where the script says nothing of it. */
static bool beyond(limit which, size_t value) {
    return script_limit(which) >= 0 && value > (size_t)script_limit(which);
}

static cl_int give(const void *bytes, size_t n, size_t size, void *value, size_t *length) {
    if (value && size < n) return CL_INVALID_VALUE;
    if (value) memcpy(value, bytes, n);
    if (length) *length = n;
    return CL_SUCCESS;
}

static cl_int give_number(int64_t number, size_t width, size_t size, void *value, size_t *length) {
    return give(&number, width, size, value, length);         /* of a little-endian machine */
}

/* The extensions without those that the script takes away. */
static void take_away(char *extensions, const char *name) {
    char *at = strstr(extensions, name);
    if (at) memset(at, ' ', strlen(name));
}

static cl_int give_extensions(cl_device_id device, size_t size, void *value, size_t *length) {
    const cl_int e = real.clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, size, value, length);
    if (e == CL_SUCCESS && value && script_limit(LIMIT_FP64) == 0) take_away(value, "cl_khr_fp64");
    if (e == CL_SUCCESS && value && script_limit(LIMIT_FP16) == 0) take_away(value, "cl_khr_fp16");
    return e;
}

static const struct { cl_device_info what; limit limit; size_t width; } limited[] = {
    {CL_DEVICE_MAX_MEM_ALLOC_SIZE, LIMIT_BLOCK, 8}, {CL_DEVICE_LOCAL_MEM_SIZE, LIMIT_LOCAL, 8},
    {CL_DEVICE_MAX_WORK_GROUP_SIZE, LIMIT_GROUP, sizeof(size_t)}, {CL_DEVICE_GLOBAL_MEM_SIZE, LIMIT_MEMORY, 8},
    {CL_DEVICE_DOUBLE_FP_CONFIG, LIMIT_FP64, 8}, {CL_DEVICE_HALF_FP_CONFIG, LIMIT_FP16, 8},
    {CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE, LIMIT_FP64, 4}, {CL_DEVICE_NATIVE_VECTOR_WIDTH_HALF, LIMIT_FP16, 4},
};

static cl_int device_of_1_2(cl_device_id device, cl_device_info what, size_t size, void *value, size_t *length) {
    static const char version[] = "OpenCL 1.2 shim", language[] = "OpenCL C 1.2 shim";
    switch (what) {
    case CL_DEVICE_VERSION: return give(version, sizeof version, size, value, length);
    case CL_DEVICE_OPENCL_C_VERSION: return give(language, sizeof language, size, value, length);
    case CL_DEVICE_SVM_CAPABILITIES: case CL_DEVICE_NUMERIC_VERSION: return CL_INVALID_VALUE;
    default: return real.clGetDeviceInfo(device, what, size, value, length);
    }
}

static cl_int CL_API_CALL mine_clGetDeviceInfo(cl_device_id device, cl_device_info what, size_t size, void *value,
                                               size_t *length) {
    const cl_int e = ENTER(clGetDeviceInfo);
    if (e < 0) return e;
    if (what == CL_DEVICE_EXTENSIONS) return give_extensions(device, size, value, length);
    for (size_t i = 0; i < sizeof limited / sizeof limited[0]; i++)
        if (limited[i].what == what && script_limit(limited[i].limit) >= 0)
            return give_number(script_limit(limited[i].limit), limited[i].width, size, value, length);
    if (script_limit(LIMIT_VERSION) == 12) return device_of_1_2(device, what, size, value, length);
    return real.clGetDeviceInfo(device, what, size, value, length);
}

static cl_int CL_API_CALL mine_clGetKernelWorkGroupInfo(cl_kernel kernel, cl_device_id device, cl_kernel_work_group_info what,
                                                        size_t size, void *value, size_t *length) {
    const cl_int e = ENTER(clGetKernelWorkGroupInfo);
    if (e < 0) return e;
    if (what == CL_KERNEL_WORK_GROUP_SIZE && script_limit(LIMIT_GROUP) >= 0)
        return give_number(script_limit(LIMIT_GROUP), sizeof(size_t), size, value, length);
    return real.clGetKernelWorkGroupInfo(kernel, device, what, size, value, length);
}

static cl_mem CL_API_CALL mine_clCreateBuffer(cl_context context, cl_mem_flags flags, size_t size, void *host, cl_int *code) {
    cl_int e = ENTER(clCreateBuffer);
    cl_mem made = NULL;
    if (e >= 0 && beyond(LIMIT_BLOCK, size)) e = CL_INVALID_BUFFER_SIZE;
    if (e >= 0) made = real.clCreateBuffer(context, flags, size, host, &e);
    if (code) *code = e;
    if (made) live[BUFFER]++;
    return made;
}

static cl_int CL_API_CALL mine_clEnqueueNDRangeKernel(cl_command_queue queue, cl_kernel kernel, cl_uint n, const size_t *offset,
                                                      const size_t *global, const size_t *local, cl_uint n_events,
                                                      const cl_event *events, cl_event *event) {
    cl_int e = ENTER(clEnqueueNDRangeKernel);
    size_t items = 1;
    if (e < 0) return e;
    if (e == SCRIPT_STUCK) hold(queue);
    for (cl_uint i = 0; local && i < n; i++) items *= local[i];
    if (beyond(LIMIT_GROUP, items)) return CL_INVALID_WORK_GROUP_SIZE;
    e = real.clEnqueueNDRangeKernel(queue, kernel, n, offset, global, local, n_events, events, event);
    if (e == CL_SUCCESS && event) live[EVENT]++;
    return e;
}

/* What a source begins with: a line that no compiler accepts where the script has broken it, and one that makes an error of
   each use of a type that the device was told not to have, which PoCL would compile all the same. */
static const char *preamble(void) {
    if (script_breaks_sources()) return "#error told to be broken\n";
    return script_limit(LIMIT_FP64) == 0 ? "#define double there is no double here\n" : "";
}

/* The backend gives a source in one piece. */
static cl_program CL_API_CALL mine_clCreateProgramWithSource(cl_context context, cl_uint n, const char **texts,
                                                             const size_t *lengths, cl_int *code) {
    const char *both[2] = {preamble(), n == 1 ? texts[0] : ""};
    const size_t both_lengths[2] = {0, n == 1 && lengths ? lengths[0] : 0};
    const cl_int told = n == 1 ? ENTER(clCreateProgramWithSource) : CL_INVALID_VALUE;
    if (told < 0 && code) *code = told;
    if (told < 0) return NULL;
    cl_program made = real.clCreateProgramWithSource(context, 2, both, both_lengths, code);
    if (made) live[PROGRAM]++;
    return made;
}

static void *CL_API_CALL mine_clEnqueueMapBuffer(cl_command_queue queue, cl_mem buffer, cl_bool blocking, cl_map_flags flags,
                                                 size_t offset, size_t size, cl_uint n_events, const cl_event *events,
                                                 cl_event *event, cl_int *code) {
    cl_int e = ENTER(clEnqueueMapBuffer);
    void *address = NULL;
    if (e == SCRIPT_STUCK) hold(queue);
    if (e >= 0) address = real.clEnqueueMapBuffer(queue, buffer, blocking, flags, offset, size, n_events, events, event, &e);
    if (code) *code = e;
    if (address && event) live[EVENT]++;
    return address;
}

/* Shared virtual memory came with OpenCL 2.0. */
static void *CL_API_CALL mine_clSVMAlloc(cl_context context, cl_svm_mem_flags flags, size_t size, cl_uint alignment) {
    if (ENTER(clSVMAlloc) < 0 || script_limit(LIMIT_VERSION) == 12 || beyond(LIMIT_BLOCK, size)) return NULL;
    void *made = real.clSVMAlloc(context, flags, size, alignment);
    if (made) live[SHARED]++;
    return made;
}

static void CL_API_CALL mine_clSVMFree(cl_context context, void *pointer) {
    ENTER(clSVMFree);
    if (pointer) live[SHARED]--;
    real.clSVMFree(context, pointer);
}

/* -------------------------------------------------------------------------------------------- callbacks -- */

typedef struct call {
    void (CL_CALLBACK *function)(cl_event, cl_int, void *);
    void *argument;
} call;

static void CL_CALLBACK with_another_fate(cl_event event, cl_int fate, void *argument) {
    call *c = argument;
    (void)fate;
    c->function(event, script_callback(), c->argument);
    free(c);
}

static cl_int CL_API_CALL mine_clSetEventCallback(cl_event event, cl_int type, void (CL_CALLBACK *function)(cl_event, cl_int, void *),
                                                  void *argument) {
    const cl_int e = ENTER(clSetEventCallback);
    if (e < 0) return e;
    if (script_callback() == 1) return CL_SUCCESS;
    if (script_callback() == 0) return real.clSetEventCallback(event, type, function, argument);
    call *c = malloc(sizeof *c);
    if (!c) return CL_OUT_OF_HOST_MEMORY;
    *c = (call){function, argument};
    return real.clSetEventCallback(event, type, with_another_fate, c);
}

/* ---------------------------------------------------------------------------------- functions of a kind -- */

#define MINE(name)
#define ANSWERS(name, parameters, arguments) \
    static cl_int CL_API_CALL mine_##name parameters { \
        const cl_int answer = ENTER(name); \
        return answer < 0 ? answer : real.name arguments; \
    }
#define ENQUEUES(name, parameters, arguments) \
    static cl_int CL_API_CALL mine_##name parameters { \
        cl_int answer = ENTER(name); \
        if (answer == SCRIPT_STUCK) hold(a); \
        answer = answer < 0 ? answer : real.name arguments; \
        if (answer == CL_SUCCESS && event) live[EVENT]++; \
        return answer; \
    }
#define MAKES(kind, type, name, parameters, arguments) \
    static type CL_API_CALL mine_##name parameters { \
        const cl_int answer = ENTER(name); \
        if (answer < 0 && code) *code = answer; \
        type made = answer < 0 ? NULL : real.name arguments; \
        if (made) live[kind]++; \
        return made; \
    }
#define KEEPS(kind, type, name) \
    static cl_int CL_API_CALL mine_##name(type object) { \
        const cl_int answer = ENTER(name); \
        if (answer < 0) return answer; \
        live[kind]++; \
        return real.name(object); \
    }
/* A release that fails has released all the same: nobody could do it again. */
#define DROPS(kind, type, name) \
    static cl_int CL_API_CALL mine_##name(type object) { \
        const cl_int told = ENTER(name), answer = real.name(object); \
        live[kind]--; \
        return told < 0 ? told : answer; \
    }
#include "calls.def"

/* --------------------------------------------------------------------------------------------- the door -- */

static void put_ours(cl_icd_dispatch *table) {
    real = *table;
#define EACH(name) table->name = mine_##name;
#include "each.def"
}

typedef cl_int (CL_API_CALL *list_platforms)(cl_uint, cl_platform_id *, cl_uint *);
typedef void *(CL_API_CALL *find_function)(const char *);
static list_platforms list;
static find_function find;

/* What the installed manifest names. */
static void *open_pocl(void) {
    char line[512] = "";
    FILE *f = fopen("/etc/OpenCL/vendors/pocl.icd", "r");
    if (f && fgets(line, sizeof line, f)) line[strcspn(line, "\n")] = '\0';
    if (f) fclose(f);
    return line[0] ? dlopen(line, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* Where the library is loaded, which is before anybody calls it. */
__attribute__((constructor)) static void read_environment(void) {
    const char *text = getenv("HAL_TEST_ICD");
    script_read(text ? text : "");
}

static void open_door(void) {
    cl_platform_id platform = NULL;
    void *pocl = open_pocl();
    if (!pocl) return;
    *(void **)&find = dlsym(pocl, "clGetExtensionFunctionAddress");
    if (find) *(void **)&list = find("clIcdGetPlatformIDsKHR");
    if (list && list(1, &platform, NULL) == CL_SUCCESS) put_ours(*(cl_icd_dispatch **)(void *)platform);
}

static void open_once(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_door);
}

/* What loaders look up. */
#pragma GCC visibility push(default)
cl_int CL_API_CALL clIcdGetPlatformIDsKHR(cl_uint room, cl_platform_id *platforms, cl_uint *n) {
    open_once();
    return list ? list(room, platforms, n) : -1001;            /* CL_PLATFORM_NOT_FOUND_KHR */
}

void *CL_API_CALL clGetExtensionFunctionAddress(const char *name) {
    open_once();
    if (strcmp(name, "clIcdGetPlatformIDsKHR") == 0) return (void *)clIcdGetPlatformIDsKHR;
    if (strcmp(name, "clGetPlatformInfo") == 0) return (void *)mine_clGetPlatformInfo;
    return find ? find(name) : NULL;
}
#pragma GCC visibility pop

/* ------------------------------------------------------------------------------------------- the strings -- */

void shim_begin(const char *text) {
    shim_let_go();
    script_read(text);
}

static unsigned number_of(const char *name) {
#define EACH(call) if (strcmp(name, #call) == 0) return AT_##call;
#include "each.def"
    return SCRIPT_CALLS;
}

uint64_t shim_calls(const char *name) { return script_calls(number_of(name)); }

int64_t shim_live(const char *kind) {
    int64_t n = 0;
    for (unsigned i = 0; i < KINDS; i++)
        if (strcmp(kind, "*") == 0 || strcmp(kind, kinds[i]) == 0) n += live[i];
    return n;
}

const char *shim_failed(void) { return script_failed(); }
