#!/usr/bin/env bash
# `pitfall diagnose` on programs that run already: what hangs is told, what could go on is left alone, and nobody
# notices that he was looked at.
# usage: diagnose.sh PITFALL
set -euo pipefail

pitfall=$(realpath "$1")
python=/usr/bin/python3
work=$(mktemp -d)
failures=0
started=()

cleanup() {
    for pid in "${started[@]}"; do
        stop "$pid"
    done
    rm -rf "$work"
}

# stop PID: and all of its session.
stop() {
    pkill -KILL -s "$1" || true
    wait "$1" 2>/dev/null || true
}
trap cleanup EXIT

fail() {
    echo "FAILED: $1"
    cat "$work/said" "$work/complaint"
    failures=$((failures + 1))
}

# diagnose STATUS ARG…: runs it, keeps what it says.
diagnose() {
    local expected=$1 status=0
    shift
    "$pitfall" diagnose "$@" >"$work/said" 2>"$work/complaint" || status=$?
    [ "$status" -eq "$expected" ] || fail "diagnose $*: status $status, expected $expected"
}

says() {
    # Lines are wrapped wherever they happen to end.
    tr -s ' \n' ' ' <"$work/said" | grep -qF -- "$1" || fail "\"$1\" is not said"
}

complains() {
    grep -qF -- "$1" "$work/complaint" || fail "\"$1\" is not complained"
}

# start COMMAND…: in the background, in a session of its own, away from whatever the test itself holds; `pid` is the
# command's. It says a byte when it is about to hang.
start() {
    mkfifo "$work/ready"
    setsid "$@" </dev/null 3>"$work/ready" >"$work/output" 2>&1 &
    pid=$!
    started+=("$pid")
    read -r -n 1 <"$work/ready" || true
    rm "$work/ready"
    await_rest
}

# Until its child is blocked on the pipe to it.
await_full() {
    local wchan=
    until [[ $wchan == *pipe_write ]]; do
        wchan=$(cat "/proc/$(pgrep -P "$pid" || true)/wchan" 2>/dev/null) || true
    done
}

# Until the process and its children are blocked: what was said is true a moment later only.
await_rest() {
    local below
    while mapfile -t below < <(pgrep -P "$pid" | sed "s,.*,/proc/&/status,") &&
        grep -hqs '^State:.*R' "/proc/$pid/task/"*/status "${below[@]}"; do :; done
}

# diagnose_deadlock ARG…: proven, if root can see that nobody on the machine has an alarm; for a moment somebody may.
diagnose_deadlock() {
    local tries=0
    diagnose 1 "$@"
    if [ "$(id -u)" -ne 0 ] || ! grep -q 'active timers' /proc/timer_list 2>/dev/null; then
        grep -qF "(likely a deadlock)" "$work/said" || fail "likely was expected"
        return
    fi
    until grep -qF "(proven)" "$work/said"; do
        if [ $((tries += 1)) -gt 50 ]; then
            grep -q it_real_fn /proc/timer_list || fail "proven was expected"
            return
        fi
        diagnose 1 "$@"
    done
}

cat >"$work/child.py" <<'END'
import os, subprocess
child = subprocess.Popen(["seq", "100000"], stdout=subprocess.PIPE)
os.write(3, b"!"); os.close(3)
child.wait()
END
start "$python" "$work/child.py"
await_full
diagnose_deadlock --trace "$work/trace.jsonl" "$pid"
says "0 (python3 $pid) waits for process 0.1 (seq"
says "room in a pipe (fd 1) that is full"
says "Fix: Read everything first"
says "in <module> at $work/child.py:4 (in Popen.wait)"
"$pitfall" judge "$work/trace.jsonl" >"$work/again" || true
diff <(tail -n +2 "$work/said") <(tail -n +2 "$work/again") >"$work/complaint" || fail "judge says something else"
diagnose 1 --json "$pid"
"$python" - "$work/said" <<'END' || fail "the JSON report"
import json, sys
trial = json.load(open(sys.argv[1]))["trials"][0]
diagnosis = trial["diagnosis"]
assert trial["attached"] and diagnosis["pitfall"] == "join-before-drain"
assert diagnosis["certainty"] == ("proven" if diagnosis["proven"] else "likely")
END
stop "$pid"

cat >"$work/locks.py" <<'END'
import os, threading
a, b, met = threading.Lock(), threading.Lock(), threading.Barrier(2)
class Ünder:
    def take(first, second):
        for _ in generate(first):
            with second:
                pass
def generate(lock):
    with lock:
        met.wait()
        yield lock
take = Ünder.take
threads = [threading.Thread(target=take, args=pair) for pair in ((a, b), (b, a))]
for thread in threads: thread.start()
os.write(3, b"!"); os.close(3)
for thread in threads: thread.join()
END
start "$python" "$work/locks.py"
diagnose_deadlock "$pid"
says "in Ünder.take at $work/locks.py:6"
says "in <module> at $work/locks.py:16 (in Thread.join)"
tasks=("/proc/$pid/task/"*)
task=${tasks[-1]##*/}
diagnose 1 "$task" # the number of a thread stands for its process
says "0/t2 (python3 $task)"
stop "$pid"

# What somebody outside the tree could end is not stuck, and the report says who.
mkfifo "$work/line"
setsid sh -c "exec 4<>'$work/line'; rm '$work/line'; echo 1; exec sleep 1000 3>&-" 3>&1 >"$work/output" &
holder=$!
started+=("$holder")
until [ -s "$work/output" ]; do :; done
reader_fd=/proc/$holder/fd/4
start sh -c "printf '!' >&3; exec cat <'$reader_fd' 3>&-"
diagnose 0 "$pid"
says "nothing is known to be stuck"
says "process $holder (sleep), which is not of the tree, has it open as well"

# A pipeline: one program of it, and all of it.
start sh -c 'sleep 1000 | cat & printf "!" >&3; exec 3>&-; wait'
until [ "$(pgrep -P "$pid" -x 'sleep|cat' | wc -l)" -eq 2 ]; do :; done
await_rest
diagnose 0 "$pid"
says "0.2 (cat"
says "it could write to it; it sleeps"
children=$(pgrep -P "$pid" | tr '\n' ' ')
# shellcheck disable=SC2086 # two numbers
diagnose 0 $children
says "1 (cat"

# Descriptors and memory that a parent outside the tree holds; the parent itself is a deadlock with its children.
cat >"$work/shared.py" <<'END'
import multiprocessing, os, socket, signal
event, near_and_far, semaphore = os.eventfd(0), socket.socketpair(), multiprocessing.get_context("fork").Semaphore(0)
def child(block):
    pid = os.fork()
    if pid == 0:
        near_and_far[1].close() if block is receive else None
        os.close(3)
        block()
    return pid
def receive(): near_and_far[0].recv(1)
for block in (lambda: os.read(event, 8), receive, semaphore.acquire): child(block)
os.write(3, b"!"); os.close(3)
os.wait()
END
start "$python" "$work/shared.py"
for child in $(pgrep -P "$pid"); do
    until grep -q '^State:.*S' "/proc/$child/status"; do :; done
    diagnose 0 "$child"
    # Memory without a name is known as such to root only; for others it is open to all.
    grep -qE "which is not of the tree|held outside the tree|anybody may map the memory" \
        <(tr -s ' \n' ' ' <"$work/said") || fail "who else holds it"
done
stop "$pid"

# An alarm is seen by nobody else, so the deadlock that it ends is none.
cat >"$work/alarm.py" <<'END'
import os, signal
signal.alarm(1000)
own = os.pipe()
os.write(3, b"!"); os.close(3)
os.read(own[0], 1)
END
start "$python" "$work/alarm.py"
diagnose 1 "$pid"
says "(likely a deadlock)"
says "whether an alarm is pending"
sed -i 's/signal.alarm(1000)/signal.signal(signal.SIGALRM, print); signal.alarm(1000)/' "$work/alarm.py"
stop "$pid"
start "$python" "$work/alarm.py"
diagnose 0 "$pid"
says "a timer of its process may fire"
stop "$pid"

# Who is held by a debugger does not run.
cat >"$work/traced.py" <<'END'
import ctypes, os, signal, time
libc = ctypes.CDLL(None)
child = os.fork()
if child == 0:
    os.close(3)
    signal.pause()
libc.ptrace(16, child, None, None)
os.waitpid(child, 0)
os.write(3, b"!"); os.close(3)
time.sleep(1000)
END
start "$python" "$work/traced.py"
diagnose 0 "$pid"
says "is held by a debugger, 0 (python3)"
diagnose 0 "$(pgrep -P "$pid")"
says "is held by a debugger, python3 (process $pid)"
stop "$pid"

# Nor does who is in a control group that is frozen, whatever call it was in.
group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)/pitfall-$$
if mkdir "$group" 2>/dev/null; then
    start sh -c 'printf "!" >&3; exec sleep 1000 3>&-'
    if echo "$pid" >"$group/cgroup.procs" && echo 1 >"$group/cgroup.freeze"; then
        until grep -q 'frozen 1' "$group/cgroup.events"; do :; done
        diagnose 0 "$pid"
        says "is held by its control group, which is frozen"
        echo 0 >"$group/cgroup.freeze"
    else
        echo "skipped: no control group can be frozen here"
    fi
    stop "$pid"
    # The event has come while its reader was frozen: both seem to wait for each other, and neither does.
    cat >"$work/frozen.py" <<'END'
import os, sys
group, event = sys.argv[1], os.eventfd(0)
child = os.fork()
if child == 0:
    os.close(3)
    os.eventfd_read(event)
    os._exit(0)
while not open(f"/proc/{child}/syscall").read().startswith(f"0 {event:#x} "):  # read
    pass
open(f"{group}/cgroup.procs", "w").write(str(child))
open(f"{group}/cgroup.freeze", "w").write("1")
while "frozen 1" not in open(f"{group}/cgroup.events").read():
    pass
os.eventfd_write(event, 1)
os.write(3, b"!"); os.close(3)
os.waitpid(child, 0)
END
    start "$python" "$work/frozen.py" "$group"
    diagnose 0 "$pid"
    says "is held by its control group, which is frozen"
    echo 0 >"$group/cgroup.freeze"
    wait "$pid" || fail "who was frozen did not go on"
    until rmdir "$group" 2>/dev/null; do :; done
else
    echo "skipped: no control group can be made here"
fi

# Nobody notices. The program blocks in calls that a stop or a signal would interrupt, and tells when they do.
cat >"$work/calls.py" <<'END'
import ctypes, os, select, signal, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
pipe, event = os.pipe(), libc.eventfd(0, 0)
semaphore = libc.semget(0, 1, 0o600)
queue = select.epoll()
queue.register(pipe[0], select.EPOLLIN)
events = ctypes.create_string_buffer(64)
word = ctypes.create_string_buffer(8)
class Operation(ctypes.Structure):
    _fields_ = [("number", ctypes.c_ushort), ("operation", ctypes.c_short), ("flags", ctypes.c_short)]
calls = [lambda: libc.epoll_wait(queue.fileno(), events, 1, -1), lambda: libc.read(pipe[0], events, 1),
         lambda: libc.read(event, events, 8), lambda: libc.semop(semaphore, ctypes.byref(Operation(0, -1, 0)), 1),
         lambda: libc.sigtimedwait(ctypes.byref(ctypes.create_string_buffer(128)), None, None),
         lambda: libc.syscall(202, word, 0, 0, None, None, 0), lambda: libc.pause(),
         lambda: libc.poll(None, 0, 1000000), lambda: libc.usleep(999999999)]
def block(call):
    result = call()
    print("woken:", calls.index(call), result, os.strerror(ctypes.get_errno()), flush=True)
for call in calls: threading.Thread(target=block, args=(call,), daemon=True).start()
signal.signal(signal.SIGTERM, lambda *_: (libc.semctl(semaphore, 0, 0), os._exit(0)))
os.write(3, b"!"); os.close(3)
while True: signal.pause()
END
start "$python" "$work/calls.py"
switches() { cat "/proc/$pid/task/"*/status | grep ctxt_switches; }
before=$(switches)
for ((i = 0; i < 100; i++)); do diagnose 0 "$pid"; done
[ "$(switches)" = "$before" ] || fail "a thread ran while it was looked at"
[ ! -s "$work/output" ] || fail "a call was interrupted: $(cat "$work/output")"
kill -TERM "$pid" # and not KILL: it has a semaphore to remove
wait "$pid" || fail "the program ended with status $?"

# --watch tells what changes, and ends with the program.
mkfifo "$work/go"
start sh -c "printf '!' >&3; exec 3>&-; read x <'$work/go'; sleep 1000 & wait"
"$pitfall" diagnose --watch "$pid" >"$work/said" 2>"$work/complaint" &
watcher=$!
until grep -q "somebody to open the FIFO" "$work/said"; do :; done
echo >"$work/go"
until grep -q "0.1 (sleep" "$work/said"; do :; done
pkill -KILL -P "$pid"
kill -KILL "$pid" 2>/dev/null || true
wait "$watcher" || fail "--watch ended with status $?"
says "0 (sh $pid)"

# Mistakes and rights.
diagnose 2
complains "no process to look at"
diagnose 2 hello
complains "\"hello\": the number of a process was expected"
diagnose 2 4194305
complains "there is no process 4194305"
diagnose 2 --watch --json $$
complains "--watch writes text"
diagnose 3 --trace /nowhere/t $$
complains "/nowhere/t: the trace cannot be written"
if [ "$(id -u)" -eq 0 ]; then
    start sh -c 'printf "!" >&3; exec sleep 1000 3>&-'
    diagnose 2 2 # of the kernel's own, where those are seen
    as_other() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    status=0
    as_other "$pitfall" diagnose "$pid" 2>"$work/complaint" >"$work/said" || status=$?
    [ "$status" -eq 3 ] || fail "another user's process: status $status"
    complains "it belongs to root (uid 0), and this is uid 65534; run pitfall as root or as that user"
    # An ordinary user and his own process.
    chmod -R a+rX "$work"
    start setpriv --reuid 65534 --regid 65534 --clear-groups "$python" "$work/child.py"
    await_full
    status=0
    as_other "$pitfall" diagnose "$pid" >"$work/said" 2>"$work/complaint" || status=$?
    [ "$status" -eq 1 ] || fail "an ordinary user: status $status"
    says "(likely a deadlock)"
    says "whether an alarm is pending (root sees more)"
    stop "$pid"
    # Somebody of his session whom he may not read might hold anything.
    # shellcheck disable=SC2016 # expanded by the inner shell
    start sh -c '(sleep 1000 3>&- &); exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0" "$1"' \
        "$python" "$work/child.py"
    await_full
    status=0
    as_other "$pitfall" diagnose "$pid" >"$work/said" 2>"$work/complaint" || status=$?
    [ "$status" -eq 1 ] || fail "an unreadable stranger: status $status"
    says "(sleep) outside the tree, which may not be read"
    stop "$pid"
else
    diagnose 3 1
    complains "it belongs to root"
fi

[ "$failures" -eq 0 ] || exit 1
echo "diagnose: all as expected"
