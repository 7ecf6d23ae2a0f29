/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that hang on the switches of a fabric reach each other through them, with what all switches
   together let through. Sources tell only the links to the switches, and who asks how two devices are linked
   should not have to look further. */
#include "hal/topology/model.h"

#include <stdio.h>
#include <stdlib.h>

#define MOST_LINKS  16384u     /* that are added: all pairs of more are not written down */
#define MOST_SPOKES 4096u      /* that are looked at */
#define MOST_WORK   100000000u /* spokes times links, devices, spokes */

/* What joins a device to a switch: all its links of one kind in one direction together. */
typedef struct spoke {
    uint32_t device, hub, lanes, source; /* source: the worst one */
    bool back;                           /* from the switch to the device */
    double bandwidth;
    const hal_topology_link *link; /* one of them */
} spoke;

/* All spokes, by device, hub, and the way there before the way back; and what follows from them. */
typedef struct wheel {
    spoke *spokes;
    struct reach *reaches;
    hal_topology_link *found;
    uint32_t n, n_found;
} wheel;

/* What is summed up for one device, to every other. */
typedef struct reach {
    double bandwidth;
    uint32_t seen,
        direct; /* the device it was summed for, plus 1; the same for links that are there already */
    uint32_t lanes, source;
} reach;

static bool is_device(const hal_topology *t, hal_link_end end)
{
    return end.kind == HAL_END_DEVICE && end.index < t->n_devices;
}

static bool is_switch(const hal_topology *t, hal_link_end end)
{
    return is_device(t, end) && t->devices[end.index].kind == HAL_DEVICE_SWITCH;
}

/* PCIe has switches of its own, which are places. */
static bool make_spoke(const hal_topology *t, const hal_topology_link *l, spoke *s)
{
    const bool up = is_switch(t, l->to);
    if (!is_device(t, l->from) || !is_device(t, l->to) || up == is_switch(t, l->from) ||
        strcmp(l->kind, "pcie") == 0)
        return false;
    *s = (spoke){.device = up ? l->from.index : l->to.index,
                 .hub = up ? l->to.index : l->from.index,
                 .lanes = l->lanes,
                 .source = l->bandwidth.source,
                 .back = !up,
                 .bandwidth = l->bandwidth.value,
                 .link = l};
    return true;
}

static int compare(const void *a, const void *b)
{
    const spoke *x = a, *y = b;
    if (x->device != y->device)
        return x->device < y->device ? -1 : 1;
    if (x->hub != y->hub)
        return x->hub < y->hub ? -1 : 1;
    return x->back != y->back ? (x->back ? 1 : -1) : strcmp(x->link->kind, y->link->kind);
}

/* Parallel links become one; the way back counts only where nobody told the way there. */
static void join(wheel *w)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < w->n; i++) {
        spoke *last = n > 0 ? &w->spokes[n - 1] : NULL;
        const spoke s = w->spokes[i];
        if (last == NULL || last->device != s.device || last->hub != s.hub) {
            w->spokes[n++] = s;
        } else if (last->back == s.back && strcmp(last->link->kind, s.link->kind) == 0) {
            last->bandwidth += s.bandwidth;
            last->lanes += s.lanes;
            last->source = s.source < last->source ? s.source : last->source;
        }
    }
    w->n = n;
}

static void sum_up(reach *r, uint32_t device, const spoke *up, const spoke *down)
{
    const uint32_t worse = up->source < down->source ? up->source : down->source;
    if (down->device == device || strcmp(up->link->kind, down->link->kind) != 0)
        return;
    r += down->device;
    if (r->seen != device + 1)
        *r = (reach){.seen = device + 1, .direct = r->direct, .source = worse};
    r->bandwidth += up->bandwidth < down->bandwidth ? up->bandwidth : down->bandwidth;
    r->lanes += up->lanes < down->lanes ? up->lanes : down->lanes;
    r->source = worse < r->source ? worse : r->source;
}

/* From the device whose spokes are `begin` to `end` - 1. */
static void look_around(const hal_topology *t, wheel *w, uint32_t begin, uint32_t end)
{
    const uint32_t device = w->spokes[begin].device;
    for (uint32_t i = begin; i < end; i++)
        for (uint32_t j = 0; j < w->n; j++)
            if (w->spokes[j].hub == w->spokes[i].hub)
                sum_up(w->reaches, device, &w->spokes[i], &w->spokes[j]);
    for (uint32_t i = 0; i < t->n_links; i++) {
        const hal_topology_link *l = &t->links[i];
        if (is_device(t, l->from) && is_device(t, l->to) && l->from.index == device &&
            strcmp(l->kind, w->spokes[begin].link->kind) == 0)
            w->reaches[l->to.index].direct = device + 1;
    }
}

static void keep_found(const hal_topology *t, wheel *w, const spoke *like)
{
    const uint32_t mark = like->device + 1;
    for (uint32_t to = 0; to < t->n_devices && w->n_found < MOST_LINKS; to++) {
        const reach *r = &w->reaches[to];
        if (r->seen != mark || r->direct == mark)
            continue;
        w->found[w->n_found++] = (hal_topology_link){
            .from = {HAL_END_DEVICE, like->device},
            .to = {HAL_END_DEVICE, to},
            .kind = like->link->kind,
            .path = like->link->path,
            .via = "switch",
            .generation = like->link->generation,
            .lanes = r->lanes,
            .hops = 2,
            .copy_mode = like->link->copy_mode,
            .bandwidth = r->source == HAL_SOURCE_UNKNOWN
                             ? hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND)
                             : hal_figure_of(r->bandwidth, HAL_UNIT_BYTES_PER_SECOND, r->source)};
    }
}

static void find_links(const hal_topology *t, wheel *w)
{
    qsort(w->spokes, w->n, sizeof *w->spokes, compare);
    join(w);
    for (uint32_t begin = 0, end; begin < w->n; begin = end) {
        for (end = begin + 1; end < w->n && w->spokes[end].device == w->spokes[begin].device;)
            end++;
        look_around(t, w, begin, end);
        keep_found(t, w, &w->spokes[begin]);
    }
}

static uint32_t count_spokes(const hal_topology *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->n_links; i++)
        n += make_spoke(t, &t->links[i], &(spoke){0});
    return n;
}

/* All or none: half of them would look like a fabric that lacks the other half. */
static void report_missing(hal_topology *t, uint32_t spokes)
{
    char evidence[128];
    snprintf(evidence, sizeof evidence,
             "%u links to switches; which devices they join, one by one, is not written down", spokes);
    hal_draft_report((hal_draft *)t, "D115", evidence);
}

void hal_seal_switches(hal_topology *t)
{
    const hal_allocator *a = &t->allocator;
    const uint32_t n = count_spokes(t);
    if (n < 2)
        return;
    if (n > MOST_SPOKES || (uint64_t)n * (t->n_links + t->n_devices) > MOST_WORK) {
        report_missing(t, n);
        return;
    }
    wheel w = {.spokes = hal_allocate_array(a, n, sizeof *w.spokes),
               .reaches = hal_allocate_array(a, t->n_devices, sizeof *w.reaches),
               .found = hal_allocate_array(a, MOST_LINKS, sizeof *w.found)};
    if (w.spokes != NULL && w.reaches != NULL && w.found != NULL) {
        for (uint32_t i = 0; i < t->n_links; i++)
            w.n += make_spoke(t, &t->links[i], &w.spokes[w.n]);
        find_links(t, &w);
        for (uint32_t i = 0; w.n_found < MOST_LINKS && i < w.n_found; i++)
            hal_draft_add_link((hal_draft *)t, &w.found[i]);
        if (w.n_found == MOST_LINKS)
            report_missing(t, n);
    } else {
        t->starved = true;
    }
    hal_deallocate(a, w.spokes);
    hal_deallocate(a, w.reaches);
    hal_deallocate(a, w.found);
}
