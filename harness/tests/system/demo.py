"""Demonstrations on a pseudo-terminal and in a pipe. usage: demo.py PITFALL

Nothing here waits for a time to pass: each step waits for what the demo draws, or for it to end.
"""
import fcntl
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

PATIENCE = 60
HOME = b"\x1b[H"
FOOT = "q: quit"
# What a screen is made of: home, erase to the end of the line and of the screen, and colours. Nothing else.
KNOWN = re.compile(rb"\x1b\[(?:H|K|J|[0-9;]*m)")

MANIFEST = """\
id: {id}
title: One of mine
story: It tells its name, and waits for a time that never comes.
deadline: 50s
variants:
  - name: waits
    script: waits.sh
    interpreter: /bin/sh
    expect: {{finding: {finding}}}
"""


class Terminal:
    """A demo on a terminal of its own."""

    def __init__(self, command, rows=24, columns=80, env=None):
        self.drawn = b""
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **(env or {})}
        environment.pop("NO_COLOR", None)
        environment.update(env or {})
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # The size is there before the demo looks.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvpe(command[0], command, environment)
        self.before = None

    def read(self):
        """What comes next; False: it has closed the terminal, or nothing came for long."""
        if not select.select([self.fd], [], [], PATIENCE)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.drawn += data
        return bool(data)

    def screen(self):
        """The lines of the last whole screen, without colours."""
        frame = self.drawn.rsplit(HOME, 1)[-1]
        text = re.sub(rb"\x1b\[[0-9;]*[mKJ]", b"", frame).decode("utf-8", "replace")
        return text.replace("\r", "").split("\n")

    def until(self, words):
        """Reads on until the last screen says this."""
        while words not in "\n".join(self.screen()):
            assert self.read(), f"{words!r} was expected, drawn was:\n" + "\n".join(self.screen())

    def press(self, key):
        os.write(self.fd, key.encode())

    def step_to(self, words):
        """Presses the space bar, once for each screen, until one says this."""
        self.until(FOOT)
        while words not in "\n".join(self.screen()):
            seen = self.drawn.count(HOME)
            self.press(" ")
            while self.drawn.count(HOME) == seen:
                assert self.read(), f"{words!r} was expected, drawn was:\n" + "\n".join(self.screen())
            self.until(FOOT)

    def modes(self):
        return termios.tcgetattr(self.fd)

    def raw(self):
        return not self.modes()[3] & (termios.ICANON | termios.ECHO)

    def end(self):
        """How it ended: a status, or a signal as a negative number."""
        while self.read():
            pass
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)

    def close(self):
        os.close(self.fd)


def check_frames(terminal, rows, columns, colour=True):
    """Each frame is whole and fits, and nothing was asked of the terminal that would have to be undone."""
    frames = terminal.drawn.split(HOME)[1:]
    assert len(frames) > 3
    for frame in frames:
        assert b"\x1b" not in KNOWN.sub(b"", frame), frame
        plain = KNOWN.sub(b"", frame).decode().replace("\r", "").split("\n")
        assert len(plain) in (rows, rows + 1), len(plain)  # the last one ends with a newline
        assert max(map(len, plain)) < columns, plain
    assert (b"\x1b[0m" in terminal.drawn) == colour


def processes_with(mark):
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            pass
    return found


def wait_until(condition, what):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        os.sched_yield()


def test_step(pitfall, _):
    terminal = Terminal([pitfall, "demo", "terminate-with-lock", "--pace", "step"])
    terminal.until("--inject point=lock-held")
    assert terminal.raw()
    seen = len(terminal.drawn)
    assert not select.select([terminal.fd], [], [], 0.3)[0], "it went on without a key"
    assert len(terminal.drawn) == seen
    for words in ("THE FAULT STRIKES 0.1", "PROVEN: deadlock", "Fix:", "What makes it fall in", "2 of 2: safe",
                  "THE FAULT STRIKES", "NO FINDINGS", "What saves it"):
        terminal.step_to(words)
    terminal.press(" ")
    assert terminal.end() == 0
    assert "Read on: pitfall show terminate-with-lock" in " ".join(terminal.screen())
    check_frames(terminal, 24, 80)


def test_modes_after_the_end(pitfall, _):
    """The modes are seen from outside: a shell that runs the demo tells them before and after."""
    script = 'stty -g; "$0" demo hung-thread --pace step; echo "status $?"; stty -g'
    terminal = Terminal(["/bin/sh", "-c", script, pitfall])
    terminal.until("the story")
    terminal.press("q")
    assert terminal.end() == 0
    modes = re.findall(rb"(?m)^((?:[0-9a-f]+:)+[0-9a-f]+)\r$", terminal.drawn)
    assert len(modes) == 2 and modes[0] == modes[1], modes
    assert b"status 0" in terminal.drawn


def test_by_itself(pitfall, _):
    terminal = Terminal([pitfall, "demo", "orphaned-daemon", "--pace", "fast"])
    assert terminal.end() == 0
    assert "FOUND: orphan" in terminal.drawn.decode() and "NO FINDINGS" in terminal.drawn.decode()


def test_hold(pitfall, _):
    terminal = Terminal([pitfall, "demo", "hung-thread", "--pace", "slow"])
    terminal.until("p: hold")
    terminal.press("p")
    terminal.until("p: by itself")
    terminal.step_to("PROVEN")
    terminal.press("p")
    terminal.until("p: hold")
    terminal.press("q")
    assert terminal.end() == 0


def test_ascii(pitfall, _):
    terminal = Terminal([pitfall, "demo", "hung-thread", "--pace", "step"], env={"LC_ALL": "C"})
    terminal.step_to("PROVEN")
    terminal.press("q")
    assert terminal.end() == 0
    assert max(terminal.drawn) < 0x80
    check_frames(terminal, 24, 80)


def test_no_colour(pitfall, _):
    terminal = Terminal([pitfall, "demo", "hung-thread", "--pace", "step"], env={"NO_COLOR": "1"})
    terminal.step_to("PROVEN")
    terminal.press("q")
    assert terminal.end() == 0
    check_frames(terminal, 24, 80, colour=False)


def test_sizes(pitfall, _):
    for rows, columns in ((50, 200), (16, 60), (12, 40)):
        terminal = Terminal([pitfall, "demo", "fd-exhaustion", "--pace", "step"], rows, columns)
        terminal.step_to("0.2 (broken) ends")
        terminal.press("q")
        assert terminal.end() == 0
        check_frames(terminal, rows, columns)


def test_resize(pitfall, _):
    terminal = Terminal([pitfall, "demo", "hung-thread", "--pace", "step"])
    terminal.step_to("0 executes broken")
    terminal.drawn = b""
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    terminal.until(FOOT)
    assert len(terminal.screen()) == 30
    # Too small for a screen: it goes on in lines, and comes back.
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 5, 30, 0, 0))
    terminal.press(" ")
    while b"starts 0.1" not in terminal.drawn:
        assert terminal.read()
    terminal.press("q")
    assert terminal.end() == 0


def test_plain_terminal(pitfall, _):
    terminal = Terminal([pitfall, "demo", "hung-thread", "--pace", "step"], env={"TERM": "dumb"})
    while b"No fault is needed" not in terminal.drawn:
        assert terminal.read()
    terminal.press(" ")
    while b"0 executes broken" not in terminal.drawn:
        assert terminal.read()
    terminal.press("q")
    assert terminal.end() == 0
    assert b"\x1b" not in terminal.drawn


def mine(folder, finding="hang"):
    """A scenario of one's own whose program runs for as long as it is let; its mark is in its command line."""
    mark = f"{folder.name}-{os.getpid()}"
    scenario = folder / mark
    scenario.mkdir()
    (scenario / "pitfall.yaml").write_text(MANIFEST.format(id="mine", finding=finding))
    (scenario / "waits.sh").write_text("echo under way\nexec sleep 1000\n")
    return scenario, mark


def running(pitfall, folder):
    scenario, mark = mine(folder)
    terminal = Terminal([pitfall, "demo", str(scenario), "--pace", "step"])
    terminal.step_to("under way")
    assert processes_with(mark)
    assert terminal.raw()
    return terminal, mark


def nothing_left(mark, beside=()):
    wait_until(lambda: set(processes_with(mark)) <= set(beside), f"left behind: {processes_with(mark)}")


def is_put_back(terminal):
    """The modes that the demo changes are as they were; what the terminal has not been given yet is read."""
    flags = terminal.modes()[3]
    return flags & termios.ICANON and flags & termios.ECHO


def with_shell(pitfall, folder):
    """The demo below a shell, so that the terminal outlives it."""
    scenario, mark = mine(folder)
    script = '"$0" demo "$1" --pace step; echo "ended with $?"; read -r line; echo "read $line"'
    terminal = Terminal(["/bin/sh", "-c", script, pitfall, str(scenario)])
    terminal.step_to("under way")
    assert terminal.raw()
    demo = [pid for pid in processes_with(mark)
            if pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1] == str(terminal.pid)]
    assert len(demo) == 1, demo
    return terminal, mark, demo[0]


def test_killed(pitfall, folder):
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGABRT):
        scratch = folder / number.name
        scratch.mkdir()
        terminal, mark, demo = with_shell(pitfall, scratch)
        os.kill(demo, number)
        while b"ended with %d" % (128 + number) not in terminal.drawn:
            assert terminal.read(), terminal.drawn
        wait_until(lambda: is_put_back(terminal), f"after {number.name} the terminal was left as it was")
        nothing_left(mark, beside=[terminal.pid])  # the shell, whose end would take others with it
        terminal.press("a line\n")
        while b"read a line" not in terminal.drawn:
            assert terminal.read()
        assert terminal.end() == 0
        nothing_left(mark)
        terminal.close()


def test_interrupted(pitfall, folder):
    terminal, mark = running(pitfall, folder)
    terminal.press("\x03")
    assert terminal.end() == -signal.SIGINT
    nothing_left(mark)


def test_quit(pitfall, folder):
    terminal, mark = running(pitfall, folder)
    terminal.press("q")
    assert terminal.end() == 0
    nothing_left(mark)


def test_stopped(pitfall, folder):
    terminal, mark = running(pitfall, folder)
    terminal.press("\x1a")
    _, status = os.waitpid(terminal.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    assert is_put_back(terminal)
    terminal.drawn = b""
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.until(FOOT)
    assert "under way" in "\n".join(terminal.screen())
    assert terminal.raw()
    terminal.press("q")
    assert terminal.end() == 0
    nothing_left(mark)


def output_of(*command, status=0, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False,
                          stdin=subprocess.DEVNULL, **more)
    assert done.returncode == status, (command, done)
    return done.stdout, done.stderr


def test_pipe(pitfall, _):
    text, errors = output_of(pitfall, "demo", "join-before-drain")
    assert not errors and "\x1b" not in text
    assert max(map(len, text.splitlines())) < 80
    places = [text.index(words) for words in (
        "A worker computes a report", "1 of 2: broken, which falls in", "0 (broken) starts 0.1",
        "0 (broken) waits for process 0.1 (broken) to end", "PROVEN: deadlock", "waitpid(worker",
        "The circle closes: 0 -> 0.1 -> 0", "Fix:", "2 of 2: safe", "prints: 20000 rows", "NO FINDINGS")]
    assert places == sorted(places)


def test_every_scenario(pitfall, _):
    listed, _ = output_of(pitfall, "list")
    ids = re.findall(r"(?m)^([a-z][a-z-]*)  ", listed)
    assert len(ids) > 20
    lessons, _ = output_of(pitfall, "demo")
    assert re.findall(r"(?m)^ *\d+  ([a-z][a-z-]*)  ", lessons) == ids
    for name in ids:
        text, _ = output_of(pitfall, "demo", name)
        assert ("PROVEN: " in text) + ("FOUND: " in text) == 1, name
        assert "NO FINDINGS" in text, name


def test_surprise(pitfall, folder):
    scenario, mark = mine(folder, finding="orphan")
    (scenario / "waits.sh").write_text("exec true\n")
    text, _ = output_of(pitfall, "demo", str(scenario), status=1)
    assert "NOT AS EXPECTED:" in text
    nothing_left(mark)


def test_mistakes(pitfall, folder):
    _, errors = output_of(pitfall, "demo", "hung-thread", "--pace", "step", status=2)
    assert "--pace step needs a terminal" in errors
    _, errors = output_of(pitfall, "demo", "hung-thread", "--pace", "quick", status=2)
    assert "expected slow, fast or step" in errors
    _, errors = output_of(pitfall, "demo", "hung-thread", "--variant", "saef", status=2)
    assert 'no variant "saef"' in errors
    _, errors = output_of(pitfall, "demo", "a", "b", status=2)
    assert "one scenario was expected" in errors
    scenario, _ = mine(folder)
    manifest = scenario / "pitfall.yaml"
    manifest.write_text(manifest.read_text().replace("/bin/sh", "no-such-interpreter"))
    _, errors = output_of(pitfall, "demo", str(scenario), status=77)
    assert "no-such-interpreter" in errors
    full = subprocess.run(f"{pitfall} demo hung-thread > /dev/full", shell=True, capture_output=True, text=True,
                          timeout=PATIENCE, check=False)
    assert full.returncode == 3 and "standard output cannot be written" in full.stderr, full


def main():
    pitfall = os.path.realpath(sys.argv[1])
    for variable in ("PITFALL_SCENARIOS", "COLUMNS", "NO_COLOR"):
        os.environ.pop(variable, None)
    for name, test in list(globals().items()):
        if name.startswith("test_"):
            print("-", name[5:].replace("_", " "), flush=True)
            with tempfile.TemporaryDirectory() as folder:
                test(pitfall, pathlib.Path(folder))


main()
