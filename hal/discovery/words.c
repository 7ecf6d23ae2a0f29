/* SPDX-License-Identifier: Apache-2.0 */
#include "hal/discovery/words.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRY = 512 };

bool hal_word_next(const char **list, char separator, char *word, size_t size)
{
    const char *begin = *list;
    while (*begin == separator)
        begin++;
    if (*begin == '\0')
        return false;
    size_t length = strcspn(begin, (char[]){separator, '\0'});
    *list = begin + length;
    snprintf(word, size, "%.*s", (int)length, begin);
    return true;
}

bool hal_word_listed(const char *list, const char *word)
{
    char entry[ENTRY], choice[ENTRY];
    while (hal_word_next(&list, ' ', entry, sizeof entry))
        for (const char *rest = entry; hal_word_next(&rest, '|', choice, sizeof choice);)
            if (strcmp(choice, word) == 0)
                return true;
    return false;
}

bool hal_pattern_matches(const char *pattern, const char *path)
{
    static const char number[] = "{index}";
    for (; *pattern != '\0'; pattern++, path++) {
        if (strncmp(pattern, number, sizeof number - 1) == 0) {
            size_t digits = strspn(path, "0123456789");
            return digits > 0 && hal_pattern_matches(pattern + sizeof number - 1, path + digits);
        }
        if (*pattern == '*') {
            for (size_t n = strcspn(path, "/") + 1; n-- > 0;)
                if (hal_pattern_matches(pattern + 1, path + n))
                    return true;
            return false;
        }
        if (*pattern != *path)
            return false;
    }
    return *path == '\0';
}

bool hal_pattern_listed(const char *list, const char *path)
{
    char entry[ENTRY], choice[ENTRY];
    while (hal_word_next(&list, ' ', entry, sizeof entry))
        for (const char *rest = entry; hal_word_next(&rest, '|', choice, sizeof choice);)
            if (hal_pattern_matches(choice, path))
                return true;
    return false;
}

void hal_pattern_fill(const char *pattern, const hal_topology_device *device, char *text, size_t size)
{
    const struct {
        const char *name;
        int digits;
        uint32_t value;
    } places[] = {{"{device}", 4, device != NULL ? device->pci_device : 0},
                  {"{revision}", 2, device != NULL ? device->pci_revision : 0},
                  {"{vendor}", 4, device != NULL ? device->pci_vendor : 0}};
    text[0] = '\0';
    while (*pattern != '\0') {
        size_t i = 0;
        while (i < sizeof places / sizeof places[0] &&
               strncmp(pattern, places[i].name, strlen(places[i].name)) != 0)
            i++;
        if (i < sizeof places / sizeof places[0]) {
            hal_words_add(text, size, "%0*x", places[i].digits, places[i].value);
            pattern += strlen(places[i].name);
        } else {
            hal_words_add(text, size, "%c", *pattern++);
        }
    }
}

int hal_version_compare(const char *a, const char *b)
{
    for (;;) {
        a += strcspn(a, "0123456789");
        b += strcspn(b, "0123456789");
        if (*a == '\0' || *b == '\0')
            return (*a != '\0') - (*b != '\0');
        char *end_a, *end_b;
        unsigned long long x = strtoull(a, &end_a, 10), y = strtoull(b, &end_b, 10);
        if (x != y)
            return x < y ? -1 : 1;
        a = end_a;
        b = end_b;
    }
}

void hal_words_add(char *text, size_t size, const char *format, ...)
{
    size_t used = strnlen(text, size);
    va_list arguments;
    va_start(arguments, format);
    if (used + 1 < size)
        vsnprintf(text + used, size - used, format, arguments);
    va_end(arguments);
}
