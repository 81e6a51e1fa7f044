#include "model/timeline.h"

static const char *const kinds[] = {
    [PF_MARK_EXEC] = "exec",       [PF_MARK_SIGNAL] = "signal", [PF_MARK_KILL] = "kill",
    [PF_MARK_POINT] = "point",     [PF_MARK_LIMIT] = "limit",   [PF_MARK_FAULT] = "fault",
    [PF_MARK_VERDICT] = "verdict",
};
_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == PF_MARK__COUNT, "a name for every kind");
const struct pf_names pf_mark_kind_names = PF_NAMES(kinds);

static const struct pf_field lane_fields[] = {
    PF_VALUE(struct pf_lane, STRING, id, PF_NEEDED),
    PF_VALUE(struct pf_lane, STRING, name, PF_NEEDED),
    PF_VALUE(struct pf_lane, STRING, by),
    PF_VALUE(struct pf_lane, UINT, from_ns, PF_ALWAYS),
    PF_VALUE(struct pf_lane, UINT, to_ns, PF_ALWAYS),
    PF_VALUE(struct pf_lane, STRING, end),
    PF_VALUE(struct pf_lane, UINT, event),
    PF_VALUE(struct pf_lane, UINT, end_event),
};
static const struct pf_record lane_record = PF_RECORD(struct pf_lane, lane_fields);

static const struct pf_field span_fields[] = {
    PF_VALUE(struct pf_span, STRING, lane, PF_NEEDED),
    PF_VALUE(struct pf_span, UINT, from_ns, PF_ALWAYS),
    PF_VALUE(struct pf_span, UINT, to_ns, PF_ALWAYS),
    PF_VALUE(struct pf_span, STRING, text, PF_NEEDED),
    PF_VALUE(struct pf_span, BOOL, held),
    PF_VALUE(struct pf_span, UINT, event, PF_ALWAYS),
};
static const struct pf_record span_record = PF_RECORD(struct pf_span, span_fields);

static const struct pf_field mark_fields[] = {
    PF_ENUM(struct pf_mark, kind, pf_mark_kind_names, PF_ALWAYS),
    PF_VALUE(struct pf_mark, STRING, lane),
    PF_VALUE(struct pf_mark, UINT, t_ns, PF_ALWAYS),
    PF_VALUE(struct pf_mark, STRING, text, PF_NEEDED),
    PF_VALUE(struct pf_mark, STRING, from),
    PF_VALUE(struct pf_mark, UINT, event, PF_ALWAYS),
};
static const struct pf_record mark_record = PF_RECORD(struct pf_mark, mark_fields);

static const struct pf_field timeline_fields[] = {
    PF_VALUE(struct pf_timeline, UINT, end_ns, PF_ALWAYS),
    PF_ARRAY(struct pf_timeline, RECORDS, lanes, lane_count, .record = &lane_record, PF_ALWAYS),
    PF_ARRAY(struct pf_timeline, RECORDS, spans, span_count, .record = &span_record, PF_ALWAYS),
    PF_ARRAY(struct pf_timeline, RECORDS, marks, mark_count, .record = &mark_record, PF_ALWAYS),
    PF_VALUE(struct pf_timeline, UINT, left_out),
};
const struct pf_record pf_timeline_record = PF_RECORD(struct pf_timeline, timeline_fields);
