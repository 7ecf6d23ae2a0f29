/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what print_json.c writes. Members that are not known are passed over, so that newer files of the same
   major version are read too; what is known must have its type. Places, memories and devices are added before
   anything names them. */
#include "hal/topology/model.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define DEEPEST      32
#define MOST_BYTES   (64u << 20)
#define MOST_OBJECTS 100000u
#define MOST_LINKS   1000000u

/* Where in the document the reader is: what errors name. */
typedef struct reader {
    const char *origin;
    hal_draft *draft;
    const char *list, *key;
    size_t index;
    hal_status status; /* of the first error; later ones are passed over */
} reader;

static void fail(reader *r, const char *member, const char *problem)
{
    if (r->status != HAL_OK)
        return;
    if (r->draft->topology.starved) { /* what is named may be missing for that reason */
        r->status = HAL_FAIL(OUT_OF_MEMORY, "%s: does not fit into memory; free some", r->origin);
        return;
    }
    if (r->list == NULL)
        r->status = HAL_FAIL(INVALID_ARGUMENT, "%s: %s%s%s: %s", r->origin, r->key ? r->key : "",
                             r->key ? "." : "", member, problem);
    else
        r->status = HAL_FAIL(INVALID_ARGUMENT, "%s: %s[%zu].%s%s%s: %s", r->origin, r->list, r->index,
                             r->key ? r->key : "", r->key ? "." : "", member, problem);
}

/* The member, or NULL where it is absent or null. */
static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static const char *read_text(reader *r, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    if (value == NULL)
        return "";
    if (json_is_string(value))
        return json_string_value(value);
    fail(r, key, "expected a string or null");
    return "";
}

static bool is_number(const json_t *value, uint32_t most)
{
    return json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= most;
}

static uint32_t read_number(reader *r, const json_t *object, const char *key, uint32_t absent)
{
    const json_t *value = member(object, key);
    if (value == NULL)
        return absent;
    if (is_number(value, UINT32_MAX - 1))
        return (uint32_t)json_integer_value(value);
    fail(r, key, "expected an integer from 0 to 4294967294, or null");
    return absent;
}

static uint32_t read_bool(reader *r, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_boolean(value))
        fail(r, key, "expected true, false or null");
    return json_is_true(value);
}

static uint32_t read_word(reader *r, const json_t *object, const char *key, const hal_word_list *words)
{
    const char *text = read_text(r, object, key);
    uint32_t found = text[0] == '\0' ? 0 : hal_word_find(words, text);
    if (found != HAL_NOWHERE)
        return found;
    char problem[160] = "expected one of ";
    for (uint32_t i = 0; i < words->count; i++) {
        size_t n = strlen(problem);
        snprintf(problem + n, sizeof problem - n, "%s%s", i ? ", " : "", words->words[i]);
    }
    fail(r, key, problem);
    return 0;
}

/* "0x10de". */
static uint32_t read_hex(reader *r, const json_t *object, const char *key)
{
    unsigned value;
    char end;
    const char *text = read_text(r, object, key);
    if (text[0] == '\0')
        return 0;
    if (strlen(text) <= 10 && sscanf(text, "0x%8x%c", &value, &end) == 1)
        return value;
    fail(r, key, "expected a hexadecimal number such as \"0x10de\"");
    return 0;
}

static int64_t read_date(reader *r, const json_t *object, const char *key)
{
    struct tm parts = {0};
    const char *text = read_text(r, object, key);
    if (text[0] == '\0')
        return 0;
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    if (end != NULL && *end == '\0')
        return (int64_t)timegm(&parts);
    fail(r, key, "expected a date such as \"2026-11-20T12:00:00Z\"");
    return 0;
}

static void read_figure_members(reader *r, const json_t *object, hal_unit unit, hal_figure *figure)
{
    const json_t *value = json_object_get(object, "value"), *width = member(object, "ci95");
    if (!json_is_number(value) || json_number_value(value) < 0 || (width != NULL && !json_is_number(width)))
        fail(r, "value", "expected a number of zero or more");
    if (member(object, "unit") != NULL && strcmp(read_text(r, object, "unit"), hal_unit_name(unit)) != 0)
        fail(r, "unit", "not the unit that this figure has");
    *figure =
        hal_figure_of(json_number_value(value), unit, read_word(r, object, "source", &hal_words_source));
    figure->when = read_date(r, object, "when");
    figure->samples = read_number(r, object, "n", 0);
    figure->ci95 = json_number_value(width);
}

static hal_figure read_figure(reader *r, const json_t *object, const char *key, hal_unit unit)
{
    hal_figure figure = hal_figure_unknown(unit);
    const json_t *value = member(object, key);
    const char *before = r->key;
    if (value == NULL)
        return figure;
    if (!json_is_object(value)) {
        fail(r, key, "expected an object with value, unit and source, or null");
        return figure;
    }
    r->key = key;
    read_figure_members(r, value, unit, &figure);
    r->key = before;
    return figure;
}

static void read_texts(reader *r, const json_t *object, const hal_text_table *table, void *into)
{
    for (uint32_t i = 0; i < table->count; i++)
        *hal_text_at(into, &table->rows[i]) = read_text(r, object, table->rows[i].name);
}

static void read_figures(reader *r, const json_t *object, const hal_figure_table *table, void *into)
{
    for (uint32_t i = 0; i < table->count; i++)
        *hal_figure_at(into, &table->rows[i]) =
            read_figure(r, object, table->rows[i].name, table->rows[i].unit);
}

/* A member object, or NULL. */
static const json_t *read_object(reader *r, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_object(value))
        fail(r, key, "expected an object or null");
    return json_is_object(value) ? value : NULL;
}

static const json_t *read_array(reader *r, const json_t *object, const char *key)
{
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_array(value))
        fail(r, key, "expected an array or null");
    return json_is_array(value) ? value : NULL;
}

/* The index of what a member names. */
static uint32_t read_name(reader *r, const json_t *object, const char *key,
                          uint32_t (*find)(const hal_draft *draft, const char *id))
{
    const char *id = read_text(r, object, key);
    uint32_t index = id[0] == '\0' ? HAL_NOWHERE : find(r->draft, id);
    if (id[0] != '\0' && index == HAL_NOWHERE)
        fail(r, key, "names an object that the file does not have");
    return index;
}

static void read_host(reader *r, const json_t *root)
{
    const json_t *object = read_object(r, root, "host");
    hal_topology_host host = {0};
    hal_topology_host *into = hal_draft_host(r->draft);
    host.when = read_date(r, root, "generated");
    r->key = "host";
    read_texts(r, object, &hal_texts_host, &host);
    read_figures(r, object, &hal_figures_host, &host);
    host.offline = read_bool(r, object, "offline");
    r->key = NULL;
    for (uint32_t i = 0; i < hal_texts_host.count; i++) {
        const char **text = hal_text_at(&host, &hal_texts_host.rows[i]);
        *text = hal_draft_text(r->draft, *text);
    }
    *into = host;
}

static void read_place(reader *r, const json_t *object)
{
    hal_topology_place place = {0};
    read_texts(r, object, &hal_texts_place, &place);
    read_figures(r, object, &hal_figures_place, &place);
    place.kind = read_word(r, object, "kind", &hal_words_place);
    place.parent = read_name(r, object, "parent", hal_draft_find_place);
    place.number = read_number(r, object, "number", HAL_NOWHERE);
    place.threads = read_number(r, object, "threads", 0);
    place.cores = read_number(r, object, "cores", 0);
    hal_draft_add_place(r->draft, &place);
}

static void read_memory(reader *r, const json_t *object)
{
    hal_topology_memory memory = {0};
    read_texts(r, object, &hal_texts_memory, &memory);
    read_figures(r, object, &hal_figures_memory, &memory);
    memory.kind = read_word(r, object, "kind", &hal_words_memory);
    memory.place = read_name(r, object, "place", hal_draft_find_place);
    memory.numa = read_number(r, object, "numa", HAL_NOWHERE);
    memory.tier = read_number(r, object, "tier", 0);
    memory.contention_group = read_number(r, object, "contention_group", 0);
    memory.shared = read_bool(r, object, "shared");
    memory.host_access = read_bool(r, object, "host_access");
    hal_draft_add_memory(r->draft, &memory);
}

/* [3] or [PLATFORM, 3]. */
static void read_pair(reader *r, const char *api, const json_t *pair, uint32_t device)
{
    const json_t *first = json_array_get(pair, 0), *second = json_array_get(pair, 1);
    const size_t n = json_array_size(pair);
    if (n < 1 || n > 2 || !is_number(first, UINT32_MAX - 1) || (n == 2 && !is_number(second, UINT32_MAX - 1)))
        fail(r, api, "expected [INDEX] or [PLATFORM, INDEX]");
    else if (n == 1)
        hal_draft_device_index(r->draft, device, api, HAL_NOWHERE, (uint32_t)json_integer_value(first));
    else
        hal_draft_device_index(r->draft, device, api, (uint32_t)json_integer_value(first),
                               (uint32_t)json_integer_value(second));
}

static void read_indices(reader *r, const json_t *device, uint32_t index)
{
    const char *api;
    json_t *object = member(device, "indices"), *value, *item;
    size_t i;
    if (object != NULL && !json_is_object(object))
        fail(r, "indices", "expected an object or null");
    json_object_foreach(object, api, value)
    {
        if (json_is_array(json_array_get(value, 0))) {
            json_array_foreach(value, i, item) read_pair(r, api, item, index);
        } else if (json_is_array(value)) {
            read_pair(r, api, value, index);
        } else if (is_number(value, UINT32_MAX - 1)) {
            hal_draft_device_index(r->draft, index, api, HAL_NOWHERE, (uint32_t)json_integer_value(value));
        } else if (!json_is_null(value)) {
            fail(r, api, "expected an index, [PLATFORM, INDEX] or a list of them");
        }
    }
}

static void read_device_memories(reader *r, const json_t *device, uint32_t index)
{
    size_t i;
    json_t *item;
    json_array_foreach(read_array(r, device, "memory"), i, item)
    {
        r->key = "memory";
        uint32_t memory = read_name(r, item, "id", hal_draft_find_memory);
        if (memory == HAL_NOWHERE)
            fail(r, "id", "expected the id of a memory");
        hal_draft_device_memory(r->draft, index, memory);
        r->key = NULL;
    }
}

static void read_rates(reader *r, const json_t *device, uint32_t index)
{
    size_t i;
    json_t *item;
    json_array_foreach(read_array(r, device, "compute"), i, item)
        hal_draft_device_rate(r->draft, index, read_text(r, item, "dtype"), read_text(r, item, "op_class"),
                              read_figure(r, item, "flops", HAL_UNIT_OPERATIONS_PER_SECOND));
}

static void read_words(reader *r, const json_t *device, const char *key, uint32_t index,
                       void (*add)(hal_draft *draft, uint32_t device, const char *word))
{
    size_t i;
    json_t *item;
    json_array_foreach(read_array(r, device, key), i, item)
    {
        if (json_is_string(item))
            add(r->draft, index, json_string_value(item));
        else
            fail(r, key, "expected strings");
    }
}

static void read_rungs(reader *r, const json_t *device, uint32_t index)
{
    size_t i;
    json_t *item;
    const json_t *probe = read_object(r, device, "probe");
    json_array_foreach(read_array(r, probe, "steps"), i, item)
    {
        const json_t *ms = member(item, "ms");
        const double nanoseconds = json_number_value(ms) * 1e6;
        if (ms != NULL && !(nanoseconds >= 0 && nanoseconds < 9e18))
            fail(r, "probe.steps.ms", "expected a number of zero or more");
        else
            hal_draft_device_rung(r->draft, index,
                                  &(hal_rung){.code = read_text(r, item, "code"),
                                              .status = read_word(r, item, "status", &hal_words_rung),
                                              .evidence = read_text(r, item, "evidence"),
                                              .nanoseconds = llround(nanoseconds)});
    }
}

static void read_nested(reader *r, const json_t *object, hal_topology_device *d)
{
    const json_t *pci = read_object(r, object, "pci"), *driver = read_object(r, object, "driver");
    const json_t *link = read_object(r, object, "link");
    d->pci_vendor = read_hex(r, pci, "vendor");
    d->pci_device = read_hex(r, pci, "device");
    d->pci_subvendor = read_hex(r, pci, "subvendor");
    d->pci_subdevice = read_hex(r, pci, "subdevice");
    d->pci_class = read_hex(r, pci, "class");
    d->pci_revision = read_hex(r, pci, "revision");
    d->driver = read_text(r, driver, "name");
    d->driver_version = read_text(r, driver, "kernel");
    d->user_version = read_text(r, driver, "user");
    d->required_version = read_text(r, driver, "required");
    d->firmware = read_text(r, driver, "firmware");
    d->link_text = read_text(r, link, "text");
    d->link_now = read_figure(r, link, "now", HAL_UNIT_BYTES_PER_SECOND);
    d->link_most = read_figure(r, link, "most", HAL_UNIT_BYTES_PER_SECOND);
}

/* `driver` is an object here and a text in the table of texts, so the head is read member by member. */
static void read_head(reader *r, const json_t *object, hal_topology_device *d)
{
    d->id = read_text(r, object, "id");
    d->alias = read_text(r, object, "alias");
    d->name = read_text(r, object, "name");
    d->family = read_text(r, object, "family");
    d->vendor = read_text(r, object, "vendor");
    d->address = read_text(r, object, "address");
    d->uuid = read_text(r, object, "uuid");
    d->serial = read_text(r, object, "serial");
    d->reason = read_text(r, object, "reason");
    d->reason_text = read_text(r, object, "reason_text");
    d->kind = read_word(r, object, "kind", &hal_words_device);
    d->usability = read_word(r, object, "state", &hal_words_usability);
    d->place = read_name(r, object, "place", hal_draft_find_place);
    d->numa = read_number(r, object, "numa", HAL_NOWHERE);
    d->compute_group = read_number(r, object, "compute_group", 0);
    d->cores = read_number(r, object, "cores", 0);
    d->threads = read_number(r, object, "threads", 0);
    d->parent = HAL_NOWHERE;
}

static void read_device(reader *r, const json_t *object)
{
    hal_topology_device device = {0};
    read_head(r, object, &device);
    read_nested(r, object, &device);
    uint32_t index = hal_draft_add_device(r->draft, &device);
    read_indices(r, object, index);
    read_device_memories(r, object, index);
    read_rates(r, object, index);
    read_words(r, object, "features", index, hal_draft_device_feature);
    read_words(r, object, "nodes", index, hal_draft_device_node);
    read_words(r, object, "ways", index, hal_draft_device_way);
    read_rungs(r, object, index);
}

/* Once all devices are there. */
static void read_parent(reader *r, const json_t *object)
{
    uint32_t parent = read_name(r, object, "parent", hal_draft_find_device);
    hal_topology_device *d = hal_draft_device(r->draft, (uint32_t)r->index);
    if (d != NULL)
        d->parent = parent;
}

static hal_link_end read_end(reader *r, const json_t *object, const char *key, const char *kind_key)
{
    static uint32_t (*const finders[])(const hal_draft *draft, const char *id) = {
        [HAL_END_DEVICE] = hal_draft_find_device,
        [HAL_END_MEMORY] = hal_draft_find_memory,
        [HAL_END_PLACE] = hal_draft_find_place,
    };
    hal_link_end end = {.kind = read_word(r, object, kind_key, &hal_words_end)};
    end.index = read_name(r, object, key, finders[end.kind]);
    if (end.index == HAL_NOWHERE)
        fail(r, key, "expected the id of what the link ends at");
    return end;
}

static void read_link(reader *r, const json_t *object)
{
    hal_topology_link link = {0};
    link.from = read_end(r, object, "from", "from_kind");
    link.to = read_end(r, object, "to", "to_kind");
    read_texts(r, object, &hal_texts_link, &link);
    read_figures(r, object, &hal_figures_link, &link);
    link.generation = read_number(r, object, "generation", 0);
    link.lanes = read_number(r, object, "lanes", 0);
    link.hops = read_number(r, object, "hops", 0);
    link.copy_mode = read_word(r, object, "copy", &hal_words_copy);
    link.verified = read_bool(r, object, "verified");
    hal_draft_add_link(r->draft, &link);
}

static void read_diagnostic(reader *r, const json_t *object)
{
    hal_topology_diagnostic diagnostic = {0};
    read_texts(r, object, &hal_texts_diagnostic, &diagnostic);
    diagnostic.severity = read_word(r, object, "severity", &hal_words_severity);
    diagnostic.device = read_name(r, object, "device", hal_draft_find_device);
    hal_draft_add_diagnostic(r->draft, &diagnostic);
}

static void read_list(reader *r, const json_t *root, const char *key, size_t most,
                      void (*read)(reader *r, const json_t *object))
{
    size_t i;
    json_t *item;
    const json_t *array = read_array(r, root, key);
    if (json_array_size(array) > most)
        fail(r, key, "more entries than a machine can have");
    r->list = key;
    json_array_foreach(array, i, item)
    {
        r->index = i;
        if (r->status != HAL_OK)
            return;
        if (json_is_object(item))
            read(r, item);
        else
            fail(r, "", "expected an object");
    }
    r->list = NULL;
}

static hal_status read_document(reader *r, const json_t *root)
{
    const char *schema = json_is_object(root) ? read_text(r, root, "schema") : "";
    if (r->status == HAL_OK && strcmp(schema, "hal.info/1") != 0)
        return HAL_FAIL(INVALID_ARGUMENT,
                        "%s: its schema is \"%s\", not \"hal.info/1\": not a description that hal wrote",
                        r->origin, schema);
    read_host(r, root);
    read_list(r, root, "places", MOST_OBJECTS, read_place);
    read_list(r, root, "memories", MOST_OBJECTS, read_memory);
    read_list(r, root, "devices", MOST_OBJECTS, read_device);
    read_list(r, root, "devices", MOST_OBJECTS, read_parent);
    read_list(r, root, "links", MOST_LINKS, read_link);
    read_list(r, root, "diagnostics", MOST_OBJECTS, read_diagnostic);
    return r->status;
}

/* Deepest nesting of brackets outside of strings. Counted first: the parser recurses, up to a depth of its own that is too
   much for the small stack that a caller's thread may have. */
static size_t nesting(const char *text, size_t bytes)
{
    size_t depth = 0, deepest = 0;
    bool quoted = false;
    for (size_t i = 0; i < bytes; i++) {
        const char c = text[i];
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
            deepest = depth > deepest ? depth : deepest;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

hal_status hal_topology_read_json(const char *origin, const char *text, size_t bytes, hal_draft *draft)
{
    json_error_t problem;
    reader r = {.origin = origin, .draft = draft};
    if (bytes > MOST_BYTES)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: %zu bytes of JSON; more than %u are not read", origin, bytes,
                        MOST_BYTES);
    if (nesting(text, bytes) > DEEPEST)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: JSON nested deeper than %d levels", origin, DEEPEST);
    json_t *root = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return HAL_FAIL(OUT_OF_MEMORY, "%s: its JSON does not fit into memory; free some", origin);
    if (root == NULL)
        return HAL_FAIL(INVALID_ARGUMENT, "%s: line %d, column %d: %s", origin, problem.line, problem.column,
                        problem.text);
    hal_status s = read_document(&r, root);
    json_decref(root);
    return s;
}
