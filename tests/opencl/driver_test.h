/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the OpenCL driver share: a host of their own, so that each answer and each failure can be arranged,
 * and descriptions of one or two ops. The devices are those of this machine; PoCL is one wherever it is installed. Calls
 * of OpenCL are made to fail by changing the device's table of functions. Include before anything else.
 */
#ifndef TESTS_OPENCL_DRIVER_TEST_H
#define TESTS_OPENCL_DRIVER_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "backends/opencl/clock.h"
#include "backends/opencl/opencl.h"
#include "leaks.h"

#define assert_ok(expression)         assert_int_equal((expression), HAL_OK)
#define assert_code(expression, code) assert_int_equal(hal_status_code(expression), HAL_CODE_##code)
#define assert_says(part)             assert_non_null(strstr(host.text, part))
#define SOON                          (hal_opencl_now() + INT64_C(60000000000))

extern hal_status hal_backend_query(uint32_t min, uint32_t max, const hal_backend **out);

/* ------------------------------------------------------------------------------------------- the host -- */

enum { MOST_KEPT = 64, MOST_SPANS = 64 };
typedef struct kept { void *key, *data; size_t key_bytes, bytes; } kept;
typedef struct told_span { char category[16], name[64]; int64_t begin, end, symbol; } told_span;

static struct {
    hal_host table;
    const hal_backend *backend;
    void *state;
    /* What fail said last, and device_lost; how often that came. */
    char text[2048], lost_text[512];
    int lost;
    /* What vendor_devices tells. */
    hal_vendor_device device[8];
    uint32_t n_devices;
    /* The cache; `damage`: what is loaded is not what was stored. */
    kept kept[MOST_KEPT];
    int n_kept;
    bool damage, primitives;
    told_span span[MOST_SPANS];
    int n_spans;
} host;

static inline hal_status host_fail(void *context, hal_status status, int64_t code, const char *format, ...) {
    va_list list;
    (void)context;
    (void)code;
    va_start(list, format);
    vsnprintf(host.text, sizeof host.text, format, list);
    va_end(list);
    return status;
}

static inline void *host_allocate(void *context, size_t bytes, size_t alignment) {
    (void)context;
    return aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

static inline void host_release(void *context, void *pointer) {
    (void)context;
    free(pointer);
}

/* What submit and copy are given. */
typedef struct ending { pthread_mutex_t lock; pthread_cond_t told; int times; hal_status status; char text[512]; } ending;
#define ENDING {.lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER}

static inline void host_complete(void *context, void *completion, hal_status status, const char *text) {
    ending *e = completion;
    (void)context;
    pthread_mutex_lock(&e->lock);
    e->times++;
    e->status = status;
    snprintf(e->text, sizeof e->text, "%s", text);
    pthread_cond_signal(&e->told);
    pthread_mutex_unlock(&e->lock);
}

static inline hal_status await(ending *e) {
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&e->lock);
    while (e->times == 0 && rc == 0) rc = pthread_cond_timedwait(&e->told, &e->lock, &until);
    assert_int_equal(e->times, 1);
    e->times = 0;
    pthread_mutex_unlock(&e->lock);
    return e->status;
}

static inline void host_lost(void *context, uint32_t device, const char *text) {
    (void)context;
    (void)device;
    host.lost++;
    snprintf(host.lost_text, sizeof host.lost_text, "%s", text);
}

static inline const char *host_option(void *context, const char *name) {
    (void)context;
    return host.primitives && strcmp(name, "primitives_only") == 0 ? "1" : NULL;
}

static inline const hal_op_info *host_describe(uint32_t number) { return hal_op_describe(number); }

static inline uint32_t host_devices(void *context, const char *vendor, uint32_t capacity, hal_vendor_device *devices) {
    (void)context;
    assert_string_equal(vendor, "opencl");
    for (uint32_t i = 0; i < host.n_devices && i < capacity; i++) devices[i] = host.device[i];
    return host.n_devices;
}

static inline kept *find_kept(const void *key, size_t bytes) {
    for (int i = 0; i < host.n_kept; i++)
        if (host.kept[i].key_bytes == bytes && memcmp(host.kept[i].key, key, bytes) == 0) return &host.kept[i];
    return NULL;
}

static inline void *copy_of(const void *data, size_t bytes) {
    void *copy = malloc(bytes);
    assert_non_null(copy);
    return memcpy(copy, data, bytes);
}

static inline void *host_load(void *context, const void *key, size_t key_bytes, size_t *bytes) {
    const kept *k = find_kept(key, key_bytes);
    (void)context;
    if (!k) return NULL;
    *bytes = k->bytes;
    void *copy = copy_of(k->data, k->bytes);
    if (host.damage) memset(copy, 0x5a, k->bytes);
    return copy;
}

static inline void host_store(void *context, const void *key, size_t key_bytes, const void *data, size_t bytes) {
    kept *k = find_kept(key, key_bytes);
    (void)context;
    if (k) free(k->data);
    else {
        assert_true(host.n_kept < MOST_KEPT);
        k = &host.kept[host.n_kept++];
        k->key = copy_of(key, key_bytes);
        k->key_bytes = key_bytes;
    }
    k->data = copy_of(data, bytes);
    k->bytes = bytes;
}

static inline void host_span(void *context, uint32_t device, const char *category, const char *name, int64_t begin,
                             int64_t end) {
    (void)context;
    (void)device;
    if (host.n_spans == MOST_SPANS) return;
    told_span *s = &host.span[host.n_spans++];
    snprintf(s->category, sizeof s->category, "%s", category);
    snprintf(s->name, sizeof s->name, "%s", name);
    s->begin = begin;
    s->end = end;
}

static inline void host_op_span(void *context, uint32_t device, const hal_description *program, uint32_t op,
                                const int64_t *symbols, int64_t begin, int64_t end) {
    const char *names = (const char *)program + hal_description_ops(program)[op].names;
    host_span(context, device, "op", names, begin, end);
    host.span[host.n_spans - 1].symbol = program->n_symbols && symbols ? symbols[0] : 0;
}

static inline void forget_kept(void) {
    for (int i = 0; i < host.n_kept; i++) {
        free(host.kept[i].key);
        free(host.kept[i].data);
    }
    host.n_kept = 0;
}

/* ---------------------------------------------------------------------------------------- the devices -- */

static inline void tell_device(const hal_opencl_api *cl, cl_platform_id platform, cl_device_id id, uint32_t index) {
    hal_vendor_device *d = &host.device[host.n_devices++];
    cl_device_type type = 0;
    cl_ulong memory = 0;
    *d = (hal_vendor_device){.index = index, .kind = 1};
    cl->clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof d->platform_name - 1, d->platform_name, NULL);
    cl->clGetDeviceInfo(id, CL_DEVICE_NAME, sizeof d->name - 1, d->name, NULL);
    cl->clGetDeviceInfo(id, CL_DEVICE_TYPE, sizeof type, &type, NULL);
    cl->clGetDeviceInfo(id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof memory, &memory, NULL);
    if (type & CL_DEVICE_TYPE_CPU) d->kind = 0;
    d->memory = memory;
}

/* Those of the first platform that has any. */
static inline void tell_devices(void) {
    hal_opencl_api cl;
    char why[600];
    cl_platform_id platform = NULL;
    cl_device_id ids[8];
    cl_uint n = 0;
    host.n_devices = 0;
    if (!hal_opencl_api_load(&cl, why, sizeof why) || cl.clGetPlatformIDs(1, &platform, NULL) != CL_SUCCESS ||
        cl.clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 8, ids, &n) != CL_SUCCESS) return;
    for (cl_uint i = 0; i < n && i < 8; i++) tell_device(&cl, platform, ids[i], i);
}

static inline void start(void) {
    host.table = (hal_host){.size = sizeof(hal_host), .abi = HAL_BACKEND_ABI, .allocate = host_allocate,
        .release = host_release, .fail = host_fail, .complete = host_complete, .device_lost = host_lost,
        .option = host_option, .op_describe = host_describe, .trace_device = host.table.trace_device,
        .trace_op = host.table.trace_op,
        .vendor_devices = host_devices, .cache_load = host_load, .cache_store = host_store};
    assert_ok(hal_backend_query(0, HAL_BACKEND_ABI, &host.backend));
    assert_ok(host.backend->open(&host.table, &host.state));
}

static inline void stop(void) { host.backend->close(host.state); }

static inline uint32_t claim(hal_device_record *records, uint32_t capacity) {
    uint32_t n = 0;
    assert_ok(host.backend->claim(host.state, capacity, records, &n));
    return n;
}

/* The first device, opened; the test is skipped where there is none. `shared`: in the host's memory. */
static inline hal_opencl_device *open_device(bool shared) {
    void *device = NULL;
    tell_devices();
    if (host.n_devices == 0) skip();
    for (uint32_t i = 0; i < host.n_devices && shared; i++) strcpy(host.device[i].features, "svm-fine");
    start();
    claim(NULL, 0);
    hal_status status = host.backend->device_open(host.state, 0, &device);
    if (status != HAL_OK && shared) {
        stop();
        skip();
    }
    assert_ok(status);
    return device;
}

static inline void close_device(hal_opencl_device *device) {
    host.backend->device_close(device);
    stop();
}

static inline void *take_block(hal_opencl_device *device, uint64_t bytes, void **address) {
    void *memory = NULL, *at = NULL;
    assert_ok(host.backend->alloc(device, bytes, &memory, &at));
    if (address) *address = at;
    return memory;
}

static inline hal_opencl_queue *take_queue(hal_opencl_device *device) {
    void *queue = NULL;
    assert_ok(host.backend->queue_create(device, &queue));
    return queue;
}

/* Copies and waits. */
static inline hal_status copy(hal_opencl_queue *queue, hal_backend_binding dst, hal_backend_binding src, uint64_t bytes) {
    static ending e = ENDING;
    const hal_status status = host.backend->copy(queue, &dst, &src, bytes, &e);
    return status == HAL_OK ? await(&e) : status;
}
#define IN_BLOCK(m, at) ((hal_backend_binding){.memory = (m), .offset = (at)})
#define IN_HOST(p) ((hal_backend_binding){.host = (void *)(p)})

/* ------------------------------------------------------------------------------------------- programs -- */

enum { MOST_OPS = 2 };
/* y0 = op(x0), then y1 = op(y0): binding 0 is x0, then y0, y1. */
typedef struct small {
    hal_description d;
    hal_description_op op[MOST_OPS];
    hal_description_tensor tensor[MOST_OPS + 1];
    hal_description_binding binding[MOST_OPS + 1];
    hal_description_symbol symbol[1];
    uint32_t operands[2 * MOST_OPS];
    char names[16];
    char attrs[1024];
} small;

static inline hal_description_tensor matrix(uint32_t binding, hal_dim rows, hal_dim columns) {
    const hal_dim row = {columns.base * 4, columns.factor * 4, columns.symbol, 0};
    return (hal_description_tensor){.dtype = HAL_F32, .rank = 2, .binding = binding, .size = {rows, columns},
        .stride = {row, hal_dim_constant(4)}};
}

/* `n_ops` transposes of f32 matrices; rows may be symbol 0. */
static inline const hal_description *transposes(small *s, uint32_t n_ops, hal_dim rows, int64_t columns, uint64_t bytes) {
    const hal_dim size[2] = {rows, hal_dim_constant(columns)};
    *s = (small){.d = {.magic = HAL_DESCRIPTION_MAGIC, .version = HAL_DESCRIPTION_VERSION, .bytes = sizeof *s,
        .n_ops = n_ops, .n_operands = 2 * n_ops, .n_tensors = n_ops + 1, .n_bindings = n_ops + 1,
        .n_symbols = rows.symbol >= 0, .ops = offsetof(small, op), .operands = offsetof(small, operands),
        .tensors = offsetof(small, tensor), .bindings = offsetof(small, binding), .symbols = offsetof(small, symbol),
        .attrs = offsetof(small, attrs), .strings = offsetof(small, names)}, .symbol = {{1, 64, 1}}, .names = "swap"};
    for (uint32_t i = 0; i <= n_ops; i++) {
        s->tensor[i] = matrix(i, size[i & 1], size[~i & 1]);
        s->binding[i] = (hal_description_binding){.kind = i ? HAL_BINDING_OUTPUT : HAL_BINDING_INPUT, .bytes = bytes};
    }
    for (uint32_t i = 0; i < n_ops; i++) {
        s->op[i] = (hal_description_op){.number = HAL_OP_TRANSPOSE, .version = 1, .first = 2 * i, .n_in = 1, .n_out = 1,
            .attrs_bytes = sizeof(hal_transpose_attrs), .attrs = offsetof(small, attrs), .names = offsetof(small, names)};
        s->operands[2 * i] = i;
        s->operands[2 * i + 1] = i + 1;
    }
    return &s->d;
}

/* The program, compiled. */
static inline hal_opencl_program *compile(hal_opencl_device *device, const hal_description *d) {
    void *program = NULL;
    assert_ok(host.backend->compile(device, d, SOON, &program));
    return program;
}

/* Submits and waits. */
static inline hal_status run(hal_opencl_queue *queue, hal_opencl_program *program, const hal_backend_binding *bindings,
                             uint32_t n, int64_t symbol) {
    static ending e = ENDING;
    const hal_status status = host.backend->submit(queue, program, bindings, n, &symbol, &e);
    if (status != HAL_OK) return status;
    const hal_status end = await(&e);
    snprintf(host.text, sizeof host.text, "%s", e.text);
    return end;
}

/* What a transpose of 0, 1, 2, ... gives. */
static inline void assert_transposed(const float *y, int64_t rows, int64_t columns) {
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < columns; c++) assert_true(y[c * rows + r] == (float)(r * columns + c));
}

#endif
