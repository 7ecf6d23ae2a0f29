/* SPDX-License-Identifier: Apache-2.0 */
/* Measurements that are kept: read, written, and joined with those that come later. */
#include "hal/discovery/measurements.h"
#include "hal/discovery/kept.h"
#include "hal/topology/measurement.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HEAD       "hal-measurements 1\n"
#define PREFIX     "measured-"
#define RECORDED   "/hal/measurements"
#define LARGEST    (1u << 20) /* bytes */
#define MOST_ROWS  4096
#define PATH_LARGE 4096

/* ----------------------------------------------------------------------------------------------- reading -- */

enum { WORDS = 7, NUMBERS = 4 }; /* an eighth word tells how bytes went over a link */

/* A number as it is written: digits without a sign or zeros before them. */
static bool read_number(const char *text, size_t length, uint64_t *value)
{
    *value = 0;
    if (length == 0 || length > 20 || (length > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || __builtin_mul_overflow(*value, 10u, value) ||
            __builtin_add_overflow(*value, (uint64_t)(text[i] - '0'), value))
            return false;
    }
    return true;
}

typedef struct word {
    const char *text;
    size_t length;
} word;

/* The parts of a line; false when there are more or fewer than `n`. */
static bool split(const char *text, size_t length, char between, word *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *end = memchr(text, between, length);
        if ((end == NULL) != (i + 1 == n))
            return false;
        words[i] = (word){text, end != NULL ? (size_t)(end - text) : length};
        text += words[i].length + 1;
        length -= words[i].length + (end != NULL);
    }
    return true;
}

static bool read_figure(word w, double scale, hal_unit unit, hal_figure *f)
{
    word parts[NUMBERS];
    uint64_t n[NUMBERS];
    *f = hal_figure_unknown(unit);
    if (w.length == 1 && w.text[0] == '-')
        return true;
    if (!split(w.text, w.length, ':', parts, NUMBERS))
        return false;
    for (size_t i = 0; i < NUMBERS; i++)
        if (!read_number(parts[i].text, parts[i].length, &n[i]))
            return false;
    if (n[2] > UINT32_MAX || n[3] > INT64_MAX)
        return false;
    *f = (hal_figure){.value = (double)n[0] / scale,
                      .unit = unit,
                      .source = HAL_SOURCE_MEASURED,
                      .when = (int64_t)n[3],
                      .samples = (uint32_t)n[2],
                      .ci95 = (double)n[1] / scale};
    return true;
}

static bool read_word(word w, char *text, size_t size)
{
    if (w.length == 0 || w.length >= size || memchr(w.text, '\0', w.length) != NULL)
        return false;
    memcpy(text, w.text, w.length);
    return true;
}

static bool read_mode(word w, uint32_t *mode)
{
    for (hal_copy_mode i = HAL_COPY_NATIVE; i < HAL_COPY_NONE; i++) {
        const char *name = hal_copy_mode_name(i);
        if (strlen(name) == w.length && memcmp(name, w.text, w.length) == 0)
            *mode = i;
    }
    return *mode != HAL_COPY_UNKNOWN;
}

static bool read_row(const char *line, size_t length, hal_measurement *m)
{
    word w[WORDS + 1];
    *m = (hal_measurement){.verified = 1}; /* others are not kept */
    const bool has_mode = split(line, length, '\t', w, WORDS + 1);
    return (has_mode ? read_mode(w[WORDS], &m->copy_mode) : split(line, length, '\t', w, WORDS)) && read_word(w[0], m->kind, sizeof m->kind) &&
           read_word(w[1], m->from, sizeof m->from) && read_word(w[2], m->to, sizeof m->to) &&
           read_number(w[3].text, w[3].length, &m->bytes) &&
           read_figure(w[4], 1, HAL_UNIT_BYTES_PER_SECOND, &m->bandwidth) &&
           read_figure(w[5], 1e12, HAL_UNIT_SECONDS, &m->latency) &&
           read_figure(w[6], 1e6, HAL_UNIT_COUNT, &m->duplex);
}

static hal_status add_row(const hal_allocator *allocator, hal_measurements *list, const hal_measurement *m)
{
    if (!hal_array_grow(allocator, (void **)&list->rows, list->n, &list->room, sizeof *list->rows))
        return HAL_FAIL(OUT_OF_MEMORY, "%u measurements do not fit into memory; free some", list->n + 1);
    list->rows[list->n++] = *m;
    return HAL_OK;
}

static hal_status read_rows(const hal_allocator *allocator, const char *origin, const char *text,
                            const char *end, hal_measurements *list)
{
    hal_measurement m;
    for (uint32_t line = 2; text < end; line++) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        if (stop == NULL || list->n == MOST_ROWS || !read_row(text, (size_t)(stop - text), &m))
            return HAL_FAIL(INVALID_ARGUMENT, "%s: line %u: %s", origin, line,
                            list->n == MOST_ROWS ? "more measurements than any machine has"
                                                 : "no measurement as hal-bench writes it");
        HAL_TRY(add_row(allocator, list, &m));
        text = stop + 1;
    }
    return HAL_OK;
}

hal_status hal_measurements_read(const hal_allocator *allocator, const char *origin, const char *text,
                                 size_t bytes, hal_measurements *out)
{
    hal_measurements list = {0};
    const size_t head = strlen(HEAD);
    if (bytes < head || memcmp(text, HEAD, head) != 0)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: line 1: does not begin with \"hal-measurements 1\"", origin);
    hal_status s = read_rows(allocator, origin, text + head, text + bytes, &list);
    if (s == HAL_OK)
        *out = list;
    else
        hal_deallocate(allocator, list.rows);
    return s;
}

/* ----------------------------------------------------------------------------------------------- writing -- */

static void print_figure(const hal_figure *f, double scale, FILE *out)
{
    if (f->source == HAL_SOURCE_UNKNOWN)
        fputs("\t-", out);
    else
        fprintf(out, "\t%.0f:%.0f:%u:%lld", f->value * scale, f->ci95 * scale, f->samples, (long long)f->when);
}

bool hal_measurements_print(const hal_measurements *m, FILE *out)
{
    fputs(HEAD, out);
    for (uint32_t i = 0; i < m->n; i++) {
        const hal_measurement *r = &m->rows[i];
        fprintf(out, "%s\t%s\t%s\t%llu", r->kind, r->from, r->to, (unsigned long long)r->bytes);
        print_figure(&r->bandwidth, 1, out);
        print_figure(&r->latency, 1e12, out);
        print_figure(&r->duplex, 1e6, out);
        if (r->copy_mode != HAL_COPY_UNKNOWN)
            fprintf(out, "\t%s", hal_copy_mode_name(r->copy_mode));
        fputc('\n', out);
    }
    return fflush(out) == 0 && ferror(out) == 0;
}

static bool print_all(const void *context, FILE *out)
{
    return hal_measurements_print(context, out);
}

/* "BASE/hal/measured-HASH": what figures depend on beside the drivers is the board and its processors. */
static bool path_of(const hal_files *files, bool make, char *path, size_t size)
{
    static const char *const directories[] = {"/sys/bus/pci/devices"};
    static const char *const processors[] = {"/sys/devices/system/cpu/present", "/sys/devices/system/node/online"};
    char text[512];
    uint64_t hash = hal_kept_mix_names(hal_kept_machine(files), files, directories, 1);
    for (size_t i = 0; i < sizeof processors / sizeof *processors; i++)
        hash = hal_kept_mix(hash, hal_files_read(files, processors[i], text, sizeof text) < 0 ? "" : text);
    return hal_kept_path(make, PREFIX, hash, path, size);
}

static hal_status path_here(bool make, char *path, size_t size)
{
    hal_files *files;
    HAL_TRY(hal_files_open(NULL, NULL, &files));
    const bool there = path_of(files, make, path, size);
    hal_files_close(files);
    return there ? HAL_OK
                 : HAL_FAIL(FAILED_PRECONDITION,
                            "there is no directory to keep measurements in: XDG_CACHE_HOME and HOME name none "
                            "that is the caller's own");
}

hal_status hal_measurement_path(char *path, size_t size)
{
    char whole[PATH_LARGE];
    HAL_TRY(path_here(false, whole, sizeof whole));
    if (strlen(whole) >= size)
        return HAL_FAIL(INVALID_ARGUMENT, "the path has %zu bytes, more than %zu", strlen(whole) + 1, size);
    memcpy(path, whole, strlen(whole) + 1);
    return HAL_OK;
}

/* ----------------------------------------------------------------------------------------------- joining -- */

static bool same_way(const hal_measurement *a, const hal_measurement *b)
{
    return strcmp(a->kind, b->kind) == 0 && strcmp(a->from, b->from) == 0 && strcmp(a->to, b->to) == 0;
}

static hal_measurement *find_way(const hal_measurements *list, const hal_measurement *m)
{
    for (uint32_t i = 0; i < list->n; i++)
        if (same_way(&list->rows[i], m))
            return &list->rows[i];
    return NULL;
}

/* New rows with stable ids, each checked. */
static hal_status settle(const hal_topology *topology, const hal_measurement *rows, uint32_t n,
                         hal_measurements *list)
{
    hal_measurement m;
    for (uint32_t i = 0; i < n; i++) {
        HAL_TRY(hal_measurement_settle(topology, &rows[i], &m));
        if (find_way(list, &m) != NULL)
            return HAL_FAIL(INVALID_ARGUMENT, "%s %s -> %s: it was measured twice", m.kind, rows[i].from,
                            rows[i].to);
        HAL_TRY(add_row(hal_topology_allocator(topology), list, &m));
    }
    return HAL_OK;
}

static hal_status join(const hal_allocator *allocator, hal_measurements *into, const hal_measurements *fresh)
{
    for (uint32_t i = 0; i < fresh->n; i++) {
        hal_measurement *old = find_way(into, &fresh->rows[i]);
        if (old != NULL)
            *old = fresh->rows[i];
        else
            HAL_TRY(add_row(allocator, into, &fresh->rows[i]));
    }
    return into->n <= MOST_ROWS ? HAL_OK
                                : HAL_FAIL(INVALID_ARGUMENT, "%u measurements, of at most %u", into->n, MOST_ROWS);
}

/* What a file that somebody named holds by now: nothing else is overwritten. */
static hal_status read_named(const hal_allocator *allocator, const char *path, hal_measurements *out)
{
    struct stat st;
    size_t bytes;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? HAL_OK : HAL_FAIL(IO, "%s: %m", path);
    char *text = hal_kept_read(allocator, path, LARGEST, &bytes);
    if (text == NULL)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: neither missing nor a file of 1 to %u bytes that only the caller can write; name "
                        "another",
                        path, LARGEST);
    hal_status s = hal_measurements_read(allocator, path, text, bytes, out);
    hal_deallocate(allocator, text);
    return s;
}

/* What is damaged or not to be trusted begins anew. OUT_OF_MEMORY only. */
static hal_status read_cached(const hal_allocator *allocator, const char *path, hal_measurements *out)
{
    size_t bytes;
    char *text = hal_kept_read(allocator, path, LARGEST, &bytes);
    if (text == NULL)
        return errno == ENOMEM ? HAL_FAIL(OUT_OF_MEMORY, "%s: %m", path) : HAL_OK;
    hal_status s = hal_measurements_read(allocator, path, text, bytes, out);
    hal_deallocate(allocator, text);
    return hal_status_code(s) == HAL_CODE_OUT_OF_MEMORY ? s : HAL_OK;
}

static hal_status keep(const hal_allocator *allocator, const hal_measurements *fresh, const char *path)
{
    char cached[PATH_LARGE];
    hal_measurements all = {0};
    hal_status s;
    if (path == NULL)
        HAL_TRY(path_here(true, cached, sizeof cached));
    s = path != NULL ? read_named(allocator, path, &all) : read_cached(allocator, cached, &all);
    if (s == HAL_OK)
        s = join(allocator, &all, fresh);
    if (s == HAL_OK && !hal_kept_write(path != NULL ? path : cached, print_all, &all))
        s = HAL_FAIL(IO, "%s: cannot be written: %m", path != NULL ? path : cached);
    hal_deallocate(allocator, all.rows);
    return s;
}

hal_status hal_topology_keep_measurements(const hal_topology *topology, const hal_measurement *measurements,
                                          uint32_t n, const char *path)
{
    const hal_topology_host *host = hal_topology_host_of(topology);
    const hal_allocator *allocator = hal_topology_allocator(topology);
    hal_measurements fresh = {0};
    if (path == NULL && (host->offline != 0 || host->origin[0] != '\0'))
        return HAL_FAIL(FAILED_PRECONDITION,
                        "%s is not this machine, whose measurements are kept; name a file for others",
                        host->origin);
    if (n > MOST_ROWS)
        return HAL_FAIL(INVALID_ARGUMENT, "%u measurements, of at most %u", n, MOST_ROWS);
    hal_status s = settle(topology, measurements, n, &fresh);
    if (s == HAL_OK)
        s = keep(allocator, &fresh, path);
    hal_deallocate(allocator, fresh.rows);
    return s;
}

/* -------------------------------------------------------------------------------------------- recalling -- */

static hal_status recall_live(const hal_allocator *allocator, const hal_files *files, hal_measurements *out)
{
    char path[PATH_LARGE];
    *out = (hal_measurements){0};
    if (path_of(files, false, path, sizeof path))
        HAL_TRY(read_cached(allocator, path, out));
    return out->n != 0 ? HAL_OK
                       : HAL_FAIL(NOT_FOUND, "no measurements were kept of the machine as it is now");
}

static hal_status recall_recorded(const hal_allocator *allocator, const hal_files *files,
                                  hal_measurements *out)
{
    size_t bytes;
    char *text = hal_files_read_all(files, RECORDED, &bytes);
    if (text == NULL)
        return errno == ENOMEM ? HAL_FAIL(OUT_OF_MEMORY, RECORDED ": %m")
                               : HAL_FAIL(NOT_FOUND, RECORDED ": no measurements were recorded");
    hal_status s = hal_measurements_read(allocator, RECORDED, text, bytes, out);
    hal_files_free(files, text);
    return s;
}

hal_status hal_measurements_recall(const hal_allocator *allocator, const hal_files *files,
                                   hal_measurements *out)
{
    return hal_files_live(files) ? recall_live(allocator, files, out) : recall_recorded(allocator, files, out);
}

hal_status hal_scan_measurements(const hal_allocator *allocator, const hal_files *files, hal_draft *draft)
{
    hal_measurements m = {0};
    hal_status s = hal_measurements_recall(allocator, files, &m);
    if (s != HAL_OK)
        return hal_status_code(s) == HAL_CODE_NOT_FOUND ? HAL_OK : s;
    hal_measurements_apply(draft, m.rows, m.n);
    hal_deallocate(allocator, m.rows);
    return HAL_OK;
}
