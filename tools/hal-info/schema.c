/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info schema: the JSON Schema of --json, which the program carries so that it needs no file to be
 * installed. */
#include "tools/hal-info/info.h"

__asm__(".section .rodata\n"
        ".global hal_info_schema_text\n"
        "hal_info_schema_text:\n"
        ".incbin \"" HAL_INFO_SCHEMA "\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char hal_info_schema_text[];

int schema_print(info *i, tool_error *err)
{
    return fputs(hal_info_schema_text, i->out) < 0
               ? tool_fail(err, TOOL_INTERNAL, "the schema could not be written")
               : TOOL_OK;
}
