/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of hal-bench op: NAME=VALUE on the command line, by what the operator table says of that name. */
#ifndef HAL_BENCH_ATTRIBUTE_H
#define HAL_BENCH_ATTRIBUTE_H

#include <hal/hal.h>
#include <hal/ops.h>

#include "tools/common/error.h"

enum { BENCH_MAX_ATTRS = 8 };

typedef struct attribute {
    hal_attr pair; /* points into the two below, and into the text that was read */
    char name[32];
    int64_t list[HAL_MAX_RANK];
} attribute;

/* Reads "axis=1", "eps=1e-6", "kind=max", "dtype=f32", "shape=2,3" or "expr=mul(x0, 2)". A value of the wrong form is refused, with
 * what the attribute is; ranges and names are hal_attrs_set's to judge. */
int attribute_parse(const hal_op_info *op, const char *text, attribute *out, tool_error *err);

#endif
