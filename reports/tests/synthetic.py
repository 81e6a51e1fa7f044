"""Results that no run made: every verdict, odd bytes, and sweeps of any size.

synthetic.py verdicts        one trial of each verdict, with hostile text in every place that a program fills
synthetic.py sweep N         a sweep of N trials
"""
import json
import sys

ODD = "\x1b[31m]]> <b>&amp;</b> \u009b2J \u202e \ufffe \u00ff\u00fe | ``` ::error:: %0A \u20ac \U0001f512 \r\n\t\x07 end"
ENVIRONMENT = {"pitfall": "0.1.0", "kernel": "6.1.0", "machine": "x86_64", "containment": "namespaces"}


def trial(verdict, **more):
    known = {
        "scenario": None, "variant": None, "command": ["./odd", ODD], "verdict": verdict, "expect": {},
        "findings": [], "diagnosis": None, "faults": [], "duration_ms": 12.5, "verdict_latency_ms": 0,
        "environment": ENVIRONMENT, "replay": "pitfall run -- ./odd", "exit": {"code": 0},
    }
    return {**known, **more}


def finding(kind, message, severity="fail"):
    return {"kind": kind, "severity": severity, "process": "0.1", "message": message, "evidence": [3, 5]}


def circle():
    nodes = [{"id": i, "label": f"{i} (odd)", "state": "waits for " + ODD, "where": "main at /srv/odd.c:7"} for i in ("0", "0.1")]
    edges = [{"from": a, "to": b, "resource": "pipe (fd 3)", "why": ODD, "evidence": [5]} for a, b in (("0", "0.1"), ("0.1", "0"))]
    return {"pitfall": None, "proven": True, "certainty": "proven", "summary": ODD, "fix": ODD,
            "nodes": nodes, "edges": edges, "cycle": ["0", "0.1"]}


def timeline():
    lanes = [{"id": i, "name": f"{i} {ODD}", "from_ns": 0, "to_ns": 9000000, "event": n, "end_event": 0} for n, i in enumerate(("0", "0.1"), 2)]
    spans = [{"lane": "0.1", "from_ns": 4000000, "to_ns": 9000000, "text": ODD, "event": 5}]
    marks = [{"kind": "fault", "lane": "0.1", "t_ns": 3000000, "text": ODD, "event": 4, "from": "0"}]
    return {"end_ns": 9000000, "lanes": lanes, "spans": spans, "marks": marks}


def verdicts():
    strike = {"spec": "write:kill:when=1", "armed": True, "fired": 1, "where": [ODD]}
    listing = {"scenario": "odd", "variant": "broken", "finding": "deadlock", "file": "odd.c", "text": ODD + "\nwait();\n",
               "marks": [{"line": 1, "note": ODD}]}
    trials = [
        trial("pass", scenario="odd", variant="safe", output="all is well\n"),
        trial("pass", scenario="odd", variant="broken", findings=[finding("deadlock", ODD)], diagnosis=circle(),
              timeline=timeline(), exit=None, verdict_latency_ms=3.5),
        trial("fail", scenario="odd", variant="late", reason=ODD, output=ODD * 40, notes=[ODD], faults=[strike],
              findings=[finding("lost", ODD), finding("zombie", ODD, "warn")], exit={"signal": "SIGSEGV"}),
        trial("error", scenario="odd", variant="unable", reason="no user namespaces: " + ODD, exit=None),
        trial("skip", scenario="odd", variant="absent", reason="no python3 on this machine", exit=None),
    ]
    return {"trials": trials, "listings": [listing]}


def sweep(count):
    outcomes = ("clean", "clean", "graceful", "silent", "hang", "abort", "residue")
    kinds = {"silent": "lost", "hang": "hang", "abort": "crash", "residue": "orphan"}
    calls, errors = ("write", "read", "openat", "close", "fsync"), ("EIO", "ENOSPC", "EINTR", "ENOMEM")
    trials, members = [], {}
    for i in range(count):
        point, fault = divmod(i, len(errors))
        process, call = point % 7, calls[point // 7 % len(calls)]
        spec = f"{call}:error={errors[fault]}:when={point // 35 + 1}:proc=0.{process}"
        outcome = outcomes[i * 7919 % len(outcomes)]
        kind = kinds.get(outcome)
        first = kind and (kind, call, process) not in members
        if kind:
            members.setdefault((kind, call, process), []).append(i + 1)
        trials.append(trial(
            "fail" if kind else "pass", outcome=outcome, command=["./backup", "--all"],
            findings=[finding(kind, f"{call} of 0.{process} is not looked at")] if kind else [],
            faults=[{"spec": spec, "armed": True, "fired": 1, "met": 1, "where": []}],
            stack=[f"{call} (libc.so.6)", "save at backup.c:41"], timeline=timeline() if first else None,
            diagnosis=circle() if first and kind == "hang" else None, replay=f"pitfall run --inject {spec} -- ./backup --all"))
        if not trials[-1]["timeline"]:
            del trials[-1]["timeline"]
    failures = [{"outcome": next(o for o in kinds if kinds[o] == kind), "signature": f"{kind}/{call}/{process}",
                 "summary": f"{call} of 0.{process} is not looked at", "count": len(ids), "trials": ids,
                 "replay": trials[ids[0] - 1]["replay"], "replays": 10, "replayed": 10} for (kind, call, process), ids in members.items()]
    return {"trials": trials, "sweep": {"points": count // 4, "startup": 3, "repetitions": 0, "deadline_ns": 10**10, "failures": failures}}


def result(content):
    trials = content["trials"]
    totals = {v: sum(t["verdict"] == v for t in trials) for v in ("pass", "fail", "error", "skip")}
    plan = {"fingerprint": "synthetic", "trials": len(trials), "shards": [1], "of": 1}
    for i, each in enumerate(trials):
        each["id"] = i + 1
    return {"schema": "pitfall-result/1", "plan": plan, "totals": {"trials": len(trials), **totals}, "environment": ENVIRONMENT, **content}


if __name__ == "__main__":
    json.dump(result(verdicts() if sys.argv[1] == "verdicts" else sweep(int(sys.argv[2]))), sys.stdout)
