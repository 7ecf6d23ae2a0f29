/* SPDX-License-Identifier: Apache-2.0 */
/* Operations a second over operations a byte, both by powers of ten: the slope is what memory gives, each level what products
 * in a dtype reach. A circle is an operator, its area its share of the time; the dotted line goes up to its limit. What
 * computes nothing has no place on the first axis: it stands as a diamond at the left edge, as far below the slope as its
 * bytes a second are below those of a copy. */
#include <math.h>
#include <string.h>

#include "tools/common/markup.h"
#include "tools/hal-bench/roofline.h"

enum { WIDTH = 980, HEIGHT = 560, LEFT = 104, RIGHT = 24, TOP = 24, BOTTOM = 58, MOST_BOXES = 160, DECADES = 14 };
static const double LETTER = 6.6, LINE = 13;

typedef struct box { double x, y, width, height; } box;

/* Exponents of ten. */
typedef struct view {
    const profile_device *device;
    const limits *limits;
    FILE *out;
    double x_low, x_high, y_low, y_high;
    box taken[MOST_BOXES]; /* by marks and names */
    uint32_t n_taken;
} view;

/* --- scales --- */

static double place_x(const view *v, double value) {
    return LEFT + (fmin(fmax(log10(value), v->x_low), v->x_high) - v->x_low) / (v->x_high - v->x_low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const view *v, double value) {
    return HEIGHT - BOTTOM - (fmin(fmax(log10(value), v->y_low), v->y_high) - v->y_low) / (v->y_high - v->y_low) * (HEIGHT - TOP - BOTTOM);
}

static void reach(double *low, double *high, double value) {
    if (!(value > 0)) return;
    *low = fmin(*low, log10(value));
    *high = fmax(*high, log10(value));
}

/* From one power of ten to another with some room; at least one decade, at most so many that numbers can be read. */
static void round_out(double *low, double *high) {
    if (*low > *high) *low = *high = 0;
    *low = floor(*low - 0.1);
    *high = fmax(ceil(*high + 0.1), *low + 1);
    *low = fmax(*low, *high - DECADES);
}

/* Where something stands on the first axis. */
static double across(const view *v, const roofline_point *p) { return p->intensity > 0 ? p->intensity : pow(10, v->x_low); }

static double up(const view *v, const roofline_point *p) { return p->flop_rate > 0 ? p->flop_rate : p->byte_rate * pow(10, v->x_low); }

static void find_ranges(view *v) {
    const profile_device *d = v->device;
    v->x_low = v->y_low = INFINITY;
    v->x_high = v->y_high = -INFINITY;
    for (uint32_t i = 0; i < d->n_rows; i++) reach(&v->x_low, &v->x_high, roofline_judge(d, v->limits, &d->rows[i]).intensity);
    for (uint32_t i = 0; i < v->limits->n_peaks; i++) {
        reach(&v->y_low, &v->y_high, v->limits->peaks[i].value);
        if (v->limits->copy.value > 0) reach(&v->x_low, &v->x_high, v->limits->peaks[i].value / v->limits->copy.value);
    }
    round_out(&v->x_low, &v->x_high);
    for (uint32_t i = 0; i < d->n_rows; i++) {
        const roofline_point p = roofline_judge(d, v->limits, &d->rows[i]);
        reach(&v->y_low, &v->y_high, up(v, &p));
    }
    round_out(&v->y_low, &v->y_high);
}

/* --- the ground --- */

/* A power of ten in units that people say. */
static void tick_text(char *text, size_t size, int exponent, const char *unit) {
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P", "E"};
    if (exponent < 0 || exponent > 20) snprintf(text, size, "1e%d%s%s", exponent, *unit ? " " : "", unit);
    else snprintf(text, size, "%d%s%s%s", exponent % 3 == 0 ? 1 : exponent % 3 == 1 ? 10 : 100, *unit ? " " : "", prefix[exponent / 3], unit);
}

static void draw_grid(const view *v) {
    char text[32];
    for (int e = (int)v->y_low; e <= (int)v->y_high; e++) {
        const double y = place_y(v, pow(10, e));
        tick_text(text, sizeof text, e, "FLOP/s");
        fprintf(v->out, "<path class=\"grid\" d=\"M%d %.1fH%d\"/><text class=\"tick\" text-anchor=\"end\" x=\"%d\" y=\"%.1f\">%s</text>\n", LEFT, y,
                WIDTH - RIGHT, LEFT - 8, y + 4, text);
    }
    for (int e = (int)v->x_low; e <= (int)v->x_high; e++) {
        const double x = place_x(v, pow(10, e));
        fprintf(v->out, "<path class=\"grid\" d=\"M%.1f %dV%d\"/><text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%d\">%g</text>\n", x, TOP,
                HEIGHT - BOTTOM, x, HEIGHT - BOTTOM + 18, pow(10, e));
    }
    fprintf(v->out, "<text text-anchor=\"middle\" x=\"%d\" y=\"%d\">operations a byte (FLOP/B)</text>\n", (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 14);
    fprintf(v->out, "<text text-anchor=\"middle\" transform=\"translate(%d %d) rotate(-90)\">operations a second</text>\n", 18,
            (TOP + HEIGHT - BOTTOM) / 2);
}

/* --- room --- */

static bool is_free(const view *v, const box *b) {
    if (b->x < LEFT || b->x + b->width > WIDTH - RIGHT || b->y < TOP || b->y + b->height > HEIGHT - BOTTOM) return false;
    for (uint32_t i = 0; i < v->n_taken; i++) {
        const box *o = &v->taken[i];
        if (b->x < o->x + o->width && o->x < b->x + b->width && b->y < o->y + o->height && o->y < b->y + b->height) return false;
    }
    return true;
}

static void take(view *v, box b) {
    if (v->n_taken < MOST_BOXES) v->taken[v->n_taken++] = b;
}

/* The first of some places that is free is taken; NULL when none is. */
static const box *choose(view *v, const box *tries, size_t n) {
    for (size_t k = 0; k < n && v->n_taken < MOST_BOXES; k++)
        if (is_free(v, &tries[k])) return take(v, tries[k]), &tries[k];
    return NULL;
}

/* --- the roofs --- */

/* Colours apart for every kind of sight; the same for a dtype wherever it stands. */
static int colour_of(const char *dtype) {
    static const char *const known[] = {"f32", "bf16", "f16", "f64"};
    int k = 0;
    while (k < 4 && strcmp(known[k], dtype) != 0) k++;
    return k;
}

static double highest_peak(const limits *l) {
    double most = 0;
    for (uint32_t i = 0; i < l->n_peaks; i++) most = fmax(most, l->peaks[i].value);
    return most;
}

static void draw_slope(const view *v) {
    const double rate = v->limits->copy.value, left = pow(10, v->x_low), peak = highest_peak(v->limits);
    if (rate <= 0) return;
    /* where it leaves the picture at the bottom, and where it ends at the highest level or leaves the picture */
    const double from = fmax(left, pow(10, v->y_low) / rate), to = fmin(peak > 0 ? peak / rate : INFINITY, fmin(pow(10, v->x_high), pow(10, v->y_high) / rate));
    if (to <= from) return;
    const double x0 = place_x(v, from), y0 = place_y(v, from * rate), x1 = place_x(v, to), y1 = place_y(v, to * rate);
    fprintf(v->out, "<path class=\"roof\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x0, y0, x1, y1);
    fprintf(v->out, "<text class=\"roofname\" text-anchor=\"middle\" transform=\"translate(%.1f %.1f) rotate(%.1f)\">copy %.4g GB/s</text>\n",
            x0 + 0.25 * (x1 - x0), y0 + 0.25 * (y1 - y0) - 7, atan2(y1 - y0, x1 - x0) * 180 / M_PI, rate * 1e-9);
}

/* Its name stands above or below it, at the end where no operator is. */
static void name_level(view *v, const limit *peak, double left, double y) {
    char text[64];
    snprintf(text, sizeof text, "%s products %.4g GFLOP/s", peak->dtype, peak->value * 1e-9);
    const double width = 1.1 * LETTER * (double)strlen(text), right = WIDTH - RIGHT - width - 4;
    const box tries[] = {{left + 10, y - LINE - 5, width, LINE}, {right, y - LINE - 5, width, LINE}, {right, y + 5, width, LINE},
                         {(left + right) / 2, y - LINE - 5, width, LINE}, {(left + right) / 2, y + 5, width, LINE}};
    const box *free = choose(v, tries, sizeof tries / sizeof *tries);
    const box *at = free ? free : &tries[1];
    fprintf(v->out, "<text class=\"roofname\" x=\"%.1f\" y=\"%.1f\">", at->x, at->y + LINE - 3);
    markup_escape(v->out, text);
    fputs("</text>\n", v->out);
}

static void draw_level(view *v, const limit *peak) {
    const double rate = v->limits->copy.value, right = pow(10, v->x_high);
    const double from = rate > 0 ? peak->value / rate : pow(10, v->x_low), y = place_y(v, peak->value);
    if (peak->value <= 0 || from >= right) return;
    fprintf(v->out, "<path class=\"roof c%d\" d=\"M%.1f %.1fH%d\"/>", colour_of(peak->dtype), place_x(v, from), y, WIDTH - RIGHT);
    name_level(v, peak, place_x(v, from), y);
}

/* --- the points --- */

static double radius(const roofline_point *p) { return 4 + 18 * sqrt(p->share); }

static void draw_mark(view *v, const profile_row *row, const roofline_point *p) {
    const double x = place_x(v, across(v, p)), y = place_y(v, up(v, p)), r = radius(p);
    const int colour = colour_of(row->dtype);
    fputs("<g><title>", v->out);
    markup_escape(v->out, row->op);
    fputs(" ", v->out);
    markup_escape(v->out, row->dtype);
    fprintf(v->out, ": %.1f%% of the time, %.4g GFLOP/s, %.4g GB/s, %.1f%% of its limit (%s)</title>", 100 * p->share, p->flop_rate * 1e-9,
            p->byte_rate * 1e-9, 100 * p->of_limit, roofline_bound_name(p->bound));
    if (p->of_limit > 0)
        fprintf(v->out, "<path class=\"far c%d\" d=\"M%.1f %.1fV%.1f\"/>", colour, x, y, place_y(v, up(v, p) / p->of_limit));
    if (p->flop_rate > 0) fprintf(v->out, "<circle class=\"mark c%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"/></g>\n", colour, x, y, r);
    else fprintf(v->out, "<path class=\"mark c%d\" d=\"M%.1f %.1fl%.1f %.1fl%.1f %.1fl%.1f %.1fz\"/></g>\n", colour, x, y - r, r, r, -r, r, -r, -r);
}

/* Beside, above or below its mark, where nothing else stands; where all is taken there is none, and the table has it. */
static void draw_label(view *v, const profile_row *row, const roofline_point *p) {
    char text[80];
    snprintf(text, sizeof text, "%s %s", row->op, row->dtype);
    const double x = place_x(v, across(v, p)), y = place_y(v, up(v, p)), r = radius(p) + 3, w = LETTER * (double)strlen(text);
    const box tries[] = {{x + r, y - LINE / 2, w, LINE}, {x - r - w, y - LINE / 2, w, LINE}, {x - w / 2, y - r - LINE, w, LINE},
                         {x - w / 2, y + r, w, LINE},    {x + r, y - r - LINE, w, LINE},     {x + r, y + r, w, LINE},
                         {x - r - w, y + r, w, LINE},    {x - r - w, y - r - LINE, w, LINE}};
    const box *at = choose(v, tries, sizeof tries / sizeof *tries);
    if (!at) return;
    fprintf(v->out, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\">", at->x, at->y + LINE - 3);
    markup_escape(v->out, text);
    fputs("</text>\n", v->out);
}

static void reserve(view *v, const profile_row *row, const roofline_point *p) {
    const double x = place_x(v, across(v, p)), y = place_y(v, up(v, p)), r = radius(p);
    (void)row;
    take(v, (box){x - r, y - r, 2 * r, 2 * r});
}

static void each_point(view *v, void (*what)(view *v, const profile_row *row, const roofline_point *p)) {
    const profile_device *d = v->device;
    for (uint32_t i = 0; i < d->n_rows; i++) {
        const roofline_point p = roofline_judge(d, v->limits, &d->rows[i]);
        if (p.flop_rate > 0 || p.byte_rate > 0) what(v, &d->rows[i], &p);
    }
}

void roofline_picture_print(const profile_device *device, const limits *l, FILE *out) {
    view v = {.device = device, .limits = l, .out = out};
    find_ranges(&v);
    fprintf(out, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"roofline\">\n", WIDTH, HEIGHT);
    each_point(&v, reserve);
    draw_grid(&v);
    draw_slope(&v);
    for (uint32_t i = 0; i < l->n_peaks; i++) draw_level(&v, &l->peaks[i]);
    each_point(&v, draw_mark);
    each_point(&v, draw_label);
    fputs("</svg>\n", out);
}
