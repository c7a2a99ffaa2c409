"""The chain of instructions and waits that decides when a run ends.

Walks a recording backwards from its last event: what ended just when this began? A pipe's previous
instruction, the flag it waited for, the scalar unit that dispatched it. The steps follow each other
without a gap from cycle 0 to the end, so their cycles sum to the run's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from npuemu.observe import recording as rec
from npuemu.observe.recording import Recording

S = PIPES.index("S")
PARTS = ("head", "work", "bank_conflict", "shared_bandwidth", "tail", "scalar", "cross_core", "gap")
"""What the cycles of a step are: parts of an instruction's time; the scalar unit's way to it; a
cross-core flag under way; a time that no recorded event explains."""


@dataclass(frozen=True)
class Step:
    """One link of the chain: pipe ``pipe`` of core ``core`` from ``start`` to ``stop``.

    ``event``: the event whose time it is; of ``scalar`` the one that was dispatched at its end,
    of ``cross_core`` the set; ``part``: one of `PARTS`.
    """

    core: int
    pipe: int
    event: int
    part: str
    start: int
    stop: int

    @property
    def cycles(self) -> int:
        """How long."""
        return self.stop - self.start


class _Walk:
    """Events of a recording as lists, and the chain so far (backwards)."""

    def __init__(self, recording: Recording) -> None:
        events = recording.events
        self.kind = events["kind"].tolist()
        self.core, self.pipe = events["core"].tolist(), events["pipe"].tolist()
        self.dispatch, self.start = events["dispatch"].tolist(), events["start"].tolist()
        self.free, self.end = events["free"].tolist(), events["end"].tolist()
        self.link = events["link"].tolist()
        self.lost = events["bank"].tolist(), events["bandwidth"].tolist()
        self.head = events["head"].tolist()
        self.before = _before(events["core"], events["pipe"])
        self.scalar = self._scalar_stalls(recording.cores)
        self.latency = recording.latency
        self.steps: list[Step] = []

    def _scalar_stalls(self, cores: int) -> list[tuple[list[int], list[int]]]:
        """By core: the scalar unit's events that stalled it, and when they ended."""
        found: list[tuple[list[int], list[int]]] = [([], []) for _ in range(cores)]
        for i, (core, pipe, start, end) in enumerate(
            zip(self.core, self.pipe, self.start, self.end, strict=True)
        ):
            if pipe == S and end > start:
                found[core][0].append(i)
                found[core][1].append(end)
        return found

    def add(self, event: int, part: str, start: int, stop: int, pipe: int | None = None) -> None:
        """A step, if it takes any time."""
        if stop > start:
            at = self.pipe[event] if pipe is None else pipe
            self.steps.append(Step(self.core[event], at, event, part, start, stop))

    def through(self, event: int, until: int) -> int:
        """The steps of data instruction ``event`` up to ``until``; returns its start."""
        start, free = int(self.start[event]), int(self.free[event])
        head = start + self.head[event]
        bank, bandwidth = self.lost[0][event], self.lost[1][event]
        work = max(head, min(free, until) - bank - bandwidth)
        self.add(event, "tail", free, until)
        self.add(event, "shared_bandwidth", work + bank, min(free, until))
        self.add(event, "bank_conflict", work, work + bank)
        self.add(event, "work", min(head, until), work)
        self.add(event, "head", start, min(head, until))
        return start

    def reason(self, event: int, time: int, at_end: bool) -> tuple[str, int]:
        """Why ``event`` is at ``time`` (``at_end``: why its pipe is ready then): (``data``, number)
        of an earlier instruction of the pipe, (``flag`` | ``cross``, number) of a set, (``scalar``,
        event), or (``gap``, number).
        """
        ends = at_end or self.kind[event] != rec.DATA  # flags see ends, data the pipe free
        at = event
        while at >= 0:
            kind, link = self.kind[at], self.link[at]
            if at != event and kind == rec.DATA:
                if (self.end[at] if ends else self.free[at]) == time:
                    return "data", at
                if not ends:
                    return "gap", at
            ends = ends or kind == rec.BARRIER
            if kind == rec.WAIT and link >= 0 and self.free[at] == time == self.end[link]:
                return "flag", link
            seen = self.end[link] + self.latency
            if kind == rec.CROSS_WAIT and link >= 0 and self.free[at] == time == seen:
                return "cross", link
            if self.dispatch[at] == time:
                return "scalar", at
            at = self.before[at]
        return "scalar", event

    def scalar_way(self, event: int, time: int) -> tuple[int, int] | None:
        """The scalar unit worked its way to ``event``, which is at ``time``; what let it begin."""
        core = self.core[event]
        stalls, ends = self.scalar[core]
        at = bisect_right(ends, time) - 1
        begun = ends[at] if at >= 0 else 0
        self.add(event, "scalar", begun, time, S)
        if at < 0:
            return None
        return stalls[at], begun


def _before(core: NDArray[Any], pipe: NDArray[Any]) -> list[int]:
    """The previous event of the same pipe, -1 for none."""
    latest: dict[tuple[int, int], int] = {}
    found = []
    for i, place in enumerate(zip(core.tolist(), pipe.tolist(), strict=True)):
        found.append(latest.get(place, -1))
        latest[place] = i
    return found


def critical_path(recording: Recording) -> list[Step]:
    """The chain from cycle 0 to the end of the run, in order of time.

    Needs the whole run: what lies outside the window of a recording is not explained.
    """
    if not len(recording.events):
        return []
    walk = _Walk(recording)
    last = max(range(len(walk.end)), key=lambda i: (walk.end[i], walk.kind[i] == rec.DATA))
    at: _At | None = _At(last, walk.end[last], _LED if walk.kind[last] == rec.DATA else _READY)
    for _ in range(4 * len(walk.end)):  # every step goes back in time or in a pipe's order
        if at is None or at.time == 0:
            break
        if at.why == _LED:
            at = _At(at.event, walk.through(at.event, at.time), _BEGAN)
        elif walk.pipe[at.event] == S and walk.kind[at.event] != rec.DATA:
            at = _scalar_event(walk, at)
        else:
            at = _queued_event(walk, at)
    return walk.steps[::-1]


class _At(NamedTuple):
    """What is to be explained: that an event began, that its pipe was ready (``ready``), or, for a
    data instruction, that it led to what came at ``time``.
    """

    event: int
    time: int
    why: str


_BEGAN, _READY, _LED = "began", "ready", "led"


def _scalar_way(walk: _Walk, event: int, time: int) -> _At | None:
    found = walk.scalar_way(event, time)
    return None if found is None else _At(*found, _BEGAN)


def _queued_event(walk: _Walk, at: _At) -> _At | None:
    """What an event of a pipe's queue followed."""
    why, other = walk.reason(at.event, at.time, at.why == _READY)
    if why == "scalar":
        return _scalar_way(walk, other, at.time)
    if why == "data":
        return _At(other, at.time, _LED)
    if why == "flag":
        return _At(other, at.time, _READY)
    if why == "cross":
        walk.add(other, "cross_core", walk.end[other], at.time)
        return _At(other, walk.end[other], _READY)
    earlier = min(at.time, walk.end[other])
    walk.add(at.event, "gap", earlier, at.time)
    return _At(other, earlier, _LED if earlier == walk.end[other] else _BEGAN)


def _scalar_event(walk: _Walk, at: _At) -> _At | None:
    """What an event of the scalar unit followed: what it waited for, or its own way there."""
    event, kind, link = at.event, walk.kind[at.event], walk.link[at.event]
    if not at.time == walk.end[event] > walk.start[event]:
        return _scalar_way(walk, event, at.time)
    if link < 0:
        walk.add(event, "gap", 0, at.time)
        return None
    if kind == rec.CROSS_WAIT:
        walk.add(link, "cross_core", walk.end[link], at.time)
        return _At(link, walk.end[link], _READY)
    if kind == rec.FULL:
        return _At(link, at.time, _BEGAN)
    ended = walk.kind[link] == rec.DATA and walk.end[link] == at.time
    return _At(link, at.time, _LED if ended else _READY)


@dataclass(frozen=True)
class Share:
    """Cycles of the critical path that one instruction of the text has on one pipe."""

    core: Literal["aic", "aiv"]
    pipe: str
    where: str
    name: str
    part: str
    cycles: int
    count: int


def shares(recording: Recording, steps: list[Step]) -> list[Share]:
    """The chain summed by kind of core, pipe, line and part; the most cycles first."""
    sums: dict[tuple[bool, int, str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    rows = recording.events["row"]
    for step in steps:
        code = recording.code[rows[step.event]]
        entry = sums[step.core % 3 == 0, step.pipe, code.where, code.name, step.part]
        entry[0] += step.cycles
        entry[1] += 1
    found = [
        Share("aic" if cube else "aiv", PIPES[pipe], where, name, part, cycles, count)
        for (cube, pipe, where, name, part), (cycles, count) in sums.items()
    ]
    return sorted(found, key=lambda share: -share.cycles)
