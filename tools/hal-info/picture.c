/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/picture.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MARGIN = 20, TITLE = 52, LEGEND = 74, TIERS = 5, BIG = 13, SMALL = 11, THICKEST = 12 };

/* A hatch for each tier but the first, for those who do not see the colours apart. */
static const char patterns[] =
    "<defs>\n"
    "<pattern id=\"hal-p1\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"mark\" "
    "d=\"M0 7L7 0\"/></pattern>\n"
    "<pattern id=\"hal-p2\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\"><path class=\"mark\" "
    "d=\"M0 0L7 7\"/></pattern>\n"
    "<pattern id=\"hal-p3\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><path class=\"mark\" "
    "d=\"M0 3H6\"/></pattern>\n"
    "<pattern id=\"hal-p4\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\"><path class=\"mark\" "
    "d=\"M3 0V6M0 3H6\"/></pattern>\n"
    "</defs>\n";

double picture_thickness(const picture *p, hal_figure bandwidth)
{
    if (!figure_known(bandwidth) || !(p->fastest > 0))
        return 1.2;
    return 1.5 + (THICKEST - 1.5) * sqrt(fmin(1, bandwidth.value / p->fastest));
}

void picture_text(const picture *p, const char *class, double x, double y, double size, double width,
                  const char *text)
{
    size_t n = text_fit(text, size, width);
    char cut[512];
    const bool whole = !text[n];
    if (!whole)
        n = text_fit(text, size, width - 0.8 * size);
    snprintf(cut, sizeof cut, "%.*s%s", (int)(n < 500 ? n : 500), text, whole ? "" : "\u2026");
    fprintf(p->out, "<text xml:space=\"preserve\" class=\"%s\" x=\"%.1f\" y=\"%.1f\" font-size=\"%g\">", class, x,
            y, size);
    style_escape(p->out, cut);
    fputs("</text>\n", p->out);
}

/* The title is what a reader sees who points at the element. */
static void open_group(const picture *p, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void open_group(const picture *p, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fputs("<g><title>", p->out);
    style_escape(p->out, text);
    fputs("</title>\n", p->out);
}

static void rect(const picture *p, const char *class, double x, double y, double w, double h, double radius)
{
    fprintf(p->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"%g\"/>\n",
            class, x, y, w, h, radius);
}

/* --- memory --- */

static void draw_tier(const picture *p, uint32_t tier, double x, double y, double w, double h)
{
    char class[8];
    const uint32_t t = tier < TIERS ? tier : TIERS - 1;
    snprintf(class, sizeof class, "t%u", t);
    rect(p, class, x, y, w, h, 3);
    if (t)
        fprintf(
            p->out,
            "<rect fill=\"url(#hal-p%u)\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"3\"/>\n",
            t, x, y, w, h);
}

static const char *kind_word(uint32_t kind)
{
    static const char *const words[] = {"memory", "DRAM", "HBM", "GDDR", "LPDDR", "CXL", "persistent"};
    return kind < sizeof words / sizeof words[0] ? words[kind] : words[0];
}

static void draw_memory(const picture *p, const hal_topology_memory *m, double x, double y, double w)
{
    char size[FIGURE_SIZE], rate[FIGURE_SIZE], text[256];
    const bool fast = figure_known(m->bandwidth);
    open_group(p, "%s: %s, %s free, reads %s, tier %u", m->id, kind_word(m->kind),
               figure_bytes(m->free, size), figure_any(m->bandwidth, rate), m->tier);
    draw_tier(p, m->tier, x, y, w, LAYOUT_BAR);
    snprintf(text, sizeof text, "%s %s%s%s%s", kind_word(m->kind),
             figure_known(m->capacity) ? figure_bytes(m->capacity, size) : "", fast ? " \u00b7 " : "",
             fast ? figure_any(m->bandwidth, rate) : "", m->shared ? " \u00b7 shared" : "");
    picture_text(p, "ink", x + 7, y + LAYOUT_BAR - 7, SMALL, w - 14, text);
    fputs("</g>\n", p->out);
}

/* --- devices --- */

static void card_detail(const hal_topology_device *d, char *text, size_t size)
{
    text[0] = 0;
    if (d->kind == HAL_DEVICE_CPU && d->cores)
        snprintf(text, size, "%u cores, %u threads", d->cores, d->threads ? d->threads : d->cores);
    else
        snprintf(text, size, "%s%s%s", d->address, d->address[0] && d->link_text[0] ? " \u00b7 " : "",
                 d->link_text);
}

static void draw_card_memories(const picture *p, const layout *l, const box *b, double y)
{
    for (uint32_t k = 0; k < hal_topology_memory_count(p->topology); k++) {
        if (l->owner[k] != b->index)
            continue;
        draw_memory(p, hal_topology_memory_at(p->topology, k), b->x + 12, y, b->w - 19);
        y += LAYOUT_BAR + 3;
    }
}

static void draw_mini(const picture *p, const hal_topology_device *d, const box *b)
{
    char size[FIGURE_SIZE];
    const hal_topology_memory *m = device_memory(p->topology, d);
    picture_text(p, "strong", b->x + 11, b->y + 17, 12, b->w - 16, d->alias);
    picture_text(p, "muted", b->x + 11, b->y + 32, 10, b->w - 16,
                 m && d->kind != HAL_DEVICE_CPU ? figure_bytes(m->capacity, size)
                                                : hal_device_kind_name(d->kind));
}

/* The vendor's name says less than the rest; unless the rest is the kind, which the alias has already. */
static const char *without_vendor(const hal_topology_device *d, const char *name)
{
    const size_t n = strlen(d->vendor);
    if (strncmp(name, d->vendor, n) || name[n] != ' ')
        return name;
    return strcmp(name + n + 1, hal_device_kind_name(d->kind)) ? name + n + 1 : d->vendor;
}

static void draw_device(const picture *p, const layout *l, const box *b)
{
    const hal_topology_device *d = hal_topology_device_at(p->topology, b->index);
    char name[160], state[64], text[256], now[FIGURE_SIZE];
    info_tone tone;
    const char *word = device_state(d, state, &tone), *shown = device_name(d, name);
    const bool bad = d->usability == HAL_USABLE_BROKEN;
    open_group(p, "%s, %s, %s%s%s, link %s, %s%s%s", d->alias, shown, d->id, d->link_text[0] ? ", " : "",
               d->link_text, figure_any(d->link_now, now), word, d->reason_text[0] ? ": " : "",
               device_reason(d));
    rect(p, bad ? "card bad" : "card", b->x, b->y, b->w, b->h, 5);
    fprintf(p->out, "<path class=\"%s\" d=\"M%.1f %.1fh3v%.1fh-3a2 2 0 0 1 -2 -2v%.1fa2 2 0 0 1 2 -2z\"/>\n",
            hal_device_kind_name(d->kind), b->x + 2.5, b->y + 4, b->h - 8, -(b->h - 12));
    if (l->mini) {
        draw_mini(p, d, b);
    } else {
        const double alias = text_width(d->alias, BIG) * 1.08 + 8;
        picture_text(p, "strong", b->x + 12, b->y + 17, BIG, b->w - 18, d->alias);
        shown = without_vendor(d, shown);
        if (strcmp(shown, "-"))
            picture_text(p, "", b->x + 12 + alias, b->y + 17, 12, b->w - 18 - alias, shown);
        card_detail(d, text, sizeof text);
        picture_text(p, "muted", b->x + 12, b->y + 32, SMALL, b->w - 18, text);
        draw_card_memories(p, l, b, b->y + 38);
        if (card_tells_state(d))
            picture_text(p, bad ? "badtext" : "warntext", b->x + 12, b->y + b->h - 7, SMALL, b->w - 18, word);
    }
    fputs("</g>\n", p->out);
}

/* --- places --- */

static const char *place_class(uint32_t kind)
{
    switch (kind) {
    case HAL_PLACE_MACHINE:
    case HAL_PLACE_GROUP: return "l0";
    case HAL_PLACE_PACKAGE:
    case HAL_PLACE_BOARD: return "l1";
    case HAL_PLACE_NUMA: return "l2";
    default: return "l3";
    }
}

/* What people call a place; a bus without a name, or with that of its link only, goes by its address. */
static const char *place_name(const hal_topology_place *p, char *text, size_t size)
{
    const bool bus = p->kind == HAL_PLACE_PCI_ROOT || p->kind == HAL_PLACE_PCI_SWITCH;
    const bool bare =
        !p->name[0] || (p->name[0] >= '0' && p->name[0] <= '9') || strncmp(p->name, "Gen", 3) == 0;
    const char *address = strncmp(p->id, "pci:", 4) == 0 ? p->id + 4 : p->id;
    if (bus && bare)
        snprintf(text, size, "%s %s", p->kind == HAL_PLACE_PCI_ROOT ? "PCI" : "switch", address);
    else
        return p->name[0] ? name_shorten(p->name, text) : p->id;
    return text;
}

static void place_title(const picture *p, const box *b, char *text, size_t size)
{
    const hal_topology_place *place = hal_topology_place_at(p->topology, b->outer);
    const hal_topology_place *around = hal_topology_place_at(p->topology, place->parent);
    char up[FIGURE_SIZE], name[160];
    snprintf(text, size, "%s", place_name(place, name, sizeof name));
    const size_t used = strlen(text);
    const bool told = around && around->kind != HAL_PLACE_MACHINE && around->cores == place->cores;
    if (figure_known(place->uplink))
        snprintf(text + used, size - used, " \u00b7 %s", figure_any(place->uplink, up));
    else if (place->cores && place->kind != HAL_PLACE_MACHINE && !told)
        snprintf(text + used, size - used, " \u00b7 %u cores, %u threads", place->cores,
                 place->threads ? place->threads : place->cores);
}

/* What a box hangs on its parent's bus by. */
static hal_figure hanging(const picture *p, const box *b)
{
    if (b->kind == BOX_DEVICE)
        return hal_topology_device_at(p->topology, b->index)->link_now;
    return hal_topology_place_at(p->topology, b->outer)->uplink;
}

static double middle(const box *b)
{
    return b->kind == BOX_PLACE ? b->y + LAYOUT_HEAD / 2.0 : b->y + 20;
}

static double thickest_inside(const picture *p, const box *b)
{
    double thick = 1.2;
    for (const box *c = b->first; c; c = c->next)
        if (c->kind != BOX_MEMORY)
            thick = fmax(thick, picture_thickness(p, hanging(p, c)));
    return thick;
}

/* The rails of a box: where each stands, and how far down it goes. */
typedef struct rails {
    double x[64], lowest[64];
    uint32_t n;
} rails;

static void hang(rails *r, double x, double y)
{
    uint32_t k = 0;
    while (k < r->n && fabs(r->x[k] - x) > 1)
        k++;
    if (k == 64)
        return;
    if (k == r->n) {
        r->x[r->n++] = x;
        r->lowest[k] = y;
    }
    r->lowest[k] = fmax(r->lowest[k], y);
}

/* The bus of a PCI box: a rail down each column, a branch to each box, as thick as its link. */
static void draw_bus(const picture *p, const box *b)
{
    /* a trunk across several columns has to fit between the title and the boxes */
    const bool trunk = b->columns > 1 || b->device_columns > 1;
    const double thick = thickest_inside(p, b), rail = trunk ? fmin(thick, 4) : thick,
                 top = b->y + LAYOUT_HEAD - (trunk ? 3 : 4);
    rails r = {.n = 0};
    for (const box *c = b->first; c; c = c->next) {
        if (c->kind == BOX_MEMORY)
            continue;
        const double x = c->x - LAYOUT_RAIL + 9;
        hang(&r, x, middle(c));
        fprintf(p->out, "<path class=\"link\" stroke-width=\"%.1f\" d=\"M%.1f %.1fH%.1f\"/>\n",
                picture_thickness(p, hanging(p, c)), x, middle(c), c->x);
    }
    for (uint32_t k = 0; k < r.n; k++)
        fprintf(p->out, "<path class=\"link\" stroke-width=\"%.1f\" d=\"M%.1f %.1fV%.1f\"/>\n", rail, r.x[k],
                top, r.lowest[k] + rail / 2);
    if (r.n > 1)
        fprintf(p->out, "<path class=\"link\" stroke-width=\"%.1f\" d=\"M%.1f %.1fH%.1f\"/>\n", rail,
                r.x[0] - rail / 2, top, r.x[r.n - 1] + rail / 2);
}

static void draw_box(const picture *p, const layout *l, const box *b)
{
    if (b->kind == BOX_DEVICE)
        draw_device(p, l, b);
    if (b->kind == BOX_MEMORY)
        draw_memory(p, hal_topology_memory_at(p->topology, b->index), b->x, b->y, b->w);
    if (b->kind != BOX_PLACE)
        return;
    const hal_topology_place *place = hal_topology_place_at(p->topology, b->index);
    char text[256];
    place_title(p, b, text, sizeof text);
    open_group(p, "%s (%s) %s", place->id, hal_place_kind_name(place->kind), text);
    rect(p, place_class(place->kind), b->x, b->y, b->w, b->h, 7);
    picture_text(p, "muted strong", b->x + LAYOUT_PAD, b->y + 16, SMALL, b->w - 2 * LAYOUT_PAD, text);
    fputs("</g>\n", p->out);
    if (b->rail)
        draw_bus(p, b);
}

/* --- title and legend --- */

/* "2 cpu · 8 gpu · 7 parts": appended to the text. */
static void count_devices(const hal_topology *t, char *text, size_t size)
{
    uint32_t by[HAL_DEVICE_OTHER + 1] = {0}, parts = 0;
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (d->parent == HAL_NOWHERE)
            by[d->kind % (HAL_DEVICE_OTHER + 1)]++;
        else
            parts++;
    }
    for (uint32_t k = 0; k <= HAL_DEVICE_OTHER; k++) {
        const size_t used = strlen(text);
        if (by[k])
            snprintf(text + used, size - used, "%s%u %s", used ? " \u00b7 " : "", by[k],
                     hal_device_kind_name((hal_device_kind)k));
    }
    const size_t used = strlen(text);
    if (parts)
        snprintf(text + used, size - used, " \u00b7 %u part%s", parts, parts == 1 ? "" : "s");
}

static void draw_title(const picture *p, double width)
{
    const hal_topology_host *host = hal_topology_host_of(p->topology);
    char text[512] = "";
    count_devices(p->topology, text, sizeof text);
    const size_t used = strlen(text);
    if (host->os[0] || host->arch[0])
        snprintf(text + used, sizeof text - used, "%s%s%s%s%s%s", used ? " \u00b7 " : "", host->os,
                 host->kernel[0] ? " " : "", host->kernel, host->os[0] ? " " : "", host->arch);
    picture_text(p, "strong", MARGIN, MARGIN + 15, 18, width, host_title(host));
    picture_text(p, "muted", MARGIN, MARGIN + 34, 12, width, text);
}

static double legend_item(const picture *p, double x, double y, const char *text)
{
    picture_text(p, "muted", x, y, SMALL, 400, text);
    return x + text_width(text, SMALL) + 22;
}

static void draw_tiers(const picture *p, double x, double y)
{
    const hal_topology_memory *sample[TIERS] = {0};
    char text[64];
    for (uint32_t k = 0; k < hal_topology_memory_count(p->topology); k++) {
        const hal_topology_memory *m = hal_topology_memory_at(p->topology, k);
        const uint32_t tier = m->tier < TIERS ? m->tier : TIERS - 1;
        if (!sample[tier])
            sample[tier] = m;
    }
    for (uint32_t k = 0; k < TIERS; k++) {
        if (!sample[k])
            continue;
        draw_tier(p, k, x, y - 11, 24, 14);
        snprintf(text, sizeof text, "tier %u: %s", k, kind_word(sample[k]->kind));
        x = legend_item(p, x + 30, y, text);
    }
}

static void draw_scale(const picture *p, double x, double y)
{
    char text[FIGURE_SIZE];
    for (int k = 0; p->fastest > 0 && k < 3; k++) {
        const hal_figure f = {.value = p->fastest * (k == 0   ? 1
                                                     : k == 1 ? 0.25
                                                              : 0.03),
                              .unit = HAL_UNIT_BYTES_PER_SECOND,
                              .source = HAL_SOURCE_ESTIMATED};
        fprintf(p->out, "<path class=\"link\" stroke-width=\"%.1f\" d=\"M%.1f %.1fh34\"/>\n",
                picture_thickness(p, f), x, y - 4);
        figure_any(f, text);
        text[strlen(text) - 2] = 0;
        x = legend_item(p, x + 40, y, text);
    }
    legend_item(p, x, y, "one way; thin: not known; dashed: through the host");
}

static void draw_legend(const picture *p, double y)
{
    draw_tiers(p, MARGIN, y + 18);
    draw_scale(p, MARGIN, y + 40);
    picture_text(p, "muted", MARGIN, y + 60, SMALL, 900, figure_legend());
}

/* --- the whole --- */

static double fastest_of(const hal_topology *t)
{
    double most = 0;
    for (uint32_t k = 0; k < hal_topology_link_count(t); k++) {
        const hal_topology_link *l = hal_topology_link_at(t, k);
        if (figure_known(l->bandwidth) && strcmp(l->kind, "memory"))
            most = fmax(most, l->bandwidth.value);
    }
    for (uint32_t k = 0; k < hal_topology_device_count(t); k++) {
        const hal_topology_device *d = hal_topology_device_at(t, k);
        if (figure_known(d->link_now))
            most = fmax(most, d->link_now.value);
    }
    return most;
}

static void draw(const picture *p, const layout *l, double width, double height, double fabric, bool prolog,
                 tool_error *err)
{
    if (prolog)
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", p->out);
    fprintf(p->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"hal-info\" viewBox=\"0 0 %.0f %.0f\" "
            "width=\"%.0f\" height=\"%.0f\" role=\"img\">\n",
            width, height, width, height);
    fputs("<title>", p->out);
    style_escape(p->out, hal_topology_host_of(p->topology)->name);
    fputs("</title>\n", p->out);
    theme_print(p->out);
    fprintf(p->out, "%s<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/>\n", patterns);
    draw_title(p, width - 2 * MARGIN);
    for (uint32_t k = 0; k < l->n; k++)
        draw_box(p, l, &l->boxes[k]);
    const double below = l->boxes[0].y + l->boxes[0].h;
    fabric_print(p, MARGIN, below, width - 2 * MARGIN, err);
    draw_legend(p, below + fabric + 6);
    fputs("</svg>\n", p->out);
}

int picture_print(const hal_topology *t, bool prolog, FILE *out, tool_error *err)
{
    layout l;
    int code = layout_create(t, MARGIN, MARGIN + TITLE - 6, fmax(fabric_width(t), 640), &l, err);
    if (code)
        return code;
    box *outer = &l.boxes[0];
    picture p = {.topology = t, .fastest = fastest_of(t)};
    const double inner = outer->w, fabric = fabric_print(&p, MARGIN, 0, inner, err);
    p.out = out;
    draw(&p, &l, inner + 2 * MARGIN, outer->y + outer->h + fabric + LEGEND + MARGIN / 2, fabric, prolog, err);
    layout_clear(&l);
    return ferror(out) ? tool_fail(err, TOOL_INTERNAL, "the picture could not be written whole") : TOOL_OK;
}
