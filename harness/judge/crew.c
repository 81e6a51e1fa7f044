#include "judge/crew.h"

#include <string.h>

#include "judge/drawing.h"
#include "judge/phrases.h"

enum {
    CHATS_LEAST = 5000, /* answers: fewer are no matter, whatever they cost */
    CHAT_MOST = 4096,   /* bytes of a message and its answer: small */
    PORTIONS_LEAST = 4, /* answers: less is a program that hands its data over once */
    CALLS_A_MESSAGE = 4,
    LOADING = 65536, /* bytes that a process reads for itself: libraries, configuration */
};
static const uint64_t CHATTY_NS = 50 * 1000 * 1000;   /* altogether: less is not worth a word */
static const uint64_t TASK_NS = 100 * 1000;           /* of a worker, for one task */
static const uint64_t BULKY_NS = 30 * 1000 * 1000;    /* in the kernel */
static const uint64_t BULKY_BYTES = 32 * 1024 * 1024; /* moved */

/* What one process used, without the children that it had waited for. */
struct use {
    uint64_t reads, read, writes, written;
};

static uint64_t less(uint64_t all, uint64_t part)
{
    return all > part ? all - part : 0;
}

static bool is_child(const struct pf_life *life, const struct pf_life *parent)
{
    return life->parent && strcmp(life->parent, parent->process) == 0;
}

/* The kernel adds what a child used when its parent waits for it, which is before the parent's own end. */
static struct use own_use(const struct pf_case *c, const struct pf_life *life)
{
    const struct pf_ev_usage *usage = &life->usage->usage;
    struct use use = {usage->reads, usage->read_bytes, usage->writes, usage->written_bytes};
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *child = &c->history->lives[i];
        if (!child->usage || !is_child(child, life) || child->usage->seq > life->usage->seq)
            continue;
        const struct pf_ev_usage *part = &child->usage->usage;
        use = (struct use){less(use.reads, part->reads), less(use.read, part->read_bytes),
                           less(use.writes, part->writes), less(use.written, part->written_bytes)};
    }
    return use;
}

/* A copy of its parent, or the same program begun anew. */
static bool same_program(const struct pf_case *c, const struct pf_life *worker, const struct pf_life *head)
{
    const char *a = worker->exec ? worker->exec->exec.path : NULL;
    const char *b = head->exec ? head->exec->exec.path : NULL;
    return a ? b && strcmp(a, b) == 0 : pf_history_keeps_image(c->history, worker);
}

/* Of what was written, about all was read, and little else. */
static bool arrived(uint64_t written, uint64_t read)
{
    return read >= written - written / 4 && read <= written + written / 4 + LOADING;
}

/* One call for each of so many messages, or a few: the length apart, or to wake somebody up. */
static bool keeps_step(uint64_t calls, uint64_t messages)
{
    return calls >= messages - messages / 4 && calls <= CALLS_A_MESSAGE * messages;
}

static void add_worker(const struct pf_case *c, struct pf_crew *crew, struct use *sum,
                       const struct pf_life *worker)
{
    const struct pf_ev_usage *usage = &worker->usage->usage;
    struct use use = own_use(c, worker);
    *sum = (struct use){sum->reads + use.reads, sum->read + use.read, sum->writes + use.writes,
                        sum->written + use.written};
    crew->worker_ns += usage->run_ns;
    crew->system_ns += usage->system_ns;
    crew->worker_system_ns += usage->system_ns;
    if (++crew->workers < sizeof(crew->evidence) / sizeof(crew->evidence[0]))
        crew->evidence[crew->workers] = worker->usage->seq;
}

bool pf_crew_of(const struct pf_case *c, const struct pf_life *head, struct pf_crew *ret_crew)
{
    if (!head->usage)
        return false;
    const struct pf_ev_usage *usage = &head->usage->usage;
    struct use own = own_use(c, head), theirs = {.reads = 0};
    struct pf_crew crew = {.head = head,
                           .head_ns = less(usage->run_ns, usage->before_ns),
                           .system_ns = usage->system_ns,
                           .evidence = {head->usage->seq}};
    for (size_t i = 0; i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (is_child(life, head) && life->usage && life->usage->seq < head->usage->seq &&
            same_program(c, life, head))
            add_worker(c, &crew, &theirs, life);
    }
    bool fits = arrived(own.written, theirs.read) && own.read >= theirs.written - theirs.written / 4;
    if (!crew.workers || !fits || own.writes < theirs.writes - theirs.writes / 4)
        return false;
    crew.answers = theirs.writes;
    crew.moved = own.written + theirs.written;
    crew.own_ns = less(crew.head_ns + crew.worker_ns, crew.system_ns);
    crew.in_turns = keeps_step(own.writes, theirs.writes) && keeps_step(own.reads, theirs.writes) &&
                    keeps_step(theirs.reads, theirs.writes);
    *ret_crew = crew;
    return true;
}

/*
 * To take a task and to answer costs a worker about what it costs the head to hand it over and take the
 * answer: the same calls, in the same language. What the workers spend beyond that is the work. With half as
 * much again, the whole costs five times the work alone; and so it does where a worker's own code has a fifth
 * of its time.
 */
bool pf_crew_is_chatty(const struct pf_crew *crew)
{
    bool small = crew->answers >= CHATS_LEAST && crew->moved <= CHAT_MOST * crew->answers &&
                 crew->worker_ns <= TASK_NS * crew->answers;
    bool idle = 2 * crew->worker_ns <= 3 * crew->head_ns || 5 * crew->worker_system_ns >= 4 * crew->worker_ns;
    return crew->in_turns && small && idle && crew->head_ns + crew->worker_ns >= CHATTY_NS;
}

bool pf_crew_is_bulky(const struct pf_crew *crew)
{
    return crew->answers >= PORTIONS_LEAST && crew->moved >= BULKY_BYTES && crew->system_ns >= BULKY_NS &&
           crew->system_ns >= crew->own_ns;
}

void pf_crew_draw(struct pf_case *c, const struct pf_crew *crew, const char *what, const char *why)
{
    for (size_t i = 1; i < sizeof(crew->evidence) / sizeof(crew->evidence[0]) && crew->evidence[i]; i++) {
        const struct pf_ev_usage *usage = &pf_history_event(c->history, crew->evidence[i])->usage;
        const char *time = pf_phrase_time(c->scratch, usage->run_ns);
        pf_draw_node(c, usage->process, pf_arena_printf(c->scratch, "takes and answers, %s", time));
        struct pf_edge *edge = pf_draw_edge(c, crew->head->process, usage->process, what, why);
        pf_draw_evidence(c, edge, crew->evidence[0]);
        pf_draw_evidence(c, edge, crew->evidence[i]);
    }
}
