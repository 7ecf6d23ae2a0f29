/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that were kept: a file of lines in the caller's cache directory for each state of the machine. Its
 * name is a hash of what answers depend on: the machine and its kernel, drivers, nodes, libraries, variables,
 * and who asks. Losing it costs time only, so whatever goes wrong with it means that nothing was kept.
 */
#include "hal/discovery/answers.h"
#include "hal/discovery/kept.h"
#include "hal/discovery/words.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HEAD       "hal-answers 1\n"
#define PREFIX     "answers-"
#define LARGEST    (16u << 20)
#define OLDEST     (90 * 86400) /* seconds after which files of other states are removed */
#define RECORDED   "/hal/answers"
#define PATH_LARGE 4096

/* ------------------------------------------------------------------------------------- the fingerprint -- */

static uint64_t mix_variables(uint64_t hash, const hal_files *files)
{
    static const char *const names[] = {
        "CUDA_VISIBLE_DEVICES",     "CUDA_DEVICE_ORDER",
        "NVIDIA_VISIBLE_DEVICES",   "HIP_VISIBLE_DEVICES",
        "ROCR_VISIBLE_DEVICES",     "GPU_DEVICE_ORDINAL",
        "HSA_OVERRIDE_GFX_VERSION", "ZE_AFFINITY_MASK",
        "ZE_FLAT_DEVICE_HIERARCHY", "ZE_ENABLE_ALT_DRIVERS",
        "ONEAPI_DEVICE_SELECTOR",   "ASCEND_RT_VISIBLE_DEVICES",
        "ASCEND_VISIBLE_DEVICES",   "ASCEND_HOME_PATH",
        "ASCEND_TOOLKIT_HOME",      "OCL_ICD_VENDORS",
        "OCL_ICD_FILENAMES",        "OPENCL_VENDOR_PATH",
        "POCL_DEVICES",             "LD_LIBRARY_PATH",
        "LD_PRELOAD",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = hal_files_env(files, names[i]);
        hash = hal_kept_mix(hash, value != NULL ? value : "\1");
    }
    return hash;
}

/* Who asks, and which libraries are installed: the loader's list is written anew with each. */
static uint64_t mix_rest(uint64_t hash)
{
    gid_t groups[256];
    char text[128];
    struct stat st;
    int n = getgroups(sizeof groups / sizeof groups[0], groups);
    snprintf(text, sizeof text, "%u %u", (unsigned)geteuid(), (unsigned)getegid());
    hash = hal_kept_mix(hash, text);
    for (int i = 0; i < n; i++) {
        snprintf(text, sizeof text, "%u", (unsigned)groups[i]);
        hash = hal_kept_mix(hash, text);
    }
    if (stat("/etc/ld.so.cache", &st) == 0) {
        snprintf(text, sizeof text, "%lld %lld.%ld", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
                 st.st_mtim.tv_nsec);
        hash = hal_kept_mix(hash, text);
    }
    return hash;
}

/* "BASE/hal/answers-HASH". */
static bool path_of(const hal_files *files, bool make, char *path, size_t size)
{
    static const char *const directories[] = {
        "/sys/bus/pci/devices",     "/dev/dri",           "/dev/accel", "/sys/class/kfd",
        "/proc/driver/nvidia/gpus", "/etc/OpenCL/vendors"};
    uint64_t hash = hal_kept_mix_names(hal_kept_machine(files), files, directories,
                                       sizeof directories / sizeof directories[0]);
    return hal_kept_path(make, PREFIX, mix_rest(mix_variables(hash, files)), path, size);
}

/* --------------------------------------------------------------------------------------------- keeping -- */

typedef struct keeping {
    const hal_answers *fresh, *old; /* `old` may be NULL */
    const char *vendors;            /* that `fresh` replaces */
} keeping;

/* Those of all vendors but the ones named. */
static void write_answers(const hal_answers *answers, const char *but, FILE *out)
{
    char line[HAL_ANSWER_LINE];
    for (uint32_t k = 0; k < answers->n_facts; k++) {
        if (hal_word_listed(but, answers->facts[k].vendor))
            continue;
        hal_answer_print(&answers->libraries[k], line);
        fputs(line, out);
        for (uint32_t i = 0; i < answers->n_items; i++) {
            if (answers->owners[i] != k)
                continue;
            hal_answer_print(&answers->items[i], line);
            fputs(line, out);
        }
    }
}

static bool write_all(const void *context, FILE *out)
{
    const keeping *k = context;
    fputs(HEAD, out);
    if (k->old != NULL)
        write_answers(k->old, k->vendors, out);
    write_answers(k->fresh, "", out);
    return fflush(out) == 0 && ferror(out) == 0;
}

/* Of states that will hardly come again. */
static void remove_old(const char *path)
{
    char directory[PATH_LARGE];
    struct stat st;
    const char *slash = strrchr(path, '/');
    snprintf(directory, sizeof directory, "%.*s", (int)(slash - path), path);
    DIR *d = opendir(directory);
    if (d == NULL)
        return;
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) == 0 && strcmp(e->d_name, slash + 1) != 0 &&
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            st.st_mtime + OLDEST < time(NULL))
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

void hal_answers_keep(const hal_answers *answers, const hal_files *files, const char *vendors)
{
    char path[PATH_LARGE];
    hal_answers *old = NULL;
    if (vendors != NULL)
        (void)hal_answers_recall(&answers->allocator, files, &old);
    const keeping k = {answers, old, vendors};
    if (path_of(files, true, path, sizeof path) && hal_kept_write(path, write_all, &k))
        remove_old(path);
    hal_answers_free(old);
}

/* ------------------------------------------------------------------------------------------- recalling -- */

static hal_status recall_live(const hal_files *files, hal_answers *answers)
{
    char path[PATH_LARGE];
    size_t bytes;
    const size_t head = strlen(HEAD);
    char *text =
        path_of(files, false, path, sizeof path) ? hal_kept_read(&answers->allocator, path, LARGEST, &bytes) : NULL;
    hal_status s =
        HAL_FAIL(NOT_FOUND, "no answers were kept for the machine as it is now; ask: hal-info --probe");
    if (text != NULL && bytes >= head && memcmp(text, HEAD, head) == 0)
        s = hal_answers_read(answers, NULL, path, text + head, bytes - head);
    hal_deallocate(&answers->allocator, text);
    return s != HAL_OK && hal_status_code(s) == HAL_CODE_INVALID_ARGUMENT
               ? HAL_FAIL(NOT_FOUND, "%s: what was kept is damaged", path)
               : s;
}

/* Whenever it was recorded, its answers are of that day. */
static void date(const hal_files *files, hal_answers *answers)
{
    int64_t when = 0;
    if (!hal_files_number(files, "/hal/date", &when))
        return;
    for (uint32_t i = 0; i < answers->n_facts; i++)
        if (answers->facts[i].when == 0)
            answers->facts[i].when = when;
}

static hal_status recall_recorded(const hal_allocator *allocator, const hal_files *files,
                                  hal_answers *answers)
{
    hal_names names;
    char path[512];
    hal_status s = HAL_OK;
    if (!hal_files_list(files, RECORDED, &names))
        return errno == ENOMEM ? HAL_FAIL(OUT_OF_MEMORY, RECORDED ": %m")
                               : HAL_FAIL(NOT_FOUND, RECORDED ": no answers were recorded");
    for (uint32_t i = 0; i < names.count && s == HAL_OK; i++) {
        size_t bytes = 0;
        snprintf(path, sizeof path, RECORDED "/%s", names.items[i]);
        char *text = hal_files_read_all(files, path, &bytes);
        if (text == NULL && errno == ENOMEM)
            s = HAL_FAIL(OUT_OF_MEMORY, "%s: %m", path);
        else if (text == NULL)
            s = HAL_FAIL(INVALID_ARGUMENT, "%s: %m", path);
        else
            s = hal_answers_read(answers, NULL, path, text, bytes);
        hal_deallocate(allocator, text);
    }
    hal_files_names_free(files, &names);
    date(files, answers);
    return s;
}

hal_status hal_answers_recall(const hal_allocator *allocator, const hal_files *files, hal_answers **answers)
{
    hal_answers *a = NULL;
    HAL_TRY(hal_answers_create(allocator, &a));
    hal_status s = hal_files_live(files) ? recall_live(files, a) : recall_recorded(allocator, files, a);
    if (s == HAL_OK)
        *answers = a;
    else
        hal_answers_free(a);
    return s;
}
