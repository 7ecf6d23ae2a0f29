/* SPDX-License-Identifier: Apache-2.0 */
/* A program description may come from a file or another machine: no number in it is believed. */
#include "object.h"

/* An array of `n` items of `size` bytes at `at` must lie inside, aligned for its type. */
static bool inside(const hal_description *d, uint64_t at, uint64_t n, uint64_t size, uint64_t alignment)
{
    uint64_t bytes, end;
    return !__builtin_mul_overflow(n, size, &bytes) && !__builtin_add_overflow(at, bytes, &end) &&
           end <= d->bytes && (n == 0 || at % alignment == 0);
}

static hal_status check_header(const hal_description *d, uint64_t bytes)
{
    if (d == NULL || bytes < sizeof *d || (uintptr_t)d % 8 != 0)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "program description: %llu bytes, at least %zu at an address divisible by 8 "
                        "are needed",
                        (unsigned long long)bytes, sizeof *d);
    if (d->magic != HAL_DESCRIPTION_MAGIC || d->version != HAL_DESCRIPTION_VERSION)
        return HAL_FAIL(VERSION_MISMATCH,
                        "program description: magic 0x%x version %u, this hal reads 0x%x version %u",
                        d->magic, d->version, HAL_DESCRIPTION_MAGIC, HAL_DESCRIPTION_VERSION);
    if (d->bytes != bytes)
        return HAL_FAIL(DATA_LOSS, "program description: says %llu bytes and has %llu",
                        (unsigned long long)d->bytes, (unsigned long long)bytes);
    if (!inside(d, d->ops, d->n_ops, sizeof(hal_description_op), 8) ||
        !inside(d, d->operands, d->n_operands, sizeof(uint32_t), 4) ||
        !inside(d, d->tensors, d->n_tensors, sizeof(hal_description_tensor), 8) ||
        !inside(d, d->bindings, d->n_bindings, sizeof(hal_description_binding), 8) ||
        !inside(d, d->symbols, d->n_symbols, sizeof(hal_description_symbol), 8))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "program description: a table lies outside its %llu bytes or is misaligned",
                        (unsigned long long)bytes);
    return HAL_OK;
}

static hal_status check_op(const hal_description *d, uint32_t index)
{
    const hal_description_op *op = &hal_description_ops(d)[index];
    uint64_t end = (uint64_t)op->first + op->n_in + op->n_out;
    if (end > d->n_operands)
        return HAL_FAIL(INVALID_ARGUMENT, "program description: op %u uses operands up to %llu of %u", index,
                        (unsigned long long)end, d->n_operands);
    for (uint64_t i = op->first; i < end; i++) {
        uint32_t t = hal_description_operands(d)[i];
        if (t >= d->n_tensors && t != HAL_ABSENT)
            return HAL_FAIL(INVALID_ARGUMENT, "program description: op %u names tensor %u of %u", index, t,
                            d->n_tensors);
    }
    if (!inside(d, op->attrs, op->attrs_bytes, 1, 8) || op->names >= d->bytes ||
        memchr((const char *)d + op->names, 0, d->bytes - op->names) == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "program description: attributes or names of op %u lie outside",
                        index);
    return HAL_OK;
}

static bool good_dim(const hal_description *d, hal_dim x)
{
    return x.symbol == -1 || (x.symbol >= 0 && (uint32_t)x.symbol < d->n_symbols);
}

static hal_status check_tensor(const hal_description *d, uint32_t index)
{
    const hal_description_tensor *t = &hal_description_tensors(d)[index];
    if (hal_dtype_describe((hal_dtype)t->dtype) == NULL || t->rank > HAL_MAX_RANK ||
        t->binding >= d->n_bindings)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "program description: tensor %u has dtype %u, rank %u, binding %u of %u", index,
                        t->dtype, t->rank, t->binding, d->n_bindings);
    for (uint32_t i = 0; i < t->rank; i++)
        if (!good_dim(d, t->size[i]) || !good_dim(d, t->stride[i]) ||
            (t->size[i].symbol < 0 && t->size[i].base < 0))
            return HAL_FAIL(INVALID_ARGUMENT,
                            "program description: size or stride %u of tensor %u names an unknown "
                            "symbol or is negative",
                            i, index);
    return HAL_OK;
}

hal_status hal_description_check(const void *description, uint64_t bytes)
{
    const hal_description *d = description;
    HAL_TRY(check_header(d, bytes));
    for (uint32_t i = 0; i < d->n_tensors; i++)
        HAL_TRY(check_tensor(d, i));
    for (uint32_t i = 0; i < d->n_ops; i++)
        HAL_TRY(check_op(d, i));
    return HAL_OK;
}
