#!/usr/bin/env bash
# The scenarios of docs/examples do what their manifests say, in every run, and can fail. usage: own_scenarios.sh PITFALL
set -euo pipefail

pitfall=$(realpath "$1")
examples=$(realpath "$(dirname "$0")/../../../docs/examples")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
unset PITFALL_SCENARIOS

echo "- a shell script"
"$pitfall" check "$examples/backup" --repeat 10 >/dev/null

echo "- a careless one in the place of the careful one makes the check fail"
cp -r "$examples/backup" "$scratch/backup"
cp "$scratch/backup/careless.sh" "$scratch/backup/careful.sh"
if "$pitfall" check "$scratch/backup" >"$scratch/report"; then
    cat "$scratch/report"
    echo "FAILED: a careless backup passes for a careful one"
    exit 1
fi

echo "- they are no part of the catalogue"
if "$pitfall" list --json | grep -q '"backup"'; then
    echo "FAILED: the catalogue has the example"
    exit 1
fi

echo "- a program of Node"
status=0
"$pitfall" check "$examples/node-worker" --repeat 3 >"$scratch/report" || status=$?
[ "$status" -ne 77 ] || echo "skipped: there is no node here"
[ "$status" -eq 0 ] || cat "$scratch/report"
exit "$status"
