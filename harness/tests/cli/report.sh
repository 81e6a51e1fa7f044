#!/usr/bin/env bash
# `pitfall report`, and `check --shard`: what is divided comes together again, with nothing lost or doubled, and
# what is missing is named.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
own=$scratch/scenarios
out=$scratch/out
mkdir "$out"
unset TEST_SHARD_INDEX TEST_TOTAL_SHARDS TEST_SHARD_STATUS_FILE JOB_COMPLETION_INDEX CI_NODE_INDEX CI_NODE_TOTAL
unset "${!SLURM_ARRAY_TASK_@}" "${!CIRCLE_NODE_@}" "${!BUILDKITE_PARALLEL_@}"

# Seven scenarios of one trial each; the programs end with the status of their number.
for i in 0 1 2 3 4 5 6; do
    mkdir -p "$own/s$i"
    echo "exit $i" >"$own/s$i/broken.sh"
    cat >"$own/s$i/pitfall.yaml" <<MANIFEST
id: s$i
title: s$i
story: A test.
why: A test.
recognise: A test.
avoid: A test.
tags: [test]
deadline: 20s
variants:
  - name: broken
    script: broken.sh
    interpreter: /bin/sh
$([ $i = 0 ] || echo "    expect: {finding: exit}")
MANIFEST
done

# What must be the same however it was run: all but times, and which part it is.
essence='[(t["id"], t["scenario"], t["variant"], t["verdict"], t["exit"], [f["kind"] for f in t["findings"]])
          for t in it["trials"]], it["totals"], it["plan"]["fingerprint"]'
essence_of() {
    /usr/bin/python3 -c "import json, sys; it = json.load(open(sys.argv[1])); print($essence)" "$1"
}

# expect_same FILE [ONE]: its essence is that of the run on one machine.
expect_same() {
    [ "$(essence_of "$1")" = "$(essence_of "${2-$out/one.json}")" ] || fail "$1 is not what one machine says"
}

echo "- the run on one machine"
run "$pitfall" check --repeat 2 --report "json:$out/one.json" "$own/"
expect_status 0
expect_json "$out/one.json" '[t["id"] for t in it["trials"]] == list(range(1, 15))'
expect_json "$out/one.json" 'it["plan"]["shards"] == [1] and it["plan"]["of"] == 1'

# by_engine NAME N SHARD VARIABLES…: shard after shard as the engine would run it, "@I" and "@J" in the variables
# being its index from 1 and from 0; then the merge.
by_engine() {
    local name=$1 of=$2 shard=$3 i variables
    shift 3
    for ((i = 1; i <= of; i++)); do
        variables=("${@//@I/$i}")
        variables=("${variables[@]//@J/$((i - 1))}")
        run env "${variables[@]}" "$pitfall" check --repeat 2 --shard "$shard" \
            --report "json:$out/$name-$i.json" "$own/"
        expect_status 0
        expect_json "$out/$name-$i.json" "it['plan']['shards'] == [$i] and it['plan']['of'] == $of"
        expect_json "$out/$name-$i.json" "all(t['id'] % $of == $i % $of for t in it['trials'])"
    done
    run "$pitfall" report --report "json:$out/$name.json" "$out/$name-"[0-9]*.json
    expect_status 0
    expect_empty stderr
    expect_same "$out/$name.json"
}

echo "- the merge of what each engine's jobs have run is the same, whatever their number"
by_engine bazel 4 auto TEST_SHARD_INDEX=@J TEST_TOTAL_SHARDS=4 "TEST_SHARD_STATUS_FILE=$out/status"
[ -e "$out/status" ] || fail "Bazel was not told that its variables are heeded"
by_engine slurm 3 auto SLURM_ARRAY_TASK_ID=@I SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=3
by_engine kubernetes 2 auto/2 JOB_COMPLETION_INDEX=@J
by_engine gitlab 5 auto CI_NODE_INDEX=@I CI_NODE_TOTAL=5
by_engine circleci 2 auto CIRCLE_NODE_INDEX=@J CIRCLE_NODE_TOTAL=2
by_engine buildkite 2 auto BUILDKITE_PARALLEL_JOB=@J BUILDKITE_PARALLEL_JOB_COUNT=2
by_engine more-than-trials 17 auto CI_NODE_INDEX=@I CI_NODE_TOTAL=17

echo "- the shards of a sweep: the same trials, and the same failures"
essence_of_sweep='[(t["id"], t["faults"][0]["spec"], t["verdict"], t["outcome"]) for t in it["trials"]], it["totals"],
    [(f["signature"], f["trials"]) for f in it["sweep"]["failures"]], it["plan"]["fingerprint"]'
run "$pitfall" sweep --deadline 20s --report "json:$out/sweep-one.json" -- sort /etc/passwd
[ "$status" -le 1 ] || fail "status 0 or 1 was expected"
whole=$status
for i in 1 2 3; do
    run "$pitfall" sweep --deadline 20s --shard "$i/3" --report "json:$out/sweep-$i.json" -- sort /etc/passwd
    [ "$status" -le 1 ] || fail "status 0 or 1 was expected"
done
run "$pitfall" report --report "json:$out/sweep.json" --report text "$out"/sweep-[123].json
expect_status "$whole"
expect_empty stderr
essence_of_check=$essence
essence=$essence_of_sweep
expect_same "$out/sweep.json" "$out/sweep-one.json"
essence=$essence_of_check
run "$pitfall" report "$out"/sweep-[13].json
expect_in stderr "shard 2 of 3 is missing"
run "$pitfall" report "$out/sweep-1.json" "$out/bazel-2.json"
expect_status 2

echo "- unasked no variable is heeded: a part of the work would pass for all of it"
run env TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=2 "TEST_SHARD_STATUS_FILE=$out/unasked" "$pitfall" check --json "$own/"
expect_json "$scratch/stdout" 'len(it["trials"]) == 7'
[ ! -e "$out/unasked" ] || fail "the status file was made though the variables were not heeded"

echo "- variables that make no sense: nothing is run"
run env CI_NODE_INDEX=5 CI_NODE_TOTAL=4 "$pitfall" check --shard auto "$own/"
expect_usage_error "--shard: CI_NODE_INDEX is 5, where 1 to 4 was expected: there are 4 (CI_NODE_TOTAL)"
run "$pitfall" check --shard auto "$own/"
expect_usage_error "no variable says which shard this is"
run "$pitfall" check --shard 0/4 "$own/"
expect_usage_error "expected I/N"
run env TEST_SHARD_INDEX=0 TEST_TOTAL_SHARDS=1 TEST_SHARD_STATUS_FILE=/none/x "$pitfall" check --shard auto "$own/"
expect_status 3
expect_in stderr "/none/x"

echo "- a missing shard: named everywhere, and no clean result"
for format in text json junit tap html markdown sarif github gitlab dot perfetto; do
    run "$pitfall" report --report "$format" "$out"/bazel-[134].json
    expect_status 3
    expect_in stderr "pitfall report: shard 2 of 4 is missing: 4 of 14 trials are not there"
    [ "$format" = json ] || expect_in stdout "Not complete: shard 2 of 4 is missing: 4 of 14 trials are not there"
    cp "$scratch/stdout" "$out/lacking.$format"
done
expect_json "$out/lacking.json" 'it["plan"]["missing_shards"] == [2] and len(it["trials"]) == 10'
expect_json "$out/lacking.json" 'it["plan"]["missing_trials"] == [2, 6, 10, 14]'
grep -q '<testsuites name="pitfall report, shards 1, 3-4 of 4" tests="11" failures="0" errors="1"' \
    "$out/lacking.junit" || fail "JUnit counts the lack as an error"
if command -v prove >/dev/null; then
    ! prove --exec cat "$out/lacking.tap" >"$scratch/prove" 2>&1 || fail "prove takes it for all of it"
    grep -q 'Failed 1/11 subtests' "$scratch/prove" || fail "$(cat "$scratch/prove")"
fi

echo "- a lack that was told can be mended later"
run "$pitfall" report --report "json:$out/mended.json" "$out/lacking.json" "$out/bazel-2.json"
expect_status 0
expect_same "$out/mended.json"

echo "- one shard only, on purpose"
run "$pitfall" report --partial "$out/bazel-2.json"
expect_status 0
expect_empty stderr
expect_in stdout "pitfall report, shard 2 of 4: 4 trials: 4 passed"

echo "- a finding comes before a lack"
echo 'exit 1' >"$own/s0/broken.sh"
run "$pitfall" check --shard 1/2 --report text --report "json:$out/failed.json" "$own/"
expect_status 1
expect_in stdout "pitfall check, shard 1 of 2: 4 trials: 3 passed, 1 failed"
run "$pitfall" report "$out/failed.json"
expect_status 1
expect_in stderr "shard 2 of 2 is missing"
echo 'exit 0' >"$own/s0/broken.sh"

echo "- nothing twice"
run "$pitfall" report "$out/bazel-1.json" "$out/bazel-2.json" "$out/bazel-1.json"
expect_usage_error "shard 1 of 4 is in $out/bazel-1.json and again in $out/bazel-1.json: each may be given once"
run "$pitfall" report "$out/lacking.json" "$out/bazel-3.json"
expect_usage_error "shard 3 of 4 is in $out/lacking.json and again in $out/bazel-3.json"
run "$pitfall" report "$out/one.json" "$out/bazel.json"
expect_usage_error "$out/one.json has one of 1 shards of 14 trials, and $out/bazel.json one of 4 of 14"
cp "$out/one.json" "$out/copy.json"
run "$pitfall" report "$out/one.json" "$out/copy.json"
expect_usage_error "the whole of one plan is in $out/one.json and again in $out/copy.json"
"$pitfall" run --report "json:$out/run.json" -- true
cp "$out/run.json" "$out/copy.json"
run "$pitfall" report "$out/run.json" - <"$out/copy.json"
expect_usage_error "the same result is in $out/run.json and again in standard input"

echo "- only what belongs together"
run "$pitfall" report "$out/bazel-1.json" "$out/gitlab-2.json"
expect_usage_error "$out/bazel-1.json has one of 4 shards of 14 trials, and $out/gitlab-2.json one of 5 of 14"
run "$pitfall" check --shard 2/4 --report "json:$out/other.json" "$own/"
run "$pitfall" report "$out/bazel-1.json" "$out/other.json"
expect_usage_error "are of different plans"
run "$pitfall" report "$out/bazel-1.json" "$out/run.json"
expect_usage_error "$out/bazel-1.json is a shard, and $out/run.json is no part of any plan"

echo "- whole results of several runs"
"$pitfall" run --report "json:$out/again.json" -- true
run "$pitfall" report --json "$out/run.json" "$out/one.json" "$out/again.json"
expect_status 0
expect_json "$scratch/stdout" 'it["totals"]["trials"] == 16'

echo "- a check that was interrupted is no clean part of anything"
sed 's/"of": 4/"of": 4, "stopped": "interrupt"/' "$out/bazel-2.json" >"$out/stopped.json"
run "$pitfall" report "$out"/bazel-[134].json "$out/stopped.json"
expect_status 3
expect_in stdout "Not complete: interrupted"

echo "- files that are no results"
run "$pitfall" report
expect_usage_error "a result was expected"
run "$pitfall" report "$out/none"
expect_usage_error "$out/none: the result cannot be opened: No such file or directory"
run "$pitfall" report "$out"
expect_usage_error "$out: cannot be read: Is a directory"
run "$pitfall" report /dev/null
expect_usage_error "/dev/null: is empty"
run "$pitfall" report "$0"
expect_usage_error "$0:1: column "
head -n 20 "$out/one.json" >"$out/cut"
run "$pitfall" report "$out/cut"
expect_usage_error "$out/cut:21: the result is cut off here"
head -c 3000 "$out/one.json" >"$out/cut"
run "$pitfall" report "$out/bazel-1.json" "$out/cut"
expect_usage_error "$out/cut:$(wc -l <"$out/cut" | awk '{print $1 + 1}'): "
run "$pitfall" report "$traces/clean.jsonl"
expect_usage_error "$traces/clean.jsonl:2: there is more than one"
sed 's/pitfall-result.1/pitfall-result\/2/' "$out/one.json" >"$out/version"
run "$pitfall" report "$out/version"
expect_usage_error "$out/version: \"schema\" is pitfall-result/2"
sed 's/"verdict": "pass"/"verdict": "passed"/' "$out/one.json" >"$out/foreign"
run "$pitfall" report "$out/foreign"
expect_usage_error "$out/foreign: trial 0: \"verdict\" must be one of the names"
echo '[1]' >"$out/array"
run "$pitfall" report "$out/array"
expect_usage_error "$out/array: \"schema\" is missing"
if [ "$(id -u)" -ne 0 ]; then
    chmod 000 "$out/array"
    run "$pitfall" report "$out/array"
    expect_usage_error "$out/array: the result cannot be opened: Permission denied"
fi

echo "- nothing but the report on standard output"
run "$pitfall" report --json "$out"/bazel-[134].json
expect_json "$scratch/stdout" 'it["schema"] == "pitfall-result/1"'
