/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 64, MINI_HEIGHT = 40 };

/* Wide for a sans-serif face, so that text stays inside whatever face the reader has. */
static double advance(unsigned char c)
{
    if (c >= 0x80)
        return (c & 0xc0) == 0x80 ? 0 : 0.75;
    if (strchr("iljtfI.,:;'|!()[] ", c))
        return 0.38;
    if (strchr("mwMW@%", c))
        return 0.96;
    if (c >= 'A' && c <= 'Z')
        return 0.72;
    return 0.62;
}

double text_width(const char *text, double size)
{
    double width = 0;
    for (; *text; text++)
        width += advance((unsigned char)*text) * size;
    return width;
}

size_t text_fit(const char *text, double size, double width)
{
    size_t n = 0;
    double used = 0;
    while (text[n]) {
        used += advance((unsigned char)text[n]) * size;
        if (used > width)
            break;
        n++;
    }
    while (n && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    return n;
}

bool card_tells_state(const hal_topology_device *d)
{
    return d->usability == HAL_USABLE_BROKEN || d->usability == HAL_USABLE_DEGRADED ||
           d->usability == HAL_USABLE_HIDDEN;
}

/* --- the tree --- */

static bool is_pci(const hal_topology_place *p)
{
    return p->kind == HAL_PLACE_PCI_ROOT || p->kind == HAL_PLACE_PCI_SWITCH;
}

/* Whether b, which comes later, belongs before a: buses stand in the order of their addresses. */
static bool belongs_before(const hal_topology *t, const box *b, const box *a)
{
    if (a->kind != BOX_PLACE || b->kind != BOX_PLACE)
        return false;
    const hal_topology_place *x = hal_topology_place_at(t, a->outer), *y = hal_topology_place_at(t, b->outer);
    return is_pci(x) && is_pci(y) && strcmp(x->id, y->id) > 0;
}

static void attach(const hal_topology *t, box *parent, box *b)
{
    box **at = &parent->first;
    while (*at && !belongs_before(t, b, *at))
        at = &(*at)->next;
    b->next = *at;
    *at = b;
    if (!b->next)
        parent->last = b;
}

static box *new_box(layout *l, box *parent, box_kind kind, uint32_t index)
{
    box *b = &l->boxes[l->n++];
    *b = (box){.kind = kind, .index = index, .outer = index};
    if (parent)
        attach(l->topology, parent, b);
    return b;
}

/* The one device that computes in a memory first of all, unless that is a processor: the memory is drawn in
 * its card. */
static void find_owners(layout *l)
{
    const hal_topology *t = l->topology;
    const uint32_t n = hal_topology_memory_count(t);
    uint32_t *uses = calloc((size_t)n + 1, sizeof *uses);
    for (uint32_t k = 0; k < n; k++)
        l->owner[k] = HAL_NOWHERE;
    for (uint32_t k = 0; uses && k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        const uint32_t m = d->n_memories ? d->memories[0] : HAL_NOWHERE;
        if (m >= n)
            continue;
        l->owner[m] = uses[m]++ == 0 && d->kind != HAL_DEVICE_CPU ? k : HAL_NOWHERE;
    }
    free(uses);
}

/* Which places hold a device or a memory, however deep inside. */
static void mark(const layout *l, bool *holds)
{
    const hal_topology *t = l->topology;
    const uint32_t n = hal_topology_place_count(t);
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        if (hal_topology_device_at(t, k)->place < n)
            holds[hal_topology_device_at(t, k)->place] = true;
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        if (hal_topology_memory_at(t, k)->place < n && l->owner[k] == HAL_NOWHERE)
            holds[hal_topology_memory_at(t, k)->place] = true;
    for (uint32_t k = n; k-- > 1;)
        if (holds[k] && hal_topology_place_at(t, k)->parent < n)
            holds[hal_topology_place_at(t, k)->parent] = true;
}

/* Memories first, then devices; places come later, as their numbers are higher. */
static void fill(layout *l, box *b)
{
    const hal_topology *t = l->topology;
    for (uint32_t k = 0; k < hal_topology_memory_count(t); k++)
        if (hal_topology_memory_at(t, k)->place == b->index && l->owner[k] == HAL_NOWHERE)
            new_box(l, b, BOX_MEMORY, k);
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++)
        if (hal_topology_device_at(t, k)->place == b->index)
            new_box(l, b, BOX_DEVICE, k);
}

/* What a place holds directly. */
typedef struct content {
    bool holds; /* anything, however deep inside */
    uint32_t objects, places;
} content;

static content *count_contents(const layout *l)
{
    const hal_topology *t = l->topology;
    const uint32_t n = hal_topology_place_count(t);
    content *c = calloc(n, sizeof *c);
    bool *holds = calloc(n, sizeof *holds);
    if (holds)
        mark(l, holds);
    for (uint32_t k = 0; c && holds && k < n; k++) {
        c[k].holds = holds[k];
        if (holds[k] && hal_topology_place_at(t, k)->parent < k)
            c[hal_topology_place_at(t, k)->parent].places++;
    }
    for (uint32_t k = 0; c && k < hal_topology_device_count(t); k++)
        if (hal_topology_device_at(t, k)->place < n)
            c[hal_topology_device_at(t, k)->place].objects++;
    for (uint32_t k = 0; c && k < hal_topology_memory_count(t); k++)
        if (hal_topology_memory_at(t, k)->place < n && l->owner[k] == HAL_NOWHERE)
            c[hal_topology_memory_at(t, k)->place].objects++;
    free(holds);
    return c;
}

/* A switch that holds nothing but one further switch is drawn as one with it: many a card has its own. The
   same goes for a host bridge and its port. */
static bool is_folded(const layout *l, const content *c, uint32_t place)
{
    const hal_topology_place *p = hal_topology_place_at(l->topology, place);
    return is_pci(p) && hal_topology_place_at(l->topology, p->parent)->kind == p->kind &&
           c[p->parent].objects == 0 && c[p->parent].places == 1;
}

/* Parents have lower numbers than what is inside of them; only places that hold something get a box. */
static bool build(layout *l)
{
    const hal_topology *t = l->topology;
    const uint32_t n = hal_topology_place_count(t);
    content *c = count_contents(l);
    box **of = calloc(n, sizeof(box *));
    for (uint32_t k = 0; c && of && k < n; k++) {
        const hal_topology_place *p = hal_topology_place_at(t, k);
        if (k && (!c[k].holds || p->parent >= k || !of[p->parent]))
            continue;
        const bool folded = k && is_folded(l, c, k);
        of[k] = folded ? of[p->parent] : new_box(l, k ? of[p->parent] : NULL, BOX_PLACE, k);
        of[k]->index = k;
        of[k]->rail = is_pci(p);
        fill(l, of[k]);
    }
    const bool done = c && of;
    free(c);
    free(of);
    return done;
}

/* --- sizes, from the inside out --- */

static uint32_t owned_bars(const layout *l, uint32_t device)
{
    uint32_t bars = 0;
    for (uint32_t k = 0; k < hal_topology_memory_count(l->topology); k++)
        bars += l->owner[k] == device;
    return bars;
}

static void measure_device(const layout *l, box *b)
{
    const hal_topology_device *d = hal_topology_device_at(l->topology, b->index);
    b->w = l->mini ? LAYOUT_MINI : LAYOUT_CARD;
    b->h = l->mini
               ? MINI_HEIGHT
               : 40 + owned_bars(l, b->index) * (LAYOUT_BAR + 3) + (card_tells_state(d) ? LAYOUT_LINE : 0);
}

static const box *next_of(const box *b, box_kind kind)
{
    while (b && b->kind != kind)
        b = b->next;
    return b;
}

static uint32_t count_of(const box *b, box_kind kind)
{
    uint32_t n = 0;
    for (const box *c = next_of(b->first, kind); c; c = next_of(c->next, kind))
        n++;
    return n;
}

/* Width and height of the boxes of one kind, in rows of `columns`. */
static void flow_size(const box *b, box_kind kind, uint32_t columns, double *w, double *h)
{
    double row_w = 0, row_h = 0;
    uint32_t in_row = 0;
    *w = *h = 0;
    for (const box *c = next_of(b->first, kind); c; c = next_of(c->next, kind)) {
        if (in_row == columns) {
            *h += row_h + LAYOUT_GAP;
            row_w = row_h = 0;
            in_row = 0;
        }
        row_w += c->w + (in_row ? LAYOUT_GAP : 0) + (b->rail ? LAYOUT_RAIL : 0);
        row_h = fmax(row_h, c->h);
        *w = fmax(*w, row_w);
        in_row++;
    }
    *h += row_h;
}

static double wanted_shape(const layout *l, const box *b)
{
    switch (hal_topology_place_at(l->topology, b->index)->kind) {
    case HAL_PLACE_PCI_ROOT:
    case HAL_PLACE_PCI_SWITCH: return 0.7;
    case HAL_PLACE_MACHINE:
    case HAL_PLACE_GROUP: return 1.2;
    default: return 2.4;
    }
}

/* The number of columns whose width and height come nearest to the shape wanted. */
static uint32_t best_columns(const box *b, box_kind kind, double shape, double above)
{
    double best = INFINITY, w, h;
    uint32_t chosen = 1;
    const uint32_t n = count_of(b, kind);
    for (uint32_t columns = 1; columns <= n; columns++) {
        flow_size(b, kind, columns, &w, &h);
        const double ragged = (double)((columns - n % columns) % columns) / columns,
                     cost = fmax(w / shape, h + above) * (1 + 0.4 * ragged);
        if (cost < best - 0.5) {
            best = cost;
            chosen = columns;
        }
    }
    return chosen;
}

/* Memories stand beside a single device where there is room, else above all others, across the box. */
static double bars_height(const box *b)
{
    const uint32_t bars = count_of(b, BOX_MEMORY);
    if (!bars || b->beside)
        return 0;
    return bars * (LAYOUT_BAR + 4) + (b->last->kind == BOX_MEMORY ? 0 : 4);
}

static void measure_place(const layout *l, box *b)
{
    const double shape = wanted_shape(l, b);
    const uint32_t devices = count_of(b, BOX_DEVICE), places = count_of(b, BOX_PLACE);
    double w = 0, h = 0, device_w = 0, device_h = 0;
    b->columns = best_columns(b, BOX_PLACE, shape, devices ? 60 : 0);
    if (places)
        flow_size(b, BOX_PLACE, b->columns, &w, &h);
    b->device_columns = best_columns(b, BOX_DEVICE, shape, 0);
    if (devices)
        flow_size(b, BOX_DEVICE, b->device_columns, &device_w, &device_h);
    const double inner = fmax(fmax(w, device_w), LAYOUT_CARD),
                 bars = count_of(b, BOX_MEMORY) * (LAYOUT_BAR + 4) - 4.0;
    b->beside = !b->rail && bars > 0 && devices == 1 && inner >= 2.0 * LAYOUT_CARD;
    b->w = inner + 2 * LAYOUT_PAD;
    b->h = LAYOUT_HEAD + bars_height(b) + fmax(device_h, b->beside ? bars : 0) +
           (devices && places ? LAYOUT_GAP : 0) + h + LAYOUT_PAD;
}

/* Inner boxes stand behind their parents in the array. */
static void measure(layout *l)
{
    for (uint32_t k = l->n; k-- > 0;) {
        box *b = &l->boxes[k];
        if (b->kind == BOX_DEVICE)
            measure_device(l, b);
        if (b->kind == BOX_PLACE)
            measure_place(l, b);
    }
}

/* --- positions, from the outside in --- */

/* The boxes of a row share its height, and what is left of its width. Returns the first box of the next row.
 */
static box *place_row(const box *parent, box *from, uint32_t columns, double y, double *height)
{
    double x = parent->x + LAYOUT_PAD, row_h = 0, row_w = 0;
    const double room = parent->w - 2 * LAYOUT_PAD;
    const box_kind kind = from->kind;
    uint32_t n = 0;
    for (const box *c = from; c && n < columns; c = next_of(c->next, kind), n++) {
        row_h = fmax(row_h, c->h);
        row_w += c->w + (n ? LAYOUT_GAP : 0) + (parent->rail ? LAYOUT_RAIL : 0);
    }
    const double spare = fmax(0, room - row_w) / n, most = kind == BOX_PLACE        ? spare
                                                           : parent->rail || n == 1 ? 90
                                                                                    : 0;
    box *c = from;
    for (uint32_t k = 0; k < n; k++, c = (box *)next_of(c->next, kind)) {
        c->x = x + (parent->rail ? LAYOUT_RAIL : 0);
        c->y = y;
        c->w += fmin(spare, most);
        if (kind == BOX_PLACE)
            c->h = row_h;
        x = c->x + c->w + LAYOUT_GAP;
    }
    *height = row_h;
    return c;
}

static double place_rows(const box *b, box_kind kind, uint32_t columns, double y)
{
    double height;
    for (box *c = (box *)next_of(b->first, kind); c;) {
        c = place_row(b, c, columns, y, &height);
        y += height + LAYOUT_GAP;
    }
    return y;
}

/* The last row of places takes the height that is left, where the box is taller than it need be. */
static void stretch(const box *b, double end)
{
    const double left = b->y + b->h - LAYOUT_PAD - (end - LAYOUT_GAP);
    if (b->rail || b->last->kind != BOX_PLACE || left <= 0)
        return;
    const double row = b->last->y;
    for (box *c = b->first; c; c = c->next)
        if (c->kind == BOX_PLACE && c->y >= row)
            c->h += left;
}

static double place_bars(const box *b, double x, double w, double y)
{
    for (box *c = b->first; c; c = c->next) {
        if (c->kind != BOX_MEMORY)
            continue;
        c->x = x;
        c->y = y;
        c->w = w;
        c->h = LAYOUT_BAR;
        y += LAYOUT_BAR + 4;
    }
    return y;
}

static void place_inside(const box *b)
{
    const double inner = b->w - 2 * LAYOUT_PAD, top = b->y + LAYOUT_HEAD;
    double y = top;
    if (count_of(b, BOX_MEMORY) && !b->beside)
        y = place_bars(b, b->x + LAYOUT_PAD, inner, y) + 4;
    y = place_rows(b, BOX_DEVICE, b->device_columns, y);
    if (b->beside) {
        const box *d = next_of(b->first, BOX_DEVICE);
        const double x = d->x + d->w + LAYOUT_GAP;
        y = fmax(y, place_bars(b, x, b->x + b->w - LAYOUT_PAD - x,
                               top + (d->h - LAYOUT_BAR) / 2 * (count_of(b, BOX_MEMORY) == 1)) -
                        4 + LAYOUT_GAP);
    }
    stretch(b, place_rows(b, BOX_PLACE, b->columns, y));
}

int layout_create(const hal_topology *t, double x, double y, double width, layout *out, tool_error *err)
{
    const uint32_t devices = hal_topology_device_count(t), memories = hal_topology_memory_count(t);
    layout l = {.topology = t, .mini = devices > MANY};
    l.boxes = calloc((size_t)hal_topology_place_count(t) + devices + memories + 1, sizeof *l.boxes);
    l.owner = calloc((size_t)memories + 1, sizeof *l.owner);
    if (!l.boxes || !l.owner || !hal_topology_place_count(t)) {
        layout_clear(&l);
        return tool_fail(err, TOOL_INTERNAL, "the picture does not fit into memory");
    }
    find_owners(&l);
    if (!build(&l)) {
        layout_clear(&l);
        return tool_fail(err, TOOL_INTERNAL, "the picture does not fit into memory");
    }
    measure(&l);
    l.boxes[0].x = x;
    l.boxes[0].y = y;
    l.boxes[0].w = fmax(l.boxes[0].w, width);
    for (uint32_t k = 0; k < l.n; k++)
        if (l.boxes[k].kind == BOX_PLACE)
            place_inside(&l.boxes[k]);
    *out = l;
    return TOOL_OK;
}

void layout_clear(layout *l)
{
    free(l->boxes);
    free(l->owner);
    *l = (layout){0};
}
