/* SPDX-License-Identifier: Apache-2.0 */
/* A report: what each of some devices did with a list of cases, and what follows from that.
 *
 * Made by a run, read from JSON, merged, compared, and written as JSON, HTML, JUnit and Markdown. */
#ifndef HAL_MATRIX_REPORT_H
#define HAL_MATRIX_REPORT_H

#include <stdio.h>

#include "tools/hal-matrix/select.h"

/* What a run is told from others by, and what it was done with. "" and 0: not known. */
typedef struct matrix_facts {
    char alias[32], backend[32], name[128];
    char driver[128], features[512];   /* "570.124", "avx2, l2=1024KiB*2" */
    char system[160];                  /* "Linux 6.1 x86_64" */
    char machine[192];                 /* what decides how it rounds: machine.h; not in reports */
    char tool[32];                     /* version of hal */
    char list[8], version[MATRIX_VERSION_SIZE], selection[256]; /* selection: the options that left cases out */
    char baseline[128];                /* file the second gate read */
    int64_t when;                      /* start, in seconds since 1970 */
    double seconds, loosen;
    uint64_t seed, floor, declared, programs, jobs;
    uint64_t kernels, compiled;        /* distinct ones that the device used; of them made by its compiler in this run */
    bool emulated, perf;
    char incomplete[256];              /* why cases are missing at the end */
} matrix_facts;

/* One device with its results, in the order of the list. */
typedef struct matrix_column {
    matrix_facts facts;
    matrix_result *results;
    size_t count, capacity;
    uint64_t by_verdict[VERDICTS];
    uint64_t unexpected;     /* failed because they passed */
    uint64_t beyond_baseline; /* failed inside the contract */
} matrix_column;

typedef struct matrix_report {
    matrix_column *columns;
    size_t count;
    int64_t when;
} matrix_report;

/* A new column at the end, or NULL without memory. Earlier pointers to columns are void then. */
matrix_column *matrix_report_column(matrix_report *report, tool_error *err);
void matrix_report_clear(matrix_report *report);

/* Adds a result. */
int matrix_column_add(matrix_column *column, const matrix_result *result, tool_error *err);
uint64_t matrix_column_executed(const matrix_column *column);
/* Distinct kernels of a device are at most so many, whatever the list: one for each shape would be thousands. Where the
 * backend does not count them, programs are not held against it. */
enum { MATRIX_MOST_KERNELS = 300 };
/* Whether nothing failed, at least one case and the floor were executed, no bound was loosened, kernels were not too many,
 * and the run came to its end. */
bool matrix_column_green(const matrix_column *column);
bool matrix_report_green(const matrix_report *report);

/* What a device's results entitle it to say. */
typedef enum matrix_level { LEVEL_EXPERIMENTAL, LEVEL_QUICK, LEVEL_FULL } matrix_level;
enum { MATRIX_FLOOR_QUICK = 1500, MATRIX_FLOOR_FULL = 10000 };
const char *matrix_level_name(matrix_level level);
/* The level, and in `why` what is missing to the next one ("" at the highest). */
matrix_level matrix_column_level(const matrix_column *column, char *why, size_t size);

/* Report files. `path` "-" is standard output. */
int matrix_report_write(const matrix_report *report, const char *path, tool_error *err);
int matrix_report_read(const char *path, matrix_report *out, tool_error *err);
/* page.c, junit.c, markdown.c */
int matrix_page_print(const matrix_report *report, FILE *out, tool_error *err);
int matrix_junit_print(const matrix_report *report, FILE *out, tool_error *err);
int matrix_markdown_print(const matrix_report *report, FILE *out, tool_error *err);

/* The files that the options name; NULL for those that are not wanted. */
typedef struct matrix_outputs { const char *json, *html, *junit, *md; } matrix_outputs;
/* Whether each could be written: an hour of work should not end in a full or missing directory. */
int matrix_outputs_check(const matrix_outputs *outputs, tool_error *err);
int matrix_outputs_write(const matrix_outputs *outputs, const matrix_report *report, tool_error *err);

#endif
