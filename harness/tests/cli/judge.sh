#!/usr/bin/env bash
# `pitfall judge`: good traces, bad traces, and the same answer as the run that made them.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

echo "- a clean trace"
run "$pitfall" judge "$traces/clean.jsonl"
expect_status 0
expect_in stdout "pitfall judge: no findings"
expect_empty stderr
run "$pitfall" judge - <"$traces/clean.jsonl"
expect_status 0
expect_in stdout "pitfall judge: no findings"

echo "- findings"
run "$pitfall" judge "$traces/hostile.jsonl"
expect_status 1
expect_in stdout "FAILED: exit"
expect_in stdout "status 7"
expect_not_in stdout $'\033'

echo "- files that are no traces"
run "$pitfall" judge "$scratch/none"
expect_usage_error "$scratch/none: the trace cannot be opened: No such file or directory"
run "$pitfall" judge /dev/null
expect_usage_error "/dev/null: is empty"
run "$pitfall" judge "$0"
expect_usage_error "$0:1: "
run "$pitfall" judge "$scratch"
expect_usage_error "$scratch: "

echo "- a trace that is cut, at every line and in the middle of one"
for lines in 1 2 3 4 5; do
    head -n "$lines" "$traces/clean.jsonl" >"$scratch/cut"
    run "$pitfall" judge "$scratch/cut"
    expect_usage_error "$scratch/cut:$lines: the trace is cut off here"
done
head -c 400 "$traces/clean.jsonl" >"$scratch/cut"
run "$pitfall" judge "$scratch/cut"
expect_usage_error "$scratch/cut:4: "

echo "- a trace of another version, a line that is missing, one that is foreign"
sed 's/pitfall-trace.1/pitfall-trace\/2/' "$traces/clean.jsonl" >"$scratch/version"
run "$pitfall" judge "$scratch/version"
expect_usage_error "pitfall-trace/2"
sed 3d "$traces/clean.jsonl" >"$scratch/missing"
run "$pitfall" judge "$scratch/missing"
expect_usage_error "$scratch/missing:3: "
sed '3s/"exec"/"exek"/' "$traces/clean.jsonl" >"$scratch/foreign"
run "$pitfall" judge "$scratch/foreign"
expect_usage_error "$scratch/foreign:3: "

echo "- a run and the judgement of its trace agree"
for program in 'exit 0' 'exit 3' 'kill -SEGV $$' 'sleep 100 & exit 0'; do
    run "$pitfall" run --json --grace 50ms --trace "$scratch/trace" -- sh -c "$program"
    live=$status
    cp "$scratch/stdout" "$scratch/live"
    run "$pitfall" judge --json "$scratch/trace"
    expect_status "$live"
    cmp -s "$scratch/stdout" "$scratch/live" || fail "$(diff "$scratch/live" "$scratch/stdout")"
done
