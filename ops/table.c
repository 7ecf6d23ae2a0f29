/* SPDX-License-Identifier: Apache-2.0 */
/* The operator table as data: every column of ops.def and tolerance.def, found by number or by name. */
#include <ops/graph_names.h>
#include <ops/row.h>
#include <string.h>

/* While the functions are declared `none` is an ordinary word; nothing defines or uses hal_op_shape_none. */
#undef hal_op_shape_none
#undef hal_op_cost_none
#undef hal_op_gradient_none
#undef hal_op_decompose_none
#undef hal_op_reference_none
#undef hal_op_cases_none

#define HAL_OP(number, ID, name, version, kind, min_in, max_in, min_out, max_out, shape, cost, gradient,     \
               decompose, reference, cases, tolerance, grade, doc)                                           \
    extern hal_op_shape_fn hal_op_shape_##shape;                                                             \
    extern hal_op_cost_fn hal_op_cost_##cost;                                                                \
    extern hal_op_gradient_fn hal_op_gradient_##gradient;                                                    \
    extern hal_op_decompose_fn hal_op_decompose_##decompose;                                                 \
    extern hal_op_reference_fn hal_op_reference_##reference;                                                 \
    extern hal_op_cases_fn hal_op_cases_##cases;
#include "ops.def"

#define hal_op_shape_none NULL
#define hal_op_cost_none NULL
#define hal_op_gradient_none NULL
#define hal_op_decompose_none NULL
#define hal_op_reference_none NULL
#define hal_op_cases_none NULL

/* One array of fields an operator, closed by an empty one so that no array is empty. */
#define HAL_OP(number, ID, name, ...) static const hal_attr_field fields_##name[] = {
#define HAL_ATTR_INT(op, field, default_, low, high, text)                                                   \
    {.name = #field,                                                                                         \
     .kind = HAL_ATTR_KIND_INT,                                                                              \
     .offset = offsetof(hal_##op##_attrs, field),                                                            \
     .default_int = default_,                                                                                \
     .low_int = low,                                                                                         \
     .high_int = high,                                                                                       \
     .doc = text},
#define HAL_ATTR_REAL(op, field, default_, low, high, text)                                                  \
    {.name = #field,                                                                                         \
     .kind = HAL_ATTR_KIND_REAL,                                                                             \
     .offset = offsetof(hal_##op##_attrs, field),                                                            \
     .default_real = default_,                                                                               \
     .low_real = low,                                                                                        \
     .high_real = high,                                                                                      \
     .doc = text},
#define HAL_ATTR_DTYPE(op, field, default_, text)                                                            \
    {.name = #field,                                                                                         \
     .kind = HAL_ATTR_KIND_DTYPE,                                                                            \
     .offset = offsetof(hal_##op##_attrs, field),                                                            \
     .default_int = default_,                                                                                \
     .high_int = HAL_DTYPE_COUNT - 1,                                                                        \
     .doc = text},
#define HAL_ATTR_ENUM(op, field, default_, words_, text)                                                     \
    {.name = #field,                                                                                         \
     .kind = HAL_ATTR_KIND_ENUM,                                                                             \
     .offset = offsetof(hal_##op##_attrs, field),                                                            \
     .default_int = default_,                                                                                \
     .words = words_,                                                                                        \
     .doc = text},
#define HAL_ATTR_LIST(op, field, text) \
    {.name = #field, .kind = HAL_ATTR_KIND_LIST, .offset = offsetof(hal_##op##_attrs, field), .doc = text},
#define HAL_ATTR_EXPR(op, field, text) \
    {.name = #field, .kind = HAL_ATTR_KIND_EXPR, .offset = offsetof(hal_##op##_attrs, field), .doc = text},
#define HAL_OP_END(op) {.name = NULL}};
#include "ops.def"

enum {
#define HAL_TOLERANCE(ID, ...) TOLERANCE_##ID,
#include "tolerance.def"
};
static const hal_tolerance tolerances[] = {
#define HAL_TOLERANCE(ID, f32, f16, bf16, k, doc) {#ID, f32, f16, bf16, k},
#include "tolerance.def"
};

/* 0 for the word `none`, 1 for every other: the comma of PROBE_none moves the 0 to the second place. */
#define PROBE_none ,
#define SECOND(a, b, ...) b
#define SECOND_OF(...) SECOND(__VA_ARGS__)
#define PRESENT(word) SECOND_OF(PROBE_##word 0, 1, 1)

static const hal_op_row rows[HAL_OP_LIMIT] = {
#define HAL_OP(number_, ID, name_, version_, kind_, min_in, max_in, min_out, max_out, shape_, cost_,         \
               gradient_, decompose_, reference_, cases_, tolerance_, grade_, doc_)                          \
    [number_] = {.info = {.number = number_,                                                                 \
                          .version = version_,                                                               \
                          .name = #name_,                                                                    \
                          .doc = doc_,                                                                       \
                          .kind = HAL_OP_KIND_##kind_,                                                       \
                          .min_inputs = min_in,                                                              \
                          .max_inputs = max_in,                                                              \
                          .min_outputs = min_out,                                                            \
                          .max_outputs = max_out,                                                            \
                          .attrs_size = sizeof(hal_##name_##_attrs),                                         \
                          .n_fields = sizeof fields_##name_ / sizeof fields_##name_[0] - 1,                  \
                          .fields = fields_##name_,                                                          \
                          .grade = HAL_GRADE_##grade_,                                                       \
                          .tolerance = #tolerance_,                                                          \
                          .has_gradient = PRESENT(gradient_)},                                               \
                 .shape = hal_op_shape_##shape_,                                                             \
                 .cost = hal_op_cost_##cost_,                                                                \
                 .gradient = hal_op_gradient_##gradient_,                                                    \
                 .decompose = hal_op_decompose_##decompose_,                                                 \
                 .reference = hal_op_reference_##reference_,                                                 \
                 .cases = hal_op_cases_##cases_,                                                             \
                 .tolerance = TOLERANCE_##tolerance_},
#include "ops.def"
};

const hal_op_row *hal_op_row_get(uint32_t number)
{
    return number < HAL_OP_LIMIT && rows[number].info.name ? &rows[number] : NULL;
}

const hal_op_info *hal_op_describe(uint32_t number)
{
    const hal_op_row *row = hal_op_row_get(number);
    return row ? &row->info : NULL;
}

const hal_op_info *hal_op_find(const char *name)
{
    for (uint32_t i = 0; name && i < HAL_OP_LIMIT; i++)
        if (rows[i].info.name && !strcmp(rows[i].info.name, name)) return &rows[i].info;
    return NULL;
}

#define NAME_MAX_LENGTH 40

/* Levenshtein's distance between two words, both cut at NAME_MAX_LENGTH. */
static uint32_t distance(const char *a, const char *b)
{
    size_t n = strnlen(a, NAME_MAX_LENGTH), m = strnlen(b, NAME_MAX_LENGTH);
    uint32_t line[NAME_MAX_LENGTH + 1];
    for (uint32_t j = 0; j <= m; j++) line[j] = j;
    for (uint32_t i = 1; i <= n; i++) {
        uint32_t corner = line[0];
        line[0] = i;
        for (uint32_t j = 1; j <= m; j++) {
            uint32_t change = corner + (a[i - 1] != b[j - 1]);
            uint32_t insert = (line[j] < line[j - 1] ? line[j] : line[j - 1]) + 1;
            corner = line[j];
            line[j] = change < insert ? change : insert;
        }
    }
    return line[m];
}

const char *hal_op_nearest(const char *name)
{
    const char *best = "copy";
    uint32_t least = UINT32_MAX;
    for (uint32_t i = 0; name && i < HAL_OP_LIMIT; i++) {
        uint32_t d = rows[i].info.name ? distance(name, rows[i].info.name) : UINT32_MAX;
        if (d >= least) continue;
        least = d;
        best = rows[i].info.name;
    }
    return best;
}

const hal_tolerance *hal_op_tolerance(uint32_t number)
{
    const hal_op_row *row = hal_op_row_get(number);
    return row ? &tolerances[row->tolerance] : NULL;
}
