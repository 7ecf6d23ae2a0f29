/* SPDX-License-Identifier: Apache-2.0 */
#include "object.h"

static const hal_dtype_info rows[HAL_DTYPE_COUNT] = {
#define HAL_DTYPE(number, ID, name, bits, elements, bytes, class_)                                           \
    [number] = {name, bits, elements, bytes, HAL_DTYPE_CLASS_##class_},
#include "dtypes.def"
};

const hal_dtype_info *hal_dtype_describe(hal_dtype dtype)
{
    if ((uint32_t)dtype >= HAL_DTYPE_COUNT || rows[dtype].name == NULL)
        return NULL;
    return &rows[dtype];
}

hal_dtype hal_dtype_find(const char *name)
{
    for (uint32_t i = 1; name != NULL && i < HAL_DTYPE_COUNT; i++)
        if (rows[i].name != NULL && strcmp(rows[i].name, name) == 0)
            return (hal_dtype)i;
    return HAL_NO_DTYPE;
}
