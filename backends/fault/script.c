/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LINE = 256, MAX_WORDS = 6 };

/* Where the reader is, for its errors. */
typedef struct place {
    const hal_host *host;
    const char *path;
    uint32_t line;
} place;

static hal_status refuse(const place *at, const char *expected)
{
    return at->host->fail(at->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_INVALID_ARGUMENT), 0,
                          "fault: %s:%u: %s expected; mend the script", at->path, at->line, expected);
}

/* Cuts a line into words in place; more than MAX_WORDS are counted, not kept. */
static uint32_t split(char *line, char **words)
{
    static const char blanks[] = " \t\r\n\v\f";
    uint32_t n = 0;
    char *rest = NULL;
    line[strcspn(line, "#")] = '\0';
    for (char *w = strtok_r(line, blanks, &rest); w != NULL; w = strtok_r(NULL, blanks, &rest), n++)
        if (n < MAX_WORDS)
            words[n] = w;
    return n;
}

static bool read_count(const char *word, uint64_t *n)
{
    uint64_t value = 0;
    if (word[0] == '\0' || strspn(word, "0123456789") != strlen(word))
        return false;
    for (; *word; word++)
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(*word - '0'), &value))
            return false;
    *n = value;
    return value > 0;
}

/* Index of `word` in a list that ends with NULL; -1 when it is not there. */
static int find_word(const char *word, const char *const *list)
{
    for (int i = 0; list[i] != NULL; i++)
        if (strcmp(word, list[i]) == 0)
            return i;
    return -1;
}

/* The action of that name where calls of `kind` can end so, else FAULT_NONE. */
static fault_action action_of(fault_kind kind, const char *word)
{
    static const char *const names[] = {"fail", "oom", "short", "hang", NULL};
    static const fault_action actions[] = {FAULT_FAIL, FAULT_OOM, FAULT_SHORT, FAULT_HANG};
    static const bool allowed[FAULT_LOST][4] = {
        [FAULT_ALLOC] = {true, true, false, false},
        [FAULT_COPY] = {true, false, true, true},
        [FAULT_COMPILE] = {true, false, false, false},
        [FAULT_SUBMIT] = {true, false, false, true},
    };
    int i = find_word(word, names);
    return i >= 0 && allowed[kind][i] ? actions[i] : FAULT_NONE;
}

/* Words behind the kind: WHEN and the action. */
static hal_status read_call(const place *at, char **words, uint32_t n, fault_rule *rule)
{
    static const char *const expected[FAULT_LOST] = {
        [FAULT_ALLOC] = "\"alloc [every|from] N fail|oom\"",
        [FAULT_COPY] = "\"copy [every|from] N fail|short|hang\"",
        [FAULT_COMPILE] = "\"compile [every|from] N fail\"",
        [FAULT_SUBMIT] = "\"submit [every|from] N fail|hang\"",
    };
    const char *form = expected[rule->kind];
    rule->when = FAULT_ONCE;
    if (n == 3 && strcmp(words[0], "every") == 0)
        rule->when = FAULT_EVERY;
    else if (n == 3 && strcmp(words[0], "from") == 0)
        rule->when = FAULT_FROM;
    else if (n != 2)
        return refuse(at, form);
    if (!read_count(words[n - 2], &rule->n))
        return refuse(at, form);
    rule->action = action_of(rule->kind, words[n - 1]);
    return rule->action != FAULT_NONE ? HAL_OK : refuse(at, form);
}

static hal_status read_lost(const place *at, char **words, uint32_t n, fault_rule *rule)
{
    bool late = n == 2 && strcmp(words[1], "late") == 0;
    rule->when = FAULT_ONCE;
    rule->action = late ? FAULT_LOSE_LATE : FAULT_LOSE;
    return (n == 1 || late) && read_count(words[0], &rule->n) ? HAL_OK : refuse(at, "\"lost K [late]\"");
}

static hal_status read_wrap(const place *at, char **words, uint32_t n, fault_script *script)
{
    if (n != 1 || strlen(words[0]) >= sizeof script->wrap || strcmp(words[0], "fault") == 0)
        return refuse(at, "\"wrap NAME\" with the name of another backend");
    snprintf(script->wrap, sizeof script->wrap, "%s", words[0]);
    return HAL_OK;
}

static hal_status read_rule(const place *at, char **words, uint32_t n, fault_script *script)
{
    static const char *const kinds[] = {"alloc", "copy", "compile", "submit", "lost", NULL};
    int kind = find_word(words[0], kinds);
    if (kind < 0)
        return refuse(at, "wrap, private, alloc, copy, compile, submit or lost");
    if (script->n_rules == FAULT_MAX_RULES)
        return refuse(at, "at most 64 rules");
    fault_rule rule = {.kind = (fault_kind)kind};
    HAL_TRY(rule.kind == FAULT_LOST ? read_lost(at, words + 1, n - 1, &rule)
                                    : read_call(at, words + 1, n - 1, &rule));
    script->rules[script->n_rules++] = rule;
    return HAL_OK;
}

static hal_status read_line(const place *at, char *line, fault_script *script)
{
    char *words[MAX_WORDS];
    uint32_t n = split(line, words);
    if (n == 0)
        return HAL_OK;
    if (n > MAX_WORDS)
        return refuse(at, "fewer words");
    if (strcmp(words[0], "wrap") == 0)
        return read_wrap(at, words + 1, n - 1, script);
    if (strcmp(words[0], "private") == 0 && n == 1) {
        script->private_memory = true;
        return HAL_OK;
    }
    return read_rule(at, words, n, script);
}

/* A line that fills the buffer without its end, or one with a NUL inside, is no text of ours. */
static bool whole_line(const char *line, FILE *file)
{
    size_t n = strlen(line);
    return n > 0 && (line[n - 1] == '\n' || feof(file));
}

static hal_status read_file(FILE *file, place *at, fault_script *script)
{
    char line[MAX_LINE];
    while (fgets(line, sizeof line, file) != NULL) {
        at->line++;
        if (!whole_line(line, file))
            return refuse(at, "a line of at most 254 characters of text");
        HAL_TRY(read_line(at, line, script));
    }
    if (!ferror(file))
        return HAL_OK;
    return at->host->fail(at->host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_IO), errno,
                          "fault: reading the script %s failed: %s", at->path, strerror(errno));
}

hal_status fault_script_read(const hal_host *host, const char *path, fault_script *script)
{
    place at = {host, path, 0};
    fault_script read = {.wrap = "cpu"};
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return host->fail(host->context, HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_IO), errno,
                          "fault: the script %s cannot be opened: %s; name a file that can be read", path,
                          strerror(errno));
    hal_status status = read_file(file, &at, &read);
    fclose(file);
    if (status == HAL_OK)
        *script = read;
    return status;
}

static bool applies(const fault_rule *rule, fault_kind kind, uint64_t n)
{
    if (rule->kind != kind)
        return false;
    if (rule->when == FAULT_EVERY)
        return n % rule->n == 0;
    return rule->when == FAULT_FROM ? n >= rule->n : n == rule->n;
}

fault_action fault_script_find(const fault_script *script, fault_kind kind, uint64_t n)
{
    for (uint32_t i = 0; i < script->n_rules; i++)
        if (applies(&script->rules[i], kind, n))
            return script->rules[i].action;
    return FAULT_NONE;
}
