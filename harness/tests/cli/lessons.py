"""Does what lesson plans have a class do: copies, builds, changes, runs. usage: lessons.py PITFALL SCRATCH

The plan is read as a reader would: the first block of commands under "Change it and see" builds and runs the program, and
each change names the file, the text and its replacement, and what is found then.
"""
import json
import pathlib
import re
import subprocess
import sys

BLOCK = r"```\w*\n(.*?)```\n"
CHANGE = re.compile(r"\*\*(.*?)\*\* In `(.*?)`, (?:add `(.*?)`, and )?replace\n\n" + BLOCK + r"\n(?:by\n\n" + BLOCK + r"|by nothing\n)\n"
                    r"and run it as above: (?:it finds (.*?)\.|there are no findings\.)", re.S)


def commands(text, folder):
    """Runs the block: what it says, and its status."""
    done = subprocess.run(text, shell=True, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    return done.stdout + done.stderr, done.returncode


def kinds(result):
    """What a run found: the failures, and all of it. A warning need not be told, and may."""
    findings = json.loads(result)["trials"][0].get("findings", [])
    return {it["kind"] for it in findings if it.get("severity", "fail") == "fail"}, {it["kind"] for it in findings}


def main():
    pitfall, scratch = sys.argv[1], pathlib.Path(sys.argv[2])
    (scratch / "bin").mkdir()
    (scratch / "bin/pitfall").symlink_to(pitfall)
    listed = subprocess.run([pitfall, "list"], capture_output=True, text=True, check=True).stdout
    tried = 0
    for name in re.findall(r"^([a-z][a-z-]*)  ", listed, re.M):
        plan = subprocess.run([pitfall, "demo", "--script", name], capture_output=True, text=True, check=True).stdout
        part = plan.split("### Change it and see\n", 1)[1].split("### Why it happens", 1)[0]
        build = re.search(BLOCK, part, re.S)[1]
        copy, compile_it, run_it = build.splitlines()
        changes = CHANGE.findall(part)
        assert len(changes) == part.count("replace\n"), name
        for number, (change, file, include, replace, by, finding) in enumerate(changes):
            folder = scratch / f"{name}-{number}"
            folder.mkdir()
            said, status = commands(copy, folder)
            assert status == 0, (name, said)
            source = (folder / file).read_text()
            replace, by = replace.rstrip("\n"), by.rstrip("\n")
            assert source.count(replace) == 1, f"{name}: {file} has this {source.count(replace)} times: {replace}"
            (folder / file).write_text(include + "\n" * bool(include) + source.replace(replace, by))
            said, status = commands(compile_it, folder)
            assert status == 0 and "warning" not in said, (name, said)
            run_it_told = run_it.replace("pitfall run ", "pitfall run --report json:result.json ", 1)
            said, status = commands(f"PATH={scratch}/bin:$PATH; {run_it_told}", folder)
            expected = set(filter(None, finding.split(", ")))
            failures, found = kinds((folder / "result.json").read_text())
            assert failures <= expected <= found and status == bool(failures), (name, change, found, said)
            tried += 1
    assert tried >= 60, tried
    print(f"{tried} changes do what the plans say")


main()
