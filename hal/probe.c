/* SPDX-License-Identifier: Apache-2.0 */
/* Runs helpers hal-probe side by side and waits for their answers, but never longer than a deadline, the
   reaping included. A host with threads must not fork, so they are spawned; each is reaped by its own pid,
   for the host may have children too. */
#include "probe.h"
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

#define MARK     "\nhal-probe: "
#define GRACE    200000000 /* ns from its answer, or from being killed, to its end */
#define AT_ONCE  64u       /* children */
#define FOREVER  INT64_MAX
#define WORDS_FD 0 /* of a child's two descriptors here */
#define DATA_FD  1

extern char **environ;

typedef enum phase { LISTENING, ENDING, KILLED, DONE } phase;

typedef struct child {
    hal_probe_task *task;
    const hal_allocator *allocator;
    phase phase;
    pid_t pid;
    int fds[2]; /* -1 once closed */
    int status;
    int64_t begin, until;   /* of this phase */
    bool late, gone, stuck; /* past the deadline; reaped by somebody else; does not end */
    bool overflowed;        /* its payload is too long, or there is no memory for it */
    size_t length, room;    /* of its words; of its payload */
    char words[1024];       /* the newest of what it printed, with an end */
} child;

const char *hal_probe_path(void)
{
    const char *path = hal_env_get("HAL_PROBE");
    return path != NULL ? path : HAL_PROBE_PATH;
}

/* -------------------------------------------------------------------------------------------- starting -- */

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

/* ends[0] to read from. The numbers below 4 are those that the child gets: an end must not have one of them,
   as it would in hosts that closed their standard descriptors. */
static bool make_pipe(int ends[2])
{
    if (pipe2(ends, O_CLOEXEC) != 0)
        return false;
    for (int i = 0; i < 2; i++) {
        int raised =
            ends[i] > HAL_PROBE_PAYLOAD ? ends[i] : fcntl(ends[i], F_DUPFD_CLOEXEC, HAL_PROBE_PAYLOAD + 1);
        if (raised < 0) {
            close(ends[0]);
            close(ends[1]);
            return false;
        }
        if (raised != ends[i])
            close(ends[i]);
        ends[i] = raised;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    return true;
}

static int spawn_with(posix_spawn_file_actions_t *actions, int words, int data, const char *path,
                      char *const arguments[], pid_t *pid)
{
    posix_spawnattr_t attributes;
    int e = posix_spawn_file_actions_adddup2(actions, words, STDOUT_FILENO);
    e = e ? e : posix_spawn_file_actions_adddup2(actions, words, STDERR_FILENO);
    e = e ? e : posix_spawn_file_actions_adddup2(actions, data, HAL_PROBE_PAYLOAD);
    e = e ? e : posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    e = e ? e : posix_spawnattr_init(&attributes);
    if (e != 0)
        return e;
    set_attributes(&attributes);
    e = posix_spawn(pid, path, actions, &attributes, arguments, environ);
    posix_spawnattr_destroy(&attributes);
    return e;
}

static int spawn(child *c, const char *path, int words, int data)
{
    posix_spawn_file_actions_t actions;
    union { /* the arguments are not written, but their type says so */
        const char *in[4];
        char *out[4];
    } arguments = {{path, c->task->verb, c->task->subject, NULL}};
    int e = posix_spawn_file_actions_init(&actions);
    if (e != 0)
        return e;
    e = spawn_with(&actions, words, data, path, arguments.out, &c->pid);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static hal_status start(child *c, const char *path)
{
    int words[2], data[2];
    if (path[0] != '/')
        return HAL_FAIL(INVALID_ARGUMENT, "HAL_PROBE=%s is not absolute; begin it with /", path);
    if (!make_pipe(words))
        return HAL_FAIL(IO, "pipe failed: %m");
    if (!make_pipe(data)) {
        close(words[0]);
        close(words[1]);
        return HAL_FAIL(IO, "pipe failed: %m");
    }
    int e = spawn(c, path, words[1], data[1]);
    close(words[1]);
    close(data[1]);
    c->fds[WORDS_FD] = words[0];
    c->fds[DATA_FD] = data[0];
    if (e == 0)
        return HAL_OK;
    close(words[0]);
    close(data[0]);
    errno = e;
    return HAL_FAIL(UNAVAILABLE,
                    "the helper %s cannot be started: %m; install hal, or name the helper of a build tree "
                    "with HAL_PROBE",
                    path);
}

/* ------------------------------------------------------------------------------------------- listening -- */

/* Makes room by dropping the older half. */
static void keep_words(child *c, const char *bytes, size_t n)
{
    const size_t room = sizeof c->words - 1, half = room / 2;
    if (c->length + n > room) {
        memmove(c->words, c->words + c->length - (c->length < half ? c->length : half),
                c->length < half ? c->length : half);
        c->length = c->length < half ? c->length : half;
    }
    for (size_t i = 0; i < n; i++) /* a text has no such byte inside */
        c->words[c->length++] = bytes[i] != '\0' ? bytes[i] : ' ';
    c->words[c->length] = '\0';
}

static void keep_payload(child *c, const char *bytes, size_t n)
{
    hal_probe_task *t = c->task;
    if (c->overflowed || t->bytes + n > HAL_PROBE_MOST) {
        c->overflowed = true;
        return;
    }
    if (t->bytes + n >= c->room) {
        size_t room = (t->bytes + n) * 2;
        char *grown = hal_allocate(c->allocator, room);
        c->overflowed = grown == NULL;
        if (grown == NULL)
            return;
        if (t->bytes > 0)
            memcpy(grown, t->payload, t->bytes);
        hal_deallocate(c->allocator, t->payload);
        t->payload = grown;
        c->room = room;
    }
    memcpy(t->payload + t->bytes, bytes, n);
    t->bytes += n;
    t->payload[t->bytes] = '\0';
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

/* One piece at a time, so that a flood of words holds up nobody. False when there is none now. */
static bool listen_once(child *c, int which)
{
    char bytes[4096];
    const size_t most = which == DATA_FD ? sizeof bytes : 256;
    ssize_t n = c->fds[which] < 0 ? -1 : read(c->fds[which], bytes, most);
    if (n > 0 && which == DATA_FD)
        keep_payload(c, bytes, (size_t)n);
    else if (n > 0)
        keep_words(c, bytes, (size_t)n);
    if (c->fds[which] >= 0 && (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))) {
        close(c->fds[which]);
        c->fds[which] = -1;
    }
    return n > 0;
}

/* --------------------------------------------------------------------------------------------- its end -- */

/* True once there is nothing left to wait for. */
static bool reap(child *c)
{
    pid_t p = waitpid(c->pid, &c->status, WNOHANG);
    c->gone = p < 0 && errno == ECHILD; /* the host ignores SIGCHLD, or waits for anybody */
    return p == c->pid || c->gone;
}

static void kill_it(child *c, int64_t now)
{
    kill(-c->pid, SIGKILL); /* with what it started */
    kill(c->pid, SIGKILL);  /* should it have left its group */
    c->phase = KILLED;
    c->until = now + GRACE;
}

/* What it wrote before its verdict lies in the pipe. One that is late may be writing still. */
static void close_ends(child *c, int64_t now)
{
    while (!c->late && c->fds[DATA_FD] >= 0 && !c->overflowed && listen_once(c, DATA_FD))
        continue;
    for (int i = 0; i < 2; i++)
        if (c->fds[i] >= 0)
            close(c->fds[i]);
    c->fds[WORDS_FD] = c->fds[DATA_FD] = -1;
    c->task->nanoseconds = now - c->begin;
}

static void step(child *c)
{
    const int64_t now = hal_time_now();
    if (c->phase == LISTENING && (verdict(c) != NULL || c->fds[WORDS_FD] < 0 || c->overflowed)) {
        close_ends(c, now);
        c->phase = ENDING;
        c->until = now + GRACE;
    } else if (c->phase == LISTENING && now >= c->until) {
        c->late = true;
        close_ends(c, now);
        kill_it(c, now);
    }
    if (c->phase == ENDING || c->phase == KILLED) {
        if (reap(c))
            c->phase = DONE;
        else if (c->phase == ENDING && now > c->until)
            kill_it(c, now);
        else if (now > c->until) {
            c->stuck = true;
            c->phase = DONE;
        }
    }
}

/* Sleeps until something may have changed for one of them; false when all are done. */
static bool wait_for(child *children, uint32_t n)
{
    struct pollfd p[2 * AT_ONCE];
    int64_t until = FOREVER, now = hal_time_now();
    uint32_t open = 0, busy = 0;
    for (uint32_t i = 0; i < n; i++) {
        child *c = &children[i];
        busy += c->phase != DONE;
        if (c->phase == ENDING || c->phase == KILLED)
            until = until < now + 200000 ? until : now + 200000; /* no descriptor tells of an end */
        if (c->phase != LISTENING)
            continue;
        until = until < c->until ? until : c->until;
        for (int k = 0; k < 2; k++)
            if (c->fds[k] >= 0)
                p[open++] = (struct pollfd){.fd = c->fds[k], .events = POLLIN};
    }
    int64_t left = until > now ? until - now : 0;
    struct timespec pause = {left / 1000000000, left % 1000000000};
    if (busy > 0)
        ppoll(p, open, &pause, NULL);
    return busy > 0;
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

static hal_status judge_death(child *c)
{
    const char *verb = c->task->verb;
    const char *words = last_words(c), *colon = words[0] != '\0' ? "; its last words: " : "";
    c->task->end = HAL_PROBE_DIED;
    if (!c->gone && !c->stuck && WIFSIGNALED(c->status))
        return HAL_FAIL(INTERNAL, "%s: a child that tried it died of signal %d (%s)%s%s", verb,
                        WTERMSIG(c->status), strsignal(WTERMSIG(c->status)), colon, words);
    if (!c->gone && !c->stuck)
        return HAL_FAIL(INTERNAL, "%s: a child that tried it ended with status %d%s%s", verb,
                        WEXITSTATUS(c->status), colon, words);
    return HAL_FAIL(INTERNAL, "%s: a child that tried it gave no answer%s%s", verb, colon, words);
}

static hal_status judge(child *c)
{
    hal_probe_task *t = c->task;
    const char *said = verdict(c);
    const bool ended_well = c->gone || (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0);
    if (c->late) {
        t->end = c->stuck ? HAL_PROBE_LEFT : HAL_PROBE_LATE;
        return HAL_FAIL(DEADLINE_EXCEEDED, "%s: not done after %lld ms in a child, which %s", t->verb,
                        (long long)(t->nanoseconds / 1000000),
                        c->stuck ? "cannot be killed and was left" : "was killed");
    }
    t->end = HAL_PROBE_REFUSED;
    if (c->overflowed)
        return HAL_FAIL(OUT_OF_MEMORY, "%s: no memory for what the child found out, or more than %u bytes",
                        t->verb, HAL_PROBE_MOST);
    if (said != NULL && strncmp(said, "failed: ", 8) == 0)
        return HAL_FAIL(UNAVAILABLE, "%s: %.*s", t->verb, (int)strcspn(said + 8, "\n"), said + 8);
    if (said == NULL || !ended_well)
        return judge_death(c);
    t->end = HAL_PROBE_ANSWERED;
    return HAL_OK;
}

static void conclude(child *c, hal_status status)
{
    hal_probe_task *t = c->task;
    t->status = status;
    if (status != HAL_OK)
        snprintf(t->text, sizeof t->text, "%s", hal_status_last()->text);
}

/* A quick child could answer all the same: whether it does must not hang on how busy the machine is. */
static hal_status start_in_time(child *c, const char *path)
{
    if (c->begin < c->until)
        return start(c, path);
    c->task->end = HAL_PROBE_LATE;
    return HAL_FAIL(DEADLINE_EXCEEDED, "%s: not begun, its deadline was over", c->task->verb);
}

static void begin(child *c, const hal_allocator *allocator, hal_probe_task *task, const char *path)
{
    *c = (child){
        .task = task, .allocator = allocator, .pid = -1, .begin = hal_time_now(), .until = task->deadline};
    task->end = HAL_PROBE_UNSTARTED;
    task->status = HAL_OK;
    task->text[0] = '\0';
    task->nanoseconds = 0;
    task->payload = NULL;
    task->bytes = 0;
    hal_status s = start_in_time(c, path);
    if (s != HAL_OK) {
        c->phase = DONE;
        c->pid = -1;
        conclude(c, s);
    }
}

static void run_some(const hal_allocator *allocator, hal_probe_task *tasks, uint32_t count)
{
    child *children = hal_allocate_array(allocator, count, sizeof *children);
    const char *path = hal_probe_path();
    for (uint32_t i = 0; children == NULL && i < count; i++) {
        tasks[i].status = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
        snprintf(tasks[i].text, sizeof tasks[i].text, "%s", hal_status_last()->text);
    }
    if (children == NULL)
        return;
    for (uint32_t i = 0; i < count; i++)
        begin(&children[i], allocator, &tasks[i], path);
    while (wait_for(children, count))
        for (uint32_t i = 0; i < count; i++)
            if (children[i].phase != DONE) {
                listen_once(&children[i], DATA_FD);
                listen_once(&children[i], WORDS_FD);
                step(&children[i]);
            }
    for (uint32_t i = 0; i < count; i++)
        if (children[i].pid > 0)
            conclude(&children[i], judge(&children[i]));
    hal_deallocate(allocator, children);
}

void hal_probe_all(const hal_allocator *allocator, hal_probe_task *tasks, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += AT_ONCE)
        run_some(allocator, tasks + i, count - i < AT_ONCE ? count - i : AT_ONCE);
}

hal_status hal_probe_ask(const hal_allocator *allocator, const char *verb, const char *subject,
                         int64_t deadline, char **payload, size_t *bytes)
{
    hal_probe_task task = {.verb = verb, .subject = subject, .deadline = deadline};
    hal_probe_all(allocator, &task, 1);
    if (task.status != HAL_OK) {
        hal_deallocate(allocator, task.payload);
        return hal_status_set(task.status, __FILE__, __LINE__, "%s", task.text);
    }
    if (task.payload == NULL) {
        task.payload = hal_allocate(allocator, 1);
        if (task.payload == NULL)
            return hal_status_last()->status;
    }
    *payload = task.payload;
    *bytes = task.bytes;
    return HAL_OK;
}

hal_status hal_probe_run(const char *verb, const char *subject, int64_t deadline, char *hint, size_t size)
{
    char *payload;
    size_t bytes;
    hal_status s = hal_probe_ask(NULL, verb, subject, deadline, &payload, &bytes);
    if (s == HAL_OK)
        hal_deallocate(NULL, payload);
    else
        snprintf(hint, size, "see for yourself with %s %s '%s', or leave it out of HAL_BACKENDS",
                 hal_probe_path(), verb, subject);
    return s;
}
