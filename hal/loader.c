/* SPDX-License-Identifier: Apache-2.0 */
/* From directories to running backends. The only file that calls dlopen. Every candidate leaves a report
   entry, and one that fails never stops the others. */
#include "object.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef HAL_PLUGIN_DIR
#error "pass -DHAL_PLUGIN_DIR with the installed plugin directory"
#endif

const char *hal_loader_directory = HAL_PLUGIN_DIR;

#define PREFIX "libhal_"
#define SUFFIX ".so"
#define PROBE_MS 5000 /* a vendor library may take its time to load */

/* A file that may be a backend, on its way through the stages. */
typedef struct candidate {
    char *directory, *file, *path;
    uint32_t rank; /* order of its directory */
    hal_load_stage stage;
    int directory_fd, fd;
    hal_backend_note note;
    hal_loaded *loaded;
    char hint[1200];
} candidate;

typedef struct candidates {
    candidate *items;
    uint32_t count, capacity;
} candidates;

/* "libhal_null.so" -> "null" into `out`; false for other files. */
static bool backend_name(const char *file, char *out, size_t size)
{
    size_t n = strlen(file), fixed = strlen(PREFIX) + strlen(SUFFIX);
    if (n <= fixed || strncmp(file, PREFIX, strlen(PREFIX)) != 0 ||
        strcmp(file + n - strlen(SUFFIX), SUFFIX) != 0)
        return false;
    snprintf(out, size, "%.*s", (int)(n - fixed), file + strlen(PREFIX));
    return true;
}

static uint32_t rank_of(const candidate *c)
{
    char name[256] = "";
    backend_name(c->file, name, sizeof name);
    return hal_route_rank(name);
}

/* Order: as routes are preferred, then by name; equal names by directory. */
static int compare(const void *x, const void *y)
{
    const candidate *a = x, *b = y;
    const uint32_t rank_a = rank_of(a), rank_b = rank_of(b);
    if (rank_a != rank_b)
        return rank_a < rank_b ? -1 : 1;
    int order = strcmp(a->file, b->file);
    return order != 0 ? order : (a->rank > b->rank) - (a->rank < b->rank);
}

/* The backend "mock-npu" lies in libhal_mock_npu.so: people write either. */
static bool same_name(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
            return false;
    return true;
}

bool hal_loader_allows(const char *list, const char *name)
{
    bool deny = list != NULL && list[0] == '^', found = false;
    if (list == NULL)
        return true;
    for (const char *p = list + deny; *p; p += strcspn(p, ","), p += *p == ',')
        found |= strcspn(p, ",") == strlen(name) && same_name(p, name, strlen(name));
    return found != deny;
}

/* The report's line for a candidate, from the thread's detail when `status` is a failure. */
static hal_status record(hal_instance *instance, const char *path, const char *name, hal_load_stage stage,
                         hal_status status, const char *hint, int64_t begin)
{
    const hal_allocator *a = &instance->config.allocator;
    char text[1024];
    snprintf(text, sizeof text, "%s", status == HAL_OK ? "" : hal_status_last()->text);
    if (!hal_array_grow(a, (void **)&instance->report, instance->n_report, &instance->report_capacity,
                        sizeof(hal_load_entry)))
        return hal_status_last()->status;
    hal_load_entry *e = &instance->report[instance->n_report++];
    *e = (hal_load_entry){.path = hal_string_copy(a, path),
                          .name = hal_string_copy(a, name),
                          .stage = stage,
                          .status = status,
                          .text = hal_string_copy(a, text),
                          .hint = hal_string_copy(a, hint),
                          .nanoseconds = hal_time_now() - begin};
    return e->path && e->name && e->text && e->hint ? HAL_OK : hal_status_last()->status;
}

static hal_status add_candidate(hal_instance *instance, candidates *list, const char *directory,
                                const char *file, uint32_t rank)
{
    const hal_allocator *a = &instance->config.allocator;
    size_t n = strlen(directory) + strlen(file) + 2;
    if (!hal_array_grow(a, (void **)&list->items, list->count, &list->capacity, sizeof(candidate)))
        return hal_status_last()->status;
    candidate *c = &list->items[list->count++];
    *c = (candidate){.directory = hal_string_copy(a, directory),
                     .file = hal_string_copy(a, file),
                     .path = hal_allocate(a, n),
                     .rank = rank,
                     .directory_fd = -1,
                     .fd = -1};
    if (c->directory == NULL || c->file == NULL || c->path == NULL)
        return hal_status_last()->status;
    snprintf(c->path, n, "%s/%s", directory, file);
    return HAL_OK;
}

/* Lists one directory, under its canonical name: a link on the way may be changed while we look. `named`: a
   person asked for it, so its absence is worth a line. */
static hal_status list_directory(hal_instance *instance, candidates *list, const char *path, uint32_t rank,
                                 bool named)
{
    char name[256], canonical[PATH_MAX];
    int64_t begin = hal_time_now();
    hal_status s = HAL_OK;
    DIR *d = realpath(path, canonical) != NULL ? opendir(canonical) : NULL;
    if (d == NULL && errno == ENOENT && !named)
        return HAL_OK;
    if (d == NULL) {
        s = HAL_FAIL(NOT_FOUND, "plugin directory %s cannot be read: %m", path);
        return record(instance, path, "", HAL_LOAD_LISTED, s, "", begin);
    }
    for (struct dirent *e; s == HAL_OK && (e = readdir(d)) != NULL;)
        if (backend_name(e->d_name, name, sizeof name))
            s = add_candidate(instance, list, canonical, e->d_name, rank);
    closedir(d);
    return s;
}

/* The directories named by the user, then the installed one unless it was named already. */
static hal_status list_all(hal_instance *instance, candidates *list)
{
    const hal_allocator *a = &instance->config.allocator;
    const char *path = instance->config.plugin_path;
    char *copy = hal_string_copy(a, path ? path : ""), *rest = copy, *one;
    hal_status s = copy == NULL ? hal_status_last()->status : HAL_OK;
    uint32_t rank = 0;
    bool installed = false;
    while (s == HAL_OK && (one = strsep(&rest, ":")) != NULL) {
        if (one[0] == '\0')
            continue;
        installed |= strcmp(one, hal_loader_directory) == 0;
        s = list_directory(instance, list, one, rank++, true);
    }
    if (s == HAL_OK && !installed)
        s = list_directory(instance, list, hal_loader_directory, rank, path == NULL);
    hal_deallocate(a, copy);
    return s;
}

/* ------------------------------------------------------------------------------------- stages -- */

static hal_status stage_listed(hal_instance *instance, candidate *c)
{
    char name[256] = "";
    backend_name(c->file, name, sizeof name);
    if (!hal_loader_allows(instance->config.backends, name))
        return HAL_FAIL(FAILED_PRECONDITION, "left out: the list of backends is \"%s\"",
                        instance->config.backends);
    return HAL_OK;
}

static hal_status stage_trust(candidate *c)
{
    HAL_TRY(hal_trust_directory(c->directory, c->hint, sizeof c->hint, &c->directory_fd));
    /* O_NONBLOCK: a FIFO of that name must not hang us before its type is known. */
    c->fd = openat(c->directory_fd, c->file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (c->fd < 0)
        return HAL_FAIL(IO, "%s: open failed: %m", c->path);
    return hal_trust_file(c->fd, c->path, c->hint, sizeof c->hint);
}

static hal_status stage_note(hal_instance *instance, candidate *c)
{
    const uint32_t abi = HAL_BACKEND_ABI;
    HAL_TRY(hal_note_read(c->fd, &c->note));
    if (c->note.abi_min > abi || c->note.abi_max < abi) {
        snprintf(c->hint, sizeof c->hint, "rebuild the backend \"%s\" against this hal", c->note.name);
        return HAL_FAIL(VERSION_MISMATCH, "built for backend ABI %u to %u; this hal speaks %u",
                        c->note.abi_min, c->note.abi_max, abi);
    }
    if (c->note.sanitizer != HAL_BACKEND_SANITIZER)
        return HAL_FAIL(VERSION_MISMATCH,
                        "built with sanitizer kind %u, libhal with %u (0 none, 1 address, 2 "
                        "thread); build both alike",
                        c->note.sanitizer, HAL_BACKEND_SANITIZER);
    for (uint32_t i = 0; i < instance->n_loaded; i++)
        if (strcmp(instance->loaded[i]->table->name, c->note.name) == 0)
            return HAL_FAIL(FAILED_PRECONDITION, "a backend called \"%s\" is loaded already", c->note.name);
    return HAL_OK;
}

/* Built with this library, and tested with it. */
static bool own_build(const hal_backend_note *note)
{
    size_t n = strlen(note->build_id), suffix = strlen(HAL_BACKEND_BUILD);
    return suffix > 0 && n >= suffix && strcmp(note->build_id + n - suffix, HAL_BACKEND_BUILD) == 0;
}

/* A constructor may abort or hang, and would take the host along: a file that nobody has opened yet is opened in
   a child first. */
static hal_status try_elsewhere(candidate *c)
{
    if (own_build(&c->note) || hal_known_find(c->fd, c->path, c->note.build_id))
        return HAL_OK;
    HAL_TRY(hal_probe_run("dlopen", c->path, hal_deadline_ms(PROBE_MS), c->hint, sizeof c->hint));
    hal_known_add(c->fd, c->path, c->note.build_id);
    return HAL_OK;
}

static hal_status stage_open(candidate *c, void **handle)
{
    HAL_TRY(try_elsewhere(c));
    /* NODELETE: code that may have met a vendor library is never unmapped. The path is canonical and no
       directory of it can be changed by others, so it still means the file that was checked. */
    *handle = dlopen(c->path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (*handle == NULL)
        return HAL_FAIL(UNAVAILABLE, "dlopen: %s", dlerror());
    return HAL_OK;
}

/* dlsym also finds symbols of dependencies; ours must lie in the object that was opened. */
static hal_status stage_symbol(void *handle, hal_backend_query_fn *query)
{
    Dl_info where;
    struct link_map *map = NULL;
    union {
        void *object;
        hal_backend_query_fn function;
    } symbol = {dlsym(handle, "hal_backend_query")};
    if (symbol.object == NULL)
        return HAL_FAIL(NOT_FOUND, "dlsym: %s", dlerror());
    if (dladdr(symbol.object, &where) == 0 || dlinfo(handle, RTLD_DI_LINKMAP, &map) != 0)
        return HAL_FAIL(INTERNAL, "the dynamic linker knows no object for hal_backend_query");
    if ((uintptr_t)where.dli_fbase != (uintptr_t)map->l_addr)
        return HAL_FAIL(NOT_FOUND, "hal_backend_query comes from %s, not from the backend itself",
                        where.dli_fname);
    *query = symbol.function;
    return HAL_OK;
}

static bool complete_devices(const hal_backend *t)
{
    return t->open && t->close && t->claim && t->device_open && t->device_close && t->alloc && t->free;
}

static bool complete_work(const hal_backend *t)
{
    return t->support && t->compile && t->program_free && t->queue_create && t->queue_destroy && t->submit && t->copy;
}

/* Members this version calls without asking; cost, counter, layout, vendors and driver may be NULL. */
static bool complete_table(const hal_backend *t)
{
    return t->name && t->description && t->build_id && complete_devices(t) && complete_work(t);
}

static hal_status stage_version(candidate *c, hal_backend_query_fn query, const hal_backend **out)
{
    const hal_backend *t = NULL;
    hal_status s = query(HAL_BACKEND_ABI, HAL_BACKEND_ABI, &t);
    if (s != HAL_OK || t == NULL)
        return HAL_FAIL(VERSION_MISMATCH, "hal_backend_query answered %s for ABI %u", hal_status_name(s),
                        HAL_BACKEND_ABI);
    if (t->head.size < HAL_BACKEND_LEAST_SIZE || t->abi != HAL_BACKEND_ABI)
        return HAL_FAIL(VERSION_MISMATCH, "table of %u bytes and ABI %u; %zu bytes and ABI %u are needed",
                        t->head.size, t->abi, HAL_BACKEND_LEAST_SIZE, HAL_BACKEND_ABI);
    if (t->sanitizer != c->note.sanitizer)
        return HAL_FAIL(VERSION_MISMATCH, "the table says sanitizer kind %u, the note %u", t->sanitizer,
                        c->note.sanitizer);
    if (!complete_table(t))
        return HAL_FAIL(VERSION_MISMATCH, "a function of the table is NULL; only cost, counter, layout, vendors and driver may be");
    if (strcmp(t->name, c->note.name) != 0)
        return HAL_FAIL(VERSION_MISMATCH, "the table is called \"%s\", the note \"%s\"", t->name,
                        c->note.name);
    *out = t;
    return HAL_OK;
}

/* The backend's own failure text may be stale or missing: a status without a fresh detail gets one. */
static hal_status explain(hal_status status, const hal_backend *table, const char *verb)
{
    if (hal_status_last()->status == status)
        return status;
    return hal_status_set(status, __FILE__, __LINE__, "%s: %s failed with %s and no text", table->name, verb,
                          hal_status_name(status));
}

static hal_status stage_start(hal_instance *instance, candidate *c, const hal_backend *table)
{
    const hal_allocator *a = &instance->config.allocator;
    if (!hal_array_grow(a, (void **)&instance->loaded, instance->n_loaded, &instance->loaded_capacity,
                        sizeof(hal_loaded *)))
        return hal_status_last()->status;
    hal_loaded *loaded = hal_allocate(a, sizeof *loaded);
    if (loaded == NULL)
        return hal_status_last()->status;
    *loaded = (hal_loaded){.instance = instance, .table = table, .index = instance->n_loaded};
    hal_host_fill(loaded);
    (void)hal_status_set(HAL_OK, "", 0, "%s", "");
    hal_status s = table->open(&loaded->host, &loaded->state);
    if (s != HAL_OK) {
        hal_deallocate(a, loaded);
        return explain(s, table, "open");
    }
    c->loaded = loaded;
    instance->loaded[instance->n_loaded++] = loaded;
    return HAL_OK;
}

hal_status hal_loader_claim(hal_instance *instance, hal_loaded *loaded)
{
    hal_device_record records[HAL_MAX_CLAIMS];
    uint32_t count = 0;
    memset(records, 0, sizeof records);
    (void)hal_status_set(HAL_OK, "", 0, "%s", "");
    hal_status s = loaded->table->claim(loaded->state, HAL_MAX_CLAIMS, records, &count);
    if (s != HAL_OK)
        return explain(s, loaded->table, "claim");
    count = count < HAL_MAX_CLAIMS ? count : HAL_MAX_CLAIMS;
    if (count <= loaded->n_claimed)
        return HAL_OK;
    return hal_device_add(instance, loaded, records + loaded->n_claimed, count - loaded->n_claimed);
}

/* Takes a candidate as far as it comes; `stage` is the last one reached. */
static hal_status advance(hal_instance *instance, candidate *c)
{
    void *handle;
    hal_backend_query_fn query = NULL;
    const hal_backend *table = NULL;
    HAL_TRY(stage_listed(instance, c));
    c->stage = HAL_LOAD_TRUST;
    HAL_TRY(stage_trust(c));
    c->stage = HAL_LOAD_NOTE;
    HAL_TRY(stage_note(instance, c));
    c->stage = HAL_LOAD_OPEN;
    HAL_TRY(stage_open(c, &handle));
    c->stage = HAL_LOAD_SYMBOL;
    HAL_TRY(stage_symbol(handle, &query));
    c->stage = HAL_LOAD_VERSION;
    HAL_TRY(stage_version(c, query, &table));
    c->stage = HAL_LOAD_START;
    HAL_TRY(stage_start(instance, c, table));
    HAL_TRY(hal_loader_claim(instance, c->loaded));
    c->stage = HAL_LOAD_CLAIMED;
    return HAL_OK;
}

static hal_status process(hal_instance *instance, candidate *c)
{
    int64_t begin = hal_time_now();
    hal_status s = advance(instance, c);
    if (c->fd >= 0)
        close(c->fd);
    if (c->directory_fd >= 0)
        close(c->directory_fd);
    hal_trace_span(instance, NULL, "load", c->path, begin, hal_time_now());
    return record(instance, c->path, c->note.name, c->stage, s, c->hint, begin);
}

static void free_candidates(const hal_allocator *a, candidates *list)
{
    for (uint32_t i = 0; i < list->count; i++) {
        hal_deallocate(a, list->items[i].directory);
        hal_deallocate(a, list->items[i].file);
        hal_deallocate(a, list->items[i].path);
    }
    hal_deallocate(a, list->items);
}

hal_status hal_loader_run(hal_instance *instance)
{
    candidates list = {0};
    hal_status s = list_all(instance, &list);
    if (s == HAL_OK && list.count > 1)
        qsort(list.items, list.count, sizeof list.items[0], compare);
    for (uint32_t i = 0; s == HAL_OK && i < list.count; i++)
        s = process(instance, &list.items[i]);
    free_candidates(&instance->config.allocator, &list);
    return s;
}

void hal_loader_stop(hal_instance *instance)
{
    for (uint32_t i = instance->n_loaded; i-- > 0;) {
        instance->loaded[i]->table->close(instance->loaded[i]->state);
        hal_deallocate(&instance->config.allocator, instance->loaded[i]);
    }
    hal_deallocate(&instance->config.allocator, instance->loaded);
}
