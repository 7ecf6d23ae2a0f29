/* SPDX-License-Identifier: Apache-2.0 */
/* One way in for everything that describes a machine: what the input is, is seen from how it begins. */
#include "hal/discovery/files_source.h"
#include "hal/discovery/scan.h"
#include "hal/object.h"
#include "hal/topology/model.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEADLINE   15000000000 /* ns for everything, where the caller names none */

typedef struct document {
    char *text;
    size_t bytes;
} document;

static hal_status read_all(const hal_topology_options *o, int fd, document *d)
{
    d->text = hal_files_drain(o->allocator, fd, HAL_TREE_LIMIT, &d->bytes);
    if (d->text != NULL)
        return HAL_OK;
    if (errno == EFBIG)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: more than %d bytes; no description of a machine is that long", o->input,
                        HAL_TREE_LIMIT);
    if (errno == ENOMEM)
        return HAL_FAIL(OUT_OF_MEMORY, "%s: does not fit into memory; free some", o->input);
    return HAL_FAIL(IO, "%s: cannot be read: %m", o->input);
}

/* Of this machine, of a directory, or of the tree `d`. */
static hal_status describe_machine(const hal_topology_options *o, const document *d, hal_topology **topology)
{
    hal_files *files;
    HAL_TRY(d != NULL ? hal_files_parse(o->allocator, o->input, d->text, d->bytes, &files)
                      : hal_files_open(o->allocator, o->input, &files));
    hal_status s = hal_discover(files, o, topology);
    hal_files_close(files);
    return s;
}

/* The first byte that means something: after blanks and a byte order mark. */
static const char *skip_blanks(const document *d)
{
    const char *p = d->text, *end = d->text + d->bytes;
    if (d->bytes >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0)
        p += 3;
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p;
}

/* Sealing knows objects, not where they were read. */
static hal_status seal(const hal_topology_options *o, hal_draft *draft, hal_topology **topology)
{
    hal_status s = hal_draft_seal(draft, topology);
    if (hal_status_code(s) == HAL_CODE_INVALID_ARGUMENT)
        s = HAL_FAIL(INVALID_ARGUMENT, "%s: %s", o->input, hal_status_last()->text);
    return s;
}

static hal_status finish(const hal_topology_options *o, hal_draft *draft, hal_topology **topology)
{
    hal_topology_host *host = hal_draft_host(draft);
    host->offline = 1;
    if (host->origin[0] == '\0')
        host->origin = hal_draft_text(draft, o->input);
    if (host->when == 0)
        host->when = (int64_t)time(NULL);
    hal_status s = hal_topology_supply_all(draft, o->supplied);
    if (s == HAL_OK)
        return seal(o, draft, topology);
    hal_draft_destroy(draft);
    return s;
}

static hal_status read_foreign(const hal_topology_options *o, const document *d, const char *begin,
                               hal_draft *draft)
{
    if (d != NULL && *begin == '{')
        return hal_topology_read_json(o->input, begin, d->bytes - (size_t)(begin - d->text), draft);
    if (d != NULL)
        return hal_topology_read_xml(o->input, o->deadline, draft);
    return hal_topology_read_synthetic(o->input, draft);
}

static hal_status describe_foreign(const hal_topology_options *o, const document *d, const char *begin,
                                   hal_topology **topology)
{
    hal_draft *draft;
    HAL_TRY(hal_draft_create(o->allocator, &draft));
    hal_status s = read_foreign(o, d, begin, draft);
    if (s == HAL_OK)
        return finish(o, draft, topology);
    hal_draft_destroy(draft);
    return s;
}

static hal_status describe_document(const hal_topology_options *o, const document *d, hal_topology **topology)
{
    const char *begin = skip_blanks(d);
    const size_t left = d->bytes - (size_t)(begin - d->text);
    if (left >= 9 && memcmp(begin, "hal-tree ", 9) == 0)
        return describe_machine(o, d, topology);
    if (left > 0 && (*begin == '{' || *begin == '<'))
        return describe_foreign(o, d, begin, topology);
    return HAL_FAIL(
        INVALID_ARGUMENT,
        "%s: line 1: neither JSON of hal, nor XML of NCCL, RCCL or hwloc, nor a recorded tree; see "
        "hal-info(1), --input",
        o->input);
}

static hal_status describe_file(const hal_topology_options *o, int fd, hal_topology **topology)
{
    document d = {0};
    hal_status s = read_all(o, fd, &d);
    if (s == HAL_OK)
        s = describe_document(o, &d, topology);
    hal_deallocate(o->allocator, d.text);
    return s;
}

/* "socket:2 gpu:4": a word, a colon, a number. */
static bool is_synthetic(const char *input)
{
    size_t n = strspn(input, "abcdefghijklmnopqrstuvwxyz-");
    return n > 0 && input[n] == ':' && isdigit((unsigned char)input[n + 1]);
}

/* Read before anything changes errno. */
static hal_status refuse_open(const hal_topology_options *o)
{
    if (errno == EACCES || errno == EPERM)
        return HAL_FAIL(PERMISSION_DENIED, "%s: cannot be opened: %m", o->input);
    return HAL_FAIL(IO, "%s: cannot be opened: %m", o->input);
}

/* Of a directory that holds something else, an empty machine would be told. */
static hal_status describe_directory(const hal_topology_options *o, hal_topology **topology)
{
    static const char *const names[] = {"sys", "proc", "dev"};
    int fd = open(o->input, O_RDONLY | O_DIRECTORY | O_CLOEXEC), found = 0;
    if (fd < 0)
        return refuse_open(o);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        found += faccessat(fd, names[i], F_OK, 0) == 0;
    close(fd);
    if (found == 0)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: not laid out like a root file system: it has no sys, proc or dev", o->input);
    return describe_machine(o, NULL, topology);
}

/* Others than regular files may block or never end. */
static hal_status describe_path(const hal_topology_options *o, hal_topology **topology)
{
    struct stat facts;
    if (stat(o->input, &facts) != 0 && is_synthetic(o->input))
        return describe_foreign(o, NULL, o->input, topology);
    if (stat(o->input, &facts) != 0 && errno == EACCES)
        return refuse_open(o);
    if (stat(o->input, &facts) != 0)
        return HAL_FAIL(NOT_FOUND,
                        "%s: %m; expected a file, a directory or a description such as \"socket:2 gpu:4\"",
                        o->input);
    if (S_ISDIR(facts.st_mode))
        return describe_directory(o, topology);
    if (!S_ISREG(facts.st_mode))
        return HAL_FAIL(INVALID_ARGUMENT, "%s: neither a regular file nor a directory", o->input);
    int fd = open(o->input, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return refuse_open(o);
    hal_status s = describe_file(o, fd, topology);
    close(fd);
    return s;
}

hal_status hal_topology_create(const hal_topology_options *options, hal_topology **topology)
{
    hal_topology_options o = {0};
    if (options != NULL && (options->head.size < sizeof(hal_head) || options->head.flags != 0))
        return HAL_FAIL(INVALID_ARGUMENT,
                        "topology options: head.size is %u, head.flags is %u; set them to "
                        "sizeof(hal_topology_options) and 0",
                        options->head.size, options->head.flags);
    if (options != NULL)
        memcpy(&o, options, options->head.size < sizeof o ? options->head.size : sizeof o);
    if (o.deadline == 0)
        o.deadline = hal_time_now() + DEADLINE;
    return o.input == NULL ? describe_machine(&o, NULL, topology) : describe_path(&o, topology);
}
