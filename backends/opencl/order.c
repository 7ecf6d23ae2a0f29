/* SPDX-License-Identifier: Apache-2.0 */
#include "order.h"

#include <stdlib.h>

/* Bytes of a block, or of the host's memory (serial 0), from the first to the last that a tensor touches. */
typedef struct range { uint64_t serial; int64_t begin, end; } range;

static bool range_of(const hal_opencl_program *p, uint32_t op, uint32_t operand, range *r) {
    const hal_description_op *row = &hal_description_ops(p->description)[op];
    const hal_description_tensor *t = hal_description_operand(p->description, row, operand);
    const hal_portable_operand *o = &p->calls[op].operand[operand];
    if (!t || o->n == 0) return false;
    const hal_opencl_place *place = &p->places[t->binding];
    const int64_t at = (int64_t)(place->guest + place->offset + t->offset);
    *r = (range){place->serial, at, at + o->width};
    for (uint32_t d = 0; d < o->rank; d++) {
        const int64_t far = (o->size[d] - 1) * o->stride[d];
        if (far < 0) r->begin += far;
        else r->end += far;
    }
    return true;
}

static bool meets(range a, range b) {
    return a.serial == b.serial && a.begin < b.end && b.begin < a.end;
}

/* Whether an output of one and any operand of the other have bytes in common. */
static bool writes_into(const hal_opencl_program *p, uint32_t writer, uint32_t other) {
    const hal_portable_call *w = &p->calls[writer], *o = &p->calls[other];
    for (uint32_t i = w->n_in; i < w->n_in + w->n_out; i++) {
        range written, touched;
        if (!range_of(p, writer, i, &written)) continue;
        for (uint32_t k = 0; k < o->n_in + o->n_out; k++)
            if (range_of(p, other, k, &touched) && meets(written, touched)) return true;
    }
    return false;
}

static bool depend(const hal_opencl_program *p, uint32_t a, uint32_t b) {
    return (p->calls[a].scratch_bytes > 0 && p->calls[b].scratch_bytes > 0) || writes_into(p, a, b) || writes_into(p, b, a);
}

static bool add_wait(hal_opencl_program *p, uint32_t launch) {
    if (p->n_waits == p->room_waits) {
        const uint32_t room = p->room_waits * 2 + 64;
        uint32_t *bigger = realloc(p->waits, room * sizeof *bigger);
        if (!bigger) return false;
        p->waits = bigger;
        p->room_waits = room;
    }
    p->waits[p->n_waits++] = launch;
    return true;
}

/* The last launch of each earlier op that matters, walking back. */
static bool find(hal_opencl_program *p, uint32_t launch) {
    const uint32_t op = p->launches[launch].op;
    if (launch > 0 && p->launches[launch - 1].op == op) return add_wait(p, launch - 1);
    for (uint32_t i = launch; i-- > 0;) {
        const bool last = p->launches[i + 1].op != p->launches[i].op;
        if (last && depend(p, p->launches[i].op, op) && !add_wait(p, i)) return false;
    }
    return true;
}

hal_status hal_opencl_order_find(hal_opencl_program *p) {
    p->n_waits = 0;
    for (uint32_t i = 0; i < p->n_launches; i++) {
        hal_opencl_launch *l = &p->launches[i];
        l->first_wait = p->n_waits;
        if (!find(p, i)) return hal_opencl_no_memory(p->device->host, "the order of launches");
        l->n_waits = p->n_waits - l->first_wait;
    }
    return HAL_OK;
}
