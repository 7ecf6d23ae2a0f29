/* SPDX-License-Identifier: Apache-2.0 */
/* Libraries and records, for the files of one vendor each. */
#include "hal/probe/child.h"

#include <ctype.h>
#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void hal_child_tell(const hal_answer *answer)
{
    char line[HAL_ANSWER_LINE];
    size_t length = hal_answer_print(answer, line), done = 0;
    while (done < length) {
        ssize_t n = write(HAL_CHILD_PAYLOAD, line + done, length - done);
        if (n <= 0)
            return; /* nobody listens */
        done += (size_t)n;
    }
}

void hal_child_tell_loaded(const char *path)
{
    dprintf(HAL_CHILD_PAYLOAD, HAL_ANSWER_LOADED "%.*s\n", (int)strcspn(path, "\n"), path);
}

/* $NAME/REST with the variable's value; false when it is not set. */
static bool expand(const char *name, size_t length, char *out, size_t size)
{
    char variable[64];
    const char *slash = memchr(name, '/', length), *value;
    if (name[0] != '$') {
        snprintf(out, size, "%.*s", (int)length, name);
        return true;
    }
    if (slash == NULL)
        return false;
    snprintf(variable, sizeof variable, "%.*s", (int)(slash - name - 1), name + 1);
    value = secure_getenv(variable);
    if (value == NULL || value[0] != '/')
        return false;
    snprintf(out, size, "%s%.*s", value, (int)(name + length - slash), slash);
    return true;
}

/* Whether the loader only says that there is no such file: other causes tell more. */
static bool merely_absent(const char *name, const char *why)
{
    return strncmp(why, name, strlen(name)) == 0 && strstr(why, "No such file") != NULL;
}

static void note_failure(const char *name, hal_answer *library, bool *informed)
{
    const char *why = dlerror();
    if (why == NULL || *informed)
        return;
    *informed = !merely_absent(name, why);
    if (*informed || library->text[0] == '\0')
        snprintf(library->text, sizeof library->text, "%s", why);
}

static void *open_first(const char *libraries, hal_answer *library)
{
    char name[PATH_MAX];
    bool informed = false;
    void *handle = NULL;
    for (const char *p = libraries; handle == NULL && *p != '\0'; p += strspn(p, " ")) {
        size_t length = strcspn(p, " ");
        if (expand(p, length, name, sizeof name)) {
            handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
            if (handle == NULL)
                note_failure(name, library, &informed);
        }
        p += length;
    }
    return handle;
}

/* The file behind its links tells the version, often. It is told at once, for the library may never come
 * back. */
static void note_path(void *handle, hal_answer *library)
{
    struct link_map *map = NULL;
    char path[PATH_MAX];
    if (dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0 && map != NULL && realpath(map->l_name, path) != NULL)
        hal_child_copy(library->library, sizeof library->library, path, sizeof path);
    hal_child_tell_loaded(library->library);
}

hal_library_state hal_child_open(const char *libraries, const hal_child_symbol *symbols, hal_answer *library)
{
    void *handle = open_first(libraries, library);
    if (handle == NULL)
        return HAL_LIBRARY_ABSENT;
    library->text[0] = '\0';
    note_path(handle, library);
    for (const hal_child_symbol *s = symbols; s->name != NULL; s++) {
        void *address = dlsym(handle, s->name);
        memcpy(s->slot, &address, sizeof address);
        if (address == NULL && s->needed) {
            snprintf(library->text, sizeof library->text, "%s", s->name);
            return HAL_LIBRARY_LACKS;
        }
    }
    return HAL_LIBRARY_OK;
}

hal_library_state hal_child_refused(hal_answer *library, const char *call, int32_t code, const char *meaning)
{
    library->code = code;
    snprintf(library->text, sizeof library->text, "%s answered %d%s%s", call, (int)code,
             meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
    return HAL_LIBRARY_FAILED;
}

hal_library_state hal_child_absurd(hal_answer *library, const char *call, long long count)
{
    snprintf(library->text, sizeof library->text, "%s counted %lld devices, which cannot be", call, count);
    return HAL_LIBRARY_FAILED;
}

void hal_child_copy(char *out, size_t size, const char *text, size_t room)
{
    snprintf(out, size, "%.*s", (int)strnlen(text, room), text);
}

void hal_child_address(char *out, size_t size, unsigned domain, unsigned bus, unsigned device,
                       unsigned function)
{
    snprintf(out, size, "%04x:%02x:%02x.%u", domain, bus & 0xff, device & 0x1f, function & 7);
}

void hal_child_address_text(char *out, size_t size, const char *text)
{
    unsigned domain, bus, device, function = 0;
    if (sscanf(text, "%x:%x:%x.%x", &domain, &bus, &device, &function) >= 3)
        hal_child_address(out, size, domain, bus, device, function);
}

void hal_child_uuid(char *out, size_t size, const char *prefix, const unsigned char b[16])
{
    static const unsigned char zero[16];
    if (memcmp(b, zero, sizeof zero) != 0)
        snprintf(out, size, "%s%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", prefix,
                 b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                 b[14], b[15]);
}
