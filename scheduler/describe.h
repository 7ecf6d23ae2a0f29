/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds the flat program description of hal/backend.h. Failures stick in the builder and come out of
 * hal_describe_finish, so that callers need one check.
 */
#ifndef HAL_SCHEDULER_DESCRIBE_H
#define HAL_SCHEDULER_DESCRIBE_H

#include <hal/core.h>

typedef struct hal_describe {
    const hal_allocator *allocator;
    bool failed; /* out of memory */
    hal_description_op *ops;
    uint32_t n_ops, ops_capacity;
    uint32_t *operands;
    uint32_t n_operands, operands_capacity;
    hal_description_tensor *tensors;
    uint32_t n_tensors, tensors_capacity;
    hal_description_binding *bindings;
    uint32_t n_bindings, bindings_capacity;
    hal_description_symbol *symbols;
    uint32_t n_symbols, symbols_capacity;
    char *attrs;
    uint64_t attrs_bytes, attrs_capacity;
    char *strings;
    uint64_t strings_bytes, strings_capacity;
} hal_describe;

void hal_describe_begin(hal_describe *d, const hal_allocator *allocator);
/* Index of a new binding. */
uint32_t hal_describe_binding(hal_describe *d, hal_binding_kind kind, uint64_t bytes);
void hal_describe_symbol(hal_describe *d, int64_t min, int64_t max, int64_t multiple);
/* Starts an op; its operands follow in order, inputs first. `names` are its names of origin, comma separated.
 */
void hal_describe_op(hal_describe *d, const hal_op_info *op, const void *attrs, const char *names,
                     uint32_t n_in, uint32_t n_out);
/* Next operand; NULL: absent. */
void hal_describe_operand(hal_describe *d, const hal_description_tensor *tensor);
/* One block from the allocator, the caller's; frees the builder also on failure. */
hal_status hal_describe_finish(hal_describe *d, hal_description **block);
/* Frees a builder that is not finished. */
void hal_describe_discard(hal_describe *d);
/* A copy of `block` with every symbol replaced by its value, for backends without HAL_FEATURE_DYNAMIC. */
hal_status hal_describe_specialise(const hal_allocator *allocator, const hal_description *block,
                                   const int64_t *symbols, hal_description **copy);

#endif
