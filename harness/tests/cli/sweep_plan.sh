#!/usr/bin/env bash
# `pitfall sweep --record` and `--plan`: a plan is made once, and carried out in parts that come together.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
cd "$scratch"
mkdir work
cd work
seq 100 >numbers
plan=$scratch/plan.json

echo "- a plan is made, and nothing is tried"
run "$pitfall" sweep --faults errno,kill --record "$plan" -- sh -c 'cat numbers; echo done'
expect_status 0
expect_in stdout "faults at"
expect_json "$plan" 'it["schema"] == "pitfall-sweep-plan/1" and it["command"][0] == "sh"'
expect_json "$plan" 'len(it["faults"]) > 0 and all(f["point"] < len(it["points"]) for f in it["faults"])'

echo "- it comes to what the sweep comes to that makes its own"
run "$pitfall" sweep --plan "$plan" --report "json:$scratch/one.json"
expect_status 1
run "$pitfall" sweep --faults errno,kill --json -- sh -c 'cat numbers; echo done'
essence='(it["plan"], [(t["id"], t["outcome"], t["verdict"], t["faults"][0]["spec"]) for t in it["trials"]])'
expect_json "$scratch/stdout" "$essence == (lambda it: $essence)(json.load(open('$scratch/one.json')))"

echo "- shards of a program that is another one each time come together"
cat >fickle.sh <<'SCRIPT'
#!/bin/sh
for i in $(seq "$(od -An -N1 -tu1 /dev/urandom)"); do echo "$i" >>log; done
cat numbers
SCRIPT
chmod +x fickle.sh
run "$pitfall" sweep --faults errno --proc 0 --syscalls read,openat --record "$plan" -- ./fickle.sh
expect_status 0
for i in 1 2 3; do
    run "$pitfall" sweep --plan "$plan" --shard "$i/3" --report "json:$scratch/shard-$i.json"
    [ "$status" -le 1 ] || fail "status 0 or 1 expected"
done
run "$pitfall" report --json "$scratch"/shard-?.json
[ "$status" -le 1 ] || fail "status 0 or 1 expected"
expect_json "$scratch/stdout" 'planned(it) == list(range(1, it["plan"]["trials"] + 1))'
run "$pitfall" report --json "$scratch"/shard-[13].json
expect_json "$scratch/stdout" 'it["plan"]["missing_shards"] == [2]'

echo "- a plan can be stopped and gone on with"
run "$pitfall" sweep --plan "$plan" --budget 60ms --report "json:$scratch/half.json"
run "$pitfall" sweep --plan "$plan" --resume "$scratch/half.json" --json
expect_json "$scratch/stdout" 'len(planned(it)) == it["plan"]["trials"]'

echo "- so can one of instructions"
run "$pitfall" sweep --step libc.so.6:getppid --record "$scratch/steps.json" -- sh -c 'echo done'
expect_status 0
run "$pitfall" sweep --plan "$scratch/steps.json" --json
expect_status 0
expect_json "$scratch/stdout" 'len(it["trials"]) == it["trials"][0]["instructions"] == it["plan"]["trials"]'

echo "- a program that fails anyway has no plan"
run "$pitfall" sweep --record "$scratch/none.json" --expect-exit 0 -- false
expect_status 1
expect_in stderr "the program fails without any fault"
[ ! -e "$scratch/none.json" ] || fail "a plan was written"

echo "- mistakes"
run "$pitfall" sweep --plan "$plan" -- cat numbers
expect_usage_error 'is a plan for "./fickle.sh", and not for "cat numbers"'
run "$pitfall" sweep --plan "$plan" --limit nofile=32
expect_usage_error "was recorded with other options"
run "$pitfall" sweep --plan "$plan" --faults kill
expect_usage_error "go with --record"
run "$pitfall" sweep --plan "$plan" --record "$scratch/x" -- true
expect_usage_error "use one of them"
run "$pitfall" sweep --record "$scratch/x" --shard 1/2 -- true
expect_usage_error "tries nothing"
run "$pitfall" sweep --record "$scratch/missing/x" -- true
expect_usage_error "cannot be written"
run "$pitfall" sweep --plan "$scratch/missing" -- true
expect_usage_error "cannot be opened"
run "$pitfall" sweep --plan "$scratch/one.json"
expect_usage_error 'its "schema" should be "pitfall-sweep-plan/1", not "pitfall-result/1"'

# broken EXPRESSION: the plan with a part of it changed.
broken() {
    /usr/bin/python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
exec(sys.argv[2])
json.dump(it, open(sys.argv[3], "w"))' "$plan" "$1" "$scratch/broken.json"
    run "$pitfall" sweep --plan "$scratch/broken.json"
}
broken 'it["faults"][1]["point"] = 10**6'
expect_usage_error "faults[1].point: there is no point 1000000"
broken 'it["faults"][0]["action"] = "error=EBOGUS"'
expect_usage_error 'faults[0]: "'
broken 'del it["points"][0]["process"]'
expect_usage_error "points[0]"
broken 'it["faults"].pop()'
expect_usage_error "was recorded with other options"
head -c 100 "$plan" >"$scratch/broken.json"
run "$pitfall" sweep --plan "$scratch/broken.json"
expect_usage_error "line 5"
