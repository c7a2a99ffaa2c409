"""The vector unit lane by lane on a memory image: which lanes, where they lie, what is written.

Shares nothing with the emulator; ``vector_numbers`` has the arithmetic of a lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.oracles.vector_numbers import (
    BINARY,
    FORMATS,
    INTEGER_BINARY,
    INTEGER_UNARY,
    UNARY,
    compare,
    convert,
    float_op,
    integer_op,
    shift,
    tree,
    width,
)


@dataclass
class Vector:
    """One vector instruction on a memory image."""

    ub: bytearray
    lanes: int
    operands: Mapping[str, int]
    mask: int = (1 << 128) - 1
    counter: bool = False
    writes: list[tuple[int, bytes]] = field(default_factory=list)

    @property
    def repeats(self) -> int:
        return -(-self.mask // self.lanes) if self.counter else self.operands["rep"]

    def active(self, repeat: int, lane: int) -> bool:
        if self.counter:
            return repeat * self.lanes + lane < self.mask
        return self.lanes == 256 or bool(self.mask >> lane & 1)

    def each(self) -> Iterator[tuple[int, int]]:
        """Active (repeat, lane) in order."""
        for r in range(self.repeats):
            yield from ((r, lane) for lane in range(self.lanes) if self.active(r, lane))

    def address(self, name: str, r: int, lane: int, size: int, flat: bool = False) -> int:
        dense = self.lanes * size // 32
        block = 1 if flat else self.operands.get(f"{name}_blk", 1)
        repeat = dense if flat else self.operands.get(f"{name}_rep", dense)
        byte = lane * size
        return self.operands[name] + r * repeat * 32 + byte // 32 * block * 32 + byte % 32

    def read(self, name: str, r: int, lane: int, size: int, flat: bool = False) -> int:
        at = self.address(name, r, lane, size, flat)
        return self.word(at, size)

    def word(self, at: int, size: int) -> int:
        assert 0 <= at and at + size <= len(self.ub)
        return int.from_bytes(self.ub[at : at + size], "little")

    def write(self, at: int, size: int, code: int) -> None:
        assert 0 <= at and at + size <= len(self.ub)
        self.writes.append((at, code.to_bytes(size, "little")))

    def commit(self) -> bytearray:
        """The memory after all writes, in order."""
        for at, data in self.writes:
            self.ub[at : at + len(data)] = data
        return self.ub


def lanewise(v: Vector, source: dict[str, int], target: int, function: Callable[..., int]) -> None:
    """dst lane = function(*source lanes); sizes in bytes."""
    for r, lane in v.each():
        codes = [v.read(name, r, lane, size) for name, size in source.items()]
        v.write(v.address("dst", r, lane, target), target, function(*codes))


def execute(
    name: str,
    enums: Mapping[str, str],
    operands: Mapping[str, int],
    ub: bytes,
    mask: int = (1 << 128) - 1,
    counter: bool = False,
) -> bytearray:
    """Memory after one instruction; ``mask`` is the element count in counter mode."""
    if name == "vconv":
        kinds = enums["pair"].split("_")
        sizes = [width(k) // 8 for k in kinds]
        if "e2m1" in kinds:
            return _convert_halves(kinds, enums, operands, ub, mask, counter)
        v = Vector(bytearray(ub), 256 // max(sizes), operands, mask, counter)
        lanewise(
            v, {"src": sizes[0]}, sizes[1], lambda c: convert(enums["pair"], enums["round"], c)
        )
        return v.commit()
    kind = enums["type"]
    size = width(kind) // 8
    v = Vector(bytearray(ub), 256 // size, operands, mask, counter)
    scalar = operands.get("scalar", 0) & ((1 << width(kind)) - 1)
    _instruction(v, name, kind, size, scalar, enums)
    return v.commit()


def _convert_halves(
    kinds: list[str],
    enums: Mapping[str, str],
    operands: Mapping[str, int],
    ub: bytes,
    mask: int,
    counter: bool,
) -> bytearray:
    """bf16 lanes to or from e2m1: lane l of the narrow side is half l % 2 of byte l // 2."""
    v = Vector(bytearray(ub), 128, operands, mask, counter)
    halves = Vector(bytearray(ub), 64, operands)
    bytes_written: dict[int, int] = {}
    for r, lane in v.each():
        if kinds[0] == "e2m1":
            byte = v.word(halves.address("src", r, lane // 2, 1), 1)
            code = convert(enums["pair"], enums["round"], byte >> 4 if lane % 2 else byte & 15)
            v.write(v.address("dst", r, lane, 2), 2, code)
        else:
            code = convert(enums["pair"], enums["round"], v.read("src", r, lane, 2))
            at = halves.address("dst", r, lane // 2, 1)
            bytes_written[at] = bytes_written[at] & 15 | code << 4 if lane % 2 else code
    for at, byte in bytes_written.items():
        v.write(at, 1, byte)
    return v.commit()


def _instruction(
    v: Vector, name: str, kind: str, size: int, scalar: int, enums: Mapping[str, str]
) -> None:
    base = name[1:]
    op = float_op if kind in FORMATS else integer_op
    two = {"src0": size, "src1": size}
    if name in ("vcmp", "vcmps"):
        _compare(v, kind, size, enums["cond"], scalar if name == "vcmps" else None)
    elif name == "vsel":
        for r, lane in v.each():
            bit = v.word(v.operands["sel"] + (r * v.lanes + lane) // 8, 1) >> (lane % 8) & 1
            v.write(
                v.address("dst", r, lane, size),
                size,
                v.read("src0" if bit else "src1", r, lane, size),
            )
    elif base.startswith("c"):
        _reduce(
            v,
            base.removeprefix("cg").removeprefix("c"),
            kind,
            size,
            8 if base.startswith("cg") else 1,
        )
    elif name == "vbrcb":  # the mask plays no part
        for r in range(v.repeats):
            for lane in range(v.lanes):
                code = v.word(v.operands["src"] + (8 * r + lane * size // 32) * size, size)
                v.write(v.address("dst", r, lane, size), size, code)
    elif name == "vdup":
        lanewise(v, {}, size, lambda: scalar)
    elif name == "vgather":
        for r, lane in v.each():
            at = v.operands["base"] + v.read("offsets", r, lane, 4, flat=True)
            v.write(v.address("dst", r, lane, size), size, v.word(at, size))
    elif base in ("shl", "shr"):
        lanewise(v, {"src": size}, size, lambda c: shift(base, kind, c, v.operands["count"]))
    elif base == "mla":
        lanewise(v, {**two, "dst": size}, size, lambda *c: float_op("fma", kind, list(c)))
    elif base == "mlas":
        lanewise(
            v, {"src": size, "dst": size}, size, lambda a, d: float_op("fma", kind, [a, scalar, d])
        )
    elif base in BINARY or base in INTEGER_BINARY:
        lanewise(v, two, size, lambda *c: op(base, kind, list(c)))
    elif base in UNARY or base in INTEGER_UNARY:
        lanewise(v, {"src": size}, size, lambda c: op(base, kind, [c]))
    else:
        lanewise(v, {"src": size}, size, lambda c: op(base[:-1], kind, [c, scalar]))


def _compare(v: Vector, kind: str, size: int, cond: str, scalar: int | None) -> None:
    for r in range(v.repeats):
        bits = 0
        for lane in range(v.lanes):
            if v.active(r, lane):
                a = v.read("src0" if scalar is None else "src", r, lane, size)
                b = v.read("src1", r, lane, size) if scalar is None else scalar
                bits |= compare(cond, kind, a, b) << lane
        v.write(v.operands["dst"] + r * v.lanes // 8, v.lanes // 8, bits)


def _reduce(v: Vector, name: str, kind: str, size: int, groups: int) -> None:
    for r in range(v.repeats):
        codes = [v.read("src", r, i, size) if v.active(r, i) else None for i in range(v.lanes)]
        each = v.lanes // groups
        for g in range(groups):
            at = v.operands["dst"] + (r * v.operands.get("dst_rep", 1) * groups + g) * size
            v.write(at, size, tree(name, kind, codes[g * each : (g + 1) * each]))
