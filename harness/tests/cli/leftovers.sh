#!/usr/bin/env bash
# What a program leaves behind is found, and what it removes, or never named, is not.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

python=/usr/bin/python3
[ -x "$python" ] || { echo "SKIPPED: no python3"; exit 0; }
run "$pitfall" run --json -- true
if grep -q '"containment": "subreaper"' "$scratch/stdout"; then
    echo "SKIPPED: what is the tree's cannot be told without namespaces"
    exit 0
fi

# leaves PROGRAM TEXT: the finding, and that it has the text.
leaves() {
    run "$pitfall" run "${options[@]}" -- "$python" -c "$1"
    expect_status 1
    expect_in stderr "FAILED: ipc-leak"
    tr -s '\n ' ' ' <"$scratch/stderr" >"$scratch/words"
    expect_in words "$2"
}

clean() {
    run "$pitfall" run "${options[@]}" -- "$python" -c "$1"
    expect_status 0
    expect_not_in stderr ipc-leak
}
options=()
libc='import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def check(value):
    assert value >= 0, os.strerror(ctypes.get_errno())
    return value
'

echo "- System V"
leaves "$libc"'
if os.fork() == 0:
    check(libc.shmget(42, 5000, 0o1600)); os._exit(0)
os.wait()' "1 System V shared memory segment was left behind when the last process had ended: id 0, key 0x0000002a (5000 bytes, made by 0.1"
leaves "$libc"'check(libc.semget(0, 3, 0o1600)); check(libc.semget(0, 3, 0o1600))' \
    "2 System V semaphore sets were left behind"
leaves "$libc"'check(libc.msgget(0, 0o1600))' "1 System V message queue was left"
clean "$libc"'for get, rm in ((lambda: libc.shmget(0, 5000, 0o1600), lambda i: libc.shmctl(i, 0, 0)),
                      (lambda: libc.semget(0, 3, 0o1600), lambda i: libc.semctl(i, 0, 0, 0)),
                      (lambda: libc.msgget(0, 0o1600), lambda i: libc.msgctl(i, 0, 0))):
    check(rm(check(get())))'

echo "- POSIX"
leaves 'import os
os.ftruncate(os.open("/dev/shm/jobs", os.O_CREAT | os.O_RDWR), 100)' "/jobs (100 bytes)"
leaves "$libc"'libc.sem_open.restype = ctypes.c_void_p
assert libc.sem_open(b"/lock", os.O_CREAT, 0o600, 1)' "1 named POSIX semaphore was left behind when the last process had ended: /lock"
leaves "$libc"'check(libc.mq_open(b"/replies", os.O_CREAT | os.O_RDWR, 0o600, None))' \
    "1 POSIX message queue was left behind when the last process had ended: /replies"
clean 'import os
fd = os.open("/dev/shm/jobs", os.O_CREAT | os.O_RDWR)
os.unlink("/dev/shm/jobs")'

echo "- whoever is killed cannot clean up"
options=(--inject 'exit_group:kill:proc=0.1')
leaves 'import os
if os.fork() == 0:
    open("/dev/shm/jobs", "w")
    os._exit(0)
os.wait()' "an injected fault had ended 0.1"

echo "- what is outside is not looked at"
options=(--share "ipc,shm")
clean 'import os; open("/dev/shm/pitfall-test-%d" % os.getpid(), "w"); print(os.getpid())'
rm "/dev/shm/pitfall-test-$(cat "$scratch/stdout")"

echo "- files"
run "$pitfall" run --isolate --json -- true
if grep -q '"isolated": true' "$scratch/stdout"; then
    options=(--isolate)
    cd "$scratch"
    leaves 'import socket
socket.socket(socket.AF_UNIX).bind("server.sock")' "1 socket file was left behind"
    clean 'import os, socket
socket.socket(socket.AF_UNIX).bind("server.sock")
os.unlink("server.sock")'
    run "$pitfall" run --isolate --json -- mktemp -u
    expect_not_in stdout ipc-leak
    run "$pitfall" run --isolate --json -- mktemp /tmp/XXXXXX
    expect_status 0
    expect_json "$scratch/stdout" '[f["severity"] for f in it["trials"][0]["findings"]] == ["warn"]'
else
    echo "SKIPPED: files cannot be isolated here"
fi

echo "- healthy programs"
options=()
clean 'import multiprocessing as m
from multiprocessing import shared_memory
def work(i):
    return i * i
if __name__ == "__main__":
    for method in "fork", "spawn", "forkserver":
        context = m.get_context(method)
        with context.Pool(2) as pool:
            assert sum(pool.map(abs, range(10))) == 45
        q, lock, event = context.Queue(), context.Lock(), context.Event()
        q.put(1), q.get()
    with m.Manager() as manager:
        manager.list([1]).append(2)
    memory = shared_memory.SharedMemory(create=True, size=1000)
    memory.close()
    memory.unlink()'
clean 'from multiprocessing import shared_memory
shared_memory.SharedMemory(create=True, size=1000)'
