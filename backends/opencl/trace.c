/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans for a trace, from the profile of events. A device has a clock of its own. What its last event of a job ended at is
 * what the host's clock showed shortly before the job was told; the smallest distance ever seen between the two is the
 * best known. Refining it moves spans a little, so that none may begin before the last one ended.
 */
#include "clock.h"
#include "job.h"

static int64_t profile(const hal_opencl_device *d, cl_event event, cl_profiling_info what) {
    cl_ulong at = 0;
    return d->cl.clGetEventProfilingInfo(event, what, sizeof at, &at, NULL) == CL_SUCCESS ? (int64_t)at : 0;
}

/* What is added to the device's clock; under the lock. */
static int64_t refine(hal_opencl_device *d, int64_t ended) {
    const int64_t distance = hal_opencl_now() - ended;
    if (!d->clocked || distance < d->clock_distance) d->clock_distance = distance;
    d->clocked = true;
    return d->clock_distance;
}

typedef struct span { int64_t begin, end; } span;

static span not_before(span s, int64_t least) {
    if (s.begin < least) s.begin = least;
    if (s.end < s.begin) s.end = s.begin;
    return s;
}

/* Launches of an op follow each other; an op without any has no span. */
static void trace_ops(hal_opencl_device *d, const hal_opencl_job *j, int64_t distance, span whole) {
    const hal_host *host = d->host;
    int64_t least = whole.begin;
    for (uint32_t i = 0; i < j->n_events;) {
        const uint32_t op = j->ops[i], first = i;
        while (i < j->n_events && j->ops[i] == op) i++;
        span s = {profile(d, j->events[first], CL_PROFILING_COMMAND_START) + distance,
            profile(d, j->events[i - 1], CL_PROFILING_COMMAND_END) + distance};
        s = not_before(s, least);
        if (s.end > whole.end) s.end = whole.end;
        least = s.end;
        host->trace_op(host->context, d->index, j->program->chain->description, op, j->symbols, s.begin, s.end);
    }
}

void hal_opencl_trace(const hal_opencl_job *j) {
    hal_opencl_device *d = j->queue->device;
    const hal_host *host = d->host;
    const char *kind = j->program ? "program" : "copy";
    const int64_t ended = profile(d, j->event, CL_PROFILING_COMMAND_END);
    cl_event first = j->n_events ? j->events[0] : j->event;
    if (!ended) return; /* a driver that profiles no markers */
    pthread_mutex_lock(&d->lock);
    const int64_t distance = refine(d, ended);
    span s = {profile(d, first, CL_PROFILING_COMMAND_START) + distance, ended + distance};
    s = not_before(s, d->traced_until);
    d->traced_until = s.end;
    pthread_mutex_unlock(&d->lock);
    host->trace_device(host->context, d->index, kind, kind, s.begin, s.end);
    if (j->program) trace_ops(d, j, distance, s);
}
