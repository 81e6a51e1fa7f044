#!/usr/bin/env bash
# `pitfall run`: the program's own input, output and status are untouched; what is found is told.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

echo "- a clean run changes nothing and says nothing"
run "$pitfall" run -- sh -c 'echo out; echo err >&2'
expect_status 0
expect_exactly stdout out
expect_exactly stderr err
run "$pitfall" run -- cat <"$traces/clean.jsonl"
expect_status 0
cmp -s "$scratch/stdout" "$traces/clean.jsonl" || fail "standard input did not arrive"
run "$pitfall" run printf '%s|' -d --json 'two words'
expect_status 0
expect_exactly stdout "-d|--json|two words|"

echo "- what is found is told on standard error, and standard output is the program's"
run "$pitfall" run -- sh -c 'echo out; exit 3'
expect_status 1
expect_exactly stdout out
expect_in stderr "pitfall run: FAILED: exit"
expect_in stderr "  Why: the program ended with status 3"
expect_in stderr "  Replay: pitfall run"
expect_in stderr "containment: "
run "$pitfall" run --expect-exit 3 -- sh -c 'exit 3'
expect_status 0
run "$pitfall" run --expect-exit any -- sh -c 'exit 9'
expect_status 0
run "$pitfall" run -- sh -c 'kill -SEGV $$'
expect_status 1
expect_in stderr "FAILED: crash"

echo "- with a report on standard output the program's output goes to standard error"
for report in --json "--report tap" "--report json:-"; do
    # shellcheck disable=SC2086 # an option and its value
    run "$pitfall" run $report -- sh -c 'tr a-z A-Z <<END
program
END
echo err >&2'
    expect_status 0
    expect_not_in stdout PROGRAM
    expect_in stderr PROGRAM
    expect_in stderr err
done
run "$pitfall" run --json -- echo out
expect_json "$scratch/stdout" 'it["trials"][0]["verdict"] == "pass" and it["trials"][0]["scenario"] is None'
run "$pitfall" run --report "json:$scratch/r.json" -- echo out
expect_exactly stdout out
expect_empty stderr

echo "- until it fails: the run that does is told, and no other is made"
run "$pitfall" run --until-fail 9 -- sh -c "echo >>$scratch/runs; [ \$(wc -l <$scratch/runs) -lt 4 ]"
expect_status 1
expect_in stderr "pitfall run, run 4 of 9: FAILED: exit"
expect_in stderr "  Replay: pitfall run --until-fail 9 -- sh"
[ "$(wc -l <"$scratch/runs")" -eq 4 ] || fail "not four runs: $(wc -l <"$scratch/runs")"
run "$pitfall" run --until-fail 3 --trace "$scratch/runs.jsonl" -- sh -c 'echo run'
expect_status 0
expect_exactly stdout "$(printf 'run\nrun\nrun')"
[ "$(grep -c '"event":"begin"' "$scratch/runs.jsonl")" -eq 1 ] || fail "the trace is not of one run"
run "$pitfall" run --until-fail 3 --inject write:error=EIO:when=2 -- echo out
expect_status 1
expect_in stderr "run 3 of 3: ERROR"
run "$pitfall" run --until-fail 1000 --inject write:error=EIO:prob=0.05 -- echo out
expect_status 1
expect_in stderr "FAILED: exit"
run "$pitfall" run --until-fail 0 -- true
expect_status 2
expect_in stderr "a whole number from 1 to 100000 was expected"

echo "- expected output"
run "$pitfall" run --expect-text "hello, w" -- echo "hello, world"
expect_status 0
run "$pitfall" run --expect-text "bye" -- echo "hello, world"
expect_status 1
expect_in stderr "wrong-output"
expect_in stderr "| hello, world"

echo "- a program that daemonises on purpose"
run "$pitfall" run --grace 50ms -- sh -c 'setsid sleep 60 >/dev/null 2>&1 & echo started'
expect_status 1
expect_in stderr "orphan"
run "$pitfall" run --grace 50ms --allow-daemon -- sh -c 'setsid sleep 60 >/dev/null 2>&1 & echo started'
expect_status 0
expect_in stdout "started"

echo "- output compared with a file"
printf 'one\ntwo\nthree\n' >"$scratch/right.txt"
run "$pitfall" run --expect-output "$scratch/right.txt" -- printf 'one\ntwo\nthree\n'
expect_status 0
for wrong in 'lost:one\ntw' 'lost:one\nthree\n' 'duplicate:one\ntwo\ntwo\nthree\n' 'torn:one\ntwothree\n\n' \
    'wrong-output:one\nzwei\nthree\n'; do
    run "$pitfall" run --expect-output "$scratch/right.txt" -- printf "${wrong#*:}"
    expect_status 1
    expect_in stderr "FAILED: ${wrong%%:*}"
done
run "$pitfall" run --expect-output "$scratch/right.txt" --expect-exit any -- sh -c 'echo one; exit 4'
expect_status 0
run "$pitfall" run --expect-output "$scratch/absent" -- true
expect_usage_error "absent: no such file"
head -c 3000000 /dev/urandom >"$scratch/large"
run "$pitfall" run --expect-output "$scratch/large" -- cat "$scratch/large"
expect_status 0
run "$pitfall" run --expect-output "$scratch/large" -- head -c 2999999 "$scratch/large"
expect_status 1
expect_in stderr "ends after 2999999 bytes of 3000000"
run "$pitfall" run --expect-output "$scratch/large" -- sh -c 'head -c 2000000 "$0"; head -c 1000000 /dev/zero' \
    "$scratch/large"
expect_status 1
expect_in stderr "FAILED: wrong-output"
run "$pitfall" run --trace "$scratch/lost.jsonl" --expect-output "$scratch/right.txt" -- echo one
expect_status 1
run "$pitfall" judge "$scratch/lost.jsonl"
expect_status 1
expect_in stdout "ends after 4 bytes of 14"

echo "- a deadlock is proven, and explained"
run "$pitfall" run -- /usr/bin/python3 -c '
import subprocess
subprocess.Popen(["head", "-c", "200000", "/dev/zero"], stdout=subprocess.PIPE).wait()'
expect_status 1
expect_in stderr "FAILED: deadlock (proven)"
expect_in stderr "Who waits on what, in a circle: 0 -> 0.1 -> 0"
expect_in stderr "  Fix: "

echo "- a hang that cannot be proven is told at the deadline"
run "$pitfall" run --deadline 200ms -- sleep 100
expect_status 1
expect_in stderr "hang"

echo "- what the program leaves behind is found, and is gone"
mark=100.$$$RANDOM
run "$pitfall" run --grace 50ms -- sh -c 'sleep "$0" & exit 0' "$mark"
expect_status 1
expect_in stderr "orphan"
! lives "$mark" || fail "left behind: $(cat "$scratch/living")"

echo "- faults are accounted for, also when all went well"
run "$pitfall" run --inject 'getppid:error=EPERM' --expect-exit any -- /usr/bin/python3 -c 'import os
try: os.getppid()
except OSError: pass'
expect_in stderr "struck"
run "$pitfall" run --inject 'point=never-there:kill' -- true
expect_status 1
expect_in stderr "unfired"

echo "- colour only on a terminal"
run "$pitfall" run -- false
expect_not_in stderr $'\033'
if command -v script >/dev/null; then
    run env TERM=xterm script -qec "$pitfall run -- false" /dev/null
    expect_in stdout $'\033[31mFAILED'
    run env TERM=xterm NO_COLOR=1 script -qec "$pitfall run -- false" /dev/null
    expect_in stdout "FAILED"
    expect_not_in stdout $'\033[31m'
    run env TERM=xterm script -qec "$pitfall run -- true" /dev/null
    expect_in stdout "no findings"
fi

# ignored PID SIGNAL-NUMBER
ignored() {
    local mask
    mask=$(awk '/^SigIgn:/ {print $2}' "/proc/$1/status")
    (((0x$mask >> ($2 - 1)) & 1))
}

echo "- signals that the caller ignores stay ignored, the others end the run"
mkfifo "$scratch/started"
(trap '' INT && exec "$pitfall" run -- sh -c 'echo >"$0"; exec sleep 100' "$scratch/started") \
    2>"$scratch/stderr" >"$scratch/stdout" &
child=$!
status=0
ran="run -- sleep 100, SIGINT ignored, SIGTERM"
read -r _ <"$scratch/started"
ignored "$child" 2 || fail "SIGINT should still be ignored"
! ignored "$child" 15 || fail "SIGTERM should not be ignored"
kill -TERM "$child"
wait "$child" || status=$?
((status > 0 && status < 128)) || fail "an exit status of its own was expected"

echo "- a question is answered, and a long silence told, without ending the run"
mkfifo "$scratch/go"
"$pitfall" run -- sh -c 'read word <"$0"; echo "$word"' "$scratch/go" >"$scratch/stdout" 2>"$scratch/stderr" &
child=$!
ran="run -- sh that reads a FIFO, SIGQUIT"
until grep -qF "for somebody to open the FIFO" "$scratch/stderr"; do
    kill -QUIT "$child"
done
kill -0 "$child" || fail "the question ended the run"
echo word >"$scratch/go"
status=0
wait "$child" || status=$?
expect_status 0
expect_exactly stdout word
expect_in stderr "without a movement:"
expect_in stderr "0 (sh)"
: >"$scratch/stderr"
"$pitfall" run --verbose -- sh -c 'read word <"$0"; echo "$word"' "$scratch/go" >"$scratch/stdout" 2>"$scratch/stderr" &
child=$!
ran="run --verbose"
until grep -qF "Nothing is known to be stuck" "$scratch/stderr"; do :; done
echo word >"$scratch/go"
status=0
wait "$child" || status=$?
expect_status 0
expect_exactly stdout word
[ "$(grep -c "without a movement:" "$scratch/stderr")" -eq 1 ] || fail "a silence should be told once"

echo "- a time can kill the program, and its group"
run "$pitfall" run --inject after=50ms:kill --expect-exit 137 -- sleep 100
expect_status 0
run "$pitfall" run --inject after=50ms:kill:to=group --expect-exit 137 -- sh -c 'sleep 100 & sleep 100 & wait'
expect_status 0
