"""The vector unit: lane by lane, repeat by repeat."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from tests.interpreter.arithmetic import (
    F32,
    FORMATS,
    ONE,
    ZERO,
    Number,
    add,
    compare,
    decode,
    divide,
    encode,
    fma,
    infinity,
    integer,
    maximum,
    minimum,
    multiply,
    negate,
    reciprocal_root,
    rounded,
    square_root,
    subtract,
    to_integer,
    to_integral,
)
from tests.interpreter.decode import Instruction, enums
from tests.interpreter.elementary import exponential, logarithm
from tests.interpreter.lanes import Lanes, offset
from tests.interpreter.small import decode_small, encode_small
from tests.interpreter.step import Step

REPEAT = 256
SMALL = ("e4m3", "e5m2", "e8m0", "e2m1")
BLOCK = 32

FLOAT: dict[str, Callable[..., Number]] = {
    "add": add,
    "sub": subtract,
    "mul": multiply,
    "div": divide,
    "max": maximum,
    "min": minimum,
    "mla": fma,
    "abs": lambda a: (0, *a[1:]),
    "neg": negate,
    "relu": lambda a: maximum(a, ZERO),
    "exp": exponential,
    "ln": logarithm,
    "sqrt": square_root,
    "rsqrt": reciprocal_root,
    "rec": lambda a: divide(ONE, a),
}
INTEGER: dict[str, Callable[..., int]] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "max": max,
    "min": min,
    "abs": abs,
    "neg": operator.neg,
    "relu": lambda a: max(a, 0),
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": operator.invert,
    "mov": operator.pos,
}
COMPARISON: dict[str, Callable[[int, int], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
}


def width(kind: str) -> int:
    """Bits of an element type."""
    bits = enums()["vtype"]["bits"] | enums()["xtype"]["bits"]
    return int(bits[kind])


def paired(ins: Instruction) -> bool:
    """Whether two lanes share a byte."""
    return "e2m1" in ins.symbols.get("pair", "")


def lanes_per_repeat(ins: Instruction) -> int:
    """Lanes by the widest element."""
    names = ins.symbols["pair"].split("_") if "pair" in ins.symbols else [ins.symbols["type"]]
    return REPEAT * 8 // max(map(width, names))


def value_of(kind: str, bits: int) -> int:
    """An integer lane: two's complement for s types, else unsigned."""
    size = width(kind)
    return bits - (1 << size) if kind[0] == "s" and bits >> (size - 1) else bits


def element(kind: str, operation: str, *lanes: int) -> int:
    """Result bits of an operation on lane bits of one type."""
    fmt = FORMATS.get(kind)
    if fmt is not None:
        exact = FLOAT[operation](*(decode(fmt, bits) for bits in lanes))
        return encode(fmt, rounded(F32, exact))
    result = INTEGER[operation](*(value_of(kind, bits) for bits in lanes))
    return result & ((1 << width(kind)) - 1)


class Operand:
    """A vector operand: where its lanes are, read and written as bits."""

    def __init__(self, step: Step, name: str, kind: str) -> None:
        self.access, self.size = step.access, max(1, width(kind) // 8)
        self.base = step[name]
        self.blk, self.rep = step.ops.get(f"{name}_blk", 1), step.ops.get(f"{name}_rep", 8)

    def _place(self, r: int, lane: int) -> int:
        return self.base + offset(r, lane, self.blk, self.rep, self.size)

    def get(self, r: int, lane: int) -> int:
        """Bits of a lane."""
        return self.access.number("UB", self._place(r, lane), self.size)

    def put(self, r: int, lane: int, bits: int) -> None:
        """Write a lane."""
        self.access.write("UB", self._place(r, lane), bits.to_bytes(self.size, "little"))


def _lanes(step: Step) -> Lanes:
    assert step.lanes is not None
    return step.lanes


def _scalar(step: Step, kind: str) -> int:
    return step["scalar"] & ((1 << width(kind)) - 1)


def _elementwise(step: Step) -> None:
    """One, two or three operands of one type; `...s` instructions take a scalar for the second."""
    kind = step.symbol("type")
    name = step.ins.name[1:]
    scalar = name.endswith("s") and "scalar" in step.ops
    operation = name[:-1] if scalar else name
    sources = [Operand(step, s, kind) for s in ("src", "src0", "src1") if s in step.ops]
    target = Operand(step, "dst", kind)
    for r, lane in _lanes(step).pairs:
        inputs = [source.get(r, lane) for source in sources]
        if scalar:
            inputs.append(_scalar(step, kind))
        if operation == "mla":
            inputs.append(target.get(r, lane))
        target.put(r, lane, element(kind, operation, *inputs))


def _shift(step: Step) -> None:
    kind, count = step.symbol("type"), step["count"]
    source, target = Operand(step, "src", kind), Operand(step, "dst", kind)
    for r, lane in _lanes(step).pairs:
        value = value_of(kind, source.get(r, lane))
        moved = value << count if step.ins.name == "vshl" else value >> count
        target.put(r, lane, moved & ((1 << width(kind)) - 1))


def cast(source: str, target: str, mode: str, bits: int) -> int:
    """`vconv` of one lane: bits of the source type to bits of the target type."""
    fmt = FORMATS.get(source)
    if source in SMALL:
        number = decode_small(source, bits)
    else:
        number = decode(fmt, bits) if fmt is not None else integer(value_of(source, bits))
    if target in SMALL:
        return encode_small(target, number, mode)
    if source == target:
        number = to_integral(number, mode)
    if target in FORMATS:
        return encode(FORMATS[target], number, mode)
    size = width(target)
    low, high = (-(1 << (size - 1)), (1 << (size - 1)) - 1)
    if target[0] == "u":
        low, high = 0, (1 << size) - 1
    return to_integer(number, mode, low, high) & ((1 << size) - 1)


def _convert(step: Step) -> None:
    source, target = step.symbol("pair").split("_")
    take, give = Operand(step, "src", source), Operand(step, "dst", target)
    mode = step.symbol("round")
    if paired(step.ins):
        _convert_halves(step, take, give)
        return
    for r, lane in _lanes(step).pairs:
        give.put(r, lane, cast(source, target, mode, take.get(r, lane)))


def _convert_halves(step: Step, take: Operand, give: Operand) -> None:
    """Casts where one side has two lanes in a byte, the even one in the low half."""
    source, target = step.symbol("pair").split("_")
    mode = step.symbol("round")
    for r, lane in _lanes(step).pairs:
        if lane % 2:
            continue
        if source == "e2m1":
            byte = take.get(r, lane // 2)
            inputs = [byte & 15, byte >> 4]
        else:
            inputs = [take.get(r, lane), take.get(r, lane + 1)]
        low, high = (cast(source, target, mode, bits) for bits in inputs)
        if target == "e2m1":
            give.put(r, lane // 2, low | high << 4)
        else:
            give.put(r, lane, low)
            give.put(r, lane + 1, high)


def _holds(kind: str, condition: str, a: int, b: int) -> bool:
    fmt = FORMATS.get(kind)
    if fmt is None:
        return COMPARISON[condition](value_of(kind, a), value_of(kind, b))
    order = compare(decode(fmt, a), decode(fmt, b))
    return condition == "ne" if order is None else COMPARISON[condition](order, 0)


def _compare(step: Step) -> None:
    kind, condition, lanes = step.symbol("type"), step.symbol("cond"), _lanes(step)
    first = Operand(step, "src0" if "src0" in step.ops else "src", kind)
    second = Operand(step, "src1", kind) if "src1" in step.ops else None
    for r in range(lanes.reps):
        bits = 0
        for lane in lanes.of(r):
            b = second.get(r, lane) if second else _scalar(step, kind)
            bits |= _holds(kind, condition, first.get(r, lane), b) << lane
        size = lanes.lanes // 8
        step.access.write("UB", step["dst"] + r * size, bits.to_bytes(size, "little"))


def _select(step: Step) -> None:
    kind, lanes = step.symbol("type"), _lanes(step)
    sources = [Operand(step, "src1", kind), Operand(step, "src0", kind)]
    target = Operand(step, "dst", kind)
    size = lanes.lanes // 8
    for r in range(lanes.reps):
        bits = step.access.number("UB", step["sel"] + r * size, size)
        for lane in lanes.of(r):
            chosen = [source.get(r, lane) for source in sources]
            target.put(r, lane, chosen[bits >> lane & 1])


def tree(operation: str, kind: str, values: Sequence[int | None]) -> int | None:
    """A binary tree over adjacent pairs; None is an inactive lane, its partner goes on alone."""
    level = list(values)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=True)
        level = [_node(operation, kind, a, b) for a, b in pairs]
    return level[0]


def _node(operation: str, kind: str, a: int | None, b: int | None) -> int | None:
    if a is None or b is None:
        return b if a is None else a
    return element(kind, operation, a, b)


def reduced(operation: str, kind: str, values: Sequence[int | None]) -> int:
    """Sum, maximum or minimum of lanes as bits of their type; a NaN is the canonical one."""
    fmt = FORMATS[kind]
    result = tree(operation, kind, values)
    if result is None:
        empty = {"add": ZERO, "max": infinity(1), "min": infinity(0)}[operation]
        return encode(fmt, empty)
    return encode(fmt, decode(fmt, result))


def _reduce(step: Step) -> None:
    """vcadd, vcmax, vcmin over a repeat; vcgadd, vcgmax, vcgmin over its blocks."""
    kind, lanes = step.symbol("type"), _lanes(step)
    size = width(kind) // 8
    groups = 8 if step.ins.name[2] == "g" else 1
    source = Operand(step, "src", kind)
    each = lanes.lanes // groups
    for r in range(lanes.reps):
        active = set(lanes.of(r))
        values = [source.get(r, n) if n in active else None for n in range(lanes.lanes)]
        for g in range(groups):
            bits = reduced(step.ins.name[-3:], kind, values[g * each : (g + 1) * each])
            place = step["dst"] + (r * step["dst_rep"] * groups + g) * size
            step.access.write("UB", place, bits.to_bytes(size, "little"))


def _broadcast(step: Step) -> None:
    size = width(step.symbol("type")) // 8
    for r in range(_lanes(step).reps):
        for i in range(8):
            one = step.access.read("UB", step["src"] + (r * 8 + i) * size, size)
            place = step["dst"] + (r * step["dst_rep"] + i * step["dst_blk"]) * BLOCK
            step.access.write("UB", place, one * (BLOCK // size))


def _fill(step: Step) -> None:
    kind = step.symbol("type")
    target = Operand(step, "dst", kind)
    for r, lane in _lanes(step).pairs:
        target.put(r, lane, _scalar(step, kind))


def _gather(step: Step) -> None:
    kind, lanes = step.symbol("type"), _lanes(step)
    size, target = width(kind) // 8, Operand(step, "dst", kind)
    step.access.read("UB", step["base"], step["span"])  # all of the table counts as read
    for r, lane in lanes.pairs:
        place = step["offsets"] + (r * lanes.lanes + lane) * 4
        off = step.access.number("UB", place, 4)
        if off % size or off + size > step["span"]:
            step.fault = "E117"
            return
        target.put(r, lane, step.access.number("UB", step["base"] + off, size))


def _plans() -> dict[str, Callable[[Step], Any]]:
    same = "add sub mul div max min and or xor mla adds subs muls divs maxs mins mlas".split()
    same += "abs neg relu exp ln sqrt rsqrt rec not mov".split()
    plans: dict[str, Callable[[Step], Any]] = {f"v{name}": _elementwise for name in same}
    for name in ("add", "max", "min"):
        plans |= {f"vc{name}": _reduce, f"vcg{name}": _reduce}
    plans |= {"vshl": _shift, "vshr": _shift, "vconv": _convert, "vcmp": _compare}
    plans |= {"vcmps": _compare, "vsel": _select, "vbrcb": _broadcast, "vdup": _fill}
    return plans | {"vgather": _gather}


UNITS = _plans()
