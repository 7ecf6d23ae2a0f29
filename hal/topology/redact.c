/* SPDX-License-Identifier: Apache-2.0 */
/* What is not told about a machine: its name, serial numbers, UUIDs, and whose home a path leads into.
   Stand-ins are counted in the order of devices, so that two descriptions of one machine agree. */
#include "hal/topology/json.h"

#include <ctype.h>

#define SHORTEST 4u /* a shorter text would turn up inside of words */

static bool is_known(const hal_redaction *r, const char *text)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (strcmp(r->secrets[i].text, text) == 0)
            return true;
    return false;
}

static bool add(const hal_topology *t, hal_redaction *r, const char *text, const char *noun)
{
    if (strlen(text) < SHORTEST || is_known(r, text))
        return true;
    if (!hal_array_grow(&t->allocator, (void **)&r->secrets, r->count, &r->room, sizeof *r->secrets))
        return false;
    hal_secret *s = &r->secrets[r->count];
    *s = (hal_secret){.text = text, .length = strlen(text)};
    snprintf(s->stand_in, sizeof s->stand_in, "%s-%u", noun, r->count);
    r->count++;
    return true;
}

hal_status hal_redaction_create(const hal_topology *t, hal_redaction *redaction)
{
    hal_redaction r = {0};
    bool done = add(t, &r, t->host.name, "host");
    for (uint32_t i = 0; done && i < t->n_devices; i++)
        done = add(t, &r, t->devices[i].uuid, "uuid") && add(t, &r, t->devices[i].serial, "serial");
    if (!done) {
        hal_redaction_free(t, &r);
        return HAL_FAIL(OUT_OF_MEMORY, "the list of names to leave out does not fit into memory; free some");
    }
    *redaction = r;
    return HAL_OK;
}

void hal_redaction_free(const hal_topology *t, hal_redaction *redaction)
{
    hal_deallocate(&t->allocator, redaction->secrets);
    *redaction = (hal_redaction){0};
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* "/home/NAME": the name. */
static const char *match_home(const char *text, const char *begin, size_t *length)
{
    if (text - begin < 6 || strncmp(text - 6, "/home/", 6) != 0 || *text == '/')
        return NULL;
    *length = strcspn(text, "/ \t\"'");
    return *length > 0 ? "user" : NULL;
}

const char *hal_redaction_match(const hal_redaction *redaction, const char *text, const char *begin,
                                size_t *length)
{
    const bool starts_word = text == begin || !is_word(text[-1]);
    for (uint32_t i = 0; starts_word && i < redaction->count; i++) {
        const hal_secret *s = &redaction->secrets[i];
        if (s->text[0] == text[0] && strncmp(s->text, text, s->length) == 0 && !is_word(text[s->length])) {
            *length = s->length;
            return s->stand_in;
        }
    }
    return match_home(text, begin, length);
}
