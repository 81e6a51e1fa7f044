"""Sweeps that end early, told by the third trial when it is under way. usage: sweep_ends.py PITFALL

The program under test makes six pipes. Where the third cannot be made, it connects to an abstract socket, which no
isolation covers, and waits for leave to go on: so the test knows that a trial runs, and decides what becomes of it.
"""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PROGRAM = """
import os, socket, sys
bad = 0
for i in range(1, 7):
    try:
        os.pipe()
    except OSError:
        bad = 1
        if i == 3:
            caller = socket.socket(socket.AF_UNIX)
            caller.connect("\\0" + sys.argv[1])
            caller.recv(1)
print("done")
sys.exit(bad)
"""
PATIENCE = 60


class Sweep:
    """A sweep in the background, one trial at a time."""

    def __init__(self, pitfall, folder, *options):
        self.report = folder / "report.json"
        self.report.unlink(missing_ok=True)
        self.server = None
        name = f"pitfall-sweep-ends-{os.getpid()}"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind("\0" + name)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.process = subprocess.Popen(
            [pitfall, "sweep", "--faults", "errno", "--syscalls", "pipe2", "--all", "-j1", "--deadline", "50s",
             "--report", f"json:{self.report}", *options, "--", "/usr/bin/python3", "program.py", name],
            cwd=folder, stderr=subprocess.PIPE, text=True)

    def meet(self):
        """The connection of the trial that has got to its third pipe."""
        caller, _ = self.listener.accept()
        caller.settimeout(PATIENCE)
        return caller

    def interrupt(self):
        """SIGINT, and it has arrived when this returns."""
        self.process.send_signal(signal.SIGINT)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            pending = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
            if not any(mask >> (signal.SIGINT - 1) & 1 for mask in pending):
                return
            os.sched_yield()
        raise AssertionError("SIGINT does not arrive")

    def let_all_go(self):
        def serve():
            while True:
                try:
                    self.listener.accept()[0].send(b"x")
                except OSError:
                    return
        self.listener.settimeout(None) # only so does shutdown() wake it
        self.server = threading.Thread(target=serve, daemon=True)
        self.server.start()

    def end(self):
        """Its exit status, result and words, when it has ended."""
        _, words = self.process.communicate(timeout=PATIENCE)
        self.listener.shutdown(socket.SHUT_RDWR)
        if self.server:
            self.server.join()
        self.listener.close()
        return self.process.returncode, json.loads(self.report.read_text()), words


def ids(result):
    return [trial["id"] for trial in result["trials"]]


def essence(result):
    return [(t["id"], t["verdict"], t.get("outcome"), t["faults"][0]["spec"]) for t in result["trials"]]


def whole(pitfall, folder, *options):
    sweep = Sweep(pitfall, folder, *options)
    sweep.let_all_go()
    status, result, words = sweep.end()
    assert status == 0, (status, words)
    assert ids(result) == list(range(1, result["plan"]["trials"] + 1)) and len(ids(result)) > 6, result
    return essence(result)


def main():
    pitfall = os.path.realpath(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "program.py").write_text(PROGRAM)
        expected = whole(pitfall, folder)

        print("- the first Ctrl-C lets the trial under way end, and keeps it")
        sweep = Sweep(pitfall, folder)
        caller = sweep.meet()
        sweep.interrupt()
        caller.send(b"x")
        status, result, words = sweep.end()
        assert status == 3 and "interrupted" in words, (status, words)
        assert ids(result) == [1, 2, 3] and result["plan"]["stopped"] == "interrupt", ids(result)
        assert essence(result) == expected[:3], essence(result)
        half = folder / "half.json"
        half.write_text(json.dumps(result))
        assert whole(pitfall, folder, "--resume", str(half)) == expected

        print("- the second one kills it: nothing of it is left, and nothing that was done is lost")
        sweep = Sweep(pitfall, folder)
        caller = sweep.meet()
        sweep.interrupt()
        sweep.interrupt()
        assert caller.recv(1) == b"", "the trial lives"
        status, result, words = sweep.end()
        assert status == 3 and ids(result) == [1, 2], (status, ids(result), words)
        half.write_text(json.dumps(result))
        assert whole(pitfall, folder, "--resume", str(half)) == expected

        print("- a supervisor that dies takes its trial with it, and nothing else")
        sweep = Sweep(pitfall, folder)
        caller = sweep.meet()
        children = pathlib.Path(f"/proc/{sweep.process.pid}/task/{sweep.process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert caller.recv(1) == b"", "the trial lives"
        sweep.let_all_go()
        status, result, words = sweep.end()
        assert status == 3, (status, words)
        assert ids(result) == [it[0] for it in expected], ids(result)
        lost = [trial for trial in result["trials"] if trial["verdict"] == "error"]
        assert [trial["id"] for trial in lost] == [3] and "SIGKILL" in lost[0]["reason"], lost
        assert [it for it in essence(result) if it[0] != 3] == [it for it in expected if it[0] != 3]
        half.write_text(json.dumps(result))
        assert whole(pitfall, folder, "--resume", str(half)) == expected, "what was lost is not tried again"


main()
