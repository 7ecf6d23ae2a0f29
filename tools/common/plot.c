/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/plot.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/file.h"

enum { WIDTH = 800, HEIGHT = 480, LEFT = 74, RIGHT = 24, TOP = 52, BOTTOM = 60, TICKS = 6 };

/* Blue, vermilion, green, purple of Okabe and Ito: told apart with any kind of colour vision. */
static const char *const colours[PLOT_MAX_SERIES] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7"};

#define LARGEST 1e100

/* One axis: the range shown, from a multiple of step to one. */
typedef struct axis {
    double low;
    double high;
    double step;
} axis;

typedef struct frame {
    FILE *out;
    const plot *chart;
    axis x;
    axis y;
} frame;

/* --- scales --- */

/* False for NaN and infinities too. The bound keeps differences of two values finite. */
static bool is_shown(const plot_series *series, size_t i)
{
    return fabs(series->x[i]) < LARGEST && fabs(series->y[i]) < LARGEST;
}

/* Returns whether there was a finite point. */
static bool find_ranges(const plot *chart, axis *x, axis *y)
{
    *x = *y = (axis){INFINITY, -INFINITY, 0};
    for (size_t s = 0; s < chart->series_count; s++) {
        const plot_series *series = &chart->series[s];
        for (size_t i = 0; i < series->count; i++) {
            if (is_shown(series, i)) {
                x->low = fmin(x->low, series->x[i]);
                x->high = fmax(x->high, series->x[i]);
                y->low = fmin(y->low, series->y[i]);
                y->high = fmax(y->high, series->y[i]);
            }
        }
    }
    return x->low <= x->high;
}

/* The step of 1, 2 or 5 times a power of ten that gives about TICKS ticks. */
static double nice_step(double range)
{
    double rough = range / TICKS;
    double power = pow(10, floor(log10(rough)));
    double lead = rough / power;
    return power * (lead < 1.5 ? 1 : lead < 3.5 ? 2 : lead < 7.5 ? 5 : 10);
}

static void fit_axis(axis *range)
{
    double least = fmax(fmax(fabs(range->low), fabs(range->high)), 1e-6) * 1e-9;
    if (range->high - range->low < least) {
        double middle = 0.5 * (range->low + range->high);
        double reach = fmax(fabs(middle) * 0.1, 0.5);
        range->low = middle - reach;
        range->high = middle + reach;
    }
    range->step = nice_step(range->high - range->low);
    range->low = floor(range->low / range->step) * range->step;
    range->high = ceil(range->high / range->step) * range->step;
}

static double place_x(const frame *view, double value)
{
    return LEFT + (value - view->x.low) / (view->x.high - view->x.low) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const frame *view, double value)
{
    return HEIGHT - BOTTOM - (value - view->y.low) / (view->y.high - view->y.low) * (HEIGHT - TOP - BOTTOM);
}

/* --- parts --- */

/* Control characters are not allowed in XML at all; they are left out. */
static void write_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        case '"': fputs("&quot;", out); break;
        default:
            if ((unsigned char)*text >= 32) {
                fputc(*text, out);
            }
        }
    }
}

static void write_label(FILE *out, const char *attributes, const char *text)
{
    fprintf(out, "<text %s>", attributes);
    write_text(out, text);
    fputs("</text>\n", out);
}

static void write_head(const frame *view)
{
    fprintf(view->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" "
            "font-family=\"sans-serif\" font-size=\"13\" fill=\"#333333\">\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    write_text(view->out, view->chart->title);
    fprintf(view->out, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", WIDTH, HEIGHT);
    char attributes[128];
    snprintf(attributes, sizeof attributes, "x=\"%d\" y=\"28\" font-size=\"17\" font-weight=\"bold\"", LEFT);
    write_label(view->out, attributes, view->chart->title);
    snprintf(attributes, sizeof attributes, "x=\"%d\" y=\"%d\" text-anchor=\"middle\"",
             (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16);
    write_label(view->out, attributes, view->chart->x_label);
    snprintf(attributes, sizeof attributes,
             "transform=\"translate(20 %d) rotate(-90)\" text-anchor=\"middle\"",
             (TOP + HEIGHT - BOTTOM) / 2);
    write_label(view->out, attributes, view->chart->y_label);
}

static int tick_count(const axis *range)
{
    return (int)lround((range->high - range->low) / range->step);
}

/* A tick next to 0 must not read 1e-17. */
static double tick_value(const axis *range, int i)
{
    double value = range->low + i * range->step;
    return fabs(value) < range->step * 1e-6 ? 0 : value;
}

static void write_grid(const frame *view)
{
    for (int i = 0; i <= tick_count(&view->y); i++) {
        double value = tick_value(&view->y, i);
        double y = place_y(view, value);
        fprintf(view->out, "<path d=\"M%d %.1fH%d\" stroke=\"#e4e4e4\"/>\n", LEFT, y, WIDTH - RIGHT);
        fprintf(view->out, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.6g</text>\n", LEFT - 8, y + 4.5,
                value);
    }
    for (int i = 0; i <= tick_count(&view->x); i++) {
        double value = tick_value(&view->x, i);
        double x = place_x(view, value);
        fprintf(view->out, "<path d=\"M%.1f %dv5\" stroke=\"#888888\"/>\n", x, HEIGHT - BOTTOM);
        fprintf(view->out, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10g</text>\n", x,
                HEIGHT - BOTTOM + 20, value);
    }
    fprintf(view->out, "<path d=\"M%d %dV%dH%d\" fill=\"none\" stroke=\"#888888\"/>\n", LEFT, TOP,
            HEIGHT - BOTTOM, WIDTH - RIGHT);
}

/* A single point between two gaps would leave no trace as a line; a zero-length one with round caps is a dot.
 */
static void write_line(const frame *view, const plot_series *series, const char *colour, double stroke)
{
    bool open = false;
    fprintf(view->out,
            "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-linejoin=\"round\" "
            "stroke-linecap=\"round\" d=\"",
            colour, stroke);
    for (size_t i = 0; i < series->count; i++) {
        if (is_shown(series, i)) {
            double x = place_x(view, series->x[i]);
            double y = place_y(view, series->y[i]);
            fprintf(view->out, open ? "L%.1f %.1f" : "M%.1f %.1fh0", x, y);
        }
        open = is_shown(series, i);
    }
    fputs("\"/>\n", view->out);
}

/* A few points are worth a mark each; thousands would be a smear. */
static void write_marks(const frame *view, const plot_series *series, const char *colour)
{
    for (size_t i = 0; i < series->count && series->count <= 40; i++) {
        if (is_shown(series, i)) {
            fprintf(view->out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.2\" fill=\"%s\"/>\n",
                    place_x(view, series->x[i]), place_y(view, series->y[i]), colour);
        }
    }
}

static void write_legend(const frame *view, size_t index)
{
    int y = TOP + 16 + 22 * (int)index;
    char attributes[96];
    fprintf(view->out, "<path d=\"M%d %dh24\" stroke=\"%s\" stroke-width=\"3\"/>\n", WIDTH - RIGHT - 150, y,
            colours[index]);
    snprintf(attributes, sizeof attributes, "x=\"%d\" y=\"%d\"", WIDTH - RIGHT - 118, y + 4);
    write_label(view->out, attributes, view->chart->series[index].label);
}

static void write_chart(const frame *view)
{
    write_head(view);
    write_grid(view);
    for (size_t i = 0; i < view->chart->series_count; i++) {
        const plot_series *series = &view->chart->series[i];
        write_line(view, series, colours[i], series->count > 200 ? 1.4 : 2.2);
        write_marks(view, series, colours[i]);
        write_legend(view, i);
    }
    fputs("</svg>\n", view->out);
}

/* --- public --- */

int plot_format_svg(const plot *chart, char **out_text, size_t *out_bytes, tool_error *err)
{
    frame view = {.chart = chart};
    if (chart->series_count > PLOT_MAX_SERIES) {
        return tool_fail(err, TOOL_INTERNAL, "%zu lines in a chart; at most %d are drawn",
                         chart->series_count, PLOT_MAX_SERIES);
    }
    if (!find_ranges(chart, &view.x, &view.y)) {
        return tool_fail(err, TOOL_BAD_INPUT, "the chart \"%s\" has no point to draw", chart->title);
    }
    fit_axis(&view.x);
    fit_axis(&view.y);
    char *text = NULL;
    size_t bytes = 0;
    view.out = open_memstream(&text, &bytes);
    if (!view.out) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a chart");
    }
    write_chart(&view);
    bool failed = ferror(view.out);
    if (fclose(view.out) != 0 || failed) {
        free(text);
        return tool_fail(err, TOOL_INTERNAL, "no memory for a chart");
    }
    *out_text = text;
    *out_bytes = bytes;
    return 0;
}

static int name_fresh(const char *path, char *fresh, tool_error *err)
{
    int length = snprintf(fresh, PATH_MAX, "%s.tmp-%ld", path, (long)getpid());
    return length < 0 || length >= PATH_MAX
               ? tool_fail(err, TOOL_BAD_INPUT, "%.200s...: the path is too long", path)
               : 0;
}

int plot_try(const char *path, tool_error *err)
{
    char fresh[PATH_MAX];
    int code = name_fresh(path, fresh, err);
    code = code ? code : file_write_whole(fresh, "", 0, err);
    if (code == 0) {
        unlink(fresh);
    }
    return code;
}

static int write_through(const char *path, const char *text, size_t bytes, tool_error *err)
{
    char fresh[PATH_MAX];
    int code = name_fresh(path, fresh, err);
    if (code) {
        return code;
    }
    code = file_write_whole(fresh, text, bytes, err);
    if (code == 0 && rename(fresh, path) != 0) {
        code = tool_fail_errno(err, errno, "cannot move the chart to", path);
    }
    if (code) {
        unlink(fresh);
    }
    return code;
}

int plot_write_svg(const char *path, const plot *chart, tool_error *err)
{
    char *text;
    size_t bytes;
    int code = plot_format_svg(chart, &text, &bytes, err);
    if (code) {
        return code;
    }
    code = write_through(path, text, bytes, err);
    free(text);
    return code;
}
