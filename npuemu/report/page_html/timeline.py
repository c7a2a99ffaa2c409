"""The events of a recording as columns of a page, and the tables that explain them.

Events are sorted by core, pipe and program order, so that a track (one pipe of one core) is a range
of them; links are indices in that order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES, load
from npuemu.observe.recording import DATA, Instruction, Recording
from npuemu.report.page_html.decimate import Fewer, fewer
from npuemu.report.page_html.packing import EXACT, Columns, delta
from npuemu.report.page_html.spans import Longs, by_track, track_starts

KINDS = (
    ("load", "load from GM"), ("move", "move between memories"), ("matrix", "matrix multiply"),
    ("vector", "vector arithmetic"), ("convert", "vector cast"),
    ("special", "vector exp, ln, root, divide"),
    ("reduce", "vector reduce, compare, select, gather"), ("store", "store to GM"),
    ("scalar", "scalar unit"),
)  # fmt: skip
"""Kinds of slices: the name of their colour, and what the legend says."""
_SPECIAL = ("vexp", "vln", "vsqrt", "vrsqrt", "vrec", "vdiv", "vdivs")
_REDUCE = ("vcadd", "vcmax", "vcmin", "vcg", "vcmp", "vsel", "vgather", "vbrcb")


def kind_of(name: str) -> str:
    """Kind of the slices of an instruction, by its mnemonic."""
    mnemonic = name.split(".")[0]
    record = load().by_name.get(mnemonic)
    if record is None or record.pipe == "S" or not record.is_data:
        return "scalar"
    if record.table == "vector":
        if mnemonic == "vconv":
            return "convert"
        if mnemonic in _SPECIAL:
            return "special"
        return "reduce" if mnemonic.startswith(_REDUCE) else "vector"
    if record.table == "cube":
        return "matrix"
    if any("(GM," in text for text in record.reads):
        return "load"
    return "store" if any("(GM," in text for text in record.writes) else "move"


def core_name(core: int) -> str:
    """`0.aic`, `0.aiv0`, `0.aiv1`: as the report names cores."""
    return f"{core // 3}.{('aic', 'aiv0', 'aiv1')[core % 3]}"


class Rows:
    """The rows of the code that a page refers to, numbered anew; files by number."""

    def __init__(self, recording: Recording, used: NDArray[np.int32]) -> None:
        self.files: dict[str, int] = {}
        self.kept = np.unique(used[used >= 0]).astype(np.int64)
        self.number = np.full(len(recording.code) + 1, -1, np.int64)
        self.number[self.kept] = np.arange(len(self.kept))
        self.code = [recording.code[row] for row in self.kept]

    def place(self, where: str) -> tuple[int, int, int]:
        """File number, line and column of `file:line:column`."""
        name, line, column = where, "0", "0"
        parts = where.rsplit(":", 2)
        if len(parts) == 3 and parts[1].isdigit():
            name, line, column = parts
        return self.files.setdefault(name, len(self.files)), int(line), int(column)

    def described(self) -> list[list[Any]]:
        """By row: mnemonic, text, place, kind, operands as (name, value, memory), registers."""
        return [
            [i.name, i.text, self.place(i.where), _KIND_NUMBER[kind_of(i.name)], _operands(i),
             list(i.registers)]
            for i in self.code
        ]  # fmt: skip


_KIND_NUMBER = {name: number for number, (name, _) in enumerate(KINDS)}


def _operands(instruction: Instruction) -> list[list[Any]]:
    """Operands with the memory whose address they are, or with the symbol of their value."""
    record = load().by_name.get(instruction.name.split(".")[0])
    known = {} if record is None else {operand.name: operand for operand in record.operands}
    found: list[list[Any]] = []
    for name, value in instruction.operands:
        operand = known.get(name)
        memory = operand.mem or "" if operand is not None else ""
        symbol = operand.enum.symbol(value) if operand is not None and operand.enum else None
        found.append([name, int(np.clip(value, -EXACT, EXACT)), memory, symbol or ""])
    return found


def _values(recording: Recording, order: Longs) -> Longs:
    """Operand values from registers of the events in ``order``: each against the value of the same
    operand in the event of the same row before it.
    """
    events = recording.events[order]
    counts = np.array([len(i.registers) for i in recording.code] or [0], np.int64)
    taken = np.where(events["kind"] == DATA, counts[events["row"]], 0)
    first = np.cumsum(taken) - taken
    found = np.zeros(int(taken.sum()), np.int64)
    by_row = np.argsort(np.where(taken > 0, events["row"], -1), kind="stable")
    sizes = np.bincount(events["row"][taken > 0], minlength=len(counts))
    ends = np.cumsum(sizes) + int((taken == 0).sum())
    for row in np.flatnonzero(sizes):
        width, chosen = int(counts[row]), by_row[ends[row] - sizes[row] : ends[row]]
        columns = np.arange(width)
        values = recording.values[recording.value_start[order[chosen], None] + columns]
        clipped = np.clip(values, -EXACT // 2, EXACT // 2)
        found[first[chosen, None] + columns] = np.diff(clipped, axis=0, prepend=0)
    return found


def pack(recording: Recording, columns: Columns, limit: int) -> tuple[dict[str, Any], Rows]:
    """Add the events to ``columns``; their tracks and what else the page must know."""
    order = by_track(recording.events)
    given = recording.events[order].copy()
    place = np.full(len(order) + 1, -1, np.int64)
    place[order] = np.arange(len(order))
    given["link"] = place[np.where(given["link"] >= 0, given["link"], len(order))]
    kept: Fewer = fewer(given, limit)
    events = kept.events
    used = np.concatenate([events["row"], recording.live["writer"], recording.live["reader"]])
    rows = Rows(recording, used)
    index = np.arange(len(events))
    columns.add("kind", events["kind"])
    columns.add("row", rows.number[events["row"]])
    columns.add("start", delta(events["start"]))
    columns.add("wait", events["start"] - events["dispatch"])
    columns.add("work", events["free"] - events["start"])
    columns.add("tail", events["end"] - events["free"])
    columns.add("link", np.where(events["link"] >= 0, index - events["link"], 0))
    columns.add("detail", events["detail"])
    columns.add("bank", events["bank"])
    columns.add("bandwidth", events["bandwidth"])
    columns.add("head", events["head"])
    # A block has the row of its main instruction, but no values.
    columns.add("values", _values(recording, order[kept.origin[events["kind"] == DATA]]))
    starts = track_starts(events)
    tracks = [
        [int(events["core"][i]), PIPES[events["pipe"][i]], int(i), int(j)]
        for i, j in zip(starts, [*starts[1:], len(events)], strict=True)
    ]
    about = {
        "tracks": tracks, "total": len(given), "bucket": kept.bucket,
        "events": len(events), "code": rows.described(),
    }  # fmt: skip
    return about, rows
