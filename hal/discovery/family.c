/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/family.h"
#include "hal/topology.h"

#include <string.h>

static const hal_family rows[] = {
#define HAL_FAMILY(...) {__VA_ARGS__},
#include "hal/discovery/families.def"
};

#define N_ROWS (sizeof rows / sizeof rows[0])

const hal_family *hal_family_at(uint32_t index)
{
    return index < N_ROWS ? &rows[index] : NULL;
}

const hal_family *hal_family_find(const char *name)
{
    for (uint32_t i = 0; i < N_ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

const char *hal_family_backend(const char *family)
{
    const hal_family *row = hal_family_find(family);
    return row != NULL ? row->backend : "";
}
