#include "judge/remedy.h"

#include <string.h>

#include "judge/news.h"
#include "judge/phrases.h"

/* What a thread waits for, as far as it matters for what should be done about it. */
enum wish {
    WISH_LOCK,  /* of memory or of a file, with owners */
    WISH_ROOM,  /* in something that is full */
    WISH_DATA,  /* from a pipe, a socket or a queue, or its end of file */
    WISH_END,   /* of a process or a thread */
    WISH_VFORK, /* the same, where it is the parent that stands still meanwhile */
    WISH_OPEN,  /* somebody who opens the other end of a FIFO */
    WISH_EVENT, /* anything that somebody must set, post or send */
    WISH__COUNT,
};

static bool is_stream(const struct pf_object *object)
{
    return object && (object->kind == PF_OBJECT_PIPE || object->kind == PF_OBJECT_FIFO ||
                      object->kind == PF_OBJECT_SOCKET || object->kind == PF_OBJECT_MQUEUE);
}

static bool is_lock(const struct pf_object *object)
{
    return object && object->futex &&
           (object->futex->kind == PF_FUTEX_MUTEX || object->futex->kind == PF_FUTEX_ROBUST ||
            object->futex->kind == PF_FUTEX_PI || object->futex->kind == PF_FUTEX_RWLOCK);
}

/* What Python's locks are made of tells nothing of that; where the thread stands does. */
static bool is_python_lock(const struct pf_case *c, size_t thread)
{
    const struct pf_futex *futex = pf_graph_futex(c->graph, thread);
    const char *name = c->graph->threads[thread].state->thread;
    return futex && futex->kind == PF_FUTEX_SEMAPHORE &&
           (pf_stands_at_lock(c, name) || pf_stands_in_method(c, name, "SemLock.__enter__"));
}

/* Does another thread of its process wait for another lock of Python? */
static bool others_lock_python(const struct pf_case *c, size_t thread)
{
    const struct pf_graph_process *process = &c->graph->processes[c->graph->threads[thread].process];
    for (size_t i = 0; i < process->thread_count; i++)
        if (process->threads[i] != thread && pf_graph_stuck(c->graph, process->threads[i]) &&
            is_python_lock(c, process->threads[i]) &&
            pf_graph_futex(c->graph, process->threads[i]) != pf_graph_futex(c->graph, thread))
            return true;
    return false;
}

/* Nothing tells who has a lock of Python. */
static const char *remedy_of_python_locks(const struct pf_case *c, const struct pf_chain *chain)
{
    for (size_t i = chain->closes_at; i < chain->count; i++) {
        size_t thread = chain->links[i].from;
        if (!is_python_lock(c, thread))
            continue;
        return others_lock_python(c, thread)
                   ? "Take these locks in the same order everywhere, and wait for no other thread or process "
                     "while holding a lock that it needs."
                   : "Do not wait for another process or thread while holding a lock that it needs: release "
                     "the lock first, or take it only around the data. Where the one who has a lock takes it "
                     "again, from a function that it calls, it must be an RLock.";
    }
    return NULL;
}

/* Of a poll of several things the one that the chain goes through. */
static enum wish wish_in_poll(const struct pf_graph *graph, const struct pf_link *link)
{
    const struct pf_object *object = link->waker ? link->waker->object : NULL;
    if (!object)
        return link->waker ? WISH_END : WISH_EVENT;
    if (!is_stream(object))
        return WISH_EVENT;
    return pf_link_is_for_room(graph, link) ? WISH_ROOM : WISH_DATA;
}

static enum wish wish_of(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_graph_thread *thread = &c->graph->threads[link->from];
    const struct pf_wait *wait = &thread->state->wait;
    const struct pf_object *object =
        wait->target_count ? pf_graph_object(c->graph, wait->targets[0].object) : NULL;
    switch (wait->kind) {
    case PF_WAIT_LOCK:
        return WISH_LOCK;
    case PF_WAIT_FUTEX:
        if (object && object->futex && object->futex->kind == PF_FUTEX_JOIN)
            return WISH_END;
        return is_lock(object) || is_python_lock(c, link->from) ? WISH_LOCK : WISH_EVENT;
    case PF_WAIT_WRITE:
        return WISH_ROOM;
    case PF_WAIT_READ:
        return is_stream(object) || (object && object->kind == PF_OBJECT_SYSV) ? WISH_DATA : WISH_EVENT;
    case PF_WAIT_POLL:
        return wish_in_poll(c->graph, link);
    case PF_WAIT_CHILD:
        return WISH_END;
    case PF_WAIT_VFORK:
        return WISH_VFORK;
    case PF_WAIT_OPEN:
        return WISH_OPEN;
    default:
        return WISH_EVENT;
    }
}

/* Queues are there without anybody at their other end. */
static bool is_queue(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_wait *wait = &c->graph->threads[link->from].state->wait;
    const struct pf_object *object =
        wait->target_count ? pf_graph_object(c->graph, wait->targets[0].object) : NULL;
    return object && (object->kind == PF_OBJECT_MQUEUE || object->kind == PF_OBJECT_SYSV);
}

/* Does anybody of another process wait for the same kind of thing? */
static bool others_wish(const struct pf_case *c, const struct pf_link *link)
{
    enum pf_wait_kind kind = c->graph->threads[link->from].state->wait.kind;
    for (size_t i = 0; i < c->graph->snapshot->thread_count; i++)
        if (c->graph->threads[i].process != c->graph->threads[link->from].process &&
            pf_graph_stuck(c->graph, i) && c->graph->threads[i].state->wait.kind == kind)
            return true;
    return false;
}

static const char all_write[] = "All write and nobody reads. Read while writing: poll for both, or read in a "
                                "thread of its own (in Python: "
                                "communicate()); or bound what is sent before the answer is read.";

static const char rwlock_again[] = "Who has a rwlock for reading can neither take it for writing, nor take "
                                   "it for reading once more while a writer "
                                   "waits for it: release it first, or hand what is locked on to the "
                                   "functions that are called. What was read must "
                                   "be looked at again once it is locked for writing.";

static const char *remedy_of_lock(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_graph_thread *thread = &c->graph->threads[link->from];
    const struct pf_futex *futex = pf_graph_futex(c->graph, link->from);
    if (is_python_lock(c, link->from))
        return "Release the lock on every way out (a with statement). Where the thread that has it takes it "
               "again, "
               "from a function that it calls or from a signal handler, use threading.RLock, and take no "
               "lock in a "
               "signal handler that what it interrupts may have.";
    bool read = futex && futex->kind == PF_FUTEX_RWLOCK && futex->readers && thread->waker_count;
    if (read && futex->shared && pf_gone_relative(c, thread->state->process))
        return "Unlock on every way out before a process ends. Of one that is killed nobody unlocks a "
               "rwlock, "
               "and there is no robust kind: where that can happen, take a robust mutex "
               "(PTHREAD_MUTEX_ROBUST) "
               "or a lock on a file, which the kernel releases.";
    if (read)
        return rwlock_again;
    return thread->waker_count
               ? "The process has the lock already, through another descriptor or thread of its own: such a "
                 "lock "
                 "belongs to the open file, not to the process. Open and lock the file once, and release the "
                 "lock "
                 "before it is taken again."
               : "Unlock on every way out before a thread or process ends (pthread_cleanup_push, a finally "
                 "clause), "
                 "or use a robust mutex (PTHREAD_MUTEX_ROBUST): the next one then gets it, with EOWNERDEAD.";
}

/* What only an event of the kernel, or of System V, would end. */
static const char *remedy_of_event(const struct pf_case *c, const struct pf_link *link)
{
    enum { CHILD = 1 << (17 - 1) }; /* SIGCHLD */
    const struct pf_wait *wait = &c->graph->threads[link->from].state->wait;
    const struct pf_object *object =
        wait->target_count ? pf_graph_object(c->graph, wait->targets[0].object) : NULL;
    if (object && object->kind == PF_OBJECT_SIGNALFD && object->signals == CHILD)
        return "Several children that end before the signal is read bring it once: after each, reap all that "
               "have ended (waitpid with WNOHANG, until there is none), and wait only while children are "
               "left.";
    if (wait->kind == PF_WAIT_SEMAPHORE)
        return "Take it with SEM_UNDO where it guards something: the kernel then gives back what a process "
               "has "
               "taken, however that ends. Where it stands for an event, let whoever has to post it do so on "
               "every way, or give the wait a time limit (semtimedop).";
    return "Let whoever has to post, set or send it do so on every way, also where it fails or is killed; or "
           "give the wait a time limit and look then whether that one still lives.";
}

/* What waits for somebody's signal, or was stopped by one. */
static const char *remedy_by_signal(const struct pf_wait *wait)
{
    if (wait->kind == PF_WAIT_STOPPED)
        return "Somebody has stopped it (SIGSTOP, Ctrl-Z at a terminal, a debugger): kill -CONT lets it go "
               "on. Who "
               "waits for what a process that can be stopped may hold gives the wait a time limit.";
    if (wait->pending)
        return "Let the signal through while it is waited for: wait with sigsuspend or ppoll, whose mask "
               "lacks it, or "
               "name it in the set of sigwait or of a signalfd, which take a signal that is blocked.";
    return "A signal that comes before the wait begins is not waited for any more: block it first, look "
           "whether it "
           "has come, and wait with sigsuspend, ppoll, sigwait or a signalfd, which leave no gap between.";
}

/* Descriptors that keep silent because of how they were asked; NULL: this is none. */
static const char *remedy_of_silence(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_wait *wait = &c->graph->threads[link->from].state->wait;
    const struct pf_object *object =
        wait->target_count == 1 ? pf_graph_object(c->graph, wait->targets[0].object) : NULL;
    if (!object)
        return NULL;
    if (object->kind == PF_OBJECT_EPOLL && pf_phrase_untold(c, object))
        return "Read until EAGAIN before waiting again: with EPOLLET the set tells of news alone, never "
               "again of "
               "what was left unread. Without EPOLLET it tells as long as anything is there.";
    if (object->kind == PF_OBJECT_EPOLL && object->disarmed_count)
        return "Arm it again (epoll_ctl with EPOLL_CTL_MOD) on every way out of what handles the event: with "
               "EPOLLONESHOT the set tells once, and then nothing until it is armed.";
    if (object->kind == PF_OBJECT_TIMERFD && !object->armed)
        return "Set the timer before it is waited for: timerfd_settime disarms it where it_value is zero, "
               "whatever "
               "it_interval says, and a timer without an interval expires once.";
    if (object->kind == PF_OBJECT_INOTIFY && !object->armed)
        return "A watch goes when what it is for is deleted, or its file system unmounted (IN_IGNORED tells "
               "of it): "
               "end the wait then, watch it anew, or watch the directory that it is made in.";
    return NULL;
}

/* Is it a word in private memory, of which children have copies, since they were forked and executed nothing?
 */
static bool has_copies(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_futex *futex = pf_graph_futex(c->graph, link->from);
    const char *process = c->graph->threads[link->from].state->process;
    for (size_t i = 0; futex && !futex->shared && !futex->process_only && i < c->history->life_count; i++) {
        const struct pf_life *life = &c->history->lives[i];
        if (life->parent && strcmp(life->parent, process) == 0 && pf_history_keeps_image(c->history, life) &&
            pf_history_is_of_image(c->history, life))
            return true;
    }
    return false;
}

static const char *remedy_at_end(const struct pf_case *c, const struct pf_link *link)
{
    const struct pf_graph_thread *thread = &c->graph->threads[link->from];
    const struct pf_futex *futex = pf_graph_futex(c->graph, link->from);
    const char *silence = remedy_of_silence(c, link);
    if (silence)
        return silence;
    if (futex && futex->shared && futex->owner_elsewhere)
        return "Unlock before exec, or before the memory is unmapped: a new program has nothing of the old "
               "one's "
               "memory, and the lock stays as it was.";
    if (futex && futex->owner_elsewhere)
        return "Start children while no other thread can hold a lock that they need, before there are "
               "threads, or "
               "let them "
               "exec at once. A library that must survive fork takes its locks around it (pthread_atfork).";
    if (futex && futex->process_only && !futex->owner && !pf_case_dead_owner(c, futex))
        return "Make it for several processes: PTHREAD_PROCESS_SHARED in the attributes of a mutex, "
               "condition, "
               "rwlock or "
               "barrier (pthread_mutexattr_setpshared and its like), 1 as the second argument of sem_init. "
               "Without it "
               "nobody is woken across processes, wherever the memory is.";
    if (thread->state->wait.kind == PF_WAIT_SIGNAL || thread->state->wait.kind == PF_WAIT_STOPPED)
        return remedy_by_signal(&thread->state->wait);
    switch (wish_of(c, link)) {
    case WISH_LOCK:
        return remedy_of_lock(c, link);
    case WISH_ROOM:
        if (is_queue(c, link) && others_wish(c, link))
            return all_write;
        if (is_queue(c, link))
            return "Nobody else is left who receives. Let whoever receives take all that was sent before it "
                   "ends, or "
                   "send "
                   "with a time limit (mq_timedsend, IPC_NOWAIT): a queue does not tell that its receiver is "
                   "gone.";
        return "Nobody else is left who reads. Close the reading end in the process that writes: then the "
               "write "
               "fails with EPIPE at once when the last reader has gone. Who reads what it writes itself must "
               "do "
               "so in turns, or from another thread.";
    case WISH_DATA:
        if (is_queue(c, link))
            return "Nobody else is left who sends. Say with a last message that no more will come, or "
                   "receive with a "
                   "time "
                   "limit (mq_timedreceive, IPC_NOWAIT): a queue has no end of file, and does not tell that "
                   "its "
                   "sender is gone.";
        return "Nobody else is left who writes. Close the writing end in the process that reads: then the "
               "end of "
               "file comes when the last writer has gone, instead of nothing.";
    case WISH_OPEN:
        return "A FIFO is open only when both ends are: start whoever opens the other end before or beside "
               "this "
               "one, or open it with O_RDWR, or with O_NONBLOCK and poll. Where two processes open two of "
               "them, both "
               "have to do so in the same order.";
    default:
        if (has_copies(c, link))
            return "What a child of fork posts or sets in memory that is not shared is a copy of its own: "
                   "put it "
                   "into memory that is mapped MAP_SHARED, and make it for several processes (sem_init with "
                   "1, "
                   "PTHREAD_PROCESS_SHARED). Otherwise: whoever has to post or set it does so on every way.";
        return remedy_of_event(c, link);
    }
}

/* Do all of the circle wait for one rwlock that is read? Readers and writers wait at different words of it.
 */
static bool is_of_one_rwlock(const struct pf_graph *graph, const struct pf_chain *chain)
{
    enum { SIZE = 56 };
    uint64_t low = UINT64_MAX, high = 0;
    for (size_t i = chain->closes_at; i < chain->count; i++) {
        const struct pf_futex *futex = pf_graph_futex(graph, chain->links[i].from);
        if (!futex || futex->kind != PF_FUTEX_RWLOCK || !futex->readers)
            return false;
        low = futex->address < low ? futex->address : low;
        high = futex->address > high ? futex->address : high;
    }
    return high - low < SIZE;
}

/* Of a circle in which somebody waits for data or room; how many of it wait for what. */
static const char *remedy_of_streams(const size_t *seen, size_t count)
{
    if (seen[WISH_ROOM] == count)
        return all_write;
    if (seen[WISH_ROOM])
        return "Read what is full while waiting for the other: poll both, or give each stream a thread of "
               "its own "
               "(in Python: communicate()), or send what nobody reads to a file or /dev/null.";
    if (seen[WISH_DATA] == count)
        return "Each waits for the other to speak first: settle in the protocol who begins, flush what was "
               "written "
               "to a buffer, and close in every process the ends that it does not use, so that an end of "
               "file comes.";
    if (seen[WISH_DATA] && seen[WISH_END])
        return "Send what the other waits for, or close the pipe (all copies of its writing end), and wait "
               "for the "
               "end afterwards. Close in every process, right after fork, the ends that it does not use, or "
               "open "
               "them with O_CLOEXEC.";
    return NULL;
}

const char *pf_remedy(const struct pf_case *c, const struct pf_chain *chain)
{
    size_t first = chain->closes_at == PF_NOWHERE ? chain->count - 1 : chain->closes_at;
    size_t count = chain->count - first, seen[WISH__COUNT] = {0};
    if (chain->closes_at == PF_NOWHERE)
        return remedy_at_end(c, &chain->links[first]);
    bool connects = false;
    for (size_t i = first; i < chain->count; i++) {
        const char *silence = remedy_of_silence(c, &chain->links[i]);
        if (silence)
            return silence;
        seen[wish_of(c, &chain->links[i])]++;
        connects |= c->graph->threads[chain->links[i].from].state->wait.kind == PF_WAIT_CONNECT;
    }
    if (is_of_one_rwlock(c->graph, chain))
        return rwlock_again;
    if (seen[WISH_LOCK] == count)
        return count == 1
                   ? "Unlock it before it is locked again, also where a function that is called (or a "
                     "signal handler) "
                     "locks; where that is meant, take a recursive mutex (PTHREAD_MUTEX_RECURSIVE). One "
                     "of the kind PTHREAD_MUTEX_ERRORCHECK returns EDEADLK instead of waiting."
                   : "Take these locks in the same order everywhere; where that cannot be, try the second "
                     "one only (trylock, LOCK_NB) and release the first when it is taken.";
    if (seen[WISH_VFORK])
        return "After vfork the parent stands still until the child execs or ends: let the child do nothing "
               "else, "
               "wait for nobody in it, or use posix_spawn.";
    const char *of_python = remedy_of_python_locks(c, chain);
    if (of_python)
        return of_python;
    if (seen[WISH_LOCK])
        return "Do not wait for another process or thread while holding a lock that it needs: release the "
               "lock "
               "first, or take it only around the data.";
    const char *of_streams = remedy_of_streams(seen, count);
    if (of_streams)
        return of_streams;
    if (seen[WISH_END] == count)
        return "Each waits for the end of the next, and so none ends: let one who is none of them join them, "
               "or "
               "tell them to stop before joining.";
    if (connects)
        return "Take the connections (accept) before waiting for those who ask for them; listen() may be "
               "given a longer "
               "queue, and connect a time limit (O_NONBLOCK and poll).";
    if (seen[WISH_EVENT])
        return "Let whoever has to post, set or send it do so before it waits itself, and on every way, also "
               "where "
               "it fails; or give the wait a time limit.";
    return "Break the chain at one of its links: let the one who waits do first what the other waits for, "
           "close "
           "what is not used, or give the wait a time limit.";
}
