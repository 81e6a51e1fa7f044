/*
 * lost, duplicate, torn: the program kept books of what was sent and what was received, and they do not
 * agree. Nothing counts as lost while a run was cut short: it might still have been on its way.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "judge/oracles/oracle.h"
#include "judge/phrases.h"

enum { NAMED = 5 };

struct entry {
    const char *stream; /* "" or what follows "sent:" */
    uint64_t id;
    bool sent;
    uint64_t seq;
};

static bool read_book(const char *book, struct entry *ret_entry)
{
    static const struct {
        const char *name;
        bool sent;
    } books[] = {{"sent", true}, {"received", false}};
    for (size_t i = 0; book && i < sizeof(books) / sizeof(books[0]); i++) {
        size_t length = strlen(books[i].name);
        if (strncmp(book, books[i].name, length) != 0 || (book[length] != '\0' && book[length] != ':'))
            continue;
        ret_entry->sent = books[i].sent;
        ret_entry->stream = book[length] ? book + length + 1 : "";
        return true;
    }
    return false;
}

static int by_stream_and_id(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    int streams = strcmp(a->stream, b->stream);
    if (streams)
        return streams;
    if (a->id != b->id)
        return a->id < b->id ? -1 : 1;
    return a->seq < b->seq ? -1 : a->seq > b->seq;
}

static struct entry *read_entries(struct pf_case *c, size_t *ret_count)
{
    struct entry *entries = NULL;
    size_t count = 0;
    for (size_t i = 0; i < c->trace->count; i++) {
        const struct pf_event *event = c->trace->events[i];
        struct entry entry = {.seq = event->seq};
        if (event->kind != PF_EVENT_LEDGER || !read_book(event->ledger.book, &entry))
            continue;
        entry.id = event->ledger.id;
        *(struct entry *)pf_arena_grow(c->scratch, &entries, &count, sizeof(entry)) = entry;
    }
    if (count)
        qsort(entries, count, sizeof(*entries), by_stream_and_id);
    *ret_count = count;
    return entries;
}

/* What went wrong with the messages of one stream, in one way. */
struct fault_list {
    const char *ids;
    uint64_t count;
    uint64_t evidence[NAMED];
};

static void note(struct pf_case *c, struct fault_list *list, uint64_t id, uint64_t seq)
{
    if (list->count < NAMED) {
        list->ids = list->count ? pf_arena_printf(c->scratch, "%s, %" PRIu64, list->ids, id)
                                : pf_arena_printf(c->scratch, "%" PRIu64, id);
        list->evidence[list->count] = seq;
    }
    list->count++;
}

static void report(struct pf_case *c, enum pf_finding_kind kind, const char *stream, const char *what,
                   const struct fault_list *list)
{
    if (!list->count)
        return;
    const char *where = stream[0] ? pf_arena_printf(c->scratch, " of \"%s\"", stream) : "";
    const char *more =
        list->count > NAMED ? pf_arena_printf(c->scratch, " and %" PRIu64 " more", list->count - NAMED) : "";
    const char *message = pf_arena_printf(c->scratch, "%s%s %s %s: id %s%s",
                                          pf_phrase_count(c->scratch, list->count, "message"), where,
                                          list->count == 1 ? "was" : "were", what, list->ids, more);
    struct pf_finding *finding = pf_case_find(c, kind, PF_SEVERITY_FAIL, NULL, message);
    for (size_t i = 0; i < list->count && i < NAMED; i++)
        pf_case_cite(c, finding, list->evidence[i]);
}

/* Does anybody keep the book of what is sent in this stream? */
static bool streams_sender(const struct entry *entries, size_t count, const char *stream)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].sent && strcmp(entries[i].stream, stream) == 0)
            return true;
    return false;
}

void pf_oracle_ledger(struct pf_case *c)
{
    enum pf_verdict_kind verdict = pf_case_verdict(c);
    bool whole = verdict == PF_VERDICT_FINISHED || verdict == PF_VERDICT_ABANDONED;
    size_t count;
    struct entry *entries = read_entries(c, &count);
    struct fault_list lost = {0}, duplicate = {0}, torn = {0};
    for (size_t i = 0, next; i < count; i = next) {
        size_t sent = 0, received = 0;
        uint64_t seq_sent = 0, seq_received = 0;
        for (next = i; next < count && entries[next].id == entries[i].id &&
                       strcmp(entries[next].stream, entries[i].stream) == 0;
             next++) {
            sent += entries[next].sent;
            received += !entries[next].sent;
            *(entries[next].sent ? &seq_sent : &seq_received) = entries[next].seq;
        }
        if (whole && sent && !received)
            note(c, &lost, entries[i].id, seq_sent);
        if (received && !sent && streams_sender(entries, count, entries[i].stream))
            note(c, &torn, entries[i].id, seq_received);
        else if (received > 1 && received > sent)
            note(c, &duplicate, entries[i].id, seq_received);
        if (next == count || strcmp(entries[next].stream, entries[i].stream) != 0) {
            report(c, PF_FINDING_LOST, entries[i].stream, "sent and never received", &lost);
            report(c, PF_FINDING_DUPLICATE, entries[i].stream, "received more than once", &duplicate);
            report(c, PF_FINDING_TORN, entries[i].stream, "received and never sent", &torn);
            lost = duplicate = torn = (struct fault_list){0};
        }
    }
}
