/* SPDX-License-Identifier: Apache-2.0 */
/* Where everything stands in the picture: boxes inside of boxes. */
#ifndef HAL_INFO_LAYOUT_H
#define HAL_INFO_LAYOUT_H

#include "tools/hal-info/info.h"

typedef enum box_kind { BOX_PLACE, BOX_DEVICE, BOX_MEMORY } box_kind;

/* One box and those inside of it. Coordinates are of the picture, in its units. */
typedef struct box {
    box_kind kind;
    uint32_t index; /* of the place, device or memory */
    uint32_t outer; /* a place: the outermost that was folded into it, or itself */
    double x, y, w, h;
    uint32_t columns, device_columns; /* that places and devices inside are arranged in */
    bool rail;                        /* its inner boxes hang on a bus */
    bool beside;                      /* its memories stand beside its only device */
    struct box *first, *last, *next;
} box;

enum {
    LAYOUT_PAD = 10,
    LAYOUT_GAP = 10,
    LAYOUT_HEAD = 24,
    LAYOUT_RAIL = 26,
    LAYOUT_BAR = 22,
    LAYOUT_CARD = 216,
    LAYOUT_MINI = 92,
    LAYOUT_LINE = 15
};

typedef struct layout {
    const hal_topology *topology;
    box *boxes; /* all; the outermost is the first */
    uint32_t n;
    bool mini;       /* so many devices that each gets a small card */
    uint32_t *owner; /* a memory: the device in whose card it is drawn, or HAL_NOWHERE */
} layout;

/* Arranges everything below place 0 at x, y, at least `width` wide. Errors: out of memory. */
int layout_create(const hal_topology *t, double x, double y, double width, layout *out, tool_error *err);
void layout_clear(layout *l);

/* About how wide a text is at that size, and how many of its bytes fit. */
double text_width(const char *text, double size);
size_t text_fit(const char *text, double size, double width);
/* Whether a state is worth a line of its own in the card. */
bool card_tells_state(const hal_topology_device *d);

#endif
