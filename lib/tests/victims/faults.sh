#!/usr/bin/env bash
# The conversation of owner, guard and workers when an end of it fails: either nothing is lost and nothing happens
# twice, or the caller gets an error, long before its deadline.
#
# usage: faults.sh PITFALL STARTS EXAMPLE-PIPE
set -euo pipefail
pitfall=$1 starts=$2 example_pipe=$3
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
printf 'worker %d\n' 1 2 3 >"$scratch/expected"

fail() {
    echo "FAIL: $*" >&2
    cat "$scratch/output" >&2
    exit 1
}

# inject SPEC OPTION... -- [pool]: 5 s are far from any deadline of the program's.
inject() {
    local spec=$1 options=()
    shift
    while [ "$1" != -- ]; do
        options+=("$1")
        shift
    done
    "$pitfall" run --deadline 5s --inject "$spec" "${options[@]}" -- "$starts" "${@:2}" >"$scratch/output" 2>&1 ||
        fail "$spec"
}

# works SPEC [pool]
works() {
    inject "$1" --expect-output "$scratch/expected" -- "${@:2}"
}

# fails SPEC TEXT [pool]: the caller gets an error that says TEXT.
fails() {
    inject "$1" --expect-exit 1 -- "${@:3}"
    grep -qF "$2" "$scratch/output" || fail "$1: not a word of '$2'"
}

echo "- the keeper cannot greet, or cannot fork"
fails sendmsg:error=EPIPE:when=1:proc=0.1 "the guard did not start"
fails clone:error=EAGAIN:when=1+:proc=0.1 "the guard did not start"

echo "- the keeper is killed when it greets: the guard takes its place"
works sendmsg:kill:when=1:proc=0.1

echo "- the guard cannot fork; it cannot say so and dies of that, and the next one can"
fails clone:error=EAGAIN:when=1+:proc=0.1.1 "Resource temporarily unavailable"
inject clone:error=EAGAIN:when=1:proc=0.1.1 --inject sendmsg:error=EPIPE:when=1:proc=0.1.1 \
    --expect-output "$scratch/expected" --

echo "- a worker cannot say that it has started"
fails sendmsg:error=EPIPE:when=1:proc=0.1.1.1 "died before it was set up"

echo "- the guard is interrupted where nothing ever waits: whoever has ended is seen all the same"
works waitid:error=EINTR:when=1..20:proc=0.1.1

echo "- the owner is told of a reset: the end has not come before it is read"
for when in 1 2 3 4; do
    works "recvmsg:error=ECONNRESET:when=$when:proc=0"
done
fails recvmsg:error=ECONNRESET:when=3+:proc=0 "Input/output error"

echo "- the guard cannot read its orders: the owner makes another"
works recvmsg:error=ECONNRESET:when=1+:proc=0.1.1

echo "- the owner cannot send an order once; it cannot send any"
works sendmsg:error=EPIPE:when=1:proc=0
fails sendmsg:error=EPIPE:when=1+:proc=0 "no guard took the order"

echo "- an order is out, and then there is no room for the descriptor of its answer: who has begun is ended"
fails sendmsg:limit=nofile:5:when=1:proc=0 "Too many open files"

echo "- a worker of a pool cannot be sent a task: it is replaced; nor can the next"
works sendmsg:error=EPIPE:when=2:proc=0 pool
fails sendmsg:error=EPIPE:when=2+:proc=0 "no worker can be started" pool

echo "- the system is short of memory for a task: it is sent again; in the end the task is not run"
works sendmsg:error=ENOBUFS:when=2..4:proc=0 pool
fails sendmsg:error=ENOBUFS:when=2+:proc=0 "No buffer space" pool

echo "- a spawned worker that cannot map what it was given ends: it does not run main as a program of its own"
for given in spawn slots; do
    fails "mmap:error=ENOMEM:fd=*mproc-$given*:proc=0.1.1.1" "died before it was set up" spawn
    ! grep -q worker "$scratch/output" || fail "a worker has run main"
done

echo "- who connects to a listener has gone again when it is accepted: once, and whoever comes, which must not hold it up"
run_pipe() {
    "$pitfall" run --deadline 5s --inject "accept4:error=ECONNABORTED:when=$1:proc=0" "${@:2}" -- "$example_pipe" \
        >"$scratch/output" 2>&1 || fail "accept4, $1"
}
run_pipe 1 --expect-exit 0
run_pipe 1+ --expect-exit 1
grep -qF "nobody connected" "$scratch/output" || fail "accept4: not a word of nobody"
