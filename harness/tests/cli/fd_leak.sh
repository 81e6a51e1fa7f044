#!/usr/bin/env bash
# Descriptors that nobody closes are found: at the limit by what is of no use any more, and after a fault by
# what is open at the end.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2154
. "$(dirname "$0")/assertions.sh"
forgetful=$FORGETFUL
cd "$scratch"
mkdir work
cd work
seq 100 >numbers

# uses KIND TEXT: the limit is met, and the warning has the text; without a text there is no warning.
uses() {
    run "$pitfall" run --limit nofile=32 -- "$forgetful" use "$1"
    expect_status 1
    expect_in stderr "FAILED: limit"
    tr -s '\n ' ' ' <"$scratch/stderr" >"$scratch/words"
    if [ $# -eq 2 ]; then
        expect_in words "fd-leak (warning) in 0"
        expect_in words "$2"
    else
        expect_not_in stderr fd-leak
    fi
}

echo "- at the limit: what is of no use any more"
uses half-pipes "ends of pipes): the other end is closed"
uses own-pipes "ends of pipes): the other end is closed, or open in the same process only"
uses half-pairs "sockets): the other end is closed"
uses one-file "descriptors for one and the same: /etc/passwd"
uses full-half-pipes
uses shared-pipes
uses unconnected-sockets

echo "- an error path that forgets to close"
run "$pitfall" sweep --deadline 20s --faults errno --syscalls read --json -- "$forgetful" read numbers forgets
expect_status 1
expect_json "$scratch/stdout" 'it["sweep"]["failures"] and it["totals"]["fail"] == it["totals"]["trials"]'
expect_json "$scratch/stdout" 'all("fd-leak" in {f["kind"] for f in t["findings"]} for t in it["trials"])'
expect_json "$scratch/stdout" 'all(f["replayed"] == 10 for f in it["sweep"]["failures"])'
run "$pitfall" run --inject "read:error=EIO:fd=*numbers:when=2" --expect-same -- "$forgetful" read numbers forgets
expect_status 1
tr -s '\n ' ' ' <"$scratch/stderr" >"$scratch/words"
expect_in words "1 file ($PWD/numbers); error=EIO had struck it at read"

echo "- and one that does not"
run "$pitfall" sweep --deadline 20s --faults errno --syscalls read --json -- "$forgetful" read numbers closes
expect_json "$scratch/stdout" 'all("fd-leak" not in {f["kind"] for f in t.get("findings", [])} for t in it["trials"])'
run "$pitfall" run --inject "read:error=EIO:fd=*numbers:when=2" --expect-same -- "$forgetful" read numbers closes
expect_not_in stderr fd-leak

echo "- who is kept from closing has not forgotten it"
run "$pitfall" run --inject "close:error=EINTR:fd=*numbers:when=1" --expect-same -- "$forgetful" read numbers closes
expect_status 0

echo "- threads that end with their process"
[ -x /usr/bin/python3 ] || { echo "SKIPPED: no python3"; exit 0; }
leak='import os, sys, threading
def work():
    fd = os.open("numbers", os.O_RDONLY)
    try:
        os.read(fd, 10)
        os.close(fd)
    except OSError:
        if sys.argv[1] == "closes": os.close(fd)
    done.wait()
    never.acquire()
done, never = threading.Barrier(4), threading.Lock()
never.acquire()
for _ in range(3): threading.Thread(target=work, daemon=True).start()
done.wait()
os._exit(0)'
inject=read:error=EIO:proc=0/t2:when=1
run "$pitfall" run --inject "$inject" --expect-same -- /usr/bin/python3 -c "$leak" forgets
expect_status 1
expect_in stderr "FAILED: fd-leak"
run "$pitfall" run --inject "$inject" --expect-same -- /usr/bin/python3 -c "$leak" closes
expect_status 0
