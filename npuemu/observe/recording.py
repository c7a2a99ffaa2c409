"""What a recorded run did, event by event: the source of traces, timelines and critical paths.

A `Recording` is a value: arrays and tables, no engine. Events are numbered in the order in which
the engine met them; the events of one pipe are in its program order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

(DATA, SET, WAIT, BARRIER, CROSS_SET, CROSS_WAIT, FULL, HALT) = range(8)
KIND_NAMES = ("data", "set", "wait", "barrier", "cross_set", "cross_wait", "queue_full", "halt")

EVENT = np.dtype(
    [
        ("core", "<i2"),  # group * 3 + (0 cube, 1 and 2 vector)
        ("pipe", "i1"),  # index in npuemu.isa.table.PIPES
        ("kind", "i1"),
        ("row", "<i4"),  # index in Recording.code
        ("dispatch", "<i8"),
        ("start", "<i8"),
        ("free", "<i8"),
        ("end", "<i8"),
        ("link", "<i8"),
        ("detail", "<i8"),
        ("bank", "<i4"),
        ("bandwidth", "<i4"),
        ("head", "<i4"),
    ]
)
"""One event; times in cycles. ``dispatch``: when S put the instruction into its queue.

- data: from ``start`` to ``free``, when the pipe takes the next instruction, and ``end``, when
  flags see it complete; ``detail``: GM bytes moved; ``bank`` and ``bandwidth``: cycles lost;
  ``head``: cycles of head.
- set, cross_set: fires at ``start`` = ``free`` = ``end``; ``detail``: the flag.
- wait, cross_wait: the pipe stalls from ``start`` to ``end`` (equal: it does not); the instructions
  behind may start from ``free`` on; ``link``: the set that met it, -1 if that is not recorded.
- barrier: the same; ``link``: on pipe S, which waits for all pipes, the last event of the one that
  was ready last; elsewhere the last data event of its own pipe.
- queue_full: pipe S stalls from ``start`` to ``end``, until event ``link`` leaves the queue of pipe
  ``detail``.
- halt: pipe S, ``start`` = ``end``.

``detail`` of set and wait: ``source << 6 | target << 3 | event``; of cross-core flags:
``mode << 8 | id``, mode -1 for a wait.
"""

LIVE = np.dtype(
    [
        ("slot", "<i4"),  # core * 16 + number of the memory in npuemu.isa.table.MEM
        ("writer", "<i4"),  # row that wrote the bytes
        ("reader", "<i4"),  # row that read them last
        ("low", "<i8"),  # first address
        ("high", "<i8"),  # one past the last; less than ``bytes`` long never, longer when strided
        ("bytes", "<i8"),
        ("start", "<i8"),  # the write ended,
        ("stop", "<i8"),  # the last read ended
    ]
)
"""Bytes that were live (written and read later) from ``start`` to ``stop``."""


@dataclass(frozen=True)
class Instruction:
    """A row of the code: where it stands, and how its operands read.

    text: as the disassembler prints it (registers by name); ``registers``: index in ``operands`` of
    those that come from registers, in the order in which a data event's values list them.
    """

    name: str
    section: str
    where: str
    text: str
    operands: tuple[tuple[str, int], ...]
    registers: tuple[int, ...]


@dataclass(frozen=True)
class Named:
    """A named range of a memory (``GM`` for tensors): [address, address + bytes)."""

    name: str
    memory: str
    address: int
    bytes: int
    dtype: str = ""
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Recording:
    """A recorded run. ``window``: the cycles [first, last) whose events were kept.

    values: operand values that came from registers, of all data events in a row; latency: cycles
    from a cross-core set to its being seen; sources: lines of the text by file, where known.
    """

    kernel: str
    machine: str
    clock_mhz: float
    cycles: int
    cores: int
    window: tuple[int, int]
    code: tuple[Instruction, ...]
    events: NDArray[np.void]
    values: NDArray[np.int64]
    live: NDArray[np.void]
    capacity: dict[str, int]
    buffers: tuple[Named, ...]
    tensors: tuple[Named, ...]
    latency: int = 0
    sources: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def value_start(self) -> NDArray[np.int64]:
        """Where the values of each event begin; those of a data event only."""
        counts = np.array([len(i.registers) for i in self.code] or [0], np.int64)
        taken = np.where(self.events["kind"] == DATA, counts[self.events["row"]], 0)
        return np.concatenate([[0], np.cumsum(taken)[:-1]]).astype(np.int64)

    def operands(self, event: int) -> dict[str, int]:
        """Operands of a data event by name, as the instruction was executed."""
        instruction = self.code[self.events["row"][event]]
        found = dict(instruction.operands)
        names = [name for name, _ in instruction.operands]
        first = int(self.value_start[event])
        for i, operand in enumerate(instruction.registers):
            found[names[operand]] = int(self.values[first + i])
        return found
