/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as one SVG that needs nothing else: no script, no font, no network; light and dark as the
 * reader has it. */
#ifndef HAL_INFO_PICTURE_H
#define HAL_INFO_PICTURE_H

#include "tools/hal-info/layout.h"

/* What the parts of the picture share. */
typedef struct picture {
    const hal_topology *topology;
    FILE *out;
    double fastest; /* bytes/s: the thickest line */
} picture;

/* Writes the picture. `prolog`: as a file of its own, not inside of a page. */
int picture_print(const hal_topology *t, bool prolog, FILE *out, tool_error *err);

/* The style sheet. */
void theme_print(FILE *out);

/* How thick a line of that bandwidth is; thin where it is not known. */
double picture_thickness(const picture *p, hal_figure bandwidth);
/* A text at x, y, cut to `width`; `class` is one of the style sheet. */
void picture_text(const picture *p, const char *class, double x, double y, double size, double width,
                  const char *text);

/* The panel of links that are not PCIe, below everything else: draws nothing when `p` has no stream, and
 * returns its height. */
double fabric_print(const picture *p, double x, double y, double width, tool_error *err);
/* The width the panel would like. */
double fabric_width(const hal_topology *t);

#endif
