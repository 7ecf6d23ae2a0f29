/* SPDX-License-Identifier: Apache-2.0 */
/* Links that vendors tell of. A path that the passive stage found stays and learns what the vendor knows of
 * it. */
#include "hal/discovery/answers.h"

typedef struct ends {
    uint32_t from, to;
} ends;

/* The device that an interface numbers so, among those of the same fact. */
static uint32_t numbered(const hal_answers *answers, const uint32_t *device_of, uint32_t item, uint32_t index)
{
    for (uint32_t i = 0; index != HAL_NOWHERE && i < answers->n_items; i++)
        if (answers->items[i].kind == HAL_ANSWER_DEVICE && answers->owners[i] == answers->owners[item] &&
            answers->items[i].index == index && answers->items[i].parent[0] == '\0')
            return device_of[i];
    return HAL_NOWHERE;
}

static ends find_ends(hal_draft *draft, const hal_answers *answers, const uint32_t *device_of, uint32_t item)
{
    const hal_answer *a = &answers->items[item];
    ends e = {HAL_NOWHERE, HAL_NOWHERE};
    if (a->address[0] != '\0')
        e.from = hal_draft_find_device(draft, a->address);
    if (a->peer[0] != '\0')
        e.to = hal_draft_find_device(draft, a->peer);
    if (e.from == HAL_NOWHERE)
        e.from = numbered(answers, device_of, item, a->index);
    if (e.to == HAL_NOWHERE)
        e.to = numbered(answers, device_of, item, a->peer_index);
    return e;
}

static bool joins(const hal_topology_link *l, ends e)
{
    return l->from.kind == HAL_END_DEVICE && l->to.kind == HAL_END_DEVICE && l->from.index == e.from &&
           l->to.index == e.to;
}

static void improve(hal_draft *draft, hal_topology_link *l, const hal_answer *a, int64_t when)
{
    if (l->path[0] == '\0')
        l->path = hal_draft_text(draft, a->path);
    if (l->copy_mode == HAL_COPY_UNKNOWN)
        l->copy_mode = a->copy;
    if (l->generation == 0)
        l->generation = a->generation;
    if (l->lanes == 0)
        l->lanes = a->lanes;
    if (l->hops == 0)
        l->hops = a->hops;
    if (a->bandwidth == 0 || l->bandwidth.source >= HAL_SOURCE_VENDOR)
        return;
    l->bandwidth = hal_figure_of((double)a->bandwidth, HAL_UNIT_BYTES_PER_SECOND, HAL_SOURCE_VENDOR);
    l->bandwidth.when = when;
}

/* Whether a device reaches one of the switches, so that a link of two hops runs through them. */
static const char *switch_between(const hal_answer *a)
{
    return a->hops > 1 && strcmp(a->link, "nvlink") == 0 ? "NVSwitch" : "";
}

static void add(hal_draft *draft, ends e, const hal_answer *a, int64_t when)
{
    hal_topology_link l = {.from = {HAL_END_DEVICE, e.from},
                           .to = {HAL_END_DEVICE, e.to},
                           .kind = a->link,
                           .path = a->path,
                           .via = switch_between(a),
                           .bandwidth = hal_figure_unknown(HAL_UNIT_BYTES_PER_SECOND),
                           .latency = hal_figure_unknown(HAL_UNIT_SECONDS),
                           .duplex = hal_figure_unknown(HAL_UNIT_COUNT)};
    uint32_t index = hal_draft_add_link(draft, &l);
    hal_topology_link *added = hal_draft_link(draft, index);
    if (added != NULL)
        improve(draft, added, a, when);
}

/* A record without a kind only says whether one device may read the other's memory: that holds for every link
 * there is. */
static void merge(hal_draft *draft, ends e, const hal_answer *a, int64_t when)
{
    bool found = false;
    for (uint32_t i = 0; i < hal_draft_link_count(draft); i++) {
        hal_topology_link *l = hal_draft_link(draft, i);
        if (!joins(l, e))
            continue;
        if (a->link[0] == '\0' && l->copy_mode == HAL_COPY_UNKNOWN)
            l->copy_mode = a->copy;
        else if (strcmp(l->kind, a->link) == 0) {
            improve(draft, l, a, when);
            found = true;
        }
    }
    if (!found && a->link[0] != '\0')
        add(draft, e, a, when);
}

void hal_answers_merge_links(hal_draft *draft, const hal_answers *answers, const uint32_t *device_of)
{
    for (uint32_t i = 0; i < answers->n_items; i++) {
        const uint32_t owner = answers->owners[i];
        if (answers->items[i].kind != HAL_ANSWER_LINK)
            continue;
        ends e = find_ends(draft, answers, device_of, i);
        if (e.from != HAL_NOWHERE && e.to != HAL_NOWHERE && e.from != e.to)
            merge(draft, e, &answers->items[i], owner != HAL_NOWHERE ? answers->facts[owner].when : 0);
    }
}
