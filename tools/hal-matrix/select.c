/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-matrix/select.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

const hal_dtype matrix_dtypes[] = {HAL_F32, HAL_BF16, HAL_F16, HAL_F64, HAL_I32, HAL_I64};
const uint32_t matrix_n_dtypes = sizeof matrix_dtypes / sizeof matrix_dtypes[0];

static const char *const list_names[] = {"tiny", "quick", "full"};

const char *matrix_list_name(matrix_list list) { return list_names[list]; }

matrix_list matrix_list_find(const char *name) {
    for (int i = 0; i < LISTS; i++)
        if (strcmp(list_names[i], name) == 0) return (matrix_list)i;
    return LISTS;
}

/* ------------------------------------------------------------------------------------------------ tiny list -- */

static int64_t elements(const hal_case *c) {
    int64_t all = 0;
    for (uint32_t i = 0; i < c->n_in + c->n_out; i++) {
        const hal_shape *s = i < c->n_in ? &c->in[i] : &c->out[i - c->n_in];
        int64_t n = s->dtype != HAL_NO_DTYPE;
        for (uint32_t d = 0; d < s->rank; d++) n *= s->size[d].base;
        if (!n && s->dtype != HAL_NO_DTYPE) return 0;
        all += n;
    }
    return all;
}

/* Kernels are chosen by attributes, formats and ranks, by sizes of one, and by whether a row is short, takes a few
 * vectors, or needs a loop around them. */
static bool same_variant(const hal_case *a, const hal_case *b) {
    const hal_op_info *op = hal_op_describe(a->op);
    if (a->n_in != b->n_in || a->n_out != b->n_out || !hal_attrs_equal(op, a->attrs, b->attrs)) return false;
    for (uint32_t i = 0; i < a->n_in; i++) {
        const hal_shape *s = &a->in[i], *t = &b->in[i];
        if (s->dtype != t->dtype || s->rank != t->rank) return false;
        for (uint32_t d = 0; d < s->rank; d++) {
            const int64_t x = s->size[d].base, y = t->size[d].base;
            if ((x == 1) != (y == 1) || (x < 16) != (y < 16) || (x < 64) != (y < 64)) return false;
        }
    }
    return true;
}

/* The smallest of its variant that has elements; the first of equals. */
static bool is_tiny(const struct matrix_cases *list, uint32_t i) {
    const int64_t n = elements(&list->cases[i]);
    if (!n) return false;
    for (uint32_t k = 0; k < list->n; k++) {
        const hal_case *other = &list->cases[k];
        const int64_t m = other->full_only ? 0 : elements(other);
        if (m && (m < n || (m == n && k < i)) && same_variant(&list->cases[i], other)) return false;
    }
    return true;
}

/* ---------------------------------------------------------------------------------------------------- items -- */

static int add(matrix_selection *s, const hal_case *c, hal_dtype dtype, matrix_layout layout, tool_error *err) {
    if (s->n == s->capacity) {
        const size_t capacity = s->capacity ? 2 * s->capacity : 1024;
        matrix_item *grown = realloc(s->items, capacity * sizeof *grown);
        if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu cases", capacity);
        s->items = grown;
        s->capacity = capacity;
    }
    s->items[s->n++] = (matrix_item){c, dtype, layout};
    return TOOL_OK;
}

static bool any_input_differs(const hal_case *c, matrix_layout layout) {
    for (uint32_t i = 0; i < c->n_in; i++)
        if (c->in[i].dtype != HAL_NO_DTYPE && matrix_layout_applies(&c->in[i], layout)) return true;
    return layout == LAYOUT_CONTIGUOUS;
}

/* Every list has the contiguous layout. The quick list adds one of the others, rotating, the tiny list does so for each
 * third case, and the full list adds all. A case of a model's shapes is large: there it has one too, and none where it is
 * run packed. */
static bool in_list(matrix_list list, const hal_case *c, uint32_t index, matrix_layout layout) {
    const bool next = layout == 1 + (matrix_layout)(index % (LAYOUT_COUNT - 1));
    if (layout == LAYOUT_CONTIGUOUS) return true;
    if (c->of_model) return next && !matrix_packed_applies(c);
    if (list == LIST_TINY) return next && index % LAYOUT_COUNT == 0;
    return next || list == LIST_FULL;
}

static int add_layouts(matrix_selection *s, matrix_list list, uint32_t index, const hal_case *c, hal_dtype dtype,
                       tool_error *err) {
    int code = TOOL_OK;
    for (int layout = 0; layout < LAYOUT_COUNT && !code; layout++)
        if (in_list(list, c, index, (matrix_layout)layout) && any_input_differs(c, (matrix_layout)layout))
            code = add(s, c, dtype, (matrix_layout)layout, err);
    return !code && matrix_packed_applies(c) ? add(s, c, dtype, LAYOUT_PACKED, err) : code;
}

static int add_cases(matrix_selection *s, matrix_list list, const struct matrix_cases *from, hal_dtype dtype,
                     tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t i = 0; i < from->n && !code; i++) {
        if (list != LIST_FULL && from->cases[i].full_only) continue;
        if (list == LIST_TINY && !is_tiny(from, i)) continue;
        code = add_layouts(s, list, i, &from->cases[i], dtype, err);
    }
    return code;
}

static int take(matrix_selection *s, matrix_list list, const hal_op_info *op, hal_dtype dtype, tool_error *err) {
    if (s->n_lists == s->lists_capacity) {
        const size_t capacity = s->lists_capacity ? 2 * s->lists_capacity : 64;
        struct matrix_cases *grown = realloc(s->lists, capacity * sizeof *grown);
        if (!grown) return tool_fail(err, TOOL_INTERNAL, "out of memory for %zu lists", capacity);
        s->lists = grown;
        s->lists_capacity = capacity;
    }
    struct matrix_cases *cases = &s->lists[s->n_lists];
    if (hal_op_cases(op->number, dtype, &cases->cases, &cases->n) != HAL_OK)
        return tool_fail(err, TOOL_INTERNAL, "cases of %s: %s", op->name, hal_status_last()->text);
    s->n_lists++;
    return add_cases(s, list, cases, dtype, err);
}

static bool wants_op(const matrix_filter *f, uint32_t number) {
    for (uint32_t i = 0; i < f->n_ops; i++)
        if (f->ops[i] == number) return true;
    return f->n_ops == 0;
}

static bool wants_dtype(const matrix_filter *f, hal_dtype dtype) {
    for (uint32_t i = 0; i < f->n_dtypes; i++)
        if (f->dtypes[i] == dtype) return true;
    return f->n_dtypes == 0;
}

static int select_all(const matrix_filter *f, matrix_selection *s, tool_error *err) {
    int code = TOOL_OK;
    for (uint32_t number = 1; number < HAL_OP_LIMIT && !code; number++) {
        const hal_op_info *op = hal_op_describe(number);
        for (uint32_t d = 0; op && wants_op(f, number) && d < matrix_n_dtypes && !code; d++)
            if (wants_dtype(f, matrix_dtypes[d])) code = take(s, f->list, op, matrix_dtypes[d], err);
    }
    return code;
}

/* -------------------------------------------------------------------------------------------------- version -- */

/* FNV-1a (Fowler, Noll and Vo). */
static void mix(uint64_t *hash, const void *bytes, size_t n) {
    for (size_t i = 0; i < n; i++) *hash = (*hash ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3u;
}

static void mix_shape(uint64_t *hash, const hal_shape *s) {
    const int64_t head[] = {s->dtype, s->rank};
    mix(hash, head, sizeof head);
    for (uint32_t d = 0; d < s->rank; d++) mix(hash, &s->size[d].base, sizeof s->size[d].base);
}

static void mix_item(uint64_t *hash, const matrix_item *item) {
    const hal_case *c = item->c;
    char id[MATRIX_ID_SIZE];
    matrix_case_id(c, item->dtype, item->layout, id, sizeof id);
    mix(hash, id, strlen(id));
    const uint64_t attrs = hal_attrs_hash(hal_op_describe(c->op), c->attrs);
    mix(hash, &attrs, sizeof attrs);
    for (uint32_t i = 0; i < c->n_in; i++) {
        mix_shape(hash, &c->in[i]);
        const double range[] = {c->range[i].low, c->range[i].high, c->range[i].integer};
        mix(hash, range, sizeof range);
    }
    for (uint32_t i = 0; i < c->n_out; i++) mix_shape(hash, &c->out[i]);
}

static void stamp(const matrix_selection *whole, char version[MATRIX_VERSION_SIZE]) {
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < whole->n; i++) mix_item(&hash, &whole->items[i]);
    snprintf(version, MATRIX_VERSION_SIZE, "%08" PRIx32, (uint32_t)(hash ^ hash >> 32));
}

int matrix_select(const matrix_filter *filter, matrix_selection *out, tool_error *err) {
    const matrix_filter everything = {.list = filter->list};
    matrix_selection wanted = {0}, whole = {0};
    int code = select_all(&everything, &whole, err);
    if (!code) code = select_all(filter, &wanted, err);
    if (!code) {
        stamp(&whole, wanted.version);
        *out = wanted;
    } else {
        matrix_selection_clear(&wanted);
    }
    matrix_selection_clear(&whole);
    return code;
}

void matrix_selection_clear(matrix_selection *s) {
    for (size_t i = 0; i < s->n_lists; i++) hal_op_cases_release(s->lists[i].cases, s->lists[i].n);
    free(s->lists);
    free(s->items);
    *s = (matrix_selection){0};
}

/* -------------------------------------------------------------------------------------------- one by its name -- */

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Levenshtein's distance (1966), one row at a time. */
static size_t distance(const char *a, const char *b) {
    size_t row[MATRIX_ID_SIZE + 1];
    const size_t n = least(strlen(b), MATRIX_ID_SIZE);
    for (size_t k = 0; k <= n; k++) row[k] = k;
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t k = 0; k < n; k++) {
            const size_t above = row[k + 1];
            row[k + 1] = least(diagonal + (a[i] != b[k]), 1 + least(above, row[k]));
            diagonal = above;
        }
    }
    return row[n];
}

const matrix_item *matrix_select_find(const matrix_selection *s, const char *id, char *nearest, size_t size) {
    size_t best = SIZE_MAX;
    char name[MATRIX_ID_SIZE];
    snprintf(nearest, size, "%s", "");
    for (size_t i = 0; i < s->n; i++) {
        const matrix_item *item = &s->items[i];
        matrix_case_id(item->c, item->dtype, item->layout, name, sizeof name);
        if (strcmp(name, id) == 0) return item;
        const size_t far = strlen(id) < MATRIX_ID_SIZE ? distance(id, name) : best;
        if (far >= best) continue;
        best = far;
        snprintf(nearest, size, "%s", name);
    }
    return NULL;
}
