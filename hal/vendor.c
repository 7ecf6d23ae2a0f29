/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vendors' interfaces, as far as backends need them: what they answered (hal_host.vendor_devices), and asking them in the
 * life of an instance (hal_instance_probe).
 */
#include "hal/discovery/answer.h"
#include "hal/discovery/words.h"
#include "object.h"


#define COPY_TEXT(to, from) snprintf((to), sizeof(to), "%.*s", (int)sizeof(to) - 1, (from))
#define NAMES 256 /* of vendors, separated by blanks */

/* -------------------------------------------------------------------------------- what they answered -- */

/* A part's number within its card is no number of the interface. */
static bool is_of(const hal_answer *a, const char *vendor)
{
    return a->kind == HAL_ANSWER_DEVICE && a->index != HAL_NOWHERE && strcmp(a->api, vendor) == 0;
}

static void translate(const hal_answer *a, const hal_vendor_fact *teller, hal_vendor_device *d)
{
    *d = (hal_vendor_device){.platform = a->platform,
                             .index = a->index,
                             .kind = a->type,
                             .shared = a->shared,
                             .cores = a->cores,
                             .memory = a->memory};
    COPY_TEXT(d->address, a->address);
    COPY_TEXT(d->uuid, a->uuid);
    COPY_TEXT(d->name, a->name);
    COPY_TEXT(d->platform_name, a->platform_name);
    COPY_TEXT(d->driver, a->driver[0] != '\0' ? a->driver : a->user);
    COPY_TEXT(d->features, a->features);
    COPY_TEXT(d->library, teller->library);
    COPY_TEXT(d->manifest, teller->manifest);
}

static uint32_t list_devices(const hal_answers *answers, const char *vendor, uint32_t capacity,
                             hal_vendor_device *devices)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hal_answers_count(answers); i++) {
        const hal_answer *a = hal_answers_at(answers, i);
        if (is_of(a, vendor) && count++ < capacity)
            translate(a, hal_answers_teller(answers, i), &devices[count - 1]);
    }
    return count;
}

/* What was kept is read again: only a backend that claims asks, once an instance. */
static uint32_t list_kept(const hal_allocator *a, const char *vendor, uint32_t capacity, hal_vendor_device *devices)
{
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    uint32_t count = 0;
    if (hal_files_open(a, hal_machine_input, &files) != HAL_OK)
        return 0;
    if (hal_answers_recall(a, files, &answers) == HAL_OK)
        count = list_devices(answers, vendor, capacity, devices);
    hal_answers_free(answers);
    hal_files_close(files);
    return count;
}

uint32_t hal_vendor_devices(hal_instance *instance, const char *vendor, uint32_t capacity,
                            hal_vendor_device *devices)
{
    pthread_mutex_lock(&instance->asking);
    const uint32_t count = instance->answers != NULL
                               ? list_devices(instance->answers, vendor, capacity, devices)
                               : list_kept(&instance->config.allocator, vendor, capacity, devices);
    pthread_mutex_unlock(&instance->asking);
    return count;
}

/* ------------------------------------------------------------------------------------- asking them -- */

/* hal_backend.vendors, "" in a table that ends before it. */
static const char *vendors_of(const hal_backend *table)
{
    const bool has = table->head.size >= offsetof(hal_backend, vendors) + sizeof table->vendors;
    return has && table->vendors != NULL ? table->vendors : "";
}

/* All that the loaded backends name. */
static void list_vendors(const hal_instance *instance, char names[NAMES])
{
    char name[64];
    names[0] = '\0';
    for (uint32_t i = 0; i < instance->n_loaded; i++)
        for (const char *rest = vendors_of(instance->loaded[i]->table); hal_word_next(&rest, ' ', name, sizeof name);)
            if (!hal_word_listed(names, name))
                hal_words_add(names, NAMES, "%s%s", names[0] != '\0' ? " " : "", name);
}

static hal_status ask(hal_instance *instance, const char *vendors, int64_t deadline)
{
    const hal_allocator *a = &instance->config.allocator;
    hal_files *files = NULL;
    hal_answers *answers = NULL;
    HAL_TRY(hal_files_open(a, hal_machine_input, &files));
    hal_status s = hal_answers_ask_some(a, files, vendors, deadline, &answers);
    hal_files_close(files);
    if (s != HAL_OK)
        return s;
    pthread_mutex_lock(&instance->asking);
    hal_answers *old = instance->answers;
    instance->answers = answers;
    pthread_mutex_unlock(&instance->asking);
    hal_answers_free(old);
    return HAL_OK;
}

/* A failure ends it: the caller reads its detail. */
static hal_status claim_again(hal_instance *instance)
{
    for (uint32_t i = 0; i < instance->n_loaded; i++)
        if (vendors_of(instance->loaded[i]->table)[0] != '\0')
            HAL_TRY(hal_loader_claim(instance, instance->loaded[i]));
    return HAL_OK;
}

static hal_status probe(hal_instance *instance, int64_t deadline, bool once)
{
    char vendors[NAMES];
    HAL_TRY(hal_instance_check(instance));
    list_vendors(instance, vendors);
    if (vendors[0] == '\0')
        return HAL_OK;
    if (deadline <= hal_time_now() || !hal_turn_take_by(&instance->growing, deadline))
        return HAL_FAIL(DEADLINE_EXCEEDED, "%s: the deadline passed before it was asked", vendors);
    hal_status s = HAL_OK;
    if (!once || !instance->probed) {
        const int64_t begin = hal_time_now();
        s = ask(instance, vendors, deadline);
        instance->probed |= s == HAL_OK;
        if (s == HAL_OK)
            s = claim_again(instance);
        hal_trace_span(instance, NULL, "probe", vendors, begin, hal_time_now());
    }
    hal_turn_give(&instance->growing);
    return s;
}

hal_status hal_instance_probe(hal_instance *instance, int64_t deadline)
{
    return probe(instance, deadline, false);
}

hal_status hal_vendor_ask_once(hal_instance *instance, int64_t deadline)
{
    return probe(instance, deadline, true);
}

/* ---------------------------------------------------------------------------------------- telling -- */

/* The first thing that is wrong with the drivers of an interface that are registered in files. */
static void say_registration(char *text, size_t size)
{
    const hal_topology_options options = {HAL_HEAD(hal_topology_options), .input = hal_machine_input};
    hal_topology *topology = NULL;
    if (hal_topology_create(&options, &topology) != HAL_OK)
        return;
    const hal_topology_diagnostic *first = NULL;
    for (uint32_t i = 0; i < hal_topology_diagnostic_count(topology); i++) {
        const hal_topology_diagnostic *d = hal_topology_diagnostic_at(topology, i);
        if (strncmp(d->code, "D7", 2) == 0 && d->device == HAL_NOWHERE && (first == NULL || d->severity > first->severity))
            first = d;
    }
    if (first != NULL)
        hal_words_add(text, size, "; %s: %s; try: %s", first->code, first->evidence, first->remedy);
    hal_topology_release(topology);
}

static void say_fact(const hal_vendor_fact *fact, char *text, size_t size)
{
    char code[16];
    hal_words_add(text, size, "; asked: %s%s%s: ", fact->title, fact->manifest[0] != '\0' ? " of " : "", fact->manifest);
    if (fact->devices > 0) {
        hal_words_add(text, size, "%u devices", fact->devices);
        return;
    }
    snprintf(code, sizeof code, "D%u", hal_fact_code(fact));
    const hal_code_row *row = hal_code_explain(code);
    hal_words_add(text, size, "%s: %s%s%s", code, row != NULL ? row->summary : "", fact->text[0] != '\0' ? " " : "",
                  fact->text);
}

void hal_vendor_say(hal_instance *instance, char *text, size_t size)
{
    uint32_t count = 0, good = 0;
    bool manifests = false;
    pthread_mutex_lock(&instance->asking);
    const hal_vendor_fact *facts = instance->answers != NULL ? hal_answers_facts(instance->answers, &count) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        say_fact(&facts[i], text, size);
        good += facts[i].devices > 0;
        manifests |= strcmp(facts[i].vendor, "opencl") == 0;
    }
    pthread_mutex_unlock(&instance->asking);
    if (manifests && good == 0)
        say_registration(text, size);
}

void hal_vendor_free(hal_instance *instance)
{
    hal_answers_free(instance->answers);
    pthread_mutex_destroy(&instance->asking);
}
