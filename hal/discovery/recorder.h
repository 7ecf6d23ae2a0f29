/* SPDX-License-Identifier: Apache-2.0 */
/* A source of facts that passes every question on to another one and remembers it: what gather has to write. */
#ifndef HAL_DISCOVERY_RECORDER_H
#define HAL_DISCOVERY_RECORDER_H

#include "hal/discovery/files_source.h"

typedef enum hal_asked {
    HAL_ASKED_ABOUT, /* whether it is there, and what it is */
    HAL_ASKED_LIST,  /* for its names */
    HAL_ASKED_BYTES, /* for its content */
    HAL_ASKED_ENV    /* an environment variable of that name */
} hal_asked;

typedef struct hal_question {
    char *path;
    size_t bytes; /* at most so many of its content; SIZE_MAX all */
    uint32_t asked;
} hal_question;

typedef struct hal_recorder {
    const hal_files *inner;
    hal_question *questions;
    uint32_t n_questions, capacity;
    bool starved; /* one was forgotten, as there was no memory for it */
} hal_recorder;

/* NULL when out of memory. Closed by hal_files_close; `inner` is the caller's. One thread. */
hal_files *hal_recorder_open(const hal_files *inner);
/* What was asked so far, in order of path. */
hal_recorder *hal_recorder_of(const hal_files *files);

#endif
