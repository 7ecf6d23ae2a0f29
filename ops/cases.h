/* SPDX-License-Identifier: Apache-2.0 */
/* Building lists of conformance cases. A case is begun, its inputs and attributes are set, and it is ended.
   */
#ifndef HAL_OPS_CASES_H
#define HAL_OPS_CASES_H

#include <hal/core.h>

#include "row.h"
#include "shape.h"

typedef struct hal_case_list {
    hal_case *items;
    uint32_t n, capacity;
    hal_status status;   /* first failure; later calls do nothing */
} hal_case_list;

/* Begins a case with the row's default attributes. The result, also after a failure, may be written to until
   the end; its
   attributes are `attrs`. `quick` cases run in each check, the others in the full one. */
hal_case *hal_case_begin(hal_case_list *list, const hal_op_info *op, bool quick, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Appends an input with values in the dtype's usual range; HAL_NO_DTYPE appends an absent one. */
void hal_case_input(hal_case *c, hal_dtype dtype, uint32_t rank, const int64_t *size);
/* Values of the input appended last. */
void hal_case_range(hal_case *c, double low, double high, bool integer);
/* Computes the output shapes. A shape rule that says no is a failure of the list: each case must be legal. */
void hal_case_end(hal_case_list *list, hal_case *c, uint32_t n_out);

/* Adds the cases of an operator with the shapes that models give it (model_shapes.def); of the full list only. */
hal_status hal_case_models(hal_case_list *list, const hal_op_info *op, hal_dtype dtype);

/* An input with constant sizes: HAL_CASE_INPUT(c, HAL_F32, 2, 3). */
#define HAL_CASE_INPUT(c, dtype, ...)                                                                        \
    hal_case_input(c, dtype, (uint32_t)(sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),           \
                   (const int64_t[]){__VA_ARGS__})
/* A 0-d input. */
#define HAL_CASE_SCALAR(c, dtype) hal_case_input(c, dtype, 0, NULL)

/* Numbers that are stored one by one: not half-byte or block types. */
bool hal_case_plain(hal_dtype dtype);
/* Numbers that sums and comparisons are made of: float, i32, i64. */
bool hal_case_number(hal_dtype dtype);

/* A shape in a table of shapes. */
typedef struct hal_case_shape { bool quick; uint32_t rank; int64_t size[4]; } hal_case_shape;
extern const hal_case_shape hal_case_shapes[];
extern const uint32_t hal_case_n_shapes;
/* "[2,3]" */
const char *hal_case_shape_text(const hal_case_shape *shape, char text[64]);

#endif
