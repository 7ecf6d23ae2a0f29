/* SPDX-License-Identifier: Apache-2.0 */
/* Collected answers, and what they say of each vendor. */
#include "hal/discovery/answers.h"

#include <stdio.h>

#define MEMORY_MOST (1ull << 50) /* no device has a pebibyte */

static const hal_vendor vendors[] = {
#define HAL_VENDOR(name, api, title, families, libraries) {#name, api, title, families, libraries},
#include "hal/discovery/vendors.def"
};

const hal_vendor *hal_vendor_at(uint32_t index)
{
    return index < sizeof vendors / sizeof vendors[0] ? &vendors[index] : NULL;
}

const hal_vendor *hal_vendor_find(const char *name)
{
    for (size_t i = 0; i < sizeof vendors / sizeof vendors[0]; i++)
        if (strcmp(vendors[i].name, name) == 0)
            return &vendors[i];
    return NULL;
}

hal_status hal_answers_create(const hal_allocator *allocator, hal_answers **answers)
{
    hal_answers *a = hal_allocate(allocator, sizeof *a);
    if (a == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    if (allocator != NULL)
        a->allocator = *allocator;
    *answers = a;
    return HAL_OK;
}

void hal_answers_free(hal_answers *answers)
{
    if (answers == NULL)
        return;
    hal_allocator allocator = answers->allocator;
    hal_deallocate(&allocator, answers->items);
    hal_deallocate(&allocator, answers->owners);
    hal_deallocate(&allocator, answers->libraries);
    hal_deallocate(&allocator, answers->facts);
    hal_deallocate(&allocator, answers);
}

/* ----------------------------------------------------------------------------------------------- facts -- */

static void describe(const hal_answer *library, const hal_vendor *vendor, hal_vendor_fact *fact)
{
    *fact = (hal_vendor_fact){.end = library->state,
                              .code = library->code,
                              .when = (int64_t)library->when,
                              .nanoseconds = (int64_t)library->took};
    snprintf(fact->vendor, sizeof fact->vendor, "%s", vendor->name);
    snprintf(fact->title, sizeof fact->title, "%s", vendor->title);
    snprintf(fact->families, sizeof fact->families, "%s", vendor->families);
    snprintf(fact->library, sizeof fact->library, "%s",
             library->library[0] ? library->library : vendor->libraries);
    memcpy(fact->manifest, library->manifest, sizeof fact->manifest);
    memcpy(fact->driver, library->driver, sizeof fact->driver);
    memcpy(fact->user, library->user, sizeof fact->user);
    memcpy(fact->required, library->required, sizeof fact->required);
    memcpy(fact->text, library->text, sizeof fact->text);
}

static hal_status add_library(hal_answers *answers, const hal_answer *record)
{
    const hal_allocator *al = &answers->allocator;
    const hal_vendor *vendor = hal_vendor_find(record->api);
    if (!hal_array_grow(al, (void **)&answers->libraries, answers->n_facts, &answers->room_libraries,
                        sizeof *record) ||
        !hal_array_grow(al, (void **)&answers->facts, answers->n_facts, &answers->room_facts,
                        sizeof *answers->facts))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    answers->libraries[answers->n_facts] = *record;
    describe(record, vendor, &answers->facts[answers->n_facts]);
    answers->n_facts++;
    return HAL_OK;
}

/* The newest fact of that vendor from `first` on. */
static uint32_t newest(const hal_answers *answers, uint32_t first, const char *vendor)
{
    for (uint32_t i = answers->n_facts; i > first; i--)
        if (strcmp(answers->facts[i - 1].vendor, vendor) == 0)
            return i - 1;
    return HAL_NOWHERE;
}

static hal_status add(hal_answers *answers, uint32_t first, const hal_answer *record)
{
    const hal_allocator *al = &answers->allocator;
    if (record->kind == HAL_ANSWER_LIBRARY)
        return add_library(answers, record);
    if (!hal_array_grow(al, (void **)&answers->items, answers->n_items, &answers->room_items,
                        sizeof *record) ||
        !hal_array_grow(al, (void **)&answers->owners, answers->n_items, &answers->room_owners,
                        sizeof *answers->owners))
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    answers->owners[answers->n_items] = newest(answers, first, record->api);
    answers->items[answers->n_items++] = *record;
    return HAL_OK;
}

/* Finds owners for items that came before their library, or without one, as a person who writes a tree may
   leave it out; counts devices. */
static hal_status complete(hal_answers *answers, uint32_t item, uint32_t fact)
{
    for (uint32_t i = item; i < answers->n_items; i++) {
        hal_answer library;
        if (answers->owners[i] == HAL_NOWHERE)
            answers->owners[i] = newest(answers, fact, answers->items[i].api);
        if (answers->owners[i] == HAL_NOWHERE) {
            hal_answer_init(&library, HAL_ANSWER_LIBRARY, answers->items[i].api);
            HAL_TRY(add_library(answers, &library));
            answers->owners[i] = answers->n_facts - 1;
        }
        answers->facts[answers->owners[i]].devices += answers->items[i].kind == HAL_ANSWER_DEVICE;
    }
    for (uint32_t k = fact; k < answers->n_facts; k++)
        if (answers->facts[k].end == HAL_FACT_DEVICES && answers->facts[k].devices == 0)
            answers->facts[k].end = HAL_FACT_NONE;
    return HAL_OK;
}

/* Each driver of OpenCL numbers its platforms from 0. */
static void number_platforms(hal_answers *answers, uint32_t item)
{
    uint32_t platforms = 0;
    for (uint32_t i = item; i < answers->n_items; i++) {
        hal_answer *a = &answers->items[i];
        if (strcmp(a->api, "opencl") != 0 || a->platform == HAL_NOWHERE)
            continue;
        platforms = a->platform + 1 > platforms ? a->platform + 1 : platforms;
        a->platform += answers->platforms;
    }
    answers->platforms += platforms;
}

/* --------------------------------------------------------------------------------------------- reading -- */

/* What no device is like. */
static const char *object_to_device(const hal_answer *a)
{
    if (a->memory > MEMORY_MOST || (a->memory > 0 && a->free > a->memory))
        return "no device has such a memory";
    if (a->index == HAL_NOWHERE && a->address[0] == '\0' && a->uuid[0] == '\0')
        return "the device cannot be told from others";
    if (a->platform != HAL_NOWHERE && a->platform > 65535)
        return "there are not so many platforms";
    return NULL;
}

/* What a well-formed record must not claim. */
static const char *object_to(const hal_vendor *vendor, const hal_answer *a)
{
    if (hal_vendor_find(a->api) == NULL)
        return "there is no vendor of that name";
    if (vendor != NULL && strcmp(vendor->name, a->api) != 0)
        return "another vendor was asked";
    if (vendor != NULL && a->kind == HAL_ANSWER_LIBRARY && a->state > HAL_LIBRARY_FAILED)
        return "a child cannot say that of itself";
    return a->kind == HAL_ANSWER_DEVICE ? object_to_device(a) : NULL;
}

static bool check_line(const hal_vendor *vendor, const char *line, size_t length, hal_answer *a, char *why,
                       size_t size)
{
    if (!hal_answer_parse(line, length, a, why, size))
        return false;
    const char *wrong = object_to(vendor, a);
    if (wrong != NULL)
        snprintf(why, size, "%s", wrong);
    return wrong == NULL;
}

typedef struct reading {
    const hal_vendor *vendor;
    const char *origin;
    hal_answers *into; /* NULL: only check */
    uint32_t first;    /* fact of this text */
    uint32_t line, libraries, records;
} reading;

static hal_status read_line(reading *r, const char *line, size_t length)
{
    char why[200];
    hal_answer a;
    r->line++;
    if (length == 0 || line[0] == '#')
        return HAL_OK;
    if (!check_line(r->vendor, line, length, &a, why, sizeof why))
        return HAL_FAIL(INVALID_ARGUMENT, "%s, line %u: %s", r->origin, r->line, why);
    if (++r->records > HAL_ANSWER_MOST)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: more than %u records", r->origin, HAL_ANSWER_MOST);
    r->libraries += a.kind == HAL_ANSWER_LIBRARY;
    return r->into != NULL ? add(r->into, r->first, &a) : HAL_OK;
}

static hal_status read_lines(reading *r, const char *text, size_t bytes)
{
    for (const char *p = text, *end = text + bytes; p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        HAL_TRY(read_line(r, p, (size_t)((stop != NULL ? stop : end) - p)));
        p = stop != NULL ? stop + 1 : end;
    }
    return HAL_OK;
}

hal_status hal_answers_read(hal_answers *answers, const hal_vendor *vendor, const char *origin,
                            const char *text, size_t bytes)
{
    const uint32_t item = answers->n_items, fact = answers->n_facts;
    reading check = {.vendor = vendor, .origin = origin},
            r = {.vendor = vendor, .origin = origin, .into = answers, .first = fact};
    HAL_TRY(read_lines(&check, text, bytes));
    if (vendor != NULL && check.libraries != 1)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: %u records of a library where one is due", origin,
                        check.libraries);
    HAL_TRY(read_lines(&r, text, bytes));
    if (vendor != NULL)
        number_platforms(answers, item);
    return complete(answers, item, fact);
}

hal_status hal_answers_add(hal_answers *answers, const hal_answer *library)
{
    return add_library(answers, library);
}

/* --------------------------------------------------------------------------------------------- looking -- */

int64_t hal_answers_when(const hal_answers *answers)
{
    int64_t when = 0;
    for (uint32_t i = 0; i < answers->n_facts; i++)
        when = answers->facts[i].when > when ? answers->facts[i].when : when;
    return when;
}

uint32_t hal_answers_count(const hal_answers *answers)
{
    return answers->n_items;
}

const hal_answer *hal_answers_at(const hal_answers *answers, uint32_t index)
{
    return index < answers->n_items ? &answers->items[index] : NULL;
}

const hal_vendor_fact *hal_answers_facts(const hal_answers *answers, uint32_t *count)
{
    *count = answers->n_facts;
    return answers->facts;
}

/* A word of a list that is separated by blanks. */
static bool lists(const char *list, const char *word)
{
    const size_t length = strlen(word);
    for (const char *p = list; length > 0 && (p = strstr(p, word)) != NULL; p += length)
        if ((p == list || p[-1] == ' ') && (p[length] == ' ' || p[length] == '\0'))
            return true;
    return false;
}

/* The better one knows more: devices, none, a cause, no library at all. */
static int merit(uint32_t end)
{
    return end == HAL_FACT_DEVICES   ? 4
           : end == HAL_FACT_NONE    ? 3
           : end == HAL_FACT_UNASKED ? 0
           : end == HAL_FACT_ABSENT  ? 1
                                     : 2;
}

const hal_vendor_fact *hal_answers_teller(const hal_answers *answers, uint32_t index)
{
    return index < answers->n_items ? &answers->facts[answers->owners[index]] : NULL;
}

const hal_vendor_fact *hal_answers_fact_of(const hal_answers *answers, const char *family)
{
    const hal_vendor_fact *best = NULL;
    for (uint32_t i = 0; i < answers->n_facts; i++) {
        const hal_vendor_fact *f = &answers->facts[i];
        if (lists(f->families, family) && (best == NULL || merit(f->end) > merit(best->end)))
            best = f;
    }
    return best;
}
