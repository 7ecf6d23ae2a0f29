/* SPDX-License-Identifier: Apache-2.0 */
/* Spans in memory, written as Chrome trace JSON when the last handle goes. */
#include "object.h"

#include <stdlib.h>
#include <unistd.h>

#define MAX_SPANS (1u << 20) /* beyond that spans are counted and dropped */

typedef struct span {
    const char *track, *name;
    int64_t begin, end;
} span;

struct hal_trace {
    pthread_mutex_t lock;
    FILE *file;
    span *spans;
    uint32_t count, capacity;
    uint64_t dropped;
};

hal_status hal_trace_open(hal_instance *instance, const char *path)
{
    /* Opened now, so that a path that cannot be written is a failure now and not a silence at the end. */
    FILE *file = fopen(path, "we");
    if (file == NULL)
        return HAL_FAIL(IO, "trace file %s cannot be written: %m; choose another in HAL_TRACE", path);
    hal_trace *t = hal_allocate(&instance->config.allocator, sizeof *t);
    if (t == NULL) {
        fclose(file);
        return hal_status_last()->status;
    }
    pthread_mutex_init(&t->lock, NULL);
    t->file = file;
    atomic_store(&instance->trace, t);
    return HAL_OK;
}

bool hal_trace_enabled(const hal_instance *instance)
{
    return atomic_load_explicit(&instance->trace, memory_order_acquire) != NULL;
}

void hal_trace_span(hal_instance *instance, const char *track, const char *name, int64_t begin_ns,
                    int64_t end_ns)
{
    hal_trace *t = atomic_load_explicit(&instance->trace, memory_order_acquire);
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->file == NULL || t->count >= MAX_SPANS ||
        !hal_array_grow(&instance->config.allocator, (void **)&t->spans, t->count, &t->capacity,
                        sizeof(span)))
        t->dropped++;
    else
        t->spans[t->count++] = (span){track, name, begin_ns, end_ns};
    pthread_mutex_unlock(&t->lock);
}

static void print_text(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc((unsigned char)*text < 0x20 ? ' ' : *text, f);
    }
}

/* Tracks are few, so the first span with a track's name serves as its number. */
static uint32_t track_of(const hal_trace *t, uint32_t index)
{
    uint32_t i = 0;
    while (i < index && strcmp(t->spans[i].track, t->spans[index].track) != 0)
        i++;
    return i;
}

static void print_span(const hal_trace *t, uint32_t index, uint32_t track)
{
    const span *s = &t->spans[index];
    if (track == index) {
        fprintf(t->file, "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":1,\"tid\":%u,\"args\":{\"name\":\"",
                track);
        print_text(t->file, s->track);
        fputs("\"}},\n", t->file);
    }
    fputs("{\"ph\":\"X\",\"name\":\"", t->file);
    print_text(t->file, s->name);
    fprintf(t->file, "\",\"pid\":1,\"tid\":%u,\"ts\":%.3f,\"dur\":%.3f},\n", track, (double)s->begin / 1000.0,
            (double)(s->end - s->begin) / 1000.0);
}

static void print_all(const hal_trace *t)
{
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", t->file);
    for (uint32_t i = 0; i < t->count; i++)
        print_span(t, i, track_of(t, i));
    fprintf(t->file,
            "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":1,\"args\":{\"name\":\"hal\"}}\n],\n"
            "\"otherData\":{\"process\":%ld,\"dropped\":%llu}}\n",
            (long)getpid(), (unsigned long long)t->dropped);
}

void hal_trace_write(hal_instance *instance)
{
    hal_trace *t = atomic_load(&instance->trace);
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->file != NULL) {
        print_all(t);
        fclose(t->file);
        t->file = NULL; /* objects that outlive the handles may still report spans: they are dropped */
    }
    pthread_mutex_unlock(&t->lock);
}

void hal_trace_free(hal_instance *instance)
{
    hal_trace *t = atomic_load(&instance->trace);
    if (t == NULL)
        return;
    hal_trace_write(instance);
    pthread_mutex_destroy(&t->lock);
    hal_deallocate(&instance->config.allocator, t->spans);
    hal_deallocate(&instance->config.allocator, t);
}
