/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mock NPU: an emulated accelerator of the kind that compiles whole programs. Its memory is its own and
 * the host cannot reach it; sizes are static; compiling takes milliseconds, and only compiling tells whether
 * a program runs; work runs on a thread of the queue. It exists to prove that nothing in hal assumes a device
 * that runs op by op, at once, in host memory. The arithmetic is the fp64 reference's.
 */
#include <hal/backend.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MEMORY_BYTES  ((uint64_t)1 << 30)
#define COMPILE_NS    2000000 /* of every program */
#define COMPILE_OP_NS 5000    /* of every op on top */
#define INSTRUCTIONS  16384u  /* ops that the instruction memory holds */
enum { MAX_OPERANDS = 16 };

typedef struct npu_state {
    const hal_host *host;
} npu_state;

typedef struct npu_device {
    const hal_host *host;
    _Atomic uint64_t ops, programs, submissions, copies;
} npu_device;

/* What a handle of device memory means. The core only passes it on. */
typedef struct npu_block {
    uint64_t bytes;
    char *data;
} npu_block;

/* One entry of a queue: a program, or a copy when `program` is NULL. What it points to lives until it is
 * completed. */
typedef struct npu_job {
    struct npu_job *next;
    const hal_description *program;
    const hal_backend_binding *bindings; /* of a program */
    hal_backend_binding dst, src;        /* of a copy */
    uint64_t bytes;
    void *completion;
} npu_job;

typedef struct npu_queue {
    npu_device *device;
    pthread_t worker;
    pthread_mutex_t lock;
    pthread_cond_t work, idle;
    npu_job *first, *last; /* the first is the running one until it is completed */
    bool stopping;
} npu_queue;

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static struct timespec timespec_of(int64_t ns)
{
    int64_t n = ns > 0 ? ns : 0;
    return (struct timespec){.tv_sec = n / 1000000000, .tv_nsec = n % 1000000000};
}

static void *take(const hal_host *host, size_t bytes)
{
    void *p = host->allocate(host->context, bytes, 64);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

static hal_status out_of_memory(const hal_host *host, const char *what, uint64_t bytes)
{
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                      "mock-npu: no host memory for %s (%llu bytes); free memory and try again", what,
                      (unsigned long long)bytes);
}

static hal_status unsupported(const hal_host *host, const char *what, uint32_t op, const char *reason)
{
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
                      "mock-npu: %s %u of the program: %s; run it on another device", what, op, reason);
}

/* -------------------------------------------------- start and devices -- */

static hal_status npu_open(const hal_host *host, void **state)
{
    npu_state *s = take(host, sizeof *s);
    if (s == NULL)
        return out_of_memory(host, "the backend", sizeof *s);
    s->host = host;
    *state = s;
    return HAL_OK;
}

static void npu_close(void *state)
{
    npu_state *s = state;
    s->host->release(s->host->context, s);
}

static hal_status npu_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    (void)state;
    if (capacity > 0)
        records[0] = (hal_device_record){.alias = "mock-npu",
                                         .name = "mock NPU (emulated; static sizes, whole programs)",
                                         .memory = "mock-npu0",
                                         .memory_bytes = MEMORY_BYTES,
                                         .emulated = 1};
    *count = 1;
    return HAL_OK;
}

static hal_status npu_device_open(void *state, uint32_t index, void **device)
{
    const npu_state *s = state;
    npu_device *d = take(s->host, sizeof *d);
    (void)index;
    if (d == NULL)
        return out_of_memory(s->host, "the device", sizeof *d);
    d->host = s->host;
    *device = d;
    return HAL_OK;
}

static void npu_device_close(void *device)
{
    npu_device *d = device;
    d->host->release(d->host->context, d);
}

/* -------------------------------------------------- memory -- */

static void npu_free(void *device, void *memory)
{
    const npu_device *d = device;
    npu_block *b = memory;
    if (b != NULL)
        d->host->release(d->host->context, b->data);
    d->host->release(d->host->context, b);
}

static hal_status npu_alloc(void *device, uint64_t bytes, void **memory, void **host)
{
    const npu_device *d = device;
    npu_block *b = take(d->host, sizeof *b);
    if (b == NULL)
        return out_of_memory(d->host, "a handle", sizeof *b);
    b->bytes = bytes;
    b->data = take(d->host, bytes);
    if (b->data == NULL) {
        npu_free(device, b);
        return out_of_memory(d->host, "a block of emulated memory", bytes);
    }
    *memory = b;
    *host = NULL;
    return HAL_OK;
}

/* -------------------------------------------------- programs -- */

/* Why the instruction set lacks a row; NULL when it has it. */
static const char *lacks(const hal_host *host, uint32_t number)
{
    const hal_op_info *op = host->op_describe(number);
    if (op == NULL)
        return "no operator has this number";
    if (op->kind == HAL_OP_KIND_COMPOSITE)
        return "the mock NPU has primitives only";
    switch (number) {
    case HAL_OP_SORT:
    case HAL_OP_TOP_K:
    case HAL_OP_SCAN: return "the mock NPU has no unit that orders or scans";
    case HAL_OP_RANDOM: return "the mock NPU has no random numbers";
    case HAL_OP_PACK:
    case HAL_OP_UNPACK: return "the mock NPU has no packed layouts";
    default: return NULL;
    }
}

/* Missing rows are known beforehand, so that planning may decompose them. Anything else only compiling tells.
 */
static hal_status npu_support(void *device, const hal_description *program, hal_support_answer *answers)
{
    const npu_device *d = device;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        const char *reason = lacks(d->host, hal_description_ops(program)[i].number);
        answers[i] = (hal_support_answer){.support = reason ? HAL_SUPPORT_NO : HAL_SUPPORT_AFTER_COMPILE};
        snprintf(answers[i].reason, sizeof answers[i].reason, "%s", reason ? reason : "");
    }
    return HAL_OK;
}

/* A guess that makes nobody choose an emulation. */
static hal_status npu_cost(void *device, const hal_description *program, hal_cost *cost)
{
    (void)device;
    double bytes = 0;
    for (uint32_t i = 0; i < program->n_bindings; i++)
        bytes += (double)hal_description_bindings(program)[i].bytes;
    *cost = (hal_cost){.seconds = bytes * 1e-7 + program->n_ops * 1e-4, .bytes = bytes, .confidence = 0};
    return HAL_OK;
}

/* One past the last byte that a tensor of static size touches must lie in its binding, and the first not
 * before it. */
static bool inside(const hal_description *d, const hal_description_tensor *t, uint64_t element_bytes)
{
    int64_t low = 0, high, step;
    if (__builtin_add_overflow(element_bytes, 0, &high))
        return false;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->size[i].base == 0)
            return true;
        if (__builtin_mul_overflow(t->size[i].base - 1, t->stride[i].base, &step) ||
            __builtin_add_overflow(step < 0 ? low : high, step, step < 0 ? &low : &high))
            return false;
    }
    int64_t first, end;
    return !__builtin_add_overflow(t->offset, low, &first) &&
           !__builtin_add_overflow(t->offset, high, &end) && first >= 0 &&
           (uint64_t)end <= hal_description_bindings(d)[t->binding].bytes;
}

/* Bytes of an element; 0 for formats that the machine does not know. */
static uint64_t element_bytes(uint32_t dtype)
{
    static const struct {
        uint32_t bits, elements, bytes;
    } rows[HAL_DTYPE_COUNT] = {
#define HAL_DTYPE(number, ID, name, bits, elements, bytes, class_) [number] = {bits, elements, bytes},
#include <hal/dtypes.def>
    };
    return dtype < HAL_DTYPE_COUNT && rows[dtype].elements == 1 ? rows[dtype].bytes : 0;
}

static const char *check_tensor(const hal_description *d, const hal_description_tensor *t)
{
    if (t->layout_kind != 0)
        return "its layout is opaque";
    if (t->dtype == HAL_F64)
        return "the mock NPU has no f64";
    if (element_bytes(t->dtype) == 0)
        return "the mock NPU does not know its format";
    for (uint32_t i = 0; i < t->rank; i++)
        if (t->size[i].symbol >= 0 || t->stride[i].symbol >= 0)
            return "its size is a symbol, and the mock NPU runs static sizes only";
    return inside(d, t, element_bytes(t->dtype)) ? NULL : "it reaches past its binding";
}

/* Walks the program as a whole: either all of it runs here or nothing. */
static hal_status check(const hal_host *host, const hal_description *d)
{
    if (d->n_ops > INSTRUCTIONS)
        return unsupported(host, "op", INSTRUCTIONS, "the instruction memory of the mock NPU is full");
    for (uint32_t i = 0; i < d->n_ops; i++) {
        const hal_description_op *op = &hal_description_ops(d)[i];
        const char *reason = lacks(host, op->number);
        if (reason == NULL && (op->n_in > MAX_OPERANDS || op->n_out > MAX_OPERANDS))
            reason = "it has more operands than an instruction";
        if (reason == NULL && op->attrs_bytes != host->op_describe(op->number)->attrs_size)
            reason = "its attributes are of another version";
        for (uint32_t o = 0; reason == NULL && o < op->n_in + op->n_out; o++) {
            const hal_description_tensor *t = hal_description_operand(d, op, o);
            reason = t != NULL ? check_tensor(d, t) : o >= op->n_in ? "an output is absent" : NULL;
        }
        if (reason != NULL)
            return unsupported(host, "op", i, reason);
    }
    return HAL_OK;
}

/* The time that compiling for such machines takes, or what is left until the deadline. */
static hal_status labour(const hal_host *host, uint32_t n_ops, int64_t deadline)
{
    int64_t needed = COMPILE_NS + (int64_t)n_ops * COMPILE_OP_NS, begin = now();
    bool late = deadline < begin || deadline - begin < needed;
    struct timespec end = timespec_of(late ? deadline : begin + needed);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
        ;
    if (!late)
        return HAL_OK;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DEADLINE_EXCEEDED), 0,
                      "mock-npu: compiling %u ops takes %lld us and the deadline came first; allow more time",
                      n_ops, (long long)(needed / 1000));
}

static hal_status npu_compile(void *device, const hal_description *program, int64_t deadline, void **compiled)
{
    npu_device *d = device;
    HAL_TRY(labour(d->host, program->n_ops, deadline));
    HAL_TRY(check(d->host, program));
    void *copy = take(d->host, program->bytes);
    if (copy == NULL)
        return out_of_memory(d->host, "a compiled program", program->bytes);
    memcpy(copy, program, program->bytes);
    atomic_fetch_add(&d->programs, 1);
    *compiled = copy;
    return HAL_OK;
}

static void npu_program_free(void *device, void *compiled)
{
    const npu_device *d = device;
    d->host->release(d->host->context, compiled);
}

/* -------------------------------------------------- running -- */

static char *address(const hal_backend_binding *b)
{
    const npu_block *block = b->memory;
    return (block != NULL ? block->data : (char *)b->host) + b->offset;
}

static hal_tensor tensor_of(const hal_description_tensor *t, const hal_backend_binding *bindings)
{
    hal_tensor made = {.dtype = HAL_NO_DTYPE};
    if (t == NULL)
        return made;
    made.host = address(&bindings[t->binding]);
    made.offset = t->offset;
    made.dtype = (hal_dtype)t->dtype;
    made.rank = t->rank;
    for (uint32_t i = 0; i < t->rank; i++) {
        made.size[i] = t->size[i].base;
        made.stride[i] = t->stride[i].base;
    }
    return made;
}

static hal_status run_op(const hal_host *host, const hal_description *d, const hal_description_op *op,
                         const hal_backend_binding *bindings)
{
    hal_tensor in[MAX_OPERANDS], out[MAX_OPERANDS];
    for (uint32_t i = 0; i < op->n_in; i++)
        in[i] = tensor_of(hal_description_operand(d, op, i), bindings);
    for (uint32_t i = 0; i < op->n_out; i++)
        out[i] = tensor_of(hal_description_operand(d, op, op->n_in + i), bindings);
    return host->op_reference(op->number, hal_description_attrs(d, op), in, op->n_in, out, op->n_out);
}

static void run_program(npu_device *device, const npu_job *job)
{
    const hal_host *host = device->host;
    const hal_description *d = job->program;
    char text[128] = "";
    hal_status status = HAL_OK;
    for (uint32_t i = 0; i < d->n_ops && status == HAL_OK; i++) {
        const hal_description_op *op = &hal_description_ops(d)[i];
        status = run_op(host, d, op, job->bindings);
        atomic_fetch_add(&device->ops, 1);
        if (status != HAL_OK)
            snprintf(text, sizeof text, "mock-npu: op %u of the program (%s) failed while running", i,
                     host->op_describe(op->number)->name);
    }
    if (status != HAL_OK)
        status = HAL_STATUS(HAL_DAMAGE_GRAPH, hal_status_code(status));
    host->complete(host->context, job->completion, status, text);
}

static void run_job(npu_device *device, const npu_job *job)
{
    if (job->program != NULL) {
        run_program(device, job);
        return;
    }
    memmove(address(&job->dst), address(&job->src), job->bytes);
    device->host->complete(device->host->context, job->completion, HAL_OK, "");
}

static void *work(void *argument)
{
    npu_queue *q = argument;
    pthread_mutex_lock(&q->lock);
    for (;;) {
        while (q->first == NULL && !q->stopping)
            pthread_cond_wait(&q->work, &q->lock);
        if (q->first == NULL)
            break;
        npu_job *job = q->first;
        pthread_mutex_unlock(&q->lock);
        run_job(q->device, job);
        pthread_mutex_lock(&q->lock);
        q->first = job->next;
        if (q->first == NULL)
            q->last = NULL;
        q->device->host->release(q->device->host->context, job);
        pthread_cond_broadcast(&q->idle);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

/* -------------------------------------------------- queues -- */

static void free_queue(npu_queue *q)
{
    const hal_host *host = q->device->host;
    pthread_cond_destroy(&q->work);
    pthread_cond_destroy(&q->idle);
    pthread_mutex_destroy(&q->lock);
    host->release(host->context, q);
}

static hal_status npu_queue_create(void *device, void **queue)
{
    npu_device *d = device;
    pthread_condattr_t clock;
    npu_queue *q = take(d->host, sizeof *q);
    if (q == NULL)
        return out_of_memory(d->host, "a queue", sizeof *q);
    q->device = d;
    pthread_mutex_init(&q->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&q->work, NULL);
    pthread_cond_init(&q->idle, &clock);
    pthread_condattr_destroy(&clock);
    int rc = pthread_create(&q->worker, NULL, work, q);
    if (rc != 0) {
        free_queue(q);
        return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), rc,
                             "mock-npu: no thread for a queue (error %d); raise the thread limit", rc);
    }
    *queue = q;
    return HAL_OK;
}

static hal_status npu_queue_destroy(void *queue, int64_t deadline)
{
    npu_queue *q = queue;
    const hal_host *host = q->device->host;
    struct timespec end = timespec_of(deadline);
    int rc = 0;
    pthread_mutex_lock(&q->lock);
    while (q->first != NULL && rc == 0)
        rc = pthread_cond_timedwait(&q->idle, &q->lock, &end);
    bool busy = q->first != NULL;
    q->stopping = !busy;
    pthread_cond_signal(&q->work);
    pthread_mutex_unlock(&q->lock);
    if (busy)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
                          "mock-npu: a queue still works at its deadline; allow more time");
    pthread_join(q->worker, NULL);
    free_queue(q);
    return HAL_OK;
}

static hal_status append(npu_queue *q, const npu_job *what)
{
    const hal_host *host = q->device->host;
    npu_job *job = take(host, sizeof *job);
    if (job == NULL)
        return out_of_memory(host, "an entry of a queue", sizeof *job);
    *job = *what;
    pthread_mutex_lock(&q->lock);
    if (q->last != NULL)
        q->last->next = job;
    else
        q->first = job;
    q->last = job;
    pthread_cond_signal(&q->work);
    pthread_mutex_unlock(&q->lock);
    return HAL_OK;
}

static hal_status npu_submit(void *queue, void *compiled, const hal_backend_binding *bindings,
                             uint32_t n_bindings, const int64_t *symbols, void *completion)
{
    npu_queue *q = queue;
    (void)n_bindings;
    (void)symbols; /* static sizes only */
    atomic_fetch_add(&q->device->submissions, 1);
    return append(q, &(npu_job){.program = compiled, .bindings = bindings, .completion = completion});
}

static hal_status npu_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src,
                           uint64_t bytes, void *completion)
{
    npu_queue *q = queue;
    atomic_fetch_add(&q->device->copies, 1);
    return append(q, &(npu_job){.dst = *dst, .src = *src, .bytes = bytes, .completion = completion});
}

static uint64_t npu_counter(void *device, const char *name)
{
    npu_device *d = device;
    if (strcmp(name, "ops") == 0)
        return atomic_load(&d->ops);
    if (strcmp(name, "programs") == 0)
        return atomic_load(&d->programs);
    if (strcmp(name, "submissions") == 0)
        return atomic_load(&d->submissions);
    return strcmp(name, "copies") == 0 ? atomic_load(&d->copies) : 0;
}

static const hal_backend npu_table = {
    HAL_HEAD(hal_backend),
    .abi = HAL_BACKEND_ABI,
    .sanitizer = HAL_BACKEND_SANITIZER,
    .features = HAL_FEATURE_WHOLE_PROGRAM,
    .name = "mock-npu",
    .description = "emulates an accelerator that compiles whole programs of static sizes",
    .build_id = "mock-npu-0.1.0",
    .open = npu_open,
    .close = npu_close,
    .claim = npu_claim,
    .device_open = npu_device_open,
    .device_close = npu_device_close,
    .alloc = npu_alloc,
    .free = npu_free,
    .support = npu_support,
    .cost = npu_cost,
    .compile = npu_compile,
    .program_free = npu_program_free,
    .queue_create = npu_queue_create,
    .queue_destroy = npu_queue_destroy,
    .submit = npu_submit,
    .copy = npu_copy,
    .counter = npu_counter,
};

HAL_BACKEND_EXPORT(npu_table, "mock-npu", "mock-npu-0.1.0")
