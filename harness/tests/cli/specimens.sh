#!/usr/bin/env bash
# The programs of the catalogue: a check can fail, and a diagnosis does not know whom it is about.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
scenarios=$2
built=$(dirname "$pitfall")/../scenarios

echo "- a safe program that is as broken as the other one makes the check fail"
cp -rL "$built" "$scratch/swapped"
find "$scratch/swapped" -name CMakeFiles -prune -exec rm -rf {} +
for folder in "$scratch"/swapped/*/pitfall.yaml; do
    cp "$(dirname "$folder")/broken" "$(dirname "$folder")/safe"
done
run env PITFALL_SCENARIOS="$scratch/swapped" "$pitfall" check --variant safe --json
expect_status 1
expect_json "$scratch/stdout" "len(it['trials']) == $(find "$scenarios" -name pitfall.yaml | wc -l)"
expect_json "$scratch/stdout" "[t['scenario'] for t in it['trials'] if t['verdict'] != 'fail'] == []"

echo "- the first screen of 80x24 has it all, down to the replay line"
run env -C "$built" "$pitfall" check --variant broken --variant broken-py
expect_status 0
awk '/^[a-z-]+\/broken(-py)?: / { rows = 0; name = $1 } { rows++ }
    /^  Replay: / && name != "" { told++; if (rows > 22) print name, "replay line in row", rows; name = "" }
    END { if (told < 50) print told + 0, "replay lines" }' "$scratch/stdout" >"$scratch/late"
[ ! -s "$scratch/late" ] || fail "$(cat "$scratch/late")"

echo "- a broken program under another name, with nothing but the plan, is diagnosed alike"
run "$pitfall" check --variant broken --json
expect_status 0
cp "$scratch/stdout" "$scratch/known.json"
python3 - "$scratch/known.json" "$scratch/renamed" >"$scratch/lines" <<'END'
import json, os, shlex, shutil, sys

os.mkdir(sys.argv[2])
for number, trial in enumerate(json.load(open(sys.argv[1], encoding="utf-8"))["trials"]):
    program = f"{sys.argv[2]}/program-{number}"
    shutil.copy(trial["command"][0], program)
    words = shlex.split(trial["replay"])
    words[words.index(trial["command"][0])] = program
    worst = int([finding["kind"] for finding in trial["findings"]] != ["cost"])  # which is a warning outside of scenarios
    print(trial["scenario"], trial["diagnosis"]["pitfall"], worst, shlex.join(words[2:]))
END
[ -s "$scratch/lines" ] || fail "lines to be replayed"
while read -r id pitfall_id worst words; do
    eval "run \"\$pitfall\" run --json $words"
    expect_status "$worst"
    expect_json "$scratch/stdout" "it['trials'][0]['diagnosis']['pitfall'] == '$pitfall_id' == '$id'"
done <"$scratch/lines"

echo "- safe programs under faults that a sweep has found"
safe_under() {
    run "$pitfall" run --isolate --expect-exit any "${@:2}" -- "$built/$1/safe"
    expect_status 0
}
safe_under handler-overridden --inject point=measuring:kill:when=7
safe_under log-rotation-loss --inject 'write:short=9:when=1+:proc=0.1.1.1'

echo "- one that is stopped takes its files with it"
run "$pitfall" run --isolate --json --inject 'point=begin:signal=TERM:to=0' -- "$built/log-rotation-loss/safe"
expect_json "$scratch/stdout" "it['trials'][0]['faults'][0]['fired'] > 0"
expect_json "$scratch/stdout" "'ipc-leak' not in [f['kind'] for f in it['trials'][0]['findings']]"
