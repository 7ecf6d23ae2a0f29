/* SPDX-License-Identifier: Apache-2.0 */
/* How long a tool waits for one piece of work, and what it says when that was too short. */
#ifndef TOOLS_COMMON_DEADLINE_H
#define TOOLS_COMMON_DEADLINE_H

#include <stdint.h>

#include "tools/common/error.h"

/* What --deadline SECONDS says, in milliseconds. TOOL_BAD_INPUT: no number, or outside 0.001 to 1e6. */
int deadline_parse(const char *text, int64_t *milliseconds, tool_error *err);

/* The failure of work that was waited for so many seconds in vain; `cause` is what the library observed. Returns
 * TOOL_DEADLINE. */
int deadline_fail(tool_error *err, const char *work, double waited, int64_t milliseconds, const char *cause);

#endif
