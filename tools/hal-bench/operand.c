/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/hal-bench/operand.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Numbers repeat after so many: a prime, so that rows differ. */
enum { PERIOD = 65521, INTEGERS = 64 };

static int refuse(const char *text, tool_error *err) {
    return tool_fail(err, TOOL_BAD_INPUT, "--in %s: expected DTYPE:SIZExSIZE, such as bf16:16x4096, or f32: for a scalar", text);
}

/* One size, and the `x` after it if another follows. */
static const char *size_of(const char *at, int64_t *size) {
    char *end;
    errno = 0;
    *size = strtoll(at, &end, 10);
    if (end == at || errno || *size < 1 || (*end && (*end != 'x' || !end[1]))) return NULL;
    return *end ? end + 1 : end;
}

int bench_operand_parse(const char *text, hal_shape *shape, tool_error *err) {
    const char *colon = strchr(text, ':');
    char dtype[16];
    if (!colon || colon - text >= (long)sizeof dtype) return refuse(text, err);
    snprintf(dtype, sizeof dtype, "%.*s", (int)(colon - text), text);
    hal_shape s = {.dtype = hal_dtype_find(dtype)};
    if (s.dtype == HAL_NO_DTYPE) return tool_fail(err, TOOL_BAD_INPUT, "--in %s: no dtype \"%s\"", text, dtype);
    for (const char *at = colon + 1; *at; s.rank++) {
        int64_t size;
        if (s.rank == HAL_MAX_RANK || !(at = size_of(at, &size))) return refuse(text, err);
        s.size[s.rank] = hal_dim_constant(size);
    }
    *shape = s;
    return TOOL_OK;
}

/* -1 to 1; Knuth's generator of MMIX. */
static double number(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) / (1 << 23) - 1;
}

static void fill(void *data, uint64_t bytes, hal_dtype dtype, uint32_t index, uint64_t elements) {
    const bool whole = dtype == HAL_I32 || dtype == HAL_I64;
    const uint64_t first = elements < PERIOD ? elements : PERIOD, each = elements ? bytes / elements : 0;
    uint64_t state = index + 1;
    for (uint64_t e = 0; e < first; e++) {
        const double x = number(&state), positive = x < 0 ? -x : x;
        hal_element_store(dtype, data, (int64_t)e, whole ? (double)(int)(positive * INTEGERS) : index < 2 ? x : positive);
    }
    for (uint64_t done = first * each; done < bytes; done *= 2)
        memcpy((char *)data + done, data, done < bytes - done ? done : bytes - done);
}

hal_status bench_operand_make(hal_device *device, const hal_shape *shape, uint32_t index, hal_buffer **buffer, hal_tensor *tensor) {
    int64_t size[HAL_MAX_RANK];
    uint64_t bytes, elements = 1;
    for (uint32_t d = 0; d < shape->rank; d++) {
        size[d] = shape->size[d].base;
        elements *= (uint64_t)size[d];
    }
    HAL_TRY(hal_tensor_bytes(shape->dtype, shape->rank, size, &bytes));
    HAL_TRY(hal_buffer_create(device, bytes, buffer));
    *tensor = hal_tensor_buffer(*buffer, 0, shape->dtype, shape->rank, size);
    void *data = malloc(bytes);
    if (!data) return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    fill(data, bytes, shape->dtype, index, elements);
    hal_status status = hal_buffer_write(*buffer, 0, data, bytes);
    free(data);
    return status;
}
