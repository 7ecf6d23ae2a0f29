/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as one page that works from a disk: picture, tables, findings. */
#ifndef HAL_INFO_PAGE_H
#define HAL_INFO_PAGE_H

#include "tools/hal-info/info.h"

int page_print(const hal_topology *t, FILE *out, tool_error *err);

#endif
