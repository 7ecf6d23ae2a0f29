/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fault backend: passes every call on to another backend, except those that its script says shall fail.
 * It stands between hal and a driver that works, so that the failures of drivers that do not can be had at
 * will. Without a script it has no devices. See script.h for the script.
 */
#include "script.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct fault_state {
    const hal_host *host;
    hal_host inner_host;      /* the host as the wrapped backend sees it */
    const hal_backend *inner; /* NULL without a script */
    void *inner_state;
    fault_script script;
    _Atomic uint64_t calls[FAULT_KINDS]; /* by kind; FAULT_LOST counts copies and submissions together */
    _Atomic uint64_t faults;             /* injected */
    _Atomic uint64_t live;               /* blocks of memory that are allocated now */
} fault_state;

typedef struct fault_device {
    fault_state *state;
    uint32_t index;
    void *inner;
    pthread_mutex_t lock;
    pthread_cond_t loss; /* `lost` has become true */
    _Atomic bool lost;
} fault_device;

typedef struct fault_queue {
    fault_device *device;
    void *inner;
    _Atomic uint64_t hung; /* accepted and never to be completed */
} fault_queue;

/* Stands for the core's completion while the wrapped backend works. */
typedef struct fault_job {
    const hal_host *host;
    void *completion;
    hal_status status; /* of the injected fault; HAL_OK: what the wrapped backend says */
    char text[160];
} fault_job;

static void *take(const hal_host *host, size_t bytes)
{
    void *p = host->allocate(host->context, bytes, 64);
    return p != NULL ? memset(p, 0, bytes) : NULL;
}

static hal_status out_of_memory(const hal_host *host, size_t bytes)
{
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY), 0,
                      "fault: %zu bytes of host memory asked, there are none; free memory and try again",
                      bytes);
}

/* -------------------------------------------------- faults -- */

static const char *const kind_names[FAULT_KINDS] = {"alloc", "copy", "compile", "submit", "command"};

static hal_status inject(fault_state *s, fault_kind kind, uint64_t n, hal_damage damage, hal_code code)
{
    atomic_fetch_add(&s->faults, 1);
    return s->host->fail(s->host->context, HAL_STATUS(damage, code), 0,
                         "fault: %s %llu failed because the script says so", kind_names[kind],
                         (unsigned long long)n);
}

static hal_status lost_status(const fault_device *d)
{
    const hal_host *host = d->state->host;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_DEVICE, HAL_CODE_DEVICE_LOST), 0,
                      "fault: device %u was lost because the script says so", d->index);
}

/* From here on work that hangs counts as dropped. */
static void lose(fault_device *d, uint64_t n)
{
    const hal_host *host = d->state->host;
    char text[96];
    snprintf(text, sizeof text, "fault: lost at command %llu because the script says so",
             (unsigned long long)n);
    atomic_fetch_add(&d->state->faults, 1);
    pthread_mutex_lock(&d->lock);
    atomic_store(&d->lost, true);
    pthread_cond_broadcast(&d->loss);
    pthread_mutex_unlock(&d->lock);
    host->device_lost(host->context, d->index, text);
}

/* Counts a call and answers what becomes of it. */
static fault_action decide(fault_state *s, fault_kind kind, uint64_t *n)
{
    *n = atomic_fetch_add(&s->calls[kind], 1) + 1;
    return fault_script_find(&s->script, kind, *n);
}

/* -------------------------------------------------- start and devices -- */

/* The wrapped backend completes our job; the core's completion follows. Its context is the host's own. */
static void finish(void *context, void *completion, hal_status status, const char *text)
{
    fault_job *job = completion;
    const hal_host *host = job->host;
    if (job->status != HAL_OK && status == HAL_OK)
        host->complete(context, job->completion, job->status, job->text);
    else
        host->complete(context, job->completion, status, text);
    host->release(context, job);
}

static hal_status find_inner(fault_state *s)
{
    const hal_host *host = s->host;
    s->inner = host->backend_find(host->context, s->script.wrap);
    if (s->inner == NULL)
        return host->fail(
            host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNAVAILABLE), 0,
            "fault: the backend \"%s\" that the script wraps is not loaded; see the load report for it",
            s->script.wrap);
    s->inner_host = *host;
    s->inner_host.complete = finish;
    return s->inner->open(&s->inner_host, &s->inner_state);
}

static hal_status fault_open(const hal_host *host, void **state)
{
    const char *path = host->option(host->context, "fault_script");
    fault_state *s = take(host, sizeof *s);
    if (s == NULL)
        return out_of_memory(host, sizeof *s);
    s->host = host;
    hal_status status = path != NULL ? fault_script_read(host, path, &s->script) : HAL_OK;
    if (status == HAL_OK && path != NULL)
        status = find_inner(s);
    if (status != HAL_OK) {
        host->release(host->context, s);
        return status;
    }
    *state = s;
    return HAL_OK;
}

static void fault_close(void *state)
{
    fault_state *s = state;
    if (s->inner != NULL)
        s->inner->close(s->inner_state);
    s->host->release(s->host->context, s);
}

static void disguise(const fault_state *s, hal_device_record *record)
{
    char name[sizeof record->name];
    snprintf(name, sizeof name, "%.*s", (int)sizeof record->name - 16, record->name);
    snprintf(record->alias, sizeof record->alias, "fault");
    snprintf(record->name, sizeof record->name, "faulty %.80s", name);
    record->emulated = 1;
    record->address[0] = '\0'; /* the hardware's name stays with the backend that is wrapped */
    if (!s->script.private_memory)
        return;
    snprintf(record->memory, sizeof record->memory, "fault-private");
    record->host_access = 0;
}

static hal_status fault_claim(void *state, uint32_t capacity, hal_device_record *records, uint32_t *count)
{
    fault_state *s = state;
    uint32_t n = 0;
    if (s->inner != NULL)
        HAL_TRY(s->inner->claim(s->inner_state, capacity, records, &n));
    for (uint32_t i = 0; i < n && i < capacity; i++)
        disguise(s, &records[i]);
    *count = n;
    return HAL_OK;
}

static hal_status fault_device_open(void *state, uint32_t index, void **device)
{
    fault_state *s = state;
    pthread_condattr_t clock;
    fault_device *d = take(s->host, sizeof *d);
    if (d == NULL)
        return out_of_memory(s->host, sizeof *d);
    d->state = s;
    d->index = index;
    hal_status status = s->inner->device_open(s->inner_state, index, &d->inner);
    if (status != HAL_OK) {
        s->host->release(s->host->context, d);
        return status;
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&d->loss, &clock);
    pthread_condattr_destroy(&clock);
    *device = d;
    return HAL_OK;
}

static void fault_device_close(void *device)
{
    fault_device *d = device;
    fault_state *s = d->state;
    s->inner->device_close(d->inner);
    pthread_cond_destroy(&d->loss);
    pthread_mutex_destroy(&d->lock);
    s->host->release(s->host->context, d);
}

/* -------------------------------------------------- memory, programs -- */

static hal_status fault_alloc(void *device, uint64_t bytes, void **memory, void **host)
{
    fault_device *d = device;
    fault_state *s = d->state;
    uint64_t n;
    void *block, *address = NULL;
    if (atomic_load(&d->lost))
        return lost_status(d);
    fault_action action = decide(s, FAULT_ALLOC, &n);
    if (action != FAULT_NONE)
        return inject(s, FAULT_ALLOC, n, HAL_DAMAGE_CALL,
                      action == FAULT_OOM ? HAL_CODE_OUT_OF_MEMORY : HAL_CODE_UNAVAILABLE);
    HAL_TRY(s->inner->alloc(d->inner, bytes, &block, &address));
    atomic_fetch_add(&s->live, 1);
    *memory = block;
    *host = s->script.private_memory ? NULL : address;
    return HAL_OK;
}

static void fault_free(void *device, void *memory)
{
    fault_device *d = device;
    atomic_fetch_sub(&d->state->live, 1);
    d->state->inner->free(d->inner, memory);
}

static hal_status fault_support(void *device, const hal_description *program, hal_support_answer *answers)
{
    const fault_device *d = device;
    return d->state->inner->support(d->inner, program, answers);
}

static hal_status fault_cost(void *device, const hal_description *program, hal_cost *cost)
{
    const fault_device *d = device;
    if (d->state->inner->cost != NULL)
        return d->state->inner->cost(d->inner, program, cost);
    *cost = (hal_cost){0};
    return HAL_OK;
}

static hal_status fault_layout(void *device, const hal_description *program, uint32_t op, uint32_t operand,
                               hal_layout_answer *answer)
{
    const fault_device *d = device;
    const hal_backend *inner = d->state->inner;
    if (inner->head.size >= offsetof(hal_backend, layout) + sizeof inner->layout && inner->layout != NULL)
        return inner->layout(d->inner, program, op, operand, answer);
    *answer = (hal_layout_answer){0};
    return HAL_OK;
}

static hal_status fault_compile(void *device, const hal_description *program, int64_t deadline,
                                void **compiled)
{
    fault_device *d = device;
    uint64_t n;
    if (atomic_load(&d->lost))
        return lost_status(d);
    if (decide(d->state, FAULT_COMPILE, &n) != FAULT_NONE)
        return inject(d->state, FAULT_COMPILE, n, HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED);
    return d->state->inner->compile(d->inner, program, deadline, compiled);
}

static void fault_program_free(void *device, void *compiled)
{
    const fault_device *d = device;
    d->state->inner->program_free(d->inner, compiled);
}

/* -------------------------------------------------- queues -- */

static hal_status fault_queue_create(void *device, void **queue)
{
    fault_device *d = device;
    const hal_host *host = d->state->host;
    if (atomic_load(&d->lost))
        return lost_status(d);
    fault_queue *q = take(host, sizeof *q);
    if (q == NULL)
        return out_of_memory(host, sizeof *q);
    q->device = d;
    hal_status status = d->state->inner->queue_create(d->inner, &q->inner);
    if (status != HAL_OK) {
        host->release(host->context, q);
        return status;
    }
    *queue = q;
    return HAL_OK;
}

/* Hung work ends only with the device. False when the deadline comes first. */
static bool wait_for_end(fault_queue *q, int64_t deadline)
{
    fault_device *d = q->device;
    int64_t ns = deadline > 0 ? deadline : 0;
    struct timespec end = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    int rc = 0;
    pthread_mutex_lock(&d->lock);
    while (atomic_load(&q->hung) > 0 && !atomic_load(&d->lost) && rc == 0)
        rc = pthread_cond_timedwait(&d->loss, &d->lock, &end);
    pthread_mutex_unlock(&d->lock);
    return rc == 0;
}

static hal_status fault_queue_destroy(void *queue, int64_t deadline)
{
    fault_queue *q = queue;
    fault_state *s = q->device->state;
    if (!wait_for_end(q, deadline))
        return s->host->fail(s->host->context, HAL_STATUS(HAL_DAMAGE_QUEUE, HAL_CODE_DEADLINE_EXCEEDED), 0,
                             "fault: %llu pieces of work hang because the script says so",
                             (unsigned long long)atomic_load(&q->hung));
    hal_status status = s->inner->queue_destroy(q->inner, deadline);
    if (hal_status_code(status) != HAL_CODE_DEADLINE_EXCEEDED)
        s->host->release(s->host->context, q);
    return status;
}

/* What happens to a copy or submission, which is number `n` of its kind. A loss is announced here, except a
   late one. Queues keep order, so work behind work that hangs never starts. */
static fault_action decide_command(fault_queue *q, fault_kind kind, uint64_t *n)
{
    fault_device *d = q->device;
    uint64_t command;
    if (atomic_load(&d->lost))
        return FAULT_LOSE;
    fault_action loss = decide(d->state, FAULT_LOST, &command);
    fault_action action = decide(d->state, kind, n);
    if (loss == FAULT_NONE)
        return action == FAULT_NONE && atomic_load(&q->hung) > 0 ? FAULT_HANG : action;
    *n = command;
    if (loss == FAULT_LOSE)
        lose(d, command);
    return loss;
}

/* Accepts work that will never be completed. */
static hal_status swallow(fault_queue *q, fault_action action, uint64_t n)
{
    atomic_fetch_add(&q->hung, 1);
    if (action == FAULT_LOSE_LATE)
        lose(q->device, n);
    else
        atomic_fetch_add(&q->device->state->faults, 1);
    return HAL_OK;
}

static fault_job *job_create(const fault_state *s, void *completion)
{
    fault_job *job = take(s->host, sizeof *job);
    if (job == NULL)
        return NULL;
    job->host = s->host;
    job->completion = completion;
    return job;
}

static hal_status fault_submit(void *queue, void *compiled, const hal_backend_binding *bindings,
                               uint32_t n_bindings, const int64_t *symbols, void *completion)
{
    fault_queue *q = queue;
    fault_state *s = q->device->state;
    uint64_t n = 0;
    fault_action action = decide_command(q, FAULT_SUBMIT, &n);
    if (action == FAULT_LOSE)
        return lost_status(q->device);
    if (action == FAULT_FAIL)
        return inject(s, FAULT_SUBMIT, n, HAL_DAMAGE_GRAPH, HAL_CODE_UNAVAILABLE);
    if (action != FAULT_NONE)
        return swallow(q, action, n);
    fault_job *job = job_create(s, completion);
    if (job == NULL)
        return out_of_memory(s->host, sizeof *job);
    hal_status status = s->inner->submit(q->inner, compiled, bindings, n_bindings, symbols, job);
    if (status != HAL_OK)
        s->host->release(s->host->context, job);
    return status;
}

/* The first half arrives, and the completion says that the rest did not. */
static void shorten(fault_state *s, fault_job *job, uint64_t n, uint64_t *bytes)
{
    atomic_fetch_add(&s->faults, 1);
    job->status = HAL_STATUS(HAL_DAMAGE_GRAPH, HAL_CODE_DATA_LOSS);
    snprintf(job->text, sizeof job->text,
             "fault: copy %llu brought %llu of %llu bytes because the script says so", (unsigned long long)n,
             (unsigned long long)(*bytes / 2), (unsigned long long)*bytes);
    *bytes /= 2;
}

static hal_status fault_copy(void *queue, const hal_backend_binding *dst, const hal_backend_binding *src,
                             uint64_t bytes, void *completion)
{
    fault_queue *q = queue;
    fault_state *s = q->device->state;
    uint64_t n = 0;
    fault_action action = decide_command(q, FAULT_COPY, &n);
    if (action == FAULT_LOSE)
        return lost_status(q->device);
    if (action == FAULT_FAIL)
        return inject(s, FAULT_COPY, n, HAL_DAMAGE_GRAPH, HAL_CODE_IO);
    if (action == FAULT_HANG || action == FAULT_LOSE_LATE)
        return swallow(q, action, n);
    fault_job *job = job_create(s, completion);
    if (job == NULL)
        return out_of_memory(s->host, sizeof *job);
    if (action == FAULT_SHORT)
        shorten(s, job, n, &bytes);
    hal_status status = s->inner->copy(q->inner, dst, src, bytes, job);
    if (status != HAL_OK)
        s->host->release(s->host->context, job);
    return status;
}

/* The calls by kind, the commands, injected faults and live blocks; other names are the wrapped backend's. */
static uint64_t fault_counter(void *device, const char *name)
{
    fault_device *d = device;
    for (uint32_t i = 0; i < FAULT_KINDS; i++)
        if (strcmp(name, kind_names[i]) == 0)
            return atomic_load(&d->state->calls[i]);
    if (strcmp(name, "faults") == 0)
        return atomic_load(&d->state->faults);
    if (strcmp(name, "live") == 0)
        return atomic_load(&d->state->live);
    return d->state->inner->counter != NULL ? d->state->inner->counter(d->inner, name) : 0;
}

static const hal_backend fault_table = {
    HAL_HEAD(hal_backend),
    .abi = HAL_BACKEND_ABI,
    .sanitizer = HAL_BACKEND_SANITIZER,
    .features = 0, /* what every wrapped backend can do */
    .name = "fault",
    .description = "wraps another backend and fails as its script says",
    .build_id = "fault-0.1.0",
    .open = fault_open,
    .close = fault_close,
    .claim = fault_claim,
    .device_open = fault_device_open,
    .device_close = fault_device_close,
    .alloc = fault_alloc,
    .free = fault_free,
    .support = fault_support,
    .cost = fault_cost,
    .compile = fault_compile,
    .program_free = fault_program_free,
    .queue_create = fault_queue_create,
    .queue_destroy = fault_queue_destroy,
    .submit = fault_submit,
    .copy = fault_copy,
    .counter = fault_counter,
    .layout = fault_layout,
};

HAL_BACKEND_EXPORT(fault_table, "fault", "fault-0.1.0")
