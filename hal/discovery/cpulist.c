/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/cpulist.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

enum { MOST = 1 << 20 }; /* more processors than this are a damaged list */

static bool number(const char **text, uint32_t *value)
{
    char *end;
    if (!isdigit((unsigned char)**text))
        return false;
    errno = 0;
    unsigned long n = strtoul(*text, &end, 10);
    if (errno != 0 || n >= MOST)
        return false;
    *text = end;
    *value = (uint32_t)n;
    return true;
}

bool hal_cpulist_next(const char **list, uint32_t *first, uint32_t *last)
{
    const char *p = *list;
    while (*p == ',' || isspace((unsigned char)*p))
        p++;
    uint32_t a, b;
    if (!number(&p, &a))
        return false;
    b = a;
    if (*p == '-' && (p++, !number(&p, &b)))
        return false;
    if (b < a)
        return false;
    *list = p;
    *first = a;
    *last = b;
    return true;
}

uint32_t hal_cpulist_count(const char *list)
{
    uint32_t first, last, count = 0;
    while (hal_cpulist_next(&list, &first, &last))
        count += last - first + 1;
    return count;
}

uint32_t hal_cpulist_common(const char *list, const char *other)
{
    uint32_t first, last, from, to, count = 0;
    while (hal_cpulist_next(&list, &first, &last))
        for (const char *p = other; hal_cpulist_next(&p, &from, &to);) {
            uint32_t low = from > first ? from : first, high = to < last ? to : last;
            count += low <= high ? high - low + 1 : 0;
        }
    return count;
}
