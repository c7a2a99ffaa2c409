"""What the track of one pipe shows: instructions, and stalls where its cycles went to waiting.

The rules are those of the report (docs/timing.md), so stalls on a track add up to its stalls there.
An instruction's slice lasts until the next one starts, or until it and all before it have ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES
from npuemu.observe.recording import (
    BARRIER,
    CROSS_SET,
    CROSS_WAIT,
    DATA,
    FULL,
    HALT,
    SET,
    WAIT,
    Recording,
)
from npuemu.report.trace.model import (
    DISPATCH,
    FLAG,
    INSTRUCTION,
    ITEM,
    NO_CAUSE,
    SCALAR,
    STALL,
    WAITED,
    Ints,
)

S = PIPES.index("S")
WAITS = (WAIT, CROSS_WAIT, BARRIER, FULL)


@dataclass(frozen=True)
class Lane:
    """Events of one pipe: their numbers in program order, and what of its core is known.

    halt: when the core's program ended, -1 if that is not recorded; first: where the window begins;
    dispatched: cycles in which S put instructions into queues, ascending (pipe S only).
    """

    core: int
    pipe: int
    events: Ints
    halt: int
    first: int
    dispatched: Ints


def lanes(recording: Recording) -> list[Lane]:
    """Every pipe that has events, by core and pipe; S of every core that has any."""
    events = recording.events
    if not len(events):
        return []
    key = events["core"] * np.int16(8) + events["pipe"]
    order = np.argsort(key, kind="stable")
    counts = np.bincount(key)
    ends = np.cumsum(counts)
    found = []
    for core in np.unique(np.flatnonzero(counts) // 8).tolist():
        low, high = core * 8, min(core * 8 + 8, len(counts))
        own = [order[ends[x] - counts[x] : ends[x]] for x in range(low, high)]
        halts = own[S][events["kind"][own[S]] == HALT]
        halt = int(events["start"][halts[0]]) if len(halts) else -1
        others = np.concatenate([own[S][:0], *own[S + 1 :]])
        queued = np.sort(events["dispatch"][others], kind="stable")
        first = recording.window[0]
        found.append(Lane(core, S, own[S], halt, first, queued))
        for pipe in range(S + 1, high - low):
            if len(own[pipe]):
                found.append(Lane(core, pipe, own[pipe], halt, first, queued[:0]))
    return found


@dataclass(frozen=True)
class Ends:
    """Where arrows start and end, by event number; -1 where there is nothing.

    behind: of a set, the data instruction whose end it waited for; onward: of a wait, the event
    whose item its arrow leads to.
    """

    behind: NDArray[np.int32]
    onward: NDArray[np.int32]


def find_ends(recording: Recording, found: list[Lane]) -> Ends:
    """The ends of all arrows."""
    blank = np.full(len(recording.events), -1, np.int32)
    ends = Ends(blank, blank.copy())
    for lane in found:
        _find_ends(recording, lane, ends)
    return ends


def _find_ends(recording: Recording, lane: Lane, ends: Ends) -> None:
    kind = recording.events["kind"][lane.events]
    waits = np.flatnonzero((kind == WAIT) | (kind == CROSS_WAIT))
    if lane.pipe == S:
        ends.onward[lane.events[waits]] = lane.events[waits]
        return
    end = recording.events["end"][lane.events]
    place = np.arange(len(kind))
    data = kind == DATA
    latest = np.maximum.accumulate(np.where(data, end, -1))
    before = np.maximum.accumulate(np.where(data & (end >= latest), place, -1))
    sets = np.flatnonzero((kind == SET) | (kind == CROSS_SET))
    last = before[sets]
    direct = (last >= 0) & (end[last] == end[sets])
    ends.behind[lane.events[sets[direct]]] = lane.events[last[direct]]
    shown = data.copy()
    shown[sets[~direct]] = True
    after = np.minimum.accumulate(np.where(shown, place, len(kind))[::-1])[::-1]
    following = after[waits]
    some = following < len(kind)
    target = np.where(some, following, waits)
    ends.onward[lane.events[waits]] = lane.events[target]


def _items(kind: int, cause: int, event: Ints, start: Ints, stop: Ints) -> NDArray[np.void]:
    made = np.zeros(len(event), ITEM)
    made["kind"], made["cause"], made["event"] = kind, cause, event
    made["start"], made["stop"] = start, stop
    return made


def items(recording: Recording, lane: Lane, ends: Ends) -> NDArray[np.void]:
    """Everything the track of a pipe shows, as items without shape and track."""
    return (_scalar if lane.pipe == S else _queued)(recording, lane, ends)


def _queued(recording: Recording, lane: Lane, ends: Ends) -> NDArray[np.void]:
    """Items of a pipe with a queue, in program order."""
    rows = recording.events[lane.events]
    kind, dispatch, start, end = (rows[name] for name in ("kind", "dispatch", "start", "end"))
    free = rows["free"]
    data, waits = kind == DATA, np.isin(kind, WAITS)
    stalled = np.where(end > start, end, 0)
    late = np.where(kind == BARRIER, 0, dispatch)
    reach = np.where(data, end, np.where(waits, np.maximum(late, stalled), 0))
    reached = np.maximum.accumulate(np.concatenate([[lane.first], reach]))
    before = reached[:-1]
    until = np.where(data, start, np.where(waits, np.maximum(late, stalled), 0))
    came = np.minimum(np.where(data | waits, late, 0), until)
    since = np.maximum(np.maximum(came, before), np.where(kind == BARRIER, start, 0))
    place = np.arange(len(rows)) * 3
    idle = np.flatnonzero(came > before)
    held = np.flatnonzero(until > since)
    alone = (ends.behind[lane.events] < 0) & ((kind == SET) | (kind == CROSS_SET))
    dangling = (ends.onward[lane.events] == lane.events) & (rows["link"] >= 0)
    moment = np.flatnonzero(alone | dangling)
    own = np.flatnonzero(data)
    stop = np.maximum.accumulate(end[own])
    stop[:-1] = np.minimum(stop[:-1], start[own[1:]])
    number = lane.events
    parts = [
        _items(STALL, DISPATCH, number[idle], before[idle], came[idle]),
        _items(STALL, WAITED, number[held], since[held], until[held]),
        _items(INSTRUCTION, NO_CAUSE, number[own], start[own], stop),
        _items(FLAG, NO_CAUSE, number[moment], free[moment], free[moment]),
    ]
    order = np.concatenate([place[idle], place[held] + 1, place[own] + 2, place[moment] + 2])
    found = np.concatenate(parts)[np.argsort(order, kind="stable")]
    last = int(reached[-1])
    if lane.halt > last:
        tail = np.array([last]), np.array([lane.halt])
        found = np.concatenate([found, _items(STALL, DISPATCH, np.array([-1]), *tail)])
    return found


def _scalar(recording: Recording, lane: Lane, ends: Ends) -> NDArray[np.void]:
    """Items of pipe S: its stalls, what it ran between them, and its flags."""
    number = lane.events
    rows = recording.events[number]
    stalled = np.isin(rows["kind"], WAITS) & (rows["end"] > rows["start"])
    held, stalls = number[stalled], rows[stalled]
    last = lane.halt
    if last < 0:  # it ran at least until it last did something that is recorded
        last = max([lane.first, *rows["end"][-1:].tolist(), *(lane.dispatched[-1:] + 1).tolist()])
    start = np.concatenate([[lane.first], stalls["end"]])
    stop = np.concatenate([stalls["start"], [last]])
    ran = stop > start
    running = _items(SCALAR, NO_CAUSE, np.concatenate([[-1], held])[ran], start[ran], stop[ran])
    running["extra"] = np.diff(
        np.searchsorted(lane.dispatched, np.stack([start[ran], stop[ran]])), axis=0
    )[0]
    sets = (rows["kind"] == SET) | (rows["kind"] == CROSS_SET)
    passed = (ends.onward[number] == number) & ~stalled & (rows["link"] >= 0)
    moment = sets | passed
    flags = _items(FLAG, NO_CAUSE, number[moment], *([rows["free"][moment]] * 2))
    waiting = _items(STALL, WAITED, held, stalls["start"], stalls["end"])
    found = np.concatenate([running, waiting, flags])
    return found[np.argsort(found["start"], kind="stable")]
