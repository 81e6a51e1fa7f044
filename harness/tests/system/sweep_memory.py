"""What a sweep takes of memory for its trials, however many there are. usage: sweep_memory.py PITFALL

The same plan is carried out twice, a twentieth of it and the whole, so that what differs is of the trials alone. The
peak is that of the sweep with its report.
"""
import fcntl
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

PARTS = 20
# (what the trials come to, a program, how much one of them may take in bytes)
PROGRAMS = [
    ("pass", ["dd", "if=/dev/zero", "bs=1", "count=450", "status=none"], 1500),
    ("fail", ["sh", "-c", "dd if=/dev/zero bs=1 count=450 status=none; true"], 4000),
]


def peak_of(pid):
    """The most memory that the process has had, in bytes; 0: it has ended."""
    try:
        return int(re.search(r"VmHWM:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
    except (OSError, TypeError):
        return 0


def sweep(pitfall, folder, *words):
    """The status of a sweep, its result, and its peak: it cannot end before its report is read."""
    read, write = os.pipe()
    fcntl.fcntl(write, fcntl.F_SETPIPE_SZ, 4096)
    with open(read, "rb", buffering=0) as report:
        child = subprocess.Popen([pitfall, "sweep", "--json", *words], cwd=folder, stdin=subprocess.DEVNULL,
                                 stdout=write)
        os.close(write)
        text, peak = b"", 0
        while True:
            peak = max(peak, peak_of(child.pid))
            more = report.read(4096)
            if not more:
                return child.wait(), json.loads(text), peak
            text += more


def main():
    pitfall = os.path.realpath(sys.argv[1])
    if b"__asan_init" in pathlib.Path(pitfall).read_bytes():
        print("skipped: AddressSanitizer keeps what was freed")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for kind, program, most in PROGRAMS:
            subprocess.run([pitfall, "sweep", "--all", "--faults", "errno", "--syscalls", "write", "--record", "plan",
                            "--", *program], cwd=folder, stdout=subprocess.DEVNULL, check=True)
            _, _, little = sweep(pitfall, folder, "--plan", "plan", "--shard", f"1/{PARTS}")
            status, result, whole = sweep(pitfall, folder, "--plan", "plan")
            trials = len(result["trials"])
            assert status == (kind == "fail") and result["totals"][kind] > 0.9 * trials, (status, result["totals"])
            each = (whole - little) / (trials * (PARTS - 1) / PARTS)
            print(f"- {trials} trials that {kind}: {little} bytes for a twentieth, {whole} for all: {each:.0f} each")
            assert trials > 800 and each <= most, (trials, each)


main()
