/* SPDX-License-Identifier: Apache-2.0 */
/* Records of vendors' answers as lines of text. Links nothing of hal, for hal-probe writes them too. */
#include "hal/discovery/answer.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum form { TEXT, ADDRESS, NUMBER, INDEX, LONG, CODE, WORD } form;

/* What a record of each kind may tell. */
#define L            (1u << HAL_ANSWER_LIBRARY)
#define D            (1u << HAL_ANSWER_DEVICE)
#define E            (1u << HAL_ANSWER_LINK)
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static const char *const kinds[] = {"library", "device", "link"};
static const char *const types[] = {"cpu", "gpu", "npu", "nic", "switch", "other"};
static const char *const states[] = {"ok",   "absent", "lacks", "old",     "failed",
                                     "died", "late",   "left",  "garbage", "unasked"};

static const char *const copies[] = {"unknown", "native", "direct", "staged", "none"};

static const struct field {
    const char *key;
    form form;
    unsigned kinds;
    size_t offset, size;
    const char *const *words;
    size_t n_words;
} fields[] = {
#define AT(member) offsetof(hal_answer, member), sizeof(((hal_answer *)0)->member)
    {"api", TEXT, L | D | E, AT(api), NULL, 0},
    {"state", WORD, L, AT(state), states, COUNT(states)},
    {"type", WORD, D, AT(type), types, COUNT(types)},
    {"platform", INDEX, D | E, AT(platform), NULL, 0},
    {"index", INDEX, D | E, AT(index), NULL, 0},
    {"address", ADDRESS, D | E, AT(address), NULL, 0},
    {"uuid", TEXT, D, AT(uuid), NULL, 0},
    {"parent", TEXT, D, AT(parent), NULL, 0},
    {"part", TEXT, D, AT(part), NULL, 0},
    {"peer_index", INDEX, E, AT(peer_index), NULL, 0},
    {"peer", ADDRESS, E, AT(peer), NULL, 0},
    {"link", TEXT, E, AT(link), NULL, 0},
    {"path", TEXT, E, AT(path), NULL, 0},
    {"generation", NUMBER, E, AT(generation), NULL, 0},
    {"lanes", NUMBER, E, AT(lanes), NULL, 0},
    {"hops", NUMBER, E, AT(hops), NULL, 0},
    {"copy", WORD, E, AT(copy), copies, COUNT(copies)},
    {"bandwidth", LONG, E, AT(bandwidth), NULL, 0},
    {"name", TEXT, D, AT(name), NULL, 0},
    {"platform_name", TEXT, L | D, AT(platform_name), NULL, 0},
    {"serial", TEXT, D, AT(serial), NULL, 0},
    {"memory", LONG, D, AT(memory), NULL, 0},
    {"free", LONG, D, AT(free), NULL, 0},
    {"shared", NUMBER, D, AT(shared), NULL, 0},
    {"cores", NUMBER, D, AT(cores), NULL, 0},
    {"features", TEXT, D, AT(features), NULL, 0},
    {"driver", TEXT, L | D, AT(driver), NULL, 0},
    {"user", TEXT, L | D, AT(user), NULL, 0},
    {"required", TEXT, L | D, AT(required), NULL, 0},
    {"firmware", TEXT, L | D, AT(firmware), NULL, 0},
    {"library", TEXT, L, AT(library), NULL, 0},
    {"manifest", TEXT, L, AT(manifest), NULL, 0},
    {"code", CODE, L, AT(code), NULL, 0},
    {"when", LONG, L, AT(when), NULL, 0},
    {"took", LONG, L, AT(took), NULL, 0},
    {"text", TEXT, L, AT(text), NULL, 0},
#undef AT
};

void hal_answer_init(hal_answer *answer, hal_answer_kind kind, const char *api)
{
    memset(answer, 0, sizeof *answer);
    answer->kind = kind;
    answer->type = HAL_DEVICE_OTHER;
    answer->platform = answer->index = answer->peer_index = HAL_NOWHERE;
    snprintf(answer->api, sizeof answer->api, "%s", api);
}

static bool lower_hex(const char *p, size_t n)
{
    return strspn(p, "0123456789abcdef") >= n;
}

/* "0000:1b:00.0", or eight digits of the domain. */
static bool is_address(const char *p)
{
    size_t domain = strspn(p, "0123456789abcdef");
    return (domain == 4 || domain == 8) && p[domain] == ':' && strlen(p) == domain + 8 &&
           lower_hex(p + domain + 1, 2) && p[domain + 3] == ':' && lower_hex(p + domain + 4, 2) &&
           p[domain + 6] == '.' && p[domain + 7] >= '0' && p[domain + 7] <= '7';
}

/* Bytes that a character which begins so has in UTF-8, 0 for bytes that none begins with. */
static size_t begins(unsigned char c)
{
    if (c < 0x80)
        return 1;
    return c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
}

/* Least second byte of those that are not spelled longer than need be, nor a control character. */
static unsigned char least_second(unsigned char c)
{
    return c == 0xe0 || c == 0xc2 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
}

/* Bytes of the printable character at `p`, 0 when there is none: control characters and what is not UTF-8. */
static size_t character(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    const size_t n = begins(p[0]);
    if (n <= 1)
        return n == 1 && p[0] >= 0x20 && p[0] != 0x7f;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    const unsigned char most = p[0] == 0xed   ? 0x9f
                               : p[0] == 0xf4 ? 0x8f
                                              : 0xbf; /* surrogates; the end of Unicode */
    return p[1] >= least_second(p[0]) && p[1] <= most ? n : 0;
}

/* --------------------------------------------------------------------------------------------- writing -- */

/* A copy without blanks around it, other characters replaced. */
static void clean(const char *text, size_t room, char *out)
{
    size_t used = 0;
    text += strspn(text, " \t\n");
    for (size_t n; text[0] != '\0' && used + 5 < room; text += n) {
        n = character(text);
        if (n > 0)
            memcpy(out + used, text, n);
        else
            out[used] = '?';
        used += n > 0 ? n : 1;
        n = n > 0 ? n : 1;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
}

static uint64_t number_at(const struct field *f, const hal_answer *answer)
{
    const char *p = (const char *)answer + f->offset;
    uint32_t narrow;
    uint64_t wide;
    memcpy(&narrow, p, sizeof narrow);
    if (f->size == sizeof narrow)
        return narrow;
    memcpy(&wide, p, sizeof wide);
    return wide;
}

/* The text of one member; "" when it tells nothing. */
static void print_field(const struct field *f, const hal_answer *answer, char *value, size_t size)
{
    const char *text = (const char *)answer + f->offset;
    value[0] = '\0';
    if (f->form == TEXT || f->form == ADDRESS) {
        clean(text, size < f->size + 5 ? size : f->size + 5, value);
        if (f->form == ADDRESS && !is_address(value))
            value[0] = '\0';
        return;
    }
    uint64_t n = number_at(f, answer);
    if (f->form == WORD)
        snprintf(value, size, "%s", f->words[n < f->n_words ? n : f->n_words - 1]);
    else if (f->form == CODE && n != 0)
        snprintf(value, size, "%" PRId32, (int32_t)(uint32_t)n);
    else if (f->form == INDEX ? n != HAL_NOWHERE : f->form != CODE && n != 0)
        snprintf(value, size, "%" PRIu64, n);
}

size_t hal_answer_print(const hal_answer *answer, char *text)
{
    char value[512];
    size_t used = (size_t)snprintf(text, HAL_ANSWER_LINE, "%s", kinds[answer->kind % COUNT(kinds)]);
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (!(fields[i].kinds & 1u << answer->kind % COUNT(kinds)))
            continue;
        print_field(&fields[i], answer, value, sizeof value);
        if (value[0] != '\0' && used + strlen(fields[i].key) + strlen(value) + 4 < HAL_ANSWER_LINE)
            used += (size_t)snprintf(text + used, HAL_ANSWER_LINE - used, "\t%s=%s", fields[i].key, value);
    }
    text[used++] = '\n';
    text[used] = '\0';
    return used;
}

/* --------------------------------------------------------------------------------------------- reading -- */

static bool parse_word(const struct field *f, const char *value, hal_answer *answer)
{
    for (uint32_t i = 0; i < f->n_words; i++)
        if (strcmp(f->words[i], value) == 0) {
            memcpy((char *)answer + f->offset, &i, sizeof i);
            return true;
        }
    return false;
}

static bool parse_number(const struct field *f, const char *value, hal_answer *answer)
{
    char *end;
    if (strlen(value) > 20 || strspn(value, "-0123456789") != strlen(value))
        return false;
    if (f->form == CODE) {
        long long code = strtoll(value, &end, 10);
        int32_t narrow = (int32_t)code;
        memcpy((char *)answer + f->offset, &narrow, sizeof narrow);
        return *end == '\0' && narrow == code;
    }
    unsigned long long wide = strtoull(value, &end, 10);
    uint32_t narrow = (uint32_t)wide;
    if (f->form == LONG)
        memcpy((char *)answer + f->offset, &wide, sizeof wide);
    else
        memcpy((char *)answer + f->offset, &narrow, sizeof narrow);
    return *end == '\0' && (f->form == LONG || narrow == wide);
}

static bool parse_field(const struct field *f, const char *value, hal_answer *answer)
{
    if (f->form == WORD)
        return parse_word(f, value, answer);
    if (f->form != TEXT && f->form != ADDRESS)
        return parse_number(f, value, answer);
    if (strlen(value) >= f->size || (f->form == ADDRESS && !is_address(value)))
        return false;
    memcpy((char *)answer + f->offset, value, strlen(value) + 1);
    return true;
}

/* "KEY=VALUE"; false when this kind of record has no such key, or not such a value. */
static bool parse_pair(char *pair, hal_answer *answer)
{
    char *value = strchr(pair, '=');
    if (value == NULL)
        return false;
    *value++ = '\0';
    for (size_t i = 0; i < COUNT(fields); i++)
        if (strcmp(fields[i].key, pair) == 0)
            return (fields[i].kinds & 1u << answer->kind) && parse_field(&fields[i], value, answer);
    return false;
}

static bool parse_kind(const char *word, hal_answer *answer)
{
    for (uint32_t i = 0; i < COUNT(kinds); i++)
        if (strcmp(kinds[i], word) == 0) {
            hal_answer_init(answer, i, "");
            return true;
        }
    return false;
}

bool hal_answer_parse(const char *line, size_t length, hal_answer *answer, char *why, size_t size)
{
    char copy[HAL_ANSWER_LINE], again[HAL_ANSWER_LINE], *rest = copy;
    hal_answer a;
    if (length + 1 >= sizeof copy || memchr(line, '\0', length) != NULL) {
        snprintf(why, size, "a line of %zu bytes, or with a byte of value 0", length);
        return false;
    }
    memcpy(copy, line, length);
    copy[length] = '\0';
    char *word = strsep(&rest, "\t");
    if (!parse_kind(word, &a)) {
        snprintf(why, size, "\"%.20s\" is no kind of record", word);
        return false;
    }
    while ((word = strsep(&rest, "\t")) != NULL)
        if (!parse_pair(word, &a)) {
            snprintf(why, size, "a record of a %s has no such member, or not with such a value: \"%.40s\"",
                     kinds[a.kind], word);
            return false;
        }
    /* Order, repetition, spelling of numbers, characters: all of it is as it would be written. */
    if (hal_answer_print(&a, again) != length + 1 || memcmp(again, line, length) != 0) {
        snprintf(why, size, "members of a %s repeat, stand in another order, or hold odd characters",
                 kinds[a.kind]);
        return false;
    }
    *answer = a;
    return true;
}
