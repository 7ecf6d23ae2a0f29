/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

/* Bytes of one innermost row of `n` elements; block types round up to whole blocks. */
static uint64_t row_bytes(const hal_dtype_info *info, int64_t n)
{
    uint64_t blocks = ((uint64_t)n + info->block_elements - 1) / info->block_elements;
    return blocks * info->block_bytes;
}

/* Strides wrap for absurd sizes instead of failing: hal_tensor_validate refuses those. */
static hal_tensor contiguous(hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_tensor t = {.dtype = dtype, .rank = rank};
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    uint64_t stride = info ? info->block_bytes : 0;
    for (uint32_t d = rank < HAL_MAX_RANK ? rank : HAL_MAX_RANK; d-- > 0;) {
        t.size[d] = size[d];
        t.stride[d] = (int64_t)stride;
        if (info != NULL && d + 1 == rank)
            stride = row_bytes(info, size[d] > 0 ? size[d] : 1);
        else
            stride *= (uint64_t)(size[d] > 0 ? size[d] : 1);
    }
    return t;
}

hal_tensor hal_tensor_host(void *host, hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    hal_tensor t = contiguous(dtype, rank, size);
    t.host = host;
    return t;
}

hal_tensor hal_tensor_buffer(hal_buffer *buffer, uint64_t offset, hal_dtype dtype, uint32_t rank,
                             const int64_t *size)
{
    hal_tensor t = contiguous(dtype, rank, size);
    t.buffer = buffer;
    t.offset = offset;
    return t;
}

int64_t hal_tensor_elements(const hal_tensor *tensor)
{
    int64_t n = 1;
    for (uint32_t d = 0; d < tensor->rank; d++)
        n *= tensor->size[d];
    return n;
}

static hal_status check_shape(hal_dtype dtype, uint32_t rank, const int64_t *size)
{
    if (hal_dtype_describe(dtype) == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: dtype number %u is unknown; see dtypes.def",
                        (unsigned)dtype);
    if (rank > HAL_MAX_RANK)
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: rank %u is above %d", rank, HAL_MAX_RANK);
    for (uint32_t d = 0; d < rank; d++)
        if (size[d] < 0)
            return HAL_FAIL(INVALID_ARGUMENT, "tensor: size[%u] = %lld is negative", d, (long long)size[d]);
    return HAL_OK;
}

hal_status hal_tensor_bytes(hal_dtype dtype, uint32_t rank, const int64_t *size, uint64_t *bytes)
{
    HAL_TRY(check_shape(dtype, rank, size));
    const hal_dtype_info *info = hal_dtype_describe(dtype);
    uint64_t elements = rank ? (uint64_t)size[rank - 1] : 1, total;
    elements = elements / info->block_elements + (elements % info->block_elements != 0);
    bool overflow = __builtin_mul_overflow(elements, (uint64_t)info->block_bytes, &total);
    bool empty = elements == 0;
    for (uint32_t d = 0; d + 1 < rank; d++) {
        empty |= size[d] == 0;
        overflow |= __builtin_mul_overflow(total, (uint64_t)size[d], &total);
    }
    if (overflow && !empty)
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: the bytes of its %u sizes overflow 64 bits", rank);
    *bytes = empty ? 0 : total;
    return HAL_OK;
}

/* Lowest and highest byte a strided view touches, relative to its base, [low, high). */
static bool extent(const hal_tensor *t, int64_t *low, int64_t *high)
{
    const hal_dtype_info *info = hal_dtype_describe(t->dtype);
    *low = 0;
    *high = info->block_bytes;
    for (uint32_t d = 0; d < t->rank; d++) {
        int64_t last = t->size[d] - 1, reach;
        if (d + 1 == t->rank)
            last /= info->block_elements;
        if (__builtin_mul_overflow(last, t->stride[d], &reach))
            return false;
        if (__builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high))
            return false;
    }
    return true;
}

static hal_status check_range(const hal_tensor *t, int64_t low, int64_t high)
{
    int64_t begin, end, offset = (int64_t)t->offset;
    if (offset < 0 || __builtin_add_overflow(offset, low, &begin) ||
        __builtin_add_overflow(offset, high, &end))
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: offset %llu and strides overflow 63 bits",
                        (unsigned long long)t->offset);
    if (t->buffer == NULL)
        return HAL_OK;
    if (begin < 0 || (uint64_t)end > hal_buffer_size(t->buffer))
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: touches bytes [%lld, %lld) of a buffer of %llu bytes",
                        (long long)begin, (long long)end, (unsigned long long)hal_buffer_size(t->buffer));
    return HAL_OK;
}

hal_status hal_tensor_validate(const hal_tensor *tensor)
{
    int64_t low = 0, high = 0;
    if ((tensor->buffer == NULL) == (tensor->host == NULL))
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: exactly one of buffer and host must be set, %s is",
                        tensor->buffer ? "each" : "neither");
    HAL_TRY(check_shape(tensor->dtype, tensor->rank, tensor->size));
    for (uint32_t d = 0; d < tensor->rank; d++)
        if (tensor->size[d] == 0)
            return HAL_OK;
    if (tensor->layout.kind != 0) {
        if (tensor->layout.bytes > INT64_MAX)
            return HAL_FAIL(INVALID_ARGUMENT, "tensor: layout of %llu bytes is beyond any memory",
                            (unsigned long long)tensor->layout.bytes);
        return check_range(tensor, 0, (int64_t)tensor->layout.bytes);
    }
    if (!extent(tensor, &low, &high))
        return HAL_FAIL(INVALID_ARGUMENT, "tensor: sizes times strides overflow 63 bits");
    return check_range(tensor, low, high);
}
