/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-info/figure.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

char figure_letter(hal_figure f)
{
    static const char letters[] = {'-', 'e', 's', 'v', 'm'};
    return f.source < sizeof letters ? letters[f.source] : '-';
}

const char *figure_legend(void)
{
    return "m measured here  v vendor's figure  s from the structure  e estimate  - unknown";
}

/* Three digits that count, without an exponent. */
static int digits(double value)
{
    return fabs(value) >= 99.95 ? 0 : fabs(value) >= 9.995 ? 1 : 2;
}

static const char *const iec[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
enum { IEC = sizeof iec / sizeof iec[0] };

static int iec_of(double bytes)
{
    int i = 0;
    while (fabs(bytes) >= 1024 && i + 1 < IEC) {
        bytes /= 1024;
        i++;
    }
    return i;
}

const char *figure_bytes(hal_figure f, char *text)
{
    if (!figure_known(f))
        return "-";
    const int i = iec_of(f.value);
    const double value = f.value / pow(1024, i);
    snprintf(text, FIGURE_SIZE, "%.*f %s", i ? (value >= 99.95 ? 0 : 1) : 0, value, iec[i]);
    return text;
}

const char *figure_free_of(hal_figure free, hal_figure capacity, char *text)
{
    if (!figure_known(capacity))
        return figure_bytes(free, text);
    const int i = iec_of(capacity.value);
    const double unit = pow(1024, i);
    if (figure_known(free))
        snprintf(text, FIGURE_SIZE, "%.*f / %.*f %s", i ? 1 : 0, free.value / unit, i ? 1 : 0,
                 capacity.value / unit, iec[i]);
    else
        snprintf(text, FIGURE_SIZE, "- / %.*f %s", i ? 1 : 0, capacity.value / unit, iec[i]);
    return text;
}

const char *figure_scaled(hal_figure f, double scale, char *text)
{
    if (!figure_known(f))
        return "-";
    const double value = f.value / scale;
    snprintf(text, FIGURE_SIZE, "%.*f %c", digits(value), value, figure_letter(f));
    return text;
}

/* The largest of some decimal units that leaves at least 1. */
static const char *decimal(hal_figure f, const char *const *units, const double *scales, int n, char *text)
{
    int i = 0;
    while (i + 1 < n && fabs(f.value) < scales[i])
        i++;
    const double value = f.value / scales[i];
    snprintf(text, FIGURE_SIZE, "%.*f %s %c", digits(value), value, units[i], figure_letter(f));
    return text;
}

const char *figure_any(hal_figure f, char *text)
{
    static const char *const rates[] = {"GB/s", "MB/s", "kB/s", "B/s"},
                             *const work[] = {"Top/s", "Gop/s", "op/s"},
                             *const times[] = {"s", "ms", "us", "ns"};
    static const double rate_of[] = {1e9, 1e6, 1e3, 1}, work_of[] = {1e12, 1e9, 1},
                        time_of[] = {1, 1e-3, 1e-6, 1e-9};
    if (!figure_known(f))
        return "-";
    switch (f.unit) {
    case HAL_UNIT_BYTES: return figure_bytes(f, text);
    case HAL_UNIT_BYTES_PER_SECOND: return decimal(f, rates, rate_of, 4, text);
    case HAL_UNIT_OPERATIONS_PER_SECOND: return decimal(f, work, work_of, 3, text);
    case HAL_UNIT_SECONDS: return decimal(f, times, time_of, 4, text);
    default: snprintf(text, FIGURE_SIZE, "%g", f.value); return text;
    }
}

const char *figure_date(hal_figure f, char *text)
{
    const time_t when = (time_t)f.when;
    struct tm parts;
    if (!figure_measured(f) || !f.when || !gmtime_r(&when, &parts) ||
        !strftime(text, FIGURE_SIZE, "%Y-%m-%d", &parts))
        return "-";
    return text;
}

const char *figure_share(hal_figure f, hal_figure of, char *text)
{
    if (!figure_known(f) || !figure_known(of) || of.value <= 0)
        return "-";
    snprintf(text, FIGURE_SIZE, "%.0f %%", 100 * f.value / of.value);
    return text;
}
