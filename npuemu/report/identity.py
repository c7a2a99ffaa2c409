"""Cycles that must add up in a report, and words for those that do not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from npuemu.report.json_schema import Line, Report, Wait

BUSY = "busy"
Totals = dict[tuple[str, str, str], int]
"""(kind of core, pipe, `busy` or a stall cause) -> cycles."""


def kind_of(core: str) -> str:
    """`aic` or `aiv` of a core's name: `0.aiv1` is an `aiv`."""
    return core.partition(".")[2].rstrip("0123456789") or core


def _summed(found: Iterable[tuple[str, str, str, int]]) -> Totals:
    totals: Totals = {}
    for kind, pipe, what, cycles in found:
        if cycles:
            totals[kind, pipe, what] = totals.get((kind, pipe, what), 0) + cycles
    return totals


def _of_pipes(report: Report) -> Totals:
    return _summed(
        (kind_of(core.core), name, what, cycles)
        for core in report.cores
        for name, pipe in core.pipes.items()
        for what, cycles in [(BUSY, pipe.busy), *pipe.stalls.items()]
    )


def _of_lines(lines: Iterable[Line]) -> Totals:
    return _summed(
        (line.core, line.pipe, what, cycles)
        for line in lines
        for what, cycles in [(BUSY, line.busy), *line.stalls.items()]
    )


def _of_waits(waits: Iterable[Wait]) -> Totals:
    return _summed((wait.core, wait.pipe, wait.cause, wait.cycles) for wait in waits)


def _differences(source: str, pipes: Totals, found: Totals) -> Iterator[str]:
    for key in sorted(pipes.keys() | found.keys()):
        kind, pipe, what = key
        is_there, must_be = found.get(key, 0), pipes.get(key, 0)
        if is_there != must_be:
            label = what if what == BUSY else f"stalled by {what}"
            yield (
                f"{kind} {pipe} {label}: the {source} sum to {is_there} cycles, "
                f"the pipes to {must_be}: {is_there - must_be:+d}"
            )


def mistakes(report: Report) -> Iterator[str]:
    """What does not add up: pipes against the run, lines and waits against the pipes.

    Lines and waits are compared where a report has any; one without was made without them.
    """
    for core in report.cores:
        for name, pipe in core.pipes.items():
            total = pipe.busy + sum(pipe.stalls.values()) + pipe.idle
            if total != report.cycles:
                yield f"cycles of {core.core} {name} sum to {total}, the run has {report.cycles}"
    if not report.lines and not report.waits:
        return
    pipes = _of_pipes(report)
    yield from _differences("lines", pipes, _of_lines(report.lines))
    stalls = {key: cycles for key, cycles in pipes.items() if key[2] != BUSY}
    yield from _differences("waits", stalls, _of_waits(report.waits))
    for line in report.lines:
        if line.heads > line.busy:
            yield f"{line.where} {line.pipe}: {line.heads} cycles of heads, {line.busy} of work"
