/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What vendors' libraries answered, and what came of asking them: the second stage of discovery. A library is loaded only by
 * hal-probe, in a process of its own that is given a deadline, and what that process says is checked before it is believed.
 *
 *   hal_answer       one record of fixed size: a device, a link between two, or a note on the library itself
 *   its text         one line, KIND<tab>KEY=VALUE<tab>...: what the child writes, what is kept, what recorded trees hold
 *                    below /hal/answers/VENDOR
 *   hal_vendor_fact  how asking one vendor ended; every vendor that was asked has one
 *   hal_answers      all of it together
 *
 * VENDOR is a row of hal/discovery/vendors.def: nvml, cuda, opencl, ze, rsmi, hip, dcmi, acl. OpenCL is asked once for each
 * .icd file.
 */
#ifndef HAL_DISCOVERY_ANSWER_H
#define HAL_DISCOVERY_ANSWER_H

#include "hal/discovery/files.h"
#include "hal/topology/build.h"

/* What a record is about. */
typedef enum hal_answer_kind {
    HAL_ANSWER_LIBRARY, /* "library": what was loaded, its versions, and how it ended by its own account */
    HAL_ANSWER_DEVICE,  /* "device" */
    HAL_ANSWER_LINK     /* "link": from the device at `address` (or `index`) to the one at `peer` */
} hal_answer_kind;

/* How the vendor's library fared. */
typedef enum hal_library_state {
    HAL_LIBRARY_OK,      /* "ok": it works; if there is a `code`, that of finding no device */
    HAL_LIBRARY_ABSENT,  /* "absent": none of the names can be opened; `text` is what the loader said */
    HAL_LIBRARY_LACKS,   /* "lacks": it has no function `text` */
    HAL_LIBRARY_OLD,     /* "old": older than what is needed, or than its kernel driver; `required` says what */
    HAL_LIBRARY_FAILED,  /* "failed": a call failed with `code`; `text` says which */
    HAL_LIBRARY_DIED,    /* "died": the child that loaded it; from here on it is libhal that says so */
    HAL_LIBRARY_LATE,    /* "late": the child was killed at its deadline */
    HAL_LIBRARY_LEFT,    /* "left": not even killing helped: it was left */
    HAL_LIBRARY_GARBAGE, /* "garbage": what was answered cannot be true */
    HAL_LIBRARY_UNASKED  /* "unasked": the helper cannot be started, or does not know the vendor */
} hal_library_state;

/* One record. Texts end in NUL and hold printable UTF-8 without tabs; "" and 0 mean not told, HAL_NOWHERE for indices. */
typedef struct hal_answer {
    uint32_t kind;     /* hal_answer_kind */
    uint32_t type;     /* hal_device_kind */
    uint32_t platform; /* OpenCL's and Level Zero's driver, else HAL_NOWHERE */
    uint32_t index;    /* as this interface numbers it */
    uint32_t peer_index;
    uint32_t cores;
    uint32_t state; /* hal_library_state */
    uint32_t generation, lanes, hops;
    uint32_t copy;   /* hal_copy_mode of a link, as far as the vendor claims */
    uint32_t shared; /* 1: its memory is the host's */
    int32_t code;    /* the vendor's status code */
    uint64_t memory, free;  /* bytes */
    uint64_t bandwidth;     /* of a link, bytes per second one way */
    uint64_t when, took;    /* asked at, in seconds since 1970; nanoseconds */
    char api[12];           /* the vendor; hal_native_index.api but for "acl", which is "ascend" there */
    char address[20];       /* "0000:1b:00.0" */
    char peer[20];          /* likewise */
    char parent[80];        /* UUID or address of the device this is a part of (a MIG instance) */
    char part[24];          /* which part: "gi1ci0" */
    char link[12], path[8]; /* hal_topology_link.kind and .path */
    char uuid[80], serial[64], name[128];
    char platform_name[96]; /* "Portable Computing Language" */
    char driver[64];        /* version of the kernel driver */
    char user[64];          /* version of the user library */
    char required[64];      /* what it asks for */
    char firmware[64];
    char features[160];     /* separated by blanks: "sm_90 mig" */
    char library[256];      /* path of what was loaded */
    char manifest[256];     /* the .icd file */
    char text[320];         /* what went wrong */
} hal_answer;

/* Begins a comment with which a child says what it has loaded, before that can do harm. */
#define HAL_ANSWER_LOADED "# loaded "
/* A line of text is shorter, its newline included. */
#define HAL_ANSWER_LINE 2560
/* More records of one vendor are not believed. */
#define HAL_ANSWER_MOST 16384

/* A record of which nothing is known. */
void hal_answer_init(hal_answer *answer, hal_answer_kind kind, const char *api);
/* Writes a line with its newline into text[HAL_ANSWER_LINE]; what cannot stand in a line is replaced by '?'. Its length. */
size_t hal_answer_print(const hal_answer *answer, char *text);
/* Reads a line without its newline. False, with what is wrong in `why`, for anything that hal_answer_print would not write. */
bool hal_answer_parse(const char *line, size_t length, hal_answer *answer, char *why, size_t size);

/* How asking one vendor ended: a library's state, or that it works and has no device. */
typedef enum hal_fact_end {
    HAL_FACT_DEVICES = HAL_LIBRARY_OK, /* it told of devices */
    HAL_FACT_ABSENT = HAL_LIBRARY_ABSENT,
    HAL_FACT_LACKS = HAL_LIBRARY_LACKS,
    HAL_FACT_OLD = HAL_LIBRARY_OLD,
    HAL_FACT_FAILED = HAL_LIBRARY_FAILED,
    HAL_FACT_DIED = HAL_LIBRARY_DIED,
    HAL_FACT_LATE = HAL_LIBRARY_LATE,
    HAL_FACT_LEFT = HAL_LIBRARY_LEFT,
    HAL_FACT_GARBAGE = HAL_LIBRARY_GARBAGE,
    HAL_FACT_UNASKED = HAL_LIBRARY_UNASKED,
    HAL_FACT_NONE /* it works and has no device */
} hal_fact_end;

/* One vendor, or one .icd file of OpenCL. */
typedef struct hal_vendor_fact {
    uint32_t end;         /* hal_fact_end */
    int32_t code;         /* the vendor's status code, 0 when there is none */
    uint32_t devices;     /* it told of */
    uint32_t reserved;
    int64_t nanoseconds;  /* it took */
    int64_t when;         /* seconds since 1970 */
    char vendor[12];      /* row of vendors.def */
    char title[64];       /* "NVIDIA management library" */
    char families[64];    /* of hal/discovery/families.def, separated by blanks: whose devices it knows */
    char library[256];    /* path of what was loaded, or the names that were tried */
    char manifest[256];   /* the .icd file, else "" */
    char driver[64], user[64], required[64];
    char text[320];       /* what went wrong, in its own words or ours */
    char hint[320];       /* how to repeat it: a command; "" when recorded */
} hal_vendor_fact;

typedef struct hal_answers hal_answers;

/* Asks every vendor, side by side, none for longer than 3 s and never past `deadline`; keeps what was answered for the next
   time. Of a recorded tree it reads what was recorded. `allocator` is that of `files`. Errors: OUT_OF_MEMORY; for what was
   recorded also INVALID_ARGUMENT with file and line. */
hal_status hal_answers_ask(const hal_allocator *allocator, const hal_files *files, int64_t deadline, hal_answers **answers);
/* What was kept for this machine as it is now, or what was recorded; loads and starts nothing. NOT_FOUND when nothing was. */
hal_status hal_answers_recall(const hal_allocator *allocator, const hal_files *files, hal_answers **answers);
/* The same for the vendors named, separated by blanks, each until `deadline`: somebody needs their devices. What others answered
   before stays kept. NULL: all. */
hal_status hal_answers_ask_some(const hal_allocator *allocator, const hal_files *files, const char *vendors, int64_t deadline,
                                hal_answers **answers);
void hal_answers_free(hal_answers *answers);

/* When it was asked, in seconds since 1970. */
int64_t hal_answers_when(const hal_answers *answers);
uint32_t hal_answers_count(const hal_answers *answers);
const hal_answer *hal_answers_at(const hal_answers *answers, uint32_t index);
/* One for each vendor asked. */
const hal_vendor_fact *hal_answers_facts(const hal_answers *answers, uint32_t *count);
/* The first fact about a device's family (hal_topology_device.family) whose end is the best of them; NULL when nobody was
   asked who could know. */
const hal_vendor_fact *hal_answers_fact_of(const hal_answers *answers, const char *family);
/* The one that told of record `index`; NULL past the end. */
const hal_vendor_fact *hal_answers_teller(const hal_answers *answers, uint32_t index);

/* Number of the ladder's code that says how asking ended: 804 for D804; 0 where nothing went wrong. */
uint32_t hal_fact_code(const hal_vendor_fact *fact);

/* Whether what the vendor of fact `fact` told of includes that device: by address, UUID, or else by its number. */
bool hal_answers_list(const hal_answers *answers, uint32_t fact, const hal_topology_device *device);

/* Joins answers with the devices of the draft, by address and UUID, and adds what is missing: parts of devices, devices that
   nothing passive shows, links, memories and their figures, native indices, other ways. The draft then refers to the answers
   (hal_draft_answers), which must live until it is sealed. Errors: OUT_OF_MEMORY. */
hal_status hal_answers_merge(hal_draft *draft, const hal_answers *answers);

#endif
