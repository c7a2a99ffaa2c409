"""Which steps a vector instruction is made of: one table, no jitted code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from npuemu.units.vector.arg import NEUTRAL, RANGES, ROUNDS, SCALARS, SMALL_FORMATS, pack

Step = tuple[str, int]
"""Name of a step (see ``resolve``) and its ``arg`` word."""

BITS = {"f32": 32, "s32": 32, "u32": 32, "b32": 32, "f16": 16, "bf16": 16, "s16": 16, "u16": 16,
        "b16": 16, "s8": 8, "u8": 8, "b8": 8, "e4m3": 8, "e5m2": 8, "e8m0": 8,
        "e2m1": 4}  # fmt: skip
FLOATS = ("f32", "f16", "bf16")
_LOAD = {"f32": "load_b32", "f16": "load_f16", "bf16": "load_bf16", "s32": "load_b32",
         "u32": "load_b32", "b32": "load_b32", "s16": "load_s16", "u16": "load_u16",
         "b16": "load_u16", "s8": "load_s8", "u8": "load_u8", "b8": "load_u8",
         "e4m3": "load_u8", "e5m2": "load_u8", "e8m0": "load_u8", "e2m1": "load_b4"}  # fmt: skip
_STORE = {"f32": "store_f32", "f16": "store_f16", "bf16": "store_bf16"}
_RAW = {32: "store_b32", 16: "store_b16", 8: "store_b8", 4: "store_b4"}
SMALL = ("e4m3", "e5m2", "e2m1", "e8m0")


@dataclass(frozen=True)
class Recipe:
    """How a family of instructions runs.

    sources: operand per temporary T0, T1, T2 ("" = unused; "scalar" is broadcast);
    kernel: compute step without its lane suffix ("" = none); family: builder of the steps.
    """

    sources: tuple[str, ...]
    kernel: str
    types: tuple[str, ...]
    family: str = "lanewise"


_F, _B = FLOATS, ("b8", "b16", "b32")
_FS = (*FLOATS, "s32", "s16")
_FS8 = (*_FS, "s8")
_SHIFTS = ("u8", "u16", "u32", "s8", "s16", "s32")
_TWO, _ONE, _SCALAR = ("src0", "src1"), ("src",), ("src", "scalar")

TABLE: dict[str, Recipe] = {
    "vadd": Recipe(_TWO, "add", _FS8),
    "vsub": Recipe(_TWO, "sub", _FS8),
    "vmul": Recipe(_TWO, "mul", _FS),
    "vdiv": Recipe(_TWO, "div", _F),
    "vmax": Recipe(_TWO, "max", _FS),
    "vmin": Recipe(_TWO, "min", _FS),
    "vand": Recipe(_TWO, "and", _B),
    "vor": Recipe(_TWO, "or", _B),
    "vxor": Recipe(_TWO, "xor", _B),
    "vmla": Recipe((*_TWO, "dst"), "fma", _F),
    "vadds": Recipe(_SCALAR, "add", _FS8),
    "vsubs": Recipe(_SCALAR, "sub", _FS8),
    "vmuls": Recipe(_SCALAR, "mul", _FS),
    "vdivs": Recipe(_SCALAR, "div", _F),
    "vmaxs": Recipe(_SCALAR, "max", _FS),
    "vmins": Recipe(_SCALAR, "min", _FS),
    "vmlas": Recipe((*_SCALAR, "dst"), "fma", _F),
    "vshl": Recipe(_ONE, "shl", _B, "shift"),
    "vshr": Recipe(_ONE, "shr", _SHIFTS, "shift"),
    "vabs": Recipe(_ONE, "abs", _FS),
    "vneg": Recipe(_ONE, "neg", _FS),
    "vrelu": Recipe(_ONE, "relu", _FS),
    "vexp": Recipe(("", "src"), "exp", _F),
    "vln": Recipe(("", "src"), "ln", _F),
    "vsqrt": Recipe(_ONE, "sqrt", _F),
    "vrsqrt": Recipe(_ONE, "rsqrt", _F),
    "vrec": Recipe(_ONE, "rec", _F),
    "vnot": Recipe(_ONE, "not", _B),
    "vmov": Recipe(_ONE, "", _B),
    "vconv": Recipe(_ONE, "", (), "convert"),
    "vcmp": Recipe(_TWO, "", _FS, "compare"),
    "vcmps": Recipe(_SCALAR, "", _FS, "compare"),
    "vsel": Recipe(("", *_TWO), "select", _FS, "select"),
    "vcadd": Recipe(_ONE, "add", _F, "reduce"),
    "vcmax": Recipe(_ONE, "max", _F, "reduce"),
    "vcmin": Recipe(_ONE, "min", _F, "reduce"),
    "vcgadd": Recipe(_ONE, "add", _F, "reduce"),
    "vcgmax": Recipe(_ONE, "max", _F, "reduce"),
    "vcgmin": Recipe(_ONE, "min", _F, "reduce"),
    "vbrcb": Recipe(_ONE, "", ("b16", "b32"), "broadcast"),
    "vdup": Recipe(("scalar",), "", _B),
    "vgather": Recipe(("", "offsets"), "gather", ("b16", "b32"), "gather"),
}

CONVERSIONS = (
    "s8_f16", "u8_f16", "s16_f16", "s16_f32", "s32_f32", "s32_s16", "f16_f32", "f16_s32",
    "f16_s16", "f16_s8", "f16_u8", "bf16_f32", "bf16_s32", "f32_f16", "f32_bf16", "f32_s32",
    "f32_s16", "f32_f32", "f16_bf16", "bf16_f16", "s8_s16", "s8_s32", "f32_e4m3", "e4m3_f32",
    "f32_e5m2", "e5m2_f32", "bf16_e2m1", "e2m1_bf16", "bf16_e8m0", "e8m0_bf16",
)  # fmt: skip


class _Slots:
    """Operand positions of one instruction, and the ``arg`` words made from them."""

    def __init__(self, slots: Mapping[str, int], lanes: int) -> None:
        self.slots, self.lanes, self.count = slots, lanes, slots["rep"]

    def __getitem__(self, name: str) -> int:
        return self.slots[name]

    def bare(self, value: int = 0, extra: int = 0, temp: int = 0) -> int:
        """No memory operand."""
        return pack(lanes=self.lanes, count=self.count, value=value, extra=extra, temp=temp)

    def memory(self, name: str, temp: int = 0, extra: int = 0, value: int = 0) -> int:
        """Operand ``name`` with its strides; an operand without stride fields is dense."""
        return pack(
            lanes=self.lanes, count=self.count, address=self.slots[name], temp=temp,
            extra=extra, value=value,
            block=self.slots.get(f"{name}_blk", 0), repeat=self.slots.get(f"{name}_rep", 0),
        )  # fmt: skip

    def flat(self, name: str, temp: int = 0) -> int:
        """Operand ``name``, contiguous whatever stride fields there are."""
        return pack(lanes=self.lanes, count=self.count, address=self.slots[name], temp=temp)


def plan(name: str, enums: Mapping[str, str], slots: Mapping[str, int]) -> list[Step]:
    """Steps of instruction ``name``, to be run in order with the same ctx and ops.

    enums: ``type`` (f32, b16, ...), for vcmp also ``cond``; for vconv ``pair`` and ``round``.
    slots: operand name -> its index in ``ops``; ``rep`` is required, stride operands are optional.
    Raises ValueError for an instruction, type, pair, rounding mode or condition that is not known.
    """
    if name not in TABLE:
        raise ValueError(f"no vector instruction {name!r}")
    recipe = TABLE[name]
    if recipe.family == "convert":
        return _convert(enums["pair"], enums.get("round", "none"), slots)
    kind = enums["type"]
    if kind not in recipe.types:
        raise ValueError(f"{name} does not take type {kind!r}")
    view = _Slots(slots, 2048 // BITS[kind])
    if recipe.family == "shift":
        return _shift(recipe, kind, view)
    if recipe.family == "compare":
        return _compare(recipe, kind, enums["cond"], view)
    if recipe.family == "select":
        return _select(kind, view)
    if recipe.family == "reduce":
        return _reduce(recipe, kind, view, grouped=name.startswith("vcg"))
    if recipe.family == "broadcast":
        return [("broadcast", view.memory("dst", extra=BITS[kind] // 16, value=view["src"]))]
    if recipe.family == "gather":
        fetch = ("gather", view.bare(value=view["base"], extra=view["span"]))
        return [("load_b32", view.flat("offsets", 1)), fetch, (_store(kind), view.memory("dst"))]
    return _lanewise(recipe, kind, view)


def _store(kind: str) -> str:
    return _STORE.get(kind, _RAW[BITS[kind]])


def _suffix(kind: str) -> str:
    return "_f32" if kind in FLOATS else "_i32"


def _loads(recipe: Recipe, kind: str, view: _Slots) -> list[Step]:
    """Operands into their temporaries; scalars broadcast."""
    steps: list[Step] = []
    for temp, operand in enumerate(recipe.sources):
        if operand == "scalar":
            steps.append(("fill", view.bare(view["scalar"], SCALARS[kind], temp)))
        elif operand:
            steps.append((_LOAD[kind], view.memory(operand, temp)))
    return steps


def _lanewise(recipe: Recipe, kind: str, view: _Slots) -> list[Step]:
    steps = _loads(recipe, kind, view)
    if recipe.kernel:
        steps.append((recipe.kernel + _suffix(kind), view.bare()))
    return [*steps, (_store(kind), view.memory("dst"))]


def _shift(recipe: Recipe, kind: str, view: _Slots) -> list[Step]:
    lanes = "_u32" if recipe.kernel == "shr" and kind.startswith("u") else "_i32"
    step = (recipe.kernel + lanes, view.bare(view["count"]))
    return [*_loads(recipe, kind, view), step, (_store(kind), view.memory("dst"))]


def _compare(recipe: Recipe, kind: str, cond: str, view: _Slots) -> list[Step]:
    """gt and ge are lt and le with the operands exchanged."""
    if cond not in ("eq", "ne", "lt", "le", "gt", "ge"):
        raise ValueError(f"no condition {cond!r}")
    if cond in ("gt", "ge"):
        recipe = Recipe(recipe.sources[::-1], recipe.kernel, recipe.types, recipe.family)
        cond = "lt" if cond == "gt" else "le"
    step = (cond + _suffix(kind), view.bare())
    return [*_loads(recipe, kind, view), step, ("store_bits", view.flat("dst"))]


def _select(kind: str, view: _Slots) -> list[Step]:
    """Values are moved as raw bits; the bits' address is the value of operand ``sel``."""
    raw = f"b{BITS[kind]}"
    loads = [(_LOAD[raw], view.memory("src0", 1)), (_LOAD[raw], view.memory("src1", 2))]
    bits = [("load_bits", view.flat("sel")), ("select", view.bare())]
    return [*loads, *bits, (_RAW[BITS[kind]], view.memory("dst"))]


def _reduce(recipe: Recipe, kind: str, view: _Slots, grouped: bool) -> list[Step]:
    """The tree over a whole repeat, or over each of its eight 32-byte blocks."""
    levels = view.lanes.bit_length() - 1 - (3 if grouped else 0)
    tree = f"tree_add_{kind}" if recipe.kernel == "add" else f"tree_{recipe.kernel}"
    store = pack(lanes=view.lanes, count=view.count, address=view["dst"], extra=SCALARS[kind],
                 repeat=view.slots.get("dst_rep", 0), value=8 if grouped else 1)  # fmt: skip
    pad = ("pad", view.bare(extra=NEUTRAL[recipe.kernel]))
    return [
        *_loads(recipe, kind, view),
        pad,
        (tree, view.bare(extra=levels)),
        ("store_reduced", store),
    ]


def _convert(pair: str, mode: str, slots: Mapping[str, int]) -> list[Step]:
    if pair not in CONVERSIONS or mode not in ROUNDS:
        raise ValueError(f"vconv has no {pair}.{mode}")
    source, target = pair.split("_")
    view = _Slots(slots, 2048 // max(BITS[source], BITS[target]))
    nearest, extra = ROUNDS[mode] == ROUNDS["rint"], ROUNDS[mode]
    steps: list[Step] = [(_LOAD[source], view.memory("src"))]
    store = _store(target)
    if source in SMALL or target in SMALL:
        small, way = (source, "widen") if source in SMALL else (target, "narrow")
        name = f"{way}_e8m0" if small == "e8m0" else f"{way}_small"
        steps.append((name, view.bare(value=SMALL_FORMATS.get(small, 0), extra=extra)))
    elif source in FLOATS and target not in FLOATS:
        steps.append(("round_f32", view.bare(extra=extra)))
        steps.append(("saturate_f32", view.bare(extra=RANGES[target])))
    elif pair == "f32_f32":
        steps.append(("round_f32", view.bare(extra=extra)))
    elif pair == "s32_s16":
        steps.append(("saturate_i32", view.bare(extra=RANGES[target])))
    elif source not in FLOATS and target in FLOATS:
        exact = source != "s32" or nearest
        steps.append(
            ("float_i32", view.bare()) if exact else ("float_i32_directed", view.bare(extra=extra))
        )
    if target in ("f16", "bf16") and not nearest:
        steps.append((f"narrow_{target}", view.bare(extra=extra)))
        store = "store_b16"
    return [*steps, (store, view.memory("dst"))]
