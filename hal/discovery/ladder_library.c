/* SPDX-License-Identifier: Apache-2.0 */
/* Rung D5: the vendor's libraries are where the dynamic loader looks, whole and for this machine. Nothing is
 * loaded. */
#include "hal/discovery/ladder.h"

#include <stdio.h>
#include <string.h>

/* The code for a library of that state. */
static uint32_t code_of(uint32_t state)
{
    static const uint32_t codes[] = {0, 502, 506, 503, 504, 505, 501};
    return codes[state];
}

static void describe(const hal_found *found, char *text, size_t size)
{
    static const char *const words[] = {"is",
                                        "lies outside, as",
                                        "is only a stub,",
                                        "is of another architecture,",
                                        "is no library,",
                                        "leads nowhere,",
                                        ""};
    if (found->state == HAL_FOUND_NOTHING)
        snprintf(text, size,
                 "%s is in no directory of the loader, of ld.so.conf, LD_LIBRARY_PATH or the vendor",
                 found->name);
    else
        snprintf(text, size, "%s %s %s%s%s (%s)%s%s", found->name, words[found->state], found->path,
                 found->state == HAL_FOUND_LOADABLE && strcmp(found->path, found->real) != 0 ? " -> " : "",
                 found->state == HAL_FOUND_LOADABLE && strcmp(found->path, found->real) != 0 ? found->real
                                                                                             : "",
                 found->where, found->what[0] != '\0' ? ": " : "", found->what);
}

/* The first library decides; where a loader library loads a driver library, that one too. */
static bool is_vital(const hal_family *family, uint32_t index)
{
    return index == 0 || (index == 1 && (family->flags & HAL_FAMILY_LEVEL_ZERO) != 0);
}

static void judge(hal_climb *climb, const hal_found *found, uint32_t index)
{
    char text[1536];
    uint32_t code = code_of(found->state);
    describe(found, text, sizeof text);
    if (code == 0)
        hal_climb_note(climb, "%s", text);
    else if (!is_vital(climb->family, index) && hal_climb_is_emulated(climb))
        hal_climb_note(climb, "emulated: it goes without %s", found->name);
    else if (!is_vital(climb->family, index))
        hal_climb_find(climb, code == 502 ? 502 : 509, "%s", text);
    else
        hal_climb_find(climb, code == 501 && index == 1 ? 507 : code, "%s", text);
    if (found->copies > 1)
        hal_climb_find(climb, 510, "%u different files on the loader's path, first %s", found->copies,
                       found->real);
}

void hal_rung_library(hal_climb *climb)
{
    if (climb->family->libraries[0] == '\0') {
        hal_climb_skip(climb, "used without a library of a vendor");
        return;
    }
    if (!hal_search_possible(climb->ladder->search)) {
        hal_climb_skip(climb, "directories of libraries were not recorded");
        return;
    }
    const hal_family_libraries *libraries = hal_ladder_libraries(climb->ladder, climb->family);
    for (uint32_t i = 0; libraries != NULL && i < libraries->count; i++)
        judge(climb, &libraries->found[i], i);
}
