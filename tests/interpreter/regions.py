"""The regions that the tables declare, as byte ranges; the checks of an instruction's start."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from tests.interpreter.decode import Instruction, enums
from tests.interpreter.lanes import Lanes, offset
from tests.interpreter.machine import Machine
from tests.interpreter.memory import Access, Interval, Memories, merged

NAMES = ("GM", "L1", "L0A", "L0B", "L0C", "BT", "FB", "UB", "L0A_MX", "L0B_MX", "UB1")
ADDRESS_END = 1 << 48
Runs = Iterator[tuple[int, int]]


@dataclass(frozen=True)
class Region:
    """Bytes of a memory from the first to the last; runs: the pieces (start, length) in it."""

    memory: str
    start: int
    stop: int
    runs: Callable[[], Runs]


def cdiv(a: int, b: int) -> int:
    """a / b, rounded up."""
    return -(-a // b)


def _region(memory: int, runs: Callable[[], Runs], ends: list[tuple[int, int]]) -> list[Region]:
    """ends: (start, length) of pieces among which the first and the last byte are."""
    start, stop = min(a for a, _ in ends), max(a + n for a, n in ends)
    return [Region(NAMES[memory], start, stop, runs)]


def linear(memory: int, base: int, length: int) -> list[Region]:
    """`length` bytes."""
    return strided(memory, base, 1, length, 0)


def strided(memory: int, base: int, count: int, length: int, stride: int) -> list[Region]:
    """`count` runs, `stride` apart."""
    return nest(memory, base, 1, 0, count, stride, length)


def nest(memory: int, base: int, n1: int, s1: int, n0: int, s0: int, length: int) -> list[Region]:
    """n1 x n0 runs of `length` bytes."""
    if n1 <= 0 or n0 <= 0 or length <= 0:
        return []

    def runs() -> Runs:
        for i in range(n1):
            for j in range(n0):
                yield base + i * s1 + j * s0, length

    return _region(memory, runs, [(base, length), (base + (n1 - 1) * s1 + (n0 - 1) * s0, length)])


def _tile(memory: int, base: int, rows: int, kf: int, row: int, nz: bool) -> list[Region]:
    """rows x kf fractals of 16 rows, each row `row` bytes; only rows that are there."""
    if rows <= 0 or kf <= 0:
        return []
    row_fractals = cdiv(rows, 16)

    def runs() -> Runs:
        for i in range(row_fractals):
            for j in range(kf):
                position = j * row_fractals + i if nz else i * kf + j
                yield base + position * 16 * row, min(16, rows - 16 * i) * row

    last = base + (row_fractals * kf - 1) * 16 * row
    return _region(memory, runs, [(base, row), (last, (rows - 16 * (row_fractals - 1)) * row)])


def _blocks(
    memory: int, base: int, m: int, n: int, width: int, size: int, stride: int
) -> list[Region]:
    """m rows of column blocks of `width` elements, `stride` bytes from block to block."""
    if m <= 0 or n <= 0:
        return []

    def piece(block: int, i: int) -> tuple[int, int]:
        columns = min(width, n - block * width)
        return base + block * stride + i * width * size, columns * size

    def runs() -> Runs:
        for block in range(cdiv(n, width)):
            for i in range(m):
                yield piece(block, i)

    last = cdiv(n, width) - 1
    return _region(
        memory, runs, [piece(b, i) for b in (0, max(last - 1, 0), last) for i in (0, m - 1)]
    )


def l0c_tile(base: int, m: int, n: int, stride: int) -> list[Region]:
    """m x n words of L0C, `stride` row fractals a column block."""
    return _blocks(NAMES.index("L0C"), base, m, n, 16, 4, stride * 1024)


def _lane_region(
    lanes: Lanes | None, memory: int, base: int, blk: int, rep: int, size: int
) -> list[Region]:
    assert lanes is not None
    span = lanes.span(blk, rep, size)
    if span is None or size == 0:
        return []

    def runs() -> Runs:
        for repeat, lane in lanes.pairs:
            yield base + offset(repeat, lane, blk, rep, size), size

    return _region(memory, runs, [(base + span[0], span[1] - span[0])])


def _pair_region(
    lanes: Lanes | None, memory: int, base: int, blk: int, rep: int, present: int
) -> list[Region]:
    """Lanes of half a byte; the two of a byte are active together."""
    assert lanes is not None
    if not present or not lanes.pairs:
        return []
    places = [base + offset(r, lane // 2, blk, rep, 1) for r, lane in lanes.pairs if lane % 2 == 0]

    def runs() -> Runs:
        for place in places:
            yield place, 1

    return _region(memory, runs, [(min(places), 1), (max(places), 1)])


@cache
def _constants() -> dict[str, Any]:
    names: dict[str, Any] = {name: number for number, name in enumerate(NAMES)}
    for enum, table in enums().items():
        names[f"BITS_{enum}"] = {
            number: table.get("bits", {}).get(symbol) for symbol, number in table["values"].items()
        }
    bits = enums()["vtype"]["bits"] | enums()["xtype"]["bits"]
    pairs = {n: s.split("_") for s, n in enums()["pair"]["values"].items()}
    names["SRC_BITS"] = {n: bits[source] for n, (source, _) in pairs.items()}
    names["DST_BITS"] = {n: bits[target] for n, (_, target) in pairs.items()}
    names |= {"max": max, "min": min, "cdiv": cdiv, "linear": linear, "strided": strided}
    names |= {"nest": nest, "l0c_tile": l0c_tile, "nz_out": _blocks, "__builtins__": {}}
    return names


def scope(ops: Mapping[str, int], machine: Machine) -> dict[str, Any]:
    """What a table's expressions see: operands, constants, shapes."""
    nz, l0a, l0a_mx = machine.l0a_nz, NAMES.index("L0A"), NAMES.index("L0A_MX")
    names = dict(_constants())
    names["a_tile"] = lambda base, rows, kf, row: _tile(l0a, base, rows, kf, row, nz)
    names["a_scales"] = lambda base, rows, kf: _tile(l0a_mx, base, rows, kf, 2, nz)
    return names | dict(ops)


def operand_fault(ins: Instruction, ops: Mapping[str, int]) -> str | None:
    """Ranges and alignments of the operands that came from registers."""
    for field in ins.spec.fields:
        if field.name not in ins.registers:
            continue
        value = ops[field.name]
        if field.mem is not None and not 0 <= value < ADDRESS_END:
            return "E104" if field.mem == "GM" else "E103"
        if field.lo is not None and field.hi is not None and not field.lo <= value <= field.hi:
            return "E101"
        if value % field.align:
            return "E102"
    return None


def evaluate_let(ins: Instruction, names: dict[str, Any]) -> None:
    """Name the values in between."""
    for name, code in ins.spec.let:
        names[name] = eval(code, names)  # the expressions are ours, out of isa/*.toml


def with_lanes(names: dict[str, Any], lanes: Lanes | None) -> None:
    """Give the names of a vector instruction their values."""
    if lanes is not None:
        names |= {"reps": lanes.reps, "last": lanes.last, "active": lanes.active}
    names["vlanes"] = lambda *arguments: _lane_region(lanes, *arguments)
    names["vpairs"] = lambda *arguments: _pair_region(lanes, *arguments)


def regions(ins: Instruction, names: dict[str, Any]) -> tuple[list[Region], list[Region]]:
    """What the instruction reads and writes, as declared."""
    reads = [region for code in ins.spec.reads for region in eval(code, names)]
    writes = [region for code in ins.spec.writes for region in eval(code, names)]
    return reads, writes


def region_fault(
    memories: Memories, core: int, reads: list[Region], writes: list[Region]
) -> str | None:
    """E103 or E104 of any region, then E105 of a written one."""
    faults = [memories.fault(core, r.memory, r.start, r.stop, False) for r in reads]
    faults += [memories.fault(core, w.memory, w.start, w.stop, True) for w in writes]
    outside = [fault for fault in faults if fault in ("E103", "E104")]
    return next(iter(outside), "E105" if "E105" in faults else None)


def _intervals(memories: Memories, core: int, found: list[Region]) -> list[Interval]:
    pieces: list[Interval] = []
    for region in found:
        place = memories.owner(core, region.memory)
        assert place is not None
        pieces += [(*place, start, start + length) for start, length in region.runs()]
    return merged(pieces)


def _inside(some: list[Interval], all_of: list[Interval]) -> bool:
    return merged(some + all_of) == all_of


def audit(access: Access, reads: list[Region], writes: list[Region]) -> None:
    """The tables against what an instruction really did: it read nothing that is not declared,
    and wrote what is.
    """
    core, memories = access.core, access.memories
    assert _inside(access.reads, _intervals(memories, core, reads)), (access.reads, reads)
    assert merged(access.writes) == _intervals(memories, core, writes), (access.writes, writes)
