#!/usr/bin/env bash
# `pitfall check`: what it counts, in which order, and what becomes of it when it is interrupted.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
own=$scratch/scenarios

# scenario ID FINDING PROGRAM: a folder with one variant, a shell script.
scenario() {
    mkdir -p "$own/$1"
    echo "$3" >"$own/$1/broken.sh"
    cat >"$own/$1/pitfall.yaml" <<MANIFEST
id: $1
title: $1
story: A test.
why: A test.
recognise: A test.
avoid: A test.
tags: [test]
deadline: 200s
variants:
  - name: broken
    script: broken.sh
    interpreter: /bin/sh
    expect: {finding: $2}
MANIFEST
}

names='[t["scenario"] for t in it["trials"]]'
verdicts='[t["verdict"] for t in it["trials"]]'

echo "- the results are in the order of the plan, whatever ends first"
scenario a-slow exit 'sleep 0.4; exit 1'
scenario b-quick exit 'exit 1'
scenario c-quick exit 'exit 1'
run "$pitfall" check -j3 --repeat 2 --json "$own/"
expect_status 0
expect_json "$scratch/stdout" "$names == ['a-slow', 'b-quick', 'c-quick'] * 2"
expect_json "$scratch/stdout" 'it["totals"] == {"trials": 6, "pass": 6, "fail": 0, "error": 0, "skip": 0}'
expect_json "$scratch/stdout" '["timeline" in t for t in it["trials"]] == [True] * 3 + [False] * 3'
expect_empty stderr

echo "- many trials through a small window"
run "$pitfall" check -j2 --repeat 60 "$own/b-quick"
expect_status 0
expect_in stdout "60 of 60 as expected"

echo "- variants by their names, one or several"
mkdir "$own/three"
sed -e '/^variants:/,$d' -e 's/b-quick/three/' "$own/b-quick/pitfall.yaml" >"$own/three/pitfall.yaml"
echo 'variants:' >>"$own/three/pitfall.yaml"
for name in first second third; do
    echo "  - {name: $name, script: broken.sh, interpreter: /bin/sh, expect: {finding: exit}}" >>"$own/three/pitfall.yaml"
done
echo 'exit 1' >"$own/three/broken.sh"
variants='[t["variant"] for t in it["trials"]]'
run "$pitfall" check --variant third --variant first --json "$own/three" "$own/b-quick"
expect_status 0
expect_json "$scratch/stdout" "$variants == ['first', 'third']"
run "$pitfall" check --variant third --variant frist --json "$own/three"
expect_usage_error 'none of the scenarios has a variant "frist"; did you mean "first"?'
rm -r "$own/three"

echo "- one that is not as expected makes it fail, and is told with its output"
scenario d-odd deadlock 'echo some words; exit 1'
run "$pitfall" check --json "$own/"
expect_status 1
expect_json "$scratch/stdout" "$verdicts == ['pass', 'pass', 'pass', 'fail']"
run "$pitfall" check --repeat 2 --json "$own/d-odd"
expect_status 1
expect_json "$scratch/stdout" '["timeline" in t for t in it["trials"]] == [True] * 2'
run "$pitfall" check "$own/"
expect_status 1
expect_in stdout "d-odd     broken   FAILED"
expect_in stdout "    | some words"
expect_in stdout "  Replay: pitfall run"
run "$pitfall" check "$own/a-slow" "$own/b-quick"
expect_status 0

echo "- the sources travel in the result, and are shown from it alone"
sed -i 's/^    expect:.*/&\n    marks: [{text: exit 1, note: gives up}]/' "$own/b-quick/pitfall.yaml"
run "$pitfall" check --repeat 2 --report "json:$scratch/with-sources.json" "$own/b-quick" "$own/c-quick"
expect_status 0
expect_json "$scratch/with-sources.json" '[l["scenario"] for l in it["listings"]] == ["b-quick", "c-quick"]'
expect_json "$scratch/with-sources.json" 'it["listings"][0]["marks"] == [{"line": 1, "note": "gives up"}]'
mv "$own" "$own.away"
run "$pitfall" report --report html "$scratch/with-sources.json"
expect_status 0
expect_in stdout '<mark class="bad">'
expect_in stdout "gives up"
mv "$own.away" "$own"
sed -i '/marks:/d' "$own/b-quick/pitfall.yaml"

echo "- what they write is there afterwards, unless they are isolated"
scenario e-writes exit "echo seen >'$scratch/written'; exit 1"
expect_nothing_written() {
    run "$pitfall" check "$@" --json "$own/e-writes"
    expect_status 0
    expect_json "$scratch/stdout" '" --isolate " in it["trials"][0]["replay"]'
    if grep -q '"isolated": *true' "$scratch/stdout"; then
        [ ! -e "$scratch/written" ] || fail "a file was left behind"
    else
        echo "skipped: files cannot be isolated here"
        rm -f "$scratch/written"
    fi
}
expect_nothing_written --isolate
cp "$own/e-writes/pitfall.yaml" "$scratch/as-it-was"
echo "isolate: true" >>"$own/e-writes/pitfall.yaml"
expect_nothing_written
mv "$scratch/as-it-was" "$own/e-writes/pitfall.yaml"
run "$pitfall" check "$own/e-writes"
expect_status 0
[ -e "$scratch/written" ] || fail "no file was written"
rm -rf "$own/e-writes"

echo "- what cannot be started could not be tested: that is no failure of the program"
rm -rf "$own/d-odd"
sed -i /interpreter/d "$own/b-quick/pitfall.yaml"
run "$pitfall" check --json "$own/b-quick" "$own/c-quick"
expect_status 3
expect_json "$scratch/stdout" "$verdicts == ['error', 'pass']"
run "$pitfall" check "$own/b-quick"
expect_status 3
expect_in stdout "ERROR: it could not be tested"

echo "- what cannot run here is skipped"
sed -i 's/ script:.*/&\n    interpreter: \/no\/such\/python/' "$own/b-quick/pitfall.yaml"
run "$pitfall" check --json "$own/b-quick" "$own/c-quick"
expect_status 0
expect_json "$scratch/stdout" "$verdicts == ['skip', 'pass']"
run "$pitfall" check "$own/b-quick"
expect_status 77
expect_in stdout "/no/such/python"

echo "- a shorter deadline for all"
scenario e-hang hang 'exec sleep 100'
run "$pitfall" check --deadline 200ms --json "$own/e-hang"
expect_status 0
expect_json "$scratch/stdout" 'it["trials"][0]["duration_ms"] < 100000'
expect_json "$scratch/stdout" '" --deadline 200ms " in it["trials"][0]["replay"]'

# When a trial's program has started, it says so here; it may end when there is something to read there.
mkfifo "$scratch/started" "$scratch/go"

# has_taken PID: no signal that was sent to it is still on its way.
has_taken() {
    ! grep -qE '^(Sig|Shd)Pnd:.*[1-9a-f]' "/proc/$1/status"
}

# interrupted SIGNALS…: a check of one that waits and one that would come after it.
interrupted() {
    setsid "$pitfall" check -j1 --json "$own/f-waits" "$own/c-quick" >"$scratch/stdout" 2>"$scratch/stderr" &
    local check=$! signal
    ran="check, then: $*"
    read -r _ <"$scratch/started"
    for signal in "$@"; do
        kill "-$signal" "$check"
    done
    if [ $# -eq 1 ]; then
        until has_taken "$check"; do :; done
        echo >"$scratch/go"
    fi
    status=0
    wait "$check" || status=$?
}

echo "- interrupted once, what runs may end and the rest is reported as not run"
scenario f-waits exit "echo >'$scratch/started'; read _ <'$scratch/go'; exit 1"
interrupted TERM
expect_status 3
expect_json "$scratch/stdout" "$verdicts == ['pass', 'skip'] and 'interrupted' in it['trials'][1]['reason']"
expect_in stderr "pitfall check: interrupted"
cp "$scratch/stdout" "$scratch/interrupted.json"
run "$pitfall" report "$scratch/interrupted.json"
expect_status 3
expect_in stdout "Not complete: interrupted"

echo "- interrupted twice, it ends at once, still with a report"
scenario f-waits exit "echo >'$scratch/started'; exec sleep 1000"
begin=$SECONDS
interrupted TERM HUP
[ $((SECONDS - begin)) -lt 100 ] || fail "it did not end"
[ "$status" -eq 3 ] || [ "$status" -eq 1 ] || fail "status 3 or 1 was expected"
expect_json "$scratch/stdout" "len(it['trials']) == 2 and it['trials'][1]['verdict'] == 'skip'"

echo "- when it is killed, so is everything that it started"
scenario f-waits exit "echo >'$scratch/started'; sleep 1000; exit 1"
setsid "$pitfall" check "$own/f-waits" >"$scratch/stdout" 2>"$scratch/stderr" &
check=$!
ran="check, then kill -9"
read -r _ <"$scratch/started"
kill -KILL "$check"
wait "$check" 2>/dev/null || true
end=$((SECONDS + 60))
# The supervisors and the program all have this path on their command lines, and nobody else has.
while lives "$own/f-waits"; do
    [ "$SECONDS" -lt "$end" ] || fail "left behind: $(cat "$scratch/living")"
done
