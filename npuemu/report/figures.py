"""The figures of a report as one list: what tables of several runs have in their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from npuemu.report.json_schema import Report
from npuemu.report.summary import PipeRow, duration, integer, kind_rows, size

Group = Literal["run", "pipe", "memory", "traffic", "work"]
Unit = Literal["cycles", "us", "bytes", "MAC", "element"]
Key = tuple[Group, str, str]
ALL, VECTOR = "all tensors", "vector"
LAST = (ALL, VECTOR)  # owners that stand behind all others of their group
GROUPS: tuple[Group, ...] = get_args(Group)
PIPES = ("S", "M", "V", "MTE1", "MTE2", "MTE3", "FIX")
BUSY, IDLE = "busy", "idle"


@dataclass(frozen=True)
class Figure:
    """One number of a run. ``whole``: what it is a part of, 0 if of nothing.

    owner: the pipe (`cube M`), memory or tensor, empty for the whole run; what: `busy`, `idle` or a
    stall's cause for a pipe, else what is counted.
    """

    group: Group
    owner: str
    what: str
    unit: Unit
    value: float
    whole: float = 0.0

    @property
    def key(self) -> Key:
        """What tells it from the run's other figures."""
        return self.group, self.owner, self.what

    @property
    def name(self) -> str:
        """Owner and what: `cube M busy`, `L1 peak`, `cycles`."""
        return f"{self.owner} {self.what}".strip()

    @property
    def share(self) -> float:
        """Part of the whole, 0..1."""
        return self.value / self.whole if self.whole else 0.0


def shown(value: float, unit: Unit) -> str:
    """A value in words: a time and bytes with a fitting unit, anything else with separators."""
    if unit == "us":
        return duration(value)
    return size(round(value)) if unit == "bytes" else integer(value)


def _of_pipe(row: PipeRow) -> Iterator[Figure]:
    owner = f"{row.kind} {row.pipe}"
    for what, cycles in [(BUSY, row.busy), *row.causes(), (IDLE, row.idle)]:
        yield Figure("pipe", owner, what, "cycles", cycles, row.cycles)


def figures(report: Report) -> list[Figure]:
    """All figures of a run; those of pipes are means over the cores that the pipe works on."""
    found = [
        Figure("run", "", "cycles", "cycles", report.cycles),
        Figure("run", "", "time", "us", report.time_us),
    ]
    for row in kind_rows(report):
        found += _of_pipe(row)
    for name, use in report.buffers.items():
        found.append(Figure("memory", name, "peak", "bytes", use.peak_bytes, use.capacity))
    moved = report.traffic
    for name, tensor in moved.tensors.items():
        found.append(Figure("traffic", name, "read", "bytes", tensor.read))
        found.append(Figure("traffic", name, "written", "bytes", tensor.write))
    found.append(Figure("traffic", ALL, "read", "bytes", moved.gm_read_bytes))
    found.append(Figure("traffic", ALL, "written", "bytes", moved.gm_write_bytes))
    for kind, number in report.work.macs.items():
        found.append(Figure("work", kind, "multiply-adds", "MAC", number))
    found.append(Figure("work", VECTOR, "elements", "element", report.work.vector_elements))
    return found


def merged(runs: list[list[Figure]]) -> list[tuple[Figure, list[Figure | None]]]:
    """The figures of several runs by name: one that names it, and that of every run or None.

    In the order of groups; what only later runs have stands behind its like, totals last.
    """
    by_key = [{figure.key: figure for figure in run} for run in runs]
    order: dict[tuple[Group, str], int] = {}
    first: dict[Key, Figure] = {}
    for run in runs:
        for figure in run:
            first.setdefault(figure.key, figure)
            order.setdefault((figure.group, figure.owner), len(order))

    def rank(figure: Figure) -> tuple[int, str, bool, int, bool]:
        kind, place = "", order[figure.group, figure.owner]
        if figure.group == "pipe":
            kind, _, pipe = figure.owner.rpartition(" ")
            place = PIPES.index(pipe) if pipe in PIPES else len(PIPES)
        return GROUPS.index(figure.group), kind, figure.owner in LAST, place, figure.what == IDLE

    ranked = sorted(first.values(), key=rank)
    return [(figure, [run.get(figure.key) for run in by_key]) for figure in ranked]
