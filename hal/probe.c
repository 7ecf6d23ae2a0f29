/* SPDX-License-Identifier: Apache-2.0 */
/* Runs the helper hal-probe and waits for its answer, but never longer than a deadline, the reaping included.
   A host with threads must not fork, so it is spawned; it is reaped by its own pid, for the host may have
   children too. */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef HAL_PROBE_PATH
#error "pass -DHAL_PROBE_PATH with the installed helper"
#endif

#define MARK  "\nhal-probe: "
#define GRACE 200000000 /* ns from its answer, or from being killed, to its end */

extern char **environ;

typedef struct child {
    pid_t pid;
    int out, status;
    bool late, gone, stuck; /* past the deadline; reaped by somebody else; does not end */
    size_t length;
    char words[1024]; /* the newest of what it printed, with an end */
} child;

static const char *helper_path(void)
{
    const char *path = hal_env_get("HAL_PROBE");
    return path != NULL ? path : HAL_PROBE_PATH;
}

/* Ours may ignore signals or hold them back; the child starts with neither, in a group of its own. */
static void set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t set;
    sigemptyset(&set);
    posix_spawnattr_setsigmask(attributes, &set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGCHLD);
    posix_spawnattr_setsigdefault(attributes, &set);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setflags(attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
}

/* Its words, in and out, go through `pipe_end`. The order matters to hosts that closed their standard ones:
   the end of the pipe may have the number 0. */
static int spawn_with(posix_spawn_file_actions_t *actions, int pipe_end, const char *path,
                      char *const arguments[], pid_t *pid)
{
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_adddup2(actions, pipe_end, STDOUT_FILENO);
    e = e ? e : posix_spawn_file_actions_adddup2(actions, pipe_end, STDERR_FILENO);
    e = e ? e : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    e = e ? e : posix_spawnattr_init(&attributes);
    if (e != 0)
        return e;
    set_attributes(&attributes);
    e = posix_spawn(pid, path, actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return e;
}

static hal_status start(const char *path, const char *verb, const char *subject, child *c)
{
    posix_spawn_file_actions_t actions;
    union { /* the arguments are not written, but their type says so */
        const char *in[4];
        char *out[4];
    } arguments = {{path, verb, subject, NULL}};
    int ends[2];
    if (path[0] != '/')
        return HAL_FAIL(INVALID_ARGUMENT, "HAL_PROBE=%s is not absolute; begin it with /", path);
    if (pipe2(ends, O_CLOEXEC) != 0)
        return HAL_FAIL(IO, "pipe failed: %m");
    int e = posix_spawn_file_actions_init(&actions);
    if (e == 0) {
        e = spawn_with(&actions, ends[1], path, arguments.out, &c->pid);
        posix_spawn_file_actions_destroy(&actions);
    }
    close(ends[1]);
    c->out = ends[0];
    if (e == 0)
        return HAL_OK;
    close(ends[0]);
    errno = e;
    return HAL_FAIL(UNAVAILABLE,
                    "the helper %s cannot be started: %m; install hal, or name the helper of a build tree "
                    "with HAL_PROBE",
                    path);
}

/* Makes room by dropping the older half. */
static void keep(child *c, const char *bytes, size_t n)
{
    const size_t room = sizeof c->words - 1, half = room / 2;
    if (c->length + n > room) {
        memmove(c->words, c->words + c->length - (c->length < half ? c->length : half),
                c->length < half ? c->length : half);
        c->length = c->length < half ? c->length : half;
    }
    memcpy(c->words + c->length, bytes, n);
    c->length += n;
    c->words[c->length] = '\0';
}

/* The answer once its line is complete, else NULL. */
static char *verdict(child *c)
{
    for (char *p = c->words; (p = strstr(p, MARK)) != NULL;) {
        p += strlen(MARK);
        if (strncmp(p, "ok\n", 3) == 0 || (strncmp(p, "failed: ", 8) == 0 && strchr(p, '\n') != NULL))
            return p;
    }
    return NULL;
}

/* Until it has answered, closed its end, or is late. */
static void listen_to(child *c, int64_t deadline)
{
    char bytes[256];
    while (verdict(c) == NULL) {
        int64_t left = (deadline - hal_time_now() + 999999) / 1000000;
        struct pollfd p = {.fd = c->out, .events = POLLIN};
        c->late = left <= 0;
        if (c->late)
            return;
        if (poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX) <= 0)
            continue;
        ssize_t n = read(c->out, bytes, sizeof bytes);
        if (n == 0 || (n < 0 && errno != EINTR))
            return;
        if (n > 0)
            keep(c, bytes, (size_t)n);
    }
}

/* True once there is nothing left to wait for. */
static bool reap(child *c, int64_t deadline)
{
    const struct timespec pause = {0, 200000};
    for (;;) {
        pid_t p = waitpid(c->pid, &c->status, WNOHANG);
        c->gone = p < 0 && errno == ECHILD; /* the host ignores SIGCHLD, or waits for anybody */
        if (p == c->pid || c->gone)
            return true;
        if (hal_time_now() > deadline)
            return false;
        nanosleep(&pause, NULL);
    }
}

static void finish(child *c)
{
    close(c->out);
    if (!c->late && reap(c, hal_time_now() + GRACE))
        return;
    kill(-c->pid, SIGKILL);
    c->stuck = !reap(c, hal_time_now() + GRACE);
}

/* The last line that is not empty: what an assertion or a sanitizer said. */
static const char *last_words(child *c)
{
    size_t n = c->length;
    while (n > 0 && c->words[n - 1] == '\n')
        c->words[--n] = '\0';
    char *line = strrchr(c->words, '\n');
    return line != NULL ? line + 1 : c->words;
}

static hal_status judge(child *c, const char *verb, int64_t milliseconds)
{
    const char *said = verdict(c);
    const bool ended_well = c->gone || (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0);
    if (c->late)
        return HAL_FAIL(DEADLINE_EXCEEDED, "%s: not done after %lld ms in a child, which %s", verb,
                        (long long)milliseconds, c->stuck ? "cannot be killed and was left" : "was killed");
    if (said != NULL && strncmp(said, "failed: ", 8) == 0)
        return HAL_FAIL(UNAVAILABLE, "%s: %.*s", verb, (int)strcspn(said + 8, "\n"), said + 8);
    if (said != NULL && ended_well)
        return HAL_OK;
    const char *words = last_words(c), *colon = words[0] != '\0' ? "; its last words: " : "";
    if (!c->gone && !c->stuck && WIFSIGNALED(c->status))
        return HAL_FAIL(INTERNAL, "%s: a child that tried it died of signal %d (%s)%s%s", verb,
                        WTERMSIG(c->status), strsignal(WTERMSIG(c->status)), colon, words);
    if (!c->gone && !c->stuck)
        return HAL_FAIL(INTERNAL, "%s: a child that tried it ended with status %d%s%s", verb,
                        WEXITSTATUS(c->status), colon, words);
    return HAL_FAIL(INTERNAL, "%s: a child that tried it gave no answer%s%s", verb, colon, words);
}

hal_status hal_probe_run(const char *verb, const char *subject, int64_t deadline, char *hint, size_t size)
{
    child c = {.pid = -1};
    const char *path = helper_path();
    int64_t begin = hal_time_now();
    HAL_TRY(start(path, verb, subject, &c));
    listen_to(&c, deadline);
    finish(&c);
    hal_status s = judge(&c, verb, (hal_time_now() - begin) / 1000000);
    if (s != HAL_OK)
        snprintf(hint, size, "see for yourself with %s %s '%s', or leave it out of HAL_BACKENDS", path, verb,
                 subject);
    return s;
}
