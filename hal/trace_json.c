/* SPDX-License-Identifier: Apache-2.0 */
/* A trace in the JSON that Perfetto and Chrome read: events in order of time, a named track each device and
   thread. */
#include "trace.h"

#include <stdlib.h>
#include <unistd.h>

/* Second bytes that would spell a number twice, a surrogate, or one beyond Unicode (RFC 3629, section 4). */
static bool forbidden(unsigned char first, unsigned char second)
{
    return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
           (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
}

/* Bytes of the UTF-8 character at `s`, 0 when it is none. */
static int character(const unsigned char *s)
{
    int n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    for (int i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    return n > 1 && forbidden(s[0], s[1]) ? 0 : n;
}

/* Names are the user's: what JSON cannot hold becomes a question mark. */
static void print_text(FILE *f, const char *text)
{
    const unsigned char *s = (const unsigned char *)text;
    for (int n; *s != 0; s += n > 0 ? n : 1) {
        n = character(s);
        if (*s == '"' || *s == '\\')
            fputc('\\', f);
        if (n == 0 || *s < 0x20)
            fputc('?', f);
        else
            fwrite(s, 1, (size_t)n, f);
    }
}

static int in_time(const void *left, const void *right)
{
    const hal_trace_event *a = left, *b = right;
    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    if (a->end != b->end)
        return a->end > b->end ? -1 : 1; /* what encloses comes before what it encloses */
    return a->id != b->id ? (a->id > b->id) - (a->id < b->id) : (a->kind > b->kind) - (a->kind < b->kind);
}

/* Thousandths of a microsecond without the rounding of a double. */
static void print_time(FILE *f, const char *key, int64_t ns)
{
    fprintf(f, ",\"%s\":%lld.%03lld", key, (long long)(ns / 1000), (long long)(ns % 1000));
}

/* Nothing where it is not known. */
static void print_count(FILE *f, const char *key, double value)
{
    if (value >= 0 && value < 1e300)
        fprintf(f, ",\"%s\":%.0f", key, value);
}

static void print_op(const hal_trace *t, const hal_trace_event *e)
{
    fputs(",\"args\":{\"op\":\"", t->file);
    print_text(t->file, t->texts[e->op]);
    fputs("\",\"dtype\":\"", t->file);
    print_text(t->file, t->texts[e->dtype]);
    fputs("\"", t->file);
    print_count(t->file, "flops", e->work.flops);
    print_count(t->file, "bytes", e->work.bytes);
    fputs("}", t->file);
}

static void print_event(const hal_trace *t, const hal_trace_event *e, long pid)
{
    static const char *const phases[] = {[HAL_TRACE_SPAN] = "X", [HAL_TRACE_BEGIN] = "b", [HAL_TRACE_END] = "e"};
    fprintf(t->file, "{\"ph\":\"%s\",\"name\":\"", phases[e->kind]);
    print_text(t->file, t->texts[e->name]);
    fputs("\",\"cat\":\"", t->file);
    print_text(t->file, t->texts[e->category]);
    fprintf(t->file, "\",\"pid\":%ld,\"tid\":%u", pid, e->track + 1);
    print_time(t->file, "ts", e->begin);
    if (e->kind == HAL_TRACE_SPAN)
        print_time(t->file, "dur", e->end - e->begin);
    else
        fprintf(t->file, ",\"id\":%u", e->id);
    if (e->op != HAL_TRACE_NO_TEXT && e->dtype != HAL_TRACE_NO_TEXT)
        print_op(t, e);
    fputs("},\n", t->file);
}

/* Once a track, where its first event stands. */
static void print_track(const hal_trace *t, uint32_t track, long pid)
{
    fprintf(t->file, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%ld,\"tid\":%u,\"args\":{\"name\":\"", pid,
            track + 1);
    print_text(t->file, t->texts[track]);
    fputs("\"}},\n", t->file);
}

void hal_trace_print(hal_trace *t)
{
    long pid = (long)getpid();
    if (t->count > 1)
        qsort(t->events, t->count, sizeof t->events[0], in_time);
    /* The table of texts has served: it marks the tracks that have their name. */
    for (uint32_t i = 0; i < t->slots; i++)
        t->table[i] = 0;
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", t->file);
    for (uint32_t i = 0; i < t->count; i++) {
        const hal_trace_event *e = &t->events[i];
        if (t->table[e->track]++ == 0)
            print_track(t, e->track, pid);
        print_event(t, e, pid);
    }
    fprintf(t->file,
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%ld,\"args\":{\"name\":\"hal\"}}\n],\n"
            "\"otherData\":{\"process\":%ld,\"dropped\":%llu}}\n",
            pid, pid, (unsigned long long)t->dropped);
}
