/* SPDX-License-Identifier: Apache-2.0 */
/* Figures as people read them: IEC sizes for memory, decimal GB/s for links, a letter for where each comes
 * from. */
#ifndef HAL_INFO_FIGURE_H
#define HAL_INFO_FIGURE_H

#include <stdbool.h>
#include <hal/topology.h>

enum { FIGURE_SIZE = 48 };

static inline bool figure_known(hal_figure f)
{
    return f.source != HAL_SOURCE_UNKNOWN;
}

static inline bool figure_measured(hal_figure f)
{
    return f.source == HAL_SOURCE_MEASURED;
}

/* 'm' measured, 'v' vendor, 's' structural, 'e' estimated, '-' unknown. */
char figure_letter(hal_figure f);
/* What the letters mean, in one line. */
const char *figure_legend(void);

/* Each writes into text, which has room for FIGURE_SIZE, and returns it; "-" for what is unknown. */
/* "80.0 GiB". */
const char *figure_bytes(hal_figure f, char *text);
/* "450 v": the value over `scale` to three digits, and its letter. */
const char *figure_scaled(hal_figure f, double scale, char *text);
/* With unit and letter, whatever it counts: "450 GB/s v", "80.0 GiB", "1.2 us m". */
const char *figure_any(hal_figure f, char *text);
/* "2026-11-20", of a measured figure. */
const char *figure_date(hal_figure f, char *text);
/* "84 %": of another figure. */
const char *figure_share(hal_figure f, hal_figure of, char *text);
/* "221 / 251 GiB": both in the unit of the second. */
const char *figure_free_of(hal_figure free, hal_figure capacity, char *text);

#endif
