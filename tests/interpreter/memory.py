"""Global and local memories, and one instruction's access to them."""

from __future__ import annotations

from npuemu.asm.program import Program
from tests.interpreter.machine import CUBE_MEMORIES, Machine

GM_OWNER = -1
Interval = tuple[int, str, int, int]


class Memories:
    """All memory of a launch. Core numbers: group * 3 for the cube core, then the vector cores."""

    def __init__(self, program: Program, machine: Machine, gm: bytearray) -> None:
        self.gm = gm
        self.tensors = program.tensors
        self.local: dict[tuple[int, str], bytearray] = {}
        for core in range(3 * program.blocks):
            for name in ("UB",) if core % 3 else CUBE_MEMORIES:
                size = machine.capacity.get(name)
                if size is not None:
                    self.local[core, name] = bytearray(b"\xff") * size

    def owner(self, core: int, memory: str) -> tuple[int, str] | None:
        """Who owns the memory that `core` calls by this name, or None: GM belongs to nobody."""
        if memory == "GM":
            return GM_OWNER, "GM"
        group = core - core % 3
        if memory == "UB1":
            place = group + 2, "UB"
        elif memory == "UB":
            place = (core, "UB") if core % 3 else (group + 1, "UB")
        else:
            place = group, memory
        return place if place in self.local else None

    def bytes_of(self, place: tuple[int, str]) -> bytearray:
        """The bytes of the memory with this owner and name."""
        return self.gm if place[0] == GM_OWNER else self.local[place]

    def fault(self, core: int, memory: str, start: int, stop: int, writes: bool) -> str | None:
        """E103, E104, E105 or None for bytes [start, stop) as one region of an instruction."""
        if memory == "GM":
            for tensor in self.tensors:
                if tensor.address <= start and stop <= tensor.address + tensor.nbytes:
                    return "E105" if writes and tensor.role == "in" else None
            return "E104"
        place = self.owner(core, memory)
        if place is None or start < 0 or stop > len(self.local[place]):
            return "E103"
        return None


def merged(intervals: list[Interval]) -> list[Interval]:
    """The same bytes in as few intervals as there can be."""
    result: list[Interval] = []
    for owner, memory, start, stop in sorted(intervals):
        if result and result[-1][:2] == (owner, memory) and start <= result[-1][3]:
            last = result[-1]
            result[-1] = owner, memory, last[2], max(last[3], stop)
        else:
            result.append((owner, memory, start, stop))
    return result


class Access:
    """What one instruction reads and writes; writes take effect together, in `commit`."""

    def __init__(self, memories: Memories, core: int, log: bool) -> None:
        self.memories, self.core, self.log = memories, core, log
        self.reads: list[Interval] = []
        self.writes: list[Interval] = []
        self._pending: list[tuple[bytearray, int, bytes]] = []

    def _place(self, memory: str) -> tuple[int, str]:
        place = self.memories.owner(self.core, memory)
        assert place is not None, memory
        return place

    def read(self, memory: str, start: int, length: int) -> bytes:
        """Bytes as they were before the instruction."""
        if length == 0:
            return b""
        place = self._place(memory)
        source = self.memories.bytes_of(place)
        assert 0 <= start and start + length <= len(source), (memory, start, length)
        if self.log:
            self.reads.append((*place, start, start + length))
        return bytes(source[start : start + length])

    def number(self, memory: str, start: int, length: int) -> int:
        """The same as an unsigned little-endian number."""
        return int.from_bytes(self.read(memory, start, length), "little")

    def write(self, memory: str, start: int, data: bytes) -> None:
        """Replace bytes when the instruction is complete; later writes win."""
        if not data:
            return
        place = self._place(memory)
        target = self.memories.bytes_of(place)
        assert 0 <= start and start + len(data) <= len(target), (memory, start, len(data))
        if self.log:
            self.writes.append((*place, start, start + len(data)))
        self._pending.append((target, start, data))

    def commit(self) -> None:
        """Make the writes visible, in the order in which they were made."""
        for target, start, data in self._pending:
            target[start : start + len(data)] = data
