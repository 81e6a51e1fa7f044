#!/usr/bin/env bash
# Healthy programs that nobody here wrote: no finding, output and exit status untouched. And two that are not healthy.
# usage: real_programs.sh PITFALL
set -euo pipefail

pitfall=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# healthy NAME COMMAND…: the same output and status as without the harness, and not a word from it.
healthy() {
    local name=$1 status=0
    shift
    "$@" >"$work/native" 2>"$work/native.err" </dev/null
    "$pitfall" run --json -- "$@" >"$work/json" 2>"$work/seen.err" </dev/null || status=$?
    "$pitfall" run -- "$@" >"$work/seen" 2>>"$work/seen.err" </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        fail "$name: status $status"
        cat "$work/seen.err"
    elif ! cmp -s "$work/native" "$work/seen"; then
        fail "$name: the output differs"
    elif ! grep -q '"verdict": *"pass"' "$work/json"; then
        fail "$name: no pass in the result"
    else
        echo "ok: $name"
    fi
}

# stuck NAME PITFALL-ID COMMAND…: a proven deadlock with this diagnosis.
stuck() {
    local name=$1 id=$2 status=0
    shift 2
    "$pitfall" run --json -- "$@" >"$work/json" 2>/dev/null </dev/null || status=$?
    if [ "$status" -ne 1 ]; then
        fail "$name: status $status"
    elif ! grep -q "\"pitfall\": *\"$id\"" "$work/json" || ! grep -q '"proven": *true' "$work/json"; then
        fail "$name: not proven as $id"
        cat "$work/json"
    else
        echo "ok: $name"
    fi
}

mkdir "$work/project"
for unit in a b c d; do
    echo "int $unit(void); int $unit(void) { return 1; }" >"$work/project/$unit.c"
done
echo 'int main(void) { return 0; }' >"$work/project/main.c"
cat >"$work/project/Makefile" <<'MAKE'
objects = a.o b.o c.o d.o main.o
app: $(objects) ; @cc -o $@ $(objects)
%.o: %.c ; @cc -c -o $@ $<
.PHONY: clean
clean: ; @rm -f app $(objects)
MAKE

healthy "make -j2" sh -c "make -s -C '$work/project' clean && make -s -j2 -C '$work/project' && '$work/project/app'"
healthy "a pipeline of five stages" bash -c 'seq 1 50000 | sort -n | grep 7 | uniq | wc -l'
healthy "a pipeline whose reader leaves early" bash -c 'yes | head -n 3'
healthy "xargs -P4" bash -c 'seq 1 40 | xargs -P4 -n1 true; echo done'
healthy "a background job that is waited for" bash -c 'sleep 0.3 & wait; echo done'
healthy "a process that is killed on purpose" bash -c 'sleep 100 & kill %1; wait; echo done'
healthy "a process that is killed with -9 on purpose" bash -c 'sleep 100 & kill -9 $!; wait; echo done'
for _ in 1 2 3 4 5; do
    healthy "a helper that kills and leaves" sh -c 'sleep 50 & /bin/kill $!; wait $!; true'
done
healthy "a watchdog that kills a blocked sibling" bash -c 'coproc cat; (sleep 0.5; kill $COPROC_PID) & wait; true'
if unshare -Urpf --mount-proc true 2>/dev/null; then
    healthy "a PID namespace inside" unshare -Urpf --mount-proc sh -c 'sleep 0.4 & wait; echo done'
else
    echo "skipped: a PID namespace inside: user namespaces are refused here"
fi
healthy "flock" bash -c 'exec 9>"$0"; flock 9; (flock -n 9 && echo taken) & wait' "$work/lock"

if [ -x /usr/bin/python3 ]; then
    python=/usr/bin/python3
    healthy "python: Pool(4).map" $python -c '
from multiprocessing import Pool
if __name__ == "__main__":
    with Pool(4) as pool:
        print(pool.map(abs, range(-20, 20)))'
    healthy "python: ProcessPoolExecutor" $python -c '
from concurrent.futures import ProcessPoolExecutor
if __name__ == "__main__":
    with ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(abs, range(50))))'
    healthy "python: forkserver and a queue" $python -c '
import multiprocessing as m, operator
if __name__ == "__main__":
    m.set_start_method("forkserver")
    q = m.Queue()
    p = m.Process(target=q.put, args=(1,))
    p.start(); print(q.get()); p.join()'
    healthy "python: three seconds in poll" $python -c 'import select; print(select.poll().poll(3000))'
    healthy "python: threads and asyncio" $python -c '
import asyncio
async def main():
    print(await asyncio.gather(*(asyncio.to_thread(pow, 2, n) for n in range(9))))
asyncio.run(main())'
    cat >"$work/joined.py" <<'PYTHON'
from multiprocessing import Process, Queue

def produce(queue):
    queue.put("x" * 1000000)

if __name__ == "__main__":
    queue = Queue()
    process = Process(target=produce, args=(queue,))
    process.start()
    process.join()
    queue.get()
PYTHON
    stuck "python: joined before the queue is drained" join-before-drain $python "$work/joined.py"
    stuck "python: Popen(stdout=PIPE).wait() with 200 kB" join-before-drain $python -c '
import subprocess
subprocess.Popen(["head", "-c", "200000", "/dev/zero"], stdout=subprocess.PIPE).wait()'
else
    echo "skipped: no /usr/bin/python3 here"
fi

[ "$failures" -eq 0 ]
