/* SPDX-License-Identifier: Apache-2.0 */
/* Which steps of a chain have to wait for which, where they keep no order. */
#include "chain.h"

#include <stdlib.h>

/* Bytes of a block of memory from the first to the last that a tensor touches. */
typedef struct range { uint64_t memory; int64_t begin, end; } range;

/* What is looked at: a chain, and where its bindings begin. */
typedef struct view { hal_portable_chain *chain; const hal_portable_extent *where; } view;

static bool range_of(const view *v, uint32_t op, uint32_t operand, range *r) {
    const hal_portable_chain *c = v->chain;
    const hal_description_op *row = &hal_description_ops(c->description)[op];
    const hal_description_tensor *t = hal_description_operand(c->description, row, operand);
    const hal_portable_operand *o = &c->calls[op].operand[operand];
    if (!t || o->n == 0) return false;
    const int64_t at = (int64_t)(v->where[t->binding].at + t->offset);
    *r = (range){v->where[t->binding].memory, at, at + o->width};
    for (uint32_t d = 0; d < o->rank; d++) {
        const int64_t far = (o->size[d] - 1) * o->stride[d];
        if (far < 0) r->begin += far;
        else r->end += far;
    }
    return true;
}

static bool meets(range a, range b) {
    return a.memory == b.memory && a.begin < b.end && b.begin < a.end;
}

/* Whether an output of one and any operand of the other have bytes in common. */
static bool writes_into(const view *v, uint32_t writer, uint32_t other) {
    const hal_portable_call *w = &v->chain->calls[writer], *o = &v->chain->calls[other];
    for (uint32_t i = w->n_in; i < w->n_in + w->n_out; i++) {
        range written, touched;
        if (!range_of(v, writer, i, &written)) continue;
        for (uint32_t k = 0; k < o->n_in + o->n_out; k++)
            if (range_of(v, other, k, &touched) && meets(written, touched)) return true;
    }
    return false;
}

static bool depend(const view *v, uint32_t a, uint32_t b) {
    const hal_portable_call *calls = v->chain->calls;
    return (calls[a].scratch_bytes > 0 && calls[b].scratch_bytes > 0) || writes_into(v, a, b) || writes_into(v, b, a);
}

static bool add_wait(hal_portable_chain *c, uint32_t step) {
    if (c->n_waits == c->room_waits) {
        const uint32_t room = c->room_waits * 2 + 64;
        uint32_t *bigger = realloc(c->waits, room * sizeof *bigger);
        if (!bigger) return false;
        c->waits = bigger;
        c->room_waits = room;
    }
    c->waits[c->n_waits++] = step;
    return true;
}

/* The last step of each earlier op that matters, walking back. */
static bool find(const view *v, uint32_t step) {
    hal_portable_chain *c = v->chain;
    const uint32_t op = c->steps[step].op;
    if (step > 0 && c->steps[step - 1].op == op) return add_wait(c, step - 1);
    for (uint32_t i = step; i-- > 0;) {
        const bool last = c->steps[i + 1].op != c->steps[i].op;
        if (last && depend(v, c->steps[i].op, op) && !add_wait(c, i)) return false;
    }
    return true;
}

hal_status hal_portable_chain_order(hal_portable_chain *c, const hal_portable_extent *where) {
    const view v = {c, where};
    c->n_waits = 0;
    for (uint32_t i = 0; i < c->n_steps; i++) {
        hal_portable_step *s = &c->steps[i];
        s->first_wait = c->n_waits;
        if (!find(&v, i)) return hal_portable_no_memory(&c->driver, "the order of launches");
        s->n_waits = c->n_waits - s->first_wait;
    }
    return HAL_OK;
}
