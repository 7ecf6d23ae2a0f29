/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON to a stream, members in the order of calls. A key of NULL writes an element of an array.
 * Invalid UTF-8 becomes U+FFFD, so that what is written is always JSON.
 */
#ifndef HAL_TOPOLOGY_JSON_H
#define HAL_TOPOLOGY_JSON_H

#include "hal/topology/model.h"

#include <stdio.h>

/* Texts that are not told, and what stands for them. */
typedef struct hal_secret {
    const char *text;
    size_t length;
    char stand_in[24];
} hal_secret;
typedef struct hal_redaction {
    hal_secret *secrets;
    uint32_t count, room;
} hal_redaction;
/* Host name, serial numbers and UUIDs of `t`. OUT_OF_MEMORY. */
hal_status hal_redaction_create(const hal_topology *t, hal_redaction *redaction);
void hal_redaction_free(const hal_topology *t, hal_redaction *redaction);
/* The secret that `text` begins with, or NULL; a directory of somebody's home counts too: its name is
 * `length` bytes. */
const char *hal_redaction_match(const hal_redaction *redaction, const char *text, const char *begin,
                                size_t *length);

typedef struct hal_json {
    FILE *stream;
    const hal_redaction *redaction; /* or NULL */
    bool compact;
    bool inner;           /* something stands before in this object or array */
    uint32_t depth, flat; /* at this depth and below everything stays on one line; 0: never */
} hal_json;

void hal_json_open(hal_json *json, const char *key, char bracket);
/* The same for a small object or array: all of it in one line. */
void hal_json_open_flat(hal_json *json, const char *key, char bracket);
void hal_json_close(hal_json *json, char bracket);
void hal_json_null(hal_json *json, const char *key);
void hal_json_bool(hal_json *json, const char *key, bool value);
void hal_json_integer(hal_json *json, const char *key, int64_t value);
/* The shortest of 15 and 17 digits that reads back as `value`; the caller has set the C locale. */
void hal_json_real(hal_json *json, const char *key, double value);
/* "" is written as null. */
void hal_json_text(hal_json *json, const char *key, const char *text);
void hal_json_hex(hal_json *json, const char *key, uint32_t value, int digits);
/* HAL_NOWHERE is written as null. */
void hal_json_number(hal_json *json, const char *key, uint32_t value);
/* Seconds since 1970 as "2026-11-20T12:00:00Z"; 0 as null. */
void hal_json_date(hal_json *json, const char *key, int64_t seconds);
void hal_json_figure(hal_json *json, const char *key, const hal_figure *figure);

#endif
