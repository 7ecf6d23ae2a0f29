/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "tools/hal-matrix/matrix.h"

static const unsigned char guard_byte = 0xa5;

const char *matrix_layout_name(matrix_layout layout) {
    static const char *const names[] = {"contiguous", "permuted", "broadcast", "sliced", "packed"};
    return names[layout];
}

bool matrix_layout_applies(const hal_shape *shape, matrix_layout layout) {
    switch (layout) {
    case LAYOUT_CONTIGUOUS: return true;
    case LAYOUT_PERMUTED: return shape->rank >= 2 && shape->size[shape->rank - 1].base > 1 && shape->size[shape->rank - 2].base > 1;
    case LAYOUT_BROADCAST: return shape->rank >= 1 && shape->size[0].base > 1;
    case LAYOUT_SLICED: return shape->rank >= 1 && shape->size[shape->rank - 1].base > 1;
    default: return false;
    }
}

/* From the first byte of the first element to the last byte of the last: the guards begin right there. */
static uint64_t span_of(const hal_tensor *t, uint32_t element) {
    uint64_t span = element;
    for (uint32_t d = 0; d < t->rank; d++) {
        if (t->size[d] == 0) return 0;
        span += (uint64_t)(t->size[d] - 1) * (uint64_t)t->stride[d];
    }
    return span;
}

/* Byte strides of the layout; returns the bytes they span. */
static uint64_t strides(hal_tensor *t, matrix_layout layout, uint32_t element) {
    uint32_t order[HAL_MAX_RANK];
    for (uint32_t d = 0; d < t->rank; d++) order[d] = d;
    if (layout == LAYOUT_PERMUTED) {
        order[t->rank - 1] = t->rank - 2;
        order[t->rank - 2] = t->rank - 1;
    }
    int64_t stride = layout == LAYOUT_SLICED ? 2 * (int64_t)element : (int64_t)element;
    for (uint32_t i = t->rank; i-- > 0;) {
        const uint32_t d = order[i];
        t->stride[d] = stride;
        stride *= t->size[d] > 0 ? t->size[d] : 1;
        if (layout == LAYOUT_SLICED) stride += (int64_t)element; /* rows do not follow each other either */
    }
    if (layout == LAYOUT_BROADCAST) t->stride[0] = 0;
    return span_of(t, element);
}

int matrix_operand_create(const hal_shape *shape, matrix_layout layout, matrix_operand *out, tool_error *err) {
    int64_t size[HAL_MAX_RANK];
    for (uint32_t d = 0; d < shape->rank; d++) size[d] = shape->size[d].base;
    hal_tensor t = hal_tensor_host(NULL, shape->dtype, shape->rank, size);
    const uint32_t element = hal_dtype_describe(shape->dtype)->block_bytes;
    const uint64_t span = strides(&t, matrix_layout_applies(shape, layout) ? layout : LAYOUT_CONTIGUOUS, element);
    matrix_operand o = {.n_bytes = span + 2 * MATRIX_GUARD};
    o.bytes = malloc(o.n_bytes);
    if (!o.bytes) return tool_fail(err, TOOL_INTERNAL, "out of memory for an operand of %llu bytes", (unsigned long long)o.n_bytes);
    memset(o.bytes, guard_byte, o.n_bytes);
    memset(o.bytes + MATRIX_GUARD, 0xff, span);
    o.host = t;
    o.host.host = o.bytes;
    o.host.offset = MATRIX_GUARD;
    *out = o;
    return TOOL_OK;
}

void matrix_operand_release(matrix_operand *operand) {
    hal_buffer_release(operand->buffer);
    free(operand->bytes);
    *operand = (matrix_operand){0};
}

/* SplitMix64 (Steele et al., OOPSLA 2014): a number for each counter. */
static uint64_t mix(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static double draw(double low, double high, bool integer, uint64_t counter) {
    const double u = (double)(mix(counter) >> 11) * 0x1p-53;
    if (!integer) return low + (high - low) * u;
    double v = low + (double)(int64_t)(u * (high - low + 1));
    return v > high ? high : v;
}

void matrix_operand_fill(matrix_operand *operand, double low, double high, bool integer, uint64_t seed) {
    const hal_tensor *t = &operand->host;
    const int64_t n = hal_tensor_elements(t);
    for (int64_t e = 0; e < n; e++) {
        int64_t rest = e, offset = 0;
        for (uint32_t d = t->rank; d-- > 0; rest /= t->size[d]) offset += rest % t->size[d] * t->stride[d];
        hal_element_store(t->dtype, operand->bytes + t->offset + offset, 0, draw(low, high, integer, seed * 0x100000001b3u + (uint64_t)e));
    }
}

hal_status matrix_operand_upload(matrix_operand *operand, hal_device *device) {
    HAL_TRY(hal_buffer_create(device, operand->n_bytes, &operand->buffer));
    operand->device = operand->host;
    operand->device.host = NULL;
    operand->device.buffer = operand->buffer;
    return hal_buffer_write(operand->buffer, 0, operand->bytes, operand->n_bytes);
}

hal_status matrix_operand_download(matrix_operand *operand) {
    return hal_buffer_read(operand->buffer, 0, operand->bytes, operand->n_bytes);
}

bool matrix_operand_guards_intact(const matrix_operand *operand) {
    for (uint64_t i = 0; i < MATRIX_GUARD; i++)
        if (operand->bytes[i] != guard_byte || operand->bytes[operand->n_bytes - 1 - i] != guard_byte) return false;
    return true;
}
