/* SPDX-License-Identifier: Apache-2.0 */
/* A line chart as SVG: the loss curve a run leaves behind.
 *
 * Plain SVG 1.1 with generic font names, no scripts and nothing loaded from elsewhere; colours keep apart for
 * colour-blind readers and on dark and light grounds (the chart brings its own white ground). Points that are
 * not finite (or beyond 1e100) are left out and break the line. Text is escaped.
 */
#ifndef TOOLS_COMMON_PLOT_H
#define TOOLS_COMMON_PLOT_H

#include <stddef.h>

#include "tools/common/error.h"

enum { PLOT_MAX_SERIES = 4 };

/* One line. Arrays stay the caller's; x must not fall. */
typedef struct plot_series {
    const char *label;
    const double *x;
    const double *y;
    size_t count;
} plot_series;

typedef struct plot {
    const char *title;
    const char *x_label;
    const char *y_label;
    size_t series_count; /* at most PLOT_MAX_SERIES */
    plot_series series[PLOT_MAX_SERIES];
} plot;

/* Write the chart, through a temporary file in the same directory, so that path is whole or untouched. A
 * chart without any finite point is TOOL_BAD_INPUT. */
int plot_write_svg(const char *path, const plot *chart, tool_error *err);

/* Whether a file could be made beside path now: said before the work rather than after it. */
int plot_try(const char *path, tool_error *err);

/* The same text in memory; malloc'ed, the caller frees it. */
int plot_format_svg(const plot *chart, char **out_text, size_t *out_bytes, tool_error *err);

#endif
