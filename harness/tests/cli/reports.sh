#!/usr/bin/env bash
# Where reports go: files whole or not at all, full disks, closed descriptors; and other people's parsers.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"
hostile=$traces/hostile.jsonl
out=$scratch/out
mkdir "$out"

echo "- many formats at once, each read by somebody else's parser"
run "$pitfall" judge --report "json:$out/r.json" --report "junit:$out/r.xml" --report "tap:$out/r.tap" \
    --report "html:$out/r.html" --report "text:$out/r.txt" "$hostile"
expect_status 1
expect_empty stdout
expect_only "$out" r.html r.json r.tap r.txt r.xml
expect_json "$out/r.json" 'it["schema"] == "pitfall-result/1" and it["totals"]["fail"] == 1'
if command -v xmllint >/dev/null; then
    xmllint --noout "$out/r.xml" "$out/r.html" || fail "well-formed XML was expected"
fi
if command -v prove >/dev/null; then
    prove --exec cat "$out/r.tap" >"$scratch/prove" 2>&1 || true
    grep -q 'Failed 1/1 subtests' "$scratch/prove" || fail "$(cat "$scratch/prove")"
    ! grep -q 'Parse errors' "$scratch/prove" || fail "$(cat "$scratch/prove")"
    "$pitfall" judge --report tap "$traces/clean.jsonl" >"$out/clean.tap"
    prove --exec cat "$out/clean.tap" >/dev/null || fail "prove refuses a clean report"
fi
run "$pitfall" judge --report "sarif:$out/r.sarif" --report "gitlab:$out/r.json" --report "dot:$out/r.dot" \
    --report "markdown:$out/r.md" --report "github:$out/r.txt" "$hostile"
expect_status 1
expect_json "$out/r.sarif" 'it["version"] == "2.1.0" and it["runs"][0]["results"][0]["ruleId"] == "exit"'
expect_json "$out/r.json" 'it[0]["check_name"] == "pitfall/exit" and it[0]["location"]["path"] == "printf"'
if command -v dot >/dev/null; then
    dot -Tcanon "$out/r.dot" >"$scratch/dot" 2>&1 || fail "$(cat "$scratch/dot")"
    ! grep -qi 'error\|warning' "$scratch/dot" || fail "$(cat "$scratch/dot")"
else
    echo "skipped: no dot here"
fi
# Escape, broken UTF-8's byte ff, C1's CSI, right-to-left override.
! grep -lP '\x1b|\xff|\xc2\x9b|\xe2\x80\xae' "$out"/* || fail "hostile bytes in a report"

echo "- nothing but the report on standard output"
run "$pitfall" judge --json "$hostile"
expect_json "$scratch/stdout" 'it["trials"][0]["exit"] == {"code": 7}'
expect_empty stderr
run "$pitfall" judge --report json:- --report "tap:$out/again.tap" "$hostile"
expect_json "$scratch/stdout" 'len(it["trials"]) == 1'
[ -s "$out/again.tap" ] || fail "the second report is missing"

run "$pitfall" judge --report text --report github "$hostile"
expect_status 1
expect_in stdout "  Why: "
expect_in stdout "::error title="

echo "- an old report is replaced, with its mode; a link keeps pointing"
rm -rf "$out" && mkdir "$out"
echo old >"$out/old"
chmod 600 "$out/old"
ln -s old "$out/link"
run "$pitfall" judge --report "text:$out/link" "$hostile"
expect_status 1
grep -q "status 7" "$out/old" || fail "the file behind the link was not replaced"
[ -L "$out/link" ] || fail "the link was replaced"
[ "$(stat -c %a "$out/old")" = 600 ] || fail "the mode was changed"
expect_only "$out" link old

echo "- a report that cannot be written: said before the work, and nothing is left behind"
run "$pitfall" run --report "json:$out/none/r.json" -- touch "$scratch/ran"
expect_status 3
expect_in stderr "$out/none/r.json: the report cannot be written: No such file or directory"
[ ! -e "$scratch/ran" ] || fail "the program was run although its report cannot be written"
run "$pitfall" judge --report "json:$out" "$hostile"
expect_status 3
expect_in stderr "Is a directory"
if [ "$(id -u)" -ne 0 ]; then
    chmod 500 "$out"
    run "$pitfall" judge --report "json:$out/r.json" "$hostile"
    chmod 700 "$out"
    expect_status 3
    expect_in stderr "Permission denied"
fi

echo "- a full disk, for every format; the others are still written"
for format in text json junit tap html markdown sarif github gitlab dot perfetto; do
    run "$pitfall" judge --report "$format:/dev/full" --report "json:$out/other" "$hostile"
    expect_status 3
    expect_exactly stderr \
        "pitfall judge: the $format report could not be written to /dev/full: No space left on device"
    expect_json "$out/other" 'it["totals"]["fail"] == 1'
    rm "$out/other"
    status=0
    ran="judge --report $format >/dev/full"
    "$pitfall" judge --report "$format" "$hostile" >/dev/full 2>"$scratch/stderr" || status=$?
    expect_status 3
    expect_exactly stderr \
        "pitfall judge: the $format report could not be written to standard output: No space left on device"
done
[ -c /dev/full ] || fail "a device was replaced by a file"

echo "- a disk that fills up half-way: the old report stays, and nothing is left beside it"
rm -rf "$out" && mkdir "$out"
echo old >"$out/r.html"
run bash -c "trap '' XFSZ; ulimit -f 1; exec \"\$@\"" - "$pitfall" judge --report "html:$out/r.html" "$hostile"
expect_status 3
expect_in stderr "could not be written to $out/r.html: File too large"
expect_only "$out" r.html
[ "$(cat "$out/r.html")" = old ] || fail "the old report is gone"

echo "- a full disk for the trace"
run "$pitfall" run --trace /dev/full -- true
expect_status 3
expect_in stderr "/dev/full: the trace could not be written: No space left on device"

echo "- standard output closed, or its reader gone"
status=0
ran="judge >&-"
: >"$scratch/stdout"
"$pitfall" judge "$hostile" 2>"$scratch/stderr" >&- || status=$?
expect_status 3
expect_in stderr "standard output: Bad file descriptor"
status=0
ran="list --help >&-"
"$pitfall" list --help 2>"$scratch/stderr" >&- || status=$?
expect_status 3
expect_in stderr "standard output cannot be written: Bad file descriptor"
mkfifo "$scratch/fifo"
# shellcheck disable=SC2094
exec 4<>"$scratch/fifo" 5>"$scratch/fifo" 4<&-
status=0
ran="judge with a reader that has gone"
"$pitfall" judge "$hostile" 2>"$scratch/stderr" >&5 || status=$?
expect_status 3
expect_in stderr "standard output: Broken pipe"

echo "- what is meant for a closed descriptor does not end in a file"
status=0
ran="judge >&- 2>&-"
"$pitfall" judge --report "json:$out/closed" "$hostile" >&- 2>&- || status=$?
expect_status 1
expect_json "$out/closed" 'it["totals"]["fail"] == 1'
status=0
ran="run --trace 2>&-"
"$pitfall" run --trace "$out/trace" -- false 2>&- >"$scratch/stdout" || status=$?
expect_status 3
expect_empty stdout
run "$pitfall" judge "$out/trace"
expect_status 1
expect_in stdout "FAILED: exit"
