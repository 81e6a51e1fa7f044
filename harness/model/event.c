#include "model/event.h"

#include <errno.h>
#include <string.h>

#include "model/pack.h"

static const char *const event_kinds[] = {
    [PF_EVENT_BEGIN] = "begin",
    [PF_EVENT_FORK] = "fork",
    [PF_EVENT_THREAD] = "thread",
    [PF_EVENT_EXEC] = "exec",
    [PF_EVENT_SIGNAL] = "signal",
    [PF_EVENT_KILL] = "kill",
    [PF_EVENT_HANDLER] = "handler",
    [PF_EVENT_NAME] = "name",
    [PF_EVENT_BOND] = "bond",
    [PF_EVENT_TIMER] = "timer",
    [PF_EVENT_POINT] = "point",
    [PF_EVENT_LEDGER] = "ledger",
    [PF_EVENT_LIMIT] = "limit",
    [PF_EVENT_DESCRIPTORS] = "descriptors",
    [PF_EVENT_ZOMBIE] = "zombie",
    [PF_EVENT_CALL] = "call",
    [PF_EVENT_INJECT] = "inject",
    [PF_EVENT_RELEASE] = "release",
    [PF_EVENT_OUTPUT] = "output",
    [PF_EVENT_STREAM] = "stream",
    [PF_EVENT_LEFT] = "left",
    [PF_EVENT_FILE] = "file",
    [PF_EVENT_THREAD_EXIT] = "thread-exit",
    [PF_EVENT_EXIT] = "exit",
    [PF_EVENT_SNAPSHOT] = "snapshot",
    [PF_EVENT_STACK] = "stack",
    [PF_EVENT_STEPS] = "steps",
    [PF_EVENT_NOTE] = "note",
    [PF_EVENT_VERDICT] = "verdict",
    [PF_EVENT_PACE] = "pace",
    [PF_EVENT_USAGE] = "usage",
    [PF_EVENT_OPEN] = "open",
    [PF_EVENT_END] = "end",
};
_Static_assert(sizeof(event_kinds) / sizeof(event_kinds[0]) == PF_EVENT__COUNT, "a name for every event");
const struct pf_names pf_event_kind_names = PF_NAMES(event_kinds);

static const char *const verdict_kinds[] = {
    [PF_VERDICT_FINISHED] = "finished",   [PF_VERDICT_PROVEN] = "proven",
    [PF_VERDICT_ABANDONED] = "abandoned", [PF_VERDICT_DEADLINE] = "deadline",
    [PF_VERDICT_OVERGROWN] = "overgrown", [PF_VERDICT_INTERRUPTED] = "interrupted",
    [PF_VERDICT_OBSERVED] = "observed",
};
_Static_assert(sizeof(verdict_kinds) / sizeof(verdict_kinds[0]) == PF_VERDICT__COUNT,
               "a name for every verdict");
const struct pf_names pf_verdict_kind_names = PF_NAMES(verdict_kinds);

static const struct pf_field limit_fields[] = {
    PF_VALUE(struct pf_limit, STRING, resource, PF_NEEDED),
    PF_VALUE(struct pf_limit, UINT, value, PF_ALWAYS),
};
const struct pf_record pf_limit_record = PF_RECORD(struct pf_limit, limit_fields);

static const struct pf_field expect_file_fields[] = {
    PF_VALUE(struct pf_expect_file, STRING, path, PF_NEEDED),
    PF_VALUE(struct pf_expect_file, STRING, change, PF_NEEDED),
    PF_VALUE(struct pf_expect_file, RECORD, content, .record = &pf_content_record),
};
static const struct pf_record expect_file_record = PF_RECORD(struct pf_expect_file, expect_file_fields);

static const struct pf_field descriptors_fields[] = {
    PF_ENUM(struct pf_descriptors, kind, pf_object_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_descriptors, STRING, path),
    PF_VALUE(struct pf_descriptors, UINT, count, PF_ALWAYS),
    PF_VALUE(struct pf_descriptors, UINT, dangling),
};
static const struct pf_record descriptors_record = PF_RECORD(struct pf_descriptors, descriptors_fields);

static const struct pf_field expect_process_fields[] = {
    PF_VALUE(struct pf_expect_process, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_expect_process, UINT, code),
    PF_ARRAY(struct pf_expect_process, RECORDS, open, open_count, .record = &descriptors_record),
};
static const struct pf_record expect_process_record =
    PF_RECORD(struct pf_expect_process, expect_process_fields);

static const struct pf_field expect_fields[] = {
    PF_VALUE(struct pf_expect, STRING, finding),
    PF_VALUE(struct pf_expect, STRING, diagnosis),
    PF_VALUE(struct pf_expect, STRING, output),
    PF_NAMED(struct pf_expect, RECORD, "stdout", printed, .record = &pf_content_record),
    PF_ARRAY(struct pf_expect, RECORDS, files, file_count, .record = &expect_file_record),
    PF_ARRAY(struct pf_expect, RECORDS, processes, process_count, .record = &expect_process_record),
    PF_VALUE(struct pf_expect, BOOL, baseline),
    PF_VALUE(struct pf_expect, BOOL, daemon),
    PF_VALUE(struct pf_expect, UINT, leftovers),
    PF_VALUE(struct pf_expect, STRING, exit),
};
const struct pf_record pf_expect_record = PF_RECORD(struct pf_expect, expect_fields);

struct pf_expect pf_expect_copy(const struct pf_expect *expect, struct pf_arena *arena)
{
    struct pf_expect copy = {
        .finding = pf_arena_strdup(arena, expect->finding),
        .diagnosis = pf_arena_strdup(arena, expect->diagnosis),
        .output = pf_arena_strdup(arena, expect->output),
        .printed = pf_content_outline(expect->printed, arena),
        .exit = pf_arena_strdup(arena, expect->exit),
        .baseline = expect->baseline,
        .daemon = expect->daemon,
        .leftovers = expect->leftovers,
    };
    for (size_t i = 0; i < expect->file_count; i++) {
        struct pf_expect_file *file = pf_arena_grow(arena, &copy.files, &copy.file_count, sizeof(*file));
        file->path = pf_arena_strdup(arena, expect->files[i].path);
        file->change = pf_arena_strdup(arena, expect->files[i].change);
        file->content = pf_content_outline(expect->files[i].content, arena);
    }
    return copy;
}

static const struct pf_field environment_fields[] = {
    PF_VALUE(struct pf_environment, STRING, pitfall),
    PF_VALUE(struct pf_environment, STRING, kernel),
    PF_VALUE(struct pf_environment, STRING, machine),
    PF_VALUE(struct pf_environment, STRING, containment),
    PF_VALUE(struct pf_environment, STRING, containment_note),
    PF_VALUE(struct pf_environment, BOOL, isolated),
    PF_VALUE(struct pf_environment, STRING, isolation_note),
};
const struct pf_record pf_environment_record = PF_RECORD(struct pf_environment, environment_fields);

static const struct pf_field begin_fields[] = {
    PF_VALUE(struct pf_ev_begin, STRING, schema, PF_NEEDED),
    PF_VALUE(struct pf_ev_begin, STRING, scenario),
    PF_VALUE(struct pf_ev_begin, STRING, variant),
    PF_ARRAY(struct pf_ev_begin, STRINGS, command, command_count, PF_ALWAYS),
    PF_ARRAY(struct pf_ev_begin, STRINGS, faults, fault_count),
    PF_VALUE(struct pf_ev_begin, UINT, seed),
    PF_ARRAY(struct pf_ev_begin, RECORDS, limits, limit_count, .record = &pf_limit_record),
    PF_VALUE(struct pf_ev_begin, UINT, deadline_ns),
    PF_VALUE(struct pf_ev_begin, UINT, grace_ns),
    PF_VALUE(struct pf_ev_begin, BOOL, attached),
    PF_VALUE(struct pf_ev_begin, BOOL, captured),
    PF_VALUE(struct pf_ev_begin, BOOL, no_execs),
    PF_VALUE(struct pf_ev_begin, STRING, replay),
    PF_VALUE(struct pf_ev_begin, INLINE, expect, .record = &pf_expect_record),
    PF_VALUE(struct pf_ev_begin, INLINE, environment, .record = &pf_environment_record),
};
static const struct pf_field fork_fields[] = {
    PF_VALUE(struct pf_ev_fork, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_fork, STRING, parent),
    PF_VALUE(struct pf_ev_fork, UINT, pid),
    PF_VALUE(struct pf_ev_fork, STRING, how),
};
static const struct pf_field thread_fields[] = {
    PF_VALUE(struct pf_ev_thread, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_thread, STRING, by),
    PF_VALUE(struct pf_ev_thread, UINT, tid),
};
static const struct pf_field exec_fields[] = {
    PF_VALUE(struct pf_ev_exec, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_exec, STRING, path),
    PF_ARRAY(struct pf_ev_exec, STRINGS, argv, argv_count),
};
static const struct pf_field signal_fields[] = {
    PF_VALUE(struct pf_ev_signal, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_signal, UINT, number, PF_ALWAYS),
    PF_VALUE(struct pf_ev_signal, STRING, name),
    PF_VALUE(struct pf_ev_signal, STRING, sender),
    PF_VALUE(struct pf_ev_signal, UINT, address),
    PF_VALUE(struct pf_ev_signal, STRING, mapped_in),
    PF_VALUE(struct pf_ev_signal, BOOL, mapped_shared),
};
static const struct pf_field kill_fields[] = {
    PF_VALUE(struct pf_ev_kill, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_kill, INT, target),
    PF_VALUE(struct pf_ev_kill, STRING, process),
};
static const struct pf_field name_fields[] = {
    PF_VALUE(struct pf_ev_name, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_name, STRING, name, PF_NEEDED),
    PF_VALUE(struct pf_ev_name, BOOL, removed),
};
static const struct pf_field bond_fields[] = {
    PF_VALUE(struct pf_ev_bond, STRING, process, PF_ALWAYS),
    PF_VALUE(struct pf_ev_bond, UINT, number, PF_ALWAYS),
};
static const struct pf_field timer_fields[] = {
    PF_VALUE(struct pf_ev_timer, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_timer, BOOL, armed, PF_ALWAYS),
};
static const struct pf_field point_fields[] = {
    PF_VALUE(struct pf_ev_point, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_point, STRING, name, PF_NEEDED),
    PF_VALUE(struct pf_ev_point, UINT, count),
};
static const struct pf_field ledger_fields[] = {
    PF_VALUE(struct pf_ev_ledger, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_ledger, STRING, book, PF_NEEDED),
    PF_VALUE(struct pf_ev_ledger, UINT, id, PF_ALWAYS),
};
static const struct pf_field limit_event_fields[] = {
    PF_VALUE(struct pf_ev_limit, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_limit, STRING, call),
    PF_VALUE(struct pf_ev_limit, STRING, error),
    PF_VALUE(struct pf_ev_limit, STRING, resource),
    PF_VALUE(struct pf_ev_limit, UINT, value),
    PF_VALUE(struct pf_ev_limit, UINT, parents),
};
static const struct pf_field descriptors_event_fields[] = {
    PF_VALUE(struct pf_ev_descriptors, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_descriptors, UINT, limit),
    PF_ARRAY(struct pf_ev_descriptors, RECORDS, open, open_count, .record = &descriptors_record),
};
static const struct pf_field frame_fields[] = {
    PF_VALUE(struct pf_frame, STRING, language), PF_VALUE(struct pf_frame, STRING, function),
    PF_VALUE(struct pf_frame, STRING, module),   PF_VALUE(struct pf_frame, UINT, offset),
    PF_VALUE(struct pf_frame, STRING, file),     PF_VALUE(struct pf_frame, UINT, line),
};
static const struct pf_record frame_record = PF_RECORD(struct pf_frame, frame_fields);
static const struct pf_field handler_fields[] = {
    PF_VALUE(struct pf_ev_handler, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_handler, UINT, number, PF_ALWAYS),
    PF_VALUE(struct pf_ev_handler, STRING, name),
    PF_VALUE(struct pf_ev_handler, STRING, does, PF_NEEDED),
    PF_VALUE(struct pf_ev_handler, INLINE, function, .record = &frame_record),
    PF_VALUE(struct pf_ev_handler, UINT, address),
};
static const struct pf_field call_fields[] = {
    PF_VALUE(struct pf_ev_call, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_call, STRING, call, PF_NEEDED),
    PF_VALUE(struct pf_ev_call, UINT, occurrence, PF_ALWAYS),
    PF_VALUE(struct pf_ev_call, STRING, on),
    PF_VALUE(struct pf_ev_call, BOOL, unreturned),
    PF_VALUE(struct pf_ev_call, INT, result),
    PF_VALUE(struct pf_ev_call, BOOL, startup),
    PF_VALUE(struct pf_ev_call, UINT, stack),
    PF_ARRAY(struct pf_ev_call, RECORDS, frames, frame_count, .record = &frame_record),
};
static const struct pf_field inject_fields[] = {
    PF_VALUE(struct pf_ev_inject, UINT, fault, PF_ALWAYS),
    PF_VALUE(struct pf_ev_inject, STRING, thread),
    PF_VALUE(struct pf_ev_inject, STRING, at),
    PF_VALUE(struct pf_ev_inject, UINT, occurrence),
    PF_VALUE(struct pf_ev_inject, STRING, action),
    PF_VALUE(struct pf_ev_inject, STRING, target),
};
static const struct pf_field release_fields[] = {
    PF_VALUE(struct pf_ev_release, UINT, fault, PF_ALWAYS),
    PF_VALUE(struct pf_ev_release, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_release, STRING, why),
    PF_VALUE(struct pf_ev_release, BOOL, met),
};
static const struct pf_field output_fields[] = {
    PF_VALUE(struct pf_ev_output, STRING, stream, PF_NEEDED),
    PF_VALUE(struct pf_ev_output, STRING, text),
    PF_VALUE(struct pf_ev_output, UINT, dropped),
};
static const struct pf_field stream_fields[] = {
    PF_VALUE(struct pf_ev_stream, STRING, stream, PF_NEEDED),
    PF_VALUE(struct pf_ev_stream, UINT, size, PF_ALWAYS),
    PF_VALUE(struct pf_ev_stream, STRING, digest, PF_NEEDED),
    PF_VALUE(struct pf_ev_stream, BOOL, binary),
    PF_VALUE(struct pf_ev_stream, UINT, same),
};
static const struct pf_field zombie_fields[] = {
    PF_VALUE(struct pf_ev_zombie, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_zombie, UINT, limit),
};
static const struct pf_field left_fields[] = {
    PF_VALUE(struct pf_ev_left, STRING, kind, PF_NEEDED),
    PF_VALUE(struct pf_ev_left, STRING, name, PF_NEEDED),
    PF_VALUE(struct pf_ev_left, STRING, process),
    PF_VALUE(struct pf_ev_left, UINT, size),
};
static const struct pf_field file_fields[] = {
    PF_VALUE(struct pf_ev_file, STRING, path, PF_NEEDED),
    PF_VALUE(struct pf_ev_file, STRING, change, PF_NEEDED),
    PF_VALUE(struct pf_ev_file, STRING, type, PF_NEEDED),
    PF_VALUE(struct pf_ev_file, BOOL, temporary),
    PF_VALUE(struct pf_ev_file, UINT, size),
    PF_VALUE(struct pf_ev_file, RECORD, content, .record = &pf_content_record),
};
static const struct pf_field thread_exit_fields[] = {
    PF_VALUE(struct pf_ev_thread_exit, STRING, thread, PF_NEEDED),
};
static const struct pf_field exit_fields[] = {
    PF_VALUE(struct pf_ev_exit, STRING, name),   PF_VALUE(struct pf_ev_exit, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_exit, BOOL, signaled), PF_VALUE(struct pf_ev_exit, UINT, code, PF_ALWAYS),
    PF_VALUE(struct pf_ev_exit, STRING, signal), PF_VALUE(struct pf_ev_exit, BOOL, core),
};
static const struct pf_field stack_fields[] = {
    PF_VALUE(struct pf_ev_stack, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_stack, UINT, inject),
    PF_ARRAY(struct pf_ev_stack, RECORDS, frames, frame_count, .record = &frame_record),
};
static const struct pf_field spot_fields[] = {
    PF_VALUE(struct pf_step_spot, UINT, first, PF_ALWAYS),
    PF_VALUE(struct pf_step_spot, UINT, count, PF_ALWAYS),
    PF_VALUE(struct pf_step_spot, INLINE, at, .record = &frame_record),
    PF_VALUE(struct pf_step_spot, UINT, offset),
    PF_VALUE(struct pf_step_spot, INLINE, from, .record = &frame_record),
    PF_VALUE(struct pf_step_spot, STRING, call),
    PF_VALUE(struct pf_step_spot, BOOL, repeated),
};
static const struct pf_record spot_record = PF_RECORD(struct pf_step_spot, spot_fields);
static const struct pf_field waypoint_fields[] = {
    PF_VALUE(struct pf_waypoint, UINT, instruction, PF_ALWAYS),
    PF_VALUE(struct pf_waypoint, INT, distance, PF_ALWAYS),
    PF_VALUE(struct pf_waypoint, UINT, occurrence, PF_ALWAYS),
};
static const struct pf_record waypoint_record = PF_RECORD(struct pf_waypoint, waypoint_fields);
static const struct pf_field steps_fields[] = {
    PF_VALUE(struct pf_ev_steps, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_steps, STRING, function, PF_NEEDED),
    PF_VALUE(struct pf_ev_steps, UINT, call, PF_ALWAYS),
    PF_VALUE(struct pf_ev_steps, UINT, instructions, PF_ALWAYS),
    PF_VALUE(struct pf_ev_steps, STRING, ended),
    PF_ARRAY(struct pf_ev_steps, RECORDS, spots, spot_count, .record = &spot_record),
    PF_ARRAY(struct pf_ev_steps, RECORDS, waypoints, waypoint_count, .record = &waypoint_record),
};
static const struct pf_field pace_fields[] = {
    PF_VALUE(struct pf_ev_pace, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_pace, UINT, window_ns, PF_ALWAYS),
    PF_VALUE(struct pf_ev_pace, UINT, run_ns),
    PF_VALUE(struct pf_ev_pace, UINT, queued_ns),
    PF_VALUE(struct pf_ev_pace, UINT, wakes),
    PF_VALUE(struct pf_ev_pace, UINT, bytes),
    PF_VALUE(struct pf_ev_pace, BOOL, bytes_unknown),
    PF_VALUE(struct pf_ev_pace, UINT, looks),
    PF_VALUE(struct pf_ev_pace, UINT, states),
};
static const struct pf_field usage_fields[] = {
    PF_VALUE(struct pf_ev_usage, STRING, process, PF_NEEDED),
    PF_VALUE(struct pf_ev_usage, STRING, name),
    PF_VALUE(struct pf_ev_usage, UINT, run_ns, PF_ALWAYS),
    PF_VALUE(struct pf_ev_usage, UINT, before_ns),
    PF_VALUE(struct pf_ev_usage, UINT, system_ns),
    PF_VALUE(struct pf_ev_usage, UINT, reads),
    PF_VALUE(struct pf_ev_usage, UINT, read_bytes),
    PF_VALUE(struct pf_ev_usage, UINT, writes),
    PF_VALUE(struct pf_ev_usage, UINT, written_bytes),
};
static const struct pf_field open_fields[] = {
    PF_VALUE(struct pf_ev_open, STRING, thread, PF_NEEDED),
    PF_VALUE(struct pf_ev_open, BOOL, released),
    PF_ARRAY(struct pf_ev_open, RECORDS, open, open_count, .record = &descriptors_record),
};
static const struct pf_field note_fields[] = {
    PF_VALUE(struct pf_ev_note, STRING, text, PF_NEEDED),
};
static const struct pf_field verdict_fields[] = {
    PF_ENUM(struct pf_ev_verdict, kind, pf_verdict_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_ev_verdict, UINT, snapshot),
    PF_ARRAY(struct pf_ev_verdict, STRINGS, survivors, survivor_count),
};
static const struct pf_field end_fields[] = {
    PF_VALUE(struct pf_ev_end, STRING, error),
    PF_VALUE(struct pf_ev_end, BOOL, usage),
    PF_ARRAY(struct pf_ev_end, UINTS, met, met_count),
};

static const struct pf_record records[] = {
    [PF_EVENT_BEGIN] = PF_RECORD(struct pf_ev_begin, begin_fields),
    [PF_EVENT_FORK] = PF_RECORD(struct pf_ev_fork, fork_fields),
    [PF_EVENT_THREAD] = PF_RECORD(struct pf_ev_thread, thread_fields),
    [PF_EVENT_EXEC] = PF_RECORD(struct pf_ev_exec, exec_fields),
    [PF_EVENT_SIGNAL] = PF_RECORD(struct pf_ev_signal, signal_fields),
    [PF_EVENT_KILL] = PF_RECORD(struct pf_ev_kill, kill_fields),
    [PF_EVENT_HANDLER] = PF_RECORD(struct pf_ev_handler, handler_fields),
    [PF_EVENT_NAME] = PF_RECORD(struct pf_ev_name, name_fields),
    [PF_EVENT_BOND] = PF_RECORD(struct pf_ev_bond, bond_fields),
    [PF_EVENT_TIMER] = PF_RECORD(struct pf_ev_timer, timer_fields),
    [PF_EVENT_POINT] = PF_RECORD(struct pf_ev_point, point_fields),
    [PF_EVENT_LEDGER] = PF_RECORD(struct pf_ev_ledger, ledger_fields),
    [PF_EVENT_LIMIT] = PF_RECORD(struct pf_ev_limit, limit_event_fields),
    [PF_EVENT_DESCRIPTORS] = PF_RECORD(struct pf_ev_descriptors, descriptors_event_fields),
    [PF_EVENT_ZOMBIE] = PF_RECORD(struct pf_ev_zombie, zombie_fields),
    [PF_EVENT_CALL] = PF_RECORD(struct pf_ev_call, call_fields),
    [PF_EVENT_INJECT] = PF_RECORD(struct pf_ev_inject, inject_fields),
    [PF_EVENT_RELEASE] = PF_RECORD(struct pf_ev_release, release_fields),
    [PF_EVENT_OUTPUT] = PF_RECORD(struct pf_ev_output, output_fields),
    [PF_EVENT_STREAM] = PF_RECORD(struct pf_ev_stream, stream_fields),
    [PF_EVENT_LEFT] = PF_RECORD(struct pf_ev_left, left_fields),
    [PF_EVENT_FILE] = PF_RECORD(struct pf_ev_file, file_fields),
    [PF_EVENT_THREAD_EXIT] = PF_RECORD(struct pf_ev_thread_exit, thread_exit_fields),
    [PF_EVENT_EXIT] = PF_RECORD(struct pf_ev_exit, exit_fields),
    [PF_EVENT_SNAPSHOT] = {.size = 0}, /* the snapshot has its own table */
    [PF_EVENT_STACK] = PF_RECORD(struct pf_ev_stack, stack_fields),
    [PF_EVENT_STEPS] = PF_RECORD(struct pf_ev_steps, steps_fields),
    [PF_EVENT_PACE] = PF_RECORD(struct pf_ev_pace, pace_fields),
    [PF_EVENT_USAGE] = PF_RECORD(struct pf_ev_usage, usage_fields),
    [PF_EVENT_OPEN] = PF_RECORD(struct pf_ev_open, open_fields),
    [PF_EVENT_NOTE] = PF_RECORD(struct pf_ev_note, note_fields),
    [PF_EVENT_VERDICT] = PF_RECORD(struct pf_ev_verdict, verdict_fields),
    [PF_EVENT_END] = PF_RECORD(struct pf_ev_end, end_fields),
};
_Static_assert(sizeof(records) / sizeof(records[0]) == PF_EVENT__COUNT, "a table for every event");

static const struct pf_record *record_of(enum pf_event_kind kind)
{
    return kind == PF_EVENT_SNAPSHOT ? &pf_snapshot_record : &records[kind];
}

/* All members of the union start where the union does. */
static const void *payload(const struct pf_event *event)
{
    return &event->begin;
}

void pf_event_copy(const struct pf_event *event, struct pf_arena *arena, struct pf_event *ret_copy)
{
    struct pf_event copy = {.seq = event->seq, .t_ns = event->t_ns, .kind = event->kind};
    pf_record_copy(record_of(event->kind), payload(event), arena, &copy.begin);
    *ret_copy = copy;
}

json_t *pf_event_to_json(const struct pf_event *event)
{
    json_t *object = json_object();
    json_object_set_new(object, "seq", json_integer((json_int_t)event->seq));
    json_object_set_new(object, "t", json_integer((json_int_t)event->t_ns));
    json_object_set_new(object, "event", json_string(pf_names_get(&pf_event_kind_names, (int)event->kind)));
    pf_record_write(record_of(event->kind), payload(event), object);
    return object;
}

int pf_event_from_json(json_t *json, struct pf_arena *arena, struct pf_event *ret_event,
                       struct pf_error *error)
{
    json_t *seq = json_object_get(json, "seq");
    json_t *t = json_object_get(json, "t");
    const char *name = json_string_value(json_object_get(json, "event"));
    if (!json_is_integer(seq) || !json_is_integer(t) || !name)
        return pf_error_set(error, -EINVAL, "an event needs the keys \"seq\", \"t\" and \"event\"");
    int kind = pf_names_find(&pf_event_kind_names, name);
    if (kind < 0)
        return pf_error_set(error, -EINVAL, "\"event\" is \"%s\", which this version does not know", name);
    struct pf_event event = {.seq = (uint64_t)json_integer_value(seq),
                             .t_ns = (uint64_t)json_integer_value(t),
                             .kind = (enum pf_event_kind)kind};
    int r = pf_record_read(record_of(event.kind), json, arena, &event.begin, error);
    if (r == 0)
        *ret_event = event;
    return r;
}
