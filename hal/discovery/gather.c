/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine as a recorded tree: what was read to describe it, and beside that all attributes of its devices,
 * for a later description that may ask more.
 */
#include "hal/discovery/answers.h"
#include "hal/discovery/measurements.h"
#include "hal/discovery/processors.h"
#include "hal/discovery/recorder.h"
#include "hal/discovery/scan.h"
#include "hal/discovery/tree_write.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The directory of a device and those of the bridges before it. */
static void ask_attributes(const hal_files *recorder, const hal_topology_device *device)
{
    char path[PATH_MAX], real[PATH_MAX];
    hal_names names;
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", device->address);
    if (device->pci_vendor == 0 || !hal_files_resolve(recorder, path, real, sizeof real))
        return;
    for (char *slash; (slash = strrchr(real, '/')) != NULL && strstr(real, "/pci") != NULL; *slash = '\0')
        if (strchr(slash, ':') != NULL && hal_files_list(recorder, real, &names))
            hal_files_names_free(recorder, &names);
}

/* ------------------------------------------------------------------------------------- files of people -- */

/* Whether a line of /etc/passwd is the caller's; `name` gets theirs. */
static bool is_caller(const hal_files *files, const char *line, char *name, size_t size)
{
    const char *colon = strchr(line, ':'), *second = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (second == NULL || !isdigit((unsigned char)second[1]) ||
        strtoul(second + 1, NULL, 10) != hal_files_uid(files))
        return false;
    snprintf(name, size, "%.*s", (int)(colon - line), line);
    return true;
}

static bool is_member(const char *list, const char *name)
{
    size_t length = strlen(name);
    for (; length != 0 && *list != '\0'; list += strcspn(list, ",") + (list[strcspn(list, ",")] == ','))
        if (strcspn(list, ",") == length && strncmp(list, name, length) == 0)
            return true;
    return false;
}

/* The caller's line of users; all groups, with no member but the caller. */
static void write_people(hal_tree_writer *w)
{
    size_t bytes, size;
    char name[128] = "", *users = NULL, *groups = NULL, *next, *line;
    char *text = hal_files_read_all(w->files, "/etc/passwd", &bytes);
    FILE *out = open_memstream(&users, &size);
    for (next = text; out != NULL && (line = strsep(&next, "\n")) != NULL;)
        if (is_caller(w->files, line, name, sizeof name))
            fprintf(out, "%s\n", line);
    if (out != NULL && fclose(out) == 0 && text != NULL)
        hal_tree_write_text(w, "/etc/passwd", users, size);
    hal_files_free(w->files, text);
    text = hal_files_read_all(w->files, "/etc/group", &bytes);
    out = open_memstream(&groups, &size);
    for (next = text; out != NULL && (line = strsep(&next, "\n")) != NULL;) {
        char *last = strrchr(line, ':');
        if (last != NULL)
            fprintf(out, "%.*s%s\n", (int)(last - line + 1), line, is_member(last + 1, name) ? name : "");
    }
    if (out != NULL && fclose(out) == 0 && text != NULL)
        hal_tree_write_text(w, "/etc/group", groups, size);
    hal_files_free(w->files, text);
    free(users);
    free(groups);
}

/* ------------------------------------------------------------------------------ what stands below /hal -- */

static void put_group(const hal_files *files, FILE *out, uint32_t gid, bool first)
{
    char name[64];
    hal_files_group_name(files, gid, name, sizeof name);
    fprintf(out, "%s%u", first ? " groups=" : ",", gid);
    if (name[0] != '\0')
        fprintf(out, "(%s)", name);
}

static void put_identity(const hal_files *files, FILE *out)
{
    gid_t groups[256];
    int n = hal_files_live(files) ? getgroups(256, groups) : 0;
    fprintf(out, "uid=%u gid=%u", hal_files_uid(files),
            hal_files_live(files) ? (uint32_t)getegid() : files->gid);
    for (int i = 0; i < n; i++)
        put_group(files, out, groups[i], i == 0);
    for (uint32_t i = 0; !hal_files_live(files) && i < files->n_groups; i++)
        put_group(files, out, files->groups[i], i == 0);
    fputc('\n', out);
}

static int by_path(const void *a, const void *b)
{
    const hal_question *x = a, *y = b;
    int order = strcmp(x->path, y->path);
    return order != 0 ? order : (x->asked > y->asked) - (x->asked < y->asked);
}

/* Variables that were asked for and are set. Questions are sorted. */
static void put_environment(const hal_files *files, const hal_recorder *r, FILE *out)
{
    for (uint32_t i = 0; i < r->n_questions; i++) {
        const hal_question *q = &r->questions[i];
        if (q->asked != HAL_ASKED_ENV || (i != 0 && strcmp(q->path, r->questions[i - 1].path) == 0))
            continue;
        const char *value = hal_files_env(files, q->path);
        if (value != NULL && strchr(value, '\n') == NULL)
            fprintf(out, "%s=%s\n", q->path, value);
    }
}

static void write_stream(hal_tree_writer *w, const char *path, const hal_recorder *r,
                         const hal_topology_host *host)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        w->starved = true;
        return;
    }
    if (strcmp(path, "/hal/id") == 0)
        put_identity(w->files, out);
    else if (strcmp(path, "/hal/env") == 0)
        put_environment(w->files, r, out);
    else if (strcmp(path, "/hal/uname") == 0)
        fprintf(out, "%s\n%s\n%s\n%s\n", host->os, host->name, host->kernel, host->arch);
    else
        fprintf(out, "%lld\n", (long long)host->when);
    fclose(out);
    hal_tree_write_text(w, path, text, size);
    free(text);
}

static void write_own(hal_tree_writer *w, const hal_recorder *r, const hal_topology_host *host)
{
    static const char *const names[] = {"/hal/id", "/hal/env", "/hal/uname", "/hal/date"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        write_stream(w, names[i], r, host);
    char *xml = hal_files_live(w->files) ? hal_processors_export() : NULL;
    if (xml != NULL)
        hal_tree_write_text(w, "/hal/hwloc.xml", xml, strlen(xml));
    free(xml);
}

/* What was kept of vendors' libraries: all that each said, and of what it told. */
static void put_answers(const hal_answers *answers, const char *vendor, FILE *out)
{
    char line[HAL_ANSWER_LINE];
    for (uint32_t i = 0; i < answers->n_facts; i++) {
        if (strcmp(answers->libraries[i].api, vendor) != 0)
            continue;
        hal_answer_print(&answers->libraries[i], line);
        fputs(line, out);
        for (uint32_t k = 0; k < answers->n_items; k++)
            if (answers->owners[k] == i) {
                hal_answer_print(&answers->items[k], line);
                fputs(line, out);
            }
    }
}

static void write_kept(hal_tree_writer *w)
{
    hal_answers *answers = NULL;
    const hal_vendor *vendor;
    if (!hal_files_live(w->files) || hal_answers_recall(NULL, w->files, &answers) != HAL_OK)
        return;
    for (uint32_t i = 0; (vendor = hal_vendor_at(i)) != NULL; i++) {
        char path[64], *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (out == NULL) {
            w->starved = true;
            break;
        }
        put_answers(answers, vendor->name, out);
        fclose(out);
        snprintf(path, sizeof path, "/hal/answers/%s", vendor->name);
        if (size != 0)
            hal_tree_write_text(w, path, text, size);
        free(text);
    }
    hal_answers_free(answers);
}

/* Those of a recorded machine are a file of it that was asked for. */
static void write_measurements(hal_tree_writer *w)
{
    hal_measurements m = {0};
    char *text = NULL;
    size_t size = 0;
    if (!hal_files_live(w->files) || hal_measurements_recall(NULL, w->files, &m) != HAL_OK)
        return;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) {
        w->starved = true;
    } else {
        const bool well = hal_measurements_print(&m, out);
        if (fclose(out) == 0 && well)
            hal_tree_write_text(w, "/hal/measurements", text, size);
        else
            w->starved = true;
        free(text);
    }
    hal_deallocate(NULL, m.rows);
}

/* ------------------------------------------------------------------------------------------------- all -- */

/* Questions about one path stand together: what it holds is written once, as far as anybody asked. */
static void write_answers(hal_tree_writer *w, const hal_recorder *r)
{
    for (uint32_t i = 0; i < r->n_questions;) {
        const char *path = r->questions[i].path;
        size_t bytes = 0;
        bool list = false, file = false;
        for (; i < r->n_questions && strcmp(r->questions[i].path, path) == 0; i++) {
            const hal_question *q = &r->questions[i];
            bytes = q->bytes > bytes ? q->bytes : bytes;
            list |= q->asked == HAL_ASKED_LIST;
            file |= q->asked != HAL_ASKED_ENV;
        }
        if (file && strcmp(path, "/etc/machine-id") != 0) /* names the machine, and tells nothing about it */
            hal_tree_write_path(w, path, bytes, list);
    }
}

static hal_status write_tree(const hal_files *files, hal_recorder *r, const hal_topology *topology,
                             FILE *stream)
{
    hal_tree_writer w = {.files = files};
    if (r->n_questions > 1)
        qsort(r->questions, r->n_questions, sizeof *r->questions, by_path);
    write_answers(&w, r);
    write_people(&w);
    write_own(&w, r, hal_topology_host_of(topology));
    write_kept(&w);
    write_measurements(&w);
    fputs("hal-tree 1\n# Recorded by hal-info gather: what is read to describe this machine.\n", stream);
    hal_status status =
        r->starved ? HAL_FAIL(OUT_OF_MEMORY, "gather: what was asked does not fit into memory; free some")
                   : hal_tree_writer_print(&w, stream);
    hal_tree_writer_close(&w);
    return status;
}

static hal_status gather(const hal_files *files, FILE *stream)
{
    hal_topology_options options = {HAL_HEAD(hal_topology_options), .deadline = hal_deadline_ms(15000)};
    hal_topology *topology;
    hal_files *recorder = hal_recorder_open(files);
    if (recorder == NULL)
        return HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    hal_status status = hal_discover(recorder, &options, &topology);
    if (status == HAL_OK) {
        const hal_topology_device *d;
        for (uint32_t i = 0; (d = hal_topology_device_at(topology, i)) != NULL; i++)
            ask_attributes(recorder, d);
        status = write_tree(files, hal_recorder_of(recorder), topology, stream);
        hal_topology_release(topology);
    }
    hal_files_close(recorder);
    return status;
}

hal_status hal_topology_gather(const char *input, FILE *stream)
{
    hal_files *files;
    HAL_TRY(hal_files_open(NULL, input, &files));
    hal_status status = gather(files, stream);
    hal_files_close(files);
    return status;
}
