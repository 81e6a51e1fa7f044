#!/usr/bin/env bash
# The templates for other people's CI (ci/templates) do what they promise: what they tell a server to run is run
# here, with the variables that it would set, and the parts come together as a whole.
# usage: templates.sh PITFALL
# shellcheck disable=SC2015,SC2016
set -euo pipefail

pitfall=$(realpath "$1")
templates=$(cd "$(dirname "$0")/../../.." && pwd)/ci/templates
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
PATH=$(dirname "$pitfall"):$PATH
unset TEST_SHARD_INDEX TEST_TOTAL_SHARDS JOB_COMPLETION_INDEX CI_NODE_INDEX CI_NODE_TOTAL "${!SLURM_ARRAY_TASK_@}"

fail() {
    echo "FAILED: $1"
    exit 1
}

# Six scenarios of one trial, one of which fails: a template must bring its report home all the same.
for i in 1 2 3 4 5 6; do
    mkdir -p "$scratch/hangs/s$i"
    echo "exit 1" >"$scratch/hangs/s$i/broken.sh"
    cat >"$scratch/hangs/s$i/pitfall.yaml" <<MANIFEST
id: s$i
title: A test
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
    expect: {finding: $([ $i = 4 ] && echo deadlock || echo exit)}
MANIFEST
done

# begin NAME: an empty working directory with the user's scenarios in it.
begin() {
    echo "- $1"
    mkdir -p "$scratch/$1/tests"
    cd "$scratch/$1"
    ln -s ../../hangs tests/hangs
}

# expect_whole COMMAND: it puts the parts together; all six trials are there, and one has failed.
expect_whole() {
    local status=0
    bash -ec "$1" >out 2>err || status=$?
    [ "$status" -eq 1 ] && [ ! -s err ] || fail "$1: status $status: $(cat out err)"
    [ ! -e pitfall.xml ] || grep -q 'tests="6" failures="1" errors="0"' pitfall.xml || fail "$(cat pitfall.xml)"
    grep -q '6 trials: 5 passed, 1 failed' out || fail "$(cat out)"
}

# in_yaml FILE EXPRESSION: the strings that the Python expression over the documents makes, one a line.
in_yaml() {
    /usr/bin/python3 -c 'import sys, yaml
it = list(yaml.safe_load_all(open(sys.argv[1])))
print("\n".join(str(text) for text in eval(sys.argv[2])))' "$templates/$1" "$2"
}

# one_of_four STATUS COMMAND: a shard, that finds something (1) or not (0).
one_of_four() {
    local status=0
    bash -ec "$2" >out 2>&1 || status=$?
    [ "$status" -eq "$1" ] || fail "$2: status $status: $(cat out)"
}

github() {
    local steps='[s["run"] for s in it[0]["jobs"]["'%s'"]["steps"] if "run" in s]' i command
    # shellcheck disable=SC2059
    command=$(in_yaml github-actions.yml "$(printf "$steps" shard)")
    for i in $(in_yaml github-actions.yml 'it[0]["jobs"]["shard"]["strategy"]["matrix"]["shard"]'); do
        one_of_four $((i == 4)) "${command//'${{ matrix.shard }}'/$i}"
    done
    # shellcheck disable=SC2059
    expect_whole "$(in_yaml github-actions.yml "$(printf "$steps" report)")"
}

gitlab() {
    local i of
    of=$(in_yaml gitlab-ci.yml '[it[0]["pitfall"]["parallel"]]')
    for ((i = 1; i <= of; i++)); do
        CI_NODE_INDEX=$i CI_NODE_TOTAL=$of one_of_four $((i == 4)) "$(in_yaml gitlab-ci.yml 'it[0]["pitfall"]["script"]')"
    done
    expect_whole "$(in_yaml gitlab-ci.yml 'it[0]["pitfall-report"]["script"]')"
}

# Findings are no failure of a pod; its volume is a folder here.
kubernetes() {
    local i of container='it[0]["spec"]["template"]["spec"]["containers"][0]' command
    of=$(in_yaml kubernetes-job.yaml '[it[0]["spec"]["completions"]]')
    [ "$(in_yaml kubernetes-job.yaml "${container}[\"command\"]")" = $'sh\n-c' ] || fail "the container's command"
    command=$(in_yaml kubernetes-job.yaml "${container}[\"args\"]")
    for ((i = 0; i < of; i++)); do
        JOB_COMPLETION_INDEX=$i one_of_four 0 "${command//\/results/.}"
    done
    expect_whole "$(sed -n 's|^# *\(pitfall report\)|\1|p' "$templates/kubernetes-job.yaml" | sed 's|/results/||')"
}

# Bazel says how many, and collects reports, in variables too.
bazel() {
    local i of
    of=$(sed -n 's/^ *shard_count = \([0-9]*\),$/\1/p' "$templates/bazel/BUILD.bazel")
    cp "$templates/bazel/pitfall_test.sh" .
    cp -r "$scratch/hangs" scenarios
    for ((i = 0; i < of; i++)); do
        mkdir "shard_$i"
        TEST_SHARD_INDEX=$i TEST_TOTAL_SHARDS=$of TEST_SHARD_STATUS_FILE=$PWD/shard_$i/status \
            XML_OUTPUT_FILE=$PWD/shard_$i/test.xml TEST_UNDECLARED_OUTPUTS_DIR=$PWD/shard_$i \
            one_of_four $((i == 3)) ./pitfall_test.sh
        [ -e "shard_$i/status" ] && [ -s "shard_$i/test.xml" ] || fail "shard $i left no status file, or no XML"
    done
    expect_whole "pitfall report shard_*/shard.json"
}

slurm() {
    local i of
    of=$(sed -n 's/^#SBATCH --array=1-\([0-9]*\)$/\1/p' "$templates/slurm.sbatch")
    for ((i = 1; i <= of; i++)); do
        SLURM_ARRAY_TASK_ID=$i SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=$of SLURM_ARRAY_TASK_COUNT=$of \
            one_of_four $((i == 4)) "sh '$templates/slurm.sbatch' tests/hangs"
    done
    expect_whole "$(sed -n 's|^# *\(pitfall report\)|\1|p' "$templates/slurm.sbatch")"
}

for engine in github gitlab kubernetes bazel slurm; do
    case $engine in
    github | gitlab | kubernetes)
        /usr/bin/python3 -c 'import yaml' 2>/dev/null || {
            echo "- skipped: $engine: no python3-yaml here"
            continue
        }
        ;;
    esac
    begin "$engine"
    "$engine"
done
