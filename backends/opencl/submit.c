/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program: sizes, arguments, launches; its end is the job's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "gate.h"
#include "guest.h"

/* Other queues may have kernels to compile first. */
#define GATE_NS (INT64_C(300) * 1000000000)

/* ------------------------------------------------------------------------------------------ launches -- */

/* A driver that finds no memory gets a second chance once the caches are gone. */
static cl_int launch(hal_opencl_queue *q, const hal_opencl_program *p, uint32_t i, uint32_t n, const cl_event *after,
                     cl_event *event) {
    const hal_portable_step *s = &p->chain->steps[i];
    const hal_opencl_api *cl = &q->device->cl;
    cl_int e = CL_SUCCESS;
    for (int attempt = 0; attempt < 2; attempt++) {
        e = cl->clEnqueueNDRangeKernel(q->queue, p->launches[i].kernel, 3, NULL, s->global, s->group, n, n ? after : NULL,
            event);
        if (e == CL_SUCCESS || !hal_opencl_code_is_memory(e)) return e;
        hal_opencl_device_trim(q->device);
    }
    return e;
}

/* Scratch memory is used by one submission at a time, also where two queues run the program. */
static cl_int wait_for_scratch(const hal_opencl_job *j, const hal_opencl_program *p) {
    if (!p->scratch || !p->last || p->last_queue == j->queue) return CL_SUCCESS;
    return j->queue->device->cl.clEnqueueBarrierWithWaitList(j->queue->queue, 1, &p->last, NULL);
}

/* What launch i waits for in a queue that keeps no order, into j->waits: how many. Launches that PoCL may not know yet go one
   after another there, too (gate.h). */
static uint32_t choose_waits(hal_opencl_job *j, const hal_opencl_program *p, uint32_t i) {
    const hal_portable_step *s = &p->chain->steps[i];
    if (!j->queue->device->unordered) return 0;
    if (j->first && i > 0) {
        j->waits[0] = j->events[i - 1];
        return 1;
    }
    for (uint32_t w = 0; w < s->n_waits; w++) j->waits[w] = j->events[p->chain->waits[s->first_wait + w]];
    return s->n_waits;
}

/* Only the last launch tells its end, unless each is timed or waited for. *done is how many were taken. */
static cl_int launch_all(hal_opencl_job *j, const hal_opencl_program *p, uint32_t *done) {
    cl_int e = wait_for_scratch(j, p);
    for (*done = 0; e == CL_SUCCESS && *done < p->chain->n_steps; ++*done) {
        const uint32_t i = *done;
        const bool last = i + 1 == p->chain->n_steps && j->n_guests == 0;
        e = launch(j->queue, p, i, choose_waits(j, p, i), j->waits, j->events ? &j->events[i] : last ? &j->event : NULL);
        if (e != CL_SUCCESS) return e;
        if (j->events) j->ops[j->n_events++] = p->chain->steps[i].op;
    }
    return e;
}

/* The event that ends the job, where the last launch did not give it. */
static cl_int close_job(hal_opencl_job *j) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    if (j->event) return CL_SUCCESS;
    if (j->n_guests > 0) return hal_opencl_guests_leave(j);
    if (j->n_events == 0 || j->queue->device->unordered)
        return cl->clEnqueueMarkerWithWaitList(j->queue->queue, 0, NULL, &j->event);
    j->event = j->events[j->n_events - 1];
    return cl->clRetainEvent(j->event);
}

/* ----------------------------------------------------------------------------------------- submitting -- */

static void describe_failure(hal_opencl_job *j, const hal_opencl_program *p, uint32_t done, cl_int e) {
    hal_opencl_device *d = j->queue->device;
    const hal_opencl_launch *l = &p->launches[done];
    const char *advice = hal_opencl_code_is_memory(e) ? "; release buffers or use a smaller batch" : "";
    j->failure = hal_opencl_status(e, HAL_DAMAGE_GRAPH);
    snprintf(j->text, sizeof j->text, "opencl: %s: clEnqueueNDRangeKernel of \"%s\" (op %u): %s (%d); the program needs %llu "
        "bytes, the device has given %llu of %llu%s", d->name, l->entry, p->chain->steps[done].op, hal_opencl_code_name(e), e,
        (unsigned long long)j->bytes, (unsigned long long)d->given, (unsigned long long)d->memory_bytes, advice);
    hal_opencl_device_suspect(d, e, j->text);
}

static uint64_t bytes_of(const hal_opencl_program *p) {
    uint64_t bytes = p->scratch_bytes;
    for (uint32_t i = 0; i < p->chain->description->n_bindings; i++) bytes += hal_description_bindings(p->chain->description)[i].bytes;
    return bytes;
}

/* The next submission in another queue waits for this one, or, where that cannot be told later, this one is waited for. */
static void remember(hal_opencl_job *j, hal_opencl_program *p) {
    const hal_opencl_api *cl = &j->queue->device->cl;
    if (p->last) cl->clReleaseEvent(p->last);
    p->last = NULL;
    p->last_queue = j->queue;
    if (!p->scratch) return;
    if (cl->clRetainEvent(j->event) == CL_SUCCESS) p->last = j->event;
    else cl->clWaitForEvents(1, &j->event);
}

/* Whether a job that could not be closed is under way all the same, on memory of others; then it fails when it is over. */
static bool goes_on(hal_opencl_job *j, uint32_t done, cl_int e) {
    hal_opencl_device *d = j->queue->device;
    if (done == 0 || j->n_guests == 0) return false;
    if (j->failure != HAL_OK) return true;
    j->failure = hal_opencl_status(e, HAL_DAMAGE_GRAPH);
    snprintf(j->text, sizeof j->text, "opencl: %s: the end of a program: %s (%d)", d->name, hal_opencl_code_name(e), e);
    hal_opencl_device_suspect(d, e, j->text);
    return true;
}

static hal_status enter(hal_opencl_job *j, hal_opencl_program *p) {
    hal_opencl_queue *q = j->queue;
    const hal_host *host = q->device->host;
    if (!q->device->gated) return HAL_OK;
    if (!p->known) p->known = hal_opencl_gate_knows(p);
    j->first = !p->known;
    j->entered = hal_opencl_gate_enter(&q->visitor, &j->first, hal_opencl_now() + GATE_NS);
    if (j->entered) return HAL_OK;
    return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_DEADLINE_EXCEEDED), 0,
        "opencl: %s: kernels that are new to PoCL wait until other queues are idle, and one was busy for %d s; start them "
        "before long work", q->device->name, (int)(GATE_NS / 1000000000));
}

/* Launches that were taken before one failed still run, and what they use has to live until then: such a job fails when
   they are over. */
static hal_status run(hal_opencl_job *j, hal_opencl_program *p) {
    const hal_host *host = j->queue->device->host;
    uint32_t done = 0;
    j->program = p;
    j->bytes = bytes_of(p);
    HAL_TRY(enter(j, p));
    cl_int e = launch_all(j, p, &done);
    if (e == CL_SUCCESS && j->first) {
        hal_opencl_gate_learn(p);
        p->known = true;
    }
    if (e != CL_SUCCESS && p->chain->n_steps > 0) describe_failure(j, p, done, e);
    e = done > 0 || e == CL_SUCCESS ? close_job(j) : e;
    if (e != CL_SUCCESS && goes_on(j, done, e)) return HAL_OK;
    if (e != CL_SUCCESS) {
        const hal_status status = HAL_STATUS(HAL_DAMAGE_CALL, hal_status_code(hal_opencl_status(e, HAL_DAMAGE_CALL)));
        return host->fail(host->context, status, e, "%s", j->text[0] ? j->text : "opencl: no event could be had");
    }
    remember(j, p);
    return HAL_OK;
}

/* The program's own may be those of a later submission by the time that this one is over. Without memory the trace says less. */
static void keep_symbols(hal_opencl_job *j, const hal_opencl_program *p, const int64_t *symbols) {
    const size_t bytes = p->chain->description->n_symbols * sizeof *symbols;
    if (!j->queue->device->state->traced || !bytes) return;
    j->symbols = malloc(bytes);
    if (j->symbols) memcpy(j->symbols, symbols, bytes);
}

static hal_status prepare(hal_opencl_queue *q, hal_opencl_program *p, const hal_backend_binding *bindings,
                          const int64_t *symbols, hal_opencl_job **job) {
    HAL_TRY(hal_opencl_program_plan(p, symbols, INT64_MAX));
    const uint32_t guests = hal_opencl_guests_count(bindings, p->chain->description->n_bindings);
    const bool each = q->device->state->traced || q->device->unordered;
    *job = hal_opencl_job_create(q, each ? p->chain->n_steps : 0, guests);
    if (!*job) return hal_opencl_no_memory(q->device->host, "a submission");
    keep_symbols(*job, p, symbols);
    HAL_TRY(hal_opencl_guests_place(*job, p, bindings));
    return hal_opencl_program_bind(p);
}

hal_status hal_opencl_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                             const int64_t *symbols, void *completion) {
    hal_opencl_queue *q = queue;
    hal_opencl_program *p = compiled;
    const hal_host *host = q->device->host;
    hal_opencl_job *j = NULL;
    if (n_bindings != p->chain->description->n_bindings)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), 0,
            "opencl: a submission has %u bindings, the program has %u", n_bindings, p->chain->description->n_bindings);
    pthread_mutex_lock(&p->lock);
    hal_status status = prepare(q, p, bindings, symbols, &j);
    if (status == HAL_OK) status = run(j, p);
    pthread_mutex_unlock(&p->lock);
    if (status != HAL_OK) {
        hal_opencl_job_free(j);
        return status;
    }
    j->completion = completion;
    q->device->ops += p->chain->description->n_ops;
    hal_opencl_job_start(j);
    return HAL_OK;
}
