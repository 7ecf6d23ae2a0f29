/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/runner.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hal-matrix/interrupt.h"

/* What the threads share; `lock` guards all that changes. */
typedef struct crew {
    const matrix_target *target;
    const matrix_selection *selection;
    const matrix_sink *sink;
    pthread_mutex_t lock;
    matrix_result **done; /* one an item, from when it is known until it is handed on */
    size_t next, handed;  /* items taken up; handed on */
    char ended[256];      /* why no more are taken up, or "" */
    double late;
    int code;
    tool_error err;
} crew;

static void end(crew *c, const char *why, const char *of) {
    if (!c->ended[0]) snprintf(c->ended, sizeof c->ended, "%s%.200s", why, of);
}

/* Hands on what is known without a gap. */
static void hand_on(crew *c) {
    for (; c->handed < c->selection->n && c->done[c->handed]; c->handed++) {
        matrix_result *r = c->done[c->handed];
        if (!c->code) c->code = c->sink->take(c->sink->context, r, &c->err);
        free(r);
        c->done[c->handed] = NULL;
    }
    if (c->code) end(c, "an error ended the run", "");
}

/* The number of the next item, or n when there is none or the run ends. */
static size_t take_up(crew *c) {
    pthread_mutex_lock(&c->lock);
    if (matrix_interrupted()) end(c, "interrupted", "");
    const size_t i = c->ended[0] || c->next == c->selection->n ? c->selection->n : c->next++;
    pthread_mutex_unlock(&c->lock);
    return i;
}

static void finish(crew *c, size_t i, matrix_result *r, int code, const tool_error *err) {
    pthread_mutex_lock(&c->lock);
    if (code && !c->code) {
        c->code = code;
        c->err = *err;
    }
    if (code) end(c, "an error ended the run", "");
    else if (r->late > 0) c->late = r->late, end(c, "the device did not answer within the deadline at ", r->id);
    else if (r->lost) end(c, "the device was lost at ", r->id);
    c->done[i] = r;
    hand_on(c);
    pthread_mutex_unlock(&c->lock);
}

static void *work(void *context) {
    crew *c = context;
    for (size_t i; (i = take_up(c)) < c->selection->n;) {
        const matrix_item *item = &c->selection->items[i];
        tool_error err = {0};
        matrix_result *r = calloc(1, sizeof *r);
        int code = r ? matrix_run_case(c->target, item->c, item->dtype, item->layout, r, &err)
                     : tool_fail(&err, TOOL_INTERNAL, "out of memory for a result");
        if (code) {
            free(r);
            r = NULL;
        }
        finish(c, i, r, code, &err);
    }
    return NULL;
}

/* Items that nobody took up. */
static void skip_rest(crew *c) {
    for (size_t i = c->next; i < c->selection->n && !c->code; i++) {
        const matrix_item *item = &c->selection->items[i];
        matrix_result r = {.verdict = VERDICT_SKIPPED};
        matrix_case_id(item->c, item->dtype, item->layout, r.id, sizeof r.id);
        snprintf(r.reason, sizeof r.reason, "%s", c->ended);
        c->code = c->sink->take(c->sink->context, &r, &c->err);
    }
}

/* One thread less is no failure as long as there is one: this one. */
static void run_crew(crew *c, uint32_t jobs) {
    pthread_t threads[256];
    uint32_t started = 0;
    while (started + 1 < jobs && started < 256 && pthread_create(&threads[started], NULL, work, c) == 0) started++;
    work(c);
    for (uint32_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
}

int matrix_run_items(const matrix_target *target, const matrix_selection *selection, uint32_t jobs,
                     const matrix_sink *sink, char *ended, size_t size, double *late, tool_error *err) {
    crew c = {.target = target, .selection = selection, .sink = sink, .lock = PTHREAD_MUTEX_INITIALIZER,
              .done = calloc(selection->n + 1, sizeof *c.done)};
    if (!c.done) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu results", selection->n);
    run_crew(&c, jobs);
    if (c.ended[0]) skip_rest(&c);
    for (size_t i = 0; i < selection->n; i++) free(c.done[i]);
    free(c.done);
    snprintf(ended, size, "%s", c.ended);
    *late = c.late;
    if (c.code && err) *err = c.err;
    return c.code;
}
