/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/baseline.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/file.h"

enum { FILE_BYTES = 1 << 20 };

/* ------------------------------------------------------------------------------------------------ the list -- */

static matrix_share *find(const matrix_baseline *b, const char *op, const char *dtype) {
    for (size_t i = 0; i < b->count; i++)
        if (strcmp(b->items[i].op, op) == 0 && strcmp(b->items[i].dtype, dtype) == 0) return &b->items[i];
    return NULL;
}

static int add(matrix_baseline *b, const matrix_share *share, tool_error *err) {
    matrix_share *grown = realloc(b->items, (b->count + 1) * sizeof *grown);
    if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for a baseline");
    b->items = grown;
    grown[b->count++] = *share;
    return TOOL_OK;
}

/* "op/dtype/..." as two words. */
static bool split(const char *id, matrix_share *out) {
    *out = (matrix_share){.share = 0};
    return sscanf(id, "%31[^/]/%15[^/]/", out->op, out->dtype) == 2;
}

void matrix_baseline_clear(matrix_baseline *b) {
    free(b->items);
    *b = (matrix_baseline){0};
}

/* -------------------------------------------------------------------------------------------------- the file -- */

static int read_line(matrix_baseline *b, const char *line, const char *where, tool_error *err) {
    matrix_share s;
    char extra;
    if (line[0] == '#' || !line[0]) return TOOL_OK;
    if (sscanf(line, "backend %31s %c", b->backend, &extra) == 1) return TOOL_OK;
    if (sscanf(line, "machine %191[^\n]", b->machine) == 1) return TOOL_OK;
    if (sscanf(line, "%31s %15s %lf %c", s.op, s.dtype, &s.share, &extra) != 3 || !(s.share >= 0 && s.share <= 1))
        return tool_fail(err, TOOL_BAD_INPUT, "%s: no \"OPERATOR DTYPE SHARE\" with a share from 0 to 1", where);
    if (find(b, s.op, s.dtype)) return tool_fail(err, TOOL_BAD_INPUT, "%s: %s %s is there twice", where, s.op, s.dtype);
    return add(b, &s, err);
}

int matrix_baseline_read(const char *path, matrix_baseline *out, tool_error *err) {
    char *text, where[320];
    size_t bytes;
    int code = file_read_whole(path, FILE_BYTES, &text, &bytes, err);
    if (code) return code;
    matrix_baseline b = {.count = 0};
    unsigned number = 0;
    char *rest = text;
    if (strlen(text) < bytes) code = tool_fail(err, TOOL_BAD_INPUT, "%s: not text: a zero byte at %zu", path, strlen(text));
    for (char *line; !code && (line = strsep(&rest, "\n"));) {
        snprintf(where, sizeof where, "%.256s: line %u", path, ++number);
        code = read_line(&b, line, where, err);
    }
    free(text);
    if (!code && !b.backend[0])
        code = tool_fail(err, TOOL_BAD_INPUT, "%s: no line \"backend NAME\"; hal-matrix run --write-baseline writes one", path);
    if (code) matrix_baseline_clear(&b);
    else *out = b;
    return code;
}

static int print(const matrix_baseline *b, const char *path, tool_error *err) {
    FILE *out = fopen(path, "w");
    if (!out) return tool_fail(err, TOOL_BAD_INPUT, "%s cannot be written: %m", path);
    fprintf(out, "# SPDX-License-Identifier: Apache-2.0\n"
                 "# Largest share of the bound that a case of each operator and dtype was recorded with: docs/conformance.md.\n"
                 "# hal-matrix run --write-baseline raises figures here; they sink by removing a line and recording it again.\n"
                 "backend %s\n", b->backend);
    if (b->machine[0]) fprintf(out, "machine %s\n", b->machine);
    for (size_t i = 0; i < b->count; i++) fprintf(out, "%s %s %.4f\n", b->items[i].op, b->items[i].dtype, b->items[i].share);
    const bool failed = ferror(out) != 0;
    if (fclose(out) != 0 || failed) return tool_fail(err, TOOL_INTERNAL, "%s could not be written whole: %m", path);
    return TOOL_OK;
}

/* Rounded up to what the file holds, so that a result never exceeds its own record. */
static double kept(double share) { return fmin(1.0, ceil(share * 1e4) * 1e-4); }

/* What is there already, for results of this device; or an empty list for them. */
static int open_for(const matrix_facts *f, const char *path, matrix_baseline *b, tool_error *err) {
    int code = access(path, F_OK) == 0 ? matrix_baseline_read(path, b, err) : TOOL_OK;
    if (!code && b->backend[0] && strcmp(b->backend, f->backend))
        code = tool_fail(err, TOOL_BAD_INPUT, "%s is the baseline of backend %s, not of %s", path, b->backend, f->backend);
    if (!code && !matrix_baseline_fits(b, f))
        code = tool_fail(err, TOOL_BAD_INPUT, "%s was recorded on \"%s\", and this is \"%s\": remove it to record it anew", path,
                         b->machine, f->machine);
    if (code) return code;
    snprintf(b->backend, sizeof b->backend, "%s", f->backend);
    snprintf(b->machine, sizeof b->machine, "%s", f->machine);
    return TOOL_OK;
}

int matrix_baseline_write(const matrix_column *column, const char *path, tool_error *err) {
    matrix_baseline b = {.count = 0};
    matrix_share s;
    int code = open_for(&column->facts, path, &b, err);
    for (size_t i = 0; i < column->count && !code; i++) {
        const matrix_result *r = &column->results[i];
        if (r->verdict != VERDICT_PASSED || !split(r->id, &s)) continue;
        matrix_share *old = find(&b, s.op, s.dtype);
        s.share = kept(r->worst);
        if (!old) code = add(&b, &s, err);
        else if (old->share < s.share) old->share = s.share;
    }
    if (!code) code = print(&b, path, err);
    matrix_baseline_clear(&b);
    return code;
}

/* -------------------------------------------------------------------------------------------------- the gate -- */

/* What is never told apart from the record: MATRIX_BASELINE_LEAST, or one ulp of the dtype, two roundoffs, where that is more
 * of the bound. A result that rounds to the neighbour on another machine is no regression; two steps away it is. */
static double least(const matrix_share *s) {
    const hal_op_info *op = hal_op_find(s->op);
    const hal_dtype dtype = hal_dtype_find(s->dtype);
    if (!op || dtype == HAL_NO_DTYPE) return MATRIX_BASELINE_LEAST;
    const matrix_bound b = matrix_bound_of(hal_op_tolerance(op->number), dtype);
    return b.exact ? MATRIX_BASELINE_LEAST : fmax(MATRIX_BASELINE_LEAST, fmin(1.0, 2.0 / b.bound));
}

bool matrix_baseline_fits(const matrix_baseline *b, const matrix_facts *f) {
    return !b->machine[0] || strcmp(b->machine, f->machine) == 0;
}

bool matrix_baseline_apply(const matrix_baseline *b, matrix_result *r) {
    matrix_share s;
    if (r->verdict != VERDICT_PASSED || !split(r->id, &s)) return false;
    const matrix_share *record = find(b, s.op, s.dtype);
    const double most = record ? fmax(record->share * MATRIX_BASELINE_SLACK, least(&s)) : 0;
    if (record && r->worst <= most) return false;
    if (record)
        snprintf(r->reason, sizeof r->reason, "%.3f of its bound, inside the contract, but the recorded maximum of %s/%s is "
                 "%.3f and %.3f is allowed: did it get worse?", r->worst, s.op, s.dtype, record->share, most);
    else
        snprintf(r->reason, sizeof r->reason, "the baseline has no record of %s/%s: add it with --write-baseline", s.op,
                 s.dtype);
    r->verdict = VERDICT_FAILED;
    return true;
}
