/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Measurements against the description of the machine. A memory or link that has a measured figure remembers what followed
 * from its structure, so that the next measurement has the same limit.
 */
#include "hal/topology/measurement.h"
#include "hal/topology/model.h"

#include <ctype.h>
#include <math.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>

/* Relative; structural figures are rounded to three digits at worst. */
#define SLACK 1e-3
/* What the kept form holds: whole bytes per second, picoseconds, millionths. */
#define SMALLEST_RATE  1
#define LARGEST_RATE   1e18
#define SMALLEST_TIME  1e-12
#define LARGEST_TIME   1e6
#define SMALLEST_RATIO 1e-6
#define LARGEST_RATIO  1e6

typedef struct ends {
    hal_link_end from, to;
} ends;

#define REFUSE(m, ...) refuse(m, __LINE__, __VA_ARGS__)
__attribute__((format(printf, 3, 4))) static hal_status refuse(const hal_measurement *m, int line,
                                                               const char *format, ...)
{
    char why[256];
    va_list list;
    va_start(list, format);
    vsnprintf(why, sizeof why, format, list);
    va_end(list);
    return hal_status_set(HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), __FILE__, line,
                          "%s %s -> %s: %s", m->kind, m->from, m->to, why);
}

/* ---------------------------------------------------------------------------------------------- the ends -- */

static bool is_host_memory(const hal_topology_memory *m)
{
    return m->host_access != 0 && m->numa != HAL_NOWHERE;
}

/* The kernel's number of the node that the caller runs on: where the kernel puts what it touches first. Of a machine
   that is only described nothing can be said. */
static uint32_t node_here(const hal_topology *t)
{
    unsigned processor, node;
    const bool live = t->host.offline == 0 && t->host.origin[0] == '\0';
    return live && getcpu(&processor, &node) == 0 ? node : HAL_NOWHERE;
}

static hal_status find_host(const hal_topology *t, const hal_measurement *m, hal_link_end *end)
{
    const uint32_t here = node_here(t);
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_memories; i++) {
        if (!is_host_memory(&t->memories[i]))
            continue;
        if (n++ == 0 || t->memories[i].numa == here)
            *end = (hal_link_end){HAL_END_MEMORY, i};
    }
    if (n == 1 || (n > 1 && t->memories[end->index].numa == here))
        return HAL_OK;
    return REFUSE(m,
                  "\"host\" is the memory of the node that the measuring thread runs on; of %u memories here, nothing "
                  "tells which that is: name it, such as numa0",
                  n);
}

static hal_status find_end(const hal_topology *t, const hal_measurement *m, const char *name, hal_link_end *end)
{
    if (strcmp(name, "host") == 0)
        return find_host(t, m, end);
    for (uint32_t i = 0; i < t->n_devices; i++)
        if (strcmp(t->devices[i].id, name) == 0 || strcmp(t->devices[i].alias, name) == 0) {
            *end = (hal_link_end){HAL_END_DEVICE, i};
            return HAL_OK;
        }
    for (uint32_t i = 0; i < t->n_memories; i++)
        if (strcmp(t->memories[i].id, name) == 0) {
            *end = (hal_link_end){HAL_END_MEMORY, i};
            return HAL_OK;
        }
    return REFUSE(m, "the description of this machine has no device or memory \"%s\"; hal-info lists them",
                  name);
}

/* Kept in lines of words between tabs. */
static bool is_word(const char *text, size_t size)
{
    const char *end = memchr(text, '\0', size);
    if (end == NULL || end == text)
        return false;
    for (const char *p = text; p < end; p++)
        if (iscntrl((unsigned char)*p))
            return false;
    return true;
}

static bool computes_in(const hal_topology_device *d, uint32_t memory)
{
    for (uint32_t i = 0; i < d->n_memories; i++)
        if (d->memories[i] == memory)
            return true;
    return false;
}

static bool is_link(const hal_measurement *m)
{
    return strcmp(m->kind, "link") == 0;
}

static bool is_chase(const hal_measurement *m)
{
    return strcmp(m->kind, "chase") == 0;
}

static hal_status check_kind(const hal_topology *t, const hal_measurement *m, const ends *e)
{
    if (is_link(m)) {
        if (e->from.kind == e->to.kind && e->from.index == e->to.index)
            return REFUSE(m, "its two ends are one and the same, which no link joins");
        return e->from.kind == HAL_END_DEVICE || e->to.kind == HAL_END_DEVICE
                   ? HAL_OK
                   : REFUSE(m, "no end of it is a device");
    }
    if (!is_chase(m) && strcmp(m->kind, "read") != 0 && strcmp(m->kind, "write") != 0 &&
        strcmp(m->kind, "copy") != 0)
        return REFUSE(m, "its kind is none of read, write, copy, chase and link");
    if (e->from.kind != HAL_END_MEMORY || e->to.kind != HAL_END_DEVICE)
        return REFUSE(m, "it is not from a memory to a device");
    if (!computes_in(&t->devices[e->to.index], e->from.index))
        return REFUSE(m, "the device computes in another memory; measure the link to this one");
    return HAL_OK;
}

static hal_status find_ends(const hal_topology *t, const hal_measurement *m, ends *e)
{
    if (!is_word(m->from, sizeof m->from) || !is_word(m->to, sizeof m->to) || !is_word(m->kind, sizeof m->kind))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "a measurement has an end or a kind that is empty, does not end or is not printable");
    HAL_TRY(find_end(t, m, m->from, &e->from));
    HAL_TRY(find_end(t, m, m->to, &e->to));
    return check_kind(t, m, e);
}

/* ------------------------------------------------------------------------------------------- the figures -- */

typedef struct range {
    const char *name;
    hal_unit unit;
    double least, most;
} range;

static hal_status check_figure(const hal_measurement *m, const hal_figure *f, bool needed, const range *r)
{
    if (f->source == HAL_SOURCE_UNKNOWN)
        return needed ? REFUSE(m, "it has no %s", r->name) : HAL_OK;
    if (f->source != HAL_SOURCE_MEASURED || f->unit != (uint32_t)r->unit || f->when <= 0 || f->samples == 0)
        return REFUSE(m, "its %s is not a measured one in %s with a date and runs", r->name,
                      hal_unit_name(r->unit));
    if (!isfinite(f->value) || !isfinite(f->ci95) || f->ci95 < 0)
        return REFUSE(m, "its %s is %g +- %g, which is no number", r->name, f->value, f->ci95);
    if (f->value < r->least || f->value > r->most || f->ci95 > r->most)
        return REFUSE(m, "its %s is %g +- %g, which nothing has", r->name, f->value, f->ci95);
    return HAL_OK;
}

static hal_status check_figures(const hal_measurement *m)
{
    static const range rate = {"bandwidth", HAL_UNIT_BYTES_PER_SECOND, SMALLEST_RATE, LARGEST_RATE},
                       time = {"latency", HAL_UNIT_SECONDS, SMALLEST_TIME, LARGEST_TIME},
                       ratio = {"duplex factor", HAL_UNIT_COUNT, SMALLEST_RATIO, LARGEST_RATIO};
    HAL_TRY(check_figure(m, &m->bandwidth, !is_chase(m), &rate));
    HAL_TRY(check_figure(m, &m->latency, is_chase(m), &time));
    return check_figure(m, &m->duplex, false, &ratio);
}

/* -------------------------------------------------------------------------------------------- the limits -- */

static hal_figure limit_of_memory(const hal_topology *t, uint32_t index)
{
    return index < t->measured.n_memories && t->measured.memories[index].source != HAL_SOURCE_UNKNOWN
               ? t->measured.memories[index]
               : t->memories[index].bandwidth;
}

static hal_figure limit_of_link(const hal_topology *t, uint32_t index)
{
    const hal_topology_link *l = &t->links[index];
    return l->declared.source != HAL_SOURCE_UNKNOWN ? l->declared : l->bandwidth;
}

static bool same_end(hal_link_end a, hal_link_end b)
{
    return a.kind == b.kind && a.index == b.index;
}

/* How much one would rather be the way that copies take: a fabric before PCIe, then the faster one. */
static double preference(const hal_topology *t, uint32_t index)
{
    const hal_figure f = limit_of_link(t, index);
    const double rate = f.source != HAL_SOURCE_UNKNOWN ? f.value : LARGEST_RATE;
    return strcmp(t->links[index].kind, "pcie") == 0 ? rate : rate + 2 * LARGEST_RATE;
}

/* Of all links between two ends the one that copies take, or HAL_NOWHERE. */
static uint32_t find_link(const hal_topology *t, const ends *e)
{
    uint32_t best = HAL_NOWHERE;
    for (uint32_t i = 0; i < t->n_links; i++)
        if (same_end(t->links[i].from, e->from) && same_end(t->links[i].to, e->to) &&
            (best == HAL_NOWHERE || preference(t, i) > preference(t, best)))
            best = i;
    return best;
}

static hal_status check_limit(const hal_topology *t, const hal_measurement *m, const ends *e)
{
    const uint32_t link = is_link(m) ? find_link(t, e) : HAL_NOWHERE;
    hal_figure limit = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND);
    if (link != HAL_NOWHERE)
        limit = limit_of_link(t, link);
    else if (!is_link(m))
        limit = limit_of_memory(t, e->from.index);
    if (m->bandwidth.source == HAL_SOURCE_UNKNOWN || limit.source != HAL_SOURCE_STRUCTURAL ||
        m->bandwidth.value <= limit.value * (1 + SLACK))
        return HAL_OK;
    return REFUSE(m, "%.6g bytes/s are more than the %.6g that its hardware can carry", m->bandwidth.value,
                  limit.value);
}

static hal_status check(const hal_topology *t, const hal_measurement *m, ends *e)
{
    HAL_TRY(find_ends(t, m, e));
    if (m->verified != 1)
        return REFUSE(m, "nobody verified that its bytes arrived");
    if (m->bytes == 0)
        return REFUSE(m, "its runs move no bytes");
    if (m->copy_mode >= HAL_COPY_NONE || (m->copy_mode != HAL_COPY_UNKNOWN && !is_link(m)))
        return REFUSE(m, "bytes do not travel in mode %u there", m->copy_mode);
    HAL_TRY(check_figures(m));
    return check_limit(t, m, e);
}

static const char *id_of(const hal_topology *t, hal_link_end end)
{
    return end.kind == HAL_END_DEVICE ? t->devices[end.index].id : t->memories[end.index].id;
}

hal_status hal_measurement_settle(const hal_topology *topology, const hal_measurement *measurement,
                                  hal_measurement *settled)
{
    ends e;
    hal_measurement m = *measurement;
    HAL_TRY(check(topology, measurement, &e));
    int from = snprintf(m.from, sizeof m.from, "%s", id_of(topology, e.from));
    int to = snprintf(m.to, sizeof m.to, "%s", id_of(topology, e.to));
    if ((size_t)from >= sizeof m.from || (size_t)to >= sizeof m.to || !is_word(m.from, sizeof m.from) ||
        !is_word(m.to, sizeof m.to))
        return REFUSE(measurement, "an end has an id that is longer than %zu bytes or not printable",
                      sizeof m.from - 1);
    *settled = m;
    return HAL_OK;
}

hal_status hal_measurement_check(const hal_topology *topology, const hal_measurement *measurement)
{
    hal_measurement settled;
    return hal_measurement_settle(topology, measurement, &settled);
}

const hal_allocator *hal_topology_allocator(const hal_topology *topology)
{
    return &topology->allocator;
}

/* ------------------------------------------------------------------------------------------- into a draft -- */

/* Keeps what a bandwidth was before anything was measured. */
static void remember(hal_figure *before, hal_figure now)
{
    if (before->source == HAL_SOURCE_UNKNOWN && now.source != HAL_SOURCE_MEASURED)
        *before = now;
}

/* Room for the limits of what there is. */
static void make_room(hal_topology *t)
{
    if (t->measured.memories != NULL)
        return;
    t->measured.memories = t->n_memories != 0 ? hal_block_take(t, t->n_memories * sizeof(hal_figure)) : NULL;
    t->measured.n_memories = t->measured.memories != NULL ? t->n_memories : 0;
}

static void improve(hal_figure *into, hal_figure figure)
{
    if (figure.source != HAL_SOURCE_UNKNOWN)
        hal_figure_improve(into, figure);
}

static void apply_memory(hal_topology *t, const hal_measurement *m, uint32_t index)
{
    hal_topology_memory *memory = &t->memories[index];
    if (strcmp(m->kind, "read") == 0) {
        if (index < t->measured.n_memories)
            remember(&t->measured.memories[index], memory->bandwidth);
        improve(&memory->bandwidth, m->bandwidth);
    }
    if (is_chase(m))
        improve(&memory->latency, m->latency);
}

static const hal_topology_device *device_of(const hal_topology *t, hal_link_end end)
{
    return end.kind == HAL_END_DEVICE ? &t->devices[end.index] : NULL;
}

static bool is_on_pci(const hal_topology_device *d)
{
    return d != NULL && (d->pci_vendor | d->pci_class) != 0;
}

/* What joins two ends of which nothing else tells it; "" where that cannot be known. */
static const char *kind_between(const hal_topology_device *from, const hal_topology_device *to)
{
    if (is_on_pci(from) || is_on_pci(to))
        return "pcie";
    if (from == NULL || to == NULL)
        return "memory";
    return from->kind == HAL_DEVICE_CPU && to->kind == HAL_DEVICE_CPU ? "socket" : "";
}

static uint32_t add_link(hal_draft *draft, const ends *e)
{
    const hal_topology *t = &draft->topology;
    const hal_topology_device *from = device_of(t, e->from), *to = device_of(t, e->to);
    const hal_topology_device *one = from == NULL ? to : to == NULL ? from : NULL;
    const bool own = one != NULL && computes_in(one, from == NULL ? e->from.index : e->to.index);
    hal_topology_link link = {.from = e->from,
                              .to = e->to,
                              .kind = kind_between(from, to),
                              .path = "",
                              .via = "",
                              .hops = own,
                              .copy_mode = own ? HAL_COPY_NATIVE : HAL_COPY_UNKNOWN,
                              .bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND),
                              .latency = hal_figure_unknown(HAL_UNIT_SECONDS),
                              .duplex = hal_figure_unknown(HAL_UNIT_COUNT),
                              .declared = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)};
    return hal_draft_add_link(draft, &link);
}

static void apply_link(hal_draft *draft, const hal_measurement *m, const ends *e)
{
    hal_topology *t = &draft->topology;
    uint32_t index = find_link(t, e);
    if (index == HAL_NOWHERE)
        index = add_link(draft, e);
    hal_topology_link *link = hal_draft_link(draft, index);
    if (link == NULL)
        return;
    remember(&link->declared, link->bandwidth);
    improve(&link->bandwidth, m->bandwidth);
    improve(&link->latency, m->latency);
    improve(&link->duplex, m->duplex);
    if (m->copy_mode != HAL_COPY_UNKNOWN)
        link->copy_mode = m->copy_mode;
    link->verified = 1;
}

void hal_measurements_apply(hal_draft *draft, const hal_measurement *measurements, uint32_t n)
{
    ends e;
    make_room(&draft->topology);
    for (uint32_t i = 0; i < n; i++) {
        const hal_measurement *m = &measurements[i];
        if (check(&draft->topology, m, &e) != HAL_OK)
            continue;
        if (is_link(m))
            apply_link(draft, m, &e);
        else
            apply_memory(&draft->topology, m, e.from.index);
    }
}
