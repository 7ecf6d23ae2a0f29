/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/deadline.h"

#include <stdlib.h>

int deadline_parse(const char *text, int64_t *milliseconds, tool_error *err)
{
    char *end;
    const double seconds = strtod(text, &end);
    if (end == text || *end)
        return tool_fail(err, TOOL_BAD_INPUT, "--deadline %s: not a number", text);
    if (!(seconds >= 0.001 && seconds <= 1e6))
        return tool_fail(err, TOOL_BAD_INPUT, "--deadline %s: must be between 0.001 and 1e6 seconds", text);
    *milliseconds = (int64_t)(seconds * 1000 + 0.5);
    return TOOL_OK;
}

int deadline_fail(tool_error *err, const char *work, double waited, int64_t milliseconds, const char *cause)
{
    return tool_fail(err, TOOL_DEADLINE,
                     "%s was not done after %.3f s, and its deadline is %g s (%s): allow more with --deadline SECONDS, "
                     "give it less to do, or look whether the device hangs",
                     work, waited, (double)milliseconds / 1000, cause);
}
