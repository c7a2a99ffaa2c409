"""Races of a traced run by brute force: every pair of events, every byte."""

from __future__ import annotations

from collections.abc import Iterable

from tests.interpreter.memory import Interval
from tests.interpreter.order import Event
from tests.interpreter.run import Outcome

Place = tuple[int, int]
Race = tuple[str, Place, Place]


def _meet(some: list[Interval], others: list[Interval]) -> bool:
    """Whether a byte is in both."""
    return any(a[:2] == b[:2] and a[2] < b[3] and b[2] < a[3] for a in some for b in others)


def _kinds(earlier: Event, later: Event) -> Iterable[str]:
    """What two events have in common, named from the later one: RAW, WAR, WAW."""
    if _meet(earlier.writes, later.reads):
        yield "RAW"
    if _meet(earlier.reads, later.writes):
        yield "WAR"
    if _meet(earlier.writes, later.writes):
        yield "WAW"


def races(outcome: Outcome) -> set[Race]:
    """(kind, place of the one executed first, place of the other) of unordered conflicts.

    A place is (core, instruction index). The events must have been traced.
    """
    found: set[Race] = set()
    for second, later in enumerate(outcome.events):
        for first, earlier in enumerate(outcome.events[:second]):
            if first in later.after:
                continue
            for kind in _kinds(earlier, later):
                found.add((kind, (earlier.core, earlier.index), (later.core, later.index)))
    return found


def never_written(outcome: Outcome, inputs: Iterable[tuple[int, int]]) -> set[Place]:
    """Places of the events that read a byte which nobody wrote before.

    inputs: [start, stop) ranges of GM that the caller has filled.
    """
    written: dict[tuple[int, str], set[int]] = {}
    filled = written.setdefault((-1, "GM"), set())
    for start, stop in inputs:
        filled.update(range(start, stop))
    found: set[Place] = set()
    for event in outcome.events:
        for owner, memory, start, stop in event.reads:
            if not written.get((owner, memory), set()).issuperset(range(start, stop)):
                found.add((event.core, event.index))
        for owner, memory, start, stop in event.writes:
            written.setdefault((owner, memory), set()).update(range(start, stop))
    return found
