/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the enums, and what the members of objects are called in JSON: one table serves writing,
   reading and checking. */
#include "hal/topology/model.h"

#include <stddef.h>

#define COUNT(a) ((uint32_t)(sizeof(a) / sizeof *(a)))
#define LIST(noun, ...)                                                                                      \
    static const char *const words_##noun[] = {__VA_ARGS__};                                                 \
    const hal_word_list hal_words_##noun = {words_##noun, COUNT(words_##noun)};

LIST(unit, "count", "bytes", "bytes/s", "s", "op/s")
LIST(source, "unknown", "estimated", "structural", "vendor", "measured")
LIST(device, "cpu", "gpu", "npu", "nic", "switch", "other")
LIST(memory, "other", "dram", "hbm", "gddr", "lpddr", "cxl", "persistent")
LIST(place, "machine", "group", "package", "numa", "pci-root", "pci-switch", "board")
LIST(usability, "not-probed", "ready", "degraded", "unusable", "hidden", "no-backend")
LIST(copy, "unknown", "native", "direct", "staged", "none")
LIST(rung, "ok", "warn", "fail", "skip", "denied")
LIST(severity, "note", "warning", "failure")
LIST(end, "device", "memory", "place")

static const char *word(const hal_word_list *list, uint32_t index)
{
    return index < list->count ? list->words[index] : "?";
}

uint32_t hal_word_find(const hal_word_list *list, const char *text)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (strcmp(list->words[i], text) == 0)
            return i;
    return HAL_NOWHERE;
}

const char *hal_unit_name(hal_unit unit)
{
    return word(&hal_words_unit, unit);
}
const char *hal_source_name(hal_source source)
{
    return word(&hal_words_source, source);
}
const char *hal_device_kind_name(hal_device_kind kind)
{
    return word(&hal_words_device, kind);
}
const char *hal_memory_kind_name(hal_memory_kind kind)
{
    return word(&hal_words_memory, kind);
}
const char *hal_place_kind_name(hal_place_kind kind)
{
    return word(&hal_words_place, kind);
}
const char *hal_usability_name(hal_usability usability)
{
    return word(&hal_words_usability, usability);
}
const char *hal_copy_mode_name(hal_copy_mode mode)
{
    return word(&hal_words_copy, mode);
}
const char *hal_rung_status_name(hal_rung_status status)
{
    return word(&hal_words_rung, status);
}
const char *hal_severity_name(hal_severity severity)
{
    return word(&hal_words_severity, severity);
}

#define FIGURES(noun) const hal_figure_table hal_figures_##noun = {figures_##noun, COUNT(figures_##noun)};
#define FIGURE(type, member, unit)                                                                           \
    {                                                                                                        \
#member, offsetof(hal_topology_##type, member), HAL_UNIT_##unit                                      \
    }

static const hal_figure_row figures_host[] = {FIGURE(host, memory_limit, BYTES),
                                              FIGURE(host, cpu_limit, COUNT)};
FIGURES(host)
static const hal_figure_row figures_place[] = {FIGURE(place, uplink, BYTES_PER_SECOND)};
FIGURES(place)
static const hal_figure_row figures_memory[] = {
    FIGURE(memory, capacity, BYTES), FIGURE(memory, free, BYTES), FIGURE(memory, held, BYTES),
    FIGURE(memory, bandwidth, BYTES_PER_SECOND), FIGURE(memory, latency, SECONDS)};
FIGURES(memory)
static const hal_figure_row figures_device[] = {FIGURE(device, link_now, BYTES_PER_SECOND),
                                                FIGURE(device, link_most, BYTES_PER_SECOND)};
FIGURES(device)
static const hal_figure_row figures_link[] = {FIGURE(link, bandwidth, BYTES_PER_SECOND),
                                              FIGURE(link, latency, SECONDS), FIGURE(link, duplex, COUNT),
                                              FIGURE(link, declared, BYTES_PER_SECOND)};
FIGURES(link)

#define TEXTS(noun) const hal_text_table hal_texts_##noun = {texts_##noun, COUNT(texts_##noun)};
#define TEXT(type, member)                                                                                   \
    {                                                                                                        \
#member, offsetof(hal_topology_##type, member)                                                       \
    }

static const hal_text_row texts_host[] = {TEXT(host, name),  TEXT(host, os),        TEXT(host, kernel),
                                          TEXT(host, arch),  TEXT(host, container), TEXT(host, cgroup),
                                          TEXT(host, origin)};
TEXTS(host)
static const hal_text_row texts_place[] = {TEXT(place, id), TEXT(place, name)};
TEXTS(place)
static const hal_text_row texts_memory[] = {TEXT(memory, id), TEXT(memory, name)};
TEXTS(memory)
static const hal_text_row texts_device[] = {TEXT(device, id),           TEXT(device, alias),
                                            TEXT(device, name),         TEXT(device, family),
                                            TEXT(device, vendor),       TEXT(device, address),
                                            TEXT(device, uuid),         TEXT(device, serial),
                                            TEXT(device, driver),       TEXT(device, driver_version),
                                            TEXT(device, user_version), TEXT(device, required_version),
                                            TEXT(device, firmware),     TEXT(device, reason),
                                            TEXT(device, reason_text),  TEXT(device, link_text)};
TEXTS(device)
static const hal_text_row texts_link[] = {TEXT(link, kind), TEXT(link, path), TEXT(link, via)};
TEXTS(link)
static const hal_text_row texts_diagnostic[] = {TEXT(diagnostic, code), TEXT(diagnostic, summary),
                                                TEXT(diagnostic, evidence), TEXT(diagnostic, cause),
                                                TEXT(diagnostic, remedy)};
TEXTS(diagnostic)
