/* SPDX-License-Identifier: Apache-2.0 */
/* Asks all vendors side by side. None can hold up another: each is a child with a deadline of its own. */
#include "hal/discovery/answers.h"
#include "hal/discovery/words.h"
#include "hal/object.h"
#include "hal/probe.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#define EACH_MS   3000 /* where all are asked: nobody waits for one of them in particular */
#define MANIFESTS 32u /* of OpenCL that are asked */
#define TASKS     (MANIFESTS + 16u)
#define ICD_ROOT  "/etc/OpenCL/vendors"

/* What is asked. */
typedef struct question {
    const hal_vendor *vendor;
    char subject[1088];
} question;
typedef struct inquiry {
    const hal_files *files;
    question *questions;
    hal_probe_task *tasks;
    uint32_t n;
} inquiry;

static void add_question(inquiry *r, const hal_vendor *vendor, const char *file)
{
    if (r->n == TASKS)
        return;
    question *q = &r->questions[r->n++];
    q->vendor = vendor;
    snprintf(q->subject, sizeof q->subject, "%s%s%s", vendor->name, file[0] != '\0' ? ":" : "", file);
}

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), wanted = strlen(end);
    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* Each .icd file of a directory; what is wrong with others, the ladder tells. */
static uint32_t add_directory(inquiry *r, const hal_vendor *vendor, const char *path)
{
    hal_names names;
    uint32_t added = 0;
    char file[1024];
    if (!hal_files_list(r->files, path, &names))
        return 0;
    for (uint32_t i = 0; i < names.count && added < MANIFESTS; i++) {
        int n = snprintf(file, sizeof file, "%s/%s", path, names.items[i]);
        if (ends_in(names.items[i], ".icd") && n > 0 && (size_t)n < sizeof file) {
            add_question(r, vendor, file);
            added++;
        }
    }
    hal_files_names_free(r->files, &names);
    return added;
}

/* Where the loaders of OpenCL look, in their order: OCL_ICD_VENDORS is a directory, an .icd file or a
 * library. */
static void add_opencl(inquiry *r, const hal_vendor *vendor)
{
    hal_file_facts facts;
    const char *named = hal_files_env(r->files, "OCL_ICD_VENDORS");
    const char *directory = hal_files_env(r->files, "OPENCL_VENDOR_PATH");
    const bool is_directory = named != NULL && hal_files_stat(r->files, named, &facts) && S_ISDIR(facts.mode);
    uint32_t added = 0;
    if (named != NULL && named[0] != '\0' && !is_directory) {
        add_question(r, vendor, named);
        added = 1;
    } else if (is_directory)
        added = add_directory(r, vendor, named);
    else
        added = add_directory(r, vendor, directory != NULL && directory[0] != '\0' ? directory : ICD_ROOT);
    if (added == 0)
        add_question(r, vendor, "");
}

static void list_questions(inquiry *r, const char *vendors)
{
    const hal_vendor *v;
    for (uint32_t i = 0; (v = hal_vendor_at(i)) != NULL; i++) {
        if (vendors != NULL && !hal_word_listed(vendors, v->name))
            continue;
        if (strcmp(v->name, "opencl") == 0)
            add_opencl(r, v);
        else
            add_question(r, v, "");
    }
}

/* --------------------------------------------------------------------------------------------- answers -- */

static hal_library_state state_of(const hal_probe_task *t)
{
    switch (t->end) {
    case HAL_PROBE_ANSWERED: return HAL_LIBRARY_GARBAGE; /* or it would have been understood */
    case HAL_PROBE_DIED: return HAL_LIBRARY_DIED;
    case HAL_PROBE_LATE: return HAL_LIBRARY_LATE;
    case HAL_PROBE_LEFT: return HAL_LIBRARY_LEFT;
    case HAL_PROBE_UNSTARTED:
    case HAL_PROBE_REFUSED: break;
    }
    return HAL_LIBRARY_UNASKED;
}

/* What the child had loaded last when it ended. */
static void note_loaded(const hal_probe_task *t, hal_answer *library)
{
    const size_t mark = strlen(HAL_ANSWER_LOADED);
    for (const char *p = t->payload; p != NULL && strncmp(p, HAL_ANSWER_LOADED, mark) == 0;) {
        snprintf(library->library, sizeof library->library, "%.*s", (int)strcspn(p + mark, "\n"), p + mark);
        p = strchr(p, '\n');
        p = p != NULL ? p + 1 : NULL;
    }
}

/* A vendor of which only that is known how asking it ended. */
static hal_status add_failure(hal_answers *answers, const question *q, const hal_probe_task *t,
                              const char *text)
{
    char line[HAL_ANSWER_LINE], why[100];
    hal_answer library;
    const char *file = strchr(q->subject, ':');
    hal_answer_init(&library, HAL_ANSWER_LIBRARY, q->vendor->name);
    library.state = state_of(t);
    note_loaded(t, &library);
    if (file != NULL)
        snprintf(library.manifest, sizeof library.manifest, "%s", file + 1);
    snprintf(library.text, sizeof library.text, "%s", text);
    /* Last words may be any bytes. What was written and read again is as clean as other answers. */
    if (!hal_answer_parse(line, hal_answer_print(&library, line) - 1, &library, why, sizeof why))
        library.text[0] = '\0';
    return hal_answers_add(answers, &library);
}

static hal_status take_answer(hal_answers *answers, const question *q, const hal_probe_task *t, int64_t when)
{
    const uint32_t fact = answers->n_facts;
    hal_status s = HAL_FAIL(INVALID_ARGUMENT, "%s", t->text);
    if (t->end == HAL_PROBE_ANSWERED)
        s = hal_answers_read(answers, q->vendor, q->subject, t->payload != NULL ? t->payload : "", t->bytes);
    if (s != HAL_OK && hal_status_code(s) != HAL_CODE_OUT_OF_MEMORY) {
        char text[sizeof t->text];
        const char *why = hal_status_last()->text;
        snprintf(text, sizeof text, "%s", strncmp(why, "ask: ", 5) == 0 ? why + 5 : why);
        s = add_failure(answers, q, t, text);
    }
    HAL_TRY(s);
    answers->libraries[fact].when = (uint64_t)when;
    answers->libraries[fact].took = (uint64_t)t->nanoseconds;
    answers->facts[fact].when = when;
    answers->facts[fact].nanoseconds = t->nanoseconds;
    snprintf(answers->facts[fact].hint, sizeof answers->facts[fact].hint, "%.100s ask '%.200s' 3>&1",
             hal_probe_path(), q->subject);
    return HAL_OK;
}

static hal_status ask_each(const hal_allocator *allocator, inquiry *r, int64_t deadline, hal_answers *answers)
{
    const int64_t when = (int64_t)time(NULL);
    hal_status s = HAL_OK;
    for (uint32_t i = 0; i < r->n; i++) {
        r->tasks[i].verb = "ask";
        r->tasks[i].subject = r->questions[i].subject;
        r->tasks[i].deadline = deadline;
    }
    hal_probe_all(allocator, r->tasks, r->n);
    for (uint32_t i = 0; i < r->n; i++) {
        if (s == HAL_OK)
            s = take_answer(answers, &r->questions[i], &r->tasks[i], when);
        hal_deallocate(allocator, r->tasks[i].payload);
    }
    return s;
}

static hal_status ask_live(const hal_allocator *allocator, const hal_files *files, const char *vendors,
                           int64_t deadline, hal_answers *answers)
{
    inquiry r = {.files = files};
    const int64_t each = vendors == NULL ? hal_deadline_ms(EACH_MS) : deadline;
    hal_status s = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    r.questions = hal_allocate_array(allocator, TASKS, sizeof *r.questions);
    r.tasks = hal_allocate_array(allocator, TASKS, sizeof *r.tasks);
    if (r.questions != NULL && r.tasks != NULL) {
        list_questions(&r, vendors);
        s = ask_each(allocator, &r, deadline < each ? deadline : each, answers);
    }
    hal_deallocate(allocator, r.tasks);
    hal_deallocate(allocator, r.questions);
    if (s == HAL_OK)
        hal_answers_keep(answers, files, vendors);
    return s;
}

hal_status hal_answers_ask(const hal_allocator *allocator, const hal_files *files, int64_t deadline,
                           hal_answers **answers)
{
    return hal_answers_ask_some(allocator, files, NULL, deadline, answers);
}

hal_status hal_answers_ask_some(const hal_allocator *allocator, const hal_files *files, const char *vendors,
                                int64_t deadline, hal_answers **answers)
{
    hal_answers *a = NULL;
    if (!hal_files_live(files)) {
        hal_status recalled = hal_answers_recall(allocator, files, answers);
        return hal_status_code(recalled) == HAL_CODE_NOT_FOUND ? hal_answers_create(allocator, answers)
                                                               : recalled;
    }
    HAL_TRY(hal_answers_create(allocator, &a));
    hal_status s = ask_live(allocator, files, vendors, deadline, a);
    if (s == HAL_OK)
        *answers = a;
    else
        hal_answers_free(a);
    return s;
}
