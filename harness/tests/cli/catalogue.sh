#!/usr/bin/env bash
# `pitfall list` and `show`, the places where scenarios are found, and folders of one's own.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
scenarios=$2

manifests() {
    find "$scenarios" -mindepth 2 -maxdepth 2 -name pitfall.yaml -printf '%h\n' | xargs -n 1 basename | sort
}

echo "- the list has every folder"
run "$pitfall" list
expect_status 0
expect_empty stderr
[ "$(awk '/^[a-z]/ {print $1}' "$scratch/stdout" | sort)" = "$(manifests)" ] || fail "all folders, once"
[ "$(wc -L <"$scratch/stdout")" -le 80 ] || fail "no line wider than 80 columns"
run "$pitfall" list --json
expect_json "$scratch/stdout" 'it["schema"] == "pitfall-list/1"'
for id in $(manifests); do
    expect_json "$scratch/stdout" "'$id' in [s['id'] for s in it['scenarios']]"
done

echo "- tags"
run "$pitfall" list --tag card
expect_status 0
expect_in stdout terminate-with-lock
run "$pitfall" list --tag no-such-tag
expect_usage_error 'no scenario has the tag "no-such-tag"'

echo "- show tells all of it"
for id in $(manifests); do
    run "$pitfall" show "$id"
    expect_status 0
    expect_empty stderr
    for part in "The story" "Why it happens" "How to avoid it" "broken (falls in: " "Sources" "int main("; do
        expect_in stdout "$part"
    done
    # Prose and programs; paths and addresses are as long as they are.
    wide=$(grep -vE '^  (/|https?://)' "$scratch/stdout" | wc -L)
    [ "$wide" -le 80 ] || fail "a line of $wide columns"
done
run "$pitfall" show terminate-with-lock
expect_in stdout "--inject point=lock-held"
! grep -q 'broken (.* | safe (' "$scratch/stdout" || fail "80 columns are too few for two programs"

echo "- why a line matters stands below it"
run "$pitfall" show join-before-drain
grep -A 1 '^    if (waitpid(worker' "$scratch/stdout" | grep -qx '    ^ waits for the end of the worker first' ||
    fail "the note of a mark"

echo "- two programs side by side where there is room"
run env COLUMNS=170 "$pitfall" show terminate-with-lock
expect_status 0
grep -q '^broken (falls in: deadlock).* | safe (avoids it)' "$scratch/stdout" || fail "two titles on a line"
grep -q '        ^ .* | .*[^ ]' "$scratch/stdout" || fail "the note of a mark"
[ "$(grep -c ' | ' "$scratch/stdout")" -gt 20 ] || fail "two programs were expected side by side"
[ "$(wc -L <"$scratch/stdout")" -le 170 ] || fail "no line wider than the terminal"

echo "- ids that do not exist"
run "$pitfall" show terminate-with-lok
expect_usage_error 'no scenario "terminate-with-lok"; did you mean "terminate-with-lock"?'
run "$pitfall" check qwertzuiop
expect_usage_error 'no scenario "qwertzuiop"; `pitfall list` shows them all'
run "$pitfall" check --variant saef
expect_usage_error 'variant "saef"; did you mean "safe"?'

echo "- a catalogue somewhere else, or nowhere"
run env PITFALL_SCENARIOS=/no/such/place "$pitfall" list
expect_status 3
expect_in stderr '$PITFALL_SCENARIOS is "/no/such/place"'
mkdir -p "$scratch/prefix/bin" "$scratch/prefix/lib/pitfall"
cp "$pitfall" "$scratch/prefix/bin/"
run "$scratch/prefix/bin/pitfall" list
expect_status 3
expect_in stderr 'set $PITFALL_SCENARIOS'
ln -s "$scenarios" "$scratch/prefix/lib/pitfall/scenarios"
run "$scratch/prefix/bin/pitfall" list
expect_status 0
expect_in stdout join-before-drain

echo "- a folder of one's own, and a folder of folders"
mine=$scratch/mine/my-pitfall
mkdir -p "$mine"
echo "exec sleep 100" >"$mine/wait.sh"
cat >"$mine/pitfall.yaml" <<'MANIFEST'
id: my-pitfall
title: One of mine
story: It waits.
why: It was told to.
recognise: It does not end.
avoid: Do not wait.
tags: [mine]
deadline: 300ms
variants:
  - name: broken
    script: wait.sh
    interpreter: /bin/sh
    expect: {finding: hang}
MANIFEST
run "$pitfall" list "$scratch/mine"
expect_status 0
expect_exactly stdout "my-pitfall  One of mine"
run "$pitfall" show "$mine"
expect_status 0
expect_in stdout "It does not end."
run "$pitfall" check "$scratch/mine/"
expect_status 0
expect_in stdout "my-pitfall/broken: hang, as expected"
cd "$scratch/mine"
run "$pitfall" check my-pitfall
expect_status 0
cd my-pitfall
run "$scratch/prefix/bin/pitfall" check .
expect_status 0
rm "$scratch/prefix/lib/pitfall/scenarios"
run "$scratch/prefix/bin/pitfall" check .
expect_status 0

echo "- a manifest that is wrong: file and line"
echo "surprise: yes" >>"$mine/pitfall.yaml"
run "$pitfall" check "$mine"
expect_usage_error "$mine/pitfall.yaml:"
run "$pitfall" check "$scratch"
expect_usage_error "$scratch"
run "$pitfall" check "$scratch/none/"
expect_usage_error "$scratch/none/: is no directory"
