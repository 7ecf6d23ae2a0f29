/* SPDX-License-Identifier: Apache-2.0 */
/* hal-info watch: prints what changes about the devices, as it happens. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "tools/hal-info/info.h"

static void pause_for(double seconds)
{
    struct timespec rest = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (nanosleep(&rest, &rest) && errno == EINTR)
        continue;
}

static void print_event(const info *i, const char *alias, const char *before, const char *after,
                        const char *text)
{
    char stamp[32];
    const time_t now = time(NULL);
    struct tm parts;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
    if (i->options->form == FORM_JSON_LINES) {
        json_t *line = json_pack("{s:s,s:s,s:s?,s:s?,s:s}", "when", stamp, "device", alias, "before", before,
                                 "after", after, "text", text);
        json_dumpf(line, i->out, JSON_COMPACT);
        fputc('\n', i->out);
        json_decref(line);
    } else {
        char clean[700];
        style_clean(&i->style, text, clean, sizeof clean);
        fprintf(i->out, "%s  %-8s %s%s%s%s%s\n", stamp, alias, before ? before : "",
                before && after ? " -> " : "", after ? after : "gone", *clean ? ": " : "", clean);
    }
    fflush(i->out);
}

/* The same device in another look: ids are stable. */
static const hal_topology_device *same(const hal_topology *t, const hal_topology_device *d)
{
    return t ? hal_topology_device_at(t, hal_topology_device_find(t, d->id)) : NULL;
}

static void compare(const info *i, const hal_topology *before, const hal_topology *after)
{
    char a[64], b[64];
    info_tone tone;
    for (uint32_t k = 0; k < hal_topology_device_count(after); k++) {
        const hal_topology_device *now = hal_topology_device_at(after, k), *then = same(before, now);
        if (then && then->usability == now->usability && strcmp(then->reason, now->reason) == 0)
            continue;
        print_event(i, now->alias, then ? device_state(then, a, &tone) : NULL, device_state(now, b, &tone),
                    device_reason(now));
    }
    for (uint32_t k = 0; before && k < hal_topology_device_count(before); k++) {
        const hal_topology_device *then = hal_topology_device_at(before, k);
        if (same(after, then))
            continue;
        print_event(i, then->alias, device_state(then, a, &tone), NULL, "no longer there");
    }
}

int watch_print(info *i, tool_error *err)
{
    hal_topology *last = NULL;
    int code = TOOL_OK;
    for (uint64_t look = 0; !code && (!i->options->count || look < i->options->count); look++) {
        hal_topology *now;
        if (look)
            pause_for(i->options->interval);
        code = machine_open(i->options, NULL, false, &now, err);
        if (code)
            break;
        compare(i, last, now);
        if (ferror(i->out))
            code = tool_fail(err, TOOL_INTERNAL, "the reader of standard output is gone");
        hal_topology_release(last);
        last = now;
    }
    hal_topology_release(last);
    return code;
}
