#!/usr/bin/env bash
# Lesson plans: complete, and what they have a class do gives what they say. usage: lessons.sh PITFALL
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

echo "- the list: every scenario with a sentence, in the order of the catalogue"
run "$pitfall" demo
expect_status 0
expect_empty stderr
[ "$(wc -L <"$scratch/stdout")" -le 80 ] || fail "no line wider than 80 columns"
listed=$(sed -nE 's/^ *[0-9]+  ([a-z-]+)  .*/\1/p' "$scratch/stdout")
[ "$listed" = "$("$pitfall" list | awk '/^[a-z]/ {print $1}')" ] || fail "the order of the catalogue was expected"
expect_in stdout "Read everything that a child sends before you wait"

echo "- a scenario of one's own without a lesson"
mine=$scratch/mine/my-pitfall
mkdir -p "$mine"
printf 'id: my-pitfall\ntitle: One of mine\nvariants:\n  - name: broken\n    script: broken.sh\n    interpreter: /bin/sh\n' \
    >"$mine/pitfall.yaml"
echo true >"$mine/broken.sh"
run "$pitfall" demo "$scratch/mine" --script
expect_status 0
expect_in stdout "> One of mine"
expect_in stdout "### Ask"
cp -r "$mine" "$scratch/mine/another"
sed -i 's/^id: .*/id: another/' "$scratch/mine/another/pitfall.yaml"
run "$pitfall" demo "$scratch/mine"
expect_status 0
expect_in stdout " 2  my-pitfall  One of mine"

echo "- mistakes in a lesson: file and line"
for mistake in 'ask: [{question: Why?}]|5: "answer" is missing' 'try: [{change: a, replace: b, see: c, finding: dedlock}]|5: expected kinds of finding' \
    'try: [{change: a, replace: b, see: c, file: ../x}]|5: "../x" must be a file in the folder' 'aks: []|5: unknown key "aks"'; do
    printf 'id: a\ntitle: A\nlesson:\n  sentence: S\n  %s\nvariants: [{name: broken, script: broken.sh}]\n' "${mistake%|*}" \
        >"$mine/pitfall.yaml"
    run "$pitfall" demo "$mine"
    expect_usage_error "$mine/pitfall.yaml:${mistake##*|}"
done

echo "- a plan for each scenario"
for id in $listed; do
    run "$pitfall" demo --script "$id"
    expect_status 0
    expect_empty stderr
    for part in "### Show" "### Ask" "### Change it and see" "### Why it happens" "### How to avoid it" "### Read on"; do
        expect_in stdout "$part"
    done
    fences=$(grep -c '^```' "$scratch/stdout")
    [ "$fences" -gt 3 ] || fail "code was expected"
    [ $((fences % 2)) -eq 0 ] || fail "a fence is open"
done
run "$pitfall" demo --script
expect_status 0
[ "$(grep -c '^## ' "$scratch/stdout")" -eq "$(wc -l <<<"$listed")" ] || fail "all of them without an id"

echo "- what a class is to do, word for word"
run /usr/bin/python3 "$here/lessons.py" "$pitfall" "$scratch"
cat "$scratch/stdout"
expect_status 0
