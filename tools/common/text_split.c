/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/text_split.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum { MATCH_LIMIT = 1000000, HEAP_LIMIT_KIB = 65536, PATTERN_LIMIT = 65536 };

struct text_split {
    size_t count;
    pcre2_code *stages[TEXT_SPLIT_MAX_STAGES];
    pcre2_match_context *limits;
};

/* One run over a text: its own match data, so that runs of several threads do not meet. */
typedef struct run {
    const text_split *split;
    pcre2_match_data *matches[TEXT_SPLIT_MAX_STAGES];
    text_split_fn visit;
    void *context;
    tool_error *err;
} run;

int text_split_create(text_split **out, tool_error *err)
{
    text_split *object = calloc(1, sizeof *object);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    if (!object || !limits) {
        free(object);
        pcre2_match_context_free(limits);
        return tool_fail(err, TOOL_INTERNAL, "no memory for a pre-tokenizer");
    }
    pcre2_set_match_limit(limits, MATCH_LIMIT);
    pcre2_set_heap_limit(limits, HEAP_LIMIT_KIB);
    object->limits = limits;
    *out = object;
    return 0;
}

void text_split_free(text_split *object)
{
    if (object) {
        for (size_t i = 0; i < object->count; i++) {
            pcre2_code_free(object->stages[i]);
        }
        pcre2_match_context_free(object->limits);
        free(object);
    }
}

int text_split_add(text_split *object, const char *pattern, bool literal, tool_error *err)
{
    if (object->count == TEXT_SPLIT_MAX_STAGES) {
        return tool_fail(err, TOOL_BAD_INPUT, "more than %d pre-tokenizers in a row", TEXT_SPLIT_MAX_STAGES);
    }
    if (!*pattern || strlen(pattern) > PATTERN_LIMIT) {
        return tool_fail(err, TOOL_BAD_INPUT, "an empty pattern, or one beyond %d bytes", PATTERN_LIMIT);
    }
    int number;
    PCRE2_SIZE offset;
    uint32_t options = PCRE2_UTF | (literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_NEVER_BACKSLASH_C);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED, options, &number, &offset, NULL);
    if (!code) {
        char reason[256] = "";
        pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof reason);
        return tool_fail(err, TOOL_BAD_INPUT, "the pattern \"%.200s\" fails at %zu: %s", pattern, offset,
                         reason);
    }
    /* Faster where there is a JIT; without one the interpreter does the same. */
    pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
    object->stages[object->count++] = code;
    return 0;
}

/* Length of the character that a byte leads, or 0; and the range of its second byte, which excludes overlong
 * forms, surrogates and what is beyond U+10FFFF. */
static size_t lead_length(unsigned lead, unsigned *low, unsigned *high)
{
    *low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    *high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xc2 || lead > 0xf4) {
        return 0;
    }
    return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

/* Bytes of the well-formed UTF-8 character at text, or 0. */
static size_t character_bytes(const unsigned char *text, size_t left)
{
    unsigned low;
    unsigned high;
    size_t length = lead_length(text[0], &low, &high);
    if (length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (text[i] < low || text[i] > high) {
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return length;
}

static int run_stage(const run *work, size_t stage, const char *text, size_t bytes);

static int emit(const run *work, size_t stage, const char *text, size_t bytes)
{
    return bytes == 0 ? 0 : run_stage(work, stage + 1, text, bytes);
}

static int fail_match(const run *work, int number)
{
    char reason[256] = "";
    pcre2_get_error_message(number, (PCRE2_UCHAR *)reason, sizeof reason);
    return tool_fail(work->err, TOOL_BAD_INPUT, "a pattern of the tokenizer fails on the text: %s", reason);
}

/* The text is known to be UTF-8: a check at each match would make the run quadratic. */
static int run_stage(const run *work, size_t stage, const char *text, size_t bytes)
{
    if (stage == work->split->count) {
        return work->visit(work->context, text, bytes, work->err);
    }
    pcre2_match_data *match = work->matches[stage];
    size_t done = 0;
    size_t at = 0;
    while (at < bytes) {
        int found = pcre2_match(work->split->stages[stage], (PCRE2_SPTR)text, bytes, at,
                                PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY, match, work->split->limits);
        if (found == PCRE2_ERROR_NOMATCH) {
            break;
        }
        if (found < 0) {
            return fail_match(work, found);
        }
        const PCRE2_SIZE *range = pcre2_get_ovector_pointer(match);
        size_t begin = range[0];
        size_t end = range[1];
        if (begin < done || end <= begin) {
            /* \K in a lookahead: not a match one could cut by. */
            return tool_fail(work->err, TOOL_BAD_INPUT, "a pattern of the tokenizer matches backwards");
        }
        int code = emit(work, stage, text + done, begin - done);
        code = code ? code : emit(work, stage, text + begin, end - begin);
        if (code) {
            return code;
        }
        done = at = end;
    }
    return emit(work, stage, text + done, bytes - done);
}

/* Alternate runs of good and bad UTF-8. */
static int run_all(const run *work, const char *text, size_t bytes)
{
    size_t start = 0;
    size_t at = 0;
    while (at < bytes) {
        size_t length = character_bytes((const unsigned char *)text + at, bytes - at);
        if (length > 0) {
            at += length;
            continue;
        }
        int code = at > start ? run_stage(work, 0, text + start, at - start) : 0;
        start = at;
        while (at < bytes && character_bytes((const unsigned char *)text + at, bytes - at) == 0) {
            at++;
        }
        code = code ? code : work->visit(work->context, text + start, at - start, work->err);
        if (code) {
            return code;
        }
        start = at;
    }
    return at > start ? run_stage(work, 0, text + start, at - start) : 0;
}

int text_split_run(const text_split *object, const char *text, size_t bytes, text_split_fn visit,
                   void *context, tool_error *err)
{
    run work = {.split = object, .visit = visit, .context = context, .err = err};
    if (object->count == 0) {
        return bytes > 0 ? visit(context, text, bytes, err) : 0;
    }
    int code = 0;
    for (size_t i = 0; i < object->count; i++) {
        work.matches[i] = pcre2_match_data_create(1, NULL);
        if (!work.matches[i]) {
            code = tool_fail(err, TOOL_INTERNAL, "no memory to split text");
        }
    }
    code = code ? code : run_all(&work, text, bytes);
    for (size_t i = 0; i < object->count; i++) {
        pcre2_match_data_free(work.matches[i]);
    }
    return code;
}
