/* SPDX-License-Identifier: Apache-2.0 */
/* A backend that is right, because it runs the reference, or wrong in the way that HAL_WRONG names: what the gates of the
 * conformance runner have to see.
 *
 *   (not set)  right
 *   bit N      flips bit N of the first element of each output
 *   last       leaves the last element of each output as it was
 *   beyond     writes one byte behind each output
 *   one NAME   flips a bit of the outputs of that operator alone
 *   refuse     has no operator
 *   kernels N  says that it made N kernels
 */
#include <hal/backend.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 64 };

static const hal_host *host;
static struct {
    int bit; /* or -1 */
    bool last, beyond, refuse;
    char one[64];
    unsigned kernels;
} wrong;

static hal_status wrong_open(const hal_host *given, void **state) {
    const char *mode = getenv("HAL_WRONG");
    host = given;
    *state = &host;
    wrong.bit = -1;
    if (!mode) return HAL_OK;
    if (sscanf(mode, "bit %d", &wrong.bit) == 1) return HAL_OK;
    if (sscanf(mode, "kernels %u", &wrong.kernels) == 1) return HAL_OK;
    if (sscanf(mode, "one %63s", wrong.one) == 1) wrong.bit = 4;
    wrong.last = strcmp(mode, "last") == 0;
    wrong.beyond = strcmp(mode, "beyond") == 0;
    wrong.refuse = strcmp(mode, "refuse") == 0;
    return HAL_OK;
}

static void wrong_close(void *state) { (void)state; }

static hal_status wrong_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count) {
    (void)state;
    if (capacity > 0) records[0] = (hal_device_record){.alias = "wrong", .name = "the reference, or not", .memory = "wrong", .host_access = 1};
    *count = 1;
    return HAL_OK;
}

static hal_status wrong_device_open(void *state, uint32_t index, void **device) {
    (void)index;
    *device = state;
    return HAL_OK;
}

static void wrong_device_close(void *device) { (void)device; }

static hal_status out_of_memory(void) {
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0, "wrong: no memory left");
}

static hal_status wrong_alloc(void *device, uint64_t bytes, void **memory, void **address) {
    (void)device;
    void *block = host->allocate(host->context, bytes, 64);
    if (!block) return out_of_memory();
    *memory = *address = memset(block, 0, bytes);
    return HAL_OK;
}

static void wrong_free(void *device, void *memory) {
    (void)device;
    host->release(host->context, memory);
}

static hal_status wrong_support(void *device, const hal_description *program, hal_support_answer *answers) {
    (void)device;
    for (uint32_t i = 0; i < program->n_ops; i++)
        answers[i] = wrong.refuse ? (hal_support_answer){HAL_SUPPORT_NO, "HAL_WRONG says refuse"} : (hal_support_answer){HAL_SUPPORT_NATIVE, ""};
    return HAL_OK;
}

static hal_status wrong_compile(void *device, const hal_description *program, int64_t deadline, void **compiled) {
    (void)device;
    (void)deadline;
    void *copy = host->allocate(host->context, program->bytes, 64);
    if (!copy) return out_of_memory();
    *compiled = memcpy(copy, program, program->bytes);
    return HAL_OK;
}

static void wrong_program_free(void *device, void *compiled) {
    (void)device;
    host->release(host->context, compiled);
}

static hal_status wrong_queue_create(void *device, void **queue) {
    *queue = device;
    return HAL_OK;
}

static hal_status wrong_queue_destroy(void *queue, int64_t deadline) {
    (void)queue;
    (void)deadline;
    return HAL_OK;
}

static char *address_of(const hal_backend_binding *b) { return (char *)(b->memory ? b->memory : b->host) + b->offset; }

static hal_tensor tensor_of(const hal_description_tensor *t, const hal_backend_binding *bindings, const int64_t *symbols) {
    hal_tensor out = {.dtype = (hal_dtype)t->dtype, .rank = t->rank};
    for (uint32_t d = 0; d < t->rank; d++) {
        out.size[d] = hal_dim_value(t->size[d], symbols);
        out.stride[d] = hal_dim_value(t->stride[d], symbols);
    }
    out.host = address_of(&bindings[t->binding]);
    out.offset = t->offset;
    return out;
}

static uint64_t elements(const hal_tensor *t) {
    uint64_t n = 1;
    for (uint32_t d = 0; d < t->rank; d++) n *= (uint64_t)t->size[d];
    return n;
}

/* Outputs of the runner are contiguous, so first and last element are first and last bytes. */
static void spoil(const hal_tensor *t, const unsigned char *before, const char *name, uint32_t width) {
    unsigned char *data = (unsigned char *)t->host + t->offset;
    const uint64_t n = elements(t);
    if (wrong.bit >= 0 && n && wrong.bit < 8 * (int)width && (!wrong.one[0] || strcmp(name, wrong.one) == 0))
        data[wrong.bit / 8] ^= (unsigned char)(1u << (wrong.bit % 8));
    if (wrong.last && n) memcpy(data + (n - 1) * width, before, width);
    if (wrong.beyond) data[n * width] ^= 1;
}

static hal_status run_op(const hal_description *d, const hal_description_op *op, const hal_backend_binding *bindings, const int64_t *symbols) {
    static const uint32_t widths[HAL_DTYPE_COUNT] = {
#define HAL_DTYPE(n, ID, name, bits, elements, bytes, class_) [HAL_##ID] = bytes,
#include <hal/dtypes.def>
    };
    hal_tensor in[MOST] = {0}, out[MOST] = {0};
    unsigned char before[MOST][16] = {0};
    for (uint32_t i = 0; i < op->n_in; i++) {
        const hal_description_tensor *t = hal_description_operand(d, op, i);
        if (t) in[i] = tensor_of(t, bindings, symbols);
    }
    for (uint32_t i = 0; i < op->n_out; i++) {
        out[i] = tensor_of(hal_description_operand(d, op, op->n_in + i), bindings, symbols);
        const uint32_t width = widths[out[i].dtype];
        if (elements(&out[i]) && width <= 16) memcpy(before[i], (char *)out[i].host + out[i].offset + (elements(&out[i]) - 1) * width, width);
    }
    hal_status status = host->op_reference(op->number, hal_description_attrs(d, op), in, op->n_in, out, op->n_out);
    for (uint32_t i = 0; i < op->n_out && status == HAL_OK; i++)
        spoil(&out[i], before[i], host->op_describe(op->number)->name, widths[out[i].dtype]);
    return status;
}

static hal_status wrong_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings, const int64_t *symbols, void *completion) {
    const hal_description *d = compiled;
    (void)queue;
    (void)n_bindings;
    for (uint32_t i = 0; i < d->n_ops; i++) {
        hal_status status = run_op(d, &hal_description_ops(d)[i], bindings, symbols);
        if (status != HAL_OK) return status;
    }
    host->complete(host->context, completion, HAL_OK, "");
    return HAL_OK;
}

static hal_status wrong_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src, uint64_t bytes, void *completion) {
    (void)queue;
    memmove(address_of(dst), address_of(src), bytes);
    host->complete(host->context, completion, HAL_OK, "");
    return HAL_OK;
}

static uint64_t wrong_counter(void *device, const char *name) {
    (void)device;
    return strcmp(name, "kernels") == 0 ? wrong.kernels : 0;
}

static const hal_backend wrong_table = {
    HAL_HEAD(hal_backend), .abi = HAL_BACKEND_ABI, .sanitizer = HAL_BACKEND_SANITIZER, .name = "wrong",
    .description = "the reference, or wrong on purpose", .build_id = "wrong-1", .open = wrong_open, .close = wrong_close,
    .claim = wrong_claim, .device_open = wrong_device_open, .device_close = wrong_device_close, .alloc = wrong_alloc,
    .free = wrong_free, .support = wrong_support, .compile = wrong_compile, .program_free = wrong_program_free,
    .queue_create = wrong_queue_create, .queue_destroy = wrong_queue_destroy, .submit = wrong_submit, .copy = wrong_copy,
    .counter = wrong_counter,
};

HAL_BACKEND_EXPORT(wrong_table, "wrong", "wrong-1")
