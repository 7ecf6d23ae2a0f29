/* SPDX-License-Identifier: Apache-2.0 */
/* Ends a process well whose plugin crashes while it is loaded.
 *
 * A plugin's constructors run inside dlopen, in this process, and nothing can undo what they did. While a
 * guard is up, a fatal signal of the thread that raised it becomes one line on standard error, naming the
 * plugin that was mapped last, and exit code TOOL_INTERNAL. Nothing has been written by then: tools load
 * their backends before they touch a file.
 */
#ifndef TOOLS_COMMON_LOAD_GUARD_H
#define TOOLS_COMMON_LOAD_GUARD_H

/* Raise the guard; `tool` begins the line. At most one is up at a time. */
void load_guard_begin(const char *tool);

/* Take it down: signals do what they did before. */
void load_guard_end(void);

#endif
