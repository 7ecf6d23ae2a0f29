/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs of hal-probe share. They run in a process of their own, of which libhal believes nothing. */
#ifndef HAL_PROBE_CHILD_H
#define HAL_PROBE_CHILD_H

/* Where what was found out goes: a pipe to libhal, or whatever a person who tries the helper gives it. */
#define HAL_CHILD_PAYLOAD 3

/* Says why nothing was found out; returns 1, the exit status. */
int hal_child_fail(const char *text);

#endif
