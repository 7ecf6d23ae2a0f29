/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum action { CODE, HANG, STUCK, ABORT } action;

/* The calls `at`, or from there on, of `name`. */
typedef struct rule {
    char name[48];
    uint64_t at;
    bool on;
    action action;
    int code;
} rule;

/* Written between sessions only, so that it needs no lock. */
static struct {
    rule rules[16];
    unsigned n;
    int64_t limits[LIMITS];
    int callback;
    bool broken;
    char until[512];
} script;

static _Atomic uint64_t counts[SCRIPT_CALLS + 1];
static _Atomic bool let_go;
static const char *_Atomic failed = "";

/* ------------------------------------------------------------------------------------------- reading -- */

static void wrong(const char *word) {
    fprintf(stderr, "shim: \"%s\" is not understood\n", word);
    abort();
}

static void read_rule(const char *word) {
    rule *r = &script.rules[script.n++];
    char sign[3], what[32];
    unsigned long long at = 0;
    if (script.n > sizeof script.rules / sizeof script.rules[0] ||
        sscanf(word, "%47[^@]@%llu%2[+=]%31s", r->name, &at, sign, what) != 4) wrong(word);
    r->at = at;
    r->on = strcmp(sign, "+=") == 0;
    r->action = strcmp(what, "hang") == 0 ? HANG : strcmp(what, "stuck") == 0 ? STUCK : strcmp(what, "abort") == 0 ? ABORT : CODE;
    r->code = atoi(what);
    if (r->action == CODE && r->code >= 0) wrong(word);
}

static bool read_limit(const char *word) {
    static const char *const names[LIMITS] = {"block", "local", "group", "memory", "fp64", "fp16", "version"};
    const size_t n = strcspn(word, "=");
    for (unsigned i = 0; i < LIMITS; i++)
        if (strlen(names[i]) == n && strncmp(names[i], word, n) == 0) {
            script.limits[i] = strtoll(word + n + 1, NULL, 0);
            return true;
        }
    return false;
}

static void read_word(const char *word) {
    if (strcmp(word, "abort") == 0) {
        fprintf(stderr, "shim: told to abort where it is loaded\n");
        abort();
    }
    if (strcmp(word, "broken") == 0) script.broken = true;
    else if (strchr(word, '@')) read_rule(word);
    else if (strncmp(word, "until=", 6) == 0) snprintf(script.until, sizeof script.until, "%s", word + 6);
    else if (strncmp(word, "callback=", 9) == 0) script.callback = strcmp(word + 9, "never") == 0 ? 1 : atoi(word + 9);
    else if (!read_limit(word)) wrong(word);
}

void script_read(const char *text) {
    char copy[2048], *rest = copy;
    memset(&script, 0, sizeof script);
    for (unsigned i = 0; i < LIMITS; i++) script.limits[i] = -1;
    for (unsigned i = 0; i <= SCRIPT_CALLS; i++) counts[i] = 0;
    let_go = false;
    failed = "";
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word; (word = strsep(&rest, ",")) != NULL;)
        if (*word != '\0') read_word(word);
}

/* --------------------------------------------------------------------------------------------- doing -- */

static void hang(void) {
    while (!let_go && (script.until[0] == '\0' || access(script.until, F_OK) != 0)) usleep(2000);
}

void script_let_go(void) { let_go = true; }

static int act(const rule *r, const char *name) {
    failed = name;
    switch (r->action) {
    case HANG: hang(); return 0;
    case STUCK: return let_go ? 0 : SCRIPT_STUCK;
    case ABORT: fprintf(stderr, "shim: told to abort in %s\n", name); abort();
    default: return r->code;
    }
}

int script_enter(const char *name, unsigned number) {
    const uint64_t of_any = ++counts[SCRIPT_CALLS], of_it = ++counts[number];
    for (unsigned i = 0; i < script.n; i++) {
        const rule *r = &script.rules[i];
        const bool any = strcmp(r->name, "*") == 0;
        const uint64_t n = any ? of_any : of_it;
        if ((any || strcmp(r->name, name) == 0) && (r->on ? n >= r->at : n == r->at)) return act(r, name);
    }
    return 0;
}

uint64_t script_calls(unsigned number) { return counts[number]; }
const char *script_failed(void) { return failed; }
int64_t script_limit(limit which) { return script.limits[which]; }
int script_callback(void) { return script.callback; }
bool script_breaks_sources(void) { return script.broken; }
