/* SPDX-License-Identifier: Apache-2.0 */
/* Casts and counting. Kernels: cast.cl. */
#include <stdio.h>
#include <stdlib.h>

#include "planners.h"
#include "space.h"

/* Sets of dtypes, a bit a number. */
#define BIT(dtype) (1u << (dtype))
#define SMALL (BIT(HAL_F32) | BIT(HAL_F16) | BIT(HAL_BF16) | BIT(HAL_BOOL) | BIT(HAL_I8) | BIT(HAL_U8) | BIT(HAL_I16) | BIT(HAL_U16))
#define LARGE (BIT(HAL_I32) | BIT(HAL_I64) | BIT(HAL_U32))
#define FLOATS (BIT(HAL_F32) | BIT(HAL_F16) | BIT(HAL_BF16))

/* #define NAME(X) X(2, F32) ... */
static void print_set(FILE *to, const char *name, uint32_t set) {
    fprintf(to, "#define %s(X)", name);
    for (uint32_t dtype = 1; dtype < 32; dtype++) {
        if (set & BIT(dtype)) fprintf(to, " X(%u, %s)", dtype, hal_portable_type(dtype));
    }
    fputs("\n", to);
}

static char *sets(hal_portable_call *call, uint32_t from, uint32_t into) {
    char *text = NULL;
    size_t bytes;
    FILE *to = open_memstream(&text, &bytes);
    if (to) {
        print_set(to, "HAL_CAST_FROM", from);
        print_set(to, "HAL_CAST_TO", into);
        if (fclose(to) == 0) return text;
    }
    free(text);
    call->failed = true;
    return NULL;
}

/* Small numbers go through float. The others go through double, or long where there are no doubles. */
static uint32_t program_of(hal_portable_call *call, uint32_t from, uint32_t to) {
    const uint32_t every = SMALL | LARGE | (call->traits->fp64 ? BIT(HAL_F64) : 0);
    if ((SMALL & BIT(from)) && to != HAL_F64) return hal_portable_use(call, "cast", sets(call, SMALL, SMALL | LARGE), "IN=f");
    if (call->traits->fp64) return hal_portable_use(call, "cast", sets(call, every, every), "IN=d");
    return hal_portable_use(call, "cast", sets(call, every & ~FLOATS, every), "IN=l");
}

void hal_portable_plan_cast(hal_portable_call *call) {
    const hal_portable_operand *x = &call->operand[0], *y = hal_portable_out(call, 0);
    hal_portable_space s;
    hal_portable_space_make(call, y, &s);
    const uint32_t program = program_of(call, x->dtype, y->dtype);
    for (bool more = s.n > 0; more; more = hal_portable_space_next(&s)) {
        hal_portable_launch_space(call, program, "cast", &s);
        hal_portable_pass_space(call, &s, 0);
        hal_portable_pass_space(call, &s, 1);
        hal_portable_pass_bytes(call, s.inner, sizeof s.inner);
        hal_portable_pass_int(call, (int32_t)x->dtype);
        hal_portable_pass_int(call, (int32_t)y->dtype);
        hal_portable_pass_long(call, s.run);
        hal_portable_pass_long(call, s.total);
    }
}

void hal_portable_plan_iota(hal_portable_call *call) {
    const hal_iota_attrs *attrs = call->attrs;
    const hal_portable_operand *y = hal_portable_out(call, 0);
    const uint32_t into = SMALL | LARGE | (call->traits->fp64 ? BIT(HAL_F64) : 0);
    const uint32_t program = hal_portable_use(call, "cast", sets(call, (SMALL | LARGE) & ~FLOATS, into), "IN=l");
    const int64_t run = hal_portable_run(call->traits, y->n, 4096);
    if (y->n == 0) return;
    hal_portable_launch_runs(call, program, "iota", y->n, run);
    hal_portable_pass(call, 0);
    hal_portable_pass_walk(call, &y->flat);
    hal_portable_pass_long(call, attrs->start);
    hal_portable_pass_int(call, (int32_t)y->dtype);
    hal_portable_pass_long(call, run);
    hal_portable_pass_long(call, y->n);
}
