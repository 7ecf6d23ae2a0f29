/* SPDX-License-Identifier: Apache-2.0 */
/* Starting a program: sizes, parameters, launches; its end is the job's. */
#include <stdio.h>

#include "graph.h"
#include "job.h"
#include "kernel.h"
#include "range.h"
#include "taken.h"

/* Scratch memory is used by one submission at a time, also where two queues run the program. */
static CUresult wait_for_scratch(const hal_cuda_queue *q, const hal_cuda_program *p) {
    if (!p->scratch || !p->last_queue || p->last_queue == q) return CUDA_SUCCESS;
    return q->device->cu.cuStreamWaitEvent(q->stream, p->done, 0);
}

static CUresult launch_once(const hal_cuda_queue *q, const hal_cuda_launch *l) {
    if (l->taken) return l->taken->by->run(l, q->stream);
    return q->device->cu.cuLaunchKernel(l->function, l->grid[0], l->grid[1], l->grid[2], l->block[0], l->block[1],
        l->block[2], 0, q->stream, l->params, NULL);
}

/* A driver that finds no memory gets a second chance once the caches are gone. */
static CUresult launch(const hal_cuda_queue *q, const hal_cuda_launch *l) {
    CUresult e = CUDA_SUCCESS;
    for (int attempt = 0; attempt < 2; attempt++) {
        e = launch_once(q, l);
        if (e != CUDA_ERROR_OUT_OF_MEMORY) return e;
        hal_cuda_device_trim(q->device);
    }
    return e;
}

static CUresult launch_graph(const hal_cuda_queue *q, hal_cuda_program *p) {
    const CUresult e = hal_cuda_graph_launch(p, q->stream);
    if (e != CUDA_ERROR_OUT_OF_MEMORY) return e;
    hal_cuda_device_trim(q->device);
    return hal_cuda_graph_launch(p, q->stream);
}

/* *at is the launch that failed. */
static CUresult launch_each(hal_cuda_job *j, const hal_cuda_program *p, uint32_t *at) {
    CUresult e = CUDA_SUCCESS;
    for (*at = 0; *at < p->chain->n_steps; ++*at) {
        e = launch(j->queue, &p->launches[*at]);
        if (e != CUDA_SUCCESS) break;
    }
    return e;
}

/* The same, with a range around each op, and a mark behind it for a trace. */
static CUresult launch_marked(hal_cuda_job *j, const hal_cuda_program *p, uint32_t *at) {
    const hal_portable_chain *c = p->chain;
    j->n_marks = 0;
    const bool traced = j->queue->device->state->traced && hal_cuda_trace_prepare(j, c->description->n_ops);
    CUresult e = traced ? hal_cuda_trace_mark(j, UINT32_MAX) : CUDA_SUCCESS;
    for (*at = 0; *at < c->n_steps && e == CUDA_SUCCESS;) {
        const uint32_t op = c->steps[*at].op;
        hal_cuda_range_begin(hal_cuda_trace_name(j->queue->device, c->description, op));
        while (*at < c->n_steps && c->steps[*at].op == op && e == CUDA_SUCCESS) {
            e = launch(j->queue, &p->launches[*at]);
            *at += e == CUDA_SUCCESS;
        }
        hal_cuda_range_end();
        if (e == CUDA_SUCCESS && traced) e = hal_cuda_trace_mark(j, op);
    }
    return e;
}

/* The second run of the same launches is what a graph is made for. */
static CUresult launch_all(hal_cuda_job *j, hal_cuda_program *p, uint32_t *at) {
    CUresult e = wait_for_scratch(j->queue, p);
    if (e == CUDA_SUCCESS && p->runs == 1) e = hal_cuda_graph_make(p);
    if (p->runs < 2) p->runs++;
    if (e != CUDA_SUCCESS) return e;
    if (p->graph) return launch_graph(j->queue, p);
    const hal_cuda_state *state = j->queue->device->state;
    return state->traced || state->ranged ? launch_marked(j, p, at) : launch_each(j, p, at);
}

/* The next submission in another queue waits for this one. */
static CUresult remember(const hal_cuda_queue *q, hal_cuda_program *p) {
    p->last_queue = q;
    return p->scratch ? q->device->cu.cuEventRecord(p->done, q->stream) : CUDA_SUCCESS;
}

/* ----------------------------------------------------------------------------------------- submitting -- */

static hal_status describe(hal_cuda_job *j, const hal_cuda_program *p, uint32_t at, CUresult e) {
    hal_cuda_device *d = j->queue->device;
    const bool named = at < p->chain->n_steps;
    if (named && p->launches[at].taken) return p->launches[at].taken->by->fail(d, &p->launches[at], j->queue->stream, e);
    const char *advice = e == CUDA_ERROR_OUT_OF_MEMORY ? "; release buffers or use a smaller batch" : "";
    return hal_cuda_fail(d, e, "launching %s%s%s; the program needs %llu bytes, hal has given %llu of %llu%s",
        named ? "\"" : "a program", named ? p->launches[at].entry : "", named ? "\"" : "", (unsigned long long)j->bytes,
        (unsigned long long)d->given, (unsigned long long)d->memory_bytes, advice);
}

/* Launches that were taken before one failed still run, and what they use has to live until then: they are waited for. Where
   they do not end, the submission counts as taken, by a device that is lost. */
static hal_status give_up(hal_cuda_job *j, const hal_cuda_program *p, uint32_t at, CUresult e) {
    const hal_status status = describe(j, p, at, e);
    if (!hal_cuda_job_settle(j)) return HAL_OK;
    hal_cuda_job_give(j);
    return status;
}

static hal_status run(hal_cuda_job *j, hal_cuda_program *p) {
    uint32_t at = UINT32_MAX;
    j->program = p;
    j->bytes = p->bytes;
    CUresult e = launch_all(j, p, &at);
    if (e == CUDA_SUCCESS) e = remember(j->queue, p);
    if (e == CUDA_SUCCESS) e = hal_cuda_job_start(j);
    return e == CUDA_SUCCESS ? HAL_OK : give_up(j, p, at, e);
}

/* A graph that does not take new parameters is given up; the words have them already. */
static hal_status prepare(hal_cuda_queue *q, hal_cuda_program *p, const hal_backend_binding *bindings,
                          const int64_t *symbols, hal_cuda_job **job) {
    CUresult e = CUDA_SUCCESS;
    HAL_TRY(hal_cuda_program_plan(p, symbols, INT64_MAX));
    e = hal_cuda_kernels_bind(p, bindings);
    if (e != CUDA_SUCCESS && !hal_cuda_code_is_sticky(e)) {
        hal_cuda_graph_drop(p);
        p->graphless = true;
        e = hal_cuda_kernels_bind(p, bindings);
    }
    if (e != CUDA_SUCCESS) return hal_cuda_fail(q->device, e, "cuGraphExecKernelNodeSetParams");
    *job = hal_cuda_job_take(q, &e);
    if (*job) return HAL_OK;
    return e == CUDA_SUCCESS ? hal_cuda_no_memory(q->device->host, "a submission")
        : hal_cuda_fail(q->device, e, "cuEventCreate");
}

static hal_status submit(hal_cuda_queue *q, hal_cuda_program *p, const hal_backend_binding *bindings,
                         const int64_t *symbols, void *completion) {
    hal_cuda_job *j = NULL;
    HAL_TRY(prepare(q, p, bindings, symbols, &j));
    j->completion = completion;
    if (q->device->state->traced) hal_cuda_trace_keep(j, symbols, p->chain->description->n_symbols);
    return run(j, p);
}

hal_status hal_cuda_submit(void *queue, void *compiled, const hal_backend_binding *bindings, uint32_t n_bindings,
                           const int64_t *symbols, void *completion) {
    hal_cuda_queue *q = queue;
    hal_cuda_program *p = compiled;
    const hal_host *host = q->device->host;
    const uint32_t n = p->chain->description->n_bindings;
    if (n_bindings != n)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), 0,
            "%s: a submission has %u bindings, the program has %u", q->device->who, n_bindings, n);
    HAL_TRY(hal_cuda_enter(q->device));
    pthread_mutex_lock(&p->lock);
    const uint32_t n_ops = p->chain->description->n_ops;
    const hal_status status = submit(q, p, bindings, symbols, completion);
    pthread_mutex_unlock(&p->lock);
    if (status == HAL_OK) q->device->ops += n_ops;
    hal_cuda_leave(q->device);
    return status;
}
