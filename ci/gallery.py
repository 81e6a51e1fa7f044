"""Screens of `pitfall demo` as pictures, and a page with them. usage: gallery.py PITFALL FOLDER [ID]..."""
import fcntl
import html
import json
import os
import pathlib
import pty
import re
import struct
import subprocess
import sys
import termios

ROWS, COLUMNS = 24, 80
HOME = "\x1b[H"
CELL, LINE, MARGIN = 8.4, 18, 12
COLOURS = {"": "#d8dee9", "1": "#ffffff", "2": "#7b8494", "31": "#ff6b6b", "32": "#8fd694", "33": "#f2cc60"}


def screens(pitfall, name):
    """All screens of a demo, each as its lines with their colours; the pace is that of the machine."""
    environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
    environment.pop("NO_COLOR", None)
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        os.execve(pitfall, [pitfall, "demo", name, "--pace", "step"], environment)
    drawn = b""
    while True:
        try:
            drawn += os.read(fd, 65536)
        except OSError:
            break
        if drawn.endswith(b"\x1b[J"):
            os.write(fd, b" ")
    _, status = os.waitpid(pid, 0)
    if status:
        sys.exit(f"pitfall demo {name} ended with {os.waitstatus_to_exitcode(status)}")
    return [[line.replace("\x1b[K", "").replace("\x1b[J", "") for line in frame.replace("\r", "").split("\n")[:ROWS]]
            for frame in drawn.decode().split(HOME)[1:]]


def runs(line):
    """Words of one colour: column, text, colour. What is blank is not drawn, and so keeps its width."""
    column, colour = 0, ""
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if piece.startswith("\x1b"):
            colour = piece[2:-1].replace("0", "")
        else:
            for word in re.finditer(r"[^ ]+", piece):
                yield column + word.start(), word[0], colour
            column += len(piece)


def draw(lines, path, title):
    """Each piece stands at its column, whatever the font makes of its width."""
    width, height = COLUMNS * CELL + 2 * MARGIN, ROWS * LINE + 2 * MARGIN
    with path.open("w", encoding="utf-8") as out:
        out.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
                  f'width="{width:.0f}" height="{height:.0f}">\n<title>{html.escape(title)}</title>\n'
                  '<rect width="100%" height="100%" rx="8" fill="#1b1f27"/>\n'
                  '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14">\n')
        for row, line in enumerate(lines):
            y = MARGIN + row * LINE + 14
            for column, text, colour in runs(line):
                weight = ' font-weight="bold"' if colour == "1" else ""
                out.write(f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" fill="{COLOURS[colour]}"{weight} '
                          f'textLength="{len(text) * CELL:.1f}" lengthAdjust="spacingAndGlyphs">'
                          f'{html.escape(text)}</text>\n')
        out.write("</g>\n</svg>\n")


def last_with(frames, words):
    found = [frame for frame in frames if any(words in line for line in frame)]
    if not found:
        sys.exit(f"no screen says {words!r}")
    return found[-1]


def main():
    pitfall, folder = os.path.realpath(sys.argv[1]), pathlib.Path(sys.argv[2])
    listed = json.loads(subprocess.run([pitfall, "list", "--json"], check=True, capture_output=True).stdout)["scenarios"]
    chosen = sys.argv[3:] or [scenario["id"] for scenario in listed if "card" in scenario["tags"]]
    titles = {scenario["id"]: scenario["title"] for scenario in listed}
    page = ["# Gallery", "",
            "Screens of `pitfall demo`, made by [ci/gallery](../../ci/gallery) from real runs. Above, a lane for each process "
            "and thread; below, what happens, and at the end who waits on what. The upper picture of each pair is the program "
            "that falls in, the lower one the safe program under the same faults.", ""]
    for name in chosen:
        frames = screens(pitfall, name)
        falls = [frame for frame in frames if "1 of 2" in frame[0]]
        comes_through = [frame for frame in frames if "2 of 2" in frame[0]]
        draw(last_with(falls, " Fix: "), folder / f"demo-{name}.svg", f"{titles[name]}: the broken program")
        draw(last_with(comes_through, "NO FINDINGS"), folder / f"demo-{name}-safe.svg", f"{titles[name]}: the safe program")
        page += [f"## {titles[name]}", "",
                 f"`pitfall demo {name}` · [broken.c](../../scenarios/{name}/broken.c) · "
                 f"[safe.c](../../scenarios/{name}/safe.c)", "",
                 f"![{titles[name]}: the broken program](demo-{name}.svg)", "",
                 f"![{titles[name]}: the safe program](demo-{name}-safe.svg)", ""]
    (folder / "README.md").write_text("\n".join(page), encoding="utf-8")


main()
