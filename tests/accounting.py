"""What must be true of the cycles of every run: labels, lines, waits and events add up.

Written against the report's page and the recording's; shares no code with what makes either.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from npuemu.isa.table import CORE_PIPES, PIPES
from npuemu.observe import recording as rec
from npuemu.profiling.critical_path import critical_path

Key = tuple[str, str, str]
"""Kind of core, pipe, ``busy`` or a cause of stalls."""


def by_cores(report: dict[str, Any]) -> Counter[Key]:
    """Cycles of every label, summed over the cores of a kind."""
    found: Counter[Key] = Counter()
    for core in report["cores"]:
        kind = core["core"].split(".")[1][:3]
        for pipe, use in core["pipes"].items():
            found[kind, pipe, "busy"] += use["busy"]
            for cause, cycles in use["stalls"].items():
                found[kind, pipe, cause] += cycles
    return +found


def by_lines(report: dict[str, Any]) -> Counter[Key]:
    """The same from the report's lines."""
    found: Counter[Key] = Counter()
    for line in report["lines"]:
        found[line["core"], line["pipe"], "busy"] += line["busy"]
        for cause, cycles in line["stalls"].items():
            found[line["core"], line["pipe"], cause] += cycles
    return +found


def by_waits(report: dict[str, Any]) -> Counter[Key]:
    """The stalls from the report's waits."""
    found: Counter[Key] = Counter()
    for wait in report["waits"]:
        found[wait["core"], wait["pipe"], wait["cause"]] += wait["cycles"]
    return found


def labels(report: dict[str, Any]) -> str | None:
    """The first pipe whose labels do not sum to the run's cycles."""
    for core in report["cores"]:
        kind = "cube" if core["core"].endswith("aic") else "vector"
        if tuple(core["pipes"]) != CORE_PIPES[kind]:
            return f"{core['core']} has pipes {tuple(core['pipes'])}"
        for name, pipe in core["pipes"].items():
            parts = [pipe["busy"], pipe["idle"], *pipe["stalls"].values()]
            if sum(parts) != report["cycles"] or min(parts) < 0:
                return f"{core['core']} {name}: {parts} of {report['cycles']} cycles"
    return None


def breakdown(report: dict[str, Any]) -> str | None:
    """The first label of the cores that lines or waits do not sum to."""
    cores = by_cores(report)
    stalls = Counter({key: n for key, n in cores.items() if key[2] != "busy"})
    for name, found, wanted in (
        ("lines", by_lines(report), cores),
        ("waits", by_waits(report), stalls),
    ):
        if found != wanted:
            key = min(k for k in {*found, *wanted} if found[k] != wanted[k])
            return f"{name} of {key}: {found[key]}, the cores have {wanted[key]}"
    steps = sum(core["pipes"]["S"]["instructions"] for core in report["cores"])
    counted = sum(line["count"] for line in report["lines"] if line["pipe"] == "S")
    if steps != counted:
        return f"lines count {counted} steps of the scalar units, the cores {steps}"
    for line in report["lines"]:
        if not 0 <= line["heads"] <= line["busy"] or min(line["stalls"].values(), default=0) < 0:
            return f"a line has impossible cycles: {line}"
    return None


def recorded(report: dict[str, Any], recording: rec.Recording) -> str | None:
    """The first pipe whose events, replayed one after the other, give other labels."""
    for core in range(recording.cores):
        name = f"{core // 3}.{('aic', 'aiv0', 'aiv1')[core % 3]}"
        pipes = next((c["pipes"] for c in report["cores"] if c["core"] == name), {})
        for pipe, use in pipes.items():
            chosen = (recording.events["core"] == core) & (
                recording.events["pipe"] == PIPES.index(pipe)
            )
            mine = replay(recording, np.flatnonzero(chosen), pipe)
            theirs = {"busy": use["busy"], **use["stalls"]}
            if pipe == "S":  # what its instructions cost is not recorded
                theirs.pop("busy")
            theirs.pop("dispatch", None)
            if mine != Counter(theirs):
                return f"{name} {pipe}: events give {dict(mine)}, the report {theirs}"
    return None


def replay(recording: rec.Recording, numbers: Any, pipe: str) -> Counter[str]:
    """Cycles by label, `dispatch` left out, of the events of one pipe in program order."""
    found: Counter[str] = Counter()
    cursor = 0
    for number in numbers:
        e = recording.events[number]
        kind = int(e["kind"])
        if kind == rec.DATA:
            begin = max(cursor, int(e["start"]))
            waited = begin - max(cursor, min(int(e["dispatch"]), int(e["start"])))
            found["barrier"] += waited
            own = int(e["end"]) - begin
            bank = min(int(e["bank"]), max(own, 0))
            late = min(int(e["bandwidth"]), max(own, 0) - bank)
            found["busy"] += max(own, 0) - bank - late
            found["bank_conflict"] += bank
            found["shared_bandwidth"] += late
        elif kind == rec.WAIT:
            found[f"flag_{PIPES[int(e['detail']) >> 6]}"] += int(e["end"] - e["start"])
        elif kind == rec.CROSS_WAIT:
            found["cross_core_flag"] += int(e["end"] - e["start"])
        elif kind == rec.BARRIER and pipe == "S":
            found["barrier"] += int(e["end"] - e["start"])
        elif kind == rec.FULL:
            found["queue_full"] += int(e["end"] - e["start"])
        cursor = max(cursor, int(e["end"]))
    return +found


def chained(report: dict[str, Any], recording: rec.Recording) -> str | None:
    """What is wrong with the critical path of a whole run; None if it leads from the run's end to
    cycle 0 without a gap, and each step lies within the event that it names.
    """
    steps = critical_path(recording)
    at = 0
    for step in steps:
        event = recording.events[step.event]
        if step.start != at or step.stop <= step.start:
            return f"the critical path goes from {at} to {step}"
        at = step.stop
        if step.part == "gap":
            return f"nothing explains {step}"
        inside = step.part in ("scalar", "cross_core") or event["kind"] == rec.DATA
        if not inside or (
            event["kind"] == rec.DATA
            and step.part not in ("scalar", "cross_core")
            and not event["start"] <= step.start < step.stop <= event["end"]
        ):
            return f"{step} is not within {event}"
    return None if at == report["cycles"] else f"the critical path ends at {at}"


def check(report: dict[str, Any], recording: rec.Recording | None = None) -> None:
    """Assert all of it."""
    for why in (labels(report), breakdown(report) if "lines" in report else None):
        assert why is None, why
    if recording is not None:
        why = recorded(report, recording)
        assert why is None, why
