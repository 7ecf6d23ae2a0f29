/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info gather: this machine as a recorded tree, for the test suite or for somebody else to look at. */
#include "tools/hal-info/info.h"

int gather_print(info *i, tool_error *err)
{
    if (i->options->n_words)
        return tool_fail(err, TOOL_BAD_INPUT, "gather: unexpected \"%s\"; --output FILE names the file",
                         i->options->words[0]);
    if (i->options->redact)
        return tool_fail(
            err, TOOL_BAD_INPUT,
            "gather: a recorded tree cannot be redacted; use hal-info --json --redact, or hal-info bundle");
    const hal_status status = hal_topology_gather(i->options->input, i->out);
    return status == HAL_OK ? TOOL_OK : machine_fail(status, err);
}
