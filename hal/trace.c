/* SPDX-License-Identifier: Apache-2.0 */
/* Records events in memory; the file is written when the last handle of the instance goes. */
#include "trace.h"

#include <unistd.h>

#define MAX_EVENTS (1u << 20) /* beyond that events are counted and dropped */
#define NO_TEXT    HAL_TRACE_NO_TEXT

hal_status hal_trace_open(hal_instance *instance, const char *path)
{
    /* Opened now, so that a path that cannot be written is a failure now and not a silence at the end. */
    FILE *file = fopen(path, "ae");
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

/* --------------------------------------------------------------------------------------------- texts -- */

static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u;
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

/* The slot of a text, or the free one where it would go. The table is never full. */
static uint32_t *find(const hal_trace *t, const char *text)
{
    uint32_t i = hash(text) & (t->slots - 1);
    while (t->table[i] != 0 && strcmp(t->texts[t->table[i] - 1], text) != 0)
        i = (i + 1) & (t->slots - 1);
    return &t->table[i];
}

static bool grow_table(hal_trace *t, const hal_allocator *a)
{
    uint32_t slots = t->slots == 0 ? 256 : 2 * t->slots;
    uint32_t *table = hal_allocate_array(a, slots, sizeof *table);
    if (table == NULL)
        return false;
    hal_deallocate(a, t->table);
    t->table = table;
    t->slots = slots;
    for (uint32_t i = 0; i < t->n_texts; i++)
        *find(t, t->texts[i]) = i + 1;
    return true;
}

/* The index of the trace's own copy; NO_TEXT when there is no memory. */
static uint32_t keep(hal_trace *t, const hal_allocator *a, const char *text)
{
    if (2 * t->n_texts >= t->slots && !grow_table(t, a))
        return NO_TEXT;
    uint32_t *slot = find(t, text);
    if (*slot != 0)
        return *slot - 1;
    if (!hal_array_grow(a, (void **)&t->texts, t->n_texts, &t->texts_capacity, sizeof *t->texts))
        return NO_TEXT;
    char *copy = hal_string_copy(a, text);
    if (copy == NULL)
        return NO_TEXT;
    t->texts[t->n_texts++] = copy;
    *slot = t->n_texts;
    return t->n_texts - 1;
}

/* -------------------------------------------------------------------------------------------- events -- */

static bool add(hal_trace *t, const hal_allocator *a, hal_trace_event event)
{
    if (t->file == NULL || t->count >= MAX_EVENTS || event.track == NO_TEXT || event.category == NO_TEXT ||
        event.name == NO_TEXT ||
        !hal_array_grow(a, (void **)&t->events, t->count, &t->capacity, sizeof *t->events))
        return false;
    t->events[t->count++] = event;
    return true;
}

/* With `overlaps`, two events: both are in the file or neither is. */
static void record(hal_trace *t, const hal_allocator *a, hal_trace_event event, bool overlaps)
{
    event.id = t->calls++;
    event.kind = overlaps ? HAL_TRACE_BEGIN : HAL_TRACE_SPAN;
    bool kept = add(t, a, event);
    if (kept && overlaps) {
        event.kind = HAL_TRACE_END;
        event.begin = event.end;
        kept = add(t, a, event);
        t->count -= kept ? 0 : 1;
    }
    t->dropped += kept ? 0 : 1;
}

/* What is said of an op beside its name; its texts belong to the table of operators and dtypes. */
typedef struct detail {
    const char *op, *dtype;
    hal_work work;
} detail;

static void span(hal_instance *instance, const char *track, const char *category, const char *name,
                 int64_t begin_ns, int64_t end_ns, bool overlaps, const detail *of)
{
    const hal_allocator *a = &instance->config.allocator;
    hal_trace *t = atomic_load_explicit(&instance->trace, memory_order_acquire);
    char thread[32];
    if (t == NULL)
        return;
    if (track == NULL) {
        snprintf(thread, sizeof thread, "thread %ld", (long)gettid());
        track = thread;
    }
    pthread_mutex_lock(&t->lock);
    hal_trace_event event = {.begin = begin_ns, .end = end_ns < begin_ns ? begin_ns : end_ns};
    event.track = keep(t, a, track);
    event.category = keep(t, a, category);
    event.name = keep(t, a, name);
    event.op = of != NULL ? keep(t, a, of->op) : NO_TEXT;
    event.dtype = of != NULL ? keep(t, a, of->dtype) : NO_TEXT;
    event.work = of != NULL ? of->work : (hal_work){0, 0};
    record(t, a, event, overlaps);
    pthread_mutex_unlock(&t->lock);
}

void hal_trace_span(hal_instance *instance, const char *track, const char *category, const char *name,
                    int64_t begin_ns, int64_t end_ns)
{
    span(instance, track, category, name, begin_ns, end_ns, false, NULL);
}

void hal_trace_overlap(hal_instance *instance, const char *track, const char *category, const char *name,
                       int64_t begin_ns, int64_t end_ns)
{
    span(instance, track, category, name, begin_ns, end_ns, true, NULL);
}

void hal_trace_op(hal_instance *instance, const char *track, const hal_description *program, uint32_t op,
                  const int64_t *symbols, int64_t begin_ns, int64_t end_ns)
{
    const hal_description_op *row = &hal_description_ops(program)[op];
    const hal_op_info *info = hal_op_describe(row->number);
    const char *names = (const char *)program + row->names;
    const detail of = {info->name, hal_description_dtype(program, row), hal_description_work(program, row, symbols)};
    span(instance, track, "op", names[0] != '\0' ? names : info->name, begin_ns, end_ns, false, &of);
}

/* ------------------------------------------------------------------------------------------- the end -- */

void hal_trace_write(hal_instance *instance)
{
    hal_trace *t = atomic_load(&instance->trace);
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    if (t->file != NULL) {
        /* Only now, so that another instance's trace in the same file stays until there is a new one. */
        if (ftruncate(fileno(t->file), 0) != 0)
            clearerr(t->file); /* a pipe or terminal has no length */
        hal_trace_print(t);
        fclose(t->file);
        t->file = NULL; /* objects that outlive the handles may still report spans: they are dropped */
    }
    pthread_mutex_unlock(&t->lock);
}

void hal_trace_free(hal_instance *instance)
{
    const hal_allocator *a = &instance->config.allocator;
    hal_trace *t = atomic_load(&instance->trace);
    if (t == NULL)
        return;
    hal_trace_write(instance);
    pthread_mutex_destroy(&t->lock);
    for (uint32_t i = 0; i < t->n_texts; i++)
        hal_deallocate(a, t->texts[i]);
    hal_deallocate(a, t->texts);
    hal_deallocate(a, t->table);
    hal_deallocate(a, t->events);
    hal_deallocate(a, t);
}
