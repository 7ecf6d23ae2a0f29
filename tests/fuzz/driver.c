/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target where there is no libFuzzer (gcc): a target is linked either with this file or with
 * -fsanitize=fuzzer.
 *
 *     fuzz_NAME [--seconds N] [--seed S] [FILE | DIRECTORY]...
 *
 * Inputs are the seeds of the target (fuzz_seeds), then mutations of them and of the files named. The last
 * line says how many inputs were executed; none is a failure. A crash leaves its input in crash-NAME-SEED in
 * the working directory; the same file given alone with --seconds 0 repeats it.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { INPUT_BYTES = 1 << 16, LARGEST_CORPUS = 1024 };

typedef struct input {
    uint8_t *data;
    size_t bytes;
} input;

static input corpus[LARGEST_CORPUS];
static size_t corpus_count;
static uint64_t state;

/* What the handler of a crash writes; static, because it may not allocate. */
static uint8_t current[INPUT_BYTES];
static size_t current_bytes;
static char crash_path[128];

static uint32_t draw(uint32_t bound)
{
    state += 0x9e3779b97f4a7c15ull;
    uint64_t x = (state ^ state >> 30) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ x >> 27) * 0x94d049bb133111ebull;
    x ^= x >> 31;
    return (uint32_t)((x >> 32) * bound >> 32);
}

/* --- corpus --- */

static void keep(const void *data, size_t bytes)
{
    uint8_t *copy = malloc(bytes + 1);
    if (!copy || corpus_count == LARGEST_CORPUS || bytes > INPUT_BYTES) {
        free(copy);
        return;
    }
    memcpy(copy, data, bytes);
    corpus[corpus_count++] = (input){copy, bytes};
}

static void keep_file(const char *path)
{
    static uint8_t buffer[INPUT_BYTES];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot open %s\n", path);
        exit(2);
    }
    keep(buffer, fread(buffer, 1, sizeof buffer, file));
    fclose(file);
}

static void keep_directory(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char file[PATH_MAX];
        struct stat info;
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (stat(file, &info) == 0 && S_ISREG(info.st_mode)) {
            keep_file(file);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
}

static void keep_path(const char *path)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        keep_directory(path);
    } else {
        keep_file(path);
    }
}

/* --- mutations of `current` --- */

static void flip_bit(void)
{
    if (current_bytes > 0) {
        current[draw((uint32_t)current_bytes)] ^= (uint8_t)(1u << draw(8));
    }
}

static void set_byte(void)
{
    static const uint8_t special[] = {0,   1,   127, 128, 255, '"', '{', '}',
                                      '[', ']', ',', ':', '-', '0', '9', '\\'};
    if (current_bytes > 0) {
        current[draw((uint32_t)current_bytes)] = draw(2) ? special[draw(sizeof special)] : (uint8_t)draw(256);
    }
}

static void set_word(void)
{
    static const uint64_t special[] = {0,          1,          0x7fffffff, 0xffffffff,
                                       1ull << 60, UINT64_MAX, INT64_MAX,  1ull << 32};
    if (current_bytes >= 8) {
        memcpy(current + draw((uint32_t)current_bytes - 7), &special[draw(8)], 8);
    }
}

/* Copy a part of one place (or of another input) to another place, growing the input. */
static void insert(const uint8_t *from, size_t bytes)
{
    if (bytes > 0 && current_bytes + bytes <= INPUT_BYTES) {
        size_t at = draw((uint32_t)current_bytes + 1);
        memmove(current + at + bytes, current + at, current_bytes - at);
        memcpy(current + at, from, bytes);
        current_bytes += bytes;
    }
}

static void splice_other(void)
{
    const input *other = &corpus[draw((uint32_t)corpus_count)];
    if (other->bytes > 0) {
        size_t start = draw((uint32_t)other->bytes);
        size_t most = other->bytes - start < 256 ? other->bytes - start : 256;
        insert(other->data + start, 1 + draw((uint32_t)most));
    }
}

static void remove_part(void)
{
    if (current_bytes > 0) {
        size_t at = draw((uint32_t)current_bytes);
        size_t most = current_bytes - at < 64 ? current_bytes - at : 64;
        size_t bytes = 1 + draw((uint32_t)most);
        memmove(current + at, current + at + bytes, current_bytes - at - bytes);
        current_bytes -= bytes;
    }
}

static void truncate_input(void)
{
    current_bytes = draw((uint32_t)current_bytes + 1);
}

static void replace_number(void)
{
    static const char *const numbers[] = {"0",     "-1", "1", "8", "4294967296", "9223372036854775807",
                                          "1e308", "0.5"};
    const char *number = numbers[draw(8)];
    for (size_t i = current_bytes ? draw((uint32_t)current_bytes) : 0; i < current_bytes; i++) {
        if (current[i] >= '0' && current[i] <= '9') {
            size_t length = strlen(number);
            length = length < current_bytes - i ? length : current_bytes - i;
            memcpy(current + i, number, length);
            return;
        }
    }
}

static void mutate(void)
{
    static void (*const ways[])(void) = {flip_bit,     set_byte,    set_word,       splice_other,
                                         splice_other, remove_part, truncate_input, replace_number};
    for (uint32_t i = draw(4) + 1; i > 0; i--) {
        /* Cutting is drastic: one time in four that it is drawn. */
        void (*way)(void) = ways[draw(8)];
        if (way != truncate_input || draw(4) == 0) {
            way();
        }
    }
}

/* --- running --- */

/* There with a sanitizer only: it reports faults itself, then calls this. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void save_input(void)
{
    int fd = open(crash_path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (fd >= 0) {
        ssize_t put = write(fd, current, current_bytes);
        (void)put;
        close(fd);
    }
}

static void on_crash(int number)
{
    save_input();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_crashes(void)
{
    signal(SIGABRT, on_crash);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(save_input);
    } else {
        signal(SIGSEGV, on_crash);
        signal(SIGFPE, on_crash);
    }
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* The input goes into a block of its very size, so that a sanitizer sees a read past its end. */
static void execute(void)
{
    uint8_t *copy = malloc(current_bytes ? current_bytes : 1);
    if (!copy) {
        exit(1);
    }
    memcpy(copy, current, current_bytes);
    LLVMFuzzerTestOneInput(copy, current_bytes);
    free(copy);
}

static void load(const input *seed)
{
    memcpy(current, seed->data, seed->bytes);
    current_bytes = seed->bytes;
}

static uint64_t run_for(double seconds)
{
    uint64_t executed = 0;
    double end = now() + seconds;
    for (size_t i = 0; i < corpus_count; i++, executed++) {
        load(&corpus[i]);
        execute();
    }
    while (now() < end) {
        load(&corpus[draw((uint32_t)corpus_count)]);
        mutate();
        execute();
        executed++;
    }
    return executed;
}

static uint64_t parse_number(const char *text, const char *option)
{
    char *end;
    uint64_t value = text ? strtoull(text, &end, 10) : 0;
    if (!text || !*text || *end) {
        fprintf(stderr, "%s needs a number\n", option);
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    uint64_t seconds = 10;
    uint64_t seed = 1;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seconds") == 0) {
            seconds = parse_number(argv[i + 1], argv[i]);
            i++;
        } else if (strcmp(argv[i], "--seed") == 0) {
            seed = parse_number(argv[i + 1], argv[i]);
            i++;
        } else {
            keep_path(argv[i]);
        }
    }
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash ? slash + 1 : argv[0];
    snprintf(crash_path, sizeof crash_path, "crash-%.64s-%" PRIu64, name, seed);
    catch_crashes();
    state = seed;
    for (size_t i = 0; i < fuzz_seed_count(); i++) {
        size_t bytes;
        const void *data = fuzz_seed(i, &bytes);
        keep(data, bytes);
    }
    if (corpus_count == 0) {
        keep("", 0);
    }
    uint64_t executed = run_for((double)seconds);
    printf("%s: %" PRIu64 " inputs executed, seed %" PRIu64 "\n", name, executed, seed);
    for (size_t i = 0; i < corpus_count; i++) {
        free(corpus[i].data);
    }
    return executed == 0;
}
