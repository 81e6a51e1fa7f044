"""Holds the JSON formats against what they have to be.

check_json.py result FILE     by pitfall-result-1.schema.json (needs jsonschema)
check_json.py sarif FILE      by sarif.schema.json beside this file, which has what we write of SARIF 2.1.0 and
                              nothing else; and by the schema of all of SARIF, where PITFALL_SARIF_SCHEMA names it
check_json.py perfetto FILE   by the rules of the Chrome trace event format
"""
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent


def by_schema(document, path):
    import jsonschema
    schema = json.loads(Path(path).read_text(encoding="utf-8"))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)
    for error in list(validator(schema).iter_errors(document))[:5]:
        yield f"{Path(path).name}: {'/'.join(map(str, error.absolute_path))}: {error.message[:300]}"


def sarif(document):
    yield from by_schema(document, HERE / "sarif.schema.json")
    if os.environ.get("PITFALL_SARIF_SCHEMA"):
        yield from by_schema(document, os.environ["PITFALL_SARIF_SCHEMA"])
    for run in document["runs"]:
        rules = {rule["id"] for rule in run["tool"]["driver"].get("rules", [])}
        for result in run.get("results", []):
            if result["ruleId"] not in rules:
                yield f"rule {result['ruleId']} is not described"
            for graph in result.get("graphs", []):
                nodes = {node["id"] for node in graph["nodes"]}
                for edge in graph["edges"]:
                    if not {edge["sourceNodeId"], edge["targetNodeId"]} <= nodes:
                        yield f"edge {edge['id']} leads out of its graph"


def perfetto(document):
    """Lanes have names; slices an extent, and lie inside or beside each other; arrows have two ends, each at a slice."""
    lanes, named, flows, slices, known = set(), set(), {}, {}, set("MXiISstf")
    for event in document["traceEvents"]:
        if event["ph"] not in known:
            yield f"phase {event['ph']}"
        if event["ph"] == "M":
            named.add((event["pid"], event.get("tid")))
            continue
        if not isinstance(event["ts"], (int, float)) or event["ts"] < 0:
            yield f"ts of {event}"
        if event["ph"] == "X":
            slices.setdefault((event["pid"], event["tid"]), []).append((event["ts"], event["ts"] + event["dur"]))
            if not event["dur"] >= 0:
                yield f"dur of {event}"
        lanes.add((event["pid"], event["tid"]))
        if event["ph"] in "stf":
            flows.setdefault(event["id"], []).append(event)
    for lane in lanes - named:
        yield f"lane {lane} has no name"
    for lane, extents in slices.items():
        inside = []
        for begin, end in sorted(extents, key=lambda it: (it[0], -it[1])):
            while inside and inside[-1] <= begin:
                inside.pop()
            if inside and end > inside[-1] + 0.002: # times are rounded to nanoseconds
                yield f"lane {lane}: a slice from {begin} to {end} begins in another and ends behind it"
            inside.append(end)
    for number, ends in flows.items():
        if sorted(end["ph"] for end in ends) != ["f", "s"]:
            yield f"arrow {number} has not two ends"
        for end in ends:
            extents = slices.get((end["pid"], end["tid"]), [])
            if not any(begin <= end["ts"] <= close for begin, close in extents):
                yield f"arrow {number} has an end at no slice: {end}"


def main():
    kind, path = sys.argv[1:]
    document = json.loads(Path(path).read_text(encoding="ascii"))
    checks = {"sarif": sarif, "perfetto": perfetto,
              "result": lambda it: by_schema(it, HERE.parent / "pitfall-result-1.schema.json")}
    mistakes = list(checks[kind](document))
    for mistake in mistakes:
        print(f"{path}: {mistake}")
    return 1 if mistakes else 0


if __name__ == "__main__":
    sys.exit(main())
