/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The null backend: a complete driver for hardware that does nothing. It walks a program's ops, makes one
 * indirect call an op and counts it. It computes nothing: outputs hold whatever was in memory. What it is
 * for:
 *
 *  - copy this file to begin a backend; docs/adding-a-backend.md walks through it from top to bottom;
 *  - a submission to it costs what hal itself costs, so measuring it measures hal.
 *
 * A backend is one shared object with one exported symbol. It links nothing of hal: whatever it wants from
 * hal, it calls through the host table that `open` receives. No function here may abort, print, or keep a
 * pointer that was only lent.
 */
#include <hal/backend.h>

#include <stdatomic.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------- state -- */

/* One per instance of hal. There are no globals in a backend: a process may hold several instances. */
typedef struct null_state {
    const hal_host *host; /* lives until close */
} null_state;

/* One per activated device. Real drivers keep their context here. */
typedef struct null_device {
    const hal_host *host;
    uint32_t index;
    _Atomic uint64_t ops;      /* executed, for counter("ops") */
    _Atomic uint64_t programs; /* compiled, for counter("programs") */
} null_device;

/* A queue needs no state of its own here, since all work ends inside submit. */
typedef struct null_queue {
    null_device *device;
} null_queue;

/* A kernel: what runs one op. A real one takes addresses, sizes and strides. */
typedef void (*null_kernel)(null_device *device);

/* A compiled program: the kernels in order. Everything that can be looked up is looked up in compile. */
typedef struct null_program {
    uint32_t n;
    null_kernel kernels[];
} null_program;

static void *take(const hal_host *host, size_t bytes)
{
    void *p = host->allocate(host->context, bytes, 64);
    return p != NULL ? memset(p, 0, bytes) : NULL; /* the host's memory comes uninitialised */
}

static hal_status out_of_memory(const hal_host *host, uint64_t bytes)
{
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                      "null: %llu bytes of host memory asked, there are none", (unsigned long long)bytes);
}

/* --------------------------------------------------------------------------- start and devices -- */

/* Called once an instance. Open no device and no vendor library that might hang: people list devices without
   wanting to use them. */
static hal_status null_open(const hal_host *host, void **state)
{
    null_state *s = take(host, sizeof *s);
    if (s == NULL)
        return out_of_memory(host, sizeof *s);
    s->host = host;
    *state = s;
    return HAL_OK;
}

/* Called when every device is closed. The shared object itself is never unloaded. */
static void null_close(void *state)
{
    null_state *s = state;
    s->host->release(s->host->context, s);
}

/* Says which devices there are. `count` is the true number even where `capacity` is smaller. Two devices, so
   that code for several can be tried anywhere. Equal names of memories mean one memory; this one is the
   host's first node. */
static hal_status null_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    (void)state;
    for (uint32_t i = 0; i < 2 && i < capacity; i++)
        records[i] = (hal_device_record){.alias = "null",
                                         .name = "null device (computes nothing)",
                                         .memory = "numa0",
                                         .host_access = 1,
                                         .compute_group = i,
                                         .emulated = 1};
    *count = 2;
    return HAL_OK;
}

/* Activates a device, at most once; hal calls it when the first buffer, queue or program needs it. */
static hal_status null_device_open(void *state, uint32_t index, void **device)
{
    null_state *s = state;
    null_device *d = take(s->host, sizeof *d);
    if (d == NULL)
        return out_of_memory(s->host, sizeof *d);
    d->host = s->host;
    d->index = index;
    *device = d;
    return HAL_OK;
}

/* All buffers, queues and programs of the device are gone when this is called. */
static void null_device_close(void *device)
{
    null_device *d = device;
    d->host->release(d->host->context, d);
}

/* --------------------------------------------------------------------------------------- memory -- */

/* `memory` is the handle that bindings carry later; `host` its address, or NULL where the host cannot reach
   it. Bytes are zeroed and aligned to 64. hal counts bytes against the memory's capacity; a backend only
   reports failure. */
static hal_status null_alloc(void *device, uint64_t bytes, void **memory, void **host)
{
    null_device *d = device;
    void *p = take(d->host, bytes);
    if (p == NULL)
        return out_of_memory(d->host, bytes);
    *memory = p;
    *host = p;
    return HAL_OK;
}

static void null_free(void *device, void *memory)
{
    null_device *d = device;
    d->host->release(d->host->context, memory);
}

/* ------------------------------------------------------------------------------------- programs -- */

/* One answer an op. Look at dtypes, ranks, strides and layouts here, and give a reason that a person can act
   on: it is what hal-plan prints when an op goes elsewhere. This backend turns down only what is in no table.
 */
static hal_status null_support(void *device, const hal_description *program, hal_support_answer *answers)
{
    static const char reason[] = "no operator has this number";
    const null_device *d = device;
    for (uint32_t i = 0; i < program->n_ops; i++) {
        bool known = d->host->op_describe(hal_description_ops(program)[i].number) != NULL;
        answers[i].support = known ? HAL_SUPPORT_NATIVE : HAL_SUPPORT_NO;
        answers[i].reason[0] = '\0';
        if (!known)
            memcpy(answers[i].reason, reason, sizeof reason);
    }
    return HAL_OK;
}

/* Planning compares these between devices. Nothing takes no time, and that is certain. */
static hal_status null_cost(void *device, const hal_description *program, hal_cost *cost)
{
    (void)device;
    (void)program;
    *cost = (hal_cost){.seconds = 0, .bytes = 0, .confidence = 1};
    return HAL_OK;
}

/* The kernel of every op. */
static void null_nothing(null_device *device)
{
    atomic_fetch_add_explicit(&device->ops, 1, memory_order_relaxed);
}

/* Turns the description, whose offsets hal has checked, into what submit can run without looking anything up.
   hal keeps compiled programs by description, so slow is fine as long as `deadline` is met. The description
   may be kept only as a copy. */
static hal_status null_compile(void *device, const hal_description *program, int64_t deadline,
                               void **compiled)
{
    null_device *d = device;
    size_t bytes = sizeof(null_program) + program->n_ops * sizeof(null_kernel);
    (void)deadline; /* done long before any */
    for (uint32_t i = 0; i < program->n_ops; i++)
        if (d->host->op_describe(hal_description_ops(program)[i].number) == NULL)
            return d->host->fail(d->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED), 0,
                                 "null: op %u of the program has the unknown number %u", i,
                                 hal_description_ops(program)[i].number);
    null_program *p = take(d->host, bytes);
    if (p == NULL)
        return out_of_memory(d->host, bytes);
    p->n = program->n_ops;
    for (uint32_t i = 0; i < p->n; i++)
        p->kernels[i] = null_nothing;
    atomic_fetch_add_explicit(&d->programs, 1, memory_order_relaxed);
    *compiled = p;
    return HAL_OK;
}

/* No submission uses the program any more. */
static void null_program_free(void *device, void *compiled)
{
    null_device *d = device;
    d->host->release(d->host->context, compiled);
}

/* --------------------------------------------------------------------------------------- queues -- */

static hal_status null_queue_create(void *device, void **queue)
{
    null_device *d = device;
    null_queue *q = take(d->host, sizeof *q);
    if (q == NULL)
        return out_of_memory(d->host, sizeof *q);
    q->device = d;
    *queue = q;
    return HAL_OK;
}

/* A driver with work under way waits for it until `deadline`: until every host->complete has returned. If it
   cannot, it returns DEADLINE_EXCEEDED and leaves everything as it is; hal then never touches the queue
   again. */
static hal_status null_queue_destroy(void *queue, int64_t deadline)
{
    null_queue *q = queue;
    (void)deadline;
    q->device->host->release(q->device->host->context, q);
    return HAL_OK;
}

/* Starts work. hal has already waited for whatever the work depends on, never calls this twice at once for
   one queue, and keeps bindings and symbols readable until `completion` is completed. Binding i is `memory`
   (of this device) or `host`, and an offset. Asynchronous devices return at once and call host->complete from
   their own thread; a failure after that goes into complete, one before it is returned, and then complete is
   not called. */
static hal_status null_submit(void *queue, void *compiled, const hal_backend_binding *bindings,
                              uint32_t n_bindings, const int64_t *symbols, void *completion)
{
    const null_queue *q = queue;
    const null_program *p = compiled;
    (void)bindings;
    (void)n_bindings;
    (void)symbols;
    for (uint32_t i = 0; i < p->n; i++)
        p->kernels[i](q->device);
    q->device->host->complete(q->device->host->context, completion, HAL_OK, "");
    return HAL_OK;
}

/* The address of a binding: its block, which for this device is host memory anyway, or the host's. */
static char *address(const hal_backend_binding *b)
{
    return (char *)(b->memory != NULL ? b->memory : b->host) + b->offset;
}

/* Copies are real even here: bytes that were written are read back. The ranges may overlap. */
static hal_status null_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src,
                            uint64_t bytes, void *completion)
{
    const null_queue *q = queue;
    memmove(address(dst), address(src), bytes);
    q->device->host->complete(q->device->host->context, completion, HAL_OK, "");
    return HAL_OK;
}

/* Numbers for tests and people. A name that is not counted is 0. */
static uint64_t null_counter(void *device, const char *name)
{
    null_device *d = device;
    if (strcmp(name, "ops") == 0)
        return atomic_load_explicit(&d->ops, memory_order_relaxed);
    if (strcmp(name, "programs") == 0)
        return atomic_load_explicit(&d->programs, memory_order_relaxed);
    return 0;
}

/* ------------------------------------------------------------------------------------ the table -- */

static const hal_backend null_table = {
    HAL_HEAD(hal_backend),
    .abi = HAL_BACKEND_ABI,
    .sanitizer = HAL_BACKEND_SANITIZER,
    .features = HAL_FEATURE_DYNAMIC | HAL_FEATURE_IN_PLACE,
    .name = "null",
    .description = "runs every op and computes nothing",
    .build_id = "null-0.1.0",
    .open = null_open,
    .close = null_close,
    .claim = null_claim,
    .device_open = null_device_open,
    .device_close = null_device_close,
    .alloc = null_alloc,
    .free = null_free,
    .support = null_support,
    .cost = null_cost,
    .compile = null_compile,
    .program_free = null_program_free,
    .queue_create = null_queue_create,
    .queue_destroy = null_queue_destroy,
    .submit = null_submit,
    .copy = null_copy,
    .counter = null_counter,
};

/* Defines hal_backend_query, the one exported symbol, and the ELF note that hal reads before it runs any of
   this. The names must be those of the table. */
HAL_BACKEND_EXPORT(null_table, "null", "null-0.1.0")
