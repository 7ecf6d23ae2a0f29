/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of numbers as the kernel writes them: "0-55,112-167". */
#ifndef HAL_DISCOVERY_CPULIST_H
#define HAL_DISCOVERY_CPULIST_H

#include <stdbool.h>
#include <stdint.h>

/* The next range, first to last; `*list` goes on behind it. False at the end or at what is no list. */
bool hal_cpulist_next(const char **list, uint32_t *first, uint32_t *last);
/* How many numbers it has. */
uint32_t hal_cpulist_count(const char *list);
/* How many of its numbers `other` has too. */
uint32_t hal_cpulist_common(const char *list, const char *other);

#endif
