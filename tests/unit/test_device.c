/* SPDX-License-Identifier: Apache-2.0 */
/* instance.c, device.c, memory.c, topology.c and trace.c. */
#include "plugin_test.h"

#include <jansson.h>
#include <sys/wait.h>

static void equal_options_give_one_instance(void **state)
{
    (void)state;
    hal_instance *a = bare_instance(), *b = bare_instance();
    hal_instance *c = plugin_instance("/nonexistent/other", "none");
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    hal_instance_release(a);
    assert_int_equal(hal_instance_report_count(b), 1);
    hal_instance_release(b);
    hal_instance_release(c);
    hal_instance_release(NULL);
}

static void options_need_their_head(void **state)
{
    (void)state;
    hal_instance *instance = NULL;
    hal_instance_options options = {.backends = "none"};
    assert_code(hal_instance_create(&options, &instance), INVALID_ARGUMENT);
    options.head.size = sizeof(hal_head); /* the smallest caller: knows no option */
    assert_ok(hal_instance_create(&options, &instance));
    hal_instance_release(instance);
}

static void activation_is_lazy_and_once(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_device_info info;
    void *opened;
    hal_device_describe(device, &info);
    assert_int_equal(info.state, HAL_DEVICE_PROBED);
    assert_int_equal(fake.opened, 0);
    assert_ok(hal_device_activate(device, &opened));
    assert_ok(hal_device_activate(device, &opened));
    assert_int_equal(fake.opened, 1);
    hal_device_describe(device, &info);
    assert_int_equal(info.state, HAL_DEVICE_READY);
    assert_string_equal(info.alias, "fake0");
    assert_string_equal(info.backend, "fake");
    assert_string_equal(info.reason, "");
    hal_device_release(device);
}

static void equal_aliases_are_numbered(void **state)
{
    (void)state;
    hal_device *device = fake_device(false), *second = NULL;
    hal_instance *instance = hal_device_instance(device);
    assert_ok(hal_device_add(instance, device->loaded, &device->record, 1));
    assert_ok(hal_device_find(instance, "fake1", &second));
    assert_int_equal(hal_device_index(second), 1);
    assert_int_equal(second->memory, device->memory); /* equal names are one memory */
    assert_code(hal_device_get(instance, 2, &second), NOT_FOUND);
    hal_device_release(second);
    hal_device_release(device);
}

/* ---------------------------------------------------------------------------------------------- peers -- */

static int asked;
static hal_status peer_answer;

static hal_status answer_peer(void *device, void *other)
{
    (void)device;
    (void)other;
    asked++;
    return peer_answer == HAL_OK ? HAL_OK : hal_status_set(peer_answer, __FILE__, __LINE__, "answer %d", asked);
}

/* Two devices of a backend with that table, whose memory the host does not reach. */
static void two_devices(const hal_backend *table, hal_device **first, hal_device **second)
{
    *first = fake_device(true);
    (*first)->loaded->table = table;
    hal_instance *instance = hal_device_instance(*first);
    assert_ok(hal_device_add(instance, (*first)->loaded, &(*first)->record, 1));
    assert_ok(hal_device_find(instance, "fake1", second));
    asked = 0;
}

static hal_status copy_across(hal_device *first, hal_device *second)
{
    hal_buffer *from = NULL, *to = NULL;
    hal_queue *queue = NULL;
    char bytes[64] = "there";
    assert_ok(hal_buffer_create(second, sizeof bytes, &from));
    assert_ok(hal_buffer_create(first, sizeof bytes, &to));
    assert_ok(hal_buffer_write(from, 0, bytes, sizeof bytes));
    memset(bytes, 0, sizeof bytes);
    assert_ok(hal_device_queue(first, &queue));
    const hal_status status = hal_queue_copy(queue, (hal_binding){.buffer = to}, (hal_binding){.buffer = from}, sizeof bytes, NULL, 0, NULL, 0);
    assert_ok(hal_buffer_read(to, 0, bytes, sizeof bytes));
    assert_string_equal(bytes, status == HAL_OK ? "there" : "");
    hal_buffer_release(from);
    hal_buffer_release(to);
    return status;
}

static void pairs_are_asked_about_once(void **state)
{
    (void)state;
    hal_backend table = fake_table;
    hal_device *first, *second;
    table.peer = answer_peer;
    two_devices(&table, &first, &second);
    peer_answer = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_OUT_OF_MEMORY);
    assert_code(copy_across(first, second), OUT_OF_MEMORY); /* that may be better the next time */
    peer_answer = HAL_STATUS(HAL_DAMAGE_CALL, HAL_CODE_UNSUPPORTED);
    for (int i = 0; i < 2; i++) {
        assert_code(copy_across(first, second), UNSUPPORTED);
        assert_string_equal(hal_status_last()->text, "answer 2");
    }
    peer_answer = HAL_OK; /* of the other order */
    assert_ok(copy_across(second, first));
    assert_ok(copy_across(second, first));
    assert_int_equal(asked, 3);
    hal_device_lose(first, "gone");
    assert_code(hal_device_peer(second, first), DEVICE_LOST);
    hal_device_release(second);
    hal_device_release(first);
}

static void tables_without_the_question_have_no_peers(void **state)
{
    (void)state;
    hal_backend table = fake_table;
    hal_device *first, *second;
    table.peer = answer_peer;
    table.head.size = (uint32_t)offsetof(hal_backend, peer);
    two_devices(&table, &first, &second);
    assert_code(copy_across(first, second), UNSUPPORTED);
    assert_int_equal(asked, 0);
    hal_device_release(second);
    hal_device_release(first);
}

static void loss_is_sticky(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_buffer *buffer;
    hal_device_info info;
    assert_ok(hal_buffer_create(device, 64, &buffer));
    hal_device_lose(device, "first");
    hal_device_lose(device, "second");
    hal_device_describe(device, &info);
    assert_int_equal(info.state, HAL_DEVICE_LOST);
    assert_string_equal(info.reason, "first");
    hal_buffer *other = NULL;
    assert_code(hal_buffer_create(device, 64, &other), DEVICE_LOST);
    assert_code(hal_buffer_write(buffer, 0, "x", 1), DEVICE_LOST);
    assert_null(other);
    hal_buffer_release(buffer);
    hal_device_release(device);
}

/* Objects keep what they need; the order of release does not matter. */
static void objects_outlive_handles(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_timeline *timeline;
    hal_queue *queue, *shared;
    assert_ok(hal_timeline_create(hal_device_instance(device), &timeline));
    assert_ok(hal_queue_create(device, &queue));
    assert_ok(hal_device_queue(device, &shared));
    hal_device_release(device);
    assert_ok(hal_timeline_signal(timeline, 1));
    assert_ok(hal_queue_release(queue, SOON));
    hal_timeline_release(timeline);
}

static void eager_release(void *slot)
{
    hal_program_release(slot);
}

/* What the eager cache holds must not keep the instance alive. */
static void the_eager_slot_goes_with_the_handles(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    void **slot = hal_device_eager_slot(device, eager_release);
    *slot = tiny_program_compile(device);
    assert_int_equal(fake.programs, 1);
    hal_device_release(device);
    assert_int_equal(fake.programs, 0);
}

static void a_forked_child_is_told(void **state)
{
    (void)state;
    hal_device *device = fake_device(false);
    hal_instance *instance = hal_device_instance(device);
    int status = -1;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        hal_device *d;
        hal_queue *q;
        hal_instance *own = NULL;
        hal_instance_options options = {HAL_HEAD(hal_instance_options), .backends = "none"};
        bool told = hal_status_code(hal_device_find(instance, "fake0", &d)) == HAL_CODE_FAILED_PRECONDITION &&
                    hal_status_code(hal_queue_create(device, &q)) == HAL_CODE_FAILED_PRECONDITION;
        bool works = hal_instance_create(&options, &own) == HAL_OK && own != instance;
        _exit(told && works ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    hal_device_release(device);
}

static void the_trace_is_json(void **state)
{
    (void)state;
    hal_instance *instance = NULL;
    const char *path = scratch_path("trace.json");
    hal_instance_options options = {HAL_HEAD(hal_instance_options), .backends = "none",
                                    .plugin_path = "/nonexistent/hal-test", .trace_path = path};
    assert_ok(hal_instance_create(&options, &instance));
    assert_true(hal_trace_enabled(instance));
    hal_trace_span(instance, "track", "test", "a \"quoted\" name", 1000, 3000);
    hal_trace_span(instance, "track", "test", "second", 3000, 4000);
    hal_instance_release(instance);
    json_t *root = json_load_file(path, 0, NULL);
    assert_non_null(root);
    assert_int_equal(json_array_size(json_object_get(root, "traceEvents")), 4);
    json_decref(root);
    options.trace_path = "/nonexistent/trace.json";
    assert_code(hal_instance_create(&options, &instance), IO);
}

static void null_devices_are_two(void **state)
{
    (void)state;
    hal_device *first = NULL, *second = NULL;
    plugin_copy("libhal_null.so");
    hal_instance *instance = plugin_instance(scratch_root, "null");
    assert_ok(hal_device_find(instance, "null0", &first));
    assert_ok(hal_device_find(instance, "null1", &second));
    hal_buffer *buffer;
    char out[4] = "";
    assert_ok(hal_buffer_create(second, 16, &buffer));
    assert_ok(hal_buffer_write(buffer, 4, "abc", 4));
    assert_ok(hal_buffer_read(buffer, 4, out, 4));
    assert_string_equal(out, "abc");
    hal_instance_release(instance);
    hal_device_release(first);
    hal_device_release(second);
    hal_buffer_release(buffer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_options_give_one_instance),
        cmocka_unit_test(options_need_their_head),
        cmocka_unit_test(activation_is_lazy_and_once),
        cmocka_unit_test(equal_aliases_are_numbered),
        cmocka_unit_test(pairs_are_asked_about_once),
        cmocka_unit_test(tables_without_the_question_have_no_peers),
        cmocka_unit_test(loss_is_sticky),
        cmocka_unit_test(objects_outlive_handles),
        cmocka_unit_test(the_eager_slot_goes_with_the_handles),
        cmocka_unit_test(a_forked_child_is_told),
        cmocka_unit_test(the_trace_is_json),
        cmocka_unit_test(null_devices_are_two),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
