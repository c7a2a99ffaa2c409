"""Who holds the bytes of the local memories, and since when: read off a recording.

Slots number the memories of a launch as in `recording.LIVE`: core * 16 + memory. A region is live
in the cycles [start, stop). Which tensors a row carries follows rows, not single executions: if row
r was the last to read what row w wrote, r carries the tensors of w.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import MEM, MEMORIES, load
from npuemu.observe.recording import DATA, Recording

SLOTS_PER_CORE = 16
Longs = NDArray[np.int64]

_GM_READ = re.compile(r"\(GM, *(\w+)")


def core_of(slot: int) -> int:
    """Core whose memory a slot is."""
    return slot // SLOTS_PER_CORE


def memory_of(slot: int) -> str:
    """Name of the memory of a slot."""
    return MEMORIES[slot % SLOTS_PER_CORE]


def slots(recording: Recording) -> list[int]:
    """The slots in which anything was ever live, ascending."""
    return [int(slot) for slot in np.unique(recording.live["slot"])]


def distinct(*columns: NDArray[Any]) -> tuple[Longs, Longs]:
    """Different tuples of integer columns of one length: where each occurs first, and for every
    place the number of its tuple; tuples are numbered in ascending order.
    """
    key = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        low, high = int(column.min(initial=0)), int(column.max(initial=0))
        key = key * (high - low + 1) + (column - low)
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    return np.asarray(first, np.int64), np.asarray(inverse, np.int64).reshape(-1)


def row_pipes(recording: Recording) -> NDArray[np.int8]:
    """Pipe of each row of the code, an index in ``PIPES``; -1 for a row without data events."""
    found = np.full(len(recording.code), -1, np.int8)
    data = recording.events[recording.events["kind"] == DATA]
    found[data["row"]] = data["pipe"]
    return found


@cache
def _gm_source(mnemonic: str) -> str:
    """Operand that holds the GM address an instruction reads from; empty if it reads none."""
    record = load().by_name.get(mnemonic.split(".")[0])
    found = [_GM_READ.search(text) for text in record.reads] if record is not None else []
    return next((match[1] for match in found if match), "")


def operand_values(recording: Recording, events: Longs, operand: str) -> Longs:
    """Values of one operand in data events of one row: int64 [len(events)]."""
    instruction = recording.code[recording.events["row"][events[0]]]
    index = [name for name, _ in instruction.operands].index(operand)
    if index not in instruction.registers:
        return np.full(len(events), instruction.operands[index][1], np.int64)
    places = recording.value_start[events] + instruction.registers.index(index)
    return np.asarray(recording.values[places], np.int64)


def _read_from_gm(recording: Recording) -> list[int]:
    """Bit mask, by row, of the tensors that the row loads from GM."""
    masks = [0] * len(recording.code)
    order = np.argsort([t.address for t in recording.tensors])
    first = np.array([recording.tensors[i].address for i in order], np.int64)
    last = np.array([recording.tensors[i].bytes for i in order], np.int64) + first
    data = np.flatnonzero(recording.events["kind"] == DATA)
    data = data[np.argsort(recording.events["row"][data], kind="stable")]
    if not len(data):
        return masks
    rows, begin = np.unique(recording.events["row"][data], return_index=True)
    for row, events in zip(rows, np.split(data, begin[1:]), strict=True):
        operand = _gm_source(recording.code[row].name)
        if not operand or not len(first):
            continue
        addresses = operand_values(recording, events, operand)
        at = np.searchsorted(first, addresses, "right") - 1
        inside = (at >= 0) & (addresses < last[at])
        for tensor in np.unique(order[at[inside]]):
            masks[row] |= 1 << int(tensor)
    return masks


def carried(recording: Recording) -> tuple[tuple[str, ...], ...]:
    """Names of the tensors that each row of the code carries, in the order of their declaration.

    A load from GM carries the tensors it was seen to read; a row that read last what another wrote
    carries what that one does.
    """
    masks = _read_from_gm(recording)
    readers: dict[int, list[int]] = {}
    live = recording.live
    known = live[(live["writer"] >= 0) & (live["reader"] >= 0)]
    for i in distinct(known["writer"], known["reader"])[0]:
        readers.setdefault(int(known["writer"][i]), []).append(int(known["reader"][i]))
    work = [row for row, mask in enumerate(masks) if mask]
    while work:
        row = work.pop()
        for reader in readers.get(row, ()):
            if masks[row] & ~masks[reader]:
                masks[reader] |= masks[row]
                work.append(reader)
    names = [tensor.name for tensor in recording.tensors]
    return tuple(tuple(n for i, n in enumerate(names) if mask >> i & 1) for mask in masks)


def buffer_of(recording: Recording) -> NDArray[np.int32]:
    """Index in ``recording.buffers`` of the smallest range that each live region begins in; -1:
    none.
    """
    live = recording.live
    found = np.full(len(live), -1, np.int32)
    for i, buffer in sorted(enumerate(recording.buffers), key=lambda item: -item[1].bytes):
        inside = live["slot"] % SLOTS_PER_CORE == MEM[buffer.memory]
        inside &= (live["low"] >= buffer.address) & (live["low"] < buffer.address + buffer.bytes)
        found[inside] = i
    return found


def occupancy(recording: Recording, slot: int) -> tuple[Longs, Longs]:
    """Live bytes of a memory over time: cycles, ascending, and the bytes from each of them on."""
    rows = recording.live[recording.live["slot"] == slot]
    times = np.concatenate([rows["start"], rows["stop"]]).astype(np.int64)
    deltas = np.concatenate([rows["bytes"], -rows["bytes"]]).astype(np.int64)
    where, inverse = np.unique(times, return_inverse=True)
    changes = np.zeros(len(where), np.int64)
    np.add.at(changes, inverse, deltas)
    kept = changes != 0
    return where[kept], np.cumsum(changes[kept])


def live_at(recording: Recording, slot: int, cycle: int) -> Longs:
    """Indices in ``recording.live`` of what a memory holds in a cycle."""
    live = recording.live
    inside = (live["slot"] == slot) & (live["start"] <= cycle) & (cycle < live["stop"])
    return np.flatnonzero(inside)


@dataclass(frozen=True)
class Holder:
    """Bytes of a memory held together: the named buffer they lie in (empty: none), the line that
    wrote them, and the tensors they come from.
    """

    buffer: str
    where: str
    tensors: tuple[str, ...]
    bytes: int


def holders(recording: Recording, slot: int, cycle: int) -> list[Holder]:
    """Who holds a memory in a cycle, the largest first."""
    names, tensors = buffer_of(recording), carried(recording)
    held: dict[tuple[str, str, tuple[str, ...]], int] = {}
    for i in live_at(recording, slot, cycle):
        region = recording.live[i]
        buffer = recording.buffers[names[i]].name if names[i] >= 0 else ""
        writer = int(region["writer"])
        where = recording.code[writer].where if writer >= 0 else ""
        key = (buffer, where, tensors[writer] if writer >= 0 else ())
        held[key] = held.get(key, 0) + int(region["bytes"])
    found = [Holder(*key, number) for key, number in held.items()]
    return sorted(found, key=lambda h: (-h.bytes, h.buffer, h.where))


@dataclass(frozen=True)
class Holes:
    """The room that is left in a memory; bytes. ``address``: where the largest hole begins."""

    live: int
    free: int
    largest: int
    address: int

    @property
    def fragmentation(self) -> float:
        """Part of the free bytes that lies outside the largest hole, 0..1."""
        return 1.0 - self.largest / self.free if self.free else 0.0


def holes(recording: Recording, slot: int, cycle: int) -> Holes:
    """Free bytes of a memory in a cycle, and its largest hole; gaps of strided regions count as
    free bytes, but no hole reaches into them.
    """
    rows = recording.live[live_at(recording, slot, cycle)]
    capacity = recording.capacity[memory_of(slot)]
    rows = rows[np.argsort(rows["low"], kind="stable")]
    ends = np.maximum.accumulate(np.concatenate([[0], rows["high"]]))
    gaps = np.concatenate([rows["low"], [capacity]]) - ends
    best = int(np.argmax(gaps))
    live = int(rows["bytes"].sum())
    largest = max(0, int(gaps[best]))
    return Holes(live, capacity - live, largest, int(ends[best]) if largest else capacity)
