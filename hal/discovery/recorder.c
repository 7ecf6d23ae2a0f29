/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/recorder.h"

#include <errno.h>
#include <stdlib.h>

hal_recorder *hal_recorder_of(const hal_files *files)
{
    return files->state;
}

/* Errors of the answer, not of remembering the question, are what the caller sees: errno is set after this.
 */
static const hal_files *note(const hal_files *files, const char *path, hal_asked asked, size_t bytes)
{
    hal_recorder *r = files->state;
    char *copy = hal_string_copy(files->allocator, path);
    if (copy == NULL || !hal_array_grow(files->allocator, (void **)&r->questions, r->n_questions,
                                        &r->capacity, sizeof *r->questions)) {
        hal_deallocate(files->allocator, copy);
        r->starved = true;
        return r->inner;
    }
    r->questions[r->n_questions++] = (hal_question){copy, bytes, asked};
    return r->inner;
}

static ssize_t ask_read(const hal_files *files, const char *path, char *text, size_t size)
{
    const hal_files *inner = note(files, path, HAL_ASKED_BYTES, size);
    return inner->source->read(inner, path, text, size);
}

static char *ask_load(const hal_files *files, const char *path, size_t *bytes)
{
    const hal_files *inner = note(files, path, HAL_ASKED_BYTES, SIZE_MAX);
    return inner->source->load(inner, path, bytes);
}

static bool ask_list(const hal_files *files, const char *path, hal_names *names)
{
    const hal_files *inner = note(files, path, HAL_ASKED_LIST, 0);
    return inner->source->list(inner, path, names);
}

static bool ask_link(const hal_files *files, const char *path, char *target, size_t size)
{
    const hal_files *inner = note(files, path, HAL_ASKED_ABOUT, 0);
    return inner->source->link(inner, path, target, size);
}

static bool ask_resolve(const hal_files *files, const char *path, char *real, size_t size)
{
    const hal_files *inner = note(files, path, HAL_ASKED_ABOUT, 0);
    return inner->source->resolve(inner, path, real, size);
}

static bool ask_stat(const hal_files *files, const char *path, hal_file_facts *facts)
{
    const hal_files *inner = note(files, path, HAL_ASKED_ABOUT, 0);
    return inner->source->stat(inner, path, facts);
}

static int ask_access(const hal_files *files, const char *path, bool write)
{
    const hal_files *inner = note(files, path, HAL_ASKED_ABOUT, 0);
    return inner->source->access(inner, path, write);
}

static const char *ask_env(const hal_files *files, const char *name)
{
    return hal_files_env(note(files, name, HAL_ASKED_ENV, 0), name);
}

/* The inner one stays open, and what of it was lent is its own. */
static void close_recorder(hal_files *files)
{
    hal_recorder *r = files->state;
    files->environment = files->identity = NULL;
    files->groups = NULL;
    for (uint32_t i = 0; i < r->n_questions; i++)
        hal_deallocate(files->allocator, r->questions[i].path);
    hal_deallocate(files->allocator, r->questions);
    hal_deallocate(files->allocator, r);
}

static const hal_files_source recorder = {
    .read = ask_read,
    .load = ask_load,
    .list = ask_list,
    .link = ask_link,
    .resolve = ask_resolve,
    .stat = ask_stat,
    .access = ask_access,
    .close = close_recorder,
    .env = ask_env,
};

hal_files *hal_recorder_open(const hal_files *inner)
{
    hal_files *files = hal_allocate(inner->allocator, sizeof *files);
    hal_recorder *r = hal_allocate(inner->allocator, sizeof *r);
    if (files == NULL || r == NULL) {
        hal_deallocate(inner->allocator, files);
        hal_deallocate(inner->allocator, r);
        return NULL;
    }
    r->inner = inner;
    *files = *inner;
    files->allocator = inner->allocator != NULL ? &files->copy : NULL;
    files->source = &recorder;
    files->state = r;
    return files;
}
