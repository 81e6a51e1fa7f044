#!/usr/bin/env python3
"""Writes the golden traces of this folder: one situation a function, one JSON event a line.

Each trace is the shortest history that shows one thing: a hit of an oracle or a rule, or a near miss, which
looks much like a hit and is none. What the judge must say of each stands in ../golden_table.h. Run it in this
folder after a change; a trace that is no longer made here is to be removed by hand.
"""
import hashlib
import json
import pathlib

MS = 1_000_000
SECOND = 1000 * MS


class Trace:
    def __init__(self, name, *, expect=None, faults=(), limits=(), captured=False, attached=False,
                 command=("./program",)):
        self.name, self.events, self.t = name, [], 0
        begin = {"schema": "pitfall-trace/1", "command": list(command), "deadline_ns": 10 * SECOND,
                 "grace_ns": SECOND, "expect": expect or {},
                 "environment": {"pitfall": "0.1.0", "kernel": "6.18.0", "containment": "namespaces"}}
        if faults:
            begin["faults"] = list(faults)
        if limits:
            begin["limits"] = [{"resource": r, "value": v} for r, v in limits]
        if captured:
            begin["captured"] = True
        if attached:
            begin["attached"] = True
        self.add("begin", **begin)
        self.fork("0", how="found" if attached else "launch")
        self.add("exec", process="0", path="/opt/program", argv=["./program"])

    def add(self, event, **fields):
        self.t += MS
        self.events.append({"seq": len(self.events) + 1, "t": self.t, "event": event, **fields})
        return self.events[-1]["seq"]

    def fork(self, process, parent=None, how="fork"):
        where = {"parent": parent} if parent else {}
        self.add("fork", process=process, **where, pid=len(self.events) + 1, how=how)

    def exit(self, process, code=0, signal=None):
        how = {"signaled": True, "signal": signal} if signal else {}
        self.add("exit", process=process, code=code, **how)

    def signal(self, thread, number, name, sender):
        self.add("signal", thread=thread, number=number, name=name, sender=sender)

    def bond(self, process, number):
        self.add("bond", process=process, number=number)

    def inject(self, fault, thread, action, target=None, at="point=p"):
        aim = {"target": target} if target else {}
        self.add("inject", fault=fault, thread=thread, at=at, occurrence=1, action=action, **aim)

    def snapshot(self, threads, objects=(), reason="quiet", **processes):
        """threads: address -> wait; a process for each, whose extra fields come by its address with _ for dots."""
        names = []
        for address in threads:
            if address.split("/")[0] not in names:
                names.append(address.split("/")[0])
        names += [p.replace("_", ".")[1:] for p in processes if p.replace("_", ".")[1:] not in names]
        states = []
        for name in sorted(names):
            state = {"process": name, "name": "program"}
            if "." in name and name.rsplit(".", 1)[0] in names:
                state["parent"] = name.rsplit(".", 1)[0]
            state.update(processes.get("p" + name.replace(".", "_"), {}))
            states.append(state)
        return self.add("snapshot", reason=reason, quiet_since_ns=self.t, processes=states,
                        threads=[{"thread": a, "process": a.split("/")[0], "name": "program", "state": "S",
                                  "wait": w} for a, w in threads.items()],
                        objects=list(objects))

    def stack(self, thread, *functions, file=None, line=0):
        frames = [{"function": f, "module": "/opt/program"} for f in functions]
        if file:
            frames[-1].update(file=file, line=line)
        self.add("stack", thread=thread, frames=[{"function": "syscall", "module": "/lib/libc.so.6"}] + frames)

    def script(self, thread, *frames, native=()):
        """Frames of Python, innermost first: (function, file, line), of its own library with a fourth part."""
        keys = ("function", "file", "line", "module")
        self.add("stack", thread=thread, frames=[{"function": "futex_wait", "module": "libc.so.6"}, *native] + [
            {"language": "python", **dict(zip(keys, frame))} for frame in frames])

    def verdict(self, kind, snapshot=0, survivors=()):
        self.add("verdict", kind=kind, snapshot=snapshot, survivors=list(survivors))

    def end(self, error=None, met=()):
        self.add("end", **({"error": error} if error else {}), **({"met": list(met)} if met else {}))
        lines = [json.dumps(event, separators=(",", ":")) for event in self.events]
        pathlib.Path(self.name + ".jsonl").write_text("\n".join(lines) + "\n")

    def finish(self, code=0, met=()):
        self.exit("0", code)
        self.verdict("finished")
        self.end(met=met)

    def prove(self, threads, objects=(), stacks=(), **processes):
        seq = self.snapshot(threads, objects, **processes)
        alive = sorted({a.split("/")[0] for a in threads})
        self.verdict("proven", seq, alive)
        for stack in stacks:
            self.stack(*stack)
        for process in reversed(alive):
            self.exit(process, 9, "SIGKILL")
        self.end()

    def observe(self, threads, objects=(), strangers=(), **processes):
        """A tree that was found; what else than the judge decides that it is stuck does not matter here."""
        seq = self.snapshot(threads, objects, **processes)
        if strangers:
            self.events[-1]["strangers"] = list(strangers)
        self.verdict("observed", seq, sorted({a.split("/")[0] for a in threads}))
        self.end()

    def time_out(self, threads, objects=(), **processes):
        self.t += 10 * SECOND
        seq = self.snapshot(threads, objects, reason="deadline", **processes)
        self.verdict("deadline", seq, sorted({a.split("/")[0] for a in threads}))
        self.end()


def wait(kind, *targets, call=None, **fields):
    return {"kind": kind, **({"call": call} if call else {}), "targets": list(targets), **fields}


def on(object_id, fd=3, *, r=False, w=False):
    return {"object": object_id, "fd": fd, **({"readable": True} if r else {}), **({"writable": True} if w else {})}


def child(*addresses, **fields):
    return wait("child", *[{"process": a, "fd": -1} for a in addresses], call="wait4", **fields)


def read(object_id, fd=3):
    return wait("read", on(object_id, fd, r=True), call="read")


def write(object_id, fd=4):
    return wait("write", on(object_id, fd, w=True), call="write")


def futex(object_id):
    return wait("futex", {"object": object_id, "fd": -1}, call="futex")


RUN, SLEEP, SIGNAL = wait("none"), wait("sleep", timed=True), wait("signal", call="pause")


def holders(text):
    """"0:r3 0.1:w4" -> holders."""
    result = []
    for item in text.split():
        process, end = item.split(":")
        result.append({"process": process, "fd": int(end.lstrip("rw")), **({"reads": True} if "r" in end else {}),
                       **({"writes": True} if "w" in end else {})})
    return result


def pipe(object_id, who, full=False):
    return {"id": object_id, "kind": "pipe", "capacity": 65536, **({"queued": 65536} if full else {}),
            "holders": holders(who)}


def word(object_id, kind, *, processes=(), place=None, **fields):
    return {"id": object_id, "kind": "futex",
            "futex": {"kind": kind, "address": 0x7F0000001000, **({"shared": True} if processes else {}),
                      **({"place": place} if place else {}), "processes": list(processes), **fields}}


ANONYMOUS, NAMED = "anonymous shared memory", "/dev/shm/sem.mp-1"
FULL = pipe("pipe:[1]", "0:r3 0.1:w4", full=True)


def family(name, *children, **options):
    t = Trace(name, **options)
    for address in children:
        t.fork(address, address.rsplit(".", 1)[0])
    return t


OWN_INPUT = pipe("pipe:[1]", "0:w4 0.1:r0")

# ---- deadlock and hang ----

t = family("deadlock-lock-order")
t.prove({"0": futex("futex:join"), "0/t1": futex("futex:b"), "0/t2": futex("futex:a")},
        [word("futex:join", "join", owner="0/t1"), word("futex:a", "mutex", owner="0/t1"),
         word("futex:b", "mutex", owner="0/t2")],
        stacks=[("0/t1", "lock_b", "first")])

t = family("deadlock-closed-stdin", "0.1")
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]", 0)}, [pipe("pipe:[1]", "0:w4 0.1:r0")])

t = family("deadlock-self")
t.prove({"0": read("pipe:[1]")}, [pipe("pipe:[1]", "0:r3 0:w4")])

t = family("deadlock-both-fill", "0.1")
t.prove({"0": write("pipe:[1]", 4), "0.1": write("pipe:[2]", 1)},
        [pipe("pipe:[1]", "0:w4 0.1:r0", full=True), pipe("pipe:[2]", "0:r5 0.1:w1", full=True)])

t = family("deadlock-read-the-wrong-one", "0.1")
t.prove({"0": read("pipe:[1]", 3), "0.1": write("pipe:[2]", 2)},
        [pipe("pipe:[1]", "0:r3 0.1:w1"), pipe("pipe:[2]", "0:r5 0.1:w2", full=True)])

t = family("deadlock-nobody-begins", "0.1")
t.prove({"0": read("pipe:[1]", 3), "0.1": read("pipe:[2]", 0)},
        [pipe("pipe:[1]", "0:r3 0.1:w1"), pipe("pipe:[2]", "0:w5 0.1:r0")])

t = family("deadlock-lock-while-waiting", "0.1")
t.prove({"0": read("pipe:[1]", 3), "0.1": futex("futex:m")},
        [pipe("pipe:[1]", "0:r3 0.1:w4"), word("futex:m", "mutex", owner="0", processes=["0", "0.1"], place=ANONYMOUS)])

t = family("deadlock-locked-twice")
t.prove({"0": futex("futex:a")}, [word("futex:a", "mutex", owner="0")])

t = family("deadlock-owner-ended")
t.prove({"0": wait("exit"), "0/t1": futex("futex:a")}, [word("futex:a", "mutex", owner="0")])

t = family("deadlock-fifo")
t.prove({"0": wait("open", on("fifo:1", -1, r=True), call="openat")},
        [{"id": "fifo:1", "kind": "fifo", "path": "/dev/shm/orders", "named": True}])

t = family("deadlock-vfork", "0.1")
t.prove({"0": wait("vfork", {"process": "0.1", "fd": -1}, call="vfork"), "0.1": read("pipe:[1]")},
        [pipe("pipe:[1]", "0:r3 0:w4 0.1:r3 0.1:w4")])

t = family("deadlock-sigchld", "0.1")
t.prove({"0": wait("signal", call="rt_sigsuspend", signals=1 << 16), "0.1": read("pipe:[1]", 0)}, [OWN_INPUT],
        p0={"catches_sigchld": True})


def queue(object_id, path, who):
    return {"id": object_id, "kind": "mqueue", "path": path, "named": True, "holders": holders(who)}


FIFOS = [{"id": f"fifo:8:1:{i}", "kind": "fifo", "path": f"/tmp/{i}", "external": True, "by_name": True,
          "external_why": "anybody may open it"} for i in (1, 2)]

t = family("likely-fifos-in-two-orders", "0.1")
t.time_out({"0": wait("open", on("fifo:8:1:1", -1, w=True), call="openat"),
            "0.1": wait("open", on("fifo:8:1:2", -1, w=True), call="openat")}, FIFOS)

t = family("found-unless-outsiders", "0.1", attached=True)
t.observe({"0": wait("open", on("fifo:8:1:1", -1, w=True), call="openat"),
           "0.1": wait("open", on("fifo:8:1:2", -1, w=True), call="openat")}, FIFOS)

t = family("near-found-unless-it-listens", "0.1", attached=True)
t.observe({"0": child("0.1"), "0.1": wait("accept", on("socket:[1]", 3, r=True), call="accept")},
          [{"id": "socket:[1]", "kind": "socket", "listening": True, "external": True, "by_name": True,
            "external_why": "anybody may connect to it", "holders": holders("0.1:rw3")}])

t = family("near-likely-opener-lives", "0.1")
t.time_out({"0": wait("open", on("fifo:8:1:1", -1, w=True), call="openat"), "0.1": SLEEP}, FIFOS)

t = family("likely-stopped-owner", "0.1")
t.time_out({"0": futex("futex:m"), "0.1": wait("stopped")},
           [word("futex:m", "mutex", owner="0.1", processes=["0", "0.1"], place=ANONYMOUS)])

t = family("near-likely-idle", "0.1")
t.time_out({"0": SIGNAL, "0.1": wait("stopped")})

t = family("likely-handler")
t.time_out({"0": futex("futex:s")}, [word("futex:s", "semaphore")], p0={"handles_requests": True})

LISTENER = {"id": "socket:[1]", "kind": "socket", "listening": True, "external": True, "by_name": True,
            "external_why": "anybody may connect to it", "holders": holders("0:rw3 0.1:rw3")}

t = family("near-likely-server", "0.1")
t.time_out({"0": child("0.1"), "0.1": wait("accept", on("socket:[1]", 3, r=True), call="accept")}, [LISTENER])

t = family("likely-backlog-full", "0.1")
t.time_out({"0": child("0.1"), "0.1": wait("connect", on("socket:[1]", 5), call="connect")}, [LISTENER])

t = family("likely-signal-blocked")
t.time_out({"0": wait("signal", call="pause", pending=1 << 9)})

t = family("deadlock-rwlock-again")
t.prove({"0": futex("futex:a"), "0/t1": futex("futex:b")},
        [word("futex:a", "rwlock", readers=1), word("futex:b", "rwlock", readers=1)])

t = family("deadlock-rwlock-upgrade")
t.prove({"0": futex("futex:a")}, [word("futex:a", "rwlock", readers=1)])

READ_BY_ONE = word("futex:w", "rwlock", processes=["0"], place=ANONYMOUS, readers=1)

t = family("deadlock-rwlock-of-the-dead", "0.1")
t.exit("0.1")
t.prove({"0": futex("futex:w")}, [READ_BY_ONE])

t = family("near-rwlock-of-the-dead")
t.prove({"0": futex("futex:w")}, [READ_BY_ONE])

t = family("deadlock-join-circle")
t.prove({"0/t1": futex("futex:2"), "0/t2": futex("futex:3"), "0/t3": futex("futex:1")},
        [word(f"futex:{i}", "join", owner=f"0/t{i}") for i in (1, 2, 3)])

t = family("deadlock-semaphore-not-given-back", "0.1")
t.exit("0.1")
t.prove({"0": wait("semaphore", on("sysv-sem:0", -1), call="semop", detail="semaphore 0 to be at least 1 (it is 0)")},
        [{"id": "sysv-sem:0", "kind": "sysv", "named": True}])


def descriptor(kind, **fields):
    return {"id": f"{kind}:0/3", "kind": kind, "holders": holders("0:r3"), **fields}


OF_CHILDREN = descriptor("signalfd", signals=1 << 16)

t = family("deadlock-signalfd-merged", "0.1", "0.2")
t.exit("0.1")
t.exit("0.2")
t.prove({"0": read("signalfd:0/3")}, [OF_CHILDREN])

t = family("near-signalfd-child-lives", "0.1", "0.2")
t.exit("0.1")
t.time_out({"0": read("signalfd:0/3"), "0.2": SLEEP}, [OF_CHILDREN])


def two_locks(name, *frames):
    t = family(name)
    seq = t.snapshot({"0": futex("futex:a"), "0/t1": futex("futex:b")},
                     [word("futex:a", "semaphore"), word("futex:b", "semaphore")])
    t.verdict("proven", seq, ["0"])
    for thread in ("0", "0/t1"):
        t.script(thread, *frames, ("move", "/srv/bank.py", 12))
    t.end()


two_locks("deadlock-locks-of-python")
two_locks("near-locks-of-python-conditions", ("Condition.wait", "/usr/lib/python3.11/threading.py", 327, "python3.11"))

PYTHON = "python3.11"
LIBRARY = "/usr/lib/python3.11/"


def join_in_python(name, *frames, others=("0/t1", "0/t2")):
    """Threads, and who joins them: where these stand is all that tells for what they wait."""
    t = family(name)
    threads = ["0", *others]
    seq = t.snapshot({thread: futex(f"futex:{thread}") for thread in threads},
                     [word(f"futex:{thread}", "semaphore", place="private memory") for thread in threads])
    t.verdict("proven", seq, ["0"])
    t.script("0", ("Thread.join", LIBRARY + "threading.py", 1112, PYTHON), ("<module>", "/srv/bank.py", 20))
    for thread in threads[1:]:
        t.script(thread, *frames, ("move", "/srv/bank.py", 12))
    t.end()


join_in_python("rule-thread-of-python", ("Queue.get", LIBRARY + "queue.py", 171, PYTHON))
join_in_python("near-thread-of-python-at-a-lock")
join_in_python("rule-thread-of-python-in-c", others=["0/t1"])

t = family("deadlock-lock-of-python-again", "0.1")
seq = t.snapshot({"0": child("0.1"), "0.1": futex("futex:s")},
                 [word("futex:s", "semaphore", processes=["0", "0.1"], place=NAMED)])
t.verdict("proven", seq, ["0", "0.1"])
t.script("0.1", ("SemLock.__enter__", LIBRARY + "multiprocessing/synchronize.py", 95, PYTHON),
         ("log", "/srv/bank.py", 5))
t.end()

t = family("deadlock-semaphore-lost", "0.1", "0.2")
t.exit("0.1", 1)
t.prove({"0": child("0.2"), "0.2": futex("futex:s")},
        [word("futex:s", "semaphore", processes=["0", "0.2"], place=ANONYMOUS)])

t = family("deadlock-queues-by-key", "0.1")
t.prove({"0": wait("write", on("sysv-msg:1", -1, w=True), call="msgsnd", detail="room in the System V queue 1"),
         "0.1": wait("write", on("sysv-msg:2", -1, w=True), call="msgsnd", detail="room in the System V queue 2")},
        [{"id": f"sysv-msg:{i}", "kind": "sysv", "named": True} for i in (1, 2)])

t = family("deadlock-queues", "0.1")
t.prove({"0": wait("write", on("mqueue:1", 3, w=True), call="mq_timedsend"),
         "0.1": wait("write", on("mqueue:2", 4, w=True), call="mq_timedsend")},
        [queue("mqueue:1", "/a", "0:rw3 0.1:rw3"), queue("mqueue:2", "/b", "0:rw4 0.1:rw4")])

# What keeps silent because of how it was asked, beside what looks like it.
TALK = {"0": read("socket:[1]", 3), "0.1": wait("poll", on("epoll:0.1/3", 3, r=True), call="epoll_wait")}


def talk(unread=488, **watched):
    return [{"id": "socket:[1]", "kind": "socket", "peer": "socket:[2]", "holders": holders("0:rw3")},
            {"id": "socket:[2]", "kind": "socket", "peer": "socket:[1]", "holders": holders("0.1:rw4"),
             **({"queued": unread} if unread else {})},
            {"id": "epoll:0.1/3", "kind": "epoll", "holders": holders("0.1:rw3"), **watched}]


t = family("deadlock-edge-triggered", "0.1")
t.prove(TALK, talk(members=["socket:[2]"], edges=["socket:[2]"]))

t = family("near-edge-triggered-and-read", "0.1")
t.prove(TALK, talk(unread=0, members=["socket:[2]"], edges=["socket:[2]"]))

t = family("deadlock-told-once", "0.1")
t.prove(TALK, talk(disarmed=["socket:[2]"]))

t = family("near-told-once-and-armed", "0.1")
t.prove(TALK, talk(unread=0, members=["socket:[2]"]))

t = family("deadlock-not-for-several", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:0.1/0x1")},
        [word("futex:0.1/0x1", "plain", place=ANONYMOUS, process_only=True)])

t = family("near-not-for-several-but-locked", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:0.1/0x1")},
        [word("futex:0.1/0x1", "mutex", place=ANONYMOUS, process_only=True, owner="0")])

t = family("deadlock-posted-in-a-copy", "0.1")
t.exit("0.1")
t.prove({"0": futex("futex:0/0x1")}, [word("futex:0/0x1", "semaphore", place="private memory")])

t = family("near-posted-by-another-program", "0.1")
t.add("exec", process="0.1", path="/opt/helper", argv=["helper"])
t.exit("0.1")
t.prove({"0": futex("futex:0/0x1")}, [word("futex:0/0x1", "semaphore", place="private memory")])

# As a pool does whose thread that takes the results in has died of one.
t = family("deadlock-helper-ended")
t.add("thread", thread="0/t1", by="0", tid=11)
t.add("thread", thread="0/t2", by="0", tid=12)
t.add("thread-exit", thread="0/t2")
t.prove({"0": futex("futex:a"), "0/t1": futex("futex:b")},
        [word("futex:a", "semaphore", place="private memory"), word("futex:b", "semaphore", place="private memory")])

t = family("deadlock-timer-not-armed")
t.prove({"0": read("timerfd:1", 3)}, [{"id": "timerfd:1", "kind": "timerfd", "holders": holders("0:rw3")}])

t = family("near-timer-armed")
t.time_out({"0": read("timerfd:1", 3)},
           [{"id": "timerfd:1", "kind": "timerfd", "holders": holders("0:rw3"), "armed": True}])

t = family("deadlock-watches-nothing")
t.prove({"0": read("inotify:1", 3)}, [{"id": "inotify:1", "kind": "inotify", "holders": holders("0:r3")}])

t = family("near-watches-something")
t.time_out({"0": read("inotify:1", 3)},
           [{"id": "inotify:1", "kind": "inotify", "holders": holders("0:r3"), "armed": True, "external": True,
             "by_name": True, "external_why": "anybody may change the watched files"}])

t = family("deadlock-threads-and-a-pipe")
t.prove({"0": futex("futex:s"), "0/t1": futex("futex:t"), "0/t2": write("pipe:[1]")},
        [word("futex:s", "semaphore"), word("futex:t", "semaphore"), pipe("pipe:[1]", "0:r3 0:w4", full=True)])

t = family("deadlock-two-files", "0.1")
t.prove({"0": wait("lock", on("file:8:1:7", 5), call="flock"), "0.1": wait("lock", on("file:8:1:6", 4), call="flock")},
        [{"id": "file:8:1:6", "kind": "file", "path": "/tmp/a", "holders": holders("0:rw4 0.1:rw4"),
          "locks": [{"type": "flock", "exclusive": True, "process": "0"}]},
         {"id": "file:8:1:7", "kind": "file", "path": "/tmp/b", "holders": holders("0:rw5 0.1:rw5"),
          "locks": [{"type": "flock", "exclusive": True, "process": "0.1"}]}])

t = family("deadlock-partial", "0.1", "0.2")
ticking = {"0.1": futex("futex:a"), "0.2": RUN}
locked_twice = [word("futex:a", "mutex", owner="0.1")]
t.snapshot(ticking, locked_twice, reason="partial")
seq = t.snapshot(ticking, locked_twice, reason="partial")
t.verdict("proven", seq, ["0.1", "0.2"])
t.end()

t = family("near-deadlock-once-seen", "0.1", "0.2")
seq = t.snapshot(ticking, locked_twice, reason="partial")
t.verdict("proven", seq, ["0.1", "0.2"])
t.end()

t = family("near-deadlock-beside-the-living", "0.1", "0.2")
beside = {"0.1": read("pipe:[1]"), "0.2": RUN}
t.snapshot(beside, [pipe("pipe:[1]", "0.1:r3 0.1:w4")], reason="partial")
seq = t.snapshot(beside, [pipe("pipe:[1]", "0.1:r3 0.1:w4")], reason="partial")
t.verdict("proven", seq, ["0.1", "0.2"])
t.end()

t = family("near-deadlock-timed", "0.1")
t.time_out({"0": child("0.1"), "0.1": {**write("pipe:[1]"), "timed": True}}, [FULL])

t = family("hang-unknown", "0.1")
t.time_out({"0": child("0.1"), "0.1": wait("unknown", call="ioctl", detail="a device")})

t = family("near-hang")
t.finish()

# ---- a tree that was found running ----

stuck_pair = {"0": child("0.1"), "0.1": read("pipe:[1]", 0)}
OWN = pipe("pipe:[1]", "0:w4 0.1:r0")

t = family("found-deadlock", "0.1", attached=True)
t.observe(stuck_pair, [OWN])

t = family("found-likely", "0.1", attached=True)
t.observe(stuck_pair, [OWN], p0={"alarm_unseen": True}, p0_1={"alarm_unseen": True})

t = family("found-likely-strangers", "0.1", attached=True)
t.observe(stuck_pair, [OWN], strangers=["4711 (sudo)"])

t = family("found-locks-whatever-alarms", attached=True)
t.observe({"0": futex("futex:a"), "0/t1": futex("futex:b")},
          [word("futex:a", "mutex", owner="0/t1"), word("futex:b", "mutex", owner="0")], p0={"alarm_unseen": True})

t = family("found-in-python", "0.1", attached=True)
t.script("0", ("Popen._wait", "/usr/lib/python3.11/subprocess.py", 1917, "python3.11"),
         ("Popen.wait", "/usr/lib/python3.11/subprocess.py", 1250, "python3.11"), ("main", "/srv/feeder.py", 12),
         ("<module>", "/srv/feeder.py", 20))
t.script("0.1", ("Thread._bootstrap", "/usr/lib/python3.11/threading.py", 1, "python3.11"))
t.observe(stuck_pair, [OWN])

# An extension that has its lines with it, which the line of the script comes before.
t = family("found-in-extension", "0.1", attached=True)
t.script("0", ("main", "/srv/feeder.py", 12),
         native=[{"function": "take", "module": "_ext.so", "file": "/src/ext.c", "line": 7}])
t.observe(stuck_pair, [OWN])

t = family("near-found-timer", "0.1", attached=True)
t.observe(stuck_pair, [OWN], p0_1={"timer": True})

t = family("near-found-held-outside", "0.1", attached=True)
t.observe(stuck_pair, [{**OWN, "external": True, "external_why": "process 4711 (bash), which is not of the tree, "
                                                                 "has it open as well"}])

# ---- orphan ----

t = family("orphan-daemon", "0.1", "0.1.1")
t.exit("0.1")
t.exit("0")
seq = t.snapshot({"0.1.1": SIGNAL})
t.verdict("abandoned", seq, ["0.1.1"])
t.end()

t = family("near-orphan-allowed", "0.1", "0.1.1", expect={"daemon": True})
t.exit("0.1")
t.exit("0")
seq = t.snapshot({"0.1.1": SIGNAL})
t.verdict("abandoned", seq, ["0.1.1"])
t.end()

t = family("orphan-tree", "0.1", "0.1.1", "0.2")
t.exit("0")
seq = t.snapshot({"0.1": child("0.1.1"), "0.1.1": SLEEP, "0.2": SLEEP})
t.verdict("abandoned", seq, ["0.1", "0.1.1", "0.2"])
t.end()

t = family("rule-parent-killed", "0.1", faults=["point=working:kill"])
t.inject(0, "0", "kill", "0")
t.exit("0", 9, "SIGKILL")
seq = t.snapshot({"0.1": SLEEP})
t.verdict("abandoned", seq, ["0.1"])
t.end()

t = family("near-orphan-reaped", "0.1")
t.exit("0.1")
t.finish()

# ---- zombie ----

t = family("zombie", "0.1", "0.2")
t.exit("0.1")
t.exit("0.2", 1)
t.t += 2 * SECOND
t.snapshot({"0": SLEEP}, p0_1={"zombie": True}, p0_2={"zombie": True})
t.finish()

t = family("near-zombie-young", "0.1")
t.exit("0.1")
t.t += SECOND // 2
t.snapshot({"0": SLEEP}, p0_1={"zombie": True})
t.finish()

t = family("near-zombie-orphan", "0.1", "0.1.1")
t.exit("0.1.1")
t.exit("0.1")
t.t += 2 * SECOND
t.snapshot({"0": SLEEP}, p0_1_1={"zombie": True})
t.finish()

def zombies_at_limit(name, ended, limit=16):
    """A parent meets its limit of processes; so many of its children have ended, and were not waited for."""
    children = [f"0.{i}" for i in range(1, ended + 2)]
    t = family(name, *children, limits=[("nproc", limit)], expect={"exit": "any"})
    for process in children[:-1]:
        t.exit(process)
    met = t.add("limit", thread="0", call="clone", error="EAGAIN", resource="nproc", value=limit)
    for process in children[:-1]:
        t.add("zombie", process=process, limit=met)
    t.exit(children[-1])
    t.finish(1)


zombies_at_limit("zombie-at-limit", 8)
zombies_at_limit("near-zombie-few-at-limit", 7)

# ---- crash, killed, exit ----

t = family("crash", "0.1")
t.signal("0.1", 11, "SIGSEGV", "kernel")
t.add("exit", process="0.1", signaled=True, code=11, signal="SIGSEGV", core=True)
t.finish()

t = family("crash-of-root")
t.signal("0", 6, "SIGABRT", "0")
t.exit("0", 6, "SIGABRT")
t.verdict("finished")
t.end()

t = family("near-crash-injected", "0.1", faults=["point=p:signal=SEGV"])
t.inject(0, "0.1", "signal=SEGV")
t.exit("0.1", 11, "SIGSEGV")
t.finish()

t = family("killed-from-outside", "0.1")
t.signal("0.1", 15, "SIGTERM", "outside")
t.exit("0.1", 15, "SIGTERM")
t.finish()

t = family("killed-by-nobody", "0.1")
t.exit("0.1", 9, "SIGKILL")
t.finish()

t = family("near-killed-by-parent", "0.1", "0.2", "0.3")
t.signal("0.1", 15, "SIGTERM", "0")
t.exit("0.1", 15, "SIGTERM")
t.add("kill", thread="0", target=12, process="0.2")
t.exit("0.2", 9, "SIGKILL")
t.add("kill", thread="0", target=-1)
t.exit("0.3", 9, "SIGKILL")
t.finish()

t = family("near-killed-by-pipe", "0.1")
t.signal("0.1", 13, "SIGPIPE", "kernel")
t.exit("0.1", 13, "SIGPIPE")
t.finish()

t = family("near-killed-injected-group", "0.1", faults=["after=5ms:signal=INT:to=group"])
t.inject(0, "0", "signal=INT", "group", at="after=5ms")
t.exit("0.1", 2, "SIGINT")
t.finish()

t = family("near-killed-with-its-parent", "0.1", "0.1.1")
t.bond("0.1.1", 9)
t.exit("0.1.1", 9, "SIGKILL")
t.exit("0.1")
t.finish()

t = family("killed-beside-its-parent", "0.1", "0.1.1")
t.bond("0.1.1", 15)
t.exit("0.1")
t.exit("0.1.1", 9, "SIGKILL")
t.finish()

t = family("near-killed-by-the-user", "0.1")
t.exit("0.1", 9, "SIGKILL")
t.exit("0", 15, "SIGTERM")
t.verdict("interrupted")
t.end()

t = family("near-killed-by-typing", "0.1")
t.signal("0.1", 2, "SIGINT", "kernel")
t.exit("0.1", 2, "SIGINT")
t.finish()

t = family("exit")
t.finish(3)

t = family("exit-by-own-signal")
t.signal("0", 15, "SIGTERM", "0")
t.exit("0", 15, "SIGTERM")
t.verdict("finished")
t.end()

t = family("near-exit-expected", expect={"exit": "3"})
t.finish(3)

t = family("near-exit-any", expect={"exit": "any"})
t.finish(77)

t = family("near-exit-signal-expected", expect={"exit": "143"})
t.signal("0", 15, "SIGTERM", "0")
t.exit("0", 15, "SIGTERM")
t.verdict("finished")
t.end()

t = family("near-exit-root-killed", faults=["point=p:kill"])
t.inject(0, "0", "kill", "0")
t.exit("0", 9, "SIGKILL")
t.verdict("finished")
t.end()

# ---- limit, ledger, output ----

t = family("limit-nofile", "0.1", limits=[("nofile", 32)])
for message in (1, 2, 3):
    t.add("ledger", thread="0", book="sent", id=message)
t.add("limit", thread="0", call="pipe2", error="EMFILE", resource="nofile", value=32)
t.add("ledger", thread="0.1", book="received", id=1)
t.add("limit", thread="0", call="pipe2", error="EMFILE", resource="nofile", value=32)
t.exit("0.1")
t.finish()

t = family("near-limit-nproc", limits=[("nproc", 8)])
t.add("limit", thread="0/t1", call="clone", error="EAGAIN", resource="nproc", value=8)
t.finish()


def kinds(**counts):
    """pipe=5, or pipe=(5, 3) where 3 of them are dangling; a file is followed by its path."""
    found = []
    for kind, count in counts.items():
        count, *more = count if isinstance(count, tuple) else (count,)
        extra = {"path": more[0]} if more and isinstance(more[0], str) else {"dangling": more[0]} if more else {}
        found.append({"kind": kind, "count": count, **extra})
    return found


def exhausted(name, **counts):
    t = family(name, limits=[("nofile", 32)])
    seq = t.add("limit", thread="0", call="pipe2", error="EMFILE", resource="nofile", value=32)
    t.add("descriptors", process="0", limit=seq, open=kinds(**counts))
    t.finish()


exhausted("fd-leak-dangling", other=2, pipe=(24, 20), socket=(6, 1))
exhausted("fd-leak-one-file", other=2, pipe=10, file=(20, "/srv/data"))
exhausted("near-fd-leak-few", tty=(3, "/dev/pts/0"), pipe=(1, 1))
exhausted("near-fd-leak-in-use", other=2, pipe=(24, 16), file=(6, "/srv/data"))


def ended(name, *, at="read", action="error=EIO", struck="0.1", code=0, signal=None, then=None, **counts):
    """0.1 ends without faults with two ends of pipes, a file and something else open."""
    t = family(name, "0.1", faults=["read:error=EIO"], expect={
        "exit": "any", "processes": [{"process": "0.1", "open": kinds(pipe=2, file=1, other=(1, "/dev/null"))}]})
    t.inject(0, struck, action, at=at)
    if then:
        t.inject(0, struck, action, at=then)
    t.add("descriptors", process="0.1", open=kinds(**counts))
    t.exit("0.1", code, signal)
    t.finish()


ended("fd-leak-error-path", pipe=3, file=(3, "/srv/data"), other=(1, "/dev/null"))
ended("fd-leak-short", action="short=1", struck="0.1/t1", pipe=3, file=1, other=1)
ended("near-fd-leak-same", pipe=2, file=1, other=1)
ended("near-fd-leak-in-its-place", pipe=1, file=2, other=1)
ended("near-fd-leak-told", code=1, pipe=3, file=3, other=1)
ended("near-fd-leak-killed", code=15, signal="SIGTERM", pipe=3, file=3, other=1)
ended("near-fd-leak-not-struck", struck="0", pipe=3, file=3, other=1)
ended("near-fd-leak-signal", action="signal=USR1", pipe=3, file=3, other=1)
ended("near-fd-leak-kept-from-closing", at="close", pipe=3, file=1, other=1)
ended("near-fd-leak-kept-later", then="close", pipe=3, file=1, other=1)


t = family("lost-stream")
for book, message in (("sent:jobs", 1), ("received:jobs", 1), ("sent:jobs", 2), ("sent:logs", 2),
                      ("received:logs", 2), ("counted", 9)):
    t.add("ledger", thread="0", book=book, id=message)
t.finish()

t = family("duplicate")
for book, message in (("sent", 1), ("received", 1), ("received", 1), ("sent", 2), ("received", 2)):
    t.add("ledger", thread="0", book=book, id=message)
t.finish()

t = family("near-lost-cut-short")
t.add("ledger", thread="0", book="sent", id=1)
t.time_out({"0": SLEEP})

t = family("wrong-output", captured=True, expect={"output": "sum 10"})
t.add("output", stream="stdout", text="sum ")
t.add("output", stream="stderr", text="sum 10")
t.add("output", stream="stdout", text="9\n")
t.finish()

t = family("near-wrong-output", captured=True, expect={"output": "sum 10"})
t.add("output", stream="stdout", text="the su")
t.add("output", stream="stdout", text="m 10\n")
t.finish()

# ---- faults and the trial itself ----

t = family("unfired-never", faults=["point=p:kill", "write:error=EINTR"])
t.inject(0, "0", "kill", "0.1")
t.finish()

t = family("unfired-met", faults=["write:error=EINTR:when=9"])
t.finish(met=[3])

t = family("unfired-hold", faults=["point=p:hold=point=q"])
t.inject(0, "0", "hold=point=q")
t.add("release", fault=0, thread="0", why="never")
t.finish()

t = family("near-unfired", faults=["point=p:hold=point=q"])
t.inject(0, "0", "hold=point=q")
t.add("release", fault=0, thread="0", why="trigger", met=True)
t.finish()

t = family("error-harness")
t.end("seccomp is not there")

t = family("error-interrupted")
t.signal("0", 2, "SIGINT", "pitfall")
t.exit("0", 2, "SIGINT")
t.verdict("interrupted")
t.end()

t = family("error-no-verdict")
t.end()

# ---- what was expected ----

DEMO = {"finding": "deadlock", "diagnosis": "join-before-drain"}
STUCK = {"0": child("0.1"), "0.1": write("pipe:[1]")}

t = family("expected-deadlock", "0.1", expect=DEMO)
t.prove(STUCK, [FULL])

t = family("expected-but-clean", "0.1", expect=DEMO)
t.finish()

t = family("expected-but-more", "0.1", "0.2", expect=DEMO)
t.signal("0.2", 11, "SIGSEGV", "kernel")
t.exit("0.2", 11, "SIGSEGV")
t.prove(STUCK, [FULL])

t = family("expected-other-diagnosis", "0.1", expect={"finding": "deadlock", "diagnosis": "hung-thread"})
t.prove(STUCK, [FULL])

# Full as well, but others could come to it by its name: in namespaces of its own a tree has names to itself.
OPEN_TO_OTHERS = {**FULL, "kind": "fifo", "path": "/tmp/rows", "external": True, "by_name": True,
                  "external_why": "anybody may open it by its name"}

for name, containment, thing, expect in [
        ("expected-unprovable", "subreaper", OPEN_TO_OTHERS, DEMO),
        ("near-unprovable-in-namespaces", "namespaces", OPEN_TO_OTHERS, DEMO),
        ("near-unprovable-held-outside", "subreaper", {**FULL, "external": True, "external_why": "given"}, DEMO),
        ("near-unprovable-other", "subreaper", OPEN_TO_OTHERS, {**DEMO, "diagnosis": "hung-thread"})]:
    t = family(name, "0.1", expect=expect)
    t.events[0]["environment"]["containment"] = containment
    t.time_out(STUCK, [thing])

t = family("expected-list", expect={"finding": "limit,lost"})
t.add("ledger", thread="0", book="sent", id=1)
t.add("limit", thread="0", call="pipe2", error="EMFILE", resource="nofile", value=32)
t.finish()

t = family("expected-list-half", expect={"finding": "limit,lost"})
t.add("limit", thread="0", call="pipe2", error="EMFILE", resource="nofile", value=32)
t.finish()

# ---- join-before-drain ----

t = family("rule-join-wait4", "0.1")
t.prove(STUCK, [FULL], stacks=[("0", "write_wrapper", "main")])

t = family("rule-join-feeder-thread", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:t"), "0.1/t1": write("pipe:[1]")},
        [pipe("pipe:[1]", "0:r3 0:w4 0.1:r3 0.1:w4", full=True), word("futex:t", "semaphore")])

t = family("rule-join-through-shell", "0.1", "0.1.1")
t.prove({"0": child("0.1"), "0.1": child("0.1.1", children=True), "0.1.1": write("pipe:[1]", 1)},
        [pipe("pipe:[1]", "0:r3 0.1:w1 0.1.1:w1", full=True)])

t = family("rule-join-pidfd-socket", "0.1")
t.prove({"0": wait("poll", on("pidfd:0.1", 7, r=True), call="poll"), "0.1": write("socket:[2]", 5)},
        [{"id": "pidfd:0.1", "kind": "pidfd", "pid_of": "0.1", "holders": holders("0:r7")},
         {"id": "socket:[1]", "kind": "socket", "peer": "socket:[2]", "holders": holders("0:rw3")},
         {"id": "socket:[2]", "kind": "socket", "peer": "socket:[1]", "holders": holders("0.1:rw5")}])


def puts_to_queue(name, module):
    t = family(name, "0.1")
    seq = t.snapshot({"0": child("0.1"), "0.1": futex("futex:s")},
                     [word("futex:s", "semaphore", processes=["0", "0.1"], place=NAMED)])
    t.verdict("proven", seq, ["0", "0.1"])
    t.script("0.1", ("Queue.put", "queues.py", 90, *module), ("work", "/srv/work.py", 5))
    t.end()


puts_to_queue("rule-join-bounded-queue", ["python3.11"])
puts_to_queue("near-join-bounded-queue-own-class", [])

t = family("rule-join-thread")
t.prove({"0": futex("futex:join"), "0/t1": write("pipe:[1]")},
        [pipe("pipe:[1]", "0:r3 0:w4", full=True), word("futex:join", "join", owner="0/t1")])

t = family("near-join-reader-stuck-elsewhere", "0.1", "0.2")
t.prove({"0": child("0.1"), "0.1": write("pipe:[1]"), "0.2": futex("futex:a")},
        [pipe("pipe:[1]", "0.2:r3 0.1:w4", full=True), word("futex:a", "mutex", owner="0.2")])

t = family("near-join-empty-pipe", "0.1")
t.prove({"0": child("0.1"), "0.1": wait("poll", on("pipe:[1]", 4, w=True), call="poll")},
        [pipe("pipe:[1]", "0:r3 0.1:w4")])

# Each fills the other's pipe; that a thread of the one waits for the other's end as well is no cause.
t = family("near-join-each-fills-the-other", "0.1")
t.prove({"0": wait("poll", on("epoll:0/3", 3, r=True), call="epoll_wait"), "0/t1": child("0.1"),
         "0.1": write("pipe:[2]", 1)},
        [{"id": "epoll:0/3", "kind": "epoll", "holders": holders("0:rw3"), "members": ["pipe:[1]"]},
         pipe("pipe:[1]", "0:w7 0.1:r0", full=True), pipe("pipe:[2]", "0:r8 0.1:w1", full=True)])

# ---- terminate-with-lock ----


def killed(name, number=15, signal="SIGTERM", execs=False, sender="0", normally=False):
    trace = family(name, "0.1", "0.2")
    if execs:
        trace.add("exec", process="0.1", path="/opt/helper", argv=["helper"])
    if normally:
        trace.exit("0.1")
    else:
        trace.signal("0.1", number, signal, sender)
        trace.exit("0.1", number, signal)
    return trace


def owned(**who):
    return [word("futex:m", "mutex", processes=["0", "0.2"], place=ANONYMOUS, **who)]


def unowned(kind="semaphore", place=NAMED):
    return [word("futex:s", kind, processes=["0", "0.2"], place=place)]


t = killed("rule-lock-mutex")
t.prove({"0": child("0.2"), "0.2": futex("futex:m")}, owned(dead_owner="0.1", owner_tid=3))

t = killed("rule-lock-semaphore")
t.prove({"0": child("0.2"), "0.2": futex("futex:s")}, unowned())

t = killed("rule-lock-plain-word")
t.prove({"0": child("0.2"), "0.2": futex("futex:s")}, unowned("plain", ANONYMOUS))

t = killed("rule-lock-rwlock")
t.prove({"0": child("0.2"), "0.2": futex("futex:w")},
        [word("futex:w", "rwlock", processes=["0", "0.2"], place=ANONYMOUS, dead_owner="0.1", owner_tid=3)])

t = killed("rule-lock-rwlock-read")
t.prove({"0": child("0.2"), "0.2": futex("futex:w")},
        [word("futex:w", "rwlock", processes=["0", "0.2"], place=ANONYMOUS, readers=1)])

t = family("rule-lock-injected-kill", "0.1", "0.2", faults=["point=lock-held:kill"])
t.inject(0, "0.1", "kill", "0.1", at="point=lock-held")
t.exit("0.1", 9, "SIGKILL")
t.prove({"0": child("0.2"), "0.2": futex("futex:m")}, owned(dead_owner="0.1"))

t = killed("near-lock-ended-by-itself", normally=True)
t.prove({"0": child("0.2"), "0.2": futex("futex:m")}, owned(dead_owner="0.1"))

t = killed("near-lock-crashed", 11, "SIGSEGV", sender="kernel")
t.prove({"0": child("0.2"), "0.2": futex("futex:m")}, owned(dead_owner="0.1"))

t = family("near-lock-nobody-killed", "0.1", "0.2")
t.exit("0.1")
t.prove({"0": child("0.2"), "0.2": futex("futex:s")}, unowned())

SET = {"id": "sem:[3]", "kind": "sysv", "named": True}
FOR_SET = wait("semaphore", {"object": "sem:[3]", "fd": -1, "readable": True}, call="semop",
               detail="semaphore 1 to be at least 1, in the System V set 3")
t = killed("rule-lock-system-v")
t.prove({"0": child("0.2"), "0.2": FOR_SET}, [SET])

t = family("near-lock-system-v", "0.1", "0.2")
t.exit("0.1")
t.prove({"0": child("0.2"), "0.2": FOR_SET}, [SET])

t = killed("near-lock-out-of-reach", execs=True)
t.prove({"0": child("0.2"), "0.2": futex("futex:s")}, unowned(place=ANONYMOUS))

t = killed("near-lock-copied-by-fork", execs=True)
t.prove({"0": child("0.2"), "0.2": futex("futex:m")},
        [word("futex:m", "mutex", owner_elsewhere=True, owner_tid=1, place="private memory")])

# ---- rwlocks, barriers, and who left his lock behind ----

# Two who read and now want to write, beside somebody who lives: no signal makes them do anything else.
NO_HANDLERS = {"p0_1": {"handles_nothing": True}, "p0_2": {"handles_nothing": True}}
READ_LOCK = word("futex:w", "rwlock", processes=["0.1", "0.2"], place=ANONYMOUS, readers=2)
t = family("deadlock-rwlock-beside-the-living", "0.1", "0.2")
seqs = [t.snapshot({"0": SLEEP, "0.1": futex("futex:w"), "0.2": futex("futex:w")}, [READ_LOCK], reason="partial", **NO_HANDLERS)
        for _ in range(2)]
t.verdict("proven", seqs[1], ["0", "0.1", "0.2"])
for dead in "0.2", "0.1", "0":
    t.exit(dead, 9, "SIGKILL")
t.end()

t = family("deadlock-barrier-of-all", "0.1", "0.2")
t.prove({"0": child("0.1", "0.2", children=True), "0.1": futex("futex:b"), "0.2": futex("futex:b")},
        [word("futex:b", "barrier", processes=["0", "0.1", "0.2"], place=ANONYMOUS, missing=1)])

t = family("deadlock-lock-left-by-exec", "0.1")
t.prove({"0": futex("futex:m"), "0.1": SLEEP},
        [word("futex:m", "mutex", processes=["0"], place=ANONYMOUS, owner_elsewhere=True, owner_tid=3, shared=True)])

t = family("deadlock-rwlock-written", "0.1")
t.prove({"0": futex("futex:w"), "0.1": child("0")},
        [word("futex:w", "rwlock", processes=["0", "0.1"], place=ANONYMOUS, owner="0.1", owner_tid=3)])

# ---- somebody was killed who could have brought the news ----


def bereft(name, *living, code=9, signal="SIGKILL"):
    trace = family(name, "0.1", *living, faults=["point=p:kill"] if code == 9 else [])
    if code == 9:
        trace.inject(0, "0.1", "kill", "0.1")
    trace.exit("0.1", code, signal)
    return trace


EVENTFD = {"id": "eventfd:1", "kind": "eventfd", "holders": holders("0:rw3 0.2:rw3")}
CONDITION = word("futex:c", "plain", processes=["0", "0.2"], place=ANONYMOUS)
IN_CONDITION = [("0.2", "pthread_cond_wait", "work")]

t = bereft("rule-event-condition", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [CONDITION], stacks=IN_CONDITION)

t = bereft("rule-event-condition-by-shape", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")},
        [word("futex:c", "condition", processes=["0", "0.2"], place=ANONYMOUS)])

t = bereft("rule-event-barrier-by-shape", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:b")},
        [word("futex:b", "barrier", processes=["0", "0.2"], place=ANONYMOUS, missing=1)])

t = bereft("rule-event-eventfd", "0.2")
t.prove({"0": child("0.2"), "0.2": wait("read", on("eventfd:1", 3, r=True), call="read")}, [EVENTFD])

t = family("near-event-nobody-killed", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [CONDITION], stacks=IN_CONDITION)

t = bereft("near-event-private", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [word("futex:c", "plain", place="private memory")],
        stacks=IN_CONDITION)

t = bereft("rule-event-epoll", "0.2")
t.prove({"0": child("0.2"), "0.2": wait("poll", on("epoll:0.2/5", 5, r=True), call="epoll_wait")},
        [EVENTFD, {"id": "epoll:0.2/5", "kind": "epoll", "holders": holders("0.2:rw5"), "members": ["eventfd:1"]}])

t = bereft("rule-event-barrier", "0.2")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [CONDITION], stacks=[("0.2", "pthread_barrier_wait", "work")])

t = family("rule-event-script", "0.1", "0.2")
t.exit("0.1")
WAITS_IN_PYTHON = {"0": child("0.2"), "0.2": futex("futex:c")}
seq = t.snapshot(WAITS_IN_PYTHON, [word("futex:c", "semaphore", processes=["0", "0.2"], place=NAMED)])
t.verdict("proven", seq, ["0", "0.2"])
t.script("0.2", ("Condition.wait", "/usr/lib/python3.11/multiprocessing/synchronize.py", 261, "python3.11"),
         ("work", "/srv/work.py", 5))
t.end()

# A class of the program's own says nothing, whatever it is called.
t = family("near-event-own-class", "0.1", "0.2")
t.exit("0.1")
seq = t.snapshot(WAITS_IN_PYTHON, [word("futex:c", "semaphore", processes=["0", "0.2"], place=NAMED)])
t.verdict("proven", seq, ["0", "0.2"])
t.script("0.2", ("Condition.wait", "/srv/work.py", 5))
t.end()

# Another program, which shares no memory, cannot have been meant to set it.
t = family("near-event-other-program", "0.1", "0.2")
t.add("exec", process="0.1", path="/bin/true", argv=["true"])
t.exit("0.1")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [CONDITION], stacks=IN_CONDITION)

# A helper that ended before its parent became the program that makes the event knows nothing of it.
t = family("near-event-helper-of-a-wrapper", "0.1")
t.exit("0.1")
t.add("exec", process="0", path="/opt/program", argv=["program"])
t.fork("0.2", "0")
t.prove({"0": child("0.2"), "0.2": futex("futex:c")}, [CONDITION], stacks=IN_CONDITION)

PYTHONS_EVENT = word("futex:c", "semaphore", processes=["0", "0.1", "0.2"], place=NAMED)
EVENT_WAIT = ("Event.wait", "/usr/lib/python3.11/multiprocessing/synchronize.py", 349, "python3.11")
CONDITION_WAIT = ("Condition.wait", "/usr/lib/python3.11/multiprocessing/synchronize.py", 261, "python3.11")


def joined_waiters(name, *frames):
    t = family(name, "0.1", "0.2")
    seq = t.snapshot({"0": child("0.1"), "0.1": futex("futex:c"), "0.2": futex("futex:c")}, [PYTHONS_EVENT])
    t.verdict("proven", seq, ["0", "0.1", "0.2"])
    for thread in ("0.1", "0.2"):
        t.script(thread, *frames, ("work", "/srv/work.py", 5))
    t.end()


joined_waiters("rule-event-setter-joins", CONDITION_WAIT, EVENT_WAIT)
# Workers of a pool wait like this for their next task.
joined_waiters("near-event-condition-of-a-pool", CONDITION_WAIT)

RESULTS, TASKS = pipe("pipe:[1]", "0:r3 0:w4 0.2:w4 0.3:w4"), pipe("pipe:[2]", "0:w5 0.2:r6 0.3:r6")
IDLE = {"0.2": read("pipe:[2]", 6), "0.3": futex("futex:l")}
QUEUE_LOCK = word("futex:l", "semaphore", processes=["0", "0.2", "0.3"], place=NAMED)

t = bereft("rule-worker-killed", "0.2", "0.3")
t.prove({"0": read("pipe:[1]"), **IDLE}, [RESULTS, TASKS, QUEUE_LOCK])

# Pipes that differ in their numbers only are told as one, in the order of these.
t = bereft("rule-worker-killed-polled", "0.2", "0.3")
t.prove({"0": wait("poll", on("pipe:[3]", 9, r=True), on("pipe:[1]", 5, r=True), on("pipe:[1]", 7, r=True),
                   call="poll"), **IDLE},
        [RESULTS, TASKS, QUEUE_LOCK, pipe("pipe:[3]", "0:r9 0.3:w4")])

t = bereft("rule-worker-killed-the-only-one")
t.prove({"0": read("pipe:[1]")}, [pipe("pipe:[1]", "0:r3 0:w4")])

t = bereft("rule-worker-crashed", "0.2", code=11, signal="SIGSEGV")
t.prove({"0": read("pipe:[1]"), "0.2": read("pipe:[2]", 6)},
        [pipe("pipe:[1]", "0:r3 0:w4 0.2:w4"), pipe("pipe:[2]", "0:w5 0.2:r6")])

t = family("rule-worker-fed-by-queue", "0.1")
t.exit("0.1", 6, "SIGABRT")
t.prove({"0": write("mqueue:1", 3)}, [{"id": "mqueue:1", "kind": "mqueue", "named": True, "queued": 4,
                                       "holders": holders("0:rw3")}])

t = family("near-worker-fed-by-queue-others-read", "0.1", "0.2")
t.exit("0.1", 6, "SIGABRT")
t.prove({"0": write("mqueue:1", 3), "0.2": read("pipe:[1]")},
        [{"id": "mqueue:1", "kind": "mqueue", "named": True, "queued": 4, "holders": holders("0:rw3 0.2:rw3")},
         pipe("pipe:[1]", "0:w4 0.2:r3")])

t = family("rule-worker-fed-though-dead", "0.1")
t.exit("0.1", 1)
FED = {"0": futex("futex:s"), "0/t1": write("pipe:[1]")}
t.prove(FED, [word("futex:s", "semaphore"), pipe("pipe:[1]", "0:r3 0:w4", full=True)])

t = family("near-worker-fed-and-read-elsewhere", "0.1", "0.2")
t.exit("0.1", 1)
t.prove({**FED, "0.2": futex("futex:m")},
        [word("futex:s", "semaphore"), pipe("pipe:[1]", "0:r3 0:w4 0.2:r3", full=True),
         word("futex:m", "mutex", owner="0.2")])

t = family("near-worker-ended-by-itself", "0.1", "0.2")
t.exit("0.1")
t.prove({"0": read("pipe:[1]"), "0.2": read("pipe:[2]", 6)},
        [pipe("pipe:[1]", "0:r3 0:w4 0.2:w4"), pipe("pipe:[2]", "0:w5 0.2:r6")])

t = bereft("near-worker-sibling-is-busy", "0.2")
t.prove({"0": read("pipe:[1]"), "0.2": write("pipe:[2]", 6)},
        [pipe("pipe:[1]", "0:r3 0:w4 0.2:w4"), pipe("pipe:[2]", "0.2:r6 0.2:w6", full=True)])

LISTENING = {"0": child("0.2"), "0.2": read("pipe:[1]")}
LOG = [pipe("pipe:[1]", "0:r3 0:w4 0.2:r3 0.2:w4")]

t = bereft("rule-sentinel-lost", "0.2")
t.prove(LISTENING, LOG)

t = bereft("rule-sentinel-lost-by-thread")
t.prove({"0": futex("futex:join"), "0/t1": read("pipe:[1]")},
        [word("futex:join", "join", owner="0/t1"), pipe("pipe:[1]", "0:r3 0:w4")])

t = family("near-sentinel-nobody-killed", "0.2")
t.prove(LISTENING, LOG)

t = bereft("near-sentinel-other-could-send", "0.2", "0.3")
t.prove({"0": child("0.2"), "0.2": read("pipe:[1]"), "0.3": read("pipe:[2]")},
        [pipe("pipe:[1]", "0.2:r3 0.3:w4"), pipe("pipe:[2]", "0.3:r3 0.3:w4")])

# ---- nested-child-join ----


def left_behind(name, *others):
    trace = family(name, "0.1", "0.1.1", *others)
    trace.exit("0.1")
    return trace


t = left_behind("rule-nested-left-behind")
t.prove({"0": read("pipe:[1]"), "0.1.1": read("pipe:[2]", 5)},
        [pipe("pipe:[1]", "0:r3 0.1.1:w4"), pipe("pipe:[2]", "0:w6 0.1.1:r5")])

t = left_behind("rule-nested-left-behind-hang")
t.time_out({"0": read("pipe:[1]"), "0.1.1": SLEEP}, [pipe("pipe:[1]", "0:r3 0.1.1:w4")])

t = family("rule-nested-joins", "0.1", "0.1.1")
t.prove({"0": child("0.1"), "0.1": child("0.1.1"), "0.1.1": read("pipe:[1]")},
        [pipe("pipe:[1]", "0.1:w4 0.1.1:r3")])

t = family("near-nested-maker-lives", "0.1", "0.1.1")
t.time_out({"0": read("pipe:[1]"), "0.1": SLEEP, "0.1.1": SLEEP}, [pipe("pipe:[1]", "0:r3 0.1:w4 0.1.1:w4")])

# What the innermost reads from is in the hands of the outermost.
t = family("rule-nested-joins-before-closing", "0.1", "0.1.1")
t.prove({"0": child("0.1"), "0.1": child("0.1.1"), "0.1.1": read("pipe:[1]", 0)}, [pipe("pipe:[1]", "0:w5 0.1.1:r0")])

t = left_behind("near-nested-sibling-holds-it-too", "0.2")
t.time_out({"0": read("pipe:[1]"), "0.1.1": SLEEP, "0.2": SLEEP}, [pipe("pipe:[1]", "0:r3 0.1.1:w4 0.2:w4")])

t = family("near-nested-child-only", "0.1")
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]")}, [pipe("pipe:[1]", "0:w4 0.1:r3")])

# ---- fork-with-threads ----


def forked(name, threads=True, execs=False, own_threads=False):
    trace = Trace(name)
    if threads:
        trace.add("thread", thread="0/t1", by="0", tid=9)
    trace.fork("0.1", "0")
    if execs:
        trace.add("exec", process="0.1", path="/opt/program", argv=["program"])
    if own_threads:
        trace.add("thread", thread="0.1/t1", by="0.1", tid=10)
        trace.add("thread-exit", thread="0.1/t1")
    return trace


COPIED_MUTEX = word("futex:m", "mutex", owner_elsewhere=True, owner_tid=9, place="private memory")
COPIED_LOCK = word("futex:m", "semaphore", place="private memory")

t = forked("rule-fork-mutex")
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [COPIED_MUTEX], stacks=[("0.1", "pthread_mutex_lock", "work")])

t = forked("rule-fork-lock-without-owner")
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [COPIED_LOCK], stacks=[("0.1", "PyThread_acquire_lock_timed")])

t = forked("near-fork-parent-without-threads", threads=False)
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [COPIED_LOCK])

t = forked("near-fork-new-image", execs=True)
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [COPIED_LOCK])

t = forked("near-fork-threads-of-its-own", own_threads=True)
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [COPIED_LOCK])

t = forked("near-fork-locked-by-itself")
t.prove({"0": child("0.1"), "0.1": futex("futex:m")}, [word("futex:m", "mutex", owner="0.1", place="private memory")])

# ---- inherited-fd ----

MUTE = {"has_read": True, "wrote_nothing": True}
SIBLINGS = {"0": child("0.1"), "0.1": read("pipe:[1]"), "0.2": read("pipe:[2]")}
FROM_PARENT = pipe("pipe:[2]", "0:w5 0.2:r3")

t = family("rule-inherited-by-sibling", "0.1", "0.2")
t.prove(SIBLINGS, [pipe("pipe:[1]", "0.1:r3 0.2:w4"), FROM_PARENT], p0_1=MUTE, p0_2=MUTE)

t = family("rule-inherited-by-each-other", "0.1", "0.2")
t.prove(SIBLINGS, [pipe("pipe:[1]", "0.1:r3 0.2:w4"), pipe("pipe:[2]", "0:w5 0.1:w5 0.2:r3")], p0_1=MUTE, p0_2=MUTE)

t = family("rule-inherited-by-the-reader", "0.1")
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]")}, [pipe("pipe:[1]", "0.1:r3 0.1:w4")], p0_1=MUTE)

OWN_COPY = pipe("pipe:[1]", "0:r3 0:w4")

t = family("rule-inherited-own-copy", "0.1")
t.exit("0.1")
t.prove({"0": read("pipe:[1]")}, [OWN_COPY])

# Nobody forgot to close what was opened for reading and writing at once.
t = family("near-inherited-open-for-both", "0.1")
t.exit("0.1")
t.prove({"0": read("fifo:[1]", 0)}, [{**pipe("fifo:[1]", "0:rw0"), "kind": "fifo"}])

# Who ended before the reader became the program that made the pipe never had it.
t = family("near-inherited-own-copy-of-a-wrapper", "0.1")
t.exit("0.1")
t.add("exec", process="0", path="/opt/program", argv=["program"])
t.prove({"0": read("pipe:[1]")}, [OWN_COPY])

# A thread that may be the partner: who has what to do with the pipe is not clear.
t = family("near-inherited-own-copy-beside-a-thread", "0.1")
t.exit("0.1")
t.prove({"0": read("pipe:[1]"), "0/t1": futex("futex:s")}, [OWN_COPY, word("futex:s", "semaphore")])

DAEMON = {"0": read("pipe:[1]"), "0.1": SIGNAL}
FROM_DAEMON = pipe("pipe:[1]", "0:r3 0.1:w4")

t = family("rule-inherited-by-a-daemon", "0.1", "0.2")
t.exit("0.2")
t.time_out(DAEMON, [FROM_DAEMON], p0=MUTE, p0_1=MUTE)

# Nobody else could have written yet: the daemon may be the one who is to.
t = family("near-inherited-daemon-is-the-writer", "0.1")
t.time_out(DAEMON, [FROM_DAEMON], p0=MUTE, p0_1=MUTE)

PROGRAMS = {"0": child("0.1"), "0.1": read("pipe:[1]", 0), "0.2": read("pipe:[2]", 0)}


def programs(name):
    trace = family(name, "0.1", "0.2")
    for address in ("0.1", "0.2"):
        trace.add("exec", process=address, path="/bin/cat", argv=["cat"])
    return trace


t = programs("rule-inherited-through-exec")
t.prove(PROGRAMS, [pipe("pipe:[1]", "0.1:r0 0.2:w4"), pipe("pipe:[2]", "0:w5 0.2:r0")], p0_1={"has_read": True},
        p0_2=MUTE)

# What a program was given as its standard output it was given on purpose.
t = programs("near-inherited-standard-output")
t.prove(PROGRAMS, [pipe("pipe:[1]", "0.1:r0 0.2:w1"), pipe("pipe:[2]", "0:w5 0.2:r0")], p0_1={"has_read": True},
        p0_2=MUTE)

t = family("rule-inherited-lock", "0.1", "0.1.1")
t.exit("0.1")
LOCKED_BY_HEIR = {"id": "file:8:1:7", "kind": "file", "path": "/tmp/lock", "holders": holders("0:rw5 0.1.1:rw5"),
                  "locks": [{"type": "flock", "exclusive": True, "inherited": True, "process": "0.1.1"}]}
t.prove({"0": wait("lock", on("file:8:1:7", 5), call="flock"), "0.1.1": read("pipe:[1]")},
        [LOCKED_BY_HEIR, pipe("pipe:[1]", "0:w4 0.1.1:r3")])

t = family("near-inherited-partner-not-begun", "0.1", "0.2")
t.prove(SIBLINGS, [pipe("pipe:[1]", "0.1:r3 0.2:w4"), FROM_PARENT], p0_1={"wrote_nothing": True}, p0_2=MUTE)

t = family("near-inherited-partner-wrote", "0.1", "0.2")
t.prove(SIBLINGS, [pipe("pipe:[1]", "0.1:r3 0.2:w4"), FROM_PARENT], p0_1=MUTE, p0_2={"has_read": True})

t = family("near-inherited-partners", "0.1", "0.2")
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]"), "0.2": read("pipe:[2]")},
        [pipe("pipe:[1]", "0.1:r3 0.2:w4"), pipe("pipe:[2]", "0.1:w5 0.2:r3")], p0_1=MUTE, p0_2=MUTE)

t = family("near-inherited-parent-holds-it-too", "0.1", "0.2")
t.prove(SIBLINGS, [pipe("pipe:[1]", "0:w4 0.1:r3 0.2:w4"), FROM_PARENT], p0_1=MUTE, p0_2=MUTE)

t = family("near-inherited-reader-of-its-own", "0.1")
t.add("exec", process="0.1", path="/opt/helper", argv=["helper"])
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]")}, [pipe("pipe:[1]", "0.1:r3 0.1:w4")], p0_1=MUTE)

t = family("near-inherited-lock-of-its-own", "0.1", "0.1.1")
t.exit("0.1")
t.prove({"0": wait("lock", on("file:8:1:7", 5), call="flock"), "0.1.1": read("pipe:[1]")},
        [{**LOCKED_BY_HEIR, "locks": [{"type": "flock", "exclusive": True, "process": "0.1.1"}]},
         pipe("pipe:[1]", "0:w4 0.1.1:r3")])

# ---- hung-thread ----

t = family("rule-thread-joined", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:join"), "0.1/t1": futex("futex:c")},
        [word("futex:join", "join", owner="0.1/t1"), word("futex:c", "plain")],
        stacks=[("0.1/t1", "pthread_cond_wait", "keep_journal")])

t = family("rule-thread-alone")
t.prove({"0": futex("futex:join"), "0/t1": read("pipe:[1]")},
        [word("futex:join", "join", owner="0/t1"), pipe("pipe:[1]", "0:r3 0:w4")])

t = family("rule-thread-of-a-runtime", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:t"), "0.1/t1": futex("futex:e")},
        [word("futex:t", "semaphore"), word("futex:e", "semaphore")],
        stacks=[("0.1", "PyThread_acquire_lock_timed")])

t = family("near-thread-condition", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:t"), "0.1/t1": futex("futex:e")},
        [word("futex:t", "plain"), word("futex:e", "plain")],
        stacks=[("0.1", "pthread_cond_wait", "main")])

t = family("near-thread-lock-held", "0.1")
t.prove({"0": child("0.1"), "0.1": futex("futex:join"), "0.1/t1": futex("futex:c"), "0.1/t2": futex("futex:m")},
        [word("futex:join", "join", owner="0.1/t1"), word("futex:c", "plain"),
         word("futex:m", "mutex", owner="0.1/t1")])

t = family("near-thread-other-could-help", "0.1", "0.2")
t.prove({"0": child("0.1"), "0.1": futex("futex:join"), "0.1/t1": read("pipe:[1]"), "0.2": read("pipe:[2]")},
        [word("futex:join", "join", owner="0.1/t1"), pipe("pipe:[1]", "0.1:r3 0.2:w4"),
         pipe("pipe:[2]", "0.2:r3 0.2:w4")])

# ---- details that only a second look tells apart ----

t = family("lost-mixed")
for book, message in (("sent:b", 3), ("sent:a", 1), ("received:b", 3), ("sent:a", 2), ("sent:b", 1), ("received:a", 2),
                      ("sent:c", 1), ("received:c", 1), ("received:c", 1), ("sent:b", 2), ("received:b", 2)):
    t.add("ledger", thread="0", book=book, id=message)
t.finish()

t = family("limit-each", "0.1")
for thread, resource in (("0", "nproc"), ("0.1", "nproc"), ("0", "memlock"), ("0/t1", "nproc")):
    t.add("limit", thread=thread, call="clone", error="EAGAIN", resource=resource, value=8)
t.finish()

t = family("zombie-twice", "0.1", "0.2", "0.3")
t.exit("0.2")
t.exit("0.1")
t.t += 2 * SECOND
t.snapshot({"0": SLEEP}, p0_1={"zombie": True}, p0_2={"zombie": True})
t.exit("0.3")
t.t += 2 * SECOND
t.snapshot({"0": SLEEP}, p0_3={"zombie": True})
t.finish()

t = family("names", "0.1")
t.add("exec", process="0", path="/opt/lib/interpreter", argv=["/bin/a-rather-long-name"])
t.signal("0.1", 11, "SIGSEGV", "kernel")
t.exit("0.1", 11, "SIGSEGV")
t.fork("0.2", "0")
t.prove({"0": child("0.2"), "0.2": read("pipe:[1]")}, [pipe("pipe:[1]", "0:w4 0.2:r3")],
        p0={"name": "a-rather-long-n"}, p0_2={"name": "renamed"})

t = family("near-lock-no-kin", "0.1", "0.1.1", "0.2", "0.2.1")
t.signal("0.1.1", 15, "SIGTERM", "0.1")
t.exit("0.1.1", 15, "SIGTERM")
t.prove({"0.2": child("0.2.1"), "0.2.1": futex("futex:s")},
        [word("futex:s", "semaphore", processes=["0.2", "0.2.1"], place=NAMED)])

t = killed("rule-lock-certain-first")
t.prove({"0": futex("futex:s"), "0.2": futex("futex:m")}, owned(dead_owner="0.1") + unowned())

t = family("rule-thread-beside-others", "0.1", "0.2")
t.prove({"0": child("0.1"), "0.1": futex("futex:join"), "0.1/t1": futex("futex:c"), "0.1/t2": futex("futex:c"),
         "0.2": read("pipe:[1]")},
        [word("futex:join", "join", owner="0.1/t2"), word("futex:c", "plain"), pipe("pipe:[1]", "0:w4 0.2:r3")])

t = family("near-killed-late-signal", "0.1")
t.exit("0.1", 9, "SIGKILL")
t.add("kill", thread="0", target=12, process="0.1")
t.finish()

# ---- standard output, compared byte by byte ----

def compare(name, expected, printed, *, same=0, text=True, code=0, verdict="finished", exit="0", before=None,
            of_runs=False):
    """Digests only have to differ where the texts do."""
    content = {**({} if of_runs else {"name": "right.txt"}), "size": len(expected),
               "digest": f"xxh3:{hash_of(expected)}"}
    if text:
        content["text"] = expected
    t = family(name, captured=True, expect={"stdout": content, "exit": exit})
    if before:
        before(t)
    t.add("output", stream="stdout", text=printed)
    t.exit("0", code)
    t.verdict(verdict)
    t.add("stream", stream="stdout", size=len(printed), digest=f"xxh3:{hash_of(printed)}", same=same,
          **({} if text else {"binary": True}))
    t.end()


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


THREE = "alpha 1\nbeta 2\ngamma 3\n"
compare("comparison-lost-end", THREE, "alpha 1\nbe", same=10)
compare("comparison-lost-all", THREE, "")
compare("comparison-lost-line", THREE, "alpha 1\ngamma 3\n", same=8)
compare("comparison-duplicate", THREE, "alpha 1\nbeta 2\nbeta 2\ngamma 3\n", same=15)
compare("comparison-lost-and-duplicate", THREE, "alpha 1\nalpha 1\ngamma 3\n", same=8)
compare("comparison-torn", THREE, "alpha 1\nbetagamma 3\n 2\n", same=12)
compare("comparison-torn-and-lost", THREE, "alpha 1\nbetgamma 3\n", same=11)
compare("comparison-other", THREE, "alpha 1\nbeta 5\ngamma 3\n", same=13)
compare("comparison-order", THREE, "gamma 3\nbeta 2\nalpha 1\n")
compare("comparison-order-crowd", THREE, "gamma 3\nbeta 2\nalpha 1\n", before=lambda t: t.fork("0.1", "0"))
compare("comparison-order-alone", THREE, "gamma 3\nbeta 2\nalpha 1\n", of_runs=True)
compare("comparison-order-and-other", THREE, "gamma 3\nbeta 5\nalpha 1\n", of_runs=True,
        before=lambda t: t.fork("0.1", "0"))
compare("near-comparison-order", THREE, "gamma 3\nbeta 2\nalpha 1\n", of_runs=True, before=lambda t: t.fork("0.1", "0"))
compare("comparison-binary", "x" * 900, "x" * 700 + "y" * 200, same=700, text=False)
compare("near-comparison-same", THREE, THREE, same=23)
compare("near-comparison-failed", THREE, "alpha 1\n", same=8, code=2, exit="any")
compare("near-comparison-digits", "sum 12\nsum 34\n", "sum 34\nsum 21\n", same=4)


def content(text):
    return {"size": len(text), "digest": f"xxh3:{hash_of(text)}", "text": text}


def write_files(name, *files):
    """What a run without faults does: writes a table, a log and an index, and removes a lock."""
    expected = [("/srv/index", "changed", "1\n"), ("/srv/lock", "deleted", None), ("/srv/log", "created", "a\nb\n"),
                ("/srv/table", "created", "1 one\n2 two\n")]
    t = family(name, expect={"exit": "any", "baseline": True, "files": [
        {"path": path, "change": change, **({"content": content(text)} if text else {})}
        for path, change, text in expected]})
    t.exit("0")
    t.verdict("finished")
    for path, change, text in files:
        held = {"size": len(text), "content": content(text)} if text is not None else {}
        t.add("file", path=path, change=change, type="file", **held)
    t.end()


write_files("comparison-file", ("/srv/index", "changed", "7\n"), ("/srv/table", "created", "1 one\n"))
write_files("near-comparison-file", ("/srv/index", "changed", "1\n"), ("/srv/lock", "deleted", None),
            ("/srv/log", "created", "a\nb\n"), ("/srv/more", "created", "x"),
            ("/srv/table", "created", "1 one\n2 two\n"))

# ---- what is left behind ----

def leave(name, *left, files=(), verdict="finished", ended=None, expect=None, refused=None):
    t = family(name, "0.1", expect=expect)
    if refused:
        t.inject(0, "0", "error=EACCES", at=refused)
    if ended:
        number, signal, action = ended
        t.inject(0, "0.1", action, "0.1")
        if signal != "SIGKILL":
            t.signal("0.1", number, signal, "pitfall")
        t.exit("0.1", number, signal)
    else:
        t.exit("0.1")
    t.exit("0")
    t.verdict(verdict)
    for kind, what, *more in left:
        t.add("left", kind=kind, name=what, **dict(more))
    for path, kind, temporary in files:
        t.add("file", path=path, change="created", type=kind, **({"temporary": True} if temporary else {}))
    t.end()


leave("ipc-leak-each", ("sysv-shm", "id 0, key 0x0000002a", ("process", "0.1"), ("size", 4096)),
      ("sysv-shm", "id 1", ("size", 100)), ("sysv-sem", "id 0"), ("sysv-msg", "id 0"), ("shm", "/jobs", ("size", 8)),
      ("sem", "/lock"), ("mqueue", "/replies"))
leave("ipc-leak-killed", ("sem", "/lock"), ended=(9, "SIGKILL", "kill"))
leave("ipc-leak-socket", files=[("/srv/server.sock", "socket", False)])
leave("ipc-leak-baseline", files=[("/tmp/a", "file", True), ("/tmp/b", "file", True)],
      expect={"baseline": True, "leftovers": 1})
leave("ipc-leak-terminated", files=[("/tmp/a", "file", True)], ended=(15, "SIGTERM", "signal=TERM"),
      expect={"baseline": True, "exit": "any"})
leave("near-ipc-leak-killed", files=[("/tmp/a", "file", True)], ended=(9, "SIGKILL", "kill"),
      expect={"baseline": True, "exit": "any"})
leave("near-ipc-leak-temporary", files=[("/tmp/a", "file", True), ("/srv/result", "file", False)])
leave("near-ipc-leak-baseline", files=[("/tmp/a", "file", True), ("/srv/pipe", "fifo", False)],
      expect={"baseline": True, "leftovers": 2})
FOLDER = [("/tmp/a", "directory", True), ("/tmp/a/log", "file", True)]
leave("ipc-leak-refused", refused="unlink", files=[*FOLDER, ("/tmp/a/log.1", "file", True)],
      expect={"baseline": True, "leftovers": 0})
leave("ipc-leak-refused-other", ("shm", "/jobs"), refused="openat")
leave("near-ipc-leak-refused", refused="unlink", files=FOLDER, expect={"baseline": True, "leftovers": 0})
leave("near-ipc-leak-refused-object", ("shm", "/jobs"), refused="unlink")
leave("near-ipc-leak-cut-short", ("sem", "/lock"), verdict="interrupted")


# ---- process explosions ----

def generations(name, depth, *, program="/opt/program", between=None, alive=True, limit=False, verdict="finished", wide=0):
    """0 makes 0.1, which makes 0.1.1, and so on; with a shell between two of them if there is one."""
    t = family(name, expect={"exit": "any"}, limits=[("nproc", 16)] if limit else [])
    address = "0"
    for _ in range(depth - 1):
        for step in ([between] if between else []) + [program]:
            parent, address = address, address + ".1"
            t.fork(address, parent)
            t.add("exec", process=address, path=step)
            if not alive:
                t.exit(parent)
    for i in range(wide):
        t.fork(f"0.{i + 2}", "0")
    if limit:
        t.add("limit", thread=address, call="clone", error="EAGAIN", resource="nproc", value=16)
    living = [a for a in {e["process"] for e in t.events if e["event"] == "fork"}]
    if verdict == "overgrown":
        t.verdict(verdict, 0, sorted(living))
        t.end()
        return
    while address and alive:
        t.exit(address, 1 if limit else 0)
        address = address.rpartition(".")[0]
    t.verdict(verdict)
    t.end()


generations("explosion-at-limit", 7, limit=True)
generations("explosion-through-shell", 6, between="/bin/sh", limit=True)
generations("explosion-alive", 40)
generations("explosion-overgrown-deep", 12, verdict="overgrown")
generations("explosion-overgrown-wide", 1, wide=30, verdict="overgrown")
generations("near-explosion-make", 4, between="/bin/sh", limit=True)
generations("near-explosion-pool", 1, wide=60)
generations("near-explosion-relay", 40, alive=False)
generations("near-explosion-deep", 20)


# ---- busy loops ----

def circle(name, *paces, waits, objects=(), last=None, dead=None, ended=None):
    t = family(name, *[p for p in waits if p != "0" and "/" not in p], *filter(None, [dead, ended]))
    for thread in waits:
        if "/" in thread:
            t.add("thread", thread=thread, by=thread.split("/")[0], tid=len(t.events) + 1)
    if dead:
        t.inject(0, dead, "kill", dead)
        t.exit(dead, 9, "SIGKILL")
    if ended:
        t.exit(ended)
    t.t += 9 * SECOND
    if last:
        t.add(*last[:1], **dict(last[1:]))
    goes_round(t, *paces, waits=waits, objects=objects)


def goes_round(t, *paces, waits, objects=()):
    t.t += SECOND
    seq = t.snapshot(waits, objects, reason="deadline")
    t.verdict("deadline", seq, sorted({p.split("/")[0] for p in waits}))
    for thread, fields in paces:
        t.add("pace", thread=thread, window_ns=5 * SECOND, **fields)
    t.end()


def spin(**fields):
    return {"run_ns": 3 * SECOND, "queued_ns": 2 * SECOND, "wakes": 700, "looks": 200, "states": 2, **fields}


def poll(**fields):
    return {"run_ns": 20 * MS, "wakes": 500, **fields}


RUNS, NAPS = wait("none"), wait("none", call="clock_nanosleep", timed=True)
circle("busy-loop-spin", ("0.1", spin()), waits={"0": child("0.1"), "0.1": RUNS})
circle("busy-loop-poll", ("0", poll()), ("0.1", {"run_ns": MS, "wakes": 2}), waits={"0": NAPS, "0.1": NAPS})
circle("busy-loop-both", ("0", poll()), ("0.1", spin()), waits={"0": wait("sleep", call="poll"), "0.1": RUNS})
circle("rule-endless-poll", ("0", poll()), waits={"0": NAPS}, dead="0.1")

# Housekeepers tick, and what they tick beside is a circle of processes; or it is not.
TICKS = wait("futex", {"object": "futex:t", "fd": -1}, call="futex", timed=True)
PARKED = [word("futex:m", "condition"), word("futex:t", "condition")]
THROUGH = pipe("pipe:[1]", "0:r3 0.1:w1 0.1.1:w1", full=True)
JOINED = [word("futex:j", "join", owner="0/t1")]
circle("rule-join-beside-housekeepers", ("0/t3", poll()), ("0/t4", {"run_ns": MS, "wakes": 2}),
       objects=[THROUGH, *PARKED, *JOINED],
       waits={"0": futex("futex:j"), "0/t1": futex("futex:m"), "0/t2": child("0.1"), "0/t3": TICKS, "0/t4": TICKS,
              "0/t5": TICKS, "0.1": child("0.1.1"), "0.1.1": write("pipe:[1]", 1)})
circle("near-join-beside-one-who-reads", ("0/t3", poll(bytes=1)), objects=[THROUGH, *PARKED, *JOINED],
       waits={"0": futex("futex:j"), "0/t1": futex("futex:m"), "0/t2": child("0.1"), "0/t3": TICKS,
              "0.1": child("0.1.1"), "0.1.1": write("pipe:[1]", 1)})
circle("near-housekeepers-beside-the-idle", ("0/t3", poll()), objects=[OWN_INPUT, *PARKED, *JOINED],
       waits={"0": futex("futex:j"), "0/t1": futex("futex:m"), "0/t2": futex("futex:m"), "0/t3": TICKS,
              "0.1": read("pipe:[1]", 0)})

# Who polls is who should read, or should unlock.
circle("busy-loop-does-not-read", ("0", poll()), objects=[THROUGH],
       waits={"0": NAPS, "0.1": child("0.1.1"), "0.1.1": write("pipe:[1]", 1)})
circle("busy-loop-holds-the-lock", ("0", poll()),
       objects=[word("futex:l", "mutex", processes=["0", "0.1"], owner="0")],
       waits={"0": NAPS, "0.1": futex("futex:l")})


def beside_a_copy(name, pace, ticker=False, wait=NAPS):
    """A child waits for a lock that was copied locked, while a thread of the root goes on."""
    t = Trace(name)
    t.add("thread", thread="0/t1", by="0", tid=9)
    t.fork("0.1", "0")
    waits = {"0": child("0.1"), "0/t1": wait, "0.1": futex("futex:c")}
    if ticker:
        t.add("thread", thread="0.1/t1", by="0.1", tid=10)
        waits["0.1/t1"] = NAPS
    t.t += 9 * SECOND
    goes_round(t, ("0/t1", pace), waits=waits, objects=[word("futex:c", "semaphore")])


beside_a_copy("busy-loop-beside-a-copied-lock", poll())
beside_a_copy("hang-beside-a-copied-lock", spin(states=140), wait=RUNS)
beside_a_copy("near-busy-loop-lock-of-a-ticker", poll(), ticker=True)
circle("near-busy-loop-reader-of-a-fifo", ("0", poll()),
       objects=[{"id": "fifo:8:1:1", "kind": "fifo", "path": "/tmp/orders", "external": True, "by_name": True,
                 "holders": holders("0.1:r3 0.1:w3")}],
       waits={"0": NAPS, "0.1": read("fifo:8:1:1")})
circle("near-busy-loop-idle-reader", ("0", poll()), objects=[OWN_INPUT], waits={"0": NAPS, "0.1": read("pipe:[1]", 0)})
circle("near-busy-loop-is-joined", ("0/t1", poll()), objects=JOINED, waits={"0": futex("futex:j"), "0/t1": NAPS})
circle("near-endless-poll-ended-by-itself", ("0", poll()), waits={"0": NAPS}, ended="0.1")
circle("near-busy-loop-computes", ("0", spin(states=140)), waits={"0": RUNS})
circle("near-busy-loop-reads", ("0", poll(bytes=1)), waits={"0": NAPS})
circle("near-busy-loop-blind", ("0", poll(bytes_unknown=True)), waits={"0": NAPS})
circle("near-busy-loop-idle", ("0", poll(wakes=5)), waits={"0": NAPS})
circle("near-busy-loop-woken", ("0", poll()), waits={"0": RUNS})
circle("near-busy-loop-beside-work", ("0", poll()), ("0.1", spin(states=140)), waits={"0": NAPS, "0.1": RUNS})
circle("near-busy-loop-forks", ("0", poll()), waits={"0": NAPS},
       last=("fork", ("process", "0.1"), ("parent", "0"), ("pid", 3), ("how", "fork")))


# ---- signals and shutdown ----

def typed(name, *, alone=False, childs=2, code=0, lost=True):
    """Ctrl-C reaches the root, and its child unless alone."""
    t = family(name, "0.1")
    t.add("ledger", thread="0", book="sent", id=1)
    t.signal("0", 2, "SIGINT", "kernel")
    if not alone:
        t.signal("0.1", 2, "SIGINT", "kernel")
    t.exit("0.1", childs or code, "SIGINT" if childs else None)
    if not lost:
        t.add("ledger", thread="0", book="received", id=1)
    t.finish()


typed("rule-group-signal")
typed("rule-group-signal-told-by-status", childs=0, code=1)
typed("near-group-signal-nothing-lost", lost=False)
typed("near-group-signal-child-ended-well", childs=0)

t = family("near-group-signal-sent-by-parent", "0.1")
t.add("ledger", thread="0", book="sent", id=1)
t.signal("0", 15, "SIGTERM", "outside")
t.signal("0.1", 15, "SIGTERM", "0")
t.exit("0.1", 15, "SIGTERM")
t.finish()


def spawned(name, *, ended=("0.1",), before=False, more=()):
    """The root is asked to end when 0.2 has just been made; whom it ends then."""
    t = family(name, "0.1", *([] if before else ["0.2"]))
    t.signal("0", 15, "SIGTERM", "outside")
    if before:
        t.fork("0.2", "0")
    for process in more:
        t.fork(process, "0")
    for process in ended:
        t.signal(process, 15, "SIGTERM", "0")
        t.exit(process, 15, "SIGTERM")
    t.exit("0")
    left = [p for p in ("0.1", "0.2", *more) if p not in ended]
    seq = t.snapshot({p: SLEEP for p in left})
    t.verdict("abandoned", seq, left)
    t.end()


spawned("rule-spawn-signal")
spawned("near-spawn-signal-nobody-ended", ended=())
spawned("near-spawn-signal-made-later", before=True)
spawned("near-spawn-signal-not-the-last", ended=("0.2",))


def insisted(name, *signals):
    t = family(name, "0.1")
    for number, signal in signals:
        t.signal("0", number, signal, "kernel")
    t.prove({"0": child("0.1"), "0.1": read("pipe:[1]", 3)}, [pipe("pipe:[1]", "0:w4 0.1:r3")])


insisted("rule-second-signal", (2, "SIGINT"), (2, "SIGINT"))
insisted("near-second-signal-asked-once", (2, "SIGINT"))
insisted("near-second-signal-other-signals", (10, "SIGUSR1"), (10, "SIGUSR1"))

# ---- processes that cannot be started ----

t = family("rule-process-limit-orphans", "0.1", "0.2", limits=[("nproc", 3)])
t.add("limit", thread="0", call="clone", error="EAGAIN", resource="nproc", value=3)
t.exit("0", 1)
seq = t.snapshot({"0.1": futex("futex:b"), "0.2": futex("futex:b")}, [word("futex:b", "plain", processes=["0.1", "0.2"])])
t.verdict("abandoned", seq, ["0.1", "0.2"])
t.end()


# ---- clean-ups and finalizers ----

def untold(name, *, at=None, action="error=EIO", who="0", joiner=("pthread_join", "close_all"), script=()):
    """The main thread joins a thread that waits; what had struck it, and where it stands."""
    t = family(name, faults=[f"{at}:{action}"] if at else [])
    if at:
        t.inject(0, who, action, at=at)
    seq = t.snapshot({"0": futex("futex:join"), "0/t1": futex("futex:c")},
                     [word("futex:join", "join", owner="0/t1"), word("futex:c", "plain")])
    t.verdict("proven", seq, ["0"])
    if script:
        t.script("0", *script)
    else:
        t.stack("0", *joiner)
    t.stack("0/t1", "pthread_cond_wait", "keep_journal")
    t.exit("0", 9, "SIGKILL")
    t.end()


untold("rule-cleanup-raises", at="fsync")
untold("near-cleanup-raises-other-call", at="read")
untold("near-cleanup-raises-delayed", at="fsync", action="delay_enter=5ms")
untold("rule-finalizer-order", joiner=("pthread_join", "stop_listener", "exit"))
untold("rule-finalizer-order-python", script=(("Thread.join", "threading.py", 1119, "python3.11"), ("Log._stop", "log.py", 33)))
untold("near-finalizer-order-main", script=(("Thread.join", "threading.py", 1119, "python3.11"), ("<module>", "log.py", 33)))

# ---- messages and output in pieces ----

def pieces(name, *, killed=True, received=(1, 0), counted=(1, 2)):
    """A ledger in which something arrived that nobody had sent."""
    t = family(name, "0.1", "0.2")
    for message in counted:
        t.add("ledger", thread="0.1", book="sent", id=message)
    if killed:
        t.inject(0, "0.1", "kill", "0.1")
        t.exit("0.1", 9, "SIGKILL")
    else:
        t.exit("0.1")
    for message in received:
        t.add("ledger", thread="0.2", book="received", id=message)
    t.exit("0.2")
    t.finish()


pieces("rule-torn-message")
pieces("near-torn-message-nobody-killed", killed=False)
pieces("near-torn-message-none-counted", counted=(), received=(1, 2))
pieces("near-torn-message-only-lost", received=(1,))


def two_writers(t):
    t.fork("0.1", "0")
    t.fork("0.2", "0")
    t.exit("0.1")
    t.exit("0.2")


def one_by_one(t):
    for process in ("0.1", "0.2"):
        t.fork(process, "0")
        t.exit(process)


def execed(t):
    t.fork("0.1", "0")
    t.add("exec", process="0.1", path="/bin/echo", argv=["echo"])
    t.exit("0.1")


TORN = "alpha 1\nbetagamma 3\n 2\n"
compare("rule-interleaved", THREE, TORN, same=12, before=two_writers)
compare("near-interleaved-one-by-one", THREE, TORN, same=12, before=one_by_one)
TWICE = "alpha 1\nbeta 2\nalpha 1\ngamma 3\n"
compare("rule-double-flush", THREE, TWICE, same=15, before=one_by_one)
compare("near-double-flush-exec", THREE, TWICE, same=15, before=execed)

# ---- addresses of others ----

def reaches(name, **where):
    t = family(name, "0.1")
    t.add("signal", thread="0.1", number=11, name="SIGSEGV", sender="kernel", **where)
    t.exit("0.1", 11, "SIGSEGV")
    t.finish()


reaches("rule-context-mix", address=0x7F0000002000, mapped_in="0", mapped_shared=True)
reaches("rule-unserializable-args", address=0x7F0000002000, mapped_in="0")
reaches("near-unserializable-args-nobodys", address=0x7F0000002000)


# ---- signal handlers ----

CLEAN_UP, FLUSH = ("clean_up", 0x1000), ("flush", 0x2000)


def handled(name, *handlers, left=True, execs_after=0):
    """The root sets handlers for SIGTERM, by name and address (None: the default), and gets it."""
    t = family(name, "0.1", expect={"exit": "any"}, faults=["point=p:signal=TERM"])
    for i, handler in enumerate(handlers, 1):
        function = {"function": {"function": handler[0], "file": "/src/program.c", "line": i}} if handler else {}
        t.add("handler", thread="0", number=15, name="SIGTERM", does="function" if handler else "default", **function,
              **({"address": handler[1]} if handler else {}))
        if execs_after == i:
            t.add("exec", process="0", path="/opt/program", argv=["./program"])
    t.add("handler", thread="0.1", number=15, name="SIGTERM", does="function", address=0x3000)
    t.exit("0.1")
    t.inject(0, "0", "signal=TERM")
    t.signal("0", 15, "SIGTERM", "pitfall")
    t.exit("0", 15, "SIGTERM")
    t.verdict("finished")
    if left:
        t.add("left", kind="shm", name="/measurements", size=8)
    t.end()


t = family("rule-handler-inherited")
t.add("handler", thread="0", number=15, name="SIGTERM", does="function", function={"function": "clean_up"}, address=0x1000)
t.fork("0.1", "0")
t.add("handler", thread="0.1", number=15, name="SIGTERM", does="function", address=0x2000)
t.add("handler", thread="0", number=15, name="SIGTERM", does="default")
t.signal("0.1", 15, "SIGTERM", "0")
t.exit("0.1", 1)
t.exit("0")
t.verdict("finished")
t.add("left", kind="shm", name="/measurements", size=8)
t.end()

handled("rule-handler-overridden", CLEAN_UP, FLUSH)
handled("rule-handler-overridden-beneath", CLEAN_UP, None, FLUSH)
handled("near-handler-put-back", CLEAN_UP, FLUSH, CLEAN_UP)
handled("near-handler-set-again", CLEAN_UP, CLEAN_UP)
handled("near-handler-taken-away", CLEAN_UP, None)
handled("near-handler-before-exec", CLEAN_UP, FLUSH, execs_after=1)
handled("near-handler-calls-the-other", CLEAN_UP, FLUSH, left=False)

# ---- handles for workers ----

FRESH = {"has_read": True, "wrote_nothing": True}


def answers(name, held="0:r3 0:w5", worker=FRESH, waits=None, stacks=()):
    """The root waits for answers; a worker waits for its tasks."""
    t = family(name, "0.1")
    t.prove({"0": read("pipe:[2]"), "0.1": waits or read("pipe:[1]")},
            [pipe("pipe:[1]", "0:w4 0.1:r3"), pipe("pipe:[2]", held), word("futex:m", "mutex", owner="0.1")],
            stacks, p0_1=worker)


answers("rule-handle-as-number")
answers("near-handle-held", held="0:r3 0:w5 0.1:w5")
answers("near-handle-has-answered", worker={"has_read": True})
answers("near-handle-no-task", worker={"wrote_nothing": True})
answers("near-handle-worker-locked", waits=futex("futex:m"))

t = family("rule-handle-pickled", "0.1")
seq = t.snapshot({"0": read("pipe:[2]"), "0/t1": read("pipe:[3]", 7), "0.1": read("pipe:[1]")},
                 [pipe("pipe:[1]", "0:w4 0.1:r3"), pipe("pipe:[2]", "0:r3 0:w5"), pipe("pipe:[3]", "0:r7 0.1:w8")],
                 p0_1={"wrote_nothing": True})
t.verdict("proven", seq, ["0", "0.1"])
t.script("0/t1", ("Pool._handle_results", "/usr/lib/python3.11/multiprocessing/pool.py", 579, "python3.11"))
t.end()

# ---- names that are gone ----

def searched(name, *steps, code=1, root=1):
    """A worker looks for a name ("search") that its parent removes ("remove"), or it itself ("self")."""
    t = family(name, "0.1")
    for step in steps:
        thread = "0" if step == "remove" else "0.1"
        t.add("name", thread=thread, name="/dev/shm/numbers", **({} if step == "search" else {"removed": True}))
    t.exit("0.1", code)
    t.finish(root)


searched("rule-name-removed", "remove", "search")
searched("near-name-never-there", "search")
searched("near-name-removed-later", "search", "remove")
searched("near-name-removed-by-itself", "remove", "self", "search")
searched("near-name-done-without", "remove", "search", code=0)
searched("near-name-nothing-failed", "remove", "search", root=0)

# ---- pools ----

def workers(name, *addresses, waits=None, tasks="0:w4 0.1:r3 0.2:r3", turn=("0", "0.1", "0.2")):
    """Workers take tasks from one pipe, one at a time; who has made them waits for the first to end."""
    t = family(name, *addresses)
    waits = waits or {"0": child("0.1"), "0.1": futex("futex:s"), "0.2": read("pipe:[1]")}
    t.prove(waits, [pipe("pipe:[1]", tasks), word("futex:s", "semaphore", processes=list(turn))])


workers("rule-pool-joined", "0.1", "0.2")
workers("near-pool-one-worker", "0.1", waits={"0": child("0.1"), "0.1": read("pipe:[1]")}, tasks="0:w4 0.1:r3")
workers("near-pool-worker-needs-another", "0.1", "0.2", "0.2.1", tasks="0:w4 0.1:r3 0.2:r3 0.2.1:w4",
        waits={"0": child("0.1"), "0.1": futex("futex:s"), "0.2": read("pipe:[1]"), "0.2.1": read("pipe:[1]")})
workers("near-pool-pipe-of-one", "0.1", "0.2", tasks="0:w4 0.2:r3",
        waits={"0": child("0.1"), "0.1": futex("futex:s"), "0.2": read("pipe:[1]")}, turn=("0", "0.1"))


def leaves_workers(name, waits, objects, *, signal=None):
    t = family(name, "0.1", "0.2")
    t.exit("0", *((15, "SIGTERM") if signal else (0,)))
    seq = t.snapshot(waits, objects)
    t.verdict("abandoned", seq, list(waits))
    t.end()


IDLE = {"0.1": futex("futex:s"), "0.2": futex("futex:s")}
TASKS_IN_MEMORY = word("futex:s", "semaphore", processes=["0.1", "0.2"])
leaves_workers("rule-pool-left", IDLE, [TASKS_IN_MEMORY])
leaves_workers("near-pool-left-by-a-signal", IDLE, [TASKS_IN_MEMORY], signal=True)
leaves_workers("near-pool-left-apart", {"0.1": futex("futex:s"), "0.2": futex("futex:t")},
               [TASKS_IN_MEMORY, word("futex:t", "semaphore", processes=["0.2"])])
leaves_workers("near-pool-left-serving", {"0.1": read("socket:[1]"), "0.2": read("socket:[1]")},
               [{"id": "socket:[1]", "kind": "socket", "external": True, "external_why": "a network",
                 "holders": holders("0.1:rw3 0.2:rw3")}])
leaves_workers("near-pool-left-busy", {"0.1": futex("futex:s"), "0.2": SLEEP}, [TASKS_IN_MEMORY])

# ---- standard input, and globals ----

t = family("rule-closed-stdin", "0.1", "0.1.1")
t.prove({"0": read("pipe:[1]", 0), "0.1": child("0.1.1"), "0.1.1": read("pipe:[1]", 0)},
        [pipe("pipe:[1]", "0:r0 0.1:r0 0.1:w1 0.1.1:r0 0.1.1:w1")])

t = family("near-closed-stdin-pipeline", "0.1", "0.2")
t.prove({"0": child("0.1", "0.2"), "0.1": read("pipe:[1]", 0), "0.2": read("pipe:[2]", 0)},
        [pipe("pipe:[1]", "0.1:r0 0.2:w1"), pipe("pipe:[2]", "0:w4 0.2:r0")])

t = family("near-closed-stdin-one-process", "0.1")
t.prove({"0": child("0.1"), "0.1": read("pipe:[1]", 0)}, [pipe("pipe:[1]", "0.1:r0 0.1:w1")])


def worker_reads(name, value, *, execs=True, before=True, later=None):
    """The root sets a threshold of 250, before or after it makes a worker that reads it."""
    t = family(name)
    t.add("ledger", thread="0", book="set:threshold", id=100)
    if before:
        t.add("ledger", thread="0", book="set:threshold", id=250)
    t.fork("0.1", "0")
    if execs:
        t.add("exec", process="0.1", path="/opt/program", argv=["program"])
    if not before or later:
        t.add("ledger", thread="0", book="set:threshold", id=later or 250)
    t.add("ledger", thread="0.1", book="read:threshold", id=value)
    t.exit("0.1")
    t.finish()


worker_reads("rule-stale-global", 100)
worker_reads("near-stale-global-by-fork", 100, execs=False)
worker_reads("near-stale-global-set-later", 250, before=False)
worker_reads("near-stale-global-set-twice", 300, later=300)
worker_reads("near-stale-global-as-set", 250)


# ---- limits that were raised elsewhere ----

def short_of_files(name, value, parents, *, began=32):
    t = family(name, "0.1", limits=[("nofile", began)])
    t.add("limit", thread="0.1", call="openat", error="EMFILE", resource="nofile", value=value, parents=parents)
    t.exit("0.1")
    t.finish()


short_of_files("rule-stale-limit", 32, 128)
short_of_files("near-stale-limit-same", 32, 32)
short_of_files("near-stale-limit-lowered-by-itself", 16, 32)


# ---- what it costs to hand work over ----

def crew(name, *, head=100, worker=100, system=90, answers=40000, size=5, back=1, portions=1, head_writes=None, execs=False,
         scenario=None):
    """A root and a worker that it made of itself, with what they used: milliseconds, messages, bytes of each."""
    t = family(name, "0.1")
    if scenario:
        t.events[0]["scenario"] = scenario
    if execs:
        t.add("exec", process="0.1", path="/usr/bin/sort", argv=["sort"])
    theirs = {"reads": answers * portions, "read_bytes": answers * size, "writes": answers if back else 0,
              "written_bytes": answers * back}
    own = {"reads": answers if back else 0, "read_bytes": answers * back,
           "writes": answers if head_writes is None else head_writes, "written_bytes": answers * size}
    t.add("usage", process="0.1", run_ns=worker * MS, system_ns=worker * system // 100 * MS, **theirs)
    t.exit("0.1")
    own = {key: value + theirs[key] for key, value in own.items()}  # it has waited for its child
    t.add("usage", process="0", run_ns=(head + 1) * MS, before_ns=MS, system_ns=head * system // 100 * MS, **own)
    t.finish()


crew("rule-needless-multiprocessing")
crew("rule-needless-multiprocessing-interpreted", worker=140, system=20, portions=2)
crew("rule-needless-multiprocessing-kernel", worker=170)
crew("rule-needless-multiprocessing-scenario", scenario="mine")
crew("near-needless-multiprocessing-work", worker=170, system=60)
crew("near-needless-multiprocessing-long", head=1500, worker=2000, system=20, answers=10000)
crew("near-needless-multiprocessing-few", answers=4000)
crew("near-needless-multiprocessing-one-way", back=0)
crew("near-needless-multiprocessing-unanswered", head_writes=400000)
crew("near-needless-multiprocessing-by-bytes", portions=20)
crew("near-needless-multiprocessing-other-program", execs=True)
crew("near-needless-multiprocessing-cheap", head=20, worker=20)
crew("rule-bulk-shared-state", answers=40, size=4 << 20, back=4, portions=64)
crew("rule-bulk-shared-state-back", answers=40, size=4, back=4 << 20)
crew("near-bulk-shared-state-work", system=40, answers=40, size=4 << 20, back=4, portions=64)
crew("near-bulk-shared-state-one-way", answers=40, size=4 << 20, back=0, portions=64)
crew("near-bulk-shared-state-small", answers=40, size=64 << 10, back=4)
crew("near-bulk-shared-state-other-program", answers=40, size=4 << 20, back=4, portions=64, execs=True)


# ---- files that others put away, and answers that others read ----

LOG = {"kind": "file", "path": "/srv/jobs.log", "count": 1}
AWAY = {"kind": "file", "path": "/srv/jobs.log.1", "count": 1}
GONE = {"kind": "file", "path": "/srv/jobs.log (deleted)", "count": 1}
NULL = {"kind": "other", "path": "/dev/null", "count": 3}


def held_while(name, before, after, *, lost=True, threads=False, alone=False):
    """A writer is held at a point; what it had open before and after that."""
    t = family(name, *(["0.1"] if alone else ["0.1", "0.2"]), faults=["point=rotate:hold=point=logged"])
    if threads:
        t.add("thread", thread="0.1/t1", by="0.1", tid=77)
    t.add("ledger", thread="0.1", book="sent", id=1)
    t.inject(0, "0.1", "hold=point=logged", at="point=rotate")
    t.add("open", thread="0.1", open=before)
    t.add("open", thread="0.1", released=True, open=after)
    t.add("release", fault=0, thread="0.1", why="trigger", met=True)
    if not lost:
        t.add("ledger", thread="0", book="received", id=1)
    for process in ["0.1"] if alone else ["0.1", "0.2"]:
        t.exit(process)
    t.finish(met=[1])


held_while("rule-log-rotation-loss", [NULL, LOG], [NULL, AWAY])
held_while("rule-log-rotation-loss-removed", [NULL, LOG], [NULL, GONE])
held_while("near-log-rotation-loss-nothing-lost", [NULL, LOG], [NULL, AWAY], lost=False)
held_while("near-log-rotation-loss-same-name", [NULL, LOG], [NULL, LOG])
held_while("near-log-rotation-loss-threads", [NULL, LOG], [NULL, AWAY], threads=True)
held_while("near-log-rotation-loss-nobody-else", [NULL, LOG], [NULL, AWAY], alone=True)


def two_ask(name, *, sockets=1, answers=(3, 7), other="0/t1", look=True):
    """Two threads ask, the second one reads first; what it reads is the answer to answers[0]."""
    t = family(name, "0.1", faults=["point=asked:hold=point=answered"])
    t.add("thread", thread="0/t1", by="0", tid=77)
    t.add("thread", thread="0/t2", by="0", tid=78)
    t.add("ledger", thread=other, book="asked", id=3)
    t.inject(0, other, "hold=point=answered", at="point=asked")
    if look:
        t.add("open", thread=other, open=[NULL, {"kind": "socket", "count": sockets}])
    t.add("ledger", thread="0/t2", book="asked", id=7)
    t.add("ledger", thread="0/t2", book="answered", id=answers[0])
    t.add("release", fault=0, thread=other, why="trigger", met=True)
    t.add("ledger", thread=other, book="answered", id=answers[1])
    t.exit("0.1")
    t.finish(met=[1])


two_ask("rule-shared-proxy")
two_ask("near-shared-proxy-own-answers", answers=(7, 3))
two_ask("near-shared-proxy-two-connections", sockets=2)
two_ask("near-shared-proxy-not-looked", look=False)
two_ask("near-shared-proxy-other-process", other="0.1")
