/* SPDX-License-Identifier: Apache-2.0 */
/* One step: queue the copies in, the programs and transfers of the plan, and the copies out. Nothing here
   allocates unless a step brings sizes, strides or waits of a kind that was not met before. */
#include "session_internal.h"

/* Room for `n` points. */
static hal_status grow_points(hal_session *s, uint32_t n)
{
    if (n <= s->n_points)
        return HAL_OK;
    hal_point *larger = hal_allocate_array(s->allocator, n, sizeof *larger);
    if (!larger)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_deallocate(s->allocator, s->points);
    s->points = larger;
    s->n_points = n;
    return HAL_OK;
}

/* Waits and signals of the next link, in s->points: waits first. */
static void prepare_link(hal_session *s, hal_chain *chain, uint32_t *n_waits, uint32_t *n_signals)
{
    uint32_t waits = 0, signals = 0;
    for (; waits < chain->n_waits; waits++)
        s->points[waits] = chain->waits[waits];
    chain->n_waits = 0;
    /* Also for point 0, which stands from the beginning: the first step is to need no less room than the next. */
    s->points[waits++] = (hal_point){s->timeline, s->point};
    hal_point *out = s->points + waits;
    out[signals++] = (hal_point){s->timeline, s->point + 1};
    for (uint32_t i = 0; chain->left == 1 && i < chain->n_signals; i++)
        out[signals++] = chain->signals[i];
    *n_waits = waits;
    *n_signals = signals;
}

static void end_link(hal_session *s, hal_chain *chain)
{
    s->point++;
    chain->left--;
}

static hal_status copy_link(hal_session *s, hal_chain *chain, uint32_t device, hal_binding to,
                            hal_binding from, uint64_t bytes)
{
    uint32_t n_waits, n_signals;
    prepare_link(s, chain, &n_waits, &n_signals);
    HAL_TRY(hal_queue_copy(s->queues[device], to, from, bytes, s->points, n_waits, s->points + n_waits,
                           n_signals));
    end_link(s, chain);
    return HAL_OK;
}

static hal_status program_link(hal_session *s, hal_chain *chain, const hal_session_slot *slot,
                               const hal_step *step, hal_program *program)
{
    const hal_plan *plan = s->plan;
    const hal_plan_binding *stands_on = plan->bindings + step->first_binding;
    const hal_plan_device *device = &plan->devices[step->device];
    hal_submission sub = {HAL_HEAD(hal_submission), .program = program, .bindings = s->bindings,
                          .n_bindings = step->n_bindings};
    for (uint32_t i = 0; i < step->n_bindings; i++) {
        uint32_t index = stands_on[i].index;
        s->bindings[i] =
            stands_on[i].arena ? (hal_binding){slot->arenas[index], NULL, 0} : slot->where[index];
    }
    prepare_link(s, chain, &sub.n_waits, &sub.n_signals);
    sub.waits = s->points;
    sub.signals = s->points + sub.n_waits;
    sub.symbols = s->symbols;
    sub.n_symbols = device->dynamic ? plan->graph->n_symbols : 0;
    HAL_TRY(hal_queue_submit(s->queues[step->device], &sub));
    end_link(s, chain);
    return HAL_OK;
}

static hal_status transfer_link(hal_session *s, hal_chain *chain, const hal_session_slot *slot,
                                const hal_step *step)
{
    const hal_operand *o = &s->plan->operands[s->plan->actions[step->first].first];
    return copy_link(s, chain, step->device, slot->where[o[1].storage], slot->where[o[0].storage],
                     hal_session_bytes(s, o[0].storage));
}

/* -------------------------------------------------------------------------------------- a whole step -- */

static uint32_t count_copies_in(const hal_session *s, const hal_session_slot *slot)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s->n_required; i++) {
        uint32_t storage = s->plan->home[s->required[i]];
        n += !hal_session_same(slot->from[storage], slot->where[storage]);
    }
    return n;
}

static hal_status copy_in(hal_session *s, hal_chain *chain, const hal_session_slot *slot)
{
    for (uint32_t i = 0; i < s->n_required; i++) {
        uint32_t storage = s->plan->home[s->required[i]],
                 device = hal_session_device(s, s->plan->storages[storage].memory);
        if (hal_session_same(slot->from[storage], slot->where[storage]))
            continue;
        HAL_TRY(copy_link(s, chain, device, slot->where[storage], slot->from[storage],
                          hal_session_bytes(s, storage)));
    }
    return HAL_OK;
}

static hal_status run_steps(hal_session *s, hal_chain *chain, const hal_session_slot *slot,
                            hal_program *const *programs)
{
    for (uint32_t i = 0; i < s->plan->n_steps; i++) {
        const hal_step *step = &s->plan->steps[i];
        if (step->program)
            HAL_TRY(program_link(s, chain, slot, step, programs[i]));
        else
            HAL_TRY(transfer_link(s, chain, slot, step));
    }
    return HAL_OK;
}

static hal_status copy_out(hal_session *s, hal_chain *chain, const hal_session_slot *slot,
                           const hal_fetch *fetches, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        hal_binding to = hal_session_binding(&fetches[i].tensor);
        if (hal_tensor_elements(&fetches[i].tensor) == 0)
            continue;
        uint32_t storage = hal_session_storage(s, fetches[i].value.id, true);
        uint32_t device = hal_session_device(s, s->plan->storages[storage].memory);
        if (hal_session_same(to, slot->where[storage]))
            continue;
        HAL_TRY(copy_link(s, chain, device, to, slot->where[storage], hal_session_bytes(s, storage)));
    }
    return HAL_OK;
}

/* A failed timeline stays failed: later steps get a new one. */
static hal_status renew_timeline(hal_session *s)
{
    if (!hal_timeline_failure(s->timeline)[0])
        return HAL_OK;
    hal_timeline *fresh;
    HAL_TRY(hal_timeline_create(s->plan->instance, &fresh));
    hal_timeline_release(s->timeline);
    s->timeline = fresh;
    s->point = 0;
    return HAL_OK;
}

static hal_status check_call(const hal_session *s, const void *feeds, uint32_t n_feeds, const void *fetches,
                             uint32_t n_fetches)
{
    if (!s)
        return HAL_FAIL(INVALID_ARGUMENT, "no session");
    if ((n_feeds && !feeds) || (n_fetches && !fetches))
        return HAL_FAIL(INVALID_ARGUMENT, "%u feeds and %u fetches are announced but an array is missing",
                        n_feeds, n_fetches);
    return hal_instance_check(s->plan->instance);
}

/* A step that stopped half-way must not leave anybody waiting: what it did not queue counts as failed. */
static hal_status abandon(hal_session *s, const hal_chain *chain, bool begun, hal_status status)
{
    if (!begun)
        return status;
    const char *text = hal_status_last()->text;
    hal_timeline_fail(s->timeline, s->point + 1, status, text);
    for (uint32_t i = 0; i < chain->n_signals; i++)
        hal_timeline_fail(chain->signals[i].timeline, chain->signals[i].value, status, text);
    return status;
}

static hal_status queue_step(hal_session *s, hal_chain *chain, const hal_feed *feeds, uint32_t n_feeds,
                         const hal_fetch *fetches, uint32_t n_fetches)
{
    hal_session_slot *slot = &s->slots[s->step++ % s->n_slots];
    hal_program **programs;
    uint32_t copies;
    HAL_TRY(renew_timeline(s));
    HAL_TRY(hal_session_resolve(s, feeds, n_feeds));
    HAL_TRY(hal_session_variant(s, &programs));
    HAL_TRY(hal_session_bind_feeds(s, slot, feeds, n_feeds, chain));
    HAL_TRY(hal_session_bind_fetches(s, slot, fetches, n_fetches, &copies));
    HAL_TRY(grow_points(s, chain->n_waits + chain->n_signals + 2));
    chain->left = count_copies_in(s, slot) + s->plan->n_steps + copies;
    uint32_t all = chain->left;
    hal_status status = copy_in(s, chain, slot);
    if (status == HAL_OK)
        status = run_steps(s, chain, slot, programs);
    if (status == HAL_OK)
        status = copy_out(s, chain, slot, fetches, n_fetches);
    return status == HAL_OK ? HAL_OK : abandon(s, chain, chain->left != all, status);
}

/* When a span begins; 0 while nothing is traced. */
static int64_t span_begin(const hal_session *s)
{
    return hal_trace_enabled(s->plan->instance) ? hal_time_now() : 0;
}

static void span_end(const hal_session *s, const char *name, int64_t begin)
{
    if (begin)
        hal_trace_span(s->plan->instance, NULL, "session", name, begin, hal_time_now());
}

static hal_status submit(hal_session *s, hal_chain *chain, const hal_feed *feeds, uint32_t n_feeds,
                         const hal_fetch *fetches, uint32_t n_fetches)
{
    int64_t begin = span_begin(s);
    hal_status status = queue_step(s, chain, feeds, n_feeds, fetches, n_fetches);
    span_end(s, "submit", begin);
    return status;
}

hal_status hal_session_submit(hal_session *session, const hal_feed *feeds, uint32_t n_feeds,
                              const hal_fetch *fetches, uint32_t n_fetches, const hal_point *waits,
                              uint32_t n_waits, const hal_point *signals, uint32_t n_signals)
{
    HAL_TRY(check_call(session, feeds, n_feeds, fetches, n_fetches));
    if ((n_waits && !waits) || (n_signals && !signals) || n_waits > UINT16_MAX || n_signals > UINT16_MAX)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%u waits and %u signals: arrays of at most 65535 points are needed", n_waits,
                        n_signals);
    hal_chain chain = {0, waits, n_waits, signals, n_signals};
    return submit(session, &chain, feeds, n_feeds, fetches, n_fetches);
}

hal_status hal_session_run(hal_session *session, const hal_feed *feeds, uint32_t n_feeds,
                           const hal_fetch *fetches, uint32_t n_fetches, int64_t deadline)
{
    HAL_TRY(check_call(session, feeds, n_feeds, fetches, n_fetches));
    hal_chain chain = {0};
    int64_t begin = span_begin(session);
    hal_status status = submit(session, &chain, feeds, n_feeds, fetches, n_fetches);
    if (status == HAL_OK)
        status = hal_timeline_wait(session->timeline, session->point, deadline);
    span_end(session, "step", begin);
    return status;
}
