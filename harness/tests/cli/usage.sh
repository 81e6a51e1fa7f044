#!/usr/bin/env bash
# Mistakes on the command line: one message that names the place and the remedy, status 2, nothing run.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

echo "- help and version"
run "$pitfall" --help
expect_status 0
for command in list show check run judge; do
    expect_in stdout "  $command "
done
run "$pitfall"
expect_status 2
expect_empty stdout
expect_in stderr "Usage: pitfall COMMAND"
run "$pitfall" --version
expect_status 0
grep -qxE 'pitfall [0-9]+\.[0-9]+\.[0-9]+' "$scratch/stdout" || fail "a version was expected"

echo "- each command teaches itself"
for command in list show check run judge; do
    run "$pitfall" "$command" --help
    expect_status 0
    expect_empty stderr
    for part in "Usage: pitfall $command " "Options:" "Exit status:" "Examples:" "--help"; do
        expect_in stdout "$part"
    done
    [ "$(grep -c '^  pitfall\|^  ssh' "$scratch/stdout")" -ge 2 ] || fail "two examples were expected"
    [ "$(sed '/^Examples:/,$d' "$scratch/stdout" | wc -L)" -le 80 ] || fail "no line wider than 80 columns"
    cp "$scratch/stdout" "$scratch/help"
    run "$pitfall" help "$command"
    cmp -s "$scratch/stdout" "$scratch/help" || fail "help $command is $command --help"
    run "$pitfall" "$command" -h
    cmp -s "$scratch/stdout" "$scratch/help" || fail "-h is --help"
done

echo "- unknown words, with what was probably meant"
run "$pitfall" chek
expect_usage_error 'no command "chek"; did you mean "check"?'
run "$pitfall" frobnicate
expect_usage_error '`pitfall --help` lists them'
run "$pitfall" help chek
expect_usage_error 'did you mean "check"?'
run "$pitfall" --frobnicate
expect_usage_error "unknown option --frobnicate"
run "$pitfall" run --injct x -- true
expect_usage_error "unknown option --injct; did you mean --inject?"
run "$pitfall" run -Z -- true
expect_usage_error "unknown option -Z; \`pitfall run --help\` lists them"
run "$pitfall" run --report jsn -- true
expect_usage_error 'no format "jsn"; did you mean "json"?'
run "$pitfall" judge --report pdf x
expect_usage_error "there are: text, json, junit, tap, html, markdown, sarif, github, gitlab, dot, perfetto"

echo "- options without what they need"
run "$pitfall" run --deadline
expect_usage_error "--deadline needs a value: --deadline TIME"
run "$pitfall" run -l
expect_usage_error "--limit needs a value: --limit RESOURCE=VALUE"
run "$pitfall" run --json=yes -- true
expect_usage_error "--json takes no value"
run "$pitfall" check --re 3
expect_usage_error "--re could be --repeat or --report"
run "$pitfall" run --report json: -- true
expect_usage_error "a file name was expected after the colon"
run "$pitfall" run --json --report tap -- true
expect_usage_error "two reports on standard output would mix"
run "$pitfall" run --report github --report github -- true
expect_usage_error "two reports on standard output would mix"
run "$pitfall" run --report text --report markdown -- true
expect_usage_error "two reports on standard output would mix"

echo "- values that are none"
for jobs in 0 -1 x 1x 1000000 ""; do
    run "$pitfall" check -j "$jobs"
    expect_usage_error "\"$jobs\": a whole number from 1 to"
done
run "$pitfall" check --repeat 0
expect_usage_error "--repeat: "
for expected in 256 -1 none ""; do
    run "$pitfall" run --expect-exit "$expected" -- true
    expect_usage_error "a status from 0 to 255 was expected, or any"
done
run "$pitfall" run --deadline 10 -- true
expect_usage_error "--deadline: "
run "$pitfall" run --share world -- true
expect_usage_error "--share: "
run "$pitfall" run --limit nofil=3 -- true
expect_usage_error 'did you mean "nofile"?'

echo "- a malformed fault is shown with a caret under the place"
run "$pitfall" run --inject 'write:eror=EINTR' -- true
expect_usage_error "--inject: "
expect_in stderr '  write:eror=EINTR'
expect_in stderr '        ^'

echo "- operands"
run "$pitfall" run
expect_usage_error "no command to run"
run "$pitfall" run --
expect_usage_error "no command to run"
run "$pitfall" judge
expect_usage_error "one trace was expected, found 0"
run "$pitfall" judge a b
expect_usage_error "one trace was expected, found 2"
run "$pitfall" show
expect_usage_error "one scenario was expected, found 0"

echo "- programs that cannot be started"
run "$pitfall" run -- no-such-program-anywhere
expect_usage_error "no-such-program-anywhere"
run "$pitfall" run -- /no/such/program
expect_usage_error "/no/such/program"
echo text >"$scratch/text"
run "$pitfall" run -- "$scratch/text"
expect_usage_error "$scratch/text"
run "$pitfall" run --json -- no-such-program-anywhere
expect_usage_error "no-such-program-anywhere"

echo "- hostile words do not reach the terminal raw"
run "$pitfall" run --report $'\033[2Jtext' -- true
expect_usage_error '\x1b[2Jtext'
expect_not_in stderr $'\033'
