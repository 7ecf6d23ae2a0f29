/* SPDX-License-Identifier: Apache-2.0 */
#include <hal/topology.h>

#include <strings.h>

#define HAL_LADDER_CODE(number, stage, severity, summary, evidence, cause, remedy)                           \
    {"D" #number, HAL_SEVERITY_##severity, (number) / 100, summary, evidence, cause, remedy},
static const hal_code_row rows[] = {
#include "hal/discovery/codes.def"
};

#define N_ROWS (sizeof rows / sizeof rows[0])

const hal_code_row *hal_code_at(uint32_t index)
{
    return index < N_ROWS ? &rows[index] : NULL;
}

const hal_code_row *hal_code_explain(const char *code)
{
    if (code == NULL)
        return NULL;
    for (uint32_t i = 0; i < N_ROWS; i++)
        if (strcasecmp(rows[i].code, code) == 0)
            return &rows[i];
    return NULL;
}
