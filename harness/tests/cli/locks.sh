#!/usr/bin/env bash
# Locks on files, on whatever file system: with --isolate the files are those of an overlay, whose fstat names
# another device than the kernel's list of locks.
# shellcheck source=harness/tests/cli/assertions.sh disable=SC2154
. "$(dirname "$0")/assertions.sh"

python=/usr/bin/python3
[ -x "$python" ] || { echo "SKIPPED: no python3"; exit 0; }
mkdir "$scratch/work"
cd "$scratch/work"

# Two processes that each have one file locked and want the other's: for good, or until the child is done.
cat >"$scratch/cross.py" <<'EOF'
import fcntl, os, select, struct, sys

how, ends, access, touch = sys.argv[1:]
flags = {"read": os.O_RDONLY, "write": os.O_RDWR, "create": os.O_RDWR | os.O_CREAT}[access]

def lock(fd):
    if how == "flock":
        fcntl.flock(fd, fcntl.LOCK_EX)
    else:
        command = fcntl.F_SETLKW if how == "record" else fcntl.F_OFD_SETLKW
        fcntl.fcntl(fd, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))

names = ["first", "second"]
ready = [os.pipe(), os.pipe()]
child = os.fork()
me = 0 if child else 1
own = os.open(names[me], flags)
lock(own)
if touch == "touch":
    with open(names[me], "a") as file:
        file.write("written to meanwhile")
os.write(ready[1 - me][1], b".")
os.read(ready[me][0], 1)
if me == 1 and ends == "ends":
    select.select([], [], [], 0.2)
    os._exit(0)
if me == 1 and how == "record": # a circle of these the kernel finds itself: EDEADLK
    os.read(ready[me][0], 1)
lock(os.open(names[1 - me], flags))
EOF

cross() {
    rm -f first second
    [ "$3" = create ] || { echo there >first; echo there >second; }
    run "$pitfall" run --deadline 20s "${options[@]}" -- "$python" "$scratch/cross.py" "$1" "$2" "$3" "$4"
    if [ "$2" = never ]; then
        expect_status 1
        expect_in stderr "FAILED: deadlock (proven)"
        tr -s '\n ' ' ' <"$scratch/stderr" >"$scratch/words"
        expect_in words "lock on the file $PWD/second (fd"
    else
        expect_status 0
    fi
}

all() {
    for ends in never ends; do
        cross flock "$ends" read leave
        cross flock "$ends" read touch
        cross flock "$ends" create leave
        cross record "$ends" write leave
        cross record "$ends" create leave
        cross ofd "$ends" write leave
        cross ofd "$ends" create leave
    done
}

echo "- plain files"
options=()
all

echo "- the same files under an overlay"
run "$pitfall" run --isolate --json -- true
if ! grep -q '"isolated": true' "$scratch/stdout"; then
    echo "SKIPPED: $(grep -m 1 isolation_note "$scratch/stdout")"
    exit 0
fi
options=(--isolate)
all
