/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ladder of evidence: ten rungs that hold one after the other where a device can be used
 * (docs/discovery.md). For each device the climb begins at the bus and ends at the first rung that is broken.
 * This header is for ladder*.c alone; others call hal_ladder_climb of hal/discovery/scan.h.
 */
#ifndef HAL_DISCOVERY_LADDER_H
#define HAL_DISCOVERY_LADDER_H

#include "hal/discovery/family.h"
#include "hal/discovery/manifest.h"
#include "hal/discovery/scan.h"
#include "hal/discovery/words.h"

/* The first Level Zero loader that looks for the NPU's driver library under its present name
 * (intel/linux-npu-driver). */
#define HAL_LOADER_WITH_NEW_NAME "1.17.17"
/* Where nodes of parts of a device stand: they are only ever read (NVIDIA's multi-instance GPU user guide).
 */
#define HAL_PART_NODES "/dev/nvidia-caps/"

enum { HAL_RUNGS = 10, HAL_FAMILY_LIBRARIES = 4 };

/* The libraries of one family, looked up once for all of its devices. */
typedef struct hal_family_libraries {
    const hal_family *family;
    hal_found found[HAL_FAMILY_LIBRARIES];
    uint32_t count;
} hal_family_libraries;

/* What all climbs of one machine share. */
typedef struct hal_ladder {
    const hal_files *files;
    hal_draft *draft;
    hal_search *search;
    hal_manifests manifests;
    hal_family_libraries *libraries;
    uint32_t n_libraries, room_libraries;
    char *log;     /* the kernel's, since the machine started; NULL when it cannot be read */
    char *modules; /* modules.dep and modules.builtin of the running kernel; NULL when they are not there */
    uint64_t told; /* facts of vendors that were reported on a device, by index */
    bool log_tried, modules_tried;
    bool starved;       /* something ran out of memory */
    bool nodes_told;    /* /dev was recorded */
    bool firmware_told; /* /lib/firmware was recorded */
} hal_ladder;

/* One device on its way up. */
typedef struct hal_climb {
    hal_ladder *ladder;
    uint32_t device;
    const hal_family *family; /* never NULL: an unknown one has no texts */
    char directory[256];      /* of the device in sysfs; "" when it has none */
    /* The rung that is being climbed. */
    uint32_t status;         /* hal_rung_status */
    uint32_t code, severity; /* gravest finding, 0 none */
    char evidence[1024];
    char sentence[1280]; /* on that finding */
    /* So far. */
    uint32_t broken, warned; /* codes of the first rung that is broken, and of the first that warns; 0 none */
    char broken_text[1280], warned_text[1280];
} hal_climb;

/* Adds to the evidence of the rung. */
void hal_climb_note(hal_climb *climb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Reports a code of codes.def: a diagnostic, and the state of the rung. `format` is what was seen. */
void hal_climb_find(hal_climb *climb, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with a remedy that is better than the one of codes.def. */
void hal_climb_advise(hal_climb *climb, uint32_t code, const char *remedy, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The rung is broken as that of another device is, on which it was reported. */
void hal_climb_inherit(hal_climb *climb, const hal_topology_device *from);
/* The device that it is a part of, at the same address; NULL when it is one of its own. */
const hal_topology_device *hal_climb_whole(const hal_climb *climb);
/* Leaves the rung out, for that reason. */
void hal_climb_skip(hal_climb *climb, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A diagnostic on no device. */
void hal_ladder_report(hal_ladder *ladder, uint32_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline hal_topology_device *hal_climb_device(const hal_climb *climb)
{
    return hal_draft_device(climb->ladder->draft, climb->device);
}

/* What a test computes in place of a device has nothing of it but the library. */
bool hal_climb_is_emulated(const hal_climb *climb);
/* First bytes of a file below the device's directory in sysfs, a line of it; "" when there is none. `text` is
 * returned. */
const char *hal_climb_attribute(const hal_climb *climb, const char *name, char *text, size_t size);

/* The rungs. */
void hal_rung_bus(hal_climb *climb);
void hal_rung_driver(hal_climb *climb);
void hal_rung_node(hal_climb *climb);
void hal_rung_permission(hal_climb *climb);
void hal_rung_library(hal_climb *climb);
void hal_rung_version(hal_climb *climb);
void hal_rung_registration(hal_climb *climb);
void hal_rung_answer(hal_climb *climb);
void hal_rung_visible(hal_climb *climb);
void hal_rung_backend(hal_climb *climb);

/* What is wrong with the machine and belongs to no device. */
void hal_ladder_survey(hal_ladder *ladder);
void hal_ladder_survey_manifests(hal_ladder *ladder);
void hal_ladder_survey_answers(hal_ladder *ladder);

/* Evidence that several rungs read. */
/* hal_files_read_all and hal_files_list; running out of memory is remembered by the ladder. */
char *hal_ladder_read(hal_ladder *ladder, const char *path);
bool hal_ladder_list(hal_ladder *ladder, const char *path, hal_names *names);
/* The kernel's log; NULL when it cannot be read. */
const char *hal_ladder_log(hal_ladder *ladder);
/* Why it cannot be read, "" when it can. */
const char *hal_ladder_log_lack(hal_ladder *ladder);
/* Copies the last line of the log that holds both texts (the second may be NULL); false when there is none.
 */
bool hal_ladder_log_line(hal_ladder *ladder, const char *a, const char *b, char *line, size_t size);
/* True when the module is loaded; "-" and "_" are one. */
bool hal_ladder_module_loaded(const hal_ladder *ladder, const char *name);
/* 1 when it is installed for the running kernel, 0 when it is not, -1 when that cannot be told. */
int hal_ladder_module_installed(hal_ladder *ladder, const char *name);
/* The family's libraries; NULL when out of memory, which the ladder remembers. */
const hal_family_libraries *hal_ladder_libraries(hal_ladder *ladder, const hal_family *family);
/* True when the device at `index` is of the family. */
bool hal_ladder_is_of(const hal_ladder *ladder, uint32_t index, const char *family);
/* True when the device cannot be used without that node; others are further ways to it. */
bool hal_ladder_needs(const hal_climb *climb, const char *node);
/* True when the caller may read and write by mode, owner and groups. */
bool hal_ladder_mode_allows(const hal_files *files, const hal_file_facts *facts, uint32_t bits);

#endif
