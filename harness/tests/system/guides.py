"""Types what the guides say, and compares what comes. usage: guides.py PITFALL [GUIDE]...

In the blocks that are marked as `console`, a line that begins with "$ " is typed, with the lines of its here-document; the
lines below are what must come, where […] stands for anything. Numbers may be others, and lines may break elsewhere. All blocks
of a guide are typed into one shell, in an empty folder that the guide calls /home/me.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

GUIDES = pathlib.Path(__file__).resolve().parents[3] / "docs/guides"
PATIENCE = 240


def steps(text):
    """Pairs of what is typed and what must come."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.M | re.S):
        typed, expected = None, []
        lines = iter(block.splitlines())
        for line in lines:
            if not line.startswith("$ "):
                expected.append(line)
                continue
            if typed is not None:
                yield typed, "\n".join(expected)
            typed, expected = line[2:], []
            document = re.search(r"<<'(\w+)'", typed)
            while document and (line := next(lines)) is not None:
                typed += "\n" + line
                if line == document[1]:
                    break
        if typed is not None:
            yield typed, "\n".join(expected)


def plain(text, folder):
    """Words, with every number the same."""
    return re.sub(r"\d[\d.,]*", "#", " ".join(text.replace(str(folder), "/home/me").split()))


def matches(expected, came):
    """All pieces between the […], in their order; from the beginning and to the end where there is none."""
    pattern = ".*".join(re.escape(piece.strip()) for piece in expected.split("[…]"))
    return re.fullmatch(pattern, came, re.S)


def check(pitfall, guide):
    print("-", guide.name, flush=True)
    wanted = list(steps(guide.read_text()))
    assert len(wanted) >= 4, guide
    with tempfile.TemporaryDirectory() as folder:
        mark = "guide-step-"
        script = "".join(f"{typed}\nguide_status=$?; printf '\\n{mark}{number}\\n'; (exit $guide_status)\n"
                         for number, (typed, _) in enumerate(wanted))
        environment = {**os.environ, "PATH": f"{pathlib.Path(pitfall).parent}:{os.environ['PATH']}", "COLUMNS": "80",
                       "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(["/bin/bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False)
        came = re.split(rf"\n{mark}\d+\n", done.stdout)
        for (typed, expected), text in zip(wanted, came):
            found = typed.startswith("pitfall diagnose") or "nightly.jsonl" in typed
            if found and (os.geteuid() != 0 or "whether an alarm is pending" in plain(text, folder)):
                print(f"skipped: a proof needs root, and that nobody on the machine has an alarm: $ {typed}")
                continue
            assert matches(plain(expected, folder), plain(text, folder)), \
                f"{guide.name}: $ {typed}\n--- expected\n{expected}\n--- came\n{text}"
        assert len(came) == len(wanted) + 1, (guide, len(came))


def main():
    pitfall = os.path.realpath(sys.argv[1])
    os.environ.pop("PITFALL_SCENARIOS", None)
    guides = [pathlib.Path(name) for name in sys.argv[2:]] or [GUIDES / name for name in ("ci.md", "diagnosis.md", "own-scenarios.md", "teaching.md")]
    for guide in guides:
        check(pitfall, guide)


main()
