"""The sorts of items: how they are called and what their arguments are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from npuemu.isa.table import PIPES, load
from npuemu.observe.recording import (
    BARRIER,
    CROSS_SET,
    CROSS_WAIT,
    DATA,
    FULL,
    SET,
    WAIT,
    Instruction,
    Recording,
)
from npuemu.report.trace.model import (
    DISPATCH,
    FLAG,
    INSTRUCTION,
    MERGE_KEYS,
    MERGED,
    SCALAR,
    STALL,
    TIME_KEYS,
    Ints,
    Shape,
)
from npuemu.report.trace.pipes import Ends

KINDS = ("cube", "vector 0", "vector 1")
CROSS_MODES = {-1: "", **{n: s for s, n in load().enums["mode"].values.items()}}


def core_name(core: int, cores: int) -> str:
    """``block 0 cube``, ``block 0 vector 0``, ``block 0 vector 1``; of more than ten blocks,
    ``block 00 cube`` and so on, because viewers order by name.
    """
    digits = len(str((cores - 1) // 3))
    return f"block {core // 3:0{digits}} {KINDS[core % 3]}"


def local_flag(detail: int) -> str:
    """``MTE1 -> M 0``, from the detail of a set or wait."""
    return f"{PIPES[detail >> 6]} -> {PIPES[detail >> 3 & 7]} {detail & 7}"


def _column(record: Recording, events: Ints, name: str) -> Ints:
    """A field of events; -1 for event -1."""
    if not len(record.events):
        return np.full(len(events), -1)
    return np.where(events >= 0, record.events[name][events].astype(np.int64), -1)


def _distinct(columns: list[Ints]) -> tuple[list[tuple[int, ...]], Ints]:
    """Distinct rows of equally long ``columns``, and which of them each row is."""
    code, size = np.zeros(len(columns[0]), np.int64), 1
    for column in columns:
        low = int(column.min())
        width = int(column.max()) - low + 1
        if size * width >= 1 << 62:
            code = np.unique(code, return_inverse=True)[1].astype(np.int64)
            size = int(code.max()) + 1
        code = code * width + (column - low)
        size *= width
    _, first, inverse = np.unique(code, return_index=True, return_inverse=True)
    rows = np.stack([column[first] for column in columns], axis=1).tolist()
    return [tuple(row) for row in rows], inverse.astype(np.int64)


@dataclass
class Shapes:
    """Gives items their shapes; ``found`` lists them by number."""

    recording: Recording
    ends: Ends
    found: list[Shape] = field(default_factory=list)
    _numbers: dict[tuple[int, ...], int] = field(default_factory=dict)

    def assign(self, items: NDArray[np.void]) -> None:
        """Set the field ``shape`` of items."""
        for kind, columns in (
            (INSTRUCTION, self._of_instructions),
            (STALL, self._of_stalls),
            (FLAG, self._of_flags),
            (SCALAR, self._of_none),
            (MERGED, self._of_none),
        ):
            own = np.flatnonzero(items["kind"] == kind)
            if not len(own):
                continue
            rows, which = _distinct(columns(items[own]))
            numbers = [self._number((kind, *row)) for row in rows]
            items["shape"][own] = np.array(numbers)[which]

    def _of_instructions(self, items: NDArray[np.void]) -> list[Ints]:
        return [_column(self.recording, items["event"], "row")]

    def _of_none(self, items: NDArray[np.void]) -> list[Ints]:
        return [np.zeros(len(items), np.int64)]

    def _of_flags(self, items: NDArray[np.void]) -> list[Ints]:
        return [_column(self.recording, items["event"], n) for n in ("row", "kind", "detail")]

    def _of_stalls(self, items: NDArray[np.void]) -> list[Ints]:
        """Kind (-1: dispatch), row, flag or queue of what waits; row, core and pipe of what met it,
        and the row of the instruction behind that.
        """
        event, record = items["event"], self.recording
        dispatch = items["cause"] == DISPATCH
        kind = np.where(dispatch, -1, _column(record, event, "kind"))
        row = _column(record, event, "row")
        flagged = (kind == WAIT) | (kind == CROSS_WAIT)
        named = flagged | (kind == FULL)
        detail = np.where(named, _column(record, event, "detail"), -1)
        known = ~dispatch & (kind != DATA)
        link = np.where(known, _column(record, event, "link"), -1)
        behind = np.where(link >= 0, self.ends.behind[link], -1) if len(record.events) else link
        awaited = np.where(flagged, behind, link)
        where = _column(record, link, "core") * 8 + _column(record, link, "pipe")
        met = np.where(link >= 0, where, -1)
        return [
            kind, row, detail, np.where(flagged, _column(record, link, "row"), -1), met,
            _column(record, awaited, "row"),
        ]  # fmt: skip

    def _number(self, key: tuple[int, ...]) -> int:
        if key not in self._numbers:
            self._numbers[key] = len(self.found)
            kind, rest = key[0], key[1:]
            self.found.append(_MAKERS[kind](self.recording, *rest))
        return self._numbers[key]


def _code(record: Recording, row: int) -> Instruction | None:
    return record.code[row] if row >= 0 else None


def _instruction(record: Recording, row: int) -> Shape:
    code = record.code[row]
    fields = {operand.name: operand for operand in load().by_name[code.name].operands}
    fixed: list[tuple[str, str | int]] = [("text", code.text), ("where", code.where)]
    for number, (name, value) in enumerate(code.operands):
        if number not in code.registers:
            enum = fields[name].enum
            symbol = enum.symbol(value) if enum is not None else None
            fixed.append((f"operand.{name}", value if symbol is None else symbol))
    registers = tuple(f"operand.{code.operands[number][0]}" for number in code.registers)
    return Shape(INSTRUCTION, code.name, tuple(fixed), registers + TIME_KEYS)


def _flag(record: Recording, row: int, kind: int, detail: int) -> Shape:
    code = record.code[row]
    name = code.name
    if kind in (SET, WAIT):
        name += f" {local_flag(detail)}"
    elif kind in (CROSS_SET, CROSS_WAIT):
        name += f" {CROSS_MODES.get(detail >> 8, '')} {detail & 0xFF}".replace("  ", " ")
    fixed = (("text", code.text), ("where", code.where))
    return Shape(FLAG, name, fixed, ("start",))


def _stall(
    record: Recording, kind: int, row: int, detail: int, setter: int, met: int, awaited: int
) -> Shape:
    """A wait: what waits, for which flag of whom, and the instruction that this waited for."""
    partner = f"{core_name(met >> 3, record.cores)} {PIPES[met & 7]}" if met >= 0 else ""
    name, cause = "wait: dispatch", "dispatch"
    if kind == WAIT:
        name, cause = f"wait: flag {local_flag(detail)}", f"flag_{PIPES[detail >> 6]}"
    elif kind == CROSS_WAIT:
        name, cause = f"wait: cross-core flag {detail & 0xFF}", "cross_core_flag"
        name += f" of {partner}" if partner else ""
    elif kind in (BARRIER, DATA):
        name, cause = "wait: barrier", "barrier"
    elif kind == FULL:
        name, cause = f"wait: queue {PIPES[detail]} full", "queue_full"
    facts: list[tuple[str, str | int]] = [("cause", cause)]
    sides = (("waits", row), ("set", setter), ("awaited", awaited))
    for word, code in ((word, _code(record, number)) for word, number in sides):
        if code is not None:
            facts += [(word, code.text), (f"{word}_where", code.where)]
    if partner:
        facts.append(("for", partner))
    return Shape(STALL, name, tuple(facts), ("start", "cycles"))


def _scalar(record: Recording, none: int) -> Shape:
    return Shape(SCALAR, "scalar code", (), ("start", "cycles", "queued"))


def _merged(record: Recording, none: int) -> Shape:
    return Shape(MERGED, "", (), MERGE_KEYS)


_MAKERS: dict[int, Callable[..., Shape]] = {
    INSTRUCTION: _instruction, STALL: _stall, FLAG: _flag, SCALAR: _scalar, MERGED: _merged,
}  # fmt: skip
