/* SPDX-License-Identifier: Apache-2.0 */
/* The links that are not PCIe, drawn apart from the boxes so that no line crosses a label: for each kind and
   island a row of chips, and below it a band that all hang on where every pair is alike, else an arc from
   chip to chip. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/hal-info/islands.h"
#include "tools/hal-info/picture.h"

enum {
    CHIP = 66,
    CHIP_LEAST = 40,
    CHIP_HEIGHT = 26,
    CHIP_GAP = 14,
    DROP = 34,
    BAND = 28,
    PANEL_HEAD = 30,
    PANEL_GAP = 14,
    STEP = 15,
    LOWEST = 190
};

/* --- sizes --- */

static double chip_width(double width, uint32_t n)
{
    const double fits = (width - 2 * LAYOUT_PAD - (n - 1) * CHIP_GAP) / n;
    return fits > CHIP + 40 ? CHIP + 40 : fits < CHIP_LEAST ? CHIP_LEAST : fits;
}

static double arc_depth(uint32_t distance)
{
    return fmin(LOWEST, 16 + STEP * distance);
}

/* Two that are linked need no arc: a line between them does. */
static bool is_couple(const island *i)
{
    return i->n_nodes == 2 && !i->band;
}

static double deepest(const sea *s, const island *i)
{
    uint32_t farthest = 0;
    if (!i->arcs || is_couple(i))
        return 0;
    for (uint32_t a = 0; a < i->n_nodes; a++)
        for (uint32_t b = a + 1; b < i->n_nodes; b++)
            if (island_arc(s, i, a, b) && b - a > farthest)
                farthest = b - a;
    return arc_depth(farthest) + LAYOUT_PAD;
}

static double island_height(const sea *s, const island *i)
{
    return PANEL_HEAD + deepest(s, i) + CHIP_HEIGHT + (i->band ? DROP + BAND : 0) + LAYOUT_PAD;
}

/* --- drawing --- */

static const char *band_class(const char *kind)
{
    if (strcmp(kind, "socket") == 0)
        return " socket";
    return strcmp(kind, "network") == 0 ? " network" : "";
}

static const char *line_class(const char *kind)
{
    if (strcmp(kind, "socket") == 0)
        return "link socket";
    return strcmp(kind, "network") == 0 ? "link network" : "link fabric";
}

/* Chips are centred; the middle of number k. */
typedef struct row {
    double x, y, chip, gap;
} row;

static double centre(const row *r, uint32_t k)
{
    return r->x + (r->chip + r->gap) * k + r->chip / 2;
}

static void draw_chips(const picture *p, const sea *s, const island *i, const row *r)
{
    for (uint32_t k = 0; k < i->n_nodes; k++) {
        const char *name = link_end_name(s->topology, s->ends[i->nodes[k]]);
        const double x = centre(r, k) - r->chip / 2, width = fmin(text_width(name, 12), r->chip - 6);
        fprintf(p->out,
                "<rect class=\"card\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"5\"/>\n", x,
                r->y, r->chip, CHIP_HEIGHT);
        picture_text(p, "strong", x + (r->chip - width) / 2, r->y + 17, 12, r->chip - 4, name);
    }
}

static void band_text(const sea *s, const island *i, char *text, size_t size)
{
    const bool network = i->n_switches && s->ends[i->switches[0]].kind == HAL_END_PLACE;
    char each[FIGURE_SIZE];
    snprintf(text, size, "%s%s%s", network ? "each" : "every one to every other",
             !figure_known(i->each) ? ""
             : i->arcs              ? ": at least "
                                    : ": ",
             figure_known(i->each) ? figure_any(i->each, each) : "");
    for (uint32_t k = 0; k < i->n_switches && k < 8; k++) {
        const size_t used = strlen(text);
        snprintf(text + used, size - used, "%s%s",
                 k         ? " "
                 : network ? " \u00b7 out of "
                           : " \u00b7 through ",
                 link_end_name(s->topology, s->ends[i->switches[k]]));
    }
}

static void draw_band(const picture *p, const sea *s, const island *i, const row *r, double x, double width)
{
    const double top = r->y + CHIP_HEIGHT, band = top + DROP;
    char text[256], each[FIGURE_SIZE];
    for (uint32_t k = 0; k < i->n_nodes; k++) {
        const hal_figure f = i->n_switches ? island_to_switches(s, i, i->nodes[k]) : i->each;
        fprintf(p->out, "<g><title>");
        style_escape(p->out, link_end_name(s->topology, s->ends[i->nodes[k]]));
        fprintf(p->out, ": %s</title><path class=\"%s\" stroke-width=\"%.1f\" d=\"M%.1f %.1fV%.1f\"/></g>\n",
                figure_any(f, each), line_class(i->kind), picture_thickness(p, figure_known(f) ? f : i->each),
                centre(r, k), top, band);
    }
    fprintf(p->out, "<rect class=\"band%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"6\"/>\n",
            band_class(i->kind), x, band, width, BAND);
    band_text(s, i, text, sizeof text);
    const double wide = fmin(text_width(text, 12), width - 20);
    picture_text(p, "", x + (width - wide) / 2, band + 18, 12, width - 12, text);
}

static void open_title(const picture *p, const sea *s, const hal_topology_link *l)
{
    char figure[FIGURE_SIZE];
    fputs("<g><title>", p->out);
    style_escape(p->out, link_end_name(s->topology, l->from));
    fputs(" to ", p->out);
    style_escape(p->out, link_end_name(s->topology, l->to));
    fprintf(p->out, ": %s</title>", figure_any(l->bandwidth, figure));
}

/* Feet of one chip stand apart: what goes far leaves near its middle. Arcs go up where a band is below. */
static void draw_arc(const picture *p, const sea *s, const island *i, const row *r, uint32_t a, uint32_t b)
{
    const hal_topology_link *l = island_link(s, i->nodes[a], i->nodes[b]);
    const double far = i->n_nodes > 2 ? (double)(b - a - 1) / (i->n_nodes - 2) : 0,
                 slip = (r->chip / 2 - 8) * (1 - far) + 2 * far;
    const double y = i->band ? r->y : r->y + CHIP_HEIGHT,
                 depth = arc_depth(b - a) * 4 / 3 * (i->band ? -1 : 1), from = centre(r, a) + slip,
                 to = centre(r, b) - slip;
    open_title(p, s, l);
    fprintf(p->out,
            "<path class=\"%s%s\" stroke-opacity=\"0.7\" stroke-width=\"%.1f\" d=\"M%.1f %.1fC%.1f %.1f %.1f "
            "%.1f %.1f %.1f\"/></g>\n",
            line_class(i->kind), l->copy_mode == HAL_COPY_STAGED ? " staged" : "",
            picture_thickness(p, l->bandwidth), from, y, from, y + depth, to, y + depth, to, y);
}

static void draw_couple(const picture *p, const sea *s, const island *i, const row *r)
{
    const hal_topology_link *l = island_link(s, i->nodes[0], i->nodes[1]);
    if (!l)
        return;
    open_title(p, s, l);
    fprintf(p->out, "<path class=\"%s\" stroke-width=\"%.1f\" d=\"M%.1f %.1fH%.1f\"/></g>\n",
            line_class(i->kind), picture_thickness(p, l->bandwidth), centre(r, 0), r->y + CHIP_HEIGHT / 2.0,
            centre(r, 1));
}

/* The slowest and the fastest link of an island; unknown when it has none of known bandwidth. */
static void find_range(const sea *s, const island *i, hal_figure *least, hal_figure *most)
{
    *least = *most = (hal_figure){0};
    for (uint32_t x = 0; x < i->n_nodes; x++)
        for (uint32_t y = x + 1; y < i->n_nodes; y++) {
            const hal_topology_link *l = island_link(s, i->nodes[x], i->nodes[y]);
            if (!l || !figure_known(l->bandwidth))
                continue;
            if (!figure_known(*least) || l->bandwidth.value < least->value)
                *least = l->bandwidth;
            if (!figure_known(*most) || l->bandwidth.value > most->value)
                *most = l->bandwidth;
        }
}

/* "nvlink: 50 GB/s to 200 GB/s", and how many further islands there are like it. */
static void panel_title(const sea *s, const island *i, char *text, size_t size)
{
    hal_figure least, most;
    char a[FIGURE_SIZE], b[FIGURE_SIZE];
    find_range(s, i, &least, &most);
    const bool differ = least.value < most.value;
    if (figure_known(most))
        snprintf(text, size, "%s: %s%s%s, one way", i->kind, figure_any(least, a), differ ? " to " : "",
                 differ ? figure_any(most, b) : "");
    else
        snprintf(text, size, "%s", i->kind);
    const size_t used = strlen(text);
    if (i->alike)
        snprintf(text + used, size - used, " \u00b7 and %u more like this", i->alike);
}

static void draw_island(const picture *p, const sea *s, const island *i, double x, double y, double width)
{
    char text[256];
    const double chip = chip_width(width, i->n_nodes), gap = is_couple(i) ? 3 * CHIP : CHIP_GAP,
                 used = (chip + gap) * i->n_nodes - gap;
    const row r = {.x = x + (width - used) / 2,
                   .y = y + PANEL_HEAD + (i->band ? deepest(s, i) : 0),
                   .chip = chip,
                   .gap = gap};
    panel_title(s, i, text, sizeof text);
    fprintf(p->out, "<rect class=\"l0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"7\"/>\n", x,
            y, width, island_height(s, i));
    picture_text(p, "muted strong", x + LAYOUT_PAD, y + 18, 11, width - 2 * LAYOUT_PAD, text);
    if (i->band)
        draw_band(p, s, i, &r, x + LAYOUT_PAD, width - 2 * LAYOUT_PAD);
    if (is_couple(i))
        draw_couple(p, s, i, &r);
    for (uint32_t a = 0; !is_couple(i) && a < i->n_nodes; a++)
        for (uint32_t b = a + 1; b < i->n_nodes; b++)
            if (island_arc(s, i, a, b))
                draw_arc(p, s, i, &r, a, b);
    draw_chips(p, s, i, &r);
}

/* --- the panel --- */

static bool is_first_of_kind(const hal_topology *t, uint32_t link)
{
    for (uint32_t k = 0; k < link; k++)
        if (strcmp(hal_topology_link_at(t, k)->kind, hal_topology_link_at(t, link)->kind) == 0)
            return false;
    return true;
}

/* Draws nothing where there is no stream; the height it takes, or would take. */
static double print_kind(const picture *p, const sea *s, const island *islands, uint32_t n, double x,
                         double y, double width)
{
    double height = 0;
    for (uint32_t k = 0; k < n; k++) {
        if (p->out)
            draw_island(p, s, &islands[k], x, y + height + PANEL_GAP, width);
        height += island_height(s, &islands[k]) + PANEL_GAP;
    }
    return height;
}

static double narrowest(const island *islands, uint32_t n)
{
    double width = 0;
    for (uint32_t k = 0; k < n; k++)
        width = fmax(width, islands[k].n_nodes * (CHIP_LEAST + CHIP_GAP) + 2.0 * LAYOUT_PAD);
    return width;
}

/* One kind of link after the other; the height of all of them, and the width that they need. */
static double print_kinds(const picture *p, double x, double y, double width, double *needed, tool_error *err)
{
    const hal_topology *t = p->topology;
    double height = 0;
    sea *s = calloc(1, sizeof *s);
    island *islands = calloc(ISLANDS, sizeof *islands);
    if (!s || !islands)
        tool_fail(err, TOOL_INTERNAL, "out of memory for the picture of the links");
    for (uint32_t k = 0; s && islands && k < hal_topology_link_count(t); k++) {
        const hal_topology_link *l = hal_topology_link_at(t, k);
        if (!islands_draw(l) || !is_first_of_kind(t, k) || !sea_create(t, l->kind, s))
            continue;
        const uint32_t n = islands_find(s, islands);
        *needed = fmax(*needed, narrowest(islands, n));
        height += print_kind(p, s, islands, n, x, y + height, width);
        sea_clear(s);
    }
    free(s);
    free(islands);
    return height;
}

double fabric_print(const picture *p, double x, double y, double width, tool_error *err)
{
    double needed = 0;
    return print_kinds(p, x, y, width, &needed, err);
}

double fabric_width(const hal_topology *t)
{
    const picture none = {.topology = t};
    double needed = 0;
    print_kinds(&none, 0, 0, 640, &needed, NULL);
    return needed;
}
