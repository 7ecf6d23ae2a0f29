/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/progress.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECENT_STEPS = 64 };

static const double terminal_interval = 0.1;
static const double plain_interval = 10;

struct progress {
    FILE *stream;
    uint64_t total;
    uint64_t tokens; /* of the last step */
    bool quiet;
    bool terminal;
    bool line_open; /* an updating line is on the terminal, without newline */
    double shown;   /* when the last line was shown; 0: never */
    size_t count;
    size_t capacity;
    double *seconds; /* of each step */
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int progress_begin(FILE *stream, uint64_t first_step, uint64_t total_steps, bool quiet, progress **out,
                   tool_error *err)
{
    progress *object = calloc(1, sizeof *object);
    size_t expected =
        total_steps > first_step && total_steps - first_step < 4096 ? total_steps - first_step : 4096;
    double *seconds = calloc(expected, sizeof *seconds);
    if (!object || !seconds) {
        free(object);
        free(seconds);
        return tool_fail(err, TOOL_INTERNAL, "no memory to measure steps");
    }
    const char *kind = getenv("TERM");
    object->stream = stream;
    object->total = total_steps;
    object->quiet = quiet;
    object->terminal = isatty(fileno(stream)) && kind && strcmp(kind, "dumb") != 0;
    object->seconds = seconds;
    object->capacity = expected;
    *out = object;
    return 0;
}

/* --- medians --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of_sorted(const double *values, size_t count)
{
    size_t half = count / 2;
    return count % 2 ? values[half] : 0.5 * (values[half - 1] + values[half]);
}

double progress_step_seconds(const progress *object)
{
    if (object->count == 0) {
        return 0;
    }
    double *sorted = malloc(object->count * sizeof *sorted);
    if (!sorted) {
        return object->seconds[object->count - 1];
    }
    memcpy(sorted, object->seconds, object->count * sizeof *sorted);
    qsort(sorted, object->count, sizeof *sorted, by_value);
    double median = median_of_sorted(sorted, object->count);
    free(sorted);
    return median;
}

double progress_tokens_per_second(const progress *object)
{
    double seconds = progress_step_seconds(object);
    return seconds > 0 ? (double)object->tokens / seconds : 0;
}

/* The live figure follows a machine that becomes slower or faster. */
static double recent_seconds(const progress *object)
{
    double recent[RECENT_STEPS];
    size_t count = object->count < RECENT_STEPS ? object->count : RECENT_STEPS;
    memcpy(recent, object->seconds + object->count - count, count * sizeof *recent);
    qsort(recent, count, sizeof *recent, by_value);
    return median_of_sorted(recent, count);
}

/* --- lines --- */

static void format_duration(double seconds, char *out, size_t size)
{
    uint64_t whole = seconds > 0 && seconds < 1e12 ? (uint64_t)(seconds + 0.5) : 0;
    if (whole < 60) {
        snprintf(out, size, "%" PRIu64 " s", whole);
    } else if (whole < 3600) {
        snprintf(out, size, "%" PRIu64 " min %02" PRIu64 " s", whole / 60, whole % 60);
    } else {
        snprintf(out, size, "%" PRIu64 " h %02" PRIu64 " min", whole / 3600, whole % 3600 / 60);
    }
}

static void show(progress *object, uint64_t step, double loss)
{
    char left[48];
    double seconds = recent_seconds(object);
    double rate = seconds > 0 ? (double)object->tokens / seconds : 0;
    uint64_t remaining = object->total > step ? object->total - step : 0;
    format_duration(seconds * (double)remaining, left, sizeof left);
    /* Carriage return and erase-to-end: a shorter line leaves nothing of a longer one. */
    fprintf(object->stream, "%sstep %" PRIu64 "/%" PRIu64 "  loss %.4f  %.0f tokens/s  %s left%s",
            object->terminal ? "\r\033[K" : "", step, object->total, loss, rate, left,
            object->terminal ? "" : "\n");
    fflush(object->stream);
    object->line_open = object->terminal;
}

static int remember(progress *object, double seconds, tool_error *err)
{
    if (object->count == object->capacity) {
        double *grown = reallocarray(object->seconds, object->capacity, 2 * sizeof *grown);
        if (!grown) {
            return tool_fail(err, TOOL_INTERNAL, "no memory to measure %zu steps", object->count);
        }
        object->seconds = grown;
        object->capacity *= 2;
    }
    object->seconds[object->count++] = seconds;
    return 0;
}

int progress_step(progress *object, uint64_t step, double loss, uint64_t tokens, double seconds,
                  tool_error *err)
{
    int code = remember(object, seconds, err);
    if (code) {
        return code;
    }
    object->tokens = tokens;
    double time = now();
    double interval = object->terminal ? terminal_interval : plain_interval;
    bool due = object->shown == 0 || time - object->shown >= interval || step == object->total;
    if (due && !object->quiet) {
        object->shown = time;
        show(object, step, loss);
    }
    return 0;
}

void progress_note(progress *object, const char *format, ...)
{
    if (object->quiet) {
        return;
    }
    if (object->line_open) {
        fputs("\r\033[K", object->stream);
        object->line_open = false;
    }
    va_list args;
    va_start(args, format);
    vfprintf(object->stream, format, args);
    va_end(args);
    fputc('\n', object->stream);
    fflush(object->stream);
}

void progress_end(progress *object)
{
    if (!object) {
        return;
    }
    if (object->line_open) {
        fputc('\n', object->stream);
    }
    free(object->seconds);
    free(object);
}
