/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rungs D8 to D10: what the vendor's libraries answered, whether the device was left out on purpose, and
 * hal's own part. Meanings of status codes: NVML API reference (nvmlReturn_t), CUDA driver API (CUresult),
 * Level Zero (ze_result_t).
 */
#include "hal/discovery/ladder.h"
#include "hal/discovery/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *vendor;
    int64_t status;
    uint32_t code;
} meanings[] = {
    {"nvml", 15, 811},       {"nvml", 16, 811},  {"nvml", 18, 601},  {"cuda", 46, 810},
    {"cuda", 100, 802},      {"cuda", 801, 606}, {"cuda", 802, 812}, {"cuda", 803, 601},
    {"cuda", 804, 605},      {"hip", 100, 802},  {"hip", 801, 606},  {"ze", 0x70000001, 811},
    {"ze", 0x78000003, 606},
};

/* What the vendor's status code says where it says more than that something failed. */
static uint32_t code_of_status(const hal_vendor_fact *fact, uint32_t otherwise)
{
    for (size_t i = 0; i < sizeof meanings / sizeof meanings[0]; i++)
        if (strcmp(meanings[i].vendor, fact->vendor) == 0 && meanings[i].status == fact->code)
            return meanings[i].code;
    return otherwise;
}

uint32_t hal_fact_code(const hal_vendor_fact *fact)
{
    switch ((hal_fact_end)fact->end) {
    case HAL_FACT_DEVICES: return 0;
    case HAL_FACT_NONE: return 802;
    case HAL_FACT_ABSENT: return 508;
    case HAL_FACT_LACKS: return 603;
    case HAL_FACT_OLD: return code_of_status(fact, 605);
    case HAL_FACT_FAILED: return code_of_status(fact, 801);
    case HAL_FACT_DIED: return 804;
    case HAL_FACT_LATE: return 803;
    case HAL_FACT_LEFT: return 806;
    case HAL_FACT_GARBAGE: return 805;
    case HAL_FACT_UNASKED: return 809;
    }
    return 805;
}

static void describe(const hal_vendor_fact *fact, char *text, size_t size)
{
    text[0] = '\0';
    hal_words_add(text, size, "%s", fact->title[0] != '\0' ? fact->title : fact->vendor);
    if (fact->library[0] != '\0')
        hal_words_add(text, size, " (%s%s%s)", fact->library,
                      fact->manifest[0] != '\0' ? ", registered by " : "", fact->manifest);
    if (fact->user[0] != '\0')
        hal_words_add(text, size, " %s", fact->user);
    if (fact->driver[0] != '\0')
        hal_words_add(text, size, ", driver %s", fact->driver);
    if (fact->required[0] != '\0')
        hal_words_add(text, size, ", asks for %s", fact->required);
    if (fact->text[0] != '\0')
        hal_words_add(text, size, ": %s", fact->text);
    if (fact->code != 0)
        hal_words_add(text, size, ", status %d", (int)fact->code);
    hal_words_add(text, size, ", after %lld ms", (long long)(fact->nanoseconds / 1000000));
}

/* Libraries that manage a device know it also where nothing can compute on it. */
static bool only_manages(const hal_vendor_fact *fact)
{
    return hal_word_listed("nvml rsmi dcmi", fact->vendor);
}

static bool lists(const hal_climb *climb, const hal_vendor_fact *fact)
{
    const hal_answers *answers = hal_draft_answers(climb->ladder->draft);
    uint32_t count, index = (uint32_t)(fact - hal_answers_facts(answers, &count));
    return fact->end == HAL_FACT_DEVICES && hal_answers_list(answers, index, hal_climb_device(climb));
}

/* Whether the fact can know the device; what lists devices of all families is told only by those that it
 * lists. */
static bool concerns(const hal_climb *climb, const hal_vendor_fact *fact)
{
    return strcmp(fact->families, "*") == 0 ? lists(climb, fact)
                                            : hal_word_listed(fact->families, climb->family->name);
}

/* How much it says on the device: that it can compute, that it cannot, that it is there, that something is
 * wrong, little. */
static int weight(const hal_climb *climb, const hal_vendor_fact *fact)
{
    if (lists(climb, fact))
        return only_manages(fact) ? 4 : 8;
    if (fact->end == HAL_FACT_ABSENT || fact->end == HAL_FACT_UNASKED)
        return 0;
    /* Of two that fail the one whose code has a meaning of its own. */
    return (only_manages(fact) ? 1 : 5) + (code_of_status(fact, 0) != 0);
}

static const hal_vendor_fact *best_fact(const hal_climb *climb, const hal_vendor_fact *facts, uint32_t count)
{
    const hal_vendor_fact *best = NULL;
    for (uint32_t i = 0; i < count; i++)
        if (concerns(climb, &facts[i]) && (best == NULL || weight(climb, &facts[i]) > weight(climb, best)))
            best = &facts[i];
    return best;
}

/* A Level Zero loader of that age knows the NPU's driver library by its old name only, and lists other
 * devices or none. */
static bool is_old_loader(const hal_climb *climb, const hal_vendor_fact *fact)
{
    return climb->family->kind == HAL_DEVICE_NPU && strcmp(fact->vendor, "ze") == 0 &&
           fact->user[0] != '\0' && (fact->end == HAL_FACT_DEVICES || fact->end == HAL_FACT_NONE) &&
           hal_version_compare(fact->user, HAL_LOADER_WITH_NEW_NAME) < 0;
}

/* Reported on a device, a fact is not reported on the machine again. */
static void remember(hal_ladder *ladder, uint32_t index)
{
    if (index < 64)
        ladder->told |= (uint64_t)1 << index;
}

/* What the others say that fail as well belongs to the evidence. */
static void add_others(const hal_climb *climb, const hal_vendor_fact *facts, uint32_t count,
                       const hal_vendor_fact *best, char *text, size_t size)
{
    char one[512];
    for (uint32_t i = 0; i < count; i++)
        if (&facts[i] == best) {
            remember(climb->ladder, i);
        } else if (concerns(climb, &facts[i]) && hal_fact_code(&facts[i]) != 0) {
            describe(&facts[i], one, sizeof one);
            hal_words_add(text, size, "; %s", one);
            remember(climb->ladder, i);
        }
}

static void report(hal_climb *climb, const hal_vendor_fact *facts, uint32_t count,
                   const hal_vendor_fact *best)
{
    char text[768], remedy[1024] = "", name[16];
    uint32_t code = is_old_loader(climb, best) ? 602 : best->end == HAL_FACT_DEVICES ? 807 : hal_fact_code(best);
    describe(best, text, sizeof text);
    add_others(climb, facts, count, best, text, sizeof text);
    snprintf(name, sizeof name, "D%u", code);
    if (best->hint[0] != '\0')
        snprintf(remedy, sizeof remedy, "%s; to repeat it: %s", hal_code_explain(name)->remedy, best->hint);
    hal_climb_advise(climb, code, remedy, "%s", text);
}

static const char *why_nobody(const hal_climb *climb, uint32_t asked)
{
    if (asked > 0)
        return "no library that was asked knows this family";
    return hal_files_live(climb->ladder->files) ? "not probed yet" : "no answers of vendors were recorded";
}

void hal_rung_answer(hal_climb *climb)
{
    const hal_answers *answers = hal_draft_answers(climb->ladder->draft);
    uint32_t count = 0;
    char text[768];
    if (climb->family->libraries[0] == '\0') {
        hal_climb_skip(climb, "no vendor's library to ask");
        return;
    }
    const hal_vendor_fact *facts = answers != NULL ? hal_answers_facts(answers, &count) : NULL;
    const hal_vendor_fact *fact = best_fact(climb, facts, count);
    if (fact == NULL) {
        hal_climb_skip(climb, "%s", why_nobody(climb, count));
    } else if (lists(climb, fact)) {
        describe(fact, text, sizeof text);
        hal_climb_note(climb, "listed by %s", text);
    } else {
        report(climb, facts, count, fact);
    }
}

static bool has_device(const hal_ladder *ladder, const char *families)
{
    char name[64];
    if (strcmp(families, "*") == 0)
        return true;
    while (hal_word_next(&families, ' ', name, sizeof name))
        for (uint32_t i = 0; i < hal_draft_device_count(ladder->draft); i++)
            if (hal_ladder_is_of(ladder, i, name))
                return true;
    return false;
}

/* A library that is not there, or has nothing to list, is no fault of a machine without its devices. Some say
 * so with a status: ROCm's, where there is no Radeon, "invalid device" or "initialization error". */
static bool is_harmless(const hal_ladder *ladder, const hal_vendor_fact *fact)
{
    return fact->end == HAL_FACT_DEVICES || fact->end == HAL_FACT_NONE || fact->end == HAL_FACT_ABSENT ||
           (fact->end == HAL_FACT_FAILED && !has_device(ladder, fact->families));
}

void hal_ladder_survey_answers(hal_ladder *ladder)
{
    const hal_answers *answers = hal_draft_answers(ladder->draft);
    uint32_t count = 0;
    const hal_vendor_fact *facts = answers != NULL ? hal_answers_facts(answers, &count) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        char text[768];
        if (is_harmless(ladder, &facts[i]) || (i < 64 && (ladder->told >> i & 1) != 0))
            continue;
        describe(&facts[i], text, sizeof text);
        hal_ladder_report(ladder, hal_fact_code(&facts[i]), "%s", text);
    }
}

/* Split into parts of which there is none, the device can run nothing. */
static bool lacks_parts(const hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    bool split = false;
    for (uint32_t i = 0; i < device->n_features; i++)
        split |= strcmp(device->features[i], "mig") == 0;
    for (uint32_t i = 0; i < hal_draft_device_count(climb->ladder->draft); i++)
        split &= hal_draft_device(climb->ladder->draft, i)->parent != climb->device;
    return split && device->parent == HAL_NOWHERE;
}

void hal_rung_visible(hal_climb *climb)
{
    const hal_topology_device *device = hal_climb_device(climb);
    if (device->usability != HAL_USABLE_HIDDEN) {
        if (lacks_parts(climb))
            hal_climb_find(climb, 913, "MIG mode is on and no instance is listed");
        else
            hal_climb_note(climb, "no variable and no setting leaves it out");
        return;
    }
    const hal_code_row *row = hal_code_explain(device->reason);
    hal_climb_find(climb, row != NULL ? (uint32_t)strtoul(row->code + 1, NULL, 10) : 908, "%s",
                   device->reason_text);
    /* Not a fault, and yet nothing above is reached. */
    climb->status = HAL_RUNG_FAIL;
}
