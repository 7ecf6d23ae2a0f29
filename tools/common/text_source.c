/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/common/text_source.h"

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/common/file.h"

/* A text is held in memory with its ids, so it is bounded; larger corpora come as token files. */
static const uint64_t max_text_bytes = (uint64_t)16 << 30;
static const char licences[] = "/usr/share/common-licenses";

enum { GENERATED_SENTENCES = 6000 };

void text_source_clear(text_source *text)
{
    free(text->data);
    *text = (text_source){0};
}

static int load_file(const char *path, text_source *out, tool_error *err)
{
    text_source text = {0};
    int code = file_read_whole(path, max_text_bytes, &text.data, &text.bytes, err);
    if (code) {
        return code;
    }
    if (text.bytes == 0) {
        text_source_clear(&text);
        return tool_fail(err, TOOL_BAD_INPUT, "%s: the file is empty; there is nothing to train on", path);
    }
    snprintf(text.origin, sizeof text.origin, "%s", path);
    *out = text;
    return 0;
}

/* --- the licence texts of base-files --- */

/* Links name another licence's file once more. */
static int is_plain(const struct dirent *entry)
{
    char path[PATH_MAX];
    struct stat info;
    return file_join(licences, entry->d_name, path, sizeof path, NULL) == 0 && lstat(path, &info) == 0 &&
           S_ISREG(info.st_mode);
}

/* Bytewise, so that the text does not depend on the locale. */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int append_licence(const char *name, FILE *out)
{
    char path[PATH_MAX];
    char *data;
    size_t bytes;
    if (file_join(licences, name, path, sizeof path, NULL) != 0 ||
        file_read_whole(path, 1 << 20, &data, &bytes, NULL) != 0) {
        return -1;
    }
    size_t put = fwrite(data, 1, bytes, out);
    free(data);
    return put == bytes ? 0 : -1;
}

/* Returns 0, or -1 when the texts are not there; then the next source is tried. */
static int load_licences(text_source *out)
{
    struct dirent **names;
    int count = scandir(licences, &names, is_plain, by_bytes);
    if (count < 0) {
        return -1;
    }
    text_source text = {0};
    FILE *stream = open_memstream(&text.data, &text.bytes);
    int failed = stream == NULL;
    for (int i = 0; i < count; i++) {
        failed = failed || append_licence(names[i]->d_name, stream) != 0;
        free(names[i]);
    }
    free(names);
    failed |= stream && fclose(stream) != 0;
    if (failed || text.bytes < 100000) {
        free(text.data);
        return -1;
    }
    snprintf(text.origin, sizeof text.origin, "the licence texts of Debian's base-files (%s)", licences);
    *out = text;
    return 0;
}

/* --- a grammar --- */

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(*state >> 33);
}

static const char *pick(const char *const *words, uint32_t count, uint64_t *state)
{
    return words[next_random(state) % count];
}

static void write_sentence(FILE *out, uint64_t *state)
{
    static const char *const subjects[] = {"the river",      "a sailor",     "the old clock", "my sister",
                                           "the north wind", "a small boat", "the baker",     "winter",
                                           "the map",        "no one"};
    static const char *const verbs[] = {"finds",   "remembers", "follows", "carries", "forgets",
                                        "answers", "watches",   "leaves",  "paints",  "loves"};
    static const char *const objects[] = {"the harbour", "a letter",  "the long road", "her garden", "a song",
                                          "the morning", "two birds", "a quiet house", "the sea",    "bread"};
    static const char *const tails[] = {".", ", and then it rains.", " before the bell rings.",
                                        "?", ", as it always was.",  " again.",
                                        "!", " under the stars."};
    fprintf(out, "%s %s %s%s%s", pick(subjects, 10, state), pick(verbs, 10, state), pick(objects, 10, state),
            pick(tails, 8, state), next_random(state) % 4 ? " " : "\n");
}

static int generate(text_source *out, tool_error *err)
{
    text_source text = {0};
    uint64_t state = 1;
    FILE *stream = open_memstream(&text.data, &text.bytes);
    if (!stream) {
        return tool_fail(err, TOOL_INTERNAL, "no memory for a generated text");
    }
    for (int i = 0; i < GENERATED_SENTENCES; i++) {
        write_sentence(stream, &state);
    }
    if (fclose(stream) != 0) {
        free(text.data);
        return tool_fail(err, TOOL_INTERNAL, "no memory for a generated text");
    }
    snprintf(text.origin, sizeof text.origin, "a text generated from a small grammar");
    *out = text;
    return 0;
}

int text_source_load(const char *path, text_source *out, tool_error *err)
{
    if (path) {
        return load_file(path, out, err);
    }
    const char *data = getenv("HAL_TEST_DATA");
    char joined[PATH_MAX];
    if (data && *data && file_join(data, "text/tinyshakespeare.txt", joined, sizeof joined, NULL) == 0 &&
        load_file(joined, out, NULL) == 0) {
        return 0;
    }
    return load_licences(out) == 0 ? 0 : generate(out, err);
}
