"""A trace file in the Chrome JSON form: one process a core, one lane a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import TextIO

from npuemu.isa.table import PIPES
from npuemu.observe.recording import DATA, Recording

Event = tuple[str, str, str, int, int]
"""Core, pipe, name, start and duration; times in cycles."""


def spans(recording: Recording) -> Iterator[Event]:
    """Every data instruction of a recording."""
    for event in recording.events[recording.events["kind"] == DATA].tolist():
        core, pipe, _, row, _, start, _, end = event[:8]
        name = f"{core // 3}.{('aic', 'aiv0', 'aiv1')[core % 3]}"
        yield name, PIPES[pipe], recording.code[row].name, start, end - start


def write_trace(target: TextIO, events: Iterable[Event], clock_mhz: float) -> int:
    """Write ``events`` as they come; times in microseconds of the machine. Returns their number."""
    cores: dict[str, int] = {}
    lanes: dict[tuple[str, str], int] = {}
    target.write('{"displayTimeUnit": "ns", "traceEvents": [\n')
    count = 0
    for core, pipe, name, start, duration in events:
        if core not in cores:
            cores[core] = len(cores)
            _name(target, "process_name", cores[core], 0, core)
        if (core, pipe) not in lanes:
            lanes[core, pipe] = sum(other == core for other, _ in lanes)
            _name(target, "thread_name", cores[core], lanes[core, pipe], pipe)
        event = {
            "name": name, "ph": "X", "pid": cores[core], "tid": lanes[core, pipe],
            "ts": start / clock_mhz, "dur": duration / clock_mhz,
            "args": {"cycle": start, "cycles": duration},
        }  # fmt: skip
        target.write(json.dumps(event) + ",\n")
        count += 1
    # The form allows no trailing comma, so the file ends in an event that shows nothing.
    target.write('{"name": "end", "ph": "M", "pid": 0, "tid": 0, "args": {}}\n]}\n')
    return count


def _name(target: TextIO, kind: str, process: int, lane: int, name: str) -> None:
    event = {"name": kind, "ph": "M", "pid": process, "tid": lane, "args": {"name": name}}
    target.write(json.dumps(event) + ",\n")
