/* SPDX-License-Identifier: Apache-2.0 */
#include "describe.h"

void hal_describe_begin(hal_describe *d, const hal_allocator *allocator)
{
    memset(d, 0, sizeof *d);
    d->allocator = allocator;
}

/* Makes room for one item; false sticks. */
static bool room(hal_describe *d, void *items, uint32_t count, uint32_t *capacity, size_t size)
{
    if (!d->failed && !hal_array_grow(d->allocator, items, count, capacity, size))
        d->failed = true;
    return !d->failed;
}

/* Appends bytes, 8-aligned, and returns their offset in the area. */
static uint64_t append(hal_describe *d, char **area, uint64_t *used, uint64_t *capacity, const void *data,
                       uint64_t bytes)
{
    uint64_t at = (*used + 7) & ~(uint64_t)7;
    if (d->failed)
        return 0;
    if (at + bytes > *capacity) {
        uint64_t wanted = (at + bytes) * 2 + 1024;
        char *larger = hal_allocate(d->allocator, wanted);
        if (!larger) {
            d->failed = true;
            return 0;
        }
        if (*used)
            memcpy(larger, *area, *used);
        hal_deallocate(d->allocator, *area);
        *area = larger;
        *capacity = wanted;
    }
    memcpy(*area + at, data, bytes);
    *used = at + bytes;
    return at;
}

uint32_t hal_describe_binding(hal_describe *d, hal_binding_kind kind, uint64_t bytes)
{
    if (!room(d, &d->bindings, d->n_bindings, &d->bindings_capacity, sizeof *d->bindings))
        return 0;
    d->bindings[d->n_bindings] = (hal_description_binding){.kind = (uint32_t)kind, .bytes = bytes};
    return d->n_bindings++;
}

void hal_describe_symbol(hal_describe *d, int64_t min, int64_t max, int64_t multiple)
{
    if (!room(d, &d->symbols, d->n_symbols, &d->symbols_capacity, sizeof *d->symbols))
        return;
    d->symbols[d->n_symbols++] = (hal_description_symbol){min, max, multiple};
}

void hal_describe_op(hal_describe *d, const hal_op_info *op, const void *attrs, const char *names,
                     uint32_t n_in, uint32_t n_out)
{
    if (!room(d, &d->ops, d->n_ops, &d->ops_capacity, sizeof *d->ops))
        return;
    hal_description_op *o = &d->ops[d->n_ops++];
    *o = (hal_description_op){op->number, op->version, d->n_operands, n_in, n_out, op->attrs_size, 0, 0};
    o->attrs = append(d, &d->attrs, &d->attrs_bytes, &d->attrs_capacity, attrs, op->attrs_size);
    o->names = append(d, &d->strings, &d->strings_bytes, &d->strings_capacity, names, strlen(names) + 1);
}

void hal_describe_operand(hal_describe *d, const hal_description_tensor *tensor)
{
    uint32_t index = HAL_ABSENT;
    if (tensor) {
        if (!room(d, &d->tensors, d->n_tensors, &d->tensors_capacity, sizeof *d->tensors))
            return;
        d->tensors[index = d->n_tensors++] = *tensor;
    }
    if (room(d, &d->operands, d->n_operands, &d->operands_capacity, sizeof *d->operands))
        d->operands[d->n_operands++] = index;
}

void hal_describe_discard(hal_describe *d)
{
    hal_deallocate(d->allocator, d->ops);
    hal_deallocate(d->allocator, d->operands);
    hal_deallocate(d->allocator, d->tensors);
    hal_deallocate(d->allocator, d->bindings);
    hal_deallocate(d->allocator, d->symbols);
    hal_deallocate(d->allocator, d->attrs);
    hal_deallocate(d->allocator, d->strings);
}

/* Reserves `bytes` behind what is there and returns the offset. */
static uint64_t reserve(uint64_t *end, uint64_t bytes)
{
    uint64_t at = (*end + 7) & ~(uint64_t)7;
    *end = at + bytes;
    return at;
}

static void put(hal_description *block, uint64_t at, const void *data, uint64_t bytes)
{
    if (bytes)
        memcpy((char *)block + at, data, bytes);
}

static hal_description header(const hal_describe *d)
{
    hal_description h = {.magic = HAL_DESCRIPTION_MAGIC,
                         .version = HAL_DESCRIPTION_VERSION,
                         .n_ops = d->n_ops,
                         .n_operands = d->n_operands,
                         .n_tensors = d->n_tensors,
                         .n_bindings = d->n_bindings,
                         .n_symbols = d->n_symbols};
    uint64_t end = sizeof h;
    h.ops = reserve(&end, d->n_ops * sizeof *d->ops);
    h.operands = reserve(&end, d->n_operands * sizeof *d->operands);
    h.tensors = reserve(&end, d->n_tensors * sizeof *d->tensors);
    h.bindings = reserve(&end, d->n_bindings * sizeof *d->bindings);
    h.symbols = reserve(&end, d->n_symbols * sizeof *d->symbols);
    h.attrs = reserve(&end, d->attrs_bytes);
    h.strings = reserve(&end, d->strings_bytes);
    h.bytes = (end + 7) & ~(uint64_t)7;
    return h;
}

hal_status hal_describe_finish(hal_describe *d, hal_description **block)
{
    hal_description h = header(d);
    hal_description *b = d->failed ? NULL : hal_allocate(d->allocator, h.bytes);
    if (!b) {
        hal_describe_discard(d);
        return HAL_FAIL(OUT_OF_MEMORY, "no memory for the description of a program of %u ops (%llu bytes)",
                        h.n_ops, (unsigned long long)h.bytes);
    }
    for (uint32_t i = 0; i < d->n_ops; i++) {
        d->ops[i].attrs += h.attrs;
        d->ops[i].names += h.strings;
    }
    *b = h;
    put(b, h.ops, d->ops, d->n_ops * sizeof *d->ops);
    put(b, h.operands, d->operands, d->n_operands * sizeof *d->operands);
    put(b, h.tensors, d->tensors, d->n_tensors * sizeof *d->tensors);
    put(b, h.bindings, d->bindings, d->n_bindings * sizeof *d->bindings);
    put(b, h.symbols, d->symbols, d->n_symbols * sizeof *d->symbols);
    put(b, h.attrs, d->attrs, d->attrs_bytes);
    put(b, h.strings, d->strings, d->strings_bytes);
    hal_describe_discard(d);
    *block = b;
    return HAL_OK;
}

hal_status hal_describe_specialise(const hal_allocator *allocator, const hal_description *block,
                                   const int64_t *symbols, hal_description **copy)
{
    hal_description *c = hal_allocate(allocator, block->bytes);
    if (!c)
        return HAL_FAIL(OUT_OF_MEMORY, "no memory for a program description of %llu bytes",
                        (unsigned long long)block->bytes);
    memcpy(c, block, block->bytes);
    hal_description_tensor *t = (hal_description_tensor *)(void *)((char *)c + c->tensors);
    for (uint32_t i = 0; i < c->n_tensors; i++) {
        for (uint32_t k = 0; k < t[i].rank; k++) {
            t[i].size[k] = hal_dim_constant(hal_dim_value(t[i].size[k], symbols));
            t[i].stride[k] = hal_dim_constant(hal_dim_value(t[i].stride[k], symbols));
        }
    }
    c->n_symbols = 0;
    *copy = c;
    return HAL_OK;
}
