/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.c, safetensors_writer.c, weights.c and checkpoint.c: one crafted file per rule of the format.
 */
#include "tests/unit/tool_test.h"

#include <endian.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "tools/common/checkpoint.h"
#include "tools/common/file.h"
#include "tools/common/safetensors_writer.h"
#include "tools/common/weights.h"

/* A file of a header, its length as said by `length` (0: the true one), and data_bytes of counting bytes. */
static const char *craft(const char *name, const char *header, uint64_t length, size_t data_bytes)
{
    size_t text = strlen(header);
    size_t total = 8 + text + data_bytes;
    unsigned char *block = malloc(total);
    assert_non_null(block);
    uint64_t said = htole64(length ? length : text);
    memcpy(block, &said, 8);
    memcpy(block + 8, header, text);
    for (size_t i = 0; i < data_bytes; i++) {
        block[8 + text + i] = (unsigned char)i;
    }
    const char *path = scratch_file(name, block, total);
    free(block);
    return path;
}

#define TENSOR(name, dtype, shape, from, to)                                                                 \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void reads_a_good_file(void **state)
{
    (void)state;
    tool_error err = {0};
    safetensors *file;
    const char *path =
        craft("good.safetensors",
              "{\"__metadata__\":{\"format\":\"pt\"}," TENSOR("b", "F32", "[2,1]", 4, 12) "," TENSOR(
                  "a", "U16", "[2]", 0, 4) "," TENSOR("empty", "F64", "[0,7]", 4,
                                                      4) "," TENSOR("scalar", "U8", "[]", 12, 13) "}   ",
              0, 13);
    assert_worked(safetensors_open(path, &file, &err), &err);
    assert_int_equal(safetensors_count(file), 4);
    assert_string_equal(safetensors_at(file, 0)->name, "a");
    assert_string_equal(safetensors_metadata(file, "format"), "pt");
    assert_null(safetensors_metadata(file, "other"));
    assert_null(safetensors_find(file, "c"));
    assert_int_equal(safetensors_find(file, "empty")->bytes, 0);
    assert_int_equal(safetensors_find(file, "scalar")->rank, 0);
    const safetensors_tensor *b = safetensors_find(file, "b");
    assert_int_equal(b->shape[0], 2);
    unsigned char data[4];
    assert_worked(safetensors_read(file, b, 3, data, 4, &err), &err);
    assert_int_equal(data[0], 7);
    assert_int_equal(data[3], 10);
    assert_failed(safetensors_read(file, b, 5, data, 4, &err), &err, TOOL_INTERNAL, "outside");
    assert_failed(safetensors_read(file, b, UINT64_MAX, data, 4, &err), &err, TOOL_INTERNAL, "outside");
    safetensors_close(file);
}

struct bad_case {
    const char *header;
    uint64_t length;
    size_t data_bytes;
    const char *fragment;
};

static const struct bad_case bad_cases[] = {
    {"{}", 1ull << 60, 0, "a header of 1152921504606846976 bytes"},
    {"{}", UINT64_MAX, 0, "a header of 18446744073709551615 bytes"},
    {"{}", 3, 0, "a header of 3 bytes in a file of 10"},
    {"{}", 1, 0, "a header of 1 bytes"},
    {"[]", 0, 0, "does not begin with '{'"},
    {" {}", 0, 0, "does not begin with '{'"},
    {"{} x", 0, 0, "end of file expected"},
    {"{\"a\":", 0, 0, "header: line 1"},
    {"{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 0, 0,
     "its entry is not"},
    {"{\"\xff\":1}", 0, 0, "unable to decode byte 0xff"},
    {"{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("a", "U8", "[4]", 4, 8) "}", 0, 8, "duplicate"},
    {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[0,1]}}", 0, 1, "duplicate"},
    {"{\"a\":1}", 0, 0, "its entry is not"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}", 0, 0, "its entry is not"},
    {"{" TENSOR("a", "Q4", "[4]", 0, 4) "}", 0, 4, "unknown dtype \"Q4\""},
    {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,1]}}", 0, 1,
     "\"dtype\" is missing or not a string"},
    {"{" TENSOR("a", "F32", "[4]", 0, 4) "}", 0, 4, "shape and dtype take 16 bytes, the offsets 4"},
    {"{" TENSOR("a", "U8", "[4.0]", 0, 4) "}", 0, 4, "not a whole number"},
    {"{" TENSOR("a", "U8", "[-1]", 0, 4) "}", 0, 4, "not a whole number"},
    {"{" TENSOR("a", "U8", "4", 0, 4) "}", 0, 4, "\"shape\" is missing"},
    {"{" TENSOR("a", "U8", "[1,1,1,1,1,1,1,1,4]", 0, 4) "}", 0, 4, "9 dimensions"},
    {"{" TENSOR("a", "F32", "[4294967296,4294967296]", 0, 0) "}", 0, 0, "leaves 64 bits"},
    {"{" TENSOR("a", "F64", "[2305843009213693952]", 0, 0) "}", 0, 0, "leaves 64 bits"},
    {"{" TENSOR("a", "U8", "[9999999999999999999]", 0, 0) "}", 0, 0, "too big integer"},
    {"{" TENSOR("a", "U8", "[8]", 0, 8) "}", 0, 7, "truncated or damaged"},
    {"{" TENSOR("a", "U8", "[4]", 9223372036854775803, 9223372036854775807) "}", 0, 4,
     "truncated or damaged"},
    {"{" TENSOR("a", "U8", "[4]", 4, 0) "}", 0, 4, "run backwards"},
    {"{" TENSOR("a", "U8", "[4]", -4, 0) "}", 0, 4, "run backwards"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,2,4]}}", 0, 4, "not a pair"},
    {"{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 2, 6) "}", 0, 6, "overlap at byte 2"},
    {"{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[4]", 0, 4) "}", 0, 4, "overlap at byte 0"},
    {"{" TENSOR("a", "U8", "[4]", 0, 4) "," TENSOR("b", "U8", "[0]", 2, 2) "}", 0, 4, "overlap at byte 2"},
    {"{" TENSOR("a", "U8", "[2]", 0, 2) "," TENSOR("b", "U8", "[2]", 4, 6) "}", 0, 6, "a hole of 2 bytes"},
    {"{" TENSOR("a", "U8", "[2]", 2, 4) "}", 0, 4, "a hole of 2 bytes before tensor \"a\""},
    {"{" TENSOR("a", "U8", "[2]", 0, 2) "}", 0, 5, "3 bytes after the last tensor"},
    {"{}", 0, 1, "1 bytes after the last tensor"},
    {"{\"__metadata__\":{\"k\":1}}", 0, 0, "\"k\" is not a string"},
    {"{\"__metadata__\":[]}", 0, 0, "__metadata__ is not an object"},
};

static void refuses_each_bad_file(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad_cases / sizeof *bad_cases; i++) {
        const struct bad_case *bad = &bad_cases[i];
        tool_error err = {0};
        safetensors *file;
        const char *path = craft("bad.safetensors", bad->header, bad->length, bad->data_bytes);
        assert_failed(safetensors_open(path, &file, &err), &err, TOOL_BAD_INPUT, bad->fragment);
        assert_non_null(strstr(err.text, "bad.safetensors"));
    }
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    tool_error err = {0};
    safetensors *file;
    assert_failed(safetensors_open(scratch_path("absent"), &file, &err), &err, TOOL_NOT_FOUND,
                  "No such file");
    assert_failed(safetensors_open(scratch_root, &file, &err), &err, TOOL_BAD_INPUT, "not a regular file");
    assert_failed(safetensors_open("/dev/zero", &file, &err), &err, TOOL_BAD_INPUT, "not a regular file");
    scratch_file("short", "1234567", 7);
    assert_failed(safetensors_open(scratch_path("short"), &file, &err), &err, TOOL_BAD_INPUT, "too few");
}

/* A valid file cut at every length is refused at each. */
static void refuses_every_truncation(void **state)
{
    (void)state;
    const char *header = "{" TENSOR("a", "U8", "[4]", 0, 4) "}";
    size_t total = 8 + strlen(header) + 4;
    for (size_t bytes = 0; bytes < total; bytes++) {
        tool_error err = {0};
        safetensors *file;
        const char *path = craft("cut.safetensors", header, 0, 4);
        assert_int_equal(truncate(path, (off_t)bytes), 0);
        assert_failed(safetensors_open(path, &file, &err), &err, TOOL_BAD_INPUT, "cut.safetensors");
    }
}

static void notices_truncation_while_open(void **state)
{
    (void)state;
    tool_error err = {0};
    safetensors *file;
    unsigned char data[4];
    const char *path = craft("open.safetensors", "{" TENSOR("a", "U8", "[4]", 0, 4) "}", 0, 4);
    assert_worked(safetensors_open(path, &file, &err), &err);
    assert_int_equal(truncate(path, 20), 0);
    assert_failed(safetensors_read(file, safetensors_find(file, "a"), 0, data, 4, &err), &err, TOOL_BAD_INPUT,
                  "truncated");
    safetensors_close(file);
}

/* --- writer --- */

static int write_sample(const char *path, tool_error *err)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    static const uint8_t small[3] = {7, 8, 9};
    safetensors_writer *writer;
    size_t bytes_index;
    size_t floats_index;
    int code = safetensors_writer_begin(path, &writer, err);
    if (code) {
        return code;
    }
    code = safetensors_writer_metadata(writer, "format", "pt", err);
    code =
        code ? code
             : safetensors_writer_add(writer, "small", SAFETENSORS_U8, 1, (uint64_t[]){3}, &bytes_index, err);
    code = code ? code
                : safetensors_writer_add(writer, "floats", SAFETENSORS_F32, 2, (uint64_t[]){2, 3},
                                         &floats_index, err);
    code = code ? code : safetensors_writer_write(writer, bytes_index, small, 3, err);
    code = code ? code : safetensors_writer_write(writer, floats_index, values, 8, err);
    code = code ? code : safetensors_writer_write(writer, floats_index, values + 2, 16, err);
    if (code) {
        safetensors_writer_abort(writer);
        return code;
    }
    return safetensors_writer_finish(&writer, err);
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    tool_error err = {0};
    safetensors *file;
    float values[6];
    const char *path = scratch_path("written.safetensors");
    assert_worked(write_sample(path, &err), &err);
    assert_worked(safetensors_open(path, &file, &err), &err);
    const safetensors_tensor *floats = safetensors_find(file, "floats");
    assert_int_equal(floats->offset, 0);
    assert_int_equal(safetensors_find(file, "small")->offset, 24);
    assert_worked(safetensors_read(file, floats, 0, values, sizeof values, &err), &err);
    assert_float_equal(values[5], 6, 0);
    assert_string_equal(safetensors_metadata(file, "format"), "pt");
    safetensors_close(file);
}

static void writer_refuses_misuse(void **state)
{
    (void)state;
    tool_error err = {0};
    safetensors_writer *writer;
    size_t index;
    const char *path = scratch_path("misuse.safetensors");
    uint64_t huge[2] = {1ull << 40, 1ull << 40};
    assert_worked(safetensors_writer_begin(path, &writer, &err), &err);
    assert_worked(safetensors_writer_add(writer, "a", SAFETENSORS_U8, 1, (uint64_t[]){2}, &index, &err),
                  &err);
    assert_failed(safetensors_writer_add(writer, "a", SAFETENSORS_U8, 0, NULL, &index, &err), &err,
                  TOOL_BAD_INPUT, "twice");
    assert_failed(safetensors_writer_add(writer, "", SAFETENSORS_U8, 0, NULL, &index, &err), &err,
                  TOOL_BAD_INPUT, "not a name");
    assert_failed(safetensors_writer_add(writer, "\xff", SAFETENSORS_U8, 0, NULL, &index, &err), &err,
                  TOOL_BAD_INPUT, "UTF-8");
    assert_failed(safetensors_writer_add(writer, "big", SAFETENSORS_F32, 2, huge, &index, &err), &err,
                  TOOL_BAD_INPUT, "64 bits");
    assert_failed(safetensors_writer_write(writer, 5, "x", 1, &err), &err, TOOL_INTERNAL, "no tensor 5");
    assert_failed(safetensors_writer_write(writer, 0, "xyz", 3, &err), &err, TOOL_INTERNAL, "more than");
    assert_worked(safetensors_writer_write(writer, 0, "x", 1, &err), &err);
    assert_failed(safetensors_writer_add(writer, "b", SAFETENSORS_U8, 0, NULL, &index, &err), &err,
                  TOOL_BAD_INPUT, "after the first data");
    assert_failed(safetensors_writer_finish(&writer, &err), &err, TOOL_INTERNAL, "1 of its 2 bytes");
    assert_null(writer);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* --- shards --- */

static const char *make_directory(const char *name)
{
    const char *path = scratch_path(name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void reads_shards(void **state)
{
    (void)state;
    tool_error err = {0};
    weights *object;
    const weights_entry *entry;
    unsigned char data[2];
    char index[] = "{\"metadata\":{},\"weight_map\":{\"x\":\"1.safetensors\",\"y\":\"2.safetensors\"}}";
    make_directory("shards");
    craft("shards/1.safetensors", "{" TENSOR("x", "U8", "[2]", 0, 2) "}", 0, 2);
    craft("shards/2.safetensors", "{" TENSOR("y", "U8", "[1,2]", 0, 2) "}", 0, 2);
    scratch_file("shards/model.safetensors.index.json", index, sizeof index - 1);
    assert_worked(weights_open(scratch_path("shards"), &object, &err), &err);
    assert_int_equal(weights_count(object), 2);
    assert_null(weights_find(object, "z"));
    assert_worked(weights_read(weights_find(object, "y"), 0, data, 2, &err), &err);
    assert_int_equal(data[1], 1);
    assert_worked(weights_expect(object, "y", 2, (uint64_t[]){1, 2}, &entry, &err), &err);
    assert_failed(weights_expect(object, "y", 2, (uint64_t[]){2, 1}, &entry, &err), &err, TOOL_BAD_INPUT,
                  "has shape [1, 2]; the model needs [2, 1]");
    assert_failed(weights_expect(object, "q", 0, NULL, &entry, &err), &err, TOOL_BAD_INPUT,
                  "needs a tensor \"q\"");
    weights_close(object);
    assert_worked(weights_open(scratch_path("shards/2.safetensors"), &object, &err), &err);
    weights_close(object);
}

static void refuses_bad_indexes(void **state)
{
    (void)state;
    static const struct {
        const char *index;
        int code;
        const char *fragment;
    } cases[] = {
        {"{\"weight_map\":{\"x\":\"../1.safetensors\"}}", TOOL_BAD_INPUT, "only plain names"},
        {"{\"weight_map\":{\"x\":\"/etc/passwd\"}}", TOOL_BAD_INPUT, "only plain names"},
        {"{\"weight_map\":{\"x\":\"..\"}}", TOOL_BAD_INPUT, "only plain names"},
        {"{\"weight_map\":{\"x\":\"\"}}", TOOL_BAD_INPUT, "only plain names"},
        {"{\"weight_map\":{\"x\":3}}", TOOL_BAD_INPUT, "is not a string"},
        {"{\"weight_map\":{\"x\":\"absent.safetensors\"}}", TOOL_NOT_FOUND, "absent.safetensors"},
        {"{\"weight_map\":{\"z\":\"1.safetensors\"}}", TOOL_BAD_INPUT, "\"z\" is not in 1.safetensors"},
        {"{\"weight_map\":{\"x\":\"1.safetensors\",\"x\":\"1.safetensors\"}}", TOOL_BAD_INPUT, "duplicate"},
        {"{\"weight_map\":{\"x\":\"1.safetensors\"}}", TOOL_BAD_INPUT, "hold 2 tensors, the index names 1"},
        {"{\"weight_map\":{\"x\":\"1.safetensors\",\"y\":\"2.safetensors\"}}", TOOL_BAD_INPUT,
         "in two shards"},
        {"{\"weight_map\":{}}", TOOL_BAD_INPUT, "no \"weight_map\""},
        {"{}", TOOL_BAD_INPUT, "no \"weight_map\""},
    };
    make_directory("index");
    craft("index/1.safetensors", "{" TENSOR("x", "U8", "[2]", 0, 2) "," TENSOR("y", "U8", "[1]", 2, 3) "}", 0,
          3);
    craft("index/2.safetensors", "{" TENSOR("y", "U8", "[2]", 0, 2) "}", 0, 2);
    weights *object;
    tool_error err = {0};
    assert_failed(weights_open(scratch_path("index"), &object, &err), &err, TOOL_NOT_FOUND, "neither");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file("index/model.safetensors.index.json", cases[i].index, strlen(cases[i].index));
        assert_failed(weights_open(scratch_path("index"), &object, &err), &err, cases[i].code,
                      cases[i].fragment);
    }
}

/* --- checkpoint --- */

static int save(const char *dir, const char *text, tool_error *err)
{
    checkpoint *object;
    char path[512];
    int code = checkpoint_begin(dir, &object, err);
    if (code) {
        return code;
    }
    code = checkpoint_write(object, "config.json", text, strlen(text), err);
    code = code ? code : checkpoint_file(object, "model.safetensors", path, sizeof path, err);
    code = code ? code : write_sample(path, err);
    if (code) {
        checkpoint_abort(object);
        return code;
    }
    return checkpoint_commit(&object, err);
}

static void assert_content(const char *path, const char *text)
{
    char *data;
    size_t bytes;
    tool_error err = {0};
    assert_worked(file_read_whole(path, 1 << 20, &data, &bytes, &err), &err);
    assert_string_equal(data, text);
    free(data);
}

static size_t count_entries(const char *path)
{
    size_t count = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir)) {
        count++;
    }
    closedir(dir);
    return count - 2;
}

static void swaps_checkpoints(void **state)
{
    (void)state;
    tool_error err = {0};
    make_directory("save");
    assert_worked(save(scratch_path("save/run"), "one", &err), &err);
    assert_content(scratch_path("save/run/config.json"), "one");
    scratch_file("save/run/notes.txt", "mine", 4);
    make_directory("save/run/plots");
    scratch_file("save/run/plots/a.svg", "mine", 4);
    scratch_file("save/run/model-00001-of-00002.safetensors", "stale", 5);
    assert_worked(save(scratch_path("save/run/"), "two", &err), &err);
    assert_content(scratch_path("save/run/config.json"), "two");
    assert_content(scratch_path("save/run/notes.txt"), "mine");
    assert_content(scratch_path("save/run/plots/a.svg"), "mine");
    assert_int_equal(count_entries(scratch_path("save/run")), 4);
    assert_int_equal(count_entries(scratch_path("save")), 1);
    assert_int_equal(symlink("run", scratch_path("save/link")), 0);
    assert_worked(save(scratch_path("save/link"), "three", &err), &err);
    assert_content(scratch_path("save/run/config.json"), "three");
}

static void checkpoint_refuses_what_is_not_its_own(void **state)
{
    (void)state;
    tool_error err = {0};
    checkpoint *object;
    char before[512];
    make_directory("other");
    scratch_file("other/thesis.tex", "x", 1);
    assert_failed(checkpoint_begin(scratch_path("other"), &object, &err), &err, TOOL_BAD_INPUT,
                  "no checkpoint");
    assert_failed(checkpoint_begin(scratch_path("other/thesis.tex"), &object, &err), &err, TOOL_BAD_INPUT,
                  "not a directory");
    assert_failed(checkpoint_begin(scratch_path("absent/run"), &object, &err), &err, TOOL_NOT_FOUND,
                  "absent");
    assert_failed(checkpoint_begin("", &object, &err), &err, TOOL_BAD_INPUT, "cannot name");
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(scratch_path("other")), 0);
    assert_failed(checkpoint_begin(".", &object, &err), &err, TOOL_BAD_INPUT, "working directory");
    assert_failed(checkpoint_begin("..", &object, &err), &err, TOOL_BAD_INPUT, "working directory");
    assert_int_equal(chdir(before), 0);
}

/* Files may grow to `limit` bytes only: as on a disk that becomes full there. */
static int save_with_limit(const char *dir, rlim_t limit, tool_error *err)
{
    struct rlimit old;
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){limit, old.rlim_max});
    int code = save(dir, "new", err);
    setrlimit(RLIMIT_FSIZE, &old);
    return code;
}

static void full_disk_keeps_the_previous(void **state)
{
    (void)state;
    tool_error err = {0};
    signal(SIGXFSZ, SIG_IGN);
    make_directory("full");
    assert_worked(save(scratch_path("full/run"), "old", &err), &err);
    size_t failures = 0;
    for (rlim_t limit = 0; limit < 220; limit++) {
        int code = save_with_limit(scratch_path("full/run"), limit, &err);
        if (code == 0) {
            break;
        }
        failures++;
        assert_int_equal(code, TOOL_INTERNAL);
        assert_non_null(strstr(err.text, "cannot write"));
        assert_content(scratch_path("full/run/config.json"), "old");
        assert_int_equal(count_entries(scratch_path("full")), 1);
    }
    assert_in_range(failures, 100, 219);
    assert_content(scratch_path("full/run/config.json"), "new");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_a_good_file),
        cmocka_unit_test(refuses_each_bad_file),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(refuses_every_truncation),
        cmocka_unit_test(notices_truncation_while_open),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(writer_refuses_misuse),
        cmocka_unit_test(reads_shards),
        cmocka_unit_test(refuses_bad_indexes),
        cmocka_unit_test(swaps_checkpoints),
        cmocka_unit_test(checkpoint_refuses_what_is_not_its_own),
        cmocka_unit_test(full_disk_keeps_the_previous),
    };
    return cmocka_run_group_tests_name("safetensors", tests, scratch_setup, scratch_teardown);
}
