#!/usr/bin/env bash
# Small sweeps of real programs: each line that they print shows its failure again, ten times out of ten, and says what
# no other line says.
# usage: sweep_programs.sh PITFALL
set -euo pipefail

pitfall=$(realpath "$1")
[ -x /usr/bin/python3 ] || { echo "skipped: no /usr/bin/python3 here"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch/work/tree"
cd "$scratch/work"
failures=0
replayed=0

fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}

# lines: "TIMES KINDS LINE" for each failure of the sweep; those that may miss are lines that go on until they do not.
lines() {
    /usr/bin/python3 -c 'import json, sys
for f in json.load(open(sys.argv[1]))["sweep"]["failures"]:
    steady = f["replays"] == f["replayed"] and not f.get("chance")
    if not f["replays"] or steady == ("--until-fail 1000" in f["replay"]):
        sys.exit("a line that does not say whether it may miss: %s" % f)
    print(f["replays"], f["signature"].split("/")[1], f["replay"])' "$scratch/sweep.json"
}

# shows FILE KINDS LINE: does the line show these kinds of failure?
shows() {
    local status=0
    bash -c "${3/#pitfall run/$pitfall run --json}" >"$1" 2>/dev/null </dev/null || status=$?
    [ "$status" -eq 1 ] && /usr/bin/python3 -c 'import json, sys
[trial] = json.load(open(sys.argv[1]))["trials"]
sys.exit({f["kind"] for f in trial["findings"] if f["severity"] == "fail"} != set(sys.argv[2].split(",")))' \
        "$1" "$2"
}

# replay TIMES KINDS LINE: all at once, so that they also get into each other's way.
replay() {
    local tries=() shown=0
    for i in $(seq "$1"); do
        shows "$scratch/$i.json" "$2" "$3" &
        tries+=($!)
    done
    for try in "${tries[@]}"; do
        wait "$try" && shown=$((shown + 1))
    done
    replayed=$((replayed + 1))
    [ "$shown" -eq "$1" ] || fail "shown $shown times of $1: $3"
}

# sweeps OPTIONS -- COMMAND…: sweeps the command and tries each line; skips it if the program is not there.
sweeps() {
    local command=("$@") status=0
    while [ "${command[0]}" != -- ]; do command=("${command[@]:1}"); done
    command=("${command[@]:1}")
    if ! command -v "${command[0]}" >/dev/null; then
        echo "skipped: no ${command[0]} here"
        return
    fi
    "$pitfall" sweep --budget 1m --deadline 20s --report "json:$scratch/sweep.json" "$@" \
        >"$scratch/text" 2>&1 </dev/null || status=$?
    if [ "$status" -gt 1 ]; then
        fail "status $status: ${command[*]}"
        cat "$scratch/text"
        return
    fi
    lines >"$scratch/lines" || fail "the lines of: ${command[*]}"
    [ "$(sort "$scratch/lines" | uniq -d | wc -l)" -eq 0 ] || fail "two failures with one line: ${command[*]}"
    while read -r times kinds line; do
        replay "$times" "$kinds" "$line"
    done <"$scratch/lines"
    echo "swept: ${command[*]}: $(wc -l <"$scratch/lines") failures"
}

seq 300 -1 1 >numbers
seq 50 >tree/a
seq 60 >tree/b
cat >Makefile <<'MAKE'
top: numbers ; @sort numbers | tail -n 3 >top
MAKE
cat >backup.sh <<'SCRIPT'
#!/bin/sh
sort -rn numbers | head -n 50 >top
gzip -knf top
echo done
SCRIPT
chmod +x backup.sh

sweeps --faults errno,kill --syscalls read,write,close -- sort numbers -o sorted
sweeps --faults errno,short --syscalls read,write -- gzip -knf numbers
sweeps --faults errno --syscalls read,write -- tar -cf tree.tar tree
sweeps --faults errno,kill --syscalls read,clone,vfork,wait4 -- xargs -a numbers -n 100 echo
sweeps --faults errno --syscalls read,wait4 -- make -s top
sweeps --faults errno --syscalls read -- ./backup.sh

# What is known of these programs may change with them; but one of them is ours.
[ "$(wc -l <"$scratch/lines")" -gt 0 ] || fail "sort fails in the pipeline of backup.sh, and nobody is told"
echo "$replayed lines tried again"
[ "$failures" -eq 0 ]
