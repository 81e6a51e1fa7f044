#!/usr/bin/env bash
# `pitfall sweep`: every fault at every point, each failure once, with a line that shows it again.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
cd "$scratch"
mkdir work
cd work
seq 100 >numbers

echo "- a program that says when it fails is left in peace"
run "$pitfall" sweep --deadline 20s --json -- cat numbers
expect_status 0
cp "$scratch/stdout" "$scratch/cat.json"
expect_json "$scratch/cat.json" 'it["sweep"]["failures"] == [] and it["totals"]["fail"] == 0'
expect_json "$scratch/cat.json" '{t["outcome"] for t in it["trials"]} == {"clean", "graceful"}'
expect_json "$scratch/cat.json" 'planned(it) == list(range(1, it["plan"]["trials"] + 1))'
expect_json "$scratch/cat.json" 'all(t["faults"][0]["fired"] for t in it["trials"])'
expect_json "$scratch/cat.json" 'any("error=ENOSPC" in t["faults"][0]["spec"] for t in it["trials"]) == False'

echo "- what only a fault brings about is struck as well: here the message about it"
expect_json "$scratch/cat.json" 'all(len(t["faults"]) == 1 for t in it["trials"] if t["id"] <= it["plan"]["trials"])'
expect_json "$scratch/cat.json" 'any(len(t["faults"]) == 2 for t in it["trials"])'
expect_json "$scratch/cat.json" 'all(f["fired"] for t in it["trials"] for f in t["faults"])'
expect_json "$scratch/cat.json" 'all(f["met"] >= 1 for t in it["trials"] for f in t["faults"])'

echo "- the plan is the same every time, whatever the number of jobs"
run "$pitfall" sweep --deadline 20s --json -j1 -- cat numbers
expect_status 0
plan='(it["plan"], [t["faults"][0]["spec"] for t in it["trials"]])'
expect_json "$scratch/stdout" "$plan == (lambda it: $plan)(json.load(open('$scratch/cat.json')))"

echo "- a failure that nobody is told of is found, once, and shown again"
run "$pitfall" sweep --deadline 20s --faults errno,eintr --report "json:$scratch/lossy.json" --report text -- \
    sh -c 'cat numbers; echo done'
expect_status 1
expect_in stdout "LOST DATA SILENTLY"
expect_in stdout "replayed 10 of 10"
expect_json "$scratch/lossy.json" 'all(f["replayed"] == f["replays"] == 10 for f in it["sweep"]["failures"])'
expect_json "$scratch/lossy.json" 'all(t["outcome"] == "silent" for t in it["trials"] if t["verdict"] == "fail")'
expect_json "$scratch/lossy.json" 'sum(f["count"] for f in it["sweep"]["failures"]) == it["totals"]["fail"]'
expect_json "$scratch/lossy.json" 'any("read:error=EIO" in f["replay"] for f in it["sweep"]["failures"])'

echo "- each replay line shows its failure"
/usr/bin/python3 -c 'import json, sys
for f in json.load(open(sys.argv[1]))["sweep"]["failures"]: print(f["replay"])' "$scratch/lossy.json" >"$scratch/lines"
[ -s "$scratch/lines" ] || fail "no replay lines"
while IFS= read -r line; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        run bash -c "${line/#pitfall/$pitfall}"
        expect_status 1
        expect_in stderr "but its output is not that of"
    done
done <"$scratch/lines"

echo "- a fault of the user's that does not come any more, because the trial's own led elsewhere, leaves a result"
run "$pitfall" sweep --deadline 20s --faults errno --proc 0.1 --syscalls write --inject write:short=1:when=1:proc=0.2 \
    --report "json:$scratch/elsewhere.json" -- sh -c 'cat numbers >copy && cat copy; echo done'
expect_status 1
expect_json "$scratch/elsewhere.json" 'len(it["trials"]) > 1 and all(t["verdict"] == "fail" for t in it["trials"])'
expect_json "$scratch/elsewhere.json" 'any(f["kind"] == "unfired" for t in it["trials"] for f in t["findings"])'
expect_json "$scratch/elsewhere.json" 'all(f["replayed"] == f["replays"] == 10 for f in it["sweep"]["failures"])'

echo "- a program that a hold of the user's keeps for good does not hang by itself"
cat >pair.py <<'END'
import os, select
first = os.fork()
if first == 0:
    os.write(1, b"one\n")
    os._exit(0)
try:
    if os.fork() == 0:
        os._exit(0)
except OSError:
    os.write(2, b"there is no second\n")
select.select([os.pidfd_open(first)], [], [], 60)
os.waitpid(first, 0)
END
run "$pitfall" sweep --json --faults errno --syscalls clone --proc 0 --deadline 4s \
    --inject write:hold=start@0.2:proc=0.1:when=1 -- /usr/bin/python3 -S pair.py
expect_status 0
expect_json "$scratch/stdout" 'any("held up" in t.get("reason", "") for t in it["trials"] if t["verdict"] == "skip")'


echo "- what a program writes down of the time is not held against it"
run "$pitfall" sweep --deadline 20s --json --faults stop -j1 -- sh -c 'date +%s >now; cat numbers'
expect_json "$scratch/stdout" 'len(it["trials"]) > 0 and it["totals"]["fail"] == 0'

echo "- kinds, processes and calls can be chosen"
run "$pitfall" sweep --deadline 20s --json --faults kill --proc 0.1 --syscalls read,write -- sh -c 'cat numbers; echo done'
expect_json "$scratch/stdout" 'len(it["trials"]) > 0'
expect_json "$scratch/stdout" 'all(t["faults"][0]["spec"].split(":")[0] in ("read", "write") for t in it["trials"])'
expect_json "$scratch/stdout" 'all(":kill:" in t["faults"][0]["spec"] for t in it["trials"])'
expect_json "$scratch/stdout" 'all(t["faults"][0]["spec"].endswith(":proc=0.1") for t in it["trials"])'

echo "- all of the occurrences, when asked for"
run "$pitfall" sweep --deadline 20s --json --faults kill --all -- cat numbers
expect_json "$scratch/stdout" 'it["sweep"]["startup"] == it["sweep"]["repetitions"] == 0'
expect_json "$scratch/stdout" 'len(it["trials"]) == it["sweep"]["points"]'

echo "- a budget ends it in time, and says so"
run "$pitfall" sweep --json --budget 300ms -- sh -c 'sleep 0.2; cat numbers'
expect_json "$scratch/stdout" 'it["plan"]["stopped"] == "budget" and len(it["trials"]) < it["plan"]["trials"]'

echo "- what was stopped is gone on with, and comes to what it would have come to at once"
run "$pitfall" sweep --deadline 20s --faults errno --budget 1ms --report "json:$scratch/none.json" -- sh -c 'cat numbers; echo done'
expect_json "$scratch/none.json" 'it["plan"]["stopped"] == "budget" and it["trials"] == []'
go_on() {
    run "$pitfall" sweep --deadline 20s --faults errno --resume "$scratch/$1.json" --report "json:$scratch/$2.json" -- \
        sh -c 'cat numbers; echo done'
    expect_status 1
    expect_json "$scratch/$2.json" 'planned(it) == list(range(1, it["plan"]["trials"] + 1))'
    expect_json "$scratch/$2.json" '"stopped" not in it["plan"]'
}
go_on none whole
# As it would be if half of the trials had been made in time; one of them is seen to be taken from there.
/usr/bin/python3 -c 'import json, sys
it = json.load(open(sys.argv[1]))
it["plan"]["stopped"] = "budget"
it["sweep"]["failures"] = []
it["trials"] = it["trials"][::2]
it["trials"][0]["duration_ms"] = 123456
json.dump(it, open(sys.argv[2], "w"))' "$scratch/whole.json" "$scratch/half.json"
go_on half again
expect_json "$scratch/again.json" 'it["trials"][0]["duration_ms"] == 123456'
outcomes='[(t["id"], t["outcome"]) for t in it["trials"]], [f["trials"] for f in it["sweep"]["failures"]]'
expect_json "$scratch/again.json" "($outcomes) == (lambda it: ($outcomes))(json.load(open('$scratch/whole.json')))"
run "$pitfall" sweep --deadline 20s --faults kill --resume "$scratch/half.json" -- sh -c 'cat numbers; echo done'
expect_usage_error "of another plan"

echo "- a program that fails anyway is not swept"
run "$pitfall" sweep --expect-exit 0 -- false
expect_status 1
expect_in stderr "the program fails without any fault"

echo "- mistakes"
run "$pitfall" sweep
expect_usage_error "no command to run"
run "$pitfall" sweep --faults errno,kil -- true
expect_usage_error '"kil" is no kind of fault'
run "$pitfall" sweep --syscalls wriite -- true
expect_usage_error 'did you mean "write"'
run "$pitfall" sweep --budget 5 -- true
expect_usage_error "--budget"
run "$pitfall" sweep -j0 -- true
expect_usage_error "--jobs"
run "$pitfall" sweep -- ./does-not-exist
expect_status 2
expect_in stderr "does-not-exist"

echo "- --step strikes at every instruction of a call"
run "$pitfall" sweep --deadline 20s --json --step libc.so.6:getppid --when 1 -- sh -c 'echo done'
expect_status 0
expect_json "$scratch/stdout" 'len(it["trials"]) == it["trials"][0]["instructions"] == it["plan"]["trials"]'
expect_json "$scratch/stdout" 'all(":kill:when=1:proc=0" in t["faults"][0]["spec"] for t in it["trials"])'
run "$pitfall" sweep --step libc.so.6:getpid_of -- sh -c 'echo done'
expect_status 2
expect_in stderr "no function getpid_of"
run "$pitfall" sweep --step libc.so.6:getppid --when 99 -- sh -c 'echo done'
expect_status 2
expect_in stderr "no process"
run "$pitfall" sweep --step main --faults kill -- true
expect_status 2
run "$pitfall" sweep --when 2 -- true
expect_status 2
run "$pitfall" sweep --step main --do error=EIO -- true
expect_status 2
