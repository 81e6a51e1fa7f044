#!/usr/bin/env bash
# Trees that grow without end are found and ended; wide, deep and busy trees of healthy programs are not.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

mark=100.$$$RANDOM

echo "- a bound on processes that are alive at once"
run "$pitfall" run --max-processes 30 -- sh -c 'i=0; while [ $i -lt 40 ]; do sleep "$0" & i=$((i+1)); done; wait' "$mark"
expect_status 1
expect_in stderr "FAILED: process-explosion"
expect_in stderr "31 processes were alive at once"
! lives "$mark" || fail "left behind: $(cat "$scratch/living")"

echo "- a program that starts itself again and again"
printf '#!/bin/sh\n"$0" "$1"\n' >"$scratch/again"
chmod +x "$scratch/again"
run "$pitfall" run --max-processes 100 --trace "$scratch/trace" -- "$scratch/again" "$mark"
expect_status 1
expect_in stderr "process-explosion"
! lives "$mark" || fail "left behind: $(cat "$scratch/living")"
run "$pitfall" judge "$scratch/trace"
expect_status 1
expect_in stdout "process-explosion"

echo "- both sides of fork going on for ever"
run "$pitfall" run --max-processes 200 -- sh -c 'f() { f & f; }; f'
expect_status 1
expect_in stderr "process-explosion"

echo "- a thousand children, one after the other, are none"
run "$pitfall" run --max-processes 20 -- sh -c 'i=0; while [ $i -lt 1000 ]; do (:); i=$((i+1)); done'
expect_status 0

echo "- nor is a tree that is as wide as it may be"
run "$pitfall" run --max-processes 31 -- sh -c 'i=0; while [ $i -lt 30 ]; do sleep 0.1 & i=$((i+1)); done; wait'
expect_status 0
run "$pitfall" run --max-processes no -- true
expect_usage_error "a number of processes"
