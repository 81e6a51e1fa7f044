#!/usr/bin/env bash
# The safe programs of the catalogue say by their exit status that what they print is lost. usage: full_disk.sh PITFALL
set -euo pipefail

scenarios=$(realpath "$(dirname "$1")/../scenarios")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
seen=0
export ASAN_OPTIONS=detect_leaks=0 # of a program that gives up half-way

for safe in "$scenarios"/*/safe; do
    id=$(basename "$(dirname "$safe")")
    case $id in
        closed-stdin) continue ;;                        # prints nothing
        no-second-signal | signal-during-spawn) continue ;; # run until a signal comes
        process-limit) continue ;;                       # nobody asks how those have ended who print
    esac
    status=0
    timeout 20 "$safe" >/dev/full 2>errors </dev/null || status=$?
    if ((status != 1)); then
        cat errors
        echo "FAILED: $id ended with status $status when its output could not be written"
        exit 1
    fi
    seen=$((seen + 1))
done
((seen > 20)) || { echo "FAILED: only $seen safe programs in $scenarios"; exit 1; }
