#!/usr/bin/env bash
# What people know from strace's manual, and ask of it, does here what it does there: a program that prints the
# result and errno of each of its calls prints the same lines under `pitfall run --inject` and `strace -e inject`.
# usage: strace_equivalence.sh PITFALL
set -euo pipefail

pitfall=$1
calls=$(dirname "$pitfall")/system_strace_calls
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0 compared=0

if ! command -v strace >/dev/null; then
    echo "skipped: no strace here"
    exit 77
fi

# Output of both, in order: a child may otherwise speak between two lines of its parent.
sorted() {
    grep '^parent' "$1" || true
    grep '^child' "$1" || true
    grep -v '^parent\|^child' "$1" || true
}

# run_both OPTION…
run_both() {
    timeout 20 strace -f -o "$work/log" "$@" "$calls" >"$work/strace" 2>"$work/strace.err" </dev/null || true
    timeout 20 "$pitfall" run --expect-exit any "$@" -- "$calls" >"$work/pitfall" 2>"$work/err" </dev/null || true
    sorted "$work/strace" >"$work/strace.sorted"
    sorted "$work/pitfall" >"$work/pitfall.sorted"
}

# On a busy machine any call may be slow, for once. A delay is there each time, and so is its lack.
only_speeds_differ() {
    diff -q <(sed 's/, slow$//' "$work/strace.sorted") <(sed 's/, slow$//' "$work/pitfall.sorted") >/dev/null
}

# same EXPRESSION…: each is one rule; and the program notices it, or nothing would be compared.
same() {
    local options=() expression tries=1
    for expression; do options+=(--inject "$expression"); done
    run_both "${options[@]}"
    while ! diff "$work/strace.sorted" "$work/pitfall.sorted" >"$work/diff" && only_speeds_differ && [ $tries -lt 8 ]; do
        tries=$((tries + 1))
        run_both "${options[@]}"
    done
    compared=$((compared + 1))
    if [ -s "$work/diff" ]; then
        echo "FAILED: $* (< strace, > pitfall)"
        cat "$work/diff" "$work/err"
        failures=$((failures + 1))
    elif cmp -s "$work/strace.sorted" "$work/plain.sorted"; then
        echo "FAILED: $*: it changes nothing"
        failures=$((failures + 1))
    else
        echo "ok: $*"
    fi
}

"$calls" >"$work/plain"
sorted "$work/plain" >"$work/plain.sorted"

# The forms of the manual.
same chdir:error=ENOENT:when=3+
same chdir:error=ENOENT:when=2
same read:error=EAGAIN:when=3..5
same read:error=EIO:when=2..6+
same read:error=EIO:when=2..6+2
same write:error=EINTR:when=1+2
same write:error=ENOSPC
same mkdir:error=28
same 'read:retval=0:when=3'
same write:retval=3:when=2
same write:retval=0x10:when=1
same write:retval=011:when=2
same lseek:retval=4294967296:when=2
same write:signal=USR1:when=3
same write:signal=SIGUSR1:error=EPIPE:when=2
same write:signal=10:retval=5:when=4+
same read:delay_enter=300ms:when=3
same read:delay_exit=300000:when=3
same read:delay_enter=0.3s:error=EIO:when=4
same read:delay_exit=300ms:retval=4:when=2
same read:poke_exit=@arg2=4142434400:when=3
same write:poke_enter=@arg2=4142:when=1
same pread64:poke_exit=@arg2=30313233:error=EIO
same pread64:poke_exit=@arg2=3031:retval=7
same lseek:error=EIO:syscall=getpid
same lseek:retval=42:syscall=getuid:when=2
same read:when=6:error=EIO:when=3

# Sets.
same 'chdir,?no_such_call:error=EPERM:when=1'
same '/^(fsync|umask)$:error=EBADF'
same %clock:error=EINVAL
same %creds:error=EPERM
same '%pure:retval=77'
same '!%file,%desc,%memory,%process,%signal,%clock,%net,pwritev2,arch_prctl,set_tid_address,set_robust_list,rseq,prlimit64,getrandom,nanosleep:error=EPERM'

# What people ask for: no descriptors, no network, no disk, no processes, a closed file, a wait that is interrupted,
# several rules at a time, death in the middle.
same socket:error=EMFILE
same connect:error=ETIMEDOUT
same fsync:error=EIO:when=2
same clone:error=EAGAIN
same close:error=EIO
same unlink:retval=0
same readv:signal=USR1:when=1
same readv:error=EINTR
same nanosleep:error=EINTR
same openat:error=ENOENT:when=3
same read:error=EIO:when=4 write:error=ENOSPC:when=2 fsync:error=EIO
same write:signal=KILL:when=3
same fsync:signal=TERM:when=2

[ "$compared" -ge 20 ] || failures=$((failures + 1))
[ "$failures" -eq 0 ] && echo "$compared expressions do the same"
