/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that are wanted: HAL_EMULATED_CUDA_SCRIPT, a file or the text itself, rules on lines or between semicolons.
 *
 *   fail CALL n CODE         the n-th call of CALL (1: the first) answers CODE and does nothing; a name without _v2 fits too
 *   fail-all n CODE          the n-th call of the process, whichever it is; fail-from n CODE: that one and all after it
 *   lost DEVICE after n      kernels after the n-th since the script was read use an illegal address, which stays;
 *                            assert: an assert; hang: never end
 *   memory DEVICE bytes      so much is there
 *   peer corrupt A B         copies from A to B report success and change a byte; peer none A B: neither reaches the other
 *   version n, no-device, init CODE, mig, delay MICROSECONDS (at most, before each command of a stream)
 */
#include "emulated.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct rule { char call[64]; uint64_t at, seen; bool on; CUresult code; } rule;

emu_script emu_rules;
static rule rules[32];
static unsigned n_rules;
static _Atomic uint64_t calls;
static const char *_Atomic failed = "";
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static void refuse(const char *line) {
    fprintf(stderr, "emulated CUDA: the script's \"%s\" is not understood\n", line);
    abort();
}

/* A number, or the name from the header. */
static CUresult code_of(const char *word, const char *line) {
    char *end;
    const long value = strtol(word, &end, 10);
    if (!*end && end != word) return (CUresult)value;
    for (int code = 1; code < 1000; code++) {
        const char *name = NULL;
        if (cuGetErrorName((CUresult)code, &name) == CUDA_SUCCESS && strcmp(name, word) == 0) return (CUresult)code;
    }
    refuse(line);
    return CUDA_ERROR_UNKNOWN;
}

static bool read_failure(const char *line) {
    char call[64] = "", code[64];
    unsigned long long at;
    bool on = false;
    if (sscanf(line, "fail-from %llu %63s", &at, code) == 2) on = true;
    else if (sscanf(line, "fail-all %llu %63s", &at, code) != 2 && sscanf(line, "fail %63s %llu %63s", call, &at, code) != 3)
        return false;
    if (n_rules == sizeof rules / sizeof rules[0]) refuse(line);
    rules[n_rules] = (rule){.at = at, .on = on, .code = code_of(code, line)};
    memcpy(rules[n_rules++].call, call, sizeof call);
    return true;
}

static bool read_device(const char *line) {
    const struct { const char *form; int64_t *to; } forms[] = {
        {"lost %u after %lld", emu_rules.lost}, {"assert %u after %lld", emu_rules.asserted},
        {"hang %u after %lld", emu_rules.hung}, {"memory %u %lld", emu_rules.memory}};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        unsigned device;
        long long value;
        if (sscanf(line, forms[i].form, &device, &value) != 2 || device >= EMU_DEVICES) continue;
        forms[i].to[device] = value;
        return true;
    }
    return false;
}

static bool read_peers(const char *line) {
    char what[16];
    unsigned a, b;
    if (sscanf(line, "peer %15s %u %u", what, &a, &b) != 3 || a >= EMU_DEVICES || b >= EMU_DEVICES) return false;
    if (strcmp(what, "corrupt") == 0) emu_rules.corrupt[a] |= (uint8_t)(1u << b);
    else if (strcmp(what, "none") == 0) {
        emu_rules.apart[a] |= (uint8_t)(1u << b);
        emu_rules.apart[b] |= (uint8_t)(1u << a);
    } else return false;
    return true;
}

static bool read_driver(const char *line) {
    char code[64];
    if (sscanf(line, "version %d", &emu_rules.version) == 1 || sscanf(line, "delay %u", &emu_rules.delay) == 1) return true;
    if (sscanf(line, "init %63s", code) == 1) emu_rules.init = code_of(code, line);
    else if (strcmp(line, "no-device") == 0) emu_rules.none = true;
    else if (strcmp(line, "mig") == 0) emu_rules.mig = true;
    else return false;
    return true;
}

static void read_line(char *line) {
    line += strspn(line, " \t");
    for (size_t n = strlen(line); n > 0 && strchr(" \t\r", line[n - 1]); n--) line[n - 1] = '\0';
    if (!*line || *line == '#') return;
    if (!read_failure(line) && !read_device(line) && !read_peers(line) && !read_driver(line)) refuse(line);
}

static void clear(void) {
    memset(&emu_rules, 0, sizeof emu_rules);
    for (int i = 0; i < EMU_DEVICES; i++)
        emu_rules.memory[i] = emu_rules.lost[i] = emu_rules.asserted[i] = emu_rules.hung[i] = -1;
    n_rules = 0;
    emu_devices_recount();
    atomic_store(&calls, 0);
    atomic_store(&failed, "");
}

static void read_text(const char *text) {
    char *copy = strdup(text), *rest = copy;
    clear();
    for (char *line; copy && (line = strsep(&rest, ";\n"));) read_line(line);
    free(copy);
}

static void read_environment(void) {
    const char *said = getenv("HAL_EMULATED_CUDA_SCRIPT");
    char text[8192] = "";
    FILE *file = said ? fopen(said, "r") : NULL;
    if (file) {
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
    }
    read_text(file ? text : said ? said : "");
}

void emu_script_begin(void) { pthread_once(&once, read_environment); }

/* For tests in one process: new rules, and counting begins again. */
void hal_emulated_cuda_script(const char *text) {
    emu_script_begin();
    emu_lock();
    pthread_mutex_lock(&turn);
    read_text(text);
    pthread_mutex_unlock(&turn);
    emu_unlock();
}

uint64_t hal_emulated_cuda_calls(void) { return atomic_load(&calls); }
const char *hal_emulated_cuda_failed(void) { return atomic_load(&failed); }

static bool fits(const char *wanted, const char *call) {
    const size_t n = strlen(wanted);
    return n == 0 || (strncmp(wanted, call, n) == 0 && (!call[n] || strncmp(call + n, "_v", 2) == 0));
}

CUresult emu_script_call(const char *call) {
    CUresult code = CUDA_SUCCESS;
    pthread_mutex_lock(&turn);
    atomic_fetch_add(&calls, 1);
    for (unsigned i = 0; i < n_rules; i++) {
        rule *r = &rules[i];
        if (!fits(r->call, call)) continue;
        r->seen++;
        if (code == CUDA_SUCCESS && (r->seen == r->at || (r->on && r->seen >= r->at))) code = r->code;
    }
    if (code != CUDA_SUCCESS) atomic_store(&failed, call);
    pthread_mutex_unlock(&turn);
    return code;
}
