#!/usr/bin/env bash
# `pitfall run --isolate`: what a program does to files is seen by itself, told in the trace, and gone.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2016,SC2154
. "$(dirname "$0")/assertions.sh"

# Of each isolated run: which files the trace names, as "change type path".
files() {
    /usr/bin/python3 -c 'import json, sys
for line in open(sys.argv[1]):
    it = json.loads(line)
    if it["event"] == "file":
        print(it["change"], it["type"], it["path"].removeprefix(sys.argv[2]))' "$1" "$2"
}

work="$scratch/a place:with,all sorts"
mkdir "$work"
cd "$work"
echo old >kept
echo old >changed
echo old >removed
mkdir -p folder/inner
echo old >folder/inner/file

run "$pitfall" run --isolate --json -- true
expect_status 0
if ! grep -q '"isolated": true' "$scratch/stdout"; then
    expect_in stdout isolation_note
    echo "SKIPPED: $(grep -m 1 isolation_note "$scratch/stdout")"
    exit 0
fi

echo "- what it does is seen by itself only"
run "$pitfall" run --isolate --trace "$scratch/trace" -- sh -ec 'echo new >created
    echo more >>changed
    rm removed
    touch kept
    cat kept >/dev/null
    rm -r folder
    mkdir folder
    echo new >folder/file
    mv folder moved
    mkfifo pipe
    ln -s kept link
    [ "$(cat changed)" = "old
more" ]
    [ ! -e removed ]
    [ "$(pwd)" = "'"$work"'" ]'
expect_status 0
[ "$(ls -A)" = "changed
folder
kept
removed" ] || fail "the real files: $(ls -A)"
[ "$(cat changed folder/inner/file)" = "old
old" ] || fail "the real files were written to"
files "$scratch/trace" "$work/" >"$scratch/stdout"
expect_exactly stdout "changed file changed
created file created
deleted directory folder
created link link
created directory moved
created file moved/file
created fifo pipe
deleted file removed"

echo "- temporary files go with the run, and every run starts from the same files"
for _ in 1 2; do
    run env TMPDIR="$scratch" "$pitfall" run --isolate -- sh -ec '[ ! -e /tmp/pitfall-isolate-test ]
        echo x >/tmp/pitfall-isolate-test
        mktemp
        echo x >>changed
        [ "$(wc -l <changed)" -eq 2 ]'
    expect_status 0
    [ ! -e "$(cat "$scratch/stdout")" ] || fail "a temporary file is left"
done
[ ! -e /tmp/pitfall-isolate-test ] || fail "a file in /tmp is left"

echo "- descriptors from outside still lead outside, and programs are found as before"
printf '#!/bin/sh\necho hi\n' >script
chmod +x script
run "$pitfall" run --isolate -- ./script
expect_status 0
expect_exactly stdout hi

echo "- the same when it is killed, or never ends"
run "$pitfall" run --isolate --trace "$scratch/trace" -- /usr/bin/python3 -c 'import os
open("half", "w").write("x")
os.read(os.pipe()[0], 1)'
expect_status 1
expect_in stderr "FAILED: deadlock (proven)"
[ ! -e half ] || fail "a file is left"
files "$scratch/trace" "$work/" >"$scratch/stdout"
expect_exactly stdout "created file half"

echo "- from / and without a mount namespace it says what is not isolated"
(cd / && run "$pitfall" run --isolate --json -- pwd && expect_in stdout "starts in /, which is not isolated")
run "$pitfall" run --isolate --share pid --json -- true
expect_in stdout "takes a mount namespace"
expect_not_in stdout '"isolated"'

[ "$(id -u)" -eq 0 ] || exit 0

echo "- what root does to the nodes in /dev is refused, by name and through standard input; they work"
run "$pitfall" run --isolate --expect-text refused -- /usr/bin/python3 -c 'import os
for change in (lambda: os.chmod("/dev/null", 0o666), lambda: os.fchmod(0, 0o666), lambda: os.unlink("/dev/pitfall-none"),
               lambda: os.fchown(0, 0, 0), lambda: os.mknod("/dev/pitfall-test")):
    try:
        change()
        raise SystemExit("it was let do that")
    except FileNotFoundError:
        pass
    except OSError as error:
        assert error.errno == 30, error
with open("/dev/null", "w") as null: null.write("x")
with open("/dev/zero", "rb") as zero: assert zero.read(3) == bytes(3)
assert os.read(0, 1) == b""
os.close(os.openpty()[0])
open("/dev/shm/x", "w").write("x"); os.unlink("/dev/shm/x")
print("refused")'
expect_status 0
[ ! -e /dev/pitfall-test ] || fail "a node in /dev is left"

echo "- what is mounted below stays visible, and is told not to be isolated"
mkdir volume
mount -t tmpfs none volume
trap 'umount "$work/volume"; rm -rf "$scratch"' EXIT
echo there >volume/file
run "$pitfall" run --isolate --json -- sh -ec '[ "$(cat volume/file)" = there ]; echo x >volume/written'
expect_status 0
expect_in stdout "volume is mounted below what is isolated"
[ -e volume/written ] || fail "a mount below should be the real one"
umount volume
trap 'rm -rf "$scratch"' EXIT

echo "- without root, in a user namespace"
chmod 755 "$scratch"
chown 65534:65534 "$scratch" "$work"
rm -rf folder volume && mkdir folder && chown 65534:65534 folder
cp "$pitfall" "$scratch/pitfall"
nobody=(setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$work" "$scratch/pitfall" run --isolate)
run "${nobody[@]}" --json -- sh -ec 'rmdir folder; mkdir folder; echo x >folder/file; echo x >mine' 
if grep -q '"isolated": true' "$scratch/stdout"; then
    expect_status 0
    [ ! -e mine ] || fail "a real file was made"
    [ ! -e folder/file ] || fail "the real files were written to"
else
    expect_in stdout isolation_note
    echo "SKIPPED: $(grep -m 1 isolation_note "$scratch/stdout")"
fi
mkdir foreign
run setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$work" sh -c 'cd foreign && exec "$@"' - \
    "${nobody[@]:6}" --json -- true
expect_in stdout "isolation_note"
