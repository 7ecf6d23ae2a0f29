/* SPDX-License-Identifier: Apache-2.0 */
/**
 * portable.h - kernels in one C dialect for OpenCL and CUDA, and what a driver needs to run them.
 *
 * The division of labour. A kernel file, ops/portable/NAME.cl, is OpenCL C that prelude.cl makes compile as CUDA C++ too.
 * Its planner, ops/portable/NAME.c, runs on the host: it turns one op with resolved sizes into launches, each of which names a
 * program (a kernel file with a few options), an entry, work sizes and arguments. A driver compiles the programs it has not
 * met yet, binds the operands and launches in order; it knows no operator. Planning is cheap, so a driver plans again
 * when a symbol changes; programs do not depend on sizes, so it compiles nothing then.
 *
 * How much a program is specialised: dtypes, and the choices of a variant. Never sizes, strides or attribute values.
 *
 * How operands arrive: a kernel gets a pointer and a byte offset for each (HAL_TENSOR in the prelude), since a sub-buffer
 * would ask for an alignment that tensors do not have. Offsets, sizes and strides are 64-bit; strides count elements.
 *
 * Order of sums: fixed by sizes and by the variant, never by the number of units, so equal programs give equal bits.
 *
 * Compiled into each backend that uses it; links nothing of libhal.
 */
#ifndef HAL_OPS_PORTABLE_H
#define HAL_OPS_PORTABLE_H

#include <hal/backend.h>

#include "ops/kernel/strided.h"

/* --------------------------------------------------------------------------------------------- the device -- */

/** What variants are chosen by; the driver fills it in when a device is opened. */
typedef struct hal_portable_traits {
    /** Work-items are turns of a loop on a processor: long vectors, no local memory, few large groups. */
    bool wide;
    /** Doubles are there. */
    bool fp64;
    /** Products run quicker in smaller tiles here: 4 rows in registers, not 8 (wide), or groups of 8 x 8, not 16 x 16 (else).
     *  Never changes the order of a sum. */
    bool small_tiles;
    /** CUDA from sm_80 on: 32 work-items of a group multiply matrices of 16 x 16 and 16 x 8 (ops/cuda/mma.cuh). */
    bool warp_products;
    /** Most work-items in a group; compute units; floats in a good vector (wide) or work-items in step (else). */
    uint32_t group, units, lanes;
    /** Bytes of local memory a group may have. */
    uint64_t local_bytes;
} hal_portable_traits;

/* ----------------------------------------------------------------------------------------------- one call -- */

/** A tensor with its sizes known. dtype 0: absent. */
typedef struct hal_portable_operand {
    uint32_t dtype, width, rank;
    /** Elements. */
    int64_t n;
    /** Elements; bytes. */
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
    /** The same with axes merged. */
    hal_strided flat;
} hal_portable_operand;

/** Sizes and strides as kernels take them (hal_walk of the prelude); strides in elements. */
typedef struct hal_portable_walk {
    int32_t rank, dense;
    int64_t size[HAL_MAX_RANK], stride[HAL_MAX_RANK];
} hal_portable_walk;

/** What an argument is. */
typedef enum hal_portable_argument_kind {
    /** Pointer of operand `index` and its offset, plus `at` bytes: two arguments of the kernel. */
    HAL_PORTABLE_OPERAND,
    /** Pointer and offset `at` of the scratch memory: likewise two. */
    HAL_PORTABLE_SCRATCH,
    /** `bytes` bytes at hal_portable_call.values + at: one argument by value. */
    HAL_PORTABLE_VALUE
} hal_portable_argument_kind;
/** One argument; `kind` is a hal_portable_argument_kind. */
typedef struct hal_portable_argument { uint32_t kind, index, bytes; uint64_t at; } hal_portable_argument;

/** What is compiled as one: two are the same when file, options and body are. */
typedef struct hal_portable_program {
    /** Name of the kernel file, or names with a + between when one stands on another; static. */
    const char *file;
    /** "X=F32 Y=BF16": definitions, separated by blanks. */
    char options[160];
    /** Functions generated for it, which stand before the file's text; NULL: none. */
    char *body;
} hal_portable_program;

/** One run of a kernel over global[0] x global[1] x global[2] work-items in groups of `group`; 0: the driver chooses. */
typedef struct hal_portable_launch {
    uint32_t program, first, n_arguments;
    char entry[36];
    uint64_t global[3], group[3];
} hal_portable_launch;

/**
 * One op. The driver fills the first part; hal_portable_plan the second, for these sizes. Launches run in order, each
 * seeing what those before it wrote. Owned by whoever zeroed it and cleared with hal_portable_call_clear.
 */
typedef struct hal_portable_call {
    const hal_portable_traits *traits;
    /** hal_op; inputs, outputs; the attribute struct; inputs, then outputs. */
    uint32_t op, n_in, n_out;
    const void *attrs;
    hal_portable_operand *operand;

    /** Bytes of scratch memory that the launches share; undefined before and after. */
    uint64_t scratch_bytes;
    uint32_t n_programs, n_launches, n_arguments, n_values;
    hal_portable_program *programs;
    hal_portable_launch *launches;
    hal_portable_argument *arguments;
    /** Of arguments by value, 8-aligned each. */
    char *values;
    /** Memory ran out while planning. */
    bool failed;
    uint32_t room_programs, room_launches, room_arguments, room_values;
} hal_portable_call;

/**
 * Whether there is a kernel for op `op` of the program on such a device: NULL, or the reason for a person (static, or in
 * `reason`, which has `size` bytes). Pure and cheap.
 */
const char *hal_portable_refuse(const hal_portable_traits *traits, const hal_description *program,
                                const hal_description_op *op, char *reason, size_t size);
/** Sizes and strides of a description's tensor under these symbol values. */
void hal_portable_operand_resolve(const hal_description_tensor *tensor, const int64_t *symbols,
                                  hal_portable_operand *operand);
/** Makes the launches; what an earlier plan made is dropped. False when out of memory. An op without elements has none. */
bool hal_portable_plan(hal_portable_call *call);
/** Drops what the plan made; memory is kept for the next. */
void hal_portable_call_drop(hal_portable_call *call);
/** Frees what the plan made. */
void hal_portable_call_clear(hal_portable_call *call);
/**
 * The whole text to compile: options, prelude and its functions (math.cl), body, kernel file. The same for both
 * dialects; a caller frees it.
 * It names everything the binary depends on but device, driver and compiler options, so it serves as a key.
 * NULL when out of memory.
 */
char *hal_portable_source(const hal_portable_program *program);
/* ------------------------------------------------------------------------------------------- for planners -- */

static inline const hal_portable_operand *hal_portable_in(const hal_portable_call *call, uint32_t i) {
    return i < call->n_in && call->operand[i].dtype != HAL_NO_DTYPE ? &call->operand[i] : NULL;
}
static inline const hal_portable_operand *hal_portable_out(const hal_portable_call *call, uint32_t i) {
    return &call->operand[call->n_in + i];
}
/** "F32", "BF16": what options call a dtype, and the endings of the prelude's load_ and store_. */
const char *hal_portable_type(uint32_t dtype);

/** The index of a program: that file with the options `format` gives, after those that the device's traits ask for
 *  (HAL_FP64, HAL_WIDE); takes `body`, which may be NULL. */
uint32_t hal_portable_use(hal_portable_call *call, const char *file, char *body, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Appends a launch; the hal_portable_pass_ functions then append its arguments in the kernel's order. */
void hal_portable_launch_add(hal_portable_call *call, uint32_t program, const char *entry, uint64_t x, uint64_t y, uint64_t z);
/** Work-items in a group of the last launch; its global sizes are rounded up to a multiple. */
void hal_portable_group(hal_portable_call *call, uint64_t x, uint64_t y, uint64_t z);
void hal_portable_pass(hal_portable_call *call, uint32_t operand);
/** The same from `bytes` bytes into it. */
void hal_portable_pass_from(hal_portable_call *call, uint32_t operand, int64_t bytes);
void hal_portable_pass_scratch(hal_portable_call *call, uint64_t at);
void hal_portable_pass_long(hal_portable_call *call, int64_t value);
void hal_portable_pass_int(hal_portable_call *call, int32_t value);
void hal_portable_pass_float(hal_portable_call *call, double value);
void hal_portable_pass_walk(hal_portable_call *call, const hal_strided *view);
void hal_portable_pass_bytes(hal_portable_call *call, const void *value, uint32_t bytes);
/** The next 64-aligned `bytes` of scratch memory of this call: their offset. */
uint64_t hal_portable_scratch(hal_portable_call *call, uint64_t bytes);

#endif
