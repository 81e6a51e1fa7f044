#!/usr/bin/env bash
# The manual pages and the shell completions tell what `pitfall COMMAND --help` tells, no less and no more.
# usage: manuals.sh PITFALL
set -euo pipefail

pitfall=$1
harness=$(cd "$(dirname "$0")/../.." && pwd)
pages=$harness/man
completions=$harness/completions
failures=0
known=$(mktemp)
told=$(mktemp)
trap 'rm -f "$known" "$told"' EXIT

fail() {
    echo "FAILED: $1"
    failures=$((failures + 1))
}

# What the command has to say about a mistake.
complaint() {
    "$pitfall" "$@" 2>&1 || true
}

# compare WHERE WHAT: what is known and what is told there are the same lines, in any order.
compare() {
    local where=${1#"$harness"/} what=$2 line
    while IFS= read -r line; do
        fail "$where: $what is missing: $line"
    done < <(comm -23 <(sort -u "$known") <(sort -u "$told"))
    while IFS= read -r line; do
        fail "$where: $what does not exist: $line"
    done < <(comm -13 <(sort -u "$known") <(sort -u "$told"))
}

# "-l, --limit RESOURCE=VALUE  …" as "-l --limit RESOURCE VALUE", one line an option.
options_of_help() {
    "$pitfall" "$@" --help | sed -n '/^Options:/,/^$/p' |
        sed -nE 's/^ +((-[A-Za-z]), )?(--[a-z-]+)( ([A-Z][^ ]*))?.*/\2 \3 \5/p' | plain
}

# The same from `.It Fl l , Fl -limit Ar RESOURCE Ns = Ns Ar VALUE`.
options_of_page() {
    sed -nE '/^\.It Fl/{s/^\.It //; s/Fl /-/g; s/ ,//; s/\b(Ar|Ns|Op)\b//g; p}' "$1" | plain
}

plain() {
    tr -s '][:= ' ' ' | sed 's/^ //; s/ $//'
}

# Options without their values, one line each.
names() {
    tr ' ' '\n' | grep '^-'
}

# Every other option that a page names. `Fl -` is the "--" that ends options.
flags_of_page() {
    grep -v '^\.It Fl' "$1" | grep -oE '\bFl -?[A-Za-z][a-z-]*' | sed 's/^Fl /-/' || true
}

# Which of the options, one a line, a page's synopsis shows, be it by the short name or the long one.
in_synopsis() {
    local option shown
    shown=$(sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' "$1" | grep -oE '\bFl -?[A-Za-z][a-z-]*' | sed 's/^Fl /-/' || true)
    while IFS= read -r option; do
        if names <<<"$option" | grep -qxFf <(echo "$shown"); then
            echo "$option"
        fi
    done
}

# What the examples of all pages give to a command, up to the end of its options.
flags_of_examples() {
    sed -E ':join; /\\e$/{N; s/\\e\n//; b join}' "$pages"/*.[15] | grep -oE "\bpitfall $1 .*" |
        sed -E 's/ (--|\||;) .*//; s/\\\(aq[^\\]*\\\(aq//g' | grep -oE -- ' (--[a-z-]+|-[a-z])' | tr -d ' ' || true
}

# What bash offers for `pitfall WORD…`.
bash_offers() (
    # shellcheck source=harness/completions/pitfall.bash
    . "$completions/pitfall.bash"
    # shellcheck disable=SC2034 # bash's own variables, as the completion finds them
    COMP_WORDBREAKS=$' \t\n"\'><=;|&(:' COMP_WORDS=(pitfall "$@") COMP_CWORD=$# COMP_LINE="pitfall $*"
    _pitfall "$pitfall"
    printf '%s\n' "${COMPREPLY[@]}"
)

# The options in the specifications of _pitfall_COMMAND, without their [explanations] and (exclusions).
zsh_options() {
    sed -n "/^_pitfall_$1() {/,/^}/p" "$completions/_pitfall" |
        sed -nE "/^    '/{s/\[[^]]*\]//g; s/\([^)]*\)//g; p}" | grep -oE -- "[{,'*]--?[a-z][a-z-]*" | sed 's/^.//'
}

fish_options() {
    grep -E "^complete -c pitfall -n '__pitfall_command [a-z ]*\b$1\b[a-z ]*' -[sl] " "$completions/pitfall.fish" |
        sed -E "s/.*' (-s ([a-z]) )?-l ([a-z-]+) .*/-\2 --\3/" | names | grep -v '^-$'
}

check_command() {
    local command=$1 page=$pages/pitfall-$1.1
    options_of_help "$command" >"$known"
    options_of_page "$page" >"$told"
    compare "$page" "an option"

    options_of_help "$command" | sed '/--help/d' >"$known"
    in_synopsis "$page" <"$known" >"$told"
    compare "$page" "an option in the synopsis"

    options_of_help "$command" | names >"$known"
    { flags_of_page "$page" && cat "$known"; } >"$told"
    compare "$page" "an option"
    { flags_of_examples "$command" && cat "$known"; } >"$told"
    compare "$pages" "an option in an example of $command"

    bash_offers "$command" - >"$told"
    compare "$completions/pitfall.bash" "an option of $command"
    zsh_options "$command" >"$told"
    compare "$completions/_pitfall" "an option of $command"
    fish_options "$command" >"$told"
    compare "$completions/pitfall.fish" "an option of $command"

    "$pitfall" "$command" --help | sed -n '/^Exit status:/,/^$/s/^  \([0-9]*\) .*/\1/p' >"$known"
    sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It //p' "$page" >"$told"
    compare "$page" "an exit status"
}

mapfile -t commands < <("$pitfall" --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
echo "commands: ${commands[*]}"
[ ${#commands[@]} -ge 5 ] || fail "five commands at least were expected"
for command in "${commands[@]}"; do
    check_command "$command"
done

# The command's own page may name any option, and has its own ones in a list.
options_of_help >"$known"
options_of_page "$pages/pitfall.1" >"$told"
compare "$pages/pitfall.1" "an option"
{ options_of_help && for command in "${commands[@]}"; do options_of_help "$command"; done; } | names >"$known"
{ flags_of_page "$pages/pitfall.1" && cat "$known"; } >"$told"
compare "$pages/pitfall.1" "an option"
{ printf '%s\n' "${commands[@]}" help && options_of_help | names; } >"$known"
bash_offers '' >"$told"
compare "$completions/pitfall.bash" "a word"

# What is completed behind --report and --inject is what the command itself says that it knows.
formats=$(complaint run --report '?' -- true | sed -n 's/.*there are: //p' | tr -d ,)
tr ' ' '\n' <<<"$formats" >"$known"
bash_offers run --report '' >"$told"
compare "$completions/pitfall.bash" "a format"
for file in "$completions/_pitfall" "$completions/pitfall.fish"; do
    grep -qF " $formats" "$file" || fail "${file#"$harness"/}: the formats are not $formats"
done
for command in check run diagnose judge report; do
    for format in $formats; do
        grep -qE "^\.(It )?Cm (.*, )?$format\b" "$pages/pitfall-$command.1" ||
            fail "man/pitfall-$command.1: a format is missing: $format"
    done
done
mapfile -t items < <(complaint run --inject 'write:?' -- true | grep 'expected error=' | grep -oE '[a-z_]+=|kill')
[ ${#items[@]} -ge 10 ] || fail "the message about a fault names what was expected"
for item in "${items[@]}"; do
    grep -qE "^\.It Cm $item" "$pages/pitfall.1" || fail "man/pitfall.1: a part of a fault is missing: $item"
    for file in "$completions"/*; do
        grep -qE "[] ,{}]$item" "$file" || fail "${file#"$harness"/}: a part of a fault is missing: $item"
    done
done

# Every key of an event stands in the page of traces, and every kind.
model=$harness/model
{ sed -nE '/event_kinds\[\] = \{/,/^\}/p' "$model/event.c" | grep -oE '"[a-z-]+"' | tr -d '"' &&
    grep -ohE 'PF_(VALUE|ENUM|ARRAY)\(struct [a-z_]+, ([A-Z]+, )?[a-z_]+' "$model/event.c" "$model/snapshot.c" |
    sed 's/.* //'; } | sort -u >"$known"
[ "$(wc -l <"$known")" -ge 100 ] || fail "the keys of events were not found"
grep -ohE '(^\.(It )?|[ ])Cm [a-z_-]+' "$pages/pitfall-trace.5" | sed 's/.*Cm //' >"$told"
while IFS= read -r key; do
    grep -qx -- "$key" "$told" || fail "man/pitfall-trace.5: a key is missing: $key"
done <"$known"

# tool COMMAND…: a checker that has to be content; where it is not installed, that part is skipped.
tool() {
    if command -v "$1" >/dev/null; then
        "$@" || fail "$*"
    else
        echo "skipped: no $1 here"
    fi
}

tool mandoc -T lint -W warning "$pages"/*.[15]
bash -n "$completions/pitfall.bash" || fail "bash -n"
tool zsh -n "$completions/_pitfall"
tool fish -n "$completions/pitfall.fish"

[ "$failures" -eq 0 ] || exit 1
echo "the manual pages and completions are those of the command"
