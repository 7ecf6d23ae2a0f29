/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/measure.h"

#include <jansson.h>
#include <time.h>
#include <unistd.h>

uint64_t measure_bytes(const bench_options *options) { return options->bytes ? options->bytes : 64u << 20; }

unsigned measure_blocks(uint64_t bytes, unsigned most) {
    const long cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
    const uint64_t n = cache > 0 ? (2 * (uint64_t)cache + bytes - 1) / bytes : 0;
    return n < 3 ? 3 : n < most ? (unsigned)n : most;
}

bench_effort measure_effort(const bench_options *options) {
    const double seconds = options->quick ? 0.1 : 1;
    return (bench_effort){.least_runs = 10, .least_seconds = seconds, .most_seconds = 10 * seconds};
}

void measure_progress(const bench_options *options, const measurement *m) {
    if (!options->json && isatty(STDERR_FILENO)) fprintf(stderr, "\r%s %s -> %s ...\033[K", m->kind, m->from, m->to);
}

hal_copy_mode measure_mode(const measurement *m) {
    return !m->paired ? HAL_COPY_UNKNOWN : m->staged[0] ? HAL_COPY_STAGED : HAL_COPY_DIRECT;
}

static json_t *figure(double value, double ci95, const char *unit, const bench_summary *s) {
    return json_pack("{s:f, s:s, s:s, s:I, s:I, s:f, s:I}", "value", value, "unit", unit, "source", "measured", "when", (json_int_t)time(NULL),
                     "n", (json_int_t)s->runs, "ci95", ci95, "rejected", (json_int_t)s->rejected);
}

/* The interval of a rate follows from that of the time, to first order. */
static json_t *rate(const measurement *m) {
    const double value = (double)m->bytes / m->rate.median;
    return figure(value, value * m->rate.ci95 / m->rate.median, "bytes/s", &m->rate);
}

static void print_json(const measurement *m) {
    json_t *o = json_pack("{s:s, s:s, s:s, s:I, s:b, s:o, s:o}", "event", m->kind, "from", m->from, "to", m->to, "bytes", (json_int_t)m->bytes,
                          "verified", m->verified, "bandwidth", m->rate.runs && m->bytes ? rate(m) : json_null(), "latency",
                          m->delay.runs ? figure(m->delay.median, m->delay.ci95, "s", &m->delay) : json_null());
    json_object_set_new(o, "duplex", m->duplex > 0 ? json_real(m->duplex) : json_null());
    json_object_set_new(o, "copy", m->paired ? json_string(hal_copy_mode_name(measure_mode(m))) : json_null());
    json_object_set_new(o, "staged", m->staged[0] ? json_string(m->staged) : json_null());
    json_object_set_new(o, "failure", m->failure[0] ? json_string(m->failure) : json_null());
    json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(o);
}

static void print_time(const char *words, double seconds) {
    if (seconds < 1e-6)
        printf("  %s %.1f ns", words, seconds * 1e9);
    else
        printf("  %s %.2f us", words, seconds * 1e6);
}

static void print_text(const measurement *m) {
    printf("%-6s %-8s -> %-8s", m->kind, m->from, m->to);
    if (m->failure[0]) {
        printf("  no data: %s\n", m->failure);
        return;
    }
    if (m->rate.runs && m->bytes)
        printf("  %8.2f GB/s +- %4.1f %% (%zu runs, %zu left out)", (double)m->bytes / m->rate.median * 1e-9,
               100 * m->rate.ci95 / m->rate.median, m->rate.runs, m->rate.rejected);
    if (m->delay.runs) print_time("latency", m->delay.median);
    if (m->duplex > 0) printf("  both ways x%.2f", m->duplex);
    puts(m->verified ? "  verified" : "");
    if (m->staged[0]) printf("       %s\n", m->staged);
}

void measure_print(const bench_options *options, const measurement *m) {
    if (!options->json && isatty(STDERR_FILENO)) fputs("\r\033[K", stderr);
    if (options->json)
        print_json(m);
    else
        print_text(m);
    fflush(stdout);
}
